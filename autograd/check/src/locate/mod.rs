//! Locates the faulty node behind a wrong gradient.
//!
//! Reverse mode is one equation per node. For a node x with the users u₁, u₂, …, of which it is an operand,
//!
//! `x̄ = seed + Σⱼ Jⱼᵀ ūⱼ`, so along a direction r `⟨x̄, r⟩ = ⟨seed, r⟩ + Σⱼ ⟨ūⱼ, Jⱼ r⟩`
//!
//! where Jⱼ r, the derivative of one op alone at its recorded operands, comes from its dual kernel, which is
//! independent of VJPs. The ū are used as claimed, right or wrong: so an error shows at the one node where it arises,
//! and not at those that follow. Nodes are walked backwards from the outputs, and the first one with a broken
//! equation is blamed. `blame.rs` finds the faulty user, `worst.rs` the worst element, and `hint.rs` the likely
//! mistake.
//!
//! An op at its own kink has no derivative there. Its VJP must give a value between its one-sided slopes.
//!
//! A dual kernel can be wrong too: it is compared with differences of the op's `f64` kernel, for each op alone
//! (`kernel.rs`). If the two differ, Jⱼ r is taken from the differences.
//!
//! **A proof.** If all these equations hold, the gradient is correct by the chain rule, however large, small or
//! chaotic the function is, since each equation has its own scale. Every check tests this ([`Proof`]).

mod blame;
mod edge;
mod hint;
mod kernel;
mod rule;
mod rules;
mod worst;

pub(super) use rules::rules;

use super::hint::Hint;
use super::leaves;
use autograd::graph::{Graph, NodeId, Users};
use autograd::ops::{Op, Sampler};
use autograd::{Error, Kind, Point, Value, eval_with};
use edge::{Edge, How};
use kernel::Tangent;
use ndarray::ArrayD;
use std::collections::{HashMap, HashSet};

/// The maximum number of other broken equations that are compared with the first.
const ALIKE: usize = 1_000;

/// The part of an op that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Its vector-Jacobian product: the gradient is wrong.
    Vjp,
    /// Its kernel in dual numbers: forward mode is wrong, but the gradient is not.
    DualKernel,
}

impl Part {
    /// A word or two for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vjp => "vjp",
            Self::DualKernel => "dual kernel",
        }
    }
}

/// A node whose own derivative is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Guilty {
    /// The wrong part.
    pub part: Part,
    /// The node: `l0/f[3]`.
    pub node: String,
    /// Its op: `sigmoid`.
    pub op: String,
    /// The operand with the wrong adjoint, from 0.
    pub operand: usize,
    /// That operand's name.
    pub operand_name: String,
    /// The layer it belongs to: `l0`.
    pub layer: Option<String>,
    /// The gate or variable: `f`.
    pub gate: Option<String>,
    /// The time step, from 1.
    pub step: Option<u32>,
    /// The worst element of the operand's adjoint.
    pub index: Vec<usize>,
    /// The claimed value of that element.
    pub analytic: f64,
    /// The expected value.
    pub numeric: f64,
    /// The likely mistake.
    pub hint: Hint,
    /// The number of uses of that line with the same fault, one per step.
    pub uses: usize,
    /// The number of all uses.
    pub of: usize,
    /// For an elementwise op: the actual VJP, and one that would fit, as short formulas if found.
    pub rule: Option<[String; 2]>,
}

impl Guilty {
    /// analytic / numeric
    pub fn ratio(&self) -> f64 {
        self.analytic / self.numeric
    }
}

/// A graph at a point, and outputs with their cotangents.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub graph: &'a Graph,
    pub point: &'a Point<f64>,
    pub ys: &'a [NodeId],
    pub cotangents: &'a [Value<f64>],
    /// The number of nodes of the user's graph; a later `stop_gradient` hides a derivative.
    pub forward: usize,
    /// Whether the gradients are computed in `f32`.
    pub single: bool,
}

/// The recorded values of the nodes between the x and the outputs, and of their adjoints.
struct Record<'a> {
    scene: Scene<'a>,
    values: HashMap<usize, Value<f64>>,
    /// The adjoint of each node that has one.
    adjoints: HashMap<usize, usize>,
    /// Whether a node is in between.
    between: Vec<bool>,
    users: Users,
    /// The nodes with untrusted dual kernels.
    doubted: HashSet<usize>,
}

/// The results of the nodes' equations.
pub(super) struct Proof {
    /// The nodes with broken equations, from the outputs backwards.
    broken: Vec<usize>,
    /// The nodes whose equations hold between the one-sided slopes of ops at kinks.
    kinks: Vec<usize>,
    /// Whether every op's dual kernel is the derivative of its `f64` kernel.
    pub kernels_agree: bool,
    /// The faulty node, if one was found.
    pub guilty: Option<Guilty>,
    /// For the gradient of each node, the result of the equations behind it.
    behind: HashMap<NodeId, Equations>,
}

/// The result of the equations behind one gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Equations {
    /// All hold.
    Hold,
    /// All hold, some of them between the one-sided slopes of an op at a kink.
    HoldOnKinks,
    /// All hold to single precision, and the function has a slope on each side.
    HoldInSingle,
    /// All hold to single precision, which proves nothing.
    Unknown,
    /// One of them does not hold.
    Broken,
}

impl Proof {
    /// The result for the gradient with respect to a node.
    pub fn of(&self, x: NodeId) -> Equations {
        self.behind.get(&x).copied().unwrap_or(Equations::Hold)
    }

    /// Whether an equation is broken.
    pub fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }
}

/// Checks the equation of every node between the xs and the outputs. `adjoint` returns a node's adjoint.
///
/// # Errors
/// As [`eval_with`].
pub(super) fn prove(
    scene: &Scene,
    xs: &[NodeId],
    adjoint: &dyn Fn(NodeId) -> Option<NodeId>,
    sampler: &mut Sampler,
) -> Result<Proof, Error> {
    let mut record = Record::new(scene, xs, adjoint)?;
    let mut proof = Proof {
        broken: Vec::new(),
        kinks: Vec::new(),
        kernels_agree: true,
        guilty: None,
        behind: HashMap::new(),
    };
    // Operands of a held value were not computed, and have no adjoint.
    let asked = |i: &usize| record.between[*i] && record.values.contains_key(i);
    let nodes: Vec<usize> = (0..record.between.len()).rev().filter(asked).collect();
    if scene.single {
        proof.guilty = record.worst(&mut proof, sampler);
    } else {
        let tangents: Vec<Tangent> = nodes.iter().map(|&u| record.tangent(u, sampler)).collect();
        let those = |tangent: Tangent| {
            nodes.iter().zip(&tangents).filter(move |(_, t)| **t == tangent).map(|(&u, _)| u)
        };
        record.doubted = those(Tangent::Wrong).collect();
        proof.kinks = those(Tangent::OnKink).collect();
        let sharp: HashSet<usize> = proof.kinks.iter().copied().collect();
        proof.kernels_agree = record.doubted.is_empty();
        for &i in &nodes {
            let equation = record.equation(i);
            let on_kink = equation.edges.iter().any(|edge| sharp.contains(&edge.user));
            let holds = equation.holds(sampler) && blame::rest_holds(&record, i, &equation, sampler);
            if holds && !on_kink {
                continue;
            }
            match equation.holds_on_kinks(sampler) {
                Some(true) => proof.kinks.push(i),
                None if holds => {}
                _ => proof.broken.push(i),
            }
        }
        proof.guilty = match proof.broken.first() {
            Some(&i) => Some(record.blamed(i, &proof.broken, sampler)),
            None => record.doubted.iter().max().and_then(|&u| record.wrong_dual(u, sampler)),
        };
    }
    for &x in xs {
        proof.behind.insert(x, record.of(x.index(), &proof));
    }
    Ok(proof)
}

impl<'a> Record<'a> {
    fn new(
        scene: &Scene<'a>,
        xs: &[NodeId],
        adjoint: &dyn Fn(NodeId) -> Option<NodeId>,
    ) -> Result<Self, Error> {
        let graph = scene.graph;
        let ancestors = leaves::ancestors(graph, scene.ys)?;
        let mut between = vec![false; graph.len()];
        for id in &ancestors {
            let i = id.index();
            let computed = scene.point.get(*id).is_none();
            let moves = xs.contains(id) || (computed && graph.operands_at(i).any(|x| between[x]));
            between[i] = moves && graph.at(i).ty.kind == Kind::Float;
        }
        let mut adjoints = HashMap::new();
        let mut wanted = scene.ys.to_vec();
        for id in ancestors.iter().filter(|id| between[id.index()]) {
            if let Some(dx) = adjoint(*id) {
                adjoints.insert(id.index(), dx.index());
                wanted.push(dx);
                // The summands of an adjoint are recorded too.
                if matches!(graph.at(dx.index()).op, Op::Add(_)) {
                    wanted.extend(graph.operands_at(dx.index()).map(|s| graph.id(s)));
                }
            }
        }
        let mut keep = vec![false; graph.len()];
        ancestors.iter().chain(&wanted).for_each(|id| keep[id.index()] = true);
        let mut values = HashMap::new();
        let mut take = |id: NodeId, value: Value<f64>| values.insert(id.index(), value);
        if scene.single {
            eval_with::<f32>(graph, &scene.point.cast(), &wanted, |id, value| {
                keep[id.index()].then(|| take(id, value.cast()));
            })?;
        } else {
            eval_with(graph, scene.point, &wanted, |id, value| {
                keep[id.index()].then(|| take(id, value.clone()));
            })?;
        }
        Ok(Self { scene: *scene, values, adjoints, between, users: graph.users(), doubted: HashSet::new() })
    }

    /// The claimed adjoint of a node: zeros if it has none.
    fn claimed(&self, i: usize) -> ArrayD<f64> {
        let value = self.adjoints.get(&i).and_then(|dx| self.values.get(dx));
        let shape = &self.scene.graph.at(i).ty.shape;
        match value {
            Some(Value::Float(a)) if a.shape() == &shape[..] => a.clone(),
            // A claim of another shape is compared if it broadcasts.
            Some(Value::Float(a)) => a
                .broadcast(&shape[..])
                .map_or_else(|| ArrayD::from_elem(&shape[..], f64::NAN), |a| a.to_owned()),
            _ => ArrayD::zeros(&shape[..]),
        }
    }

    /// The uses of a node on paths to the outputs.
    fn edges(&self, i: usize) -> Vec<Edge<'_>> {
        let graph = self.scene.graph;
        let mut edges: Vec<Edge> = Vec::new();
        let mut users: Vec<usize> = self.users.at(i).iter().map(|&u| u as usize).collect();
        users.dedup();
        for user in
            users.into_iter().filter(|&u| self.between[u] && self.scene.point.get(graph.id(u)).is_none())
        {
            let adjoint = self.claimed(user);
            for (operand, _) in graph.operands_at(user).enumerate().filter(|&(_, x)| x == i) {
                edges.extend(Edge::new(self, user, operand, adjoint.clone()));
            }
        }
        edges
    }

    /// The seed of a node that is an output.
    fn seed(&self, i: usize) -> Option<ArrayD<f64>> {
        let mut outputs = self.scene.ys.iter().zip(self.scene.cotangents).filter(|(y, _)| y.index() == i);
        let first = outputs.next()?.1.float().clone();
        Some(outputs.fold(first, |sum, (_, v)| sum + v.float()))
    }

    fn equation(&self, i: usize) -> blame::Equation<'_> {
        let mut edges = self.edges(i);
        for edge in edges.iter_mut().filter(|edge| self.doubted.contains(&edge.user)) {
            edge.how = How::Differences;
        }
        blame::Equation {
            claimed: self.claimed(i),
            seed: self.seed(i),
            edges,
            value: self.values[&i].float(),
            single: self.scene.single,
        }
    }

    /// In single precision: the node with the largest residual, in units of its rounding error.
    fn worst(&self, proof: &mut Proof, sampler: &mut Sampler) -> Option<Guilty> {
        let mut worst = (1.0, None);
        for i in (0..self.between.len()).rev().filter(|&i| self.between[i]) {
            let equation = self.equation(i);
            let excess = equation.excess(sampler);
            if excess <= 1.0 {
                continue;
            }
            if equation.holds_on_kinks(sampler) == Some(true) {
                proof.kinks.push(i);
                continue;
            }
            proof.broken.push(i);
            if excess > worst.0 || excess.is_nan() {
                worst = (if excess.is_nan() { f64::INFINITY } else { excess }, Some(i));
            }
        }
        Some(self.blamed(worst.1?, &proof.broken, sampler))
    }

    /// The result of the equations behind the gradient with respect to one node.
    fn of(&self, x: usize, proof: &Proof) -> Equations {
        let graph = self.scene.graph;
        let mut depends = vec![false; self.between.len()];
        for i in x..depends.len() {
            depends[i] = i == x || (self.between[i] && graph.operands_at(i).any(|j| depends[j]));
        }
        let any = |list: &[usize]| list.iter().any(|&i| depends[i]);
        if any(&proof.broken) {
            Equations::Broken
        } else if any(&proof.kinks) {
            Equations::HoldOnKinks
        } else if self.scene.single {
            Equations::Unknown
        } else {
            Equations::Hold
        }
    }

    /// The faulty node of a broken equation, and the number of other places with the same fault.
    fn blamed(&self, i: usize, broken: &[usize], sampler: &mut Sampler) -> Guilty {
        let equation = self.equation(i);
        let (suspect, worst, hint) = blame::blame(self, i, &equation, sampler);
        let uses = suspect.edges.len();
        let mut guilty = self.report(i, &equation, &suspect, &worst, hint);
        guilty.uses = uses.max(1);
        let Some(&first) = suspect.edges.first() else { return guilty };
        let (user, operand) = (equation.edges[first].user, equation.edges[first].operand);
        if uses == 1 && !self.scene.single {
            let mut wrong = vec![(i, first)];
            for &other in broken.iter().filter(|&&other| other != i).take(ALIKE) {
                let equation = self.equation(other);
                let (suspect, _, hint) = blame::blame(self, other, &equation, sampler);
                let [j] = suspect.edges[..] else { continue };
                if hint.is_like(&guilty.hint)
                    && self.is_alike(user, equation.edges[j].user)
                    && equation.edges[j].operand == operand
                {
                    wrong.push((other, j));
                }
            }
            guilty.uses = wrong.len();
            if guilty.hint == Hint::Unknown {
                guilty.rule =
                    rule::search(wrong.iter().map(|&(i, j)| (self.claimed(i), self.equation(i), j)));
            }
        }
        let graph = self.scene.graph;
        let alike = |&u: &usize| {
            let moves = graph.operands_at(u).nth(operand).is_some_and(|x| self.between[x]);
            moves && self.between[u] && self.is_alike(user, u)
        };
        guilty.of = (0..self.between.len()).filter(alike).count();
        guilty
    }

    /// Whether two nodes come from one source line, at different steps.
    fn is_alike(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.scene.graph.at(a), self.scene.graph.at(b));
        let line = |node: &autograd::graph::Node| {
            (node.origin.layer.clone(), node.origin.name.clone(), node.origin.ordinal)
        };
        a.op.name() == b.op.name() && line(a) == line(b)
    }

    fn report(
        &self,
        i: usize,
        equation: &blame::Equation,
        suspect: &blame::Suspect,
        worst: &worst::Worst,
        hint: Hint,
    ) -> Guilty {
        let graph = self.scene.graph;
        let edge = suspect.edges.first().map(|&j| &equation.edges[j]);
        let node = edge.map_or(i, |edge| edge.user);
        let origin = &graph.at(node).origin;
        Guilty {
            part: Part::Vjp,
            node: graph.name_at(node),
            op: graph.at(node).op.name().into(),
            operand: edge.map_or(0, |edge| edge.operand),
            operand_name: graph.name_at(i),
            layer: origin.layer.as_deref().map(str::to_string),
            gate: origin.name.as_deref().map(str::to_string),
            step: origin.step,
            index: worst.index.clone(),
            analytic: worst.claimed,
            numeric: worst.expected,
            hint,
            uses: 1,
            of: 1,
            rule: None,
        }
    }
}
