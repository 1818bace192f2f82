//! The three kinds of batch. Axes are time, then batch, then features.

use ndarray::{Array2, Array3, Axis};

/// Sequences of symbols of different lengths, one class each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// Symbol ids, `[time, batch]`. Padding has id 0: a valid id, masked by the lengths.
    pub inputs: Array2<usize>,
    /// The length of each sequence, `[batch]`, at most `time`. A network needs at least 1.
    pub lengths: Vec<usize>,
    /// The class of each sequence, `[batch]`.
    pub targets: Vec<usize>,
}

/// Sequences of symbols with a target symbol at every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transduction {
    /// Symbol ids, `[time, batch]`.
    pub inputs: Array2<usize>,
    /// The target symbol at each step, `[time, batch]`.
    pub targets: Array2<usize>,
}

/// Sequences of real vectors with one real target each.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// `[time, batch, feature]`.
    pub inputs: Array3<f64>,
    /// `[batch, 1]`.
    pub targets: Array2<f64>,
}

impl Classification {
    /// Pads sequences to the longest one and stacks them with their classes.
    ///
    /// ```
    /// use ndarray::array;
    /// use rnn::data::Classification;
    ///
    /// let batch = Classification::padded(&[(&[5, 6, 7], 1), (&[8], 0)]);
    /// assert_eq!(batch.inputs, array![[5, 8], [6, 0], [7, 0]]);
    /// assert_eq!(batch.lengths, [3, 1]);
    /// ```
    pub fn padded(members: &[(&[usize], usize)]) -> Self {
        let lengths: Vec<_> = members.iter().map(|(sequence, _)| sequence.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let inputs =
            Array2::from_shape_fn((time, members.len()), |(t, b)| members[b].0.get(t).copied().unwrap_or(0));
        Self { inputs, lengths, targets: members.iter().map(|&(_, class)| class).collect() }
    }
}

impl Regression {
    /// The batch of these members, in this order. Panics if a member is not below the size of the batch.
    #[must_use]
    pub fn select(&self, members: &[usize]) -> Self {
        Self { inputs: self.inputs.select(Axis(1), members), targets: self.targets.select(Axis(0), members) }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn selection_keeps_inputs_and_targets_together() {
        let all = Regression {
            inputs: Array3::from_shape_fn((3, 4, 2), |(t, b, f)| (100 * t + 10 * b + f) as f64),
            targets: Array2::from_shape_fn((4, 1), |(b, _)| b as f64),
        };
        let some = all.select(&[2, 0]);
        assert_eq!(some.targets.as_slice(), Some(&[2.0, 0.0][..]));
        assert_eq!(some.inputs[[1, 0, 1]], 121.0);
        assert_eq!(some.inputs[[2, 1, 0]], 200.0);
    }

    #[test]
    fn an_empty_batch_is_a_batch() {
        assert_eq!(Classification::padded(&[]).inputs.dim(), (0, 0));
    }
}
