//! Models: an input, layers of a cell, a head and a loss. A [`Network`] is a model unrolled over time, and
//! [`Networks`] compute the gradients of batches of any size.

mod config;
mod engine;
pub mod estimate;
mod initial;
mod loss;
mod metrics;
mod network;
mod networks;
mod sized;

pub use config::{Head, Inits, Input, Model, ModelError, Start};
pub use loss::Loss;
pub(crate) use metrics::Tally;
#[doc(hidden)]
pub use network::lengths_fit;

pub use engine::{Engine, evaluate};
pub use metrics::Metrics;
pub use network::{Batch, Lane, Mode, Network};
pub use networks::{Cause, Compiled, Networks, Outcome, StepError};
