//! Addition of any number of operands; it accumulates adjoints.

use super::array::zip;
use super::{Adjoint, Class, Domain, Function, Notation, Operator, Sample, Sampler, float};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Shape, Type};
use crate::value::Value;

/// `y = a + b + …`
///
/// shape   y: the operands' shapes, broadcast
/// vjp     each operand's adjoint is ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Add;

impl Add {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let (a, rest) = (x[0].float(), &x[1..]);
        let Some((b, rest)) = rest.split_first() else { return a.clone().into() };
        let mut y = zip(a, b.float(), |a, b| a + b);
        for x in rest {
            let x = x.float();
            let fits = Shape::from(y.shape()).broadcast(&x.shape().into()).is_some_and(|s| *s == *y.shape());
            if fits {
                y.zip_mut_with(x, |y, &x| *y = *y + x);
            } else {
                y = zip(&y, x, |a, b| a + b);
            }
        }
        Value::Float(y)
    }
}

impl Operator for Add {
    kernels!();
    fn name(&self) -> &'static str {
        "add"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let (first, rest) = operands.split_first().ok_or("it needs at least one operand")?;
        operands.iter().try_for_each(float)?;
        let sum = |shape: Shape, x: &Type| {
            shape.broadcast(&x.shape).ok_or_else(|| format!("{shape} and {} do not broadcast", x.shape))
        };
        rest.iter().try_fold(first.shape.clone(), sum).map(Type::float)
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        dy.into()
    }
    fn class(&self) -> Class {
        Class::Elementwise(Function::Add)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|&varies| varies)
    }
    fn notation(&self) -> Notation {
        Notation::Infix { sign: "+", binding: 1 }
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        let operands = (0..s.below(1..5)).map(|_| {
            let shape = s.broadcastable(&shape);
            s.float(shape, Domain::reals(-2.0, 2.0))
        });
        Sample::new(Self, operands.collect::<Vec<_>>())
    }
}
