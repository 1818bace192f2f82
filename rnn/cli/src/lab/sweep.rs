//! `rnn gradcheck --sweep`

use super::Lab;
use crate::net_spec::describe;
use crate::paint;
use crate::plot::{Chart, Look, Scale, Series};
use rnn::cell::{CellRef, SHIPPED};
use rnn_lab::study::{Dtype, Method, NetSpec, Observation, Sweep};
use std::io::Write;
use std::process::ExitCode;

/// The axes of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Axis {
    /// The step h of the differences, from 1 to 10⁻¹¹
    Step,
    /// f32 and f64
    Dtype,
    /// 1 to 50 steps over time
    Steps,
    /// 2 to 32 hidden units
    Hidden,
    /// Saturation: all weights multiplied by 0.1 to 100
    Scale,
    /// Every shipped cell that can have the sizes of the net
    Cell,
}

/// The number of directions per point.
const DIRECTIONS: usize = 8;
/// The maximum number of curves in a picture.
const CURVES: usize = 8;

impl Axis {
    /// Its value in an observation, if it is an axis of a picture.
    fn value(self, row: &Observation) -> Option<f64> {
        match self {
            Self::Step => Some(row.h),
            Self::Steps => Some(row.steps as f64),
            Self::Hidden => Some(row.hidden as f64),
            Self::Scale => Some(row.scale),
            Self::Dtype | Self::Cell => None,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Step => "h",
            Self::Dtype => "dtype",
            Self::Steps => "steps",
            Self::Hidden => "hidden units",
            Self::Scale => "scale of the weights",
            Self::Cell => "cell",
        }
    }

    /// Its value in words, for the label of a curve.
    fn word(self, row: &Observation) -> String {
        match self {
            Self::Step => format!("h {:.0e}", row.h),
            Self::Dtype => dtype(row.dtype).into(),
            Self::Steps => format!("{} steps", row.steps),
            Self::Hidden => format!("{} hidden", row.hidden),
            Self::Scale => format!("scale {}", row.scale),
            Self::Cell => row.cell.clone(),
        }
    }
}

fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "f32",
        Dtype::F64 => "f64",
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Central => "central",
        Method::FivePoint => "five-point",
    }
}

pub(super) fn run(lab: &Lab, net: &NetSpec, seed: u64, json: bool) -> crate::Result {
    let axes = lab.sweep.as_deref().unwrap_or_default();
    let sweep = plan(axes, net, seed);
    let mut rows = Vec::new();
    sweep.run(|row| rows.push(row))?;
    lab.table(&rows)?;
    let curves = curves(axes, &rows);
    if lab.plot.is_some() && (curves.len() > CURVES || curves.iter().all(|c| c.points.len() < 2)) {
        let count = curves.len();
        return Err(format!(
            "--plot: this sweep has {count} curves, and a picture has 1 to {CURVES} with something to go along: \
             begin --sweep with step, steps, hidden or scale, and name fewer others"
        )
        .into());
    }
    let first = axes.iter().copied().find(|&axis| rows.first().is_some_and(|row| axis.value(row).is_some()));
    let subject = subject(axes, net);
    lab.picture(|| chart(first, &curves, &subject))?;
    let mut out = anstream::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        writeln!(out, "{subject}; seed {seed}; {} observations\n", rows.len())?;
        let width = curves.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).max(8);
        let f = paint::FAINT;
        let along = first.map_or("", Axis::label);
        let theory = if first == Some(Axis::Step) { "theory" } else { "" };
        writeln!(out, "{f}{:width$}  {:>9}  {:12}  {theory}{f:#}", "", "least", format!("at {along}"))?;
        for Curve { name, points, best } in &curves {
            if let Some((x, error)) = points.iter().filter(|p| p.1 > 0.0).min_by(|a, b| a.1.total_cmp(&b.1)) {
                let theory = best.map_or(String::new(), |h| format!("{h:.1e}"));
                writeln!(out, "{name:width$}  {error:>9.1e}  {:12}  {theory}", short(*x))?;
            }
        }
        if first == Some(Axis::Step) {
            let theory = "theory: rounding costs ε/h, and truncation h² of central, h⁴ of five-point differences, so \
                          that their sum is least at ∛ε and at ⁵√ε";
            writeln!(out, "\n{f}{theory}{f:#}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The constant properties of the net, in words.
fn subject(axes: &[Axis], net: &NetSpec) -> String {
    let all = describe(net);
    let (cell, steps) = all.split_once(", ").unwrap_or((&all, ""));
    match (axes.contains(&Axis::Cell), axes.contains(&Axis::Steps)) {
        (false, false) => all,
        (false, true) => cell.into(),
        (true, false) => format!("shipped cells, {steps}"),
        (true, true) => "shipped cells".into(),
    }
}

fn short(x: f64) -> String {
    if x.fract() == 0.0 { format!("{x}") } else { format!("{x:.1e}") }
}

/// The ranges of the selected axes; the others keep the net's value.
fn plan(axes: &[Axis], net: &NetSpec, seed: u64) -> Sweep {
    let has = |axis| axes.contains(&axis);
    let own = |axis, all: &[usize], own: usize| if has(axis) { all.to_vec() } else { vec![own] };
    let fits = |name: &str, hidden: usize| {
        let cell = CellRef::from(name).cell();
        cell.is_ok_and(|cell| cell.fits(net.input, hidden).is_ok())
    };
    let hidden = own(Axis::Hidden, &[2, 4, 8, 16, 32], net.hidden);
    let all = || SHIPPED.iter().filter(|s| hidden.iter().all(|&h| fits(s.name, h))).map(|s| s.name.into());
    Sweep {
        cells: if has(Axis::Cell) { all().collect() } else { vec![net.cell.clone()] },
        steps: own(Axis::Steps, &[1, 2, 5, 10, 20, 50], net.steps),
        hidden,
        scales: if has(Axis::Scale) {
            (-4..=8).map(|k| 10f64.powf(f64::from(k) / 4.0)).collect()
        } else {
            vec![1.0]
        },
        dtypes: if has(Axis::Dtype) { vec![Dtype::F32, Dtype::F64] } else { vec![Dtype::F64] },
        h: if has(Axis::Step) {
            (0..=44).map(|k| 10f64.powf(-f64::from(k) / 4.0)).collect()
        } else {
            Vec::new()
        },
        net: net.clone(),
        directions: DIRECTIONS,
        seed,
    }
}

/// The error over the first numeric axis.
struct Curve {
    name: String,
    /// The value on the axis, and the root mean square error over directions.
    points: Vec<(f64, f64)>,
    /// The theoretically best step, if the axis is the step.
    best: Option<f64>,
}

/// A curve per combination of formula and other axes.
fn curves(axes: &[Axis], rows: &[Observation]) -> Vec<Curve> {
    let first = axes.iter().copied().find(|&axis| rows.first().is_some_and(|row| axis.value(row).is_some()));
    let name = |row: &Observation| {
        let others = axes.iter().filter(|&&axis| Some(axis) != first).map(|axis| axis.word(row));
        others.chain([method(row.method).into()]).collect::<Vec<_>>().join(", ")
    };
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows {
        let (name, x) = (name(row), first.and_then(|axis| axis.value(row)).unwrap_or(row.h));
        let point = (x, row.numeric_error.powi(2));
        if let Some(curve) = curves.iter_mut().find(|curve| curve.name == name) {
            curve.points.push(point);
        } else {
            let best = (first == Some(Axis::Step)).then(|| row.method.best_step(row.dtype));
            curves.push(Curve { name, points: vec![point], best });
        }
    }
    for Curve { points, .. } in &mut curves {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at_one_place = points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq());
        let mean =
            |at: &[(f64, f64)]| (at[0].0, (at.iter().map(|p| p.1).sum::<f64>() / at.len() as f64).sqrt());
        *points = at_one_place.map(mean).collect();
    }
    curves
}

fn chart(first: Option<Axis>, curves: &[Curve], net: &str) -> Chart {
    let along = first.map_or("", Axis::label);
    let mut chart = Chart::new(&format!("Error of differences: {net}"), along, "relative error");
    chart = chart.x_scale(Scale::Log).y_scale(Scale::Log);
    for (k, curve) in curves.iter().enumerate() {
        chart.push(Series::new(&curve.name, Look::Nth(k), curve.points.iter().copied()));
    }
    // From the smallest error to the largest, in the colour of the curve.
    let errors = || curves.iter().flat_map(|c| &c.points).map(|p| p.1).filter(|e| *e > 0.0 && e.is_finite());
    let ends = [errors().fold(f64::INFINITY, f64::min), errors().fold(0.0, f64::max)];
    for (k, curve) in curves.iter().enumerate() {
        let name = curve.best.map(|h| format!("least in theory: h = {h:.0e}"));
        let line = ends.into_iter().filter_map(|end| Some((curve.best?, end)));
        chart.push(Series::new(&name.unwrap_or_default(), Look::Bound(k), line));
    }
    chart
}
