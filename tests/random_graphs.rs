//! Random graphs: all evaluations of one must agree. They have shared operands, several outputs, axes of size 1, and
//! index inputs.

mod common;

use autograd::graph::verify;
use autograd::ops::{Op, Sampler};
use autograd::{Builder, Expr, Graph, Value, eval, grad};
use autograd_check::Check;
use common::graphs::make;
use common::{agrees_with_duals, weighted};
use proptest::prelude::*;
use std::sync::Arc;

fn graph(seed: u64) -> Arc<Graph> {
    let g = Builder::new();
    let (leaves, outputs, _) = make(&g, &mut Sampler::new(seed), true);
    let total = g.sum(&outputs.iter().map(|y| y.sum()).collect::<Vec<_>>());
    grad(total, &leaves);
    g.graph().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reverse_mode_agrees_with_forward_mode_at_both_orders(seed: u64) {
        let s = &mut Sampler::new(seed);
        let g = Builder::new();
        let (leaves, outputs, point) = make(&g, s, true);
        verify(&g.graph().unwrap()).unwrap();
        let gradients = agrees_with_duals(&outputs, &leaves, &point, s, 1e-10);
        agrees_with_duals(&[weighted(&gradients, s)], &leaves, &point, s, 1e-10);
    }

    #[test]
    fn single_precision_stays_close_to_double(seed: u64) {
        let g = Builder::new();
        let (leaves, outputs, point) = make(&g, &mut Sampler::new(seed), false);
        let total = g.sum(&outputs.iter().map(|y| y.mean()).collect::<Vec<_>>());
        let all: Vec<Expr> = outputs.into_iter().chain(grad(total, &leaves)).collect();
        let graph = g.graph().unwrap();
        let double = eval(&graph, &point, &all).unwrap();
        let single = eval::<f32>(&graph, &point.cast(), &all).unwrap();
        for (a, b) in double.iter().zip(&single) {
            let (Value::Float(b), a) = (b.cast::<f64>(), a.float()) else { panic!() };
            let scale = a.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            // Some tens of ops, each with a few roundings of 6e-8, and condition numbers of a few tens.
            prop_assert!((a - &b).iter().all(|e| e.abs() <= 1e-4 * scale), "{}", graph.text());
        }
    }

    #[test]
    fn text_is_determined_by_the_construction(seed: u64) {
        prop_assert_eq!(graph(seed).text(), graph(seed).text());
    }
}

/// Without kinks: a step across one has no derivative to compare with. The seeds are fixed, because differences can
/// misjudge their own error: about once in ten thousand tensors.
#[test]
fn reverse_mode_agrees_with_differences_at_both_orders() {
    for seed in 0..100 {
        let g = Builder::new();
        let (leaves, outputs, point) = make(&g, &mut Sampler::new(seed), false);
        let report = Check::all(&outputs).wrt(&leaves).at(point).order(2).seed(seed).run().unwrap();
        assert!(report.passed(), "{report}\n{}", g.graph().unwrap().text());
        for tensor in &report.tensors {
            let limit = if tensor.order == 1 { 1e-8 } else { 1e-6 };
            assert!(tensor.comparison.difference() <= limit * tensor.norm.max(1.0), "{report}");
        }
    }
}

/// The generator must reach every op, or the tests cover less than they seem to.
#[test]
fn random_graphs_have_every_op() {
    let mut names = std::collections::HashSet::new();
    for seed in 0..300 {
        let graph = graph(seed);
        names.extend(graph.ids().map(|id| graph[id].op.name()));
    }
    let relations = ["less_equal", "equal", "greater_equal", "not_equal"];
    for sample in Op::samples(&mut Sampler::new(0)) {
        let name = sample.op.name();
        let unused = ["reciprocal", "modulo", "min", "one_hot"].contains(&name) || relations.contains(&name);
        assert!(unused || names.contains(name), "no random graph has `{name}`");
    }
}
