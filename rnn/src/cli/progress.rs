//! What a run shows while it goes: a bar in a terminal, plain lines elsewhere, JSON lines in a log.

use super::flags::Output;
use crate::files::write_whole;
use crate::tasks::Saved;
use crate::train::{Event, Figure, Metrics, Progress, Task};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Tells people and files how a run goes.
pub struct Reporter<'a> {
    task: &'a dyn Task,
    epochs: u64,
    bar: Option<ProgressBar>,
    interval: u64,
    log: Option<(PathBuf, File)>,
    /// The first failure to write the log; it ends the run when the run ends.
    failure: Option<String>,
    plot: Option<PathBuf>,
    curve: Vec<(u64, f64)>,
    started: Instant,
    first_step: u64,
}

impl<'a> Reporter<'a> {
    /// Begins to report a run that stands at `progress`.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn new(
        task: &'a dyn Task,
        saved: &Saved,
        output: &Output,
        progress: &Progress,
    ) -> Result<Self, String> {
        let total = saved.options.epochs * task.batches() as u64;
        let model = &saved.model;
        let parameters: usize = model
            .parameter_shapes()
            .map_err(|e| e.to_string())?
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        eprintln!(
            "{}: {} {} × {}{}, {parameters} parameters; {} batches an epoch",
            saved.task.name(),
            model.cell,
            model.layers,
            model.hidden,
            if model.bidirectional { " in both directions" } else { "" },
            task.batches()
        );
        if progress.step > 0 {
            eprintln!("going on after update {} of {total}", progress.step);
        }
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = "{elapsed_precise} {wide_bar} {pos}/{len} {msg} · {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total).with_style(style);
            bar.set_position(progress.step);
            bar
        });
        let log = match &output.log {
            None => None,
            Some(path) => Some((path.clone(), open_log(path, progress.step)?)),
        };
        Ok(Self {
            task,
            epochs: saved.options.epochs,
            bar,
            interval: output.log_interval.max(1),
            log,
            failure: None,
            plot: output.plot.clone(),
            curve: Vec::new(),
            started: Instant::now(),
            first_step: progress.step,
        })
    }

    /// Takes in an event of the run.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::Step { progress, batch, norm, learning_rate } => {
                self.curve.push((progress.step, batch.loss));
                if let Some(bar) = &self.bar {
                    bar.set_position(progress.step);
                    bar.set_message(format!("{} |∂| {norm:.2}", self.words(batch)));
                }
                if progress.step.is_multiple_of(self.interval) {
                    let rate =
                        (progress.step - self.first_step) as f64 / self.started.elapsed().as_secs_f64();
                    if self.bar.is_none() {
                        let left = (self.epochs * self.task.batches() as u64 - progress.step) as f64 / rate;
                        eprintln!(
                            "update {} epoch {} {} |∂| {norm:.3} · {rate:.1}/s, {left:.0} s left",
                            progress.step,
                            progress.epoch + 1,
                            self.words(batch)
                        );
                    }
                    let mut line = self.entry("step", progress, batch, "");
                    line.insert("gradient norm".into(), json!(norm));
                    line.insert("learning rate".into(), json!(learning_rate));
                    self.write(line);
                }
            }
            Event::Epoch { progress, train, validation, best } => {
                let line = format!(
                    "epoch {}: train {}; validation {}{}",
                    progress.epoch,
                    self.words(train),
                    self.words(validation),
                    if *best { " (best)" } else { "" }
                );
                match &self.bar {
                    Some(bar) => bar.println(line),
                    None => eprintln!("{line}"),
                }
                let mut line = self.entry("epoch", progress, train, "train ");
                line.extend(self.entry("epoch", progress, validation, "validation "));
                line.insert("best".into(), json!(best));
                self.write(line);
            }
        }
    }

    /// Ends the bar, and writes the plot.
    ///
    /// # Errors
    /// If the log or the plot could not be written.
    pub fn finish(&mut self) -> Result<(), String> {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Some(path) = &self.plot {
            let svg = crate::plot::curve("loss", "update", &self.curve);
            write_whole(path, svg.as_bytes()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Prints what the test part says.
    ///
    /// # Errors
    /// If the log could not be written.
    pub fn test(&mut self, metrics: &Metrics) -> Result<(), String> {
        println!("test {}", self.words(metrics));
        let mut line = Map::new();
        line.insert("event".into(), json!("test"));
        line.extend(self.figures(metrics, "test "));
        self.write(line);
        self.failure.take().map_or(Ok(()), Err)
    }

    fn words(&self, metrics: &Metrics) -> String {
        let word = |Figure { name, value }| match name {
            "accuracy" => format!("accuracy {:.1} %", 100.0 * value),
            name => format!("{name} {value:.4}"),
        };
        self.task.figures(metrics).into_iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn figures(&self, metrics: &Metrics, prefix: &str) -> Map<String, Value> {
        let figures =
            self.task.figures(metrics).into_iter().map(|f| (format!("{prefix}{}", f.name), json!(f.value)));
        figures.chain([(format!("{prefix}loss"), json!(metrics.loss))]).collect()
    }

    fn entry(&self, event: &str, progress: &Progress, metrics: &Metrics, prefix: &str) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("event".into(), json!(event));
        line.insert("step".into(), json!(progress.step));
        line.insert("epoch".into(), json!(progress.epoch));
        line.extend(self.figures(metrics, prefix));
        line
    }

    fn write(&mut self, line: Map<String, Value>) {
        if let Some((path, file)) = &mut self.log
            && let Err(error) = writeln!(file, "{}", Value::Object(line))
        {
            self.failure.get_or_insert(format!("the log {} cannot be written: {error}", path.display()));
        }
    }
}

/// A log that holds the lines up to update `step` of an earlier run, and is appended to.
fn open_log(path: &Path, step: u64) -> Result<File, String> {
    let fail = |error: std::io::Error| {
        format!("the log {} cannot be written: {error}; give another --log path", path.display())
    };
    let mut kept = String::new();
    if step > 0
        && let Ok(old) = File::open(path)
    {
        for line in BufReader::new(old).lines().map_while(Result::ok) {
            let at = serde_json::from_str::<Value>(&line).ok().and_then(|v| v.get("step")?.as_u64());
            if at.is_some_and(|at| at <= step) {
                kept += &line;
                kept.push('\n');
            }
        }
    }
    let mut file = File::create(path).map_err(fail)?;
    file.write_all(kept.as_bytes()).map_err(fail)?;
    Ok(file)
}
