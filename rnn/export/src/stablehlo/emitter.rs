//! Writes nodes as values: on demand, in graph order, loops as loops.

use super::columns::same_constants;
use super::element::Element;
use super::loops::{Home, Plan};
use super::ops;
use super::writer::{Val, Writer};
use crate::program::{ExportError, Output, Program, Real, Role};
use autograd::ops::{Leaf, Op};
use autograd::{NodeId, Shape};
use std::collections::{HashMap, HashSet};

/// The values of a program's nodes written so far.
pub(super) struct Emitter<'p> {
    pub program: &'p Program,
    pub plan: Plan<'p>,
    pub real: Real,
    pub w: Writer,
    /// By node.
    pub values: Vec<Option<Val>>,
    /// By loop and position in the row: the values of all rows, stacked along the first axis.
    pub stacks: HashMap<(usize, usize), Val>,
    /// By loop and position: the value of the last row.
    pub lasts: HashMap<(usize, usize), Val>,
    /// By loop and sum: the loop's contribution.
    pub sums: HashMap<(usize, NodeId, Shape), Val>,
    pub wants: Wants,
}

/// The reads of loop values from outside.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Loop and position: a row other than the last is read.
    pub stacked: HashSet<(usize, usize)>,
    /// Loop and position: the last row is read.
    pub last: HashSet<(usize, usize)>,
    /// By loop: the sums over all rows of a position, and the position.
    pub summed: HashMap<usize, Vec<(NodeId, usize)>>,
}

impl Wants {
    fn of(program: &Program, plan: &Plan) -> Self {
        let mut wants = Self::default();
        for id in program.nodes() {
            let home = plan.home(id);
            let outside = |x: &NodeId| plan.home(*x).filter(|x| home.is_none_or(|home| home.of != x.of));
            let read: Vec<Home> = plan.operands(id).iter().filter_map(outside).collect();
            if home.is_none() && matches!(plan.op(id), Op::Add(_)) {
                wants.add_to(id, &read, plan);
            } else if !matches!(plan.op(id), Op::StopGradient(_)) {
                read.into_iter().for_each(|x| wants.read(x, plan));
            }
        }
        for result in &program.results {
            if let Some(home) = plan.home(plan.resolve(result.id)) {
                wants.read(home, plan);
            }
        }
        wants
    }

    fn read(&mut self, x: Home, plan: &Plan) {
        let last = x.row + 1 == plan.loops[x.of].rows;
        if last { &mut self.last } else { &mut self.stacked }.insert((x.of, x.place));
    }

    /// Records how a sum reads loops: if it takes all rows of a position, the loop accumulates them.
    fn add_to(&mut self, sum: NodeId, read: &[Home], plan: &Plan) {
        let mut rows: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        read.iter().for_each(|x| rows.entry((x.of, x.place)).or_default().push(x.row));
        let whole = |of: usize, rows: &[usize]| {
            let distinct: HashSet<&usize> = rows.iter().collect();
            rows.len() == plan.loops[of].rows && distinct.len() == rows.len()
        };
        for x in read {
            if !whole(x.of, &rows[&(x.of, x.place)]) {
                self.read(*x, plan);
            } else if x.row == 0 {
                self.summed.entry(x.of).or_default().push((sum, x.place));
            }
        }
    }
}

impl<'p> Emitter<'p> {
    pub fn new(program: &'p Program, plan: Plan<'p>, real: Real) -> Self {
        let wants = Wants::of(program, &plan);
        Self {
            program,
            real,
            w: Writer::new(Element::of(autograd::Kind::Float, real)),
            values: vec![None; plan.graph.len()],
            stacks: HashMap::new(),
            lasts: HashMap::new(),
            sums: HashMap::new(),
            wants,
            plan,
        }
    }

    /// Writes everything, and returns the results.
    pub fn run(&mut self, arguments: Vec<Val>) -> Result<Vec<Val>, ExportError> {
        for (argument, value) in self.program.arguments.iter().zip(arguments) {
            self.values[argument.id.index()] = Some(value);
        }
        let (mut k, mut next) = (0, 0);
        while k < self.plan.sequence.len() {
            if self.plan.loops.get(next).is_some_and(|l| l.start == k) {
                self.loop_of(next)?;
                k = self.plan.loops[next].end();
                next += 1;
                continue;
            }
            let id = self.plan.sequence[k];
            if !self.plan.is_view(id) {
                self.node(id)?;
            }
            k += 1;
        }
        let program = self.program;
        program.results.iter().map(|result| self.result(result)).collect()
    }

    fn result(&mut self, result: &Output) -> Result<Val, ExportError> {
        let value = self.value(result.id)?;
        let Role::Counted(_) = result.role else { return Ok(value) };
        self.locate(result.id);
        let one = self.w.whole(1, value.element);
        Ok(self.w.binary("add", &value, &one))
    }

    /// The value of a node, outside loops.
    pub fn value(&mut self, id: NodeId) -> Result<Val, ExportError> {
        let id = self.plan.resolve(id);
        if let Some(known) = &self.values[id.index()] {
            return Ok(known.clone());
        }
        let value = match (self.plan.op(id), self.plan.home(id)) {
            (Op::Leaf(Leaf::Constant(value)), _) => {
                // Not stored: a constant that is written in a loop is not visible outside.
                self.locate(id);
                return Ok(self.w.constant(value, self.element(id)));
            }
            (_, Some(home)) => self.row(id, home),
            _ => {
                self.node(id)?;
                return self.value(id);
            }
        };
        self.values[id.index()] = Some(value.clone());
        Ok(value)
    }

    /// One row of a finished loop.
    fn row(&mut self, id: NodeId, home: Home) -> Val {
        let key = (home.of, home.place);
        if let (Some(last), true) = (self.lasts.get(&key), home.row + 1 == self.plan.loops[home.of].rows) {
            return last.clone();
        }
        self.locate(id);
        let stack = self.stacks[&key].clone();
        let row = self.w.slice(&stack, 0, home.row, home.row + 1, 1);
        self.w.reshape(&row, &stack.shape[1..])
    }

    /// Writes a node outside loops.
    fn node(&mut self, id: NodeId) -> Result<(), ExportError> {
        let operands = self.plan.operands(id);
        let value = match self.plan.op(id) {
            Op::Add(_) if operands.len() > 2 => self.total(id, &operands)?,
            Op::Stack(op) if operands.len() > 2 => {
                let all = self.column(&operands)?;
                self.locate(id);
                let order = first_axis_to(op.axis, all.shape.len());
                self.w.transpose(&all, &order)
            }
            Op::Concat(op) if operands.len() > 2 && self.of_one_type(&operands) => {
                let all = self.column(&operands)?;
                self.locate(id);
                let order = first_axis_to(op.axis, all.shape.len());
                let all = self.w.transpose(&all, &order);
                let (axis, shape) = (op.axis, all.shape.without(op.axis));
                let shape = shape.resized(axis, all.shape[axis] * shape[axis]);
                self.w.reshape(&all, &shape)
            }
            op => {
                let operands = operands.iter().map(|&x| self.value(x)).collect::<Result<Vec<_>, _>>()?;
                self.locate(id);
                self.op(id, op, &operands)?
            }
        };
        self.values[id.index()] = Some(value);
        Ok(())
    }

    /// Writes an op.
    pub fn op(&mut self, id: NodeId, op: &Op, operands: &[Val]) -> Result<Val, ExportError> {
        if let Some(&collective) = self.program.collectives.get(&id) {
            return Ok(self.collective(collective, &operands[0]));
        }
        let shape = &self.program.graph.node(id)?.ty.shape;
        ops::write(&mut self.w, op, shape, operands).ok_or_else(|| ExportError::Custom {
            node: self.program.graph.name(id).unwrap_or_default(),
            op: op.name().into(),
        })
    }

    /// A sum of many terms: those accumulated by loops, and the rest.
    fn total(&mut self, id: NodeId, operands: &[NodeId]) -> Result<Val, ExportError> {
        let (mut parts, mut rest, mut taken) = (Vec::new(), Vec::new(), HashSet::new());
        for &x in operands {
            let key = self.plan.home(x).map(|home| (home.of, id, self.shape(x)));
            match key.filter(|key| self.sums.contains_key(key) && self.is_summed(id, x)) {
                Some(key) => {
                    if taken.insert(key.clone()) {
                        parts.push(self.sums[&key].clone());
                    }
                }
                None => rest.push(x),
            }
        }
        for piece in self.pieces(&rest) {
            if piece.len() > 2 && self.of_one_type(&piece) {
                let all = self.column(&piece)?;
                self.locate(id);
                parts.push(self.w.reduce("add", &all, &[0], 0.0));
            } else {
                for x in piece {
                    parts.push(self.value(x)?);
                }
            }
        }
        self.locate(id);
        Ok(self.w.sum(&parts))
    }

    fn is_summed(&self, sum: NodeId, x: NodeId) -> bool {
        let home = self.plan.home(x);
        home.is_some_and(|home| {
            self.wants.summed.get(&home.of).is_some_and(|all| all.contains(&(sum, home.place)))
        })
    }

    pub fn of_one_type(&self, all: &[NodeId]) -> bool {
        all.iter().all(|&x| self.shape(x) == self.shape(all[0]))
    }

    pub fn shape(&self, id: NodeId) -> Shape {
        self.program.graph.node(id).map_or_else(|_| Shape::scalar(), |node| node.ty.shape.clone())
    }

    pub fn element(&self, id: NodeId) -> Element {
        let kind = self.program.graph.node(id).map_or(autograd::Kind::Float, |node| node.ty.kind);
        Element::of(kind, self.real)
    }

    /// Names the operations that follow after this node.
    pub fn locate(&mut self, id: NodeId) {
        self.w.locate(&self.program.graph.name(id).unwrap_or_default());
    }

    /// Whether all are equal constants.
    pub fn is_one_constant(&self, all: &[NodeId]) -> bool {
        same_constants(all.iter().map(|&x| self.plan.op(x)))
    }
}

/// The permutation that moves the first axis to a position.
fn first_axis_to(axis: usize, rank: usize) -> Vec<usize> {
    (1..=axis).chain([0]).chain(axis + 1..rank).collect()
}
