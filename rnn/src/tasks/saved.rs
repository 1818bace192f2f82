//! The run configuration in a checkpoint: enough to use the model, and to resume.

use super::Level;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::data::{Digest, Vocabulary};
use crate::model::{Model, ModelError};
use crate::parameters::Parameters;
use crate::train::Options;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The task.
    pub task: Described,
    /// The model.
    pub model: Model,
    /// The training options.
    pub options: Options,
    /// The number of sequences per batch.
    pub batch_size: usize,
    /// The number of updates per epoch.
    pub updates: usize,
    /// The data; `None` for a synthetic task.
    #[serde(default)]
    pub data: Option<Source>,
}

/// A data file and the digest of its content, so that a resumed run uses the same data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file, as given.
    pub path: PathBuf,
    /// The digest of the text, of the sentences and their labels, or of the values.
    pub digest: String,
}

impl Source {
    /// A file and the digest of what was read from it.
    pub fn new(path: &Path, digest: Digest) -> Self {
        Self { path: path.into(), digest: digest.hex() }
    }
}

/// A task, as far as inference needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Described {
    /// A language model.
    Text {
        /// The level of its symbols.
        level: Level,
        /// The symbols.
        vocabulary: Vocabulary,
        /// The number of steps per window.
        steps: usize,
    },
    /// Classes of sentences.
    Sentiment {
        /// The level of its symbols.
        #[serde(default = "Described::words")]
        level: Level,
        /// The symbols.
        vocabulary: Vocabulary,
        /// The names of the classes.
        classes: Vec<String>,
    },
    /// A forecast.
    Series {
        /// The column.
        column: Option<String>,
        /// The number of steps in a window.
        window: usize,
        /// The number of steps to forecast ahead.
        horizon: usize,
        /// The mean of the training part.
        mean: f64,
        /// The standard deviation of the training part.
        std: f64,
    },
    /// A synthetic task.
    Synthetic {
        /// Its name.
        name: String,
        /// Its length.
        length: usize,
    },
    /// Layers of another framework.
    Layers {
        /// The source of the file.
        from: String,
        /// The linear layer after them; without one the outputs are the states.
        head: Option<String>,
    },
}

impl Described {
    /// The default level for checkpoints without one.
    fn words() -> Level {
        Level::Word
    }

    /// The task under the name that it has now: imported layers without a head were a synthetic task `imported` once.
    fn renewed(self) -> Self {
        match self {
            Self::Synthetic { name, .. } if name == "imported" => {
                Self::Layers { from: "another framework".into(), head: None }
            }
            task => task,
        }
    }

    /// The name of the task on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Text { .. } => "text",
            Self::Sentiment { .. } => "sentiment",
            Self::Series { .. } => "series",
            Self::Synthetic { name, .. } => name,
            Self::Layers { .. } => "layers",
        }
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file is not a checkpoint, or its parameters do not fit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The configuration in the file cannot be read.
    #[error("{}: its configuration cannot be read ({reason}): train the model again", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The model cannot be built.
    #[error("{}: {source}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ModelError,
    },
}

impl Saved {
    /// The configuration and the parameters in a checkpoint.
    ///
    /// # Errors
    /// If the file is not a checkpoint of this program or does not fit its own configuration.
    pub fn load(path: &Path) -> Result<(Self, Parameters), SavedError> {
        let mut checkpoint = Checkpoint::load(path)?;
        let mut saved: Self = serde_json::from_value(checkpoint.config.clone())
            .map_err(|e| SavedError::Config { path: path.into(), reason: e.to_string() })?;
        saved.task = saved.task.renewed();
        let shapes = saved
            .model
            .parameter_shapes()
            .map_err(|source| SavedError::Model { path: path.into(), source })?;
        let parameters = checkpoint.take_parameters(&shapes, path)?;
        Ok((saved, parameters))
    }
}
