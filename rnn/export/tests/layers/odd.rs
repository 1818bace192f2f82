//! ONNX files that say the usual things in unusual ways, and heads that are none.

use super::refused::{attribute, joined, node};
use super::{import, model, onnx};
use prost::Message;
use rnn::model::{Head, Model};
use rnn_export::import::{Function, Imported};
use rnn_export::onnx::proto::{self, AttributeType, DataType};
use std::path::Path;

fn numbers(name: &str, of: &[i64]) -> proto::Tensor {
    proto::Tensor {
        name: name.into(),
        dims: vec![i64::try_from(of.len()).unwrap()],
        data_type: DataType::Int64 as i32,
        int64_data: of.into(),
        ..proto::Tensor::default()
    }
}

/// A net of one layer with its head, as a file with changes.
fn with(model: &Model, change: impl FnOnce(&mut proto::Graph)) -> Result<Imported, String> {
    let file = onnx::layers(model, &model.first_parameters(1).unwrap(), false).unwrap();
    let mut file = proto::Model::decode(&file[..]).unwrap();
    change(file.graph.as_mut().unwrap());
    import::onnx(&file.encode_to_vec(), Path::new("")).map_err(|error| error.to_string())
}

fn lstm(change: impl FnOnce(&mut proto::Graph)) -> Result<Imported, String> {
    with(&model("lstm", 1, false), change)
}

/// Sizes and indices may be of 32 bits, in a field or as bytes, or in nodes of their own.
#[test]
fn whole_numbers_are_read_in_every_form() {
    let each = |change: &dyn Fn(&mut proto::Graph, usize)| {
        let all = joined(|graph| {
            let places = 0..graph.initializer.len();
            places
                .rev()
                .filter(|&k| graph.initializer[k].name.starts_with("number"))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|k| change(graph, k));
        });
        assert_eq!(all.unwrap().layers, 2);
    };
    let narrow = |tensor: &proto::Tensor| i32::try_from(tensor.int64_data[0]).unwrap_or(i32::MAX);
    each(&|graph: &mut proto::Graph, k: usize| {
        let tensor = &mut graph.initializer[k];
        tensor.int32_data = vec![narrow(tensor)];
        (tensor.int64_data, tensor.data_type) = (vec![], DataType::Int32 as i32);
    });
    each(&|graph: &mut proto::Graph, k: usize| {
        let tensor = &mut graph.initializer[k];
        tensor.raw_data = Some(narrow(tensor).to_le_bytes().into());
        (tensor.int64_data, tensor.data_type) = (vec![], DataType::Int32 as i32);
    });
    each(&|graph: &mut proto::Graph, k: usize| {
        let tensor = graph.initializer.remove(k);
        let mut made = node("Constant", &tensor.name, &[]);
        made.attribute.push(proto::Attribute {
            ints: tensor.int64_data,
            ..attribute("value_ints", AttributeType::Ints)
        });
        graph.node.insert(0, made);
    });
    each(&|graph: &mut proto::Graph, k: usize| {
        let name = std::mem::replace(&mut graph.initializer[k].name, format!("wide {k}"));
        graph.node.insert(0, node("Cast", &name, &[&format!("wide {k}")]));
    });
}

/// Weights may come by way of nodes that change no number.
#[test]
fn weights_may_come_by_other_nodes() {
    let plain = lstm(|_| ()).unwrap().weights;
    let by = |op: &str, given: Option<&[i64]>, by_attribute: Option<proto::Attribute>| {
        let made = lstm(|graph| {
            let mut made = node(op, "made", &["l0/W"]);
            if let Some(given) = given {
                graph.initializer.push(numbers("given", given));
                made.input.push("given".into());
            }
            made.attribute.extend(by_attribute);
            graph.node[0].input[1] = "made".into();
            graph.node.insert(0, made);
        });
        made.map(|imported| imported.weights == plain)
    };
    let to = |kind: i64| proto::Attribute { i: Some(kind), ..attribute("to", AttributeType::Int) };
    assert_eq!(by("Cast", None, Some(to(1))), Ok(true));
    assert_eq!(by("Reshape", Some(&[1, -1, 0]), None), Ok(true));
    assert!(by("Cast", None, Some(to(10))).unwrap_err().contains("rounds weights"));
    assert!(by("Reshape", Some(&[1, 5, 0]), None).unwrap_err().contains("a shape that they do not have"));
    assert!(by("Squeeze", Some(&[1]), None).unwrap_err().contains("axes of weights that are not 1"));
}

/// Nothing is taken for zero, for whole lengths, or for a weight that is not.
#[test]
fn what_is_given_in_the_file_counts() {
    let started = |value: f32| {
        lstm(|graph| {
            let mut made = node("Constant", "state", &[]);
            made.attribute
                .push(proto::Attribute { f: Some(value), ..attribute("value_float", AttributeType::Float) });
            graph.node[0].input = ["x", "l0/W", "l0/R", "l0/B", "", "state"].map(String::from).into();
            graph.node.insert(0, made);
        })
    };
    assert_eq!(started(0.0).unwrap().cell, "lstm");
    assert!(started(0.5).unwrap_err().contains("a state h that is not zero"));
    let lengths = |of: &[i64]| {
        lstm(|graph| {
            let dims = graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
            dims.shape.as_mut().unwrap().dim[0].value = Some(proto::Size::Known(6));
            graph.initializer.push(numbers("own", of));
            graph.node[0].input.push("lengths".into());
            graph.node.insert(0, node("Identity", "lengths", &["own"]));
        })
    };
    assert_eq!(lengths(&[6, 6]).unwrap().cell, "lstm");
    assert!(lengths(&[6, 4]).unwrap_err().contains("lengths of sequences that are fixed"));
    for (name, dims, says) in [
        ("l0/W", [1, 16, 0], "layer 1 reads 0 features into 4 units"),
        ("l0/W", [1, -16, 3], "has the sizes [1, -16, 3]"),
        ("l0/R", [1, 0, 0], "hidden_size"),
    ] {
        let error = lstm(|graph| {
            let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap();
            tensor.dims = dims.into();
            if dims.contains(&0) {
                (tensor.float_data, tensor.raw_data) = (vec![], None);
            }
        })
        .unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let relu = |many: usize| {
        with(&model("elman-relu", 1, true), |graph| {
            let functions = graph.node[0].attribute.iter_mut().find(|a| a.name == "activations").unwrap();
            functions.strings = vec!["Relu".into(); many];
        })
    };
    assert_eq!(relu(2).unwrap().cell, "elman-relu");
    assert!(relu(1).is_err());
}

/// Our own files have a head, and what is none is told, not taken.
#[test]
fn a_head_is_taken_only_if_it_is_one() {
    for (head, bidirectional) in [
        (Head::EachStep, false),
        (Head::EachStep, true),
        (Head::Last, false),
        (Head::Last, true),
        (Head::Mean, true),
    ] {
        let model = Model { head, ..model("gru", 1, bidirectional) };
        let imported = with(&model, |_| ()).unwrap();
        let [own] = &imported.heads[..] else { panic!("{head:?}: {:?}", imported.after) };
        let parameters = model.first_parameters(1).unwrap();
        assert_eq!(own.reads, Some(head));
        assert_eq!(own.weight.clone().into_dyn(), parameters["head.weight"]);
        assert_eq!(own.bias.clone().into_dyn(), parameters["head.bias"]);
    }
    let after = |model: &Model, change: &dyn Fn(&mut proto::Graph)| {
        let imported = with(model, change).unwrap();
        assert!(imported.heads.is_empty());
        imported.after.unwrap()
    };
    let end = |graph: &mut proto::Graph, made: Vec<proto::Node>| {
        graph.output[0].name = made.last().unwrap().name.clone();
        graph.node.extend(made);
    };
    let each = model("gru", 1, false);
    let relu = after(&each, &|graph: &mut proto::Graph| end(graph, vec![node("Relu", "cut", &["outputs"])]));
    assert!(relu.contains("`cut` (Relu) is no part of a linear head"), "{relu}");
    let wrong = after(&each, &|graph: &mut proto::Graph| {
        let mut softmax = node("Softmax", "shares", &["outputs"]);
        softmax.attribute.push(proto::Attribute { i: Some(0), ..attribute("axis", AttributeType::Int) });
        end(graph, vec![softmax]);
    });
    assert!(wrong.contains("`shares` (Softmax) is not of the outputs at one step"), "{wrong}");
    // The last step of both directions is not the last state of each.
    let last = after(&model("gru", 1, true), &|graph: &mut proto::Graph| {
        graph.initializer.push(numbers("end", &[-1]));
        let taken = node("Gather", "taken", &["outputs", "end"]);
        end(graph, vec![taken]);
    });
    assert!(last.contains("not all units of each or of the last"), "{last}");
    // The largest index is none of any sequence.
    let taken = after(&each, &|graph: &mut proto::Graph| {
        graph.initializer.push(numbers("end", &[i64::MAX]));
        let taken = node("Gather", "taken", &["outputs", "end"]);
        end(graph, vec![taken]);
    });
    assert!(taken.contains("neither one direction nor the last step"), "{taken}");
    let cut = after(&each, &|graph: &mut proto::Graph| {
        for (name, number) in [("first", i64::MAX), ("behind", 5), ("of", 0)] {
            graph.initializer.push(numbers(name, &[number]));
        }
        end(graph, vec![node("Slice", "cut", &["outputs", "first", "behind", "of"])]);
    });
    assert!(cut.contains("takes [9223372036854775807] to [5]"), "{cut}");
    // Of one output, its axis may be taken out, before or after a function.
    for then in [None, Some("Sigmoid")] {
        for rank in [2, -1] {
            let one = with(&Model { outputs: 1, ..each.clone() }, |graph| {
                graph.initializer.push(numbers("axis", &[rank]));
                let mut made = vec![node("Squeeze", "flat", &["outputs", "axis"])];
                made.extend(then.map(|function| node(function, "chance", &["flat"])));
                end(graph, made);
            });
            let one = one.unwrap();
            assert_eq!((one.heads.len(), one.after), (1, None), "{then:?} {rank}");
            assert_eq!(one.heads[0].reads, Some(Head::EachStep));
            assert_eq!(one.heads[0].function == Function::Sigmoid, then.is_some());
        }
    }
    let three = after(&each, &|graph: &mut proto::Graph| {
        graph.initializer.push(numbers("axis", &[2]));
        end(graph, vec![node("Squeeze", "flat", &["outputs", "axis"])]);
    });
    assert!(three.contains("`flat` (Squeeze) takes out the axes [2]"), "{three}");
    let scaled = with(&Model { head: Head::Last, ..each }, |graph| {
        let gemm = graph.node.iter_mut().find(|node| node.op_type == "Gemm").unwrap();
        gemm.attribute.push(proto::Attribute { f: Some(2.0), ..attribute("beta", AttributeType::Float) });
    });
    let plain = with(&Model { head: Head::Last, ..model("gru", 1, false) }, |_| ()).unwrap();
    assert_eq!(scaled.unwrap().heads[0].bias, &plain.heads[0].bias * 2.0);
}

/// What is computed of the input before the layers is told; another layout of it is the same input.
#[test]
fn what_stands_before_the_layers_is_told() {
    let before = |ops: &[&str]| {
        lstm(|graph| {
            let layer = graph.node.iter().position(|node| node.op_type == "LSTM").unwrap();
            let mut read = std::mem::take(&mut graph.node[layer].input[0]);
            for op in ops {
                graph.node.push(node(op, &format!("a {op}"), &[&read, "numbers"]));
                read = format!("a {op}");
            }
            graph.initializer.push(numbers("numbers", &[1]));
            graph.node[layer].input[0] = read;
        })
        .unwrap()
        .before
    };
    assert_eq!(before(&[]), None);
    assert_eq!(before(&["Transpose", "Identity", "Cast", "Unsqueeze"]), None);
    for op in ["Sub", "Relu", "Slice", "Conv", "Gather", "Reshape", "MatMul"] {
        let told = before(&["Identity", op, "Transpose"]).unwrap();
        assert!(told.contains(&format!("`a {op}` ({op}) computes what the first layer reads")), "{told}");
    }
}

/// Without a linear layer all states are imported, and what takes a part of them is told.
#[test]
fn a_part_of_the_states_is_told() {
    let without_head = |ops: &dyn Fn(&str) -> Vec<proto::Node>| {
        lstm(|graph| {
            let states = graph.node.iter().find(|node| node.op_type == "LSTM").unwrap().output[0].clone();
            graph.initializer.push(numbers("one", &[1]));
            graph.initializer.push(numbers("end", &[-1]));
            let made = ops(&states);
            graph.output[0].name = made.last().unwrap().name.clone();
            graph.node.extend(made);
        })
        .unwrap()
    };
    let flat = |states: &str| node("Squeeze", "states", &[states, "one"]);
    let all = without_head(&|states| vec![flat(states)]);
    assert!(all.heads.is_empty() && all.after.is_none(), "{:?}", all.after);
    let last = without_head(&|states| vec![flat(states), node("Gather", "last", &["states", "end"])]);
    let told = last.after.unwrap();
    assert!(told.contains("`last` (Gather) takes a part of the states"), "{told}");
    let mean = without_head(&|states| vec![flat(states), node("ReduceMean", "mean", &["states", "end"])]);
    let told = mean.after.unwrap();
    assert!(
        told.contains("`mean` (ReduceMean) takes the mean of [time, batch, feature] over the axes [-1]"),
        "{told}"
    );
}
