//! Checks without a step size: identities that hold independently of any difference.
//!
//! | witness | what must hold |
//! |---|---|
//! | forward mode | ⟨ȳ, J u⟩ = ⟨Jᵀ ȳ, u⟩: the left from dual numbers, the right from the gradient |
//! | symmetry | ⟨w, H u⟩ = ⟨u, H w⟩ for the Hessian H of ⟨ȳ, y⟩: both from dual numbers through the gradient |
//!
//! Dual numbers follow one side of a kink, so at a kink they are not used.

use super::leaves;
use super::locate::Scene;
use super::numeric::SAFETY;
use super::report::Tensor;
use super::side::Side;
use super::verdict::Verdict;
use autograd::graph::NodeId;
use autograd::ops::{Op, Sampler};
use autograd::{Error, Point, Value, jvp};
use ndarray::ArrayD;

/// The result of one such check.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// Its name, and the identity.
    pub name: String,
    /// The order of differentiation.
    pub order: u32,
    /// The difference of the two sides; `None` if it was not computed.
    pub difference: Option<f64>,
    /// The tolerance.
    pub tolerance: f64,
    /// The verdict.
    pub verdict: Verdict,
}

/// The results of forward mode for all gradients.
pub(super) struct Forward {
    /// The slope of each tensor along its direction, if it was computed alone.
    pub slopes: Vec<Option<f64>>,
    /// Whether it agrees with the gradient.
    pub agrees: Vec<Option<bool>>,
    difference: Option<f64>,
    tolerance: f64,
}

impl Forward {
    pub fn verdict(&self) -> Verdict {
        if self.agrees.contains(&Some(false)) { Verdict::Fail } else { Verdict::Pass }
    }

    /// The line in the report.
    pub fn line(&self, order: u32, caused: bool) -> Witness {
        let verdict = match self.verdict() {
            // The equations of all nodes hold with the same derivatives: the difference is rounding.
            Verdict::Fail if !caused => Verdict::Pass,
            verdict => verdict,
        };
        let name = "forward mode: ⟨ȳ, J u⟩ = ⟨Jᵀ ȳ, u⟩";
        let name = if self.difference.is_some() { name.into() } else { format!("{name}, not asked") };
        Witness { name, order, difference: self.difference, tolerance: self.tolerance, verdict }
    }
}

/// Runs forward mode, for all tensors at once; if they disagree, or cannot move together, for each.
pub(super) fn forward(
    scene: &Scene,
    sides: &[Side],
    tensors: &[Tensor],
    least: f64,
) -> Result<Forward, Error> {
    let n = sides.len();
    let tolerance = |side: &Side| 2.0 * SAFETY * side.noise[0] + 4.0 * least;
    let mut forward =
        Forward { slopes: vec![None; n], agrees: vec![None; n], difference: None, tolerance: 0.0 };
    // A stop-gradient inside a VJP also stops forward mode.
    let stops = |id: &NodeId| {
        matches!(scene.graph.at(id.index()).op, Op::StopGradient(_)) && scene.point.get(*id).is_none()
    };
    if leaves::ancestors(scene.graph, scene.ys)?.iter().any(stops) {
        return Ok(forward);
    }
    forward.tolerance = sides.iter().map(tolerance).sum();
    if !sides.iter().any(|s| s.interior) && tensors.iter().all(|t| t.kinks.is_empty()) {
        let analytic: f64 = sides.iter().map(Side::along).sum();
        let difference = (analytic - slope(scene, sides)?).abs();
        forward.difference = Some(difference);
        if difference <= forward.tolerance {
            forward.agrees.fill(Some(true));
            return Ok(forward);
        }
    }
    for (i, side) in sides.iter().enumerate().filter(|(i, _)| tensors[*i].kinks.is_empty()) {
        let slope = slope(scene, std::slice::from_ref(side))?;
        let difference = (side.along() - slope).abs();
        forward.difference = Some(forward.difference.unwrap_or(0.0).max(difference));
        (forward.slopes[i], forward.agrees[i]) = (Some(slope), Some(difference <= tolerance(side)));
    }
    Ok(forward)
}

/// ⟨ȳ, J u⟩
fn slope(scene: &Scene, sides: &[Side]) -> Result<f64, Error> {
    let (mut point, mut along) = (scene.point.clone(), Point::new());
    for side in sides {
        point.set(side.node, side.base.clone());
        along.set(side.node, side.direction.clone());
    }
    let tangents = jvp(scene.graph, &point, &along, scene.ys)?;
    Ok(tangents.iter().zip(scene.cotangents).map(|(t, v)| (t.float() * v.float()).sum()).sum())
}

/// Checks that the Hessian is symmetric. `gradients` are those with respect to the real leaves `xs`; `floor` is the
/// rounding error of cancelling terms.
pub(super) fn symmetry(
    scene: &Scene,
    xs: &[(NodeId, ArrayD<f64>)],
    gradients: &[NodeId],
    [largest, floor]: [f64; 2],
    sampler: &mut Sampler,
) -> Result<Witness, Error> {
    let draw = |sampler: &mut Sampler| {
        xs.iter().map(|(_, x)| leaves::weights(&x.shape().into(), sampler)).collect::<Vec<_>>()
    };
    let [u, w] = [draw(sampler), draw(sampler)];
    let times = |u: &[ArrayD<f64>]| {
        let mut along = Point::new();
        xs.iter().zip(u).for_each(|((x, _), u)| along.set(*x, u.clone()));
        jvp(scene.graph, scene.point, &along, gradients)
    };
    let dot = |w: &[ArrayD<f64>], hu: &[Value<f64>]| {
        let products = w.iter().zip(hu).map(|(w, hu)| w * hu.float());
        products
            .fold([0.0; 2], |[sum, size], p| [sum + p.sum(), size + p.iter().map(|p| p.abs()).sum::<f64>()])
    };
    let ([a, a_size], [b, b_size]) = (dot(&w, &times(&u)?), dot(&u, &times(&w)?));
    let tolerance =
        1e-10 * (a_size + b_size) + SAFETY * scene.graph.len() as f64 * f64::EPSILON * largest + floor;
    let difference = (a - b).abs();
    let verdict = if difference <= tolerance { Verdict::Pass } else { Verdict::Fail };
    let name = "symmetry: ⟨w, H u⟩ = ⟨u, H w⟩".into();
    Ok(Witness { name, order: 2, difference: Some(difference), tolerance, verdict })
}
