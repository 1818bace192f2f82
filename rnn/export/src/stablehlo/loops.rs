//! Finds the loops of an unrolled graph: periodic runs of its node order.
//!
//! No cell and no layer is known here. The nodes that a program needs, in order of creation, form a sequence. A loop
//! is a periodic run of it: row after row of the same ops on the same types, where each operand is either of the same
//! row, or at the same position of the row before, or from before the whole run. Only the first row may read
//! something from before where the others read the row before: there the loop starts. Since a loop is a run of a
//! topological order, loops never depend on each other cyclically. Backpropagation, and a reversed layer, are loops
//! like any other, with descending steps.
//!
//! Rows may differ in attributes that vary linearly: the index of an `at`, the start of a slice, the stream of a
//! mask. Truncation every k steps makes rows of k steps.

use super::element::Element;
use crate::program::{Program, Real};
use autograd::graph::Role;
use autograd::ops::{Leaf, Op};
use autograd::{Graph, NodeId, Shape, Type};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A periodic run of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loop {
    /// Its start in the sequence.
    pub start: usize,
    /// The number of nodes per row.
    pub period: usize,
    /// The number of rows.
    pub rows: usize,
}

impl Loop {
    pub fn end(&self) -> usize {
        self.start + self.period * self.rows
    }
}

/// The computed nodes, in order, and the loops among them.
#[derive(Debug)]
pub(super) struct Plan<'p> {
    pub graph: &'p Graph,
    /// The computed nodes: no leaves, and no aliases of their operands.
    pub sequence: Vec<NodeId>,
    /// By node: its position in the sequence.
    place: Vec<Option<usize>>,
    pub loops: Vec<Loop>,
    /// By node: its loop, the row, and the position in the row.
    home: Vec<Option<Home>>,
    /// By node: whether it takes one index of an array whose other indices are also taken. It costs nothing, and is
    /// written where it is read.
    view: Vec<bool>,
}

/// The position of a node in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Home {
    pub of: usize,
    pub row: usize,
    pub place: usize,
}

/// The number of recurrences of a node that are tried as a period.
pub(super) const PERIODS: usize = 64;

/// The minimum number of nodes that a loop must save to be worth its variables.
const WORTH: usize = 8;

impl<'p> Plan<'p> {
    /// `tag` must be equal for corresponding nodes.
    pub fn new<T: PartialEq>(program: &'p Program, rolled: bool, tag: impl Fn(NodeId) -> T) -> Self {
        let graph: &Graph = &program.graph;
        let same = |op: &Op| matches!(op, Op::Leaf(_) | Op::StopGradient(_));
        let op = |id: NodeId| &graph.node(id).expect("the program's own").op;
        let sequence: Vec<NodeId> = program.nodes().filter(|&id| !same(op(id))).collect();
        let mut place = vec![None; graph.len()];
        sequence.iter().enumerate().for_each(|(k, id)| place[id.index()] = Some(k));
        let (loops, home, view) = (Vec::new(), vec![None; graph.len()], vec![false; graph.len()]);
        let mut plan = Self { graph, sequence, place, loops, home, view };
        if rolled {
            plan.find(&tag);
        }
        plan
    }

    /// The op of a node.
    pub fn op(&self, id: NodeId) -> &'p Op {
        &self.graph.node(id).expect("the program's own").op
    }

    /// The node of which this is an alias: itself, unless it is a stop-gradient.
    pub fn resolve(&self, mut id: NodeId) -> NodeId {
        while let Op::StopGradient(_) = self.op(id) {
            id = self.raw(id).next().expect("it has an operand");
        }
        id
    }

    fn raw(&self, id: NodeId) -> impl ExactSizeIterator<Item = NodeId> + use<'p> {
        self.graph.operands(id).expect("the program's own").collect::<Vec<_>>().into_iter()
    }

    /// The operands of a node.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        self.raw(id).map(|x| self.resolve(x)).collect()
    }

    pub fn home(&self, id: NodeId) -> Option<Home> {
        self.home[id.index()]
    }

    pub fn is_view(&self, id: NodeId) -> bool {
        self.view[id.index()]
    }

    /// The node at a position of a row.
    pub fn at(&self, of: usize, row: usize, place: usize) -> NodeId {
        let l = self.loops[of];
        self.sequence[l.start + row * l.period + place]
    }

    fn find<T: PartialEq>(&mut self, tag: &impl Fn(NodeId) -> T) {
        let kinds = self.kinds();
        let mut occurrences: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut nth = Vec::with_capacity(kinds.len());
        for (k, kind) in kinds.iter().enumerate() {
            let all = occurrences.entry(*kind).or_default();
            nth.push(all.len());
            all.push(k);
        }
        let mut k = 0;
        while k < self.sequence.len() {
            let all = &occurrences[&kinds[k]];
            let last = all[all.len() - 1];
            let mut best: Option<Loop> = None;
            for &next in all[nth[k] + 1..].iter().take(PERIODS) {
                let found = self.stretch(k, next - k, &kinds, tag);
                if found.rows >= 3 && best.is_none_or(|best| saved(found) > saved(best)) {
                    best = Some(found);
                    if found.end() > last {
                        break;
                    }
                }
            }
            let Some(found) = best.filter(|&found| saved(found) >= WORTH || self.is_of_views(found)) else {
                k += 1;
                continue;
            };
            let found = self.at_a_step(found, &kinds, tag);
            k = found.end();
            self.take(found);
        }
    }

    /// Records a loop.
    fn take(&mut self, found: Loop) {
        let nodes = found.start..found.end();
        if self.is_of_views(found) {
            nodes.for_each(|k| self.view[self.sequence[k].index()] = true);
            return;
        }
        let of = self.loops.len();
        for (k, node) in nodes.enumerate() {
            let (row, place) = (k / found.period, k % found.period);
            self.home[self.sequence[node].index()] = Some(Home { of, row, place });
        }
        self.loops.push(found);
    }

    /// Whether it only takes consecutive indices.
    fn is_of_views(&self, found: Loop) -> bool {
        let source = |k: usize| self.operands(self.sequence[k])[0];
        found.period == 1
            && matches!(self.op(self.sequence[found.start]), Op::At(_))
            && source(found.start) == source(found.start + 1)
    }

    /// The same loop shifted to the first node of a step, if it stays as long.
    fn at_a_step<T: PartialEq>(&self, found: Loop, kinds: &[u64], tag: &impl Fn(NodeId) -> T) -> Loop {
        let step = |k: usize| {
            self.graph.node(self.sequence[k]).ok().and_then(|n| {
                // A backward node belongs to the step of its forward node.
                let of = n.origin.role.of().map(|of| of as usize).filter(|&of| of < self.graph.len());
                let origin = of.map_or(&n.origin, |of| &self.graph.at(of).origin);
                origin.step
            })
        };
        let begins = |k: &usize| *k == 0 || step(*k) != step(*k - 1);
        let later = (found.start..found.start + found.period).filter(begins);
        let longer = later.map(|k| self.stretch(k, found.period, kinds, tag));
        longer.filter(|l| l.rows >= found.rows).max_by_key(|l| l.rows).unwrap_or(found)
    }

    /// The length of the periodic run from `start` with a period.
    fn stretch<T: PartialEq>(
        &self,
        start: usize,
        period: usize,
        kinds: &[u64],
        tag: &impl Fn(NodeId) -> T,
    ) -> Loop {
        let alike = |k: usize| kinds[k] == kinds[k + period] && self.alike(start, period, k, tag);
        let length = (start..kinds.len().saturating_sub(period)).take_while(|&k| alike(k)).count();
        Loop { start, period, rows: length / period + 1 }
    }

    /// Whether the node one period later corresponds.
    fn alike<T: PartialEq>(&self, start: usize, period: usize, k: usize, tag: &impl Fn(NodeId) -> T) -> bool {
        let (a, b) = (self.sequence[k], self.sequence[k + period]);
        let Some(moved) = stride(self.op(a), self.op(b)) else { return false };
        let row = |k: usize| (k - start) / period;
        if row(k) > 0 {
            let before = self.op(self.sequence[k - period]);
            if stride(before, self.op(a)) != Some(moved) {
                return false;
            }
        }
        let ty = |id: NodeId| array(&self.graph.node(id).expect("the program's own").ty);
        let (xs, ys) = (self.operands(a), self.operands(b));
        if ty(a) != ty(b) || tag(a) != tag(b) || xs.len() != ys.len() {
            return false;
        }
        xs.iter().zip(&ys).all(|(&x, &y)| {
            let inside = |id: NodeId| self.place[id.index()].filter(|&place| place >= start);
            ty(x) == ty(y)
                && match (inside(x), inside(y)) {
                    (None, None) => true,
                    (Some(x), Some(y)) => y == x + period && row(k + period) - row(y) <= 1,
                    (None, Some(y)) => row(k) == 0 && row(y) == 0,
                    (Some(_), None) => false,
                }
        })
    }

    /// By sequence position: a hash of a node without its step. Recurring nodes have equal hashes.
    fn kinds(&self) -> Vec<u64> {
        let mut kinds: HashMap<usize, u64> = HashMap::new();
        let mut all = Vec::with_capacity(self.sequence.len());
        for id in self.graph.ids() {
            let node = self.graph.node(id).expect("the graph's own");
            let mut hasher = DefaultHasher::new();
            let origin = &node.origin;
            (node.op.name(), array(&node.ty), &origin.layer, &origin.name).hash(&mut hasher);
            // Different parameters are not steps of one loop.
            if let Op::Leaf(leaf) = &node.op {
                leaf.name().hash(&mut hasher);
            }
            // Outside of steps ordinals are unique.
            origin.step.map(|_| origin.ordinal).hash(&mut hasher);
            if let Role::Adjoint { of, sweep } | Role::Backward { of, sweep } = origin.role {
                let adjoint = matches!(origin.role, Role::Adjoint { .. });
                (kinds.get(&(of as usize)), sweep, adjoint, origin.ordinal).hash(&mut hasher);
            }
            let kind = hasher.finish();
            kinds.insert(id.index(), kind);
            if self.place[id.index()].is_some() {
                all.push(kind);
            }
        }
        all
    }
}

/// The type on the other side, where index types with different bounds are equal.
fn array(ty: &Type) -> (&Shape, Element) {
    (&ty.shape, Element::of(ty.kind, Real::F32))
}

/// The number of nodes it saves.
fn saved(l: Loop) -> usize {
    (l.rows - 1) * l.period
}

/// The stride of varying attributes from one op to the next; `None` if the ops differ otherwise.
pub(super) fn stride(a: &Op, b: &Op) -> Option<i64> {
    #[allow(clippy::cast_possible_wrap)] // places and streams are far below the bound
    let apart = |a: usize, b: usize| b as i64 - a as i64;
    match (a, b) {
        (Op::At(a), Op::At(b)) if a.axis == b.axis => Some(apart(a.place, b.place)),
        (Op::Slice(a), Op::Slice(b)) if a.axis == b.axis && a.end - a.start == b.end - b.start => {
            Some(apart(a.start, b.start))
        }
        (Op::DropoutMask(a), Op::DropoutMask(b))
            if a.rate.to_bits() == b.rate.to_bits() && (&a.shape, a.part) == (&b.shape, b.part) =>
        {
            Some(b.stream.wrapping_sub(a.stream).cast_signed())
        }
        (Op::Leaf(Leaf::Constant(_)), _) => None,
        (a, b) => (a == b).then_some(0),
    }
}
