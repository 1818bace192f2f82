//! The steps of each unit.

use super::order::Unit;
use super::place::{Place, Role, dense};
use super::steps::{At, ByRow, Interpreted, Step};
use super::{Planner, assembler};
use crate::kernels::{Layout, Product, Real};
use crate::program::Program;
use autograd::ops::{Axes, Concat, LogSoftmax, LogSumExp, Op, ReduceMax, ReduceMean, ReduceSum, Softmax};

/// The number of reads from which a right side is worth packing.
const PACKED_FROM: u32 = 2;

impl<S: Real> Planner<'_, S> {
    /// Appends the steps of a unit.
    pub(super) fn emit(&mut self, unit: &Unit) {
        match unit {
            Unit::Region(members) => {
                let number = self.region[members[0]];
                let outside = &self.outside;
                let strips =
                    assembler::Assembler::new(self.p, &self.places, &self.region, &self.readers, number)
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

    /// Copies the operands of a concatenation that are not computed in place.
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

    /// Accumulates a product onto the first operand of a sum.
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

    /// Computes a matrix product into a place.
    fn product(&mut self, v: usize, c: Place, accumulate: bool, of: &[usize]) {
        let Op::MatMul(op) = self.p.graph.at(v).op else { return };
        let mut operands = self.p.graph.operands_at(v);
        let (Some(a), Some(b)) = (operands.next(), operands.next()) else { return };
        let a_place = self.matrix(a, &c, v);
        let b_place = self.matrix(b, &c, v);
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
        let (a, c) = (At::from(&a_place), At::from(&c));
        let packed = product.packed::<S>().filter(|_| self.right_sides[b] >= PACKED_FROM);
        let (product, b) = match packed {
            Some(product) => (product, self.packed(b, op.b_transposed, product, &b_place)),
            None => (product, At::from(&b_place)),
        };
        self.push(Step::Product { product, a, b, c, accumulate }, of);
    }

    /// Where the right side `x` of a product lies in panels: put there once, before the first that reads it.
    fn packed(&mut self, x: usize, transposed: bool, product: Product, place: &Place) -> At {
        if let Some(&at) = self.panels.get(&(x, transposed)) {
            return at;
        }
        let [_, length, _] = product.extents();
        let to = At::from(&self.buffer(&[length]));
        let length =
            self.p.shape(x).iter().zip(&place.strides).map(|(&n, stride)| (n - 1) * stride).sum::<usize>()
                + 1;
        self.push(Step::Pack { product, b: At::from(place), length, to }, &[x]);
        self.panels.insert((x, transposed), to);
        to
    }

    /// A matrix with contiguous rows or columns that does not overlap the result `c` of the product `v`; a factor and
    /// the product may be interleaved in a larger array.
    fn matrix(&mut self, x: usize, c: &Place, v: usize) -> Place {
        let (place, shape) = (self.places.at(x).clone(), self.p.shape(x).to_vec());
        let fits = place.strides.iter().zip(&shape).all(|(&stride, &n)| stride > 0 || n <= 1)
            && (place.strides[1] == 1 || shape[1] == 1);
        if fits && !place.meets(&shape, c, self.p.shape(v)) {
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
                // A product that is accumulated is emitted by its sum.
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
            Op::DropoutMask(mask) => {
                let (seed, mask) = (self.index_of[&x], Box::new(mask.clone()));
                self.densely(v, |y| Step::Mask { mask, seed, y });
            }
            _ => self.interpret(v),
        }
    }

    /// Emits a step that writes `v` contiguously, followed by a copy if its place is not.
    fn densely(&mut self, v: usize, step: impl FnOnce(At) -> Step<S>) {
        let (y, shape) = (self.places.at(v).clone(), self.p.shape(v).to_vec());
        if y.is_dense(&shape) {
            return self.push(step(At::from(&y)), &[v]);
        }
        let from = self.buffer(&shape);
        self.push(step(At::from(&from)), &[v]);
        self.copy(from, y, &shape, &[v]);
    }

    /// A function of rows along the last axis.
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

    /// A reduction over the first or the last axes.
    fn reduce(&mut self, v: usize, axes: &Axes, what: ByRow, scale: f64) {
        let x = self.operand_at(v, 0);
        let (rank, n, count) =
            (self.p.shape(x).len(), axes.iter().len(), self.p.shape(x).iter().product::<usize>());
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
                // The interpreter recomputes it from scratch.
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
        self.push(
            Step::Interpret(Box::new(Interpreted { op: self.p.graph.at(v).op.clone(), operands, y })),
            &[v],
        );
    }

    fn operand_at(&self, v: usize, i: usize) -> usize {
        self.p.graph.operands_at(v).nth(i).expect("the shape rule has asked for it")
    }
}
