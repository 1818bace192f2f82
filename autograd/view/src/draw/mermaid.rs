//! Output as a Mermaid flowchart (<https://mermaid.js.org>), which many wikis and READMEs render.
//!
//! Each column is a subgraph, with nested ones for each part, each layer, and each gate that has several nodes.
//! Labels are those of the pictures. An edge from a rolled step to the next of its steps is dashed.
//!
//! Mermaid parses quoted labels as Markdown with entities, written `#35;`. So every character with a meaning is
//! escaped that way.

use super::Options;
use super::cut::Part;
use super::group::gate;
use super::label::Class;
use super::scene::{Column, Item, Scene};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub(super) fn write(scene: &Scene, options: &Options) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut text, scene, options);
    text
}

/// A group's items and nested groups.
#[derive(Default)]
struct Group<'a> {
    items: Vec<&'a Item>,
    /// In the order of their first items.
    groups: Vec<(String, Group<'a>)>,
}

impl<'a> Group<'a> {
    fn group(&mut self, label: &str) -> &mut Group<'a> {
        let known = self.groups.iter().position(|(name, _)| name == label);
        let k = known.unwrap_or_else(|| {
            self.groups.push((label.into(), Group::default()));
            self.groups.len() - 1
        });
        &mut self.groups[k].1
    }
}

fn draw(to: &mut String, scene: &Scene, options: &Options) -> fmt::Result {
    if let Some(title) = &options.title {
        // A JSON string is a valid YAML string.
        writeln!(to, "---\ntitle: {}\n---", serde_json::Value::from(title.as_str()))?;
    }
    writeln!(to, "flowchart LR")?;
    // In order of time.
    let mut columns: BTreeMap<Column, Group> = BTreeMap::new();
    for item in scene.items.iter().filter(|item| !item.outside) {
        let column = columns.entry(item.column).or_default();
        let mut group = column.group(if item.part == Part::Forward { "forward" } else { "backward" });
        if let (Column::Step(_), Some(layer)) = (item.column, &scene.graph.at(item.node).origin.layer) {
            group = group.group(layer);
        }
        match (item.column, gate(scene.graph, item.node)) {
            (Column::Step(_), Some(gate)) => group.group(gate).items.push(item),
            _ => group.items.push(item),
        }
    }
    let mut number = 0;
    for (column, group) in &columns {
        let label = match *column {
            Column::Side => "before the steps".into(),
            Column::Step(s) if scene.steps[s].group.is_empty() => scene.steps[s].label(),
            Column::Step(s) => format!("{} ×{}", scene.steps[s].label(), scene.steps[s].group.len()),
            Column::End => "after the steps".into(),
        };
        subgraph(to, &label, group, &mut number, 1)?;
    }
    for link in scene.links.iter().filter(|link| !scene.items[link.from].outside) {
        let arrow = if link.is_loop(&scene.items) { "-.->" } else { "-->" };
        writeln!(to, "  n{} {arrow} n{}", scene.items[link.from].node, scene.items[link.to].node)?;
    }
    let mut classes: Vec<Class> = scene.items.iter().map(|item| item.class).collect();
    classes.sort_unstable_by_key(|&class| word(class));
    classes.dedup_by_key(|class| word(*class));
    for class in classes {
        let paint = class.paint();
        writeln!(
            to,
            "  classDef {} fill:{},stroke:{},color:{}",
            word(class),
            paint.fill,
            paint.edge,
            paint.ink
        )?;
    }
    Ok(())
}

fn subgraph(to: &mut String, label: &str, group: &Group, number: &mut usize, depth: usize) -> fmt::Result {
    let space = "  ".repeat(depth);
    // A frame around a single box is omitted.
    let framed = group.items.len() != 1 || !group.groups.is_empty();
    if framed {
        writeln!(to, "{space}subgraph g{number}[\"{}\"]", Label(label))?;
        *number += 1;
    }
    for item in &group.items {
        let (left, right) = if item.subtitle.is_some() { ("[", "]") } else { ("([", "])") };
        write!(to, "{space}  n{}{left}\"{}", item.node, Label(&item.title))?;
        if let Some(subtitle) = &item.subtitle {
            write!(to, "<br/>{}", Label(subtitle))?;
        }
        writeln!(to, "\"{right}:::{}", word(item.class))?;
    }
    for (label, group) in &group.groups {
        subgraph(to, label, group, number, depth + 1)?;
    }
    if framed { writeln!(to, "{space}end") } else { Ok(()) }
}

/// The name of a class in the text.
fn word(class: Class) -> String {
    match class {
        Class::Parameter(k) => format!("parameter{}", k % 8),
        Class::Gradient(k) => format!("gradient{}", k % 8),
        class => format!("{class:?}").to_lowercase(),
    }
}

/// Text escaped for Mermaid, Markdown and HTML.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut before = None;
        let mut rest = self.0.chars().peekable();
        while let Some(c) = rest.next() {
            let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let plain = match c {
                // At the start a sign makes a list, and so does a number with a point or bracket.
                '+' | '-' => before.is_some(),
                '0'..='9' => before.is_some() || !matches!(rest.peek(), Some('.' | ')')),
                '_' => inside(before) && inside(rest.peek().copied()),
                ' ' | '[' | ']' | '(' | ')' | ',' | '.' | '=' | '/' => true,
                c if c.is_ascii() => c.is_alphanumeric(),
                c => !c.is_control(),
            };
            match c {
                c if plain => f.write_char(c)?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => write!(f, "#{};", u32::from(c))?,
            }
            before = Some(c);
        }
        Ok(())
    }
}
