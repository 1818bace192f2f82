//! A sum of slices becomes a slice of the sum: if each gate adds its columns of two merged products, the products are
//! added as a whole, so that the second can be accumulated onto the first.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use super::products::product;
use autograd::ops::{Add, Op, Slice};
use std::collections::HashMap;

/// See the head of the file.
pub(in super::super) struct Regroup {
    /// For each sum that changes: the products to add as a whole, and its columns of them.
    sums: HashMap<usize, (Vec<usize>, Slice)>,
    absorbed: Vec<bool>,
}

impl Regroup {
    pub fn new(p: &Program) -> Self {
        let readers = p.readers();
        let mut found: HashMap<Vec<usize>, Vec<(usize, Slice)>> = HashMap::new();
        for v in (0..p.graph.len()).filter(|&v| matches!(p.graph.at(v).op, Op::Add(_))) {
            let columns = p.graph.operands_at(v).filter_map(|x| columns(p, x).filter(|_| readers[x] == 1));
            let mut by_place: HashMap<(Slice, &[usize]), Vec<usize>> = HashMap::new();
            columns.for_each(|(of, slice)| by_place.entry((slice, p.shape(of))).or_default().push(of));
            let best = by_place
                .into_iter()
                .filter(|(_, of)| of.len() > 1)
                .min_by_key(|((s, shape), _)| (s.start, s.end, shape.to_vec()));
            if let Some(((slice, _), mut of)) = best {
                of.sort_unstable();
                of.dedup();
                found.entry(of).or_default().push((v, slice));
            }
        }
        let mut this = Self { sums: HashMap::new(), absorbed: vec![false; p.graph.len()] };
        for (of, sums) in found {
            // Only if nothing else reads the products: otherwise they would be kept beside their sum.
            if of.len() < 2 || of.iter().any(|&x| readers[x] as usize != sums.len()) {
                continue;
            }
            for (v, slice) in sums {
                for x in p.graph.operands_at(v) {
                    let taken = columns(p, x).is_some_and(|(parent, s)| s == slice && of.contains(&parent));
                    this.absorbed[x] |= taken;
                }
                this.sums.insert(v, (of.clone(), slice));
            }
        }
        this
    }
}

/// Node `x` as columns of a product.
fn columns(p: &Program, x: usize) -> Option<(usize, Slice)> {
    let Op::Slice(slice @ Slice { axis: 1, .. }) = p.graph.at(x).op else { return None };
    let of = p.graph.operands_at(x).next()?;
    product(p, of).map(|_| (of, slice))
}

impl Rewrite for Regroup {
    fn is_idle(&self) -> bool {
        self.sums.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        needs.extend(p.graph.operands_at(v).filter(|&x| !self.absorbed[x]));
        needs.extend(self.sums.get(&v).into_iter().flat_map(|(of, _)| of));
    }

    fn is_fused_away(&self, v: usize) -> bool {
        self.absorbed[v]
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some((of, slice)) = self.sums.get(&v) else { return out.copy(p, v) };
        out.count("x[i] + y[i] → (x + y)[i]");
        let whole: Vec<u32> = of.iter().map(|&x| out.at(x)).collect();
        let whole = out.add(Add, &whole);
        let mut terms = vec![out.add(*slice, &[whole])];
        terms.extend(p.graph.operands_at(v).filter(|&x| !self.absorbed[x]).map(|x| out.at(x)));
        out.add(Add, &terms)
    }
}
