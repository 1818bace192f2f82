//! Models: an input, layers of a cell, a head and a loss.

mod config;
mod initial;
mod loss;
mod network;

pub use config::{Head, Inits, Input, Model, ModelError, Start};
pub use loss::Loss;
pub use network::{Feed, Mode, Network};
