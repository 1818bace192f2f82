//! The order of the cells in each level, and their centres.
//!
//! The order is found by barycentres, up and down alternately, and then by moving single cells; the best is kept
//! (Sugiyama, Tagawa & Toda 1981; Matuszewski, Schönfeld & Molitor 1999). The centres minimise least squares under
//! the order.

use super::crossings::Lines;
use super::sheet::{Cell, Sheet};
use super::spread::spread;
use std::collections::HashMap;

/// The number of initial orders.
const ATTEMPTS: usize = 12;

impl Sheet {
    /// Orders the levels and assigns each cell its centre.
    pub fn arrange(&mut self) {
        let edges = self.segments();
        let n = self.cells.len();
        let (mut below, mut above) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for (u, v) in edges {
            above[u].push(v);
            below[v].push(u);
        }
        let line = |(u, users): (usize, &Vec<usize>)| users.iter().map(|&v| (v, self.port(u, v))).collect();
        let lines = Lines { above: above.iter().enumerate().map(line).collect() };
        let first = self.levels.clone();
        let mut best = (lines.cost(self), first.clone());
        for attempt in 0..ATTEMPTS {
            self.levels.clone_from(&first);
            // First with cells pulled to the side of their lines to other steps, then only by their neighbours, and
            // then from other initial orders: single moves end in local minima.
            let pull = if attempt == 0 { 1.0 } else { 0.0 };
            if attempt > 1 {
                self.levels.iter_mut().enumerate().for_each(|(l, level)| shuffle(level, attempt * 1000 + l));
            }
            for _ in 0..2 {
                for _ in 0..3 {
                    (0..self.levels.len()).for_each(|l| self.sort_level(l, &below, pull));
                    (0..self.levels.len()).rev().for_each(|l| self.sort_level(l, &above, pull));
                }
                lines.sift(self);
                let cost = lines.cost(self);
                if cost < best.0 {
                    best = (cost, self.levels.clone());
                }
            }
        }
        self.levels = best.1;
        self.place(&below, &above);
    }

    /// The edges, split into segments from one level to the next.
    fn segments(&mut self) -> Vec<(usize, usize)> {
        let mut pieces = Vec::new();
        for (u, v) in std::mem::take(&mut self.edges) {
            if !self.rises(u, v) {
                continue;
            }
            let mut from = u;
            for level in self.cells[u].level + 1..self.cells[v].level {
                let to = *self.passing.entry((u, level)).or_insert_with(|| {
                    let band = self.cells[u].band;
                    let line = Cell {
                        band,
                        level,
                        width: 0.0,
                        room: 4.0,
                        is_box: false,
                        line_of: Some(u),
                        doors: Vec::new(),
                        ..self.cells[u].clone()
                    };
                    self.cells.push(line);
                    self.levels[level].push(self.cells.len() - 1);
                    self.cells.len() - 1
                });
                pieces.push((from, to));
                from = to;
            }
            pieces.push((from, v));
        }
        pieces.sort_unstable();
        pieces.dedup();
        pieces
    }

    fn sort_level(&mut self, level: usize, near: &[Vec<usize>], pull: f64) {
        let mut rank = HashMap::new();
        for &l in [level.checked_sub(1), Some(level + 1)].iter().flatten() {
            let Some(cells) = self.levels.get(l) else { continue };
            let last = cells.len().max(2) as f64 - 1.0;
            rank.extend(cells.iter().enumerate().map(|(i, &c)| (c, i as f64 / last)));
        }
        let last = self.levels[level].len().max(2) as f64 - 1.0;
        let mut keyed: Vec<(f64, usize)> = self.levels[level]
            .iter()
            .enumerate()
            .map(|(i, &c)| {
                let seen: Vec<f64> = near[c].iter().filter_map(|x| rank.get(x).copied()).collect();
                let mean = seen.iter().sum::<f64>() / seen.len() as f64;
                let place = if seen.is_empty() { i as f64 / last } else { mean };
                (place + pull * self.cells[c].pull(), c)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.levels[level] = keyed.into_iter().map(|(_, c)| c).collect();
    }

    /// The offset from the centre of `to` at which the line from `from` arrives.
    fn port(&self, from: usize, to: usize) -> f64 {
        let from = self.cells[from].line_of.unwrap_or(from);
        self.ports.get(&(from, to)).copied().unwrap_or(0.0)
    }

    /// The centres: each cell near the mean of its neighbours, with lines as straight as possible.
    fn place(&mut self, below: &[Vec<usize>], above: &[Vec<usize>]) {
        const GAP: f64 = 10.0;
        const LINE_GAP: f64 = 7.0;
        let gap = |a: &Cell, b: &Cell| {
            f64::midpoint(a.room, b.room) + if a.is_box && b.is_box { GAP } else { LINE_GAP }
        };
        let gaps: Vec<Vec<f64>> = self
            .levels
            .iter()
            .map(|l| l.windows(2).map(|w| gap(&self.cells[w[0]], &self.cells[w[1]])).collect())
            .collect();
        for (level, gaps) in self.levels.iter().zip(&gaps) {
            let half = gaps.iter().sum::<f64>() / 2.0;
            let mut x = -half;
            for (k, &c) in level.iter().enumerate() {
                self.cells[c].x = x;
                x += gaps.get(k).copied().unwrap_or(0.0);
            }
        }
        let both: Vec<Vec<usize>> = below.iter().zip(above).map(|(b, a)| [&b[..], a].concat()).collect();
        for round in 0..14 {
            let near = if round >= 10 {
                &both[..]
            } else if round % 2 == 0 {
                below
            } else {
                above
            };
            let up = round % 2 == 0;
            for step in 0..self.levels.len() {
                let l = if up { step } else { self.levels.len() - 1 - step };
                let level = &self.levels[l];
                let want = |&c: &usize| {
                    let (mut sum, mut weight) = (0.0, 0.0);
                    for &x in &near[c] {
                        let w = if self.cells[c].is_box || self.cells[x].is_box { 1.0 } else { 4.0 };
                        let port = if self.cells[x].level < self.cells[c].level {
                            -self.port(x, c)
                        } else {
                            self.port(c, x)
                        };
                        sum += w * (self.cells[x].x + port);
                        weight += w;
                    }
                    if weight > 0.0 { sum / weight } else { self.cells[c].x }
                };
                let wants: Vec<f64> = level.iter().map(want).collect();
                let weights: Vec<f64> = level
                    .iter()
                    .map(|&c| if near[c].is_empty() { 0.2 } else { near[c].len() as f64 })
                    .collect();
                let places = spread(&wants, &gaps[l], &weights);
                for (&c, x) in level.clone().iter().zip(places) {
                    self.cells[c].x = x;
                }
            }
        }
        let left = self.cells.iter().map(|c| c.x - c.room / 2.0).fold(f64::INFINITY, f64::min);
        let right = self.cells.iter().map(|c| c.x + c.room / 2.0).fold(f64::NEG_INFINITY, f64::max);
        self.cells.iter_mut().for_each(|c| c.x -= left);
        self.width = (right - left).max(0.0);
    }
}

/// A pseudorandom order, a function of the seed.
fn shuffle(level: &mut [usize], seed: usize) {
    let mut state = seed as u64;
    for last in (1..level.len()).rev() {
        // Knuth's linear congruential generator, MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        level.swap(last, usize::try_from((state >> 33) % (last as u64 + 1)).unwrap_or(last));
    }
}
