//! The gated recurrent unit, in both of its published forms.

use super::{Cell, Next, Weight, Weights};
use autograd::Expr;

pub(super) const SOURCE: &str = "Cho et al. 2014 in the form of cuDNN and PyTorch: reset after the product";
pub(super) const EQUATIONS: &str = "\
r[t] = σ(W_r x[t] + b_r + U_r h[t-1] + c_r)
z[t] = σ(W_z x[t] + b_z + U_z h[t-1] + c_z)
n[t] = tanh(W_n x[t] + b_n + r[t] ⊙ (U_n h[t-1] + c_n))
h[t] = (1 - z[t]) ⊙ n[t] + z[t] ⊙ h[t-1]";
pub(super) const SOURCE_V1: &str = "Cho et al. 2014, eq. 5-8: reset before the product";
pub(super) const EQUATIONS_V1: &str = "\
r[t] = σ(W_r x[t] + b_r + U_r h[t-1] + c_r)
z[t] = σ(W_z x[t] + b_z + U_z h[t-1] + c_z)
n[t] = tanh(W_n x[t] + b_n + U_n (r[t] ⊙ h[t-1]) + c_n)
h[t] = (1 - z[t]) ⊙ n[t] + z[t] ⊙ h[t-1]";

/// Where the reset gate acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// On the product of the state with its weights: PyTorch, cuDNN; ONNX's `linear_before_reset = 1`.
    AfterProduct,
    /// On the state itself, before the product: the paper.
    BeforeProduct,
}

/// Reset and update gates on a single state:
///
/// ```text
/// r, z = σ(W x + b + U h + d)
/// n = tanh(W x + b + r ⊙ (U h + d))  or  tanh(W x + b + U (r ⊙ h) + d)
/// h' = (1 − z) ⊙ n + z ⊙ h
/// ```
///
/// Cho et al. 2014. Weights as in PyTorch's `GRU`, gates stacked in the order r, z, n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    /// Where the reset gate acts.
    pub reset: Reset,
}

impl Cell for Gru {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::stacked(&["r", "z", "n"], input, hidden)
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: usize) -> Next<'g> {
        let h = state[0];
        let hidden = h.shape()[1];
        let inputs = (x.linear(w["weight_ih"]) + w["bias_ih"]).named("inputs");
        let [ir, iz, inn] = inputs.split(1);
        // The rows of the stacked weights that belong to the update and reset gates, and to the candidate.
        let (gates, candidate) = (0..2 * hidden, 2 * hidden..3 * hidden);
        let (hr, hz, n) = match self.reset {
            Reset::AfterProduct => {
                let states = (h.linear(w["weight_hh"]) + w["bias_hh"]).named("states");
                let [hr, hz, hn] = states.split(1);
                (hr, hz, hn)
            }
            Reset::BeforeProduct => {
                let u = w["weight_hh"].slice(0, gates.clone());
                let states = (h.linear(u) + w["bias_hh"].slice(0, gates)).named("states");
                let [hr, hz] = states.split(1);
                (hr, hz, h)
            }
        };
        let r = (ir + hr).sigmoid().named("r");
        let z = (iz + hz).sigmoid().named("z");
        let n = match self.reset {
            Reset::AfterProduct => inn + r * n,
            Reset::BeforeProduct => {
                let u = w["weight_hh"].slice(0, candidate.clone());
                inn + (r * n).linear(u) + w["bias_hh"].slice(0, candidate)
            }
        };
        let n = n.tanh().named("n");
        ((1.0 - z) * n + z * h).into()
    }
}
