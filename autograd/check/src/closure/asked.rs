//! A gradient given as a function: whether it keeps state from one call to the next.

use super::FnCheck;
use crate::report::{Report, Tensor};
use crate::verdict::{Decider, Verdict};
use autograd::{Error, Place, norm};
use ndarray::{ArrayD, Zip};

/// How far the other point is, relative to each element; absolute where the element is 0.
const AWAY: f64 = 1e-3;

impl FnCheck {
    /// Runs the check with a gradient function, called here, at another point, and here again. It fails if the two
    /// results here differ, because it kept state; or if the result there is the same and wrong, because it was not
    /// computed anew.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let at = [arr1(&[0.1, 0.2]).into_dyn()];
    /// let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.sin()).sum::<f64>();
    /// let mut kept = ArrayD::zeros(at[0].raw_dim()); // like a `.grad` that is never zeroed
    /// let gradient = |x: &[ArrayD<f64>]| {
    ///     kept += &x[0].mapv(f64::cos);
    ///     vec![kept.clone()]
    /// };
    /// let report = FnCheck::new(&at, &[]).run_with(f, gradient)?;
    /// assert!(!report.passed() && report.notes[0].contains("asked again"));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn).
    #[track_caller]
    pub fn run_with(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut gradient: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
    ) -> Result<Report, Error> {
        let place = Place::caller();
        let check = self.claiming(gradient(&self.at));
        check.fits("gradient", place)?;
        // At another point, in the order of training: the function, then the gradient.
        let mut elsewhere = self.at.clone();
        if self.motion.is_none() {
            let move_on = |x: &mut f64| *x = if *x == 0.0 { AWAY } else { *x * (1.0 + AWAY) };
            elsewhere.iter_mut().for_each(|x| x.iter_mut().for_each(move_on));
        }
        if let Some([lower, upper]) = &self.bounds {
            for ((x, lower), upper) in elsewhere.iter_mut().zip(lower).zip(upper) {
                Zip::from(x).and(lower).and(upper).for_each(|x, &lower, &upper| *x = x.max(lower).min(upper));
            }
        }
        f(&elsewhere);
        let there = gradient(&elsewhere);
        let again = gradient(&self.at);
        check.claiming(again.clone()).fits("gradient", place)?;
        let mut report = check.run(&mut f)?;
        // An equal result elsewhere can be correct there too, as for a linear function, or stale.
        let is_kept: Vec<bool> =
            there.iter().zip(&check.claimed).map(|(there, here)| there == here).collect();
        if is_kept.contains(&true) && report.passed() && elsewhere != self.at {
            let other = Self { at: elsewhere, ..check.claiming(there) }.run(&mut f);
            let others = other.iter().flat_map(|o| &o.tensors);
            for ((tensor, other), is_kept) in report.tensors.iter_mut().zip(others).zip(is_kept) {
                if is_kept && other.verdict() == Verdict::Fail {
                    let why = "the same at other parameters, and that of the function is not: it is not computed anew";
                    report.notes.insert(0, refused(tensor, why));
                }
            }
            report.calls += other.map_or(0, |other| other.calls);
        }
        for ((tensor, first), second) in report.tensors.iter_mut().zip(&check.claimed).zip(&again) {
            let unit = 16.0 * check.rounding.unwrap_or(f64::EPSILON);
            // NaN differs from everything.
            let is_same = first.shape() == second.shape() && norm(&(first - second)) <= unit * norm(first);
            if !is_same {
                let why = "another one when it is asked again: it remembers what was asked before";
                report.notes.insert(0, refused(tensor, why));
            }
        }
        Ok(report)
    }
}

/// Fails an array for what the gradient function does, and says so.
fn refused(tensor: &mut Tensor, why: &str) -> String {
    tensor.comparison.verdict = Verdict::Fail;
    tensor.decided_by = Decider::Gradient;
    format!("the gradient of `{}` is {why}", tensor.name)
}
