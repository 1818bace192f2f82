//! Gradients of unrolled nets of every cell, against dual numbers and against differences, to order two.

mod nets;

use autograd::ops::{Op, Sampler};
use autograd::{Builder, Check, Point, Value, eval, grad, jvp};
use ndarray::ArrayD;
use nets::{Problem, Setup, cells, random, setups};
use proptest::prelude::*;

fn norm(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x * x).sum().sqrt()
}

/// `⟨∂loss, u⟩`, and `⟨∂⟨∂loss, r⟩, u⟩`, for each leaf by itself: reverse mode and forward mode must agree.
fn agrees_with_duals(problem: &Problem, what: &str) {
    let g = Builder::new();
    let built = problem.build(&g);
    let (wrt, mut s) = (built.wrt(), Sampler::new(1));
    let first = grad(built.loss, &wrt);
    let terms: Vec<_> =
        first.iter().map(|&dx| (dx * g.constant(random(&dx.shape(), &mut s))).sum()).collect();
    let turned = g.sum(&terms);
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

/// The distance of the nearest kink: the smallest operand of any relu.
fn nearest_kink(problem: &Problem) -> f64 {
    let g = Builder::new();
    let built = problem.build(&g);
    let graph = g.graph().unwrap();
    let relus = graph.ids().filter(|&id| matches!(graph.node(id).unwrap().op, Op::Relu(_)));
    let operands: Vec<_> = relus.flat_map(|id| graph.operands(id).unwrap().collect::<Vec<_>>()).collect();
    let values = eval(&graph, &built.point, &operands).unwrap();
    values.iter().flat_map(Value::float).fold(f64::INFINITY, |least, x| least.min(x.abs()))
}

/// Reverse mode and differences must agree, tensor by tensor, at order one and two.
fn agrees_with_differences(problem: &Problem, what: &str) {
    let g = Builder::new();
    let built = problem.build(&g);
    let report = Check::new(built.loss).at(built.point.clone()).wrt(&built.wrt()).order(2).run().unwrap();
    assert!(report.tensors.iter().any(|t| t.order == 2), "{what}: {report}");
    for tensor in &report.tensors {
        let bound = if tensor.order == 1 { 1e-8 } else { 1e-6 } * tensor.norm.max(0.1);
        assert!(tensor.comparison.difference() <= bound, "{what}: {tensor}\n{report}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn are_those_of_forward_mode(setup in setups()) {
        for (name, cell) in cells::all() {
            agrees_with_duals(&Problem::new(cell, &setup), &format!("{name} {setup:?}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn are_those_of_differences(setup in setups()) {
        for (name, cell) in cells::all() {
            // Numbers without a kink so near that differences would cross it.
            let seeds = setup.seed..=setup.seed.saturating_add(20);
            let mut problems = seeds.map(|seed| Problem::new(cell.clone(), &Setup { seed, ..setup.clone() }));
            if let Some(problem) = problems.find(|problem| nearest_kink(problem) > 1e-2) {
                agrees_with_differences(&problem, &format!("{name} {setup:?}"));
            }
        }
    }
}

/// Small enough that a seed without a kink is always found, for every cell and kind of net.
#[test]
fn are_those_of_differences_in_every_kind_of_net() {
    for (name, cell) in cells::all() {
        for kind in 0..12 {
            let begin = [nets::Begin::Zero, nets::Begin::Given, nets::Begin::Learned][kind % 3];
            let (bidirectional, ragged) = (kind % 2 == 1, kind % 4 < 2);
            let (window, lengths) = ((kind >= 6).then_some(2), ragged.then(|| vec![3, 1]));
            let (steps, batch, input, hidden, depth) = (3, 2, 2, 2, 1 + usize::from(kind % 4 == 0));
            let seeds = (0..300).map(|seed| Setup {
                steps,
                batch,
                input,
                hidden,
                depth,
                bidirectional,
                window,
                lengths: lengths.clone(),
                begin,
                seed,
            });
            let problem = seeds
                .map(|setup| Problem::new(cell.clone(), &setup))
                .find(|problem| nearest_kink(problem) > 1e-2);
            agrees_with_differences(&problem.expect("no kink nearby"), &format!("{name}, kind {kind}"));
        }
    }
}
