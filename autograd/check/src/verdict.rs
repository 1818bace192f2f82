//! What is said of two derivatives that should be one.

use super::numeric::{Derivative, SAFETY, Slope};
use std::fmt;

/// What a comparison says, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Analytic and numeric derivative agree.
    Pass,
    /// The point lies on a kink, where no derivative exists, and the analytic one lies between the slopes from the left and
    /// from the right: of the whole, or of every op on a kink by itself.
    Kink,
    /// They agree, but the numeric one is not known well enough to say much: its tolerance is more than a
    /// thousandth of the gradient. Or it does not settle, as beside a pole.
    Inconclusive,
    /// They differ by more than the tolerance, or the analytic one is not finite.
    Fail,
}

impl Verdict {
    /// Whether nothing was found wrong, and all was decided: pass or kink.
    pub fn is_good(self) -> bool {
        self <= Self::Kink
    }

    /// In lower case, one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Kink => "kink",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(if *self == Self::Fail { "FAIL" } else { self.word() })
    }
}

/// A tolerance of more than this part of the gradient decides nothing. Wrong rules are wrong by a sign, a factor
/// or a term, not by a thousandth.
pub(super) const COARSE: f64 = 1e-3;

/// One derivative, twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// From the graph.
    pub analytic: f64,
    /// From differences; on a kink, of all between the two slopes the one nearest to the analytic.
    pub numeric: f64,
    /// The estimated error of the numeric one.
    pub error: f64,
    /// How far the two may lie apart; see the [module](super).
    pub tolerance: f64,
    /// On a kink, the slopes from the left and from the right.
    pub sides: Option<[f64; 2]>,
    /// What follows.
    pub verdict: Verdict,
}

impl Comparison {
    /// `rounding` is how far the analytic derivative may be off, and `gradient` the size of what it is a part of.
    pub(super) fn new(analytic: f64, derivative: &Derivative, rounding: f64, gradient: f64) -> Self {
        match derivative {
            Derivative::Smooth(slope) => Self::smooth(analytic, slope, rounding, gradient),
            Derivative::Sides { left, right, .. } => {
                Self::between(analytic, [left, right], rounding, gradient)
            }
        }
    }

    fn smooth(analytic: f64, slope: &Slope, rounding: f64, gradient: f64) -> Self {
        let (numeric, error) = (slope.value, slope.error());
        let tolerance = SAFETY * error + rounding;
        let size = gradient.max(numeric.abs()).max(slope.unseen);
        let verdict = if !analytic.is_finite() {
            Verdict::Fail
        } else if (analytic - numeric).abs() > tolerance {
            if slope.is_settled() { Verdict::Fail } else { Verdict::Inconclusive }
        } else if tolerance <= COARSE * size || (analytic == 0.0 && numeric == 0.0) {
            // Where nothing moves at all, both say so exactly.
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        Self { analytic, numeric, error, tolerance, sides: None, verdict }
    }

    fn between(analytic: f64, [left, right]: [&Slope; 2], rounding: f64, gradient: f64) -> Self {
        let sides = [left.value, right.value];
        let (low, high) = (left.value.min(right.value), left.value.max(right.value));
        let error = left.error() + right.error();
        let tolerance = SAFETY * error + rounding;
        let numeric = if low <= high { analytic.clamp(low, high) } else { f64::NAN };
        let size = gradient.max(left.unseen).max(right.unseen).max(low.abs()).max(high.abs());
        let settled = left.is_settled() && right.is_settled() && tolerance <= COARSE * size;
        let exact = tolerance <= 0.0 && (analytic - numeric).abs() <= 0.0;
        let verdict = if !analytic.is_finite() {
            Verdict::Fail
        } else if !(settled || exact) {
            Verdict::Inconclusive
        } else if (analytic - numeric).abs() > tolerance {
            Verdict::Fail
        } else if high - low <= tolerance {
            // Nodes change sides, and the slope does not see it.
            Verdict::Pass
        } else {
            Verdict::Kink
        };
        Self { analytic, numeric, error, tolerance, sides: Some(sides), verdict }
    }

    /// |analytic − numeric|
    pub fn difference(&self) -> f64 {
        (self.analytic - self.numeric).abs()
    }

    /// analytic / numeric: −1 for a wrong sign, 2 or ½ for a wrong factor.
    pub fn ratio(&self) -> f64 {
        self.analytic / self.numeric
    }

    /// The difference in units of the tolerance: above 1 it is a failure.
    pub fn excess(&self) -> f64 {
        let excess = self.difference() / self.tolerance;
        match self.verdict {
            Verdict::Fail if excess.is_nan() => f64::INFINITY,
            _ if excess.is_nan() => 0.0,
            _ => excess,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { analytic, numeric, tolerance, .. } = self;
        match self.sides {
            None => write!(f, "analytic {analytic:.6e}  numeric {numeric:.6e}  ")?,
            Some([left, right]) => {
                write!(f, "analytic {analytic:.6e}  left {left:.6e}  right {right:.6e}  ")?;
            }
        }
        write!(f, "difference {:.1e}  tolerance {tolerance:.1e}", self.difference())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(value: f64, error: f64) -> Slope {
        Slope { value, truncation: 0.0, rounding: error, unseen: 0.0 }
    }

    #[test]
    fn of_a_smooth_function() {
        let verdict = |analytic, error| {
            Comparison::new(analytic, &Derivative::Smooth(slope(1.0, error)), 0.0, 1.0).verdict
        };
        assert_eq!(verdict(1.0 + 1e-9, 1e-10), Verdict::Pass);
        assert_eq!(verdict(1.0 + 1e-8, 1e-10), Verdict::Fail);
        assert_eq!(verdict(1.0, 1e-3), Verdict::Inconclusive);
        assert_eq!(verdict(1.5, 1e-3), Verdict::Fail);
        assert_eq!(verdict(f64::NAN, 1e-10), Verdict::Fail);
        assert_eq!(verdict(1.0, f64::NAN), Verdict::Inconclusive);
        let flat = Derivative::Smooth(slope(0.0, 1e-9));
        assert_eq!(Comparison::new(0.0, &flat, 0.0, 0.0).verdict, Verdict::Pass);
        let wild = Derivative::Smooth(Slope { truncation: 0.4, ..slope(1.0, 0.0) });
        assert_eq!(Comparison::new(50.0, &wild, 0.0, 1.0).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn of_a_kink() {
        let sides = Derivative::Sides { left: slope(-1.0, 1e-9), right: slope(2.0, 1e-9), sharp: vec![0] };
        let verdict = |analytic| Comparison::new(analytic, &sides, 0.0, 1.0).verdict;
        assert_eq!([-1.0, 0.0, 0.5, 2.0].map(verdict), [Verdict::Kink; 4]);
        assert_eq!([-1.1, 2.1, f64::INFINITY].map(verdict), [Verdict::Fail; 3]);
        let equal = Derivative::Sides { left: slope(2.0, 1e-9), right: slope(2.0, 1e-9), sharp: vec![] };
        assert_eq!(Comparison::new(2.0, &equal, 0.0, 1.0).verdict, Verdict::Pass);
    }

    #[test]
    fn are_ordered_from_good_to_bad() {
        assert!(Verdict::Pass < Verdict::Kink && Verdict::Kink < Verdict::Inconclusive);
        assert!(Verdict::Kink.is_good() && !Verdict::Inconclusive.is_good());
    }
}
