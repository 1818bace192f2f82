//! A gradient given as a function: whether it keeps state from one call to the next.

use super::{FnCheck, digits};
use crate::report::{Report, Tensor};
use crate::verdict::{Decider, Verdict};
use autograd::{Error, Place, norm};
use ndarray::{ArrayD, Zip};

/// How far the other point is, relative to each element; absolute where the element is 0.
const AWAY: f64 = 1e-3;

/// How far two answers may be apart, in units of the gradient's precision and norm: where each is rounded at the end, and
/// where a sum of many terms is taken in another order each time.
const ROUNDED: f64 = 16.0;
const REORDERED: f64 = 128.0;

/// How often the gradient is asked at one point, at most.
const ANSWERS: usize = 6;

impl FnCheck {
    /// Runs the check with a gradient function, called here, at another point, and here again. It fails if the two
    /// results here differ by more than rounding, because it kept state; or if the result there is the same and wrong,
    /// because it was not computed anew. Answers that lie to and fro, as those of a sum over threads, are asked for again
    /// until that is seen.
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
        let mut answers = vec![check.claimed.clone(), gradient(&self.at)];
        check.claiming(answers[1].clone()).fits("gradient", place)?;
        let (mut report, rounding) = check.run_after(1, &mut f, place)?;
        // An equal result elsewhere can be correct there too, as for a linear function, or stale.
        let is_kept: Vec<bool> =
            there.iter().zip(&check.claimed).map(|(there, here)| there == here).collect();
        if is_kept.contains(&true) && report.passed() && elsewhere != self.at {
            let other = Self { at: elsewhere, ..check.claiming(there) };
            // The function is called once in any case.
            let other = (report.calls < self.budget).then(|| other.run_after(report.calls, &mut f, place));
            report.calls = match &other {
                Some(Ok((other, _))) => other.calls,
                Some(Err(_)) => report.calls + 1,
                None => report.calls,
            };
            let spent = self.spent(report.calls);
            let others = other.and_then(Result::ok).map_or(Vec::new(), |(other, _)| other.tensors);
            for (i, tensor) in report.tensors.iter_mut().enumerate().filter(|(i, _)| is_kept[*i]) {
                match others.get(i).map(Tensor::verdict) {
                    Some(Verdict::Fail) => {
                        let why = "the same at other parameters, and that of the function is not: it is not computed anew";
                        report.notes.insert(0, refused(tensor, why));
                    }
                    None | Some(Verdict::Inconclusive) if spent.is_some() => {
                        tensor.comparison.verdict = Verdict::Inconclusive;
                        tensor.decided_by = Decider::Nobody;
                        report.notes.push(format!(
                            "the gradient of `{}` is the same at other parameters: whether it is computed anew would take more calls",
                            tensor.name
                        ));
                    }
                    _ => {}
                }
            }
            report.notes.extend(spent.filter(|spent| !report.notes.contains(spent)));
        }
        // What was told is what counts. Short numbers do not make a gradient a coarse one.
        let single = f64::from(f32::EPSILON);
        let unit = check
            .rounding
            .unwrap_or_else(|| answers_precision(&answers).min(single).max(rounding.min(single)));
        for i in 0..report.tensors.len() {
            let why = match answered(i, unit, &mut answers, &mut || gradient(&self.at)) {
                Answers::Same => continue,
                Answers::Reordered(off) => {
                    let name = &report.tensors[i].name;
                    report.notes.push(format!(
                        "the gradient of `{name}` is another one each time it is asked, by {off:.0e} of itself, as sums in another order are"
                    ));
                    continue;
                }
                Answers::Vary(off) => format!(
                    "another one each time it is asked, by {off:.0e} of itself: it is not deterministic, or its precision is to be told"
                ),
                Answers::Remember => {
                    "another one when it is asked again: it remembers what was asked before".into()
                }
            };
            let note = refused(&mut report.tensors[i], &why);
            report.notes.insert(0, note);
        }
        Ok(report)
    }
}

/// How the answers at one point lie.
enum Answers {
    /// Equal, up to rounding.
    Same,
    /// To and fro, by this part of their norm, as sums in another order.
    Reordered(f64),
    /// To and fro, by this part of their norm.
    Vary(f64),
    /// Each leads on from the one before.
    Remember,
}

/// Compares the answers for one array, of a gradient with this precision. Two that differ do not tell rounding from memory:
/// it is asked again until one change turns back against the one before. What is added up never does.
fn answered(
    i: usize,
    precision: f64,
    answers: &mut Vec<Vec<ArrayD<f64>>>,
    ask: &mut dyn FnMut() -> Vec<ArrayD<f64>>,
) -> Answers {
    let size = norm(answers[0][i].iter().filter(|g| g.is_finite()));
    let (mut last, mut most) = (None, 0.0_f64);
    for k in 1..ANSWERS {
        if answers.len() == k {
            answers.push(ask());
        }
        let (Some(before), Some(after)) = (answers[k - 1].get(i), answers[k].get(i)) else { break };
        if before.shape() != after.shape() {
            break;
        }
        // What is not finite fails by itself, and is no change.
        let change = Zip::from(after).and(before).map_collect(|after, before| {
            if after.is_finite() || before.is_finite() { after - before } else { 0.0 }
        });
        // Twice, since between the first two it was asked elsewhere: one that comes and goes may have come back.
        if last.is_none() && norm(&change) <= ROUNDED * precision * size {
            if k == 2 {
                return Answers::Same;
            }
            continue;
        }
        most = most.max(norm(&change));
        if last.is_some_and(|last: ArrayD<f64>| (&last * &change).sum() < 0.0) {
            return if most <= REORDERED * precision * size {
                Answers::Reordered(most / size)
            } else {
                Answers::Vary(most / size)
            };
        }
        last = Some(change);
    }
    Answers::Remember
}

/// The precision of the type that holds all these numbers.
fn answers_precision(answers: &[Vec<ArrayD<f64>>]) -> f64 {
    let mut values: Vec<f64> = answers.iter().flatten().flatten().copied().collect();
    values.retain(|g| g.is_finite() && *g != 0.0);
    values.sort_by(f64::total_cmp);
    values.dedup();
    digits::kind(&values).map_or(f64::EPSILON, |(_, precision)| precision)
}

/// Fails an array for what the gradient function does, and says so.
fn refused(tensor: &mut Tensor, why: &str) -> String {
    tensor.comparison.verdict = Verdict::Fail;
    tensor.decided_by = Decider::Gradient;
    format!("the gradient of `{}` is {why}", tensor.name)
}
