//! Output as node-link data, without omissions.
//!
//! The keys are those of networkx: `networkx.node_link_graph(json.load(file), edges="links")`. Absent values are
//! omitted.
//!
//! | field | value |
//! |---|---|
//! | `directed`, `multigraph` | `true`: a node may use another twice |
//! | `graph.version` | the version of this schema, 1 |
//! | `graph.title` | the title from the options |
//! | `graph.steps` | the time steps that occur, ascending |
//! | `graph.rolled` | where steps stand for others that look alike: an array for each, of the step and the others |
//! | `graph.sweeps` | for each call of `grad` the `id`s of its outputs |
//! | `nodes[].id` | the number that the text dump gives the node; operands before users |
//! | `nodes[].name` | the full name: `l0/h[3]`, `∂l0/h[3]`, `W` |
//! | `nodes[].op` | the op's name: `matmul`, `input` |
//! | `nodes[].attributes` | what else makes the op what it is: `axis=1`; of a constant its value |
//! | `nodes[].kind` | `float`, `index` or `bool` |
//! | `nodes[].below` | of an index the first number that is too large |
//! | `nodes[].shape` | the sizes of the axes, outermost first |
//! | `nodes[].layer`, `nodes[].step` | who made it; steps count from 1 |
//! | `nodes[].gate` | the variable that it is, or is on the way to |
//! | `nodes[].ordinal` | of a node on the way, its number there, from 1 |
//! | `nodes[].role` | `forward`, `adjoint`, or `backward` for what lies on the way to adjoints |
//! | `nodes[].of`, `nodes[].sweep` | of an adjoint or backward node: the `id` of the node it belongs to, and which of `graph.sweeps` made it, from 0 |
//! | `nodes[].place` | `file:line` of the source that asked for it |
//! | `nodes[].value` | if values were asked for: a number, or arrays in arrays of them; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `links[].source`, `links[].target` | operand and user, by `id` |
//! | `links[].port` | which operand of the user it is, from 0; also the `key` that networkx tells parallel edges apart by |

use super::Options;
use super::cut::{Use, View};
use super::group::gate;
use autograd::graph::{Graph, Node, Role};
use autograd::ops::Op;
use autograd::{Kind, Value};
use ndarray::ArrayViewD;
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rolled: Vec<&'a [u32]>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    ordinal: u32,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<u32>,
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde gives references
fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[derive(Serialize)]
struct LinkData {
    source: usize,
    target: usize,
    port: usize,
    key: usize,
}

pub(super) fn write(view: &View, options: &Options) -> String {
    let graph = view.graph;
    let link = |u: &Use| LinkData { source: u.from, target: u.to, port: u.port, key: u.port };
    let sweeps = if options.backward { graph.sweeps() } else { &[] };
    let rolled = view.roll.iter().flat_map(|roll| &roll.groups);
    let data = NodeLink {
        directed: true,
        multigraph: true,
        graph: Attributes {
            version: VERSION,
            title: options.title.as_deref(),
            steps: view.steps(),
            rolled: rolled.filter(|group| group.len() > 1).map(Vec::as_slice).collect(),
            sweeps: sweeps.iter().map(|sweep| &sweep.outputs[..]).collect(),
        },
        nodes: view.nodes().map(|i| node(graph, i, view.values.get(&graph.id(i)))).collect(),
        links: view.uses().iter().filter(|u| view.has(u.operand)).map(link).collect(),
    };
    serde_json::to_string_pretty(&data).expect("strings, numbers and arrays are always JSON")
}

fn node<'a>(graph: &'a Graph, id: usize, value: Option<&Value<f64>>) -> NodeData<'a> {
    let Node { op, ty, origin, .. } = graph.at(id);
    let below = if let Kind::Index { below } = ty.kind { Some(below) } else { None };
    NodeData {
        id,
        name: graph.name_at(id),
        op: op.name(),
        attributes: op.attributes(),
        kind: ty.kind.word(),
        below,
        shape: &ty.shape,
        layer: origin.layer.as_deref(),
        step: origin.step,
        gate: gate(graph, id).map(|name| &**name),
        // A leaf has its own name.
        ordinal: if matches!(op, Op::Leaf(leaf) if leaf.name().is_some()) { 0 } else { origin.ordinal },
        role: match origin.role {
            Role::Forward => "forward",
            Role::Adjoint { .. } => "adjoint",
            Role::Backward { .. } => "backward",
        },
        of: origin.role.of(),
        sweep: origin.role.sweep(),
        place: origin.place.to_string(),
        value: value.map(|value| match value {
            Value::Float(a) => nested(a.view(), &real),
            Value::Index(a) => nested(a.view(), &|&i| i.into()),
            Value::Bool(a) => nested(a.view(), &|&b| b.into()),
        }),
    }
}

/// An array as nested arrays; a scalar as its element.
fn nested<T>(a: ArrayViewD<T>, element: &impl Fn(&T) -> serde_json::Value) -> serde_json::Value {
    match a.ndim() {
        0 => a.first().map_or(serde_json::Value::Null, element),
        _ => a.outer_iter().map(|row| nested(row, element)).collect(),
    }
}

fn real(x: &f64) -> serde_json::Value {
    match *x {
        x if x.is_finite() => x.into(),
        x if x.is_nan() => "NaN".into(),
        x => if x > 0.0 { "Infinity" } else { "-Infinity" }.into(),
    }
}
