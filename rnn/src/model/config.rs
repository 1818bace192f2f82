//! The configuration of a model: all that a checkpoint needs to rebuild it.

use super::Loss;
use crate::cell::{CellError, CellRef};
use crate::init::Init;
use crate::layers::Layers;
use serde::{Deserialize, Serialize};

/// A model: input, layers, head and loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The cell.
    pub cell: CellRef,
    /// The input of a step.
    pub input: Input,
    /// The size of the states.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer is bidirectional.
    pub bidirectional: bool,
    /// The dropout probability for embeddings, layer outputs and the head's input: all connections except those
    /// through time (Zaremba et al. 2014).
    pub dropout: f64,
    /// The initial states.
    pub start: Start,
    /// Truncated BPTT: the number of steps after which states are detached.
    pub window: Option<usize>,
    /// Which outputs the head reads.
    pub head: Head,
    /// The size of the output: classes, symbols or real values.
    pub outputs: usize,
    /// The loss to minimise.
    pub loss: Loss,
    /// Initial values of the weights.
    pub init: Inits,
}

/// The input of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// One of `symbols` symbols, as a row of a learned table.
    Embedding {
        /// The number of symbols.
        symbols: usize,
        /// The number of features of a row.
        size: usize,
    },
    /// One of `symbols` symbols, as a one-hot vector.
    OneHot {
        /// The number of symbols.
        symbols: usize,
    },
    /// Real features.
    Reals {
        /// Their number.
        size: usize,
    },
}

impl Input {
    /// The input size of the first layer.
    pub fn size(self) -> usize {
        match self {
            Self::Embedding { size, .. } | Self::Reals { size } => size,
            Self::OneHot { symbols } => symbols,
        }
    }
}

/// The initial states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At zero.
    Zero,
    /// At learned values.
    Learned,
}

/// Which outputs the head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// At each step: the next word.
    EachStep,
    /// From the last output of each sequence: the sentiment of a sentence.
    Last,
    /// From the mean of the outputs over each sequence.
    Mean,
}

/// Initial values of the weights. Unset ones are drawn as PyTorch does: uniform on ±1/√hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inits {
    /// Of input matrices.
    pub input: Option<Init>,
    /// Of recurrent matrices.
    pub recurrent: Option<Init>,
    /// Of the bias of the forget gate, for cells that have one (Gers et al. 2000; Jozefowicz et al. 2015).
    pub forget_bias: Option<f64>,
}

/// Why a model cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such cell.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A number is out of its range.
    #[error("{what} is {found}: it must be {need}")]
    Range {
        /// What the number is.
        what: &'static str,
        /// The number.
        found: String,
        /// The range.
        need: &'static str,
    },
    /// The model needs more memory than there is.
    #[error(
        "this takes about {:.1} GB of memory, and {:.1} GB are free: take fewer hidden units, layers, steps or sequences",
        bytes / 1e9, free / 1e9
    )]
    Memory {
        /// The bytes it needs.
        bytes: f64,
        /// The free bytes.
        free: f64,
    },
    /// The cell does not support these sizes.
    #[error("{0}")]
    Sizes(String),
    /// The number of lengths differs from the number of sequences.
    #[error("{found} lengths were given for {batch} sequences: give one for each")]
    Lengths {
        /// How many lengths.
        found: usize,
        /// How many sequences.
        batch: usize,
    },
    /// A length is 0 or above the number of steps.
    #[error(
        "sequence {sequence} of the batch has the length {found}: it must be at least 1 and at most {steps}, the number of steps"
    )]
    Length {
        /// Which sequence, from 1.
        sequence: usize,
        /// Its length.
        found: usize,
        /// The number of steps.
        steps: usize,
    },
    /// Learned initial states and carried states exclude each other.
    #[error(
        "a learned initial state cannot go with a state that is carried from batch to batch: take one of them"
    )]
    Start,
    /// An initialiser does not fit its weight.
    #[error("{weight}: {source}")]
    Init {
        /// The weight.
        weight: String,
        /// Why.
        source: crate::init::InitError,
    },
    /// The forget gate's bias was given for a cell without one.
    #[error("the cell `{cell}` has no forget gate: leave out the forget bias")]
    NoForgetGate {
        /// The cell.
        cell: String,
    },
    /// The graph cannot be built or evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
}

impl Model {
    /// The layers.
    ///
    /// # Errors
    /// If there is no such cell, or a size is out of range or not supported by the cell.
    pub fn net(&self) -> Result<Layers, ModelError> {
        let least = |what, found: usize| match found {
            0 => Err(ModelError::Range { what, found: "0".into(), need: "at least 1" }),
            _ => Ok(()),
        };
        least("the hidden size", self.hidden)?;
        least("the number of layers", self.layers)?;
        least("the input size", self.input.size())?;
        least("the output size", self.outputs)?;
        if let Some(window) = self.window {
            least("the window of truncated BPTT", window)?;
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let found = self.dropout.to_string();
            return Err(ModelError::Range { what: "dropout", found, need: "at least 0 and below 1" });
        }
        self.weights_fit()?;
        let net = Layers::of(self.cell.cell()?, self.input.size(), self.hidden)
            .depth(self.layers)
            .bidirectional(self.bidirectional)
            .window(self.window);
        net.fits().map_err(ModelError::Sizes)?;
        Ok(net)
    }
}
