//! A trained net with one node per layer: for viewers such as Netron, and for runtimes with optimised layers.
//!
//! The nodes are `RNN`, `LSTM` and `GRU` (<https://onnx.ai/onnx/operators/onnx__LSTM.html>). Their numbers of steps
//! and of sequences are dynamic. Gates are in ONNX's order: i o f c, and z r h. onnxruntime supports these nodes in
//! single precision alone.

use super::proto::{DataType, Dimension, Graph, Size};
use super::writer::{Value, Writer};
use super::{file, typed};
use crate::program::ExportError;
use crate::recurrent::{Recurrent, reordered};
use ndarray::{Array1, Array2, ArrayD, Axis, concatenate, stack};
use rnn::Parameters;
use rnn::model::{Head, Input, Model, Start};

/// The forward pass of a model, from its input to its outputs. If `lengths`, the length of each sequence is an input.
///
/// Inputs are `x`, `[time, batch]` or `[time, batch, feature]`, and `lengths`, `[batch]`; the result is `outputs`,
/// `[time, batch, outputs]`, or `[batch, outputs]` if the head reads a sequence as a whole.
///
/// # Errors
/// If ONNX has no node for the model's cell, or a weight is missing.
pub fn layers(model: &Model, parameters: &Parameters, lengths: bool) -> Result<Vec<u8>, ExportError> {
    let recurrent = Recurrent::of(model, parameters)?;
    let mut net = Net { w: Writer::new(DataType::Float), model, parameters, lengths };
    let axis = |name: &str| Dimension { value: Some(Size::Named(name.into())) };
    let sizes = vec![axis("time"), axis("batch")];
    let mut input = vec![match model.input {
        Input::Reals { size } => {
            let feature = Dimension { value: Some(Size::Known(i64::try_from(size).unwrap_or(i64::MAX))) };
            typed("x", DataType::Float, [sizes, vec![feature]].concat())
        }
        _ => typed("x", DataType::Int64, sizes),
    }];
    net.w.fresh("x");
    if lengths {
        input.push(typed("lengths", DataType::Int32, vec![axis("batch")]));
        net.w.fresh("lengths");
    }
    let mut x = net.input()?;
    let mut last = String::new();
    let reads_all = model.head != Head::Last;
    for layer in 0..recurrent.layers() {
        let (y, y_h) = net.layer(&recurrent, layer, &x)?;
        last = y_h;
        // Unused outputs are omitted.
        if reads_all || layer + 1 < recurrent.layers() {
            x = net.side_by_side(&recurrent, layer, &y);
        }
    }
    net.head(&x, &last, 1 + usize::from(model.bidirectional))?;
    let each = model.head == Head::EachStep;
    let outputs = Dimension { value: Some(Size::Known(i64::try_from(model.outputs).unwrap_or(i64::MAX))) };
    let dims = if each { vec![axis("time"), axis("batch"), outputs] } else { vec![axis("batch"), outputs] };
    let graph = Graph {
        node: net.w.nodes,
        name: "forward".into(),
        initializer: net.w.initializers,
        doc_string: String::new(),
        input,
        output: vec![typed("outputs", DataType::Float, dims)],
        value_info: Vec::new(),
    };
    Ok(file(graph))
}

struct Net<'a> {
    w: Writer,
    model: &'a Model,
    parameters: &'a Parameters,
    lengths: bool,
}

impl Net<'_> {
    /// A parameter of the model.
    fn parameter(&mut self, name: &str) -> Result<String, ExportError> {
        let missing = || ExportError::Value { name: name.into(), reason: "it is missing".into() };
        let array = self.parameters.get(name).ok_or_else(missing)?.clone();
        Ok(self.weight(name, &array))
    }

    fn weight(&mut self, name: &str, array: &ArrayD<f32>) -> String {
        self.w.weight(name, array)
    }

    /// The input of the first layer, `[time, batch, feature]`.
    fn input(&mut self) -> Result<String, ExportError> {
        match self.model.input {
            Input::Reals { .. } => Ok("x".into()),
            Input::Embedding { .. } => {
                let table = self.parameter("embedding.weight")?;
                self.w.locate("embedded".into());
                Ok(self.w.node("Gather", &[&table, "x"], &[("axis", Value::Int(0))]))
            }
            Input::OneHot { symbols } => {
                let symbols = self.w.integers([i64::try_from(symbols).unwrap_or(i64::MAX)], &[]);
                let values = self.w.reals([0.0, 1.0], &[2], DataType::Float);
                self.w.locate("one-hot".into());
                Ok(self.w.node("OneHot", &["x", &symbols, &values], &[("axis", Value::Int(-1))]))
            }
        }
    }

    /// A layer: its outputs `[time, directions, batch, hidden]`, and its final states `[directions, batch, hidden]`.
    fn layer(&mut self, all: &Recurrent, layer: usize, x: &str) -> Result<(String, String), ExportError> {
        let directions = 1 + usize::from(all.bidirectional);
        let (op, order): (_, &[usize]) = match all.cell {
            "lstm" => ("LSTM", &[0, 3, 1, 2]),
            "gru" | "gru-reset-before" => ("GRU", &[1, 0, 2]),
            _ => ("RNN", &[0]),
        };
        let lanes: Vec<_> =
            all.lanes[layer * directions..][..directions].iter().map(|l| reordered(l, order)).collect();
        let joined = |arrays: Vec<ArrayD<f32>>| {
            let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
            stack(Axis(0), &views).expect("both directions have one shape")
        };
        let matrix = |of: fn(&crate::recurrent::Lane) -> &Array2<f32>| {
            joined(lanes.iter().map(|lane| of(lane).clone().into_dyn()).collect())
        };
        let (w, r) = (matrix(|lane| &lane.weight_ih), matrix(|lane| &lane.weight_hh));
        let bias = |lane: &crate::recurrent::Lane| -> Array1<f32> {
            concatenate(Axis(0), &[lane.bias_ih.view(), lane.bias_hh.view()]).expect("vectors join")
        };
        let b = joined(lanes.iter().map(|lane| bias(lane).into_dyn()).collect());
        let name = |what: &str| format!("l{layer}/{what}");
        let (w, r, b) =
            (self.weight(&name("W"), &w), self.weight(&name("R"), &r), self.weight(&name("B"), &b));
        let lengths = if self.lengths { "lengths" } else { "" };
        let mut inputs = vec![x.to_owned(), w, r, b, lengths.to_owned()];
        if self.model.start == Start::Learned {
            for state in if all.cell == "lstm" { &["h", "c"][..] } else { &["h"] } {
                inputs.push(self.start(state, layer * directions, directions)?);
            }
        }
        let direction = if all.bidirectional { "bidirectional" } else { "forward" };
        let hidden = i64::try_from(all.hidden).unwrap_or(i64::MAX);
        let mut attributes = vec![("hidden_size", Value::Int(hidden)), ("direction", Value::Text(direction))];
        match all.cell {
            "gru" => attributes.push(("linear_before_reset", Value::Int(1))),
            "gru-reset-before" => attributes.push(("linear_before_reset", Value::Int(0))),
            "elman-relu" => attributes.push(("activations", Value::Texts(vec!["Relu"; directions]))),
            _ => {}
        }
        let (y, last) = (self.w.fresh(&name("Y")), self.w.fresh(&name("Y_h")));
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.w.add(op, &inputs, &[&y, &last], &attributes);
        Ok((y, last))
    }

    /// The outputs of a layer with both directions concatenated: `[time, batch, directions · hidden]`.
    fn side_by_side(&mut self, all: &Recurrent, layer: usize, y: &str) -> String {
        self.w.locate(format!("l{layer}/h"));
        if all.bidirectional {
            let beside = self.w.node("Transpose", &[y], &[("perm", Value::Ints(vec![0, 2, 1, 3]))]);
            let shape = self.w.integers([0, 0, -1], &[3]);
            self.w.node("Reshape", &[&beside, &shape], &[])
        } else {
            let axis = self.w.integers([1], &[1]);
            self.w.node("Squeeze", &[y, &axis], &[])
        }
    }

    /// Learned initial states of a layer, the same for each sequence: `[directions, batch, hidden]`.
    fn start(&mut self, state: &str, first: usize, directions: usize) -> Result<String, ExportError> {
        let name = format!("rnn.{state}0");
        let missing = || ExportError::Value { name: name.clone(), reason: "it is missing".into() };
        let all = self.parameters.get(&name).ok_or_else(missing)?;
        let own = all.slice_axis(Axis(0), (first..first + directions).into()).to_owned();
        let own = self.weight(&format!("{name}/{first}"), &own);
        self.w.locate(format!("{state}[0]"));
        let batch = self.w.node("Shape", &["x"], &[("start", Value::Int(1)), ("end", Value::Int(2))]);
        let one = self.w.integers([1], &[1]);
        let shape = self.w.node("Concat", &[&one, &batch, &one], &[("axis", Value::Int(0))]);
        Ok(self.w.node("Expand", &[&own, &shape], &[]))
    }

    /// The head: for each step, for the last output, or for the mean.
    fn head(&mut self, x: &str, last: &str, directions: usize) -> Result<(), ExportError> {
        let (weight, bias) = (self.parameter("head.weight")?, self.parameter("head.bias")?);
        let whole = match self.model.head {
            Head::EachStep => {
                self.w.locate("head".into());
                let turned = self.w.node("Transpose", &[&weight], &[("perm", Value::Ints(vec![1, 0]))]);
                let product = self.w.node("MatMul", &[x, &turned], &[]);
                self.w.add("Add", &[&product, &bias], &["outputs"], &[]);
                return Ok(());
            }
            Head::Last if directions == 1 => {
                self.w.locate("last".into());
                let zero = self.w.integers([0], &[1]);
                self.w.node("Squeeze", &[last, &zero], &[])
            }
            Head::Last => {
                self.w.locate("last".into());
                let beside = self.w.node("Transpose", &[last], &[("perm", Value::Ints(vec![1, 0, 2]))]);
                let shape = self.w.integers([0, -1], &[2]);
                self.w.node("Reshape", &[&beside, &shape], &[])
            }
            Head::Mean if self.lengths => {
                self.w.locate("mean".into());
                let zero = self.w.integers([0], &[1]);
                let sum = self.w.node("ReduceSum", &[x, &zero], &[("keepdims", Value::Int(0))]);
                let one = self.w.integers([1], &[1]);
                let count = self.w.node("Cast", &["lengths"], &[("to", Value::Int(DataType::Float as i64))]);
                let count = self.w.node("Unsqueeze", &[&count, &one], &[]);
                self.w.node("Div", &[&sum, &count], &[])
            }
            Head::Mean => {
                self.w.locate("mean".into());
                let zero = self.w.integers([0], &[1]);
                self.w.node("ReduceMean", &[x, &zero], &[("keepdims", Value::Int(0))])
            }
        };
        self.w.add("Gemm", &[&whole, &weight, &bias], &["outputs"], &[("transB", Value::Int(1))]);
        Ok(())
    }
}
