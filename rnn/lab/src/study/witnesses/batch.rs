//! Cross-check: the order of the sequences in a batch does not matter.

use super::{Trial, Way, Witness};
use crate::study::NetSpec;
use ndarray::{ArrayD, Axis};
use rnn::model::ModelError;

const CLAIM: &str = "the order of sequences means nothing";

/// The permutation of the sequences.
const ORDER: [usize; 3] = [2, 0, 1];

/// A batch of three in two orders: parameters have the same gradients, and each sequence keeps its own.
pub(super) fn hear(net: &NetSpec, seed: u64) -> Result<Witness, ModelError> {
    hear_of(net, seed, &Trial::bptt)
}

/// The same for any way to compute a trial's gradients.
fn hear_of(net: &NetSpec, seed: u64, way: &Way) -> Result<Witness, ModelError> {
    let lengths = net.lengths.as_ref().map(|lengths| (0..3).map(|b| lengths[b % lengths.len()]).collect());
    let trial = Trial::draw(&NetSpec { batch: ORDER.len(), lengths, ..net.clone() }, seed, 1.0)?;
    let mut other = trial.clone();
    (other.x, other.y) = (shuffled(&trial.x), trial.y.select(Axis(1), &ORDER));
    other.start = trial.start.iter().map(shuffled).collect();
    other.net.lengths = trial.net.lengths.as_ref().map(|lengths| ORDER.map(|b| lengths[b]).to_vec());
    let (mut bptt, found) = (way(&trial)?, way(&other)?.found);
    for (name, gradient) in &mut bptt.found.of {
        if !trial.parameters.iter().any(|p| p.0 == *name) {
            *gradient = shuffled(gradient);
        }
    }
    let losses =
        format!("{} sequences, losses {:.1e} apart", ORDER.len(), (found.loss - bptt.found.loss).abs());
    Ok(Witness::against("batch", CLAIM, &bptt, &found, losses))
}

/// Permutes the sequences, along the second axis.
fn shuffled(a: &ArrayD<f64>) -> ArrayD<f64> {
    a.select(Axis(1), &ORDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd_check::Verdict;

    fn verdict(way: &Way) -> Option<Verdict> {
        hear_of(&NetSpec { cell: "lstm".into(), ..NetSpec::default() }, 1, way).unwrap().verdict
    }

    /// A gradient that omits the last row of the batch, whichever sequence it is.
    #[test]
    fn a_row_that_is_skipped_is_seen() {
        let way = |trial: &Trial| {
            let mut without = trial.clone();
            without.x = trial.x.select(Axis(1), &[0, 1, 0]);
            without.y = trial.y.select(Axis(1), &[0, 1, 0]);
            without.bptt()
        };
        assert_eq!(verdict(&way), Some(Verdict::Fail));
        assert_eq!(verdict(&Trial::bptt), Some(Verdict::Pass));
    }
}
