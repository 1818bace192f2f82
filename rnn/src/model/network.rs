//! A model unrolled for a number of steps and a batch size: the graph for training and inference.

use super::{Head, Input, Loss, Model, ModelError, Start};
use crate::cell::Clock;
use crate::layers::{self, Dropout, NetState};
use crate::lengths::real;
use crate::parameters::Parameters;
use autograd::{Builder, Expr, Graph, NodeId, Point, Scalar, Type, Value, grad};
use ndarray::{Array2, ArrayD, arr0};
use std::sync::Arc;

/// The variant of a network.
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mode {
    /// With dropout between layers, and with gradients.
    pub train: bool,
    /// With the dropout of the cell's equations, if it is for training; without it, the net is as in inference.
    pub noise: bool,
    /// With lengths, so that the sequences of a batch may differ.
    pub lengths: bool,
    /// With initial states as inputs, so that a state can be carried from one batch to the next.
    pub carry: bool,
    /// With the number of earlier steps as an input, for a cell that reads it: it is the last of the carried states.
    pub clock: bool,
    /// With the gradient towards an input of real numbers too, if it is for training.
    pub saliency: bool,
    /// With all steps alike, so that they can be written as a loop: what the number of a step decides, in a cell that reads
    /// it or where gradients are truncated, is a choice in the graph. Values and gradients are the same.
    pub alike: bool,
}

/// A model unrolled over time, with handles to its inputs and outputs.
#[derive(Clone, Debug)]
pub struct Network {
    /// The graph, with its derivative if the network is for training.
    pub graph: Arc<Graph>,
    /// The input: symbols `[time, batch]` or real features `[time, batch, feature]`.
    pub x: NodeId,
    /// The targets: classes `[time, batch]` or `[batch]`, where the number of classes means "ignore"; real values
    /// `[time, batch, outputs]` or `[batch, outputs]`.
    pub y: NodeId,
    /// The lengths, `[batch, 1]`.
    pub lengths: Option<NodeId>,
    /// The seed of the dropout masks.
    pub seed: Option<NodeId>,
    /// The initial states, `[layers · directions, batch, size]`; if the clock is carried, the last is the number of
    /// earlier steps, `[1, batch, 1]`.
    pub start: Vec<NodeId>,
    /// The initial value of all elements of each of these.
    pub first: Vec<f64>,
    /// The loss: a mean over all targets that are not ignored.
    pub loss: NodeId,
    /// The denominator of that mean. If it is 0, so is the loss.
    pub count: NodeId,
    /// The outputs `[batch, outputs]`: one per step, or a single one. Logits for classes.
    pub outputs: Vec<NodeId>,
    /// The final states, `[layers · directions, batch, size]`; empty unless states are carried.
    pub last: Vec<NodeId>,
    /// For each step, the first state of the last layer in its forward direction, `[batch, size]`; empty for a cell
    /// without states.
    pub states: Vec<NodeId>,
    /// The loss of each step, `[]`: they add up to the loss. A single one unless the head reads every step.
    pub losses: Vec<NodeId>,
    /// The states of each layer in each direction, from the first layer on.
    pub lanes: Vec<Lane>,
    /// The parameters by name.
    pub parameters: Vec<(String, NodeId)>,
    /// Their gradients, in the same order; empty unless the network is for training.
    pub gradients: Vec<NodeId>,
}

/// A layer in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Whether it reads the sequence in reverse.
    pub reverse: bool,
    /// The names of its states: `h`, `c`.
    pub names: Vec<String>,
    /// For each step of the input, the states after it, `[batch, size]`; empty for a cell without states. One node
    /// can be several states: `h` after a step is the lagged `h` after the next.
    pub states: Vec<Vec<NodeId>>,
}

/// One batch of data for a network.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The input, as [`Network::x`] expects it.
    pub x: Value<f32>,
    /// The targets, as [`Network::y`] expects them.
    pub y: Value<f32>,
    /// The length of each sequence, if they differ.
    pub lengths: Option<Vec<usize>>,
}

impl Batch {
    /// Features `[time, batch, feature]` for a model that reads them, with targets that are all 0.
    pub fn untargeted(model: &super::Model, x: ArrayD<f32>) -> Self {
        let lead = match model.head {
            Head::EachStep => &x.shape()[..2],
            Head::Last | Head::Mean => &x.shape()[1..2],
        };
        let y = if model.loss.is_of_classes() {
            Value::Index(ArrayD::zeros(lead))
        } else {
            Value::Float(ArrayD::zeros([lead, &[model.outputs]].concat()))
        };
        Self { x: Value::Float(x), y, lengths: None }
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.x.shape()[0]
    }

    /// The number of sequences.
    pub fn batch(&self) -> usize {
        self.x.shape()[1]
    }

    /// Checks that the lengths fit the batch.
    ///
    /// # Errors
    /// If the number of lengths is wrong, or a length is not in `1..=steps`.
    pub fn check_lengths(&self) -> Result<(), ModelError> {
        self.lengths.as_ref().map_or(Ok(()), |lengths| lengths_fit(lengths, self.batch(), self.steps()))
    }
}

/// Checks that there is one length in `1..=steps` for each sequence of a batch.
#[doc(hidden)]
pub fn lengths_fit(lengths: &[usize], batch: usize, steps: usize) -> Result<(), ModelError> {
    if lengths.len() != batch {
        return Err(ModelError::Lengths { found: lengths.len(), batch });
    }
    match lengths.iter().position(|&length| length == 0 || length > steps) {
        None => Ok(()),
        Some(place) => Err(ModelError::Length { sequence: place + 1, found: lengths[place], steps }),
    }
}

impl Model {
    /// The model unrolled over `steps` steps for `batch` sequences.
    ///
    /// # Errors
    /// As [`Model::net`]; if there is no step or no sequence; if it needs more memory than is free.
    pub fn network(&self, steps: usize, batch: usize, mode: Mode) -> Result<Network, ModelError> {
        self.fits(steps, batch, mode)?;
        self.unrolled(steps, batch, mode)
    }

    #[allow(clippy::too_many_lines)] // the graph from input to loss, in order
    pub(super) fn unrolled(&self, steps: usize, batch: usize, mode: Mode) -> Result<Network, ModelError> {
        for (what, found) in [("the number of steps", steps), ("the batch size", batch)] {
            if found == 0 {
                return Err(ModelError::Range { what, found: "0".into(), need: "at least 1" });
            }
        }
        if mode.carry && self.start == Start::Learned {
            return Err(ModelError::Start);
        }
        let net = self.net()?.alike(mode.alike);
        let g = Builder::new();

        let (x, mut inputs) = self.inputs(&g, steps, batch);
        let lengths = mode.lengths.then(|| g.batch_input("lengths", Type::index([batch, 1], steps + 1), 0));
        let cells = mode.noise && net.cell().drops();
        let dropout = (mode.train && (self.dropout > 0.0 || cells)).then(|| Dropout {
            seed: g.index_input("seed", [], usize::MAX),
            rate: self.dropout,
            cells,
        });
        let between = dropout.filter(|dropout| dropout.rate > 0.0);
        let weights = net.declare(&g, "rnn.");
        let states = net.states();
        let given = |state: &NetState| {
            let name = format!("{}0", state.name);
            match (mode.carry, self.start) {
                (true, _) => Some(g.batch_input(&name, Type::float([state.lanes(), batch, state.size]), 1)),
                (_, Start::Learned) => {
                    Some(g.parameter(&format!("rnn.{name}"), [state.lanes(), 1, state.size]))
                }
                _ => None,
            }
        };
        let initial: Vec<Expr> = states.iter().filter_map(given).collect();
        let clock = mode.carry && mode.clock && net.cell().clock() != Clock::Unread;
        let elapsed = clock.then(|| g.batch_input("t0", Type::float([1, batch, 1]), 1));
        let start = match elapsed {
            Some(elapsed) => layers::Start::After { states: initial.clone(), elapsed: elapsed.at(0, 0) },
            None if initial.is_empty() => layers::Start::Zero,
            None => layers::Start::From(initial.clone()),
        };

        // Streams of dropout masks: one per layer and step; then the embedding's, and last the head's.
        let streams = self.layers * steps;
        if let (Some(dropout), Input::Embedding { .. }) = (between, self.input) {
            for (t, x) in inputs.iter_mut().enumerate() {
                let _step = g.step(t + 1);
                *x = dropout.apply(*x, streams + t).named("x.dropped");
            }
        }
        let run = net.unroll_steps(&g, &weights, &inputs, lengths, &start, dropout);

        let head = (
            g.parameter("head.weight", [self.outputs, net.output_size()]),
            g.parameter("head.bias", [self.outputs]),
        );
        let tops = self.tops(&g, &run, lengths, steps);
        let (y, targets) = self.targets(&g, steps, batch);
        // Padding has no loss, whatever its targets are.
        let each = self.head == Head::EachStep;
        let live = |t: usize| run.live.as_ref().filter(|_| each).map(|live| live[t]);
        let live: Vec<Option<Expr>> = (0..targets.len()).map(live).collect();
        let count = self.count(&g, &targets, &live, lengths, steps, batch).named("count");
        let over = if self.loss.is_of_classes() { count.max(1.0) } else { count };
        let mut outputs = Vec::new();
        let mut losses = Vec::new();
        for (t, &top) in tops.iter().enumerate() {
            let _step = each.then(|| g.step(t + 1));
            let top =
                between.map_or(top, |dropout| dropout.apply(top, streams + steps + t).named("top.dropped"));
            let name = if self.loss.is_of_classes() { "logits" } else { "output" };
            let output = (top.linear(head.0) + head.1).named(name);
            let terms = masked(self.loss.terms(output, targets[t]), live[t]);
            losses.push((terms.sum() / over).named("L"));
            outputs.push(output);
        }
        let loss = if let [one] = losses[..] { one } else { g.sum(&losses).named("loss") };

        let graph = g.graph()?;
        let wrt: Vec<Expr> = graph.parameters().map(|id| g.expr(id)).collect();
        let numbers = matches!(self.input, Input::Reals { .. });
        let also = (mode.saliency && numbers).then_some(x);
        let all: Vec<Expr> = wrt.iter().copied().chain(also).collect();
        let mut gradients = if mode.train { grad(loss, &all) } else { Vec::new() };
        gradients.truncate(wrt.len());
        let mut last: Vec<Expr> = if mode.carry {
            states
                .iter()
                .enumerate()
                .map(|(i, state)| run.last(i).named(&format!("{}_n", state.name)))
                .collect()
        } else {
            Vec::new()
        };
        last.extend(elapsed.map(|elapsed| match lengths {
            Some(lengths) => elapsed + real(&g, lengths, steps).insert_axis(0),
            None => elapsed + steps as f64,
        }));
        let ids = |exprs: &[Expr]| exprs.iter().map(|e| e.id()).collect::<Vec<_>>();
        let top = run.runs.last().and_then(|directions| directions.first());
        Ok(Network {
            x: x.id(),
            y: y.id(),
            lengths: lengths.map(Expr::id),
            seed: dropout.map(|dropout| dropout.seed.id()),
            first: states.iter().map(|state| state.start).chain(elapsed.map(|_| 0.0)).collect(),
            start: if mode.carry {
                initial.iter().chain(&elapsed).map(|e| e.id()).collect()
            } else {
                Vec::new()
            },
            loss: loss.id(),
            count: count.id(),
            outputs: ids(&outputs),
            last: ids(&last),
            states: top.map_or_else(Vec::new, |run| {
                run.states.iter().filter_map(|s| Some(s.first()?.id())).collect()
            }),
            losses: ids(&losses),
            lanes: lanes(&run, net.cell().states(1, 1).into_iter().map(|state| state.name).collect()),
            parameters: wrt.iter().map(|w| (w.name(), w.id())).collect(),
            gradients: ids(&gradients),
            graph: g.graph()?,
        })
    }

    /// The input node, and the input of each step `[batch, feature]`.
    fn inputs<'g>(&self, g: &'g Builder, steps: usize, batch: usize) -> (Expr<'g>, Vec<Expr<'g>>) {
        let (x, sequence) = match self.input {
            Input::Embedding { symbols, size } => {
                let x = g.batch_input("x", Type::index([steps, batch], symbols), 1);
                let table = g.parameter("embedding.weight", [symbols, size]);
                (x, table.gather(x).named("embedded"))
            }
            Input::OneHot { symbols } => {
                let x = g.batch_input("x", Type::index([steps, batch], symbols), 1);
                (x, x.one_hot(symbols).named("one-hot"))
            }
            Input::Reals { size } => {
                let x = g.batch_input("x", Type::float([steps, batch, size]), 1);
                (x, x)
            }
        };
        let at = |t: usize| {
            let _step = g.step(t + 1);
            sequence.at(0, t).named("x")
        };
        (x, (0..steps).map(at).collect())
    }

    /// The head's inputs: one `[batch, feature]` per step, or a single one.
    fn tops<'g>(
        &self,
        g: &'g Builder,
        run: &layers::Unrolled<'g>,
        lengths: Option<Expr<'g>>,
        steps: usize,
    ) -> Vec<Expr<'g>> {
        match self.head {
            Head::EachStep => run.outputs.clone(),
            Head::Last => vec![run.last_output()],
            Head::Mean => {
                let sum = g.sum(&run.outputs);
                let mean = match lengths {
                    None => sum * (1.0 / steps as f64),
                    Some(lengths) => sum / real(g, lengths, steps),
                };
                vec![mean.named("mean")]
            }
        }
    }

    /// The target node, and the target of each output `[batch, outputs]`.
    fn targets<'g>(&self, g: &'g Builder, steps: usize, batch: usize) -> (Expr<'g>, Vec<Expr<'g>>) {
        let n = self.outputs;
        let each = self.head == Head::EachStep;
        let lead = if each { vec![steps, batch] } else { vec![batch] };
        let axis = usize::from(each);
        let (y, whole) = if self.loss.is_of_classes() {
            let y = g.batch_input("y", Type::index(&lead[..], n + 1), axis);
            // The class after the last means "ignore": slicing removes the one from its one-hot vector.
            let whole = y.one_hot(n + 1).slice(lead.len(), 0..n).named("targets");
            (y, whole)
        } else {
            let y = g.batch_input("y", Type::float([&lead[..], &[n]].concat().as_slice()), axis);
            (y, y)
        };
        let at = |t: usize| {
            let _step = g.step(t + 1);
            whole.at(0, t).named("target")
        };
        (y, if each { (0..steps).map(at).collect() } else { vec![whole] })
    }

    /// The denominator of the mean loss.
    fn count<'g>(
        &self,
        g: &'g Builder,
        targets: &[Expr<'g>],
        live: &[Option<Expr<'g>>],
        lengths: Option<Expr<'g>>,
        steps: usize,
        batch: usize,
    ) -> Expr<'g> {
        let values = match (self.loss, lengths, self.head) {
            (Loss::CrossEntropy, ..) => {
                let ones: Vec<Expr> =
                    targets.iter().zip(live).map(|(&t, &live)| masked(t, live).sum()).collect();
                return g.sum(&ones);
            }
            (_, Some(lengths), Head::EachStep) => {
                return real(g, lengths, steps).sum() * self.outputs as f64;
            }
            (_, None, Head::EachStep) => steps * batch,
            _ => batch,
        };
        g.scalar((values * self.outputs) as f64)
    }
}

/// The lanes of an unrolled net; `names` are its cell's state names.
fn lanes(run: &layers::Unrolled, names: Vec<String>) -> Vec<Lane> {
    let lane = |(direction, run): (usize, &crate::Run)| Lane {
        reverse: direction == 1,
        names: names.clone(),
        states: run.states.iter().map(|states| states.iter().map(|s| s.id()).collect()).collect(),
    };
    run.runs.iter().flat_map(|directions| directions.iter().enumerate().map(lane)).collect()
}

/// Sets ended sequences to zero.
fn masked<'g>(x: Expr<'g>, live: Option<Expr<'g>>) -> Expr<'g> {
    live.map_or(x, |live| live.select(x, 0.0))
}

impl Network {
    /// The point of the graph's leaves for a batch.
    ///
    /// # Errors
    /// If the number of lengths is wrong, or a length is not in `1..=steps`.
    pub fn point(
        &self,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
    ) -> Result<Point<f32>, ModelError> {
        feed.check_lengths()?;
        let mut point = Point::new();
        for (name, id) in &self.parameters {
            if let Some(value) = parameters.get(name) {
                point.set(*id, value.clone());
            }
        }
        point.set(self.x, feed.x.clone());
        point.set(self.y, feed.y.clone());
        if let Some(id) = self.lengths {
            let full = vec![feed.steps(); feed.batch()];
            let lengths = feed.lengths.as_ref().unwrap_or(&full).clone();
            let column = Array2::from_shape_vec((lengths.len(), 1), lengths).expect("one column");
            point.set(id, Value::Index(column.into_dyn()));
        }
        if let Some(id) = self.seed {
            point.set(id, Value::Index(arr0(seed).into_dyn()));
        }
        for (&id, value) in self.start.iter().zip(start) {
            point.set(id, value.clone());
        }
        Ok(point)
    }

    /// The initial states, in the order of [`Network::start`]: the cell's own initial values.
    ///
    /// # Errors
    /// If a handle is of another graph.
    pub fn first_states(&self) -> Result<Vec<ArrayD<f32>>, autograd::Error> {
        let state = |(&id, &first): (&NodeId, &f64)| {
            #[allow(clippy::cast_possible_truncation)] // to the precision of the net
            Ok(ArrayD::from_elem(&*self.graph.node(id)?.ty.shape, first as f32))
        };
        self.start.iter().zip(&self.first).map(state).collect()
    }

    /// The initial states: the given ones, and the cell's own for the rest.
    ///
    /// # Errors
    /// As [`Network::first_states`].
    pub fn start_from(&self, given: &[ArrayD<f32>]) -> Result<Vec<ArrayD<f32>>, autograd::Error> {
        let rest = self.first_states()?.into_iter().skip(given.len());
        Ok(given.iter().take(self.start.len()).cloned().chain(rest).collect())
    }

    /// The name and op of the first node that is not finite, for a message.
    pub fn culprit<S: Scalar>(&self, point: &Point<S>) -> Option<String> {
        let outputs: Vec<NodeId> = [self.loss].into_iter().chain(self.gradients.iter().copied()).collect();
        let id = autograd::first_not_finite(&self.graph, point, &outputs).ok()??;
        let node = self.graph.node(id).ok()?;
        Some(format!("`{}` ({} {})", self.graph.name(id).ok()?, node.op.name(), node.ty))
    }
}
