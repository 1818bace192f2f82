//! Claims of functions that return arrays: Jacobians, and products with them from both sides. Planted faults are
//! found and located; correct claims pass, also for steep functions, at kinks, at bounds and in low precision.

use autograd_check::{FnCheck, Report, Verdict};
use ndarray::{Array2, ArrayD, Axis, IxDyn, arr1, arr2};

fn row(x: &[f64]) -> ArrayD<f64> {
    arr1(x).into_dyn()
}

/// y = W tanh(x) + s², of x [n] and s [m].
fn map(w: &Array2<f64>) -> impl Fn(&[ArrayD<f64>]) -> ArrayD<f64> + '_ {
    move |x| {
        let inner: Vec<f64> = x[0].iter().map(|x| x.tanh()).collect();
        let y = w
            .outer_iter()
            .zip(&x[1])
            .map(|(w, s)| w.iter().zip(&inner).map(|(w, t)| w * t).sum::<f64>() + s * s);
        y.collect::<ndarray::Array1<f64>>().into_dyn()
    }
}

fn weights(m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_fn((m, n), |(i, j)| (1.0 + 3.7 * i as f64 + 1.3 * j as f64).sin())
}

fn place(m: usize, n: usize) -> Vec<ArrayD<f64>> {
    let of = |n: usize, by: f64| row(&(0..n).map(|i| (by * i as f64).cos()).collect::<Vec<_>>());
    vec![of(n, 0.7), of(m, 1.9)]
}

/// The Jacobians by both arguments.
fn jacobians(w: &Array2<f64>, at: &[ArrayD<f64>]) -> Vec<ArrayD<f64>> {
    let slopes: Vec<f64> = at[0].iter().map(|x| 1.0 - x.tanh().powi(2)).collect();
    let by_x = Array2::from_shape_fn(w.dim(), |(i, j)| w[[i, j]] * slopes[j]);
    let m = at[1].len();
    let by_s = Array2::from_shape_fn((m, m), |(i, j)| if i == j { 2.0 * at[1][[i]] } else { 0.0 });
    vec![by_x.into_dyn(), by_s.into_dyn()]
}

/// v J, and J u.
fn back(j: &ArrayD<f64>, v: &ArrayD<f64>) -> ArrayD<f64> {
    j.axis_iter(Axis(1)).map(|c| (&c * v).sum()).collect::<ndarray::Array1<f64>>().into_dyn()
}
fn forth(j: &ArrayD<f64>, u: &ArrayD<f64>) -> ArrayD<f64> {
    j.axis_iter(Axis(0)).map(|r| (&r * u).sum()).collect::<ndarray::Array1<f64>>().into_dyn()
}

fn three(w: &Array2<f64>, at: &[ArrayD<f64>], j: &[ArrayD<f64>], seed: u64) -> [Report; 3] {
    let check = FnCheck::at(at).seed(seed);
    [
        check.jacobian(map(w), j).unwrap(),
        check.vjp(map(w), |v| j.iter().map(|j| back(j, v)).collect()).unwrap(),
        check.jvp(map(w), |u| forth(&j[0], &u[0]) + forth(&j[1], &u[1])).unwrap(),
    ]
}

/// A fault at a position of a Jacobian.
type Plant = fn(&mut ArrayD<f64>, [usize; 2]);

#[test]
fn right_products_pass_and_wrong_ones_do_not() {
    for (m, n) in [(1, 1), (3, 3), (6, 5), (1, 12), (12, 1)] {
        let (w, at) = (weights(m, n), place(m, n));
        let right = jacobians(&w, &at);
        let middle = [m / 2, n / 2];
        for seed in 0..2 {
            for report in three(&w, &at, &right, seed) {
                assert_eq!(report.verdict(), Verdict::Pass, "{m} × {n}: {report}");
            }
            let plants: [Plant; 7] = [
                |j, _| *j *= -1.0,
                |j, _| *j *= 1.0001,
                |j, _| *j *= 0.0,
                |j, at| j[at] *= 1.0 + 1e-6,
                |j, at| j[at] += 1e-6,
                |j, [i, _]| j.index_axis_mut(Axis(0), i).fill(0.0),
                |j, at| j[at] = f64::NAN,
            ];
            for (number, plant) in plants.iter().enumerate() {
                let mut wrong = right.clone();
                plant(&mut wrong[0], middle);
                for report in three(&w, &at, &wrong, seed) {
                    assert_eq!(report.verdict(), Verdict::Fail, "{m} × {n}, fault {number}: {report}");
                    assert_eq!(report.tensors[0].verdict(), Verdict::Fail, "fault {number}: {report}");
                    // Zero times NaN is NaN.
                    let other = report.tensors[1].verdict();
                    assert!(other == Verdict::Pass || number == 6, "fault {number}: {report}");
                }
            }
        }
    }
    let (w, at) = (weights(4, 4), place(4, 4));
    let right = jacobians(&w, &at);
    let turned = vec![right[0].clone().reversed_axes(), right[1].clone()];
    for report in three(&w, &at, &turned, 0) {
        assert_eq!(report.verdict(), Verdict::Fail, "{report}");
    }
}

/// One entry of 2,000, by its row and column; for a product, the row is reported.
#[test]
fn the_entry_that_is_wrong_is_named() {
    let (m, n) = (40, 50);
    let (w, at) = (weights(m, n), place(m, n));
    let right = jacobians(&w, &at);
    let mut wrong = right.clone();
    wrong[0][[27, 43]] += 1e-5;
    let [jacobian, vjp, jvp] = three(&w, &at, &wrong, 3);
    let index = |report: &Report| {
        let wrong = report.tensors[0].elements.iter().filter(|e| e.verdict == Verdict::Fail);
        wrong.map(|e| e.index.clone()).collect::<Vec<_>>()
    };
    assert_eq!(index(&jacobian), [[27, 43]], "{jacobian}");
    assert!(
        jacobian.tensors[0].all_wrong_told && jacobian.calls < 3000,
        "{} calls\n{jacobian}",
        jacobian.calls
    );
    assert_eq!(jacobian.tensors[0].shape.to_vec(), [m, n]);
    let entry = &jacobian.tensors[0].elements[0];
    assert!((entry.numeric - right[0][[27, 43]]).abs() < 1e-9, "{jacobian}");
    assert_eq!(index(&vjp), [[43]], "{vjp}");
    assert_eq!(index(&jvp), [[27]], "{jvp}");
    let mut several = right;
    several[0][[3, 5]] *= -1.0;
    several[0][[33, 5]] = 0.0;
    several[0][[9, 49]] = 7.0;
    let mut found = index(&three(&w, &at, &several, 0)[0]);
    found.sort();
    assert_eq!(found, [vec![3, 5], vec![9, 49], vec![33, 5]]);
}

/// A product that is right for one vector only: it stores its argument, or is not linear.
#[test]
fn products_are_linear() {
    let (w, at) = (weights(3, 3), place(3, 3));
    let j = jacobians(&w, &at);
    let mut first: Option<Vec<ArrayD<f64>>> = None;
    let report = FnCheck::at(&at)
        .vjp(map(&w), |v| first.get_or_insert_with(|| j.iter().map(|j| back(j, v)).collect()).clone());
    assert_eq!(report.unwrap().verdict(), Verdict::Fail);
    let mut calls = 0;
    let report = FnCheck::at(&at).vjp(map(&w), |v| {
        calls += 1;
        let scale = if calls > 2 { 2.0 } else { 1.0 };
        j.iter().map(|j| scale * back(j, v)).collect()
    });
    let report = report.unwrap();
    assert_eq!(report.witnesses[0].verdict, Verdict::Fail, "{report}");
    assert!(report.to_string().contains("the VJP is linear"), "{report}");
    let report = FnCheck::at(&at).jvp(map(&w), |u| forth(&j[0], &u[0].mapv(f64::abs)) + forth(&j[1], &u[1]));
    assert_eq!(report.unwrap().verdict(), Verdict::Fail);
}

#[test]
fn steep_and_kinked_functions_and_bounds() {
    // Steep in one argument, flat in the other.
    let f = |x: &[ArrayD<f64>]| row(&[(300.0 * x[0][[0]]).exp(), x[0][[0]].sin()]);
    let at = [row(&[0.0])];
    for (slope, verdict) in [(300.0, Verdict::Pass), (-300.0, Verdict::Fail), (303.0, Verdict::Fail)] {
        let j = arr2(&[[slope], [1.0]]).into_dyn();
        assert_eq!(FnCheck::at(&at).jacobian(f, std::slice::from_ref(&j)).unwrap().verdict(), verdict);
        let jvp = FnCheck::at(&at).jvp(f, |u| forth(&j, &u[0])).unwrap();
        assert_eq!(jvp.verdict(), verdict, "{jvp}");
    }
    // relu, with one element at its kink: values between 0 and 1 are subgradients, others are not.
    let relu = |x: &[ArrayD<f64>]| x[0].mapv(|x| x.max(0.0));
    let at = [row(&[0.3, 0.0, -0.4])];
    for (g, verdict) in [
        (0.0, Verdict::Kink),
        (0.5, Verdict::Kink),
        (1.0, Verdict::Kink),
        (-0.1, Verdict::Fail),
        (2.0, Verdict::Fail),
    ] {
        let j = Array2::from_diag(&arr1(&[1.0, g, 0.0])).into_dyn();
        for seed in 0..20 {
            let check = FnCheck::at(&at).seed(seed);
            let told = [
                check.jacobian(relu, std::slice::from_ref(&j)).unwrap(),
                check.vjp(relu, |v| vec![back(&j, v)]).unwrap(),
                check.jvp(relu, |u| forth(&j, &u[0])).unwrap(),
            ];
            for report in told {
                assert_eq!(report.verdict(), verdict, "{g}, seed {seed}: {report}");
            }
        }
    }
    // Defined for positive numbers alone, and checked at 0.
    let f = |x: &[ArrayD<f64>]| x[0].mapv(|x| if x < 0.0 { f64::NAN } else { x.powf(1.5) + x });
    let at = [row(&[0.0, 1.0])];
    for (slope, verdict) in [(1.0, Verdict::Pass), (1.1, Verdict::Fail)] {
        let j = Array2::from_diag(&arr1(&[slope, 2.5])).into_dyn();
        let check = FnCheck::at(&at).bounds(&[row(&[0.0; 2])], &[row(&[9.0; 2])]);
        let told = [
            check.jacobian(f, std::slice::from_ref(&j)).unwrap(),
            check.vjp(f, |v| vec![back(&j, v)]).unwrap(),
            check.jvp(f, |u| forth(&j, &u[0])).unwrap(),
        ];
        for report in told {
            assert_eq!(report.verdict(), verdict, "{report}");
        }
    }
}

/// On the unit circle the only allowed direction is the tangent.
#[test]
fn along_a_manifold() {
    let f = |x: &[ArrayD<f64>]| row(&[x[0][[0]] * x[0][[1]], x[0][[0]].exp()]);
    let (at, u) = ([row(&[0.6, 0.8])], row(&[-0.8, 0.6]));
    let step = |x: &ArrayD<f64>, u: &ArrayD<f64>, t: f64| {
        let y = x + &(t * u);
        let norm = y.mapv(|y| y * y).sum().sqrt();
        y / norm
    };
    // The component of each row of the Jacobian along the circle.
    let rows = [[0.8, 0.6], [0.6_f64.exp(), 0.0]];
    let along = rows.map(|r| r[0] * u[[0]] + r[1] * u[[1]]);
    let j = Array2::from_shape_fn((2, 2), |(i, k)| along[i] * u[[k]]).into_dyn();
    let check = FnCheck::at(&at).direction(0, u.clone()).motion(step);
    for (sign, verdict) in [(1.0, Verdict::Pass), (-1.0, Verdict::Fail)] {
        let j = sign * &j;
        let told = [
            check.jacobian(f, std::slice::from_ref(&j)).unwrap(),
            check.vjp(f, |v| vec![back(&j, v)]).unwrap(),
            check.jvp(f, |u| forth(&j, &u[0])).unwrap(),
        ];
        for report in told {
            assert_eq!(report.verdict(), verdict, "{report}");
        }
    }
    // x y is ½ sin 2θ on it, and its second derivative −4 x y. Nothing off the circle is evaluated.
    let f = |x: &[ArrayD<f64>]| x[0][[0]] * x[0][[1]];
    for (second, verdict) in [(-4.0 * 0.48, Verdict::Pass), (4.0 * 0.48, Verdict::Fail)] {
        let h =
            Array2::from_shape_fn((2, 2), |(i, k)| second * u[[i]] * u[[k]] + 5.0 * at[0][[i]] * at[0][[k]]);
        let h = h.into_dyn();
        let told = [
            check.hessian(f, std::slice::from_ref(&h)).unwrap(),
            check.hvp(f, |w| vec![forth(&h, &w[0])]).unwrap(),
        ];
        for report in told {
            assert_eq!(report.verdict(), verdict, "{report}");
        }
    }
}

/// Single precision is detected from the values.
#[test]
#[allow(clippy::cast_possible_truncation)]
fn few_digits() {
    let (w, at) = (weights(5, 6), place(5, 6));
    let single = |x: &[ArrayD<f64>]| {
        let inner: Vec<f32> = x[0].iter().map(|x| (*x as f32).tanh()).collect();
        let y = w.outer_iter().zip(&x[1]).map(|(w, s)| {
            w.iter().zip(&inner).map(|(w, t)| *w as f32 * t).sum::<f32>() + (*s as f32).powi(2)
        });
        y.map(f64::from).collect::<ndarray::Array1<f64>>().into_dyn()
    };
    let at: Vec<ArrayD<f64>> = at.iter().map(|x| x.mapv(|x| f64::from(x as f32))).collect();
    let right = jacobians(&w, &at);
    for (factor, wrong) in [(1.0, false), (1.01, true), (-1.0, true)] {
        let j = [factor * &right[0], right[1].clone()];
        for seed in 0..4 {
            let check = FnCheck::at(&at).seed(seed);
            let told = [
                check.jacobian(single, &j).unwrap(),
                check.vjp(single, |v| j.iter().map(|j| back(j, v)).collect()).unwrap(),
                check.jvp(single, |u| forth(&j[0], &u[0]) + forth(&j[1], &u[1])).unwrap(),
            ];
            for report in told {
                assert!(report.notes[0].contains("f32"), "{report}");
                assert_eq!(report.verdict() == Verdict::Fail, wrong, "{factor}: {report}");
            }
        }
    }
}

#[test]
fn what_has_another_shape_is_told() {
    let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin);
    let at = [row(&[0.1, 0.2])];
    let error = |report: Result<Report, autograd::Error>| report.unwrap_err().to_string();
    let check = FnCheck::at(&at).names(["speed"]);
    let told = error(check.jacobian(f, &[ArrayD::zeros(IxDyn(&[2, 3]))]));
    assert!(told.contains("the Jacobian of `speed` is [2, 2], and [2, 3] was given"), "{told}");
    let told = error(check.jacobian(f, &[]));
    assert!(told.contains("0 Jacobians for 1 arrays"), "{told}");
    let told = error(check.vjp(f, |_| vec![ArrayD::zeros(IxDyn(&[3]))]));
    assert!(told.contains("the VJP for `speed` has shape [3]; `speed` has shape [2]"), "{told}");
    let told = error(check.vjp(f, |_| vec![]));
    assert!(told.contains("0 VJPs for 1 arrays"), "{told}");
    let sum = |x: &[ArrayD<f64>]| x[0].sum();
    let told = error(check.hvp(sum, |_| vec![ArrayD::zeros(IxDyn(&[3]))]));
    assert!(
        told.contains("the Hessian-vector product for `speed` has shape [3]; `speed` has shape [2]"),
        "{told}"
    );
    let told = error(FnCheck::new(&at, &[row(&[0.0; 3])]).names(["speed"]).run(sum));
    assert!(told.contains("the gradient for `speed` has shape [3]; `speed` has shape [2]"), "{told}");
    let told = error(check.clone().direction(0, row(&[1.0])).vjp(f, |v| vec![v.clone()]));
    assert!(told.contains("the direction for `speed` has shape [1]; `speed` has shape [2]"), "{told}");
    let told = error(check.jvp(f, |_| ArrayD::zeros(IxDyn(&[3]))));
    assert!(told.contains("the function returns [2], and its JVP [3]"), "{told}");
    let told = error(check.jvp(|x: &[ArrayD<f64>]| &x[0] / 0.0, |u| u[0].clone()));
    assert!(told.contains("not finite"), "{told}");
    let told = error(check.hessian(|x: &[ArrayD<f64>]| x[0].sum(), &[ArrayD::zeros(IxDyn(&[2, 3]))]));
    assert!(
        told.contains("the second derivatives by `speed` and `speed` are [2, 2], and [2, 3] was given"),
        "{told}"
    );
}

/// A function whose result changes shape elsewhere gives an error.
#[test]
fn another_shape_at_a_moved_point_is_told() {
    let f = |x: &[ArrayD<f64>]| {
        if x[0][[0]].to_bits() == 0.1_f64.to_bits() { x[0].clone() } else { row(&[x[0][[0]]; 3]) }
    };
    let j = Array2::eye(2).into_dyn();
    let check = FnCheck::at(&[row(&[0.1, 0.2])]);
    let told = [
        check.jacobian(f, std::slice::from_ref(&j)).unwrap(),
        check.vjp(f, |v| vec![v.clone()]).unwrap(),
        check.jvp(f, |u| u[0].clone()).unwrap(),
    ];
    for report in told {
        assert_eq!(report.verdict(), Verdict::Inconclusive, "{report}");
        let note = "the function has shape [2] at the point, and [3] at one that it was moved to";
        assert_eq!(report.notes.iter().filter(|n| n.contains(note)).count(), 1, "{report}");
    }
}

/// If the budget ends in the middle of a search, the report does not claim that all wrong entries are listed.
#[test]
fn a_search_that_was_cut_short_is_not_complete() {
    let (w, at) = (weights(20, 20), place(20, 20));
    let mut wrong = jacobians(&w, &at);
    for place in [[2, 0], [11, 0], [17, 12]] {
        wrong[0][place] += 1.0;
    }
    for calls in (100..1500).step_by(20) {
        let report = FnCheck::at(&at).budget(calls).jacobian(map(&w), &wrong).unwrap();
        let tensor = &report.tensors[0];
        assert!(!tensor.all_wrong_told || tensor.elements.len() == 3, "{calls} calls: {report}");
    }
}
