//! `rnn cells`: the cells and their equations.

use super::paint;
use crate::cell::{Cell, SHIPPED};
use std::io::Write;
use std::process::ExitCode;

const INPUT: usize = 64;
const HIDDEN: usize = 128;

/// List the cells with their equations
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Parameters are those of one layer that reads 64 features and has 128 hidden units.

Example: the names alone
  rnn cells | grep -o '^[a-z0-9-]*'")]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let mut out = anstream::stdout().lock();
        let (t, f) = (paint::TITLE, paint::FAINT);
        let name = SHIPPED.iter().map(|cell| cell.name.len()).max().unwrap_or(0);
        writeln!(out, "{f}{:name$}  {:6}  {:>10}  SOURCE{f:#}", "CELL", "STATES", "PARAMETERS")?;
        for shipped in SHIPPED {
            let cell = shipped.cell();
            let states: Vec<String> = cell.states(HIDDEN).into_iter().map(|state| state.name).collect();
            let parameters = thousands(parameters(&*cell));
            write!(out, "{t}{:name$}{t:#}  {:6}  {parameters:>10}  ", shipped.name, states.join(", "))?;
            let margin = name + 2 + 6 + 2 + 10 + 2;
            let source = paint::wrap(shipped.source, paint::WIDTH - margin);
            writeln!(out, "{}", source.join(&format!("\n{:margin$}", "")))?;
            for line in shipped.equations.lines() {
                writeln!(out, "{:name$}  {line}", "")?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn parameters(cell: &dyn Cell) -> usize {
    cell.weights(INPUT, HIDDEN).iter().map(|weight| weight.shape.iter().product::<usize>()).sum()
}

/// `24832` as `24,832`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    // Digits are ASCII.
    groups.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_threes() {
        assert_eq!([0, 999, 24_832, 1_000_000].map(thousands), ["0", "999", "24,832", "1,000,000"]);
    }

    #[test]
    fn parameters_of_the_textbook() {
        // H (I + H + 2) for each gate, PyTorch's two biases counted.
        let gate = 128 * (64 + 128 + 2);
        let gates = [("elman", 1), ("elman-relu", 1), ("lstm", 4), ("gru", 3), ("gru-v1", 3)];
        for (name, gates) in gates {
            assert_eq!(parameters(&*crate::cell::by_name(name).unwrap()), gates * gate, "{name}");
        }
    }
}
