//! Chaotic functions: no difference resolves the slope, but every node can be checked alone. Correct gradients pass,
//! and a factor of 1 + 1e-6 at any step is found and named; nothing is left open.
//!
//! Tests check a few steps; `cargo test --release -p bptt-check --test graphs -- --ignored` plants the fault at every
//! one.

use super::{Squash, tanh_net};
use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::{Check, Report, Verdict};
use ndarray::ArrayD;

#[track_caller]
fn named(report: &Report, node: &str) {
    assert_eq!(report.verdict(), Verdict::Fail, "{node}\n{report}");
    assert_eq!(report.guilty.as_ref().unwrap().node, node, "{report}");
}

/// A net at gain 3.
fn net(steps: usize, at: impl IntoIterator<Item = usize>) {
    let right = tanh_net(steps, 3.0, 1, || Squash { vjp: 1.0, dual: 1.0 });
    assert_eq!(right.verdict(), Verdict::Pass, "{steps}\n{right}");
    for at in at {
        named(&tanh_net(steps, 3.0, at, || Squash { vjp: 1.0 + 1e-6, dual: 1.0 }), &format!("h[{at}]"));
    }
}

/// x ↦ r f(x), iterated from 0.3; with a wrong VJP at one step.
fn map(steps: usize, wrong: usize, r: f64, f: for<'g> fn(Expr<'g>) -> Expr<'g>) -> Report {
    let g = Builder::new();
    let (factor, x0) = (g.parameter("r", []), g.parameter("x0", []));
    let mut x = x0;
    for t in 1..=steps {
        let _step = g.step(t);
        x = (factor * f(x)).named("x");
        if t == wrong {
            x = x.custom(Off).named("off");
        }
    }
    let point = Point::new().with(x0, ArrayD::from_elem(vec![], 0.3));
    Check::new(x).at(point.with(factor, ArrayD::from_elem(vec![], r))).run().unwrap()
}

type Map = (&'static str, f64, for<'g> fn(Expr<'g>) -> Expr<'g>);

/// The logistic map, the tent map, and one of slope 3.9 that stays within [0, 1] by a modulo.
const MAPS: [Map; 3] = [
    ("logistic", 3.9, |x| x * (1.0 - x)),
    ("tent", 1.99, |x| x.min(1.0 - x)),
    ("folded", 3.9, |x| x.min(1.0 - x).modulo(0.25)),
];

fn maps(steps: usize, at: impl IntoIterator<Item = usize> + Clone) {
    for (name, r, f) in MAPS {
        let right = map(steps, 0, r, f);
        assert_eq!(right.verdict(), Verdict::Pass, "{name}, {steps}\n{right}");
        for at in at.clone() {
            named(&map(steps, at, r, f), &format!("off[{at}]"));
        }
    }
}

#[test]
fn a_net_in_chaos_is_proved_or_refuted() {
    net(50, [1, 25, 50]);
    net(200, [1, 100, 200]);
}

#[test]
fn chaotic_maps_are_proved_or_refuted() {
    for steps in [50, 200] {
        maps(steps, [1, steps / 3, steps]);
    }
}

#[test]
#[ignore = "every step at full size: minutes"]
fn a_fault_at_any_step_of_chaos_is_named() {
    (1..=200).step_by(10).for_each(|steps| maps(steps, [1, steps]));
    maps(200, 1..=200);
    net(500, (1..=500).step_by(7));
}

/// `y = x`, with a VJP that is off by 1e-6.
#[derive(Debug)]
struct Off;

impl Off {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].clone()
    }
}

impl Operator for Off {
    kernels!();
    fn name(&self) -> &'static str {
        "off"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (1.0 + 1e-6)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([2], Domain::reals(-2.0, 2.0))])
    }
}
