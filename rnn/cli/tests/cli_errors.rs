//! Bad input gets one clear error, early, and nothing is lost.

mod program;

use program::{Folder, program, sentences, sine};
use rnn::checkpoint::Checkpoint;
use std::process::Command;

const TEXT: &str = "train text --data text.txt --hidden 4 --embedding 4 --steps 5 --batch-size 2 --epochs 1";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("text.txt", "abcd efgh\n".repeat(20));
    folder.write("sentences.tsv", sentences());
    folder.write("sine.csv", sine(100));
    folder
}

#[test]
fn files_that_are_no_data() {
    let folder = folder();
    for (content, command, parts) in [
        (&b""[..], "text", vec!["is empty", "give a file that holds text"]),
        (b" \n\t\n", "text", vec!["is empty"]),
        (b"one\ntw\xff", "text", vec![":2: not UTF-8 at byte 6", "iconv", "--encoding "]),
        (b"ab", "text", vec!["2 parallel streams", "fewer streams (--batch-size)"]),
        (b"a", "text", vec!["symbols"]),
        (b"", "sentiment", vec!["is empty"]),
        (b"sentence\tlabel\n", "sentiment", vec!["no rows"]),
        (b"words\tlabel\na\t1\n", "sentiment", vec!["which column holds the text?", "`words`", "(--text)"]),
        (b"sentence\tclass\na\t1\n", "sentiment", vec!["which column holds the label?", "--label"]),
        (b"sentence\tlabel\na\t1\nb\t7\n", "sentiment", vec![":3: label `7`", "(--classes a,b,c)"]),
        (b"sentence\tlabel\na\t1\n", "sentiment", vec!["1 labelled sentence", "three or more"]),
        (b"sentence\tlabel\na\t1\nb\t1\nc\t1\n", "sentiment", vec!["every sentence is labelled `positive`"]),
        (b"x\n1\ntwo\n", "series", vec![":3: `two` in column `x` is not a finite number"]),
        (b"x,y\n1,2\n", "series", vec!["which column", "--column"]),
        (b"x\n1\n1\n1\n1\n", "series", vec!["constant (1)"]),
        (b"x\n1\n2\n1\n2\n", "series", vec!["a window of 24", "a smaller window (--window)"]),
    ] {
        let name = if command == "sentiment" { "bad.tsv" } else { "bad.csv" };
        folder.write(name, content);
        let batch = if command == "text" { "--batch-size 2" } else { "" };
        folder.bad(&format!("train {command} --data {name} {batch}"), 1, &parts);
    }
    folder.bad("train text --data missing.txt", 1, &["missing.txt", "No such file"]);
    folder.bad("train text --data .", 1, &["directory"]);
    folder.bad("train sentiment --data sentences.tsv --label nothing", 1, &["has no column `nothing`"]);
}

#[test]
fn flags_out_of_range_are_usage_errors() {
    let folder = folder();
    for flag in
        ["hidden", "layers", "tbptt", "epochs", "batch-size", "patience", "threads", "steps", "min-count"]
    {
        folder.bad(&format!("{TEXT} --{flag} 0"), 2, &[flag]);
    }
    for (flag, parts) in [
        ("--lr 0", ["--lr <RATE>", "above 0"]),
        ("--lr -1", ["--lr <RATE>", "above 0"]),
        ("--lr NaN", ["--lr <RATE>", "above 0"]),
        ("--clip 0", ["--clip <NORM>", "above 0"]),
        ("--clip-value -1", ["--clip-value <BOUND>", "above 0"]),
        ("--clip 1 --clip-value 1", ["--clip <NORM>", "cannot be used with"]),
        ("--dropout 1.5", ["--dropout <P>", "at least 0 and below 1"]),
        ("--dropout -0.1", ["--dropout <P>", "at least 0 and below 1"]),
        ("--optim adan", ["--optim <METHOD>", "`rmsprop`"]),
        ("--schedule x", ["--schedule <SCHEDULE>", "step:1000:0.5"]),
        ("--init x", ["--init <INIT>", "`orthogonal[:GAIN]`"]),
        ("--forget-bias inf", ["--forget-bias <B>", "finite"]),
        ("--layers 9999999", ["--layers <N>", "at most"]),
        ("--resume", ["--checkpoint", "required"]),
    ] {
        folder.bad(&format!("{TEXT} {flag}"), 2, &parts);
    }
    folder.bad("train series --data sine.csv --column price --test 0.95", 2, &["--test <P>", "below 0.9"]);
    folder.bad("sample --checkpoint x --temperature -1", 2, &["--temperature <T>", "at least 0"]);
}

/// Help shows the flags that have an effect, and no command accepts one that has none.
#[test]
fn flags_that_have_no_effect_are_no_flags() {
    let folder = folder();
    let all = ["--bidirectional", "--learned-start", "--embedding"];
    for (task, acting) in [
        ("text", vec!["--embedding"]),
        ("sentiment", all.to_vec()),
        ("series", all[..2].to_vec()),
        ("adding", all[..2].to_vec()),
        ("copy", all[..2].to_vec()),
        ("temporal-order", all[..2].to_vec()),
    ] {
        let help = folder.good(&format!("train {task} --help")).out;
        for flag in all {
            let shown = help.lines().any(|line| line.trim_start().starts_with(flag));
            assert_eq!(shown, acting.contains(&flag), "{task} {flag}: {help}");
            if !shown {
                let value = if flag == "--embedding" { "8" } else { "" };
                folder.bad(&format!("train {task} {flag} {value}"), 2, &["unexpected argument", flag]);
            }
        }
    }
}

#[test]
fn nets_that_cannot_be() {
    let folder = folder();
    for (flag, parts) in [
        ("--cell lsmt", vec!["no cell called `lsmt`", "`lstm`"]),
        ("--activation relu", vec!["--activation is for --cell elman"]),
        ("--cell elman --activation sine", vec!["--activation sine", "tanh or relu"]),
        (
            "--cell gru --forget-bias 1",
            vec!["`gru` has no forget gate", "leave out the forget bias (--forget-bias)"],
        ),
    ] {
        folder.bad(&format!("{TEXT} {flag}"), 1, &parts);
    }
    folder.bad("train text --data text.txt --hidden 1000000", 1, &["GB of memory", "--hidden"]);
    folder.bad("train adding --steps 1", 1, &["--steps 1", "at least 2"]);
}

#[test]
fn a_number_that_is_not_finite_is_traced_to_its_node_and_step() {
    let folder = folder();
    let wild = "--cell elman --activation relu --optim sgd --lr 1e30 --epochs 9";
    folder.bad(
        &format!("{TEXT} {wild}"),
        1,
        &["update ", "not finite arose at `", "[1]", "a lower learning rate", "(--lr, --clip)"],
    );
}

#[test]
fn paths_that_cannot_be_written_are_refused_before_training() {
    let folder = folder();
    for (flag, part) in [
        ("--checkpoint no/a.safetensors", "make the folder `no` first"),
        ("--checkpoint .", "not of a folder"),
        ("--log no/a.jsonl", "make the folder `no` first"),
        ("--plot no/a.svg", "make the folder `no` first"),
        ("--plot text.txt/a.svg", "a part of the path is a file"),
    ] {
        let name = flag.split(' ').next().unwrap();
        folder.bad(&format!("{TEXT} {flag}"), 1, &[name, part]);
        assert!(!folder.run(&format!("{TEXT} {flag}")).err.contains("epoch"), "{flag} was found out late");
    }
    let series = "train series --data sine.csv --column price --epochs 1 --hidden 4 --window 5";
    folder.bad(&format!("{series} --forecast no/a.svg"), 1, &["--forecast", "make the folder `no` first"]);
}

#[cfg(unix)]
#[test]
fn a_log_on_a_full_disk_ends_the_run_at_once_and_saves_it() {
    let folder = folder();
    // A file size limit of 32 KiB: the checkpoints of this net fit, the log does not.
    let train = format!("{TEXT} --epochs 40 --log a.jsonl --log-interval 1 --checkpoint a.safetensors");
    let limited = format!("ulimit -f 32; exec {} {train}", program().display());
    let output = Command::new("bash").args(["-c", &limited]).current_dir(folder.path("")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("stopped after update ") && said.contains("saved in a.last.safetensors"), "{said}");
    assert!(said.contains("the log `a.jsonl` cannot be written: File too large"), "{said}");
    folder.good(&format!("{train} --resume"));
}

#[test]
fn checkpoints_that_are_none() {
    let folder = folder();
    folder.good(&format!("{TEXT} --checkpoint a.safetensors"));
    folder.good("train adding --steps 4 --batches 1 --epochs 1 --hidden 4 --checkpoint adding.safetensors");
    let whole = folder.read("a.safetensors");
    folder.write("cut.safetensors", &whole[..whole.len() - 10]);
    folder.write("short.safetensors", &whole[..100]);
    folder.write("none.safetensors", "");
    for (name, part) in [
        ("missing.safetensors", "check the name"),
        ("cut.safetensors", "incomplete"),
        ("short.safetensors", "incomplete"),
        ("none.safetensors", "incomplete"),
        ("text.txt", "is not a safetensors file"),
        ("adding.safetensors", "a synthetic task"),
        (".", "directory"),
    ] {
        folder.bad(&format!("sample --checkpoint {name}"), 1, &[name, part]);
        folder.bad(&format!("predict --checkpoint {name} hello"), 1, &[name, part]);
    }
    folder.bad("predict --checkpoint a.safetensors hello", 1, &["a language model, for `rnn sample`"]);
    let run = folder.run(&format!("{TEXT} --checkpoint a.safetensors --resume"));
    assert_eq!(run.code, Some(0), "{}", run.err);
    folder.write("a.last.safetensors", &whole[..whole.len() / 2]);
    folder.bad(
        &format!("{TEXT} --checkpoint a.safetensors --resume"),
        1,
        &["a.last.safetensors", "incomplete"],
    );
}

#[test]
fn a_checkpoint_whose_configuration_was_edited() {
    let folder = folder();
    folder.good(&format!("{TEXT} --checkpoint a.safetensors"));
    let edited = |key: &str, value: serde_json::Value| {
        let mut checkpoint = Checkpoint::load(&folder.path("a.safetensors")).unwrap();
        *checkpoint.config.pointer_mut(key).unwrap() = value;
        checkpoint.save(&folder.path("edited.safetensors")).unwrap();
    };
    for (key, value, parts) in [
        (
            "/model/cell",
            serde_json::json!({"name": "gru"}),
            ["`rnn.weight_ih_l0`", "[16, 4] in the file and [12, 4] in the model"],
        ),
        (
            "/model/cell",
            serde_json::json!({"name": "nosuch"}),
            ["edited.safetensors", "no cell called `nosuch`"],
        ),
        ("/model/hidden", 0.into(), ["edited.safetensors", "at least 1"]),
        ("/model/hidden", "four".into(), ["edited.safetensors", "configuration cannot be read"]),
        ("/task/text/vocabulary/symbols", serde_json::json!(["a", "b"]), ["names 2 symbols", "has 10"]),
        ("/model/outputs", 5.into(), ["`head.weight`", "[5, 4] in the model"]),
    ] {
        edited(key, value);
        folder.bad("sample --checkpoint edited.safetensors --prime a", 1, &parts);
    }
}

#[test]
fn a_file_that_is_no_log_is_not_replaced() {
    let folder = folder();
    let before = std::fs::read_to_string(folder.path("text.txt")).unwrap();
    folder.bad(&format!("{TEXT} --log text.txt"), 1, &["--log", "`text.txt`, which --data reads"]);
    assert_eq!(std::fs::read_to_string(folder.path("text.txt")).unwrap(), before);
    folder.write("diary.txt", "dear diary");
    folder.bad(&format!("{TEXT} --log diary.txt"), 1, &["diary.txt", "is not the log of a run", "--force"]);
    folder.bad(&format!("{TEXT} --log one --checkpoint ./one"), 1, &["--checkpoint and --log are one file"]);
}

/// Each kind of file is recognised by its first bytes.
#[test]
fn what_was_written_may_be_written_again() {
    let folder = folder();
    let series =
        "train series --data sine.csv --column price --epochs 1 --hidden 4 --window 5 --batch-size 8";
    for command in [
        "graph -o a.txt",
        "graph --passes -o passes.txt",
        "graph -o a.dot",
        "graph -o a.mmd",
        "graph -o a.graphml",
        "graph -o a.json",
        "graph --values -o values.json",
        "graph --format explorer -o explorer.json",
        "graph -o a.svg",
        "graph --rolled -o a.png",
        "graph -o a.html",
        "diff elman lstm-1997 -o diff.txt",
        "diff elman lstm-1997 -o diff.svg",
        "explain -o e.txt",
        "explain --math latex -o e.tex",
        "explain --math mathml -o e.xhtml",
        "study --sentence hello",
        "bptt --steps 4 -o b.txt",
        "bptt --steps 4 --only matrix -o matrix.csv",
        "bptt --steps 4 --only decay -o decay.csv",
        "bptt --steps 4 --only steps -o steps.csv",
        "bptt --steps 4 --only lags -o lags.csv",
        "bptt --steps 4 --only stretch -o stretch.csv",
        "bptt --steps 4 --windows 1,2 --only windows -o windows.csv",
        "bptt --steps 4 --only decay -o decay.txt",
        "bptt --steps 4 --only lags -o lags.txt",
        "bptt --steps 4 --only stretch -o stretch.txt",
        "bptt --steps 4 --windows 1,2 --only windows -o windows.txt",
        "bptt --steps 4 -o b.json",
        "bptt --steps 4 -o b.svg",
        "gradflow --steps 4 --updates 0 --cells elman -o f.txt",
        "gradflow --steps 4 --updates 0 --cells elman -o f.csv",
        "gradflow --steps 4 --updates 0 --cells elman -o f.json",
        "export --cell elman --steps 2 --hidden 2 -o exported",
        "export --cell elman --steps 2 --hidden 2 --what forward -o exported",
        "export --format onnx --cell elman --steps 2 --hidden 2 -o exported",
        "export --cell elman --steps 2 --hidden 2 --what step --batch 2 --devices 2 -o shared",
        "export --cell elman --hidden 2 --what forward --format onnx-layers -o layers",
        "export --cell elman --hidden 2 --format safetensors --for torch -o torch",
        "gradcheck --html g.html",
        "gradcheck --taylor --csv taylor.csv --plot taylor.svg",
        "gradcheck --precision --csv precision.csv --plot precision.png",
        "gradcheck --witnesses --csv witnesses.csv",
        "gradcheck --sweep dtype,steps --csv sweep.csv",
        &format!("{TEXT} --checkpoint t.safetensors --log t.jsonl --plot t.svg"),
        &format!("{series} --checkpoint s --log s.log --plot s.png --forecast f.svg"),
    ] {
        for _ in 0..2 {
            let code = folder.run(command).code;
            // A difference between graphs is not a failure.
            assert!(
                code == Some(0) || (code == Some(1) && command.starts_with("diff")),
                "{command}: {}",
                folder.run(command).err
            );
        }
    }
}

/// Every command that builds a net, at sizes that do not fit into memory: refused before the work, with a message.
#[test]
fn sizes_are_judged_before_the_work() {
    let folder = folder();
    folder.good(&format!("{TEXT} --checkpoint c.safetensors"));
    let mut checkpoint = Checkpoint::load(&folder.path("c.safetensors")).unwrap();
    *checkpoint.config.pointer_mut("/model/layers").unwrap() = 1_000_000_000.into();
    checkpoint.save(&folder.path("many.safetensors")).unwrap();
    let mut commands: Vec<String> = vec![
        "sample --checkpoint many.safetensors".into(),
        "predict --checkpoint many.safetensors hello".into(),
        "study --checkpoint many.safetensors --sentence ab".into(),
        "bptt --checkpoint many.safetensors --sentence ab".into(),
        "cells check lstm --hidden 1000000".into(),
        "gradflow --hidden 1000000 --cells elman".into(),
        "gradflow --steps 1000000 --hidden 1000 --cells elman".into(),
        "diff --hidden 1000000 --backward lstm gru".into(),
        "train series --data sine.csv --column price --window 5 --hidden 1000000".into(),
        "train sentiment --data sentences.tsv --hidden 1000000".into(),
    ];
    for command in [
        "graph",
        "graph --format json --values",
        "graph -o a.html",
        "gradcheck",
        "gradcheck --taylor",
        "gradcheck --precision",
        "gradcheck --witnesses",
        "study --sentence hello",
        "bptt",
        "profile",
        "export -o e",
        "train adding",
        "train copy",
        "train temporal-order",
        TEXT,
    ] {
        commands.push(format!("{command} --hidden 1000000"));
        let layers = !command.starts_with("profile");
        let steps = !command.contains("--sentence") && !command.contains("--data");
        commands.extend(layers.then(|| format!("{command} --layers 1000000 --hidden 64")));
        commands.extend(steps.then(|| format!("{command} --steps 1000000 --hidden 1000")));
    }
    for command in commands {
        let run = folder.run(&command);
        if command.starts_with("cells") {
            assert!(
                run.code == Some(1) && run.out.contains("GB of memory"),
                "{command}: {}{}",
                run.out,
                run.err
            );
            continue;
        }
        let code = if command.starts_with("diff") { 2 } else { 1 };
        assert_eq!(run.code, Some(code), "{command}: {}{}", run.out, run.err);
        assert!(run.err.contains("GB of memory, and"), "{command}: {}", run.err);
    }
    folder.bad("profile --seconds inf", 2, &["--seconds <S>", "finite"]);
    folder.bad("graph --steps 100000 -o a.png", 1, &["pixels wide", "--rolled"]);
    folder.good("gradflow --updates 18446744073709551615 --steps 2 --hidden 1 --cells elman --help");
}

/// The messages for all kinds of fault in one file, to be read as by a newcomer. `UPDATE_EXPECT=1` rewrites it.
#[allow(clippy::too_many_lines)] // the list of them
#[test]
fn messages() {
    let folder = folder();
    let train = "--hidden 4 --embedding 4 --batch-size 4 --epochs 1";
    folder.good(&format!("{TEXT} --checkpoint t.safetensors"));
    folder.good(&format!(
        "train series --data sine.csv --column price --window 5 {} --checkpoint s.safetensors",
        "--hidden 4 --epochs 1"
    ));
    folder.good(&format!("train sentiment --data sentences.tsv {train} --checkpoint c.safetensors"));
    for (name, content) in [
        ("empty.txt", b"".to_vec()),
        (
            "utf16.tsv",
            "\u{feff}sentence\tlabel\ngood\t1\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("1252.txt", b"it\x92s fine, isn\x92t it?\n".repeat(30)),
        ("once.txt", (0..40).map(|i| format!("word{i} ")).collect::<Vec<_>>().concat().into()),
        ("short.txt", b"abcd".to_vec()),
        ("quote.csv", b"sentence,label\n\"stray,1\nswallowed,0\n\"again,0\n".to_vec()),
        ("open.csv", b"sentence,label\n\"stray,1\nfine,0\n".to_vec()),
        ("ragged.csv", b"sentence,label\na,b,1\n".to_vec()),
        ("headless.tsv", b"good\t1\nbad\t0\n".to_vec()),
        ("label.tsv", b"sentence\tlabel\na\t\x1b[2J\nb\t0\nc\t1\n".to_vec()),
        ("one.tsv", b"sentence\tlabel\na\t1\nb\t1\nc\t1\n".to_vec()),
        ("few.tsv", b"sentence\tlabel\na\t1\nb\t0\n".to_vec()),
        ("blank.tsv", b"sentence\tlabel\n \t1\nb\t0\nc\t0\n".to_vec()),
        ("gaps.csv", b"x\n1\n\nNA\n4\n5\n".to_vec()),
        ("large.csv", b"x\n1\n2\n1e300\n".to_vec()),
        ("far.csv", ["x\n".to_string(), "1\n2\n".repeat(30), "1e20\n".into()].concat().into()),
        ("numbers.csv", b"1\n2\n3\n".to_vec()),
        ("word.csv", b"x\n1\ntwo\n".to_vec()),
        ("constant.csv", b"x\n1\n1\n1\n1\n1\n".to_vec()),
        ("diary.svg", b"dear diary".to_vec()),
        ("shapes.json", br#"{"parameters":{"w":[1.5,2]},"gradient":{"w":[1,2,3]}}"#.to_vec()),
        ("missing.json", br#"{"parameters":{"w":[1.5,2]},"gradient":{"v":[1,2]}}"#.to_vec()),
        ("none.json", br#"{"parameters":{},"gradient":{}}"#.to_vec()),
        ("my.cell", b"cell e\n  h[t] = tanh(W x[t] + U h[t-1] + b)\n".to_vec()),
    ] {
        folder.write(name, content);
    }
    let whole = folder.read("t.safetensors");
    let flipped = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    folder.write("flipped.safetensors", flipped(whole.len() - 7));
    folder.write("cut.safetensors", &whole[..whole.len() - 7]);
    folder.write("head.safetensors", flipped(1));
    let (lock, words) = (folder.path(".held.s.lock"), "train text --level word --data once.txt");
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let mut said = String::new();
    for command in [
        "train text --data missing.txt",
        "train text --data empty.txt",
        "train text --data 1252.txt",
        "train sentiment --data utf16.tsv",
        "train text --data 1252.txt --encoding latin-33",
        "train text --data 1252.txt --encoding utf-8",
        "train text --data short.txt --batch-size 1",
        "train text --data short.txt --batch-size 4",
        words,
        "train sentiment --data quote.csv",
        "train sentiment --data open.csv",
        "train sentiment --data ragged.csv",
        "train sentiment --data headless.tsv",
        "train sentiment --data label.tsv",
        "train sentiment --data one.tsv",
        "train sentiment --data few.tsv",
        "train sentiment --data blank.tsv",
        "train sentiment --data sentences.tsv --label stars",
        "train sentiment --data sentences.tsv --classes good",
        "train series --data sine.csv",
        "train series --data gaps.csv",
        "train series --data large.csv",
        "train series --data far.csv --window 5",
        "train series --data numbers.csv",
        "train series --data word.csv",
        "train series --data constant.csv",
        "train series --data gaps.csv --gaps carry",
        "train text --data text.txt --plot text.txt",
        "train text --data text.txt --log text.txt",
        "train text --data text.txt --plot diary.svg",
        "train text --data text.txt --checkpoint a --log ./a",
        "train text --data text.txt --checkpoint held.s",
        "train text --data text.txt --checkpoint t.last.safetensors",
        "train text --data text.txt --checkpoint no/a",
        "train text --data text.txt --checkpoint /dev/null",
        "graph --cell my.cell --format svg -o my.cell",
        "graph --format svg -o a.png",
        "graph --hidden 1000000",
        "graph --steps 100000 -o a.png",
        "graph --cell lsmt",
        "profile --seconds NaN",
        &format!("{TEXT} --cell gru --forget-bias 1"),
        &format!("{TEXT} --cell elman-relu --optim sgd --lr 1e30 --epochs 9"),
        "train adding --cell elman-relu --hidden 16 --init identity:2 --steps 200 --batches 5 --epochs 1",
        "sample --checkpoint flipped.safetensors",
        "sample --checkpoint cut.safetensors",
        "sample --checkpoint head.safetensors",
        "sample --checkpoint text.txt",
        "sample --checkpoint c.safetensors",
        "sample --checkpoint t.safetensors --prime é",
        "predict --checkpoint t.safetensors hello",
        "predict --checkpoint s.safetensors",
        "predict --checkpoint s.safetensors --data gaps.csv",
        &format!("{TEXT} --checkpoint t.safetensors --resume --seed 2"),
        "train adding --checkpoint t.safetensors --resume",
        "export -o text.txt/folder",
        "study --cell gru --sentence ~",
        "study --cell gru --sentence a",
        "explain --cell gru --only nothing",
        "gradcheck --program true",
        "gradcheck --program cat~shapes.json",
        "gradcheck --program cat~missing.json",
        "gradcheck --program cat~none.json",
    ] {
        let run = folder.run(command);
        let mut error = String::new();
        for line in run.err.lines().skip_while(|line| !line.starts_with("error")) {
            // Numbers that depend on the machine, or on the layout of pictures.
            let mut line = line.to_string();
            for unit in [" GB are free", " pixels wide"] {
                if let Some(end) = line.find(unit) {
                    let start = line[..end].rfind(' ').map_or(0, |space| space + 1);
                    line.replace_range(start..end, "…");
                }
            }
            error.extend(["    ", &line, "\n"]);
        }
        said.extend(["rnn ", command, "\n", &error, "\n"]);
    }
    expect_test::expect_file!["messages.txt"].assert_eq(&said);
}
