//! The interpreter: evaluates node by node, for any scalar type, without optimisation.
//!
//! It is the oracle for all other ways to compute a graph. It has two optimisations: it evaluates only what the
//! outputs need, and it drops a value after its last use.

use crate::error::Error;
use crate::graph::{Graph, NodeId};
use crate::ops::{Leaf, Op};
use crate::scalar::{Dual, Scalar};
use crate::value::Value;
use ndarray::Zip;
use std::collections::HashMap;

/// Values for leaves: the point at which a graph is evaluated.
///
/// Any node can be given a value, an interior one too: the interpreter uses it and does not evaluate the node's
/// operands. This perturbs a state in the middle of a sequence.
#[derive(Clone, Debug)]
pub struct Point<S> {
    values: HashMap<NodeId, Value<S>>,
}

impl<S> Default for Point<S> {
    fn default() -> Self {
        Self { values: HashMap::new() }
    }
}

impl<S: Scalar> Point<S> {
    /// A point without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a node a value.
    pub fn set(&mut self, node: impl Into<NodeId>, value: impl Into<Value<S>>) {
        self.values.insert(node.into(), value.into());
    }

    /// The same point with a value for a node.
    #[must_use]
    pub fn with(mut self, node: impl Into<NodeId>, value: impl Into<Value<S>>) -> Self {
        self.set(node, value);
        self
    }

    /// The value of a node.
    pub fn get(&self, node: impl Into<NodeId>) -> Option<&Value<S>> {
        self.values.get(&node.into())
    }

    /// All nodes with a value, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Value<S>)> {
        self.values.iter().map(|(&id, value)| (id, value))
    }

    /// The same point in another scalar type.
    pub fn cast<R: Scalar>(&self) -> Point<R> {
        Point { values: self.values.iter().map(|(&id, value)| (id, value.cast())).collect() }
    }
}

/// Evaluates nodes at a point.
///
/// # Errors
/// If a leaf that they depend on has no value, if a value does not fit its node, or if a handle belongs to
/// another graph.
pub fn eval<S: Scalar>(
    graph: &Graph,
    point: &Point<S>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Vec<Value<S>>, Error> {
    eval_with(graph, point, outputs, |_, _| ())
}

/// As [`eval`], and passes every computed or given value to `observe`, in order of execution.
///
/// # Errors
/// As [`eval`].
pub fn eval_with<S: Scalar>(
    graph: &Graph,
    point: &Point<S>,
    outputs: &[impl Into<NodeId> + Copy],
    mut observe: impl FnMut(NodeId, &Value<S>),
) -> Result<Vec<Value<S>>, Error> {
    let outputs: Vec<usize> = outputs.iter().map(|&y| graph.index(y.into())).collect::<Result<_, _>>()?;
    let mut given: Vec<Option<&Value<S>>> = vec![None; graph.len()];
    for (id, value) in point.iter() {
        let i = graph.index(id)?;
        let node = graph.at(i);
        value.fits(&node.ty).map_err(|reason| Error::Value { node: graph.name_at(i), reason })?;
        given[i] = Some(value);
    }

    // The number of pending reads per node; nodes without reads are not evaluated.
    let mut readers = vec![0u32; graph.len()];
    outputs.iter().for_each(|&y| readers[y] += 1);
    for i in (0..graph.len()).rev() {
        if readers[i] > 0 && given[i].is_none() {
            graph.operands_at(i).for_each(|x| readers[x] += 1);
        }
    }

    let mut made: Vec<Option<Value<S>>> = (0..graph.len()).map(|_| None).collect();
    for i in 0..graph.len() {
        if readers[i] == 0 {
            continue;
        }
        if let Some(value) = given[i] {
            observe(graph.id(i), value);
            continue;
        }
        let value = match &graph.at(i).op {
            Op::Leaf(Leaf::Constant(value)) => value.cast(),
            Op::Leaf(_) => {
                return Err(Error::Unset { leaf: graph.name_at(i), ty: graph.at(i).ty.to_string() });
            }
            op => {
                let operands: Vec<&Value<S>> =
                    graph.operands_at(i).filter_map(|x| given[x].or(made[x].as_ref())).collect();
                let operator = op.operator().expect("only leaves have no operator");
                S::run(operator, &operands)
            }
        };
        observe(graph.id(i), &value);
        made[i] = Some(value);
        for x in graph.operands_at(i) {
            readers[x] -= 1;
            if readers[x] == 0 {
                made[x] = None;
            }
        }
    }
    // The pending reads of a node are its positions among the outputs.
    let take = |&y: &usize| {
        readers[y] -= 1;
        let value = if readers[y] > 0 { made[y].clone() } else { made[y].take() };
        value.or_else(|| given[y].cloned()).expect("every output was computed or given")
    };
    Ok(outputs.iter().map(take).collect())
}

/// The directional derivatives of nodes (Jacobian-vector products), by dual numbers. `direction` has a tangent for
/// each leaf that varies; the others are constant. At a kink it takes one side's derivative, that of the first
/// operand at a tie. Outputs must be real.
///
/// # Errors
/// As [`eval`]; also if the shape of a tangent is not its node's.
pub fn jvp(
    graph: &Graph,
    point: &Point<f64>,
    direction: &Point<f64>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Vec<Value<f64>>, Error> {
    let mut dual = point.cast::<Dual>();
    for (id, tangent) in direction.iter() {
        let i = graph.index(id)?;
        let error = |reason: String| Error::Value { node: graph.name_at(i), reason };
        tangent.fits(&graph.at(i).ty).map_err(error)?;
        let Some(Value::Float(value)) = point.get(id) else {
            return Err(error("it has a tangent, and no value of real numbers to go with it".into()));
        };
        let joined =
            Zip::from(value).and(tangent.float()).map_collect(|&value, &tangent| Dual { value, tangent });
        dual.set(id, joined);
    }
    let tangent = |(value, &y): (Value<Dual>, &_)| match value {
        Value::Float(a) => Ok(Value::Float(a.mapv(|d| d.tangent))),
        _ => Err(Error::Value {
            node: graph.name(y)?,
            reason: "it holds no real numbers and has no tangent".into(),
        }),
    };
    let outputs: Vec<NodeId> = outputs.iter().map(|&y| y.into()).collect();
    eval(graph, &dual, &outputs)?.into_iter().zip(&outputs).map(tangent).collect()
}

/// The first node, in order of execution, whose value is not finite: the origin of a NaN.
///
/// # Errors
/// As [`eval`].
pub fn first_not_finite<S: Scalar>(
    graph: &Graph,
    point: &Point<S>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Option<NodeId>, Error> {
    let mut first = None;
    eval_with(graph, point, outputs, |id, value| {
        let finite = !matches!(value, Value::Float(a) if a.iter().any(|x| !x.value().is_finite()));
        if !finite {
            first.get_or_insert(id);
        }
    })?;
    Ok(first)
}
