//! One-sided slopes at a kink.
//!
//! The points h, h/4, h/16 … of each side are strictly on it, and differences are taken between them, not with the
//! point itself: so they are one-sided slopes also at a jump. They have the error c₁h + c₂h² + …, and are
//! extrapolated like central ones. Only steps at which every node is on the same sides as at the smallest one count;
//! where nodes do not declare kinks, a change of slope that does not fall as h shows a kink farther out, and the
//! table restarts.

use super::richardson::Table;
use super::{Curve, Derivative, Look, Noise, Slope};
use autograd::Error;

/// The number of steps per side: to 6·10⁻⁹ of the length.
const STEPS: i32 = 13;

/// A change of the slope below this multiple of its rounding error counts as zero.
const NOTHING: f64 = 30.0;

/// The result for one side.
struct Side {
    slope: Slope,
    /// The sides that nodes are on.
    told: Vec<Vec<bool>>,
    /// Whether the function jumps in between.
    jump: bool,
}

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// Both slopes at 0.
    pub fn sides(&mut self, base: &Look, length: f64, noise: Noise) -> Result<Derivative, Error> {
        let [left, right] = [self.side(base, -length, noise)?, self.side(base, length, noise)?];
        let changed = |&i: &usize| left.told[i] != right.told[i] || left.told[i] != base.sides[i];
        Ok(Derivative::Sides {
            left: left.slope,
            right: right.slope,
            sharp: (0..base.sides.len()).filter(changed).collect(),
            jump: left.jump || right.jump,
        })
    }

    /// The slope towards larger t alone, for a bound.
    pub fn inwards(&mut self, length: f64, noise: Noise) -> Result<Derivative, Error> {
        let base = (self.outputs)(0.0)?;
        Ok(Derivative::Smooth(self.side(&base, length, noise)?.slope))
    }

    /// The slope towards one side.
    fn side(&mut self, base: &Look, length: f64, noise: Noise) -> Result<Side, Error> {
        let mut looks = Vec::new();
        for j in 0..STEPS {
            let h = self.largest() * length / self.ratio().powi(j);
            looks.push((h, (self.outputs)(h)?));
        }
        let told = looks.last().map_or_else(Vec::new, |(_, look)| look.sides.clone());
        let apart = looks.iter().rposition(|(_, look)| look.sides != told).map_or(0, |i| i + 1);
        let mut table = Table::new(self.ratio());
        let mut unseen = 0.0_f64;
        let (mut last, mut change) = (f64::NAN, f64::INFINITY);
        for pair in looks[apart..].windows(2) {
            let [(far, there), (near, here)] = pair else { continue };
            let moved = self.moved(base, here, there);
            let deviation = self.deviation(noise, moved);
            unseen = unseen.max(self.unseen(noise.size.max(moved), length.abs()));
            let slope = self.difference(here, there) / (far - near);
            let rounding = 2f64.sqrt() * deviation / (far - near).abs();
            let now = (slope - last).abs();
            let falls = now.is_nan() || now <= change / self.ratio().sqrt() || now <= NOTHING * rounding;
            if !falls && change.is_finite() {
                table = Table::new(self.ratio());
            }
            (last, change) = (slope, if now.is_nan() { f64::INFINITY } else { now });
            table.push(slope, rounding);
        }
        let jump = looks.last().is_some_and(|(h, look)| {
            let step = self.difference(base, look).abs();
            let usual = (h * last).abs() + NOTHING * self.deviation(noise, self.moved(base, base, look));
            step > 10.0 * usual
        });
        Ok(Side {
            slope: Slope { unseen, step: looks.last().map_or(0.0, |(h, _)| h.abs()), ..table.best },
            told,
            jump,
        })
    }
}
