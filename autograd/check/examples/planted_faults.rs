//! Faults planted in handwritten gradients, and the checker's verdicts, as JSON: the rows that
//! `tests/peers/gradcheckers.py` compares with other checkers. In f64 the checker walks the graph; in f32 it gets a
//! function and a gradient, both computed in single precision.
//!
//! ```text
//! cargo run --release -p bptt-check --example planted_faults
//! ```

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Error, Expr, Point, Scalar, Type, Value, eval, grad, kernels};
use autograd_check::Report;
use autograd_check::{Check, FnCheck, Verdict, random_point};
use ndarray::{ArrayD, Axis};
use serde_json::json;
use std::time::Instant;

/// A fault in a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// All of it times 1.001.
    Scale,
    /// One element times 1.01.
    OneElement,
    Sign,
    /// U for Uᵀ
    Transposed,
    /// The bias gradient covers the first sequence alone.
    MissingAccumulation,
}

impl Fault {
    const ALL: [(Self, &str); 6] = [
        (Self::None, "none"),
        (Self::Scale, "scale 1.001"),
        (Self::OneElement, "one element 1 %"),
        (Self::Sign, "sign"),
        (Self::Transposed, "transposed"),
        (Self::MissingAccumulation, "missing accumulation"),
    ];
}

/// `y = tanh(x Wᵀ + h Uᵀ + b)` as one op with a handwritten gradient.
#[derive(Debug)]
struct TanhCell(Fault);

impl TanhCell {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let [x, h, w, u, b] = [0, 1, 2, 3, 4].map(|i| x[i].float());
        let product = |a: &ArrayD<S>, w: &ArrayD<S>| {
            let matrix = |m: &ArrayD<S>| m.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
            S::matmul(matrix(a).view(), matrix(w).t())
        };
        let mut y = product(x, w) + product(h, u);
        for mut row in y.axis_iter_mut(Axis(0)) {
            row.iter_mut().zip(b).for_each(|(y, &b)| *y = (*y + b).tanh());
        }
        y.into()
    }
}

impl Operator for TanhCell {
    kernels!();
    fn name(&self) -> &'static str {
        "tanh-cell"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[1].clone())
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let g = y.builder();
        let dz = dy * (1.0 - y * y);
        let transposed = |a: Expr<'g>| a.transpose(&[1, 0]);
        let adjoint = match (i, self.0) {
            (0, _) => dz.matmul(x[2]),
            (1, Fault::Sign) => -dz.matmul(x[3]),
            (1, Fault::Transposed) => dz.matmul(transposed(x[3])),
            (1, _) => dz.matmul(x[3]),
            (2, _) => transposed(dz).matmul(x[0]),
            (3, fault) => {
                let exact = transposed(dz).matmul(x[1]);
                match fault {
                    Fault::Scale => exact * 1.001,
                    Fault::OneElement => exact * g.constant(element(&x[3].shape())),
                    _ => exact,
                }
            }
            (_, Fault::MissingAccumulation) => dz.at(0, 0),
            _ => dz.sum_over([0]),
        };
        adjoint.into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let float = |s: &mut Sampler, shape: &[usize]| s.float(shape, Domain::reals(-1.0, 1.0));
        let shapes: [&[usize]; 5] = [&[2, 3], &[2, 4], &[4, 3], &[4, 4], &[4]];
        Sample::new(Self(Fault::None), shapes.map(|shape| float(s, shape)))
    }
}

/// Ones, with 1.01 at one position.
fn element(shape: &[usize]) -> ArrayD<f64> {
    let mut wrong = ArrayD::ones(shape);
    let count = wrong.len();
    wrong.iter_mut().skip(count / 2 + 1).take(1).for_each(|x| *x = 1.01);
    wrong
}

/// A function of one array whose gradient is multiplied by a factor.
#[derive(Debug)]
struct Simple {
    kind: Kind,
    factor: ArrayD<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Relu,
    Sigmoid,
    Sin,
}

impl Simple {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        match self.kind {
            Kind::Relu => x[0].map(|x| if x > S::zero() { x } else { S::zero() }),
            Kind::Sigmoid => x[0].map(|x| S::one() / (S::one() + (-x).exp())),
            Kind::Sin => x[0].map(Scalar::sin),
        }
    }
}

impl Operator for Simple {
    kernels!();
    fn name(&self) -> &'static str {
        "simple"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let slope = match self.kind {
            Kind::Relu => x[0].greater(0.0).select(1.0, 0.0),
            Kind::Sigmoid => y * (1.0 - y),
            Kind::Sin => x[0].cos(),
        };
        (dy * slope * y.builder().constant(self.factor.clone())).into()
    }
    fn branches(&self, x: &[&Value<f64>]) -> Vec<bool> {
        if let Kind::Relu = self.kind { x[0].float().iter().map(|&x| x > 0.0).collect() } else { Vec::new() }
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let factor = ArrayD::ones(vec![2]);
        Sample::new(Self { kind: Kind::Sin, factor }, [s.float([2], Domain::reals(-1.0, 1.0))])
    }
}

/// Two checks as rows of the table: of y in f64, and in f32 of a random sum over y.
fn both(
    rows: &mut Vec<serde_json::Value>,
    function: &str,
    fault: &str,
    y: Expr,
    point: Point<f64>,
) -> Result<(), Error> {
    rows.push(row(function, "float64", fault, || Check::new(y).at(point.clone()).run())?);
    rows.push(row(function, "float32", fault, || single(y, point.clone()))?);
    Ok(())
}

fn row(
    function: &str,
    dtype: &str,
    fault: &str,
    check: impl FnOnce() -> Result<Report, Error>,
) -> Result<serde_json::Value, Error> {
    let start = Instant::now();
    let report = check()?;
    let seconds = start.elapsed().as_secs_f64();
    let said = match (&report.guilty, report.worst()) {
        _ if report.verdict() < Verdict::Inconclusive => String::new(),
        (Some(guilty), _) => guilty.to_string().lines().next().unwrap_or_default().into(),
        (None, Some(t)) => format!("{} {} ratio {:.4}", t.verdict(), t.name, t.comparison.ratio()),
        (None, None) => report.verdict().to_string(),
    };
    Ok(json!({
        "checker": "ours", "function": function, "dtype": dtype, "fault": fault,
        "flagged": report.verdict() == Verdict::Fail, "seconds": format!("{seconds:.4}"), "said": said,
    }))
}

/// A function and a gradient without a graph, in single precision.
#[allow(clippy::cast_possible_truncation)] // that is the point
fn single(y: Expr, point: Point<f64>) -> Result<Report, Error> {
    let g = y.builder();
    let weights = g.input("weights", y.shape());
    let loss = (y * weights).sum();
    let point = random_point(&*g.graph()?, point, &[loss.id()], 0)?.cast::<f32>();
    let real = |id: &autograd::NodeId| matches!(point.get(*id), Some(Value::Float(_)));
    let graph = g.graph()?;
    let ids = graph.parameters().chain(graph.inputs()).filter(|id| *id != weights.id());
    let leaves: Vec<Expr> = ids.filter(real).map(|id| g.expr(id)).collect();
    let gradients = grad(loss, &leaves);
    let graph = g.graph()?;
    let double = |values: Vec<Value<f32>>| {
        values.into_iter().map(|v| v.into_float().mapv(f64::from)).collect::<Vec<_>>()
    };
    let (at, claimed) = (double(eval(&graph, &point, &leaves)?), double(eval(&graph, &point, &gradients)?));
    let f = |x: &[ArrayD<f64>]| {
        let mut point = point.clone();
        leaves.iter().zip(x).for_each(|(&leaf, x)| point.set(leaf, x.mapv(|x| x as f32)));
        let value = eval(&graph, &point, &[loss]).ok().and_then(|v| v[0].scalar());
        value.map_or(f64::NAN, f64::from)
    };
    let names = leaves.iter().map(|leaf| leaf.name());
    FnCheck::new(&at, &claimed).names(names).precision(f32::EPSILON.into()).run(f)
}

fn cells(rows: &mut Vec<serde_json::Value>) -> Result<(), Error> {
    for (hidden, steps) in [(4, 5), (4, 10), (32, 5), (32, 10)] {
        for (fault, name) in Fault::ALL {
            let g = Builder::new();
            let x = g.input("x", [steps, 2, 3]);
            let (w, u) = (g.parameter("W", [hidden, 3]), g.parameter("U", [hidden, hidden]));
            let (mut h, b) = (g.input("h", [2, hidden]), g.parameter("b", [hidden]));
            for t in 0..steps {
                h = g.custom(TanhCell(fault), &[x.at(0, t), h, w, u, b]);
            }
            both(rows, &format!("tanh cell {hidden} × {steps}"), name, h, Point::new())?;
        }
    }
    Ok(())
}

fn simple(rows: &mut Vec<serde_json::Value>) -> Result<(), Error> {
    let spread = |n: usize, low: f64, high: f64| {
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        (0..n).map(|i| low + (high - low) * (i as f64 * golden).fract()).collect::<Vec<f64>>()
    };
    let mut kinks = spread(20, -1.0, 1.0);
    (kinks[7], kinks[15]) = (0.0, 0.0);
    let saturated: Vec<f64> = spread(20, -1.0, 1.0).into_iter().map(|x| x + 12f64.copysign(x)).collect();
    let large = spread(10_000, -1.0, 1.0);
    let all = |x: &[f64], factor| ArrayD::from_elem(vec![x.len()], factor);
    let cases = [
        ("relu at kinks", Kind::Relu, &kinks, "none", all(&kinks, 1.0)),
        ("relu at kinks", Kind::Relu, &kinks, "sign", all(&kinks, -1.0)),
        ("saturated sigmoid", Kind::Sigmoid, &saturated, "none", all(&saturated, 1.0)),
        ("saturated sigmoid", Kind::Sigmoid, &saturated, "sign", all(&saturated, -1.0)),
        ("saturated sigmoid", Kind::Sigmoid, &saturated, "scale 1.001", all(&saturated, 1.001)),
        ("sum of 10,000 sines", Kind::Sin, &large, "none", all(&large, 1.0)),
        ("sum of 10,000 sines", Kind::Sin, &large, "one element 1 %", element(&[large.len()])),
    ];
    for (function, kind, x, fault, factor) in cases {
        let g = Builder::new();
        let leaf = g.input("x", [x.len()]);
        let y = leaf.custom(Simple { kind, factor });
        let y = if let Kind::Sin = kind { y.sum() } else { y };
        let point = Point::new().with(leaf, ndarray::Array1::from(x.clone()));
        both(rows, function, fault, y, point)?;
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let mut rows = Vec::new();
    cells(&mut rows)?;
    simple(&mut rows)?;
    println!("{}", serde_json::Value::from(rows));
    Ok(())
}
