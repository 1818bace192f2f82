//! Checks a foreign function: from values and a claim to a verdict.
//!
//! There are no nodes, so differences alone decide: along one direction in `along.rs`, or averaged over several in
//! `average.rs` for a function of low precision. `bisect.rs` finds the wrong elements; `digits.rs` estimates the
//! function's precision, `scatter.rs` whether its values are the same twice. `hint.rs` guesses what a wrong gradient is
//! instead. `asked.rs` checks a gradient given as a function, `vector.rs` claims about functions that
//! return arrays, `hessian.rs` and `block.rs` second derivatives; `taylor.rs` is the Taylor test.

mod along;
mod asked;
mod average;
mod bisect;
mod block;
mod digits;
mod fits;
mod halves;
mod hessian;
mod hint;
mod scatter;
mod taylor;
mod vector;

pub use scatter::Scatter;

use super::Tier;
use super::hint::Hint;
use super::leaves;
use super::numeric::{FIRST, Method, Scale};
use super::report::{Element, Report, Tensor};
use super::verdict::{Comparison, Decider, Verdict};
use along::Subject;
use autograd::Shape;
use autograd::ops::Sampler;
use autograd::{Error, Place, norm};
use ndarray::ArrayD;
use std::sync::Arc;

/// Checks a claimed gradient of a function: `claimed` has an array for each of `at`, with its shape. [`FnCheck`] has
/// the options.
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
/// If the claimed arrays do not match the arguments in number and shape, or the function is not finite there.
#[track_caller]
pub fn check_fn(
    f: impl FnMut(&[ArrayD<f64>]) -> f64,
    at: &[ArrayD<f64>],
    claimed: &[ArrayD<f64>],
) -> Result<Report, Error> {
    FnCheck::new(at, claimed).run(f)
}

/// A check of a foreign function, with its options.
///
/// No node tells on which side of a kink it is. If the claimed gradient is between different one-sided slopes, or between
/// those of the pieces that meet there, the verdict is [`Verdict::Kink`].
///
/// For a function computed in single precision, whatever type it returns:
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
    precision: Option<f64>,
    rounding: Option<f64>,
    typical: Option<Vec<ArrayD<f64>>>,
    bounds: Option<[Vec<ArrayD<f64>>; 2]>,
    directions: Vec<(usize, ArrayD<f64>)>,
    motion: Option<Motion>,
    budget: usize,
    seed: u64,
    tier: Tier,
    method: Method,
}

type Move = dyn Fn(&ArrayD<f64>, &ArrayD<f64>, f64) -> ArrayD<f64> + Send + Sync;

/// How an array moves along a direction, if not in a straight line.
#[derive(Clone)]
struct Motion(Arc<Move>);

impl std::fmt::Debug for Motion {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Motion")
    }
}

/// A gradient that is off by less can be that of a function that is known to few digits.
const NEAR: f64 = 1e-3;

impl FnCheck {
    /// A check of the claimed gradient, an array for each of `at`, at that point.
    pub fn new(at: &[ArrayD<f64>], claimed: &[ArrayD<f64>]) -> Self {
        Self {
            at: at.to_vec(),
            claimed: claimed.to_vec(),
            names: (0..at.len()).map(|i| format!("x{i}")).collect(),
            precision: None,
            rounding: None,
            typical: None,
            bounds: None,
            directions: Vec::new(),
            motion: None,
            budget: usize::MAX,
            seed: 0,
            tier: Tier::default(),
            method: Method::default(),
        }
    }

    /// For claims passed to a method: [a Jacobian](Self::jacobian), its products ([`Self::vjp`], [`Self::jvp`]),
    /// second derivatives ([`Self::hessian`], [`Self::hvp`]), or a gradient as a [function](Self::run_with).
    pub fn at(at: &[ArrayD<f64>]) -> Self {
        Self::new(at, &[])
    }

    /// Sets the names of the arrays; by default `x0`, `x1`, ….
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        names.into_iter().zip(&mut self.names).for_each(|(new, name)| *name = new.into());
        self
    }

    /// Sets the relative precision of the function and its gradient: `f32::EPSILON`, or the tolerance of a solver.
    /// The default is `f64::EPSILON`, or lower if all values have no more digits than `f32`, `f16` or `bf16`; the
    /// report says so.
    pub fn precision(mut self, precision: f64) -> Self {
        self.precision = Some(precision.max(f64::EPSILON));
        self.rounding = self.precision;
        self
    }

    /// Sets the relative precision of the claimed gradient, if the function is more precise: the check is then
    /// sharper.
    pub fn claimed_precision(mut self, precision: f64) -> Self {
        self.rounding = Some(precision.max(f64::EPSILON));
        self
    }

    /// Sets the typical size of each element, an array for each of `at`. By default, elements of an array move by the
    /// same amount, except that those a hundred times smaller or larger than the median move by their own size.
    pub fn typical(mut self, sizes: &[ArrayD<f64>]) -> Self {
        self.typical = Some(sizes.to_vec());
        self
    }

    /// Sets the domain of the function, an array each for each of `at`: it is never called below `lower` or above
    /// `upper`. An element at a bound moves inwards only.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.sqrt().powi(3)).sum::<f64>(); // not defined below 0
    /// let array = |x: [f64; 2]| [arr1(&x).into_dyn()];
    /// let [at, right, off] = [[0.0, 1.0], [0.0, 1.5], [0.01, 1.5]].map(array);
    /// let check = |g| FnCheck::new(&at, g).bounds(&array([0.0; 2]), &array([9.0; 2])).run(f);
    /// assert!(check(&right)?.passed() && !check(&off)?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn bounds(mut self, lower: &[ArrayD<f64>], upper: &[ArrayD<f64>]) -> Self {
        self.bounds = Some([lower.to_vec(), upper.to_vec()]);
        self
    }

    /// Restricts array `i` to this direction and others given like it: for a gradient that is correct on a surface
    /// alone. Checks that need several directions at once, such as second derivatives, use sums of the given ones.
    pub fn direction(mut self, i: usize, direction: ArrayD<f64>) -> Self {
        self.directions.push((i, direction));
        self
    }

    /// Sets the motion: `motion(x, u, t)` is x moved along u for a time t, and x itself at 0. The default is `x + t
    /// u`.
    ///
    /// On the unit sphere, along a tangent:
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0][[0]] * x[0][[1]];
    /// let [at, u] = [[0.6, 0.8], [-0.8, 0.6]].map(|x| arr1(&x).into_dyn());
    /// let tangent = (0.6 * 0.6 - 0.8 * 0.8) * &u; // of the gradient (0.8, 0.6), the part along the sphere
    /// let step = |x: &ArrayD<f64>, u: &ArrayD<f64>, t: f64| {
    ///     let y = x + &(t * u);
    ///     let norm = y.mapv(|y| y * y).sum().sqrt();
    ///     y / norm
    /// };
    /// let check = |g| FnCheck::new(&[at.clone()], &[g]).direction(0, u.clone()).motion(step).run(f);
    /// assert!(check(tangent.clone())?.passed() && !check(-tangent)?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn motion(
        mut self,
        motion: impl Fn(&ArrayD<f64>, &ArrayD<f64>, f64) -> ArrayD<f64> + Send + Sync + 'static,
    ) -> Self {
        self.motion = Some(Motion(Arc::new(motion)));
        self
    }

    /// Limits the number of calls of the function. What is undecided by then stays open, and wrong elements not found
    /// by then are not listed.
    pub fn budget(mut self, calls: usize) -> Self {
        self.budget = calls;
        self
    }

    /// Sets the seed of the random directions.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many elements are checked one by one. In an array that fails, wrong elements are searched by
    /// bisection in any case. JVPs, second derivatives and the Taylor test use directions alone, and refuse any tier
    /// but the default.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Sets the differences. Second derivatives and the Taylor test have their own, and refuse it.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Runs the check.
    ///
    /// # Errors
    /// As [`check_fn`].
    #[track_caller]
    pub fn run(&self, mut f: impl FnMut(&[ArrayD<f64>]) -> f64) -> Result<Report, Error> {
        self.run_after(0, &mut f, Place::caller()).map(|(report, _)| report)
    }

    /// Runs the check of a function that was called before, and returns the precision of its gradient too.
    fn run_after(
        &self,
        calls: usize,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> f64,
        place: Place,
    ) -> Result<(Report, f64), Error> {
        self.fits("gradient", place)?;
        let mut f = |x: &[ArrayD<f64>]| ndarray::arr0(f(x)).into_dyn();
        let (mut report, mut sampler, _) = self.begin(calls, &mut f, place)?;
        let mut subject = Subject::new(self, &mut f, ndarray::arr0(1.0).into_dyn());
        subject.calls = report.calls;
        subject.find_precision(&mut report.notes);
        for i in 0..self.at.len() {
            report.tensors.push(subject.tensor(i, &mut sampler)?);
        }
        hint::withdraw(&mut report.tensors);
        hint::share_a_step(&mut report.tensors);
        subject.tell(&mut report);
        // What an iteration stops at is smooth, and has a slope of its own.
        let is_near = |t: &&Tensor| {
            t.verdict() == Verdict::Fail && t.comparison.difference() <= NEAR * t.comparison.numeric.abs()
        };
        if let (Some(near), f64::EPSILON) = (report.tensors.iter().find(is_near), subject.precision) {
            report.notes.push(format!(
                "`{}` is off by {:.0e} of itself: if an iteration solves for the function, its tolerance can do that, and is to be told as the precision",
                near.name,
                near.comparison.difference() / near.comparison.numeric.abs(),
            ));
        }
        let rounding = subject.rounding;
        Ok((report, rounding))
    }

    /// What the report says when the budget is used up.
    fn spent(&self, calls: usize) -> Option<String> {
        (calls >= self.budget).then(|| format!("no more than {} calls were allowed", self.budget))
    }

    /// The given directions of an array.
    fn told(&self, i: usize) -> impl Iterator<Item = &ArrayD<f64>> {
        self.directions.iter().filter(move |(j, _)| *j == i).map(|(_, u)| u)
    }

    /// A random combination of an array's given directions, if there are any.
    fn among_told(&self, i: usize, sampler: &mut Sampler) -> Option<ArrayD<f64>> {
        let mut weighed = |u: &ArrayD<f64>| u * leaves::weights(&Shape::scalar(), sampler).sum();
        self.told(i).map(&mut weighed).reduce(|a, b| a + b)
    }

    /// A random direction of all arrays.
    fn any_direction(&self, sampler: &mut Sampler) -> Vec<ArrayD<f64>> {
        let one = |(i, x): (usize, &ArrayD<f64>)| {
            self.among_told(i, sampler).unwrap_or_else(|| leaves::weights(&x.shape().into(), sampler))
        };
        self.at.iter().enumerate().map(one).collect()
    }

    fn scale(&self, i: usize) -> Scale {
        self.typical.as_ref().map_or_else(|| Scale::of(&self.at[i]), |sizes| Scale::typical(&sizes[i]))
    }
}

impl Tensor {
    /// An empty result for a foreign function.
    fn of_function(shape: Shape, norm: f64) -> Self {
        Self {
            name: String::new(),
            shape,
            order: 1,
            connected: true,
            norm,
            comparison: Comparison::NOTHING,
            decided_by: Decider::Differences,
            forward: None,
            kinks: Vec::new(),
            elements: Vec::new(),
            all_wrong_told: false,
            slice: None,
            hint: None,
            hint_of_wrong: false,
        }
    }
}

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    fn tensor(&mut self, i: usize, sampler: &mut Sampler) -> Result<Tensor, Error> {
        let (x, gradient) = (&self.check.at[i], &self.check.claimed[i]);
        self.turn(i);
        let mut tensor = Tensor::of_function(x.shape().into(), norm(gradient));
        tensor.name.clone_from(&self.check.names[i]);
        if gradient.iter().any(|g| !g.is_finite()) {
            self.not_finite(&mut tensor, sampler)?;
            return Ok(tensor);
        }
        if self.check.told(i).next().is_some() {
            for u in self.check.told(i) {
                let comparison = self.confirmed(u)?;
                tensor.comparison = tensor.comparison.worse(comparison);
            }
            return Ok(tensor);
        }
        tensor.comparison =
            if self.is_coarse() { self.on_average(sampler)? } else { self.along_several(sampler)? };
        let wanted = match self.check.tier {
            Tier::Projection => 0,
            Tier::Sampled(n) => n,
            Tier::Full => usize::MAX,
        };
        if wanted > 0 {
            let mut places =
                if wanted < x.len() { sampler.permutation(x.len()) } else { (0..x.len()).collect() };
            places.truncate(wanted);
            for place in places {
                if !self.may_ask() {
                    break;
                }
                let wrong = tensor.comparison.verdict == Verdict::Fail;
                let element = if wrong { self.glimpse(place)? } else { self.element(place)? };
                tensor.elements.push(element);
            }
        }
        match tensor.comparison.verdict {
            Verdict::Fail => self.find_wrong(&mut tensor, sampler)?,
            Verdict::Inconclusive => self.is_rough(),
            _ => {}
        }
        tensor.elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(tensor)
    }

    /// A gradient that is not finite at some places: the numeric one there, and along a direction.
    fn not_finite(&mut self, tensor: &mut Tensor, sampler: &mut Sampler) -> Result<(), Error> {
        let gradient = &self.check.claimed[self.i];
        let Some((place, analytic)) = gradient.iter().copied().enumerate().find(|(_, g)| !g.is_finite())
        else {
            return Ok(());
        };
        (tensor.hint, tensor.decided_by) = (Some(Hint::NotFinite), Decider::Gradient);
        tensor.hint_of_wrong = gradient.iter().any(|g| g.is_finite());
        let direction = self.scale.stretch(leaves::weights(&tensor.shape, sampler));
        let nothing = ArrayD::zeros(gradient.raw_dim());
        let length = self.scale.length;
        let whole = self.measure_beside(&direction, Some(&nothing), length, FIRST, None)?;
        let (index, one, length) = self.alone(place);
        let element = self.measure_beside(&one, Some(&nothing), length, FIRST, self.noise)?;
        let claimed = |of: Comparison| Comparison { analytic, verdict: Verdict::Fail, unseen: false, ..of };
        tensor.comparison = claimed(whole);
        tensor.elements.push(Element { index, comparison: claimed(element) });
        Ok(())
    }
}
