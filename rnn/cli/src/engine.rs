//! The engine that computes a run's gradients.

use crate::flags::at_least_one;
use clap::{Args, ValueEnum};
use rnn::model::Engine;
use rnn::train::Task;
use rnn_export::engine::{EngineError, Xla};

/// What computes the gradients.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
pub struct OnEngine {
    /// What computes the gradients. A run can begin on one engine and go on on the other, with --resume
    #[arg(long, value_enum, default_value_t = Which::Own)]
    engine: Which,
    /// With --engine xla: share the rows of each batch out over N devices
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = at_least_one::<usize>)]
    devices: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The compiler of this program
    Own,
    /// XLA, for GPU, TPU or CPU, by a Python that has JAX: `RNN_PYTHON`, or else python3
    Xla,
}

impl OnEngine {
    /// Starts the engine; `None` for this program's own.
    pub fn start(
        &self,
        task: &dyn Task,
        batch_size: usize,
        threads: usize,
    ) -> Result<Option<Box<dyn Engine>>, Box<dyn std::error::Error>> {
        if self.engine == Which::Own {
            return if self.devices == 1 {
                Ok(None)
            } else {
                Err("--devices is for --engine xla; --threads shares a batch out on this program's own engine".into())
            };
        }
        if !batch_size.is_multiple_of(self.devices) {
            let devices = self.devices;
            return Err(format!(
                "--batch-size {batch_size} cannot be shared evenly over --devices {devices}: make it a multiple of {devices}"
            )
            .into());
        }
        let python = std::env::var("RNN_PYTHON").unwrap_or_else(|_| "python3".into());
        let xla = Xla::start(&python, task.model(), task.training_mode(), self.devices).map_err(advised)?;
        if threads > 1 {
            super::say(&format!(
                "--threads {threads} is for this program's own engine; XLA takes the threads it wants"
            ));
        }
        let on = match self.devices {
            1 => String::new(),
            n => format!(", {n} devices"),
        };
        super::say(&format!("gradients by XLA on {}{on}", xla.platform()));
        Ok(Some(Box::new(xla)))
    }
}

/// The error with its mend.
fn advised(error: EngineError) -> String {
    match error {
        EngineError::Python { .. } | EngineError::Jax { .. } => format!(
            "--engine xla needs a Python with JAX: {error}; install it there with `python -m pip install jax`, or name \
             another Python in RNN_PYTHON"
        ),
        EngineError::Devices { found, .. } => format!("{error}: give --devices {found}"),
        _ => format!("--engine xla: {error}"),
    }
}
