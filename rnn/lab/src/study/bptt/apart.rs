//! A copy of a net's graph, cut at its states: every state can be differentiated by itself, and every parameter has a
//! separate copy at each step.
//!
//! All states after step k together are what the cell passes on: (h, c) for an LSTM. The gradient by them is ∂L/∂(h,
//! c), with h and c independent although h\[k\] was computed from c\[k\]. In the copy each state goes through a
//! *port*: later nodes read the port, while the nodes that compute the states of step k read the originals. The
//! adjoint of a port is the derivative by that state.

use super::BpttError;
use autograd::ops::{Leaf, Op};
use autograd::{Builder, Expr, Graph, Kind, NodeId, Shape};
use rnn::model::Network;
use std::collections::{BTreeMap, HashMap};

/// The kind of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// Identities: the copy computes the same values as the net.
    Open,
    /// Inputs: every step is independent.
    Closed,
    /// Identities, but gradients between steps are multiplied by a factor that is an input of the copy: see
    /// [`Apart::gauges`].
    Gauged,
}

/// The copy, with handles to its nodes.
pub(super) struct Apart<'g> {
    /// The inputs: a node of the net and its copy.
    pub inputs: Vec<(NodeId, Expr<'g>)>,
    /// For each parameter of the net, its copies before the first step and at each step; a single one if it is not
    /// split.
    pub parameters: Vec<Vec<Expr<'g>>>,
    /// For each step in the order of the input, its states before the ports.
    pub made: Vec<Vec<Expr<'g>>>,
    /// The ports of these states.
    pub ports: Vec<Vec<Expr<'g>>>,
    /// The losses.
    pub losses: Vec<Expr<'g>>,
    /// The factors of gradients that pass from a node of the second step back to one of the first; `None` is past the
    /// end. If each is 2 to the power g\[first\] − g\[second\], every adjoint of step k is the true one times 2 to
    /// the power g\[k\] − g\[its loss\], by whichever path: a gauge that keeps it in range.
    pub gauges: Vec<((usize, Option<usize>), Expr<'g>)>,
}

impl<'g> Apart<'g> {
    /// Copies a net and cuts it at the states of one lane. Parameters for which `split` holds get a copy per step.
    pub fn of(
        g: &'g Builder,
        network: &Network,
        lane: usize,
        ports: Ports,
        split: impl Fn(&Shape) -> bool,
    ) -> Result<Self, BpttError> {
        let mut copy = Copy::new(g, network, lane, ports)?;
        for (name, id) in &network.parameters {
            let shape = network.graph.node(*id)?.ty.shape.clone();
            let each = if split(&shape) { copy.steps + 1 } else { 1 };
            let at = |k: usize| g.parameter(&format!("{name}@{k}"), shape.clone());
            copy.parameters.push((0..each).map(at).collect());
        }
        copy.run()?;
        let made = copy.states.iter().enumerate().map(|(k, states)| {
            let order = copy.order(Some(k + 1));
            states.iter().map(|&s| copy.read_before(s, order)).collect()
        });
        let made = made.collect();
        let losses = network.losses.iter().map(|l| copy.new[l.index()].unwrap_or(g.poison())).collect();
        let gauges = copy.gauges.into_iter().collect();
        Ok(Self { inputs: copy.inputs, parameters: copy.parameters, made, ports: copy.ports, losses, gauges })
    }
}

struct Copy<'a, 'g> {
    g: &'g Builder,
    graph: &'a Graph,
    ids: Vec<NodeId>,
    steps: usize,
    reverse: bool,
    kind: Ports,
    /// The positions of the states of each step, and the nodes that compute them.
    states: Vec<Vec<usize>>,
    makers: Vec<Makers>,
    /// For a node that is a state: the steps (in execution order) and its index among their states.
    is_state: HashMap<usize, Vec<(usize, usize)>>,
    /// Parameters, and nodes that depend on parameters alone: they have a copy per step.
    early: Vec<bool>,
    early_copies: HashMap<(usize, usize), Expr<'g>>,
    index_of_parameter: HashMap<usize, usize>,
    inputs: Vec<(NodeId, Expr<'g>)>,
    parameters: Vec<Vec<Expr<'g>>>,
    new: Vec<Option<Expr<'g>>>,
    ports: Vec<Vec<Expr<'g>>>,
    gauges: BTreeMap<(usize, Option<usize>), Expr<'g>>,
    gauged: HashMap<(usize, Option<usize>), Expr<'g>>,
}

impl<'a, 'g> Copy<'a, 'g> {
    fn new(g: &'g Builder, network: &'a Network, lane: usize, kind: Ports) -> Result<Self, BpttError> {
        let graph = &*network.graph;
        let lane = network.lanes.get(lane).ok_or(BpttError::Lane { lane, lanes: network.lanes.len() })?;
        let states: Vec<Vec<usize>> =
            lane.states.iter().map(|states| states.iter().map(|s| s.index()).collect()).collect();
        let ids: Vec<NodeId> = graph.ids().collect();
        let (mut stepped, mut learned) = (vec![false; ids.len()], vec![false; ids.len()]);
        for (i, &id) in ids.iter().enumerate() {
            let node = graph.node(id)?;
            stepped[i] = node.origin.step.is_some();
            learned[i] = matches!(node.op, Op::Leaf(Leaf::Parameter { .. }));
            for x in graph.operands(id)? {
                stepped[i] |= stepped[x.index()];
                learned[i] |= learned[x.index()];
            }
        }
        let early = (0..ids.len()).map(|i| learned[i] && !stepped[i]).collect();
        let makers = states.iter().map(|s| Makers::of(graph, &ids, s)).collect::<Result<_, _>>()?;
        let parameters = network.parameters.iter().enumerate().map(|(i, (_, id))| (id.index(), i)).collect();
        let mut copy = Self {
            g,
            graph,
            new: vec![None; ids.len()],
            ids,
            steps: states.len(),
            reverse: lane.reverse,
            kind,
            ports: vec![Vec::new(); states.len()],
            states,
            makers,
            is_state: HashMap::new(),
            early,
            early_copies: HashMap::new(),
            index_of_parameter: parameters,
            inputs: Vec::new(),
            parameters: Vec::new(),
            gauges: BTreeMap::new(),
            gauged: HashMap::new(),
        };
        for k in 0..copy.steps {
            let order = copy.order(Some(k + 1));
            for (i, &s) in copy.states[k].iter().enumerate() {
                copy.is_state.entry(s).or_default().push((order, i));
            }
        }
        copy.is_state.values_mut().for_each(|places| places.sort_unstable());
        Ok(copy)
    }

    /// The position of a step in execution order, from 1; nodes without a step come after all.
    fn order(&self, step: Option<usize>) -> usize {
        match step {
            None => usize::MAX,
            Some(step) if self.reverse => (self.steps + 1).saturating_sub(step),
            Some(step) => step,
        }
    }

    /// The input index of the step at position `order` of the execution.
    fn place(&self, order: usize) -> usize {
        if self.reverse { self.steps - order } else { order - 1 }
    }

    fn run(&mut self) -> Result<(), BpttError> {
        // The last node that the states of a step need, in execution order.
        let mut ends: Vec<(usize, usize)> =
            self.states.iter().enumerate().map(|(k, s)| (s.iter().copied().max().unwrap_or(0), k)).collect();
        ends.sort_unstable_by_key(|&(end, k)| (end, self.order(Some(k + 1))));
        let mut ends = ends.into_iter().peekable();
        // What reads a state of a step, and stands before the last of them without making one.
        let mut waiting: Vec<usize> = Vec::new();
        for i in 0..self.ids.len() {
            if !self.copy(i)? {
                waiting.push(i);
            }
            while let Some(&(end, k)) = ends.peek().filter(|(end, _)| *end <= i) {
                debug_assert!(end <= i);
                self.open(k);
                ends.next();
                for j in std::mem::take(&mut waiting) {
                    if !self.copy(j)? {
                        waiting.push(j);
                    }
                }
            }
        }
        Ok(())
    }

    /// Creates the ports of a step.
    fn open(&mut self, k: usize) {
        for (i, s) in self.states[k].clone().into_iter().enumerate() {
            let state = self.handed_to(s, k);
            let port = match self.kind {
                Ports::Open | Ports::Gauged => self.g.sum(&[state]),
                Ports::Closed => self.g.input(&format!("state {i} after {}", k + 1), state.shape()),
            };
            self.ports[k].push(port);
        }
    }

    /// A state as read by the step at position `order`: possibly one that an earlier step passed on.
    fn read_before(&self, s: usize, order: usize) -> Expr<'g> {
        let before = self.is_state[&s].iter().rev().find(|(k, _)| *k < order);
        let port = before.and_then(|&(k, i)| self.ports[self.place(k)].get(i).copied());
        port.or(self.new[s]).unwrap_or(self.g.poison())
    }

    /// The same, as passed to the step at input index `k`.
    fn handed_to(&mut self, s: usize, k: usize) -> Expr<'g> {
        let order = self.order(Some(k + 1));
        let state = self.read_before(s, order);
        let before = self.is_state[&s].iter().rev().find(|(earlier, _)| *earlier < order);
        match before.map(|&(earlier, _)| self.place(earlier) + 1) {
            Some(from) => self.gauge(state, Some(from), Some(k + 1)),
            None => state,
        }
    }

    /// A value of one step as read by another: the same value, with the gradient multiplied by their gauge.
    fn gauge(&mut self, x: Expr<'g>, from: Option<usize>, to: Option<usize>) -> Expr<'g> {
        let Some(from) =
            from.filter(|_| self.kind == Ports::Gauged && from != to && x.ty().kind == Kind::Float)
        else {
            return x;
        };
        let g = self.g;
        let name = || format!("gauge {from} {}", to.map_or("end".into(), |to| to.to_string()));
        let factor = *self.gauges.entry((from, to)).or_insert_with(|| g.input(&name(), []));
        *self.gauged.entry((x.id().index(), to)).or_insert_with(|| {
            let held = x.stop_gradient();
            held + (x - held) * factor
        })
    }

    /// Copies a node once all its operands are copied; returns whether it did.
    fn copy(&mut self, i: usize) -> Result<bool, BpttError> {
        if self.early[i] {
            return Ok(true); // copied on demand
        }
        let node = self.graph.node(self.ids[i])?;
        let step = node.origin.step.map(|step| step as usize);
        let operands: Vec<usize> = self.graph.operands(self.ids[i])?.map(NodeId::index).collect();
        let mut read = Vec::with_capacity(operands.len());
        for x in operands {
            match self.read(x, i, step)? {
                Some(expr) => read.push(expr),
                None => return Ok(false),
            }
        }
        self.new[i] = Some(match &node.op {
            Op::Leaf(Leaf::Constant(value)) => self.g.constant((**value).clone()),
            Op::Leaf(Leaf::Input { name, batch_axis }) => {
                let input = match (batch_axis, node.ty.kind) {
                    (Some(axis), _) => self.g.batch_input(name, node.ty.clone(), *axis),
                    (None, autograd::Kind::Index { below }) => {
                        self.g.index_input(name, node.ty.shape.clone(), below)
                    }
                    (None, _) => self.g.input(name, node.ty.shape.clone()),
                };
                self.inputs.push((self.ids[i], input));
                input
            }
            op => self.g.apply(op.clone(), &read),
        });
        Ok(true)
    }

    /// Node `x` as read by node `user` at that step; `None` if it is not copied yet.
    fn read(&mut self, x: usize, user: usize, step: Option<usize>) -> Result<Option<Expr<'g>>, BpttError> {
        if self.early[x] {
            return self.early_at(x, step).map(Some);
        }
        let order = self.order(step);
        let places = self.is_state.get(&x).map(Vec::as_slice).unwrap_or_default();
        let later = |(k, _): &&(usize, usize)| *k <= order && !self.makers[self.place(*k)].has(user);
        let found = places.iter().rev().find(later).copied();
        let (read, from) = match found {
            Some((k, i)) => (self.ports[self.place(k)].get(i).copied(), Some(self.place(k) + 1)),
            None => (self.new[x], self.graph.node(self.ids[x])?.origin.step.map(|step| step as usize)),
        };
        Ok(read.map(|expr| self.gauge(expr, from, step)))
    }

    /// A parameter, or a function of parameters alone, as read at that step. The recursion is as deep as a cell's
    /// preparation of its weights.
    fn early_at(&mut self, x: usize, step: Option<usize>) -> Result<Expr<'g>, BpttError> {
        // Nodes without a step, such as a loss after the last, use the parameters of the last step; steps before the
        // first in execution order share one copy.
        let key = match step {
            None => self.steps,
            Some(step) if step > self.steps => 0,
            Some(step) => step,
        };
        if let Some(&known) = self.early_copies.get(&(x, key)) {
            return Ok(known);
        }
        let made = if let Some(&p) = self.index_of_parameter.get(&x) {
            let each = &self.parameters[p];
            each[key.min(each.len() - 1)]
        } else {
            let operands: Vec<usize> = self.graph.operands(self.ids[x])?.map(NodeId::index).collect();
            let mut read = Vec::with_capacity(operands.len());
            for operand in operands {
                let early = self.early[operand];
                let expr = if early { Some(self.early_at(operand, step)?) } else { self.new[operand] };
                read.push(expr.unwrap_or(self.g.poison()));
            }
            self.g.apply(self.graph.node(self.ids[x])?.op.clone(), &read)
        };
        self.early_copies.insert((x, key), made);
        Ok(made)
    }
}

/// The nodes that compute the states of one step.
struct Makers {
    first: usize,
    is: Vec<bool>,
}

impl Makers {
    fn of(graph: &Graph, ids: &[NodeId], states: &[usize]) -> Result<Self, BpttError> {
        let first = states.iter().copied().min().unwrap_or(0);
        let last = states.iter().copied().max().unwrap_or(0);
        let mut is = vec![false; last - first + 1];
        states.iter().for_each(|&s| is[s - first] = true);
        for i in (first..=last).rev().filter(|i| *i < ids.len()) {
            if is[i - first] {
                graph
                    .operands(ids[i])?
                    .map(NodeId::index)
                    .filter(|&x| x >= first)
                    .for_each(|x| is[x - first] = true);
            }
        }
        Ok(Self { first, is })
    }

    fn has(&self, node: usize) -> bool {
        node.checked_sub(self.first).and_then(|i| self.is.get(i)).is_some_and(|&is| is)
    }
}
