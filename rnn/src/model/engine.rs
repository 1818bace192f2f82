//! What computes loss and gradient of a batch: the compiled networks of this library, or another system.

use super::{Feed, Metrics, Outcome, StepError, Tally};
use crate::parameters::Parameters;
use ndarray::ArrayD;

/// What runs batches through a model. [`Networks`](super::Networks) are one; another may hand the graph to another system.
/// Whatever runs them, the batches, the updates and the checkpoints are the trainer's.
pub trait Engine {
    /// Loss, outputs and, if `train`, gradients of a batch, into what an earlier batch gave. `start` are the states carried
    /// over from the batch before; none means those that the model starts from.
    ///
    /// # Errors
    /// If the batch cannot be run, or a loss or gradient is not finite; the outcome is then of no use.
    fn run_into(
        &mut self,
        parameters: &Parameters,
        feed: &Feed,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
        outcome: &mut Outcome,
    ) -> Result<(), StepError>;

    /// As [`Engine::run_into`], into an outcome of its own.
    ///
    /// # Errors
    /// As there.
    fn run(
        &mut self,
        parameters: &Parameters,
        feed: &Feed,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
    ) -> Result<Outcome, StepError> {
        let mut outcome = Outcome::default();
        self.run_into(parameters, feed, start, seed, train, &mut outcome)?;
        Ok(outcome)
    }
}

/// Means over batches that training does not see, states carried from each to the next.
///
/// # Errors
/// As [`Engine::run_into`].
pub fn evaluate(
    engine: &mut dyn Engine,
    parameters: &Parameters,
    feeds: impl Iterator<Item = Feed>,
    mut observe: impl FnMut(&Feed, &Outcome),
) -> Result<Metrics, StepError> {
    let mut tally = Tally::default();
    let (mut carry, mut outcome) = (Vec::new(), Outcome::default());
    for feed in feeds {
        engine.run_into(parameters, &feed, &carry, 0, false, &mut outcome)?;
        observe(&feed, &outcome);
        tally.add(&outcome);
        std::mem::swap(&mut carry, &mut outcome.last);
    }
    Ok(tally.metrics())
}
