//! Branchless exponentials and logarithms, so that loops over them vectorise.
//!
//! `eˣ`: x = n ln 2 + r with |r| ≤ ½ ln 2 (Cody and Waite, *Software Manual for the Elementary Functions*, 1980); `eʳ
//! − 1` is a series, and 2ⁿ goes into the exponent. σ and tanh are computed from it, tanh from `e²ˣ − 1`, which keeps
//! its relative precision near 0. `ln` is the algorithm of FreeBSD's msun (`e_log.c`, Sun Microsystems, 1993), with
//! its coefficients.
//!
//! Largest errors in units in the last place: see [`super::strips`].

use super::machine::Machine;
use super::real::Real;

/// `a b + c`, with a single rounding if FMA is available.
#[inline(always)]
pub(super) fn mul_add<S: Real, M: Machine>(a: S, b: S, c: S) -> S {
    if M::FMA { a.fused(b, c) } else { a * b + c }
}

#[inline(always)]
fn polynomial<S: Real, M: Machine>(coefficients: &[S], x: S) -> S {
    let (&first, rest) = coefficients.split_first().expect("every series of this module has coefficients");
    let mut y = first;
    for &c in rest {
        y = mul_add::<S, M>(y, x, c);
    }
    y
}

/// r and n + MAGIC of `x = n ln 2 + r`.
#[inline(always)]
fn reduce<S: Real, M: Machine>(x: S) -> (S, S) {
    let shifted = mul_add::<S, M>(x, S::LOG2_E, S::MAGIC);
    let n = shifted - S::MAGIC;
    let r = mul_add::<S, M>(-n, S::LN_2[0], x);
    (mul_add::<S, M>(-n, S::LN_2[1], r), shifted)
}

/// `eʳ − 1` for |r| ≤ ½ ln 2
#[inline(always)]
fn expm1_reduced<S: Real, M: Machine>(r: S) -> S {
    mul_add::<S, M>(r * r, polynomial::<S, M>(S::EXPM1, r), r)
}

/// `eˣ`
#[inline(always)]
pub(super) fn exp<S: Real, M: Machine>(x: S) -> S {
    let [low, high] = S::EXP_RANGE;
    let x = if x < low { low } else { x };
    let x = if x > high { high } else { x };
    let (r, shifted) = reduce::<S, M>(x);
    let [p, q] = S::powers_of_two(shifted);
    mul_add::<S, M>(expm1_reduced::<S, M>(r), p, p) * q
}

/// `tanh x = m / (m + 2)` with m = e²ˣ − 1; the error of m cancels in the quotient as m grows
#[inline(always)]
pub(super) fn tanh<S: Real, M: Machine>(x: S) -> S {
    let y = x.magnitude();
    let y = if y > S::TANH_END { S::TANH_END } else { y };
    let (r, shifted) = reduce::<S, M>(y + y);
    let [p, q] = S::powers_of_two(shifted);
    let power = p * q;
    let expm1 = mul_add::<S, M>(expm1_reduced::<S, M>(r), power, power - S::ONE);
    (expm1 / (expm1 + S::TWO)).signed_as(x)
}

/// `σ(x) = 1 / (1 + e⁻ˣ)`; the exponential is taken of a negative number, so it cannot overflow
#[inline(always)]
pub(super) fn sigmoid<S: Real, M: Machine>(x: S) -> S {
    let e = exp::<S, M>(-x.magnitude());
    (if x < S::ZERO { e } else { S::ONE }) / (S::ONE + e)
}

/// `ln(1 + f) + n ln 2` for √½ ≤ 1 + f ≤ √2
#[inline(always)]
fn ln_1p_reduced<S: Real, M: Machine>(f: S, n: S) -> S {
    let s = f / (S::TWO + f);
    let z = s * s;
    let half = S::HALF * f * f;
    let tail = z * polynomial::<S, M>(S::LN_SERIES, z);
    let small = mul_add::<S, M>(s, half + tail, n * S::LN_2[1]);
    mul_add::<S, M>(n, S::LN_2[0], f - (half - small))
}

/// `ln x`
#[inline(always)]
pub(super) fn ln<S: Real, M: Machine>(x: S) -> S {
    let subnormal = x < S::MIN_POSITIVE;
    let [scale, correction] = S::SUBNORMAL;
    let [m, n] = (if subnormal { x * scale } else { x }).split();
    let y = ln_1p_reduced::<S, M>(m - S::ONE, if subnormal { n - correction } else { n });
    let edge = if x == S::ZERO {
        -S::INFINITY
    } else if x > S::ZERO {
        x
    } else {
        S::NAN
    };
    if x > S::ZERO && x < S::INFINITY { y } else { edge }
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e⁻ᵃ)` with a = |x|
#[inline(always)]
pub(super) fn softplus<S: Real, M: Machine>(x: S) -> S {
    let e = exp::<S, M>(-x.magnitude());
    // 1 + e is in [1, 2]; its upper part is taken as 2 × (1 + f) with f = (e − 1) / 2.
    let upper = e > S::SQRT_2_LESS_1;
    let (f, n) = if upper { (S::HALF * (e - S::ONE), S::ONE) } else { (e, S::ZERO) };
    // NaN propagates through e.
    ln_1p_reduced::<S, M>(f, n) + if x > S::ZERO { x } else { S::ZERO }
}
