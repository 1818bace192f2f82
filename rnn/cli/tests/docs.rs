//! Runs every command on the pages of `docs/`, and compares its output.
//!
//! A block that starts with ```` ```sh ```` is run, line by line, in a separate folder per page.
//! A block ```` ```text ```` directly after it is the exact output, except that a number below 10⁻⁸, which is rounding
//! error, matches any such number, and that lines ordered by rounding may be in any order. A line that ends with
//! `# exit N` must exit with that code, any other with 0. `cargo run … --example NAME` calls the function that the
//! example's `main` prints. A block under `<!-- long -->` takes too long for a test and is skipped.

#[allow(dead_code)] // `main`
#[path = "../../lab/examples/forgotten_square.rs"]
mod forgotten_square;
#[allow(dead_code)]
#[path = "../../lab/examples/handwritten_bptt.rs"]
mod handwritten_bptt;
#[allow(dead_code)]
#[path = "../../lab/examples/skipped_row.rs"]
mod skipped_row;
#[allow(dead_code)]
#[path = "../../lab/examples/vanished_sign.rs"]
mod vanished_sign;

use std::path::Path;
use std::process::Command;

/// Commands, and their output, if the page shows it.
#[derive(Debug, Default)]
struct Block {
    line: usize,
    commands: Vec<String>,
    prints: Option<String>,
}

/// The blocks of a page to run.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().enumerate().peekable();
    // Whether the previous block just ended, and whether the next is long.
    let (mut follows, mut long) = (false, false);
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let body: Vec<&str> = body.collect();
            match line {
                "```sh" if !long => {
                    // A backslash at the end continues a line.
                    let commands = body.join("\n").replace("\\\n", "").lines().map(String::from).collect();
                    blocks.push(Block { line: number + 1, commands, prints: None });
                }
                "```text" if follows => {
                    blocks.last_mut().expect("one was pushed").prints = Some(body.join("\n"));
                }
                _ => {}
            }
            follows = line == "```sh" && !long;
            long = false;
        } else if !line.is_empty() {
            follows = false;
            long = line == "<!-- long -->";
        }
    }
    blocks
}

/// The output of a command; its exit code must match.
fn run(command: &str, folder: &Path) -> String {
    let (command, code) = match command.split_once("# exit ") {
        Some((command, code)) => (command, code.trim().parse().expect("a number")),
        None => (command, 0),
    };
    if command.starts_with("cargo run ") {
        let (_, name) = command.trim().split_once("--example ").expect("an example");
        let story = match name.split(' ').next().unwrap_or(name) {
            "forgotten_square" => forgotten_square::story,
            "handwritten_bptt" => handwritten_bptt::story,
            "skipped_row" => skipped_row::story,
            "vanished_sign" => vanished_sign::story,
            other => panic!("the example {other} is not known here"),
        };
        return story().unwrap();
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_rnn")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("sh").args(["-c", command]).env("PATH", path).current_dir(folder).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command}\n{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Replaces rounding errors by one word: numbers below 10⁻⁸ with an exponent.
fn masked(text: &str) -> String {
    let tiny = |word: &str| {
        let exponent = word.trim_end_matches([',', ';', ')']).split_once("e-").map(|(_, e)| e.parse::<u32>());
        matches!(exponent, Some(Ok(9..)))
    };
    let line = |line: &str| {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let words: Vec<&str> = words.map(|word| if tiny(word) { "tiny" } else { word }).collect();
        words.join(" ")
    };
    let mut lines: Vec<String> = text.trim_end().lines().map(line).collect();
    lines.sort();
    lines.join("\n")
}

#[track_caller]
fn holds(page: &str) {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("docs/figures")).unwrap();
    let examples = "examples/gradcheck";
    std::fs::create_dir_all(folder.path().join(examples)).unwrap();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(examples)).unwrap()
    {
        let file = file.unwrap();
        if file.path().is_file() {
            std::fs::copy(file.path(), folder.path().join(examples).join(file.file_name())).unwrap();
        }
    }
    let blocks = blocks(&text);
    assert!(!blocks.is_empty());
    for Block { line, commands, prints } in blocks {
        let printed: String = commands.iter().map(|command| run(command, folder.path())).collect();
        if let Some(prints) = prints {
            assert_eq!(masked(&printed), masked(&prints), "docs/{page}:{line}: it prints\n{printed}");
        }
    }
}

/// Every `` `file.rs`: `name` `` in ARCHITECTURE.md is a file with a function of that name.
#[test]
fn the_architecture_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for line in page.lines().filter(|line| line.contains(".rs`: `")) {
        let mut file = String::new();
        // The text between backticks, and whether a colon follows.
        let spans: Vec<&str> = line.split('`').collect();
        for (span, after) in spans.iter().skip(1).step_by(2).zip(spans.iter().skip(2).step_by(2)) {
            if after.starts_with(": ") {
                file = std::fs::read_to_string(root.join(span))
                    .unwrap_or_else(|error| panic!("{span}: {error}"));
            } else if !file.is_empty() {
                let is_there = ["(", "<"].iter().any(|after| file.contains(&format!("fn {span}{after}")));
                assert!(is_there, "{line}: there is no `{span}`");
                named += 1;
            }
        }
    }
    assert!(named > 30, "{named}");
}

#[test]
fn gradient_checking() {
    holds("gradient-checking.md");
}

#[test]
fn export() {
    holds("export.md");
}

#[test]
fn studying_bptt() {
    holds("studying-bptt.md");
}

#[test]
fn lesson() {
    holds("lesson.md");
}

#[test]
fn what_is_masked_and_what_is_not() {
    assert_eq!(masked("a  1.2e-3   3e-12; "), "a 1.2e-3 tiny");
    let page = "```sh\na \\\n b\n```\n\n```text\nx\n```\n<!-- long -->\n```sh\nc\n```\n```text\ny\n```\n";
    let blocks = blocks(page);
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    assert_eq!((blocks[0].commands[0].as_str(), blocks[0].prints.as_deref()), ("a  b", Some("x")));
}

/// Every field of a report is documented.
#[test]
fn the_fields_of_a_report_are_those_of_the_page() {
    fn names(json: &serde_json::Value, into: &mut Vec<String>) {
        match json {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                into.push(name.clone());
                names(value, into);
            }),
            serde_json::Value::Array(all) => all.iter().for_each(|one| names(one, into)),
            _ => {}
        }
    }
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gradient-checking.md"));
    let (text, mut found) = (text.unwrap(), Vec::new());
    names(&forgotten_square::survey().unwrap().report.to_json(), &mut found);
    assert!(found.len() > 100);
    for name in found {
        assert!(text.contains(&format!("`{name}`")), "the page has nothing on `{name}`");
    }
}
