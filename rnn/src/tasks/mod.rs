//! Training tasks: from data to batches, and from outputs back to words and numbers.

mod feed;
mod saved;
mod sentiment;
mod series;
mod synthetic;
mod text;

pub use saved::{Described, Saved, SavedError, Source};
pub use sentiment::Sentiment;
pub use series::Forecast;
pub use synthetic::{Synthetic, SyntheticKind};
pub use text::{Level, Text};
