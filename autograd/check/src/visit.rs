//! Further points of a check, drawn to reach regimes of ops that ordinary numbers miss.

use autograd::graph::Graph;
use autograd::{Kind, Point, Value};

/// The transformation of the random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// None.
    Usual,
    /// Ten times as large: gates are saturated.
    Large,
    /// On a lattice of halves, where operands tie and sums are 0; one index for all.
    Lattice,
    /// All 0.
    Zero,
    /// A hundred times as large.
    Huge,
}

impl Draw {
    /// The kinds in order, cyclically.
    pub fn nth(k: usize) -> Self {
        [Self::Usual, Self::Large, Self::Lattice, Self::Zero, Self::Huge][k % 5]
    }

    /// In words, after "where the numbers that are drawn are".
    pub fn word(self) -> &'static str {
        match self {
            Self::Usual => "others",
            Self::Large => "10 times as large",
            Self::Lattice => "on a lattice of halves",
            Self::Zero => "0",
            Self::Huge => "100 times as large",
        }
    }

    /// Transforms the random values: all that were not given.
    pub fn apply(self, graph: &Graph, given: &Point<f64>, drawn: Point<f64>) -> Point<f64> {
        let mut point = drawn.clone();
        for (id, value) in drawn.iter().filter(|(id, _)| given.get(*id).is_none()) {
            let of = |f: fn(f64) -> f64| Value::Float(value.float().mapv(f));
            let kind = graph.at(id.index()).ty.kind;
            match (self, kind) {
                (Self::Lattice, Kind::Index { .. }) => {
                    if let Value::Index(index) = value {
                        let first = index.iter().next().copied().unwrap_or(0);
                        point.set(id, Value::Index(index.mapv(|_| first)));
                    }
                }
                (Self::Usual, _) | (_, Kind::Index { .. } | Kind::Bool) => {}
                (Self::Large, Kind::Float) => point.set(id, of(|x| 10.0 * x)),
                (Self::Huge, Kind::Float) => point.set(id, of(|x| 100.0 * x)),
                (Self::Lattice, Kind::Float) => point.set(id, of(|x| (2.0 * x).round() / 2.0)),
                (Self::Zero, Kind::Float) => point.set(id, of(|_| 0.0)),
            }
        }
        point
    }
}
