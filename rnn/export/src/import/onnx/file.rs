//! The arrays of an ONNX file: constants, after layout operators, in the file or in external ones.

use super::laid::{counted, inserted, permutation};
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
    /// The version of the operators.
    pub opset: i64,
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
        if maker.op_type == "Constant" {
            return self.constant(maker);
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
            "Cast" => match whole(maker, "to") {
                Some(to) if to == DataType::Float as i64 || to == DataType::Double as i64 => {
                    self.array(node, operand)
                }
                _ => Err(refused(maker, "rounds weights: a cast to FLOAT or DOUBLE is imported")),
            },
            "Squeeze" => {
                let array = self.array(node, operand)?;
                let axes = squeezed(&self.given_axes(maker), array.shape());
                let axes = axes.ok_or_else(|| refused(maker, "takes out axes of weights that are not 1"))?;
                Ok(axes.into_iter().rev().fold(array, |array, axis| array.remove_axis(Axis(axis))))
            }
            "Reshape" => {
                let array = self.array(node, operand)?;
                let shape = maker.input.get(1).and_then(|name| self.constants(name));
                let shape = shape.and_then(|shape| reshaped(&shape, array.shape()));
                let array = shape.and_then(|shape| {
                    array.as_standard_layout().to_owned().into_shape_with_order(shape).ok()
                });
                array.ok_or_else(|| refused(maker, "gives weights a shape that they do not have"))
            }
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

    /// What a node `Constant` has: an array, a number or numbers.
    fn constant(&self, maker: &Node) -> Result<ArrayD<f32>, ImportError> {
        if let Some(tensor) = attribute(maker, "value").and_then(|a| a.t.as_ref()) {
            return self.elements(tensor);
        }
        if let Some(number) = attribute(maker, "value_float").and_then(|a| a.f) {
            return Ok(ndarray::arr0(number).into_dyn());
        }
        match attribute(maker, "value_floats") {
            Some(numbers) => Ok(ndarray::arr1(&numbers.floats).into_dyn()),
            None => Err(refused(maker, "has no array of real numbers")),
        }
    }

    /// Whole numbers that are in the file, with their number of axes.
    fn integers(&self, name: &str) -> Option<(Vec<i64>, usize)> {
        let maker = self.makers.get(name).copied();
        let of = |tensor: &Tensor| Some((self.integers_of(tensor)?, tensor.dims.len()));
        match maker {
            None => of(self.tensors.get(name)?),
            Some(maker) if matches!(&*maker.op_type, "Identity" | "Cast") => {
                self.integers(maker.input.first()?)
            }
            Some(maker) if maker.op_type == "Constant" => {
                if let Some(tensor) = attribute(maker, "value").and_then(|a| a.t.as_ref()) {
                    return of(tensor);
                }
                let one = attribute(maker, "value_int").and_then(|a| Some((vec![a.i?], 0)));
                one.or_else(|| attribute(maker, "value_ints").map(|a| (a.ints.clone(), 1)))
            }
            Some(_) => None,
        }
    }

    /// Whole numbers that are in the file.
    pub fn constants(&self, name: &str) -> Option<Vec<i64>> {
        self.integers(name).map(|(numbers, _)| numbers)
    }

    /// Whether a value is in the file, of whatever type.
    pub fn is_constant(&self, name: &str) -> bool {
        match self.makers.get(name) {
            None => self.tensors.contains_key(name),
            Some(maker) if matches!(&*maker.op_type, "Identity" | "Cast") => {
                maker.input.first().is_some_and(|name| self.is_constant(name))
            }
            Some(maker) => maker.op_type == "Constant",
        }
    }

    /// The number of axes of whole numbers that are in the file.
    pub fn constant_rank(&self, name: &str) -> Option<usize> {
        self.integers(name).map(|(_, rank)| rank)
    }

    /// The axes of a `Squeeze` or an `Unsqueeze`: an attribute in older files, an operand in newer ones.
    pub fn given_axes(&self, node: &Node) -> Vec<i64> {
        match (attribute(node, "axes"), node.input.get(1)) {
            (Some(attribute), _) => attribute.ints.clone(),
            (None, Some(name)) => self.constants(name).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn integers_of(&self, tensor: &Tensor) -> Option<Vec<i64>> {
        let raw = self.raw(tensor).ok()?;
        match (tensor.data_type(), raw) {
            (DataType::Int64, Some(raw)) => {
                Some(raw.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b)).collect())
            }
            (DataType::Int64, None) => Some(tensor.int64_data.clone()),
            (DataType::Int32, Some(raw)) => {
                Some(raw.as_chunks::<4>().0.iter().map(|&b| i32::from_le_bytes(b).into()).collect())
            }
            (DataType::Int32, None) => Some(tensor.int32_data.iter().map(|&n| n.into()).collect()),
            _ => None,
        }
    }

    /// The bytes of an array, in the file or in another; `None` if it has them in the field of their type.
    fn raw(&self, tensor: &Tensor) -> Result<Option<Vec<u8>>, ImportError> {
        Ok(match &tensor.raw_data {
            _ if tensor.data_location == Some(1) => Some(self.external(tensor)?),
            Some(raw) if !raw.is_empty() => Some(raw.clone()),
            _ => None,
        })
    }

    /// The elements of an array in single precision.
    #[allow(clippy::cast_possible_truncation)] // weights are kept in single precision
    fn elements(&self, tensor: &Tensor) -> Result<ArrayD<f32>, ImportError> {
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&n| usize::try_from(n).ok()).collect();
        let shape = shape.ok_or_else(|| ImportError::Array {
            name: tensor.name.clone(),
            reason: format!("has the sizes {:?}", tensor.dims),
        })?;
        let raw = self.raw(tensor)?;
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
        let number = |key: &str| {
            let parsed = entry(key).map(str::parse::<usize>).transpose();
            parsed.map_err(|why| error(format!("is in `{location}`, whose {key} is no number: {why}")))
        };
        let start = number("offset")?.unwrap_or(0);
        let end = number("length")?.map_or(Some(bytes.len()), |length| start.checked_add(length));
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
            "Constant" => self.constant(maker).is_ok_and(|array| array.iter().all(|&x| x == 0.0)),
            // Its value is 0 if none is given.
            "ConstantOfShape" => {
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

/// The places of the axes that a `Squeeze` takes out of an array of this shape, from the first; `None` if one is not 1.
fn squeezed(axes: &[i64], shape: &[usize]) -> Option<Vec<usize>> {
    let ones = || (0..shape.len()).filter(|&axis| shape[axis] == 1).collect();
    if axes.is_empty() {
        return Some(ones());
    }
    let places: Option<Vec<usize>> = axes.iter().map(|&axis| counted(axis, shape.len())).collect();
    let mut places = places?;
    places.sort_unstable();
    places.dedup();
    (places.len() == axes.len() && places.iter().all(|&axis| shape[axis] == 1)).then_some(places)
}

/// The sizes of a `Reshape`: 0 keeps a size, −1 is what is left over.
fn reshaped(given: &[i64], shape: &[usize]) -> Option<Vec<usize>> {
    let size = |(k, &n): (usize, &i64)| match n {
        -1 => Some(None),
        0 => shape.get(k).copied().map(Some),
        n => usize::try_from(n).ok().map(Some),
    };
    let sizes: Option<Vec<Option<usize>>> = given.iter().enumerate().map(size).collect();
    let sizes = sizes?;
    let known = sizes.iter().flatten().try_fold(1_usize, |product, &n| product.checked_mul(n))?;
    let rest = shape.iter().product::<usize>().checked_div(known)?;
    (sizes.iter().filter(|size| size.is_none()).count() <= 1)
        .then(|| sizes.into_iter().map(|size| size.unwrap_or(rest)).collect())
}
