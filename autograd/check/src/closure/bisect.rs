//! Finds the wrong elements of a gradient [by bisection](Subject::by_halves), and whether they are in one slice.

use super::along::Subject;
use crate::ELEMENTS_OF_A_FAILURE;
use crate::leaves;
use crate::numeric::FIRST;
use crate::report::{Element, Tensor};
use crate::verdict::{Comparison, Verdict};
use autograd::Error;
use autograd::ops::Sampler;
use ndarray::ArrayD;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Adds wrong elements to a failed tensor, with whether they are complete, and whether they are in one slice.
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
        let (found, all) = self.by_halves(count, |subject, range| match range.len() {
            1 => Ok(subject.element(range.start)?.comparison),
            _ => subject.part(&direction, |place| range.contains(&place)),
        })?;
        let wrong: Vec<usize> = found.iter().map(|(place, _)| *place).collect();
        for (place, comparison) in found {
            let index = index(&tensor.shape, place);
            if !tensor.elements.iter().any(|known| known.index == index) {
                tensor.elements.push(Element { index, comparison });
            }
        }
        if wrong.is_empty() || !self.may_ask() {
            return Ok(());
        }
        tensor.all_wrong_told =
            all && self.part(&direction, |place| !wrong.contains(&place))?.verdict == Verdict::Pass;
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

    /// The comparison along the direction restricted to some elements.
    fn part(&mut self, direction: &ArrayD<f64>, keep: impl Fn(usize) -> bool) -> Result<Comparison, Error> {
        let mut part = direction.clone();
        part.iter_mut().enumerate().filter(|(place, _)| !keep(*place)).for_each(|(_, u)| *u = 0.0);
        let (length, noise) = (self.scale.length, self.noise);
        self.measure(&part, length, FIRST, noise)
    }
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
