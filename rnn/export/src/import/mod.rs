//! Recurrent layers from other frameworks' files.
//!
//! An ONNX file defines what its nodes compute ([`onnx()`]). A safetensors file has names and shapes only: the order
//! of gates, the orientation of matrices and the placement of biases depend on the framework, as defined in
//! `frameworks`. The result is weights in the order and under the names of the cells here, which are PyTorch's.

mod frameworks;
mod linear;
mod onnx;

pub use crate::recurrent::Lane;
pub use frameworks::Framework;
pub use linear::{Function, Linear};
pub use onnx::onnx;

use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use rnn::Parameters;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};

/// A stack of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The source of the file.
    pub from: &'static str,
    /// The equivalent cell.
    pub cell: &'static str,
    /// The number of input features.
    pub input: usize,
    /// The size of the states.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer is bidirectional.
    pub bidirectional: bool,
    /// The weights under the names of the cell: `weight_ih_l0`.
    pub weights: Parameters,
    /// The linear layers that can be the head: they read as many features as the last layer has outputs. Tables of
    /// embeddings are among them.
    pub heads: Vec<Linear>,
    /// What the file computes of its input before its layers, if it is not imported.
    pub before: Option<String>,
    /// What the file computes after its layers, if it is not imported.
    pub after: Option<String>,
    /// The arrays of the file that belong to no recurrent layer. Those of `heads` are among them.
    pub left_out: Vec<String>,
    /// The inputs of the file that are first states: they are zero here.
    pub first_states: Vec<String>,
    /// Whether the weights were in double precision: here they are in single precision.
    pub rounded: bool,
}

impl Imported {
    /// The number of outputs of the last layer: its units in all directions.
    pub fn outputs(&self) -> usize {
        self.hidden * (1 + usize::from(self.bidirectional))
    }
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is not a safetensors file.
    #[error("it is no safetensors file, or was cut short: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The file is of a kind that is not read.
    #[error("it is {0}: load it where it was made, and write its arrays as safetensors")]
    Kind(&'static str),
    /// The file is not an ONNX file, or has no recurrent layer.
    #[error("it is not an ONNX file with recurrent layers: {0}")]
    Onnx(String),
    /// The file has no names of a recurrent layer.
    #[error(
        "no recurrent layer was found{0}; the names of PyTorch, Paddle, candle, Keras, Flax, Haiku, Equinox and MLX are known"
    )]
    NoLayer(String),
    /// The file has the names of another framework.
    #[error("its names are those of {found}, and not of {given}")]
    Framework {
        /// Whose names it has.
        found: &'static str,
        /// Where it was said to be from.
        given: &'static str,
    },
    /// An array with an unsupported element type.
    #[error("the array `{name}` is of {dtype}: convert it to F32 first")]
    Element {
        /// The array.
        name: String,
        /// Its element type.
        dtype: String,
    },
    /// An array is missing, or its shape does not fit the others.
    #[error("the array `{name}` {reason}")]
    Array {
        /// The array.
        name: String,
        /// The misfit.
        reason: String,
    },
    /// A feature that no cell here computes.
    #[error("{0}")]
    Refused(String),
}

/// What else people keep weights in, by its first bytes.
fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    let kinds = [
        (&b"PK\x03\x04"[..], "a zip archive, as PyTorch's .pt, NumPy's .npz and Keras' .keras are"),
        (b"\x89HDF", "an HDF5 file, as Keras' .h5 are"),
        (b"\x80\x02", "a pickle, as older .pt files and Paddle's .pdparams are"),
        (b"\x80\x03", "a pickle, as older .pt files and Paddle's .pdparams are"),
        (b"\x80\x04", "a pickle, as older .pt files and Paddle's .pdparams are"),
        (b"\x80\x05", "a pickle, as older .pt files and Paddle's .pdparams are"),
        (b"\x93NUMPY", "an array of NumPy"),
    ];
    kinds.into_iter().find(|(first, _)| bytes.starts_with(first)).map(|(_, kind)| kind)
}

/// Arrays by name.
pub(crate) struct Arrays {
    all: BTreeMap<String, ArrayD<f32>>,
    /// Arrays of element types that are not read, with these and their numbers of axes: other layers may have them.
    other: BTreeMap<String, (String, usize)>,
    /// Whether an array that was taken is in double precision.
    rounded: bool,
    double: BTreeSet<String>,
}

impl Arrays {
    /// All arrays of a safetensors file, in single precision.
    #[allow(clippy::cast_possible_truncation)] // weights are kept in single precision
    fn of(bytes: &[u8]) -> Result<Self, ImportError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| match other_kind(bytes) {
            Some(kind) => ImportError::Kind(kind),
            None => error.into(),
        })?;
        let (mut all, mut other, mut double) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (name, view) in file.tensors() {
            let numbers: Vec<f32> = match view.dtype() {
                Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
                Dtype::F64 => {
                    double.insert(name.clone());
                    view.data().as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect()
                }
                // Counters and similar arrays are not weights.
                Dtype::I64 | Dtype::I32 | Dtype::U64 | Dtype::U32 | Dtype::BOOL => continue,
                dtype => {
                    other.insert(name, (format!("{dtype:?}"), view.shape().len()));
                    continue;
                }
            };
            let array = ArrayD::from_shape_vec(view.shape(), numbers);
            let array = array
                .map_err(|error| ImportError::Array { name: name.clone(), reason: error.to_string() })?;
            all.insert(name, array);
        }
        Ok(Self { all, other, rounded: false, double })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().chain(self.other.keys()).map(String::as_str)
    }

    /// Takes away the second name of an array. Without the first, the array gets it.
    fn one_of_two_names(&mut self, second: &str, first: &str) -> Result<(), ImportError> {
        let Some(array) = self.all.remove(second) else { return Ok(()) };
        let bits = |array: &ArrayD<f32>| array.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        match self.all.get(first) {
            Some(same) if (same.shape(), bits(same)) != (array.shape(), bits(&array)) => {
                let reason = format!("should be `{first}` under its second name, and is another");
                Err(ImportError::Array { name: second.into(), reason })
            }
            Some(_) => Ok(()),
            None => {
                self.all.insert(first.into(), array);
                Ok(())
            }
        }
    }

    /// Takes out an array with this number of axes.
    fn take(&mut self, name: &str, rank: usize) -> Result<ArrayD<f32>, ImportError> {
        let error = |reason: String| ImportError::Array { name: name.into(), reason };
        if let Some((dtype, _)) = self.other.get(name) {
            return Err(ImportError::Element { name: name.into(), dtype: dtype.clone() });
        }
        let array = self.all.remove(name).ok_or_else(|| error("is missing".into()))?;
        self.rounded |= self.double.contains(name);
        if array.ndim() == rank {
            return Ok(array);
        }
        let axes = if array.ndim() == 1 { "axis" } else { "axes" };
        Err(error(format!("has {} {axes}, and {rank} are wanted", array.ndim())))
    }

    pub fn matrix(&mut self, name: &str) -> Result<Array2<f32>, ImportError> {
        Ok(self.take(name, 2)?.into_dimensionality::<Ix2>().expect("it has two axes"))
    }

    pub fn vector(&mut self, name: &str) -> Result<Array1<f32>, ImportError> {
        Ok(self.take(name, 1)?.into_dimensionality::<Ix1>().expect("it has one axis"))
    }

    /// The number of axes of an array, if it exists.
    pub fn rank(&self, name: &str) -> Option<usize> {
        self.all.get(name).map(ArrayD::ndim).or_else(|| self.other.get(name).map(|(_, rank)| *rank))
    }
}

/// The layers of a safetensors file. The framework is inferred from the names unless given; `relu` says that a simple
/// recurrent layer uses `relu` instead of `tanh`, which no file records.
///
/// # Errors
/// If the file is invalid, has no known layer, or one that no cell here computes.
pub fn read(bytes: &[u8], framework: Option<Framework>, relu: bool) -> Result<Imported, ImportError> {
    let mut arrays = Arrays::of(bytes)?;
    let all: Vec<&str> = arrays.names().collect();
    let all = if all.is_empty() {
        ": it has no arrays".into()
    } else {
        format!(": its arrays are {}", all.join(", "))
    };
    let found = Framework::of(&arrays);
    let Some(framework) = framework.or(found) else {
        return Err(ImportError::NoLayer(all));
    };
    let (kind, bidirectional, lanes) = framework.lanes(&mut arrays)?;
    if lanes.is_empty() {
        return Err(match found.filter(|&found| found != framework) {
            Some(found) => ImportError::Framework { found: found.title(), given: framework.title() },
            None => ImportError::NoLayer(all),
        });
    }
    if relu && kind != "elman" {
        return Err(ImportError::Refused(format!(
            "relu is for a simple recurrent layer, and these are of {kind}"
        )));
    }
    let cell = match kind {
        "elman" if relu || framework == Framework::Haiku => "elman-relu",
        kind => kind,
    };
    let left_out: Vec<String> = arrays.names().map(String::from).collect();
    if let Some(name) = left_out.iter().find(|name| framework.is_recurrent(name)) {
        let reason = "belongs to a recurrent layer of which other arrays are missing".into();
        return Err(ImportError::Array { name: name.clone(), reason });
    }
    let imported = assemble(framework.title(), cell, bidirectional, &lanes, left_out)?;
    let heads = linear::heads(&arrays, framework, imported.outputs());
    Ok(Imported { heads, rounded: arrays.rounded, ..imported })
}

/// Combines lanes into a stack of layers under the names of the cell.
fn assemble(
    from: &'static str,
    cell: &'static str,
    bidirectional: bool,
    lanes: &[Lane],
    left_out: Vec<String>,
) -> Result<Imported, ImportError> {
    let first = &lanes[0];
    let (input, hidden) = (first.weight_ih.ncols(), first.weight_hh.ncols());
    if input == 0 || hidden == 0 {
        return Err(ImportError::Refused(format!(
            "layer 1 reads {input} features into {hidden} units: it must have at least one of each"
        )));
    }
    let directions = 1 + usize::from(bidirectional);
    let mut weights = Parameters::new();
    for (k, lane) in lanes.iter().enumerate() {
        let (layer, suffix) = (k / directions, if k % directions == 1 { "_reverse" } else { "" });
        let reads = if layer == 0 { input } else { hidden * directions };
        let wanted = [first.weight_hh.nrows(), reads];
        if lane.weight_ih.shape() != wanted || lane.weight_hh.shape() != first.weight_hh.shape() {
            return Err(ImportError::Refused(format!(
                "layer {} reads {} features into {} units, and {reads} into {hidden} are wanted: only layers of one size \
                 that read each other are imported",
                layer + 1,
                lane.weight_ih.ncols(),
                lane.weight_hh.ncols()
            )));
        }
        if lane.iter().any(|x| !x.is_finite()) {
            return Err(ImportError::Refused(format!("layer {} has a weight that is not finite", layer + 1)));
        }
        let all = [
            ("weight_ih", lane.weight_ih.clone().into_dyn()),
            ("weight_hh", lane.weight_hh.clone().into_dyn()),
            ("bias_ih", lane.bias_ih.clone().into_dyn()),
            ("bias_hh", lane.bias_hh.clone().into_dyn()),
        ];
        all.into_iter().for_each(|(name, array)| {
            weights.insert(format!("{name}_l{layer}{suffix}"), array);
        });
    }
    let layers = lanes.len() / directions;
    Ok(Imported {
        from,
        cell,
        input,
        hidden,
        layers,
        bidirectional,
        weights,
        heads: Vec::new(),
        before: None,
        after: None,
        left_out,
        first_states: Vec::new(),
        rounded: false,
    })
}
