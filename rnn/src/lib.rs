//! Recurrent nets unrolled over time into one computation graph.

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

pub mod cell;
pub mod checkpoint;
pub mod data;
pub mod equations;
pub mod files;
pub mod infer;
pub mod init;

mod layers;
mod lengths;
pub mod model;
pub mod parameters;
pub mod tasks;
pub mod train;
mod unroll;

pub use cell::Cell;
pub use layers::{Dropout, Layers, NetState, Start, Unrolled};
pub use lengths::Lengths;
pub use parameters::Parameters;
pub use unroll::{Run, Unroll};
