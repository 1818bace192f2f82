//! `rnn graph`: the unrolled net as text or as a picture.

use super::specimen::{Small, describe};
use crate::files::write_whole;
use crate::model::Network;
use crate::study::Specimen;
use autograd::compile::{Compiler, Optimised, PassReport};
use autograd::{Graph, NodeId, draw};
use clap::ValueEnum;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The unrolled net with its backpropagation through time, as text or as a picture
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The net has an input x[t], a head and a loss at each step; its derivative is what reverse mode makes of it. Names tell \
layer, variable and step: l0/h[2] is a state, ∂l0/h[2] its adjoint.

Examples:
  rnn graph --cell lstm --layers 2 --steps 4 -o lstm.svg   # two layers of LSTM over four steps, as a picture
  rnn graph --cell lstm --steps 5 -o lstm.html             # a page to walk through, with values")]
pub struct Args {
    #[command(flatten)]
    net: Small,
    /// The forward part alone
    #[arg(long, help_heading = "Net")]
    forward: bool,
    /// After the compiler's passes: what each did, if it is text, and the graph that is left
    #[arg(long, help_heading = "Net")]
    passes: bool,
    /// Weights, inputs and targets of a page's values are functions of this number
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Net")]
    seed: u64,
    /// One node a line, a file for Graphviz, node-link data for programs, a picture, or a page to walk through. If not
    /// given, what the end of --output says (.txt, .dot, .json, .svg, .html); text without it
    #[arg(long, value_enum, help_heading = "Output")]
    format: Option<Format>,
    /// Where to write it; standard output if not given
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
    Svg,
    Html,
}

impl Format {
    /// What the end of a file's name says; text if it has none, as `/dev/stdout`.
    fn of(path: &Path) -> Result<Self, String> {
        let Some(extension) = path.extension() else { return Ok(Self::Text) };
        match extension.to_string_lossy().to_lowercase().as_str() {
            "txt" | "text" => Ok(Self::Text),
            "dot" | "gv" => Ok(Self::Dot),
            "json" => Ok(Self::Json),
            "svg" => Ok(Self::Svg),
            "html" | "htm" => Ok(Self::Html),
            other => Err(format!(
                "{}: no format is called `{other}`; let the name end in .txt, .dot, .json, .svg or .html, or \
                 give --format text, dot, json, svg or html",
                path.display()
            )),
        }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let format = match (self.format, &self.output) {
            (Some(format), _) => format,
            (None, Some(path)) => Format::of(path)?,
            (None, None) => Format::Text,
        };
        let net = Specimen::try_from(self.net)?;
        let network = net.network(!self.forward)?;
        // The compiler's nodes are others, and have no values here.
        let page = if self.passes || format != Format::Html {
            draw::Page::default()
        } else {
            net.page(&network, self.seed)?
        };
        let (graph, reports) = if self.passes { optimised(&network)? } else { (network.graph, Vec::new()) };
        let options = draw::Options { backward: !self.forward, title: Some(describe(&net)) };
        let mut text = match format {
            Format::Text => report(&reports) + &graph.text(),
            Format::Dot => draw::dot(&graph, &options),
            Format::Json => draw::json(&graph, &options),
            Format::Svg => draw::svg(&graph, &options),
            Format::Html => draw::html(&graph, &options, &page)?,
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

/// The graph of loss and gradients after the compiler's passes, and what each did.
fn optimised(network: &Network) -> Result<(Arc<Graph>, Vec<PassReport>), autograd::Error> {
    let outputs: Vec<NodeId> = [network.loss].into_iter().chain(network.gradients.iter().copied()).collect();
    let Optimised { graph, passes, .. } = Compiler::new().optimise(&network.graph, &outputs)?;
    Ok((graph, passes))
}

/// A line for each pass and for each rule that it applied.
fn report(passes: &[PassReport]) -> String {
    let lines = passes.iter().flat_map(|pass| {
        let head = format!("# {}: {} nodes → {}\n", pass.name, pass.before, pass.after);
        let rules = pass.rules.iter().map(|(rule, times)| format!("#   {rule}  ×{times}\n"));
        std::iter::once(head).chain(rules)
    });
    lines.collect()
}
