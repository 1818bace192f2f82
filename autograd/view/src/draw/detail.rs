//! Levels of detail: one box per variable, or one box per cell.
//!
//! A picture of a net for others shows gates, states, outputs and losses, not the eleven nodes of a softmax. An
//! intermediate node is in the box of its named value; a node of a derivative is in the box of the adjoint for which
//! it was built. Lines between boxes are those between their nodes. Targets have no box, parameters have boxes
//! without lines, and reads of forward values by the backward part are not drawn.

use super::cut::Part;
use super::label::{self, Class};
use super::scene::{Column, Item, Link, Scene};
use autograd::graph::{Graph, NodeId, Role};
use autograd::ops::{Leaf, Op};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The level of detail of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// A box for each cell at each step, and for each value between cells.
    Cell,
    /// A box for each variable: gates, states, outputs, losses, and their adjoints.
    Named,
    /// A box for each node of the graph.
    #[default]
    Ops,
}

/// The contents of one box.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Group {
    Node(usize),
    Variable(Option<Arc<str>>, Arc<str>, Column),
    Cell(Arc<str>, Column),
    /// The adjoint of a forward group, in a sweep.
    Adjoint(Box<Group>, u32),
}

impl Scene<'_> {
    /// The scene at this level of detail.
    pub fn in_detail(mut self, detail: Detail) -> Self {
        if detail == Detail::Ops {
            return self;
        }
        let groups = groups(&self, detail);
        // The members of each group with a box, and the one that names it.
        let mut members: HashMap<&Group, Vec<usize>> = HashMap::new();
        for (item, node) in self.items.iter().enumerate().map(|(k, item)| (k, item.node)) {
            if let Some(group) = groups[node].as_ref().filter(|_| !self.items[item].outside) {
                members.entry(group).or_default().push(item);
            }
        }
        let mut chosen: Vec<(usize, &Group)> =
            members.iter().map(|(group, items)| (face(&self, items), *group)).collect();
        chosen.sort_unstable_by_key(|(item, _)| *item);
        let numbers: HashMap<&Group, usize> =
            chosen.iter().enumerate().map(|(k, (_, group))| (*group, k)).collect();
        let faces: HashMap<&Group, usize> =
            chosen.iter().map(|(item, group)| (*group, self.items[*item].node)).collect();
        let mut kinds: HashMap<String, u32> = HashMap::new();
        let items: Vec<Item> = chosen
            .iter()
            .map(|(item, group)| {
                let next = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
                let kin = *kinds.entry(timeless(group)).or_insert(next);
                let shows = shown(&self, *item, group, &faces);
                Item { shows, kin, ..boxed(&self, *item, group, &members[*group]) }
            })
            .collect();
        let number = |node: usize| groups[node].as_ref().and_then(|group| numbers.get(group)).copied();
        let mut seen = HashSet::new();
        let mut links = Vec::new();
        let shared = |item: &Item| matches!(item.class, Class::Parameter(_) | Class::Gradient(_));
        for link in &self.links {
            let nodes = [self.items[link.from].node, self.items[link.to].node];
            let (Some(from), Some(to)) = (number(nodes[0]), number(nodes[1])) else { continue };
            let (a, b) = (&items[from], &items[to]);
            // A line from the end of a rolled step back to its start leads to the next step.
            let on = from < to || link.is_loop(&self.items);
            if on && a.part == b.part && !shared(a) && !shared(b) && seen.insert((from, to)) {
                let port = links.iter().filter(|l: &&Link| l.to == to).count();
                links.push(Link { from, to, port, operand: a.node, user: b.node, ..*link });
            }
        }
        links.sort_by_key(|link| link.to);
        (self.items, self.links, self.detail) = (items, links, detail);
        self
    }
}

/// The group of every node of the graph; `None` for nodes without a box.
fn groups(scene: &Scene, detail: Detail) -> Vec<Option<Group>> {
    let graph = scene.graph;
    let (told, whole) = (told(graph), whole(scene));
    let mut groups: Vec<Option<Group>> = vec![None; graph.len()];
    for i in 0..graph.len() {
        let node = graph.at(i);
        let origin = &node.origin;
        groups[i] = match (origin.role, &node.op, scene.columns[i]) {
            (Role::Adjoint { of, sweep } | Role::Backward { of, sweep }, ..) => {
                groups[of as usize].clone().map(|group| Group::Adjoint(Box::new(group), sweep))
            }
            _ if told[i] || whole[i] => None,
            (_, Op::Leaf(Leaf::Constant(_)), _) => None,
            (_, Op::Leaf(_), _) => Some(Group::Node(i)),
            (_, _, Column::Side) => {
                let mut of: Vec<&Group> = graph.operands_at(i).filter_map(|x| groups[x].as_ref()).collect();
                of.dedup();
                Some(if let [one] = of[..] { one.clone() } else { Group::Node(i) })
            }
            (_, _, column) => match (&origin.layer, &origin.name) {
                (Some(layer), _) if detail == Detail::Cell => Some(Group::Cell(layer.clone(), column)),
                (layer, Some(name)) => Some(Group::Variable(layer.clone(), name.clone(), column)),
                (_, None) => Some(Group::Node(i)),
            },
        };
    }
    // An unnamed node belongs to its first user.
    for i in (0..graph.len()).rev().filter(|&i| graph.at(i).origin.role == Role::Forward) {
        for x in graph.operands_at(i) {
            let unnamed = groups[x] == Some(Group::Node(x)) && !matches!(graph.at(x).op, Op::Leaf(_));
            if unnamed && scene.columns[x] == scene.columns[i] {
                let group = groups[i].clone();
                groups[x] = group;
            }
        }
    }
    // Adjoints follow their forward nodes.
    for i in 0..graph.len() {
        if let Role::Adjoint { of, sweep } | Role::Backward { of, sweep } = graph.at(i).origin.role {
            groups[i] = groups[of as usize].clone().map(|group| Group::Adjoint(Box::new(group), sweep));
        }
    }
    groups
}

/// Whether a node is a whole sequence whose parts the steps read: the parts have boxes instead.
fn whole(scene: &Scene) -> Vec<bool> {
    let graph = scene.graph;
    let users = graph.users();
    let part = |u: &u32| {
        let user = graph.at(*u as usize);
        let cut = matches!(user.op, Op::At(_) | Op::Slice(_)) && user.origin.name.is_some();
        user.origin.role != Role::Forward || cut && user.origin.step.is_some()
    };
    let sequence = |i: usize| {
        let forward = |u: &&u32| graph.at(**u as usize).origin.role == Role::Forward;
        matches!(graph.at(i).op, Op::Leaf(Leaf::Input { .. }))
            && users.at(i).iter().any(|u| forward(&u))
            && users.at(i).iter().all(part)
    };
    (0..graph.len()).map(sequence).collect()
}

/// Whether a node only feeds the loss: in a graph with layers, a leaf that is not learned and enters no layer.
fn told(graph: &Graph) -> Vec<bool> {
    let forward = |i: &usize| graph.at(*i).origin.role == Role::Forward;
    let (mut learned, mut enters) = (vec![false; graph.len()], vec![false; graph.len()]);
    for i in (0..graph.len()).filter(forward) {
        learned[i] = matches!(graph.at(i).op, Op::Leaf(Leaf::Parameter { .. }))
            || graph.operands_at(i).any(|x| learned[x]);
    }
    for i in (0..graph.len()).rev().filter(forward) {
        enters[i] |= graph.at(i).origin.layer.is_some();
        if enters[i] {
            graph.operands_at(i).for_each(|x| enters[x] = true);
        }
    }
    let layered = enters.contains(&true);
    (0..graph.len()).map(|i| layered && forward(&i) && !learned[i] && !enters[i]).collect()
}

/// The member that names a box: the last named forward one, or its adjoint in the backward part.
fn face(scene: &Scene, items: &[usize]) -> usize {
    let graph = scene.graph;
    let whole = |k: &usize| {
        let node = graph.at(scene.items[*k].node);
        match node.origin.role {
            Role::Forward => node.origin.name.is_some() && node.origin.ordinal == 0,
            Role::Adjoint { of, .. } => {
                let of = &graph.at(of as usize);
                of.origin.ordinal == 0 && (of.origin.name.is_some() || matches!(of.op, Op::Leaf(_)))
            }
            Role::Backward { .. } => false,
        }
    };
    // For a parameter and its slices, the parameter; for their gradients, its gradient.
    let leaf = |k: &usize| {
        let node = scene.items[*k].node;
        let of = match graph.at(node).origin.role {
            Role::Adjoint { of, .. } => of as usize,
            _ => node,
        };
        matches!(graph.at(of).op, Op::Leaf(Leaf::Parameter { .. } | Leaf::Input { .. }))
    };
    let found = items.iter().copied().find(leaf).or_else(|| items.iter().copied().rfind(whole));
    found.unwrap_or(items[items.len() - 1])
}

/// The node whose value a box shows. The adjoint of a variable can be that of another one, which its box does not hold: the
/// terms of a sum share the adjoint of the sum.
fn shown(scene: &Scene, item: usize, group: &Group, faces: &HashMap<&Group, usize>) -> Option<NodeId> {
    let of = |of: &Group, sweep: u32| {
        let of = scene.graph.id(*faces.get(of)?);
        scene.graph.adjoint(of, sweep as usize).ok()?
    };
    match group {
        Group::Adjoint(forward, sweep) => scene.items[item].shows.or_else(|| of(forward, *sweep)),
        _ => scene.items[item].shows,
    }
}

/// The item of a box.
fn boxed(scene: &Scene, item: usize, group: &Group, members: &[usize]) -> Item {
    let own = &scene.items[item];
    let graph = scene.graph;
    let backward = own.part == Part::Backward;
    let at = match own.column {
        Column::Step(s) if scene.steps[s].group.is_empty() => format!("[{}]", scene.steps[s].number),
        Column::Step(_) => "[t]".into(),
        _ => String::new(),
    };
    let adjoint = if backward { "∂" } else { "" };
    let forward = if let Group::Adjoint(of, _) = group { of } else { group };
    let title = match forward {
        Group::Cell(layer, _) => format!("{adjoint}{layer}{at}"),
        Group::Variable(_, name, _) if own.subtitle.is_none() => format!("{adjoint}{name}{at}"),
        _ => own.title.clone(),
    };
    let class = match own.class {
        Class::Interior | Class::Mask => Class::Named,
        Class::Backward => Class::Adjoint,
        class => class,
    };
    let cut = members.iter().any(|&k| scene.items[k].class == Class::Cut);
    let subtitle = match forward {
        Group::Cell(..) => {
            // The outputs of the cell.
            let inside: HashSet<usize> = members.iter().copied().collect();
            let mut names: Vec<&str> = Vec::new();
            for link in scene.links.iter().filter(|l| inside.contains(&l.from) && !inside.contains(&l.to)) {
                let name = graph.at(scene.items[link.from].node).origin.name.as_deref().unwrap_or("");
                if scene.items[link.to].part == Part::Forward && !names.contains(&name) {
                    names.push(name);
                }
            }
            Some(if backward { String::new() } else { names.join("  ") })
        }
        Group::Variable(..) if backward => Some(String::new()),
        // A function describes a variable; the last of several sums or products does not.
        Group::Variable(..) => {
            let sign = label::sign(graph, own.node);
            let function =
                sign.chars().all(char::is_alphabetic) && graph.at(own.node).op.operator().is_some();
            Some(if function && !matches!(graph.at(own.node).op, Op::At(_)) { sign } else { String::new() })
        }
        // The assembly of a gradient from its parts is shown only at the level of ops.
        _ if matches!(class, Class::Gradient(_)) => Some(graph.at(own.node).ty.to_string()),
        _ => own.subtitle.clone(),
    };
    let subtitle = subtitle.map(|s| if cut { format!("✂ {s}") } else { s });
    Item {
        node: own.node,
        part: own.part,
        column: own.column,
        band: own.band,
        class,
        title,
        subtitle,
        shows: own.shows,
        outside: false,
        kin: 0,
        change: own.change,
    }
}

/// A group without its step, equal for similar boxes.
fn timeless(group: &Group) -> String {
    match group {
        Group::Node(i) => format!("node {i}"),
        Group::Variable(layer, name, column) => {
            format!("{} {name} {}", layer.as_deref().unwrap_or(""), kind(*column))
        }
        Group::Cell(layer, column) => format!("{layer}/ {}", kind(*column)),
        Group::Adjoint(of, sweep) => format!("∂{sweep} {}", timeless(of)),
    }
}

fn kind(column: Column) -> &'static str {
    match column {
        Column::Side => "side",
        Column::Step(_) => "step",
        Column::End => "end",
    }
}
