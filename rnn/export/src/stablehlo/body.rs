//! Writes a loop: one row of nodes as the body of `stablehlo.while`.
//!
//! Values that a row reads of the row before are carried. Values that vary with the row are read from an array by the
//! row number. Results read outside are stacked, or accumulated, or only the last is kept.

use super::element::Element;
use super::emitter::Emitter;
use super::loops::stride;
use super::writer::{Val, names, types};
use crate::program::ExportError;
use autograd::ops::Op;
use autograd::{NodeId, Shape};

/// The source of an operand in a row.
#[derive(Clone, Debug)]
enum Read {
    /// A position of the same row.
    Row(usize),
    /// A loop variable, by index.
    Carried(usize),
    /// A value from before the loop.
    Fixed(Val),
    /// A constant.
    Constant(NodeId),
    /// A column, by index, at the row number.
    Column(usize),
}

/// The update of a loop variable at the end of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// The value at a position of the row.
    Place(usize),
    /// Itself, with the value at a position inserted.
    Stack(usize),
    /// Itself plus the values at some positions.
    Sum(Vec<usize>),
}

/// A loop variable: its initial value, and its update.
#[derive(Debug)]
struct Variable {
    first: Val,
    next: Next,
}

impl Emitter<'_> {
    /// Writes a loop, and records its results.
    pub fn loop_of(&mut self, of: usize) -> Result<(), ExportError> {
        let period = self.plan.loops[of].period;
        let (mut variables, mut columns) = (Vec::new(), Vec::new());
        let reads = self.reads(of, &mut variables, &mut columns)?;
        let carried = variables.len();
        for place in 0..period {
            if self.wants.stacked.contains(&(of, place)) {
                let shape = self.local_shape(of, place).with_axis(0, self.plan.loops[of].rows);
                self.variable(&mut variables, of, place, &shape, Next::Stack(place));
            } else if self.wants.last.contains(&(of, place))
                && !variables.iter().any(|v| v.next == Next::Place(place))
            {
                let shape = self.local_shape(of, place);
                self.variable(&mut variables, of, place, &shape, Next::Place(place));
            }
        }
        let sums = self.sums_of(of);
        for (_, shape, places) in &sums {
            self.variable(&mut variables, of, places[0], shape, Next::Sum(places.clone()));
        }
        debug_assert!(carried <= variables.len());
        let results = self.while_loop(of, &reads, &variables, &columns)?;

        let mut sums = sums.into_iter();
        for (variable, result) in variables.into_iter().zip(results) {
            match variable.next {
                Next::Place(place) => {
                    self.lasts.insert((of, place), result);
                }
                Next::Stack(place) => {
                    self.stacks.insert((of, place), result);
                }
                Next::Sum(_) => {
                    if let Some((sum, shape, _)) = sums.next() {
                        self.sums.insert((of, sum, shape), result);
                    }
                }
            }
        }
        Ok(())
    }

    fn local_shape(&self, of: usize, place: usize) -> Shape {
        self.shape(self.plan.at(of, 0, place))
    }

    /// A variable that starts at zero.
    fn variable(
        &mut self,
        variables: &mut Vec<Variable>,
        of: usize,
        place: usize,
        shape: &Shape,
        next: Next,
    ) {
        let node = self.plan.at(of, 0, place);
        self.locate(node);
        let first = self.w.zeros(shape, self.element(node));
        variables.push(Variable { first, next });
    }

    /// The sums to which a loop contributes: each with its positions in the row, by shape.
    fn sums_of(&self, of: usize) -> Vec<(NodeId, Shape, Vec<usize>)> {
        let mut sums: Vec<(NodeId, Shape, Vec<usize>)> = Vec::new();
        for &(sum, place) in self.wants.summed.get(&of).into_iter().flatten() {
            let shape = self.local_shape(of, place);
            match sums.iter_mut().find(|(s, of, _)| (*s, of) == (sum, &shape)) {
                Some((.., places)) => places.push(place),
                None => sums.push((sum, shape, vec![place])),
            }
        }
        sums
    }

    /// For each position, the operands that the row reads there. Values from outside are written before the loop.
    fn reads(
        &mut self,
        of: usize,
        variables: &mut Vec<Variable>,
        columns: &mut Vec<Val>,
    ) -> Result<Vec<Vec<Read>>, ExportError> {
        let l = self.plan.loops[of];
        let mut carried: Vec<(usize, NodeId)> = Vec::new();
        let mut known: Vec<Vec<NodeId>> = Vec::new();
        let mut reads = Vec::with_capacity(l.period);
        for place in 0..l.period {
            let rows: Vec<Vec<NodeId>> =
                (0..l.rows).map(|row| self.plan.operands(self.plan.at(of, row, place))).collect();
            let mut read = Vec::with_capacity(rows[0].len());
            for slot in 0..rows[0].len() {
                let column: Vec<NodeId> = rows.iter().map(|row| row[slot]).collect();
                // In the first row every operand may come from outside; the second row decides.
                read.push(match self.plan.home(column[1]).filter(|home| home.of == of) {
                    Some(home) if home.row == 1 => Read::Row(home.place),
                    Some(home) => {
                        let key = (home.place, column[0]);
                        let number = carried.iter().position(|c| *c == key).unwrap_or(carried.len());
                        if number == carried.len() {
                            carried.push(key);
                            let first = self.value(column[0])?;
                            variables.push(Variable { first, next: Next::Place(home.place) });
                        }
                        Read::Carried(number)
                    }
                    None if self.is_one_constant(&column) => Read::Constant(column[0]),
                    None if column.iter().all(|&x| x == column[0]) => Read::Fixed(self.value(column[0])?),
                    None => {
                        let number = known.iter().position(|c| *c == column).unwrap_or(known.len());
                        if number == known.len() {
                            columns.push(self.column(&column)?);
                            known.push(column);
                        }
                        Read::Column(number)
                    }
                });
            }
            reads.push(read);
        }
        Ok(reads)
    }

    fn while_loop(
        &mut self,
        of: usize,
        reads: &[Vec<Read>],
        variables: &[Variable],
        columns: &[Val],
    ) -> Result<Vec<Val>, ExportError> {
        let rows = self.plan.loops[of].rows;
        self.locate(self.plan.at(of, 0, 0));
        let zero = self.w.whole(0, Element::I32);
        let first: Vec<Val> = [zero].into_iter().chain(variables.iter().map(|v| v.first.clone())).collect();
        let label = self.w.fresh().replace('%', "%w");
        let argument = |(k, v): (usize, &Val)| Val { name: format!("{label}_{k}"), ..v.clone() };
        let arguments: Vec<Val> = first.iter().enumerate().map(argument).collect();

        let outside = self.w.enter();
        let (row, variable) = (&arguments[0], &arguments[1..]);
        let done = self.row_body(of, reads, row, variable, columns)?;
        self.locate(self.plan.at(of, 0, 0));
        let one = self.w.whole(1, Element::I32);
        let mut next = vec![self.w.binary("add", row, &one)];
        for (v, old) in variables.iter().zip(variable) {
            next.push(match &v.next {
                Next::Place(place) => done[*place].clone(),
                Next::Sum(places) => {
                    let parts: Vec<Val> = places.iter().map(|&p| done[p].clone()).collect();
                    let part = self.w.sum(&parts);
                    self.w.binary("add", old, &part)
                }
                Next::Stack(place) => {
                    let value = &done[*place];
                    let value = self.w.reshape(value, &value.shape.with_axis(0, 1));
                    self.w.dynamic_update(old, &value, row)
                }
            });
        }
        self.w.line(&format!("stablehlo.return {} : {}", names(&next), types(&next)));
        let body = self.w.leave(outside);

        let pairs = arguments.iter().zip(&first).map(|(a, v)| format!("{} = {}", a.name, v.name));
        let (pairs, result) = (pairs.collect::<Vec<_>>().join(", "), self.w.fresh());
        self.w.line(&format!("{result}:{} = stablehlo.while({pairs}) : {}", first.len(), types(&first)));
        self.w.line("cond {");
        self.w.line(&format!("  {label}_n = stablehlo.constant dense<{rows}> : tensor<i32>"));
        self.w.line(&format!(
            "  {label}_c = stablehlo.compare LT, {}, {label}_n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>",
            row.name
        ));
        self.w.line(&format!("  stablehlo.return {label}_c : tensor<i1>"));
        self.w.line("} do {");
        self.w.raw(&body);
        self.locate(self.plan.at(of, 0, 0));
        self.w.located("}");
        let result = |(k, v): (usize, &Val)| Val { name: format!("{result}#{k}"), ..v.clone() };
        Ok(first.iter().enumerate().skip(1).map(result).collect())
    }

    /// Writes a row; returns its values by position.
    fn row_body(
        &mut self,
        of: usize,
        reads: &[Vec<Read>],
        row: &Val,
        variables: &[Val],
        columns: &[Val],
    ) -> Result<Vec<Val>, ExportError> {
        let mut done: Vec<Val> = Vec::with_capacity(reads.len());
        let mut taken: Vec<Option<Val>> = vec![None; columns.len()];
        for (place, read) in reads.iter().enumerate() {
            let [a, b] = [0, 1].map(|row| self.plan.at(of, row, place));
            self.locate_row(a);
            let mut operands = Vec::with_capacity(read.len());
            for read in read {
                operands.push(match read {
                    Read::Row(place) => done[*place].clone(),
                    Read::Carried(number) => variables[*number].clone(),
                    Read::Fixed(value) => value.clone(),
                    Read::Constant(id) => match self.plan.op(*id) {
                        Op::Leaf(autograd::ops::Leaf::Constant(value)) => {
                            self.w.constant(value, self.element(*id))
                        }
                        _ => unreachable!("it was found to be a constant"),
                    },
                    Read::Column(number) => {
                        if taken[*number].is_none() {
                            taken[*number] = Some(self.place_of(&columns[*number], 0, row));
                        }
                        taken[*number].clone().expect("it was taken just now")
                    }
                });
            }
            let step = stride(self.plan.op(a), self.plan.op(b)).unwrap_or(0);
            let value = if step == 0 {
                self.op(a, self.plan.op(a), &operands)?
            } else {
                self.moving(a, step, row, &operands)
            };
            done.push(value);
        }
        Ok(done)
    }

    /// An op with attributes that vary with the row.
    fn moving(&mut self, id: NodeId, step: i64, row: &Val, x: &[Val]) -> Val {
        match self.plan.op(id) {
            Op::At(op) => {
                let place = self.moved(row, op.place as u64, step, Element::I32);
                self.place_of(&x[0], op.axis, &place)
            }
            Op::Slice(op) => {
                let start = self.moved(row, op.start as u64, step, Element::I32);
                self.w.dynamic_slice(&x[0], op.axis, &start, op.end - op.start)
            }
            Op::DropoutMask(op) => {
                let stream = self.moved(row, op.stream, step, Element::U64);
                let shape = self.shape(id);
                super::dropout::mask(&mut self.w, op, &shape, &x[0], Some(stream))
            }
            _ => unreachable!("only these three move"),
        }
    }

    /// `start + row · step`
    fn moved(&mut self, row: &Val, start: u64, step: i64, element: Element) -> Val {
        let row = self.w.convert(row, element);
        let step = match element {
            Element::U64 => i128::from(step.cast_unsigned()),
            _ => i128::from(step),
        };
        let (start, step) = (self.w.whole(start, element), self.w.whole(step, element));
        let moved = self.w.binary("multiply", &row, &step);
        self.w.binary("add", &moved, &start)
    }

    /// One index of an axis, which is removed.
    fn place_of(&mut self, all: &Val, axis: usize, place: &Val) -> Val {
        let one = self.w.dynamic_slice(all, axis, place, 1);
        self.w.reshape(&one, &all.shape.without(axis))
    }

    /// The node's name with `t` for its step.
    fn locate_row(&mut self, id: NodeId) {
        let name = self.program.graph.name(id).unwrap_or_default();
        let mut parts = name.split('[');
        let mut general = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            general += if rest.starts_with(']') && rest.len() < part.len() { "[t" } else { "[" };
            general += if rest.starts_with(']') && rest.len() < part.len() { rest } else { part };
        }
        self.w.locate(&general);
    }
}
