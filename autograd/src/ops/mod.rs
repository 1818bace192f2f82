//! The ops.
//!
//! An op is one struct that holds everything about it: shape rule, kernel, VJP, notation and samples for the checks.
//! The set is closed under differentiation: every VJP is written in ops of this folder, so gradients can be
//! differentiated again.
//!
//! To add an op, write its struct in the file of its family and add its name to the list below. An op from outside
//! the crate implements the same trait, [`Operator`], and enters a graph through [`Op::Custom`]; nothing else
//! distinguishes them.

pub(crate) mod array;
mod binary;
mod class;
mod compare;
mod index;
mod leaf;
mod matmul;
mod movement;
mod notation;
mod random;
mod reduce;
mod sample;
mod softmax;
mod sum;
mod unary;

pub use binary::{Div, Max, Min, Modulo, Mul, Sub};
pub use class::{Class, Function, Unary};
pub use compare::{Compare, Relation, Select};
pub use index::{Gather, OneHot, ScatterAdd};
pub use leaf::Leaf;
#[doc(hidden)]
pub use leaf::{constant as leaf_constant, scalar as leaf_scalar};
pub use matmul::MatMul;
pub use movement::{At, Broadcast, Concat, Pad, Reshape, Slice, Stack, Transpose};
pub use notation::Notation;
pub use random::DropoutMask;
pub use reduce::{Axes, ReduceMax, ReduceMean, ReduceSum};
pub use sample::{Domain, Operand, Sample, Sampler};
pub use softmax::{LogSoftmax, LogSumExp, Softmax};
pub use sum::Add;
pub use unary::{
    Abs, Atan, Cos, Cosh, Erf, Exp, Expm1, Ln, Log1p, Neg, Pointwise, Powi, Reciprocal, Relu, Sigmoid, Sin,
    Sinh, Softplus, Sqrt, StopGradient, Tan, Tanh,
};

use crate::graph::Expr;
use crate::scalar::Dual;
use crate::shape::Type;
use crate::value::Value;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Everything about an op. An op that implements it is drawn, differentiated, evaluated and checked like any other.
///
/// ```
/// use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
/// use autograd::{Builder, Expr, Point, Scalar, Type, Value, eval, grad, kernels};
/// use ndarray::arr1;
///
/// /// `y = x / (1 + |x|)`, x̄ = ȳ / (1 + |x|)²
/// #[derive(Debug)]
/// struct Softsign;
///
/// impl Softsign {
///     fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
///         x[0].map(|x| x / (S::one() + if x < S::zero() { -x } else { x }))
///     }
/// }
///
/// impl Operator for Softsign {
///     kernels!();
///     fn name(&self) -> &'static str { "softsign" }
///     fn infer(&self, operands: &[Type]) -> Result<Type, String> { Ok(operands[0].clone()) }
///     fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
///         (dy * (1.0 + x[0].abs()).powi(-2)).into()
///     }
///     fn notation(&self) -> Notation { Notation::Function }
///     fn sample(s: &mut Sampler) -> Sample<Self> {
///         let shape = s.shape(0..4);
///         Sample::new(Softsign, [s.float(shape, Domain::reals(-3.0, 3.0).avoiding(&[0.0]))])
///     }
/// }
///
/// let g = Builder::new();
/// let x = g.parameter("x", [2]);
/// let dx = grad(x.custom(Softsign).sum(), &[x])[0];
/// let point = Point::new().with(x, arr1(&[-3.0, 1.0]));
/// let dx = eval::<f64>(&*g.graph()?, &point, &[dx])?.remove(0).into_float();
/// assert_eq!([dx[0], dx[1]], [1.0 / 16.0, 1.0 / 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub trait Operator: Debug + Send + Sync + 'static {
    /// The op's name in dumps: lower case, one word.
    fn name(&self) -> &'static str;

    /// The shape rule: the type of the result, or the misfit. The caller adds the names of the operands and the place
    /// in the source.
    ///
    /// # Errors
    /// The misfit, as a sentence without a full stop.
    fn infer(&self, operands: &[Type]) -> Result<Type, String>;

    /// The kernel in single precision. [`kernels!`](macro@crate::kernels) generates all three from one.
    fn eval_f32(&self, x: &[&Value<f32>]) -> Value<f32>;
    /// The kernel in double precision.
    fn eval_f64(&self, x: &[&Value<f64>]) -> Value<f64>;
    /// The kernel in dual numbers.
    fn eval_dual(&self, x: &[&Value<Dual>]) -> Value<Dual>;

    /// The vector-Jacobian product: the contribution of the adjoint `dy` of the result `y` to the adjoint of operand
    /// `i`. It builds nodes and never computes numbers, so it can be differentiated again. If the result is larger
    /// than the operand by broadcasting, the caller sums it.
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g>;

    /// The mathematical notation.
    fn notation(&self) -> Notation;

    /// What a compiler, a formula or batch sharding may assume of it; by default, nothing.
    fn class(&self) -> Class {
        Class::Opaque
    }

    /// Whether the result is linear in the varying operands together, while the others are constant.
    fn is_linear(&self, _varying: &[bool]) -> bool {
        false
    }

    /// The attributes of this op besides its name, for dumps: `axis=1`.
    fn attributes(&self) -> String {
        String::new()
    }

    /// At every kink, which side the operands are on; empty for a smooth op. Two points with equal bits are on the
    /// same smooth branch.
    fn branches(&self, _x: &[&Value<f64>]) -> Vec<bool> {
        Vec::new()
    }

    /// For an op from outside the crate: two ops with the same name and key are the same function, and may be shared
    /// as common subexpressions. Without a key an op equals only itself.
    fn key(&self) -> Option<String> {
        None
    }

    /// Draws an instance with operands from its domain, away from points without a derivative. The tests of this
    /// crate use the samples of all its ops.
    fn sample(sampler: &mut Sampler) -> Sample<Self>
    where
        Self: Sized;
}

/// The contribution of one use of a value to its adjoint.
#[derive(Clone, Debug)]
pub enum Adjoint<'g> {
    /// A value of the operand's shape, or of a larger shape to which it was broadcast.
    Dense(Expr<'g>),
    /// The adjoint of a range along one axis; it is zero elsewhere. The parts of one operand are assembled once, so
    /// the gradient of T slices costs one array, not T.
    Part {
        /// The axis that was sliced.
        axis: usize,
        /// The start of the range.
        start: usize,
        /// The adjoint of the slice: with the axis, or without it for a single index.
        value: Expr<'g>,
    },
    /// The derivative is zero everywhere: the operand has no first-order effect.
    Zero,
    /// There is no derivative.
    NotDefined,
}

impl<'g> From<Expr<'g>> for Adjoint<'g> {
    fn from(value: Expr<'g>) -> Self {
        Self::Dense(value)
    }
}

/// Writes the three `eval_*` methods of an [`Operator`] from one generic method
/// `fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S>`.
#[macro_export]
macro_rules! kernels {
    () => {
        fn eval_f32(&self, x: &[&$crate::Value<f32>]) -> $crate::Value<f32> {
            self.kernel(x)
        }
        fn eval_f64(&self, x: &[&$crate::Value<f64>]) -> $crate::Value<f64> {
            self.kernel(x)
        }
        fn eval_dual(&self, x: &[&$crate::Value<$crate::Dual>]) -> $crate::Value<$crate::Dual> {
            self.kernel(x)
        }
    };
}

macro_rules! ops {
    ($($op:ident)*) => {
        /// The op of a node: a leaf, an op of this crate, or one from outside it.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            /// A node without operands: input, parameter or constant.
            Leaf(Leaf),
            $(#[doc = concat!("See [`", stringify!($op), "`](struct@", stringify!($op), ").")] $op($op),)*
            /// An op from outside the crate.
            Custom(Custom),
        }

        impl Op {
            /// The op as its trait object; `None` for a leaf.
            pub fn operator(&self) -> Option<&dyn Operator> {
                match self {
                    Self::Leaf(_) => None,
                    $(Self::$op(op) => Some(op),)*
                    Self::Custom(op) => Some(&*op.0),
                }
            }

            /// One sample of each op of the crate.
            pub fn samples(sampler: &mut Sampler) -> Vec<Sample<Op>> {
                vec![$($op::sample(sampler).into_op(),)*]
            }
        }

        $(impl From<$op> for Op {
            fn from(op: $op) -> Self {
                Self::$op(op)
            }
        })*
    };
}

ops! {
    Neg Exp Ln Sqrt Tanh Sigmoid Relu Softplus Abs Sin Cos Reciprocal Powi StopGradient
    Erf Tan Atan Log1p Expm1 Sinh Cosh
    Add Sub Mul Div Modulo Max Min
    Compare Select
    MatMul
    ReduceSum ReduceMean ReduceMax
    LogSumExp Softmax LogSoftmax
    Broadcast Reshape Transpose Slice At Pad Concat Stack
    Gather ScatterAdd OneHot
    DropoutMask
}

impl Op {
    /// The op's name in dumps.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Leaf(leaf) => leaf.word(),
            op => op.operator().map_or("", Operator::name),
        }
    }

    /// Its class.
    pub fn class(&self) -> Class {
        self.operator().map_or(Class::Opaque, Operator::class)
    }

    /// The unary functions of the crate without attributes.
    pub fn functions() -> &'static [Self] {
        unary::FUNCTIONS
    }

    /// The attributes of this op besides its name: `axis=1`.
    pub fn attributes(&self) -> String {
        match self {
            Self::Leaf(leaf) => leaf.attributes(),
            op => op.operator().map_or_else(String::new, Operator::attributes),
        }
    }
}

/// An op from outside the crate, shared by the nodes that apply it.
#[derive(Clone, Debug)]
pub struct Custom(pub Arc<dyn Operator>);

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.name() == other.0.name() && self.0.key().is_some_and(|key| other.0.key() == Some(key)))
    }
}

impl Eq for Custom {}

impl Hash for Custom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
        self.0.key().hash(state);
    }
}

/// The only operand of a unary op.
fn one(operands: &[Type]) -> Result<&Type, String> {
    match operands {
        [x] => Ok(x),
        _ => Err(format!("it takes one operand, not {}", operands.len())),
    }
}

/// The only operand, which must be real.
fn one_float(operands: &[Type]) -> Result<&Type, String> {
    let x = one(operands)?;
    float(x)?;
    Ok(x)
}

/// The two operands of a binary op.
fn two(operands: &[Type]) -> Result<[&Type; 2], String> {
    match operands {
        [a, b] => Ok([a, b]),
        _ => Err(format!("it takes two operands, not {}", operands.len())),
    }
}

/// Checks that an operand is real.
fn float(x: &Type) -> Result<(), String> {
    if x.kind == crate::Kind::Float { Ok(()) } else { Err(format!("it takes real numbers, not {x}")) }
}

/// Checks that an axis exists.
fn axis_in(axis: usize, x: &Type) -> Result<(), String> {
    let rank = x.shape.len();
    if axis < rank { Ok(()) } else { Err(format!("there is no axis {axis} in {x}, which has {rank}")) }
}
