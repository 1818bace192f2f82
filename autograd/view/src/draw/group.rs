//! The groups of a node for folding: part, layer, time step, gate.

use super::cut::{Part, View};
use super::step::Step;
use autograd::graph::Graph;
use autograd::ops::{Leaf, Op};
use std::sync::Arc;

/// The gate of a node: its variable, or the one that it is intermediate to. A backward node has that of its forward
/// node.
pub(super) fn gate(graph: &Graph, index: usize) -> Option<&Arc<str>> {
    let mut node = graph.at(index);
    while let Some(of) = node.origin.role.of() {
        node = graph.at(of as usize);
    }
    node.origin.name.as_ref()
}

/// The groups of a node, outermost first: part, layer, step, gate. Inputs, parameters and other nodes without a step
/// have only a part.
pub(super) fn path(view: &View, index: usize) -> Vec<String> {
    let graph = view.graph;
    let node = graph.at(index);
    if matches!(node.op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. })) {
        return Vec::new();
    }
    let part = if Part::of(graph, index) == Part::Forward { "forward" } else { "backward" };
    let mut path = vec![part.to_string()];
    path.extend(node.origin.layer.iter().map(ToString::to_string));
    if let Some(step) = node.origin.step {
        path.push(column(view, step).label());
        path.extend(gate(graph, index).map(ToString::to_string));
    }
    path
}

/// A step with the steps it represents.
pub(super) fn column(view: &View, number: u32) -> Step {
    let group = view.roll.as_ref().and_then(|roll| roll.group(number)).unwrap_or_default().to_vec();
    Step { number, group }
}
