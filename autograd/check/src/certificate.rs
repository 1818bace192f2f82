//! The faults that a passed check could have missed, with their probability.
//!
//! Let the claimed gradient have the error e, one number per element. It is compared along a random direction u with
//! the tolerance τ. The differences are wrong by at most τ, so the error is missed only if |⟨e, u⟩| ≤ 2τ. The uⱼ are
//! independent, of random sign, and uniform in size on [½, 1½] (`leaves::weights`), so each has a density of at most
//! ½.
//!
//! - **One wrong element.** |⟨e, u⟩| = |eⱼ| |uⱼ| ≥ |eⱼ| / 2, so an error of more than 4τ is never missed.
//! - **Any error.** eⱼ uⱼ has a density of at most 1 / 2|eⱼ|, and adding independent terms does not increase it. On
//!   an interval of length 4τ that is a probability of at most 2τ / |eⱼ|, for every j: only the largest error of an
//!   element counts.
//!
//! **Every element by itself.** An element that passes with the tolerance τⱼ is off by 2τⱼ at most: where all elements were
//! checked one by one, no larger error is missed.
//!
//! The certificate does not apply at kinks, where the equations of the nodes decided, or where differences resolved
//! nothing. The error of an element with its own step size (`numeric/scale.rs`) is measured in that size.

use super::report::{Report, Tensor};
use super::verdict::{Decider, Verdict};
use std::fmt;

/// The faults that a check could have missed. `{}` is a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// The largest tolerance of a gradient that passed by differences.
    pub tolerance: f64,
    /// The number of gradients it covers, and of all.
    pub tensors: [usize; 2],
    /// How many elements of these were also checked by themselves, and of how many.
    pub elements: [usize; 2],
    /// The largest tolerance of such an element.
    pub by_element: f64,
    /// The seed to reproduce it.
    pub seed: u64,
}

impl Certificate {
    /// A gradient with one wrong element never passes if the error is larger than this.
    pub fn never_missed(&self) -> f64 {
        let along = 4.0 * self.tolerance;
        self.of_any().map_or(along, |alone| along.min(alone))
    }

    /// If every element was checked by itself: no larger error of any passes.
    pub fn of_any(&self) -> Option<f64> {
        let [checked, all] = self.elements;
        (checked == all).then_some(2.0 * self.by_element)
    }

    /// An upper bound of the probability that a gradient passes although an element has this error.
    pub fn missed(&self, error: f64) -> f64 {
        match self.of_any() {
            Some(largest) if error.abs() > largest => 0.0,
            _ => (2.0 * self.tolerance / error.abs()).min(1.0),
        }
    }
}

impl Report {
    /// The certificate; `None` unless the check passed, with at least one gradient decided by differences.
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
        let alone = told.iter().flat_map(|t| &t.elements).filter(|e| {
            e.verdict == Verdict::Pass && e.sides.is_none() && !e.unseen && e.tolerance.is_finite()
        });
        let (checked, by_element) =
            alone.fold((0, 0.0), |(n, most): (usize, f64), e| (n + 1, most.max(e.tolerance)));
        let some = self.passed() && tolerance > 0.0;
        some.then_some(Certificate {
            tolerance,
            tensors: [told.len(), self.tensors.len()],
            elements: [checked, told.iter().map(|t| t.shape.count()).sum()],
            by_element,
            seed: self.seed,
        })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [told, all] = self.tensors;
        let of = if told == all { String::new() } else { format!("of {told} of the {all} gradients: ") };
        let [checked, elements] = self.elements;
        if let Some(largest) = self.of_any() {
            return write!(
                f,
                "{of}each of the {elements} elements was checked by itself: an error above {largest:.0e} of any is never missed; \
                 seed {} repeats it",
                self.seed
            );
        }
        write!(
            f,
            "{of}one wrong element is never missed if it is off by more than {:.0e}, and any error of an element above {:.0e} \
             with a probability below 1e-3; ",
            self.never_missed(),
            2e3 * self.tolerance,
        )?;
        if checked > 0 {
            write!(
                f,
                "{checked} of {elements} elements were checked by themselves too, where no error above {:.0e} is missed; ",
                2.0 * self.by_element
            )?;
        }
        write!(f, "seed {} repeats it", self.seed)
    }
}
