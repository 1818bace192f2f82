//! The positions of a step's ops, once per kind of step.
//!
//! A long sequence has few kinds of steps: the first, the last, those with a stop-gradient, and all others. Steps of
//! one kind correspond node by node, so one of each kind is laid out, with its neighbours, and the others share its
//! layout.

use super::super::kin::kin;
use super::super::layout::{Bend, Frame, Layout, Line};
use super::super::scene::{Column, Link, Scene};
use crate::draw::Options;
use autograd::graph::Graph;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A point or a path, relative to a column's left edge; the side column is relative to its right edge.
type Path = Vec<[f32; 2]>;

/// The drawing of a node.
#[derive(Clone, Default, Serialize)]
pub(super) struct Look {
    /// Left, top, width, height.
    pub frame: [f32; 4],
    /// The form of each operand.
    pub operands: Vec<Option<Arrival>>,
    /// Names of users above a node in the side column: text, node, and left, top, width, height.
    pub above: Vec<(String, usize, [f32; 4])>,
    /// Lines to other columns.
    pub exits: Vec<Exit>,
}

/// The form of an operand at its user.
#[derive(Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Arrival {
    /// A line from the same column.
    Rise(Path),
    /// An arc on the left of the side column.
    Bow(Path),
    /// The end of a line from another column, starting at its height in the gutter.
    Across { height: f32, path: Path, right: bool },
    /// A name below the user: left, top, width, height.
    Tag([f32; 4]),
}

/// The start of a line to another column.
#[derive(Clone, Serialize)]
pub(super) struct Exit {
    /// From the box to the line's height in the gutter.
    pub path: Path,
    /// The position of its lane, left of the column to the right of the gutter.
    pub lane: f32,
    /// Whether the line goes right.
    pub right: bool,
    /// Whether the gutter is before the column at the end.
    pub end: bool,
}

/// Sizes shared by all columns.
#[derive(Serialize)]
pub(super) struct Sheet {
    /// Of an open step.
    pub width: f32,
    /// Between two steps, and before the column at the end.
    pub gaps: [f32; 2],
    /// Of the side column.
    pub side: f32,
    pub height: f32,
    /// The height of the line between the forward and backward parts.
    pub divider: Option<f32>,
    /// Layers with their top edges and heights, in both parts.
    pub bands: Vec<(String, f32, f32)>,
}

/// The drawings of all nodes.
pub(super) struct Picture {
    pub sheet: Sheet,
    looks: Vec<Look>,
    /// For each node of the graph its drawing.
    look: Vec<Option<usize>>,
    kin: Vec<u32>,
}

impl Picture {
    /// `full` is the scene of the same graph with the same options.
    pub fn new(graph: &Graph, options: &Options, full: &Scene) -> Self {
        let kin = kin(graph, &full.columns);
        let models = models(graph, full, &kin);
        let kept = kept(&models);
        let scene = Scene::new(&options.view(graph)).only(&kept);
        let layout = Layout::new(&scene);
        let edges = Edges::of(&scene, &layout);
        let looks = looks(&scene, &layout, &edges);
        let mut place: HashMap<(Column, u32), usize> = HashMap::new();
        for (i, item) in scene.items.iter().enumerate() {
            place.insert((item.column, kin[item.node]), i);
        }
        let mut look = vec![None; graph.len()];
        for item in &full.items {
            let column = match item.column {
                Column::Step(s) => kept.binary_search(&models[s]).map_or(item.column, Column::Step),
                column => column,
            };
            look[item.node] = place.get(&(column, kin[item.node])).copied();
        }
        Self { sheet: sheet(&layout, &edges), looks, look, kin }
    }

    /// The index of a node's drawing, if it is drawn.
    pub fn look(&self, node: usize) -> Option<usize> {
        self.look[node]
    }

    /// The number that a node shares with corresponding nodes of other steps.
    pub fn kin(&self, node: usize) -> u32 {
        self.kin[node]
    }

    /// All drawings, by index.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }
}

/// For each step the first similar one.
fn models(graph: &Graph, scene: &Scene, kin: &[u32]) -> Vec<usize> {
    let mut hashers = vec![DefaultHasher::new(); scene.steps.len()];
    let toward = |s: usize, column: Column| match column {
        Column::Step(other) => i64::try_from(other).unwrap_or(0) - i64::try_from(s).unwrap_or(0),
        Column::Side => i64::MIN,
        Column::End => i64::MAX,
    };
    let users = graph.users();
    for item in &scene.items {
        let Column::Step(s) = item.column else { continue };
        let to = &mut hashers[s];
        (kin[item.node], item.class, item.band).hash(to);
        for x in graph.operands_at(item.node) {
            (kin[x], toward(s, scene.columns[x])).hash(to);
        }
        for user in users.at(item.node).iter().map(|&user| user as usize) {
            // A user at the end is identified by its position, which does not matter here.
            let number = if scene.columns[user] == Column::End { 0 } else { kin[user] };
            (number, toward(s, scene.columns[user])).hash(to);
        }
    }
    let mut first: HashMap<u64, usize> = HashMap::new();
    hashers.iter().enumerate().map(|(s, hasher)| *first.entry(hasher.finish()).or_insert(s)).collect()
}

/// The models and their neighbours, ascending.
fn kept(models: &[usize]) -> Vec<usize> {
    let around = |&m: &usize| m.saturating_sub(1)..(m + 2).min(models.len());
    let mut kept: Vec<usize> = models.iter().flat_map(around).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// The left edges that positions are relative to.
struct Edges {
    side: f64,
    steps: Vec<f64>,
    end: f64,
}

impl Edges {
    fn of(scene: &Scene, layout: &Layout) -> Self {
        let frames = |column: Column| {
            scene
                .items
                .iter()
                .zip(&layout.frames)
                .filter(move |(item, _)| item.column == column)
                .map(|(_, f)| f)
        };
        let first = layout.columns.first().copied().unwrap_or(0.0);
        let side = frames(Column::Side).map(|f| f.x + f.width).reduce(f64::max).unwrap_or(first);
        let last = layout.columns.last().map_or(side, |x| x + layout.column_width);
        let end = frames(Column::End).map(|f| f.x).reduce(f64::min).unwrap_or(last);
        Self { side, steps: layout.columns.clone(), end }
    }

    fn left(&self, column: Column) -> f64 {
        match column {
            Column::Side => self.side,
            Column::Step(s) => self.steps[s],
            Column::End => self.end,
        }
    }

    /// The left edge of the column to the right of the gutter between two columns.
    fn after_gutter(&self, a: Column, b: Column) -> f64 {
        match (a, b) {
            (Column::Side, _) | (_, Column::Side) => self.steps.first().copied().unwrap_or(self.end),
            (Column::Step(a), Column::Step(b)) => self.steps[a.max(b)],
            _ => self.end,
        }
    }
}

fn short(x: f64) -> f32 {
    // Tenths of a pixel; pictures are small enough for single precision.
    #[allow(clippy::cast_possible_truncation)]
    let x = (x * 10.0).round() as f32;
    x / 10.0
}

fn sheet(layout: &Layout, edges: &Edges) -> Sheet {
    let inner = layout.columns.windows(2).map(|x| x[1] - x[0] - layout.column_width).next();
    let last = layout.columns.last().map_or(edges.side, |x| x + layout.column_width);
    let left = layout.frames.iter().map(|f| f.x).reduce(f64::min).unwrap_or(0.0);
    let band = |(name, f): &(String, Frame)| (name.clone(), short(f.y), short(f.height));
    Sheet {
        width: short(layout.column_width),
        gaps: [short(inner.unwrap_or(40.0)), short(edges.end - last)],
        side: short(edges.side - left),
        height: short(layout.height),
        divider: layout.divider.map(short),
        bands: layout.bands.iter().map(band).collect(),
    }
}

fn looks(scene: &Scene, layout: &Layout, edges: &Edges) -> Vec<Look> {
    let relative = |item: usize, f: &Frame| {
        [short(f.x - edges.left(scene.items[item].column)), short(f.y), short(f.width), short(f.height)]
    };
    let mut looks: Vec<Look> = (0..scene.items.len())
        .map(|i| Look { frame: relative(i, &layout.frames[i]), ..Look::default() })
        .collect();
    let mut arrive = |link: &Link, arrival: Arrival| {
        let operands = &mut looks[link.to].operands;
        operands.resize(operands.len().max(link.port + 1), None);
        operands[link.port] = Some(arrival);
    };
    for tag in layout.tags.iter().filter(|tag| !tag.above) {
        let link = &scene.links[tag.link];
        arrive(link, Arrival::Tag(relative(link.to, &tag.frame)));
    }
    let path = |points: &[[f64; 2]], left: f64| -> Path {
        points.iter().map(|&[x, y]| [short(x - left), short(y)]).collect()
    };
    let mut exits: Vec<(usize, Exit)> = Vec::new();
    for line in &layout.lines {
        let link = &scene.links[line.link];
        let [from, to] = [link.from, link.to].map(|i| scene.items[i].column);
        let [left, right] = [from, to].map(|column| edges.left(column));
        match line.shape {
            Bend::Curve => arrive(link, Arrival::Rise(path(&line.points, right))),
            Bend::Bow => arrive(link, Arrival::Bow(path(&line.points, right))),
            Bend::Corner => {
                let lane = lane(line);
                let [x, y] = line.points[lane + 1];
                let goes_right = from < to;
                let entry = path(&line.points[lane + 2..], right);
                arrive(link, Arrival::Across { height: short(y), path: entry, right: goes_right });
                let end = Column::End;
                let mut way = path(&line.points[..lane], left);
                // The height of the lane's start; its position is relative to another column.
                way.push([way.last().map_or(0.0, |p| p[0]), short(line.points[lane][1])]);
                let lane = short(x - edges.after_gutter(from, to));
                exits.push((
                    link.from,
                    Exit { path: way, lane, right: goes_right, end: from == end || to == end },
                ));
            }
        }
    }
    for tag in layout.tags.iter().filter(|tag| tag.above) {
        let Link { from, to, .. } = scene.links[tag.link];
        let frame = relative(from, &tag.frame);
        looks[from].above.push((tag.text.clone(), scene.items[to].node, frame));
    }
    for (from, exit) in exits {
        let known = |e: &Exit| e.right == exit.right && e.end == exit.end;
        if !looks[from].exits.iter().any(known) {
            looks[from].exits.push(exit);
        }
    }
    looks
}

/// The first point in the lane of a line to another column: the line leaves its box sideways, or upwards and then
/// sideways.
fn lane(line: &Line) -> usize {
    let up = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() < 0.05 && (a[1] - b[1]).abs() > 0.05;
    if up(line.points[0], line.points[1]) { 2 } else { 1 }
}
