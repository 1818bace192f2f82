//! The smooth pieces of a function that meet at a point.
//!
//! Where several kinks meet, a line through the point sees two pieces of many. `relu(a) − relu(b)` has four at 0,
//! with the gradients (0, 0), (1, 0), (0, −1) and (1, −1). Along (1, −1) both one-sided slopes are 1, but (0, 0),
//! which a library returns, is the gradient of a piece too. So a gradient g is right if along every u, ⟨g, u⟩ is
//! between slopes of the function at nearby points: the generalised gradient of Clarke 1975, *Generalized gradients
//! and applications*.
//!
//! Such points are x + δv, well inside a piece if v has no kink along it. n kinks have up to 2ⁿ pieces. The search
//! starts at the best of some random v and flips one part of it after another, as long as the slope approaches ⟨g, u⟩. It finds the
//! steepest piece of a sum of kinks; among tied operands, the one turned farthest is the largest.
//!
//! A piece counts only if it reaches the point: its slope is extrapolated from three distances δ and looked at again much
//! nearer, so that a kink beside the point is not taken for one at it.

use super::{Curve, Look, Noise};
use autograd::Error;
use autograd::ops::Sampler;

/// δ, as a multiple of the step of differences there.
const AWAY: f64 = 24.0;

/// The factors by which a part of v is turned, one pass each.
const PASSES: [f64; 3] = [1.0, 2.0, 4.0];

/// One-sided slopes whose relative difference is larger belong to two pieces.
const BENT: f64 = 1e-3;

/// The maximum change of a piece's slope on the way to the point, relative to the size of the slopes.
const CURVED: f64 = 1e-2;

/// A difference below this multiple of its rounding error counts as zero.
const NOTHING: f64 = 30.0;

/// The error of a piece's slope, relative to the size of the slopes: at most this, or this multiple of the rounding error
/// of one difference.
const FINE: f64 = 1e-6;
const COARSE: f64 = 100.0;

/// How much nearer a piece is looked at again.
const NEARER: [f64; 2] = [32.0, 1024.0];

/// The number of points drawn at random. If all have one slope, there is one piece.
const DRAWN: usize = 16;

/// How many arrays besides the one that is asked are turned by themselves.
const OTHERS: usize = 8;

/// The step of differences inside a piece, for a function of this relative precision.
pub(crate) fn step(precision: f64) -> f64 {
    precision.powf(0.375)
}

/// The number of points to try for this number of parts of v.
pub(crate) const fn tries(parts: usize) -> usize {
    DRAWN + 2 * PASSES.len() * parts
}

/// The distance from x + δv at which its slope is measured.
pub(crate) fn step_at(away: f64, precision: f64) -> f64 {
    step(precision).min(away / AWAY)
}

/// The parts of v: those of the array that is asked, and the others.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    own: usize,
    others: usize,
}

impl Parts {
    /// Of an array of `elements` in at most `most` parts, among a number of arrays.
    pub fn new(elements: usize, most: usize, arrays: usize) -> Self {
        Self { own: elements.clamp(1, most), others: arrays.saturating_sub(1).min(OTHERS) }
    }

    /// The factor for an element of the array that is asked.
    pub fn own(self, factors: &[f64], place: usize) -> f64 {
        factors[place % self.own]
    }

    /// The factor for another array, by its position.
    pub fn other(self, factors: &[f64], array: usize) -> f64 {
        factors[self.own + array % self.others.max(1)]
    }

    fn count(self) -> usize {
        self.own + self.others
    }
}

/// The slope at x + δv, with a factor for each part of v, and its rounding error; `None` if the point is inside no piece.
type Slope<'a> = dyn FnMut(&[f64], f64) -> Result<Option<[f64; 2]>, Error> + 'a;

/// The pieces of a function, whose slopes are of the size `scale`.
struct Pieces<'a, 'b> {
    slope: &'a mut Slope<'b>,
    precision: f64,
    scale: f64,
}

impl Pieces<'_, '_> {
    /// The slope of a piece at the point, from its slopes at three distances, and its error.
    fn slope(&mut self, factors: &[f64], away: f64) -> Result<Option<[f64; 2]>, Error> {
        let mut at = |away| (self.slope)(factors, away);
        let [Some([far, a]), Some([near, b]), Some([nearer, c])] =
            [at(away)?, at(0.5 * away)?, at(0.25 * away)?]
        else {
            return Ok(None);
        };
        // The remainder is linear in δ: extrapolate twice.
        let (rough, fine) = (2.0 * near - far, 2.0 * nearer - near);
        let bent = (far - near).abs().max((near - nearer).abs());
        // A kink beside the point would make of rounding what it is not: what the function's precision lets expect.
        let most = COARSE * self.precision / step(self.precision);
        let error = (fine - rough).abs() + NOTHING * a.max(b).max(c);
        Ok((bent <= CURVED * self.scale).then_some([fine, error.min(most.max(FINE) * self.scale)]))
    }

    /// Whether the piece of this slope reaches the point, as near as rounding lets differences see.
    fn reaches(&mut self, factors: &[f64], away: f64, found: f64) -> Result<bool, Error> {
        for nearer in NEARER {
            let Some([there, rounding]) = (self.slope)(factors, away / nearer)? else { return Ok(false) };
            let rounding = NOTHING * rounding;
            if rounding <= 0.1 * self.scale && (there - found).abs() > CURVED * self.scale + rounding {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// If the slope `target`, which is outside `sides`, is between slopes of pieces: the lowest and the highest of them.
///
/// # Errors
/// Those of `slope`.
pub(crate) fn reach(
    target: f64,
    sides: [f64; 2],
    precision: f64,
    parts: Parts,
    slope: &mut Slope,
) -> Result<Option<[f64; 2]>, Error> {
    let [mut low, mut high] = [sides[0].min(sides[1]), sides[0].max(sides[1])].map(|side| [side, 0.0]);
    let (above, parts) = (target > high[0], parts.count());
    let scale = target.abs().max(low[0].abs()).max(high[0].abs());
    let mut pieces = Pieces { slope, precision, scale };
    let away = AWAY * step(precision);
    let mut sampler = Sampler::new(0);
    let mut factors = vec![1.0; parts];
    let mut best = f64::NEG_INFINITY;
    for k in 0..tries(parts) {
        // v as drawn, its opposite, others, and then each part of the best flipped to both sides.
        let mut turned = factors.clone();
        match k {
            0 => {}
            1 => turned.iter_mut().for_each(|v| *v = -*v),
            2..DRAWN => turned.iter_mut().for_each(|v| {
                let pass = sampler.below(0..2 * PASSES.len());
                *v = if pass.is_multiple_of(2) { PASSES[pass / 2] } else { -PASSES[pass / 2] };
            }),
            _ => {
                let (part, pass) = ((k - DRAWN) / 2 % parts, (k - DRAWN) / (2 * parts));
                turned[part] = if k % 2 == 0 { PASSES[pass] } else { -PASSES[pass] };
            }
        }
        if k == DRAWN && high[0] - low[0] <= CURVED * scale {
            return Ok(None);
        }
        let Some(found) = pieces.slope(&turned, away)? else { continue };
        // Nearer than its error to what is known, it may be the same piece.
        let (below, beyond) = (found[0] < low[0] - found[1], found[0] > high[0] + found[1]);
        if (below || beyond) && !pieces.reaches(&turned, away, found[0])? {
            continue;
        }
        if below {
            low = found;
        }
        if beyond {
            high = found;
        }
        if (low[0] - low[1]..=high[0] + high[1]).contains(&target) {
            return Ok(Some([low[0], high[0]]));
        }
        let towards = if above { found[0] } else { -found[0] };
        if towards > best {
            (best, factors) = (towards, turned);
        }
    }
    Ok(None)
}

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// The slope at 0 and its rounding error, if the function is smooth within h.
    pub fn inside(&mut self, h: f64, noise: Noise) -> Result<Option<[f64; 2]>, Error> {
        let base = (self.outputs)(0.0)?;
        let Some([before, after]) = self.both(&base, h)? else { return Ok(None) };
        let [left, right] = [self.difference(&before, &base) / h, self.difference(&base, &after) / h];
        let rounding = self.deviation(noise, self.moved(&before, &base, &after)) / h;
        let apart = (left - right).abs();
        let smooth = apart <= BENT * left.abs().max(right.abs()) + NOTHING * rounding;
        Ok((smooth && apart.is_finite()).then_some([0.5 * (left + right), rounding]))
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
            |v: &[f64], _: f64| Ok(Some([a.iter().zip(v).map(|(a, v)| a * v.signum()).sum::<f64>(), 0.0]));
        let parts = Parts::new(5, 9, 1);
        let mut found = |target| reach(target, [0.0, 0.0], 1e-16, parts, &mut slope).unwrap().is_some();
        assert!([steepest, -steepest, 4.0, -6.0].map(&mut found).iter().all(|found| *found));
        assert!(!found(steepest * 1.001) && !found(-steepest * 1.001));
    }

    /// The sum of both ties of a maximum is no piece's slope; a function with one slope has no other.
    #[test]
    fn what_no_piece_has_is_not_reached() {
        let parts = |n| Parts::new(n, 9, 1);
        let mut largest = |v: &[f64], _: f64| Ok(Some([if v[0] > v[1] { 1.0 } else { 0.8 }, 0.0]));
        assert_eq!(reach(1.8, [1.0, 0.8], 1e-16, parts(2), &mut largest).unwrap(), None);
        let mut one = |_: &[f64], _: f64| Ok(Some([1.0, 0.0]));
        assert_eq!(reach(0.0, [1.0, 1.0], 1e-16, parts(2), &mut one).unwrap(), None);
        // The last of many tied operands is found, for any position of the others.
        let mut last = |v: &[f64], _: f64| {
            let drawn = [1.4, 1.3, 1.2, 1.1, 0.6];
            let largest = (0..5).max_by(|&i, &j| (v[i] * drawn[i]).total_cmp(&(v[j] * drawn[j])));
            Ok(Some([[0.1, 0.2, 0.3, 0.4, 1.0][largest.unwrap()], 0.0]))
        };
        assert!(reach(0.99, [0.1, 0.2], 1e-16, parts(5), &mut last).unwrap().is_some());
        // A point inside no piece is skipped.
        let mut none = |_: &[f64], _: f64| Ok(None);
        assert_eq!(reach(0.0, [1.0, 2.0], 1e-16, parts(2), &mut none).unwrap(), None);
    }

    /// Noise that a kink beside the point has swollen does not widen what its pieces hold.
    #[test]
    fn swollen_noise_widens_nothing() {
        let mut slope = |v: &[f64], _: f64| Ok(Some([if v[0] > 0.0 { 20.0 } else { 0.0 }, 0.1]));
        let mut found = |target| reach(target, [0.0, 1.0], f64::EPSILON, Parts::new(1, 9, 1), &mut slope);
        assert_eq!(found(15.0).unwrap(), Some([0.0, 20.0]));
        assert_eq!(found(21.0).unwrap(), None);
    }

    /// `|x| + 10 relu(x − d)` has the slope 11 beyond d alone, and at 0 those from −1 to 1.
    #[test]
    fn a_kink_beside_the_point_is_none_at_it() {
        for (d, precision) in [(1e-6, f64::EPSILON), (1e-5, f64::EPSILON), (0.01, f64::from(f32::EPSILON))] {
            let mut slope = |v: &[f64], away: f64| {
                let x = v[0] * away;
                Ok(Some([x.signum() + if x > d { 10.0 } else { 0.0 }, 1e-5]))
            };
            let found = reach(8.0, [-1.0, 1.0], precision, Parts::new(1, 9, 1), &mut slope);
            assert_eq!(found.unwrap(), None, "{d}");
        }
    }
}
