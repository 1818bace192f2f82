//! The results as numbers.

use super::figures::norm;
use super::{Found, Part, spectrum};
use autograd::Magnitude;
use ndarray::{Array2, ArrayD};
use serde_json::{Value, json};
use std::fmt::Write;

/// One table, by default the matrix. Missing values are empty fields.
pub fn csv(found: &Found, only: Option<Part>) -> String {
    let bptt = &found.bptt;
    let mut rows: Vec<String> = Vec::new();
    let field = |x: f64| if x.is_finite() { format!("{x:e}") } else { String::new() };
    let long = |x: Magnitude| if x.is_finite() { format!("{x:e}") } else { String::new() };
    match only.unwrap_or(Part::Matrix) {
        Part::Matrix => {
            rows.push("t,k,norm,bound".into());
            for ((row, k), &norm) in bptt.matrix.indexed_iter() {
                let bound = bptt.bound.as_ref().map_or(Magnitude::NAN, |bound| bound[[row, k]]);
                rows.push(format!("{},{},{},{}", bptt.loss_steps[row], k + 1, long(norm), long(bound)));
            }
        }
        Part::Decay => {
            rows.push("lag,norm,fit".into());
            for (&lag, &norm) in &bptt.decay.by_lag {
                let fit = bptt.decay.line(lag as f64).unwrap_or(Magnitude::NAN);
                rows.push(format!("{lag},{},{}", long(norm), long(fit)));
            }
        }
        Part::Steps => {
            rows.push("parameter,step,norm,share".into());
            for share in &bptt.shares {
                let total = share.total();
                for (k, part) in share.by_step.iter().enumerate() {
                    let of = along(part, &total);
                    rows.push(format!("{},{k},{},{}", share.name, field(norm(part)), field(of)));
                }
            }
        }
        Part::Lags => {
            rows.push("parameter,lag,norm,share".into());
            for share in &bptt.shares {
                let total = share.total();
                for (lag, part) in &share.by_lag {
                    let of = along(part, &total);
                    rows.push(format!("{},{lag},{},{}", share.name, field(norm(part)), field(of)));
                }
            }
        }
        Part::Stretch => {
            rows.push("step,sequence,stretch".into());
            for (i, each) in bptt.stretch.iter().enumerate() {
                let row = |(b, s): (usize, &f64)| format!("{},{},{}", i + 2, b + 1, field(*s));
                rows.extend(each.iter().enumerate().map(row));
            }
        }
        Part::Spectrum => rows = spectrum::rows(found),
        Part::Windows => {
            rows.push("window,parameter,cut_angle,cut_ratio,sliding_angle,sliding_ratio".into());
            for t in &found.truncations {
                let each = t.parameters.iter().map(|p| (&*p.name, p.cut, p.sliding));
                for (name, cut, sliding) in std::iter::once(("all", t.cut, t.sliding)).chain(each) {
                    let [a, b, c, d] = [cut.angle, cut.ratio, sliding.angle, sliding.ratio].map(field);
                    rows.push(format!("{},{name},{a},{b},{c},{d}", t.window));
                }
            }
        }
    }
    rows.join("\n") + "\n"
}

/// The component of a contribution along the whole gradient: over all contributions these add up to 1.
fn along(part: &ArrayD<f64>, total: &ArrayD<f64>) -> f64 {
    (part * total).sum() / (total * total).sum()
}

/// All numbers, as one object. Missing values are `null`. Numbers outside the range of double precision are strings
/// of their decimal digits.
pub fn json(found: &Found) -> String {
    let bptt = &found.bptt;
    let table = |a: &Array2<Magnitude>| -> Value {
        a.rows().into_iter().map(|row| json!(row.to_vec())).collect::<Vec<_>>().into()
    };
    let parameters: Vec<Value> = bptt
        .shares
        .iter()
        .map(|share| {
            let total = share.total();
            let part = |place: (&str, Value), part: &ArrayD<f64>| {
                json!({ place.0: place.1, "norm": norm(part), "share": along(part, &total) })
            };
            let by_step: Vec<Value> =
                share.by_step.iter().enumerate().map(|(k, p)| part(("step", k.into()), p)).collect();
            let by_lag: Vec<Value> =
                share.by_lag.iter().map(|(&lag, p)| part(("lag", lag.into()), p)).collect();
            json!({ "name": share.name, "norm": norm(&total), "by_step": by_step, "by_lag": by_lag })
        })
        .collect();
    let decay: Vec<Value> =
        bptt.decay.by_lag.iter().map(|(lag, norm)| json!({ "lag": lag, "norm": norm })).collect();
    let all = json!({
        "net": found.title,
        "states": bptt.states,
        "loss_steps": bptt.loss_steps,
        "losses": bptt.losses,
        "matrix": table(&bptt.matrix),
        "bound": bptt.bound.as_ref().map(table),
        "decay": { "by_lag": decay, "rate": bptt.decay.rate, "half_life": bptt.decay.half_life() },
        "stretch": bptt.stretch,
        "spectra": bptt.spectra,
        "parameters": parameters,
        "unsplit": bptt.unsplit,
        "windows": found.truncations,
    });
    let mut text = String::new();
    let _ = writeln!(text, "{all:#}");
    text
}
