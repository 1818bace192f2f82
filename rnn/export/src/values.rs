//! Values of arguments as a safetensors file.

use crate::program::{ExportError, Program, Real};
use autograd::{Kind, Point, Type, Value};
use safetensors::{Dtype, tensor::TensorView};

/// The arrays of a program's arguments at a point, by name, in the program's element types.
///
/// # Errors
/// If an argument has no value, or one of another type.
pub fn of_arguments(program: &Program, real: Real, point: &Point<f64>) -> Result<Vec<u8>, ExportError> {
    let error = |name: &str, reason: String| ExportError::Value { name: name.into(), reason };
    let mut arrays = Vec::new();
    for argument in &program.arguments {
        let value = point.get(argument.id).ok_or_else(|| error(&argument.name, "it has no value".into()))?;
        value.fits(&argument.ty).map_err(|reason| error(&argument.name, reason))?;
        arrays.push((argument.name.clone(), argument.ty.clone(), value));
    }
    Ok(file(&arrays, real))
}

/// The metadata key of such files.
pub const MARK: &str = "rnn.export";

/// A safetensors file of arrays.
pub fn file(arrays: &[(String, Type, &Value<f64>)], real: Real) -> Vec<u8> {
    let encoded: Vec<(Dtype, Vec<u8>)> =
        arrays.iter().map(|(_, ty, value)| (element(ty.kind, real).0, bytes(value, ty.kind, real))).collect();
    let views = arrays.iter().zip(&encoded).map(|((name, ty, _), (dtype, bytes))| {
        let view = TensorView::new(*dtype, ty.shape.to_vec(), bytes);
        (name, view.expect("the bytes are those of an array of this shape"))
    });
    // This marks a file as written by an export.
    let mark = [(MARK.to_string(), "values".to_string())].into_iter().collect();
    safetensors::serialize(views, Some(mark)).expect("the header of a file with these names is JSON")
}

/// The element type of an array in the file, and its NumPy name.
pub(crate) fn element(kind: Kind, real: Real) -> (Dtype, &'static str) {
    match (kind, real) {
        (Kind::Float, Real::F32) => (Dtype::F32, "float32"),
        (Kind::Float, Real::F64) => (Dtype::F64, "float64"),
        (Kind::Index { below }, _) if below <= 1 << 31 => (Dtype::I32, "int32"),
        (Kind::Index { .. }, _) => (Dtype::U64, "uint64"),
        (Kind::Bool, _) => (Dtype::BOOL, "bool"),
    }
}

#[allow(clippy::cast_possible_truncation)] // single precision is what was asked for; indices are below their bound
fn bytes(value: &Value<f64>, kind: Kind, real: Real) -> Vec<u8> {
    match (value, element(kind, real).0) {
        (Value::Float(a), Dtype::F32) => a.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        (Value::Float(a), _) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Value::Index(a), Dtype::I32) => a.iter().flat_map(|&i| (i as u32).to_le_bytes()).collect(),
        (Value::Index(a), _) => a.iter().flat_map(|&i| (i as u64).to_le_bytes()).collect(),
        (Value::Bool(a), _) => a.iter().map(|&b| u8::from(b)).collect(),
    }
}
