//! Where a run stands: all that resuming needs besides arrays.

use crate::model::Tally;
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
