//! What is learned: batches, and what their losses mean.

use crate::model::{Feed, Metrics, Mode, Model};

/// A source of batches for a model, and the reading of its losses.
pub trait Task {
    /// The model that the batches are for.
    fn model(&self) -> &Model;

    /// Whether sequences differ in length, and whether states are carried from batch to batch. Whether the network
    /// is for training is the trainer's.
    fn mode(&self) -> Mode;

    /// The mode of the networks that train on it, on whichever engine: with what the cell's equations drop.
    fn training_mode(&self) -> Mode {
        Mode { noise: true, ..self.mode() }
    }

    /// The number of batches of an epoch.
    fn batches(&self) -> usize;

    /// The training batches of an epoch, from the batch `from` on: a function of the task and the epoch alone.
    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Feed> + '_>;

    /// The batches that training does not see.
    fn validation(&self) -> Box<dyn Iterator<Item = Feed> + '_>;

    /// The batches that are looked at once, at the end; none if the task has no such part.
    fn test(&self) -> Option<Box<dyn Iterator<Item = Feed> + '_>> {
        None
    }

    /// What a rule that learns nothing, or hardly anything, reaches on a part; none if there is no such rule.
    fn baseline(&self, part: Part) -> Option<Baseline> {
        let _ = part;
        None
    }

    /// The names of the classes, if each sequence has one.
    fn classes(&self) -> Option<&[String]> {
        None
    }

    /// What the losses say, for people.
    fn figures(&self, metrics: &Metrics) -> Vec<Figure>;

    /// How good a model is on the validation part: lower is better.
    fn score(&self, metrics: &Metrics) -> f64 {
        metrics.loss
    }
}

/// A part of the data that training does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For choosing among models.
    Validation,
    /// For the one number at the end.
    Test,
}

/// What a simple rule reaches, to compare a net with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The rule.
    pub what: &'static str,
    /// What it reaches.
    pub metrics: Metrics,
}

/// A number with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is: `loss`, `bits per character`, `accuracy`.
    pub name: &'static str,
    /// The number.
    pub value: f64,
}
