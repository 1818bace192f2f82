//! A cell file as a [`Cell`]: its weights, its states, and its step in the graph.

use super::ast::{At, Expr, Function, Operation};
use super::expand::reads_step;
use super::formula::Formula;
use super::names::{Beginning, Names, walk};
use super::once::Once;
use super::shape::Shape;
use super::shapes::Shapes;
use super::size::Size;
use super::step::Equations;
use crate::cell::{Cell, Clock, Lane, Next, Noise, Part, Role, State, Step, Weight, Weights};
use crate::init::{self, First};
use autograd::{Builder, Expr as Node};
use std::collections::HashMap;

/// The maximum number of elements of a fixed parameter: it is stored in the graph as a constant.
const MOST_FIXED: usize = 1 << 24;

/// A cell read from equations.
#[derive(Debug)]
pub struct EquationCell {
    pub(super) file: super::ast::File,
    pub(super) text: String,
    pub(super) names: Names,
    pub(super) shapes: Shapes,
    pub(super) constants: HashMap<String, f64>,
    /// The states: sequences read at earlier steps, each with its lag.
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
        let others = self
            .names
            .parameters
            .iter()
            .map(|p| p.is.as_str())
            .filter(|name| !packed(name) && self.is_learned(name));
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
        let numbers = |shape: &Vec<usize>| shape.iter().product::<usize>();
        let fixed = self.fixed_shapes(input, hidden).into_iter();
        if let Some((name, shape)) = fixed.into_iter().find(|(_, shape)| numbers(shape) > MOST_FIXED) {
            return Err(format!(
                "the fixed `{name}` of the cell `{cell}` is {shape:?} for input {input} and hidden {hidden}, which is more than {MOST_FIXED} numbers"
            ));
        }
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
        // The output's size does not depend on the input's: `check_output` ensures it.
        self.features(&self.names.output, hidden, hidden)
    }

    fn drops(&self) -> bool {
        let mut drops = false;
        for (_, value) in self.names.equations.iter().chain(&self.names.lets) {
            walk(value, &mut |e| drops |= matches!(e.is, Expr::Call(function, _) if function.drops()));
        }
        drops
    }

    fn prepare<'g>(&self, w: &Weights<'g>, input: usize, hidden: usize, lane: Lane<'g>) -> Weights<'g> {
        let mut named = self.fixed(w.builder(), input, hidden, lane.number);
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
        self.with_functions(Weights::new(w.builder(), named), lane.noise)
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Node<'g>, state: &[Node<'g>], t: &Step<'g>) -> Next<'g> {
        let mut step = Equations {
            cell: self,
            g: x.builder(),
            w,
            past: state,
            x,
            t,
            drawn: std::cell::Cell::new(0),
            made: Vec::with_capacity(self.names.equations.len()),
            arguments: HashMap::new(),
            keeps_choices: t.is_alike() && self.is_finite_everywhere(),
        };
        for (name, value) in &self.names.equations {
            let value = step.value(value);
            let value = step.sample(value).named(&name.is);
            step.made.push((&name.is, value));
        }
        // Lag 2 at the next step is lag 1 at this one.
        let states = self.kept.iter().map(|(name, lag)| step.sequence(name, lag - 1)).collect();
        Next { output: step.sequence(&self.names.output, 0), states }
    }
}

impl EquationCell {
    /// Whether no equation has a pole, at which an adjoint of zero would become NaN. Only then may both values of a choice
    /// be computed where one is wanted.
    fn is_finite_everywhere(&self) -> bool {
        let mut finite = true;
        let not_zero = |by: &At<Expr>| match &by.is {
            Expr::Number(n) => *n != 0.0,
            Expr::Name(name) => self.constants.get(name).is_some_and(|n| *n != 0.0),
            _ => false,
        };
        for (_, value) in &self.names.equations {
            walk(value, &mut |e| {
                finite &= match &e.is {
                    Expr::Call(Function::Mod, arguments) => not_zero(&arguments[1]),
                    Expr::Call(function, _) => function.is_finite_everywhere(),
                    Expr::Binary(Operation::Divide, _, by) => not_zero(by),
                    Expr::Power(_, n) => *n >= 0,
                    _ => true,
                };
            });
        }
        finite
    }

    /// The same cell with each parameter under its own name and with constants as scalar weights: the form for
    /// symbolic derivations. Returns the constants, in the order of the file.
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

    /// A parameter, or several stacked under one name.
    fn weight(&self, name: &str, members: &[&str], input: usize, hidden: usize) -> Weight {
        let rows: usize = members.iter().map(|m| self.rows(m, input, hidden)).sum();
        let columns = match self.shapes.parameters.get(members[0]) {
            Some(Shape::Matrix(_, columns)) => Some(columns.features(input, hidden).unwrap_or(1)),
            _ => None,
        };
        let part = |member: &&str| Part {
            name: (*member).into(),
            rows: self.rows(member, input, hidden),
            init: self.names.inits.get(*member).map(|(beginning, _)| match beginning {
                Beginning::Init(init) => First::Init(*init),
                Beginning::Formula(formula) => First::Formula(self.formula(formula, input, hidden).into()),
            }),
            forget_bias: self.forget_biases().iter().position(|b| b == member).map(|place| place == 0),
        };
        Weight {
            name: name.into(),
            shape: [rows].into_iter().chain(columns).collect(),
            role: if columns.is_none() { Role::Bias } else { self.role(members[0]) },
            parts: members.iter().map(part).collect(),
        }
    }

    /// The fixed parameters of a lane with their values. Random ones are a function of the constant `seed`, the lane
    /// and the name.
    fn fixed<'g>(&self, g: &'g Builder, input: usize, hidden: usize, lane: usize) -> Vec<(String, Node<'g>)> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a negative seed is 0
        let seed = self.constants.get("seed").map_or(0, |seed| *seed as u64);
        let value = |name: &String| {
            let (formula, _) = self.names.fixed.get(name)?;
            let shape = self.parameter_shape(name, input, hidden);
            let mut rng = init::rng(seed, &format!("{name}_{lane}"));
            let node = match self.formula(formula, input, hidden).draw(&shape, &mut rng) {
                Ok(value) => g.constant(value).named(name),
                Err(error) => g.refuse(format!("the fixed parameter `{name}`: {error}")),
            };
            Some((name.clone(), node))
        };
        self.names.parameters.iter().filter_map(|name| value(&name.is)).collect()
    }

    /// The same weights, and the results of the file's `let` lines.
    #[must_use]
    pub fn with_functions<'g>(&self, w: Weights<'g>, noise: Option<Noise<'g>>) -> Weights<'g> {
        if self.names.lets.is_empty() {
            return w;
        }
        let g = w.builder();
        let mut named: Vec<_> = w.iter().map(|(name, node)| (name.to_string(), node)).collect();
        let mut drawn = 0;
        for (name, value) in &self.names.lets {
            let once = Once { g, named: &named, constants: &self.constants, noise, drawn: drawn.into() };
            let value = once.value(value);
            drawn = once.drawn.get();
            named.push((name.is.clone(), value.named(&name.is)));
        }
        Weights::new(g, named)
    }

    /// Why a parameter is not learned; `None` if it is.
    pub fn unlearned(&self, name: &str) -> Option<&'static str> {
        match self.names.fixed.contains_key(name) {
            true => Some("fixed"),
            false if self.names.lets.iter().any(|(made, _)| made.is == name) => Some("of parameters"),
            false => None,
        }
    }

    fn is_learned(&self, name: &str) -> bool {
        self.unlearned(name).is_none()
    }

    /// The names of the fixed parameters, with their shapes at these sizes.
    pub fn fixed_shapes(&self, input: usize, hidden: usize) -> Vec<(&str, Vec<usize>)> {
        let names = self.names.parameters.iter().map(|name| name.is.as_str());
        let fixed = names.filter(|name| self.names.fixed.contains_key(*name));
        fixed.map(|name| (name, self.parameter_shape(name, input, hidden))).collect()
    }

    /// The names that `let` lines define, with their shapes at these sizes.
    pub fn made_shapes(&self, input: usize, hidden: usize) -> Vec<(&str, Vec<usize>)> {
        let names = self.names.lets.iter().map(|(name, _)| name.is.as_str());
        names.map(|name| (name, self.parameter_shape(name, input, hidden))).collect()
    }

    fn parameter_shape(&self, name: &str, input: usize, hidden: usize) -> Vec<usize> {
        let features = |size: &Size| size.features(input, hidden).unwrap_or(1);
        match self.shapes.parameters.get(name) {
            Some(Shape::Matrix(rows, columns)) => vec![features(rows), features(columns)],
            _ => vec![self.rows(name, input, hidden)],
        }
    }

    /// A formula with the values of its names.
    fn formula(&self, formula: &At<Expr>, input: usize, hidden: usize) -> Formula {
        let sizes = self.names.sizes.iter().map(|(name, size)| (name.as_str(), *size));
        let sizes = sizes.chain([("input", Size::INPUT), ("hidden", Size::HIDDEN)]);
        let number = |size: Size| size.features(input, hidden).map_or(f64::NAN, |n| n as f64);
        let sizes = sizes.map(|(name, size)| (name.to_string(), number(size)));
        let mut names: Vec<_> = self.constants.iter().map(|(n, c)| (n.clone(), *c)).chain(sizes).collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Formula { formula: formula.clone(), names }
    }

    /// A matrix whose operand reads the input and no state is an input matrix.
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

    /// The vectors added in the equation of the gate `f`.
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
        biases.retain(|b| {
            self.is_learned(b) && matches!(self.shapes.parameters.get(*b), Some(Shape::Vector(_)))
        });
        biases
    }
}
