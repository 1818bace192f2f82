//! Gradients by a plugin for the CPU, compared with our own.

use super::*;
use rnn::model::{Engine, Head, Inits, Input, Loss, Networks, Start};
use rnn::{Parameters, model::Batch};
use std::process::Command;

/// The plugin of the package `xla-cpu-pjrt`, in the Python of `RNN_PYTHON`.
fn plugin() -> Option<String> {
    let python = std::env::var("RNN_PYTHON").unwrap_or_else(|_| "python3".into());
    let where_it_is = "import xla_plugins.xla_cpu_pjrt as p; print(p.__path__[0] + '/xla_cpu_pjrt.so')";
    let output = Command::new(python).args(["-c", where_it_is]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().into())
}

fn model() -> Model {
    Model {
        cell: "lstm".into(),
        input: Input::OneHot { symbols: 5 },
        hidden: 6,
        layers: 2,
        bidirectional: false,
        dropout: 0.5,
        start: Start::Zero,
        window: None,
        head: Head::EachStep,
        outputs: 5,
        loss: Loss::CrossEntropy,
        init: Inits::default(),
    }
}

fn feed(steps: usize, batch: usize) -> Batch {
    let symbols = |of: usize| {
        let numbers = (0..steps * batch).map(|k| k * of % 5).collect();
        autograd::Value::Index(ArrayD::from_shape_vec(vec![steps, batch], numbers).unwrap())
    };
    Batch { x: symbols(3), y: symbols(7), lengths: Some((0..batch).map(|k| steps - k % 3).collect()) }
}

#[test]
fn a_plugin_gives_our_gradients() {
    let Some(path) = plugin() else {
        return testing::missing("xla-cpu-pjrt", "install it with pip where RNN_PYTHON is, as .ci/run does");
    };
    let (model, mode) = (model(), Mode { train: true, lengths: true, ..Mode::default() });
    let parameters: Parameters = model.first_parameters(1).unwrap();
    let mut theirs = Xla::plugin(Path::new(&path), &model, mode).unwrap();
    let mut ours = Networks::new(&model, mode, 1);
    assert_eq!(theirs.platform(), "cpu");
    let mut losses = Vec::new();
    for (seed, (steps, batch)) in [(4, 3), (4, 3), (1, 1), (4, 3)].into_iter().enumerate() {
        let feed = feed(steps, batch);
        let [a, b] = [&mut ours as &mut dyn Engine, &mut theirs]
            .map(|engine| engine.run(&parameters, &feed, &[], seed, true).unwrap());
        assert!((a.loss - b.loss).abs() < 1e-5 * a.loss, "{} {}", a.loss, b.loss);
        for (name, gradient) in a.gradients.iter() {
            for (x, y) in gradient.iter().zip(&b.gradients[name]) {
                assert!((x - y).abs() < 1e-5, "{name}: {x} {y}");
            }
        }
        losses.push(b.loss.to_bits());
    }
    assert!(losses[0] != losses[1], "each seed drops its own");
    let program = "batch-1-1-true";
    theirs.driver.unload(program).unwrap();
    assert!(!theirs.driver.loaded.contains_key(program));
}

#[test]
fn what_is_no_plugin_is_refused() {
    let refused =
        |path: &str| Xla::plugin(Path::new(path), &model(), Mode::default()).unwrap_err().to_string();
    let missing = refused("/no/such/plugin.so");
    assert!(missing.starts_with("`/no/such/plugin.so`: it cannot be loaded"), "{missing}");
}

#[test]
fn a_program_with_a_fault_is_an_error() {
    let Some(path) = plugin() else { return };
    let mut theirs = Xla::plugin(Path::new(&path), &model(), Mode::default()).unwrap();
    let error = theirs.driver.load("fault", "module { nonsense }", "").unwrap_err().to_string();
    assert!(error.starts_with("the PJRT plugin: ") && error.contains("nonsense"), "{error}");
}

/// A result whose axes lie in another order on the device is read row by row.
#[test]
fn results_are_read_row_by_row() {
    let Some(path) = plugin() else { return };
    let plugin = api::Plugin::open(Path::new(&path)).unwrap();
    let program = r#"module { func.func public @main(%a: tensor<2x3x4xf32>)
        -> (tensor<2x3x4xf32>, tensor<2x3x4xf32> {mhlo.layout_mode = "{0,2,1}"}, tensor<f32>) {
      %sum = stablehlo.add %a, %a : tensor<2x3x4xf32>
      %one = stablehlo.constant dense<1.0> : tensor<f32>
      return %sum, %sum, %one : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<f32>
    } }"#;
    let compiled = plugin.compile(program).unwrap();
    let bytes: Vec<u8> = (0_u8..24).flat_map(|k| f32::from(k).to_le_bytes()).collect();
    let given = plugin.buffer(&bytes, Kind::F32, &[2, 3, 4]).unwrap();
    let found = plugin.run(&compiled, &[given]).unwrap();
    let doubled: Vec<f32> = (0_u8..24).map(|k| 2.0 * f32::from(k)).collect();
    for result in &found[..2] {
        assert_eq!(plugin.numbers(result, &[2, 3, 4]).unwrap(), doubled);
    }
    assert_eq!(plugin.numbers(&found[2], &[]).unwrap(), [1.0]);
    let error = plugin.numbers(&found[0], &[24]).unwrap_err();
    assert_eq!(error, "it does not say in which order the 1 axes of a result lie");
}
