//! Sharding propagation: whether a value is replicated, sharded or a partial sum, from those of its operands.

use super::super::program::live;
use super::Sharding;
use autograd::graph::Graph;
use autograd::ops::{Axes, Class, Concat, Gather, Leaf, MatMul, Op, ReduceMean, ReduceSum, Stack, Transpose};
use autograd::{Kind, Value};
use smallvec::SmallVec;
use std::collections::HashSet;

/// The maximum depth of global sums that depend on one another, before a graph is left unsharded.
const ROUNDS: usize = 16;

/// The shardings of the nodes that outputs depend on.
pub(super) struct Shardings {
    pub of: Vec<Sharding>,
    pub live: Vec<bool>,
    /// The nodes computed beforehand, for the whole batch.
    pub global: Vec<bool>,
}

impl Shardings {
    /// Propagates the shardings from the inputs to the outputs.
    ///
    /// # Errors
    /// The first node without a valid sharding.
    pub fn new(source: &Graph, outputs: &[usize], batch: usize) -> Result<Self, String> {
        let live = live(source, outputs);
        let mut global = vec![false; source.len()];
        // An all-reduced value is replicated from then on, also for users that could read the partial sums.
        for _ in 0..ROUNDS {
            let of = vec![Sharding::Replicated; source.len()];
            let mut this = Self { of, live: live.clone(), global: global.clone() };
            let found = this.follow(source, batch)?;
            if found.is_empty() {
                return this.fit_outputs(source, outputs);
            }
            found.into_iter().for_each(|x| global[x] = true);
        }
        Err(format!("more than {ROUNDS} sums over the whole batch build on one another"))
    }

    /// Assigns shardings to all nodes; stops where partial sums must be all-reduced, and returns these.
    fn follow(&mut self, source: &Graph, batch: usize) -> Result<Vec<usize>, String> {
        // Whether a value depends on a product over the rows: then it is too expensive to compute twice.
        let mut expensive = vec![false; source.len()];
        for v in 0..source.len() {
            if !self.live[v] || self.global[v] {
                continue;
            }
            let rows = |x: usize| self.of[x] != Sharding::Replicated;
            expensive[v] = source.operands_at(v).any(|x| expensive[x])
                || matches!(source.at(v).op, Op::MatMul(_)) && source.operands_at(v).any(rows);
            if let Some(sharding) = self.sharding(source, v, batch) {
                self.of[v] = sharding;
                continue;
            }
            let (cheap, needed): (Vec<usize>, Vec<usize>) = source
                .operands_at(v)
                .filter(|&x| self.of[x] == Sharding::PartialSum)
                .partition(|&x| !expensive[x]);
            let (name, op) = (|v| source.name_at(v), source.at(v).op.name());
            return match needed.first() {
                _ if !cheap.is_empty() => Ok(cheap.into_iter().map(|x| unrepeated(source, x)).collect()),
                Some(&x) => Err(format!("`{}` needs the sum of `{}` over the whole batch", name(v), name(x))),
                None => Err(format!("the rows of `{}` ({op}) cannot be told apart", name(v))),
            };
        }
        Ok(Vec::new())
    }

    /// Checks that outputs can be assembled from shards.
    fn fit_outputs(self, source: &Graph, outputs: &[usize]) -> Result<Self, String> {
        for &y in outputs {
            let number = !matches!(source.at(y).ty.kind, Kind::Index { .. });
            if matches!(self.of[y], Sharding::Sharded { outer, .. } if outer > 1 || !number) {
                return Err(format!("the rows of the output `{}` cannot be put together", source.name_at(y)));
            }
        }
        Ok(self)
    }

    fn sharding(&self, source: &Graph, v: usize, batch: usize) -> Option<Sharding> {
        let node = source.at(v);
        let x: SmallVec<[usize; 4]> = source.operands_at(v).collect();
        if let Op::Leaf(leaf) = &node.op {
            return Some(match leaf {
                Leaf::Input { batch_axis: Some(axis), .. } => Sharding::Sharded { axis: *axis, outer: 1 },
                _ => Sharding::Replicated,
            });
        }
        if x.iter().all(|&x| self.of[x] == Sharding::Replicated) {
            // A value that is broadcast or drawn along an axis of the batch's size can be sharded there. This is
            // correct for any such axis, and matches the other operands if it is the batch's.
            let shape = &node.ty.shape;
            let axis = (0..shape.len()).find(|&axis| shape[axis] == batch && repeats(source, v, axis));
            return Some(axis.map_or(Sharding::Replicated, |axis| Sharding::Sharded { axis, outer: 1 }));
        }
        if self.is_linear(source, &node.op, &x) {
            return Some(Sharding::PartialSum);
        }
        match &node.op {
            op if op.class().is_elementwise() => self.pointwise(source, v, &x),
            Op::MatMul(op) => self.product(source, *op, x[0], x[1], node.ty.shape.len()),
            Op::Concat(_) | Op::Stack(_) => self.beside(source, &node.op, &x),
            // A table of all rows, indexed by a shard.
            Op::Gather(Gather) if self.of[x[0]] == Sharding::Replicated => Some(self.of[x[1]]),
            _ => self.of_one(source, v, &x, batch),
        }
    }

    /// Whether the result is a partial sum: the op is linear in its partial sums, and nothing else is sharded.
    ///
    /// A zero counts as a partial sum, if it has the full size.
    fn is_linear(&self, source: &Graph, op: &Op, x: &[usize]) -> bool {
        let Some(operator) = op.operator() else { return false };
        let part = |x: usize| self.of[x] == Sharding::PartialSum;
        let zero = |x: usize| self.of[x] == Sharding::Replicated && is_zero(source, x);
        let whole = |x: usize| self.of[x] == Sharding::Replicated;
        let linear_in = |varies: &dyn Fn(usize) -> bool| {
            let varying: SmallVec<[bool; 4]> = x.iter().map(|&x| varies(x)).collect();
            x.iter().all(|&x| varies(x) || whole(x)) && operator.is_linear(&varying)
        };
        x.iter().any(|&x| part(x)) && (linear_in(&part) || linear_in(&|x| part(x) || zero(x)))
    }

    /// For an elementwise op: all sharded operands are sharded along one axis of the result.
    fn pointwise(&self, source: &Graph, v: usize, x: &[usize]) -> Option<Sharding> {
        let rank = source.at(v).ty.shape.len();
        let theirs = |x: usize| source.at(x).ty.shape.len();
        let mut sharding = None;
        for &x in x {
            match self.of[x] {
                Sharding::PartialSum => return None,
                Sharding::Sharded { axis, outer } => {
                    let own = Sharding::Sharded { axis: axis + rank - theirs(x), outer };
                    if *sharding.get_or_insert(own) != own {
                        return None;
                    }
                }
                Sharding::Replicated => {}
            }
        }
        let Some(Sharding::Sharded { axis, outer }) = sharding else { return None };
        let fits =
            |x: usize| (axis + theirs(x)).checked_sub(rank).is_none_or(|own| self.can_cut(source, x, own));
        let mut same = x.iter().copied().filter(|&x| self.of[x] == Sharding::Replicated);
        same.all(fits).then_some(Sharding::Sharded { axis, outer })
    }

    /// For a product: rows of A are rows of the result, columns of B its columns; a sharded inner axis gives a
    /// partial sum.
    fn product(&self, source: &Graph, op: MatMul, a: usize, b: usize, rank: usize) -> Option<Sharding> {
        let MatMul { a_transposed: ta, b_transposed: tb } = op;
        let (rank_a, rank_b) = (source.at(a).ty.shape.len(), source.at(b).ty.shape.len());
        let (m, k) = if ta { (rank_a - 1, rank_a - 2) } else { (rank_a - 2, rank_a - 1) };
        let (k_b, n) = if tb { (rank_b - 1, rank_b - 2) } else { (rank_b - 2, rank_b - 1) };
        match (self.of[a], self.of[b]) {
            (Sharding::Sharded { axis, outer }, Sharding::Replicated) if axis == m => {
                Some(Sharding::Sharded { axis: rank - 2, outer })
            }
            (Sharding::Replicated, Sharding::Sharded { axis, outer }) if axis == n => {
                Some(Sharding::Sharded { axis: rank - 1, outer })
            }
            (Sharding::Sharded { axis: i, outer: p }, Sharding::Sharded { axis: j, outer: q }) => {
                (i == k && j == k_b && p == q && rank == 2).then_some(Sharding::PartialSum)
            }
            (Sharding::Sharded { axis, outer: 1 }, Sharding::Replicated) => {
                (axis + 2 < rank_a && rank_b == 2).then_some(Sharding::Sharded { axis, outer: 1 })
            }
            _ => None,
        }
    }

    /// For a concatenation: all operands are sharded alike, along another axis.
    fn beside(&self, source: &Graph, op: &Op, x: &[usize]) -> Option<Sharding> {
        let rows =
            x.iter().map(|&x| self.of[x]).find(|sharding| matches!(sharding, Sharding::Sharded { .. }))?;
        let Sharding::Sharded { axis, outer } = rows else { return None };
        let alike = |&x: &usize| {
            self.of[x] == rows || self.of[x] == Sharding::Replicated && self.can_cut(source, x, axis)
        };
        if !x.iter().all(alike) {
            return None;
        }
        match op {
            Op::Concat(Concat { axis: over }) => (*over != axis).then_some(rows),
            Op::Stack(Stack { axis: new }) if *new <= axis => {
                Some(Sharding::Sharded { axis: axis + 1, outer })
            }
            _ => Some(rows),
        }
    }

    /// For an op with a sharded first operand.
    fn of_one(&self, source: &Graph, v: usize, x: &[usize], batch: usize) -> Option<Sharding> {
        let Sharding::Sharded { axis, outer } = self.of[x[0]] else { return None };
        let (theirs, shape) = (&source.at(x[0]).ty.shape, &source.at(v).ty.shape);
        let at = |axis: usize| Some(Sharding::Sharded { axis, outer });
        // The position of the axis after others are removed.
        let without = |gone: &Axes| {
            let before = gone.iter().filter(|&a| a < axis).count();
            if gone.iter().any(|a| a == axis) { None } else { at(axis - before) }
        };
        let op = &source.at(v).op;
        match (op, op.class()) {
            // The sum of a shard is a partial sum.
            (Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)), _)
                if axes.iter().any(|a| a == axis) =>
            {
                Some(Sharding::PartialSum)
            }
            (_, Class::Reduction(axes)) => without(&axes),
            (_, Class::Lines(over) | Class::Movement(Some(over))) => (over != axis).then(|| at(axis))?,
            (Op::Broadcast(_), _) => at(axis + shape.len() - theirs.len()),
            (Op::Reshape(_), _) => reshaped(theirs, shape, axis, outer, batch),
            (Op::Transpose(Transpose { order }), _) => at(order.iter().position(|&a| a == axis)?),
            (Op::OneHot(_), _) => at(axis),
            (Op::ScatterAdd(_), _) => {
                let numbers = source.at(x[1]).ty.shape.len();
                (self.of[x[0]] == self.of[x[1]] && axis < numbers).then_some(Sharding::PartialSum)
            }
            _ => None,
        }
    }

    /// Whether a replicated value can be sliced to a shard along an axis: whether all its operands with that axis are
    /// elementwise.
    fn can_cut(&self, source: &Graph, x: usize, axis: usize) -> bool {
        let (mut seen, mut stack) = (HashSet::new(), vec![(x, axis)]);
        while let Some((x, axis)) = stack.pop() {
            let shape = &source.at(x).ty.shape;
            if shape[axis] == 1 || !seen.insert((x, axis)) {
                continue;
            }
            let op = &source.at(x).op;
            if self.global[x] || !(op.class().is_elementwise() || matches!(op, Op::Broadcast(_))) {
                return false;
            }
            let own = |y: usize| (axis + source.at(y).ty.shape.len()).checked_sub(shape.len());
            stack.extend(source.operands_at(x).filter_map(|y| Some((y, own(y)?))));
        }
        true
    }
}

/// The operand of a broadcast: each shard can broadcast it itself.
fn unrepeated(source: &Graph, mut x: usize) -> usize {
    while let (Op::Broadcast(_), Some(of)) = (&source.at(x).op, source.operands_at(x).next()) {
        x = of;
    }
    x
}

/// Whether a node is broadcast along an axis, or a dropout mask.
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

/// Whether a node is zero everywhere: a partial sum of zero.
fn is_zero(source: &Graph, x: usize) -> bool {
    match &source.at(x).op {
        Op::Leaf(Leaf::Constant(value)) => matches!(&**value, Value::Float(a) if a.iter().all(|&x| x == 0.0)),
        Op::Broadcast(_) | Op::Reshape(_) => source.operands_at(x).next().is_some_and(|x| is_zero(source, x)),
        _ => false,
    }
}

/// The sharding of a reshape: the batch axis is unchanged, or merged with the axes before it.
fn reshaped(from: &[usize], to: &[usize], axis: usize, outer: usize, batch: usize) -> Option<Sharding> {
    let before: usize = from[..axis].iter().product();
    let (want, mut seen) = (before * outer, 1);
    // `want` batches precede the first repeated row: the axis at which they are complete holds the rows.
    for (i, &n) in to.iter().enumerate() {
        if seen <= want && want.is_multiple_of(seen) && n == want / seen * batch {
            let tail: usize = to[i + 1..].iter().product();
            let own: usize = from[axis + 1..].iter().product();
            return (tail == own).then_some(Sharding::Sharded { axis: i, outer: want / seen });
        }
        seen *= n;
    }
    None
}
