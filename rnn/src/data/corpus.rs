//! A long text as parallel streams, for language models with carried state.
//!
//! A text of `N` symbols is cut into `B` parallel streams of `⌊N/B⌋` consecutive symbols; the last `N mod B` symbols
//! are dropped. Windows of `T` steps then advance through all streams at once, each starting where the previous one
//! ended, so the state after one window is the state before the next. This is the layout of `PyTorch`'s
//! `word_language_model` example (`batchify`, `get_batch`). With the alphabet and `B = 4`:
//!
//! ```text
//! a g m s      first window, T = 3:  inputs a g m s   targets b h n t
//! b h n t                                   b h n t           c i o u
//! c i o u                                   c i o u           d j p v
//! d j p v
//! e k q w
//! f l r x
//! ```

use ndarray::{Array2, Axis, Slice};

use super::error::at_least;
use super::split::share;
use super::{Error, Result, Transduction};

/// Parallel streams of symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    /// `[step, batch]`
    symbols: Array2<usize>,
}

impl Streams {
    /// Cuts a text into `batch` streams.
    ///
    /// # Errors
    /// `batch` is zero; there are fewer than two symbols a stream, one for an input and one for its target.
    pub fn new(symbols: &[usize], batch: usize) -> Result<Self> {
        at_least(1, "the batch size", batch)?;
        let steps = symbols.len() / batch;
        if steps < 2 {
            let found = symbols.len();
            return Err(Error::ShortText { part: "the text", found, batch, needed: 2 * batch });
        }
        Ok(Self { symbols: Array2::from_shape_fn((steps, batch), |(t, b)| symbols[b * steps + t]) })
    }

    /// The number of predictions in all streams: every symbol except the first of each stream is a target once.
    pub fn predictions(&self) -> usize {
        (self.symbols.nrows() - 1) * self.symbols.ncols()
    }

    /// Windows of `time` steps, in order: the target of a step is the next symbol. The last window is shorter if
    /// `time` does not divide the number of steps; it has at least one step.
    ///
    /// # Errors
    /// `time` is zero.
    pub fn windows(&self, time: usize) -> Result<impl ExactSizeIterator<Item = Transduction> + '_> {
        at_least(1, "the number of steps in a window", time)?;
        let last = self.symbols.nrows() - 1;
        let rows =
            |from: usize, to: usize| self.symbols.slice_axis(Axis(0), Slice::from(from..to)).to_owned();
        Ok((0..last).step_by(time).map(move |start| {
            let end = last.min(start + time);
            Transduction { inputs: rows(start, end), targets: rows(start + 1, end + 1) }
        }))
    }
}

/// The first part of a text for training and the rest for validation, as in `split(&symbols, 0.9)`. Neither is
/// shuffled: neighbouring passages are similar, and a shuffled split would leak one into the other.
///
/// # Errors
/// `train` is not between 0 and 1; a part would be empty.
pub fn split<T>(symbols: &[T], train: f64) -> Result<(&[T], &[T])> {
    if !(train > 0.0 && train < 1.0) {
        return Err(Error::TrainFraction { train });
    }
    let n = symbols.len();
    at_least(2, "the number of symbols to split into training and validation", n)?;
    Ok(symbols.split_at(share(n, train).clamp(1, n - 1)))
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    /// The example of `PyTorch`'s `word_language_model`, whose comments give this layout of the alphabet.
    #[test]
    fn the_alphabet_in_four_streams() {
        let alphabet: Vec<usize> = (0..26).collect();
        let streams = Streams::new(&alphabet, 4).unwrap();
        assert_eq!(streams.symbols.row(0).to_vec(), [0, 6, 12, 18]);
        assert_eq!(streams.symbols.row(5).to_vec(), [5, 11, 17, 23]);
        let windows: Vec<_> = streams.windows(2).unwrap().collect();
        assert_eq!(windows[0].inputs, array![[0, 6, 12, 18], [1, 7, 13, 19]]);
        assert_eq!(windows[0].targets, array![[1, 7, 13, 19], [2, 8, 14, 20]]);
        assert_eq!(windows[2].inputs, array![[4, 10, 16, 22]], "the last window holds what is left");
        assert_eq!(windows[2].targets, array![[5, 11, 17, 23]]);
    }

    proptest! {
        /// Each symbol is its own position in the text, so a target is an input plus one.
        #[test]
        fn each_symbol_but_the_first_of_a_stream_is_a_target_once(
            steps in 2_usize..40,
            batch in 1_usize..9,
            dropped in 0_usize..8,
            time in 1_usize..20,
        ) {
            let n = steps * batch + dropped % batch;
            let text: Vec<usize> = (0..n).collect();
            let streams = Streams::new(&text, batch).unwrap();
            let mut targets = Vec::new();
            let mut state: Option<Vec<usize>> = None;
            for window in streams.windows(time).unwrap() {
                prop_assert_eq!(&window.inputs + 1, window.targets.clone());
                let first = window.inputs.row(0).to_vec();
                prop_assert_eq!(state.unwrap_or_else(|| first.clone()), first, "a window starts where the last one ended");
                state = Some(window.targets.rows().into_iter().next_back().unwrap().to_vec());
                targets.extend(window.targets);
            }
            prop_assert_eq!(targets.len(), streams.predictions());
            targets.sort_unstable();
            let expected: Vec<usize> = (0..steps * batch).filter(|place| place % steps != 0).collect();
            prop_assert_eq!(targets, expected);
        }
    }

    #[test]
    fn the_split_is_in_the_order_of_the_text() {
        let text: Vec<usize> = (0..20).collect();
        assert_eq!(split(&text, 0.9).unwrap(), (&text[..18], &text[18..]));
        assert_eq!(split(&[1, 2], 0.99).unwrap(), (&[1][..], &[2][..]));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let short = Streams::new(&[1; 7], 4).unwrap_err().to_string();
        assert!(
            short.starts_with("7 symbols of the text do not fill 4 parallel streams, which need at least 8"),
            "{short}"
        );
        assert!(Streams::new(&[1; 7], 0).is_err());
        assert!(Streams::new(&[1; 7], 1).unwrap().windows(0).is_err());
        assert!(split(&[1], 0.5).is_err() && split(&[1, 2], 1.0).is_err());
    }
}
