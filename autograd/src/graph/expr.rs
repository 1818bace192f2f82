//! Expressions: handles to nodes under construction, with mathematical operators and methods.

use super::{Builder, NodeId};
use crate::error::Place;
use crate::ops::{
    Abs, At, Atan, Axes, Broadcast, Compare, Cos, Cosh, Div, DropoutMask, Erf, Exp, Expm1, Gather, Ln, Log1p,
    LogSoftmax, LogSumExp, MatMul, Max, Min, Modulo, Mul, Neg, OneHot, Op, Operator, Pad, Powi, Reciprocal,
    ReduceMax, ReduceMean, ReduceSum, Relation, Relu, Reshape, ScatterAdd, Select, Sigmoid, Sin, Sinh, Slice,
    Softmax, Softplus, Sqrt, StopGradient, Sub, Tan, Tanh, Transpose,
};
use crate::shape::{Shape, Type};
use std::fmt;
use std::ops::Range;

/// A node under construction. Copying it copies the handle, not the node.
#[derive(Clone, Copy)]
pub struct Expr<'g> {
    pub(super) builder: &'g Builder,
    pub(super) index: u32,
}

impl fmt::Debug for Expr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_poisoned() {
            return f.write_str("poisoned");
        }
        write!(f, "{} {}", self.name(), self.ty())
    }
}

impl From<Expr<'_>> for NodeId {
    fn from(expr: Expr) -> Self {
        expr.id()
    }
}

/// Anything that converts to an expression: an expression, or a number.
pub trait IntoExpr<'g> {
    /// The expression; a number becomes a constant of `builder`.
    fn into_expr(self, builder: &'g Builder) -> Expr<'g>;
}

impl<'g> IntoExpr<'g> for Expr<'g> {
    fn into_expr(self, _: &'g Builder) -> Expr<'g> {
        self
    }
}

impl<'g> IntoExpr<'g> for f64 {
    #[track_caller]
    fn into_expr(self, builder: &'g Builder) -> Expr<'g> {
        builder.scalar(self)
    }
}

/// Properties of an expression.
impl<'g> Expr<'g> {
    /// The index of a poisoned expression, which has no node: something it derives from did not fit.
    pub(super) const POISON: u32 = u32::MAX;

    /// Whether something it derives from did not fit. [`Builder::graph`] returns the error.
    pub fn is_poisoned(self) -> bool {
        self.index == Self::POISON
    }

    /// The builder of the expression.
    pub fn builder(self) -> &'g Builder {
        self.builder
    }

    /// The handle of the node, for use with the finished graph.
    pub fn id(self) -> NodeId {
        self.builder.read(|graph| graph.id(self.index as usize))
    }

    /// The name of the node, as [`Graph::name`](super::Graph::name) gives it.
    pub fn name(self) -> String {
        if self.is_poisoned() { "poisoned".into() } else { self.builder.read(|g| g.name_at(self.position())) }
    }

    /// The place in the source where it was made.
    #[doc(hidden)]
    pub fn place(self) -> Place {
        self.builder.read(|g| g.at(self.position()).origin.place)
    }

    /// The position in the graph.
    #[doc(hidden)]
    pub fn position(self) -> usize {
        self.index as usize
    }

    /// The position in the graph, in the type that origins use.
    #[doc(hidden)]
    pub fn raw(self) -> u32 {
        self.index
    }

    /// The kind and shape of the value; a poisoned expression has those of a scalar.
    pub fn ty(self) -> Type {
        if self.is_poisoned() {
            return Type::float([]);
        }
        self.builder.read(|g| g.at(self.index as usize).ty.clone())
    }

    /// The shape of the value; a poisoned expression has that of a scalar.
    pub fn shape(self) -> Shape {
        self.ty().shape
    }

    /// Names the node within the current layer and step. Intermediate nodes built since the last name are numbered
    /// under the same name: `h[3]#1`, `h[3]#2`.
    #[track_caller]
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        if self.is_poisoned() {
            return self;
        }
        Self { index: self.builder.name(self.index, name, Place::caller()), ..self }
    }

    /// Applies an op of one operand.
    #[track_caller]
    #[must_use]
    pub fn apply(self, op: impl Into<Op>) -> Self {
        self.builder.apply(op, &[self])
    }

    /// Applies an op of one operand from outside the crate.
    #[track_caller]
    #[must_use]
    pub fn custom(self, op: impl Operator) -> Self {
        self.builder.custom(op, &[self])
    }

    #[track_caller]
    fn with(self, op: impl Into<Op>, other: impl IntoExpr<'g>) -> Self {
        let other = other.into_expr(self.builder);
        self.builder.apply(op, &[self, other])
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) = $op:expr;)*) => {
        /// Functions of one operand.
        impl Expr<'_> {
            $($(#[$doc])*
            #[track_caller]
            #[must_use]
            pub fn $name(self $(, $arg: $ty)*) -> Self {
                self.apply($op)
            })*
        }
    };
}

functions! {
    /// eˣ
    exp() = Exp;
    /// The natural logarithm.
    ln() = Ln;
    /// √x
    sqrt() = Sqrt;
    /// The hyperbolic tangent.
    tanh() = Tanh;
    /// σ(x) = 1 / (1 + e⁻ˣ)
    sigmoid() = Sigmoid;
    /// max(x, 0)
    relu() = Relu;
    /// ln(1 + eˣ)
    softplus() = Softplus;
    /// |x|
    abs() = Abs;
    /// The sine.
    sin() = Sin;
    /// The cosine.
    cos() = Cos;
    /// The tangent.
    tan() = Tan;
    /// The inverse tangent.
    atan() = Atan;
    /// The hyperbolic sine.
    sinh() = Sinh;
    /// The hyperbolic cosine.
    cosh() = Cosh;
    /// The error function, `2/√π ∫₀ˣ e^(−t²) dt`.
    erf() = Erf;
    /// ln(1 + x), exact for small x.
    log1p() = Log1p;
    /// eˣ − 1, exact for small x.
    expm1() = Expm1;
    /// 1 / x
    reciprocal() = Reciprocal;
    /// xⁿ
    powi(n: i32) = Powi(n);
    /// The same value; the adjoint stops here.
    stop_gradient() = StopGradient;
    /// The sum over axes, which are removed.
    sum_over(axes: impl IntoIterator<Item = usize>) = ReduceSum(Axes::new(axes));
    /// The mean over axes, which are removed.
    mean_over(axes: impl IntoIterator<Item = usize>) = ReduceMean(Axes::new(axes));
    /// The maximum over axes, which are removed.
    max_over(axes: impl IntoIterator<Item = usize>) = ReduceMax(Axes::new(axes));
    /// ln Σ eˣ along an axis, which is removed.
    logsumexp(axis: usize) = LogSumExp { axis };
    /// eˣ / Σ eˣ along an axis.
    softmax(axis: usize) = Softmax { axis };
    /// x − ln Σ eˣ along an axis.
    log_softmax(axis: usize) = LogSoftmax { axis };
    /// Broadcast to a larger shape.
    broadcast_to(shape: impl Into<Shape>) = Broadcast { shape: shape.into() };
    /// The same elements in another shape, in row-major order.
    reshape(shape: impl Into<Shape>) = Reshape { shape: shape.into() };
    /// Axes in another order: axis i of the result is axis `order[i]` of this.
    transpose(order: &[usize]) = Transpose { order: order.into() };
    /// The range `places` of an axis.
    slice(axis: usize, places: Range<usize>) = Slice { axis, start: places.start, end: places.end };
    /// One index of an axis, which is removed: one step of a sequence.
    at(axis: usize, place: usize) = At { axis, place };
    /// Zero-padding before and after along an axis.
    pad(axis: usize, before: usize, after: usize) = Pad { axis, before, after };
    /// The one-hot encoding of each whole number on a new last axis.
    one_hot(classes: usize) = OneHot { classes };
    /// The dropout mask for this seed. `stream` distinguishes the masks of one graph.
    dropout_mask(shape: impl Into<Shape>, rate: f64, stream: u64) = DropoutMask { shape: shape.into(), rate, stream, part: None };
}

/// Functions of two and three operands, and compositions of several ops.
impl<'g> Expr<'g> {
    /// x σ(x), also called swish (Elfwing et al. 2018; Ramachandran et al. 2017).
    #[track_caller]
    #[must_use]
    pub fn silu(self) -> Self {
        self * self.sigmoid()
    }

    /// x Φ(x) = ½ x (1 + erf(x / √2)), Φ being the normal distribution function (Hendrycks and Gimpel 2016, without
    /// their approximation).
    #[track_caller]
    #[must_use]
    pub fn gelu(self) -> Self {
        0.5 * self * (1.0 + (self * std::f64::consts::FRAC_1_SQRT_2).erf())
    }

    /// The elementwise maximum.
    #[track_caller]
    #[must_use]
    pub fn max(self, other: impl IntoExpr<'g>) -> Self {
        self.with(Max, other)
    }

    /// The elementwise minimum.
    #[track_caller]
    #[must_use]
    pub fn min(self, other: impl IntoExpr<'g>) -> Self {
        self.with(Min, other)
    }

    /// The remainder with the sign of the divisor: `a − b ⌊a / b⌋`.
    #[track_caller]
    #[must_use]
    pub fn modulo(self, other: impl IntoExpr<'g>) -> Self {
        self.with(Modulo, other)
    }

    /// The product of two matrices: `[.., m, k] · [.., k, n]`.
    #[track_caller]
    #[must_use]
    pub fn matmul(self, other: Self) -> Self {
        self.with(MatMul { a_transposed: false, b_transposed: false }, other)
    }

    /// A linear map of rows: `x Wᵀ` for x `[batch, input]` and W `[output, input]`, as PyTorch stores weights. On a
    /// batch of row vectors it is the `W x` of papers.
    #[track_caller]
    #[must_use]
    pub fn linear(self, weight: Self) -> Self {
        self.with(MatMul { a_transposed: false, b_transposed: true }, weight)
    }

    /// `a` where this is true, `b` elsewhere.
    #[track_caller]
    #[must_use]
    pub fn select(self, a: impl IntoExpr<'g>, b: impl IntoExpr<'g>) -> Self {
        let (a, b) = (a.into_expr(self.builder), b.into_expr(self.builder));
        self.builder.apply(Select, &[self, a, b])
    }

    /// Gathers rows of this table by index: `[rows, ..r]` and `[..n]` give `[..n, ..r]`.
    #[track_caller]
    #[must_use]
    pub fn gather(self, index: Self) -> Self {
        self.with(Gather, index)
    }

    /// Adds rows by index into a table of `rows` rows (scatter-add).
    #[track_caller]
    #[must_use]
    pub fn scatter_add(self, index: Self, rows: usize) -> Self {
        self.with(ScatterAdd { rows }, index)
    }

    /// The sum of all elements.
    #[track_caller]
    #[must_use]
    pub fn sum(self) -> Self {
        self.sum_over(0..self.shape().len())
    }

    /// The mean of all elements.
    #[track_caller]
    #[must_use]
    pub fn mean(self) -> Self {
        self.mean_over(0..self.shape().len())
    }

    /// Inserts an axis of size 1 before axis `axis`.
    #[track_caller]
    #[must_use]
    pub fn insert_axis(self, axis: usize) -> Self {
        let shape = self.shape();
        if axis > shape.len() && !self.is_poisoned() {
            return self.builder.refuse(format!("{self:?} has no place for a new axis {axis}"));
        }
        self.reshape(shape.with_axis(axis.min(shape.len()), 1))
    }

    /// Merges all axes but the last: `[time, batch, feature]` becomes `[time · batch, feature]`.
    #[track_caller]
    #[must_use]
    pub fn rows(self) -> Self {
        let shape = self.shape();
        match shape.split_last() {
            Some((&width, lead)) => self.reshape([lead.iter().product(), width]),
            None => self.reshape([1, 1]),
        }
    }

    /// Splits an axis into `n` equal parts.
    #[track_caller]
    #[must_use]
    pub fn split<const N: usize>(self, axis: usize) -> [Self; N] {
        let size = self.shape().get(axis).copied().unwrap_or(0);
        if !size.is_multiple_of(N.max(1)) && !self.is_poisoned() {
            return [self
                .builder
                .refuse(format!("axis {axis} of {self:?} cannot be cut into {N} equal parts"));
                N];
        }
        let part = size / N.max(1);
        std::array::from_fn(|i| self.slice(axis, i * part..(i + 1) * part))
    }

    /// Sums over the axes along which a value of shape `shape` was broadcast.
    #[track_caller]
    #[must_use]
    pub fn sum_to(self, shape: impl Into<Shape>) -> Self {
        let (from, to) = (self.shape(), shape.into());
        if from == to {
            return self;
        }
        let new = from.len().saturating_sub(to.len());
        let repeated = |&i: &usize| i < new || (to[i - new] == 1 && from[i] != 1);
        let summed = self.sum_over((0..from.len()).filter(repeated));
        if summed.shape() == to { summed } else { summed.reshape(to) }
    }
}

macro_rules! relations {
    ($($(#[$doc:meta])* $name:ident = $relation:ident;)*) => {
        /// Elementwise comparisons, which give truth values.
        impl<'g> Expr<'g> {
            $($(#[$doc])*
            #[track_caller]
            #[must_use]
            pub fn $name(self, other: impl IntoExpr<'g>) -> Self {
                self.with(Compare(Relation::$relation), other)
            })*
        }
    };
}

relations! {
    /// a < b
    less = Less;
    /// a ≤ b
    less_equal = LessEqual;
    /// a = b
    equals = Equal;
    /// a > b
    greater = Greater;
    /// a ≥ b
    greater_equal = GreaterEqual;
    /// a ≠ b
    not_equals = NotEqual;
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:expr;)*) => {$(
        impl<'g> std::ops::$trait for Expr<'g> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                self.with($op, other)
            }
        }
        impl<'g> std::ops::$trait<f64> for Expr<'g> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: f64) -> Self {
                self.with($op, other)
            }
        }
        impl<'g> std::ops::$trait<Expr<'g>> for f64 {
            type Output = Expr<'g>;
            #[track_caller]
            fn $method(self, other: Expr<'g>) -> Expr<'g> {
                self.into_expr(other.builder).with($op, other)
            }
        }
    )*};
}

operators! {
    Add add crate::ops::Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
}

impl std::ops::Neg for Expr<'_> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        self.apply(Neg)
    }
}
