//! Output as a graph collection for Google's Model Explorer, whose input format is declared in
//! `src/ui/src/components/visualizer/common/input_graph.ts` of its repository.
//!
//! A node's namespace is `part/layer/step/gate`, so the explorer opens with two boxes, each of which opens into
//! layers, a layer into steps, and a step into gates. Edges and node numbers are those of the text dump.

use super::Options;
use super::cut::View;
use super::group;
use super::scene::Scene;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Serialize)]
struct GraphCollection<'a> {
    label: &'a str,
    graphs: [OneGraph; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OneGraph {
    id: &'static str,
    nodes: Vec<GraphNode>,
    group_node_attributes: BTreeMap<String, BTreeMap<&'static str, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphNode {
    id: String,
    label: String,
    namespace: String,
    attrs: Vec<KeyValue>,
    incoming_edges: Vec<IncomingEdge>,
    outputs_metadata: [MetadataItem; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<Style>,
}

#[derive(Serialize)]
struct KeyValue {
    key: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the format's names
struct IncomingEdge {
    source_node_id: String,
    source_node_output_id: &'static str,
    target_node_input_id: String,
}

#[derive(Serialize)]
struct MetadataItem {
    id: &'static str,
    attrs: [KeyValue; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Style {
    background_color: &'static str,
    border_color: &'static str,
}

pub(super) fn write(view: &View, options: &Options) -> String {
    let graph = view.graph;
    let scene = Scene::new(view);
    // Nodes that pictures draw have the same labels and colours here.
    let drawn: HashMap<usize, usize> =
        scene.items.iter().enumerate().map(|(k, item)| (item.node, k)).collect();
    let mut incoming: HashMap<usize, Vec<IncomingEdge>> = HashMap::new();
    for u in view.uses().iter().filter(|u| view.has(u.operand)) {
        incoming.entry(u.to).or_default().push(IncomingEdge {
            source_node_id: u.from.to_string(),
            source_node_output_id: "0",
            target_node_input_id: u.port.to_string(),
        });
    }
    let mut groups: BTreeMap<String, BTreeMap<&'static str, String>> = BTreeMap::new();
    groups.insert(String::new(), BTreeMap::from([("nodes", view.len().to_string())]));
    let node = |i: usize| {
        let (node, item) = (graph.at(i), drawn.get(&i).map(|&k| &scene.items[k]));
        let names: Vec<String> = group::path(view, i).iter().map(|name| component(name)).collect();
        if let Some(step) =
            node.origin.step.map(|step| group::column(view, step)).filter(|step| step.group.len() > 1)
        {
            let depth = 1 + usize::from(node.origin.layer.is_some()) + 1;
            let attributes =
                BTreeMap::from([("steps", step.label()), ("times", step.group.len().to_string())]);
            groups.insert(names[..depth].join("/"), attributes);
        }
        let mut attrs = vec![("name", graph.name_at(i)), ("op", node.op.name().into())];
        attrs.push(("attributes", node.op.attributes()));
        attrs.push(("place", node.origin.place.to_string()));
        attrs.extend(node.origin.role.of().map(|of| ("belongs to", graph.name_at(of as usize))));
        GraphNode {
            id: i.to_string(),
            label: item.map_or_else(|| node.op.attributes(), |item| item.title.clone()),
            namespace: names.join("/"),
            attrs: attrs
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| KeyValue { key, value })
                .collect(),
            incoming_edges: incoming.remove(&i).unwrap_or_default(),
            outputs_metadata: [MetadataItem {
                id: "0",
                attrs: [KeyValue { key: "shape", value: node.ty.to_string() }],
            }],
            style: item
                .map(|item| item.class.paint())
                .map(|paint| Style { background_color: paint.fill, border_color: paint.edge }),
        }
    };
    let nodes = view.nodes().map(node).collect();
    let label = options.title.as_deref().unwrap_or("computation graph");
    let graphs = [OneGraph { id: "unrolled", nodes, group_node_attributes: groups }];
    serde_json::to_string_pretty(&GraphCollection { label, graphs })
        .expect("strings, numbers and arrays are always JSON")
}

/// A name as a component of a namespace, without slashes.
fn component(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c == '/' { '∕' } else { c }).filter(|c| !c.is_control()).collect();
    if name.is_empty() { "_".into() } else { name }
}
