//! The boxes of a closed step: a layer's cell at a step, or a named value between the layers with its intermediate
//! nodes. The boxes of the backward part mirror those of the forward part.

use super::super::scene::{Column, Scene};
use autograd::graph::{Graph, Role};
use autograd::ops::{Leaf, Op};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A box, the same in every step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Block {
    /// `cell` for a layer's cell, `value` in a step, `side` and `end` outside the steps.
    pub kind: &'static str,
    /// Its name: the layer, or the value's name.
    pub name: String,
    /// The row within a step, from below.
    pub row: usize,
}

/// The boxes of a graph, and the box of each node. Constants have no box.
pub(super) struct Blocks {
    pub all: Vec<Block>,
    of: Vec<Option<usize>>,
    /// For each box, the band it is in.
    bands: Vec<usize>,
    numbers: HashMap<(&'static str, Arc<str>), usize>,
}

impl Blocks {
    pub fn new(graph: &Graph, scene: &Scene) -> Self {
        let mut found = Self { all: Vec::new(), of: Vec::new(), bands: Vec::new(), numbers: HashMap::new() };
        let mut bands = vec![0; graph.len()];
        scene.items.iter().for_each(|item| bands[item.node] = item.band);
        for (i, band) in bands.into_iter().enumerate() {
            let block = found.block(graph, scene, i, band);
            found.of.push(block);
        }
        found.rows(graph, scene);
        found
    }

    pub fn of(&self, node: usize) -> Option<usize> {
        self.of[node]
    }

    fn block(&mut self, graph: &Graph, scene: &Scene, i: usize, band: usize) -> Option<usize> {
        let node = graph.at(i);
        let name = || node.origin.name.clone().unwrap_or_else(|| node.op.name().into());
        match (node.origin.role, &node.op, scene.columns[i]) {
            (Role::Adjoint { of, .. } | Role::Backward { of, .. }, ..) => self.of[of as usize],
            (_, Op::Leaf(Leaf::Constant(_)), _) => None,
            (_, Op::Leaf(leaf), Column::Side) => leaf.name().map(|name| self.number("side", name.clone(), 0)),
            (_, _, Column::Side) => graph.operands_at(i).find_map(|x| self.of[x]),
            (_, _, Column::End) => Some(self.number("end", name(), 0)),
            (_, _, Column::Step(_)) => {
                // Each layer has its own box where its directions are joined.
                let between =
                    || node.origin.layer.as_ref().map_or_else(name, |l| format!("{l}/{}", name()).into());
                let cell = scene.band_name(band).map(Arc::from);
                let kind = if cell.is_some() { "cell" } else { "value" };
                Some(self.number(kind, cell.unwrap_or_else(between), band))
            }
        }
    }

    fn number(&mut self, kind: &'static str, name: Arc<str>, band: usize) -> usize {
        let next = self.all.len();
        *self.numbers.entry((kind, name.clone())).or_insert_with(|| {
            self.all.push(Block { kind, name: name.to_string(), row: 0 });
            self.bands.push(band);
            next
        })
    }

    /// The rows of a step, in the order of the data flow: by the longest path from below, and side by side by bands.
    /// A value that is only compared with, such as a target, is in the row of its user.
    fn rows(&mut self, graph: &Graph, scene: &Scene) {
        let mut level = vec![0; self.all.len()];
        let (mut learned, mut told) = (vec![false; graph.len()], vec![true; self.all.len()]);
        let mut first_user = vec![None; self.all.len()];
        let mut ways = Vec::new();
        for i in (0..graph.len()).filter(|&i| graph.at(i).origin.role == Role::Forward) {
            learned[i] = matches!(graph.at(i).op, Op::Leaf(Leaf::Parameter { .. }))
                || graph.operands_at(i).any(|x| learned[x]);
            let Some(to) = self.of[i].filter(|_| matches!(scene.columns[i], Column::Step(_))) else {
                continue;
            };
            told[to] &= !learned[i] && self.all[to].kind == "value";
            for from in graph.operands_at(i).filter(|&x| scene.columns[x] == scene.columns[i]) {
                if let Some(from) = self.of[from].filter(|&b| b != to) {
                    ways.push((from, to));
                    told[from] &= self.all[to].kind != "cell";
                    first_user[from].get_or_insert(to);
                }
            }
        }
        // Mutually dependent boxes have no order: the number of rounds is bounded.
        for _ in 0..self.all.len() {
            let mut risen = false;
            for &(from, to) in &ways {
                if level[to] <= level[from] && level[from] + 1 < self.all.len() {
                    level[to] = level[from] + 1;
                    risen = true;
                }
            }
            if !risen {
                break;
            }
        }
        for b in (0..self.all.len()).filter(|&b| told[b]) {
            if let Some(user) = first_user[b] {
                (level[b], self.bands[b]) = (level[user], self.bands[user]);
            }
        }
        let place = |b: usize| (level[b], self.bands[b]);
        let in_step = |b: &Block| matches!(b.kind, "cell" | "value");
        let mut places: Vec<(usize, usize)> =
            (0..self.all.len()).filter(|&b| in_step(&self.all[b])).map(place).collect();
        places.sort_unstable();
        places.dedup();
        let rows: Vec<usize> =
            (0..self.all.len()).map(|b| places.binary_search(&place(b)).unwrap_or(0)).collect();
        self.all.iter_mut().zip(rows).for_each(|(block, row)| block.row = row);
    }
}
