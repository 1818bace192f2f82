//! Where everything stands.
//!
//! 1. [`kin`] finds which nodes of different steps are the same node of the step, so that one [`sheet`] plans
//!    all steps: levels, order, middles.
//! 2. [`wire`] decides for each operand whether it is a line or a name.
//! 3. [`rows`] gives the levels their heights; between two levels is a *channel* for lines to other columns,
//!    between two columns a *gutter*. No box stands in either, so lines that keep to them meet none.
//! 4. [`place`] puts the sheets, the side column and the tags in their places, and [`route`] draws the lines.
//!
//! All of it is linear in the number of nodes, but for sorting.

mod kin;
mod order;
mod place;
mod route;
mod rows;
mod sheet;
mod side;
mod spread;
pub(super) mod text;
mod wire;

use super::label;
use super::scene::{Column, Part, Scene};
use rows::Rows;
use sheet::Sheet;
use std::collections::HashMap;
use wire::Wire;

/// Sizes in pixels.
pub(super) const TITLE: f64 = 12.0;
pub(super) const SMALL: f64 = 9.0;
pub(super) const SIGN: f64 = 11.0;
pub(super) const TAG_HEIGHT: f64 = 13.0;
const BOX_HEIGHT: f64 = 32.0;
const SIGN_HEIGHT: f64 = 19.0;
/// What a line takes of the lower edge of a box.
const PORT: f64 = 12.0;

/// A rectangle by its upper left corner.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct Frame {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn middle(&self) -> [f64; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    fn bottom(&self) -> f64 {
        self.y + self.height
    }

    fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// An operand that is shown by a name.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    /// Which link.
    pub link: usize,
    /// Whether it stands above the operand and names the user; else it stands below the user and names the
    /// operand.
    pub above: bool,
    pub text: String,
    pub frame: Frame,
}

/// An operand that is shown by a line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Which link.
    pub link: usize,
    pub points: Vec<[f64; 2]>,
    pub shape: Bend,
}

/// How a line goes from point to point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bend {
    /// In curves that leave and arrive upright.
    Curve,
    /// In upright and level pieces with round corners.
    Corner,
    /// In one bow to the left.
    Bow,
}

/// Where everything stands.
#[derive(Debug)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// For each item its box.
    pub frames: Vec<Frame>,
    pub tags: Vec<Tag>,
    pub lines: Vec<Line>,
    /// For each step the left edge of its column.
    pub columns: Vec<f64>,
    pub column_width: f64,
    /// The bands, with what they are called.
    pub bands: Vec<(String, Frame)>,
    /// The line between forward and backward.
    pub divider: Option<f64>,
}

/// Where an item stands on its sheet.
#[derive(Clone, Copy, Debug)]
struct Seat {
    sheet: usize,
    cell: usize,
}

/// All that is known before places are.
struct Plan<'s> {
    scene: &'s Scene<'s>,
    /// Forward steps, forward end, backward steps, backward end.
    sheets: Vec<Sheet>,
    rows: Vec<Rows>,
    seats: Vec<Option<Seat>>,
    wires: Vec<Wire>,
    /// The text of each link that is a tag.
    texts: Vec<String>,
    /// For each item the links to it, and those from it.
    incoming: Vec<Vec<usize>>,
    outgoing: Vec<Vec<usize>>,
    /// For each item the size of its box.
    sizes: Vec<[f64; 2]>,
}

impl Layout {
    pub fn new(scene: &Scene) -> Self {
        let mut plan = Plan::new(scene);
        plan.sheets.iter_mut().for_each(Sheet::arrange);
        let mut across = route::Across::new(&plan);
        plan.rows = plan
            .sheets
            .iter()
            .enumerate()
            .map(|(s, sheet)| Rows::new(sheet, |c| across.lanes(s, c)))
            .collect();
        place::place(&plan, &mut across)
    }
}

impl<'s> Plan<'s> {
    fn new(scene: &'s Scene<'s>) -> Self {
        let (mut sheets, seats) = sheets(scene);
        for link in &scene.links {
            if let (Some(a), Some(b)) = (seats[link.from], seats[link.to])
                && a.sheet == b.sheet
                && scene.items[link.from].column == scene.items[link.to].column
            {
                sheets[a.sheet].edges.push((a.cell, b.cell));
            }
        }
        sheets.iter_mut().enumerate().for_each(|(s, sheet)| sheet.assign_levels(s >= 2));
        let wires = wire::wires(scene, &seats, &sheets);
        let (mut incoming, mut outgoing) =
            (vec![Vec::new(); scene.items.len()], vec![Vec::new(); scene.items.len()]);
        for (i, link) in scene.links.iter().enumerate() {
            incoming[link.to].push(i);
            outgoing[link.from].push(i);
        }
        let text = |(link, wire): (&super::scene::Link, &Wire)| match wire {
            Wire::TagBelow => label::reference(scene.graph, scene.items[link.from].node),
            Wire::TagAbove => format!("→ {}", label::reference(scene.graph, scene.items[link.to].node)),
            _ => String::new(),
        };
        let texts = scene.links.iter().zip(&wires).map(text).collect();
        let mut plan = Self {
            scene,
            sheets,
            rows: Vec::new(),
            seats,
            wires,
            texts,
            incoming,
            outgoing,
            sizes: Vec::new(),
        };
        plan.measure();
        plan.anchor();
        plan.pull();
        plan
    }

    /// The size of each box; kin have one size.
    fn measure(&mut self) {
        self.sizes = self.scene.items.iter().map(size).collect();
        for (i, seat) in self.seats.iter().enumerate() {
            let Some(Seat { sheet, cell }) = *seat else { continue };
            let (below, above) = (self.width_below(i), self.width_above(i));
            let cell = &mut self.sheets[sheet].cells[cell];
            cell.width = cell.width.max(self.sizes[i][0]).max(below);
            cell.height = cell.height.max(self.sizes[i][1]);
            cell.room = cell.room.max(cell.width).max(below).max(above);
            cell.tags_below |= self.incoming[i].iter().any(|&l| self.wires[l] == Wire::TagBelow);
            cell.tags_above |= self.outgoing[i].iter().any(|&l| self.wires[l] == Wire::TagAbove);
        }
        for (size, seat) in self.sizes.iter_mut().zip(&self.seats) {
            if let Some(Seat { sheet, cell }) = *seat {
                let cell = &self.sheets[sheet].cells[cell];
                *size = [cell.width, cell.height];
            }
        }
    }

    /// Where lines arrive at their users, so that boxes can stand straight above each other. Lines from other
    /// steps mostly arrive at the side.
    fn anchor(&mut self) {
        for i in 0..self.seats.len() {
            let Some(Seat { sheet, cell }) = self.seats[i] else { continue };
            let ports: Vec<(usize, f64)> =
                self.ports(i).filter(|&(l, _)| !matches!(self.wires[l], Wire::Across { .. })).collect();
            let mut x = -ports.iter().map(|(_, width)| width).sum::<f64>() / 2.0;
            for (l, width) in ports {
                if let (Wire::Rise, Some(from)) = (self.wires[l], self.seats[self.scene.links[l].from]) {
                    self.sheets[sheet].ports.entry((from.cell, cell)).or_insert(x + width / 2.0);
                }
                x += width;
            }
        }
    }

    fn tag(&self, link: usize, above: bool, frame: Frame) -> Tag {
        Tag { link, above, text: self.texts[link].clone(), frame }
    }

    fn tag_width(&self, link: usize) -> f64 {
        text::width(&self.texts[link], SMALL) + 8.0
    }

    /// The ports of an item's lower edge from left to right: link and width. Lines from other columns share
    /// the first one's port, and a sum of very many operands has narrow ports.
    fn ports(&self, item: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        const WIDEST: f64 = 240.0;
        let narrow = PORT.min(WIDEST / self.incoming[item].len().max(1) as f64);
        let mut from_afar = 0;
        self.incoming[item].iter().filter_map(move |&l| match self.wires[l] {
            Wire::TagBelow => Some((l, self.tag_width(l) + 3.0)),
            Wire::Rise => Some((l, narrow)),
            Wire::Across { .. } => {
                from_afar += 1;
                (from_afar == 1).then_some((l, PORT))
            }
            _ => None,
        })
    }

    fn width_below(&self, item: usize) -> f64 {
        self.ports(item).map(|(_, width)| width).sum()
    }

    /// Tags above stand on the right of the line that leaves, or in the middle if there is none.
    fn width_above(&self, item: usize) -> f64 {
        let tags = self.outgoing[item].iter().filter(|&&l| self.wires[l] == Wire::TagAbove);
        let width: f64 = tags.map(|&l| self.tag_width(l) + 3.0).sum();
        if width > 0.0 && self.has_line_above(item) { 2.0 * (width + PORT / 2.0) } else { width }
    }

    fn has_line_above(&self, item: usize) -> bool {
        self.outgoing[item].iter().any(|&l| matches!(self.wires[l], Wire::Rise | Wire::Across { .. }))
    }

    /// Nodes with lines to other steps stand on the side where those steps are.
    fn pull(&mut self) {
        for (link, wire) in self.scene.links.iter().zip(&self.wires) {
            let Wire::Across { right } = *wire else { continue };
            let toward = if right { 2.0 } else { -2.0 };
            let ends = [(link.from, link.to, toward), (link.to, link.from, -toward)];
            for (end, other, pull) in ends {
                let bus = matches!(self.scene.items[other].column, Column::End);
                if let Some(Seat { sheet, cell }) = self.seats[end].filter(|_| !bus) {
                    self.sheets[sheet].cells[cell].pull = pull;
                }
            }
        }
    }
}

fn size(item: &super::scene::Item) -> [f64; 2] {
    match &item.subtitle {
        Some(subtitle) => {
            let width = (text::width(&item.title, TITLE) * 1.06).max(text::width(subtitle, SMALL));
            [(width + 10.0).max(34.0), BOX_HEIGHT]
        }
        None => [(text::width(&item.title, SIGN) + 8.0).max(SIGN_HEIGHT + 3.0), SIGN_HEIGHT],
    }
}

/// The four sheets with their cells, and where each item stands.
fn sheets(scene: &Scene) -> (Vec<Sheet>, Vec<Option<Seat>>) {
    let kin = kin::kin(scene.graph, &scene.columns);
    let mut sheets: Vec<Sheet> = (0..4).map(|_| Sheet::default()).collect();
    let mut cells: HashMap<(usize, u32), usize> = HashMap::new();
    let seat = |item: &super::scene::Item| {
        let sheet = wire::sheet_of(item)?;
        let cell = *cells.entry((sheet, kin[item.node])).or_insert_with(|| sheets[sheet].add(item.band));
        Some(Seat { sheet, cell })
    };
    let seats = scene.items.iter().map(seat).collect();
    (sheets, seats)
}

/// The sheets of a part.
fn of_part(part: Part) -> [usize; 2] {
    if part == Part::Forward { [0, 1] } else { [2, 3] }
}
