//! Double-double arithmetic, about 32 decimal digits, and the two functions from which all others are derived.

use std::ops::{Add, Div, Mul, Sub};

/// The sum of a number and a much smaller one.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64, pub f64);

impl Add for Double {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        let sum = self.0 + b.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) + (b.0 - part);
        Self(sum, 0.0).carry(error + self.1 + b.1)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        self + Self(-b.0, -b.1)
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        let product = self.0 * b.0;
        Self(product, 0.0).carry(self.0.mul_add(b.0, -product) + (self.0 * b.1 + self.1 * b.0))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let first = self.0 / b.0;
        let left = self - b * Self(first, 0.0);
        let second = left.0 / b.0;
        let left = left - b * Self(second, 0.0);
        Self(first, 0.0).carry(second) + Self(left.0 / b.0, 0.0)
    }
}

impl Double {
    /// `self` plus something smaller.
    fn carry(self, small: f64) -> Self {
        let sum = self.0 + small;
        Self(sum, small - (sum - self.0))
    }

    /// `eˣ`: the series, after x = n ln 2 + r.
    pub fn exp(x: f64) -> Self {
        // ln 2; the product of its first part with n is exact.
        const LN_2: [f64; 3] =
            [6.931_471_803_691_238_164_90e-1, 1.908_214_929_270_587_700_02e-10, 1.161_222_722_936_253_2e-26];
        let n = (x / std::f64::consts::LN_2).round();
        let r = Self(x - n * LN_2[0], 0.0) - Self(n, 0.0) * Self(LN_2[1], LN_2[2]);
        let one = Self(1.0, 0.0);
        let series = (1..=28).rev().fold(one, |y, k| one + y * r / Self(f64::from(k), 0.0));
        let scale = (n / 2.0).floor().exp2();
        let scale = [scale, (n - (n / 2.0).floor()).exp2()];
        Self(series.0 * scale[0] * scale[1], series.1 * scale[0] * scale[1])
    }

    /// `ln x`: one step of Newton's method from the standard library's.
    pub fn ln(x: f64) -> Self {
        Self(x, 0.0).ln_near(x.ln())
    }

    /// `ln(1 + self)` of a positive number.
    pub fn ln_1p(self) -> Self {
        // For small values the logarithm is a series; the next term is below 1e-32 of it.
        if self.0 < 1e-10 {
            return self - self * self / Self(2.0, 0.0) + self * self * self / Self(3.0, 0.0);
        }
        (Self(1.0, 0.0) + self).ln_near(self.0.ln_1p())
    }

    fn ln_near(self, guess: f64) -> Self {
        // ln x = y + ln(x e⁻ʸ), and x e⁻ʸ is close to 1.
        let ratio = self * Self::exp(-guess) - Self(1.0, 0.0);
        Self(guess, 0.0) + ratio - ratio * ratio / Self(2.0, 0.0)
    }
}
