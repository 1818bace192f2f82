//! Leaves: nodes without operands.

use crate::shape::Shape;
use crate::value::Value;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A node without operands. Its value comes from the point of evaluation, or is stored in the graph.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// Data: a sequence, its lengths, an initial state, a seed.
    Input {
        /// The name under which it is given a value.
        name: Arc<str>,
        /// The batch axis, along which samples are independent, if there is one.
        batch_axis: Option<usize>,
    },
    /// A learned parameter.
    Parameter {
        /// The name under which it is given a value.
        name: Arc<str>,
    },
    /// A value stored in the graph.
    Constant(Arc<Value<f64>>),
}

impl Leaf {
    /// The kind of leaf, in one word.
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

/// A constant in a few characters: its value, if all elements are equal.
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

/// Constants are equal if all their bits are: 0 and −0 differ, and a NaN equals itself.
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

/// The elements as bits, tagged with their kind.
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
