//! The published synthetic tasks: an endless supply of batches.

use crate::data::Error;
use crate::data::synthetic::{Adding, CopyMemory, TemporalOrder};
use crate::model::{Batch, Head, Input, Loss, Metrics, Mode, Model};
use crate::train::{Baseline, Figure, Part, Task};
use std::ops::Range;

/// Which task.
#[derive(Clone, Debug)]
pub enum SyntheticKind {
    /// The sum of two marked numbers.
    Adding(Adding),
    /// Ten symbols to repeat after a pause.
    Copy(CopyMemory),
    /// The order of two relevant symbols among distractors.
    TemporalOrder(TemporalOrder),
}

impl SyntheticKind {
    /// The input, the head, the number of outputs, and the loss.
    pub fn shape(&self) -> (Input, Head, usize, Loss) {
        match self {
            Self::Adding(_) => (Input::Reals { size: 2 }, Head::Last, 1, Loss::MeanSquared),
            Self::Copy(_) => {
                let symbols = CopyMemory::CLASSES;
                (Input::OneHot { symbols }, Head::EachStep, symbols, Loss::CrossEntropy)
            }
            Self::TemporalOrder(_) => {
                let input = Input::OneHot { symbols: TemporalOrder::SYMBOLS.len() };
                (input, Head::Last, TemporalOrder::CLASSES, Loss::CrossEntropy)
            }
        }
    }

    /// The loss of a net that uses no memory.
    pub fn baseline(&self) -> f64 {
        match self {
            Self::Adding(_) => Adding::BASELINE,
            Self::Copy(copy) => copy.baseline(),
            Self::TemporalOrder(_) => TemporalOrder::BASELINE,
        }
    }

    fn batch(&self, size: usize, seed: u64, index: u64) -> Batch {
        match self {
            Self::Adding(task) => task.batch(size, seed, index).into(),
            Self::Copy(task) => task.batch(size, seed, index).into(),
            Self::TemporalOrder(task) => Batch::padded(task.batch(size, seed, index), 1),
        }
    }
}

/// A synthetic task with a fixed number of batches per epoch.
#[derive(Debug)]
pub struct Synthetic {
    model: Model,
    kind: SyntheticKind,
    batch: usize,
    batches: usize,
    seed: u64,
}

impl Synthetic {
    /// The number of batches in the validation and in the test part.
    const HELD_OUT: u64 = 20;

    /// Batches of `batch` sequences, `batches` per epoch.
    ///
    /// # Errors
    /// If a number is zero.
    pub fn new(
        model: Model,
        kind: SyntheticKind,
        batch: usize,
        batches: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        crate::data::batches(1, batch, seed, 0)?;
        crate::data::batches(1, batches, seed, 0)?;
        Ok(Self { model, kind, batch, batches, seed })
    }

    /// The task.
    pub fn kind(&self) -> &SyntheticKind {
        &self.kind
    }

    /// Training batches are numbered from 0; validation and test count down from the maximum.
    fn feeds(&self, numbers: Range<u64>) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new(numbers.map(|index| self.kind.batch(self.batch, self.seed, index)))
    }
}

impl Task for Synthetic {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        Mode { lengths: matches!(self.kind, SyntheticKind::TemporalOrder(_)), ..Mode::default() }
    }

    fn batches(&self) -> usize {
        self.batches
    }

    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        let first = epoch * self.batches as u64;
        self.feeds(first + from as u64..first + self.batches as u64)
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        self.feeds(u64::MAX - Self::HELD_OUT..u64::MAX)
    }

    fn test(&self) -> Option<Box<dyn Iterator<Item = Batch> + '_>> {
        Some(self.feeds(u64::MAX - 2 * Self::HELD_OUT..u64::MAX - Self::HELD_OUT))
    }

    fn baseline(&self, _: Part) -> Option<Baseline> {
        let metrics = Metrics { loss: self.kind.baseline(), accuracy: None };
        Some(Baseline { what: "a net without memory", metrics })
    }

    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        let name = if self.kind.shape().3 == Loss::MeanSquared { "squared error" } else { "loss" };
        let loss = Figure { name, value: metrics.loss };
        let accuracy = metrics.accuracy.map(|value| Figure { name: "accuracy", value });
        [loss].into_iter().chain(accuracy).collect()
    }
}
