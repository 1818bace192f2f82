//! Every kind of fault, planted into an op or into the gradient graph: it is caught, and the faulty node is named.

mod common;

use autograd::ops::{Adjoint, Domain, Notation, Op, Operator, Sample, Sampler};
use autograd::{Builder, Expr, NodeId, Point, Scalar, Type, Value, grad, kernels};
use autograd_check::{Check, Report, check};
use autograd_check::{Guilty, Hint, Verdict};
use common::faults::{leaves, plant};

/// `y = tanh x`, with a custom VJP.
struct Squash(for<'g> fn(Expr<'g>, Expr<'g>) -> Adjoint<'g>);

impl std::fmt::Debug for Squash {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Squash")
    }
}

impl Squash {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::tanh)
    }
}

impl Operator for Squash {
    kernels!();
    fn name(&self) -> &'static str {
        "squash"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (self.0)(y, dy)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self(|y, dy| (dy * (1.0 - y * y)).into()), [s.float([2, 2], Domain::reals(-2.0, 2.0))])
    }
}

/// An Elman net over four steps, batch 3, hidden 3: `h[t] = f(x[t] Wᵀ + h[t−1] Uᵀ + b)`, and the mean square of all h.
fn elman<'g>(g: &'g Builder, f: impl Fn(Expr<'g>) -> Expr<'g>) -> Expr<'g> {
    let (w, u, b) = (g.parameter("W", [3, 2]), g.parameter("U", [3, 3]), g.parameter("b", [3]));
    let x = g.input("x", [4, 3, 2]);
    let mut h = g.input("h0", [3, 3]);
    let _layer = g.layer("l0");
    let mut all = Vec::new();
    for t in 1..=4 {
        let _step = g.step(t);
        let a = (x.at(0, t - 1).linear(w) + h.linear(u) + b).named("a");
        h = f(a).named("h");
        all.push(h);
    }
    g.stack(0, &all).powi(2).mean().named("loss")
}

/// The report on an Elman net with a VJP.
fn with_rule(vjp: for<'g> fn(Expr<'g>, Expr<'g>) -> Adjoint<'g>) -> Report {
    let g = Builder::new();
    check(elman(&g, |a| a.custom(Squash(vjp)))).unwrap()
}

#[test]
fn a_right_rule_has_nobody_guilty() {
    let report = with_rule(|y, dy| (dy * (1.0 - y * y)).into());
    assert_eq!((report.verdict(), &report.guilty), (Verdict::Pass, &None), "{report}");
}

/// The VJP is wrong at every step: the last is nearest the loss.
#[test]
fn a_wrong_rule_is_named_with_layer_gate_and_step() {
    type Rule = for<'g> fn(Expr<'g>, Expr<'g>) -> Adjoint<'g>;
    let cases: [(Rule, Hint); 6] = [
        (|y, dy| (-(dy * (1.0 - y * y))).into(), Hint::Sign),
        (|y, dy| (dy * (2.0 - 2.0 * y * y)).into(), Hint::Factor(2.0)),
        (|_, dy| dy.into(), Hint::Unknown),
        (|y, dy| (dy * (1.0 - y * y).transpose(&[1, 0])).into(), Hint::Unknown),
        (|_, _| Adjoint::Zero, Hint::Zero),
        (|y, dy| (dy * (1.0 - y * y) * f64::NAN).into(), Hint::NotFinite),
    ];
    for (vjp, expected) in cases {
        let report = with_rule(vjp);
        assert_eq!(report.verdict(), Verdict::Fail);
        let guilty = report.guilty.as_ref().unwrap_or_else(|| panic!("{expected:?}\n{report}"));
        assert_eq!((guilty.node.as_str(), guilty.operand), ("l0/h[4]", 0), "{report}");
        assert_eq!((guilty.op.as_str(), guilty.operand_name.as_str()), ("squash", "l0/a[4]"));
        assert_eq!(
            (guilty.layer.as_deref(), guilty.gate.as_deref(), guilty.step),
            (Some("l0"), Some("h"), Some(4))
        );
        match (&expected, &guilty.hint) {
            (Hint::Factor(a), Hint::Factor(b)) => assert!((a - b).abs() < 1e-6, "{report}"),
            (a, b) => assert_eq!(a, b, "{report}"),
        }
    }
}

/// An error of 10⁻³, 10⁻⁶ and 10⁻⁹: its size is reported for the element.
#[test]
fn small_factors_are_seen() {
    for (factor, vjp) in [
        (
            1e-3,
            (|y, dy| (1.001 * dy * (1.0 - y * y)).into()) as for<'g> fn(Expr<'g>, Expr<'g>) -> Adjoint<'g>,
        ),
        (1e-6, |y, dy| (1.000_001 * dy * (1.0 - y * y)).into()),
        (1e-9, |y, dy| (1.000_000_001 * dy * (1.0 - y * y)).into()),
    ] {
        let report = with_rule(vjp);
        assert_eq!(report.verdict(), Verdict::Fail, "{factor}\n{report}");
        let guilty = report.guilty.as_ref().unwrap();
        assert_eq!(guilty.node, "l0/h[4]");
        assert!((guilty.ratio() - 1.0 - factor).abs() < 1e-2 * factor, "{report}");
    }
}

/// The node named for a fault in the gradient graph of the net, at the first node that `fault` changes. `which`
/// selects it by name; all adjoints are claimed.
fn planted(name: &str, fault: impl for<'g> FnOnce(&'g Builder, Expr<'g>) -> Expr<'g>) -> (Guilty, Report) {
    let g = Builder::new();
    let loss = elman(&g, Expr::tanh);
    let graph = g.graph().unwrap();
    let wrt: Vec<Expr> = ["W", "U", "b", "x", "h0"].iter().map(|n| g.expr(graph.find(n).unwrap())).collect();
    grad(loss, &wrt);
    let at: NodeId = g.graph().unwrap().find(name).unwrap();
    let planted = plant(&g, at, |dx| fault(&g, dx));
    let report = Check::new(loss).against(&planted.claims).wrt(&wrt).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Fail, "{name}\n{report}");
    (report.guilty.clone().unwrap_or_else(|| panic!("{report}")), report)
}

#[test]
fn the_right_gradient_passes_when_claimed() {
    let g = Builder::new();
    let loss = elman(&g, Expr::tanh);
    let graph = g.graph().unwrap();
    let wrt: Vec<Expr> = ["W", "U", "b", "x", "h0"].iter().map(|n| g.expr(graph.find(n).unwrap())).collect();
    let claims: Vec<_> = wrt.iter().copied().zip(grad(loss, &wrt)).collect();
    let report = Check::new(loss).against(&claims).order(2).run().unwrap();
    assert_eq!((report.verdict(), report.guilty.as_ref()), (Verdict::Pass, None), "{report}");
}

/// ∂h[2] is a sum over two users: the stack of all states, and the product with U at step 3.
#[test]
fn a_missing_accumulation_is_named() {
    let (guilty, report) = planted("∂l0/h[2]", |g, sum| {
        let graph = g.graph().unwrap();
        assert_eq!(graph[sum.id()].op.name(), "add");
        let first = graph.operands(sum.id()).unwrap().next().unwrap();
        g.expr(first)
    });
    assert_eq!(guilty.hint, Hint::Missing, "{report}");
    assert_eq!(guilty.operand_name, "l0/h[2]");
    assert!(["matmul", "stack"].contains(&guilty.op.as_str()), "{report}");
}

#[test]
fn an_accumulation_that_counts_twice_is_named() {
    let (guilty, report) = planted("∂l0/h[2]", |g, sum| {
        let graph = g.graph().unwrap();
        let mut terms: Vec<Expr> = graph.operands(sum.id()).unwrap().map(|id| g.expr(id)).collect();
        terms.push(terms[1]);
        g.sum(&terms)
    });
    assert_eq!((guilty.hint, guilty.operand_name.as_str()), (Hint::Twice, "l0/h[2]"), "{report}");
}

/// The terms of ∂U are products, one per step.
#[test]
fn faults_in_one_term_of_a_sum_over_time() {
    type Fault = for<'g> fn(Expr<'g>) -> Expr<'g>;
    let cases: [(Fault, Hint); 4] = [
        (|p| -p, Hint::Sign),
        (|p| p * 2.0, Hint::Twice),
        (|p| p.transpose(&[1, 0]), Hint::Transposed),
        (|p| p * 1.001, Hint::Factor(1.001)),
    ];
    for (fault, expected) in cases {
        let (guilty, report) = planted("∂U", |g, sum| {
            let graph = g.graph().unwrap();
            let mut terms: Vec<Expr> = graph.operands(sum.id()).unwrap().map(|id| g.expr(id)).collect();
            assert_eq!(terms.len(), 4);
            terms[2] = fault(terms[2]);
            g.sum(&terms)
        });
        assert_eq!((guilty.op.as_str(), guilty.operand_name.as_str()), ("matmul", "U"), "{report}");
        assert_eq!((guilty.step, guilty.operand), (Some(3), 1), "{report}");
        match (&expected, &guilty.hint) {
            (Hint::Factor(a), Hint::Factor(b)) => assert!((a - b).abs() < 1e-6, "{report}"),
            (a, b) => assert_eq!(a, b, "{report}"),
        }
    }
}

/// The adjoint of an adjacent step.
#[test]
fn a_shift_in_time_is_named() {
    let (guilty, report) = planted("∂U", |g, sum| {
        let graph = g.graph().unwrap();
        let mut terms: Vec<Expr> = graph.operands(sum.id()).unwrap().map(|id| g.expr(id)).collect();
        // The same product, with the adjoint of the step before.
        let operands: Vec<NodeId> = graph.operands(terms[2].id()).unwrap().collect();
        let earlier: Vec<NodeId> = graph.operands(terms[1].id()).unwrap().collect();
        let op = graph[terms[2].id()].op.clone();
        terms[2] = g.apply(op, &[g.expr(earlier[0]), g.expr(operands[1])]);
        g.sum(&terms)
    });
    assert_eq!((guilty.step, guilty.operand_name.as_str()), (Some(3), "U"), "{report}");
    assert_eq!(guilty.hint, Hint::Shifted(-1), "{report}");
}

#[test]
fn a_row_that_is_skipped_and_a_sum_that_is_missing_are_named() {
    let row = |keep: [f64; 3]| {
        move |g: &Builder| g.constant(ndarray::arr2(&[[keep[0]], [keep[1]], [keep[2]]])).id()
    };
    let skip = row([1.0, 0.0, 1.0]);
    // b's adjoint sums the rows of ∂a[t]: the fault is in the term of step 3.
    for (mask, expected) in [(skip, Hint::RowSkipped(1)), (row([0.0, 0.0, 1.0]), Hint::NotSummed)] {
        let (guilty, report) = planted("∂b", |g, sum| {
            let graph = g.graph().unwrap();
            let mut terms: Vec<Expr> = graph.operands(sum.id()).unwrap().map(|id| g.expr(id)).collect();
            let rows = graph.operands(terms[2].id()).unwrap().next().unwrap();
            terms[2] = (g.expr(rows) * g.expr(mask(g))).sum_over([0]);
            g.sum(&terms)
        });
        assert_eq!((guilty.step, guilty.operand_name.as_str()), (Some(3), "b"), "{report}");
        assert_eq!(guilty.hint, expected, "{report}");
    }
}

#[test]
fn one_element_off_by_a_hundredth_is_found() {
    let (guilty, report) = planted("∂l0/a[2]", |g, dx| {
        let mut factors = ndarray::Array2::ones([3, 3]);
        factors[[1, 2]] = 1.01;
        dx * g.constant(factors)
    });
    assert_eq!((guilty.node.as_str(), guilty.hint.clone()), ("l0/h[2]", Hint::OneElement), "{report}");
    assert_eq!(guilty.index, [1, 2]);
    assert!((guilty.ratio() - 1.01).abs() < 1e-9);
}

#[test]
fn a_wrong_operand_is_named() {
    let g = Builder::new();
    let (a, b) = (g.parameter("a", [4]), g.parameter("b", [4]));
    let y = a * b;
    let loss = y.sin().sum();
    let dy = y.cos();
    let claims = [(a, dy * a), (b, dy * a)];
    let report = Check::new(loss).against(&claims).run().unwrap();
    let guilty = report.guilty.as_ref().unwrap();
    assert_eq!((guilty.operand_name.as_str(), &guilty.hint), ("a", &Hint::WrongOperand(1)), "{report}");
    assert_eq!(report.tensor("b").unwrap().verdict(), Verdict::Pass);
}

/// The intermediate adjoints are not claimed: the leaf's own is found wrong.
#[test]
fn claims_of_leaves_alone_are_enough_to_fail() {
    let g = Builder::new();
    let loss = elman(&g, Expr::tanh);
    let graph = g.graph().unwrap();
    let wrt: Vec<Expr> = ["W", "U", "b"].iter().map(|n| g.expr(graph.find(n).unwrap())).collect();
    grad(loss, &wrt);
    let at = g.graph().unwrap().find("∂l0/h[2]").unwrap();
    let planted = plant(&g, at, |dx| dx * 1.5);
    let claims = leaves(&planted.claims, &g.graph().unwrap());
    assert_eq!(claims.len(), 3);
    let report = Check::new(loss).against(&claims).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Fail);
    assert!(report.guilty.is_some_and(|guilty| ["W", "U", "b"].contains(&guilty.operand_name.as_str())));
}

/// The dual kernel drops the tangent; the value and the VJP are right.
#[derive(Debug)]
struct Numb;

impl Operator for Numb {
    fn eval_f32(&self, x: &[&Value<f32>]) -> Value<f32> {
        x[0].map(f32::sin)
    }
    fn eval_f64(&self, x: &[&Value<f64>]) -> Value<f64> {
        x[0].map(f64::sin)
    }
    fn eval_dual(&self, x: &[&Value<autograd::Dual>]) -> Value<autograd::Dual> {
        x[0].map(|x| Scalar::of(x.value.sin()))
    }
    fn name(&self) -> &'static str {
        "numb"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * x[0].cos()).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([2], Domain::reals(-1.0, 1.0))])
    }
}

/// Differences and the gradient contradict forward mode: the gradient passes, forward mode fails.
#[test]
fn a_dual_kernel_that_is_wrong_is_told_from_a_gradient_that_is() {
    let g = Builder::new();
    let report = check(g.parameter("x", [3]).custom(Numb).tanh()).unwrap();
    assert_eq!(report.tensor("x").unwrap().verdict(), Verdict::Pass, "{report}");
    assert_eq!(report.verdict(), Verdict::Fail, "{report}");
    assert!(report.to_string().contains("numb"), "{report}");
}

/// Half of the adjoint to each operand at a tie of `max`, and a relu at 0.
#[test]
fn on_a_kink_the_node_is_named_and_the_interval_accepted() {
    let g = Builder::new();
    let x = g.parameter("x", [3]);
    let y = x.relu().named("rectified");
    let at = |x0: f64| Point::new().with(x, ndarray::arr1(&[x0, 0.5, -0.5]));
    let on = Check::new(y).at(at(0.0)).run().unwrap();
    assert_eq!((on.verdict(), on.passed()), (Verdict::Kink, true), "{on}");
    assert_eq!(on.tensors[0].kinks, ["rectified"]);
    for beside in [1e-3, -1e-6, 1e-9] {
        assert_eq!(Check::new(y).at(at(beside)).run().unwrap().verdict(), Verdict::Pass, "{beside}");
    }
    let (a, b) = (g.parameter("a", [2]), g.parameter("b", [2]));
    let tie = (2.0 * a).max(b).sum();
    let point = Point::new().with(a, ndarray::arr1(&[0.25, 0.1])).with(b, ndarray::arr1(&[0.5, 0.7]));
    let report = Check::new(tie).wrt(&[a, b]).at(point.clone()).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Kink, "{report}");
    // Outside the interval [0, 2] a claim is wrong at a kink too.
    let claim = g.constant(ndarray::arr1(&[2.5, 0.0]));
    let wrong = Check::new(tie).against(&[(a, claim)]).at(point).run().unwrap();
    assert_ne!(wrong.verdict(), Verdict::Pass, "{wrong}");
    assert_ne!(wrong.verdict(), Verdict::Kink, "{wrong}");
}

/// Half the adjoint at a tie of `max`, and none at the kink of `relu`: their difference is zero everywhere, and the
/// claimed slope of ½ is between no one-sided slopes of the composition. But each node's is between its own: no VJP
/// is faulty, only the convention is wrong.
#[test]
fn on_several_kinks_at_once_every_node_is_asked() {
    let g = Builder::new();
    let x = g.parameter("x", [4]);
    let zero = g.constant(ndarray::arr1(&[0.0; 4]));
    let ties = x.max(zero) - x.relu();
    let y = ties * 3.0 + x.max_over([0]) * 2.0;
    // The maxima are at even positions, so that perturbing positions up and down alternately breaks no tie.
    let point = Point::new().with(x, ndarray::arr1(&[0.0, -1.0, 0.0, -0.5]));
    for order in [1, 2] {
        let report = Check::new(y).at(point.clone()).order(order).run().unwrap();
        assert_eq!((report.verdict(), &report.guilty), (Verdict::Convention, &None), "{report}");
    }
}

/// Between the one-sided slopes of a kink an error of another node could hide; that node is still found.
#[test]
fn a_kink_hides_no_fault_of_another_node() {
    let g = Builder::new();
    let x = g.parameter("x", [3]);
    let (rectified, smooth) = (x.relu().named("rectified"), x.sin().named("smooth"));
    let loss = (5.0 * rectified + smooth).sum();
    let ones = g.constant(ndarray::arr1(&[1.0; 3]));
    let of_relu = x.greater(0.0).select(ones, g.zeros([3]));
    let claims = [(rectified, 5.0 * ones), (smooth, ones), (x, 5.0 * of_relu + 1.01 * x.cos())];
    let point = Point::new().with(x, ndarray::arr1(&[0.0, 0.5, 0.0]));
    let report = Check::new(loss).against(&claims).wrt(&[x]).at(point).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Fail, "{report}");
    assert_eq!(report.guilty.as_ref().unwrap().node, "smooth", "{report}");
}

/// At a kink all nodes are checked. The sigmoid of 40 rounds to 1: y (1 − y) is 0, but the derivative is not.
#[test]
fn a_saturated_op_beside_a_kink_is_not_guilty() {
    let g = Builder::new();
    let x = g.parameter("x", [2]);
    let y = x.relu() + (x * 80.0).sigmoid();
    for at in [0.5, 0.3, -0.4] {
        let report = Check::new(y).at(Point::new().with(x, ndarray::arr1(&[0.0, at]))).run().unwrap();
        assert_eq!((report.verdict(), &report.guilty), (Verdict::Kink, &None), "{report}");
    }
}

/// `y = max(x, 0)`, which does not declare its kink; its VJP returns a fraction of the adjoint there.
#[derive(Debug)]
struct Ramp(f64);

impl Ramp {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(|x| if x > S::zero() { x } else { S::zero() })
    }
}

impl Operator for Ramp {
    kernels!();
    fn name(&self) -> &'static str {
        "ramp"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let below = x[0].less(0.0).select(0.0, self.0);
        (dy * x[0].greater(0.0).select(1.0, below)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self(0.0), [s.float([2], Domain::reals(0.5, 1.0))])
    }
}

#[test]
fn a_kink_that_no_op_tells_is_seen_in_the_slopes() {
    let g = Builder::new();
    let x = g.parameter("x", [4]);
    let point = Point::new().with(x, ndarray::arr1(&[0.0, 0.5, -0.5, 0.0]));
    for seed in 0..20 {
        for (part, verdict) in
            [(0.0, Verdict::Kink), (0.3, Verdict::Kink), (1.0, Verdict::Kink), (2.0, Verdict::Fail)]
        {
            let y = (x.custom(Ramp(part)) * 2.0).sum();
            let report = Check::new(y).at(point.clone()).seed(seed).run().unwrap();
            assert_eq!(report.verdict(), verdict, "{part}\n{report}");
        }
    }
}

#[test]
fn near_a_pole_there_is_no_false_alarm() {
    let g = Builder::new();
    let x = g.parameter("x", [2]);
    for y in [x.reciprocal(), x.ln(), x.sqrt().reciprocal(), x.powi(-3)] {
        for near in [1e-2, 1e-4, 1e-7, 1e-10] {
            let point = Point::new().with(x, ndarray::arr1(&[near, 0.5]));
            let report = Check::new(y).at(point).run().unwrap();
            assert_ne!(report.verdict(), Verdict::Fail, "{near}\n{report}");
        }
    }
}

#[test]
fn second_order_faults_are_located_in_the_backward_pass() {
    let g = Builder::new();
    let loss = elman(&g, |a| a.custom(Squash(|y, dy| (dy * (1.0 - y * y.stop_gradient())).into())));
    let report = Check::new(loss).order(2).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Fail);
    assert!(report.tensors.iter().filter(|t| t.order == 1).all(|t| t.verdict() == Verdict::Pass));
    let guilty = report.guilty.as_ref().unwrap_or_else(|| panic!("{report}"));
    assert_eq!(guilty.op, "stop_gradient", "{report}");
    assert!(guilty.node.starts_with("∂(l0/h["), "{report}");
}

/// One sample of every op of the crate, wrong by 0.1 % for each operand, is caught and named.
#[test]
fn every_op_of_the_crate_is_named_when_it_is_wrong() {
    let (mut caught, mut named, mut all) = (0, 0, 0);
    for seed in 0..5 {
        let mut sampler = Sampler::new(seed);
        for sample in Op::samples(&mut sampler) {
            let g = Builder::new();
            let name = sample.op.name();
            let (y, wrt, point) = common::apply(&g, sample, &mut sampler);
            if y.ty().kind != autograd::Kind::Float || wrt.is_empty() || y.shape().count() == 0 {
                continue;
            }
            let loss = y.sin().sum();
            let gradients = grad(loss, &wrt);
            for (k, (&x, &dx)) in wrt.iter().zip(&gradients).enumerate() {
                let value = common::value(&g, &point, dx);
                if value.iter().all(|d| *d == 0.0) {
                    continue;
                }
                let claims: Vec<_> = wrt.iter().zip(&gradients).map(|(&x, &dx)| (x, dx)).collect();
                let mut claims = claims;
                claims[k].1 = dx * 1.001;
                let report = Check::new(loss).against(&claims).at(point.clone()).run().unwrap();
                all += 1;
                caught += usize::from(report.verdict() == Verdict::Fail);
                let right =
                    report.guilty.as_ref().is_some_and(|g| g.op == name && g.operand_name == x.name());
                named += usize::from(right);
                assert!(right, "{name} {x:?}\n{report}\n{:?}", report.guilty);
            }
        }
    }
    assert_eq!((caught, named), (all, all));
}
