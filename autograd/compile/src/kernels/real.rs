//! The two float types of the kernels, with the constants that depend on their format.

use super::machine::Tiles;
use super::product::Library;
use autograd::Scalar;
use autograd::ops::Unary;
use std::ops::AddAssign;

/// `f32` or `f64`, as the kernels of [`super`] use them.
pub trait Real: Scalar + Library + Tiles + AddAssign {
    /// 0
    const ZERO: Self;
    /// ½
    const HALF: Self;
    /// 1
    const ONE: Self;
    /// 2
    const TWO: Self;
    /// +∞
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;

    /// `x + MAGIC` has the integer nearest to x in its last bits: 1.5 × 2ᵖ, with p fraction bits.
    const MAGIC: Self;
    /// log₂ e
    const LOG2_E: Self;
    /// ln 2 as a sum of two numbers. The first has enough trailing zero bits for an exact product with any exponent.
    const LN_2: [Self; 2];
    /// Below the first eˣ rounds to 0, above the second it overflows.
    const EXP_RANGE: [Self; 2];
    /// Above it tanh rounds to 1.
    const TANH_END: Self;
    /// 1/n!, 1/(n−1)!, …, 1/2!: the series of `(eʳ − 1 − r) / r²` for |r| ≤ ½ ln 2.
    const EXPM1: &'static [Self];
    /// The polynomial R of `ln (1 + s) / (1 − s) = 2s + s R(s²)` for |s| ≤ 3 − √8, highest power first.
    const LN_SERIES: &'static [Self];
    /// √2 − 1
    const SQRT_2_LESS_1: Self;
    /// The factor by which `split` scales a subnormal number, and its log₂.
    const SUBNORMAL: [Self; 2];

    /// `self × b + c`, with a single rounding.
    #[must_use]
    fn fused(self, b: Self, c: Self) -> Self;
    /// |x|
    #[must_use]
    fn magnitude(self) -> Self;
    /// |x| with the sign of `sign`.
    #[must_use]
    fn signed_as(self, sign: Self) -> Self;
    /// `a − b ⌊a / b⌋`, the quotient in `f64`.
    #[must_use]
    fn modulo(self, b: Self) -> Self;
    /// Two powers of two whose product is 2ⁿ, for `shifted` = n + MAGIC. A single one would be out of range where eˣ
    /// is subnormal or close to overflow.
    fn powers_of_two(shifted: Self) -> [Self; 2];
    /// A function of numbers of this type.
    fn function(of: Unary) -> fn(Self) -> Self;
    /// m and n of `self = m × 2ⁿ` with √½ ≤ m < √2, for a positive normal number.
    fn split(self) -> [Self; 2];
}

macro_rules! real {
    ($float:ident, $bits:ident, magic $magic:expr, sqrt_half $sqrt_half:literal, $($constants:tt)*) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const HALF: Self = 0.5;
            const ONE: Self = 1.0;
            const TWO: Self = 2.0;
            const INFINITY: Self = Self::INFINITY;
            const NAN: Self = Self::NAN;
            const MIN_POSITIVE: Self = Self::MIN_POSITIVE;
            const MAGIC: Self = $magic;
            const SQRT_2_LESS_1: Self = std::$float::consts::SQRT_2 - 1.0;
            const LOG2_E: Self = std::$float::consts::LOG2_E;
            $($constants)*

            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn signed_as(self, sign: Self) -> Self {
                self.copysign(sign)
            }
            #[inline(always)]
            fn modulo(self, b: Self) -> Self {
                self - b * Self::of((self.value() / b.value()).floor())
            }
            #[inline(always)]
            fn powers_of_two(shifted: Self) -> [Self; 2] {
                const BIAS: $bits = ($float::MAX_EXP - 1) as $bits;
                // n + 2 BIAS, which is positive, so that halving it is a shift without a sign.
                let n = shifted.to_bits().wrapping_sub($magic.to_bits()).wrapping_add(2 * BIAS);
                let half = n >> 1;
                [half, n.wrapping_sub(half)].map(|biased| Self::from_bits(biased << ($float::MANTISSA_DIGITS - 1)))
            }
            #[inline(always)]
            fn function(of: Unary) -> fn(Self) -> Self {
                of.$float
            }
            #[inline(always)]
            fn split(self) -> [Self; 2] {
                const FRACTION: u32 = $float::MANTISSA_DIGITS - 1;
                const BIAS: $bits = ($float::MAX_EXP - 1) as $bits;
                /// 2ᵖ: its last bits are the integer.
                const WHOLE: $float = ((1 as $bits) << FRACTION) as $float;
                const SQRT_HALF: $bits = $sqrt_half;
                const ONE: $bits = (1.0 as $float).to_bits();
                let bits = self.to_bits().wrapping_add(ONE - SQRT_HALF);
                let exponent = Self::from_bits((bits >> FRACTION) | WHOLE.to_bits()) - (WHOLE + BIAS as $float);
                let fraction = bits & ((1 << FRACTION) - 1);
                [Self::from_bits(fraction.wrapping_add(SQRT_HALF)), exponent]
            }
        }
    };
}

real! { f32, u32, magic 12_582_912.0_f32, sqrt_half 0x3f35_04f3,
    const LN_2: [Self; 2] = [6.931_381_225_6e-1, 9.058_000_614_5e-6];
    const EXP_RANGE: [Self; 2] = [-104.0, 89.0];
    const TANH_END: Self = 10.0;
    const EXPM1: &'static [Self] = &[
        1.0 / 40_320.0, 1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0,
    ];
    const LN_SERIES: &'static [Self] = &[0.242_790_788_41, 0.284_987_866_88, 0.400_009_721_52, 0.666_666_626_93];
    const SUBNORMAL: [Self; 2] = [33_554_432.0, 25.0];
}

real! { f64, u64, magic 6_755_399_441_055_744.0_f64, sqrt_half 0x3fe6_a09e_667f_3bcd,
    const LN_2: [Self; 2] = [6.931_471_803_691_238_164_90e-1, 1.908_214_929_270_587_700_02e-10];
    const EXP_RANGE: [Self; 2] = [-746.0, 710.0];
    const TANH_END: Self = 20.0;
    const EXPM1: &'static [Self] = &[
        1.0 / 87_178_291_200.0, 1.0 / 6_227_020_800.0, 1.0 / 479_001_600.0, 1.0 / 39_916_800.0, 1.0 / 3_628_800.0,
        1.0 / 362_880.0, 1.0 / 40_320.0, 1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0,
    ];
    const LN_SERIES: &'static [Self] = &[
        1.479_819_860_511_658_591e-1, 1.531_383_769_920_937_332e-1, 1.818_357_216_161_805_012e-1,
        2.222_219_843_214_978_396e-1, 2.857_142_874_366_239_149e-1, 3.999_999_999_940_941_908e-1,
        6.666_666_666_666_735_130e-1,
    ];
    const SUBNORMAL: [Self; 2] = [18_014_398_509_481_984.0, 54.0];
}
