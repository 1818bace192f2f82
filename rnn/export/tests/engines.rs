//! Exported programs on other engines, against the interpreter.

#[path = "engines/alike.rs"]
mod alike;
mod common;

use autograd::{Point, Value, eval};
use common::{Cases, arrangements, examples_of, gradient, nets, samples, special};
use rnn::Parameters;
use rnn::cell::CellRef;
use rnn::model::{Engine, Mode, Model, Network, Networks};
use rnn::train::optim::Method;
use rnn_export::stablehlo::{self, Form};
use rnn_export::{Program, Real, onnx, optimiser, values};
use rnn_lab::study::NetSpec;
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// Every op with its gradients, and special values.
fn ops(real: Real, extension: &str, write: Write) -> Cases {
    let cases = Cases::new(real);
    let add = |name: &str, (program, point): (Program, Point<f64>)| {
        cases.add(name, extension, &program, &point, &write(&program, real));
    };
    (0..6).for_each(|seed| add(&format!("samples-{seed}"), samples(seed)));
    // onnxruntime's maximum over an axis ignores NaN.
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
    let (program, point) = step();
    cases.add("step", "mlir", &program, &point, &rolled(&program, Real::F64));
    // Rows of 8 steps, and steps that are left over.
    for (name, network) in arrangements("clockwork", 27) {
        let (program, point) = gradient(&network, 1);
        cases.add(&format!("{name}-27"), "mlir", &program, &point, &rolled(&program, Real::F64));
    }
    cases.agree("stablehlo.py", &["interpreter", "1e-12"]);
}

#[test]
fn onnx_of_every_op_agrees() {
    ops(Real::F64, "onnx", onnx_model).agree("onnx_runtime.py", &["1e-12"]);
    ops(Real::F32, "onnx", onnx_model).agree("onnx_runtime.py", &["1e-5"]);
}

#[test]
fn onnx_of_every_cell_agrees() {
    let cases = cells("onnx", &[("gradient", onnx_model)]);
    let (program, point) = step();
    cases.add("step", "onnx", &program, &point, &onnx_model(&program, Real::F64));
    cases.agree("onnx_runtime.py", &["1e-12"]);
}

/// What no shipped cell has: two steps of memory, a cut, choices by t and by values, a maximum, functions, dropout in the
/// cell; and periods that do not divide the number of steps.
const OWN: [(&str, usize, &str); 4] = [
    (
        "odd",
        9,
        "cell odd
  u[t] = W x[t] - V stop(h[t-2]) + W stop(x[t-1])
  v[t] = where(mod(t, 2) == 0, u[t] / (1 + u[t]^2), max(u[t], a[t-1]))
  a[t] = softmax(R v[t]) * abs(h[t-1]) - mean(v[t]) + k * cos(t)
  h[t] = tanh(a[t] - sum(a[t] * V tanh(h[t-1])))",
    ),
    (
        "gated",
        9,
        "cell gated
  fn gate(W, U, b) = sigmoid(W x[t] + U h[t-1] + b)
  z[t] = gate(W_z, U_z, b_z)
  h[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(W x[t] + dropout(U h[t-1], 0.25) + b)",
    ),
    ("three", 13, "cell three\n  h[t] = where(mod(t, 3) == 0, tanh(W x[t] + U h[t-1] + b), h[t-1])"),
    ("five", 17, "cell five\n  h[t] = where(mod(t, 5) == 2, tanh(W x[t] + U h[t-1] + b), 0.9 * h[t-1])"),
];

/// Every shipped cell, those of the examples and those of [`OWN`], each with a number of steps.
fn every_cell() -> Vec<(CellRef, usize)> {
    let shipped = rnn::cell::named().map(|shipped| (CellRef::from(shipped.name), 7));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cells");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "cell"));
    let mut files: Vec<_> = files.map(|path| (CellRef::open(path.to_str().unwrap()).unwrap(), 7)).collect();
    files.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let own = OWN.map(|(name, steps, text)| {
        (CellRef { name: name.into(), text: Some(text.into()), constants: BTreeMap::new() }, steps)
    });
    shipped.chain(files).chain(own).collect()
}

/// Cells that are not shipped, in every arrangement and in double precision; the shipped ones are above.
#[test]
fn all_cells_agree_in_onnxruntime() {
    let shipped = rnn::cell::SHIPPED.len();
    all_agree(|cell, _| cell >= shipped, "onnxruntime", Real::F64);
}

/// Cells from their own first values, each in one of the arrangements in its turn: in the interpreter those that are not
/// shipped, whose comparison is above. The tests below take all cells in all arrangements.
#[test]
fn cells_agree_in_turns() {
    let shipped = rnn::cell::SHIPPED.len();
    let turn = |cell: usize, arrangement: usize| cell % 5 == arrangement;
    all_agree(|cell, arrangement| cell >= shipped && turn(cell, arrangement), "interpreter", Real::F64);
    all_agree(turn, "onnxruntime", Real::F32);
}

/// Some whole cells on XLA in single precision, which takes a second for each.
#[test]
fn some_cells_agree_on_xla() {
    all_agree(|cell, arrangement| cell % 9 == 1 && cell % 5 == arrangement, "xla", Real::F32);
}

/// Every cell in every arrangement. These take minutes each: docs/export.md has the command.
#[test]
#[ignore = "takes minutes"]
fn all_cells_agree_in_the_interpreter() {
    all_agree(|_, _| true, "interpreter", Real::F64);
    all_agree(|_, _| true, "interpreter", Real::F32);
}

#[test]
#[ignore = "takes minutes"]
fn all_cells_agree_on_xla_in_double_precision() {
    all_agree(|_, _| true, "xla", Real::F64);
}

#[test]
#[ignore = "takes minutes"]
fn all_cells_agree_on_xla_in_single_precision() {
    all_agree(|_, _| true, "xla", Real::F32);
}

#[test]
#[ignore = "takes minutes"]
fn all_cells_agree_in_onnxruntime_in_single_precision() {
    all_agree(|_, _| true, "onnxruntime", Real::F32);
}

/// Compares those cells and arrangements, by number, that are chosen.
fn all_agree(chosen: impl Fn(usize, usize) -> bool, engine: &str, real: Real) {
    let (cases, cells) = (Cases::new(real), every_cell());
    assert!(cells.len() >= 60, "{}", cells.len());
    let (extension, write): (_, Write) =
        if engine == "onnxruntime" { ("onnx", onnx_model) } else { ("mlir", rolled) };
    for (k, (cell, steps)) in cells.into_iter().enumerate() {
        if !(0..5).any(|arrangement| chosen(k, arrangement)) {
            continue;
        }
        for (n, (arrangement, program, point)) in examples_of(&cell, steps).into_iter().enumerate() {
            if chosen(k, n) {
                let name = format!("{}-{k}-{arrangement}", cell.name);
                cases.add(&name, extension, &program, &point, &write(&program, real));
            }
        }
    }
    let tolerance = if real == Real::F64 { "1e-12" } else { "1e-5" };
    match engine {
        "onnxruntime" => cases.agree("onnx_runtime.py", &[tolerance]),
        engine => cases.agree("stablehlo.py", &[engine, tolerance]),
    }
}

/// A step of training with dropout.
fn step() -> (Program, Point<f64>) {
    let network = &arrangements("gru", 4)[3].1;
    let (program, mut point) = optimiser::step(network, "adam".parse().unwrap(), 0.01).unwrap();
    gradient(network, 3).1.iter().for_each(|(id, value)| point.set(id, value.clone()));
    (program, point)
}

/// The operations and the loops of a rolled module.
fn size(network: &Network) -> (usize, usize) {
    let text = String::from_utf8(rolled(&gradient(network, 1).0, Real::F32)).unwrap();
    (text.matches(" = stablehlo.").count(), text.matches("stablehlo.while").count())
}

/// Twice as many steps give the same number of operations: time is in loops.
#[test]
fn rolled_modules_do_not_grow_with_the_steps() {
    for cell in rnn::cell::SHIPPED {
        // The units of a clockwork net have periods that divide 8 steps.
        let (few, many) = if cell.name == "clockwork" { (40, 80) } else { (12, 24) };
        let pairs = arrangements(cell.name, few).into_iter().zip(arrangements(cell.name, many));
        for ((name, few), (_, many)) in pairs {
            let [few, many] = [few, many].map(|network| size(&network));
            assert!(few == many && few.1 > 0, "{name}: {few:?} {many:?}");
        }
    }
}

/// 20 updates of an exported program, by the interpreter or by the driver on XLA, against our own optimisers.
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
            match driven(&program, &point, 20) {
                Some((_, theirs)) => theirs,
                None => continue,
            }
        } else {
            stepped(&program, point.cast())
        };

        let leaves = network.parameters.iter();
        let leaves = leaves.map(|(name, id)| (name.clone(), single.get(*id).unwrap().float().clone()));
        let mut parameters: Parameters = leaves.collect();
        let mut ours = method.optimiser(&parameters);
        let seed = network.seed.unwrap();
        let Value::Index(first) = single.get(seed).unwrap() else { panic!() };
        for update in 0..20 {
            let mut at = single.clone();
            at.set(seed, Value::Index(first + update));
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
    let mut all = HashMap::new();
    for _ in 0..20 {
        let results = program.evaluate(&point).unwrap();
        for (result, value) in program.results.iter().zip(results) {
            if let Some(of) = result.role.replaces() {
                let argument = program.arguments.iter().find(|a| a.name == of).unwrap();
                if let Value::Float(numbers) = &value {
                    all.insert(of.to_owned(), numbers.iter().copied().collect());
                }
                point.set(argument.id, value);
            }
        }
    }
    all
}

/// At a learning rate of zero only the masks change: each update has its own, those of our own engine at seeds that count
/// up.
#[test]
fn each_update_drops_anew_and_as_we_do() {
    let plain = NetSpec { cell: "lstm".into(), steps: 4, input: 3, batch: 2, ..NetSpec::default() };
    let (model, parameters, feed) = plain.example(1).unwrap();
    let model = Model { dropout: 0.5, ..model };
    let mode = Mode { train: true, ..Mode::default() };
    let network = model.network(4, 2, mode).unwrap();
    let (program, added) = optimiser::step(&network, "sgd".parse().unwrap(), 0.0).unwrap();
    let first = 41;
    let mut point = network.point(&parameters, &feed, &[], first).unwrap().cast::<f64>();
    added.iter().for_each(|(id, value)| point.set(id, value.clone()));

    let mut ours = Networks::new(&model, mode, 1);
    let mut loss = |seed| ours.run(&parameters, &feed, &[], seed, true).unwrap().loss;
    let losses: Vec<f64> = (first..first + 5).map(&mut loss).collect();
    let distinct: HashSet<u64> = losses.iter().map(|loss| loss.to_bits()).collect();
    assert_eq!(distinct.len(), losses.len(), "{losses:?}");

    let Some((said, _)) = driven(&program, &point, 5) else { return };
    let theirs = said.lines().filter_map(|line| line.split_once(": loss ")?.1.parse::<f64>().ok());
    let theirs: Vec<f64> = theirs.collect();
    assert_eq!(theirs.len(), losses.len(), "{said}");
    for (a, b) in losses.iter().zip(&theirs) {
        assert!((a - b).abs() < 1e-5 * a, "{losses:?} {theirs:?}");
    }
}

/// The same after so many calls by the driver, on XLA, and what it said; nothing where it is missing.
fn driven(
    program: &Program,
    point: &Point<f64>,
    updates: usize,
) -> Option<(String, HashMap<String, Vec<f32>>)> {
    let folder = tempfile::tempdir().unwrap();
    let write = |extension: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(format!("step.{extension}")), bytes).unwrap();
    };
    write("mlir", &rolled(program, Real::F32));
    write("json", rnn_export::manifest(program, None, Real::F32).to_string().as_bytes());
    write("safetensors", &values::of_arguments(program, Real::F32, point).unwrap());
    let stem = folder.path().join("step");
    let said = common::python("../../src/run_step.py", &[stem.to_str().unwrap(), &updates.to_string()]);
    if said.is_empty() {
        return None;
    }
    assert!(said.starts_with("compiled in ") && said.contains(" s of processor time\n"), "{said}");
    let bytes = std::fs::read(folder.path().join("step.out.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers =
        |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    Some((said, file.tensors().into_iter().map(|(name, view)| (name, numbers(view.data()))).collect()))
}

/// Like any program that a test needs: without it no test passes, unless skipping is requested.
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
