//! The type of a node's value: the kind of its elements and its shape.

use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;

/// The sizes of an array's axes, outermost first: `[time, batch, feature]`. A scalar has none.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 4]>);

impl Shape {
    /// The shape of a scalar: no axes, one element.
    pub fn scalar() -> Self {
        Self::default()
    }

    /// The number of elements; `None` if it overflows `usize`.
    pub fn checked_count(&self) -> Option<usize> {
        self.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
    }

    /// The number of elements.
    pub fn count(&self) -> usize {
        self.iter().product()
    }

    /// The shape without axis `axis`.
    #[must_use]
    pub fn without(&self, axis: usize) -> Self {
        self.iter().enumerate().filter(|&(i, _)| i != axis).map(|(_, &d)| d).collect()
    }

    /// The shape with a new axis of size `size` before axis `axis`.
    #[must_use]
    pub fn with_axis(&self, axis: usize, size: usize) -> Self {
        self[..axis].iter().copied().chain([size]).chain(self[axis..].iter().copied()).collect()
    }

    /// The shape with another size of axis `axis`.
    #[must_use]
    pub fn resized(&self, axis: usize, size: usize) -> Self {
        let mut shape = self.clone();
        shape.0[axis] = size;
        shape
    }

    /// NumPy's broadcasting: shapes are aligned at their last axis; sizes are compatible if they are equal or one of
    /// them is 1. `None` if incompatible.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let rank = self.len().max(other.len());
        let size = |s: &Self, i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
        (0..rank)
            .map(|i| match (size(self, i), size(other, i)) {
                (a, b) if a == b => Some(a),
                (1, d) | (d, 1) => Some(d),
                _ => None,
            })
            .collect()
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        sizes.into_iter().collect()
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        sizes.iter().copied().collect()
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("[")?;
        for (i, size) in self.iter().enumerate() {
            write!(f, "{}{size}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kind of a value's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Real numbers. The graph does not fix the precision: it is evaluated in `f32`, `f64` or dual numbers.
    Float,
    /// Whole numbers in `0..below`: token ids, class ids, lengths. The bound is part of the type, so an out-of-range
    /// lookup is found when the graph is built, not when it runs.
    Index {
        /// The upper bound, excluded.
        below: usize,
    },
    /// Truth values: masks and results of comparisons.
    Bool,
}

impl Kind {
    /// The kind in one word, for dumps.
    #[doc(hidden)]
    pub fn word(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Index { .. } => "index",
            Self::Bool => "bool",
        }
    }
}

/// Kind and shape: the input of an op's shape rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// The kind of the elements.
    pub kind: Kind,
    /// The sizes of the axes.
    pub shape: Shape,
}

impl Type {
    /// Real numbers of this shape.
    pub fn float(shape: impl Into<Shape>) -> Self {
        Self { kind: Kind::Float, shape: shape.into() }
    }

    /// Whole numbers in `0..below`.
    pub fn index(shape: impl Into<Shape>, below: usize) -> Self {
        Self { kind: Kind::Index { below }, shape: shape.into() }
    }

    /// Truth values.
    pub fn bool(shape: impl Into<Shape>) -> Self {
        Self { kind: Kind::Bool, shape: shape.into() }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.kind {
            Kind::Float => write!(f, "{}", self.shape),
            Kind::Index { below } => write!(f, "{} of 0..{below}", self.shape),
            Kind::Bool => write!(f, "{} of bool", self.shape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
        Shape::from(a).broadcast(&Shape::from(b)).map(|s| s.to_vec())
    }

    #[test]
    fn broadcasting_is_numpys() {
        assert_eq!(broadcast(&[8, 1, 6, 1], &[7, 1, 5]), Some(vec![8, 7, 6, 5]));
        assert_eq!(broadcast(&[256, 256, 3], &[3]), Some(vec![256, 256, 3]));
        assert_eq!(broadcast(&[], &[2, 0]), Some(vec![2, 0]));
        assert_eq!(broadcast(&[1], &[0]), Some(vec![0]));
        assert_eq!(broadcast(&[3], &[4]), None);
        assert_eq!(broadcast(&[2, 1], &[8, 4, 3]), None);
    }
}
