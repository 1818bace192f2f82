//! A gradient that is asked, here and elsewhere: what it keeps from one question to the next.

use super::FnCheck;
use crate::report::Report;
use crate::verdict::{Decider, Verdict};
use autograd::{Error, Place, norm};
use ndarray::{ArrayD, Zip};

impl FnCheck {
    /// Does it, with a gradient that is asked, and not given: here, and once more after it was asked elsewhere. A gradient that
    /// then says something else has kept what it should have forgotten, and fails; so does one that is the same elsewhere, where
    /// that of the function is another.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let at = [arr1(&[0.1, 0.2]).into_dyn()];
    /// let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.sin()).sum::<f64>();
    /// let mut kept = ArrayD::zeros(at[0].raw_dim()); // like a `.grad` that nobody sets to zero
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
    /// As [`check_fn`].
    #[track_caller]
    pub fn run_with(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut gradient: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
    ) -> Result<Report, Error> {
        let place = Place::caller();
        let check = self.claiming(gradient(&self.at));
        check.fits("gradient", place)?;
        // Elsewhere, in the order of one who trains: the function, then the gradient.
        let mut elsewhere: Vec<ArrayD<f64>> = self.at.iter().map(|x| x * (1.0 + 1e-3)).collect();
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
        // One that is the same elsewhere is right there too, as that of a linear function, or was never computed there.
        if there == check.claimed && report.passed() && elsewhere != self.at {
            let other = Self { at: elsewhere, ..check.clone() }.run(&mut f);
            for (tensor, other) in report.tensors.iter_mut().zip(other.iter().flat_map(|o| &o.tensors)) {
                if other.verdict() == Verdict::Fail {
                    tensor.comparison.verdict = Verdict::Fail;
                    tensor.decided_by = Decider::Gradient;
                    report.notes.insert(
                        0,
                        format!(
                            "the gradient of `{}` is the same at other parameters, and that of the function is not: it is not computed anew",
                            tensor.name
                        ),
                    );
                }
            }
            report.calls += other.map_or(0, |other| other.calls);
        }
        for ((tensor, first), second) in report.tensors.iter_mut().zip(&check.claimed).zip(&again) {
            let unit = 16.0 * check.rounding.unwrap_or(f64::EPSILON);
            // What is no number is apart from everything.
            let is_same = first.shape() == second.shape() && norm(&(first - second)) <= unit * norm(first);
            if !is_same {
                tensor.comparison.verdict = Verdict::Fail;
                tensor.decided_by = Decider::Gradient;
                report.notes.insert(
                    0,
                    format!(
                        "the gradient of `{}` is another one when it is asked again: it remembers what was asked before",
                        tensor.name
                    ),
                );
            }
        }
        Ok(report)
    }
}
