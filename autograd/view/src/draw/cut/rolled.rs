//! Rolled views: similar steps are drawn once.
//!
//! Two steps are similar if their nodes correspond (`kin.rs`), and read corresponding nodes at the same lags: then
//! one represents both. So a net over 200 steps is its first step, one that represents 198, and its last; the state
//! that passes between those 198 is a line from the step to itself. With truncated BPTT there are two kinds of inner
//! steps, with a stop-gradient and without.

use super::View;
use crate::draw::kin::kin;
use crate::draw::scene::{Column, columns};
use autograd::graph::Graph;
use std::collections::HashMap;

/// The representatives of steps.
#[derive(Clone, Debug)]
pub(in crate::draw) struct Roll {
    /// For each node its drawn representative.
    pub stands_for: Vec<usize>,
    /// For each drawn step the steps it represents, itself first.
    pub groups: Vec<Vec<u32>>,
}

impl Roll {
    /// The steps that a step represents, if there are several.
    pub fn group(&self, step: u32) -> Option<&[u32]> {
        self.groups.iter().find(|group| group[0] == step && group.len() > 1).map(Vec::as_slice)
    }
}

impl View<'_> {
    /// Draws one step for all similar ones, except for the first and the last step.
    #[must_use]
    pub fn rolled(mut self) -> Self {
        self.roll = None;
        self.roll = Some(roll(&self));
        self
    }
}

/// The columns; a node that depends on one step alone, such as a term of a sum over all steps, belongs to that step.
fn belonging(graph: &Graph, mut columns: Vec<Column>) -> Vec<Column> {
    for i in 0..columns.len() {
        if let Some(of) = graph.at(i).origin.role.of() {
            columns[i] = columns[of as usize];
        } else if columns[i] == Column::End {
            let mut read = graph.operands_at(i).map(|x| columns[x]).filter(|&column| column != Column::Side);
            let first = read.next();
            columns[i] = first.filter(|&first| read.all(|column| column == first)).unwrap_or(Column::End);
        }
    }
    columns
}

/// The pattern of a step: its nodes by kin number, with the columns (relative to the step) and kin numbers of their
/// operands.
type Pattern = Vec<(u32, Vec<(Place, u32)>)>;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Side,
    Step(i64),
    End,
}

pub(super) fn roll(view: &View) -> Roll {
    let (graph, steps) = (view.graph, view.steps());
    let columns = belonging(graph, columns(graph, &steps));
    let kin = kin(graph, &columns);
    let mut patterns: Vec<Pattern> = vec![Vec::new(); steps.len()];
    for i in (0..graph.len()).filter(|&i| view.has(i)) {
        let Column::Step(s) = columns[i] else { continue };
        let place = |x: usize| match columns[x] {
            Column::Side => Place::Side,
            Column::Step(of) => Place::Step(i64::from(steps[of]) - i64::from(steps[s])),
            Column::End => Place::End,
        };
        patterns[s].push((kin[i], graph.operands_at(i).map(|x| (place(x), kin[x])).collect()));
    }
    patterns.iter_mut().for_each(|pattern| pattern.sort_unstable_by_key(|&(kin, _)| kin));

    let last = steps.len().saturating_sub(1);
    let mut first: HashMap<&Pattern, usize> = HashMap::new();
    let alike = |s: usize| match s {
        _ if s == 0 || s == last => s,
        s => *first.entry(&patterns[s]).or_insert(s),
    };
    let alike: Vec<usize> = (0..steps.len()).map(alike).collect();
    let mut groups: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
    for (s, &drawn) in alike.iter().enumerate() {
        groups[drawn].push(steps[s]);
    }
    groups.retain(|group| !group.is_empty());

    let mut member: HashMap<(usize, u32), usize> = HashMap::new();
    for i in (0..graph.len()).filter(|&i| view.has(i)) {
        if let Column::Step(s) = columns[i] {
            member.insert((s, kin[i]), i);
        }
    }
    let stands_for = |i: usize| match columns[i] {
        Column::Step(s) if view.has(i) => member.get(&(alike[s], kin[i])).copied().unwrap_or(i),
        _ => i,
    };
    Roll { stands_for: (0..graph.len()).map(stands_for).collect(), groups }
}
