//! What a reading may assume of an op that it does not know.
//!
//! A compiler fuses what is elementwise, a batch is cut along the axes that an op leaves alone, a formula writes
//! `f(a, b)` without naming shapes. None of them has a list of ops: each op says its class. The default says nothing,
//! so an op that is silent is run by its own kernel and is otherwise left in peace.
//!
//! A class is a promise, and `tests/classes` tries to break it on the samples of every op.

use super::{Axes, Relation};

/// What may be assumed of an op.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Class {
    /// Nothing.
    Opaque,
    /// Each element of the result is a function of the elements in its place. The operands broadcast to each other.
    Elementwise(Function),
    /// Some axes of the first operand go. Each element of the result is made of the elements along them, and of no
    /// others.
    Reduction(Axes),
    /// Each line along one axis is made of the same line of the operands: the other axes stay as they are.
    Lines(usize),
    /// Every element of the result is an element of an operand, or zero; if an axis is named, one of the same line
    /// along that axis.
    Movement(Option<usize>),
    /// Sums of products over pairs of axes.
    Contraction,
}

impl Class {
    /// Whether each element of the result is a function of the elements in its place.
    pub fn is_elementwise(&self) -> bool {
        matches!(self, Self::Elementwise(_))
    }
}

/// The function of an elementwise op, for one element.
///
/// Those with a name have hand-written vector code in the compiler, whose `match` must name each: a name without code
/// does not compile. Any other function of one number is called element by element.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // their names say it
pub enum Function {
    Neg,
    Exp,
    Ln,
    Sqrt,
    Tanh,
    Sigmoid,
    Relu,
    Softplus,
    Abs,
    Sin,
    Cos,
    Reciprocal,
    Powi(i32),
    /// x
    Identity,
    /// The sum of any number of operands.
    Add,
    Sub,
    Mul,
    Div,
    Modulo,
    Max,
    Min,
    Compare(Relation),
    /// Operands c, a, b: a where c, else b.
    Select,
    /// Any function of one number.
    Unary(Unary),
}

/// A function of one number, in both precisions.
#[derive(Clone, Copy, Debug)]
pub struct Unary {
    /// In single precision.
    pub f32: fn(f32) -> f32,
    /// In double precision.
    pub f64: fn(f64) -> f64,
}
