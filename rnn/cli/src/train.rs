//! `rnn train`: from a file to a trained net.

use super::flags::{Reads, Symbols, Training, Whole, at_least_one, share, size};
use super::output::{Kind, OutFile, told_by_ending};
use super::run::Common;
use super::say;
use crate::plot::{self, Chart, Look};
use clap::{Args, Subcommand, ValueEnum};
use rnn::data::file::Encoding;
use rnn::data::synthetic::{Adding, CopyMemory, TemporalOrder};
use rnn::data::{self, Digest, Fractions, Vocabulary, file, labelled, quoted, series};
use rnn::infer::forecast;
use rnn::model::{Head, Input, Loss, Mode, Model};
use rnn::parameters::Parameters;
use rnn::tasks::{Described, Forecast, Level, Sentiment, Source, Synthetic, SyntheticKind, Text};
use std::path::PathBuf;

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
#[command(next_help_heading = "Data")]
#[command(after_help = "Example: a small model of characters, then some text from it
  rnn train text --data notes.txt --hidden 256 --dropout 0.2 --clip 1 \\
      --checkpoint notes.safetensors --plot loss.svg
  rnn sample --checkpoint notes.safetensors --prime \"In the \"

The first nine tenths of the text are learned, the rest is for validation. The state is carried from window to \
window, so that the net reads on where it stopped; the gradient goes back --steps steps.
Ctrl-C saves and stops; the same command with --resume goes on.")]
pub struct TextArgs {
    /// A text
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Its encoding if it is not UTF-8: utf-16le, windows-1252, `shift_jis`, gb18030 …
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    /// What a symbol is
    #[arg(long, value_enum, default_value_t = LevelArg::Char)]
    level: LevelArg,
    /// Steps of a window: how far the gradient goes back
    #[arg(long, default_value_t = 50, value_name = "T", value_parser = at_least_one::<usize>)]
    steps: usize,
    /// With --level word: words kept, the most frequent first; the others become <unk>
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = at_least_one::<usize>)]
    vocabulary: usize,
    /// With --level word: occurrences that a word needs
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = at_least_one::<usize>)]
    min_count: usize,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    symbols: Symbols,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pooling {
    Last,
    Mean,
}

/// `rnn train sentiment`
#[derive(Args, Debug)]
#[command(next_help_heading = "Data")]
#[command(after_help = "Example: a classifier of reviews, then a question to it
  rnn train sentiment --data reviews.tsv --cell gru --hidden 64 --dropout 0.5 --patience 3 \\
      --checkpoint reviews.safetensors
  rnn predict --checkpoint reviews.safetensors \"I love RNNs\" --trace

Eight tenths of the sentences are learned, a tenth is for validation and a tenth for the test at the end.
Ctrl-C saves and stops; the same command with --resume goes on.")]
pub struct SentimentArgs {
    /// A TSV or CSV file with a header
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Its encoding if it is not UTF-8: utf-16le, windows-1252, `shift_jis`, gb18030 …
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    /// What a symbol is
    #[arg(long, value_enum, default_value_t = LevelArg::Word)]
    level: LevelArg,
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
    /// Words or characters kept, the most frequent first; the others become <unk>
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    vocabulary: Option<usize>,
    /// Occurrences that a word or a character needs; 2 if not given, or 1 if nothing occurs twice
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    min_count: Option<usize>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    whole: Whole,
}

/// `rnn train series`
#[derive(Args, Debug)]
#[command(next_help_heading = "Data")]
#[command(
    after_help = "Example: the next value of a price, drawn beside the truth, then the one after the last
  rnn train series --data prices.csv --column close --window 30 --hidden 32 \\
      --checkpoint prices.safetensors --forecast forecast.svg
  rnn predict --checkpoint prices.safetensors --data prices.csv

The series is cut in time: training, then a tenth for validation, then the test part.
Ctrl-C saves and stops; the same command with --resume goes on."
)]
pub struct SeriesArgs {
    /// A CSV file with a header
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The column, if the file has more than one
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    #[command(flatten)]
    reading: Reads,
    /// Steps that a forecast looks at
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = size)]
    window: usize,
    /// How many steps it looks ahead
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = size)]
    horizon: usize,
    /// Share of the series, at its end, that is forecast and never trained on
    #[arg(long, default_value_t = 0.2, value_name = "P", allow_negative_numbers = true, value_parser = share)]
    test: f64,
    /// The forecast beside the truth on the test part, as a picture
    #[arg(long, value_name = "FILE.svg|FILE.png|FILE.pdf", value_parser = told_by_ending(&[Kind::Svg, Kind::Png, Kind::Pdf]))]
    forecast: Option<OutFile>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    whole: Whole,
}

/// `rnn train adding`, `copy` and `temporal-order`
#[derive(Args, Debug)]
#[command(next_help_heading = "Task")]
#[command(
    after_help = "Example: how far back does a cell remember? Against the baseline that is printed first
  rnn train adding --steps 100 --cell lstm --epochs 20 --clip 1"
)]
pub struct SyntheticArgs {
    /// Steps of a sequence; blanks of the copy task. For temporal-order, 100 to 110 as published if not given
    #[arg(long, value_name = "T", value_parser = size)]
    steps: Option<usize>,
    /// Fresh batches that are called an epoch
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one::<usize>)]
    batches: usize,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    whole: Whole,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        super::stop::with_parent()?;
        match self {
            Self::Text(args) => args.run(),
            Self::Sentiment(args) => args.run(),
            Self::Series(args) => args.run(),
            Self::Adding(args) => {
                let steps = args.steps.unwrap_or(100);
                let task = Adding::new(steps).map_err(|e| format!("--steps {steps}: {e}"))?;
                let kind = SyntheticKind::Adding(task);
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
                    Some(steps) => {
                        TemporalOrder::with_length(steps).map_err(|e| format!("--steps {steps}: {e}"))?
                    }
                };
                let steps = args.steps.unwrap_or(0);
                args.run("temporal-order", steps, SyntheticKind::TemporalOrder(task))
            }
        }
    }
}

impl TextArgs {
    fn run(self) -> super::Result {
        let text = file::read_as(&self.data, self.encoding)?;
        let level = Level::from(self.level);
        let vocabulary = level.vocabulary(&text, self.min_count, Some(self.vocabulary))?;
        let symbols = vocabulary.encode_all(level.symbols(&text))?;
        let n = vocabulary.len();
        // A net that read backwards would see its targets, and its state is carried from window to window.
        let input = self.symbols.input(n);
        let model = self.common.model(input, Whole::default(), Head::EachStep, n, Loss::CrossEntropy)?;
        let task =
            Text::new(model, level, &vocabulary, &symbols, self.steps, self.common.training.batch_size)?;
        tell_unknown(level, &vocabulary, task.unknown());
        let source = Source::new(&self.data, Digest::default().text(&text));
        self.common.train(&task, Described::Text { level, vocabulary, steps: self.steps }, Some(source))
    }
}

impl SentimentArgs {
    fn run(self) -> super::Result {
        let (text, label) = (self.text.as_deref(), self.label.as_deref());
        let data = labelled::read(&self.data, text, label, self.classes.as_deref(), self.encoding)?;
        let Training { seed, batch_size, .. } = self.common.training;
        let parts = Sentiment::parts(data.sentences.len(), seed)?;
        let level = Level::from(self.level);
        let vocabulary = |minimum| Sentiment::vocabulary(level, &data, &parts, minimum, self.vocabulary);
        let vocabulary = match (self.min_count, vocabulary(self.min_count.unwrap_or(2))) {
            (None, Err(data::Error::NoWords { what, .. })) => {
                say(&format!("none of the {what} occurs twice: all are kept, as --min-count 1 does"));
                vocabulary(1)?
            }
            (_, vocabulary) => vocabulary?,
        };
        let head = match self.pool {
            Pooling::Last => Head::Last,
            Pooling::Mean => Head::Mean,
        };
        let classes = data.classes.clone();
        let input = self.symbols.input(vocabulary.len());
        let model = self.common.model(input, self.whole, head, classes.len(), Loss::CrossEntropy)?;
        let task = Sentiment::new(model, level, &data, parts, &vocabulary, batch_size, seed)?;
        tell_unknown(level, &vocabulary, task.unknown());
        tell_classes(&classes, &task.counts());
        let digest = data.sentences.iter().fold(Digest::default(), |digest, sentence| digest.text(sentence));
        let digest = data.labels.iter().fold(digest, |digest, &label| digest.text(&data.classes[label]));
        let source = Source::new(&self.data, digest);
        self.common.train(&task, Described::Sentiment { level, vocabulary, classes }, Some(source))
    }
}

impl SeriesArgs {
    fn run(self) -> super::Result {
        let found = self.reading.series(&self.data, self.column.as_deref())?;
        let series = found.series(Fractions { validation: 0.1, test: self.test })?;
        let (mean, std) = (series.mean, series.std);
        tell_unlike(&found.values, mean, std);
        let input = Input::Reals { size: 1 };
        let model = self.common.model(input, self.whole, Head::Last, 1, Loss::MeanSquared)?;
        let Training { seed, batch_size, .. } = self.common.training;
        let (column, window, horizon) = (self.column, self.window, self.horizon);
        let task = Forecast::new(model, series, window, horizon, batch_size, seed)?;
        let described = Described::Series { column: column.clone(), window, horizon, mean, std };
        let source = Source::new(&self.data, Digest::default().numbers(&found.values));
        self.common.train_and(&task, described, Some(source), |best| match &self.forecast {
            Some(file) => draw_forecast(&task, column.as_deref(), best, file),
            None => Ok(()),
        })
    }
}

/// Prints the fraction of a text that is not in the vocabulary.
fn tell_unknown(level: Level, vocabulary: &Vocabulary, [train, validation]: [f64; 2]) {
    if vocabulary.unknown().is_some() {
        say(&format!(
            "vocabulary: {} {}; not in it: {:.1} % of the training part, {:.1} % of the validation part",
            vocabulary.len() - 1,
            level.name(),
            100.0 * train,
            100.0 * validation
        ));
    }
}

/// Prints the number of sentences per class, and the classes that a part lacks.
fn tell_classes(classes: &[String], counts: &[Vec<usize>; 3]) {
    let all: usize = counts.iter().flatten().sum();
    let of = |class: usize| counts.iter().map(|part| part[class]).sum::<usize>();
    let share = |(class, name): (usize, &String)| {
        format!("{} {} ({:.1} %)", quoted(name), of(class), 100.0 * of(class) as f64 / all.max(1) as f64)
    };
    say(&format!("classes: {}", classes.iter().enumerate().map(share).collect::<Vec<_>>().join(", ")));
    for (class, name) in classes.iter().enumerate() {
        let parts = ["training", "validation", "test"].into_iter().zip(counts);
        let lacking: Vec<&str> = parts.filter(|(_, part)| part[class] == 0).map(|(name, _)| name).collect();
        let name = quoted(name);
        match &lacking[..] {
            [_, _, _] => say(&format!("warning: no sentence is labelled {name}")),
            [part] => say(&format!("warning: the {part} part has no sentence labelled {name}")),
            [a, b] => say(&format!("warning: the {a} and the {b} part have no sentence labelled {name}")),
            _ => {}
        }
    }
}

/// Warns about values far outside the training range.
pub(super) fn tell_unlike(values: &[f64], mean: f64, std: f64) {
    if let Some((count, farthest)) = series::unlike(values, mean, std) {
        say(&format!(
            "warning: {count} of {} values lie more than {} standard deviations from the mean of the training part, the \
             farthest {farthest:.1e}: what a net says of such values is a guess",
            values.len(),
            series::UNLIKE
        ));
    }
}

/// Plots the forecast of the test part over the true values.
fn draw_forecast(
    task: &Forecast,
    column: Option<&str>,
    best: &Parameters,
    file: &OutFile,
) -> Result<(), Box<dyn std::error::Error>> {
    let rows = forecast(task, best)?;
    let (window, horizon) = task.window();
    let steps = if horizon == 1 { "step" } else { "steps" };
    let title = format!("forecast {horizon} {steps} ahead from {window} values, on the test part");
    let mut chart = Chart::new(&title, "place in the series", column.unwrap_or("value"));
    let line = |name, look, value: fn(&(usize, f64, f64)) -> f64| {
        plot::Series::new(name, look, rows.iter().map(|row| (row.0 as f64, value(row))))
    };
    chart.push(line("truth", Look::Line, |row| row.1));
    chart.push(line("forecast", Look::Second, |row| row.2));
    file.draw(&chart).map_err(|e| format!("--forecast: {e}"))?;
    say(&format!("forecast in {file}"));
    Ok(())
}

impl SyntheticArgs {
    fn run(self, name: &str, length: usize, kind: SyntheticKind) -> super::Result {
        let (input, head, outputs, loss) = kind.shape();
        let model = self.common.model(input, self.whole, head, outputs, loss)?;
        let Training { seed, batch_size, .. } = self.common.training;
        model.fits(length.max(1), batch_size, Mode { train: true, ..Mode::default() })?;
        let task = Synthetic::new(model, kind, batch_size, self.batches, seed)?;
        self.common.train(&task, Described::Synthetic { name: name.into(), length }, None)
    }
}

impl Common {
    fn model(
        &self,
        input: Input,
        whole: Whole,
        head: Head,
        outputs: usize,
        loss: Loss,
    ) -> Result<Model, Box<dyn std::error::Error>> {
        let net = &self.net;
        let model = Model {
            cell: net.cell()?,
            input,
            hidden: net.hidden,
            layers: net.layers,
            bidirectional: whole.bidirectional,
            dropout: net.dropout,
            start: whole.start(),
            window: net.tbptt,
            head,
            outputs,
            loss,
            init: net.inits(),
        };
        let model = net.parameters.map_or(Ok(model.clone()), |wanted| model.with_parameters(wanted))?;
        // Report faults of a model before its data is prepared.
        model.fits(1, self.training.batch_size, Mode { train: true, ..Mode::default() })?;
        Ok(model)
    }
}
