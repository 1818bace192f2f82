//! The T × T matrix, and the gradients by step and by lag: one graph, run once for each loss.
//!
//! The cotangent of each loss is an input of the graph. Set to 1 for one loss and to 0 for the others, a run gives what
//! that loss alone sends back to every state and to every use of a parameter.

use super::apart::{Apart, Ports};
use super::{BpttError, Shares};
use autograd::{Builder, Expr, Gradient, Graph, NodeId, Point, Value, vjp};
use autograd_compile::compile;
use ndarray::{Array2, ArrayD, Axis, arr0};
use rnn::model::Network;
use std::collections::{BTreeMap, HashMap};

/// A parameter is split if its copies of all steps have at most so many elements.
const MOST_SPLIT: usize = 20_000_000;

/// What the runs gave.
pub(super) struct Found {
    pub loss_steps: Vec<usize>,
    pub losses: Vec<f64>,
    pub matrix: Array2<f64>,
    pub shares: Vec<Shares>,
    pub unsplit: Vec<String>,
    /// Whether each loss depends on the states through those of its own step alone.
    markov: Vec<bool>,
    /// `[loss][sequence]`: the norm at the loss's own step.
    own: Vec<Vec<f64>>,
}

/// Runs the net once for each loss.
pub(super) fn of(
    network: &Network,
    point: &Point<f64>,
    lane: usize,
    split: bool,
) -> Result<Found, BpttError> {
    let g = Builder::new();
    let steps = network.lanes[lane].states.len();
    let small = |shape: &autograd::Shape| split && shape.count().saturating_mul(steps + 1) <= MOST_SPLIT;
    let apart = Apart::of(&g, network, lane, Ports::Open, small)?;
    // A single loss after the last step counts as the last step's.
    let loss_steps: Vec<usize> = match apart.losses.len() {
        1 => vec![steps],
        n => (1..=n).collect(),
    };
    let (depends, markov) = dependence(&*g.graph()?, &apart, &loss_steps)?;

    let picks: Vec<Expr> = loss_steps.iter().map(|t| g.input(&format!("pick[{t}]"), [])).collect();
    let outputs: Vec<(Expr, Expr)> = apart.losses.iter().copied().zip(picks.iter().copied()).collect();
    let states: Vec<Expr> = apart.ports.iter().flatten().copied().collect();
    let uses: Vec<Expr> = apart.parameters.iter().filter(|each| each.len() > 1).flatten().copied().collect();
    let wrt: Vec<Expr> = states.iter().chain(&uses).copied().collect();
    let adjoints: Vec<Option<Expr>> = vjp(&outputs, &wrt).into_iter().map(expr).collect::<Result<_, _>>()?;

    let mut at = Point::<f64>::new();
    for (old, new) in &apart.inputs {
        if let Some(value) = point.get(*old) {
            at.set(*new, value.clone());
        }
    }
    for ((_, old), each) in network.parameters.iter().zip(&apart.parameters) {
        if let Some(value) = point.get(*old) {
            each.iter().for_each(|new| at.set(*new, value.clone()));
        }
    }
    let asked: Vec<NodeId> =
        apart.losses.iter().map(|l| l.id()).chain(adjoints.iter().flatten().map(|e| e.id())).collect();
    let executable = compile::<f64>(&g.graph()?, &asked)?;

    let names = network.parameters.iter().zip(&apart.parameters);
    let (named, unsplit): (Vec<_>, Vec<_>) = names.partition(|(_, each)| each.len() > 1);
    let mut shares: Vec<Shares> = named
        .into_iter()
        .map(|((name, _), each)| {
            let by_step = each.iter().map(|w| ArrayD::zeros(&*w.shape())).collect();
            Shares { name: name.clone(), by_step, by_lag: BTreeMap::new() }
        })
        .collect();
    let mut matrix = Array2::from_elem((loss_steps.len(), steps), f64::NAN);
    let (mut losses, mut own) = (Vec::new(), Vec::new());
    let per_step = apart.ports[0].len();
    for (row, &t) in loss_steps.iter().enumerate() {
        for (other, pick) in picks.iter().enumerate() {
            at.set(*pick, arr0(if other == row { 1.0 } else { 0.0 }).into_dyn());
        }
        let mut values = executable.run(&at)?.into_iter();
        let found: Vec<f64> = values.by_ref().take(loss_steps.len()).filter_map(|v| v.scalar()).collect();
        losses.push(found[row]);
        let mut found =
            adjoints.iter().map(|adjoint| adjoint.and_then(|_| values.next()).map(Value::into_float));
        for k in 0..steps {
            let parts: Vec<Option<ArrayD<f64>>> = found.by_ref().take(per_step).collect();
            let norms = norms(parts.iter().flatten());
            if k + 1 == t {
                own.push(norms.clone());
            }
            if depends[row][k] {
                matrix[[row, k]] = norms.iter().sum();
                if !matrix[[row, k]].is_finite() {
                    return Err(BpttError::NotFinite { step: k + 1 });
                }
            }
        }
        for share in &mut shares {
            for k in 0..=steps {
                // What no way leads to is zero, and no part.
                if let Some(part) = found.next().flatten().filter(|part| part.iter().any(|x| *x != 0.0)) {
                    let lag = t.cast_signed() - k.cast_signed();
                    share.by_step[k] += &part;
                    share.by_lag.entry(lag).and_modify(|sum| *sum += &part).or_insert(part);
                }
            }
        }
    }
    let unsplit =
        if split { unsplit.into_iter().map(|((name, _), _)| name.clone()).collect() } else { Vec::new() };
    Ok(Found { loss_steps, losses, matrix, shares, unsplit, markov, own })
}

/// The norm of each sequence's part of several states together.
fn norms<'a>(states: impl Iterator<Item = &'a ArrayD<f64>>) -> Vec<f64> {
    let mut squares: Vec<f64> = Vec::new();
    for state in states {
        squares.resize(state.len_of(Axis(0)), 0.0);
        state
            .axis_iter(Axis(0))
            .zip(&mut squares)
            .for_each(|(row, sum)| *sum += row.iter().map(|x| x * x).sum::<f64>());
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// The gradient as an expression; nothing if it is zero because no way leads there.
pub(super) fn expr(gradient: Gradient) -> Result<Option<Expr>, BpttError> {
    match gradient {
        Gradient::Of(expr) => Ok(Some(expr)),
        Gradient::Zero | Gradient::NotConnected => Ok(None),
        Gradient::NotDefined(error) => Err(error.into()),
    }
}

/// For each loss, on the states of which steps it depends, and whether on its own step's alone once those are given.
fn dependence(
    graph: &Graph,
    apart: &Apart,
    loss_steps: &[usize],
) -> Result<(Vec<Vec<bool>>, Vec<bool>), BpttError> {
    let ids: Vec<NodeId> = graph.ids().collect();
    let ports: HashMap<usize, usize> = apart
        .ports
        .iter()
        .enumerate()
        .flat_map(|(k, ports)| ports.iter().map(move |p| (p.id().index(), k)))
        .collect();
    // The steps whose ports are met by walking back from a node, through ports or not.
    let met = |from: NodeId, through: bool| -> Result<Vec<bool>, BpttError> {
        let mut steps = vec![false; apart.ports.len()];
        let mut read = vec![false; from.index() + 1];
        read[from.index()] = true;
        for i in (0..=from.index()).rev() {
            if !read[i] {
                continue;
            }
            if let Some(&k) = ports.get(&i) {
                steps[k] = true;
                if !through {
                    continue;
                }
            }
            graph.operands(ids[i])?.for_each(|x| read[x.index()] = true);
        }
        Ok(steps)
    };
    let (mut depends, mut markov) = (Vec::new(), Vec::new());
    for (loss, &t) in apart.losses.iter().zip(loss_steps) {
        depends.push(met(loss.id(), true)?);
        let direct = met(loss.id(), false)?;
        markov.push(direct.iter().enumerate().all(|(k, &is)| is == (k + 1 == t)));
    }
    Ok((depends, markov))
}

impl Found {
    /// The bound by singular values: see [`super::Bptt::bound`].
    pub fn bound(&self, stretch: &[Vec<f64>]) -> Array2<f64> {
        let mut bound = Array2::from_elem(self.matrix.dim(), f64::NAN);
        for (row, &t) in self.loss_steps.iter().enumerate().filter(|(row, _)| self.markov[*row]) {
            let mut reach = self.own[row].clone();
            for k in (0..t).rev() {
                bound[[row, k]] = reach.iter().sum();
                if k > 0 {
                    // What passes from step k + 1 to step k, counted from 1, is stretched by the Jacobian between them.
                    reach.iter_mut().zip(&stretch[k - 1]).for_each(|(reach, sigma)| *reach *= sigma);
                }
            }
        }
        bound
    }
}
