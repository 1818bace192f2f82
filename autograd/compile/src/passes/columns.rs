//! Stacked columns are columns of a stack: if gates are adjacent at every step, `[f₁; f₂; …]` is a slice of `[[f₁
//! n₁]; [f₂ n₂]; …]`, and need not be copied.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::ops::{Concat, Op, Slice};
use std::collections::HashMap;

/// See the head of the file.
pub(in super::super) struct Columns {
    /// For each stack found in another: that one, its rows, and its columns.
    found: HashMap<usize, (usize, Slice, Slice)>,
}

impl Columns {
    pub fn new(p: &Program) -> Self {
        let concats = |axis: usize| {
            (0..p.graph.len())
                .filter(move |&v| p.graph.at(v).op == Op::Concat(Concat { axis }) && p.shape(v).len() == 2)
        };
        // For each node, its position in a concatenation by columns; for each of those, its position in a stack of
        // rows.
        let (mut beside, mut stacked) = (HashMap::new(), HashMap::new());
        for v in concats(1) {
            let mut start = 0;
            for x in p.graph.operands_at(v) {
                beside.entry(x).or_insert((v, start));
                start += p.shape(x)[1];
            }
        }
        for v in concats(0) {
            let mut start = 0;
            for (i, x) in p.graph.operands_at(v).enumerate() {
                stacked.entry(x).or_insert((v, i, start));
                start += p.shape(x)[0];
            }
        }
        let find = |v: usize| {
            let parts: Vec<usize> = p.graph.operands_at(v).collect();
            let &(wide, column) = beside.get(parts.first()?)?;
            let &(whole, first, row) = stacked.get(&wide)?;
            let wides: Vec<usize> = p.graph.operands_at(whole).skip(first).take(parts.len()).collect();
            let at = |x: &usize| beside.get(x).copied();
            let fits = wides.len() == parts.len()
                && parts.iter().zip(&wides).all(|(x, &wide)| at(x) == Some((wide, column)));
            let rows = Slice { axis: 0, start: row, end: row + p.shape(v)[0] };
            let columns = Slice { axis: 1, start: column, end: column + p.shape(v)[1] };
            fits.then_some((whole, rows, columns))
        };
        Self { found: concats(0).filter_map(|v| Some((v, find(v)?))).collect() }
    }
}

impl Rewrite for Columns {
    fn is_idle(&self) -> bool {
        self.found.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        match self.found.get(&v) {
            Some(&(whole, ..)) => needs.push(whole),
            None => needs.extend(p.graph.operands_at(v)),
        }
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some(&(whole, rows, columns)) = self.found.get(&v) else { return out.copy(p, v) };
        out.count("[a; b] → columns of [[a, c]; [b, d]]");
        let rows = out.add(rows, &[out.at(whole)]);
        out.add(columns, &[rows])
    }
}
