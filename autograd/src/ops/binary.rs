//! Elementwise functions of two operands, with broadcasting.
//!
//! Their VJPs return an adjoint of the result's shape; the caller sums it over the axes along which the operand was
//! broadcast.

use super::array::{larger, zip};
use super::{Adjoint, Class, Domain, Function, Notation, Operator, Sample, Sampler, float, two};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Shape, Type};
use crate::value::Value;

/// The broadcast shape of two operands.
pub(super) fn broadcast(a: &Type, b: &Type) -> Result<Shape, String> {
    a.shape.broadcast(&b.shape).ok_or_else(|| format!("{} and {} do not broadcast", a.shape, b.shape))
}

/// Two shapes that broadcast together.
pub(super) fn broadcastable_pair(s: &mut Sampler) -> [Shape; 2] {
    let shape = s.shape(0..4);
    match s.below(0..3) {
        0 => [shape.clone(), shape],
        1 => [s.broadcastable(&shape), shape],
        _ => [s.broadcastable(&shape), s.broadcastable(&shape)],
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])+ $op:ident $name:literal on $on_a:expr, $on_b:expr;
        |$a:ident, $b:ident| $of:expr;
        |$pa:ident, $pb:ident, $py:ident, $dy:ident| $to_a:expr, $to_b:expr;
        written $notation:expr; $(linear in $($linear:expr),+;)? $(side |$sa:ident, $sb:ident| $side:expr;)?)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $op;

        impl $op {
            fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
                Value::Float(zip(x[0].float(), x[1].float(), |$a: S, $b: S| $of))
            }
        }

        impl Operator for $op {
            kernels!();
            fn name(&self) -> &'static str {
                $name
            }
            fn infer(&self, operands: &[Type]) -> Result<Type, String> {
                let [a, b] = two(operands)?;
                float(a)?;
                float(b)?;
                broadcast(a, b).map(Type::float)
            }
            fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], $py: Expr<'g>, $dy: Expr<'g>) -> Adjoint<'g> {
                let ($pa, $pb) = (x[0], x[1]);
                if i == 0 { $to_a.into() } else { $to_b.into() }
            }
            fn class(&self) -> Class {
                Class::Elementwise(Function::$op)
            }
            $(fn is_linear(&self, varying: &[bool]) -> bool {
                [$($linear),*].iter().any(|linear| linear == varying)
            })?
            fn notation(&self) -> Notation {
                $notation
            }
            $(fn branches(&self, x: &[&Value<f64>]) -> Vec<bool> {
                zip(x[0].float(), x[1].float(), |$sa, $sb| $side).into_iter().collect()
            })?
            fn sample(s: &mut Sampler) -> Sample<Self> {
                let [a, b] = broadcastable_pair(s);
                Sample::new(Self, [s.float(a, $on_a), s.float(b, $on_b)])
            }
        }
    )*};
}

binary! {
    /// `y = a − b`
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ, b̄ = −ȳ
    Sub "sub" on Domain::reals(-2.0, 2.0), Domain::reals(-2.0, 2.0);
        |a, b| a - b;
        |_a, _b, _y, dy| dy, -dy;
        written Notation::Infix { sign: "−", binding: 1 };
        linear in [true, true];

    /// `y = a ⊙ b`, element by element
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ ⊙ b, b̄ = ȳ ⊙ a
    Mul "mul" on Domain::reals(-2.0, 2.0), Domain::reals(-2.0, 2.0);
        |a, b| a * b;
        |a, b, _y, dy| dy * b, dy * a;
        written Notation::Infix { sign: "⊙", binding: 2 };
        linear in [true, false], [false, true];

    /// `y = a ⊘ b`, element by element, for b ≠ 0
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ ⊘ b, b̄ = −ȳ ⊙ y ⊘ b
    Div "div" on Domain::reals(-2.0, 2.0), Domain::reals(0.5, 2.0);
        |a, b| a / b;
        |_a, b, y, dy| dy / b, -(dy * y / b);
        written Notation::Infix { sign: "/", binding: 2 };
        linear in [true, false];

    /// `y = a − b ⌊a / b⌋`: the remainder with the sign of b, for b ≠ 0
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ, b̄ = −ȳ ⊙ ⌊a / b⌋
    Modulo "modulo" on Domain::reals(2.2, 2.8), Domain::reals(0.98, 1.02);
        |a, b| a - b * S::of((a.value() / b.value()).floor());
        |a, b, y, dy| dy, -(dy * ((a - y) / b));
        written Notation::Function;
        side |a, b| (a / b).floor().rem_euclid(2.0) > 0.5;

    /// `y = max(a, b)`, element by element; where a = b each gets half of the adjoint
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ where a > b, ½ȳ where a = b, else 0; b̄ likewise
    Max "max" on Domain::reals(-2.0, 2.0).distinct(), Domain::reals(-2.0, 2.0).distinct();
        |a, b| larger(a, b);
        |a, b, _y, dy| share(a.greater(b), a.equals(b), dy), share(a.less(b), a.equals(b), dy);
        written Notation::Function;
        side |a, b| a > b;

    /// `y = min(a, b)`, element by element; where a = b each gets half of the adjoint
    ///
    /// shape   y: both shapes, broadcast
    /// vjp     ā = ȳ where a < b, ½ȳ where a = b, else 0; b̄ likewise
    Min "min" on Domain::reals(-2.0, 2.0).distinct(), Domain::reals(-2.0, 2.0).distinct();
        |a, b| -larger(-a, -b);
        |a, b, _y, dy| share(a.less(b), a.equals(b), dy), share(a.greater(b), a.equals(b), dy);
        written Notation::Function;
        side |a, b| a < b;
}

/// The adjoint of the selected operand: all of it where `wins`, half where `ties`.
fn share<'g>(wins: Expr<'g>, ties: Expr<'g>, dy: Expr<'g>) -> Expr<'g> {
    wins.select(dy, ties.select(0.5 * dy, 0.0))
}
