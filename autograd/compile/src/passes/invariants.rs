//! Loop-invariant code motion for an unrolled loop: terms that depend on no input are added once:
//! `x + b + c → x + (b + c)`, where b and c are parameters, smaller than x.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::ops::{Add, Op};

/// See the head of the file.
pub(in super::super) struct Invariants {
    invariant: Vec<bool>,
}

impl Invariants {
    pub fn new(p: &Program) -> Self {
        Self { invariant: p.invariants() }
    }
}

impl Rewrite for Invariants {
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let small = |x: usize| self.invariant[x] && p.shape(x).len() < p.shape(v).len();
        let (fixed, others): (Vec<usize>, Vec<usize>) = p.graph.operands_at(v).partition(|&x| small(x));
        let is_sum = matches!(p.graph.at(v).op, Op::Add(_));
        if !is_sum
            || fixed.len() < 2
            || others.is_empty()
            || fixed.iter().any(|&x| p.shape(x) != p.shape(fixed[0]))
        {
            return out.copy(p, v);
        }
        out.count("x + b + c → x + (b + c)");
        let fixed: Vec<u32> = fixed.into_iter().map(|x| out.at(x)).collect();
        let fixed = out.add(Add, &fixed);
        let terms: Vec<u32> = others.into_iter().map(|x| out.at(x)).chain([fixed]).collect();
        out.add(Add, &terms)
    }
}
