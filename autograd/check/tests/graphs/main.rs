//! Graphs for which differences of the whole function say nothing, or mislead: checks node by node decide.

mod chaos;
mod regimes;
mod reports;

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Dual, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::{Check, Report, check};
use autograd_check::{Decider, Part, Verdict};
use ndarray::{Array2, ArrayD, arr1};
use std::sync::atomic::{AtomicUsize, Ordering};

/// `y = tanh x`, whose VJP is off by a factor, and its dual kernel by another.
#[derive(Debug)]
struct Squash {
    vjp: f64,
    dual: f64,
}

impl Operator for Squash {
    fn eval_f32(&self, x: &[&Value<f32>]) -> Value<f32> {
        x[0].map(f32::tanh)
    }
    fn eval_f64(&self, x: &[&Value<f64>]) -> Value<f64> {
        x[0].map(f64::tanh)
    }
    fn eval_dual(&self, x: &[&Value<Dual>]) -> Value<Dual> {
        x[0].map(|x| {
            let mut y = x.tanh();
            y.tangent *= self.dual;
            y
        })
    }
    fn name(&self) -> &'static str {
        "squash"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (self.vjp * dy * (1.0 - y * y)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self { vjp: 1.0, dual: 1.0 }, [s.float([2, 2], Domain::reals(-2.0, 2.0))])
    }
}

/// `h[t] = tanh(U h[t−1] + b)`, with a fault in the VJP of one step.
fn tanh_net(steps: usize, gain: f64, at: usize, squash: fn() -> Squash) -> Report {
    let g = Builder::new();
    let (u, b) = (g.parameter("U", [4, 4]), g.parameter("b", [4]));
    let mut h = g.input("h0", [2, 4]);
    for t in 1..=steps {
        let _step = g.step(t);
        let a = h.linear(u) + b;
        h = if t == at { a.custom(squash()) } else { a.tanh() }.named("h");
    }
    // From each state to the next, with small weights to the others.
    let weights = Array2::from_shape_fn((4, 4), |(i, j)| {
        if (i + 1) % 4 == j { gain } else { 0.1 * gain * ((3 * i + 5 * j) as f64).sin() }
    });
    let point = Point::new().with(u, weights).with(b, ArrayD::from_elem(vec![4], 0.01));
    Check::new(h.powi(2).sum()).at(point).run().unwrap()
}

/// The gradient of step 1 is 1e-9 to 1e-150 of that of the last: no difference and no sum resolves it, but its own
/// node's check does.
#[test]
fn a_vanished_gradient_is_proved_or_refuted() {
    for steps in [20, 100, 300] {
        let right = tanh_net(steps, 0.8, 1, || Squash { vjp: 1.0, dual: 1.0 });
        assert_eq!(right.verdict(), Verdict::Pass, "{right}");
        let wrong = tanh_net(steps, 0.8, 1, || Squash { vjp: -1.0, dual: 1.0 });
        assert_eq!(wrong.verdict(), Verdict::Fail, "{steps}\n{wrong}");
        let guilty = wrong.guilty.unwrap();
        assert_eq!((guilty.node.as_str(), guilty.hint.word()), ("h[1]", "sign"));
    }
    let right = tanh_net(300, 0.8, 1, || Squash { vjp: 1.0, dual: 1.0 });
    let h0 = right.tensor("h0").unwrap();
    assert_eq!(h0.decided_by, Decider::Equations, "{right}");
    assert!(h0.norm < 1e-20 && h0.norm > 0.0, "{right}");
}

#[test]
fn scales_far_from_one_are_proved_or_refuted() {
    type Loss = for<'g> fn(Expr<'g>) -> Expr<'g>;
    let losses: [(&str, Loss); 6] = [
        ("1e200", |y| (y * 1e200).sum()),
        ("1e-200", |y| (y * 1e-200).sum()),
        ("1e-300", |y| (y * 1e-300).sum()),
        ("beside a constant", |y| (y * 1e-8).sum() + 1e6),
        ("cancelled", |y| y.sum() + 1e12 - 1e12),
        ("a small path", |y| y.at(0, 0).sum() * 1e-16 + y.at(0, 1).sum()),
    ];
    for (name, loss) in losses {
        for (factor, verdict) in [(1.0, Verdict::Pass), (-1.0, Verdict::Fail), (1.0 + 1e-6, Verdict::Fail)] {
            let g = Builder::new();
            let x = g.parameter("x", [3]);
            let y = x.sin().custom(Squash { vjp: factor, dual: 1.0 });
            let report = check(loss(y)).unwrap();
            assert_eq!(report.verdict(), verdict, "{name}, {factor}\n{report}");
        }
    }
    let g = Builder::new();
    let x = g.parameter("x", [1]);
    let report =
        Check::new(x.reciprocal().sum()).at(Point::new().with(x, arr1(&[1e-12]))).elements(1).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
}

/// Of a saturated softmax what is left of `x − ln Σ eˣ` is as exact as 1, not as its own size: the kernel's differences do
/// not know its derivative, and accuse nothing. Where they know it, a wrong dual kernel is still found.
#[test]
fn rounding_inside_a_kernel_is_no_fault_of_its_derivative() {
    for apart in 0..160 {
        let x = [-0.7 - 0.25 * f64::from(apart), 1.3];
        let g = Builder::new();
        let logits = g.parameter("x", [1, 2]);
        let loss = (logits.log_softmax(1) * g.constant(ndarray::arr2(&[[-0.005, -0.01]]))).sum();
        let at = Point::new().with(logits, ndarray::arr2(&[x]));
        let report = Check::new(loss).at(at).run().unwrap();
        assert!(report.verdict().is_good(), "{apart}: {report}");
    }
}

/// If one of three methods disagrees, that one is named.
#[test]
fn the_kernel_that_is_wrong_is_named_and_not_the_rule() {
    let report = |vjp: f64, dual: f64| {
        let g = Builder::new();
        check(g.parameter("x", [3]).custom(Squash { vjp, dual }).sin()).unwrap()
    };
    let wrong = report(1.0, 0.5);
    let guilty = wrong.guilty.as_ref().unwrap();
    assert_eq!((guilty.part, wrong.verdict()), (Part::DualKernel, Verdict::Fail), "{wrong}");
    assert!(wrong.tensors.iter().all(|t| t.verdict() == Verdict::Pass), "{wrong}");
    assert!(!wrong.to_string().lines().next().unwrap().ends_with("passed"), "{wrong}");
    // Forward and reverse mode share the mistake, however small: differences of that op alone show it.
    for off in [2.0, 1.001, 1.0 + 1e-5, 1.0 + 1e-8] {
        let wrong = report(off, off);
        let guilty = wrong.guilty.as_ref().unwrap_or_else(|| panic!("{off}\n{wrong}"));
        assert_eq!((guilty.part, wrong.verdict()), (Part::Vjp, Verdict::Fail), "{wrong}");
    }
}

/// At 0 each relu returns 0, which is between its slopes, but the function is x.
#[test]
fn a_convention_that_is_wrong_for_the_whole_is_called_so() {
    let g = Builder::new();
    let x = g.parameter("x", [2]);
    let at = Point::new().with(x, arr1(&[0.0, 0.0]));
    let report = Check::new(x.relu() - (-x).relu()).at(at.clone()).run().unwrap();
    assert_eq!((report.verdict(), &report.guilty), (Verdict::Convention, &None), "{report}");
    assert!(!report.passed());
    let kink = Check::new(x.relu()).at(at).run().unwrap();
    assert_eq!(kink.verdict(), Verdict::Kink, "{kink}");
}

/// A comparison has no derivative, so no equation shows that it ties: it chooses at 0 what it chooses nowhere beside it.
#[test]
fn what_only_chooses_is_on_its_kink_too() {
    let run = |order: u32, loss: for<'g> fn(Expr<'g>) -> Expr<'g>| {
        let g = Builder::new();
        let x = g.parameter("x", [3]);
        let at = Point::new().with(x, arr1(&[0.0, 0.0, 0.5]));
        Check::new(loss(x).sum()).at(at).order(order).run().unwrap()
    };
    // 3x everywhere, and the rule follows the other branch; x², whose masks at 0 let neither half through.
    let tie: for<'g> fn(Expr<'g>) -> Expr<'g> = |x| (x - x * x).less(x).select(3.0 * x, x);
    let halves: for<'g> fn(Expr<'g>) -> Expr<'g> = |x| x.relu().powi(2) + (-x).relu().powi(2);
    assert_eq!(run(1, tie).verdict(), Verdict::Convention);
    assert_eq!(run(1, halves).verdict(), Verdict::Pass);
    let second = run(2, halves);
    assert_eq!(second.verdict(), Verdict::Convention, "{second}");
    let broken = run(2, |x| (x.relu().powi(2) + (-x).relu().powi(2)).custom(Squash { vjp: 1.01, dual: 1.0 }));
    assert_eq!(broken.verdict(), Verdict::Fail, "{broken}");
}

/// `x/10 + x/5` and `3x/10` are equal but for rounding, so which is less changes from point to point, and no difference
/// stays on one side. In single precision too the equations decide, where double precision has the same gradient.
#[test]
fn where_sides_flicker_the_nodes_decide_in_single_precision_too() {
    let run = |vjp: f64, other: f64| {
        let g = Builder::new();
        let x = g.parameter("x", [8]);
        let flickers = (x * 0.1 + x * 0.2).less(x * 0.3);
        let y = flickers.select(x * 2.0, x * other).custom(Squash { vjp, dual: 1.0 });
        let at = Point::new().with(x, arr1(&[0.11, 0.23, 0.37, 0.41, -0.53, 0.61, 0.73, -0.89]));
        Check::new(y.sum()).at(at).single().run().unwrap()
    };
    let right = run(1.0, 2.0);
    assert_eq!(right.verdict(), Verdict::Pass, "{right}");
    assert_eq!(right.tensors[0].decided_by, Decider::Equations, "{right}");
    assert_eq!(run(1.001, 2.0).verdict(), Verdict::Fail);
    // The other precision chooses otherwise: neither proves the other.
    let open = run(1.0, 3.0);
    assert_eq!(open.verdict(), Verdict::Inconclusive, "{open}");
}

/// `y = (0.3 x, −0.3 x)`, whose VJP adds `0.3 ȳ₀` from two parts: of equal adjoints a rounding error is left.
#[derive(Debug)]
struct Cancels;

impl Cancels {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x = x[0].float();
        let third = S::of(0.3);
        ndarray::stack![ndarray::Axis(0), x.mapv(|x| third * x), x.mapv(|x| -(third * x))].into_dyn().into()
    }
}

impl Operator for Cancels {
    kernels!();
    fn name(&self) -> &'static str {
        "cancels"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(Type::float([2, operands[0].shape[0]]))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let [a, b] = [dy.at(0, 0), dy.at(0, 1)];
        (a * 0.1 + a * 0.2 - b * 0.3).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([2], Domain::reals(-2.0, 2.0))])
    }
}

/// A sum whose terms cancel is held to the rounding of the terms, not of what is left; and nothing else is.
#[test]
fn the_rounding_of_terms_that_cancel_is_no_fault() {
    let run = |beside: for<'g> fn(Expr<'g>) -> Expr<'g>| {
        let g = Builder::new();
        let x = g.parameter("x", [3]);
        let zero = g.input("zero", [3]);
        let at = Point::new().with(x, arr1(&[0.3, -0.4, 0.5])).with(zero, arr1(&[0.0; 3]));
        let h = x.tanh();
        let loss = h.custom(Cancels).sum() + (h.abs() * zero).sum() + beside(h).sum();
        Check::new(loss).wrt(&[x]).at(at).run().unwrap()
    };
    let right = run(|h| h * 0.0);
    assert_eq!(right.verdict(), Verdict::Pass, "{right}");
    // A path of a size above those rounding errors.
    let paths: [for<'g> fn(Expr<'g>) -> Expr<'g>; 3] = [
        |h| h.custom(Squash { vjp: -1.0, dual: 1.0 }) * 1e-12,
        |h| h.custom(Squash { vjp: 2.0, dual: 1.0 }) * 1e-12,
        |h| h.custom(Squash { vjp: 1.001, dual: 1.0 }) * 1e-10,
    ];
    for path in paths {
        let wrong = run(path);
        assert_eq!(wrong.verdict(), Verdict::Fail, "{wrong}");
        assert_eq!(wrong.guilty.as_ref().unwrap().op, "squash", "{wrong}");
    }
}

/// What a relu holds back leaves no rounding error, however large: a path of 1e-200 beside it is seen.
#[test]
fn nothing_hides_behind_a_term_that_is_zero() {
    let run = |vjp: f64| {
        let g = Builder::new();
        let x = g.parameter("x", [3]);
        let at = Point::new().with(x, arr1(&[-0.3, -0.4, -0.5]));
        let h = x.tanh();
        let loss = h.relu().sum() + (h.custom(Squash { vjp, dual: 1.0 }) * 1e-200).sum();
        Check::new(loss).at(at).run().unwrap()
    };
    assert_eq!(run(1.0).verdict(), Verdict::Pass, "{}", run(1.0));
    for vjp in [-1.0, 0.0, 2.0, 1.001] {
        assert_eq!(run(vjp).verdict(), Verdict::Fail, "{vjp}\n{}", run(vjp));
    }
}

/// Near by, a node between moves with the leaf that it is computed from: moved by itself it would leave `h` in `relu(h) −
/// relu(−h)` behind, whose slope along x would then be that of no piece.
#[test]
fn a_node_between_moves_with_its_leaf() {
    let g = Builder::new();
    let x = g.parameter("x", [2]);
    let h = x * 2.0;
    let at = Point::new().with(x, arr1(&[0.0, 0.0]));
    let report = Check::new(h.relu() - (-h).relu()).wrt(&[x, h]).at(at).run().unwrap();
    let verdicts: Vec<Verdict> = report.tensors.iter().map(autograd_check::Tensor::verdict).collect();
    assert_eq!(verdicts, [Verdict::Convention; 2], "{report}");
}

/// Of several kinks together both sides of a line are two pieces of many, and the gradient is that of another.
#[test]
fn the_gradient_of_any_piece_is_right() {
    for seed in 0..20 {
        let g = Builder::new();
        let x = g.parameter("x", [6]);
        let weights = g.constant(arr1(&[1.0, -2.0, 0.5, 3.0, -0.25, 1.5]));
        let at = Point::new().with(x, arr1(&[0.0; 6]));
        let check = |loss: Expr| Check::new(loss).at(at.clone()).seed(seed).elements(6).run().unwrap();
        for report in [check((x.relu() * weights).sum()), check((x.abs() * weights).sum())] {
            assert_eq!(report.verdict(), Verdict::Kink, "{seed}\n{report}");
        }
        // Of a rule that is wrong the node is named all the same.
        let wrong =
            check((x.relu() * weights).sum() + (x + 1.0).custom(Squash { vjp: 1.01, dual: 1.0 }).sum());
        assert_eq!(wrong.verdict(), Verdict::Fail, "{seed}\n{wrong}");
    }
}

/// The gradient of ln(|x| + ½) jumps at 0. It has no slope there to compare a second derivative with, so the equations
/// of the nodes decide.
#[test]
fn where_a_gradient_jumps_the_nodes_decide() {
    let g = Builder::new();
    let x = g.parameter("x", [3]);
    let at = Point::new().with(x, arr1(&[0.0, 0.0, 0.5]));
    let check = |loss: Expr| Check::new(loss).at(at.clone()).order(2).run().unwrap();
    let report = check((x.abs() + 0.5).ln().sum());
    assert_eq!(report.verdict(), Verdict::Kink, "{report}");
    let second = report.tensors.iter().find(|t| t.order == 2).unwrap();
    assert_eq!(second.decided_by, Decider::Equations, "{report}");
    let wrong = check((x.abs() + 0.5).ln().custom(Squash { vjp: 1.01, dual: 1.0 }).sum());
    assert_eq!(wrong.verdict(), Verdict::Fail, "{wrong}");
}

/// A rule with a state of its own: right at first, doubled when it is asked again.
#[derive(Debug)]
struct Remembers(AtomicUsize);

impl Remembers {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(|x| x * x)
    }
}

impl Operator for Remembers {
    kernels!();
    fn name(&self) -> &'static str {
        "remembers"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let factor = if self.0.fetch_add(1, Ordering::Relaxed) == 0 { 2.0 } else { 4.0 };
        (factor * dy * x[0]).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self(AtomicUsize::new(0)), [s.float([2], Domain::reals(-2.0, 2.0))])
    }
}

#[test]
fn a_rule_that_remembers_is_found() {
    let g = Builder::new();
    let report = check(g.parameter("x", [3]).custom(Remembers(AtomicUsize::new(0))).sum()).unwrap();
    assert_eq!(report.verdict(), Verdict::Fail, "{report}");
    assert!(report.to_string().contains("asked again"), "{report}");
}

/// Values held by a stop-gradient pass, and the report says what it hides.
#[test]
fn stops_are_told() {
    let g = Builder::new();
    let (x, w) = (g.parameter("x", [3]), g.parameter("w", [3]));
    let report = check((x * w.sin().stop_gradient() + w).sum()).unwrap();
    assert!(report.passed());
    let text = report.to_string();
    assert!(text.contains("held") && text.contains("∂w") && !text.contains("∂x "), "{text}");
}

/// `y = x Wᵀ + b`, with custom VJPs.
struct Affine(for<'g> fn(usize, Expr<'g>) -> Expr<'g>);

impl std::fmt::Debug for Affine {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Affine")
    }
}

impl Affine {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let two = |k: usize| x[k].float().clone().into_dimensionality::<ndarray::Ix2>().unwrap();
        let product = two(0).dot(&two(1).t()).into_dyn();
        (product + x[2].float()).into()
    }
}

impl Operator for Affine {
    kernels!();
    fn name(&self) -> &'static str {
        "affine"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, k: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let right = match k {
            0 => dy.matmul(x[1]),
            1 => dy.transpose(&[1, 0]).matmul(x[0]),
            _ => dy.sum_to(x[2].shape()),
        };
        (self.0)(k, right).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let [x, w] = [s.float([3, 3], Domain::reals(-1.0, 1.0)), s.float([3, 3], Domain::reals(-1.0, 1.0))];
        let b = s.float([3], Domain::reals(-1.0, 1.0));
        Sample::new(Self(|_, right| right), [x, w, b])
    }
}

/// A VJP that is wrong at every step, like a wrong line of code, is one fault, reported once.
#[test]
fn one_fault_at_all_steps_is_told_once() {
    type Rule = for<'g> fn(usize, Expr<'g>) -> Expr<'g>;
    let faults: [(&str, usize, Rule); 7] = [
        ("factor", 1, |k, right| if k == 1 { right * 0.5 } else { right }),
        ("sign", 1, |k, right| if k == 1 { -right } else { right }),
        ("zero", 1, |k, right| if k == 1 { right * 0.0 } else { right }),
        ("transposed", 1, |k, right| if k == 1 { right.transpose(&[1, 0]) } else { right }),
        ("factor", 1, |k, right| if k == 1 { right * 1.001 } else { right }),
        ("sign", 2, |k, right| if k == 2 { -right } else { right }),
        ("factor", 0, |k, right| if k == 0 { right * 0.5 } else { right }),
    ];
    for steps in [2, 5, 20] {
        for (hint, operand, rule) in faults {
            let g = Builder::new();
            let (w, b) = (g.parameter("W", [3, 3]), g.parameter("b", [3]));
            let mut h = g.input("h0", [3, 3]);
            for t in 1..=steps {
                let _step = g.step(t);
                h = g.custom(Affine(rule), &[h, w, b]).named("a").tanh().named("h");
            }
            let report = check(h.powi(2).sum()).unwrap();
            assert_eq!(report.verdict(), Verdict::Fail, "{report}");
            let guilty = report.guilty.as_ref().unwrap();
            let told = (guilty.op.as_str(), guilty.operand, guilty.hint.word(), guilty.uses);
            assert_eq!(told, ("affine", operand, hint, steps), "{steps} steps\n{report}");
            assert!(report.to_string().contains(&format!("at all {steps} steps")), "{report}");
        }
    }
}

/// The forgotten square: the actual adjoint, and one that would fit.
#[test]
fn the_rule_that_was_meant_is_found() {
    #[derive(Debug)]
    struct Forgot;
    impl Forgot {
        fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
            x[0].map(S::tanh)
        }
    }
    impl Operator for Forgot {
        kernels!();
        fn name(&self) -> &'static str {
            "forgot"
        }
        fn infer(&self, operands: &[Type]) -> Result<Type, String> {
            Ok(operands[0].clone())
        }
        fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
            (dy * (1.0 - y)).into()
        }
        fn notation(&self) -> Notation {
            Notation::Function
        }
        fn sample(s: &mut Sampler) -> Sample<Self> {
            Sample::new(Self, [s.float([2, 2], Domain::reals(-2.0, 2.0))])
        }
    }
    let g = Builder::new();
    let u = g.parameter("U", [3, 3]);
    let mut h = g.input("h0", [2, 3]);
    for t in 1..=6 {
        let _step = g.step(t);
        h = h.linear(u).named("a").custom(Forgot).named("h");
    }
    let report = check(h.powi(2).sum()).unwrap();
    assert!(
        report.to_string().contains("at all 6 steps: sent is ȳ (1 − y); ȳ (1 − y²) would fit"),
        "{report}"
    );
}

/// A step in which what rounding has left of a 0 moves is none for numbers of the usual size.
#[test]
fn what_rounding_has_left_of_a_0_is_no_scale() {
    let left = 4.24e-19;
    let at = arr1(&[0.354, -left, -left, 0.0]);
    let slopes = [1.0, -1.0, -1.0, 0.0];
    let told = |faults: [f64; 4]| {
        let g = Builder::new();
        let (x, v) = (g.parameter("x", [4]), g.input("v", [4]));
        let loss = (x.abs() * v).sum();
        let claimed = arr1(&slopes) * arr1(&faults);
        let claimed = g.constant(claimed) * v;
        let point = Point::new().with(x, at.clone()).with(v, arr1(&[0.7, 0.4, -0.9, 1.1]));
        Check::new(loss).against(&[(x, claimed)]).at(point).run().unwrap()
    };
    // The last element is at its kink, but beside the first, which moves by 1e18 times as much, that is not seen: no kink.
    assert_eq!(told([1.0; 4]).verdict(), Verdict::Pass, "{}", told([1.0; 4]));
    for faults in [[1.01, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, 1.0], [1.0, 1.0, 0.99, 1.0]] {
        assert_eq!(told(faults).verdict(), Verdict::Fail, "{faults:?}: {}", told(faults));
    }
}

/// A step that moves the largest element would carry all others over their kinks, where everything between both slopes is
/// right, and hides what one element has too much.
#[test]
fn an_outlier_does_not_widen_the_kinks_of_others() {
    const N: usize = 400;
    type Kinked = for<'g> fn(Expr<'g>) -> Expr<'g>;
    type Slope = fn(f64) -> f64;
    let cases: [(Kinked, Slope); 2] = [
        (|x| x.relu(), |x| f64::from(u8::from(x > 0.0))),
        (|x| x.abs(), |x| if x < 0.0 { -1.0 } else { 1.0 }),
    ];
    for outlier in [1e6, -1e6, 1e13, 1e100] {
        // At most a fifth of the unit, one exactly at the kink.
        let mut at = ArrayD::from_shape_fn(vec![N], |i| 0.2 * (1.0 + i[0] as f64).sin());
        (at[[0]], at[[1]]) = (outlier, 0.0);
        for (f, slope) in cases {
            let told = |wrong: Option<usize>| {
                let g = Builder::new();
                let x = g.parameter("x", [N]);
                let mut claimed = at.mapv(slope);
                wrong.into_iter().for_each(|place| claimed[[place]] += 3.0);
                let claimed = g.constant(claimed);
                let point = Point::new().with(x, at.clone());
                Check::new(f(x).sum()).against(&[(x, claimed)]).at(point).run().unwrap()
            };
            assert!(told(None).passed(), "{outlier}: {}", told(None));
            // Few of these are asked alone.
            for place in (2..N).step_by(49) {
                let report = told(Some(place));
                assert_eq!(report.verdict(), Verdict::Fail, "{outlier}, {place}: {report}");
            }
        }
    }
}
