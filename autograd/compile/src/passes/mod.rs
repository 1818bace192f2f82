//! The passes: each reads a graph and writes the next one. One file a pass, in the order in which they run.

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
use super::writer::{Tidy, Writer};
use std::collections::BTreeMap;

/// What a pass did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassReport {
    /// The pass.
    pub name: &'static str,
    /// The rules it applied, and how often.
    pub rules: BTreeMap<&'static str, usize>,
    /// The number of nodes before it.
    pub before: usize,
    /// The number of nodes after it.
    pub after: usize,
    /// Whether it was left out, because what it would have joined would have to come before itself.
    pub left_out: bool,
}

/// Copies every node: what is done is done by the writer.
struct Copy;
impl Rewrite for Copy {}

type Run = fn(&Program, Writer) -> Rewritten;

/// A pass by its name.
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
    /// The program after this pass, and what it did. A pass whose groups would have to come before themselves is left
    /// out.
    pub fn apply(&self, p: Program, tidy: Tidy) -> (Program, PassReport) {
        let before = p.graph.len();
        let (p, rules, left_out) = match (self.run)(&p, Writer::new(tidy)) {
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
