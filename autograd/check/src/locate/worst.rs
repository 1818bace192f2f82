//! Finds the worst element by bisection.

use super::blame::{Equation, Suspect};
use crate::leaves;
use autograd::ops::Sampler;
use ndarray::ArrayD;
use std::ops::Range;

/// An element of an adjoint, as claimed and as expected.
#[derive(Clone, Debug)]
pub(super) struct Worst {
    pub place: usize,
    pub index: Vec<usize>,
    pub claimed: f64,
    pub expected: f64,
}

/// A unit vector in the shape of an array.
pub(super) fn unit(like: &ArrayD<f64>, place: usize) -> ArrayD<f64> {
    let mut r = ArrayD::zeros(like.raw_dim());
    r.iter_mut().skip(place).take(1).for_each(|r| *r = 1.0);
    r
}

/// The row-major position of a bad element: bisection follows the half with the larger difference along a random
/// direction. Up to 64 elements are checked one by one.
pub(super) fn farthest(equation: &Equation, suspect: &Suspect, sampler: &mut Sampler) -> usize {
    let off = |r: &ArrayD<f64>| {
        let off = (equation.claimed(suspect, r) - equation.expected(suspect, r)).abs();
        if off.is_nan() { f64::INFINITY } else { off }
    };
    let r = leaves::weights(&suspect.array.shape().into(), sampler);
    let only = |range: &Range<usize>| {
        let mut part = ArrayD::zeros(r.raw_dim());
        let pairs = part.iter_mut().zip(&r).skip(range.start).take(range.len());
        pairs.for_each(|(part, r)| *part = *r);
        part
    };
    let mut range = 0..r.len();
    while range.len() > 64 {
        let middle = range.start + range.len() / 2;
        let halves = [range.start..middle, middle..range.end];
        let [first, second] = [off(&only(&halves[0])), off(&only(&halves[1]))];
        let [left, right] = halves;
        range = if first >= second { left } else { right };
    }
    let offs = range.map(|place| (place, off(&unit(&r, place))));
    offs.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
}

pub(super) fn worst(equation: &Equation, suspect: &Suspect, sampler: &mut Sampler) -> Worst {
    let place = farthest(equation, suspect, sampler);
    let r = unit(&suspect.array, place);
    let index = r
        .indexed_iter()
        .nth(place)
        .map_or_else(Vec::new, |(index, _)| ndarray::Dimension::slice(&index).to_vec());
    Worst { place, index, claimed: equation.claimed(suspect, &r), expected: equation.expected(suspect, &r) }
}
