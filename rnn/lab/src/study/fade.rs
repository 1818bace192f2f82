//! Vanishing and exploding gradients, measured.

use super::net_spec::inputs;
use autograd::{NodeId, Value, eval, norm};
use ndarray::ArrayD;
use rnn::model::{Batch, Mode, Model, ModelError};

/// ‖∂L/∂h\[k\]‖ for k = 1 … T, where L is the model's loss on random inputs and h\[k\] the first state of its last
/// layer after step k: one Frobenius norm over a batch of `batch` sequences, in f64. For a model with its head on the
/// last step, the loss is at step T alone, and this is the decay of its gradient backwards in time (Pascanu, Mikolov
/// & Bengio 2013, section 2).
///
/// ```
/// use rnn::model::{Head, Model};
/// use rnn_lab::study::{NetSpec, fade};
///
/// let elman = Model { head: Head::Last, ..NetSpec::default().model() };
/// let norms = fade(&elman, 30, 1, 7)?;
/// assert!(norms[0] < 1e-3 * norms[29]); // the usual first weights forget within thirty steps
/// # Ok::<(), rnn::model::ModelError>(())
/// ```
///
/// # Errors
/// If the model cannot be built or does not read real numbers.
pub fn fade(model: &Model, steps: usize, batch: usize, seed: u64) -> Result<Vec<f64>, ModelError> {
    let network = model.network(steps, batch, Mode { train: true, ..Mode::default() })?;
    let x = inputs([steps, batch, model.input.size()], seed)
        .map_err(|source| ModelError::Init { weight: "x".into(), source })?;
    let y = network.graph.node(network.y)?.ty.shape.clone();
    let y = Value::Index(ArrayD::zeros(&y[..]));
    let feed = Batch { x: x.into(), y, lengths: None };
    let point = network.point(&model.first_parameters(seed)?, &feed, &[], 0)?.cast::<f64>();
    let adjoints: Vec<Option<NodeId>> =
        network.states.iter().map(|&h| network.graph.adjoint(h, 0)).collect::<Result<_, _>>()?;
    let found: Vec<NodeId> = adjoints.iter().copied().flatten().collect();
    let mut values = eval(&network.graph, &point, &found)?.into_iter();
    let norm = |a: Value<f64>| norm(a.float().iter());
    // A state without an adjoint does not affect the loss: truncated BPTT has detached it.
    Ok(adjoints.iter().map(|adjoint| adjoint.and_then(|_| values.next()).map_or(0.0, norm)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::NetSpec;
    use rnn::init::Init;
    use rnn::model::{Head, Inits};

    fn linear(scale: f64, window: Option<usize>) -> Vec<f64> {
        // With a large positive drive a relu is the identity, and with W_h = s·1 the adjoint shrinks by s per step.
        let init = Inits { recurrent: Some(Init::Identity { scale }), ..Inits::default() };
        let input = Some(Init::Constant { value: 0.0 });
        let model = NetSpec { cell: "elman-relu".into(), hidden: 1, window, ..NetSpec::default() }.model();
        let model = Model { head: Head::Last, init: Inits { input, ..init }, ..model };
        // A seed whose biases are positive, so that the one unit is always on.
        let on = |seed: &u64| {
            let p = model.first_parameters(*seed).unwrap();
            p["rnn.bias_ih_l0"][0] > 0.0 && p["rnn.bias_hh_l0"][0] > 0.0
        };
        fade(&model, 6, 1, (0..100).find(on).unwrap()).unwrap()
    }

    #[test]
    fn a_linear_state_fades_by_its_weight_each_step() {
        for scale in [0.5, 1.25] {
            let norms = linear(scale, None);
            for pair in norms.windows(2) {
                assert!((pair[0] / pair[1] - scale).abs() < 1e-12, "{norms:?}");
            }
        }
    }

    #[test]
    fn nothing_passes_a_cut() {
        let norms = linear(0.5, Some(4));
        assert_eq!(
            norms.iter().map(|&n| n > 0.0).collect::<Vec<_>>(),
            [false, false, false, false, true, true]
        );
    }
}
