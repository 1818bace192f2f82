//! Where a run stands: all that resuming needs besides arrays.

use super::networks::Tally;
use ndarray::{ArrayD, arr1};
use serde::{Deserialize, Serialize};

/// Where a run stands. Every random choice is a function of the seed and these counters, so a run that is
/// resumed here goes on bit for bit as if it had not been stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Updates made so far.
    pub step: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Batches done of the epoch that is under way.
    pub batch: usize,
    /// The sums behind the training loss of the epoch that is under way.
    pub(super) sums: Tally,
    /// The best validation so far.
    pub best: Option<Best>,
    /// Epochs since the best.
    pub stale: u64,
}

/// The best validation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its score: lower is better.
    pub score: f64,
    /// Its mean loss.
    pub loss: f64,
    /// Its accuracy, for losses of classes.
    pub accuracy: Option<f64>,
    /// The epoch after which it was reached, from 1.
    pub epoch: u64,
}

/// The losses of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The mean loss of the batch of each update.
    pub training: Vec<f32>,
    /// The mean loss over the validation part after each epoch.
    pub validation: Vec<f32>,
}

impl History {
    const TRAINING: &str = "history/training";
    const VALIDATION: &str = "history/validation";

    /// As a checkpoint holds it.
    pub(super) fn arrays(&self) -> [(String, ArrayD<f32>); 2] {
        [(Self::TRAINING, &self.training), (Self::VALIDATION, &self.validation)]
            .map(|(name, losses)| (name.into(), arr1(losses).into_dyn()))
    }

    /// Takes it out of a checkpoint's arrays, and leaves the others.
    pub(super) fn take(arrays: &mut Vec<(String, ArrayD<f32>)>) -> Self {
        let mut take = |wanted: &str| {
            let at = arrays.iter().position(|(name, _)| name == wanted);
            at.map_or_else(Vec::new, |at| arrays.remove(at).1.into_iter().collect())
        };
        Self { training: take(Self::TRAINING), validation: take(Self::VALIDATION) }
    }
}
