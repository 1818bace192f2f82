//! Training: batches in, parameters out.
//!
//! [`Trainer`] runs the loop: gradient ([`Networks`](crate::model::Networks)), clipping ([`clip`]), update
//! ([`optim`]), learning rate ([`schedule`]), validation, early stopping, checkpoints. A [`Task`] supplies the
//! batches.

pub mod clip;
mod difference;
mod history;
pub mod optim;
mod progress;
pub mod schedule;
mod task;
mod trainer;

pub use difference::Difference;
pub use history::{Curve, History};
pub use progress::{Best, Progress};
pub use task::{Baseline, Figure, Part, Task};
pub use trainer::{Clip, Event, Finish, Options, Save, TrainError, Trainer};
