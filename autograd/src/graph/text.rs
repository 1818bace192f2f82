//! Canonical text: one node a line, in single static assignment.
//!
//! ```text
//! %0 = input "x" : [1, 3]
//! %1 = parameter "w" : [2, 3]
//! %2 = matmul %0 %1 bᵀ : [1, 2]  // l0/h[1]#1
//! %3 = tanh %2 : [1, 2]  // l0/h[1]
//! ```
//! A line is number, op, operands, attributes, type, and after `//` the node's name.

use super::Graph;
use crate::ops::{Leaf, Op};
use std::fmt::Write;

pub(super) fn write(graph: &Graph) -> String {
    let mut text = String::new();
    for i in 0..graph.len() {
        // Writing to a string cannot fail.
        let _ = line(graph, i, &mut text);
    }
    text
}

fn line(graph: &Graph, i: usize, to: &mut String) -> std::fmt::Result {
    let node = graph.at(i);
    write!(to, "%{i} = {}", node.op.name())?;
    for operand in graph.operands_at(i) {
        write!(to, " %{operand}")?;
    }
    let attributes = node.op.attributes();
    if !attributes.is_empty() {
        write!(to, " {attributes}")?;
    }
    write!(to, " : {}", node.ty)?;
    match &node.op {
        // An input or parameter shows its name already, and a constant of the forward part is its value.
        Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. }) => writeln!(to),
        Op::Leaf(Leaf::Constant(_)) if node.origin.role == super::Role::Forward => writeln!(to),
        _ => writeln!(to, "  // {}", graph.name_at(i)),
    }
}
