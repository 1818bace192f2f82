//! `rnn bptt`: gradients through time, split by step.

mod export;
mod figures;
mod report;
mod spectrum;

use super::picture::{Form, Output};
use super::subject::{Subject, Which};
use rnn_lab::study::{Ask, Bptt, Study, Truncation, truncations};
use std::process::ExitCode;

/// What each loss owes to each state: the gradient through time taken apart, as numbers and pictures
#[derive(clap::Args, Debug)]
#[command(after_help = "\
L[t] is the loss of step t, and s[k] all states of a layer after step k, held apart as ports: (h, c) for an LSTM, c moved with h held \
though h was made of it. The page has the same under Paths. Shown are
  matrix    ‖∂L[t]/∂s[k]‖ for every pair of steps: how far back a loss reaches. Grey is exactly 0, behind a cut
  decay     its fall with the distance t − k, the rate that fits it, and the bound by the Jacobians' singular values
  steps     ∂L/∂W as a sum over the steps at which W is used
  lags      ∂L/∂W as a sum over the distances between use and loss
  stretch   the largest singular value of each step's Jacobian ∂s[k]/∂s[k−1]: what it can stretch a gradient by
  spectrum  all singular values and eigenvalues of the Jacobians ∂s[k]/∂s[k−1] and of their products ∂s[T]/∂s[k], and the angle
            between the gradient and the direction that comes through best, by --spectrum
  windows   how far a truncated gradient is off the full one, by --windows

Everything is exact, in double precision: the graph is built once and run once for each loss.

Examples: how far back does an untrained LSTM learn; and a trained one, on the text it was trained on
  rnn bptt --cell lstm --steps 60 --forget-bias 1 -o bptt.svg
  rnn bptt --cell lstm --steps 200 --only spectrum
  rnn bptt --checkpoint notes.safetensors --data notes.txt --steps 100 --windows 1,5,25")]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// The layer whose states are looked at, from 0; the last if not given
    #[arg(long, value_name = "N", help_heading = "What")]
    layer: Option<usize>,
    /// Windows of truncated BPTT to compare with the full gradient
    #[arg(
        long,
        value_name = "K,…",
        value_delimiter = ',',
        value_parser = super::flags::size,
        conflicts_with = "tbptt",
        help_heading = "What"
    )]
    windows: Vec<usize>,
    /// All singular values and eigenvalues of the steps' Jacobians and of their products
    #[arg(long, conflicts_with = "no_jacobians", help_heading = "What")]
    spectrum: bool,
    /// One of them alone; a picture has all if not given, a table the matrix
    #[arg(long, value_enum, help_heading = "What")]
    only: Option<Part>,
    /// Without Jacobians and bounds, which take one run for each element of the states
    #[arg(long, help_heading = "What")]
    no_jacobians: bool,
    #[command(flatten)]
    output: Output,
}

/// The figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    Matrix,
    Decay,
    Steps,
    Lags,
    Stretch,
    Spectrum,
    Windows,
}

/// All results.
pub(super) struct Found {
    pub title: String,
    pub bptt: Bptt,
    pub truncations: Vec<Truncation>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let form = self.output.form()?;
        if self.only == Some(Part::Windows) && self.windows.is_empty() {
            return Err("--only windows: say which, as in --windows 1,2,4,8".into());
        }
        if self.only.is_some_and(|only| only != Part::Windows) && !self.windows.is_empty() {
            return Err(
                "--windows is shown by the part `windows`: leave out --only, or say --only windows".into()
            );
        }
        if self.no_jacobians
            && let Some(only @ (Part::Stretch | Part::Spectrum)) = self.only
        {
            let name = if only == Part::Stretch { "stretch" } else { "spectrum" };
            return Err(format!("--only {name} shows Jacobians: leave out --no-jacobians").into());
        }
        let Subject { study: Study { model, parameters, feed, .. }, title, .. } = self.which.subject()?;
        let layer = self.layer.unwrap_or(model.layers - 1);
        let needs = |parts: &[Part]| self.only.is_none_or(|only| parts.contains(&only));
        let jacobians = !self.no_jacobians && needs(&[Part::Stretch, Part::Decay, Part::Matrix]);
        let split = needs(&[Part::Steps, Part::Lags, Part::Windows]);
        let spectrum = self.only.map_or(self.spectrum, |only| only == Part::Spectrum);
        let bptt = Bptt::of(&model, &parameters, &feed, Ask { layer, split, jacobians, spectrum })?;
        let truncations = truncations(&model, &parameters, &feed, &bptt, &self.windows)?;
        let title = if model.layers > 1 { format!("{title}, layer {layer}") } else { title };
        let found = Found { title, bptt, truncations };
        match form {
            Form::Text => self.output.text(&report::text(&found, self.only))?,
            Form::Svg | Form::Png | Form::Pdf => {
                self.output.picture(figures::svg(&found, self.only), form)?;
            }
            Form::Csv => self.output.text(&export::csv(&found, self.only))?,
            Form::Json => self.output.text(&export::json(&found))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
