//! The laboratory: backpropagation through time taken apart ([`study`]), derived in sentences and equations
//! ([`derivation`]), and compared with other frameworks ([`compare`]).

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

pub mod compare;
pub mod derivation;
pub mod study;
pub mod survey;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So is the cell in Rust.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/cells-in-rust.md")]
struct CellsInRust;
