//! The derivative by differences, with an estimate of its own error.
//!
//! **Truncation.** Central differences `D(h) = (φ(h) − φ(−h)) / 2h` have the error c₂h² + c₄h⁴ + …. Neville's
//! scheme extrapolates a sequence of them to h = 0, and how much the entries of its table still change
//! estimates the error of each (Ridders 1982, *Accurate computation of F'(x) and F'(x) F''(x)*). The steps fall
//! from 0.1 of the length of x by quarters to 6·10⁻⁶, where a plain central difference in `f64` is best
//! (∛ε): a smooth function is extrapolated from the large ones, one with a kink nearby is left the small ones.
//!
//! **Rounding.** The noise σ of φ is measured: what is left when a straight line is fitted to its values at
//! points so near each other that a smooth function is straight (the idea of Moré and Wild 2011, *Estimating
//! computational noise*; their points are equidistant, which the lattice of `f64` can resonate with). A difference
//! over 2h then has the rounding error σ/√2h, and the table's recurrence carries it on beside the values. Far from x
//! the values, and so their last places, can be larger: half a unit of each element that moves is the least.
//!
//! The entry with the smallest sum of both is taken. No rows are thrown away before, so one bad step, across a
//! kink or out of the domain (a NaN), spoils only the entries made of it.

use crate::error::Error;
use crate::value::Value;
use ndarray::{ArrayD, Zip};

/// k in the tolerance: how many times its own estimate the error of a numeric derivative may be.
///
/// The part from rounding is a standard deviation. Of a million normal deviates the largest is 5; beyond the next
/// power of two, which a step can reach and the measurement does not, deviations are twice as large; and the entry
/// that is taken is the best of 28, so that its estimate can be small by luck: twice again.
pub const SAFETY: f64 = 20.0;

/// The largest step, over the length of x.
const FIRST: f64 = 0.1;
/// By how much the steps fall.
const RATIO: f64 = 4.0;
/// How many there are: `FIRST / RATIO⁷` = 6·10⁻⁶.
const STEPS: i32 = 8;
/// Where noise is measured, over the length of x: irregular points in ±10⁻¹⁰, a million times ε, so that the last
/// places are random, and small, so that a kink hardly ever lies between them.
pub(super) fn nearby() -> impl Iterator<Item = f64> {
    // The fractions of i² times an irrational number are spread evenly (Weyl 1916).
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    (1..=16).map(move |i| 1e-10 * (2.0 * (f64::from(i * i) * golden).fract() - 1.0))
}

/// A numeric derivative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub value: f64,
    /// The estimate of its error, by truncation and by rounding.
    pub error: f64,
    /// A change per length so small beside the function's own value that differences cannot see it: √ε Σ|ȳ y|.
    pub unseen: f64,
}

/// How well φ is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// The standard deviation of its rounding errors.
    pub deviation: f64,
    /// Σ|ȳ y|
    pub size: f64,
}

/// The standard deviation, over all elements, of the rounding errors in values at the points [`nearby`].
pub(super) fn deviation(values: &[ArrayD<f64>]) -> f64 {
    let Some((first, n)) = values.first().zip(Some(values.len() as f64)) else { return 0.0 };
    // Differences of numbers this near are exact.
    let values: Vec<_> = values.iter().map(|y| y - first).collect();
    let middle = nearby().sum::<f64>() / n;
    let (mut level, mut slope, mut spread) = (first * 0.0, first * 0.0, 0.0);
    for (t, y) in nearby().zip(&values) {
        level += &(y / n);
        slope += &(y * (t - middle));
        spread += (t - middle).powi(2);
    }
    slope /= spread;
    let residual = |(t, y): (f64, &ArrayD<f64>)| y - &level - &(&slope * (t - middle));
    let squares: f64 = nearby().zip(&values).map(|pair| residual(pair).map(|r| r * r).sum()).sum();
    // A line takes two degrees of freedom.
    (squares / ((n - 2.0) * first.len().max(1) as f64)).sqrt()
}

/// The function φ(t) = ⟨ȳ, y(t)⟩, as the outputs y(t).
pub(super) struct Curve<'a, F> {
    pub outputs: F,
    pub cotangents: &'a [Value<f64>],
}

impl<F: FnMut(f64) -> Result<Vec<Value<f64>>, Error>> Curve<'_, F> {
    /// dφ/dt at 0.
    pub fn slope(&mut self, length: f64, noise: Noise) -> Result<Slope, Error> {
        let Noise { mut deviation, size } = noise;
        let base = (self.outputs)(0.0)?;
        let mut best =
            Slope { value: f64::NAN, error: f64::INFINITY, unseen: f64::EPSILON.sqrt() * size / length };
        // A row of the table: value and rounding error, for 1, 2, 3… steps extrapolated.
        let mut above: Vec<(f64, f64)> = Vec::new();
        for j in 0..STEPS {
            let h = FIRST * length / RATIO.powi(j);
            let (before, after) = ((self.outputs)(-h)?, (self.outputs)(h)?);
            if j == 0 {
                let moved = moved(self.cotangents, &before, &base, &after);
                deviation = deviation.max(0.5 * f64::EPSILON * moved);
                best.unseen = best.unseen.max(f64::EPSILON.sqrt() * moved / length);
            }
            let change = difference(self.cotangents, &before, &after);
            let mut row = vec![(change / (2.0 * h), deviation / (2f64.sqrt() * h))];
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

    /// Measures the rounding errors of φ near 0.
    pub fn noise(&mut self, length: f64) -> Result<Noise, Error> {
        let first = (self.outputs)(0.0)?;
        let mut values = Vec::new();
        for t in nearby() {
            let change = difference(self.cotangents, &first, &(self.outputs)(t * length)?);
            values.push(ndarray::arr0(change).into_dyn());
        }
        let size = |(v, y): (&Value<f64>, &Value<f64>)| (v.float() * y.float()).map(|p| p.abs()).sum();
        let size = self.cotangents.iter().zip(&first).map(size).sum();
        Ok(Noise { deviation: deviation(&values), size })
    }
}

/// ⟨ȳ, b − a⟩. Elements are subtracted before they are added up, so that those that do not move add no error.
fn difference(cotangents: &[Value<f64>], a: &[Value<f64>], b: &[Value<f64>]) -> f64 {
    let term = |((v, a), b): ((&Value<f64>, &Value<f64>), &Value<f64>)| {
        Zip::from(v.float()).and(a.float()).and(b.float()).fold(0.0, |sum, &v, &a, &b| sum + v * (b - a))
    };
    cotangents.iter().zip(a).zip(b).map(term).sum()
}

/// Σ|ȳ y| over the elements that move, at the larger end of each.
fn moved(cotangents: &[Value<f64>], before: &[Value<f64>], base: &[Value<f64>], after: &[Value<f64>]) -> f64 {
    let mut size = 0.0;
    for (((v, a), b), c) in cotangents.iter().zip(before).zip(base).zip(after) {
        Zip::from(v.float()).and(a.float()).and(b.float()).and(c.float()).for_each(
            |v, a: &f64, b: &f64, c: &f64| {
                if a.to_bits() != b.to_bits() || b.to_bits() != c.to_bits() {
                    // Beyond a pole there is nothing to measure.
                    let ends = [a, c].map(|y| if y.is_finite() { y.abs() } else { 0.0 });
                    size += v.abs() * ends[0].max(ends[1]).max(b.abs());
                }
            },
        );
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slope of `f` at `x`.
    fn slope(f: impl Fn(f64) -> f64, x: f64) -> Slope {
        let outputs = |t: f64| Ok(vec![ndarray::arr0(f(x + t)).into()]);
        let mut curve = Curve { outputs, cotangents: &[ndarray::arr0(1.0).into()] };
        let length = x.abs().max(1.0);
        let noise = curve.noise(length).unwrap();
        curve.slope(length, noise).unwrap()
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
    fn noise_is_measured_and_not_taken_for_the_slope() {
        // Nine digits: the rest is scrambled bits of x.
        let noisy = |x: f64| {
            x.sin() + 1e-9 * ((x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 2f64.powi(24))
        };
        let Slope { value, error, .. } = slope(noisy, 0.7);
        assert!((value - 0.7_f64.cos()).abs() <= SAFETY * error && (1e-10..1e-6).contains(&error), "{error}");
    }
}
