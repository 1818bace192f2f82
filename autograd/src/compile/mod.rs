//! The compiler.
mod exec;
mod passes;
mod plan;
mod program;
mod rules;
mod writer;

pub use passes::PassReport;

use crate::error::Error;
use crate::eval::Point;
use crate::graph::{Graph, NodeId};
use crate::kernels::Real;
use crate::ops::Op;
use crate::value::Value;
use exec::Memory;
use passes::{PASSES, Pass};
use plan::{Plan, Step};
use program::Program;
use std::sync::{Arc, Mutex, PoisonError};
use writer::Tidy;

/// Positions are 32 bits wide, as in the graph.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("a graph has at most u32::MAX nodes")
}

/// Whether each element of the result depends on the same element of the operands alone, with broadcasting.
fn is_pointwise(op: &Op) -> bool {
    matches!(
        op,
        Op::Neg(_) | Op::Exp(_) | Op::Ln(_) | Op::Sqrt(_) | Op::Tanh(_) | Op::Sigmoid(_) | Op::Relu(_)
            | Op::Softplus(_) | Op::Abs(_) | Op::Sin(_) | Op::Cos(_) | Op::Reciprocal(_) | Op::Powi(_)
            | Op::StopGradient(_) | Op::Add(_) | Op::Sub(_) | Op::Mul(_) | Op::Div(_) | Op::Modulo(_)
            | Op::Max(_) | Op::Min(_) | Op::Compare(_) | Op::Select(_)
    )
}


/// How a graph is made ready: which passes run over it.
#[derive(Clone, Debug)]
pub struct Compiler {
    passes: Vec<&'static Pass>,
    tidy: Tidy,
}

impl Default for Compiler {
    fn default() -> Self {
        Self::new()
    }
}

/// A graph after the passes.
#[derive(Clone, Debug)]
pub struct Optimised {
    /// The graph. Each node is called by what it stands for.
    pub graph: Arc<Graph>,
    /// Its outputs, in the order in which they were asked for.
    pub outputs: Vec<NodeId>,
    /// What each pass did.
    pub passes: Vec<PassReport>,
}

impl Compiler {
    /// With all passes.
    pub fn new() -> Self {
        Self { passes: PASSES.iter().collect(), tidy: Tidy::ALL }
    }

    /// With the passes of these names alone; unknown names are ignored.
    pub fn with(names: &[&str]) -> Self {
        let passes: Vec<_> = PASSES.iter().filter(|pass| names.contains(&pass.name)).collect();
        let tidy = if passes.is_empty() { Tidy::default() } else { Tidy::ALL };
        Self { passes, tidy }
    }

    /// Without the pass of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.passes.retain(|pass| pass.name != name);
        self
    }

    /// The names of all passes, in the order in which they run.
    pub fn passes() -> impl Iterator<Item = &'static str> {
        PASSES.iter().map(|pass| pass.name)
    }

    /// Runs the passes.
    ///
    /// # Errors
    /// If a handle belongs to another graph.
    pub fn optimise(&self, graph: &Arc<Graph>, outputs: &[impl Into<NodeId> + Copy]) -> Result<Optimised, Error> {
        let (program, passes) = self.run(graph, outputs)?;
        let (graph, outputs) = program.into_graph();
        Ok(Optimised { graph: Arc::new(graph), outputs, passes })
    }

    /// Makes a graph ready to compute `outputs`.
    ///
    /// # Errors
    /// If a handle belongs to another graph.
    pub fn compile<S: Real>(
        &self,
        graph: &Arc<Graph>,
        outputs: &[impl Into<NodeId> + Copy],
    ) -> Result<Executable<S>, Error> {
        let (program, passes) = self.run(graph, outputs)?;
        let plan = Plan::new(&program);
        Ok(Executable { source: graph.clone(), plan, memories: Mutex::new(Vec::new()), passes })
    }

    fn run(
        &self,
        graph: &Arc<Graph>,
        outputs: &[impl Into<NodeId> + Copy],
    ) -> Result<(Program, Vec<PassReport>), Error> {
        let outputs: Vec<usize> = outputs.iter().map(|&y| graph.index(y.into())).collect::<Result<_, _>>()?;
        let mut program = Program::new(graph, &outputs);
        let mut reports = Vec::with_capacity(self.passes.len());
        for pass in &self.passes {
            let (next, report) = pass.apply(program, self.tidy);
            program = next;
            reports.push(report);
        }
        Ok((program, reports))
    }
}

/// Makes a graph ready to compute `outputs`, with all passes.
///
/// # Errors
/// If a handle belongs to another graph.
pub fn compile<S: Real>(
    graph: &Arc<Graph>,
    outputs: &[impl Into<NodeId> + Copy],
) -> Result<Executable<S>, Error> {
    Compiler::new().compile(graph, outputs)
}

/// A graph made ready to be run many times: optimised, planned, with its memory laid out.
///
/// It is computed as [`eval`](crate::eval()) would compute it, up to rounding, and can be shared by threads.
pub struct Executable<S> {
    source: Arc<Graph>,
    plan: Plan<S>,
    memories: Mutex<Vec<Memory<S>>>,
    passes: Vec<PassReport>,
}

impl<S: Real> Executable<S> {
    /// The values of the outputs at a point.
    ///
    /// # Errors
    /// If a leaf that they depend on has no value, or one that does not fit.
    pub fn run(&self, point: &Point<S>) -> Result<Vec<Value<S>>, Error> {
        let mut memory = self.memory();
        for leaf in &self.plan.given {
            let id = self.source.id(leaf.source as usize);
            let name = || self.source.name_at(leaf.source as usize);
            let Some(value) = point.get(id) else {
                return Err(Error::Unset { leaf: name(), ty: leaf.ty.to_string() });
            };
            value.fits(&leaf.ty).map_err(|reason| Error::Value { node: name(), reason })?;
            match value {
                Value::Float(a) => memory.put(leaf.at, &a.view()),
                Value::Bool(a) => memory.put_bool(leaf.at, &a.view()),
                Value::Index(a) => memory.put_index(leaf.at, &a.view()),
            }
        }
        memory.run(&self.plan);
        let values = self.plan.outputs.iter().map(|(ty, of)| memory.get(ty, of)).collect();
        self.give_back(memory);
        Ok(values)
    }

    /// Memory for one run: used before, or new.
    fn memory(&self) -> Memory<S> {
        let kept = self.memories.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Memory::new(&self.plan))
    }

    fn give_back(&self, memory: Memory<S>) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    /// What each pass did.
    pub fn passes(&self) -> &[PassReport] {
        &self.passes
    }

    /// The bytes that one run needs.
    pub fn bytes(&self) -> usize {
        self.plan.size * size_of::<S>()
    }

    /// x
    pub fn profile(&self) -> Vec<(String, f64)> {
        let mut memory = self.memory();
        let mut out = Vec::new();
        for step in &self.plan.steps {
            let t = std::time::Instant::now();
            memory.step(&self.plan, step);
            let e = t.elapsed().as_secs_f64();
            let n = match step {
                Step::Product { product, accumulate, .. } => format!("product {product:?} {accumulate}"),
                Step::Region(r) => format!("region {}x{} code {} slots {} {:?}", r.rows, r.columns, r.code.len(), r.slots.len(), r.code.iter().map(|c| format!("{:?}", c.code)).collect::<Vec<_>>()),
                Step::Copy{shape,..} => format!("copy {shape:?}"),
                other => format!("{other:?}"),
            };
            out.push((n, e));
        }
        out
    }
}
