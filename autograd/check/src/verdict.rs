//! What is said of two derivatives that should be one, and of a gradient when all witnesses have spoken.
//!
//! The last word is one function of the evidence ([`decide`]): nothing is revised after it.

use super::locate::Equations;
use super::numeric::{Derivative, SAFETY, Slope};
use std::fmt;

/// What is said of a gradient, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is the derivative: differences agree with it, or every node's own equation holds.
    Pass,
    /// The point lies on a kink, where no derivative exists, and the gradient lies between the slopes from the left and
    /// from the right: of the whole, or of every op on a kink by itself.
    Kink,
    /// Nobody can tell: the differences are too coarse, or do not settle, as beside a pole, and there are no nodes to ask.
    /// Or the witnesses contradict each other.
    Inconclusive,
    /// The point lies on kinks, every op hands back what lies between its own slopes, and the whole is the slope to no side:
    /// `relu(x) − relu(−x)` at 0 is x, and has the gradient 0. Nobody is guilty; the convention is wrong for the whole.
    Convention,
    /// It is not the derivative, or not finite.
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
    /// Whether they agree for no other reason than that both are too small for differences to see, beside the function's own
    /// value.
    pub unseen: bool,
    /// What follows.
    pub verdict: Verdict,
}

impl Comparison {
    /// Of nothing with nothing.
    pub(super) const NOTHING: Self = Self {
        analytic: 0.0,
        numeric: 0.0,
        error: 0.0,
        tolerance: 0.0,
        sides: None,
        unseen: false,
        verdict: Verdict::Pass,
    };

    /// The worse of two.
    pub(super) fn worse(self, other: Self) -> Self {
        let worse = other.verdict.cmp(&self.verdict).then(other.excess().total_cmp(&self.excess()));
        if worse.is_ge() { other } else { self }
    }

    /// `rounding` is how far the analytic derivative may be off, and `gradient` the size of what it is a part of.
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
            // Where nothing moves at all, both say so exactly.
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        let unseen = unseen && verdict == Verdict::Pass;
        Self { analytic, numeric, error, tolerance, sides: None, unseen, verdict }
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
            // Nodes change sides, and the slope does not see it.
            Verdict::Pass
        } else {
            Verdict::Kink
        };
        Self { analytic, numeric, error, tolerance, sides: Some(sides), unseen: false, verdict }
    }

    /// Whether the function has two different slopes there.
    pub(super) fn is_on_kink(&self) -> bool {
        self.sides.is_some_and(|[left, right]| (left - right).abs() > self.tolerance)
    }

    /// What it tells of a gradient.
    pub(super) fn seen(&self) -> Seen {
        let decided = |good: Seen, bad: Seen| match self.verdict {
            Verdict::Pass if self.unseen => Seen::Nothing,
            Verdict::Pass => Seen::Equal,
            Verdict::Kink => good,
            Verdict::Inconclusive => Seen::Open,
            _ => bad,
        };
        if self.sides.is_some() {
            decided(Seen::Between, Seen::Outside)
        } else {
            decided(Seen::Equal, Seen::Different)
        }
    }

    /// The same in another unit.
    pub(super) fn over(self, unit: f64) -> Self {
        let [analytic, numeric, error, tolerance] =
            [self.analytic, self.numeric, self.error, self.tolerance].map(|x| x / unit);
        let sides = self.sides.map(|sides| sides.map(|x| x / unit));
        Self { analytic, numeric, error, tolerance, sides, ..self }
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
        write!(f, "difference {:.1e}  tolerance {tolerance:.1e}", self.difference())?;
        if self.unseen { f.write_str("  below what differences see") } else { Ok(()) }
    }
}

/// Of several measurements of one slope, at other steps, the one that stands. A failure stands if two of them find the same
/// slope; what agrees with the gradient has found it twice already. Of those that stand, the one that is known best.
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

/// What differences along a line tell of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Both are equal, and known well.
    Equal,
    /// Both are too small to be seen.
    Nothing,
    /// On a kink, it lies between the slopes.
    Between,
    /// On a kink, it does not.
    Outside,
    /// They differ, and differences are sure of it.
    Different,
    /// Differences do not know.
    Open,
}

/// Who had the last word on a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decider {
    /// Differences of the whole function.
    Differences,
    /// The equations of the nodes, each by itself, and the chain rule.
    Equations,
    /// Forward mode.
    ForwardMode,
    /// Rounding: what is left of terms that cancel has no size to be measured by.
    Rounding,
    /// The gradient itself: it is not finite.
    Gradient,
    /// Nobody.
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

/// All that is known of one gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// Whether it is finite.
    pub finite: bool,
    pub differences: Seen,
    /// Whether forward mode agrees, if it was asked.
    pub forward: Option<bool>,
    /// What the equations of the nodes say that it is made of.
    pub equations: Equations,
    /// Whether it differs by no more than rounding leaves where terms cancel.
    pub rounding: bool,
}

impl Equations {
    /// Of a function that has a slope to each side. In single precision the equations hold to its rounding: that proves no digits of a
    /// smooth gradient, but beside a kink it says that every node follows its own convention, unless forward mode says otherwise.
    pub fn on_two_sides(self, forward: Option<bool>) -> Self {
        if self == Self::Unknown && forward != Some(false) { Self::HoldInSingle } else { self }
    }
}

/// The last word on a gradient.
///
/// Differences of the whole and the equations of the nodes are independent. Where they contradict each other, both a proof and
/// a measurement are there, and one of them must be mistaken: that is open. Where one of them does not know, the other
/// decides.
#[allow(clippy::match_same_arms, reason = "a table, a line for each kind of evidence")]
pub(super) fn decide(evidence: &Evidence) -> (Verdict, Decider) {
    use {Decider as By, Equations as Eq, Verdict as V};
    let &Evidence { finite, differences, forward, equations, rounding } = evidence;
    if !finite {
        return (V::Fail, By::Gradient);
    }
    let differs = matches!(differences, Seen::Different | Seen::Outside);
    if differs && rounding && equations != Eq::Broken {
        return (V::Pass, By::Rounding);
    }
    match (equations, differences) {
        (Eq::Broken, Seen::Different | Seen::Outside) => (V::Fail, By::Differences),
        (Eq::Broken, Seen::Equal) if forward != Some(false) => (V::Pass, By::Differences),
        (Eq::Broken, Seen::Equal) => (V::Fail, By::ForwardMode),
        (Eq::Broken, Seen::Nothing | Seen::Between | Seen::Open) => (V::Fail, By::Equations),

        (_, Seen::Equal) => (V::Pass, By::Differences),
        (_, Seen::Between) => (V::Kink, By::Differences),

        (Eq::Hold, Seen::Nothing | Seen::Open) => (V::Pass, By::Equations),
        (Eq::HoldOnKinks, Seen::Nothing | Seen::Open) => (V::Kink, By::Equations),
        (Eq::HoldInSingle, Seen::Nothing) => (V::Kink, By::Equations),
        (Eq::HoldInSingle, Seen::Open) => (V::Inconclusive, By::Nobody),
        (Eq::HoldOnKinks | Eq::HoldInSingle, Seen::Different | Seen::Outside) => {
            (V::Convention, By::Differences)
        }
        (Eq::Hold, Seen::Different | Seen::Outside) => (V::Inconclusive, By::Nobody),

        (Eq::Unknown, Seen::Nothing) => (V::Pass, By::Differences),
        (Eq::Unknown, Seen::Open) => (V::Inconclusive, By::Nobody),
        (Eq::Unknown, Seen::Different) if forward == Some(true) => (V::Inconclusive, By::Nobody),
        (Eq::Unknown, Seen::Different | Seen::Outside) => (V::Fail, By::Differences),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(value: f64, error: f64) -> Slope {
        Slope { value, truncation: 0.0, rounding: error, unseen: 0.0, step: 0.0 }
    }

    fn verdict_of(analytic: f64, value: f64, error: f64) -> Verdict {
        Comparison::new(analytic, &Derivative::Smooth(slope(value, error)), 0.0, f64::INFINITY).verdict
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
        let flat = Derivative::Smooth(Slope { unseen: 1e-7, ..slope(0.0, 1e-9) });
        assert_eq!(Comparison::new(0.0, &flat, 0.0, 0.0).verdict, Verdict::Pass);
        for [value, error] in [[f64::NAN, f64::INFINITY], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
            assert_eq!(verdict_of(1.0, value, error), Verdict::Inconclusive, "{value} {error}");
        }
        let small = Derivative::Smooth(Slope { unseen: 1e-3, ..slope(1e-8, 1e-9) });
        let small = Comparison::new(-2e-9, &small, 0.0, 2e-8);
        assert_eq!((small.verdict, small.unseen), (Verdict::Pass, true));
        let wild = Derivative::Smooth(Slope { truncation: 0.4, ..slope(1.0, 0.0) });
        assert_eq!(Comparison::new(50.0, &wild, 0.0, 1.0).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn of_a_kink() {
        let sides = Derivative::Sides {
            left: slope(-1.0, 1e-9),
            right: slope(2.0, 1e-9),
            sharp: vec![0],
            jump: false,
        };
        let verdict = |analytic| Comparison::new(analytic, &sides, 0.0, 1.0).verdict;
        assert_eq!([-1.0, 0.0, 0.5, 2.0].map(verdict), [Verdict::Kink; 4]);
        assert_eq!([-1.1, 2.1, f64::INFINITY].map(verdict), [Verdict::Fail; 3]);
        let equal =
            Derivative::Sides { left: slope(2.0, 1e-9), right: slope(2.0, 1e-9), sharp: vec![], jump: false };
        assert_eq!(Comparison::new(2.0, &equal, 0.0, 1.0).verdict, Verdict::Pass);
    }

    /// A proof decides what differences do not see, and is never overruled in silence.
    #[test]
    fn of_all_witnesses() {
        use Equations::{Broken, Hold, HoldInSingle, HoldOnKinks, Unknown};
        use Verdict::{Convention, Fail, Inconclusive, Kink, Pass};
        let verdict = |equations, differences| {
            let evidence = Evidence { finite: true, differences, forward: None, equations, rounding: false };
            decide(&evidence).0
        };
        let seen = [Seen::Equal, Seen::Nothing, Seen::Between, Seen::Outside, Seen::Different, Seen::Open];
        for (equations, verdicts) in [
            (Hold, [Pass, Pass, Kink, Inconclusive, Inconclusive, Pass]),
            (HoldOnKinks, [Pass, Kink, Kink, Convention, Convention, Kink]),
            // In single precision, on two sides: if forward mode does not disagree, and if it does.
            (Unknown.on_two_sides(None), [Pass, Kink, Kink, Convention, Convention, Inconclusive]),
            (Unknown.on_two_sides(Some(true)), [Pass, Kink, Kink, Convention, Convention, Inconclusive]),
            (Unknown.on_two_sides(Some(false)), [Pass, Pass, Kink, Fail, Fail, Inconclusive]),
            (Unknown, [Pass, Pass, Kink, Fail, Fail, Inconclusive]),
            (Broken, [Pass, Fail, Fail, Fail, Fail, Fail]),
        ] {
            assert_eq!(seen.map(|s| verdict(equations, s)), verdicts, "{equations:?}");
            let nothing = Evidence {
                finite: false,
                differences: Seen::Equal,
                forward: Some(true),
                equations,
                rounding: true,
            };
            assert_eq!(decide(&nothing).0, Fail);
        }
        assert_eq!(Broken.on_two_sides(None), Broken);
        assert_eq!(Unknown.on_two_sides(None), HoldInSingle);
    }

    #[test]
    fn a_failure_stands_if_two_steps_find_the_same_slope() {
        let of = |numeric: f64, tolerance: f64| {
            let derivative = Derivative::Smooth(slope(numeric, tolerance / SAFETY));
            Comparison::new(1.0, &derivative, 0.0, 1.0)
        };
        let verdict = |attempts: &[[f64; 2]]| {
            corroborated(&attempts.iter().map(|[d, e]| of(*d, *e)).collect::<Vec<_>>()).verdict
        };
        assert_eq!(verdict(&[[2.0, 1e-6], [2.0, 1e-5]]), Verdict::Fail);
        // What is known less does not overrule it, and what is known better does.
        assert_eq!(verdict(&[[1.0001, 1e-6], [1.0001, 1e-5], [1.0, 2e-4]]), Verdict::Fail);
        assert_eq!(verdict(&[[1.0001, 1e-6], [1.0001, 1e-5], [1.0, 1e-8]]), Verdict::Pass);
        // Each finds something else.
        assert_eq!(verdict(&[[2.0, 1e-6], [3.0, 1e-6], [-7.0, 1e-6]]), Verdict::Inconclusive);
    }

    #[test]
    fn are_ordered_from_good_to_bad() {
        assert!(Verdict::Pass < Verdict::Kink && Verdict::Kink < Verdict::Inconclusive);
        assert!(Verdict::Kink.is_good() && !Verdict::Inconclusive.is_good());
    }
}
