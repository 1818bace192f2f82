//! Runs the commands of the tutorial, and compares its figures and numbers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Figures after training, which amplifies rounding differences between processors: only their words and numbers of
/// points are compared.
const TRAINED: [&str; 2] = ["figures/flow.svg", "figures/trained.svg"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn tutorial() -> String {
    std::fs::read_to_string(docs().join("studying-bptt.md")).unwrap()
}

/// The commands in the shell blocks of a text.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(String::from).collect::<Vec<_>>())
        .collect()
}

/// The paths of a text's pictures.
fn figures(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|path| Path::new(path).extension().is_some_and(|end| end == "svg"))
        .collect()
}

/// Runs a line in a shell, with the program on its path.
#[track_caller]
fn run(line: &str, folder: &TempDir) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_rnn")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("sh").args(["-c", line]).env("PATH", path).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A picture without the places in our source, whose lines change.
fn drawn(svg: &str) -> Vec<String> {
    let is_place = |line: &&str| line.contains(".rs:") && line.ends_with("</title>");
    svg.lines().filter(|line| !is_place(line)).map(String::from).collect()
}

fn without_digits(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replace(|c: char| c.is_ascii_digit(), "")).collect()
}

/// The rows of a CSV table, by column.
fn table(csv: &str) -> Vec<HashMap<String, String>> {
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        // Only the first field is quoted, and it may contain commas.
        let (first, rest) = match line.strip_prefix('"').and_then(|line| line.split_once("\",")) {
            Some((first, rest)) => (first, rest),
            None => line.split_once(',').unwrap(),
        };
        let fields = std::iter::once(first).chain(rest.split(','));
        head.iter().map(ToString::to_string).zip(fields.map(String::from)).collect()
    };
    lines.map(row).collect()
}

/// For each net of `rnn gradflow`, the norm at step 1 divided by that at the last step.
fn left(folder: &TempDir, flags: &str) -> HashMap<String, f64> {
    let rows = table(&run(&format!("rnn gradflow --updates 0 --format csv {flags}"), folder));
    let mut norms: HashMap<String, Vec<f64>> = HashMap::new();
    for row in rows {
        norms.entry(row["net"].clone()).or_default().push(row["norm"].parse().unwrap());
    }
    norms.into_iter().map(|(net, norms)| (net, norms[0] / norms.last().unwrap())).collect()
}

/// The number in a column of the text's tables, in the row that starts with a name.
#[track_caller]
fn told(text: &str, name: &str, column: usize) -> f64 {
    let row = text.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
    row.split('|').nth(column + 1).unwrap().trim().parse().unwrap()
}

#[track_caller]
fn agrees(told: f64, found: f64, tolerance: f64) {
    assert!((told / found - 1.0).abs() <= tolerance, "told {told}, found {found}");
}

#[test]
fn figures_are_what_the_commands_make() {
    let text = tutorial();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("docs/figures")).unwrap();
    for line in commands(&text) {
        run(&line, &folder);
    }
    let figures = figures(&text);
    assert!(figures.len() >= 10, "{figures:?}");
    for figure in figures {
        let read = |path: PathBuf| {
            drawn(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}")))
        };
        let (made, kept) = (read(folder.path().join("docs").join(figure)), read(docs().join(figure)));
        let same = if TRAINED.contains(&figure) {
            without_digits(&made) == without_digits(&kept)
        } else {
            made == kept
        };
        assert!(same, "{figure} is not what its command makes: run the command in the project's folder");
    }
    // The trained net preserves its gradient over 200 steps.
    let csv = "rnn bptt --checkpoint adding.safetensors --steps 200 --batch 4 --only decay --no-jacobians --format csv";
    let rows = table(&run(csv, &folder));
    let norm = |row: &HashMap<String, String>| -> f64 { row["norm"].parse().unwrap() };
    let left = norm(&rows[199]) / norm(&rows[0]);
    assert!(left > 0.1 && told(&text, "after training, from forget bias 1 (below)", 1) > 0.1, "{left}");
    let (last, first) = (norm(&rows[199]).ln(), norm(&rows[1]).ln());
    agrees(0.999, ((last - first) / 198.0).exp(), 0.002);
}

/// Without input, h stays at 0, and 99 steps multiply a gradient by the scale to the power 99.
#[test]
fn vanished_kept_and_exploded() {
    let (text, folder) = (tutorial(), tempfile::tempdir().unwrap());
    let flags = |drive: usize| format!("--cells elman --scale 0.9,1,1.1 --drive {drive} --steps 100");
    let (silent, driven) = (left(&folder, &flags(0)), left(&folder, &flags(3)));
    for scale in [0.9_f64, 1.0, 1.1] {
        let net = format!("elman × {scale}");
        agrees(scale.powi(99), silent[&net], 1e-4);
        agrees(told(&text, &net, 1), silent[&net], 0.05);
        agrees(told(&text, &net, 2), driven[&net], 0.05);
        assert!(driven[&net] < 0.1, "with inputs all three fade");
    }
}

/// Along c the Jacobian is the forget gate: σ(b), if inputs and states do not affect it.
#[test]
fn an_lstm_keeps_gradients_where_its_gate_is_open() {
    let (text, folder) = (tutorial(), tempfile::tempdir().unwrap());
    let gates = left(&folder, "--cells lstm,lstm-1997 --forget-bias 0,1,5.3 --steps 200");
    for (net, kept) in [
        ("lstm, forget bias 0", false),
        ("lstm, forget bias 1", false),
        ("lstm, forget bias 5.3", true),
        ("lstm-1997", true),
    ] {
        agrees(told(&text, net, 1), gates[net], 0.05);
        assert_eq!(gates[net] > 1e-3, kept, "{net}");
    }
    let still =
        "rnn gradflow --cells lstm --forget-bias 1 --scale 0 --drive 0 --updates 0 --steps 200 --format csv";
    let rows = table(&run(still, &folder));
    let norm = |k: usize| -> f64 { rows[k]["norm"].parse().unwrap() };
    let gate = 1.0 / (1.0 + (-1.0_f64).exp());
    assert!((1..150).all(|k| (norm(k) / norm(k + 1) / gate - 1.0).abs() < 1e-6));
    agrees(6e-28, gate.powi(200), 0.1);
    agrees((-1.0_f64).exp(), (1.0 - 1.0 / 200.0_f64).powi(200), 0.01);
    agrees(5.3, 200.0_f64.ln(), 0.01);
}

/// Before a stop-gradient a gradient is exactly 0, not small; and a window as long as the sequence has no effect.
#[test]
fn truncation_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let rows = table(&run("rnn bptt --cell elman --steps 30 --tbptt 10 --only matrix --format csv", &folder));
    for row in rows.iter().filter(|row| !row["norm"].is_empty()) {
        let at = |name: &str| (row[name].parse::<usize>().unwrap() - 1) / 10;
        assert_eq!(row["norm"].parse::<f64>().unwrap() == 0.0, at("t") != at("k"), "{row:?}");
    }
    let windows = "rnn bptt --cell lstm --forget-bias 3 --steps 60 --windows 1,2,4,8,16,32,60 --only windows --format csv";
    let rows = table(&run(windows, &folder));
    let all = rows.iter().filter(|row| row["parameter"] == "all");
    let angles: Vec<f64> = all.map(|row| row["cut_angle"].parse().unwrap()).collect();
    assert!(angles[0] > 10.0 && angles.windows(2).all(|a| a[1] < a[0]) && angles[6] < 1e-4, "{angles:?}");
}
