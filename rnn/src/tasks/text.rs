//! A language model of a text: the next character, or the next word.

use crate::cell::Clock;
use crate::data::corpus::{self, Streams};
use crate::data::{Error, Vocabulary, words};
use crate::model::{Batch, Metrics, Mode, Model};
use crate::train::{Baseline, Figure, Part, Task};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;
use unicode_normalization::UnicodeNormalization;

/// The training fraction of a text.
const TRAIN: f64 = 0.9;

/// The level of symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A character.
    Char,
    /// A word or a punctuation mark.
    Word,
}

impl Level {
    /// The symbols of a text, in order. Letters are composed (NFC).
    pub fn symbols(self, text: &str) -> Vec<String> {
        match self {
            Self::Char => text.nfc().map(String::from).collect(),
            Self::Word => words(text),
        }
    }

    /// The vocabulary of a text: all its characters, or the words that occur at least `minimum` times in its training
    /// part, at most `limit` of them.
    ///
    /// # Errors
    /// If the text is too short for a training part, or no word is frequent enough.
    pub fn vocabulary(self, text: &str, minimum: usize, limit: Option<usize>) -> Result<Vocabulary, Error> {
        match self {
            Self::Char => Ok(Vocabulary::characters(text)),
            Self::Word => {
                let words = words(text);
                let (train, _) = corpus::split(&words, TRAIN)?;
                self.words_of(train.iter().map(String::as_str), minimum, limit)
            }
        }
    }
}

impl Level {
    /// The plural name of its symbols.
    pub fn name(self) -> &'static str {
        match self {
            Self::Char => "characters",
            Self::Word => "words",
        }
    }

    /// The vocabulary of the symbols that occur at least `minimum` times, and `<unk>`.
    ///
    /// # Errors
    /// If `<unk>` is the only one.
    pub(super) fn words_of<'a>(
        self,
        symbols: impl Iterator<Item = &'a str> + Clone,
        minimum: usize,
        limit: Option<usize>,
    ) -> Result<Vocabulary, Error> {
        let vocabulary = Vocabulary::words(symbols.clone(), minimum, limit);
        if vocabulary.len() > 1 {
            return Ok(vocabulary);
        }
        let distinct = symbols.collect::<std::collections::HashSet<_>>().len();
        Err(Error::NoWords { what: self.name(), distinct })
    }
}

/// The first nine tenths of a text are for training, the rest for validation. States are carried from window to
/// window (Mikolov et al. 2010), so the model reads each stream from start to end.
#[derive(Debug)]
pub struct Text {
    model: Model,
    /// Whether the cell's clock continues from window to window.
    clock: bool,
    level: Level,
    steps: usize,
    train: Streams,
    validation: Streams,
    /// The metrics of the unigram distribution on the validation part.
    unigram: Metrics,
    /// The fractions of unknown symbols in the training and the validation part.
    unknown: [f64; 2],
}

impl Text {
    /// A text as symbol ids, in `batch` parallel streams and windows of `steps` steps.
    ///
    /// # Errors
    /// If the text is too short for `batch` streams, or a number is zero.
    pub fn new(
        model: Model,
        level: Level,
        vocabulary: &Vocabulary,
        symbols: &[usize],
        steps: usize,
        batch: usize,
    ) -> Result<Self, Error> {
        let (train, validation) = corpus::split(symbols, TRAIN)?;
        let unknown = [train, validation].map(|part| vocabulary.unknown_share(part));
        let unigram = unigram(train, validation, model.outputs);
        // A short validation part fills fewer streams.
        let few = batch.min(validation.len() / 2).max(1);
        let streams = |part: &'static str, symbols: &[usize], batch| {
            Streams::new(symbols, batch).map_err(|error| match error {
                Error::ShortText { found, batch, needed, .. } => {
                    Error::ShortText { part, found, batch, needed }
                }
                error => error,
            })
        };
        let train = streams("the training part, nine tenths of the text,", train, batch)?;
        let validation = streams("the validation part, a tenth of the text,", validation, few)?;
        let _ = train.windows(steps)?;
        let clock = model.cell.cell().is_ok_and(|cell| cell.clock() == Clock::GoesOn);
        Ok(Self { model, clock, level, steps, train, validation, unigram, unknown })
    }

    /// The fractions of unknown symbols in the training and the validation part.
    pub fn unknown(&self) -> [f64; 2] {
        self.unknown
    }

    fn windows<'a>(&self, streams: &'a Streams) -> Box<dyn Iterator<Item = Batch> + 'a> {
        // The constructor has checked that the number of steps is not zero.
        match streams.windows(self.steps) {
            Ok(windows) => Box::new(windows.map(Batch::from)),
            Err(_) => Box::new(std::iter::empty()),
        }
    }
}

impl Task for Text {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        Mode { carry: true, clock: self.clock, ..Mode::default() }
    }

    fn batches(&self) -> usize {
        self.train.windows(self.steps).map_or(0, |windows| windows.len())
    }

    fn train(&self, _epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new(self.windows(&self.train).skip(from))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        self.windows(&self.validation)
    }

    fn baseline(&self, part: Part) -> Option<Baseline> {
        let what = "each symbol as often as in the training part";
        (part == Part::Validation).then_some(Baseline { what, metrics: self.unigram })
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

/// The mean loss on `held_out` of the unigram distribution of `train` over `classes` symbols, with add-one (Laplace)
/// smoothing, and the accuracy of its most frequent symbol.
fn unigram(train: &[usize], held_out: &[usize], classes: usize) -> Metrics {
    let mut counts = vec![1.0; classes];
    train.iter().for_each(|&symbol| counts[symbol] += 1.0);
    let total: f64 = counts.iter().sum();
    let first = (0..classes).reduce(|best, i| if counts[i] > counts[best] { i } else { best });
    let n = held_out.len().max(1) as f64;
    let loss = held_out.iter().map(|&symbol| -(counts[symbol] / total).ln()).sum::<f64>() / n;
    let right = held_out.iter().filter(|&&symbol| Some(symbol) == first).count();
    Metrics { loss, accuracy: Some(right as f64 / n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts 3 + 1 and 1 + 1 of 6: the loss of a held-out 0 is ln 6/4, of a 1 ln 6/2.
    #[test]
    fn the_baseline_is_the_entropy_of_counts() {
        let found = unigram(&[0, 0, 0, 1], &[0, 1], 2);
        assert!((found.loss - 0.5 * (1.5_f64.ln() + 3_f64.ln())).abs() < 1e-12, "{found:?}");
        assert_eq!(found.accuracy, Some(0.5));
    }
}
