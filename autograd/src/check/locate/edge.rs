//! One use of a node: the derivative of one op alone, at recorded operands.

use super::Record;
use crate::ops::{Op, Operator};
use crate::scalar::Dual;
use crate::value::Value;
use ndarray::{ArrayD, Zip};

/// Where the derivative of an op comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    /// From its dual kernel.
    Duals,
    /// From differences of its `f64` kernel: five points at ±h and ±2h.
    Differences,
}

impl How {
    /// How far an equation may be off, over the size of its terms.
    pub fn tolerance(self) -> f64 {
        match self {
            Self::Duals => 1e-11,
            Self::Differences => 1e-6,
        }
    }
}

/// A node u that has x as an operand.
pub(super) struct Edge<'a> {
    pub user: usize,
    pub operand: usize,
    /// ū
    pub adjoint: ArrayD<f64>,
    pub op: &'a dyn Operator,
    pub operands: Vec<&'a Value<f64>>,
    pub how: How,
    /// Whether it is a cut that a VJP made: it hides a derivative, which is that of the identity.
    pub identity: bool,
}

impl<'a> Edge<'a> {
    pub fn new(record: &'a Record, user: usize, operand: usize, adjoint: ArrayD<f64>) -> Option<Self> {
        let graph = record.scene.graph;
        let node = graph.at(user);
        let op = node.op.operator()?;
        let operands: Option<Vec<_>> = graph.operands_at(user).map(|x| record.values.get(&x)).collect();
        let identity = matches!(node.op, Op::StopGradient(_)) && user >= record.scene.forward;
        Some(Self { user, operand, adjoint, op, operands: operands?, how: How::Duals, identity })
    }

    /// ū ⊙ J r, of the shape of u: its sum is what this use adds to ⟨x̄, r⟩.
    pub fn product(&self, r: &ArrayD<f64>) -> ArrayD<f64> {
        self.product_with(&self.adjoint, &self.operands, self.operand, r)
    }

    /// The same with another adjoint, other operands, or along another operand.
    pub fn product_with(
        &self,
        adjoint: &ArrayD<f64>,
        operands: &[&Value<f64>],
        operand: usize,
        r: &ArrayD<f64>,
    ) -> ArrayD<f64> {
        let tangent = match self.how {
            _ if self.identity => r.clone(),
            How::Duals => self.dual(operands, operand, r),
            How::Differences => self.difference(operands, operand, r),
        };
        adjoint * &tangent
    }

    fn dual(&self, operands: &[&Value<f64>], operand: usize, r: &ArrayD<f64>) -> ArrayD<f64> {
        let mut x: Vec<Value<Dual>> = operands.iter().map(|x| x.cast()).collect();
        let moved = Zip::from(operands[operand].float())
            .and(r)
            .map_collect(|&value, &tangent| Dual { value, tangent });
        x[operand] = Value::Float(moved);
        let x: Vec<&Value<Dual>> = x.iter().collect();
        self.op.eval_dual(&x).into_float().mapv(|y| y.tangent)
    }

    fn difference(&self, operands: &[&Value<f64>], operand: usize, r: &ArrayD<f64>) -> ArrayD<f64> {
        let h = 1e-3 * length(operands[operand].float());
        let at = |t: f64| self.moved(operands, operand, r, t * h, <dyn Operator>::eval_f64).into_float();
        (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h)
    }

    fn moved<R>(
        &self,
        operands: &[&Value<f64>],
        operand: usize,
        r: &ArrayD<f64>,
        h: f64,
        read: impl FnOnce(&dyn Operator, &[&Value<f64>]) -> R,
    ) -> R {
        let moved = Value::Float(operands[operand].float() + &(r * h));
        let mut x = operands.to_vec();
        x[operand] = &moved;
        read(self.op, &x)
    }

    /// Whether the op is on a kink of its own as this operand moves, or nearer to one than can be told.
    pub fn is_on_kink(&self) -> bool {
        let sides = self.op.branches(&self.operands);
        let x = self.operands[self.operand].float();
        let step = match self.how {
            How::Duals => 1e-9,
            How::Differences => 3e-3,
        };
        let ones = ArrayD::from_elem(x.raw_dim(), 1.0);
        let mut alternating = ones.clone();
        alternating.iter_mut().skip(1).step_by(2).for_each(|r| *r = -1.0);
        !sides.is_empty()
            && [ones, alternating].iter().any(|r| {
                [-1.0, 1.0].iter().any(|s| {
                    let h = s * step * length(x);
                    self.moved(&self.operands, self.operand, r, h, <dyn Operator>::branches) != sides
                })
            })
    }
}

/// The largest element, or 1.
fn length(x: &ArrayD<f64>) -> f64 {
    x.iter().fold(1.0, |m: f64, x| m.max(x.abs()))
}
