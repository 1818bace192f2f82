//! Whether an op's dual kernel is the derivative of its `f64` kernel, at recorded operands.

use super::edge::{Edge, How, Slope, five_points, roughness};
use super::{Guilty, Part, Record};
use crate::hint::Hint;
use crate::leaves;
use crate::numeric::Scale;
use autograd::Dual;
use autograd::Kind;
use autograd::Value;
use autograd::ops::Sampler;
use ndarray::{ArrayD, Zip};

/// Differences with a larger relative error decide nothing.
const COARSE: f64 = 1e-3;

fn all(values: &[Value<f64>]) -> Vec<&Value<f64>> {
    values.iter().collect()
}

/// The maximum relative difference of two tangents: both are rounded several times.
const ROUNDED: f64 = 1e-11;

/// Four times the differences' own error estimate is not an accident.
const BEYOND: f64 = 4.0;

/// The step of one-sided slopes, relative to the size of the operands.
const BESIDE: f64 = 1e-7;

/// The reach of the widest differences, relative to the size of the operands, with a margin.
const NEAR: f64 = 12e-3;

/// The result of differences for the dual kernel of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tangent {
    /// It is correct, or undecided.
    NotWrong,
    Wrong,
    /// The node is at its own kink: the one-sided slopes decide.
    OnKink,
}

impl Record<'_> {
    /// Checks the dual kernel of a node by differences, weighted with its adjoint: elements without effect on the
    /// outputs do not count.
    pub(super) fn tangent(&self, u: usize, sampler: &mut Sampler) -> Tangent {
        let no = Tangent::NotWrong;
        let graph = self.scene.graph;
        let node = graph.at(u);
        let Some(op) = node.op.operator() else { return no };
        if self.scene.point.get(graph.id(u)).is_some() || self.is_cut(u) {
            return no;
        }
        let operands: Option<Vec<&Value<f64>>> = graph.operands_at(u).map(|x| self.values.get(&x)).collect();
        let Some(operands) = operands else { return no };
        let adjoint = self.claimed(u);
        if adjoint.iter().all(|y| *y == 0.0) {
            return no;
        }
        // All varying operands at once, each on its own scale.
        let mut directions: Vec<Option<ArrayD<f64>>> = Vec::new();
        for (k, x) in graph.operands_at(u).enumerate() {
            let moves = self.between[x] && graph.at(x).ty.kind == Kind::Float;
            directions.push(moves.then(|| {
                let scale = Scale::of(operands[k].float());
                scale.stretch(leaves::weights(&operands[k].shape(), sampler)) * scale.length
            }));
        }
        let at = |t: f64| -> Vec<Value<f64>> {
            let along = operands.iter().zip(&directions);
            along
                .map(|(x, u)| match u {
                    Some(u) => Value::Float(x.float() + &(u * t)),
                    None => (*x).clone(),
                })
                .collect()
        };
        // Near a kink steps must be smaller.
        let sides = op.branches(&operands);
        let stays = |reach: &f64| {
            let same = |t: f64| op.branches(&all(&at(t))) == sides;
            sides.is_empty() || same(NEAR * reach) && same(-NEAR * reach)
        };
        let Some(reach) = [1.0, 1e-3, 1e-5, 1e-8].into_iter().find(stays) else { return Tangent::OnKink };
        let dual: Vec<Value<Dual>> = operands
            .iter()
            .zip(&directions)
            .map(|(x, u)| match u {
                Some(u) => Value::Float(
                    Zip::from(x.float()).and(u).map_collect(|&value, &tangent| Dual { value, tangent }),
                ),
                None => x.cast(),
            })
            .collect();
        let tangent = op.eval_dual(&dual.iter().collect::<Vec<_>>()).into_float().mapv(|y| y.tangent);
        let value = |t: f64| op.eval_f64(&all(&at(t))).into_float();
        let Slope { value: slope, error, step } = five_points(value, reach);
        if tangent.shape() != adjoint.shape() || slope.shape() != adjoint.shape() {
            return no;
        }
        let (mut off, mut doubt, mut size) = (0.0, 0.0, 0.0);
        Zip::from(&adjoint).and(&tangent).and(&slope).and(&error).for_each(|y, t, d, e| {
            if *y != 0.0 {
                off += y.abs() * (t - d).abs();
                doubt += y.abs() * e;
                size += y.abs() * d.abs();
            }
        });
        // A value that is not finite on one side alone is an error too, unless the function is steep there.
        let told = doubt <= COARSE * size || size == 0.0 && doubt == 0.0;
        if !(told && off > BEYOND * doubt + ROUNDED * size) {
            return no;
        }
        let weight = adjoint.mapv(f64::abs);
        // A value that does not move at all may be what is left where terms as large as the operands cancel.
        let far =
            directions.iter().flatten().flat_map(|u| u.iter()).fold(0.0, |far: f64, u| far.max(u.abs()));
        let still = if size == 0.0 { f64::EPSILON * far / step * weight.sum() } else { 0.0 };
        let rough = (weight * roughness(value, step)).sum();
        if off <= BEYOND * (doubt + rough + still) + ROUNDED * size {
            return no;
        }
        // An undeclared kink has two slopes, and their mean at every step.
        let h = BESIDE * reach;
        let [left, right] = [-h, h].map(|t| (value(2.0 * t) - value(t)) / t);
        let bent =
            Zip::from(&adjoint).and(&left).and(&right).fold(0.0, |bent, y, a, b| bent + (y * (a - b)).abs());
        if bent > COARSE * size { Tangent::OnKink } else { Tangent::Wrong }
    }

    /// A node whose VJP agrees with differences, while its dual kernel agrees with neither.
    pub(super) fn wrong_dual(&self, u: usize, sampler: &mut Sampler) -> Option<Guilty> {
        let graph = self.scene.graph;
        let adjoint = self.claimed(u);
        let wrong = graph.operands_at(u).enumerate().filter(|&(_, x)| self.between[x]).find_map(|(k, x)| {
            let mut edge = Edge::new(self, u, k, adjoint.clone())?;
            let r = leaves::weights(&self.claimed(x).shape().into(), sampler);
            let said = edge.product(&r).sum();
            edge.how = How::Differences;
            let (is, doubt) = (edge.product(&r).sum(), edge.doubt(&r));
            ((said - is).abs() > BEYOND * doubt).then_some((k, x, said, is))
        });
        let (operand, x, analytic, numeric) = wrong?;
        let origin = &graph.at(u).origin;
        Some(Guilty {
            part: Part::DualKernel,
            node: graph.name_at(u),
            op: graph.at(u).op.name().into(),
            operand,
            operand_name: graph.name_at(x),
            layer: origin.layer.as_deref().map(str::to_string),
            gate: origin.name.as_deref().map(str::to_string),
            step: origin.step,
            index: Vec::new(),
            analytic,
            numeric,
            hint: Hint::Factor(analytic / numeric),
            uses: 1,
            of: 1,
            rule: None,
        })
    }

    /// Whether a node is a stop-gradient inside a VJP.
    fn is_cut(&self, u: usize) -> bool {
        matches!(self.scene.graph.at(u).op, autograd::ops::Op::StopGradient(_)) && u >= self.scene.forward
    }
}
