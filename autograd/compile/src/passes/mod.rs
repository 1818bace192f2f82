//! The passes of the compiler: each reads a graph and writes the next one. One file per pass, in execution order.

mod accumulate;
mod columns;
mod factor;
mod flatten;
mod invariants;
mod join;
mod lift;
mod overlap;
mod products;
mod regroup;
mod sums;
mod transposes;

use super::program::{Program, Rewrite, Rewritten};
use super::writer::{Canonicalize, Writer};
use std::collections::BTreeMap;

/// The effect of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassReport {
    /// The pass.
    pub name: &'static str,
    /// The rules it applied, with counts.
    pub rules: BTreeMap<&'static str, usize>,
    /// The number of nodes before it.
    pub before: usize,
    /// The number of nodes after it.
    pub after: usize,
    /// Whether it was skipped, because a merged node would have depended on itself.
    pub left_out: bool,
}

/// Copies every node: the writer does the work.
struct Copy;
impl Rewrite for Copy {}

type Run = fn(&Program, Writer) -> Rewritten;

/// A pass with its name.
#[derive(Debug)]
pub(super) struct Pass {
    pub name: &'static str,
    pub run: Run,
}

macro_rules! passes {
    ($($name:literal: |$p:ident| $rewrite:expr;)*) => {
        &[$(Pass { name: $name, run: |$p, out| $p.rewrite(&mut $rewrite, out) }),*]
    };
}

/// All passes, in order.
pub(super) static PASSES: &[Pass] = passes! {
    "tidy": |p| Copy;
    "flatten": |p| flatten::Flatten::new(p);
    "factor": |p| factor::Factor::new(p);
    "sums": |p| sums::Sums::new(p);
    "join-left": |p| join::Join::new(p, join::Shared::Left);
    "join-right": |p| join::Join::new(p, join::Shared::Right);
    "regroup": |p| regroup::Regroup::new(p);
    "join-weight": |p| join::Join::new(p, join::Shared::Weight);
    "lift": |p| lift::Lift::new(p);
    "overlap": |p| overlap::Overlap::new(p);
    "columns": |p| columns::Columns::new(p);
    "invariants": |p| invariants::Invariants::new(p);
    "transposes": |p| transposes::Transposes::new(p);
    "accumulate": |p| accumulate::Accumulate::new(p);
};

impl Pass {
    /// Applies this pass; returns the new program and a report. A pass whose groups would depend on themselves is
    /// skipped.
    pub fn apply(&self, p: Program, canonicalize: Canonicalize) -> (Program, PassReport) {
        let before = p.graph.len();
        let (p, rules, left_out) = match (self.run)(&p, Writer::new(canonicalize)) {
            Rewritten::New(new) => (new.0, new.1.counts, false),
            Rewritten::Same => (p, BTreeMap::new(), false),
            Rewritten::Circular => (p, BTreeMap::new(), true),
        };
        #[cfg(debug_assertions)]
        if let Err(why) = autograd::graph::verify(&p.graph) {
            panic!("the pass `{}` has written a graph that is none: {why}\n{}", self.name, p.graph.text());
        }
        let report = PassReport { name: self.name, rules, before, after: p.graph.len(), left_out };
        (p, report)
    }
}
