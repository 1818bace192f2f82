//! Situations from public reports on other checkers.

use super::{F, array, report, right, verdicts, wrong};
use autograd_check::{FnCheck, Tier, Verdict};
use ndarray::ArrayD;

/// A number that changes at random with the last bit of x, in [−1, 1].
pub fn noise(x: f64) -> f64 {
    (x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// JuliaDiff/FiniteDifferences.jl#53 and #129: beside a tie a maximum has one slope.
#[test]
fn a_maximum_beside_a_tie() {
    let max = |x: &[f64]| x.iter().copied().fold(f64::MIN, f64::max);
    right(&max, &[1e-6, 0.0], &[1.0, 0.0]);
    wrong(&max, &[1e-6, 0.0], &[0.5, 0.5]);
}

/// pytorch#13818 and #20980, pasteurlabs/tesseract-core#740: values that are not the same each time, and the noise of a
/// solver. A right gradient does not fail, and one that is off by more than the noise lets know does.
#[test]
fn noisy_functions() {
    let mut calls = 0_u32;
    for size in [1e-14, 1e-12, 1e-9, 1e-6] {
        for seed in 0..10 {
            let mut verdict = |g: f64| {
                let f = |x: &[ArrayD<f64>]| {
                    calls += 1;
                    x[0][[0]].sin() + size * noise(f64::from(calls))
                };
                FnCheck::new(&array(&[0.3]), &array(&[g])).seed(seed).run(f).unwrap().verdict()
            };
            let right = verdict(0.3_f64.cos());
            assert_ne!(right, Verdict::Fail, "{size} {seed}");
            assert!(right == Verdict::Pass || size > 1e-10, "{size} {seed} {right}");
            let off = verdict(1.1 * 0.3_f64.cos());
            assert!(
                off == Verdict::Fail || size > 1e-7 && off == Verdict::Inconclusive,
                "{size} {seed} {off}"
            );
        }
    }
    let solved = |x: &[f64]| x[0].exp() + 1e-9 * noise(x[0]);
    for seed in 0..10 {
        let verdict = |g| report(&solved, &[0.7], &[g], |c| c.seed(seed).precision(1e-9)).verdict();
        assert_ne!(verdict(0.7_f64.exp()), Verdict::Fail);
        assert_eq!(verdict(1.01 * 0.7_f64.exp()), Verdict::Fail);
    }
}

/// lanl/PyBNF#535: at an optimum, where the gradient is 0, and at the bounds of a box, where it is not.
#[test]
fn at_an_optimum_and_at_its_bounds() {
    let square = |x: &[f64]| x.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>();
    right(&square, &[0.5, 0.5], &[0.0, 0.0]);
    let [pass, kink, _, fail] = verdicts(&square, &[0.5, 0.5], &[1e-3, 0.0], 20, Tier::Full);
    assert!(pass + kink == 0 && fail > 15, "{pass} {kink} {fail}");
    let inside = |x: &[f64]| if (0.0..=1.0).contains(&x[0]) { (1.0 + x[0]).sqrt() } else { f64::NAN };
    for (at, g) in [(0.0, 0.5), (1.0, 0.5 / 2.0_f64.sqrt())] {
        let told = |g: f64| report(&inside, &[at], &[g], |c| c.bounds(&array(&[0.0]), &array(&[1.0])));
        assert_eq!(told(1.001 * g).verdict(), Verdict::Fail, "{at}");
        assert_eq!(told(g).verdict(), Verdict::Pass, "{}", told(g));
    }
}

/// SauersML/gam#2461: a derivative that leaves out half a per cent.
#[test]
fn half_a_per_cent() {
    let f: &F = &|x| (0..100).map(|k| (0.01 * f64::from(k) * x[0]).sin()).sum();
    let slope: f64 = (0..100).map(|k| 0.01 * f64::from(k) * (0.01 * f64::from(k) * 0.7).cos()).sum();
    right(f, &[0.7], &[slope]);
    wrong(f, &[0.7], &[0.995 * slope]);
}

/// climate-analytics-lab/jax-gcm#820, tesseract-core#706, stan#297: parameters from 3e5 to 1e-6 in one array.
#[test]
fn parameters_of_many_sizes() {
    let x = [3e5, 101.0, 0.2, 1e-3, 1e-6];
    let f: &F = &|x| x.iter().map(|x| x.ln().sin()).sum();
    let g = x.map(|x: f64| x.ln().cos() / x);
    right(f, &x, &g);
    for i in 0..5 {
        let mut off = g;
        off[i] *= 1.001;
        let told = report(f, &x, &off, |c| c.tier(Tier::Full));
        assert_eq!(told.verdict(), Verdict::Fail, "{i}: {told}");
        assert_eq!(told.tensors[0].elements[0].index, [i], "{told}");
    }
}
