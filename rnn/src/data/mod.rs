//! Data: from files and published synthetic tasks to batches of numbers.
//!
//! Nothing here depends on graphs or models. A file becomes text ([`mod@file`]) or rows ([`table`]); rows become
//! labelled sentences ([`labelled`]), a real-valued series ([`series`]) or sequences of features ([`features`]); text becomes symbols ([`mod@words`],
//! [`vocabulary`]), and symbols become streams ([`corpus`]). Each pipeline ends in one of three kinds of batch
//! ([`batch`]), time first:
//!
//! | batch | inputs | targets | made by |
//! |---|---|---|---|
//! | [`Classification`] | symbols `[time, batch]`, lengths | one class a sequence | sentences, temporal order |
//! | [`Transduction`] | symbols `[time, batch]` | a symbol at every step | language models, copy memory |
//! | [`Regression`] | reals `[time, batch, feature]` | reals `[batch, 1]` | series, adding |
//!
//! All randomness is a function of a seed and of the arguments, never of a shared generator: the fifth batch of a
//! task is the same whether or not the first four were drawn.
//!
//! ```
//! use rnn::data::{Vocabulary, corpus::Streams};
//!
//! let text = "to be or not to be";
//! let vocabulary = Vocabulary::characters(text);
//! let symbols = vocabulary.encode_all(text.chars().map(String::from))?;
//! let streams = Streams::new(&symbols, 2)?; // two streams of nine characters: "to be or " and "not to be"
//! let windows: Vec<_> = streams.windows(5)?.collect();
//! assert_eq!(windows.len(), 2);
//! assert_eq!(windows[0].inputs.dim(), (5, 2));
//! # Ok::<(), rnn::data::Error>(())
//! ```

pub mod batch;
pub mod corpus;
mod digest;
mod error;
pub mod features;
pub mod file;
pub mod labelled;
mod seed;
pub mod series;
pub mod split;
pub mod synthetic;
pub mod table;
pub mod vocabulary;
pub mod words;

pub use batch::{Classification, Regression, Transduction};
pub use digest::Digest;
pub use error::{Error, Result, quoted};
pub use features::Sequences;
pub use labelled::Labelled;
pub use series::Series;
pub use split::{Fractions, Split, batches, split};
pub use table::Table;
pub use vocabulary::Vocabulary;
pub use words::{join, words};
