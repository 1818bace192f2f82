//! The picture as SVG, from a finished layout.
//!
//! Every node is a `<g class="node" data-node="7">` with a `<title>` for the pointer. Every operand is either a
//! `<path class="edge">` or a `<g class="tag">`, with `data-from`, `data-to` and `data-port`. Numbers of nodes
//! are those of the text dump.

use super::Options;
use super::label::Class;
use super::layout::{Bend, Frame, Layout, Line, SIGN, SMALL, TITLE, Tag, text};
use super::scene::{Item, Link, Part, Scene};
use crate::graph::Graph;
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
    let legend_width = legend.iter().map(|e| entry_width(e.word())).sum::<f64>() + 32.0;
    let title_width = options.title.as_ref().map_or(0.0, |t| text::width(t, 16.0) + 32.0);
    let width = layout.width.max(legend_width).max(title_width).max(120.0);
    let height = layout.height + LEGEND;
    writeln!(
        to,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" font-family="{FONT}">"#
    )?;
    let name = options.title.as_deref().unwrap_or("computation graph");
    writeln!(to, "<title>{}</title>\n<style>{STYLE}</style>", Escaped(name))?;
    markers(to)?;
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
    for (item, frame) in scene.items.iter().zip(&layout.frames) {
        node(to, scene.graph, item, frame)?;
    }
    for t in &layout.tags {
        tag(to, scene, t)?;
    }
    let mut x = 16.0;
    for class in legend {
        swatch(to, class, x, layout.height + LEGEND / 2.0)?;
        x += entry_width(class.word());
    }
    to.write_str("</svg>\n")
}

/// Lines of the forward and of the backward part.
const FORWARD: &str = "#5f7d9c";
const BACKWARD: &str = "#bf7c45";
/// The ground of a layer.
const BAND: &str = "#f5f6f8";

fn markers(to: &mut String) -> fmt::Result {
    to.write_str("<defs>")?;
    for (name, colour) in [("forward", FORWARD), ("backward", BACKWARD)] {
        write!(
            to,
            r#"<marker id="{name}" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0,0.8L8,4L0,7.2z" fill="{colour}"/></marker>"#
        )?;
    }
    to.write_str("</defs>\n")
}

/// What lies under everything: bands, numbers of the steps, the line between the parts, the title.
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
            r##"<rect class="band" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="8" fill="{BAND}"/>"##
        )?;
    }
    for (step, x) in scene.steps.iter().zip(&layout.columns) {
        let x = x + layout.column_width / 2.0;
        writeln!(
            to,
            r##"<text x="{x:.1}" y="43" font-size="13" font-weight="600" fill="#4a5563">t = {step}</text>"##
        )?;
    }
    if let Some(y) = layout.divider {
        writeln!(
            to,
            r##"<path d="M8,{y:.1}H{:.1}" stroke="#8a94a0" stroke-width="1.2" stroke-dasharray="7 5"/>"##,
            width - 8.0
        )?;
        for (word, y, colour) in [("forward ↑", y - 6.0, FORWARD), ("backward ↓", y + 13.0, BACKWARD)] {
            writeln!(
                to,
                r#"<text x="10" y="{y:.1}" font-size="10" font-weight="600" fill="{colour}" style="text-anchor:start">{word}</text>"#
            )?;
        }
    }
    Ok(())
}

fn edge(to: &mut String, scene: &Scene, line: &Line) -> fmt::Result {
    let link = &scene.links[line.link];
    let (kind, colour) = match scene.items[link.to].part {
        Part::Forward => ("forward", FORWARD),
        Part::Backward => ("backward", BACKWARD),
    };
    write!(to, r#"<path class="edge" {}"#, Ends(scene, link))?;
    write!(to, r#" stroke="{colour}" marker-end="url(#{kind})" d=""#)?;
    path(to, line)?;
    to.write_str("\"/>\n")
}

fn path(to: &mut String, line: &Line) -> fmt::Result {
    let points = &line.points;
    let Some([x, y]) = points.first() else {
        return Ok(());
    };
    write!(to, "M{x:.1},{y:.1}")?;
    match line.shape {
        Bend::Bow => {
            if let [_, [qx, qy], [x, y]] = points[..] {
                write!(to, "Q{qx:.1},{qy:.1} {x:.1},{y:.1}")?;
            }
        }
        Bend::Curve => {
            for pair in points.windows(2) {
                let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
                if (x0 - x1).abs() < 0.05 {
                    write!(to, "L{x1:.1},{y1:.1}")?;
                } else {
                    let y = f64::midpoint(y0, y1);
                    write!(to, "C{x0:.1},{y:.1} {x1:.1},{y:.1} {x1:.1},{y1:.1}")?;
                }
            }
        }
        Bend::Corner => {
            for three in points.windows(3) {
                let [a, b, c] = [three[0], three[1], three[2]];
                let toward = |p: [f64; 2]| {
                    let length = (p[0] - b[0]).hypot(p[1] - b[1]);
                    let r = if length > 0.0 { (length / 2.0).min(5.0) / length } else { 0.0 };
                    [b[0] + (p[0] - b[0]) * r, b[1] + (p[1] - b[1]) * r]
                };
                let ([x0, y0], [x1, y1]) = (toward(a), toward(c));
                write!(to, "L{x0:.1},{y0:.1}Q{:.1},{:.1} {x1:.1},{y1:.1}", b[0], b[1])?;
            }
            if let Some([x, y]) = points.last() {
                write!(to, "L{x:.1},{y:.1}")?;
            }
        }
    }
    Ok(())
}

fn node(to: &mut String, graph: &Graph, item: &Item, frame: &Frame) -> fmt::Result {
    let paint = item.class.paint();
    let Frame { x, y, width, height } = frame;
    let [cx, cy] = frame.middle();
    let dash = if item.class == Class::Cut { r#" stroke-dasharray="3 2.5""# } else { "" };
    let round = if item.subtitle.is_some() { 6.0 } else { height / 2.0 };
    writeln!(
        to,
        r#"<g class="node" data-node="{}"><title>{}</title>"#,
        item.node,
        Tooltip(graph, item.node)
    )?;
    writeln!(
        to,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{round}" fill="{}" stroke="{}" stroke-width="1.3"{dash}/>"#,
        paint.fill, paint.edge
    )?;
    match &item.subtitle {
        Some(subtitle) => {
            let (name, below) = (baseline(cy - 6.5, TITLE), baseline(cy + 8.0, SMALL));
            writeln!(
                to,
                r#"<text x="{cx:.1}" y="{name:.1}" font-size="{TITLE}" font-weight="600" fill="{}">{}</text>"#,
                paint.ink,
                Escaped(&item.title)
            )?;
            writeln!(
                to,
                r#"<text x="{cx:.1}" y="{below:.1}" font-size="{SMALL}" fill="{}">{}</text>"#,
                paint.ink,
                Escaped(subtitle)
            )?;
        }
        None => {
            // A sign of one character would be hard to see.
            let size = if item.title.chars().count() == 1 { SIGN + 3.0 } else { SIGN };
            writeln!(
                to,
                r#"<text x="{cx:.1}" y="{:.1}" font-size="{size}" fill="{}">{}</text>"#,
                baseline(cy, size),
                paint.ink,
                Escaped(&item.title)
            )?;
        }
    }
    if item.class == Class::Cut {
        // A bar across what would flow back.
        let (left, right, y) = (x - 5.0, x + width + 5.0, y - 4.0);
        writeln!(
            to,
            r#"<path d="M{left:.1},{y:.1}H{right:.1}" stroke="{}" stroke-width="2.2" stroke-dasharray="5 3"/>"#,
            paint.edge
        )?;
    }
    to.write_str("</g>\n")
}

fn tag(to: &mut String, scene: &Scene, tag: &Tag) -> fmt::Result {
    let link = &scene.links[tag.link];
    let named = &scene.items[if tag.above { link.to } else { link.from }];
    let paint = named.class.paint();
    let Frame { x, y, width, height } = tag.frame;
    let [cx, cy] = tag.frame.middle();
    let cy = baseline(cy, SMALL);
    writeln!(
        to,
        r#"<g class="tag" {}><title>{}</title><rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" fill="{}" stroke="{}" stroke-width="0.7"/><text x="{cx:.1}" y="{cy:.1}" font-size="{SMALL}" fill="{}">{}</text></g>"#,
        Ends(scene, link),
        Tooltip(scene.graph, named.node),
        paint.fill,
        paint.edge,
        paint.ink,
        Escaped(&tag.text)
    )
}

/// The baseline of a text whose middle is at a height. `dominant-baseline` is not understood everywhere.
fn baseline(middle: f64, size: f64) -> f64 {
    middle + 0.36 * size
}

/// The classes that occur, parameters and their gradients once.
fn legend_entries(scene: &Scene) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for item in &scene.items {
        if !classes.iter().any(|c| c.word() == item.class.word()) {
            classes.push(item.class);
        }
    }
    classes
}

fn entry_width(word: &str) -> f64 {
    text::width(word, 10.0) + 38.0
}

fn swatch(to: &mut String, class: Class, x: f64, y: f64) -> fmt::Result {
    let paint = class.paint();
    let dash = if class == Class::Cut { r#" stroke-dasharray="3 2.5""# } else { "" };
    let round =
        if matches!(class, Class::Interior | Class::Backward | Class::Cut | Class::Mask) { 6 } else { 3 };
    writeln!(
        to,
        r##"<rect class="legend" x="{x:.1}" y="{:.1}" width="18" height="12" rx="{round}" fill="{}" stroke="{}" stroke-width="1.3"{dash}/><text x="{:.1}" y="{:.1}" font-size="10" fill="#444" style="text-anchor:start">{}</text>"##,
        y - 6.0,
        paint.fill,
        paint.edge,
        x + 23.0,
        baseline(y, 10.0),
        class.word()
    )
}

/// The attributes that say which operand an edge is.
struct Ends<'a>(&'a Scene<'a>, &'a Link);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(scene, link) = self;
        let (from, to) = (scene.items[link.from].node, scene.items[link.to].node);
        write!(f, r#"data-from="{from}" data-to="{to}" data-port="{}""#, link.port)
    }
}

/// Full name, op, type, operands and origin.
struct Tooltip<'a>(&'a Graph, usize);

impl fmt::Display for Tooltip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(graph, i) = *self;
        let node = graph.at(i);
        let attributes = node.op.attributes();
        let space = if attributes.is_empty() { "" } else { " " };
        write!(f, "{}\n{}{space}{}", Escaped(&graph.name_at(i)), node.op.name(), Escaped(&attributes))?;
        for (k, x) in graph.operands_at(i).enumerate() {
            write!(f, "{}{}", if k == 0 { " of " } else { ", " }, Escaped(&graph.name_at(x)))?;
        }
        write!(f, "\n{}\n{}", node.ty, Escaped(&node.origin.place.to_string()))
    }
}

/// Text that means nothing to XML. Characters that XML has no place for are replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' => f.write_char(c)?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
