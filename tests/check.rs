//! The gradient check: correct gradients pass, and every kind of wrong one is found and named.

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Error, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::{Check, check};
use autograd_check::{FnCheck, Method, Tier, Verdict, check_fn, check_op};
use ndarray::{ArrayD, arr1};

/// `y = a b`, element by element, with a custom VJP.
struct Product(for<'g> fn(usize, &[Expr<'g>], Expr<'g>) -> Adjoint<'g>);

impl std::fmt::Debug for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Product")
    }
}

impl Product {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        (x[0].float() * x[1].float()).into()
    }
}

impl Operator for Product {
    kernels!();
    fn name(&self) -> &'static str {
        "product"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (self.0)(i, x, dy)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let operand = s.float([2], Domain::reals(-1.0, 1.0));
        Sample::new(Self(right), [operand.clone(), operand])
    }
}

fn right<'g>(i: usize, x: &[Expr<'g>], dy: Expr<'g>) -> Adjoint<'g> {
    (dy * x[1 - i]).into()
}

/// The verdicts on `a`, on `b`, and whether order 2 passes, of a product with this VJP between other ops.
fn verdicts(vjp: for<'g> fn(usize, &[Expr<'g>], Expr<'g>) -> Adjoint<'g>) -> [Verdict; 3] {
    let g = Builder::new();
    let (a, b) = (g.parameter("a", [3, 3]), g.parameter("b", [3, 3]));
    let y = g.custom(Product(vjp), &[a.sin(), b]).tanh();
    let first = check(y).unwrap();
    let second = Check::new(y).order(2).run().unwrap();
    let order2 = second.tensors.iter().filter(|t| t.order == 2).map(autograd_check::Tensor::verdict).max();
    [
        first.tensor("a").unwrap().verdict(),
        first.tensor("b").unwrap().verdict(),
        order2.unwrap_or(Verdict::Fail),
    ]
}

#[test]
fn every_kind_of_wrong_rule_is_found() {
    use Verdict::{Fail, Pass};
    assert_eq!(verdicts(right), [Pass, Pass, Pass]);
    // Sign, factor, swapped operands, transposed, dropped, slightly wrong.
    assert_eq!(verdicts(|_, x, dy| (-(dy * x[1])).into()), [Fail, Fail, Fail]);
    assert_eq!(
        verdicts(|i, x, dy| (dy * x[1 - i] * if i == 0 { 2.0 } else { 1.0 }).into()),
        [Fail, Pass, Fail]
    );
    assert_eq!(verdicts(|i, x, dy| (dy * x[i]).into()), [Fail, Fail, Fail]);
    assert_eq!(verdicts(|i, x, dy| (dy * x[1 - i].transpose(&[1, 0])).into()), [Fail, Fail, Fail]);
    assert_eq!(verdicts(|i, x, dy| if i == 0 { right(i, x, dy) } else { Adjoint::Zero }), [Pass, Fail, Fail]);
    assert_eq!(verdicts(|i, x, dy| (dy * x[1 - i] * (1.0 + 1e-8)).into()), [Fail, Fail, Fail]);
    assert_eq!(verdicts(|i, x, dy| (dy * x[1 - i] * f64::NAN).into()), [Fail, Fail, Fail]);
    // Right values in the wrong graph: only the second derivative shows it.
    assert_eq!(verdicts(|i, x, dy| (dy * x[1 - i].stop_gradient()).into()), [Pass, Pass, Fail]);
}

#[test]
fn a_report_says_what_and_where_the_worst_first() {
    let g = Builder::new();
    let (a, b) = (g.parameter("a", [2, 2]), g.parameter("b", [2, 2]));
    let y = g.custom(Product(|i, x, dy| (dy * x[1 - i] * if i == 1 { -1.0 } else { 1.0 }).into()), &[a, b]);
    let report = check(y).unwrap();
    let text = report.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "gradients of product#1 [2, 2], 2 tensors, seed 0: 1 of 2 did not pass");
    assert_eq!(
        lines[1],
        "guilty: the VJP of `product#1` (product) towards operand 1, `b`: the sign is wrong"
    );
    assert!(lines[2].starts_with("  at [") && lines[2].ends_with("ratio -1.0000000"), "{text}");
    assert!(lines[3].starts_with("  FAIL  b [2, 2]  analytic "), "{text}");
    assert!(lines[4].starts_with("          forward mode "), "{text}");
    assert!(lines[5].starts_with("          at [") && lines[5].ends_with("ratio -1.0000"), "{text}");
    assert!(lines[lines.len() - 3].starts_with("  pass  a [2, 2]"), "{text}");
    assert!(lines[lines.len() - 2].starts_with("  FAIL  node by node: "), "{text}");
    assert!(lines.last().unwrap().starts_with("  FAIL  forward mode: "), "{text}");
    assert_eq!(report.worst().unwrap().name, "b");
    assert_eq!(report.tensor("b").unwrap().elements.len(), 4);
}

/// An error of 10⁻³ in a bias is found beside a weight whose gradient is 10⁸ times as large.
#[test]
fn a_small_bias_is_not_lost_beside_a_big_weight() {
    let g = Builder::new();
    let (w, b) = (g.parameter("w", [5, 5]), g.parameter("b", [5]));
    let one = g.constant(arr1(&[1.0; 5]));
    let wrong = g.custom(Product(|i, x, dy| (dy * x[1 - i] * 1.001).into()), &[b, one]);
    let y = (w * 1e8).sin().sum() * 1e-2 + (w * 1e6 + wrong * 1e-2).sum();
    let report = Check::new(y).at(Point::new().with(w, ndarray::Array2::zeros([5, 5]))).run().unwrap();
    assert_eq!(report.tensor("b").unwrap().verdict(), Verdict::Fail, "{report}");
}

#[test]
fn stopped_gradients_are_held() {
    let g = Builder::new();
    let x = g.parameter("x", [3]);
    let y = x * x.sin().stop_gradient() + x.stop_gradient();
    let report = Check::new(y).order(2).elements(3).run().unwrap();
    assert!(report.passed(), "{report}");
}

/// The check distinguishes no path, a detached path, and a zero derivative.
#[test]
fn what_is_not_connected_is_said_and_does_not_fail() {
    let g = Builder::new();
    let [read, unread, stopped, flat] =
        ["read", "unread", "stopped", "flat"].map(|name| g.parameter(name, [3]));
    let y = read.tanh() * stopped.stop_gradient() + flat * 0.0;
    let _ = unread.exp();
    for order in [1, 2] {
        let report = Check::new(y).order(order).run().unwrap();
        assert!(report.passed(), "{report}");
        let detached: Vec<&str> = report.detached().map(|t| t.name.as_str()).collect();
        assert_eq!(detached, ["unread"]);
        for name in ["stopped", "flat"] {
            let tensor = report.tensor(name).unwrap();
            assert!(tensor.connected && tensor.norm == 0.0, "{report}");
        }
        let text = report.to_string();
        assert!(text.lines().next().unwrap().ends_with("passed; 1 not connected to the loss"), "{text}");
        assert!(text.contains("  pass  unread [3]  not connected to the loss\n"), "{text}");
    }
    // Only the selected tensors are checked.
    assert_eq!(Check::new(y).wrt(&[read]).run().unwrap().tensors.len(), 1);
}

#[test]
fn interior_nodes_several_outputs_and_index_inputs() {
    let g = Builder::new();
    let (table, i) = (g.parameter("table", [4, 3]), g.index_input("i", [5], 4));
    let h = table.gather(i).tanh().named("h");
    let report = Check::all(&[h * h, h.sum(), h, h]).wrt(&[h, table]).order(2).elements(100).run().unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.tensor("h").unwrap().elements.len(), 15);
    assert_eq!(report.tensors.iter().filter(|t| t.order == 1).count(), 2);
    // The order-2 tensors: h, table, and a cotangent for each of the three outputs.
    assert_eq!(report.tensors.iter().filter(|t| t.order == 2).count(), 5);
}

#[test]
fn a_check_is_determined_by_its_seed_and_leaves_the_graph_alone() {
    let g = Builder::new();
    let y = g.parameter("w", [3]).exp();
    let before = g.graph().unwrap().text();
    let [a, b, c] = [1, 1, 2].map(|seed| Check::new(y).seed(seed).order(2).run().unwrap());
    assert_eq!(a, b);
    assert_ne!(a.tensors[0].comparison, c.tensors[0].comparison);
    assert_eq!(g.graph().unwrap().text(), before);
}

#[test]
fn what_a_check_refuses() {
    let g = Builder::new();
    let (x, i) = (g.parameter("x", [2]), g.index_input("i", [2], 3));
    let h = x.exp().named("h");
    let message = |result: Result<autograd_check::Report, Error>| {
        result.unwrap_err().to_string().split("\n  at ").next().unwrap().to_string()
    };
    assert_eq!(message(check(i)), "i [2] of 0..3 has no gradient to check: it holds no real numbers");
    assert_eq!(message(check(i.one_hot(3))), "`one_hot#1` depends on no parameter and no real-valued input");
    assert_eq!(message(Check::new(x).order(3).run()), "a check has order 1 or 2, not 3");
    assert_eq!(message(Check::all(&[]).run()), "there is no output to check");
    assert_eq!(
        message(Check::new(x).wrt(&[i]).run()),
        "there is no gradient towards i [2] of 0..3: it holds no real numbers"
    );
    assert_eq!(
        message(check((x - 5.0).ln())),
        "`ln#1` is not finite at the point of this check: give values with `Check::at`, away from there"
    );
    let set = Point::new().with(h, arr1(&[1.0, 2.0]));
    assert_eq!(
        message(Check::new(h.sin()).at(set).run()),
        "the value for `h` does not fit: a check is done at values of leaves, and this node is computed: leave its value out"
    );
    let other = Builder::new();
    assert!(matches!(Check::new(x).wrt(&[other.parameter("x", [])]).run(), Err(Error::Foreign { .. })));
    assert!(matches!(check(x + g.parameter("y", [3])), Err(Error::Operands { .. })));
}

/// All methods pass correct gradients, and find a factor of 1.001.
#[test]
fn every_method_decides() {
    let methods = [Method::Richardson, Method::Central { step: 6e-6 }, Method::FivePoint { step: 7e-4 }];
    for method in methods {
        for (factor, verdict) in [(1.0, Verdict::Pass), (1.001, Verdict::Fail)] {
            let g = Builder::new();
            let x = g.parameter("x", [3, 2]);
            let claim = x.sin() * (-factor);
            let check = Check::new(x.cos().sum()).against(&[(x, claim)]).method(method).tier(Tier::Full);
            let report = check.run().unwrap();
            assert_eq!(report.verdict(), verdict, "{method:?}\n{report}");
            assert_eq!(report.tensors[0].elements.len(), 6);
        }
    }
}

#[test]
fn what_is_claimed_must_fit() {
    let g = Builder::new();
    let (x, y) = (g.parameter("x", [2]), g.parameter("y", [3]));
    let message =
        |check: Check| check.run().unwrap_err().to_string().split("\n  at ").next().unwrap().to_string();
    assert_eq!(
        message(Check::new(x.sum()).against(&[(x, y)])),
        "the adjoint of x [2] has its shape, and y [3] has not"
    );
    assert_eq!(
        message(Check::new(x.sin()).against(&[(x, x.cos())])),
        "a gradient of sin#1 [2] needs a cotangent: tell which with `Check::cotangents`"
    );
    let v = g.input("v", [2]);
    assert!(Check::new(x.sin()).against(&[(x, v * x.cos())]).cotangents(&[v]).run().unwrap().passed());
    assert!(!Check::new(x.sin()).against(&[(x, v * x.sin())]).cotangents(&[v]).run().unwrap().passed());
}

/// `y = a b` with the dual kernel, or the one in single precision, wrong.
#[derive(Debug)]
struct Uneven<const DUAL: bool>;

impl<const DUAL: bool> Operator for Uneven<DUAL> {
    fn eval_f32(&self, x: &[&Value<f32>]) -> Value<f32> {
        (x[0].float() * x[1].float() * if DUAL { 1.0 } else { 1.01 }).into()
    }
    fn eval_f64(&self, x: &[&Value<f64>]) -> Value<f64> {
        (x[0].float() * x[1].float()).into()
    }
    fn eval_dual(&self, x: &[&Value<autograd::Dual>]) -> Value<autograd::Dual> {
        let y: Value<autograd::Dual> = (x[0].float() * x[1].float()).into();
        if DUAL {
            y.map(|mut y| {
                y.tangent *= 2.0;
                y
            })
        } else {
            y
        }
    }
    fn name(&self) -> &'static str {
        "uneven"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        right(i, x, dy)
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let operand = s.float([2], Domain::reals(0.5, 1.0));
        Sample::new(Self, [operand.clone(), operand])
    }
}

#[test]
fn an_op_alone_is_checked_with_all_its_kernels() {
    assert!(check_op::<Product>(8, 0).unwrap().passed());
    for (report, witnesses) in [
        (check_op::<Uneven<true>>(8, 0).unwrap(), ["forward mode", "each dual kernel"]),
        (check_op::<Uneven<false>>(8, 0).unwrap(), ["the f32 kernel"; 2]),
    ] {
        assert_eq!(report.verdict(), Verdict::Fail, "{report}");
        let failed: Vec<_> = report.witnesses.iter().filter(|w| w.verdict == Verdict::Fail).collect();
        assert!(
            failed.iter().all(|w| witnesses.iter().any(|name| w.name.starts_with(name)))
                && !failed.is_empty(),
            "{report}"
        );
    }
}

/// A function in f32: a gradient off by 0.1 % is found, the right one passes; so do subgradients at kinks, and
/// nothing else there.
#[test]
#[allow(clippy::cast_possible_truncation)]
fn a_function_that_is_not_ours() {
    let at = [arr1(&[0.3, -0.8, 0.0]).into_dyn(), arr1(&[1.5]).into_dyn()];
    let f = |x: &[ArrayD<f64>]| {
        let square: f32 = x[0].iter().map(|&x| (x as f32).sin().powi(2)).sum();
        f64::from(square * x[1][[0]] as f32)
    };
    let right = [
        at[0].mapv(|x| 3.0 * x.sin() * x.cos()),
        arr1(&[0.3_f64.sin().powi(2) + 0.8_f64.sin().powi(2)]).into_dyn(),
    ];
    for seed in 0..20 {
        let check = |claim: &[ArrayD<f64>]| {
            FnCheck::new(&at, claim)
                .precision(f32::EPSILON.into())
                .seed(seed)
                .names(["a", "b"])
                .run(f)
                .unwrap()
        };
        assert_eq!(check(&right).verdict(), Verdict::Pass, "{}", check(&right));
        let off = check(&[1.001 * &right[0], right[1].clone()]);
        assert_eq!(off.verdict(), Verdict::Fail, "{off}");
        assert_eq!(off.worst().unwrap().name, "a");
    }
    let abs = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x.abs()).sum::<f64>();
    let claim = |middle: f64| [arr1(&[1.0, -1.0, middle]).into_dyn()];
    let verdict = |middle| check_fn(abs, &at[..1], &claim(middle)).unwrap().verdict();
    // The mean of both slopes is the value of central differences: it must still count as a kink.
    assert_eq!([0.0, 0.5, 2.0].map(verdict), [Verdict::Kink, Verdict::Kink, Verdict::Fail]);
    assert!(check_fn(abs, &at, &claim(0.0)).is_err());
    assert!(check_fn(|_| f64::NAN, &at[..1], &claim(0.0)).is_err());
}
