//! Buffer reuse in place: results overwrite operands that are not needed any more.
//!
//! The gates of a cell overwrite the pre-activations from which they are computed, and the adjoints of the
//! pre-activations, all steps together, overwrite the gates: of three arrays `[time, batch, gates]` one remains. A
//! region reads a location before it writes it; the assembler ensures that.

use super::super::program::{NONE, Program, ReadBy};
use super::place::{Place, Places, Role};
use autograd::ops::{Broadcast, Concat, Op, Slice};
use std::collections::{HashMap, HashSet};

/// The maximum number of nodes searched for an operand to overwrite: a chain over all steps is long.
const FARTHEST: usize = 64;

/// The readers and the occupants of memory.
struct Tenancy<'a> {
    p: &'a Program,
    places: &'a mut Places,
    region: &'a [u32],
    is_output: Vec<bool>,
    read_by: ReadBy,
    /// For each buffer, the nodes written there.
    tenants: Vec<Vec<u32>>,
}

/// Lets results overwrite dead operands.
pub(super) fn write_over(p: &Program, region: &[u32], places: &mut Places) {
    let mut this = Tenancy::new(p, region, places);
    this.results_over_operands();
    this.arrays_over_operands();
}

impl<'a> Tenancy<'a> {
    fn new(p: &'a Program, region: &'a [u32], places: &'a mut Places) -> Self {
        let n = p.graph.len();
        let mut is_output = vec![false; n];
        p.outputs.iter().for_each(|&y| is_output[y as usize] = true);
        let mut tenants = vec![Vec::new(); places.buffers.len()];
        for v in 0..n {
            if let (Some(place), true) = (&places.of[v], places.roles[v] != Role::View) {
                tenants[place.buffer as usize].push(super::super::narrow(v));
            }
        }
        Self { p, places, region, is_output, read_by: p.read_by(), tenants }
    }

    /// Whether only regions read a value.
    fn is_between_regions(&self, x: usize) -> bool {
        !self.is_output[x] && self.read_by.of(x).all(|v| self.region[v] != NONE)
    }

    /// Whether the memory of a value is read only through this value.
    fn is_alone(&self, mut x: usize) -> bool {
        while !self.is_output[x] {
            match (self.places.roles[x], &self.p.graph.at(x).op) {
                (Role::Made | Role::Accumulate, _) => return true,
                (Role::View, Op::Broadcast(Broadcast { .. })) => return false,
                (Role::View, _) => {
                    let Some(of) = self.p.graph.operands_at(x).next() else { return false };
                    if self.read_by.of(of).len() > 1 && !self.is_read_in_parts(of) {
                        return false;
                    }
                    x = of;
                }
                _ => return false,
            }
        }
        false
    }

    /// Whether all readers of a value are disjoint slices of it.
    fn is_read_in_parts(&self, x: usize) -> bool {
        let mut ranges = Vec::new();
        let mut along = None;
        for v in self.read_by.of(x) {
            let Op::Slice(Slice { axis, start, end }) = self.p.graph.at(v).op else { return false };
            if *along.get_or_insert(axis) != axis {
                return false;
            }
            ranges.push((start, end));
        }
        ranges.sort_unstable();
        ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0)
    }

    /// Elementwise results overwrite operands that nothing else reads.
    fn results_over_operands(&mut self) {
        for v in 0..self.p.graph.len() {
            if self.region[v] == NONE || !self.is_between_regions(v) {
                continue;
            }
            let own = self.places.at(v).buffer as usize;
            if self.tenants[own].len() > 1 {
                continue;
            }
            if let Some(x) = self.used_up_by(v) {
                let place = self.places.at(x).clone();
                self.tenants[own].clear();
                self.tenants[place.buffer as usize].push(super::super::narrow(v));
                self.places.of[v] = Some(place);
            }
        }
    }

    /// A value in memory that is read only for the elementwise node `v`.
    fn used_up_by(&self, v: usize) -> Option<usize> {
        let (mut within, mut seen) = (vec![v], 0);
        while let Some(u) = within.pop()
            && seen < FARTHEST
        {
            seen += 1;
            for x in self.p.graph.operands_at(u) {
                if self.p.shape(x) != self.p.shape(v) || self.is_output[x] || self.read_by.of(x).len() > 1 {
                    continue;
                }
                if self.region[x] != NONE {
                    within.push(x);
                } else if self.is_alone(x) {
                    return Some(x);
                }
            }
        }
        None
    }

    /// Concatenations of elementwise results, each part overwriting an operand that its region reads for the last
    /// time.
    fn arrays_over_operands(&mut self) {
        let n = self.p.graph.len();
        let mut members: HashMap<u32, Vec<usize>> = HashMap::new();
        (0..n).filter(|&v| self.region[v] != NONE).for_each(|v| {
            members.entry(self.region[v]).or_default().push(v);
        });
        // The last value at each place that regions read.
        let mut last: HashMap<(u32, usize), usize> = HashMap::new();
        for x in (0..n).filter(|&x| self.read_by.of(x).any(|v| self.region[v] != NONE)) {
            if let Some(place) = &self.places.of[x] {
                last.insert((place.buffer, place.offset), x);
            }
        }
        let mut taken = HashSet::new();
        let mut moved: HashMap<u32, (u32, isize)> = HashMap::new();
        for buffer in 0..self.tenants.len() {
            let Some(parts) = self.parts(buffer) else { continue };
            let Some(to) = self.new_home(&parts, &members, &last, &taken) else { continue };
            taken.extend(to.over);
            moved.insert(super::super::narrow(buffer), (to.buffer, to.shift));
        }
        for place in self.places.of.iter_mut().flatten() {
            if let Some(&(buffer, shift)) = moved.get(&place.buffer) {
                (place.buffer, place.offset) = (buffer, place.offset.wrapping_add_signed(shift));
            }
        }
    }

    /// The elementwise results in a buffer, if it holds nothing else.
    fn parts(&self, buffer: usize) -> Option<Vec<usize>> {
        let mut parts = Vec::new();
        for &v in &self.tenants[buffer] {
            let v = v as usize;
            match (self.places.roles[v], &self.p.graph.at(v).op) {
                (Role::Whole, &Op::Concat(Concat { axis })) => {
                    let whole = self.places.at(v);
                    let mut offset = whole.offset;
                    for x in self.p.graph.operands_at(v) {
                        let place = Place { offset, ..whole.clone() };
                        if *self.places.at(x) != place {
                            return None;
                        }
                        offset += self.p.shape(x)[axis] * whole.strides[axis];
                    }
                }
                (Role::Made, _) if self.region[v] != NONE => parts.push(v),
                _ => return None,
            }
        }
        (parts.len() > 1).then_some(parts)
    }

    /// A new place for a buffer of these parts, each over a value that is dead when the part is written.
    fn new_home(
        &self,
        parts: &[usize],
        members: &HashMap<u32, Vec<usize>>,
        last: &HashMap<(u32, usize), usize>,
        taken: &HashSet<usize>,
    ) -> Option<Home> {
        let v = parts[0];
        let mine = self.places.at(v);
        let before = self.before(&members[&self.region[v]]);
        // Values that this region and earlier ones have read.
        let mut seen = HashSet::new();
        let candidates = before.iter().chain([&self.region[v]]).flat_map(|r| &members[r]);
        let candidates = candidates.flat_map(|&m| self.p.graph.operands_at(m)).filter_map(|x| {
            let place = self.places.of[x].as_ref().filter(|place| {
                self.p.shape(x) == self.p.shape(v)
                    && place.strides == mine.strides
                    && place.buffer != mine.buffer
            })?;
            Some((place.buffer, place.offset.wrapping_sub(mine.offset).cast_signed()))
        });
        candidates.filter(|home| seen.insert(*home)).collect::<Vec<_>>().into_iter().find_map(
            |(buffer, shift)| {
                let mut over = Vec::with_capacity(parts.len());
                let mut known = (self.region[v], before.clone());
                for &v in parts {
                    if self.region[v] != known.0 {
                        known = (self.region[v], self.before(&members[&self.region[v]]));
                    }
                    let mine = self.places.at(v);
                    let at = mine.offset.checked_add_signed(shift)?;
                    let x = *last.get(&(buffer, at)).filter(|x| !taken.contains(*x))?;
                    let alike =
                        self.p.shape(x) == self.p.shape(v) && self.places.at(x).strides == mine.strides;
                    let made_there = self.region[x] != NONE || self.is_alone(x);
                    let read_before = self.read_by.of(x).all(|r| {
                        self.region[r] != NONE
                            && (self.region[r] == known.0 || known.1.contains(&self.region[r]))
                    });
                    if !(alike && made_there && read_before) || self.is_output[x] {
                        return None;
                    }
                    over.push(x);
                }
                Some(Home { buffer, shift, over })
            },
        )
    }

    /// The regions that a region reads from.
    fn before(&self, members: &[usize]) -> HashSet<u32> {
        let mut before = HashSet::new();
        for mut x in members.iter().flat_map(|&m| self.p.graph.operands_at(m)) {
            while self.places.roles[x] == Role::View
                && let Some(of) = self.p.graph.operands_at(x).next()
            {
                x = of;
            }
            if self.region[x] != NONE {
                before.insert(self.region[x]);
            }
        }
        before
    }
}

/// The new place of a buffer: the values it overwrites, and the shift from its old place.
struct Home {
    buffer: u32,
    shift: isize,
    over: Vec<usize>,
}
