//! A second reverse mode in which a single use of a value can have a wrong VJP; the fault propagates from there.

use super::fault::{Fault, Mutant, Wrong};
use autograd::graph::Role;
use autograd::ops::{Adjoint, Op, Sampler};
use autograd::{Builder, Expr, Graph, Kind, NodeId};
use std::collections::HashMap;

/// An operand of a node: the node's VJP contributes one term to that operand's adjoint.
pub type Use = (NodeId, usize);

/// A node in the backward walk, with what a fault can access there.
pub struct Visit<'a, 'g> {
    pub g: &'g Builder,
    pub graph: &'a Graph,
    pub node: NodeId,
    pub op: &'a Op,
    pub operands: Vec<Expr<'g>>,
    /// The operand whose adjoint is computed.
    pub k: usize,
    /// The node's own adjoint.
    pub dy: Expr<'g>,
    /// The adjoints computed before.
    pub adjoints: &'a HashMap<NodeId, Expr<'g>>,
}

impl<'g> Visit<'_, 'g> {
    pub fn y(&self) -> Expr<'g> {
        self.g.expr(self.node)
    }

    /// The operand whose adjoint is computed.
    pub fn x(&self) -> Expr<'g> {
        self.operands[self.k]
    }

    /// The VJP for operand k with these operands, result and adjoint, before the sum over broadcast axes; `None` if
    /// the derivative is zero or undefined.
    pub fn vjp(&self, k: usize, x: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Option<Term<'g>> {
        match self.op.operator()?.vjp(k, x, y, dy) {
            Adjoint::Dense(value) => Some(Term { value, part: false }),
            Adjoint::Part { axis, start, value } => {
                let shape = x[k].shape();
                let value = if value.shape().len() < shape.len() { value.insert_axis(axis) } else { value };
                let after = shape[axis] - start - value.shape()[axis];
                Some(Term { value: value.pad(axis, start, after), part: true })
            }
            Adjoint::Zero | Adjoint::NotDefined => None,
        }
    }

    /// The correct term.
    pub fn right(&self) -> Option<Term<'g>> {
        self.vjp(self.k, &self.operands, self.y(), self.dy)
    }

    /// The same node of another step.
    pub fn twin(&self, step: impl Fn(u32) -> i64) -> Option<NodeId> {
        let node = self.graph.node(self.node).ok()?;
        let origin = &node.origin;
        let wanted = step(origin.step?);
        self.graph.ids().find(|&id| {
            let other = self.graph.node(id).unwrap();
            let o = &other.origin;
            o.role == Role::Forward
                && o.step.map(i64::from) == Some(wanted)
                && (&o.layer, &o.name, o.ordinal) == (&origin.layer, &origin.name, origin.ordinal)
                && (other.op.name(), &other.ty) == (node.op.name(), &node.ty)
                && self.operands_of(id).iter().map(|x| x.ty()).eq(self.operands.iter().map(|x| x.ty()))
        })
    }

    pub fn operands_of(&self, node: NodeId) -> Vec<Expr<'g>> {
        self.graph.operands(node).unwrap().map(|x| self.g.expr(x)).collect()
    }
}

/// The contribution of one use.
#[derive(Clone, Copy)]
pub struct Term<'g> {
    pub value: Expr<'g>,
    /// Whether it is the adjoint of a slice, to be assembled with others.
    pub part: bool,
}

/// The adjoints of all nodes on paths from the loss to `wrt`, with the faults of `mutant`; and the uses of values.
pub struct Swept<'g> {
    pub claims: Vec<(Expr<'g>, Expr<'g>)>,
    pub uses: Vec<Use>,
    /// Whether the fault was applied everywhere.
    pub planted: bool,
}

pub fn sweep<'g>(
    g: &'g Builder,
    graph: &Graph,
    loss: NodeId,
    wrt: &[NodeId],
    mutant: Option<&Mutant>,
) -> Swept<'g> {
    let mut depends: HashMap<NodeId, bool> = HashMap::new();
    for id in graph.ids() {
        let flows = graph.operands(id).unwrap().any(|x| depends[&x]);
        let float = graph[id].ty.kind == Kind::Float;
        depends.insert(id, float && (flows || wrt.contains(&id)));
    }
    let mut terms: HashMap<NodeId, Vec<Term>> = HashMap::new();
    terms.insert(loss, vec![Term { value: g.scalar(1.0), part: false }]);
    let mut adjoints: HashMap<NodeId, Expr> = HashMap::new();
    let mut swept = Swept { claims: Vec::new(), uses: Vec::new(), planted: true };
    for id in graph.ids().rev().filter(|id| depends[id]) {
        let Some(all) = terms.remove(&id) else { continue };
        let dy = total(g, g.expr(id), all);
        adjoints.insert(id, dy);
        swept.claims.push((g.expr(id), dy));
        let node = graph.node(id).unwrap();
        let operands: Vec<NodeId> = graph.operands(id).unwrap().collect();
        for (k, x) in operands.iter().enumerate().filter(|(_, x)| depends[x]) {
            let operands = operands.iter().map(|x| g.expr(*x)).collect();
            let visit = Visit { g, graph, node: id, op: &node.op, operands, k, dy, adjoints: &adjoints };
            let Some(right) = visit.right() else { continue };
            swept.uses.push((id, k));
            let term = match mutant.filter(|mutant| mutant.uses.contains(&(id, k))) {
                None => Some(right),
                Some(mutant) => match mutant.fault.plant(&visit, right, mutant) {
                    Wrong::Term(term) => Some(term),
                    Wrong::Nothing => None,
                    Wrong::Impossible => {
                        swept.planted = false;
                        return swept;
                    }
                },
            };
            terms
                .entry(*x)
                .or_default()
                .extend(term.map(|term| Term { value: term.value.sum_to(g.expr(*x).shape()), ..term }));
        }
    }
    swept
}

/// The sum of all terms. Those of slices are assembled into one term, as in `grad`.
fn total<'g>(g: &'g Builder, x: Expr<'g>, terms: Vec<Term<'g>>) -> Expr<'g> {
    // Users were visited from the last to the first.
    let (parts, mut dense): (Vec<Term>, Vec<Term>) = terms.into_iter().rev().partition(|term| term.part);
    let parts: Vec<Expr> = parts.into_iter().map(|term| term.value).collect();
    match parts[..] {
        [] => {}
        [value] => dense.push(Term { value, part: true }),
        _ => dense.push(Term { value: g.sum(&parts).reshape(x.shape()), part: true }),
    }
    match dense[..] {
        [] => g.zeros(x.shape()),
        [one] => one.value,
        _ => g.sum(&dense.iter().map(|term| term.value).collect::<Vec<_>>()),
    }
}

/// Random places for faults, `per` for each kind: uses of the nodes accepted by `of`, and VJPs that are wrong at
/// every step.
pub fn mutants(
    graph: &Graph,
    uses: &[Use],
    of: impl Fn(NodeId) -> bool,
    per: usize,
    sampler: &mut Sampler,
) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for fault in Fault::ALL {
        for places in [fault.places(graph, uses, &of), fault.rules(graph, uses, &of)] {
            let order = sampler.permutation(places.len());
            for (place, at) in order.into_iter().take(fault.share(per)).zip(0_u64..) {
                let seed = sampler.below(0..1 << 30) as u64 + at;
                mutants.push(Mutant { fault, seed, ..places[place].clone() });
            }
        }
    }
    mutants
}
