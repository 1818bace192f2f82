//! Views: the part of a graph to draw.
//!
//! A [`View`] starts as the whole graph, and every cut reduces it. Every format draws views, whatever cuts made them.
//! If a drawn node has an operand outside the view, pictures show the operand's name below it.

mod around;
mod between;
mod rolled;

pub(super) use rolled::Roll;

use autograd::Value;
use autograd::graph::{Graph, NodeId, Role};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Forward or backward.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Part {
    /// The forward computation.
    Forward,
    /// Its derivative.
    Backward,
}

impl Part {
    pub(super) fn of(graph: &Graph, index: usize) -> Self {
        if graph.at(index).origin.role == Role::Forward { Self::Forward } else { Self::Backward }
    }
}

/// A part of a graph to draw: initially the whole graph, reduced by every cut.
///
/// ```
/// use autograd_view::draw::{self, View};
/// use autograd::{Builder, grad};
///
/// let g = Builder::new();
/// let (x, w) = (g.input("x", [9, 2]), g.parameter("w", [2]));
/// let mut h = g.zeros([2]).named("h[0]");
/// for t in 1..=9 {
///     let _step = g.step(t);
///     h = (h * w + x.at(0, t - 1)).tanh().named("h");
/// }
/// grad(h.sum(), &[w]);
/// let graph = g.graph()?;
/// let svg = draw::svg(View::new(&graph).rolled(), &draw::Options::default());
/// assert!(svg.contains("t = 2 … 8") && svg.contains("×7") && !svg.contains("t = 5"));
/// let way = View::new(&graph).between(graph.find("h[2]")?, graph.find("h[4]")?)?;
/// assert_eq!(way.len(), 1 + 2 * 3); // each step has a product, a sum and a tanh
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub(super) graph: &'a Graph,
    /// For each node whether it is in the view.
    shown: Vec<bool>,
    pub(super) roll: Option<Roll>,
    /// The values to show, by node.
    pub(super) values: Arc<HashMap<NodeId, Value<f64>>>,
}

/// An operand of a drawn node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Use {
    /// The drawn nodes that represent the operand and its user.
    pub from: usize,
    pub to: usize,
    /// The index of the operand, from 0.
    pub port: usize,
    /// The operand and the user themselves.
    pub operand: usize,
    pub user: usize,
}

impl<'a> View<'a> {
    /// All of a graph.
    pub fn new(graph: &'a Graph) -> Self {
        Self { graph, shown: vec![true; graph.len()], roll: None, values: Arc::default() }
    }

    /// With the values of nodes: whole in [`json`](super::json()), and in a few characters in the boxes of [`svg`](super::svg()),
    /// [`dot`](super::dot()) and [`mermaid`](super::mermaid()). A step that stands for others shows its own.
    #[must_use]
    pub fn with_values(mut self, values: HashMap<NodeId, Value<f64>>) -> Self {
        self.values = Arc::new(values);
        self
    }

    /// One part alone. A forward node that depends on a derivative, such as a gradient update, counts as backward.
    #[must_use]
    pub fn only(mut self, part: Part) -> Self {
        let mut forward = vec![true; self.shown.len()];
        for i in 0..forward.len() {
            forward[i] =
                Part::of(self.graph, i) == Part::Forward && self.graph.operands_at(i).all(|x| forward[x]);
        }
        self.keep(|i| forward[i] == (part == Part::Forward));
        self
    }

    /// The number of drawn nodes.
    pub fn len(&self) -> usize {
        self.nodes().count()
    }

    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.nodes().next().is_none()
    }

    /// The drawn nodes, ascending.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().map(|i| self.graph.id(i))
    }

    /// The positions of the drawn nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.shown.len()).filter(|&i| self.shown[i] && self.drawn_as(i) == i)
    }

    /// Whether a node is in the view, itself or through its representative.
    pub(super) fn has(&self, index: usize) -> bool {
        self.shown[index]
    }

    /// The representative of a node.
    pub(super) fn drawn_as(&self, index: usize) -> usize {
        self.roll.as_ref().map_or(index, |roll| roll.stands_for[index])
    }

    /// The time steps with a column, ascending.
    pub(super) fn steps(&self) -> Vec<u32> {
        let mut steps: Vec<u32> = self.nodes().filter_map(|i| self.graph.at(i).origin.step).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// The operands of the drawn nodes, including those outside the view, in the order of the users. A representative
    /// also has the operands of the nodes it represents, where they come from other steps than its own do.
    pub(super) fn uses(&self) -> Vec<Use> {
        let step = |i: usize| self.graph.at(i).origin.step;
        let lag =
            |u: &Use| step(u.user).zip(step(u.operand)).map(|(to, from)| i64::from(to) - i64::from(from));
        let (mut uses, mut others): (Vec<Use>, Vec<Use>) = (Vec::new(), Vec::new());
        for user in (0..self.shown.len()).filter(|&i| self.shown[i]) {
            for (port, operand) in self.graph.operands_at(user).enumerate() {
                let (from, to) = (self.drawn_as(operand), self.drawn_as(user));
                let itself = from == operand && to == user;
                (if itself { &mut uses } else { &mut others }).push(Use { from, to, port, operand, user });
            }
        }
        if !others.is_empty() {
            // A sum over all steps reads the same node of each: one line.
            let mut known: HashSet<_> = uses.iter().map(|u| (u.from, u.to, lag(u))).collect();
            uses.extend(others.into_iter().filter(|u| known.insert((u.from, u.to, lag(u)))));
            uses.sort_by_key(|u| (u.to, u.user != u.to));
        }
        uses
    }

    fn keep(&mut self, keep: impl Fn(usize) -> bool) {
        for (i, shown) in self.shown.iter_mut().enumerate() {
            *shown &= keep(i);
        }
        self.reroll();
    }

    /// Cutting a rolled view rolls the rest again.
    fn reroll(&mut self) {
        if self.roll.take().is_some() {
            self.roll = Some(rolled::roll(self));
        }
    }
}

impl<'a> From<&'a Graph> for View<'a> {
    fn from(graph: &'a Graph) -> Self {
        Self::new(graph)
    }
}

impl<'a> From<&'a Arc<Graph>> for View<'a> {
    fn from(graph: &'a Arc<Graph>) -> Self {
        Self::new(graph)
    }
}

impl<'a> From<&View<'a>> for View<'a> {
    fn from(view: &View<'a>) -> Self {
        view.clone()
    }
}
