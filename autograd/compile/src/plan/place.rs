//! Where values lie: each in a buffer, with strides. A slice, a reshape and a broadcast are views of their operand, and the
//! operands of a concatenation are computed in their places in the result (concatenation in place).

use super::super::program::Program;
use autograd::Kind;
use autograd::ops::{Add, Broadcast, Concat, Leaf, Op, Reshape, Slice};
use smallvec::SmallVec;

/// How far apart neighbours of an axis are.
pub(in super::super) type Strides = SmallVec<[usize; 4]>;

/// A value's place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Place {
    /// Its buffer.
    pub buffer: u32,
    /// Where in the buffer it begins.
    pub offset: usize,
    /// One for each axis; 0 where elements are repeated.
    pub strides: Strides,
}

/// The strides of an array without gaps.
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
    /// Whether an array of this shape lies there without gaps.
    pub fn is_dense(&self, shape: &[usize]) -> bool {
        let dense = dense(shape);
        shape.iter().zip(&self.strides).zip(&dense).all(|((&n, &have), &want)| n <= 1 || have == want)
    }

    /// The place one past the last element.
    fn end(&self, shape: &[usize]) -> usize {
        if shape.contains(&0) {
            return self.offset;
        }
        self.offset + shape.iter().zip(&self.strides).map(|(&n, &stride)| (n - 1) * stride).sum::<usize>() + 1
    }

    /// Whether the stretches of memory from the first to the last element of two values overlap.
    pub fn meets(&self, shape: &[usize], other: &Self, other_shape: &[usize]) -> bool {
        self.buffer == other.buffer && self.offset < other.end(other_shape) && other.offset < self.end(shape)
    }

    fn slice(&self, Slice { axis, start, .. }: Slice) -> Self {
        Self { offset: self.offset + start * self.strides[axis], ..self.clone() }
    }

    /// The place of the same elements in another shape, if strides can say it.
    fn reshape(&self, from: &[usize], to: &[usize]) -> Option<Self> {
        let bare = |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Strides>();
        if self.is_dense(from) {
            return Some(Self { strides: dense(to), ..self.clone() });
        }
        // Axes of size 1 come and go.
        if bare(from) != bare(to) {
            return None;
        }
        let mut rest = from.iter().zip(&self.strides).filter(|(n, _)| **n != 1).map(|(_, &stride)| stride);
        let strides = to.iter().map(|&n| if n == 1 { 0 } else { rest.next().unwrap_or(0) }).collect();
        Some(Self { strides, ..self.clone() })
    }

    /// The place of an array that is repeated to a larger shape.
    pub fn spread(&self, from: &[usize], to: &[usize]) -> Self {
        let new = to.len() - from.len();
        let stride = |(axis, &n): (usize, &usize)| {
            axis.checked_sub(new)
                .map_or(0, |own| if from[own] == 1 && n != 1 { 0 } else { self.strides[own] })
        };
        Self { strides: to.iter().enumerate().map(stride).collect(), ..self.clone() }
    }
}

/// What is to be done about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// A value from outside, or a constant.
    Given,
    /// It lies in its operand.
    View,
    /// Its operands lie in it; those that do not are copied.
    Whole,
    /// A sum of two of which the second, a product, is accumulated onto the first.
    Accumulate,
    /// It is computed.
    Made,
    /// Whole numbers: they have no place among the real ones.
    Index,
}

/// The places of all nodes, and the sizes of the buffers.
#[derive(Debug)]
pub(in super::super) struct Places {
    pub roles: Vec<Role>,
    pub of: Vec<Option<Place>>,
    /// For each buffer, how many numbers it holds.
    pub buffers: Vec<usize>,
}

impl Places {
    /// Finds a place for every value.
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
        // From the last to the first: whoever reads a value has its place before the value looks for one.
        for v in (0..n).rev() {
            match this.roles[v] {
                Role::Made | Role::Given | Role::Whole => this.ensure(p, v),
                Role::Accumulate => {
                    let base = p.graph.operands_at(v).next().expect("it has two operands");
                    let free = this.of[v].is_none();
                    if onto[v] && free {
                        continue; // it lies where its first operand does
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
        // From the first to the last: what lies in its operand.
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

    /// Gives a node a buffer of its own unless it has a place.
    fn ensure(&mut self, p: &Program, v: usize) {
        if self.of[v].is_none() {
            let shape = p.shape(v);
            let buffer = super::super::narrow(self.buffers.len());
            self.buffers.push(shape.iter().product());
            self.of[v] = Some(Place { buffer, offset: 0, strides: dense(shape) });
        }
    }

    /// Places the operands of a concatenation in it, as far as they are free.
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

    /// The place of a node that holds real numbers or truth values.
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

/// For each node, whether a product or a concatenation reads it, which want every element in its place.
fn read_whole(p: &Program) -> Vec<bool> {
    let mut whole = vec![false; p.graph.len()];
    for v in 0..p.graph.len() {
        if matches!(p.graph.at(v).op, Op::MatMul(_) | Op::Concat(_)) {
            p.graph.operands_at(v).for_each(|x| whole[x] = true);
        }
    }
    whole
}

/// Whether a node is rows of a product, or itself a sum of products.
fn accumulates(p: &Program, a: usize) -> bool {
    let is_product = |x: usize| matches!(p.graph.at(x).op, Op::MatMul(_)) && p.shape(x).len() == 2;
    let mut x = p.graph.operands_at(a);
    match (&p.graph.at(a).op, x.next(), x.next()) {
        (Op::Slice(_), Some(of), _) => is_product(of),
        (Op::Add(_), Some(_), Some(b)) => x.next().is_none() && is_product(b),
        _ => false,
    }
}

/// For each accumulating sum, whether it may be written over its first operand: rows of a product of which nobody
/// reads these rows but it.
fn blocks_written_over(p: &Program, roles: &[Role], readers: &[u32], is_output: &[bool]) -> Vec<bool> {
    let n = p.graph.len();
    // For each product, the rows that slices read of it; none if something else reads it.
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
