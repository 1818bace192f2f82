//! Training on XLA: an engine that passes each batch to a Python driver.
//!
//! The graph for each batch size is exported once as StableHLO, and compiled by XLA. For each update, parameters and
//! the batch are sent as bytes, and the loss and its gradient are returned. The trainer applies the update, so
//! checkpoints of both engines are the same, and a run can change the engine.
//!
//! With the feature `pjrt` an XLA plugin replaces the driver, without Python.

use crate::devices::Shared;
use crate::program::{Argument, ExportError, Output, Program, Real};
use crate::stablehlo::{self, Form};
use crate::values::element;
use crate::{DRIVER, manifest};
use autograd::{Builder, Expr, Point, Value};
use ndarray::{ArrayD, Axis};
use rnn::Parameters;
use rnn::model::{Batch, Engine, Mode, Model, Network, Networks, Outcome, StepError};
use safetensors::Dtype;
use std::fmt;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

#[cfg(feature = "pjrt")]
mod pjrt;

#[cfg(feature = "pjrt")]
pub use pjrt::Plugin;

/// What compiles programs and runs them.
pub trait Runner {
    /// What it runs on, in its own words.
    fn platform(&self) -> &str;

    /// Compiles a program, by its text and its manifest.
    ///
    /// # Errors
    /// If XLA refuses it, or cannot be reached.
    fn load(&mut self, name: &str, text: &str, about: &str) -> Result<(), StepError>;

    /// Forgets a program.
    ///
    /// # Errors
    /// If XLA cannot be reached.
    fn unload(&mut self, name: &str) -> Result<(), StepError>;

    /// The results of a program at a point.
    ///
    /// # Errors
    /// If the point does not fit, or XLA cannot run it.
    fn run(
        &mut self,
        name: &str,
        program: &Program,
        point: &Point<f32>,
    ) -> Result<Vec<ArrayD<f32>>, StepError>;
}

/// XLA, in a process of its own unless it is a plugin.
#[derive(Debug)]
pub struct Xla<R = Driver> {
    model: Model,
    mode: Mode,
    devices: usize,
    driver: R,
    /// By steps, sequences, and whether they train; the one used last stands last.
    made: Vec<((usize, usize, bool), Loaded)>,
}

/// A network of one size.
#[derive(Debug)]
struct Loaded {
    network: Network,
    program: Program,
    /// The name of its files.
    name: String,
    /// The number of steps whose outputs are one array; `None` for a single output.
    outputs: Option<usize>,
}

impl Xla {
    /// Starts the driver with a Python that has JAX. Batches are sharded over the devices.
    ///
    /// # Errors
    /// If it does not start: the missing part.
    pub fn start(python: &str, model: &Model, mode: Mode, devices: usize) -> Result<Self, EngineError> {
        let driver = Driver::start(python, devices)?;
        Ok(Self { model: model.clone(), mode, devices, driver, made: Vec::new() })
    }
}

impl<R: Runner> Xla<R> {
    /// What XLA runs on, in its own words: `cpu`, `gpu`, `tpu`.
    pub fn platform(&self) -> &str {
        self.driver.platform()
    }

    /// Makes the network for a batch size the most recently used one, and unloads the oldest if there are too many.
    fn make(&mut self, steps: usize, batch: usize, train: bool) -> Result<(), StepError> {
        let size = (steps, batch, train);
        if let Some(place) = self.made.iter().position(|(made, _)| *made == size) {
            self.made[place..].rotate_left(1);
            return Ok(());
        }
        while self.made.len() >= Networks::KEPT {
            let (_, first) = self.made.remove(0);
            self.driver.unload(&first.name)?;
        }
        let failed = |error: ExportError| StepError::Engine(error.to_string());
        let network = self.model.network(steps, batch, Mode { train, alike: true, ..self.mode })?;
        let (program, outputs) = program(&network).map_err(failed)?;
        let name = format!("batch-{steps}-{batch}-{train}");
        // A batch that is not divisible, such as the remainder of the data, runs on one device.
        let shares = self.devices > 1 && batch.is_multiple_of(self.devices);
        let shared = shares.then(|| Shared::new(&program, self.devices)).transpose().map_err(failed)?;
        let text = match &shared {
            Some(shared) => stablehlo::module_for(&program, shared, Real::F32, Form::Rolled),
            None => stablehlo::module(&program, Real::F32, Form::Rolled),
        };
        let text = text.map_err(failed)?;
        let about = manifest(&program, shared.as_ref(), Real::F32).to_string();
        self.driver.load(&name, &text, &about)?;
        self.made.push((size, Loaded { network, program, name, outputs }));
        Ok(())
    }
}

/// The loss, count, gradients, outputs and final states of a network.
fn program(network: &Network) -> Result<(Program, Option<usize>), ExportError> {
    let g = Builder::resume(network.graph.clone());
    let outputs: Vec<Expr> = network.outputs.iter().map(|&id| g.expr(id)).collect();
    let (outputs, steps) = match outputs[..] {
        [one] => (one, None),
        _ => (g.stack(0, &outputs).named("outputs"), Some(outputs.len())),
    };
    let mut results = vec![Output::loss(network.loss), Output::plain(network.count, "count")];
    let gradients = network.parameters.iter().zip(&network.gradients);
    results.extend(gradients.map(|((name, _), &id)| Output::gradient(id, name)));
    results.push(Output::plain(outputs.id(), "outputs"));
    let last = network.last.iter().enumerate();
    results.extend(last.map(|(k, &id)| Output::plain(id, format!("last {k}"))));
    Ok((Program::new("batch", g.graph()?, results)?, steps))
}

impl<R: Runner> Engine for Xla<R> {
    fn run_into(
        &mut self,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
        outcome: &mut Outcome,
    ) -> Result<(), StepError> {
        self.make(feed.steps(), feed.batch(), train)?;
        let (_, Loaded { network, program, name, outputs }) = self.made.last().expect("it was put there");
        let seed = seed % usize::MAX;
        let point = network.point(parameters, feed, &network.start_from(start)?, seed)?;
        let mut found = self.driver.run(name, program, &point)?.into_iter();
        let mut next = || found.next().ok_or_else(|| stopped("it sent too few results"));
        let number = |array: ArrayD<f32>| array.first().copied().map_or(f64::NAN, f64::from);
        outcome.loss = number(next()?);
        outcome.count = number(next()?);
        let names = network.parameters.iter().map(|(name, _)| name.clone()).take(network.gradients.len());
        outcome.gradients =
            names.map(|name| Ok((name, next()?))).collect::<Result<Parameters, StepError>>()?;
        let all = next()?;
        outcome.outputs = match outputs {
            Some(_) => all.axis_iter(Axis(0)).map(|step| step.to_owned()).collect(),
            None => vec![all],
        };
        outcome.last = network.last.iter().map(|_| next()).collect::<Result<_, _>>()?;
        outcome.check(&self.model, network, parameters, feed, start, seed)
    }
}

/// Why the driver does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no such Python.
    #[error("`{python}` does not start: {error}")]
    Python {
        /// The Python program.
        python: String,
        /// The cause.
        error: std::io::Error,
    },
    /// A package is missing.
    #[error("`{python}` has no JAX: {said}")]
    Jax {
        /// The Python program.
        python: String,
        /// Its output.
        said: String,
    },
    /// There are fewer devices than requested.
    #[error("JAX finds {found} device{}, and not {wanted}", if *.found == 1 { "" } else { "s" })]
    Devices {
        /// The number of devices found.
        found: usize,
        /// The number requested.
        wanted: usize,
    },
    /// The driver ended, or could not receive its files.
    #[error("the driver of XLA: {0}")]
    Driver(String),
    /// A plugin that cannot be used.
    #[error("`{}`: {reason}", path.display())]
    Plugin {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The error for a batch that the driver did not run.
fn stopped(why: impl fmt::Display) -> StepError {
    StepError::Engine(format!("the driver of XLA: {why}"))
}

/// The driver in Python, in a process of its own.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    platform: String,
    folder: TempDir,
}

impl Driver {
    fn start(python: &str, devices: usize) -> Result<Self, EngineError> {
        let other = |error: std::io::Error| EngineError::Driver(error.to_string());
        let folder = tempfile::tempdir().map_err(other)?;
        let script = folder.path().join("run_step.py");
        std::fs::write(&script, DRIVER).map_err(other)?;
        let mut command = Command::new(python);
        command.arg(&script).arg("--serve").arg(devices.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is handled by the run, which saves and stops, and ends the driver by closing its input.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.spawn().map_err(|error| EngineError::Python { python: python.into(), error })?;
        let to = BufWriter::new(child.stdin.take().expect("it is piped"));
        let from = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut driver = Self { child, to, from, platform: String::new(), folder };
        let said = driver.line().map_err(EngineError::Driver)?;
        match said.split_once(' ') {
            Some(("ready", platform)) => driver.platform = platform.into(),
            Some(("devices", found)) if let Ok(found) = found.parse() => {
                return Err(EngineError::Devices { found, wanted: devices });
            }
            _ => return Err(EngineError::Jax { python: python.into(), said }),
        }
        Ok(driver)
    }

    /// Reads a line from the driver.
    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err(format!("it has ended{}", self.how_it_ended())),
            Ok(_) => Ok(line.trim_end().into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn how_it_ended(&mut self) -> String {
        self.child.wait().map_or_else(|_| String::new(), |status| format!(", with {status}"))
    }

    /// Checks the driver's answer. It answers every complete request; if sending failed, it has ended.
    fn answer(&mut self, sent: std::io::Result<()>) -> Result<(), StepError> {
        match self.line().map_err(stopped)?.as_str() {
            "ok" => sent.map_err(stopped),
            said => Err(StepError::Engine(format!("XLA: {said}"))),
        }
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.{extension}"))
    }

    /// Sends a request for a program.
    fn ask(&mut self, word: &str, name: &str) -> std::io::Result<()> {
        writeln!(self.to, "{word} {}", self.folder.path().join(name).display())
    }

    fn send(&mut self, name: &str, values: &[(&Value<f32>, bool)]) -> std::io::Result<()> {
        self.ask("run", name)?;
        for (value, wide) in values {
            write_value(&mut self.to, value, *wide)?;
        }
        self.to.flush()
    }
}

impl Runner for Driver {
    fn platform(&self) -> &str {
        &self.platform
    }

    fn load(&mut self, name: &str, text: &str, about: &str) -> Result<(), StepError> {
        for (extension, text) in [("mlir", text), ("json", about)] {
            let file = self.file(name, extension);
            std::fs::write(&file, text)
                .map_err(|error| stopped(format!("cannot write `{}`: {error}", file.display())))?;
        }
        let sent = self.ask("load", name).and_then(|()| self.to.flush());
        self.answer(sent)
    }

    fn unload(&mut self, name: &str) -> Result<(), StepError> {
        let sent = self.ask("unload", name).and_then(|()| self.to.flush());
        self.answer(sent)?;
        for extension in ["mlir", "json"] {
            let _ = std::fs::remove_file(self.file(name, extension));
        }
        Ok(())
    }

    fn run(
        &mut self,
        name: &str,
        program: &Program,
        point: &Point<f32>,
    ) -> Result<Vec<ArrayD<f32>>, StepError> {
        // All of them before the first byte: the driver waits for as many bytes as the program takes.
        let values = arguments(program, point)?;
        let sent = self.send(name, &values);
        self.answer(sent)?;
        let mut all = Vec::with_capacity(program.results.len());
        for result in &program.results {
            let shape = &program.graph.node(result.id)?.ty.shape;
            let mut bytes = vec![0; 4 * shape.count()];
            self.from.read_exact(&mut bytes).map_err(stopped)?;
            let numbers = bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            let array = ArrayD::from_shape_vec(shape.to_vec(), numbers);
            all.push(array.expect("as many bytes were read as it has"));
        }
        Ok(all)
    }
}

/// The values of a program's arguments, and whether each is of whole numbers of 64 bits.
fn arguments<'p>(program: &Program, point: &'p Point<f32>) -> Result<Vec<(&'p Value<f32>, bool)>, StepError> {
    let value = |argument: &Argument| {
        let failed = |why: &str| stopped(format!("cannot be sent `{}`: {why}", argument.name));
        let value = point.get(argument.id).ok_or_else(|| failed("it has no value"))?;
        value.fits(&argument.ty).map_err(|why| failed(&why))?;
        Ok((value, element(argument.ty.kind, Real::F32).0 == Dtype::U64))
    };
    program.arguments.iter().map(value).collect()
}

/// The elements of a value as bytes; whole numbers in 64 or 32 bits.
#[allow(clippy::cast_possible_truncation)] // they are below their bound
fn write_value(to: &mut impl Write, value: &Value<f32>, wide: bool) -> std::io::Result<()> {
    match value {
        Value::Float(a) => a.iter().try_for_each(|x| to.write_all(&x.to_le_bytes())),
        Value::Index(a) if wide => a.iter().try_for_each(|&i| to.write_all(&(i as u64).to_le_bytes())),
        Value::Index(a) => a.iter().try_for_each(|&i| to.write_all(&(i as u32).to_le_bytes())),
        Value::Bool(a) => a.iter().try_for_each(|&b| to.write_all(&[u8::from(b)])),
    }
}

#[cfg(all(test, unix))]
mod tests;
