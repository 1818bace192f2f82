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
use rnn_export::import::{self, Framework, Function, Imported, Linear};
use std::path::PathBuf;
use std::process::ExitCode;

/// Recurrent layers of PyTorch, Paddle, candle, Keras, Flax, Haiku, Equinox, MLX or an ONNX file as a checkpoint
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The file is safetensors, with each array under the framework's own name and in its own order; or NAME.onnx, with nodes RNN, LSTM or GRU. The layers become a checkpoint, \
which rnn predict, rnn study, rnn bptt, rnn export and others read with --checkpoint. A linear layer after them is its head; without \
one its outputs are the states. ONNX files say what a head reads; of others you say it. Arrays of other layers are named and left out.

Examples: a layer of PyTorch, a net with the head fc that reads the last state, a layer of Keras
  rnn import lstm.safetensors -o net.safetensors
  rnn predict --checkpoint net.safetensors --data steps.csv
  rnn import classifier.safetensors --head fc --reads last -o net.safetensors
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
    /// The linear layer after the recurrent ones, by its name without `.weight`; none leaves it out
    #[arg(long, value_name = "NAME|none")]
    head: Option<String>,
    /// What the head reads, which a file of arrays does not tell
    #[arg(long, value_enum, value_name = "WHAT")]
    reads: Option<Reads>,
    /// The checkpoint that is written
    #[arg(short, long, value_name = "FILE", help_heading = "Output", value_parser = told_by_ending(&[Kind::Checkpoint]))]
    output: OutFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Named {
    /// PyTorch, and what has its names and orders: candle
    Torch,
    /// Paddle, whose names and orders are PyTorch's, but for the matrix of a head
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
            Self::Torch => Framework::Torch,
            Self::Paddle => Framework::Paddle,
            Self::Keras => Framework::Keras,
            Self::Flax => Framework::Flax,
            Self::Haiku => Framework::Haiku,
            Self::Equinox => Framework::Equinox,
            Self::Mlx => Framework::Mlx,
        }
    }
}

/// What a head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reads {
    /// The state of each step
    Each,
    /// The last state of each direction
    Last,
    /// The mean of the states over time
    Mean,
}

impl Reads {
    fn head(self) -> Head {
        match self {
            Self::Each => Head::EachStep,
            Self::Last => Head::Last,
            Self::Mean => Head::Mean,
        }
    }
}

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
        let head = self.head(&net).map_err(|error| format!("`{}`: {error}", self.file.display()))?;
        // Without a head the outputs are the layers' own: an identity.
        let outputs = net.outputs();
        let (weight, bias) = match &head {
            Some(head) => (head.weight.clone(), head.bias.clone()),
            None => (Array2::eye(outputs), Array1::zeros(outputs)),
        };
        let model = Model {
            cell: net.cell.into(),
            input: Input::Reals { size: net.input },
            hidden: net.hidden,
            layers: net.layers,
            bidirectional: net.bidirectional,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: head.as_ref().and_then(|head| head.reads).unwrap_or(Head::EachStep),
            outputs: weight.nrows(),
            loss: match head.as_ref().map_or(Function::Identity, |head| head.function) {
                Function::Identity => Loss::MeanSquared,
                Function::Sigmoid => Loss::BinaryCrossEntropy,
                Function::Softmax | Function::LogSoftmax => Loss::CrossEntropy,
            },
            init: Inits::default(),
        };
        let saved = Saved {
            task: Described::Layers {
                from: net.from.into(),
                head: head.as_ref().map(|head| head.name.clone()),
            },
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
        checkpoint.parameters.insert("head.weight", weight.into_dyn());
        checkpoint.parameters.insert("head.bias", bias.into_dyn());
        checkpoint.save(self.output.path())?;
        let (many, both) = (
            if net.layers == 1 { "" } else { "s" },
            if net.bidirectional { " in both directions" } else { "" },
        );
        println!(
            "{}: {} layer{many} of {}{both}, {} features to {} units, from {}",
            self.output, net.layers, net.cell, net.input, net.hidden, net.from
        );
        if let Some(head) = &head {
            println!("{}", told(head));
        }
        let own = head.map_or_else(Vec::new, |head| head.arrays);
        let left_out: Vec<String> = net.left_out.into_iter().filter(|name| !own.contains(name)).collect();
        if !left_out.is_empty() {
            println!("left out: {}", left_out.join(", "));
        }
        if let Some(before) = net.before {
            println!("left out, before the layers: {before}");
        }
        if let Some(after) = net.after {
            println!("left out, after the layers: {after}");
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

    /// The head: the one that the file has, or that was named.
    fn head(&self, net: &Imported) -> Result<Option<Linear>, String> {
        // A table of embeddings is a head only by its name.
        let heads: Vec<&Linear> = net.heads.iter().filter(|head| !head.is_table).collect();
        let known = || heads.iter().map(|head| format!("`{}`", head.name)).collect::<Vec<_>>().join(", ");
        let head = match (self.head.as_deref(), &heads[..]) {
            (Some("none"), _) => return Ok(None),
            (Some(name), heads) => match net.heads.iter().find(|head| head.name == name) {
                Some(head) => head,
                None if heads.is_empty() => {
                    return Err(format!(
                        "no linear layer reads its {} outputs: leave out --head",
                        net.outputs()
                    ));
                }
                None => {
                    return Err(format!("--head {name}: the linear layers that can be it are {}", known()));
                }
            },
            (None, []) if self.reads.is_some() => {
                return Err(format!(
                    "no linear layer reads its {} outputs: leave out --reads",
                    net.outputs()
                ));
            }
            (None, []) => return Ok(None),
            (None, [one]) => one,
            (None, _) => {
                return Err(format!(
                    "several linear layers read {} features, {}: say by --head which one is the head, or none",
                    net.outputs(),
                    known()
                ));
            }
        };
        if let (None, Some(next)) = (&self.head, &head.followed_by) {
            return Err(format!(
                "`{next}` may follow the linear layer `{}`, through a function that the file does not tell: take the first \
                 alone with --head {}, or leave both out with --head none",
                head.name, head.name
            ));
        }
        if !head.weight.iter().chain(&head.bias).all(|x| x.is_finite()) {
            return Err(format!("`{}` has a weight that is not finite", head.name));
        }
        let given = self.reads.map(Reads::head);
        match (head.reads, given) {
            (Some(told), Some(given)) if told != given => {
                Err(format!("`{}` reads {}, which the file says: leave out --reads", head.name, words(told)))
            }
            (None, None) => Err(format!(
                "the file does not tell what the linear layer `{}` reads: say it by --reads each, last or mean, or leave \
                 the layer out with --head none",
                head.name
            )),
            (told, given) => Ok(Some(Linear { reads: told.or(given), ..head.clone() })),
        }
    }
}

fn words(reads: Head) -> &'static str {
    match reads {
        Head::EachStep => "the state of each step",
        Head::Last => "the last state",
        Head::Mean => "the mean of the states",
    }
}

/// A head in words.
fn told(head: &Linear) -> String {
    let function = match head.function {
        Function::Identity => "",
        Function::Sigmoid => ", then a sigmoid",
        Function::Softmax => ", then a softmax",
        Function::LogSoftmax => {
            ", then a log-softmax in the file, a softmax here: predictions are probabilities, not their logarithms"
        }
    };
    let (features, outputs) = (head.weight.ncols(), head.weight.nrows());
    let many = if outputs == 1 { "" } else { "s" };
    let reads = words(head.reads.unwrap_or(Head::EachStep));
    format!("head: `{}`, {features} features to {outputs} output{many}, reads {reads}{function}", head.name)
}
