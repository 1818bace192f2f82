//! Flags that several commands share.

use super::output::{Kind, OutFile, RUN, told_by_ending, told_otherwise};
use autograd_view::math::Form;
use clap::Args;
use rnn::cell::{CellError, CellRef};
use rnn::data::file::Encoding;
use rnn::data::{self, series, series::Gaps};
use rnn::init::Init;
use rnn::model::{Inits, Input, Start};
use rnn::train::optim::Method;
use rnn::train::schedule::Schedule;
use rnn::train::{Clip, Options};
use std::path::Path;
use std::str::FromStr;

/// The cell of a name or a file, with overridden constants.
///
/// # Errors
/// If it does not exist, the file has faults, or a constant does not exist.
pub fn open_cell(name: &str, constants: &[(String, f64)]) -> Result<CellRef, CellError> {
    constants.iter().try_fold(CellRef::open(name)?, |cell, (constant, value)| cell.set(constant, *value))
}

/// `NAME=VALUE`.
pub fn setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as in beta=2")?;
    let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    Ok((name.trim().into(), value.ok_or("the value is a number, as in beta=2")?))
}

/// The notation of formulas.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Notation {
    /// Text for a terminal
    Unicode,
    /// LaTeX
    Latex,
    /// MathML, for pages
    Mathml,
}

impl Notation {
    const ALL: [Self; 3] = [Self::Unicode, Self::Latex, Self::Mathml];

    /// The kind of file that has it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Unicode => Kind::Text,
            Self::Latex => Kind::Tex,
            Self::Mathml => Kind::Xhtml,
        }
    }

    /// The notation of a kind of file.
    pub fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|notation| notation.kind() == kind)
    }
}

impl From<Notation> for Form {
    fn from(notation: Notation) -> Self {
        match notation {
            Notation::Unicode => Self::Unicode,
            Notation::Latex => Self::Latex,
            Notation::Mathml => Self::Mathml,
        }
    }
}

/// The net.
#[derive(Args, Debug)]
#[command(next_help_heading = "Net")]
pub struct Net {
    /// The cell: a name that `rnn cells` lists, or a file of equations
    #[arg(long, default_value = "lstm", value_name = "NAME|FILE.cell")]
    pub cell: String,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = setting)]
    pub set: Vec<(String, f64)>,
    /// The function of an Elman cell: tanh or relu
    #[arg(long, value_name = "NAME")]
    pub activation: Option<String>,
    /// Size of the states
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = size)]
    pub hidden: usize,
    /// Instead of --hidden: the size at which the whole net comes nearest to N parameters
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>, conflicts_with = "hidden")]
    pub parameters: Option<usize>,
    /// Number of layers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = size)]
    pub layers: usize,
    /// Probability of dropping an element of every connection but those through time
    #[arg(long, default_value_t = 0.0, value_name = "P", allow_negative_numbers = true, value_parser = probability)]
    pub dropout: f64,
    /// Cut the gradient every N steps: truncated BPTT
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    pub tbptt: Option<usize>,
    /// First values of the state's weights: uniform:B, uniform:A:B, normal:S, xavier[:GAIN], orthogonal[:GAIN], identity[:SCALE]
    #[arg(long, value_name = "INIT")]
    pub init: Option<Init>,
    /// First values of the input's weights, in the same forms
    #[arg(long, value_name = "INIT")]
    pub init_input: Option<Init>,
    /// First value of the forget gate's bias
    #[arg(long, value_name = "B", allow_negative_numbers = true, value_parser = finite)]
    pub forget_bias: Option<f64>,
}

impl Net {
    /// The cell with its activation and constants.
    ///
    /// # Errors
    /// If there is no such cell, the activation is unknown, or the cell has no choice of activation.
    pub fn cell(&self) -> Result<CellRef, Box<dyn std::error::Error>> {
        let name = match (self.cell.as_str(), self.activation.as_deref()) {
            (cell, None) | (cell @ "elman", Some("tanh")) => cell,
            ("elman", Some("relu")) => "elman-relu",
            ("elman", Some(other)) => {
                return Err(format!("--activation {other}: an Elman cell takes tanh or relu").into());
            }
            (cell, Some(_)) => {
                let why = format!("--activation is for --cell elman; `{cell}` has its own functions");
                return Err(why.into());
            }
        };
        Ok(open_cell(name, &self.set)?)
    }

    /// Initial values of the weights.
    pub fn inits(&self) -> Inits {
        Inits { input: self.init_input, recurrent: self.init, forget_bias: self.forget_bias }
    }
}

/// What a net of whole sequences can have: not one that carries its state from window to window.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Net")]
pub struct Whole {
    /// Read each sequence in both directions
    #[arg(long)]
    pub bidirectional: bool,
    /// Learn the initial state instead of starting at zero
    #[arg(long)]
    pub learned_start: bool,
}

impl Whole {
    /// The initial states.
    pub fn start(self) -> Start {
        if self.learned_start { Start::Learned } else { Start::Zero }
    }
}

/// How symbols are read, where they are words or characters.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Net")]
pub struct Symbols {
    /// Features of a symbol; 0 for unit vectors instead of a learned table
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = size_or_zero)]
    pub embedding: usize,
}

impl Symbols {
    /// The input of a step for a vocabulary of `symbols` symbols.
    pub fn input(self, symbols: usize) -> Input {
        match self.embedding {
            0 => Input::OneHot { symbols },
            size => Input::Embedding { symbols, size },
        }
    }
}

/// How to train.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
pub struct Training {
    /// Times the training part is gone through
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = at_least_one::<u64>)]
    pub epochs: u64,
    /// Sequences of a batch
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = size)]
    pub batch_size: usize,
    /// sgd, adagrad, rmsprop, adam or adamw, with options as in sgd:momentum=0.9
    #[arg(long, default_value = "adam", value_name = "METHOD")]
    pub optim: Method,
    /// Learning rate; the method's own if not given
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = positive)]
    pub lr: Option<f64>,
    /// constant, cosine[:FLOOR] or step:EVERY:FACTOR, each perhaps behind warmup:STEPS+
    #[arg(long, default_value = "constant", value_name = "SCHEDULE")]
    pub schedule: Schedule,
    /// Scale gradients down to this norm
    #[arg(long, value_name = "NORM", conflicts_with = "clip_value", allow_negative_numbers = true, value_parser = positive)]
    pub clip: Option<f64>,
    /// Cut each element of the gradients to ± this value
    #[arg(long, value_name = "BOUND", allow_negative_numbers = true, value_parser = positive)]
    pub clip_value: Option<f64>,
    /// Stop after N epochs without a better validation
    #[arg(long, value_name = "N", value_parser = at_least_one::<u64>)]
    pub patience: Option<u64>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Share the rows of a batch out over N threads
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = at_least_one::<usize>)]
    pub threads: usize,
}

impl Training {
    /// The trainer's options.
    pub fn options(&self) -> Options {
        Options {
            epochs: self.epochs,
            method: self.optim,
            learning_rate: self.lr.unwrap_or_else(|| self.optim.default_learning_rate()),
            schedule: self.schedule,
            clip: self.clip.map(Clip::Norm).or(self.clip_value.map(Clip::Value)),
            patience: self.patience,
            seed: self.seed,
            threads: self.threads,
        }
    }
}

/// Files that a run leaves.
#[derive(Args, Debug)]
#[command(next_help_heading = "Files")]
pub struct Output {
    /// Where the best model is written; the state to go on from stands beside it, as NAME.last.safetensors
    #[arg(long, value_name = "FILE", value_parser = RUN)]
    pub checkpoint: Option<OutFile>,
    /// Go on from the last state of --checkpoint, bit for bit as if never stopped; from the start if there is none.
    /// The data and all flags must be those of the first run, but for --patience, and for --epochs unless the schedule
    /// is a cosine, which falls over all epochs
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Updates between two writings of the last state
    #[arg(long, default_value_t = 200, value_name = "N", requires = "checkpoint", value_parser = at_least_one::<u64>)]
    pub save_every: u64,
    /// One JSON object a line for each reported update and each epoch
    #[arg(long, value_name = "FILE", value_parser = told_otherwise(&[Kind::Log]))]
    pub log: Option<OutFile>,
    /// Updates between two reports
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one::<u64>)]
    pub log_interval: u64,
    /// The loss over the updates as a picture, drawn anew after each epoch
    #[arg(long, value_name = "FILE.svg|FILE.png|FILE.pdf", value_parser = told_by_ending(&[Kind::Svg, Kind::Png, Kind::Pdf]))]
    pub plot: Option<OutFile>,
}

/// How a file of data is read.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Data")]
pub struct Reads {
    /// The encoding of the file if it is not UTF-8: utf-16le, windows-1252, `shift_jis`, gb18030 …
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<Encoding>,
    /// What becomes of missing values of a series: empty fields, NA, null, -
    #[arg(long, value_enum, default_value_t = Fill::Refuse, value_name = "HOW")]
    gaps: Fill,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Fill {
    /// An error, which counts them
    Refuse,
    /// The straight line between the values before and after
    Interpolate,
    /// The value before
    Carry,
}

impl Reads {
    /// Reads a column, and reports its filled gaps.
    ///
    /// # Errors
    /// As [`series::read`].
    pub fn series(self, path: &Path, column: Option<&str>) -> data::Result<series::Column> {
        let (gaps, how) = match self.gaps {
            Fill::Refuse => (Gaps::Refuse, ""),
            Fill::Interpolate => (Gaps::Interpolate, "interpolated"),
            Fill::Carry => (Gaps::Carry, "filled with the value before"),
        };
        let found = series::read(path, column, gaps, self.encoding)?;
        let (before, after) = found.left_off;
        if found.filled > 0 {
            super::say(&format!("{} missing values of {} {how}", found.filled, found.values.len()));
        }
        if before + after > 0 {
            super::say(&format!(
                "missing values at the ends are left off: {before} at the beginning, {after} at the end"
            ));
        }
        Ok(found)
    }
}

/// A whole number of at least 1.
pub fn at_least_one<N: FromStr<Err: ToString> + Default + PartialEq>(text: &str) -> Result<N, String> {
    match text.parse::<N>() {
        Ok(n) if n == N::default() => Err("it must be at least 1".into()),
        Ok(n) => Ok(n),
        Err(error) => Err(error.to_string()),
    }
}

/// The maximum of a size: beyond it no net fits into memory, and sums of sizes might overflow.
const LARGEST: usize = 1_000_000;

/// A size of at least 1.
pub fn size(text: &str) -> Result<usize, String> {
    at_least_one(text).and_then(bounded)
}

fn size_or_zero(text: &str) -> Result<usize, String> {
    text.parse::<usize>().map_err(|error| error.to_string()).and_then(bounded)
}

fn bounded(size: usize) -> Result<usize, String> {
    if size > LARGEST { Err(format!("it must be at most {LARGEST}")) } else { Ok(size) }
}

/// A number for which `fits` holds; `need` describes the condition.
fn number(text: &str, need: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && fits(x) => Ok(x),
        Ok(_) => Err(format!("it must be {need}")),
        Err(error) => Err(error.to_string()),
    }
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text, "above 0 and finite", |x| x > 0.0)
}

/// A number of at least 0.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and finite", |x| x >= 0.0)
}

/// A number of at least 0 and below 1.
pub fn probability(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and below 1", |x| (0.0..1.0).contains(&x))
}

/// A fraction of the data that leaves some for training beside the tenth for validation.
pub fn share(text: &str) -> Result<f64, String> {
    number(text, "above 0 and below 0.9: a tenth is for validation", |x| x > 0.0 && x < 0.9)
}

fn finite(text: &str) -> Result<f64, String> {
    number(text, "finite", |_| true)
}

/// The flag for an entry of a checkpoint's configuration.
pub fn flag_of(entry: &str) -> String {
    let flag = match entry {
        "batch_size" => "--batch-size",
        "options.learning_rate" => "--lr",
        "options.method" => "--optim",
        "options.schedule" => "--schedule",
        "options.seed" => "--seed",
        "options.threads" => "--threads",
        "model.cell.name" | "model.cell.text" => "--cell",
        "model.cell.constants" => "--set",
        "model.hidden" => "--hidden",
        "model.layers" => "--layers",
        "model.bidirectional" => "--bidirectional",
        "model.dropout" => "--dropout",
        "model.start" => "--learned-start",
        "model.window" => "--tbptt",
        "model.init.input" => "--init-input",
        "model.init.recurrent" => "--init",
        "model.init.forget_bias" => "--forget-bias",
        "model.head" => "--pool",
        "model.input.embedding" | "model.input.embedding.size" | "model.input.one-hot" => "--embedding",
        "task.text.level" => "--level",
        "task.text.steps" | "task.synthetic.length" => "--steps",
        "task.sentiment.classes" => "--classes",
        "task.series.column" => "--column",
        "task.series.window" => "--window",
        "task.series.horizon" => "--horizon",
        "task.series.mean" | "task.series.std" => "the series of --data, or --test,",
        "data" | "data.digest" => "--data",
        "updates" => "the size of --data, or --batches,",
        entry if entry.starts_with("options.clip") => "--clip or --clip-value",
        entry if entry.contains("vocabulary") || entry.contains("symbols") || entry == "model.outputs" => {
            "the vocabulary of --data"
        }
        other => return format!("`{other}`"),
    };
    flag.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_told_the_range() {
        assert_eq!(at_least_one::<usize>("1"), Ok(1));
        assert_eq!(at_least_one::<u64>("0").unwrap_err(), "it must be at least 1");
        assert!(at_least_one::<u64>("-1").is_err());
        assert_eq!(size("1000001").unwrap_err(), "it must be at most 1000000");
        assert!(size("0").is_err() && size_or_zero("0").is_ok());
        for text in ["0", "-1", "NaN", "inf"] {
            assert_eq!(positive(text).unwrap_err(), "it must be above 0 and finite", "{text}");
        }
        assert!(probability("1").is_err() && probability("0").is_ok() && probability("1.5").is_err());
        assert!(not_negative("0").is_ok() && not_negative("-0.1").is_err());
        assert!(share("0.89").is_ok() && share("0.9").is_err() && share("0").is_err());
    }
}
