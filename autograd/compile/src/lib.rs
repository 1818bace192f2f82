//! The compiler: prepares a graph for repeated runs.
//!
//! It finds the fusions that a person would write by hand. Passes (`passes/`) read the graph and write the next one:
//! the products of all gates become one, those of all steps become one, a gradient that is a sum over time becomes
//! one product over time. Lowering (`plan/`) allocates all values in one arena, each computed directly in the
//! concatenation that contains it, and fuses elementwise nodes into bytecode over strips. The batch is sharded over
//! threads (`split/`). No cell is known here.
//!
//! ```
//! use autograd::{Builder, Point, Type, grad};
//! use autograd_compile::Compiler;
//! use ndarray::{ArrayD, arr2};
//!
//! let g = Builder::new();
//! let x = g.batch_input("x", Type::float([4, 2]), 0);
//! let w = g.parameter("w", [3, 2]);
//! let loss = x.linear(w).tanh().sum();
//! let outputs = [loss, grad(loss, &[w])[0]];
//! let executable = Compiler::new().threads(2).compile::<f32>(&g.graph()?, &outputs)?;
//!
//! let mut point = Point::new();
//! point.set(x, ArrayD::from_elem(vec![4, 2], 0.5));
//! point.set(w, arr2(&[[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]]));
//! let values = executable.run(&point)?; // as often as one likes
//! assert_eq!(*values[1].shape(), [3, 2]);
//! # Ok::<(), autograd::Error>(())
//! ```

#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod exec;
mod executable;
mod instances;
#[doc(hidden)] // for the benches
pub mod kernels;
mod passes;
mod plan;
mod pool;
mod program;
mod provenance;
mod results;
mod rules;
mod split;
mod writer;

pub use executable::{Executable, StepTime, View};
pub use instances::Real;
pub use passes::PassReport;
pub use results::Results;

use autograd::graph::{Graph, NodeId};
use autograd::ops::Op;
use autograd::{Error, Kind};
use executable::Shard;
use passes::{PASSES, Pass};
use plan::Plan;
use program::{Program, live};
use split::Sharding;
use std::sync::Arc;
use writer::Canonicalize;

/// Positions are 32 bits wide, as in the graph.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("a graph has at most u32::MAX nodes")
}

/// The compiler's options: its passes and threads.
#[derive(Clone, Debug)]
pub struct Compiler {
    passes: Vec<&'static Pass>,
    canonicalize: Canonicalize,
    threads: usize,
}

impl Default for Compiler {
    fn default() -> Self {
        Self::new()
    }
}

/// A graph after the passes.
#[derive(Clone, Debug)]
pub struct Optimised {
    /// The graph. Each node is named after its source nodes.
    pub graph: Arc<Graph>,
    /// Its outputs, in the requested order.
    pub outputs: Vec<NodeId>,
    /// A report of each pass.
    pub passes: Vec<PassReport>,
}

impl Compiler {
    /// With all passes.
    pub fn new() -> Self {
        Self { passes: PASSES.iter().collect(), canonicalize: Canonicalize::ALL, threads: 1 }
    }

    /// With only the passes of these names.
    ///
    /// # Panics
    /// If there is no pass of such a name; [`Compiler::passes`] lists them.
    pub fn with(names: &[&str]) -> Self {
        names.iter().for_each(|name| known(name));
        let passes: Vec<_> = PASSES.iter().filter(|pass| names.contains(&pass.name)).collect();
        let canonicalize = if passes.is_empty() { Canonicalize::default() } else { Canonicalize::ALL };
        Self { passes, canonicalize, threads: 1 }
    }

    /// Without the pass of this name.
    ///
    /// # Panics
    /// If there is none; [`Compiler::passes`] lists the names.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        known(name);
        self.passes.retain(|pass| pass.name != name);
        self
    }

    /// The names of all passes, in execution order.
    pub fn passes() -> impl Iterator<Item = &'static str> {
        PASSES.iter().map(|pass| pass.name)
    }

    /// Runs the passes.
    ///
    /// # Errors
    /// If a handle belongs to another graph.
    pub fn optimise(
        &self,
        graph: &Arc<Graph>,
        outputs: &[impl Into<NodeId> + Copy],
    ) -> Result<Optimised, Error> {
        let (program, passes) = self.run(Program::new(graph, &positions(graph, outputs)?));
        let (graph, outputs) = program.into_graph();
        Ok(Optimised { graph: Arc::new(graph), outputs, passes })
    }

    /// Compiles a graph to compute `outputs`.
    ///
    /// # Errors
    /// If a handle belongs to another graph; if an op computes whole numbers.
    pub fn compile<S: Real>(
        &self,
        graph: &Arc<Graph>,
        outputs: &[impl Into<NodeId> + Copy],
    ) -> Result<Executable<S>, Error> {
        S::compile(self, graph, &positions(graph, outputs)?)
    }

    fn compile_positions<S: kernels::Real>(
        &self,
        graph: &Arc<Graph>,
        outputs: &[usize],
    ) -> Result<Executable<S>, Error> {
        reads_whole_numbers_from_leaves(graph, outputs)?;
        let types = outputs.iter().map(|&y| graph.at(y).ty.clone());
        let split = match split::split(graph, outputs, self.threads) {
            Ok(split) => split,
            Err(why) => {
                let (program, passes) = self.run(Program::new(graph, outputs));
                let shard = Shard { plan: Arc::new(Plan::new(&program)), rows: None };
                let outputs = types.map(|ty| (ty, Sharding::Replicated)).collect();
                let whole = Executable::new(graph.clone(), vec![shard], outputs, None, passes);
                return Ok(whole.whole(why));
            }
        };
        let mut plans: Vec<(*const Program, Arc<Plan<S>>)> = Vec::new();
        let mut passes = Vec::new();
        let mut shards = Vec::with_capacity(split.rows.len());
        for (program, rows) in split.programs.into_iter().zip(split.rows) {
            let key = Arc::as_ptr(&program);
            let known = plans.iter().find(|(known, _)| *known == key).map(|(_, plan)| plan.clone());
            let plan = known.unwrap_or_else(|| {
                let (program, reports) = self.run((*program).clone());
                if passes.is_empty() {
                    passes = reports;
                }
                let plan = Arc::new(Plan::new(&program));
                plans.push((key, plan.clone()));
                plan
            });
            shards.push(Shard { plan, rows: Some(rows) });
        }
        let outputs = types.zip(split.outputs).collect();
        let global = if split.global.is_empty() {
            None
        } else {
            let before = Self { threads: 1, ..self.clone() }.compile_positions(graph, &split.global)?;
            Some((before, split.global.into_iter().map(narrow).collect()))
        };
        Ok(Executable::new(graph.clone(), shards, outputs, global, passes))
    }

    /// Uses `threads` threads: each runs a shard of the batch, along the axis that inputs declare
    /// ([`batch_input`](autograd::Builder::batch_input)). A graph that cannot be sharded runs on one thread.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    fn run(&self, mut program: Program) -> (Program, Vec<PassReport>) {
        let mut reports = Vec::with_capacity(self.passes.len());
        for pass in &self.passes {
            let (next, report) = pass.apply(program, self.canonicalize);
            program = next;
            reports.push(report);
        }
        (program, reports)
    }
}

fn known(pass: &str) {
    assert!(Compiler::passes().any(|name| name == pass), "no pass is called `{pass}`");
}

/// The positions of nodes in their graph.
fn positions(graph: &Graph, nodes: &[impl Into<NodeId> + Copy]) -> Result<Vec<usize>, Error> {
    nodes.iter().map(|&y| graph.index(y.into())).collect()
}

/// No op of this crate computes whole numbers; a custom one can.
fn reads_whole_numbers_from_leaves(graph: &Graph, outputs: &[usize]) -> Result<(), Error> {
    let live = live(graph, outputs);
    let made = |&v: &usize| {
        let node = graph.at(v);
        live[v] && matches!(node.ty.kind, Kind::Index { .. }) && !matches!(node.op, Op::Leaf(_))
    };
    match (0..graph.len()).find(made) {
        None => Ok(()),
        Some(v) => Err(Error::Build {
            reason: format!(
                "`{}` ({}) makes whole numbers, which a compiled graph reads from inputs alone: give them as an input",
                graph.name_at(v),
                graph.at(v).op.name()
            ),
            place: graph.at(v).origin.place,
        }),
    }
}

/// Compiles a graph to compute `outputs`, with all passes, for one thread.
///
/// # Errors
/// As [`Compiler::compile`].
pub fn compile<S: Real>(
    graph: &Arc<Graph>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Executable<S>, Error> {
    Compiler::new().compile(graph, outputs)
}
