//! `rnn gradcheck --witnesses`

use super::{DRAWN, Lab, code};
use crate::net_spec::describe;
use crate::paint;
use autograd_check::Verdict;
use rnn_lab::study::{Gap, NetSpec, Witness, witnesses};
use serde::Serialize;
use serde_json::json;
use std::io::Write;

/// A line of the table.
#[derive(Serialize)]
struct Row<'a> {
    witness: &'a str,
    verdict: String,
    worst: Option<&'a str>,
    difference: Option<f64>,
    tolerance: Option<f64>,
    size: Option<f64>,
}

pub(super) fn run(lab: &Lab, net: &NetSpec, seed: u64, json: bool) -> crate::Result {
    let heard = witnesses(net, seed)?;
    lab.table(heard.iter().map(|w| {
        let gap = w.worst.as_ref();
        let number = |f: fn(&Gap) -> f64| gap.map(f);
        Row {
            witness: w.name,
            verdict: word(w),
            worst: gap.map(|g| &*g.of),
            difference: number(|g| g.difference),
            tolerance: number(|g| g.tolerance),
            size: number(|g| g.size),
        }
    }))?;
    let worst = heard.iter().filter_map(|w| w.verdict).max().unwrap_or(Verdict::Pass);
    let mut out = anstream::stdout().lock();
    if json {
        let all: Vec<_> = heard.iter().map(to_json).collect();
        writeln!(
            out,
            "{:#}",
            json!({"verdict": worst.to_string().to_lowercase(), "seed": seed, "witnesses": all})
        )?;
    } else {
        let f = paint::FAINT;
        writeln!(out, "{}; seed {seed}; {DRAWN}\n", describe(net))?;
        for witness in &heard {
            let style = witness.verdict.map_or(f, |v| paint::verdict(v == Verdict::Pass));
            writeln!(out, "{style}{:<12}{style:#} {:<8} {}", word(witness), witness.name, witness.claim)?;
            if let Some(Gap { of, difference, tolerance, size }) = &witness.worst {
                writeln!(
                    out,
                    "{f}{:21} worst: {of}, {difference:.1e} apart of {size:.1e}, within {tolerance:.1e}{f:#}",
                    ""
                )?;
            }
            writeln!(out, "{f}{:21} {}{f:#}", "", witness.evidence)?;
        }
    }
    out.flush()?;
    Ok(code(worst))
}

fn word(witness: &Witness) -> String {
    witness.verdict.map_or("silent".into(), |verdict| verdict.to_string())
}

fn to_json(witness: &Witness) -> serde_json::Value {
    let gap =
        |g: &Gap| json!({"of": g.of, "difference": g.difference, "tolerance": g.tolerance, "size": g.size});
    json!({
        "name": witness.name, "claim": witness.claim, "verdict": word(witness).to_lowercase(),
        "worst": witness.worst.as_ref().map(gap), "evidence": witness.evidence,
    })
}
