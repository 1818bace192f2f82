//! The errors of the vectorised functions against higher precision: `f64` for `f32`, double-doubles for `f64`.
//!
//! `cargo test` checks every 1021st `f32`. With the environment variable `EVERY_F32` set it checks all 2³², which
//! takes a quarter of an hour and prints the largest errors; those are the figures in [`strips`].

use super::machine::Portable;
use super::{math, strips};
use witness::Double;

mod witness;

/// The distance of `y` from `exact + rest` in units in the last place of a float with `digits` bits and the minimum
/// exponent `least`.
fn ulps(y: f64, exact: f64, rest: f64, digits: f64, least: f64) -> f64 {
    if exact.is_nan() || y.is_nan() {
        return if exact.is_nan() == y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if y == exact {
        return 0.0;
    }
    let exponent = exact.abs().log2().floor().max(least);
    ((y - exact) - rest).abs() / (exponent + 1.0 - digits).exp2()
}

fn ulps_f32(y: f32, exact: f64) -> f64 {
    // Beyond the largest number, infinity counts as the next power of two, as in rounding.
    let y = if y.is_infinite() { f64::from(y.signum()) * 2f64.powi(128) } else { f64::from(y) };
    let limit = 2f64.powi(128);
    ulps(y, exact.clamp(-limit, limit), 0.0, 24.0, -126.0)
}

type Strip = fn(&mut [f32], &[f32]);

/// The largest errors of `strip`, compiled for this machine, and of the same function without FMA.
fn worst(name: &str, strip: Strip, portable: fn(f32) -> f32, exact: fn(f64) -> f64) -> [f64; 2] {
    const LENGTH: usize = 1 << 12;
    let every = std::env::var_os("EVERY_F32").is_some();
    let step = if every { 1 } else { 1021 };
    let (mut x, mut y) = (vec![0.0; LENGTH], vec![0.0; LENGTH]);
    let mut largest = [(0.0, 0.0); 2];
    let mut bits = (0..=u32::MAX).step_by(step).peekable();
    while bits.peek().is_some() {
        x.fill(0.0);
        x.iter_mut().zip(&mut bits).for_each(|(x, bits)| *x = f32::from_bits(bits));
        strip(&mut y, &x);
        for (&x, &y) in x.iter().zip(&y) {
            let exact = exact(f64::from(x));
            for (largest, y) in largest.iter_mut().zip([y, portable(x)]) {
                let error = ulps_f32(y, exact);
                if error > largest.0 {
                    *largest = (error, x);
                }
            }
        }
    }
    println!("{name}: {largest:?}");
    largest.map(|(error, _)| error)
}

macro_rules! accurate_f32 {
    ($($name:ident within $bound:literal: $exact:expr;)*) => {$(
        #[test]
        fn $name() {
            let worst = worst(stringify!($name), strips::$name, math::$name::<f32, Portable>, $exact);
            assert!(worst.iter().all(|&ulps| ulps <= $bound), "{worst:?} ulp");
        }
    )*};
}

mod f32_functions {
    use super::*;
    accurate_f32! {
        exp within 1.1: f64::exp;
        ln within 1.0: f64::ln;
        tanh within 2.5: f64::tanh;
        sigmoid within 2.5: |x| 1.0 / (1.0 + (-x).exp());
        softplus within 2.5: |x| x.max(0.0) + (-x.abs()).exp().ln_1p();
    }
}

/// Numbers from a linear congruential generator, uniform in [0, 1).
fn uniform(n: usize) -> impl Iterator<Item = f64> {
    let next = |s: &mut u64| {
        *s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((*s >> 11) as f64 / 2f64.powi(53))
    };
    std::iter::repeat_n((), n).scan(42, move |s, ()| next(s))
}

macro_rules! accurate_f64 {
    ($($name:ident within $bound:literal on $from:expr; $exact:expr;)*) => {$(
        #[test]
        fn $name() {
            let x: Vec<f64> = uniform(if cfg!(miri) { 100 } else { 200_000 }).map($from).collect();
            let mut y = vec![0.0; x.len()];
            strips::$name(&mut y, &x);
            let mut worst = [(0.0, 0.0); 2];
            for (&x, y) in x.iter().zip(y) {
                let exact: Double = $exact(x);
                for (worst, y) in worst.iter_mut().zip([y, math::$name::<f64, Portable>(x)]) {
                    let error = ulps(y, exact.0, exact.1, 53.0, -1022.0);
                    if error > worst.0 {
                        *worst = (error, x);
                    }
                }
            }
            println!("{}: {worst:?}", stringify!($name));
            assert!(worst.iter().all(|&(ulps, _)| ulps <= $bound), "{worst:?} ulp, and where");
        }
    )*};
}

/// Of either sign, and of a size between 2⁻³⁰ and 2⁵.
fn any_size(u: f64) -> f64 {
    let u = 2.0 * u - 1.0;
    (35.0 * u.abs() - 30.0).exp2().copysign(u)
}

mod f64_functions {
    use super::*;
    accurate_f64! {
        exp within 1.1 on |u| 1400.0 * u - 700.0; Double::exp;
        ln within 1.0 on |u| (2000.0 * u - 1000.0).exp2(); Double::ln;
        tanh within 2.5 on any_size; |x: f64| {
            let power = Double::exp(-2.0 * x);
            if x.abs() < 1e-7 { Double(x, -x * x * x / 3.0) } else { (Double(1.0, 0.0) - power) / (Double(1.0, 0.0) + power) }
        };
        sigmoid within 2.5 on |u| 1400.0 * u - 700.0; |x: f64| Double(1.0, 0.0) / (Double(1.0, 0.0) + Double::exp(-x));
        softplus within 2.5 on |u| 60.0 * u - 30.0; |x: f64| {
            let power = Double::exp(-x.abs());
            Double(x.max(0.0), 0.0) + power.ln_1p()
        };
    }

    #[test]
    fn the_ends_of_the_range() {
        let x = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 709.79, -745.2, -744.4, 5e-324];
        let mut y = x;
        let check = |y: &[f64], exact: fn(f64) -> f64| {
            for (&y, x) in y.iter().zip(x) {
                let exact = exact(x);
                let near =
                    y == exact || y.is_nan() && exact.is_nan() || (y - exact).abs() <= 3e-16 * exact.abs();
                assert!(
                    near && (exact != 0.0 || y.is_sign_negative() == exact.is_sign_negative()),
                    "{x}: {y} {exact}"
                );
            }
        };
        strips::exp(&mut y, &x);
        check(&y, f64::exp);
        strips::ln(&mut y, &x);
        check(&y, f64::ln);
        strips::tanh(&mut y, &x);
        check(&y, f64::tanh);
        strips::sigmoid(&mut y, &x);
        check(&y, |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) });
    }
}
