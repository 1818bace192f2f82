//! `rnn graph`: the unrolled net as text or as a picture.

use super::specimen::{Small, describe};
use crate::files::write_whole;
use crate::study::Specimen;
use autograd::draw;
use clap::ValueEnum;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The unrolled net with its backpropagation through time, as text or as a picture
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The net has an input x[t], a head and a loss at each step; its derivative is what reverse mode makes of it. Names tell \
layer, variable and step: l0/h[2] is a state, ∂l0/h[2] its adjoint.

Example: two layers of LSTM over four steps, as a picture
  rnn graph --cell lstm --layers 2 --steps 4 --format svg -o lstm.svg")]
pub struct Args {
    #[command(flatten)]
    net: Small,
    /// The forward part alone
    #[arg(long, help_heading = "Net")]
    forward: bool,
    /// One node a line, a file for Graphviz, node-link data for programs, or a picture
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// Where to write it; standard output if not given
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
    Svg,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let net = Specimen::try_from(self.net)?;
        let graph = net.network(!self.forward)?.graph;
        let options = draw::Options { backward: !self.forward, title: Some(describe(&net)) };
        let mut text = match self.format {
            Format::Text => graph.text(),
            Format::Dot => draw::dot(&graph, &options),
            Format::Json => draw::json(&graph, &options),
            Format::Svg => draw::svg(&graph, &options),
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(path) = self.output {
            write_whole(&path, text.as_bytes())?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
