//! Flattens nested sums: `(a + b) + c → a + b + c`.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::ops::{Add, Op};

/// See the head of the file.
pub(in super::super) struct Flatten {
    absorbed: Vec<bool>,
}

impl Flatten {
    pub fn new(p: &Program) -> Self {
        let readers = p.readers();
        let mut absorbed = vec![false; p.graph.len()];
        for v in 0..p.graph.len() {
            if !matches!(p.graph.at(v).op, Op::Add(_)) {
                continue;
            }
            for x in p.graph.operands_at(v) {
                let inner = matches!(p.graph.at(x).op, Op::Add(_));
                absorbed[x] |= inner && readers[x] == 1 && p.shape(x) == p.shape(v);
            }
        }
        Self { absorbed }
    }

    /// The terms of a sum, and the sums that are absorbed into it.
    fn terms(&self, p: &Program, v: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut terms, mut sums) = (Vec::new(), Vec::new());
        let mut stack: Vec<usize> = p.graph.operands_at(v).collect();
        stack.reverse();
        while let Some(x) = stack.pop() {
            if self.absorbed[x] {
                sums.push(x);
                let from = stack.len();
                stack.extend(p.graph.operands_at(x));
                stack[from..].reverse();
            } else {
                terms.push(x);
            }
        }
        (terms, sums)
    }

    fn is_top(&self, p: &Program, v: usize) -> bool {
        matches!(p.graph.at(v).op, Op::Add(_)) && !self.absorbed[v]
    }
}

impl Rewrite for Flatten {
    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        if self.is_top(p, v) {
            needs.extend(self.terms(p, v).0);
        } else {
            needs.extend(p.graph.operands_at(v));
        }
    }

    fn is_fused_away(&self, v: usize) -> bool {
        self.absorbed[v]
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        if !self.is_top(p, v) {
            return out.copy(p, v);
        }
        let (terms, sums) = self.terms(p, v);
        for x in sums {
            out.count("(a + b) + c → a + b + c");
            out.of_also(&p.of[x]);
        }
        let terms: Vec<u32> = terms.into_iter().map(|x| out.at(x)).collect();
        out.add(Add, &terms)
    }
}
