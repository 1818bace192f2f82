//! `rnn gradcheck --precision`

use super::{DRAWN, Lab};
use crate::net_spec::describe;
use crate::paint;
use crate::plot::{Chart, Look, Scale, Series};
use autograd_check::Rounding;
use rnn_lab::study::{NetSpec, precision_by_steps, precision_of};
use serde::Serialize;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

/// The numbers of steps at which the precision loss is shown.
const STEPS: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];
/// The number of nodes shown per kind.
const SHOWN: usize = 6;

/// A row of the table.
#[derive(Serialize)]
struct Row<'a> {
    node: &'a str,
    op: &'a str,
    size: f64,
    gap: f64,
    gap_of_terms: f64,
    inherited: f64,
    cancellation: f64,
}

impl<'a> From<&'a Rounding> for Row<'a> {
    fn from(node: &'a Rounding) -> Self {
        let &Rounding { op, size, gap, gap_of_terms, inherited, cancellation, .. } = node;
        Self { node: &node.name, op, size, gap, gap_of_terms, inherited, cancellation }
    }
}

/// The precision loss of the gradients of parameters at one number of steps.
#[derive(Serialize)]
struct AtSteps {
    steps: usize,
    /// The smallest, the median and the largest gap.
    gaps: [f64; 3],
    /// The parameter with the largest gap.
    worst: String,
}

pub(super) fn run(lab: &Lab, net: &NetSpec, seed: u64, json: bool) -> crate::Result {
    let report = precision_of(net, seed)?;
    lab.table(report.nodes.iter().map(Row::from))?;
    let mut by_steps = Vec::new();
    for steps in STEPS {
        let mut losses = precision_by_steps(net, &[steps], seed)?;
        losses.retain(|loss| loss.size > 0.0);
        losses.sort_by(|a, b| a.gap.total_cmp(&b.gap));
        if let (Some(first), Some(last)) = (losses.first(), losses.last()) {
            let gaps = [first.gap, losses[losses.len() / 2].gap, last.gap];
            by_steps.push(AtSteps { steps, gaps, worst: last.leaf.clone() });
        }
    }
    lab.picture(|| chart(&by_steps, &describe(net)))?;
    let mut out = anstream::stdout().lock();
    if json {
        let nodes: Vec<Row> = report.nodes.iter().map(Row::from).collect();
        writeln!(out, "{:#}", json!({"seed": seed, "nodes": nodes, "by_steps": by_steps}))?;
    } else {
        writeln!(out, "{}; seed {seed}; {DRAWN}\n", describe(net))?;
        let (t, count) = (paint::TITLE, report.nodes.len());
        writeln!(out, "{t}The largest gaps between f32 and f64, of {count} nodes{t:#}")?;
        nodes(&mut out, report.worst())?;
        let count = report.cancellations().count();
        writeln!(out, "\n{t}Nodes that lose a digit or more by cancellation: {count}{t:#}")?;
        nodes(&mut out, report.cancellations())?;
        writeln!(out, "\n{t}What f32 loses of the gradients over more steps{t:#}")?;
        let f = paint::FAINT;
        writeln!(out, "{f}{:>5}  {:>8}  {:>8}  {:>8}  worst{f:#}", "steps", "least", "median", "most")?;
        for AtSteps { steps, gaps: [least, median, most], worst } in &by_steps {
            writeln!(out, "{steps:>5}  {least:>8.1e}  {median:>8.1e}  {most:>8.1e}  ∂{worst}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn nodes<'a>(out: &mut impl Write, nodes: impl Iterator<Item = &'a Rounding>) -> io::Result<()> {
    let f = paint::FAINT;
    writeln!(out, "{f}{:>8}  {:>8}  {:>9}  {:>9}  node{f:#}", "gap", "of terms", "inherited", "cancelled")?;
    for Rounding { name, op, gap, gap_of_terms, inherited, cancellation, .. } in nodes.take(SHOWN) {
        writeln!(
            out,
            "{gap:>8.1e}  {gap_of_terms:>8.1e}  {inherited:>9.1e}  {cancellation:>9.1e}  {name} ({op})"
        )?;
    }
    Ok(())
}

fn chart(by_steps: &[AtSteps], net: &str) -> Chart {
    let net = net.split(',').next().unwrap_or(net);
    let title = format!("What f32 loses of gradients: {net}");
    let mut chart =
        Chart::new(&title, "steps", "relative gap to f64").x_scale(Scale::Log).y_scale(Scale::Log);
    for (k, name) in ["the best gradient", "the median", "the worst"].into_iter().enumerate() {
        chart.push(Series::new(name, Look::Nth(k), by_steps.iter().map(|at| (at.steps as f64, at.gaps[k]))));
    }
    chart
}
