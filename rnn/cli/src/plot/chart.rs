//! Curves over two axes.

use super::axis::{Axis, Label};
use super::scale::Scale;
use super::series::Series;
use super::svg::{LETTER, label, line, open, text, title, width};

const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 58.0;
/// The position of the legend's first row, and the height of a row.
const LEGEND: f64 = 51.0;
const ROW: f64 = 22.0;
/// The length of a legend sample with the space after it, and the space between entries.
const SAMPLE: f64 = 33.0;
const GAP: f64 = 22.0;

/// A line chart.
///
/// ```
/// use rnn_cli::plot::{Chart, Look, Series};
///
/// let mut chart = Chart::new("a parabola", "x", "x²");
/// let points = (0..10).map(|x| (f64::from(x), f64::from(x * x)));
/// chart.push(Series::new("y", Look::Line, points));
/// assert!(chart.svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: (String, Scale),
    y: (String, Scale),
    size: (f64, f64),
    series: Vec<Series>,
}

impl Chart {
    /// An empty chart of 800 × 440 units, with linear axes.
    pub fn new(title: &str, x: &str, y: &str) -> Self {
        let (x, y) = ((x.into(), Scale::Linear), (y.into(), Scale::Linear));
        Self { title: title.into(), x, y, size: (800.0, 440.0), series: Vec::new() }
    }

    /// Sets the scale of x.
    #[must_use]
    pub fn x_scale(mut self, scale: Scale) -> Self {
        self.x.1 = scale;
        self
    }

    /// Sets the scale of y. On a logarithmic one a curve has a gap where it is not positive.
    #[must_use]
    pub fn y_scale(mut self, scale: Scale) -> Self {
        self.y.1 = scale;
        self
    }

    /// Sets the width and height, at least 240 × 180.
    #[must_use]
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = (width.max(240.0), height.max(180.0));
        self
    }

    /// Adds a series in front of the others.
    pub fn push(&mut self, series: Series) {
        self.series.push(series);
    }

    /// Renders the chart.
    pub fn svg(&self) -> String {
        let (w, h) = self.size;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let rows = self.legend_rows();
        let top = LEGEND + ROW * rows.len().max(1) as f64;
        let y = Axis::over(self.y.1, points().map(|p| p.1), h - BOTTOM, top);
        let marks = y.marks();
        let left = 46.0 + marks.iter().map(|(_, label)| room(label)).fold(20.0, f64::max);
        let x = Axis::over(self.x.1, points().map(|p| p.0), left, w - RIGHT);

        let mut svg = open(w, h, &self.title);
        title(&mut svg, (16.0, 28.0), w - 32.0, &self.title);
        text(&mut svg, ((left + w - RIGHT) / 2.0, h - 14.0), "middle", "", &self.x.0);
        let middle = (top + h - BOTTOM) / 2.0;
        text(
            &mut svg,
            (20.0, middle),
            "middle",
            &format!("transform=\"rotate(-90 20 {middle})\""),
            &self.y.0,
        );
        for (at, mark) in marks {
            line(&mut svg, (left, at), (w - RIGHT, at), "#ddd");
            label(&mut svg, (left - 9.0, at + 5.0), "end", &mark);
        }
        for (at, mark) in x.marks() {
            line(&mut svg, (at, h - BOTTOM), (at, h - BOTTOM + 6.0), "#444");
            label(&mut svg, (at, h - BOTTOM + 23.0), "middle", &mark);
        }
        line(&mut svg, (left, h - BOTTOM), (w - RIGHT, h - BOTTOM), "#444");
        self.series.iter().for_each(|series| series.draw(&mut svg, &x, &y));
        for (row, entries) in rows.into_iter().enumerate() {
            let y = LEGEND + ROW * row as f64;
            for (at, series) in entries {
                series.sample(&mut svg, at, y);
                text(&mut svg, (at + SAMPLE, y + 5.0), "start", "", &series.name);
            }
        }
        svg + "</svg>\n"
    }

    /// The legend in rows under the title, with the position of each entry.
    fn legend_rows(&self) -> Vec<Vec<(f64, &Series)>> {
        let mut rows: Vec<Vec<(f64, &Series)>> = Vec::new();
        let mut at = f64::INFINITY;
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let room = SAMPLE + width(&series.name, LETTER);
            if at + room > self.size.0 - 12.0 {
                rows.push(Vec::new());
                at = 16.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((at, series));
            }
            at += room + GAP;
        }
        rows
    }
}

/// The width of a tick's label.
fn room(label: &Label) -> f64 {
    width(&label.base, LETTER) + label.exponent.as_ref().map_or(0.0, |e| width(e, 0.72 * LETTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Look;

    #[test]
    fn names_are_escaped() {
        let mut chart = Chart::new("a < b & \"c\"\u{1b}", "x", "y");
        chart.push(Series::new("<script>", Look::Line, [(0.0, 1.0)]));
        let svg = chart.svg();
        assert!(svg.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"), "{svg}");
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>") && !svg.contains('\u{1b}'));
    }

    #[test]
    fn what_is_not_finite_is_left_out_and_nothing_is_a_picture_too() {
        for scale in [Scale::Linear, Scale::Log] {
            let mut chart = Chart::new("", "", "").x_scale(scale).y_scale(scale);
            assert!(!chart.svg().contains("NaN"));
            let odd =
                [(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 2.0), (4.0, -1.0), (5.0, 1e-310)];
            chart.push(Series::new("", Look::Faint, odd));
            let svg = chart.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_zero_on_a_logarithmic_axis_is_a_gap() {
        let mut chart = Chart::new("", "x", "y").y_scale(Scale::Log);
        chart.push(Series::new("", Look::Line, [(0.0, 1.0), (1.0, 0.1), (2.0, 0.0), (3.0, 0.1), (4.0, 1.0)]));
        assert_eq!(chart.svg().matches("stroke-linejoin").count(), 2);
    }

    #[test]
    fn a_long_legend_has_several_rows_and_none_leaves_the_picture() {
        let mut chart = Chart::new("", "x", "y");
        for n in 0..9 {
            chart.push(Series::new("a rather long name of a curve", Look::Nth(n), [(0.0, 1.0)]));
        }
        let rows = chart.legend_rows();
        assert_eq!((rows.len(), rows.iter().map(Vec::len).sum::<usize>()), (5, 9));
    }
}
