//! The graph: one node for each application of an op, one edge for each operand.
//!
//! petgraph holds it. Nodes are only ever appended, and can name only nodes that exist, so the order of their
//! indices is a topological order, reverse mode is one walk backwards, and a table over the nodes is a `Vec`.
//! A node's incoming edges are added together at its birth, so petgraph's own edge array is the ordered table
//! of operands.
//!
//! A [`Graph`] is a value that is read; a [`Builder`] is where it is written. The split has a purpose: a
//! graph that could be taken out of its builder has no error in it, and no reading has to ask.

mod builder;
mod expr;
mod origin;
mod text;
mod verify;

pub use builder::{Builder, Scope};
pub use expr::{Expr, IntoExpr};
pub use origin::{Origin, Role};
pub use verify::verify;

use crate::error::Error;
use crate::ops::{Leaf, Op};
use crate::shape::Type;
use petgraph::graph::{DiGraph, NodeIndex};
use smallvec::{SmallVec, smallvec};
use std::collections::{HashMap, HashSet};
use std::ops::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An application of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// The kind and shape of its value.
    pub ty: Type,
    /// Who made it: layer, gate, step, and for a backward node the forward node it belongs to.
    pub origin: Origin,
    /// Where its operands begin in the edge array.
    first: u32,
    /// How many operands it has.
    arity: u32,
}

/// A handle to a node of one graph. It stays good for every later version of that graph: also for each of the graphs that two
/// builders make when both resume it, while of what they add neither takes the other's handles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId {
    /// The branch in which the node was added.
    branch: u32,
    index: u32,
}

impl NodeId {
    /// The node's position: the number that text dumps print.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// One call of [`grad`](crate::grad()): its output is what the adjoints of that sweep are derivatives of.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The positions of the outputs that were differentiated.
    pub outputs: Vec<u32>,
}

/// A computation graph: forward, or forward and backward. See the [module](self).
#[derive(Clone, Debug)]
pub struct Graph {
    dag: DiGraph<Node, (), u32>,
    /// The branches that its nodes were added in, ascending: it began in the first, and went on in another wherever a builder
    /// resumed it.
    branches: SmallVec<[Branch; 1]>,
    /// Inputs and parameters by name.
    leaves: HashMap<Arc<str>, u32>,
    /// Named forward nodes.
    names: HashMap<origin::Label, u32>,
    sweeps: Vec<Sweep>,
    /// The adjoint of a node in a sweep.
    adjoints: HashMap<(u32, u32), u32>,
}

/// A stretch of the nodes of a graph, with a number that no other has: by it handles of other graphs are recognised.
#[derive(Clone, Copy, Debug)]
struct Branch {
    number: u32,
    /// The position of its first node.
    first: u32,
}

impl Branch {
    fn new(first: usize) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), first: narrow(first) }
    }
}

/// The branch that the node of an index belongs to.
fn branch_of(branches: &[Branch], index: u32) -> u32 {
    let after = branches.partition_point(|branch| branch.first <= index);
    branches[after - 1].number
}

impl Graph {
    #[doc(hidden)]
    pub fn new() -> Self {
        Self::with_capacity(0, 0)
    }

    /// With room for so many nodes and operands of nodes.
    #[doc(hidden)]
    pub fn with_capacity(nodes: usize, links: usize) -> Self {
        Self {
            dag: DiGraph::with_capacity(nodes, links),
            branches: smallvec![Branch::new(0)],
            leaves: HashMap::new(),
            names: HashMap::new(),
            sweeps: Vec::new(),
            adjoints: HashMap::new(),
        }
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of operands of all nodes.
    #[doc(hidden)]
    pub fn links(&self) -> usize {
        self.dag.edge_count()
    }

    /// All nodes, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        let branches = self.branches.clone();
        (0..narrow(self.len())).map(move |index| NodeId { branch: branch_of(&branches, index), index })
    }

    /// The node that a handle stands for.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn node(&self, id: NodeId) -> Result<&Node, Error> {
        Ok(self.at(self.index(id)?))
    }

    /// The operands of a node, in order.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn operands(&self, id: NodeId) -> Result<impl ExactSizeIterator<Item = NodeId> + '_, Error> {
        Ok(self.operands_at(self.index(id)?).map(|i| self.id(i)))
    }

    /// The nodes that use a node, as a table for all nodes at once.
    pub fn users(&self) -> Users {
        Users::of(self)
    }

    /// The inputs, in order of their making.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|id| matches!(self.at(id.index()).op, Op::Leaf(Leaf::Input { .. })))
    }

    /// The parameters, in order of their making.
    pub fn parameters(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|id| matches!(self.at(id.index()).op, Op::Leaf(Leaf::Parameter { .. })))
    }

    /// The node of a name: an input, a parameter, a named node such as `l0/h[3]`, or an adjoint such as
    /// `∂l0/h[3]`.
    ///
    /// # Errors
    /// [`Error::Unknown`], with the name most like it.
    pub fn find(&self, name: &str) -> Result<NodeId, Error> {
        self.lookup(name).ok_or_else(|| {
            let names = self.ids().map(|id| self.name_at(id.index()));
            Error::Unknown { name: name.into(), nearest: crate::nearest::nearest(name, names) }
        })
    }

    /// By the tables of names; a node that nobody named is searched for.
    ///
    /// `∂h` is the adjoint of `h` in the first sweep, `∂₂h` that in the second. So the innermost name is found first, then
    /// what it is with each sign before it.
    fn lookup(&self, name: &str) -> Option<NodeId> {
        let mut inner = vec![(name, 0)];
        while let Some(adjoint) = inner.last().and_then(|(name, _)| adjoint_of(name)) {
            inner.push(adjoint);
        }
        let mut unnamed: Option<HashMap<&str, NodeId>> = None;
        let mut found: Option<(NodeId, usize)> = None;
        for &(name, sweep) in inner.iter().rev() {
            let known = self.leaves.get(name).or_else(|| self.names.get(&origin::Label::parse(name)));
            let id = known
                .map(|&index| self.id(index as usize))
                .or_else(|| found.and_then(|(of, sweep)| self.adjoint(of, sweep).ok()?))
                .or_else(|| unnamed.get_or_insert_with(|| self.search(&inner)).get(name).copied());
            found = id.map(|id| (id, sweep));
        }
        found.map(|(id, _)| id)
    }

    /// The first nodes of some names.
    fn search<'n>(&self, names: &[(&'n str, usize)]) -> HashMap<&'n str, NodeId> {
        let wanted: HashSet<&str> = names.iter().map(|(name, _)| *name).collect();
        let mut found = HashMap::new();
        for id in self.ids() {
            if let Some(&name) = wanted.get(self.name_at(id.index()).as_str()) {
                found.entry(name).or_insert(id);
            }
        }
        found
    }

    /// The name of a node: its own, or one made of its origin.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn name(&self, id: NodeId) -> Result<String, Error> {
        Ok(self.name_at(self.index(id)?))
    }

    /// The calls of [`grad`](crate::grad()) that have added to this graph.
    pub fn sweeps(&self) -> &[Sweep] {
        &self.sweeps
    }

    /// The adjoint of a node in the sweep of that number, if it has one.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn adjoint(&self, of: NodeId, sweep: usize) -> Result<Option<NodeId>, Error> {
        let of = u32::try_from(self.index(of)?).unwrap_or(u32::MAX);
        let sweep = u32::try_from(sweep).unwrap_or(u32::MAX);
        Ok(self.adjoints.get(&(sweep, of)).map(|&i| self.id(i as usize)))
    }

    /// All adjoints, in no order: the sweep, the position of the forward node, and the position of its adjoint.
    #[doc(hidden)]
    pub fn adjoints(&self) -> impl Iterator<Item = ((u32, usize), usize)> + '_ {
        self.adjoints.iter().map(|(&(sweep, of), &adjoint)| ((sweep, of as usize), adjoint as usize))
    }

    /// The graph as canonical text: one node a line, in single static assignment. The same construction gives
    /// the same text on every machine.
    pub fn text(&self) -> String {
        self.lines(0..self.len())
    }

    /// Makes room for the sweeps of nodes that are copied from elsewhere. Their outputs are not known.
    #[doc(hidden)]
    pub fn set_sweeps(&mut self, count: usize) {
        self.sweeps = vec![Sweep { outputs: Vec::new() }; count];
    }

    /// The lines of some nodes.
    #[doc(hidden)]
    pub fn lines(&self, nodes: impl Iterator<Item = usize>) -> String {
        text::write(self, nodes)
    }

    /// The position of a node of this graph.
    #[doc(hidden)]
    pub fn index(&self, id: NodeId) -> Result<usize, Error> {
        let ours = branch_of(&self.branches, id.index);
        if id.branch == ours && id.index() < self.len() {
            Ok(id.index())
        } else {
            Err(Error::Foreign { index: id.index(), theirs: id.branch, ours })
        }
    }

    /// What is added from here on is told apart from what any other builder adds to the same graph.
    fn branch_off(&mut self) {
        self.branches.push(Branch::new(self.len()));
    }

    /// The handle of the node at a position.
    #[doc(hidden)]
    pub fn id(&self, index: usize) -> NodeId {
        let index = narrow(index);
        NodeId { branch: branch_of(&self.branches, index), index }
    }

    /// The node at a position below `len`.
    #[doc(hidden)]
    pub fn at(&self, index: usize) -> &Node {
        &self.dag[NodeIndex::new(index)]
    }

    /// The operands' positions.
    #[doc(hidden)]
    pub fn operands_at(&self, index: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        let node = self.at(index);
        let edges = &self.dag.raw_edges()[node.first as usize..][..node.arity as usize];
        edges.iter().map(|edge| edge.source().index())
    }

    /// Gives a node another origin. Whoever calls it has built the graph by rewriting another.
    #[doc(hidden)]
    pub fn rename(&mut self, index: usize, origin: Origin) {
        self.dag[NodeIndex::new(index)].origin = origin;
    }

    /// Appends a node. Whoever calls it has inferred its type.
    #[doc(hidden)]
    pub fn push(&mut self, op: Op, ty: Type, origin: Origin, operands: &[u32]) -> u32 {
        let (first, arity) = (narrow(self.dag.edge_count()), narrow(operands.len()));
        let leaf = if let Op::Leaf(leaf) = &op { leaf.name().cloned() } else { None };
        let node = self.dag.add_node(Node { op, ty, origin, first, arity });
        if let Some(name) = leaf {
            self.leaves.insert(name, narrow(node.index()));
        }
        for &operand in operands {
            self.dag.add_edge(NodeIndex::new(operand as usize), node, ());
        }
        narrow(node.index())
    }
}

/// The node that a handle stands for.
///
/// ```
/// # let g = autograd::Builder::new();
/// let y = g.input("x", [2, 3]).exp();
/// let graph = g.graph()?;
/// assert_eq!((graph[y.id()].op.name(), &*graph[y.id()].ty.shape), ("exp", &[2, 3][..]));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// If the handle belongs to another graph: [`Graph::node`] says so without.
impl Index<NodeId> for Graph {
    type Output = Node;

    #[track_caller]
    fn index(&self, id: NodeId) -> &Node {
        self.node(id).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What a name is the adjoint of, and the sweep, from 0.
fn adjoint_of(name: &str) -> Option<(&str, usize)> {
    let rest = name.strip_prefix('∂')?;
    let of = rest.trim_start_matches(|c| ('₀'..='₉').contains(&c));
    let digits = rest[..rest.len() - of.len()].chars();
    let sweep = digits.fold(0usize, |sweep, digit| {
        sweep.saturating_mul(10).saturating_add((u32::from(digit) - u32::from('₀')) as usize)
    });
    Some((of, sweep.saturating_sub(1)))
}

/// Positions are 32 bits wide: petgraph itself refuses to hold more nodes or edges.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("petgraph holds at most u32::MAX nodes and edges")
}

/// For each node, the nodes that use it, ascending; once for each use.
#[derive(Clone, Debug)]
pub struct Users {
    start: Vec<u32>,
    users: Vec<u32>,
}

impl Users {
    fn of(graph: &Graph) -> Self {
        let mut start = vec![0u32; graph.len() + 1];
        for edge in graph.dag.raw_edges() {
            start[edge.source().index() + 1] += 1;
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let (mut next, mut users) = (start.clone(), vec![0; graph.dag.edge_count()]);
        // Edges are in the order of their targets, so each node's users come out ascending.
        for edge in graph.dag.raw_edges() {
            let slot = &mut next[edge.source().index()];
            users[*slot as usize] = narrow(edge.target().index());
            *slot += 1;
        }
        Self { start, users }
    }

    /// The positions of the nodes that use the node at `index`.
    pub fn at(&self, index: usize) -> &[u32] {
        &self.users[self.start[index] as usize..self.start[index + 1] as usize]
    }
}
