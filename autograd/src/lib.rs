//! Symbolic reverse-mode automatic differentiation on a computation graph.
//!
//! A [`Builder`] records a computation as a [`Graph`]. [`grad()`] appends its derivative to the same graph.
//! Everything else reads the graph: [`eval()`] computes it in `f32`, `f64` or dual numbers, [`Graph::text`] prints
//! it. Separate crates compile it (`autograd_compile`), compare its gradients with numeric ones (`autograd_check`)
//! and draw it (`autograd_view`).
//!
//! ```
//! use autograd::{Builder, Point, eval, grad};
//! use ndarray::arr2;
//!
//! let g = Builder::new();
//! let x = g.input("x", [1, 2]);
//! let w = g.parameter("w", [1, 2]);
//! let loss = x.linear(w).tanh().sum();
//! let dw = grad(loss, &[w])[0];
//!
//! let point = Point::new().with(x, arr2(&[[1.0, 2.0]])).with(w, arr2(&[[0.3, -0.1]]));
//! let dw = eval::<f64>(&*g.graph()?, &point, &[dw])?.remove(0).into_float();
//! let slope = 1.0 - 0.1_f64.tanh().powi(2);
//! assert!((dw[[0, 0]] - slope).abs() < 1e-15 && (dw[[0, 1]] - 2.0 * slope).abs() < 1e-15);
//! # Ok::<(), autograd::Error>(())
//! ```

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod error;
mod eval;
mod grad;
mod magnitude;
mod nearest;
mod scalar;
mod shape;
mod value;

pub mod graph;
pub mod ops;

pub use error::{Error, Place};
pub use eval::{Point, eval, eval_with, first_not_finite, jvp};
pub use grad::{Gradient, grad, vjp};
pub use graph::{Builder, Expr, Graph, IntoExpr, NodeId};
pub use magnitude::{Magnitude, norm};
pub use nearest::nearest;
pub use scalar::{Dual, Scalar};
pub use shape::{Kind, Shape, Type};
pub use value::Value;
