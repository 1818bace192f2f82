//! Second derivatives, and the Taylor test, of foreign functions.

use autograd_check::{FnCheck, Report, Taylor, Verdict};
use ndarray::{Array2, ArrayD, IxDyn, arr1};

fn row(x: &[f64]) -> ArrayD<f64> {
    arr1(x).into_dyn()
}

/// Σ sin(xᵢ xᵢ₊₁) · exp(s), of x [n] and s [].
fn f(x: &[ArrayD<f64>]) -> f64 {
    x[0].iter().zip(x[0].iter().skip(1)).map(|(a, b)| (a * b).sin()).sum::<f64>() * x[1].sum().exp()
}

fn gradient(x: &[ArrayD<f64>]) -> Vec<ArrayD<f64>> {
    let (n, e) = (x[0].len(), x[1].sum().exp());
    let mut g = ArrayD::zeros(IxDyn(&[n]));
    for i in 0..n - 1 {
        let (a, b) = (x[0][[i]], x[0][[i + 1]]);
        g[[i]] += e * b * (a * b).cos();
        g[[i + 1]] += e * a * (a * b).cos();
    }
    vec![g, ndarray::arr0(f(x)).into_dyn()]
}

/// The blocks x x, x s, s x, s s.
fn hessian(x: &[ArrayD<f64>]) -> Vec<ArrayD<f64>> {
    let (n, e) = (x[0].len(), x[1].sum().exp());
    let mut h = Array2::zeros((n, n));
    for i in 0..n - 1 {
        let (a, b) = (x[0][[i]], x[0][[i + 1]]);
        let (s, c) = (a * b).sin_cos();
        h[[i, i]] -= e * b * b * s;
        h[[i + 1, i + 1]] -= e * a * a * s;
        h[[i, i + 1]] += e * (c - a * b * s);
        h[[i + 1, i]] += e * (c - a * b * s);
    }
    let cross = gradient(x).swap_remove(0);
    vec![h.into_dyn(), cross.clone(), cross, ndarray::arr0(f(x)).into_dyn()]
}

fn at(n: usize) -> Vec<ArrayD<f64>> {
    vec![row(&(0..n).map(|i| (1.3 * i as f64).cos()).collect::<Vec<_>>()), ndarray::arr0(0.2).into_dyn()]
}

fn times(h: &[ArrayD<f64>], w: &[ArrayD<f64>]) -> Vec<ArrayD<f64>> {
    let n = w[0].len();
    let square = h[0].view().into_dimensionality::<ndarray::Ix2>().unwrap();
    let (x, s) = (w[0].view().into_dimensionality::<ndarray::Ix1>().unwrap(), w[1].sum());
    let first = square.dot(&x).into_dyn() + s * &h[1];
    let second = (0..n).map(|i| h[2][[i]] * w[0][[i]]).sum::<f64>() + h[3].sum() * s;
    vec![first, ndarray::arr0(second).into_dyn()]
}

fn both(x: &[ArrayD<f64>], h: &[ArrayD<f64>], seed: u64) -> [Report; 2] {
    let check = FnCheck::at(x).seed(seed);
    [check.hessian(f, h).unwrap(), check.hvp(f, |w| times(h, w)).unwrap()]
}

#[test]
fn right_hessians_pass_and_wrong_ones_do_not() {
    for n in [2, 9] {
        let x = at(n);
        let right = hessian(&x);
        for seed in 0..2 {
            for report in both(&x, &right, seed) {
                assert_eq!(report.verdict(), Verdict::Pass, "{n}: {report}");
                assert_eq!(report.tensors.len(), 3);
            }
            for (number, block) in [(0, 0), (1, 0), (2, 1), (3, 3), (4, 0), (5, 0), (6, 2)] {
                let mut wrong = right.clone();
                match number {
                    // The last of these is below the block diagonal alone.
                    0 | 2 | 3 | 6 => wrong[block] *= 1.001,
                    1 => wrong[block] *= -1.0,
                    // Both entries of a pair; one of a pair.
                    4 => {
                        (wrong[0][[0, 1]], wrong[0][[1, 0]]) =
                            (wrong[0][[0, 1]] + 1e-4, wrong[0][[1, 0]] + 1e-4);
                    }
                    _ => wrong[0][[0, 1]] += 1e-4,
                }
                if number == 2 {
                    wrong[2] *= 1.001;
                }
                for report in both(&x, &wrong, seed) {
                    assert_eq!(report.verdict(), Verdict::Fail, "{n}, fault {number}: {report}");
                    let told = report.tensor("x1 and x0").is_some_and(|t| !t.elements.is_empty());
                    assert_eq!(told, number == 6, "{n}, fault {number}: {report}");
                }
            }
        }
    }
}

#[test]
fn the_pair_that_is_wrong_is_named() {
    let x = at(40);
    let mut wrong = hessian(&x);
    wrong[0][[17, 30]] += 1e-3;
    wrong[0][[30, 17]] += 1e-3;
    for report in both(&x, &wrong, 1) {
        let mut found: Vec<_> = report.tensors[0].elements.iter().map(|e| e.index.clone()).collect();
        found.sort();
        assert_eq!(found, [[17, 30], [30, 17]], "{report}");
        assert!(
            report.tensors[0].all_wrong_told && report.calls < 10_000,
            "{} calls\n{report}",
            report.calls
        );
    }
    // One of the two: the Hessian is not symmetric either.
    let mut wrong = hessian(&x);
    wrong[0][[3, 4]] *= 2.0;
    let [report, _] = both(&x, &wrong, 1);
    assert_eq!(report.tensors[0].elements[0].index, [3, 4], "{report}");
    assert_eq!(report.witnesses[0].verdict, Verdict::Fail, "{report}");
}

#[test]
fn steep_kinked_bounded_and_not_finite() {
    use Verdict::{Fail, Inconclusive, Kink, Pass};
    let verdicts = |f: &dyn Fn(f64) -> f64, x: f64, h: f64| {
        let mut all: Vec<Verdict> = (0..10)
            .map(|seed| {
                let block = ArrayD::from_elem(IxDyn(&[1, 1]), h);
                let check = FnCheck::at(&[row(&[x])]).seed(seed);
                check.hessian(|x: &[ArrayD<f64>]| f(x[0][[0]]), &[block]).unwrap().verdict()
            })
            .collect();
        all.dedup();
        all
    };
    assert_eq!(verdicts(&|x| (300.0 * x).exp(), 0.0, 9e4), [Pass]);
    assert_eq!(verdicts(&|x| (300.0 * x).exp(), 0.0, -9e4), [Fail]);
    assert_eq!(verdicts(&|x| (300.0 * x).exp(), 0.0, 9.1e4), [Fail]);
    assert_eq!(verdicts(&|x| 3.0 * x, 0.4, 0.0), [Pass]);
    assert_eq!(verdicts(&|x| 3.0 * x, 0.4, 1e-3), [Fail]);
    assert_eq!(verdicts(&|x| 1e6 + x * x, 0.4, 2.0), [Pass]);
    assert_eq!(verdicts(&|x| 1e6 + x * x, 0.4, 2.1), [Fail]);
    assert_eq!(verdicts(&|x| x.powi(3), 0.4, f64::NAN), [Fail]);
    // relu² has the second derivatives 0 and 2 at its kink.
    let smooth = |x: f64| x.max(0.0).powi(2);
    for (h, verdict) in [(0.0, Kink), (1.0, Pass), (2.0, Kink), (2.1, Fail), (-0.1, Fail)] {
        let told = verdicts(&smooth, 0.0, h);
        // Central differences give the mean.
        assert!(told == [verdict] || verdict == Pass && told == [Kink], "{h}: {told:?}");
    }
    // |x|: the slope jumps, and both sides are straight.
    assert_eq!(verdicts(&f64::abs, 0.0, 0.0), [Kink]);
    assert_eq!(verdicts(&f64::abs, 0.0, 1.0), [Fail]);
    assert_eq!(verdicts(&|x| x.abs().powf(1.2), 0.0, 0.0), [Inconclusive]);
    // At a bound.
    let g =
        |x: &[ArrayD<f64>]| if x[0][[0]] < 0.0 { f64::NAN } else { x[0][[0]].powf(2.5) + x[0][[0]].powi(2) };
    for (h, verdict) in [(2.0, Pass), (2.2, Fail)] {
        let check = FnCheck::at(&[row(&[0.0])]).bounds(&[row(&[0.0])], &[row(&[5.0])]);
        let report = check.hessian(g, &[ArrayD::from_elem(IxDyn(&[1, 1]), h)]).unwrap();
        assert!(
            report.verdict() == verdict || verdict == Pass && report.verdict() == Inconclusive,
            "{report}"
        );
    }
}

/// If one element is at a kink, faults in the others are still found: an entry on the diagonal, a pair beside it, and
/// one of two arrays.
#[test]
fn a_fault_beside_a_kink_is_no_kink() {
    let matrix = |rows: &[f64], n: usize| ArrayD::from_shape_vec(IxDyn(&[n, n]), rows.to_vec()).unwrap();
    let verdict = |f: &dyn Fn(&[ArrayD<f64>]) -> f64, at: &[ArrayD<f64>], h: &[ArrayD<f64>]| {
        (0..10).map(|seed| FnCheck::at(at).seed(seed).hessian(f, h).unwrap()).collect::<Vec<_>>()
    };
    let bent = |x: f64| x.max(0.0).powi(2);
    // The second derivatives of relu² at 0 are 0 and 2.
    for c in [0.0, 1.0, 2.0] {
        let f = |x: &[ArrayD<f64>]| bent(x[0][[0]]) + x[0][[1]].powi(2);
        for (h, passes) in [(2.0, true), (2.03, false), (1.97, false)] {
            for report in verdict(&f, &[row(&[0.0, 0.7])], &[matrix(&[c, 0.0, 0.0, h], 2)]) {
                assert_eq!(report.passed(), passes, "{c} {h}: {report}");
                let told: Vec<_> = report.tensors[0].elements.iter().map(|e| &e.index[..]).collect();
                assert!(passes || told == [[1, 1]], "{report}");
                assert!(passes || (report.tensors[0].elements[0].numeric - 2.0).abs() < 1e-6, "{report}");
            }
        }
        let f = |x: &[ArrayD<f64>]| bent(x[0][[0]]) + x[0][[1]] * x[0][[2]];
        for (h, passes) in [(1.0, true), (1.03, false)] {
            let h = matrix(&[c, 0.0, 0.0, 0.0, 0.0, h, 0.0, h, 0.0], 3);
            for report in verdict(&f, &[row(&[0.0, 0.7, -0.4])], &[h]) {
                assert_eq!(report.passed(), passes, "{c}: {report}");
            }
        }
        let f = |x: &[ArrayD<f64>]| bent(x[0][[0]] + x[1][[0]]) + x[0][[1]] * x[1][[1]];
        for (h, passes) in [(1.0, true), (1.03, false)] {
            let (same, cross) = (matrix(&[c, 0.0, 0.0, 0.0], 2), matrix(&[c, 0.0, 0.0, h], 2));
            let h = [same.clone(), cross.clone(), cross, same];
            for report in verdict(&f, &[row(&[0.0, 0.3]), row(&[0.0, 0.7])], &h) {
                assert_eq!(report.passed(), passes, "{c}: {report}");
            }
        }
    }
}

/// Options are applied, or refused by name.
#[test]
fn options_are_heard() {
    use autograd_check::{Method, Tier};
    let f = |x: &[ArrayD<f64>]| x[0].mapv(|x| x * x).sum();
    let (x, h) = (row(&[0.3, 0.7]), Array2::from_diag(&arr1(&[2.0, 3.0])).into_dyn());
    let [e0, e1] = [row(&[1.0, 0.0]), row(&[0.0, 1.0])];
    let check = FnCheck::new(std::slice::from_ref(&x), &[row(&[0.6, 1.0])]);
    let hvp = |w: &[ArrayD<f64>]| vec![row(&[2.0 * w[0][[0]], 3.0 * w[0][[1]]])];
    // The second row is wrong.
    for (told, verdict) in [
        (check.clone().direction(0, e0.clone()), Verdict::Pass),
        (check.clone().direction(0, e1.clone()), Verdict::Fail),
        (check.clone().direction(0, e0).direction(0, e1), Verdict::Fail),
    ] {
        let report = told.hessian(f, std::slice::from_ref(&h)).unwrap();
        assert_eq!(report.verdict(), verdict, "{report}");
        let report = told.hvp(f, hvp).unwrap();
        assert_eq!(report.verdict(), verdict, "{report}");
        let report = told.taylor(f).unwrap();
        assert_eq!(report.verdict(), verdict, "{report}");
    }
    let wrong = [
        (check.clone().tier(Tier::Full), "`tier`"),
        (check.clone().method(Method::Central { step: 1e-5 }), "`method`"),
    ];
    for (check, option) in wrong {
        for error in [
            check.hessian(f, std::slice::from_ref(&h)).unwrap_err().to_string(),
            check.hvp(f, hvp).unwrap_err().to_string(),
            check.taylor(f).unwrap_err().to_string(),
        ] {
            assert!(error.contains(option), "{error}");
        }
    }
    let jvp = |u: &[ArrayD<f64>]| 2.0 * &x * &u[0];
    let error = check.tier(Tier::Full).jvp(|x: &[ArrayD<f64>]| x[0].mapv(|x| x * x), jvp).unwrap_err();
    assert!(error.to_string().contains("`tier`"), "{error}");
}

fn expanded(f: impl Fn(f64) -> f64, x: f64, g: f64) -> Taylor {
    FnCheck::new(&[row(&[x])], &[row(&[g])]).taylor(|x: &[ArrayD<f64>]| f(x[0][[0]])).unwrap()
}

#[test]
fn orders_are_those_of_the_theorem() {
    for seed in 0..10 {
        let x = at(6);
        let (g, h) = (gradient(&x), hessian(&x));
        let check = FnCheck::new(&x, &g).seed(seed);
        let report = check.taylor_with(f, |w| times(&h, w)).unwrap();
        assert_eq!(report.verdict(), Verdict::Pass, "{report}");
        for (order, exact) in report.orders.iter().zip([1.0, 2.0, 3.0]) {
            assert!((order.measured.unwrap() - exact).abs() < 0.05, "{report}");
        }
        assert_eq!(check.taylor(f).unwrap().orders.len(), 2);
        for factor in [-1.0, 0.0, 1.001] {
            let wrong: Vec<_> = g.iter().map(|g| factor * g).collect();
            let report = FnCheck::new(&x, &wrong).seed(seed).taylor(f).unwrap();
            assert_eq!(report.verdict(), Verdict::Fail, "{factor}: {report}");
            assert!((report.orders[1].measured.unwrap() - 1.0).abs() < 0.05, "{report}");
        }
        let mut wrong = h.clone();
        wrong[3] += 1.0;
        let report = check.taylor_with(f, |w| times(&wrong, w)).unwrap();
        assert!((report.orders[2].measured.unwrap() - 2.0).abs() < 0.05, "{report}");
        assert_eq!(report.verdict(), Verdict::Fail, "{report}");
    }
}

#[test]
fn expansions_of_what_is_not_smooth() {
    // Near a kink, and at it.
    for d in [1e-1, 1e-2, 1e-3, 1e-4] {
        for (g, wrong) in [(1.0, false), (0.0, true), (0.5, true)] {
            let report = expanded(|x| x.max(0.0) + x.sin(), d, g + d.cos());
            assert_eq!(report.verdict() == Verdict::Fail, wrong, "{d} {g}: {report}");
            let report = expanded(|x| x.max(0.0) + x.sin(), -d, 1.0 - g + d.cos());
            assert_eq!(report.verdict() == Verdict::Fail, wrong, "{d} {g}: {report}");
        }
    }
    for (g, verdict) in [
        (0.0, Verdict::Kink),
        (0.5, Verdict::Kink),
        (1.0, Verdict::Kink),
        (-0.2, Verdict::Fail),
        (1.2, Verdict::Fail),
    ] {
        let report = expanded(|x| x.max(0.0) + x * x, 0.0, g);
        assert_eq!(report.verdict(), verdict, "{g}: {report}");
    }
    // Steep, and huge; not finite.
    for (g, verdict) in [(300.0, Verdict::Pass), (303.0, Verdict::Fail)] {
        assert_eq!(expanded(|x| (300.0 * x).exp(), 0.0, g).verdict(), verdict);
    }
    assert_eq!(expanded(|x| 1e200 * x.sin(), 0.3, 1e200 * 0.3_f64.cos()).verdict(), Verdict::Pass);
    assert_eq!(expanded(|x| 1e200 * x.sin(), 0.3, -1e200 * 0.3_f64.cos()).verdict(), Verdict::Fail);
    assert_eq!(expanded(f64::sin, 0.3, f64::NAN).verdict(), Verdict::Fail);
    assert_eq!(expanded(|x| 2.0 * x, 0.3, 2.0).verdict(), Verdict::Pass);
    assert_eq!(expanded(f64::ln, 1e-3, 1e3).verdict(), Verdict::Pass);
}
