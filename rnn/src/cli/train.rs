//! `rnn train`: from a file to a trained net.

use super::flags::{Net, Output, Training};
use super::progress::Reporter;
use crate::data::synthetic::{Adding, CopyMemory, TemporalOrder};
use crate::data::{Fractions, Series, file, labelled, series};
use crate::model::{Head, Input, Loss, Model};
use crate::tasks::{Described, Forecast, Level, Saved, Sentiment, Synthetic, SyntheticKind, Text};
use crate::train::{Finish, Networks, Save, Task, Trainer};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to train on.
#[derive(Debug, Subcommand)]
pub enum Train {
    /// A language model: the next character or the next word of a text
    Text(TextArgs),
    /// The class of a sentence, from the last state
    Sentiment(SentimentArgs),
    /// The next values of a real-valued column
    Series(SeriesArgs),
    /// The sum of two marked numbers in a long sequence (Hochreiter & Schmidhuber 1997, experiment 4)
    Adding(SyntheticArgs),
    /// Ten symbols to be repeated after a long pause (Arjovsky et al. 2016)
    Copy(SyntheticArgs),
    /// The order of two symbols in a long sequence (Hochreiter & Schmidhuber 1997, experiment 6a)
    TemporalOrder(SyntheticArgs),
}

/// Flags that all tasks share.
#[derive(Args, Debug)]
pub struct Common {
    #[command(flatten)]
    net: Net,
    #[command(flatten)]
    training: Training,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelArg {
    Char,
    Word,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Char => Self::Char,
            LevelArg::Word => Self::Word,
        }
    }
}

/// `rnn train text`
#[derive(Args, Debug)]
pub struct TextArgs {
    /// A UTF-8 text
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// What a symbol is
    #[arg(long, value_enum, default_value_t = LevelArg::Char)]
    level: LevelArg,
    /// Steps of a window
    #[arg(long, default_value_t = 50, value_name = "T")]
    steps: usize,
    /// Words kept, the most frequent first; the others become <unk>
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    vocabulary: usize,
    /// Occurrences that a word needs
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_count: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pooling {
    Last,
    Mean,
}

/// `rnn train sentiment`
#[derive(Args, Debug)]
pub struct SentimentArgs {
    /// A TSV or CSV file with a header
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The column of the sentences, if it is not called sentence, text or review
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// The column of the labels, if it is not called label or sentiment
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The labels, if they are not 0 and 1, neg and pos, or negative and positive
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// What the head reads: the last state, or the mean of all
    #[arg(long, value_enum, default_value_t = Pooling::Last)]
    pool: Pooling,
    /// Words kept, the most frequent first; the others become <unk>
    #[arg(long, value_name = "N")]
    vocabulary: Option<usize>,
    /// Occurrences that a word needs
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_count: usize,
    #[command(flatten)]
    common: Common,
}

/// `rnn train series`
#[derive(Args, Debug)]
pub struct SeriesArgs {
    /// A CSV file with a header
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The column, if the file has more than one
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// Steps that a forecast looks at
    #[arg(long, default_value_t = 24, value_name = "N")]
    window: usize,
    /// How many steps it looks ahead
    #[arg(long, default_value_t = 1, value_name = "N")]
    horizon: usize,
    /// Share of the series, at its end, that is forecast and never trained on
    #[arg(long, default_value_t = 0.2, value_name = "P")]
    test: f64,
    #[command(flatten)]
    common: Common,
}

/// `rnn train adding`, `copy` and `temporal-order`
#[derive(Args, Debug)]
pub struct SyntheticArgs {
    /// Steps of a sequence; blanks of the copy task. For temporal-order, 100 to 110 as published if not given
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Fresh batches that are called an epoch
    #[arg(long, default_value_t = 100, value_name = "N")]
    batches: usize,
    #[command(flatten)]
    common: Common,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        match self {
            Self::Text(args) => args.run(),
            Self::Sentiment(args) => args.run(),
            Self::Series(args) => args.run(),
            Self::Adding(args) => {
                let steps = args.steps.unwrap_or(100);
                let kind = SyntheticKind::Adding(Adding::new(steps)?);
                args.run("adding", steps, kind)
            }
            Self::Copy(args) => {
                let steps = args.steps.unwrap_or(100);
                let kind = SyntheticKind::Copy(CopyMemory::new(steps)?);
                args.run("copy", steps, kind)
            }
            Self::TemporalOrder(args) => {
                let task = match args.steps {
                    None => TemporalOrder::published(),
                    Some(steps) => TemporalOrder::with_length(steps)?,
                };
                let steps = args.steps.unwrap_or(0);
                args.run("temporal-order", steps, SyntheticKind::TemporalOrder(task))
            }
        }
    }
}

impl TextArgs {
    fn run(self) -> super::Result {
        if self.common.net.bidirectional {
            return Err(
                "a language model cannot be --bidirectional: it would read the words it is to guess".into()
            );
        }
        let text = file::read(&self.data)?;
        let level = Level::from(self.level);
        let vocabulary = level.vocabulary(&text, self.min_count, Some(self.vocabulary));
        let symbols = vocabulary.encode_all(level.symbols(&text))?;
        let n = vocabulary.len();
        let model = self.common.model(
            symbols_input(self.common.net.embedding, n),
            Head::EachStep,
            n,
            Loss::CrossEntropy,
        )?;
        let task = Text::new(model, level, &symbols, self.steps, self.common.training.batch_size)?;
        self.common.train(&task, Described::Text { level, vocabulary, steps: self.steps })
    }
}

impl SentimentArgs {
    fn run(self) -> super::Result {
        let (text, label) = (self.text.as_deref(), self.label.as_deref());
        let data = labelled::read(&self.data, text, label, self.classes.as_deref())?;
        let Training { seed, batch_size, .. } = self.common.training;
        let parts = Sentiment::parts(data.sentences.len(), seed)?;
        let vocabulary = Sentiment::vocabulary(&data, &parts, self.min_count, self.vocabulary);
        let head = match self.pool {
            Pooling::Last => Head::Last,
            Pooling::Mean => Head::Mean,
        };
        let classes = data.classes.clone();
        let input = symbols_input(self.common.net.embedding, vocabulary.len());
        let model = self.common.model(input, head, classes.len(), Loss::CrossEntropy)?;
        let task = Sentiment::new(model, &data, parts, &vocabulary, batch_size, seed)?;
        self.common.train(&task, Described::Sentiment { vocabulary, classes })
    }
}

impl SeriesArgs {
    fn run(self) -> super::Result {
        let values = series::read(&self.data, self.column.as_deref())?;
        let fractions = Fractions { validation: 0.1, test: self.test };
        let series = Series::new(&values, fractions)?;
        let (mean, std) = (series.mean, series.std);
        let model = self.common.model(Input::Reals { size: 1 }, Head::Last, 1, Loss::MeanSquared)?;
        let Training { seed, batch_size, .. } = self.common.training;
        let (column, window, horizon) = (self.column, self.window, self.horizon);
        let task = Forecast::new(model, series, window, horizon, batch_size, seed)?;
        self.common.train(&task, Described::Series { column, window, horizon, mean, std })
    }
}

impl SyntheticArgs {
    fn run(self, name: &str, length: usize, kind: SyntheticKind) -> super::Result {
        let (input, head, outputs, loss) = kind.shape();
        let model = self.common.model(input, head, outputs, loss)?;
        let Training { seed, batch_size, .. } = self.common.training;
        let task = Synthetic::new(model, kind, batch_size, self.batches, seed)?;
        eprintln!("baseline (a net without memory): {:.4}", task.kind().baseline());
        self.common.train(&task, Described::Synthetic { name: name.into(), length })
    }
}

fn symbols_input(embedding: usize, symbols: usize) -> Input {
    if embedding == 0 { Input::OneHot { symbols } } else { Input::Embedding { symbols, size: embedding } }
}

impl Common {
    fn model(&self, input: Input, head: Head, outputs: usize, loss: Loss) -> Result<Model, String> {
        let net = &self.net;
        Ok(Model {
            cell: net.cell()?,
            input,
            hidden: net.hidden,
            layers: net.layers,
            bidirectional: net.bidirectional,
            dropout: net.dropout,
            start: net.start(),
            window: net.tbptt,
            head,
            outputs,
            loss,
            init: net.inits(),
        })
    }

    fn train(&self, task: &dyn Task, described: Described) -> super::Result {
        let options = self.training.options();
        let model = task.model().clone();
        let saved = Saved { task: described, model, options, batch_size: self.training.batch_size };
        let mut trainer = Trainer::new(task, saved.options.clone(), serde_json::to_value(&saved)?)?;
        let save = self
            .output
            .checkpoint
            .as_deref()
            .map(|path| Save { every: self.output.save_every.max(1), ..Save::at(path) });
        if let (true, Some(save)) = (self.output.resume, &save)
            && save.last.exists()
        {
            trainer = trainer.resume(&save.best, &save.last)?;
        }
        let stop = interruption()?;
        let mut reporter = Reporter::new(task, &saved, &self.output, trainer.progress())?;
        let finish =
            trainer.run(save.as_ref(), || stop.load(Ordering::Relaxed), |event| reporter.tell(&event))?;
        reporter.finish()?;
        if finish == Finish::Stopped {
            match &save {
                Some(save) => eprintln!(
                    "stopped after update {}, saved in {}; the same command with --resume goes on from there",
                    trainer.progress().step,
                    save.last.display()
                ),
                None => eprintln!(
                    "stopped after update {}; with --checkpoint FILE it would be saved",
                    trainer.progress().step
                ),
            }
            return Ok(ExitCode::from(130));
        }
        if let Some(test) = task.test() {
            let mut networks = Networks::new(task.model(), task.mode(), self.training.threads);
            let metrics = networks.evaluate(trainer.best(), test, |_, _| ())?;
            reporter.test(&metrics)?;
        }
        if let Some(save) = &save {
            eprintln!("best model in {}", save.best.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A flag that Ctrl-C sets. A second Ctrl-C ends the program at once.
fn interruption() -> Result<&'static AtomicBool, ctrlc::Error> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(&STOP)
}
