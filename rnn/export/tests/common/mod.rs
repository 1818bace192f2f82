//! Programs with the interpreter's results, and their evaluation by other engines.
#![allow(dead_code)] // each test file uses its part

use autograd::ops::{Op, Sample, Sampler};
use autograd::{Builder, Graph, Kind, Point, Type, Value, grad};
use ndarray::ArrayD;
use rnn::cell::CellRef;
use rnn::model::{Batch, Mode, Model, Network};
use rnn_export::{Output, Program, Real, Shared, values};
use rnn_lab::study::NetSpec;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The cell whose gradients are so badly conditioned that single precision may lose more than the tolerance: it divides by
/// the root of a mean square that is small.
const BADLY_CONDITIONED: &str = "hgrn2";

/// A folder of programs with their arguments and expected results.
pub struct Cases {
    folder: TempDir,
    real: Real,
}

impl Cases {
    pub fn new(real: Real) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), real }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a program, as `text` in a file with that extension. Expected results are computed in double precision,
    /// from the arguments rounded as the other engine gets them.
    pub fn add(&self, name: &str, extension: &str, program: &Program, point: &Point<f64>, text: &[u8]) {
        self.add_for(name, extension, program, None, point, text);
    }

    /// Adds a program for several devices.
    pub fn add_for(
        &self,
        name: &str,
        extension: &str,
        program: &Program,
        shared: Option<&Shared>,
        point: &Point<f64>,
        text: &[u8],
    ) {
        let point = match self.real {
            Real::F32 => point.cast::<f32>().cast::<f64>(),
            Real::F64 => point.clone(),
        };
        let results = program.evaluate(&point).unwrap();
        let ty = |id| program.graph[id].ty.clone();
        let given = program.arguments.iter().enumerate();
        let given = given.map(|(k, a)| (format!("argument {k}"), a.ty.clone(), point.get(a.id).unwrap()));
        let wanted = program.results.iter().zip(&results).enumerate();
        let wanted = wanted.map(|(k, (r, value))| (format!("result {k}"), ty(r.id), value));
        let arrays: Vec<_> = given.chain(wanted).collect();
        let write = |extension: &str, bytes: &[u8]| {
            std::fs::write(self.folder().join(format!("{name}.{extension}")), bytes).unwrap();
        };
        write("safetensors", &values::file(&arrays, self.real));
        let mut manifest = rnn_export::manifest(program, shared, self.real);
        if self.real == Real::F32 && name.starts_with(BADLY_CONDITIONED) {
            for (k, rounding) in rounding(program, &point, &results).into_iter().enumerate() {
                manifest["results"][k]["rounding"] = rounding.into();
            }
        }
        write("json", manifest.to_string().as_bytes());
        write(extension, text);
    }

    /// Adds a file of a system with these argument and result arrays.
    pub fn add_arrays(
        &self,
        name: &str,
        extension: &str,
        given: &[(Type, Value<f64>)],
        wanted: &(Type, Value<f64>),
        text: &[u8],
    ) {
        let given = given.iter().enumerate();
        let given = given.map(|(k, (ty, value))| (format!("argument {k}"), ty.clone(), value));
        let wanted = [("result 0".into(), wanted.0.clone(), &wanted.1)];
        let arrays: Vec<_> = given.chain(wanted).collect();
        let write = |extension: &str, bytes: &[u8]| {
            std::fs::write(self.folder().join(format!("{name}.{extension}")), bytes).unwrap();
        };
        write("safetensors", &values::file(&arrays, self.real));
        write("json", br#"{"results": [{"name": "outputs"}]}"#);
        write(extension, text);
    }

    /// Runs all of them on an engine, by a script of `tests/engines/`.
    #[track_caller]
    pub fn agree(&self, script: &str, arguments: &[&str]) {
        python(script, &[&[self.folder().to_str().unwrap()], arguments].concat());
    }
}

/// Runs the driver of the programs, or a script of `tests/engines/`, with the Python in `RNN_PYTHON`; `None` if a
/// package is missing and skipping is allowed.
#[track_caller]
pub fn python(script: &str, arguments: &[&str]) -> String {
    run_by(&std::env::var("RNN_PYTHON").unwrap_or_else(|_| "python3".into()), script, arguments)
}

/// The same with a given Python.
#[track_caller]
pub fn run_by(python: &str, script: &str, arguments: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines").join(script);
    let Ok(output) = Command::new(python).arg(path).args(arguments).output() else {
        testing::missing(python, "install Python, or name one that there is in RNN_PYTHON");
        return String::new();
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(3) {
        testing::missing(
            out.trim(),
            "install `rnn/export/tests/engines/requirements.txt` where RNN_PYTHON is",
        );
        return String::new();
    }
    assert!(output.status.success(), "{script} {arguments:?}\n{out}\n{err}");
    println!("{script} {arguments:?}: {}", out.trim());
    out.into()
}

/// What rounding the arguments to single precision, by at most u = 2⁻²⁴ of each, can change of each result at worst, to first
/// order: `u max_i Σ_j |a_j ∂r_i/∂a_j|`, as a part of the result's largest element, or of 1 if that is larger. It is u times
/// the componentwise condition number (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §1.6), computed in double
/// precision: what an engine may lose for no fault of its own.
fn rounding(program: &Program, point: &Point<f64>, results: &[Value<f64>]) -> Vec<f64> {
    const U: f64 = f32::EPSILON as f64 / 2.0;
    let float = |value: &Value<f64>| match value {
        Value::Float(x) => x.clone(),
        _ => ArrayD::zeros(vec![]),
    };
    let mut sums: Vec<ArrayD<f64>> = results.iter().map(|r| float(r) * 0.0).collect();
    for argument in &program.arguments {
        let Some(Value::Float(x)) = point.get(argument.id) else { continue };
        for i in 0..x.len() {
            let mut moved = x.clone();
            *moved.iter_mut().nth(i).unwrap() *= 1.0 + U;
            let mut at = point.clone();
            at.set(argument.id, moved);
            for ((sum, b), a) in sums.iter_mut().zip(results).zip(program.evaluate(&at).unwrap()) {
                *sum += &(float(&a) - float(b)).abs();
            }
        }
    }
    let finite =
        |x: &ArrayD<f64>| x.iter().filter(|x| x.is_finite()).fold(0.0, |max: f64, x| max.max(x.abs()));
    sums.iter().zip(results).map(|(sum, result)| finite(sum) / finite(&float(result)).max(1.0)).collect()
}

/// One function of a sample of every op: each result y, and the gradients of Σ w ⊙ y by the operands.
pub fn samples(seed: u64) -> (Program, Point<f64>) {
    let mut sampler = Sampler::new(seed);
    let g = Builder::new();
    let (mut point, mut results) = (Point::new(), Vec::new());
    for (k, Sample { op, operands }) in Op::samples(&mut sampler).into_iter().enumerate() {
        let values = sampler.values(&operands);
        let mut leaves = Vec::new();
        let mut wrt = Vec::new();
        for (i, (operand, value)) in operands.iter().zip(values).enumerate() {
            let name = format!("{k}/{}/x{i}", op.name());
            let leaf = match operand.ty.kind {
                Kind::Float => g.parameter(&name, &operand.ty.shape),
                Kind::Index { below } => g.index_input(&name, &operand.ty.shape, below),
                Kind::Bool if operand.ty.shape.is_empty() => {
                    leaves.push(g.constant(value));
                    continue;
                }
                Kind::Bool => g.batch_input(&name, operand.ty.clone(), 0),
            };
            if operand.ty.kind == Kind::Float {
                wrt.push((name, leaf));
            }
            point.set(leaf, value);
            leaves.push(leaf);
        }
        let name = format!("{k}/{}", op.name());
        let y = g.apply(op, &leaves);
        results.push(Output::plain(y.id(), &name));
        if y.ty().kind == Kind::Float {
            let weights = (0..y.shape().count()).map(|i| (i as f64 * 0.7 + 0.3).sin()).collect();
            let weights = ArrayD::from_shape_vec(y.shape().to_vec(), weights).unwrap();
            let loss = (y * g.constant(Value::Float(weights))).sum();
            let leaves: Vec<_> = wrt.iter().map(|(_, x)| *x).collect();
            let gradients = grad(loss, &leaves);
            results.extend(gradients.iter().zip(&wrt).map(|(d, (name, _))| Output::gradient(d.id(), name)));
        }
    }
    (Program::new("samples", g.graph().unwrap(), results).unwrap(), point)
}

/// Functions of one and of two real operands at special values: zeros of both signs, infinities, NaN.
pub fn special() -> (Program, Point<f64>) {
    let numbers = [0.0, -0.0, 1.0, -2.5, 1e-30, 40.0, -40.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let g = Builder::new();
    let (a, b) = (g.input("a", [10, 1]), g.input("b", [1, 10]));
    let values = |shape: &[usize]| Value::Float(ArrayD::from_shape_vec(shape, numbers.to_vec()).unwrap());
    let point = Point::new().with(a, values(&[10, 1])).with(b, values(&[1, 10]));
    let rows = (a + b).slice(0, 0..7).slice(1, 0..7);
    let functions = [
        ("exp", a.exp()),
        ("ln", a.ln()),
        ("sqrt", a.sqrt()),
        ("tanh", a.tanh()),
        ("sigmoid", a.sigmoid()),
        ("relu", a.relu()),
        ("softplus", a.softplus()),
        ("abs", a.abs()),
        ("reciprocal", a.reciprocal()),
        ("square", a.powi(2)),
        ("inverse square", a.powi(-2)),
        ("power 0", a.powi(0)),
        ("difference", a - b),
        ("product", a * b),
        ("quotient", a / b),
        ("max", a.max(b)),
        ("min", a.min(b)),
        ("less", a.less(b).select(1.0, 0.0)),
        ("equal", a.equals(b).select(1.0, 0.0)),
        ("not equal", a.not_equals(b).select(1.0, 0.0)),
        ("max over", (a + b).max_over([1])),
        ("logsumexp", (a * 1.0).logsumexp(0)),
        ("softmax", rows.softmax(1)),
        ("log-softmax", rows.log_softmax(1)),
        ("all lowest", g.constant(values(&[10]).map(|_| f64::NEG_INFINITY)).logsumexp(0)),
    ];
    let results = functions.map(|(name, y)| Output::plain(y.id(), name));
    (Program::new("special", g.graph().unwrap(), results).unwrap(), point)
}

/// A point that gives every leaf a value.
pub fn random(graph: &Graph, seed: u64) -> Point<f64> {
    let ids: Vec<_> = graph.ids().collect();
    autograd_check::random_point(graph, Point::new(), &ids, seed).unwrap()
}

/// Loss and gradients of a network, and a random point.
pub fn gradient(network: &Network, seed: u64) -> (Program, Point<f64>) {
    (rnn_export::net::gradient(network).unwrap(), random(&network.graph, seed))
}

/// Every shipped cell in all arrangements, unrolled over `steps`, with its derivative.
pub fn nets(steps: usize) -> Vec<(String, Network)> {
    rnn::cell::SHIPPED.iter().flat_map(|shipped| arrangements(shipped.name, steps)).collect()
}

/// A cell in two layers and both directions, with sequences of different lengths, with truncation, with dropout.
pub fn arrangements(cell: &str, steps: usize) -> Vec<(String, Network)> {
    arrangements_of(cell, steps, 2)
}

/// The same with a batch size.
pub fn arrangements_of(cell: &str, steps: usize, batch: usize) -> Vec<(String, Network)> {
    // A cell with equal input and state sizes cannot be stacked bidirectionally.
    let wide = rnn::Cell::fits(&*rnn::cell::by_name(cell).unwrap(), 8, 4).is_ok();
    let input = if wide { 3 } else { 4 };
    let plain = NetSpec { cell: cell.into(), steps, input, hidden: 4, batch, ..NetSpec::default() };
    let model = Model { dropout: 0.3, layers: 2, ..plain.model() };
    let mode = Mode { train: true, ..Mode::default() };
    let lengths = Some((0..batch).map(|row| steps - (row + 1) % 2).collect());
    [
        ("two-layers", NetSpec { layers: 2, bidirectional: wide, ..plain.clone() }.network(true)),
        ("ragged", NetSpec { lengths, bidirectional: true, ..plain.clone() }.network(true)),
        ("cut", NetSpec { window: Some(2), ..plain }.network(true)),
        ("dropout", model.network(steps, batch, mode)),
    ]
    .map(|(arrangement, network)| (format!("{cell}-{arrangement}"), network.unwrap()))
    .into()
}

/// Loss and gradients of a cell from its own first values: in one layer; in two layers and both directions; with
/// sequences of different lengths; with truncation; with dropout between the layers and in the cell.
pub fn examples_of(cell: &CellRef, steps: usize) -> Vec<(&'static str, Program, Point<f64>)> {
    let plain = NetSpec { cell: cell.clone(), steps, input: 8, hidden: 8, batch: 2, ..NetSpec::default() };
    let two = NetSpec { layers: 2, ..plain.clone() };
    // A cell with equal input and state sizes cannot be stacked bidirectionally.
    let wide = rnn::Cell::fits(&*cell.cell().unwrap(), 16, 8).is_ok();
    let both = NetSpec { layers: if wide { 2 } else { 1 }, bidirectional: true, ..plain.clone() };
    let example = |spec: &NetSpec, dropout: f64, lengths: Option<Vec<usize>>| {
        let (model, parameters, feed) = spec.example(1).unwrap();
        let (model, feed) = (Model { dropout, ..model }, Batch { lengths, ..feed });
        let lengths = feed.lengths.is_some();
        let mode = Mode { train: true, noise: dropout > 0.0, lengths, alike: true, ..Mode::default() };
        let network = model.network(steps, 2, mode).unwrap();
        let point = network.point(&parameters, &feed, &[], 5).unwrap().cast();
        (rnn_export::net::gradient(&network).unwrap(), point)
    };
    let window = Some(2);
    [
        ("one-layer", example(&plain, 0.0, None)),
        ("two-layers", example(if wide { &both } else { &two }, 0.0, None)),
        ("ragged", example(&both, 0.0, Some(vec![steps - 2, steps]))),
        ("cut", example(&NetSpec { window, ..two.clone() }, 0.0, None)),
        ("dropout", example(&two, 0.3, None)),
    ]
    .map(|(arrangement, (program, point))| (arrangement, program, point))
    .into()
}
