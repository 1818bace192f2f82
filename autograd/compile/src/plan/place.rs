//! The place of each value: a buffer with strides. A slice, a reshape and a broadcast are views of their operand, and
//! the operands of a concatenation are computed in their part of the result (concatenation in place).

use super::super::program::Program;
use autograd::Kind;
use autograd::ops::{Add, Broadcast, Concat, Leaf, Op, Reshape, Slice};
use smallvec::SmallVec;

/// The strides of an array.
pub(in super::super) type Strides = SmallVec<[usize; 4]>;

/// The place of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Place {
    /// Its buffer.
    pub buffer: u32,
    /// The offset in the buffer.
    pub offset: usize,
    /// One per axis; 0 for broadcast axes.
    pub strides: Strides,
}

/// The strides of a contiguous array.
pub(in super::super) fn dense(shape: &[usize]) -> Strides {
    let mut strides: Strides = shape.iter().map(|_| 0).collect();
    let mut next = 1;
    for (stride, &n) in strides.iter_mut().zip(shape).rev() {
        *stride = next;
        next *= n;
    }
    strides
}

impl Place {
    /// Whether an array of this shape is contiguous there.
    pub fn is_dense(&self, shape: &[usize]) -> bool {
        let dense = dense(shape);
        shape.iter().zip(&self.strides).zip(&dense).all(|((&n, &have), &want)| n <= 1 || have == want)
    }

    /// The offset after the last element.
    fn end(&self, shape: &[usize]) -> usize {
        if shape.contains(&0) {
            return self.offset;
        }
        self.offset + shape.iter().zip(&self.strides).map(|(&n, &stride)| (n - 1) * stride).sum::<usize>() + 1
    }

    /// Whether the memory ranges of two values, from the first to the last element, overlap.
    pub fn meets(&self, shape: &[usize], other: &Self, other_shape: &[usize]) -> bool {
        self.buffer == other.buffer && self.offset < other.end(other_shape) && other.offset < self.end(shape)
    }

    fn slice(&self, Slice { axis, start, .. }: Slice) -> Self {
        Self { offset: self.offset + start * self.strides[axis], ..self.clone() }
    }

    /// The place of the same elements in another shape, if strides can express it.
    fn reshape(&self, from: &[usize], to: &[usize]) -> Option<Self> {
        let bare = |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Strides>();
        if self.is_dense(from) {
            return Some(Self { strides: dense(to), ..self.clone() });
        }
        // Axes of size 1 are free to change.
        if bare(from) != bare(to) {
            return None;
        }
        let mut rest = from.iter().zip(&self.strides).filter(|(n, _)| **n != 1).map(|(_, &stride)| stride);
        let strides = to.iter().map(|&n| if n == 1 { 0 } else { rest.next().unwrap_or(0) }).collect();
        Some(Self { strides, ..self.clone() })
    }

    /// The place of a broadcast array.
    pub fn spread(&self, from: &[usize], to: &[usize]) -> Self {
        let new = to.len() - from.len();
        let stride = |(axis, &n): (usize, &usize)| {
            axis.checked_sub(new)
                .map_or(0, |own| if from[own] == 1 && n != 1 { 0 } else { self.strides[own] })
        };
        Self { strides: to.iter().enumerate().map(stride).collect(), ..self.clone() }
    }
}

/// The storage of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// An input or a constant.
    Given,
    /// A view of its operand.
    View,
    /// A concatenation in place; operands computed elsewhere are copied.
    Whole,
    /// A sum of two whose second operand, a product, is accumulated onto the first.
    Accumulate,
    /// A computed buffer.
    Made,
    /// Whole numbers, which are not in the arena.
    Index,
}

/// The places of all nodes, and the sizes of the buffers.
#[derive(Debug)]
pub(in super::super) struct Places {
    pub roles: Vec<Role>,
    pub of: Vec<Option<Place>>,
    /// For each buffer, its size in elements.
    pub buffers: Vec<usize>,
}

impl Places {
    /// Assigns a place to every value.
    pub fn new(p: &Program) -> Self {
        let n = p.graph.len();
        let readers = p.readers();
        let mut this = Self { roles: vec![Role::Made; n], of: vec![None; n], buffers: Vec::new() };
        let whole = read_whole(p);
        for v in 0..n {
            this.roles[v] = role(p, v, &readers, &whole);
        }
        let is_output = {
            let mut is_output = vec![false; n];
            p.outputs.iter().for_each(|&y| is_output[y as usize] = true);
            is_output
        };
        let onto = blocks_written_over(p, &this.roles, &readers, &is_output);
        // Backwards: a reader gets its place before its operands do.
        for v in (0..n).rev() {
            match this.roles[v] {
                Role::Made | Role::Given | Role::Whole => this.ensure(p, v),
                Role::Accumulate => {
                    let base = p.graph.operands_at(v).next().expect("it has two operands");
                    let free = this.of[v].is_none();
                    if onto[v] && free {
                        continue; // it shares the place of its first operand
                    }
                    this.ensure(p, v);
                    let own =
                        this.roles[base] == Role::Made || this.roles[base] == Role::Accumulate && !onto[base];
                    if readers[base] == 1 && own && this.of[base].is_none() {
                        let place = this.of[v].clone();
                        this.of[base] = place;
                    }
                    continue;
                }
                Role::View | Role::Index => continue,
            }
            if this.roles[v] == Role::Whole {
                this.place_parts(p, v);
            }
        }
        // Forwards: views and accumulations take the place of their operand.
        for v in 0..n {
            let first = p.graph.operands_at(v).next();
            match (this.roles[v], first) {
                (Role::Accumulate, Some(base)) if this.of[v].is_none() => {
                    let place = this.of[base].clone();
                    this.of[v] = place;
                }
                (Role::View, Some(x)) => {
                    let of = this.of[x].as_ref().expect("operands come before");
                    let place = match &p.graph.at(v).op {
                        Op::Slice(slice) => Some(of.slice(*slice)),
                        Op::Reshape(Reshape { shape }) => of.reshape(p.shape(x), shape),
                        Op::Broadcast(Broadcast { shape }) => Some(of.spread(p.shape(x), shape)),
                        _ => None,
                    };
                    if let Some(place) = place {
                        this.of[v] = Some(place);
                    } else {
                        this.roles[v] = Role::Made;
                        this.ensure(p, v);
                    }
                }
                _ => {}
            }
        }
        this
    }

    /// Gives a node its own buffer unless it has a place.
    fn ensure(&mut self, p: &Program, v: usize) {
        if self.of[v].is_none() {
            let shape = p.shape(v);
            let buffer = super::super::narrow(self.buffers.len());
            self.buffers.push(shape.iter().product());
            self.of[v] = Some(Place { buffer, offset: 0, strides: dense(shape) });
        }
    }

    /// Places the operands of a concatenation in it, where they have no place yet.
    fn place_parts(&mut self, p: &Program, v: usize) {
        let Op::Concat(Concat { axis }) = p.graph.at(v).op else { return };
        let whole = self.of[v].clone().expect("it has just been given one");
        let mut start = 0;
        for x in p.graph.operands_at(v) {
            let place = whole.slice(Slice { axis, start, end: start });
            start += p.shape(x)[axis];
            let free = matches!(self.roles[x], Role::Made | Role::Whole | Role::Accumulate);
            if free && self.of[x].is_none() {
                self.of[x] = Some(place);
            }
        }
    }

    /// The place of a node with real numbers or truth values.
    pub fn at(&self, v: usize) -> &Place {
        self.of[v].as_ref().expect("every value but whole numbers has a place")
    }
}

fn role(p: &Program, v: usize, readers: &[u32], whole: &[bool]) -> Role {
    let node = p.graph.at(v);
    if matches!(node.ty.kind, Kind::Index { .. }) {
        return Role::Index;
    }
    match &node.op {
        Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. } | Leaf::Constant(_)) => Role::Given,
        Op::Broadcast(_) if whole[v] => Role::Made,
        Op::Slice(_) | Op::Reshape(_) | Op::Broadcast(_) => Role::View,
        Op::Concat(_) => Role::Whole,
        Op::Add(Add) => {
            let mut x = p.graph.operands_at(v);
            let (Some(a), Some(b), None) = (x.next(), x.next(), x.next()) else { return Role::Made };
            let is_product = |x: usize| matches!(p.graph.at(x).op, Op::MatMul(_)) && p.shape(x).len() == 2;
            let alone = |x: usize| readers[x] == 1 && p.shape(x) == p.shape(v);
            let base = is_product(a)
                || matches!(p.graph.at(a).op, Op::Add(Add) | Op::Slice(Slice { axis: 0, .. }))
                    && accumulates(p, a);
            if a != b && base && is_product(b) && alone(a) && alone(b) {
                Role::Accumulate
            } else {
                Role::Made
            }
        }
        _ => Role::Made,
    }
}

/// For each node, whether a product or a concatenation reads it; these need every element stored.
fn read_whole(p: &Program) -> Vec<bool> {
    let mut whole = vec![false; p.graph.len()];
    for v in 0..p.graph.len() {
        if matches!(p.graph.at(v).op, Op::MatMul(_) | Op::Concat(_)) {
            p.graph.operands_at(v).for_each(|x| whole[x] = true);
        }
    }
    whole
}

/// Whether a node is a slice of a product, or a sum that ends with a product.
fn accumulates(p: &Program, a: usize) -> bool {
    let is_product = |x: usize| matches!(p.graph.at(x).op, Op::MatMul(_)) && p.shape(x).len() == 2;
    let mut x = p.graph.operands_at(a);
    match (&p.graph.at(a).op, x.next(), x.next()) {
        (Op::Slice(_), Some(of), _) => is_product(of),
        (Op::Add(_), Some(_), Some(b)) => x.next().is_none() && is_product(b),
        _ => false,
    }
}

/// For each accumulating sum, whether it may overwrite its first operand: rows of a product that nothing else reads.
fn blocks_written_over(p: &Program, roles: &[Role], readers: &[u32], is_output: &[bool]) -> Vec<bool> {
    let n = p.graph.len();
    // For each product, the row ranges that slices read of it; `None` if anything else reads it.
    let mut rows: Vec<Option<Vec<(usize, usize)>>> = vec![Some(Vec::new()); n];
    for v in 0..n {
        for x in p.graph.operands_at(v) {
            match (&p.graph.at(v).op, &mut rows[x]) {
                (Op::Slice(Slice { axis: 0, start, end }), Some(rows)) => rows.push((*start, *end)),
                (_, other) => *other = None,
            }
        }
    }
    let disjoint: Vec<bool> = rows
        .into_iter()
        .enumerate()
        .map(|(x, rows)| {
            let Some(mut rows) = rows.filter(|_| !is_output[x]) else { return false };
            rows.sort_unstable();
            rows.windows(2).all(|pair| pair[0].1 <= pair[1].0)
        })
        .collect();
    let mut onto = vec![false; n];
    for v in (0..n).filter(|&v| roles[v] == Role::Accumulate) {
        let Some(a) = p.graph.operands_at(v).next().filter(|&a| readers[a] == 1) else { continue };
        onto[v] = match p.graph.at(a).op {
            Op::Slice(_) => {
                p.graph.operands_at(a).next().is_some_and(|of| roles[of] == Role::Made && disjoint[of])
            }
            Op::Add(_) => onto[a],
            _ => false,
        };
    }
    onto
}
