//! The adding problem.

use ndarray::{Array2, Array3};
use rand::RngExt;

use super::super::error::at_least;
use super::super::seed::{Purpose, generator};
use super::super::{Regression, Result};

/// The adding problem: add the two marked numbers of a long sequence.
///
/// Each step has two inputs: a value drawn uniformly from \[0, 1) and a mark. Two steps are marked 1, one drawn
/// uniformly from the first half `0..⌊T/2⌋` and one from the second `⌊T/2⌋..T`; all other marks are 0. The target is
/// the sum of the two marked values.
///
/// The task is experiment 4 of Hochreiter & Schmidhuber (1997), who draw values from \[−1, 1] and vary the length.
/// This is the form of fixed length and positive values of Le, Jaitly & Hinton (2015), with one mark in each half as in
/// Arjovsky, Shah & Bengio (2016), section 5.2. (The code of Bai, Kolter & Koltun 2018 draws both marks from the whole
/// sequence.)
///
/// ```
/// use rnn::data::synthetic::Adding;
///
/// let batch = Adding::new(100)?.batch(20, 1, 0);
/// assert_eq!(batch.inputs.dim(), (100, 20, 2));
/// assert_eq!(batch.targets.dim(), (20, 1));
/// # Ok::<(), rnn::data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adding {
    length: usize,
}

impl Adding {
    /// The mean squared error of the best predictor without memory, which always answers 1: the variance of a sum of
    /// two uniform numbers, 2 · 1/12.
    pub const BASELINE: f64 = 1.0 / 6.0;

    /// The task with `length` steps.
    ///
    /// # Errors
    /// `length` is below two.
    pub fn new(length: usize) -> Result<Self> {
        at_least(2, "the length of an adding problem", length)?;
        Ok(Self { length })
    }

    /// Batch `index` of the set `seed`: inputs `[length, size, 2]` (value, mark), targets `[size, 1]`.
    pub fn batch(&self, size: usize, seed: u64, index: u64) -> Regression {
        let mut random = generator(seed, Purpose::Adding, index);
        let half = self.length / 2;
        let mut inputs = Array3::zeros((self.length, size, 2));
        let mut targets = Array2::zeros((size, 1));
        for b in 0..size {
            for t in 0..self.length {
                inputs[[t, b, 0]] = random.random::<f64>();
            }
            for place in [random.random_range(..half), random.random_range(half..self.length)] {
                inputs[[place, b, 1]] = 1.0;
                targets[[b, 0]] += inputs[[place, b, 0]];
            }
        }
        Regression { inputs, targets }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "marks are 0 or 1")]
mod tests {
    use ndarray::{Array1, Axis};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_values_are_marked_one_in_each_half_and_added(length in 2_usize..40, seed: u64, index in 0_u64..9) {
            let batch = Adding::new(length).unwrap().batch(5, seed, index);
            for b in 0..5 {
                let channel = |of| batch.inputs.index_axis(Axis(2), of).index_axis_move(Axis(1), b).to_owned();
                let (values, marks): (Array1<f64>, Array1<f64>) = (channel(0), channel(1));
                prop_assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
                prop_assert!(marks.iter().all(|&mark| mark == 0.0 || mark == 1.0));
                let (first, second) = marks.view().split_at(Axis(0), length / 2);
                prop_assert_eq!((first.sum(), second.sum()), (1.0, 1.0));
                prop_assert!((values.dot(&marks) - batch.targets[[b, 0]]).abs() < 1e-12);
            }
        }
    }

    /// (y − 1)² has mean 1/6 and standard deviation √(1/15 − 1/36) = 0.197, so its mean over 20,000 has 0.0014.
    #[test]
    fn the_baseline_is_the_error_of_always_saying_one() {
        let targets = Adding::new(10).unwrap().batch(20_000, 1, 0).targets;
        let error = targets.mapv(|y: f64| (y - 1.0).powi(2)).mean().unwrap();
        assert!((error - Adding::BASELINE).abs() < 0.007, "{error}");
    }

    /// Ten positions, 20,000 sequences: each is marked 4,000 times, standard deviation 57.
    #[test]
    fn every_place_is_marked_equally_often() {
        let batch = Adding::new(10).unwrap().batch(20_000, 2, 0);
        let marks = batch.inputs.index_axis(Axis(2), 1).sum_axis(Axis(1));
        assert!(marks.iter().all(|count: &f64| (count - 4000.0).abs() < 285.0), "{marks}");
    }

    #[test]
    fn a_batch_is_a_function_of_seed_and_index() {
        let task = Adding::new(10).unwrap();
        assert_eq!(task.batch(3, 1, 2), task.batch(3, 1, 2));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 1, 3));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 2, 2));
        assert!(Adding::new(1).is_err());
    }
}
