//! Where a net is not smooth: differences must not cross such points.

use super::Problem;
use autograd::{Builder, Graph, NodeId, Type, Value, eval};
use ndarray::{ArrayD, Zip};
use std::collections::HashSet;

/// The distance of two compared numbers at a node with a kink or a jump where they are equal.
fn gap(op: &str, x: &[ArrayD<f64>]) -> f64 {
    let least = |a: ArrayD<f64>| a.iter().fold(f64::INFINITY, |least, x| least.min(x.abs()));
    let [a, b] = x else { return least(x[0].clone()) };
    let shape = (a + b).raw_dim();
    let (a, b) = (a.broadcast(shape.clone()).unwrap(), b.broadcast(shape).unwrap());
    let turns = |a: f64, b: f64| (a / b - (a / b).round()) * b;
    least(match op {
        "modulo" => Zip::from(a).and(b).map_collect(|&a, &b| turns(a, b)),
        _ => Zip::from(a).and(b).map_collect(|&a, &b| a - b),
    })
}

/// Nodes that depend on a differentiable leaf; the step number does not.
fn moving(graph: &Graph, leaves: &[NodeId]) -> HashSet<NodeId> {
    let mut moving: HashSet<NodeId> = leaves.iter().copied().collect();
    for id in graph.ids() {
        if graph.operands(id).unwrap().any(|operand| moving.contains(&operand)) {
            moving.insert(id);
        }
    }
    moving
}

/// The distance to the nearest kink or jump; infinite for a smooth net.
pub fn nearest(problem: &Problem) -> f64 {
    let g = Builder::new();
    let built = problem.build(&g);
    let graph = g.graph().unwrap();
    let moving = moving(&graph, &built.leaves.iter().map(|leaf| leaf.1.id()).collect::<Vec<_>>());
    let real = |id: NodeId| matches!(graph[id].ty, Type { kind: autograd::Kind::Float, .. });
    let sharp = |id: &NodeId| {
        let compares = ["relu", "abs", "min", "max", "modulo", "less", "less_equal", "greater"];
        let rest = ["greater_equal", "equal", "not_equal"];
        let op = graph[*id].op.name();
        (compares.contains(&op) || rest.contains(&op)) && graph.operands(*id).unwrap().all(real)
    };
    let sharp: Vec<NodeId> = graph.ids().filter(|id| moving.contains(id)).filter(sharp).collect();
    let operands = |graph: &Graph, id| graph.operands(id).unwrap().collect::<Vec<_>>();
    let all: Vec<NodeId> = sharp.iter().flat_map(|&id| operands(&graph, id)).collect();
    let mut values = eval(&graph, &built.point, &all).unwrap().into_iter().map(Value::into_float);
    let gaps = sharp.iter().map(|&id| {
        let x: Vec<_> = values.by_ref().take(operands(&graph, id).len()).collect();
        gap(graph[id].op.name(), &x)
    });
    gaps.fold(f64::INFINITY, f64::min)
}
