//! Linear layers after recurrent ones, imported from other frameworks' files, against the frameworks' own outputs.

use super::{Imported, read, stem};
use ndarray::{Array2, ArrayD, Axis, Ix2};
use rnn::infer::outputs;
use rnn::model::{Head, Inits, Input, Loss, Model, Start};
use rnn_export::import::{Function, Linear};
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import/heads");
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is = |path: &PathBuf| path.extension().is_some_and(|found| found == "onnx" || found == "safetensors");
    let mut all: Vec<PathBuf> = all.filter(is).collect();
    all.sort();
    all
}

/// A model with its weights, as a checkpoint has it.
fn with_head(imported: &Imported, head: &Linear, reads: Head) -> (Model, rnn::Parameters) {
    let model = Model {
        cell: imported.cell.into(),
        input: Input::Reals { size: imported.input },
        hidden: imported.hidden,
        layers: imported.layers,
        bidirectional: imported.bidirectional,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head: reads,
        outputs: head.weight.nrows(),
        loss: match head.function {
            Function::Identity => Loss::MeanSquared,
            Function::Sigmoid => Loss::BinaryCrossEntropy,
            Function::Softmax | Function::LogSoftmax => Loss::CrossEntropy,
        },
        init: Inits::default(),
    };
    let named = imported.weights.iter().map(|(name, array)| (format!("rnn.{name}"), array.clone()));
    let own = [("head.weight", head.weight.clone().into_dyn()), ("head.bias", head.bias.clone().into_dyn())];
    (model, named.chain(own.map(|(name, array)| (name.to_string(), array))).collect())
}

#[allow(clippy::cast_possible_truncation)] // nets are in single precision
fn single(x: f64) -> f32 {
    x as f32
}

/// The name of what a head reads, or of its function, in the files' descriptions.
fn words(head: &Linear) -> (Option<&'static str>, &'static str) {
    let reads = head.reads.map(|reads| match reads {
        Head::EachStep => "each",
        Head::Last => "last",
        Head::Mean => "mean",
    });
    let function = match head.function {
        Function::Identity => "identity",
        Function::Sigmoid => "sigmoid",
        Function::Softmax => "softmax",
        Function::LogSoftmax => "log_softmax",
    };
    (reads, function)
}

/// What is wrong with the head of a file.
fn fault(path: &Path) -> Option<String> {
    let imported = read(path);
    let text = std::fs::read_to_string(path.with_extension("json")).unwrap();
    let values: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |key: &str| values[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap());
    let word = |key: &str| values[key].as_str().unwrap();
    let [head] = &imported.heads[..] else {
        return Some(format!("{} heads; {:?}", imported.heads.len(), imported.after));
    };
    let function = word("function");
    let of_arrays = path.extension().is_some_and(|ending| ending == "safetensors");
    let wanted = if of_arrays { (None, "identity") } else { (Some(word("reads")), function) };
    if words(head) != wanted
        || imported.before.is_some()
        || imported.after.is_some()
        || head.followed_by.is_some()
    {
        let others = (&imported.before, &imported.after);
        return Some(format!("{:?} for {wanted:?}; {others:?}", words(head)));
    }
    if of_arrays && head.name != word("head") || imported.left_out.len() != head.arrays.len() {
        return Some(format!("`{}`, left out are {:?}", head.name, imported.left_out));
    }
    let reads = match word("reads") {
        "each" => Head::EachStep,
        "last" => Head::Last,
        _ => Head::Mean,
    };
    let (model, parameters) = with_head(&imported, head, reads);
    let x = ArrayD::from_shape_vec(vec![5, 2, 3], numbers("x").collect()).unwrap().mapv(single);
    let rows = if reads == Head::EachStep { 5 } else { 1 };
    // Of a log-softmax we give the probabilities.
    let wanted: Vec<f64> = match word("function") {
        "log_softmax" => numbers("out").map(f64::exp).collect(),
        _ => numbers("out").collect(),
    };
    let size = wanted.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    let wanted = ArrayD::from_shape_vec(vec![rows, 2, 3], wanted).unwrap();
    let mut worst: f64 = 0.0;
    for b in 0..2 {
        let own: Array2<f32> = x.index_axis(Axis(1), b).to_owned().into_dimensionality::<Ix2>().unwrap();
        let found = outputs(&model, &parameters, &own).unwrap();
        let apart = found.iter().zip(wanted.index_axis(Axis(1), b)).map(|(a, b)| (a - b).abs() / size);
        worst = apart.fold(worst, f64::max);
    }
    // They computed in single precision.
    (worst > 1e-6).then(|| format!("off by {worst:.1e}"))
}

#[test]
fn nets_with_a_head_give_the_outputs_of_their_framework() {
    let faults = files().into_iter().filter_map(|path| Some(format!("{}: {}", stem(&path), fault(&path)?)));
    assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(files().len(), 49);
}
