//! One step of a cell: evaluates its equations in the graph.

use super::EquationCell;
use super::ast::{At, Expr, Function, Operation};
use super::formula::softplus_inverse;
use super::once;
use crate::cell::{Step, Weights};
use crate::unroll::chosen;
use autograd::ops::Op;
use autograd::{Builder, Expr as Node, IntoExpr};
use ndarray::arr0;
use std::collections::HashMap;

/// An intermediate value: a number or truth value known when the graph is built, or a node.
#[derive(Clone, Copy)]
pub(super) enum Value<'g> {
    Number(f64),
    Truth(bool),
    Node(Node<'g>),
}

/// The equations of one step.
pub(super) struct Equations<'a, 'g> {
    pub cell: &'a EquationCell,
    pub g: &'g Builder,
    pub w: &'a Weights<'g>,
    /// The states, in the order of [`EquationCell::kept`].
    pub past: &'a [Node<'g>],
    pub x: Node<'g>,
    pub t: &'a Step<'g>,
    /// The number of masks drawn so far.
    pub drawn: std::cell::Cell<usize>,
    /// The sequences of this step so far. A linear search is faster than hashing for so few.
    pub made: Vec<(&'a str, Node<'g>)>,
    /// Arguments of functions: each is evaluated once.
    pub arguments: HashMap<usize, Value<'g>>,
    /// Whether a choice by the number of the step is one in the graph.
    pub keeps_choices: bool,
}

impl<'a, 'g> Equations<'a, 'g> {
    pub fn value(&mut self, expr: &'a At<Expr>) -> Value<'g> {
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
            // Calls are expanded, loops unrolled and matrices lowered when the file is read.
            _ => Value::Node(self.g.poison()),
        }
    }

    /// A sequence at a lag.
    pub fn sequence(&self, name: &str, lag: usize) -> Node<'g> {
        let found = match lag {
            0 if name == "x" => Some(self.x),
            0 => self.made.iter().find(|(made, _)| *made == name).map(|(_, node)| *node),
            _ => {
                let place = self.cell.kept.iter().position(|(kept, l)| *l == lag && kept == name);
                place.and_then(|place| self.past.get(place).copied())
            }
        };
        // Names were resolved, so every read has a value.
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
    pub fn sample(&self, value: Value<'g>) -> Node<'g> {
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
            let value = operation.of_numbers(a, b);
            return match operation {
                Add | Subtract | Multiply | Divide => Value::Number(value),
                Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual => Value::Truth(value != 0.0),
            };
        }
        Value::Node(binary(operation, self.node(a), self.node(b)))
    }

    fn call(&self, function: Function, arguments: &[Value<'g>]) -> Value<'g> {
        if let Some(known) = known(function, arguments) {
            return known;
        }
        if function.drops() {
            return self.dropped(function, arguments);
        }
        let nodes: Vec<Node> = arguments.iter().map(|&a| self.node(a)).collect();
        let a = nodes[0];
        Value::Node(match function {
            Function::SoftplusInverse => once::softplus_inverse(a),
            Function::Silu => a.silu(),
            Function::Gelu => a.gelu(),
            Function::Min => a.min(nodes[1]),
            Function::Max => a.max(nodes[1]),
            Function::Mod => a.modulo(nodes[1]),
            Function::Where => match arguments[0] {
                Value::Truth(truth) if self.keeps_choices => chosen(truth, nodes[1], nodes[2]),
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
            // The value of the first operand with the derivative of the second.
            Function::Backward => a.stop_gradient() + (nodes[1] - nodes[1].stop_gradient()),
            // Matrices are lowered when the file is read; random and parameter functions are not allowed in
            // equations; dropout is handled above.
            Function::Outer
            | Function::Transpose
            | Function::Uniform
            | Function::LogUniform
            | Function::Normal
            | Function::Expm
            | Function::Cayley
            | Function::Dropout
            | Function::LockedDropout => self.g.poison(),
            other => a.apply(other.op().expect("every other function is an op of the engine").clone()),
        })
    }

    /// Applies dropout in training, with a mask of this step or, if locked, of all steps.
    fn dropped(&self, function: Function, arguments: &[Value<'g>]) -> Value<'g> {
        let number = self.drawn.replace(self.drawn.get() + 1);
        let (Some(noise), &[a, Value::Number(rate)]) = (self.t.noise(), arguments) else {
            return arguments[0];
        };
        let a = self.sample(a);
        let step = if function == Function::Dropout { self.t.place() } else { 0 };
        // Offset past the masks of parameters.
        Value::Node(a * noise.mask(a.shape(), rate, step, number + (1 << 15)))
    }
}

/// Applies a binary operator to two nodes.
pub(super) fn binary<'g>(operation: Operation, a: Node<'g>, b: Node<'g>) -> Node<'g> {
    match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Less => a.less(b),
        Operation::LessEqual => a.less_equal(b),
        Operation::Greater => a.greater(b),
        Operation::GreaterEqual => a.greater_equal(b),
        Operation::Equal => a.equals(b),
        Operation::NotEqual => a.not_equals(b),
    }
}

/// Evaluates a function of numbers that are known when the graph is built.
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
            Self::SoftplusInverse => softplus_inverse(number(0)?),
            Self::Min => number(0)?.min(number(1)?),
            Self::Max => number(0)?.max(number(1)?),
            Self::Mod => number(0)? - number(1)? * (number(0)? / number(1)?).floor(),
            _ => return None,
        })
    }
}
