//! Finds the wrong elements of a gradient [by bisection](Subject::by_halves), and whether they are in one slice.

use super::along::Subject;
use super::hint::among_elements;
use crate::leaves;
use crate::numeric::FIRST;
use crate::report::{Element, Tensor};
use crate::verdict::{Comparison, Verdict};
use autograd::Error;
use autograd::ops::Sampler;
use ndarray::ArrayD;

/// Of an array with so many elements each is measured; of a larger one, if elements in several of its quarters are wrong: to
/// look for them by halves would take as many measurements.
const FEW: usize = 16;
const PLAIN: usize = 64;

/// How many elements are measured if it is known what all are instead.
const SHOWN: usize = 3;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Adds to a failed tensor what it may be instead, and wrong elements: whether they are complete, and whether they are
    /// in one slice.
    pub fn find_wrong(&mut self, tensor: &mut Tensor, sampler: &mut Sampler) -> Result<(), Error> {
        let count = tensor.shape.count();
        if let Some((hint, meant)) = self.likely(sampler)? {
            tensor.hint = Some(hint);
            return self.show_worst(tensor, &meant);
        }
        let direction = self.scale.stretch(leaves::weights(&tensor.shape, sampler));
        let mut all = true;
        if count <= FEW || count <= PLAIN && self.is_wrong_widely(count, &direction)? {
            for place in 0..count {
                if self.may_ask() && !is_known(tensor, place) {
                    let element = self.glimpse(place)?;
                    tensor.elements.push(element);
                }
            }
        } else if tensor.elements.len() < count {
            let (found, told) = self.by_halves(count, |subject, range| match range.len() {
                1 => Ok(subject.glimpse(range.start)?.comparison),
                _ => subject.part(&direction, |place| range.contains(&place)),
            })?;
            all = told;
            for (place, comparison) in found {
                if !is_known(tensor, place) {
                    tensor.elements.push(Element { index: index(&tensor.shape, place), comparison });
                }
            }
        }
        let result = self.complete(tensor, all, &direction);
        if let Some((hint, of_wrong)) = among_elements(tensor) {
            (tensor.hint, tensor.hint_of_wrong) = (Some(hint), of_wrong);
        }
        result
    }

    /// Whether elements in several quarters of an array are wrong. In few digits that is not seen.
    fn is_wrong_widely(&mut self, count: usize, direction: &ArrayD<f64>) -> Result<bool, Error> {
        let mut wrong = 0;
        for quarter in 0..4 {
            let range = quarter * count / 4..(quarter + 1) * count / 4;
            let comparison = self.part(direction, |place| range.contains(&place))?;
            wrong += usize::from(comparison.verdict == Verdict::Fail);
        }
        Ok(wrong > 1 && !self.is_coarse())
    }

    /// Whether the wrong elements that were found are all, or in one slice.
    fn complete(&mut self, tensor: &mut Tensor, all: bool, direction: &ArrayD<f64>) -> Result<(), Error> {
        let count = tensor.shape.count();
        let failed = tensor.elements.iter().filter(|e| e.verdict == Verdict::Fail);
        let wrong: Vec<usize> = failed.map(|e| place(&tensor.shape, &e.index)).collect();
        if wrong.is_empty() || wrong.len() == count || !self.may_ask() {
            return Ok(());
        }
        tensor.all_wrong_told = all
            && !self.is_coarse()
            && self.part(direction, |place| !wrong.contains(&place))?.verdict == Verdict::Pass;
        // The elements tell by themselves in which slice they are.
        if tensor.all_wrong_told {
            return Ok(());
        }
        let first = index(&tensor.shape, wrong[0]);
        for (axis, &k) in first.iter().enumerate() {
            let shape = tensor.shape.clone();
            let n = shape[axis];
            let shared = wrong.iter().all(|&place| index(&shape, place)[axis] == k);
            if n > 1 && wrong.len() > 1 && shared && tensor.slice.is_none() {
                let rest = self.part(direction, |place| index(&shape, place)[axis] != k)?;
                if rest.verdict == Verdict::Pass {
                    tensor.slice = Some((axis, k));
                }
            }
        }
        Ok(())
    }

    /// Measures the elements that are furthest from what they are meant to be.
    fn show_worst(&mut self, tensor: &mut Tensor, meant: &ArrayD<f64>) -> Result<(), Error> {
        let off: Vec<f64> =
            meant.iter().zip(&self.check.claimed[self.i]).map(|(m, g)| (m - g).abs()).collect();
        let mut places: Vec<usize> = (0..off.len()).collect();
        places.sort_by(|&a, &b| off[b].total_cmp(&off[a]));
        for place in places.into_iter().take(SHOWN) {
            if self.may_ask() && !is_known(tensor, place) {
                let element = self.glimpse(place)?;
                tensor.elements.push(element);
            }
        }
        Ok(())
    }

    /// The comparison along the direction restricted to some elements.
    fn part(&mut self, direction: &ArrayD<f64>, keep: impl Fn(usize) -> bool) -> Result<Comparison, Error> {
        let mut part = direction.clone();
        part.iter_mut().enumerate().filter(|(place, _)| !keep(*place)).for_each(|(_, u)| *u = 0.0);
        let (length, noise) = (self.scale.length, self.noise);
        self.measure(&part, length, FIRST, noise)
    }
}

fn is_known(tensor: &Tensor, place: usize) -> bool {
    let index = index(&tensor.shape, place);
    tensor.elements.iter().any(|known| known.index == index)
}

/// The row-major position of an index.
fn place(shape: &[usize], index: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |place, (i, n)| place * n + i)
}

/// The index of a row-major position.
pub(super) fn index(shape: &[usize], mut place: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &n) in index.iter_mut().zip(shape).rev() {
        *i = place % n.max(1);
        place /= n.max(1);
    }
    index
}
