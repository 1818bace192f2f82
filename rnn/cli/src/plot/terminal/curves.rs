//! Curves over each other, drawn with letters.

use anstyle::{AnsiColor, Color, Style};
use autograd::Magnitude;
use std::fmt::Write;

/// The maximum numbers of rows and columns.
const ROWS: i32 = 18;
const COLUMNS: usize = 66;

/// A curve.
#[derive(Clone, Debug)]
pub struct Line {
    /// The letter that draws it, so that curves differ without colour.
    pub mark: String,
    /// Values at x = 0, 1, 2 …; only positive ones are drawn.
    pub values: Vec<Magnitude>,
}

/// The style of a curve by index; styles repeat.
pub fn style(number: usize) -> Style {
    const COLOURS: [AnsiColor; 6] = [
        AnsiColor::Red,
        AnsiColor::Blue,
        AnsiColor::Green,
        AnsiColor::Magenta,
        AnsiColor::Cyan,
        AnsiColor::Yellow,
    ];
    Style::new().fg_color(Some(Color::Ansi(COLOURS[number % COLOURS.len()])))
}

/// Draws curves on a logarithmic axis: rows of equal ratio, and a column for each x, or for each group of them if
/// there are many. Where curves meet, their letters alternate.
pub fn curves(lines: &[Line], x: &str) -> String {
    let longest = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let group = longest.div_ceil(COLUMNS).max(1);
    let logs: Vec<Vec<f64>> =
        lines.iter().map(|line| line.values.iter().step_by(group).map(|y| y.log10()).collect()).collect();
    let finite = || logs.iter().flatten().copied().filter(|y| y.is_finite());
    let (top, bottom) = (finite().fold(0.0, f64::max).ceil(), finite().fold(0.0, f64::min).floor());
    // Decades per row: a whole number, so that rows can be labelled.
    let decades = ((top - bottom) / f64::from(ROWS)).ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation)] // a whole number; what is not finite lands beyond all rows
    let row_of = |y: f64| ((top - y) / decades).round() as i32;
    let width = longest.div_ceil(group);
    let f = Style::new().dimmed();
    let mut out = String::new();
    for row in 0..=row_of(bottom) {
        let _ = write!(out, "  {f}{:>6} │{f:#}", format!("1e{:.0}", top - f64::from(row) * decades));
        for column in 0..width {
            let here = |i: &usize| logs[*i].get(column).is_some_and(|&y| row_of(y) == row);
            let here: Vec<usize> = (0..lines.len()).filter(here).collect();
            if here.is_empty() {
                out.push(' ');
            } else {
                let i = here[column % here.len()];
                let s = style(i);
                let _ = write!(out, "{s}{}{s:#}", lines[i].mark);
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    let _ = writeln!(out, "  {f}{:6} └{}{f:#}", "", "─".repeat(width));
    let ticks: Vec<String> = (0..width).step_by(10).map(|c| format!("{:<10}", c * group)).collect();
    let _ = writeln!(out, "  {f}{:8}{} {x}{f:#}", "", ticks.concat().trim_end());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[(&str, Vec<f64>)]) -> String {
        let line = |(mark, values): &(&str, Vec<f64>)| Line {
            mark: (*mark).into(),
            values: values.iter().map(|&y| y.into()).collect(),
        };
        let lines: Vec<Line> = lines.iter().map(line).collect();
        anstream::adapter::strip_str(&curves(&lines, "x")).to_string()
    }

    #[test]
    fn a_power_is_a_straight_line_and_zero_is_below_the_picture() {
        let text = plain(&[("a", vec![1.0, 0.1, 0.01]), ("b", vec![1.0, 10.0, 0.0])]);
        let rows: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(rows, ["1e1 │ b", "1e0 │a", "1e-1 │ a", "1e-2 │  a", "└───", "0 x"]);
    }

    #[test]
    fn a_long_curve_fits_the_page() {
        let text = plain(&[("a", (0..1000).map(|n| 0.5_f64.powi(n)).collect())]);
        assert!(text.lines().all(|line| line.chars().count() <= 80) && text.lines().count() <= 24, "{text}");
        assert!(text.contains("960") || text.contains("800"), "{text}");
    }
}
