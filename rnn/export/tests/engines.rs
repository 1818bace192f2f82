//! What other engines compute of exported programs, against the interpreter.

mod common;

use autograd::Point;
use common::{Cases, gradient, nets, samples, special};
use rnn_export::stablehlo::{self, Form};
use rnn_export::{Program, Real};

/// Every op with its gradients, and the special numbers of arithmetic.
fn ops(real: Real) -> Cases {
    let cases = Cases::new(real);
    let add = |name: &str, (program, point): (Program, Point<f64>)| {
        let text = stablehlo::module(&program, real, Form::Unrolled).unwrap();
        cases.add(name, "mlir", &program, &point, text.as_bytes());
    };
    (0..6).for_each(|seed| add(&format!("samples-{seed}"), samples(seed)));
    add("special", special());
    cases
}

#[test]
fn stablehlo_of_every_op_agrees() {
    ops(Real::F64).agree("stablehlo.py", &["interpreter", "1e-12"]);
    ops(Real::F64).agree("stablehlo.py", &["xla", "1e-12"]);
    ops(Real::F32).agree("stablehlo.py", &["xla", "1e-5"]);
}

/// Loss and gradients of every shipped cell in every arrangement, by the reference interpreter.
#[test]
fn stablehlo_of_every_cell_agrees() {
    let cases = Cases::new(Real::F64);
    for (name, network) in nets(5) {
        let (program, point) = gradient(&network, 1);
        for (word, form) in [("unrolled", Form::Unrolled), ("rolled", Form::Rolled)] {
            let text = stablehlo::module(&program, Real::F64, form).unwrap();
            cases.add(&format!("{name}-{word}"), "mlir", &program, &point, text.as_bytes());
        }
    }
    cases.agree("stablehlo.py", &["interpreter", "1e-12"]);
}
