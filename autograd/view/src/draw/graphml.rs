//! Output as `GraphML` (<http://graphml.graphdrawing.org>), for yEd, Gephi, Cytoscape, igraph and networkx.
//!
//! Nodes and edges are in one flat graph. Attributes give the groups, because readers fold by attributes (a partition
//! in Gephi, `quotient_graph` in networkx), and few of them read nested graphs. Absent attributes are omitted.
//!
//! | attribute of a node | value |
//! |---|---|
//! | `name`, `label` | the full name, and what the pictures write |
//! | `op`, `attributes`, `kind`, `shape` | as in the JSON dump; the sizes of the axes with commas between |
//! | `part` | `forward` or `backward` |
//! | `layer`, `step`, `gate` | who made it: fold by any of them |
//! | `of` | of a backward node, the node it belongs to |
//! | `times` | of a node that stands for those of several steps, of how many |
//! | `colour` | that of the pictures |
//!
//! Of an edge: `port`, which operand of its target it is; `lag`, how many steps later the target is.

use super::Options;
use super::cut::{Part, View};
use super::group;
use super::scene::Scene;
use super::xml::Escaped;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// Name, type and element of each attribute.
const KEYS: [(&str, &str, &str); 16] = [
    ("title", "string", "graph"),
    ("name", "string", "node"),
    ("label", "string", "node"),
    ("op", "string", "node"),
    ("attributes", "string", "node"),
    ("kind", "string", "node"),
    ("shape", "string", "node"),
    ("part", "string", "node"),
    ("layer", "string", "node"),
    ("step", "int", "node"),
    ("gate", "string", "node"),
    ("of", "string", "node"),
    ("times", "int", "node"),
    ("colour", "string", "node"),
    ("port", "int", "edge"),
    ("lag", "int", "edge"),
];

pub(super) fn write(view: &View, options: &Options) -> String {
    let mut xml = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut xml, view, options);
    xml
}

fn draw(to: &mut String, view: &View, options: &Options) -> fmt::Result {
    to.write_str(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\"",
        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
        " xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns",
        " http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">\n"
    ))?;
    for (name, kind, of) in KEYS {
        writeln!(to, r#"  <key id="{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>"#)?;
    }
    writeln!(to, r#"  <graph id="unrolled" edgedefault="directed">"#)?;
    if let Some(title) = &options.title {
        writeln!(to, r#"    <data key="title">{}</data>"#, Escaped(title))?;
    }
    let scene = Scene::new(view);
    let drawn: HashMap<usize, usize> =
        scene.items.iter().enumerate().map(|(k, item)| (item.node, k)).collect();
    for i in view.nodes() {
        writeln!(to, r#"    <node id="n{i}">"#)?;
        let item = drawn.get(&i).map(|&k| &scene.items[k]);
        for (key, value) in attributes(view, i) {
            writeln!(to, r#"      <data key="{key}">{}</data>"#, Escaped(&value))?;
        }
        if let Some(item) = item {
            writeln!(to, r#"      <data key="label">{}</data>"#, Escaped(&item.title))?;
            writeln!(to, r#"      <data key="colour">{}</data>"#, item.class.paint().edge)?;
        }
        writeln!(to, "    </node>")?;
    }
    let step = |i: usize| view.graph.at(i).origin.step.map(i64::from);
    for (k, u) in view.uses().iter().filter(|u| view.has(u.operand)).enumerate() {
        write!(to, r#"    <edge id="e{k}" source="n{}" target="n{}">"#, u.from, u.to)?;
        write!(to, r#"<data key="port">{}</data>"#, u.port)?;
        if let (Some(from), Some(target)) = (step(u.operand), step(u.user)) {
            write!(to, r#"<data key="lag">{}</data>"#, target - from)?;
        }
        writeln!(to, "</edge>")?;
    }
    to.write_str("  </graph>\n</graphml>\n")
}

fn attributes(view: &View, i: usize) -> Vec<(&'static str, String)> {
    let graph = view.graph;
    let node = graph.at(i);
    let part = if Part::of(graph, i) == Part::Forward { "forward" } else { "backward" };
    let shape: Vec<String> = node.ty.shape.iter().map(ToString::to_string).collect();
    let mut attributes = vec![("name", graph.name_at(i)), ("op", node.op.name().into())];
    attributes.extend([
        ("kind", node.ty.kind.word().into()),
        ("shape", shape.join(",")),
        ("part", part.into()),
    ]);
    let words = node.op.attributes();
    if !words.is_empty() {
        attributes.push(("attributes", words));
    }
    attributes.extend(node.origin.layer.iter().map(|layer| ("layer", layer.to_string())));
    attributes.extend(group::gate(graph, i).map(|gate| ("gate", gate.to_string())));
    attributes.extend(node.origin.role.of().map(|of| ("of", format!("n{of}"))));
    if let Some(step) = node.origin.step {
        attributes.push(("step", step.to_string()));
        let column = group::column(view, step);
        if !column.group.is_empty() {
            attributes.push(("times", column.group.len().to_string()));
        }
    }
    attributes
}
