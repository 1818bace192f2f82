//! Analysis of backpropagation through time: gradients split by step ([`study`]), derivations in sentences and
//! equations ([`derivation`]), and comparison with other frameworks ([`compare`]).

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

pub mod compare;
pub mod derivation;
pub mod study;
pub mod survey;

/// Tests the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Tests the cell written in Rust.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/cells-in-rust.md")]
struct CellsInRust;
