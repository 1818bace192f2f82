//! The Taylor test of a foreign function: see [`taylor`](crate::taylor()).
//!
//! No node reports kinks. A residual that falls from one step to the next to below the floor, faster than any
//! relevant power, shows that the larger steps are beyond a kink. At a kink itself the second difference φ(ε) − 2φ(0)
//! + φ(−ε) falls as ε instead of ε²: there a gradient is judged by the one-sided slopes.

use super::FnCheck;
use super::along::Subject;
use crate::leaves;
use crate::numeric::Nearby;
use crate::taylor::{Order, Residuals, Taylor, steps};
use crate::verdict::Verdict;
use autograd::{Error, Place, norm};
use ndarray::ArrayD;

/// The maximum growth of a residual above the floor from one step to the next, which is 1.8 times as large.
const GROWTH: f64 = 30.0;

/// The number of points that measure the floor.
const NEARBY: i32 = 32;

impl FnCheck {
    /// The Taylor test of `f` with the claimed gradient: along one random direction through all arrays, do the
    /// remainders of f after its value, and after its slope, fall as ε and as ε²? It needs no tolerance. It tests one
    /// number; [`run`](Self::run) finds which array is wrong.
    ///
    /// ```
    /// use autograd_check::{FnCheck, Verdict};
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin).sum();
    /// let at = [arr1(&[0.1, 0.2]).into_dyn()];
    /// let right = at[0].mapv(f64::cos);
    /// let report = FnCheck::new(&at, &[right.clone()]).taylor(f)?;
    /// assert!((report.orders[1].measured.unwrap() - 2.0).abs() < 0.05, "{report}");
    /// let report = FnCheck::new(&at, &[1.001 * right]).taylor(f)?;
    /// assert!((report.orders[1].measured.unwrap() - 1.0).abs() < 0.05, "{report}");
    /// assert_eq!(report.verdict(), Verdict::Fail);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn taylor(&self, f: impl FnMut(&[ArrayD<f64>]) -> f64) -> Result<Taylor, Error> {
        self.expand(f, |_| None, Place::caller())
    }

    /// The same with a Hessian, given by [`hvp`](Self::hvp) products: the remainder after it falls as ε³.
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn taylor_with(
        &self,
        f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut hvp: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
    ) -> Result<Taylor, Error> {
        self.expand(f, |u| Some(hvp(u)), Place::caller())
    }

    fn expand(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut hvp: impl FnMut(&[ArrayD<f64>]) -> Option<Vec<ArrayD<f64>>>,
        place: Place,
    ) -> Result<Taylor, Error> {
        self.fits("gradient", place)?;
        self.takes_no_tier("the Taylor test", place)?;
        self.takes_no_method("the Taylor test", place)?;
        let mut f = |x: &[ArrayD<f64>]| ndarray::arr0(f(x)).into_dyn();
        let (_, mut sampler, value) = self.begin(0, &mut f, place)?;
        let value = value.sum();
        let mut direction: Vec<ArrayD<f64>> = Vec::new();
        let mut subject = Subject::new(self, &mut f, ndarray::arr0(1.0).into_dyn());
        subject.find_precision(&mut Vec::new());
        for (i, x) in self.at.iter().enumerate() {
            subject.turn(i);
            let u = self
                .among_told(i, &mut sampler)
                .unwrap_or_else(|| subject.scale.stretch(leaves::weights(&x.shape().into(), &mut sampler)));
            direction.push(subject.inwards(&(subject.scale.length * u)).0);
        }
        // Of norm 1, if all arrays have size 1.
        let root = (direction.iter().map(ArrayD::len).sum::<usize>().max(1) as f64).sqrt();
        direction.iter_mut().for_each(|u| *u /= root);
        let inner = |v: &[ArrayD<f64>]| v.iter().zip(&direction).map(|(v, u)| (v * u).sum()).sum::<f64>();
        let slope = inner(&self.claimed);
        let second = hvp(&direction);
        if let Some(second) = &second {
            self.claiming(second.clone()).fits("Hessian-vector product", place)?;
        }
        let curvature = second.as_deref().map_or(f64::NAN, inner);
        let orders: &[u32] = if second.is_some() { &[1, 2, 3] } else { &[1, 2] };

        let precision = subject.precision;
        let mut at = |t: f64| {
            let x: Vec<ArrayD<f64>> =
                direction.iter().enumerate().map(|(i, u)| subject.moved(i, u, t)).collect();
            subject.value(&x).sum() - value
        };
        let nearby = Nearby::new(NEARBY, precision).inwards();
        let values: Vec<ArrayD<f64>> =
            nearby.points.iter().map(|t| ndarray::arr0(at(*t)).into_dyn()).collect();
        let floor = nearby.deviation(&values).max(0.5 * precision * value.abs());
        let mut rows = Vec::new();
        let mut behind = Vec::new();
        for step in steps() {
            let change = at(step);
            let rest = change - step * slope;
            let of = [change, rest, rest - 0.5 * step * step * curvature].map(f64::abs);
            rows.push(Residuals { step, of, smooth: change.is_finite() });
            let both = change + at(-step);
            behind.push(Residuals { step, of: [both.abs(); 3], smooth: both.is_finite() });
        }
        for rows in [&mut rows, &mut behind] {
            beyond_a_kink(rows, orders.len(), floor);
        }
        let mut orders: Vec<Order> = orders.iter().map(|&k| Order::fit(k, &rows, floor)).collect();
        if !slope.is_finite() || orders.len() > 2 && !curvature.is_finite() {
            orders.iter_mut().skip(1).for_each(|order| order.verdict = Verdict::Fail);
        } else if Order::fit(2, &behind, floor).verdict == Verdict::Fail {
            // The point is at a kink. The one-sided slopes are those of the smallest resolved steps.
            let mut seen =
                rows.iter().zip(&behind).filter(|(_, both)| both.smooth && both.of[1] > 100.0 * floor);
            if let Some((row, _)) = seen.next_back() {
                let [right, left] = [at(row.step) / row.step, -at(-row.step) / row.step];
                let (low, high) = (left.min(right), left.max(right));
                let slack = 0.05 * (high - low);
                let between = (low - slack..=high + slack).contains(&slope);
                orders[1].verdict = if between { Verdict::Kink } else { Verdict::Fail };
                orders.iter_mut().skip(2).for_each(|order| order.verdict = Verdict::Inconclusive);
            }
        }
        let subject = format!("a function at a point of norm {:.3e}", norm(self.at.iter().flatten()));
        Ok(Taylor { subject, seed: self.seed, value, slope, curvature, floor, rows, orders })
    }
}

/// Marks the rows beyond a kink.
fn beyond_a_kink(rows: &mut [Residuals], residuals: usize, floor: f64) {
    let jumps = |pair: &[Residuals]| {
        // The larger step comes first.
        (1..residuals)
            .any(|k| pair[0].of[k] > 100.0 * floor && pair[0].of[k] > GROWTH * pair[1].of[k].max(floor))
    };
    if let Some(last) = rows.windows(2).rposition(jumps) {
        rows[..=last].iter_mut().for_each(|row| row.smooth = false);
    }
}
