//! Each format parses with its own reader, agrees with the graph, and treats any name as text.

#[path = "drawings/nets.rs"]
mod nets;

use autograd::ops::{Op, Sample, Sampler};
use autograd::{Builder, Dual, Graph, NodeId, Point, Value as Array, eval, grad};
use autograd_view::draw::{self, Options, Part, View};
use ndarray::ArrayD;
use roxmltree::Document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn lstm(steps: usize) -> Arc<Graph> {
    let g = Builder::new();
    nets::lstm(&g, steps, 2);
    g.graph().unwrap()
}

/// Names with special meaning in one format or another.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "a\"b",
    "x->y",
    "line\nend",
    "&amp;%%{init}%%",
    "]:::x --> y[",
    "1. `*_a_*`",
    "a/b\\n#35;",
];

/// A graph with only such names.
fn hostile() -> Arc<Graph> {
    let g = Builder::new();
    let mut y = g.input("x", [2]);
    let mut parameters = Vec::new();
    for name in HOSTILE {
        let w = g.parameter(name, [2]);
        parameters.push(w);
        let (_layer, _step) = (g.layer(name), g.step(1));
        y = (y * w + 1.0).named(name);
    }
    grad(y.sum(), &parameters);
    g.graph().unwrap()
}

fn titled() -> Options {
    Options { title: Some(HOSTILE.concat()), ..Options::default() }
}

/// The output of a program for a text, or `None` if it is not installed and the test may be skipped. Scripts exit
/// with `3` if they miss a package.
fn read_by(program: &str, arguments: &[&str], text: &str) -> Option<String> {
    let run = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut run) = run else {
        testing::missing(program, "install it");
        return None;
    };
    // A script that misses its package does not read its input.
    let _ = run.stdin.take().unwrap().write_all(text.as_bytes());
    let output = run.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) {
        testing::missing(
            &format!("a package of {program}"),
            &format!("install what it asks for ({})", error.trim()),
        );
        return None;
    }
    assert!(output.status.success(), "{program}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Operand and user of each edge, ascending, once per operand.
fn edges(graph: &Graph) -> Vec<(usize, usize)> {
    let of =
        |id: NodeId| graph.operands(id).unwrap().map(move |x| (x.index(), id.index())).collect::<Vec<_>>();
    let mut edges: Vec<_> = graph.ids().flat_map(of).collect();
    edges.sort_unstable();
    edges
}

fn number(text: &str) -> usize {
    text.trim_start_matches('n').parse().unwrap()
}

#[test]
fn graphml_says_what_the_graph_says() {
    for graph in [lstm(3), hostile()] {
        let text = draw::graphml(&graph, &titled());
        let xml = Document::parse(&text).unwrap();
        let tagged = |tag: &'static str| xml.descendants().filter(move |n| n.has_tag_name(tag));
        let datum = |node: roxmltree::Node, key: &str| {
            node.children()
                .find(|n| n.attribute("key") == Some(key))
                .map(|n| n.text().unwrap_or("").to_string())
        };
        for (id, node) in graph.ids().zip(tagged("node")) {
            let own = graph.node(id).unwrap();
            assert_eq!(number(node.attribute("id").unwrap()), id.index());
            assert_eq!(datum(node, "name"), Some(graph.name(id).unwrap()));
            assert_eq!(datum(node, "layer").as_deref(), own.origin.layer.as_deref());
            assert_eq!(datum(node, "step"), own.origin.step.map(|s| s.to_string()));
        }
        assert_eq!(tagged("node").count(), graph.len());
        let ends = |e: roxmltree::Node| ["source", "target"].map(|end| number(e.attribute(end).unwrap()));
        let mut drawn: Vec<(usize, usize)> = tagged("edge").map(ends).map(Into::into).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, edges(&graph));
        // Every attribute in use is declared with its type.
        let keys: BTreeSet<&str> = tagged("key").filter_map(|n| n.attribute("id")).collect();
        assert!(tagged("data").all(|n| keys.contains(n.attribute("key").unwrap())));
    }
}

/// Groups by each attribute, with networkx: the numbers of groups and of nodes.
const NETWORKX: &str = r#"
import io, json, sys
try:
    import networkx
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
text = sys.stdin.read()
if text.startswith("{"):
    graph = networkx.node_link_graph(json.loads(text), edges="links")
    graph = networkx.relabel_nodes(graph, lambda n: f"n{n}")
else:
    graph = networkx.parse_graphml(text)
groups = {key: {} for key in ("layer", "step", "gate")}
for key, of in groups.items():
    for node, data in graph.nodes(data=True):
        of.setdefault(str(data.get(key, "")), set()).add(node)
folded = {key: networkx.quotient_graph(graph, list(of.values()), relabel=True) for key, of in groups.items()}
print(json.dumps({
    "nodes": [[node, data["name"]] for node, data in graph.nodes(data=True)],
    "edges": sorted([int(u[1:]), int(v[1:])] for u, v in graph.edges()),
    "groups": {key: {name: len(nodes) for name, nodes in of.items()} for key, of in groups.items()},
    "folded": {key: len(graph) for key, graph in folded.items()},
}))
"#;

#[test]
fn networkx_reads_and_folds_graphml_and_json() {
    let graph = lstm(3);
    for text in [draw::graphml(&graph, &titled()), draw::json(&graph, &titled())] {
        let Some(said) = read_by("python3", &["-c", NETWORKX], &text) else { return };
        let said: Value = serde_json::from_str(&said).unwrap();
        let read: Vec<(usize, usize)> = serde_json::from_value(said["edges"].clone()).unwrap();
        assert_eq!(read, edges(&graph));
        let names: Vec<(String, String)> = serde_json::from_value(said["nodes"].clone()).unwrap();
        assert!(
            names.iter().all(|(id, name)| *name == graph.name(graph.ids().nth(number(id)).unwrap()).unwrap())
        );
        let count = |key: &str, name: &str| said["groups"][key][name].as_u64().unwrap();
        let of = |wanted: &dyn Fn(&autograd::graph::Node) -> bool| {
            graph.ids().filter(|&id| wanted(graph.node(id).unwrap())).count() as u64
        };
        assert_eq!(count("step", "2"), of(&|n| n.origin.step == Some(2)));
        assert_eq!(count("layer", "l1"), of(&|n| n.origin.layer.as_deref() == Some("l1")));
        // Four gates, two states and the other named nodes, each once.
        assert!(count("gate", "h") > 6 && said["folded"]["layer"] == 3);
    }
    let text = draw::graphml(&hostile(), &titled());
    let said: Value = serde_json::from_str(&read_by("python3", &["-c", NETWORKX], &text).unwrap()).unwrap();
    assert!(HOSTILE.iter().all(|name| said["groups"]["gate"].get(*name).is_some()));
}

#[test]
fn mermaid_s_parser_reads_the_flowchart() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mermaid.mjs");
    for graph in [lstm(3), hostile()] {
        let text = draw::mermaid(&graph, &titled());
        let Some(said) = read_by("node", &[script], &text) else { return };
        let said: Value = serde_json::from_str(&said).unwrap();
        let boxes: BTreeMap<usize, String> = said["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| (number(n["id"].as_str().unwrap()), n["text"].as_str().unwrap().to_string()))
            .collect();
        let mut read: Vec<(usize, usize)> = said["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (number(e["start"].as_str().unwrap()), number(e["end"].as_str().unwrap())))
            .collect();
        read.sort_unstable();
        // A number is written into its users' boxes.
        let wanted: Vec<_> = edges(&graph).into_iter().filter(|(from, _)| boxes.contains_key(from)).collect();
        assert_eq!(read, wanted);
        for id in graph.parameters() {
            let name = graph.name(id).unwrap().replace('\n', "\u{fffd}");
            assert!(boxes[&id.index()].starts_with(&format!("{name}<br/>")), "{name} {}", boxes[&id.index()]);
        }
        let titles: Vec<&str> =
            said["groups"].as_array().unwrap().iter().filter_map(|g| g["title"].as_str()).collect();
        assert!(titles.contains(&"t = 1") && titles.contains(&"backward"), "{titles:?}");
    }
}

/// The elements of a value, and its shape.
fn flat(value: &Array<f64>) -> (Vec<usize>, Vec<f64>) {
    match value {
        Array::Float(a) => (a.shape().to_vec(), a.iter().copied().collect()),
        Array::Index(a) => (a.shape().to_vec(), a.iter().map(|&i| i as f64).collect()),
        Array::Bool(a) => (a.shape().to_vec(), a.iter().map(|&b| f64::from(u8::from(b))).collect()),
    }
}

/// The page computes with its own table of ops: every op on every sample, and its directional derivative, against the
/// engine's kernels in double and dual numbers.
#[test]
fn the_page_s_table_of_ops_computes_what_the_engine_computes() {
    let mut cases = Vec::new();
    for seed in 0..60 {
        let mut sampler = Sampler::new(seed);
        for Sample { op, operands } in Op::samples(&mut sampler) {
            let operator = op.operator().unwrap();
            let xs = sampler.values(&operands);
            let given: Vec<_> = xs.iter().map(flat).collect();
            let directions: Vec<Vec<f64>> = given
                .iter()
                .map(|(_, x)| (0..x.len()).map(|i| ((i + 1) as f64 * 0.7 + seed as f64).sin()).collect())
                .collect();
            let duals: Vec<Array<Dual>> = xs
                .iter()
                .zip(&directions)
                .map(|(x, d)| match x {
                    Array::Float(a) => {
                        let both = a.iter().zip(d).map(|(&value, &tangent)| Dual { value, tangent });
                        Array::Float(ArrayD::from_shape_vec(a.raw_dim(), both.collect()).unwrap())
                    }
                    Array::Index(a) => Array::Index(a.clone()),
                    Array::Bool(a) => Array::Bool(a.clone()),
                })
                .collect();
            let (shape, y) = flat(&operator.eval_f64(&xs.iter().collect::<Vec<_>>()));
            let dy: Vec<f64> = match operator.eval_dual(&duals.iter().collect::<Vec<_>>()) {
                Array::Float(a) => a.iter().map(|x| x.tangent).collect(),
                _ => vec![0.0; y.len()],
            };
            cases.push(serde_json::json!({
                "op": op.name(), "attributes": op.attributes(), "shape": shape, "y": y, "dy": dy,
                "from": given.iter().map(|g| &g.0).collect::<Vec<_>>(),
                "xs": given.iter().map(|g| &g.1).collect::<Vec<_>>(), "dxs": directions,
            }));
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/page_ops.mjs");
    let text = serde_json::to_string(&cases).unwrap();
    let Some(said) = read_by("node", &[script], &text) else { return };
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["compared"], cases.len());
    assert!(said["wrong"].as_array().unwrap().is_empty(), "{:#}", said["wrong"]);
}

#[test]
fn mermaid_labels_are_entities_where_they_could_mean_anything() {
    let text = draw::mermaid(&hostile(), &Options::default());
    for mark in ["<script", "->y", "%%", ":::x", "`", "#35;\"]"] {
        assert!(!text.contains(mark), "{mark}");
    }
    assert!(text.contains("[\"a#34;b<br/>"));
}

/// The parts of Model Explorer's `input_graph.ts` and `types.ts` in use.
#[test]
fn model_explorer_s_declarations_hold() {
    for graph in [lstm(3), hostile()] {
        let said: Value = serde_json::from_str(&draw::explorer(&graph, &titled())).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let text = |value: &Value| value.as_str().unwrap().to_string();
        assert_eq!(keys(&said), ["graphs", "label"]);
        let [one] = &said["graphs"].as_array().unwrap()[..] else { panic!("one graph") };
        assert_eq!(keys(one), ["groupNodeAttributes", "id", "nodes"]);
        let nodes = one["nodes"].as_array().unwrap();
        let ids: BTreeSet<String> = nodes.iter().map(|n| text(&n["id"])).collect();
        assert_eq!((ids.len(), nodes.len()), (graph.len(), graph.len()));
        let mut read = Vec::new();
        for (id, node) in graph.ids().zip(nodes) {
            assert!(keys(node).iter().all(|key| {
                ["id", "label", "namespace", "attrs", "incomingEdges", "outputsMetadata", "style"]
                    .contains(&key.as_str())
            }));
            assert_eq!(number(&text(&node["id"])), id.index());
            for pair in node["attrs"].as_array().unwrap() {
                assert!(!text(&pair["key"]).is_empty() && pair["value"].is_string());
            }
            for edge in node["incomingEdges"].as_array().unwrap() {
                assert_eq!(keys(edge), ["sourceNodeId", "sourceNodeOutputId", "targetNodeInputId"]);
                assert!(ids.contains(&text(&edge["sourceNodeId"])));
                read.push((number(&text(&edge["sourceNodeId"])), id.index()));
            }
            assert_eq!(text(&node["outputsMetadata"][0]["attrs"][0]["value"]), graph[id].ty.to_string());
            // No component of a namespace is empty, and names contain no slash.
            let namespace = text(&node["namespace"]);
            assert!(namespace.is_empty() || namespace.split('/').all(|part| !part.is_empty()), "{namespace}");
            assert!(namespace.split('/').count() <= 4, "{namespace}");
        }
        read.sort_unstable();
        assert_eq!(read, edges(&graph));
    }
    let said: Value = serde_json::from_str(&draw::explorer(&lstm(3), &Options::default())).unwrap();
    let find = |name: &str| {
        let nodes = said["graphs"][0]["nodes"].as_array().unwrap();
        let named = |n: &&Value| {
            n["attrs"].as_array().unwrap().iter().any(|a| a["key"] == "name" && a["value"] == name)
        };
        nodes.iter().find(named).unwrap()["namespace"].as_str().unwrap().to_string()
    };
    assert_eq!(find("l1/h[2]"), "forward/l1/t = 2/h");
    assert_eq!(find("∂l0/c[3]"), "backward/l0/t = 3/c");
    assert_eq!(find("W0"), "");
}

#[test]
fn graphviz_takes_any_name() {
    let rolled = draw::dot(View::new(&lstm(9)).rolled(), &titled());
    for text in [draw::dot(&hostile(), &titled()), rolled] {
        let Some(plain) = read_by("dot", &["-Tplain"], &text) else { return };
        assert!(plain.contains("node n0 "));
    }
}

#[test]
fn text_keeps_a_node_on_its_line() {
    assert_eq!(hostile().text().lines().count(), hostile().len());
}

#[test]
fn values_in_json_are_those_of_the_interpreter() {
    let graph = lstm(2);
    let ids: Vec<NodeId> = graph.ids().collect();
    let point = autograd_check::random_point(&graph, Point::new(), &ids, 3).unwrap();
    let values = eval(&graph, &point, &ids).unwrap();
    let view = || draw::View::new(&graph).with_values(ids.iter().copied().zip(values.clone()).collect());
    let text = draw::json(view(), &Options::default());
    let said: Value = serde_json::from_str(&text).unwrap();
    for (value, node) in values.iter().zip(said["nodes"].as_array().unwrap()) {
        let mut leaf = &node["value"];
        let mut flat = Vec::new();
        flatten(leaf, &mut flat);
        let shape: Vec<usize> = serde_json::from_value(node["shape"].clone()).unwrap();
        for &size in &shape {
            assert_eq!(leaf.as_array().unwrap().len(), size);
            leaf = &leaf[0];
        }
        if let Array::Float(a) = value {
            assert_eq!(flat, a.iter().copied().collect::<Vec<_>>());
        }
    }
    // Pictures have them in the boxes: a scalar as it is, more as their norm.
    let loss = graph.find("loss").unwrap();
    // Mermaid writes a digit at the start of a line by its number.
    let written = &format!("{:.3}", values[loss.index()].scalar().unwrap())[1..];
    let state = graph.find("l0/h[2]").unwrap();
    let norm = autograd::norm(values[state.index()].float().iter());
    for detail in [draw::Detail::Named, draw::Detail::Ops] {
        let options = Options { detail, ..Options::default() };
        for picture in
            [draw::svg(view(), &options), draw::dot(view(), &options), draw::mermaid(view(), &options)]
        {
            assert!(
                picture.contains(written) && picture.contains(&format!("‖·‖ {norm:.4}")),
                "{detail:?}: {written}, {norm:.3}: {picture}"
            );
        }
    }
    let all =
        ids.iter().map(|&id| (id, ndarray::arr1(&[f64::NAN, f64::INFINITY, -f64::INFINITY, 1.0]).into()));
    let odd = draw::json(draw::View::new(&graph).with_values(all.collect()), &Options::default());
    let said: Value = serde_json::from_str(&odd).unwrap();
    assert_eq!(said["nodes"][0]["value"].to_string(), r#"["NaN","Infinity","-Infinity",1.0]"#);
}

fn flatten(value: &Value, to: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|v| flatten(v, to)),
        value => to.extend(value.as_f64()),
    }
}

/// The steps of a rolled view, by hand: for an LSTM over T steps, the second to the last but one are similar.
#[test]
fn a_rolled_net_has_its_first_step_its_last_and_one_between() {
    let (five, long) = (lstm(5), lstm(60));
    let sizes = [&five, &long].map(|graph| View::new(graph).rolled().len());
    assert_eq!(sizes[0], sizes[1]);
    let text = draw::svg(View::new(&long).rolled(), &Options::default());
    for word in ["t = 1<", "t = 2 … 59", "×58", "t = 60<", "h[t]<"] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("h[30]"));
    // The cell of an LSTM reads itself: a line from the box to the box.
    let named = Options { detail: draw::Detail::Named, ..Options::default() };
    let dot = draw::dot(View::new(&long).rolled(), &named);
    for state in ["c[t]", "∂c[t]"] {
        let node = dot.lines().find(|line| line.contains(&format!("\"{state}\""))).unwrap();
        let node = node.split_whitespace().next().unwrap();
        assert!(dot.contains(&format!(" {node} -> {node} ")), "{state}\n{dot}");
    }
    // A drawn node represents its counterparts in all steps: none is lost.
    let json: Value =
        serde_json::from_str(&draw::json(View::new(&long).rolled(), &Options::default())).unwrap();
    assert_eq!(json["graph"]["rolled"][0].as_array().unwrap().len(), 58);
    let in_two = long.ids().filter(|&id| long[id].origin.step == Some(2)).count();
    let rest = long.ids().filter(|&id| matches!(long[id].origin.step, Some(3..=59))).count();
    assert_eq!(View::new(&long).len() - View::new(&long).rolled().len(), rest);
    assert_eq!(rest, 57 * in_two);
}

#[test]
fn nets_of_any_length_roll_to_one_size() {
    for build in [nets::gru, nets::two_directions] {
        let size = |steps| {
            let g = Builder::new();
            build(&g, steps);
            View::new(&g.graph().unwrap()).rolled().len()
        };
        assert_eq!(size(6), size(30));
    }
}

/// With a detached state at every second step there are two kinds of inner steps.
#[test]
fn truncation_shows_in_a_rolled_net() {
    let g = Builder::new();
    nets::elman(&g, 20, true);
    let graph = g.graph().unwrap();
    let view = View::new(&graph).rolled();
    let cuts = view.ids().filter(|&id| graph[id].op.name() == "stop_gradient").count();
    assert_eq!(cuts, 2); // one for all inner steps, one in the last step
    assert!(draw::svg(&view, &Options::default()).contains("×9"));
}

/// A selected part, and the path between two states: the number of remaining nodes.
#[test]
fn cuts_leave_what_they_say() {
    let graph = lstm(4);
    let forward = View::new(&graph).only(Part::Forward);
    let backward = View::new(&graph).only(Part::Backward);
    assert_eq!(forward.len() + backward.len(), graph.len());
    assert!(backward.ids().all(|id| graph.name(id).unwrap().starts_with('∂')));
    let svg = draw::svg(&backward, &Options::default());
    let xml = Document::parse(&svg).unwrap();
    let drawn = |class: &str| xml.descendants().filter(|n| n.attribute("class") == Some(class)).count();
    // Forward values have no box; the nodes that read them show their names.
    let numbers = |id: NodeId| {
        let node = graph.node(id).unwrap();
        node.op.name() == "constant" && !matches!(node.origin.role, autograd::graph::Role::Adjoint { .. })
    };
    assert_eq!(drawn("node"), backward.ids().filter(|&id| !numbers(id)).count());
    assert!(drawn("tag") > 0);
    let find = |name: &str| graph.find(name).unwrap();
    let way = View::new(&graph).between(find("l0/c[1]"), find("l0/c[3]")).unwrap();
    let names: Vec<String> = way.ids().map(|id| graph.name(id).unwrap()).collect();
    assert!(names.contains(&"l0/h[2]".into()) && !names.iter().any(|name| name.contains("l1/")), "{names:?}");
}
