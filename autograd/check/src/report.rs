//! What a check found.

use super::coverage::Coverage;
use super::locate::Guilty;
use super::verdict::{Comparison, Decider, Verdict};
use super::witness::Witness;
use autograd::Shape;
use std::cmp::Ordering;

/// One element of a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its place, axis by axis.
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

/// One tensor that a gradient was taken with respect to.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The node's name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// 1 for the gradient, 2 for the gradient of the gradient.
    pub order: u32,
    /// Whether an output depends on it: without, its gradient is not zero but none, as that of a weight that nobody reads
    /// (see [`Gradient`](autograd::Gradient)). Always true at order 2, and of gradients that are claimed.
    pub connected: bool,
    /// The norm of the analytic gradient.
    pub norm: f64,
    /// The derivative along a random direction.
    pub comparison: Comparison,
    /// Which witness had the last word on that.
    pub decided_by: Decider,
    /// The same from forward mode, if it was asked about this tensor by itself: where it does not agree with all
    /// tensors moving at once.
    pub forward: Option<f64>,
    /// The nodes that are on a kink, by name, if the point lies on one.
    pub kinks: Vec<String>,
    /// Single elements, the worst first.
    pub elements: Vec<Element>,
    /// Whether the elements that fail are all that are wrong: without them the tensor passes.
    pub all_wrong_told: bool,
    /// Where the wrong elements lie, if all lie in one slice: the axis, and the place along it.
    pub slice: Option<(usize, usize)>,
}

impl Tensor {
    /// The worst verdict on the direction and on the elements.
    pub fn verdict(&self) -> Verdict {
        self.comparisons().map(|c| c.verdict).max().unwrap_or(Verdict::Pass)
    }

    /// Whether it is [not connected](Self::connected), and differences see no effect of it either.
    pub fn is_detached(&self) -> bool {
        !self.connected && self.verdict() == Verdict::Pass
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        std::iter::once(&self.comparison).chain(self.elements.iter().map(|e| &e.comparison))
    }

    /// How bad it is: of a failure the difference over the size of the gradient, which is far above rounding; of what passes
    /// the difference over its tolerance.
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
    /// The outputs that were checked, with their shapes.
    pub subject: String,
    /// The seed of all that was drawn.
    pub seed: u64,
    /// The order that was asked for.
    pub order: u32,
    /// The tensors, in the order of the graph; those of order 2 come last.
    pub tensors: Vec<Tensor>,
    /// What the witnesses without a step say.
    pub witnesses: Vec<Witness>,
    /// The node whose own VJP is wrong, if a gradient is wrong and such a node was found.
    pub guilty: Option<Guilty>,
    /// What else a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// How often a function that is not ours was called.
    pub calls: usize,
    /// Which regimes of its ops a graph was checked in.
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
            coverage: Coverage::default(),
        }
    }

    /// The worst that was found, by differences or by a witness.
    pub fn verdict(&self) -> Verdict {
        let tensors = self.tensors.iter().map(Tensor::verdict);
        tensors.chain(self.witnesses.iter().map(|w| w.verdict)).max().unwrap_or(Verdict::Pass)
    }

    /// Whether every gradient was found to be right: the verdict is pass, or kink.
    pub fn passed(&self) -> bool {
        self.verdict().is_good()
    }

    /// All tensors, the worst first; of those that pass, those that take no part.
    pub fn worst_first(&self) -> Vec<&Tensor> {
        let mut tensors: Vec<&Tensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.worse(b));
        tensors
    }

    /// The tensor whose two derivatives lie farthest apart.
    pub fn worst(&self) -> Option<&Tensor> {
        self.tensors.iter().min_by(|a, b| a.worse(b))
    }

    /// The tensor of that name, at order 1.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// The tensors that take no part in the outputs. Nothing is wrong with their gradients, but perhaps with the net.
    pub fn detached(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(|t| t.is_detached())
    }

    /// The tensors of a verdict.
    pub fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(move |t| t.verdict() == verdict)
    }
}
