//! Ops that move elements without arithmetic.

use super::array::spread;
use super::{Adjoint, Axes, Class, Domain, Notation, Operator, Sample, Sampler, axis_in, float, one_float};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Shape, Type};
use crate::value::Value;
use ndarray::{Axis, Slice as Range};
use smallvec::SmallVec;

/// `y = x`, broadcast along new axes or axes of size 1
///
/// shape   y: the given shape, to which shape(x) must broadcast
/// vjp     x̄ = ȳ, summed over the broadcast axes
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broadcast {
    /// The larger shape.
    pub shape: Shape,
}

impl Broadcast {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        spread(x[0].float(), &self.shape).into()
    }
}

impl Operator for Broadcast {
    kernels!();
    fn name(&self) -> &'static str {
        "broadcast"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        match x.shape.broadcast(&self.shape) {
            Some(shape) if shape == self.shape => Ok(Type::float(shape)),
            _ => Err(format!("{} does not broadcast to {}", x.shape, self.shape)),
        }
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        dy.into()
    }
    fn class(&self) -> Class {
        Class::Movement(None)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("shape={}", self.shape)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        let from = s.broadcastable(&shape);
        Sample::new(Self { shape }, [s.float(from, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = x` in another shape, elements in the same row-major order
///
/// shape   y: the given shape, with the same number of elements
/// vjp     x̄ = ȳ in the shape of x
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The new shape.
    pub shape: Shape,
}

impl Reshape {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x = x[0].float().as_standard_layout().into_owned();
        x.into_shape_with_order(&*self.shape).expect("the shape rule has checked the count").into()
    }
}

impl Operator for Reshape {
    kernels!();
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        let (have, want) = (x.shape.count(), self.shape.checked_count());
        if want == Some(have) {
            return Ok(Type::float(&self.shape));
        }
        let want = want.map_or_else(|| "too many".into(), |n| n.to_string());
        Err(format!("{} has {have} elements and {} has {want}", x.shape, self.shape))
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        dy.reshape(x[0].shape()).into()
    }
    fn class(&self) -> Class {
        Class::Movement(None)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("shape={}", self.shape)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        let flat = Shape::from([shape.count()]);
        let (from, to) = if s.choice(&[true, false]) { (shape, flat) } else { (flat, shape) };
        Sample::new(Self { shape: to }, [s.float(from, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = x` with its axes permuted: axis i of y is axis `order[i]` of x
///
/// shape   `shape(y)[i] = shape(x)[order[i]]`
/// vjp     x̄ = ȳ with the inverse permutation
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// For each axis of the result, the axis of the operand.
    pub order: SmallVec<[usize; 4]>,
}

impl Transpose {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].float().view().permuted_axes(&self.order[..]).as_standard_layout().into()
    }
}

impl Operator for Transpose {
    kernels!();
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..x.shape.len()) {
            return Err(format!("{:?} is not an order of the axes of {}", &self.order[..], x.shape));
        }
        Ok(Type::float(self.order.iter().map(|&axis| x.shape[axis]).collect::<Shape>()))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let mut back = self.order.clone();
        self.order.iter().enumerate().for_each(|(i, &axis)| back[axis] = i);
        dy.transpose(&back).into()
    }
    fn class(&self) -> Class {
        Class::Movement(None)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        if self.order[..] == [1, 0] { Notation::Postfix("ᵀ".into()) } else { Notation::Function }
    }
    fn attributes(&self) -> String {
        format!("order={:?}", &self.order[..])
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        let order = s.permutation(shape.len()).into();
        Sample::new(Self { order }, [s.float(shape, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = x[start..end]` along an axis, which stays
///
/// shape   y: shape(x) with `end − start` indices on the axis
/// vjp     x̄ = ȳ in this range, 0 elsewhere
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first index.
    pub start: usize,
    /// The end of the range, excluded.
    pub end: usize,
}

impl Slice {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].float().slice_axis(Axis(self.axis), Range::from(self.start..self.end)).into()
    }
}

impl Operator for Slice {
    kernels!();
    fn name(&self) -> &'static str {
        "slice"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        let Self { axis, start, end } = *self;
        axis_in(axis, x)?;
        if start > end || end > x.shape[axis] {
            return Err(format!("{start}..{end} is not within the {} places of axis {axis}", x.shape[axis]));
        }
        Ok(Type::float(x.shape.resized(axis, end - start)))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Part { axis: self.axis, start: self.start, value: dy }
    }
    fn class(&self) -> Class {
        Class::Movement(Some(self.axis))
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Postfix(format!("[{}{}:{}]", ":, ".repeat(self.axis), self.start, self.end))
    }
    fn attributes(&self) -> String {
        format!("axis={} {}..{}", self.axis, self.start, self.end)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(1..4);
        let axis = s.below(0..shape.len());
        let start = s.below(0..shape[axis] + 1);
        let end = s.below(start..shape[axis] + 1);
        Sample::new(Self { axis, start, end }, [s.float(shape, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = x[place]` along an axis, which is removed: one step of a sequence
///
/// shape   y: shape(x) without the axis
/// vjp     x̄ = ȳ at this index, 0 elsewhere
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// The axis.
    pub axis: usize,
    /// The index.
    pub place: usize,
}

impl At {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].float().index_axis(Axis(self.axis), self.place).into()
    }
}

impl Operator for At {
    kernels!();
    fn name(&self) -> &'static str {
        "at"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        axis_in(self.axis, x)?;
        if self.place >= x.shape[self.axis] {
            return Err(format!(
                "axis {} has {} places, and no place {}",
                self.axis, x.shape[self.axis], self.place
            ));
        }
        Ok(Type::float(x.shape.without(self.axis)))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Part { axis: self.axis, start: self.place, value: dy }
    }
    fn class(&self) -> Class {
        Class::Reduction(Axes::new([self.axis]))
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Postfix(format!("[{}{}]", ":, ".repeat(self.axis), self.place))
    }
    fn attributes(&self) -> String {
        format!("axis={} {}", self.axis, self.place)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(1..4);
        let axis = s.below(0..shape.len());
        let place = s.below(0..shape[axis]);
        Sample::new(Self { axis, place }, [s.float(shape, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = x` padded with zeros along an axis
///
/// shape   y: shape(x) with `before + after` more indices on the axis
/// vjp     x̄ = ȳ without the padding
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pad {
    /// The axis.
    pub axis: usize,
    /// The number of zeros before.
    pub before: usize,
    /// The number of zeros after.
    pub after: usize,
}

impl Pad {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x = x[0].float();
        let n = x.shape()[self.axis];
        let shape = Shape::from(x.shape()).resized(self.axis, self.before + n + self.after);
        let mut y = ndarray::ArrayD::zeros(&*shape);
        y.slice_axis_mut(Axis(self.axis), Range::from(self.before..self.before + n)).assign(x);
        Value::Float(y)
    }
}

impl Operator for Pad {
    kernels!();
    fn name(&self) -> &'static str {
        "pad"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let x = one_float(operands)?;
        axis_in(self.axis, x)?;
        let size = self.before.checked_add(x.shape[self.axis]).and_then(|n| n.checked_add(self.after));
        let size = size.ok_or("so many places cannot be counted")?;
        Ok(Type::float(x.shape.resized(self.axis, size)))
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        dy.slice(self.axis, self.before..self.before + x[0].shape()[self.axis]).into()
    }
    fn class(&self) -> Class {
        Class::Movement(Some(self.axis))
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={} {}+{}", self.axis, self.before, self.after)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(1..4);
        let op = Self { axis: s.below(0..shape.len()), before: s.below(0..3), after: s.below(0..3) };
        Sample::new(op, [s.float(shape, Domain::reals(-2.0, 2.0))])
    }
}

/// `y = [a; b; …]`: the operands concatenated along an axis
///
/// shape   y: the operands' shape, with the sum of their sizes on the axis
/// vjp     each operand's adjoint is its slice of ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Concat {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let views: Vec<_> = x.iter().map(|x| x.float().view()).collect();
        ndarray::concatenate(Axis(self.axis), &views).expect("the shape rule has checked the shapes").into()
    }
}

impl Operator for Concat {
    kernels!();
    fn name(&self) -> &'static str {
        "concat"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let first = operands.first().ok_or("it needs at least one operand")?;
        operands.iter().try_for_each(float)?;
        axis_in(self.axis, first)?;
        let mut places = 0;
        for x in operands {
            if x.shape.len() != first.shape.len()
                || x.shape.resized(self.axis, 0) != first.shape.resized(self.axis, 0)
            {
                return Err(format!("{} and {} differ beside axis {}", first.shape, x.shape, self.axis));
            }
            places += x.shape[self.axis];
        }
        Ok(Type::float(first.shape.resized(self.axis, places)))
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let start = x[..i].iter().map(|x| x.shape()[self.axis]).sum();
        dy.slice(self.axis, start..start + x[i].shape()[self.axis]).into()
    }
    fn class(&self) -> Class {
        Class::Movement(Some(self.axis))
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(1..4);
        let axis = s.below(0..shape.len());
        let operands = (0..s.below(1..4)).map(|_| {
            let size = s.size();
            s.float(shape.resized(axis, size), Domain::reals(-2.0, 2.0))
        });
        Sample::new(Self { axis }, operands.collect::<Vec<_>>())
    }
}

/// `y = [a, b, …]`: the operands stacked along a new axis
///
/// shape   y: the operands' shape with the new axis
/// vjp     each operand's adjoint is its index of ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The new axis.
    pub axis: usize,
}

impl Stack {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let views: Vec<_> = x.iter().map(|x| x.float().view()).collect();
        ndarray::stack(Axis(self.axis), &views).expect("the shape rule has checked the shapes").into()
    }
}

impl Operator for Stack {
    kernels!();
    fn name(&self) -> &'static str {
        "stack"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let first = operands.first().ok_or("it needs at least one operand")?;
        operands.iter().try_for_each(float)?;
        if let Some(other) = operands.iter().find(|x| x.shape != first.shape) {
            return Err(format!("{} and {} differ", first.shape, other.shape));
        }
        if self.axis > first.shape.len() {
            return Err(format!("{} has no place for a new axis {}", first.shape, self.axis));
        }
        Ok(Type::float(first.shape.with_axis(self.axis, operands.len())))
    }
    fn vjp<'g>(&self, i: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        dy.at(self.axis, i).into()
    }
    fn class(&self) -> Class {
        Class::Movement(None)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..3);
        let axis = s.below(0..shape.len() + 1);
        let n = s.below(1..4);
        let operands = (0..n).map(|_| s.float(&shape, Domain::reals(-2.0, 2.0)));
        Sample::new(Self { axis }, operands.collect::<Vec<_>>())
    }
}
