//! References from other frameworks: the same layer, rebuilt here, must give the same numbers.
//!
//! A reference is a JSON file with a layer's configuration and weights under PyTorch's names, its input
//! `x [time, batch, input]` with `lengths`, initial states `h0` (and `c0`) `[layers · directions, batch, hidden]`,
//! `output [time, batch, directions · hidden]`, last states `hn` (`cn`), the cotangents `v_output`, `v_hn` (`v_cn`),
//! `loss = Σ output ⊙ v_output + Σ hn ⊙ v_hn (+ Σ cn ⊙ v_cn)`, and the gradient of the loss for each weight, for x and
//! for the initial states. Padded steps have output 0. `tests/data/reference/make.py` makes such files with PyTorch.

use crate::cell::{self, Cell, CellError};
use crate::data::file;
use crate::layers::{Layers, Start};
use autograd::{Builder, Error as GraphError, Expr, Point, Type, Value, eval, grad};
use ndarray::ArrayD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Nested lists of numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Nested {
    Number(f64),
    List(Vec<Nested>),
}

impl Nested {
    fn shape(&self) -> Vec<usize> {
        match self {
            Self::Number(_) => vec![],
            Self::List(items) => {
                let inner = items.first().map_or_else(Vec::new, Self::shape);
                [items.len()].into_iter().chain(inner).collect()
            }
        }
    }

    fn flatten(&self, to: &mut Vec<f64>) {
        match self {
            Self::Number(x) => to.push(*x),
            Self::List(items) => items.iter().for_each(|item| item.flatten(to)),
        }
    }

    fn array(&self, what: &str) -> Result<ArrayD<f64>, String> {
        let mut elements = Vec::new();
        self.flatten(&mut elements);
        let shape = self.shape();
        ArrayD::from_shape_vec(shape.clone(), elements)
            .map_err(|_| format!("`{what}` is no array: its lists are not all of the lengths {shape:?}"))
    }
}

#[derive(Deserialize)]
struct File {
    kind: String,
    #[serde(default)]
    nonlinearity: Option<String>,
    bidirectional: bool,
    layers: usize,
    input: usize,
    hidden: usize,
    lengths: Vec<usize>,
    weights: BTreeMap<String, Nested>,
    x: Nested,
    loss: f64,
    grad: Gradients,
    /// `h0`, `output`, `hn`, `v_output` and so on.
    #[serde(flatten)]
    arrays: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Gradients {
    weights: BTreeMap<String, Nested>,
    x: Nested,
    #[serde(flatten)]
    states: BTreeMap<String, Nested>,
}

/// Why a reference cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] crate::data::Error),
    /// The file is not a reference.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// The layer cannot be rebuilt or evaluated.
    #[error("{}: {source}", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GraphError,
    },
}

/// The largest difference of one array.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is: `output`, `last h`, `loss`, or `∂` and a name.
    pub what: String,
    /// The largest absolute difference of an element, relative to the largest element if that is above 1.
    pub largest: f64,
}

/// Rebuilds the layer of a reference in f64 and compares everything that the reference knows.
///
/// # Errors
/// If the file cannot be read or is not a reference.
pub fn compare(path: &Path) -> Result<Vec<Difference>, CompareError> {
    let format = |reason: String| CompareError::Format { path: path.into(), reason };
    let text = file::read(path)?;
    let reference: File = serde_json::from_str(&text).map_err(|e| format(e.to_string()))?;
    let array = |name: &str| -> Result<ArrayD<f64>, CompareError> {
        let value = reference.arrays.get(name).ok_or_else(|| format(format!("`{name}` is missing")))?;
        let nested: Nested =
            serde_json::from_value(value.clone()).map_err(|e| format(format!("`{name}`: {e}")))?;
        nested.array(name).map_err(format)
    };
    let nested = |what: &str, from: Option<&Nested>| -> Result<ArrayD<f64>, CompareError> {
        from.ok_or_else(|| format(format!("`{what}` is missing")))?.array(what).map_err(format)
    };

    let cell = cell_of(&reference).map_err(|e| format(e.to_string()))?;
    let net = Layers::of(cell, reference.input, reference.hidden)
        .depth(reference.layers)
        .bidirectional(reference.bidirectional);
    let x = nested("x", Some(&reference.x))?;
    let (steps, batch) = (x.shape().first().copied().unwrap_or(0), reference.lengths.len());
    if x.ndim() != 3 || x.shape()[1] != batch || reference.lengths.iter().any(|&n| n == 0 || n > steps) {
        return Err(format(format!(
            "x of shape {:?} does not go with the lengths {:?}",
            x.shape(),
            reference.lengths
        )));
    }

    let g = Builder::new();
    let mut point = Point::new();
    let mut wrt: Vec<(String, Expr, ArrayD<f64>)> = Vec::new();
    let input = g.batch_input("x", Type::float(x.shape()), 1);
    point.set(input, x);
    wrt.push(("x".into(), input, nested("grad.x", Some(&reference.grad.x))?));
    let lengths = g.batch_input("lengths", Type::index([batch, 1], steps + 1), 0);
    let column = ArrayD::from_shape_vec(vec![batch, 1], reference.lengths.clone());
    point.set(lengths, Value::Index(column.expect("one length for each sequence")));

    let weights = net.declare(&g, "");
    for (spec, (_, w)) in net.weights().iter().zip(weights.iter().flat_map(crate::cell::Weights::iter)) {
        let name = &spec.name;
        let value = nested(name, reference.weights.get(name))?;
        point.set(w, value);
        wrt.push((name.clone(), w, nested(&format!("grad.{name}"), reference.grad.weights.get(name))?));
    }
    let mut start = Vec::new();
    for state in net.states() {
        let name = format!("{}0", state.name);
        let initial = g.batch_input(&name, Type::float([net.lanes(), batch, state.size]), 1);
        point.set(initial, array(&name)?);
        wrt.push((name.clone(), initial, nested(&format!("grad.{name}"), reference.grad.states.get(&name))?));
        start.push(initial);
    }

    let run = net.unroll(&g, &weights, input, Some(lengths), &Start::From(start));
    let mut values = vec![("output".to_string(), run.output(), array("output")?)];
    let mut terms = vec![(run.output() * g.constant(array("v_output")?)).sum()];
    for (i, state) in net.states().iter().enumerate() {
        let name = &state.name;
        values.push((format!("last {name}"), run.last(i), array(&format!("{name}n"))?));
        terms.push((run.last(i) * g.constant(array(&format!("v_{name}n"))?)).sum());
    }
    let loss = g.sum(&terms).named("loss");
    values.push(("loss".into(), loss, ndarray::arr0(reference.loss).into_dyn()));
    let gradients = grad(loss, &wrt.iter().map(|w| w.1).collect::<Vec<_>>());
    values.extend(
        gradients.into_iter().zip(wrt).map(|(dx, (name, _, expected))| (format!("∂{name}"), dx, expected)),
    );

    let graph_error = |source| CompareError::Graph { path: path.into(), source };
    let graph = g.graph().map_err(graph_error)?;
    let outputs: Vec<Expr> = values.iter().map(|v| v.1).collect();
    let ours = eval::<f64>(&graph, &point, &outputs).map_err(graph_error)?;
    values
        .into_iter()
        .zip(ours)
        .map(|((what, _, expected), ours)| {
            let ours = ours.into_float();
            if ours.shape() != expected.shape() {
                let (a, b) = (ours.shape(), expected.shape());
                return Err(format(format!("`{what}` has shape {a:?} here and {b:?} in the file")));
            }
            let scale = expected.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            let difference = |(a, b): (&f64, &f64)| (a - b).abs() / scale;
            // A NaN on either side must not pass as small.
            let worst = |m: f64, d: f64| if d.is_nan() || d > m { d } else { m };
            Ok(Difference { what, largest: ours.iter().zip(&expected).map(difference).fold(0.0, worst) })
        })
        .collect()
}

fn cell_of(reference: &File) -> Result<Arc<dyn Cell>, CellError> {
    match (reference.kind.as_str(), reference.nonlinearity.as_deref()) {
        ("RNN", Some("relu")) => cell::by_name("elman-relu"),
        ("RNN", _) => cell::by_name("elman"),
        (kind, _) => cell::by_name(&kind.to_lowercase()),
    }
}
