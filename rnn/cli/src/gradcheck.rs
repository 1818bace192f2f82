//! `rnn gradcheck`: are the gradients of a net the derivatives of what it computes?

use super::net_spec::{Small, describe};
use super::output::{Kind, OutFile, told_by_ending};
use super::paint;
use autograd::Error;
use autograd_check::{Comparison, DETACHED, Decider, Method, Report, Tensor, Tier, Verdict, error_json};
use autograd_view::draw;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use rnn::model::{Model, ModelError};
use rnn::tasks::Saved;
use rnn_lab::study::{NetSpec, Placed};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compare a net's gradients with numeric ones
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Each weight, the input and each initial state is moved along a random direction. The slope of the loss is taken twice, \
from the graph and from differences, in f64. The table has the worst first: how far the two lie apart, and how far they \
may, which is what the differences themselves can be off. Forward mode, which takes no step, must agree too. Then every \
node is asked by itself whether its adjoint is what its users send back, by the derivatives of their ops: by the chain rule \
that decides where differences see nothing, in chaos or where a gradient has vanished. If a \
gradient is wrong, the first line names the node whose own derivative is: its op, layer, gate and step, and what the \
error looks like. A weight that takes no part in the loss has no gradient: the table says that it is not connected, \
and it does not fail. With --tbptt the states are held at their values where they are cut while a weight moves, since \
the slope of the loss itself would go through the cut.

Examples: sequences of different lengths, and the gradients of the gradients too; every element of every weight
  rnn gradcheck --cell lstm --steps 5 --lengths 5,3,1 --order 2
  rnn gradcheck --cell gru --tier full
A trained net; and at saturated gates, ties and zeros too
  rnn gradcheck --checkpoint model.safetensors --steps 20
  rnn gradcheck --cell mgu --visit 12
The gradient of any program that answers lines of JSON, in any language (docs/gradient-checking-programs.md)
  rnn gradcheck --program 'python loss.py'

Ends with 0 if all gradients are right (pass, or kink: the point lies on one, and the gradient between the slopes from \
both sides), with 1 if one is wrong or there was nothing to check, and with 3 if nobody can tell.")]
pub struct Args {
    #[command(flatten)]
    net: Small,
    /// 1 for gradients, 2 for the gradients of gradients too
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Check", conflicts_with = "experiment", value_parser = PossibleValuesParser::new(["1", "2"]))]
    order: String,
    /// What is looked at of each tensor
    #[arg(long, value_enum, default_value_t = Look::Projection, value_name = "TIER", help_heading = "Check", conflicts_with = "experiment")]
    tier: Look,
    /// How differences are taken
    #[arg(long, value_enum, default_value_t = Differences::Richardson, value_name = "METHOD", help_heading = "Check", conflicts_with = "experiment")]
    method: Differences,
    /// Decides all that is random
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Check")]
    seed: u64,
    /// Check a trained net: a checkpoint of `rnn train`, with random inputs and targets
    #[arg(long, value_name = "FILE", help_heading = "Where", conflicts_with_all = ["cell", "set", "layers", "input", "hidden", "bidirectional", "lengths", "experiment", "program"])]
    checkpoint: Option<PathBuf>,
    /// Multiply the weights that are drawn by this: 10 saturates gates
    #[arg(long, value_name = "F", help_heading = "Where", conflicts_with_all = ["experiment", "program", "checkpoint"], value_parser = super::flags::positive)]
    scale: Option<f64>,
    /// Values of parameters, inputs and first states: {"name": array, …}. What is not in it is drawn
    #[arg(long, value_name = "FILE.json", help_heading = "Where", conflicts_with_all = ["experiment", "program"])]
    at: Option<PathBuf>,
    /// Go on at other points, at most so many in all, until every regime of every op was visited: both sides of kinks, ties,
    /// exact zeros, saturated gates, repeated indices
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Where", conflicts_with_all = ["experiment", "program"], value_parser = super::flags::size)]
    visit: usize,
    /// The report as one JSON object; also if there was nothing to check: `verdict` is then "error"
    #[arg(long, help_heading = "Check")]
    json: bool,
    /// The report as a page: the verdict, the table, and the net with each adjoint in the colour of its own error
    #[arg(short = 'o', long, value_name = "FILE.html", help_heading = "Check", conflicts_with = "experiment", value_parser = told_by_ending(&[Kind::Html]))]
    html: Option<OutFile>,
    #[command(flatten)]
    program: super::program::Program,
    #[command(flatten)]
    lab: super::lab::Lab,
}

/// What is looked at of each tensor.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Look {
    /// A random direction: fast at any size
    Projection,
    /// And 16 of its elements, one by one
    Sampled,
    /// And all of its elements
    Full,
}

/// How differences are taken.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Differences {
    /// Falling steps, extrapolated to zero
    Richardson,
    /// Two points, at the step 6e-6
    Central,
    /// Four points, at the step 7e-4
    FivePoint,
}

/// The exit code if differences are too coarse to decide.
const INCONCLUSIVE: u8 = 3;

/// The exit code of a verdict.
pub fn code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Pass | Verdict::Kink => ExitCode::SUCCESS,
        Verdict::Inconclusive => ExitCode::from(INCONCLUSIVE),
        _ => ExitCode::FAILURE,
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let json = self.json;
        match self.check() {
            Err(error) if json => {
                writeln!(anstream::stdout().lock(), "{:#}", error_json(&error))?;
                Ok(ExitCode::FAILURE)
            }
            result => result,
        }
    }

    fn check(self) -> super::Result {
        let order = if self.order == "2" { 2 } else { 1 };
        let tier = match self.tier {
            Look::Projection => Tier::Projection,
            Look::Sampled => Tier::Sampled(16),
            Look::Full => Tier::Full,
        };
        let method = match self.method {
            Differences::Richardson => Method::Richardson,
            Differences::Central => Method::Central { step: 6e-6 },
            Differences::FivePoint => Method::FivePoint { step: 7e-4 },
        };
        let asked = super::program::Asked {
            tier,
            method,
            seed: self.seed,
            json: self.json,
            html: self.html.as_ref(),
        };
        if let Some(done) = self.program.run(&asked) {
            return done;
        }
        let net = NetSpec::try_from(self.net)?;
        if let Some(done) = self.lab.run(&net, self.seed, self.json) {
            return done;
        }
        let mut placed = match &self.checkpoint {
            Some(path) => trained(path, &net)?,
            None => net.placed()?,
        };
        let title = match &self.checkpoint {
            Some(path) => {
                format!("trained {} of {}, {} steps", placed.model.cell, path.display(), placed.steps)
            }
            None => describe(&net),
        };
        // A page draws the net that is checked.
        let Model { cell, layers, hidden, bidirectional, .. } = placed.model.clone();
        let net = NetSpec { cell, layers, hidden, bidirectional, ..net };
        placed.scale = self.scale.unwrap_or(1.0);
        if let Some(path) = &self.at {
            for (name, array) in super::program::named_arrays(path)? {
                // Values given on the command line override trained ones.
                placed.values.retain(|(known, _)| *known != name);
                placed.values.push((name, array));
            }
        }
        let visit = self.visit;
        let report = match &self.html {
            None => placed
                .check_with(self.seed, |check| check.order(order).tier(tier).method(method).visit(visit)),
            Some(file) => {
                let survey = placed
                    .survey(self.seed, |check| check.order(order).tier(tier).method(method).visit(visit))
                    .map_err(in_flags)?;
                let title = format!("Gradient check: {title}");
                let options = draw::Options { title: Some(title), ..draw::Options::default() };
                let page = rnn_lab::survey::html(&survey, &options, net.described())?;
                file.write(page.as_bytes()).map_err(|error| format!("--html: {error}"))?;
                Ok(survey.report)
            }
        }
        .map_err(in_flags)?;
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", report.to_json())?;
        } else {
            writeln!(out, "{title}; seed {}\n", self.seed)?;
            headline(&mut out, &report)?;
            table(&mut out, &report)?;
            writeln!(out)?;
            prose(&mut out, &report.coverage)?;
            report.certificate().map_or(Ok(()), |certificate| prose(&mut out, &certificate))?;
            report.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
            zeros(&report).map_or(Ok(()), |note| prose(&mut out, &note))?;
            verdict(&mut out, &report)?;
        }
        out.flush()?;
        Ok(code(report.verdict()))
    }
}

/// A trained net, over the requested steps and sequences.
fn trained(path: &Path, net: &NetSpec) -> Result<Placed, Box<dyn std::error::Error>> {
    let (saved, parameters) = Saved::load(path)?;
    let values = parameters.iter().map(|(name, array)| (name.to_string(), array.mapv(f64::from))).collect();
    let model = Model { dropout: 0.0, window: net.window, ..saved.model };
    Ok(Placed { model, steps: net.steps, batch: net.batch, lengths: None, values, scale: 1.0 })
}

/// The error for a value that is not finite, with advice for the command line.
fn in_flags(error: ModelError) -> Box<dyn std::error::Error> {
    match error {
        ModelError::Graph(Error::NotFinite { node }) => format!(
            "`{node}` is not finite at the weights and inputs that were drawn: try another --seed, or fewer --steps"
        )
        .into(),
        error => error.into(),
    }
}

/// Wraps sentences to the width of a page.
pub fn prose(out: &mut impl Write, text: &impl Display) -> io::Result<()> {
    let text = text.to_string();
    text.lines().flat_map(|line| paint::wrap(line, 80)).try_for_each(|line| writeln!(out, "{line}"))
}

/// What agreement on a gradient of zeros leaves open.
fn zeros(report: &Report) -> Option<String> {
    let is_zero = |t: &&Tensor| t.order == 1 && t.connected && t.norm == 0.0;
    let names: Vec<String> = report.tensors.iter().filter(is_zero).map(|t| format!("`{}`", t.name)).collect();
    (!names.is_empty() && report.passed()).then(|| {
        format!(
            "note: exactly 0 at this point: the gradient by {}. A wrong factor in it would not be seen: check at another \
             point too (--seed, --scale)",
            names.join(", ")
        )
    })
}

/// The faulty node, or what wrong gradients probably are instead.
pub fn headline(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let b = paint::BAD;
    if let Some(guilty) = &report.guilty {
        writeln!(out, "{b}guilty{b:#} {guilty}\n")?;
    }
    let likely = report.likely();
    for (hint, tensors) in &likely {
        writeln!(out, "{b}likely{b:#} {}: {hint}", report.names(tensors))?;
    }
    if likely.is_empty() { Ok(()) } else { writeln!(out) }
}

/// The number of failed tensors whose elements are printed.
const TOLD: usize = 3;

/// A line per tensor, the worst first; after the first failed ones, their elements.
pub fn table(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut tensors = report.worst_first();
    tensors.sort_by_key(|t| t.order);
    let name = width(tensors.iter().map(|t| t.name.as_str()), "tensor");
    let shapes: Vec<String> = tensors.iter().map(|t| t.shape.to_string()).collect();
    let shape = width(shapes.iter().map(String::as_str), "shape");
    let mut order = 0;
    let mut told = 0;
    for (tensor, its_shape) in tensors.into_iter().zip(&shapes) {
        if tensor.order > order {
            order = tensor.order;
            let title = if order == 1 { "Gradients of the loss" } else { "\nGradients of the gradients" };
            let (t, f) = (paint::TITLE, paint::FAINT);
            writeln!(out, "{t}{title}{t:#}")?;
            writeln!(
                out,
                "{f}{:name$}  {:shape$} {:>10} {:>10}  {:>6}  {:>6}{f:#}",
                "tensor", "shape", "analytic", "numeric", "differ", "within"
            )?;
        }
        if tensor.is_detached() {
            let f = paint::FAINT;
            writeln!(out, "{:name$}  {its_shape:shape$} {f}{DETACHED}{f:#}", tensor.name)?;
            continue;
        }
        let Comparison { analytic, numeric, tolerance, .. } = tensor.comparison;
        let (verdict, style) = (tensor.verdict(), paint::verdict(tensor.verdict().is_good()));
        writeln!(
            out,
            "{:name$}  {its_shape:shape$} {analytic:>10.3e} {numeric:>10.3e}  {:>6.0e}  {tolerance:>6.0e}  \
             {style}{verdict}{style:#}",
            tensor.name,
            tensor.comparison.difference(),
        )?;
        if verdict != Verdict::Pass && told < TOLD {
            told += 1;
            // The checker's report lists the elements below its own line for the tensor.
            tensor.to_string().lines().skip(1).try_for_each(|line| writeln!(out, "{line}"))?;
        }
    }
    Ok(())
}

fn width<'a>(texts: impl Iterator<Item = &'a str>, title: &'a str) -> usize {
    texts.chain([title]).map(|text| text.chars().count()).max().unwrap_or(0)
}

/// The verdict in one line.
pub fn verdict(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let count = |verdict| report.tensors.iter().filter(|t| t.verdict() == verdict).count();
    let (failed, open, all) = (count(Verdict::Fail), count(Verdict::Inconclusive), report.tensors.len());
    let proved = report.tensors.iter().filter(|t| t.decided_by == Decider::Equations).count();
    let unseen =
        report.tensors.iter().filter(|t| t.comparison.unseen && t.decided_by == Decider::Differences).count();
    let conventions = count(Verdict::Convention);
    let witnesses = || report.witnesses.iter().filter(|w| !w.verdict.is_good());
    let (word, rest) = match (failed, open) {
        (0, _) if conventions > 0 => (
            "FAIL",
            format!(
                "{conventions} of {all} gradients are on kinks, and the slope of no piece: no op is wrong, all together are"
            ),
        ),
        (0, 0) if witnesses().next().is_some() => {
            let names: Vec<&str> = witnesses().map(|w| w.name.as_str()).collect();
            (
                if report.verdict() == Verdict::Fail { "FAIL" } else { "OPEN" },
                format!("does not hold: {}", names.join("; ")),
            )
        }
        (0, 0) if report.verdict() == Verdict::Kink => {
            let kinks = count(Verdict::Kink);
            ("PASS", format!("{kinks} of {all} gradients are on a kink, between the slopes that meet there"))
        }
        (0, 0) if proved > 0 => (
            "PASS",
            format!(
                "all {all} gradients are right: {} agree with numeric ones, {proved} by every node's own equation",
                all - proved
            ),
        ),
        (0, 0) if unseen > 0 => (
            "PASS",
            format!(
                "{unseen} of {all} gradients are below what differences see: nothing speaks against them"
            ),
        ),
        (0, 0) => ("PASS", format!("all {all} gradients agree with numeric ones")),
        (0, _) if report.scatter.is_some() => {
            ("OPEN", format!("{open} of {all} gradients are lost in the noise of the loss"))
        }
        (0, _) => ("OPEN", format!("{open} of {all} numeric gradients are too coarse to tell")),
        _ => ("FAIL", format!("{failed} of {all} gradients are wrong")),
    };
    let names: Vec<String> = report.detached().map(|t| format!("`{}`", t.name)).collect();
    let detached = match &names[..] {
        [] => String::new(),
        [one] => format!("; {one} is {DETACHED}"),
        [first, .., last] if names.len() > 3 => {
            format!("; {first} … {last}, {} in all, are {DETACHED}", names.len())
        }
        many => format!("; {} are {DETACHED}", many.join(", ")),
    };
    let s = paint::verdict(report.passed());
    writeln!(out, "{s}{word}{s:#} {rest}{detached}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_comes_first_and_decides() {
        let mut report = NetSpec::default().check(1, 0).unwrap();
        let wrong = report.tensors.len() - 1;
        let name = report.tensors[wrong].name.clone();
        for (found, word) in [(Verdict::Fail, "FAIL 1 of 8"), (Verdict::Inconclusive, "OPEN 1 of 8")] {
            report.tensors[wrong].comparison.verdict = found;
            let mut out = Vec::new();
            table(&mut out, &report).unwrap();
            verdict(&mut out, &report).unwrap();
            let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
            assert!(text.lines().nth(2).unwrap().starts_with(&name), "{text}");
            assert!(text.lines().last().unwrap().starts_with(word), "{text}");
        }
    }
}
