//! The arrays of an ONNX file: constants, after layout operators, in the file or in external ones.

use super::layout::{counted, inserted, permutation};
use super::{GLUE, attribute, refused, whole};
use crate::import::ImportError;
use crate::onnx::proto::{DataType, Node, Tensor};
use ndarray::{ArrayD, Axis};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// A graph, indexed by name.
pub(super) struct File<'a> {
    pub tensors: HashMap<&'a str, &'a Tensor>,
    /// For each value, the node that computes it.
    pub makers: HashMap<&'a str, &'a Node>,
    pub inputs: HashSet<&'a str>,
    pub folder: &'a Path,
    /// The number of steps and of sequences, where the file is for one number of them.
    pub steps: Option<usize>,
    pub batch: Option<usize>,
    /// The arrays in use by layers.
    pub used: HashSet<String>,
    /// The inputs that are first states.
    pub given: BTreeSet<String>,
}

impl File<'_> {
    /// An array of the file: an initialiser, a constant, or a layout change of one.
    pub fn array(&mut self, node: &Node, name: &str) -> Result<ArrayD<f32>, ImportError> {
        if let Some(tensor) = self.tensors.get(name) {
            self.used.insert(name.into());
            return self.elements(tensor);
        }
        let Some(maker) = self.makers.get(name).copied() else {
            return Err(refused(
                node,
                &format!("takes `{name}` as an input: only weights that are in the file are imported"),
            ));
        };
        let constant =
            (maker.op_type == "Constant").then(|| attribute(maker, "value").and_then(|a| a.t.as_ref()));
        if let Some(Some(tensor)) = constant {
            return self.elements(tensor);
        }
        let all = |file: &mut Self| {
            let names: Vec<&String> = maker.input.iter().collect();
            let arrays: Result<Vec<_>, _> = names.into_iter().map(|name| file.array(node, name)).collect();
            arrays
        };
        let Some(operand) = maker.input.first() else {
            return Err(refused(maker, "has no operand"));
        };
        match &*maker.op_type {
            "Identity" => self.array(node, operand),
            "Transpose" => {
                let array = self.array(node, operand)?;
                let order = permutation(maker, array.ndim());
                let order =
                    order.ok_or_else(|| refused(maker, "does not name each axis of its operand once"))?;
                Ok(array.permuted_axes(order))
            }
            "Concat" => {
                let arrays = all(self)?;
                let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
                let axis = whole(maker, "axis").and_then(|axis| counted(axis, views[0].ndim()));
                let joined = axis.and_then(|axis| ndarray::concatenate(Axis(axis), &views).ok());
                joined.ok_or_else(|| {
                    refused(
                        maker,
                        "joins weights along an axis that they do not have, or of shapes that do not fit",
                    )
                })
            }
            "Unsqueeze" => {
                let array = self.array(node, operand)?;
                let axes = inserted(&self.given_axes(maker), array.ndim());
                let axes = axes.ok_or_else(|| refused(maker, "names axes that its result does not have"))?;
                Ok(axes.into_iter().fold(array, |array, axis| array.insert_axis(Axis(axis))))
            }
            other => Err(refused(
                node,
                &format!("has weights that are computed by `{other}`: fold constants when exporting"),
            )),
        }
    }

    /// Whole numbers that are in the file.
    pub fn constants(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.tensors.get(name).copied();
        let made = || attribute(self.makers.get(name)?, "value")?.t.as_ref();
        tensor.or_else(made).map(|tensor| self.integers(tensor))
    }

    /// The axes of a `Squeeze` or an `Unsqueeze`: an attribute in older files, an operand in newer ones.
    pub fn given_axes(&self, node: &Node) -> Vec<i64> {
        match (attribute(node, "axes"), node.input.get(1)) {
            (Some(attribute), _) => attribute.ints.clone(),
            (None, Some(name)) => self.constants(name).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn integers(&self, tensor: &Tensor) -> Vec<i64> {
        match &tensor.raw_data {
            _ if tensor.data_type() != DataType::Int64 => Vec::new(),
            Some(raw) if !raw.is_empty() => {
                raw.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b)).collect()
            }
            _ => tensor.int64_data.clone(),
        }
    }

    /// The elements of an array in single precision.
    #[allow(clippy::cast_possible_truncation)] // weights are kept in single precision
    fn elements(&self, tensor: &Tensor) -> Result<ArrayD<f32>, ImportError> {
        let shape: Vec<usize> = tensor.dims.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        let raw = match &tensor.raw_data {
            _ if tensor.data_location == Some(1) => Some(self.external(tensor)?),
            Some(raw) if !raw.is_empty() => Some(raw.clone()),
            _ => None,
        };
        let numbers: Vec<f32> = match (tensor.data_type(), raw) {
            (DataType::Float, Some(raw)) => {
                raw.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
            }
            (DataType::Float, None) => tensor.float_data.clone(),
            (DataType::Double, Some(raw)) => {
                raw.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect()
            }
            (DataType::Double, None) => tensor.double_data.iter().map(|&x| x as f32).collect(),
            (other, _) => {
                return Err(ImportError::Element { name: tensor.name.clone(), dtype: format!("{other:?}") });
            }
        };
        ArrayD::from_shape_vec(shape, numbers)
            .map_err(|error| ImportError::Array { name: tensor.name.clone(), reason: error.to_string() })
    }

    /// The bytes of an array in an external file.
    fn external(&self, tensor: &Tensor) -> Result<Vec<u8>, ImportError> {
        let error = |reason: String| ImportError::Array { name: tensor.name.clone(), reason };
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let location =
            entry("location").ok_or_else(|| error("is in another file, which is not named".into()))?;
        let path = Path::new(location);
        // A file must not refer to paths outside its folder.
        if path
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir))
        {
            return Err(error(format!("is in `{location}`, which is not beside the file")));
        }
        let bytes = std::fs::read(self.folder.join(path))
            .map_err(|why| error(format!("is in `{location}`, which cannot be read: {why}")))?;
        let number = |key: &str| entry(key).and_then(|value| value.parse::<usize>().ok());
        let start = number("offset").unwrap_or(0);
        let end = number("length").map_or(Some(bytes.len()), |length| start.checked_add(length));
        let part = end.and_then(|end| bytes.get(start..end));
        Ok(part
            .ok_or_else(|| error(format!("is not in `{location}` whole: that file is cut short")))?
            .to_vec())
    }

    /// Whether initial states are zero: omitted, a zero constant of any layout, or an input of the graph.
    pub fn is_zero(&mut self, name: &str) -> bool {
        if let Some(tensor) = self.tensors.get(name) {
            self.used.insert(name.into());
            return self.elements(tensor).is_ok_and(|array| array.iter().all(|&x| x == 0.0));
        }
        if self.inputs.contains(name) {
            self.given.insert(name.into());
            return true;
        }
        let Some(maker) = self.makers.get(name).copied() else { return false };
        match &*maker.op_type {
            "Constant" | "ConstantOfShape" => {
                let value = attribute(maker, "value").and_then(|a| a.t.as_ref());
                value.is_none_or(|t| self.elements(t).is_ok_and(|array| array.iter().all(|&x| x == 0.0)))
            }
            "Concat" => maker.input.iter().all(|name| self.is_zero(name)),
            "Expand" | "Slice" | "Tile" => maker.input.first().is_some_and(|name| self.is_zero(name)),
            op if GLUE.contains(&op) => maker.input.first().is_some_and(|name| self.is_zero(name)),
            _ => false,
        }
    }
}
