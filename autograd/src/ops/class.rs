//! Op classes: what passes may assume of an op they do not know.
//!
//! A compiler fuses elementwise ops, a batch is sharded along axes that an op preserves, a formula writes `f(a, b)`
//! without shapes. None of them lists ops: each op declares its class. The default assumes nothing: such an op runs
//! its own kernel and is never rewritten.
//!
//! A class is a promise, and `tests/classes` checks it on the samples of every op.

use super::{Axes, Relation};

/// What passes may assume of an op.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Class {
    /// Nothing.
    Opaque,
    /// Each element of the result depends on the elements at its position only. The operands broadcast.
    Elementwise(Function),
    /// Removes axes of the first operand. Each element of the result depends on the elements along them only.
    Reduction(Axes),
    /// Each line along one axis of the result depends on the same line of the operands only: other axes are
    /// preserved.
    Lines(usize),
    /// Every element of the result is an element of an operand, or zero; if an axis is given, one of the same line
    /// along that axis.
    Movement(Option<usize>),
    /// Sums of products over pairs of axes (matrix products).
    Contraction,
}

impl Class {
    /// Whether it is elementwise.
    pub fn is_elementwise(&self) -> bool {
        matches!(self, Self::Elementwise(_))
    }
}

/// The scalar function of an elementwise op.
///
/// The named ones have vector code in the compiler, whose `match` is exhaustive: a new name without vector code does
/// not compile. Any other unary function is called per element.
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
    /// Any other unary function.
    Unary(Unary),
}

/// A scalar function in both precisions.
#[derive(Clone, Copy, Debug)]
pub struct Unary {
    /// In single precision.
    pub f32: fn(f32) -> f32,
    /// In double precision.
    pub f64: fn(f64) -> f64,
}
