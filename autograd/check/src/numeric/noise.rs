//! Measures the rounding noise of a function.
//!
//! The noise is the residual of a polynomial fit to values at points so close that a smooth function is a polynomial
//! of that degree (the idea of Moré and Wild 2011, *Estimating computational noise*; their points are equidistant,
//! which can resonate with the lattice of floating-point numbers). In f64 the points are within 10⁻¹⁰, a million
//! times ε, so that the last digits are random, and a straight line suffices. For a function computed in f32 they are
//! within ∛ε, and the polynomial is cubic.

use super::{COARSE, Curve, Look};
use autograd::{Error, Value};
use ndarray::ArrayD;

/// The precision of φ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// The standard deviation of its rounding errors.
    pub deviation: f64,
    /// Σ|ȳ y|
    pub size: f64,
}

/// The points for noise measurements, relative to the length of x.
#[derive(Clone, Debug)]
pub(crate) struct Nearby {
    pub points: Vec<f64>,
    degree: usize,
}

impl Nearby {
    /// `count` points, for a function of this relative precision.
    pub fn new(count: i32, precision: f64) -> Self {
        // The fractional parts of i² times an irrational number are equidistributed (Weyl 1916).
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let (radius, degree) = if precision < COARSE { (1e-10, 1) } else { (precision.cbrt(), 3) };
        let points =
            (1..=count).map(|i| radius * (2.0 * (f64::from(i * i) * golden).fract() - 1.0)).collect();
        Self { points, degree }
    }

    /// The same points on one side.
    pub fn inwards(mut self) -> Self {
        self.points.iter_mut().for_each(|t| *t = t.abs());
        self
    }

    /// The standard deviation, over all elements, of the rounding errors in the values at the points.
    pub fn deviation(&self, values: &[ArrayD<f64>]) -> f64 {
        let Some(first) = values.first() else { return 0.0 };
        // Differences of such close numbers are exact.
        let mut rest: Vec<ArrayD<f64>> = values.iter().map(|y| y - first).collect();
        for basis in self.basis() {
            let part = rest.iter().zip(&basis).fold(first * 0.0, |sum, (y, q)| sum + y * *q);
            rest.iter_mut().zip(&basis).for_each(|(y, q)| y.zip_mut_with(&part, |y, part| *y -= q * part));
        }
        // Scale, since squares of very large or small numbers are out of range.
        let largest = rest.iter().flatten().fold(0.0, |m: f64, r| m.max(r.abs()));
        if largest == 0.0 || !largest.is_finite() {
            return largest;
        }
        let squares: f64 = rest.iter().flatten().map(|r| (r / largest).powi(2)).sum();
        let freedom = values.len().saturating_sub(self.degree + 1).max(1);
        // Few points may be near the polynomial by chance.
        let luck = (1.0 + 4.0 / freedom as f64).sqrt();
        luck * largest * (squares / (freedom * first.len().max(1)) as f64).sqrt()
    }

    /// The polynomials up to the degree, orthonormal over the points (Gram-Schmidt).
    fn basis(&self) -> Vec<Vec<f64>> {
        let scale = self.points.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for power in 0..=i32::try_from(self.degree).unwrap_or(0) {
            let mut next: Vec<f64> = self.points.iter().map(|t| (t / scale).powi(power)).collect();
            for q in &basis {
                let along: f64 = next.iter().zip(q).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(q).for_each(|(a, b)| *a -= along * b);
            }
            let norm = next.iter().map(|a| a * a).sum::<f64>().sqrt();
            basis.push(next.iter().map(|a| a / norm).collect());
        }
        basis
    }
}

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// Measures the rounding errors of φ near 0.
    pub fn noise(&mut self, nearby: &Nearby, length: f64) -> Result<Noise, Error> {
        let first = (self.outputs)(0.0)?;
        let (mut deviation, moves) = self.spread(&first, nearby, length)?;
        let size = |(v, y): (&Value<f64>, &Value<f64>)| (v.float() * y.float()).map(|p| p.abs()).sum();
        let size = self.cotangents.iter().zip(&first.values).map(size).sum();
        if deviation > ACROSS * self.precision * size {
            // There may be an undeclared kink or jump, with both sides smooth.
            let sides = [length, -length];
            let sides: Vec<(f64, bool)> = sides
                .into_iter()
                .map(|length| self.spread(&first, &nearby.clone().inwards(), length))
                .collect::<Result<_, _>>()?;
            deviation = deviation.min(sides[0].0.max(sides[1].0));
        }
        if !moves {
            deviation = deviation.max(self.stair(&first, length)? / 12f64.sqrt());
        }
        Ok(Noise { deviation, size })
    }

    /// The deviation over nearby points, and whether φ changes at all.
    fn spread(&mut self, first: &Look, nearby: &Nearby, length: f64) -> Result<(f64, bool), Error> {
        let mut values = Vec::new();
        for t in &nearby.points {
            let near = (self.outputs)(t * length)?;
            // Across a kink there would be a bend and no noise.
            let change = if near.sides == first.sides { self.difference(first, &near) } else { 0.0 };
            values.push(ndarray::arr0(change).into_dyn());
        }
        let moves = values.iter().flatten().any(|change| *change != 0.0);
        Ok((nearby.deviation(&values), moves))
    }

    /// The height of the first step next to 0, for a function that is constant nearby: `(x + 10¹²) − 10¹²` changes by
    /// 10⁻⁴ or not at all.
    fn stair(&mut self, first: &Look, length: f64) -> Result<f64, Error> {
        for k in 1..=STAIRS {
            let near = (self.outputs)(1e-10 * length * 10f64.powi(k))?;
            let change = self.difference(first, &near).abs();
            if near.sides != first.sides || !change.is_finite() {
                break;
            }
            if change > 0.0 {
                return Ok(change);
            }
        }
        Ok(0.0)
    }
}

/// Noise above this many units in the last place is measured on each side alone.
const ACROSS: f64 = 1e6;

/// How often a distance without a change is multiplied by ten: up to a thousandth of the length.
const STAIRS: i32 = 7;

/// The number of points that measure the roughness of a function.
const ROUGH: i32 = 9;

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// The roughness of φ on the scale of a step: the residual of high-order differences over equidistant points,
    /// which is rounding for a smooth function (Moré and Wild 2011, section 5). It detects an iteration that stops
    /// after a varying number of rounds, or terms that cancel a large constant.
    pub fn roughness(&mut self, step: f64) -> Result<f64, Error> {
        let first = (self.outputs)(0.0)?;
        let mut row = Vec::new();
        for k in 0..ROUGH {
            let near = (self.outputs)(step * f64::from(k - ROUGH / 2) / f64::from(ROUGH))?;
            if near.sides != first.sides {
                return Ok(0.0);
            }
            row.push(self.difference(&first, &near));
        }
        let (mut least, mut weight) = (f64::INFINITY, 1.0);
        for k in 1..ROUGH {
            row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
            // (k!)² / (2k)!
            weight *= f64::from(k * k) / f64::from(2 * k * (2 * k - 1));
            let largest = row.iter().fold(f64::MIN_POSITIVE, |m: f64, d| m.max(d.abs()));
            let mean = row.iter().map(|d| (d / largest).powi(2)).sum::<f64>() / row.len() as f64;
            if k > 3 {
                least = least.min(largest * (weight * mean).sqrt());
            }
        }
        Ok(if least.is_finite() { least } else { 0.0 })
    }
}
