//! The experiments of `rnn gradcheck`: Taylor test, precision, cross-checks, sweeps.

mod precision;
mod sweep;
mod taylor;
mod witnesses;

use crate::output::{Kind, OutFile, told_by_ending};
use crate::plot::Chart;
use autograd_check::Verdict;
use rnn_lab::study::NetSpec;
use serde::Serialize;
use std::error::Error;
use std::process::ExitCode;

/// Another question than whether the gradients are right.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Laboratory")]
pub struct Lab {
    /// Taylor test, at the weights that training begins with: whether what is left of the loss after one, two and three terms falls with the orders 1, 2 and 3
    #[arg(long, group = "experiment")]
    taylor: bool,
    /// What f32 loses at the weights that training begins with: at which nodes, and at how many steps
    #[arg(long, group = "experiment")]
    precision: bool,
    /// Witnesses without a step size, at the weights that training begins with: forward mode, RTRL, one step run T times, padding, batch order, the Hessian
    #[arg(long, group = "experiment")]
    witnesses: bool,
    /// The error of differences over these, each in its own range; the first is the x axis of --plot
    #[arg(long, value_name = "AXIS,…", value_delimiter = ',', group = "experiment")]
    sweep: Option<Vec<sweep::Axis>>,
    /// The numbers as a table, one observation a row
    #[arg(long, value_name = "FILE.csv", requires = "experiment", value_parser = told_by_ending(&[Kind::Csv]))]
    csv: Option<OutFile>,
    /// The numbers as a picture
    #[arg(
        long,
        value_name = "FILE.svg|FILE.png|FILE.pdf",
        requires = "experiment",
        conflicts_with = "witnesses",
        value_parser = told_by_ending(&[Kind::Svg, Kind::Png, Kind::Pdf])
    )]
    plot: Option<OutFile>,
}

/// Where these experiments look, which is not where a gradient check does.
const DRAWN: &str = "at the weights that training begins with";

impl Lab {
    /// Runs the selected experiment; `None` if there is none.
    pub fn run(&self, net: &NetSpec, seed: u64, json: bool) -> Option<crate::Result> {
        let run: fn(&Self, &NetSpec, u64, bool) -> crate::Result = match self {
            Self { taylor: true, .. } => taylor::run,
            Self { precision: true, .. } => precision::run,
            Self { witnesses: true, .. } => witnesses::run,
            Self { sweep: Some(_), .. } => sweep::run,
            _ => return None,
        };
        Some(run(self, net, seed, json))
    }

    /// Writes the table, if requested.
    fn table<T: Serialize>(&self, rows: impl IntoIterator<Item = T>) -> Result<(), Box<dyn Error>> {
        let Some(file) = &self.csv else { return Ok(()) };
        let mut table = csv::Writer::from_writer(Vec::new());
        rows.into_iter().try_for_each(|row| table.serialize(row))?;
        Ok(file.write(&table.into_inner()?).map_err(|error| format!("--csv: {error}"))?)
    }

    /// Writes the picture, if requested.
    fn picture(&self, chart: impl FnOnce() -> Chart) -> Result<(), Box<dyn Error>> {
        let Some(file) = &self.plot else { return Ok(()) };
        Ok(file.draw(&chart()).map_err(|error| format!("--plot: {error}"))?)
    }
}

/// 0 if all is right, 1 if something is wrong, 3 if undecided.
fn code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Inconclusive => ExitCode::from(3),
        Verdict::Pass | Verdict::Kink => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
