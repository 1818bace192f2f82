//! `rnn bptt` and `rnn gradflow` through the command line.

use serde_json::Value;
use std::process::{Command, Output};

fn rnn(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    command.args(arguments.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

#[track_caller]
fn succeeds(arguments: &str) -> String {
    let output = rnn(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fails(arguments: &str, code: i32, what: &str) {
    let output = rnn(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(what) && !error.contains("panicked"), "{error}");
}

fn json(arguments: &str) -> Value {
    serde_json::from_str(&succeeds(arguments)).unwrap()
}

#[test]
fn numbers_agree_in_every_form() {
    let net = "bptt --cell gru --steps 6 --hidden 4";
    let all = json(&format!("{net} --format json --windows 2,6"));
    let matrix = all["matrix"].as_array().unwrap();
    assert!(matrix.len() == 6 && matrix[0][5].is_null() && matrix[5][0].as_f64().unwrap() > 0.0);
    let table = succeeds(&format!("{net} --format csv"));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((&rows[0][..], rows.len()), (&["t", "k", "norm", "bound"][..], 37));
    for row in &rows[1..] {
        let (t, k): (usize, usize) = (row[0].parse().unwrap(), row[1].parse().unwrap());
        let norm = matrix[t - 1][k - 1].as_f64();
        assert!(
            norm.map_or(row[2].is_empty(), |norm| row[2].parse::<f64>().unwrap().to_bits() == norm.to_bits()),
            "{row:?}"
        );
    }
    // The contributions of the steps add up to one, and so do those of the lags.
    for parameter in all["parameters"].as_array().unwrap() {
        for by in ["by_step", "by_lag"] {
            let parts = parameter[by].as_array().unwrap();
            let sum: f64 = parts.iter().filter_map(|part| part["share"].as_f64()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{parameter}");
        }
    }
    assert!(all["windows"][1]["cut"]["angle"].as_f64().unwrap() < 1e-5);
}

#[test]
fn pictures_are_what_their_names_say() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, parts) in [
        ("bptt --steps 5 --hidden 3 --windows 1,2", 7),
        ("gradflow --cells elman,gru --steps 6 --hidden 3 --updates 2 --clip 1", 3),
    ] {
        let (svg, png) = (folder.path().join("a.svg"), folder.path().join("a.png"));
        succeeds(&format!("{arguments} -o {}", svg.display()));
        succeeds(&format!("{arguments} -o {}", png.display()));
        let svg = std::fs::read_to_string(svg).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let inner = document.root_element().children().filter(|node| node.has_tag_name("svg")).count();
        assert!(inner == parts && !svg.contains("NaN"), "{inner}");
        assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn text_is_plain_and_fits_a_page() {
    for arguments in [
        "bptt --cell lstm --steps 40 --hidden 4 --windows 1,8",
        "gradflow --cells elman,lstm --steps 40 --hidden 4 --updates 2 --forget-bias 0,5",
    ] {
        let text = succeeds(arguments);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}

/// A trained net over more steps than in training.
#[test]
fn checkpoints_of_every_task_are_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let quick = "--hidden 4 --epochs 1 --batch-size 2 --checkpoint";
    std::fs::write(file("a.txt"), "the cat sat on the mat and the dog sat on the log. ".repeat(20)).unwrap();
    succeeds(&format!("train text --data {} --steps 5 {quick} {}", file("a.txt"), file("t.safetensors")));
    let text = json(&format!(
        "bptt --checkpoint {} --data {} --steps 7 --from 3 --format json",
        file("t.safetensors"),
        file("a.txt")
    ));
    assert_eq!(text["matrix"].as_array().unwrap().len(), 7);
    succeeds(&format!("train adding --steps 6 --batches 2 {quick} {}", file("s.safetensors")));
    let adding = json(&format!("bptt --checkpoint {} --steps 9 --format json", file("s.safetensors")));
    assert_eq!((adding["matrix"].as_array().unwrap().len(), &adding["loss_steps"][0]), (1, &Value::from(9)));
    fails(&format!("bptt --checkpoint {}", file("t.safetensors")), 1, "give the text with --data FILE");
    let spoken = format!("bptt --checkpoint {} --sentence thecat --format json", file("t.safetensors"));
    assert_eq!(json(&spoken)["loss_steps"].as_array().unwrap().len(), 5);
    // A sentence has one loss, after its last word, and so has a window of a series.
    std::fs::write(
        file("s.tsv"),
        "sentence\tlabel\n".to_owned() + &"a good film\t1\na bad film\t0\n".repeat(30),
    )
    .unwrap();
    succeeds(&format!(
        "train sentiment --data {} --embedding 3 {quick} {}",
        file("s.tsv"),
        file("c.safetensors")
    ));
    let sentence = json(&format!("bptt --checkpoint {} --sentence bad --format json", file("c.safetensors")));
    assert_eq!(
        (sentence["matrix"].as_array().unwrap().len(), &sentence["loss_steps"][0]),
        (1, &Value::from(1))
    );
    fails(&format!("bptt --checkpoint {}", file("c.safetensors")), 1, "--sentence TEXT");
    let rows: Vec<String> = (0..60).map(|t| (f64::from(t) / 3.0).sin().to_string()).collect();
    std::fs::write(file("p.csv"), "price\n".to_owned() + &rows.join("\n")).unwrap();
    succeeds(&format!("train series --data {} --window 6 {quick} {}", file("p.csv"), file("p.safetensors")));
    let series = json(&format!(
        "bptt --checkpoint {} --data {} --batch 3 --format json",
        file("p.safetensors"),
        file("p.csv")
    ));
    assert_eq!(
        (series["matrix"][0].as_array().unwrap().len(), &series["loss_steps"][0]),
        (6, &Value::from(6))
    );
    let long = format!("bptt --checkpoint {} --data {} --steps 5000", file("t.safetensors"), file("a.txt"));
    fails(&long, 1, "give fewer --steps");
}

#[test]
fn errors_name_the_thing_and_the_mend() {
    fails("bptt --layer 3", 1, "--layer");
    fails("bptt --only windows", 1, "--windows 1,2,4,8");
    fails("bptt --only spectrum --windows 1,2", 1, "leave out --only");
    fails("bptt --only stretch --no-jacobians", 1, "leave out --no-jacobians");
    fails("bptt --cell lstm --hidden 256 --steps 60 --only spectrum", 1, "--steps, --batch, --hidden");
    fails("bptt --windows 0", 2, "at least 1");
    fails("bptt --steps 4 -o a.gif", 1, "no format is called `gif`");
    fails("bptt --cell nothing", 1, "nothing");
    fails("bptt --cell elman --forget-bias 1", 1, "forget");
    fails("gradflow --cells elman,nothing", 1, "nothing");
    fails("gradflow --steps 1", 1, "adding problem");
    fails("gradflow --only after --updates 0", 1, "--updates 0");
}
