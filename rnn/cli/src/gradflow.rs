//! `rnn gradflow`: vanishing and exploding gradients, compared between cells.

use super::flags::{at_least_one, not_negative, open_cell, positive, setting, size};
use super::paint::{FAINT, TITLE};
use super::picture::{Form, Output, brief, brief_magnitude};
use super::say;
use crate::plot::terminal::{self, Line};
use crate::plot::{Chart, Look, Scale, Series, panels};
use autograd::Magnitude;
use clap::ValueEnum;
use rnn::init::Init;
use rnn::model::Inits;
use rnn_lab::study::{Course, Flow, Update, Way};
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;

/// Vanishing and exploding gradients, cell beside cell, before and after some training
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Each net reads the adding problem and has one loss, after the last step T. Shown is ‖∂L/∂s[k]‖ against the distance T − k, \
s being all states of a cell, with the product of the Jacobians' largest singular values: no gradient exceeds it (dashed). \
A gradient whose bound falls must vanish; one whose bound grows may explode, and need not (Pascanu, Mikolov & Bengio 2013).

Curves are made for each cell with each --scale, and with each --forget-bias if it has a forget gate.

Examples: three cells over 200 steps; and what a scale above 1 does when nothing enters, and when inputs saturate the units
  rnn gradflow --cells elman,lstm,gru --forget-bias 0,1,5.3 --steps 200 -o flow.svg
  rnn gradflow --cells elman --scale 0.9,1,1.1 --drive 0 --updates 0")]
pub struct Args {
    /// The cells: names that `rnn cells` lists, or files of equations
    #[arg(
        long,
        default_value = "elman,lstm,gru",
        value_name = "NAME|FILE.cell,…",
        value_delimiter = ',',
        help_heading = "Nets"
    )]
    cells: Vec<String>,
    /// Another value for a constant of every cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = setting, help_heading = "Nets")]
    set: Vec<(String, f64)>,
    /// Size of the states
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = size, help_heading = "Nets")]
    hidden: usize,
    /// Steps
    #[arg(long, default_value_t = 200, value_name = "T", value_parser = size, help_heading = "Nets")]
    steps: usize,
    /// Begin with orthogonal recurrent matrices times this, and without biases
    #[arg(long, value_name = "S,…", value_delimiter = ',', value_parser = not_negative, help_heading = "Nets")]
    scale: Vec<f64>,
    /// First values of the state's weights, in the forms of `rnn train`
    #[arg(long, value_name = "INIT", conflicts_with = "scale", help_heading = "Nets")]
    init: Option<Init>,
    /// First values of the forget gate's bias
    #[arg(
        long,
        value_name = "B,…",
        value_delimiter = ',',
        allow_negative_numbers = true,
        help_heading = "Nets"
    )]
    forget_bias: Vec<f64>,
    /// What inputs are multiplied by: 0 for silence
    #[arg(long, default_value_t = 1.0, value_name = "D", value_parser = not_negative, help_heading = "Nets")]
    drive: f64,
    /// Updates of training, after which gradients are followed again
    #[arg(long, default_value_t = 100, value_name = "N", help_heading = "Training")]
    updates: usize,
    /// Sequences of a batch
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one::<usize>, help_heading = "Training")]
    batch_size: usize,
    /// Learning rate of Adam
    #[arg(long, default_value_t = 0.005, value_name = "RATE", value_parser = positive, help_heading = "Training")]
    lr: f64,
    /// Scale gradients down to this norm
    #[arg(long, value_name = "NORM", value_parser = positive, help_heading = "Training")]
    clip: Option<f64>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Training")]
    seed: u64,
    /// One picture alone
    #[arg(long, value_enum, help_heading = "Output")]
    only: Option<Panel>,
    #[command(flatten)]
    output: Output,
}

/// The pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Panel {
    /// At the first weights
    Before,
    /// After training
    After,
    /// The gradient's norm at each update, and where it is clipped
    Training,
}

/// The results for one net.
#[derive(Debug, Serialize)]
struct Traced {
    name: String,
    before: Way,
    after: Option<Way>,
    training: Vec<Update>,
    /// Why training ended early.
    stopped: Option<String>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let form = self.output.form()?;
        if self.updates == 0 && matches!(self.only, Some(Panel::After | Panel::Training)) {
            return Err("there is nothing of training to show with --updates 0: give it a number".into());
        }
        let mut all = Vec::new();
        for (name, flow) in self.flows()? {
            let before = flow.way(&flow.first()?).map_err(|e| format!("{name}: {e}"))?;
            let mut traced = Traced { name, before, after: None, training: Vec::new(), stopped: None };
            if self.updates > 0 {
                let course =
                    Course { updates: self.updates, batch: self.batch_size, rate: self.lr, clip: self.clip };
                let (parameters, training, stopped) = flow.train(course)?;
                // After an explosion there is no gradient to measure.
                traced.after = flow.way(&parameters).ok();
                (traced.training, traced.stopped) = (training, stopped);
            }
            if let Some(why) = &traced.stopped {
                say(&format!("{}: training ended at {why}", traced.name));
            }
            all.push(traced);
        }
        match form {
            Form::Text => self.output.text(&self.report(&all))?,
            Form::Svg | Form::Png | Form::Pdf => self.output.picture(self.picture(&all), form)?,
            Form::Csv => self.output.text(&csv(&all))?,
            Form::Json => self.output.text(&(serde_json::to_string_pretty(&all)? + "\n"))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The nets by name.
    fn flows(&self) -> Result<Vec<(String, Flow)>, Box<dyn std::error::Error>> {
        let mut flows = Vec::new();
        let several = |values: &[f64]| -> Vec<Option<f64>> {
            if values.is_empty() { vec![None] } else { values.iter().copied().map(Some).collect() }
        };
        for name in &self.cells {
            let cell = open_cell(name, &self.set)?;
            let weights = cell.cell()?.weights(self.hidden, self.hidden);
            let forgets = weights.iter().flat_map(|w| &w.parts).any(|part| part.forget_bias.is_some());
            for scale in several(&self.scale) {
                for bias in several(if forgets { &self.forget_bias } else { &[] }) {
                    let mut label = cell.to_string();
                    if let Some(scale) = scale {
                        let _ = write!(label, " × {scale}");
                    }
                    if let Some(bias) = bias {
                        let _ = write!(label, ", forget bias {bias}");
                    }
                    let init = Inits { recurrent: self.init, forget_bias: bias, ..Inits::default() };
                    let (cell, steps, hidden) = (cell.clone(), self.steps, self.hidden);
                    let flow = Flow { cell, steps, hidden, init, scale, drive: self.drive, seed: self.seed };
                    flows.push((label, flow));
                }
            }
        }
        Ok(flows)
    }

    fn picture(&self, all: &[Traced]) -> String {
        let wants = |panel| self.only.is_none_or(|only| only == panel);
        let mut pictures = Vec::new();
        if wants(Panel::Before) {
            let title =
                format!("The gradient of one loss on its way back, {} steps: first weights", self.steps);
            pictures.push(ways(&title, all.iter().map(|t| (&*t.name, Some(&t.before)))));
        }
        if wants(Panel::After) && self.updates > 0 {
            let title = format!("The same after {} updates", self.updates);
            pictures.push(ways(&title, all.iter().map(|t| (&*t.name, t.after.as_ref()))));
        }
        if wants(Panel::Training) && self.updates > 0 {
            pictures.push(self.training(all));
        }
        match &pictures[..] {
            [one] => one.clone(),
            many => panels("", many, 2),
        }
    }

    /// The norm at each update, and the clipping bound.
    fn training(&self, all: &[Traced]) -> String {
        let mut chart =
            Chart::new("During training: the norm of the gradient", "update", "‖∂L/∂W‖ of all parameters")
                .y_scale(Scale::Log);
        for (i, traced) in all.iter().enumerate() {
            let points = traced.training.iter().enumerate().map(|(n, u)| ((n + 1) as f64, u.norm));
            chart.push(Series::new(&traced.name, Look::Nth(i), points));
        }
        if let Some(clip) = self.clip {
            let ends = [1.0, self.updates as f64].map(|n| (n, clip));
            chart.push(Series::new(&format!("clipped to {clip}"), Look::Bound(6), ends));
        }
        chart.svg()
    }

    fn report(&self, all: &[Traced]) -> String {
        let mut out = String::new();
        let t = self.steps;
        let before: Vec<(&str, Option<&Way>)> = all.iter().map(|t| (&*t.name, Some(&t.before))).collect();
        section(&mut out, &format!("‖∂L/∂s[k]‖ over {t} steps, at the first weights"), &before);
        if self.updates > 0 {
            let after: Vec<(&str, Option<&Way>)> = all.iter().map(|t| (&*t.name, t.after.as_ref())).collect();
            section(&mut out, &format!("After {} updates", self.updates), &after);
            let _ = writeln!(out, "{TITLE}During training{TITLE:#}\n");
            let _ = writeln!(
                out,
                "  {FAINT}{:32}{:>12}{:>12}{:>12}{:>12}{FAINT:#}",
                "", "loss first", "loss last", "median ‖∂W‖", "largest"
            );
            for traced in all {
                let mut norms: Vec<f64> = traced.training.iter().map(|u| u.norm).collect();
                norms.sort_unstable_by(f64::total_cmp);
                let at = |i: usize| norms.get(i).map_or("–".into(), |norm| brief(*norm));
                let loss = |u: Option<&Update>| u.map_or("–".into(), |u| brief(u.loss));
                let clipped = self.clip.map_or(String::new(), |clip| {
                    format!("  clipped {} of {}", norms.iter().filter(|n| **n > clip).count(), norms.len())
                });
                let _ = writeln!(
                    out,
                    "  {:32}{:>12}{:>12}{:>12}{:>12}{clipped}",
                    traced.name,
                    loss(traced.training.first()),
                    loss(traced.training.last()),
                    at(norms.len() / 2),
                    at(norms.len().saturating_sub(1))
                );
            }
        }
        out
    }
}

/// The letters that mark curves.
const MARKS: &str = "abcdefghijklmnopqrstuvwxyz";

fn section(out: &mut String, title: &str, ways: &[(&str, Option<&Way>)]) {
    let back = |way: &Way| way.norms.iter().rev().copied().collect::<Vec<Magnitude>>();
    let mark = |i: usize| MARKS.chars().cycle().nth(i).map_or(String::new(), String::from);
    let line = |(i, (_, way)): (usize, &(&str, Option<&Way>))| Line {
        mark: mark(i),
        values: way.map_or_else(Vec::new, back),
    };
    let lines: Vec<Line> = ways.iter().enumerate().map(line).collect();
    let _ = writeln!(out, "{TITLE}{title}{TITLE:#}\n\n{}", terminal::curves(&lines, "T − k"));
    let _ = writeln!(
        out,
        "  {FAINT}{:36}{:>12}{:>14}{:>14}{:>18}{FAINT:#}",
        "", "rate a step", "first / last", "bound on it", "stretch of steps"
    );
    for (i, (name, way)) in ways.iter().enumerate() {
        let s = terminal::style(i);
        let _ = write!(out, "  {s}{}{s:#} {name:34}", mark(i));
        let Some(way) = way else {
            let _ = writeln!(out, "{FAINT}no finite gradient{FAINT:#}");
            continue;
        };
        let part =
            |values: &[Magnitude]| values.first().zip(values.last()).map_or(Magnitude::NAN, |(&a, &b)| a / b);
        let least = way.stretch.iter().copied().fold(f64::INFINITY, f64::min);
        let most = way.stretch.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            out,
            "{:>12}{:>14}{:>14}{:>18}",
            way.rate.map_or("–".into(), |rate| format!("× {rate:.4}")),
            brief_magnitude(part(&way.norms)),
            brief_magnitude(part(&way.bound)),
            format!("{least:.2} … {most:.2}")
        );
    }
    out.push('\n');
}

/// The gradient norms of several nets over each other, each with its bound.
fn ways<'a>(title: &str, all: impl Iterator<Item = (&'a str, Option<&'a Way>)>) -> String {
    let mut chart =
        Chart::new(title, "distance T − k", "‖∂L/∂s[k]‖, over its value at T").y_scale(Scale::Decades);
    let mut lowest = 0.0_f64;
    let mut bounds = Vec::new();
    for (i, (name, way)) in all.enumerate() {
        let Some(way) = way else { continue };
        let last = way.norms.last().map_or(0.0, |last| last.log10());
        let back = |values: &[Magnitude]| -> Vec<(f64, f64)> {
            values.iter().rev().enumerate().map(|(back, v)| (back as f64, v.log10() - last)).collect()
        };
        let points = back(&way.norms);
        lowest = points.iter().map(|p| p.1).filter(|v| v.is_finite()).fold(lowest, f64::min);
        chart.push(Series::new(name, Look::Nth(i), points));
        bounds.push((i, back(&way.bound)));
    }
    for (n, (i, bound)) in bounds.into_iter().enumerate() {
        // A bound that explodes would leave no room for the norms.
        let near = bound.into_iter().filter(|p| p.1 < 12.0 - lowest.max(-40.0));
        let name = if n == 0 { "dashed: bounds by singular values" } else { "" };
        chart.push(Series::new(name, Look::Bound(i), near));
    }
    chart.svg()
}

fn csv(all: &[Traced]) -> String {
    let mut out = String::from("net,when,step,norm,bound,stretch\n");
    let field = |x: f64| if x.is_finite() { format!("{x:e}") } else { String::new() };
    let long = |x: Magnitude| if x.is_finite() { format!("{x:e}") } else { String::new() };
    for traced in all {
        for (when, way) in [("before", Some(&traced.before)), ("after", traced.after.as_ref())] {
            let Some(way) = way else { continue };
            for (k, norm) in way.norms.iter().enumerate() {
                let bound = way.bound.get(k).copied().unwrap_or(Magnitude::NAN);
                let stretch = k.checked_sub(1).and_then(|i| way.stretch.get(i)).copied().unwrap_or(f64::NAN);
                let _ = writeln!(
                    out,
                    "\"{}\",{when},{},{},{},{}",
                    traced.name.replace('"', "\"\""),
                    k + 1,
                    long(*norm),
                    long(bound),
                    field(stretch)
                );
            }
        }
    }
    out
}
