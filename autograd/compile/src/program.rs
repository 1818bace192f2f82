//! A graph on its way through the passes.
//!
//! A pass reads a program and writes the next one; nothing is edited in place. Nodes are written in dependency order,
//! each after what its rewrite needs: so a group of nodes that becomes one node may pull forward whatever any of its
//! members reads. The walk keeps its own stack: a graph of a million nodes is as deep as it is long.

use super::sources::Sources;
use super::writer::Writer;
use autograd::Place;
use autograd::graph::{Graph, NodeId, Origin, Role};
use smallvec::SmallVec;
use std::fmt::Write;
use std::sync::Arc;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A graph, what is wanted of it, and where its nodes come from. The outputs depend on all of its nodes.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The graph that was given, by whose names nodes are called.
    pub source: Arc<Graph>,
    /// The graph as it stands.
    pub graph: Graph,
    /// The nodes whose values are asked for.
    pub outputs: Vec<u32>,
    /// For each node, what it stands for.
    pub of: Vec<Sources>,
}

/// What a pass does to a graph, node by node.
pub(super) trait Rewrite {
    /// Whether it has found nothing to do: the program then stays as it is.
    fn is_idle(&self) -> bool {
        false
    }

    /// The nodes that must be written before `v` is. Mostly its operands.
    fn needs(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        needs.extend(p.graph.operands_at(v));
    }

    /// Whether `v` is written only if another node needs it: its value has become part of another's.
    fn is_absorbed(&self, _v: usize) -> bool {
        false
    }

    /// Writes node `v`, all of whose needs are written, and returns its place in the new graph.
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        out.copy(p, v)
    }
}

/// What a rewrite comes to.
pub(super) enum Rewritten {
    /// The program as it was.
    Same,
    /// Another one, and who has written it.
    New(Box<(Program, Writer)>),
    /// None: what is joined would have to come before itself.
    Circular,
}

impl Program {
    /// The part of `source` that `outputs` depend on, as it is.
    pub fn new(source: &Arc<Graph>, outputs: &[usize]) -> Self {
        let (graph, outputs, kept) = part(source, outputs);
        let of = kept.into_iter().map(|i| Sources::One(super::narrow(i))).collect();
        Self { source: source.clone(), graph, outputs, of }
    }

    /// Without the nodes that no output depends on.
    pub fn without_dead(self) -> Self {
        let outputs: Vec<usize> = self.outputs.iter().map(|&y| y as usize).collect();
        if live(&self.graph, &outputs).into_iter().all(|live| live) {
            return self;
        }
        let (graph, outputs, kept) = part(&self.graph, &outputs);
        let of = kept.into_iter().map(|i| self.of[i].clone()).collect();
        Self { source: self.source, graph, outputs, of }
    }

    /// The program that `rewrite` makes of this one.
    pub fn rewrite(&self, rewrite: &mut impl Rewrite, mut out: Writer) -> Rewritten {
        if rewrite.is_idle() {
            return Rewritten::Same;
        }
        out.begin(&self.graph);
        let mut open = vec![false; self.graph.len()];
        let (mut stack, mut needs) = (Vec::new(), Vec::new());
        for root in 0..self.graph.len() {
            if !rewrite.is_absorbed(root) {
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
                    rewrite.needs(self, v, &mut needs);
                    let before = stack.len();
                    stack.extend(needs.iter().rev().copied().filter(|&u| !out.has(u)));
                    // An open node that is not written is one that waits for this one.
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

    /// The graph by itself, its nodes called by what they stand for, and the outputs' handles.
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

    /// For each node, how often it is read; an output is read once more.
    pub fn readers(&self) -> Vec<u32> {
        let mut readers = vec![0u32; self.graph.len()];
        self.outputs.iter().for_each(|&y| readers[y as usize] += 1);
        for v in 0..self.graph.len() {
            self.graph.operands_at(v).for_each(|x| readers[x] += 1);
        }
        readers
    }

    /// For each node, who reads it.
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

    /// The time step of a node, if what it stands for has one.
    pub fn step(&self, v: usize) -> u32 {
        let steps = self.of[v].iter().filter_map(|&i| self.source.at(i as usize).origin.step);
        steps.min().unwrap_or(0)
    }

    /// The shape of a node's value.
    pub fn shape(&self, v: usize) -> &[usize] {
        &self.graph.at(v).ty.shape
    }
}

/// The readers of all nodes, those of each ascending, as often as they read it.
#[derive(Debug)]
pub(super) struct ReadBy {
    /// Where the readers of each node begin.
    first: Vec<u32>,
    readers: Vec<u32>,
}

impl ReadBy {
    /// The readers of a node.
    pub fn of(&self, x: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        self.readers[self.first[x] as usize..self.first[x + 1] as usize].iter().map(|&v| v as usize)
    }
}

/// The origin of a node that is called by what it stands for, once its graph is done. What a source's origin says of
/// other nodes holds in the source alone.
pub(super) fn anonymous(place: Place) -> Origin {
    Origin { layer: None, name: None, step: None, ordinal: 0, role: Role::Forward, place }
}

/// The part of a graph that some nodes depend on: the new graph, the nodes' places in it, and which nodes it has.
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

/// The nodes that some nodes depend on, and these themselves.
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
