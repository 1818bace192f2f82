//! Laws of every net, at one point; tests draw the nets.

use super::{Begin, Problem, near, near_all, random, steps};
use autograd::ops::{Op, Sampler};
use autograd::{Builder, Point, Value, eval, grad, jvp};
use autograd_check::Verdict;
use autograd_check::{Check, Report};
use ndarray::{ArrayD, Axis, concatenate, s};
use std::collections::BTreeMap;

fn norm(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x * x).sum().sqrt()
}

/// `⟨∂loss, u⟩`, and `⟨∂⟨∂loss, r⟩, u⟩`, for each leaf alone: reverse mode and forward mode must agree. The backward
/// pass must contain no stop-gradient: forward mode through it would stop too, and both would miss the same term.
#[track_caller]
pub fn agrees_with_duals(problem: &Problem, what: &str) {
    let g = Builder::new();
    let built = problem.build(&g);
    let (wrt, mut s) = (built.wrt(), Sampler::new(1));
    let stops = || {
        let graph = g.graph().unwrap();
        graph.ids().filter(|&id| matches!(graph[id].op, Op::StopGradient(_))).count()
    };
    let of_the_net = stops();
    let first = grad(built.loss, &wrt);
    let terms: Vec<_> =
        first.iter().map(|&dx| (dx * g.constant(random(&dx.shape(), &mut s))).sum()).collect();
    let turned = g.sum(&terms);
    assert_eq!(stops(), of_the_net, "{what}: the backward pass stops gradients");
    let second = grad(turned, &wrt);
    let graph = g.graph().unwrap();
    for (order, y, gradients) in [(1, built.loss, first), (2, turned, second)] {
        let gradients = eval(&graph, &built.point, &gradients).unwrap().into_iter().map(Value::into_float);
        for ((name, x), gradient) in built.leaves.iter().zip(gradients) {
            let u = random(gradient.shape(), &mut s);
            let along = Point::new().with(*x, u.clone());
            let forward = jvp(&graph, &built.point, &along, &[y]).unwrap()[0].scalar().unwrap();
            let reverse = (&gradient * &u).sum();
            let scale = (norm(&gradient) * norm(&u)).max(1.0);
            assert!(
                (reverse - forward).abs() <= 1e-12 * scale,
                "{what}: ∂{name} at order {order}: reverse {reverse}, forward {forward}"
            );
        }
    }
}

/// The gradients of order one and two of the leaves `wrt` against differences: none is wrong, and where all are
/// decided, they agree to 8 and to 6 digits.
#[track_caller]
pub fn agrees_with_differences(problem: &Problem, wrt: &[String], what: &str) -> Report {
    let g = Builder::new();
    let built = problem.build(&g);
    let wrt: Vec<_> = built.leaves.iter().filter(|leaf| wrt.contains(&leaf.0)).map(|leaf| leaf.1).collect();
    let report = Check::new(built.loss).at(built.point.clone()).wrt(&wrt).order(2).run().unwrap();
    let wrong = report.tensors.iter().any(|t| t.verdict() == Verdict::Fail);
    assert!(!wrong, "{what}\n{report}");
    // Order two is checked where order one was decided.
    if report.passed() {
        assert!(report.tensors.iter().any(|t| t.order == 2), "{what}: {report}");
        for tensor in &report.tensors {
            let bound = if tensor.order == 1 { 1e-8 } else { 1e-6 } * tensor.norm.max(0.1);
            assert!(tensor.comparison.difference() <= bound, "{what}: {tensor}\n{report}");
        }
    }
    report
}

/// The content of padding changes no bit of outputs, states, loss and gradients; outputs and gradients there are
/// zero. 0 · ∞ is not zero: multiplying by zero does not mask.
#[track_caller]
pub fn padding_is_not_seen(problem: &Problem, what: &str) {
    let clean = problem.solve();
    for padding in [0.0, 1e6, f64::INFINITY, f64::NAN] {
        let mut other = problem.clone();
        for b in 0..problem.batch() {
            for t in problem.length(b)..problem.steps() {
                other.x.slice_mut(s![t, b, ..]).fill(padding);
                assert!(clean.output.slice(s![t, b, ..]).iter().all(|&y| y == 0.0), "{what}");
                assert!(clean.gradients["x"].slice(s![t, b, ..]).iter().all(|&dx| dx == 0.0), "{what}");
            }
        }
        assert_eq!(clean, other.solve(), "{what}, padded with {padding}");
    }
}

/// Outputs and states are bit-identical, unless features are summed, where the batch layout changes rounding;
/// gradients agree up to the order of summation over sequences.
#[track_caller]
pub fn batch_is_its_sequences(problem: &Problem, sums: bool, what: &str) {
    let same =
        |a: &ArrayD<f64>, b: &ArrayD<f64>| if sums { near(a, b, what) } else { assert_eq!(a, b, "{what}") };
    let begin = match problem.start.first() {
        None => Begin::Zero,
        Some(start) if start.shape()[1] == problem.batch() => Begin::Given,
        Some(_) => Begin::Learned,
    };
    let whole = problem.solve();
    let mut totals: BTreeMap<String, ArrayD<f64>> = BTreeMap::new();
    let mut loss = 0.0;
    for b in 0..problem.batch() {
        let length = problem.length(b);
        let alone = problem.alone(b).solve();
        loss += alone.loss;
        let of = |a: &ArrayD<f64>, axis: usize| a.select(Axis(axis), &[b]);
        same(&steps(&of(&whole.output, 1), 0..length), &alone.output);
        same(&of(&whole.last_output, 0), &alone.last_output);
        whole.last.iter().zip(&alone.last).for_each(|(w, a)| same(&of(w, 1), a));
        near(&steps(&of(&whole.gradients["x"], 1), 0..length), &alone.gradients["x"], what);
        for (name, gradient) in alone.gradients.into_iter().filter(|(name, _)| name != "x") {
            // The gradients of separate initial states are concatenated, those of shared parameters are added.
            let own = begin == Begin::Given && !problem.weights.contains_key(&name);
            totals
                .entry(name)
                .and_modify(|sum| {
                    *sum = if own { concatenate![Axis(1), *sum, gradient] } else { &*sum + &gradient };
                })
                .or_insert(gradient);
        }
    }
    totals.insert("x".into(), whole.gradients["x"].clone());
    near_all(&whole.gradients, &totals, what);
    assert!((whole.loss - loss).abs() <= 1e-12 * loss.abs().max(1.0), "{what}: {} is not {loss}", whole.loss);
}
