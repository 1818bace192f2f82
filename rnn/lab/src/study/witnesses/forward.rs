//! Cross-check of reverse against forward mode: ⟨∇L, u⟩ for each leaf alone.

use super::{Gap, WholeNet, Witness, norm};
use autograd::ops::{Domain, Sampler};
use autograd::{Point, jvp};
use ndarray::ArrayD;
use rnn::model::ModelError;

const CLAIM: &str = "reverse mode is forward mode";

/// Dual numbers propagate tangents along u, without VJPs and without a step size.
pub(super) fn hear(bptt: &WholeNet) -> Result<Witness, ModelError> {
    let mut sampler = Sampler::new(1);
    let mut gaps = Vec::new();
    for (((name, gradient), &leaf), &tolerance) in bptt.found.of.iter().zip(&bptt.leaves).zip(&bptt.tolerance)
    {
        let u = direction(gradient, &mut sampler);
        let forward = jvp(&bptt.graph, &bptt.point, &Point::new().with(leaf, u.clone()), &[bptt.loss])?;
        let forward = forward[0].scalar().unwrap_or(f64::NAN);
        let reverse = (gradient * &u).sum();
        // ⟨e, u⟩ is at most ‖e‖, since u has length 1.
        let difference = (forward - reverse).abs();
        gaps.push(Gap { of: format!("∂{name}"), difference, tolerance, size: norm(gradient) });
    }
    let evidence = format!("{} leaves", gaps.len());
    Ok(Witness::of("forward", CLAIM, gaps, bptt.found.largest(), evidence))
}

/// A random direction of length 1 in the shape of an array.
pub(in crate::study) fn direction(like: &ArrayD<f64>, sampler: &mut Sampler) -> ArrayD<f64> {
    let operand = sampler.float(like.shape(), Domain::reals(-1.0, 1.0));
    let u = sampler.values(&[operand]).remove(0).into_float();
    let length = norm(&u);
    u / if length == 0.0 { 1.0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;
    use autograd_check::Verdict;

    #[test]
    fn a_wrong_rule_is_seen() {
        for (right, verdict) in [(false, Verdict::Fail), (true, Verdict::Pass)] {
            let witness = hear(&planted::net(right)).unwrap();
            assert_eq!(witness.verdict, Some(verdict), "{witness}");
        }
    }
}
