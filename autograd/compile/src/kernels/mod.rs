//! The lowest layer: vectorised loops over slices, and matrix products.
//!
//! Nothing here knows graphs, allocates, or starts threads. Elementwise functions work on *strips*, short slices that
//! stay in the L1 cache ([`strips`]); some work on the rows of a matrix ([`rows`]); products use kernels of this
//! crate or the matrix library ([`Product`]). Every function is compiled for several instruction sets, and a call
//! dispatches to the widest that the machine has.
//!
//! ```
//! use autograd_compile::kernels::strips;
//!
//! let mut y = [0.0; 3];
//! strips::tanh(&mut y, &[-1.0, 0.0, 1.0]);
//! assert_eq!([y[1], y[0]], [0.0, -y[2]]);
//! ```

#![allow(clippy::inline_always)] // or a function would be compiled without its caller's instruction set
#![allow(clippy::needless_range_loop)] // arrays of registers, by their indices
#![allow(clippy::float_cmp, clippy::eq_op)] // the functions' own edges; NaN is what differs from itself
#![allow(clippy::excessive_precision)] // coefficients as their source prints them

#[cfg(test)]
mod accuracy;
mod buffer;
mod machine;
mod math;
mod panels;
pub mod product;
pub(crate) mod program;
mod real;
pub mod rows;
pub mod strips;
mod tiles;
mod transpose;

pub use buffer::Buffer;
pub use product::{Layout, Product, Workspace};
pub use real::Real;
pub(crate) use transpose::transpose;
