//! Recurrent layers of ONNX files: nodes `RNN`, `LSTM` and `GRU`, as written by PyTorch's two exporters, tf2onnx and
//! others.
//!
//! Gates are in ONNX's order: i o f c, and z r h. Between two layers, nodes turn the outputs of one into the input of
//! the next: `Squeeze`, or `Transpose` and `Reshape`, or a `Slice` of each direction and a `Concat` of both (`layout`).

mod file;
mod head;
mod laid;
mod layout;

use super::{ImportError, Imported, assemble};
use crate::onnx::proto::{self, DataType, Model, Node};
use crate::recurrent::{Lane, reordered};
use file::File;
use ndarray::{Array1, ArrayD, Axis, Ix1, Ix2, s};
use prost::Message;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// Operators that only change the layout.
const GLUE: [&str; 8] =
    ["Squeeze", "Unsqueeze", "Transpose", "Reshape", "Identity", "Dropout", "Cast", "Flatten"];

/// The layers of an ONNX file; `folder` is its folder, for external arrays.
///
/// # Errors
/// If the file is invalid, has no recurrent layer, or one that no cell here computes.
pub fn onnx(bytes: &[u8], folder: &Path) -> Result<Imported, ImportError> {
    let model = Model::decode(bytes).map_err(|error| ImportError::Onnx(error.to_string()))?;
    let graph = model.graph.ok_or_else(|| ImportError::Onnx("it has no graph".into()))?;
    let mut file = File {
        tensors: graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
        makers: HashMap::new(),
        inputs: HashSet::new(),
        folder,
        opset: model.opset_import.iter().find(|set| set.domain.is_empty()).map_or(1, |set| set.version),
        steps: None,
        batch: None,
        used: HashSet::new(),
        given: BTreeSet::new(),
    };
    // In older files the names of initialisers are among the inputs.
    let given = graph.input.iter().map(|input| input.name.as_str());
    file.inputs = given.filter(|name| !file.tensors.contains_key(name)).collect();
    for node in &graph.node {
        file.makers
            .extend(node.output.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), node)));
    }
    if let Some(node) = circular(&graph.node) {
        return Err(refused(node, "reads what it computes itself: an ONNX graph has no cycle"));
    }
    let layers: Vec<&Node> =
        graph.node.iter().filter(|node| matches!(&*node.op_type, "RNN" | "LSTM" | "GRU")).collect();
    let Some(first) = layers.first() else {
        let mut ops: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        ops.sort_unstable();
        ops.dedup();
        let loops = || graph.node.iter().filter(|node| node.op_type == "Loop");
        let mend = if loops().any(steps_through_time) {
            "Keras' converter writes a GRU or a SimpleRNN as a Loop: write its weights instead, by their paths, as safetensors"
        } else if loops().next().is_some() {
            "What a Loop computes is not imported"
        } else {
            "PyTorch's newer exporter writes an nn.RNN step by step: export it with dynamo=False"
        };
        return Err(ImportError::Onnx(format!(
            "no node RNN, LSTM or GRU was found; its operators are {}. {mend}",
            ops.join(", ")
        )));
    };
    let bidirectional = text(first, "direction").is_some_and(|direction| direction == "bidirectional");
    let (mut cell, mut lanes) = (None, Vec::new());
    [file.steps, file.batch] = sizes(&graph, &layers);
    for (k, node) in layers.iter().enumerate() {
        if let (Some(before), Some(lane)) = (k.checked_sub(1), lanes.last()) {
            let lane: &Lane = lane;
            file.reads(node, layers[before], 1 + usize::from(bidirectional), lane.weight_hh.ncols())?;
        }
        let (kind, own) = file.layer(node)?;
        if *cell.get_or_insert(kind) != kind || (own.len() == 2) != bidirectional {
            return Err(ImportError::Refused(
                "its layers are of different cells or directions: give one kind of them".into(),
            ));
        }
        lanes.extend(own);
    }
    let before = file.reads_input(first).err().map(|why| why.to_string());
    let last = layers.last().zip(lanes.last()).map(|(node, lane)| (*node, lane.weight_hh.ncols()));
    let (heads, after) = last.map_or_else(Default::default, |(node, hidden)| {
        file.heads(&graph, node, 1 + usize::from(bidirectional), hidden)
    });
    let left_out: Vec<String> = graph
        .initializer
        .iter()
        .filter(|tensor| !file.used.contains(tensor.name.as_str()) && !tensor.dims.is_empty())
        .filter(|tensor| matches!(tensor.data_type(), DataType::Float | DataType::Double))
        .map(|tensor| tensor.name.clone())
        .collect();
    let double = |tensor: &proto::Tensor| {
        tensor.data_type() == DataType::Double && file.used.contains(tensor.name.as_str())
    };
    let rounded = graph.initializer.iter().any(double);
    let first_states = file.given.into_iter().collect();
    let imported = assemble("ONNX", cell.unwrap_or("elman"), bidirectional, &lanes, left_out)?;
    Ok(Imported { heads, before, after, first_states, rounded, ..imported })
}

/// The numbers of steps and sequences that a file gives for what a layer reads, if it does.
fn sizes(graph: &proto::Graph, layers: &[&Node]) -> [Option<usize>; 2] {
    let known = |node: &&Node| {
        let x = node.input.first()?;
        let info = graph.input.iter().chain(&graph.value_info).find(|info| info.name == *x)?;
        let dims = &info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?.dim;
        let size = |k: usize| match &dims.get(k)?.value {
            Some(proto::Size::Known(n)) => usize::try_from(*n).ok(),
            _ => None,
        };
        let [steps, batch] = if laid::batch_first(node) { [1, 0] } else { [0, 1] };
        Some([size(steps), size(batch)]).filter(|_| dims.len() == 3)
    };
    layers.iter().find_map(known).unwrap_or_default()
}

/// A node that reads its own outputs, itself or by way of others.
fn circular(nodes: &[Node]) -> Option<&Node> {
    let outputs =
        |k: usize| nodes[k].output.iter().filter(|name| !name.is_empty()).map(move |name| (name.as_str(), k));
    let maker: HashMap<&str, usize> = (0..nodes.len()).flat_map(outputs).collect();
    let makers = |k: usize| nodes[k].input.iter().filter_map(|name| maker.get(name.as_str()).copied());
    let mut readers = vec![Vec::new(); nodes.len()];
    for k in 0..nodes.len() {
        makers(k).for_each(|maker| readers[maker].push(k));
    }
    // Nodes that wait for none are computed, until all of the others wait for each other.
    let mut waits_for: Vec<usize> = (0..nodes.len()).map(|k| makers(k).count()).collect();
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|&k| waits_for[k] == 0).collect();
    while let Some(k) = ready.pop() {
        for &reader in &readers[k] {
            waits_for[reader] -= 1;
            if waits_for[reader] == 0 {
                ready.push(reader);
            }
        }
    }
    // Some wait for a cycle that they are not on: from maker to maker, one comes to it and around it.
    let mut k = (0..nodes.len()).find(|&k| waits_for[k] > 0)?;
    let mut seen = HashSet::new();
    while seen.insert(k) {
        k = makers(k).find(|&maker| waits_for[maker] > 0)?;
    }
    Some(&nodes[k])
}

/// Whether the body of a loop multiplies by a matrix and takes an activation function, as the step of a GRU or a
/// `SimpleRNN` does.
fn steps_through_time(node: &Node) -> bool {
    let Some(body) = attribute(node, "body").and_then(|body| body.g.as_ref()) else { return false };
    let has = |ops: &[&str]| body.node.iter().any(|node| ops.contains(&&*node.op_type));
    has(&["MatMul", "Gemm"]) && has(&["Sigmoid", "Tanh", "Relu"])
}

fn attribute<'n>(node: &'n Node, name: &str) -> Option<&'n proto::Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn whole(node: &Node, name: &str) -> Option<i64> {
    attribute(node, name).and_then(|attribute| attribute.i)
}

fn text(node: &Node, name: &str) -> Option<String> {
    let bytes = attribute(node, name)?.s.clone()?;
    Some(String::from_utf8_lossy(&bytes).to_lowercase())
}

fn refused(node: &Node, why: &str) -> ImportError {
    ImportError::Refused(format!("the node `{}` ({}) {why}", named(node), node.op_type))
}

/// The name of a node, or those of its outputs.
fn named(node: &Node) -> String {
    if node.name.is_empty() { node.output.concat() } else { node.name.clone() }
}

impl File<'_> {
    /// A layer: its cell, and one lane for each direction.
    fn layer(&mut self, node: &Node) -> Result<(&'static str, Vec<Lane>), ImportError> {
        if let Some(clip) = attribute(node, "clip").and_then(|attribute| attribute.f) {
            return Err(refused(
                node,
                &format!("cuts off its sums at {clip} (clip), which no cell here does"),
            ));
        }
        if whole(node, "input_forget").unwrap_or(0) != 0 {
            return Err(refused(
                node,
                "couples its input and forget gates (input_forget), which is another cell",
            ));
        }
        let input = |k: usize| node.input.get(k).map(String::as_str).filter(|name| !name.is_empty());
        // Peepholes of zero are none.
        if input(7).is_some_and(|name| self.inputs.contains(name) || !self.is_zero(name)) {
            return Err(refused(
                node,
                "has peepholes: the cell `lstm-peephole` has them in another form, and is not imported",
            ));
        }
        let directions = match text(node, "direction").as_deref() {
            None | Some("forward") => 1,
            Some("bidirectional") => 2,
            Some(other) => {
                return Err(refused(
                    node,
                    &format!("has the direction {other}: forward and bidirectional are imported"),
                ));
            }
        };
        let cell = cell(node, directions)?;
        // Lengths that are all the number of steps are none.
        let steps = self.steps.and_then(|steps| i64::try_from(steps).ok());
        let none = |lengths: &[i64]| steps.is_some_and(|steps| lengths.iter().all(|&length| length == steps));
        let cut = |name: &str| {
            self.is_constant(name) && !self.constants(name).is_some_and(|lengths| none(&lengths))
        };
        if input(4).is_some_and(cut) {
            return Err(refused(
                node,
                "has lengths of sequences that are fixed in the file (sequence_lens): leave them out, or make them an input",
            ));
        }
        for (k, what) in [(5, "h"), (6, "c")] {
            if let Some(name) = input(k).filter(|name| !self.is_zero(name)) {
                return Err(refused(
                    node,
                    &format!("starts from a state {what} that is not zero, `{name}`: it is not imported"),
                ));
            }
        }
        let missing = |what: &str| refused(node, &format!("has no {what}"));
        let w = self.array(node, input(1).ok_or_else(|| missing("W"))?)?;
        let r = self.array(node, input(2).ok_or_else(|| missing("R"))?)?;
        let b = input(3).map(|name| self.array(node, name)).transpose()?;
        let order: &[usize] = match &*node.op_type {
            "LSTM" => &[0, 2, 3, 1],
            "GRU" => &[1, 0, 2],
            _ => &[0],
        };
        let unfit = || refused(node, "has weights whose shapes do not fit each other");
        let mut lanes = Vec::new();
        for d in 0..directions {
            let matrix = |array: &ArrayD<f32>| {
                let own = (array.ndim() == 3 && array.shape()[0] == directions)
                    .then(|| array.index_axis(Axis(0), d).to_owned());
                own.and_then(|own| own.into_dimensionality::<Ix2>().ok()).ok_or_else(unfit)
            };
            let (weight_ih, weight_hh) = (matrix(&w)?, matrix(&r)?);
            let rows = order.len() * weight_hh.ncols();
            let bias = match &b {
                None => Array1::zeros(2 * rows),
                Some(b) if b.ndim() == 2 && b.shape()[0] == directions => {
                    b.index_axis(Axis(0), d).to_owned().into_dimensionality::<Ix1>().map_err(|_| unfit())?
                }
                Some(_) => return Err(unfit()),
            };
            if let Some(size) =
                whole(node, "hidden_size").filter(|&size| usize::try_from(size) != Ok(weight_hh.ncols()))
            {
                let why =
                    format!("says {size} units (hidden_size), and has weights for {}", weight_hh.ncols());
                return Err(refused(node, &why));
            }
            if weight_ih.nrows() != rows || weight_hh.nrows() != rows || bias.len() != 2 * rows {
                return Err(unfit());
            }
            let (bias_ih, bias_hh) = (bias.slice(s![..rows]).to_owned(), bias.slice(s![rows..]).to_owned());
            lanes.push(reordered(&Lane { weight_ih, weight_hh, bias_ih, bias_hh }, order));
        }
        Ok((cell, lanes))
    }
}

/// The cell of a node, by its activation functions.
///
/// Many exporters always write `activation_alpha` and `activation_beta`; the functions of the cells here use neither.
fn cell(node: &Node, directions: usize) -> Result<&'static str, ImportError> {
    let given: Vec<String> = attribute(node, "activations")
        .map_or(&[][..], |a| &a.strings)
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    let usual: &[&str] = match &*node.op_type {
        "LSTM" => &["sigmoid", "tanh", "tanh"],
        "GRU" => &["sigmoid", "tanh"],
        _ => &["tanh"],
    };
    let relu = node.op_type == "RNN"
        && given.len() == directions
        && given.iter().all(|name| name.eq_ignore_ascii_case("relu"));
    let usual_everywhere = given.is_empty() || given.len() == directions * usual.len();
    let odd = given.iter().zip(usual.iter().cycle()).find(|(name, usual)| !name.eq_ignore_ascii_case(usual));
    match odd {
        _ if relu => return Ok("elman-relu"),
        Some((odd, usual)) => {
            return Err(refused(node, &format!("has the function {odd} where the cell here has {usual}")));
        }
        None if !usual_everywhere => return Err(refused(node, "does not name as many functions as it has")),
        None => {}
    }
    Ok(match &*node.op_type {
        "LSTM" => "lstm",
        "GRU" if whole(node, "linear_before_reset").unwrap_or(0) != 0 => "gru",
        "GRU" => "gru-reset-before",
        _ => "elman",
    })
}
