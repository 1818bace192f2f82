//! What changed between two graphs.
//!
//! Names are stable: what a layer calls `h` at step 3 is `l0/h[3]` however often it is unrolled. So nodes with names are
//! matched by name, and nodes on the way to them by what they compute of what is matched already. What is left is added or
//! removed, and a pair that does not compute the same of the same is changed.
//!
//! ```
//! use autograd_view::diff::Diff;
//! use autograd::{Builder, Graph};
//! use std::sync::Arc;
//!
//! fn net(with_bias: bool) -> Result<Arc<Graph>, autograd::Error> {
//!     let g = Builder::new();
//!     let (x, w, b) = (g.input("x", [3, 2]), g.parameter("w", [2]), g.parameter("b", [2]));
//!     for t in 1..=3 {
//!         let _step = g.step(t);
//!         let product = x.at(0, t - 1).named("x") * w;
//!         let _ = (if with_bias { product + b } else { product }).tanh().named("y");
//!     }
//!     g.graph()
//! }
//!
//! let diff = Diff::new(&*net(false)?, &*net(true)?);
//! assert!(diff.text().contains("~ y[1..3] = tanh(x[t] ⊙ w)\n"));
//! assert!(diff.text().contains("         → tanh(x[t] ⊙ w + b)\n"));
//! assert!(Diff::new(&*net(true)?, &*net(true)?).is_empty());
//! # Ok::<(), autograd::Error>(())
//! ```

mod formula;
mod matching;
mod merge;
mod text;

use autograd::graph::{Graph, Role};
use autograd::ops::{Leaf, Op};
use matching::Matching;
use merge::Merged;

/// What became of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Change {
    /// Only the first graph has it.
    Removed,
    /// Both have it, and it computes something else, or of something else.
    Changed,
    /// Only the second graph has it.
    Added,
    /// Both have it.
    Same,
}

/// What changed between two graphs. See the [module](self).
#[derive(Clone, Debug)]
pub struct Diff {
    before: Graph,
    after: Graph,
    merged: Merged,
}

impl Diff {
    /// Compares two graphs.
    pub fn new(before: &Graph, after: &Graph) -> Self {
        let matching = Matching::new(before, after);
        let merged = Merged::new(before, after, &matching);
        Self { before: before.clone(), after: after.clone(), merged }
    }

    /// Whether both graphs compute the same by the same names.
    pub fn is_empty(&self) -> bool {
        self.count(Change::Same) == self.merged.changes.len()
    }

    /// How many nodes changed so. Of a changed pair the two count once.
    pub fn count(&self, change: Change) -> usize {
        self.merged.changes.iter().filter(|&&c| c == change).count()
    }

    /// Both graphs in one: the nodes of the second, and among them those that were removed.
    pub fn merged(&self) -> &Graph {
        &self.merged.graph
    }

    /// For each node of the merged graph what became of it.
    pub fn changes(&self) -> &[Change] {
        &self.merged.changes
    }

    /// The operands that were added or removed, by the positions of operand and user in the merged graph. Removed ones are no
    /// operands there.
    pub(crate) fn links(&self) -> &[(usize, usize, Change)] {
        &self.merged.links
    }

    /// What changed, for people: a line for each named node, once for all steps that agree in it. A line begins with `-` for
    /// what was removed, `+` for what was added and `~` for what is computed otherwise.
    pub fn text(&self) -> String {
        text::write(self)
    }
}

/// Whether a node is one that people look for by its name, and not on the way to such a node.
fn named(graph: &Graph, index: usize) -> bool {
    let node = graph.at(index);
    match node.origin.role {
        _ if matches!(node.op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. })) => true,
        Role::Forward => node.origin.ordinal == 0 && node.origin.name.is_some(),
        Role::Adjoint { of, .. } => named(graph, of as usize),
        Role::Backward { .. } => false,
    }
}
