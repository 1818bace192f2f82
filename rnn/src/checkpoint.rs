//! Checkpoints: one safetensors file with all that a run needs to resume.
//!
//! Parameters have exactly `PyTorch`'s names. The optimiser's state is stored under `optim/…`, other arrays under
//! `extra/…`; no `PyTorch` name contains a slash. In Python:
//!
//! ```python
//! tensors = safetensors.torch.load_file("model.safetensors")
//! model.load_state_dict({name: t for name, t in tensors.items() if "/" not in name})
//! ```
//!
//! The metadata holds the format version `rnn.format`, JSON in `rnn.config` and `rnn.progress`, and `rnn.digest`, a
//! digest of the contents that detects damage. A program that changes a file omits that key.

mod unique;

use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde_json::{Map, Value, json};

use crate::data::{Digest, quoted};
use crate::files::{self, FileError};
use crate::parameters::Parameters;

const FORMAT: &str = "1";
const DIGEST: &str = "rnn.digest";
/// The keys of the metadata without [`DIGEST`]; `format` is Python's.
const KEYS: [&str; 4] = ["rnn.format", "rnn.config", "rnn.progress", "format"];
const OPTIMISER: &str = "optim/";
const EXTRA: &str = "extra/";

/// All that a run needs to resume, or that a trained model needs to be used.
///
/// ```
/// use ndarray::ArrayD;
/// use rnn::checkpoint::Checkpoint;
///
/// let mut checkpoint = Checkpoint::default();
/// checkpoint.parameters.insert("rnn.bias_ih_l0", ArrayD::ones(vec![8]));
/// checkpoint.progress = serde_json::json!({ "step": 1000 });
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// checkpoint.save(&path)?;
/// assert_eq!(Checkpoint::load(&path)?, checkpoint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The learned arrays.
    pub parameters: Parameters,
    /// The state of the optimiser, as [`Optimiser::state`](crate::train::optim::Optimiser::state) gives it.
    /// Empty in a file for inference only.
    pub optimiser: Vec<(String, ArrayD<f32>)>,
    /// Other arrays, such as hidden states carried over from batch to batch.
    pub extra: Vec<(String, ArrayD<f32>)>,
    /// What the model was built from.
    pub config: Value,
    /// The progress of the run: counters and numbers that are restored exactly.
    pub progress: Value,
}

/// Why a checkpoint cannot be saved, loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two arrays would share a name in the file, or a parameter has a reserved name.
    #[error(
        "an array cannot be saved as `{0}`: the name is taken; \
         give every array its own, and no parameter one that begins with `optim/` or `extra/`"
    )]
    Name(String),
    /// An array of the model or of the optimiser holds a value that is not finite.
    #[error(
        "`{name}` has an element that is {value}: such a state is not saved, and what was saved before stays"
    )]
    NotFinite {
        /// The array.
        name: String,
        /// The element.
        value: f32,
    },
    /// The file is not a safetensors file.
    #[error("`{}` is not a safetensors file ({reason}): give a checkpoint", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: SafeTensorError,
    },
    /// The file is truncated.
    #[error(
        "`{}` is incomplete ({reason}): it was cut off on its way; copy it again or take another checkpoint",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: SafeTensorError,
    },
    /// A safetensors file without `rnn.format` in its metadata.
    #[error(
        "`{}` is a safetensors file, but no checkpoint: its metadata has no `rnn.format`; \
         give a file saved here, and when one is changed in Python, save its metadata with it",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file has a format version that this program does not know.
    #[error(
        "`{}` has checkpoint format `{found}`, and this version reads format `{FORMAT}`: \
         use the version that saved it, or a newer one", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// A part of the file is invalid.
    #[error("`{}` is damaged: {part}: {reason}; take another checkpoint", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The metadata key or the array.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter that the model and the checkpoint do not share.
    #[error(
        "checkpoint `{}` does not fit the model: parameter `{name}` {}; \
         build the model from the checkpoint's configuration, or give the checkpoint of this model",
        path.display(), describe(found.as_deref(), wanted.as_deref())
    )]
    Parameter {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its shape in the model, if it has it.
        wanted: Option<Vec<usize>>,
        /// Its shape in the checkpoint, if it has it.
        found: Option<Vec<usize>>,
    },
}

fn describe(found: Option<&[usize]>, wanted: Option<&[usize]>) -> String {
    let shape = |shape: Option<&[usize]>| shape.map_or("missing".into(), |shape| format!("{shape:?}"));
    format!("is {} in the file and {} in the model", shape(found), shape(wanted))
}

impl Checkpoint {
    /// Writes the file atomically: on failure the old file remains. The same checkpoint always gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Name`], [`CheckpointError::File`], and [`CheckpointError::NotFinite`].
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let optimiser = self.optimiser.iter().map(|(name, array)| (&**name, array));
        if let Some((name, value)) = self.parameters.iter().chain(optimiser).find_map(not_finite) {
            return Err(CheckpointError::NotFinite { name, value });
        }
        Ok(files::write_whole(path, &self.to_bytes()?)?)
    }

    /// Reads a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// All but [`CheckpointError::Name`] and [`CheckpointError::Parameter`].
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        read(&files::read(path)?, path)
    }

    /// Parses the bytes of a file. The path is for the error.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), except for I/O errors.
    pub fn of(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        read(bytes, path)
    }

    /// Moves the parameters out if their names and shapes match the model's, in the model's order. The path is for
    /// the error.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Parameter`] for the first parameter that is missing, has another shape, or is not in the
    /// model. The checkpoint is then unchanged.
    pub fn take_parameters(
        &mut self,
        wanted: &[(String, Vec<usize>)],
        path: &Path,
    ) -> Result<Parameters, CheckpointError> {
        let in_model = |name: &str| wanted.iter().find_map(|(n, shape)| (n == name).then_some(shape));
        let in_file = |name: &str| self.parameters.get(name).map(|array| array.shape().to_vec());
        for name in wanted.iter().map(|(name, _)| name.as_str()).chain(self.parameters.names()) {
            let (wanted, found) = (in_model(name).cloned(), in_file(name));
            if wanted != found {
                let (path, name) = (path.to_owned(), name.to_owned());
                return Err(CheckpointError::Parameter { path, name, wanted, found });
            }
        }
        let mut parameters: Vec<_> = std::mem::take(&mut self.parameters).into_iter().collect();
        parameters.sort_by_key(|(name, _)| wanted.iter().position(|(n, _)| n == name));
        Ok(parameters.into_iter().collect())
    }

    /// Serialises to a safetensors file: length of the header, header, arrays.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Name`].
    ///
    /// The safetensors crate would sort the arrays by name and shuffle the metadata from run to run. Here the arrays
    /// keep the order of declaration, and the header is sorted.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let set_apart = |name: &&str| name.starts_with(OPTIMISER) || name.starts_with(EXTRA);
        if let Some(name) = self.parameters.names().find(set_apart) {
            return Err(CheckpointError::Name(name.to_owned()));
        }
        let parameters = self.parameters.iter().map(|(name, array)| (name.to_owned(), array));
        let optimiser = self.optimiser.iter().map(|(name, array)| (format!("{OPTIMISER}{name}"), array));
        let extra = self.extra.iter().map(|(name, array)| (format!("{EXTRA}{name}"), array));

        let (config, progress) = (self.config.to_string(), self.progress.to_string());
        let mut header = Map::new();
        let mut data: Vec<u8> = Vec::new();
        let mut digests = Vec::new();
        for (name, array) in parameters.chain(optimiser).chain(extra) {
            let begin = data.len();
            data.extend(array.iter().flat_map(|x| x.to_le_bytes()));
            digests.push(digest_of(&name, array.shape(), &data[begin..]));
            let info = json!({ "dtype": "F32", "shape": array.shape(), "data_offsets": [begin, data.len()] });
            if header.insert(name.clone(), info).is_some() {
                return Err(CheckpointError::Name(name));
            }
        }
        let metadata = json!({
            "rnn.format": FORMAT,
            "rnn.config": config,
            "rnn.progress": progress,
            DIGEST: digest(&config, &progress, digests),
        });
        header.insert("__metadata__".into(), metadata);
        let mut header = Value::from(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' '); // the arrays start at a multiple of 8

        Ok([&(header.len() as u64).to_le_bytes(), &header[..], &data].concat())
    }
}

/// The digest of a checkpoint: it misses a change with probability 2⁻⁶⁴. The order of the arrays does not count,
/// since other programs sort them.
fn digest(config: &str, progress: &str, mut arrays: Vec<String>) -> String {
    arrays.sort_unstable();
    let start = Digest::default().text(config).text(progress);
    arrays.iter().fold(start, |digest, array| digest.text(array)).hex()
}

/// The digest of an array and its name.
fn digest_of(name: &str, shape: &[usize], data: &[u8]) -> String {
    let start = Digest::default().text(name);
    let shaped = shape.iter().fold(start, |digest, &n| digest.bytes(&(n as u64).to_le_bytes()));
    format!("{name} {}", shaped.bytes(data).hex())
}

/// The first element of an array that is not finite.
fn not_finite((name, array): (&str, &ArrayD<f32>)) -> Option<(String, f32)> {
    array.iter().find(|x| !x.is_finite()).map(|&x| (name.to_owned(), x))
}

fn read(bytes: &[u8], path: &Path) -> Result<Checkpoint, CheckpointError> {
    let refuse = |reason| match reason {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => {
            CheckpointError::Truncated { path: path.to_owned(), reason }
        }
        reason => CheckpointError::NotSafetensors { path: path.to_owned(), reason },
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(refuse)?;
    unique::check(bytes).map_err(|key| CheckpointError::Damaged {
        path: path.to_owned(),
        part: "the header".into(),
        reason: format!("{} stands there twice", quoted(&key)),
    })?;
    let metadata = |key: &str| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let damaged = |part: &str, reason: &dyn ToString| CheckpointError::Damaged {
        path: path.to_owned(),
        part: part.to_owned(),
        reason: reason.to_string(),
    };
    let json = |key: &str| -> Result<Value, CheckpointError> {
        let text = metadata(key).ok_or_else(|| damaged(key, &"it is missing"))?;
        text.parse().map_err(|error: serde_json::Error| damaged(key, &error))
    };

    match metadata("rnn.format") {
        None => return Err(CheckpointError::Foreign { path: path.to_owned() }),
        Some(found) if found != FORMAT => {
            return Err(CheckpointError::Version { path: path.to_owned(), found: found.clone() });
        }
        Some(_) => {}
    }
    let (config, progress) = (json("rnn.config")?, json("rnn.progress")?);
    let mut digests = Vec::new();
    for name in header.offset_keys() {
        let array = tensors.tensor(&name).map_err(refuse)?;
        digests.push(digest_of(&name, array.shape(), array.data()));
    }
    let text = |key: &str| metadata(key).map_or("", String::as_str);
    let other = || header.metadata().iter().flatten().find(|(key, _)| !KEYS.contains(&&***key));
    match (metadata(DIGEST), other()) {
        // A damaged key for the digest also counts as damage.
        (None, Some((key, _))) => {
            return Err(damaged(&format!("the metadata's key {}", quoted(key)), &"it is not known"));
        }
        (Some(found), _) if *found != digest(text("rnn.config"), text("rnn.progress"), digests) => {
            return Err(damaged(
                DIGEST,
                &"arrays, configuration or progress are not those that were saved (a program that changes them on \
                  purpose leaves this key out)",
            ));
        }
        _ => {}
    }
    let mut checkpoint = Checkpoint { config, progress, ..Checkpoint::default() };
    for name in header.offset_keys() {
        let array = tensors.tensor(&name).map_err(refuse)?;
        let array = to_array(&array).map_err(|reason| damaged(&format!("array `{name}`"), &reason))?;
        if !name.starts_with(EXTRA)
            && let Some((_, value)) = not_finite((&name, &array))
        {
            return Err(damaged(&format!("array `{name}`"), &format!("it has an element that is {value}")));
        }
        if let Some(name) = name.strip_prefix(OPTIMISER) {
            checkpoint.optimiser.push((name.to_owned(), array));
        } else if let Some(name) = name.strip_prefix(EXTRA) {
            checkpoint.extra.push((name.to_owned(), array));
        } else {
            checkpoint.parameters.insert(name, array);
        }
    }
    Ok(checkpoint)
}

fn to_array(tensor: &TensorView) -> Result<ArrayD<f32>, String> {
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("it is {}, and F32 is wanted", tensor.dtype()));
    }
    let (numbers, _) = tensor.data().as_chunks::<4>();
    let numbers = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    ArrayD::from_shape_vec(tensor.shape(), numbers).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
