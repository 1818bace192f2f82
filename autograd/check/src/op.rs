//! Checks an op alone: its kernels, its VJP, its kinks, at its own samples.

use super::report::Report;
use super::verdict::Verdict;
use super::witness::Witness;
use super::{Check, Tier};
use autograd::graph::{Builder, Expr};
use autograd::ops::{Custom, Op, Operator, Sample, Sampler};
use autograd::{Dual, Error, Kind, Place, Point, Value, eval};
use ndarray::{ArrayD, Zip};
use std::sync::Arc;

/// Checks an op alone at `samples` random instances that it [draws](Operator::sample): its gradients of orders one
/// and two against differences and forward mode, element by element; its three kernels against each other; its result
/// against its shape rule; and that [`Operator::branches`] returns the same number of sides everywhere. An undeclared
/// kink is found if a sample is near it.
///
/// ```
/// use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
/// use autograd::{Expr, Scalar, Type, Value, kernels};
/// use autograd_check::check_op;
///
/// /// `y = x³`
/// #[derive(Debug)]
/// struct Cube;
///
/// impl Cube {
///     fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
///         x[0].map(|x| x * x * x)
///     }
/// }
///
/// impl Operator for Cube {
///     kernels!();
///     fn name(&self) -> &'static str { "cube" }
///     fn infer(&self, operands: &[Type]) -> Result<Type, String> { Ok(operands[0].clone()) }
///     fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
///         (3.0 * dy * x[0] * x[0]).into()
///     }
///     fn notation(&self) -> Notation { Notation::Function }
///     fn sample(s: &mut Sampler) -> Sample<Self> {
///         let shape = s.shape(0..4);
///         Sample::new(Cube, [s.float(shape, Domain::reals(-3.0, 3.0))])
///     }
/// }
///
/// let report = check_op::<Cube>(16, 0)?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// As [`check`](super::check()); [`Error::Value`] if the kernel's result contradicts the shape rule.
#[track_caller]
pub fn check_op<O: Operator>(samples: usize, seed: u64) -> Result<Report, Error> {
    let place = Place::caller();
    let mut whole = Report::new(String::new(), seed, 2);
    for number in 0..samples as u64 {
        let mut sampler = Sampler::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
        let Sample { op, operands } = O::sample(&mut sampler);
        let values = sampler.values(&operands);
        let g = Builder::new();
        let (mut point, mut leaves) = (Point::new(), Vec::new());
        for (i, (operand, value)) in operands.iter().zip(&values).enumerate() {
            let name = format!("x{i}");
            let leaf = match operand.ty.kind {
                Kind::Float => g.parameter(&name, &operand.ty.shape),
                Kind::Index { below } => g.index_input(&name, &operand.ty.shape, below),
                Kind::Bool => g.constant(value.clone()),
            };
            if operand.ty.kind != Kind::Bool {
                point.set(leaf, value.clone());
            }
            leaves.push(leaf);
        }
        let y = g.apply(Op::Custom(Custom(Arc::new(op))), &leaves);
        let graph = g.graph()?;
        let Some(op) = graph.node(y.id())?.op.operator() else {
            return Err(Error::Build { reason: "an op is not a leaf".into(), place });
        };
        let result = eval(&graph, &point, &[y])?.remove(0);
        result.fits(&y.ty()).map_err(|reason| Error::Value { node: y.name(), reason })?;
        leaves.retain(|x| x.ty().kind == Kind::Float);
        let mut witnesses = Vec::new();
        if y.ty().kind == Kind::Float && !leaves.is_empty() {
            let report = tensors(y, &leaves, point, sampler.below(0..1 << 20) as u64, number)?;
            whole.coverage.merge(&report.coverage);
            whole.tensors.extend(report.tensors);
            witnesses = report.witnesses;
            whole.guilty = whole.guilty.take().or(report.guilty);
        }
        let operands: Vec<&Value<f64>> = values.iter().collect();
        witnesses.extend(kernels(op, &operands, &result));
        witnesses.into_iter().for_each(|witness| merge(&mut whole.witnesses, witness));
        whole.subject = format!("{}, {} samples", op.name(), number + 1);
    }
    Ok(whole)
}

fn tensors<'g>(
    y: Expr<'g>,
    leaves: &[Expr<'g>],
    point: Point<f64>,
    seed: u64,
    number: u64,
) -> Result<Report, Error> {
    let check = Check::new(y).wrt(leaves).at(point).order(2).tier(Tier::Sampled(4)).seed(seed);
    let mut report = check.run()?;
    report.tensors.iter_mut().for_each(|t| t.name = format!("{} of sample {number}", t.name));
    Ok(report)
}

/// One line per check: the worst of all samples.
fn merge(all: &mut Vec<Witness>, witness: Witness) {
    let badness = |w: &Witness| (w.verdict, w.difference.unwrap_or(0.0) / w.tolerance);
    match all.iter_mut().find(|w| (&w.name, w.order) == (&witness.name, witness.order)) {
        Some(known) if badness(known) < badness(&witness) => *known = witness,
        Some(_) => {}
        None => all.push(witness),
    }
}

/// Compares the kernels in dual numbers and in single precision with that in double precision, and checks the sides
/// of kinks.
fn kernels(op: &dyn Operator, x: &[&Value<f64>], y: &Value<f64>) -> Vec<Witness> {
    let dual: Vec<Value<Dual>> = x.iter().map(|x| x.cast()).collect();
    let single: Vec<Value<f32>> = x.iter().map(|x| x.cast()).collect();
    let dual = op.eval_dual(&dual.iter().collect::<Vec<_>>());
    let single = op.eval_f32(&single.iter().collect::<Vec<_>>());
    let mut witnesses = vec![
        kernel("the dual kernel computes the value", y, &dual.cast(), 1e-12),
        kernel("the f32 kernel computes the value", y, &single.cast(), 1e-3),
    ];
    let sides = op.branches(x).len();
    let near: Vec<Value<f64>> = x
        .iter()
        .map(|x| match x {
            Value::Float(a) => Value::Float(a.mapv(|x| x + 1e-3)),
            other => (*other).clone(),
        })
        .collect();
    let other = op.branches(&near.iter().collect::<Vec<_>>()).len();
    witnesses.push(line("as many sides of kinks everywhere", sides.abs_diff(other) as f64, 0.0));
    witnesses
}

fn kernel(name: &str, y: &Value<f64>, other: &Value<f64>, relative: f64) -> Witness {
    let (Value::Float(y), Value::Float(other)) = (y, other) else {
        return line(name, f64::from(u8::from(y != other)), 0.0);
    };
    if y.shape() != other.shape() {
        return line(name, f64::INFINITY, 0.0);
    }
    let scale = y.iter().fold(1.0, |m: f64, y| m.max(y.abs()));
    let off: ArrayD<f64> = Zip::from(y).and(other).map_collect(|a, b| {
        // Beyond the range of f32 both are infinite, or one is.
        if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() }
    });
    line(
        name,
        off.iter().fold(0.0, |m: f64, e| if e.is_nan() { f64::INFINITY } else { m.max(*e) }),
        relative * scale,
    )
}

fn line(name: &str, difference: f64, tolerance: f64) -> Witness {
    let verdict = if difference <= tolerance { Verdict::Pass } else { Verdict::Fail };
    Witness { name: name.into(), order: 0, difference: Some(difference), tolerance, verdict }
}
