//! What other engines compute of exported programs, against the interpreter.

mod common;

use autograd::{Point, Value, eval};
use common::{Cases, arrangements, gradient, nets, samples, special};
use rnn::Parameters;
use rnn::train::optim::Method;
use rnn_export::stablehlo::{self, Form};
use rnn_export::{Program, Real, Role, onnx, optimiser, values};
use std::collections::HashMap;

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
    for cell in rnn::cell::SHIPPED {
        // The units of a clockwork net have periods of their own, of which 8 steps are a multiple.
        let (few, many) = if cell.name == "clockwork" { (40, 80) } else { (12, 24) };
        let pairs = arrangements(cell.name, few).into_iter().zip(arrangements(cell.name, many));
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

/// 20 updates as a program, by the interpreter or by the driver on XLA, beside those of our own optimisers.
#[test]
fn a_step_trains_as_we_do() {
    for method in [
        "sgd",
        "sgd:momentum=0.9:nesterov:weight_decay=0.01",
        "adagrad",
        "rmsprop:momentum=0.5",
        "adam:weight_decay=0.01",
        "adamw",
    ] {
        let (method, rate): (Method, f64) = (method.parse().unwrap(), 0.01);
        let network = &arrangements("lstm", 4)[3].1; // with dropout
        let (_, random) = gradient(network, 3);
        let single = random.cast::<f32>();
        let (program, mut point) = optimiser::step(network, method, rate).unwrap();
        random.iter().for_each(|(id, value)| point.set(id, value.clone()));
        let mut theirs = if method.to_string() == "adamw" {
            match driven(&program, &point) {
                Some(theirs) => theirs,
                None => continue,
            }
        } else {
            stepped(&program, point.cast())
        };

        let leaves = network.parameters.iter();
        let leaves = leaves.map(|(name, id)| (name.clone(), single.get(*id).unwrap().float().clone()));
        let mut parameters: Parameters = leaves.collect();
        let mut ours = method.optimiser(&parameters);
        for _ in 0..20 {
            let mut at = single.clone();
            for (name, id) in &network.parameters {
                at.set(*id, parameters[name.as_str()].clone());
            }
            let gradients = eval(&network.graph, &at, &network.gradients).unwrap();
            let names = network.parameters.iter().map(|(name, _)| name.clone());
            let gradients = names.zip(gradients.into_iter().map(Value::into_float)).collect();
            ours.step(&mut parameters, &gradients, rate).unwrap();
        }
        let states = ours.state().into_iter().map(|(name, array)| (format!("optim/{name}"), array));
        for (name, array) in parameters.into_iter().chain(states) {
            let theirs = theirs.remove(&name).unwrap_or_else(|| panic!("{name}"));
            for (a, b) in array.iter().zip(theirs) {
                assert!((a - b).abs() < 5e-5 * a.abs().max(1.0), "{method} {name}: {a} {b}");
            }
        }
    }
}

/// The arguments after 20 calls of a step, by the interpreter.
fn stepped(program: &Program, mut point: Point<f32>) -> HashMap<String, Vec<f32>> {
    let ids: Vec<_> = program.results.iter().map(|r| r.id).collect();
    let mut all = HashMap::new();
    for _ in 0..20 {
        let results = eval(&program.graph, &point, &ids).unwrap();
        for (result, value) in program.results.iter().zip(results) {
            if let Role::Next(of) = &result.role {
                let argument = program.arguments.iter().find(|a| a.name == *of).unwrap();
                all.insert(of.clone(), value.float().iter().copied().collect());
                point.set(argument.id, value);
            }
        }
    }
    all
}

/// The same by the driver, on XLA; nothing where it is missing.
fn driven(program: &Program, point: &Point<f64>) -> Option<HashMap<String, Vec<f32>>> {
    let folder = tempfile::tempdir().unwrap();
    let write = |extension: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(format!("step.{extension}")), bytes).unwrap();
    };
    write("mlir", &rolled(program, Real::F32));
    write("json", rnn_export::manifest(program, None, Real::F32).to_string().as_bytes());
    write("safetensors", &values::of_arguments(program, Real::F32, point).unwrap());
    let stem = folder.path().join("step");
    if common::python("../../src/run_step.py", &[stem.to_str().unwrap(), "20"]).is_empty() {
        return None;
    }
    let bytes = std::fs::read(folder.path().join("step.out.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers =
        |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    Some(file.tensors().into_iter().map(|(name, view)| (name, numbers(view.data()))).collect())
}

/// As any program that a test needs: no test passes without it, unless it is asked to.
#[test]
fn a_python_that_is_missing_fails_a_test_unless_it_may_be() {
    let run = std::panic::catch_unwind(|| common::run_by("no-such-python", "stablehlo.py", &[]));
    match run {
        Ok(said) => assert_eq!((said.as_str(), std::env::var_os("RNN_SKIP_READERS").is_some()), ("", true)),
        Err(panic) => {
            let message = *panic.downcast::<String>().unwrap();
            assert!(message.starts_with("no-such-python is missing: install Python"), "{message}");
        }
    }
}
