//! `rnn compare`: compares another framework's numbers with ours.

use super::paint;
use rnn_lab::compare::{Difference, compare};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compare layers and cells with the numbers that another framework computed
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A file is a layer of PyTorch, or any cell, whose equations it holds. The net of each is rebuilt from the weights, in f64. \
Compared are the output, the last states, the loss, and its gradient for each weight, the input and the initial states. \
A difference is that of the worst element, relative to the largest element of the array if that is above 1. \
rnn/lab/tests/data/reference and its folder cells have files from PyTorch, and the scripts that make them.

Examples: everything that PyTorch's LSTM computes, and cells that PyTorch does not have
  rnn compare rnn/lab/tests/data/reference/lstm*.json
  rnn compare rnn/lab/tests/data/reference/cells/*.json

Ends with 0 if all agree, and with 1 if one does not or cannot be compared.")]
pub struct Args {
    /// References from another framework
    #[arg(required = true, value_name = "FILE.json")]
    files: Vec<PathBuf>,
    /// The largest difference that is not one
    #[arg(long, default_value = "1e-10", value_name = "X", value_parser = tolerance)]
    tolerance: f64,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0);
    number.ok_or_else(|| "a number of at least 0 is needed, as in 1e-10".into())
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let mut out = anstream::stdout().lock();
        let (mut agree, count) = (0, self.files.len());
        for path in &self.files {
            let title = paint::TITLE;
            writeln!(out, "{title}{}{title:#}", path.display())?;
            match compare(path) {
                Ok(differences) => agree += usize::from(self.table(&mut out, &differences)?),
                Err(error) => {
                    let bad = paint::BAD;
                    super::say(&format!("{bad}error:{bad:#} {error}"));
                }
            }
        }
        let all = agree == count;
        let (style, word) = (paint::verdict(all), if all { "PASS" } else { "FAIL" });
        let files = if count == 1 { "file" } else { "files" };
        writeln!(out, "\n{style}{word}{style:#} {agree} of {count} {files} agree to {:e}", self.tolerance)?;
        out.flush()?;
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Prints a line per array; returns whether all are within the tolerance.
    fn table(&self, out: &mut impl Write, differences: &[Difference]) -> io::Result<bool> {
        let width = differences.iter().map(|d| d.what.chars().count()).max().unwrap_or(0);
        let mut all = true;
        for Difference { what, largest, worst } in differences {
            // A NaN is never within the tolerance.
            let within = *largest <= self.tolerance;
            all &= within;
            let style = paint::verdict(within);
            let word = if within { "same" } else { "DIFFERS" };
            write!(out, "  {what:width$}  {largest:>8.1e}  {style}{word}{style:#}")?;
            if let (Some((index, ours, theirs)), false) = (worst, within) {
                write!(
                    out,
                    " at {index:?}: {theirs:.6e} there, {ours:.6e} here, ratio {:.6}",
                    theirs / ours
                )?;
            }
            writeln!(out)?;
        }
        Ok(all)
    }
}
