//! Output in Graphviz's DOT language.
//!
//! Ranks run from left to right, as time does: each column (before the steps, each step, after them) is a cluster
//! with nested clusters for its forward and its backward nodes. Invisible points stand between the columns, with
//! heavy edges to and from the nodes at each column's ends, so that Graphviz separates columns.
//!
//! An edge goes from operand to user. One that runs back in time is written from right to left with `dir=back`, since
//! Graphviz would otherwise reverse the time axis; its arrow is still at the user.

use super::Options;
use super::cut::Part;
use super::label::Class;
use super::scene::{Column, Item, Link, Scene};
use super::step::Step;
use std::fmt::{self, Write};

pub(super) fn write(scene: &Scene, options: &Options) -> String {
    let mut dot = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut dot, scene, options);
    dot
}

fn draw(to: &mut String, scene: &Scene, options: &Options) -> fmt::Result {
    writeln!(
        to,
        "digraph {{\n  rankdir=LR\n  newrank=true\n  ranksep=0.25\n  nodesep=0.12\n  fontname=\"Helvetica\""
    )?;
    if let Some(title) = &options.title {
        writeln!(to, "  labelloc=t\n  label={}", Quoted(title))?;
    }
    writeln!(to, "  node [shape=box style=\"rounded,filled\" fontname=\"Helvetica\" fontsize=11]")?;
    writeln!(to, "  edge [arrowsize=0.6]")?;
    // Items by column, in one walk.
    let mut columns: Vec<Vec<&Item>> = vec![Vec::new(); scene.steps.len() + 2];
    for item in scene.items.iter().filter(|item| !item.outside) {
        columns[column(scene, item)].push(item);
    }
    for (c, items) in columns.iter().enumerate().filter(|(_, items)| !items.is_empty()) {
        let (name, label) = match c.checked_sub(1).map(|s| scene.steps.get(s)) {
            None => ("side".to_string(), "before the steps".to_string()),
            Some(Some(step)) => (format!("t{}", step.number), step.label() + &times(step)),
            Some(None) => ("end".to_string(), "after the steps".to_string()),
        };
        writeln!(to, "  subgraph cluster_{name} {{\n    label={} color=\"#b8c2cc\"", Quoted(&label))?;
        for (part, word) in [(Part::Forward, "forward"), (Part::Backward, "backward")] {
            cluster(to, items.iter().copied().filter(|item| item.part == part), &name, word)?;
        }
        writeln!(to, "  }}")?;
    }
    fences(to, scene, &columns)?;
    for link in scene.links.iter().filter(|link| !scene.items[link.from].outside) {
        edge(to, scene, link)?;
    }
    writeln!(to, "}}")
}

/// The points between columns.
fn fences(to: &mut String, scene: &Scene, columns: &[Vec<&Item>]) -> fmt::Result {
    let (mut starts, mut ends) = (vec![true; scene.items.len()], vec![true; scene.items.len()]);
    for link in &scene.links {
        let (a, b) = (&scene.items[link.from], &scene.items[link.to]);
        if a.column == b.column && a.part == b.part && !link.is_loop(&scene.items) {
            (ends[link.from], starts[link.to]) = (false, false);
        }
    }
    let last = columns.iter().rposition(|items| !items.is_empty()).unwrap_or(0);
    for fence in 1..=last {
        writeln!(to, "  fence{fence} [shape=point style=invis width=0 height=0 label=\"\"]")?;
    }
    writeln!(to, "  edge [style=invis weight=2]")?;
    for (i, item) in scene.items.iter().enumerate().filter(|(_, item)| !item.outside) {
        let c = column(scene, item);
        if starts[i] && c > 0 {
            writeln!(to, "  fence{c} -> n{}", item.node)?;
        }
        if ends[i] && c < last {
            writeln!(to, "  n{} -> fence{}", item.node, c + 1)?;
        }
    }
    writeln!(to, "  edge [style=solid weight=1]")
}

/// The number of steps that a column represents, if there are several.
fn times(step: &Step) -> String {
    if step.group.is_empty() { String::new() } else { format!("  ×{}", step.group.len()) }
}

fn column(scene: &Scene, item: &Item) -> usize {
    match item.column {
        Column::Side => 0,
        Column::Step(s) => s + 1,
        Column::End => scene.steps.len() + 1,
    }
}

fn cluster<'a>(
    to: &mut String,
    items: impl Iterator<Item = &'a Item>,
    column: &str,
    part: &str,
) -> fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    writeln!(to, "    subgraph cluster_{column}_{part} {{\n      label={} color=\"#dde2e8\"", Quoted(part))?;
    for item in items {
        let paint = item.class.paint();
        let label = match &item.subtitle {
            Some(subtitle) if !subtitle.is_empty() => format!("{}\n{subtitle}", item.title),
            _ => item.title.clone(),
        };
        let style = if item.class == Class::Cut { " style=\"rounded,filled,dashed\"" } else { "" };
        let small = if item.subtitle.is_none() { " height=0.25 width=0.3 margin=\"0.05,0.02\"" } else { "" };
        writeln!(
            to,
            "      n{} [label={} fillcolor=\"{}\" color=\"{}\" fontcolor=\"{}\"{style}{small}]",
            item.node,
            Quoted(&label),
            paint.fill,
            paint.edge,
            paint.ink
        )?;
    }
    writeln!(to, "    }}")
}

fn edge(to: &mut String, scene: &Scene, link: &Link) -> fmt::Result {
    let (a, b) = (&scene.items[link.from], &scene.items[link.to]);
    let colour = match (a.class, b.class) {
        (Class::Parameter(_), _) => format!("{}55", a.class.paint().edge),
        (_, Class::Gradient(_)) => format!("{}55", b.class.paint().edge),
        _ if a.part != b.part => "#7f98b255".into(),
        _ if a.part == Part::Forward => "#5f7d9c".into(),
        _ => "#bf7c45".into(),
    };
    // Only the order of columns, and lines within one part of a column, determine ranks.
    let ranks = a.column == b.column && a.part == b.part && !link.is_loop(&scene.items);
    let constraint = if ranks { "" } else { " constraint=false" };
    if column(scene, a) > column(scene, b) {
        writeln!(to, "  n{} -> n{} [color=\"{colour}\" dir=back{constraint}]", b.node, a.node)
    } else {
        writeln!(to, "  n{} -> n{} [color=\"{colour}\"{constraint}]", a.node, b.node)
    }
}

/// A quoted DOT string: quotes and backslashes are escaped, line ends are `\n`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
