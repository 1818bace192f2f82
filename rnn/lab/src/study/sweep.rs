//! Experiments on numeric derivatives: their error by step size h, precision, sequence length, net size, saturation,
//! and cell.
//!
//! Theory (Dennis & Schnabel 1996, section 5.4; Fornberg 1988): the central difference has the error `h² |φ‴| / 6 + ε
//! |φ| / h`, a V in a log-log plot, smallest at `h ≈ ∛ε`; the five-point formula has `h⁴ |φ⁽⁵⁾| / 30 + 3ε |φ| / 2h`,
//! smallest at `h ≈ ⁵√ε`. The reference is the gradient in `f64`.

use super::NetSpec;
use super::trial::{Trial, WholeNet};
use super::witnesses::direction;
use autograd::ops::{Op, Sampler};
use autograd::{NodeId, Scalar, Value, eval, eval_with};
use ndarray::{ArrayD, Zip};
use rnn::cell::CellRef;
use rnn::model::ModelError;
use serde::Serialize;

/// The precision in which differences are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Dtype {
    /// The unit roundoff: half the distance from 1 to the next number.
    pub fn unit(self) -> f64 {
        0.5 * match self {
            Self::F32 => f64::from(f32::EPSILON),
            Self::F64 => f64::EPSILON,
        }
    }
}

/// A finite-difference formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `(φ(h) − φ(−h)) / 2h`
    Central,
    /// `(φ(−2h) − 8φ(−h) + 8φ(h) − φ(2h)) / 12h`
    FivePoint,
}

impl Method {
    /// The order of the error in h.
    pub fn order(self) -> i32 {
        match self {
            Self::Central => 2,
            Self::FivePoint => 4,
        }
    }

    /// The theoretically best step, for a function whose derivatives have its own magnitude.
    pub fn best_step(self, dtype: Dtype) -> f64 {
        (2.0 * dtype.unit()).powf(1.0 / f64::from(self.order() + 1))
    }

    fn derivative<E>(self, h: f64, mut phi: impl FnMut(f64) -> Result<f64, E>) -> Result<f64, E> {
        let near = phi(h)? - phi(-h)?;
        Ok(match self {
            Self::Central => near / (2.0 * h),
            Self::FivePoint => (8.0 * near - (phi(2.0 * h)? - phi(-2.0 * h)?)) / (12.0 * h),
        })
    }
}

/// An experiment over all combinations of the lists.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The net; the lists override its own values.
    pub net: NetSpec,
    /// The cells.
    pub cells: Vec<CellRef>,
    /// The numbers of steps.
    pub steps: Vec<usize>,
    /// The sizes of the states.
    pub hidden: Vec<usize>,
    /// The factors of all weights: far above 1, every gate saturates.
    pub scales: Vec<f64>,
    /// The precisions.
    pub dtypes: Vec<Dtype>,
    /// The steps h of the differences; if empty, each method's [best](Method::best_step).
    pub h: Vec<f64>,
    /// The number of random directions per point.
    pub directions: usize,
    /// The seed of all randomness.
    pub seed: u64,
}

/// One difference: a row of the result table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observation {
    /// The cell.
    pub cell: String,
    /// The number of steps.
    pub steps: usize,
    /// The size of the states.
    pub hidden: usize,
    /// The factor of the weights.
    pub scale: f64,
    /// The precision.
    pub dtype: Dtype,
    /// The formula.
    pub method: Method,
    /// The step.
    pub h: f64,
    /// The index of the direction, from 1.
    pub direction: usize,
    /// ⟨∇L, u⟩ in `f64`.
    pub exact: f64,
    /// The difference.
    pub numeric: f64,
    /// ⟨∇L, u⟩ in the precision of this row.
    pub analytic: f64,
    /// |numeric − exact| / ‖∇L ⊙ u‖
    pub numeric_error: f64,
    /// |analytic − exact| / ‖∇L ⊙ u‖: the rounding error of the gradient itself.
    pub analytic_error: f64,
}

impl Sweep {
    /// Runs the experiment. It holds one net at a time.
    ///
    /// # Errors
    /// As [`NetSpec::network`].
    pub fn run(&self, mut each: impl FnMut(Observation)) -> Result<(), ModelError> {
        for cell in &self.cells {
            for &steps in &self.steps {
                for &hidden in &self.hidden {
                    let (net, cell) = (self.net.clone(), cell.clone());
                    let net = NetSpec { cell, steps, hidden, ..net };
                    for &scale in &self.scales {
                        self.at(&Trial::draw(&net, self.seed, scale)?, scale, &mut each)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn at(&self, trial: &Trial, scale: f64, each: &mut impl FnMut(Observation)) -> Result<(), ModelError> {
        let mut bptt = trial.bptt()?;
        // Numbers that are exact in both precisions.
        bptt.point = bptt.point.cast::<f32>().cast();
        let exact = gradients::<f64>(&bptt)?;
        let (held_f32, held_f64) = (held::<f32>(&bptt)?, held::<f64>(&bptt)?);
        let mut sampler = Sampler::new(self.seed);
        for number in 1..=self.directions {
            // Of norm 1 over all leaves.
            let parts = 1.0 / (exact.len() as f64).sqrt();
            let u: Vec<_> = exact.iter().map(|g| direction(g, &mut sampler) * parts).collect();
            let along = |g: &[ArrayD<f64>]| g.iter().zip(&u).map(|(g, u)| (g * u).sum()).sum::<f64>();
            let size = exact.iter().zip(&u).map(|(g, u)| (g * u).map(|p| p * p).sum()).sum::<f64>().sqrt();
            for &dtype in &self.dtypes {
                let analytic = match dtype {
                    Dtype::F32 => along(&gradients::<f32>(&bptt)?),
                    Dtype::F64 => along(&exact),
                };
                for method in [Method::Central, Method::FivePoint] {
                    let best = [method.best_step(dtype)];
                    for &h in if self.h.is_empty() { &best[..] } else { &self.h } {
                        let numeric = match dtype {
                            Dtype::F32 => method.derivative(h, |t| loss::<f32>(&bptt, &held_f32, &u, t)),
                            Dtype::F64 => method.derivative(h, |t| loss::<f64>(&bptt, &held_f64, &u, t)),
                        }?;
                        let exact = along(&exact);
                        each(Observation {
                            cell: trial.net.cell.to_string(),
                            steps: trial.net.steps,
                            hidden: trial.net.hidden,
                            scale,
                            dtype,
                            method,
                            h,
                            direction: number,
                            exact,
                            numeric,
                            analytic,
                            numeric_error: over(numeric - exact, size),
                            analytic_error: over(analytic - exact, size),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

/// |difference| / size; 0 if nothing varies.
fn over(difference: f64, size: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference.abs() / size }
}

fn gradients<S: Scalar>(bptt: &WholeNet) -> Result<Vec<ArrayD<f64>>, autograd::Error> {
    let values = eval(&bptt.graph, &bptt.point.cast::<S>(), &bptt.gradients)?;
    Ok(values.iter().map(|v| v.float().mapv(Scalar::value)).collect())
}

/// The values that the gradient treats as constants: states where they are detached, and other stop-gradients.
fn held<S: Scalar>(bptt: &WholeNet) -> Result<Vec<(NodeId, Value<S>)>, autograd::Error> {
    let mut held = Vec::new();
    eval_with(&bptt.graph, &bptt.point.cast::<S>(), &[bptt.loss], |id, value| {
        if matches!(bptt.graph.node(id).map(|node| &node.op), Ok(Op::StopGradient(_))) {
            held.push((id, value.clone()));
        }
    })?;
    Ok(held)
}

/// The loss at x + t u, computed in one precision throughout, with some values held constant.
fn loss<S: Scalar>(
    bptt: &WholeNet,
    held: &[(NodeId, Value<S>)],
    u: &[ArrayD<f64>],
    t: f64,
) -> Result<f64, autograd::Error> {
    let mut near = bptt.point.cast::<S>();
    held.iter().for_each(|(id, value)| near.set(*id, value.clone()));
    for (&leaf, u) in bptt.leaves.iter().zip(u) {
        if let Some(Value::Float(x)) = bptt.point.get(leaf) {
            near.set(leaf, Zip::from(x).and(u).map_collect(|&x, &u| S::of(x) + S::of(t) * S::of(u)));
        }
    }
    Ok(eval(&bptt.graph, &near, &[bptt.loss])?[0].scalar().map_or(f64::NAN, Scalar::value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: std::ops::RangeInclusive<i32> = 0..=44;

    fn h(k: i32) -> f64 {
        10f64.powf(-f64::from(k) / 4.0)
    }

    /// The root mean square of the errors over directions, for each h.
    fn curve(rows: &[Observation], dtype: Dtype, method: Method) -> Vec<f64> {
        let of = |k| {
            let here = move |r: &&Observation| {
                r.dtype == dtype && r.method == method && r.h.total_cmp(&h(k)).is_eq()
            };
            rows.iter().filter(here).map(|r| r.numeric_error.powi(2)).collect::<Vec<_>>()
        };
        STEPS.map(of).map(|e| (e.iter().sum::<f64>() / e.len() as f64).sqrt()).collect()
    }

    fn place(k: i32) -> usize {
        usize::try_from(k).unwrap()
    }

    /// The slope in a log-log plot, over decades of h.
    fn slope(curve: &[f64], from: usize, to: usize) -> f64 {
        (curve[4 * from] / curve[4 * to]).log10() / (to - from) as f64
    }

    /// Differences see through a stop-gradient; with the values there held, they are as accurate as without one.
    #[test]
    fn truncated_gradients_are_swept_with_their_cuts_held() {
        let net = NetSpec { steps: 6, window: Some(2), ..NetSpec::default() };
        let sweep = Sweep {
            cells: vec!["elman".into(), "lstm-1997".into()],
            steps: vec![net.steps],
            hidden: vec![net.hidden],
            scales: vec![1.0],
            dtypes: vec![Dtype::F64],
            h: Vec::new(),
            directions: 2,
            seed: 0,
            net,
        };
        sweep.run(|row| assert!(row.numeric_error < 1e-8, "{row:?}")).unwrap();
    }

    #[test]
    fn the_v_is_where_theory_puts_it() {
        let net = NetSpec { steps: 5, ..NetSpec::default() };
        let sweep = Sweep {
            cells: vec![net.cell.clone()],
            steps: vec![net.steps],
            hidden: vec![net.hidden],
            scales: vec![1.0],
            dtypes: vec![Dtype::F32, Dtype::F64],
            h: STEPS.map(h).collect(),
            directions: 16,
            seed: 0,
            net,
        };
        let mut rows = Vec::new();
        sweep.run(|row| rows.push(row)).unwrap();
        for (dtype, method, rounding, truncation) in [
            (Dtype::F32, Method::Central, (3, 5), (0, 1)),
            (Dtype::F32, Method::FivePoint, (3, 5), (0, 0)),
            (Dtype::F64, Method::Central, (7, 10), (1, 3)),
            (Dtype::F64, Method::FivePoint, (6, 10), (1, 2)),
        ] {
            let curve = curve(&rows, dtype, method);
            let least = STEPS.min_by(|&a, &b| curve[place(a)].total_cmp(&curve[place(b)])).unwrap();
            let decades = (h(least) / method.best_step(dtype)).log10();
            assert!(decades.abs() <= 0.75, "{dtype:?} {method:?}: least at {:e}\n{curve:?}", h(least));
            // Rounding error falls as 1/h, truncation error rises with the order of the formula.
            let left = slope(&curve, rounding.0, rounding.1);
            assert!((left + 1.0).abs() < 0.2, "{dtype:?} {method:?}: {left}\n{curve:?}");
            if truncation.0 < truncation.1 {
                let (right, order) = (slope(&curve, truncation.0, truncation.1), f64::from(method.order()));
                assert!((right - order).abs() < 0.2, "{dtype:?} {method:?}: {right}\n{curve:?}");
            }
        }
    }
}
