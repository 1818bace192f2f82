//! The point of a check: the leaves that vary, and a value for each.

use autograd::graph::{Graph, NodeId};
use autograd::ops::{Domain, Leaf, Op, Operand, Sampler};
use autograd::{Error, Kind, Point, Shape, Type, Value, eval, first_not_finite};
use ndarray::ArrayD;

/// The nodes that the outputs depend on, themselves included, ascending.
pub(super) fn ancestors(graph: &Graph, outputs: &[NodeId]) -> Result<Vec<NodeId>, Error> {
    let mut needed = vec![false; graph.len()];
    for &y in outputs {
        needed[graph.index(y)?] = true;
    }
    for i in (0..graph.len()).rev().filter(|&i| graph.at(i).op.operator().is_some()) {
        if needed[i] {
            graph.operands_at(i).for_each(|x| needed[x] = true);
        }
    }
    Ok(graph.ids().filter(|id| needed[id.index()]).collect())
}

/// The real parameters and inputs that the outputs depend on.
pub(super) fn real(graph: &Graph, outputs: &[NodeId]) -> Result<Vec<NodeId>, Error> {
    let real = |id: &NodeId| {
        let node = graph.at(id.index());
        node.ty.kind == Kind::Float && matches!(&node.op, Op::Leaf(leaf) if leaf.name().is_some())
    };
    Ok(ancestors(graph, outputs)?.into_iter().filter(real).collect())
}

/// Those leaves and all real parameters, even if the outputs do not depend on them.
pub(super) fn with_parameters(graph: &Graph, leaves: Vec<NodeId>) -> Vec<NodeId> {
    let is_real = |id: &NodeId| graph.at(id.index()).ty.kind == Kind::Float;
    let mut all: Vec<NodeId> = leaves.into_iter().chain(graph.parameters().filter(is_real)).collect();
    all.sort_by_key(|id| id.index());
    all.dedup();
    all
}

/// Completes a point: a value for every leaf that some nodes depend on.
///
/// # Errors
/// If a value does not fit its node, or is given to a computed node: the gradient flows through such a node, but
/// differences would not.
pub(super) fn complete(
    graph: &Graph,
    mut point: Point<f64>,
    read: &[NodeId],
    sampler: &mut Sampler,
) -> Result<Point<f64>, Error> {
    for (id, _) in point.iter() {
        if graph.node(id)?.op.operator().is_some() {
            let reason =
                "a check is done at values of leaves, and this node is computed: leave its value out";
            return Err(Error::Value { node: graph.name(id)?, reason: reason.into() });
        }
    }
    for id in ancestors(graph, read)? {
        let node = graph.node(id)?;
        if point.get(id).is_none()
            && let Op::Leaf(leaf @ (Leaf::Input { .. } | Leaf::Parameter { .. })) = &node.op
        {
            point.set(id, draw(leaf, &node.ty, sampler));
        }
    }
    Ok(point)
}

fn draw(leaf: &Leaf, ty: &Type, sampler: &mut Sampler) -> Value<f64> {
    let bound = match (leaf, &ty.shape[..]) {
        (Leaf::Parameter { .. }, [_, .., columns]) => (3.0 / (*columns).max(1) as f64).sqrt(),
        _ => 1.0,
    };
    let domain = if ty.kind == Kind::Float { Domain::reals(-bound, bound) } else { Domain::Any };
    sampler.values(&[Operand { ty: ty.clone(), domain }]).remove(0)
}

/// Random weights, of either sign and none near zero: from ±[½, 1½].
pub(super) fn weights(shape: &Shape, sampler: &mut Sampler) -> ArrayD<f64> {
    let operand = sampler.float(shape, Domain::reals(-1.0, 1.0));
    sampler.values(&[operand]).remove(0).into_float().mapv_into(|x| x + 0.5_f64.copysign(x))
}

/// Checks that every output is finite.
///
/// # Errors
/// The first node that is not finite, by name.
pub(super) fn finite(graph: &Graph, point: &Point<f64>, outputs: &[NodeId]) -> Result<(), Error> {
    let finite = |y: &Value<f64>| y.float().iter().all(|x| x.is_finite());
    if eval(graph, point, outputs)?.iter().all(finite) {
        return Ok(());
    }
    let node = first_not_finite(graph, point, outputs)?.unwrap_or(outputs[0]);
    Err(Error::NotFinite { node: graph.name(node)? })
}
