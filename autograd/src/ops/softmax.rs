//! Softmax and related ops along one axis, stable for logits of any size: the maximum is subtracted first.

use super::array::larger;
use super::{Adjoint, Axes, Class, Domain, Notation, Operator, Sample, Sampler, axis_in, one_float};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::Type;
use crate::value::Value;
use ndarray::{ArrayD, ArrayViewMut1, Axis};

/// The maximum m of a row, and `ln Σ eˣ⁻ᵐ`. They stay separate because their sum would round the second away for
/// large m.
fn log_sum_exp<S: Scalar>(row: &ArrayViewMut1<S>) -> (S, S) {
    let top = row.iter().copied().fold(S::of(f64::NEG_INFINITY), |a, b| larger(b, a)).detached();
    (top, row.iter().map(|&x| (x - top).exp()).fold(S::zero(), |a, b| a + b).ln())
}

/// Replaces each row of `x` along `axis`.
fn by_row<S: Scalar>(x: &ArrayD<S>, axis: usize, f: impl Fn(ArrayViewMut1<S>)) -> Value<S> {
    let mut y = x.clone();
    y.lanes_mut(Axis(axis)).into_iter().for_each(f);
    Value::Float(y)
}

fn infer(axis: usize, operands: &[Type]) -> Result<&Type, String> {
    let x = one_float(operands)?;
    axis_in(axis, x)?;
    if x.shape[axis] == 0 { Err(format!("axis {axis} of {x} has no elements")) } else { Ok(x) }
}

fn draw(s: &mut Sampler) -> (usize, super::Operand) {
    let shape = s.shape(1..4);
    (s.below(0..shape.len()), s.float(shape, Domain::reals(-3.0, 3.0)))
}

/// `y = ln Σ eˣ` along an axis, which is removed
///
/// shape   y: shape(x) without the axis
/// vjp     x̄ = ȳ ⊙ softmax(x)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogSumExp {
    /// The axis.
    pub axis: usize,
}

impl LogSumExp {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let mut x = x[0].float().clone();
        let total = |row: ArrayViewMut1<S>| match log_sum_exp(&row) {
            (top, rest) if top.value().is_finite() => top + rest,
            (infinite, _) => infinite,
        };
        let y: Vec<S> = x.lanes_mut(Axis(self.axis)).into_iter().map(total).collect();
        let shape: Vec<_> = x.shape().iter().enumerate().filter(|e| e.0 != self.axis).map(|e| *e.1).collect();
        ArrayD::from_shape_vec(shape, y).expect("one number for each row").into()
    }
}

impl Operator for LogSumExp {
    kernels!();
    fn name(&self) -> &'static str {
        "logsumexp"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        infer(self.axis, operands).map(|x| Type::float(x.shape.without(self.axis)))
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy.insert_axis(self.axis) * x[0].softmax(self.axis)).into()
    }
    fn class(&self) -> Class {
        Class::Reduction(Axes::new([self.axis]))
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axis, x) = draw(s);
        Sample::new(Self { axis }, [x])
    }
}

/// `y = eˣ / Σ eˣ` along an axis
///
/// shape   y: shape(x)
/// vjp     x̄ = y ⊙ (ȳ − Σ ȳ ⊙ y)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// The axis.
    pub axis: usize,
}

impl Softmax {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        by_row(x[0].float(), self.axis, |mut row| {
            let (top, rest) = log_sum_exp(&row);
            row.mapv_inplace(|x| (x - top - rest).exp());
        })
    }
}

impl Operator for Softmax {
    kernels!();
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        infer(self.axis, operands).cloned()
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (y * (dy - (dy * y).sum_over([self.axis]).insert_axis(self.axis))).into()
    }
    fn class(&self) -> Class {
        Class::Lines(self.axis)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axis, x) = draw(s);
        Sample::new(Self { axis }, [x])
    }
}

/// `y = x − ln Σ eˣ` along an axis: the logarithm of softmax
///
/// shape   y: shape(x)
/// vjp     x̄ = ȳ − softmax(x) Σ ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogSoftmax {
    /// The axis.
    pub axis: usize,
}

impl LogSoftmax {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        by_row(x[0].float(), self.axis, |mut row| {
            let (top, rest) = log_sum_exp(&row);
            row.mapv_inplace(|x| x - top - rest);
        })
    }
}

impl Operator for LogSoftmax {
    kernels!();
    fn name(&self) -> &'static str {
        "log_softmax"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        infer(self.axis, operands).cloned()
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy - y.exp() * dy.sum_over([self.axis]).insert_axis(self.axis)).into()
    }
    fn class(&self) -> Class {
        Class::Lines(self.axis)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axis, x) = draw(s);
        Sample::new(Self { axis }, [x])
    }
}
