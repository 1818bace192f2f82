//! A training task: batches, and the interpretation of their losses.

use crate::model::{Batch, Metrics, Mode, Model};

/// A source of batches for a model, and the interpretation of its losses.
pub trait Task {
    /// The model that the batches are for.
    fn model(&self) -> &Model;

    /// Whether sequences differ in length, and whether states are carried from batch to batch. The trainer sets
    /// whether the network is for training.
    fn mode(&self) -> Mode;

    /// The mode of the training networks, on any engine: with the dropout of the cell's equations.
    fn training_mode(&self) -> Mode {
        Mode { noise: true, ..self.mode() }
    }

    /// The number of batches per epoch.
    fn batches(&self) -> usize;

    /// The training batches of an epoch, starting at batch `from`: a function of the task and the epoch alone.
    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_>;

    /// The validation batches.
    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_>;

    /// The test batches, for use once at the end; `None` if the task has no such part.
    fn test(&self) -> Option<Box<dyn Iterator<Item = Batch> + '_>> {
        None
    }

    /// The metrics of a trivial rule on a part; `None` if there is no such rule.
    fn baseline(&self, part: Part) -> Option<Baseline> {
        let _ = part;
        None
    }

    /// The names of the classes, for a classification task.
    fn classes(&self) -> Option<&[String]> {
        None
    }

    /// The metrics in readable units.
    fn figures(&self, metrics: &Metrics) -> Vec<Figure>;

    /// The score of a model on the validation part: lower is better.
    fn score(&self, metrics: &Metrics) -> f64 {
        metrics.loss
    }
}

/// A held-out part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For model selection.
    Validation,
    /// For the final result.
    Test,
}

/// The metrics of a simple rule, for comparison with a net.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The rule.
    pub what: &'static str,
    /// Its metrics.
    pub metrics: Metrics,
}

/// A named number.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name: `loss`, `bits per character`, `accuracy`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}
