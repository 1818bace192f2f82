//! A function along one direction, or along several.

use super::FnCheck;
use super::hint::Probe;
use crate::hint::Hint;
use crate::leaves;
use crate::numeric::{Curve, Derivative, FIRST, Look, Nearby, Noise, Parts, Scale, pieces};
use crate::report::{Element, Report};
use crate::verdict::{COARSE, Comparison, Verdict, corroborated};
use autograd::ops::Sampler;
use autograd::{Error, Shape, Value, norm};
use ndarray::{ArrayD, Zip};
use std::collections::HashMap;

/// The rounding error of a claimed gradient, in units of the precision.
const ROUNDING: f64 = 16.0;

/// The number of directions at a kink: a wrong value can be between the one-sided slopes along one of them.
pub(super) const ON_A_KINK: usize = 8;

/// How many slopes are looked at where several kinks meet, for one array, and in how many parts it is turned there.
const NEAR: usize = 4096;
const PARTS: usize = 32;

/// An error of this many tolerances needs no second measurement.
const CLEAR: f64 = 10.0;

/// The largest noise that is taken for rounding, or for a kink beside the point: in many digits so many units in the last
/// place; in fewer a part of the function, or so many of their units.
const ROUGH: f64 = 1e6;
const ROUGH_PART: f64 = 1e-3;
const ROUGH_IF_COARSE: f64 = 64.0;

/// The largest steps of the attempts after the first.
const AGAIN: [f64; 3] = [0.06, 0.023, 0.17];

/// The function under check, one array at a time, through a cotangent: ⟨v, f⟩.
pub(super) struct Subject<'a, F> {
    pub check: &'a FnCheck,
    pub f: &'a mut F,
    /// The cotangent v, in the shape of the function's result.
    pub cotangent: ArrayD<f64>,
    /// The function's values along one direction, kept for several cotangents.
    pub kept: Option<HashMap<u64, ArrayD<f64>>>,
    /// The number of calls.
    pub calls: usize,
    /// The relative precision of its values.
    pub precision: f64,
    /// The relative precision of the claimed gradient.
    pub rounding: f64,
    /// The index of the array that varies.
    pub i: usize,
    pub scale: Scale,
    /// Its noise along the first direction.
    pub noise: Option<Noise>,
    /// What was measured along directions of the whole array.
    pub probes: Vec<Probe>,
    /// Other gradients that this array could be of, with what that would be.
    pub rivals: Vec<(Hint, ArrayD<f64>)>,
    /// The largest noise beyond rounding that left an array undecided, and the size of the function there.
    pub rough: Option<Noise>,
    /// A result shape that differs from the one at the point, if the function returned one.
    reshaped: Option<Shape>,
    /// How many slopes may still be looked at where kinks meet, for this array.
    near: usize,
    /// Whether no pieces held a value of this array between them: it is wrong, and the next is not searched for.
    vain: bool,
}

impl<'a, F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'a, F> {
    pub fn new(check: &'a FnCheck, f: &'a mut F, cotangent: ArrayD<f64>) -> Self {
        Self {
            check,
            f,
            cotangent,
            kept: None,
            calls: 0,
            precision: check.precision.unwrap_or(f64::EPSILON),
            rounding: check.rounding.unwrap_or(f64::EPSILON),
            i: 0,
            scale: Scale::typical(&ArrayD::zeros(vec![0])),
            noise: None,
            probes: Vec::new(),
            rivals: Vec::new(),
            rough: None,
            reshaped: None,
            near: NEAR,
            vain: false,
        }
    }

    /// Selects another array.
    pub fn turn(&mut self, i: usize) {
        (self.i, self.scale, self.noise) = (i, self.check.scale(i), None);
        (self.near, self.vain) = (NEAR, false);
        self.probes.clear();
    }

    /// Whether the budget allows another call.
    pub fn may_ask(&self) -> bool {
        self.calls < self.check.budget
    }

    pub fn tell(&self, report: &mut Report) {
        report.calls = self.calls;
        let budget = self.check.spent(self.calls);
        let shape = self.reshaped.as_ref().map(|other| {
            let here = Shape::from(self.cotangent.shape());
            format!(
                "the function has shape {here} at the point, and {other} at one that it was moved to: \
                 what it was there is not looked at"
            )
        });
        let noise = report.on_noise(self.rough, self.precision);
        for note in budget.into_iter().chain(shape).chain(noise) {
            if !report.notes.contains(&note) {
                report.notes.push(note);
            }
        }
    }

    /// Keeps the noise of an array that was not decided, if it is more than rounding.
    pub fn is_rough(&mut self) {
        let part = |noise: Noise| noise.deviation / noise.size;
        let most = (ROUGH * self.precision).min(ROUGH_PART.max(ROUGH_IF_COARSE * self.precision));
        if let Some(noise) = self.noise
            && noise.size > 0.0
            && part(noise) > most
            && self.rough.is_none_or(|rough| part(noise) > part(rough))
        {
            self.rough = Some(noise);
        }
    }

    /// The function's value where it is defined, within the budget.
    pub fn value(&mut self, x: &[ArrayD<f64>]) -> ArrayD<f64> {
        let inside = self.check.bounds.as_ref().is_none_or(|[lower, upper]| {
            let within = |((x, l), u): ((&ArrayD<f64>, &ArrayD<f64>), &ArrayD<f64>)| {
                Zip::from(x).and(l).and(u).all(|x, l, u| l <= x && x <= u)
            };
            x.iter().zip(lower).zip(upper).all(within)
        });
        if !inside || !self.may_ask() {
            return ArrayD::from_elem(self.cotangent.raw_dim(), f64::NAN);
        }
        self.calls += 1;
        let y = (self.f)(x);
        if y.shape() == self.cotangent.shape() {
            return y;
        }
        // A change of shape is an error: it is not one function.
        self.reshaped.get_or_insert_with(|| y.shape().into());
        &self.cotangent * f64::NAN
    }

    /// Array i, moved along a direction.
    pub fn moved(&self, i: usize, direction: &ArrayD<f64>, t: f64) -> ArrayD<f64> {
        let x = &self.check.at[i];
        match &self.check.motion {
            Some(motion) if t != 0.0 => (motion.0)(x, direction, t),
            _ => Zip::from(x).and(direction).map_collect(|&x, &u| x + t * u),
        }
    }

    /// The direction with every element at a bound turned inwards, and whether there was one.
    pub fn inwards(&self, direction: &ArrayD<f64>) -> (ArrayD<f64>, bool) {
        let mut turned = direction.clone();
        let Some([lower, upper]) = &self.check.bounds else { return (turned, false) };
        let mut any = false;
        Zip::from(&mut turned).and(&self.check.at[self.i]).and(&lower[self.i]).and(&upper[self.i]).for_each(
            |u, x, low, high| {
                let (at_low, at_high) = (x <= low, x >= high);
                if *u != 0.0 && (at_low || at_high) {
                    any = true;
                    *u = match (at_low, at_high) {
                        (true, true) => 0.0,
                        (true, false) => u.abs(),
                        _ => -u.abs(),
                    };
                }
            },
        );
        (turned, any)
    }

    /// One measurement of the slope, compared with the claimed one.
    pub fn measure(
        &mut self,
        direction: &ArrayD<f64>,
        length: f64,
        first: f64,
        known: Option<Noise>,
    ) -> Result<Comparison, Error> {
        self.measure_beside(direction, None, length, first, known)
    }

    /// The same, compared with the sum of some products; by default, of the claimed gradient and the direction.
    pub fn measure_beside(
        &mut self,
        direction: &ArrayD<f64>,
        products: Option<&ArrayD<f64>>,
        length: f64,
        first: f64,
        known: Option<Noise>,
    ) -> Result<Comparison, Error> {
        let (direction, bounded) = self.inwards(direction);
        let product = products.map_or_else(|| &self.check.claimed[self.i] * &direction, Clone::clone);
        let rounding = ROUNDING * self.rounding * product.iter().map(|p| p.abs()).sum::<f64>();
        let size = norm(&product);
        let compare = |derivative: &Derivative| Comparison::new(product.sum(), derivative, rounding, size);
        let (method, precision) = (self.check.method, self.precision);
        let cotangent: [Value<f64>; 1] = [self.cotangent.clone().into()];
        let mut x = self.check.at.clone();
        let outputs =
            |t: f64| Ok(Look { values: vec![self.along(&mut x, &direction, t).into()], sides: Vec::new() });
        let mut curve = Curve { outputs, cotangents: &cotangent, method, first, precision };
        let nearby = Nearby::new(16, precision);
        let noise = match known {
            Some(noise) => noise,
            None => curve.noise(&if bounded { nearby.inwards() } else { nearby }, length)?,
        };
        let comparison = if bounded {
            compare(&curve.inwards(length, noise)?)
        } else if known.is_some() {
            compare(&curve.derivative(length, noise)?)
        } else {
            curve.compared(length, noise, &compare)?.0
        };
        self.noise.get_or_insert(noise);
        Ok(comparison)
    }

    /// The function's value after the selected array is moved along a direction.
    pub fn along(&mut self, x: &mut [ArrayD<f64>], direction: &ArrayD<f64>, t: f64) -> ArrayD<f64> {
        if let Some(y) = self.kept.as_ref().and_then(|kept| kept.get(&t.to_bits())) {
            return y.clone();
        }
        x[self.i] = self.moved(self.i, direction, t);
        let y = self.value(x);
        if let Some(kept) = &mut self.kept {
            kept.insert(t.to_bits(), y.clone());
        }
        y
    }

    /// A measurement that is repeated with other steps if it disagrees.
    pub fn confirmed(&mut self, direction: &ArrayD<f64>) -> Result<Comparison, Error> {
        self.confirmed_beside(direction, None)
    }

    /// The same, compared with the sum of some products.
    pub fn confirmed_beside(
        &mut self,
        direction: &ArrayD<f64>,
        products: Option<&ArrayD<f64>>,
    ) -> Result<Comparison, Error> {
        let length = self.scale.length;
        self.asked(direction, products, length)
    }

    /// What lies beyond the slopes from both sides may lie between those of other pieces that meet there.
    fn asked(
        &mut self,
        direction: &ArrayD<f64>,
        products: Option<&ArrayD<f64>>,
        length: f64,
    ) -> Result<Comparison, Error> {
        let comparison = self.repeated(direction, products, length)?;
        self.among_pieces(direction, length, comparison)
    }

    /// The same of a comparison that was made.
    pub fn among_pieces(
        &mut self,
        direction: &ArrayD<f64>,
        length: f64,
        comparison: Comparison,
    ) -> Result<Comparison, Error> {
        let (direction, bounded) = self.inwards(direction);
        let (Some(sides), Some(noise), None, false) =
            (comparison.beyond(), self.noise, &self.check.motion, bounded || self.vain)
        else {
            return Ok(comparison);
        };
        let (at, precision) = (self.check.at.clone(), self.precision);
        let mut sampler = Sampler::new(self.check.seed);
        let ways: Vec<ArrayD<f64>> = (0..at.len())
            .map(|i| {
                let scale = self.check.scale(i);
                scale.length * scale.stretch(leaves::weights(&at[i].shape().into(), &mut sampler))
            })
            .collect();
        let parts = Parts::new(direction.len(), PARTS, at.len());
        let (method, cotangent) = (self.check.method, [self.cotangent.clone().into()]);
        let mut slope = |factors: &[f64], away: f64| {
            if self.near == 0 {
                return Ok(None);
            }
            self.near -= 1;
            let mut near = at.clone();
            for (i, (near, way)) in near.iter_mut().zip(&ways).enumerate() {
                for (place, (x, v)) in near.iter_mut().zip(way).enumerate() {
                    let own = i == self.i;
                    *x += away * v * if own { parts.own(factors, place) } else { parts.other(factors, i) };
                }
            }
            let outputs = |t: f64| {
                let mut x = near.clone();
                x[self.i].scaled_add(t, &direction);
                Ok(Look { values: vec![self.value(&x).into()], sides: Vec::new() })
            };
            Curve { outputs, cotangents: &cotangent, method, first: FIRST, precision }
                .inside(length * pieces::step_at(away, precision), noise)
        };
        let found = pieces::reach(comparison.analytic, sides, precision, parts, &mut slope)?;
        Ok(match found {
            // Slopes that differ by less than is known of them are those of noise, and no pieces. In many digits more is
            // known of pieces than noise leaves.
            Some(pieces @ [low, high])
                if comparison.tolerance > high - low
                    || !self.is_coarse()
                        && comparison.tolerance
                            > COARSE
                                * pieces.into_iter().chain(sides).fold(0.0, |m: f64, s| m.max(s.abs())) =>
            {
                Comparison { verdict: Verdict::Inconclusive, ..comparison }
            }
            Some(pieces) => comparison.between_pieces(pieces),
            // The search was cut short: nothing is proved.
            None if self.near == 0 || !self.may_ask() => {
                Comparison { verdict: Verdict::Inconclusive, ..comparison }
            }
            None => {
                self.vain = true;
                comparison
            }
        })
    }

    fn repeated(
        &mut self,
        direction: &ArrayD<f64>,
        products: Option<&ArrayD<f64>>,
        length: f64,
    ) -> Result<Comparison, Error> {
        let mut attempts = vec![self.measure_beside(direction, products, length, FIRST, None)?];
        if attempts[0].verdict.is_good() || !attempts[0].analytic.is_finite() {
            return Ok(attempts[0]);
        }
        if attempts[0].verdict == Verdict::Fail {
            for first in AGAIN {
                attempts.push(self.measure_beside(direction, products, length, first, None)?);
                let so_far = corroborated(&attempts);
                if so_far.verdict == Verdict::Fail {
                    return Ok(so_far);
                }
            }
        }
        // The function may vary on another scale than its argument suggests.
        let others = [if (length - 1.0).abs() < 1e-9 { 1e-2 } else { 1.0 }, 1e-4 * length];
        for other in others {
            let so_far = corroborated(&attempts);
            if so_far.verdict != Verdict::Inconclusive {
                return Ok(so_far);
            }
            attempts.push(self.measure_beside(direction, products, other, FIRST, None)?);
            if attempts.last().is_some_and(|c| c.verdict == Verdict::Fail) {
                attempts.push(self.measure_beside(direction, products, other, AGAIN[0], None)?);
            }
        }
        Ok(corroborated(&attempts))
    }

    /// Compares along a random direction and, at a kink, along others too. There a wrong gradient can be between the
    /// one-sided slopes along one direction, but a single direction along which it is not proves it wrong. The most
    /// sensitive direction is the gradient itself.
    pub fn along_several(&mut self, sampler: &mut Sampler) -> Result<Comparison, Error> {
        let shape = self.check.at[self.i].shape().into();
        let direction = self.scale.stretch(leaves::weights(&shape, sampler));
        let comparison = self.confirmed(&direction)?;
        self.keep(&direction, &comparison);
        self.on_a_kink(comparison, &direction, sampler)
    }

    /// What was found along a direction and, if there is a kink, along others.
    pub fn on_a_kink(
        &mut self,
        comparison: Comparison,
        direction: &ArrayD<f64>,
        sampler: &mut Sampler,
    ) -> Result<Comparison, Error> {
        if comparison.verdict != Verdict::Kink {
            return Ok(comparison);
        }
        let shape = self.check.at[self.i].shape().into();
        let gradient = &self.check.claimed[self.i];
        let aligned = Zip::from(direction).and(gradient).map_collect(|u, g| u.abs().copysign(*g));
        // All elements alike: ties stay tied, and the weights of a maximum add up to 1.
        let alike = self.scale.stretch(ArrayD::ones(gradient.raw_dim()));
        let mut others = vec![aligned, direction.mapv(f64::abs), alike];
        for _ in others.len()..ON_A_KINK {
            others.push(self.scale.stretch(leaves::weights(&shape, sampler)));
        }
        let mut several = comparison.pieces.is_some();
        for direction in others {
            let other = self.confirmed(&direction)?;
            several |= other.pieces.is_some();
            if !other.verdict.is_good() {
                return Ok(other);
            }
        }
        // What one element has too much can lie between the slopes that the kinks of all others leave.
        if several {
            let count = gradient.len();
            let mut places: Vec<usize> =
                if count <= PARTS { (0..count).collect() } else { sampler.permutation(count) };
            places.truncate(PARTS);
            for place in places {
                let one = self.element(place)?;
                if !one.comparison.verdict.is_good() {
                    return Ok(one.comparison);
                }
            }
        }
        Ok(comparison)
    }

    /// A single element.
    pub fn element(&mut self, place: usize) -> Result<Element, Error> {
        let (index, direction, length) = self.alone(place);
        let comparison = self.asked(&direction, None, length)?;
        Ok(Element { index, comparison })
    }

    /// A single element of a gradient that is wrong: measured once, or twice, where that is clear.
    pub fn glimpse(&mut self, place: usize) -> Result<Element, Error> {
        let (index, direction, length) = self.alone(place);
        let mut comparison = self.measure(&direction, length, FIRST, self.noise)?;
        if comparison.verdict == Verdict::Fail && comparison.excess() <= CLEAR {
            let again = self.measure(&direction, length, AGAIN[0], self.noise)?;
            comparison = corroborated(&[comparison, again]);
        }
        if comparison.sides.is_some() {
            comparison = self.asked(&direction, None, length)?;
        }
        Ok(Element { index, comparison })
    }

    /// The index of an element, its direction, and its unit of steps.
    pub fn alone(&self, place: usize) -> (Vec<usize>, ArrayD<f64>, f64) {
        let x = &self.check.at[self.i];
        let mut direction = ArrayD::zeros(x.raw_dim());
        let (index, one) =
            direction.indexed_iter_mut().nth(place).expect("callers number the elements of this array");
        *one = 1.0;
        let index = ndarray::Dimension::slice(&index).to_vec();
        let length = self.scale.of_element(place, x[&*index]);
        (index, direction, length)
    }
}
