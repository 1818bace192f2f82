//! The program of one shard of the batch.

use super::Collective;
use super::labels::{Form, Labels, Share};
use crate::program::{ExportError, Output, Program};
use autograd::graph::{Graph, Origin, Role};
use autograd::ops::{Broadcast, Custom, Leaf, Mul, Op, ReduceMean, ReduceSum, Reshape};
use autograd::{Type, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Writes the program that each device runs.
pub(super) fn program(program: &Program, labels: &Labels, devices: usize) -> Result<Program, ExportError> {
    let mut cut = Cut {
        source: &program.graph,
        labels,
        devices,
        graph: Graph::with_capacity(program.graph.len(), program.graph.links()),
        place: Vec::with_capacity(program.graph.len()),
        forms: HashMap::new(),
        collectives: HashMap::new(),
    };
    for v in 0..program.graph.len() {
        let place = if program.live[v] { cut.node(v) } else { cut.copy(v) };
        cut.place.push(place);
        // Written directly after the value, so that the steps of a loop stay alike.
        for &form in labels.forms.get(&v).into_iter().flatten() {
            let place = cut.formed(v, form);
            cut.forms.insert((v, form), place);
        }
    }
    let result = |r: &Output| {
        let v = r.id.index();
        let form = Form { summed: labels.share[v] == Share::Part, cut: None };
        Output { id: cut.graph.id(cut.used(v, form) as usize), ..r.clone() }
    };
    let results: Vec<Output> = program.results.iter().map(result).collect();
    let collectives: HashMap<_, _> =
        cut.collectives.iter().map(|(&place, &op)| (cut.graph.id(place as usize), op)).collect();
    let mut program = Program::new(&program.name, Arc::new(cut.graph), results)?;
    program.collectives = collectives;
    Ok(program)
}

struct Cut<'a> {
    source: &'a Graph,
    labels: &'a Labels,
    devices: usize,
    graph: Graph,
    /// The new position of each source node.
    place: Vec<u32>,
    /// The other forms in which a node is used.
    forms: HashMap<(usize, Form), u32>,
    collectives: HashMap<u32, Collective>,
}

impl Cut<'_> {
    /// The position of a node in a form.
    fn used(&self, v: usize, form: Form) -> u32 {
        if form == Form::default() { self.place[v] } else { self.forms[&(v, form)] }
    }

    fn origin(&self, v: usize) -> Origin {
        let origin = self.source.at(v).origin.clone();
        let place = |of: u32| self.place[of as usize];
        let role = match origin.role {
            Role::Forward => Role::Forward,
            Role::Adjoint { of, sweep } => Role::Adjoint { of: place(of), sweep },
            Role::Backward { of, sweep } => Role::Backward { of: place(of), sweep },
        };
        Origin { role, ..origin }
    }

    /// Applies an op to the device's shards of its operands.
    fn add(&mut self, v: usize, op: Op, operands: &[u32]) -> u32 {
        let types: Vec<Type> = operands.iter().map(|&x| self.graph.at(x as usize).ty.clone()).collect();
        let operator = op.operator().expect("leaves are written apart");
        // The labels guarantee that the op accepts shards of its operands.
        let ty = operator.infer(&types).unwrap_or_else(|why| panic!("a share of {}: {why}", op.name()));
        let origin = self.origin(v);
        self.graph.push(op, ty, origin, operands)
    }

    /// Copies a dead node, whose name other nodes may depend on.
    fn copy(&mut self, v: usize) -> u32 {
        let operands: Vec<u32> = self.source.operands_at(v).map(|x| self.place[x]).collect();
        let (node, origin) = (self.source.at(v), self.origin(v));
        self.graph.push(node.op.clone(), node.ty.clone(), origin, &operands)
    }

    fn node(&mut self, v: usize) -> u32 {
        let (node, share) = (self.source.at(v), self.labels.share[v]);
        let local = |shape: &autograd::Shape| match share {
            Share::Rows(axis) => shape.resized(axis, shape[axis] / self.devices),
            Share::Whole | Share::Part => shape.clone(),
        };
        if let Op::Leaf(_) = &node.op {
            let ty = Type { shape: local(&node.ty.shape), kind: node.ty.kind };
            let origin = self.origin(v);
            return self.graph.push(node.op.clone(), ty, origin, &[]);
        }
        let x: Vec<usize> = self.source.operands_at(v).collect();
        let operands: Vec<u32> =
            x.iter().enumerate().map(|(slot, &x)| self.used(x, self.labels.form(v, slot))).collect();
        let op = match &node.op {
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: local(shape) }.into(),
            Op::Reshape(Reshape { shape }) => Reshape { shape: local(shape) }.into(),
            // The mean of a shard is not a partial sum: its sum divided by the whole count is.
            Op::ReduceMean(ReduceMean(axes))
                if share == Share::Part && self.labels.share[x[0]] != Share::Part =>
            {
                let count: usize = axes.iter().map(|axis| self.source.at(x[0]).ty.shape[axis]).product();
                let sum = self.add(v, ReduceSum(axes.clone()).into(), &operands);
                let by = Value::Float(ndarray::arr0(1.0 / count as f64).into_dyn());
                let origin = self.origin(v);
                let by =
                    self.graph.push(Op::Leaf(Leaf::Constant(Arc::new(by))), Type::float([]), origin, &[]);
                return self.add(v, Mul.into(), &[sum, by]);
            }
            op => op.clone(),
        };
        self.add(v, op, &operands)
    }

    /// A node in another form.
    fn formed(&mut self, v: usize, form: Form) -> u32 {
        let node = self.source.at(v);
        let cut = form.cut.filter(|&axis| !matches!(node.op, Op::Broadcast(_)) || !self.repeats(v, axis));
        let all_reduce = Collective::AllReduce { devices: self.devices };
        let mut formed = self.place[v];
        if let Op::Broadcast(Broadcast { shape }) = &node.op {
            // A broadcast value is all-reduced before the broadcast, and broadcast to fewer rows.
            let of = self.graph.operands_at(formed as usize).next().expect("it has an operand");
            let mut of = u32::try_from(of).expect("as the graph counts");
            if form.summed {
                of = self.collective(v, all_reduce, of);
            }
            let shape = match form.cut {
                Some(axis) if cut.is_none() => shape.resized(axis, shape[axis] / self.devices),
                _ => shape.clone(),
            };
            formed = self.add(v, Broadcast { shape }.into(), &[of]);
        } else if form.summed {
            formed = self.collective(v, all_reduce, formed);
        }
        match cut {
            Some(axis) => self.collective(v, Collective::Cut { axis, devices: self.devices }, formed),
            None => formed,
        }
    }

    /// Whether a broadcast adds or extends an axis.
    fn repeats(&self, v: usize, axis: usize) -> bool {
        let rank = self.source.at(v).ty.shape.len();
        self.source.operands_at(v).next().is_some_and(|x| {
            let theirs = &self.source.at(x).ty.shape;
            (axis + theirs.len()).checked_sub(rank).is_none_or(|own| theirs[own] == 1)
        })
    }

    fn collective(&mut self, v: usize, op: Collective, x: u32) -> u32 {
        let place = self.add(v, Op::Custom(Custom(Arc::new(op))), &[x]);
        self.collectives.insert(place, op);
        place
    }
}
