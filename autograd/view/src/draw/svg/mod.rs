//! Output as SVG, from a finished layout.
//!
//! Every node is a `<g class="node" data-node="7">` with a `<title>` as tooltip. Every operand is either a `<path
//! class="edge">` or a `<g class="tag">`, with `data-from`, `data-to` and `data-port`. Node numbers are those of the
//! text dump.

mod marks;

use super::Options;
use super::label::Class;
use super::layout::{Frame, HEADING, Layout, text};
use super::paint::Paint;
use super::scene::{Item, Scene};
use super::xml::Escaped;
use crate::diff::Change;
use marks::{baseline, edge, node, tag};
use std::fmt::{self, Write};

const FONT: &str = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";
const LEGEND: f64 = 40.0;
const STYLE: &str = "text{text-anchor:middle}.edge{fill:none;stroke-width:1.2}\
    .node:hover rect,.tag:hover rect{stroke-width:2.4}.edge:hover{stroke-width:2.6}";

pub(super) fn write(scene: &Scene, layout: &Layout, options: &Options) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut svg, scene, layout, options);
    svg
}

fn draw(to: &mut String, scene: &Scene, layout: &Layout, options: &Options) -> fmt::Result {
    let legend = legend_entries(scene);
    let legend_width = legend.iter().map(Entry::width).sum::<f64>() + 32.0;
    let title_width = options.title.as_ref().map_or(0.0, |t| text::width(t, 16.0) + 32.0);
    let width = layout.width.max(legend_width).max(title_width).max(120.0);
    let height = layout.height + LEGEND;
    writeln!(
        to,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" font-family="{FONT}">"#
    )?;
    let name = options.title.as_deref().unwrap_or("computation graph");
    writeln!(to, "<title>{}</title>\n<style>{STYLE}</style>", Escaped(name))?;
    markers(to, scene)?;
    writeln!(to, r##"<rect width="100%" height="100%" fill="#ffffff"/>"##)?;
    ground(to, scene, layout, width, options)?;
    for line in &layout.lines {
        edge(to, scene, line)?;
    }
    for (name, Frame { x, y, height, .. }) in &layout.bands {
        let (x, y) = (baseline(x + 9.0, 11.0), y + height / 2.0);
        writeln!(
            to,
            r##"<text transform="translate({x:.1},{y:.1}) rotate(-90)" font-size="11" font-weight="600" fill="#6b7785" stroke="{BAND}" stroke-width="4" paint-order="stroke">{}</text>"##,
            Escaped(name)
        )?;
    }
    for (item, frame) in scene.items.iter().zip(&layout.frames).filter(|(item, _)| !item.outside) {
        node(to, scene, item, frame)?;
    }
    for t in &layout.tags {
        tag(to, scene, t)?;
    }
    let mut x = 16.0;
    for entry in legend {
        swatch(to, &entry, x, layout.height + LEGEND / 2.0)?;
        x += entry.width();
    }
    to.write_str("</svg>\n")
}

/// Lines of the forward and of the backward part.
const FORWARD: &str = "#5f7d9c";
const BACKWARD: &str = "#bf7c45";
/// The background of a layer.
const BAND: &str = "#f5f6f8";

fn markers(to: &mut String, scene: &Scene) -> fmt::Result {
    to.write_str("<defs>")?;
    let mut kinds = vec![("forward".to_string(), FORWARD), ("backward".to_string(), BACKWARD)];
    if scene.items.iter().any(|item| item.change.is_some()) {
        kinds = CHANGES.map(|change| (change.word().replace(' ', "-"), change.paint().edge)).into();
    }
    for (name, colour) in kinds {
        write!(
            to,
            r#"<marker id="{name}" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0,0.8L8,4L0,7.2z" fill="{colour}"/></marker>"#
        )?;
    }
    to.write_str("</defs>\n")
}

/// The background: bands, step numbers, the line between the parts, the title.
fn ground(to: &mut String, scene: &Scene, layout: &Layout, width: f64, options: &Options) -> fmt::Result {
    if let Some(title) = &options.title {
        writeln!(
            to,
            r##"<text x="{:.1}" y="21" font-size="16" font-weight="600" fill="#222">{}</text>"##,
            width / 2.0,
            Escaped(title)
        )?;
    }
    for (_, Frame { x, y, width, height }) in &layout.bands {
        writeln!(
            to,
            r#"<rect class="band" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="8" fill="{BAND}"/>"#
        )?;
    }
    for Frame { x, y, width, height } in &layout.rolls {
        writeln!(
            to,
            r##"<rect class="roll" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="10" fill="none" stroke="#8a94a0" stroke-width="1.2" stroke-dasharray="2 4"/>"##
        )?;
    }
    for ((step, x), width) in scene.steps.iter().zip(&layout.columns).zip(&layout.widths) {
        let x = x + width / 2.0;
        writeln!(
            to,
            r##"<text x="{x:.1}" y="43" font-size="{HEADING}" font-weight="600" fill="#4a5563">{}</text>"##,
            step.heading()
        )?;
    }
    if let Some(y) = layout.divider {
        writeln!(
            to,
            r##"<path d="M8,{y:.1}H{:.1}" stroke="#8a94a0" stroke-width="1.2" stroke-dasharray="7 5"/>"##,
            width - 8.0
        )?;
        for (word, y, colour) in [("forward ↑", y - 6.0, FORWARD), ("backward", y + 13.0, BACKWARD)] {
            writeln!(
                to,
                r#"<text x="10" y="{y:.1}" font-size="10" font-weight="600" fill="{colour}" style="text-anchor:start">{word}</text>"#
            )?;
        }
    }
    Ok(())
}

/// The changes of a node, in the order of the legend.
const CHANGES: [Change; 4] = [Change::Removed, Change::Added, Change::Changed, Change::Same];

/// An entry of the legend.
struct Entry {
    word: &'static str,
    /// One swatch for each: every parameter has its own.
    paints: Vec<Paint>,
    dashed: bool,
    round: u32,
}

impl Entry {
    fn new(scene: &Scene, item: &Item) -> Self {
        let class = item.class;
        let (word, dashed, round) = match (item.change, class) {
            (Some(change), _) => (change.word(), change == Change::Removed, 3),
            (None, Class::Parameter(_) | Class::Gradient(_)) => (of_parameters(scene), false, 3),
            (None, Class::Interior | Class::Backward | Class::Mask) => (class.word(), false, 6),
            (None, Class::Cut) => (class.word(), true, 6),
            _ => (class.word(), false, 3),
        };
        Self { word, paints: vec![item.paint()], dashed, round }
    }

    /// The width of all its swatches.
    fn swatches(&self) -> f64 {
        if self.paints.len() == 1 { 18.0 } else { self.paints.len() as f64 * 12.0 - 3.0 }
    }

    fn width(&self) -> f64 {
        self.swatches() + text::width(self.word, 10.0) + 20.0
    }
}

/// The words for parameters: with their gradients if these are drawn, and whether the lines to their users are.
fn of_parameters(scene: &Scene) -> &'static str {
    let drawn = |class: fn(Class) -> bool| scene.items.iter().any(|item| !item.outside && class(item.class));
    let parameter = |class: Class| matches!(class, Class::Parameter(_));
    let gradients = drawn(|class| matches!(class, Class::Gradient(_)));
    let used = scene.links.iter().any(|link| parameter(scene.items[link.from].class));
    match (drawn(|class| matches!(class, Class::Parameter(_))), gradients, used) {
        (true, true, true) => "parameters and their gradients",
        (true, true, false) => "parameters and their gradients, uses not drawn",
        (true, false, true) => "parameters",
        (true, false, false) => "parameters, uses not drawn",
        (false, ..) => "gradients of parameters",
    }
}

/// The classes that occur, with parameters and their gradients once; or the changes, when two graphs are compared.
fn legend_entries(scene: &Scene) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for item in scene.items.iter().filter(|item| !item.outside) {
        let entry = Entry::new(scene, item);
        match entries.iter_mut().find(|e| e.word == entry.word) {
            Some(same) => same
                .paints
                .extend(entry.paints.into_iter().filter(|p| !same.paints.contains(p)).collect::<Vec<_>>()),
            None => entries.push(entry),
        }
    }
    entries
}

fn swatch(to: &mut String, entry: &Entry, x: f64, y: f64) -> fmt::Result {
    let Entry { word, paints, dashed, round } = entry;
    let dash = if *dashed { r#" stroke-dasharray="3 2.5""# } else { "" };
    for (place, paint) in paints.iter().enumerate() {
        writeln!(
            to,
            r#"<rect class="legend" x="{:.1}" y="{:.1}" width="{}" height="12" rx="{round}" fill="{}" stroke="{}" stroke-width="1.3"{dash}/>"#,
            x + place as f64 * 12.0,
            y - 6.0,
            if paints.len() == 1 { 18 } else { 9 },
            paint.fill,
            paint.edge,
        )?;
    }
    writeln!(
        to,
        r##"<text x="{:.1}" y="{:.1}" font-size="10" fill="#444" style="text-anchor:start">{word}</text>"##,
        x + entry.swatches() + 5.0,
        baseline(y, 10.0)
    )
}
