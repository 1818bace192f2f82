//! ONNX output, for viewers and for runtimes in other languages and on other machines.
//!
//! A [`model`] has every node of a program in basic operators; values have the names of the graph, `∂l0/h[2]`.
//! Specification: <https://onnx.ai/onnx/operators/>, operator set version 21.

mod dropout;
mod layers;
mod ops;
pub mod proto;
mod writer;

pub use layers::layers;

use crate::program::{ExportError, Program, Real, Role};
use autograd::ops::{Leaf, Op};
use autograd::{Kind, Point, Value};
use ops::Val;
use prost::Message;
use proto::{DataType, Dimension, Graph, Model, OperatorSet, Shape, Size, TensorType, Type, ValueInfo};
use std::collections::HashMap;
use writer::{Writer, signed, tensor};

/// The version of the operator set.
const OPERATORS: i64 = 21;

/// The version of the file format that supports it.
const FORMAT: i64 = 10;

/// The program as the bytes of an ONNX file. Arguments with a value in `fixed` become constants; the others are
/// inputs.
///
/// # Errors
/// If a custom op is not in the library, or a value does not fit.
pub fn model(program: &Program, real: Real, fixed: &Point<f64>) -> Result<Vec<u8>, ExportError> {
    let float = element(Kind::Float, real);
    let mut w = Writer::new(float);
    let graph = &program.graph;
    let mut values: Vec<Option<Val>> = vec![None; graph.len()];
    let mut input = Vec::new();
    for argument in &program.arguments {
        let name = w.fresh(&argument.name);
        if let Some(value) = fixed.get(argument.id) {
            let error = |reason| ExportError::Value { name: argument.name.clone(), reason };
            value.fits(&argument.ty).map_err(error)?;
            let (bytes, of) = (bytes(value, real), element(argument.ty.kind, real));
            w.initializers.push(tensor(&name, bytes, &argument.ty.shape, of));
        } else {
            input.push(info(&name, &argument.ty, real));
        }
        values[argument.id.index()] = Some(Val { name, shape: argument.ty.shape.clone() });
    }
    for id in program.nodes() {
        if values[id.index()].is_some() {
            continue;
        }
        let node = graph.node(id)?;
        w.locate(graph.name(id)?);
        let operands: Vec<Val> = graph.operands(id)?.filter_map(|x| values[x.index()].clone()).collect();
        let name = match &node.op {
            Op::Leaf(Leaf::Constant(value)) => constant(&mut w, value),
            op => ops::write(&mut w, op, &node.ty, &operands).ok_or_else(|| ExportError::Custom {
                node: graph.name(id).unwrap_or_default(),
                op: op.name().into(),
            })?,
        };
        values[id.index()] = Some(Val { name, shape: node.ty.shape.clone() });
    }
    let mut output = Vec::new();
    for result in &program.results {
        let Some(value) = values[result.id.index()].clone() else { continue };
        // A result has its own name, even if it is an argument or another result.
        let name = w.fresh(&result.name);
        if let Role::Counted(_) = result.role {
            let one = w.unsigned([1], &[]);
            w.add("Add", &[&value.name, &one], &[&name], &[]);
        } else {
            w.add("Identity", &[&value.name], &[&name], &[]);
        }
        output.push(info(&name, &graph.node(result.id)?.ty, real));
    }
    let graph = Graph {
        node: w.nodes,
        name: program.name.clone(),
        initializer: w.initializers,
        doc_string: String::new(),
        input,
        output,
        value_info: Vec::new(),
    };
    Ok(file(graph))
}

/// The bytes of a file with a graph.
fn file(graph: Graph) -> Vec<u8> {
    let model = Model {
        ir_version: FORMAT,
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
        producer_name: "rnn".into(),
        graph: Some(graph),
    };
    model.encode_to_vec()
}

/// The element type of a kind.
fn element(kind: Kind, real: Real) -> DataType {
    match (kind, real) {
        (Kind::Float, Real::F32) => DataType::Float,
        (Kind::Float, Real::F64) => DataType::Double,
        // All but seeds are indices of Gather and ScatterND, which accept this type.
        (Kind::Index { below }, _) if below <= 1 << 62 => DataType::Int64,
        (Kind::Index { .. }, _) => DataType::Uint64,
        (Kind::Bool, _) => DataType::Bool,
    }
}

fn info(name: &str, ty: &autograd::Type, real: Real) -> ValueInfo {
    let dimension = |n| Dimension { value: Some(Size::Known(n)) };
    typed(name, element(ty.kind, real), signed(&ty.shape).into_iter().map(dimension).collect())
}

/// The name and the type of a value.
fn typed(name: &str, of: DataType, dim: Vec<Dimension>) -> ValueInfo {
    let mut tensor = TensorType { shape: Some(Shape { dim }), ..TensorType::default() };
    tensor.set_elem_type(of);
    ValueInfo { name: name.into(), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

#[allow(clippy::cast_possible_wrap)] // indices are below their bound
fn constant(w: &mut Writer, value: &Value<f64>) -> String {
    let shape = value.shape();
    match value {
        Value::Float(a) => w.reals(a.iter().copied(), &shape, w.real),
        Value::Index(a) => w.integers(a.iter().map(|&i| i as i64), &shape),
        Value::Bool(a) => w.truths(a.iter().copied(), &shape),
    }
}

#[allow(clippy::cast_possible_truncation)] // single precision is what was asked for
fn bytes(value: &Value<f64>, real: Real) -> Vec<u8> {
    match (value, real) {
        (Value::Float(a), Real::F32) => a.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        (Value::Float(a), Real::F64) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Value::Index(a), _) => a.iter().flat_map(|&i| (i as u64).to_le_bytes()).collect(),
        (Value::Bool(a), _) => a.iter().map(|&b| u8::from(b)).collect(),
    }
}

/// The NumPy element type of each input, for callers.
pub fn dtypes(program: &Program, real: Real) -> HashMap<String, &'static str> {
    let dtype = |kind| match element(kind, real) {
        DataType::Float => "float32",
        DataType::Double => "float64",
        DataType::Bool => "bool",
        DataType::Uint64 => "uint64",
        _ => "int64",
    };
    program.arguments.iter().map(|a| (a.name.clone(), dtype(a.ty.kind))).collect()
}
