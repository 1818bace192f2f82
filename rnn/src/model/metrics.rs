//! Means over batches.

use super::Outcome;
use serde::{Deserialize, Serialize};

/// Means over several batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// The mean loss, in nats or squared units.
    pub loss: f64,
    /// The fraction of correct classes, for classification losses.
    pub accuracy: Option<f64>,
}

/// Sums over batches, for their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub loss: f64,
    pub count: f64,
    pub right: usize,
    pub asked: usize,
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.loss += outcome.loss * outcome.count;
        self.count += outcome.count;
        self.right += outcome.right.0;
        self.asked += outcome.right.1;
    }

    pub fn metrics(&self) -> Metrics {
        let accuracy = (self.asked > 0).then(|| self.right as f64 / self.asked as f64);
        Metrics { loss: self.loss / self.count.max(f64::MIN_POSITIVE), accuracy }
    }
}
