//! A recurrence over 60 steps, in which the VJP of the first step has the wrong sign. The adjoint of that step is
//! below 1e-17, so no difference of the loss can detect it; the checker does.
//!
//! ```text
//! cargo run --release -p bptt-lab --example vanished_sign
//! ```

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Builder, Error, Expr, Point, Scalar, Type, Value, kernels};
use autograd_check::Check;
use ndarray::{ArrayD, arr2};

/// `y = tanh x`, so `x̄ = ȳ ⊙ (1 − y²)`.
#[derive(Debug)]
struct FirstTanh;

impl FirstTanh {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(S::tanh)
    }
}

impl Operator for FirstTanh {
    kernels!();
    fn name(&self) -> &'static str {
        "first-tanh"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], y: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (y * y - 1.0)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([2, 3], Domain::reals(-2.0, 2.0))])
    }
}

/// The report of the checker.
///
/// # Errors
/// If the net cannot be checked.
pub fn story() -> Result<String, Error> {
    let g = Builder::new();
    let (u, b, h0) = (g.parameter("U", [2, 2]), g.parameter("b", [2]), g.parameter("h0", [1, 2]));
    let mut h = h0;
    for t in 1..=60 {
        let _step = g.step(t);
        let a = h.linear(u) + b;
        h = if t == 1 { a.custom(FirstTanh) } else { a.tanh() }.named("h");
    }
    let point =
        Point::new().with(u, arr2(&[[0.5, 0.1], [-0.1, 0.5]])).with(b, ArrayD::from_elem(vec![2], 0.1));
    let report = Check::new(h.powi(2).mean().named("loss")).at(point).run()?;
    Ok(format!("{report}\n"))
}

fn main() -> Result<(), Error> {
    print!("{}", story()?);
    Ok(())
}
