//! Identifies corresponding nodes of different steps.
//!
//! Two nodes correspond (are *kin*) if the same code made them: for forward nodes the same layer, name, op and source
//! place; for backward nodes the same part of the VJP of kin. Node counts within a step are useless for this, since
//! the first and the last step have fewer nodes than the others.

use crate::draw::scene::Column;
use autograd::graph::{Graph, Node, Role};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

#[derive(PartialEq, Eq, Hash)]
enum Family {
    Named(Option<Arc<str>>, Arc<str>),
    Unnamed(Option<Arc<str>>, Option<Arc<str>>, &'static str, &'static str, u32),
    Adjoint(u32, u32),
    Backward(u32, u32, &'static str, &'static str, u32),
}

/// For each node of the graph a number that is shared by its kin in other columns, and unique within its column.
pub(in crate::draw) fn kin(graph: &Graph, column: &[Column]) -> Vec<u32> {
    let (mut families, mut members) = (HashMap::new(), HashMap::new());
    let mut seen: HashMap<(u32, Column), u32> = HashMap::new();
    let mut kin = Vec::with_capacity(graph.len());
    for (i, &column) in column.iter().enumerate() {
        let family = number(&mut families, family(graph.at(i), &kin));
        // Nodes of one column made by the same code are distinguished by their order.
        let rank = seen.entry((family, column)).or_default();
        kin.push(number(&mut members, (family, *rank)));
        *rank += 1;
    }
    kin
}

fn family(node: &Node, kin: &[u32]) -> Family {
    let (origin, op) = (&node.origin, node.op.name());
    let (file, line) = (origin.place.file(), origin.place.line());
    match (origin.role, &origin.name) {
        (Role::Adjoint { of, sweep }, _) => Family::Adjoint(kin[of as usize], sweep),
        (Role::Backward { of, sweep }, _) => Family::Backward(kin[of as usize], sweep, op, file, line),
        (_, Some(name)) if origin.ordinal == 0 => Family::Named(origin.layer.clone(), name.clone()),
        (_, name) => Family::Unnamed(origin.layer.clone(), name.clone(), op, file, line),
    }
}

fn number<K: Hash + Eq>(numbers: &mut HashMap<K, u32>, key: K) -> u32 {
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    *numbers.entry(key).or_insert(next)
}
