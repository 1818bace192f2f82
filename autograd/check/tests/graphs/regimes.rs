//! Regimes: what a check has visited, and VJPs that are wrong only at unusual values.

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::{Check, Coverage, Verdict};
use ndarray::{ArrayD, arr1};

/// `y = tanh x`, with a VJP that is wrong somewhere.
#[derive(Debug)]
struct Bent(Where);

#[derive(Clone, Copy, Debug)]
enum Where {
    /// Cut off beyond 2.
    Beyond,
    /// Multiplied by 1.5 at exactly 0.
    AtZero,
}

impl Bent {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(Scalar::tanh)
    }
}

impl Operator for Bent {
    kernels!();
    fn name(&self) -> &'static str {
        "bent"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let slope = 1.0 - y * y;
        let wrong = match self.0 {
            Where::Beyond => x[0].abs().greater(2.0).select(0.0, slope),
            Where::AtZero => x[0].equals(0.0).select(1.5, slope),
        };
        (dy * wrong).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self(Where::Beyond), [s.float([2], Domain::reals(-1.0, 1.0))])
    }
}

fn missing(coverage: &Coverage) -> Vec<String> {
    coverage.regimes().filter(|(_, seen)| !seen).map(|(name, _)| name).collect()
}

#[test]
fn regimes_are_counted() {
    let visited = |values: &[f64]| {
        let g = Builder::new();
        let x = g.input("x", [values.len()]);
        let y = (x.relu() + x.max(0.5 * x)).tanh().max_over([0]);
        let report = Check::new(y).at(Point::new().with(x, arr1(values))).run().unwrap();
        missing(&report.coverage)
    };
    let all = ["max at a tie", "reduce_max at a tie", "relu at 0", "tanh saturated"];
    assert_eq!(visited(&[0.1, -0.2, 0.3]), all);
    assert_eq!(visited(&[0.1, -0.2, 0.0]), ["reduce_max at a tie", "tanh saturated"]);
    assert_eq!(visited(&[9.0, -0.2, 0.0]), ["reduce_max at a tie"]);
    assert!(visited(&[9.0, -0.2, 0.0, 9.0]).is_empty());
    // An index, and a selection.
    let g = Builder::new();
    let (table, i) = (g.parameter("table", [5, 2]), g.index_input("i", [3], 5));
    let x = table.gather(i);
    let y = x.greater(0.0).select(x.sin(), x);
    let of = |i: [usize; 3]| {
        let point = Point::new()
            .with(table, ArrayD::from_elem(vec![5, 2], 0.3))
            .with(g.expr(g.graph().unwrap().find("i").unwrap()), Value::Index(arr1(&i).into_dyn()));
        missing(&Check::new(y).at(point).run().unwrap().coverage)
    };
    let rest = ["greater at a tie", "greater second larger", "select second taken"];
    assert_eq!(
        of([0, 1, 2]),
        [&["gather an index twice"], &rest[..]].concat().iter().fold(vec![], |mut all: Vec<&str>, r| {
            all.push(r);
            all.sort_unstable();
            all
        })
    );
    assert_eq!(of([0, 1, 0]), rest);
}

/// A VJP that is wrong at saturated gates, or at exactly 0, passes elsewhere, and is found by a check that goes
/// there.
#[test]
fn rules_that_are_wrong_elsewhere_are_found() {
    for at in [Where::Beyond, Where::AtZero] {
        for seed in 0..10 {
            let g = Builder::new();
            let (x, w) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]));
            let y = x.linear(w).custom(Bent(at)).sigmoid();
            let once = Check::new(y).seed(seed).run().unwrap();
            let report = Check::new(y).seed(seed).visit(12).run().unwrap();
            assert_eq!(report.verdict(), Verdict::Fail, "{at:?}, seed {seed}: {once}\n{report}");
            assert_eq!(report.guilty.as_ref().unwrap().op, "bent", "{report}");
            assert!(
                once.verdict() == Verdict::Fail
                    || report.notes.iter().any(|n| n.contains("of those that were visited"))
            );
        }
    }
}

/// Correct gradients pass in all regimes; unreachable ones are reported.
#[test]
fn right_gradients_pass_everywhere() {
    for seed in 0..10 {
        let g = Builder::new();
        let (x, w, b) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]), g.parameter("b", [4]));
        let (i, table) = (g.index_input("i", [3], 4), g.parameter("table", [4, 4]));
        let h = (x.linear(w) + b).relu().sum_over([0]) + table.gather(i).tanh().max_over([0]);
        let report = Check::new(h).seed(seed).visit(20).run().unwrap();
        assert!(report.passed() && report.coverage.is_complete(), "seed {seed}: {report}");
        // A positive number never reaches the other side.
        let y = (x.exp() + 1.0).relu();
        let report = Check::new(y).seed(seed).visit(6).run().unwrap();
        assert_eq!(missing(&report.coverage), ["relu at 0", "relu below 0"], "{report}");
        assert!(report.to_string().contains("regimes visited at 6 points; not: relu at 0"), "{report}");
    }
}
