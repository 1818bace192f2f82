//! The decay of gradients with distance.

use autograd::Magnitude;
use ndarray::Array2;
use std::collections::BTreeMap;

/// Norms by distance, and their decay rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Decay {
    /// For each distance t − k, the geometric mean of the nonzero norms.
    pub by_lag: BTreeMap<isize, Magnitude>,
    /// The factor per step of the log-linear fit; `None` for fewer than three distances.
    pub rate: Option<f64>,
    /// The value of the fit at distance 0.
    pub start: f64,
}

impl Decay {
    /// Fits a matrix `[loss, step]`; `loss_steps` are the steps of its rows, from 1.
    pub fn of(matrix: &Array2<Magnitude>, loss_steps: &[usize]) -> Self {
        let mut logs: BTreeMap<isize, (f64, f64)> = BTreeMap::new();
        for ((row, k), norm) in matrix.indexed_iter().filter(|(_, norm)| **norm > Magnitude::ZERO) {
            let lag = loss_steps[row].cast_signed() - 1 - k.cast_signed();
            let sum = logs.entry(lag).or_default();
            *sum = (sum.0 + norm.log10(), sum.1 + 1.0);
        }
        let by_lag: BTreeMap<isize, f64> = logs.into_iter().map(|(lag, (sum, n))| (lag, sum / n)).collect();
        // The loss's own step involves no Jacobian.
        let far = |(lag, log): (&isize, &f64)| (*lag > 0).then_some((*lag as f64, *log));
        let points: Vec<(f64, f64)> = by_lag.iter().filter_map(far).collect();
        let line = fit(&points);
        Self {
            by_lag: by_lag.into_iter().map(|(lag, log)| (lag, Magnitude::power_of_ten(log))).collect(),
            rate: line.map(|(slope, _)| 10f64.powf(slope)),
            start: line.map_or(f64::NAN, |(_, start)| 10f64.powf(start)),
        }
    }

    /// The value of the fit at a distance.
    pub fn line(&self, lag: f64) -> Option<Magnitude> {
        self.rate.map(|rate| Magnitude::power_of_ten(self.start.log10() + rate.log10() * lag))
    }

    /// The number of steps over which the fit halves, if it falls.
    pub fn half_life(&self) -> Option<f64> {
        self.rate.filter(|rate| *rate < 1.0).map(|rate| 0.5_f64.ln() / rate.ln())
    }
}

/// The slope and intercept of the least-squares line.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    if points.len() < 3 {
        return None;
    }
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    Some((slope, y - slope * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_has_its_rate() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
        let of = |t: usize, k: usize| {
            Magnitude::of(if k > t { f64::NAN } else { 3.0 * 0.8_f64.powi((t - k) as i32) })
        };
        let matrix = Array2::from_shape_fn((10, 10), |(t, k)| of(t, k));
        let decay = Decay::of(&matrix, &(1..=10).collect::<Vec<_>>());
        assert!(
            (decay.rate.unwrap() - 0.8).abs() < 1e-12
                && (decay.line(2.0).unwrap().to_f64() - 1.92).abs() < 1e-12
        );
        assert!((decay.half_life().unwrap() - 3.106).abs() < 1e-3);
        assert_eq!(decay.by_lag.keys().copied().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
