//! Reference checks: a layer of another framework, rebuilt here, must give the same values and gradients.
//!
//! A reference is a JSON file of one of two kinds: a layer of PyTorch under its own names (`pytorch.rs`), or a cell
//! given as equations by the file (`equations.rs`). Both hold the layer's weights, its input `x [time, batch, input]`
//! with `lengths`, initial states, the `output [time, batch, size]` (0 in padding), the final states, a cotangent `v`
//! for each of these, the loss `Σ output ⊙ v + Σ final state ⊙ v`, and the gradient of the loss for each weight, for
//! x and for the initial states. The scripts in `tests/data/reference` generate such files with PyTorch.

mod equations;
mod json;
mod pytorch;

use autograd::{Builder, Error as GraphError, Expr, Point, Type, Value, eval, grad};
use json::Object;
use ndarray::{ArrayD, Axis};
use rnn::cell::Weights;
use rnn::data::file;
use rnn::{Layers, Start};
use std::path::{Path, PathBuf};

/// Why a reference cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] rnn::data::Error),
    /// The file is not a reference.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The missing or wrong field.
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
    /// The array: `output`, `last h`, `loss`, or `∂` and a name.
    pub what: String,
    /// The largest absolute difference of an element, relative to the largest element if that is above 1.
    pub largest: f64,
    /// Where that is: the index of the element, ours and theirs. `None` if the shapes differ.
    pub worst: Option<(Vec<usize>, f64, f64)>,
}

/// Rebuilds the layer of a reference in f64 and compares every array of the reference.
///
/// # Errors
/// If the file cannot be read or is not a reference.
pub fn compare(path: &Path) -> Result<Vec<Difference>, CompareError> {
    compare_text(&file::read(path)?, path)
}

/// As [`compare`], for the text of a reference; the path is for the error.
///
/// # Errors
/// If it is not a reference.
pub fn compare_text(text: &str, path: &Path) -> Result<Vec<Difference>, CompareError> {
    let format = |reason: String| CompareError::Format { path: path.into(), reason };
    // Where a field is named, the file is a reference with a fault.
    let whole =
        |why: String| if why.starts_with('`') { why } else { format!("no reference, which is JSON: {why}") };
    let json = json::parse(text).map_err(|why| format(whole(why)))?;
    let reference = Object::whole(&json).and_then(|file| {
        if file.has("cell") {
            equations::read(&file)
        } else if file.has("kind") {
            pytorch::read(&file)
        } else {
            Err("it is no reference: `kind` names a layer of PyTorch, or `cell` is the text of a cell".into())
        }
    });
    let source = |source| CompareError::Graph { path: path.into(), source };
    reference.map_err(format)?.compare().map_err(source)
}

/// The contents of a reference file.
struct Reference {
    net: Layers,
    /// `[time, batch, input]`
    x: ArrayD<f64>,
    lengths: Vec<usize>,
    /// One for each of [`Layers::weights`].
    weights: Vec<GivenWeight>,
    /// One for each of [`Layers::states`].
    states: Vec<GivenState>,
    output: ArrayD<f64>,
    v_output: ArrayD<f64>,
    loss: ArrayD<f64>,
    dx: ArrayD<f64>,
}

/// A weight and the gradients of its parts, which are stacked along the rows.
struct GivenWeight {
    value: ArrayD<f64>,
    gradients: Vec<(String, ArrayD<f64>)>,
}

/// A state; each value is `[lanes, batch, size]`. An omitted state starts at zero and is not compared.
struct GivenState {
    /// Its name, and that of its initial value.
    names: [String; 2],
    initial: ArrayD<f64>,
    last: Option<ArrayD<f64>>,
    v_last: ArrayD<f64>,
    gradient: Option<ArrayD<f64>>,
}

impl Reference {
    fn compare(self) -> Result<Vec<Difference>, GraphError> {
        let (steps, batch) = (self.x.shape()[0], self.lengths.len());
        let g = Builder::new();
        let mut point = Point::new();
        let x = g.batch_input("x", Type::float(self.x.shape()), 1);
        let lengths = g.batch_input("lengths", Type::index([batch, 1], steps + 1), 0);
        point.set(x, self.x);
        point.set(lengths, Value::Index(ndarray::Array1::from(self.lengths).insert_axis(Axis(1)).into_dyn()));

        let weights = self.net.declare(&g, "");
        let declared = weights.iter().flat_map(Weights::iter).map(|(_, w)| w);
        let mut wrt = vec![x];
        let mut gradients = vec![vec![("x".into(), self.dx)]];
        for (w, given) in declared.zip(self.weights) {
            point.set(w, given.value);
            wrt.push(w);
            gradients.push(given.gradients);
        }
        let start: Vec<Expr> = self
            .states
            .iter()
            .map(|state| {
                let initial = g.batch_input(&state.names[1], Type::float(state.initial.shape()), 1);
                point.set(initial, state.initial.clone());
                initial
            })
            .collect();
        let run = self.net.unroll(&g, &weights, x, Some(lengths), &Start::From(start.clone()));

        let mut terms = vec![(run.output() * g.constant(self.v_output)).sum()];
        let mut values = vec![("output".to_string(), run.output(), self.output)];
        for (i, (state, start)) in self.states.into_iter().zip(start).enumerate() {
            let GivenState { names: [name, initial], last, v_last, gradient, .. } = state;
            terms.push((run.last(i) * g.constant(v_last)).sum());
            values.extend(last.map(|last| (format!("last {name}"), run.last(i), last)));
            wrt.push(start);
            gradients.push(gradient.into_iter().map(|gradient| (initial.clone(), gradient)).collect());
        }
        let loss = g.sum(&terms).named("loss");
        values.push(("loss".into(), loss, self.loss));
        for (dx, parts) in grad(loss, &wrt).into_iter().zip(gradients) {
            let (count, mut row) = (parts.len(), 0);
            for (name, part) in parts {
                // A single part is the whole weight, which may have no rows.
                let rows = if count == 1 { 0 } else { part.shape()[0] };
                let its = if count == 1 { dx } else { dx.slice(0, row..row + rows) };
                values.push((format!("∂{name}"), its, part));
                row += rows;
            }
        }

        let outputs: Vec<Expr> = values.iter().map(|value| value.1).collect();
        let ours = eval::<f64>(&*g.graph()?, &point, &outputs)?;
        let difference = |((what, _, theirs), ours): ((String, Expr, ArrayD<f64>), Value<f64>)| {
            let (largest, worst) = largest(&ours.into_float(), &theirs);
            Difference { what, largest, worst }
        };
        Ok(values.into_iter().zip(ours).map(difference).collect())
    }
}

/// The largest difference, relative to the largest of their elements if that is above 1, with its index and both numbers.
fn largest(ours: &ArrayD<f64>, theirs: &ArrayD<f64>) -> (f64, Option<(Vec<usize>, f64, f64)>) {
    if ours.shape() != theirs.shape() {
        return (f64::NAN, None);
    }
    let scale = theirs.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    let mut found: (f64, Option<(Vec<usize>, f64, f64)>) = (0.0, None);
    for ((index, a), b) in ours.indexed_iter().zip(theirs) {
        let off = (a - b).abs() / scale;
        // A NaN must not count as small, and the first one is told.
        if !found.0.is_nan() && (off.is_nan() || off > found.0) {
            found = (off, Some((ndarray::Dimension::slice(&index).to_vec(), *a, *b)));
        }
    }
    found
}
