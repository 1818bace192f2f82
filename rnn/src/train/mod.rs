//! Training: batches in, parameters out.
//!
//! [`Trainer`] runs the loop: gradient ([`Networks`]), clipping ([`clip`]), update ([`optim`]), learning rate
//! ([`schedule`]), validation, early stop, checkpoints. What is learned comes as a [`Task`].

pub mod clip;
mod networks;
pub mod optim;
mod progress;
pub mod schedule;
mod task;
mod trainer;

pub use networks::{Networks, Outcome, StepError};
pub use progress::{Best, History, Progress};
pub use task::{Figure, Metrics, Task};
pub use trainer::{Clip, Difference, Event, Finish, Options, Save, TrainError, Trainer};
