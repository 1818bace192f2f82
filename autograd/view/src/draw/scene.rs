//! The scene, derived once for all formats: the drawn nodes with their columns, bands and labels.
//!
//! A *column* is a time step, or the side before the first step (parameters, whole sequences, initial states), or the
//! end after the last (losses, results). A *part* is forward or backward; a backward node is in the column of its
//! forward node. A *band* is a layer, or the space between two layers.

use super::cut::{Part, View};
use super::detail::Detail;
use super::kin::kin;
use super::label::{self, Class};
use super::step::Step;
use crate::diff::{Change, Diff};
use autograd::Value;
use autograd::graph::{Graph, NodeId, Role};
use autograd::ops::{Leaf, Op};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The column of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Column {
    /// Before the first step.
    Side,
    /// A time step, by its position among the steps.
    Step(usize),
    /// After the last step.
    End,
}

/// A drawn node, or one that is named at its users.
#[derive(Debug)]
pub(super) struct Item {
    /// Its position in the graph.
    pub node: usize,
    pub part: Part,
    pub column: Column,
    /// 2k + 1 for layer k, 2k for the space below it.
    pub band: usize,
    pub class: Class,
    /// Name or sign.
    pub title: String,
    /// Op and shape, for a named node.
    pub subtitle: Option<String>,
    /// The node whose value it shows: itself if it has a name; for a box of several nodes the one it is named after.
    pub shows: Option<NodeId>,
    /// Whether it is outside the view: it has no box, and its users show its name.
    pub outside: bool,
    /// The number that it shares with its kin of other steps.
    pub kin: u32,
    /// Its change, when two graphs are compared.
    pub change: Option<Change>,
}

/// An edge from an operand to its user, both by their item positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// The index of the operand, from 0.
    pub port: usize,
    /// The operand and the user themselves, if they have representatives.
    pub operand: usize,
    pub user: usize,
    /// The lag: how many steps later the user is.
    pub lag: i64,
    /// Its change, when two graphs are compared.
    pub change: Change,
}

impl Link {
    /// Whether it passes between steps of one rolled column.
    pub fn is_loop(&self, items: &[Item]) -> bool {
        self.lag != 0
            && matches!(items[self.to].column, Column::Step(_))
            && items[self.from].column == items[self.to].column
    }
}

/// The scene of a drawing.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub graph: &'a Graph,
    /// Operands before users, except for those outside the view, which come last.
    pub items: Vec<Item>,
    /// In the order of the users.
    pub links: Vec<Link>,
    /// The layers, in the order of the data flow.
    pub layers: Vec<Arc<str>>,
    /// The columns of time steps, ascending.
    pub steps: Vec<Step>,
    /// The column of every node of the graph.
    pub columns: Vec<Column>,
    /// The level of detail of its items.
    pub detail: Detail,
}

impl<'a> Scene<'a> {
    pub fn new(view: &View<'a>) -> Self {
        let graph = view.graph;
        let drawn = drawn(view);
        let mut all: Vec<u32> = graph.ids().filter_map(|id| graph.at(id.index()).origin.step).collect();
        all.sort_unstable();
        all.dedup();
        let columns = columns(graph, &all);
        let (layers, bands) = bands(graph, &columns);
        let mut scene = Self {
            graph,
            items: Vec::new(),
            links: Vec::new(),
            layers,
            steps: steps(view, &drawn, &columns, &all),
            columns: Vec::new(),
            detail: Detail::Ops,
        };
        let positions: HashMap<u32, usize> =
            scene.steps.iter().enumerate().map(|(k, s)| (s.number, k)).collect();
        let column = |i: usize| match columns[i] {
            Column::Step(s) => positions.get(&all[s]).map_or(Column::Side, |&k| Column::Step(k)),
            column => column,
        };
        let made = Made {
            parameter: numbered_parameters(graph),
            used: used_forward(graph),
            kin: kin(graph, &columns),
        };
        let item = |i: usize, outside: bool| scene.item(&made, i, column(i), bands[i], outside);
        let mut position = vec![usize::MAX; graph.len()];
        let mut items = Vec::new();
        for i in view.nodes().filter(|&i| drawn[i] == i) {
            position[i] = items.len();
            items.push(item(i, false));
        }
        let step = |i: usize| graph.at(i).origin.step.map(i64::from);
        let mut links = Vec::new();
        for u in view.uses() {
            // Reads of the other part from several steps are shown once, in relative form.
            let [from, to] = [drawn[u.from], drawn[u.to]];
            if from == usize::MAX || to != u.to {
                continue;
            }
            if position[from] == usize::MAX {
                position[from] = items.len();
                items.push(item(from, true));
            }
            let lag = step(u.user).zip(step(u.operand)).map_or(0, |(to, from)| to - from);
            let (from, to) = (position[from], position[to]);
            links.push(Link {
                from,
                to,
                port: u.port,
                operand: u.operand,
                user: u.user,
                lag,
                change: Change::Same,
            });
        }
        (scene.items, scene.links) = (items, links);
        scene.columns = (0..graph.len()).map(column).collect();
        scene.say_once();
        scene
    }

    fn item(&self, made: &Made, i: usize, column: Column, band: usize, outside: bool) -> Item {
        let (graph, sign) = (self.graph, label::sign(self.graph, i));
        let (title, subtitle) = match (label::title(graph, i), column) {
            (Some(title), Column::Step(s)) => {
                let title = self.steps[s].relative(&title, self.steps[s].number);
                (title, Some(label::subtitle(graph, i, &sign)))
            }
            // Outside the steps no band shows the layer.
            (Some(_), _) => (graph.name_at(i), Some(label::subtitle(graph, i, &sign))),
            (None, _) => (sign, None),
        };
        let class = label::class(graph, i, &made.parameter, made.used[i]);
        Item {
            node: i,
            part: Part::of(graph, i),
            column,
            band,
            class,
            title,
            subtitle,
            shows: label::title(graph, i).map(|_| graph.id(i)),
            outside,
            kin: made.kin[i],
            change: None,
        }
    }

    /// Where a rolled step reads something of the previous step in the other part, the name is written in the form
    /// that fits all its steps.
    fn say_once(&mut self) {
        let by_name = |l: &Link| self.items[l.from].part != self.items[l.to].part;
        let others: HashSet<(usize, usize)> = self
            .links
            .iter()
            .filter(|l| by_name(l) && l.is_loop(&self.items))
            .map(|l| (l.to, l.port))
            .collect();
        let keep: Vec<bool> = self
            .links
            .iter()
            .map(|l| !by_name(l) || l.is_loop(&self.items) || !others.contains(&(l.to, l.port)))
            .collect();
        let mut keep = keep.into_iter();
        self.links.retain(|_| keep.next().unwrap_or(true));
    }

    /// Writes values in the boxes of named nodes, in place of op and shape.
    pub fn show(&mut self, values: &HashMap<NodeId, Value<f64>>) {
        for item in self.items.iter_mut().filter(|item| item.subtitle.is_some()) {
            if let Some(value) = item.shows.and_then(|node| values.get(&node)) {
                item.subtitle = Some(label::brief(value));
            }
        }
    }

    /// Sets the change of each item and link, and adds the removed links.
    pub fn mark(&mut self, diff: &Diff) {
        self.items.iter_mut().for_each(|item| item.change = Some(diff.changes()[item.node]));
        let position: HashMap<usize, usize> =
            self.items.iter().enumerate().map(|(k, item)| (item.node, k)).collect();
        let changes: HashMap<(usize, usize), Change> =
            diff.links().iter().map(|&(from, to, change)| ((from, to), change)).collect();
        for link in &mut self.links {
            link.change = changes.get(&(link.operand, link.user)).copied().unwrap_or(Change::Same);
        }
        let drawn: HashSet<(usize, usize)> = self.links.iter().map(|l| (l.operand, l.user)).collect();
        for &(operand, user, change) in
            diff.links().iter().filter(|&&(from, to, _)| !drawn.contains(&(from, to)))
        {
            let (Some(&from), Some(&to)) = (position.get(&operand), position.get(&user)) else { continue };
            // Edges that run forwards in one graph may run backwards in the other.
            if operand < user {
                self.links.push(Link { from, to, port: 0, operand, user, lag: 0, change });
            }
        }
        self.links.sort_by_key(|link| link.to);
    }

    /// The text of an operand below its user.
    pub fn operand_name(&self, link: &Link) -> String {
        let name = label::reference(self.graph, link.operand);
        self.seen_from(link.to, link.user, name)
    }

    /// The text of a user above its operand.
    pub fn user_name(&self, link: &Link) -> String {
        let name = label::reference(self.graph, link.user);
        self.seen_from(link.from, link.operand, name)
    }

    fn seen_from(&self, item: usize, node: usize, name: String) -> String {
        match (self.items[item].column, self.graph.at(node).origin.step) {
            (Column::Step(s), Some(step)) => self.steps[s].relative(&name, step),
            _ => name,
        }
    }

    /// The scene with only some of its steps, by position, ascending; they become adjacent. An item at the end that
    /// reads nothing else is removed with its steps.
    pub fn only(mut self, kept: &[usize]) -> Self {
        let place = |column: Column| match column {
            Column::Step(s) => kept.binary_search(&s).ok().map(Column::Step),
            column => Some(column),
        };
        let mut position = vec![usize::MAX; self.items.len()];
        let mut reads: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        self.links.iter().for_each(|link| reads[link.to].push(link.from));
        let mut items = Vec::new();
        for (i, item) in self.items.into_iter().enumerate() {
            let goes = item.column == Column::End && !reads[i].is_empty();
            let goes = goes && reads[i].iter().all(|&x| position[x] == usize::MAX);
            if let Some(column) = place(item.column).filter(|_| !goes) {
                position[i] = items.len();
                items.push(Item { column, ..item });
            }
        }
        let stays = |link: &Link| position[link.from] != usize::MAX && position[link.to] != usize::MAX;
        self.links.retain(stays);
        for link in &mut self.links {
            (link.from, link.to) = (position[link.from], position[link.to]);
        }
        self.items = items;
        self.steps = kept.iter().filter_map(|&s| self.steps.get(s).cloned()).collect();
        self
    }

    /// The name of a band: the layer, or `None` between layers.
    pub fn band_name(&self, band: usize) -> Option<&str> {
        (band % 2 == 1).then(|| &*self.layers[band / 2])
    }
}

/// The properties of all nodes of the graph.
struct Made {
    parameter: Vec<usize>,
    used: Vec<bool>,
    kin: Vec<u32>,
}

/// The columns of the steps that have visible items.
fn steps(view: &View, drawn: &[usize], columns: &[Column], all: &[u32]) -> Vec<Step> {
    let mut seen = vec![false; all.len()];
    for i in view.nodes().filter(|&i| drawn[i] == i) {
        if let Column::Step(s) = columns[i] {
            seen[s] = true;
        }
    }
    let group = |step| view.roll.as_ref().and_then(|roll| roll.group(step)).unwrap_or_default().to_vec();
    let shown = all.iter().zip(seen).filter(|(_, seen)| *seen);
    shown.map(|(&number, _)| Step { number, group: group(number) }).collect()
}

/// For each node the node whose box represents it: itself, or an earlier equal constant; `usize::MAX` if it has no
/// box. A scalar constant is written into the boxes of its users.
fn drawn(view: &View) -> Vec<usize> {
    let graph = view.graph;
    let mut used = vec![false; graph.len()];
    for i in (0..graph.len()).filter(|&i| view.has(i)) {
        graph.operands_at(i).for_each(|x| used[x] = true);
    }
    let mut equal: HashMap<&Leaf, usize> = HashMap::new();
    let box_of = |i: usize| {
        let node = graph.at(i);
        let own_box = matches!(node.origin.role, Role::Adjoint { .. }) || !used[i];
        match &node.op {
            op if label::number(op).is_some() && !own_box => usize::MAX,
            Op::Leaf(leaf @ Leaf::Constant(_)) if !own_box && view.has(i) => *equal.entry(leaf).or_insert(i),
            _ => i,
        }
    };
    (0..graph.len()).map(box_of).collect()
}

/// The column of each node, given the steps, ascending.
pub(super) fn columns(graph: &Graph, steps: &[u32]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::with_capacity(graph.len());
    for i in 0..graph.len() {
        let node = graph.at(i);
        let column = match (node.origin.role.of(), &node.op, node.origin.step) {
            (Some(of), ..) => columns[of as usize],
            (_, Op::Leaf(Leaf::Parameter { .. }), _) => Column::Side,
            (_, _, Some(step)) => Column::Step(steps.binary_search(&step).unwrap_or(0)),
            (_, Op::Leaf(_), _) => Column::Side,
            _ if steps.is_empty() => Column::End,
            _ if graph.operands_at(i).any(|x| columns[x] != Column::Side) => Column::End,
            _ => Column::Side,
        };
        columns.push(column);
    }
    columns
}

/// The layers, and the band of each node.
///
/// A node without a layer is above the highest layer that it reads at its own step. If it reads none, it is below the
/// lowest that reads it. If a layer has directions, which are nested layers, the nodes that join or feed them are
/// between layers too.
fn bands(graph: &Graph, columns: &[Column]) -> (Vec<Arc<str>>, Vec<usize>) {
    let mut number: HashMap<Arc<str>, usize> = HashMap::new();
    let (mut layers, mut bands) = (Vec::new(), vec![0; graph.len()]);
    let in_step = |i: usize| matches!(columns[i], Column::Step(_));
    let is_forward = |i: &usize| graph.at(*i).origin.role == Role::Forward;
    let split = directed(graph);
    let layer_of = |i: usize| graph.at(i).origin.layer.as_ref().filter(|layer| !split.contains(*layer));
    for i in (0..graph.len()).filter(is_forward).filter(|&i| in_step(i)) {
        let same_step = |&x: &usize| columns[x] == columns[i];
        bands[i] = match layer_of(i) {
            Some(layer) => {
                let k = *number.entry(layer.clone()).or_insert_with(|| {
                    layers.push(layer.clone());
                    layers.len() - 1
                });
                2 * k + 1
            }
            None => graph.operands_at(i).filter(same_step).map(|x| (bands[x] + 1) & !1).max().unwrap_or(0),
        };
    }
    let mut lowest = vec![usize::MAX; graph.len()];
    for i in (0..graph.len()).rev().filter(is_forward) {
        if layer_of(i).is_none() && bands[i] == 0 && lowest[i] != usize::MAX {
            bands[i] = lowest[i];
        }
        for x in graph.operands_at(i).filter(|&x| in_step(x) && columns[x] == columns[i]) {
            lowest[x] = lowest[x].min(bands[i] & !1);
        }
    }
    for i in 0..graph.len() {
        if let Some(of) = graph.at(i).origin.role.of() {
            bands[i] = bands[of as usize];
        }
    }
    (layers, bands)
}

/// The layers with nested layers, as `l0` has `l0/forward` and `l0/reverse`.
pub(super) fn directed(graph: &Graph) -> HashSet<Arc<str>> {
    let layers: HashSet<&Arc<str>> =
        graph.ids().filter_map(|id| graph.at(id.index()).origin.layer.as_ref()).collect();
    let whole = layers.iter().filter_map(|layer| Some(layer.rsplit_once('/')?.0));
    whole.filter_map(|name| layers.get(&Arc::from(name)).map(|layer| Arc::clone(layer))).collect()
}

fn numbered_parameters(graph: &Graph) -> Vec<usize> {
    let mut number = vec![0; graph.len()];
    graph.parameters().enumerate().for_each(|(k, id)| number[id.index()] = k);
    number
}

/// Whether each node has a forward user.
fn used_forward(graph: &Graph) -> Vec<bool> {
    let mut used = vec![false; graph.len()];
    for i in (0..graph.len()).filter(|&i| graph.at(i).origin.role == Role::Forward) {
        graph.operands_at(i).for_each(|x| used[x] = true);
    }
    used
}
