//! A file as a cell: its weights, its states, and its step in the graph.

use super::ast::{At, Expr, Function, Operation};
use super::expand::reads_step;
use super::names::{Names, walk};
use super::shape::Shape;
use super::shapes::Shapes;
use crate::cell::{Cell, Clock, Next, Part, Role, State, Step, Weight, Weights};
use autograd::ops::Op;
use autograd::{Builder, Expr as Node, IntoExpr};
use ndarray::arr0;
use std::collections::HashMap;

/// A cell that was read from equations.
#[derive(Debug)]
pub struct EquationCell {
    pub(super) file: super::ast::File,
    pub(super) text: String,
    pub(super) names: Names,
    pub(super) shapes: Shapes,
    pub(super) constants: HashMap<String, f64>,
    /// What is read of earlier steps: a sequence, and how many steps back. These are the states.
    pub(super) kept: Vec<(String, usize)>,
}

impl Cell for EquationCell {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        let packed =
            |name: &str| self.names.packs.iter().any(|(_, parts)| parts.iter().any(|p| p.is == name));
        let packs = self.names.packs.iter().map(|(pack, parts)| {
            let members: Vec<&str> = parts.iter().map(|p| p.is.as_str()).collect();
            self.weight(&pack.is, &members, input, hidden)
        });
        let others = self.names.parameters.iter().map(|p| p.is.as_str()).filter(|name| !packed(name));
        packs.chain(others.map(|name| self.weight(name, &[name], input, hidden))).collect()
    }

    fn states(&self, input: usize, hidden: usize) -> Vec<State> {
        let state = |(name, lag): &(String, usize)| State {
            name: if *lag == 1 { name.clone() } else { format!("{name}-{lag}") },
            size: self.features(name, input, hidden),
            start: self.names.starts.get(name).map_or(0.0, |(start, _)| *start),
            of_input: name == "x" || self.shapes.sequences.get(name).is_some_and(|s| s.reads_input()),
        };
        self.kept.iter().map(state).collect()
    }

    fn fits(&self, input: usize, hidden: usize) -> Result<(), String> {
        let cell = &self.file.name.is;
        if self.names.joined && input != hidden {
            return Err(format!(
                "the cell `{cell}` requires input = hidden, and they are {input} and {hidden}"
            ));
        }
        let open = |shape: &Shape| match shape {
            Shape::Scalar => None,
            Shape::Vector(n) => Some(*n).filter(|n| n.features(input, hidden).is_none()),
            Shape::Matrix(r, c) => [*r, *c].into_iter().find(|n| n.features(input, hidden).is_none()),
        };
        let all = self.shapes.sequences.iter().chain(&self.shapes.parameters);
        match all
            .filter_map(|(name, shape)| Some((name, open(shape)?)))
            .min_by_key(|(name, _)| (*name).clone())
        {
            None => Ok(()),
            Some((name, size)) => Err(format!(
                "the size of `{name}` in the cell `{cell}` is {size}, which is no whole number from 1 to a million for input {input} and hidden {hidden}"
            )),
        }
    }

    fn clock(&self) -> Clock {
        let reads = self.names.equations.iter().any(|(_, value)| reads_step(value));
        match &self.names.restarts {
            _ if !reads => Clock::Unread,
            Some(_) => Clock::Restarts,
            None => Clock::GoesOn,
        }
    }

    fn output_size(&self, hidden: usize) -> usize {
        // The output's size does not depend on the input's: `check_output` sees to that.
        self.features(&self.names.output, hidden, hidden)
    }

    fn prepare<'g>(&self, w: &Weights<'g>, input: usize, hidden: usize) -> Weights<'g> {
        let mut named = Vec::new();
        for (name, weight) in w.iter() {
            let Some((_, parts)) = self.names.packs.iter().find(|(pack, _)| pack.is == name) else {
                named.push((name.to_string(), weight));
                continue;
            };
            if let [part] = &parts[..] {
                named.push((part.is.clone(), weight));
                continue;
            }
            let mut start = 0;
            for part in parts {
                let end = start + self.rows(&part.is, input, hidden);
                named.push((part.is.clone(), weight.slice(0, start..end).named(&part.is)));
                start = end;
            }
        }
        Weights::new(w.builder(), named)
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Node<'g>, state: &[Node<'g>], t: &Step<'g>) -> Next<'g> {
        let mut step = Equations {
            cell: self,
            g: x.builder(),
            w,
            past: state,
            x,
            t,
            made: Vec::with_capacity(self.names.equations.len()),
            arguments: HashMap::new(),
        };
        for (name, value) in &self.names.equations {
            let value = step.value(value);
            let value = step.sample(value).named(&name.is);
            step.made.push((&name.is, value));
        }
        // Two steps back from the next step is one step back from this one.
        let states = self.kept.iter().map(|(name, lag)| step.sequence(name, lag - 1)).collect();
        Next { output: step.sequence(&self.names.output, 0), states }
    }
}

impl EquationCell {
    /// The same cell with each parameter under its own name, and with constants that are weights of no axis: it is for
    /// reading. The constants are returned, in the order of the file.
    #[must_use]
    pub fn symbolic(mut self) -> (Self, Vec<(String, f64)>) {
        self.names.packs.clear();
        let constants = self.names.items.iter().filter_map(|item| match item {
            super::ast::Item::Const(name, _) => Some((name.is.clone(), *self.constants.get(&name.is)?)),
            _ => None,
        });
        let constants = constants.collect();
        self.constants.clear();
        (self, constants)
    }

    fn features(&self, sequence: &str, input: usize, hidden: usize) -> usize {
        match self.shapes.sequences.get(sequence) {
            Some(Shape::Vector(size)) => size.features(input, hidden).unwrap_or(1),
            _ => 1,
        }
    }

    fn rows(&self, parameter: &str, input: usize, hidden: usize) -> usize {
        match self.shapes.parameters.get(parameter) {
            Some(Shape::Vector(rows) | Shape::Matrix(rows, _)) => rows.features(input, hidden).unwrap_or(1),
            _ => 1,
        }
    }

    /// A parameter, or several that are stacked under one name.
    fn weight(&self, name: &str, members: &[&str], input: usize, hidden: usize) -> Weight {
        let rows: usize = members.iter().map(|m| self.rows(m, input, hidden)).sum();
        let columns = match self.shapes.parameters.get(members[0]) {
            Some(Shape::Matrix(_, columns)) => Some(columns.features(input, hidden).unwrap_or(1)),
            _ => None,
        };
        let part = |member: &&str| Part {
            name: (*member).into(),
            rows: self.rows(member, input, hidden),
            init: self.names.inits.get(*member).map(|(init, _)| *init),
            forget_bias: self.forget_biases().iter().position(|b| b == member).map(|place| place == 0),
        };
        Weight {
            name: name.into(),
            shape: [rows].into_iter().chain(columns).collect(),
            role: if columns.is_none() { Role::Bias } else { self.role(members[0]) },
            parts: members.iter().map(part).collect(),
        }
    }

    /// A matrix whose operand reads the input and no past is one of the input.
    fn role(&self, matrix: &str) -> Role {
        let mut role = Role::Recurrent;
        for (_, value) in &self.names.equations {
            walk(value, &mut |e| {
                if let Expr::Product(name, right) = &e.is
                    && name.is == matrix
                {
                    let (mut x, mut other) = (false, false);
                    walk(right, &mut |e| match &e.is {
                        Expr::Sequence(name, _) if name == "x" => x = true,
                        Expr::Sequence(..) => other = true,
                        _ => {}
                    });
                    role = if x && !other { Role::Input } else { Role::Recurrent };
                }
            });
        }
        role
    }

    /// The vectors that are added in the equation of the gate `f`.
    fn forget_biases(&self) -> Vec<&str> {
        fn added<'a>(expr: &'a At<Expr>, to: &mut Vec<&'a str>) {
            match &expr.is {
                Expr::Binary(Operation::Add, a, b) => {
                    added(a, to);
                    added(b, to);
                }
                Expr::Call(_, arguments) => arguments.iter().for_each(|a| added(a, to)),
                Expr::Body(a) | Expr::Argument(_, a) => added(a, to),
                Expr::Name(name) => to.push(name),
                _ => {}
            }
        }
        let mut biases = Vec::new();
        if let Some((_, value)) = self.names.equations.iter().find(|(name, _)| name.is == "f") {
            added(value, &mut biases);
        }
        biases.retain(|b| matches!(self.shapes.parameters.get(*b), Some(Shape::Vector(_))));
        biases
    }
}

/// A value on the way: a number or truth that is known when the graph is built, or a node.
#[derive(Clone, Copy)]
enum Value<'g> {
    Number(f64),
    Truth(bool),
    Node(Node<'g>),
}

/// The equations of one step.
struct Equations<'a, 'g> {
    cell: &'a EquationCell,
    g: &'g Builder,
    w: &'a Weights<'g>,
    /// What [`EquationCell::kept`] names.
    past: &'a [Node<'g>],
    x: Node<'g>,
    t: &'a Step<'g>,
    /// The sequences of this step so far. They are few: a walk finds a name sooner than a hash does.
    made: Vec<(&'a str, Node<'g>)>,
    /// Arguments of functions: each is made once.
    arguments: HashMap<usize, Value<'g>>,
}

impl<'a, 'g> Equations<'a, 'g> {
    fn value(&mut self, expr: &'a At<Expr>) -> Value<'g> {
        match &expr.is {
            Expr::Number(number) => Value::Number(*number),
            Expr::Step => match self.t.known() {
                Some(number) => Value::Number(number as f64),
                None => Value::Node(self.t.value(self.g)),
            },
            Expr::Name(name) => match self.cell.constants.get(name) {
                Some(&number) => Value::Number(number),
                None => Value::Node(self.w[name.as_str()]),
            },
            Expr::Sequence(name, lag) => Value::Node(self.sequence(name, *lag)),
            Expr::Product(matrix, right) => {
                let right = self.value(right);
                Value::Node(self.sample(right).linear(self.w[matrix.is.as_str()]))
            }
            Expr::Negative(a) => match self.value(a) {
                Value::Number(a) => Value::Number(-a),
                a => Value::Node(-self.node(a)),
            },
            Expr::Power(a, n) => match self.value(a) {
                Value::Number(a) => Value::Number(a.powi(*n)),
                a => Value::Node(self.node(a).powi(*n)),
            },
            Expr::Binary(operation, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                self.binary(*operation, a, b)
            }
            Expr::Call(function, arguments) => {
                let arguments: Vec<Value> = arguments.iter().map(|a| self.value(a)).collect();
                self.call(*function, &arguments)
            }
            Expr::Body(a) => self.value(a),
            Expr::Argument(number, a) => {
                let known = self.arguments.get(number).copied();
                let value = known.unwrap_or_else(|| self.value(a));
                self.arguments.insert(*number, value);
                value
            }
            Expr::Element(a, place, _) => {
                let whole = self.value(a);
                Value::Node(self.sample(whole).slice(1, place - 1..*place))
            }
            Expr::Portion(a, part, parts) => {
                let whole = self.value(a);
                let whole = self.sample(whole);
                let size = whole.shape().get(1).map_or(1, |features| features / parts);
                Value::Node(whole.slice(1, part * size..(part + 1) * size))
            }
            // Calls are expanded, loops written out and columns put for matrices when the file is read.
            _ => Value::Node(self.g.poison()),
        }
    }

    /// A sequence some steps back.
    fn sequence(&self, name: &str, lag: usize) -> Node<'g> {
        let found = match lag {
            0 if name == "x" => Some(self.x),
            0 => self.made.iter().find(|(made, _)| *made == name).map(|(_, node)| *node),
            _ => {
                let place = self.cell.kept.iter().position(|(kept, l)| *l == lag && kept == name);
                place.and_then(|place| self.past.get(place).copied())
            }
        };
        // A file whose names were found reads nothing that is not there.
        found.unwrap_or_else(|| self.g.poison())
    }

    fn node(&self, value: Value<'g>) -> Node<'g> {
        match value {
            Value::Number(number) => number.into_expr(self.g),
            Value::Truth(truth) => self.g.scalar(f64::from(truth)),
            Value::Node(node) => node,
        }
    }

    /// A value with an axis for the batch and one for features: `[batch, features]`.
    fn sample(&self, value: Value<'g>) -> Node<'g> {
        let node = self.node(value);
        let batch = self.x.shape().first().copied().unwrap_or(1);
        match node.shape()[..] {
            [] => node.broadcast_to([batch, 1]),
            [n] => node.broadcast_to([batch, n]),
            _ => node,
        }
    }

    fn binary(&self, operation: Operation, a: Value<'g>, b: Value<'g>) -> Value<'g> {
        use Operation::{
            Add, Divide, Equal, Greater, GreaterEqual, Less, LessEqual, Multiply, NotEqual, Subtract,
        };
        if let (Value::Number(a), Value::Number(b)) = (a, b) {
            #[allow(clippy::float_cmp)] // the file says `==`
            return match operation {
                Add => Value::Number(a + b),
                Subtract => Value::Number(a - b),
                Multiply => Value::Number(a * b),
                Divide => Value::Number(a / b),
                Less => Value::Truth(a < b),
                LessEqual => Value::Truth(a <= b),
                Greater => Value::Truth(a > b),
                GreaterEqual => Value::Truth(a >= b),
                Equal => Value::Truth(a == b),
                NotEqual => Value::Truth(a != b),
            };
        }
        let (a, b) = (self.node(a), self.node(b));
        Value::Node(match operation {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide => a / b,
            Less => a.less(b),
            LessEqual => a.less_equal(b),
            Greater => a.greater(b),
            GreaterEqual => a.greater_equal(b),
            Equal => a.equals(b),
            NotEqual => a.not_equals(b),
        })
    }

    fn call(&self, function: Function, arguments: &[Value<'g>]) -> Value<'g> {
        if let Some(known) = known(function, arguments) {
            return known;
        }
        let nodes: Vec<Node> = arguments.iter().map(|&a| self.node(a)).collect();
        let a = nodes[0];
        Value::Node(match function {
            Function::Silu => a.silu(),
            Function::Gelu => a.gelu(),
            Function::Min => a.min(nodes[1]),
            Function::Max => a.max(nodes[1]),
            Function::Mod => a.modulo(nodes[1]),
            Function::Where => match arguments[0] {
                Value::Truth(true) => nodes[1],
                Value::Truth(false) => nodes[2],
                _ => a.select(nodes[1], nodes[2]),
            },
            Function::Softmax => self.sample(arguments[0]).softmax(1),
            Function::Concat => {
                let parts: Vec<Node> = arguments.iter().map(|&a| self.sample(a)).collect();
                self.g.concat(1, &parts)
            }
            Function::Sum => self.sample(arguments[0]).sum_over([1]).insert_axis(1),
            Function::Mean => self.sample(arguments[0]).mean_over([1]).insert_axis(1),
            Function::Stop => a.stop_gradient(),
            // The value of the one with the derivative of the other.
            Function::Backward => a.stop_gradient() + (nodes[1] - nodes[1].stop_gradient()),
            // Columns are put for matrices when the file is read.
            Function::Outer | Function::Transpose => self.g.poison(),
            other => a.apply(other.op().expect("every other function is an op of the engine").clone()),
        })
    }
}

/// A function of numbers that are known when the graph is built.
fn known<'g>(function: Function, arguments: &[Value<'g>]) -> Option<Value<'g>> {
    let number = |value: &Value<'g>| if let Value::Number(number) = value { Some(*number) } else { None };
    let numbers = arguments.iter().map(number).collect::<Option<Vec<f64>>>()?;
    function.of_numbers(&numbers).map(Value::Number)
}

impl Function {
    /// Its value for numbers, if it has one.
    pub(super) fn of_numbers(self, numbers: &[f64]) -> Option<f64> {
        let number = |i: usize| numbers.get(i).copied();
        if let Some(op) = self.op().and_then(Op::operator) {
            let y = op.eval_f64(&[&arr0(number(0)?).into_dyn().into()]);
            return y.float().first().copied();
        }
        Some(match self {
            Self::Min => number(0)?.min(number(1)?),
            Self::Max => number(0)?.max(number(1)?),
            Self::Mod => number(0)? - number(1)? * (number(0)? / number(1)?).floor(),
            _ => return None,
        })
    }
}
