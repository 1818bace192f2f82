//! Heat maps drawn with shades.

use crate::plot::colour::viridis;
use crate::plot::heat::grouped;
use crate::plot::scale::Scale;
use anstyle::{Ansi256Color, Style};
use autograd::Magnitude;
use ndarray::Array2;
use std::fmt::Write;

/// From small to large.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];
/// An exact zero.
const ZERO: char = '·';
/// The maximum number of columns and rows; in a larger table each character is the maximum of a block.
const WIDEST: usize = 64;
const HIGHEST: usize = 40;

/// Draws a table as shades and colours on a logarithmic scale, with row and column numbers and a key below. `x`
/// labels the columns and `y` the rows, both counted from 1. A zero is a dot, NaN is blank.
pub fn heat(values: &Array2<Magnitude>, x: &str, y: &str) -> String {
    let values = &values.mapv(Magnitude::log10);
    let faint = Style::new().dimmed();
    let (rows, columns) = values.dim();
    let group = columns.div_ceil(WIDEST).max(rows.div_ceil(HIGHEST)).max(1);
    let cells = grouped(values.view(), group);
    // Characters are twice as high as wide: small tables use two per number.
    let wide = (WIDEST / cells.ncols().max(1)).clamp(1, 2);
    let (low, high) = Scale::Decades.range(values.iter().copied());
    let mut out = String::new();
    let _ = writeln!(out, "  {faint}{y:>5}{faint:#}");
    for (r, row) in cells.rows().into_iter().enumerate() {
        let number = r * group + 1;
        let number = if r % 5 == 0 || cells.nrows() <= 10 { number.to_string() } else { String::new() };
        let _ = write!(out, "  {faint}{number:>5} │{faint:#}");
        for &value in row {
            let (sign, style) = sign(value, low, high);
            let _ = write!(out, "{style}{}{style:#}", sign.to_string().repeat(wide));
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    let _ = writeln!(out, "  {faint}      └{}{faint:#}", "─".repeat(wide * cells.ncols()));
    let mut numbers = String::new();
    for c in (0..cells.ncols()).step_by(10 / wide) {
        let _ = write!(numbers, "{:<10}", c * group + 1);
    }
    let _ = writeln!(out, "  {faint}       {} {x}{faint:#}", numbers.trim_end());
    let _ = write!(out, "  ");
    for i in 0..SHADES.len() {
        let edge = |share: f64| low + share * (high - low);
        let from = edge(i as f64 / SHADES.len() as f64);
        let (sign, style) = sign(edge((i as f64 + 0.5) / SHADES.len() as f64), low, high);
        let _ = write!(out, "{style}{sign}{sign}{style:#} {} …  ", one_digit(from));
    }
    let _ = write!(out, "{}", one_digit(high));
    if values.iter().any(|&v| v == f64::NEG_INFINITY) {
        let _ = write!(out, "   {ZERO} exactly 0");
    }
    if group > 1 {
        let _ = write!(out, "   (each sign: the largest of {group} × {group})");
    }
    out + "\n"
}

/// A power of ten, given its log₁₀, with one digit: `3e-7`.
fn one_digit(log: f64) -> String {
    if log.abs() < 300.0 {
        return format!("{:.0e}", 10_f64.powf(log));
    }
    format!("{:.0}e{}", 10_f64.powf(log - log.floor()).min(9.0), log.floor())
}

fn sign(value: f64, low: f64, high: f64) -> (char, Style) {
    if value.is_nan() {
        return (' ', Style::new());
    }
    if !Scale::Decades.holds(value) {
        return (ZERO, Style::new().dimmed());
    }
    let share = Scale::Decades.share(value, low, high).clamp(0.0, 1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 3
    let shade = SHADES[((share * 4.0) as usize).min(3)];
    (shade, Style::new().fg_color(Some(cube(viridis(share)).into())))
}

/// The nearest of the 216 terminal colours.
fn cube(colour: [u8; 3]) -> Ansi256Color {
    let [r, g, b] = colour.map(|c| (u16::from(c) * 5 + 127) / 255);
    #[allow(clippy::cast_possible_truncation)] // at most 231
    Ansi256Color((16 + 36 * r + 6 * g + b) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_shades_zero_is_a_dot_and_nan_is_blank() {
        let table = ndarray::arr2(&[[1.0, f64::NAN, f64::NAN], [1e-1, 1.0, f64::NAN], [0.0, 1e-4, 1.0]]);
        let text = anstream::adapter::strip_str(&heat(&table.mapv(Magnitude::of), "k", "t")).to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[..5], ["t", "1 │██", "2 │████", "3 │··░░██", "└──────"]);
        assert!(lines[6].ends_with("1e0   · exactly 0"), "{text}");
    }

    #[test]
    fn a_large_table_fits_the_page() {
        let text = anstream::adapter::strip_str(&heat(
            &Array2::from_elem((1000, 1000), Magnitude::of(1.0)),
            "k",
            "t",
        ))
        .to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 90) && text.lines().count() < 50);
    }
}
