//! Computation graphs for people: pictures and pages ([`draw`]), what changed between two graphs ([`diff`]), and formulas
//! ([`math`]). It reads graphs, and knows neither the compiler nor the gradient checker.

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

pub mod diff;
pub mod draw;
pub mod math;
