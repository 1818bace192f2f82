//! The analysis commands through the command line: `tour`, `graph`, `gradcheck`, `compare`, `cells`.

use std::path::Path;
use std::process::{Command, Output};

fn rnn(arguments: &str) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_rnn")).args(arguments.split_whitespace()))
}

fn run(command: &mut Command) -> Output {
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Standard error without the progress messages that a command prints after a second on a busy machine.
fn complaints(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    text.lines().filter(|line| !line.starts_with("at work")).collect()
}

/// The command exits with `code` and its error contains `what`; nothing panics.
#[track_caller]
fn fails(arguments: &str, code: i32, what: &str) {
    let output = rnn(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(what), "{error}");
    assert!(!error.contains("panicked"), "{error}");
}

/// The output of a command that exits with this code.
#[track_caller]
fn printed(arguments: &str, code: i32) -> String {
    let output = rnn(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).into()
}

/// The output of a command, which must exit with 0.
#[track_caller]
fn succeeds(arguments: &str) -> String {
    let output = rnn(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(complaints(&output.stderr), "", "nothing went wrong");
    stdout(&output).into()
}

/// Verified by hand against Werbos 1990: from the loss back, each line is the product rule of its forward line, ∂h[t]
/// has a term from the head and a term from step t + 1, and ∂W is a sum over the steps.
#[test]
fn an_elman_net_over_three_steps_is_the_textbook_s() {
    let (graph, verified) =
        (succeeds("graph --cell elman --steps 3"), include_str!("data/elman-3-steps.txt"));
    for (ours, verified) in graph.lines().zip(verified.lines()) {
        assert_eq!(ours, verified);
    }
    assert_eq!(graph, verified);
}

#[test]
fn the_forward_part_alone_is_the_beginning_of_the_whole() {
    let forward = succeeds("graph --forward");
    assert!(!forward.contains('∂'));
    let until_the_loss = forward.find("// loss").unwrap();
    assert!(succeeds("graph").starts_with(&forward[..until_the_loss]));
}

#[test]
fn every_format_goes_to_a_file_as_it_goes_to_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let net = "graph --cell lstm --steps 2 --layers 2 --bidirectional --tbptt 1";
    for (format, start) in [
        ("text", "%0 = "),
        ("dot", "digraph"),
        ("graphml", "<?xml"),
        ("json", "{"),
        ("explorer", "{"),
        ("svg", "<svg "),
    ] {
        let shown = succeeds(&format!("{net} --format {format}"));
        assert!(shown.starts_with(start) && shown.ends_with('\n'), "{format}: {shown:.60}");
        let file = folder.path().join(format);
        succeeds(&format!("{net} --format {format} -o {}", file.display()));
        assert_eq!(std::fs::read_to_string(file).unwrap(), shown);
    }
}

#[test]
fn the_format_follows_from_the_name_of_the_file_unless_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let written = |flags: &str, name: &str| {
        let file = folder.path().join(name);
        succeeds(&format!("graph --steps 2 {flags} -o {}", file.display()));
        std::fs::read_to_string(file).unwrap()
    };
    for (name, format) in [
        ("a.svg", "svg"),
        ("a.SVG", "svg"),
        ("a.dot", "dot"),
        ("a.gv", "dot"),
        ("a.mmd", "mermaid"),
        ("a.graphml", "graphml"),
        ("a.json", "json"),
        ("a.txt", "text"),
        ("a", "text"),
    ] {
        assert_eq!(written("", name), succeeds(&format!("graph --steps 2 --format {format}")), "{name}");
    }
    assert!(written("--format dot", "b.graph").starts_with("digraph"));
    fails("graph --format dot -o b.svg", 1, "its ending tells an SVG picture");
    assert!(written("--format svg", "b.picture").starts_with("<svg"));
    fails("graph -o net.gif", 1, "no format is called `gif`");
    fails(
        "graph -o net.gif",
        1,
        ".svg, .png, .pdf or .html, or give --format text, dot, mermaid, graphml, json, explorer, svg, png, pdf or html",
    );
    assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("net.gif").exists());
}

#[test]
fn a_mistake_is_named_and_its_mend_too() {
    fails("graph --cell lstn", 1, "did you mean `lstm`?");
    fails("gradcheck --cell transformer", 1, "`rnn cells` lists them");
    fails("graph --steps 0", 2, "'--steps <T>': it must be at least 1");
    fails("gradcheck --steps 0", 2, "it must be at least 1");
    fails("graph --hidden 0", 2, "'--hidden <N>': it must be at least 1");
    fails("graph --layers 18446744073709551615", 2, "it must be at most 1000000");
    fails("graph --tbptt 0", 1, "truncated BPTT is 0");
    fails("graph --lengths 4", 1, "has the length 4: it must be at least 1 and at most 3");
    fails("gradcheck --lengths 3,0", 1, "sequence 2 of the batch has the length 0");
    fails("graph --lengths 3 --batch 2", 2, "cannot be used with");
    fails("graph --format gif", 2, "text, dot, mermaid, graphml, json, explorer, svg, png, pdf");
    fails("gradcheck --order 3", 2, "possible values: 1, 2");
    fails("graph -o /nonexistent/net.svg", 1, "make the folder `/nonexistent` first");
    fails("tour --out Cargo.toml", 1, "give another with --out");
    fails("compare", 2, "FILE.json");
    fails("compare --tolerance nan x.json", 2, "at least 0");
}

#[test]
fn a_gradient_check_passes_and_says_so() {
    let text =
        succeeds("gradcheck --cell lstm --steps 5 --lengths 5,3,1 --layers 2 --bidirectional --order 2");
    assert!(text.contains("\nPASS all "), "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
    for name in ["rnn.weight_hh_l1_reverse", "head.bias", "x", "h0", "c0"] {
        assert_eq!(text.lines().filter(|l| l.split(' ').next() == Some(name)).count(), 2, "{name}\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_gradient_check_is_data_too() {
    let json: serde_json::Value =
        serde_json::from_str(&succeeds("gradcheck --cell gru --json --seed 3")).unwrap();
    assert_eq!((&json["passed"], &json["seed"]), (&true.into(), &3.into()));
    let tensors = json["tensors"].as_array().unwrap();
    assert!(
        tensors.iter().any(|t| t["name"] == "rnn.weight_ih_l0" && t["shape"] == serde_json::json!([12, 3]))
    );
    assert!(tensors.iter().all(|t| t["verdict"] == "pass" && t["analytic"].is_f64()));
    assert_eq!((&json["version"], &json["verdict"]), (&3.into(), &"pass".into()));
    assert!(json["guilty"].is_null() && json["witnesses"][0]["verdict"] == "pass", "{json}");

    let full: serde_json::Value =
        serde_json::from_str(&succeeds("gradcheck --hidden 2 --tier full --method five-point --json"))
            .unwrap();
    for tensor in full["tensors"].as_array().unwrap() {
        let count: u64 = tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product();
        assert_eq!(tensor["elements"].as_array().unwrap().len() as u64, count, "{tensor}");
    }
}

/// Refused before memory is exhausted; also as JSON, distinct from a wrong gradient.
#[test]
fn a_check_that_no_memory_holds_is_refused() {
    let absurd = "gradcheck --hidden 100000 --steps 1000000";
    fails(absurd, 1, "this takes about ");
    let output = rnn(&format!("{absurd} --json"));
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verdict"], "error");
    assert!(json["error"].as_str().unwrap().contains("take fewer hidden units"), "{json}");
}

/// A cell that explodes: the message names the node, with advice for the command line.
#[test]
fn what_is_not_finite_is_named_in_terms_of_flags() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explodes.cell");
    std::fs::write(&path, "cell explodes\n  h[t] = exp(1000 + exp(W x[t]) + U h[t-1])\n").unwrap();
    let output = rnn(&format!("gradcheck --cell {}", path.display()));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("`l0/h[1]` is not finite") && message.contains("try another --seed"),
        "{message}"
    );
    assert!(!message.contains("Check::at"), "{message}");
}

#[test]
fn a_weight_that_takes_no_part_is_named_and_does_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unread.cell");
    std::fs::write(
        &path,
        "cell unread\n  v[t] = V x[t]\n  h[t] = tanh(W x[t] + U h[t-1])\n  param V: [hidden, input]\n",
    )
    .unwrap();
    let check = format!("gradcheck --cell {}", path.display());
    let text = succeeds(&check);
    let line = text.lines().find(|line| line.starts_with("rnn.V_l0")).unwrap();
    assert!(line.ends_with(" not connected to the loss"), "{line}");
    assert!(text.ends_with("agree with numeric ones; `rnn.V_l0` is not connected to the loss\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&succeeds(&format!("{check} --json"))).unwrap();
    let connected = |tensor: &&serde_json::Value| tensor["connected"] == true;
    let tensors = json["tensors"].as_array().unwrap();
    assert_eq!(tensors.len() - tensors.iter().filter(connected).count(), 1, "{json}");
    assert!(!succeeds("gradcheck").contains("connected"));
}

#[test]
fn references_agree_or_the_command_fails() {
    let text = succeeds(
        "compare ../lab/tests/data/reference/gru.json ../lab/tests/data/reference/lstm-bidirectional.json",
    );
    assert!(
        text.contains("∂weight_hh_l0_reverse") && text.ends_with("PASS 2 of 2 files agree to 1e-10\n"),
        "{text}"
    );

    // A reference with one number changed.
    let folder = tempfile::tempdir().unwrap();
    let mut file: serde_json::Value =
        serde_json::from_str(include_str!("../../lab/tests/data/reference/gru.json")).unwrap();
    file["loss"] = (file["loss"].as_f64().unwrap() + 1e-6).into();
    let path = folder.path().join("off.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let output = rnn(&format!("compare {} ../lab/tests/data/reference/gru.json", path.display()));
    assert_eq!(output.status.code(), Some(1));
    let wrong: Vec<&str> = stdout(&output).lines().filter(|line| line.contains("DIFFERS")).collect();
    assert!(matches!(wrong[..], [line] if line.trim_start().starts_with("loss ")), "{wrong:?}");
    assert!(stdout(&output).ends_with("FAIL 1 of 2 files agree to 1e-10\n"));
    // Of an array the element and how many times it is what it should be.
    let mut file: serde_json::Value =
        serde_json::from_str(include_str!("../../lab/tests/data/reference/gru.json")).unwrap();
    let gradient = file["grad"]["weights"]["bias_hh_l0"][2].as_f64().unwrap();
    file["grad"]["weights"]["bias_hh_l0"][2] = (2.0 * gradient).into();
    std::fs::write(&path, file.to_string()).unwrap();
    let output = rnn(&format!("compare {}", path.display()));
    assert!(
        stdout(&output).contains(" at [2]: ") && stdout(&output).contains("ratio 2.000000"),
        "{output:?}"
    );

    fails("compare nowhere.json", 1, "nowhere.json");
}

/// The minimal gated unit as printed in Zhou et al. 2016, eq. 4-6.
#[test]
fn equations_are_set_as_in_a_paper() {
    let unicode = "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)\n\
                   nₜ = tanh(W_n xₜ + U_n (fₜ ⊙ hₜ₋₁) + b_n)\n\
                   hₜ = (1 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ nₜ\n";
    assert_eq!(succeeds("cells mgu --math unicode"), unicode);
    assert!(succeeds("cells mgu --math latex").contains(r"h_{t} &= \left(1 - f_{t}\right) \odot h_{t-1}"));
    assert!(succeeds("cells mgu --math mathml").starts_with("<math"));
    fails("cells --math latex", 2, "NAME");
}

#[test]
fn cells_are_listed_and_shown() {
    let text = succeeds("cells");
    let lstm = text.lines().find(|line| line.starts_with("lstm ")).unwrap();
    assert!(lstm.contains(" h, c ") && lstm.ends_with(" 99,328"), "{lstm}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    // Those of the literature are cells like others.
    assert!(text.contains("\nmamba ") && succeeds("cells check esn").starts_with("PASS "), "{text}");
    // The printed form is a valid file.
    let text = succeeds("cells lstm");
    assert!(text.contains("c[t] = f[t] * c[t-1] + i[t] * g[t]\n"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.cell");
    std::fs::write(&path, text).unwrap();
    let checked = succeeds(&format!("cells check {}", path.display()));
    assert!(checked.starts_with("PASS ") && checked.contains(": learns: adding, T=8"), "{checked}");
    let dump = succeeds(&format!("graph --cell {} --steps 2", path.display()));
    assert!(dump.contains("// l0/c[2]\n"), "{dump}");
    // A cell without memory is correct, but cannot add.
    std::fs::write(&path, "cell mine\n  h[t] = tanh(W x[t] + b)\n").unwrap();
    let checked = succeeds(&format!("cells check {}", path.display()));
    assert!(
        checked.starts_with("PASS ")
            && checked.contains(": has not learned, as a right cell may not: adding"),
        "{checked}"
    );
    // By its name; of another size, as this one requires; with another constant.
    assert!(succeeds("cells check min-gru").starts_with("PASS "));
    let thirds = "cell mine\n  const a = 1\n  size m = hidden / 3\n  state s: m\n  s[t] = tanh(a * (W x[t] + U s[t-1]))\n  h[t] = V s[t]\n";
    std::fs::write(&path, thirds).unwrap();
    fails(&format!("cells check {}", path.display()), 1, "");
    assert!(succeeds(&format!("cells check {} --hidden 6 --set a=2", path.display())).starts_with("PASS "));
    std::fs::write(&path, "cell mine\n  h[t] = tahn(W x[t] + U h[t-1])\n").unwrap();
    fails(&format!("cells check {}", path.display()), 1, "");
    fails(&format!("graph --cell {}", path.display()), 1, "did you mean `tanh`?");
    // All that are asked for are checked.
    let all = printed(&format!("cells check min-gru nosuch {} mgu", path.display()), 1);
    for says in ["PASS min-gru", "no cell called `nosuch`", "FAIL nosuch", "PASS mgu", "2 of 4 cells pass"] {
        assert!(all.contains(says), "{says}: {all}");
    }
    // What has no effect is noted, and an overflow is called so.
    std::fs::write(&path, "cell mine\n  g[t] = W x[t]\n  h[t] = tanh(V x[t] + U stop(h[t-1]))\n").unwrap();
    let noted = succeeds(&format!("cells check {}", path.display()));
    assert!(
        noted.contains("`g` has no effect on the output `h`") && noted.contains("inside `stop`"),
        "{noted}"
    );
    std::fs::write(&path, "cell mine\n  h[t] = exp(exp(9 + (W x[t] + U h[t-1])^2))\n").unwrap();
    let over = printed(&format!("cells check {}", path.display()), 1);
    assert!(over.contains("its numbers overflow, as") && !over.contains("not defined"), "{over}");
    std::fs::write(&path, "cell mine\n  h[t] = (1000 + W x[t] + U h[t-1])^150\n").unwrap();
    let over = printed(&format!("cells check {}", path.display()), 1);
    assert!(over.contains("its numbers overflow, as") && !over.contains("not defined"), "{over}");
    std::fs::write(&path, "cell mine\n  h[t] = log(-1 - (W x[t] + U h[t-1])^2)\n").unwrap();
    let not = printed(&format!("cells check {}", path.display()), 1);
    assert!(not.contains("not defined for all numbers"), "{not}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
    let mut child = command
        .args(["graph", "--steps", "400"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && complaints(&output.stderr).is_empty(), "{output:?}");
}

#[test]
fn the_tour_learns_checks_measures_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let drawings = folder.path().join("drawings");
    let text = succeeds(&format!("tour --out {}", drawings.display()));

    // The number in the line that starts with `start`, after `skip` others.
    let number = |start: &str, skip: usize| -> f64 {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap_or_else(|| panic!("{text}"));
        line[line.find(start).unwrap() + start.len()..]
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .nth(skip)
            .unwrap_or_else(|| panic!("{line}"))
    };
    assert!(number("held out", 0) > 85.0, "{text}");
    assert!(number("The soup was good", 0) > 80.0 && number("The soup was not good", 0) < 20.0, "{text}");
    assert!(text.contains("\"rnns\"") && number("rnns*", 0) > 80.0, "{text}");
    assert!(text.contains("PASS all 7 gradients"), "{text}");
    // One step back, ten, twenty-five and forty-nine: two nets forget, one remembers, one explodes.
    for (net, range) in [
        ("E  Elman tanh", 0.0..1e-6),
        ("L  LSTM", 0.0..1e-6),
        ("F  LSTM", 1e-3..10.0),
        ("X  Elman tanh", 10.0..f64::MAX),
    ] {
        let far = text.lines().find(|l| l.trim_start().starts_with(net)).unwrap();
        let far: f64 = far.split_whitespace().next_back().unwrap().parse().unwrap();
        assert!(range.contains(&far), "{net}: {far:e}\n{text}");
    }
    for graph in ["elman-3-steps", "i-love-rnns"] {
        for extension in ["svg", "dot", "json"] {
            let path: &Path = &drawings.join(format!("{graph}.{extension}"));
            assert!(text.contains(&path.display().to_string()), "{text}");
            assert!(std::fs::read_to_string(path).unwrap().contains('∂'), "{path:?} has its derivative");
        }
    }
    assert_eq!(std::fs::read_dir(&drawings).unwrap().count(), 6);
}
