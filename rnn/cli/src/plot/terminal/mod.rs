//! Pictures of numbers in text, for a terminal.
//!
//! Colours are ANSI styles, which streams of `anstream` take out where there is no terminal or `NO_COLOR` is set. The
//! pictures say the same without them.

mod curves;
mod heat;

pub use curves::{Line, curves, style};
pub use heat::heat;
