//! Equations of nodes.

use super::super::label;
use crate::graph::Graph;

/// The equation of a node, with its own name and those of its operands.
pub(super) fn equation(graph: &Graph, i: usize) -> String {
    let operands: Vec<String> = graph.operands_at(i).map(|x| label::number(&graph.at(x).op).unwrap_or_else(|| label::reference(graph, x))).collect();
    let op = &graph.at(i).op;
    let right = op.operator().map_or_else(String::new, |o| o.notation().write(o.name(), &operands));
    format!("{} = {right}", label::reference(graph, i))
}

/// What a node adds to the adjoint of each of its operands, by its op's rule.
pub(super) fn rules(_graph: &Graph, _i: usize) -> Vec<String> {
    Vec::new()
}
