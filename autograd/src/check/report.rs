//! What a check found.

use super::numeric::{SAFETY, Slope};
use crate::shape::Shape;
use std::cmp::Ordering;
use std::fmt;

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Analytic and numeric derivative agree.
    Pass,
    /// They agree, but the numeric one is not known well enough to say much: its tolerance is more than a
    /// thousandth of the gradient.
    Inconclusive,
    /// They differ by more than the tolerance, or the analytic one is not finite.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "FAIL",
        })
    }
}

/// A tolerance of more than this part of the gradient decides nothing. Wrong rules are wrong by a sign, a factor
/// or a term, not by a thousandth.
const COARSE: f64 = 1e-3;

/// One derivative, twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// From the graph.
    pub analytic: f64,
    /// From differences.
    pub numeric: f64,
    /// The estimated error of the numeric one.
    pub error: f64,
    /// How far the two may lie apart; see the [module](super).
    pub tolerance: f64,
    /// What follows.
    pub verdict: Verdict,
}

impl Comparison {
    /// `rounding` is how far the analytic derivative may be off, `gradient` the size of what it is a part of.
    pub(super) fn new(analytic: f64, slope: &Slope, rounding: f64, gradient: f64) -> Self {
        let &Slope { value: numeric, error, unseen } = slope;
        let tolerance = SAFETY * error + rounding;
        let size = gradient.max(numeric.abs()).max(unseen);
        let verdict = if !analytic.is_finite() || (analytic - numeric).abs() > tolerance {
            Verdict::Fail
        } else if tolerance <= COARSE * size || (analytic == 0.0 && numeric == 0.0) {
            // Where nothing moves at all, both say so exactly.
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        Self { analytic, numeric, error, tolerance, verdict }
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
        write!(f, "analytic {analytic:.6e}  numeric {numeric:.6e}  ")?;
        write!(f, "difference {:.1e}  tolerance {tolerance:.1e}", self.difference())
    }
}

/// One element of a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its place, axis by axis.
    pub index: Vec<usize>,
    /// Its derivative.
    pub comparison: Comparison,
}

impl std::ops::Deref for Element {
    type Target = Comparison;
    fn deref(&self) -> &Comparison {
        &self.comparison
    }
}

/// One tensor that a gradient was taken with respect to.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The node's name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// 1 for the gradient, 2 for the gradient of the gradient.
    pub order: u32,
    /// Whether an output depends on it: without, its gradient is not zero but none, as that of a weight that nobody reads
    /// (see [`Gradient`](crate::Gradient)). Always true at order 2.
    pub connected: bool,
    /// The norm of the analytic gradient.
    pub norm: f64,
    /// The derivative along a random direction.
    pub comparison: Comparison,
    /// Single elements, the worst first.
    pub elements: Vec<Element>,
}

impl Tensor {
    /// The worst verdict on the direction and on the elements.
    pub fn verdict(&self) -> Verdict {
        self.comparisons().map(|c| c.verdict).max().unwrap_or(Verdict::Pass)
    }

    /// Whether it is [not connected](Self::connected), and differences see no effect of it either.
    pub fn is_detached(&self) -> bool {
        !self.connected && self.verdict() == Verdict::Pass
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        std::iter::once(&self.comparison).chain(self.elements.iter().map(|e| &e.comparison))
    }

    fn worse(&self, other: &Self) -> Ordering {
        let excess = |t: &Self| t.comparisons().map(Comparison::excess).fold(0.0, f64::max);
        let verdict = other.verdict().cmp(&self.verdict());
        verdict
            .then(other.is_detached().cmp(&self.is_detached()))
            .then(excess(other).total_cmp(&excess(self)))
    }
}

/// How many elements of a tensor, and how many tensors that pass, are printed.
const SHOWN: usize = 3;

/// What is said of a tensor without a path to the outputs.
pub const DETACHED: &str = "not connected to the loss";

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let order = if self.order == 2 { " (order 2)" } else { "" };
        write!(f, "  {:<5} {} {}{order}  ", self.verdict(), self.name, self.shape)?;
        if self.is_detached() {
            write!(f, "{DETACHED}")?;
        } else {
            write!(f, "{}", self.comparison)?;
        }
        for element in self.elements.iter().filter(|e| e.verdict != Verdict::Pass).take(SHOWN) {
            let index = Shape::from(&element.index[..]);
            write!(f, "\n          at {index}  {}  ratio {:.4}", element.comparison, element.ratio())?;
        }
        Ok(())
    }
}

/// What a check found, tensor by tensor. `{}` prints it, the worst first.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The outputs that were checked, with their shapes.
    pub subject: String,
    /// The seed of all that was drawn.
    pub seed: u64,
    /// The order that was asked for.
    pub order: u32,
    /// The tensors, in the order of the graph; those of order 2 come last.
    pub tensors: Vec<Tensor>,
}

impl Report {
    /// Whether every gradient was found to be right.
    pub fn passed(&self) -> bool {
        self.tensors.iter().all(|t| t.verdict() == Verdict::Pass)
    }

    /// The tensor whose two derivatives lie farthest apart.
    pub fn worst(&self) -> Option<&Tensor> {
        self.tensors.iter().min_by(|a, b| a.worse(b))
    }

    /// The tensor of that name, at order 1.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// The tensors that take no part in the outputs. Nothing is wrong with their gradients, but perhaps with the net.
    pub fn detached(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(|t| t.is_detached())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let bad = self.tensors.iter().filter(|t| t.verdict() != Verdict::Pass).count();
        let all = self.tensors.len();
        let outcome = if bad == 0 { "passed".into() } else { format!("{bad} of {all} did not pass") };
        write!(f, "gradients of {}, {all} tensors, seed {}: {outcome}", self.subject, self.seed)?;
        let detached = self.detached().count();
        if detached > 0 {
            write!(f, "; {detached} {DETACHED}")?;
        }
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.worse(b));
        let shown = bad + detached + SHOWN;
        for tensor in tensors.iter().take(shown) {
            write!(f, "\n{tensor}")?;
        }
        if all > shown {
            write!(f, "\n  … and {} that pass", all - shown)?;
        }
        if bad > 0 && self.order == 2 && self.tensors.iter().all(|t| t.order == 1) {
            write!(f, "\n  order 2 waits until order 1 has passed")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let verdict = |analytic, error| {
            Comparison::new(analytic, &Slope { value: 1.0, error, unseen: 0.0 }, 0.0, 1.0).verdict
        };
        assert_eq!(verdict(1.0 + 1e-9, 1e-10), Verdict::Pass);
        assert_eq!(verdict(1.0 + 1e-8, 1e-10), Verdict::Fail);
        assert_eq!(verdict(1.0, 1e-3), Verdict::Inconclusive);
        assert_eq!(verdict(1.5, 1e-3), Verdict::Fail);
        assert_eq!(verdict(f64::NAN, 1e-10), Verdict::Fail);
        let flat = Slope { value: 0.0, error: 1e-9, unseen: 0.0 };
        assert_eq!(Comparison::new(0.0, &flat, 0.0, 0.0).verdict, Verdict::Pass);
        assert_eq!(verdict(1.0, f64::NAN), Verdict::Inconclusive);
    }
}
