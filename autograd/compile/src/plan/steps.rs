//! The steps of a plan: one for a product, for a region, for each other op.

use super::place::Place;
use super::strip::Strips;
use crate::kernels::Product;
use autograd::Type;
use autograd::ops::{DropoutMask, Op};
use smallvec::SmallVec;

/// A position: in its buffer and, after allocation, in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct At {
    pub buffer: u32,
    pub offset: usize,
}

impl From<&Place> for At {
    fn from(place: &Place) -> Self {
        Self { buffer: place.buffer, offset: place.offset }
    }
}

/// A function of each row of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ByRow {
    LogSoftmax,
    Softmax,
    LogSumExp,
    Sum,
    Max,
}

/// A step of a plan. Matrices are contiguous unless a layout or strides say otherwise.
#[derive(Clone, Debug)]
pub(in super::super) enum Step<S> {
    /// `C = A B`, or `C += A B`.
    Product { product: Product, a: At, b: At, c: At, accumulate: bool },
    /// Packs the right side of products into panels of this length.
    Pack { product: Product, b: At, length: usize, to: At },
    /// Elementwise nodes.
    Region(Box<Strips<S>>),
    /// A copy.
    Copy { from: Place, to: Place, shape: SmallVec<[usize; 4]> },
    /// A function of each row.
    ByRow { what: ByRow, x: At, y: At, rows: usize, columns: usize },
    /// The sum of all rows.
    SumRows { x: At, y: At, rows: usize, columns: usize },
    /// `y = c y`
    Scale { y: At, n: usize, by: S },
    /// Rows of a table, by an index leaf.
    Gather { table: At, size: usize, index: usize, y: At, columns: usize },
    /// Rows added into a table.
    Scatter { x: At, index: usize, y: At, rows: usize, columns: usize },
    /// One-hot encoding.
    OneHot { index: usize, y: At, classes: usize },
    /// A dropout mask, with the seed in an index leaf.
    Mask { mask: Box<DropoutMask>, seed: usize, y: At },
    /// Any other op, by the interpreter's kernel.
    Interpret(Box<Interpreted>),
}

/// An op by the interpreter's kernel.
#[derive(Clone, Debug)]
pub(in super::super) struct Interpreted {
    pub op: Op,
    pub operands: Vec<Operand>,
    pub y: Place,
}

/// An input or output value.
#[derive(Clone, Debug)]
pub(in super::super) enum Operand {
    /// Real numbers or truth values.
    Number(Type, Place),
    /// Whole numbers, by their index among the leaves.
    Index(Type, usize),
}

impl Operand {
    pub fn visit(&mut self, f: &mut impl FnMut(u32, &mut usize)) {
        if let Self::Number(_, place) = self {
            f(place.buffer, &mut place.offset);
        }
    }
}

impl<S> Step<S> {
    /// The kind of step, in a word.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Product { .. } => "product",
            Self::Pack { .. } => "pack",
            Self::Region(_) => "elementwise",
            Self::Copy { .. } => "copy",
            Self::ByRow { .. } | Self::SumRows { .. } | Self::Scale { .. } => "rows",
            Self::Gather { .. } | Self::Scatter { .. } | Self::OneHot { .. } => "table",
            Self::Mask { .. } => "mask",
            Self::Interpret(_) => "interpreted",
        }
    }

    /// The number of multiplications of a matrix product.
    pub fn multiplications(&self) -> usize {
        match self {
            Self::Product { product, .. } => product.multiplications(),
            _ => 0,
        }
    }

    /// Visits every buffer that the step reads or writes, with the position in it.
    pub fn visit(&mut self, f: &mut impl FnMut(u32, &mut usize)) {
        let mut at = |at: &mut At| f(at.buffer, &mut at.offset);
        match self {
            Self::Product { a, b, c, .. } => [a, b, c].into_iter().for_each(at),
            Self::Pack { b, to, .. } => [b, to].into_iter().for_each(at),
            Self::Region(strips) => {
                strips.slots.iter_mut().for_each(|slot| f(slot.place.buffer, &mut slot.place.offset));
            }
            Self::Copy { from, to, .. } => [from, to].into_iter().for_each(|p| f(p.buffer, &mut p.offset)),
            Self::ByRow { x, y, .. } | Self::SumRows { x, y, .. } | Self::Scatter { x, y, .. } => {
                [x, y].into_iter().for_each(at);
            }
            Self::Gather { table, y, .. } => [table, y].into_iter().for_each(at),
            Self::Scale { y, .. } | Self::OneHot { y, .. } | Self::Mask { y, .. } => at(y),
            Self::Interpret(it) => {
                it.operands.iter_mut().for_each(|operand| operand.visit(f));
                f(it.y.buffer, &mut it.y.offset);
            }
        }
    }
}
