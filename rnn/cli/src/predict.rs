//! `rnn predict`: the class of sentences, or the next values of a series.

use super::trace::write_trace;
use clap::Args;
use rnn::data::series;
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
  rnn predict --checkpoint price.safetensors --data prices.csv")]
pub struct Predict {
    /// A checkpoint of `rnn train sentiment` or `rnn train series`
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Sentences; without any, the lines of standard input
    #[arg(value_name = "SENTENCE", conflicts_with = "data")]
    sentences: Vec<String>,
    /// The series whose next values are forecast: a CSV file as in training
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Show the probability and the hidden state after each word
    #[arg(long, conflicts_with = "data")]
    trace: bool,
}

impl Predict {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let (saved, parameters) = Saved::load(&self.checkpoint)?;
        let path = self.checkpoint.display();
        match (&saved.task, &self.data) {
            (Described::Sentiment { vocabulary, classes }, None) => {
                let classifier = Classifier::new(&saved.model, &parameters, vocabulary, classes)?;
                self.sentences(classifier)?;
            }
            (Described::Series { column, window, horizon, mean, std }, Some(data)) => {
                let values = series::read(data, column.as_deref())?;
                let next =
                    forecast_next(&saved.model, &parameters, &values, (*window, *horizon), (*mean, *std))
                        .map_err(|e| format!("{}: {e}", data.display()))?;
                self.series(&next)?;
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
                writeln!(out, "+{ahead}\t{value:.6}")?;
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
        for (i, line) in std::io::stdin().lock().lines().enumerate() {
            let line = line.map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => format!(
                    "standard input:{}: not UTF-8; if it is Latin-1, convert it with `iconv -f latin1 -t utf-8`",
                    i + 1
                ),
                _ => format!("standard input cannot be read: {error}"),
            })?;
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
        writeln!(out, "{} {:.2}\t{}", classes[*class], probabilities[*class], sentence.trim())?;
        if self.trace {
            write_trace(&mut out, &judgement, &steps, &classes[*class])?;
        }
        Ok(())
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
