//! Each op in StableHLO operations.

use super::element::{Element, tensor};
use super::writer::{Val, Writer};
use autograd::Shape;
use autograd::ops::{self, Op, Relation};

/// Writes an op. `shape` is the shape of its result: on one of several devices, of its shard.
///
/// `None` for a custom op, and for a leaf, which is not computed.
#[allow(clippy::too_many_lines)] // a table: an arm for each op
pub(crate) fn write(w: &mut Writer, op: &Op, shape: &Shape, x: &[Val]) -> Option<Val> {
    Some(match op {
        Op::Leaf(_) | Op::Custom(_) => return None,

        Op::Neg(_) => w.unary("negate", &x[0]),
        Op::Exp(_) => w.unary("exponential", &x[0]),
        Op::Ln(_) => w.unary("log", &x[0]),
        Op::Sqrt(_) => w.unary("sqrt", &x[0]),
        Op::Tanh(_) => w.unary("tanh", &x[0]),
        Op::Sigmoid(_) => w.unary("logistic", &x[0]),
        Op::Abs(_) => w.unary("abs", &x[0]),
        Op::Sin(_) => w.unary("sine", &x[0]),
        Op::Cos(_) => w.unary("cosine", &x[0]),
        Op::Log1p(_) => w.unary("log_plus_one", &x[0]),
        Op::Expm1(_) => w.unary("exponential_minus_one", &x[0]),
        Op::Tan(_) => {
            let (sine, cosine) = (w.unary("sine", &x[0]), w.unary("cosine", &x[0]));
            w.binary("divide", &sine, &cosine)
        }
        Op::Atan(_) => {
            let one = w.number(1.0);
            w.binary("atan2", &x[0], &one)
        }
        // From e^x − 1, which keeps its precision near 0.
        Op::Sinh(_) => {
            let [there, back] = both_ways(w, "exponential_minus_one", &x[0]);
            let (double, half) = (w.binary("subtract", &there, &back), w.number(0.5));
            w.binary("multiply", &double, &half)
        }
        Op::Cosh(_) => {
            let [there, back] = both_ways(w, "exponential", &x[0]);
            let (double, half) = (w.binary("add", &there, &back), w.number(0.5));
            w.binary("multiply", &double, &half)
        }
        Op::Erf(_) => super::erf::erf(w, &x[0]),
        // The adjoint already stops in the graph: nothing differentiates it again.
        Op::StopGradient(_) => x[0].clone(),
        Op::Relu(_) => {
            let zero = w.number(0.0);
            w.binary("maximum", &x[0], &zero)
        }
        Op::Softplus(_) => softplus(w, &x[0]),
        Op::Reciprocal(_) => {
            let one = w.number(1.0);
            w.binary("divide", &one, &x[0])
        }
        Op::Powi(op) => power(w, &x[0], op.0),

        Op::Add(_) => w.sum(x),
        Op::Sub(_) => w.binary("subtract", &x[0], &x[1]),
        Op::Mul(_) => w.binary("multiply", &x[0], &x[1]),
        Op::Div(_) => w.binary("divide", &x[0], &x[1]),
        Op::Max(_) => w.binary("maximum", &x[0], &x[1]),
        Op::Min(_) => w.binary("minimum", &x[0], &x[1]),
        Op::Modulo(_) => {
            // StableHLO's remainder has the sign of the dividend.
            let quotient = w.binary("divide", &x[0], &x[1]);
            let whole = w.unary("floor", &quotient);
            let product = w.binary("multiply", &x[1], &whole);
            w.binary("subtract", &x[0], &product)
        }

        Op::Compare(op) => w.compare(relation(op.0), &x[0], &x[1]),
        Op::Select(_) => w.select(&x[0], &x[1], &x[2]),
        Op::MatMul(op) => product(w, *op, &x[0], &x[1]),

        Op::ReduceSum(op) => w.reduce("add", &x[0], &op.0.iter().collect::<Vec<_>>(), 0.0),
        Op::ReduceMax(op) => w.reduce("maximum", &x[0], &op.0.iter().collect::<Vec<_>>(), f64::NEG_INFINITY),
        Op::ReduceMean(op) => {
            let axes: Vec<usize> = op.0.iter().collect();
            let sum = w.reduce("add", &x[0], &axes, 0.0);
            let count: usize = axes.iter().map(|&axis| x[0].shape[axis]).product();
            let share = w.number(1.0 / count as f64);
            w.binary("multiply", &sum, &share)
        }
        Op::LogSumExp(op) => {
            let row = Row::of(w, &x[0], op.axis);
            let rest = w.unary("log", &row.total);
            let sum = w.binary("add", &row.top, &rest);
            // If all elements are −∞, or one is +∞, the maximum is the result.
            let finite = w.put(
                &format!("stablehlo.is_finite {} : ({}) -> {}", row.top.name, row.top.ty(), {
                    tensor(&row.top.shape, Element::Bool)
                }),
                &row.top.shape,
                Element::Bool,
            );
            w.select(&finite, &sum, &row.top)
        }
        Op::Softmax(op) => {
            let row = Row::of(w, &x[0], op.axis);
            let total = row.spread(w, &row.total, op.axis);
            w.binary("divide", &row.exponentials, &total)
        }
        Op::LogSoftmax(op) => {
            let row = Row::of(w, &x[0], op.axis);
            let rest = w.unary("log", &row.total);
            let rest = row.spread(w, &rest, op.axis);
            w.binary("subtract", &row.centred, &rest)
        }

        Op::Broadcast(_) => w.spread(&x[0], shape),
        Op::Reshape(_) => w.reshape(&x[0], shape),
        Op::Transpose(op) => w.transpose(&x[0], &op.order),
        Op::Slice(op) => w.slice(&x[0], op.axis, op.start, op.end, 1),
        Op::At(op) => {
            let place = w.slice(&x[0], op.axis, op.place, op.place + 1, 1);
            w.reshape(&place, shape)
        }
        Op::Pad(op) => pad(w, *op, &x[0], shape),
        Op::Concat(op) => w.concatenate(x, op.axis),
        Op::Stack(op) => {
            let places: Vec<Val> = x.iter().map(|x| w.reshape(x, &x.shape.with_axis(op.axis, 1))).collect();
            w.concatenate(&places, op.axis)
        }

        Op::Gather(_) => gather(w, &x[0], &x[1], shape),
        Op::ScatterAdd(_) => scatter_add(w, &x[0], &x[1], shape),
        Op::OneHot(op) => {
            let index = &x[0];
            let full = index.shape.with_axis(index.shape.len(), op.classes);
            let axes: Vec<usize> = (0..index.shape.len()).collect();
            let index = w.broadcast_in_dim(index, &axes, &full);
            let classes = w.iota(&full, axes.len(), index.element);
            let hot = w.compare("EQ", &index, &classes);
            w.convert(&hot, w.real)
        }
        Op::DropoutMask(op) => super::dropout::mask(w, op, shape, &x[0], None),
    })
}

fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Less => "LT",
        Relation::LessEqual => "LE",
        Relation::Equal => "EQ",
        Relation::Greater => "GT",
        Relation::GreaterEqual => "GE",
        Relation::NotEqual => "NE",
    }
}

/// f(x) and f(−x)
fn both_ways(w: &mut Writer, function: &str, x: &Val) -> [Val; 2] {
    let opposite = w.unary("negate", x);
    [w.unary(function, x), w.unary(function, &opposite)]
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)`
fn softplus(w: &mut Writer, x: &Val) -> Val {
    let size = w.unary("abs", x);
    let opposite = w.unary("negate", &size);
    let small = w.unary("exponential", &opposite);
    let rest = w.unary("log_plus_one", &small);
    let zero = w.number(0.0);
    let positive = w.binary("maximum", x, &zero);
    w.binary("add", &positive, &rest)
}

/// `xⁿ` by squaring: exact where `power` with a real exponent is not.
fn power(w: &mut Writer, x: &Val, n: i32) -> Val {
    let one = w.number(1.0);
    let (mut rest, mut square, mut product) = (n.unsigned_abs(), x.clone(), None);
    while rest > 0 {
        if rest % 2 == 1 {
            product = Some(match product {
                None => square.clone(),
                Some(product) => w.binary("multiply", &product, &square),
            });
        }
        rest /= 2;
        if rest > 0 {
            square = w.binary("multiply", &square, &square);
        }
    }
    match product {
        None => w.spread(&one, &x.shape),
        Some(product) if n < 0 => w.binary("divide", &one, &product),
        Some(product) => product,
    }
}

/// The matrix product. The contracted axes express transposition.
///
/// The precision is the highest: otherwise f32 is multiplied as bf16 on TPUs and as TF32 on GPUs.
fn product(w: &mut Writer, op: ops::MatMul, a: &Val, b: &Val) -> Val {
    let split = |x: &Val| {
        let (lead, matrix) = x.shape.split_at(x.shape.len() - 2);
        (Shape::from(lead), [matrix[0], matrix[1]])
    };
    let ((lead_a, size_a), (lead_b, size_b)) = (split(a), split(b));
    let lead = lead_a.broadcast(&lead_b).expect("the shape rule has checked it");
    let full = |size: [usize; 2]| lead.iter().copied().chain(size).collect::<Shape>();
    let (a, b) = (w.spread(a, &full(size_a)), w.spread(b, &full(size_b)));
    let n = lead.len();
    let (inner_a, inner_b) = (n + usize::from(!op.a_transposed), n + usize::from(op.b_transposed));
    let outer = [size_a[usize::from(op.a_transposed)], size_b[usize::from(!op.b_transposed)]];
    let stack: Vec<usize> = (0..n).collect();
    let batching = if n == 0 { String::new() } else { format!("batching_dims = {stack:?} x {stack:?}, ") };
    let shape = full(outer);
    let text = format!(
        "stablehlo.dot_general {}, {}, {batching}contracting_dims = [{inner_a}] x [{inner_b}], \
         precision = [HIGHEST, HIGHEST] : ({}, {}) -> {}",
        a.name,
        b.name,
        a.ty(),
        b.ty(),
        tensor(&shape, a.element)
    );
    w.put(&text, &shape, a.element)
}

/// The common part of softmax and related ops.
struct Row {
    /// The maximum m of each row.
    top: Val,
    /// x − m
    centred: Val,
    /// eˣ⁻ᵐ
    exponentials: Val,
    /// Σ eˣ⁻ᵐ
    total: Val,
}

impl Row {
    fn of(w: &mut Writer, x: &Val, axis: usize) -> Self {
        let top = w.reduce("maximum", x, &[axis], f64::NEG_INFINITY);
        let axes: Vec<usize> = (0..x.shape.len()).filter(|&i| i != axis).collect();
        let spread = w.broadcast_in_dim(&top, &axes, &x.shape);
        let centred = w.binary("subtract", x, &spread);
        let exponentials = w.unary("exponential", &centred);
        let total = w.reduce("add", &exponentials, &[axis], 0.0);
        Self { top, centred, exponentials, total }
    }

    fn spread(&self, w: &mut Writer, x: &Val, axis: usize) -> Val {
        let shape = &self.centred.shape;
        let axes: Vec<usize> = (0..shape.len()).filter(|&i| i != axis).collect();
        w.broadcast_in_dim(x, &axes, shape)
    }
}

fn pad(w: &mut Writer, op: ops::Pad, x: &Val, shape: &Shape) -> Val {
    let zero = w.number(0.0);
    let at = |n: usize| (0..shape.len()).map(|i| if i == op.axis { n } else { 0 }).collect::<Vec<_>>();
    let text = format!(
        "stablehlo.pad {}, {}, low = {:?}, high = {:?}, interior = {:?} : ({}, {}) -> {}",
        x.name,
        zero.name,
        at(op.before),
        at(op.after),
        at(0),
        x.ty(),
        zero.ty(),
        tensor(shape, x.element)
    );
    w.put(&text, shape, x.element)
}

fn gather(w: &mut Writer, table: &Val, index: &Val, shape: &Shape) -> Val {
    let n = index.shape.len();
    let row: Vec<usize> = (n..shape.len()).collect();
    let sizes: Vec<String> =
        std::iter::once(1).chain(table.shape[1..].iter().copied()).map(|n| n.to_string()).collect();
    let text = format!(
        "\"stablehlo.gather\"({}, {}) <{{dimension_numbers = #stablehlo.gather<offset_dims = {row:?}, \
         collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = {n}>, \
         slice_sizes = array<i64: {}>, indices_are_sorted = false}}> : ({}, {}) -> {}",
        table.name,
        index.name,
        sizes.join(", "),
        table.ty(),
        index.ty(),
        tensor(shape, table.element)
    );
    w.put(&text, shape, table.element)
}

fn scatter_add(w: &mut Writer, x: &Val, index: &Val, shape: &Shape) -> Val {
    let n = index.shape.len();
    let row: Vec<usize> = (n..x.shape.len()).collect();
    let zeros = w.zeros(shape, x.element);
    let (name, scalar) = (w.fresh(), tensor(&[], x.element));
    w.line(&format!(
        "{name} = \"stablehlo.scatter\"({}, {}, {}) <{{scatter_dimension_numbers = #stablehlo.scatter<\
         update_window_dims = {row:?}, inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], \
         index_vector_dim = {n}>, indices_are_sorted = false, unique_indices = false}}> ({{",
        zeros.name, index.name, x.name
    ));
    addition(w, &scalar);
    w.located(&format!("}}) : ({}, {}, {}) -> {}", zeros.ty(), index.ty(), x.ty(), zeros.ty()));
    Val { name, ..zeros }
}

/// The region that adds two numbers.
pub(crate) fn addition(w: &mut Writer, scalar: &str) {
    w.line(&format!("^bb0(%a: {scalar}, %b: {scalar}):"));
    w.line(&format!("  %s = stablehlo.add %a, %b : {scalar}"));
    w.line(&format!("  stablehlo.return %s : {scalar}"));
}
