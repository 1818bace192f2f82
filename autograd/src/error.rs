//! The crate's error type.

use std::fmt;
use std::panic::Location;

/// Why a graph could not be built or read. The message names the node, its operands, the place in the caller's
/// source, and the mend.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op was applied to operands that do not fit.
    #[error("{op}({operands}): {reason}\n  at {place}")]
    Operands {
        /// The op's name.
        op: String,
        /// The operands with their names and types.
        operands: String,
        /// The misfit.
        reason: String,
        /// Where the op was applied.
        place: Place,
    },
    /// Another fault in building a graph.
    #[error("{reason}\n  at {place}")]
    Build {
        /// The fault.
        reason: String,
        /// The place of the call.
        place: Place,
    },
    /// A node was used with a graph to which it does not belong.
    #[error("this node belongs to another graph: node {index} of graph {theirs}, used with graph {ours}")]
    Foreign {
        /// The node's position in its own graph.
        index: usize,
        /// The number of the graph it belongs to.
        theirs: u32,
        /// The number of the graph it was used with.
        ours: u32,
    },
    /// A leaf that the outputs depend on has no value at the point.
    #[error("`{leaf}` ({ty}) has no value: set it at the point before evaluating")]
    Unset {
        /// The leaf's name.
        leaf: String,
        /// The type of its value.
        ty: String,
    },
    /// A value does not fit its node.
    #[error("the value for `{node}` does not fit: {reason}")]
    Value {
        /// The node's name.
        node: String,
        /// The misfit.
        reason: String,
    },
    /// A check was requested at a point where the function has no finite value.
    #[error(
        "`{node}` is not finite at the point of this check: give values with `Check::at`, away from there"
    )]
    NotFinite {
        /// The first node that is not finite, in order of execution.
        node: String,
    },
    /// No node has that name.
    #[error("no node is called `{name}`{}", Suggest(nearest))]
    Unknown {
        /// The requested name.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// No path leads from one node to another.
    #[error("no path leads from `{from}` to `{to}`{}", if *back { format!(", but one leads from `{to}` to `{from}`") } else { String::new() })]
    NoPath {
        /// The start of the path.
        from: String,
        /// The end of the path.
        to: String,
        /// Whether a path leads the other way.
        back: bool,
    },
    /// A text is not the dump of a graph.
    #[error("this is no dump of a graph, as `rnn graph --format json` writes it: {reason}")]
    Dump {
        /// The fault in it.
        reason: String,
    },
    /// An op has no gradient where one is needed.
    #[error("no gradient of `{op}` is defined towards `{operand}`\n  at {place}")]
    NotDefined {
        /// The op without a gradient.
        op: String,
        /// The operand towards which it has none.
        operand: String,
        /// Where the op was applied.
        place: Place,
    },
}

/// As `Display`: a `main` that returns the error then prints the message, not its fields.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Suggest<'a>(&'a Option<String>);

impl fmt::Display for Suggest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "; the nearest name is `{name}`"))
    }
}

/// A place in the source that builds a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(&'static Location<'static>);

impl Place {
    /// The caller of the function that calls this one, if that function is `#[track_caller]`.
    #[track_caller]
    pub fn caller() -> Self {
        Self(Location::caller())
    }

    /// The source file, as passed to the compiler.
    pub fn file(&self) -> &'static str {
        self.0.file()
    }

    /// The line in the file, from 1.
    pub fn line(&self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}
