//! The regimes of a graph's ops that a check has visited: sides of kinks, ties, exact zeros, saturation, repeated
//! indices.
//!
//! A VJP can be right on one side of a kink and wrong on the other, and a check at a point on one side says nothing
//! about the other. So the report counts regimes, and [`Check::visit`](crate::Check::visit) draws points until none
//! is missing, or reports the missing ones.

use super::leaves;
use autograd::graph::{Graph, NodeId};
use autograd::ops::Operator;
use autograd::{Error, Point, Value, eval_with};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The slope below which a sigmoid or a tanh is saturated: at 6.9 for a sigmoid, and at 4.1 for a tanh.
const SATURATED: f64 = 1e-3;

/// The regimes of the ops of a graph, and whether each was visited. `{}` names the unvisited ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    seen: BTreeMap<(String, &'static str), bool>,
    /// The number of points.
    pub points: usize,
}

impl Coverage {
    /// The regimes visited at one point by ops on a path of a gradient with respect to `wrt`.
    pub(super) fn of(
        graph: &Graph,
        point: &Point<f64>,
        outputs: &[NodeId],
        wrt: &[NodeId],
    ) -> Result<Self, Error> {
        let mut coverage = Self { points: 1, ..Self::default() };
        let mut read: HashMap<NodeId, Option<Value<f64>>> = HashMap::new();
        let ancestors = leaves::ancestors(graph, outputs)?;
        let mut moves = vec![false; graph.len()];
        for id in &ancestors {
            let i = id.index();
            moves[i] = wrt.contains(id) || graph.operands_at(i).any(|x| moves[x]);
        }
        let computed = |id: &NodeId| point.get(*id).is_none() && moves[id.index()];
        let op = |id: NodeId| graph.at(id.index()).op.operator();
        for id in ancestors.iter().copied().filter(computed).filter(|id| op(*id).is_some_and(has_regimes)) {
            read.insert(id, None);
            graph.operands_at(id.index()).for_each(|x| drop(read.insert(graph.id(x), None)));
        }
        eval_with(graph, point, outputs, |id, value| {
            if let Some(kept) = read.get_mut(&id) {
                *kept = Some(value.clone());
            }
        })?;
        for id in ancestors.into_iter().filter(computed) {
            let Some(op) = op(id).filter(|op| has_regimes(*op)) else { continue };
            let of = |i: usize| read.get(&graph.id(i)).and_then(Option::as_ref);
            let operands: Option<Vec<_>> = graph.operands_at(id.index()).map(of).collect();
            if let (Some(operands), Some(y)) = (operands, of(id.index())) {
                coverage.look(op, &operands, y);
            }
        }
        Ok(coverage)
    }

    /// Records the regimes of one node.
    fn look(&mut self, op: &dyn Operator, x: &[&Value<f64>], y: &Value<f64>) {
        let any = |value: &Value<f64>, of: &dyn Fn(f64) -> bool| match value {
            Value::Float(x) => x.iter().any(|x| of(*x)),
            _ => false,
        };
        let pairs = |of: fn(f64, f64) -> bool| match (x.first(), x.get(1)) {
            (Some(Value::Float(a)), Some(Value::Float(b))) => {
                let shape = y.shape();
                let both = a.broadcast(&shape[..]).zip(b.broadcast(&shape[..]));
                both.is_some_and(|(a, b)| a.iter().zip(b).any(|(a, b)| of(*a, *b)))
            }
            _ => false,
        };
        let name = op.name();
        let mut see = |regime, seen: bool| *self.seen.entry((name.into(), regime)).or_default() |= seen;
        match name {
            "relu" | "abs" => {
                see("above 0", any(x[0], &|x| x > 0.0));
                see("below 0", any(x[0], &|x| x < 0.0));
                see("at 0", any(x[0], &|x| x == 0.0));
            }
            "sigmoid" | "tanh" => {
                let slope = |y: f64| if name == "tanh" { 1.0 - y * y } else { y * (1.0 - y) };
                see("saturated", any(y, &|y| slope(y) < SATURATED));
                see("not saturated", any(y, &|y| slope(y) >= SATURATED));
            }
            "max" | "min" | "less" | "less_equal" | "equal" | "greater" | "greater_equal" | "not_equal" => {
                see("first larger", pairs(|a, b| a > b));
                see("second larger", pairs(|a, b| a < b));
                see("at a tie", pairs(|a, b| a - b == 0.0));
            }
            "reduce_max" => {
                let largest = op.branches(x).iter().filter(|at| **at).count();
                see("one largest", largest > 0);
                see("at a tie", largest > y.shape().count());
            }
            "select" => {
                if let Value::Bool(condition) = x[0] {
                    see("first taken", condition.iter().any(|c| *c));
                    see("second taken", condition.iter().any(|c| !c));
                }
            }
            "gather" | "scatter_add" => {
                for index in x {
                    if let Value::Index(index) = index {
                        let mut all: Vec<usize> = index.iter().copied().collect();
                        all.sort_unstable();
                        see("an index twice", all.windows(2).any(|pair| pair[0] == pair[1]));
                    }
                }
            }
            _ => {
                let sides = op.branches(x);
                if !sides.is_empty() {
                    see("one side", sides.contains(&true));
                    see("other side", sides.contains(&false));
                }
            }
        }
    }

    /// Adds a regime of something other than an op, such as a batch of several sequences.
    pub fn see(&mut self, what: &str, regime: &'static str, seen: bool) {
        *self.seen.entry((what.into(), regime)).or_default() |= seen;
    }

    /// Adds the regimes visited by another check.
    pub fn merge(&mut self, other: &Self) {
        self.points += other.points;
        other.seen.iter().for_each(|(key, seen)| *self.seen.entry(key.clone()).or_default() |= *seen);
    }

    /// The regimes in words, and whether each was visited.
    pub fn regimes(&self) -> impl Iterator<Item = (String, bool)> + '_ {
        self.seen.iter().map(|((op, regime), seen)| (format!("{op} {regime}"), *seen))
    }

    /// Whether all regimes were visited.
    pub fn is_complete(&self) -> bool {
        self.seen.values().all(|seen| *seen)
    }

    /// Whether there are no regimes, as for a foreign function.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// An op without kinks, saturation and indices has a single regime.
fn has_regimes(op: &dyn Operator) -> bool {
    !matches!(
        op.name(),
        "matmul" | "add" | "sub" | "mul" | "reshape" | "transpose" | "slice" | "at" | "stack" | "concat"
    )
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let all = self.seen.len();
        let missing: Vec<String> = self.regimes().filter(|(_, seen)| !seen).map(|(name, _)| name).collect();
        write!(f, "{} of {all} regimes visited", all - missing.len())?;
        if self.points > 1 {
            write!(f, " at {} points", self.points)?;
        }
        if missing.is_empty() { Ok(()) } else { write!(f, "; not: {}", missing.join(", ")) }
    }
}
