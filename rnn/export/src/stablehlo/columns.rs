//! Combines many nodes of one type into one array, with the nodes along a new first axis.
//!
//! Values that loops read step by step are such columns; if one is a part of an existing array (the rows of another
//! loop, the steps of an input) it costs only a slice.

use super::emitter::Emitter;
use super::loops::PERIODS;
use super::writer::Val;
use crate::program::ExportError;
use autograd::ops::{Leaf, Op};
use autograd::{NodeId, Value};
use ndarray::{ArrayD, Axis};
use std::sync::Arc;

/// The array that a node is an element of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A position in the rows of a loop, and the row.
    Loop { of: usize, place: usize, row: usize },
    /// An array along an axis, and the index.
    Array { of: NodeId, axis: usize, place: usize },
    /// Constants.
    Constant,
    /// None.
    Alone,
}

impl Source {
    /// Its index in the array.
    fn place(self) -> Option<usize> {
        match self {
            Self::Loop { row, .. } => Some(row),
            Self::Array { place, .. } => Some(place),
            Self::Constant | Self::Alone => None,
        }
    }

    fn goes_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Loop { of, place, .. }, Self::Loop { of: of_b, place: place_b, .. }) => {
                (of, place) == (of_b, place_b)
            }
            (Self::Array { of, axis, .. }, Self::Array { of: of_b, axis: axis_b, .. }) => {
                (of, axis) == (of_b, axis_b)
            }
            (Self::Constant, Self::Constant) => true,
            _ => false,
        }
    }
}

/// Whether these are equal numbers. Truth values are not taken together: which of them are equal depends on the number of steps.
pub(super) fn same_constants<'o>(mut all: impl Iterator<Item = &'o Op>) -> bool {
    let first = all.next();
    let number =
        |op: &Op| matches!(op, Op::Leaf(Leaf::Constant(value)) if !matches!(**value, Value::Bool(_)));
    first.is_some_and(number) && all.all(|op| Some(op) == first)
}

impl Emitter<'_> {
    fn source(&self, id: NodeId) -> Source {
        match (self.plan.op(id), self.plan.home(id)) {
            (_, Some(home)) => Source::Loop { of: home.of, place: home.place, row: home.row },
            (Op::At(op), _) if self.plan.is_view(id) => {
                Source::Array { of: self.plan.operands(id)[0], axis: op.axis, place: op.place }
            }
            (Op::Leaf(Leaf::Constant(_)), _) => Source::Constant,
            _ => Source::Alone,
        }
    }

    /// Splits the nodes into pieces available as one array: repetitions of one node, constants, or equally spaced
    /// indices.
    pub fn pieces(&self, all: &[NodeId]) -> Vec<Vec<NodeId>> {
        let (mut pieces, mut k) = (Vec::new(), 0);
        while k < all.len() {
            let length = self.first_piece(&all[k..]);
            pieces.push(all[k..k + length].to_vec());
            k += length;
        }
        pieces
    }

    /// The number of leading nodes that form such a piece.
    fn first_piece(&self, all: &[NodeId]) -> usize {
        let first = self.source(all[0]);
        let goes_on = |&x: &NodeId| {
            let source = self.source(x);
            (x == all[0] || first.goes_with(source)).then_some(source)
        };
        let sources: Vec<Source> = all.iter().map_while(goes_on).collect();
        let places: Vec<Option<usize>> = sources.iter().map(|s| s.place()).collect();
        let apart = |i: usize| Some(places[i]?.cast_signed() - places[i - 1]?.cast_signed());
        let same = all.iter().take_while(|&&x| x == all[0]).count();
        match first {
            Source::Constant => sources.len(),
            Source::Alone => same,
            _ if sources.len() > 1 && apart(1) != Some(0) => {
                1 + (1..sources.len()).take_while(|&i| apart(i) == apart(1)).count()
            }
            _ => same,
        }
    }

    /// The nodes as one array `[nodes, ..]`.
    pub fn column(&mut self, all: &[NodeId]) -> Result<Val, ExportError> {
        let (mut parts, mut k) = (Vec::new(), 0);
        while k < all.len() {
            let length = self.first_piece(&all[k..]);
            let turns = if length < 3 { self.turns(&all[k..]) } else { None };
            let (part, taken) = match turns {
                Some((sources, rounds)) => {
                    (self.by_turns(&all[k..k + sources * rounds], sources)?, sources * rounds)
                }
                None => (self.piece(&all[k..k + length])?, length),
            };
            parts.push(part);
            k += taken;
        }
        Ok(self.w.concatenate(&parts, 0))
    }

    /// The number of sources that the leading nodes alternate between, and the number of repetitions: as for the
    /// steps of a loop whose row has several.
    fn turns(&self, all: &[NodeId]) -> Option<(usize, usize)> {
        let sources: Vec<Source> = all.iter().map(|&x| self.source(x)).collect();
        let apart = |j: usize, n: usize| {
            let (a, b) = (sources[j].place()?, sources[j + n].place()?);
            Some(b.cast_signed() - a.cast_signed())
        };
        (2..=PERIODS.min(all.len() / 3)).find_map(|n| {
            // Of each source the nodes are a piece: constants, the same again and again, or equally far apart.
            let follows = |&j: &usize| match sources[j] {
                Source::Constant => sources[j + n] == Source::Constant,
                _ if all[j % n] == all[j % n + n] => all[j] == all[j + n],
                source => {
                    source.goes_with(sources[j + n])
                        && apart(j, n) != Some(0)
                        && apart(j, n) == apart(j % n, n)
                }
            };
            let rounds = 1 + (0..all.len() - n).take_while(follows).count() / n;
            (rounds >= 3).then_some((n, rounds))
        })
    }

    /// Nodes that alternate between several sources.
    fn by_turns(&mut self, all: &[NodeId], sources: usize) -> Result<Val, ExportError> {
        let mut beside = Vec::with_capacity(sources);
        for first in 0..sources {
            let own: Vec<NodeId> = all[first..].iter().step_by(sources).copied().collect();
            let own = self.piece(&own)?;
            beside.push(self.w.reshape(&own, &own.shape.with_axis(1, 1)));
        }
        let beside = self.w.concatenate(&beside, 1);
        let shape = beside.shape.without(1).resized(0, all.len());
        Ok(self.w.reshape(&beside, &shape))
    }

    fn piece(&mut self, piece: &[NodeId]) -> Result<Val, ExportError> {
        let (first, n) = (piece[0], piece.len());
        let source = self.source(first);
        self.locate(first);
        if piece.iter().all(|&x| x == first) || self.is_one_constant(piece) {
            let value = self.value(first)?;
            let axes: Vec<usize> = (1..=value.shape.len()).collect();
            let shape = value.shape.with_axis(0, n);
            return Ok(if n == 1 {
                self.w.reshape(&value, &shape)
            } else {
                self.w.broadcast_in_dim(&value, &axes, &shape)
            });
        }
        let (all, axis) = match source {
            Source::Constant => return Ok(self.literal(piece)),
            Source::Loop { of, place, .. } => (self.stacks[&(of, place)].clone(), 0),
            Source::Array { of, axis, .. } => (self.value(of)?, axis),
            Source::Alone => unreachable!("a piece of several nodes that are not one has a source"),
        };
        let (from, to) = (source.place().unwrap_or(0), self.source(piece[n - 1]).place().unwrap_or(0));
        let stride = from.abs_diff(to) / (n - 1);
        self.locate(first);
        let slice = self.w.slice(&all, axis, from.min(to), from.max(to) + 1, stride);
        let slice = if to < from { self.w.reverse(&slice, axis) } else { slice };
        let order: Vec<usize> =
            [axis].into_iter().chain((0..slice.shape.len()).filter(|&i| i != axis)).collect();
        Ok(self.w.transpose(&slice, &order))
    }

    /// Constants as one array.
    fn literal(&mut self, all: &[NodeId]) -> Val {
        let constant = |&x: &NodeId| match self.plan.op(x) {
            Op::Leaf(Leaf::Constant(value)) => Some(value.clone()),
            _ => None,
        };
        let values: Vec<Arc<Value<f64>>> = all.iter().filter_map(constant).collect();
        let value = match *values[0] {
            Value::Float(_) => Value::Float(stack(&values.iter().map(|v| v.float()).collect::<Vec<_>>())),
            Value::Index(_) => Value::Index(stack(&values.iter().map(|v| v.index()).collect::<Vec<_>>())),
            Value::Bool(_) => Value::Bool(stack(&values.iter().map(|v| v.bool()).collect::<Vec<_>>())),
        };
        let element = self.element(all[0]);
        self.w.constant(&value, element)
    }
}

/// Arrays of one shape, along a new first axis.
fn stack<T: Clone>(arrays: &[&ArrayD<T>]) -> ArrayD<T> {
    let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
    ndarray::stack(Axis(0), &views).expect("they are of one type")
}
