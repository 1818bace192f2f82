//! The generic code of this crate, compiled here, once for each type of number.
//!
//! A generic function is compiled in the crate that calls it: without this border each crate that runs a graph compiles the
//! planner and all kernels again, which took half of a build, and not with this crate's optimisation.

use super::executable::{Set, StepTime, View};
use super::{Compiler, Executable, kernels};
use autograd::graph::{Graph, NodeId};
use autograd::{Error, Point, Value};
use ndarray::ArrayViewMutD;
use std::sync::Arc;

/// Where the value of a leaf lies.
pub type Values<'a, 'v, S> = &'a dyn Fn(NodeId) -> Option<View<'v, S>>;

/// A type of number that a compiled graph computes in: `f32` or `f64`.
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
