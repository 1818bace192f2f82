//! The plan before positions: the cells, the form of operands, the sizes of boxes.

use super::crossings::Door;
use super::rows::Rows;
use super::sheet::Sheet;
use super::wire::{self, Wire};
use super::{Frame, SIGN, SMALL, TITLE, Tag, text, under_a_name};
use crate::draw::detail::Detail;
use crate::draw::scene::{Column, Item, Link, Scene};
use autograd::ops::Op;
use std::collections::HashMap;

const BOX_HEIGHT: f64 = 32.0;
const SIGN_HEIGHT: f64 = 19.0;
/// The width that a line takes at the lower edge of a box.
pub(super) const PORT: f64 = 12.0;

/// The cell of an item on its sheet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub sheet: usize,
    pub cell: usize,
}

/// All that is known before positions.
pub(super) struct Plan<'s> {
    pub scene: &'s Scene<'s>,
    /// Forward steps, forward end, backward steps, backward end.
    pub sheets: Vec<Sheet>,
    pub rows: Vec<Rows>,
    pub seats: Vec<Option<Seat>>,
    pub wires: Vec<Wire>,
    /// The text of each link shown as a tag.
    pub texts: Vec<String>,
    /// For each item its incoming and outgoing links.
    pub incoming: Vec<Vec<usize>>,
    pub outgoing: Vec<Vec<usize>>,
    /// The box size of each item.
    pub sizes: Vec<[f64; 2]>,
}

impl<'s> Plan<'s> {
    pub fn new(scene: &'s Scene<'s>) -> Self {
        let (mut sheets, seats) = sheets(scene);
        for link in &scene.links {
            if let (Some(a), Some(b)) = (seats[link.from], seats[link.to])
                && a.sheet == b.sheet
                && scene.items[link.from].column == scene.items[link.to].column
                && !link.is_loop(&scene.items)
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
        let text = |(link, wire): (&Link, &Wire)| match wire {
            Wire::TagBelow => scene.operand_name(link),
            Wire::TagAbove => format!("→ {}", scene.user_name(link)),
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
        plan.doors();
        plan
    }

    /// The size of each box; kin have equal sizes.
    fn measure(&mut self) {
        self.sizes = self.scene.items.iter().map(|item| size(item, self.scene.detail)).collect();
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

    /// The arrival points of lines at their users, so that boxes can be aligned vertically. Lines from other steps
    /// usually arrive at the side.
    fn anchor(&mut self) {
        for i in 0..self.seats.len() {
            let Some(Seat { sheet, cell }) = self.seats[i] else { continue };
            let ports: Vec<(usize, f64)> =
                self.ports(i).filter(|&(l, _)| !self.wires[l].is_across()).collect();
            let lines = || ports.iter().filter(|&&(l, _)| self.wires[l] == Wire::Rise).count();
            let middle = self.is_commutative(i) && lines() > 1;
            let mut x = -ports.iter().map(|(_, width)| width).sum::<f64>() / 2.0;
            for (l, width) in ports {
                if let (Wire::Rise, Some(from)) = (self.wires[l], self.seats[self.scene.links[l].from]) {
                    self.sheets[sheet].ports.entry((from.cell, cell)).or_insert(if middle {
                        0.0
                    } else {
                        x + width / 2.0
                    });
                }
                x += width;
            }
        }
    }

    /// Whether the order of operands does not matter, so that lines need not cross for it.
    pub fn is_commutative(&self, item: usize) -> bool {
        let op = &self.scene.graph.at(self.scene.items[item].node).op;
        matches!(op, Op::Add(_) | Op::Mul(_) | Op::Max(_) | Op::Min(_))
    }

    pub fn tag(&self, link: usize, above: bool, frame: Frame) -> Tag {
        Tag { link, above, text: self.texts[link].clone(), frame }
    }

    pub fn tag_width(&self, link: usize) -> f64 {
        text::width(&self.texts[link], SMALL) + 8.0
    }

    /// The ports of an item's lower edge from left to right: link and width. Lines from other columns share the first
    /// one's port, and a sum of very many operands has narrow ports.
    pub fn ports(&self, item: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        const WIDEST: f64 = 240.0;
        let narrow = PORT.min(WIDEST / self.incoming[item].len().max(1) as f64);
        let mut from_afar = 0;
        self.incoming[item].iter().filter_map(move |&l| match self.wires[l] {
            Wire::TagBelow => Some((l, self.tag_width(l) + 3.0)),
            Wire::Rise => Some((l, narrow)),
            Wire::Across { .. } | Wire::Loop { .. } => {
                from_afar += 1;
                (from_afar == 1).then_some((l, PORT))
            }
            _ => None,
        })
    }

    fn width_below(&self, item: usize) -> f64 {
        self.ports(item).map(|(_, width)| width).sum()
    }

    /// Tags above are to the right of the outgoing line, or centred if there is none.
    fn width_above(&self, item: usize) -> f64 {
        let tags = self.outgoing[item].iter().filter(|&&l| self.wires[l] == Wire::TagAbove);
        let width: f64 = tags.map(|&l| self.tag_width(l) + 3.0).sum();
        if width > 0.0 && self.has_line_above(item) { 2.0 * (width + PORT / 2.0) } else { width }
    }

    fn has_line_above(&self, item: usize) -> bool {
        self.outgoing[item].iter().any(|&l| self.wires[l] == Wire::Rise || self.wires[l].is_across())
    }

    /// The cells with lines to other steps, and on which side.
    fn doors(&mut self) {
        for (link, wire) in self.scene.links.iter().zip(&self.wires) {
            let (Wire::Across { right } | Wire::Loop { right }) = *wire else { continue };
            let net = self.seats[link.from].map_or(usize::MAX, |seat| seat.cell);
            let ends = [(link.from, link.to, right, false), (link.to, link.from, !right, true)];
            for (end, other, right, enters) in ends {
                let bus = matches!(self.scene.items[other].column, Column::End);
                if let Some(Seat { sheet, cell }) = self.seats[end].filter(|_| !bus) {
                    let doors = &mut self.sheets[sheet].cells[cell].doors;
                    let door = Door { right, enters, net };
                    if !doors.contains(&door) {
                        doors.push(door);
                    }
                }
            }
        }
    }
}

fn size(item: &Item, detail: Detail) -> [f64; 2] {
    match &item.subtitle {
        Some(subtitle) => {
            let width =
                (text::width(&item.title, TITLE) * 1.06).max(text::width(subtitle, under_a_name(detail)));
            [(width + 10.0).max(34.0), BOX_HEIGHT]
        }
        None => [(text::width(&item.title, SIGN) + 8.0).max(SIGN_HEIGHT + 3.0), SIGN_HEIGHT],
    }
}

/// The four sheets with their cells, and the cell of each item.
fn sheets(scene: &Scene) -> (Vec<Sheet>, Vec<Option<Seat>>) {
    let mut sheets: Vec<Sheet> = (0..4).map(|_| Sheet::default()).collect();
    let mut cells: HashMap<(usize, u32), usize> = HashMap::new();
    let seat = |item: &Item| {
        let sheet = wire::sheet_of(item)?;
        let cell = *cells.entry((sheet, item.kin)).or_insert_with(|| sheets[sheet].add(item.band));
        Some(Seat { sheet, cell })
    };
    let seats = scene.items.iter().map(seat).collect();
    (sheets, seats)
}
