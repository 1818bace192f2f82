//! The configuration of a model: all that a checkpoint must say to rebuild it.

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
    /// What a step reads.
    pub input: Input,
    /// The size of the states.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer runs in both directions.
    pub bidirectional: bool,
    /// The probability of dropping an element of an embedding, of a layer's output, and of the head's input:
    /// all connections but those through time (Zaremba et al. 2014).
    pub dropout: f64,
    /// Where the states begin.
    pub start: Start,
    /// Truncated BPTT: the number of steps after which states are cut.
    pub window: Option<usize>,
    /// Where the output is taken.
    pub head: Head,
    /// The size of the output: classes, symbols or real values.
    pub outputs: usize,
    /// What is minimised.
    pub loss: Loss,
    /// First values of the weights.
    pub init: Inits,
}

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// One of so many symbols, as a row of a learned table.
    Embedding {
        /// The number of symbols.
        symbols: usize,
        /// The number of features of a row.
        size: usize,
    },
    /// One of so many symbols, as a unit vector.
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
    /// The number of features that the first layer reads.
    pub fn size(self) -> usize {
        match self {
            Self::Embedding { size, .. } | Self::Reals { size } => size,
            Self::OneHot { symbols } => symbols,
        }
    }
}

/// Where the states begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At zero.
    Zero,
    /// At values that are learned.
    Learned,
}

/// Where the output is taken.
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

/// First values of the weights. What is not given is drawn as PyTorch draws it: uniform on ±1/√hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inits {
    /// Of the matrices that inputs are multiplied by.
    pub input: Option<Init>,
    /// Of the matrices that states are multiplied by.
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
    /// More memory than there is.
    #[error(
        "this takes about {:.1} GB of memory, and {:.1} GB are free: take fewer hidden units, layers, steps or sequences",
        bytes / 1e9, free / 1e9
    )]
    Memory {
        /// What it takes.
        bytes: f64,
        /// What there is.
        free: f64,
    },
    /// The cell cannot have these sizes.
    #[error("{0}")]
    Sizes(String),
    /// Not one length for each sequence.
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
    /// A learned start and a state carried from batch to batch exclude each other.
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
    /// If there is no such cell, or a size is out of range or none that the cell can have.
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
