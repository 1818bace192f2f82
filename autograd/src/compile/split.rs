//! The rows of a batch over threads, as a propagation of labels.
//!
//! Every value is the same for all rows of the batch, or has a share of them along an axis, or is a part of a sum over
//! the batch. Inputs say along which axis their samples lie; everything else follows from the ops. What uses such a
//! part otherwise than linearly, as the count of live positions under a mean, is a meeting point: it is computed before,
//! for the whole batch. Where a label does not follow, the graph is left whole.

use super::program::{NONE, Program, Sources};
use crate::graph::{Graph, Origin, Role};
use crate::ops::{
    At, Axes, Broadcast, Concat, DropoutMask, Gather, Leaf, LogSoftmax, LogSumExp, MatMul, Mul, Op, Pad, ReduceMax, ReduceMean,
    ReduceSum, Reshape, ScatterAdd, Slice, Softmax, Stack, Transpose,
};
use crate::shape::{Shape, Type};
use crate::value::Value;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What a value is to the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// The same for every row.
    Same,
    /// A share of the rows along an axis, which may hold `outer` batches one after the other.
    Rows { axis: usize, outer: usize },
    /// A part of a sum.
    Part,
}

/// A graph cut into shares of rows.
pub(super) struct Split {
    /// The rows of each share.
    pub rows: Vec<Range<usize>>,
    /// The program of each share; equal ones are one.
    pub programs: Vec<Arc<Program>>,
    /// What each output is.
    pub outputs: Vec<Label>,
    /// The nodes that are computed before, for the whole batch.
    pub met: Vec<usize>,
}

/// The graph for `threads` threads; the reason if it is left whole.
pub(super) fn split(source: &Arc<Graph>, outputs: &[usize], threads: usize) -> Result<Split, String> {
    if threads < 2 {
        return Err("one thread was asked for".into());
    }
    let batch = batch(source, outputs).ok_or("no inputs agree on a batch")?;
    let shares = threads.min(batch);
    if shares < 2 {
        return Err("the batch has one row".into());
    }
    let labels = Labels::of(source, outputs, batch)?;
    let rows: Vec<Range<usize>> =
        (0..shares).map(|i| i * batch / shares..(i + 1) * batch / shares).collect();
    let mut made: HashMap<(usize, usize), Arc<Program>> = HashMap::new();
    let masks = (0..source.len()).any(|v| labels.live[v] && matches!(source.at(v).op, Op::DropoutMask(_)));
    let programs = rows
        .iter()
        .map(|rows| {
            // Masks depend on which rows they are for; all else only on how many.
            let key = (rows.len(), if masks { rows.start } else { 0 });
            let program =
                made.entry(key).or_insert_with(|| Arc::new(Cut::program(source, outputs, &labels, batch, rows)));
            program.clone()
        })
        .collect();
    let of = outputs.iter().map(|&y| labels.labels[y]).collect();
    Ok(Split { rows, programs, outputs: of, met: labels.met })
}

/// The size of the batch that all inputs agree on.
fn batch(source: &Graph, outputs: &[usize]) -> Option<usize> {
    let live = super::program::live(source, outputs);
    let mut batch = None;
    for v in (0..source.len()).filter(|&v| live[v]) {
        if let Op::Leaf(Leaf::Input { batch_axis: Some(axis), .. }) = &source.at(v).op {
            let size = source.at(v).ty.shape[*axis];
            if *batch.get_or_insert(size) != size {
                return None;
            }
        }
    }
    batch
}

struct Labels {
    labels: Vec<Label>,
    live: Vec<bool>,
    met: Vec<usize>,
}

impl Labels {
    fn of(source: &Graph, outputs: &[usize], batch: usize) -> Result<Self, String> {
        let live = super::program::live(source, outputs);
        let mut this = Self { labels: vec![Label::Same; source.len()], live, met: Vec::new() };
        // Whether a product of rows has gone into a value: then it is too dear to be computed twice.
        let mut dear = vec![false; source.len()];
        for v in 0..source.len() {
            if !this.live[v] {
                continue;
            }
            let rows = |x: usize| this.labels[x] != Label::Same;
            dear[v] = source.operands_at(v).any(|x| dear[x])
                || matches!(source.at(v).op, Op::MatMul(_)) && source.operands_at(v).any(rows);
            match this.label(source, v, batch) {
                Some(label) => this.labels[v] = label,
                None => {
                    // The parts that it reads meet before, but for those that it would take a run to know.
                    let (met, needed): (Vec<usize>, Vec<usize>) = source
                        .operands_at(v)
                        .filter(|&x| this.labels[x] == Label::Part)
                        .partition(|&x| !dear[x]);
                    met.iter().for_each(|&x| this.labels[x] = Label::Same);
                    this.met.extend(met);
                    if let (None, Some(&x)) = (this.label(source, v, batch), needed.first()) {
                        let (v, x) = (source.name_at(v), source.name_at(x));
                        return Err(format!("`{v}` needs the sum of `{x}` over the whole batch"));
                    }
                    let op = source.at(v).op.name();
                    this.labels[v] = this
                        .label(source, v, batch)
                        .ok_or_else(|| format!("the rows of `{}` ({op}) cannot be told apart", source.name_at(v)))?;
                }
            }
        }
        let mixed = |&&y: &&usize| matches!(this.labels[y], Label::Rows { outer, .. } if outer > 1);
        match outputs.iter().find(mixed) {
            Some(&y) => Err(format!("the output `{}` has its rows in several places", source.name_at(y))),
            None => Ok(this),
        }
    }

    fn label(&self, source: &Graph, v: usize, batch: usize) -> Option<Label> {
        let node = source.at(v);
        let shape = &node.ty.shape;
        let x: SmallVec<[usize; 4]> = source.operands_at(v).collect();
        let of = |i: usize| x.get(i).map_or(Label::Same, |&x| self.labels[x]);
        let theirs = |i: usize| &source.at(x[i]).ty.shape;
        if let Op::Leaf(leaf) = &node.op {
            return Some(match leaf {
                Leaf::Input { batch_axis: Some(axis), .. } => Label::Rows { axis: *axis, outer: 1 },
                _ => Label::Same,
            });
        }
        if x.iter().all(|&x| self.labels[x] == Label::Same) {
            // What is repeated, or drawn, for as many rows as the batch has is so for a share of them. It would be right
            // of any axis; of the batch's own it fits what else there is.
            let axis = (0..shape.len()).find(|&axis| shape[axis] == batch && repeats(source, v, axis));
            return Some(axis.map_or(Label::Same, |axis| Label::Rows { axis, outer: 1 }));
        }
        let all_parts = x.iter().any(|&x| self.labels[x] == Label::Part)
            && x.iter().all(|&x| self.labels[x] == Label::Part || is_zero(source, x));
        match &node.op {
            Op::Add(_) | Op::Sub(_) | Op::Concat(_) | Op::Stack(_) if all_parts => Some(Label::Part),
            Op::Neg(_) | Op::StopGradient(_) | Op::ReduceSum(_) | Op::ReduceMean(_) | Op::Reshape(_) | Op::Transpose(_)
            | Op::Slice(_) | Op::At(_) | Op::Pad(_) | Op::Broadcast(_)
                if all_parts =>
            {
                Some(Label::Part)
            }
            Op::Mul(_) | Op::Div(_) if of(0) == Label::Part && of(1) == Label::Same => Some(Label::Part),
            Op::Mul(_) if of(0) == Label::Same && of(1) == Label::Part => Some(Label::Part),
            op if super::is_pointwise(op) => {
                let mut label = None;
                for &x in &x {
                    match self.labels[x] {
                        Label::Part => return None,
                        Label::Rows { axis, outer } => {
                            let axis = axis + shape.len() - source.at(x).ty.shape.len();
                            let own = Label::Rows { axis, outer };
                            if *label.get_or_insert(own) != own {
                                return None;
                            }
                        }
                        Label::Same => {}
                    }
                }
                let label = label?;
                let Label::Rows { axis, .. } = label else { return None };
                let same = x.iter().filter(|&&x| self.labels[x] == Label::Same);
                let fits = |&x: &usize| {
                    let rank = source.at(x).ty.shape.len();
                    (axis + rank).checked_sub(shape.len()).is_none_or(|own| self.can_cut(source, x, own))
                };
                same.copied().all(|x| fits(&x)).then_some(label)
            }
            Op::MatMul(MatMul { a_transposed: ta, b_transposed: tb }) => {
                let (rank_a, rank_b, rank) = (theirs(0).len(), theirs(1).len(), shape.len());
                let (m, k) = if *ta { (rank_a - 1, rank_a - 2) } else { (rank_a - 2, rank_a - 1) };
                let (k_b, n) = if *tb { (rank_b - 1, rank_b - 2) } else { (rank_b - 2, rank_b - 1) };
                match (of(0), of(1)) {
                    (Label::Rows { axis, outer }, Label::Same) if axis == m => Some(Label::Rows { axis: rank - 2, outer }),
                    (Label::Same, Label::Rows { axis, outer }) if axis == n => Some(Label::Rows { axis: rank - 1, outer }),
                    (Label::Rows { axis: a, outer: i }, Label::Rows { axis: b, outer: j })
                        if a == k && b == k_b && i == j =>
                    {
                        (rank == 2).then_some(Label::Part)
                    }
                    (Label::Rows { axis, outer: 1 }, Label::Same) if axis + 2 < rank_a && rank_b == 2 => {
                        Some(Label::Rows { axis, outer: 1 })
                    }
                    (Label::Part, Label::Same) | (Label::Same, Label::Part) => Some(Label::Part),
                    _ => None,
                }
            }
            Op::Concat(_) | Op::Stack(_) => {
                let rows = x.iter().map(|&x| self.labels[x]).find(|l| matches!(l, Label::Rows { .. }))?;
                let Label::Rows { axis, outer } = rows else { return None };
                let fits = |&x: &usize| {
                    self.labels[x] == rows || self.labels[x] == Label::Same && self.can_cut(source, x, axis)
                };
                if !x.iter().all(fits) {
                    return None;
                }
                match &node.op {
                    Op::Concat(Concat { axis: over }) => (*over != axis).then_some(rows),
                    Op::Stack(Stack { axis: new }) if *new <= axis => Some(Label::Rows { axis: axis + 1, outer }),
                    _ => Some(rows),
                }
            }
            _ => {
                let Label::Rows { axis, outer } = of(0) else {
                    // A table of all rows, read by the numbers of a share.
                    return match (&node.op, of(0), of(1)) {
                        (Op::Gather(Gather), Label::Same, rows @ Label::Rows { .. }) => Some(rows),
                        _ => None,
                    };
                };
                let kept = |axes: &Axes| {
                    let before = axes.iter().filter(|&a| a < axis).count();
                    Some(Label::Rows { axis: axis - before, outer })
                };
                let reduced = |axes: &Axes| axes.iter().any(|a| a == axis);
                match &node.op {
                    Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)) if reduced(axes) => {
                        Some(Label::Part)
                    }
                    Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)) | Op::ReduceMax(ReduceMax(axes)) => {
                        if reduced(axes) { None } else { kept(axes) }
                    }
                    Op::Softmax(Softmax { axis: over }) | Op::LogSoftmax(LogSoftmax { axis: over }) => {
                        (*over != axis).then_some(Label::Rows { axis, outer })
                    }
                    Op::LogSumExp(LogSumExp { axis: over }) => {
                        if *over == axis { None } else { kept(&Axes::new([*over])) }
                    }
                    Op::Broadcast(_) => {
                        let axis = axis + shape.len() - theirs(0).len();
                        Some(Label::Rows { axis, outer })
                    }
                    Op::Reshape(_) => reshaped(theirs(0), shape, axis, outer, batch),
                    Op::Transpose(Transpose { order }) => {
                        let axis = order.iter().position(|&a| a == axis)?;
                        Some(Label::Rows { axis, outer })
                    }
                    Op::Slice(Slice { axis: over, .. }) | Op::Pad(Pad { axis: over, .. }) => {
                        (*over != axis).then_some(Label::Rows { axis, outer })
                    }
                    Op::At(At { axis: over, .. }) => {
                        if *over == axis { None } else { kept(&Axes::new([*over])) }
                    }
                    Op::OneHot(_) => Some(Label::Rows { axis, outer }),
                    Op::ScatterAdd(ScatterAdd { .. }) => {
                        (of(0) == of(1) && axis < theirs(1).len()).then_some(Label::Part)
                    }
                    _ => None,
                }
            }
        }
    }

    /// Whether a value that is the same for all rows can be had for a share of them along an axis.
    fn can_cut(&self, source: &Graph, x: usize, axis: usize) -> bool {
        let shape = &source.at(x).ty.shape;
        if shape[axis] == 1 {
            return true;
        }
        match &source.at(x).op {
            Op::Broadcast(_) => {
                let inner = source.operands_at(x).next().expect("it has an operand");
                let rank = source.at(inner).ty.shape.len();
                (axis + rank).checked_sub(shape.len()).is_none_or(|own| self.can_cut(source, inner, own))
            }
            op if super::is_pointwise(op) => source.operands_at(x).all(|y| {
                let rank = source.at(y).ty.shape.len();
                (axis + rank).checked_sub(shape.len()).is_none_or(|own| self.can_cut(source, y, own))
            }),
            _ => false,
        }
    }
}

/// Whether a node is made by repetition along an axis, or drawn element by element.
fn repeats(source: &Graph, v: usize, axis: usize) -> bool {
    match &source.at(v).op {
        Op::Broadcast(_) => source.operands_at(v).next().is_some_and(|x| {
            let theirs = &source.at(x).ty.shape;
            (axis + theirs.len()).checked_sub(source.at(v).ty.shape.len()).is_none_or(|own| theirs[own] == 1)
        }),
        Op::DropoutMask(mask) => mask.part.is_none(),
        _ => false,
    }
}

/// Whether a node is zero everywhere: a part of any sum.
fn is_zero(source: &Graph, x: usize) -> bool {
    match &source.at(x).op {
        Op::Leaf(Leaf::Constant(value)) => matches!(&**value, Value::Float(a) if a.iter().all(|&x| x == 0.0)),
        Op::Broadcast(_) | Op::Reshape(_) => source.operands_at(x).next().is_some_and(|x| is_zero(source, x)),
        _ => false,
    }
}

/// The label of a reshape: the rows' axis stays whole, or is joined with the axes before it.
fn reshaped(from: &[usize], to: &[usize], axis: usize, outer: usize, batch: usize) -> Option<Label> {
    let before: usize = from[..axis].iter().product();
    let (want, mut seen) = (before * outer, 1);
    // `want` batches lie before any row is repeated: the axis where they are all passed holds the rows.
    for (i, &n) in to.iter().enumerate() {
        if seen <= want && want.is_multiple_of(seen) && n == want / seen * batch {
            let tail: usize = to[i + 1..].iter().product();
            let own: usize = from[axis + 1..].iter().product();
            return (tail == own).then_some(Label::Rows { axis: i, outer: want / seen });
        }
        seen *= n;
    }
    None
}

/// Writes the program of a share.
struct Cut<'a> {
    source: &'a Arc<Graph>,
    labels: &'a Labels,
    batch: usize,
    rows: &'a Range<usize>,
    graph: Graph,
    of: Vec<Sources>,
    place: Vec<u32>,
    /// Values that are the same for all rows, for this share of them along an axis.
    cut: HashMap<(usize, usize), u32>,
}

impl<'a> Cut<'a> {
    fn program(
        source: &'a Arc<Graph>,
        outputs: &[usize],
        labels: &'a Labels,
        batch: usize,
        rows: &'a Range<usize>,
    ) -> Program {
        let mut this = Self {
            source,
            labels,
            batch,
            rows,
            graph: Graph::new(),
            of: Vec::new(),
            place: vec![NONE; source.len()],
            cut: HashMap::new(),
        };
        for v in (0..source.len()).filter(|&v| labels.live[v]) {
            this.place[v] = this.node(v);
        }
        let outputs = outputs.iter().map(|&y| this.place[y]).collect();
        Program { source: source.clone(), graph: this.graph, outputs, of: this.of }
    }

    /// A size along an axis of rows.
    fn size(&self, size: usize) -> usize {
        size / self.batch * self.rows.len()
    }

    fn push(&mut self, v: usize, op: Op, ty: Type, operands: &[u32]) -> u32 {
        let place = self.source.at(v).origin.place;
        let origin = Origin { layer: None, name: None, step: None, ordinal: 0, role: Role::Forward, place };
        self.of.push(SmallVec::from_elem(super::narrow(v), 1));
        self.graph.push(op, ty, origin, operands)
    }

    fn add(&mut self, v: usize, op: Op, operands: &[u32]) -> u32 {
        let types: SmallVec<[Type; 4]> = operands.iter().map(|&x| self.graph.at(x as usize).ty.clone()).collect();
        let operator = op.operator().expect("leaves are written apart");
        // The labels say that the op goes on shares of its operands.
        let ty = operator.infer(&types).unwrap_or_else(|why| panic!("a share of {}: {why}", op.name()));
        self.push(v, op, ty, operands)
    }

    fn node(&mut self, v: usize) -> u32 {
        let node = self.source.at(v);
        if self.labels.met.contains(&v) {
            let leaf = Leaf::Input { name: format!("met {v}").into(), batch_axis: None };
            return self.push(v, Op::Leaf(leaf), node.ty.clone(), &[]);
        }
        let label = self.labels.labels[v];
        if let Op::Leaf(_) = &node.op {
            let shape = match label {
                Label::Rows { axis, .. } => node.ty.shape.resized(axis, self.rows.len()),
                _ => node.ty.shape.clone(),
            };
            return self.push(v, node.op.clone(), Type { shape, kind: node.ty.kind }, &[]);
        }
        let x: SmallVec<[usize; 4]> = self.source.operands_at(v).collect();
        let rank = node.ty.shape.len();
        let operands: SmallVec<[u32; 8]> = x
            .iter()
            .map(|&x| match (label, self.labels.labels[x], &node.op) {
                (Label::Rows { axis, .. }, Label::Same, op)
                    if super::is_pointwise(op) || matches!(op, Op::Concat(_) | Op::Stack(_)) =>
                {
                    let theirs = self.source.at(x).ty.shape.len();
                    let axis = match op {
                        Op::Stack(Stack { axis: new }) if *new < axis => axis - 1,
                        _ => axis,
                    };
                    let rank = if matches!(op, Op::Stack(_)) { rank - 1 } else { rank };
                    match (axis + theirs).checked_sub(rank) {
                        Some(own) => self.share(x, own),
                        None => self.place[x],
                    }
                }
                _ => self.place[x],
            })
            .collect();
        let rows = |shape: &Shape, this: &Self| match label {
            Label::Rows { axis, .. } => shape.resized(axis, this.size(shape[axis])),
            _ => shape.clone(),
        };
        let op = match &node.op {
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: rows(shape, self) }.into(),
            Op::Reshape(Reshape { shape }) => Reshape { shape: rows(shape, self) }.into(),
            Op::DropoutMask(mask) => match label {
                Label::Rows { axis, .. } => {
                    let part = Some((axis, self.rows.start, mask.shape[axis]));
                    DropoutMask { shape: rows(&mask.shape, self), part, ..mask.clone() }.into()
                }
                _ => mask.clone().into(),
            },
            // The mean of a share is not a part of the whole's: its sum over the whole's count is.
            Op::ReduceMean(ReduceMean(axes)) if label == Label::Part && self.labels.labels[x[0]] != Label::Part => {
                let count: usize = axes.iter().map(|axis| self.source.at(x[0]).ty.shape[axis]).product();
                let sum = self.add(v, ReduceSum(axes.clone()).into(), &operands);
                let by = ndarray::arr0(1.0 / count as f64).into_dyn();
                let constant = Op::Leaf(Leaf::Constant(Arc::new(Value::Float(by))));
                let by = self.push(v, constant, Type::float([]), &[]);
                return self.add(v, Mul.into(), &[sum, by]);
            }
            op => op.clone(),
        };
        self.add(v, op, &operands)
    }

    /// A value that is the same for all rows, for this share of them along an axis.
    fn share(&mut self, x: usize, axis: usize) -> u32 {
        let node = self.source.at(x);
        let shape = &node.ty.shape;
        if shape[axis] == 1 {
            return self.place[x];
        }
        if let Some(&known) = self.cut.get(&(x, axis)) {
            return known;
        }
        let size = self.size(shape[axis]);
        let own = |y: usize, this: &Self| {
            let rank = this.source.at(y).ty.shape.len();
            (axis + rank).checked_sub(shape.len())
        };
        let operands: SmallVec<[u32; 8]> = self
            .source
            .operands_at(x)
            .map(|y| match own(y, self) {
                Some(axis) => self.share(y, axis),
                None => self.place[y],
            })
            .collect();
        let op = match &node.op {
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: shape.resized(axis, size) }.into(),
            op => op.clone(),
        };
        let made = self.add(x, op, &operands);
        self.cut.insert((x, axis), made);
        made
    }
}
