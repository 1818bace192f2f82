//! Long short-term memory.

use super::{Cell, Next, State, Weight, Weights};
use autograd::Expr;

pub(super) const SOURCE: &str =
    "Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000";
pub(super) const EQUATIONS: &str = "\
i[t] = σ(W_i x[t] + b_i + U_i h[t-1] + c_i)
f[t] = σ(W_f x[t] + b_f + U_f h[t-1] + c_f)
g[t] = tanh(W_g x[t] + b_g + U_g h[t-1] + c_g)
o[t] = σ(W_o x[t] + b_o + U_o h[t-1] + c_o)
c[t] = f[t] ⊙ c[t-1] + i[t] ⊙ g[t]
h[t] = o[t] ⊙ tanh(c[t])";

/// Input, forget and output gates around a cell state:
///
/// ```text
/// i, f, o = σ(W x + b + U h + d)      g = tanh(W x + b + U h + d)
/// c' = f ⊙ c + i ⊙ g                  h' = o ⊙ tanh c'
/// ```
///
/// Hochreiter & Schmidhuber 1997; the forget gate is of Gers et al. 2000. Weights as in PyTorch's `LSTM`, gates
/// stacked in the order i, f, g, o.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm;

impl Cell for Lstm {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::stacked(&["i", "f", "g", "o"], input, hidden)
    }

    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden), State::new("c", hidden)]
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: usize) -> Next<'g> {
        let (h, c) = (state[0], state[1]);
        let gates = x.linear(w["weight_ih"]) + w["bias_ih"] + h.linear(w["weight_hh"]) + w["bias_hh"];
        let [i, f, g, o] = gates.named("gates").split(1);
        let i = i.sigmoid().named("i");
        let f = f.sigmoid().named("f");
        let g = g.tanh().named("g");
        let o = o.sigmoid().named("o");
        let c = (f * c + i * g).named("c");
        let h = (o * c.tanh()).named("h");
        [h, c].into()
    }
}
