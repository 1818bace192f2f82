//! The form of each operand: a line, or a name where the line would be long.

use super::plan::Seat;
use super::sheet::Sheet;
use crate::draw::cut::Part;
use crate::draw::label::Class;
use crate::draw::scene::{Column, Item, Link, Scene};

/// The form of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wire {
    /// A line upwards inside a column.
    Rise,
    /// A line to another column, to the right or to the left.
    Across { right: bool },
    /// A line from a rolled step to itself: to the next of those steps, or to the one before.
    Loop { right: bool },
    /// An arc on the left of the side column.
    Arc,
    /// A tag at the user with the name of the operand.
    TagBelow,
    /// A tag at the operand with the name of the user.
    TagAbove,
}

impl Wire {
    /// Whether it crosses a gutter from another step.
    pub fn is_across(self) -> bool {
        matches!(self, Self::Across { .. } | Self::Loop { .. })
    }
}

/// The forms of all operands. The levels of the sheets must be known.
pub(super) fn wires(scene: &Scene, seats: &[Option<Seat>], sheets: &[Sheet]) -> Vec<Wire> {
    let first_only = first_only(scene);
    let wire = |link: &Link| {
        let (a, b) = (&scene.items[link.from], &scene.items[link.to]);
        if a.part != b.part || a.outside {
            return Wire::TagBelow;
        }
        if link.is_loop(&scene.items) {
            return if link.lag.abs() == 1 { Wire::Loop { right: link.lag > 0 } } else { Wire::TagBelow };
        }
        let own = link.operand == a.node && link.user == b.node;
        match (a.column, b.column) {
            (Column::Side, Column::Side) => Wire::Arc,
            (Column::Side, Column::Step(0)) if first_only[link.from] => Wire::Across { right: true },
            (Column::Step(0), Column::Side) if first_only[link.to] => Wire::Across { right: false },
            (Column::Side, _) => Wire::TagBelow,
            (_, Column::Side) => Wire::TagAbove,
            (Column::Step(_), Column::End) => Wire::Across { right: true },
            (Column::End, Column::Step(_)) => Wire::Across { right: false },
            // A rolled step may read from farther away than its column.
            (Column::Step(i), Column::Step(j)) if i != j && !own && link.lag.abs() != 1 => Wire::TagBelow,
            (Column::Step(i), Column::Step(j)) if i != j => match j.checked_sub(i) {
                Some(1) => Wire::Across { right: true },
                None if i - j == 1 => Wire::Across { right: false },
                _ => Wire::TagBelow,
            },
            _ => match (seats[link.from], seats[link.to]) {
                (Some(a), Some(b)) if sheets[a.sheet].rises(a.cell, b.cell) => Wire::Rise,
                _ => Wire::TagBelow,
            },
        }
    };
    scene.links.iter().map(wire).collect()
}

/// For each node at the side, whether it is connected to the first step alone, so that a line to it is short.
fn first_only(scene: &Scene) -> Vec<bool> {
    let shared = |item: &Item| matches!(item.class, Class::Parameter(_) | Class::Gradient(_));
    let mut only: Vec<bool> =
        scene.items.iter().map(|item| item.column == Column::Side && !shared(item)).collect();
    for link in &scene.links {
        let (a, b) = (&scene.items[link.from], &scene.items[link.to]);
        if a.part == b.part {
            only[link.from] &= matches!(b.column, Column::Side | Column::Step(0));
            only[link.to] &= matches!(a.column, Column::Side | Column::Step(0));
        }
    }
    only
}

/// The sheet of an item: one for the steps and one for the end, of each part.
pub(super) fn sheet_of(item: &Item) -> Option<usize> {
    let part = usize::from(item.part == Part::Backward);
    match item.column {
        _ if item.outside => None,
        Column::Side => None,
        Column::Step(_) => Some(2 * part),
        Column::End => Some(2 * part + 1),
    }
}
