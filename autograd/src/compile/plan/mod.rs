//! A plan: a program as steps over one block of memory.
//!
//! Places first (`place.rs`), then regions (`regions.rs`, `strip.rs`); then an order of the units, the lives of the
//! buffers, and their arrangement (`arena.rs`).

mod arena;
mod place;
mod regions;
mod steps;
mod strip;

pub(super) use place::Place;
pub(super) use steps::{At, ByRow, Interpreted, Operand, Step};
pub(super) use strip::STRIP;

use super::program::{NONE, Program, Sources};
use crate::kernels::{Layout, Product, Real};
use crate::ops::{Axes, Concat, Leaf, LogSoftmax, LogSumExp, Op, ReduceMax, ReduceMean, ReduceSum, Softmax};
use crate::shape::{Kind, Type};
use arena::{Life, arrange};
use place::{Places, Role, dense};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// A leaf and where its value goes.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Its position in the source graph.
    pub source: u32,
    pub ty: Type,
    /// In the arena; for whole numbers, their number among the index leaves.
    pub at: usize,
}

/// A program as steps.
#[derive(Debug)]
pub(super) struct Plan<S> {
    pub given: Vec<Given>,
    /// Constants and where they go, once.
    pub constants: Vec<(Arc<crate::Value<f64>>, usize)>,
    /// Constant whole numbers, by their number among the index leaves.
    pub index_constants: Vec<(Arc<crate::Value<f64>>, usize)>,
    pub indices: Vec<usize>,
    pub steps: Vec<Step<S>>,
    /// For each step, what it stands for in the source graph.
    pub of: Vec<Sources>,
    /// Where each output lies, with its type; whole numbers by their number among the index leaves.
    pub outputs: Vec<(Type, Operand)>,
    /// Numbers in the arena, strips included.
    pub size: usize,
    /// Where the strips begin.
    pub scratch: usize,
}

/// What is computed at once.
enum Unit {
    Region(Vec<usize>),
    Node(usize),
}

struct Planner<'a, S> {
    p: &'a Program,
    places: Places,
    readers: Vec<u32>,
    region: Vec<u32>,
    /// For each node of whole numbers, its number among them.
    index_of: HashMap<usize, usize>,
    steps: Vec<Step<S>>,
    of: Vec<Sources>,
    lives: Vec<Life>,
    strips: usize,
    outside: Vec<bool>,
    /// Products that a sum accumulates.
    accumulated: Vec<bool>,
}

impl<S: Real> Plan<S> {
    /// The plan of a program.
    pub fn new(p: &Program) -> Self {
        let places = Places::new(p);
        let region = regions::regions(p, &places.roles);
        let lives = places.buffers.iter().map(|&size| Life { from: usize::MAX, to: 0, size }).collect();
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
        };
        planner.plan()
    }
}

impl<S: Real> Planner<'_, S> {
    fn plan(mut self) -> Plan<S> {
        let p = self.p;
        let (mut given, mut constants, mut index_constants, mut indices) = (vec![], vec![], vec![], vec![]);
        let mut fixed = Vec::new();
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
                fixed.push(buffer);
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
        // Beyond the last step: what is read off, and constants, which are written but once.
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
        // Nothing is alive that was never touched.
        self.lives.iter_mut().filter(|life| life.from == usize::MAX).for_each(|life| life.size = 0);
        let (at, scratch) = arrange(&self.lives);
        let mut settle = |buffer: u32, offset: &mut usize| *offset += at[buffer as usize];
        self.steps.iter_mut().for_each(|step| step.visit(&mut settle));
        outputs.iter_mut().for_each(|(_, operand)| operand.visit(&mut settle));
        for leaf in &mut given {
            if !matches!(leaf.ty.kind, Kind::Index { .. }) {
                leaf.at = at[leaf.at];
            }
        }
        constants.iter_mut().for_each(|(_, buffer)| *buffer = at[*buffer]);
        let size = scratch + self.strips * STRIP;
        Plan {
            given,
            constants,
            index_constants,
            indices,
            steps: self.steps,
            of: self.of,
            outputs,
            size,
            scratch,
        }
    }

    /// The units, operands before users; otherwise in the order of their last nodes.
    fn order(&self) -> Vec<Unit> {
        let p = self.p;
        let n = p.graph.len();
        let mut units: Vec<(usize, Unit)> = Vec::new();
        let mut unit_of = vec![NONE; n];
        let mut by_region: HashMap<u32, usize> = HashMap::new();
        for (v, role) in self.places.roles.iter().enumerate() {
            let unit = match role {
                Role::Given | Role::View | Role::Index => continue,
                Role::Made if self.region[v] != NONE => {
                    let next = units.len();
                    let i = *by_region.entry(self.region[v]).or_insert(next);
                    if i == next {
                        units.push((v, Unit::Region(Vec::new())));
                    }
                    if let (last, Unit::Region(members)) = &mut units[i] {
                        *last = v;
                        members.push(v);
                    }
                    i
                }
                _ => {
                    units.push((v, Unit::Node(v)));
                    units.len() - 1
                }
            };
            unit_of[v] = super::narrow(unit);
        }
        // A view depends on what it is a view of.
        for (v, role) in self.places.roles.iter().enumerate() {
            if let (Role::View, Some(x)) = (role, p.graph.operands_at(v).next()) {
                unit_of[v] = unit_of[x];
            }
        }
        let mut waiting = vec![0u32; units.len()];
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for v in (0..n).filter(|&v| self.places.roles[v] != Role::View && unit_of[v] != NONE) {
            for x in p.graph.operands_at(v) {
                let (from, to) = (unit_of[x], unit_of[v]);
                if from != NONE && from != to {
                    edges.push((from, to));
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        edges.iter().for_each(|&(_, to)| waiting[to as usize] += 1);
        let mut first = vec![0usize; units.len() + 1];
        edges.iter().for_each(|&(from, _)| first[from as usize + 1] += 1);
        (1..first.len()).for_each(|i| first[i] += first[i - 1]);
        let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
            (0..units.len()).filter(|&i| waiting[i] == 0).map(|i| Reverse((units[i].0, i))).collect();
        let mut order = Vec::with_capacity(units.len());
        while let Some(Reverse((_, i))) = ready.pop() {
            order.push(i);
            for &(_, to) in &edges[first[i]..first[i + 1]] {
                waiting[to as usize] -= 1;
                if waiting[to as usize] == 0 {
                    ready.push(Reverse((units[to as usize].0, to as usize)));
                }
            }
        }
        assert_eq!(order.len(), units.len(), "no path leaves a region and comes back to it");
        let mut units: Vec<Option<Unit>> = units.into_iter().map(|(_, unit)| Some(unit)).collect();
        order.into_iter().filter_map(|i| units[i].take()).collect()
    }

    /// A buffer is alive at a step, counted from 1.
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

    /// A new buffer without gaps for an array of this shape.
    fn buffer(&mut self, shape: &[usize]) -> Place {
        let size = shape.iter().product();
        self.lives.push(Life { from: usize::MAX, to: 0, size });
        Place { buffer: super::narrow(self.lives.len() - 1), offset: 0, strides: dense(shape) }
    }

    fn copy(&mut self, from: Place, to: Place, shape: &[usize], of: &[usize]) {
        self.push(Step::Copy { from, to, shape: shape.into() }, of);
    }

    /// A value without gaps, copied if it has some.
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

    fn emit(&mut self, unit: &Unit) {
        match unit {
            Unit::Region(members) => {
                let number = self.region[members[0]];
                let outside = &self.outside;
                let strips = strip::Assembler::new(self.p, &self.places, &self.region, &self.readers, number)
                    .assemble(members, |v| outside[v]);
                self.strips = self.strips.max(strips.scratch);
                self.push(Step::Region(Box::new(strips)), members);
            }
            &Unit::Node(v) => match self.places.roles[v] {
                Role::Whole => self.whole(v),
                Role::Accumulate => self.accumulate(v),
                _ => self.node(v),
            },
        }
    }

    /// Copies the operands of a concatenation that do not lie in it.
    fn whole(&mut self, v: usize) {
        let Op::Concat(Concat { axis }) = self.p.graph.at(v).op else { return };
        let whole = self.places.at(v).clone();
        let mut start = 0;
        for x in self.p.graph.operands_at(v).collect::<Vec<_>>() {
            let to = Place { offset: whole.offset + start * whole.strides[axis], ..whole.clone() };
            let shape = self.p.shape(x).to_vec();
            start += shape[axis];
            let from = self.places.at(x).clone();
            if from != to {
                self.copy(from, to, &shape, &[v]);
            }
        }
    }

    /// A product onto the first operand of a sum.
    fn accumulate(&mut self, v: usize) {
        let mut operands = self.p.graph.operands_at(v);
        let (Some(base), Some(product)) = (operands.next(), operands.next()) else { return };
        let (from, to) = (self.places.at(base).clone(), self.places.at(v).clone());
        if from != to {
            let shape = self.p.shape(v).to_vec();
            self.copy(from, to.clone(), &shape, &[base]);
        }
        self.product(product, to, true, &[v, product]);
    }

    /// A product of matrices into a place.
    fn product(&mut self, v: usize, c: Place, accumulate: bool, of: &[usize]) {
        let Op::MatMul(op) = self.p.graph.at(v).op else { return };
        let mut operands = self.p.graph.operands_at(v);
        let (Some(a), Some(b)) = (operands.next(), operands.next()) else { return };
        let a_place = self.matrix(a);
        let b_place = self.matrix(b);
        let layout = |p: &Program, x: usize, place: &Place, transposed: bool| {
            let shape = p.shape(x);
            let layout =
                Layout { rows: shape[0], columns: shape[1], strides: [place.strides[0], place.strides[1]] };
            if transposed { layout.transposed() } else { layout }
        };
        let shape = self.p.shape(v);
        let c_layout = Layout { rows: shape[0], columns: shape[1], strides: [c.strides[0], c.strides[1]] };
        let product = Product::new(
            layout(self.p, a, &a_place, op.a_transposed),
            layout(self.p, b, &b_place, op.b_transposed),
            c_layout,
        );
        let (a, b, c) = (At::from(&a_place), At::from(&b_place), At::from(&c));
        self.push(Step::Product { product, a, b, c, accumulate }, of);
    }

    /// A matrix whose rows or columns are without gaps.
    fn matrix(&mut self, x: usize) -> Place {
        let (place, shape) = (self.places.at(x).clone(), self.p.shape(x).to_vec());
        let fits = place.strides.iter().zip(&shape).all(|(&stride, &n)| stride > 0 || n <= 1)
            && (place.strides[1] == 1 || shape[1] == 1);
        if fits {
            return place;
        }
        let to = self.buffer(&shape);
        self.copy(place, to.clone(), &shape, &[x]);
        to
    }

    /// Any other node.
    fn node(&mut self, v: usize) {
        let node = self.p.graph.at(v);
        let operands: Vec<usize> = self.p.graph.operands_at(v).collect();
        let shape = node.ty.shape.clone();
        let y = self.places.at(v).clone();
        let x = operands[0];
        let rank = self.p.shape(x).len();
        match &node.op {
            Op::MatMul(_) if rank == 2 && self.p.shape(operands[1]).len() == 2 => {
                // A product that is accumulated onto another is made by the sum.
                if !self.accumulated[v] {
                    self.product(v, y, false, &[v]);
                }
            }
            Op::Broadcast(_) => {
                let from = self.places.at(x).spread(self.p.shape(x), &shape);
                self.copy(from, y, &shape, &[v]);
            }
            Op::Transpose(transpose) => {
                let from = self.places.at(x);
                let strides = transpose.order.iter().map(|&axis| from.strides[axis]).collect();
                self.copy(Place { strides, ..from.clone() }, y, &shape, &[v]);
            }
            Op::Reshape(_) => {
                let from = self.dense(x);
                self.copy(Place { strides: dense(&shape), ..from }, y, &shape, &[v]);
            }
            Op::LogSoftmax(LogSoftmax { axis }) if axis + 1 == rank => self.by_row(v, ByRow::LogSoftmax, 1),
            Op::Softmax(Softmax { axis }) if axis + 1 == rank => self.by_row(v, ByRow::Softmax, 1),
            Op::LogSumExp(LogSumExp { axis }) if axis + 1 == rank => self.by_row(v, ByRow::LogSumExp, 1),
            Op::ReduceSum(ReduceSum(axes)) => self.reduce(v, axes, ByRow::Sum, 1.0),
            Op::ReduceMean(ReduceMean(axes)) => {
                let n: usize = axes.iter().map(|axis| self.p.shape(x)[axis]).product();
                self.reduce(v, axes, ByRow::Sum, 1.0 / n as f64);
            }
            Op::ReduceMax(ReduceMax(axes)) => self.reduce(v, axes, ByRow::Max, 1.0),
            Op::Gather(_) => self.gather(v),
            Op::ScatterAdd(_) => self.scatter(v),
            Op::OneHot(one_hot) => {
                let (index, classes) = (self.index_of[&x], one_hot.classes);
                self.densely(v, |at| Step::OneHot { index, y: at, classes });
            }
            _ => self.interpret(v),
        }
    }

    /// A step that writes `v` without gaps; what `v` lies in may have some.
    fn densely(&mut self, v: usize, step: impl FnOnce(At) -> Step<S>) {
        let (y, shape) = (self.places.at(v).clone(), self.p.shape(v).to_vec());
        if y.is_dense(&shape) {
            return self.push(step(At::from(&y)), &[v]);
        }
        let from = self.buffer(&shape);
        self.push(step(At::from(&from)), &[v]);
        self.copy(from, y, &shape, &[v]);
    }

    /// A function of rows of the last axis.
    fn by_row(&mut self, v: usize, what: ByRow, axes: usize) {
        let x = self.operand_at(v, 0);
        let shape = self.p.shape(x);
        let (rows, columns) = shape.split_at(shape.len() - axes);
        let (rows, columns) = (rows.iter().product::<usize>(), columns.iter().product::<usize>());
        if rows * columns == 0 {
            return self.interpret(v);
        }
        let x = At::from(&self.dense(x));
        self.densely(v, |y| Step::ByRow { what, x, y, rows, columns });
    }

    /// A reduction over the first axes or the last.
    fn reduce(&mut self, v: usize, axes: &Axes, what: ByRow, scale: f64) {
        let x = self.operand_at(v, 0);
        let (rank, n, count) = (self.p.shape(x).len(), axes.iter().len(), self.p.shape(x).iter().product::<usize>());
        if count == 0 {
            return self.interpret(v);
        }
        if axes.iter().eq(rank - n..rank) {
            self.by_row(v, what, n);
        } else if what == ByRow::Sum && axes.iter().eq(0..n) {
            let rows: usize = self.p.shape(x)[..n].iter().product();
            let x = At::from(&self.dense(x));
            self.densely(v, |y| Step::SumRows { x, y, rows, columns: count / rows });
        } else {
            return self.interpret(v);
        }
        if scale.to_bits() != 1f64.to_bits() {
            let (y, n) = (self.places.at(v).clone(), self.p.shape(v).iter().product());
            if y.is_dense(self.p.shape(v)) {
                self.push(Step::Scale { y: At::from(&y), n, by: S::of(scale) }, &[v]);
            } else {
                // The interpreter overwrites what was begun.
                self.interpret(v);
            }
        }
    }

    fn gather(&mut self, v: usize) {
        let (table, index) = (self.operand_at(v, 0), self.operand_at(v, 1));
        let shape = self.p.shape(table);
        let columns = shape[1..].iter().product::<usize>();
        let size = shape[0] * columns;
        if size == 0 || self.p.shape(v).contains(&0) {
            return self.interpret(v);
        }
        let (table, index) = (At::from(&self.dense(table)), self.index_of[&index]);
        self.densely(v, |y| Step::Gather { table, size, index, y, columns });
    }

    fn scatter(&mut self, v: usize) {
        let (x, index) = (self.operand_at(v, 0), self.operand_at(v, 1));
        let shape = self.p.shape(v);
        let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
        if rows * columns == 0 || self.p.shape(x).contains(&0) {
            return self.interpret(v);
        }
        let (x, index) = (At::from(&self.dense(x)), self.index_of[&index]);
        self.densely(v, |y| Step::Scatter { x, index, y, rows, columns });
    }

    /// Any op, by the interpreter's kernel.
    fn interpret(&mut self, v: usize) {
        let operands = self.p.graph.operands_at(v).map(|x| self.operand(x)).collect();
        let y = self.places.at(v).clone();
        self.push(Step::Interpret(Box::new(Interpreted { op: self.p.graph.at(v).op.clone(), operands, y })), &[v]);
    }

    fn operand_at(&self, v: usize, i: usize) -> usize {
        self.p.graph.operands_at(v).nth(i).expect("the shape rule has asked for it")
    }
}
