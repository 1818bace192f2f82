//! Evaluates every line at random values and compares it with the graph.

use super::net::{Net, count};
use super::{Derivation, DerivationError, arguments};
use autograd::ops::{Leaf, Op};
use autograd::{NodeId, Point, eval};
use autograd_view::math::{Form, Line, Math, Reader, Symbol, Time, Values, evaluate};
use ndarray::{Array2, ArrayD};
use rand::RngExt;
use rnn::init;
use std::collections::{HashMap, HashSet};

/// Enough steps for every module of a clockwork net to update.
const STEPS: usize = 17;

/// The values of all names at all steps.
struct Table {
    steps: i64,
    values: HashMap<(Symbol, bool), Array2<f64>>,
    /// The definitions of the letters.
    letters: Vec<(Symbol, Math)>,
}

impl Values for Table {
    /// Past the last step an adjoint is zero, and its factor is arbitrary.
    fn value(&self, name: &Symbol, adjoint: bool) -> Option<Array2<f64>> {
        let plain = Symbol { time: None, ..name.clone() };
        if let Some((_, math)) = self.letters.iter().find(|(letter, _)| *letter == plain) {
            let t = if let Some(Time::Step(t)) = name.time { t } else { 0 };
            return evaluate(math, t, self).ok();
        }
        let found = self.values.get(&(name.clone(), adjoint));
        let last = || self.values.get(&(name.clone().at_step(self.steps), false));
        let plain = || self.values.get(&(name.clone(), false)).or_else(last);
        match (found, adjoint) {
            (Some(value), _) => Some(value.clone()),
            (None, true) => plain().map(|value| Array2::zeros(value.dim())),
            (None, false) => last().cloned(),
        }
    }

    fn steps(&self) -> i64 {
        self.steps
    }
}

/// Checks at the sizes of the derivation, and at other sizes, at which every line must be the same: no formula may
/// depend on a size.
pub(super) fn worst(derivation: &Derivation, seed: u64) -> Result<f64, DerivationError> {
    let here = worst_at(derivation, seed)?;
    let Some(sizes) = derivation.sizes.others(&derivation.cell) else { return Ok(here) };
    let there = derivation.at(sizes)?;
    let known: HashSet<String> = there.lines().map(written).collect();
    if let Some(entry) = derivation.entries().find(|entry| !known.contains(&written(&entry.line))) {
        let (a, b) = (derivation.sizes.hidden, sizes.hidden);
        let reason = format!("it is written in one way for {a} units and in another for {b}");
        return Err(DerivationError::Check { name: entry.name.clone(), reason });
    }
    Ok(here.max(worst_at(&there, seed)?))
}

fn written(line: &Line) -> String {
    Form::Unicode.write(std::slice::from_ref(line))
}

fn worst_at(derivation: &Derivation, seed: u64) -> Result<f64, DerivationError> {
    let steps = derivation.steps.unwrap_or(STEPS.max(2 * derivation.memory() + 1));
    let net = derivation.net(steps)?;
    let reader = Reader::new(&net.graph).naming(arguments::names(&derivation.arguments, &net)?);
    let table = table(derivation, &net, &reader, seed)?;
    let mut worst = 0.0_f64;
    for entry in derivation.entries() {
        let error = |reason: String| DerivationError::Check { name: entry.name.clone(), reason };
        let (left, right) = (&entry.line.left, &entry.line.right);
        let mut any = false;
        left.each_name(&mut |name, _| any |= matches!(name.time, Some(Time::Lag(_))));
        for t in 1..=if any { table.steps } else { 1 } {
            let (is, says) =
                (evaluate(left, t, &table).map_err(error)?, evaluate(right, t, &table).map_err(error)?);
            let says = says
                .broadcast(is.dim())
                .ok_or_else(|| error(format!("it is {:?}, and the formula {:?}", is.dim(), says.dim())))?;
            for (is, says) in is.iter().zip(says) {
                if !is.is_finite() || !says.is_finite() {
                    return Err(error("a value is not finite at the random point: try another seed".into()));
                }
                worst = worst.max((is - says).abs() / is.abs().max(1.0));
            }
        }
    }
    Ok(worst)
}

/// Random values for the leaves, and the values derived from them.
fn table(derivation: &Derivation, net: &Net, reader: &Reader, seed: u64) -> Result<Table, DerivationError> {
    let mut rng = init::rng(seed, "derivation");
    let mut point = Point::new();
    for id in net.graph.ids() {
        let node = net.graph.node(id)?;
        let Op::Leaf(leaf) = &node.op else { continue };
        let Some(name) = leaf.name() else { continue };
        let step = name.strip_prefix("t[").and_then(|rest| rest.strip_suffix(']'));
        let constant = derivation.constants.iter().find(|(constant, _)| **constant == **name);
        let known = step.and_then(|step| step.parse::<f64>().ok()).or(constant.map(|(_, value)| *value));
        let value = match (leaf, known) {
            (Leaf::Input { .. }, Some(known)) => ArrayD::from_elem(&*node.ty.shape, known),
            _ => ArrayD::from_shape_simple_fn(&*node.ty.shape, || rng.random_range(-1.0..1.0)),
        };
        point.set(id, value);
    }
    let mut names: Vec<((Symbol, bool), NodeId)> = Vec::new();
    let mut add = |name: Math, id: NodeId| match name {
        Math::Symbol(symbol) => names.push(((symbol, false), id)),
        Math::Adjoint(of) => {
            if let Math::Symbol(symbol) = *of {
                names.push(((symbol, true), id));
            }
        }
        _ => {}
    };
    for (id, name) in reader.names() {
        add(name, id);
    }
    // Second names of nodes, and the names of adjoints that several nodes share.
    let sequences = derivation.cell.sequences().chain([&*derivation.head.output, &*derivation.head.loss]);
    for name in sequences {
        for t in 1..=net.steps {
            let id = net.at(name, t)?;
            let own = reader.name(id)?.filter(|_| net.is_own(name, t).unwrap_or(false));
            let symbol = own.unwrap_or_else(|| Symbol::of(name).at_step(count(t)).into());
            add(symbol.clone(), id);
            if let Some(adjoint) = net.adjoint(id)? {
                add(Math::Adjoint(symbol.into()), adjoint);
            }
        }
    }
    add(Symbol::of(&derivation.head.loss).into(), net.loss);
    for argument in &derivation.arguments {
        for t in 1..=net.steps {
            let name = argument.name.clone().at_step(count(t));
            add(name.into(), argument.at(net, t)?);
        }
    }
    for (name, id) in &net.parameters {
        if let Some(adjoint) = net.adjoint(*id)? {
            let name = reader.name(*id)?.unwrap_or_else(|| Symbol::of(name).into());
            add(Math::Adjoint(name.into()), adjoint);
        }
    }
    let ids: Vec<NodeId> = names.iter().map(|(_, id)| *id).collect();
    let values = eval::<f64>(&net.graph, &point, &ids)?;
    let matrices =
        names.into_iter().zip(values).map(|((name, id), value)| Ok((name, reader.matrix(id, &value)?)));
    let values = matrices.collect::<Result<HashMap<_, _>, autograd::Error>>()?;
    let letters = derivation.entries().filter(|entry| entry.name.is_empty()).filter_map(|entry| match &entry
        .line
        .left
    {
        Math::Symbol(letter) => Some((Symbol { time: None, ..letter.clone() }, entry.line.right.clone())),
        _ => None,
    });
    Ok(Table { steps: count(net.steps), values, letters: letters.collect() })
}
