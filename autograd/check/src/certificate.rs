//! What a check that passed would have missed, and with which probability.
//!
//! The claimed gradient is off by e, an error for each element, and compared along a random direction u with the tolerance τ. The
//! differences are off by τ at most, so that it is missed only if |⟨e, u⟩| ≤ 2τ. The uⱼ are independent, of either sign, and of a size that
//! is uniform on [½, 1½] (`leaves::weights`), so that each has a density of at most ½.
//!
//! - **One wrong element.** |⟨e, u⟩| = |eⱼ| |uⱼ| ≥ |eⱼ| / 2, so that one of more than 4τ is never missed.
//! - **Any error.** eⱼ uⱼ has a density of at most 1 / 2|eⱼ|, and a sum with what is independent of it has no larger one. On an interval of length
//!   4τ that is a probability of at most 2τ / |eⱼ|, for every j: the largest error of an element counts, whatever the others are.
//!
//! On a kink, where the equations of the nodes decided, or where nothing was seen, this says nothing. An element that moves in steps of its own
//! size (`numeric/scale.rs`) has its error measured in them.

use super::report::{Report, Tensor};
use super::verdict::{Decider, Verdict};
use std::fmt;

/// What a check would have missed. `{}` is a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// The largest tolerance of a gradient that differences passed.
    pub tolerance: f64,
    /// How many gradients it speaks of, of how many.
    pub tensors: [usize; 2],
    /// The seed that repeats it.
    pub seed: u64,
}

impl Certificate {
    /// A gradient with one wrong element is never passed if that is off by more than this.
    pub fn never_missed(&self) -> f64 {
        4.0 * self.tolerance
    }

    /// A bound of the probability that a gradient is passed, one of whose elements at least is off by this.
    pub fn missed(&self, error: f64) -> f64 {
        (2.0 * self.tolerance / error.abs()).min(1.0)
    }
}

impl Report {
    /// What it would have missed; nothing unless it passed, by differences for one gradient at least.
    pub fn certificate(&self) -> Option<Certificate> {
        let by_differences = |t: &&Tensor| {
            let c = &t.comparison;
            t.decided_by == Decider::Differences
                && c.verdict == Verdict::Pass
                && c.sides.is_none()
                && !c.unseen
                && t.connected
        };
        let told: Vec<&Tensor> = self.tensors.iter().filter(by_differences).collect();
        let tolerance = told.iter().map(|t| t.comparison.tolerance).fold(0.0, f64::max);
        let some = self.passed() && tolerance > 0.0;
        some.then_some(Certificate { tolerance, tensors: [told.len(), self.tensors.len()], seed: self.seed })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [told, all] = self.tensors;
        let of = if told == all { String::new() } else { format!("of {told} of the {all} gradients: ") };
        write!(
            f,
            "{of}one wrong element is never missed if it is off by more than {:.0e}, and any error of an element above {:.0e} \
             with a probability below 1e-3; seed {} repeats it",
            self.never_missed(),
            2e3 * self.tolerance,
            self.seed
        )
    }
}
