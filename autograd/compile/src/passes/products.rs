//! Queries about matrix products, shared by several passes.

use super::super::program::Program;
use autograd::ops::{MatMul, Op, Slice};
use std::collections::HashMap;

/// A product of two matrices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub a: usize,
    pub b: usize,
    pub op: MatMul,
}

/// Node `v` as a product of two matrices, if it is one.
pub(super) fn product(p: &Program, v: usize) -> Option<Product> {
    let Op::MatMul(op) = p.graph.at(v).op else { return None };
    let mut operands = p.graph.operands_at(v);
    let (a, b) = (operands.next()?, operands.next()?);
    (p.shape(a).len() == 2 && p.shape(b).len() == 2).then_some(Product { a, b, op })
}

/// The level of a product among those with the same weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Level {
    /// The number of them on the longest path back. Products of one level are independent.
    pub of: u32,
    /// The highest level: 0 for weights without recurrence, as those of inputs and heads.
    pub depth: u32,
}

/// The levels of all products with a weight: a right operand that depends on no input.
pub(super) fn levels(p: &Program, invariant: &[bool]) -> HashMap<usize, Level> {
    let mut by_weight: HashMap<(usize, MatMul), Vec<usize>> = HashMap::new();
    for v in 0..p.graph.len() {
        if let Some(Product { b, op, .. }) = product(p, v).filter(|x| invariant[x.b]) {
            by_weight.entry((b, op)).or_default().push(v);
        }
    }
    let mut found = HashMap::new();
    let mut level = vec![0u32; p.graph.len()];
    for members in by_weight.into_values() {
        // Only nodes between the first and the last member can be on a path between two.
        let (first, last) = (members[0], members[members.len() - 1]);
        let mut next = members.iter().peekable();
        let mut own = Vec::with_capacity(members.len());
        for v in first..=last {
            let back = p.graph.operands_at(v).filter(|&x| x >= first).map(|x| level[x]).max().unwrap_or(0);
            level[v] = back;
            if next.next_if(|&&m| m == v).is_some() {
                own.push(back);
                level[v] += 1;
            }
        }
        level[first..=last].fill(0);
        let depth = own.iter().copied().max().unwrap_or(0);
        found.extend(members.into_iter().zip(own).map(|(v, of)| (v, Level { of, depth })));
    }
    found
}

/// The array that a matrix is a slice of, and its start: slices of one array are concatenated in order.
pub(super) fn place(p: &Program, x: usize) -> (usize, usize) {
    match p.graph.at(x).op {
        Op::Slice(Slice { start, .. }) => (p.graph.operands_at(x).next().unwrap_or(x), start),
        _ => (x, 0),
    }
}
