//! One step of a net as a separate graph: (θ, x, states) ↦ (loss of the step, next states).

use super::Trial;
use autograd::{Builder, Expr, Gradient, Graph, NodeId, Point, Type, Value, vjp};
use ndarray::{ArrayD, Axis};
use rnn::cell::{Lane, Step};
use rnn::model::ModelError;
use std::sync::Arc;

/// The graph of one step, with its vector-Jacobian product.
pub(super) struct OneStep {
    pub graph: Arc<Graph>,
    x: NodeId,
    y: NodeId,
    pub parameters: Vec<(String, NodeId)>,
    /// The states before the step, layer by layer, `[batch, size]`.
    pub states: Vec<NodeId>,
    pub loss: NodeId,
    /// The states after it.
    pub next: Vec<NodeId>,
    /// The adjoints of the next states: leaves.
    pub cotangents: Vec<NodeId>,
    /// The adjoints of the parameters, of x and of the states.
    pub adjoints: Vec<NodeId>,
}

impl OneStep {
    /// Step `t`, from 1, of a stack of layers in one direction. Its loss is its contribution to the mean over the
    /// whole run.
    pub fn new(trial: &Trial, t: usize) -> Result<Self, ModelError> {
        let net = &trial.net;
        let (layers, model) = (net.model().net()?, net.model());
        let g = Builder::new();
        let x = g.input("x", [net.batch, net.input]);
        let y = g.batch_input("y", Type::index([net.batch], net.classes), 0);
        let weights = layers.declare(&g, "rnn.");
        let step = Step::new(t);
        let (mut top, mut states, mut next) = (x, Vec::new(), Vec::new());
        for (l, declared) in weights.iter().enumerate() {
            let _layer = g.layer(&format!("l{l}"));
            let input = if l == 0 { net.input } else { layers.output_size() };
            let w = layers.cell().prepare(declared, input, net.hidden, Lane { number: l, noise: None });
            let before: Vec<Expr> = layers
                .cell()
                .states(input, net.hidden)
                .into_iter()
                .map(|s| g.input(&format!("l{l}/{} before", s.name), [net.batch, s.size]))
                .collect();
            let after = layers.cell().step(&w, top, &before, &step);
            top = after.output;
            states.extend(before);
            next.extend(after.states);
        }
        let head = (
            g.parameter("head.weight", [net.classes, layers.output_size()]),
            g.parameter("head.bias", [net.classes]),
        );
        let terms = model.loss.terms(top.linear(head.0) + head.1, y.one_hot(net.classes));
        let loss = terms.sum() / (net.steps * net.batch) as f64;

        let graph = g.graph()?;
        let parameters: Vec<Expr> = graph.parameters().map(|id| g.expr(id)).collect();
        let adjoint = |(k, s): (usize, &Expr)| g.input(&format!("adjoint {k}"), s.shape());
        let cotangents: Vec<Expr> = next.iter().enumerate().map(adjoint).collect();
        let outputs: Vec<_> = [(loss, g.scalar(1.0))]
            .into_iter()
            .chain(next.iter().copied().zip(cotangents.iter().copied()))
            .collect();
        let wrt: Vec<Expr> = parameters.iter().copied().chain([x]).chain(states.iter().copied()).collect();
        let adjoint = |(gradient, x): (Gradient<'_>, &Expr)| match gradient {
            Gradient::Of(dx) => Ok(dx.id()),
            Gradient::Zero | Gradient::NotConnected => Ok(g.zeros(x.shape()).id()),
            Gradient::NotDefined(error) => Err(error),
        };
        let adjoints = vjp(&outputs, &wrt).into_iter().zip(&wrt).map(adjoint).collect::<Result<_, _>>()?;
        let ids = |exprs: &[Expr]| exprs.iter().map(|e| e.id()).collect::<Vec<_>>();
        Ok(Self {
            x: x.id(),
            y: y.id(),
            parameters: parameters.iter().map(|p| (p.name(), p.id())).collect(),
            states: ids(&states),
            loss: loss.id(),
            next: ids(&next),
            cotangents: ids(&cotangents),
            adjoints,
            graph: g.graph()?,
        })
    }

    /// The point of a trial at step `t`, from 1, with these states.
    pub fn point(&self, trial: &Trial, t: usize, states: &[ArrayD<f64>]) -> Point<f64> {
        let at = Axis(0);
        let mut point = Point::new().with(self.x, trial.x.index_axis(at, t - 1).to_owned());
        point.set(self.y, Value::Index(trial.y.index_axis(at, t - 1).to_owned()));
        for (name, id) in &self.parameters {
            if let Some((_, value)) = trial.parameters.iter().find(|(n, _)| n == name) {
                point.set(*id, value.clone());
            }
        }
        self.states.iter().zip(states).for_each(|(&id, value)| point.set(id, value.clone()));
        point
    }
}

/// Why a net cannot be run step by step; `None` if it can.
pub(super) fn not_in_steps(trial: &Trial) -> Option<&'static str> {
    match &trial.net {
        net if net.bidirectional => Some("a net in both directions has no single step"),
        net if net.lengths.is_some() => Some("sequences of different lengths do not end at one step"),
        _ => None,
    }
}

/// The position of each layer's state among a net's initial states: which one, and which lane of it. Layer by layer.
pub(super) fn places(trial: &Trial) -> Result<Vec<(usize, usize)>, ModelError> {
    let layers = trial.net.model().net()?;
    let lanes = layers.lanes();
    // A state of the cell is one state of the net for all lanes; a past input is one state per lane.
    let mut first = 0;
    let mut of_state = Vec::new();
    for state in layers.cell().states(trial.net.input, trial.net.hidden) {
        of_state.push((first, state.of_input));
        first += if state.of_input { lanes } else { 1 };
    }
    let place = |lane: usize| {
        move |&(first, own): &(usize, bool)| if own { (first + lane, 0) } else { (first, lane) }
    };
    Ok((0..lanes).flat_map(|lane| of_state.iter().map(place(lane)).collect::<Vec<_>>()).collect())
}

/// The initial states, layer by layer, `[batch, size]`.
pub(super) fn start(trial: &Trial) -> Result<Vec<ArrayD<f64>>, ModelError> {
    let at = |(state, lane): (usize, usize)| trial.start[state].index_axis(Axis(0), lane).to_owned();
    Ok(places(trial)?.into_iter().map(at).collect())
}

/// Whether truncated BPTT detaches the states before step `t`, from 1.
pub(super) fn is_cut(trial: &Trial, t: usize) -> bool {
    t > 1 && trial.net.window.is_some_and(|window| (t - 1).is_multiple_of(window))
}

/// The names of the initial states among the leaves of the unrolled net: `h0`.
pub(super) fn start_names(trial: &Trial) -> Result<Vec<String>, ModelError> {
    Ok(trial.net.model().net()?.states().iter().map(|s| format!("{}0", s.name)).collect())
}
