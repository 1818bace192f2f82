//! Words in XML: whatever a name holds, it is only text.

use crate::graph::Graph;
use std::fmt::{self, Write};

/// Full name, op, type, operands and origin.
pub(super) struct Tooltip<'a>(pub &'a Graph, pub usize);

impl fmt::Display for Tooltip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(graph, i) = *self;
        let node = graph.at(i);
        let attributes = node.op.attributes();
        let space = if attributes.is_empty() { "" } else { " " };
        write!(f, "{}\n{}{space}{}", Escaped(&graph.name_at(i)), node.op.name(), Escaped(&attributes))?;
        for (k, x) in graph.operands_at(i).enumerate() {
            write!(f, "{}{}", if k == 0 { " of " } else { ", " }, Escaped(&graph.name_at(x)))?;
        }
        write!(f, "\n{}\n{}", node.ty, Escaped(&node.origin.place.to_string()))
    }
}

/// Text that means nothing to XML. Characters that XML has no place for are replaced.
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
