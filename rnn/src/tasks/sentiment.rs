//! The class of a sentence, from the last state.

use crate::data::{Classification, Error, Fractions, Labelled, Split, Vocabulary, batches, split, words};
use crate::model::{Feed, Metrics, Mode, Model};
use crate::train::{Figure, Task};

/// Sentences longer than this are cut: their end says what they say.
const LONGEST: usize = 400;

/// Labelled sentences as sequences of words.
#[derive(Debug)]
pub struct Sentiment {
    model: Model,
    sentences: Vec<Vec<usize>>,
    labels: Vec<usize>,
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

    /// The words of the training part that occur `minimum` times or more, at most `limit` of them.
    pub fn vocabulary(data: &Labelled, parts: &Split, minimum: usize, limit: Option<usize>) -> Vocabulary {
        Vocabulary::words(parts.train.iter().flat_map(|&i| words(&data.sentences[i])), minimum, limit)
    }

    /// Sentences as symbols of a vocabulary, in batches of `batch`.
    ///
    /// # Errors
    /// If `batch` is zero.
    pub fn new(
        model: Model,
        data: &Labelled,
        parts: Split,
        vocabulary: &Vocabulary,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        batches(1, batch, seed, 0)?;
        let sentences =
            data.sentences.iter().map(|s| Self::encode(vocabulary, s)).collect::<Result<_, _>>()?;
        Ok(Self { model, sentences, labels: data.labels.clone(), split: parts, batch, seed })
    }

    /// A sentence as symbols; words that the vocabulary does not have become `<unk>`.
    ///
    /// # Errors
    /// If there is no such symbol.
    pub fn encode(vocabulary: &Vocabulary, sentence: &str) -> Result<Vec<usize>, Error> {
        let mut symbols = vocabulary.encode_all(words(sentence))?;
        let excess = symbols.len().saturating_sub(LONGEST);
        symbols.drain(..excess);
        if symbols.is_empty() {
            symbols.extend(vocabulary.unknown());
        }
        Ok(symbols)
    }

    fn feed(&self, members: &[usize]) -> Feed {
        let members: Vec<_> = members.iter().map(|&i| (&self.sentences[i][..], self.labels[i])).collect();
        Feed::padded(Classification::padded(&members), 8)
    }

    /// Batches of members of similar length, so that little is padded.
    fn in_order(&self, part: &[usize]) -> Box<dyn Iterator<Item = Feed> + '_> {
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

    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Feed> + '_> {
        // The constructor has seen that the batch size is not zero.
        let order = batches(self.split.train.len(), self.batch, self.seed, epoch).unwrap_or_default();
        let members =
            move |batch: Vec<usize>| batch.into_iter().map(|i| self.split.train[i]).collect::<Vec<_>>();
        Box::new(order.into_iter().skip(from).map(move |batch| self.feed(&members(batch))))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Feed> + '_> {
        self.in_order(&self.split.validation)
    }

    fn test(&self) -> Option<Box<dyn Iterator<Item = Feed> + '_>> {
        Some(self.in_order(&self.split.test))
    }

    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        let accuracy = metrics.accuracy.unwrap_or(f64::NAN);
        vec![Figure { name: "accuracy", value: accuracy }, Figure { name: "loss", value: metrics.loss }]
    }

    /// Accuracy first; of equals, the smaller loss.
    fn score(&self, metrics: &Metrics) -> f64 {
        1.0 - metrics.accuracy.unwrap_or(0.0) + 1e-6 * metrics.loss.min(1e3)
    }
}
