//! Tests every output flag of every command against every guard.

use super::guard::is_output;
use super::*;
use crate::command;
use clap::{ArgMatches, Command};
use rnn::files::Lock;
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

/// A flag, and a command line to test it.
struct Row {
    /// A complete command line except for the file; `IN` stands for an input file.
    line: &'static str,
    /// The flag.
    flag: &'static str,
    /// A name with a valid extension.
    name: &'static str,
    /// A wrong extension.
    wrong: &'static str,
}

const fn row(line: &'static str, flag: &'static str, name: &'static str, wrong: &'static str) -> Row {
    Row { line, flag, name, wrong }
}

/// A new flag of the type [`OutFile`] needs a line here.
const TABLE: [Row; 38] = [
    row("graph --cell IN", "--output", "a.svg", "tsv"),
    row("graph --cell IN", "--output", "a.pdf", "tsv"),
    row("diff lstm IN", "--output", "a.svg", "html"),
    row("diff lstm IN", "--output", "a.pdf", "html"),
    row("explain --cell IN", "--output", "a.tex", "svg"),
    row("study --sentence hello --cell IN", "--output", "a.html", "svg"),
    row("study elman IN", "--output", "a.html", "pdf"),
    row("import IN", "--output", "a.safetensors", "onnx"),
    row("bptt --data IN", "--output", "a.json", "html"),
    row("bptt --data IN", "--output", "a.pdf", "html"),
    row("gradflow --cells lstm,IN", "--output", "a.csv", "html"),
    row("gradcheck --cell IN", "--html", "a.html", "svg"),
    row("gradcheck --cell IN --taylor", "--csv", "a.csv", "svg"),
    row("gradcheck --cell IN --taylor", "--plot", "a.png", "html"),
    row("gradcheck --cell IN --taylor", "--plot", "a.pdf", "html"),
    row("train text --data IN", "--checkpoint", "a.safetensors", "svg"),
    row("train text --data IN", "--log", "a.jsonl", "svg"),
    row("train text --data IN", "--plot", "a.png", "safetensors"),
    row("train sentiment --data IN", "--checkpoint", "a.s", "txt"),
    row("train sentiment --data IN", "--log", "a.log", "tsv"),
    row("train sentiment --data IN", "--plot", "a.svg", "tsv"),
    row("train series --data IN", "--checkpoint", "a.s", "csv"),
    row("train series --data IN", "--log", "a", "csv"),
    row("train series --data IN", "--plot", "a.svg", "csv"),
    row("train series --data IN", "--forecast", "a.svg", "csv"),
    row("train adding --cell IN", "--checkpoint", "a", "cell"),
    row("train adding --cell IN", "--log", "a.txt", "cell"),
    row("train adding --cell IN", "--plot", "a.svg", "cell"),
    row("train copy --cell IN", "--checkpoint", "a", "cell"),
    row("train copy --cell IN", "--log", "a.txt", "cell"),
    row("train copy --cell IN", "--plot", "a.svg", "cell"),
    row("train temporal-order --cell IN", "--checkpoint", "a", "cell"),
    row("train temporal-order --cell IN", "--log", "a.txt", "cell"),
    row("train temporal-order --cell IN", "--plot", "a.svg", "cell"),
    // Names that are not yet files.
    row("graph", "--output", "a.html", "cell"),
    row("explain", "--output", "a.txt", "cell"),
    row("bptt --checkpoint IN", "--output", "a.txt", "safetensors"),
    row("study --checkpoint IN", "--output", "a.htm", "safetensors"),
];

/// A folder, and its file `in`.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::write(&input, "what is read").unwrap();
    (folder, input)
}

/// The guard's answer to a command line.
fn said(line: &str, input: &Path, flag: &str, output: &Path, more: &[&str]) -> Result<(), String> {
    let words = line.split(' ').map(|word| word.replace("IN", &input.display().to_string()));
    let output = [flag.to_string(), output.display().to_string()];
    let more = more.iter().map(ToString::to_string);
    let words = ["rnn".to_string()].into_iter().chain(words).chain(output).chain(more);
    let command = command();
    let matches: ArgMatches = command.clone().try_get_matches_from(words).map_err(|e| e.to_string())?;
    guard(&command, &matches).map(drop).map_err(|e| e.to_string())
}

#[track_caller]
fn refused(outcome: Result<(), String>, part: &str, case: &str) {
    let said = outcome.expect_err(case);
    assert!(said.contains(part), "{case}: `{part}` is not in: {said}");
}

/// Every output flag of every command has a row in the table; flags for folders have separate tests.
#[test]
fn the_table_is_complete() {
    fn walk(command: &Command, name: &str, found: &mut BTreeSet<(String, String)>) {
        for arg in command.get_arguments().filter(|arg| is_output(arg)) {
            found.insert((name.into(), format!("--{}", arg.get_long().expect("a long flag"))));
            assert!(command.get_arguments().any(|arg| arg.get_long() == Some("force")), "{name}");
        }
        for command in command.get_subcommands() {
            walk(command, format!("{name} {}", command.get_name()).trim(), found);
        }
    }
    let mut found = BTreeSet::new();
    walk(&command(), "", &mut found);
    let name = |row: &Row| {
        let words: Vec<&str> = row.line.split(' ').collect();
        if words[0] == "train" { words[..2].join(" ") } else { words[0].into() }
    };
    let mut listed: BTreeSet<_> = TABLE.iter().map(|row| (name(row), row.flag.to_string())).collect();
    listed.insert(("tour".into(), "--out".into()));
    listed.insert(("export".into(), "--output".into()));
    listed.insert(("tournament".into(), "--output".into()));
    assert_eq!(found, listed);
}

#[test]
fn what_is_read_is_not_written_over_by_any_name() {
    for Row { line, flag, name, .. } in TABLE.iter().filter(|row| row.line.contains("IN")) {
        let (folder, _) = folder();
        // The input has a name that the flag accepts, so its extension is not the reason.
        let input = folder.path().join(name);
        fs::write(&input, "what is read").unwrap();
        let case = format!("{line} {flag}");
        let names = ["./", "../", "link/", "up"].map(|way| match way {
            "../" => folder.path().join("..").join(folder.path().file_name().unwrap()).join(name),
            _ => folder.path().join(".").join(name),
        });
        for output in &names {
            refused(said(line, &input, flag, output, &["--force"]), "would write over", &case);
        }
        #[cfg(unix)]
        {
            let ending = Path::new(name).extension().unwrap_or_default();
            let link = folder.path().join("link").with_extension(ending);
            std::os::unix::fs::symlink(&input, &link).unwrap();
            refused(said(line, &input, flag, &link, &["--force"]), "would write over", &case);
            refused(said(line, &link, flag, &input, &["--force"]), "would write over", &case);
        }
        // A temporary of the output is also its own.
        let temporary = folder.path().join(format!(".{name}.abc123.part"));
        fs::rename(&input, &temporary).unwrap();
        refused(said(line, &temporary, flag, &input, &["--force"]), "would write over", &case);
        assert_eq!(fs::read(&temporary).unwrap(), b"what is read", "{case}");
    }
}

#[test]
fn a_file_of_another_kind_is_replaced_if_that_is_asked_for() {
    for Row { line, flag, name, .. } in &TABLE {
        let case = format!("{line} {flag}");
        let (folder, input) = folder();
        let output = folder.path().join(name);
        said(line, &input, flag, &output, &[]).expect(&case);
        fs::write(&output, "").unwrap();
        said(line, &input, flag, &output, &[]).expect(&case);
        for foreign in [
            "a diary",
            "{\"a\": 1}",
            "<svg/>",
            "<?xml version=\"1.0\"?>",
            "a,b\n1,2\n",
            "\0\0\0",
            "%PDF-1.7\n",
        ] {
            fs::write(&output, foreign).unwrap();
            refused(said(line, &input, flag, &output, &[]), "--force to replace it", &case);
            assert_eq!(fs::read(&output).unwrap(), foreign.as_bytes(), "{case}");
        }
        said(line, &input, flag, &output, &["--force"]).expect(&case);
    }
}

#[test]
fn an_ending_says_what_the_file_holds() {
    for Row { line, flag, name, wrong } in &TABLE {
        let (folder, input) = folder();
        let output = folder.path().join("b").with_extension(wrong);
        let case = format!("{line} {flag} b.{wrong}");
        let part = if line.starts_with("bptt") || *flag == "--output" {
            ""
        } else {
            "the name of this file must end in"
        };
        refused(said(line, &input, flag, &output, &[]), part, &case);
        let upper = folder.path().join(name.to_uppercase());
        said(line, &input, flag, &upper, &[]).expect(&case);
    }
}

#[test]
fn what_is_no_file_is_refused() {
    for Row { line, flag, name, .. } in &TABLE {
        let (folder, input) = folder();
        let case = format!("{line} {flag}");
        let inside =
            folder.path().join("folder").with_extension(Path::new(name).extension().unwrap_or_default());
        fs::create_dir(&inside).unwrap();
        refused(said(line, &input, flag, &inside, &["--force"]), "not of a folder", &case);
        refused(
            said(line, &input, flag, &folder.path().join("no").join(name), &[]),
            "make the folder",
            &case,
        );
        refused(said(line, &input, flag, &input.join(name), &[]), "a part of the path is a file", &case);
        #[cfg(unix)]
        {
            let fifo =
                folder.path().join("pipe").with_extension(Path::new(name).extension().unwrap_or_default());
            assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
            refused(said(line, &input, flag, &fifo, &["--force"]), "a device or a pipe", &case);
        }
    }
}

#[test]
fn two_outputs_are_two_files() {
    let (folder, input) = folder();
    let file = |name: &str| folder.path().join(name);
    let both = |a: &str, b: &str| {
        said(
            "train series --data IN",
            &input,
            "--checkpoint",
            &file(a),
            &["--plot", file(b).to_str().unwrap()],
        )
    };
    both("a.safetensors", "b.svg").unwrap();
    refused(both("a.safetensors", "a.safetensors"), "the name of this file must end in .svg", "");
    let log = |a: &str, b: &str| {
        said(
            "train series --data IN",
            &input,
            "--checkpoint",
            &file(a),
            &["--log", file(b).to_str().unwrap()],
        )
    };
    log("a", "b").unwrap();
    for (a, b) in [("a", "a"), ("a", "./a"), ("z.x", "z.last.x")] {
        refused(log(a, b), "are one file", b);
    }
}

/// Also for two flags of which one belongs to a long run.
#[test]
fn a_run_has_its_files_for_itself() {
    for Row { line, flag, name, .. } in
        TABLE.iter().filter(|row| ["--checkpoint", "--log"].contains(&row.flag))
    {
        let (folder, input) = folder();
        let output = folder.path().join(name);
        let lock = Lock::take(&output).unwrap();
        refused(said(line, &input, flag, &output, &[]), "is being written by another run", line);
        drop(lock);
        // The lock and the temporaries of a killed run.
        fs::write(folder.path().join(format!(".{name}.lock")), "1").unwrap();
        fs::write(folder.path().join(format!(".{name}.abc123.part")), "half").unwrap();
        said(line, &input, flag, &output, &[]).expect(line);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["in"], "{line} {flag}");
    }
}

#[test]
fn in_a_folder_own_files_are_replaced_alone() {
    for (line, flag, file) in [
        ("tour", "--out", "i-love-rnns.svg"),
        ("export --cell IN", "--output", "gradient.safetensors"),
        ("export --cell IN", "--output", "forward.mlir"),
        ("export --cell IN", "--output", "forward.json"),
    ] {
        let (folder, input) = folder();
        let run = |more: &[&str]| said(line, &input, flag, folder.path(), more);
        run(&[]).unwrap();
        fs::write(folder.path().join(file), "mine").unwrap();
        refused(run(&[]), "--force to replace it", line);
        run(&["--force"]).unwrap();
        said(line, &input, flag, &folder.path().join("new/folder"), &[]).unwrap();
        if line.contains("IN") {
            let input = folder.path().join(file);
            refused(said(line, &input, flag, folder.path(), &["--force"]), "would write over", line);
        }
    }
}
