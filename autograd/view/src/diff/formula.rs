//! Writes a node as a formula over the named nodes behind it.

use super::named;
use autograd::graph::Graph;
use autograd::ops::{Leaf, Notation, Op};

/// The maximum length of a formula in characters; longer ones are truncated.
const LONGEST: usize = 160;

/// The maximum number of terms of a sum that are all written.
const MOST: usize = 5;

/// A node as a formula, with times relative to its own step: `f[t] ⊙ c[t−1]`. Unnamed nodes are written out, and
/// names of its own layer omit the layer.
pub(super) fn formula(graph: &Graph, index: usize) -> String {
    let mut left = LONGEST;
    let text = Writer { graph, root: index }.write(index, true, &mut left).0;
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// A node's name with its own step written `[t]`, in full.
pub(super) fn template(graph: &Graph, index: usize) -> String {
    relative(&graph.name_at(index), step_of(graph, index))
}

/// The step of a node. A node merged by a pass from nodes of one step has it only in its name.
pub(super) fn step_of(graph: &Graph, index: usize) -> Option<u32> {
    let node = graph.at(index);
    let in_name = || step_in(&graph.name_at(index)).map(|(step, ..)| step);
    node.origin.step.or_else(|| node.op.operator().and_then(|_| in_name()))
}

/// The last bracketed number of a name, with the text before and after it.
fn step_in(name: &str) -> Option<(u32, &str, &str)> {
    let (before, after) = name.rsplit_once('[')?;
    let (number, after) = after.split_once(']')?;
    Some((number.parse().ok()?, before, after))
}

/// A name with its step relative to another.
fn relative(name: &str, step: Option<u32>) -> String {
    let (Some(step), Some((number, before, after))) = (step, step_in(name)) else { return name.into() };
    let time = match i64::from(number) - i64::from(step) {
        0 => "t".to_string(),
        d if d > 0 => format!("t+{d}"),
        d => format!("t−{}", -d),
    };
    format!("{before}[{time}]{after}")
}

struct Writer<'a> {
    graph: &'a Graph,
    root: usize,
}

impl Writer<'_> {
    /// The formula and its binding power: sums 1, products 2, signs 3, atoms 5.
    fn write(&self, i: usize, open: bool, left: &mut usize) -> (String, u8) {
        let node = self.graph.at(i);
        if let Some(number) = number(&node.op) {
            return (number, 5);
        }
        let Some(operator) = node.op.operator().filter(|_| open && *left > 0) else {
            let name = self.reference(i);
            *left = left.saturating_sub(name.chars().count());
            return (name, 5);
        };
        let notation = operator.notation();
        let operands: Vec<usize> = self.graph.operands_at(i).collect();
        let binding = match &notation {
            Notation::Function => 0,
            Notation::Infix { binding, .. } => *binding,
            Notation::Prefix(_) => 3,
            Notation::Power(_) | Notation::Postfix(_) => 4,
        };
        let shown = if operands.len() > MOST { &operands[..2] } else { &operands[..] };
        let mut written: Vec<String> = Vec::with_capacity(shown.len());
        for (k, &x) in shown.iter().enumerate() {
            let (text, tight) = self.write(x, !named(self.graph, x), left);
            let least = binding + u8::from(k > 0 && !matches!(node.op, Op::Add(_) | Op::Mul(_)));
            written.push(if tight < least { format!("({text})") } else { text });
        }
        if let (Some(&last), true) = (operands.last(), operands.len() > MOST) {
            written.extend(["…".into(), self.write(last, !named(self.graph, last), left).0]);
        }
        let text = notation.write(operator.name(), &written);
        let all = if operands.len() > MOST { format!("{text} ({} terms)", operands.len()) } else { text };
        (all, if binding == 0 { 5 } else { binding })
    }

    fn reference(&self, i: usize) -> String {
        let (root, node) = (self.graph.at(self.root), self.graph.at(i));
        let name = relative(&self.graph.name_at(i), step_of(self.graph, self.root));
        match (&root.origin.layer, &node.origin.layer) {
            (Some(own), Some(layer)) if own == layer => name.replacen(&format!("{layer}/"), "", 1),
            _ => name,
        }
    }
}

fn number(op: &Op) -> Option<String> {
    let Op::Leaf(Leaf::Constant(value)) = op else { return None };
    value.scalar().map(|x| x.to_string().replace('-', "−"))
}
