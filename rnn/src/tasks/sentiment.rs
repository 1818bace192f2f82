//! Sentence classification, from the last state.

use super::Level;
use crate::data::{Classification, Error, Fractions, Labelled, Split, Vocabulary, batches, split};
use crate::model::{Batch, Metrics, Mode, Model};
use crate::train::{Baseline, Figure, Part, Task};

/// Longer sentences are cut to their end, which matters most.
const LONGEST: usize = 400;

/// Labelled sentences as sequences of words or of characters.
#[derive(Debug)]
pub struct Sentiment {
    model: Model,
    sentences: Vec<Vec<usize>>,
    labels: Vec<usize>,
    classes: Vec<String>,
    unknown: [f64; 2],
    split: Split,
    batch: usize,
    seed: u64,
}

impl Sentiment {
    /// The seeded split of `n` sentences into four fifths for training, a tenth for validation and a tenth for test.
    ///
    /// # Errors
    /// If there are fewer than three.
    pub fn parts(n: usize, seed: u64) -> Result<Split, Error> {
        split(n, Fractions::default(), seed)
    }

    /// The symbols that occur at least `minimum` times in the training part, at most `limit` of them.
    ///
    /// # Errors
    /// If there are none.
    pub fn vocabulary(
        level: Level,
        data: &Labelled,
        parts: &Split,
        minimum: usize,
        limit: Option<usize>,
    ) -> Result<Vocabulary, Error> {
        let symbols: Vec<String> =
            parts.train.iter().flat_map(|&i| level.symbols(&data.sentences[i])).collect();
        level.words_of(symbols.iter().map(String::as_str), minimum, limit)
    }

    /// Sentences as symbol ids, in batches of `batch`.
    ///
    /// # Errors
    /// If `batch` is zero.
    pub fn new(
        model: Model,
        level: Level,
        data: &Labelled,
        parts: Split,
        vocabulary: &Vocabulary,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        batches(1, batch, seed, 0)?;
        let sentences: Vec<Vec<usize>> =
            data.sentences.iter().map(|s| Self::encode(level, vocabulary, s)).collect::<Result<_, _>>()?;
        let share = |part: &[usize]| {
            vocabulary.unknown_share(&part.iter().flat_map(|&i| sentences[i].clone()).collect::<Vec<_>>())
        };
        let unknown = [share(&parts.train), share(&parts.validation)];
        let (labels, classes) = (data.labels.clone(), data.classes.clone());
        Ok(Self { model, sentences, labels, classes, unknown, split: parts, batch, seed })
    }

    /// The fractions of unknown symbols in the training and the validation part.
    pub fn unknown(&self) -> [f64; 2] {
        self.unknown
    }

    /// The number of sentences per class in the training, validation and test part.
    pub fn counts(&self) -> [Vec<usize>; 3] {
        let Split { train, validation, test } = &self.split;
        [train, validation, test].map(|part| {
            let of = |class| part.iter().filter(|&&i| self.labels[i] == class).count();
            (0..self.classes.len()).map(of).collect()
        })
    }

    /// A sentence as symbol ids; unknown symbols become `<unk>`.
    ///
    /// # Errors
    /// If the vocabulary lacks a symbol and has no unknown symbol.
    pub fn encode(level: Level, vocabulary: &Vocabulary, sentence: &str) -> Result<Vec<usize>, Error> {
        let mut symbols = vocabulary.encode_all(level.symbols(sentence))?;
        let excess = symbols.len().saturating_sub(LONGEST);
        symbols.drain(..excess);
        if symbols.is_empty() {
            symbols.extend(vocabulary.unknown());
        }
        Ok(symbols)
    }

    fn feed(&self, members: &[usize]) -> Batch {
        let members: Vec<_> = members.iter().map(|&i| (&self.sentences[i][..], self.labels[i])).collect();
        Batch::padded(Classification::padded(&members), 8)
    }

    /// Batches of members of similar length, to reduce padding.
    fn in_order(&self, part: &[usize]) -> Box<dyn Iterator<Item = Batch> + '_> {
        let mut part = part.to_vec();
        part.sort_by_key(|&i| self.sentences[i].len());
        let chunks: Vec<Vec<usize>> = part.chunks(self.batch).map(<[usize]>::to_vec).collect();
        Box::new(chunks.into_iter().map(|members| self.feed(&members)))
    }
}

impl Task for Sentiment {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        Mode { lengths: true, ..Mode::default() }
    }

    fn batches(&self) -> usize {
        self.split.train.len().div_ceil(self.batch)
    }

    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        // The constructor has checked that the batch size is not zero.
        let order = batches(self.split.train.len(), self.batch, self.seed, epoch).unwrap_or_default();
        let members =
            move |batch: Vec<usize>| batch.into_iter().map(|i| self.split.train[i]).collect::<Vec<_>>();
        Box::new(order.into_iter().skip(from).map(move |batch| self.feed(&members(batch))))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        self.in_order(&self.split.validation)
    }

    fn test(&self) -> Option<Box<dyn Iterator<Item = Batch> + '_>> {
        Some(self.in_order(&self.split.test))
    }

    /// The most frequent class in training, with class probabilities from its counts with add-one (Laplace)
    /// smoothing.
    fn baseline(&self, part: Part) -> Option<Baseline> {
        let [train, validation, test] = self.counts();
        let held_out = if part == Part::Validation { validation } else { test };
        let add_one = |&count: &usize| count as f64 + 1.0;
        let total: f64 = train.iter().map(add_one).sum();
        let first = (0..train.len()).reduce(|best, i| if train[i] > train[best] { i } else { best })?;
        let n = held_out.iter().sum::<usize>().max(1) as f64;
        let loss = |(count, of): (&usize, &usize)| *of as f64 * (total / add_one(count)).ln();
        let loss = train.iter().zip(&held_out).map(loss).sum::<f64>() / n;
        let metrics = Metrics { loss, accuracy: Some(held_out[first] as f64 / n) };
        Some(Baseline { what: "the most frequent class", metrics })
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        let accuracy = metrics.accuracy.unwrap_or(f64::NAN);
        vec![Figure { name: "accuracy", value: accuracy }, Figure { name: "loss", value: metrics.loss }]
    }

    /// Accuracy first; the loss breaks ties.
    fn score(&self, metrics: &Metrics) -> f64 {
        1.0 - metrics.accuracy.unwrap_or(0.0) + 1e-6 * metrics.loss.min(1e3)
    }
}
