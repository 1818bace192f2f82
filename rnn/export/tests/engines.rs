//! What other engines compute of exported programs, against the interpreter.

mod common;

use autograd::Point;
use common::{Cases, gradient, nets, samples, special};
use rnn::model::Network;
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

/// Twice as many steps are as many operations, and time is in loops.
#[test]
fn rolled_modules_do_not_grow_with_the_steps() {
    let size = |steps: usize| -> Vec<(String, usize, usize)> {
        let size = |(name, network): (String, Network)| {
            let (program, _) = gradient(&network, 1);
            let text = stablehlo::module(&program, Real::F32, Form::Rolled).unwrap();
            (name, text.matches(" = stablehlo.").count(), text.matches("stablehlo.while").count())
        };
        nets(steps).into_iter().map(size).collect()
    };
    let pairs: Vec<_> =
        size(12).into_iter().zip(size(24)).filter(|(few, many)| few != many || few.2 == 0).collect();
    assert!(pairs.is_empty(), "{pairs:#?}");
}
