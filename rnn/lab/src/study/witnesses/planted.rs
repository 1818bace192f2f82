//! A net with a VJP that can be made wrong, to test the cross-checks.

use super::WholeNet;
use crate::study::trial::{Gradients, rounding};
use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Expr, NodeId, Point, Scalar, Type, Value, eval, grad, kernels};
use autograd_check::random_point;

/// `y = tanh x`, so `x̄ = ȳ ⊙ (1 − y²)`; the wrong version omits the square.
#[derive(Debug)]
struct Squash {
    right: bool,
}

impl Squash {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::tanh)
    }
}

impl Operator for Squash {
    kernels!();
    fn name(&self) -> &'static str {
        "squash"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (1.0 - if self.right { y * y } else { y })).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self { right: true }, [s.float([2], Domain::reals(-1.0, 1.0))])
    }
}

/// `h[t] = squash(x[t] Wᵀ + h[t−1] Uᵀ)` over three steps, the mean of all h², and its gradients.
pub fn net(right: bool) -> WholeNet {
    let g = Builder::new();
    let (w, u) = (g.parameter("W", [3, 2]), g.parameter("U", [3, 3]));
    let (x, mut h) = (g.input("x", [3, 2, 2]), g.input("h0", [2, 3]));
    let leaves = [w, u, x, h];
    let mut squares = Vec::new();
    for t in 0..3 {
        h = (x.at(0, t).linear(w) + h.linear(u)).custom(Squash { right });
        squares.push(h.powi(2).mean());
    }
    let loss = g.sum(&squares);
    let gradients: Vec<NodeId> = grad(loss, &leaves).into_iter().map(Expr::id).collect();
    let graph = g.graph().unwrap();
    let point = random_point(&graph, Point::new(), &gradients, 1).unwrap();
    let values = eval(&graph, &point, &gradients).unwrap().into_iter().map(Value::into_float);
    let of = leaves.iter().map(|leaf| leaf.name()).zip(values).collect();
    let found = Gradients { loss: f64::NAN, of };
    let least = graph.len() as f64 * f64::EPSILON * found.largest();
    let tolerance = rounding(&graph, &point, &gradients).unwrap().into_iter().map(|r| r + least).collect();
    let leaves = leaves.into_iter().map(Expr::id).collect();
    WholeNet { graph, point, loss: loss.id(), leaves, gradients, found, tolerance }
}
