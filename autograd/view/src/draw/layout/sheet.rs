//! The plan of one step, which all steps share: which level each node stands on, and where in it.
//!
//! Levels are longest paths (Sugiyama, Tagawa & Toda 1981), counted in each band and stacked. A line that
//! passes levels has a place of its own in each of them, so that it runs between boxes and not through them;
//! all lines from one node share these places.

use super::crossings::Door;
use std::collections::{HashMap, VecDeque};

/// The farthest that a line runs inside a step, in levels. Beyond that a name reads better.
const LONGEST: usize = 16;

/// A place on a sheet: a box, or a line that passes.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub band: usize,
    pub level: usize,
    /// Of the box.
    pub width: f64,
    pub height: f64,
    /// Of the box with its tags.
    pub room: f64,
    pub tags_below: bool,
    pub tags_above: bool,
    /// The middle.
    pub x: f64,
    pub is_box: bool,
    /// Of a line, the cell that it comes from.
    pub line_of: Option<usize>,
    /// The ends of lines from and to other steps.
    pub doors: Vec<Door>,
}

impl Cell {
    /// Where lines to and from other steps would have it in its level: negative left, positive right.
    pub fn pull(&self) -> f64 {
        self.doors.last().map_or(0.0, |door| if door.right { 2.0 } else { -2.0 })
    }
}

/// The plan of a step, of one part.
#[derive(Default, Debug)]
pub(super) struct Sheet {
    pub cells: Vec<Cell>,
    /// From a cell to its users.
    pub edges: Vec<(usize, usize)>,
    /// The cells of each level, from left to right.
    pub levels: Vec<Vec<usize>>,
    /// The places of the line from a cell on the levels that it passes.
    pub passing: HashMap<(usize, usize), usize>,
    /// How far right of the middle of its user a line arrives, by both ends.
    pub ports: HashMap<(usize, usize), f64>,
    pub width: f64,
}

impl Sheet {
    pub fn add(&mut self, band: usize) -> usize {
        self.cells.push(Cell {
            band,
            level: 0,
            width: 0.0,
            height: 0.0,
            room: 0.0,
            tags_below: false,
            tags_above: false,
            x: 0.0,
            is_box: true,
            line_of: None,
            doors: Vec::new(),
        });
        self.cells.len() - 1
    }

    /// Gives each cell its level. `down` turns the order of the bands.
    pub fn assign_levels(&mut self, down: bool) {
        self.edges.sort_unstable();
        self.edges.dedup();
        let within: Vec<(usize, usize)> =
            self.edges.iter().copied().filter(|&(u, v)| self.cells[u].band == self.cells[v].band).collect();
        let n = self.cells.len();
        let (mut users, mut operands, mut waiting) = (vec![Vec::new(); n], vec![Vec::new(); n], vec![0; n]);
        for &(u, v) in &within {
            users[u].push(v);
            operands[v].push(u);
            waiting[v] += 1;
        }
        let mut ready: VecDeque<usize> = (0..n).filter(|&v| waiting[v] == 0).collect();
        let (mut done, mut next) = (vec![false; n], 0);
        let mut order = Vec::with_capacity(n);
        while order.len() < n {
            let u = ready.pop_front().unwrap_or_else(|| {
                // Steps that differ can make a circle together. The first cell that waits breaks it.
                while done[next] {
                    next += 1;
                }
                next
            });
            if std::mem::replace(&mut done[u], true) {
                continue;
            }
            order.push(u);
            for &v in &users[u] {
                waiting[v] -= 1;
                if waiting[v] == 0 && !done[v] {
                    ready.push_back(v);
                }
                if !done[v] {
                    self.cells[v].level = self.cells[v].level.max(self.cells[u].level + 1);
                }
            }
        }
        // What needs nothing of its band stands just below its first user.
        for u in (0..n).filter(|&u| operands[u].is_empty()) {
            if let Some(first) = users[u].iter().map(|&v| self.cells[v].level).min() {
                self.cells[u].level = first.saturating_sub(1);
            }
        }
        self.stack_bands(down);
    }

    fn stack_bands(&mut self, down: bool) {
        let bands = self.cells.iter().map(|c| c.band).max().map_or(0, |b| b + 1);
        let mut height = vec![0; bands];
        for cell in &self.cells {
            height[cell.band] = height[cell.band].max(cell.level + 1);
        }
        let mut base = vec![0; bands];
        let mut sum = 0;
        for i in 0..bands {
            let band = if down { bands - 1 - i } else { i };
            base[band] = sum;
            sum += height[band];
        }
        self.levels = vec![Vec::new(); sum];
        for (i, cell) in self.cells.iter_mut().enumerate() {
            cell.level += base[cell.band];
            self.levels[cell.level].push(i);
        }
    }

    /// Whether a line can run from `u` up to `v`.
    pub fn rises(&self, u: usize, v: usize) -> bool {
        let (u, v) = (self.cells[u].level, self.cells[v].level);
        u < v && v - u <= LONGEST
    }

    /// Whether no box stands on that side of a cell in its level.
    pub fn is_outermost(&self, cell: usize, right: bool) -> bool {
        let level = &self.levels[self.cells[cell].level];
        let boxes = || level.iter().filter(|&&c| self.cells[c].is_box);
        (if right { boxes().next_back() } else { boxes().next() }) == Some(&cell)
    }
}
