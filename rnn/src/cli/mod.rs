//! The command line: one file a command.
//!
//! A command returns its exit code or an error; an error is printed once, after `error:`, and makes the code 1. Usage
//! errors are clap's and make it 2.

mod cells;
mod compare;
mod flags;
mod gradcheck;
mod graph;
mod paint;
mod progress;
mod specimen;
mod tour;
mod train;

use clap::{Parser, Subcommand};
use std::io::ErrorKind;
use std::process::ExitCode;

/// See, check and train recurrent nets.
#[derive(Debug, Parser)]
#[command(name = "rnn", version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one, for the life of the process
enum Command {
    Tour(tour::Args),
    /// Train a net on a text, on labelled sentences, on a series, or on a synthetic task
    #[command(subcommand)]
    Train(train::Train),
    Graph(graph::Args),
    Gradcheck(gradcheck::Args),
    Compare(compare::Args),
    Cells(cells::Args),
}

/// What a command ends with: an exit code, or an error for the person.
type Result = std::result::Result<ExitCode, Box<dyn std::error::Error>>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Tour(args) => args.run(),
        Command::Train(train) => train.run(),
        Command::Graph(args) => args.run(),
        Command::Gradcheck(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Cells(args) => args.run(),
    };
    result.unwrap_or_else(|error| {
        use std::io::Write;
        // Whoever reads our output has seen enough, as `head` does.
        let closed = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
        if error.downcast_ref().is_some_and(closed) {
            return ExitCode::SUCCESS;
        }
        let style = anstyle::AnsiColor::Red.on_default() | anstyle::Effects::BOLD;
        // If standard error is closed there is nobody to tell.
        let _ = writeln!(anstream::stderr(), "{style}error:{style:#} {error}");
        ExitCode::FAILURE
    })
}
