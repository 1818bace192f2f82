//! The class of a sentence, and how the net comes to it word by word.

use super::{InferError, agree, softmax, symbols};
use crate::data::{Classification, Vocabulary};
use crate::model::{Engine, Feed, Mode, Model, Networks};
use crate::parameters::Parameters;
use crate::tasks::{Level, Sentiment};
use autograd::{NodeId, eval};

/// How many beginnings of a sentence are read side by side for a trace: a bound on memory.
const ABREAST: usize = 16;

/// A trained classifier of sentences.
pub struct Classifier<'a> {
    networks: Networks,
    parameters: &'a Parameters,
    level: Level,
    vocabulary: &'a Vocabulary,
    classes: &'a [String],
}

/// What a classifier says of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The likeliest class: an index into the classes.
    pub class: usize,
    /// The probability of each class.
    pub probabilities: Vec<f64>,
    /// The words that the vocabulary does not have, in order.
    pub unknown: Vec<String>,
}

/// The net after a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The word.
    pub word: String,
    /// Whether the vocabulary has it.
    pub known: bool,
    /// The probability of each class if the sentence ended here.
    pub probabilities: Vec<f64>,
    /// The first state of the last layer in its forward direction, `[hidden]`.
    pub state: Vec<f32>,
}

impl<'a> Classifier<'a> {
    /// A model with its words and classes.
    ///
    /// # Errors
    /// If they are not the model's.
    pub fn new(
        model: &Model,
        parameters: &'a Parameters,
        (level, vocabulary): (Level, &'a Vocabulary),
        classes: &'a [String],
    ) -> Result<Self, InferError> {
        agree("words", vocabulary.len(), symbols(model))?;
        agree("classes", classes.len(), model.outputs)?;
        let networks = Networks::new(model, Mode { lengths: true, ..Mode::default() }, 1);
        Ok(Self { networks, parameters, level, vocabulary, classes })
    }

    /// The classes.
    pub fn classes(&self) -> &'a [String] {
        self.classes
    }

    /// The class of a sentence.
    ///
    /// # Errors
    /// If it has no word, or the model's output is not finite.
    pub fn judge(&mut self, sentence: &str) -> Result<Judgement, InferError> {
        let symbols = self.symbols(sentence)?;
        let feed = Feed::padded(Classification::padded(&[(&symbols, 0)]), 8);
        let outcome = self.networks.run(self.parameters, &feed, &[], 0, false)?;
        let probabilities = softmax(outcome.outputs[0].iter().copied().map(f64::from));
        let class = (0..probabilities.len())
            .reduce(|best, i| if probabilities[i] > probabilities[best] { i } else { best })
            .ok_or(InferError::Nothing)?;
        let unknown = self.level.symbols(sentence).into_iter().filter(|word| !self.knows(word)).collect();
        Ok(Judgement { class, probabilities, unknown })
    }

    /// What the net holds and says after each word that it reads.
    ///
    /// The beginnings of a sentence are a batch like any other: row k is the sentence cut off after k words, so the
    /// answer holds for every net, also one that reads backwards or takes the mean of its outputs.
    ///
    /// # Errors
    /// As [`Classifier::judge`].
    pub fn trace(&mut self, sentence: &str) -> Result<Vec<Step>, InferError> {
        let symbols = self.symbols(sentence)?;
        let words = self.level.symbols(sentence);
        let words = &words[words.len().saturating_sub(symbols.len())..];
        let mut steps = Vec::with_capacity(symbols.len());
        for first in (0..symbols.len()).step_by(ABREAST) {
            let rows = first..(first + ABREAST).min(symbols.len());
            let beginnings: Vec<(&[usize], usize)> = rows.clone().map(|k| (&symbols[..=k], 0)).collect();
            let feed = Feed::padded(Classification::padded(&beginnings), 8);
            let compiled = self.networks.network(feed.steps(), feed.batch(), false)?;
            let network = &compiled.network;
            let point = network.point(self.parameters, &feed, &[], 0)?;
            let wanted: Vec<NodeId> = network.outputs.iter().chain(&network.states).copied().collect();
            let values: Vec<_> =
                eval(&network.graph, &point, &wanted)?.into_iter().map(autograd::Value::into_float).collect();
            let (logits, states) = (&values[0], &values[1..]);
            for (row, k) in rows.enumerate() {
                let word = words.get(k).cloned().unwrap_or_default();
                steps.push(Step {
                    known: self.knows(&word),
                    word,
                    probabilities: softmax(
                        logits.index_axis(ndarray::Axis(0), row).iter().copied().map(f64::from),
                    ),
                    state: states[k].index_axis(ndarray::Axis(0), row).iter().copied().collect(),
                });
            }
        }
        if steps.iter().flat_map(|step| &step.probabilities).any(|p| !p.is_finite()) {
            return Err(InferError::NotFinite);
        }
        Ok(steps)
    }

    fn symbols(&self, sentence: &str) -> Result<Vec<usize>, InferError> {
        if sentence.trim().is_empty() || self.level.symbols(sentence).is_empty() {
            return Err(InferError::Nothing);
        }
        Ok(Sentiment::encode(self.level, self.vocabulary, sentence)?)
    }

    fn knows(&self, word: &str) -> bool {
        self.vocabulary.encode(word).is_ok_and(|id| Some(id) != self.vocabulary.unknown())
    }
}
