//! MLIR syntax of elements and numbers.

use crate::program::Real;
use autograd::{Kind, Shape, Value};
use std::fmt::{self, Write};

/// The element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    F32,
    F64,
    I32,
    U32,
    U64,
    Bool,
}

impl Element {
    /// Whole numbers have 32 bits unless their bound needs more, as for a seed.
    pub fn of(kind: Kind, real: Real) -> Self {
        match (kind, real) {
            (Kind::Float, Real::F32) => Self::F32,
            (Kind::Float, Real::F64) => Self::F64,
            (Kind::Index { below }, _) if below <= 1 << 31 => Self::I32,
            (Kind::Index { .. }, _) => Self::U64,
            (Kind::Bool, _) => Self::Bool,
        }
    }

    /// The comparison type of MLIR.
    pub fn comparison(self) -> &'static str {
        match self {
            Self::F32 | Self::F64 => "FLOAT",
            Self::I32 => "SIGNED",
            Self::U32 | Self::U64 | Self::Bool => "UNSIGNED",
        }
    }

    /// A real number. MLIR requires a decimal point, and writes infinities and NaN as bits.
    #[allow(clippy::cast_possible_truncation)] // single precision is what was asked for
    pub fn real(self, x: f64) -> String {
        if self == Self::F32 && !(x as f32).is_finite() {
            return format!("0x{:08X}", (x as f32).to_bits());
        }
        if !x.is_finite() {
            return format!("0x{:016X}", x.to_bits());
        }
        let text = format!("{x:?}");
        if text.contains('.') { text } else { text.replace('e', ".0e") }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::U32 => "ui32",
            Self::U64 => "ui64",
            Self::Bool => "i1",
        })
    }
}

/// `tensor<2x3xf32>`
pub(crate) fn tensor(shape: &[usize], element: Element) -> String {
    let mut text = String::from("tensor<");
    for size in shape {
        // Writing to a string cannot fail.
        let _ = write!(text, "{size}x");
    }
    let _ = write!(text, "{element}>");
    text
}

/// The elements of a constant, in brackets by axis; a single one if all are equal.
pub(crate) fn literal(value: &Value<f64>, element: Element) -> String {
    let shape = value.shape();
    let elements: Vec<String> = match value {
        Value::Float(a) => a.iter().map(|&x| element.real(x)).collect(),
        Value::Index(a) => a.iter().map(ToString::to_string).collect(),
        Value::Bool(a) => a.iter().map(ToString::to_string).collect(),
    };
    match elements.split_first() {
        None => String::new(),
        Some((first, rest)) if rest.iter().all(|e| e == first) => first.clone(),
        _ => nested(&elements, &shape),
    }
}

fn nested(elements: &[String], shape: &[usize]) -> String {
    match shape {
        [] => elements.concat(),
        [_] => format!("[{}]", elements.join(", ")),
        [_, rest @ ..] => {
            let rows = elements.chunks(Shape::from(rest).count()).map(|row| nested(row, rest));
            format!("[{}]", rows.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A quoted string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => c.to_string().bytes().for_each(|b| {
                let _ = write!(quoted, "\\{b:02X}");
            }),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr0, arr2};

    #[test]
    fn numbers_are_written_as_mlir_reads_them() {
        let f32 = |x| Element::F32.real(x);
        assert_eq!([f32(1.0), f32(1e-5), f32(-0.0), f32(0.1)], ["1.0", "1.0e-5", "-0.0", "0.1"]);
        assert_eq!(f32(f64::NEG_INFINITY), "0xFF800000");
        // Beyond the largest single-precision number it is infinite, as in the interpreter.
        assert_eq!(f32(1e39), "0x7F800000");
        assert_eq!(Element::F64.real(1e39), "1.0e39");
        assert_eq!(Element::F64.real(f64::INFINITY), "0x7FF0000000000000");
    }

    #[test]
    fn constants_are_nested_unless_all_is_one() {
        let value = |a: [[f64; 2]; 2]| Value::Float(arr2(&a).into_dyn());
        assert_eq!(literal(&value([[1.0, 2.0], [3.0, 4.0]]), Element::F64), "[[1.0, 2.0], [3.0, 4.0]]");
        assert_eq!(literal(&value([[0.5; 2]; 2]), Element::F64), "0.5");
        assert_eq!(literal(&Value::Bool(arr0(true).into_dyn()), Element::Bool), "true");
        assert_eq!(literal(&Value::Float(ndarray::ArrayD::zeros(vec![0, 3])), Element::F32), "");
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("∂l0/h[3]"), "\"∂l0/h[3]\"");
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\0A\"");
    }
}
