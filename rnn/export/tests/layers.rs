//! Recurrent layers imported from and exported to other systems, against those systems' results.

mod common;
#[path = "layers/heads.rs"]
mod heads;
#[path = "layers/odd.rs"]
mod odd;
#[path = "layers/refused.rs"]
mod refused;
#[path = "layers/files.rs"]
mod safetensors_files;

use autograd::{Builder, Kind, Point, Type, Value, eval, grad};
use common::Cases;
use ndarray::{Array2, ArrayD, arr1};
use prost::Message;
use rnn::Parameters;
use rnn::model::{Batch, Engine, Head, Inits, Input, Loss, Mode, Model, Networks, Start};
use rnn_export::import::{self, Framework, Imported};
use rnn_export::onnx::proto;
use rnn_export::recurrent::{self, Recurrent};
use rnn_export::{Real, onnx};
use std::path::{Path, PathBuf};

/// The files of frameworks with an extension.
fn files(ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import");
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        all.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    all.sort();
    all
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn read(path: &Path) -> Imported {
    let bytes = std::fs::read(path).unwrap();
    let found = match path.extension().unwrap().to_str().unwrap() {
        "onnx" => import::onnx(&bytes, path.parent().unwrap()),
        _ => import::read(&bytes, None, false),
    };
    found.unwrap_or_else(|error| panic!("{}: {error}", stem(path)))
}

/// Every file of a framework gives the framework's own outputs and derivatives.
#[test]
fn layers_of_other_frameworks_compute_the_same() {
    let all = [files("safetensors"), files("onnx")].concat();
    for path in &all {
        let (name, imported) = (stem(path), read(path));
        let text = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let values: serde_json::Value = serde_json::from_str(&text).unwrap();
        let array = |key: &str, shape: [usize; 3]| {
            let numbers = values[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            ArrayD::from_shape_vec(shape.to_vec(), numbers).unwrap()
        };
        let many = |key: &str| values[key].as_u64().map_or(1, |n| usize::try_from(n).unwrap());
        let (layers, directions) = (many("layers"), many("directions"));
        assert_eq!((imported.input, imported.hidden, imported.layers), (3, 4, layers), "{name}");
        assert_eq!(imported.bidirectional, directions == 2, "{name}");
        assert!(imported.left_out.is_empty(), "{name}: {:?}", imported.left_out);

        let net = rnn::Layers::of(rnn::cell::by_name(imported.cell).unwrap(), 3, 4);
        let net = net.depth(layers).bidirectional(directions == 2);
        let g = Builder::new();
        let wide = [5, 2, 4 * directions];
        let (x, v) = (g.input("x", [5, 2, 3]), g.input("v", wide));
        let run = net.unroll(&g, &net.declare(&g, ""), x, None, &rnn::Start::Zero);
        let y = run.output();
        let dx = grad((y * v).sum(), &[x])[0];
        let graph = g.graph().unwrap();
        let mut point = Point::new().with(x, array("x", [5, 2, 3])).with(v, array("v", wide));
        for id in graph.parameters() {
            let name = graph.name(id).unwrap();
            point.set(id, imported.weights[name.as_str()].mapv(f64::from));
        }
        let found = eval(&graph, &point, &[y.id(), dx.id()]).unwrap();
        for (key, shape, found) in [("y", wide, &found[0]), ("dx", [5, 2, 3], &found[1])] {
            // They computed in single precision.
            let wanted = array(key, shape);
            let size = wanted.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
            let apart = wanted.iter().zip(found.float()).map(|(a, b)| (a - b).abs() / size);
            let worst = apart.fold(0.0, f64::max);
            assert!(worst < 1e-6, "{name}: {key} is off by {worst:.1e}");
        }
    }
    assert_eq!((files("safetensors").len(), files("onnx").len()), (30, 16));
}

/// A model of layers alone.
fn model(cell: &str, layers: usize, bidirectional: bool) -> Model {
    Model {
        cell: cell.into(),
        input: Input::Reals { size: 3 },
        hidden: 4,
        layers,
        bidirectional,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head: Head::EachStep,
        outputs: 2,
        loss: Loss::CrossEntropy,
        init: Inits::default(),
    }
}

fn layers_of(imported: &Imported) -> Recurrent {
    let named = imported.weights.iter().map(|(name, array)| (format!("rnn.{name}"), array.clone()));
    let parameters: Parameters = named.collect();
    Recurrent::of(&model(imported.cell, imported.layers, imported.bidirectional), &parameters).unwrap()
}

/// A framework's file, imported and exported again, is unchanged: names, shapes and numbers.
#[test]
fn layers_go_back_as_they_came() {
    for path in files("safetensors") {
        let (name, imported) = (stem(&path), read(&path));
        let (word, _) = name.split_once('-').unwrap();
        // These two have PyTorch's names; of Paddle's two names for an array one is written.
        let own = if matches!(word, "paddle" | "candle") { "torch" } else { word };
        let (_, framework) = Framework::ALL.into_iter().find(|(known, _)| *known == own).unwrap();
        let back = recurrent::safetensors(&layers_of(&imported), framework).unwrap();
        let (mut theirs, back) = (arrays(&std::fs::read(&path).unwrap()), arrays(&back));
        theirs.retain(|(name, ..)| word != "paddle" || !name.contains(".cell"));
        assert_eq!(theirs.len(), back.len(), "{name}");
        for ((a_name, a_shape, a), (b_name, b_shape, b)) in theirs.iter().zip(&back) {
            // Keras numbers the layers of a session.
            let first = a_name.strip_prefix("gru_1/").map_or(a_name.clone(), |rest| format!("gru/{rest}"));
            assert_eq!(first, *b_name, "{name}");
            assert_eq!(a_shape, b_shape, "{name} {a_name}");
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{name} {a_name}");
        }
    }
}

/// A name, a shape and numbers.
type Array = (String, Vec<usize>, Vec<f32>);

/// Names, shapes and numbers, by name.
fn arrays(bytes: &[u8]) -> Vec<Array> {
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let numbers = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    let all = file.tensors().into_iter();
    let mut all: Vec<_> =
        all.map(|(name, view)| (name, view.shape().to_vec(), numbers(view.data()))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Several layers round-trip too, and features that a framework's layer lacks are refused.
#[test]
fn stacks_are_written_for_every_framework_that_has_them() {
    let mut written = 0;
    for cell in ["elman", "elman-relu", "lstm", "gru", "gru-reset-before"] {
        let model = model(cell, 2, false);
        let parameters = model.first_parameters(7).unwrap();
        let layers = Recurrent::of(&model, &parameters).unwrap();
        for (word, framework) in Framework::ALL {
            match recurrent::safetensors(&layers, framework) {
                Ok(bytes) => {
                    let relu = cell == "elman-relu" && framework != Framework::Haiku;
                    let back =
                        import::read(&bytes, None, relu).unwrap_or_else(|e| panic!("{cell} {word}: {e}"));
                    assert_eq!((back.cell, back.layers, back.from), (cell, 2, framework.title()), "{word}");
                    // Two biases may come back as their sum: only the values count.
                    let (a, b) = (sums(&layers), sums(&layers_of(&back)));
                    assert!(
                        a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6) && a.len() == b.len(),
                        "{cell} {word}"
                    );
                    written += 1;
                }
                Err(error) => assert!(error.to_string().contains(framework.title()), "{error}"),
            }
        }
    }
    assert_eq!(written, 5 + 4 + 3 + 3 + 2 + 4);
    let odd = model("mgu", 1, false);
    let error = Recurrent::of(&odd, &odd.first_parameters(1).unwrap()).unwrap_err().to_string();
    assert!(error.contains("no layer of the cell `mgu`"), "{error}");
}

/// The weights of layers, with biases reduced to what matters: two for the last gate of a GRU, else their sum.
fn sums(layers: &Recurrent) -> Vec<f32> {
    let lane = |lane: &recurrent::Lane| {
        let two = if layers.cell == "gru" { 2 * layers.hidden } else { lane.bias_ih.len() };
        let sum = |k: usize| {
            if k < two {
                vec![lane.bias_ih[k] + lane.bias_hh[k]]
            } else {
                vec![lane.bias_ih[k], lane.bias_hh[k]]
            }
        };
        let weights = lane.weight_ih.iter().chain(&lane.weight_hh).copied();
        weights.chain((0..lane.bias_ih.len()).flat_map(sum)).collect::<Vec<f32>>()
    };
    layers.lanes.iter().flat_map(lane).collect()
}

/// A model in onnxruntime with one node per layer, against our own.
fn add_layers(cases: &Cases, name: &str, model: &Model, feed: &Batch) {
    let mut parameters = model.first_parameters(3).unwrap();
    // Initial biases and states may be zero, which would hide their positions.
    for (k, (_, array)) in parameters.iter_mut().enumerate() {
        array.iter_mut().enumerate().for_each(|(i, x)| *x += 0.2 * ((7 * k + i) as f32).sin());
    }
    let lengths = feed.lengths.is_some();
    let mut networks = Networks::new(model, Mode { lengths, ..Mode::default() }, 1);
    let outcome = networks.run(&parameters, feed, &[], 0, false).unwrap();
    let outputs: Vec<_> = outcome.outputs.iter().map(|output| output.mapv(f64::from)).collect();
    let outputs = match &outputs[..] {
        [one] if model.head != Head::EachStep => one.clone(),
        all => ndarray::stack(ndarray::Axis(0), &all.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap(),
    };
    let x = match &feed.x {
        Value::Float(x) => Value::Float(x.mapv(f64::from)),
        Value::Index(x) => Value::Index(x.clone()),
        Value::Bool(_) => unreachable!("no net reads truth values"),
    };
    let kind =
        if let Input::Reals { .. } = model.input { Kind::Float } else { Kind::Index { below: 1 << 20 } };
    let mut given = vec![(Type { shape: (&x.shape()[..]).into(), kind }, x)];
    if let Some(lengths) = &feed.lengths {
        given.push((Type::index([lengths.len()], 1 << 20), Value::Index(arr1(lengths).into_dyn())));
    }
    let wanted = (Type::float(outputs.shape()), Value::Float(outputs));
    let file = onnx::layers(model, &parameters, lengths).unwrap();
    cases.add_arrays(name, "onnx", &given, &wanted, &file);

    // Every intermediate value is used: no dangling outputs in a viewer.
    let graph = proto::Model::decode(&file[..]).unwrap().graph.unwrap();
    let read: Vec<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
    for node in &graph.node {
        let used = node.output.iter().any(|name| name == "outputs" || read.contains(&name));
        assert!(used, "{name}: nobody reads {:?}", node.output);
    }
    assert!(graph.initializer.iter().all(|tensor| read.contains(&&tensor.name)), "{name}");

    // The exported file imports unchanged, except that layers there start from zero.
    match import::onnx(&file, Path::new("")) {
        Ok(back) => {
            assert_eq!(layers_of(&back).lanes, Recurrent::of(model, &parameters).unwrap().lanes, "{name}");
        }
        Err(error) => {
            assert!(
                model.start == Start::Learned && error.to_string().contains("not zero"),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn layers_as_nodes_compute_the_same_in_onnxruntime() {
    let cases = Cases::new(Real::F32);
    let reals = |steps: usize, batch: usize| {
        let numbers = (0..steps * batch * 3).map(|i| (i as f32 * 0.37).sin()).collect();
        Value::Float(ArrayD::from_shape_vec(vec![steps, batch, 3], numbers).unwrap())
    };
    let targets = |shape: &[usize]| Value::Index(ArrayD::zeros(shape.to_vec()));
    for cell in ["elman", "elman-relu", "lstm", "gru", "gru-reset-before"] {
        let each = Batch { x: reals(6, 3), y: targets(&[6, 3]), lengths: None };
        add_layers(&cases, &format!("{cell}-each"), &model(cell, 2, false), &each);
        let learned = Model { start: Start::Learned, head: Head::Last, ..model(cell, 2, true) };
        let ragged = Batch { x: reals(6, 3), y: targets(&[3]), lengths: Some(vec![6, 1, 4]) };
        add_layers(&cases, &format!("{cell}-last"), &learned, &ragged);
        let mean = Model { head: Head::Mean, ..model(cell, 1, true) };
        add_layers(&cases, &format!("{cell}-mean"), &mean, &ragged);
        let even = Batch { lengths: None, ..ragged.clone() };
        add_layers(&cases, &format!("{cell}-even"), &mean, &even);
        add_layers(
            &cases,
            &format!("{cell}-one"),
            &Model { head: Head::Last, ..model(cell, 1, false) },
            &even,
        );
    }
    // A sentence classifier of words, on 1,000 sentences; and characters as one-hot vectors.
    let lengths: Vec<usize> = (0..1000).map(|i| 1 + i * 7 % 12).collect();
    let words = |of: usize| Array2::from_shape_fn((12, 1000), |(t, i)| (31 * t + 17 * i) % of).into_dyn();
    let sentences =
        |of: usize| Batch { x: Value::Index(words(of)), y: targets(&[1000]), lengths: Some(lengths.clone()) };
    let classifier = Model { head: Head::Last, outputs: 3, ..model("lstm", 2, true) };
    let embedded = Model { input: Input::Embedding { symbols: 50, size: 5 }, ..classifier.clone() };
    add_layers(&cases, "sentences", &embedded, &sentences(50));
    let hot = Model { input: Input::OneHot { symbols: 9 }, ..classifier };
    add_layers(&cases, "characters", &hot, &sentences(9));
    cases.agree("onnx_runtime.py", &["1e-5"]);
}
