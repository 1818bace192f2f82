//! The forecast of a real-valued series, such as a price.

use crate::data::{Error, Regression, Series, batches};
use crate::model::{Batch, Metrics, Mode, Model};
use crate::train::{Baseline, Figure, Part, Task};
use ndarray::Axis;
use std::ops::Range;

/// Windows of a series with the value some steps later.
#[derive(Debug)]
pub struct Forecast {
    model: Model,
    series: Series,
    window: usize,
    horizon: usize,
    train: Regression,
    validation: Regression,
    test: Regression,
    batch: usize,
    seed: u64,
}

impl Forecast {
    /// Windows of `window` steps with the value `horizon` steps later, in batches of `batch`.
    ///
    /// # Errors
    /// If the series is too short or a number is zero.
    pub fn new(
        model: Model,
        series: Series,
        window: usize,
        horizon: usize,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        batches(1, batch, seed, 0)?;
        let windows = |part: &Range<usize>| series.windows(part, window, horizon);
        let (train, validation, test) =
            (windows(&series.train)?, windows(&series.validation)?, windows(&series.test)?);
        Ok(Self { model, series, window, horizon, train, validation, test, batch, seed })
    }

    /// The series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The number of steps in a window, and the number of steps ahead.
    pub fn window(&self) -> (usize, usize) {
        (self.window, self.horizon)
    }

    fn feeds<'a>(&self, part: &'a Regression) -> Box<dyn Iterator<Item = Batch> + 'a> {
        let all: Vec<usize> = (0..part.targets.nrows()).collect();
        let chunks: Vec<Vec<usize>> = all.chunks(self.batch).map(<[usize]>::to_vec).collect();
        Box::new(chunks.into_iter().map(|members| part.select(&members).into()))
    }
}

impl Task for Forecast {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        Mode::default()
    }

    fn batches(&self) -> usize {
        self.train.targets.nrows().div_ceil(self.batch)
    }

    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        // The constructor has checked that the batch size is not zero.
        let order = batches(self.train.targets.nrows(), self.batch, self.seed, epoch).unwrap_or_default();
        Box::new(order.into_iter().skip(from).map(|members| self.train.select(&members).into()))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        self.feeds(&self.validation)
    }

    fn test(&self) -> Option<Box<dyn Iterator<Item = Batch> + '_>> {
        Some(self.feeds(&self.test))
    }

    /// The last value of the window (persistence).
    fn baseline(&self, part: Part) -> Option<Baseline> {
        let part = if part == Part::Validation { &self.validation } else { &self.test };
        let last = part.inputs.index_axis(Axis(0), self.window - 1);
        let loss = (&last - &part.targets).mapv(|x| x * x).mean()?;
        Some(Baseline { what: "the last value repeated", metrics: Metrics { loss, accuracy: None } })
    }

    /// In the unit of the series.
    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        vec![Figure { name: "rmse", value: metrics.loss.sqrt() * self.series.std }]
    }
}
