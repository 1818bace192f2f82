//! The mathematical notation of ops.

/// The written form of an op. A renderer inserts the operands; attributes are part of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notation {
    /// The op's name before its operands: `tanh(x)`.
    Function,
    /// A sign between operands: `a + b`. A higher binding power binds tighter.
    Infix {
        /// The sign.
        sign: &'static str,
        /// The binding power: sums 1, products 2.
        binding: u8,
    },
    /// A sign before the operand: `−x`.
    Prefix(&'static str),
    /// A power: `x²`, `x⁻¹`.
    Power(i32),
    /// A mark after the operand: `xᵀ`, `x[3]`.
    Postfix(String),
}

impl Notation {
    /// Writes the form with its operands, in one line of Unicode. The caller parenthesises operands that are sums or
    /// products.
    pub fn write(&self, name: &str, operands: &[String]) -> String {
        let first = operands.first().map_or("", String::as_str);
        match self {
            Self::Function => format!("{name}({})", operands.join(", ")),
            Self::Infix { sign, .. } => operands.join(&format!(" {sign} ")),
            Self::Prefix(sign) => format!("{sign}{first}"),
            Self::Power(n) => format!("{first}{}", superscript(*n)),
            Self::Postfix(mark) => format!("{first}{mark}"),
        }
    }
}

fn superscript(n: i32) -> String {
    let digit = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        // The other superscript digits are consecutive, U+2070 and U+2074 to U+2079.
        c => char::from_u32(0x2070 + u32::from(c) - u32::from('0')).unwrap_or(c),
    };
    n.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let write = |n: Notation| n.write("max", &["a".into(), "b".into()]);
        assert_eq!(write(Notation::Function), "max(a, b)");
        assert_eq!(write(Notation::Infix { sign: "⊙", binding: 2 }), "a ⊙ b");
        assert_eq!(write(Notation::Prefix("−")), "−a");
        assert_eq!(write(Notation::Power(-1024)), "a⁻¹⁰²⁴");
        assert_eq!(write(Notation::Postfix("[3]".into())), "a[3]");
    }
}
