//! Reads arrays from JSON. An error names the field.

use ndarray::ArrayD;
use serde_json::{Map, Value};

/// The maximum of a size: beyond it no net fits into memory, and products of sizes might overflow.
const LARGEST: u64 = 1_000_000;

/// An object of the file: its fields and its path, such as `grad.weights`.
pub(super) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The top-level object of a file.
    pub fn whole(value: &'a Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or("a reference is one JSON object")?;
        Ok(Self { path: String::new(), fields })
    }

    /// The full path of a field, for a message.
    pub fn name(&self, field: &str) -> String {
        if self.path.is_empty() { field.into() } else { format!("{}.{field}", self.path) }
    }

    /// Whether the field exists.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    fn get(&self, field: &str) -> Result<&'a Value, String> {
        self.fields.get(field).ok_or_else(|| format!("`{}` is missing", self.name(field)))
    }

    /// The object in a field.
    pub fn object(&self, field: &str) -> Result<Object<'a>, String> {
        let path = self.name(field);
        match self.get(field)? {
            Value::Object(fields) => Ok(Object { path, fields }),
            other => Err(format!("`{path}` is {}, and an object is wanted", kind(other))),
        }
    }

    /// The text in a field.
    pub fn text(&self, field: &str) -> Result<&'a str, String> {
        let value = self.get(field)?;
        let wanted = || format!("`{}` is {}, and a text is wanted", self.name(field), kind(value));
        value.as_str().ok_or_else(wanted)
    }

    /// The boolean in a field.
    pub fn truth(&self, field: &str) -> Result<bool, String> {
        let value = self.get(field)?;
        let wanted = || format!("`{}` is {}, and true or false is wanted", self.name(field), kind(value));
        value.as_bool().ok_or_else(wanted)
    }

    /// The size in a field: from 1 to a million.
    pub fn size(&self, field: &str) -> Result<usize, String> {
        let value = self.get(field)?;
        let size = value.as_u64().filter(|n| (1..=LARGEST).contains(n)).and_then(|n| usize::try_from(n).ok());
        size.ok_or_else(|| {
            let name = self.name(field);
            format!("`{name}` is {}: it must be a whole number from 1 to {LARGEST}", brief(value))
        })
    }

    /// The number in a field.
    pub fn number(&self, field: &str) -> Result<ArrayD<f64>, String> {
        self.array(field, &[])
    }

    /// The array in a field, of this shape.
    pub fn array(&self, field: &str, shape: &[usize]) -> Result<ArrayD<f64>, String> {
        let (name, value) = (self.name(field), self.get(field)?);
        let mut elements = Vec::new();
        flatten(value, shape, &mut elements).map_err(|fault| match fault {
            Fault::Shape => format!("`{name}` is {}: the shape {shape:?} is wanted", shape_of(value)),
            Fault::Number(found) => format!("`{name}` holds {found}, which is no finite number"),
        })?;
        // Every list had the length of the shape.
        ArrayD::from_shape_vec(shape, elements).map_err(|error| format!("`{name}`: {error}"))
    }

    /// Lengths of `batch` sequences of at most `steps` steps.
    pub fn lengths(&self, field: &str, batch: usize, steps: usize) -> Result<Vec<usize>, String> {
        let (name, value) = (self.name(field), self.get(field)?);
        let list = value.as_array().filter(|list| list.len() == batch);
        let list = list.ok_or_else(|| format!("`{name}` is no list of {batch} lengths, one a sequence"))?;
        let length = |n: &Value| {
            let fits = n.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=steps).contains(n));
            fits.ok_or_else(|| {
                format!(
                    "`{name}` holds {}: a length is at least 1 and at most {steps}, the number of steps",
                    brief(n)
                )
            })
        };
        list.iter().map(length).collect()
    }

    /// Refuses fields that are not in `known`: they would silently be ignored.
    pub fn only(&self, known: &[String], what: &str) -> Result<(), String> {
        match self.fields.keys().find(|field| !known.contains(field)) {
            None => Ok(()),
            Some(field) => Err(format!("`{}` is no {what}: it has {}", self.name(field), known.join(", "))),
        }
    }
}

enum Fault {
    Shape,
    Number(String),
}

fn flatten(value: &Value, shape: &[usize], to: &mut Vec<f64>) -> Result<(), Fault> {
    match (shape, value) {
        ([], Value::Array(_)) => Err(Fault::Shape),
        ([], value) => {
            let number = value.as_f64().filter(|x| x.is_finite());
            to.push(number.ok_or_else(|| Fault::Number(brief(value)))?);
            Ok(())
        }
        // A number stands for a list of one, as scalars are written.
        ([1], Value::Number(_)) => flatten(value, &[], to),
        ([length, inner @ ..], Value::Array(items)) if items.len() == *length => {
            items.iter().try_for_each(|item| flatten(item, inner, to))
        }
        _ => Err(Fault::Shape),
    }
}

/// The shape of a value, for an error about a wrong shape.
fn shape_of(value: &Value) -> String {
    fn regular(value: &Value) -> Option<Vec<usize>> {
        let Value::Array(items) = value else { return Some(vec![]) };
        let mut shapes = items.iter().map(regular);
        let first = shapes.next().unwrap_or_else(|| Some(vec![]))?;
        let alike = shapes.all(|shape| shape.as_ref() == Some(&first));
        alike.then(|| [vec![items.len()], first].concat())
    }
    match (value, regular(value)) {
        (Value::Array(_), Some(shape)) => format!("an array of the shape {shape:?}"),
        (Value::Array(_), None) => "no array, its lists not being of one length".into(),
        (other, _) => kind(other).into(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => kind(other).into(),
    }
}

/// Parses JSON. An error names its field: Python writes `NaN`, which JSON lacks.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let start: usize =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let field = field_at(&text.as_bytes()[..text.len().min(start + error.column())]);
        if field.is_empty() { error.to_string() } else { format!("`{field}`: {error}") }
    })
}

/// The full path of the open field where a JSON text breaks off.
fn field_at(text: &[u8]) -> String {
    let (mut open, mut last): (Vec<Option<String>>, Option<String>) = (Vec::new(), None);
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                let start = at + 1;
                at = start;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                last = Some(String::from_utf8_lossy(&text[start..at.min(text.len())]).into_owned());
            }
            b':' => {
                if let Some(top) = open.last_mut() {
                    *top = last.take();
                }
            }
            b'{' => open.push(None),
            b'}' => drop(open.pop()),
            _ => {}
        }
        at += 1;
    }
    open.into_iter().flatten().collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_is_said_with_its_field() {
        let field = |text: &str| parse(text).unwrap_err();
        assert!(field(r#"{"cell": "a: {", "grad": {"x": [1, NaN]}}"#).starts_with("`grad.x`: "));
        assert!(field("{\"a\": {\"b\": 1},\n \"loss\": 1e999}").starts_with("`loss`: number out of range"));
        assert!(field(r#"{"a\"b": -Infinity}"#).starts_with("`a\\\"b`: "));
    }

    #[test]
    fn arrays_have_the_shape_that_is_wanted() {
        let value = serde_json::json!({ "w": [[1, 2.5], [3, 4]], "r": [[1], [2, 3]], "n": [null] });
        let object = Object::whole(&value).unwrap();
        assert_eq!(object.array("w", &[2, 2]).unwrap(), ndarray::arr2(&[[1.0, 2.5], [3.0, 4.0]]).into_dyn());
        for (field, shape) in [("w", vec![4]), ("w", vec![2, 1]), ("r", vec![2, 1]), ("w", vec![])] {
            let error = object.array(field, &shape).unwrap_err();
            assert!(error.ends_with(&format!(": the shape {shape:?} is wanted")), "{error}");
        }
        assert_eq!(object.array("n", &[1]).unwrap_err(), "`n` holds null, which is no finite number");
        let nest = format!("{{\"w\": {}1{}}}", "[".repeat(100), "]".repeat(100));
        let nest = parse(&nest).unwrap();
        let error = Object::whole(&nest).unwrap().array("w", &[2]).unwrap_err();
        assert!(error.starts_with("`w` is an array of the shape [1, 1, 1,"), "{error}");
        assert_eq!(object.array("v", &[1]).unwrap_err(), "`v` is missing");
    }
}
