//! Cells: one step of a recurrent net.
//!
//! A cell declares the weights of one layer and the states it carries, and computes one step. Unrolling, masks,
//! stacking, bidirectional layers, BPTT, checks and drawings are derived from that.

mod shipped;
mod step;
mod weights;

pub use shipped::{CellError, CellRef, LITERATURE, SHIPPED, Shipped, by_name, named};
pub use step::{Clock, Noise, Step};
pub use weights::{Part, Role, Weight, Weights};

use autograd::Expr;
use std::fmt::Debug;

/// One step of a recurrent net, as a custom cell implements it.
///
/// ```
/// use autograd::{Builder, Expr};
/// use autograd_check::check;
/// use rnn::cell::{Cell, Next, Step, Weight, Weights};
///
/// /// Minimal gated unit. Zhou et al. 2016, eq. 4-6
/// #[derive(Debug)]
/// struct Mgu;
///
/// impl Cell for Mgu {
///     fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
///         Weight::gates(["f", "n"], input, hidden) // W_f, U_f, b_f, W_n, U_n, b_n
///     }
///     fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
///         let h = state[0];
///         let f = (x.linear(w["W_f"]) + h.linear(w["U_f"]) + w["b_f"]).sigmoid().named("f");
///         let n = (x.linear(w["W_n"]) + (f * h).linear(w["U_n"]) + w["b_n"]).tanh().named("n");
///         ((1.0 - f) * h + f * n).into()
///     }
/// }
///
/// let g = Builder::new();
/// let net = rnn::Layers::new(Mgu, 3, 4);
/// let run = net.unroll(&g, &net.declare(&g, ""), g.input("x", [5, 2, 3]), None, &rnn::Start::Zero);
/// assert!(check(run.output())?.passed());
/// # Ok::<(), autograd::Error>(())
/// ```
pub trait Cell: Debug + Send + Sync + 'static {
    /// The weights of one layer in one direction, for inputs of size `input` and states of size `hidden`.
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight>;

    /// The states that are carried from step to step, with their sizes. The first is usually the output.
    fn states(&self, _input: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden)]
    }

    /// Checks that the cell supports these sizes.
    ///
    /// # Errors
    /// The requirement, as a sentence without a full stop.
    fn fits(&self, _input: usize, _hidden: usize) -> Result<(), String> {
        Ok(())
    }

    /// The size of the output.
    fn output_size(&self, hidden: usize) -> usize {
        hidden
    }

    /// How the cell's steps use the step number.
    fn clock(&self) -> Clock {
        Clock::GoesOn
    }

    /// Whether a step, or [`prepare`](Self::prepare), applies dropout in training.
    fn drops(&self) -> bool {
        false
    }

    /// Derives from the declared weights what the steps read, once per lane (one layer in one direction): for
    /// example, slices of stacked weights.
    fn prepare<'g>(&self, w: &Weights<'g>, _input: usize, _hidden: usize, _lane: Lane<'g>) -> Weights<'g> {
        w.clone()
    }

    /// Step `t`: maps the input `[batch, input]` and the states `[batch, size]` to the output and the next states.
    /// [Named](Expr::named) gates appear in every dump.
    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], t: &Step<'g>) -> Next<'g>;
}

/// A layer in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane<'g> {
    /// The lane's number, from 0: layer by layer, the directions of a layer in sequence.
    pub number: usize,
    /// The source of its dropout masks; `None` if nothing is dropped.
    pub noise: Option<Noise<'g>>,
}

/// A state that a cell carries.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its name: `h`.
    pub name: String,
    /// Its number of features.
    pub size: usize,
    /// Whether it is a past input, whose size may differ between layers.
    pub of_input: bool,
    /// The initial value of all its features, unless an initial state is given.
    pub start: f64,
}

impl State {
    /// A state of that name and size.
    pub fn new(name: impl Into<String>, size: usize) -> Self {
        Self { name: name.into(), size, of_input: false, start: 0.0 }
    }
}

/// What a step returns.
#[derive(Clone, Debug)]
pub struct Next<'g> {
    /// The output, `[batch, output_size]`.
    pub output: Expr<'g>,
    /// The states, in the order of [`Cell::states`].
    pub states: Vec<Expr<'g>>,
}

/// The only state, which is also the output.
impl<'g> From<Expr<'g>> for Next<'g> {
    fn from(h: Expr<'g>) -> Self {
        Self { output: h, states: vec![h] }
    }
}

/// Several states; the first is the output.
impl<'g, const N: usize> From<[Expr<'g>; N]> for Next<'g> {
    fn from(states: [Expr<'g>; N]) -> Self {
        Self { output: states[0], states: states.into() }
    }
}
