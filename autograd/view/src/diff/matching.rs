//! Matches the nodes of two graphs.

use super::Change;
use autograd::graph::{Graph, Role};
use autograd::ops::{Leaf, Op};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// For each node of one graph its match in the other.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    pub to_after: Vec<Option<usize>>,
    pub to_before: Vec<Option<usize>>,
    /// For each node of the second graph.
    pub changes: Vec<Change>,
}

/// The named node to which a node belongs, in terms of the second graph.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Owner {
    Forward(Option<Arc<str>>, Option<Arc<str>>, Option<u32>),
    Backward(usize, u32),
}

/// The identity of a named node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Name {
    Leaf(Arc<str>),
    Forward(Option<Arc<str>>, Arc<str>, Option<u32>),
    Adjoint(usize, u32),
}

/// Op, attributes and type: the properties of a node besides its operands.
type Kind = (&'static str, String, String);

/// The identity of an intermediate node: owner, kind, and matched operands.
type Exactly = (Owner, Kind, Vec<Option<usize>>);

impl Matching {
    pub fn new(before: &Graph, after: &Graph) -> Self {
        let mut to_after: Vec<Option<usize>> = vec![None; before.len()];
        let mut to_before: Vec<Option<usize>> = vec![None; after.len()];

        let mut names: HashMap<Name, usize> = HashMap::new();
        let mut exact: HashMap<Exactly, VecDeque<usize>> = HashMap::new();
        let mut alike: HashMap<(Owner, &'static str), VecDeque<usize>> = HashMap::new();
        let itself = |i: usize| Some(i);
        for i in 0..after.len() {
            if let Some(name) = name(after, i, itself) {
                names.entry(name).or_insert(i);
            } else if let Some(owner) = owner(after, i, itself) {
                let operands = after.operands_at(i).map(Some).collect();
                exact.entry((owner.clone(), kind(after, i), operands)).or_default().push_back(i);
                alike.entry((owner, after.at(i).op.name())).or_default().push_back(i);
            }
        }
        // Operands precede users, so a node's operands are matched before it.
        let mut take = |i: usize, j: usize, to_after: &mut Vec<Option<usize>>| {
            if to_before[j].is_none() {
                (to_before[j], to_after[i]) = (Some(i), Some(j));
            }
            to_after[i].is_some()
        };
        for i in 0..before.len() {
            if let Some(name) = name(before, i, |x| to_after[x]) {
                if let Some(&j) = names.get(&name) {
                    take(i, j, &mut to_after);
                }
            } else if let Some(owner) = owner(before, i, |x| to_after[x]) {
                let operands = before.operands_at(i).map(|x| to_after[x]).collect();
                if let Some(found) = exact.get_mut(&(owner, kind(before, i), operands)) {
                    while let Some(j) = found.pop_front() {
                        if take(i, j, &mut to_after) {
                            break;
                        }
                    }
                }
            }
        }
        // The remaining nodes of an owner: its ops in order.
        for i in 0..before.len() {
            if to_after[i].is_some() || name(before, i, |x| to_after[x]).is_some() {
                continue;
            }
            let owner = owner(before, i, |x| to_after[x]);
            if let Some(found) = owner.and_then(|owner| alike.get_mut(&(owner, before.at(i).op.name()))) {
                while let Some(j) = found.pop_front() {
                    if take(i, j, &mut to_after) {
                        break;
                    }
                }
            }
        }
        let changes = (0..after.len())
            .map(|j| match to_before[j] {
                None => Change::Added,
                Some(i) => {
                    let same = kind(before, i) == kind(after, j)
                        && before.operands_at(i).map(|x| to_after[x]).eq(after.operands_at(j).map(Some));
                    if same { Change::Same } else { Change::Changed }
                }
            })
            .collect();
        Self { to_after, to_before, changes }
    }
}

/// `like` maps a node of this graph to the second.
fn name(graph: &Graph, i: usize, like: impl Fn(usize) -> Option<usize>) -> Option<Name> {
    let node = graph.at(i);
    if let Op::Leaf(leaf @ (Leaf::Input { .. } | Leaf::Parameter { .. })) = &node.op {
        return leaf.name().map(|name| Name::Leaf(name.clone()));
    }
    let origin = &node.origin;
    match origin.role {
        Role::Adjoint { of, sweep } => like(of as usize).map(|of| Name::Adjoint(of, sweep)),
        Role::Backward { .. } => None,
        Role::Forward if origin.ordinal > 0 => None,
        Role::Forward => Some(Name::Forward(origin.layer.clone(), origin.name.clone()?, origin.step)),
    }
}

fn owner(graph: &Graph, i: usize, like: impl Fn(usize) -> Option<usize>) -> Option<Owner> {
    let origin = &graph.at(i).origin;
    match origin.role {
        Role::Forward => Some(Owner::Forward(origin.layer.clone(), origin.name.clone(), origin.step)),
        // The adjoint of an unmatched node has no match.
        Role::Adjoint { .. } => None,
        Role::Backward { of, sweep } => like(of as usize).map(|of| Owner::Backward(of, sweep)),
    }
}

fn kind(graph: &Graph, i: usize) -> Kind {
    let node = graph.at(i);
    (node.op.name(), node.op.attributes(), node.ty.to_string())
}
