//! Sums, means and maxima over axes.

use super::{Adjoint, Class, Domain, Notation, Operator, Sample, Sampler, one_float};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Shape, Type};
use crate::value::Value;
use ndarray::{ArrayD, Axis};
use smallvec::SmallVec;

/// The axes of a reduction: ascending, without repetition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Axes(SmallVec<[usize; 4]>);

impl Axes {
    /// Sorts and deduplicates axes.
    pub fn new(axes: impl IntoIterator<Item = usize>) -> Self {
        let mut axes: SmallVec<_> = axes.into_iter().collect();
        axes.sort_unstable();
        axes.dedup();
        Self(axes)
    }

    /// The axes, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// The shape of the result.
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        self.0.iter().try_for_each(|&axis| super::axis_in(axis, x))?;
        Ok(Type::float(
            x.shape
                .iter()
                .enumerate()
                .filter(|(i, _)| !self.0.contains(i))
                .map(|(_, &d)| d)
                .collect::<Shape>(),
        ))
    }

    /// The number of elements reduced to one.
    fn count(&self, shape: &[usize]) -> usize {
        self.0.iter().map(|&axis| shape[axis]).product()
    }

    /// Restores the reduced axes with size 1, so that the result broadcasts over `x`.
    fn put_back<'g>(&self, y: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
        let shape = x.shape();
        y.reshape(
            shape
                .iter()
                .enumerate()
                .map(|(i, &d)| if self.0.contains(&i) { 1 } else { d })
                .collect::<Shape>(),
        )
    }

    /// Broadcasts the adjoint of the result to the shape of `x`.
    fn spread<'g>(&self, dy: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
        self.put_back(dy, x).broadcast_to(x.shape())
    }

    fn text(&self) -> String {
        format!("axes={:?}", &self.0[..])
    }

    fn draw(s: &mut Sampler, domain: Domain) -> (Self, super::Operand) {
        let shape = s.shape(0..4);
        (Self::new(s.subset(shape.len())), s.float(shape, domain))
    }

    /// Reduces all axes, from the last to the first.
    fn fold<S: Scalar>(&self, x: &ArrayD<S>, along: impl Fn(&ArrayD<S>, Axis) -> ArrayD<S>) -> ArrayD<S> {
        let mut axes = self.0.iter().rev();
        let Some(&last) = axes.next() else { return x.clone() };
        axes.fold(along(x, Axis(last)), |y, &axis| along(&y, Axis(axis)))
    }
}

/// `y = Σ x` over axes, which are removed
///
/// shape   y: shape(x) without the axes
/// vjp     x̄ = ȳ, broadcast along the axes
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReduceSum(
    /// The axes.
    pub Axes,
);

impl ReduceSum {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x = x[0].float();
        if self.0.0.len() == x.ndim() {
            return ndarray::arr0(x.sum()).into();
        }
        self.0.fold(x, |x, axis| x.sum_axis(axis)).into()
    }
}

impl Operator for ReduceSum {
    kernels!();
    fn name(&self) -> &'static str {
        "sum"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        self.0.infer(operands)
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        self.0.spread(dy, x[0]).into()
    }
    fn class(&self) -> Class {
        Class::Reduction(self.0.clone())
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        self.0.text()
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axes, x) = Axes::draw(s, Domain::reals(-2.0, 2.0));
        Sample::new(Self(axes), [x])
    }
}

/// `y = Σ x / n` over axes with n elements, which are removed
///
/// shape   y: shape(x) without the axes
/// vjp     x̄ = ȳ / n, broadcast along the axes
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReduceMean(
    /// The axes.
    pub Axes,
);

impl ReduceMean {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x = x[0].float();
        let share = S::of(1.0 / self.0.count(x.shape()) as f64);
        self.0.fold(x, |x, axis| x.sum_axis(axis)).mapv(|sum| sum * share).into()
    }
}

impl Operator for ReduceMean {
    kernels!();
    fn name(&self) -> &'static str {
        "mean"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let y = self.0.infer(operands)?;
        match self.0.count(&operands[0].shape) {
            0 => Err(format!("the mean of no elements: {} over {}", operands[0].shape, self.0.text())),
            _ => Ok(y),
        }
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let n = self.0.count(&x[0].shape()) as f64;
        (self.0.spread(dy * (1.0 / n), x[0])).into()
    }
    fn class(&self) -> Class {
        Class::Reduction(self.0.clone())
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        self.0.text()
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axes, x) = Axes::draw(s, Domain::reals(-2.0, 2.0));
        Sample::new(Self(axes), [x])
    }
}

/// `y = max x` over axes, which are removed; at a tie, the largest elements share the adjoint equally
///
/// shape   y: shape(x) without the axes
/// vjp     x̄ = ȳ / (number of largest) where x = y, else 0
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReduceMax(
    /// The axes.
    pub Axes,
);

impl ReduceMax {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let lowest = S::of(f64::NEG_INFINITY);
        self.0
            .fold(x[0].float(), |x, axis| x.fold_axis(axis, lowest, |&a, &b| super::array::larger(b, a)))
            .into()
    }
}

impl Operator for ReduceMax {
    kernels!();
    fn name(&self) -> &'static str {
        "reduce_max"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let y = self.0.infer(operands)?;
        match self.0.count(&operands[0].shape) {
            0 => Err(format!("the maximum of no elements: {} over {}", operands[0].shape, self.0.text())),
            _ => Ok(y),
        }
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let x = x[0];
        let largest = x.equals(self.0.put_back(y, x)).select(1.0, 0.0);
        let count = largest.sum_over(self.0.0.iter().copied());
        (largest * self.0.put_back(dy / count, x)).into()
    }
    fn class(&self) -> Class {
        Class::Reduction(self.0.clone())
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        self.0.text()
    }
    /// Which elements are maximal.
    fn branches(&self, x: &[&Value<f64>]) -> Vec<bool> {
        let (x, y) = (x[0].float(), self.kernel(x));
        let mut y = y.into_float();
        for &axis in &self.0.0 {
            y.insert_axis_inplace(Axis(axis));
        }
        super::array::zip(x, &y, |x, y| x >= y).into_iter().collect()
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let (axes, x) = Axes::draw(s, Domain::reals(-2.0, 2.0).distinct());
        Sample::new(Self(axes), [x])
    }
}
