//! Each op in ONNX operators, operator set version 21.

use super::proto::DataType;
use super::writer::{Value, Writer, signed};
use crate::stablehlo::erf::{P, Q, T, U};
use autograd::ops::{Op, Relation};
use autograd::{Shape, Type};

/// A written array.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub name: String,
    pub shape: Shape,
}

/// Writes an op; `None` for a leaf and for a custom op.
#[allow(clippy::too_many_lines)] // a table: an arm for each op
pub(crate) fn write(w: &mut Writer, op: &Op, ty: &Type, x: &[Val]) -> Option<String> {
    let names: Vec<&str> = x.iter().map(|x| &*x.name).collect();
    let axis = |axis: usize| ("axis", int(axis));
    Some(match op {
        Op::Leaf(_) | Op::Custom(_) => return None,

        Op::Neg(_) => w.node("Neg", &names, &[]),
        Op::Exp(_) => w.node("Exp", &names, &[]),
        Op::Ln(_) => w.node("Log", &names, &[]),
        Op::Sqrt(_) => w.node("Sqrt", &names, &[]),
        Op::Tanh(_) => w.node("Tanh", &names, &[]),
        Op::Sigmoid(_) => w.node("Sigmoid", &names, &[]),
        Op::Relu(_) => w.node("Relu", &names, &[]),
        Op::Abs(_) => w.node("Abs", &names, &[]),
        Op::Sin(_) => w.node("Sin", &names, &[]),
        Op::Cos(_) => w.node("Cos", &names, &[]),
        // onnxruntime supports none of these in double precision.
        Op::Erf(_) => error_function(w, names[0]),
        Op::Atan(_) => arctangent(w, names[0]),
        Op::Tan(_) => {
            let (sine, cosine) = (w.node("Sin", &names, &[]), w.node("Cos", &names, &[]));
            w.node("Div", &[&sine, &cosine], &[])
        }
        Op::Sinh(_) => half_of_both_ways(w, "Sub", names[0], expm1),
        Op::Cosh(_) => half_of_both_ways(w, "Add", names[0], |w, x| w.node("Exp", &[x], &[])),
        Op::Log1p(_) => log1p(w, names[0]),
        Op::Expm1(_) => expm1(w, names[0]),
        Op::Reciprocal(_) => w.node("Reciprocal", &names, &[]),
        Op::Softplus(_) => softplus(w, names[0]),
        Op::Powi(op) => power(w, &x[0], op.0),

        Op::Add(_) => match names.len() {
            1 => w.node("Identity", &names, &[]),
            2 => w.node("Add", &names, &[]),
            _ => w.node("Sum", &names, &[]),
        },
        Op::Sub(_) => w.node("Sub", &names, &[]),
        Op::Mul(_) => w.node("Mul", &names, &[]),
        Op::Div(_) => w.node("Div", &names, &[]),
        Op::Max(_) => w.node("Max", &names, &[]),
        Op::Min(_) => w.node("Min", &names, &[]),
        Op::Modulo(_) => {
            // ONNX's Mod of real numbers has the sign of the dividend.
            let quotient = w.node("Div", &names, &[]);
            let whole = w.node("Floor", &[&quotient], &[]);
            let product = w.node("Mul", &[names[1], &whole], &[]);
            w.node("Sub", &[names[0], &product], &[])
        }

        Op::Compare(op) => match op.0 {
            Relation::Less => w.node("Less", &names, &[]),
            Relation::LessEqual => w.node("LessOrEqual", &names, &[]),
            Relation::Equal => w.node("Equal", &names, &[]),
            Relation::Greater => w.node("Greater", &names, &[]),
            Relation::GreaterEqual => w.node("GreaterOrEqual", &names, &[]),
            Relation::NotEqual => {
                let equal = w.node("Equal", &names, &[]);
                w.node("Not", &[&equal], &[])
            }
        },
        Op::Select(_) => w.node("Where", &names, &[]),
        Op::MatMul(op) => product(w, [op.a_transposed, op.b_transposed], x),

        Op::ReduceSum(op) => reduce(w, "ReduceSum", names[0], &op.0.iter().collect::<Vec<_>>()),
        Op::ReduceMean(op) => reduce(w, "ReduceMean", names[0], &op.0.iter().collect::<Vec<_>>()),
        Op::ReduceMax(op) => reduce(w, "ReduceMax", names[0], &op.0.iter().collect::<Vec<_>>()),
        Op::LogSumExp(op) => reduce(w, "ReduceLogSumExp", names[0], &[op.axis]),
        Op::Softmax(op) => w.node("Softmax", &names, &[axis(op.axis)]),
        Op::LogSoftmax(op) => w.node("LogSoftmax", &names, &[axis(op.axis)]),

        Op::Broadcast(_) => {
            let shape = w.sizes(&ty.shape);
            w.node("Expand", &[names[0], &shape], &[])
        }
        Op::Reshape(_) => {
            let shape = w.sizes(&ty.shape);
            // Otherwise a size of 0 means "unchanged".
            w.node("Reshape", &[names[0], &shape], &[("allowzero", Value::Int(1))])
        }
        Op::Transpose(op) if op.order.len() > 1 => {
            w.node("Transpose", &names, &[("perm", Value::Ints(signed(&op.order)))])
        }
        Op::StopGradient(_) | Op::Transpose(_) => w.node("Identity", &names, &[]),
        Op::Slice(op) => {
            let [start, end, axis] = [op.start, op.end, op.axis].map(|n| w.sizes(&[n]));
            w.node("Slice", &[names[0], &start, &end, &axis], &[])
        }
        Op::At(op) => {
            // A scalar index removes the axis.
            let place = w.integers(signed(&[op.place]), &[]);
            w.node("Gather", &[names[0], &place], &[axis(op.axis)])
        }
        Op::Pad(op) => {
            let (pads, of) = (w.sizes(&[op.before, op.after]), w.sizes(&[op.axis]));
            w.node("Pad", &[names[0], &pads, "", &of], &[])
        }
        Op::Concat(op) => w.node("Concat", &names, &[axis(op.axis)]),
        Op::Stack(op) => {
            let of = w.sizes(&[op.axis]);
            let places: Vec<String> = names.iter().map(|x| w.node("Unsqueeze", &[x, &of], &[])).collect();
            w.node("Concat", &places.iter().map(|p| &**p).collect::<Vec<_>>(), &[axis(op.axis)])
        }

        Op::Gather(_) => w.node("Gather", &names, &[axis(0)]),
        Op::ScatterAdd(_) => {
            let (zero, shape, last) = (w.number(0.0), w.sizes(&ty.shape), w.sizes(&[x[1].shape.len()]));
            let zeros = w.node("Expand", &[&zero, &shape], &[]);
            let rows = w.node("Unsqueeze", &[names[1], &last], &[]);
            w.node("ScatterND", &[&zeros, &rows, names[0]], &[("reduction", Value::Text("add"))])
        }
        Op::OneHot(op) => {
            // onnxruntime's OneHot supports neither double precision nor scalars.
            let last = w.sizes(&[x[0].shape.len()]);
            let index = w.node("Unsqueeze", &[names[0], &last], &[]);
            let classes: Vec<usize> = (0..op.classes).collect();
            let classes = w.sizes(&classes);
            let hot = w.node("Equal", &[&index, &classes], &[]);
            cast(w, &hot, w.real)
        }
        Op::DropoutMask(op) => super::dropout::mask(w, op, names[0]),
    })
}

fn int(n: usize) -> Value<'static> {
    Value::Int(signed(&[n])[0])
}

pub(crate) fn cast(w: &mut Writer, x: &str, to: DataType) -> String {
    w.node("Cast", &[x], &[("to", Value::Int(i64::from(i32::from(to))))])
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)`: onnxruntime has no Softplus in double precision.
fn softplus(w: &mut Writer, x: &str) -> String {
    if w.real == DataType::Float {
        return w.node("Softplus", &[x], &[]);
    }
    let positive = w.node("Relu", &[x], &[]);
    let size = w.node("Abs", &[x], &[]);
    let opposite = w.node("Neg", &[&size], &[]);
    let small = w.node("Exp", &[&opposite], &[]);
    let rest = log1p(w, &small);
    w.node("Add", &[&positive, &rest], &[])
}

/// `ln(1 + x) = x · ln u / (u − 1)` with the rounded `u = 1 + x`, and `x` where `u` is 1 (Goldberg 1991, theorem 4).
/// Where `u` is `x`, the 1 is negligible, also at infinity.
fn log1p(w: &mut Writer, x: &str) -> String {
    let one = w.number(1.0);
    let sum = w.node("Add", &[&one, x], &[]);
    let log = w.node("Log", &[&sum], &[]);
    let rounded = w.node("Sub", &[&sum, &one], &[]);
    let ratio = w.node("Div", &[&log, &rounded], &[]);
    let far = w.node("Mul", &[x, &ratio], &[]);
    let is_one = w.node("Equal", &[&sum, &one], &[]);
    let near = w.node("Where", &[&is_one, x, &far], &[]);
    let is_large = w.node("Equal", &[&sum, x], &[]);
    w.node("Where", &[&is_large, &log, &near], &[])
}

/// `eˣ − 1 = tanh(x / 2) · (eˣ + 1)`, which keeps its precision near 0.
fn expm1(w: &mut Writer, x: &str) -> String {
    let (one, half) = (w.number(1.0), w.number(0.5));
    let half = w.node("Mul", &[x, &half], &[]);
    let tanh = w.node("Tanh", &[&half], &[]);
    let power = w.node("Exp", &[x], &[]);
    let sum = w.node("Add", &[&power, &one], &[]);
    w.node("Mul", &[&tanh, &sum], &[])
}

/// `½ (f(x) ± f(−x))`: the hyperbolic cosine from `eˣ`, the sine from `eˣ − 1`, which keeps its precision near 0.
fn half_of_both_ways(w: &mut Writer, joined: &str, x: &str, f: fn(&mut Writer, &str) -> String) -> String {
    let opposite = w.node("Neg", &[x], &[]);
    let (there, back) = (f(w, x), f(w, &opposite));
    let (double, half) = (w.node(joined, &[&there, &back], &[]), w.number(0.5));
    w.node("Mul", &[&double, &half], &[])
}

/// `arctan x`: onnxruntime supports it in single precision alone, `y`; `arctan x − y ≈ tan(arctan x − y) = (x cos y −
/// sin y) / (cos y + x sin y)` refines it to double precision. Beyond 10³⁰ the result is constant.
fn arctangent(w: &mut Writer, x: &str) -> String {
    if w.real == DataType::Float {
        return w.node("Atan", &[x], &[]);
    }
    let (least, most) = (w.number(-1e30), w.number(1e30));
    let x = w.node("Max", &[x, &least], &[]);
    let x = &*w.node("Min", &[&x, &most], &[]);
    let near = cast(w, x, DataType::Float);
    let near = w.node("Atan", &[&near], &[]);
    let y = cast(w, &near, w.real);
    let (sine, cosine) = (w.node("Sin", &[&y], &[]), w.node("Cos", &[&y], &[]));
    let product = w.node("Mul", &[x, &cosine], &[]);
    let rest = w.node("Sub", &[&product, &sine], &[]);
    let product = w.node("Mul", &[x, &sine], &[]);
    let sum = w.node("Add", &[&cosine, &product], &[]);
    let step = w.node("Div", &[&rest, &sum], &[]);
    w.node("Add", &[&y, &step], &[])
}

/// `erf x`: onnxruntime supports it in single precision alone.
fn error_function(w: &mut Writer, x: &str) -> String {
    if w.real == DataType::Float {
        return w.node("Erf", &[x], &[]);
    }
    let (one, end) = (w.number(1.0), w.number(8.0));
    let size = w.node("Abs", &[x], &[]);
    let inner = w.node("Min", &[&size, &one], &[]);
    let square = w.node("Mul", &[&inner, &inner], &[]);
    let ratio = quotient(w, &T, &U, &square);
    let near = w.node("Mul", &[x, &ratio], &[]);
    let outer = w.node("Max", &[&size, &one], &[]);
    let outer = w.node("Min", &[&outer, &end], &[]);
    let square = w.node("Mul", &[&outer, &outer], &[]);
    let opposite = w.node("Neg", &[&square], &[]);
    let power = w.node("Exp", &[&opposite], &[]);
    let ratio = quotient(w, &P, &Q, &outer);
    let rest = w.node("Mul", &[&power, &ratio], &[]);
    let far = w.node("Sub", &[&one, &rest], &[]);
    let sign = w.node("Sign", &[x], &[]);
    let far = w.node("Mul", &[&sign, &far], &[]);
    let is_near = w.node("Less", &[&size, &one], &[]);
    w.node("Where", &[&is_near, &near, &far], &[])
}

/// The quotient of two polynomials, highest power first.
fn quotient(w: &mut Writer, above: &[f64], below: &[f64], x: &str) -> String {
    let mut polynomial = |coefficients: &[f64]| {
        let first = w.number(coefficients[0]);
        coefficients[1..].iter().fold(first, |y, &c| {
            let (product, c) = (w.node("Mul", &[&y, x], &[]), w.number(c));
            w.node("Add", &[&product, &c], &[])
        })
    };
    let (above, below) = (polynomial(above), polynomial(below));
    w.node("Div", &[&above, &below], &[])
}

/// `xⁿ` by squaring.
fn power(w: &mut Writer, x: &Val, n: i32) -> String {
    let (mut rest, mut square, mut product) = (n.unsigned_abs(), x.name.clone(), None::<String>);
    while rest > 0 {
        if rest % 2 == 1 {
            product = Some(match product {
                None => square.clone(),
                Some(product) => w.node("Mul", &[&product, &square], &[]),
            });
        }
        rest /= 2;
        if rest > 0 {
            square = w.node("Mul", &[&square, &square], &[]);
        }
    }
    match product {
        None => {
            let (one, shape) = (w.number(1.0), w.sizes(&x.shape));
            w.node("Expand", &[&one, &shape], &[])
        }
        Some(product) if n < 0 => w.node("Reciprocal", &[&product], &[]),
        Some(product) => w.node("Identity", &[&product], &[]),
    }
}

fn reduce(w: &mut Writer, op: &str, x: &str, axes: &[usize]) -> String {
    if axes.is_empty() {
        return w.node("Identity", &[x], &[]); // in ONNX, no axes means all axes
    }
    let axes = w.sizes(axes);
    w.node(op, &[x, &axes], &[("keepdims", Value::Int(0))])
}

fn product(w: &mut Writer, transposed: [bool; 2], x: &[Val]) -> String {
    let rank = |x: &Val| x.shape.len();
    if transposed != [false, false] && rank(&x[0]) == 2 && rank(&x[1]) == 2 {
        let [a, b] = transposed.map(|t| Value::Int(i64::from(t)));
        return w.node("Gemm", &[&x[0].name, &x[1].name], &[("transA", a), ("transB", b)]);
    }
    let [a, b] = [0, 1].map(|i| {
        if !transposed[i] {
            return x[i].name.clone();
        }
        let mut order: Vec<usize> = (0..rank(&x[i])).collect();
        order.swap(rank(&x[i]) - 2, rank(&x[i]) - 1);
        w.node("Transpose", &[&x[i].name], &[("perm", Value::Ints(signed(&order)))])
    });
    w.node("MatMul", &[&a, &b], &[])
}
