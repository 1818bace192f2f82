//! Flags that several commands share.

use crate::init::Init;
use crate::model::{Inits, Start};
use crate::train::optim::Method;
use crate::train::schedule::Schedule;
use crate::train::{Clip, Options};
use clap::Args;
use std::path::PathBuf;

/// The net.
#[derive(Args, Debug)]
#[command(next_help_heading = "Net")]
#[allow(clippy::struct_excessive_bools)] // flags are
pub struct Net {
    /// The cell; `rnn cells` lists them
    #[arg(long, default_value = "lstm", value_name = "NAME")]
    pub cell: String,
    /// The function of an Elman cell: tanh or relu
    #[arg(long, value_name = "NAME")]
    pub activation: Option<String>,
    /// Size of the states
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub hidden: usize,
    /// Number of layers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub layers: usize,
    /// Read each sequence in both directions
    #[arg(long)]
    pub bidirectional: bool,
    /// Features of a symbol; 0 for unit vectors instead of a learned table
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub embedding: usize,
    /// Probability of dropping an element of every connection but those through time
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    pub dropout: f64,
    /// Cut the gradient every N steps: truncated BPTT
    #[arg(long, value_name = "N")]
    pub tbptt: Option<usize>,
    /// Learn the initial state instead of starting at zero
    #[arg(long)]
    pub learned_start: bool,
    /// First values of the state's weights: uniform:B, normal:S, xavier, orthogonal[:GAIN], identity[:SCALE]
    #[arg(long, value_name = "INIT")]
    pub init: Option<Init>,
    /// First values of the input's weights, in the same forms
    #[arg(long, value_name = "INIT")]
    pub init_input: Option<Init>,
    /// First value of the forget gate's bias
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    pub forget_bias: Option<f64>,
}

impl Net {
    /// The cell's name, the activation taken in.
    ///
    /// # Errors
    /// If the activation is unknown or the cell has none to choose.
    pub fn cell(&self) -> Result<String, String> {
        match (self.cell.as_str(), self.activation.as_deref()) {
            (cell, None) | (cell @ "elman", Some("tanh")) => Ok(cell.into()),
            ("elman", Some("relu")) => Ok("elman-relu".into()),
            ("elman", Some(other)) => Err(format!("--activation {other}: an Elman cell takes tanh or relu")),
            (cell, Some(_)) => {
                Err(format!("--activation is for --cell elman; `{cell}` has its own functions"))
            }
        }
    }

    /// First values of the weights.
    pub fn inits(&self) -> Inits {
        Inits { input: self.init_input, recurrent: self.init, forget_bias: self.forget_bias }
    }

    /// Where the states begin.
    pub fn start(&self) -> Start {
        if self.learned_start { Start::Learned } else { Start::Zero }
    }
}

/// How to train.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
pub struct Training {
    /// Times the training part is gone through
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub epochs: u64,
    /// Sequences of a batch
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub batch_size: usize,
    /// sgd, adagrad, rmsprop, adam or adamw, with options as in sgd:momentum=0.9
    #[arg(long, default_value = "adam", value_name = "METHOD")]
    pub optim: Method,
    /// Learning rate; the method's own if not given
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// constant, cosine[:FLOOR] or step:EVERY:FACTOR, each perhaps behind warmup:STEPS+
    #[arg(long, default_value = "constant", value_name = "SCHEDULE")]
    pub schedule: Schedule,
    /// Scale gradients down to this norm
    #[arg(long, value_name = "NORM", conflicts_with = "clip_value", allow_negative_numbers = true)]
    pub clip: Option<f64>,
    /// Cut each element of the gradients to ± this value
    #[arg(long, value_name = "BOUND", allow_negative_numbers = true)]
    pub clip_value: Option<f64>,
    /// Stop after N epochs without a better validation
    #[arg(long, value_name = "N")]
    pub patience: Option<u64>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Share the rows of a batch out over N threads
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub threads: usize,
}

impl Training {
    /// The options of the trainer.
    pub fn options(&self) -> Options {
        Options {
            epochs: self.epochs,
            method: self.optim,
            learning_rate: self.lr.unwrap_or_else(|| self.optim.default_learning_rate()),
            schedule: self.schedule,
            clip: self.clip.map(Clip::Norm).or(self.clip_value.map(Clip::Value)),
            patience: self.patience,
            seed: self.seed,
            threads: self.threads,
        }
    }
}

/// Files that a run leaves.
#[derive(Args, Debug)]
#[command(next_help_heading = "Files")]
pub struct Output {
    /// Where the best model is written; the last state goes beside it, as NAME.last.safetensors
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the last state of --checkpoint; from the start if there is none
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Updates between two writings of the last state
    #[arg(long, default_value_t = 200, value_name = "N", requires = "checkpoint")]
    pub save_every: u64,
    /// One JSON object a line for each reported update and each epoch
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Updates between two reports
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub log_interval: u64,
    /// The loss over time as a picture
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}
