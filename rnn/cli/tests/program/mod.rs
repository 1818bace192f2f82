//! Runs the program as a user does.
#![allow(dead_code)] // each test file uses its part

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder for runs of the program, removed after the test.
pub struct Folder(tempfile::TempDir);

/// The outcome of a run.
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The program with arguments separated by spaces; `~` is a space inside one.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.0.path()).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command.args(arguments.split_whitespace().map(|a| a.replace('~', " ")));
        command
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn good(&self, arguments: &str) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments}: {}", run.err);
        run
    }

    /// Runs a command that must fail with one clear error: its code, and parts of its message.
    #[track_caller]
    pub fn bad(&self, arguments: &str, code: i32, parts: &[&str]) {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments}: {}{}", run.out, run.err);
        let message = run.err.split("error:").nth(1).unwrap_or_else(|| panic!("{arguments}: {}", run.err));
        for part in parts {
            assert!(message.contains(part), "{arguments}: `{part}` is not in:{message}");
        }
        assert_eq!(run.err.matches("error:").count(), 1, "{arguments}: {}", run.err);
    }

    /// The last log line with that event.
    pub fn last(&self, log: &str, event: &str) -> serde_json::Value {
        let text = String::from_utf8(self.read(log)).unwrap();
        let mut lines =
            text.lines().rev().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.find(|line| line["event"] == event).unwrap()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // On a busy machine any command may take longer than a second, and then prints that it is at work.
        let is_sign_of_life = |line: &&str| line.starts_with("at work");
        let err = text(output.stderr);
        let err = err.split_inclusive('\n').filter(|line| !is_sign_of_life(line)).collect();
        Self { code: output.status.code(), out: text(output.stdout), err }
    }
}

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rnn"))
}

/// Sentences of random words, one of which determines the class.
pub fn sentences() -> String {
    let filler = ["the", "movie", "film", "was", "a", "story", "and", "very"];
    let tell = [["awful", "boring"], ["lovely", "superb"]];
    let mut table = "sentence\tlabel\n".to_owned();
    let mut state = 1_u64;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % n).unwrap()
    };
    for i in 0..120 {
        let mut words: Vec<&str> = (0..2 + random(5)).map(|_| filler[random(8)]).collect();
        let at = random(words.len() as u64 + 1);
        words.insert(at, tell[i % 2][random(2)]);
        table += &[&words.join(" "), "\t", ["0", "1"][i % 2], "\n"].concat();
    }
    table
}

/// A sine of period 20, with a column of dates beside it.
pub fn sine(n: usize) -> String {
    let row = |t: usize| format!("{t},{}\n", value(t));
    "day,price\n".to_owned() + &(0..n).map(row).collect::<String>()
}

/// The sine at a place.
pub fn value(t: usize) -> f64 {
    100.0 + 10.0 * (std::f64::consts::TAU * t as f64 / 20.0).sin()
}
