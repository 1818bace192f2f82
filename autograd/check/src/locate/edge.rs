//! One use of a node: the derivative of one op alone, at recorded operands.

use super::Record;
use crate::numeric::Scale;
use autograd::ops::{Op, Operator};
use autograd::{Dual, Value};
use ndarray::{ArrayD, Zip};

/// The source of an op's derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    /// From its dual kernel.
    Duals,
    /// From differences of its `f64` kernel: five points at ±h and ±2h.
    Differences,
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
    /// Whether it is a stop-gradient inside a VJP: its derivative is then that of the identity.
    pub identity: bool,
    /// All operands of u that are x.
    pub same: Vec<usize>,
}

impl<'a> Edge<'a> {
    pub fn new(record: &'a Record, user: usize, operand: usize, adjoint: ArrayD<f64>) -> Option<Self> {
        let graph = record.scene.graph;
        let node = graph.at(user);
        let op = node.op.operator()?;
        let operands: Option<Vec<_>> = graph.operands_at(user).map(|x| record.values.get(&x)).collect();
        let identity = matches!(node.op, Op::StopGradient(_)) && user >= record.scene.forward;
        let x = graph.operands_at(user).nth(operand)?;
        let same =
            graph.operands_at(user).enumerate().filter(|&(_, other)| other == x).map(|(k, _)| k).collect();
        Some(Self { same, user, operand, adjoint, op, operands: operands?, how: How::Duals, identity })
    }

    /// ū ⊙ J r, in the shape of u: its sum is the contribution of this use to ⟨x̄, r⟩.
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
            How::Differences => {
                let length = Scale::of(operands[operand].float()).length;
                let at = |t: f64| self.moved(operands, operand, r, t, <dyn Operator>::eval_f64).into_float();
                five_points(at, length).value
            }
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

    /// The error bound of the product's sum due to differences.
    pub fn doubt(&self, r: &ArrayD<f64>) -> f64 {
        if self.identity || self.how == How::Duals {
            return 0.0;
        }
        let length = Scale::of(self.operands[self.operand].float()).length;
        let at =
            |t: f64| self.moved(&self.operands, self.operand, r, t, <dyn Operator>::eval_f64).into_float();
        let found = five_points(at, length);
        let error = found.error + roughness(at, found.step);
        (&self.adjoint * &error).iter().map(|x| x.abs()).sum()
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

    /// As `moved`, with every operand that is this node.
    fn moved_all<R>(
        &self,
        r: &ArrayD<f64>,
        h: f64,
        read: impl FnOnce(&dyn Operator, &[&Value<f64>]) -> R,
    ) -> R {
        let moved = Value::Float(self.operands[self.operand].float() + &(r * h));
        let mut x = self.operands.clone();
        self.same.iter().for_each(|&k| x[k] = &moved);
        read(self.op, &x)
    }

    /// ū ⊙ the one-sided slopes, elementwise the smaller and the larger; `None` where the op is smooth. Also the
    /// possible rounding error of their sum.
    ///
    /// A kink shows in [`Operator::branches`], or in the slopes themselves. All operands of the op that are this node
    /// move together, since their individual contributions are undetermined.
    pub fn sides(&self, r: &ArrayD<f64>) -> Option<([ArrayD<f64>; 2], f64)> {
        if self.identity {
            return None;
        }
        let at = |t: f64| self.moved_all(r, t, <dyn Operator>::eval_f64).into_float();
        let middle = at(0.0);
        let steps = self.steps(r, &middle);
        let [mut left, mut right] = [middle.clone(), middle.clone()];
        let mut each: Vec<f64> = steps.iter().copied().collect();
        each.sort_by(f64::total_cmp);
        each.dedup();
        for h in each {
            for (slope, t) in [(&mut left, -h), (&mut right, h)] {
                // Both points are on the same side: at a jump that side still has a slope.
                let found = (at(2.0 * t) - at(t)) / t;
                Zip::from(slope).and(&found).and(&steps).for_each(|slope, &found, &own| {
                    if own.total_cmp(&h).is_eq() {
                        *slope = found;
                    }
                });
            }
        }
        let told = !self.op.branches(&self.operands).is_empty();
        let bent = if told { self.is_on_kink(r) } else { apart(&left, &right) };
        bent.then(|| {
            let [a, b] = [&self.adjoint * &left, &self.adjoint * &right];
            let pick = |of: fn(f64, f64) -> f64| Zip::from(&a).and(&b).map_collect(|&a, &b| of(a, b));
            let error =
                Zip::from(&middle).and(&a).and(&b).and(&steps).map_collect(|y, a, b, h| {
                    if a + b == 0.0 { 0.0 } else { 8.0 * f64::EPSILON * y.abs() / h }
                });
            let error = (&self.adjoint * &error).iter().map(|x| x.abs()).sum();
            ([pick(f64::min), pick(f64::max)], error)
        })
    }

    /// The scale of the elements that move along r.
    fn scale(&self, r: &ArrayD<f64>) -> Scale {
        let x = self.operands[self.operand].float();
        Scale::of(&Zip::from(x).and(r).map_collect(|&x, &r| if r == 0.0 { 0.0 } else { x }))
    }

    /// The one-sided steps along r, one for each element of the result y.
    ///
    /// A step of the usual size does not move an element that is much larger, as most are where the usual one is what
    /// rounding has left of a 0; and one that moves it carries all others over their kinks. So it is larger where the
    /// operand's own element is, or, if y has another shape, where y is.
    fn steps(&self, r: &ArrayD<f64>, y: &ArrayD<f64>) -> ArrayD<f64> {
        let scale = self.scale(r);
        let sizes = if scale.each.shape() == y.shape() {
            scale.each
        } else {
            let largest = scale.each.iter().fold(1.0, |m: f64, own| m.max(*own));
            y.mapv(|y| (y.abs() / scale.length).min(largest))
        };
        let level = |size: f64| size.max(1.0).log(WIDER).floor();
        sizes.mapv(|size| STEP * scale.length * WIDER.powf(level(size)))
    }

    /// Whether the op is at its own kink as this operand moves along r, or too near to one to tell.
    fn is_on_kink(&self, r: &ArrayD<f64>) -> bool {
        let sides = self.op.branches(&self.operands);
        let scale = self.scale(r);
        let step = scale.length
            * match self.how {
                How::Duals => 1e-9,
                How::Differences => 3e-3,
            };
        // A much larger element moves by its own size.
        let r = Zip::from(r).and(&scale.each).map_collect(|r, own| r * own.max(1.0));
        let changes = |h: f64| self.moved_all(&r, h, <dyn Operator>::branches) != sides;
        changes(step) || changes(-step)
    }
}

/// A derivative by differences.
pub(super) struct Slope {
    pub value: ArrayD<f64>,
    /// An error bound per element, if each value is as exact as its size.
    pub error: ArrayD<f64>,
    /// h
    pub step: f64,
}

/// The derivative of an array at 0 by five points. The best of several widths is used.
///
/// `F(h) = (8 (y(h) − y(−h)) − (y(2h) − y(−2h))) / 12h` has the error h⁴y⁽⁵⁾/30; that of `F(2h)` is sixteen times as
/// large (Abramowitz and Stegun, 25.3.6).
pub(super) fn five_points(at: impl Fn(f64) -> ArrayD<f64>, length: f64) -> Slope {
    let size = |a: &ArrayD<f64>| a.iter().map(|x| x.abs()).sum::<f64>();
    let mut best: Option<Slope> = None;
    for width in WIDTHS {
        let h = width * length;
        let [one, two, four] = [h, 2.0 * h, 4.0 * h].map(|h| (at(h), at(-h)));
        let slope = |near: &(ArrayD<f64>, ArrayD<f64>), far: &(ArrayD<f64>, ArrayD<f64>), h: f64| {
            (8.0 * (&near.0 - &near.1) - (&far.0 - &far.1)) / (12.0 * h)
        };
        let (slope, wide) = (slope(&one, &two, h), slope(&two, &four, 2.0 * h));
        // Each value is rounded, and so is its position.
        let error = Zip::from(&slope).and(&wide).and(&two.0).and(&two.1).map_collect(|d, wide, a, b| {
            let rounding = f64::EPSILON * (3.0 * (a.abs() + b.abs()) / h + 4.0 * d.abs() / width);
            TRUNCATION * (wide - d).abs() + rounding
        });
        let better = best
            .as_ref()
            .is_none_or(|known| size(&error) < size(&known.error) || size(&known.error).is_nan());
        if better {
            best = Some(Slope { value: slope, error, step: h });
        }
        if best.as_ref().is_some_and(|known| size(&known.error) <= FINE * size(&known.value)) {
            break;
        }
    }
    best.expect("there is a width")
}

/// The error of a slope with step h by what a kernel loses inside, per element: what is left where terms cancel, as in
/// `ln(1 + e)` for a small e, is less exact than its size tells. Fifth differences of the values that the slope may have
/// read are made of little else: a smooth function's own are some times the slope's error h⁴y⁽⁵⁾/30.
pub(super) fn roughness(at: impl Fn(f64) -> ArrayD<f64>, h: f64) -> ArrayD<f64> {
    let values: Vec<ArrayD<f64>> = (-4..=4).map(|k| at(h * f64::from(k))).collect();
    values.windows(6).fold(ArrayD::zeros(values[0].raw_dim()), |most, y| {
        let fifth = &y[5] - &y[0] - 5.0 * (&y[4] - &y[1]) + 10.0 * (&y[3] - &y[2]);
        Zip::from(&most).and(&fifth).map_collect(|most: &f64, fifth| most.max(fifth.abs()))
    }) / (2.0 * h)
}

/// The step widths for one op, relative to the size of the operand.
const WIDTHS: [f64; 3] = [7e-4, 4e-5, 2.5e-6];

/// The error of F(h) as a fraction of F(2h) − F(h): 1/15 for a smooth function, with a margin.
const TRUNCATION: f64 = 0.5;

/// Below this error no other width is tried.
const FINE: f64 = 1e-9;

/// The step of one-sided slopes, relative to the size of the operand.
const STEP: f64 = 1e-7;

/// The factor from one such step to the next larger one.
const WIDER: f64 = 1e2;

/// Whether the one-sided slopes differ by more than ordinary curvature explains.
fn apart(left: &ArrayD<f64>, right: &ArrayD<f64>) -> bool {
    let scale = left.iter().chain(right).fold(0.0, |m: f64, x| m.max(x.abs()));
    left.iter().zip(right).any(|(a, b)| (a - b).abs() > 1e-3 * scale)
}
