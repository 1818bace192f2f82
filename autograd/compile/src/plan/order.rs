//! Scheduling: the order of the units of a plan.

use super::Planner;
use super::place::Role;
use crate::narrow;
use crate::program::NONE;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A unit of scheduling.
pub(super) enum Unit {
    /// The nodes of a region, ascending.
    Region(Vec<usize>),
    /// A single node.
    Node(usize),
}

impl<S> Planner<'_, S> {
    /// The units in dependency order; otherwise in the order of their last nodes.
    pub(super) fn order(&self) -> Vec<Unit> {
        let p = self.p;
        let n = p.graph.len();
        let mut units: Vec<(usize, Unit)> = Vec::new();
        let mut unit_of = vec![NONE; n];
        let mut by_region: HashMap<u32, usize> = HashMap::new();
        for (v, role) in self.places.roles.iter().enumerate() {
            let unit = match role {
                Role::Given | Role::View | Role::Index => continue,
                Role::Made if self.region[v] != NONE => {
                    let next = units.len();
                    let i = *by_region.entry(self.region[v]).or_insert(next);
                    if i == next {
                        units.push((v, Unit::Region(Vec::new())));
                    }
                    if let (last, Unit::Region(members)) = &mut units[i] {
                        *last = v;
                        members.push(v);
                    }
                    i
                }
                _ => {
                    units.push((v, Unit::Node(v)));
                    units.len() - 1
                }
            };
            unit_of[v] = narrow(unit);
        }
        // A view depends on its operand.
        for (v, role) in self.places.roles.iter().enumerate() {
            if let (Role::View, Some(x)) = (role, p.graph.operands_at(v).next()) {
                unit_of[v] = unit_of[x];
            }
        }
        let mut waiting = vec![0u32; units.len()];
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for v in (0..n).filter(|&v| self.places.roles[v] != Role::View && unit_of[v] != NONE) {
            for x in p.graph.operands_at(v) {
                let (from, to) = (unit_of[x], unit_of[v]);
                if from != NONE && from != to {
                    edges.push((from, to));
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        edges.iter().for_each(|&(_, to)| waiting[to as usize] += 1);
        let mut first = vec![0usize; units.len() + 1];
        edges.iter().for_each(|&(from, _)| first[from as usize + 1] += 1);
        (1..first.len()).for_each(|i| first[i] += first[i - 1]);
        let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
            (0..units.len()).filter(|&i| waiting[i] == 0).map(|i| Reverse((units[i].0, i))).collect();
        let mut order = Vec::with_capacity(units.len());
        while let Some(Reverse((_, i))) = ready.pop() {
            order.push(i);
            for &(_, to) in &edges[first[i]..first[i + 1]] {
                waiting[to as usize] -= 1;
                if waiting[to as usize] == 0 {
                    ready.push(Reverse((units[to as usize].0, to as usize)));
                }
            }
        }
        assert_eq!(order.len(), units.len(), "no path leaves a region and comes back to it");
        let mut units: Vec<Option<Unit>> = units.into_iter().map(|(_, unit)| Some(unit)).collect();
        order.into_iter().filter_map(|i| units[i].take()).collect()
    }
}
