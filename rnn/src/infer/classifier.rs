//! The class of a sentence, and its probabilities word by word.

use super::{InferError, agree, softmax, symbols};
use crate::data::{Classification, Vocabulary};
use crate::model::{Batch, Engine, Mode, Model, Networks};
use crate::parameters::Parameters;
use crate::tasks::{Level, Sentiment};
use autograd::{NodeId, eval};

/// The number of prefixes of a sentence that a trace evaluates at once: it bounds memory.
const ABREAST: usize = 16;

/// A trained classifier of sentences.
pub struct Classifier<'a> {
    networks: Networks,
    parameters: &'a Parameters,
    level: Level,
    vocabulary: &'a Vocabulary,
    classes: &'a [String],
}

/// The result for a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The most probable class: an index into the classes.
    pub class: usize,
    /// The probability of each class.
    pub probabilities: Vec<f64>,
    /// The words outside the vocabulary, in order.
    pub unknown: Vec<String>,
}

/// The net's state after a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The word.
    pub word: String,
    /// Whether the vocabulary contains it.
    pub known: bool,
    /// The probability of each class if the sentence ended here.
    pub probabilities: Vec<f64>,
    /// The first state of the last layer in its forward direction, `[hidden]`.
    pub state: Vec<f32>,
}

impl<'a> Classifier<'a> {
    /// A model with its vocabulary and classes.
    ///
    /// # Errors
    /// If they do not fit the model.
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
    /// If it has no words, or the model's output is not finite.
    pub fn judge(&mut self, sentence: &str) -> Result<Judgement, InferError> {
        let symbols = self.symbols(sentence)?;
        let feed = Batch::padded(Classification::padded(&[(&symbols, 0)]), 8);
        let outcome = self.networks.run(self.parameters, &feed, &[], 0, false)?;
        let probabilities = softmax(outcome.outputs[0].iter().copied().map(f64::from));
        let class = (0..probabilities.len())
            .reduce(|best, i| if probabilities[i] > probabilities[best] { i } else { best })
            .ok_or(InferError::Nothing)?;
        let unknown = self.level.symbols(sentence).into_iter().filter(|word| !self.knows(word)).collect();
        Ok(Judgement { class, probabilities, unknown })
    }

    /// The state and the class probabilities after each word.
    ///
    /// The prefixes of the sentence form a batch: row k is the sentence cut off after k words. So the result is right
    /// for every net, also one that is bidirectional or averages its outputs.
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
            let feed = Batch::padded(Classification::padded(&beginnings), 8);
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
