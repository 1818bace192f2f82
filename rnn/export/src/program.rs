//! The unit of export: a graph as a function, with ordered arguments and results.

use crate::devices::Collective;
use autograd::ops::{Leaf, Op};
use autograd::{Graph, NodeId, Point, Scalar, Type, Value};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The precision of real numbers on the other engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Real {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// The role of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The loss.
    Loss,
    /// The derivative of the loss by the parameter with this name.
    Gradient(String),
    /// The next value of the argument with this name, which it replaces.
    Next(String),
    /// One more than the node, modulo 2⁶⁴: the next value of the argument of that name, which counts.
    Counted(String),
    /// Something else that is read off.
    Output,
}

impl Role {
    /// The argument whose next value it is.
    pub fn replaces(&self) -> Option<&str> {
        match self {
            Self::Next(of) | Self::Counted(of) => Some(of),
            Self::Loss | Self::Gradient(_) | Self::Output => None,
        }
    }
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The node.
    pub id: NodeId,
    /// Its name in the exported program.
    pub name: String,
    /// Its role.
    pub role: Role,
}

impl Output {
    /// The loss.
    pub fn loss(id: NodeId) -> Self {
        Self { id, name: "loss".into(), role: Role::Loss }
    }

    /// The derivative of the loss by a parameter.
    pub fn gradient(id: NodeId, parameter: &str) -> Self {
        Self { id, name: format!("∂{parameter}"), role: Role::Gradient(parameter.into()) }
    }

    /// The next value of an argument.
    pub fn next(id: NodeId, argument: &str) -> Self {
        Self { id, name: format!("{argument}'"), role: Role::Next(argument.into()) }
    }

    /// The next value of an argument that is a whole number: one more. Graphs have no arithmetic of whole numbers, so
    /// what writes the program adds the 1.
    pub fn counted(argument: NodeId, name: &str) -> Self {
        Self { id: argument, name: format!("{name}'"), role: Role::Counted(name.into()) }
    }

    /// Something else that is read off.
    pub fn plain(id: NodeId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), role: Role::Output }
    }
}

/// An argument: an input or a parameter that the results depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The node.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Kind and shape.
    pub ty: Type,
    /// Whether it is a parameter.
    pub parameter: bool,
    /// The batch axis, along which samples are independent, if there is one.
    pub batch_axis: Option<usize>,
}

/// A graph as a function from parameters, then inputs, each in order of creation, to the results.
#[derive(Clone, Debug)]
pub struct Program {
    /// The name of the function's module.
    pub name: String,
    /// The graph.
    pub graph: Arc<Graph>,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// The results.
    pub results: Vec<Output>,
    /// By node: whether a result depends on it.
    pub(crate) live: Vec<bool>,
    /// The collective ops in the program of one device.
    pub(crate) collectives: HashMap<NodeId, Collective>,
}

/// Why a graph cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A custom op, which no other engine knows.
    #[error(
        "`{node}` is of the op `{op}`, which was added from outside: no other engine knows it; write it in ops of the library"
    )]
    Custom {
        /// The node.
        node: String,
        /// The op.
        op: String,
    },
    /// A result belongs to another graph.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// There are no results.
    #[error("a function has at least one result, and none was asked for")]
    NoResults,
    /// The cell has no equivalent layer in other systems.
    #[error(
        "other systems have no layer of the cell `{0}`: they have those of elman, elman-relu, lstm, gru and gru-reset-before"
    )]
    Layer(String),
    /// The framework has no such layer.
    #[error("{0}: export it for another framework")]
    Framework(String),
    /// The devices cannot share the program.
    #[error("{0}")]
    Devices(String),
    /// The batch cannot be sharded at a node.
    #[error("devices cannot share the batch at `{node}` ({op}): {reason}")]
    Unshared {
        /// The node.
        node: String,
        /// The op.
        op: String,
        /// The reason.
        reason: String,
    },
    /// A value does not fit the function.
    #[error("`{name}`: {reason}")]
    Value {
        /// The argument or result.
        name: String,
        /// The misfit.
        reason: String,
    },
}

impl Program {
    /// The part of a graph that some results depend on.
    ///
    /// # Errors
    /// If there is no result, or one belongs to another graph.
    pub fn new(
        name: &str,
        graph: Arc<Graph>,
        results: impl IntoIterator<Item = Output>,
    ) -> Result<Self, ExportError> {
        let results: Vec<Output> = results.into_iter().collect();
        if results.is_empty() {
            return Err(ExportError::NoResults);
        }
        let mut live = vec![false; graph.len()];
        for result in &results {
            graph.node(result.id)?;
            live[result.id.index()] = true;
        }
        for id in graph.ids().rev() {
            if live[id.index()] {
                graph.operands(id)?.for_each(|x| live[x.index()] = true);
            }
        }
        let argument = |id: NodeId| {
            let node = graph.node(id)?;
            let (parameter, batch_axis) = match &node.op {
                Op::Leaf(Leaf::Input { batch_axis, .. }) => (false, *batch_axis),
                _ => (true, None),
            };
            Ok(Argument { id, name: graph.name(id)?, ty: node.ty.clone(), parameter, batch_axis })
        };
        let leaves = graph.parameters().chain(graph.inputs()).filter(|id| live[id.index()]);
        let arguments = leaves.map(argument).collect::<Result<_, autograd::Error>>()?;
        Ok(Self { name: name.into(), graph, arguments, results, live, collectives: HashMap::new() })
    }

    /// The results by the interpreter: what every engine has to find.
    ///
    /// # Errors
    /// If an argument has no value at this point, or one that does not fit.
    pub fn evaluate<T: Scalar>(&self, point: &Point<T>) -> Result<Vec<Value<T>>, autograd::Error> {
        let ids: Vec<NodeId> = self.results.iter().map(|r| r.id).collect();
        let values = autograd::eval(&self.graph, point, &ids)?.into_iter().zip(&self.results);
        let value = |(value, result): (Value<T>, &Output)| match (value, &result.role) {
            (Value::Index(count), Role::Counted(_)) => Value::Index(count.mapv(|n| n.wrapping_add(1))),
            (value, _) => value,
        };
        Ok(values.map(value).collect())
    }

    /// The nodes that the results depend on, operands before users.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.ids().filter(|id| self.live[id.index()])
    }
}
