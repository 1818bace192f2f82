//! Provenance: the source nodes that a compiled node computes.
//!
//! A stack over time and its users stem from every step. So lists are shared, not copied: a graph of T steps has
//! lists of T nodes at some of its nodes, and copies would cost T².

use smallvec::SmallVec;
use std::ops::Deref;
use std::sync::Arc;

/// Positions of source nodes, ascending and distinct.
#[derive(Clone, Debug)]
pub(super) enum Provenance {
    /// A single node.
    One(u32),
    /// None, or several.
    Many(Arc<[u32]>),
}

impl Deref for Provenance {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::One(node) => std::slice::from_ref(node),
            Self::Many(nodes) => nodes,
        }
    }
}

impl FromIterator<u32> for Provenance {
    fn from_iter<I: IntoIterator<Item = u32>>(nodes: I) -> Self {
        let mut nodes: Vec<u32> = nodes.into_iter().collect();
        nodes.sort_unstable();
        nodes.dedup();
        if let [node] = nodes[..] { Self::One(node) } else { Self::Many(nodes.into()) }
    }
}

impl Provenance {
    /// Whether both are the same shared list.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(a), Self::One(b)) => a == b,
            (Self::Many(a), Self::Many(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// A union of lists, computed on demand.
#[derive(Clone, Debug, Default)]
pub(super) struct Union(SmallVec<[Provenance; 1]>);

impl Union {
    /// Adds source nodes.
    pub fn add(&mut self, sources: &Provenance) {
        // Consecutive additions are often the same list.
        if !self.0.last().is_some_and(|last| last.is(sources)) {
            self.0.push(sources.clone());
        }
    }

    /// Adds all of another union.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|sources| self.add(sources));
    }

    /// The union as one list.
    pub fn sources(self) -> Provenance {
        // Common case: the longest list contains all others.
        let longest = self.0.iter().max_by_key(|list| list.len());
        let all = |whole: &&Provenance| {
            let others = self.0.iter().filter(|list| !list.is(whole));
            others.flat_map(|list| list.iter()).all(|node| whole.binary_search(node).is_ok())
        };
        match longest.filter(all) {
            Some(whole) => whole.clone(),
            None => self.0.iter().flat_map(|list| list.iter().copied()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_has_each_node_once_and_shares_what_it_can() {
        let (a, b): (Provenance, Provenance) = (Provenance::One(7), [9, 3, 7].into_iter().collect());
        let union = |lists: &[&Provenance]| {
            let mut union = Union::default();
            lists.iter().for_each(|list| union.add(list));
            union.sources()
        };
        assert_eq!(*union(&[&a, &b, &Provenance::One(8)]), [3, 7, 8, 9]);
        assert!(union(&[&b, &b]).is(&b) && union(&[&a, &b]).is(&b));
        assert!(union(&[]).is_empty());
    }
}
