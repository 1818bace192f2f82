//! The order of a residual: the slope of a straight line in a log-log plot.

use super::{Residuals, Verdict};
use std::fmt;

/// The minimum ratio of a residual to the rounding floor: its noise is then below a hundredth.
const ABOVE: f64 = 100.0;
/// The maximum and minimum number of steps for a fit. At four per decade these are 2 and 1 decades.
const MOST: usize = 9;
const LEAST: usize = 5;
/// A measured order this close to a whole number counts as that number.
const NEAR: f64 = 0.05;
/// A residual at the floor means a zero remainder if steps up to this size were resolved. A derivative that is wrong
/// by a thousandth would show there: it leaves 10⁻⁷ in r₂ and 10⁻¹¹ in r₃.
const SEEN: f64 = 1e-4;

/// The order of one residual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// The expected order: 1, 2 or 3.
    pub expected: u32,
    /// The measured order; `None` if too little of the residual is above the rounding floor.
    pub measured: Option<f64>,
    /// The smallest and the largest ε of the fit; without a fit, 0 and the largest on this side of a kink.
    pub range: [f64; 2],
    /// Pass if the order is the expected one or higher, or if r₂ or r₃ is entirely at the rounding floor; fail if it
    /// is a smaller whole number, as a wrong derivative gives it. Otherwise inconclusive: in between, with a kink too
    /// near, or if the function is constant.
    pub verdict: Verdict,
}

impl Order {
    /// Fits the smallest steps whose residuals are well above the floor, where the leading term dominates.
    pub(crate) fn fit(expected: u32, rows: &[Residuals], floor: f64) -> Self {
        let place = expected as usize - 1;
        let above = |row: &&Residuals| row.smooth && row.of[place] > ABOVE * floor;
        let mut points: Vec<[f64; 2]> =
            rows.iter().rev().filter(above).take(MOST).map(|r| [r.step, r.of[place]]).collect();
        points.retain(|point| point[1].is_finite());
        if points.len() < LEAST {
            let seen = rows.iter().filter(|row| row.smooth).map(|row| row.step).fold(0.0, f64::max);
            let nothing_left = expected > 1 && seen >= SEEN;
            let verdict = if nothing_left { Verdict::Pass } else { Verdict::Inconclusive };
            return Self { expected, measured: None, range: [0.0, seen], verdict };
        }
        let range = [points[0][0], points[points.len() - 1][0]];
        let measured = order(&points);
        let lower = |order: u32| (measured - f64::from(order)).abs() <= NEAR;
        let verdict = if measured >= f64::from(expected) - NEAR {
            Verdict::Pass
        } else if (0..expected).any(lower) {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        };
        Self { expected, measured: Some(measured), range, verdict }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { expected, measured, range: [from, to], verdict } = self;
        let residual = ["r₁", "r₂", "r₃"][*expected as usize - 1];
        match measured {
            Some(order) => {
                write!(
                    f,
                    "{residual} order {order:.3} for {expected}  {verdict}  (ε from {from:.0e} to {to:.0e})"
                )
            }
            None if *to < SEEN => write!(f, "{residual} order {expected}  {verdict}  (a kink is too near)"),
            None => write!(f, "{residual} order {expected}  {verdict}  (at the rounding floor)"),
        }
    }
}

/// k of `r = c εᵏ (1 + bε)`, by least squares over `ln r = ln c + k ln ε + bε`: the next term of the expansion, which
/// bends the line at its upper end, is part of the fit. The dependence of both logarithms on ε is removed first; k is
/// the slope of the rest (Frisch & Waugh 1933).
fn order(points: &[[f64; 2]]) -> f64 {
    let without = |of: fn(&[f64; 2]) -> f64| {
        let over: Vec<[f64; 2]> = points.iter().map(|p| [p[0], of(p).ln()]).collect();
        let b = slope(&over);
        over.into_iter().map(|[step, y]| y - b * step).collect::<Vec<_>>()
    };
    let left = without(|p| p[0]).into_iter().zip(without(|p| p[1]));
    slope(&left.map(|(x, y)| [x, y]).collect::<Vec<_>>())
}

/// The standard deviation from the least-squares line, which uses two degrees of freedom.
pub(super) fn scatter(points: &[[f64; 2]]) -> f64 {
    let (slope, [x, y]) = (slope(points), middle(points));
    let squares: f64 = points.iter().map(|p| (p[1] - y - slope * (p[0] - x)).powi(2)).sum();
    (squares / (points.len().max(3) - 2) as f64).sqrt()
}

/// The slope of the least-squares line.
fn slope(points: &[[f64; 2]]) -> f64 {
    let [x, y] = middle(points);
    let both: f64 = points.iter().map(|p| (p[0] - x) * (p[1] - y)).sum();
    both / points.iter().map(|p| (p[0] - x).powi(2)).sum::<f64>()
}

fn middle(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of r₂ as a given function of ε.
    fn second(residual: impl Fn(f64) -> f64) -> Order {
        let row = |step| Residuals { step, of: [0.0, residual(step), 0.0], smooth: true };
        Order::fit(2, &super::super::steps().map(row).collect::<Vec<_>>(), 1e-16)
    }

    #[test]
    fn whole_orders_are_read_off() {
        assert!((second(|e| 3.0 * e * e).measured.unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(second(|e| 3.0 * e * e + 40.0 * e.powi(3)).verdict, Verdict::Pass);
        // A straight line through these points has the slope 1.87.
        let bent = second(|e| 1e-8 * e * e * (1.0 - 3.0 * e)).measured.unwrap();
        assert!((bent - 2.0).abs() < NEAR, "{bent}");
        assert_eq!(second(|e| e.powi(3)).verdict, Verdict::Pass);
        assert_eq!(second(|e| e * e + 1e-3 * e).verdict, Verdict::Fail);
        assert_eq!(second(|e| e * e + 3e-7 * e).verdict, Verdict::Inconclusive);
        assert_eq!(second(|_| 1e-15).measured, None);
    }

    #[test]
    fn scatter_is_what_a_line_leaves() {
        let points: Vec<[f64; 2]> = (0..100)
            .map(f64::from)
            .map(|t| [t, 3.0 * t - 7.0 + if t % 2.0 == 0.0 { 1e-3 } else { -1e-3 }])
            .collect();
        assert!((scatter(&points) / 1e-3 - 1.0).abs() < 0.02);
    }

    #[test]
    fn nothing_is_concluded_from_nothing() {
        let row = |step| Residuals { step, of: [1e-15; 3], smooth: step < 1e-6 };
        let rows: Vec<Residuals> = super::super::steps().map(row).collect();
        let order = Order::fit(2, &rows, 1e-16);
        assert_eq!(order.verdict, Verdict::Inconclusive);
        assert!(order.to_string().contains("a kink is too near"), "{order}");
        let rows: Vec<Residuals> = rows.into_iter().map(|row| Residuals { smooth: true, ..row }).collect();
        let verdicts = [1, 2, 3].map(|order| Order::fit(order, &rows, 1e-16).verdict);
        assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Pass, Verdict::Pass]);
    }
}
