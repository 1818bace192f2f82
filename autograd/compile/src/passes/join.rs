//! Merges independent products with a common operand.
//!
//! - The same left side, `x Wᵢ` and `x Wⱼ`: the right sides are concatenated, `x [Wᵢ Wⱼ]`. The gates of a cell.
//! - The same right side, `aᵀ x` and `bᵀ x`: the left sides are concatenated, `[a b]ᵀ x`. The gradients of the gates'
//!   weights.
//! - The same weight, `x₁ W` and `x₂ W`: the rows are stacked, `[x₁; x₂] W`. The input products of all steps.
//!
//! The first and the third group by levels (`products.rs`): products of one level are independent.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use super::products::{Product, levels, place, product};
use autograd::ops::{Concat, MatMul, Op, Slice};
use std::collections::HashMap;
use std::hash::Hash;

/// The common operand of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Shared {
    /// The left operand.
    Left,
    /// The right operand; the left ones are transposed.
    Right,
    /// The right operand, a weight.
    Weight,
}

/// See the head of the file.
pub(in super::super) struct Join {
    shared: Shared,
    groups: Vec<Vec<usize>>,
    /// The group of each product, if it has one.
    group_of: HashMap<usize, usize>,
}

impl Join {
    pub fn new(p: &Program, shared: Shared) -> Self {
        let invariant = p.invariants();
        let levels = levels(p, &invariant);
        let all = || (0..p.graph.len()).filter_map(|v| product(p, v).map(|product| (v, product)));
        let mut groups = match shared {
            Shared::Left => gather(all().filter_map(|(v, x)| {
                let level = levels.get(&v)?;
                Some(((x.a, x.op, *level), v))
            })),
            Shared::Weight => gather(all().filter_map(|(v, x)| {
                let level = levels.get(&v).filter(|_| !x.op.a_transposed)?;
                Some(((x.b, x.op, *level), v))
            })),
            Shared::Right => gather(all().filter_map(|(v, x)| {
                (x.op.a_transposed && !invariant[x.a] && !invariant[x.b]).then_some(((x.b, x.op), v))
            })),
        };
        let beside = if shared == Shared::Right { neighbours(p) } else { HashMap::new() };
        for group in &mut groups {
            let operands = |v: usize| product(p, v).map(|Product { a, b, .. }| (a, b));
            match shared {
                Shared::Left => group.sort_by_key(|&v| operands(v).map(|(_, b)| place(p, b))),
                Shared::Weight => {
                    group.sort_by_key(|&v| (p.step(v), operands(v).map(|(a, _)| place(p, a)), v));
                }
                Shared::Right => group.sort_by_key(|&v| {
                    let placed =
                        operands(v).and_then(|(a, _)| stacked(p, a).find_map(|x| beside.get(&x).copied()));
                    (placed.map(|(_, i)| i), v)
                }),
            }
        }
        let group_of =
            groups.iter().enumerate().flat_map(|(i, group)| group.iter().map(move |&v| (v, i))).collect();
        Self { shared, groups, group_of }
    }
}

/// Groups of at least two, in the order of their first members.
fn gather<K: Hash + Eq>(members: impl Iterator<Item = (K, usize)>) -> Vec<Vec<usize>> {
    let mut by_key: HashMap<K, Vec<usize>> = HashMap::new();
    members.for_each(|(key, v)| by_key.entry(key).or_default().push(v));
    let mut groups: Vec<_> = by_key.into_values().filter(|group| group.len() > 1).collect();
    groups.sort_unstable();
    groups
}

/// For each operand of a concatenation, which one and where: another concatenation of the same nodes uses the same
/// order, so that both share memory.
fn neighbours(p: &Program) -> HashMap<usize, (usize, usize)> {
    let mut beside = HashMap::new();
    for v in 0..p.graph.len() {
        if p.graph.at(v).op == Op::Concat(Concat { axis: 1 }) {
            p.graph.operands_at(v).enumerate().for_each(|(i, x)| {
                beside.entry(x).or_insert((v, i));
            });
        }
    }
    beside
}

/// The stacked operands, or the node itself.
fn stacked(p: &Program, x: usize) -> impl Iterator<Item = usize> + '_ {
    let stack = p.graph.at(x).op == Op::Concat(Concat { axis: 0 });
    let parts = stack.then(|| p.graph.operands_at(x)).into_iter().flatten();
    parts.chain((!stack).then_some(x))
}

impl Rewrite for Join {
    fn is_idle(&self) -> bool {
        self.groups.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        match self.group_of.get(&v) {
            None => needs.extend(p.graph.operands_at(v)),
            Some(&i) => self.groups[i].iter().for_each(|&v| needs.extend(p.graph.operands_at(v))),
        }
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some(&i) = self.group_of.get(&v) else { return out.copy(p, v) };
        let members = &self.groups[i];
        let products: Vec<Product> = members.iter().filter_map(|&v| product(p, v)).collect();
        let MatMul { a_transposed, b_transposed } = products[0].op;
        let (rule, joins_right, axis) = match self.shared {
            Shared::Left => ("x V, x W → x [V W]", true, usize::from(!b_transposed)),
            Shared::Right => ("aᵀ x, bᵀ x → [a b]ᵀ x", false, usize::from(a_transposed)),
            Shared::Weight => ("x W, y W → [x; y] W", false, 0),
        };
        out.count(rule);
        out.of_none();
        members.iter().for_each(|&v| out.of_also(&p.of[v]));
        let parts: Vec<u32> = products.iter().map(|x| out.at(if joins_right { x.b } else { x.a })).collect();
        let joined = out.add(Concat { axis }, &parts);
        let operands =
            if joins_right { [out.at(products[0].a), joined] } else { [joined, out.at(products[0].b)] };
        let whole = out.add(products[0].op, &operands);
        let (axis, mut start) = (usize::from(joins_right), 0);
        for &v in members {
            let end = start + p.shape(v)[axis];
            out.of(&p.of[v]);
            let part = out.add(Slice { axis, start, end }, &[whole]);
            out.set(v, part);
            start = end;
        }
        out.at(v)
    }
}
