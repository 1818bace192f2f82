//! Cross-check: symmetry of the Hessian, ⟨u, Hv⟩ = ⟨v, Hu⟩.
//!
//! H is the Jacobian of a gradient. A vector field that is not a gradient, because of a wrong VJP, has an asymmetric
//! Jacobian. Both sides are reverse over reverse; forward over reverse gives ⟨u, Hv⟩ a third time.

use super::forward::direction;
use super::{Gap, WholeNet, Witness};
use crate::study::trial::rounding;
use autograd::ops::Sampler;
use autograd::{Builder, Expr, Point, eval, grad, jvp};
use ndarray::ArrayD;
use rnn::model::ModelError;

const CLAIM: &str = "the Hessian is symmetric";

pub(super) fn hear(bptt: &WholeNet) -> Result<Witness, ModelError> {
    let g = Builder::resume(bptt.graph.clone());
    let leaves: Vec<Expr> = bptt.leaves.iter().map(|&id| g.expr(id)).collect();
    let gradients: Vec<Expr> = bptt.gradients.iter().map(|&id| g.expr(id)).collect();
    let mut sampler = Sampler::new(2);
    let mut draw = || bptt.found.of.iter().map(|(_, a)| direction(a, &mut sampler)).collect::<Vec<_>>();
    let (u, v) = (draw(), draw());
    let (gu, gv) = (along(&g, &gradients, &u), along(&g, &gradients, &v));
    let (uhv, vhu) = (along(&g, &grad(gv, &leaves), &u), along(&g, &grad(gu, &leaves), &v));

    let graph = g.graph()?;
    let sides = [uhv.id(), vhu.id()];
    let [a, b] = [0, 1].map(|i| eval(&graph, &bptt.point, &sides).map(|v| v[i].scalar().unwrap_or(f64::NAN)));
    let (a, b) = (a?, b?);
    let mut moving = Point::new();
    bptt.leaves.iter().zip(u).for_each(|(&leaf, u)| moving.set(leaf, u));
    let c = jvp(&graph, &bptt.point, &moving, &[gv])?[0].scalar().unwrap_or(f64::NAN);
    let size = a.abs().max(b.abs());
    // The summands of ⟨u, Hv⟩ can be as large as the gradient itself.
    let least = graph.len() as f64 * f64::EPSILON * size.max(bptt.found.largest());
    let tolerance = rounding(&graph, &bptt.point, &sides)?.into_iter().sum::<f64>() + least;
    let gap = |of: &str, difference: f64| Gap { of: of.into(), difference, tolerance, size };
    let gaps =
        vec![gap("⟨u, Hv⟩ and ⟨v, Hu⟩", (a - b).abs()), gap("⟨u, Hv⟩ forward over reverse", (a - c).abs())];
    let evidence = format!("⟨u, Hv⟩ {a:.6e}, ⟨v, Hu⟩ {b:.6e}, forward over reverse {c:.6e}");
    Ok(Witness::of("hessian", CLAIM, gaps, size.max(bptt.found.largest()), evidence))
}

/// The inner product ⟨a, u⟩ over several arrays.
fn along<'g>(g: &'g Builder, a: &[Expr<'g>], u: &[ArrayD<f64>]) -> Expr<'g> {
    let terms = a.iter().zip(u).map(|(&a, u)| (a * g.constant(u.clone())).sum());
    g.sum(&terms.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;
    use autograd_check::Verdict;

    /// A wrong VJP gives a field that is not the gradient of any function.
    #[test]
    fn a_wrong_rule_is_seen() {
        for (right, verdict) in [(false, Verdict::Fail), (true, Verdict::Pass)] {
            let witness = hear(&planted::net(right)).unwrap();
            assert_eq!(witness.verdict, Some(verdict), "{witness}");
        }
    }

    /// One gradient doubled: each alone could be a gradient.
    #[test]
    fn gradients_that_do_not_belong_together_are_seen() {
        let mut bptt = planted::net(true);
        let g = Builder::resume(bptt.graph.clone());
        let twice = 2.0 * g.expr(bptt.gradients[0]);
        (bptt.gradients[0], bptt.graph) = (twice.id(), g.graph().unwrap());
        assert_eq!(hear(&bptt).unwrap().verdict, Some(Verdict::Fail));
    }
}
