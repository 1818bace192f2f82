//! Gradients of unrolled nets of every cell, against dual numbers and against differences, to order two.

mod nets;

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Scalar, Type, Value, kernels};
use autograd_check::Check;
use autograd_check::Verdict;
use nets::{Begin, Problem, Setup, cells, kinks, laws};
use rnn::cell::{Cell, Next, Step, Weight, Weights};
use std::sync::Arc;

#[test]
fn are_those_of_forward_mode() {
    cells::each(4, |subject, setup| {
        laws::agrees_with_duals(&subject.problem(&setup), &subject.name);
    });
}

/// Every cell in two of twelve kinds of net. Away from kinks, differences must agree; if they are too coarse to
/// decide, another point is tried.
#[test]
fn are_those_of_differences_in_every_kind_of_net() {
    for (place, subject) in cells::ALL.iter().enumerate() {
        for kind in [place % 12, (place + 5) % 12] {
            let begin = [Begin::Zero, Begin::Given, Begin::Learned][kind % 3];
            let (bidirectional, ragged) = (kind % 2 == 1, kind % 4 < 2);
            let (window, lengths) = ((kind >= 6).then_some(2), ragged.then(|| vec![3, 1]));
            let (steps, batch, input, hidden, depth) = (3, 2, 2, 2, 1 + usize::from(kind % 4 == 0));
            let lengths = || lengths.clone();
            let nets = (0..).map(|seed| {
                let lengths = lengths();
                let setup =
                    Setup { steps, batch, input, hidden, depth, bidirectional, window, lengths, begin, seed };
                subject.problem(&setup)
            });
            let what = format!("{}, kind {kind}", subject.name);
            let smooth = nets.filter(|problem| kinks::nearest(problem) > 1e-2);
            let decided = smooth.take(3).any(|problem| {
                let leaves = problem.each_in_one_lane();
                laws::agrees_with_differences(&problem, &leaves, &what).passed()
            });
            assert!(decided, "{what}: differences are too coarse at three points");
        }
    }
}

/// `y = tanh x`. The VJP has the right value, but its own derivative misses a term: one factor y is detached.
#[derive(Debug)]
struct Stopped;

impl Stopped {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::tanh)
    }
}

impl Operator for Stopped {
    kernels!();
    fn name(&self) -> &'static str {
        "stopped tanh"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (1.0 - y * y.stop_gradient())).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        Sample::new(Self, [s.float(shape, Domain::reals(-3.0, 3.0))])
    }
}

/// An Elman net with this op.
#[derive(Debug)]
struct Wrong;

impl Cell for Wrong {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::gate("h", input, hidden).into()
    }
    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        (x.linear(w["W_h"]) + state[0].linear(w["U_h"]) + w["b_h"]).custom(Stopped).into()
    }
}

fn wrong() -> Problem {
    let setup = Setup {
        steps: 3,
        batch: 2,
        input: 2,
        hidden: 2,
        depth: 1,
        bidirectional: false,
        window: None,
        lengths: None,
        begin: Begin::Given,
        seed: 0,
    };
    Problem::new(Arc::new(Wrong), &setup)
}

/// A fault that only the second derivative shows is found in every leaf, and at the second order alone.
#[test]
fn a_second_derivative_that_is_wrong_is_found() {
    let (problem, g) = (wrong(), Builder::new());
    let built = problem.build(&g);
    let report = Check::new(built.loss).at(built.point.clone()).wrt(&built.wrt()).order(2).run().unwrap();
    for (leaf, _) in &built.leaves {
        let of = |order| report.tensors.iter().find(|t| t.order == order && t.name == *leaf).unwrap();
        assert_eq!(
            [1, 2].map(|order| of(order).verdict()),
            [Verdict::Pass, Verdict::Fail],
            "{leaf}\n{report}"
        );
    }
}

#[test]
#[should_panic(expected = "the backward pass stops gradients")]
fn forward_mode_is_not_trusted_where_it_is_stopped_as_reverse_mode_is() {
    laws::agrees_with_duals(&wrong(), "an Elman net with a wrong tanh");
}
