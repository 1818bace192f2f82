//! The T × T matrix, and gradients by step and by lag: one graph, run once per loss.
//!
//! The cotangent of each loss is an input of the graph. A run with 1 for one loss and 0 for the others gives the
//! gradient of that loss alone by every state and every use of a parameter.

use super::apart::{Apart, Ports};
use super::gauge::{Gauge, Seen};
use super::{BpttError, Shares};
use autograd::ops::Op;
use autograd::{Builder, Expr, Gradient, Graph, Magnitude, NodeId, Point, Value, vjp};
use autograd_compile::{Executable, compile};
use ndarray::{Array2, ArrayD, Axis, arr0};
use rnn::model::Network;
use std::collections::{BTreeMap, HashMap};

/// The maximum number of elements of a parameter's copies at all steps, for it to be split.
const MOST_SPLIT: usize = 20_000_000;

/// The results of the runs.
pub(super) struct Found {
    pub loss_steps: Vec<usize>,
    pub losses: Vec<f64>,
    pub matrix: Array2<Magnitude>,
    pub shares: Vec<Shares>,
    pub unsplit: Vec<String>,
    /// Whether each loss depends on the past through the states of its own step alone.
    markov: Vec<bool>,
    /// `[loss][sequence]`: the norm at the loss's own step.
    own: Vec<Vec<Magnitude>>,
    /// For each sequence, the gradient of the last executed step's loss by that step's states, if it reads no others.
    pub gradient: Option<Vec<Vec<f64>>>,
}

/// A smaller norm may have lost digits, or may not be a true zero.
const SMALLEST: f64 = 1e-290;

/// A copy of the net with the adjoints of all states and of all uses of parameters.
struct Program<'g> {
    apart: Apart<'g>,
    picks: Vec<Expr<'g>>,
    adjoints: Vec<Option<Expr<'g>>>,
    executable: Executable<f64>,
    at: Point<f64>,
    /// Whether each loss has its own step; otherwise it is after the last.
    stepped: bool,
}

impl<'g> Program<'g> {
    fn new(
        g: &'g Builder,
        network: &Network,
        point: &Point<f64>,
        apart: Apart<'g>,
    ) -> Result<Self, BpttError> {
        let picks: Vec<Expr> = (1..=apart.losses.len()).map(|t| g.input(&format!("pick[{t}]"), [])).collect();
        let outputs: Vec<(Expr, Expr)> = apart.losses.iter().copied().zip(picks.iter().copied()).collect();
        let states: Vec<Expr> = apart.ports.iter().flatten().copied().collect();
        let uses: Vec<Expr> =
            apart.parameters.iter().filter(|each| each.len() > 1).flatten().copied().collect();
        let wrt: Vec<Expr> = states.iter().chain(&uses).copied().collect();
        let adjoints: Vec<Option<Expr>> =
            vjp(&outputs, &wrt).into_iter().map(expr).collect::<Result<_, _>>()?;
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
        let stepped = network.losses.len() > 1;
        Ok(Self { apart, picks, adjoints, executable, at, stepped })
    }

    /// The losses, and the gradient of one row's loss by each state and each use of a parameter.
    #[allow(clippy::type_complexity)]
    fn run(&mut self, row: usize, gauge: &Gauge) -> Result<(Vec<f64>, Vec<Option<ArrayD<f64>>>), BpttError> {
        for (other, pick) in self.picks.iter().enumerate() {
            self.at.set(*pick, arr0(if other == row { 1.0 } else { 0.0 }).into_dyn());
        }
        for ((from, to), factor) in &self.apart.gauges {
            let power = gauge.between(*from, *to);
            #[allow(clippy::cast_possible_truncation)] // at most 1000
            self.at.set(*factor, arr0(2f64.powi(power as i32)).into_dyn());
        }
        let mut values = self.executable.run(&self.at)?.into_iter();
        let losses = values.by_ref().take(self.picks.len()).filter_map(|v| v.scalar()).collect();
        let adjoints =
            self.adjoints.iter().map(|adjoint| adjoint.and_then(|_| values.next()).map(Value::into_float));
        Ok((losses, adjoints.collect()))
    }

    /// The norms of the gradient by the states of each step, for each sequence.
    fn norms(&self, found: &[Option<ArrayD<f64>>]) -> Vec<Vec<Magnitude>> {
        let per_step = self.apart.ports[0].len();
        let states = &found[..per_step * self.apart.ports.len()];
        states.chunks(per_step).map(|parts| norms(parts.iter().flatten())).collect()
    }
}

/// Runs the graph once per loss.
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
    let depends = Dependence::of(&*g.graph()?, &apart, &loss_steps)?;
    let mut program = Program::new(&g, network, point, apart)?;

    let names = network.parameters.iter().zip(&program.apart.parameters);
    let (named, unsplit): (Vec<_>, Vec<_>) = names.partition(|(_, each)| each.len() > 1);
    let mut shares: Vec<Shares> = named
        .into_iter()
        .map(|((name, _), each)| {
            let by_step = each.iter().map(|w| ArrayD::zeros(&*w.shape())).collect();
            Shares { name: name.clone(), by_step, by_lag: BTreeMap::new() }
        })
        .collect();
    let unsplit =
        if split { unsplit.into_iter().map(|((name, _), _)| name.clone()).collect() } else { Vec::new() };
    let mut matrix = Array2::from_elem((loss_steps.len(), steps), Magnitude::NAN);
    let (mut losses, mut own, mut gradient) = (Vec::new(), Vec::new(), None);
    let further = Builder::new();
    let mut beyond: Option<(Program, Gauge)> = None;
    // Backwards over the losses: the gauge of a later loss fits the earlier ones.
    for (row, &t) in loss_steps.iter().enumerate().rev() {
        let (each, found) = program.run(row, &Gauge::new(steps))?;
        losses.push(each[row]);
        let mut norms = program.norms(&found);
        let lost = |k: usize| {
            let norm: Magnitude = norms[k].iter().copied().sum();
            depends.flows[row][k] && (norm < Magnitude::of(SMALLEST) || !norm.is_finite())
        };
        if (0..steps).any(lost) {
            if beyond.is_none() {
                let apart = Apart::of(&further, network, lane, Ports::Gauged, |_| false)?;
                beyond = Some((Program::new(&further, network, point, apart)?, Gauge::new(steps)));
            }
            if let Some((program, gauge)) = &mut beyond {
                norms = gauged(program, gauge, row, (&depends.flows[row], t - 1))?;
            }
        }
        own.push(norms[t - 1].clone());
        let last = if network.lanes[lane].reverse { 1 } else { steps };
        if t == last && depends.markov[row] {
            let ports = &program.apart.ports[t - 1];
            gradient = Some(joint(&found[(t - 1) * ports.len()..][..ports.len()], ports));
        }
        for k in (0..steps).filter(|&k| depends.on[row][k]) {
            matrix[[row, k]] = norms[k].iter().copied().sum();
            if !matrix[[row, k]].is_finite() {
                return Err(BpttError::NotFinite { step: k + 1 });
            }
        }
        let mut uses = found.into_iter().skip(steps * program.apart.ports[0].len());
        for share in &mut shares {
            for k in 0..=steps {
                // Without a path the gradient is zero and adds nothing.
                if let Some(part) = uses.next().flatten().filter(|part| part.iter().any(|x| *x != 0.0)) {
                    let lag = t.cast_signed() - k.cast_signed();
                    share.by_step[k] += &part;
                    share.by_lag.entry(lag).and_modify(|sum| *sum += &part).or_insert(part);
                }
            }
        }
    }
    losses.reverse();
    own.reverse();
    Ok(Found { loss_steps, losses, matrix, shares, unsplit, markov: depends.markov, own, gradient })
}

/// The norms of a row whose gradient leaves the range of `f64`; updates the gauge that shows them.
fn gauged(
    program: &mut Program,
    gauge: &mut Gauge,
    row: usize,
    (flows, own): (&[bool], usize),
) -> Result<Vec<Vec<Magnitude>>, BpttError> {
    let loss = program.stepped.then_some(own + 1);
    let mut tried = vec![false; flows.len()];
    loop {
        let (_, found) = program.run(row, gauge)?;
        let norms = program.norms(&found);
        let sums: Vec<Magnitude> = norms.iter().map(|each| each.iter().copied().sum()).collect();
        match gauge.see(&sums, flows, (own, loss), &mut tried) {
            Seen::Further(next) => *gauge = next,
            Seen::Broken(place) => return Err(BpttError::NotFinite { step: place + 1 }),
            Seen::All => {
                let true_norm = |(k, each): (usize, Vec<Magnitude>)| {
                    each.into_iter().map(|norm| norm.scaled(-gauge.power(k, loss))).collect()
                };
                return Ok(norms.into_iter().enumerate().map(true_norm).collect());
            }
        }
    }
}

/// Each sequence's part of several states, after each other; where nothing comes, zeros.
fn joint(states: &[Option<ArrayD<f64>>], ports: &[Expr]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = vec![Vec::new(); ports[0].shape()[0]];
    for (state, port) in states.iter().zip(ports) {
        let state = state.clone().unwrap_or_else(|| ArrayD::zeros(&*port.shape()));
        state.axis_iter(Axis(0)).zip(&mut rows).for_each(|(part, row)| row.extend(part.iter()));
    }
    rows
}

/// The norm of each sequence's part of several states together.
fn norms<'a>(states: impl Iterator<Item = &'a ArrayD<f64>>) -> Vec<Magnitude> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for state in states {
        rows.resize(state.len_of(Axis(0)), Vec::new());
        state.axis_iter(Axis(0)).zip(&mut rows).for_each(|(part, row)| row.extend(part.iter()));
    }
    rows.iter().map(Magnitude::norm).collect()
}

/// The gradient as an expression; `None` if it is zero for lack of a path.
pub(super) fn expr(gradient: Gradient) -> Result<Option<Expr>, BpttError> {
    match gradient {
        Gradient::Of(expr) => Ok(Some(expr)),
        Gradient::Zero | Gradient::NotConnected => Ok(None),
        Gradient::NotDefined(error) => Err(error.into()),
    }
}

/// The dependence of the losses on the states.
struct Dependence {
    /// `[loss][step]`: whether a path leads from the state to the loss.
    on: Vec<Vec<bool>>,
    /// The same without stop-gradients on the path: whether a gradient arrives.
    flows: Vec<Vec<bool>>,
    /// For each loss, whether the past acts on it through the states of its own step alone.
    markov: Vec<bool>,
}

impl Dependence {
    fn of(graph: &Graph, apart: &Apart, loss_steps: &[usize]) -> Result<Self, BpttError> {
        let ids: Vec<NodeId> = graph.ids().collect();
        let ports: HashMap<usize, usize> = apart
            .ports
            .iter()
            .enumerate()
            .flat_map(|(k, ports)| ports.iter().map(move |p| (p.id().index(), k)))
            .collect();
        // The steps whose ports are reached backwards from a node, passing through ports or not, and through
        // stop-gradients or not.
        let met = |from: NodeId, ports_too: bool, cuts_too: bool| -> Result<Vec<bool>, BpttError> {
            let mut steps = vec![false; apart.ports.len()];
            let mut read = vec![false; from.index() + 1];
            read[from.index()] = true;
            for i in (0..=from.index()).rev() {
                if !read[i] {
                    continue;
                }
                if let Some(&k) = ports.get(&i) {
                    steps[k] = true;
                    if !ports_too {
                        continue;
                    }
                }
                if cuts_too || !matches!(graph.node(ids[i])?.op, Op::StopGradient(_)) {
                    graph.operands(ids[i])?.for_each(|x| read[x.index()] = true);
                }
            }
            Ok(steps)
        };
        let mut all = Self { on: Vec::new(), flows: Vec::new(), markov: Vec::new() };
        for (loss, &t) in apart.losses.iter().zip(loss_steps) {
            all.on.push(met(loss.id(), true, true)?);
            all.flows.push(met(loss.id(), true, false)?);
            let direct = met(loss.id(), false, true)?;
            all.markov.push(direct.iter().enumerate().all(|(k, &is)| is == (k + 1 == t)));
        }
        Ok(all)
    }
}

impl Found {
    /// The bound by singular values: see [`super::Bptt::bound`].
    pub fn bound(&self, stretch: &[Vec<f64>]) -> Array2<Magnitude> {
        let mut bound = Array2::from_elem(self.matrix.dim(), Magnitude::NAN);
        for (row, &t) in self.loss_steps.iter().enumerate().filter(|(row, _)| self.markov[*row]) {
            let mut reach = self.own[row].clone();
            for k in (0..t).rev() {
                bound[[row, k]] = reach.iter().copied().sum();
                if k > 0 {
                    // A gradient from step k + 1 to step k, counted from 1, is stretched by the Jacobian between
                    // them.
                    reach
                        .iter_mut()
                        .zip(&stretch[k - 1])
                        .for_each(|(reach, &sigma)| *reach = *reach * sigma.into());
                }
            }
        }
        bound
    }
}
