//! Gradient checking: is the gradient that [`vjp`](autograd::vjp) builds the derivative of what the graph computes?
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
//! For outputs y with random cotangents ȳ, and for each leaf x alone with a random direction u, two numbers must
//! agree: `⟨ȳᵀ ∂y/∂x, u⟩` from the graph, and the slope of `t ↦ ⟨ȳ, y(x + t u)⟩` at 0 from differences (`numeric/`).
//! Each tensor has its own direction: with one for all, the error of a small bias would be lost beside a large
//! weight. Cotangents are never all ones: with ones the gradient of a softmax is zero, right or wrong. Forward mode
//! gives a third number, without a step size (`witness.rs`).
//!
//! **Tolerance.** `|analytic − numeric| ≤ k (e + s) + N ε max ‖g ⊙ u‖₁`. The differences estimate their own error e;
//! s is the rounding noise of the gradient g, measured in the same way (see `numeric/`); and k = [`SAFETY`]. The last
//! term is the minimum cost of rounding: each of the graph's N nodes rounds once, by at most ε of its value, and the
//! gradients of all tensors are built from the same adjoints, so the largest bounds them. Nothing else is tuned.
//!
//! **Verdicts.** [Pass](Verdict::Pass); [kink](Verdict::Kink): the point is on one, and the gradient is between the
//! slopes that meet there; [inconclusive](Verdict::Inconclusive): differences are too coarse to tell;
//! [convention](Verdict::Convention): every VJP is right, but the whole is no slope of the function;
//! and [fail](Verdict::Fail). A failure names the node whose own VJP is wrong ([`Guilty`]).
//!
//! **Not connected.** A parameter that no output depends on agrees with the differences, which see no effect. It
//! passes, and the report says that it is not connected.
//!
//! **Stop-gradients.** Differences see through `stop_gradient`. Its values are therefore held constant at the base
//! point while a leaf varies.
//!
//! Other things than graphs can be checked too: an op alone ([`check_op`]), and a foreign function ([`check_fn`]).

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod again;
mod certificate;
mod closure;
mod compare;
mod coverage;
mod function;
mod hint;
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
pub use closure::{FnCheck, Scatter, check_fn};
pub use coverage::Coverage;
pub use hint::Hint;
pub use json::error_json;
pub use locate::{Guilty, Part};
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

/// Compares the gradients of `y` with numeric ones, at a random point, with respect to every parameter and every real
/// input that it depends on. [`Check`] has the options.
///
/// A wrong VJP is found, and the report names it and the tensors that it spoils:
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
/// The builder's error, if it has one; [`Error::NotDefined`] if an op has no gradient; [`Error::NotFinite`] if an
/// output is not finite at the random point: then give one to [`Check::at`].
#[track_caller]
pub fn check(y: Expr) -> Result<Report, Error> {
    Check::new(y).run()
}

/// How many elements are checked one by one, besides a random direction per tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tier {
    /// None: the number of evaluations does not grow with the number of elements. A wrong element shows in the
    /// direction.
    #[default]
    Projection,
    /// This many per tensor, or all if it has fewer.
    Sampled(usize),
    /// All: every column of the Jacobian, weighted by a random cotangent, so that no wrong entry is hidden.
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

    /// A check of several outputs at once, each with its own cotangent.
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

    /// Restricts the check to these expressions, which may include interior nodes.
    pub fn wrt(mut self, wrt: &[Expr<'g>]) -> Self {
        self.wrt = Some(wrt.to_vec());
        self
    }

    /// Sets values of leaves. Others are random: inputs from [−1, 1], weights of n columns from ±√(3/n), so that
    /// products keep their size, and whole numbers below their bound.
    pub fn at(mut self, point: Point<f64>) -> Self {
        self.point = point;
        self
    }

    /// Sets the seed; 0 is the default. The same seed gives the same report.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the order, 1 or 2. At order 2 the map (x, ȳ) ↦ `ȳᵀ ∂y/∂x` is checked too, and the symmetry of the
    /// Hessian, once order 1 has passed.
    pub fn order(mut self, order: u32) -> Self {
        self.order = order;
        self
    }

    /// Sets how many elements are checked one by one; none is the default. A tensor that fails has
    /// [`ELEMENTS_OF_A_FAILURE`] of its elements checked in any case, unless the function is very large.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// As [`Check::tier`] with [`Tier::Sampled`].
    pub fn elements(self, elements: usize) -> Self {
        self.tier(Tier::Sampled(elements))
    }

    /// Sets the differences.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// For gradients computed in `f32`, either built here or [claimed](Self::against). Differences are taken in
    /// `f64`, at the nearest point in `f32`. The tolerance is the rounding error of a backward pass: [`SINGLE`] units
    /// of the gradient's norm, along each of several directions, or the rounding error of each node alone. Order 1
    /// only.
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

    /// Checks claimed gradients instead of those that [`vjp`](autograd::vjp) builds: pairs of an expression and its
    /// claimed adjoint. With respect to the leaves among them, unless [`Check::wrt`] is used. Adjoints of interior
    /// nodes help to name the faulty one: missing ones are assumed to be correct.
    ///
    /// For a scalar output the gradient is claimed; for others the cotangents must be given ([`Check::cotangents`]).
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

    /// Sets the cotangents: an expression for each output, with its shape. By default they are random.
    pub fn cotangents(mut self, cotangents: &[Expr<'g>]) -> Self {
        self.cotangents = Some(cotangents.to_vec());
        self
    }

    /// Checks at up to `points` points, until every [regime](Report::coverage) of every op was visited: the usual
    /// point first, then others, where the leaves without a given value are large, tied, or 0. A failure at any of
    /// them is a failure. Points where the outputs are not finite do not count.
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

    /// Runs the check. The graph is not changed: the gradients are appended to a copy.
    ///
    /// # Errors
    /// As [`check`].
    #[track_caller]
    pub fn run(self) -> Result<Report, Error> {
        run::run(self, autograd::Place::caller())
    }
}

/// The point with a value for every leaf that some nodes depend on, as a [`Check`] with that seed draws it.
///
/// # Errors
/// [`Error::Foreign`] if a handle belongs to another graph; [`Error::Value`] if the point has a value for a computed
/// node.
pub fn random_point(
    graph: &Graph,
    point: Point<f64>,
    nodes: &[NodeId],
    seed: u64,
) -> Result<Point<f64>, Error> {
    leaves::complete(graph, point, nodes, &mut Sampler::new(seed))
}

/// The maximum error of a gradient computed in `f32`, in units of `f32::EPSILON` of its norm, before the rounding of
/// every node is checked.
pub const SINGLE: f64 = 64.0;

/// How many elements of a tensor that fails are checked one by one, if no more are requested; none for a function
/// that reads millions of numbers.
pub const ELEMENTS_OF_A_FAILURE: usize = 16;
