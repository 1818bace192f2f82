//! `rnn import`: imports recurrent layers from another framework.

use crate::output::{Kind, OutFile, told_by_ending};
use clap::ValueEnum;
use ndarray::{Array1, Array2};
use rnn::checkpoint::Checkpoint;
use rnn::files;
use rnn::model::{Head, Inits, Input, Loss, Model, Start};
use rnn::tasks::{Described, Saved};
use rnn::train::Options;
use rnn::train::optim::{Adam, Method};
use rnn_export::import::{self, Framework};
use std::path::PathBuf;
use std::process::ExitCode;

/// Recurrent layers of PyTorch, Paddle, candle, Keras, Flax, Haiku, Equinox, MLX or an ONNX file as a checkpoint
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The file is safetensors, with each array under the framework's own name and in its own order; or NAME.onnx, with nodes RNN, LSTM or GRU. The layers become a checkpoint \
whose outputs are their outputs, and which rnn study, rnn bptt, rnn export and others read with --checkpoint; they look at \
it on random inputs. Arrays of other layers are named and left out.

Examples: a layer of PyTorch; one of Keras, whose names do not tell
  rnn import lstm.safetensors -o net.safetensors
  rnn bptt --checkpoint net.safetensors
  rnn import layer.safetensors --from keras -o net.safetensors")]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it is from; found by its names if not given
    #[arg(long, value_enum)]
    from: Option<Named>,
    /// A simple recurrent layer has relu instead of tanh, which no file tells
    #[arg(long)]
    relu: bool,
    /// The checkpoint that is written
    #[arg(short, long, value_name = "FILE", help_heading = "Output", value_parser = told_by_ending(&[Kind::Checkpoint]))]
    output: OutFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Named {
    /// PyTorch, and what has its names and orders: candle
    Torch,
    /// Paddle, whose names and orders are PyTorch's
    Paddle,
    /// Keras
    Keras,
    /// Flax linen
    Flax,
    /// Haiku
    Haiku,
    /// Equinox
    Equinox,
    /// MLX
    Mlx,
}

impl Named {
    /// The framework.
    pub fn framework(self) -> Framework {
        match self {
            Self::Torch | Self::Paddle => Framework::Torch,
            Self::Keras => Framework::Keras,
            Self::Flax => Framework::Flax,
            Self::Haiku => Framework::Haiku,
            Self::Equinox => Framework::Equinox,
            Self::Mlx => Framework::Mlx,
        }
    }
}

/// The task name of an imported net in its checkpoint.
pub const IMPORTED: &str = "imported";

impl Args {
    /// Runs the command.
    #[allow(clippy::disallowed_methods)] // a checkpoint writes itself whole
    pub fn run(self) -> super::Result {
        let from = self.from.map(Named::framework);
        let bytes = files::read(&self.file)?;
        let is_onnx = self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
        let net = if is_onnx {
            if from.is_some() || self.relu {
                return Err("an ONNX file says what its layers compute: leave out --from and --relu".into());
            }
            import::onnx(&bytes, self.file.parent().unwrap_or(std::path::Path::new("")))
        } else {
            import::read(&bytes, from, self.relu)
        };
        let net = net.map_err(|error| format!("`{}`: {error}", self.file.display()))?;
        let outputs = net.hidden * (1 + usize::from(net.bidirectional));
        let model = Model {
            cell: net.cell.into(),
            input: Input::Reals { size: net.input },
            hidden: net.hidden,
            layers: net.layers,
            bidirectional: net.bidirectional,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::EachStep,
            outputs,
            loss: Loss::MeanSquared,
            init: Inits::default(),
        };
        let saved = Saved {
            task: Described::Synthetic { name: IMPORTED.into(), length: 30 },
            model,
            options: Options {
                epochs: 0,
                method: Method::Adam(Adam::default()),
                learning_rate: 1e-3,
                schedule: "constant".parse()?,
                clip: None,
                patience: None,
                seed: 0,
                threads: 1,
            },
            batch_size: 1,
            updates: 0,
            data: None,
        };
        let mut checkpoint = Checkpoint { config: serde_json::to_value(&saved)?, ..Checkpoint::default() };
        for (name, array) in net.weights {
            checkpoint.parameters.insert(format!("rnn.{name}"), array);
        }
        // The outputs are the layers' own: the head is the identity.
        checkpoint.parameters.insert("head.weight", Array2::eye(outputs).into_dyn());
        checkpoint.parameters.insert("head.bias", Array1::zeros(outputs).into_dyn());
        checkpoint.save(self.output.path())?;
        let (many, both) = (
            if net.layers == 1 { "" } else { "s" },
            if net.bidirectional { " in both directions" } else { "" },
        );
        println!(
            "{}: {} layer{many} of {}{both}, {} features to {} units, from {}",
            self.output, net.layers, net.cell, net.input, net.hidden, net.from
        );
        if !net.left_out.is_empty() {
            println!("left out: {}", net.left_out.join(", "));
        }
        if !net.first_states.is_empty() {
            println!(
                "first states that are inputs of the file, and zero here: {}",
                net.first_states.join(", ")
            );
        }
        if net.rounded {
            println!("rounded to single precision, in which weights are kept");
        }
        Ok(ExitCode::SUCCESS)
    }
}
