//! The subject of a study: a new or trained net, and its input.

use crate::flags::{Reads, open_cell, setting, size};
use autograd::Value;
use clap::{Args as _, FromArgMatches as _};
use ndarray::{Array2, Array3, ArrayD, ArrayViewD, Axis, s};
use rnn::data::synthetic::{Adding, CopyMemory, TemporalOrder};
use rnn::data::{Sequences, Vocabulary, file};
use rnn::infer::{Classifier, Step};
use rnn::init::Init;
use rnn::model::{Batch, Inits, Input, Model};
use rnn::tasks::{Described, Level, Saved, Sentiment};
use rnn_lab::study::{NetSpec, Reading, Study, brief, visible};
use std::path::{Path, PathBuf};

type Error = Box<dyn std::error::Error>;

/// The number of steps of a random input for layers of another framework.
const RANDOM_STEPS: usize = 30;

/// Which net, and what it reads.
#[derive(clap::Args, Clone, Debug)]
pub struct Which {
    /// The cell of a fresh net: a name that `rnn cells` lists, or a file of equations; elman if not given
    #[arg(long, value_name = "NAME|FILE.cell", help_heading = "Net")]
    cell: Option<String>,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = setting, help_heading = "Net")]
    set: Vec<(String, f64)>,
    /// Number of layers; 1 if not given
    #[arg(long, value_name = "N", value_parser = size, help_heading = "Net")]
    layers: Option<usize>,
    /// Size of the states; 16 if not given
    #[arg(long, value_name = "N", value_parser = size, help_heading = "Net")]
    hidden: Option<usize>,
    /// Features of a random input; 8 if not given
    #[arg(long, value_name = "N", value_parser = size, help_heading = "Net")]
    input: Option<usize>,
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
    /// Sequences at once: the size of the batch. Norms, where a command shows them, are averages over it
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = size, help_heading = "Data")]
    pub(crate) batch: usize,
    /// A text that a fresh net reads character by character, or what a trained net was trained on: a text, a series,
    /// features by step for layers of another framework. Random numbers if not given
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reads,
    /// Where in the text or series to begin, in symbols or values
    #[arg(long, default_value_t = 0, value_name = "N", requires = "data", help_heading = "Data")]
    from: usize,
    /// What a classifier of sentences reads; or, instead of a file, the text that a language model or a fresh net reads
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["data", "from"], help_heading = "Data")]
    sentence: Option<String>,
    /// The class that the loss wants for the sentence; what the net says if not given
    #[arg(long, value_name = "NAME", requires = "sentence", help_heading = "Data")]
    class: Option<String>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Data")]
    seed: u64,
}

/// The subject of a study.
pub struct Subject {
    /// The net and its data.
    pub study: Study,
    /// The net in words.
    pub title: String,
    /// The sentence, if the input is one.
    pub sentence: Option<String>,
}

impl Which {
    /// The cell of a fresh net if none is given.
    const CELL: &str = "elman";

    /// Another net with the same flags, but for those that `side` gives: a cell or a checkpoint, and perhaps flags,
    /// in words as a shell splits them. The name of a file is one word.
    ///
    /// # Errors
    /// If that is no net, or a checkpoint beside flags of a fresh net.
    pub fn but(&self, side: &str) -> Result<Self, Error> {
        let file = Path::new(side).is_file().then(|| vec![side.to_owned()]);
        let mut words = file
            .or_else(|| shlex::split(side))
            .ok_or_else(|| format!("`{side}`: a quote is open, or a backslash ends it"))?;
        match words.first() {
            None => return Err("a net has no name: give a cell or a checkpoint".into()),
            Some(first) if first.starts_with("--") => {}
            Some(first) => {
                let ending = Path::new(first).extension().map(std::ffi::OsStr::to_ascii_lowercase);
                let flag = if ending.is_some_and(|e| e == "safetensors") { "--checkpoint" } else { "--cell" };
                words.insert(0, flag.into());
            }
        }
        // What is not given is as it is in the flags of both: so nothing has a value of its own here.
        let command =
            Self::augment_args(clap::Command::new("net").no_binary_name(true).disable_help_flag(true))
                .mut_args(|arg| arg.default_value(None));
        let told = |error: clap::Error| {
            let text = error.render().to_string();
            format!("`{side}`: {}", text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        };
        let matches = command.try_get_matches_from(&words).map_err(told)?;
        let mut net = self.clone();
        net.update_from_arg_matches(&matches).map_err(told)?;
        net.bidirectional |= self.bidirectional;
        if matches.contains_id("cell") {
            net.checkpoint = None;
        }
        if let (Some(_), Some(flag)) = (&net.checkpoint, self.fresh_flag()) {
            return Err(format!(
                "`{side}` is a trained net, which --{flag} cannot change: give the flag in quotes with the cell that it \
                 is for, as in \"{} --{flag} …\"",
                Self::CELL
            )
            .into());
        }
        Ok(net)
    }

    /// A flag that was given and describes a fresh net.
    fn fresh_flag(&self) -> Option<&'static str> {
        let given = [
            ("cell", self.cell.is_some()),
            ("set", !self.set.is_empty()),
            ("layers", self.layers.is_some()),
            ("hidden", self.hidden.is_some()),
            ("input", self.input.is_some()),
            ("bidirectional", self.bidirectional),
            ("init", self.init.is_some()),
            ("init-input", self.init_input.is_some()),
            ("forget-bias", self.forget_bias.is_some()),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }

    /// The net and its data.
    ///
    /// # Errors
    /// If a file cannot be read or does not fit the net.
    pub fn subject(&self) -> Result<Subject, Error> {
        let study = match &self.checkpoint {
            Some(path) => self.trained(path)?,
            None => self.fresh()?,
        };
        let Study { model, feed, .. } = &study;
        super::work::on(&format!("{} × {} units, {} steps", model.layers, model.hidden, feed.steps()));
        let cut = model.window.map_or(String::new(), |k| format!(", cut every {k}"));
        let trained = if self.checkpoint.is_some() { "trained " } else { "" };
        let title = format!("{trained}{}, {} units, {} steps{cut}", model.cell, model.hidden, feed.steps());
        Ok(Subject { study, title, sentence: self.sentence.clone() })
    }

    fn fresh(&self) -> Result<Study, Error> {
        let spec = NetSpec {
            cell: open_cell(self.cell.as_deref().unwrap_or(Self::CELL), &self.set)?,
            steps: self.steps.unwrap_or(30),
            layers: self.layers.unwrap_or(1),
            input: self.input.unwrap_or(8),
            hidden: self.hidden.unwrap_or(16),
            batch: self.batch,
            bidirectional: self.bidirectional,
            window: self.tbptt,
            ..NetSpec::default()
        };
        let init = Inits { input: self.init_input, recurrent: self.init, forget_bias: self.forget_bias };
        if self.class.is_some() {
            return Err(
                "--class names what a classifier of sentences should say: give its --checkpoint".into()
            );
        }
        let Some(text) = self.text()? else {
            let (model, _, feed) = spec.example(self.seed)?;
            let model = Model { init, ..model };
            let parameters = model.first_parameters(self.seed)?;
            return Ok(Study { model, parameters, feed, reading: Reading::default() });
        };
        let vocabulary = Vocabulary::characters(&text);
        let symbols = vocabulary.len();
        let model = Model { input: Input::OneHot { symbols }, outputs: symbols, init, ..spec.model() };
        let (feed, reading) = self.symbols(&text, Level::Char, &vocabulary, spec.steps)?;
        let parameters = model.first_parameters(self.seed)?;
        Ok(Study { model, parameters, feed, reading })
    }

    fn trained(&self, path: &Path) -> Result<Study, Error> {
        let (saved, parameters) = Saved::load(path)?;
        if let (Some(_), Described::Series { .. } | Described::Synthetic { .. } | Described::Layers { .. }) =
            (&self.sentence, &saved.task)
        {
            return Err(format!(
                "`{}` holds {}: it reads no --sentence",
                path.display(),
                super::kind(&saved.task)
            )
            .into());
        }
        if let (Some(_), false) = (&self.class, matches!(saved.task, Described::Sentiment { .. })) {
            return Err(format!(
                "`{}` holds {}: it has no --class",
                path.display(),
                super::kind(&saved.task)
            )
            .into());
        }
        let (feed, reading) = match &saved.task {
            Described::Text { level, vocabulary, steps } => {
                let give = "the text with --data FILE, or some with --sentence TEXT";
                let text = self.text()?.ok_or_else(|| missing(path, "a language model", give))?;
                self.symbols(&text, *level, vocabulary, self.steps.unwrap_or(*steps))?
            }
            Described::Sentiment { level, vocabulary, classes } => {
                let classifier = Classifier::new(&saved.model, &parameters, (*level, vocabulary), classes)?;
                self.judged(path, classifier, (*level, vocabulary))?
            }
            Described::Series { column, window, horizon, mean, std } => {
                let give = "the series with --data FILE.csv";
                let data =
                    self.data.as_deref().ok_or_else(|| missing(path, "a forecast of a series", give))?;
                let found = self.reading.series(data, column.as_deref())?;
                found.check(*mean, *std)?;
                self.window(data, &found.values, self.steps.unwrap_or(*window), *horizon, (*mean, *std))?
            }
            Described::Layers { .. } => (self.features(&saved.model)?, Reading::default()),
            Described::Synthetic { name, length } => self.synthetic(name, self.steps.unwrap_or(*length))?,
        };
        let model = Model { window: self.tbptt, ..saved.model };
        Ok(Study { model, parameters, feed, reading })
    }

    /// The text to read symbol by symbol, if one was given.
    fn text(&self) -> Result<Option<String>, Error> {
        match (&self.sentence, &self.data) {
            (Some(sentence), _) => Ok(Some(sentence.clone())),
            (None, Some(path)) => Ok(Some(file::read_as(path, self.reading.encoding)?)),
            (None, None) => Ok(None),
        }
    }

    /// The data file, in words.
    fn source(&self) -> String {
        self.data.as_ref().map_or("--sentence".into(), |path| path.display().to_string())
    }

    /// One sentence, and the predictions for its prefixes.
    fn judged(
        &self,
        path: &Path,
        mut classifier: Classifier,
        (level, vocabulary): (Level, &Vocabulary),
    ) -> Result<(Batch, Reading), Error> {
        if self.data.is_some() {
            return Err(format!(
                "`{}` holds a classifier of sentences: give it one with --sentence TEXT instead of --data",
                path.display()
            )
            .into());
        }
        let sentence = self
            .sentence
            .as_deref()
            .ok_or_else(|| missing(path, "a classifier of sentences", "it one with --sentence TEXT"))?;
        let classes = classifier.classes();
        let class = match &self.class {
            None => classifier.judge(sentence)?.class,
            Some(name) => classes
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| format!("--class {name}: the classes are {}", classes.join(", ")))?,
        };
        let steps = classifier.trace(sentence)?;
        let read =
            |step: &Step| if step.known { step.word.clone() } else { format!("{} (unknown)", step.word) };
        let reading = Reading {
            reads: steps.iter().map(read).collect(),
            classes: classes.to_vec(),
            ended: steps.into_iter().map(|step| step.probabilities).collect(),
            scale: None,
        };
        let x = Sentiment::encode(level, vocabulary, sentence)?;
        let x = ArrayD::from_shape_vec(vec![x.len(), 1], x)?;
        let y = ArrayD::from_elem(vec![1], class);
        Ok((Batch { x: Value::Index(x), y: Value::Index(y), lengths: None }, reading))
    }

    /// Consecutive windows of a text; the target of a symbol is the next one.
    fn symbols(
        &self,
        text: &str,
        level: Level,
        vocabulary: &Vocabulary,
        steps: usize,
    ) -> Result<(Batch, Reading), Error> {
        let ids: Vec<usize> = vocabulary
            .encode_all(level.symbols(text))
            .map_err(|e| format!("{}: {e}", self.source()))?
            .into_iter()
            .skip(self.from)
            .collect();
        // A sentence is read to its end, unless steps are given.
        let whole = self.sentence.is_some() && self.steps.is_none();
        let steps = if whole { (ids.len().max(2) - 1) / self.batch } else { steps };
        let need = steps * self.batch + 1;
        if ids.len() < need {
            let (found, source) = (ids.len(), self.source());
            if whole {
                return Err(format!(
                    "{source}: too short: a symbol that is read needs one after it to be its target; give a longer sentence"
                )
                .into());
            }
            return Err(format!(
                "{source}: {found} symbols from --from {} on, and {} sequences of {steps} steps need {need}: give fewer \
                 --steps, a smaller --batch or a longer text",
                self.from, self.batch
            )
            .into());
        }
        let at = |shift: usize| {
            let symbol = |(t, b): (usize, usize)| ids[b * steps + t + shift];
            Value::Index(Array2::from_shape_fn((steps, self.batch), symbol).into_dyn())
        };
        let classes: Vec<String> = vocabulary.symbols().iter().map(|symbol| visible(symbol)).collect();
        let reads = ids.iter().take(steps).map(|&id| classes[id].clone()).collect();
        let reading = Reading { reads, classes, ..Reading::default() };
        Ok((Batch { x: at(0), y: at(1), lengths: None }, reading))
    }

    /// Consecutive windows of a series, each with the value some steps later.
    fn window(
        &self,
        path: &Path,
        values: &[f64],
        steps: usize,
        horizon: usize,
        (mean, std): (f64, f64),
    ) -> Result<(Batch, Reading), Error> {
        let need = self.from.saturating_add(steps).saturating_add(horizon).saturating_add(self.batch - 1);
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
        let reads = values[self.from..].iter().take(steps).map(|&value| brief(value)).collect();
        let reading = Reading { reads, scale: Some((mean, std)), ..Reading::default() };
        Ok((Batch { x: x.into_dyn().into(), y: y.into_dyn().into(), lengths: None }, reading))
    }

    /// The input `[time, batch, feature]` of layers of another framework: a sequence of a file, or a random one. The
    /// targets are 0.
    fn features(&self, model: &Model) -> Result<Batch, Error> {
        let input = model.input.size();
        if let Some(path) = &self.data {
            let read = Sequences::read(path, input, self.reading.encoding)?;
            let [(_, x)] = &read.all[..] else {
                let (many, path) = (read.all.len(), path.display());
                return Err(
                    format!("{path} has {many} sequences, and one is studied: give a file with one").into()
                );
            };
            let rest = x.nrows().saturating_sub(self.from);
            if rest == 0 {
                return Err(
                    format!("{} has {} steps: begin before the last", path.display(), x.nrows()).into()
                );
            }
            let end = self.from + self.steps.map_or(rest, |steps| steps.min(rest));
            let x = x.slice(s![self.from..end, ..]).to_owned().insert_axis(Axis(1));
            return Ok(Batch::untargeted(model, x.into_dyn()));
        }
        let (steps, batch) = (self.steps.unwrap_or(RANDOM_STEPS), self.batch);
        let net = NetSpec { steps, batch, input, hidden: 1, ..NetSpec::default() };
        let (_, _, Batch { x, .. }) = net.example(self.seed)?;
        Ok(Batch::untargeted(model, x.float().clone()))
    }

    /// A held-out batch of a synthetic task.
    fn synthetic(&self, name: &str, length: usize) -> Result<(Batch, Reading), Error> {
        let index = u64::MAX;
        let mut names: Vec<String> = Vec::new();
        let feed = match name {
            "adding" => Adding::new(length)?.batch(self.batch, self.seed, index).into(),
            "copy" => CopyMemory::new(length)?.batch(self.batch, self.seed, index).into(),
            "temporal-order" => {
                names = TemporalOrder::SYMBOLS.map(String::from).into();
                let task = if length == 0 {
                    TemporalOrder::published()
                } else {
                    TemporalOrder::with_length(length)?
                };
                Batch::padded(task.batch(self.batch, self.seed, index), 1)
            }
            other => return Err(format!("the task `{other}` makes no data here: train on another").into()),
        };
        let reads = match &feed.x {
            // A number, and whether it is marked.
            Value::Float(x) => {
                let first = x.index_axis(Axis(1), 0);
                let read = |x: ArrayViewD<f32>| {
                    let marked = x.iter().nth(1).is_some_and(|mark| *mark > 0.5);
                    format!("{:.2}{}", x[[0]], if marked { " ✓" } else { "" })
                };
                first.outer_iter().map(read).collect()
            }
            Value::Index(x) => {
                let name = |&i: &usize| names.get(i).cloned().unwrap_or_else(|| i.to_string());
                x.index_axis(Axis(1), 0).iter().map(name).collect()
            }
            Value::Bool(_) => Vec::new(),
        };
        Ok((feed, Reading { reads, ..Reading::default() }))
    }
}

fn missing(checkpoint: &Path, what: &str, give: &str) -> String {
    format!("`{}` holds {what}: give {give}", checkpoint.display())
}
