//! The number of a step, and the source of its dropout masks.

use crate::lengths::real;
use autograd::{Builder, Expr, Shape};
use std::cell::OnceCell;

/// How the step number continues when a sequence is read in parts, each starting from the final states of the part
/// before: windows of a text, or a text generated symbol by symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// No step reads it.
    Unread,
    /// It is carried like a state: a part continues the count.
    GoesOn,
    /// Each part counts from 1.
    Restarts,
}

/// The source of a cell's dropout masks in one lane: each mask is a function of the seed and its position.
#[derive(Clone, Copy, Debug)]
pub struct Noise<'g> {
    /// The seed of a batch's masks: one whole number.
    pub seed: Expr<'g>,
    /// The lane, from 0.
    pub lane: usize,
}

impl<'g> Noise<'g> {
    /// 0 with probability `rate`, otherwise 1 / (1 - rate): the cell's mask `number` at a step. Step 0 gives the mask
    /// that all steps share.
    #[track_caller]
    pub fn mask(&self, shape: impl Into<Shape>, rate: f64, step: usize, number: usize) -> Expr<'g> {
        // Disjoint from the streams of the masks between layers, which are counted from 0.
        let stream = ((self.lane as u64 + 1) << 48) + ((step as u64) << 16) + number as u64;
        self.seed.dropout_mask(shape, rate, stream)
    }
}

/// The number of a step, from 1 in the order in which a sequence is read.
///
/// Usually one number for the whole batch. In a backward pass over sequences of different lengths each sequence
/// starts at its own end, so the number differs by sequence and is a value of the graph: the result is the same as
/// for the sequence alone.
#[derive(Debug)]
pub struct Step<'g> {
    /// The place in the input, from 1.
    place: usize,
    number: Number<'g>,
    noise: Option<Noise<'g>>,
    alike: bool,
    /// Built on first use: most cells never read it.
    value: OnceCell<Expr<'g>>,
}

#[derive(Debug)]
enum Number<'g> {
    Known(usize),
    Given(Expr<'g>),
    After { elapsed: Expr<'g>, steps: usize },
    FromEnd { lengths: Expr<'g>, steps: usize, real: OnceCell<Expr<'g>> },
}

impl<'g> Step<'g> {
    /// A step of that number in every sequence.
    pub fn new(number: usize) -> Self {
        Self {
            place: number,
            number: Number::Known(number),
            noise: None,
            alike: false,
            value: OnceCell::new(),
        }
    }

    /// A step whose number is a value of the graph, a real scalar: nothing that depends on `t` is decided when the
    /// graph is built.
    pub fn given(place: usize, number: Expr<'g>) -> Self {
        Self { place, number: Number::Given(number), noise: None, alike: false, value: OnceCell::new() }
    }

    /// A step of continued sequences: `elapsed`, `[batch, 1]`, counts the steps read before this network's first.
    pub(crate) fn after(elapsed: Expr<'g>) -> Self {
        Self {
            place: 1,
            number: Number::After { elapsed, steps: 1 },
            noise: None,
            alike: false,
            value: OnceCell::new(),
        }
    }

    /// Backwards from the end of each sequence: `lengths` are whole numbers `[batch, 1]`, at most `steps`.
    pub(crate) fn from_end(lengths: Expr<'g>, steps: usize) -> Self {
        let number = Number::FromEnd { lengths, steps, real: OnceCell::new() };
        Self { place: steps, number, noise: None, alike: false, value: OnceCell::new() }
    }

    /// Moves to the step that reads the input at `place` and is processed as number `number` of the batch.
    pub(crate) fn go(&mut self, place: usize, number: usize) {
        self.place = place;
        self.value = OnceCell::new();
        match &mut self.number {
            Number::Known(steps) | Number::After { steps, .. } => *steps = number,
            Number::Given(_) | Number::FromEnd { .. } => {}
        }
    }

    /// The source of the cell's dropout masks; `None` in evaluation.
    pub fn noise(&self) -> Option<Noise<'g>> {
        self.noise
    }

    /// The position of the step in the input, from 1.
    pub fn place(&self) -> usize {
        self.place
    }

    pub(crate) fn set_noise(&mut self, noise: Option<Noise<'g>>) {
        self.noise = noise;
    }

    pub(crate) fn set_alike(&mut self, alike: bool) {
        self.alike = alike;
    }

    /// Whether all steps are to consist of the same nodes: then a choice by the number of the step is one in the graph.
    pub fn is_alike(&self) -> bool {
        self.alike
    }

    /// The number, if all sequences of the batch have the same.
    pub fn known(&self) -> Option<usize> {
        match self.number {
            Number::Known(number) => Some(number),
            Number::Given(_) | Number::After { .. } | Number::FromEnd { .. } => None,
        }
    }

    /// The number as a real value: a scalar, or `[batch, 1]` if it differs by sequence. In padding it is arbitrary,
    /// but at least 1.
    #[track_caller]
    pub fn value(&self, g: &'g Builder) -> Expr<'g> {
        *self.value.get_or_init(|| match &self.number {
            Number::Known(number) => g.scalar(*number as f64),
            Number::Given(number) => *number,
            Number::After { elapsed, steps } => (*elapsed + *steps as f64).named("t"),
            Number::FromEnd { lengths, steps, real: length } => {
                let length = *length.get_or_init(|| real(g, *lengths, *steps).named("t.length"));
                (length - (self.place - 1) as f64).max(1.0).named("t")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Point, Value, eval};

    /// Sequences of 1, 3 and 2 steps, read from their ends.
    #[test]
    fn backwards_each_sequence_counts_from_its_own_end() {
        let g = Builder::new();
        let lengths = g.index_input("lengths", [3, 1], 4);
        let mut step = Step::from_end(lengths, 3);
        let numbers = [3, 2, 1].map(|place| {
            let _scope = g.step(place);
            step.go(place, 4 - place);
            assert_eq!(step.known(), None);
            step.value(&g)
        });
        let point =
            Point::<f64>::new().with(lengths, Value::Index(ndarray::arr2(&[[1], [3], [2]]).into_dyn()));
        let values = eval(&g.graph().unwrap(), &point, &numbers).unwrap();
        let values: Vec<Vec<f64>> = values.iter().map(|v| v.float().iter().copied().collect()).collect();
        // 1 where a sequence is padded.
        assert_eq!(values, [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 3.0, 2.0]]);
    }
}
