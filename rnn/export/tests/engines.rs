//! What other engines compute of exported programs, against the interpreter.

mod common;

use autograd::Point;
use common::{Cases, arrangements, gradient, nets, samples, special};
use rnn_export::onnx;
use rnn_export::stablehlo::{self, Form};
use rnn_export::{Program, Real};

/// Writes a program for an engine.
type Write = fn(&Program, Real) -> Vec<u8>;

fn unrolled(program: &Program, real: Real) -> Vec<u8> {
    stablehlo::module(program, real, Form::Unrolled).unwrap().into_bytes()
}

fn rolled(program: &Program, real: Real) -> Vec<u8> {
    stablehlo::module(program, real, Form::Rolled).unwrap().into_bytes()
}

fn onnx_model(program: &Program, real: Real) -> Vec<u8> {
    onnx::model(program, real, &Point::new()).unwrap()
}

/// Every op with its gradients, and the special numbers of arithmetic.
fn ops(real: Real, extension: &str, write: Write) -> Cases {
    let cases = Cases::new(real);
    let add = |name: &str, (program, point): (Program, Point<f64>)| {
        cases.add(name, extension, &program, &point, &write(&program, real));
    };
    (0..6).for_each(|seed| add(&format!("samples-{seed}"), samples(seed)));
    // A maximum over an axis is not NaN in onnxruntime where an element is.
    let special = special();
    let results =
        special.0.results.clone().into_iter().filter(|r| extension != "onnx" || r.name != "max over");
    add("special", (Program::new("special", special.0.graph, results).unwrap(), special.1));
    cases
}

/// Loss and gradients of every shipped cell in every arrangement.
fn cells(extension: &str, writers: &[(&str, Write)]) -> Cases {
    let cases = Cases::new(Real::F64);
    for (name, network) in nets(5) {
        let (program, point) = gradient(&network, 1);
        for (word, write) in writers {
            let text = write(&program, Real::F64);
            cases.add(&format!("{name}-{word}"), extension, &program, &point, &text);
        }
    }
    cases
}

#[test]
fn stablehlo_of_every_op_agrees() {
    ops(Real::F64, "mlir", unrolled).agree("stablehlo.py", &["interpreter", "1e-12"]);
    ops(Real::F64, "mlir", unrolled).agree("stablehlo.py", &["xla", "1e-12"]);
    ops(Real::F32, "mlir", unrolled).agree("stablehlo.py", &["xla", "1e-5"]);
}

#[test]
fn stablehlo_of_every_cell_agrees() {
    let cases = cells("mlir", &[("unrolled", unrolled), ("rolled", rolled)]);
    cases.agree("stablehlo.py", &["interpreter", "1e-12"]);
}

#[test]
fn onnx_of_every_op_agrees() {
    ops(Real::F64, "onnx", onnx_model).agree("onnx_runtime.py", &["1e-12"]);
    ops(Real::F32, "onnx", onnx_model).agree("onnx_runtime.py", &["1e-5"]);
}

#[test]
fn onnx_of_every_cell_agrees() {
    cells("onnx", &[("gradient", onnx_model)]).agree("onnx_runtime.py", &["1e-12"]);
}

/// Twice as many steps are as many operations, and time is in loops.
#[test]
fn rolled_modules_do_not_grow_with_the_steps() {
    // The units of a clockwork net have periods of their own, and what reads across them grows a little.
    for cell in rnn::cell::SHIPPED.iter().filter(|cell| cell.name != "clockwork") {
        let pairs = arrangements(cell.name, 12).into_iter().zip(arrangements(cell.name, 24));
        for ((name, few), (_, many)) in pairs {
            let [few, many] = [few, many].map(|network| {
                let text = rolled(&gradient(&network, 1).0, Real::F32);
                let text = String::from_utf8(text).unwrap();
                (text.matches(" = stablehlo.").count(), text.matches("stablehlo.while").count())
            });
            assert!(few == many && few.1 > 0, "{name}: {few:?} {many:?}");
        }
    }
}
