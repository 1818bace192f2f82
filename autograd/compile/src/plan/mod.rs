//! Lowering: turns a program into a plan, a list of steps over one arena.
//!
//! First each value gets a place in a buffer, or is a view of another (`place.rs`); elementwise ops are fused into
//! regions (`regions.rs`, `strip.rs`). Then the units are scheduled (`order.rs`), and buffers are allocated by their
//! live ranges (`arena.rs`).

mod arena;
mod assembler;
mod emit;
mod order;
mod over;
mod place;
mod regions;
mod steps;
mod strip;

pub(super) use place::Place;
pub(super) use steps::{ByRow, Interpreted, Operand, Step};
pub(super) use strip::STRIP;

use super::program::Program;
use super::provenance::Provenance;
use crate::kernels::Real;
use arena::{LiveRange, allocate};
use autograd::ops::{Leaf, Op};
use autograd::{Kind, Type};
use place::{Places, Role, dense};
use std::collections::HashMap;
use std::sync::Arc;
use steps::At;

/// A leaf and the destination of its value.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Its position in the source graph.
    pub source: u32,
    pub ty: Type,
    /// The position in the arena; for whole numbers, the index among index leaves.
    pub at: usize,
}

/// A lowered program.
#[derive(Debug)]
pub(super) struct Plan<S> {
    pub given: Vec<Given>,
    /// Constants and their positions, copied once.
    pub constants: Vec<(Arc<autograd::Value<f64>>, usize)>,
    /// Index constants, with their index among index leaves.
    pub index_constants: Vec<(Arc<autograd::Value<f64>>, usize)>,
    pub indices: Vec<usize>,
    pub steps: Vec<Step<S>>,
    /// For each step, its source nodes.
    pub of: Vec<Provenance>,
    /// The place of each output, with its type; for whole numbers, the index among index leaves.
    pub outputs: Vec<(Type, Operand)>,
    /// The size of the arena in elements, strips included.
    pub size: usize,
}

struct Planner<'a, S> {
    p: &'a Program,
    places: Places,
    readers: Vec<u32>,
    region: Vec<u32>,
    /// For each node of whole numbers, its index among index leaves.
    index_of: HashMap<usize, usize>,
    steps: Vec<Step<S>>,
    of: Vec<Provenance>,
    lives: Vec<LiveRange>,
    strips: usize,
    outside: Vec<bool>,
    /// Products that a sum accumulates.
    accumulated: Vec<bool>,
    /// For each node, the number of products of which it is the right side.
    right_sides: Vec<u32>,
    /// Packed right sides, by node and transposition.
    panels: HashMap<(usize, bool), At>,
}

impl<S: Real> Plan<S> {
    /// The plan of a program.
    pub fn new(p: &Program) -> Self {
        let mut places = Places::new(p);
        let region = regions::regions(p, &places.roles);
        over::write_over(p, &region, &mut places);
        let lives = places.buffers.iter().map(|&size| LiveRange { from: usize::MAX, to: 0, size }).collect();
        let n = p.graph.len();
        let mut outside = vec![false; n];
        p.outputs.iter().for_each(|&y| outside[y as usize] = true);
        for v in 0..n {
            for x in p.graph.operands_at(v) {
                outside[x] |= region[x] != region[v];
            }
        }
        let mut accumulated = vec![false; n];
        for v in (0..n).filter(|&v| places.roles[v] == Role::Accumulate) {
            p.graph.operands_at(v).skip(1).for_each(|x| accumulated[x] = true);
        }
        let planner = Planner {
            p,
            places,
            readers: p.readers(),
            region,
            index_of: HashMap::new(),
            steps: Vec::new(),
            of: Vec::new(),
            lives,
            strips: 0,
            outside,
            accumulated,
            right_sides: right_sides(p),
            panels: HashMap::new(),
        };
        planner.plan()
    }
}

/// For each node, the number of matrix products of which it is the right side.
fn right_sides(p: &Program) -> Vec<u32> {
    let mut count = vec![0; p.graph.len()];
    for v in (0..p.graph.len()).filter(|&v| matches!(p.graph.at(v).op, Op::MatMul(_))) {
        p.graph.operands_at(v).skip(1).for_each(|b| count[b] += 1);
    }
    count
}

impl<S: Real> Planner<'_, S> {
    fn plan(mut self) -> Plan<S> {
        let p = self.p;
        let (mut given, mut constants, mut index_constants, mut indices) = (vec![], vec![], vec![], vec![]);
        for v in 0..p.graph.len() {
            let node = p.graph.at(v);
            let Op::Leaf(leaf) = &node.op else { continue };
            let is_index = matches!(node.ty.kind, Kind::Index { .. });
            let at = if is_index {
                self.index_of.insert(v, indices.len());
                indices.push(node.ty.shape.count());
                indices.len() - 1
            } else {
                let buffer = self.places.at(v).buffer;
                self.touch(buffer, 0);
                buffer as usize
            };
            match leaf {
                Leaf::Constant(value) if is_index => index_constants.push((value.clone(), at)),
                Leaf::Constant(value) => constants.push((value.clone(), at)),
                _ => given.push(Given { source: p.of[v][0], ty: node.ty.clone(), at }),
            }
        }
        for unit in self.order() {
            self.emit(&unit);
        }
        // Outputs and constants, which are written only once, stay live past the last step.
        let end = self.steps.len() + 1;
        let constant: Vec<u32> = constants.iter().map(|&(_, buffer)| super::narrow(buffer)).collect();
        constant.into_iter().for_each(|buffer| self.touch(buffer, end));
        let mut outputs: Vec<(Type, Operand)> = p
            .outputs
            .iter()
            .map(|&y| {
                let y = y as usize;
                let ty = p.graph.at(y).ty.clone();
                let operand = self.operand(y);
                (ty, operand)
            })
            .collect();
        for &y in &p.outputs {
            if let Some(place) = &self.places.of[y as usize] {
                let buffer = place.buffer;
                self.touch(buffer, end);
            }
        }
        // A buffer that no step touches has no live range.
        self.lives.iter_mut().filter(|life| life.from == usize::MAX).for_each(|life| life.size = 0);
        let (at, scratch) = allocate(&self.lives);
        let mut settle = |buffer: u32, offset: &mut usize| *offset += at[buffer as usize];
        for step in &mut self.steps {
            step.visit(&mut settle);
            if let Step::Region(strips) = step {
                strips.settle(scratch);
            }
        }
        outputs.iter_mut().for_each(|(_, operand)| operand.visit(&mut settle));
        for leaf in &mut given {
            if !matches!(leaf.ty.kind, Kind::Index { .. }) {
                leaf.at = at[leaf.at];
            }
        }
        constants.iter_mut().for_each(|(_, buffer)| *buffer = at[*buffer]);
        let size = scratch + self.strips * STRIP;
        Plan { given, constants, index_constants, indices, steps: self.steps, of: self.of, outputs, size }
    }

    /// Extends the live range of a buffer to a step, counted from 1.
    fn touch(&mut self, buffer: u32, step: usize) {
        let life = &mut self.lives[buffer as usize];
        life.from = life.from.min(step);
        life.to = life.to.max(step);
    }

    fn push(&mut self, mut step: Step<S>, of: &[usize]) {
        let number = self.steps.len() + 1;
        step.visit(&mut |buffer, _| self.touch(buffer, number));
        self.steps.push(step);
        self.of.push(of.iter().flat_map(|&v| self.p.of[v].iter().copied()).collect());
    }

    /// A new contiguous buffer for an array of this shape.
    fn buffer(&mut self, shape: &[usize]) -> Place {
        let size = shape.iter().product();
        self.lives.push(LiveRange { from: usize::MAX, to: 0, size });
        Place { buffer: super::narrow(self.lives.len() - 1), offset: 0, strides: dense(shape) }
    }

    fn copy(&mut self, from: Place, to: Place, shape: &[usize], of: &[usize]) {
        self.push(Step::Copy { from, to, shape: shape.into() }, of);
    }

    /// A contiguous value, copied if it is not.
    fn dense(&mut self, x: usize) -> Place {
        let (place, shape) = (self.places.at(x).clone(), self.p.shape(x).to_vec());
        if place.is_dense(&shape) {
            return place;
        }
        let to = self.buffer(&shape);
        self.copy(place, to.clone(), &shape, &[x]);
        to
    }

    fn operand(&self, x: usize) -> Operand {
        let ty = self.p.graph.at(x).ty.clone();
        match self.index_of.get(&x) {
            Some(&i) => Operand::Index(ty, i),
            None => Operand::Number(ty, self.places.at(x).clone()),
        }
    }
}
