//! The smooth pieces of a function that meet at a point.
//!
//! Where several kinks meet, a line through the point sees two pieces of many. `relu(a) − relu(b)` has four at 0,
//! with the gradients (0, 0), (1, 0), (0, −1) and (1, −1). Along (1, −1) both one-sided slopes are 1, but (0, 0),
//! which a library returns, is the gradient of a piece too. So a gradient g is right if along every u, ⟨g, u⟩ is
//! between slopes of the function at nearby points: the generalised gradient of Clarke 1975, *Generalized gradients
//! and applications*.
//!
//! Such points are x + δv, well inside a piece if v has no kink along it. n kinks have up to 2ⁿ pieces. The search
//! starts at a random v and flips one part of it after another, as long as the slope approaches ⟨g, u⟩. It finds the
//! steepest piece of a sum of kinks; among tied operands, the one turned farthest is the largest.

use super::{Curve, Look, Noise};
use autograd::Error;

/// δ, as a multiple of the step of differences there.
const AWAY: f64 = 24.0;

/// The factors by which a part of v is turned, one pass each.
const PASSES: [f64; 3] = [1.0, 2.0, 4.0];

/// One-sided slopes whose relative difference is larger belong to two pieces.
const BENT: f64 = 1e-3;

/// The maximum relative change of a piece's slope on the way to the point.
const CURVED: f64 = 1e-2;

/// A difference below this multiple of its rounding error counts as zero.
const NOTHING: f64 = 30.0;

/// The step of differences inside a piece, for a function of this relative precision.
pub(crate) fn step(precision: f64) -> f64 {
    precision.powf(0.375)
}

/// The maximum relative error of a piece's slope.
fn slack(precision: f64) -> f64 {
    (PASSES[2] * AWAY * step(precision)).powi(2)
}

/// The number of points to try for this number of parts of v.
pub(crate) const fn tries(parts: usize) -> usize {
    2 + 2 * PASSES.len() * parts
}

/// The slope at x + δv, with a factor for each part of v; `None` if the point is inside no piece.
type Slope<'a> = dyn FnMut(&[f64], f64) -> Result<Option<f64>, Error> + 'a;

/// If the slope `target`, which is outside `sides`, is between slopes of pieces: the lowest and the highest of them.
///
/// # Errors
/// Those of `slope`.
pub(crate) fn reach(
    target: f64,
    sides: [f64; 2],
    precision: f64,
    parts: usize,
    slope: &mut Slope,
) -> Result<Option<[f64; 2]>, Error> {
    let [mut low, mut high] = [sides[0].min(sides[1]), sides[0].max(sides[1])];
    let above = target > high;
    let away = AWAY * step(precision);
    let mut at = |factors: &[f64]| -> Result<Option<f64>, Error> {
        let [Some(far), Some(near)] = [slope(factors, away)?, slope(factors, 0.5 * away)?] else {
            return Ok(None);
        };
        // The remainder is linear in δ: extrapolate.
        Ok(((far - near).abs() <= CURVED * far.abs().max(near.abs())).then_some(2.0 * near - far))
    };
    let mut factors = vec![1.0; parts];
    let mut best = f64::NEG_INFINITY;
    for k in 0..tries(parts) {
        // v as drawn, its opposite, and then each part flipped to both sides.
        let mut turned = factors.clone();
        match k {
            0 => {}
            1 => turned.iter_mut().for_each(|v| *v = -*v),
            _ => {
                let (part, pass) = ((k - 2) / 2 % parts, (k - 2) / (2 * parts));
                turned[part] = if k % 2 == 0 { PASSES[pass] } else { -PASSES[pass] };
            }
        }
        let Some(found) = at(&turned)? else { continue };
        (low, high) = (low.min(found), high.max(found));
        let slack = slack(precision) * low.abs().max(high.abs());
        if (low - slack..=high + slack).contains(&target) {
            return Ok(Some([low, high]));
        }
        let towards = if above { found } else { -found };
        if towards > best {
            (best, factors) = (towards, turned);
        }
    }
    Ok(None)
}

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// The slope at 0, if the function is smooth within h.
    pub fn inside(&mut self, h: f64, noise: Noise) -> Result<Option<f64>, Error> {
        let base = (self.outputs)(0.0)?;
        let Some([before, after]) = self.both(&base, h)? else { return Ok(None) };
        let [left, right] = [self.difference(&before, &base) / h, self.difference(&base, &after) / h];
        let rounding = self.deviation(noise, self.moved(&before, &base, &after)) / h;
        let apart = (left - right).abs();
        let smooth = apart <= BENT * left.abs().max(right.abs()) + NOTHING * rounding;
        Ok((smooth && apart.is_finite()).then_some(0.5 * (left + right)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of Σ aᵢ |xᵢ| at 0 have the slopes Σ ± aᵢ along (1, 1, …): exactly the range between them is
    /// reached.
    #[test]
    fn of_a_sum_of_kinks_the_steepest_is_found() {
        let a = [1.0, -2.0, 0.5, 3.0, -0.25];
        let steepest: f64 = a.iter().map(|a: &f64| a.abs()).sum();
        let mut slope =
            |v: &[f64], _: f64| Ok(Some(a.iter().zip(v).map(|(a, v)| a * v.signum()).sum::<f64>()));
        let mut found = |target| reach(target, [0.0, 0.0], 1e-16, 5, &mut slope).unwrap().is_some();
        assert!([steepest, -steepest, 4.0, -6.0].map(&mut found).iter().all(|found| *found));
        assert!(!found(steepest * 1.001) && !found(-steepest * 1.001));
    }

    /// The sum of both ties of a maximum is no piece's slope; a function with one slope has no other.
    #[test]
    fn what_no_piece_has_is_not_reached() {
        let mut largest = |v: &[f64], _: f64| Ok(Some(if v[0] > v[1] { 1.0 } else { 0.8 }));
        assert_eq!(reach(1.8, [1.0, 0.8], 1e-16, 2, &mut largest).unwrap(), None);
        let mut one = |_: &[f64], _: f64| Ok(Some(1.0));
        assert_eq!(reach(0.0, [1.0, 1.0], 1e-16, 2, &mut one).unwrap(), None);
        // The last of many tied operands is found, for any position of the others.
        let mut last = |v: &[f64], _: f64| {
            let drawn = [1.4, 1.3, 1.2, 1.1, 0.6];
            let largest = (0..5).max_by(|&i, &j| (v[i] * drawn[i]).total_cmp(&(v[j] * drawn[j])));
            Ok(Some([0.1, 0.2, 0.3, 0.4, 1.0][largest.unwrap()]))
        };
        assert!(reach(0.99, [0.1, 0.2], 1e-16, 5, &mut last).unwrap().is_some());
        // A point inside no piece is skipped.
        let mut none = |_: &[f64], _: f64| Ok(None);
        assert_eq!(reach(0.0, [1.0, 2.0], 1e-16, 2, &mut none).unwrap(), None);
    }
}
