//! Foreign functions that are hard for a checker: steep, at a kink, far from 1, rough, in low precision.

mod claims;
mod expansions;
mod hints;
mod reports;

use autograd_check::{FnCheck, Method, Report, Tier, Verdict};
use ndarray::{ArrayD, arr1};

type F = dyn Fn(&[f64]) -> f64;

fn array(x: &[f64]) -> Vec<ArrayD<f64>> {
    vec![arr1(x).into_dyn()]
}

fn report(f: &F, x: &[f64], g: &[f64], options: impl Fn(FnCheck) -> FnCheck) -> Report {
    let check = options(FnCheck::new(&array(x), &array(g)));
    check.run(|x: &[ArrayD<f64>]| f(x[0].as_slice().unwrap())).unwrap()
}

/// The number of each verdict over `of` seeds: pass, kink, open, fail.
fn verdicts(f: &F, x: &[f64], g: &[f64], of: u64, tier: Tier) -> [usize; 4] {
    let mut counts = [0; 4];
    for seed in 0..of {
        let verdict = report(f, x, g, |check| check.seed(seed).tier(tier)).verdict();
        counts[match verdict {
            Verdict::Pass => 0,
            Verdict::Kink => 1,
            Verdict::Inconclusive => 2,
            _ => 3,
        }] += 1;
    }
    counts
}

#[track_caller]
fn right(f: &F, x: &[f64], g: &[f64]) {
    for tier in [Tier::Projection, Tier::Full] {
        let told = report(f, x, g, |check| check.tier(tier));
        assert_eq!(
            verdicts(f, x, g, 8, tier),
            [8, 0, 0, 0],
            "{tier:?} at {:?}: {told}",
            &x[..x.len().min(5)]
        );
    }
}

#[track_caller]
fn wrong(f: &F, x: &[f64], g: &[f64]) {
    let told = report(f, x, g, |check| check);
    assert_eq!(verdicts(f, x, g, 8, Tier::Projection), [0, 0, 0, 8], "at {:?}: {told}", &x[..x.len().min(5)]);
}

/// A function that grows fast within a tenth of x is not noisy at x.
#[test]
fn steep_functions_hide_nothing() {
    for k in [20.0, 100.0, 300.0, 1000.0] {
        let f = move |x: &[f64]| (k * x[0]).exp();
        right(&f, &[0.0], &[k]);
        for off in [-1.0, 0.0, 1.01] {
            wrong(&f, &[0.0], &[off * k]);
        }
    }
    for n in [50, 200, 500] {
        let f = move |x: &[f64]| x[0].powi(n);
        right(&f, &[1.0], &[f64::from(n)]);
        for off in [-1.0, 0.0, 1.01, 1e6] {
            wrong(&f, &[1.0], &[off * f64::from(n)]);
        }
    }
    let product = |x: &[f64]| x.iter().map(|x| 1.0 + x).product();
    right(&product, &[0.0; 100], &[1.0; 100]);
    wrong(&product, &[0.0; 100], &[-1.0; 100]);
}

/// Norms, tolerances and slopes beyond the range of f64 let no fault pass.
#[test]
fn what_is_not_finite_never_passes() {
    for (f, x, g) in [
        (&(|x: &[f64]| 1e200 * x[0].sin()) as &F, 0.3, 1e200 * 0.3_f64.cos()),
        (&|x: &[f64]| x[0].ln(), 1e-200, 1e200),
        (&|x: &[f64]| x[0].sqrt(), 1e-300, 0.5e150),
        (&|x: &[f64]| 1e-200 * x[0].cos(), 0.3, -1e-200 * 0.3_f64.sin()),
    ] {
        right(f, &[x], &[g]);
        wrong(f, &[x], &[-g]);
    }
    for g in [f64::NAN, f64::INFINITY] {
        let report = report(
            &|x| x.iter().map(|x| x.sin()).sum(),
            &[0.1, 0.2, 0.3],
            &[0.1_f64.cos(), g, 0.3_f64.cos()],
            |c| c,
        );
        assert_eq!(report.verdict(), Verdict::Fail);
        assert_eq!(report.tensors[0].elements[0].index, [1]);
    }
    // A pole near the point.
    let pole = |x: &[f64]| if x[0] > 0.3 { f64::NAN } else { x[0] };
    assert_ne!(report(&pole, &[0.3], &[-1.0], |c| c).verdict(), Verdict::Pass);
}

/// At every distance from its kink relu has a derivative, and at the kink all between 0 and 1.
#[test]
fn beside_a_kink_and_on_it() {
    let relu = |x: &[f64]| x.iter().map(|x| x.max(0.0)).sum::<f64>();
    for d in [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12] {
        right(&relu, &[d], &[1.0]);
        right(&relu, &[-d], &[0.0]);
        wrong(&relu, &[d], &[0.5]);
        // With other elements that are far from their kinks.
        right(&relu, &[0.7, d, -0.4], &[1.0, 1.0, 0.0]);
    }
    for (g, expected) in [(0.0, 1), (0.5, 1), (1.0, 1), (-0.01, 3), (1.01, 3)] {
        let mut counts = [0; 4];
        counts[expected] = 20;
        assert_eq!(verdicts(&relu, &[0.0], &[g], 20, Tier::Projection), counts, "{g}");
    }
    let abs = |x: &[f64]| x[0].abs();
    assert_eq!(verdicts(&abs, &[0.0], &[0.0], 20, Tier::Full), [0, 20, 0, 0]);
    // Infinitely steep from both sides: there is no slope.
    let root = |x: &[f64]| x[0].abs().sqrt();
    assert_eq!(verdicts(&root, &[0.0], &[0.0], 20, Tier::Projection), [0, 0, 20, 0]);
    // A jump has the slopes of its sides.
    let modulo = |x: &[f64]| x[0].rem_euclid(1.0);
    assert_eq!(report(&modulo, &[2.0], &[1.0], |c| c).verdict(), Verdict::Kink);
    assert_eq!(report(&modulo, &[2.0], &[-28.0], |c| c).verdict(), Verdict::Fail);
}

/// For n tied elements the weights of a subgradient add up to 1. The undivided mask `x == max` adds up to n.
#[test]
fn a_failure_along_any_direction_is_one() {
    let max = |x: &[f64]| x.iter().copied().fold(f64::MIN, f64::max);
    for n in [2, 3, 4, 10, 50] {
        let x = vec![0.7; n];
        assert_eq!(verdicts(&max, &x, &vec![1.0 / n as f64; n], 50, Tier::Projection), [0, 50, 0, 0], "{n}");
        for g in [1.0, 0.0, 0.9, 2.0 / n as f64, 1.001 / n as f64] {
            let sum = g * n as f64;
            let expected = if (sum - 1.0).abs() < 1e-9 { [0, 50, 0, 0] } else { [0, 0, 0, 50] };
            assert_eq!(verdicts(&max, &x, &vec![g; n], 50, Tier::Projection), expected, "{n} of {g}");
        }
    }
}

/// Where several kinks meet, a line sees two pieces of many, and libraries return the gradient of another: exactly the
/// elements of Clarke's generalised gradient pass.
#[test]
fn where_several_kinks_meet_every_convention_is_right() {
    const A: [f64; 6] = [1.0, -2.0, 0.5, 3.0, -0.25, 1.5];
    let sum = |f: fn(f64) -> f64| move |x: &[f64]| A.iter().zip(x).map(|(a, x)| a * f(*x)).sum::<f64>();
    let times = |shares: [f64; 6]| A.iter().zip(shares).map(|(a, s)| a * s).collect::<Vec<_>>();
    let (relu, abs) = (sum(|x| x.max(0.0)), sum(f64::abs));
    let all = |f: &F, g: &[f64], at: usize| {
        for tier in [Tier::Projection, Tier::Full] {
            let mut expected = [0; 4];
            expected[at] = 4;
            assert_eq!(verdicts(f, &[0.0; 6], g, 4, tier), expected, "{g:?} {tier:?}");
        }
    };
    for shares in [[0.0; 6], [1.0; 6], [0.5; 6], [0.0, 1.0, 0.5, 1.0, 0.0, 0.3]] {
        all(&relu, &times(shares), 1);
    }
    for shares in [[0.0; 6], [1.0; 6], [-1.0; 6], [-1.0, 1.0, 1.0, -1.0, 0.0, 1.0]] {
        all(&abs, &times(shares), 1);
    }
    for shares in [[-0.5; 6], [1.5; 6], [1.0, 1.0, 1.001, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, -0.01, 0.0, 0.0]] {
        all(&relu, &times(shares), 3);
    }
    // x itself, in two halves; and of a maximum all ties in full.
    all(&|x| x.iter().map(|x| x.max(0.0) - (-x).max(0.0)).sum(), &[0.0; 6], 3);
    all(&|x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max), &[1.0; 6], 3);
    // In few digits.
    #[allow(clippy::cast_possible_truncation)] // the rounding is meant
    let single = move |x: &[f64]| f64::from(relu(x) as f32);
    for (share, good) in [(0.0, true), (1.0, true), (-0.5, false), (1.02, false), (1.5, false)] {
        let told = report(&single, &[0.0; 6], &times([share; 6]), |check| check.precision(6e-8));
        assert_eq!(told.passed(), good, "{share}: {told}");
    }
}

/// A kink beside the point lends it no slope; and kinks of two arrays meet also where a line through the point sees none.
#[test]
fn pieces_are_those_that_meet_at_the_point() {
    for d in [1e-6, 1e-5, 1e-4] {
        let beside = move |x: &[f64]| x[0].abs() + 10.0 * (x[0] - d).max(0.0);
        for (g, good) in [(8.0, false), (1.01, false), (1.0, true), (0.3, true), (-1.0, true), (-1.01, false)]
        {
            let told = report(&beside, &[0.0], &[g], |check| check);
            assert_eq!(told.passed(), good, "{d} {g}: {told}");
        }
    }
    let single = f64::from(f32::EPSILON);
    for (g, good) in [(0.0, true), (1.0, true), (1.05, false), (2.5, false), (-0.05, false)] {
        let told = report(&|x: &[f64]| x[0].max(0.0), &[0.0], &[g], |check| check.precision(single));
        assert_eq!(told.passed(), good, "{g}: {told}");
    }
    let cross = |x: &[ArrayD<f64>]| (x[0][[0]] + x[1][[0]]).max(0.0) - (x[1][[0]] - x[0][[0]]).max(0.0);
    for (g, good) in
        [([0.0, 0.0], true), ([1.0, 1.0], true), ([2.0, 0.0], true), ([3.0, 0.0], false), ([0.0, 2.0], false)]
    {
        for turned in [false, true] {
            let swap =
                |x: &[ArrayD<f64>]| if turned { cross(&[x[1].clone(), x[0].clone()]) } else { cross(x) };
            let mut claimed = g.map(|g| ArrayD::from_elem(vec![1], g)).to_vec();
            if turned {
                claimed.reverse();
            }
            let at = [ArrayD::zeros(vec![1]), ArrayD::zeros(vec![1])];
            for seed in 0..5 {
                let told = FnCheck::new(&at, &claimed).seed(seed).run(swap).unwrap();
                assert_eq!(told.passed(), good, "{g:?} {turned} {seed}: {told}");
            }
        }
    }
}

/// Of several gradients one is never computed anew; and one of parameters that are all 0.
#[test]
fn one_of_several_that_is_kept_is_found() {
    let f = |x: &[ArrayD<f64>]| x.iter().map(|x| x.iter().map(|x| x.exp()).sum::<f64>()).sum();
    for at in [[0.3, 0.5], [0.0, 0.0]] {
        let at = at.map(|x| ArrayD::from_elem(vec![2], x));
        let kept = at[1].mapv(f64::exp);
        let report =
            FnCheck::at(&at).run_with(f, |x: &[ArrayD<f64>]| vec![x[0].mapv(f64::exp), kept.clone()]);
        let report = report.unwrap();
        let failed: Vec<bool> = report.tensors.iter().map(|t| t.verdict() == Verdict::Fail).collect();
        assert_eq!(failed, [false, true], "{report}");
    }
}

#[test]
fn where_nothing_moves_rounding_is_not_taken_for_a_gradient() {
    right(&|_| 3.0, &[0.7], &[1.441e-17]);
    right(&|x| x[0] + 0.0 * x[1], &[0.7, 0.2], &[1.0, 1.9e-17]);
    let softplus = |x: &[f64]| x.iter().map(|x: &f64| x.exp().ln_1p()).sum::<f64>();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    right(&softplus, &[-50.0, 0.3], &[sigmoid(-50.0), sigmoid(0.3)]);
    let cancelled = |x: &[f64]| (1e12 + x[0].sin()) - 1e12;
    for seed in 0..20 {
        let verdict = report(&cancelled, &[0.3], &[0.3_f64.cos()], |c| c.seed(seed)).verdict();
        assert_ne!(verdict, Verdict::Fail);
    }
}

/// A gradient that differences cannot resolve beside the function's value passes, and is reported as unresolved.
#[test]
fn a_pass_below_what_differences_see_is_named() {
    let f = |x: &[f64]| 1e6 + 1e-12 * x[0].sin();
    let report = report(&f, &[0.3], &[-1e-12], |c| c);
    assert!(report.passed() && report.tensors[0].comparison.unseen, "{report}");
    assert!(report.to_string().contains("below what differences see"), "{report}");
}

#[test]
fn every_element_moves_in_its_own_scale() {
    right(&|x| 1.0 / x[0], &[1e-12], &[-1e24]);
    wrong(&|x| 1.0 / x[0], &[1e-12], &[-1.01e24]);
    right(&|x| (1e30 * x[0]).tanh(), &[1e-30], &[1e30 * (1.0 - 1f64.tanh().powi(2))]);
    right(
        &|x| (x[0] * 1e8).sin() + (x[1] * 1e-8).sin(),
        &[1e-8, 1e8],
        &[1e8 * 1f64.cos(), 1e-8 * 1f64.cos()],
    );
    let x = [2e5, 3.0, 0.4, 7e-7, 1e-3];
    let logs = |x: &[f64]| x.iter().map(|x| x.ln()).sum::<f64>();
    right(&logs, &x, &x.map(f64::recip));
    let mut off = x.map(f64::recip);
    off[3] *= 1.001;
    wrong(&logs, &x, &off);
    // The zeros in between have no scale of their own.
    let squares = |x: &[f64]| x.iter().map(|x| x * x * 1e-16).sum::<f64>();
    right(&squares, &[1e8, 0.0, 2e8], &[2e-8, 0.0, 4e-8]);
    // A function that varies on another scale than its argument suggests.
    let f = |x: &[f64]| (x[0] * 1e9).sin();
    for (g, verdict) in [(1e9, Verdict::Pass), (-1e9, Verdict::Fail)] {
        let told = report(&f, &[0.0], &[g], |c| c.typical(&array(&[1e-9])));
        assert_eq!(told.verdict(), verdict, "{told}");
    }
    for method in [Method::Richardson, Method::Central { step: 6e-6 }] {
        for seed in 0..20 {
            let check = |c: FnCheck| c.method(method).tier(Tier::Full).seed(seed);
            let verdict = report(&|x| x[0].sin(), &[1e10], &[1e10_f64.cos()], check).verdict();
            assert_ne!(verdict, Verdict::Fail, "{method:?} {seed}");
        }
    }
}

/// The logistic map loses its derivative after forty steps: no difference resolves it, and none may claim to.
#[test]
fn chaos_is_open() {
    for steps in [40, 60, 100, 200] {
        let f = move |x: &[f64]| (0..steps).fold(x[0], |x, _| 3.9 * x * (1.0 - x));
        let (_, slope) =
            (0..steps).fold((0.3, 1.0), |(x, d), _| (3.9 * x * (1.0 - x), 3.9 * (1.0 - 2.0 * x) * d));
        let counts = verdicts(&f, &[0.3], &[slope], 20, Tier::Projection);
        assert_eq!(counts[3], 0, "{steps} steps: {counts:?}");
    }
}

/// An iteration that stops at 1e-6 makes a rough function; its true derivative does not fail, and half of it does.
#[test]
fn solvers_are_as_rough_as_their_tolerance() {
    let solve = |x: &[f64]| {
        let (mut y, mut rounds) = (1.0_f64, 0);
        while (y * y - x[0]).abs() > 1e-6 && rounds < 100 {
            y -= 0.3 * (y * y - x[0]) / (2.0 * y);
            rounds += 1;
        }
        y
    };
    let slope = 0.5 / 2.3_f64.sqrt();
    for seed in 0..20 {
        let verdict = |g: f64| report(&solve, &[2.3], &[g], |c| c.seed(seed).precision(1e-6)).verdict();
        assert_ne!(verdict(slope), Verdict::Fail);
        assert_eq!(verdict(0.5 * slope), Verdict::Fail);
    }
    // Without its tolerance what it stops at has a slope of its own, and the report says what that may be.
    let untold = report(&solve, &[2.3], &[slope], |c| c);
    assert!(untold.to_string().contains("if an iteration solves for the function"), "{untold}");
    let far = report(&solve, &[2.3], &[0.5 * slope], |c| c);
    assert!(!far.to_string().contains("iteration"), "{far}");
}

/// A gradient that was computed once and is handed back ever after is right here, and nowhere else.
#[test]
fn a_gradient_that_is_never_computed_anew_is_found() {
    let at = array(&[0.3, -0.7, 1.1]);
    let run = |f: fn(f64) -> f64, slope: fn(f64) -> f64, keeps: bool| {
        let mut kept: Option<Vec<ArrayD<f64>>> = None;
        let gradient = |x: &[ArrayD<f64>]| {
            let new = vec![x[0].mapv(slope)];
            if keeps { kept.get_or_insert(new).clone() } else { new }
        };
        FnCheck::at(&at).run_with(|x: &[ArrayD<f64>]| x[0].iter().map(|x| f(*x)).sum(), gradient).unwrap()
    };
    let stale = run(f64::sin, f64::cos, true);
    assert_eq!(stale.verdict(), Verdict::Fail, "{stale}");
    assert!(stale.notes[0].contains("not computed anew"), "{stale}");
    for right in
        [run(f64::sin, f64::cos, false), run(|x| 3.0 * x, |_| 3.0, false), run(|x| 3.0 * x, |_| 3.0, true)]
    {
        assert_eq!(right.verdict(), Verdict::Pass, "{right}");
    }
}

/// Single precision is detected from the values.
#[test]
#[allow(clippy::cast_possible_truncation)]
fn few_digits_are_seen_without_being_told() {
    for n in [2, 20, 200, 20_000] {
        let weights: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32 / 101.0) - 0.4).collect();
        let w = weights.clone();
        let dot = move |x: &[f64]| f64::from(x.iter().zip(&w).map(|(x, w)| *x as f32 * w).sum::<f32>());
        let x: Vec<f64> = (0..n).map(|i| f64::from((i * 53 % 97) as f32 / 97.0)).collect();
        let g: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
        for seed in 0..3 {
            let report = report(&dot, &x, &g, |c| c.seed(seed));
            assert!(matches!(report.verdict(), Verdict::Pass | Verdict::Inconclusive), "{n}: {report}");
            assert!(report.notes[0].starts_with("every value of the function is an f32 number"), "{report}");
        }
        let off: Vec<f64> = g.iter().map(|g| -g).collect();
        assert_eq!(report(&dot, &x, &off, |c| c).verdict(), Verdict::Fail, "{n}");
    }
}

/// One wrong sign among 20,000 is found by bisection, in a few hundred calls.
#[test]
fn wrong_elements_are_found_by_halves() {
    let f = |x: &[f64]| x.iter().map(|x| x.sin()).sum::<f64>();
    let x: Vec<f64> = (0..20_000).map(|i| f64::from(i).sqrt().sin()).collect();
    let mut g: Vec<f64> = x.iter().map(|x| x.cos()).collect();
    g[12_345] *= -1.0;
    let report = report(&f, &x, &g, |c| c);
    let tensor = &report.tensors[0];
    assert_eq!((tensor.elements.len(), tensor.elements[0].index.as_slice()), (1, &[12_345][..]), "{report}");
    assert!(tensor.all_wrong_told && report.calls < 1000, "{} calls\n{report}", report.calls);
    assert!(report.to_string().contains("this one is wrong of 20000"), "{report}");
}

#[test]
fn a_slice_that_is_wrong_is_found() {
    let x = ArrayD::from_shape_fn(vec![4, 30, 5], |i| (i[0] + 2 * i[1] + 3 * i[2]) as f64 / 50.0);
    let mut g = x.mapv(f64::cos);
    g.index_axis_mut(ndarray::Axis(1), 7).fill(0.0);
    let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin).sum();
    let report = FnCheck::new(&[x], &[g]).run(f).unwrap();
    assert_eq!(report.tensors[0].slice, Some((1, 7)), "{report}");
}

#[test]
fn a_budget_is_kept() {
    let mut calls = 0;
    let f = |x: &[ArrayD<f64>]| {
        calls += 1;
        x[0].mapv(f64::sin).sum()
    };
    let (x, g) = (array(&[0.1; 1000]), array(&[-0.1_f64.cos(); 1000]));
    let report = FnCheck::new(&x, &g).budget(50).run(f).unwrap();
    assert_eq!((report.calls, calls), (50, 50));
    assert!(report.notes.iter().any(|n| n.contains("50 calls")), "{report}");
}

/// What is asked of a kept gradient at other parameters is charged too, and open if there is no call left for it.
#[test]
fn a_budget_is_kept_at_other_parameters_too() {
    let (x, mut calls) = (array(&[0.1, 0.2]), 0);
    let kept = [x[0].mapv(f64::exp)];
    let mut run = |budget: usize, g: &ArrayD<f64>, f: fn(f64) -> f64| {
        calls = 0;
        let f = |x: &[ArrayD<f64>]| {
            calls += 1;
            x[0].mapv(f).sum()
        };
        let report = FnCheck::at(&x).budget(budget).run_with(f, |_| vec![g.clone()]).unwrap();
        assert_eq!(report.calls, calls, "{report}");
        assert!(calls <= budget, "{calls} of {budget}");
        report
    };
    let all = run(usize::MAX, &kept[0], f64::exp);
    assert_eq!(all.verdict(), Verdict::Fail, "{all}");
    let (most, linear) = (all.calls, ArrayD::ones(x[0].raw_dim()));
    assert_eq!(run(usize::MAX, &linear, |x| x).verdict(), Verdict::Pass);
    let mut open = 0;
    for budget in 20..most {
        let report = run(budget, &kept[0], f64::exp);
        assert!(!report.passed() || report.calls < budget, "{budget}\n{report}");
        open += usize::from(report.verdict() == Verdict::Inconclusive);
    }
    assert!(open > 10, "{open}");
}

/// Sums of single precision over threads come in another order each time: that is no memory. One that adds up is.
#[test]
#[allow(clippy::cast_possible_truncation)] // single precision is what is tested
fn rounding_to_and_fro_is_not_taken_for_memory() {
    let x = array(&[0.3, -0.7, 1.1, 0.2]);
    let right = x[0].mapv(|x: f64| x.cos());
    let f = |x: &[ArrayD<f64>]| x[0].iter().map(|&x| f64::from((x as f32).sin())).sum::<f64>();
    let run = |change: &dyn Fn(usize, usize) -> f64, precision: Option<f64>| {
        let mut asked = 0;
        let gradient = |_: &[ArrayD<f64>]| {
            asked += 1;
            let each =
                right.iter().enumerate().map(|(i, g)| f64::from((g * (1.0 + change(asked, i))) as f32));
            vec![ArrayD::from_shape_vec(right.raw_dim(), each.collect()).unwrap()]
        };
        let check = FnCheck::at(&x);
        precision.map_or(check.clone(), |precision| check.precision(precision)).run_with(f, gradient).unwrap()
    };
    // In units of single precision: −40 to 40, without a trend.
    let noise = |asked: usize, i: usize| {
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        80.0 * f64::from(f32::EPSILON) * (((7 * asked + i) as f64 * golden).fract() - 0.5)
    };
    for precision in [None, Some(f32::EPSILON.into())] {
        let report = run(&noise, precision);
        assert!(
            report.passed() && report.notes.iter().any(|n| n.contains("as sums in another order")),
            "{report}"
        );
    }
    let adds = |asked: usize, _: usize| 1e-5 * asked as f64;
    let report = run(&adds, None);
    assert!(report.verdict() == Verdict::Fail && report.notes[0].contains("remembers"), "{report}");
    // Whole numbers are exact in every type: they do not make a gradient that comes and goes one of few digits.
    let (x, f) = (array(&[0.5, 0.5, 0.5]), |x: &[ArrayD<f64>]| x[0][0] + 2.0 * x[0][1] + 3.0 * x[0][2]);
    for other in [0.0, -1.0, 0.5] {
        for precision in [None, Some(f64::EPSILON)] {
            let mut asked = 0;
            let gradient = |_: &[ArrayD<f64>]| {
                asked += 1;
                array(&[1.0, 2.0, 3.0].map(|g| if asked == 3 { g * other } else { g }))
            };
            let check = FnCheck::at(&x);
            let check = precision.map_or(check.clone(), |precision| check.precision(precision));
            assert_eq!(check.run_with(f, gradient).unwrap().verdict(), Verdict::Fail, "{other}");
        }
    }
    // What is not a number is told, and is no memory.
    let report = FnCheck::at(&x).run_with(f, |_: &[ArrayD<f64>]| array(&[1.0, f64::NAN, 3.0])).unwrap();
    assert!(report.verdict() == Verdict::Fail && !report.to_string().contains("asked"), "{report}");
    let large = |asked: usize, i: usize| 1e3 * noise(asked, i);
    let report = run(&large, None);
    assert!(report.verdict() == Verdict::Fail && report.notes[0].contains("each time"), "{report}");
}

/// The guarantee of a certificate, tested: partly cancelling errors, hundreds of directions.
#[test]
fn a_certificate_holds() {
    let f = |x: &[f64]| x.iter().map(|x| x.sin()).sum::<f64>();
    let x: Vec<f64> = (0..6).map(|i| 0.3 * f64::from(i) - 0.7).collect();
    let right: Vec<f64> = x.iter().map(|x| x.cos()).collect();
    // A given precision sets the tolerance, and few misses occur for a tiny one.
    let check = |g: &[f64], seed| report(&f, &x, g, |c| c.seed(seed).precision(1e-13));
    let mut counts = [[0.0; 2]; 3];
    for seed in 0..100 {
        let certificate = check(&right, seed).certificate().expect("it passes");
        let tolerance = certificate.tolerance;
        assert_eq!((certificate.seed, certificate.tensors), (seed, [1, 1]));
        // One element: never.
        let mut one = right.clone();
        one[usize::try_from(seed % 6).unwrap()] += 1.001 * certificate.never_missed();
        assert_eq!(check(&one, seed).verdict(), Verdict::Fail, "seed {seed}");
        // Several, which can cancel: the largest error is a multiple of the tolerance.
        for (count, times) in counts.iter_mut().zip([4.0, 10.0, 40.0]) {
            let error = times * tolerance;
            let pattern = [
                [1.0, -1.0, 0.0, 0.0, 0.0, 0.0],
                [1.0, 1.0, -1.0, 0.5, 0.0, 0.3],
                [1.0, -0.9, 0.2, 0.0, 1.0, 1.0],
            ];
            for pattern in pattern {
                let wrong: Vec<f64> = right.iter().zip(pattern).map(|(g, p)| g + error * p).collect();
                count[0] += f64::from(u8::from(check(&wrong, seed).verdict() != Verdict::Fail));
                count[1] += certificate.missed(error);
            }
        }
    }
    for [missed, bound] in counts {
        assert!(missed <= bound, "{counts:?}");
    }
    // The bound is not vacuous: something is missed, and not a hundred times less often than it says.
    assert!(counts[0][0] > 0.05 * counts[0][1], "{counts:?}");
}

/// Where kinks meet, few digits know a slope to half of it, but pieces lie apart by more.
#[test]
fn pieces_are_seen_in_few_digits() {
    // (precision, constant beside, what all is multiplied by)
    for (unit, beside, times) in
        [(2f64.powi(-10), 0.0, 1.0), (2f64.powi(-7), 0.0, 1e-3), (2f64.powi(-23), 1.0, 1.0)]
    {
        let round = move |y: f64| {
            let unit = unit * 2f64.powf(y.abs().log2().floor());
            if y == 0.0 { y } else { (y / unit).round() * unit }
        };
        let tie = move |x: &[f64]| round(beside + times * ((x[0] + x[1]).max(0.0) - (x[1] - x[0]).max(0.0)));
        let told =
            |g: f64, seed| report(&tie, &[0.0; 2], &[g * times; 2], |check| check.seed(seed).precision(unit));
        for seed in 0..4 {
            assert_eq!(told(0.0, seed).verdict(), Verdict::Kink, "{unit}: {}", told(0.0, seed));
            assert_eq!(told(-1.0, seed).verdict(), Verdict::Fail, "{unit}: {}", told(-1.0, seed));
        }
    }
}
