//! The laboratory behind `rnn gradcheck`: Taylor test, precision, witnesses, sweeps.

mod precision;
mod sweep;
mod taylor;
mod witnesses;

use crate::plot::{Chart, png};
use autograd_check::Verdict;
use rnn::files::{check_writable, write_whole};
use rnn_lab::study::Specimen;
use serde::Serialize;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Another question than whether the gradients are right.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Laboratory")]
pub struct Lab {
    /// Taylor test: whether what is left of the loss after one, two and three terms falls with the orders 1, 2 and 3
    #[arg(long, group = "experiment")]
    taylor: bool,
    /// What f32 loses: at which nodes, and at how many steps
    #[arg(long, group = "experiment")]
    precision: bool,
    /// Witnesses without a step size: forward mode, RTRL, one step run T times, padding, batch order, the Hessian
    #[arg(long, group = "experiment")]
    witnesses: bool,
    /// The error of differences over these, each in its own range; the first is the x axis of --plot
    #[arg(long, value_name = "AXIS,…", value_delimiter = ',', group = "experiment")]
    sweep: Option<Vec<sweep::Axis>>,
    /// The numbers as a table, one observation a row
    #[arg(long, value_name = "FILE.csv", requires = "experiment")]
    csv: Option<PathBuf>,
    /// The numbers as a picture
    #[arg(long, value_name = "FILE.svg|FILE.png", requires = "experiment", conflicts_with = "witnesses")]
    plot: Option<PathBuf>,
}

impl Lab {
    /// Does what was asked; none if nothing was.
    pub fn run(&self, net: &Specimen, seed: u64, json: bool) -> Option<crate::Result> {
        let run: fn(&Self, &Specimen, u64, bool) -> crate::Result = match self {
            Self { taylor: true, .. } => taylor::run,
            Self { precision: true, .. } => precision::run,
            Self { witnesses: true, .. } => witnesses::run,
            Self { sweep: Some(_), .. } => sweep::run,
            _ => return None,
        };
        Some(self.writable().and_then(|()| run(self, net, seed, json)))
    }

    /// Whether the files can be written: asked before the work, not after.
    fn writable(&self) -> Result<(), Box<dyn Error>> {
        for (flag, path) in [("--csv", &self.csv), ("--plot", &self.plot)] {
            if let Some(path) = path {
                check_writable(path).map_err(|error| format!("{flag}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Writes the table, if it was asked for.
    fn table<T: Serialize>(&self, rows: impl IntoIterator<Item = T>) -> Result<(), Box<dyn Error>> {
        let Some(path) = &self.csv else { return Ok(()) };
        let mut table = csv::Writer::from_writer(Vec::new());
        rows.into_iter().try_for_each(|row| table.serialize(row))?;
        write(path, "--csv", &table.into_inner()?)
    }

    /// Writes the picture, if it was asked for.
    fn picture(&self, chart: impl FnOnce() -> Chart) -> Result<(), Box<dyn Error>> {
        let Some(path) = &self.plot else { return Ok(()) };
        let svg = chart().svg();
        let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        write(path, "--plot", &if is_png { png(&svg)? } else { svg.into_bytes() })
    }
}

fn write(path: &Path, flag: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    Ok(write_whole(path, bytes).map_err(|error| format!("{flag}: {error}"))?)
}

/// 0 if nothing is wrong, 1 if something is, 3 if it is not decided.
fn code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Inconclusive => ExitCode::from(3),
        Verdict::Pass | Verdict::Kink => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
