//! JSON forms of arrays: nested lists, or a shape and a flat list.

use ndarray::{ArrayD, IxDyn};
use serde_json::{Value, json};

/// The JSON form of an array. The answer uses the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `[[1.0, 2.0], [3.0, 4.0]]`
    Nested,
    /// `{"shape": [2, 2], "data": [1.0, 2.0, 3.0, 4.0]}`, in row-major order.
    Flat,
}

/// Reads an array. A number that is not finite may be written `null`.
///
/// # Errors
/// The fault, as a phrase that continues after its name.
pub fn read(value: &Value) -> Result<(ArrayD<f64>, Form), String> {
    if let Some(object) = value.as_object() {
        let (Some(shape), Some(data)) = (object.get("shape"), object.get("data")) else {
            return Err("is an object without `shape` and `data`".into());
        };
        let shape: Option<Vec<usize>> = shape
            .as_array()
            .and_then(|axes| axes.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok())).collect());
        let shape = shape.ok_or("has a `shape` that is no list of whole numbers")?;
        let mut numbers = Vec::new();
        let flat = data.as_array().ok_or("has `data` that is no list")?;
        flat.iter().try_for_each(|x| number(x).map(|x| numbers.push(x)))?;
        let (given, needed) = (numbers.len(), shape.iter().product::<usize>());
        let array = ArrayD::from_shape_vec(IxDyn(&shape), numbers)
            .map_err(|_| format!("has {given} numbers, and its shape needs {needed}"))?;
        return Ok((array, Form::Flat));
    }
    let mut shape = Vec::new();
    let mut inner = value;
    while let Some(list) = inner.as_array() {
        shape.push(list.len());
        match list.first() {
            Some(first) => inner = first,
            None => break,
        }
    }
    let mut numbers = Vec::new();
    flatten(value, &shape, &mut numbers)?;
    let array =
        ArrayD::from_shape_vec(IxDyn(&shape), numbers).map_err(|_| "has rows of different lengths")?;
    Ok((array, Form::Nested))
}

fn flatten(value: &Value, shape: &[usize], into: &mut Vec<f64>) -> Result<(), String> {
    match (shape, value.as_array()) {
        ([], None) => number(value).map(|x| into.push(x)),
        ([n, rest @ ..], Some(list)) if list.len() == *n => {
            list.iter().try_for_each(|value| flatten(value, rest, into))
        }
        _ => Err("has rows of different lengths".into()),
    }
}

fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Null => Ok(f64::NAN),
        value => value.as_f64().ok_or_else(|| format!("holds {value}, which is no number")),
    }
}

/// Writes an array in a form.
pub fn write(array: &ArrayD<f64>, form: Form) -> Value {
    match form {
        Form::Flat => json!({ "shape": array.shape(), "data": array.iter().copied().collect::<Vec<f64>>() }),
        Form::Nested => {
            let numbers: Vec<f64> = array.iter().copied().collect();
            nest(&numbers, array.shape())
        }
    }
}

fn nest(numbers: &[f64], shape: &[usize]) -> Value {
    match shape {
        [] => json!(numbers[0]),
        [0, ..] => json!([]),
        [n, rest @ ..] => {
            let size = numbers.len() / n;
            Value::Array(numbers.chunks(size.max(1)).take(*n).map(|part| nest(part, rest)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written() {
        for text in ["1.5", "[1.0,2.0]", "[[1.0,2.0],[3.0,4.0]]", r#"{"data":[1.0,2.0],"shape":[2,1]}"#, "[]"]
        {
            let value: Value = serde_json::from_str(text).unwrap();
            let (array, form) = read(&value).unwrap();
            assert_eq!(write(&array, form).to_string(), text);
        }
        let (array, _) = read(&json!([1.0, null])).unwrap();
        assert!(array[[1]].is_nan());
    }

    #[test]
    fn what_is_no_array_is_told() {
        for (value, message) in [
            (json!([[1.0, 2.0], [3.0]]), "has rows of different lengths"),
            (json!([1.0, "x"]), "holds \"x\", which is no number"),
            (json!({ "shape": [3], "data": [1.0] }), "has 1 numbers, and its shape needs 3"),
            (json!({ "data": [1.0] }), "is an object without `shape` and `data`"),
        ] {
            assert_eq!(read(&value).unwrap_err(), message);
        }
    }
}
