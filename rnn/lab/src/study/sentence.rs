//! The gradient of a sentence classifier, on the words of one sentence.

use autograd::{Builder, Value};
use autograd_check::{Check, Report};
use ndarray::{Array1, Axis};
use rnn::data::Vocabulary;
use rnn::infer::InferError;
use rnn::model::{Batch, Mode, Model, Network};
use rnn::parameters::Parameters;
use rnn::tasks::{Level, Sentiment};

/// The model unrolled over a sentence, without dropout; with its derivative if `backward`.
///
/// # Errors
/// If a word has no symbol, or the model cannot be built or evaluated.
pub fn network_of(
    model: &Model,
    vocabulary: &Vocabulary,
    sentence: &str,
    backward: bool,
) -> Result<Network, InferError> {
    let steps = Sentiment::encode(Level::Word, vocabulary, sentence)?.len();
    let model = Model { dropout: 0.0, ..model.clone() };
    Ok(model.network(steps, 1, Mode { train: backward, ..Mode::default() })?)
}

/// Compares the gradients of the loss of one sentence with numeric ones, in f64, at a model's own parameters.
///
/// # Errors
/// If a word has no symbol, or the model cannot be built or evaluated.
pub fn check_sentence(
    model: &Model,
    parameters: &Parameters,
    vocabulary: &Vocabulary,
    sentence: &str,
    class: usize,
) -> Result<Report, InferError> {
    let network = network_of(model, vocabulary, sentence, false)?;
    let x =
        Array1::from(Sentiment::encode(Level::Word, vocabulary, sentence)?).insert_axis(Axis(1)).into_dyn();
    let y = Array1::from(vec![class]).into_dyn();
    let feed = Batch { x: Value::Index(x), y: Value::Index(y), lengths: None };
    let point = network.point(parameters, &feed, &[], 0)?.cast();
    let g = Builder::resume(network.graph.clone());
    Ok(Check::new(g.expr(network.loss)).at(point).run()?)
}
