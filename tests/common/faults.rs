//! Faults planted into a gradient graph.

use autograd::ops::{Leaf, Op};
use autograd::{Builder, Expr, Graph, NodeId};
use std::collections::HashMap;

/// A gradient graph with one node replaced.
pub struct Planted<'g> {
    /// All nodes that have an adjoint, with the adjoint claimed after the fault.
    pub claims: Vec<(Expr<'g>, Expr<'g>)>,
}

/// Replaces the derivative node `at` by `fault` of it, for all later nodes: the nodes that depend on it are applied
/// again. The graph itself keeps the correct ones.
pub fn plant<'g>(g: &'g Builder, at: NodeId, fault: impl FnOnce(Expr<'g>) -> Expr<'g>) -> Planted<'g> {
    let graph: std::sync::Arc<Graph> = g.graph().unwrap();
    let mut new: HashMap<NodeId, Expr<'g>> = HashMap::from([(at, fault(g.expr(at)))]);
    for id in graph.ids().filter(|id| id.index() > at.index()) {
        let operands: Vec<NodeId> = graph.operands(id).unwrap().collect();
        if operands.iter().any(|x| new.contains_key(x)) {
            let operands: Vec<Expr> =
                operands.iter().map(|x| new.get(x).copied().unwrap_or_else(|| g.expr(*x))).collect();
            new.insert(id, g.apply(graph[id].op.clone(), &operands));
        }
    }
    let sweep = graph.sweeps().len() - 1;
    let claim = |id: NodeId| {
        let dx = graph.adjoint(id, sweep).unwrap()?;
        Some((g.expr(id), new.get(&dx).copied().unwrap_or_else(|| g.expr(dx))))
    };
    Planted { claims: graph.ids().filter_map(claim).collect() }
}

/// The claims for parameters and inputs alone.
pub fn leaves<'g>(claims: &[(Expr<'g>, Expr<'g>)], graph: &Graph) -> Vec<(Expr<'g>, Expr<'g>)> {
    let leaf = |x: &Expr| matches!(&graph[x.id()].op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. }));
    claims.iter().copied().filter(|(x, _)| leaf(x)).collect()
}
