//! `rnn study`: a page of a net on a sentence, a text or a series.

use super::output::{Kind, OutFile, told_by_ending};
use super::subject::{Subject, Which};
use std::process::ExitCode;

/// A net on real data, as a page to walk through: what each step reads, says and should say, and what the gradient does
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The page is that of `rnn graph -o FILE.html`, with the net's own weights and data that people can read: below each column \
what it reads, above it what the net says, what it should say, and the loss.

Examples: a trained classifier on a sentence; a language model on its text; a fresh net that is to learn to say hello; a \
forecast of a series
  rnn study --checkpoint sst.safetensors --sentence \"I love RNNs\"
  rnn study --checkpoint notes.safetensors --data notes.txt --from 120 --steps 20
  rnn study --cell lstm --hidden 8 --sentence hello
  rnn study --checkpoint price.safetensors --data prices.csv -o price.html")]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Where to write the page; or, in a file that ends in .json, all numbers for programs: the graph with the value of every
    /// node by its name (weights, inputs, states, losses, and ∂ of each)
    #[arg(
        short,
        long,
        value_name = "FILE.html",
        default_value = "study.html",
        help_heading = "Output",
        value_parser = told_by_ending(&[Kind::Html, Kind::Json])
    )]
    output: OutFile,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let Subject { study, title, sentence } = self.which.subject()?;
        let title = sentence.map_or(title.clone(), |sentence| format!("“{}”: {title}", sentence.trim()));
        if self.output.kind() == Some(Kind::Json) {
            self.output.write(study.json(&title)?.as_bytes())?;
            super::say(&format!("{}: every node with its value, by name", self.output));
        } else {
            self.output.write(study.html(&title)?.as_bytes())?;
            super::say(&format!("{}: open it in a browser", self.output));
        }
        Ok(ExitCode::SUCCESS)
    }
}
