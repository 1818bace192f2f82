//! The residual of every node's equation: the distance of its adjoint from the sum of its users' contributions.

use super::{Record, Scene};
use crate::{Rule, leaves};
use autograd::Error;
use autograd::graph::NodeId;
use autograd::ops::Sampler;
use ndarray::ArrayD;

/// The error of each adjoint between the x and the outputs, in the order of the graph.
///
/// # Errors
/// As [`eval_with`](autograd::eval_with).
pub(crate) fn rules(
    scene: &Scene,
    xs: &[NodeId],
    adjoint: &dyn Fn(NodeId) -> Option<NodeId>,
    sampler: &mut Sampler,
) -> Result<Vec<Rule>, Error> {
    let record = Record::new(scene, xs, adjoint)?;
    let rule = |i: usize| {
        let node = scene.graph.id(i);
        Some(Rule { node, adjoint: adjoint(node)?, error: record.error(i, sampler) })
    };
    Ok((0..record.between.len()).filter(|&i| record.between[i]).filter_map(rule).collect())
}

impl Record<'_> {
    /// |⟨x̄, r⟩ − ⟨seed, r⟩ − Σⱼ ⟨ūⱼ, Jⱼ r⟩| over the sum of the sizes of all these terms.
    fn error(&self, i: usize, sampler: &mut Sampler) -> f64 {
        let claimed = self.claimed(i);
        let r = leaves::weights(&claimed.shape().into(), sampler);
        let mut terms: Vec<ArrayD<f64>> = self.edges(i).iter().map(|edge| -edge.product(&r)).collect();
        terms.extend(self.seed(i).map(|seed| -seed * &r));
        terms.push(claimed * &r);
        let size: f64 = terms.iter().map(|term| term.iter().map(|x| x.abs()).sum::<f64>()).sum();
        let off = terms.iter().map(|term| term.sum()).sum::<f64>().abs();
        if off == 0.0 { 0.0 } else { off / size }
    }
}
