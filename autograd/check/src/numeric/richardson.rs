//! Extrapolation to a step of zero.
//!
//! **Truncation.** Central differences `D(h) = (φ(h) − φ(−h)) / 2h` have the error c₂h² + c₄h⁴ + …. Neville's scheme
//! extrapolates a sequence of them to h = 0, and the change between the entries of its table estimates the error of
//! each (Ridders 1982, *Accurate computation of F'(x) and F'(x) F''(x)*). Each step is a quarter of the previous one,
//! from a tenth of the length of x. After eight of them, at 6·10⁻⁶, a plain central difference in `f64` is best (∛ε):
//! a smooth function is extrapolated from the large steps, one with a pole nearby needs the small ones, and continues
//! to smaller ones.
//!
//! **Rounding.** A difference over 2h has the rounding error σ/√2h, which the table's recurrence propagates along
//! with the values.
//!
//! The entry with the smallest sum of both is used. One bad step out of the domain (a NaN) spoils only the entries
//! that depend on it. But the second difference `φ(h) − 2φ(0) + φ(−h)` of a smooth function falls as h², and with a
//! kink or a pole nearer than h it falls as h, or not at all: then the entries are meaningless, and the table
//! restarts.

use super::{Curve, Look, MOST, Noise, Slope};
use autograd::Error;

/// The minimum number of rows before a table counts as converged.
const ROWS: usize = 8;
/// With fewer rows, the relative change that is not an accident.
const SETTLED: f64 = 1e-10;

/// A second difference below this multiple of the noise counts as zero.
const NOTHING: f64 = 100.0;

/// Neville's table, with only its last row stored.
pub(crate) struct Table {
    /// Value and rounding error, for 1, 2, 3… steps extrapolated.
    row: Vec<(f64, f64)>,
    /// The ratio of the weights of two columns: the step ratio to the order by which errors fall.
    factor: f64,
    pub best: Slope,
    pub rows: usize,
}

impl Table {
    pub fn new(factor: f64) -> Self {
        Self { row: Vec::new(), factor, best: Slope::NONE, rows: 0 }
    }

    /// Adds a row, from the difference at the next smaller step.
    pub fn push(&mut self, value: f64, rounding: f64) {
        let mut row = vec![(value, rounding)];
        let mut weight = 1.0;
        for (m, &(old, old_rounding)) in self.row.iter().enumerate() {
            weight *= self.factor;
            let (value, rounding) = row[m];
            let better = value + (value - old) / (weight - 1.0);
            let rounding = (weight * rounding + old_rounding) / (weight - 1.0);
            let truncation = (better - value).abs().max((better - old).abs());
            if truncation + rounding < self.best.error() {
                (self.best.value, self.best.truncation, self.best.rounding) = (better, truncation, rounding);
            }
            row.push((better, rounding));
        }
        self.row = row;
        self.rows += 1;
    }
}

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// The slope at 0, or `None` if there is a kink at every step size.
    pub(super) fn richardson(
        &mut self,
        base: &Look,
        length: f64,
        noise: Noise,
    ) -> Result<Option<Slope>, Error> {
        let ratio = self.ratio();
        let mut table = Table::new(ratio * ratio);
        let mut unseen = self.unseen(noise.size, length);
        let (mut bend, mut step, mut beside) = (f64::INFINITY, 0.0, 0.0);
        for j in 0..MOST {
            let h = self.largest() * length / ratio.powi(j);
            let Some([before, after]) = self.both(base, h)? else { continue };
            // Each row has the noise of its own end points: a function that grows fast is not noisy here because it
            // is large far away.
            let moved = self.moved(&before, base, &after);
            let deviation = self.deviation(noise, moved);
            unseen = self.unseen(noise.size.max(moved), length);
            // At an optimum whose value is 0 that is nothing: there the slopes beside it are the scale.
            let now = (self.difference(base, &after) + self.difference(base, &before)).abs();
            let falls = now <= bend / ratio.powf(1.5) || now <= NOTHING * deviation;
            if !falls && bend.is_finite() {
                table = Table::new(ratio * ratio);
            }
            if table.rows == 0 {
                beside = self.precision.sqrt() * now / h;
            }
            bend = now;
            step = h;
            table.push(self.difference(&before, &after) / (2.0 * h), deviation / (2f64.sqrt() * h));
            let Slope { value, truncation, .. } = table.best;
            let sure = table.rows >= 3 && truncation <= SETTLED * value.abs();
            if sure || (table.rows >= ROWS && table.best.is_settled()) {
                break;
            }
        }
        // One row gives no error estimate.
        Ok((table.rows > 1).then_some(Slope { unseen: beside.max(unseen), step, ..table.best }))
    }
}
