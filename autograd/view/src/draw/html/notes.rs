//! What the steps of a net read and say, in words of those who know its data.

use autograd::graph::NodeId;
use serde::Serialize;

/// What one step reads and says, or what is said after the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The number of the step; none for what is said after the last one.
    pub step: Option<u32>,
    /// What it reads: a character, a word, a number.
    pub reads: Option<String>,
    /// What comes out, the likeliest first.
    pub says: Vec<Said>,
    /// What should come out.
    pub target: Option<Said>,
    /// The loss of this step alone, before means are taken.
    pub loss: Option<f64>,
    /// The node that must have been computed before anything can be said: a walk shows no answer before that.
    pub from: NodeId,
}

/// Something that comes out of a net.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// A class or a number, in words.
    pub what: String,
    /// Its probability, if it is a class.
    pub probability: Option<f64>,
}

/// A note as the page is given it.
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
