//! The cells that the tests walk: those that come with the crate, and two from outside it.

use autograd::Expr;
use rnn::cell::{Cell, Next, SHIPPED, State, Weight, Weights};
use std::sync::Arc;

/// Cells whose output at a step depends on nothing but the input and the states: not on the step's number, and not on
/// stopped gradients or sums that are rounded otherwise in a batch.
const SHIPPED_HERE: [&str; 5] = ["elman", "elman-relu", "lstm", "gru", "gru-reset-before"];

/// All cells, by name.
pub fn all() -> Vec<(&'static str, Arc<dyn Cell>)> {
    let shipped = SHIPPED
        .iter()
        .filter(|s| SHIPPED_HERE.contains(&s.name))
        .map(|shipped| (shipped.name, shipped.cell() as Arc<dyn Cell>));
    let outside: [(&str, Arc<dyn Cell>); 2] = [("mgu", Arc::new(Mgu)), ("readout", Arc::new(Readout))];
    shipped.chain(outside).collect()
}

/// The minimal gated unit. Zhou et al. 2016, eq. 4-6
#[derive(Debug)]
pub struct Mgu;

impl Cell for Mgu {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        let gate = |g| Weight::gate(g, input, hidden);
        [gate("f"), gate("n")].concat()
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: usize) -> Next<'g> {
        let h = state[0];
        let f = (x.linear(w["W_f"]) + h.linear(w["U_f"]) + w["b_f"]).sigmoid().named("f");
        let n = (x.linear(w["W_n"]) + (f * h).linear(w["U_n"]) + w["b_n"]).tanh().named("n");
        ((1.0 - f) * h + f * n).into()
    }
}

/// A cell whose output is no state and has a width of its own, as has one of its states:
/// `h' = tanh(W x + U h)`, `s' = s / 2 + Q h'`, `y = sin(V h' + P s')`.
#[derive(Debug)]
pub struct Readout;

impl Cell for Readout {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        vec![
            Weight::input("W", [hidden, input]),
            Weight::recurrent("U", [hidden, hidden]),
            Weight::recurrent("Q", [2, hidden]),
            Weight::recurrent("V", [hidden + 1, hidden]),
            Weight::recurrent("P", [hidden + 1, 2]),
        ]
    }

    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden), State::new("s", 2)]
    }

    fn output_size(&self, hidden: usize) -> usize {
        hidden + 1
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: usize) -> Next<'g> {
        let h = (x.linear(w["W"]) + state[0].linear(w["U"])).tanh().named("h");
        let s = (0.5 * state[1] + h.linear(w["Q"])).named("s");
        let output = (h.linear(w["V"]) + s.linear(w["P"])).sin().named("y");
        Next { output, states: vec![h, s] }
    }
}
