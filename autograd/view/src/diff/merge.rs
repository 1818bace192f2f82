//! Merges both graphs into one, for drawing.

use super::Change;
use super::matching::Matching;
use autograd::graph::{Graph, Origin, Role};

/// The merged graph.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub graph: Graph,
    pub changes: Vec<Change>,
    /// For each node, its position in the first and in the second graph.
    pub before: Vec<Option<usize>>,
    pub after: Vec<Option<usize>>,
    /// Added and removed operands. Removed operands of remaining nodes are not operands of the merged graph.
    pub links: Vec<(usize, usize, Change)>,
}

/// The new positions of both graphs' nodes.
#[derive(Default)]
struct Places {
    before: Vec<Option<u32>>,
    after: Vec<Option<u32>>,
}

impl Merged {
    pub fn new(before: &Graph, after: &Graph, matching: &Matching) -> Self {
        let mut merged = Self {
            graph: Graph::new(),
            changes: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            links: Vec::new(),
        };
        let mut places = Places { before: vec![None; before.len()], after: vec![None; after.len()] };
        merged.graph.set_sweeps(after.sweeps().len().max(before.sweeps().len()));
        let mut next = 0;
        for j in 0..after.len() {
            // A removed node keeps its position: before the next remaining node.
            if let Some(i) = matching.to_before[j] {
                while next < i {
                    merged.removed(before, matching, &mut places, next);
                    next += 1;
                }
            }
            merged.kept(after, matching, &mut places, j);
        }
        for i in next..before.len() {
            merged.removed(before, matching, &mut places, i);
        }
        merged.link(before, after, matching, &places);
        merged
    }

    fn kept(&mut self, after: &Graph, matching: &Matching, places: &mut Places, j: usize) {
        let at = self.push(after, j, |x| places.after[x]);
        places.after[j] = Some(at);
        if let Some(i) = matching.to_before[j] {
            places.before[i] = Some(at);
        }
        self.changes.push(matching.changes[j]);
        self.before.push(matching.to_before[j]);
        self.after.push(Some(j));
    }

    fn removed(&mut self, before: &Graph, matching: &Matching, places: &mut Places, i: usize) {
        if matching.to_after[i].is_none() {
            let at = self.push(before, i, |x| places.before[x]);
            places.before[i] = Some(at);
            self.changes.push(Change::Removed);
            self.before.push(Some(i));
            self.after.push(None);
        }
    }

    /// Appends a node of one of the graphs, with its already merged operands.
    fn push(&mut self, from: &Graph, i: usize, place: impl Fn(usize) -> Option<u32>) -> u32 {
        let node = from.at(i);
        let role = match node.origin.role {
            Role::Forward => Some(Role::Forward),
            Role::Adjoint { of, sweep } => place(of as usize).map(|of| Role::Adjoint { of, sweep }),
            Role::Backward { of, sweep } => place(of as usize).map(|of| Role::Backward { of, sweep }),
        };
        let origin = Origin { role: role.unwrap_or(Role::Forward), ..node.origin.clone() };
        let operands: Vec<u32> = from.operands_at(i).filter_map(place).collect();
        self.graph.push(node.op.clone(), node.ty.clone(), origin, &operands)
    }

    fn link(&mut self, before: &Graph, after: &Graph, matching: &Matching, places: &Places) {
        let place = |x: Option<u32>| x.map(|x| x as usize);
        for j in 0..after.len() {
            let old: Vec<usize> = matching.to_before[j].iter().flat_map(|&i| before.operands_at(i)).collect();
            let new: Vec<usize> = after.operands_at(j).collect();
            let Some(to) = place(places.after[j]) else { continue };
            for &x in &new {
                if !matching.to_before[x].is_some_and(|x| old.contains(&x)) {
                    self.links.extend(place(places.after[x]).map(|from| (from, to, Change::Added)));
                }
            }
            for &x in &old {
                if !matching.to_after[x].is_some_and(|x| new.contains(&x)) {
                    self.links.extend(place(places.before[x]).map(|from| (from, to, Change::Removed)));
                }
            }
        }
        for i in (0..before.len()).filter(|&i| matching.to_after[i].is_none()) {
            let Some(to) = place(places.before[i]) else { continue };
            let from = before.operands_at(i).filter_map(|x| place(places.before[x]));
            self.links.extend(from.map(|from| (from, to, Change::Removed)));
        }
    }
}
