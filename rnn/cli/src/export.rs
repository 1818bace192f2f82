//! `rnn export`: exports a net to another engine.

use crate::driver;
use crate::flags::{at_least_one, positive};
use crate::import::Named;
use crate::output::{OutFile, folder};
use crate::subject::{Subject, Which};
use autograd::Point;
use clap::ValueEnum;
use rnn::model::{Head, Input, Mode};
use rnn::train::optim::{Adam, Method};
use rnn_export::recurrent::{self, Recurrent};
use rnn_export::stablehlo::{self, Form};
use rnn_export::{Program, Real, Shared, manifest, net, onnx, optimiser, values};
use rnn_lab::study::Study;
use std::process::ExitCode;

/// A net for another engine: StableHLO, which XLA compiles for CPU, GPU and TPU, or ONNX
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Three files are written. NAME.mlir or NAME.onnx is the program; NAME.json names its arguments and results in order; \
NAME.safetensors has a value for each argument. Beside StableHLO stands run_step.py, which runs it. There steps that are alike are one loop, so that the program is as \
long for 1,000 steps as for 10. docs/export.md tells how to run it.

Examples: a step of training of an LSTM over 100 steps, and 50 of them by XLA; the same over 8 devices; what a trained net \
says of a sentence
  rnn export --cell lstm --steps 100 --hidden 128 --batch 32 --what step -o lstm
  python3 lstm/run_step.py lstm/step 50
  rnn export --cell lstm --steps 100 --batch 64 --what step --devices 8 -o lstm8
  rnn export --checkpoint model.safetensors --sentence 'a lovely film' --what forward -o film
  rnn export --checkpoint model.safetensors --sentence 'a lovely film' --what forward --format onnx-layers -o film
  rnn export --cell gru --hidden 64 --format safetensors --for torch -o gru")]
pub struct Args {
    #[command(flatten)]
    net: Which,
    /// The length of each sequence, from 1 to --steps; the batch is as large as the list
    #[arg(
        long,
        value_name = "A,B,…",
        value_delimiter = ',',
        conflicts_with = "batch",
        help_heading = "Data"
    )]
    lengths: Option<Vec<usize>>,
    /// In what form
    #[arg(long, value_enum, default_value_t = Format::Stablehlo, help_heading = "Output")]
    format: Format,
    /// Which part of the net
    #[arg(long, value_enum, default_value_t = What::Gradient, help_heading = "Output")]
    what: What,
    /// With --format safetensors: the framework that loads it
    #[arg(long = "for", value_enum, value_name = "FRAMEWORK", help_heading = "Output")]
    framework: Option<Named>,
    /// How wide real numbers are
    #[arg(long, value_enum, default_value_t = Width::F32, help_heading = "Output")]
    real: Width,
    /// The optimiser of --what step: sgd, adagrad, rmsprop, adam or adamw, with options as in sgd:momentum=0.9; adam if not
    /// given
    #[arg(long, value_name = "METHOD", help_heading = "Training")]
    optim: Option<Method>,
    /// With --what step: the learning rate that stands beside the program, which takes it as an argument; the method's own
    /// if not given
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = positive, help_heading = "Training")]
    lr: Option<f64>,
    /// For so many devices, each with its rows of the batch
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = at_least_one::<usize>, help_heading = "Output")]
    devices: usize,
    /// With --format stablehlo: every step for itself, instead of loops
    #[arg(long, help_heading = "Output")]
    unrolled: bool,
    /// The folder to write to; it is made if there is none
    #[arg(short, long, value_name = "FOLDER", help_heading = "Output", value_parser = folder(&FILES))]
    output: OutFile,
}

/// All file names that may be written: layers, and three programs with their companions.
const FILES: [&str; 13] = [
    "layers.safetensors",
    "forward.mlir",
    "forward.onnx",
    "forward.json",
    "forward.safetensors",
    "gradient.mlir",
    "gradient.onnx",
    "gradient.json",
    "gradient.safetensors",
    "step.mlir",
    "step.onnx",
    "step.json",
    "step.safetensors",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for XLA
    Stablehlo,
    /// A file for onnxruntime and Netron, with every step for itself
    Onnx,
    /// A file with one node for each layer, RNN, LSTM or GRU, for any number of steps; --what forward
    OnnxLayers,
    /// The weights of the layers in the names of another framework, --for
    Safetensors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// From parameters and inputs to outputs
    Forward,
    /// From parameters, inputs and targets to the loss and its gradients
    Gradient,
    /// A step of training: the gradient, and the update of the parameters by --optim
    Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Width {
    /// Single precision
    F32,
    /// Double precision
    F64,
}

impl Args {
    /// Exports the layers alone, for systems that have them.
    fn layers(&self, study: &Study, title: &str) -> super::Result {
        let wrong = |what: &str| Err(format!("{what}: leave it out").into());
        if self.real == Width::F64 {
            return wrong("--real f64 is for programs; layers are written in single precision");
        }
        if self.devices > 1 {
            return wrong("--devices is for --format stablehlo");
        }
        let (name, bytes) = if self.format == Format::Safetensors {
            if self.what == What::Step {
                return wrong("--what step is for programs; weights are what they are");
            }
            let framework = self.framework.ok_or(
                "--format safetensors is written for a framework: name it with --for, as in --for torch",
            )?;
            let recurrent = Recurrent::of(&study.model, &study.parameters)?;
            ("layers.safetensors", recurrent::safetensors(&recurrent, framework.framework())?)
        } else {
            if self.what != What::Forward {
                return Err(
                    "--format onnx-layers has no backward pass: give --what forward, or --format onnx".into(),
                );
            }
            // Sentences differ in length, even if this one is alone.
            let model = &study.model;
            let sentences = model.head != Head::EachStep && !matches!(model.input, Input::Reals { .. });
            let lengths = sentences || study.feed.lengths.is_some();
            ("forward.onnx", onnx::layers(model, &study.parameters, lengths)?)
        };
        self.make_folder()?;
        self.output.write_in(name, &bytes)?;
        println!("{title}: {}", self.output.path().join(name).display());
        Ok(ExitCode::SUCCESS)
    }

    #[allow(clippy::disallowed_methods)] // a folder is no file
    fn make_folder(&self) -> Result<(), String> {
        std::fs::create_dir_all(self.output.path()).map_err(|error| {
            format!("--output: cannot make the folder `{}`: {error}; give another name", self.output)
        })
    }

    /// Runs the command.
    pub fn run(mut self) -> super::Result {
        if let Some(lengths) = &self.lengths {
            self.net.batch = lengths.len();
        }
        if self.what != What::Step && (self.optim.is_some() || self.lr.is_some()) {
            return Err(
                "--optim and --lr are for --what step, a program that trains: leave them out, or give it"
                    .into(),
            );
        }
        if self.unrolled && self.format != Format::Stablehlo {
            return Err("--unrolled is for --format stablehlo, the only one with loops: leave it out".into());
        }
        let Subject { mut study, title, .. } = self.net.subject()?;
        if let Some(lengths) = self.lengths.take() {
            study.feed.lengths = Some(lengths);
            study.feed.check_lengths()?;
        }
        if let Format::OnnxLayers | Format::Safetensors = self.format {
            return self.layers(&study, &title);
        }
        let (feed, lengths) = (&study.feed, study.feed.lengths.is_some());
        let train = self.what != What::Forward;
        // Time becomes a loop where steps are alike.
        let alike = self.format == Format::Stablehlo && !self.unrolled;
        let mode = Mode { train, noise: train, lengths, alike, ..Mode::default() };
        let network = study.model.network(feed.steps(), feed.batch(), mode)?;
        let mut point = network.point(&study.parameters, feed, &[], 0)?.cast::<f64>();
        let program = match self.what {
            What::Forward => net::forward(&network)?,
            What::Gradient => net::gradient(&network)?,
            What::Step => {
                let method = self.optim.unwrap_or_else(|| Method::Adam(Adam::default()));
                let rate = self.lr.unwrap_or_else(|| method.default_learning_rate());
                let (program, added) = optimiser::step(&network, method, rate)?;
                added.iter().for_each(|(id, value)| point.set(id, value.clone()));
                program
            }
        };
        let real = match self.real {
            Width::F32 => Real::F32,
            Width::F64 => Real::F64,
        };
        let form = if self.unrolled { Form::Unrolled } else { Form::Rolled };
        if self.framework.is_some() {
            return Err("--for is for --format safetensors: leave it out".into());
        }
        if self.devices > 1 && self.format == Format::Onnx {
            return Err("--devices is for StableHLO: ONNX has no word for what devices do together; leave out one of the two".into());
        }
        let shared = (self.devices > 1).then(|| Shared::new(&program, self.devices)).transpose()?;
        self.make_folder()?;
        let write = |extension: &str, bytes: &[u8]| {
            self.output.write_in(&format!("{}.{extension}", program.name), bytes)
        };
        write("safetensors", &values::of_arguments(&program, real, &point)?)?;
        write("json", format!("{:#}\n", manifest(&program, shared.as_ref(), real)).as_bytes())?;
        let file = self.output.path().join(&program.name);
        match self.format {
            Format::OnnxLayers | Format::Safetensors => {}
            Format::Stablehlo => {
                let text = match &shared {
                    Some(shared) => stablehlo::module_for(&program, shared, real, form)?,
                    None => stablehlo::module(&program, real, form)?,
                };
                write("mlir", text.as_bytes())?;
                driver::write(self.output.path())?;
                let (size, loops) =
                    (text.matches(" = stablehlo.").count(), text.matches("stablehlo.while").count());
                let on = match &shared {
                    Some(shared) => format!(
                        ", for {} devices that share {} numbers in a call",
                        shared.devices,
                        shared.reduced()
                    ),
                    None => String::new(),
                };
                println!("{title}: {}.mlir, {size} operations and {loops} loops{on}", file.display());
            }
            Format::Onnx => {
                // A program for inference contains its weights; one for training takes them as arguments.
                let fixed = if self.what == What::Forward { weights(&program, &point) } else { Point::new() };
                write("onnx", &onnx::model(&program, real, &fixed)?)?;
                println!("{title}: {}.onnx", file.display());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The values of the parameters alone.
fn weights(program: &Program, point: &Point<f64>) -> Point<f64> {
    let parameters = program.arguments.iter().filter(|a| a.parameter);
    parameters.fold(Point::new(), |weights, a| match point.get(a.id) {
        Some(value) => weights.with(a.id, value.clone()),
        None => weights,
    })
}
