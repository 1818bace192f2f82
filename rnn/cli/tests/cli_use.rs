//! `rnn sample` and `rnn predict`: trained nets in use.

mod program;

use program::{Folder, sentences, sine, value};
use rnn::checkpoint::Checkpoint;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::process::Stdio;

/// A folder with a character model that has memorised a cycle. The symbol after an `a` depends on the state.
fn cycle() -> Folder {
    let folder = Folder::new();
    folder.write("cycle.txt", "abacad\n".repeat(100));
    folder.good(
        "train text --data cycle.txt --hidden 24 --embedding 8 --steps 8 --batch-size 4 --lr 0.02 --epochs 25 \
         --checkpoint cycle.safetensors",
    );
    folder
}

/// A folder with a sentence classifier.
fn classifier(flags: &str) -> Folder {
    let folder = Folder::new();
    folder.write("sentences.tsv", sentences());
    folder.good(&format!(
        "train sentiment --data sentences.tsv --hidden 12 --embedding 8 --lr 0.02 --epochs 10 \
         --checkpoint c.safetensors {flags}"
    ));
    folder
}

/// Runs with a standard input.
fn with_input(folder: &Folder, arguments: &str, input: &[u8]) -> program::Run {
    let mut command = folder.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_cycle_goes_on_from_any_prime() {
    let folder = cycle();
    let sample = |flags: &str| folder.good(&format!("sample --checkpoint cycle.safetensors {flags}")).out;
    assert_eq!(sample("--prime ac --length 10 --temperature 0"), "acad\nabacad\n\n");
    // Without a prime a text starts as after the end of a line.
    assert_eq!(sample("--length 6 --temperature 0"), "abacad\n");
    assert_eq!(sample("--prime aba --length 0"), "aba\n");
    folder.bad("sample --checkpoint cycle.safetensors --prime héllo", 1, &["--prime", "'h' (U+0068)"]);
}

#[test]
fn a_seed_decides_what_is_drawn() {
    let folder = cycle();
    let sample = |seed: u64| {
        folder
            .good(&format!(
                "sample --checkpoint cycle.safetensors --temperature 5 --length 200 --seed {seed}"
            ))
            .out
    };
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
    assert_eq!(sample(1).chars().count(), 201);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_sample() {
    let folder = cycle();
    let mut command = folder.command("sample --checkpoint cycle.safetensors --length 1000000000");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut start = [0; 20];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut start).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn words_are_sampled_without_the_unknown_one() {
    let folder = Folder::new();
    // Every second word occurs once, so <unk> is the most frequent of all.
    let words: Vec<String> = (0..150).map(|i| format!("wolf rare{i}")).collect();
    folder.write("words.txt", words.join(" "));
    folder.good(
        "train text --level word --data words.txt --hidden 8 --embedding 4 --steps 4 --batch-size 2 --epochs 3 \
         --checkpoint w.safetensors",
    );
    for temperature in [0, 1, 9] {
        let arguments = format!(
            "sample --checkpoint w.safetensors --prime Wolf~mouse --length 30 --temperature {temperature}"
        );
        assert_eq!(folder.good(&arguments).out, "wolf mouse".to_owned() + &" wolf".repeat(30) + "\n");
    }
}

#[test]
fn sentences_are_classified_from_arguments_and_from_lines() {
    let folder = classifier("");
    let run = folder.good("predict --checkpoint c.safetensors the~film~was~superb a~Boring~story");
    let lines: Vec<(&str, &str)> = run.out.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(lines[0].0.starts_with("positive 0.") || lines[0].0 == "positive 1.00", "{lines:?}");
    assert!(lines[1].0.starts_with("negative ") && lines[1].1 == "a Boring story", "{lines:?}");

    let run = with_input(&folder, "predict --checkpoint c.safetensors", b"superb\n \nawful");
    assert_eq!((run.code, run.err.as_str()), (Some(0), "line 2 is empty: skipped\n"));
    assert_eq!(run.out.lines().count(), 2);
    let run = with_input(&folder, "predict --checkpoint c.safetensors", b"superb\nb\xffd\n");
    assert!(run.code == Some(1) && run.err.contains("standard input:2: not UTF-8"), "{}", run.err);
    let run = with_input(&folder, "predict --checkpoint c.safetensors", b"");
    assert!(run.code == Some(1) && run.err.contains("no sentence was given"), "{}", run.err);
    folder.bad("predict --checkpoint c.safetensors fine ~", 1, &["sentence 2 is empty"]);
    folder.bad(
        "predict --checkpoint c.safetensors --data x.csv",
        1,
        &["a classifier of sentences", "--data"],
    );
}

/// Sentences about things in a language; the last thing is used for prediction only.
struct Language {
    name: &'static str,
    things: [&'static str; 5],
    good: [&'static str; 2],
    bad: [&'static str; 2],
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "हिन्दी",
        things: ["यह फिल्म", "यह कहानी", "यह गीत", "यह खेल", "यह किताब"],
        good: [" बहुत अच्छी है।", " अच्छी लगी।"],
        bad: [" बहुत बुरी है।", " बुरी लगी।"],
    },
    Language {
        name: "ไทย",
        things: ["หนังเรื่องนี้", "เพลงนี้", "เกมนี้", "นิยายเรื่องนี้", "ละครนี้"],
        good: ["ดีมาก", "สนุก"],
        bad: ["แย่มาก", "น่าเบื่อ"],
    },
    Language {
        name: "فارسی",
        things: ["این فیلم را", "این داستان را", "این آهنگ را", "این بازی را", "این کتاب را"],
        good: [" می\u{200c}پسندم.", " دوست دارم."],
        bad: [" نمی\u{200c}پسندم.", " دوست ندارم."],
    },
    Language {
        name: "中文",
        things: ["这部电影", "这个故事", "这首歌", "这个游戏", "这本书"],
        good: ["很好看。", "真好。"],
        bad: ["很难看。", "真坏。"],
    },
];

#[test]
fn sentences_of_every_script_are_learned() {
    for Language { name, things: [known @ .., asked], good, bad } in LANGUAGES {
        let folder = Folder::new();
        let said = [good.map(|said| ("1", said)), bad.map(|said| ("0", said))].concat();
        let mut table = "sentence\tlabel\n".to_owned();
        for thing in known.repeat(4) {
            for (label, said) in &said {
                table += &[thing, said, "\t", label, "\n"].concat();
            }
        }
        folder.write("s.tsv", table);
        folder.good(
            "train sentiment --data s.tsv --cell gru --hidden 12 --embedding 8 --min-count 1 --lr 0.02 --epochs 15 \
             --checkpoint c.safetensors",
        );
        let lines = said.iter().map(|(_, said)| [asked, said].concat()).collect::<Vec<_>>().join("\n");
        let run = with_input(&folder, "predict --checkpoint c.safetensors", lines.as_bytes());
        let classes: Vec<_> = run.out.lines().filter_map(|line| line.split(' ').next()).collect();
        let right = ["positive", "positive", "negative", "negative"];
        assert_eq!((run.code, classes), (Some(0), right.to_vec()), "{name}: {}{}", run.out, run.err);
    }
}

#[test]
fn a_trace_says_what_the_net_would_say_of_each_beginning() {
    // Holds for every net: also for a bidirectional one, and for one with a mean head.
    for flags in ["", "--bidirectional --layers 2 --cell gru", "--pool mean", "--learned-start"] {
        let folder = classifier(&format!("{flags} --epochs 2"));
        let words = ["the", "film", "was", "lovely", "but", "a", "boring", "story", "and", "very", "awful"];
        let arguments = format!("predict --checkpoint c.safetensors --json --trace {}", words.join("~"));
        let whole: Value = serde_json::from_str(&folder.good(&arguments).out).unwrap();
        for (k, step) in whole["trace"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&step["word"], &step["known"]), (&words[k].into(), &(words[k] != "but").into()));
            assert_eq!(step["state"].as_array().unwrap().len(), 12);
            let beginning = words[..=k].join("~");
            let alone = folder.good(&format!("predict --checkpoint c.safetensors --json {beginning}")).out;
            let alone: Value = serde_json::from_str(&alone).unwrap();
            let p = |value: &Value| value["probabilities"]["positive"].as_f64().unwrap();
            assert!((p(step) - p(&alone)).abs() < 1e-5, "{flags}: {beginning}: {step} {alone}");
        }
        assert_eq!(whole["unknown"], serde_json::json!(["but"]));
    }
}

#[test]
fn a_trace_is_legible_without_colours() {
    let folder = classifier("");
    let run = folder.good("predict --checkpoint c.safetensors --trace the~zebra~was~superb");
    assert!(!run.out.contains('\u{1b}'), "{}", run.out);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[1].contains("word") && lines[1].contains("12 units"), "{}", run.out);
    assert!(lines[3].trim().starts_with("zebra") && lines[3].ends_with("unknown word"), "{}", run.out);
    assert_eq!(lines[2].chars().filter(|c| ('▁'..='█').contains(c)).count(), 12, "{}", run.out);
    assert!(run.out.contains("not in the vocabulary: `zebra`"), "{}", run.out);
}

#[test]
fn the_next_values_of_a_series_are_forecast() {
    let folder = Folder::new();
    folder.write("sine.csv", sine(300));
    folder.good(
        "train series --data sine.csv --column price --hidden 16 --window 12 --horizon 3 --lr 0.02 --epochs 25 \
         --checkpoint s.safetensors",
    );
    let run = folder.good("predict --checkpoint s.safetensors --data sine.csv --json");
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (i, line) in lines.iter().enumerate() {
        let (found, truth) = (line["forecast"].as_f64().unwrap(), value(300 + i));
        assert!(line["ahead"] == i + 1 && (found - truth).abs() < 2.0, "{line}, truth {truth}");
    }
    // Thirteen values end one and two steps too early for the first of the three.
    folder.write("short.csv", sine(13));
    let run = folder.good("predict --checkpoint s.safetensors --data short.csv");
    assert!(run.out.starts_with("+2\t") && run.out.lines().count() == 2, "{}", run.out);
    folder.write("short.csv", sine(11));
    folder.bad(
        "predict --checkpoint s.safetensors --data short.csv",
        1,
        &["short.csv", "11 values", "looks at 12"],
    );
    folder.bad("predict --checkpoint s.safetensors --data no.csv", 1, &["no.csv"]);
    folder.bad("predict --checkpoint s.safetensors hello", 1, &["give the series with --data FILE.csv"]);
}

/// Layers of another framework become a net for the other commands; an invalid file is refused by name.
#[test]
fn layers_are_imported() {
    let folder = Folder::new();
    let made = concat!(env!("CARGO_MANIFEST_DIR"), "/../export/tests/data/import/keras-lstm.safetensors");
    folder.write("keras.safetensors", std::fs::read(made).unwrap());
    let run = folder.good("import keras.safetensors -o net.safetensors");
    assert!(run.out.contains("1 layer of lstm, 3 features to 4 units, from Keras"), "{}", run.out);
    folder.good("bptt --checkpoint net.safetensors --steps 4");
    folder.good("export --checkpoint net.safetensors --steps 4 -o out");
    assert!(folder.exists("out/gradient.mlir"));
    folder.write("text.safetensors", "no such file");
    folder.bad("import text.safetensors -o x.safetensors", 1, &["`text.safetensors`", "no safetensors file"]);
    folder.bad(
        "import net.safetensors --from keras -o x.safetensors",
        1,
        &["its names are those of PyTorch, and not of Keras"],
    );
}

/// A net that was trained elsewhere predicts what it predicted there, with its head or, without one, its states.
#[test]
fn imported_nets_predict() {
    let folder = Folder::new();
    let made = concat!(env!("CARGO_MANIFEST_DIR"), "/../export/tests/data/import/heads/");
    let bring = |file: &str| folder.write(file, std::fs::read(format!("{made}{file}")).unwrap());
    let values = |file: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(format!("{made}{file}")).unwrap()).unwrap()
    };
    let is = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-5;
    bring("torch-last-step-new.onnx");
    let run = folder.good("import torch-last-step-new.onnx -o net.safetensors");
    assert!(run.out.contains("4 features to 3 outputs, reads the last state, then a softmax"), "{}", run.out);
    // The second of two sequences, in a table of both.
    let known = values("torch-last-step-new.json");
    let (x, out) = (known["x"].as_array().unwrap(), &known["out"]);
    let row = |b: usize, t: usize| {
        let at = |k: usize| &x[(t * 2 + b) * 3 + k];
        format!("{},{},{},{}\n", ["one", "two"][b], at(0), at(1), at(2))
    };
    let rows: String = (0..2).flat_map(|b| (0..5).map(move |t| (b, t))).map(|(b, t)| row(b, t)).collect();
    let table = format!("sequence,a,b,c\n{rows}");
    folder.write("steps.csv", &table);
    let run = folder.good("predict --checkpoint net.safetensors --data steps.csv --json");
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["sequence"]), (2, &json!("two")));
    for (k, line) in lines.iter().enumerate() {
        assert!((0..3).all(|i| is(&line["probabilities"][i], &out[k * 3 + i])), "{line} {out}");
    }
    let run = folder.good("predict --checkpoint net.safetensors --data steps.csv");
    assert!(run.out.starts_with("sequence\tp1\tp2\tp3\none\t"), "{}", run.out);

    // A file of arrays does not tell what its head reads.
    bring("torch-each-both.safetensors");
    let import = "import torch-each-both.safetensors -o both.safetensors";
    folder.bad(import, 1, &["does not tell what the linear layer `fc` reads: say it by --reads"]);
    folder.bad(&format!("{import} --head no"), 1, &["--head no: the linear layers that can be it are `fc`"]);
    folder.good(&format!("{import} --reads each"));
    folder.write("one.csv", table.replace("sequence,", "").replace("one,", "").split("two").next().unwrap());
    let run = folder.good("predict --checkpoint both.safetensors --data one.csv --last");
    assert!(run.out.starts_with("step\ty1\ty2\ty3\n5\t") && run.out.lines().count() == 2, "{}", run.out);
    // Without its head a net gives its states.
    folder.good(&format!("{import} --head none --force"));
    let run = folder.good("predict --checkpoint both.safetensors --data one.csv");
    assert!(run.out.starts_with("step\th1\th2\th3\th4\th1_reverse\t"), "{}", run.out);
    assert_eq!(run.out.lines().count(), 6);
    folder.bad("predict --checkpoint both.safetensors", 1, &["give the 3 features of each step with --data"]);
    folder.bad("predict --checkpoint both.safetensors --data steps2.csv", 1, &["steps2.csv"]);
    folder.write("few.csv", "a,b\n1,2\n");
    folder.bad(
        "predict --checkpoint both.safetensors --data few.csv",
        1,
        &["and the model reads 3 features"],
    );
    for command in ["bptt", "gradcheck"] {
        folder.good(&format!("{command} --checkpoint both.safetensors --steps 4"));
    }
    folder.good("study --checkpoint net.safetensors --data one.csv -o page.html");
    // A sequence of a file is one, of so many steps.
    for command in ["bptt", "study -o no.html"] {
        let studied = format!("{command} --checkpoint both.safetensors --data one.csv");
        folder.bad(&format!("{studied} --steps 6"), 1, &["one.csv: 5 steps from --from 0 on, and --steps 6"]);
        folder.bad(
            &format!("{studied} --batch 2"),
            1,
            &["one.csv is one sequence, and --batch 2 asks for more"],
        );
    }
    folder.good("bptt --checkpoint both.safetensors --data one.csv --steps 4 --from 1");
    // A checkpoint of an import that had no heads yet.
    let path = folder.path("both.safetensors");
    let states = folder.good("predict --checkpoint both.safetensors --data one.csv").out;
    let mut old = Checkpoint::load(&path).unwrap();
    old.config["task"] = json!({ "synthetic": { "name": "imported", "length": 30 } });
    old.save(&path).unwrap();
    assert_eq!(folder.good("predict --checkpoint both.safetensors --data one.csv").out, states);
    folder.good("bptt --checkpoint both.safetensors --steps 4");
    // What the file gives as logarithms we give as probabilities, and say so.
    bring("torch-state-new.onnx");
    let run = folder.good("import torch-state-new.onnx -o log.safetensors");
    assert!(
        run.out.contains("a log-softmax in the file, a softmax here: predictions are probabilities"),
        "{}",
        run.out
    );
    // A table of embeddings is a head where it is called so.
    let tied = concat!(env!("CARGO_MANIFEST_DIR"), "/../export/tests/data/import/torch-lstm.safetensors");
    let bytes = std::fs::read(tied).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let size = bytes.len() - 8 - length;
    header["embed.weight"] = json!({ "dtype": "F32", "shape": [9, 4], "data_offsets": [size, size + 144] });
    let header = header.to_string().into_bytes();
    let parts = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..], &[0; 144]];
    folder.write("tied.safetensors", parts.concat());
    let run = folder.good("import tied.safetensors -o tied-net.safetensors");
    assert!(run.out.contains("left out: embed.weight"), "{}", run.out);
    let run =
        folder.good("import tied.safetensors --head embed --reads each -o tied-net.safetensors --force");
    assert!(run.out.contains("head: `embed`, 4 features to 9 outputs"), "{}", run.out);
    // A net of a synthetic task reads features too.
    folder.good("train adding --steps 5 --hidden 3 --epochs 1 --batches 1 --checkpoint add.safetensors");
    folder.write("add.csv", "value,mark\n0.5,1\n0.25,1\n");
    let run = folder.good("predict --checkpoint add.safetensors --data add.csv");
    assert!(run.out.starts_with("y1\n") && run.out.lines().count() == 2, "{}", run.out);
}

/// Of 1,000 sentences, with words that it has not seen, a trained net says in onnxruntime what it says here.
#[test]
fn onnxruntime_predicts_what_we_do() {
    let folder = Folder::new();
    let table: Vec<&str> = include_str!("../data/sentiment.tsv").lines().collect();
    folder.write("some.tsv", table[..501].join("\n"));
    let train = "train sentiment --data some.tsv --cell lstm --hidden 16 --embedding 8 --lr 0.02 --epochs 3";
    folder.good(&format!("{train} --checkpoint net.safetensors"));
    folder.good(
        "export --checkpoint net.safetensors --sentence a~day --what forward --format onnx-layers -o out",
    );
    let sentences = table[501..1501].iter().map(|row| row.split('\t').next().unwrap());
    folder.write("sentences.txt", sentences.collect::<Vec<_>>().join("\n"));
    let mut predict = folder.command("predict --checkpoint net.safetensors --json");
    let input = std::fs::File::open(folder.path("sentences.txt")).unwrap();
    folder.write("said.jsonl", predict.stdin(input).output().unwrap().stdout);

    let python = std::env::var("RNN_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut script = std::process::Command::new(python);
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sentences.py"));
    script.args(["net.safetensors", "out/forward.onnx", "said.jsonl"].map(|name| folder.path(name)));
    let Ok(output) = script.output() else {
        return testing::missing("Python", "install it, or name one that there is in RNN_PYTHON");
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(3) {
        return testing::missing("onnxruntime", "install it where RNN_PYTHON is, as .ci/run does");
    }
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("1000 sentences, 2 classes, 0 of another class"), "{said}");
}

/// ONNX and frameworks have every step for itself: there is nothing to unroll.
#[test]
fn only_stablehlo_is_unrolled() {
    let folder = Folder::new();
    folder.good("export --cell gru --steps 4 --unrolled -o stablehlo");
    for other in ["onnx", "onnx-layers --what forward", "safetensors --for torch"] {
        let export = format!("export --cell gru --steps 4 --unrolled --format {other} -o out");
        folder.bad(&export, 1, &["--unrolled is for --format stablehlo", "leave it out"]);
    }
    assert!(!folder.path("out").exists());
}

/// A program that is trained with draws what the cell drops, from a seed that it is given.
#[test]
fn an_exported_step_drops_what_the_cell_drops() {
    let folder = Folder::new();
    folder.write("noisy.cell", "cell noisy\n  h[t] = tanh(W x[t] + U dropout(h[t-1], 0.25) + b)\n");
    for (what, drops) in [("gradient", true), ("step", true), ("forward", false)] {
        folder.good(&format!("export --cell noisy.cell --steps 4 --what {what} -o out"));
        let about: serde_json::Value =
            serde_json::from_slice(&folder.read(&format!("out/{what}.json"))).unwrap();
        let has_seed = about["arguments"].as_array().unwrap().iter().any(|a| a["name"] == "seed");
        assert_eq!(has_seed, drops, "{what}");
        let text = String::from_utf8(folder.read(&format!("out/{what}.mlir"))).unwrap();
        assert_eq!(text.contains("ui64"), drops, "{what}");
    }
}

/// The driver in a folder is this version's, unless it was edited.
#[test]
fn a_driver_of_an_older_export_is_replaced_and_one_that_was_changed_is_kept() {
    let folder = Folder::new();
    let export = "export --cell elman --steps 2 -o out";
    folder.good(export);
    let new = folder.read("out/run_step.py");
    assert!(!folder.good(export).err.contains("is kept"));
    // An older version's, with the digest that its export wrote: FNV-1a of the length in 64 bits and of the text.
    let older = "print('an older one')\n";
    let bytes = (older.len() as u64).to_le_bytes().into_iter().chain(older.bytes());
    let digest = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    folder.write("out/run_step.py", format!("{older}# as rnn export wrote it: {digest:016x}\n"));
    assert!(!folder.good(export).err.contains("is kept"));
    assert!(folder.read("out/run_step.py") == new);
    let changed = String::from_utf8(new).unwrap().replacen("np.float32", "np.float16", 1);
    for kept in [changed.as_str(), "print('mine')\n", ""] {
        folder.write("out/run_step.py", kept);
        let said = folder.good(export).err;
        assert!(
            said.contains("`out/run_step.py` is kept as it is") && said.contains("move it away"),
            "{said}"
        );
        assert!(folder.read("out/run_step.py") == kept.as_bytes());
    }
}
