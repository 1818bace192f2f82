//! `rnn profile`: the time of a training step, by kind and layer.

use super::flags::{open_cell, positive, setting, size};
use super::paint::{FAINT, TITLE};
use autograd::graph::{Origin, Role};
use autograd_compile::{Compiler, StepTime};
use rnn_lab::study::{CASES, Prepared, Timing, Workload};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// How long the gradient of a net takes, and where the time goes
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The net has one layer, a linear head at every step, and the mean cross entropy over all steps. What is timed is the \
forward pass, the loss and the gradients of all parameters, in single precision.

Example: a cell of your own
  rnn profile --cell my.cell --hidden 256")]
pub struct Args {
    /// A size that is often compared: tiny-elman, tiny-lstm, char-elman, char-lstm, char-gru, char-mgu, wide-lstm,
    /// wide-mgu, long-lstm
    #[arg(long, value_name = "NAME", conflicts_with_all = ["cell", "batch_size", "steps", "input", "hidden", "classes"])]
    case: Option<String>,
    /// The cell: a name that `rnn cells` lists, or a file of equations
    #[arg(long, default_value = "lstm", value_name = "NAME|FILE.cell")]
    cell: String,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = setting)]
    set: Vec<(String, f64)>,
    /// Number of sequences
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = size)]
    batch_size: usize,
    /// Steps that the net is unrolled over
    #[arg(long, default_value_t = 50, value_name = "T", value_parser = size)]
    steps: usize,
    /// Features of an input
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = size)]
    input: usize,
    /// Size of the states
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = size)]
    hidden: usize,
    /// Classes of the head
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = size)]
    classes: usize,
    /// Threads over which the rows of a batch are shared out
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = size)]
    threads: usize,
    /// How long to measure
    #[arg(long, default_value_t = 2.0, value_name = "S", value_parser = positive)]
    seconds: f64,
    /// Leave out each pass of the compiler in turn, and say what it brings
    #[arg(long)]
    passes: bool,
    /// One line of JSON, and nothing else
    #[arg(long, conflicts_with = "passes")]
    json: bool,
}

/// The line that `--json` prints.
#[derive(Serialize)]
struct Line<'a> {
    case: &'a str,
    peer: &'a str,
    threads: usize,
    #[serde(flatten)]
    timing: Timing,
    bytes: usize,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let work = match &self.case {
            Some(name) => Workload::case(name).ok_or_else(|| {
                let known: Vec<&str> = CASES.iter().map(|(name, ..)| *name).collect();
                format!("there is no case called `{name}`: take one of {}", known.join(", "))
            })?,
            None => Workload {
                cell: open_cell(&self.cell, &self.set)?,
                batch: self.batch_size,
                steps: self.steps,
                input: self.input,
                hidden: self.hidden,
                classes: self.classes,
            },
        };
        let compiler = Compiler::new().threads(self.threads);
        let ready = work.prepare(&compiler)?;
        let timing = ready.time(self.seconds)?;
        let mut out = anstream::stdout().lock();
        if self.json {
            let case = self.case.as_deref().unwrap_or(&self.cell);
            let line =
                Line { case, peer: "rnn", threads: self.threads, timing, bytes: ready.executable.bytes() };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let Workload { cell, batch, steps, input, hidden, classes } = &work;
        writeln!(
            out,
            "{TITLE}{cell}{TITLE:#}, {batch} sequences of {steps} steps, {input} → {hidden} → {classes}, {} of rows",
            match ready.executable.shards() {
                1 => "one share".into(),
                n => format!("{n} shares"),
            }
        )?;
        if let Some(why) = ready.executable.why_whole() {
            writeln!(out, "  {FAINT}the batch is not shared out: {why}{FAINT:#}")?;
        }
        let Timing { first_s, median_ms, min_ms, runs } = &timing;
        writeln!(
            out,
            "  median {median_ms:.3} ms, best {min_ms:.3} ms of {runs} runs; first gradient after {:.0} ms",
            first_s * 1e3
        )?;
        writeln!(out, "  {:.1} MB of memory", ready.executable.bytes() as f64 / 1e6)?;
        table(&mut out, &ready)?;
        if self.passes {
            passes(&mut out, &work, &compiler, self.threads, self.seconds)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The time by kind of step and by what it computes.
fn table(out: &mut impl Write, ready: &Prepared) -> Result<(), Box<dyn std::error::Error>> {
    let times = ready.profile(20)?;
    let total: f64 = times.iter().map(|t| t.seconds).sum();
    let mut kinds: BTreeMap<&str, (f64, usize, usize)> = BTreeMap::new();
    for time in &times {
        let (seconds, steps, work) = kinds.entry(time.what).or_default();
        *seconds += time.seconds;
        *steps += 1;
        *work += time.multiplications;
    }
    writeln!(out, "\n{TITLE}by kind of step{TITLE:#}, one share alone")?;
    for (what, (seconds, steps, work)) in sorted(kinds, |x| x.0) {
        let rate = if work > 0 {
            format!("{:7.1} GFLOP/s", 2.0 * work as f64 / seconds / 1e9)
        } else {
            String::new()
        };
        writeln!(
            out,
            "  {what:14} {:8.1} µs {:5.1} %  {steps:5} steps {rate}",
            seconds * 1e6,
            100.0 * seconds / total
        )?;
    }
    let mut origins: BTreeMap<String, f64> = BTreeMap::new();
    for time in &times {
        for (name, share) in shares(ready, time) {
            *origins.entry(name).or_default() += share * time.seconds;
        }
    }
    writeln!(out, "\n{TITLE}by what is computed{TITLE:#}")?;
    for (name, seconds) in sorted(origins, |&x| x).into_iter().take(24) {
        writeln!(out, "  {name:28} {:8.1} µs {:5.1} %", seconds * 1e6, 100.0 * seconds / total)?;
    }
    Ok(())
}

fn sorted<K, V>(map: BTreeMap<K, V>, by: impl Fn(&V) -> f64) -> Vec<(K, V)> {
    let mut rows: Vec<_> = map.into_iter().collect();
    rows.sort_by(|a, b| by(&b.1).total_cmp(&by(&a.1)));
    rows
}

/// The layers and gates of a step, with their fractions of its time; all time steps count together.
fn shares(ready: &Prepared, time: &StepTime) -> Vec<(String, f64)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for &id in &time.of {
        let Ok(node) = ready.network.graph.node(id) else { continue };
        let (origin, backward) = match node.origin.role {
            Role::Forward => (node.origin.clone(), false),
            Role::Adjoint { of, .. } | Role::Backward { of, .. } => {
                let of = Some(of as usize).filter(|&of| of < ready.network.graph.len());
                (of.map_or(node, |of| ready.network.graph.at(of)).origin.clone(), true)
            }
        };
        let Origin { layer, name, .. } = origin;
        let name = name.as_deref().unwrap_or("weights and constants").to_string();
        let layer = layer.map_or(String::new(), |layer| format!("{layer}/"));
        *counts.entry(format!("{}{layer}{name}", if backward { "∂" } else { "" })).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    counts.into_iter().map(|(name, n)| (name, n as f64 / all.max(1) as f64)).collect()
}

/// The effect of each pass.
fn passes(
    out: &mut impl Write,
    work: &Workload,
    compiler: &Compiler,
    threads: usize,
    seconds: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = work.prepare(compiler)?;
    writeln!(
        out,
        "\n{TITLE}passes{TITLE:#}: nodes before and after, and the time without the pass, as a multiple"
    )?;
    for report in all.executable.passes() {
        let without = work.prepare(&Compiler::new().without(report.name).threads(threads))?;
        // Interleaved, so that load on the machine affects both.
        let (mut with, mut less) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..4 {
            with = with.min(all.time(seconds / 8.0)?.min_ms);
            less = less.min(without.time(seconds / 8.0)?.min_ms);
        }
        let left_out = if report.left_out { "  left out: its groups depend on one another" } else { "" };
        writeln!(
            out,
            "  {:12} {:6} → {:6}   × {:.2}{left_out}",
            report.name,
            report.before,
            report.after,
            less / with
        )?;
        for (rule, times) in &report.rules {
            writeln!(out, "    {FAINT}{rule}  ×{times}{FAINT:#}")?;
        }
    }
    Ok(())
}
