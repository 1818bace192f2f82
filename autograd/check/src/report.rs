//! The report of a check.

use super::closure::Scatter;
use super::coverage::Coverage;
use super::hint::Hint;
use super::locate::Guilty;
use super::verdict::{Comparison, Decider, Verdict};
use super::witness::Witness;
use autograd::Shape;
use std::cmp::Ordering;

/// One element of a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its index.
    pub index: Vec<usize>,
    /// Its derivative.
    pub comparison: Comparison,
}

impl std::ops::Deref for Element {
    type Target = Comparison;
    fn deref(&self) -> &Comparison {
        &self.comparison
    }
}

/// One tensor of a gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The node's name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// 1 for the gradient, 2 for the gradient of the gradient.
    pub order: u32,
    /// Whether an output depends on it: otherwise it has no gradient, as distinct from zero (see
    /// [`Gradient`](autograd::Gradient)). Always true at order 2, and for claimed gradients.
    pub connected: bool,
    /// The norm of the analytic gradient.
    pub norm: f64,
    /// The derivative along a random direction.
    pub comparison: Comparison,
    /// The method that decided it.
    pub decided_by: Decider,
    /// The slope by forward mode for this tensor alone, computed if the result for all tensors at once disagrees.
    pub forward: Option<f64>,
    /// The names of the nodes at a kink, if the point is at one.
    pub kinks: Vec<String>,
    /// Single elements, the worst first.
    pub elements: Vec<Element>,
    /// Whether the failed elements are all wrong ones: without them the tensor passes.
    pub all_wrong_told: bool,
    /// The slice of all wrong elements, if there is one: the axis, and the index along it.
    pub slice: Option<(usize, usize)>,
    /// What a wrong gradient of a foreign function probably is instead; see [`Report::likely`].
    pub hint: Option<Hint>,
    /// Whether the hint is about the wrong elements alone, and others are right.
    pub hint_of_wrong: bool,
}

impl Tensor {
    /// The worst verdict on the direction and on the elements.
    pub fn verdict(&self) -> Verdict {
        self.comparisons().map(|c| c.verdict).max().unwrap_or(Verdict::Pass)
    }

    /// Whether it is not [connected](Self::connected), and differences see no effect either.
    pub fn is_detached(&self) -> bool {
        !self.connected && self.verdict() == Verdict::Pass
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        std::iter::once(&self.comparison).chain(self.elements.iter().map(|e| &e.comparison))
    }

    /// How bad it is: for a failure the difference relative to the size of the gradient, which is far above rounding;
    /// for others the difference relative to its tolerance.
    fn badness(&self) -> f64 {
        let Comparison { numeric, verdict, .. } = self.comparison;
        if verdict == Verdict::Fail {
            let badness = self.comparison.difference() / (self.norm + numeric.abs());
            return if badness.is_nan() { f64::INFINITY } else { badness };
        }
        self.comparisons().map(Comparison::excess).fold(0.0, f64::max)
    }

    fn worse(&self, other: &Self) -> Ordering {
        let verdict = other.verdict().cmp(&self.verdict());
        verdict
            .then(other.is_detached().cmp(&self.is_detached()))
            .then(other.badness().total_cmp(&self.badness()))
    }
}

/// What a check found, tensor by tensor. `{}` prints it, the worst first; [`Report::to_json`] is for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The outputs under check, with their shapes.
    pub subject: String,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The requested order.
    pub order: u32,
    /// The tensors, in the order of the graph; those of order 2 come last.
    pub tensors: Vec<Tensor>,
    /// The results of the checks without a step size.
    pub witnesses: Vec<Witness>,
    /// The node whose own VJP is wrong, if a gradient is wrong and the node was found.
    pub guilty: Option<Guilty>,
    /// Other information, one sentence each.
    pub notes: Vec<String>,
    /// The number of calls of a foreign function.
    pub calls: usize,
    /// How far the values of a foreign function at one point scatter, if they do.
    pub scatter: Option<Scatter>,
    /// The regimes of a graph's ops that were visited.
    pub coverage: Coverage,
}

impl Report {
    pub(super) fn new(subject: String, seed: u64, order: u32) -> Self {
        Self {
            subject,
            seed,
            order,
            tensors: Vec::new(),
            witnesses: Vec::new(),
            guilty: None,
            notes: Vec::new(),
            calls: 0,
            scatter: None,
            coverage: Coverage::default(),
        }
    }

    /// The worst verdict, by any method.
    pub fn verdict(&self) -> Verdict {
        let tensors = self.tensors.iter().map(Tensor::verdict);
        tensors.chain(self.witnesses.iter().map(|w| w.verdict)).max().unwrap_or(Verdict::Pass)
    }

    /// Whether every gradient is correct: the verdict is pass, or kink.
    pub fn passed(&self) -> bool {
        self.verdict().is_good()
    }

    /// All tensors, the worst first; among those that pass, the unconnected ones first.
    pub fn worst_first(&self) -> Vec<&Tensor> {
        let mut tensors: Vec<&Tensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.worse(b));
        tensors
    }

    /// The tensor with the largest difference.
    pub fn worst(&self) -> Option<&Tensor> {
        self.tensors.iter().min_by(|a, b| a.worse(b))
    }

    /// The tensor with a name, at order 1.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// What wrong gradients of a foreign function probably are instead: each hint, once, with the tensors that share it.
    pub fn likely(&self) -> Vec<(&Hint, Vec<&Tensor>)> {
        let mut all: Vec<(&Hint, Vec<&Tensor>)> = Vec::new();
        for tensor in self.tensors.iter().filter(|t| t.verdict() == Verdict::Fail) {
            let Some(hint) = &tensor.hint else { continue };
            let same = |(known, of): &(&Hint, Vec<&Tensor>)| {
                known.is_like(hint) && of.iter().all(|t| t.hint_of_wrong == tensor.hint_of_wrong)
            };
            match all.iter().position(same) {
                Some(at) => all[at].1.push(tensor),
                None => all.push((hint, vec![tensor])),
            }
        }
        all.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
        all
    }

    /// The tensors that the outputs do not depend on. Their gradients are not wrong, but the net may be.
    pub fn detached(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(|t| t.is_detached())
    }

    /// The tensors with a verdict.
    pub fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(move |t| t.verdict() == verdict)
    }
}
