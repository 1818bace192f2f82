//! Inference with a trained model: text generation, the class of a sentence, the next values of a series.

mod classifier;
mod forecaster;
mod generator;
mod outputs;

pub use classifier::{Classifier, Judgement, Step};
pub use forecaster::{forecast, forecast_next};
pub use generator::{Generator, draw};
pub use outputs::{Outputs, outputs};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The network cannot be built or evaluated, or its result is not finite.
    #[error(transparent)]
    Step(#[from] crate::model::StepError),
    /// The data does not fit the vocabulary or the window.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// The configuration is inconsistent.
    #[error("the checkpoint contradicts itself: {0}; take another checkpoint")]
    Contradiction(String),
    /// The result is not finite.
    #[error(
        "the model's output is not a finite number: its weights have run away; train it again with a lower learning rate or clipped gradients"
    )]
    NotFinite,
    /// An empty sequence.
    #[error("there is nothing to read: give at least one symbol")]
    Nothing,
    /// A series that is shorter than the forecast's window.
    #[error("the series has {found} values, and a forecast looks at {window}: give more values")]
    ShortSeries {
        /// How many values there are.
        found: usize,
        /// The length of the window.
        window: usize,
    },
}

impl From<crate::model::ModelError> for InferError {
    fn from(error: crate::model::ModelError) -> Self {
        Self::Step(error.into())
    }
}

impl From<autograd::Error> for InferError {
    fn from(error: autograd::Error) -> Self {
        Self::Step(error.into())
    }
}

/// Checks that a task's description agrees with the model: the numbers of symbols and of outputs.
fn agree(what: &str, described: usize, model: usize) -> Result<(), InferError> {
    if described == model {
        return Ok(());
    }
    Err(InferError::Contradiction(format!("it names {described} {what}, and its model has {model}")))
}

/// The number of symbols that a model reads; 0 if it reads real numbers.
fn symbols(model: &crate::model::Model) -> usize {
    match model.input {
        crate::model::Input::Embedding { symbols, .. } | crate::model::Input::OneHot { symbols } => symbols,
        crate::model::Input::Reals { .. } => 0,
    }
}

/// `exp zᵢ / Σ exp zⱼ`
fn softmax(logits: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.map(|z| (z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}
