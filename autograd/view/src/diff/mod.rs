//! The differences between two graphs.
//!
//! Names are stable: `h` of layer `l0` at step 3 is `l0/h[3]` however often the net is unrolled. So named nodes are
//! matched by name, and intermediate nodes by what they compute from matched nodes. Unmatched nodes are added or
//! removed, and a matched pair with different ops or operands is changed.
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

/// The change of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Change {
    /// Only the first graph has it.
    Removed,
    /// Both have it, with another op or other operands.
    Changed,
    /// Only the second graph has it.
    Added,
    /// Both have it.
    Same,
}

/// The differences between two graphs. See the [module](self).
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

    /// Whether both graphs compute the same values under the same names.
    pub fn is_empty(&self) -> bool {
        self.count(Change::Same) == self.merged.changes.len()
    }

    /// The number of nodes with this change. A changed pair counts once.
    pub fn count(&self, change: Change) -> usize {
        self.merged.changes.iter().filter(|&&c| c == change).count()
    }

    /// Both graphs in one: the nodes of the second, and among them the removed ones.
    pub fn merged(&self) -> &Graph {
        &self.merged.graph
    }

    /// The change of each node of the merged graph.
    pub fn changes(&self) -> &[Change] {
        &self.merged.changes
    }

    /// The added and removed operands, by the positions of operand and user in the merged graph. Removed ones are not
    /// operands there.
    pub(crate) fn links(&self) -> &[(usize, usize, Change)] {
        &self.merged.links
    }

    /// The differences as text: a line per named node, shared by all steps with the same difference. A line starts
    /// with `-` for removed, `+` for added and `~` for changed nodes.
    pub fn text(&self) -> String {
        text::write(self)
    }
}

/// Whether a node has a name of its own, as opposed to an intermediate node.
fn named(graph: &Graph, index: usize) -> bool {
    let node = graph.at(index);
    match node.origin.role {
        _ if matches!(node.op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. })) => true,
        Role::Forward => node.origin.ordinal == 0 && node.origin.name.is_some(),
        Role::Adjoint { of, .. } => named(graph, of as usize),
        Role::Backward { .. } => false,
    }
}
