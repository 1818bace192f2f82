//! Drawings of a graph, unrolled over time.
//!
//! A drawing of backpropagation through time should show what a teacher would put on the board: time runs from
//! left to right, layers are stacked from the input at the bottom to the output on top, every step looks like
//! every other, and the derivative lies below as the mirror image of the computation that it is the derivative
//! of. So drawings here are made from origins: the column of a node is its step, its band is its layer, and a
//! backward node stands below the forward node that it belongs to.
//!
//! A format for each reader:
//! - [`html()`] for people who want to look into it: a page that shows values, and walks through the computation.
//! - [`svg()`] for people: laid out here, with one layout for all steps, complete in one file.
//! - [`dot()`] for Graphviz, [`mermaid()`] for wikis: a cluster for each step.
//! - [`explorer()`] for Model Explorer, which folds by layer, step and gate.
//! - [`json()`] and [`graphml()`] for programs: all nodes with all that is known of them.
//!
//! All of them draw a [`View`]: the whole graph, or what cuts leave of it.
//!
//! In the pictures a constant that is a single number stands inside the box of the node that uses it (`1 −`),
//! equal constants are drawn once, and a name is written where a long line would confuse: a parameter is drawn
//! once, and a port with its name and colour stands at each of its uses.
//!
//! ```
//! use autograd::{Builder, grad};
//! use autograd_view::draw;
//!
//! let g = Builder::new();
//! let (x, w) = (g.input("x", [2, 1, 3]), g.parameter("w", [4, 3]));
//! let u = g.parameter("u", [4, 4]);
//! let mut h = g.zeros([1, 4]).named("h[0]");
//! for t in 1..=2 {
//!     let (_layer, _step) = (g.layer("l0"), g.step(t));
//!     h = (x.at(0, t - 1).linear(w) + h.linear(u)).tanh().named("h");
//! }
//! grad(h.sum(), &[w, u]);
//! let svg = draw::svg(&*g.graph()?, &draw::Options::default());
//! assert!(svg.starts_with("<svg ") && svg.contains("∂h[1]"));
//! # Ok::<(), autograd::Error>(())
//! ```

mod cut;
mod detail;
mod dot;
mod explorer;
mod graphml;
mod group;
mod html;
mod json;
mod kin;
mod label;
mod layout;
mod mermaid;
mod paint;
mod recorded;
mod scene;
mod svg;
mod xml;

pub use cut::{Part, View};
pub use detail::Detail;
pub use html::{Checked, Formula, Mention, Note, Page, Said, SourceLine, beside};
pub use recorded::read_json;

use crate::diff::Diff;
use autograd::graph::{Graph, NodeId};
use autograd::{Error, Value};
use scene::Scene;
use std::sync::Arc;

/// What to draw, and under which title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether nodes of derivatives are drawn.
    pub backward: bool,
    /// Written above the drawing.
    pub title: Option<String>,
    /// What pictures tell apart: [`svg()`], [`dot()`] and [`mermaid()`].
    pub detail: Detail,
}

impl Default for Options {
    /// Forward and backward, every node, without a title.
    fn default() -> Self {
        Self { backward: true, title: None, detail: Detail::Ops }
    }
}

impl Options {
    /// The forward part alone.
    pub fn forward() -> Self {
        Self { backward: false, ..Self::default() }
    }

    fn view<'a>(&self, view: impl Into<View<'a>>) -> View<'a> {
        let view = view.into();
        if self.backward { view } else { view.only(Part::Forward) }
    }

    fn scene<'a>(&self, view: impl Into<View<'a>>) -> Scene<'a> {
        Scene::new(&self.view(view)).in_detail(self.detail)
    }
}

/// The graph in the language of Graphviz, for `dot -Tsvg`.
pub fn dot<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    dot::write(&options.scene(view), options)
}

/// The graph as node-link data, which `networkx.node_link_graph` reads. The schema stands at the head of
/// `draw/json.rs`.
pub fn json<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    json::write(&options.view(view), options, |_| None)
}

/// The graph as node-link data with the value of each node that `value` knows, as nested arrays. What is no finite number is one
/// of the strings `NaN`, `Infinity` and `-Infinity`.
pub fn json_with_values<'a>(
    view: impl Into<View<'a>>,
    options: &Options,
    value: impl Fn(NodeId) -> Option<Value<f64>>,
) -> String {
    json::write(&options.view(view), options, value)
}

/// The graph as `GraphML`. The attributes stand at the head of `draw/graphml.rs`.
pub fn graphml<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    graphml::write(&options.view(view), options)
}

/// The graph as a flowchart of Mermaid. It draws small graphs: 500 edges and 50,000 characters are its limits.
pub fn mermaid<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    mermaid::write(&options.scene(view), options)
}

/// The graph as a graph collection for Model Explorer, to fold and unfold by layer, step and gate.
pub fn explorer<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    explorer::write(&options.view(view), options)
}

/// The nodes of a view as text: the lines of [`Graph::text`](autograd::Graph::text), with a line before them for each step that
/// stands for others.
pub fn text<'a>(view: impl Into<View<'a>>) -> String {
    let view = view.into();
    let rolled = view.roll.iter().flat_map(|roll| &roll.groups).filter(|group| group.len() > 1);
    let head = rolled.map(|group| {
        let step = scene::Step { number: group[0], group: group.clone() };
        format!("# step {} stands for {}, ×{}\n", group[0], step.label(), group.len())
    });
    head.collect::<String>() + &view.graph.lines(view.nodes())
}

/// The graph as a page to walk through: one HTML file that needs no other, for any browser, for 3 steps or 1,000.
///
/// It shows the net rolled up, unrolled and open; its computation forward and backward in order of execution; of each
/// node the equation, value, adjoint and rule; of each parameter what every step adds to its gradient; and how the
/// ways from a loss to a state shrink or grow it.
///
/// ```
/// use autograd::{Builder, Point, grad};
/// use autograd_view::draw;
///
/// let g = Builder::new();
/// let (x, w) = (g.input("x", [2]), g.parameter("w", [2]));
/// grad((x * w).sum(), &[w]);
/// let point = Point::new().with(x, ndarray::arr1(&[1.0, 2.0])).with(w, ndarray::arr1(&[3.0, 4.0]));
/// let page = draw::Page { point: Some(point), ..draw::Page::default() };
/// let html = draw::html(&g.graph()?, &draw::Options::default(), &page)?;
/// assert!(html.starts_with("<!doctype html>"));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// If the point lacks a value or has one that does not fit.
pub fn html(graph: &Arc<Graph>, options: &Options, page: &Page) -> Result<String, Error> {
    html::write(graph, options, page)
}

/// The graph as a picture: one SVG element that needs no other file.
pub fn svg<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    let scene = options.scene(view);
    svg::write(&scene, &layout::Layout::new(&scene), options)
}

/// What changed between two graphs as one picture: what was added in green, what was removed in red and dashed, what changed
/// in amber, and the rest pale. The view is one of [`Diff::merged`]: all of it, or a cut, as [`View::rolled`].
pub fn diff<'a>(diff: &'a Diff, view: impl Into<View<'a>>, options: &Options) -> String {
    let mut scene = Scene::new(&options.view(view));
    scene.mark(diff);
    svg::write(&scene, &layout::Layout::new(&scene), options)
}
