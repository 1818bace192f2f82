//! What a tournament has found: means over seeds, cell by cell.

use super::super::cells::thousands;
use super::super::progress::plain;
use super::{Run, Tournament};
use crate::paint;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// The runs of each cell.
pub(super) fn by_cell<'a>(runs: &[&'a Run]) -> BTreeMap<&'a str, Vec<&'a Run>> {
    let mut cells: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    runs.iter().for_each(|run| cells.entry(&run.cell).or_default().push(run));
    cells
}

/// The mean and the sample standard deviation, which one value does not have.
pub(super) fn statistics(values: impl Iterator<Item = f64> + Clone) -> (f64, Option<f64>) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|x| (x - mean).powi(2)).sum();
    (mean, (n > 1.0).then(|| (squares / (n - 1.0)).sqrt()))
}

/// A line for each cell, the lowest loss first.
pub(super) fn table(
    out: &mut impl Write,
    tournament: &Tournament,
    failed: &BTreeMap<&str, usize>,
) -> std::io::Result<()> {
    let mut cells: Vec<(&str, Vec<&Run>)> =
        by_cell(&tournament.runs.iter().collect::<Vec<_>>()).into_iter().collect();
    let mean = |runs: &[&Run], figure: &str| {
        statistics(runs.iter().filter_map(|run| run.figures.get(figure)).copied())
    };
    cells.sort_by(|(_, a), (_, b)| mean(a, "loss").0.total_cmp(&mean(b, "loss").0));
    let Some(first) = tournament.runs.first() else { return writeln!(out, "no run has ended well") };
    let all: BTreeSet<&String> = tournament.runs.iter().flat_map(|run| run.figures.keys()).collect();
    // A loss that has a name of its own stands there once.
    let own = all.iter().any(|name| *name == "squared error");
    let names: Vec<&String> = all.into_iter().filter(|name| *name != "loss" || !own).collect();
    let head = |name: &String| if name == "accuracy" { "ACCURACY %".into() } else { name.to_uppercase() };
    let mut rows: Vec<Vec<String>> = vec![["CELL", "HIDDEN", "PARAMETERS"].map(String::from).to_vec()];
    rows[0].extend(names.iter().map(|name| head(name)).chain(["UPDATES/S".into(), "RUNS".into()]));
    for (cell, runs) in &cells {
        let mut row = vec![(*cell).to_string(), runs[0].hidden.to_string(), thousands(runs[0].parameters)];
        for name in &names {
            let (mean, deviation) = mean(runs, name);
            row.push(written(name, mean, deviation));
        }
        let speed = statistics(runs.iter().filter_map(|run| run.speed)).0;
        row.push(if speed.is_finite() { format!("{speed:.0}") } else { "–".into() });
        row.push(runs.len().to_string());
        rows.push(row);
    }
    writeln!(
        out,
        "{}, on the {} part, mean ± standard deviation over seeds\n",
        tournament.task.join(" "),
        first.part
    )?;
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for (place, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, text)| {
                let width = width(column);
                if column == 0 { format!("{text:width$}") } else { format!("{text:>width$}") }
            })
            .collect();
        let style = if place == 0 { paint::FAINT } else { anstyle::Style::new() };
        writeln!(out, "{style}{}{style:#}", cells.join("  "))?;
    }
    for (cell, times) in failed {
        writeln!(out, "{cell}: {times} of its runs failed, and are not in the table")?;
    }
    Ok(())
}

/// A mean and a deviation, with equally many decimals.
fn written(name: &str, mean: f64, deviation: Option<f64>) -> String {
    let fixed = |decimals: usize, scale: f64| {
        let deviation =
            deviation.map_or(String::new(), |deviation| format!(" ± {:.decimals$}", scale * deviation));
        format!("{:.decimals$}{deviation}", scale * mean)
    };
    match (name, mean.abs()) {
        ("accuracy", _) => fixed(1, 100.0),
        (_, 0.01..1e6) => fixed(4, 1.0),
        _ => format!(
            "{}{}",
            plain(mean),
            deviation.map_or(String::new(), |deviation| format!(" ± {}", plain(deviation)))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the sample variance 32 / 7.
    #[test]
    fn the_deviation_is_that_of_a_sample() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let (mean, deviation) = statistics(values.into_iter());
        assert!((mean - 5.0).abs() < 1e-15 && (deviation.unwrap() - (32f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(statistics([3.0].into_iter()), (3.0, None));
    }

    #[test]
    fn a_deviation_has_the_decimals_of_its_mean() {
        assert_eq!(written("loss", 0.153_61, Some(0.008_23)), "0.1536 ± 0.0082");
        assert_eq!(written("loss", 0.001_5, Some(0.000_25)), "1.50e-3 ± 2.50e-4");
        assert_eq!(written("accuracy", 0.875, Some(0.011)), "87.5 ± 1.1");
        assert_eq!(written("loss", 2.0, None), "2.0000");
    }
}
