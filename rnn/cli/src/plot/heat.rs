//! Heat maps.

use super::axis::Label;
use super::colour::{hex, viridis};
use super::scale::Scale;
use super::svg::{LETTER, label, line, open, text, title, width};
use ndarray::{Array2, ArrayView2, s};
use std::fmt::Write;

const TOP: f64 = 54.0;
const LEFT: f64 = 84.0;
const BOTTOM: f64 = 58.0;
/// The space on the right, for the colour bar with its labels.
const RIGHT: f64 = 128.0;
const BAR: f64 = 16.0;
/// The number of colours; adjacent cells of one colour are drawn as one.
const COLOURS: usize = 64;
/// The maximum number of cells along a side; in a larger table each cell is the maximum of a block.
const MOST: usize = 240;
/// The colour of an exact zero.
const ZERO: &str = "#d9d9d9";

/// A heat map with a colour bar.
///
/// Rows go down and columns to the right, both counted from 1. An exact 0 is grey, with a note beside the bar; NaN is
/// blank.
///
/// ```
/// use ndarray::Array2;
/// use rnn_cli::plot::{HeatMap, Scale};
///
/// let table = Array2::from_shape_fn((20, 20), |(t, k)| if k > t { f64::NAN } else { 0.7_f64.powi((t - k) as i32) });
/// let svg = HeatMap::new("a memory that fades", "k", "t", table).scale(Scale::Log).bar("‖∂h[t]/∂h[k]‖").svg();
/// assert!(svg.starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct HeatMap {
    title: String,
    x: String,
    y: String,
    bar: String,
    scale: Scale,
    floor: f64,
    values: Array2<f64>,
}

impl HeatMap {
    /// A heat map of `values`, `[row, column]`; `x` labels the columns and `y` the rows. The scale is linear.
    pub fn new(title: &str, x: &str, y: &str, values: Array2<f64>) -> Self {
        let bar = String::new();
        Self { title: title.into(), x: x.into(), y: y.into(), bar, scale: Scale::Linear, floor: 0.0, values }
    }

    /// Sets the colour scale.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the label of the values, above the bar.
    #[must_use]
    pub fn bar(mut self, name: &str) -> Self {
        self.bar = name.into();
        self
    }

    /// Draws nonzero values up to this fraction of the maximum in the darkest colour.
    #[must_use]
    pub fn floor(mut self, part: f64) -> Self {
        self.floor = part;
        self
    }

    /// Renders the heat map.
    pub fn svg(&self) -> String {
        let (rows, columns) = self.values.dim();
        let group = rows.max(columns).div_ceil(MOST).max(1);
        let cells = grouped(self.values.view(), group);
        let side = (430.0 / rows.max(columns).max(1) as f64).min(60.0);
        let (inner_w, inner_h) = ((side * columns as f64).max(120.0), (side * rows as f64).max(150.0));
        let (unit_x, unit_y) = (inner_w / columns.max(1) as f64, inner_h / rows.max(1) as f64);
        let caption = (group > 1).then(|| format!("each cell: the largest of {group} × {group}"));
        let right = RIGHT.max(30.0 + width(&self.bar, LETTER));
        let (w, h) = (LEFT + inner_w + right, TOP + inner_h + BOTTOM);

        let mut svg = open(w.round(), h.round(), &self.title);
        title(&mut svg, (16.0, 28.0), w - 32.0, &self.title);
        let colours = Colours::of(&self.values, self.scale, self.floor);
        let size = (unit_x * group as f64, unit_y * group as f64);
        draw_cells(&mut svg, &cells, size, (inner_w, inner_h), |v| colours.index(v));
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{inner_w:.2}\" height=\"{inner_h:.2}\" fill=\"none\" stroke=\"#444\"/>"
        );
        for n in counted(columns) {
            let at = LEFT + (n as f64 - 0.5) * unit_x;
            line(&mut svg, (at, TOP + inner_h), (at, TOP + inner_h + 6.0), "#444");
            text(&mut svg, (at, TOP + inner_h + 23.0), "middle", "", &n.to_string());
        }
        for n in counted(rows) {
            let at = TOP + (n as f64 - 0.5) * unit_y;
            line(&mut svg, (LEFT - 6.0, at), (LEFT, at), "#444");
            text(&mut svg, (LEFT - 10.0, at + 5.0), "end", "", &n.to_string());
        }
        let x = caption.map_or(self.x.clone(), |caption| format!("{}   ({caption})", self.x));
        text(&mut svg, (LEFT + inner_w / 2.0, h - 12.0), "middle", "", &x);
        let middle = TOP + inner_h / 2.0;
        text(
            &mut svg,
            (22.0, middle),
            "middle",
            &format!("transform=\"rotate(-90 22 {middle:.1})\""),
            &self.y,
        );
        self.colour_bar(&mut svg, &colours, LEFT + inner_w + 26.0, inner_h);
        svg + "</svg>\n"
    }

    /// Draws the bar with its labels, and the square for zero if there is one.
    fn colour_bar(&self, svg: &mut String, colours: &Colours, left: f64, height: f64) {
        text(svg, (left, TOP - 10.0), "start", "", &self.bar);
        let zero = self.values.iter().any(|&v| !v.is_nan() && !self.scale.holds(v));
        let (top, bottom) = (TOP + 4.0, TOP + height - if zero { 34.0 } else { 0.0 });
        if zero {
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{BAR}\" height=\"{BAR}\" fill=\"{ZERO}\" stroke=\"#888\"/>",
                TOP + height - BAR
            );
            text(svg, (left + BAR + 8.0, TOP + height - 3.0), "start", "", "exactly 0");
        }
        let step = (bottom - top) / COLOURS as f64;
        for i in 0..COLOURS {
            let colour = hex(viridis((i as f64 + 0.5) / COLOURS as f64));
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.2}\" width=\"{BAR}\" height=\"{:.2}\" fill=\"{colour}\"/>",
                bottom - (i + 1) as f64 * step,
                step + 0.3
            );
        }
        for (share, mark) in colours.marks() {
            let at = bottom - share * (bottom - top);
            line(svg, (left + BAR, at), (left + BAR + 5.0, at), "#444");
            label(svg, (left + BAR + 9.0, at + 5.0), "start", &mark);
        }
    }
}

/// The mapping from numbers to colours.
struct Colours {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Colours {
    fn of(values: &Array2<f64>, scale: Scale, floor: f64) -> Self {
        let (low, high) = scale.range(values.iter().copied());
        let low = match scale {
            Scale::Linear => low,
            Scale::Log => low.max(floor * high),
            Scale::Decades => low.max(floor.log10() + high),
        };
        Self { scale, low, high }
    }

    /// The index of the colour; `None` for blanks, [`COLOURS`] for zeros that are not on the scale.
    fn index(&self, value: f64) -> Option<usize> {
        if value.is_nan() {
            return None;
        }
        if !self.scale.holds(value) {
            return Some(COLOURS);
        }
        let share = self.scale.share(value, self.low, self.high).clamp(0.0, 1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to COLOURS
        let index = (share * COLOURS as f64) as usize;
        Some(index.min(COLOURS - 1))
    }

    /// Positions and labels of round numbers.
    fn marks(&self) -> Vec<(f64, Label)> {
        let ticks = self.scale.ticks(self.low, self.high, 6);
        let step = ticks.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
        let wide = self.scale == Scale::Log && self.high / self.low >= 1e3;
        let mark = |tick: f64| {
            let share = self.scale.share(tick, self.low, self.high);
            let label = match self.scale {
                Scale::Log if wide => Label::power(tick),
                Scale::Log => Label::short(tick),
                Scale::Decades if self.high - self.low >= 3.0 => Label::decade(tick),
                Scale::Decades => Label::short(10_f64.powf(tick)),
                Scale::Linear => Label::plain(tick, step),
            };
            (share, label)
        };
        ticks.into_iter().map(mark).filter(|(share, _)| (-1e-9..=1.0 + 1e-9).contains(share)).collect()
    }
}

/// One path per colour, of horizontal runs of equal cells.
fn draw_cells(
    svg: &mut String,
    cells: &Array2<f64>,
    size: (f64, f64),
    inner: (f64, f64),
    index: impl Fn(f64) -> Option<usize>,
) {
    let mut paths = vec![String::new(); COLOURS + 1];
    for (r, row) in cells.rows().into_iter().enumerate() {
        let colours: Vec<Option<usize>> = row.iter().map(|&v| index(v)).collect();
        let (y, mut c) = (r as f64 * size.1, 0);
        let height = size.1.min(inner.1 - y);
        for run in colours.chunk_by(|a, b| a == b) {
            if let Some(colour) = run[0] {
                let x = c as f64 * size.0;
                let width = (run.len() as f64 * size.0).min(inner.0 - x);
                let _ = write!(
                    paths[colour],
                    "M{} {}h{}v{}h-{}z",
                    short(LEFT + x),
                    short(TOP + y),
                    short(width),
                    short(height),
                    short(width)
                );
            }
            c += run.len();
        }
    }
    let _ = writeln!(svg, "<g shape-rendering=\"crispEdges\">");
    for (i, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let colour = if i == COLOURS { ZERO.into() } else { hex(viridis((i as f64 + 0.5) / COLOURS as f64)) };
        let _ = writeln!(svg, "<path fill=\"{colour}\" d=\"{path}\"/>");
    }
    let _ = writeln!(svg, "</g>");
}

/// A number with at most two decimals.
fn short(x: f64) -> String {
    let text = format!("{x:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// The maximum of each block; blank if the whole block is.
pub(super) fn grouped(values: ArrayView2<f64>, group: usize) -> Array2<f64> {
    let (rows, columns) = values.dim();
    Array2::from_shape_fn((rows.div_ceil(group), columns.div_ceil(group)), |(r, c)| {
        let (r, c) = (r * group, c * group);
        let square = values.slice(s![r..(r + group).min(rows), c..(c + group).min(columns)]);
        square.iter().copied().fold(f64::NAN, f64::max)
    })
}

/// Which of 1 … n get a label: all if few, otherwise the first and round ones, well spaced.
fn counted(n: usize) -> Vec<usize> {
    if n <= 10 {
        return (1..=n).collect();
    }
    let step = [2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000]
        .into_iter()
        .find(|step| n / step <= 8)
        .unwrap_or(n / 8);
    std::iter::once(1).chain((1..=n / step).map(|i| i * step).filter(|&m| m > step / 2 + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_zeros_and_numbers_are_three_things() {
        let table = ndarray::arr2(&[[1.0, f64::NAN], [0.0, 1e-6]]);
        let colours = Colours::of(&table, Scale::Log, 0.0);
        assert_eq!(
            [1.0, f64::NAN, 0.0, 1e-6].map(|v| colours.index(v)),
            [Some(COLOURS - 1), None, Some(COLOURS), Some(0)]
        );
        let svg = HeatMap::new("", "", "", table).scale(Scale::Log).svg();
        assert!(svg.contains("exactly 0") && !svg.contains("NaN"), "{svg}");
        assert_eq!(svg.matches("<path fill").count(), 3, "one for each colour, none for a blank");
    }

    #[test]
    fn a_large_table_keeps_its_peaks_and_an_empty_one_is_a_picture() {
        let mut table = Array2::from_elem((500, 500), 1.0);
        table[[333, 77]] = 9.0;
        let small = grouped(table.view(), 3);
        assert_eq!((small.dim(), small[[111, 25]], small[[0, 0]]), ((167, 167), 9.0, 1.0));
        assert!(!HeatMap::new("", "", "", Array2::zeros((0, 0))).scale(Scale::Log).svg().contains("NaN"));
    }

    #[test]
    fn counts_begin_at_one_and_are_round() {
        assert_eq!(counted(4), [1, 2, 3, 4]);
        assert_eq!(counted(30), [1, 5, 10, 15, 20, 25, 30]);
        assert_eq!(counted(200), [1, 25, 50, 75, 100, 125, 150, 175, 200]);
    }
}
