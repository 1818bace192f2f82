//! The changes between two graphs: by hand, and by invariants of any pair.

#[path = "drawings/nets.rs"]
mod nets;

use autograd::{Builder, Graph, grad};
use autograd_view::diff::{Change, Diff};
use autograd_view::draw;
use expect_test::expect;
use roxmltree::Document;
use std::sync::Arc;

/// `h[t] = tanh(w ⊙ x[t] + u ⊙ h[t−1])`, optionally with a bias, and with the recurrent state squared.
fn net(steps: usize, bias: bool, squared: bool) -> Arc<Graph> {
    let g = Builder::new();
    let x = g.input("x", [steps, 2]);
    let (w, u) = (g.parameter("w", [2]), g.parameter("u", [2]));
    let b = bias.then(|| g.parameter("b", [2]));
    let mut h = g.zeros([2]).named("h[0]");
    for t in 1..=steps {
        let (_layer, _step) = (g.layer("l0"), g.step(t));
        let before = if squared { h.powi(2) } else { h };
        let sum = x.at(0, t - 1).named("x") * w + before * u;
        h = b.map_or(sum, |b| sum + b).tanh().named("h");
    }
    g.graph().unwrap()
}

#[test]
fn a_graph_does_not_differ_from_itself_built_again() {
    for build in [
        |g: &Builder| nets::elman(g, 4, true),
        |g: &Builder| nets::gru(g, 3),
        |g: &Builder| nets::lstm(g, 3, 2),
        |g: &Builder| nets::two_directions(g, 3),
    ] {
        let [a, b] = [(), ()].map(|()| {
            let g = Builder::new();
            build(&g);
            g.graph().unwrap()
        });
        let diff = Diff::new(&a, &b);
        assert!(diff.is_empty(), "{}", diff.text());
        assert_eq!(diff.merged().text(), b.text());
        // The dump of a graph equals the graph.
        let dump = draw::read_json(&draw::json(&a, &draw::Options::default())).unwrap();
        assert!(Diff::new(&dump, &b).is_empty() && Diff::new(&b, &dump).is_empty());
    }
}

#[test]
fn what_changed_is_said_once_for_all_steps() {
    let diff = Diff::new(&net(3, false, false), &net(3, true, false));
    expect![[r"
        0 nodes removed, 4 added, 3 changed, 17 the same
        + b = parameter [2]
        ~ l0/h[1..3] = tanh(x[t] ⊙ w + h[t−1] ⊙ u)
                     → tanh(x[t] ⊙ w + h[t−1] ⊙ u + b)
    "]]
    .assert_eq(&diff.text());
    let back = Diff::new(&net(3, true, false), &net(3, false, false));
    assert_eq!(back.count(Change::Removed), diff.count(Change::Added));
    assert!(back.text().contains("- b = parameter [2]\n"));
}

#[test]
fn a_step_more_is_a_step_more() {
    let diff = Diff::new(&net(2, false, false), &net(4, false, false));
    // The input and its slices are longer; then two steps of five nodes.
    assert_eq!([Change::Removed, Change::Added].map(|c| diff.count(c)), [0, 10]);
    assert!(diff.text().contains("+ l0/h[3..4] = tanh(x[t] ⊙ w + h[t−1] ⊙ u)\n"), "{}", diff.text());
}

#[test]
fn every_node_is_in_the_picture_with_its_colour() {
    let diff = Diff::new(&net(3, true, false), &net(3, false, true));
    let svg = draw::diff(&diff, diff.merged(), &draw::Options::default());
    let xml = Document::parse(&svg).unwrap();
    let stroked = |colour: &str| {
        let nodes = xml.descendants().filter(|n| n.attribute("class") == Some("node"));
        nodes.filter(|n| n.children().any(|r| r.attribute("stroke") == Some(colour))).count()
    };
    // The bias and its sums; the squares. (A number has no box, but none changed.)
    assert_eq!(stroked("#c62828"), diff.count(Change::Removed));
    assert_eq!(stroked("#1e8a3c"), diff.count(Change::Added));
    assert_eq!((diff.count(Change::Removed), diff.count(Change::Added)), (4, 3));
    let dashed = |n: &roxmltree::Node| {
        n.attribute("class") == Some("edge") && n.attribute("stroke-dasharray").is_some()
    };
    assert!(xml.descendants().any(|n| dashed(&n)));
}

#[test]
fn derivatives_are_compared_too() {
    let with_grad = |squared: bool| {
        let g = Builder::resume(net(3, false, squared));
        let graph = g.graph().unwrap();
        let [h, w] = ["l0/h[3]", "w"].map(|name| g.expr(graph.find(name).unwrap()));
        grad(h.sum(), &[w]);
        g.graph().unwrap()
    };
    let diff = Diff::new(&with_grad(false), &with_grad(true));
    assert!(diff.text().lines().any(|line| line.starts_with("~ ∂l0/h[1..2]")), "{}", diff.text());
    // The last state is not squared before the loss: its adjoint is unchanged.
    let lines: Vec<String> = diff.text().lines().map(String::from).collect();
    assert!(
        !lines.iter().any(|line| line.contains(" ∂l0/h[3] =") || line.contains(" ∂l0/h[1..3] =")),
        "{lines:?}"
    );
}
