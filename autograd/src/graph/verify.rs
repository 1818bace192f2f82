//! The verifier: invariants of every graph.
//!
//! 1. A node's operands come before it.
//! 2. A node's operands are a contiguous, ordered run of the edge array, and every edge ends at its node.
//! 3. A node's type is the one inferred by its op's shape rule; a constant's is that of its value.
//! 4. Leaves have no operands, and all other nodes have at least one. No two leaves share a name.
//! 5. A node of a derivative comes after its forward node, and its sweep exists.
//! 6. An adjoint has the type of its forward node, and holds real numbers.

use super::{Graph, Role};
use crate::ops::{Leaf, Op};
use crate::shape::{Kind, Type};
use std::collections::HashSet;

/// Checks the invariants of a graph, listed at the head of `verify.rs`. Tests run it on every graph they build.
///
/// # Errors
/// The first violated invariant, with the node.
pub fn verify(graph: &Graph) -> Result<(), String> {
    let mut names = HashSet::new();
    let mut edges = 0;
    for i in 0..graph.len() {
        let broken = |what: String| Err(format!("%{i} {}: {what}", graph.name_at(i)));
        let node = graph.at(i);
        if let Some(late) = graph.operands_at(i).find(|&x| x >= i) {
            return broken(format!("its operand %{late} does not come before it"));
        }
        let run = graph.dag.raw_edges().get(node.first as usize..(node.first + node.arity) as usize);
        if node.first != edges || run.is_none_or(|run| run.iter().any(|e| e.target().index() != i)) {
            return broken("its operands are not one run of the edge array".into());
        }
        edges += node.arity;
        let operands: Vec<Type> = graph.operands_at(i).map(|x| graph.at(x).ty.clone()).collect();
        match (&node.op, node.op.operator()) {
            (_, Some(_)) if operands.is_empty() => return broken("it is no leaf and has no operands".into()),
            (_, Some(operator)) => {
                let inferred = operator.infer(&operands);
                if inferred.as_ref() != Ok(&node.ty) {
                    return broken(format!("its type is {}, and its op says {inferred:?}", node.ty));
                }
            }
            (Op::Leaf(Leaf::Constant(value)), _) => {
                if let Err(reason) = value.fits(&node.ty) {
                    return broken(reason);
                }
            }
            (op, None) => {
                let name = if let Op::Leaf(leaf) = op { leaf.name() } else { None };
                if !operands.is_empty() {
                    return broken("it is a leaf and has operands".into());
                }
                if name.is_some_and(|name| !names.insert(name)) {
                    return broken("another leaf has its name".into());
                }
            }
        }
        if let (Some(of), Some(sweep)) = (node.origin.role.of(), node.origin.role.sweep()) {
            if of as usize >= i {
                return broken(format!(
                    "it belongs to the derivative of %{of}, which does not come before it"
                ));
            }
            if sweep as usize >= graph.sweeps.len() {
                return broken(format!("it belongs to sweep {sweep}, which does not exist"));
            }
        }
        if let Role::Adjoint { of, sweep } = node.origin.role
            && graph.adjoints.get(&(sweep, of)).map(|&a| a as usize) != Some(i)
        {
            return broken(format!("it is not recorded as the adjoint of %{of}"));
        }
    }
    if edges as usize != graph.dag.edge_count() {
        return Err(format!("{} edges end at no node", graph.dag.edge_count() - edges as usize));
    }
    for (&(_, of), &adjoint) in &graph.adjoints {
        let (x, dx) = (&graph.at(of as usize).ty, &graph.at(adjoint as usize).ty);
        if x != dx || x.kind != Kind::Float {
            return Err(format!("%{adjoint} of type {dx} is recorded as the adjoint of %{of} of type {x}"));
        }
    }
    Ok(())
}
