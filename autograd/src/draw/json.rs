//! The graph as node-link data, with nothing left out.
//!
//! The keys are those that networkx writes and reads:
//! `networkx.node_link_graph(json.load(file), edges="links")`. Absent values are left out.
//!
//! | field | value |
//! |---|---|
//! | `directed`, `multigraph` | `true`: a node may use another twice |
//! | `graph.version` | the version of this schema, 1 |
//! | `graph.title` | the title from the options |
//! | `graph.steps` | the time steps that occur, ascending |
//! | `graph.sweeps` | for each call of `grad` the `id`s of its outputs |
//! | `nodes[].id` | the number that the text dump gives the node; operands before users |
//! | `nodes[].name` | the full name: `l0/h[3]`, `∂l0/h[3]`, `W` |
//! | `nodes[].op` | the op's name: `matmul`, `input` |
//! | `nodes[].attributes` | what else makes the op what it is: `axis=1`; of a constant its value |
//! | `nodes[].kind` | `float`, `index` or `bool` |
//! | `nodes[].below` | of an index the first number that is too large |
//! | `nodes[].shape` | the sizes of the axes, outermost first |
//! | `nodes[].layer`, `nodes[].step` | who made it; steps count from 1 |
//! | `nodes[].role` | `forward`, `adjoint`, or `backward` for what lies on the way to adjoints |
//! | `nodes[].of`, `nodes[].sweep` | of an adjoint or backward node: the `id` of the node it belongs to, and which of `graph.sweeps` made it, from 0 |
//! | `nodes[].place` | `file:line` of the source that asked for it |
//! | `links[].source`, `links[].target` | operand and user, by `id` |
//! | `links[].port` | which operand of the user it is, from 0; also the `key` that networkx tells parallel edges apart by |

use super::Options;
use super::scene::shown;
use crate::graph::{Graph, Node, Role};
use crate::shape::Kind;
use serde::Serialize;

/// The version of the schema above.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct NodeLink<'a> {
    directed: bool,
    multigraph: bool,
    graph: Attributes<'a>,
    nodes: Vec<NodeData<'a>>,
    links: Vec<LinkData>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    steps: Vec<u32>,
    sweeps: Vec<&'a [u32]>,
}

#[derive(Serialize)]
struct NodeData<'a> {
    id: usize,
    name: String,
    op: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    attributes: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<usize>,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<u32>,
    place: String,
}

#[derive(Serialize)]
struct LinkData {
    source: usize,
    target: usize,
    port: usize,
    key: usize,
}

pub(super) fn write(graph: &Graph, options: &Options) -> String {
    let shown = shown(graph, options.backward);
    let ids = || (0..graph.len()).filter(|&i| shown[i]);
    let mut steps: Vec<u32> = ids().filter_map(|i| graph.at(i).origin.step).collect();
    steps.sort_unstable();
    steps.dedup();
    let link = |target: usize| {
        graph.operands_at(target).enumerate().map(move |(port, source)| LinkData {
            source,
            target,
            port,
            key: port,
        })
    };
    let sweeps = if options.backward { graph.sweeps() } else { &[] };
    let data = NodeLink {
        directed: true,
        multigraph: true,
        graph: Attributes {
            version: VERSION,
            title: options.title.as_deref(),
            steps,
            sweeps: sweeps.iter().map(|sweep| &sweep.outputs[..]).collect(),
        },
        nodes: ids().map(|i| node(graph, i)).collect(),
        links: ids().flat_map(link).collect(),
    };
    serde_json::to_string_pretty(&data).expect("strings, numbers and arrays are always JSON")
}

fn node(graph: &Graph, id: usize) -> NodeData<'_> {
    let Node { op, ty, origin, .. } = graph.at(id);
    let (kind, below) = match ty.kind {
        Kind::Float => ("float", None),
        Kind::Index { below } => ("index", Some(below)),
        Kind::Bool => ("bool", None),
    };
    NodeData {
        id,
        name: graph.name_at(id),
        op: op.name(),
        attributes: op.attributes(),
        kind,
        below,
        shape: &ty.shape,
        layer: origin.layer.as_deref(),
        step: origin.step,
        role: match origin.role {
            Role::Forward => "forward",
            Role::Adjoint { .. } => "adjoint",
            Role::Backward { .. } => "backward",
        },
        of: origin.role.of(),
        sweep: origin.role.sweep(),
        place: origin.place.to_string(),
    }
}
