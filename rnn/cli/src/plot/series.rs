//! One curve: named points with a style.

use super::axis::Axis;
use super::colour::of_curve;
use std::fmt::Write;

/// The maximum number of points of a line; a longer one shows the extremes of each interval.
const MOST: usize = 1600;

/// Named points.
#[derive(Clone, Debug)]
pub struct Series {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) points: Vec<(f64, f64)>,
}

/// The style of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A thin pale line behind the others, for raw values.
    Faint,
    /// A strong dark line.
    Line,
    /// A strong line in the second colour, with markers if there are few points.
    Second,
    /// A line in the colour of that index, with markers if there are few points.
    Nth(usize),
    /// A dashed line in the colour of that index, for a bound or a fit.
    Bound(usize),
    /// Markers without a line, in the colour of that index.
    Marks(usize),
}

impl Look {
    /// Colour and width.
    fn stroke(self) -> (&'static str, f64) {
        match self {
            Self::Faint => ("#8db4d6", 1.2),
            Self::Line => ("#0b5394", 2.4),
            Self::Second => ("#c8500a", 2.4),
            Self::Nth(n) | Self::Marks(n) => (of_curve(n), 2.2),
            Self::Bound(n) => (of_curve(n), 1.6),
        }
    }

    fn dashes(self) -> &'static str {
        if matches!(self, Self::Bound(_)) { " stroke-dasharray=\"7 5\"" } else { "" }
    }

    /// Whether the points get markers, given their number.
    fn marks(self, points: usize) -> bool {
        match self {
            Self::Faint | Self::Line => points == 1,
            Self::Second | Self::Nth(_) => points <= 40,
            Self::Bound(_) => false,
            Self::Marks(_) => true,
        }
    }
}

impl Series {
    /// Points in the order of x. Points that are not finite are dropped.
    pub fn new(name: &str, look: Look, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        Self { name: name.into(), look, points: points.into_iter().filter(finite).collect() }
    }

    /// Draws the curve. It has a gap where a value is off the scale, as a zero on a logarithmic one.
    pub(super) fn draw(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let (colour, width) = self.look.stroke();
        let thinned = thin(&self.points);
        let marks = self.look.marks(thinned.len());
        for piece in thinned.split(|p| !x.holds(p.0) || !y.holds(p.1)).filter(|piece| !piece.is_empty()) {
            let points: Vec<(f64, f64)> = piece.iter().map(|p| (x.place(p.0), y.place(p.1))).collect();
            if !matches!(self.look, Look::Marks(_)) {
                let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
                let _ = writeln!(
                    svg,
                    "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{} \
                     stroke-linejoin=\"round\"/>",
                    path.join("L"),
                    self.look.dashes()
                );
            }
            if marks || points.len() == 1 {
                for (x, y) in points {
                    let _ =
                        writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
                }
            }
        }
    }

    /// A short sample of the curve, for the legend.
    pub(super) fn sample(&self, svg: &mut String, at: f64, y: f64) {
        let (colour, width) = self.look.stroke();
        if let Look::Marks(_) = self.look {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>", at + 13.0);
        } else {
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {y:.1}h26\" stroke=\"{colour}\" stroke-width=\"{}\"{}/>",
                width + 1.0,
                self.look.dashes()
            );
        }
    }
}

/// Reduces a long line to the minimum and the maximum of each of many equal intervals, so that no peak is lost.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_peaks_and_order() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 1.0)).collect();
        (points[777].1, points[50_001].1) = (9.0, -9.0);
        let thinned = thin(&points);
        assert!(thinned.len() <= MOST && thinned.is_sorted_by(|a, b| a.0 <= b.0));
        assert!(thinned.contains(&(777.0, 9.0)) && thinned.contains(&(50_001.0, -9.0)));
    }
}
