//! Text in XML: any name is plain text.

use autograd::graph::Graph;
use std::fmt::{self, Write};

/// The maximum number of operands that are all named.
const OPERANDS: usize = 8;

/// Full name, op, type, operands and origin. For very many operands only the first and the last are named: otherwise
/// a sum over a thousand steps would be repeated at each of them.
pub(super) struct Tooltip<'a>(pub &'a Graph, pub usize);

impl fmt::Display for Tooltip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(graph, i) = *self;
        let node = graph.at(i);
        let attributes = node.op.attributes();
        let space = if attributes.is_empty() { "" } else { " " };
        write!(f, "{}\n{}{space}{}", Escaped(&graph.name_at(i)), node.op.name(), Escaped(&attributes))?;
        let count = graph.operands_at(i).len();
        for (k, x) in graph.operands_at(i).enumerate().filter(|(k, _)| *k < OPERANDS || k + 1 == count) {
            let between = match k {
                0 => " of ",
                k if k > OPERANDS => ", …, ",
                _ => ", ",
            };
            write!(f, "{between}{}", Escaped(&graph.name_at(x)))?;
        }
        if count > OPERANDS + 1 {
            write!(f, ", {count} in all")?;
        }
        write!(f, "\n{}\n{}", node.ty, Escaped(&node.origin.place.to_string()))
    }
}

/// Text escaped for XML. Characters that XML cannot contain are replaced.
pub(super) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' => f.write_char(c)?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Builder;

    /// The tooltip of a sum over many steps.
    fn said(terms: usize) -> String {
        let g = Builder::new();
        let terms: Vec<_> = (1..=terms).map(|k| g.input(&format!("x{k}"), [])).collect();
        let sum = g.sum(&terms);
        Tooltip(&g.graph().unwrap(), sum.id().index()).to_string()
    }

    #[test]
    fn the_first_of_many_operands_are_named_and_the_last() {
        assert!(said(3).contains("add of x1, x2, x3\n"));
        assert!(said(9).contains("x8, x9\n"));
        assert!(said(1000).contains("add of x1, x2, x3, x4, x5, x6, x7, x8, …, x1000, 1000 in all\n"));
    }
}
