//! Verdicts: the comparison of two derivatives, and the decision for a gradient from all evidence.
//!
//! The decision is one function of the evidence ([`decide`]): nothing is revised after it.

use super::locate::Equations;
use super::numeric::{Derivative, SAFETY, Slope};
use std::fmt;

/// The verdict on a gradient, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is the derivative: differences agree with it, or every node's equation holds.
    Pass,
    /// The point is on a kink, where no derivative exists, and the gradient is between the slopes of the pieces that
    /// meet there; or, where the whole jumps or is not seen, each op on a kink is between its own slopes.
    Kink,
    /// Undecided: the differences are too coarse, or do not converge, as near a pole, and there are no nodes to
    /// check; or the methods contradict each other.
    Inconclusive,
    /// The point is on kinks, and every op returns a value between its own slopes, but the whole is not between the
    /// slopes of the pieces that were found to meet there: `relu(x) − relu(−x)` is x, and has the gradient 0 at 0. Each VJP is right, the whole
    /// is not.
    Convention,
    /// It is not the derivative, or not finite.
    Fail,
}

impl Verdict {
    /// Whether the gradient is correct: pass or kink.
    pub fn is_good(self) -> bool {
        self <= Self::Kink
    }

    /// In lower case, one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Kink => "kink",
            Self::Inconclusive => "inconclusive",
            Self::Convention => "convention",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(if *self == Self::Fail { "FAIL" } else { self.word() })
    }
}

/// The maximum tolerance for a decision, as a fraction of the gradient. Wrong VJPs are wrong by a sign, a factor or a
/// term, not by a thousandth.
pub(super) const COARSE: f64 = 1e-3;

/// One derivative, computed twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// From the graph.
    pub analytic: f64,
    /// From differences; at a kink, the value between the one-sided slopes, or those of `pieces`, that is nearest to the
    /// analytic one.
    pub numeric: f64,
    /// The estimated error of the numeric value.
    pub error: f64,
    /// The tolerance of the difference; see the [module](super).
    pub tolerance: f64,
    /// At a kink, the slopes from the left and from the right.
    pub sides: Option<[f64; 2]>,
    /// The lowest and the highest slope of the pieces that meet there, if the analytic one is between them, but not
    /// between the two sides.
    pub pieces: Option<[f64; 2]>,
    /// Whether the function jumps there, so that it has no slope at all.
    pub jump: bool,
    /// Whether both are too small for differences to resolve beside the function's value, and agree for that alone or
    /// differ.
    pub unseen: bool,
    /// The verdict.
    pub verdict: Verdict,
}

impl Comparison {
    /// The comparison of zero with zero.
    pub(super) const NOTHING: Self = Self {
        analytic: 0.0,
        numeric: 0.0,
        error: 0.0,
        tolerance: 0.0,
        sides: None,
        pieces: None,
        jump: false,
        unseen: false,
        verdict: Verdict::Pass,
    };

    /// The worse of two.
    pub(super) fn worse(self, other: Self) -> Self {
        let worse = other.verdict.cmp(&self.verdict).then(other.excess().total_cmp(&self.excess()));
        if worse.is_ge() { other } else { self }
    }

    /// `rounding` is the error bound of the analytic derivative, and `gradient` the size of the gradient that it is
    /// part of.
    pub(super) fn new(analytic: f64, derivative: &Derivative, rounding: f64, gradient: f64) -> Self {
        match derivative {
            Derivative::Smooth(slope) => Self::smooth(analytic, slope, rounding, gradient),
            Derivative::Sides { left, right, jump, .. } => {
                Self::between(analytic, [left, right], *jump, rounding, gradient)
            }
        }
    }

    fn smooth(analytic: f64, slope: &Slope, rounding: f64, gradient: f64) -> Self {
        let (numeric, error) = (slope.value, slope.error());
        let tolerance = SAFETY * error + rounding;
        let size = gradient.max(numeric.abs());
        let nothing = analytic == 0.0 && numeric == 0.0 && tolerance <= slope.unseen;
        let fine = tolerance <= COARSE * size || nothing;
        let unseen = !fine && tolerance <= COARSE * slope.unseen;
        let verdict = if !analytic.is_finite() {
            Verdict::Fail
        } else if !(numeric.is_finite() && tolerance.is_finite()) {
            Verdict::Inconclusive
        } else if (analytic - numeric).abs() > tolerance {
            if slope.is_settled() { Verdict::Fail } else { Verdict::Inconclusive }
        } else if fine || unseen {
            // If the function is constant, both are exactly zero.
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        let small = analytic.abs().max(numeric.abs()) <= COARSE * slope.unseen;
        let unseen = unseen && verdict == Verdict::Pass || small && verdict == Verdict::Fail;
        Self { analytic, numeric, error, tolerance, unseen, verdict, ..Self::NOTHING }
    }

    fn between(analytic: f64, [left, right]: [&Slope; 2], jump: bool, rounding: f64, gradient: f64) -> Self {
        let sides = [left.value, right.value];
        let (low, high) = (left.value.min(right.value), left.value.max(right.value));
        let error = left.error() + right.error();
        let tolerance = SAFETY * error + rounding;
        let numeric = if low <= high { analytic.clamp(low, high) } else { f64::NAN };
        let size = gradient.max(left.unseen).max(right.unseen).max(low.abs()).max(high.abs());
        let known = sides.iter().all(|s| s.is_finite()) && tolerance.is_finite();
        let settled = left.is_settled() && right.is_settled() && tolerance <= COARSE * size;
        let exact = tolerance <= 0.0 && (analytic - numeric).abs() <= 0.0;
        let verdict = if !analytic.is_finite() {
            Verdict::Fail
        } else if !known || !(settled || exact) {
            Verdict::Inconclusive
        } else if (analytic - numeric).abs() > tolerance {
            Verdict::Fail
        } else if high - low <= tolerance && !jump {
            // Nodes change sides without affecting the slope.
            Verdict::Pass
        } else {
            Verdict::Kink
        };
        Self { analytic, numeric, error, tolerance, sides: Some(sides), jump, verdict, ..Self::NOTHING }
    }

    /// Whether the function has two different one-sided slopes.
    pub(super) fn is_on_kink(&self) -> bool {
        self.sides.is_some_and(|[left, right]| (left - right).abs() > self.tolerance)
    }

    /// The evidence from this comparison.
    pub(super) fn seen(&self) -> Seen {
        let decided = |good: Seen, bad: Seen| match self.verdict {
            Verdict::Pass if self.unseen => Seen::Nothing,
            Verdict::Pass => Seen::Equal,
            Verdict::Kink => good,
            Verdict::Inconclusive => Seen::Open,
            _ if self.unseen => Seen::Faint,
            _ => bad,
        };
        if self.sides.is_some() {
            decided(Seen::Between, if self.jump { Seen::Jump } else { Seen::Outside })
        } else {
            decided(Seen::Equal, Seen::Different)
        }
    }

    /// The same in another unit.
    pub(super) fn over(self, unit: f64) -> Self {
        let [analytic, numeric, error, tolerance] =
            [self.analytic, self.numeric, self.error, self.tolerance].map(|x| x / unit);
        let [sides, pieces] = [self.sides, self.pieces].map(|both| both.map(|both| both.map(|x| x / unit)));
        Self { analytic, numeric, error, tolerance, sides, pieces, ..self }
    }

    /// Of one that lies beyond both sides: their slopes, if other pieces may meet there. A line that is smooth may pass
    /// between them: `relu(a + b) − relu(b − a)` has one slope along a at 0, and three near by.
    pub(super) fn beyond(&self) -> Option<[f64; 2]> {
        let outside = self.verdict == Verdict::Fail && self.analytic.is_finite() && !self.jump;
        let sides = self.sides.unwrap_or([self.numeric; 2]);
        (outside && sides.iter().all(|s| s.is_finite())).then_some(sides)
    }

    /// The same where pieces hold it between them.
    pub(super) fn between_pieces(self, pieces: [f64; 2]) -> Self {
        Self { numeric: self.analytic, pieces: Some(pieces), verdict: Verdict::Kink, ..self }
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
        if !analytic.is_finite() {
            return write!(f, "analytic {analytic}  numeric {numeric:.6e}");
        }
        match self.sides {
            None => write!(f, "analytic {analytic:.6e}  numeric {numeric:.6e}  ")?,
            Some([left, right]) => {
                write!(f, "analytic {analytic:.6e}  left {left:.6e}  right {right:.6e}  ")?;
            }
        }
        if let Some([low, high]) = self.pieces {
            write!(f, "pieces {low:.6e} to {high:.6e}  ")?;
        }
        write!(f, "difference {:.1e}  tolerance {tolerance:.1e}", self.difference())?;
        let unseen = self.unseen && self.verdict != Verdict::Fail;
        if unseen { f.write_str("  below what differences see") } else { Ok(()) }
    }
}

/// Combines measurements of one slope with different steps. A failure needs two of them with the same slope;
/// agreement with the gradient already counts as two. Among the confirmed ones, the most accurate is used.
pub(super) fn corroborated(attempts: &[Comparison]) -> Comparison {
    let mut told: Vec<&Comparison> = attempts.iter().filter(|c| c.verdict != Verdict::Inconclusive).collect();
    told.sort_by(|a, b| a.tolerance.total_cmp(&b.tolerance));
    let same = |a: &Comparison, b: &Comparison| {
        let slopes = |c: &Comparison| c.sides.unwrap_or([c.numeric; 2]);
        let near = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance;
        slopes(a).iter().zip(slopes(b)).all(|(x, y)| near(*x, y, a.tolerance + b.tolerance))
    };
    let stands = |i: usize| {
        let c = told[i];
        c.verdict.is_good() || told.iter().enumerate().any(|(j, other)| j != i && same(c, other))
    };
    let open = || {
        let open = attempts.iter().find(|c| c.verdict == Verdict::Inconclusive);
        Comparison { verdict: Verdict::Inconclusive, ..*open.unwrap_or(&attempts[0]) }
    };
    (0..told.len()).find(|&i| stands(i)).map_or_else(open, |i| *told[i])
}

/// The evidence of differences along a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Both are equal, and accurate.
    Equal,
    /// Both are too small to resolve.
    Nothing,
    /// At a kink, it is between the one-sided slopes.
    Between,
    /// At a kink, it is not.
    Outside,
    /// It does not, and the function jumps: a difference across the jump grows without bound as its step falls, so
    /// there is no slope.
    Jump,
    /// They differ, and differences are sure of it.
    Different,
    /// The same, but both are far below the rounding of the function's value: differences have been sure by accident.
    Faint,
    /// Undecided.
    Open,
}

/// The method that decided a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decider {
    /// Differences of the whole function.
    Differences,
    /// The equations of the nodes, and the chain rule.
    Equations,
    /// Forward mode.
    ForwardMode,
    /// Rounding: cancelled terms leave no scale to measure by.
    Rounding,
    /// The gradient itself: it is not finite.
    Gradient,
    /// None.
    Nobody,
}

impl Decider {
    /// A word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Differences => "differences",
            Self::Equations => "equations",
            Self::ForwardMode => "forward mode",
            Self::Rounding => "rounding",
            Self::Gradient => "gradient",
            Self::Nobody => "nobody",
        }
    }
}

/// All evidence on one gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// Whether it is finite.
    pub finite: bool,
    pub differences: Seen,
    /// Whether forward mode agrees, if it was used.
    pub forward: Option<bool>,
    /// The result of the equations behind it.
    pub equations: Equations,
    /// Whether it differs by no more than rounding leaves where terms cancel.
    pub rounding: bool,
}

impl Equations {
    /// For a function with a slope on each side, where differences have seen this.
    ///
    /// An op that only chooses, as the comparison that a `select` reads or the mask of a second derivative, has no
    /// derivative, so no equation shows that it is at its kink. But nodes change sides there (`declared`): if both
    /// slopes are known and the gradient is beyond them, all rules follow the choice at the point, and the function
    /// does otherwise beside it.
    ///
    /// In single precision the equations hold only to its rounding: that proves no digits of a smooth gradient, but
    /// near a kink it shows that every node follows its convention, unless forward mode disagrees.
    pub fn on_two_sides(self, declared: bool, seen: Seen, forward: Option<bool>) -> Self {
        match self {
            Self::Hold if declared && seen == Seen::Outside => Self::HoldOnKinks,
            Self::Unknown if forward != Some(false) => Self::HoldInSingle,
            _ => self,
        }
    }
}

/// Decides a gradient.
///
/// Differences of the whole and the equations of the nodes are independent. If they contradict each other, a proof
/// and a measurement disagree, so one is mistaken: the verdict is open. If one is undecided, the other decides.
#[allow(clippy::match_same_arms, reason = "a table, a line for each kind of evidence")]
pub(super) fn decide(evidence: &Evidence) -> (Verdict, Decider) {
    use {Decider as By, Equations as Eq, Verdict as V};
    let &Evidence { finite, differences, forward, equations, rounding } = evidence;
    if !finite {
        return (V::Fail, By::Gradient);
    }
    let differs = matches!(differences, Seen::Different | Seen::Faint | Seen::Outside | Seen::Jump);
    if differs && rounding && equations != Eq::Broken {
        return (V::Pass, By::Rounding);
    }
    match (equations, differences) {
        (Eq::Broken, Seen::Different | Seen::Faint | Seen::Outside) => (V::Fail, By::Differences),
        (Eq::Broken, Seen::Jump) => (V::Fail, By::Equations),
        (Eq::Broken, Seen::Equal) if forward != Some(false) => (V::Pass, By::Differences),
        (Eq::Broken, Seen::Equal) => (V::Fail, By::ForwardMode),
        (Eq::Broken, Seen::Nothing | Seen::Between | Seen::Open) => (V::Fail, By::Equations),

        (_, Seen::Equal) => (V::Pass, By::Differences),
        (_, Seen::Between) => (V::Kink, By::Differences),
        (Eq::Hold | Eq::HoldOnKinks | Eq::HoldInSingle, Seen::Jump) => (V::Kink, By::Equations),

        (Eq::Hold, Seen::Nothing | Seen::Open | Seen::Faint) => (V::Pass, By::Equations),
        (Eq::HoldOnKinks, Seen::Nothing | Seen::Open | Seen::Faint) => (V::Kink, By::Equations),
        (Eq::HoldInSingle, Seen::Nothing) => (V::Kink, By::Equations),
        (Eq::HoldInSingle, Seen::Open) => (V::Inconclusive, By::Nobody),
        (Eq::HoldOnKinks, Seen::Different | Seen::Outside) => (V::Convention, By::Differences),
        (Eq::HoldInSingle, Seen::Different | Seen::Faint | Seen::Outside) => (V::Convention, By::Differences),
        (Eq::Hold, Seen::Different | Seen::Outside) => (V::Inconclusive, By::Nobody),

        (Eq::Unknown, Seen::Nothing) => (V::Pass, By::Differences),
        (Eq::Unknown, Seen::Open) => (V::Inconclusive, By::Nobody),
        (Eq::Unknown, Seen::Different | Seen::Faint) if forward == Some(true) => {
            (V::Inconclusive, By::Nobody)
        }
        (Eq::Unknown, Seen::Different | Seen::Faint | Seen::Outside | Seen::Jump) => {
            (V::Fail, By::Differences)
        }
    }
}

#[cfg(test)]
mod tests;
