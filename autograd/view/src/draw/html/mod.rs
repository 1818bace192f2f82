//! Output as an interactive page: one self-contained HTML file, without network access.
//!
//! Rust writes the data: the description of each node ([`kinds`], relative to its step, so that a thousand steps cost
//! little more than three), its position in an open step ([`picture`], one layout for all similar steps), its box
//! when its step is closed ([`blocks`]), its [`values`], the contribution of each step to a parameter's gradient
//! ([`shares`]), the states ([`lanes`]), the flow of gradients from losses ([`reach`]), and the inputs and outputs of
//! the steps ([`notes`]). The page draws the visible part. Its sources, in this folder, are a page, a style sheet and
//! ECMAScript modules; [`assembly`] bundles them into one file.

mod assembly;
mod beside;
mod blocks;
mod kinds;
mod lanes;
mod live;
mod notes;
mod pack;
mod picture;
mod reach;
mod shares;
mod texts;
mod values;
mod written;

pub use beside::beside;

use super::Options;
use super::scene::{Column, Scene};
use autograd::graph::{Graph, NodeId};
use autograd::{Error, Point};
use blocks::Blocks;
use kinds::Known;
pub use notes::{Note, Said};
use pack::{Numbers, floats};
use picture::Picture;
use serde::Serialize;
use std::sync::Arc;
use texts::Texts;

/// The contents of a page besides the graph.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The point of evaluation: the page shows the value of every node there. Without a point it shows no values.
    pub point: Option<Point<f64>>,
    /// A description of the net: plain text, with `code` between backticks.
    pub about: String,
    /// The equations that define the net, as a MathML element.
    pub equations: Option<String>,
    /// The source of a layer's step, line by line.
    pub source: Vec<SourceLine>,
    /// The equations of a step, forward and backward, with the names in their terms.
    pub formulas: Vec<Formula>,
    /// The inputs and outputs of the steps, for readable data.
    pub notes: Vec<Note>,
    /// The result of a gradient check: the page then shows it, and colours adjoints by their errors.
    pub check: Option<Checked>,
}

/// An equation shown beside the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Formula {
    /// The node whose value it gives, if any.
    pub of: Option<Mention>,
    /// The equation as a MathML element, with its summands in rows of class `term` with their numbers as `data-term`.
    pub math: String,
    /// The names in each summand.
    pub terms: Vec<Vec<Mention>>,
}

/// A name in an equation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// The name, without layer and step.
    pub name: String,
    /// For a weight, the name of its parameter.
    pub alias: Option<String>,
    /// The lag relative to the equation's step; `None` without a time.
    pub lag: Option<i64>,
    /// Whether it is the adjoint.
    pub adjoint: bool,
    /// The ordinal of an intermediate node of that name, if one is meant.
    pub part: Option<u32>,
}

/// The result of a gradient check of a graph.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The report, as `autograd_check::Report::to_json` writes it.
    pub report: serde_json::Value,
    /// Nodes, their adjoints, and the relative residual of each adjoint.
    pub rules: Vec<(NodeId, NodeId, f64)>,
}

/// A line of the source of a layer's step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceLine {
    /// The line as written.
    pub text: String,
    /// The name that the line defines: nodes of that name, in any layer, refer to it.
    pub defines: Option<String>,
}

#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    about: &'a str,
    equations: Option<&'a str>,
    source: &'a [SourceLine],
    formulas: &'a [Formula],
    notes: Vec<notes::Given<'a>>,
    /// The numbers of the steps.
    steps: Vec<u32>,
    sheet: &'a picture::Sheet,
    looks: &'a [picture::Look],
    blocks: &'a [blocks::Block],
    nodes: Nodes,
    values: Option<Values>,
    /// The input of the page's own evaluation, for a small net.
    live: Option<live::Live>,
    shares: Vec<shares::Shares>,
    reach: reach::Reach,
    check: Option<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    report: &'a serde_json::Value,
    /// Adjoints by number, with their errors.
    rules: Vec<(usize, f64)>,
}

/// Tables over the nodes, each packed as [`Numbers`].
#[derive(Serialize)]
struct Nodes {
    count: usize,
    kind: String,
    /// 0 for the side, 1 for the end, 2 and more for the steps.
    column: String,
    /// For each node its operands, as distances backwards.
    operands: String,
    /// The distance to the adjoint in the first sweep; 0 if there is none.
    adjoint: String,
    /// For a backward node, the distance back to its forward node; 0 for a forward node.
    of: String,
    /// Whether it is shown.
    shown: String,
}

#[derive(Serialize)]
struct Values {
    /// The maximum size of a value that is written in full.
    whole: usize,
    numbers: String,
}

/// Writes the page.
pub(super) fn write(graph: &Arc<Graph>, options: &Options, page: &Page) -> Result<String, Error> {
    let view = options.view(graph);
    let scene = Scene::new(&view);
    let picture = Picture::new(graph, options, &scene);
    let blocks = Blocks::new(graph, &scene);
    let mut texts = Texts::default();
    let known = Known { graph, scene: &scene, picture: &picture, blocks: &blocks, source: &page.source };
    let (kinds, kind) = known.kinds(&mut texts);
    let mut data = Data {
        title: options.title.as_deref().unwrap_or("computation graph"),
        about: &page.about,
        equations: page.equations.as_deref(),
        source: &page.source,
        formulas: &page.formulas,
        notes: page.notes.iter().map(Into::into).collect(),
        steps: scene.steps.iter().map(|step| step.number).collect(),
        sheet: &picture.sheet,
        looks: picture.looks(),
        blocks: &blocks.all,
        nodes: nodes(graph, &scene, &kind, &(0..graph.len()).map(|i| view.has(i)).collect::<Vec<_>>()),
        values: None,
        live: None,
        shares: Vec::new(),
        reach: reach::Reach::default(),
        check: page.check.as_ref().map(|check| Check {
            report: &check.report,
            rules: check.rules.iter().map(|&(_, adjoint, error)| (adjoint.index(), error)).collect(),
        }),
    };
    if let Some(point) = &page.point {
        let values = values::values(graph, point)?;
        data.live = live::live(graph, &values);
        // Values that the page computes itself are not written.
        let told: &[_] = if data.live.is_some() { &[] } else { &values };
        let numbers: Vec<f32> = told.iter().flat_map(values::brief).collect();
        data.values = Some(Values { whole: values::WHOLE, numbers: floats(&numbers) });
        if options.backward {
            data.shares = shares::shares(graph, &scene.columns, scene.steps.len(), &values);
            data.reach = reach::reach(graph, &scene.columns, point, &values)?;
        }
    }
    let parts = [("data", json(&data)), ("kinds", kinds.json()), ("texts", json(&texts.table()))];
    Ok(assembly::page(data.title, &parts))
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("strings, finite numbers and arrays are always JSON")
}

fn nodes(graph: &Graph, scene: &Scene, kind: &[usize], shown: &[bool]) -> Nodes {
    let all = || 0..graph.len();
    let column = |i: usize| match scene.columns[i] {
        Column::Side => 0,
        Column::End => 1,
        Column::Step(s) => s + 2,
    };
    let adjoint = |i: usize| {
        let adjoint = graph.adjoint(graph.id(i), 0).ok().flatten();
        adjoint.map_or(0, |adjoint| adjoint.index() - i)
    };
    let table = |of: &dyn Fn(usize) -> usize| all().map(of).collect::<Numbers>().base64();
    let operands = all().flat_map(|i| graph.operands_at(i).map(move |x| i - x)).collect::<Numbers>();
    Nodes {
        count: graph.len(),
        kind: table(&|i| kind[i]),
        column: table(&column),
        operands: operands.base64(),
        adjoint: table(&adjoint),
        of: table(&|i| graph.at(i).origin.role.of().map_or(0, |of| i - of as usize)),
        shown: table(&|i| usize::from(shown[i])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Builder, grad};

    /// The number of kinds on the page of a recurrence over some steps.
    fn kinds(steps: usize) -> usize {
        let g = Builder::new();
        let w = g.parameter("w", [2, 2]);
        let mut h = g.input("h[0]", [1, 2]);
        for t in 1..=steps {
            let (_layer, _step) = (g.layer("l0"), g.step(t));
            h = h.linear(w).tanh().named("h");
        }
        grad(h.sum(), &[w]);
        let page = write(&g.graph().unwrap(), &Options::default(), &Page::default()).unwrap();
        let (_, kinds) = page.split_once("id=\"kinds\">").unwrap();
        kinds.split_once("</script>").unwrap().0.matches("\"role\"").count()
    }

    #[test]
    fn steps_that_are_alike_are_told_once() {
        assert_eq!(kinds(40), kinds(80));
    }

    #[test]
    fn data_cannot_end_its_element() {
        let g = Builder::new();
        let x = g.parameter("</script><b>", []);
        grad(x.tanh(), &[x]);
        let page = write(&g.graph().unwrap(), &Options::default(), &Page::default()).unwrap();
        assert_eq!(page.matches("</script>").count(), 4);
        assert!(!page.contains("<b>"));
    }
}
