//! Cross-check: padding has no effect, and a batch equals its sequences.

use super::{Gap, Trial, Way, WholeNet, Witness, norm};
use crate::study::NetSpec;
use autograd_check::Verdict;
use ndarray::{ArrayD, Axis, Slice, s};
use rnn::model::ModelError;

const CLAIM: &str = "padding means nothing, and a batch is its sequences";

/// Three sequences of different lengths, all padded. Filling the padding with NaN must change no bit; and the
/// gradients must be those of the sequences alone, weighted by their fractions of the steps.
pub(super) fn hear(net: &NetSpec, seed: u64) -> Result<Witness, ModelError> {
    hear_of(net, seed, &Trial::bptt)
}

/// The same for any way to compute a trial's gradients.
fn hear_of(net: &NetSpec, seed: u64, way: &Way) -> Result<Witness, ModelError> {
    let lengths = vec![net.steps, net.steps.div_ceil(2), 1];
    let padded = NetSpec { steps: net.steps + 2, batch: 3, lengths: Some(lengths.clone()), ..net.clone() };
    let trial = Trial::draw(&padded, seed, 1.0)?;
    let mut spoiled = trial.clone();
    for (b, &length) in lengths.iter().enumerate() {
        spoiled.x.slice_mut(s![length.., b, ..]).fill(f64::NAN);
        spoiled.y.slice_mut(s![length.., b]).mapv_inplace(|class| (class + 1) % net.classes);
    }
    let (bptt, other) = (way(&trial)?, way(&spoiled)?.found);
    let changed = bits(&bptt) != other.of.iter().map(|(_, a)| bits_of(a)).collect::<Vec<_>>()
        || other.loss.to_bits() != bptt.found.loss.to_bits();

    let mut gaps = Vec::new();
    let parameters = trial.parameters.len();
    let mut sums: Vec<ArrayD<f64>> =
        trial.parameters.iter().map(|(_, w)| ArrayD::zeros(w.raw_dim())).collect();
    let all: usize = lengths.iter().sum();
    for (b, &length) in lengths.iter().enumerate() {
        let share = length as f64 / all as f64;
        let found = way(&alone(&trial, b, length))?.found;
        sums.iter_mut().zip(&found.of).for_each(|(sum, (_, part))| *sum += &(part * share));
    }
    for (((name, gradient), &tolerance), sum) in
        bptt.found.of.iter().zip(&bptt.tolerance).zip(&sums).take(parameters)
    {
        let difference = norm(&(gradient - sum));
        gaps.push(Gap { of: format!("∂{name}"), difference, tolerance, size: norm(gradient) });
    }
    let evidence = if changed {
        "NaN in the padding changes the loss or a gradient".into()
    } else {
        format!("NaN in the padding changes no bit; lengths {lengths:?} of {}", padded.steps)
    };
    let mut witness = Witness::of("padding", CLAIM, gaps, bptt.found.largest(), evidence);
    if changed {
        witness.verdict = Some(Verdict::Fail);
    }
    Ok(witness)
}

fn bits(bptt: &WholeNet) -> Vec<Vec<u64>> {
    bptt.found.of.iter().map(|(_, a)| bits_of(a)).collect()
}

fn bits_of(a: &ArrayD<f64>) -> Vec<u64> {
    // −0 and 0 count as equal.
    a.iter().map(|x| (x + 0.0).to_bits()).collect()
}

/// A sequence of the batch without its padding, in a batch of one.
fn alone(trial: &Trial, b: usize, length: usize) -> Trial {
    let one = Slice::from(b..=b);
    let net = NetSpec { steps: length, batch: 1, lengths: None, ..trial.net.clone() };
    Trial {
        net,
        parameters: trial.parameters.clone(),
        x: trial.x.slice(s![..length, b..=b, ..]).to_owned().into_dyn(),
        y: trial.y.slice(s![..length, b..=b]).to_owned().into_dyn(),
        start: trial.start.iter().map(|a| a.slice_axis(Axis(1), one).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(way: &Way) -> Witness {
        hear_of(&NetSpec { cell: "gru".into(), steps: 4, ..NetSpec::default() }, 1, way).unwrap()
    }

    #[test]
    fn a_mask_that_is_forgotten_is_seen_by_nan() {
        let witness = heard(&|trial| {
            let mut trial = trial.clone();
            trial.net.lengths = None;
            trial.bptt()
        });
        assert_eq!(witness.verdict, Some(Verdict::Fail), "{witness}");
        assert!(witness.evidence.contains("NaN in the padding changes the loss"), "{witness}");
    }

    /// A mean over all positions, where valid ones count: no bit of the padding is read.
    #[test]
    fn a_mean_over_the_padding_is_seen_by_the_sequences_alone() {
        let witness = heard(&|trial| {
            let mut bptt = trial.bptt()?;
            if let Some(lengths) = &trial.net.lengths {
                let live = lengths.iter().sum::<usize>() as f64 / trial.y.len() as f64;
                bptt.found.of.iter_mut().for_each(|(_, gradient)| *gradient *= live);
            }
            Ok(bptt)
        });
        assert_eq!(witness.verdict, Some(Verdict::Fail), "{witness}");
        assert!(witness.evidence.contains("changes no bit"), "{witness}");
    }

    #[test]
    fn the_right_way_passes() {
        assert_eq!(heard(&Trial::bptt).verdict, Some(Verdict::Pass));
    }
}
