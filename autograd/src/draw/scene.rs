//! What there is to draw, derived once for all formats: which nodes, in which column and band, with which words.
//!
//! A *column* is a time step, or the side for what comes before the first step (parameters, whole sequences,
//! initial states), or the end for what comes after (losses, results). A *part* is forward or backward; a
//! backward node stands in the column of the forward node that it belongs to. A *band* is a layer, or what lies
//! between two layers.

use super::Options;
use super::label::{self, Class};
use crate::graph::{Graph, Role};
use crate::ops::{Leaf, Op};
use std::collections::HashMap;
use std::sync::Arc;

/// Forward or backward.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Part {
    Forward,
    Backward,
}

/// Where a node stands from left to right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Column {
    /// Before the first step.
    Side,
    /// A time step, by its position among the steps.
    Step(usize),
    /// After the last step.
    End,
}

/// A node that is drawn.
#[derive(Debug)]
pub(super) struct Item {
    /// Its position in the graph.
    pub node: usize,
    pub part: Part,
    pub column: Column,
    /// 2k + 1 for layer k, 2k for what lies below it.
    pub band: usize,
    pub class: Class,
    /// Name or sign.
    pub title: String,
    /// Op and shape, of a node with a name.
    pub subtitle: Option<String>,
}

/// An operand: from the operand to its user, both by their positions among the items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// Which operand it is, from 0.
    pub port: usize,
}

/// What there is to draw.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub graph: &'a Graph,
    /// Operands before users.
    pub items: Vec<Item>,
    /// In the order of the users.
    pub links: Vec<Link>,
    /// The layers, as the data meets them.
    pub layers: Vec<Arc<str>>,
    /// The time steps, ascending.
    pub steps: Vec<u32>,
    /// For each node of the graph, drawn or not, its column.
    pub columns: Vec<Column>,
}

impl<'a> Scene<'a> {
    pub fn new(graph: &'a Graph, options: &Options) -> Self {
        let shown = shown(graph, options.backward);
        let drawn = drawn(graph, &shown);
        let mut steps: Vec<u32> = (0..graph.len()).filter_map(|i| graph.at(i).origin.step).collect();
        steps.sort_unstable();
        steps.dedup();
        let columns = columns(graph, &steps);
        let (layers, bands) = bands(graph, &columns);
        let parameter = numbered_parameters(graph);
        let used = used_forward(graph);
        let mut position = vec![usize::MAX; graph.len()];
        let (mut items, mut links) = (Vec::new(), Vec::new());
        for i in (0..graph.len()).filter(|&i| drawn[i] == i) {
            position[i] = items.len();
            let node = graph.at(i);
            let sign = label::sign(graph, i);
            let (title, subtitle) = match (label::title(graph, i), columns[i]) {
                (Some(title), Column::Step(_)) => (title, Some(label::subtitle(graph, i, &sign))),
                // Outside the steps no band says of which layer it is.
                (Some(_), _) => (graph.name_at(i), Some(label::subtitle(graph, i, &sign))),
                (None, _) => (sign, None),
            };
            let part = if node.origin.role == Role::Forward { Part::Forward } else { Part::Backward };
            let class = label::class(graph, i, &parameter, used[i]);
            items.push(Item { node: i, part, column: columns[i], band: bands[i], class, title, subtitle });
            for (port, x) in graph.operands_at(i).enumerate().filter(|&(_, x)| drawn[x] != usize::MAX) {
                links.push(Link { from: position[drawn[x]], to: position[i], port });
            }
        }
        Self { graph, items, links, layers, steps, columns }
    }

    /// The scene with some of its steps alone, by their positions, ascending; they become neighbours. What stands at the
    /// end and reads nothing else goes with its steps.
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
        self.steps = kept.iter().filter_map(|&s| self.steps.get(s).copied()).collect();
        self
    }

    /// What the band is called: the layer, or nothing between layers.
    pub fn band_name(&self, band: usize) -> Option<&str> {
        (band % 2 == 1).then(|| &*self.layers[band / 2])
    }
}

/// Without the backward part, all that is not forward goes, and all that is made of it.
pub(super) fn shown(graph: &Graph, backward: bool) -> Vec<bool> {
    let mut shown = vec![true; graph.len()];
    if !backward {
        for i in 0..graph.len() {
            let forward = graph.at(i).origin.role == Role::Forward;
            shown[i] = forward && graph.operands_at(i).all(|x| shown[x]);
        }
    }
    shown
}

/// For each node the node whose box stands for it: itself, or an equal constant before it; `usize::MAX` if it
/// has no box. A constant that is a single number is written into the boxes of its users.
fn drawn(graph: &Graph, shown: &[bool]) -> Vec<usize> {
    let mut used = vec![false; graph.len()];
    for i in (0..graph.len()).filter(|&i| shown[i]) {
        graph.operands_at(i).for_each(|x| used[x] = true);
    }
    let mut equal: HashMap<&Leaf, usize> = HashMap::new();
    let box_of = |i: usize| {
        let node = graph.at(i);
        let own_box = matches!(node.origin.role, Role::Adjoint { .. }) || !used[i];
        match &node.op {
            _ if !shown[i] => usize::MAX,
            op if label::number(op).is_some() && !own_box => usize::MAX,
            Op::Leaf(leaf @ Leaf::Constant(_)) if !own_box => *equal.entry(leaf).or_insert(i),
            _ => i,
        }
    };
    (0..graph.len()).map(box_of).collect()
}

fn columns(graph: &Graph, steps: &[u32]) -> Vec<Column> {
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

/// The layers, and for each node its band.
///
/// What has no layer lies above the highest layer that it reads at its own step. If it reads none, it lies
/// below the lowest that reads it.
fn bands(graph: &Graph, columns: &[Column]) -> (Vec<Arc<str>>, Vec<usize>) {
    let mut number: HashMap<Arc<str>, usize> = HashMap::new();
    let (mut layers, mut bands) = (Vec::new(), vec![0; graph.len()]);
    let in_step = |i: usize| matches!(columns[i], Column::Step(_));
    let is_forward = |i: &usize| graph.at(*i).origin.role == Role::Forward;
    for i in (0..graph.len()).filter(is_forward).filter(|&i| in_step(i)) {
        let same_step = |&x: &usize| columns[x] == columns[i];
        bands[i] = match &graph.at(i).origin.layer {
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
        if graph.at(i).origin.layer.is_none() && bands[i] == 0 && lowest[i] != usize::MAX {
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

fn numbered_parameters(graph: &Graph) -> Vec<usize> {
    let mut number = vec![0; graph.len()];
    graph.parameters().enumerate().for_each(|(k, id)| number[id.index()] = k);
    number
}

/// Whether a forward node uses it.
fn used_forward(graph: &Graph) -> Vec<bool> {
    let mut used = vec![false; graph.len()];
    for i in (0..graph.len()).filter(|&i| graph.at(i).origin.role == Role::Forward) {
        graph.operands_at(i).for_each(|x| used[x] = true);
    }
    used
}
