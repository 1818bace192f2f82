//! The plan of one step, shared by all steps: the level of each node, and its position in it.
//!
//! Levels are longest paths (Sugiyama, Tagawa & Toda 1981), computed in each band and stacked. A line that passes
//! levels has a cell in each of them, so that it runs between boxes; all lines from one node share these cells.

use super::crossings::Door;
use std::collections::{HashMap, VecDeque};

/// The maximum length of a line inside a step, in levels. Beyond it a name is easier to read.
const LONGEST: usize = 16;

/// A cell of a sheet: a box, or a passing line.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub band: usize,
    pub level: usize,
    /// The width of the box.
    pub width: f64,
    pub height: f64,
    /// The width of the box with its tags.
    pub room: f64,
    pub tags_below: bool,
    pub tags_above: bool,
    /// The centre.
    pub x: f64,
    pub is_box: bool,
    /// For a line, the cell where it starts.
    pub line_of: Option<usize>,
    /// The ends of lines from and to other steps.
    pub doors: Vec<Door>,
}

impl Cell {
    /// The pull of lines to other steps: negative to the left, positive to the right.
    pub fn pull(&self) -> f64 {
        self.doors.last().map_or(0.0, |door| if door.right { 2.0 } else { -2.0 })
    }
}

/// The plan of a step, of one part.
#[derive(Default, Debug)]
pub(super) struct Sheet {
    pub cells: Vec<Cell>,
    /// Edges from a cell to its users.
    pub edges: Vec<(usize, usize)>,
    /// The cells of each level, from left to right.
    pub levels: Vec<Vec<usize>>,
    /// The cells of a line on the levels that it passes.
    pub passing: HashMap<(usize, usize), usize>,
    /// The offset from its user's centre at which a line arrives, by both ends.
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

    /// Assigns each cell its level. `down` reverses the order of the bands.
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
                // Different steps together can form a cycle. The first waiting cell breaks it.
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
        // A cell without operands in its band is placed just below its first user.
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

    /// Whether a line can rise from `u` to `v`.
    pub fn rises(&self, u: usize, v: usize) -> bool {
        let (u, v) = (self.cells[u].level, self.cells[v].level);
        u < v && v - u <= LONGEST
    }

    /// The height of the lowest box on the level of a cell.
    pub fn lowest_box(&self, cell: usize) -> f64 {
        let level = &self.levels[self.cells[cell].level];
        level
            .iter()
            .map(|&c| &self.cells[c])
            .filter(|c| c.is_box)
            .map(|c| c.height)
            .fold(f64::INFINITY, f64::min)
    }

    /// Whether a cell has no box on that side in its level.
    pub fn is_outermost(&self, cell: usize, right: bool) -> bool {
        let level = &self.levels[self.cells[cell].level];
        let boxes = || level.iter().filter(|&&c| self.cells[c].is_box);
        (if right { boxes().next_back() } else { boxes().next() }) == Some(&cell)
    }
}
