//! Pictures of numbers: lines over axes, as SVG that needs nothing besides itself.

use std::fmt::Write;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 58.0;

/// The most points that a line is drawn with; a longer one shows the extremes of each stretch.
const MOST: usize = 1600;

/// A picture of lines over two axes.
///
/// ```
/// use rnn::plot::{Chart, Look, Series};
///
/// let mut chart = Chart::new("a parabola", "x", "x²");
/// let points = (0..10).map(|x| (f64::from(x), f64::from(x * x)));
/// chart.push(Series::new("y", Look::Line, points));
/// assert!(chart.svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chart {
    title: String,
    x: String,
    y: String,
    series: Vec<Series>,
}

/// Points with a name.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    look: Look,
    points: Vec<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A thin pale line, behind the others: numbers as they come.
    Faint,
    /// A strong dark line.
    Line,
    /// A strong line in the second colour, with a mark at each point if they are few.
    Second,
}

impl Look {
    /// Colour and width. Blue and orange stay apart for all kinds of colour blindness (Okabe & Ito 2008).
    fn stroke(self) -> (&'static str, f64) {
        match self {
            Self::Faint => ("#8db4d6", 1.2),
            Self::Line => ("#0b5394", 2.4),
            Self::Second => ("#c8500a", 2.4),
        }
    }
}

impl Series {
    /// Points in the order of x. Those that are not finite are left out.
    pub fn new(name: &str, look: Look, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        Self { name: name.into(), look, points: points.into_iter().filter(finite).collect() }
    }
}

impl Chart {
    /// A picture without lines as yet.
    pub fn new(title: &str, x: &str, y: &str) -> Self {
        Self { title: title.into(), x: x.into(), y: y.into(), series: Vec::new() }
    }

    /// Puts a series in front of those before it.
    pub fn push(&mut self, series: Series) {
        self.series.push(series);
    }

    /// The picture.
    pub fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let x = Axis::over(all().map(|p| p.0), LEFT, WIDTH - RIGHT);
        let y = Axis::over(all().map(|p| p.1), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"15\" fill=\"#222\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            escape(&self.title)
        );
        text(&mut svg, (LEFT, 28.0), "start", "font-size=\"18\" font-weight=\"bold\"", &self.title);
        text(&mut svg, ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0), "middle", "", &self.x);
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        text(&mut svg, (20.0, middle), "middle", &format!("transform=\"rotate(-90 20 {middle})\""), &self.y);
        for (at, label) in y.marks() {
            line(&mut svg, (LEFT, at), (WIDTH - RIGHT, at), "#ddd");
            text(&mut svg, (LEFT - 9.0, at + 5.0), "end", "", &label);
        }
        for (at, label) in x.marks() {
            line(&mut svg, (at, HEIGHT - BOTTOM), (at, HEIGHT - BOTTOM + 6.0), "#444");
            text(&mut svg, (at, HEIGHT - BOTTOM + 23.0), "middle", "", &label);
        }
        line(&mut svg, (LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "#444");
        self.series.iter().for_each(|series| series.draw(&mut svg, &x, &y));
        self.legend(&mut svg);
        svg + "</svg>\n"
    }

    /// Names beside a stroke of each line, in a row under the title.
    fn legend(&self, svg: &mut String) {
        let mut at = LEFT;
        for series in &self.series {
            let (colour, width) = series.look.stroke();
            let _ = writeln!(
                svg,
                "<path d=\"M{at} 51h26\" stroke=\"{colour}\" stroke-width=\"{}\"/>",
                width + 1.0
            );
            text(svg, (at + 33.0, 56.0), "start", "", &series.name);
            // Eight units are the mean width of a letter of this size.
            at += 33.0 + 8.0 * series.name.chars().count() as f64 + 26.0;
        }
    }
}

impl Series {
    fn draw(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let (colour, width) = self.look.stroke();
        let points: Vec<(f64, f64)> =
            thin(&self.points).into_iter().map(|p| (x.place(p.0), y.place(p.1))).collect();
        if points.is_empty() {
            return;
        }
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            path.join("L")
        );
        if points.len() == 1 || (self.look == Look::Second && points.len() <= 40) {
            for (x, y) in points {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
            }
        }
    }
}

/// The weighted mean of each value and its neighbours on both sides, whose weights halve every `half_life` steps.
/// At the ends it is the mean of what there is.
pub fn smoothed(values: &[f64], half_life: f64) -> Vec<f64> {
    let keep = 0.5_f64.powf(1.0 / half_life.max(1e-9));
    // For each value, the weighted sum of it and all before it, and the sum of their weights.
    let before = |values: &mut dyn Iterator<Item = &f64>| -> Vec<(f64, f64)> {
        let mut sums = (0.0, 0.0);
        let next = |&value: &f64| {
            sums = (keep * sums.0 + value, keep * sums.1 + 1.0);
            sums
        };
        values.map(next).collect()
    };
    let (left, right) = (before(&mut values.iter()), before(&mut values.iter().rev()));
    let both = left.iter().zip(right.iter().rev()).zip(values);
    both.map(|((l, r), value)| (l.0 + r.0 - value) / (l.1 + r.1 - 1.0)).collect()
}

/// A range of values laid over a range of the picture.
struct Axis {
    ticks: Vec<f64>,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = match (low, high) {
            (low, high) if low > high => (0.0, 1.0), // nothing to draw
            (low, high) if high - low <= 1e-12 * low.abs().max(1e-12) => {
                let room = 0.5 * low.abs().max(1e-6);
                (low - room, high + room)
            }
            range => range,
        };
        let step = nice(low, high);
        let first = (low / step + 1e-9).floor();
        let count = (high / step - first - 1e-9).ceil().max(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a handful
        let ticks: Vec<f64> = (0..=count as usize).map(|i| (first + i as f64) * step).collect();
        // Values may begin and end between ticks along x; along y the picture ends on ticks.
        let upright = to < from;
        let (low, high) = if upright { (first * step, (first + count) * step) } else { (low, high) };
        Self { ticks, low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Places and labels of the ticks that lie in the picture.
    fn marks(&self) -> Vec<(f64, String)> {
        let step = self.ticks[1] - self.ticks[0];
        let slack = 1e-9 * step;
        let inside = |tick: &&f64| (self.low - slack..=self.high + slack).contains(tick);
        self.ticks.iter().filter(inside).map(|&tick| (self.place(tick), label(tick, step))).collect()
    }
}

/// The distance of some five ticks: 1, 2 or 5 times a power of ten.
fn nice(low: f64, high: f64) -> f64 {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

/// A tick with as many digits as tell it from its neighbours.
fn label(tick: f64, step: f64) -> String {
    let tick = if tick.abs() < 1e-9 * step { 0.0 } else { tick };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and not negative
    let digits = (-step.log10().floor() + 1e-9).max(0.0) as usize;
    if digits > 6 || tick.abs() >= 1e7 {
        return format!("{tick:.2e}");
    }
    format!("{tick:.digits$}").replace('-', "−")
}

/// A long line by the lowest and the highest point of each of many equal stretches, so that no peak is lost.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST {
        return points.to_vec();
    }
    let extremes = |stretch: &[(f64, f64)]| {
        let order = |&a: &usize, &b: &usize| stretch[a].1.total_cmp(&stretch[b].1);
        let low = (0..stretch.len()).min_by(order).unwrap_or(0);
        let high = (0..stretch.len()).max_by(order).unwrap_or(0);
        [stretch[low.min(high)], stretch[low.max(high)]]
    };
    points.chunks(points.len().div_ceil(MOST / 2)).flat_map(extremes).collect()
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, attributes: &str, content: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" {attributes}>{}</text>",
        at.0,
        at.1,
        escape(content)
    );
}

/// A text inside XML: marks as entities, and without the control characters that XML cannot hold.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(low: f64, high: f64) -> String {
        let axis = Axis::over([low, high].into_iter(), 100.0, 0.0);
        axis.marks().into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        assert_eq!(ticks(0.0, 10.0), "0 2 4 6 8 10");
        assert_eq!(ticks(0.13, 0.98), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(ticks(-3.1, 2.0), "−4 −2 0 2");
        assert_eq!(ticks(4120.0, 4980.0), "4000 4200 4400 4600 4800 5000");
        assert_eq!(ticks(1.5e-4, 3.5e-4), "0.00015 0.00020 0.00025 0.00030 0.00035");
        assert_eq!(ticks(3.0, 3.0), "1 2 3 4 5", "one value has room on both sides");
    }

    #[test]
    fn the_ends_of_the_range_are_the_ends_of_the_picture() {
        let axis = Axis::over([10.0, 20.0].into_iter(), 50.0, 150.0);
        assert!(
            [(10.0, 50.0), (15.0, 100.0), (20.0, 150.0)]
                .iter()
                .all(|(value, place)| (axis.place(*value) - place).abs() < 1e-9)
        );
    }

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
        let mut chart = Chart::new("", "", "");
        assert!(!chart.svg().contains("NaN"));
        chart.push(Series::new(
            "",
            Look::Faint,
            [(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 2.0)],
        ));
        let svg = chart.svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn thinning_keeps_peaks_and_order() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 1.0)).collect();
        (points[777].1, points[50_001].1) = (9.0, -9.0);
        let thinned = thin(&points);
        assert!(thinned.len() <= MOST && thinned.is_sorted_by(|a, b| a.0 <= b.0));
        assert!(thinned.contains(&(777.0, 9.0)) && thinned.contains(&(50_001.0, -9.0)));
    }

    #[test]
    fn smoothing_halves_weights() {
        // Weights 1, ½, ¼; then ½, 1, ½; then ¼, ½, 1.
        let found = smoothed(&[6.0, 4.0, 0.0], 1.0);
        assert!(found.iter().zip([32.0 / 7.0, 3.5, 2.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}
