//! The compiler's intermediate representation: a graph between passes.
//!
//! A pass reads a program and writes the next one; nothing is edited in place. Nodes are written in dependency order,
//! each after the dependencies of its rewrite: a group that becomes one node may pull forward the operands of any
//! member. The walk has an explicit stack, since a graph of a million nodes can be a million deep.

use super::provenance::Provenance;
use super::writer::Writer;
use autograd::Place;
use autograd::graph::{Graph, NodeId, Origin, Role};
use smallvec::SmallVec;
use std::fmt::Write;
use std::sync::Arc;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A graph with its outputs and provenance. The outputs depend on all of its nodes.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The source graph, which gives nodes their names.
    pub source: Arc<Graph>,
    /// The current graph.
    pub graph: Graph,
    /// The output nodes.
    pub outputs: Vec<u32>,
    /// For each node, its source nodes.
    pub of: Vec<Provenance>,
}

/// A rewrite of a graph, node by node.
pub(super) trait Rewrite {
    /// Whether it found nothing to do: the program then stays unchanged.
    fn is_idle(&self) -> bool {
        false
    }

    /// The nodes that must be written before `v`: by default its operands.
    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        needs.extend(p.graph.operands_at(v));
    }

    /// Whether `v` is written only on demand: its value is part of another node.
    fn is_fused_away(&self, _v: usize) -> bool {
        false
    }

    /// Writes node `v`, whose dependencies are written, and returns its position in the new graph.
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        out.copy(p, v)
    }
}

/// The result of a rewrite.
pub(super) enum Rewritten {
    /// The program is unchanged.
    Same,
    /// A new program, with its writer.
    New(Box<(Program, Writer)>),
    /// A merged node would depend on itself.
    Circular,
}

impl Program {
    /// The part of `source` that `outputs` depend on.
    pub fn new(source: &Arc<Graph>, outputs: &[usize]) -> Self {
        let (graph, outputs, kept) = part(source, outputs);
        let of = kept.into_iter().map(|i| Provenance::One(super::narrow(i))).collect();
        Self { source: source.clone(), graph, outputs, of }
    }

    /// Removes dead nodes.
    pub fn without_dead(self) -> Self {
        let outputs: Vec<usize> = self.outputs.iter().map(|&y| y as usize).collect();
        if live(&self.graph, &outputs).into_iter().all(|live| live) {
            return self;
        }
        let (graph, outputs, kept) = part(&self.graph, &outputs);
        let of = kept.into_iter().map(|i| self.of[i].clone()).collect();
        Self { source: self.source, graph, outputs, of }
    }

    /// Applies `rewrite` to this program.
    pub fn rewrite(&self, rewrite: &mut impl Rewrite, mut out: Writer) -> Rewritten {
        if rewrite.is_idle() {
            return Rewritten::Same;
        }
        out.begin(&self.graph);
        let mut open = vec![false; self.graph.len()];
        let (mut stack, mut needs) = (Vec::new(), Vec::new());
        for root in 0..self.graph.len() {
            if !rewrite.is_fused_away(root) {
                stack.push(root);
            }
            while let Some(&v) = stack.last() {
                if out.has(v) {
                    stack.pop();
                    continue;
                }
                if !open[v] {
                    open[v] = true;
                    needs.clear();
                    rewrite.dependencies(self, v, &mut needs);
                    let before = stack.len();
                    stack.extend(needs.iter().rev().copied().filter(|&u| !out.has(u)));
                    // An open, unwritten node is waiting for this one: a cycle.
                    if stack[before..].iter().any(|&u| open[u]) {
                        return Rewritten::Circular;
                    }
                    if stack.len() > before {
                        continue;
                    }
                }
                out.of(&self.of[v]);
                let new = rewrite.write(self, v, &mut out);
                out.set(v, new);
                stack.pop();
            }
        }
        let outputs = self.outputs.iter().map(|&y| out.at(y as usize)).collect();
        let (graph, of) = out.take();
        let program = Self { source: self.source.clone(), graph, outputs, of }.without_dead();
        Rewritten::New(Box::new((program, out)))
    }

    /// The graph alone, its nodes named after their sources, and the outputs' handles.
    pub fn into_graph(mut self) -> (Graph, Vec<NodeId>) {
        for v in 0..self.graph.len() {
            let origin = match self.of[v].split_first() {
                None => continue,
                Some((&first, others)) => {
                    let first = &self.source.at(first as usize).origin;
                    let place = first.place;
                    let mut name = self.source.name_at(self.of[v][0] as usize);
                    if !others.is_empty() {
                        // Writing to a string cannot fail.
                        let _ = write!(name, " ×{}", others.len() + 1);
                    }
                    Origin { name: Some(name.into()), ..anonymous(place) }
                }
            };
            self.graph.rename(v, origin);
        }
        let outputs = self.outputs.iter().map(|&y| self.graph.id(y as usize)).collect();
        (self.graph, outputs)
    }

    /// For each node, the number of its reads; an output counts one more.
    pub fn readers(&self) -> Vec<u32> {
        let mut readers = vec![0u32; self.graph.len()];
        self.outputs.iter().for_each(|&y| readers[y as usize] += 1);
        for v in 0..self.graph.len() {
            self.graph.operands_at(v).for_each(|x| readers[x] += 1);
        }
        readers
    }

    /// For each node, its readers.
    pub fn read_by(&self) -> ReadBy {
        let n = self.graph.len();
        let mut first = vec![0u32; n + 1];
        (0..n).for_each(|v| self.graph.operands_at(v).for_each(|x| first[x + 1] += 1));
        (0..n).for_each(|v| first[v + 1] += first[v]);
        let mut next = first.clone();
        let mut readers = vec![0; first[n] as usize];
        for v in 0..n {
            for x in self.graph.operands_at(v) {
                readers[next[x] as usize] = super::narrow(v);
                next[x] += 1;
            }
        }
        ReadBy { first, readers }
    }

    /// For each node, whether it depends on parameters and constants alone: a loop invariant.
    pub fn invariants(&self) -> Vec<bool> {
        use autograd::ops::{Leaf, Op};
        let mut invariant = vec![false; self.graph.len()];
        for v in 0..self.graph.len() {
            invariant[v] = match &self.graph.at(v).op {
                Op::Leaf(Leaf::Input { .. }) => false,
                Op::Leaf(_) => true,
                _ => self.graph.operands_at(v).all(|x| invariant[x]),
            };
        }
        invariant
    }

    /// The time step of a node, if its sources have one.
    pub fn step(&self, v: usize) -> u32 {
        let steps = self.of[v].iter().filter_map(|&i| self.source.at(i as usize).origin.step);
        steps.min().unwrap_or(0)
    }

    /// The shape of a node's value.
    pub fn shape(&self, v: usize) -> &[usize] {
        &self.graph.at(v).ty.shape
    }
}

/// The readers of all nodes, ascending, once per read.
#[derive(Debug)]
pub(super) struct ReadBy {
    /// The start of each node's readers.
    first: Vec<u32>,
    readers: Vec<u32>,
}

impl ReadBy {
    /// The readers of a node.
    pub fn of(&self, x: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        self.readers[self.first[x] as usize..self.first[x + 1] as usize].iter().map(|&v| v as usize)
    }
}

/// The origin of a node without a name of its own, in a finished graph. Positions in a source's origin are valid in
/// the source alone.
pub(super) fn anonymous(place: Place) -> Origin {
    Origin { layer: None, name: None, step: None, ordinal: 0, role: Role::Forward, place }
}

/// The part of a graph that some nodes depend on: the new graph, the nodes' new positions, and the old positions of
/// its nodes.
fn part(graph: &Graph, outputs: &[usize]) -> (Graph, Vec<u32>, Vec<usize>) {
    let live = live(graph, outputs);
    let count = live.iter().filter(|&&live| live).count();
    let mut part = Graph::with_capacity(count, graph.links());
    let (mut place, mut kept) = (vec![NONE; graph.len()], Vec::with_capacity(count));
    for i in (0..graph.len()).filter(|&i| live[i]) {
        let node = graph.at(i);
        let operands: SmallVec<[u32; 8]> = graph.operands_at(i).map(|x| place[x]).collect();
        place[i] = part.push(node.op.clone(), node.ty.clone(), anonymous(node.origin.place), &operands);
        kept.push(i);
    }
    (part, outputs.iter().map(|&y| place[y]).collect(), kept)
}

/// The nodes that some nodes depend on, themselves included (liveness).
pub(super) fn live(graph: &Graph, outputs: &[usize]) -> Vec<bool> {
    let mut live = vec![false; graph.len()];
    outputs.iter().for_each(|&y| live[y] = true);
    for v in (0..graph.len()).rev() {
        if live[v] {
            graph.operands_at(v).for_each(|x| live[x] = true);
        }
    }
    live
}
