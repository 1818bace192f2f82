//! Exports graphs to other engines: the same step on XLA, on CPU, GPU and TPU, and in ONNX runtimes.
//!
//! A [`Program`] is a graph with ordered arguments and results: a function for another engine. [`stablehlo::module`]
//! writes it as text for XLA, [`onnx::model`] as a file for ONNX runtimes. Its companions are the [`manifest()`],
//! which names arguments and results, and the initial [`values`].
//!
//! ```
//! use autograd::{Builder, grad};
//! use rnn_export::{Output, Program, Real, stablehlo};
//!
//! let g = Builder::new();
//! let w = g.parameter("w", [2, 3]);
//! let loss = g.input("x", [1, 3]).linear(w).tanh().sum();
//! let dw = grad(loss, &[w])[0];
//!
//! let results = [Output::loss(loss.id()), Output::gradient(dw.id(), "w")];
//! let program = Program::new("gradient", g.graph()?, results)?;
//! let text = stablehlo::module(&program, Real::F32, stablehlo::Form::Rolled)?;
//! assert!(text.contains("func.func public @main(%arg0: tensor<2x3xf32>"));
//! # Ok::<(), rnn_export::ExportError>(())
//! ```

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod devices;
pub mod engine;
pub mod import;
mod manifest;
pub mod net;
pub mod onnx;
pub mod optimiser;
mod program;
pub mod recurrent;
pub mod stablehlo;
pub mod values;

pub use devices::Shared;
pub use manifest::manifest;

/// A Python program that runs exported XLA programs, using documented JAX alone.
pub const DRIVER: &str = include_str!("run_step.py");

pub use import::ImportError;
pub use program::{Argument, ExportError, Output, Program, Real, Role};
