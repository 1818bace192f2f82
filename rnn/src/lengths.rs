//! Sequences of different lengths in one batch.

use autograd::{Builder, Expr, Value};

/// The lengths of a batch, and the mask of each step.
#[derive(Clone, Debug)]
pub struct Lengths<'g> {
    /// Whole numbers `[batch, 1]`, from 1 to the number of steps.
    pub numbers: Expr<'g>,
    /// For each step, which sequences are still running: truth values `[batch, 1]`, named `live[t]`.
    pub live: Vec<Expr<'g>>,
}

impl<'g> Lengths<'g> {
    /// The lengths `numbers` of sequences in a batch of `steps` steps.
    #[track_caller]
    pub fn new(g: &'g Builder, numbers: Expr<'g>, steps: usize) -> Self {
        let live = |t: usize| {
            let _step = g.step(t + 1);
            numbers.greater(g.constant(Value::Index(ndarray::arr0(t).into_dyn()))).named("live")
        };
        Self { numbers, live: (0..steps).map(live).collect() }
    }

    /// The inputs of all steps, with padding replaced by the sequence's last input: padding never enters a cell, so
    /// it may be NaN, which a zero adjoint would not mask. A real input, unlike a zero, is in the cell's domain.
    #[track_caller]
    pub fn carry(&self, g: &'g Builder, inputs: &[Expr<'g>]) -> Vec<Expr<'g>> {
        let mut carried = inputs.to_vec();
        // Every sequence has a first step.
        for t in 1..inputs.len() {
            let _step = g.step(t + 1);
            carried[t] = self.live[t].select(inputs[t], carried[t - 1]).named("x.last");
        }
        carried
    }
}

/// Lengths `[batch, 1]` in `0..=steps` as real numbers.
#[track_caller]
pub(crate) fn real<'g>(g: &'g Builder, lengths: Expr<'g>, steps: usize) -> Expr<'g> {
    let table = ndarray::Array::from_iter((0..=steps).map(|n| n as f64));
    g.constant(table).gather(lengths)
}
