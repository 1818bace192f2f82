//! The derivative by differences, with an estimate of its own error.
//!
//! **Truncation.** Central differences `D(h) = (φ(h) − φ(−h)) / 2h` have the error c₂h² + c₄h⁴ + …. Neville's
//! scheme extrapolates a sequence of them to h = 0, and how much the entries of its table still change
//! estimates the error of each (Ridders 1982, *Accurate computation of F'(x) and F'(x) F''(x)*). The steps fall
//! from 0.1 of the length of x by quarters to 6·10⁻⁶, where a plain central difference in `f64` is best
//! (∛ε): a smooth function is extrapolated from the large ones, one with a kink nearby is left the small ones.
//!
//! **Rounding.** The noise σ of φ is measured: fourth differences of values at points so near each other that
//! a smooth function has none (Moré and Wild 2011, *Estimating computational noise*, eq. 1.2). A difference over
//! 2h then has the rounding error σ/√2h, and the table's recurrence carries it on beside the values.
//!
//! The entry with the smallest sum of both is taken. No rows are thrown away before, so one bad step, across a
//! kink or out of the domain (a NaN), spoils only the entries made of it.

use crate::error::Error;
use crate::value::Value;
use ndarray::{ArrayD, Zip};

/// k in the tolerance: how many times its own estimate the error of a numeric derivative may be.
///
/// The part from rounding is a standard deviation. Of a million normal deviates the largest is 5, and the
/// deviation itself, being measured on a few values, can be taken for half of what it is: 10 together.
pub const SAFETY: f64 = 10.0;

/// The largest step, over the length of x.
const FIRST: f64 = 0.1;
/// By how much the steps fall.
const RATIO: f64 = 4.0;
/// How many there are: `FIRST / RATIO⁷` = 6·10⁻⁶.
const STEPS: i32 = 8;
/// The distance of the points at which noise is measured, over the length of x. Its fourth power is below the
/// rounding error for any function that changes over lengths of more than 1/100.
pub(super) const NEAR: f64 = 1e-6;
/// How many of them there are on either side of x.
pub(super) const AROUND: i32 = 4;

/// A numeric derivative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub value: f64,
    /// The estimate of its error, by truncation and by rounding.
    pub error: f64,
    /// A change per length so small beside the function's own value that differences cannot see it: √ε Σ|ȳ y|.
    pub unseen: f64,
}

/// The variance of the rounding errors in values of a smooth function at equidistant points near each other.
pub(super) fn variance(values: Vec<f64>) -> f64 {
    mean_variance(values.into_iter().map(|x| ndarray::arr0(x).into_dyn()).collect())
}

/// The same for a function with values in arrays: the mean over their elements.
pub(super) fn mean_variance(mut values: Vec<ArrayD<f64>>) -> f64 {
    for _ in 0..4 {
        values = values.windows(2).map(|pair| &pair[1] - &pair[0]).collect();
    }
    let count: usize = values.iter().map(ArrayD::len).sum();
    // The fourth difference of noise of variance σ² has the variance σ² 8!/4!² = 70 σ².
    values.iter().map(|d| d.map(|d| d * d).sum()).sum::<f64>() / (count.max(1) as f64 * 70.0)
}

/// The function φ(t) = ⟨ȳ, y(t)⟩, as the outputs y(t).
pub(super) struct Curve<'a, F> {
    pub outputs: F,
    pub cotangents: &'a [Value<f64>],
}

impl<F: FnMut(f64) -> Result<Vec<Value<f64>>, Error>> Curve<'_, F> {
    /// dφ/dt at 0.
    pub fn slope(&mut self, length: f64) -> Result<Slope, Error> {
        let (noise, size) = self.noise(NEAR * length)?;
        let mut best =
            Slope { value: f64::NAN, error: f64::INFINITY, unseen: f64::EPSILON.sqrt() * size / length };
        // A row of the table: value and rounding error, for 1, 2, 3… steps extrapolated.
        let mut above: Vec<(f64, f64)> = Vec::new();
        for j in 0..STEPS {
            let h = FIRST * length / RATIO.powi(j);
            let central = self.change(-h, h)? / (2.0 * h);
            let mut row = vec![(central, noise / (2f64.sqrt() * h))];
            let mut weight = 1.0;
            for (m, &(old, old_rounding)) in above.iter().enumerate() {
                weight *= RATIO * RATIO;
                let (value, rounding) = row[m];
                let better = value + (value - old) / (weight - 1.0);
                let rounding = (weight * rounding + old_rounding) / (weight - 1.0);
                let truncation = (better - value).abs().max((better - old).abs());
                if truncation + rounding < best.error {
                    (best.value, best.error) = (better, truncation + rounding);
                }
                row.push((better, rounding));
            }
            above = row;
        }
        Ok(best)
    }

    /// The standard deviation of the rounding errors of φ, and Σ|ȳ y|.
    fn noise(&mut self, near: f64) -> Result<(f64, f64), Error> {
        let first = (self.outputs)(-near * f64::from(AROUND))?;
        let mut values = vec![0.0];
        let (mut size, mut least) = (0.0, 0.0);
        for i in 1 - AROUND..=AROUND {
            let other = (self.outputs)(near * f64::from(i))?;
            values.push(difference(self.cotangents, &first, &other));
            (size, least) = moved(self.cotangents, &first, &other);
        }
        // Half a unit in the last place of each output that moves is lost in any case.
        Ok((variance(values).sqrt().max(0.5 * f64::EPSILON * least), size))
    }

    /// φ(b) − φ(a)
    fn change(&mut self, a: f64, b: f64) -> Result<f64, Error> {
        let (a, b) = ((self.outputs)(a)?, (self.outputs)(b)?);
        Ok(difference(self.cotangents, &a, &b))
    }
}

/// ⟨ȳ, b − a⟩. Elements are subtracted before they are added up, so that those that do not move add no error.
fn difference(cotangents: &[Value<f64>], a: &[Value<f64>], b: &[Value<f64>]) -> f64 {
    let term = |((v, a), b): ((&Value<f64>, &Value<f64>), &Value<f64>)| {
        Zip::from(v.float()).and(a.float()).and(b.float()).fold(0.0, |sum, &v, &a, &b| sum + v * (b - a))
    };
    cotangents.iter().zip(a).zip(b).map(term).sum()
}

/// Σ|ȳ b| over all elements, and over those that differ from `a`.
fn moved(cotangents: &[Value<f64>], a: &[Value<f64>], b: &[Value<f64>]) -> (f64, f64) {
    let (mut all, mut some) = (0.0, 0.0);
    for ((v, a), b) in cotangents.iter().zip(a).zip(b) {
        Zip::from(v.float()).and(a.float()).and(b.float()).for_each(|&v, &a, &b: &f64| {
            let size = (v * b).abs();
            all += size;
            some += if a.to_bits() == b.to_bits() { 0.0 } else { size };
        });
    }
    (all, some)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slope of `f` at `x`.
    fn slope(f: impl Fn(f64) -> f64, x: f64) -> Slope {
        let outputs = |t: f64| Ok(vec![ndarray::arr0(f(x + t)).into()]);
        Curve { outputs, cotangents: &[ndarray::arr0(1.0).into()] }.slope(x.abs().max(1.0)).unwrap()
    }

    #[track_caller]
    fn agrees(f: impl Fn(f64) -> f64, x: f64, exact: f64, at_most: f64) {
        let Slope { value, error, .. } = slope(f, x);
        assert!((value - exact).abs() <= SAFETY * error, "{value} is not {exact} within {error}");
        assert!(error <= at_most * exact.abs().max(1.0), "the estimate {error} is too large");
    }

    #[test]
    fn known_derivatives_lie_within_the_estimated_error() {
        for x in [-3.0, -0.4, 0.0, 0.7, 2.0, 1e3_f64] {
            agrees(f64::sin, x, x.cos(), 1e-9);
            agrees(f64::tanh, x, x.cosh().powi(-2), 1e-11);
            agrees(|x| 3.0 * x - 1.0, x, 3.0, 1e-12);
            agrees(|x| x * x * x, x, 3.0 * x * x, 1e-11);
        }
        agrees(f64::exp, 1.0, 1.0_f64.exp(), 1e-12);
    }

    #[test]
    fn a_kink_or_a_pole_nearby_leaves_the_small_steps() {
        agrees(|x| x.abs() * x.cos(), 1e-3, 1e-3_f64.cos() - 1e-3 * 1e-3_f64.sin(), 1e-9);
        agrees(f64::ln, 0.01, 100.0, 1e-9);
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)] // to lose digits is the point
    fn noise_is_measured_and_not_taken_for_the_slope() {
        // Seven digits, as of a function computed in single precision.
        let Slope { value, error, .. } = slope(|x| f64::from(x.sin() as f32), 0.7);
        assert!((value - 0.7_f64.cos()).abs() <= SAFETY * error && (1e-9..1e-4).contains(&error), "{error}");
    }
}
