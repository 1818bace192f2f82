//! Precision loss of training in `f32`: per node, and by number of steps.

use super::{NetSpec, Trial};
use autograd::NodeId;
use autograd_check::{Precision, precision};
use rnn::model::ModelError;

/// The precision of a net's loss and gradients in `f32`, per node, at a random point.
///
/// ```
/// use rnn_lab::study::{NetSpec, precision_of};
///
/// let report = precision_of(&NetSpec { cell: "lstm".into(), steps: 20, ..NetSpec::default() }, 0)?;
/// let loss = report.node("loss").unwrap();
/// assert!(loss.gap < 1e-6 && report.worst().next().unwrap().gap < 1e-3);
/// # Ok::<(), rnn::model::ModelError>(())
/// ```
///
/// # Errors
/// As [`NetSpec::network`].
pub fn precision_of(net: &NetSpec, seed: u64) -> Result<Precision, ModelError> {
    Ok(read(net, seed)?.0)
}

/// The precision loss in `f32` of the gradient by one parameter, input or initial state.
#[derive(Clone, Debug, PartialEq)]
pub struct LossOfPrecision {
    /// The number of steps.
    pub steps: usize,
    /// The leaf's name.
    pub leaf: String,
    /// ‖g₃₂ − g₆₄‖ / ‖g₆₄‖
    pub gap: f64,
    /// ‖g₆₄‖
    pub size: f64,
}

/// The precision loss in `f32` of each gradient, for each number of steps.
///
/// # Errors
/// As [`NetSpec::network`].
pub fn precision_by_steps(
    net: &NetSpec,
    steps: &[usize],
    seed: u64,
) -> Result<Vec<LossOfPrecision>, ModelError> {
    let mut losses = Vec::new();
    for &steps in steps {
        let (report, gradients) = read(&NetSpec { steps, lengths: None, ..net.clone() }, seed)?;
        for (leaf, id) in gradients {
            if let Some(node) = report.nodes.iter().find(|node| node.node == id) {
                losses.push(LossOfPrecision { steps, leaf, gap: node.gap, size: node.size });
            }
        }
    }
    Ok(losses)
}

/// The precision, and the gradient nodes by leaf name.
fn read(net: &NetSpec, seed: u64) -> Result<(Precision, Vec<(String, NodeId)>), ModelError> {
    let bptt = Trial::draw(net, seed, 1.0)?.bptt()?;
    let read: Vec<NodeId> = [bptt.loss].into_iter().chain(bptt.gradients.iter().copied()).collect();
    let report = precision(&bptt.graph, &bptt.point, &read)?;
    let names = bptt.found.of.into_iter().map(|(name, _)| name);
    Ok((report, names.zip(bptt.gradients).collect()))
}
