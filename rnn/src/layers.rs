//! A recurrent net: stacked layers of one cell, in one or both directions, unrolled over time.

use crate::cell::{Cell, Lane, Noise, State, Weight, Weights};
use crate::lengths::Lengths;
use crate::unroll::{Run, Unroll};
use autograd::{Builder, Expr};
use std::ops::Range;
use std::sync::Arc;

/// Layers of one cell.
///
/// ```
/// use autograd::Builder;
/// use rnn::{Layers, Start, cell::by_name};
///
/// let g = Builder::new();
/// let net = Layers::of(by_name("lstm").unwrap(), 10, 20).depth(2).bidirectional(true);
/// let weights = net.declare(&g, "");
/// let run = net.unroll(&g, &weights, g.input("x", [7, 3, 10]), None, &Start::Zero);
/// assert_eq!(*run.output().shape(), [7, 3, 40]);
/// assert_eq!(*run.last(1).shape(), [4, 3, 20]); // c of two layers in two directions
/// let graph = g.graph()?;
/// graph.find("l0/reverse/c[1]")?;
/// graph.find("weight_hh_l1_reverse")?;
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layers {
    cell: Arc<dyn Cell>,
    input: usize,
    hidden: usize,
    depth: usize,
    bidirectional: bool,
    window: Option<usize>,
    alike: bool,
}

/// A state of the net.
#[derive(Clone, Debug, PartialEq)]
pub struct NetState {
    /// Its name: that of the cell's state.
    pub name: String,
    /// Its number of features.
    pub size: usize,
    /// The initial value of all its features, unless an initial state is given.
    pub start: f64,
    /// The lanes (layer times direction) that have it.
    lanes: Range<usize>,
    /// Its index among the states of the cell.
    place: usize,
}

impl NetState {
    /// The number of lanes that have it: the first axis of its value.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }
}

/// The initial states.
#[derive(Clone, Debug, Default)]
pub enum Start<'g> {
    /// The cell's own initial values: zero unless it declares others.
    #[default]
    Zero,
    /// These values, one for each state of the net: `[layers · directions, batch, size]`, or with a batch axis of 1
    /// if all sequences start alike, as for learned initial states.
    From(Vec<Expr<'g>>),
    /// The final states of an earlier part of the sequences, as above, after `elapsed` steps, `[batch, 1]`.
    After {
        /// One value for each state of the net.
        states: Vec<Expr<'g>>,
        /// The number of steps read before.
        elapsed: Expr<'g>,
    },
}

impl<'g> Start<'g> {
    /// The given values, if any.
    pub fn states(&self) -> Option<&[Expr<'g>]> {
        match self {
            Self::Zero => None,
            Self::From(states) | Self::After { states, .. } => Some(states),
        }
    }
}

/// Dropout between layers and within cells.
#[derive(Clone, Copy, Debug)]
pub struct Dropout<'g> {
    /// The seed of the masks: one whole number.
    pub seed: Expr<'g>,
    /// The probability of dropping an element between layers.
    pub rate: f64,
    /// Whether cells apply the dropout of their equations.
    pub cells: bool,
}

impl<'g> Dropout<'g> {
    /// Applies dropout to `x` and rescales the rest. Masks of different streams are independent.
    #[track_caller]
    pub fn apply(&self, x: Expr<'g>, stream: usize) -> Expr<'g> {
        if self.rate == 0.0 {
            return x;
        }
        x * self.seed.dropout_mask(x.shape(), self.rate, stream as u64)
    }
}

impl Layers {
    /// A single layer in one direction, for inputs of size `input` and states of size `hidden`.
    pub fn new(cell: impl Cell, input: usize, hidden: usize) -> Self {
        Self::of(Arc::new(cell), input, hidden)
    }

    /// As [`Layers::new`], with a shared cell.
    pub fn of(cell: Arc<dyn Cell>, input: usize, hidden: usize) -> Self {
        Self { cell, input, hidden, depth: 1, bidirectional: false, window: None, alike: false }
    }

    /// Sets the number of layers.
    #[must_use]
    pub fn depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Makes it bidirectional: each layer reads the sequence in both directions and concatenates the two outputs.
    #[must_use]
    pub fn bidirectional(self, bidirectional: bool) -> Self {
        Self { bidirectional, ..self }
    }

    /// Truncated BPTT: detaches the states every `window` steps.
    #[must_use]
    pub fn window(self, window: Option<usize>) -> Self {
        Self { window, ..self }
    }

    /// Makes all steps alike: see [`Unroll::alike`].
    #[must_use]
    pub fn alike(self, alike: bool) -> Self {
        Self { alike, ..self }
    }

    /// The cell.
    pub fn cell(&self) -> &dyn Cell {
        &*self.cell
    }

    /// Checks that the cell supports the sizes.
    ///
    /// # Errors
    /// The cell's requirement.
    pub fn fits(&self) -> Result<(), String> {
        (0..self.lanes()).try_for_each(|lane| self.cell.fits(self.input_of(lane), self.hidden))
    }

    /// The states of the net, in the order of [`Start::From`] and [`Unrolled::last`]. A state of the cell is one
    /// state of the net for all lanes; a past input is one state per lane.
    pub fn states(&self) -> Vec<NetState> {
        let lanes = self.lanes();
        let mut states = Vec::new();
        for (place, State { name, size, of_input, start }) in
            self.cell.states(self.input, self.hidden).into_iter().enumerate()
        {
            if !of_input {
                states.push(NetState { name, size, start, lanes: 0..lanes, place });
                continue;
            }
            for lane in 0..lanes {
                let size = self.cell.states(self.input_of(lane), self.hidden)[place].size;
                let name = format!("{name}{}", self.suffix(lane));
                states.push(NetState { name, size, start, lanes: lane..lane + 1, place });
            }
        }
        states
    }

    /// 2 if bidirectional, otherwise 1.
    pub fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The number of layers times directions: the first axis of initial and last states.
    pub fn lanes(&self) -> usize {
        self.depth * self.directions()
    }

    /// The number of features of the output.
    pub fn output_size(&self) -> usize {
        self.cell.output_size(self.hidden) * self.directions()
    }

    /// All weights of the net in PyTorch's order and under its names: the cell's name with `_l{layer}`, and
    /// `_reverse` for the second direction.
    pub fn weights(&self) -> Vec<Weight> {
        (0..self.lanes()).flat_map(|lane| self.weights_of(lane)).collect()
    }

    fn weights_of(&self, lane: usize) -> Vec<Weight> {
        let suffix = self.suffix(lane);
        let named = |w: Weight| Weight { name: w.name.clone() + &suffix, ..w };
        self.cell.weights(self.input_of(lane), self.hidden).into_iter().map(named).collect()
    }

    /// The input size of a lane: the net's input for the first layer, the outputs below for the others.
    fn input_of(&self, lane: usize) -> usize {
        if lane < self.directions() { self.input } else { self.output_size() }
    }

    /// PyTorch's suffix of a lane's parameter names.
    fn suffix(&self, lane: usize) -> String {
        let (layer, reverse) = (lane / self.directions(), lane % self.directions() == 1);
        format!("_l{layer}{}", if reverse { "_reverse" } else { "" })
    }

    /// Declares all weights as parameters with `prefix`; one entry per layer and direction.
    #[track_caller]
    pub fn declare<'g>(&self, g: &'g Builder, prefix: &str) -> Vec<Weights<'g>> {
        let lane = |lane| {
            let names = self.cell.weights(1, 1).into_iter().map(|w| w.name);
            let parameter = |w: Weight| g.parameter(&format!("{prefix}{}", w.name), w.shape);
            Weights::new(g, names.zip(self.weights_of(lane).into_iter().map(parameter)).collect())
        };
        (0..self.lanes()).map(lane).collect()
    }

    /// Unrolls the net over `x`, `[time, batch, input]`. `lengths` are whole numbers `[batch, 1]`, each at least 1
    /// and at most the number of steps.
    #[track_caller]
    pub fn unroll<'g>(
        &self,
        g: &'g Builder,
        weights: &[Weights<'g>],
        x: Expr<'g>,
        lengths: Option<Expr<'g>>,
        start: &Start<'g>,
    ) -> Unrolled<'g> {
        let steps = x.shape().first().copied().unwrap_or(0);
        let inputs: Vec<Expr> = (0..steps).map(|t| step_of(g, x, t)).collect();
        self.unroll_steps(g, weights, &inputs, lengths, start, None)
    }

    /// As [`Layers::unroll`], with the inputs `[batch, input]` of each step, and dropout between layers.
    #[track_caller]
    pub fn unroll_steps<'g>(
        &self,
        g: &'g Builder,
        weights: &[Weights<'g>],
        inputs: &[Expr<'g>],
        lengths: Option<Expr<'g>>,
        start: &Start<'g>,
        dropout: Option<Dropout<'g>>,
    ) -> Unrolled<'g> {
        if let Some(why) = self.misfit(weights, inputs, lengths, start) {
            return self.poisoned(g, g.refuse(why));
        }
        let lengths = lengths.map(|numbers| Lengths::new(g, numbers, inputs.len()));
        let batch = inputs[0].shape().first().copied().unwrap_or(1);
        let (mut inputs, mut runs) = (inputs.to_vec(), Vec::with_capacity(self.depth));
        for layer in 0..self.depth {
            if let (Some(dropout), 1..) = (dropout.filter(|dropout| dropout.rate > 0.0), layer) {
                let _layer = g.layer(&format!("l{layer}"));
                inputs = inputs
                    .iter()
                    .enumerate()
                    .map(|(t, &x)| {
                        let _step = g.step(t + 1);
                        dropout.apply(x, layer * inputs.len() + t).named("dropped")
                    })
                    .collect();
            }
            if let Some(lengths) = &lengths {
                let _layer = g.layer(&format!("l{layer}"));
                inputs = lengths.carry(g, &inputs);
            }
            let mut directions: Vec<Run> = Vec::with_capacity(self.directions());
            for direction in 0..self.directions() {
                let lane = layer * self.directions() + direction;
                let name = match (self.bidirectional, direction) {
                    (false, _) => format!("l{layer}"),
                    (true, 0) => format!("l{layer}/forward"),
                    (true, _) => format!("l{layer}/reverse"),
                };
                let _layer = g.layer(&name);
                let reverse = direction == 1;
                let initial = {
                    let _before = g.step(if reverse { inputs.len() + 1 } else { 0 });
                    self.initial(g, start, lane, batch)
                };
                let elapsed = match start {
                    Start::After { elapsed, .. } => Some(*elapsed),
                    Start::Zero | Start::From(_) => None,
                };
                let seed = dropout.filter(|dropout| dropout.cells && self.cell.drops());
                let noise = seed.map(|dropout| Noise { seed: dropout.seed, lane });
                let (lengths, window, alike) = (lengths.as_ref(), self.window, self.alike);
                let unroll = Unroll { reverse, lengths, window, elapsed, noise, alike };
                let w = self.cell.prepare(
                    &weights[lane],
                    self.input_of(lane),
                    self.hidden,
                    Lane { number: lane, noise },
                );
                directions.push(unroll.run(&*self.cell, &w, &inputs, &initial));
            }
            inputs = match &directions[..] {
                [forward] => forward.outputs.clone(),
                both => (0..inputs.len())
                    .map(|t| {
                        let (_layer, _step) = (g.layer(&format!("l{layer}")), g.step(t + 1));
                        let parts: Vec<Expr> = both.iter().map(|run| run.outputs[t]).collect();
                        g.concat(1, &parts).named("joined")
                    })
                    .collect(),
            };
            runs.push(directions);
        }
        Unrolled {
            g,
            states: self.states(),
            runs,
            outputs: inputs,
            live: lengths.map(|lengths| lengths.live),
        }
    }

    /// A misfit that would otherwise fail far from its cause or broadcast silently.
    fn misfit<'g>(
        &self,
        weights: &[Weights<'g>],
        inputs: &[Expr<'g>],
        lengths: Option<Expr<'g>>,
        start: &Start<'g>,
    ) -> Option<String> {
        let (depth, steps, lanes) = (self.depth, inputs.len(), self.lanes());
        let states = self.states();
        let Some(first) = inputs.first().filter(|_| depth > 0) else {
            return Some(format!("a net of {depth} layers over {steps} steps: both are at least 1"));
        };
        if let Err(why) = self.fits() {
            return Some(why);
        }
        if weights.len() != lanes {
            let given = weights.len();
            return Some(format!(
                "weights of {given} layers and directions were given, and the net has {lanes}"
            ));
        }
        if self.window == Some(0) {
            return Some("a window of 0 steps has nothing in it: it is at least 1".into());
        }
        let batch = first.shape().first().copied().unwrap_or(1);
        let other = |x: &&Expr| !x.is_poisoned() && !first.is_poisoned() && x.shape() != first.shape();
        if let Some(x) = inputs.iter().find(other) {
            return Some(format!("the inputs of all steps have one shape, and {first:?} and {x:?} differ"));
        }
        if let Some(lengths) = lengths.filter(|l| !l.is_poisoned() && *l.shape() != [batch, 1]) {
            return Some(format!("lengths are [{batch}, 1], one for each sequence, and not {lengths:?}"));
        }
        if let Start::After { elapsed, .. } = start
            && !elapsed.is_poisoned()
            && *elapsed.shape() != [batch, 1]
        {
            return Some(format!(
                "the steps read before are [{batch}, 1], one number for each sequence, and not {elapsed:?}"
            ));
        }
        let values = start.states()?;
        if values.len() != states.len() {
            let (given, names) = (values.len(), states.into_iter().map(|s| s.name).collect::<Vec<_>>());
            return Some(format!("{given} initial states were given, and the cell has {names:?}"));
        }
        let fits = |value: &Expr, state: &NetState| {
            [batch, 1].iter().any(|&b| *value.shape() == [state.lanes(), b, state.size])
        };
        let wrong = values.iter().zip(&states).find(|(v, state)| !v.is_poisoned() && !fits(v, state));
        wrong.map(|(v, state)| {
            let (name, lanes, size) = (&state.name, state.lanes(), state.size);
            format!(
                "the initial `{name}` is [{lanes}, {batch}, {size}], or with 1 for the batch, and not {v:?}"
            )
        })
    }

    /// The result when there is nothing to unroll: one step of poison.
    fn poisoned<'g>(&self, g: &'g Builder, poison: Expr<'g>) -> Unrolled<'g> {
        let states = vec![poison; self.cell.states(1, 1).len()];
        let run =
            Run { outputs: vec![poison], states: vec![states.clone()], last: states, last_output: poison };
        let runs = vec![vec![run; self.directions()]; self.depth.max(1)];
        Unrolled { g, states: self.states(), runs, outputs: vec![poison], live: None }
    }

    /// The initial states of a lane, `[batch, size]`.
    fn initial<'g>(&self, g: &'g Builder, start: &Start<'g>, lane: usize, batch: usize) -> Vec<Expr<'g>> {
        let of_net = self.states();
        let state = |(place, state): (usize, State)| {
            let shape = [batch, state.size];
            let entry = of_net.iter().position(|s| s.place == place && s.lanes.contains(&lane));
            let value = match (start.states(), entry) {
                (Some(values), Some(entry)) => {
                    let value = values[entry].at(0, lane - of_net[entry].lanes.start);
                    if *value.shape() == shape { value } else { value.broadcast_to(shape) }
                }
                _ if state.start == 0.0 => g.zeros(shape),
                _ => g.scalar(state.start).broadcast_to(shape),
            };
            value.named(&state.name)
        };
        self.cell.states(self.input_of(lane), self.hidden).into_iter().enumerate().map(state).collect()
    }
}

/// The input of a step, named `x[t]`.
fn step_of<'g>(g: &'g Builder, x: Expr<'g>, t: usize) -> Expr<'g> {
    let _step = g.step(t + 1);
    x.at(0, t).named(&x.name())
}

/// An unrolled net with every output and every state of every step.
#[derive(Clone, Debug)]
pub struct Unrolled<'g> {
    g: &'g Builder,
    states: Vec<NetState>,
    /// For each layer, its run in each direction.
    pub runs: Vec<Vec<Run<'g>>>,
    /// The outputs of the last layer, `[batch, directions · output]` for each step.
    pub outputs: Vec<Expr<'g>>,
    /// If lengths differ: for each step, which sequences are still running, as truth values `[batch, 1]`.
    pub live: Option<Vec<Expr<'g>>>,
}

impl<'g> Unrolled<'g> {
    /// The outputs of the last layer, `[time, batch, directions · output]`.
    #[track_caller]
    pub fn output(&self) -> Expr<'g> {
        self.g.stack(0, &self.outputs)
    }

    /// The last output of each sequence, both directions concatenated: `[batch, directions · output]`. The reverse
    /// direction's last output is at the first step.
    #[track_caller]
    pub fn last_output(&self) -> Expr<'g> {
        match self.runs.last().map(Vec::as_slice).unwrap_or_default() {
            [one] => one.last_output,
            both => self.g.concat(1, &both.iter().map(|run| run.last_output).collect::<Vec<_>>()),
        }
    }

    /// The final values of a state, by its index in [`Layers::states`]: `[layers · directions, batch, size]`.
    #[track_caller]
    pub fn last(&self, state: usize) -> Expr<'g> {
        let NetState { lanes, place, .. } = &self.states[state];
        let runs = self.runs.iter().flatten().skip(lanes.start).take(lanes.len());
        let last: Vec<Expr> = runs.map(|run| run.last[*place]).collect();
        self.g.stack(0, &last)
    }
}
