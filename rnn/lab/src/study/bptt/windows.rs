//! The bias of truncated backpropagation through time, measured.

use super::{Bptt, BpttError};
use autograd::{NodeId, eval};
use ndarray::ArrayD;
use rnn::model::{Batch, Mode, Model};
use rnn::parameters::Parameters;
use serde::Serialize;

/// A truncated gradient compared with the full one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truncation {
    /// The window in steps.
    pub window: usize,
    /// With the states detached every `window` steps, as in training.
    pub cut: Bias,
    /// With each loss propagated back over the last `window` steps.
    pub sliding: Bias,
    /// The same per parameter: the total hides the worst.
    pub parameters: Vec<ParameterBias>,
}

/// The bias of the truncated gradient of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterBias {
    /// The parameter's name.
    pub name: String,
    /// With the states detached every `window` steps.
    pub cut: Bias,
    /// With each loss propagated back over the last `window` steps.
    pub sliding: Bias,
}

/// The difference between a gradient and the full one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bias {
    /// The angle between the two, in degrees.
    pub angle: f64,
    /// Its norm divided by that of the full one.
    pub ratio: f64,
}

/// Compares the gradients of the recurrent parameters under truncation windows with the full gradient in `full`,
/// which is split by lag.
///
/// # Errors
/// If a window is 0, or the model cannot be evaluated.
pub fn truncations(
    model: &Model,
    parameters: &Parameters,
    feed: &Batch,
    full: &Bptt,
    windows: &[usize],
) -> Result<Vec<Truncation>, BpttError> {
    let recurrent: Vec<_> = full.shares.iter().filter(|share| share.name.starts_with("rnn.")).collect();
    let whole: Vec<ArrayD<f64>> = recurrent.iter().map(|share| share.total()).collect();
    let one = |&window: &usize| {
        let near = |share: &&super::Shares| {
            let parts = share.by_lag.iter().filter(|(lag, _)| lag.unsigned_abs() < window);
            parts.fold(ArrayD::zeros(share.by_step[0].raw_dim()), |sum, (_, part)| sum + part)
        };
        let sliding: Vec<ArrayD<f64>> = recurrent.iter().map(near).collect();
        let cut = Model { window: Some(window), dropout: 0.0, ..model.clone() };
        let network = cut.network(feed.steps(), feed.batch(), Mode { train: true, ..Mode::default() })?;
        let feed = Batch { lengths: None, ..feed.clone() };
        let point = network.point(parameters, &feed, &[], 0)?.cast::<f64>();
        let gradient = |name: &str| {
            let place = network.parameters.iter().position(|(own, _)| own == name)?;
            network.gradients.get(place).copied()
        };
        let wanted: Vec<NodeId> = recurrent.iter().filter_map(|share| gradient(&share.name)).collect();
        let cut: Vec<ArrayD<f64>> =
            eval(&network.graph, &point, &wanted)?.into_iter().map(autograd::Value::into_float).collect();
        let alone = |k: usize| ParameterBias {
            name: recurrent[k].name.clone(),
            cut: Bias::of(&cut[k..=k], &whole[k..=k]),
            sliding: Bias::of(&sliding[k..=k], &whole[k..=k]),
        };
        let parameters = (0..recurrent.len()).map(alone).collect();
        let (cut, sliding) = (Bias::of(&cut, &whole), Bias::of(&sliding, &whole));
        Ok(Truncation { window, cut, sliding, parameters })
    };
    windows.iter().map(one).collect()
}

impl Bias {
    /// Compares gradients of the same parameters.
    fn of(truncated: &[ArrayD<f64>], full: &[ArrayD<f64>]) -> Self {
        let dot = |a: &[ArrayD<f64>], b: &[ArrayD<f64>]| -> f64 {
            a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>()).sum()
        };
        let (t, f) = (dot(truncated, truncated).sqrt(), dot(full, full).sqrt());
        // From the sum and difference of the unit vectors, which are accurate where the cosine is near ±1 (Kahan).
        let unit =
            |v: &[ArrayD<f64>], norm: f64| -> Vec<ArrayD<f64>> { v.iter().map(|a| a / norm).collect() };
        let (a, b) = (unit(truncated, t), unit(full, f));
        let length = |sign: f64| -> f64 {
            a.iter().zip(&b).map(|(a, b)| (a + b * sign).mapv(|x| x * x).sum()).sum::<f64>().sqrt()
        };
        Self { angle: (2.0 * length(-1.0).atan2(length(1.0))).to_degrees(), ratio: t / f }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    #[test]
    fn angle_and_ratio_are_those_of_the_plane() {
        let bias = |a: [f64; 2]| Bias::of(&[arr1(&a).into_dyn()], &[arr1(&[1.0, 1.0]).into_dyn()]);
        let right = bias([1.0, 0.0]);
        assert!((right.angle - 45.0).abs() < 1e-9 && (right.ratio - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!(bias([2.0, 2.0]).angle < 1e-6 && (bias([-1.0, -1.0]).angle - 180.0).abs() < 1e-6);
    }
}
