//! Numeric against symbolic: is the gradient that [`vjp`](crate::vjp) builds the derivative of what the graph computes?
//!
//! ```
//! use autograd::{Builder, check};
//!
//! let g = Builder::new();
//! let (x, w, b) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]), g.parameter("b", [4]));
//! let report = check((x.linear(w) + b).tanh())?;
//! assert!(report.passed(), "{report}");
//! # Ok::<(), autograd::Error>(())
//! ```
//!
//! For outputs y with random cotangents ȳ, and for each leaf x by itself with a random direction u, two numbers
//! must agree: `⟨ȳᵀ ∂y/∂x, u⟩` from the graph, and the slope of `t ↦ ⟨ȳ, y(x + t u)⟩` at 0 from differences
//! (`numeric.rs`). One direction for each tensor: with one for all, the error of a small bias would be lost
//! beside a big weight. Cotangents are never all ones: with ones the gradient of a softmax is zero, right or
//! wrong.
//!
//! **Tolerance.** `|analytic − numeric| ≤ k (e + s) + N ε max ‖g ⊙ u‖₁`. The differences estimate their own error
//! e; s is the rounding noise of the gradient g, measured as theirs is (see `numeric.rs`); and k = [`SAFETY`]. The
//! last part is the least that rounding costs: each of the graph's N nodes rounds once, by at most ε of its value,
//! and the gradients of all tensors are made of the same adjoints, so that the largest bounds them. Nothing else
//! is tuned.
//!
//! **Not connected.** A parameter that no output depends on agrees with the differences, which see no effect of it. It
//! passes, and the report says that it takes no part.
//!
//! **Stopped gradients.** Differences see through `stop_gradient`. Those of the graph are therefore held at their
//! values at the base point while a leaf moves.

mod compare;
mod leaves;
mod numeric;
mod report;

pub use numeric::SAFETY;
pub use report::{Comparison, DETACHED, Element, Report, Tensor, Verdict};

use crate::error::{Error, Place};
use crate::eval::Point;
use crate::graph::{Builder, Expr, Graph, NodeId};
use crate::ops::Sampler;
use crate::shape::Kind;
use compare::Level;

/// Compares the gradients of `y` with numeric ones, at a random point, with respect to every parameter and
/// every real-valued input that it depends on. [`Check`] has the options.
///
/// A wrong rule is found, and the report says which tensor it spoils, and by what factor:
///
/// ```
/// use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
/// use autograd::{Builder, Expr, Scalar, Type, Value, check, kernels};
///
/// /// `y = x²`, and a VJP that forgets the 2
/// #[derive(Debug)]
/// struct Square;
///
/// impl Square {
///     fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
///         x[0].map(|x| x * x)
///     }
/// }
///
/// impl Operator for Square {
///     kernels!();
///     fn name(&self) -> &'static str { "square" }
///     fn infer(&self, operands: &[Type]) -> Result<Type, String> { Ok(operands[0].clone()) }
///     fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
///         (dy * x[0]).into()
///     }
///     fn notation(&self) -> Notation { Notation::Function }
///     fn sample(s: &mut Sampler) -> Sample<Self> {
///         let shape = s.shape(0..4);
///         Sample::new(Square, [s.float(shape, Domain::reals(-3.0, 3.0))])
///     }
/// }
///
/// let g = Builder::new();
/// let (w, b) = (g.parameter("weight", [2, 3]), g.parameter("bias", [3]));
/// let report = check(w.custom(Square) + b)?;
/// let worst = report.worst().unwrap();
/// assert!(!report.passed() && worst.name == "weight");
/// assert!((worst.elements[0].ratio() - 0.5).abs() < 1e-9);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// The builder's error, if it has one; [`Error::NotDefined`] if an op on the way has no gradient;
/// [`Error::Value`] if an output is not finite at the point that was drawn: then give one to [`Check::at`].
#[track_caller]
pub fn check(y: Expr) -> Result<Report, Error> {
    Check::new(y).run()
}

/// A gradient check with its options.
///
/// ```
/// use autograd::{Builder, Check, Point};
///
/// let g = Builder::new();
/// let (x, w) = (g.input("x", [2, 3]), g.parameter("w", [3]));
/// let y = (x.exp() * w).ln(); // defined for w > 0 alone
/// let point = Point::new().with(w, ndarray::arr1(&[0.5, 1.0, 2.0]));
/// let report = Check::new(y).at(point).order(2).elements(6).run()?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check is done by `run`"]
pub struct Check<'g> {
    outputs: Vec<Expr<'g>>,
    wrt: Option<Vec<Expr<'g>>>,
    point: Point<f64>,
    seed: u64,
    order: u32,
    elements: usize,
}

impl<'g> Check<'g> {
    /// A check of one output.
    pub fn new(y: Expr<'g>) -> Self {
        Self::all(&[y])
    }

    /// A check of several outputs at once, each with a cotangent of its own.
    pub fn all(outputs: &[Expr<'g>]) -> Self {
        let point = Point::new();
        Self { outputs: outputs.to_vec(), wrt: None, point, seed: 0, order: 1, elements: 0 }
    }

    /// With respect to these expressions alone; interior nodes can be among them.
    pub fn wrt(mut self, wrt: &[Expr<'g>]) -> Self {
        self.wrt = Some(wrt.to_vec());
        self
    }

    /// At these values of leaves. Leaves without one are drawn: inputs from [−1, 1], weights of n columns from
    /// ±√(3/n), so that what they multiply keeps its size, and whole numbers below their bound.
    pub fn at(mut self, point: Point<f64>) -> Self {
        self.point = point;
        self
    }

    /// With other random numbers; 0 is the default. The same seed gives the same report.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Up to this order, 1 or 2. At order 2 the map (x, ȳ) ↦ `ȳᵀ ∂y/∂x` is checked too, once order 1 has
    /// passed.
    pub fn order(mut self, order: u32) -> Self {
        self.order = order;
        self
    }

    /// Also single elements: this many of each tensor, or all of them if it has no more. A tensor that fails
    /// has [`ELEMENTS_OF_A_FAILURE`] of its elements checked in any case.
    pub fn elements(mut self, elements: usize) -> Self {
        self.elements = elements;
        self
    }

    /// Does it. The graph is not changed: the gradients are appended to a copy.
    ///
    /// # Errors
    /// As [`check`].
    #[track_caller]
    pub fn run(self) -> Result<Report, Error> {
        let place = Place::caller();
        let refuse = |reason: String| Error::Build { reason, place };
        if !(1..=2).contains(&self.order) {
            return Err(refuse(format!("a check has order 1 or 2, not {}", self.order)));
        }
        let Some(first) = self.outputs.first() else {
            return Err(refuse("there is no output to check".into()));
        };
        let graph = first.builder().graph()?;
        if let Some(y) = self.outputs.iter().find(|y| y.ty().kind != Kind::Float) {
            return Err(refuse(format!("{y:?} has no gradient to check: it holds no real numbers")));
        }
        let mut outputs: Vec<NodeId> = Vec::new();
        for y in self.outputs.iter().map(|y| y.id()) {
            if !outputs.contains(&y) {
                outputs.push(y);
            }
        }
        let wrt: Vec<NodeId> = match &self.wrt {
            Some(wrt) => wrt.iter().map(|x| x.id()).collect(),
            None => leaves::real(&graph, &outputs)?,
        };
        // A parameter that nobody reads is likely a mistake, and is told.
        let wrt =
            if self.wrt.is_some() || wrt.is_empty() { wrt } else { leaves::with_parameters(&graph, wrt) };
        if wrt.is_empty() {
            let names = self.outputs.iter().map(|y| format!("`{}`", y.name())).collect::<Vec<_>>().join(", ");
            return Err(refuse(format!("{names} depends on no parameter and no real-valued input")));
        }

        let mut sampler = Sampler::new(self.seed);
        let g = Builder::resume(graph.clone());
        let handles = |ids: &[NodeId]| ids.iter().map(|&id| g.expr(id)).collect::<Vec<_>>();
        let (ys, xs) = (handles(&outputs), handles(&wrt));
        if let Some(x) = xs.iter().find(|x| x.ty().kind != Kind::Float) {
            return Err(refuse(format!("there is no gradient towards {x:?}: it holds no real numbers")));
        }
        let read: Vec<NodeId> = outputs.iter().chain(&wrt).copied().collect();
        let mut point = leaves::complete(&graph, self.point, &read, &mut sampler)?;
        let subject = ys.iter().map(|y| format!("{y:?}")).collect::<Vec<_>>().join(", ");
        let mut report = Report { subject, seed: self.seed, order: self.order, tensors: Vec::new() };

        let cotangents = cotangents(&g, &ys, "cotangent of", &mut sampler, &mut point);
        let first = Level {
            order: 1,
            g: &g,
            ys: &ys,
            cotangents: &cotangents,
            xs: &xs,
            point: &point,
            forward: graph.len(),
            largest: 0.0,
            elements: self.elements,
        };
        let (dxs, largest) = first.compare(&mut sampler, &mut report)?;
        if self.order == 2 && report.passed() && !dxs.is_empty() {
            let xs: Vec<Expr> = xs.iter().chain(&cotangents).copied().collect();
            let mut point = point.clone();
            let tangents = self::cotangents(&g, &dxs, "tangent of", &mut sampler, &mut point);
            let (ys, cotangents) = (&dxs, &tangents);
            let second = Level { order: 2, ys, cotangents, xs: &xs, point: &point, largest, ..first };
            second.compare(&mut sampler, &mut report)?;
        }
        Ok(report)
    }
}

/// The point with a value for every leaf that some nodes depend on, drawn as a [`Check`] of that seed draws them.
///
/// # Errors
/// [`Error::Foreign`] if a handle belongs to another graph; [`Error::Value`] if the point has a value for a node that is
/// computed.
pub fn random_point(
    graph: &Graph,
    point: Point<f64>,
    nodes: &[NodeId],
    seed: u64,
) -> Result<Point<f64>, Error> {
    leaves::complete(graph, point, nodes, &mut Sampler::new(seed))
}

/// How many elements of a tensor that fails are looked at one by one, if not more are asked for.
pub const ELEMENTS_OF_A_FAILURE: usize = 16;

/// A random cotangent for each output, as an input with a value at the point.
fn cotangents<'g>(
    g: &'g Builder,
    outputs: &[Expr<'g>],
    word: &str,
    sampler: &mut Sampler,
    point: &mut Point<f64>,
) -> Vec<Expr<'g>> {
    let cotangent = |y: &Expr<'g>| {
        let leaf = g.input(&format!("{word} {}", y.name()), y.shape());
        // A poisoned leaf has no handle; `compare` returns the error that made it.
        if !leaf.is_poisoned() {
            point.set(leaf, leaves::weights(&leaf.shape(), sampler));
        }
        leaf
    };
    outputs.iter().map(cotangent).collect()
}
