//! Precision loss: the same graph in `f32` and in `f64`, node by node.
//!
//! Both evaluations start from the same numbers, the leaves rounded to `f32`. The difference of a node's two values
//! is the rounding error accumulated up to there. It is reported in two ways: relative to the value, as the node's
//! users see it, and relative to the *accumulated* terms, the sum of the absolute values that were added. If the
//! first is much larger than the second, large terms have cancelled: the remaining digits were already wrong (Higham
//! 2002, *Accuracy and Stability of Numerical Algorithms*, section 1.7).
//!
//! Sizes are Frobenius norms, so a single element near zero in a large tensor raises no alarm.

use autograd::graph::{Graph, NodeId};
use autograd::ops::{Op, Operator};
use autograd::{Error, Point, Value, eval, eval_with, norm};
use ndarray::ArrayD;
use std::collections::HashMap;
use std::fmt;

/// The precision loss in `f32` at every real node that the outputs depend on, at a point.
///
/// ```
/// use autograd::{Builder, Point};
/// use autograd_check::precision;
/// use ndarray::arr0;
///
/// let g = Builder::new();
/// let x = g.input("x", []);
/// let y = ((x + 1.0).named("sum") - 1.0).named("y"); // 1e-4 + 1 keeps three of the digits of x
/// let report = precision(&*g.graph()?, &Point::new().with(x, arr0(1e-4)), &[y])?;
/// let worst = report.cancellations().next().unwrap();
/// assert!(worst.name == "y" && worst.gap > 1e-5 && worst.gap_of_terms < 1e-7);
/// assert!((worst.cancellation - 2e4).abs() < 10.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// As [`eval`].
pub fn precision(
    graph: &Graph,
    point: &Point<f64>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Precision, Error> {
    let narrow = point.cast::<f32>();
    let wide = narrow.cast::<f64>();
    let mut order = Vec::new();
    eval_with(graph, &wide, outputs, |id, _| order.push(id))?;
    let mut gaps: HashMap<NodeId, f64> = HashMap::new();
    let mut nodes = Vec::with_capacity(order.len());
    // All values are held at once: this is a tool for small nets.
    let exact: HashMap<NodeId, Value<f64>> = order.iter().copied().zip(eval(graph, &wide, &order)?).collect();
    let rounded = eval(graph, &narrow, &order)?;
    for (&id, rounded) in order.iter().zip(&rounded) {
        let (Value::Float(value), Value::Float(rounded)) = (&exact[&id], rounded) else { continue };
        let gap = norm(&(value - &rounded.mapv(f64::from)));
        let operands: Vec<NodeId> = graph.operands(id)?.collect();
        let of_leaf = point.get(id).is_some();
        let terms = match graph.node(id)?.op.operator() {
            Some(operator) if !of_leaf => {
                let operands: Option<Vec<_>> = operands.iter().map(|x| exact.get(x)).collect();
                operands.and_then(|x| accumulated(&graph.node(id).ok()?.op, operator, &x))
            }
            _ => None,
        };
        let size = norm(value);
        let terms = terms.map_or(size, |terms| norm(&terms));
        let inherited =
            operands.iter().filter(|_| !of_leaf).filter_map(|x| gaps.get(x)).copied().fold(0.0, f64::max);
        let rounding = Rounding {
            node: id,
            name: graph.name(id)?,
            op: graph.node(id)?.op.name(),
            size,
            gap: over(gap, size),
            gap_of_terms: over(gap, terms),
            inherited,
            cancellation: over(terms, size).max(1.0),
        };
        gaps.insert(id, rounding.gap);
        nodes.push(rounding);
    }
    Ok(Precision { nodes })
}

/// The precision of a graph in `f32`. `{}` prints the worst nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Precision {
    /// The nodes of real numbers, in order of execution.
    pub nodes: Vec<Rounding>,
}

/// The precision loss at one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounding {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// The name of its op.
    pub op: &'static str,
    /// ‖y‖ in `f64`.
    pub size: f64,
    /// ‖y₃₂ − y₆₄‖ / ‖y₆₄‖
    pub gap: f64,
    /// ‖y₃₂ − y₆₄‖ / ‖terms‖, relative to the accumulated terms.
    pub gap_of_terms: f64,
    /// The largest gap among its operands.
    pub inherited: f64,
    /// ‖terms‖ / ‖y₆₄‖, at least 1: how much larger the terms are than the result.
    pub cancellation: f64,
}

impl Rounding {
    /// The ratio of the gap to the largest inherited one; to a unit of `f32` if the operands were exact.
    pub fn growth(&self) -> f64 {
        self.gap / self.inherited.max(0.5 * f64::from(f32::EPSILON))
    }
}

/// A cancellation: terms that cancel to less than a tenth lose a digit.
const A_DIGIT: f64 = 10.0;

impl Precision {
    /// The node with a name.
    pub fn node(&self, name: &str) -> Option<&Rounding> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The nodes by gap, the worst first.
    pub fn worst(&self) -> impl Iterator<Item = &Rounding> {
        sorted(self.nodes.iter().collect(), |node| node.gap)
    }

    /// The nodes at which a digit or more is lost by cancellation, the worst first. If all terms cancel exactly, the
    /// cancellation is infinite.
    pub fn cancellations(&self) -> impl Iterator<Item = &Rounding> {
        let lost = self.nodes.iter().filter(|node| node.cancellation >= A_DIGIT && node.gap > 0.0);
        sorted(lost.collect(), |node| node.cancellation)
    }
}

fn sorted(mut nodes: Vec<&Rounding>, key: impl Fn(&Rounding) -> f64) -> impl Iterator<Item = &Rounding> {
    nodes.sort_by(|a, b| key(b).total_cmp(&key(a)));
    nodes.into_iter()
}

/// The number of nodes printed per kind.
const SHOWN: usize = 8;

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let line = |f: &mut fmt::Formatter, node: &Rounding| {
            let Rounding { name, op, gap, gap_of_terms, cancellation, inherited, .. } = node;
            write!(
                f,
                "\n  {gap:>8.1e}  {gap_of_terms:>8.1e}  {inherited:>8.1e}  {cancellation:>8.1e}  {name} ({op})"
            )
        };
        let head = "gap        of terms  inherited  cancelled  node";
        write!(f, "the largest gaps between f32 and f64, of {} nodes\n  {head}", self.nodes.len())?;
        self.worst().take(SHOWN).try_for_each(|node| line(f, node))?;
        let count = self.cancellations().count();
        write!(f, "\nnodes that lose a digit or more by cancellation: {count}")?;
        self.cancellations().take(SHOWN).try_for_each(|node| line(f, node))
    }
}

/// a / b, with 0 / 0 = 0.
fn over(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a / b }
}

/// The sum of the absolute values of the terms that an op adds; `None` for an op that does not add.
fn accumulated(op: &Op, operator: &dyn Operator, x: &[&Value<f64>]) -> Option<ArrayD<f64>> {
    let absolute: Vec<Value<f64>> = match op {
        // These are linear in each operand with non-negative coefficients: on absolute values they give the sum of
        // absolute values.
        Op::Add(_) | Op::MatMul(_) | Op::ReduceSum(_) | Op::ReduceMean(_) => {
            x.iter().map(|x| x.map(f64::abs)).collect()
        }
        Op::ScatterAdd(_) => {
            x.iter().map(|x| if let Value::Float(_) = x { x.map(f64::abs) } else { (*x).clone() }).collect()
        }
        // a − b of |a| and −|b|
        Op::Sub(_) => vec![x[0].map(f64::abs), x[1].map(|b| -b.abs())],
        _ => return None,
    };
    Some(operator.eval_f64(&absolute.iter().collect::<Vec<_>>()).into_float())
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::graph::Builder;
    use autograd::{Expr, grad};
    use ndarray::{arr0, arr1, arr2};

    fn report(point: Point<f64>, y: Expr) -> Precision {
        precision(&y.builder().graph().unwrap(), &point, &[y]).unwrap()
    }

    #[test]
    fn a_leaf_is_exact_and_a_rounding_is_half_a_unit() {
        let g = Builder::new();
        let x = g.input("x", [3]);
        let p = report(Point::new().with(x, arr1(&[0.1, 0.7, -1.3])), (x * x).named("y"));
        assert!(p.node("x").unwrap().gap.abs() < f64::MIN_POSITIVE);
        let y = p.node("y").unwrap();
        assert!(
            y.gap > 0.0 && y.gap <= 0.5 * f64::from(f32::EPSILON) && (y.cancellation - 1.0).abs() < 1e-15,
            "{p}"
        );
    }

    /// The sum of a and −a(1 − δ) is aδ: the terms are 2/δ as large.
    #[test]
    fn each_op_that_adds_up_sees_its_terms_cancel() {
        let g = Builder::new();
        let (a, b) = (g.input("a", [2]), g.input("b", [2]));
        let delta = 2f64.powi(-10);
        let point = Point::new().with(a, arr1(&[3.0, 3.0])).with(b, arr1(&[3.0 * (1.0 - delta); 2]));
        let ones = g.constant(arr2(&[[1.0], [1.0]]));
        let minus = g.constant(arr1(&[1.0, -1.0]));
        let mixed = g.concat(0, &[a.slice(0, 0..1), b.slice(0, 0..1)]) * minus;
        for y in [a - b, a + (-b), mixed.sum(), mixed.mean(), mixed.reshape([1, 2]).matmul(ones)] {
            let y = y.named(&format!("y{}", y.id().index()));
            let p = report(point.clone(), y);
            let node = p.node(&y.name()).unwrap();
            assert!((node.cancellation * delta / 2.0 - 1.0).abs() < 1e-3, "{y:?}: {node:?}");
        }
    }

    /// log(1 + eˣ) − x for large x: the textbook example of losing all digits, detected at the node where it happens.
    #[test]
    fn the_node_that_cancels_is_named_and_not_its_users() {
        let g = Builder::new();
        let x = g.parameter("x", []);
        let lost = ((x.exp() + 1.0).ln() - x).named("lost");
        let loss = (lost * 3.0).named("loss");
        let dx = grad(loss, &[x])[0];
        let p = precision(&g.graph().unwrap(), &Point::new().with(x, arr0(8.0)), &[loss, dx]).unwrap();
        let first = p.cancellations().next().unwrap();
        assert!(first.name == "lost" && first.gap > 1e-4 && first.gap_of_terms < 1e-7, "{p}");
        let loss = p.node("loss").unwrap();
        assert!((loss.cancellation - 1.0).abs() < 1e-15 && (loss.growth() - 1.0).abs() < 0.1, "{p}");
    }
}
