//! `rnn predict`: the class of sentences, the next values of a series, or the outputs for sequences of features.

mod outputs;

use super::flags::Reads;
use super::paint::harmless;
use super::trace::write_trace;
use super::train::tell_unlike;
use clap::Args;
use rnn::data::file::{Fault, decode};
use rnn::data::quoted;
use rnn::infer::{Classifier, InferError, Judgement, Step, forecast_next};
use rnn::tasks::{Described, Saved};
use serde_json::json;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// `rnn predict`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  rnn predict --checkpoint sst.safetensors \"I love RNNs\" --trace
  rnn predict --checkpoint sst.safetensors --json < reviews.txt
  rnn predict --checkpoint price.safetensors --data prices.csv

Of a net that reads features, such as one of rnn import, the table has a row for each step and a column for each feature,
and a column named sequence if it has several sequences. A net without head gives its states.
  rnn predict --checkpoint net.safetensors --data steps.csv --last")]
pub struct Predict {
    /// A checkpoint of `rnn train sentiment`, `rnn train series` or `rnn import`
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Sentences; without any, the lines of standard input
    #[arg(value_name = "SENTENCE", conflicts_with = "data")]
    sentences: Vec<String>,
    /// A CSV file: the series whose next values are forecast, as in training; or the features of sequences
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reads,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Show the probability and the hidden state after each word
    #[arg(long, conflicts_with = "data")]
    trace: bool,
    /// Of a net with outputs at each step, only those at the last
    #[arg(long, requires = "data")]
    last: bool,
}

impl Predict {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let (saved, parameters) = Saved::load(&self.checkpoint)?;
        let path = self.checkpoint.display();
        match (&saved.task, &self.data) {
            (Described::Sentiment { level, vocabulary, classes }, None) => {
                let classifier = Classifier::new(&saved.model, &parameters, (*level, vocabulary), classes)?;
                self.sentences(classifier)?;
            }
            (Described::Series { .. }, Some(_)) if self.last => {
                return Err(format!("`{path}` holds a forecast of a series: leave out --last").into());
            }
            (Described::Series { column, window, horizon, mean, std }, Some(data)) => {
                let found = self.reading.series(data, column.as_deref())?;
                found.check(*mean, *std)?;
                let read = &found.values[found.values.len().saturating_sub(window + horizon - 1)..];
                tell_unlike(read, *mean, *std);
                let next = forecast_next(
                    &saved.model,
                    &parameters,
                    &found.values,
                    (*window, *horizon),
                    (*mean, *std),
                )
                .map_err(|e| format!("{}: {e}", data.display()))?;
                self.series(&next)?;
            }
            (Described::Layers { .. } | Described::Synthetic { .. }, Some(data))
                if let Some(features) = outputs::features(&saved.model) =>
            {
                self.outputs(&saved, &parameters, (data, features))?;
            }
            (Described::Layers { .. } | Described::Synthetic { .. }, None)
                if let Some(features) = outputs::features(&saved.model) =>
            {
                return Err(format!(
                    "`{path}` holds {}: give the {features} features of each step with --data FILE.csv",
                    super::kind(&saved.task)
                )
                .into());
            }
            (Described::Series { .. }, None) => {
                return Err(format!(
                    "`{path}` holds a forecast of a series: give the series with --data FILE.csv"
                )
                .into());
            }
            (Described::Sentiment { .. }, Some(_)) => {
                return Err(format!(
                    "`{path}` holds a classifier of sentences: give sentences instead of --data"
                )
                .into());
            }
            (other, _) => {
                return Err(format!(
                    "`{path}` holds {}; `rnn predict` wants a checkpoint of `rnn train sentiment` or `rnn train series`",
                    super::kind(other)
                )
                .into());
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn series(&self, next: &[(usize, f64)]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for (ahead, value) in next {
            if self.json {
                writeln!(out, "{}", json!({ "ahead": ahead, "forecast": value }))?;
            } else {
                writeln!(out, "+{ahead}\t{}", in_scale(*value))?;
            }
        }
        Ok(())
    }

    fn sentences(&self, mut classifier: Classifier) -> Result<(), Box<dyn std::error::Error>> {
        for (i, sentence) in self.sentences.iter().enumerate() {
            self.one(&mut classifier, sentence).map_err(|error| {
                let empty = format!("sentence {} is empty: write at least one word", i + 1);
                if is_nothing(&*error) { empty.into() } else { error }
            })?;
        }
        if !self.sentences.is_empty() {
            return Ok(());
        }
        let mut any = false;
        for (i, line) in self.lines().enumerate() {
            let line = line.map_err(|error| format!("standard input{error}"))?;
            match self.one(&mut classifier, &line) {
                Err(error) if is_nothing(&*error) => {
                    super::say(&format!("line {} is empty: skipped", i + 1));
                }
                outcome => {
                    outcome?;
                    any = true;
                }
            }
        }
        if any {
            Ok(())
        } else {
            Err("no sentence was given: write some as arguments or on standard input".into())
        }
    }

    /// The lines of standard input, as they arrive; in another encoding than UTF-8, after the last.
    fn lines(&self) -> Box<dyn Iterator<Item = Result<String, String>>> {
        let encoding = self.reading.encoding;
        let stdin = std::io::stdin().lock();
        let read = |error: std::io::Error| format!(" cannot be read: {error}");
        if encoding.is_none() {
            let line = move |(i, line): (usize, std::io::Result<Vec<u8>>)| {
                decode(&line.map_err(read)?, None).map_err(|fault| told(&fault, i))
            };
            return Box::new(stdin.split(b'\n').enumerate().map(line));
        }
        let mut bytes = Vec::new();
        let text = std::io::Read::read_to_end(&mut { stdin }, &mut bytes)
            .map_err(read)
            .and_then(|_| decode(&bytes, encoding).map_err(|fault| told(&fault, 0)));
        match text {
            Ok(text) => {
                Box::new(text.lines().map(|line| Ok(line.to_string())).collect::<Vec<_>>().into_iter())
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn one(&self, classifier: &mut Classifier, sentence: &str) -> Result<(), Box<dyn std::error::Error>> {
        let judgement = classifier.judge(sentence)?;
        let steps = if self.trace { classifier.trace(sentence)? } else { Vec::new() };
        let classes = classifier.classes();
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", as_json(sentence, &judgement, classes, self.trace.then_some(&steps[..])))?;
            return Ok(());
        }
        let Judgement { class, probabilities, .. } = &judgement;
        let (name, sentence) = (harmless(&classes[*class]), harmless(sentence.trim()));
        writeln!(out, "{name} {:.2}\t{sentence}", probabilities[*class])?;
        if self.trace {
            write_trace(&mut out, &judgement, &steps, &classes[*class])?;
        }
        Ok(())
    }
}

/// A forecast in the unit of its series.
fn in_scale(value: f64) -> String {
    if value == 0.0 || (1e-3..1e9).contains(&value.abs()) {
        format!("{value:.6}")
    } else {
        format!("{value:.6e}")
    }
}

/// A decoding error in a text that starts after some lines.
fn told(fault: &Fault, before: usize) -> String {
    match fault {
        Fault::Marked(found) => format!(" is {found}, and not UTF-8 (--encoding {found})"),
        Fault::Malformed { line, byte, guess, reads, .. } => format!(
            ":{}: not UTF-8 (0x{byte:02x}); it looks like {guess}, in which this is {} (--encoding {guess})",
            before + line,
            quoted(reads)
        ),
        Fault::Not { encoding, line } => format!(":{}: this cannot be {encoding}", before + line),
    }
}

fn is_nothing(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(InferError::Nothing))
}

fn as_json(
    sentence: &str,
    judgement: &Judgement,
    classes: &[String],
    steps: Option<&[Step]>,
) -> serde_json::Value {
    let named = |probabilities: &[f64]| -> serde_json::Map<String, serde_json::Value> {
        classes.iter().cloned().zip(probabilities.iter().map(|&p| json!(p))).collect()
    };
    let mut line = json!({
        "sentence": sentence,
        "class": classes[judgement.class],
        "probability": judgement.probabilities[judgement.class],
        "probabilities": named(&judgement.probabilities),
        "unknown": judgement.unknown,
    });
    if let Some(steps) = steps {
        let step = |step: &Step| {
            json!({
                "word": step.word,
                "known": step.known,
                "probabilities": named(&step.probabilities),
                "state": step.state,
            })
        };
        line["trace"] = steps.iter().map(step).collect();
    }
    line
}
