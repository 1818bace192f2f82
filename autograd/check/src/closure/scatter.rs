//! Whether a function has one value at one point.

use crate::numeric::Noise;
use crate::report::{Report, Tensor};
use crate::verdict::Verdict;
use ndarray::ArrayD;

/// How often a function with another value each time is called at the point.
const CALLS: usize = 8;

/// The values of a function at one point, where they are not the same each time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    /// How often it was called there.
    pub calls: usize,
    /// The mean of its values; of an array, the mean size of its elements.
    pub mean: f64,
    /// The standard deviation of an element.
    pub deviation: f64,
}

impl Scatter {
    /// Relative to the mean.
    pub fn part(&self) -> f64 {
        self.deviation / self.mean.abs()
    }
}

/// Calls the function once more where it was y, and, if it is another one then, until its scatter is known.
pub(super) fn measure(
    y: &ArrayD<f64>,
    mut again: impl FnMut() -> ArrayD<f64>,
    budget: usize,
    calls: &mut usize,
) -> Option<Scatter> {
    let mut values = vec![y.clone()];
    while values.len() < CALLS && *calls < budget {
        *calls += 1;
        let next = again();
        if next.shape() != y.shape() || values.len() == 1 && next == y {
            return None;
        }
        values.push(next);
    }
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let zeros = || ArrayD::<f64>::zeros(y.raw_dim());
    // Of differences to the first nothing is lost to rounding.
    let away = values.iter().fold(zeros(), |sum, value| sum + (value - y)) / count;
    let squares =
        values.iter().map(|value| (value - y - &away).mapv(|x| x * x)).fold(zeros(), |sum, x| sum + x);
    let squares = squares.sum() / (count - 1.0);
    let mean = y + &away;
    let size = if mean.len() == 1 { mean.sum() } else { mean.iter().map(|x| x.abs()).sum() };
    let n = y.len().max(1) as f64;
    Some(Scatter { calls: values.len(), mean: size / n, deviation: (squares / n).sqrt() })
}

/// Of how many undecided arrays the notes speak.
const TOLD: usize = 3;

/// Scatter of so many units in the last place is that of sums in another order.
const REORDERED: f64 = 64.0;

impl Report {
    /// What noise there is in a function of this precision, and what it leaves undecided. `rough` is noise that is the same
    /// each time.
    pub(super) fn on_noise(&self, rough: Option<Noise>, precision: f64) -> Vec<String> {
        let open: Vec<&Tensor> = self.of(Verdict::Inconclusive).collect();
        let source = match (self.scatter, rough) {
            (Some(scatter), _) if !open.is_empty() || scatter.part() > REORDERED * precision => format!(
                "the function is noisy: at one point {} answers scatter by {:.0e} about {:.6e}{}. \
                 It draws anew, or it remembers: give it a fixed seed",
                scatter.calls,
                scatter.deviation,
                scatter.mean,
                if scatter.mean == 0.0 { String::new() } else { format!(", {:.0e} of it", scatter.part()) }
            ),
            (None, Some(noise)) if !open.is_empty() => format!(
                "the function is noisy: near the point it leaves a smooth curve by {:.0e}, {:.0e} of it, as what an iteration \
                 solves for: let it go on for longer, or tell its tolerance as the precision",
                noise.deviation,
                noise.deviation / noise.size
            ),
            _ => return Vec::new(),
        };
        let lost = |t: &&Tensor| {
            let c = &t.comparison;
            let within = if c.tolerance.is_finite() {
                format!("is known to {:.0e} only", c.tolerance)
            } else {
                "is not known at all".into()
            };
            format!(
                "in this noise the slope along a direction of `{}` {within}, and {:.1e} is claimed",
                t.name, c.analytic
            )
        };
        std::iter::once(source).chain(open.iter().take(TOLD).map(lost)).collect()
    }
}
