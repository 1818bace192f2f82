//! Factors out what all terms of a sum share: `a/c + b/c → (a + b)/c`, also for products and negation.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::ops::{Add, Op};
use smallvec::SmallVec;

/// See the head of the file.
pub(in super::super) struct Factor {
    readers: Vec<u32>,
}

impl Factor {
    pub fn new(p: &Program) -> Self {
        Self { readers: p.readers() }
    }

    /// The last op of all terms, with its second operand, if they share both.
    fn common<'p>(&self, p: &'p Program, v: usize, terms: &[usize]) -> Option<(&'p Op, Option<usize>)> {
        let last = |x: usize| {
            let op = &p.graph.at(x).op;
            let mut operands = p.graph.operands_at(x);
            let first = operands.next()?;
            let second = operands.next();
            let scalar = second.is_none_or(|c| p.shape(c).is_empty() && p.shape(first) == p.shape(x));
            let linear = matches!(op, Op::Div(_) | Op::Mul(_) | Op::Neg(_));
            (linear && scalar && self.readers[x] == 1 && p.shape(x) == p.shape(v)).then_some((op, second))
        };
        let (&first, rest) = terms.split_first()?;
        let common = last(first)?;
        (!rest.is_empty() && rest.iter().all(|&x| last(x) == Some(common))).then_some(common)
    }
}

impl Rewrite for Factor {
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let mut terms: Vec<usize> = p.graph.operands_at(v).collect();
        let mut outer = Vec::new();
        while let (Op::Add(_), Some((op, second))) = (&p.graph.at(v).op, self.common(p, v, &terms)) {
            out.count("a/c + b/c → (a + b)/c");
            outer.push((op, second));
            terms = terms.iter().filter_map(|&x| p.graph.operands_at(x).next()).collect();
        }
        if outer.is_empty() {
            return out.copy(p, v);
        }
        let terms: Vec<u32> = terms.into_iter().map(|x| out.at(x)).collect();
        let sum = out.add(Add, &terms);
        outer.into_iter().rev().fold(sum, |x, (op, second)| {
            let operands: SmallVec<[u32; 2]> =
                [Some(x), second.map(|c| out.at(c))].into_iter().flatten().collect();
            out.add(op.clone(), &operands)
        })
    }
}
