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

pub fn attribute(name: &str, of: AttributeType) -> proto::Attribute {
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

    let sized = refused(|node| {
        let size = node.attribute.iter_mut().find(|a| a.name == "hidden_size").unwrap();
        size.i = Some(5);
    });
    assert!(sized.contains("says 5 units (hidden_size), and has weights for 4"), "{sized}");
    let lengths = refused(|node| node.input = ["x", "l0/W", "l0/R", "l0/B", "l0/B"].map(String::from).into());
    assert!(lengths.contains("lengths of sequences that are fixed in the file (sequence_lens)"), "{lengths}");

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
pub fn node(op: &str, output: &str, inputs: &[&str]) -> proto::Node {
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
pub fn joined(change: impl FnOnce(&mut proto::Graph)) -> Result<Imported, String> {
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
    let beside = "`both` (Concat) joins parts of a layer's outputs";
    refused(|graph| named(graph, "back turned").attribute[0].ints = vec![2, 1, 0], beside);
    refused(|graph| named(graph, "back turned").attribute.clear(), beside);
    refused(|graph| named(graph, "both").input.reverse(), beside);
    refused(|graph| named(graph, "both").attribute[0].i = Some(0), beside);
    let reshaped = "`back turned` (Reshape) between two layers has a shape that is not in the file";
    refused(|graph| named(graph, "back turned").op_type = "Reshape".into(), reshaped);
    let squeezed = "`ahead squeezed` (Squeeze) takes out the axes [2] of [time, 1, batch, unit]";
    refused(|graph| named(graph, "ahead squeezed").input[1] = "number 2".into(), squeezed);
    let last =
        "`back sliced` (Slice) takes [9223372036854775807] to [2] of the axes [1] of a layer's outputs";
    refused(|graph| named(graph, "back sliced").input[1] = "number last".into(), last);
    let steps = "`back sliced` (Slice) takes [1] to [2] of the axes [1] with other steps than 1";
    refused(|graph| named(graph, "back sliced").input[4] = "number 2".into(), steps);
    let time = "`back sliced` (Slice) takes [1] to [2] of the axes [0]";
    refused(|graph| named(graph, "back sliced").input[3] = "number 0".into(), time);
    let one = "reads one direction of the layer before it";
    refused(|graph| named(graph, "batch second").input[0] = "back turned".into(), one);
}

/// Two layers with nodes of our own between them.
fn between(bidirectional: bool, nodes: &[(&str, &[i64])]) -> Result<usize, String> {
    let model = model("lstm", 2, bidirectional);
    let file = onnx::layers(&model, &model.first_parameters(1).unwrap(), false).unwrap();
    let mut file = proto::Model::decode(&file[..]).unwrap();
    let graph = file.graph.as_mut().unwrap();
    let mut name = "l0/Y".to_string();
    for (k, &(op, numbers)) in nodes.iter().enumerate() {
        let next = format!("between {k}");
        let mut made = node(op, &next, &[&name]);
        let list =
            |name: &str| proto::Attribute { ints: numbers.into(), ..attribute(name, AttributeType::Ints) };
        match op {
            "Transpose" if numbers.is_empty() => {}
            "Transpose" => made.attribute.push(list("perm")),
            "Cast" => made
                .attribute
                .push(proto::Attribute { i: Some(numbers[0]), ..attribute("to", AttributeType::Int) }),
            "Identity" | "Dropout" | "Relu" | "Flatten" => {}
            _ => {
                let given = format!("{next} given");
                graph.initializer.push(proto::Tensor {
                    name: given.clone(),
                    dims: vec![i64::try_from(numbers.len()).unwrap()],
                    data_type: proto::DataType::Int64 as i32,
                    int64_data: numbers.into(),
                    ..proto::Tensor::default()
                });
                made.input.push(given);
            }
        }
        graph.node.push(made);
        name = next;
    }
    let second = graph.node.iter_mut().filter(|node| node.op_type == "LSTM").nth(1).unwrap();
    second.input[0] = name;
    let imported = import::onnx(&file.encode_to_vec(), Path::new(""));
    imported.map(|imported| imported.layers).map_err(|error| error.to_string())
}

/// What stands between two layers is followed axis by axis: only what keeps [time, batch, feature] is taken.
#[test]
fn what_stands_between_layers_is_followed() {
    let turn = ("Transpose", &[0, 2, 1, 3][..]);
    let join = ("Reshape", &[0, 0, -1][..]);
    for (bidirectional, nodes) in [
        (true, &[turn, join][..]),
        (true, &[turn, ("Reshape", &[0, -1, 8])]),
        (true, &[turn, join, ("Dropout", &[]), ("Identity", &[]), ("Cast", &[1])]),
        (true, &[turn, join, ("Unsqueeze", &[-1]), ("Squeeze", &[3])]),
        (true, &[("Transpose", &[3, 1, 2, 0]), ("Transpose", &[3, 2, 1, 0]), join]),
        (false, &[("Squeeze", &[1])]),
        (false, &[("Squeeze", &[-3])]),
        (false, &[turn, join]),
        (false, &[turn, ("Squeeze", &[2])]),
        (false, &[("Squeeze", &[1]), ("Transpose", &[1, 0, 2]), ("Transpose", &[1, 0, 2])]),
    ] {
        assert_eq!(between(bidirectional, nodes), Ok(2), "{nodes:?}");
    }
    let interchanged = "`l1/Y` (LSTM) reads the layer before it with time and batch interchanged";
    for (bidirectional, nodes, says) in [
        (false, &[("Squeeze", &[1][..]), ("Transpose", &[1, 0, 2])][..], interchanged),
        (false, &[("Squeeze", &[1]), ("Transpose", &[0, 2, 1])], "but not as [time, batch, feature]"),
        (
            false,
            &[("Squeeze", &[1]), ("Transpose", &[0, 0, 2])],
            "does not name each axis of [time, batch, feature] once",
        ),
        (false, &[("Transpose", &[])], "but not as [time, batch, feature]"),
        (false, &[("Squeeze", &[])], "takes out the axes [] of [time, 1, batch, feature]"),
        (false, &[("Squeeze", &[0])], "takes out the axes [0] of"),
        (true, &[("Squeeze", &[1])], "takes out the axes [1] of [time, direction, batch, unit]"),
        (true, &[turn, ("Reshape", &[5, 2, -1])], "makes [5, 2, -1] of [time, batch, direction, unit]"),
        (true, &[turn, ("Reshape", &[-1, 0, 8, 1])], "between 1` (Reshape) between two layers makes"),
        (true, &[join], "makes [0, 0, -1] of [time, direction, batch, unit]"),
        (true, &[("Transpose", &[0, 2, 3, 1]), join], "makes [0, 0, -1] of [time, batch, unit, direction]"),
        (true, &[turn, join, ("Cast", &[10])], "(Cast) between two layers rounds"),
        (true, &[turn, join, ("Relu", &[])], "`Relu` stands between"),
        (true, &[turn, join, ("Flatten", &[])], "`Flatten` stands between"),
    ] {
        let error = between(bidirectional, nodes);
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{nodes:?}: {error:?}");
    }
}

/// First states that are inputs are told; peepholes that are zero are none.
#[test]
fn what_changes_nothing_is_taken() {
    let given = changed("lstm", |node| {
        node.input = ["x", "l0/W", "l0/R", "l0/B", "", "x", ""].map(String::from).into();
    });
    assert_eq!(given.unwrap().first_states, ["x"]);
    let with = |peepholes: f32| {
        let model = model("lstm", 1, false);
        let file = onnx::layers(&model, &model.first_parameters(1).unwrap(), false).unwrap();
        let mut file = proto::Model::decode(&file[..]).unwrap();
        let graph = file.graph.as_mut().unwrap();
        graph.initializer.push(proto::Tensor {
            name: "P".into(),
            dims: vec![1, 12],
            data_type: proto::DataType::Float as i32,
            float_data: vec![peepholes; 12],
            ..proto::Tensor::default()
        });
        graph.node[0].input = ["x", "l0/W", "l0/R", "l0/B", "", "", "", "P"].map(String::from).into();
        import::onnx(&file.encode_to_vec(), Path::new("")).map_err(|error| error.to_string())
    };
    assert_eq!(with(0.0).unwrap().cell, "lstm");
    assert!(with(0.5).unwrap_err().contains("has peepholes"));
}

/// Weights that are laid out by nodes which do not fit are refused by their names.
#[test]
fn weights_that_are_laid_out_wrongly_are_refused() {
    let of = |op: &str, inputs: &[&str], numbers: &[i64]| {
        let model = model("lstm", 1, false);
        let file = onnx::layers(&model, &model.first_parameters(1).unwrap(), false).unwrap();
        let mut file = proto::Model::decode(&file[..]).unwrap();
        let graph = file.graph.as_mut().unwrap();
        let mut made = node(op, "made", inputs);
        let what = ["perm", "axes"][usize::from(op == "Unsqueeze")];
        if op == "Concat" {
            made.attribute
                .push(proto::Attribute { i: Some(numbers[0]), ..attribute("axis", AttributeType::Int) });
        } else {
            made.attribute
                .push(proto::Attribute { ints: numbers.into(), ..attribute(what, AttributeType::Ints) });
        }
        graph.node[0].input[1] = "made".into();
        graph.node.insert(1, made);
        import::onnx(&file.encode_to_vec(), Path::new("")).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(of("Transpose", &["l0/W"], &[0, 1, 2]), Ok(()));
    for (op, inputs, numbers, says) in [
        ("Transpose", &["l0/W"][..], &[0, 2, 5][..], "`made` (Transpose) does not name each axis"),
        ("Transpose", &["l0/W"], &[0, 1, 1], "`made` (Transpose) does not name each axis"),
        ("Transpose", &["l0/W"], &[0, 1], "`made` (Transpose) does not name each axis"),
        ("Unsqueeze", &["l0/W"], &[9], "`made` (Unsqueeze) names axes that its result does not have"),
        ("Unsqueeze", &["l0/W"], &[0, 0], "`made` (Unsqueeze) names axes"),
        ("Concat", &["l0/W", "l0/W"], &[7], "`made` (Concat) joins weights along an axis"),
        ("Concat", &["l0/W", "l0/B"], &[0], "`made` (Concat) joins weights along an axis"),
        ("Identity", &[], &[], "`made` (Identity) has no operand"),
        ("Concat", &[], &[0], "`made` (Concat) has no operand"),
        ("Gemm", &["l0/W"], &[], "has weights that are computed by `Gemm`"),
    ] {
        let error = of(op, inputs, numbers);
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{op}: {error:?}");
    }
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
