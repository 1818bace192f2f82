//! The results, drawn in a terminal.

use super::figures::{norm, short, state};
use super::{Found, Part, spectrum};
use crate::paint::{FAINT, TITLE};
use crate::picture::brief;
use crate::plot::terminal::{self, Line};
use autograd::Magnitude;
use std::fmt::Write;

/// Groups of lags with a table column each, by their upper bound, included.
const GROUPS: [(&str, usize); 5] =
    [("lag 0", 0), ("1–3", 3), ("4–15", 15), ("16–63", 63), ("64 and more", usize::MAX)];

/// One figure, or all.
pub fn text(found: &Found, only: Option<Part>) -> String {
    let mut out = String::new();
    let wants = |part| only.is_none_or(|only| only == part);
    let mut chapter = |title: &str, body: String| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{TITLE}{title}{TITLE:#}\n\n{body}\n");
    };
    if wants(Part::Matrix) && found.bptt.losses.len() > 1 {
        let title = format!("‖∂L[t]/∂{}‖: {}", state(found), found.title);
        chapter(&title, terminal::heat(&found.bptt.matrix, "k", "t"));
    }
    if wants(Part::Decay) || (wants(Part::Matrix) && found.bptt.losses.len() == 1) {
        chapter("How it falls with the distance t − k", decay(found));
    }
    if (wants(Part::Lags) || wants(Part::Steps)) && !found.bptt.shares.is_empty() {
        chapter("∂L/∂W by lag: how much of it comes from uses so far before the loss", lags(found));
    }
    if wants(Part::Stretch) && !found.bptt.stretch.is_empty() {
        chapter("What a step can stretch a gradient by", stretch(found));
    }
    if only == Some(Part::Spectrum) || (wants(Part::Spectrum) && !found.bptt.spectra.is_empty()) {
        chapter(
            "What comes through: singular values, eigenvalues, Lyapunov exponents",
            spectrum::text(found),
        );
    }
    if wants(Part::Windows) && !found.truncations.is_empty() {
        chapter("Truncated BPTT beside the full gradient of the recurrent parameters", windows(found));
    }
    out
}

fn decay(found: &Found) -> String {
    let decay = &found.bptt.decay;
    let values: Vec<Magnitude> = decay.by_lag.range(0..).map(|(_, norm)| *norm).collect();
    let mut lines = vec![Line { mark: "o".into(), values }];
    let last = found.bptt.losses.len() - 1;
    let mut key = vec![("o", "geometric mean over all losses".to_owned())];
    if let Some(bound) = &found.bptt.bound {
        let t = found.bptt.loss_steps[last];
        let values: Vec<Magnitude> = (0..t).rev().map(|k| bound[[last, k]]).collect();
        if values.iter().all(|v| v.is_finite()) {
            lines.push(Line { mark: "=".into(), values });
            key.push(("=", format!("bound for t = {t} by the Jacobians' largest singular values")));
        }
    }
    let mut out = terminal::curves(&lines, "t − k");
    for (i, (mark, name)) in key.iter().enumerate() {
        let s = terminal::style(i);
        let _ = writeln!(out, "  {s}{mark}{s:#} {name}");
    }
    if let Some(rate) = decay.rate {
        let half = decay.half_life().map_or(String::new(), |n| format!(", halved every {n:.1} steps"));
        let _ = writeln!(out, "  fitted rate: × {rate:.4} a step{half}");
    }
    out
}

fn lags(found: &Found) -> String {
    let mut out = String::new();
    let _ = write!(out, "  {FAINT}{:24}{:>10}", "parameter", "norm");
    let longest =
        found.bptt.shares.iter().flat_map(|share| share.by_lag.keys()).map(|lag| lag.unsigned_abs()).max();
    // Empty groups get no column.
    let groups: Vec<(&str, usize)> = (0..GROUPS.len())
        .filter(|&i| i == 0 || longest.is_some_and(|longest| longest > GROUPS[i - 1].1))
        .map(|i| GROUPS[i])
        .collect();
    groups.iter().for_each(|(name, _)| {
        let _ = write!(out, "{name:>12}");
    });
    let _ = writeln!(out, "{FAINT:#}");
    for share in &found.bptt.shares {
        let total = share.total();
        let square = total.iter().map(|x| x * x).sum::<f64>();
        let _ = write!(out, "  {:24}{:>10}", short(&share.name), brief(norm(&total)));
        let mut from = 0;
        for &(_, to) in &groups {
            let group = share.by_lag.iter().filter(|(lag, _)| (from..=to).contains(&lag.unsigned_abs()));
            let along = |(_, part): (&isize, &ndarray::ArrayD<f64>)| (part * &total).sum();
            let (mut any, mut sum) = (false, 0.0);
            group.for_each(|entry| (any, sum) = (true, sum + along(entry)));
            let cell = if any && square > 0.0 { percent(sum / square) } else { "–".into() };
            let _ = write!(out, "{cell:>12}");
            from = to.saturating_add(1);
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "  {FAINT}parts of the gradient along its own direction: each row adds up to 100 %{FAINT:#}"
    );
    if !found.bptt.unsplit.is_empty() {
        let _ = writeln!(out, "  {FAINT}too large to split: {}{FAINT:#}", found.bptt.unsplit.join(", "));
    }
    out
}

/// A percentage with one digit, without a sign if it rounds to 0.
fn percent(share: f64) -> String {
    let text = format!("{:.1} %", 100.0 * share);
    if text == "-0.0 %" { "0.0 %".into() } else { text }
}

fn stretch(found: &Found) -> String {
    let mut all: Vec<f64> = found.bptt.stretch.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a place in the list
        let i = (share * (all.len() - 1) as f64).round() as usize;
        brief(all[i])
    };
    let above = all.iter().filter(|s| **s > 1.0).count();
    format!(
        "  largest singular value of ∂s[k]/∂s[k−1] over the steps\n  least {}, median {}, largest {}; above 1 in {above} of {}\n",
        at(0.0),
        at(0.5),
        at(1.0),
        all.len()
    )
}

fn windows(found: &Found) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "  {FAINT}{:>8}{:>28}{:>28}   worst parameter, cut\n  {:>8}{:>16}{:>12}{:>16}{:>12}{FAINT:#}",
        "", "states cut every K", "each loss sent back K", "window", "angle", "norm", "angle", "norm"
    );
    for t in &found.truncations {
        let _ = write!(
            out,
            "  {:>8}{:>15.2}°{:>12.4}{:>15.2}°{:>12.4}",
            t.window, t.cut.angle, t.cut.ratio, t.sliding.angle, t.sliding.ratio
        );
        let known = t.parameters.iter().filter(|p| p.cut.angle.is_finite());
        if let Some(worst) = known.max_by(|a, b| a.cut.angle.total_cmp(&b.cut.angle)) {
            let _ = write!(out, "   {} {:.2}°", short(&worst.name), worst.cut.angle);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "  {FAINT}norm: over that of the full gradient{FAINT:#}");
    out
}
