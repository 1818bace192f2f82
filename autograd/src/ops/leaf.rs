//! Nodes without operands: what a graph is given.

use crate::shape::Shape;
use crate::value::Value;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A node without operands. Its value comes from the point at which the graph is read, or is part of it.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// Data: a sequence, its lengths, an initial state, a seed.
    Input {
        /// The name by which it is given a value.
        name: Arc<str>,
        /// The axis along which independent samples lie, if there is one.
        batch_axis: Option<usize>,
    },
    /// What is learned.
    Parameter {
        /// The name by which it is given a value.
        name: Arc<str>,
    },
    /// A value that is part of the graph.
    Constant(Arc<Value<f64>>),
}

impl Leaf {
    /// What kind of leaf it is, in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Parameter { .. } => "parameter",
            Self::Constant(_) => "constant",
        }
    }

    /// The name of an input or parameter.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Input { name, .. } | Self::Parameter { name } => Some(name),
            Self::Constant(_) => None,
        }
    }

    /// Name or value, for dumps.
    pub fn attributes(&self) -> String {
        match self {
            Self::Input { name, batch_axis: Some(axis) } => format!("\"{name}\" batch={axis}"),
            Self::Input { name, batch_axis: None } | Self::Parameter { name } => format!("\"{name}\""),
            Self::Constant(value) => brief(value),
        }
    }
}

/// A constant in a few characters: the number, if all its elements are the same.
fn brief(value: &Value<f64>) -> String {
    fn same<T: PartialEq + ToString>(mut elements: impl Iterator<Item = T>) -> Option<String> {
        let first = elements.next()?;
        elements.all(|e| e == first).then(|| first.to_string())
    }
    let one = match value {
        Value::Float(a) => same(a.iter().copied()),
        Value::Index(a) => same(a.iter().copied()),
        Value::Bool(a) => same(a.iter().copied()),
    };
    one.unwrap_or_else(|| "…".into())
}

/// Constants are equal when all their bits are: 0 and −0 are two constants, and a NaN is itself.
impl PartialEq for Leaf {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Input { name: a, batch_axis: i }, Self::Input { name: b, batch_axis: j }) => {
                a == b && i == j
            }
            (Self::Parameter { name: a }, Self::Parameter { name: b }) => a == b,
            (Self::Constant(a), Self::Constant(b)) => {
                Arc::ptr_eq(a, b) || (a.shape() == b.shape() && bits(a).eq(bits(b)))
            }
            _ => false,
        }
    }
}

impl Eq for Leaf {}

impl Hash for Leaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Input { name, .. } | Self::Parameter { name } => name.hash(state),
            Self::Constant(value) => {
                value.shape().hash(state);
                bits(value).for_each(|b| b.hash(state));
            }
        }
    }
}

/// The elements as bits, marked with their kind.
fn bits(value: &Value<f64>) -> Box<dyn Iterator<Item = (u8, u64)> + '_> {
    match value {
        Value::Float(a) => Box::new(a.iter().map(|x| (0, x.to_bits()))),
        Value::Index(a) => Box::new(a.iter().map(|&i| (1, i as u64))),
        Value::Bool(a) => Box::new(a.iter().map(|&b| (2, u64::from(b)))),
    }
}

/// A constant.
#[doc(hidden)]
pub fn constant(value: Value<f64>) -> crate::ops::Op {
    crate::ops::Op::Leaf(Leaf::Constant(Arc::new(value)))
}

/// A constant of one element.
#[doc(hidden)]
pub fn scalar(x: f64) -> Leaf {
    let shape = Shape::scalar();
    Leaf::Constant(Arc::new(Value::Float(ndarray::ArrayD::from_elem(&*shape, x))))
}
