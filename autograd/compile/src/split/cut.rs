//! The program of a shard: the graph for its rows of the batch.

use super::Sharding;
use super::shardings::Shardings;
use crate::narrow;
use crate::program::{NONE, Program};
use crate::provenance::Provenance;
use autograd::graph::{Graph, Origin, Role};
use autograd::ops::{Broadcast, DropoutMask, Leaf, Mul, Op, ReduceMean, ReduceSum, Reshape, Stack};
use autograd::{Shape, Type, Value};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// Writes the program of a shard.
pub(super) struct Cut<'a> {
    source: &'a Arc<Graph>,
    shardings: &'a Shardings,
    batch: usize,
    /// The number of rows of the shard.
    rows: usize,
    graph: Graph,
    of: Vec<Provenance>,
    place: Vec<u32>,
    /// Replicated values sliced to this shard, by node and axis.
    made: HashMap<(usize, usize), u32>,
}

impl<'a> Cut<'a> {
    pub fn program(
        source: &'a Arc<Graph>,
        outputs: &[usize],
        shardings: &'a Shardings,
        batch: usize,
        rows: usize,
    ) -> Program {
        let mut this = Self {
            source,
            shardings,
            batch,
            rows,
            graph: Graph::new(),
            of: Vec::new(),
            place: vec![NONE; source.len()],
            made: HashMap::new(),
        };
        for v in (0..source.len()).filter(|&v| shardings.live[v]) {
            this.place[v] = this.node(v);
        }
        let outputs = outputs.iter().map(|&y| this.place[y]).collect();
        Program { source: source.clone(), graph: this.graph, outputs, of: this.of }.without_dead()
    }

    /// A size along a sharded axis.
    fn size(&self, size: usize) -> usize {
        size / self.batch * self.rows
    }

    fn push(&mut self, v: usize, op: Op, ty: Type, operands: &[u32]) -> u32 {
        let place = self.source.at(v).origin.place;
        let origin = Origin { layer: None, name: None, step: None, ordinal: 0, role: Role::Forward, place };
        self.of.push(Provenance::One(narrow(v)));
        self.graph.push(op, ty, origin, operands)
    }

    fn add(&mut self, v: usize, op: Op, operands: &[u32]) -> u32 {
        let types: SmallVec<[Type; 4]> =
            operands.iter().map(|&x| self.graph.at(x as usize).ty.clone()).collect();
        let operator = op.operator().expect("leaves are written apart");
        // The shardings guarantee that the op accepts shards of its operands.
        let ty = operator.infer(&types).unwrap_or_else(|why| panic!("a shard of {}: {why}", op.name()));
        self.push(v, op, ty, operands)
    }

    fn node(&mut self, v: usize) -> u32 {
        let node = self.source.at(v);
        if self.shardings.global[v] {
            let leaf = Leaf::Input { name: format!("\0met {v}").into(), batch_axis: None };
            return self.push(v, Op::Leaf(leaf), node.ty.clone(), &[]);
        }
        let sharding = self.shardings.of[v];
        if let Op::Leaf(_) = &node.op {
            let shape = match sharding {
                Sharding::Sharded { axis, .. } => node.ty.shape.resized(axis, self.rows),
                _ => node.ty.shape.clone(),
            };
            return self.push(v, node.op.clone(), Type { shape, kind: node.ty.kind }, &[]);
        }
        let x: SmallVec<[usize; 4]> = self.source.operands_at(v).collect();
        let rank = node.ty.shape.len();
        let operands: SmallVec<[u32; 8]> = x
            .iter()
            .map(|&x| match (sharding, self.shardings.of[x], &node.op) {
                (Sharding::Sharded { axis, .. }, Sharding::Replicated, op)
                    if op.class().is_elementwise() || matches!(op, Op::Concat(_) | Op::Stack(_)) =>
                {
                    let theirs = self.source.at(x).ty.shape.len();
                    let axis = match op {
                        Op::Stack(Stack { axis: new }) if *new < axis => axis - 1,
                        _ => axis,
                    };
                    let rank = if matches!(op, Op::Stack(_)) { rank - 1 } else { rank };
                    match (axis + theirs).checked_sub(rank) {
                        Some(own) => self.shard(x, own),
                        None => self.place[x],
                    }
                }
                _ => self.place[x],
            })
            .collect();
        let rows = |shape: &Shape, this: &Self| match sharding {
            Sharding::Sharded { axis, .. } => shape.resized(axis, this.size(shape[axis])),
            _ => shape.clone(),
        };
        let op = match &node.op {
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: rows(shape, self) }.into(),
            Op::Reshape(Reshape { shape }) => Reshape { shape: rows(shape, self) }.into(),
            Op::DropoutMask(mask) => match sharding {
                Sharding::Sharded { axis, .. } => {
                    // Each shard adds its first row.
                    let part = Some((axis, 0, mask.shape[axis]));
                    DropoutMask { shape: rows(&mask.shape, self), part, ..mask.clone() }.into()
                }
                _ => mask.clone().into(),
            },
            // The mean of a shard is not a partial sum: its sum divided by the whole count is.
            Op::ReduceMean(ReduceMean(axes))
                if sharding == Sharding::PartialSum && self.shardings.of[x[0]] != Sharding::PartialSum =>
            {
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

    /// A replicated value sliced to this shard along an axis. Operands are written first, with an explicit stack,
    /// since the depth can be the length of a sequence.
    fn shard(&mut self, x: usize, axis: usize) -> u32 {
        let mut stack = vec![(x, axis)];
        while let Some(&(x, axis)) = stack.last() {
            if self.shared(x, axis).is_none() {
                let operands = self.operands_along(x, axis);
                let missing = operands.iter().filter_map(|&(y, own)| Some((y, own?)));
                let missing: Vec<_> = missing.filter(|&(y, own)| self.shared(y, own).is_none()).collect();
                if !missing.is_empty() {
                    stack.extend(missing);
                    continue;
                }
                self.make_share(x, axis, &operands);
            }
            stack.pop();
        }
        self.shared(x, axis).expect("it has just been made")
    }

    /// Such a value, if it exists; one that does not vary along the axis is unchanged.
    fn shared(&self, x: usize, axis: usize) -> Option<u32> {
        let same = self.source.at(x).ty.shape[axis] == 1 || self.shardings.global[x];
        if same { Some(self.place[x]) } else { self.made.get(&(x, axis)).copied() }
    }

    /// The operands, with their own index of that axis, if they have it.
    fn operands_along(&self, x: usize, axis: usize) -> SmallVec<[(usize, Option<usize>); 4]> {
        let rank = |x: usize| self.source.at(x).ty.shape.len();
        self.source.operands_at(x).map(|y| (y, (axis + rank(y)).checked_sub(rank(x)))).collect()
    }

    fn make_share(&mut self, x: usize, axis: usize, operands: &[(usize, Option<usize>)]) {
        let node = self.source.at(x);
        let size = self.size(node.ty.shape[axis]);
        let place = |&(y, own): &(usize, Option<usize>)| match own {
            Some(own) => self.shared(y, own).expect("operands are made first"),
            None => self.place[y],
        };
        let operands: SmallVec<[u32; 8]> = operands.iter().map(place).collect();
        let op = match &node.op {
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: shape.resized(axis, size) }.into(),
            op => op.clone(),
        };
        let made = self.add(x, op, &operands);
        self.made.insert((x, axis), made);
    }
}
