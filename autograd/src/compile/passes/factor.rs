//! What all terms of a sum have in common is done once: `a/c + b/c → (a + b)/c`, also for products and negation.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use crate::ops::{Add, Op};

/// See the head of the file.
pub(in super::super) struct Factor {
    readers: Vec<u32>,
}

impl Factor {
    pub fn new(p: &Program) -> Self {
        Self { readers: p.readers() }
    }

    /// The op that all terms apply last, with its second operand.
    fn common<'p>(&self, p: &'p Program, v: usize) -> Option<(&'p Op, Option<usize>)> {
        let Op::Add(_) = p.graph.at(v).op else { return None };
        let last = |x: usize| {
            let op = &p.graph.at(x).op;
            let mut operands = p.graph.operands_at(x);
            let first = operands.next()?;
            let second = operands.next();
            let scalar = second.is_none_or(|c| p.shape(c).is_empty() && p.shape(first) == p.shape(x));
            let linear = matches!(op, Op::Div(_) | Op::Mul(_) | Op::Neg(_));
            (linear && scalar && self.readers[x] == 1 && p.shape(x) == p.shape(v)).then_some((op, second))
        };
        let mut terms = p.graph.operands_at(v);
        let common = last(terms.next()?)?;
        (terms.len() > 0 && terms.all(|x| last(x) == Some(common))).then_some(common)
    }
}

impl Rewrite for Factor {
    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some((op, second)) = self.common(p, v) else { return out.copy(p, v) };
        out.count("a/c + b/c → (a + b)/c");
        let first = |x: usize| p.graph.operands_at(x).next().expect("it has an operand");
        let terms: Vec<u32> = p.graph.operands_at(v).map(|x| out.at(first(x))).collect();
        let sum = out.add(Add, &terms);
        let operands: Vec<u32> = [Some(sum), second.map(|c| out.at(c))].into_iter().flatten().collect();
        out.add(op.clone(), &operands)
    }
}
