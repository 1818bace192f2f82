//! ONNX files that are not imported: each is refused by the name of what no cell here computes.

use super::{import, model, onnx};
use prost::Message;
use rnn_export::import::Imported;
use rnn_export::onnx::proto::{self, AttributeType};
use std::path::Path;

/// An ONNX file of an LSTM with a changed first node.
fn changed(cell: &str, change: impl FnOnce(&mut proto::Node)) -> Result<Imported, String> {
    let model = model(cell, 1, false);
    let file = onnx::layers(&model, &model.first_parameters(1).unwrap(), false).unwrap();
    let mut file = proto::Model::decode(&file[..]).unwrap();
    change(&mut file.graph.as_mut().unwrap().node[0]);
    import::onnx(&file.encode_to_vec(), Path::new("")).map_err(|error| error.to_string())
}

fn attribute(name: &str, of: AttributeType) -> proto::Attribute {
    let mut attribute = proto::Attribute { name: name.into(), ..proto::Attribute::default() };
    attribute.set_type(of);
    attribute
}

#[test]
fn what_no_cell_computes_is_refused_by_its_name() {
    let refused = |change: fn(&mut proto::Node)| changed("lstm", change).unwrap_err();
    let clip = refused(|node| {
        node.attribute.push(proto::Attribute { f: Some(3.0), ..attribute("clip", AttributeType::Float) });
    });
    assert!(clip.contains("`l0/Y` (LSTM) cuts off its sums at 3 (clip)"), "{clip}");
    let coupled = refused(|node| {
        node.attribute.push(proto::Attribute { i: Some(1), ..attribute("input_forget", AttributeType::Int) });
    });
    assert!(coupled.contains("input_forget"), "{coupled}");
    let peepholes = refused(|node| {
        node.input = ["x", "l0/W", "l0/R", "l0/B", "", "", "", "l0/B"].map(String::from).into();
    });
    assert!(peepholes.contains("peepholes"), "{peepholes}");
    let reverse = refused(|node| {
        node.attribute.retain(|a| a.name != "direction");
        node.attribute.push(proto::Attribute {
            s: Some("reverse".into()),
            ..attribute("direction", AttributeType::String)
        });
    });
    assert!(reverse.contains("the direction reverse"), "{reverse}");
    let with = |functions: &[&str]| {
        let strings = functions.iter().map(|&name| name.into()).collect();
        proto::Attribute { strings, ..attribute("activations", AttributeType::Strings) }
    };
    let hard =
        changed("lstm", |node| node.attribute.push(with(&["HardSigmoid", "Tanh", "Tanh"]))).unwrap_err();
    assert!(hard.contains("the function HardSigmoid where the cell here has sigmoid"), "{hard}");
    let few = changed("lstm", |node| node.attribute.push(with(&["Sigmoid"]))).unwrap_err();
    assert!(few.contains("as many functions"), "{few}");
    let started =
        refused(|node| node.input = ["x", "l0/W", "l0/R", "l0/B", "", "l0/R"].map(String::from).into());
    assert!(started.contains("starts from a state h that is not zero"), "{started}");
    let given = refused(|node| node.input[1] = "x".into());
    assert!(given.contains("only weights that are in the file"), "{given}");

    // Redundant attributes are accepted: parameters of functions without any, and their default names.
    let same = changed("lstm", |node| {
        node.attribute.push(with(&["SIGMOID", "tanh", "Tanh"]));
        let zeros =
            proto::Attribute { floats: vec![0.0; 3], ..attribute("activation_alpha", AttributeType::Floats) };
        node.attribute.push(zeros);
        node.attribute.push(proto::Attribute { i: Some(0), ..attribute("input_forget", AttributeType::Int) });
    });
    assert_eq!(same.unwrap().cell, "lstm");
    assert_eq!(changed("gru", |_| ()).unwrap().cell, "gru");
    let before = changed("gru", |node| node.attribute.retain(|a| a.name != "linear_before_reset"));
    assert_eq!(before.unwrap().cell, "gru-reset-before");
    let error = import::onnx(b"no such thing", Path::new("")).unwrap_err().to_string();
    assert!(error.contains("not an ONNX file"), "{error}");
}

/// A node of one output, which has its name.
fn node(op: &str, output: &str, inputs: &[&str]) -> proto::Node {
    proto::Node {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..proto::Node::default()
    }
}

/// Two layers in both directions, between which each direction is sliced off, laid out, and joined again, as tf2onnx
/// writes them: with changed nodes.
fn joined(change: impl FnOnce(&mut proto::Graph)) -> Result<Imported, String> {
    let model = model("lstm", 2, true);
    let file = onnx::layers(&model, &model.first_parameters(1).unwrap(), false).unwrap();
    let mut file = proto::Model::decode(&file[..]).unwrap();
    let graph = file.graph.as_mut().unwrap();
    let numbers = [("0", 0), ("1", 1), ("2", 2), ("last", i64::MAX)];
    graph.initializer.extend(numbers.map(|(name, number)| proto::Tensor {
        name: format!("number {name}"),
        dims: vec![1],
        data_type: proto::DataType::Int64 as i32,
        int64_data: vec![number],
        ..proto::Tensor::default()
    }));
    let axes =
        |list: &[i64]| proto::Attribute { ints: list.into(), ..attribute("perm", AttributeType::Ints) };
    for (direction, start, end) in [("ahead", "number 0", "number 1"), ("back", "number 1", "number 2")] {
        let [sliced, squeezed, turned] =
            ["sliced", "squeezed", "turned"].map(|what| format!("{direction} {what}"));
        graph.node.push(node("Slice", &sliced, &["l0/Y", start, end, "number 1", "number 1"]));
        graph.node.push(node("Squeeze", &squeezed, &[&sliced, "number 1"]));
        let mut transpose = node("Transpose", &turned, &[&squeezed]);
        transpose.attribute.push(axes(&[1, 0, 2]));
        graph.node.push(transpose);
    }
    let mut both = node("Concat", "both", &["ahead turned", "back turned"]);
    both.attribute.push(proto::Attribute { i: Some(2), ..attribute("axis", AttributeType::Int) });
    let mut back = node("Transpose", "batch second", &["both"]);
    back.attribute.push(axes(&[1, 0, 2]));
    graph.node.extend([both, back]);
    let second = graph.node.iter_mut().filter(|node| node.op_type == "LSTM").nth(1).unwrap();
    second.input[0] = "batch second".into();
    change(graph);
    import::onnx(&file.encode_to_vec(), Path::new("")).map_err(|error| error.to_string())
}

fn named<'g>(graph: &'g mut proto::Graph, name: &str) -> &'g mut proto::Node {
    graph.node.iter_mut().find(|node| node.name == name).unwrap()
}

/// Only what joins the directions along the units is taken for it: another layout gives other numbers.
#[test]
fn directions_that_are_joined_otherwise_are_refused() {
    assert_eq!(joined(|_| ()).unwrap().layers, 2);
    let refused = |change: fn(&mut proto::Graph), says: &str| {
        let error = joined(change).map(|imported| imported.layers).unwrap_err();
        assert!(error.contains(says), "{error}");
    };
    let turned = "`back turned` (Transpose) lays out one direction of a layer";
    refused(|graph| named(graph, "back turned").attribute[0].ints = vec![2, 1, 0], turned);
    refused(|graph| named(graph, "back turned").attribute.clear(), turned);
    let reshaped = "`back turned` (Reshape) lays out one direction of a layer";
    refused(|graph| named(graph, "back turned").op_type = "Reshape".into(), reshaped);
    let squeezed = "`ahead squeezed` (Squeeze) lays out one direction of a layer";
    refused(|graph| named(graph, "ahead squeezed").input[1] = "number 2".into(), squeezed);
    let kept = "`back sliced` (Slice) of one direction keeps the axis of directions";
    refused(
        |graph| {
            named(graph, "back squeezed").op_type = "Identity".into();
            named(graph, "back turned").op_type = "Identity".into();
        },
        kept,
    );
    let last =
        "`back sliced` (Slice) takes [9223372036854775807] to [2] of the axes [1]: a slice of one direction";
    refused(|graph| named(graph, "back sliced").input[1] = "number last".into(), last);
    let steps = "`back sliced` (Slice) takes [1] to [2] of the axes [1] with other steps than 1";
    refused(|graph| named(graph, "back sliced").input[4] = "number 2".into(), steps);
    let swapped = "`Concat` stands between";
    refused(|graph| named(graph, "both").input.reverse(), swapped);
}

/// A graph that reads itself ends in an error, wherever the cycle is: below a layer, its weights or its first state.
#[test]
fn a_cycle_is_refused_by_the_name_of_a_node_on_it() {
    for place in [0, 1, 2, 5] {
        let error = joined(|graph| {
            let layer = graph.node.iter_mut().filter(|node| node.op_type == "LSTM").nth(1).unwrap();
            layer.input.resize(7, String::new());
            layer.input[place] = "a".into();
            graph.node.insert(0, node("Identity", "a", &["a"]));
        });
        assert!(error.unwrap_err().contains("`a` (Identity) reads what it computes itself"), "{place}");
        let error = joined(|graph| {
            let layer = graph.node.iter_mut().filter(|node| node.op_type == "LSTM").nth(1).unwrap();
            layer.input.resize(7, String::new());
            layer.input[place] = "entry".into();
            graph.node.push(node("Identity", "entry", &["c"]));
            graph.node.extend([node("Cast", "b", &["c"]), node("Identity", "c", &["b"])]);
        })
        .unwrap_err();
        let on_it = ["`b` (Cast) reads what it", "`c` (Identity) reads what it"];
        assert!(on_it.iter().any(|says| error.contains(says)), "{error}");
    }
}

/// What to do about a loop is told where its body is a step of a recurrent layer; another loop is named alone.
#[test]
fn only_a_loop_of_a_recurrent_step_is_taken_for_one_of_keras() {
    let refused = |ops: &[&str]| {
        let body = proto::Graph {
            node: ops.iter().map(|&op| node(op, op, &[])).collect(),
            ..proto::Graph::default()
        };
        let body = proto::Attribute { g: Some(body), ..attribute("body", AttributeType::Graph) };
        let mut steps = node("Loop", "steps", &[]);
        steps.attribute.push(body);
        joined(|graph| graph.node = vec![steps]).unwrap_err()
    };
    let recurrent = refused(&["Gather", "MatMul", "MatMul", "Add", "Tanh"]);
    assert!(recurrent.contains("its operators are Loop. Keras' converter writes"), "{recurrent}");
    for other in [&["Add"][..], &["MatMul", "Add"], &["Tanh"], &[]] {
        let error = refused(other);
        assert!(error.ends_with("its operators are Loop. What a Loop computes is not imported"), "{error}");
    }
}
