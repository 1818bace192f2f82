//! Functions and gradients that are known to few digits.

use super::along::Subject;
use crate::leaves;
use crate::numeric::FIRST;
use crate::verdict::{COARSE, Comparison, Verdict};
use autograd::ops::Sampler;
use autograd::{Error, norm};
use ndarray::ArrayD;

/// What rounding may cost a claimed gradient of few digits, in units of its norm.
const ROUNDING: f64 = 128.0;

/// As many directions are averaged over…
const AVERAGED: usize = 8;

/// …so that this, in place of [`SAFETY`](crate::SAFETY), is enough: of 8 independent errors the root of the mean
/// square is hardly ever twice what it should be, and estimates can be half of it.
const SAFETY: f64 = 4.0;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Whether function or gradient are known to few digits.
    pub fn is_coarse(&self) -> bool {
        self.precision.max(self.rounding) > 1e-12
    }

    /// Along several random directions. Of few digits a single one can miss an error by accident, and its differences are
    /// often no better than the error that is looked for. But directions are random, so that the mean square of the
    /// differences between both sides is near the square of the distance of the gradients (Johnson and Lindenstrauss
    /// 1984), and their errors are independent, so that of their mean square, too, little more than the estimate is seen.
    pub fn on_average(&mut self, sampler: &mut Sampler) -> Result<Comparison, Error> {
        let shape = self.check.at[self.i].shape().into();
        let length = self.scale.length;
        let mut all = Vec::new();
        let mut sizes = Vec::new();
        for number in 0..AVERAGED {
            let direction = self.scale.stretch(leaves::weights(&shape, sampler));
            // Steps that differ have other errors.
            let first = FIRST * (1.0 + number as f64 / AVERAGED as f64);
            all.push(self.measure(&direction, length, first, None)?);
            sizes.push(norm(&(&self.check.claimed[self.i] * &direction)));
        }
        // A direction along which a function bends sharply tells less than the others.
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
        // Shown is the direction that says so most clearly.
        all.sort_by(|a, b| a.difference().total_cmp(&b.difference()));
        let shown = if verdict == Verdict::Fail { all[all.len() - 1] } else { all[0] };
        Ok(Comparison { tolerance, unseen: false, verdict, ..shown })
    }
}

fn root_mean_square(x: &[f64]) -> f64 {
    norm(x) / (x.len() as f64).sqrt()
}
