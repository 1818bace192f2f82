//! A cell given as equations by the reference file: one layer in one direction. `cell` is the text of its `.cell`
//! file; `weights` have the parameters' own names, packed or not; `initial`, `final` and `v_final` are `{state:
//! [batch, size]}`; `output` and `v_output` are `[time, batch, size]`; and `grad` has `weights`, `x` and `initial`.
//!
//! A state has the name of its sequence, `h`; if the cell reads `h[t-2]`, the value two steps back is `h-2`. Past
//! inputs, where a cell reads `x[t-1]`, may be omitted: they start at zero.

use super::json::Object;
use super::{GivenState, GivenWeight, Reference};
use ndarray::{ArrayD, Axis, concatenate};
use rnn::Layers;
use rnn::cell::{Cell, Weight};
use rnn::equations::EquationCell;

/// Reads the file, every array in its shape.
pub(super) fn read(file: &Object) -> Result<Reference, String> {
    let cell =
        EquationCell::read(file.text("cell")?, "cell").map_err(|faults| format!("`cell`:\n{faults}"))?;
    let (steps, batch) = (file.size("time")?, file.size("batch")?);
    let (input, hidden) = (file.size("input")?, file.size("hidden")?);
    cell.fits(input, hidden).map_err(|why| format!("`input` and `hidden`: {why}"))?;
    let (weights, grad) = (file.object("weights")?, file.object("grad")?);
    let weight_grads = grad.object("weights")?;
    let (mut given, mut names) = (Vec::new(), Vec::new());
    for weight in cell.weights(input, hidden) {
        let parts = parts(&weight, &weights);
        let read = |from: &Object| -> Result<Vec<ArrayD<f64>>, String> {
            parts.iter().map(|(name, shape)| from.array(name, shape)).collect()
        };
        let (values, gradients) = (read(&weights)?, read(&weight_grads)?);
        let views: Vec<_> = values.iter().map(|value| value.view()).collect();
        let value = concatenate(Axis(0), &views).map_err(|error| format!("`weights`: {error}"))?;
        names.extend(parts.into_iter().map(|(name, _)| name));
        let first = names.len() - gradients.len();
        given.push(GivenWeight { value, gradients: names[first..].iter().cloned().zip(gradients).collect() });
    }
    weights.only(&names, "parameter of the cell")?;
    weight_grads.only(&names, "parameter of the cell")?;
    let states = states(file, &grad, &cell, batch)?;
    let output = [steps, batch, cell.output_size(hidden)];
    Ok(Reference {
        x: file.array("x", &[steps, batch, input])?,
        lengths: file.lengths("lengths", batch, steps)?,
        weights: given,
        states,
        output: file.array("output", &output)?,
        v_output: file.array("v_output", &output)?,
        loss: file.number("loss")?,
        dx: grad.array("x", &[steps, batch, input])?,
        net: Layers::new(cell, input, hidden),
    })
}

/// The expected arrays with their shapes: a weight as a whole, or the parts packed into it.
fn parts(weight: &Weight, weights: &Object) -> Vec<(String, Vec<usize>)> {
    if weights.has(&weight.name) {
        return vec![(weight.name.clone(), weight.shape.to_vec())];
    }
    let shape = |rows: usize| [&[rows], &weight.shape[1..]].concat();
    weight.parts.iter().map(|part| (part.name.clone(), shape(part.rows))).collect()
}

fn states(
    file: &Object,
    grad: &Object,
    cell: &EquationCell,
    batch: usize,
) -> Result<Vec<GivenState>, String> {
    let (input, hidden) = (file.size("input")?, file.size("hidden")?);
    let objects =
        [file.object("initial")?, file.object("final")?, file.object("v_final")?, grad.object("initial")?];
    let states = cell.states(input, hidden);
    let names: Vec<String> = states.iter().map(|state| state.name.clone()).collect();
    objects.iter().try_for_each(|object| object.only(&names, "state of the cell"))?;
    let mut given = Vec::new();
    for state in states {
        let (name, shape) = (&state.name, [batch, state.size]);
        let read = |object: &Object| -> Result<Option<ArrayD<f64>>, String> {
            if state.of_input && !object.has(name) {
                return Ok(None);
            }
            Ok(Some(object.array(name, &shape)?.insert_axis(Axis(0))))
        };
        let [initial, last, v_last, gradient] = &objects;
        let zeros = || ArrayD::zeros(vec![1, batch, state.size]);
        given.push(GivenState {
            names: [name.clone(), format!("initial {name}")],
            initial: read(initial)?.unwrap_or_else(zeros),
            last: read(last)?,
            v_last: read(v_last)?.unwrap_or_else(zeros),
            gradient: read(gradient)?,
        });
    }
    Ok(given)
}
