//! The spectra of the Jacobians and of their products: a table, curves, and all numbers as rows.

use super::Found;
use super::figures::state;
use crate::paint::FAINT;
use crate::picture::{brief, brief_magnitude};
use crate::plot::{Chart, Look, Scale, Series};
use autograd::Magnitude;
use rnn_lab::study::{Eigenvalue, Spectrum};
use std::f64::consts::TAU;
use std::fmt::Write;

/// The maximum number of values in a row of the table.
const COLUMNS: usize = 6;
/// The maximum number of curves in a chart.
const CURVES: usize = 8;
/// The maximum number of products in the table.
const ROWS: usize = 12;

/// The first sequence, as tables.
pub fn text(found: &Found) -> String {
    let Some(spectrum) = found.bptt.spectra.first().filter(|s| !s.steps.is_empty()) else {
        return "  a single step has no Jacobian: give more --steps\n".into();
    };
    let mut out = String::new();
    if found.bptt.spectra.len() > 1 {
        let _ = writeln!(out, "  {FAINT}the first of {} sequences{FAINT:#}", found.bptt.spectra.len());
    }
    let n = spectrum.exponents.len();
    let places = spread(n, COLUMNS);
    let head = |out: &mut String, first: &str, mark: &str| {
        let _ = write!(out, "  {FAINT}{first:<16}");
        for i in &places {
            let _ = write!(out, "{:>12}", format!("{mark}{}", i + 1));
        }
    };
    head(&mut out, "Jacobians", "σ");
    let _ = writeln!(out, "{:>12}{FAINT:#}", "|λ1|");
    for (name, share) in [("least", 0.0), ("median", 0.5), ("largest", 1.0)] {
        let over = |of: &dyn Fn(usize) -> f64| quantile((0..spectrum.steps.len()).map(of).collect(), share);
        let _ = write!(out, "  {name:<16}");
        for &i in &places {
            let _ = write!(out, "{:>12}", brief(over(&|k| spectrum.steps[k].singular[i])));
        }
        let radius =
            over(&|k| spectrum.steps[k].eigenvalues.first().map_or(f64::NAN, |e| e.modulus.to_f64()));
        let _ = writeln!(out, "{:>12}", brief(radius));
    }
    out.push('\n');
    head(&mut out, &format!("∂s[{}]/∂s[k]", spectrum.products[0].step + spectrum.products[0].lag), "σ");
    let _ = writeln!(out, "{:>12}{:>10}{:>10}{FAINT:#}", "|λ1|", "arg λ1", "angle");
    for at in spread(spectrum.products.len(), ROWS) {
        let product = &spectrum.products[at];
        let _ = write!(out, "  {:<16}", format!("k = {}", product.step));
        for &i in &places {
            let _ = write!(out, "{:>12}", brief_magnitude(product.singular[i]));
        }
        let first = product.eigenvalues.first();
        let _ = write!(out, "{:>12}", first.map_or("–".into(), |e| brief_magnitude(e.modulus)));
        let _ = write!(out, "{:>10}", first.map_or("–".into(), |e| format!("{:.1}°", e.argument)));
        let _ = writeln!(out, "{:>10}", product.angle.map_or("–".into(), |angle| format!("{angle:.2}°")));
    }
    out.push('\n');
    let _ = write!(out, "  {:<16}", "Lyapunov λ");
    for &i in &places {
        let _ = write!(out, "{:>12}", format!("{:.4}", spectrum.exponents[i]));
    }
    let _ = writeln!(
        out,
        "\n  {FAINT}λ: mean growth a step of the logarithm. angle: between ∂L/∂s[k] and the direction that comes back best\n  \
         {} of {n} values are shown; all with -o FILE.json or FILE.csv{FAINT:#}",
        places.len()
    );
    out
}

/// The charts of the first sequence.
pub fn charts(found: &Found) -> Vec<String> {
    let Some(spectrum) = found.bptt.spectra.first().filter(|s| !s.steps.is_empty()) else {
        return Vec::new();
    };
    let mut charts = vec![products(found, spectrum), steps(found, spectrum), plane(found, spectrum)];
    charts.extend(angles(found, spectrum));
    charts
}

fn products(found: &Found, spectrum: &Spectrum) -> String {
    let title =
        format!("What comes through many steps: singular values of ∂s[T]/∂s[k], s = {}", state(found));
    let mut chart = Chart::new(&title, "distance T − k", "singular value").y_scale(Scale::Decades);
    for (n, i) in spread(spectrum.exponents.len(), CURVES).into_iter().enumerate() {
        let points = spectrum.products.iter().map(|p| (p.lag as f64, p.singular[i].log10()));
        chart.push(Series::new(&format!("σ{}", i + 1), Look::Nth(n), points));
    }
    chart.svg()
}

fn steps(found: &Found, spectrum: &Spectrum) -> String {
    let title = format!("What one step does: singular values of ∂s[k]/∂s[k−1], s = {}", state(found));
    let mut chart = Chart::new(&title, "step k", "singular value").y_scale(Scale::Log);
    let ends = [spectrum.steps[0].step, spectrum.steps[spectrum.steps.len() - 1].step];
    chart.push(Series::new("1", Look::Bound(6), ends.map(|k| (k as f64, 1.0))));
    for (n, i) in spread(spectrum.exponents.len(), CURVES).into_iter().enumerate() {
        let points = spectrum.steps.iter().map(|s| (s.step as f64, s.singular[i]));
        chart.push(Series::new(&format!("σ{}", i + 1), Look::Nth(n), points));
    }
    chart.svg()
}

/// The eigenvalues of all steps in the complex plane, with the circle of radius 1.
fn plane(found: &Found, spectrum: &Spectrum) -> String {
    let title = format!("Eigenvalues of ∂s[k]/∂s[k−1], s = {}", state(found));
    let mut chart = Chart::new(&title, "real part", "imaginary part").size(540.0, 540.0);
    let circle = (0..=120).map(|i| TAU * f64::from(i) / 120.0).map(|turn| (turn.cos(), turn.sin()));
    chart.push(Series::new("|λ| = 1", Look::Bound(6), circle));
    let place = |e: &Eigenvalue| {
        let (r, turn) = (e.modulus.to_f64(), e.argument.to_radians());
        (r * turn.cos(), r * turn.sin())
    };
    let all = spectrum.steps.iter().flat_map(|s| &s.eigenvalues).map(place);
    chart.push(Series::new("of every step", Look::Marks(0), all));
    chart.svg()
}

fn angles(found: &Found, spectrum: &Spectrum) -> Option<String> {
    let points: Vec<(f64, f64)> =
        spectrum.products.iter().filter_map(|p| Some((p.lag as f64, p.angle?))).collect();
    let title = format!("The gradient beside what comes back best: ∂L[T]/∂{}", state(found));
    let mut chart = Chart::new(&title, "distance T − k", "angle in degrees");
    chart.push(Series::new("to the leading singular direction", Look::Nth(0), points.iter().copied()));
    (!points.is_empty()).then(|| chart.svg())
}

/// All numbers of all sequences. Missing values are empty fields.
pub fn rows(found: &Found) -> Vec<String> {
    let mut rows = vec!["of,step,lag,sequence,i,singular,modulus,argument,angle".to_owned()];
    let mut push = |of: (&str, usize, usize, usize),
                    singular: &[Magnitude],
                    values: &[Eigenvalue],
                    angle: Option<f64>| {
        let (name, step, lag, sequence) = of;
        for (i, sigma) in singular.iter().enumerate() {
            let value = values.get(i);
            let modulus = value.map_or(String::new(), |e| format!("{:e}", e.modulus));
            let argument = value.map_or(String::new(), |e| e.argument.to_string());
            let angle = angle.map_or(String::new(), |angle| angle.to_string());
            rows.push(format!(
                "{name},{step},{lag},{sequence},{},{sigma:e},{modulus},{argument},{angle}",
                i + 1
            ));
        }
    };
    for (b, spectrum) in found.bptt.spectra.iter().enumerate() {
        for step in &spectrum.steps {
            let singular: Vec<Magnitude> = step.singular.iter().map(|&sigma| sigma.into()).collect();
            push(("step", step.step, 1, b + 1), &singular, &step.eigenvalues, None);
        }
        for p in &spectrum.products {
            push(("product", p.step, p.lag, b + 1), &p.singular, &p.eigenvalues, p.angle);
        }
    }
    rows
}

/// Up to `most` indices of a list, evenly spaced, with the first and the last.
fn spread(n: usize, most: usize) -> Vec<usize> {
    if n <= most { (0..n).collect() } else { (0..most).map(|i| i * (n - 1) / (most - 1)).collect() }
}

/// The quantile at `share`.
fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a place in the list
    let place = (share * (numbers.len().max(1) - 1) as f64).round() as usize;
    numbers.get(place).copied().unwrap_or(f64::NAN)
}
