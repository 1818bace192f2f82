//! Cross-checks without a step size: other ways to compute the same gradient, or identities that a correct gradient
//! satisfies, exact up to rounding.
//!
//! | witness | what must be equal |
//! |---|---|
//! | forward | ⟨∇L, u⟩ by reverse mode, and by dual numbers, which use no VJP |
//! | rtrl | backpropagation through time, and real-time recurrent learning (`rtrl.rs`) |
//! | rolled | the unrolled graph, and the graph of one step run T times forwards and T times backwards (`rolled.rs`)
//! |
//! | padding | gradients for any content of the padding; a batch, and each sequence alone |
//! | batch | gradients for sequences in another order |
//! | hessian | ⟨u, Hv⟩ and ⟨v, Hu⟩, by reverse over reverse; ⟨u, Hv⟩ by forward over reverse |
//!
//! The tolerance is measured, not chosen: the rounding error of the gradient in `f32`, scaled to `f64`
//! ([`WholeNet::tolerance`]).

mod batch;
mod forward;
mod hessian;
mod padding;
#[cfg(test)]
mod planted;
mod rolled;
mod rtrl;
mod step;

pub(super) use forward::direction;
pub use rolled::rolled;
pub use rtrl::rtrl;

use super::NetSpec;
use super::trial::{Gradients, Trial, WholeNet, norm};
use autograd_check::Verdict;
use rnn::model::ModelError;
use std::fmt;

/// The result of one cross-check of a net's gradients. `{}` prints it in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// Its name: `rtrl`.
    pub name: &'static str,
    /// The identity that is checked, in words.
    pub claim: &'static str,
    /// The verdict; `None` if the check does not apply to such a net.
    pub verdict: Option<Verdict>,
    /// The two values that differ most, in units of their tolerance.
    pub worst: Option<Gap>,
    /// Other observations, or why the check does not apply.
    pub evidence: String,
}

/// Two values of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The quantity: the gradient of a leaf, by name.
    pub of: String,
    /// The norm of the difference.
    pub difference: f64,
    /// The tolerance due to rounding.
    pub tolerance: f64,
    /// The norm of the value.
    pub size: f64,
}

impl Gap {
    /// The difference in units of the tolerance.
    fn excess(&self) -> f64 {
        if self.difference == 0.0 { 0.0 } else { self.difference / self.tolerance }
    }
}

/// A way to compute a trial's gradients: backpropagation through time, and others in tests.
type Way = dyn Fn(&Trial) -> Result<WholeNet, ModelError>;

/// The maximum tolerance for a decision, as a fraction of the largest gradient.
const COARSE: f64 = 1e-3;

impl Witness {
    /// Compares pairs of values; `scale` is the size of the largest of them.
    fn of(name: &'static str, claim: &'static str, gaps: Vec<Gap>, scale: f64, evidence: String) -> Self {
        let wrong = |gap: &Gap| gap.difference.is_nan() || gap.difference > gap.tolerance;
        let coarse =
            |gap: &Gap| gap.tolerance.is_nan() || gap.tolerance > COARSE * scale && gap.tolerance > 0.0;
        let verdict = if gaps.iter().any(wrong) {
            Verdict::Fail
        } else if gaps.iter().any(coarse) {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        let worst = gaps.into_iter().max_by(|a, b| a.excess().total_cmp(&b.excess()));
        Self { name, claim, verdict: Some(verdict), worst, evidence }
    }

    /// Compares gradients from another method with those of backpropagation through time.
    fn against(
        name: &'static str,
        claim: &'static str,
        bptt: &WholeNet,
        other: &Gradients,
        evidence: String,
    ) -> Self {
        let gaps = bptt.found.of.iter().zip(&bptt.tolerance).filter_map(|((leaf, gradient), &tolerance)| {
            let difference = norm(&(other.get(leaf)? - gradient));
            Some(Gap { of: format!("∂{leaf}"), difference, tolerance, size: norm(gradient) })
        });
        Self::of(name, claim, gaps.collect(), bptt.found.largest(), evidence)
    }

    /// A check that does not apply.
    fn silent(name: &'static str, claim: &'static str, why: &str) -> Self {
        Self { name, claim, verdict: None, worst: None, evidence: why.into() }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let verdict = self.verdict.map_or("silent".into(), |v| v.to_string());
        write!(f, "{:<8} {verdict:<12} {}", self.name, self.claim)?;
        if let Some(Gap { of, difference, tolerance, size }) = &self.worst {
            write!(f, "; worst {of}: {difference:.1e} apart, {tolerance:.1e} allowed, of {size:.1e}")?;
        }
        if self.evidence.is_empty() { Ok(()) } else { write!(f, "; {}", self.evidence) }
    }
}

/// Runs all cross-checks on a net at a random point, a function of the seed.
///
/// ```
/// use autograd_check::Verdict;
/// use rnn_lab::study::{NetSpec, witnesses};
///
/// let gru = NetSpec { cell: "gru".into(), steps: 5, ..NetSpec::default() };
/// for witness in witnesses(&gru, 0)? {
///     assert_eq!(witness.verdict, Some(Verdict::Pass), "{witness}");
/// }
/// # Ok::<(), rnn::model::ModelError>(())
/// ```
///
/// # Errors
/// As [`NetSpec::network`].
pub fn witnesses(net: &NetSpec, seed: u64) -> Result<Vec<Witness>, ModelError> {
    let trial = Trial::draw(net, seed, 1.0)?;
    let bptt = trial.bptt()?;
    Ok(vec![
        forward::hear(&bptt)?,
        rtrl::hear(&trial, &bptt)?,
        rolled::hear(&trial, &bptt)?,
        padding::hear(net, seed)?,
        batch::hear(net, seed)?,
        hessian::hear(&bptt)?,
    ])
}
