//! The input of the page's own evaluation: the leaves of a small graph. Its ops are in `ops.js`.

use super::pack::{Numbers, doubles};
use autograd::graph::Graph;
use autograd::ops::Op;
use ndarray::ArrayD;
use serde::Serialize;

/// The maximum number of multiplications per evaluation in the page.
const MOST: usize = 20_000_000;
/// The maximum numbers of values and of nodes: a page of a thousand steps must open at once.
const NUMBERS: usize = 4_000_000;
const NODES: usize = 30_000;

/// The leaves with their values.
#[derive(Serialize)]
pub(super) struct Live {
    leaves: String,
    numbers: String,
    /// The first output that was differentiated.
    loss: Option<u32>,
}

/// The leaves, if the graph is small enough and the page knows all its ops.
pub(super) fn live(graph: &Graph, values: &[ArrayD<f64>]) -> Option<Live> {
    let leaves: Vec<usize> = (0..graph.len()).filter(|&i| matches!(graph.at(i).op, Op::Leaf(_))).collect();
    let cost = |i: usize| match &graph.at(i).op {
        Op::MatMul(_) => {
            let a = graph.operands_at(i).next().map_or(0, |a| values[a].len());
            a * values[i].shape().last().copied().unwrap_or(1)
        }
        _ => values[i].len(),
    };
    let known = |i: usize| match &graph.at(i).op {
        Op::Custom(_) => false,
        Op::DropoutMask(mask) => mask.part.is_none(),
        _ => true,
    };
    let all = || 0..graph.len();
    if graph.len() > NODES {
        return None;
    }
    let small =
        all().map(cost).sum::<usize>() <= MOST && values.iter().map(ArrayD::len).sum::<usize>() <= NUMBERS;
    if !small || !all().all(known) {
        return None;
    }
    let numbers: Vec<f64> = leaves.iter().flat_map(|&i| values[i].iter().copied()).collect();
    let loss = graph.sweeps().first().and_then(|sweep| sweep.outputs.first().copied());
    Some(Live { leaves: leaves.into_iter().collect::<Numbers>().base64(), numbers: doubles(&numbers), loss })
}
