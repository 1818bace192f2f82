//! Random instances of ops with operands from their domains, for property tests.

use crate::shape::{Kind, Shape, Type};
use crate::value::Value;
use ndarray::ArrayD;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::ops::Range;

use super::Op;

/// The domain of an operand's elements.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers between two bounds.
    Reals {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
        /// Points that elements keep away from: kinks, poles.
        avoid: Vec<f64>,
        /// Whether the elements of all such operands are pairwise separated, as for a maximum.
        distinct: bool,
    },
    /// Any value of the type: indices below their bound, truth values.
    Any,
}

impl Domain {
    /// The minimum distance of elements from avoided points, and from each other if distinct.
    pub const MARGIN: f64 = 0.02;

    /// Real numbers between two bounds.
    pub fn reals(low: f64, high: f64) -> Self {
        Self::Reals { low, high, avoid: Vec::new(), distinct: false }
    }

    /// The same without neighbourhoods of some points.
    #[must_use]
    pub fn avoiding(self, points: &[f64]) -> Self {
        match self {
            Self::Reals { low, high, distinct, .. } => {
                Self::Reals { low, high, avoid: points.to_vec(), distinct }
            }
            Self::Any => self,
        }
    }

    /// The same with pairwise separated elements, within one operand and across operands.
    #[must_use]
    pub fn distinct(self) -> Self {
        match self {
            Self::Reals { low, high, avoid, .. } => Self::Reals { low, high, avoid, distinct: true },
            Self::Any => self,
        }
    }
}

/// An operand of a sample: its type and domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// Kind and shape.
    pub ty: Type,
    /// The domain of its elements.
    pub domain: Domain,
}

/// An instance of an op with valid operands.
#[derive(Clone, Debug)]
pub struct Sample<O> {
    /// The op.
    pub op: O,
    /// Its operands, in order.
    pub operands: Vec<Operand>,
}

impl<O> Sample<O> {
    /// An op with its operands.
    pub fn new(op: O, operands: impl IntoIterator<Item = Operand>) -> Self {
        Self { op, operands: operands.into_iter().collect() }
    }
}

impl<O: Into<Op>> Sample<O> {
    pub(super) fn into_op(self) -> Sample<Op> {
        Sample { op: self.op.into(), operands: self.operands }
    }
}

/// A seeded source of shapes, sizes and values, reproducible on every machine.
#[derive(Debug)]
pub struct Sampler {
    rng: Xoshiro256PlusPlus,
}

impl Sampler {
    /// A source with a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// A whole number in a range.
    pub fn below(&mut self, range: Range<usize>) -> usize {
        self.rng.random_range(range)
    }

    /// The size of an axis: usually 2 to 4, sometimes 1.
    pub fn size(&mut self) -> usize {
        self.below(1..5)
    }

    /// A shape whose rank is in `rank`.
    pub fn shape(&mut self, rank: Range<usize>) -> Shape {
        (0..self.below(rank)).map(|_| self.size()).collect()
    }

    /// One of several values.
    pub fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(0..of.len())]
    }

    /// A subset of `0..n`, each with probability one half.
    pub fn subset(&mut self, n: usize) -> Vec<usize> {
        (0..n).filter(|_| self.rng.random()).collect()
    }

    /// A random permutation of `0..n`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(0..i + 1));
        }
        order
    }

    /// A shape that broadcasts to `shape`: leading axes dropped, some sizes 1.
    pub fn broadcastable(&mut self, shape: &Shape) -> Shape {
        let skip = self.below(0..shape.len() + 1);
        shape[skip..].iter().map(|&d| if self.rng.random() { d } else { 1 }).collect()
    }

    /// An operand of real numbers.
    pub fn float(&mut self, shape: impl Into<Shape>, domain: Domain) -> Operand {
        Operand { ty: Type::float(shape), domain }
    }

    /// An operand of whole numbers.
    pub fn index(&mut self, shape: impl Into<Shape>, below: usize) -> Operand {
        Operand { ty: Type::index(shape, below), domain: Domain::Any }
    }

    /// A value for each operand, from its domain.
    pub fn values(&mut self, operands: &[Operand]) -> Vec<Value<f64>> {
        let count = |distinct: bool| {
            let wants = |o: &&Operand| matches!(o.domain, Domain::Reals { distinct: d, .. } if d == distinct);
            operands.iter().filter(wants).map(|o| o.ty.shape.count()).sum::<usize>()
        };
        // Distinct elements are slots of one grid in random order.
        let slots = count(true);
        let mut order = self.permutation(slots).into_iter();
        operands
            .iter()
            .map(|Operand { ty, domain }| match (ty.kind, domain) {
                (Kind::Float, Domain::Reals { low, high, avoid, distinct }) => {
                    Value::Float(ArrayD::from_shape_simple_fn(&*ty.shape, || {
                        let slot = if *distinct { order.next() } else { None };
                        self.real(*low, *high, avoid, slot.map(|s| (s, slots)))
                    }))
                }
                (Kind::Float, Domain::Any) => {
                    Value::Float(ArrayD::from_shape_simple_fn(&*ty.shape, || self.real(-1.0, 1.0, &[], None)))
                }
                (Kind::Index { below }, _) => {
                    Value::Index(ArrayD::from_shape_simple_fn(&*ty.shape, || self.below(0..below)))
                }
                (Kind::Bool, _) => {
                    Value::Bool(ArrayD::from_shape_simple_fn(&*ty.shape, || self.rng.random()))
                }
            })
            .collect()
    }

    /// A real number between bounds and away from some points; for a slot `(i, n)`, in the middle of the i-th of n
    /// equal parts.
    fn real(&mut self, low: f64, high: f64, avoid: &[f64], slot: Option<(usize, usize)>) -> f64 {
        let x = match slot {
            Some((i, n)) => low + (high - low) * (i as f64 + self.rng.random_range(0.3..0.7)) / n as f64,
            None => self.rng.random_range(low..high),
        };
        match avoid.iter().find(|&&p| (x - p).abs() < Domain::MARGIN) {
            Some(&p) if x < p => x - Domain::MARGIN,
            Some(_) => x + Domain::MARGIN,
            None => x,
        }
    }
}
