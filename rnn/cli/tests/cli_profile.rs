//! `rnn profile`, and `rnn graph --passes`: the effect of the compiler on a net.

mod program;

use program::Folder;
use serde_json::Value;

#[test]
fn a_line_of_json_has_the_fields_that_other_systems_print() {
    let folder = Folder::new();
    let run = folder.good("profile --case tiny-lstm --threads 1 --seconds 0.05 --json");
    let line: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(line["case"], "tiny-lstm");
    let number = |field: &str| line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}"));
    assert!(number("min_ms") > 0.0 && number("min_ms") <= number("median_ms"));
    assert!(number("first_s") > 0.0 && number("runs") >= 5.0 && number("bytes") > 0.0);
}

#[test]
fn a_profile_says_where_the_time_goes() {
    let folder = Folder::new();
    let flags = "--batch-size 4 --steps 6 --input 3 --hidden 8 --classes 5 --seconds 0.05";
    let run = folder.good(&format!("profile --cell gru {flags} --passes"));
    for part in
        ["2 shares", "by kind of step", "product", "by what is computed", "l0/r", "∂l0/n", "join-weight"]
    {
        assert!(run.out.contains(part), "no `{part}` in\n{}", run.out);
    }
    assert!(run.out.lines().all(|line| line.chars().count() <= 100), "{}", run.out);
}

#[test]
fn what_cannot_be_profiled_is_named() {
    let folder = Folder::new();
    folder.bad("profile --case huge-lstm", 1, &["huge-lstm", "char-lstm"]);
    folder.bad("profile --case char-lstm --hidden 3", 2, &["--case", "--hidden"]);
    folder.bad("profile --threads 0", 2, &["--threads"]);
}

#[test]
fn a_graph_is_shown_after_the_passes() {
    let folder = Folder::new();
    let before = folder.good("graph --cell lstm --steps 4").out;
    let after = folder.good("graph --cell lstm --steps 4 --passes").out;
    let products = |text: &str| text.lines().filter(|line| line.contains(" = matmul ")).count();
    // Eight forward products per step become one; those of the weight gradients become one over time.
    assert!(products(&before) > 60 && products(&after) <= 16, "{after}");
    assert!(after.starts_with("# tidy: ") && after.contains("#   x W, y W → [x; y] W"), "{after}");
}
