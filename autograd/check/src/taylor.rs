//! The Taylor test: does the remainder of a function's expansion fall at the right order?
//!
//! With g the gradient of φ at x, H its Hessian and u a direction of length 1, three residuals are computed while ε falls:
//!
//! ```text
//! r₁ = |φ(x + εu) − φ(x)|                               falls as ε
//! r₂ = |φ(x + εu) − φ(x) − ε⟨g, u⟩|                     falls as ε², if g is right
//! r₃ = |φ(x + εu) − φ(x) − ε⟨g, u⟩ − ½ε² ⟨u, Hu⟩|       falls as ε³, if H is right too
//! ```
//!
//! A wrong gradient leaves a term of order 1 in r₂, and a wrong Hessian one of order 2 in r₃: the measured order
//! shows it without a tolerance (Farrell, Ham, Funke & Rognes 2013, *Automated derivation of the adjoint of
//! high-level transient finite element programs*, section 6). Below the rounding floor of φ nothing falls any more.
//! The floor is measured, and orders are fitted above it.
//!
//! The test moves all leaves at once, and gives one number: [`check`](crate::check()) finds which tensor is wrong.

mod fit;

pub use fit::Order;
use fit::scatter;

use super::{Verdict, leaves};
use autograd::graph::{Builder, Expr, Graph, NodeId};
use autograd::ops::{Op, Sampler};
use autograd::{Error, Kind, Place, Point, Value, eval, grad, norm};
use ndarray::ArrayD;
use std::fmt;

/// The Taylor test of `y` at a point: along a random direction of norm 1 through all parameters and all real inputs
/// that `y` depends on.
///
/// For a non-scalar output, φ is its product with random weights. Leaves without a value at the point get one as in a
/// [`Check`](crate::Check). A `stop_gradient` is held at its value. All randomness is a function of the seed.
///
/// ```
/// use autograd_check::{Verdict, taylor};
/// use autograd::{Builder, Point};
///
/// let g = Builder::new();
/// let (x, w) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]));
/// let report = taylor(x.linear(w).tanh().sum(), Point::new(), 0)?;
/// assert_eq!(report.verdict(), Verdict::Pass);
/// for (order, exact) in report.orders.iter().zip([1.0, 2.0, 3.0]) {
///     assert!((order.measured.unwrap() - exact).abs() < 0.05, "{report}");
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// As [`check`](crate::check()).
#[track_caller]
pub fn taylor(y: Expr, point: Point<f64>, seed: u64) -> Result<Taylor, Error> {
    let refuse = |reason: String, place: Place| Err(Error::Build { reason, place });
    let graph = y.builder().graph()?;
    if y.ty().kind != Kind::Float {
        return refuse(format!("{y:?} has no gradient to test: it holds no real numbers"), Place::caller());
    }
    let wrt = leaves::real(&graph, &[y.id()])?;
    if wrt.is_empty() {
        let reason = format!("`{}` depends on no parameter and no real-valued input", y.name());
        return refuse(reason, Place::caller());
    }
    let subject = format!("{y:?}");
    let g = Builder::resume(graph.clone());
    let (y, xs) = (g.expr(y.id()), wrt.iter().map(|&id| g.expr(id)).collect::<Vec<_>>());
    let mut sampler = Sampler::new(seed);
    let mut point = leaves::complete(&graph, point, &[y.id()], &mut sampler)?;
    hold_stops(&graph, &mut point, y.id())?;
    leaves::finite(&graph, &point, &[y.id()])?;
    let scalar = y.shape().is_empty();
    let phi = if scalar { y } else { (y * g.constant(leaves::weights(&y.shape(), &mut sampler))).sum() };

    let mut direction: Vec<ArrayD<f64>> =
        xs.iter().map(|x| leaves::weights(&x.shape(), &mut sampler)).collect();
    let length = norm(direction.iter().flatten());
    direction.iter_mut().for_each(|u| *u /= length);
    let along = |of: &[Expr]| {
        let of = of.iter().zip(&direction);
        g.sum(&of.map(|(a, u)| (g.constant(u.clone()) * g.expr(a.id())).sum()).collect::<Vec<_>>())
    };
    let slope = along(&grad(phi, &xs));
    let curvature = along(&grad(slope, &xs));
    let ray = Ray { graph: &*g.graph()?, point: &point, phi: phi.id(), wrt: &wrt, direction: &direction };
    let [value, slope, curvature] = ray.at_zero([phi.id(), slope.id(), curvature.id()])?;
    let floor = ray.floor(value)?;
    let here = ray.branches(0.0)?;
    let mut rows = Vec::new();
    for step in steps() {
        let change = ray.value(step)? - value;
        let rest = change - step * slope;
        let of = [change, rest, rest - 0.5 * step * step * curvature].map(f64::abs);
        rows.push(Residuals { step, of, smooth: ray.branches(step)? == here });
    }
    let orders = [1, 2, 3].map(|order| Order::fit(order, &rows, floor)).to_vec();
    Ok(Taylor { subject, seed, value, slope, curvature, floor, rows, orders })
}

/// ε from 1 to 10⁻⁹, four per decade.
pub(super) fn steps() -> impl Iterator<Item = f64> {
    (0..=36).map(|k| 10f64.powf(-f64::from(k) / 4.0))
}

/// The result of a Taylor test. `{}` prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Taylor {
    /// The output under test, with its shape.
    pub subject: String,
    /// The seed of all random numbers.
    pub seed: u64,
    /// φ(x)
    pub value: f64,
    /// ⟨g, u⟩
    pub slope: f64,
    /// ⟨u, Hu⟩; NaN for a function without a claimed Hessian.
    pub curvature: f64,
    /// The rounding floor: residuals near it are noise.
    pub floor: f64,
    /// The residuals, by decreasing ε.
    pub rows: Vec<Residuals>,
    /// The orders of the three residuals; of two, without a claimed Hessian.
    pub orders: Vec<Order>,
}

/// The residuals at one ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residuals {
    /// ε
    pub step: f64,
    /// r₁, r₂, r₃
    pub of: [f64; 3],
    /// Whether every op is on the same side of its kinks as at ε = 0. Otherwise the expansion need not hold.
    pub smooth: bool,
}

impl Taylor {
    /// The worst verdict on the three orders.
    pub fn verdict(&self) -> Verdict {
        self.orders.iter().map(|order| order.verdict).max().unwrap_or(Verdict::Pass)
    }
}

impl fmt::Display for Taylor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Taylor test of {}, seed {}: {}", self.subject, self.seed, self.verdict())?;
        let residuals = self.orders.len();
        write!(f, "\n  φ {:.6e}  ⟨g, u⟩ {:.6e}", self.value, self.slope)?;
        if residuals > 2 {
            write!(f, "  ⟨u, Hu⟩ {:.6e}", self.curvature)?;
        }
        write!(f, "\n  rounding floor {:.1e}\n\n  {:>8}", self.floor, "ε")?;
        ["r₁", "r₂", "r₃"].iter().take(residuals).try_for_each(|r| write!(f, "  {r:>8}"))?;
        // Two lines per decade are enough.
        for row in self.rows.iter().step_by(2) {
            write!(f, "\n  {:>8.1e}", row.step)?;
            row.of.iter().take(residuals).try_for_each(|r| write!(f, "  {r:>8.1e}"))?;
            f.write_str(if row.smooth { "" } else { "  beyond a kink" })?;
        }
        writeln!(f)?;
        self.orders.iter().try_for_each(|order| write!(f, "\n  {order}"))
    }
}

/// φ(x + εu) as a function of ε.
struct Ray<'a> {
    graph: &'a Graph,
    point: &'a Point<f64>,
    phi: NodeId,
    wrt: &'a [NodeId],
    direction: &'a [ArrayD<f64>],
}

impl Ray<'_> {
    fn at(&self, step: f64) -> Point<f64> {
        let mut point = self.point.clone();
        for (&x, u) in self.wrt.iter().zip(self.direction) {
            let base = self.point.get(x).expect("every leaf was given a value").float();
            point.set(x, base + &(u * step));
        }
        point
    }

    fn at_zero<const N: usize>(&self, of: [NodeId; N]) -> Result<[f64; N], Error> {
        let values = eval(self.graph, self.point, &of)?;
        Ok(std::array::from_fn(|i| scalar(&values[i])))
    }

    fn value(&self, step: f64) -> Result<f64, Error> {
        Ok(scalar(&eval(self.graph, &self.at(step), &[self.phi])?[0]))
    }

    /// The side of every op's kinks.
    fn branches(&self, step: f64) -> Result<Vec<bool>, Error> {
        let ids = leaves::ancestors(self.graph, &[self.phi])?;
        let values = eval(self.graph, &self.at(step), &ids)?;
        let of = |id: NodeId| ids.binary_search(&id).ok().map(|place| &values[place]);
        let mut sides = Vec::new();
        for &id in &ids {
            if let Some(operator) = self.graph.node(id)?.op.operator() {
                let operands: Vec<&Value<f64>> = self.graph.operands(id)?.filter_map(of).collect();
                sides.extend(operator.branches(&operands));
            }
        }
        Ok(sides)
    }

    /// The standard deviation of the rounding errors of φ, measured near x; at least half a unit of φ.
    fn floor(&self, value: f64) -> Result<f64, Error> {
        // Irregular points so near x that the function is straight there: the fractional parts of i² times the golden
        // ratio are equidistributed (Weyl 1916), while regular points can resonate with the lattice of floating-point
        // numbers.
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let points = (1..=32).map(|i| 1e-10 * (2.0 * (f64::from(i * i) * golden).fract() - 1.0));
        // Differences of such close numbers are exact.
        let points = points.map(|t| Ok([t, self.value(t)? - value])).collect::<Result<Vec<_>, Error>>()?;
        Ok(scatter(&points).max(0.5 * f64::EPSILON * value.abs()))
    }
}

fn scalar(value: &Value<f64>) -> f64 {
    value.scalar().expect("φ is a scalar, and so are its derivatives along u")
}

/// Holds every `stop_gradient` at its value: the gradient does not see through it, so the function must not either.
fn hold_stops(graph: &Graph, point: &mut Point<f64>, y: NodeId) -> Result<(), Error> {
    let mut stops = leaves::ancestors(graph, &[y])?;
    stops.retain(|id| matches!(graph.at(id.index()).op, Op::StopGradient(_)));
    for (&id, value) in stops.iter().zip(eval(graph, point, &stops)?) {
        point.set(id, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample};
    use autograd::{Scalar, Type};

    /// `y = tanh x`, whose VJP is wrong by a factor.
    #[derive(Debug)]
    struct Wrong(f64);

    impl Wrong {
        fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
            x[0].map(Scalar::tanh)
        }
    }

    impl Operator for Wrong {
        autograd::kernels!();
        fn name(&self) -> &'static str {
            "wrong"
        }
        fn infer(&self, operands: &[Type]) -> Result<Type, String> {
            Ok(operands[0].clone())
        }
        fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
            (dy * (1.0 - y * y) * self.0).into()
        }
        fn notation(&self) -> Notation {
            Notation::Function
        }
        fn sample(s: &mut Sampler) -> Sample<Self> {
            Sample::new(Self(1.0), [s.float([2], Domain::reals(-1.0, 1.0))])
        }
    }

    #[track_caller]
    fn has_orders(report: &Taylor, orders: [f64; 3]) {
        for (order, exact) in report.orders.iter().zip(orders) {
            assert!(order.measured.is_some_and(|m| (m - exact).abs() < 0.05), "{report}");
        }
    }

    #[test]
    fn smooth_losses_have_the_orders_of_the_theorem() {
        for seed in 0..20 {
            let g = Builder::new();
            let (x, w, v) = (g.input("x", [2, 3]), g.parameter("w", [4, 3]), g.parameter("v", [5, 4]));
            let loss = x.linear(w).tanh().linear(v).sigmoid().powi(2).sum().exp();
            let report = taylor(loss, Point::new(), seed).unwrap();
            has_orders(&report, [1.0, 2.0, 3.0]);
            assert_eq!(report.verdict(), Verdict::Pass);
        }
    }

    #[test]
    fn a_wrong_gradient_leaves_order_one() {
        for factor in [-1.0, 2.0, 1.001, 1.0001] {
            let g = Builder::new();
            let report = taylor(g.parameter("w", [3]).custom(Wrong(factor)).sum(), Point::new(), 0).unwrap();
            assert!(report.orders[1].measured.is_some_and(|m| (m - 1.0).abs() < 0.05), "{report}");
            assert_eq!(report.verdict(), Verdict::Fail, "{report}");
        }
    }

    #[test]
    fn a_linear_loss_has_nothing_left_and_passes() {
        let g = Builder::new();
        let report = taylor((g.parameter("w", [3]) * 2.0).sum(), Point::new(), 0).unwrap();
        assert_eq!(
            report.orders.iter().map(|order| order.measured.is_some()).collect::<Vec<_>>(),
            [true, false, false],
            "{report}"
        );
        assert_eq!(report.verdict(), Verdict::Pass);
        assert!(report.to_string().contains("at the rounding floor"), "{report}");
    }

    #[test]
    fn a_stopped_gradient_is_held() {
        let g = Builder::new();
        let w = g.parameter("w", [3]);
        let report = taylor((w.exp().stop_gradient() * w.sin()).sum(), Point::new(), 1).unwrap();
        has_orders(&report, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn orders_are_fitted_on_this_side_of_a_kink() {
        let g = Builder::new();
        let w = g.parameter("w", [2]);
        let point = Point::new().with(w, ndarray::arr1(&[1e-2, -1e-2]));
        let report = taylor((w.relu() * w.exp()).sum(), point, 0).unwrap();
        assert!(report.rows.iter().any(|row| !row.smooth), "{report}");
        has_orders(&report, [1.0, 2.0, 3.0]);
    }
}
