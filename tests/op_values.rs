//! The value of every op against NumPy and SciPy (`data/op_values.py`), in double and in single precision.

use autograd::ops::{
    Add, At, Axes, Broadcast, Compare, Concat, Div, Gather, LogSoftmax, LogSumExp, MatMul, Max, Min, Modulo,
    Mul, OneHot, Op, Pad, Powi, ReduceMax, ReduceMean, ReduceSum, Relation, Reshape, Sampler, ScatterAdd,
    Select, Slice, Softmax, Stack, StopGradient, Sub, Transpose,
};
use autograd::{Builder, Expr, Scalar, Shape, Value, eval};
use ndarray::ArrayD;
use serde_json::Value as Json;

/// The largest error allowed, in units of ε |y|, or of ε times the sum of magnitudes. NumPy's functions have errors
/// of up to one such unit, and so have ours; rounding the result is half a unit more.
fn ulps(op: &str) -> f64 {
    match op {
        "sigmoid" | "softplus" | "tanh" => 4.0,
        // One per factor.
        "powi" => 8.0,
        "exp" | "ln" | "sin" | "cos" | "erf" | "tan" | "atan" | "log1p" | "expm1" | "sinh" | "cosh"
        | "logsumexp" | "softmax" | "log_softmax" => 3.0,
        // One rounding per operand, for at most six operands.
        "add" | "matmul" | "sum" | "mean" | "scatter_add" => 6.0,
        "modulo" | "sub" | "mul" | "div" | "sqrt" | "reciprocal" => 1.0,
        // The rest only moves and compares elements.
        _ => 0.0,
    }
}

fn list(json: &Json) -> Vec<usize> {
    json.as_array().unwrap().iter().map(whole).collect()
}

fn whole(json: &Json) -> usize {
    usize::try_from(json.as_u64().unwrap()).unwrap()
}

fn op(name: &str, attributes: &Json) -> Op {
    let n = |key: &str| whole(&attributes[key]);
    let axis = || n("axis");
    let axes = || Axes::new(list(&attributes["axes"]));
    let shape = || Shape::from(&list(&attributes["shape"])[..]);
    let flag = |key: &str| attributes[key].as_bool().unwrap();
    if let Some(function) = Op::functions().iter().find(|op| op.name() == name) {
        return function.clone();
    }
    match name {
        "powi" => Powi(i32::try_from(attributes["n"].as_i64().unwrap()).unwrap()).into(),
        "stop_gradient" => StopGradient.into(),
        "add" => Add.into(),
        "sub" => Sub.into(),
        "mul" => Mul.into(),
        "div" => Div.into(),
        "modulo" => Modulo.into(),
        "max" => Max.into(),
        "min" => Min.into(),
        "less" => Compare(Relation::Less).into(),
        "less_equal" => Compare(Relation::LessEqual).into(),
        "equal" => Compare(Relation::Equal).into(),
        "greater" => Compare(Relation::Greater).into(),
        "greater_equal" => Compare(Relation::GreaterEqual).into(),
        "not_equal" => Compare(Relation::NotEqual).into(),
        "select" => Select.into(),
        "matmul" => MatMul { a_transposed: flag("a_transposed"), b_transposed: flag("b_transposed") }.into(),
        "sum" => ReduceSum(axes()).into(),
        "mean" => ReduceMean(axes()).into(),
        "reduce_max" => ReduceMax(axes()).into(),
        "logsumexp" => LogSumExp { axis: axis() }.into(),
        "softmax" => Softmax { axis: axis() }.into(),
        "log_softmax" => LogSoftmax { axis: axis() }.into(),
        "broadcast" => Broadcast { shape: shape() }.into(),
        "reshape" => Reshape { shape: shape() }.into(),
        "transpose" => Transpose { order: list(&attributes["order"]).into() }.into(),
        "slice" => Slice { axis: axis(), start: n("start"), end: n("end") }.into(),
        "at" => At { axis: axis(), place: n("place") }.into(),
        "pad" => Pad { axis: axis(), before: n("before"), after: n("after") }.into(),
        "concat" => Concat { axis: axis() }.into(),
        "stack" => Stack { axis: axis() }.into(),
        "gather" => Gather.into(),
        "scatter_add" => ScatterAdd { rows: n("rows") }.into(),
        "one_hot" => OneHot { classes: n("classes") }.into(),
        other => panic!("the table has an op `{other}` that this test does not know"),
    }
}

fn array<T>(json: &Json, element: impl Fn(&Json) -> T) -> ArrayD<T> {
    let data = json["data"].as_array().unwrap().iter().map(element).collect();
    ArrayD::from_shape_vec(list(&json["shape"]), data).unwrap()
}

fn value(json: &Json) -> Value<f64> {
    match json["kind"].as_str().unwrap() {
        "float" => Value::Float(array(json, |x| x.as_f64().unwrap())),
        "index" => Value::Index(array(json, whole)),
        _ => Value::Bool(array(json, |x| x.as_bool().unwrap())),
    }
}

fn table() -> Vec<Json> {
    serde_json::from_str(include_str!("data/op_values.json")).unwrap()
}

/// Every line of the table in scalar type `S`, whose smallest normal number is `least`.
fn agrees<S: Scalar>(epsilon: f64, least: f64) {
    for (line, case) in table().iter().enumerate() {
        let name = case["op"].as_str().unwrap();
        let g = Builder::new();
        let operands: Vec<Expr> =
            case["operands"].as_array().unwrap().iter().map(|x| g.constant(value(x))).collect();
        let y = g.apply(op(name, &case["attributes"]), &operands);
        assert_eq!(y.ty().shape.to_vec(), list(&case["result"]["shape"]), "line {line}: {name}");
        let graph = g.graph().unwrap();
        let ours = eval::<S>(&graph, &autograd::Point::new(), &[y]).unwrap().remove(0);
        let Value::Float(ours) = ours else {
            assert_eq!(ours.cast(), value(&case["result"]), "line {line}: {name}");
            continue;
        };
        let theirs = value(&case["result"]).into_float();
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let size = case["size"].get(i).map_or(theirs.abs(), |size| size.as_f64().unwrap());
            let tolerance = ulps(name) * epsilon * size;
            let ours = ours.value();
            assert!(
                (ours - theirs).abs() <= tolerance.max(least),
                "line {line}: {name} {} element {i}: {ours:e}, and NumPy has {theirs:e}",
                case["attributes"]
            );
        }
    }
}

#[test]
fn in_double_precision() {
    agrees::<f64>(f64::EPSILON, f64::MIN_POSITIVE);
}

#[test]
fn in_single_precision() {
    agrees::<f32>(f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE));
}

/// An op of the crate missing from the table would be untested. Dropout has no counterpart in NumPy; its distribution
/// is tested in its own file.
#[test]
fn the_table_has_every_op() {
    let table = table();
    let known: Vec<_> = table.iter().map(|case| case["op"].as_str().unwrap()).collect();
    for sample in Op::samples(&mut Sampler::new(0)) {
        let name = sample.op.name();
        assert!(known.contains(&name) || name == "dropout_mask", "no values for `{name}`");
    }
}
