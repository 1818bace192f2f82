//! Lines on a logarithmic axis, in text.

use crate::cli::paint;
use std::io::{self, Write};

/// How many rows a chart has at most.
const ROWS: i32 = 18;

/// A line of a chart.
pub struct Line {
    /// The letter that draws it: lines can be told apart without colour.
    pub mark: &'static str,
    /// What it shows.
    pub name: String,
    /// Values above 0 at x = 0, 1, 2 …
    pub values: Vec<f64>,
}

/// Draws lines over one another, in one column for each x and rows of equal ratio. Where lines meet, they take turns.
pub fn chart(out: &mut impl Write, lines: &[Line], x_label: &str) -> io::Result<()> {
    let logs = |line: &Line| line.values.iter().map(|y| y.log10()).collect::<Vec<f64>>();
    let finite = || lines.iter().flat_map(logs).filter(|y| y.is_finite());
    let (top, bottom) = (finite().fold(0.0, f64::max).ceil(), finite().fold(0.0, f64::min).floor());
    // Decades of a row: a whole number, so that rows can be labelled.
    let decades = ((top - bottom) / f64::from(ROWS)).ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation)] // a whole number; what is not finite lands beyond all rows
    let row_of = |y: f64| ((top - y) / decades).round() as i32;
    let width = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let f = paint::FAINT;
    for row in 0..=row_of(bottom) {
        write!(out, "  {f}{:>6} │{f:#}", format!("1e{:.0}", top - f64::from(row) * decades))?;
        for x in 0..width {
            let here = |i: &usize| lines[*i].values.get(x).is_some_and(|y| row_of(y.log10()) == row);
            let here: Vec<usize> = (0..lines.len()).filter(here).collect();
            if here.is_empty() {
                write!(out, " ")?;
            } else {
                let i = here[x % here.len()];
                let s = paint::LINES[i % paint::LINES.len()];
                write!(out, "{s}{}{s:#}", lines[i].mark)?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "  {f}{:6} └{}{f:#}", "", "─".repeat(width))?;
    let ticks: Vec<String> = (0..width).step_by(10).map(|x| format!("{x:<10}")).collect();
    writeln!(out, "  {f}{:8}{} {x_label}{f:#}", "", ticks.concat().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_a_straight_line_and_zero_is_below_the_chart() {
        let line = |mark, values: &[f64]| Line { mark, name: String::new(), values: values.into() };
        let mut out = Vec::new();
        let lines = [line("a", &[1.0, 0.1, 0.01]), line("b", &[1.0, 10.0, 0.0])];
        chart(&mut out, &lines, "x").unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let rows: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(rows, ["1e1 │ b", "1e0 │a", "1e-1 │ a", "1e-2 │  a", "└───", "0 x"]);
    }
}
