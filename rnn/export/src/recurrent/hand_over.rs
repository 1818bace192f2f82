//! Exports layers for another framework: a safetensors file in its names and orders, which `import` reads back.

use super::Recurrent;
use super::lane::{Lane, gate, reordered};
use crate::import::Framework;
use crate::program::ExportError;
use ndarray::{Array1, Array2, ArrayD, Axis, concatenate, stack};
use safetensors::{Dtype, tensor::TensorView};

/// Arrays by name.
type Named = Vec<(String, ArrayD<f32>)>;

/// The layers as a safetensors file in single precision.
///
/// # Errors
/// If the framework has no such layer.
pub fn safetensors(layers: &Recurrent, framework: Framework) -> Result<Vec<u8>, ExportError> {
    let refuse = |why: &str| ExportError::Framework(format!("{} {why}", framework.title()));
    if layers.bidirectional && !matches!(framework, Framework::Torch | Framework::Paddle | Framework::Keras) {
        return Err(refuse("has no layer of both directions in one, whose names would be known"));
    }
    let mut arrays = Named::new();
    for (k, lane) in layers.lanes.iter().enumerate() {
        arrays.extend(match framework {
            Framework::Torch | Framework::Paddle => torch(layers, k, lane).ok_or_else(|| {
                refuse("has no GRU whose reset gate acts before the product with the state")
            })?,
            Framework::Keras => keras(layers, k, lane),
            Framework::Flax => flax(layers, k, lane).ok_or_else(|| {
                refuse("has no GRU whose reset gate acts before the product with the state, and no simple layer with relu")
            })?,
            Framework::Haiku => haiku(layers, k, lane).ok_or_else(|| {
                refuse(
                    "has no simple layer with tanh, and no GRU but that whose reset gate acts before the product with the \
                     state",
                )
            })?,
            Framework::Equinox => equinox(layers, k, lane).ok_or_else(|| {
                refuse("has no simple layer, and no GRU whose reset gate acts before the product with the state")
            })?,
            Framework::Mlx => mlx(layers, k, lane).ok_or_else(|| {
                refuse("has no GRU whose reset gate acts before the product with the state")
            })?,
        });
    }
    let bytes: Vec<Vec<u8>> =
        arrays.iter().map(|(_, a)| a.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let view = TensorView::new(Dtype::F32, array.shape().to_vec(), bytes);
        (name, view.expect("the bytes are those of an array of this shape"))
    });
    let mark = [(crate::values::MARK.to_string(), "layers".to_string())].into_iter().collect();
    Ok(safetensors::serialize(views, Some(mark)).expect("the header of a file with these names is JSON"))
}

/// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, optionally with the suffix `_reverse`.
fn torch(layers: &Recurrent, k: usize, lane: &Lane) -> Option<Named> {
    let directions = 1 + usize::from(layers.bidirectional);
    let (layer, direction) = (k / directions, if k % directions == 1 { "_reverse" } else { "" });
    let named = |what: &str, array: ArrayD<f32>| (format!("{what}_l{layer}{direction}"), array);
    (layers.cell != "gru-reset-before").then(|| {
        vec![
            named("weight_ih", lane.weight_ih.clone().into_dyn()),
            named("weight_hh", lane.weight_hh.clone().into_dyn()),
            named("bias_ih", lane.bias_ih.clone().into_dyn()),
            named("bias_hh", lane.bias_hh.clone().into_dyn()),
        ]
    })
}

/// `lstm/lstm_cell/kernel`, for the second layer `lstm_1/lstm_cell/kernel`; of both directions
/// `bidirectional/forward_lstm/lstm_cell/kernel`.
fn keras(layers: &Recurrent, k: usize, lane: &Lane) -> Named {
    let (name, lane) = match layers.cell {
        "lstm" => ("lstm", lane.clone()),
        "gru" | "gru-reset-before" => ("gru", reordered(lane, &[1, 0, 2])),
        _ => ("simple_rnn", lane.clone()),
    };
    let bias = match layers.cell {
        "gru" => stack(Axis(0), &[lane.bias_ih.view(), lane.bias_hh.view()]).expect("of one size").into_dyn(),
        _ => (&lane.bias_ih + &lane.bias_hh).into_dyn(),
    };
    let prefix = if layers.bidirectional {
        let (layer, direction) = (k / 2, ["forward", "backward"][k % 2]);
        let outer = numbered("bidirectional", layer);
        format!("{outer}/{direction}_{}/{name}_cell", numbered(name, layer))
    } else {
        format!("{}/{name}_cell", numbered(name, k))
    };
    vec![
        (format!("{prefix}/kernel"), turned(&lane.weight_ih)),
        (format!("{prefix}/recurrent_kernel"), turned(&lane.weight_hh)),
        (format!("{prefix}/bias"), bias),
    ]
}

/// `params/cell/hi/kernel`, for several layers `params/layers_0/cell/hi/kernel`: an array per gate.
fn flax(layers: &Recurrent, k: usize, lane: &Lane) -> Option<Named> {
    let gates: &[&str] = match layers.cell {
        "lstm" => &["i", "f", "g", "o"],
        "gru" => &["r", "z", "n"],
        "elman" => &[""],
        _ => return None,
    };
    let prefix = if layers.layers() == 1 { "params/cell".into() } else { format!("params/layers_{k}/cell") };
    let mut all = Named::new();
    for (number, name) in gates.iter().enumerate() {
        let rows = gate(layers.hidden, number);
        let [ih, hh] = [&lane.weight_ih, &lane.weight_hh].map(|w| w.slice_axis(Axis(0), rows).to_owned());
        let [bias_ih, bias_hh] =
            [&lane.bias_ih, &lane.bias_hh].map(|b| b.slice_axis(Axis(0), rows).to_owned());
        all.push((format!("{prefix}/i{name}/kernel"), turned(&ih)));
        all.push((format!("{prefix}/h{name}/kernel"), turned(&hh)));
        // The placement of biases: for an LSTM at the state's product, for the others at the input's; n of a GRU has
        // two.
        let (of_input, of_state) = match (layers.cell, *name) {
            ("lstm", _) => (None, Some(bias_ih + bias_hh)),
            ("gru", "n") => (Some(bias_ih), Some(bias_hh)),
            _ => (Some(bias_ih + bias_hh), None),
        };
        all.extend(of_input.map(|b| (format!("{prefix}/i{name}/bias"), b.into_dyn())));
        all.extend(of_state.map(|b| (format!("{prefix}/h{name}/bias"), b.into_dyn())));
    }
    Some(all)
}

/// `lstm/linear/w`, `gru/w_i`, `vanilla_rnn/linear/w`; for the second layer `lstm_1/linear/w`.
fn haiku(layers: &Recurrent, k: usize, lane: &Lane) -> Option<Named> {
    let hidden = layers.hidden;
    let bias = |lane: &Lane| &lane.bias_ih + &lane.bias_hh;
    Some(match layers.cell {
        "lstm" => {
            let lane = reordered(lane, &[0, 2, 1, 3]);
            let both = concatenate(Axis(1), &[lane.weight_ih.view(), lane.weight_hh.view()]);
            let mut bias = bias(&lane);
            // Haiku adds this in its forward pass.
            bias.slice_axis_mut(Axis(0), gate(hidden, 2)).mapv_inplace(|b| b - 1.0);
            let prefix = format!("{}/linear", numbered("lstm", k));
            let w = turned(&both.expect("of one height"));
            vec![(format!("{prefix}/w"), w), (format!("{prefix}/b"), bias.into_dyn())]
        }
        "gru-reset-before" => {
            let mut lane = reordered(lane, &[1, 0, 2]);
            // Its z is 1 − z: σ(−a) = 1 − σ(a).
            let z = gate(hidden, 0);
            lane.weight_ih.slice_axis_mut(Axis(0), z).mapv_inplace(|w| -w);
            lane.weight_hh.slice_axis_mut(Axis(0), z).mapv_inplace(|w| -w);
            let mut bias = bias(&lane);
            bias.slice_axis_mut(Axis(0), z).mapv_inplace(|b| -b);
            let prefix = numbered("gru", k);
            vec![
                (format!("{prefix}/w_i"), turned(&lane.weight_ih)),
                (format!("{prefix}/w_h"), turned(&lane.weight_hh)),
                (format!("{prefix}/b"), bias.into_dyn()),
            ]
        }
        "elman-relu" => {
            let prefix = numbered("vanilla_rnn", k);
            vec![
                (format!("{prefix}/linear/w"), turned(&lane.weight_ih)),
                (format!("{prefix}/linear/b"), lane.bias_ih.clone().into_dyn()),
                (format!("{prefix}/linear_1/w"), turned(&lane.weight_hh)),
                (format!("{prefix}/linear_1/b"), lane.bias_hh.clone().into_dyn()),
            ]
        }
        _ => return None,
    })
}

/// `weight_ih`, `weight_hh`, `bias` and for a GRU `bias_n`; with the prefix `layers/0/` for several layers.
fn equinox(layers: &Recurrent, k: usize, lane: &Lane) -> Option<Named> {
    if !matches!(layers.cell, "lstm" | "gru") {
        return None;
    }
    Some(one_bias(layers, k, lane, ["weight_ih", "weight_hh", "bias", "bias_n"], "/"))
}

/// `Wx`, `Wh` and `bias`, for a GRU `b` and `bhn`, for a simple layer `Wxh`, `Whh`; with the prefix `layers.0.` for
/// several layers.
fn mlx(layers: &Recurrent, k: usize, lane: &Lane) -> Option<Named> {
    let names = match layers.cell {
        "lstm" => ["Wx", "Wh", "bias", ""],
        "gru" => ["Wx", "Wh", "b", "bhn"],
        "elman" | "elman-relu" => ["Wxh", "Whh", "bias", ""],
        _ => return None,
    };
    Some(one_bias(layers, k, lane, names, "."))
}

/// PyTorch's order with one bias, except that n of a GRU has another at the state's product.
fn one_bias(layers: &Recurrent, k: usize, lane: &Lane, names: [&str; 4], dot: &str) -> Named {
    let prefix = if layers.layers() == 1 { String::new() } else { format!("layers{dot}{k}{dot}") };
    let mut bias: Array1<f32> = &lane.bias_ih + &lane.bias_hh;
    let n = gate(layers.hidden, 2);
    if layers.cell == "gru" {
        bias.slice_axis_mut(Axis(0), n).assign(&lane.bias_ih.slice_axis(Axis(0), n));
    }
    let [ih, hh, b, last] = names.map(|name| format!("{prefix}{name}"));
    let mut all = vec![
        (ih, lane.weight_ih.clone().into_dyn()),
        (hh, lane.weight_hh.clone().into_dyn()),
        (b, bias.into_dyn()),
    ];
    if layers.cell == "gru" {
        all.push((last, lane.bias_hh.slice_axis(Axis(0), n).to_owned().into_dyn()));
    }
    all
}

/// `lstm`, `lstm_1`, `lstm_2`, …
fn numbered(name: &str, k: usize) -> String {
    if k == 0 { name.into() } else { format!("{name}_{k}") }
}

/// The transposed matrix, contiguous.
fn turned(matrix: &Array2<f32>) -> ArrayD<f32> {
    matrix.t().as_standard_layout().into_owned().into_dyn()
}
