//! The command line: one file per command.
//!
//! A command returns its exit code or an error. An error is printed once, after `error:`, and gives exit code 1, or 2
//! for `diff`. Usage errors are clap's and give 2.

#![cfg_attr(not(test), deny(unused_crate_dependencies, clippy::disallowed_methods))]

mod advice;
mod bptt;
mod cells;
mod compare;
mod confusion;
mod diff;
mod driver;
mod engine;
mod explain;
mod export;
mod flags;
mod gradcheck;
mod gradflow;
mod graph;
mod import;
mod lab;
mod net_spec;
mod output;
mod paint;
mod picture;
pub mod plot;
mod predict;
mod profile;
mod program;
mod progress;
mod resume;
mod run;
mod sample;
mod stop;
mod strip;
mod study;
mod subject;
mod tour;
mod tournament;
mod trace;
mod train;
mod work;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use rnn::tasks::Described;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// See, check and train recurrent nets.
#[derive(Debug, Parser)]
#[command(
    name = "rnn",
    version,
    about,
    propagate_version = true,
    args_override_self = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // one value of it ever lives
enum Command {
    Tour(tour::Args),
    /// Train a net on a text, on labelled sentences, on a series, or on a synthetic task
    #[command(subcommand)]
    Train(train::Train),
    Tournament(tournament::Args),
    /// Write text with a trained language model
    Sample(sample::Sample),
    /// Ask a trained model for the class of sentences, or for the next values of a series
    Predict(predict::Predict),
    Graph(graph::Args),
    Diff(diff::Args),
    Explain(explain::Args),
    Study(study::Args),
    Bptt(bptt::Args),
    Gradflow(gradflow::Args),
    Profile(profile::Args),
    Gradcheck(gradcheck::Args),
    Compare(compare::Args),
    Cells(cells::Args),
    Export(export::Args),
    Import(import::Args),
}

/// The result of a command: an exit code, or an error message.
type Result = std::result::Result<ExitCode, Box<dyn std::error::Error>>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let command = command();
    let words: Vec<OsString> = std::env::args_os().collect();
    let matches = match command.clone().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return usage(&command, &error, &words),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&command, &error, &words),
    };
    // As for `diff`: 1 means that there is a difference.
    let failure = if matches!(cli.command, Command::Diff(_)) { ExitCode::from(2) } else { ExitCode::FAILURE };
    stop::survive_file_limit();
    let _guard;
    let result = match output::guard(&command, &matches) {
        Ok(guard) => {
            _guard = guard;
            run(cli.command)
        }
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        if is_closed_pipe(&*error) {
            return ExitCode::SUCCESS;
        }
        let style = anstyle::AnsiColor::Red.on_default() | anstyle::Effects::BOLD;
        let flags = advice::flags(&*error).map_or(String::new(), |flags| format!(" ({flags})"));
        say(&format!("{style}error:{style:#} {error}{flags}"));
        failure
    })
}

/// The command line with all commands and flags.
fn command() -> clap::Command {
    output::with_force(Cli::command())
}

/// Whether a command line can be read; if not, its usage error is printed, and this is the exit code.
fn unreadable(words: &[OsString]) -> Option<ExitCode> {
    let command = command();
    command.clone().try_get_matches_from(words).err().map(|error| usage(&command, &error, words))
}

/// Prints help or a usage error.
fn usage(command: &clap::Command, error: &clap::Error, words: &[OsString]) -> ExitCode {
    let printed = if error.use_stderr() {
        write!(anstream::stderr().lock(), "{}", in_words(command, error, words))
    } else {
        error.print()
    };
    match printed {
        Ok(()) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: the help cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A usage error with what is needed: a number where the standard library speaks of literals and digits, and the names of
/// the commands where there is none of this name.
fn in_words(command: &clap::Command, error: &clap::Error, words: &[OsString]) -> String {
    let mut text = error.render().ansi().to_string();
    for (said, needed) in [
        ("invalid float literal", "a number is needed, as in 0.01"),
        ("invalid digit found in string", "a whole number is needed, as in 10"),
        ("cannot parse integer from empty string", "a whole number is needed, as in 10"),
        ("cannot parse float from empty string", "a number is needed, as in 0.01"),
    ] {
        text = text.replace(said, needed);
    }
    if error.kind() == clap::error::ErrorKind::InvalidSubcommand {
        let mut words = words.iter().skip(1);
        let within = words.try_fold(command, |within, word| within.find_subcommand(word).ok_or(within));
        let (Ok(within) | Err(within)) = within;
        let names: Vec<&str> =
            within.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name).collect();
        text = text.replacen("\n\n", &format!("; there are {}\n\n", names.join(", ")), 1);
    }
    text
}

fn run(command: Command) -> Result {
    // Commands that print progress, by lines or with a bar, need no other sign of life.
    let speaks = matches!(
        command,
        Command::Tour(_)
            | Command::Train(_)
            | Command::Tournament(_)
            | Command::Sample(_)
            | Command::Cells(_)
    );
    let _work = (!speaks).then(work::Work::begin);
    match command {
        Command::Tour(args) => args.run(),
        Command::Train(train) => train.run(),
        Command::Tournament(args) => args.run(),
        Command::Sample(sample) => sample.run(),
        Command::Predict(predict) => predict.run(),
        Command::Graph(args) => args.run(),
        Command::Diff(args) => args.run(),
        Command::Explain(args) => args.run(),
        Command::Study(args) => args.run(),
        Command::Bptt(args) => args.run(),
        Command::Gradflow(args) => args.run(),
        Command::Profile(args) => args.run(),
        Command::Gradcheck(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Cells(args) => args.run(),
        Command::Export(args) => args.run(),
        Command::Import(args) => args.run(),
    }
}

/// The kind of a task's model, and the command that uses it.
fn kind(task: &Described) -> &'static str {
    match task {
        Described::Text { .. } => "a language model, for `rnn sample`",
        Described::Sentiment { .. } => "a classifier of sentences, for `rnn predict`",
        Described::Series { .. } => "a forecast of a series, for `rnn predict --data FILE`",
        Described::Layers { .. } => "layers of another framework",
        Described::Synthetic { .. } => "a model of a synthetic task, which has no words",
    }
}

/// Writes a line to standard error, without styles unless it is a terminal. Errors are ignored.
fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Whether the reader of standard output closed it, as `head` does: that is not a failure.
fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
