//! The value of a node: an array of one kind.

use crate::ops::array::map;
use crate::scalar::Scalar;
use crate::shape::{Kind, Shape, Type};
use ndarray::{ArrayBase, ArrayD, Data, Dimension};

/// An array of one [`Kind`]; real numbers have type `S`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<S> {
    /// Real numbers.
    Float(ArrayD<S>),
    /// Whole numbers.
    Index(ArrayD<usize>),
    /// Truth values.
    Bool(ArrayD<bool>),
}

impl<S: Scalar> Value<S> {
    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Float(a) => a.shape().into(),
            Self::Index(a) => a.shape().into(),
            Self::Bool(a) => a.shape().into(),
        }
    }

    /// Checks that this is a value of type `ty`.
    ///
    /// # Errors
    /// The misfit: both kinds or shapes, or the first index out of range.
    pub fn fits(&self, ty: &Type) -> Result<(), String> {
        let shape = self.shape();
        let given = match self {
            Self::Float(_) => Type::float(&shape).to_string(),
            Self::Index(_) => format!("{shape} of whole numbers"),
            Self::Bool(_) => Type::bool(&shape).to_string(),
        };
        let same_kind = matches!(
            (self, ty.kind),
            (Self::Float(_), Kind::Float)
                | (Self::Index(_), Kind::Index { .. })
                | (Self::Bool(_), Kind::Bool)
        );
        if !same_kind || shape != ty.shape {
            return Err(format!("it needs {ty}, and was given {given}"));
        }
        if let (Self::Index(a), Kind::Index { below }) = (self, ty.kind)
            && let Some((at, i)) = a.indexed_iter().find(|&(_, &i)| i >= below)
        {
            return Err(format!("the index {i} at {} is not in 0..{below}", Shape::from(at.slice())));
        }
        Ok(())
    }

    /// The real numbers.
    ///
    /// # Panics
    /// If the value is of another kind. Kernels call it on operands whose kind their shape rule has checked.
    pub fn float(&self) -> &ArrayD<S> {
        match self {
            Self::Float(a) => a,
            _ => panic!("a value of real numbers was expected, and the op's shape rule did not ask for one"),
        }
    }

    /// The real numbers, by value.
    ///
    /// # Panics
    /// As [`Value::float`].
    pub fn into_float(self) -> ArrayD<S> {
        match self {
            Self::Float(a) => a,
            _ => panic!("a value of real numbers was expected, and the op's shape rule did not ask for one"),
        }
    }

    /// The whole numbers.
    ///
    /// # Panics
    /// As [`Value::float`].
    pub fn index(&self) -> &ArrayD<usize> {
        match self {
            Self::Index(a) => a,
            _ => panic!("a value of whole numbers was expected, and the op's shape rule did not ask for one"),
        }
    }

    /// The truth values.
    ///
    /// # Panics
    /// As [`Value::float`].
    pub fn bool(&self) -> &ArrayD<bool> {
        match self {
            Self::Bool(a) => a,
            _ => panic!("a value of truth values was expected, and the op's shape rule did not ask for one"),
        }
    }

    /// The only element of a real value; `None` for any other value.
    pub fn scalar(&self) -> Option<S> {
        match self {
            Self::Float(a) if a.len() == 1 => a.first().copied(),
            _ => None,
        }
    }

    /// Maps the real numbers elementwise.
    ///
    /// # Panics
    /// As [`Value::float`].
    #[must_use]
    pub fn map(&self, f: impl Fn(S) -> S) -> Self {
        Self::Float(map(self.float(), f))
    }

    /// The same value in another scalar type.
    pub fn cast<R: Scalar>(&self) -> Value<R> {
        match self {
            Self::Float(a) => Value::Float(map(a, |x| R::of(x.value()))),
            Self::Index(a) => Value::Index(a.clone()),
            Self::Bool(a) => Value::Bool(a.clone()),
        }
    }
}

impl<S: Scalar, A: Data<Elem = S>, D: Dimension> From<ArrayBase<A, D>> for Value<S> {
    fn from(array: ArrayBase<A, D>) -> Self {
        Self::Float(array.into_owned().into_dyn())
    }
}
