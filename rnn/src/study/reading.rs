//! A classifier of sentences, watched while it reads.

use crate::data::{self, Vocabulary, words};
use crate::model::{Feed, Head, Mode, Model, ModelError, Network};
use crate::parameters::Parameters;
use crate::tasks::Sentiment;
use autograd::{Builder, Check, Report, Value, eval};
use ndarray::{Array1, Array2, ArrayD, Axis};

/// What a net went through while it read a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The words.
    pub words: Vec<Word>,
    /// The state of the last layer after each word, `[word, hidden]`.
    pub states: Array2<f32>,
    /// What the head makes of that state: the probability of each class, `[word, class]`.
    pub probabilities: Array2<f32>,
}

/// A word of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As the net reads it, in lower case.
    pub text: String,
    /// Whether the vocabulary has it.
    pub known: bool,
}

/// Why a sentence cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// A word has no symbol.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The model cannot be built or evaluated.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<autograd::Error> for ReadingError {
    fn from(error: autograd::Error) -> Self {
        Self::Model(error.into())
    }
}

/// Reads a sentence with a model whose head is on the last state. After each word the same head is asked: the
/// probabilities in between are what the net would say if the sentence ended there.
///
/// # Errors
/// If a word has no symbol, or the parameters are not the model's.
pub fn read(
    model: &Model,
    parameters: &Parameters,
    vocabulary: &Vocabulary,
    sentence: &str,
) -> Result<Reading, ReadingError> {
    let watched = Model { head: Head::EachStep, ..model.clone() };
    let symbols = Sentiment::encode(vocabulary, sentence)?;
    let steps = symbols.len();
    let network = watched.network(steps, 1, Mode::default())?;
    let y = Array2::zeros((steps, 1));
    let point = network.point(parameters, &feed(symbols, Value::Index(y.into_dyn())), &[], 0);
    let rows = |nodes: &[autograd::NodeId]| -> Result<Array2<f32>, ReadingError> {
        let values = eval(&network.graph, &point, nodes)?;
        let rows: Vec<f32> = values.iter().flat_map(|v| v.float().iter().copied()).collect();
        let width = rows.len() / steps;
        Ok(Array2::from_shape_vec((steps, width), rows).expect("one row of the same width for each word"))
    };
    let mut probabilities = rows(&network.outputs)?;
    for mut row in probabilities.axis_iter_mut(Axis(0)) {
        let largest = row.fold(f32::NEG_INFINITY, |m, &z| m.max(z));
        row.mapv_inplace(|z| (z - largest).exp());
        row /= row.sum();
    }
    let known = |text: String| Word { known: vocabulary.symbols().contains(&text), text };
    Ok(Reading {
        words: words(sentence).into_iter().map(known).collect(),
        states: rows(&network.states)?,
        probabilities,
    })
}

/// The model unrolled over a sentence, without dropout; with its backpropagation through time if `backward`.
///
/// # Errors
/// As [`read`].
pub fn network_of(
    model: &Model,
    vocabulary: &Vocabulary,
    sentence: &str,
    backward: bool,
) -> Result<Network, ReadingError> {
    let steps = Sentiment::encode(vocabulary, sentence)?.len();
    let model = Model { dropout: 0.0, ..model.clone() };
    Ok(model.network(steps, 1, Mode { train: backward, ..Mode::default() })?)
}

/// Compares the gradients of the loss of one sentence with numeric ones, in f64, at a model's own parameters.
///
/// # Errors
/// As [`read`].
pub fn check_sentence(
    model: &Model,
    parameters: &Parameters,
    vocabulary: &Vocabulary,
    sentence: &str,
    class: usize,
) -> Result<Report, ReadingError> {
    let network = network_of(model, vocabulary, sentence, false)?;
    let y: ArrayD<usize> = Array1::from(vec![class]).into_dyn();
    let feed = feed(Sentiment::encode(vocabulary, sentence)?, Value::Index(y));
    let point = network.point(parameters, &feed, &[], 0).cast();
    let g = Builder::resume(network.graph.clone());
    Ok(Check::new(g.expr(network.loss)).at(point).run()?)
}

/// One sentence as a batch.
fn feed(symbols: Vec<usize>, y: Value<f32>) -> Feed {
    let x = Array1::from(symbols).insert_axis(Axis(1)).into_dyn();
    Feed { x: Value::Index(x), y, lengths: None }
}
