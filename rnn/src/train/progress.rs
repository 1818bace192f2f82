//! The progress of a run: all that resuming needs besides arrays.

use crate::model::Tally;
use serde::{Deserialize, Serialize};

/// The progress of a run. Every random choice is a function of the seed and these counters, so a resumed run is
/// bit-identical to an uninterrupted one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The number of updates so far.
    pub step: u64,
    /// The number of finished epochs.
    pub epoch: u64,
    /// The number of finished batches of the current epoch.
    pub batch: usize,
    /// The sums of the current epoch's training loss.
    pub(super) sums: Tally,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The number of epochs since the best validation.
    pub stale: u64,
}

/// The best validation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its score: lower is better.
    pub score: f64,
    /// Its mean loss.
    pub loss: f64,
    /// Its accuracy, for classification losses.
    pub accuracy: Option<f64>,
    /// The epoch that reached it, from 1.
    pub epoch: u64,
}
