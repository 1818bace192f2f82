//! The graph: one node per application of an op, one edge per operand.
//!
//! It is stored in petgraph. Nodes are only appended and refer only to existing nodes, so index order is a
//! topological order, reverse mode is one backward walk, and a table over the nodes is a `Vec`. A node's incoming
//! edges are added together when it is created, so petgraph's edge array is the ordered table of operands.
//!
//! A [`Graph`] is read-only; a [`Builder`] writes it. A graph obtained from its builder contains no errors, so
//! readers need not check.

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
    /// The op.
    pub op: Op,
    /// The kind and shape of its value.
    pub ty: Type,
    /// Its origin: layer, gate, step, and for a backward node its forward node.
    pub origin: Origin,
    /// The position of its first operand in the edge array.
    first: u32,
    /// The number of operands.
    arity: u32,
}

/// A handle to a node of one graph. It is valid for every later version of that graph: if two builders resume a
/// graph, its handles are valid in both results, while handles of the nodes that each adds are foreign to the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId {
    /// The branch that added the node.
    branch: u32,
    index: u32,
}

impl NodeId {
    /// The node's position: the number that text dumps print.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// One call of [`grad`](crate::grad()), which differentiates its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The positions of the differentiated outputs.
    pub outputs: Vec<u32>,
}

/// A computation graph: forward, or forward and backward. See the [module](self).
#[derive(Clone, Debug)]
pub struct Graph {
    dag: DiGraph<Node, (), u32>,
    /// The branches that added its nodes, ascending: each builder that resumes the graph starts a branch.
    branches: SmallVec<[Branch; 1]>,
    /// Inputs and parameters by name.
    leaves: HashMap<Arc<str>, u32>,
    /// Named forward nodes.
    names: HashMap<origin::Label, u32>,
    sweeps: Vec<Sweep>,
    /// The adjoint of a node in a sweep.
    adjoints: HashMap<(u32, u32), u32>,
}

/// A range of nodes with a globally unique number, which identifies handles of other graphs.
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

/// The branch of the node at an index.
fn branch_of(branches: &[Branch], index: u32) -> u32 {
    let after = branches.partition_point(|branch| branch.first <= index);
    branches[after - 1].number
}

impl Graph {
    #[doc(hidden)]
    pub fn new() -> Self {
        Self::with_capacity(0, 0)
    }

    /// An empty graph with capacity for nodes and operands.
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

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of operands of all nodes.
    #[doc(hidden)]
    pub fn links(&self) -> usize {
        self.dag.edge_count()
    }

    /// All nodes in topological order: operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        let branches = self.branches.clone();
        (0..narrow(self.len())).map(move |index| NodeId { branch: branch_of(&branches, index), index })
    }

    /// The node of a handle.
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

    /// The users of all nodes, as a table.
    pub fn users(&self) -> Users {
        Users::of(self)
    }

    /// The inputs, in order of creation.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|id| matches!(self.at(id.index()).op, Op::Leaf(Leaf::Input { .. })))
    }

    /// The parameters, in order of creation.
    pub fn parameters(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|id| matches!(self.at(id.index()).op, Op::Leaf(Leaf::Parameter { .. })))
    }

    /// The node with a name: an input, a parameter, a named node such as `l0/h[3]`, or an adjoint such as `∂l0/h[3]`.
    ///
    /// # Errors
    /// [`Error::Unknown`], with the most similar name.
    pub fn find(&self, name: &str) -> Result<NodeId, Error> {
        self.lookup(name).ok_or_else(|| {
            let names = self.ids().map(|id| self.name_at(id.index()));
            Error::Unknown { name: name.into(), nearest: crate::nearest::nearest(name, names) }
        })
    }

    /// Looks in the tables of names; unnamed nodes need a search.
    ///
    /// `∂h` is the adjoint of `h` in the first sweep, `∂₂h` that in the second. So the innermost name is resolved
    /// first, then the adjoint for each prefix.
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

    /// The first node with each of some names.
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

    /// The name of a node: its own, or one derived from its origin.
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

    /// The adjoint of a node in a sweep, if it has one.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn adjoint(&self, of: NodeId, sweep: usize) -> Result<Option<NodeId>, Error> {
        let of = u32::try_from(self.index(of)?).unwrap_or(u32::MAX);
        let sweep = u32::try_from(sweep).unwrap_or(u32::MAX);
        Ok(self.adjoints.get(&(sweep, of)).map(|&i| self.id(i as usize)))
    }

    /// All adjoints, in no particular order: the sweep, the position of the forward node, and the position of its
    /// adjoint.
    #[doc(hidden)]
    pub fn adjoints(&self) -> impl Iterator<Item = ((u32, usize), usize)> + '_ {
        self.adjoints.iter().map(|(&(sweep, of), &adjoint)| ((sweep, of as usize), adjoint as usize))
    }

    /// The graph as canonical text: one node per line, in static single assignment form. The same construction gives
    /// the same text on every machine.
    pub fn text(&self) -> String {
        self.lines(0..self.len())
    }

    /// Reserves sweeps for nodes copied from another graph. Their outputs are unknown.
    #[doc(hidden)]
    pub fn set_sweeps(&mut self, count: usize) {
        self.sweeps = vec![Sweep { outputs: Vec::new() }; count];
    }

    /// The text lines of some nodes.
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

    /// Starts a branch: handles of nodes added from here on differ from those of any other builder of the same graph.
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

    /// Replaces a node's origin, for a graph built by rewriting another.
    #[doc(hidden)]
    pub fn rename(&mut self, index: usize, origin: Origin) {
        self.dag[NodeIndex::new(index)].origin = origin;
    }

    /// Appends a node. The caller has inferred its type.
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

/// The node of a handle.
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
/// If the handle belongs to another graph; [`Graph::node`] returns an error instead.
impl Index<NodeId> for Graph {
    type Output = Node;

    #[track_caller]
    fn index(&self, id: NodeId) -> &Node {
        self.node(id).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The name of the forward node of an adjoint's name, and the sweep, from 0.
fn adjoint_of(name: &str) -> Option<(&str, usize)> {
    let rest = name.strip_prefix('∂')?;
    let of = rest.trim_start_matches(|c| ('₀'..='₉').contains(&c));
    let digits = rest[..rest.len() - of.len()].chars();
    let sweep = digits.fold(0usize, |sweep, digit| {
        sweep.saturating_mul(10).saturating_add((u32::from(digit) - u32::from('₀')) as usize)
    });
    Some((of, sweep.saturating_sub(1)))
}

/// Positions are 32 bits wide: petgraph holds no more nodes or edges.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("petgraph holds at most u32::MAX nodes and edges")
}

/// For each node, its users in ascending order, once per use.
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
        // Edges are in the order of their targets, so the users of each node are ascending.
        for edge in graph.dag.raw_edges() {
            let slot = &mut next[edge.source().index()];
            users[*slot as usize] = narrow(edge.target().index());
            *slot += 1;
        }
        Self { start, users }
    }

    /// The positions of the users of the node at `index`.
    pub fn at(&self, index: usize) -> &[u32] {
        &self.users[self.start[index] as usize..self.start[index + 1] as usize]
    }
}
