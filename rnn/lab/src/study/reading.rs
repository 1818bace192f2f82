//! A net on readable data: the annotations of each step on its page.

use super::page::of_cell;
use autograd::{NodeId, Point, Value, eval};
use autograd_view::draw::{self, Mention, Note, Said};
use rnn::model::{Batch, Head, Loss, Mode, Model, ModelError, Network};
use rnn::parameters::Parameters;
use std::collections::HashMap;

/// Annotations of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The input of each step in words; empty if the numbers have no reading.
    pub reads: Vec<String>,
    /// The names of the classes; empty for their numbers.
    pub classes: Vec<String>,
    /// The probability of each class if the sequence ended at a step, for a net with a head at the end alone.
    pub ended: Vec<Vec<f64>>,
    /// The mean and standard deviation by which real outputs were standardised.
    pub scale: Option<(f64, f64)>,
}

/// A model with its parameters, on one sequence.
#[derive(Clone, Debug)]
pub struct Study {
    /// The model.
    pub model: Model,
    /// Its parameters.
    pub parameters: Parameters,
    /// The sequence, as a batch of one.
    pub feed: Batch,
    /// The annotations.
    pub reading: Reading,
}

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The model cannot be built or evaluated.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The graph cannot be evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// The batch has several sequences.
    #[error("a page shows one sequence, and these are {0}: give a batch of one")]
    Batch(usize),
}

/// The maximum number of predictions shown per step.
const ANSWERS: usize = 5;

impl Study {
    /// The page of the net on its sequence, with its backpropagation through time: see [`draw::html()`].
    ///
    /// # Errors
    /// If there are several sequences, or the model cannot be built or evaluated on such data.
    pub fn html(&self, title: &str) -> Result<String, StudyError> {
        if self.feed.batch() != 1 {
            return Err(StudyError::Batch(self.feed.batch()));
        }
        let (network, point) = self.network()?;
        let notes = self.notes(&network, &point)?;
        let mut page = draw::Page { point: Some(point), notes, ..of_cell(&self.model.cell) };
        if !self.model.loss.is_of_classes() {
            // The derivation's loss is the cross entropy of classes.
            let other = |of: &Mention| of.name == "L" || of.name == "logits" && of.adjoint;
            page.formulas.retain(|formula| !formula.of.as_ref().is_some_and(other));
        }
        let options = draw::Options { title: Some(title.into()), ..draw::Options::default() };
        Ok(draw::html(&network.graph, &options, &page)?)
    }

    /// All values of the net on its data, for programs: the graph as node-link data (readable by networkx) with the
    /// value of every node by name: weights, inputs, states, losses, and ∂ of each.
    ///
    /// # Errors
    /// As [`Study::html`].
    pub fn json(&self, title: &str) -> Result<String, StudyError> {
        if self.feed.batch() != 1 {
            return Err(StudyError::Batch(self.feed.batch()));
        }
        let (network, point) = self.network()?;
        let ids: Vec<NodeId> = network.graph.ids().collect();
        let values: HashMap<NodeId, Value<f64>> =
            ids.iter().copied().zip(eval(&network.graph, &point, &ids)?).collect();
        let options = draw::Options { title: Some(title.into()), ..draw::Options::default() };
        Ok(draw::json(draw::View::new(&network.graph).with_values(values), &options))
    }

    /// The net in inference mode, without dropout, with its gradient, towards real inputs too (their saliency, Simonyan,
    /// Vedaldi & Zisserman 2014), and its point.
    fn network(&self) -> Result<(Network, Point<f64>), StudyError> {
        let model = Model { dropout: 0.0, ..self.model.clone() };
        let lengths = self.feed.lengths.is_some();
        let network = model.network(
            self.feed.steps(),
            1,
            Mode { train: true, lengths, saliency: true, ..Mode::default() },
        )?;
        let point = network.point(&self.parameters, &self.feed, &[], 0)?.cast::<f64>();
        Ok((network, point))
    }

    /// The annotations of each step, and of the end.
    fn notes(&self, network: &Network, point: &Point<f64>) -> Result<Vec<Note>, StudyError> {
        let asked: Vec<NodeId> = network.outputs.iter().chain(&network.losses).copied().collect();
        let values: Vec<Vec<f64>> = eval(&network.graph, point, &asked)?.into_iter().map(numbers).collect();
        let (outputs, rest) = values.split_at(network.outputs.len());
        let each = self.model.head == Head::EachStep;
        let targets = point.get(network.y).cloned().map(numbers).unwrap_or_default();
        let of_each = if self.model.loss.is_of_classes() { 1 } else { self.model.outputs };
        let answer = |t: usize, note: &mut Note| {
            let target = targets.chunks(of_each).nth(t).unwrap_or_default();
            (note.says, note.target) = self.said(&outputs[t], target);
            // As in its node: a share of the mean over all targets, so that these add up to the loss.
            note.loss = rest[t].first().copied().filter(|_| note.target.is_some());
            note.from = network.losses[t];
        };
        let mut notes: Vec<Note> = Vec::new();
        for t in 0..self.feed.steps() {
            let step = u32::try_from(t + 1).ok();
            let reads = self.reading.reads.get(t).cloned();
            let from = network.states.get(t).copied().unwrap_or(network.loss);
            let mut note = Note { step, reads, says: Vec::new(), target: None, loss: None, from };
            if each {
                answer(t, &mut note);
            } else if let Some(probabilities) = self.reading.ended.get(t) {
                note.says = self.ranked(probabilities);
            }
            notes.push(note);
        }
        if !each {
            let from = network.loss;
            let mut end = Note { step: None, reads: None, says: Vec::new(), target: None, loss: None, from };
            answer(0, &mut end);
            notes.push(end);
        }
        Ok(notes)
    }

    /// The prediction in words, and the target; `None` if the target is ignored.
    fn said(&self, output: &[f64], target: &[f64]) -> (Vec<Said>, Option<Said>) {
        if !self.model.loss.is_of_classes() {
            let probable = self.model.loss == Loss::BinaryCrossEntropy;
            let shown = |&z: &f64| if probable { 1.0 / (1.0 + (-z).exp()) } else { self.restored(z) };
            let says = Said { what: list(output.iter().map(shown)), probability: None };
            let wants = |&y: &f64| if probable { y } else { self.restored(y) };
            return (vec![says], Some(Said { what: list(target.iter().map(wants)), probability: None }));
        }
        let probabilities = softmax(output);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it was an index
        let class = target.first().map_or(usize::MAX, |&y| y as usize);
        // The class after the last means "ignore".
        let wanted =
            probabilities.get(class).map(|&p| Said { what: self.class(class), probability: Some(p) });
        (self.ranked(&probabilities), wanted)
    }

    /// The most probable classes.
    fn ranked(&self, probabilities: &[f64]) -> Vec<Said> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let said = |&k: &usize| Said { what: self.class(k), probability: Some(probabilities[k]) };
        order.iter().take(ANSWERS).map(said).collect()
    }

    fn class(&self, k: usize) -> String {
        self.reading.classes.get(k).cloned().unwrap_or_else(|| k.to_string())
    }

    fn restored(&self, z: f64) -> f64 {
        self.reading.scale.map_or(z, |(mean, std)| mean + std * z)
    }
}

fn numbers(value: Value<f64>) -> Vec<f64> {
    match value {
        Value::Float(a) => a.into_iter().collect(),
        Value::Index(a) => a.into_iter().map(|i| i as f64).collect(),
        Value::Bool(a) => a.into_iter().map(|b| f64::from(u8::from(b))).collect(),
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| (z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// Numbers with few digits, readable at a glance.
fn list(numbers: impl Iterator<Item = f64>) -> String {
    numbers.map(brief).collect::<Vec<_>>().join(", ")
}

/// Four digits: `0.1235`, `-1.500`, `123.5`.
pub fn brief(x: f64) -> String {
    let size = x.abs();
    let digits = [1000.0, 100.0, 10.0].iter().position(|&from| size >= from).unwrap_or(3);
    if size >= 1e5 || (size > 0.0 && size < 1e-3) { format!("{x:.2e}") } else { format!("{x:.digits$}") }
}

/// A symbol in visible form: blanks and line ends become signs.
pub fn visible(symbol: &str) -> String {
    match symbol {
        " " => "␣".into(),
        "\n" => "⏎".into(),
        "\t" => "⇥".into(),
        other => other.into(),
    }
}
