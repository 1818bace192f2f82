//! Finds wrong positions by bisection: k wrong ones among n, with about 2 k log₂ n queries.

use super::along::Subject;
use crate::ELEMENTS_OF_A_FAILURE;
use crate::verdict::{Comparison, Verdict};
use autograd::Error;
use ndarray::ArrayD;
use std::ops::Range;

/// The maximum number of queries, besides four per level.
const MOST: usize = 48;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Finds the wrong positions below `count`, and whether they are all. A range is queried, and if it is wrong,
    /// both its halves: the one with the larger error first.
    pub fn by_halves(
        &mut self,
        count: usize,
        mut ask: impl FnMut(&mut Self, Range<usize>) -> Result<Comparison, Error>,
    ) -> Result<(Vec<(usize, Comparison)>, bool), Error> {
        let mut left = MOST + 4 * count.max(1).ilog2() as usize;
        let mut found = Vec::new();
        let mut open = vec![(0..count, None::<Comparison>)];
        let size = |at: &(Range<usize>, Option<Comparison>)| at.1.map_or(f64::INFINITY, |c| c.difference());
        while let Some(at) = (0..open.len()).max_by(|&a, &b| size(&open[a]).total_cmp(&size(&open[b]))) {
            let (range, known) = open.swap_remove(at);
            if let (1, Some(comparison)) = (range.len(), known) {
                found.push((range.start, comparison));
                continue;
            }
            let middle = range.start + range.len().div_ceil(2);
            for half in [range.start..middle, middle..range.end] {
                if left == 0 || found.len() >= ELEMENTS_OF_A_FAILURE || !self.may_ask() {
                    return Ok((found, false));
                }
                if !half.is_empty() {
                    left -= 1;
                    let comparison = ask(self, half.clone())?;
                    if comparison.verdict == Verdict::Fail {
                        open.push((half, Some(comparison)));
                    }
                }
            }
        }
        // Queries after the budget ran out were not answered.
        Ok((found, self.may_ask()))
    }
}
