//! Euclidean norms without underflow or overflow.
//!
//! A gradient through a hundred steps is small, and its squares are smaller: √Σx² evaluates to 0 once the entries are
//! below 1.5e-162, though the norm is representable down to 5e-324. So squares are accumulated in three ranges (Blue
//! 1978; Anderson 2017, LAPACK's `dnrm2`). Beyond the range of `f64` a [`Magnitude`] stores its exponent separately.

use serde::{Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul};

/// The Euclidean norm √Σx², without intermediate underflow or overflow. Infinite or NaN if an element is.
///
/// ```
/// assert_eq!(autograd::norm(&[3e-200, -4e-200]), 5e-200);
/// assert!((autograd::norm(&[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
/// ```
pub fn norm<'a>(x: impl IntoIterator<Item = &'a f64>) -> f64 {
    Magnitude::norm(x).to_f64()
}

/// A non-negative number, m · 2ᵉ with 1 ≤ m < 2 and a separate exponent; or 0, ∞, NaN.
///
/// ```
/// use autograd::Magnitude;
///
/// let half = Magnitude::of(0.5);
/// let tiny = (0..10_000).fold(Magnitude::of(1.0), |product, _| product * half);
/// assert!((tiny.log10() + 3010.3).abs() < 0.01 && tiny.to_f64() == 0.0);
/// assert_eq!(tiny.to_string(), "5.012e-3011");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Magnitude {
    mantissa: f64,
    exponent: i64,
}

impl Magnitude {
    /// 0.
    pub const ZERO: Self = Self { mantissa: 0.0, exponent: 0 };
    /// Not a number: there is nothing to measure.
    pub const NAN: Self = Self { mantissa: f64::NAN, exponent: 0 };

    /// |x|.
    pub fn of(x: f64) -> Self {
        Self { mantissa: x.abs(), exponent: 0 }.normal()
    }

    /// The Euclidean norm √Σx².
    pub fn norm<'a>(x: impl IntoIterator<Item = &'a f64>) -> Self {
        let mut squares = Squares::default();
        x.into_iter().for_each(|&x| squares.add(x));
        squares.root()
    }

    /// The number times a power of 2.
    #[must_use]
    pub fn scaled(self, power: i64) -> Self {
        if self.is_zero() || !self.is_finite() {
            self
        } else {
            Self { exponent: self.exponent + power, ..self }
        }
    }

    /// Rounded to `f64`: 0 below 5e-324, ∞ above 1.8e308.
    pub fn to_f64(self) -> f64 {
        // In two factors, since the whole power of two may not be an `f64`.
        let half = self.exponent.clamp(-2200, 2200) / 2;
        self.mantissa * power_of_two(half) * power_of_two(self.exponent.clamp(-2200, 2200) - half)
    }

    /// The natural logarithm.
    pub fn ln(self) -> f64 {
        self.mantissa.ln() + self.exponent as f64 * std::f64::consts::LN_2
    }

    /// The logarithm to base 10.
    pub fn log10(self) -> f64 {
        self.mantissa.log10() + self.exponent as f64 * std::f64::consts::LOG10_2
    }

    /// The exponent e of m · 2ᵉ.
    pub fn exponent(self) -> i64 {
        self.exponent
    }

    /// A power of 10.
    pub fn power_of_ten(log10: f64) -> Self {
        let log2 = log10 * std::f64::consts::LOG2_10;
        #[allow(clippy::cast_possible_truncation)] // an exponent
        let whole = log2.floor() as i64;
        Self { mantissa: (log2 - log2.floor()).exp2(), exponent: whole }.normal()
    }

    /// Whether it is exactly 0, not merely too small for `f64`.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// Whether it is neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        self.mantissa.is_finite()
    }

    /// Whether it is NaN.
    pub fn is_nan(self) -> bool {
        self.mantissa.is_nan()
    }

    fn normal(self) -> Self {
        if self.mantissa == 0.0 || !self.mantissa.is_finite() {
            return Self { exponent: 0, ..self };
        }
        // A subnormal number is scaled up to find its exponent.
        let (mantissa, exponent) = if self.mantissa < f64::MIN_POSITIVE {
            (self.mantissa * power_of_two(64), self.exponent - 64)
        } else {
            (self.mantissa, self.exponent)
        };
        let bits = mantissa.to_bits();
        let power = i64::try_from(bits >> 52 & 0x7ff).unwrap_or(0) - 1023;
        let mantissa = f64::from_bits(bits & !(0x7ff << 52) | 1023 << 52);
        Self { mantissa, exponent: exponent + power }
    }
}

/// 2ⁿ for n from −1100 to 1100; 0 or ∞ outside the range of `f64`.
fn power_of_two(n: i64) -> f64 {
    #[allow(clippy::cast_possible_truncation)] // within ±1100
    2f64.powi(n as i32)
}

impl Mul for Magnitude {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self { mantissa: self.mantissa * other.mantissa, exponent: self.exponent + other.exponent }.normal()
    }
}

impl Div for Magnitude {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        Self { mantissa: self.mantissa / other.mantissa, exponent: self.exponent - other.exponent }.normal()
    }
}

impl Add for Magnitude {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (large, small) = if self.exponent >= other.exponent && !self.is_zero() || other.is_zero() {
            (self, other)
        } else {
            (other, self)
        };
        let shift = if small.is_zero() { 0 } else { (small.exponent - large.exponent).max(-1100) };
        Self { mantissa: large.mantissa + small.mantissa * power_of_two(shift), exponent: large.exponent }
            .normal()
    }
}

impl std::iter::Sum for Magnitude {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl PartialOrd for Magnitude {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let ordinary = |m: &Self| m.is_finite() && !m.is_zero();
        if ordinary(self) && ordinary(other) && self.exponent != other.exponent {
            return Some(self.exponent.cmp(&other.exponent));
        }
        self.mantissa.partial_cmp(&other.mantissa)
    }
}

impl From<f64> for Magnitude {
    fn from(x: f64) -> Self {
        Self::of(x)
    }
}

/// In scientific notation with four digits: `3.142e-400`; `0`, `∞`, `NaN`.
impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        if !self.is_finite() {
            return f.write_str(if self.is_nan() { "NaN" } else { "∞" });
        }
        let near = self.to_f64();
        if near.is_normal() {
            return write!(f, "{near:.3e}");
        }
        let log = self.log10();
        let (whole, digits) = (log.floor(), format!("{:.3}", 10f64.powf(log - log.floor())));
        if digits.starts_with("10") {
            write!(f, "1.000e{}", whole + 1.0)
        } else {
            write!(f, "{digits}e{whole}")
        }
    }
}

/// As Rust formats an `f64`; outside its range, with twelve digits.
impl fmt::LowerExp for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let near = self.to_f64();
        if near.is_normal() || self.is_zero() || !self.is_finite() {
            return near.fmt(f);
        }
        let log = self.log10();
        write!(f, "{:.11}e{}", 10f64.powf(log - log.floor()), log.floor())
    }
}

/// As a number; outside the range of `f64` as a string of its decimal digits, `"1.25e-400"`.
impl Serialize for Magnitude {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let near = self.to_f64();
        let beyond = self.is_finite() && !self.is_zero() && !near.is_normal();
        if beyond { format!("{self:e}").serialize(to) } else { near.serialize(to) }
    }
}

/// Sums of squares accumulated in three ranges, so that none underflows or overflows.
#[derive(Clone, Copy, Default, Debug)]
struct Squares {
    small: f64,
    middle: f64,
    large: f64,
}

/// Squares of numbers outside these bounds underflow or overflow; they are scaled by these powers of two.
const SMALL: f64 = 1.491_668_146_240_041_3e-154; // 2⁻⁵¹¹
const LARGE: f64 = 1.997_919_072_202_235e146; // 2⁴⁸⁶
const GROW: i64 = 537;
const SHRINK: i64 = -538;

impl Squares {
    fn add(&mut self, x: f64) {
        let size = x.abs();
        if size > LARGE {
            self.large += (size * power_of_two(SHRINK)).powi(2);
        } else if size < SMALL {
            if size > 0.0 {
                self.small += (size * power_of_two(GROW)).powi(2);
            }
        } else {
            self.middle += x * x; // also a NaN
        }
    }

    fn root(self) -> Magnitude {
        let part = |square: f64, power: i64| Magnitude::of(square.sqrt()).scaled(power);
        if self.large > 0.0 || self.middle.is_nan() {
            let middle = self.middle * power_of_two(SHRINK) * power_of_two(SHRINK);
            return part(self.large + middle, -SHRINK);
        }
        let (small, middle) = (part(self.small, -GROW), part(self.middle, 0));
        if self.small == 0.0 {
            return middle;
        }
        if self.middle == 0.0 {
            return small;
        }
        let (low, high) = if small < middle { (small, middle) } else { (middle, small) };
        let ratio = (low / high).to_f64();
        high * Magnitude::of((1.0 + ratio * ratio).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector (3, 4, 12)·s has the norm 13 s for every representable s.
    #[test]
    fn a_norm_scales_with_its_vector() {
        for power in (-1070..=1015).step_by(7) {
            let s = power_of_two(power / 2) * power_of_two(power - power / 2);
            let length = norm(&[3.0 * s, -4.0 * s, 12.0 * s]);
            assert!((length / s - 13.0).abs() <= 13.0 * f64::EPSILON, "2^{power}: {length}");
        }
        assert_eq!(norm(&[5e-324]).to_bits(), 5e-324_f64.to_bits());
        assert_eq!(norm(&[]).to_bits(), 0);
    }

    #[test]
    fn sizes_far_apart_are_added_and_what_is_not_finite_stays() {
        let same = |found: f64, want: f64| assert_eq!(found.to_bits(), want.to_bits(), "{found} {want}");
        same(norm(&[1e-300, 1.0]), 1.0);
        same(norm(&[1e300, 1.0]), 1e300);
        same(norm(&[1e-160, 1e-150]), 1e-150);
        let near = norm(&[3e-154, 4e-154, 1e-155]); // on both sides of the border of small numbers
        assert!((near / (25.01_f64.sqrt() * 1e-154) - 1.0).abs() < 1e-15, "{near}");
        assert!(norm(&[f64::NAN, 1e300]).is_nan() && norm(&[1e-300, f64::NAN]).is_nan());
        assert!(norm(&[f64::INFINITY, 1.0]).is_infinite());
    }

    #[test]
    fn a_long_product_keeps_its_exponent() {
        let power = |base: f64, n: usize| (0..n).fold(Magnitude::of(1.0), |p, _| p * Magnitude::of(base));
        for base in [0.5, 0.3, 1.7] {
            let (found, want) = (power(base, 10_000).log10(), 10_000.0 * base.log10());
            assert!((found - want).abs() < 1e-9 * want.abs(), "{base}: {found} {want}");
        }
        assert!(power(0.5, 2000) < power(0.5, 1999) && power(0.5, 2000) > Magnitude::ZERO);
        assert!(power(0.5, 5000) + Magnitude::of(1.0) == Magnitude::of(1.0));
        let sum = power(0.5, 3000) + power(0.5, 3001);
        assert_eq!((sum / power(0.5, 3000)).to_f64().to_bits(), 1.5_f64.to_bits());
    }

    #[test]
    fn numbers_come_back_and_are_written() {
        for x in [0.0, 1.0, 3.7e-310, 5e-324, 1.1e308, 0.1, f64::INFINITY] {
            assert_eq!(Magnitude::of(x).to_f64().to_bits(), x.to_bits(), "{x}");
        }
        assert_eq!(Magnitude::of(3.25).to_string(), "3.250e0");
        assert_eq!((Magnitude::of(2e-300) * Magnitude::of(4e-200)).to_string(), "8.000e-500");
        assert!((Magnitude::power_of_ten(-400.0).log10() + 400.0).abs() < 1e-9);
    }
}
