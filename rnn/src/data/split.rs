//! The parts of a data set, and the order of one epoch.

use rand::seq::SliceRandom;

use super::error::at_least;
use super::seed::{Purpose, generator};
use super::{Error, Result};

/// The fractions for validation and test; the rest is for training. By default 0.1 each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// The fraction for validation.
    pub validation: f64,
    /// The fraction for test.
    pub test: f64,
}

/// The members of each part of a data set. Every member belongs to exactly one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// For fitting the weights.
    pub train: Vec<usize>,
    /// For choosing among models.
    pub validation: Vec<usize>,
    /// For the final result.
    pub test: Vec<usize>,
}

/// Splits `0..n` at random, as a function of its arguments alone. No part is empty.
///
/// # Errors
/// `n` is below three; the fractions are out of range.
///
/// ```
/// use rnn::data::{Fractions, split};
///
/// let parts = split(100, Fractions::default(), 1)?;
/// assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (80, 10, 10));
/// # Ok::<(), rnn::data::Error>(())
/// ```
pub fn split(n: usize, fractions: Fractions, seed: u64) -> Result<Split> {
    let [train, validation, _] = fractions.sizes(n)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut generator(seed, Purpose::Split, 0));
    let test = order.split_off(train + validation);
    let validation = order.split_off(train);
    Ok(Split { train: order, validation, test })
}

/// The batches of one epoch: `0..n` in an order that depends on the seed and the epoch alone, cut every `batch_size`
/// members. The last batch may be smaller, so that each member is seen once per epoch.
///
/// # Errors
/// `batch_size` is zero.
pub fn batches(n: usize, batch_size: usize, seed: u64, epoch: u64) -> Result<Vec<Vec<usize>>> {
    at_least(1, "the batch size", batch_size)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut generator(seed, Purpose::Order, epoch));
    Ok(order.chunks(batch_size).map(<[usize]>::to_vec).collect())
}

impl Default for Fractions {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.1 }
    }
}

impl Fractions {
    /// The sizes of training, validation and test: the nearest to the fractions for which no part is empty.
    ///
    /// # Errors
    /// `n` is below three; the fractions are out of range.
    pub fn sizes(self, n: usize) -> Result<[usize; 3]> {
        let Self { validation, test } = self;
        if !(validation > 0.0 && test > 0.0 && validation + test < 1.0) {
            return Err(Error::Fractions { validation, test });
        }
        if n < 3 {
            return Err(Error::FewToSplit { found: n });
        }
        let validation = share(n, validation).clamp(1, n - 2);
        let test = share(n, test).clamp(1, n - validation - 1);
        Ok([n - validation - test, validation, test])
    }
}

/// The nearest whole number of members to a fraction of `n`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fraction of n lies between 0 and n"
)]
pub(super) fn share(n: usize, fraction: f64) -> usize {
    (n as f64 * fraction).round() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(parts: &[&[usize]]) -> Vec<usize> {
        let mut all = parts.concat();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn the_parts_are_a_partition(n in 3_usize..200, validation in 0.01..0.6, test in 0.01..0.39, seed: u64) {
            let parts = split(n, Fractions { validation, test }, seed).unwrap();
            prop_assert_eq!(sorted(&[&parts.train, &parts.validation, &parts.test]), (0..n).collect::<Vec<_>>());
            prop_assert!(!parts.train.is_empty() && !parts.validation.is_empty() && !parts.test.is_empty());
            prop_assert_eq!(split(n, Fractions { validation, test }, seed).unwrap(), parts);
        }

        #[test]
        fn an_epoch_is_a_permutation(n in 0_usize..200, size in 1_usize..50, seed: u64, epoch in 0_u64..100) {
            let batches = batches(n, size, seed, epoch).unwrap();
            prop_assert_eq!(sorted(&[&batches.concat()]), (0..n).collect::<Vec<_>>());
            prop_assert_eq!(batches.len(), n.div_ceil(size));
            prop_assert!(batches.iter().rev().skip(1).all(|batch| batch.len() == size));
        }
    }

    #[test]
    fn seeds_and_epochs_change_the_order() {
        let order = |seed, epoch| batches(50, 50, seed, epoch).unwrap();
        assert_eq!(order(1, 2), order(1, 2));
        assert_ne!(order(1, 2), order(1, 3));
        assert_ne!(order(1, 2), order(2, 2));
        let train = |seed| split(50, Fractions::default(), seed).unwrap().train;
        assert_ne!(train(1), train(2));
    }

    /// Each of the 6 orders of 3 members is equally likely: 1,000 expected of each, standard deviation 29.
    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = std::collections::HashMap::new();
        for epoch in 0..6000 {
            *counts.entry(batches(3, 3, 7, epoch).unwrap()).or_insert(0_i32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn bad_sizes_are_refused() {
        assert!(matches!(split(2, Fractions::default(), 0), Err(Error::FewToSplit { found: 2 })));
        for (validation, test) in [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (f64::NAN, 0.1), (-0.1, 0.1)] {
            assert!(matches!(split(9, Fractions { validation, test }, 0), Err(Error::Fractions { .. })));
        }
        assert!(matches!(batches(9, 0, 0, 0), Err(Error::Size { what: "the batch size", .. })));
    }
}
