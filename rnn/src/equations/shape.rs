//! The shape of a value: a scalar, a vector or a matrix of symbolic sizes.

use super::size::Size;
use std::fmt;

/// The shape of one sample of a sequence, or of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One element.
    Scalar,
    /// A number of features.
    Vector(Size),
    /// Rows and columns.
    Matrix(Size, Size),
}

impl Shape {
    /// Whether it depends on the input's size.
    pub fn reads_input(self) -> bool {
        match self {
            Self::Scalar => false,
            Self::Vector(n) => n.reads_input(),
            Self::Matrix(rows, columns) => rows.reads_input() || columns.reads_input(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Scalar => f.write_str("scalar"),
            Self::Vector(n) => write!(f, "[{n}]"),
            Self::Matrix(rows, columns) => write!(f, "[{rows}, {columns}]"),
        }
    }
}
