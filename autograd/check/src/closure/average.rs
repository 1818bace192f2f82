//! Functions and gradients of low precision.

use super::along::Subject;
use crate::leaves;
use crate::numeric::FIRST;
use crate::verdict::{COARSE, Comparison, Verdict};
use autograd::ops::Sampler;
use autograd::{Error, norm};
use ndarray::ArrayD;

/// The rounding error of a claimed low-precision gradient, in units of its norm.
const ROUNDING: f64 = 128.0;

/// The number of directions to average over.
const AVERAGED: usize = 8;

/// The factor that replaces [`SAFETY`](crate::SAFETY): the root mean square of 8 independent errors hardly ever
/// exceeds twice its expected value, and estimates can be half of the truth.
const SAFETY: f64 = 4.0;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Whether the function or the gradient has low precision.
    pub fn is_coarse(&self) -> bool {
        self.precision.max(self.rounding) > 1e-12
    }

    /// Compares along several random directions. At low precision a single one can miss an error by accident, and its
    /// differences are often no more accurate than the error. But directions are random, so the mean square of the
    /// differences is near the square of the distance of the gradients (Johnson and Lindenstrauss 1984), and their
    /// errors are independent, so the error of the mean square is close to the estimate.
    pub fn on_average(&mut self, sampler: &mut Sampler) -> Result<Comparison, Error> {
        let shape = self.check.at[self.i].shape().into();
        let length = self.scale.length;
        let mut all = Vec::new();
        let mut sizes = Vec::new();
        for number in 0..AVERAGED {
            let direction = self.scale.stretch(leaves::weights(&shape, sampler));
            // Different steps have independent errors.
            let first = FIRST * (1.0 + number as f64 / AVERAGED as f64);
            let comparison = self.measure(&direction, length, first, None)?;
            let comparison = self.among_pieces(&direction, length, comparison)?;
            if comparison.verdict == Verdict::Kink {
                return self.on_a_kink(comparison, &direction, sampler);
            }
            self.keep(&direction, &comparison);
            all.push(comparison);
            sizes.push(norm(&(&self.check.claimed[self.i] * &direction)));
        }
        // A direction with strong curvature is the least informative.
        all.sort_by(|a, b| a.error.total_cmp(&b.error));
        let usual = 2.0 * all[all.len() / 2].error;
        all.retain(|c| c.error <= usual || !c.error.is_finite());
        let mean =
            |of: &dyn Fn(&Comparison) -> f64| root_mean_square(&all.iter().map(of).collect::<Vec<_>>());
        let smooth = all.iter().all(|c| c.sides.is_none() && c.error.is_finite() && c.analytic.is_finite());
        if !smooth {
            let worst = all
                .into_iter()
                .max_by(|a, b| a.verdict.cmp(&b.verdict).then(a.excess().total_cmp(&b.excess())));
            return Ok(worst.expect("it holds the median at least"));
        }
        let size = root_mean_square(&sizes).max(mean(&|c| c.numeric));
        let rounding = ROUNDING * self.rounding.max(self.precision) * size;
        let tolerance = SAFETY * mean(&|c| c.error) + rounding;
        let distance = mean(&Comparison::difference);
        let verdict = if !(distance.is_finite() && tolerance.is_finite()) {
            Verdict::Inconclusive
        } else if distance > tolerance {
            Verdict::Fail
        } else if tolerance <= COARSE * size
            || distance == 0.0 && size == 0.0 && all.iter().all(|c| c.verdict == Verdict::Pass)
        {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        // Report the direction with the clearest difference.
        all.sort_by(|a, b| a.difference().total_cmp(&b.difference()));
        let shown = if verdict == Verdict::Fail { all[all.len() - 1] } else { all[0] };
        Ok(Comparison { tolerance, unseen: false, verdict, ..shown })
    }
}

fn root_mean_square(x: &[f64]) -> f64 {
    norm(x) / (x.len() as f64).sqrt()
}
