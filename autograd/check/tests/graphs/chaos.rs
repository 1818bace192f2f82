//! Chaotic functions: no difference resolves the slope, but every node can be checked alone. Correct gradients pass,
//! and a factor of 1 + 1e-6 at any step is found and named; nothing is left open.
//!
//! Tests check a few steps; `cargo test --release -p bptt-check --test graphs -- --ignored` plants the fault at every
//! one.

use super::{Squash, tanh_net};
use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::{Check, Report, Verdict};
use ndarray::{Array2, ArrayD};

#[track_caller]
fn named(report: &Report, node: &str) {
    assert_eq!(report.verdict(), Verdict::Fail, "{node}\n{report}");
    assert_eq!(report.guilty.as_ref().unwrap().node, node, "{report}");
}

/// `h[t] = tanh(U h[t−1] + b)` of eight units, with weights of the standard deviation 3/√8: its Lyapunov exponent is 0.19 a
/// step (by products of its Jacobians over 3,000 steps in NumPy), so that after 200 steps a change is 1e16 times as large.
fn chaotic_net(steps: usize, wrong: usize) -> Report {
    const UNITS: usize = 8;
    let g = Builder::new();
    let (u, b, h0) = (g.parameter("U", [UNITS, UNITS]), g.parameter("b", [UNITS]), g.input("h0", [1, UNITS]));
    let mut h = h0;
    for t in 1..=steps {
        let _step = g.step(t);
        let a = h.linear(u) + b;
        let squash = Squash { vjp: 1.0 + 1e-6, dual: 1.0 };
        h = if t == wrong { a.custom(squash) } else { a.tanh() }.named("h");
    }
    let weights = Array2::from_shape_fn((UNITS, UNITS), |(i, j)| {
        1.5 * ((17 * i * i + 29 * j + 4 * i * j + 1) as f64).sin()
    });
    let first = Array2::from_shape_fn((1, UNITS), |(_, j)| 0.3 + 0.1 * j as f64);
    let point = Point::new().with(u, weights).with(b, ArrayD::from_elem(vec![UNITS], 0.01)).with(h0, first);
    Check::new(h.powi(2).sum()).at(point).run().unwrap()
}

/// A net at gain 3, where gradients vanish, and one where they explode.
fn net(steps: usize, at: impl IntoIterator<Item = usize>) {
    for right in [tanh_net(steps, 3.0, 0, || Squash { vjp: 1.0, dual: 1.0 }), chaotic_net(steps, 0)] {
        assert_eq!(right.verdict(), Verdict::Pass, "{steps}\n{right}");
    }
    for at in at {
        named(&chaotic_net(steps, at), &format!("h[{at}]"));
        // Below the least number of f64 nothing is left to be wrong.
        if steps - at < 200 {
            named(&tanh_net(steps, 3.0, at, || Squash { vjp: 1.0 + 1e-6, dual: 1.0 }), &format!("h[{at}]"));
        }
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
}

#[test]
#[ignore = "every seventh step at full size: minutes"]
fn a_fault_in_a_net_of_500_steps_is_named() {
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
