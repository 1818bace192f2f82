//! A function that is not ours: values and a claimed gradient in, verdict out.

use super::Tier;
use super::leaves;
use super::numeric::{Curve, Derivative, FIRST, Look, Method, Nearby};
use super::report::{Element, Report, Tensor};
use super::verdict::{Comparison, Verdict};
use autograd::ops::Sampler;
use autograd::{Error, Place, Shape, norm};
use ndarray::{ArrayD, Zip};

/// Checks the gradient that somebody claims for a function: `claimed` has an array for each of `at`, of its shape.
/// [`FnCheck`] has the options.
///
/// ```
/// use autograd_check::check_fn;
/// use ndarray::{ArrayD, arr1};
///
/// let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.sin()).sum::<f64>();
/// let at = [arr1(&[0.1, 0.2, 0.3]).into_dyn()];
/// assert!(check_fn(f, &at, &[at[0].mapv(f64::cos)])?.passed());
/// assert!(!check_fn(f, &at, &[at[0].mapv(|x| 1.001 * x.cos())])?.passed());
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// If there is not one array of the right shape for each, or the function is not finite there.
#[track_caller]
pub fn check_fn(
    f: impl FnMut(&[ArrayD<f64>]) -> f64,
    at: &[ArrayD<f64>],
    claimed: &[ArrayD<f64>],
) -> Result<Report, Error> {
    FnCheck::new(at, claimed).run(f)
}

/// A check of a function that is not ours, with its options.
///
/// No node tells on which side of a kink it is. Where the slopes from the left and from the right are different, and the
/// claimed gradient lies between, the verdict is [`Verdict::Kink`].
///
/// A function that is computed in single precision, whatever type it returns:
///
/// ```
/// use autograd_check::FnCheck;
/// use ndarray::{ArrayD, arr1};
///
/// let f = |x: &[ArrayD<f64>]| x[0].iter().map(|&x| f64::from((x as f32).tanh())).sum::<f64>();
/// let at = [arr1(&[0.1, 0.2, -0.3]).into_dyn()];
/// let right = at[0].mapv(|x: f64| 1.0 - x.tanh().powi(2));
/// let check = |gradient| FnCheck::new(&at, &[gradient]).precision(f32::EPSILON.into()).run(f);
/// assert!(check(right.clone())?.passed());
/// assert!(!check(1.001 * right)?.passed());
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check is done by `run`"]
pub struct FnCheck {
    at: Vec<ArrayD<f64>>,
    claimed: Vec<ArrayD<f64>>,
    names: Vec<String>,
    precision: f64,
    rounding: f64,
    seed: u64,
    tier: Tier,
    method: Method,
}

/// What rounding may cost a claimed gradient, in units of the precision.
const ROUNDING: f64 = 16.0;
/// The same of few digits, in units of its norm.
const AVERAGE_ROUNDING: f64 = 128.0;
/// As many directions are averaged over where there are few digits…
const AVERAGED: usize = 8;
/// …so that this, in place of [`SAFETY`](super::SAFETY), is enough: of 8 independent errors the root of the mean square
/// is hardly ever twice what it should be, and estimates can be half of it.
const AVERAGE_SAFETY: f64 = 4.0;

impl FnCheck {
    /// A check of the claimed gradient, an array for each of `at`, there.
    pub fn new(at: &[ArrayD<f64>], claimed: &[ArrayD<f64>]) -> Self {
        Self {
            at: at.to_vec(),
            claimed: claimed.to_vec(),
            names: (0..at.len()).map(|i| format!("x{i}")).collect(),
            precision: f64::EPSILON,
            rounding: f64::EPSILON,
            seed: 0,
            tier: Tier::default(),
            method: Method::default(),
        }
    }

    /// With names for the arrays; `x0`, `x1`, … without.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        names.into_iter().zip(&mut self.names).for_each(|(new, name)| *name = new.into());
        self
    }

    /// Of a function that is computed to this relative precision, and its gradient too: `f32::EPSILON`.
    pub fn precision(mut self, precision: f64) -> Self {
        self.precision = precision.max(f64::EPSILON);
        self.rounding = self.precision;
        self
    }

    /// Of a gradient that was computed to this relative precision, while the function is known better: then more is seen.
    pub fn claimed_precision(mut self, precision: f64) -> Self {
        self.rounding = precision.max(f64::EPSILON);
        self
    }

    /// With other random directions.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many elements are looked at one by one.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// With another kind of differences.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Does it.
    ///
    /// # Errors
    /// As [`check_fn`].
    #[track_caller]
    pub fn run(&self, mut f: impl FnMut(&[ArrayD<f64>]) -> f64) -> Result<Report, Error> {
        let place = Place::caller();
        let shape = |a: &ArrayD<f64>| Shape::from(a.shape());
        if self.at.len() != self.claimed.len() {
            let (n, m) = (self.at.len(), self.claimed.len());
            return Err(Error::Build {
                reason: format!("{m} gradients for {n} arrays: give one for each"),
                place,
            });
        }
        for ((name, x), dx) in self.names.iter().zip(&self.at).zip(&self.claimed) {
            if x.shape() != dx.shape() {
                let reason =
                    format!("the gradient of `{name}` {} has its shape, and {} has not", shape(x), shape(dx));
                return Err(Error::Build { reason, place });
            }
        }
        if !f(&self.at).is_finite() {
            return Err(Error::NotFinite { node: "the function".into() });
        }
        let mut sampler = Sampler::new(self.seed);
        let mut report = Report::new("a function".into(), self.seed, 1);
        for i in 0..self.at.len() {
            report.tensors.push(self.tensor(&mut f, i, &mut sampler)?);
        }
        Ok(report)
    }

    fn tensor(
        &self,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> f64,
        i: usize,
        sampler: &mut Sampler,
    ) -> Result<Tensor, Error> {
        let (x, gradient) = (&self.at[i], &self.claimed[i]);
        let shape = Shape::from(x.shape());
        let length = (norm(x) / (x.len().max(1) as f64).sqrt()).max(1.0);
        let comparison = if self.is_coarse() {
            self.on_average(f, i, &shape, length, sampler)?
        } else {
            self.confirmed(f, i, &shape, length, sampler)?
        };
        let failed = comparison.verdict == Verdict::Fail;
        let wanted = match self.tier {
            Tier::Projection if failed => super::ELEMENTS_OF_A_FAILURE,
            Tier::Projection => 0,
            Tier::Sampled(n) => n,
            Tier::Full => usize::MAX,
        };
        let mut elements = Vec::new();
        let mut places = if wanted < x.len() { sampler.permutation(x.len()) } else { (0..x.len()).collect() };
        places.truncate(wanted);
        for place in places {
            let mut direction = ArrayD::zeros(x.raw_dim());
            let (index, one) = direction.indexed_iter_mut().nth(place).expect("the place is below the count");
            *one = 1.0;
            let index = ndarray::Dimension::slice(&index).to_vec();
            let comparison = self.along(f, i, &direction, x[&*index].abs().max(1.0), FIRST)?;
            elements.push(Element { index, comparison });
        }
        elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(Tensor {
            name: self.names[i].clone(),
            shape,
            order: 1,
            connected: true,
            norm: norm(gradient),
            comparison,
            forward: None,
            kinks: Vec::new(),
            elements,
        })
    }

    /// Whether function or gradient are known to few digits.
    fn is_coarse(&self) -> bool {
        self.precision.max(self.rounding) > 1e-12
    }

    /// Along several random directions. Of few digits a single one can miss an error by accident, and its differences are
    /// often no better than the error that is looked for. But directions are random, so that the mean square of the
    /// differences between both sides is near the square of the distance of the gradients (Johnson and Lindenstrauss
    /// 1984), and their errors are independent, so that of their mean square, too, little more than the estimate is seen.
    fn on_average(
        &self,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> f64,
        i: usize,
        shape: &Shape,
        length: f64,
        sampler: &mut Sampler,
    ) -> Result<Comparison, Error> {
        let mut all = Vec::new();
        let mut sizes = Vec::new();
        for number in 0..AVERAGED {
            let direction = leaves::weights(shape, sampler);
            // Steps that differ have other errors.
            let first = FIRST * (1.0 + number as f64 / AVERAGED as f64);
            all.push(self.along(f, i, &direction, length, first)?);
            sizes.push(norm(&(&self.claimed[i] * &direction)));
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
            return Ok(worst.expect("there are several directions"));
        }
        let size = root_mean_square(&sizes).max(mean(&|c| c.numeric));
        let rounding = AVERAGE_ROUNDING * self.rounding.max(self.precision) * size;
        let tolerance = AVERAGE_SAFETY * mean(&|c| c.error) + rounding;
        let distance = mean(&Comparison::difference);
        let verdict = if distance > tolerance {
            Verdict::Fail
        } else if tolerance <= super::verdict::COARSE * size || distance == 0.0 && size == 0.0 {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        // Shown is the direction that says so most clearly.
        all.sort_by(|a, b| a.difference().total_cmp(&b.difference()));
        let shown = if verdict == Verdict::Fail { all[all.len() - 1] } else { all[0] };
        Ok(Comparison { tolerance, verdict, ..shown })
    }

    /// Along a random direction; a failure must show along others too.
    fn confirmed(
        &self,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> f64,
        i: usize,
        shape: &Shape,
        length: f64,
        sampler: &mut Sampler,
    ) -> Result<Comparison, Error> {
        let first = self.along(f, i, &leaves::weights(shape, sampler), length, FIRST)?;
        for step in [0.06, 0.023, 0.17] {
            if first.verdict != Verdict::Fail || !first.analytic.is_finite() {
                break;
            }
            let again = self.along(f, i, &leaves::weights(shape, sampler), length, step)?;
            if again.verdict != Verdict::Fail {
                return Ok(again);
            }
        }
        Ok(first)
    }

    fn along(
        &self,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> f64,
        i: usize,
        direction: &ArrayD<f64>,
        length: f64,
        first: f64,
    ) -> Result<Comparison, Error> {
        let mut x = self.at.clone();
        let outputs = |t: f64| {
            x[i] = Zip::from(&self.at[i]).and(direction).map_collect(|&x, &u| x + t * u);
            Ok(Look { values: vec![ndarray::arr0(f(&x)).into()], sides: Vec::new() })
        };
        let one = [ndarray::arr0(1.0).into()];
        let mut curve =
            Curve { outputs, cotangents: &one, method: self.method, first, precision: self.precision };
        let noise = curve.noise(&Nearby::new(16, self.precision), length)?;
        let product = &self.claimed[i] * direction;
        let rounding = ROUNDING * self.rounding * product.iter().map(|p| p.abs()).sum::<f64>();
        let compare =
            |derivative: &Derivative| Comparison::new(product.sum(), derivative, rounding, norm(&product));
        let smooth = compare(&curve.derivative(length, noise)?);
        if smooth.verdict != Verdict::Fail || !smooth.analytic.is_finite() {
            return Ok(smooth);
        }
        let base = (curve.outputs)(0.0)?;
        let kink = compare(&curve.sides(&base, length, noise)?);
        Ok(if kink.verdict == Verdict::Kink { kink } else { smooth })
    }
}

fn root_mean_square(x: &[f64]) -> f64 {
    norm(x) / (x.len() as f64).sqrt()
}
