//! Annotations: the inputs and outputs of a net's steps in the terms of its data.

use autograd::graph::NodeId;
use serde::Serialize;

/// The input and output of one step, or the output after the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The number of the step; `None` after the last one.
    pub step: Option<u32>,
    /// Its input: a character, a word, a number.
    pub reads: Option<String>,
    /// Its predictions, the most probable first.
    pub says: Vec<Said>,
    /// The target.
    pub target: Option<Said>,
    /// Its share of the loss: the value of the node of this step's loss. The shares add up to the mean over the targets.
    pub loss: Option<f64>,
    /// The node that yields the prediction: stepping through the graph shows no prediction before it.
    pub from: NodeId,
}

/// A prediction of a net.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// A class or a number, in words.
    pub what: String,
    /// Its probability, if it is a class.
    pub probability: Option<f64>,
}

/// A note in the page's format.
#[derive(Serialize)]
pub(super) struct Given<'a> {
    step: Option<u32>,
    reads: Option<&'a str>,
    says: &'a [Said],
    target: Option<&'a Said>,
    loss: Option<f64>,
    from: usize,
}

impl<'a> From<&'a Note> for Given<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            step: note.step,
            reads: note.reads.as_deref(),
            says: &note.says,
            target: note.target.as_ref(),
            loss: note.loss,
            from: note.from.index(),
        }
    }
}
