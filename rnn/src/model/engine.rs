//! Engines compute loss and gradient of a batch: the compiled networks of this library, or another system.

use super::{Batch, Metrics, Outcome, StepError, Tally};
use crate::parameters::Parameters;
use ndarray::ArrayD;

/// Runs batches through a model. [`Networks`](super::Networks) is one engine; another may hand the graph to another
/// system. The trainer owns the batches, the updates and the checkpoints in either case.
pub trait Engine {
    /// Computes the loss, the outputs and, if `train`, the gradients of a batch, and reuses the memory of an earlier
    /// outcome. `start` holds the states carried over from the previous batch; if empty, the model's initial states.
    ///
    /// # Errors
    /// If the batch cannot be run, or a loss or gradient is not finite; the outcome is then invalid.
    fn run_into(
        &mut self,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
        outcome: &mut Outcome,
    ) -> Result<(), StepError>;

    /// As [`Engine::run_into`], with a new outcome.
    ///
    /// # Errors
    /// As [`Engine::run_into`].
    fn run(
        &mut self,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
    ) -> Result<Outcome, StepError> {
        let mut outcome = Outcome::default();
        self.run_into(parameters, feed, start, seed, train, &mut outcome)?;
        Ok(outcome)
    }
}

/// Means over held-out batches, with states carried from each to the next.
///
/// # Errors
/// As [`Engine::run_into`].
pub fn evaluate(
    engine: &mut dyn Engine,
    parameters: &Parameters,
    feeds: impl Iterator<Item = Batch>,
    mut observe: impl FnMut(&Batch, &Outcome),
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
