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

/// strasdat/Sophus#260, ceres-solver#917: a unit quaternion turns a vector; its gradient counts along the sphere alone.
#[test]
fn unit_quaternions() {
    let turned = |q: &[f64]| {
        let &[w, x, y, z] = q.first_chunk().expect("a quaternion has four numbers");
        let v = [0.3, -0.7, 1.1];
        let rows = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ];
        rows.map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum::<f64>())
    };
    let to = [0.5, 0.2, -0.4];
    let f = move |x: &[ArrayD<f64>]| {
        turned(x[0].as_slice().unwrap()).iter().zip(to).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
    };
    let q: [f64; 4] = [0.5, -0.1, 0.7, 0.5];
    // Along each of the four numbers f is a polynomial of degree 4, of which five points give the derivative.
    let partial = |i: usize| {
        let at = |t: f64| {
            let mut moved = q;
            moved[i] += t;
            f(&array(&moved))
        };
        (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / 12.0
    };
    let gradient: Vec<f64> = (0..4).map(partial).collect();
    let tangents = [[0.1, 0.5, -0.5, 0.7], [-0.7, -0.5, 0.5, -0.1], [-0.5, 0.7, 0.1, 0.5]];
    let step = |q: &ArrayD<f64>, u: &ArrayD<f64>, t: f64| {
        let moved = q + &(t * u);
        let norm = moved.mapv(|x| x * x).sum().sqrt();
        moved / norm
    };
    let check = |g: &[f64]| {
        let check = FnCheck::new(&array(&q), &array(g));
        tangents
            .iter()
            .fold(check, |check, u| check.direction(0, array(u).remove(0)))
            .motion(step)
            .run(f)
            .unwrap()
    };
    assert!(check(&gradient).passed(), "{}", check(&gradient));
    // What stands off the sphere does not matter, and what lies along it does.
    let plus = |u: &[f64], by: f64| gradient.iter().zip(u).map(|(g, u)| g + by * u).collect::<Vec<f64>>();
    assert!(check(&plus(&q, 5.0)).passed());
    for u in &tangents {
        assert_eq!(check(&plus(u, 1e-6)).verdict(), Verdict::Fail);
    }
    assert_eq!(check(&gradient.iter().map(|g| -g).collect::<Vec<_>>()).verdict(), Verdict::Fail);
}

/// BVLC/caffe#6814: a layer in half precision.
#[test]
fn half_precision() {
    // Ten bits after the first: what f16 rounds a number of this size to.
    let half = |x: f64| {
        let unit = 2.0_f64.powf(x.abs().log2().floor().max(-14.0) - 10.0);
        (x / unit).round() * unit
    };
    let f = move |x: &[f64]| half(x.iter().map(|x| half((2.0 * x).tanh())).sum::<f64>() + 2.0);
    let x = [0.31, -0.2, 0.55];
    let g = x.map(|x: f64| 2.0 - 2.0 * (2.0 * x).tanh().powi(2));
    for seed in 0..8 {
        for told in [false, true] {
            let verdict = |g: &[f64]| {
                let check = |check: FnCheck| if told { check.precision(9.765_625e-4) } else { check };
                report(&f, &x, g, |c| check(c).seed(seed)).verdict()
            };
            assert_ne!(verdict(&g), Verdict::Fail, "{seed} {told}");
            assert_eq!(verdict(&g.map(|g| -g)), Verdict::Fail, "{seed} {told}");
            assert_eq!(verdict(&g.map(|g| 2.0 * g)), Verdict::Fail, "{seed} {told}");
        }
    }
}

/// scipy#7766: arguments of 1e-9, to which a step of 1e-8 is no small one.
#[test]
fn arguments_smaller_than_the_usual_step() {
    for unit in [1e-9, 1e-15, 1e9] {
        let f = move |x: &[f64]| x.iter().map(|x| (x / unit).sin() * (x / unit).exp()).sum::<f64>();
        let x = [0.3 * unit, 1.2 * unit, -0.5 * unit];
        let g = x.map(|x| ((x / unit).sin() + (x / unit).cos()) * (x / unit).exp() / unit);
        right(&f, &x, &g);
        wrong(&f, &x, &g.map(|g| 1.0001 * g));
        wrong(&f, &x, &[g[0], -g[1], g[2]]);
    }
}

/// pytorch#5351, chainer#3046, Paddle#4283: single precision that nobody tells, at growing sizes.
#[test]
#[allow(clippy::cast_possible_truncation)] // the rounding is meant
fn single_precision_that_nobody_tells() {
    for n in [2, 20, 200, 20_000] {
        let weight = |i: usize| ((1.3 * i as f64).cos() as f32, (0.7 * i as f64).sin() as f32);
        let f = move |x: &[f64]| {
            let term = |(i, x): (usize, &f64)| weight(i).0 * (*x as f32).tanh();
            f64::from(x.iter().enumerate().map(term).sum::<f32>())
        };
        let x: Vec<f64> = (0..n).map(|i| f64::from(weight(i).1)).collect();
        let slope = |i: usize| weight(i).0 * (1.0 - weight(i).1.tanh().powi(2));
        let g: Vec<f64> = (0..n).map(|i| f64::from(slope(i))).collect();
        for seed in 0..if n > 1000 { 1 } else { 3 } {
            let verdict = |g: &[f64]| report(&f, &x, g, |c| c.seed(seed)).verdict();
            assert_eq!(verdict(&g), Verdict::Pass, "{n} {seed}");
            let off: Vec<f64> = g.iter().map(|g| 1.02 * g).collect();
            assert_eq!(verdict(&off), Verdict::Fail, "{n} {seed}");
        }
    }
}
