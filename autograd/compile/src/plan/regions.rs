//! Fusion: groups elementwise nodes that are computed together, strip by strip, so that intermediate values never
//! reach memory.
//!
//! A region is a connected set of elementwise nodes of one shape that no path leaves and re-enters. Each node has a
//! stage: elementwise nodes stay in the stage of their elementwise operands, everything else starts a new one. Within
//! a stage no path can leave and re-enter. Nodes that only a later region reads then sink into it: `1 − y²` is
//! computed there, with the adjoint that it scales, instead of with `y`.
//! belongs, beside the adjoint that it scales, and not where `y` was made.

use super::super::program::{NONE, Program, ReadBy};
use super::place::Role;
use autograd::ops::Op;
use std::collections::HashMap;

/// The maximum number of operands of a node in a region.
const TERMS: usize = 64;

/// The maximum number of nodes of a region.
const LARGEST: usize = 128;

/// For each node, the number of its region; `NONE` if it has none.
pub(super) fn regions(p: &Program, roles: &[Role]) -> Vec<u32> {
    let n = p.graph.len();
    let elementwise: Vec<bool> = (0..n)
        .map(|v| roles[v] == Role::Made && p.graph.at(v).op.class().is_elementwise() && !is_other(p, v))
        .collect();
    let mut stage = vec![0u32; n];
    for v in 0..n {
        for x in p.graph.operands_at(v) {
            let together = elementwise[v] && elementwise[x] && p.shape(v) == p.shape(x);
            // A view has no stage of its own, unless it is of a region's result.
            let follows = matches!(roles[v], Role::View) && !elementwise[x];
            stage[v] = stage[v].max(stage[x] + u32::from(!together && !follows));
        }
    }
    sink(p, &elementwise, &mut stage);

    let mut parent: Vec<u32> = (0..super::super::narrow(n)).collect();
    let mut first_reader: HashMap<(usize, u32), usize> = HashMap::new();
    for v in (0..n).filter(|&v| elementwise[v]) {
        for x in p.graph.operands_at(v) {
            if elementwise[x] && stage[x] == stage[v] && p.shape(x) == p.shape(v) {
                union(&mut parent, x, v);
            } else if p.shape(x) == p.shape(v) {
                // Two nodes of one stage and shape that read the same value are fused, to read it once.
                let other = *first_reader.entry((x, stage[v])).or_insert(v);
                if p.shape(other) == p.shape(v) {
                    union(&mut parent, other, v);
                }
            }
        }
    }
    let mut regions: Vec<u32> =
        (0..n).map(|v| if elementwise[v] { find(&mut parent, v) } else { NONE }).collect();
    cut(&mut regions);
    regions
}

/// Splits regions with too many nodes, as of an elementwise recurrence, in the order of their nodes.
fn cut(regions: &mut [u32]) {
    let mut sizes: HashMap<u32, (usize, u32)> = HashMap::new();
    for (v, region) in regions.iter_mut().enumerate().filter(|(_, region)| **region != NONE) {
        let (count, number) = sizes.entry(*region).or_insert((0, *region));
        if *count == LARGEST {
            // A region's number is its first node, which is unique.
            (*count, *number) = (0, super::super::narrow(v));
        }
        *count += 1;
        *region = *number;
    }
}

/// Whether the interpreter's kernel must compute it: comparisons of whole numbers, and sums of very many terms.
fn is_other(p: &Program, v: usize) -> bool {
    p.graph.operands_at(v).len() > TERMS
        || p.graph.operands_at(v).any(|x| matches!(p.graph.at(x).ty.kind, autograd::Kind::Index { .. }))
}

/// Moves nodes that only one later region reads into its stage.
fn sink(p: &Program, elementwise: &[bool], stage: &mut [u32]) {
    let n = p.graph.len();
    let read_by = p.read_by();
    // The only stage of the readers; `NONE` for several, or for a reader that is not elementwise of the same shape.
    let mut readers: Vec<Option<u32>> = vec![None; n];
    p.outputs.iter().for_each(|&y| readers[y as usize] = Some(NONE));
    for v in (0..n).rev() {
        if let (true, Some(later)) = (elementwise[v], readers[v])
            && later != NONE
            && gains(p, &read_by, elementwise, stage, v, later)
        {
            stage[v] = stage[v].max(later);
        }
        for x in p.graph.operands_at(v) {
            let fits = elementwise[v] && p.shape(x) == p.shape(v);
            let seen = if fits { stage[v] } else { NONE };
            readers[x] = match readers[x] {
                None => Some(seen),
                Some(known) if known == seen => Some(known),
                Some(_) => Some(NONE),
            };
        }
    }
}

/// Whether moving the elementwise node `v` to a later stage keeps no more memory live: of its operands, direct or
/// through nodes that only it reads, at most one array would have its live range extended.
fn gains(p: &Program, read_by: &ReadBy, elementwise: &[bool], stage: &[u32], v: usize, later: u32) -> bool {
    let (mut kept, mut within, mut seen) = (None, vec![v], 0);
    while let Some(u) = within.pop() {
        for x in p.graph.operands_at(u) {
            seen += 1;
            // A broadcast operand is small.
            if p.shape(x) != p.shape(v) || matches!(p.graph.at(x).op, Op::Broadcast(_)) {
                continue;
            }
            if elementwise[x] && read_by.of(x).len() == 1 {
                within.push(x);
            } else if kept != Some(x)
                && read_by.of(x).rev().all(|r| stage[r] < later)
                && kept.replace(x).is_some()
            {
                return false;
            }
        }
        if seen > TERMS {
            return true;
        }
    }
    true
}

fn find(parent: &mut [u32], v: usize) -> u32 {
    let mut root = v;
    while parent[root] as usize != root {
        root = parent[root] as usize;
    }
    let mut v = v;
    while parent[v] as usize != root {
        v = std::mem::replace(&mut parent[v], super::super::narrow(root)) as usize;
    }
    super::super::narrow(root)
}

fn union(parent: &mut [u32], a: usize, b: usize) {
    let (a, b) = (find(parent, a), find(parent, b));
    parent[a.max(b) as usize] = a.min(b);
}
