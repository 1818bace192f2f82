//! Chapter 1: trains a net to classify praise and complaint.

use super::{bar, height, say};
use indicatif::{ProgressBar, ProgressStyle};
use rnn::data::{Labelled, Vocabulary};
use rnn::infer::{Classifier, InferError};
use rnn::model::{Head, Inits, Input, Loss, Model, Networks, Start, evaluate};
use rnn::parameters::Parameters;
use rnn::tasks::{Level, Sentiment};
use rnn::train::optim::Method;
use rnn::train::schedule::Schedule;
use rnn::train::{Clip, Event, Options, Task, Trainer};
use std::io::Write;

/// Sentences with their labels, one per line; see `rnn/cli/data/README.md`.
const CORPUS: &str = include_str!("../../data/sentiment.tsv");

/// A pair that is not in the corpus.
pub const PAIR: [&str; 2] = ["The soup was good", "The soup was not good"];

const EPOCHS: u64 = 25;
const BATCH: usize = 16;

/// A trained net.
pub struct Learned {
    pub model: Model,
    pub vocabulary: Vocabulary,
    pub parameters: Parameters,
    pub classes: Vec<String>,
    /// The class "positive".
    pub positive: usize,
}

impl Learned {
    /// A classifier with the net.
    pub fn classifier(&self) -> Result<Classifier<'_>, InferError> {
        Classifier::new(&self.model, &self.parameters, (Level::Word, &self.vocabulary), &self.classes)
    }
}

/// Trains the net of the tour, and reports its accuracy.
pub fn learn(out: &mut impl Write, seed: u64) -> Result<Learned, Box<dyn std::error::Error>> {
    let data = corpus();
    let parts = Sentiment::parts(data.sentences.len(), seed)?;
    let vocabulary = Sentiment::vocabulary(Level::Word, &data, &parts, 2, None)?;
    let model = model(vocabulary.len());
    let held_out = parts.test.len();
    say(
        out,
        &format!(
            "An LSTM with {} hidden units reads {} short sentences, one word at a time, and says after the last word \
             whether the sentence was praise or complaint. It never sees the {held_out} sentences that are kept for \
             the end, and picks its best epoch on {} others.",
            model.hidden,
            parts.train.len(),
            parts.validation.len(),
        ),
    )?;

    let task = Sentiment::new(model.clone(), Level::Word, &data, parts, &vocabulary, BATCH, seed)?;
    let options = Options {
        epochs: EPOCHS,
        method: "adam".parse::<Method>()?,
        learning_rate: 5e-3,
        schedule: "constant".parse::<Schedule>()?,
        clip: Some(Clip::Norm(1.0)),
        patience: None,
        seed,
        threads: 2,
    };
    let mut trainer = Trainer::new(&task, options, serde_json::Value::Null)?;
    // Shown in terminals only.
    let progress = ProgressBar::new(EPOCHS * task.batches() as u64)
        .with_style(ProgressStyle::with_template("learning {wide_bar} {percent:>3} % · {eta} left")?);
    let mut course = Vec::new();
    trainer.run(
        None,
        |_| false,
        |event| match event {
            Event::Step { .. } => progress.inc(1),
            Event::Epoch { validation, .. } => course.push(validation.accuracy.unwrap_or(0.0)),
        },
    )?;
    progress.finish_and_clear();

    let mut networks = Networks::new(&model, task.mode(), 2);
    let test = evaluate(&mut networks, trainer.best(), task.test().into_iter().flatten(), |_, _| ())?;
    let line: String = course.iter().map(|accuracy| height(2.0 * accuracy - 1.0)).collect();
    let best = trainer.progress().best.map_or(0, |best| best.epoch);
    let (first, last) = (course[0], course[course.len() - 1]);
    writeln!(out, "  epoch by epoch  {:.0} % {line} {:.0} % right", 100.0 * first, 100.0 * last)?;
    let accuracy = 100.0 * test.accuracy.unwrap_or(0.0);
    writeln!(out, "  held out        {accuracy:.1} % of {held_out} sentences right, after epoch {best}\n")?;

    let parameters = trainer.best().clone();
    let positive = data.classes.len() - 1;
    let learned = Learned { model, vocabulary, parameters, classes: data.classes, positive };
    let mut classifier = learned.classifier()?;
    say(
        out,
        "Order matters to it: neither of these two is among the sentences, and one word turns the verdict.",
    )?;
    for sentence in PAIR {
        let p = classifier.judge(sentence)?.probabilities[positive];
        writeln!(out, "  {sentence:22}  {:5.1} % positive  {}", 100.0 * p, bar(p))?;
    }
    writeln!(out)?;
    Ok(learned)
}

/// The bundled sentences.
fn corpus() -> Labelled {
    let rows = CORPUS.lines().skip(1).filter_map(|line| line.split_once('\t'));
    let (sentences, labels) = rows.map(|(text, label)| (text.to_owned(), usize::from(label == "1"))).unzip();
    Labelled { sentences, labels, classes: ["negative", "positive"].map(String::from).into() }
}

fn model(symbols: usize) -> Model {
    Model {
        cell: "lstm".into(),
        input: Input::Embedding { symbols, size: 32 },
        hidden: 32,
        layers: 1,
        bidirectional: false,
        dropout: 0.5,
        start: Start::Zero,
        window: None,
        head: Head::Last,
        outputs: 2,
        loss: Loss::CrossEntropy,
        init: Inits { forget_bias: Some(1.0), ..Inits::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_whole_and_does_not_hold_what_is_asked() {
        let data = corpus();
        assert_eq!((data.sentences.len(), data.labels.iter().sum::<usize>()), (1575, 788));
        for sentence in PAIR.into_iter().chain([super::super::SENTENCE]) {
            assert!(!data.sentences.iter().any(|s| s.eq_ignore_ascii_case(sentence)));
        }
    }
}
