//! Drawings show the graph exactly once and keep to the layout: time to the right, all steps alike, no overlapping
//! boxes.

#[path = "drawings/nets.rs"]
mod nets;

use autograd::{Builder, Graph, NodeId, grad};
use autograd_view::draw::{self, Detail};
use expect_test::expect;
use rnn_lab::study::NetSpec;
use roxmltree::{Document, Node};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

fn graph(build: impl Fn(&Builder)) -> Arc<Graph> {
    let g = Builder::new();
    build(&g);
    g.graph().unwrap()
}

fn without_steps(g: &Builder) {
    let (x, w) = (g.input("x", [4, 3]), g.parameter("w", [2, 3]));
    grad(x.linear(w).tanh().sum(), &[w]);
}

fn all() -> Vec<(&'static str, Arc<Graph>)> {
    vec![
        ("elman", graph(|g| nets::elman(g, 3, false))),
        ("cut", graph(|g| nets::elman(g, 4, true))),
        ("lstm", graph(|g| nets::lstm(g, 5, 2))),
        ("gru", graph(|g| nets::gru(g, 4))),
        ("two directions", graph(|g| nets::two_directions(g, 4))),
        ("no step", graph(without_steps)),
    ]
}

fn options() -> [draw::Options; 2] {
    [draw::Options::default(), draw::Options::forward()]
}

/// Operand, user and port.
type Edge = (usize, usize, usize);

fn edges(graph: &Graph, ids: impl Iterator<Item = NodeId>) -> Vec<Edge> {
    let of = |id: NodeId| {
        let operands = graph.operands(id).unwrap().enumerate();
        operands.map(move |(port, x)| (x.index(), id.index(), port)).collect::<Vec<_>>()
    };
    let mut edges: Vec<Edge> = ids.flat_map(of).collect();
    edges.sort_unstable();
    edges
}

/// The nodes with a box by the rules of the pictures: all but single numbers, which are in their users' boxes unless
/// they are adjoints.
fn boxed(graph: &Graph, backward: bool) -> Vec<NodeId> {
    let is_number = |id: &NodeId| {
        let node = graph.node(*id).unwrap();
        node.op.name() == "constant" && !matches!(node.origin.role, autograd::graph::Role::Adjoint { .. })
    };
    let is_shown = |id: &NodeId| backward || graph[*id].origin.role.of().is_none();
    graph.ids().filter(is_shown).filter(|id| !is_number(id)).collect()
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} of {node:?}"))
}

fn index(node: Node, name: &str) -> usize {
    node.attribute(name).unwrap().parse().unwrap()
}

fn classed<'a, 'i>(svg: &'a Document<'i>, class: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    svg.descendants().filter(move |node| node.attribute("class") == Some(class))
}

/// Left, top, right, bottom of each box and tag, with the node of a box.
fn boxes(svg: &Document) -> Vec<(Option<usize>, [f64; 4])> {
    let frame = |group: Node| {
        let rect = group.children().find(|node| node.has_tag_name("rect")).unwrap();
        let [x, y, w, h] = ["x", "y", "width", "height"].map(|name| number(rect, name));
        (group.attribute("data-node").map(|id| id.parse().unwrap()), [x, y, x + w, y + h])
    };
    classed(svg, "node").chain(classed(svg, "tag")).map(frame).collect()
}

#[test]
fn svg_draws_every_node_and_operand_once() {
    for (name, graph) in all() {
        for options in options() {
            let text = draw::svg(&graph, &options);
            let svg = Document::parse(&text).unwrap();
            let ids = boxed(&graph, options.backward);
            let mut drawn: Vec<usize> = classed(&svg, "node").map(|node| index(node, "data-node")).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, ids.iter().map(|id| id.index()).collect::<Vec<_>>(), "{name}");

            let ends = |n: Node| ["data-from", "data-to", "data-port"].map(|a| index(n, a));
            let mut lines: Vec<Edge> =
                classed(&svg, "edge").chain(classed(&svg, "tag")).map(ends).map(Into::into).collect();
            lines.sort_unstable();
            let mut wanted = edges(&graph, ids.iter().copied());
            wanted.retain(|(from, ..)| drawn.binary_search(from).is_ok());
            assert_eq!(lines, wanted, "{name}");
        }
    }
}

#[test]
fn no_box_lies_on_another() {
    for (name, graph) in all() {
        for options in options() {
            let text = draw::svg(&graph, &options);
            let svg = Document::parse(&text).unwrap();
            let boxes = boxes(&svg);
            let root = svg.root_element();
            let (width, height) = (number(root, "width"), number(root, "height"));
            for (i, (a_node, a)) in boxes.iter().enumerate() {
                assert!(a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= width && a[3] <= height, "{name}: {a_node:?}");
                for (b_node, b) in &boxes[..i] {
                    // Coordinates are rounded to a tenth.
                    let apart = |k: usize| a[k + 2] <= b[k] + 0.11 || b[k + 2] <= a[k] + 0.11;
                    assert!(apart(0) || apart(1), "{name}: {a_node:?} {a:?} and {b_node:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn upright_and_level_lines_meet_no_box() {
    for (name, graph) in all() {
        let text = draw::svg(&graph, &draw::Options::default());
        let svg = Document::parse(&text).unwrap();
        let boxes = boxes(&svg);
        for edge in classed(&svg, "edge") {
            let ends = [index(edge, "data-from"), index(edge, "data-to")];
            for [[x0, y0], [x1, y1]] in straights(edge.attribute("d").unwrap()) {
                let [left, right] = [x0.min(x1), x0.max(x1)];
                let [top, bottom] = [y0.min(y1), y0.max(y1)];
                let hit = boxes.iter().find(|(node, b)| {
                    let own = node.is_some_and(|node| ends.contains(&node));
                    !own && left < b[2] - 0.2 && right > b[0] + 0.2 && top < b[3] - 0.2 && bottom > b[1] + 0.2
                });
                assert!(hit.is_none(), "{name}: {ends:?} at {x0},{y0} to {x1},{y1} runs through {hit:?}");
            }
        }
    }
}

/// Two lines that share a piece look like one, from the operand of the one to the user of the other.
#[test]
fn lines_of_different_ends_share_no_piece() {
    let shared = |a: [[f64; 2]; 2], b: [[f64; 2]; 2]| {
        [0, 1].into_iter().any(|along| {
            let across = 1 - along;
            let level = |p: [[f64; 2]; 2]| (p[0][across] - p[1][across]).abs() < 0.2;
            let range = |p: [[f64; 2]; 2]| [p[0][along].min(p[1][along]), p[0][along].max(p[1][along])];
            let (r, q) = (range(a), range(b));
            level(a)
                && level(b)
                && (a[0][across] - b[0][across]).abs() < 1.0
                && r[1].min(q[1]) - r[0].max(q[0]) > 1.0
        })
    };
    for (name, graph) in all() {
        for detail in [Detail::Ops, Detail::Named] {
            let text = draw::svg(&graph, &draw::Options { detail, ..Default::default() });
            let svg = Document::parse(&text).unwrap();
            let lines: Vec<_> = classed(&svg, "edge")
                .map(|edge| {
                    (
                        [index(edge, "data-from"), index(edge, "data-to")],
                        straights(edge.attribute("d").unwrap()),
                    )
                })
                .collect();
            for (i, (a, pieces)) in lines.iter().enumerate() {
                for (b, others) in lines[..i].iter().filter(|(b, _)| a[0] != b[0] && a[1] != b[1]) {
                    let piece = pieces.iter().find(|&&p| others.iter().any(|&q| shared(p, q)));
                    assert!(piece.is_none(), "{name}, {detail:?}: {a:?} and {b:?} share {piece:?}");
                }
            }
        }
    }
}

/// The straight pieces of a path of absolute commands.
fn straights(path: &str) -> Vec<[[f64; 2]; 2]> {
    let point = |text: &str| {
        let (x, y) = text.split_once(',').unwrap();
        [x.parse().unwrap(), y.parse().unwrap()]
    };
    let starts: Vec<usize> = path.match_indices(|c: char| c.is_ascii_alphabetic()).map(|(i, _)| i).collect();
    let ends = starts.iter().skip(1).copied().chain([path.len()]);
    let (mut pieces, mut at) = (Vec::new(), [0.0; 2]);
    for (start, end) in starts.iter().copied().zip(ends) {
        let to = point(path[start + 1..end].split(' ').next_back().unwrap());
        if path[start..].starts_with('L') {
            pieces.push([at, to]);
        }
        at = to;
    }
    pieces
}

/// An arrowhead points along the last segment of its line. A last segment of length zero has no direction, and
/// browsers draw it to the right.
#[test]
fn every_line_ends_in_a_piece_that_has_a_direction() {
    for (name, graph) in all() {
        for options in options() {
            let text = draw::svg(&graph, &options);
            let svg = Document::parse(&text).unwrap();
            for edge in classed(&svg, "edge") {
                let path = edge.attribute("d").unwrap();
                let numbers =
                    path.split(|c: char| c.is_ascii_alphabetic() || c == ' ').filter(|p| !p.is_empty());
                let all: Vec<[f64; 2]> = numbers
                    .map(|p| p.split_once(',').unwrap())
                    .map(|(x, y)| [x.parse().unwrap(), y.parse().unwrap()])
                    .collect();
                let (end, before) = (all[all.len() - 1], all[all.len() - 2]);
                let length = (end[0] - before[0]).hypot(end[1] - before[1]);
                assert!(length > 0.15, "{name}: {path}");
            }
        }
    }
}

/// A node's step and its name without the step.
fn step_and_name(graph: &Graph, node: usize) -> Option<(u32, String)> {
    let id = graph.ids().nth(node).unwrap();
    let step = graph[id].origin.step?;
    Some((step, graph.name(id).unwrap().replace(&format!("[{step}]"), "[t]")))
}

/// The points of a line, with curves as polylines.
fn points(path: &str) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = Vec::new();
    for piece in path.split_inclusive(|c: char| c.is_ascii_alphabetic()).collect::<Vec<_>>().windows(2) {
        let kind = piece[0].chars().last().unwrap();
        let numbers = piece[1].trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let numbers: Vec<f64> = numbers.split([',', ' ']).map(|x| x.parse().unwrap()).collect();
        let to: Vec<[f64; 2]> = numbers.chunks(2).map(|p| [p[0], p[1]]).collect();
        match (kind, &to[..]) {
            ('C', &[b, c, d]) => {
                let a = *points.last().unwrap();
                points.extend((1..=16).map(|k| {
                    let (t, s) = (f64::from(k) / 16.0, 1.0 - f64::from(k) / 16.0);
                    let at = |i: usize| {
                        s * s * s * a[i] + 3.0 * s * s * t * b[i] + 3.0 * s * t * t * c[i] + t * t * t * d[i]
                    };
                    [at(0), at(1)]
                }));
            }
            _ => points.extend(to),
        }
    }
    points
}

/// Whether two segments cross, rather than only touch.
fn cross([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> bool {
    let side =
        |p: [f64; 2], q: [f64; 2], r: [f64; 2]| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
    side(a, b, c) * side(a, b, d) < -1e-6 && side(c, d, a) * side(c, d, b) < -1e-6
}

/// The computation within a step of these cells is a planar graph, except for edges from other steps, which may pass
/// under.
#[test]
fn no_line_crosses_another_on_its_way_up() {
    for (name, graph) in all() {
        let text = draw::svg(&graph, &draw::Options::forward());
        let svg = Document::parse(&text).unwrap();
        let rises: Vec<(usize, usize, Vec<[f64; 2]>)> = classed(&svg, "edge")
            .filter(|edge| !edge.attribute("d").unwrap().contains('Q'))
            .map(|edge| {
                (index(edge, "data-from"), index(edge, "data-to"), points(edge.attribute("d").unwrap()))
            })
            .collect();
        assert!(!rises.is_empty());
        for (i, (from, to, a)) in rises.iter().enumerate() {
            for (other_from, other_to, b) in rises[..i].iter().filter(|other| other.0 != *from) {
                let crosses = a.windows(2).any(|p| b.windows(2).any(|q| cross([p[0], p[1]], [q[0], q[1]])));
                assert!(!crosses, "{name}: {from} → {to} and {other_from} → {other_to}");
            }
        }
    }
}

#[test]
fn steps_look_alike_and_time_runs_to_the_right() {
    for (name, graph) in all() {
        let text = draw::svg(&graph, &draw::Options::default());
        let svg = Document::parse(&text).unwrap();
        let mut places: HashMap<String, Vec<(u32, [f64; 4])>> = HashMap::new();
        for (node, frame) in boxes(&svg).into_iter().filter_map(|(node, frame)| Some((node?, frame))) {
            // Numbers of intermediate nodes differ between the first, the last and the other steps.
            if let Some((step, name)) = step_and_name(&graph, node).filter(|(_, name)| !name.contains('#')) {
                places.entry(name).or_default().push((step, frame));
            }
        }
        let mut pitch: Option<f64> = None;
        for (node, mut places) in places {
            places.sort_by_key(|(step, _)| *step);
            // Initial states have a narrow column.
            places.retain(|(step, _)| *step > 0);
            for pair in places.windows(2) {
                let [(t, a), (u, b)] = [pair[0], pair[1]];
                let shift = (b[0] - a[0]) / f64::from(u - t);
                assert!(shift > b[2] - b[0], "{name}: {node} does not move to the right");
                assert!(
                    (shift - *pitch.get_or_insert(shift)).abs() < 0.11,
                    "{name}: {node} moves by {shift}"
                );
                assert!(
                    (a[1] - b[1]).abs() < 0.11 && (a[3] - b[3]).abs() < 0.11,
                    "{name}: {node} {a:?} {b:?}"
                );
            }
        }
    }
}

#[test]
fn the_derivative_mirrors_the_computation() {
    let graph = graph(|g| nets::lstm(g, 3, 2));
    let text = draw::svg(&graph, &draw::Options::default());
    let svg = Document::parse(&text).unwrap();
    let middle: HashMap<usize, f64> =
        boxes(&svg).into_iter().filter_map(|(node, b)| Some((node?, f64::midpoint(b[1], b[3])))).collect();
    let at = |name: &str| middle[&graph.find(name).unwrap().index()];
    // From top to bottom; y grows downwards.
    let down = ["loss", "y[2]", "l1/h[2]", "l1/gates[2]", "l0/h[2]", "l0/gates[2]", "x[2]"];
    let up = ["∂l0/gates[2]", "∂l0/h[2]", "∂l1/gates[2]", "∂l1/h[2]", "∂y[2]", "∂loss"];
    let heights: Vec<f64> = down.iter().chain(&up).map(|name| at(name)).collect();
    assert!(heights.is_sorted(), "{heights:?}");
    assert!(at("W0") < at("∂W0") && at("W1") < at("W0"));
}

#[test]
fn json_gives_the_graph_back() {
    for (name, graph) in all() {
        let json: Value = serde_json::from_str(&draw::json(&graph, &draw::Options::default())).unwrap();
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let link = |l: &Value| (number(&l["source"]), number(&l["target"]), number(&l["port"]));
        let mut links: Vec<Edge> = json["links"].as_array().unwrap().iter().map(link).collect();
        links.sort_unstable();
        assert_eq!(links, edges(&graph, graph.ids()), "{name}");
        for (id, node) in graph.ids().zip(json["nodes"].as_array().unwrap()) {
            let own = graph.node(id).unwrap();
            assert_eq!(number(&node["id"]), id.index());
            assert_eq!(node["name"], graph.name(id).unwrap());
            assert_eq!(node["op"], own.op.name());
            assert_eq!(node["step"].as_u64(), own.origin.step.map(u64::from));
            assert_eq!(node["layer"].as_str(), own.origin.layer.as_deref());
            assert_eq!(node["of"].as_u64(), own.origin.role.of().map(u64::from));
            let shape: Vec<usize> = node["shape"].as_array().unwrap().iter().map(number).collect();
            assert_eq!(*shape, *own.ty.shape);
        }
    }
}

#[test]
fn json_of_a_small_graph() {
    let graph = graph(|g| {
        let x = g.input("x", [2]);
        let (_layer, _step) = (g.layer("l0"), g.step(1));
        let _ = (x * x).named("y");
    });
    let json: Value = serde_json::from_str(&draw::json(&graph, &draw::Options::default())).unwrap();
    let mut lines: Vec<String> = vec![json["graph"].to_string()];
    lines.extend(json["links"].as_array().unwrap().iter().map(ToString::to_string));
    let mut nodes = json["nodes"].clone();
    for node in nodes.as_array_mut().unwrap() {
        let place = node.as_object_mut().unwrap().remove("place").unwrap();
        assert!(place.as_str().unwrap().contains("drawings.rs:"));
        lines.push(node.to_string());
    }
    expect![[r#"
        {"steps":[1],"sweeps":[],"version":1}
        {"key":0,"port":0,"source":0,"target":1}
        {"key":1,"port":1,"source":0,"target":1}
        {"attributes":"\"x\"","id":0,"kind":"float","name":"x","op":"input","role":"forward","shape":[2]}
        {"gate":"y","id":1,"kind":"float","layer":"l0","name":"l0/y[1]","op":"mul","role":"forward","shape":[2],"step":1}"#]]
    .assert_eq(&lines.join("\n"));
}

/// The visible edges of a Graphviz drawing, from operand to user.
fn dot_edges(dot: &str) -> Vec<(usize, usize)> {
    let edge = |line: &str| {
        let (ends, attributes) = line.trim().split_once(" [")?;
        let (a, b) = ends.split_once(" -> ")?;
        let [a, b] = [a, b].map(|n| n.strip_prefix('n').and_then(|n| n.parse().ok()));
        Some(if attributes.contains("dir=back") { (b?, a?) } else { (a?, b?) })
    };
    let mut edges: Vec<(usize, usize)> = dot.lines().filter_map(edge).collect();
    edges.sort_unstable();
    edges
}

#[test]
fn dot_has_every_node_and_operand_once() {
    for (name, graph) in all() {
        for options in options() {
            let dot = draw::dot(&graph, &options);
            let ids = boxed(&graph, options.backward);
            for id in &ids {
                assert_eq!(dot.matches(&format!(" n{} [label=", id.index())).count(), 1, "{name}");
            }
            let has_box = |i: usize| ids.iter().any(|id| id.index() == i);
            let wanted = edges(&graph, ids.iter().copied()).into_iter();
            let wanted: Vec<_> = wanted.filter(|e| has_box(e.0)).map(|(from, to, _)| (from, to)).collect();
            assert_eq!(dot_edges(&dot), wanted, "{name}");
            assert_eq!(dot.matches('{').count(), dot.matches('}').count(), "{name}");
        }
    }
}

#[test]
fn graphviz_takes_it_and_lets_time_run_to_the_right() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let graph = graph(|g| nets::elman(g, 3, true));
    let run = Command::new("dot").arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut run) = run else {
        testing::missing("dot", "install Graphviz");
        return;
    };
    let dot = draw::dot(&graph, &draw::Options::default());
    run.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    let plain = String::from_utf8(output.stdout).unwrap();
    let mut reach: HashMap<u32, [f64; 2]> = HashMap::new();
    for line in plain.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let ["node", name, x, ..] = words[..] else { continue };
        let node = name.strip_prefix('n').and_then(|n| n.parse().ok());
        if let Some((step, _)) = node.and_then(|node| step_and_name(&graph, node)) {
            let x: f64 = x.parse().unwrap();
            let [least, most] = reach.entry(step).or_insert([x, x]);
            (*least, *most) = (least.min(x), most.max(x));
        }
    }
    assert!((1..3).all(|t| reach[&t][1] < reach[&(t + 1)][0]), "{reach:?}");
}

#[test]
fn names_are_harmless() {
    const NAME: &str = "<script>alert(\"1\")</script>&\\\u{1}\n";
    let graph = graph(|g| {
        let w = g.parameter(NAME, [2]);
        let _layer = g.layer("</svg>");
        let _step = g.step(1);
        grad((w * w).named(NAME).sum(), &[w]);
    });
    let options = draw::Options { title: Some(NAME.into()), ..draw::Options::default() };
    let text = draw::svg(&graph, &options);
    let svg = Document::parse(&text).unwrap();
    assert!(svg.descendants().all(|node| !node.has_tag_name("script")));
    let shown = NAME.replace('\u{1}', "\u{fffd}");
    assert!(svg.descendants().any(|node| node.text() == Some(&shown)));
    let json: Value = serde_json::from_str(&draw::json(&graph, &options)).unwrap();
    assert_eq!(json["nodes"][0]["name"], NAME);
    let dot = draw::dot(&graph, &options);
    assert!(dot.contains(r#"label="<script>alert(\"1\")</script>&\\"#));
}

#[test]
fn a_cut_is_drawn_and_has_no_way_back() {
    let graph = graph(|g| nets::elman(g, 4, true));
    let text = draw::svg(&graph, &draw::Options::default());
    let svg = Document::parse(&text).unwrap();
    let cuts: Vec<Node> = classed(&svg, "node")
        .filter(|node| node.descendants().any(|text| text.has_tag_name("text") && text.text() == Some("✂")))
        .collect();
    assert_eq!(cuts.len(), 2);
    assert!(cuts.iter().all(|cut| cut.descendants().any(|n| n.attribute("stroke-dasharray").is_some())));
}

#[test]
fn drawings_grow_with_the_number_of_steps() {
    let size = |steps| {
        let graph = graph(|g| nets::lstm(g, steps, 2));
        let options = draw::Options::default();
        (draw::svg(&graph, &options).len() + draw::dot(&graph, &options).len()) as f64
    };
    // A constant part, a part per step, and numbers that get a digit longer.
    assert!(size(80) / size(40) < 2.2);
}

#[test]
fn a_long_chain_is_drawn() {
    let chain = graph(|g| {
        let x = g.input("x", [2]);
        let y = (0..10_000).fold(x, |y, _| y.tanh() + x);
        let _ = y.named("y");
    });
    assert!(draw::svg(&chain, &draw::Options::default()).matches("<title>").count() > 10_000);
}

/// An operand within a step is below its user, also for bidirectional layers and padded sequences; in the derivative
/// it is the reverse.
#[test]
fn rows_follow_the_data() {
    let net = NetSpec {
        cell: "gru".into(),
        steps: 4,
        layers: 2,
        batch: 3,
        bidirectional: true,
        lengths: Some(vec![4, 3, 1]),
        ..NetSpec::default()
    };
    let graph = net.network(true).unwrap().graph;
    for detail in [draw::Detail::Named, draw::Detail::Ops] {
        let text = draw::svg(&graph, &draw::Options { detail, ..draw::Options::default() });
        let svg = Document::parse(&text).unwrap();
        let at: HashMap<usize, [f64; 4]> =
            boxes(&svg).into_iter().filter_map(|(i, b)| Some((i?, b))).collect();
        for (from, to) in classed(&svg, "edge").map(|e| (index(e, "data-from"), index(e, "data-to"))) {
            let [a, b] = [from, to].map(|i| &graph.node(graph.id(i)).unwrap().origin);
            let in_step =
                a.step.is_some() && a.step == b.step && a.role.of().is_some() == b.role.of().is_some();
            assert!(!in_step || at[&from][1] > at[&to][1], "{detail:?}: {from} is not below {to}");
        }
    }
    // Two directions of two layers, and nothing else, are layers.
    let text = draw::svg(&graph, &draw::Options::default());
    let svg = Document::parse(&text).unwrap();
    assert_eq!(classed(&svg, "band").count(), 8);
}
