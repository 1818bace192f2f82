//! What is taken apart: a fresh net or a trained one, and what it reads.

use crate::cli::flags::{open_cell, setting, size};
use crate::data::synthetic::{Adding, CopyMemory, TemporalOrder};
use crate::data::{Vocabulary, file, series};
use crate::init::Init;
use crate::model::{Feed, Inits, Input, Model};
use crate::parameters::Parameters;
use crate::study::Specimen;
use crate::tasks::{Described, Level, Saved, Sentiment};
use autograd::Value;
use ndarray::{Array2, Array3, ArrayD};
use std::path::{Path, PathBuf};

type Error = Box<dyn std::error::Error>;

/// Which net, and what it reads.
#[derive(clap::Args, Debug)]
pub struct Which {
    /// The cell of a fresh net: a name that `rnn cells` lists, or a file of equations
    #[arg(long, default_value = "elman", value_name = "NAME|FILE.cell", help_heading = "Net")]
    cell: String,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = setting, help_heading = "Net")]
    set: Vec<(String, f64)>,
    /// Number of layers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = size, help_heading = "Net")]
    layers: usize,
    /// Size of the states
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = size, help_heading = "Net")]
    hidden: usize,
    /// Features of a random input
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = size, help_heading = "Net")]
    input: usize,
    /// Read the sequence in both directions; shown are the states of the first
    #[arg(long, help_heading = "Net")]
    bidirectional: bool,
    /// Cut the gradient every K steps: truncated BPTT
    #[arg(long, value_name = "K", value_parser = size, help_heading = "Net")]
    tbptt: Option<usize>,
    /// First values of the state's weights: uniform:B, normal:S, xavier[:GAIN], orthogonal[:GAIN], identity[:SCALE]
    #[arg(long, value_name = "INIT", help_heading = "Net")]
    init: Option<Init>,
    /// First values of the input's weights, in the same forms
    #[arg(long, value_name = "INIT", help_heading = "Net")]
    init_input: Option<Init>,
    /// First value of the forget gate's bias
    #[arg(long, value_name = "B", allow_negative_numbers = true, help_heading = "Net")]
    forget_bias: Option<f64>,
    /// A trained net instead: a checkpoint of `rnn train`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["cell", "set", "layers", "hidden", "input", "bidirectional", "init", "init_input", "forget_bias"],
        help_heading = "Net"
    )]
    checkpoint: Option<PathBuf>,
    /// Steps; 30 if not given, or what a trained net was trained on
    #[arg(long, value_name = "T", value_parser = size, help_heading = "Data")]
    steps: Option<usize>,
    /// Sequences, whose norms are averaged
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = size, help_heading = "Data")]
    batch: usize,
    /// A text that a fresh net reads character by character, or what a trained net was trained on: a text, a series.
    /// Random numbers if not given
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Where in the text or series to begin, in symbols or values
    #[arg(long, default_value_t = 0, value_name = "N", requires = "data", help_heading = "Data")]
    from: usize,
    /// What a classifier of sentences reads
    #[arg(long, value_name = "TEXT", requires = "checkpoint", help_heading = "Data")]
    sentence: Option<String>,
    /// The class that the loss wants for the sentence; the first if not given
    #[arg(long, value_name = "NAME", requires = "sentence", help_heading = "Data")]
    class: Option<String>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Data")]
    seed: u64,
}

/// A model, where it stands, and what it reads.
pub struct Subject {
    pub model: Model,
    pub parameters: Parameters,
    pub feed: Feed,
    /// The net in words.
    pub title: String,
}

impl Which {
    /// The net and its data.
    ///
    /// # Errors
    /// If a file cannot be read or does not fit the net.
    pub fn subject(&self) -> Result<Subject, Error> {
        let (model, parameters, feed) = match &self.checkpoint {
            Some(path) => self.trained(path)?,
            None => self.fresh()?,
        };
        let cut = model.window.map_or(String::new(), |k| format!(", cut every {k}"));
        let trained = if self.checkpoint.is_some() { "trained " } else { "" };
        let title = format!("{trained}{}, {} units, {} steps{cut}", model.cell, model.hidden, feed.steps());
        Ok(Subject { model, parameters, feed, title })
    }

    fn fresh(&self) -> Result<(Model, Parameters, Feed), Error> {
        let specimen = Specimen {
            cell: open_cell(&self.cell, &self.set)?,
            steps: self.steps.unwrap_or(30),
            layers: self.layers,
            input: self.input,
            hidden: self.hidden,
            batch: self.batch,
            bidirectional: self.bidirectional,
            window: self.tbptt,
            ..Specimen::default()
        };
        let inits = Inits { input: self.init_input, recurrent: self.init, forget_bias: self.forget_bias };
        let Some(path) = &self.data else {
            let (model, _, feed) = specimen.example(self.seed)?;
            let model = Model { init: inits, ..model };
            return Ok((model.clone(), model.first_parameters(self.seed)?, feed));
        };
        let text = file::read(path)?;
        let vocabulary = Vocabulary::characters(&text);
        let symbols = vocabulary.len();
        let model =
            Model { input: Input::OneHot { symbols }, outputs: symbols, init: inits, ..specimen.model() };
        let feed = self.symbols(path, &text, Level::Char, &vocabulary, specimen.steps)?;
        Ok((model.clone(), model.first_parameters(self.seed)?, feed))
    }

    fn trained(&self, path: &Path) -> Result<(Model, Parameters, Feed), Error> {
        let (saved, parameters) = Saved::load(path)?;
        let feed = match &saved.task {
            Described::Text { level, vocabulary, steps } => {
                let data = self.data(path, "a language model", "the text with --data FILE")?;
                let text = file::read(data)?;
                self.symbols(data, &text, *level, vocabulary, self.steps.unwrap_or(*steps))?
            }
            Described::Sentiment { vocabulary, classes } => {
                let sentence = self.sentence.as_deref().ok_or_else(|| {
                    format!(
                        "`{}` holds a classifier of sentences: give it one with --sentence TEXT",
                        path.display()
                    )
                })?;
                let class = match &self.class {
                    None => 0,
                    Some(name) => classes
                        .iter()
                        .position(|known| known == name)
                        .ok_or_else(|| format!("--class {name}: the classes are {}", classes.join(", ")))?,
                };
                let x = Sentiment::encode(vocabulary, sentence)?;
                let x = ArrayD::from_shape_vec(vec![x.len(), 1], x)?;
                Feed { x: Value::Index(x), y: Value::Index(ArrayD::from_elem(vec![1], class)), lengths: None }
            }
            Described::Series { column, window, horizon, mean, std } => {
                let data = self.data(path, "a forecast of a series", "the series with --data FILE.csv")?;
                let values = series::read(data, column.as_deref())?;
                self.window(data, &values, self.steps.unwrap_or(*window), *horizon, (*mean, *std))?
            }
            Described::Synthetic { name, length } => self.synthetic(name, self.steps.unwrap_or(*length))?,
        };
        Ok((Model { window: self.tbptt, ..saved.model }, parameters, feed))
    }

    fn data(&self, checkpoint: &Path, what: &str, give: &str) -> Result<&Path, String> {
        let missing = || format!("`{}` holds {what}: give {give}", checkpoint.display());
        self.data.as_deref().ok_or_else(missing)
    }

    /// Stretches of a text, one after the other; the target of a symbol is the next.
    fn symbols(
        &self,
        path: &Path,
        text: &str,
        level: Level,
        vocabulary: &Vocabulary,
        steps: usize,
    ) -> Result<Feed, Error> {
        let ids: Vec<usize> = vocabulary
            .encode_all(level.symbols(text))
            .map_err(|e| format!("{}: {e}", path.display()))?
            .into_iter()
            .skip(self.from)
            .collect();
        let need = steps * self.batch + 1;
        if ids.len() < need {
            let (found, path) = (ids.len(), path.display());
            return Err(format!(
                "{path}: {found} symbols from --from {} on, and {} sequences of {steps} steps need {need}: give fewer \
                 --steps, a smaller --batch or a longer text",
                self.from, self.batch
            )
            .into());
        }
        let at = |shift: usize| {
            let symbol = |(t, b): (usize, usize)| ids[b * steps + t + shift];
            Value::Index(Array2::from_shape_fn((steps, self.batch), symbol).into_dyn())
        };
        Ok(Feed { x: at(0), y: at(1), lengths: None })
    }

    /// Windows of a series, one after the other, with the value some steps after each.
    fn window(
        &self,
        path: &Path,
        values: &[f64],
        steps: usize,
        horizon: usize,
        (mean, std): (f64, f64),
    ) -> Result<Feed, Error> {
        let need = self.from + steps + horizon + self.batch - 1;
        if values.len() < need {
            let (found, path) = (values.len(), path.display());
            return Err(format!(
                "{path}: {found} values, and {} windows of {steps} steps and {horizon} ahead need {need}: give fewer \
                 --steps, a smaller --batch or --from",
                self.batch
            )
            .into());
        }
        #[allow(clippy::cast_possible_truncation)] // the model is in single precision
        let value = |place: usize| ((values[self.from + place] - mean) / std) as f32;
        let x = Array3::from_shape_fn((steps, self.batch, 1), |(t, b, _)| value(t + b));
        let y = Array2::from_shape_fn((self.batch, 1), |(b, _)| value(b + steps - 1 + horizon));
        Ok(Feed { x: x.into_dyn().into(), y: y.into_dyn().into(), lengths: None })
    }

    /// A batch of a synthetic task that training does not see.
    fn synthetic(&self, name: &str, length: usize) -> Result<Feed, Error> {
        let index = u64::MAX;
        Ok(match name {
            "adding" => Adding::new(length)?.batch(self.batch, self.seed, index).into(),
            "copy" => CopyMemory::new(length)?.batch(self.batch, self.seed, index).into(),
            "temporal-order" => {
                let task = if length == 0 {
                    TemporalOrder::published()
                } else {
                    TemporalOrder::with_length(length)?
                };
                Feed::padded(task.batch(self.batch, self.seed, index), 1)
            }
            other => return Err(format!("the task `{other}` makes no data here: train on another").into()),
        })
    }
}
