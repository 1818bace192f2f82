//! An LSTM with a custom tanh whose VJP omits a square, and the checker's report.
//!
//! ```text
//! cargo run --release -p bptt-lab --example forgotten_square
//! ```
//!
//! With a file name it also writes the report as a page.

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Error, Expr, Scalar, Type, Value, kernels};
use autograd_check::Check;
use autograd_check::Survey;
use autograd_view::draw::{Options, Page};
use rnn::cell::{Next, State, Step, Weight, Weights};
use rnn::{Cell, Layers, Start};

/// `y = tanh x`, so `x̄ = ȳ ⊙ (1 − y²)`.
#[derive(Debug)]
struct MyTanh;

impl MyTanh {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::tanh)
    }
}

impl Operator for MyTanh {
    kernels!();
    fn name(&self) -> &'static str {
        "my-tanh"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (1.0 - y)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([2, 3], Domain::reals(-2.0, 2.0))])
    }
}

/// Long short-term memory.
#[derive(Debug)]
struct Lstm;

impl Cell for Lstm {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::gates(["i", "f", "g", "o"], input, hidden)
    }
    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden), State::new("c", hidden)]
    }
    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        let [h, c] = [state[0], state[1]];
        let gate = |k: &str| {
            x.linear(w[&*format!("W_{k}")]) + h.linear(w[&*format!("U_{k}")]) + w[&*format!("b_{k}")]
        };
        let [i, f, o] = ["i", "f", "o"].map(|k| gate(k).sigmoid().named(k));
        let g = gate("g").tanh().named("g");
        let c = (f * c + i * g).named("c");
        [o * c.custom(MyTanh).named("squashed"), c].into()
    }
}

/// The net over five steps, and its check.
///
/// # Errors
/// If the net cannot be checked.
pub fn survey() -> Result<Survey, Error> {
    let g = Builder::new();
    let net = Layers::new(Lstm, 3, 4);
    let run = net.unroll(&g, &net.declare(&g, ""), g.input("x", [5, 2, 3]), None, &Start::Zero);
    Check::new(run.output().powi(2).mean().named("loss")).survey()
}

/// The checker's report.
///
/// # Errors
/// If the net cannot be checked.
pub fn story() -> Result<String, Error> {
    Ok(format!("{}\n", survey()?.report))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", story()?);
    if let Some(path) = std::env::args().nth(1) {
        let options =
            Options { title: Some("An LSTM with a tanh of one's own".into()), ..Options::default() };
        std::fs::write(path, rnn_lab::survey::html(&survey()?, &options, Page::default())?)?;
    }
    Ok(())
}
