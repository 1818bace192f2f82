//! A layer of PyTorch: `kind` (RNN with its `nonlinearity`, LSTM, GRU), `layers`, `bidirectional`, the sizes `time`, `batch`,
//! `input` and `hidden`, and `weights` under PyTorch's names; `h0`, `hn`, `v_hn` (and `c0`, `cn`, `v_cn`)
//! `[layers · directions, batch, hidden]`; `output` and `v_output [time, batch, directions · hidden]`; and in `grad` the
//! `weights`, `x`, `h0` (and `c0`).

use super::json::Object;
use super::{GivenState, GivenWeight, Reference};
use rnn::Layers;
use rnn::cell;

/// Reads the file and checks the shape of every array.
pub(super) fn read(file: &Object) -> Result<Reference, String> {
    let kind = file.text("kind")?;
    let relu = kind == "RNN" && file.has("nonlinearity") && file.text("nonlinearity")? == "relu";
    let name = match kind {
        "RNN" if relu => "elman-relu",
        "RNN" => "elman",
        "LSTM" => "lstm",
        "GRU" => "gru",
        other => return Err(format!("`kind` is {other}: it must be RNN, LSTM or GRU")),
    };
    let cell = cell::by_name(name).map_err(|error| format!("`kind`: {error}"))?;
    let (steps, batch) = (file.size("time")?, file.size("batch")?);
    let (input, hidden, layers) = (file.size("input")?, file.size("hidden")?, file.size("layers")?);
    let (weights, grad) = (file.object("weights")?, file.object("grad")?);
    if layers > weights.len() {
        return Err(format!("`layers` is {layers}, and `weights` holds {} arrays", weights.len()));
    }
    let net = Layers::of(cell, input, hidden).depth(layers).bidirectional(file.truth("bidirectional")?);
    let weight_grads = grad.object("weights")?;
    let mut given = Vec::new();
    for weight in net.weights() {
        let value = weights.array(&weight.name, &weight.shape)?;
        let gradient = weight_grads.array(&weight.name, &weight.shape)?;
        given.push(GivenWeight { value, gradients: vec![(weight.name, gradient)] });
    }
    let names: Vec<String> = net.weights().into_iter().map(|weight| weight.name).collect();
    weights.only(&names, "weight of this layer")?;
    let mut states = Vec::new();
    for state in net.states() {
        let shape = [state.lanes(), batch, state.size];
        let name = &state.name;
        let initial = format!("{name}0");
        states.push(GivenState {
            initial: file.array(&initial, &shape)?,
            last: Some(file.array(&format!("{name}n"), &shape)?),
            v_last: file.array(&format!("v_{name}n"), &shape)?,
            gradient: Some(grad.array(&initial, &shape)?),
            names: [state.name, initial],
        });
    }
    let output = [steps, batch, net.output_size()];
    Ok(Reference {
        x: file.array("x", &[steps, batch, input])?,
        lengths: file.lengths("lengths", batch, steps)?,
        weights: given,
        states,
        output: file.array("output", &output)?,
        v_output: file.array("v_output", &output)?,
        loss: file.number("loss")?,
        dx: grad.array("x", &[steps, batch, input])?,
        net,
    })
}
