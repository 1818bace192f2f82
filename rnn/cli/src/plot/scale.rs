//! Scales: the mapping from values to lengths, and the choice of ticks.

/// The mapping of values along an axis, or over colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal lengths.
    #[default]
    Linear,
    /// Equal ratios are equal lengths. Only positive values are on the scale.
    Log,
    /// Like [`Scale::Log`], but values are given by their log₁₀, so they may exceed the range of `f64`. Minus
    /// infinity is zero.
    Decades,
}

impl Scale {
    /// Whether a value is on the scale.
    pub(super) fn holds(self, value: f64) -> bool {
        value.is_finite() && (self != Self::Log || value > 0.0)
    }

    /// The position of a value between `low`, at 0, and `high`, at 1.
    pub(super) fn share(self, value: f64, low: f64, high: f64) -> f64 {
        match self {
            Self::Linear | Self::Decades => (value - low) / (high - low),
            Self::Log => (value.ln() - low.ln()) / (high.ln() - low.ln()),
        }
    }

    /// The range of the values on the scale, widened around a single one.
    pub(super) fn range(self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let held = values.filter(|&v| self.holds(v));
        let (low, high) = held.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        match self {
            Self::Linear if low > high => (0.0, 1.0), // nothing to draw
            Self::Decades if low > high => (-1.0, 0.0),
            Self::Log if low > high => (0.1, 1.0),
            Self::Linear if high - low <= 1e-12 * low.abs().max(1e-12) => {
                let room = 0.5 * low.abs().max(1e-6);
                (low - room, high + room)
            }
            Self::Log if high / low < 1.0 + 1e-9 => (low / 2.0, high * 2.0),
            Self::Decades if high - low < 4e-10 => (low - 2f64.log10(), high + 2f64.log10()),
            _ => (low, high),
        }
    }

    /// Round values that cover the range, ascending, about `most` at most.
    pub(super) fn ticks(self, low: f64, high: f64, most: usize) -> Vec<f64> {
        match self {
            // Within a decade a logarithmic scale has linear ticks.
            Self::Linear => linear_ticks(low, high, most),
            Self::Log if high / low < 10.0 => {
                let ticks = linear_ticks(low, high, most);
                if ticks[0] > 0.0 { ticks } else { [&[low], &ticks[1..]].concat() }
            }
            Self::Log => {
                let ticks = log_ticks(low, high, most).into_iter().map(|log| 10_f64.powf(log));
                ticks.filter(|tick| *tick > 0.0 && tick.is_finite()).collect()
            }
            Self::Decades if high - low < 2.0 && high.abs() < 300.0 => {
                let ticks = Self::Log.ticks(10_f64.powf(low), 10_f64.powf(high), most);
                ticks.into_iter().map(f64::log10).collect()
            }
            Self::Decades => decade_ticks(low, high, most),
        }
    }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let step = nice(low, high, most);
    let first = (low / step + 1e-9).floor();
    let count = (high / step - first - 1e-9).ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a handful
    (0..=count as usize).map(|i| (first + i as f64) * step).collect()
}

/// The distance of about `most` ticks: 1, 2 or 5 times a power of ten.
fn nice(low: f64, high: f64, most: usize) -> f64 {
    let rough = (high - low) / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

/// Logarithms of powers of ten, every decade or every few; with 1, 2 and 5 in each if there are few.
fn log_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let (first, last) = ((low.log10() + 1e-9).floor(), (high.log10() - 1e-9).ceil());
    if high / low < 100.0 {
        let all = |decade: f64| [1.0, 2.0, 5.0].map(|m: f64| m.log10() + decade);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most three
        let ticks: Vec<f64> = (0..=(last - first) as usize).flat_map(|i| all(first + i as f64)).collect();
        let from = ticks.iter().rposition(|&t| t <= low.log10() + 1e-9).unwrap_or(0);
        let to = ticks.iter().position(|&t| t >= high.log10() - 1e-9).unwrap_or(ticks.len() - 1);
        return ticks[from..=to].to_vec();
    }
    decade_ticks(low.log10(), high.log10(), most)
}

/// Multiples of 1, 2, 3, 5, 10 … decades, 0 included.
fn decade_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let (first, last) = ((low + 1e-9).floor(), (high - 1e-9).ceil());
    let rough = (last - first) / most.max(1) as f64;
    let steps = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
    let step = steps.into_iter().find(|&s| s >= rough).unwrap_or_else(|| (rough / 1000.0).ceil() * 1000.0);
    let from = (first / step).floor();
    let count = (last / step).ceil() - from;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a handful
    (0..=count as usize).map(|i| (from + i as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponents(low: f64, high: f64) -> Vec<i32> {
        #[allow(clippy::cast_possible_truncation)]
        Scale::Log.ticks(low, high, 6).iter().map(|t| t.log10().round() as i32).collect()
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten_that_hold_the_range() {
        assert_eq!(exponents(3e-5, 0.4), [-5, -4, -3, -2, -1, 0]);
        assert_eq!(exponents(1e-28, 1.0), [-30, -25, -20, -15, -10, -5, 0]);
        assert_eq!(exponents(1e-120, 1e30), [-150, -100, -50, 0, 50]);
        let near = |found: Vec<f64>, want: &[f64]| {
            assert_eq!(found.len(), want.len(), "{found:?}");
            assert!(found.iter().zip(want).all(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{found:?}");
        };
        near(Scale::Log.ticks(0.3, 12.0, 6), &[0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        near(Scale::Log.ticks(0.9, 1.12, 6), &[0.9, 0.95, 1.0, 1.05, 1.1, 1.15]);
    }

    #[test]
    fn a_share_is_linear_in_values_or_in_their_logarithms() {
        assert!((Scale::Linear.share(15.0, 10.0, 20.0) - 0.5).abs() < 1e-12);
        assert!((Scale::Log.share(1e-3, 1e-6, 1.0) - 0.5).abs() < 1e-12);
        assert!(!Scale::Log.holds(0.0) && Scale::Linear.holds(0.0) && !Scale::Linear.holds(f64::NAN));
    }
}
