//! Many nodes of one type as one array, with the nodes along a new first axis.
//!
//! What loops read step by step is such a column, and where it is a piece of an array that is there already (the rows of
//! another loop, the steps of an input) it costs a slice.

use super::emitter::Emitter;
use super::writer::Val;
use crate::program::ExportError;
use autograd::ops::{Leaf, Op};
use autograd::{NodeId, Value};
use ndarray::{ArrayD, Axis};
use std::sync::Arc;

/// Where a node can be had together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A place of the rows of a loop; the row.
    Loop { of: usize, place: usize, row: usize },
    /// The places of an array along an axis; the place.
    Array { of: NodeId, axis: usize, place: usize },
    /// Constants.
    Constant,
    /// Nowhere.
    Alone,
}

impl Source {
    /// Where it stands among the others.
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

/// Whether these are constants of one value.
pub(super) fn same_constants<'o>(mut all: impl Iterator<Item = &'o Op>) -> bool {
    let first = all.next();
    matches!(first, Some(Op::Leaf(Leaf::Constant(_)))) && all.all(|op| Some(op) == first)
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

    /// The nodes in pieces that can be had together: the same node again and again, constants, or places that lie equally
    /// far apart.
    pub fn pieces(&self, all: &[NodeId]) -> Vec<Vec<NodeId>> {
        let mut pieces = Vec::new();
        let mut k = 0;
        while k < all.len() {
            let sources: Vec<Source> = all[k..]
                .iter()
                .map_while(|&x| {
                    let (first, source) = (self.source(all[k]), self.source(x));
                    (x == all[k] || first.goes_with(source)).then_some(source)
                })
                .collect();
            let places: Vec<Option<usize>> = sources.iter().map(|s| s.place()).collect();
            let apart = |i: usize| Some(places[i]?.abs_diff(0).cast_signed() - places[i - 1]?.cast_signed());
            let same = all[k..].iter().take_while(|&&x| x == all[k]).count();
            let even = match sources[0] {
                Source::Constant => sources.len(),
                Source::Alone => same,
                _ if sources.len() > 1 && apart(1) != Some(0) => {
                    1 + (1..sources.len()).take_while(|&i| apart(i) == apart(1)).count()
                }
                _ => same,
            };
            pieces.push(all[k..k + even].to_vec());
            k += even;
        }
        pieces
    }

    /// The nodes as one array `[nodes, ..]`.
    pub fn column(&mut self, all: &[NodeId]) -> Result<Val, ExportError> {
        let mut parts = Vec::new();
        for piece in self.pieces(all) {
            parts.push(self.piece(&piece)?);
        }
        Ok(self.w.concatenate(&parts, 0))
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

    /// Constants as one.
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
