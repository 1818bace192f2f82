//! What a wrong gradient is instead, noise, and what that costs.

use super::reports::noise;
use autograd_check::{FnCheck, Hint, Report, Tier, Verdict};
use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

const T: usize = 5;
const H: usize = 4;

/// A recurrence h[t] = tanh(U h[t−1] + w x[t] + b) of T steps, with its loss Σ hᵀ c h, and its gradient by hand, less the
/// part that passes through `forgotten` steps.
struct Net;

impl Net {
    fn at() -> Vec<ArrayD<f64>> {
        let number = |shape: &[usize], by: f64| {
            let mut k = 0.0;
            ArrayD::from_shape_simple_fn(IxDyn(shape), || {
                k += by;
                0.6 * f64::sin(k)
            })
        };
        vec![number(&[H, H], 1.7), number(&[H], 0.9), number(&[H], 2.3)]
    }

    fn x(t: usize) -> f64 {
        (2.0 + t as f64).sin()
    }

    fn states(p: &[ArrayD<f64>]) -> Vec<Vec<f64>> {
        let mut all = vec![vec![0.3; H]];
        for t in 0..T {
            let h = &all[t];
            let unit = |i: usize| {
                let sum: f64 = (0..H).map(|j| p[0][[i, j]] * h[j]).sum();
                (sum + p[1][[i]] * Self::x(t) + p[2][[i]]).tanh()
            };
            all.push((0..H).map(unit).collect());
        }
        all
    }

    fn loss(p: &[ArrayD<f64>]) -> f64 {
        let weighed = |h: &Vec<f64>| h.iter().enumerate().map(|(i, h)| (1.0 + i as f64) * h * h).sum::<f64>();
        Self::states(p)[1..].iter().map(weighed).sum()
    }

    /// Without the terms of some steps.
    fn gradient(p: &[ArrayD<f64>], left_out: &[usize]) -> Vec<ArrayD<f64>> {
        let h = Self::states(p);
        let mut g: Vec<ArrayD<f64>> = p.iter().map(|p| ArrayD::zeros(p.raw_dim())).collect();
        let mut back = [0.0; H];
        for t in (0..T).rev() {
            let a: Vec<f64> = (0..H)
                .map(|i| (back[i] + 2.0 * (1.0 + i as f64) * h[t + 1][i]) * (1.0 - h[t + 1][i].powi(2)))
                .collect();
            if !left_out.contains(&t) {
                for i in 0..H {
                    (0..H).for_each(|j| g[0][[i, j]] += a[i] * h[t][j]);
                    g[1][[i]] += a[i] * Self::x(t);
                    g[2][[i]] += a[i];
                }
            }
            back = std::array::from_fn(|j| (0..H).map(|i| a[i] * p[0][[i, j]]).sum());
        }
        g
    }

    fn told(fault: impl Fn(&mut Vec<ArrayD<f64>>), tier: Tier) -> Report {
        let at = Self::at();
        let mut g = Self::gradient(&at, &[]);
        fault(&mut g);
        FnCheck::new(&at, &g).names(["U", "w", "b"]).tier(tier).run(Self::loss).unwrap()
    }
}

/// The hints of the arrays that fail, by name.
fn hints(report: &Report) -> Vec<(String, Option<Hint>)> {
    let failed = report.tensors.iter().filter(|t| t.verdict() == Verdict::Fail);
    failed.map(|t| (t.name.clone(), t.hint.clone())).collect()
}

fn turned(g: &ArrayD<f64>, by: usize) -> ArrayD<f64> {
    let part = |from: usize, to: usize| g.slice_axis(Axis(0), Slice::from(from..to));
    concatenate(Axis(0), &[part(by, H), part(0, by)]).unwrap()
}

type Fault = fn(&mut Vec<ArrayD<f64>>);

#[test]
fn the_usual_mistakes_are_told() {
    assert!(Net::told(|_| (), Tier::Projection).passed());
    let cases: [(Fault, &[&str], Hint); 15] = [
        (|g| g.iter_mut().for_each(|g| *g *= 0.5), &["U", "w", "b"], Hint::Factor(0.5)),
        (|g| g.iter_mut().for_each(|g| *g *= 1.0001), &["U", "w", "b"], Hint::Factor(1.0001)),
        (|g| g.iter_mut().for_each(|g| *g *= -1.0), &["U", "w", "b"], Hint::Sign),
        (|g| g.iter_mut().for_each(|g| *g *= 4.0), &["U", "w", "b"], Hint::Sum(4)),
        (|g| g.iter_mut().for_each(|g| *g /= 16.0), &["U", "w", "b"], Hint::Mean(16)),
        (|g| g[1].fill(0.0), &["w"], Hint::Zero),
        (|g| g[0].swap_axes(0, 1), &["U"], Hint::Transposed),
        (|g| g[0].invert_axis(Axis(0)), &["U"], Hint::Reversed(0)),
        (|g| g[0] = turned(&g[0], 1), &["U"], Hint::Displaced(0, -1)),
        (|g| g[1] = g[2].clone(), &["w"], Hint::Other("b".into())),
        (|g| g[1] = 2.0 * &g[1], &["w"], Hint::Factor(2.0)),
        (|g| g[2] += 0.01, &["b"], Hint::Offset(0.01)),
        (|g| g[0] -= &(0.1 * &Net::at()[0]), &["U"], Hint::Penalty(0.1)),
        (|g| g[0][[1, 2]] = f64::NAN, &["U"], Hint::NotFinite),
        (|g| g[0].index_axis_mut(Axis(0), 2).mapv_inplace(|g| 3.0 * g), &["U"], Hint::Factor(3.0)),
    ];
    for (fault, names, expected) in cases {
        for tier in [Tier::Projection, Tier::Full] {
            let report = Net::told(fault, tier);
            let told = hints(&report);
            let wanted: Vec<_> =
                names.iter().map(|name| (name.to_string(), Some(expected.clone()))).collect();
            assert_eq!(told, wanted, "{report}");
            // Once for all that share it.
            assert_eq!(report.likely().len(), 1, "{report}");
            assert_eq!(report.to_string().matches("likely: ").count(), 1, "{report}");
            assert!(report.calls < 1500, "{} calls: {report}", report.calls);
        }
    }
}

/// Clipped elements, absolute values, a step that is left out; and where only some elements are wrong.
#[test]
fn what_all_elements_tell_together() {
    let clip = |g: &mut Vec<ArrayD<f64>>| g.iter_mut().for_each(|g| g.mapv_inplace(|g| g.clamp(-0.5, 0.5)));
    let clipped = Net::told(clip, Tier::Projection);
    assert!(hints(&clipped).iter().all(|(_, hint)| *hint == Some(Hint::Clipped(0.5))), "{clipped}");
    let absolute = Net::told(|g| g[0].mapv_inplace(f64::abs), Tier::Projection);
    assert_eq!(hints(&absolute), [("U".into(), Some(Hint::Absolute))], "{absolute}");
    let at = Net::at();
    for step in 0..T {
        let report = FnCheck::new(&at, &Net::gradient(&at, &[step])).run(Net::loss).unwrap();
        assert!(hints(&report).iter().all(|(_, hint)| *hint == Some(Hint::Step)), "{step}: {report}");
        assert!(report.tensors.len() == 3 && report.likely().len() == 1, "{report}");
    }
    let two = FnCheck::new(&at, &Net::gradient(&at, &[1, 3])).run(Net::loss).unwrap();
    assert_eq!(two.tensors[0].hint, Some(Hint::Terms(2, H)), "{two}");
    let row = Net::told(|g| g[0].index_axis_mut(Axis(0), 2).fill(0.0), Tier::Projection);
    assert_eq!((&row.tensors[0].hint, row.tensors[0].hint_of_wrong), (&Some(Hint::Zero), true), "{row}");
    assert!(row.to_string().contains("the wrong elements of `U`: it is zero"), "{row}");
    let swapped = Net::told(|g| g.swap(1, 2), Tier::Projection);

    assert_eq!(
        hints(&swapped),
        [("w", "b"), ("b", "w")].map(|(name, other)| (name.to_string(), Some(Hint::Misplaced(other.into())))),
        "{swapped}"
    );
    // Nothing looks like this.
    let random = Net::told(
        |g| g.iter_mut().flatten().enumerate().for_each(|(i, g)| *g += ((7 * i * i) as f64).cos()),
        Tier::Projection,
    );
    assert!(hints(&random).iter().all(|(_, hint)| hint.is_none()), "{random}");
}

/// Two biases of one sum have one gradient: neither is called that of the other where both are wrong, nor one that is only
/// a multiple of its own. And they share any error: that of one step is told of a matrix beside them.
#[test]
fn parameters_with_one_gradient_are_told_apart() {
    let at = [0.3, 0.5].map(|by| ArrayD::from_shape_fn(vec![5], |i| f64::sin(by + i[0] as f64)));
    let run = |claimed: &[ArrayD<f64>; 2], f: fn(&[ArrayD<f64>]) -> f64| {
        FnCheck::new(&at, claimed).names(["b_ih", "b_hh"]).run(f).unwrap()
    };
    let shared = |x: &[ArrayD<f64>]| (&x[0] + &x[1]).mapv(f64::sin).sum();
    let right = (&at[0] + &at[1]).mapv(f64::cos);
    let both = |a: ArrayD<f64>| [a.clone(), a];
    for (times, hint) in [(0.5, Hint::Factor(0.5)), (-1.0, Hint::Sign)] {
        let report = run(&both(times * &right), shared);
        let expected = ["b_ih", "b_hh"].map(|name| (name.to_string(), Some(hint.clone())));
        assert_eq!(hints(&report), expected, "{report}");
    }
    let error = ArrayD::from_shape_fn(vec![5], |i| ((7 * i[0] * i[0]) as f64).cos());
    let arbitrary = run(&both(&right + &error), shared);
    assert_eq!(hints(&arbitrary), ["b_ih", "b_hh"].map(|name| (name.to_string(), None)), "{arbitrary}");
    // The same error of two arrays whose gradients are not the same is no twin, and no step.
    let apart = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin).sum() + x[1].mapv(f64::exp).sum();
    let vectors = run(&[at[0].mapv(f64::cos) + &error, at[1].mapv(f64::exp) + &error], apart);
    assert_eq!(hints(&vectors), ["b_ih", "b_hh"].map(|name| (name.to_string(), None)), "{vectors}");
    let threefold = run(&both(ArrayD::ones(vec![5])), |x| 3.0 * x[0].sum() + x[1].sum());
    assert!(hints(&threefold).len() == 1, "{threefold}");
    assert!(threefold.to_string().contains("`b_ih`: 0.3333333 times what it should be"), "{threefold}");
}

/// Of neighbours that are equal one wrong element shifts none.
#[test]
fn one_wrong_end_is_no_shift() {
    let told = |times: f64, claimed: &[f64]| {
        let n = claimed.len();
        let claimed = ArrayD::from_shape_vec(vec![n], claimed.to_vec()).unwrap();
        FnCheck::new(&[ArrayD::from_elem(vec![n], 0.3)], &[claimed]).run(|x| times * x[0].sum()).unwrap()
    };
    for report in [told(1.0, &[3.0, 1.0, 1.0, 1.0]), told(2.0, &[2.0, 2.0, 2.0, 2.0, 7.0])] {
        assert_eq!(report.verdict(), Verdict::Fail);
        assert!(!matches!(report.tensors[0].hint, Some(Hint::Displaced(..))), "{report}");
    }
    // What is pushed out at the end is lost, and another number takes its place.
    let x = ArrayD::from_shape_fn(vec![6], |i| f64::from(u8::try_from(i[0]).unwrap()));
    let mut shifted = ArrayD::from_elem(vec![6], 4.2);
    shifted.iter_mut().skip(1).zip(&x).for_each(|(g, x)| *g = x.cos());
    let report = FnCheck::new(&[x], &[shifted]).run(|x| x[0].mapv(f64::sin).sum()).unwrap();
    assert_eq!(report.tensors[0].hint, Some(Hint::Displaced(0, 1)), "{report}");
}

/// Penalties have the digits that are known; and where the parameter is constant, there is an offset.
#[test]
fn penalties_are_told_from_offsets() {
    let x = ArrayD::from_shape_fn(vec![6], |i| (1.0 + 2.0 * i[0] as f64).sin());
    let told = |x: &ArrayD<f64>, extra: &dyn Fn(f64) -> f64, single: bool| {
        let claimed = x.mapv(|x| x.cos() + extra(x));
        #[allow(clippy::cast_possible_truncation)] // the rounding is meant
        let round = |y: f64| if single { f64::from(y as f32) } else { y };
        let check = FnCheck::new(std::slice::from_ref(x), &[claimed]);
        check.run(|x| round(x[0].mapv(f64::sin).sum())).unwrap()
    };
    let lacks = told(&x, &|x| -x, true);
    assert_eq!(lacks.tensors[0].hint, Some(Hint::Penalty(1.0)), "{lacks}");
    let doubled = told(&x, &|x| 0.1 * x, false);
    assert_eq!(doubled.tensors[0].hint, Some(Hint::Penalty(-0.1)), "{doubled}");
    assert!(doubled.to_string().contains("it has 0.1 times the parameter too much"), "{doubled}");
    let gain = ArrayD::ones(vec![6]);
    // The slopes of a constant array are equal too: one number more is a factor, so they are made to differ.
    let weighed = |x: &[ArrayD<f64>]| x[0].iter().zip(1..).map(|(x, k)| f64::from(k) * x.sin()).sum::<f64>();
    let claimed = ArrayD::from_shape_fn(vec![6], |i| (1.0 + i[0] as f64) * 1.0_f64.cos() + 0.25);
    let offset = FnCheck::new(&[gain], &[claimed]).run(weighed).unwrap();
    assert_eq!(offset.tensors[0].hint, Some(Hint::Offset(0.25)), "{offset}");
    let small = told(&x, &|_| 1.000_003, false);
    assert!(small.to_string().contains("off by 1.000003"), "{small}");
}

/// A parameter that stands for another, as a logarithm: the factor of the chain rule.
#[test]
fn a_forgotten_chain_rule_is_told() {
    let x = ArrayD::from_shape_vec(vec![4], vec![0.3, -0.7, 0.9, 0.1]).unwrap();
    let told = |f: fn(f64) -> f64, g: fn(f64) -> f64| {
        let report = FnCheck::new(std::slice::from_ref(&x), &[x.mapv(g)])
            .run(|x| x[0].iter().map(|x| f(*x)).sum())
            .unwrap();
        hints(&report).remove(0).1
    };
    assert_eq!(told(|x| x.exp().sin(), |x| x.exp().cos()), Some(Hint::Chain("exp x")));
    assert_eq!(told(|x| x.tanh().exp(), |x| x.tanh().exp()), Some(Hint::Chain("1 − tanh² x")));
    assert_eq!(told(|x| (x * x).sin(), |x| (x * x).cos()), Some(Hint::Chain("2x")));
}

/// Of noise no factor is told; a factor beside 1 is told to its digits.
#[test]
fn a_factor_is_told_where_it_is_known() {
    let x = ArrayD::from_shape_vec(vec![3], vec![0.3, 0.7, -0.2]).unwrap();
    let run = |times: f64, size: f64| {
        let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin).sum() + size * noise(x[0][[0]]);
        FnCheck::new(std::slice::from_ref(&x), &[times * x.mapv(f64::cos)]).run(f).unwrap()
    };
    let near = run(1.0 + 1e-8, 0.0);
    assert!(near.to_string().contains("likely: `x0`: 1 + 1e-8 times"), "{near}");
    for times in [10.0, -100.0] {
        let report = run(times, 1e-2);
        let told = hints(&report).into_iter().find_map(|(_, hint)| hint);
        assert!(told.is_none() || told == Some(Hint::Factor(times)), "{report}");
    }
}

/// Slopes that noise makes hold no gradient between them.
#[test]
fn noise_makes_no_kinks() {
    let x = ArrayD::from_shape_vec(vec![2], vec![0.3, 0.7]).unwrap();
    for times in [1.0, -1.0, 100.0] {
        let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::sin).sum() + 1e-2 * (1e13 * x[0][[0]]).sin();
        let report = FnCheck::new(std::slice::from_ref(&x), &[times * x.mapv(f64::cos)]).run(f).unwrap();
        assert_ne!(report.verdict(), Verdict::Kink, "{report}");
        assert_ne!(report.verdict(), Verdict::Pass, "{report}");
    }
}

/// The hints of Jacobians, products with them, and second derivatives.
#[test]
fn other_claims_have_hints_too() {
    let at = [ArrayD::from_shape_vec(vec![3], vec![0.3, 0.7, -0.4]).unwrap()];
    let f = |x: &[ArrayD<f64>]| {
        let x = x[0].as_slice().unwrap();
        ArrayD::from_shape_vec(vec![3], vec![x[0] * x[1], x[1].sin() + x[2], x[0].exp() * x[2]]).unwrap()
    };
    let rows = vec![0.7, 0.3, 0.0, 0.0, 0.7_f64.cos(), 1.0, -0.4 * 0.3_f64.exp(), 0.0, 0.3_f64.exp()];
    let j = ArrayD::from_shape_vec(vec![3, 3], rows).unwrap();
    let jacobian = |j: ArrayD<f64>| FnCheck::at(&at).jacobian(f, &[j]).unwrap();
    assert!(jacobian(j.clone()).passed());
    for (wrong, hint) in
        [(j.t().to_owned(), Hint::Transposed), (0.5 * &j, Hint::Factor(0.5)), (-&j, Hint::Sign)]
    {
        let report = jacobian(wrong);
        assert_eq!(report.tensors[0].hint, Some(hint), "{report}");
    }
    let vjp = |by: f64| {
        let back = |v: &ArrayD<f64>| {
            vec![by * ArrayD::from_shape_fn(vec![3], |c| (0..3).map(|r| v[[r]] * j[[r, c[0]]]).sum())]
        };
        FnCheck::at(&at).vjp(f, back).unwrap()
    };
    assert!(vjp(1.0).passed());
    assert_eq!(vjp(2.0).tensors[0].hint, Some(Hint::Factor(2.0)));
    let h = ArrayD::from_shape_fn(vec![3, 3], |at| if at[0] == at[1] { 2.0 } else { 0.5 });
    let quadratic = |x: &[ArrayD<f64>]| {
        (0..3)
            .flat_map(|i| (0..3).map(move |j| (i, j)))
            .map(|(i, j)| 0.5 * h[[i, j]] * x[0][[i]] * x[0][[j]])
            .sum()
    };
    let hessian = FnCheck::at(&at).hessian(quadratic, &[2.0 * &h]).unwrap();
    assert_eq!(hessian.tensors[0].hint, Some(Hint::Factor(2.0)), "{hessian}");
}

/// The numeric value stands beside one that is not finite.
#[test]
fn the_numeric_value_of_what_is_not_finite_is_told() {
    for bad in [f64::NAN, f64::INFINITY] {
        let report = Net::told(|g| g[1][[2]] = bad, Tier::Projection);
        let right = Net::gradient(&Net::at(), &[])[1][[2]];
        let element = &report.tensor("w").unwrap().elements[0];
        assert!(element.index == [2] && (element.numeric - right).abs() < 1e-8, "{report}");
        assert!(report.tensor("w").unwrap().comparison.numeric.is_finite(), "{report}");
        let json = report.to_json();
        assert!(json["tensors"][1]["elements"][0]["numeric"].is_f64(), "{json}");
    }
}

/// Where everything is wrong, the calls are bounded: by 20 an element and 400, and by 2500.
#[test]
fn what_is_wrong_everywhere_costs_bounded_calls() {
    for n in [42, 200, 5000] {
        let x = ArrayD::from_shape_fn(vec![n], |i| (1.0 + i[0] as f64).sin());
        let wrong = ArrayD::from_shape_fn(vec![n], |i| (7.0 * i[0] as f64).cos());
        let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.exp()).sum::<f64>();
        let report = FnCheck::new(&[x], &[wrong]).run(f).unwrap();
        assert_eq!(report.verdict(), Verdict::Fail);
        assert!(report.calls <= (20 * n + 400).min(2500), "{n}: {} calls", report.calls);
    }
}

/// A loss that draws anew each time is called noisy, with its noise and what that leaves open; one that is rough too.
#[test]
fn noise_is_named() {
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let at = Net::at();
    let right = Net::gradient(&at, &[]);
    let mut noisy = |size: f64| {
        FnCheck::new(&at, &right).names(["U", "w", "b"]).run(|x| Net::loss(x) + size * draw()).unwrap()
    };
    for size in [1e-3, 1.0] {
        let report = noisy(size);
        assert_eq!(report.verdict(), Verdict::Inconclusive, "{report}");
        let scatter = report.scatter.expect("it scatters");
        let uniform = size / 12_f64.sqrt();
        assert!((0.3..3.0).contains(&(scatter.deviation / uniform)), "{scatter:?}");
        assert!((scatter.mean - Net::loss(&at)).abs() < size, "{scatter:?}");
        assert!(report.notes[0].starts_with("the function is noisy: at one point 8 answers"), "{report}");
        assert!(report.notes.iter().any(|note| note.contains("direction of `U`")), "{report}");
        assert!(report.to_json()["scatter"]["deviation"].is_f64());
    }
    let quiet = noisy(0.0);
    assert!(quiet.passed() && quiet.scatter.is_none() && quiet.notes.is_empty(), "{quiet}");
    // The last bits of sums in another order are no noise to speak of.
    let reordered = noisy(2e-14);
    assert!(reordered.passed() && reordered.scatter.is_some() && reordered.notes.is_empty(), "{reordered}");
    // In single precision it is measured in its own units.
    for (precision, size) in [(f64::EPSILON, 1e-2), (f64::from(f32::EPSILON), 3e-2)] {
        let check = FnCheck::new(&at, &right).precision(precision);
        let rough = check.run(|x| Net::loss(x) + size * noise(x[0][[0, 0]])).unwrap();
        assert!(rough.scatter.is_none() && rough.verdict() == Verdict::Inconclusive, "{rough}");
        assert!(
            rough.notes.iter().any(|note| note.starts_with("the function is noisy: near the point")),
            "{rough}"
        );
    }
    // Of a mean of 0 nothing is a part.
    let mut value = 1.0;
    let about_0 = FnCheck::new(&at, &right).run(|_| {
        value = -value;
        value
    });
    let about_0 = about_0.unwrap();
    assert!(about_0.notes[0].contains("about 0.000000e0. It draws"), "{about_0}");
}

/// Elements that were checked one by one count in what would have been missed.
#[test]
fn the_certificate_counts_elements() {
    let [along, some, all] = [Tier::Projection, Tier::Sampled(3), Tier::Full]
        .map(|tier| Net::told(|_| (), tier).certificate().unwrap());
    let count = H * H + 2 * H;
    assert_eq!([along.elements, some.elements, all.elements], [[0, count], [9, count], [count, count]]);
    assert!(along.of_any().is_none() && some.of_any().is_none());
    let largest = all.of_any().unwrap();
    assert!(all.missed(1.01 * largest) <= 0.0);
    assert!(
        all.to_string().contains(&format!("each of the {count} elements was checked by itself")),
        "{all}"
    );
    assert!(some.to_string().contains("9 of 24 elements were checked by themselves too"), "{some}");
    // An error just above it is found, wherever it is.
    for place in 0..count {
        let fault = |g: &mut Vec<ArrayD<f64>>| {
            *g.iter_mut().flatten().nth(place).unwrap() += 1.1 * largest;
        };
        assert_eq!(Net::told(fault, Tier::Full).verdict(), Verdict::Fail, "{place}");
    }
}
