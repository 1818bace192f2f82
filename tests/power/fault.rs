//! The faults: common mistakes in derivatives.

use super::sweep::{Term, Use, Visit};
use autograd::ops::Sampler;
use autograd::{Expr, Graph, NodeId, Value};
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The other sign.
    Sign,
    /// One term of a sum is omitted, or the only one.
    Dropped,
    /// Only the last of several terms is kept: `=` instead of `+=`, for example for a weight shared by all steps.
    Overwritten,
    /// A matrix instead of its transpose.
    Transposed,
    /// Multiplied by 2.
    Twice,
    /// Multiplied by 1.001.
    Thousandth,
    /// Multiplied by 1.0001.
    TenThousandth,
    /// Multiplied by 1 + 10⁻⁶.
    Millionth,
    /// One element is multiplied by 1.01.
    OneElement,
    /// One row of the result contributes nothing.
    RowSkipped,
    /// The VJP of another operand, or two swapped operands.
    WrongOperand,
    /// The adjoint, or the saved operands, of the previous or next step.
    ShiftedStep,
    /// The Jacobians of some successive steps are multiplied in forward order.
    ForwardOrder,
    /// A mask, a `relu` or a selection is missing in the backward pass.
    SkippedMask,
    /// The sum over broadcast axes is replaced by one element.
    NotSummed,
}

/// A fault and its extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// Whether the VJP is wrong at every step, like a wrong line of code.
    pub everywhere: bool,
    pub fault: Fault,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}{}", self.fault.name(), if self.everywhere { ", at every step" } else { "" })
    }
}

/// A fault at a place.
#[derive(Clone, Debug)]
pub struct Mutant {
    pub fault: Fault,
    /// Whether `uses` are all steps of one VJP.
    pub everywhere: bool,
    /// The uses with a wrong VJP.
    pub uses: Vec<Use>,
    /// For [`Fault::ForwardOrder`], the sum of the first and the last step.
    pub mirror: i64,
    pub seed: u64,
}

/// The effect of a fault on a term.
pub enum Wrong<'g> {
    Term(Term<'g>),
    Nothing,
    /// The fault is not applicable here.
    Impossible,
}

impl Mutant {
    pub fn kind(&self) -> Kind {
        Kind { everywhere: self.everywhere, fault: self.fault }
    }
}

impl Fault {
    pub const ALL: [Self; 15] = [
        Self::Sign,
        Self::Dropped,
        Self::Overwritten,
        Self::Transposed,
        Self::Twice,
        Self::Thousandth,
        Self::TenThousandth,
        Self::Millionth,
        Self::OneElement,
        Self::RowSkipped,
        Self::WrongOperand,
        Self::ShiftedStep,
        Self::ForwardOrder,
        Self::SkippedMask,
        Self::NotSummed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Dropped => "dropped term",
            Self::Overwritten => "sum overwritten",
            Self::Transposed => "transposed",
            Self::Twice => "factor 2",
            Self::Thousandth => "factor 1.001",
            Self::TenThousandth => "factor 1.0001",
            Self::Millionth => "factor 1 + 1e-6",
            Self::OneElement => "one element 1 %",
            Self::RowSkipped => "row skipped",
            Self::WrongOperand => "wrong operand",
            Self::ShiftedStep => "shifted step",
            Self::ForwardOrder => "forward order",
            Self::SkippedMask => "skipped mask",
            Self::NotSummed => "broadcast not summed",
        }
    }

    /// The number to plant, if a universally applicable fault gets `per`: rarer ones apply in few places.
    pub fn share(self, per: usize) -> usize {
        match self {
            Self::Transposed
            | Self::WrongOperand
            | Self::ShiftedStep
            | Self::SkippedMask
            | Self::NotSummed => 4 * per,
            _ => per,
        }
    }

    /// The places where it applies.
    pub fn places(self, graph: &Graph, uses: &[Use], of: &impl Fn(NodeId) -> bool) -> Vec<Mutant> {
        let place = |uses, mirror| Mutant { fault: self, everywhere: false, uses, mirror, seed: 0 };
        let single = || uses.iter().filter(|(u, _)| of(*u)).map(|&u| place(vec![u], 0)).collect();
        let operand = |&(u, k): &Use| graph.operands(u).unwrap().nth(k).unwrap();
        match self {
            Self::Overwritten => {
                let mut operands: Vec<NodeId> = uses.iter().filter(|(u, _)| of(*u)).map(operand).collect();
                operands.sort_unstable();
                operands.dedup();
                let rest = |x: &NodeId| {
                    // Uses are in the order of the sweep: the last one stays.
                    let mut all: Vec<Use> = uses.iter().copied().filter(|u| operand(u) == *x).collect();
                    all.pop();
                    (!all.is_empty()).then(|| place(all, 0))
                };
                operands.iter().filter_map(rest).collect()
            }
            Self::ForwardOrder => {
                let step = |id: NodeId| graph[id].origin.step.map(i64::from);
                let last = uses.iter().filter_map(|(u, _)| step(*u)).max().unwrap_or(0);
                let between = |first: i64, last: i64| {
                    // The path from state to state: its operand is computed in this step or the previous one.
                    let recurrent = |u: &&Use| {
                        of(u.0)
                            && step(u.0).is_some_and(|t| t >= first && t <= last && 2 * t != first + last)
                            && graph[operand(u)].op.operator().is_some()
                            && step(operand(u)).is_some()
                    };
                    let all: Vec<Use> = uses.iter().filter(recurrent).copied().collect();
                    (!all.is_empty()).then(|| place(all, first + last))
                };
                let ranges = (1..last).flat_map(|a| (a + 1..=last).map(move |b| (a, b)));
                ranges.filter_map(|(a, b)| between(a, b)).collect()
            }
            _ => single(),
        }
    }

    /// VJPs that could be wrong at all their steps alike: the uses of one operand by the nodes of one source line.
    /// Faults with several places, or different ones at each step, have none.
    pub fn rules(self, graph: &Graph, uses: &[Use], of: &impl Fn(NodeId) -> bool) -> Vec<Mutant> {
        if matches!(self, Self::Overwritten | Self::ForwardOrder | Self::ShiftedStep) {
            return Vec::new();
        }
        let mut rules: BTreeMap<_, Vec<Use>> = BTreeMap::new();
        for &(u, k) in uses.iter().filter(|(u, _)| of(*u)) {
            let node = graph.node(u).unwrap();
            let origin = &node.origin;
            if origin.step.is_some() {
                let line = (origin.layer.clone(), origin.name.clone(), origin.ordinal, node.op.name(), k);
                rules.entry(line).or_default().push((u, k));
            }
        }
        let whole = |uses: Vec<Use>| Mutant { fault: self, everywhere: true, uses, mirror: 0, seed: 0 };
        rules.into_values().filter(|uses| uses.len() > 1).map(whole).collect()
    }

    /// Applies the fault to a term.
    pub fn plant<'g>(self, v: &Visit<'_, 'g>, right: Term<'g>, mutant: &Mutant) -> Wrong<'g> {
        let sampler = &mut Sampler::new(mutant.seed);
        let times = |factor: f64| Wrong::Term(Term { value: right.value * factor, ..right });
        match self {
            Self::Sign => times(-1.0),
            Self::Twice => times(2.0),
            Self::Thousandth => times(1.001),
            Self::TenThousandth => times(1.0001),
            Self::Millionth => times(1.0 + 1e-6),
            Self::Dropped | Self::Overwritten => Wrong::Nothing,
            Self::OneElement => one_element(right, v, sampler),
            Self::Transposed => v.transposed(right, sampler),
            Self::RowSkipped => v.row_skipped(sampler).into(),
            Self::WrongOperand => v.wrong_operand(sampler).into(),
            Self::ShiftedStep => v.shifted(sampler).into(),
            // Steps without a counterpart, such as the first, stay correct.
            Self::ForwardOrder => v.mirrored(mutant.mirror).unwrap_or(Wrong::Term(right)),
            Self::SkippedMask => v.unmasked(right),
            Self::NotSummed => not_summed(right, v),
        }
    }
}

impl<'g> From<Option<Term<'g>>> for Wrong<'g> {
    fn from(term: Option<Term<'g>>) -> Self {
        term.map_or(Self::Impossible, Self::Term)
    }
}

/// Ones, except for one number at a random position.
fn ones_but(shape: &[usize], other: f64, sampler: &mut Sampler) -> ArrayD<f64> {
    let mut all = ArrayD::ones(shape);
    let place = sampler.below(0..all.len());
    all.iter_mut().skip(place).take(1).for_each(|x| *x = other);
    all
}

fn one_element<'g>(right: Term<'g>, v: &Visit<'_, 'g>, sampler: &mut Sampler) -> Wrong<'g> {
    let value = right.value.sum_to(v.x().shape());
    if value.shape().count() < 2 {
        return Wrong::Impossible;
    }
    Wrong::Term(Term { value: value * v.g.constant(ones_but(&value.shape(), 1.01, sampler)), ..right })
}

fn not_summed<'g>(right: Term<'g>, v: &Visit<'_, 'g>) -> Wrong<'g> {
    let (mut value, shape) = (right.value, v.x().shape());
    if value.shape() == shape {
        return Wrong::Impossible;
    }
    while value.shape().len() > shape.len() {
        value = value.at(0, 0);
    }
    for axis in 0..shape.len() {
        if value.shape()[axis] != shape[axis] {
            value = value.slice(axis, 0..1);
        }
    }
    Wrong::Term(Term { value, ..right })
}

impl<'g> Visit<'_, 'g> {
    /// The factor of a matrix product, or the term itself.
    fn transposed(&self, right: Term<'g>, sampler: &mut Sampler) -> Wrong<'g> {
        let turn = |x: Expr<'g>| {
            let shape = x.shape();
            let n = shape.len();
            let square = n >= 2 && shape[n - 1] == shape[n - 2] && shape[n - 1] > 1;
            let order: Vec<usize> =
                (0..n.saturating_sub(2)).chain([n.wrapping_sub(1), n.wrapping_sub(2)]).collect();
            square.then(|| x.transpose(&order))
        };
        let mut ways = Vec::new();
        if self.op.name() == "matmul"
            && let Some(turned) = turn(self.operands[1 - self.k])
        {
            let mut operands = self.operands.clone();
            operands[1 - self.k] = turned;
            ways.extend(self.vjp(self.k, &operands, self.y(), self.dy));
        }
        let value = right.value.sum_to(self.x().shape());
        ways.extend(turn(value).map(|value| Term { value, ..right }));
        if ways.is_empty() { Wrong::Impossible } else { Wrong::Term(ways[sampler.below(0..ways.len())]) }
    }

    fn row_skipped(&self, sampler: &mut Sampler) -> Option<Term<'g>> {
        let shape = self.dy.shape();
        let axis = shape.iter().position(|&n| n > 1)?;
        let mut rows: Vec<usize> = vec![1; shape.len()];
        rows[axis] = shape[axis];
        let dy = self.dy * self.g.constant(ones_but(&rows, 0.0, sampler));
        self.vjp(self.k, &self.operands, self.y(), dy)
    }

    fn wrong_operand(&self, sampler: &mut Sampler) -> Option<Term<'g>> {
        let like = |j: &usize| *j != self.k && self.operands[*j].ty() == self.x().ty();
        let others: Vec<usize> = (0..self.operands.len()).filter(like).collect();
        let j = *others.get(sampler.below(0..others.len().max(1)))?;
        if sampler.choice(&[true, false]) {
            return self.vjp(j, &self.operands, self.y(), self.dy);
        }
        let mut operands = self.operands.clone();
        operands.swap(j, self.k);
        self.vjp(self.k, &operands, self.y(), self.dy)
    }

    fn shifted(&self, sampler: &mut Sampler) -> Option<Term<'g>> {
        let twins: Vec<NodeId> =
            [-1, 1].iter().filter_map(|by| self.twin(|step| i64::from(step) + by)).collect();
        let twin = *twins.get(sampler.below(0..twins.len().max(1)))?;
        if let Some(dy) = self.adjoints.get(&twin).filter(|_| sampler.choice(&[true, false])) {
            return self.vjp(self.k, &self.operands, self.y(), *dy);
        }
        self.vjp(self.k, &self.operands_of(twin), self.g.expr(twin), self.dy)
    }

    fn mirrored(&self, mirror: i64) -> Option<Wrong<'g>> {
        let twin = self.twin(|step| mirror - i64::from(step))?;
        self.vjp(self.k, &self.operands_of(twin), self.g.expr(twin), self.dy).map(Wrong::Term)
    }

    /// ȳ unmasked, for an op that selects or multiplies by a mask.
    fn unmasked(&self, right: Term<'g>) -> Wrong<'g> {
        let is_mask = |x: &Expr| self.graph.node(x.id()).is_ok_and(|node| node.op.name() == "dropout_mask");
        let masks = match self.op.name() {
            "relu" | "select" | "max" | "min" => true,
            "mul" => is_mask(&self.operands[1 - self.k]),
            _ => false,
        };
        if masks { Wrong::Term(Term { value: self.dy, ..right }) } else { Wrong::Impossible }
    }
}

/// The name of a node in reports.
pub fn name(graph: &Graph, node: NodeId) -> String {
    graph.name(node).unwrap()
}

/// ‖a − b‖ and ‖a‖
pub fn distance(a: &Value<f64>, b: &Value<f64>) -> [f64; 2] {
    let norm = |a: &ArrayD<f64>| a.iter().map(|x| x * x).sum::<f64>().sqrt();
    [norm(&(a.float() - b.float())), norm(a.float())]
}
