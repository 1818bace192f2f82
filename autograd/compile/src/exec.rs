//! Executes a plan: copies values in, runs the steps, and reads results.

use super::View;
use super::plan::{ByRow, Interpreted, Operand, Place, Plan, Step};
use crate::kernels::program::Rest;
use crate::kernels::{self, Buffer, Real, Workspace, rows, strips};
use autograd::{Kind, Type, Value};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, ShapeBuilder, Slice};
use std::ops::Range;

/// The state of a run besides the plan. It is reused from run to run without allocation.
pub(super) struct Memory<S> {
    arena: Buffer<S>,
    indices: Vec<Vec<usize>>,
    /// The positions of a region's slots.
    slots: Vec<usize>,
    workspace: Workspace<S>,
    /// The first row of the plan's shard of the batch.
    first_row: usize,
}

impl<S: Real> Memory<S> {
    pub fn new(plan: &Plan<S>, first_row: usize) -> Self {
        let mut this = Self {
            arena: Buffer::new(plan.size),
            indices: plan.indices.iter().map(|&n| vec![0; n]).collect(),
            slots: Vec::new(),
            workspace: Workspace::default(),
            first_row,
        };
        for (value, at) in &plan.constants {
            match &**value {
                Value::Float(a) => {
                    this.arena[*at..][..a.len()].iter_mut().zip(a).for_each(|(y, &x)| *y = S::of(x));
                }
                Value::Bool(a) => {
                    this.arena[*at..][..a.len()].iter_mut().zip(a).for_each(|(y, &x)| *y = truth(x));
                }
                Value::Index(_) => {}
            }
        }
        for (value, i) in &plan.index_constants {
            this.indices[*i].iter_mut().zip(value.index()).for_each(|(y, &x)| *y = x);
        }
        this
    }

    /// Copies a leaf's value in; `rows` of `axis` are this shard's.
    pub fn put_view(&mut self, at: usize, value: &View<S>, rows: Option<(usize, &Range<usize>)>) {
        fn shard<'a, T>(x: &ArrayViewD<'a, T>, rows: Option<(usize, &Range<usize>)>) -> ArrayViewD<'a, T> {
            match rows {
                Some((axis, rows)) => {
                    let mut x = x.clone();
                    x.slice_axis_inplace(Axis(axis), Slice::from(rows.clone()));
                    x
                }
                None => x.clone(),
            }
        }
        /// Copies element by element, or whole contiguous runs.
        fn fill<S, T>(to: &mut [S], x: &ArrayViewD<T>, of: impl Fn(&T) -> S) {
            if let Some(x) = x.as_slice() {
                return to[..x.len()].iter_mut().zip(x).for_each(|(y, x)| *y = of(x));
            }
            let to = ArrayViewMutD::from_shape(x.raw_dim(), &mut to[..x.len()]);
            to.expect("as many elements as its shape").zip_mut_with(x, |y, x| *y = of(x));
        }
        match value {
            View::Float(x) => fill(&mut self.arena[at..], &shard(x, rows), |&x| x),
            View::Bool(x) => fill(&mut self.arena[at..], &shard(x, rows), |&x| truth(x)),
            View::Index(x) => fill(&mut self.indices[at], &shard(x, rows), |&i| i),
        }
    }

    /// A result of real numbers or truth values (as 0 and 1).
    pub fn view(&self, ty: &Type, of: &Operand) -> Option<ArrayViewD<'_, S>> {
        match of {
            Operand::Number(_, place) => Some(view(&self.arena, &ty.shape, place)),
            Operand::Index(..) => None,
        }
    }

    /// A contiguous result of real numbers or truth values.
    pub fn slice(&self, ty: &Type, of: &Operand) -> Option<&[S]> {
        match of {
            Operand::Number(_, place) if place.is_dense(&ty.shape) => {
                Some(&self.arena[place.offset..][..ty.shape.count()])
            }
            _ => None,
        }
    }

    /// An index result.
    pub fn index(&self, ty: &Type, of: &Operand) -> Option<ArrayD<usize>> {
        match of {
            Operand::Index(_, i) => Some(array(&ty.shape, &self.indices[*i])),
            Operand::Number(..) => None,
        }
    }

    /// Runs all steps.
    pub fn run(&mut self, plan: &Plan<S>) {
        for step in &plan.steps {
            self.step(step);
        }
    }

    /// Runs one step.
    pub fn step(&mut self, step: &Step<S>) {
        let arena = &mut self.arena[..];
        match step {
            Step::Region(strips) => strips.run(arena, &mut self.slots),
            Step::Product { product, a, b, c, accumulate } => {
                let [a_len, b_len, c_len] = product.extents();
                let (c, rest) = Rest::around(arena, c.offset, c_len);
                let (a, b) = (rest.at(a.offset, a_len), rest.at(b.offset, b_len));
                product.run(&mut self.workspace, a, b, *accumulate, c);
            }
            Step::Pack { product, b, length, to } => {
                let (to, rest) = Rest::around(arena, to.offset, product.extents()[1]);
                product.pack(rest.at(b.offset, *length), to);
            }
            Step::Copy { from, to, shape } => copy(arena, from, to, shape),
            Step::ByRow { what, x, y, rows, columns } => {
                let single = matches!(what, ByRow::LogSumExp | ByRow::Sum | ByRow::Max);
                let n = if single { *rows } else { rows * columns };
                let (y, rest) = Rest::around(arena, y.offset, n);
                let x = rest.at(x.offset, rows * columns);
                match what {
                    ByRow::LogSoftmax => rows::log_softmax(y, x, *columns),
                    ByRow::Softmax => rows::softmax(y, x, *columns),
                    ByRow::LogSumExp => rows::log_sum_exp(y, x),
                    ByRow::Sum if n == 1 => y[0] = strips::sum(x),
                    ByRow::Sum => rows::row_sums(y, x),
                    ByRow::Max => rows::row_maxima(y, x),
                }
            }
            Step::SumRows { x, y, rows, columns } => {
                let (y, rest) = Rest::around(arena, y.offset, *columns);
                y.fill(S::ZERO);
                rows::accumulate_column_sums(y, rest.at(x.offset, rows * columns));
            }
            Step::Scale { y, n, by } => strips::rescale(&mut arena[y.offset..][..*n], *by),
            Step::Gather { table, size, index, y, columns } => {
                let index = &self.indices[*index];
                let (y, rest) = Rest::around(arena, y.offset, index.len() * columns);
                rows::gather(y, rest.at(table.offset, *size), index);
            }
            Step::Scatter { x, index, y, rows, columns } => {
                let index = &self.indices[*index];
                let (y, rest) = Rest::around(arena, y.offset, rows * columns);
                y.fill(S::ZERO);
                rows::accumulate_scattered(y, rest.at(x.offset, index.len() * columns), index);
            }
            Step::OneHot { index, y, classes } => {
                let index = &self.indices[*index];
                let y = &mut arena[y.offset..][..index.len() * classes];
                y.fill(S::ZERO);
                index.iter().enumerate().for_each(|(row, &k)| y[row * classes + k] = S::ONE);
            }
            Step::Mask { mask, seed, y } => {
                let seed = self.indices[*seed].first().copied().unwrap_or(0);
                let y = &mut arena[y.offset..][..mask.shape.count()];
                y.fill_with(mask.elements(seed, self.first_row));
            }
            Step::Interpret(it) => self.interpret(it),
        }
    }

    fn interpret(&mut self, Interpreted { op, operands, y }: &Interpreted) {
        let operand = |operand: &Operand| match operand {
            Operand::Number(ty, place) => value(&self.arena, ty, place),
            Operand::Index(ty, i) => Value::Index(array(&ty.shape, &self.indices[*i])),
        };
        let values: Vec<Value<S>> = operands.iter().map(operand).collect();
        let operator = op.operator().expect("leaves are given");
        match S::run(operator, &values.iter().collect::<Vec<_>>()) {
            Value::Float(a) => view_mut(&mut self.arena, a.shape(), y).assign(&a),
            Value::Bool(a) => view_mut(&mut self.arena, a.shape(), y).assign(&a.mapv(truth)),
            Value::Index(_) => {}
        }
    }
}

fn truth<S: Real>(x: bool) -> S {
    if x { S::ONE } else { S::ZERO }
}

fn array<T: Clone>(shape: &[usize], elements: &[T]) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), elements.to_vec())
        .expect("a value has as many elements as its shape")
}

fn view<'a, S>(arena: &'a [S], shape: &[usize], place: &Place) -> ArrayViewD<'a, S> {
    if shape.contains(&0) {
        // For an empty array, strides may lead out of the arena.
        return ArrayViewD::from_shape(IxDyn(shape), &[]).expect("no elements for a shape of none");
    }
    let shape = IxDyn(shape).strides(IxDyn(&place.strides));
    ArrayViewD::from_shape(shape, &arena[place.offset..]).expect("a place lies in the arena")
}

fn view_mut<'a, S>(arena: &'a mut [S], shape: &[usize], place: &Place) -> ArrayViewMutD<'a, S> {
    if shape.contains(&0) {
        return ArrayViewMutD::from_shape(IxDyn(shape), &mut []).expect("no elements for a shape of none");
    }
    let shape = IxDyn(shape).strides(IxDyn(&place.strides));
    ArrayViewMutD::from_shape(shape, &mut arena[place.offset..])
        .expect("what is written does not overlap itself")
}

fn value<S: Real>(arena: &[S], ty: &Type, place: &Place) -> Value<S> {
    let x = view(arena, &ty.shape, place);
    match ty.kind {
        Kind::Bool => Value::Bool(x.mapv(|x| x != S::ZERO)),
        _ => Value::Float(x.as_standard_layout().into_owned()),
    }
}

/// Copies an array; whole runs where both sides are contiguous.
fn copy<S: Real>(arena: &mut [S], from: &Place, to: &Place, shape: &[usize]) {
    let n: usize = shape.iter().product();
    if n == 0 {
        return;
    }
    if from.is_dense(shape) && to.is_dense(shape) {
        return arena.copy_within(from.offset..from.offset + n, to.offset);
    }
    let rank = shape.len();
    if let ([rows, columns], [1, a], [b, 1]) = (shape, &from.strides[..], &to.strides[..]) {
        return transpose(arena, [from.offset, *a], [to.offset, *b], [*rows, *columns]);
    }
    let (outer, inner) = shape.split_at(rank - 1);
    let (step_from, step_to) = (from.strides[rank - 1], to.strides[rank - 1]);
    for i in 0..outer.iter().product::<usize>() {
        let (mut x, mut y, mut rest) = (from.offset, to.offset, i);
        for (axis, &n) in outer.iter().enumerate().rev() {
            x += rest % n * from.strides[axis];
            y += rest % n * to.strides[axis];
            rest /= n;
        }
        match (step_from, step_to) {
            (1, 1) => arena.copy_within(x..x + inner[0], y),
            (0, 1) => {
                let value = arena[x];
                arena[y..y + inner[0]].fill(value);
            }
            _ => (0..inner[0]).for_each(|j| arena[y + j * step_to] = arena[x + j * step_from]),
        }
    }
}

/// Copies a column-major matrix to a row-major one. The two do not overlap.
fn transpose<S: Real>(arena: &mut [S], from: [usize; 2], to: [usize; 2], [rows, columns]: [usize; 2]) {
    let extent = |stride: usize, lines: usize, length: usize| (lines - 1) * stride + length;
    let (y, rest) = Rest::around(arena, to[0], extent(to[1], rows, columns));
    let x = rest.at(from[0], extent(from[1], columns, rows));
    kernels::transpose(y, x, [columns, rows], [from[1], to[1]]);
}
