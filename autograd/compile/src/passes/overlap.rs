//! Merges overlapping stacks: `[h₀; h₁; h₂]`, which a weight's gradient reads, and `[h₁; h₂; h₃]`, which the head
//! reads, are both slices of `[h₀; h₁; h₂; h₃]`.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::ops::{Concat, Op, Slice};
use std::collections::{HashMap, HashSet};

/// See the head of the file.
pub(in super::super) struct Overlap {
    chains: Vec<Vec<usize>>,
    /// For each concatenation that is a slice: its chain, and the position of its first operand there.
    parts: HashMap<usize, (usize, usize)>,
    made: HashMap<usize, u32>,
}

impl Overlap {
    pub fn new(p: &Program) -> Self {
        let mut concats: Vec<(usize, usize)> = (0..p.graph.len())
            .filter_map(|v| match p.graph.at(v).op {
                Op::Concat(Concat { axis }) => Some((axis, v)),
                _ => None,
            })
            .collect();
        // Longer concatenations take precedence.
        concats.sort_by_key(|&(_, v)| (std::cmp::Reverse(p.graph.operands_at(v).len()), v));
        let mut after: HashMap<(usize, usize), usize> = HashMap::new();
        let mut before: HashMap<(usize, usize), usize> = HashMap::new();
        let mut kept = Vec::new();
        for (axis, v) in concats {
            let x: Vec<usize> = p.graph.operands_at(v).collect();
            let agrees =
                |map: &HashMap<(usize, usize), usize>, x, y| map.get(&(axis, x)).is_none_or(|&z| z == y);
            let distinct = x.iter().collect::<HashSet<_>>().len() == x.len();
            if distinct && x.windows(2).all(|w| agrees(&after, w[0], w[1]) && agrees(&before, w[1], w[0])) {
                for w in x.windows(2) {
                    after.insert((axis, w[0]), w[1]);
                    before.insert((axis, w[1]), w[0]);
                }
                kept.push((axis, v, x));
            }
        }
        let mut this = Self { chains: Vec::new(), parts: HashMap::new(), made: HashMap::new() };
        // The position of each operand in its chain.
        let mut place: HashMap<(usize, usize), (usize, usize)> = HashMap::new();
        let mut members: Vec<Vec<(usize, usize)>> = Vec::new();
        for (axis, v, x) in kept {
            if !place.contains_key(&(axis, x[0])) {
                let mut first = x[0];
                let mut steps = 0;
                while let Some(&x) = before.get(&(axis, first)) {
                    (first, steps) = (x, steps + 1);
                    if steps > p.graph.len() {
                        break;
                    }
                }
                let mut chain = vec![first];
                while let Some(&next) = after.get(&(axis, chain[chain.len() - 1])) {
                    if next == first || chain.len() > p.graph.len() {
                        break;
                    }
                    chain.push(next);
                }
                let number = this.chains.len();
                chain.iter().enumerate().for_each(|(i, &x)| {
                    place.insert((axis, x), (number, i));
                });
                this.chains.push(chain);
                members.push(Vec::new());
            }
            let (chain, at) = place[&(axis, x[0])];
            // A cycle, as of `[x; y]` and `[y; x]`, is cut at some point.
            if x.iter().enumerate().all(|(i, &x)| place.get(&(axis, x)) == Some(&(chain, at + i))) {
                members[chain].push((v, at));
            }
        }
        for (chain, members) in members.into_iter().enumerate().filter(|(_, members)| members.len() > 1) {
            this.parts.extend(members.into_iter().map(|(v, at)| (v, (chain, at))));
        }
        this
    }
}

impl Rewrite for Overlap {
    fn is_idle(&self) -> bool {
        self.parts.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        match self.parts.get(&v) {
            Some(&(chain, _)) => needs.extend(&self.chains[chain]),
            None => needs.extend(p.graph.operands_at(v)),
        }
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some(&(chain, at)) = self.parts.get(&v) else { return out.copy(p, v) };
        let &Op::Concat(Concat { axis }) = &p.graph.at(v).op else { return out.copy(p, v) };
        let operands = &self.chains[chain];
        let whole = *self.made.entry(chain).or_insert_with(|| {
            out.count("[x; y], [y; z] → parts of [x; y; z]");
            let operands: Vec<u32> = operands.iter().map(|&x| out.at(x)).collect();
            out.add(Concat { axis }, &operands)
        });
        let size = |x: &usize| p.shape(*x)[axis];
        let start: usize = operands[..at].iter().map(size).sum();
        out.add(Slice { axis, start, end: start + p.shape(v)[axis] }, &[whole])
    }
}
