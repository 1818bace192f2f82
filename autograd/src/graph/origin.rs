//! The origin of a node. Origins give nodes their names, and drawings their columns.

use super::Graph;
use crate::error::Place;
use crate::ops::{Leaf, Op};
use std::fmt;
use std::sync::Arc;

/// The origin of a node.
///
/// A node's name is derived from its origin: `l0/h[3]` is `h` of layer `l0` at step 3, `l0/h[3]#2` is the second
/// intermediate node before it, and `∂l0/h[3]` is its adjoint; `∂(l0/h[3])#1` is the first node of its VJP. Unrolling
/// again gives the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The layer, with its direction if bidirectional: `l0`, `l1/reverse`.
    pub layer: Option<Arc<str>>,
    /// The variable or gate: `h`.
    pub name: Option<Arc<str>>,
    /// The time step, from 1, in the order of the input.
    pub step: Option<u32>,
    /// 0 for the named node itself; otherwise its number among the intermediate nodes.
    pub ordinal: u32,
    /// Whether it belongs to the forward computation or to a derivative.
    pub role: Role,
    /// The place of the call in the source.
    pub place: Place,
}

/// The part of the computation to which a node belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The forward computation.
    Forward,
    /// The adjoint of a node: the sum of its users' contributions.
    Adjoint {
        /// The position of the forward node.
        of: u32,
        /// The sweep that made it.
        sweep: u32,
    },
    /// An intermediate node of the VJP of a node.
    Backward {
        /// The position of the forward node.
        of: u32,
        /// The sweep that made it.
        sweep: u32,
    },
}

impl Role {
    /// The forward node of a backward node.
    pub fn of(self) -> Option<u32> {
        match self {
            Self::Forward => None,
            Self::Adjoint { of, .. } | Self::Backward { of, .. } => Some(of),
        }
    }

    /// The sweep that made a backward node.
    pub fn sweep(self) -> Option<u32> {
        match self {
            Self::Forward => None,
            Self::Adjoint { sweep, .. } | Self::Backward { sweep, .. } => Some(sweep),
        }
    }
}

/// The name of a forward node: `layer/name[step]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Label {
    pub layer: Option<Arc<str>>,
    pub name: Arc<str>,
    pub step: Option<u32>,
}

impl Label {
    /// Parses `layer/name[step]`; layer and step are optional. Any other text is a label that names no node.
    pub fn parse(text: &str) -> Self {
        let (text, step) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
            Some((rest, step)) if step.parse::<u32>().is_ok() => (rest, step.parse().ok()),
            _ => (text, None),
        };
        let (layer, name) = text.rsplit_once('/').map_or((None, text), |(layer, name)| (Some(layer), name));
        Self { layer: layer.map(Arc::from), name: name.into(), step }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write_label(f, self.layer.as_deref(), &self.name, self.step)
    }
}

fn write_label(to: &mut impl fmt::Write, layer: Option<&str>, name: &str, step: Option<u32>) -> fmt::Result {
    if let Some(layer) = layer {
        write!(to, "{layer}/")?;
    }
    to.write_str(name)?;
    step.map_or(Ok(()), |step| write!(to, "[{step}]"))
}

impl Graph {
    /// The name of the node at `index`.
    #[doc(hidden)]
    pub fn name_at(&self, index: usize) -> String {
        let mut name = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_name(&mut name, index);
        name
    }

    fn write_name(&self, to: &mut String, index: usize) -> fmt::Result {
        use fmt::Write;
        let node = self.at(index);
        if let Op::Leaf(leaf) = &node.op
            && let Some(name) = leaf.name()
        {
            return to.write_str(name);
        }
        let origin = &node.origin;
        if let (Some(of), Some(sweep)) = (origin.role.of(), origin.role.sweep()) {
            to.write_char('∂')?;
            if sweep > 0 {
                write!(to, "{}", subscript(sweep + 1))?;
            }
            // In parentheses, because `∂h#1` is the adjoint of `h#1`.
            let on_the_way = matches!(origin.role, Role::Backward { .. });
            to.write_str(if on_the_way { "(" } else { "" })?;
            self.write_name(to, of as usize)?;
            return if on_the_way { write!(to, ")#{}", origin.ordinal) } else { Ok(()) };
        }
        let word = match &node.op {
            Op::Leaf(leaf @ Leaf::Constant(_)) => leaf.word(),
            op => op.name(),
        };
        write_label(to, origin.layer.as_deref(), origin.name.as_deref().unwrap_or(word), origin.step)?;
        if origin.ordinal > 0 { write!(to, "#{}", origin.ordinal) } else { Ok(()) }
    }
}

fn subscript(n: u32) -> String {
    // The subscript digits are consecutive from U+2080.
    n.to_string().bytes().filter_map(|d| char::from_u32(0x2080 + u32::from(d - b'0'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back() {
        for text in ["h", "h[3]", "l0/h[12]", "l1/reverse/c[1]", "W[a]", "a]"] {
            assert_eq!(Label::parse(text).to_string(), text);
        }
        assert_eq!(Label::parse("l1/reverse/c[1]").layer.as_deref(), Some("l1/reverse"));
    }
}
