//! A language model over a text: the next character, or the next word.

use crate::cell::Clock;
use crate::data::corpus::{self, Streams};
use crate::data::{Error, Vocabulary, words};
use crate::model::{Feed, Metrics, Mode, Model};
use crate::train::{Figure, Task};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// The share of a text that is learned.
const TRAIN: f64 = 0.9;

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A character.
    Char,
    /// A word or a punctuation mark.
    Word,
}

impl Level {
    /// The symbols of a text, in order.
    pub fn symbols(self, text: &str) -> Vec<String> {
        match self {
            Self::Char => text.chars().map(String::from).collect(),
            Self::Word => words(text),
        }
    }

    /// The vocabulary of a text: all its characters, or those words of its training part that occur `minimum` times or
    /// more, at most `limit` of them.
    ///
    /// # Errors
    /// If the text is too short to have a training part.
    pub fn vocabulary(self, text: &str, minimum: usize, limit: Option<usize>) -> Result<Vocabulary, Error> {
        match self {
            Self::Char => Ok(Vocabulary::characters(text)),
            Self::Word => {
                let words = words(text);
                let (train, _) = corpus::split(&words, TRAIN)?;
                Ok(Vocabulary::words(train, minimum, limit))
            }
        }
    }
}

/// The first nine tenths of a text are learned, the rest is for validation. States are carried from window to
/// window (Mikolov et al. 2010), so that the model reads each stream from its beginning to its end.
#[derive(Debug)]
pub struct Text {
    model: Model,
    level: Level,
    steps: usize,
    train: Streams,
    validation: Streams,
}

impl Text {
    /// A text as symbols of a vocabulary, in `batch` parallel streams and windows of `steps` steps.
    ///
    /// # Errors
    /// If the text is too short for so many streams, or a number is zero.
    pub fn new(
        model: Model,
        level: Level,
        symbols: &[usize],
        steps: usize,
        batch: usize,
    ) -> Result<Self, Error> {
        let (train, validation) = corpus::split(symbols, TRAIN)?;
        // A short text has a short rest: it is read in as many streams as it fills.
        let few = batch.min(validation.len() / 2).max(1);
        let (train, validation) = (Streams::new(train, batch)?, Streams::new(validation, few)?);
        let _ = train.windows(steps)?;
        Ok(Self { model, level, steps, train, validation })
    }

    fn windows<'a>(&self, streams: &'a Streams) -> Box<dyn Iterator<Item = Feed> + 'a> {
        // The constructor has seen that the number of steps is not zero.
        match streams.windows(self.steps) {
            Ok(windows) => Box::new(windows.map(Feed::from)),
            Err(_) => Box::new(std::iter::empty()),
        }
    }
}

impl Task for Text {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        let clock = self.model.cell.cell().is_ok_and(|cell| cell.clock() == Clock::GoesOn);
        Mode { carry: true, clock, ..Mode::default() }
    }

    fn batches(&self) -> usize {
        self.train.windows(self.steps).map_or(0, |windows| windows.len())
    }

    fn train(&self, _epoch: u64, from: usize) -> Box<dyn Iterator<Item = Feed> + '_> {
        Box::new(self.windows(&self.train).skip(from))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Feed> + '_> {
        self.windows(&self.validation)
    }

    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        let first = match self.level {
            Level::Char => Figure { name: "bits per character", value: metrics.loss / LN_2 },
            Level::Word => Figure { name: "perplexity", value: metrics.loss.exp() },
        };
        let accuracy = metrics.accuracy.map(|value| Figure { name: "accuracy", value });
        [first].into_iter().chain(accuracy).collect()
    }
}
