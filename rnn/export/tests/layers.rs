//! Recurrent layers imported from and exported to other systems, against those systems' results.

mod common;
#[path = "layers/refused.rs"]
mod refused;

use autograd::{Builder, Kind, Point, Type, Value, eval, grad};
use common::Cases;
use ndarray::{Array2, ArrayD, arr1};
use prost::Message;
use rnn::Parameters;
use rnn::model::{Engine, Feed, Head, Inits, Input, Loss, Mode, Model, Networks, Start};
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

/// A file of a framework with changed arrays.
fn with(file: &str, change: impl FnOnce(&mut Vec<Array>)) -> Result<Imported, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(file);
    let mut all = arrays(&std::fs::read(path).unwrap());
    change(&mut all);
    let bytes: Vec<Vec<u8>> =
        all.iter().map(|(.., numbers)| numbers.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = all.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name.clone(), view.unwrap())
    });
    import::read(&safetensors::serialize(views, None).unwrap(), None, false)
        .map_err(|error| error.to_string())
}

/// A part of a layer is no layer, and what else a file has is named.
#[test]
fn files_that_lack_an_array_are_refused() {
    for (file, gone, says) in [
        ("torch-lstm.safetensors", "weight_hh_l0", "`weight_hh_l0` is missing"),
        ("torch-lstm.safetensors", "bias_hh_l0", "`bias_hh_l0` is missing"),
        (
            "torch-lstm-deep.safetensors",
            "weight_ih_l1",
            "`bias_hh_l1` belongs to a recurrent layer of which other arrays",
        ),
        ("torch-lstm-deep.safetensors", "weight_ih_l1_reverse", "`weight_ih_l1_reverse` is missing"),
        (
            "torch-lstm-deep.safetensors",
            "weight_ih_l0_reverse",
            "`bias_hh_l0_reverse` belongs to a recurrent layer",
        ),
        ("keras-lstm.safetensors", "lstm/lstm_cell/kernel", "`lstm/lstm_cell/kernel` is missing"),
        ("keras-lstm.safetensors", "lstm/lstm_cell/recurrent_kernel", "no recurrent layer was found"),
        ("flax-lstm.safetensors", "params/cell/if/kernel", "`params/cell/if/kernel` is missing"),
        ("flax-lstm.safetensors", "params/cell/hi/kernel", "no recurrent layer was found"),
        ("haiku-gru.safetensors", "gru/w_i", "`gru/w_i` is missing"),
        ("haiku-lstm.safetensors", "lstm/linear/b", "`lstm/linear/b` is missing"),
        ("equinox-gru.safetensors", "weight_hh", "`weight_hh` is missing"),
        ("mlx-gru.safetensors", "Wx", "`Wx` is missing"),
        ("mlx-gru.safetensors", "Wh", "no recurrent layer was found"),
    ] {
        let error = with(file, |all| all.retain(|(name, ..)| name != gone)).map(|i| i.cell);
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{file} without {gone}: {error:?}");
    }
    // A gate too few or too many.
    for (file, short, says) in [
        (
            "torch-lstm.safetensors",
            "bias_hh_l0",
            "`weight_hh_l0` has 16 rows of gates, and the recurrent bias beside it 15",
        ),
        ("keras-gru-before.safetensors", "gru_1/gru_cell/bias", "and the input bias beside it 11"),
        ("haiku-gru.safetensors", "gru/b", "`gru/w_h` has 12 rows of gates, and the input bias beside it 11"),
        ("haiku-lstm.safetensors", "lstm/linear/b", "and the input bias beside it 15"),
        ("equinox-gru.safetensors", "bias_n", "`bias_n` has 3 numbers for 4 units"),
        ("mlx-lstm.safetensors", "bias", "`Wh` has 16 rows of gates, and the input bias beside it 15"),
        ("flax-lstm.safetensors", "params/cell/hf/bias", "and the recurrent bias beside it 15"),
    ] {
        let error = with(file, |all| {
            let (_, shape, numbers) = all.iter_mut().find(|(name, ..)| name == short).unwrap();
            numbers.pop();
            *shape = vec![numbers.len()];
        });
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{file}: {error:?}");
    }
    let odd = with("torch-lstm.safetensors", |all| all[0].2[0] = f32::NAN);
    assert_eq!(odd.unwrap_err(), "layer 1 has a weight that is not finite");
    let more = with("torch-lstm.safetensors", |all| all.push(("fc.weight".into(), vec![2, 1], vec![0.0; 2])));
    assert_eq!(more.unwrap().left_out, ["fc.weight"]);
    let head = with("haiku-lstm.safetensors", |all| {
        all.push(("linear/w".into(), vec![4, 2], vec![0.0; 8]));
        all.push(("linear/b".into(), vec![2], vec![0.0; 2]));
    });
    assert_eq!(head.unwrap().left_out, ["linear/b", "linear/w"]);
    for (gone, says) in [
        (
            "bidirectional_1/forward",
            "`bidirectional_1/backward_lstm_1/lstm_cell/` reads the sequence from its end",
        ),
        ("bidirectional_1/backward", "some of its layers read both directions and others one"),
    ] {
        let part =
            with("keras-lstm-deep.safetensors", |all| all.retain(|(name, ..)| !name.starts_with(gone)));
        assert!(part.as_ref().is_err_and(|error| error.contains(says)), "{part:?}");
    }
    let two = with("torch-lstm.safetensors", |all| {
        let named =
            |net: &str| all.iter().map(|(n, s, x)| (format!("{net}.{n}"), s.clone(), x.clone())).collect();
        let both: [Vec<_>; 2] = [named("encoder"), named("decoder")];
        *all = both.concat();
    });
    let error = two.unwrap_err();
    assert!(
        error.contains("several nets, `decoder.`, `encoder.`: write a file with the arrays of one"),
        "{error}"
    );
}

/// Element types that are not read are no matter in other layers; double precision is rounded, and so it is said.
#[test]
fn element_types_are_told() {
    use safetensors::Dtype::{BF16, F16, F32, F64};
    let of = |dtypes: [safetensors::Dtype; 2]| {
        let named = [("weight_ih_l0", vec![4, 3]), ("weight_hh_l0", vec![4, 4]), ("fc.weight", vec![1, 4])];
        let bytes = [0; 16 * 8];
        let views = named.iter().map(|(name, shape)| {
            let dtype = if *name == "fc.weight" { dtypes[1] } else { dtypes[0] };
            let size = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            (*name, safetensors::tensor::TensorView::new(dtype, shape.clone(), &bytes[..size]).unwrap())
        });
        import::read(&safetensors::serialize(views, None).unwrap(), None, false).map_err(|e| e.to_string())
    };
    let single = of([F32, BF16]).unwrap();
    assert!(!single.rounded && single.left_out == ["fc.weight"]);
    assert!(of([F64, F32]).unwrap().rounded && !of([F32, F64]).unwrap().rounded);
    let error = of([F16, F32]).unwrap_err();
    assert_eq!(error, "the array `weight_hh_l0` is of F16: convert it to F32 first");
}

/// What was said of a file must fit it.
#[test]
fn a_file_that_is_of_another_framework_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import/torch-lstm.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let said = |from, relu| import::read(&bytes, from, relu).unwrap_err().to_string();
    assert_eq!(said(Some(Framework::Keras), false), "its names are those of PyTorch, and not of Keras");
    assert_eq!(said(None, true), "relu is for a simple recurrent layer, and these are of lstm");
}

/// A file with changed bytes is an error or a net, whatever they are.
#[test]
fn changed_bytes_end_in_an_error_or_a_net() {
    let rounds = std::env::var("ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
    let mut state = 1_u64;
    // Numbers of a linear congruence (Knuth's MMIX).
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    for path in [files("safetensors"), files("onnx")].concat() {
        let (whole, folder) = (std::fs::read(&path).unwrap(), path.parent().unwrap());
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let place = below(bytes.len());
                match below(4) {
                    0 => bytes[place] = u8::try_from(below(256)).unwrap(),
                    1 => bytes[place] = bytes[place].wrapping_add(1),
                    2 => bytes[place] ^= 1 << below(8),
                    _ => bytes.truncate(place.max(1)),
                }
            }
            if path.extension().is_some_and(|found| found == "onnx") {
                drop(import::onnx(&bytes, folder));
            } else {
                drop(import::read(&bytes, None, false));
            }
        }
    }
}

/// Paddle's two names are one array: where they are not, the file is not Paddle's.
#[test]
fn second_names_are_taken_for_second_names_alone() {
    let file = "paddle-gru-deep.safetensors";
    let error = with(file, |all| {
        let (.., numbers) = all.iter_mut().find(|(name, ..)| name == "1.cell_bw.weight_hh").unwrap();
        numbers[0] += 1.0;
    });
    let says = "`1.cell_bw.weight_hh` should be `weight_hh_l1_reverse` under its second name, and is another";
    assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{error:?}");
    // A bias that is not learned has the second name alone.
    let whole = with(file, |_| ()).unwrap();
    let without = with(file, |all| all.retain(|(name, ..)| !name.starts_with("bias_ih_l"))).unwrap();
    assert_eq!((&whole, whole.from), (&without, "Paddle"));
    let projected = with("paddle-lstm.safetensors", |all| {
        all.push(("0.cell.weight_ho".into(), vec![4, 4], vec![0.0; 16]));
    });
    assert!(projected.unwrap_err().contains("`0.cell.weight_ho` is a projection of the state"));
}

/// What people have instead of safetensors is told by its first bytes, and a file that was cut by what it lacks.
#[test]
fn other_files_are_told_by_their_kind() {
    let said = |bytes: &[u8]| import::read(bytes, None, false).unwrap_err().to_string();
    assert!(said(b"PK\x03\x04....").starts_with("it is a zip archive, as PyTorch's .pt"));
    assert!(said(b"\x89HDF\r\n\x1a\n").starts_with("it is an HDF5 file"));
    assert!(said(b"\x80\x02}q").starts_with("it is a pickle"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import/torch-lstm.safetensors");
    let whole = std::fs::read(path).unwrap();
    for end in [0, 5, 20, whole.len() - 1] {
        assert!(
            said(&whole[..end]).starts_with("it is no safetensors file, or was cut short: "),
            "{}",
            said(&whole[..end])
        );
    }
}

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
fn add_layers(cases: &Cases, name: &str, model: &Model, feed: &Feed) {
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
        let each = Feed { x: reals(6, 3), y: targets(&[6, 3]), lengths: None };
        add_layers(&cases, &format!("{cell}-each"), &model(cell, 2, false), &each);
        let learned = Model { start: Start::Learned, head: Head::Last, ..model(cell, 2, true) };
        let ragged = Feed { x: reals(6, 3), y: targets(&[3]), lengths: Some(vec![6, 1, 4]) };
        add_layers(&cases, &format!("{cell}-last"), &learned, &ragged);
        let mean = Model { head: Head::Mean, ..model(cell, 1, true) };
        add_layers(&cases, &format!("{cell}-mean"), &mean, &ragged);
        let even = Feed { lengths: None, ..ragged.clone() };
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
        |of: usize| Feed { x: Value::Index(words(of)), y: targets(&[1000]), lengths: Some(lengths.clone()) };
    let classifier = Model { head: Head::Last, outputs: 3, ..model("lstm", 2, true) };
    let embedded = Model { input: Input::Embedding { symbols: 50, size: 5 }, ..classifier.clone() };
    add_layers(&cases, "sentences", &embedded, &sentences(50));
    let hot = Model { input: Input::OneHot { symbols: 9 }, ..classifier };
    add_layers(&cases, "characters", &hot, &sentences(9));
    cases.agree("onnx_runtime.py", &["1e-5"]);
}
