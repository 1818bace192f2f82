//! Plots as text, for a terminal.
//!
//! Colours are ANSI styles, which `anstream` removes if the output is not a terminal or `NO_COLOR` is set. The plots
//! are complete without them.

mod curves;
mod heat;

pub use curves::{Line, curves, style};
pub use heat::heat;
