//! Canonical text: one node per line, in static single assignment form.
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
use std::fmt::{self, Write};

pub(super) fn write(graph: &Graph, nodes: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for i in nodes {
        // Writing to a string cannot fail.
        let _ = line(graph, i, &mut text);
    }
    text
}

fn line(graph: &Graph, i: usize, to: &mut String) -> fmt::Result {
    let node = graph.at(i);
    write!(to, "%{i} = {}", node.op.name())?;
    for operand in graph.operands_at(i) {
        write!(to, " %{operand}")?;
    }
    let attributes = node.op.attributes();
    if !attributes.is_empty() {
        write!(to, " {}", OneLine(&attributes))?;
    }
    write!(to, " : {}", node.ty)?;
    match &node.op {
        // An input or parameter already shows its name, and a forward constant its value.
        Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. }) => writeln!(to),
        Op::Leaf(Leaf::Constant(_)) if node.origin.role == super::Role::Forward => writeln!(to),
        _ => writeln!(to, "  // {}", OneLine(&graph.name_at(i))),
    }
}

/// Text with control characters escaped, so that a name with a line end stays on one line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => f.write_char(c),
        })
    }
}
