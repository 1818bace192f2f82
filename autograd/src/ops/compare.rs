//! Comparisons, and selection by a truth value.

use super::array::{spread, zip};
use super::binary::{broadcast, broadcastable_pair};
use super::{Adjoint, Class, Domain, Function, Notation, Operator, Sample, Sampler, float, two};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Kind, Shape, Type};
use crate::value::Value;
use ndarray::{ArrayD, Zip};

/// The relation of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a = b
    Equal,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
    /// a ≠ b
    NotEqual,
}

impl Relation {
    /// All relations.
    #[doc(hidden)]
    pub const ALL: [Self; 6] =
        [Self::Less, Self::LessEqual, Self::Equal, Self::Greater, Self::GreaterEqual, Self::NotEqual];

    fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Equal => a == b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
            Self::NotEqual => a != b,
        }
    }
}

/// `y = a < b` or another relation, of real numbers or of whole numbers
///
/// shape   y: both shapes, broadcast; truth values
/// vjp     0: the result is piecewise constant
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compare(
    /// The relation.
    pub Relation,
);

impl Compare {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        Value::Bool(match (x[0], x[1]) {
            (Value::Index(a), Value::Index(b)) => zip(a, b, |a, b| self.0.holds(a, b)),
            (a, b) => zip(a.float(), b.float(), |a, b| self.0.holds(a, b)),
        })
    }
}

impl Operator for Compare {
    kernels!();
    fn name(&self) -> &'static str {
        match self.0 {
            Relation::Less => "less",
            Relation::LessEqual => "less_equal",
            Relation::Equal => "equal",
            Relation::Greater => "greater",
            Relation::GreaterEqual => "greater_equal",
            Relation::NotEqual => "not_equal",
        }
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [a, b] = two(operands)?;
        match (a.kind, b.kind) {
            (Kind::Float, Kind::Float) | (Kind::Index { .. }, Kind::Index { .. }) => {
                broadcast(a, b).map(Type::bool)
            }
            _ => Err(format!("{a} cannot be compared with {b}")),
        }
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Zero
    }
    fn class(&self) -> Class {
        Class::Elementwise(Function::Compare(self.0))
    }
    fn notation(&self) -> Notation {
        let sign = match self.0 {
            Relation::Less => "<",
            Relation::LessEqual => "≤",
            Relation::Equal => "=",
            Relation::Greater => ">",
            Relation::GreaterEqual => "≥",
            Relation::NotEqual => "≠",
        };
        Notation::Infix { sign, binding: 0 }
    }
    /// Which of <, = and > holds, for real operands.
    fn branches(&self, x: &[&Value<f64>]) -> Vec<bool> {
        match (x[0], x[1]) {
            (Value::Float(a), Value::Float(b)) => {
                zip(a, b, |a, b| [a < b, a > b]).into_iter().flatten().collect()
            }
            _ => Vec::new(),
        }
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        use Relation::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        let op = Self(s.choice(&[Less, LessEqual, Equal, Greater, GreaterEqual, NotEqual]));
        let [a, b] = broadcastable_pair(s);
        let domain = Domain::reals(-2.0, 2.0).distinct();
        Sample::new(op, [s.float(a, domain.clone()), s.float(b, domain)])
    }
}

/// `y = a where c, else b`
///
/// shape   y: the three shapes, broadcast; c holds truth values
/// vjp     ā = ȳ where c, else 0; b̄ = 0 where c, else ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Select;

impl Select {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let (c, a, b) = (x[0].bool(), x[1].float(), x[2].float());
        let shape = [a.shape(), b.shape()].into_iter().fold(Shape::from(c.shape()), |shape, s| {
            shape.broadcast(&s.into()).expect("the shape rule has checked it")
        });
        let pick = |&c: &bool, &a: &S, &b: &S| if c { a } else { b };
        let y: ArrayD<S> =
            Zip::from(spread(c, &shape)).and(spread(a, &shape)).and(spread(b, &shape)).map_collect(pick);
        Value::Float(y)
    }
}

impl Operator for Select {
    kernels!();
    fn name(&self) -> &'static str {
        "select"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [c, a, b] = operands else {
            return Err(format!("it takes three operands, not {}", operands.len()));
        };
        if c.kind != Kind::Bool {
            return Err(format!("it chooses by truth values, not by {c}"));
        }
        float(a)?;
        float(b)?;
        broadcast(&Type::float(broadcast(c, a)?), b).map(Type::float)
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        match i {
            0 => Adjoint::Zero,
            1 => x[0].select(dy, 0.0).into(),
            _ => x[0].select(0.0, dy).into(),
        }
    }
    fn class(&self) -> Class {
        Class::Elementwise(Function::Select)
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying == [false, true, true]
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let [a, b] = broadcastable_pair(s);
        let both = a.broadcast(&b).unwrap_or_default();
        let c = super::Operand { ty: Type::bool(s.broadcastable(&both)), domain: Domain::Any };
        let domain = Domain::reals(-2.0, 2.0);
        Sample::new(Self, [c, s.float(a, domain.clone()), s.float(b, domain)])
    }
}
