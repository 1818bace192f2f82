//! What turns gradients into better parameters.

pub mod clip;
pub mod optim;
pub mod schedule;
