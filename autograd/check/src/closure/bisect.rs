//! Which elements are wrong, found by halves: of n elements, k wrong ones in about 2 k log₂ n differences.

use super::along::Subject;
use crate::ELEMENTS_OF_A_FAILURE;
use crate::leaves;
use crate::numeric::FIRST;
use crate::report::Tensor;
use crate::verdict::{Comparison, Verdict};
use autograd::Error;
use autograd::ops::Sampler;
use ndarray::ArrayD;

/// Differences of halves at most, besides four for each halving.
const MOST: usize = 48;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Adds wrong elements to a tensor that fails, and says whether they are all there are, and whether they lie in one slice.
    pub fn find_wrong(&mut self, tensor: &mut Tensor, sampler: &mut Sampler) -> Result<(), Error> {
        let count = tensor.shape.count();
        if count <= ELEMENTS_OF_A_FAILURE {
            tensor.elements.clear();
            for place in 0..count {
                if self.may_ask() {
                    let element = self.element(place)?;
                    tensor.elements.push(element);
                }
            }
            return Ok(());
        }
        let direction = self.scale.stretch(leaves::weights(&tensor.shape, sampler));
        let most = MOST + 4 * count.ilog2() as usize;
        let mut asked = 0;
        let mut open = vec![(f64::INFINITY, 0..count)];
        let mut wrong: Vec<usize> = Vec::new();
        while let Some(at) = (0..open.len()).max_by(|&a, &b| open[a].0.total_cmp(&open[b].0)) {
            if asked >= most || wrong.len() >= ELEMENTS_OF_A_FAILURE || !self.may_ask() {
                break;
            }
            let (_, range) = open.swap_remove(at);
            if range.len() == 1 {
                let element = self.element(range.start)?;
                asked += 1;
                if element.verdict == Verdict::Fail {
                    wrong.push(range.start);
                    if !tensor.elements.iter().any(|known| known.index == element.index) {
                        tensor.elements.push(element);
                    }
                }
                continue;
            }
            let middle = range.start + range.len() / 2;
            for half in [range.start..middle, middle..range.end] {
                let comparison = self.part(&direction, |place| half.contains(&place))?;
                asked += 1;
                if comparison.verdict == Verdict::Fail {
                    open.push((comparison.difference(), half));
                }
            }
        }
        if wrong.is_empty() || !self.may_ask() {
            return Ok(());
        }
        tensor.all_wrong_told = open.is_empty()
            && wrong.len() < ELEMENTS_OF_A_FAILURE
            && self.part(&direction, |place| !wrong.contains(&place))?.verdict == Verdict::Pass;
        let first = index(&tensor.shape, wrong[0]);
        for (axis, &k) in first.iter().enumerate() {
            let shape = tensor.shape.clone();
            let n = shape[axis];
            let shared = wrong.iter().all(|&place| index(&shape, place)[axis] == k);
            if n > 1 && wrong.len() > 1 && shared && tensor.slice.is_none() {
                let rest = self.part(&direction, |place| index(&shape, place)[axis] != k)?;
                if rest.verdict == Verdict::Pass {
                    tensor.slice = Some((axis, k));
                }
            }
        }
        Ok(())
    }

    /// The direction with some of its elements alone.
    fn part(&mut self, direction: &ArrayD<f64>, keep: impl Fn(usize) -> bool) -> Result<Comparison, Error> {
        let mut part = direction.clone();
        part.iter_mut().enumerate().filter(|(place, _)| !keep(*place)).for_each(|(_, u)| *u = 0.0);
        let (length, noise) = (self.scale.length, self.noise);
        self.measure(&part, length, FIRST, noise)
    }
}

/// The index at a row-major place.
pub(super) fn index(shape: &[usize], mut place: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &n) in index.iter_mut().zip(shape).rev() {
        *i = place % n.max(1);
        place /= n.max(1);
    }
    index
}
