//! Accumulation in place (the β of a BLAS gemm): adds the products of a sum first, each onto the previous one: `a + x
//! W + b → (a + x W) + b`, where a is a product too. The matrix library then accumulates, instead of writing a
//! product to be read again.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use super::products::product;
use autograd::ops::{Add, Op, Slice};

/// See the head of the file.
pub(in super::super) struct Accumulate {
    readers: Vec<u32>,
}

impl Accumulate {
    pub fn new(p: &Program) -> Self {
        Self { readers: p.readers() }
    }

    /// The products among the terms of a sum, slices of products first; and the other terms.
    fn parts(&self, p: &Program, v: usize) -> Option<(Vec<usize>, Vec<usize>)> {
        let Op::Add(_) = p.graph.at(v).op else { return None };
        let whole = |x: usize| p.shape(x) == p.shape(v) && self.readers[x] == 1;
        let rows = |x: usize| match p.graph.at(x).op {
            Op::Slice(Slice { axis: 0, .. }) => {
                whole(x) && p.graph.operands_at(x).next().is_some_and(|of| product(p, of).is_some())
            }
            _ => false,
        };
        let (mut bases, rest): (Vec<usize>, Vec<usize>) = p.graph.operands_at(v).partition(|&x| rows(x));
        let (products, mut others): (Vec<usize>, Vec<usize>) =
            rest.into_iter().partition(|&x| whole(x) && product(p, x).is_some());
        others.extend(bases.drain(bases.len().min(1)..));
        bases.extend(products);
        (bases.len() > 1).then_some((bases, others))
    }
}

impl Rewrite for Accumulate {
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        out.keeps_transposes = true;
        let Some((products, others)) = self.parts(p, v) else { return out.copy(p, v) };
        out.count("a + x W + b → (a + x W) + b");
        let mut sum = out.at(products[0]);
        for &x in &products[1..] {
            let x = out.at(x);
            sum = out.add(Add, &[sum, x]);
        }
        let terms: Vec<u32> = [sum].into_iter().chain(others.into_iter().map(|x| out.at(x))).collect();
        out.add(Add, &terms)
    }
}
