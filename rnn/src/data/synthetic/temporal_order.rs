//! The temporal order problem.

use std::ops::RangeInclusive;

use rand::RngExt;

use super::super::error::at_least;
use super::super::seed::{Purpose, generator};
use super::super::{Classification, Result};

/// The temporal order problem: classify the order of two symbols that lie far apart.
///
/// There are eight symbols, whose ids follow [`SYMBOLS`](Self::SYMBOLS). A sequence starts with `E` and ends with `B`,
/// the trigger. Each of two positions holds `X` or `Y`; every other one of `a b c d`. All are drawn uniformly. The
/// class is the order: `X,X` → 0, `X,Y` → 1, `Y,X` → 2, `Y,Y` → 3 (Q, R, S, U in the paper).
///
/// Experiment 6a of Hochreiter & Schmidhuber (1997). Positions count from the `E` at 0.
///
/// ```
/// use rnn::data::synthetic::TemporalOrder;
///
/// let batch = TemporalOrder::with_length(50)?.batch(20, 1, 0);
/// assert_eq!(batch.inputs.dim(), (50, 20));
/// assert!(batch.targets.iter().all(|&class| class < TemporalOrder::CLASSES));
/// # Ok::<(), rnn::data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporalOrder {
    lengths: RangeInclusive<usize>,
    first: RangeInclusive<usize>,
    second: RangeInclusive<usize>,
}

const E: usize = 0;
const B: usize = 1;
const NOISE: RangeInclusive<usize> = 2..=5;
const X: usize = 6;

impl TemporalOrder {
    /// The symbols in the order of their ids.
    pub const SYMBOLS: [char; 8] = ['E', 'B', 'a', 'b', 'c', 'd', 'X', 'Y'];
    /// The number of classes.
    pub const CLASSES: usize = 4;
    /// The mean cross-entropy, in nats, of the best predictor without memory: `ln 4`, at an accuracy of a quarter.
    pub const BASELINE: f64 = 2.0 * std::f64::consts::LN_2;

    /// The task as published: each sequence draws its length from 100 to 110, the first position from 10 to 20 and
    /// the second from 50 to 60, bounds included.
    pub fn published() -> Self {
        Self { lengths: 100..=110, first: 10..=20, second: 50..=60 }
    }

    /// The task at a fixed length `T`, the positions in proportion: the first from `T/10` to `2T/10`, the second from
    /// `5T/10` to `6T/10`, rounded down, bounds included. These are the tenths of the code that Pascanu, Mikolov &
    /// Bengio (2013) published with their paper (its `tempOrder.py`), and at `T = 100` the positions of
    /// [`published`](Self::published).
    ///
    /// # Errors
    /// `length` is below ten.
    pub fn with_length(length: usize) -> Result<Self> {
        at_least(10, "the length of a temporal order problem", length)?;
        let tenths = |n: usize| length * n / 10;
        Ok(Self { lengths: length..=length, first: tenths(1)..=tenths(2), second: tenths(5)..=tenths(6) })
    }

    /// Batch `index` of the set `seed`: inputs `[longest, size]`, `longest` being the longest sequence of the batch.
    pub fn batch(&self, size: usize, seed: u64, index: u64) -> Classification {
        let mut random = generator(seed, Purpose::TemporalOrder, index);
        let mut draw = |range: &RangeInclusive<usize>| random.random_range(range.clone());
        let members: Vec<(Vec<usize>, usize)> = (0..size)
            .map(|_| {
                let length = draw(&self.lengths);
                let mut sequence: Vec<usize> = (0..length).map(|_| draw(&NOISE)).collect();
                let (first, second) = (draw(&(0..=1)), draw(&(0..=1)));
                sequence[0] = E;
                sequence[draw(&self.first)] = X + first;
                sequence[draw(&self.second)] = X + second;
                sequence[length - 1] = B;
                (sequence, 2 * first + second)
            })
            .collect();
        let members: Vec<_> = members.iter().map(|(sequence, class)| (&sequence[..], *class)).collect();
        Classification::padded(&members)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The sequences as text, with their classes.
    fn texts(task: &TemporalOrder, size: usize, seed: u64) -> Vec<(String, usize)> {
        let batch = task.batch(size, seed, 0);
        let text =
            |b: usize| (0..batch.lengths[b]).map(|t| TemporalOrder::SYMBOLS[batch.inputs[[t, b]]]).collect();
        (0..size).map(|b| (text(b), batch.targets[b])).collect()
    }

    fn places(text: &str) -> (usize, usize) {
        let is_mark = |c: char| "XY".contains(c);
        (text.find(is_mark).unwrap(), text.rfind(is_mark).unwrap())
    }

    proptest! {
        #[test]
        fn the_class_is_the_order_of_the_two_marks(length in 10_usize..300, seed: u64) {
            for (text, class) in texts(&TemporalOrder::with_length(length).unwrap(), 5, seed) {
                prop_assert_eq!(text.len(), length);
                prop_assert!(text.starts_with('E') && text.ends_with('B'));
                let marks = text[1..length - 1].replace(['a', 'b', 'c', 'd'], "");
                prop_assert_eq!(["XX", "XY", "YX", "YY"][class], marks);
                let (first, second) = places(&text);
                prop_assert!(length / 10 <= first && first <= length / 5);
                prop_assert!(length / 2 <= second && second <= length * 6 / 10);
            }
        }
    }

    /// 5,000 sequences reach both ends of all ranges: each of 11 values is missed with probability (10/11)^5000.
    #[test]
    fn the_published_ranges_are_covered_and_kept() {
        let texts = texts(&TemporalOrder::published(), 5000, 1);
        let all = |of: fn(&str) -> usize| texts.iter().map(|(text, _)| of(text)).collect::<BTreeSet<_>>();
        assert_eq!(all(str::len), (100..=110).collect());
        assert_eq!(all(|text| places(text).0), (10..=20).collect());
        assert_eq!(all(|text| places(text).1), (50..=60).collect());
    }

    /// 8,000 sequences: 2,000 of each class, standard deviation 39.
    #[test]
    fn the_classes_are_equally_frequent() {
        let mut counts = [0_i32; 4];
        for (_, class) in texts(&TemporalOrder::with_length(10).unwrap(), 8000, 1) {
            counts[class] += 1;
        }
        assert!(counts.iter().all(|count| (count - 2000).abs() < 195), "{counts:?}");
    }

    #[test]
    fn a_batch_is_a_function_of_seed_and_index() {
        let task = TemporalOrder::published();
        assert_eq!(task.batch(3, 1, 2), task.batch(3, 1, 2));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 1, 3));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 2, 2));
        assert!((TemporalOrder::BASELINE - 4_f64.ln()).abs() < 1e-15);
        assert!(TemporalOrder::with_length(9).is_err());
    }
}
