//! The elements of a picture: boxes, tags and lines.

use super::{BACKWARD, FORWARD};
use crate::diff::Change;
use crate::draw::cut::Part;
use crate::draw::label::Class;
use crate::draw::layout::{Bend, Frame, Line, SIGN, SMALL, TITLE, Tag, under_a_name};
use crate::draw::scene::{Item, Link, Scene};
use crate::draw::xml::{Escaped, Tooltip};
use std::fmt::{self, Write};

pub(super) fn node(to: &mut String, scene: &Scene, item: &Item, frame: &Frame) -> fmt::Result {
    let paint = item.paint();
    let small = under_a_name(scene.detail);
    let Frame { x, y, width, height } = frame;
    let [cx, cy] = frame.middle();
    let dashed = item.class == Class::Cut || item.change == Some(Change::Removed);
    let dash = if dashed { r#" stroke-dasharray="3 2.5""# } else { "" };
    let round = if item.subtitle.is_some() { 6.0 } else { height / 2.0 };
    writeln!(
        to,
        r#"<g class="node" data-node="{}"><title>{}</title>"#,
        item.node,
        Tooltip(scene.graph, item.node)
    )?;
    writeln!(
        to,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{round}" fill="{}" stroke="{}" stroke-width="1.3"{dash}/>"#,
        paint.fill, paint.edge
    )?;
    if let Some(subtitle) = &item.subtitle {
        let up = if subtitle.is_empty() { 0.0 } else { 6.5 };
        let (name, below) = (baseline(cy - up, TITLE), baseline(cy + 8.0, SMALL));
        writeln!(
            to,
            r#"<text x="{cx:.1}" y="{name:.1}" font-size="{TITLE}" font-weight="600" fill="{}">{}</text>"#,
            paint.ink,
            Escaped(&item.title)
        )?;
        if !subtitle.is_empty() {
            writeln!(
                to,
                r#"<text x="{cx:.1}" y="{below:.1}" font-size="{small}" fill="{}">{}</text>"#,
                paint.ink,
                Escaped(subtitle)
            )?;
        }
    } else {
        // A single character would be hard to see.
        let size = if item.title.chars().count() == 1 { SIGN + 3.0 } else { SIGN };
        writeln!(
            to,
            r#"<text x="{cx:.1}" y="{:.1}" font-size="{size}" fill="{}">{}</text>"#,
            baseline(cy, size),
            paint.ink,
            Escaped(&item.title)
        )?;
    }
    if item.class == Class::Cut {
        // A bar that blocks the adjoint.
        let (left, right, y) = (x - 5.0, x + width + 5.0, y - 4.0);
        writeln!(
            to,
            r#"<path d="M{left:.1},{y:.1}H{right:.1}" stroke="{}" stroke-width="2.2" stroke-dasharray="5 3"/>"#,
            paint.edge
        )?;
    }
    to.write_str("</g>\n")
}

pub(super) fn tag(to: &mut String, scene: &Scene, tag: &Tag) -> fmt::Result {
    let link = &scene.links[tag.link];
    let named = &scene.items[if tag.above { link.to } else { link.from }];
    let paint = named.paint();
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

pub(super) fn edge(to: &mut String, scene: &Scene, line: &Line) -> fmt::Result {
    let link = &scene.links[line.link];
    let user = &scene.items[link.to];
    let (kind, colour) = match (user.change, user.part) {
        (Some(_), _) => (link.change.word(), link.change.paint().edge),
        (None, Part::Forward) => ("forward", FORWARD),
        (None, Part::Backward) => ("backward", BACKWARD),
    };
    let kind = kind.replace(' ', "-");
    write!(to, r#"<path class="edge" {}"#, Ends(scene, link))?;
    let dash = if link.change == Change::Removed { r#" stroke-dasharray="5 3""# } else { "" };
    write!(to, r#" stroke="{colour}"{dash} marker-end="url(#{kind})" d=""#)?;
    path(to, line)?;
    to.write_str("\"/>\n")
}

fn path(to: &mut String, line: &Line) -> fmt::Result {
    let points = &sharp(&line.points);
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

/// The points without consecutive duplicates. A path that ends with a segment of length zero has no direction there,
/// and its arrowhead would point to the right.
fn sharp(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let apart = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) > 0.1;
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for point in points {
        match kept.last() {
            Some(last) if !apart(last, point) => {}
            _ => kept.push(*point),
        }
    }
    // If the last segment is too short, its end is kept and the point before it removed.
    if let (Some(end), Some(last), true) = (points.last(), kept.last_mut(), points.len() > 1) {
        *last = *end;
    }
    kept
}

/// The baseline of a text centred at a height. `dominant-baseline` is not supported everywhere.
pub(super) fn baseline(middle: f64, size: f64) -> f64 {
    middle + 0.36 * size
}

/// The attributes that identify an edge's operand.
struct Ends<'a>(&'a Scene<'a>, &'a Link);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(scene, link) = self;
        let (from, to) = (scene.items[link.from].node, scene.items[link.to].node);
        write!(f, r#"data-from="{from}" data-to="{to}" data-port="{}""#, link.port)
    }
}
