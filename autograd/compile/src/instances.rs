//! The instances of this crate's generic code, one per scalar type.
//!
//! Generic code is compiled in the calling crate. Without these instances every crate that runs a graph would compile
//! the planner and all kernels again: half of a build, and without this crate's optimisation level.

use super::executable::{Set, StepTime, View};
use super::{Compiler, Executable, kernels};
use autograd::graph::{Graph, NodeId};
use autograd::{Error, Point, Value};
use ndarray::ArrayViewMutD;
use std::sync::Arc;

/// Looks up the value of a leaf.
pub type Values<'a, 'v, S> = &'a dyn Fn(NodeId) -> Option<View<'v, S>>;

/// A scalar type of compiled graphs: `f32` or `f64`.
pub trait Real: kernels::Real {
    #[doc(hidden)]
    fn compile(compiler: &Compiler, graph: &Arc<Graph>, outputs: &[usize])
    -> Result<Executable<Self>, Error>;
    #[doc(hidden)]
    fn execute(of: &Executable<Self>, value: Values<Self>) -> Result<Set<Self>, Error>;
    #[doc(hidden)]
    fn read(of: &Executable<Self>, set: &Set<Self>, i: usize, to: ArrayViewMutD<Self>);
    #[doc(hidden)]
    fn output(of: &Executable<Self>, set: &Set<Self>, i: usize) -> Value<Self>;
    #[doc(hidden)]
    fn profile(of: &Executable<Self>, point: &Point<Self>, runs: usize) -> Result<Vec<StepTime>, Error>;
}

macro_rules! instances {
    ($($number:ident)*) => {$(
        impl Real for $number {
            fn compile(
                compiler: &Compiler,
                graph: &Arc<Graph>,
                outputs: &[usize],
            ) -> Result<Executable<Self>, Error> {
                compiler.compile_positions(graph, outputs)
            }
            fn execute(of: &Executable<Self>, value: Values<Self>) -> Result<Set<Self>, Error> {
                of.execute(value)
            }
            fn read(of: &Executable<Self>, set: &Set<Self>, i: usize, to: ArrayViewMutD<Self>) {
                of.read(set, i, to);
            }
            fn output(of: &Executable<Self>, set: &Set<Self>, i: usize) -> Value<Self> {
                of.value(set, i)
            }
            fn profile(of: &Executable<Self>, point: &Point<Self>, runs: usize) -> Result<Vec<StepTime>, Error> {
                of.time_steps(point, runs)
            }
        }
    )*};
}

instances! { f32 f64 }
