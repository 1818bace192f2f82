//! The net of a derivation: one layer of the cell over a few steps, with a head and a loss at each step, and its
//! derivative.

use autograd::{Builder, Error, Expr, Graph, NodeId, Type, grad};
use autograd_view::math::{Math, Symbol};
use rnn::cell::{Cell, Step, Weights};
use rnn::equations::EquationCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The sizes of the net. No formula shows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub input: usize,
    pub hidden: usize,
}

impl Sizes {
    /// Sizes that fit the cell, with its smallest vectors of two features if possible.
    pub fn of(cell: &EquationCell) -> Option<Self> {
        Self::all(cell).next()
    }

    /// Other sizes that fit the cell, if any: the formulas must hold there too.
    pub fn others(self, cell: &EquationCell) -> Option<Self> {
        Self::all(cell).find(|other| other.hidden != self.hidden)
    }

    fn all(cell: &EquationCell) -> impl Iterator<Item = Self> {
        let hidden = [8, 12, 24, 16, 36, 60, 64, 128, 9, 10, 7, 5, 3, 2, 1];
        let all = hidden.into_iter().flat_map(|hidden| [3, 4, 6, hidden].map(|input| Self { input, hidden }));
        all.filter(|s| cell.fits(s.input, s.hidden).is_ok())
    }
}

/// The names of the head and the loss, distinct from the cell's.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub weight: String,
    pub bias: String,
    pub output: String,
    pub target: String,
    pub loss: String,
    /// The letter for the argument of a function (net input).
    pub argument: String,
    /// Letters for abbreviations.
    pub letters: Vec<String>,
}

impl Head {
    /// The textbook's letters where they are free (Goodfellow, Bengio & Courville 2016, sec. 10.2.2).
    pub fn of(cell: &EquationCell, constants: &[(String, f64)]) -> Self {
        let mut taken: HashSet<Symbol> = HashSet::from([Symbol::of("x")]);
        let constants = constants.iter().map(|(name, _)| name.as_str());
        let shapes = cell.shapes();
        taken.extend(shapes.iter().map(|(name, _)| *name).chain(constants).map(Symbol::of));
        let bases: HashSet<String> = taken.iter().map(|symbol| symbol.base.clone()).collect();
        let free = |candidates: &[&str]| {
            let free = candidates.iter().find(|name| !taken.contains(&Symbol::of(name)));
            String::from(*free.unwrap_or(&candidates[candidates.len() - 1]))
        };
        let letters = ["u", "v", "w", "p", "q", "e", "m", "n", "r", "s"];
        let argument = ["a", "s", "u", "e", "argument"];
        let argument = argument.iter().find(|name| !bases.contains(**name)).unwrap_or(&"argument");
        let weight = free(&["V", "Q", "V_out", "V_head"]);
        let bias = free(&["c", "d", "b_out", "b_head"]);
        let output = free(&["o", "q", "z", "u", "e", "logits_head"]);
        let target = free(&["y", "k", "target", "target_head"]);
        let loss = free(&["L", "E", "loss_head"]);
        let used = [&bias, &output, &target, &String::from(*argument)].map(Clone::clone);
        let letters = letters.into_iter().filter(|l| !bases.contains(*l) && !used.iter().any(|u| u == l));
        let letters = letters.map(Into::into).collect();
        Self { weight, bias, output, target, loss, argument: (*argument).into(), letters }
    }
}

/// The unrolled cell with its derivative.
#[derive(Clone, Debug)]
pub(super) struct Net {
    pub graph: Arc<Graph>,
    pub steps: usize,
    pub parameters: Vec<(String, NodeId)>,
    /// The sum of the losses.
    pub loss: NodeId,
    /// All nodes by name, for repeated lookups.
    names: HashMap<String, NodeId>,
}

/// The number of classes of the head.
const CLASSES: usize = 5;

impl Net {
    pub fn new(
        cell: &EquationCell,
        constants: &[(String, f64)],
        head: &Head,
        sizes: Sizes,
        steps: usize,
    ) -> Result<Self, Error> {
        let g = Builder::new();
        let batch = |name: String, size: usize| g.batch_input(&name, Type::float([1, size]), 0);
        let weights = cell.weights(sizes.input, sizes.hidden);
        let weights = weights.into_iter().map(|w| (w.name.clone(), g.parameter(&w.name, w.shape)));
        // Functions of parameters are evaluated once: their adjoints are passed on after all steps.
        let made = cell.made_shapes(sizes.input, sizes.hidden).into_iter();
        let made = made.map(|(name, shape)| (name.to_string(), g.parameter(name, &shape[..])));
        let weights: Vec<(String, Expr)> = weights.chain(made).collect();
        let constants = constants.iter().map(|(name, _)| (name.clone(), g.input(name, [])));
        let fixed = cell.fixed_shapes(sizes.input, sizes.hidden);
        let fixed = fixed.into_iter().map(|(name, shape)| (name.to_string(), g.input(name, &shape[..])));
        let w = Weights::new(&g, weights.iter().cloned().chain(constants).chain(fixed).collect());
        let starts = cell.memory().iter().zip(cell.states(sizes.input, sizes.hidden));
        // At step 1, lag 1 reads h[0] and lag 2 reads h[-1].
        let start = |((name, lag), state): (&(String, usize), rnn::cell::State)| {
            batch(format!("{name}[{}]", 1 - count(*lag)), state.size)
        };
        let initial: Vec<Expr> = starts.map(start).collect();
        let mut states = initial.clone();
        let mut outputs = Vec::new();
        for t in 1..=steps {
            let number = g.input(&format!("t[{t}]"), []);
            let x = batch(format!("x[{t}]"), sizes.input);
            let _step = g.step(t);
            let next = cell.step(&w, x, &states, &Step::given(t, number));
            outputs.push(next.output);
            states = next.states;
        }
        let width = cell.output_size(sizes.hidden);
        let weight = g.parameter(&head.weight, [CLASSES, width]);
        let bias = g.parameter(&head.bias, [CLASSES]);
        let losses: Vec<Expr> = (1..=steps)
            .zip(outputs)
            .map(|(t, h)| {
                let y = batch(format!("{}[{t}]", head.target), CLASSES);
                let _step = g.step(t);
                let o = (h.linear(weight) + bias).named(&head.output);
                // The cross entropy of softmax(o) with a one-hot y.
                (o.logsumexp(1) - (y * o).sum_over([1])).sum().named(&head.loss)
            })
            .collect();
        let loss = g.sum(&losses).named(&head.loss);
        let head = [(head.weight.clone(), weight), (head.bias.clone(), bias)];
        let wrt: Vec<(String, Expr)> = weights.into_iter().chain(head).collect();
        // The initial states are differentiated too, so that nodes which depend on them alone have adjoints.
        let _ = grad(loss, &wrt.iter().map(|(_, w)| *w).chain(initial).collect::<Vec<_>>());
        let parameters = wrt.iter().map(|(name, w)| (name.clone(), w.id())).collect();
        let graph = g.graph()?;
        let mut names = HashMap::with_capacity(graph.len());
        for id in graph.ids() {
            names.entry(graph.name(id)?).or_insert(id);
        }
        Ok(Self { graph, steps, parameters, loss: loss.id(), names })
    }

    /// The node of a sequence at a step.
    pub fn at(&self, name: &str, t: usize) -> Result<NodeId, Error> {
        self.find(&format!("{name}[{t}]"))
    }

    /// The node with a name.
    pub fn find(&self, name: &str) -> Result<NodeId, Error> {
        self.names.get(name).map_or_else(|| self.graph.find(name), |&id| Ok(id))
    }

    /// Whether this name is the node's own at a step, not a second name.
    pub fn is_own(&self, name: &str, t: usize) -> Result<bool, Error> {
        let origin = &self.graph.node(self.at(name, t)?)?.origin;
        Ok(origin.name.as_deref() == Some(name) && origin.step.is_some_and(|step| step as usize == t))
    }

    /// The adjoint of a node, if the loss depends on it.
    pub fn adjoint(&self, id: NodeId) -> Result<Option<NodeId>, Error> {
        self.graph.adjoint(id, 0)
    }

    /// The terms of one step in a sum over all steps.
    pub fn terms_of(&self, sum: NodeId, t: usize) -> Result<Vec<NodeId>, Error> {
        let step = |id: &NodeId| {
            let origin = self.graph.node(*id).ok().map(|node| node.origin.step);
            origin.flatten().is_some_and(|step| step as usize == t)
        };
        Ok(self.graph.operands(sum)?.filter(step).collect())
    }
}

/// A name at time t.
pub(super) fn at_t(name: &str) -> Math {
    Symbol::of(name).at(0).into()
}

/// A number of steps as an index of a formula.
pub(super) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
