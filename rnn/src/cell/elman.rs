//! The simple recurrent net.

use super::{Cell, Next, Weight, Weights};
use autograd::Expr;

pub(super) const SOURCE: &str = "Elman 1990, Finding structure in time";
pub(super) const EQUATIONS: &str = "h[t] = tanh(W_x x[t] + b_x + W_h h[t-1] + b_h)";
pub(super) const EQUATIONS_RELU: &str = "h[t] = relu(W_x x[t] + b_x + W_h h[t-1] + b_h)";

/// What bends the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0)
    Relu,
}

/// `h' = φ(W_x x + b_x + W_h h + b_h)` with φ = tanh or relu. Elman 1990.
///
/// Weights as in PyTorch's `RNN`: `weight_ih [hidden, input]` is `W_x`, `weight_hh [hidden, hidden]` is `W_h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elman {
    /// The function φ.
    pub activation: Activation,
}

impl Cell for Elman {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::stacked(&["h"], input, hidden)
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: usize) -> Next<'g> {
        let a = x.linear(w["weight_ih"]) + w["bias_ih"] + state[0].linear(w["weight_hh"]) + w["bias_hh"];
        match self.activation {
            Activation::Tanh => a.tanh(),
            Activation::Relu => a.relu(),
        }
        .into()
    }
}
