//! The progress of a run: a bar in a terminal, plain lines elsewhere, JSON lines in a log, a plot.

use super::confusion::Confusion;
use super::flags::Output;
use super::output::OutFile;
use super::say;
use super::work::Work;
use crate::plot::{Chart, Look, Series, smoothed};
use indicatif::{ProgressBar, ProgressStyle};
use rnn::files::{FileError, read, write_whole};
use rnn::model::Metrics;
use rnn::tasks::Saved;
use rnn::train::{Baseline, Best, Event, Figure, History, Part, Progress, Task};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

/// Reports the progress of a run to people and files.
pub struct Reporter<'a> {
    task: &'a dyn Task,
    title: String,
    total: u64,
    bar: Option<ProgressBar>,
    interval: u64,
    log: Option<(OutFile, File)>,
    plot: Option<OutFile>,
    /// The first failure to write the log or the plot, which ends the run.
    failure: Option<String>,
    /// Until the first update, since building a long net takes time.
    work: Option<Work>,
    started: Instant,
    /// When a line was last printed.
    said: Instant,
    first_step: u64,
}

/// The longest interval between lines, in seconds, of a run with slow updates.
const SILENCE: f64 = 10.0;

impl<'a> Reporter<'a> {
    /// Starts the report of a run at `progress`.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn new(
        task: &'a dyn Task,
        saved: &Saved,
        output: &Output,
        progress: &Progress,
    ) -> Result<Self, String> {
        let log = match &output.log {
            None => None,
            Some(file) => {
                Some((file.clone(), open_log(file.path(), progress).map_err(|e| format!("--log: {e}"))?))
            }
        };
        let model = &saved.model;
        let parameters = model.parameter_count().map_err(|e| e.to_string())?;
        let total = saved.options.epochs.saturating_mul(task.batches() as u64);
        let net = format!(
            "{} {} × {}{}",
            model.cell,
            model.layers,
            model.hidden,
            if model.bidirectional { " in both directions" } else { "" }
        );
        say(&format!(
            "{}: {net}, {parameters} parameters; {} updates an epoch",
            saved.task.name(),
            task.batches()
        ));
        if let Some(Baseline { what, metrics }) = task.baseline(Part::Validation) {
            let figures: Vec<String> = task.figures(&metrics).into_iter().map(word).collect();
            say(&format!("baseline, {what}: {} on the validation part", figures.join(", ")));
        }
        if progress.step > 0 {
            say(&format!("going on after update {} of {total}", progress.step));
        }
        Ok(Self {
            task,
            title: format!("rnn train {}: {net}", saved.task.name()),
            total,
            bar: std::io::stderr().is_terminal().then(|| bar(total, progress.step)),
            interval: output.log_interval.max(1),
            log,
            plot: output.plot.clone(),
            failure: None,
            work: Some(Work::begin()),
            started: Instant::now(),
            said: Instant::now(),
            first_step: progress.step,
        })
    }

    /// Reports an event of the run.
    pub fn tell(&mut self, event: &Event) {
        self.work = None;
        match *event {
            Event::Step { progress, batch, norm, learning_rate, .. } => {
                self.step(progress, &batch, norm, learning_rate);
            }
            Event::Epoch { progress, history, train, validation, best } => {
                self.epoch(progress, &train, &validation, best);
                self.draw(history);
            }
        }
    }

    fn step(&mut self, progress: &Progress, batch: &Metrics, norm: f64, learning_rate: f64) {
        let rate = (progress.step - self.first_step) as f64 / self.started.elapsed().as_secs_f64();
        if let Some(bar) = &self.bar {
            // A narrow terminal has room for the first figure only.
            let figure = self.task.figures(batch).into_iter().next().map_or_else(String::new, word);
            bar.set_position(progress.step);
            bar.set_message(format!("{figure}, |∂| {}, {rate:.0}/s", plain(norm)));
        }
        let due = progress.step.is_multiple_of(self.interval);
        if self.bar.is_none() && (due || self.said.elapsed().as_secs_f64() > SILENCE) {
            say(&format!(
                "update {}/{} epoch {}: {}, |∂| {} · {rate:.1} updates/s, {} left",
                progress.step,
                self.total,
                progress.epoch + 1,
                self.words(batch),
                plain(norm),
                duration(self.total.saturating_sub(progress.step) as f64 / rate)
            ));
            self.said = Instant::now();
        }
        if !due {
            return;
        }
        let mut line = self.entry("step", progress, progress.epoch + 1, batch, "");
        line.insert("gradient norm".into(), json!(norm));
        line.insert("learning rate".into(), json!(learning_rate));
        self.write(line);
    }

    fn epoch(&mut self, progress: &Progress, train: &Metrics, validation: &Metrics, best: bool) {
        let line = format!(
            "epoch {}: train {}; validation {}{}",
            progress.epoch,
            self.words(train),
            self.words(validation),
            if best { " (best)" } else { "" }
        );
        match &self.bar {
            Some(bar) => bar.println(line),
            None => say(&line),
        }
        let mut line = self.entry("epoch", progress, progress.epoch, train, "train ");
        line.extend(self.figures(validation, "validation "));
        line.insert("best".into(), json!(best));
        self.write(line);
    }

    /// Whether the log or the plot could not be written.
    pub fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Ends the bar, and draws the plot a last time.
    ///
    /// # Errors
    /// If the log or the plot could not be written.
    pub fn finish(&mut self, history: &History) -> Result<(), String> {
        self.work = None;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.draw(history);
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Prints the metrics of the test part.
    ///
    /// # Errors
    /// If standard output or the log cannot be written.
    pub fn test(
        &mut self,
        metrics: &Metrics,
        table: Option<&Confusion>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut line = Map::new();
        line.insert("event".into(), json!("test"));
        line.extend(self.figures(metrics, "test "));
        self.write(line);
        let mut out = std::io::stdout();
        writeln!(out, "test {}", self.words(metrics))?;
        if let Some(Baseline { what, metrics }) = self.task.baseline(Part::Test) {
            writeln!(out, "baseline {} ({what})", self.words(&metrics))?;
        }
        if let Some(table) = table {
            write!(out, "{table}")?;
        }
        self.compare(metrics, Part::Test);
        self.failure.take().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Prints the best validation, for tasks without a test part.
    pub fn best(&self, best: &Best) {
        let metrics = Metrics { loss: best.loss, accuracy: best.accuracy };
        say(&format!("best validation, after epoch {}: {}", best.epoch, self.words(&metrics)));
        self.compare(&metrics, Part::Validation);
    }

    /// Reports a net that is no better than its baseline.
    fn compare(&self, metrics: &Metrics, part: Part) {
        let Some(Baseline { what, metrics: simple }) = self.task.baseline(part) else { return };
        if self.task.score(metrics) >= self.task.score(&simple) {
            say(&format!(
                "the net does not beat the baseline, {what}: {}; more epochs, another learning rate or more data may help",
                self.words(&simple)
            ));
        }
    }

    fn words(&self, metrics: &Metrics) -> String {
        self.task.figures(metrics).into_iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn figures(&self, metrics: &Metrics, prefix: &str) -> Map<String, Value> {
        let figures =
            self.task.figures(metrics).into_iter().map(|f| (format!("{prefix}{}", f.name), json!(f.value)));
        figures.chain([(format!("{prefix}loss"), json!(metrics.loss))]).collect()
    }

    /// A log line; epochs count from 1 here too.
    fn entry(
        &self,
        event: &str,
        progress: &Progress,
        epoch: u64,
        metrics: &Metrics,
        prefix: &str,
    ) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("event".into(), json!(event));
        line.insert("step".into(), json!(progress.step));
        line.insert("epoch".into(), json!(epoch));
        line.extend(self.figures(metrics, prefix));
        line
    }

    fn write(&mut self, line: Map<String, Value>) {
        // One write per line, so that a kill leaves whole lines.
        if let Some((path, file)) = &mut self.log
            && let Err(error) = file.write_all(format!("{}\n", Value::Object(line)).as_bytes())
        {
            self.failure.get_or_insert(format!(
                "the log `{path}` cannot be written: {error}; make room or give another --log"
            ));
        }
    }

    /// Plots the loss over the updates: each batch's pale, their moving mean strong, the validation after each epoch.
    fn draw(&mut self, history: &History) {
        let Some(file) = &self.plot else { return };
        let (updates, losses): (Vec<f64>, Vec<f64>) = history.training.points().unzip();
        let numbered = |values: &[f64]| -> Vec<(f64, f64)> {
            updates.iter().copied().zip(values.iter().copied()).collect()
        };
        let mut chart = Chart::new(&self.title, "update", "loss (mean of a batch)");
        chart.push(Series::new("training", Look::Faint, numbered(&losses)));
        let smooth = smoothed(&losses, losses.len() as f64 / 100.0);
        chart.push(Series::new("training, smoothed", Look::Line, numbered(&smooth)));
        let epoch = self.task.batches() as f64;
        let validation = history.validation.points().map(|(place, loss)| (place * epoch, loss));
        chart.push(Series::new("validation", Look::Second, validation));
        if let Err(error) = file.draw(&chart) {
            self.failure.get_or_insert(format!("--plot: {error}"));
        }
    }
}

fn bar(total: u64, step: u64) -> ProgressBar {
    let style = "{bar:16} {pos}/{len} {wide_msg} {eta} left";
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(total).with_style(style).with_position(step);
    bar.reset_eta();
    bar
}

fn word(Figure { name, value }: Figure) -> String {
    match name {
        "accuracy" => format!("accuracy {:.1} %", 100.0 * value),
        name => format!("{name} {}", plain(value)),
    }
}

/// A number with four decimals, or in scientific notation if it is small or large.
pub(super) fn plain(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-2..1e6 => format!("{value:.4}"),
        ..1e-2 => format!("{value:.2e}"),
        _ => format!("{value:.4e}"),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => "unknown time".into(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[allow(clippy::disallowed_methods)] // a log grows line by line: it is replaced once, and appended to
/// Opens a log for appending, after truncating it to the progress of the resumed run.
fn open_log(path: &Path, progress: &Progress) -> Result<File, FileError> {
    let fail = |source| FileError { path: path.into(), action: rnn::files::Action::Write, source };
    let old = if path.exists() { read(path)? } else { Vec::new() };
    let lines =
        || old.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(String::from_utf8_lossy);
    let mut kept = String::new();
    for line in lines().filter(|line| told_before(line, progress.step, progress.epoch)) {
        kept += &line;
        kept.push('\n');
    }
    write_whole(path, kept.as_bytes())?;
    File::options().append(true).open(path).map_err(fail)
}

/// Whether a line was written before the run reached `step`, with `epoch` finished epochs: later lines will be
/// written again. An epoch's last update has the step of the epoch's end, which may still be to come.
fn told_before(line: &str, step: u64, epoch: u64) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
    let at_most = |key: &str, most: u64| line.get(key).and_then(Value::as_u64).is_some_and(|n| n <= most);
    at_most("step", step) && (line["event"] == "step" || at_most("epoch", epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_where_the_run_stands() {
        let before = |line| told_before(line, 20, 1);
        assert!(before(r#"{"event":"step","step":20,"epoch":2}"#));
        assert!(before(r#"{"event":"epoch","step":10,"epoch":1}"#));
        assert!(!before(r#"{"event":"step","step":21,"epoch":2}"#));
        // The second epoch ends with update 20, and is still to be reported.
        assert!(!before(r#"{"event":"epoch","step":20,"epoch":2}"#));
        assert!(!before(r#"{"event":"test","test loss":0.1}"#));
        assert!(!before(r#"{"event":"st"#));
    }

    #[test]
    fn figures_say_something_at_every_scale() {
        let found = [0.0, 0.123_456, 1.0, 123_456.7, 3.2e-6, -4.5e-3, 8.2e33].map(plain);
        assert_eq!(found, ["0.0000", "0.1235", "1.0000", "123456.7000", "3.20e-6", "-4.50e-3", "8.2000e33"]);
    }

    #[test]
    fn durations_are_for_people() {
        assert_eq!(
            [0.2, 89.0, 600.0, 9000.0, f64::INFINITY].map(duration),
            ["0 s", "89 s", "10 min", "2.5 h", "unknown time"]
        );
    }
}
