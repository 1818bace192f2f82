//! The power of the gradient check: faults planted in correct gradients, and the resulting verdicts.
//!
//! A mutant is a graph with its gradient, in which the VJP of one use of a value (`sweep.rs`), or of all its steps,
//! has a fault (`fault.rs`). It counts if it changes the gradient of a leaf by more than a bound, relative to the
//! norm of that tensor. It is caught if the verdict is [`Verdict::Fail`], and named correctly if the node that is
//! reported is the one with the wrong VJP.
#![allow(dead_code)] // the table and its test use a part each

pub mod alarms;
pub mod fault;
pub mod subjects;
pub mod sweep;
pub mod table;

use autograd::ops::Sampler;
use autograd::{Builder, Graph, NodeId, Point, Value, eval};
use autograd_check::Verdict;
use autograd_check::{Check, Report};
use fault::{Mutant, distance, name};
use std::sync::Arc;
use sweep::{Use, mutants, sweep};

/// The precision of the gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Double,
    Single,
}

impl Precision {
    /// A fault that changes every gradient by less than this fraction of its norm does not count.
    pub fn bound(self) -> f64 {
        match self {
            Self::Double => 1e-9,
            Self::Single => 1e-4,
        }
    }
}

/// A graph to plant faults in.
pub struct Subject {
    pub name: String,
    pub graph: Arc<Graph>,
    pub loss: NodeId,
    pub leaves: Vec<NodeId>,
    pub point: Point<f64>,
    /// The nodes whose VJPs are changed; if empty, all.
    pub nodes: Vec<NodeId>,
}

/// The outcome for a mutant that counts.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub subject: String,
    pub mutant: Mutant,
    /// The op with the wrong VJP.
    pub op: String,
    /// The largest change of a gradient, relative to its norm.
    pub change: f64,
    pub verdict: Verdict,
    /// The node that was reported, and whether it is the right one.
    pub named: Option<(String, bool)>,
    pub hint: String,
    /// The wrong VJP, to inspect what was missed.
    pub place: String,
}

impl Outcome {
    pub fn is_caught(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    pub fn is_named(&self) -> bool {
        self.is_caught() && self.named.as_ref().is_some_and(|(_, right)| *right)
    }
}

/// The outcomes for all mutants of some subject.
#[derive(Clone, Debug, Default)]
pub struct Harvest {
    /// All planted faults, by fault and op.
    pub planted: Vec<(fault::Kind, String)>,
    /// The outcomes that count.
    pub outcomes: Vec<Outcome>,
}

impl Subject {
    fn uses(&self) -> Vec<Use> {
        let g = Builder::resume(self.graph.clone());
        sweep(&g, &self.graph, self.loss, &self.leaves, None).uses
    }

    /// Plants faults at random places, `per` of each kind, and checks.
    pub fn harvest(&self, per: usize, precision: Precision, seed: u64) -> Harvest {
        let mut harvest = Harvest::default();
        let right = self.gradients(None);
        let of = |node: NodeId| self.nodes.is_empty() || self.nodes.contains(&node);
        let sampler = &mut Sampler::new(seed);
        for mutant in mutants(&self.graph, &self.uses(), of, per, sampler) {
            let wrong = self.gradients(Some(&mutant));
            let (Some(right), Some(wrong)) = (&right, wrong) else { continue };
            let op = self.graph[mutant.uses[0].0].op.name().to_string();
            harvest.planted.push((mutant.kind(), op.clone()));
            let change = self.change(right, &wrong);
            if change > precision.bound() {
                harvest.outcomes.push(self.outcome(mutant, op, change, precision));
            }
        }
        harvest
    }

    /// The gradients of the leaves; `None` if the fault does not apply here, or makes them infinite.
    fn gradients(&self, mutant: Option<&Mutant>) -> Option<Vec<Value<f64>>> {
        let g = Builder::resume(self.graph.clone());
        let swept = sweep(&g, &self.graph, self.loss, &self.leaves, mutant);
        if !swept.planted {
            return None;
        }
        let claim = |x: &NodeId| {
            let claim = swept.claims.iter().find(|(of, _)| of.id() == *x);
            claim.map_or_else(|| g.zeros(g.expr(*x).shape()), |claim| claim.1)
        };
        let wanted: Vec<_> = self.leaves.iter().map(claim).collect();
        Some(eval(&*g.graph().ok()?, &self.point, &wanted).unwrap())
    }

    /// The largest change of a gradient relative to its norm. Changes within rounding do not count.
    fn change(&self, right: &[Value<f64>], wrong: &[Value<f64>]) -> f64 {
        let pairs: Vec<[f64; 2]> = right.iter().zip(wrong).map(|(a, b)| distance(a, b)).collect();
        let largest = pairs.iter().map(|[_, norm]| *norm).fold(0.0, f64::max);
        let rounding = 10.0 * self.graph.len() as f64 * f64::EPSILON * largest;
        let changes = pairs.iter().filter(|[off, _]| *off > rounding || off.is_nan());
        changes.map(|[off, norm]| off / norm).fold(0.0, |max, c| if c > max || c.is_nan() { c } else { max })
    }

    /// The report on the gradient with this fault, or on the correct one.
    pub fn check(&self, mutant: Option<&Mutant>, precision: Precision) -> Report {
        let g = Builder::resume(self.graph.clone());
        let claims = sweep(&g, &self.graph, self.loss, &self.leaves, mutant).claims;
        let wrt: Vec<_> = self.leaves.iter().map(|x| g.expr(*x)).collect();
        let check = Check::new(g.expr(self.loss)).against(&claims).wrt(&wrt).at(self.point.clone());
        (if precision == Precision::Single { check.single() } else { check }).run().unwrap()
    }

    fn outcome(&self, mutant: Mutant, op: String, change: f64, precision: Precision) -> Outcome {
        let report = self.check(Some(&mutant), precision);
        let names: Vec<String> = mutant.uses.iter().map(|(node, _)| name(&self.graph, *node)).collect();
        let guilty = report.guilty.as_ref();
        let (node, k) = mutant.uses[0];
        let operands: Vec<String> =
            self.graph.operands(node).unwrap().map(|x| name(&self.graph, x)).collect();
        Outcome {
            subject: self.name.clone(),
            place: format!("{} of ({}) towards operand {k}", names[0], operands.join(", ")),
            op,
            change,
            verdict: report.verdict(),
            named: guilty.map(|guilty| (guilty.node.clone(), names.contains(&guilty.node))),
            hint: guilty.map_or_else(String::new, |guilty| guilty.hint.word().into()),
            mutant,
        }
    }
}
