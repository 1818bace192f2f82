//! One use of a node: the derivative of one op alone, at recorded operands.

use super::Record;
use autograd::ops::{Op, Operator};
use autograd::{Dual, Value};
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
            How::Differences => self.difference(operands, operand, r, WIDTH),
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

    /// How far the product may be off because of the width of its differences: what another width changes.
    pub fn doubt(&self, r: &ArrayD<f64>) -> f64 {
        if self.identity || self.how == How::Duals {
            return 0.0;
        }
        let [a, b] = [WIDTH, 4.0 * WIDTH].map(|w| self.difference(&self.operands, self.operand, r, w));
        (&self.adjoint * &(a - b)).iter().map(|x| x.abs()).sum()
    }

    fn difference(
        &self,
        operands: &[&Value<f64>],
        operand: usize,
        r: &ArrayD<f64>,
        width: f64,
    ) -> ArrayD<f64> {
        let h = width * length(operands[operand].float());
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

    /// ū ⊙ the slopes from the left and from the right, the smaller of both and the larger, element by element; nothing
    /// where the op is smooth. And how far rounding can shift their sum.
    ///
    /// A kink shows in [`Operator::branches`], or in the slopes themselves.
    pub fn sides(&self, r: &ArrayD<f64>) -> Option<([ArrayD<f64>; 2], f64)> {
        if self.identity {
            return None;
        }
        let x = self.operands[self.operand].float();
        let h = STEP * length(x);
        let at =
            |t: f64| self.moved(&self.operands, self.operand, r, t, <dyn Operator>::eval_f64).into_float();
        let middle = at(0.0);
        let [left, right] = [-h, h].map(|t| (at(t) - &middle) / t);
        let told = !self.op.branches(&self.operands).is_empty();
        let bent = if told { self.is_on_kink(r) } else { apart(&left, &right) };
        bent.then(|| {
            let [a, b] = [&self.adjoint * &left, &self.adjoint * &right];
            let pick = |of: fn(f64, f64) -> f64| Zip::from(&a).and(&b).map_collect(|&a, &b| of(a, b));
            let moved = Zip::from(&self.adjoint).and(&middle).and(&a).and(&b);
            let moved =
                moved.fold(0.0, |sum, v, y, a, b| sum + if a + b == 0.0 { 0.0 } else { (v * y).abs() });
            ([pick(f64::min), pick(f64::max)], 8.0 * f64::EPSILON * moved / h)
        })
    }

    /// Whether the op is on a kink of its own as this operand moves along r, or nearer to one than can be told.
    fn is_on_kink(&self, r: &ArrayD<f64>) -> bool {
        let sides = self.op.branches(&self.operands);
        let step = match self.how {
            How::Duals => 1e-9,
            How::Differences => 3e-3,
        } * length(self.operands[self.operand].float());
        let changes =
            |h: f64| self.moved(&self.operands, self.operand, r, h, <dyn Operator>::branches) != sides;
        changes(step) || changes(-step)
    }
}

/// The step of differences of one op, over the size of the operand.
const WIDTH: f64 = 2.5e-4;

/// The step of slopes to one side, over the size of the operand.
const STEP: f64 = 1e-7;

/// Whether slopes from the left and from the right are different: more than a curve of any usual bend makes them.
fn apart(left: &ArrayD<f64>, right: &ArrayD<f64>) -> bool {
    let scale = left.iter().chain(right).fold(0.0, |m: f64, x| m.max(x.abs()));
    left.iter().zip(right).any(|(a, b)| (a - b).abs() > 1e-3 * scale)
}

/// The largest element, or 1.
fn length(x: &ArrayD<f64>) -> f64 {
    x.iter().fold(1.0, |m: f64, x| m.max(x.abs()))
}
