//! Transposes a weight once if it is read transposed: matrix products are slow with a transposed right side, and the
//! same weight is read at every step.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use super::products::product;
use autograd::ops::{MatMul, Transpose};

/// See the head of the file.
pub(in super::super) struct Transposes {
    invariant: Vec<bool>,
}

impl Transposes {
    pub fn new(p: &Program) -> Self {
        Self { invariant: p.invariants() }
    }
}

impl Rewrite for Transposes {
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        out.keeps_transposes = true;
        match product(p, v) {
            Some(x) if x.op.b_transposed && self.invariant[x.b] => {
                out.count("x · Wᵀ → x · (transpose W)");
                let weight = out.at(x.b);
                let weight = out.add(Transpose { order: [1, 0].as_slice().into() }, &[weight]);
                out.add(MatMul { b_transposed: false, ..x.op }, &[out.at(x.a), weight])
            }
            _ => out.copy(p, v),
        }
    }
}
