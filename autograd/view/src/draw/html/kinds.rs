//! All that the page knows of a node besides its values, relative to its step: nodes of different steps share it.

use super::super::cut::Part;
use super::super::label;
use super::super::scene::{Column, Item, Scene};
use super::SourceLine;
use super::blocks::Blocks;
use super::picture::{Arrival, Picture};
use super::texts::Texts;
use super::written::Writer;
use autograd::graph::{Graph, Role};
use autograd::ops::{Leaf, Op};
use serde::Serialize;
use std::collections::HashMap;

/// The shared description of nodes of different steps. Numbers under `name`, `title`, `equation`, `rule` and `tags`
/// are text indices.
#[derive(Serialize)]
struct Kind<'a> {
    name: usize,
    /// The name or sign in a box, and the line under a name.
    title: usize,
    subtitle: Option<usize>,
    equation: Option<usize>,
    /// The op's contribution to the adjoint of each operand.
    rule: Option<usize>,
    role: &'static str,
    part: &'static str,
    column: &'static str,
    class: &'static str,
    /// The number of a parameter, also for its gradient.
    parameter: Option<usize>,
    op: &'a str,
    attributes: usize,
    shape: &'a [usize],
    #[serde(rename = "type")]
    ty: String,
    arity: usize,
    block: Option<usize>,
    look: Option<usize>,
    /// The names shown below it, by operand.
    tags: Vec<Option<usize>>,
    /// The line of the source that defines it, and the place of its construction.
    line: Option<usize>,
    place: String,
}

/// A table of kinds.
#[derive(Default)]
pub(super) struct Kinds {
    ids: HashMap<String, usize>,
}

impl Kinds {
    fn id(&mut self, kind: &Kind) -> usize {
        let next = self.ids.len();
        let text = serde_json::to_string(kind).expect("strings, numbers and arrays are always JSON");
        *self.ids.entry(text).or_insert(next)
    }

    /// The table as JSON, ordered by number.
    pub fn json(self) -> String {
        let mut table: Vec<(String, usize)> = self.ids.into_iter().collect();
        table.sort_unstable_by_key(|(_, id)| *id);
        let kinds: Vec<String> = table.into_iter().map(|(text, _)| text).collect();
        format!("[{}]", kinds.join(","))
    }
}

/// The inputs of kinds.
pub(super) struct Known<'a> {
    pub graph: &'a Graph,
    pub scene: &'a Scene<'a>,
    pub picture: &'a Picture,
    pub blocks: &'a Blocks,
    pub source: &'a [SourceLine],
}

impl Known<'_> {
    /// The kind of each node; undrawn nodes have one too.
    pub fn kinds(&self, texts: &mut Texts) -> (Kinds, Vec<usize>) {
        let mut kinds = Kinds::default();
        let mut writer = Writer::new(self.graph);
        let mut item = vec![None; self.graph.len()];
        self.scene.items.iter().for_each(|i| item[i.node] = Some(i));
        let of = (0..self.graph.len()).map(|i| {
            let kind = self.kind(i, item[i], texts, &mut writer);
            kinds.id(&kind)
        });
        let of = of.collect();
        (kinds, of)
    }

    /// The step in a node's name.
    fn step(&self, node: usize) -> Option<u32> {
        match self.scene.columns[node] {
            Column::Step(s) => self.scene.steps.get(s).map(|step| step.number),
            _ => None,
        }
    }

    fn kind(&self, i: usize, item: Option<&Item>, texts: &mut Texts, writer: &mut Writer) -> Kind<'_> {
        let (graph, step) = (self.graph, self.step(i));
        let node = graph.at(i);
        let look = self.picture.look(i);
        let title = item.map_or_else(|| label::sign(graph, i), |item| item.title.clone());
        let tags = look.map_or_else(Vec::new, |look| {
            let arrivals = self.picture.looks()[look].operands.iter().zip(graph.operands_at(i));
            let tag = |(arrival, x): (&Option<Arrival>, usize)| match arrival {
                Some(Arrival::Tag(_)) => Some(texts.id(&label::reference(graph, x), step)),
                _ => None,
            };
            arrivals.map(tag).collect()
        });
        Kind {
            name: texts.id(&graph.name_at(i), step),
            title: texts.id(&title, step),
            subtitle: item.and_then(|item| item.subtitle.as_ref()).map(|text| texts.id(text, step)),
            equation: writer.equation(i).map(|text| texts.formula(&text, step)),
            rule: writer.rule(i, self.picture.kin(i)).map(|text| texts.formula(&text, step)),
            role: match node.origin.role {
                Role::Forward => "forward",
                Role::Adjoint { .. } => "adjoint",
                Role::Backward { .. } => "backward",
            },
            part: match node.origin.role {
                Role::Forward => part(Part::Forward),
                _ => part(Part::Backward),
            },
            column: match self.scene.columns[i] {
                Column::Side => "side",
                Column::Step(_) => "step",
                Column::End => "end",
            },
            class: item.map_or("constant", |item| item.class.id()),
            parameter: item.and_then(|item| item.class.parameter()),
            op: node.op.name(),
            attributes: texts.id(&node.op.attributes(), step),
            shape: &node.ty.shape,
            ty: node.ty.to_string(),
            arity: graph.operands_at(i).len(),
            block: self.blocks.of(i),
            look,
            tags,
            line: self.line(i),
            place: node.origin.place.to_string(),
        }
    }

    /// The line of the source that defines the value to which a node belongs.
    fn line(&self, i: usize) -> Option<usize> {
        let node = self.graph.at(i);
        let origin = match node.origin.role.of() {
            Some(of) => &self.graph.at(of as usize).origin,
            None => &node.origin,
        };
        let (Some(_), Some(name)) = (&origin.layer, &origin.name) else { return None };
        let constant = matches!(node.op, Op::Leaf(Leaf::Constant(_)));
        self.source.iter().position(|line| line.defines.as_deref() == Some(name)).filter(|_| !constant)
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Forward => "forward",
        Part::Backward => "backward",
    }
}
