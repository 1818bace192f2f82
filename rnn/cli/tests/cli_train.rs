//! `rnn train`: nets learn the tasks, every flag works, and runs are reproducible.

mod program;

use program::{Folder, sentences, sine};

/// A small net on a periodic text.
const TEXT: &str = "train text --data text.txt --hidden 16 --embedding 8 --steps 8 --batch-size 4 --lr 0.02";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("text.txt", "abcd efgh\n".repeat(60));
    folder.write("sentences.tsv", sentences());
    folder.write("sine.csv", sine(200));
    folder
}

/// A number of the last log line with that event.
#[track_caller]
fn figure(arguments: &str, event: &str, name: &str) -> f64 {
    let folder = folder();
    folder.good(&format!("{arguments} --log log.jsonl"));
    folder.last("log.jsonl", event)[name].as_f64().unwrap()
}

#[test]
fn a_text_that_repeats_itself_is_learned_to_the_last_bit() {
    // Without learning, ten symbols cost log₂ 10 = 3.3 bits.
    let bits = figure(&format!("{TEXT} --epochs 20"), "epoch", "validation bits per character");
    assert!(bits < 0.1, "{bits} bits per character");
}

#[test]
fn words_that_tell_the_class_are_learned() {
    let arguments =
        "train sentiment --data sentences.tsv --cell gru --hidden 16 --embedding 8 --lr 0.02 --epochs 10";
    let accuracy = figure(arguments, "test", "test accuracy");
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn a_sine_is_forecast() {
    let arguments =
        "train series --data sine.csv --column price --hidden 16 --window 12 --lr 0.02 --epochs 20";
    let rmse = figure(arguments, "test", "test rmse");
    // The last value as the forecast has an error of 2 · 10 · sin(π/20) / √2 = 2.2 on average.
    assert!(rmse < 1.0, "{rmse}");
}

#[test]
fn sums_are_learned_over_a_short_time() {
    let arguments = "train adding --steps 5 --hidden 32 --lr 0.01 --epochs 6 --clip 1 --cell gru";
    let error = figure(arguments, "test", "test squared error");
    assert!(error < 0.05, "{error}: a net without memory has 1/6");
}

#[test]
fn every_flag_works() {
    let folder = folder();
    let sentiment = "train sentiment --data sentences.tsv --hidden 4 --embedding 4 --epochs 1";
    let series = "train series --data sine.csv --column price --hidden 4 --window 12 --epochs 1";
    for arguments in [
        format!("{TEXT} --epochs 1 --dropout 0.3 --layers 2 --tbptt 3 --clip-value 0.5 --threads 2"),
        format!("{TEXT} --epochs 1 --embedding 0 --init orthogonal --init-input xavier --forget-bias 1"),
        format!("{TEXT} --epochs 1 --level word --vocabulary 5 --min-count 1"),
        format!("{TEXT} --epochs 1 --steps 5000"), // more than the text has
        format!("{TEXT} --epochs 1 --cell elman --activation relu --init identity:0.5"),
        format!("{sentiment} --bidirectional --learned-start --pool mean --dropout 0.2 --layers 2"),
        format!(
            "{sentiment} --text sentence --label label --vocabulary 6 --embedding 0 --cell gru-reset-before"
        ),
        format!("{series} --horizon 2 --test 0.3 --learned-start --bidirectional --tbptt 5"),
        "train copy --steps 5 --batches 3 --epochs 1 --hidden 4".into(),
        "train temporal-order --steps 20 --batches 3 --epochs 1 --hidden 4".into(),
    ] {
        folder.good(&arguments);
    }
    for optimiser in
        ["sgd:momentum=0.9:nesterov", "adagrad", "rmsprop", "adam:beta2=0.99", "adamw:weight_decay=0.1"]
    {
        folder.good(&format!("{series} --optim {optimiser}"));
    }
    for schedule in ["constant", "cosine:0.1", "step:5:0.5", "warmup:3+cosine"] {
        folder.good(&format!("{series} --schedule {schedule}"));
    }
}

#[test]
fn the_learning_rate_follows_the_schedule() {
    let folder = folder();
    folder.good(&format!("{TEXT} --epochs 1 --schedule step:2:0.5 --log log.jsonl --log-interval 1"));
    let log = String::from_utf8(folder.read("log.jsonl")).unwrap();
    let rates: Vec<f64> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["learning rate"].as_f64())
        .collect();
    let close = |(found, wanted): (&f64, f64)| (found - wanted).abs() < 1e-12;
    assert!(rates.iter().zip([0.02, 0.02, 0.01, 0.01, 0.005]).all(close), "{rates:?}");
}

#[test]
fn epochs_count_from_one_in_the_log_as_on_the_screen() {
    let folder = folder();
    let run = folder.good(&format!("{TEXT} --epochs 2 --log log.jsonl --log-interval 1"));
    let log = String::from_utf8(folder.read("log.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let epochs: Vec<(String, u64)> =
        lines.map(|line| (line["event"].as_str().unwrap().into(), line["epoch"].as_u64().unwrap())).collect();
    let steps = |epoch| epochs.iter().filter(|line| **line == ("step".into(), epoch)).count();
    assert!(steps(0) == 0 && steps(1) > 0 && steps(1) == steps(2), "{log}");
    assert!(
        run.err.contains("update 1/34 epoch 1: ") && run.err.contains("update 34/34 epoch 2: "),
        "{}",
        run.err
    );
    // The end of each epoch comes after its updates.
    assert!(epochs.is_sorted_by_key(|(_, epoch)| *epoch), "{log}");
}

#[test]
fn patience_ends_a_run_that_no_longer_improves() {
    // A learning rate without effect: the first epoch stays the best.
    let folder = folder();
    let run = folder.good(&format!("{TEXT} --optim sgd --lr 1e-30 --epochs 50 --patience 2 --log log.jsonl"));
    assert_eq!(folder.last("log.jsonl", "epoch")["epoch"], 3, "{}", run.err);
    assert!(run.err.contains("stopped early after epoch 3: --patience"), "{}", run.err);
}

#[test]
fn a_seed_decides_every_bit() {
    let folder = folder();
    let train = |name: &str, seed: u64| {
        let arguments = "--epochs 2 --dropout 0.2 --threads 2 --checkpoint";
        folder.good(&format!("{TEXT} {arguments} {name} --seed {seed} --log {name}.log --plot {name}.svg"));
        ["", ".log", ".svg"].map(|end| folder.read(&format!("{name}{end}")))
    };
    let (one, again, other) = (train("a", 1), train("b", 1), train("c", 2));
    assert!(one == again, "the same seed gave other files");
    assert!(one[0] != other[0], "another seed gave the same model");
}

#[test]
fn a_pipe_gets_plain_lines_and_a_terminal_a_bar() {
    let folder = folder();
    let run = folder.good(&format!("{TEXT} --epochs 2 --log-interval 5"));
    assert!(run.err.contains("update 5/34 epoch 1: bits per character"), "{}", run.err);
    assert!(!run.err.contains(['\u{1b}', '\r']) && run.out.is_empty(), "{}{}", run.err, run.out);
    let command = format!("{} {TEXT} --epochs 2", program::program().display());
    let script = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder.path(""))
        .env("TERM", "xterm")
        .output();
    // Without `script`, there is no terminal to test.
    if let Ok(output) = script {
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains('\r') && shown.contains("█") && shown.contains("epoch 2: train"), "{shown}");
    }
}

#[test]
fn plots_are_drawn_with_axes_and_names() {
    let folder = folder();
    folder.good(
        "train series --data sine.csv --column price --hidden 4 --epochs 3 --plot loss.svg --forecast forecast.svg",
    );
    let read = |name| String::from_utf8(folder.read(name)).unwrap();
    for (name, parts) in [
        ("loss.svg", ["training, smoothed", "validation", "update"]),
        ("forecast.svg", ["truth", "forecast", "price"]),
    ] {
        let svg = read(name);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
        assert!(parts.iter().all(|part| svg.contains(&format!(">{part}</text>"))), "{svg}");
    }
    // One marker per epoch.
    assert_eq!(read("loss.svg").matches("<circle").count(), 3);
}

/// A small set in each of four scripts, of sentences whose adjective gives the class: it is learned from words, or
/// from characters for scripts without spaces, and the model classifies an unseen sentence.
#[test]
fn sentences_of_every_script_are_learned() {
    let folder = folder();
    for (name, things, good, bad, space, trace) in [
        (
            "hindi",
            ["यह फिल्म", "यह कहानी", "वह गीत", "यह किताब"],
            ["अच्छी है", "सुंदर है"],
            ["बुरी है", "बेकार है"],
            " ",
            "फिल्म",
        ),
        ("thai", ["หนังเรื่องนี้", "เพลงนี้", "อาหารร้านนี้", "เรื่องนี้"], ["ดีมาก", "สนุก"], ["แย่มาก", "น่าเบื่อ"], "", "นี้"),
        (
            "persian",
            ["این فیلم", "این کتاب", "آن آهنگ", "این غذا"],
            ["خوب است", "زیباست"],
            ["بد است", "نمی\u{200c}ارزد"],
            " ",
            "فیلم",
        ),
        (
            "chinese",
            ["这部电影", "这本书", "这首歌", "这家店"],
            ["很好", "很精彩"],
            ["很差", "很无聊"],
            "",
            "影",
        ),
    ] {
        let mut table = "sentence\tlabel\n".to_string();
        for round in 0..4 {
            for thing in things {
                for (words, label) in [(good, "1"), (bad, "0")] {
                    for word in words {
                        let dots = "。".repeat(usize::from(name == "chinese" && round % 2 == 1));
                        table.extend([thing, space, word, &dots, "\t", label, "\n"]);
                    }
                }
            }
        }
        folder.write("t.tsv", table);
        for level in ["word", "char"] {
            let run = folder.good(&format!(
                "train sentiment --data t.tsv --level {level} --cell gru --hidden 12 --embedding 8 --lr 0.02 --epochs 15 \
                 --checkpoint {name}-{level}.s"
            ));
            let right = run.out.split("accuracy ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            assert!(right.parse::<f64>().unwrap() > 90.0, "{name} {level}: {}", run.out);
            assert!(run.err.contains("not in it: 0.0 % of the training part"), "{}", run.err);
        }
        let sentence = format!("{}{space}{}", things[0], good[0]).replace(' ', "~");
        let said = folder.good(&format!("predict --checkpoint {name}-word.s --json --trace {sentence}")).out;
        assert!(
            said.contains("\"class\":\"positive\"") && said.contains(&format!("\"word\":\"{trace}\"")),
            "{said}"
        );
    }
}

/// Each figure is printed with a baseline, and a net no better than its baseline is reported.
#[test]
fn figures_stand_beside_their_baselines() {
    let folder = folder();
    // A straight line: the next value is one more, which a saturating net cannot follow.
    folder.write("line.csv", (0..200).fold("x\n".to_string(), |text, i| text + &format!("{i}\n")));
    let run = folder.good("train series --data line.csv --window 5 --hidden 4 --epochs 2");
    assert!(run.out.contains("baseline rmse 1.0000 (the last value repeated)"), "{}", run.out);
    assert!(run.err.contains("the net does not beat the baseline, the last value repeated"), "{}", run.err);
    // In units of a millionth the figures are the same, in that unit.
    folder.write("tiny.csv", (0..200).fold("x\n".to_string(), |text, i| text + &format!("{}e-6\n", i % 7)));
    let run = folder.good("train series --data tiny.csv --window 5 --hidden 4 --epochs 1");
    assert!(run.out.contains("e-6") && !run.out.contains("rmse 0.0000"), "{}", run.out);
    // A hundred of one class, and three of another.
    let rows = (0..103).map(|i| format!("w{} fine\t{}\n", i % 9, i32::from(i >= 3)));
    folder.write("shares.tsv", "sentence\tlabel\n".to_string() + &rows.collect::<String>());
    let run = folder.good("train sentiment --data shares.tsv --hidden 4 --epochs 1 --classes 0,1,~2");
    assert!(run.err.contains("classes: `0` 3 (2.9 %), `1` 100 (97.1 %), `2` 0 (0.0 %)"), "{}", run.err);
    assert!(run.err.contains("warning: no sentence is labelled `2`"), "{}", run.err);
    assert!(
        run.out.contains("(the most frequent class)") && run.out.contains("of those said"),
        "{}",
        run.out
    );
    let run = folder.good("train text --data text.txt --hidden 2 --epochs 1 --lr 0.00001");
    assert!(
        run.err.contains("baseline, each symbol as often as in the training part: bits per character"),
        "{}",
        run.err
    );
    assert!(run.err.contains("the net does not beat the baseline"), "{}", run.err);
    let run = folder.good("train text --level word --data text.txt --hidden 2 --epochs 1 --batch-size 2");
    assert!(run.err.contains("vocabulary: 2 words; not in it: 0.0 % of the training part"), "{}", run.err);
}

#[test]
fn gaps_are_filled_as_asked_and_outliers_are_told() {
    let folder = folder();
    let rows = |gap: &str| {
        (0..120).fold("x\n".to_string(), |text, i| {
            text + &if i % 40 == 20 { format!("{gap}\n") } else { format!("{}\n", i % 7) }
        })
    };
    let train = "train series --data gaps.csv --window 5 --hidden 4 --epochs 1 --checkpoint g.s";
    for gap in ["", "NA", "-"] {
        folder.write("gaps.csv", rows(gap));
        folder.bad(train, 1, &["3 of 120 values in column `x` are missing", "line 22", "--gaps interpolate"]);
        for (how, said) in [("interpolate", "interpolated"), ("carry", "filled with the value before")] {
            let run = folder.good(&format!("{train} --gaps {how}"));
            assert!(run.err.contains(&format!("3 missing values of 120 {said}")), "{}", run.err);
        }
    }
    folder.write("next.csv", "x\n1\n2\n3\n4\n5\n6000000\n");
    let run = folder.good("predict --checkpoint g.s --data next.csv");
    assert!(run.err.contains("warning: 1 of 5 values lie more than 10 standard deviations"), "{}", run.err);
    folder.write("next.csv", "x\n1\n2\n3\n4\n5\n1e30\n");
    folder.bad("predict --checkpoint g.s --data next.csv", 1, &["next.csv:7: the value (1e30) lies"]);
}

/// A tournament's figures are those of the runs by themselves, also of those that it takes up again.
#[test]
fn a_tournament_is_its_runs() {
    let folder = Folder::new();
    let task = "adding --steps 5 --batches 3 --epochs 2 --batch-size 4 --parameters 200";
    let line = format!("tournament --cells elman,mgu --seeds 1..2 -o t --json -- {task}");
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let first = read(&folder.good(&line).out);
    let runs = first["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    for run in runs {
        let (cell, seed) = (run["cell"].as_str().unwrap(), &run["seed"]);
        // Elman's net of n units has n² + 5 n + 1 parameters: 177 for 11 units, 205 for 12.
        if cell == "elman" {
            assert_eq!((&run["hidden"], &run["parameters"]), (&12.into(), &205.into()));
        }
        folder.good(&format!("train {task} --cell {cell} --seed {seed} --log alone.jsonl"));
        let log = std::fs::read_to_string(folder.path("alone.jsonl")).unwrap();
        let lines: Vec<_> = log.lines().map(read).collect();
        assert_eq!(run["figures"]["loss"], lines.last().unwrap()["test loss"], "{cell} {seed}");
        let epochs = lines.iter().filter(|line| line["event"] == "epoch");
        assert!(run["validation"].as_array().unwrap().iter().eq(epochs.map(|line| &line["validation loss"])));
    }
    // What is there is not run again; a run that is missing is, to the same figures.
    let kept = folder.path("t/tournament.json");
    let mut some = first.clone();
    some["runs"].as_array_mut().unwrap().remove(2);
    std::fs::write(&kept, some.to_string()).unwrap();
    let again = read(&folder.good(&line).out);
    let of = |all: &serde_json::Value| -> std::collections::BTreeMap<String, serde_json::Value> {
        let runs = all["runs"].as_array().unwrap().iter();
        runs.map(|run| (format!("{} {}", run["cell"], run["seed"]), run["figures"].clone())).collect()
    };
    assert_eq!(of(&again), of(&first));
    let table = folder.good(&format!("tournament --cells mgu --seeds 1 -o t -- {task}")).out;
    assert!(table.contains("SQUARED ERROR") && table.contains("mgu") && !table.contains("elman"), "{table}");
    folder.bad(
        "tournament --cells elman -o t -- adding --steps 6",
        1,
        &["`t` is a tournament of `adding --steps 5"],
    );
    folder.bad(
        "tournament --cells elman -o u -- adding --seed 3",
        1,
        &["--seed: a tournament gives each run its own"],
    );
    folder.bad("tournament --cells elman -o u -- adding --stepz 3", 2, &["--stepz"]);
    let typed = folder.run("tournament --cells elman -o u -- addign --steps 3");
    assert!(
        typed.code == Some(2) && typed.err.contains("'addign'") && !typed.err.contains("run 1 of"),
        "{}",
        typed.err
    );
    assert!(!folder.exists("u"), "a mistake in the task leaves no folder");
    folder.bad("tournament --cells elman -o u -- text --data none.txt", 1, &["none.txt"]);
    folder.bad("tournament --cells elman -o u -- copy --help", 1, &["--help trains nothing"]);
    // A cell that fails leaves the others their runs, whatever its place.
    folder.write("wild.cell", "cell wild\n  h[t] = exp(1000 + W x[t] + U h[t-1])\n");
    folder.write("odd.cell", "cell odd\n  require input = hidden\n  h[t] = x[t] + U h[t-1]\n");
    let task = "adding --steps 5 --batches 3 --epochs 1 --hidden 4";
    let run = folder.run(&format!("tournament --cells wild.cell,odd.cell,elman --seeds 1..2 -o w -- {task}"));
    assert_eq!(run.code, Some(1), "{}", run.err);
    for told in ["elman", "odd: 2 of its runs failed", "wild: 2 of its runs failed"] {
        assert!(run.out.contains(told), "{told}: {}", run.out);
    }
    // Other data is not averaged with what was.
    folder.write("text.txt", "abcd efgh\n".repeat(60));
    let text = "tournament --cells elman -o d --seeds";
    let task = "text --data text.txt --hidden 4 --embedding 4 --steps 8 --batch-size 4 --epochs 1";
    folder.good(&format!("{text} 1 -- {task}"));
    folder.write("text.txt", "ijkl mnop\n".repeat(60));
    folder.bad(&format!("{text} 1,2 -- {task}"), 1, &["the data is not what it was: elman, seed 1"]);
}
