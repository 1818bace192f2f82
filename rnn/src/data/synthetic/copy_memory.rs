//! The copying memory problem.

use ndarray::{Array2, Axis, Slice};
use rand::RngExt;

use super::super::error::at_least;
use super::super::seed::{Purpose, generator};
use super::super::{Result, Transduction};

/// The copying memory problem: read ten symbols, wait for `T` steps, and repeat them.
///
/// There are ten symbols: 0 is the blank, 1 to 8 are data, 9 is the delimiter. With ten symbols `d` drawn uniformly
/// and independently from the eight data symbols, a sequence has `T + 20` steps:
///
/// ```text
/// inputs   d₁ … d₁₀   0 × (T − 1)   9   0 × 10
/// targets  0 × (T + 10)                 d₁ … d₁₀
/// ```
///
/// As in Arjovsky, Shah & Bengio (2016), section 5.1, with the numbering of their code. (Bai, Kolter & Koltun 2018
/// feed the delimiter in the last ten steps too.)
///
/// ```
/// use rnn::data::synthetic::CopyMemory;
///
/// let batch = CopyMemory::new(100)?.batch(20, 1, 0);
/// assert_eq!(batch.inputs.dim(), (120, 20));
/// assert_eq!(batch.targets.dim(), (120, 20));
/// # Ok::<(), rnn::data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyMemory {
    blanks: usize,
}

/// The number of symbols to remember.
const MEMORY: usize = 10;

impl CopyMemory {
    /// The number of symbols, and so of classes per step.
    pub const CLASSES: usize = 10;
    /// The blank symbol.
    pub const BLANK: usize = 0;
    /// The symbol that triggers the recall.
    pub const DELIMITER: usize = 9;

    /// The task with a wait of `T = blanks` steps, the delimiter among them.
    ///
    /// # Errors
    /// `blanks` is zero, which leaves no step for the delimiter.
    pub fn new(blanks: usize) -> Result<Self> {
        at_least(1, "the wait of a copying memory problem", blanks)?;
        Ok(Self { blanks })
    }

    /// The number of steps, `T + 20`.
    pub fn length(&self) -> usize {
        self.blanks + 2 * MEMORY
    }

    /// The mean cross-entropy per step, in nats, of the best predictor without memory: the blanks are certain, and
    /// each of the ten repeated symbols is one of eight. `10 ln 8 / (T + 20)`.
    pub fn baseline(&self) -> f64 {
        MEMORY as f64 * 8_f64.ln() / self.length() as f64
    }

    /// Batch `index` of the set `seed`: inputs and targets `[T + 20, size]`.
    pub fn batch(&self, size: usize, seed: u64, index: u64) -> Transduction {
        let mut random = generator(seed, Purpose::CopyMemory, index);
        let data = Array2::from_shape_simple_fn((MEMORY, size), || random.random_range(1..=8));
        let recall = self.length() - MEMORY;
        let mut inputs = Array2::from_elem((self.length(), size), Self::BLANK);
        let mut targets = inputs.clone();
        inputs.slice_axis_mut(Axis(0), Slice::from(..MEMORY)).assign(&data);
        inputs.row_mut(recall - 1).fill(Self::DELIMITER);
        targets.slice_axis_mut(Axis(0), Slice::from(recall..)).assign(&data);
        Transduction { inputs, targets }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_data_come_back_after_the_delimiter(blanks in 1_usize..30, seed: u64, index in 0_u64..9) {
            let task = CopyMemory::new(blanks).unwrap();
            let batch = task.batch(4, seed, index);
            for b in 0..4 {
                let (inputs, targets) = (batch.inputs.column(b).to_vec(), batch.targets.column(b).to_vec());
                let data = &inputs[..10];
                prop_assert!(data.iter().all(|symbol| (1..=8).contains(symbol)));
                prop_assert_eq!(&inputs[10..], [&vec![0; blanks - 1][..], &[9], &[0; 10]].concat());
                prop_assert_eq!(&targets, &[&vec![0; blanks + 10][..], data].concat());
            }
        }
    }

    /// 8,000 sequences have 80,000 data symbols: 10,000 of each, standard deviation 94.
    #[test]
    fn the_data_symbols_are_equally_frequent() {
        let mut counts = [0_i32; 10];
        for &symbol in &CopyMemory::new(1).unwrap().batch(8000, 3, 0).targets {
            counts[symbol] += 1;
        }
        assert_eq!((counts[0], counts[9]), (8000 * 11, 0));
        assert!(counts[1..9].iter().all(|count| (count - 10_000).abs() < 470), "{counts:?}");
    }

    /// Bai et al. (2018) train at T = 500; 10 ln 8 / 520.
    #[test]
    fn the_baseline_is_the_published_one() {
        assert!((CopyMemory::new(500).unwrap().baseline() - 0.039_989).abs() < 1e-6);
    }

    #[test]
    fn a_batch_is_a_function_of_seed_and_index() {
        let task = CopyMemory::new(5).unwrap();
        assert_eq!(task.batch(3, 1, 2), task.batch(3, 1, 2));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 1, 3));
        assert_ne!(task.batch(3, 1, 2), task.batch(3, 2, 2));
        assert!(CopyMemory::new(0).is_err());
    }
}
