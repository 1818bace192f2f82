//! Flags of a small net.

use super::flags::open_cell;
use clap::Args;
use rnn::cell::CellError;
use rnn_lab::study::NetSpec;

/// A small net with real inputs, and a head and a loss at each step.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Net")]
pub struct Small {
    /// The cell: a name that `rnn cells` lists, or a file of equations
    #[arg(long, default_value = "elman", value_name = "NAME|FILE.cell")]
    cell: String,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = super::flags::setting)]
    set: Vec<(String, f64)>,
    /// Steps that the net is unrolled over
    #[arg(long, default_value_t = 3, value_name = "T", value_parser = super::flags::size)]
    steps: usize,
    /// Number of layers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = super::flags::size)]
    layers: usize,
    /// Features of an input
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = super::flags::size)]
    input: usize,
    /// Size of the states
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = super::flags::size)]
    hidden: usize,
    /// Number of sequences
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = super::flags::size)]
    batch: usize,
    /// Read each sequence in both directions
    #[arg(long)]
    bidirectional: bool,
    /// Cut the gradient every K steps: truncated BPTT. A gradient check holds the cut states at their values
    #[arg(long, value_name = "K")]
    tbptt: Option<usize>,
    /// Sequences of these lengths, each from 1 to --steps; the batch is as large as the list
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', conflicts_with = "batch")]
    lengths: Option<Vec<usize>>,
}

impl TryFrom<Small> for NetSpec {
    type Error = CellError;

    fn try_from(small: Small) -> Result<Self, CellError> {
        let cell = open_cell(&small.cell, &small.set)?;
        let Small { steps, layers, input, hidden, batch, bidirectional, tbptt: window, lengths, .. } = small;
        let batch = lengths.as_ref().map_or(batch, Vec::len);
        super::work::on(&format!("{layers} × {hidden} units, {steps} steps"));
        Ok(Self {
            cell,
            steps,
            layers,
            input,
            hidden,
            batch,
            bidirectional,
            window,
            lengths,
            ..Self::default()
        })
    }
}

/// The net in words: `2 layers of lstm in both directions, 5 steps`.
pub fn describe(net: &NetSpec) -> String {
    let many = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let layers = if net.layers == 1 { String::new() } else { format!("{} layers of ", net.layers) };
    let both = if net.bidirectional { " in both directions" } else { "" };
    let cut = net.window.map_or(String::new(), |k| format!(", cut every {}", many(k, "step")));
    format!("{layers}{}{both}, {}{cut}", net.cell, many(net.steps, "step"))
}
