//! Numeric against symbolic: is the gradient that [`vjp`](autograd::vjp) builds the derivative of what the graph computes?
//!
//! ```
//! use autograd::Builder;
//! use autograd_check::check;
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
//! (`numeric/`). One direction for each tensor: with one for all, the error of a small bias would be lost
//! beside a big weight. Cotangents are never all ones: with ones the gradient of a softmax is zero, right or
//! wrong. Forward mode is a third number, without a step (`witness.rs`).
//!
//! **Tolerance.** `|analytic − numeric| ≤ k (e + s) + N ε max ‖g ⊙ u‖₁`. The differences estimate their own error
//! e; s is the rounding noise of the gradient g, measured as theirs is (see `numeric/`); and k = [`SAFETY`]. The
//! last part is the least that rounding costs: each of the graph's N nodes rounds once, by at most ε of its value,
//! and the gradients of all tensors are made of the same adjoints, so that the largest bounds them. Nothing else
//! is tuned.
//!
//! **Verdicts.** [Pass](Verdict::Pass); [kink](Verdict::Kink), where the point lies on one and the gradient between the
//! slopes that meet there; [inconclusive](Verdict::Inconclusive), where differences are too coarse to tell;
//! [convention](Verdict::Convention), where right rules make a whole that is the slope of nothing; and [fail](Verdict::Fail). A failure has a name: the node whose own VJP is wrong ([`Guilty`]).
//!
//! **Not connected.** A parameter that no output depends on agrees with the differences, which see no effect of it. It
//! passes, and the report says that it takes no part.
//!
//! **Stopped gradients.** Differences see through `stop_gradient`. Those of the graph are therefore held at their
//! values at the base point while a leaf moves.
//!
//! What is not a graph is checked too: an op by itself ([`check_op`]), and a function that somebody else differentiated
//! ([`check_fn`]).

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod again;
mod certificate;
mod closure;
mod compare;
mod coverage;
mod function;
mod json;
mod leaves;
mod locate;
mod numeric;
mod op;
mod precision;
mod report;
mod run;
mod side;
mod survey;
mod taylor;
mod text;
mod verdict;
mod visit;
mod witness;

pub use certificate::Certificate;
pub use closure::{FnCheck, check_fn};
pub use coverage::Coverage;
pub use json::error_json;
pub use locate::{Guilty, Hint, Part};
pub use numeric::{Method, SAFETY};
pub use op::check_op;
pub use precision::{Precision, Rounding, precision};
pub use report::{Element, Report, Tensor};
pub use survey::{Rule, Survey};
pub use taylor::{Order, Residuals, Taylor, taylor};
pub use text::DETACHED;
pub use verdict::{Comparison, Decider, Verdict};
pub use witness::Witness;

use autograd::graph::{Expr, Graph, NodeId};
use autograd::ops::Sampler;
use autograd::{Error, Point};

/// Compares the gradients of `y` with numeric ones, at a random point, with respect to every parameter and
/// every real-valued input that it depends on. [`Check`] has the options.
///
/// A wrong rule is found, and the report says which tensors it spoils, and whose it is:
///
/// ```
/// use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
/// use autograd::{Builder, Expr, Scalar, Type, Value, kernels};
/// use autograd_check::check;
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
/// let guilty = report.guilty.as_ref().unwrap();
/// assert_eq!((guilty.op.as_str(), guilty.operand_name.as_str()), ("square", "weight"));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// The builder's error, if it has one; [`Error::NotDefined`] if an op on the way has no gradient;
/// [`Error::NotFinite`] if an output is not finite at the point that was drawn: then give one to [`Check::at`].
#[track_caller]
pub fn check(y: Expr) -> Result<Report, Error> {
    Check::new(y).run()
}

/// How many elements are looked at one by one, besides a random direction for each tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tier {
    /// None: the cost does not grow with the number of elements, but that the function takes longer. A wrong element shows
    /// in the direction.
    #[default]
    Projection,
    /// This many of each tensor, or all of them if it has no more.
    Sampled(usize),
    /// All: every column of the Jacobian, weighed by a random cotangent, so that no wrong entry is hidden.
    Full,
}

/// A gradient check with its options.
///
/// ```
/// use autograd::{Builder, Point};
/// use autograd_check::Check;
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
    tier: Tier,
    method: Method,
    single: bool,
    claims: Option<Vec<(Expr<'g>, Expr<'g>)>>,
    cotangents: Option<Vec<Expr<'g>>>,
    visit: usize,
}

impl<'g> Check<'g> {
    /// A check of one output.
    pub fn new(y: Expr<'g>) -> Self {
        Self::all(&[y])
    }

    /// A check of several outputs at once, each with a cotangent of its own.
    pub fn all(outputs: &[Expr<'g>]) -> Self {
        Self {
            outputs: outputs.to_vec(),
            wrt: None,
            point: Point::new(),
            seed: 0,
            order: 1,
            tier: Tier::default(),
            method: Method::default(),
            single: false,
            claims: None,
            cotangents: None,
            visit: 1,
        }
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

    /// Up to this order, 1 or 2. At order 2 the map (x, ȳ) ↦ `ȳᵀ ∂y/∂x` is checked too, and the Hessian for symmetry,
    /// once order 1 has passed.
    pub fn order(mut self, order: u32) -> Self {
        self.order = order;
        self
    }

    /// How many elements are looked at one by one; none is the default. A tensor that fails has
    /// [`ELEMENTS_OF_A_FAILURE`] of its elements checked in any case, unless the function is very large.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// As [`Check::tier`] with [`Tier::Sampled`].
    pub fn elements(self, elements: usize) -> Self {
        self.tier(Tier::Sampled(elements))
    }

    /// With another kind of differences.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Of gradients that are computed in `f32`, whether they are built here or [claimed](Self::against). Differences are
    /// taken in `f64`, at the nearest point that `f32` has. The tolerance is what rounding costs a backward pass: some
    /// [`SINGLE`] units of the gradient's norm, along each of several directions, or what every node by itself may lose.
    /// Of order 1 alone.
    ///
    /// ```
    /// use autograd::Builder;
    /// use autograd_check::Check;
    ///
    /// let g = Builder::new();
    /// let (w, x) = (g.parameter("w", [3]), g.input("x", [3]));
    /// let (loss, y) = ((w * x).tanh().sum(), (w * x).tanh());
    /// let right = (1.0 - y * y) * x;
    /// assert!(Check::new(loss).against(&[(w, right)]).single().run()?.passed());
    /// assert!(!Check::new(loss).against(&[(w, 1.001 * right)]).single().run()?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn single(mut self) -> Self {
        self.single = true;
        self
    }

    /// Checks gradients that somebody claims, in place of those that [`vjp`](autograd::vjp) builds: pairs of an expression
    /// and what is said to be its adjoint. With respect to the leaves among them, unless [`Check::wrt`] says otherwise.
    /// Adjoints of interior nodes help to name the guilty one: those that are not given are taken to be right.
    ///
    /// Of an output that is a single number the gradient is claimed; of others the cotangents must be told
    /// ([`Check::cotangents`]).
    ///
    /// ```
    /// use autograd::Builder;
    /// use autograd_check::{Check, Hint};
    ///
    /// let g = Builder::new();
    /// let (w, x) = (g.parameter("w", [3]), g.input("x", [3]));
    /// let loss = (w * x).tanh().sum();
    /// let y = (w * x).tanh();
    /// let by_hand = (1.0 - y) * x; // 1 − y², and the square was forgotten
    /// let report = Check::new(loss).against(&[(w, by_hand)]).run()?;
    /// assert!(!report.passed());
    /// let twice = 2.0 * (1.0 - y * y) * x;
    /// let report = Check::new(loss).against(&[(w, twice)]).run()?;
    /// assert!(matches!(report.guilty.unwrap().hint, Hint::Factor(f) if (f - 2.0).abs() < 1e-9));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn against(mut self, claimed: &[(Expr<'g>, Expr<'g>)]) -> Self {
        self.claims = Some(claimed.to_vec());
        self
    }

    /// What the outputs are weighed with: an expression for each, of its shape. Without, random ones are drawn.
    pub fn cotangents(mut self, cotangents: &[Expr<'g>]) -> Self {
        self.cotangents = Some(cotangents.to_vec());
        self
    }

    /// At so many points at most, until every [regime](Report::coverage) of every op was visited: the first as without, then others, where
    /// the leaves without a given value are large, tied, or 0. A failure at any of them is one. Points where the outputs are not
    /// finite do not count.
    ///
    /// ```
    /// use autograd::Builder;
    /// use autograd_check::Check;
    ///
    /// let g = Builder::new();
    /// let (x, w) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]));
    /// let report = Check::new(x.linear(w).relu().tanh()).visit(12).run()?;
    /// assert!(report.passed() && report.coverage.is_complete(), "{}", report.coverage);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn visit(mut self, points: usize) -> Self {
        self.visit = points.max(1);
        self
    }

    /// Does it. The graph is not changed: the gradients are appended to a copy.
    ///
    /// # Errors
    /// As [`check`].
    #[track_caller]
    pub fn run(self) -> Result<Report, Error> {
        run::run(self, autograd::Place::caller())
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

/// How far a gradient that was computed in `f32` may be off, in units of `f32::EPSILON` of its norm, before every node is
/// asked about its own rounding.
pub const SINGLE: f64 = 64.0;

/// How many elements of a tensor that fails are looked at one by one, if not more are asked for; none of a function that
/// reads millions of numbers.
pub const ELEMENTS_OF_A_FAILURE: usize = 16;
