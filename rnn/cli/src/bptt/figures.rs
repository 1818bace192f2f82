//! The results as pictures.

use super::{Found, Part, spectrum};
use crate::plot::{Chart, HeatMap, Look, Scale, Series, panels};
use autograd::Magnitude;
use ndarray::ArrayD;
use rnn_lab::study::{Bias, Shares, Truncation};

/// One figure, or all side by side.
pub fn svg(found: &Found, only: Option<Part>) -> String {
    let mut all = vec![
        (Part::Matrix, Some(matrix(found))),
        (Part::Decay, Some(decay(found))),
        (Part::Lags, lags(found)),
        (Part::Steps, steps(found)),
        (Part::Stretch, stretch(found)),
        (Part::Windows, windows(found, "angle in degrees", |bias| bias.angle)),
        (Part::Windows, windows(found, "norm over that of the full gradient", |bias| bias.ratio)),
    ];
    let spectra = spectrum::charts(found).into_iter().map(|svg| (Part::Spectrum, Some(svg)));
    all.splice(5..5, spectra);
    let chosen = |(part, svg): (Part, Option<String>)| svg.filter(|_| only.is_none_or(|only| only == part));
    let pictures: Vec<String> = all.into_iter().filter_map(chosen).collect();
    match &pictures[..] {
        [one] => one.clone(),
        many => panels(&format!("Backpropagation through time, taken apart: {}", found.title), many, 2),
    }
}

/// The joint state: `h`, or `(h, c)`.
pub fn state(found: &Found) -> String {
    match &found.bptt.states[..] {
        [one] => format!("{one}[k]"),
        many => format!("({})[k]", many.join(", ")),
    }
}

fn matrix(found: &Found) -> String {
    let bptt = &found.bptt;
    let name = format!("‖∂L[t]/∂{}‖", state(found));
    if bptt.losses.len() == 1 {
        let points =
            bptt.matrix.row(0).to_vec().into_iter().enumerate().map(|(k, v)| ((k + 1) as f64, v.log10()));
        let mut chart = Chart::new(&format!("{name}: {}", found.title), "k, the step of the state", &name)
            .y_scale(Scale::Decades);
        chart.push(Series::new("one loss, after the last step", Look::Nth(0), points));
        return chart.svg();
    }
    let title = format!("{name}: {}", found.title);
    HeatMap::new(
        &title,
        "k, the step of the state",
        "t, the step of the loss",
        bptt.matrix.mapv(Magnitude::log10),
    )
    .scale(Scale::Decades)
    .floor(1e-30)
    .bar(&name)
    .svg()
}

fn decay(found: &Found) -> String {
    let bptt = &found.bptt;
    let name = format!("‖∂L[t]/∂{}‖", state(found));
    let mut chart = Chart::new("How it falls with distance", "distance t − k", &name).y_scale(Scale::Decades);
    let measured = bptt.decay.by_lag.iter().map(|(&lag, norm)| (lag as f64, norm.log10()));
    let last = bptt.losses.len() - 1;
    let t = bptt.loss_steps[last];
    let back = |row: ndarray::ArrayView1<Magnitude>| -> Vec<(f64, f64)> {
        (0..t).rev().map(|k| ((t - 1 - k) as f64, row[k].log10())).filter(|p| p.1.is_finite()).collect()
    };
    if let Some(bound) = &bptt.bound {
        let points = back(bound.row(last));
        if !points.is_empty() {
            let name = format!("bound for t = {t}: product of the largest singular values");
            chart.push(Series::new(&name, Look::Bound(6), points));
        }
    }
    if last > 0 {
        chart.push(Series::new(&format!("t = {t}"), Look::Nth(4), back(bptt.matrix.row(last))));
    }
    let several = if last > 0 { "geometric mean over all t" } else { "measured" };
    chart.push(Series::new(several, Look::Nth(0), measured));
    let lags: Vec<f64> = bptt.decay.by_lag.keys().map(|&lag| lag as f64).collect();
    if let (Some(rate), Some(&far)) = (bptt.decay.rate, lags.last()) {
        let points = [0.0, far].into_iter().filter_map(|lag| Some((lag, bptt.decay.line(lag)?.log10())));
        chart.push(Series::new(&format!("fit: × {rate:.3} a step"), Look::Bound(1), points));
    }
    chart.svg()
}

/// The norm of a contribution to a gradient.
pub fn norm(part: &ArrayD<f64>) -> f64 {
    autograd::norm(part)
}

/// Parameters with contributions at more than one step, the largest first, at most one per colour.
fn shown(found: &Found) -> Vec<&Shares> {
    let mut shares: Vec<&Shares> = found
        .bptt
        .shares
        .iter()
        .filter(|share| share.name.starts_with("rnn.") || share.name.starts_with("emb"))
        .collect();
    shares.sort_by(|a, b| norm(&b.total()).total_cmp(&norm(&a.total())));
    shares.truncate(6);
    shares
}

fn lags(found: &Found) -> Option<String> {
    let points = |share: &Shares| share.by_lag.iter().map(|(&lag, part)| (lag as f64, norm(part))).collect();
    let chart = Chart::new("∂L/∂W by lag: from uses so far before the loss", "lag t − k", "norm of the part");
    shares(found, chart, points)
}

fn steps(found: &Found) -> Option<String> {
    let points = |share: &Shares| {
        share.by_step.iter().enumerate().skip(1).map(|(k, part)| (k as f64, norm(part))).collect()
    };
    shares(found, Chart::new("∂L/∂W by step: from the use at step k", "step k", "norm of the part"), points)
}

/// A curve per parameter. Two biases that are added have the same gradient, and share a curve.
fn shares(found: &Found, chart: Chart, points: impl Fn(&Shares) -> Vec<(f64, f64)>) -> Option<String> {
    let mut curves: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for share in shown(found) {
        let (name, points) = (short(&share.name), points(share));
        match curves.iter_mut().find(|(_, known)| *known == points) {
            Some((names, _)) => names.extend([" = ", name]),
            None => curves.push((name.into(), points)),
        }
    }
    let mut chart = chart.y_scale(Scale::Log);
    for (i, (name, points)) in curves.into_iter().enumerate() {
        chart.push(Series::new(&name, Look::Nth(i), points));
    }
    (!found.bptt.shares.is_empty()).then(|| chart.svg())
}

/// A parameter's name without the common prefix.
pub fn short(name: &str) -> &str {
    name.strip_prefix("rnn.").unwrap_or(name)
}

fn stretch(found: &Found) -> Option<String> {
    let stretch = &found.bptt.stretch;
    let title = "What a step can stretch a gradient by";
    let mut chart = Chart::new(title, "step k", "largest singular value of ∂s[k]/∂s[k−1]");
    let ends = [2.0, (stretch.len() + 1) as f64];
    chart.push(Series::new("1: neither grows nor fades", Look::Bound(6), ends.map(|k| (k, 1.0))));
    let mean = |each: &Vec<f64>| each.iter().sum::<f64>() / each.len() as f64;
    let points = stretch.iter().enumerate().map(|(i, each)| ((i + 2) as f64, mean(each)));
    let several = stretch.first().is_some_and(|s| s.len() > 1);
    let name = if several { "mean of the sequences" } else { "measured" };
    chart.push(Series::new(name, Look::Nth(2), points));
    (!stretch.is_empty()).then(|| chart.svg())
}

/// The bias of truncation for the gradient of all recurrent parameters together, and of each alone.
fn windows(found: &Found, what: &str, of: impl Fn(&Bias) -> f64) -> Option<String> {
    let all = &found.truncations;
    let mut chart =
        Chart::new(&format!("Truncated BPTT: {what}"), "window in steps", what).x_scale(Scale::Log);
    let cut = all.iter().map(|t| (t.window as f64, of(&t.cut)));
    let sliding = all.iter().map(|t| (t.window as f64, of(&t.sliding)));
    chart.push(Series::new("all, states cut every so many steps", Look::Nth(0), cut));
    chart.push(Series::new("all, each loss sent back so many steps", Look::Bound(1), sliding));
    let mut curves: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for share in shown(found) {
        let alone = |t: &Truncation| {
            let one = t.parameters.iter().find(|p| p.name == share.name)?;
            Some((t.window as f64, of(&one.cut)))
        };
        let (name, points) = (short(&share.name), all.iter().filter_map(alone).collect::<Vec<_>>());
        match curves.iter_mut().find(|(_, known)| *known == points) {
            Some((names, _)) => names.extend([" = ", name]),
            None if !points.is_empty() => curves.push((name.into(), points)),
            None => {}
        }
    }
    for (i, (name, points)) in curves.into_iter().enumerate() {
        chart.push(Series::new(&format!("{name}, cut"), Look::Nth(i + 2), points));
    }
    (!all.is_empty()).then(|| chart.svg())
}
