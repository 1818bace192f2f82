//! All singular values and eigenvalues of the Jacobians ∂s\[k\]/∂s\[k−1\] and of their products ∂s\[T\]/∂s\[k\].
//!
//! A gradient is propagated by transposed Jacobians: ∂L/∂s\[k\] = J\[k+1\]ᵀ ⋯ J\[T\]ᵀ ∂L/∂s\[T\]. The product is kept
//! as Q·D·R: at each step Jᵀ·Q is decomposed, and its triangle is multiplied into the earlier rows, each with its own
//! exponent (Benettin et al. 1980; Stewart 1995, "On graded QR decompositions of products of matrices"). So the
//! singular values of ten thousand steps can be as far apart as they like, as long as those of each single step are
//! not: what one step damps below its rounding, by a factor of about n·ε (1e−15), is taken to be lost, and is 0 from
//! there on.
//!
//! Eigenvalues have no such form. They are as precise as their condition allows: an error of ε·‖A‖ moves those of a
//! normal matrix by as much, and those of a matrix far from normal by up to about ε^(1/n)·‖A‖.

#[cfg(test)]
mod tests;

use super::BpttError;
use super::graded::{Factors, Rows};
use autograd::Magnitude;
use nalgebra::{DMatrix, DVector, Schur};
use ndarray::Array2;
use serde::Serialize;

/// The maximum number of products whose values are computed; over more steps, evenly spaced ones.
const MOST: usize = 200;

/// Eigenvalues of a product below this fraction of its norm are rounding errors, even of a normal matrix.
const ROUNDING: f64 = 1e-12;

/// The maximum number of operations on numbers of 64 bits: several minutes.
const OPERATIONS: f64 = 5e11;

/// Whether the spectra of this many steps of the states of each of several sequences can be computed in minutes.
///
/// # Errors
/// If they cannot.
pub(super) fn fits(steps: usize, states: usize, batch: usize) -> Result<(), BpttError> {
    let products = steps.min(MOST) as f64;
    // Multiples of n³, from the operations of each algorithm: two products of matrices, Householder's reflections,
    // the triangle times the rows, and the values of one matrix; Jacobi's rotations in ten sweeps, and eigenvalues.
    let (step, product) = (60.0, 180.0);
    let operations = batch as f64 * (states as f64).powi(3) * (step * steps as f64 + product * products);
    if operations <= OPERATIONS {
        return Ok(());
    }
    Err(BpttError::Spectra { steps, states, batch, operations, most: OPERATIONS })
}

/// The spectra of one sequence. Values are sorted, the largest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spectrum {
    /// Of each step that has a predecessor.
    pub steps: Vec<StepSpectrum>,
    /// Of the products over one step, two steps, and so on, back from the last; over 200 steps, of evenly spaced
    /// ones.
    pub products: Vec<ProductSpectrum>,
    /// The Lyapunov exponents, as many as the state has elements: the mean growth per step, in natural logarithms; −∞
    /// (`null` in JSON) where nothing above rounding is propagated.
    pub exponents: Vec<f64>,
}

/// The Jacobian of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepSpectrum {
    /// The step k of ∂s\[k\]/∂s\[k−1\]; of a layer that reads backwards, of ∂s\[k\]/∂s\[k+1\].
    pub step: usize,
    /// The singular values.
    pub singular: Vec<f64>,
    /// The eigenvalues; conjugate pairs are adjacent.
    pub eigenvalues: Vec<Eigenvalue>,
}

/// The product of several steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProductSpectrum {
    /// The step k of ∂s\[T\]/∂s\[k\].
    pub step: usize,
    /// The number of steps from there to the last.
    pub lag: usize,
    /// The singular values. A direction that some step damps below its rounding has 0.
    pub singular: Vec<Magnitude>,
    /// The eigenvalues above 1e−12 of the norm; the others are only known to be smaller. They are as precise as their
    /// condition numbers allow: an ill-conditioned one, of a matrix far from normal, can be rounding alone.
    pub eigenvalues: Vec<Eigenvalue>,
    /// The angle in degrees, from 0 to 90, between ∂L\[T\]/∂s\[k\] and the direction that the product amplifies most.
    /// `None` if the loss reads other states too, if no gradient arrives, or if the two largest singular values are
    /// equal up to rounding: then no direction is amplified most.
    pub angle: Option<f64>,
}

/// An eigenvalue r·exp(iφ).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Eigenvalue {
    /// r.
    pub modulus: Magnitude,
    /// φ in degrees, above −180 and up to 180.
    pub argument: f64,
}

impl Spectrum {
    /// From Jacobians in the order of execution, each with its step; the first is by the state of step `first`.
    /// `gradient` is ∂L\[T\]/∂s\[T\].
    pub(super) fn of(first: usize, jacobians: &[(usize, &Array2<f64>)], gradient: Option<&[f64]>) -> Self {
        let all: Vec<(usize, DMatrix<f64>)> = jacobians
            .iter()
            .map(|(step, j)| (*step, DMatrix::from_fn(j.nrows(), j.ncols(), |r, c| j[[r, c]])))
            .collect();
        let steps = all.iter().map(|(step, j)| StepSpectrum {
            step: *step,
            singular: singular(j),
            eigenvalues: eigenvalues(j, 0, 0.0),
        });
        let steps = steps.collect();
        let Some(size) = all.first().map(|(_, j)| j.nrows()) else {
            return Self { steps, products: Vec::new(), exponents: Vec::new() };
        };
        let mut product = Product::new(size, gradient);
        let every = all.len().div_ceil(MOST);
        let mut products = Vec::new();
        for (lag, place) in (1..=all.len()).zip((0..all.len()).rev()) {
            product.push(&all[place].1);
            if lag % every == 0 || lag == 1 || lag == all.len() {
                // The Jacobian of a step is by the state of the step before it.
                let step = if place == 0 { first } else { all[place - 1].0 };
                products.push(product.spectrum(step, lag));
            }
        }
        let mut exponents: Vec<f64> = product.growth.iter().map(|sum| sum / all.len() as f64).collect();
        exponents.sort_unstable_by(|a, b| b.total_cmp(a));
        Self { steps, products, exponents }
    }
}

/// J\[k+1\]ᵀ ⋯ J\[T\]ᵀ, extended backwards step by step.
struct Product {
    /// Orthogonal: the transposed product is this times the rows.
    q: DMatrix<f64>,
    rows: Rows,
    /// The sum of ln |Rᵢᵢ|.
    growth: Vec<f64>,
    /// The product itself, precise above rounding, and the exponent taken out of it.
    whole: (DMatrix<f64>, i64),
    gradient: Option<DVector<f64>>,
}

impl Product {
    fn new(size: usize, gradient: Option<&[f64]>) -> Self {
        Self {
            q: DMatrix::identity(size, size),
            rows: Rows::identity(size),
            growth: vec![0.0; size],
            whole: (DMatrix::identity(size, size), 0),
            gradient: gradient.map(DVector::from_column_slice),
        }
    }

    fn push(&mut self, jacobian: &DMatrix<f64>) {
        let (back, power) = scaled(&jacobian.transpose());
        let Factors { q, r, order } = Factors::of(&back, &self.q);
        self.rows.reorder(&order);
        self.rows.multiply(&r, power);
        self.growth = order.iter().map(|&i| self.growth[i]).collect();
        let ln = |x: f64| x.abs().ln() + power as f64 * std::f64::consts::LN_2;
        self.growth.iter_mut().enumerate().for_each(|(i, sum)| *sum += ln(r[(i, i)]));
        self.q = q;
        let (whole, more) = scaled(&(&back * &self.whole.0));
        self.whole = (whole, self.whole.1 + power + more);
        self.gradient = self.gradient.take().map(|g| scaled_vector(&(&back * g)));
    }

    fn spectrum(&self, step: usize, lag: usize) -> ProductSpectrum {
        let (singular, leading) = self.rows.singular();
        let leading = &self.q * DVector::from_vec(leading);
        // The direction is off by its error over the gap to the next value: a hundredth of a radian is let pass.
        let error = (singular.len() * lag) as f64 * f64::EPSILON;
        let leads = |next: &Magnitude| 1.0 - (*next / singular[0]).to_f64() > 100.0 * error;
        let known = !singular[0].is_zero() && singular.get(1).is_none_or(leads);
        let angle = self.gradient.as_ref().filter(|g| known && g.amax() > 0.0).map(|g| {
            let along = g.dot(&leading);
            // By the tangent: a cosine near 1 has lost the digits of its angle.
            (g - &leading * along).norm().atan2(along.abs()).to_degrees()
        });
        let (whole, power) = &self.whole;
        ProductSpectrum { step, lag, singular, eigenvalues: eigenvalues(whole, *power, ROUNDING), angle }
    }
}

/// A matrix divided by a power of two, so that its largest entry is between 1 and 2.
fn scaled(a: &DMatrix<f64>) -> (DMatrix<f64>, i64) {
    let size = Magnitude::of(a.amax());
    if size.is_zero() || !size.is_finite() {
        return (a.clone(), 0);
    }
    let power = size.exponent();
    // In two factors: the power for a subnormal number alone overflows.
    let half = power / 2;
    (a.map(|x| x * two_to(-half) * two_to(half - power)), power)
}

fn scaled_vector(v: &DVector<f64>) -> DVector<f64> {
    let largest = v.amax();
    if largest > 0.0 && largest.is_finite() { v / largest } else { v.clone() }
}

/// 2ⁿ; 0 far below `f64`.
pub(super) fn two_to(n: i64) -> f64 {
    #[allow(clippy::cast_possible_truncation)] // within ±1100
    2f64.powi(n.clamp(-1100, 1100) as i32)
}

/// The singular values of a matrix, the largest first.
fn singular(a: &DMatrix<f64>) -> Vec<f64> {
    let (a, power) = scaled(a);
    let mut found: Vec<f64> =
        a.singular_values().iter().map(|s| Magnitude::of(*s).scaled(power).to_f64()).collect();
    found.sort_unstable_by(|a, b| b.total_cmp(a));
    found
}

/// The eigenvalues of a matrix times a power of 2 whose moduli are at least a fraction of its norm, the largest
/// first.
fn eigenvalues(a: &DMatrix<f64>, power: i64, least: f64) -> Vec<Eigenvalue> {
    let (a, more) = scaled(a);
    let least = least * a.norm();
    let mut found: Vec<_> = schur(a).iter().copied().filter(|z| z.re.hypot(z.im) >= least).collect();
    found.sort_by(|a, b| b.re.hypot(b.im).total_cmp(&a.re.hypot(a.im)));
    let apart = |z: nalgebra::Complex<f64>| Eigenvalue {
        modulus: Magnitude::of(z.re.hypot(z.im)).scaled(power + more),
        argument: z.im.atan2(z.re).to_degrees(),
    };
    found.into_iter().map(apart).collect()
}

/// The eigenvalues by the QR algorithm. Its shifts cycle on a few matrices, such as cyclic permutations: these are
/// reflected first, which keeps the eigenvalues.
fn schur(a: DMatrix<f64>) -> Vec<nalgebra::Complex<f64>> {
    let (n, tries) = (a.nrows(), 100 * a.nrows().max(10));
    let found = Schur::try_new(a.clone(), f64::EPSILON, tries).or_else(|| {
        let v =
            DVector::from_fn(n, |i, _| 1.0 + ((i + 1) as f64 * 0.618_033_988_749_894_9).fract()).normalize();
        let reflection = DMatrix::identity(n, n) - &v * v.transpose() * 2.0;
        Schur::try_new(&reflection * a * &reflection, f64::EPSILON, tries)
    });
    found.map_or_else(Vec::new, |schur| schur.complex_eigenvalues().iter().copied().collect())
}
