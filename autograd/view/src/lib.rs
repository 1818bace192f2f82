//! Computation graphs for people: pictures and pages ([`draw`]), differences between two graphs ([`diff`]), and
//! formulas ([`math`]). It reads graphs, and depends on neither the compiler nor the gradient checker.

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

pub mod diff;
pub mod draw;
pub mod math;
