//! Which node is guilty of a wrong gradient.
//!
//! Reverse mode is one equation a node. For a node x with the users u₁, u₂, …, of which it is an operand,
//!
//! `x̄ = seed + Σⱼ Jⱼᵀ ūⱼ`, so along a direction r `⟨x̄, r⟩ = ⟨seed, r⟩ + Σⱼ ⟨ūⱼ, Jⱼ r⟩`
//!
//! where Jⱼ r, the derivative of one op alone at its recorded operands, comes from its dual kernel, which knows nothing of
//! any VJP. The ū are taken as they were claimed, right or wrong: so an error is seen at the one node where it arises, and
//! not at all that follow. Nodes are walked from the outputs backwards, and the first whose equation does not hold is
//! blamed. Which of its users is guilty says `blame.rs`, how much the element is off `worst.rs`, and what that suggests
//! `hint.rs`.
//!
//! An op on a kink of its own has no derivative there. What it hands back must lie between its slopes from both sides.
//!
//! A kernel can be wrong about its own tangent too. If all equations hold with duals and differences still say that
//! something is wrong, Jⱼ r is taken once more, from differences of that op alone.

mod blame;
mod edge;
mod hint;
mod rules;
mod worst;

pub use hint::Hint;
pub(super) use rules::rules;

use super::leaves;
use autograd::graph::{Graph, NodeId, Users};
use autograd::ops::{Op, Sampler};
use autograd::{Error, Kind, Point, Value, eval_with};
use edge::{Edge, How};
use ndarray::ArrayD;
use std::collections::HashMap;

/// A node whose own vector-Jacobian product is wrong, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Guilty {
    /// The node: `l0/f[3]`.
    pub node: String,
    /// Its op: `sigmoid`.
    pub op: String,
    /// Which of its operands gets a wrong adjoint from it, from 0.
    pub operand: usize,
    /// That operand's name.
    pub operand_name: String,
    /// The layer it belongs to: `l0`.
    pub layer: Option<String>,
    /// The gate or variable: `f`.
    pub gate: Option<String>,
    /// The time step, from 1.
    pub step: Option<u32>,
    /// The element that is farthest off, in the operand's adjoint.
    pub index: Vec<usize>,
    /// What is claimed for that element.
    pub analytic: f64,
    /// What it should be.
    pub numeric: f64,
    /// What the whole of it suggests.
    pub hint: Hint,
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
    /// How many nodes the user's graph has; beyond them, a `stop_gradient` hides what should be there.
    pub forward: usize,
    /// Whether the gradients are computed in `f32`.
    pub single: bool,
}

/// What the walk sees: values of the nodes between the x and the outputs, and of their adjoints.
struct Record<'a> {
    scene: Scene<'a>,
    values: HashMap<usize, Value<f64>>,
    /// The adjoint of each node that has one.
    adjoints: HashMap<usize, usize>,
    /// Whether a node lies between.
    between: Vec<bool>,
    users: Users,
}

/// The first node, from the outputs backwards, whose VJP is not the transpose of its derivative. `adjoint` says where a
/// node's adjoint is. With `thorough`, kernels are not trusted either.
///
/// # Errors
/// As [`eval_with`].
pub(super) fn locate(
    scene: &Scene,
    xs: &[NodeId],
    adjoint: &dyn Fn(NodeId) -> Option<NodeId>,
    thorough: bool,
    sampler: &mut Sampler,
) -> Result<Option<Guilty>, Error> {
    let record = Record::new(scene, xs, adjoint)?;
    if scene.single {
        return Ok(record.worst(sampler));
    }
    for how in [How::Duals, How::Differences] {
        for i in (0..record.between.len()).rev().filter(|&i| record.between[i]) {
            if let Some(guilty) = record.examine(i, how, sampler) {
                return Ok(Some(guilty));
            }
        }
        if !thorough {
            break;
        }
    }
    Ok(None)
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
                // What an adjoint is the sum of is looked at too.
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
        Ok(Self { scene: *scene, values, adjoints, between, users: graph.users() })
    }

    /// The claimed adjoint of a node: zeros if it has none.
    fn claimed(&self, i: usize) -> ArrayD<f64> {
        let value = self.adjoints.get(&i).and_then(|dx| self.values.get(dx));
        let shape = &self.scene.graph.at(i).ty.shape;
        match value {
            Some(Value::Float(a)) if a.shape() == &shape[..] => a.clone(),
            // A claim of another shape is compared as far as it broadcasts.
            Some(Value::Float(a)) => a
                .broadcast(&shape[..])
                .map_or_else(|| ArrayD::from_elem(&shape[..], f64::NAN), |a| a.to_owned()),
            _ => ArrayD::zeros(&shape[..]),
        }
    }

    /// The uses of a node on the way to the outputs.
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

    /// ⟨seed, r⟩ of a node that is an output.
    fn seed(&self, i: usize) -> Option<ArrayD<f64>> {
        let mut outputs = self.scene.ys.iter().zip(self.scene.cotangents).filter(|(y, _)| y.index() == i);
        let first = outputs.next()?.1.float().clone();
        Some(outputs.fold(first, |sum, (_, v)| sum + v.float()))
    }

    fn equation(&self, i: usize, how: How) -> blame::Equation<'_> {
        let mut edges = self.edges(i);
        edges.iter_mut().for_each(|edge| edge.how = how);
        blame::Equation { claimed: self.claimed(i), seed: self.seed(i), edges, single: self.scene.single }
    }

    /// In single precision: the node whose equation is farthest off, in units of what rounding may cost it.
    fn worst(&self, sampler: &mut Sampler) -> Option<Guilty> {
        let mut worst = (1.0, None);
        for i in (0..self.between.len()).rev().filter(|&i| self.between[i]) {
            let equation = self.equation(i, How::Duals);
            let excess = equation.excess(sampler);
            if !(excess <= worst.0 || equation.holds_on_kinks(sampler)) {
                worst = (if excess.is_nan() { f64::INFINITY } else { excess }, Some(i));
            }
        }
        let i = worst.1?;
        let equation = self.equation(i, How::Duals);
        let suspect = blame::blame(self, i, &equation, sampler);
        Some(self.report(i, &equation, &suspect, sampler))
    }

    fn examine(&self, i: usize, how: How, sampler: &mut Sampler) -> Option<Guilty> {
        let equation = self.equation(i, how);
        if equation.holds(sampler) || equation.holds_on_kinks(sampler) {
            return None;
        }
        let suspect = blame::blame(self, i, &equation, sampler);
        Some(self.report(i, &equation, &suspect, sampler))
    }

    fn report(
        &self,
        i: usize,
        equation: &blame::Equation,
        suspect: &blame::Suspect,
        sampler: &mut Sampler,
    ) -> Guilty {
        let graph = self.scene.graph;
        let worst = worst::worst(equation, suspect, sampler);
        let hint = hint::hint(self, equation, suspect, &worst, sampler);
        let edge = suspect.edge.map(|j| &equation.edges[j]);
        let node = edge.map_or(i, |edge| edge.user);
        let origin = &graph.at(node).origin;
        Guilty {
            node: graph.name_at(node),
            op: graph.at(node).op.name().into(),
            operand: edge.map_or(0, |edge| edge.operand),
            operand_name: graph.name_at(i),
            layer: origin.layer.as_deref().map(str::to_string),
            gate: origin.name.as_deref().map(str::to_string),
            step: origin.step,
            index: worst.index,
            analytic: worst.claimed,
            numeric: worst.expected,
            hint,
        }
    }
}
