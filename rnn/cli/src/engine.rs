//! The engine that computes a run's gradients.

use crate::flags::at_least_one;
use clap::Args;
use rnn::model::Engine;
use rnn::train::Task;
use rnn_export::engine::{EngineError, Xla};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What computes the gradients.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
pub struct OnEngine {
    /// What computes the gradients: own, the compiler of this program; xla, XLA for GPU, TPU or CPU by a Python that has
    /// JAX, `RNN_PYTHON` or else python3; pjrt:FILE, XLA by a PJRT plugin, without Python. A run can begin on one engine
    /// and go on on another, with --resume
    #[arg(long, default_value = "own", value_name = "ENGINE")]
    engine: Which,
    /// With --engine xla: share the rows of each batch out over N devices
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = at_least_one::<usize>)]
    devices: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    /// The compiler of this program.
    Own,
    /// XLA by a Python.
    Xla,
    /// XLA by a plugin.
    Pjrt(PathBuf),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("pjrt:")) {
            ("own", _) => Ok(Self::Own),
            ("xla", _) => Ok(Self::Xla),
            (_, Some(file)) if !file.is_empty() => Ok(Self::Pjrt(file.into())),
            _ => Err("it is own, xla, or pjrt:FILE with the file of a plugin".into()),
        }
    }
}

/// The engine of a plugin.
#[cfg(feature = "pjrt")]
fn plugin(file: &Path, task: &dyn Task) -> Result<Box<dyn Engine>, Box<dyn std::error::Error>> {
    let xla = Xla::plugin(file, task.model(), task.training_mode())
        .map_err(|error| format!("--engine pjrt: {error}"))?;
    super::say(&format!("gradients by XLA on {}, by a plugin", xla.platform()));
    Ok(Box::new(xla))
}

#[cfg(not(feature = "pjrt"))]
fn plugin(_: &Path, _: &dyn Task) -> Result<Box<dyn Engine>, Box<dyn std::error::Error>> {
    Err("--engine pjrt is not in this build: `cargo install --path rnn/cli --features pjrt` makes one that has it; \
         --engine xla does the same with a Python that has JAX"
        .into())
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
        if let Which::Pjrt(file) = &self.engine {
            if self.devices > 1 {
                return Err("--devices is for --engine xla: a plugin trains on its first device".into());
            }
            return Ok(Some(plugin(file, task)?));
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
            "--engine xla needs a Python with JAX: {error}; install it there with `python3 -m pip install jax`, or name \
             another Python in RNN_PYTHON"
        ),
        EngineError::Devices { found, .. } => format!("{error}: give --devices {found}"),
        _ => format!("--engine xla: {error}"),
    }
}
