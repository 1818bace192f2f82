//! `rnn gradcheck --taylor`

use super::{DRAWN, Lab, code};
use crate::net_spec::describe;
use crate::paint;
use crate::plot::{Chart, Look, Scale, Series};
use autograd::Builder;
use autograd_check::{Taylor, Verdict, taylor};
use rnn_lab::study::{NetSpec, Trial};
use serde::Serialize;
use serde_json::json;
use std::io::Write;

/// A row of the table.
#[derive(Serialize)]
struct Row {
    epsilon: f64,
    r1: f64,
    r2: f64,
    r3: f64,
    smooth: bool,
}

pub(super) fn run(lab: &Lab, net: &NetSpec, seed: u64, json: bool) -> crate::Result {
    let (network, point) = Trial::draw(net, seed, 1.0)?.unrolled()?;
    let g = Builder::resume(network.graph.clone());
    let report = taylor(g.expr(network.loss), point, seed)?;
    let rows = report.rows.iter().map(|row| {
        let [r1, r2, r3] = row.of;
        Row { epsilon: row.step, r1, r2, r3, smooth: row.smooth }
    });
    lab.table(rows)?;
    lab.picture(|| chart(&report, &describe(net)))?;
    let mut out = anstream::stdout().lock();
    if json {
        writeln!(out, "{:#}", to_json(&report))?;
    } else {
        let verdict = report.verdict();
        let s = paint::verdict(verdict == Verdict::Pass);
        writeln!(out, "{}; seed {seed}; {DRAWN}\n\n{report}\n\n{s}{verdict:#}{s:#}", describe(net))?;
    }
    out.flush()?;
    Ok(code(report.verdict()))
}

fn chart(report: &Taylor, net: &str) -> Chart {
    let mut chart =
        Chart::new(&format!("Taylor test: {net}"), "ε", "residual").x_scale(Scale::Log).y_scale(Scale::Log);
    for (k, order) in report.orders.iter().enumerate() {
        let name = match order.measured {
            Some(measured) => format!("r{}: order {measured:.3}", k + 1),
            None => format!("r{}: at the floor", k + 1),
        };
        chart.push(Series::new(&name, Look::Nth(k), report.rows.iter().map(|row| (row.step, row.of[k]))));
    }
    let ends = [report.rows.first(), report.rows.last()].into_iter().flatten();
    chart.push(Series::new("rounding floor", Look::Bound(7), ends.map(|row| (row.step, report.floor))));
    chart
}

fn to_json(report: &Taylor) -> serde_json::Value {
    let orders = report.orders.iter().map(|order| {
        let verdict = order.verdict.to_string().to_lowercase();
        json!({"expected": order.expected, "measured": order.measured, "range": order.range, "verdict": verdict})
    });
    json!({
        "verdict": report.verdict().to_string().to_lowercase(), "subject": report.subject, "seed": report.seed,
        "value": report.value, "slope": report.slope, "curvature": report.curvature, "floor": report.floor,
        "orders": orders.collect::<Vec<_>>(),
        "residuals": report.rows.iter().map(|r| json!({"step": r.step, "residuals": r.of, "smooth": r.smooth})).collect::<Vec<_>>(),
    })
}
