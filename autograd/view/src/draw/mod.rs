//! Drawings of an unrolled graph.
//!
//! A drawing of backpropagation through time follows blackboard conventions: time runs from left to right, layers are
//! stacked from the input at the bottom to the output on top, all steps look alike, and the derivative is below, as
//! the mirror image of its forward computation. So drawings use origins: the column of a node is its step, its band
//! is its layer, and a backward node is below its forward node.
//!
//! A format for each reader:
//! - [`html()`] for interactive reading: a page that shows values, and steps through the computation.
//! - [`svg()`] for people: with one layout for all steps, self-contained.
//! - [`dot()`] for Graphviz, [`mermaid()`] for wikis: a cluster per step.
//! - [`explorer()`] for Model Explorer, which folds by layer, step and gate.
//! - [`json()`] and [`graphml()`] for programs: all nodes with all their data.
//!
//! All of them draw a [`View`]: the whole graph, or a part of it.
//!
//! In the pictures a scalar constant is inside the box of its user (`1 −`), equal constants are drawn once, and a
//! name replaces a long line: a parameter is drawn once, and a port with its name and colour is at each of its uses.
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
mod step;
mod svg;
mod xml;

pub use cut::{Part, View};
pub use detail::Detail;
pub use html::{Checked, Formula, Mention, Note, Page, Said, SourceLine, beside};
pub use recorded::read_json;

use crate::diff::Diff;
use autograd::Error;
use autograd::graph::Graph;
use scene::Scene;
use std::sync::Arc;

/// The options of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether to draw the nodes of derivatives.
    pub backward: bool,
    /// The title above the drawing.
    pub title: Option<String>,
    /// The level of detail of pictures: [`svg()`], [`dot()`] and [`mermaid()`].
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
        let view = self.view(view);
        let mut scene = Scene::new(&view).in_detail(self.detail);
        scene.show(&view.values);
        scene
    }
}

/// The graph in Graphviz's DOT language, for `dot -Tsvg`.
pub fn dot<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    dot::write(&options.scene(view), options)
}

/// The graph as node-link data, readable by `networkx.node_link_graph`. The schema is at the head of `draw/json.rs`. Values
/// ([`View::with_values`]) are nested arrays, and a number that is not finite is one of the strings `NaN`, `Infinity` and
/// `-Infinity`.
pub fn json<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    json::write(&options.view(view), options)
}

/// The graph as `GraphML`. The attributes are listed at the head of `draw/graphml.rs`.
pub fn graphml<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    graphml::write(&options.view(view), options)
}

/// The graph as a Mermaid flowchart. Mermaid draws small graphs: its limits are 500 edges and 50,000 characters.
pub fn mermaid<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    mermaid::write(&options.scene(view), options)
}

/// The graph as a graph collection for Model Explorer, folded by layer, step and gate.
pub fn explorer<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    explorer::write(&options.view(view), options)
}

/// The nodes of a view as text: the lines of [`Graph::text`](autograd::Graph::text), with a line before them for each
/// step that represents others.
pub fn text<'a>(view: impl Into<View<'a>>) -> String {
    let view = view.into();
    let rolled = view.roll.iter().flat_map(|roll| &roll.groups).filter(|group| group.len() > 1);
    let head = rolled.map(|group| {
        let step = step::Step { number: group[0], group: group.clone() };
        format!("# step {} stands for {}, ×{}\n", group[0], step.label(), group.len())
    });
    head.collect::<String>() + &view.graph.lines(view.nodes())
}

/// The graph as an interactive page: one self-contained HTML file, for any browser, for 3 steps or 1,000.
///
/// It shows the net rolled, unrolled and in detail; its computation forward and backward in order of execution; for
/// each node the equation, value, adjoint and VJP; for each parameter the contribution of every step to its gradient;
/// and how the paths from a loss to a state shrink or grow the gradient.
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
/// If a leaf has no value at the point, or an unfit one.
pub fn html(graph: &Arc<Graph>, options: &Options, page: &Page) -> Result<String, Error> {
    html::write(graph, options, page)
}

/// The graph as a picture: one self-contained SVG element.
pub fn svg<'a>(view: impl Into<View<'a>>, options: &Options) -> String {
    let scene = options.scene(view);
    svg::write(&scene, &layout::Layout::new(&scene), options)
}

/// The differences between two graphs as one picture: added nodes in green, removed ones in red and dashed, changed
/// ones in amber, and the rest pale. The view is one of [`Diff::merged`]: all of it, or a part, as [`View::rolled`].
pub fn diff<'a>(diff: &'a Diff, view: impl Into<View<'a>>, options: &Options) -> String {
    let mut scene = Scene::new(&options.view(view));
    scene.mark(diff);
    svg::write(&scene, &layout::Layout::new(&scene), options)
}
