//! The scalar types of evaluation: `f32` for training, `f64` for checking, and dual numbers for forward mode, an
//! independent check of every gradient.

use crate::ops::Operator;
use crate::value::Value;
use ndarray::{Array2, ArrayView2, LinalgScalar, Zip};
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The arithmetic used by kernels.
pub trait Scalar:
    LinalgScalar + PartialOrd + Neg<Output = Self> + Debug + Send + Sync + sealed::Sealed
{
    /// The nearest number of this type.
    fn of(x: f64) -> Self;
    /// The value, without the tangent.
    fn value(self) -> f64;
    /// The number as a constant, without a tangent.
    #[must_use]
    fn detached(self) -> Self {
        Self::of(self.value())
    }
    /// eˣ
    #[must_use]
    fn exp(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// ln(1 + x), exact for small x.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// √x
    #[must_use]
    fn sqrt(self) -> Self;
    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// The sine.
    #[must_use]
    fn sin(self) -> Self;
    /// The cosine.
    #[must_use]
    fn cos(self) -> Self;
    /// The tangent.
    #[must_use]
    fn tan(self) -> Self;
    /// The inverse tangent.
    #[must_use]
    fn atan(self) -> Self;
    /// The hyperbolic sine.
    #[must_use]
    fn sinh(self) -> Self;
    /// The hyperbolic cosine.
    #[must_use]
    fn cosh(self) -> Self;
    /// eˣ − 1, exact for small x.
    #[must_use]
    fn exp_m1(self) -> Self;
    /// The error function, `2/√π ∫₀ˣ e^(−t²) dt`.
    #[must_use]
    fn erf(self) -> Self;
    /// xⁿ
    #[must_use]
    fn powi(self, n: i32) -> Self;
    /// The kernel of an op for numbers of this type.
    fn run(op: &dyn Operator, x: &[&Value<Self>]) -> Value<Self>;
    /// The product of two matrices: `[m, k] · [k, n]`.
    fn matmul(a: ArrayView2<Self>, b: ArrayView2<Self>) -> Array2<Self>;
}

mod sealed {
    /// Kernels exist for exactly the types of this file.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for super::Dual {}
}

macro_rules! real {
    ($t:ty, $eval:ident, $erf:path) => {
        impl Scalar for $t {
            fn run(op: &dyn Operator, x: &[&Value<Self>]) -> Value<Self> {
                op.$eval(x)
            }
            // Evaluating in f32 rounds constants to single precision.
            #[allow(clippy::cast_possible_truncation)]
            fn of(x: f64) -> Self {
                x as $t
            }
            fn value(self) -> f64 {
                f64::from(self)
            }
            fn exp(self) -> Self {
                self.exp()
            }
            fn ln(self) -> Self {
                self.ln()
            }
            fn ln_1p(self) -> Self {
                self.ln_1p()
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn tanh(self) -> Self {
                self.tanh()
            }
            fn sin(self) -> Self {
                self.sin()
            }
            fn cos(self) -> Self {
                self.cos()
            }
            fn tan(self) -> Self {
                self.tan()
            }
            fn atan(self) -> Self {
                self.atan()
            }
            fn sinh(self) -> Self {
                self.sinh()
            }
            fn cosh(self) -> Self {
                self.cosh()
            }
            fn exp_m1(self) -> Self {
                self.exp_m1()
            }
            fn erf(self) -> Self {
                $erf(self)
            }
            fn powi(self, n: i32) -> Self {
                self.powi(n)
            }
            fn matmul(a: ArrayView2<Self>, b: ArrayView2<Self>) -> Array2<Self> {
                a.dot(&b)
            }
        }
    };
}
real!(f32, eval_f32, libm::erff);
real!(f64, eval_f64, libm::erf);

/// `x + ẋ ε` with ε² = 0: a value and its derivative along one direction.
///
/// Evaluating a graph in dual numbers is forward mode: a Jacobian-vector product without a step size and without any
/// VJP rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dual {
    /// The value x.
    pub value: f64,
    /// The derivative ẋ along the chosen direction.
    pub tangent: f64,
}

impl Dual {
    /// `f(x) + f'(x) ẋ ε`
    fn chain(self, value: f64, slope: f64) -> Self {
        Self { value, tangent: slope * self.tangent }
    }
}

impl PartialEq for Dual {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Comparisons ignore the tangent: a branch is chosen by the value alone.
impl PartialOrd for Dual {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self { value: self.value + b.value, tangent: self.tangent + b.tangent }
    }
}
impl Sub for Dual {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self { value: self.value - b.value, tangent: self.tangent - b.tangent }
    }
}
impl Mul for Dual {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self { value: self.value * b.value, tangent: self.tangent * b.value + self.value * b.tangent }
    }
}
impl Div for Dual {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let value = self.value / b.value;
        Self { value, tangent: (self.tangent - value * b.tangent) / b.value }
    }
}
impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, tangent: -self.tangent }
    }
}
impl num_traits::Zero for Dual {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.value == 0.0 && self.tangent == 0.0
    }
}
impl num_traits::One for Dual {
    fn one() -> Self {
        Self::of(1.0)
    }
}

impl Scalar for Dual {
    fn run(op: &dyn Operator, x: &[&Value<Self>]) -> Value<Self> {
        op.eval_dual(x)
    }
    fn of(value: f64) -> Self {
        Self { value, tangent: 0.0 }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn exp(self) -> Self {
        let y = self.value.exp();
        self.chain(y, y)
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), 1.0 / self.value)
    }
    fn ln_1p(self) -> Self {
        self.chain(self.value.ln_1p(), 1.0 / (1.0 + self.value))
    }
    fn sqrt(self) -> Self {
        let y = self.value.sqrt();
        self.chain(y, 0.5 / y)
    }
    fn tanh(self) -> Self {
        let y = self.value.tanh();
        self.chain(y, 1.0 - y * y)
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    fn tan(self) -> Self {
        let y = self.value.tan();
        self.chain(y, 1.0 + y * y)
    }
    fn atan(self) -> Self {
        self.chain(self.value.atan(), 1.0 / (1.0 + self.value * self.value))
    }
    fn sinh(self) -> Self {
        self.chain(self.value.sinh(), self.value.cosh())
    }
    fn cosh(self) -> Self {
        self.chain(self.value.cosh(), self.value.sinh())
    }
    fn exp_m1(self) -> Self {
        self.chain(self.value.exp_m1(), self.value.exp())
    }
    fn erf(self) -> Self {
        let slope = std::f64::consts::FRAC_2_SQRT_PI * (-self.value * self.value).exp();
        self.chain(libm::erf(self.value), slope)
    }
    fn powi(self, n: i32) -> Self {
        let slope = if n == 0 { 0.0 } else { f64::from(n) * self.value.powi(n - 1) };
        self.chain(self.value.powi(n), slope)
    }
    /// The tangents are copied to separate arrays, so that all three products use the matrix library: (AB)˙ = ȦB +
    /// AḂ.
    fn matmul(a: ArrayView2<Self>, b: ArrayView2<Self>) -> Array2<Self> {
        let (a_value, a_tangent) = (a.mapv(|x| x.value), a.mapv(|x| x.tangent));
        let (b_value, b_tangent) = (b.mapv(|x| x.value), b.mapv(|x| x.tangent));
        let tangent = a_tangent.dot(&b_value) + a_value.dot(&b_tangent);
        Zip::from(&a_value.dot(&b_value))
            .and(&tangent)
            .map_collect(|&value, &tangent| Self { value, tangent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derivative of `f` at `x`, by dual numbers.
    fn slope(f: impl Fn(Dual) -> Dual, x: f64) -> f64 {
        f(Dual { value: x, tangent: 1.0 }).tangent
    }

    #[test]
    fn dual_slopes_are_the_textbooks() {
        let x = 0.7_f64;
        let table = [
            (slope(Scalar::exp, x), x.exp()),
            (slope(Scalar::ln, x), 1.0 / x),
            (slope(Scalar::ln_1p, x), 1.0 / (1.0 + x)),
            (slope(Scalar::sqrt, x), 0.5 / x.sqrt()),
            (slope(Scalar::tanh, x), x.cosh().powi(-2)),
            (slope(Scalar::sin, x), x.cos()),
            (slope(Scalar::cos, x), -x.sin()),
            (slope(Scalar::tan, x), x.cos().powi(-2)),
            (slope(Scalar::atan, x), 1.0 / (1.0 + x * x)),
            (slope(Scalar::sinh, x), f64::midpoint(x.exp(), (-x).exp())),
            (slope(Scalar::cosh, x), (x.exp() - (-x).exp()) / 2.0),
            (slope(Scalar::exp_m1, x), x.exp()),
            (slope(Scalar::erf, x), 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()),
            (slope(|d| d.powi(-3), x), -3.0 * x.powi(-4)),
            (slope(|d| d.powi(0), 0.0), 0.0),
            (slope(|d| d * d / (Dual::of(1.0) - d), x), (2.0 * x - x * x) / (1.0 - x).powi(2)),
        ];
        for (i, (ours, exact)) in table.into_iter().enumerate() {
            assert!((ours - exact).abs() < 1e-13 * exact.abs().max(1.0), "line {i}: {ours} is not {exact}");
        }
    }
}
