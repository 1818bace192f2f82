//! `rnn train`: nets learn what can be learned, every flag works, and runs are reproducible.

mod program;

use program::{Folder, sentences, sine};

/// A small net on a text that repeats itself.
const TEXT: &str = "train text --data text.txt --hidden 16 --embedding 8 --steps 8 --batch-size 4 --lr 0.02";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("text.txt", "abcd efgh\n".repeat(60));
    folder.write("sentences.tsv", sentences());
    folder.write("sine.csv", sine(200));
    folder
}

/// A number of the last line with that event in the log of a run.
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
    // The last value as the forecast is wrong by 2 · 10 · sin(π/20) / √2 = 2.2 on the average.
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
    // Each epoch's end stands behind its updates.
    assert!(epochs.is_sorted_by_key(|(_, epoch)| *epoch), "{log}");
}

#[test]
fn patience_ends_a_run_that_no_longer_improves() {
    // A learning rate that changes nothing: the first epoch stays the best.
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
    // Where there is no `script`, there is no terminal to try.
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
    // One mark an epoch.
    assert_eq!(read("loss.svg").matches("<circle").count(), 3);
}
