//! Numeric derivatives with an error estimate.
//!
//! The function is `φ(t) = ⟨ȳ, y(x + t u)⟩`, a [`Curve`]. A [`Method`] uses one step, or extrapolates many
//! (`richardson.rs`). The error of a [`Slope`] has two separate parts: truncation, the change of the estimates as h
//! falls, and rounding, from the measured noise of φ (`noise.rs`).
//!
//! **Kinks.** Nodes such as `relu` report the side of their kink
//! ([`Operator::branches`](autograd::ops::Operator::branches)). Points with equal sides are on the same smooth piece,
//! so a difference is used only if the sides at x, x + h and x − h are equal; otherwise h is reduced. If no h is small
//! enough, x itself is on the kink, and has a slope from the left and one from the right (`sides.rs`). Where several
//! kinks meet there are more (`pieces.rs`).

mod noise;
pub(super) mod pieces;
mod richardson;
mod scale;
mod sides;
mod stencil;

pub(super) use noise::{Nearby, Noise};
pub(super) use pieces::Parts;
pub(super) use richardson::Table;
pub(super) use scale::Scale;

use super::verdict::{Comparison, Verdict};
use autograd::{Error, Value};
use ndarray::Zip;

/// k in the tolerance: the factor by which the error of a numeric derivative may exceed its estimate.
///
/// The rounding part is a standard deviation. Among a million normal deviates the largest is 5; past the next power
/// of two, which a step can cross but the measurement does not, deviations are twice as large; and the chosen entry
/// is the best of 28, so its estimate can be too small by chance: twice again.
pub const SAFETY: f64 = 20.0;

/// The method of a numeric derivative. Steps are in units of max(1, the size of x).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `D(h) = (φ(h) − φ(−h)) / 2h`. In f64 a step of 6·10⁻⁶ is best, and the error is about 4·10⁻¹¹; it is estimated
    /// from `D(2h)`.
    Central {
        /// h
        step: f64,
    },
    /// `(4 D(h) − D(2h)) / 3`, five points including the middle one. In f64 a step of 7·10⁻⁴ is best, and the error
    /// is about 3·10⁻¹³; it is estimated from the same formula at 2h.
    FivePoint {
        /// h
        step: f64,
    },
    /// Central differences at decreasing steps, extrapolated to h = 0 until they converge.
    #[default]
    Richardson,
}

/// An evaluation at one point of a curve.
#[derive(Debug)]
pub(super) struct Look {
    /// The outputs.
    pub values: Vec<Value<f64>>,
    /// For each node with kinks, the sides it is on.
    pub sides: Vec<Vec<bool>>,
}

/// A numeric derivative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub value: f64,
    /// The change of the estimates as the step falls.
    pub truncation: f64,
    /// The rounding error, a standard deviation.
    pub rounding: f64,
    /// The smallest slope that differences resolve beside the function's value, √ε Σ|ȳ y| per length, and beside its
    /// slopes near by.
    pub unseen: f64,
    /// The smallest step in use.
    pub step: f64,
}

impl Slope {
    const NONE: Self =
        Self { value: f64::NAN, truncation: f64::INFINITY, rounding: f64::INFINITY, unseen: 0.0, step: 0.0 };

    /// The estimate of its error.
    pub fn error(&self) -> f64 {
        self.truncation + self.rounding
    }

    /// Whether the estimates have converged: near a pole they never do, and are then meaningless.
    pub fn is_settled(&self) -> bool {
        let small = self.truncation <= 0.05 * self.value.abs() || self.truncation <= 10.0 * self.rounding;
        self.truncation.is_finite() && small
    }
}

/// The result of differences at 0.
#[derive(Clone, Debug)]
pub(super) enum Derivative {
    /// The function is smooth there.
    Smooth(Slope),
    /// It has a kink: a slope on each side, and the indices of the nodes that change sides.
    Sides {
        left: Slope,
        right: Slope,
        sharp: Vec<usize>,
        /// Whether the limits from both sides differ from the value there: a jump.
        jump: bool,
    },
}

/// The function φ(t) = ⟨ȳ, y(t)⟩.
pub(super) struct Curve<'a, F> {
    /// y(t)
    pub outputs: F,
    pub cotangents: &'a [Value<f64>],
    pub method: Method,
    /// The largest step of an extrapolation.
    pub first: f64,
    /// The relative precision that outputs are computed in.
    pub precision: f64,
}

/// The default largest step of an extrapolation.
pub(super) const FIRST: f64 = 0.1;
/// A larger precision is single precision, or worse.
const COARSE: f64 = 1e-12;
/// A function with more relative noise than this says nothing.
const LOST: f64 = 1e-2;
/// The maximum number of step reductions: to 6·10⁻¹² of the length.
const MOST: i32 = 18;

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// dφ/dt at 0. `length` is the unit of steps.
    pub fn derivative(&mut self, length: f64, noise: Noise) -> Result<Derivative, Error> {
        let base = (self.outputs)(0.0)?;
        // Each attempt has other steps, whatever the method.
        let part = self.first / FIRST;
        let smooth = match self.method {
            Method::Richardson => self.richardson(&base, length, noise)?,
            Method::Central { step } => self.central(&base, step * part * length, length, noise)?,
            Method::FivePoint { step } => self.five_point(&base, step * part * length, length, noise)?,
        };
        let mut derivative = match smooth {
            Some(slope) => Derivative::Smooth(slope),
            None => self.sides(&base, length, noise)?,
        };
        if self.is_lost(&base, length, noise)? {
            let slopes = match &mut derivative {
                Derivative::Smooth(slope) => vec![slope],
                Derivative::Sides { left, right, .. } => vec![left, right],
            };
            slopes.into_iter().for_each(|slope| slope.truncation = f64::INFINITY);
        }
        Ok(derivative)
    }

    /// Whether the function changes no more over the largest step than over 10⁻¹⁰ of it: in chaos a slope exists, but
    /// differences cannot find it.
    fn is_lost(&mut self, base: &Look, length: f64, noise: Noise) -> Result<bool, Error> {
        let small = |size: f64| noise.deviation <= LOST * size;
        if small(noise.size) {
            return Ok(false);
        }
        let largest = self.largest() * length;
        // Near a kink it may be flat towards one side.
        let mut moved = 0.0_f64;
        for t in [largest, -largest] {
            let far = (self.outputs)(t)?;
            moved = moved.max(self.difference(base, &far).abs());
        }
        Ok(moved.is_finite() && !small(moved))
    }

    /// The derivative, compared with an analytic one. An undeclared kink shows in the slopes alone: they are computed
    /// if the derivative disagrees.
    pub fn compared(
        &mut self,
        length: f64,
        noise: Noise,
        compare: &dyn Fn(&Derivative) -> Comparison,
    ) -> Result<(Comparison, Derivative), Error> {
        let mut derivative = self.derivative(length, noise)?;
        let mut comparison = compare(&derivative);
        if let (Verdict::Fail, Derivative::Smooth(slope)) = (comparison.verdict, &derivative)
            && comparison.analytic.is_finite()
        {
            // A function can be rough on a larger scale than rounding, such as an iteration with a stopping
            // criterion.
            let rough = self.roughness(slope.step)?;
            if rough > noise.deviation {
                derivative = self.derivative(length, Noise { deviation: rough, ..noise })?;
                comparison = compare(&derivative);
            }
        }
        let good = comparison.verdict.is_good() || !comparison.analytic.is_finite();
        if good || matches!(derivative, Derivative::Sides { .. }) {
            return Ok((comparison, derivative));
        }
        let base = (self.outputs)(0.0)?;
        let sides = self.sides(&base, length, noise)?;
        let apart = compare(&sides);
        let told =
            apart.verdict != Verdict::Inconclusive && (apart.is_on_kink() || apart.verdict == Verdict::Kink);
        Ok(if told { (apart, sides) } else { (comparison, derivative) })
    }

    /// The ratio of successive steps. A function of low precision has its best steps among the large ones, with a
    /// finer ratio.
    fn ratio(&self) -> f64 {
        if self.precision < COARSE { 4.0 } else { 2.0 }
    }

    /// The largest step of an extrapolation.
    fn largest(&self) -> f64 {
        if self.precision < COARSE { self.first } else { 4.0 * self.first }
    }

    /// y(−h) and y(h), unless there is a kink between them.
    fn both(&mut self, base: &Look, h: f64) -> Result<Option<[Look; 2]>, Error> {
        let after = (self.outputs)(h)?;
        if after.sides != base.sides {
            return Ok(None);
        }
        let before = (self.outputs)(-h)?;
        Ok((before.sides == base.sides).then_some([before, after]))
    }

    /// The noise of a difference: as measured near 0, or half a unit in the last place of each changing element,
    /// which can be larger far away.
    fn deviation(&self, noise: Noise, moved: f64) -> f64 {
        // If no bit changes, a change of half a unit of the whole could be hidden.
        let moved = if moved > 0.0 { moved } else { noise.size };
        noise.deviation.max(0.5 * self.precision * moved)
    }

    fn unseen(&self, size: f64, length: f64) -> f64 {
        self.precision.sqrt() * size / length
    }

    /// ⟨ȳ, b − a⟩. Elements are subtracted before they are summed, so unchanged ones add no error.
    fn difference(&self, a: &Look, b: &Look) -> f64 {
        let term = |((v, a), b): ((&Value<f64>, &Value<f64>), &Value<f64>)| {
            Zip::from(v.float()).and(a.float()).and(b.float()).fold(0.0, |sum, &v, &a, &b| sum + v * (b - a))
        };
        self.cotangents.iter().zip(&a.values).zip(&b.values).map(term).sum()
    }

    /// Σ|ȳ y| over the changing elements, at the larger end of each.
    fn moved(&self, a: &Look, base: &Look, b: &Look) -> f64 {
        let mut size = 0.0;
        let values = a.values.iter().zip(&base.values).zip(&b.values);
        for (v, ((a, base), b)) in self.cotangents.iter().zip(values) {
            Zip::from(v.float()).and(a.float()).and(base.float()).and(b.float()).for_each(
                |v, a: &f64, base: &f64, b: &f64| {
                    if a.to_bits() != base.to_bits() || base.to_bits() != b.to_bits() {
                        // Past a pole there is nothing to measure.
                        let ends = [a, b].map(|y| if y.is_finite() { y.abs() } else { 0.0 });
                        size += v.abs() * ends[0].max(ends[1]).max(base.abs());
                    }
                },
            );
        }
        size
    }
}

#[cfg(test)]
mod tests;
