//! The executable: runs any number of times, on any number of threads.

use super::PassReport;
use super::exec::Memory;
use super::instances::{Real, Values};
use super::plan::{Given, Plan, Step};
use super::pool::{Signal, Task, give};
use super::provenance::Provenance;
use super::results::Results;
use super::split::Sharding;
use crate::kernels;
use autograd::graph::{Graph, NodeId};
use autograd::ops::{Leaf, Op};
use autograd::{Error, Kind, Point, Type, Value};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, Slice};
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A borrowed value of a leaf.
#[derive(Clone, Debug)]
pub enum View<'a, S> {
    /// Real numbers.
    Float(ArrayViewD<'a, S>),
    /// Whole numbers.
    Index(ArrayViewD<'a, usize>),
    /// Truth values.
    Bool(ArrayViewD<'a, bool>),
}

impl<'a, S> From<&'a Value<S>> for View<'a, S> {
    fn from(value: &'a Value<S>) -> Self {
        match value {
            Value::Float(a) => Self::Float(a.view()),
            Value::Index(a) => Self::Index(a.view()),
            Value::Bool(a) => Self::Bool(a.view()),
        }
    }
}

impl<S> View<'_, S> {
    /// Whether this is a value of type `ty`; otherwise what is wrong with it.
    fn fits(&self, ty: &Type) -> Result<(), String> {
        let (shape, kind) = match self {
            Self::Float(a) => (a.shape(), "real numbers"),
            Self::Index(a) => (a.shape(), "whole numbers"),
            Self::Bool(a) => (a.shape(), "truth values"),
        };
        let same = matches!(
            (self, ty.kind),
            (Self::Float(_), Kind::Float)
                | (Self::Index(_), Kind::Index { .. })
                | (Self::Bool(_), Kind::Bool)
        );
        if !same || shape != &ty.shape[..] {
            return Err(format!("it needs {ty}, and was given {} of {kind}", autograd::Shape::from(shape)));
        }
        if let (Self::Index(a), Kind::Index { below }) = (self, ty.kind)
            && a.iter().any(|&i| i >= below)
            && let Some((at, i)) = a.indexed_iter().find(|&(_, &i)| i >= below)
        {
            return Err(format!(
                "the index {i} at {} is not in 0..{below}",
                autograd::Shape::from(ndarray::Dimension::slice(&at))
            ));
        }
        Ok(())
    }
}

/// The time of one step of a plan.
#[derive(Clone, Debug)]
pub struct StepTime {
    /// The source nodes that it computes.
    pub of: Vec<NodeId>,
    /// The kind of step, in a word.
    pub what: &'static str,
    /// The multiplications of a matrix product; 0 for any other step.
    pub multiplications: usize,
    /// The time, in seconds.
    pub seconds: f64,
}

/// A graph compiled for repeated runs: optimised, planned, with its memory allocated.
///
/// It computes what [`eval`](autograd::eval()) would, up to rounding. Unlike the interpreter it refuses values for
/// computed nodes. Runs with the same number of threads are bit-identical. Threads can share it; each concurrent run
/// has its own memory.
pub struct Executable<S> {
    source: Arc<Graph>,
    /// The shards of the batch; a single one without rows if the batch is not sharded.
    shards: Vec<Shard<S>>,
    pub(super) outputs: Vec<(Type, Sharding)>,
    /// Values of the whole batch that all shards need.
    global: Option<(Box<Executable<S>>, Vec<u32>)>,
    sets: Mutex<Vec<Set<S>>>,
    passes: Vec<PassReport>,
    why_whole: Option<String>,
}

impl<S> fmt::Debug for Executable<S> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let steps: usize = self.shards.iter().map(|shard| shard.plan.steps.len()).sum();
        write!(f, "{} steps in {} shards for {} outputs", steps, self.shards.len(), self.outputs.len())
    }
}

/// A plan and the rows it is for.
pub(super) struct Shard<S> {
    pub plan: Arc<Plan<S>>,
    pub rows: Option<Range<usize>>,
}

/// Memory for one run.
#[doc(hidden)]
pub struct Set<S> {
    works: Vec<Arc<Work<S>>>,
    global: Vec<ArrayD<S>>,
}

/// The run of a shard.
struct Work<S> {
    plan: Arc<Plan<S>>,
    memory: Mutex<Memory<S>>,
    /// The payload of a panic.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    done: Signal,
}

impl<S> Work<S> {
    fn memory(&self) -> MutexGuard<'_, Memory<S>> {
        // Leaves are copied in before every run, so the state left by a panic is harmless.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: kernels::Real> Task for Work<S> {
    fn run(&self) {
        let run = std::panic::AssertUnwindSafe(|| self.memory().run(&self.plan));
        let outcome = std::panic::catch_unwind(run);
        *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = outcome.err();
    }

    fn done(&self) {
        self.done.give();
    }
}

impl<S: Real> Executable<S> {
    /// Why the batch is not cut into shards, if it is not.
    pub fn why_whole(&self) -> Option<&str> {
        self.why_whole.as_deref()
    }

    /// The values of the outputs at a point.
    ///
    /// # Errors
    /// If a leaf that they depend on has no value, or an unfit one; if the point has a value for a computed node, or
    /// for one of another graph.
    pub fn run(&self, point: &Point<S>) -> Result<Vec<Value<S>>, Error> {
        point.iter().try_for_each(|(id, _)| self.takes(id))?;
        self.run_on(&|id| point.get(id).map(View::from))
    }

    /// As [`Executable::run`], with borrowed values of leaves.
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn run_on(&self, value: Values<S>) -> Result<Vec<Value<S>>, Error> {
        let results = self.results(value)?;
        Ok((0..self.outputs.len()).map(|i| results.value(i)).collect())
    }

    /// As [`Executable::run_on`], but the outputs are read on demand. A warm run allocates nothing, unless an op from
    /// outside the crate does.
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn results(&self, value: Values<S>) -> Result<Results<'_, S>, Error> {
        Ok(Results::new(self, S::execute(self, value)?))
    }

    /// As [`Executable::run`], from borrowed values into existing arrays. A warm run allocates nothing, unless an op
    /// from outside the crate does.
    ///
    /// # Errors
    /// As [`Executable::run`]; if there is not one real array of the right shape for each output.
    pub fn call(&self, inputs: &[(NodeId, View<S>)], outputs: &mut [ArrayViewMutD<S>]) -> Result<(), Error> {
        let fits = outputs.len() == self.outputs.len()
            && outputs
                .iter()
                .zip(&self.outputs)
                .all(|(a, (ty, _))| ty.kind == Kind::Float && *a.shape() == *ty.shape);
        if !fits {
            let types: Vec<String> = self.outputs.iter().map(|(ty, _)| ty.to_string()).collect();
            let reason = format!("the outputs are {}, each into an array of real numbers", types.join(", "));
            return Err(Error::Value { node: "the outputs".into(), reason });
        }
        inputs.iter().try_for_each(|&(id, _)| self.takes(id))?;
        let value = |id| inputs.iter().find(|(known, _)| *known == id).map(|(_, view)| view.clone());
        let results = self.results(&value)?;
        outputs.iter_mut().enumerate().for_each(|(i, to)| results.read(i, to.view_mut()));
        Ok(())
    }

    /// A report of each pass; for a sharded batch, those of its first shard.
    pub fn passes(&self) -> &[PassReport] {
        &self.passes
    }

    /// The memory of one run in bytes, all shards together.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.plan.size * size_of::<S>()).sum()
    }

    /// The number of shards of the batch.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The time of each step: the minimum over `runs` runs, of the first shard.
    ///
    /// # Errors
    /// As [`Executable::run`].
    pub fn profile(&self, point: &Point<S>, runs: usize) -> Result<Vec<StepTime>, Error> {
        S::profile(self, point, runs)
    }

    /// Whether a node can be given a value.
    fn takes(&self, id: NodeId) -> Result<(), Error> {
        match &self.source.at(self.source.index(id)?).op {
            Op::Leaf(_) => Ok(()),
            _ => Err(Error::Value {
                node: self.source.name(id)?,
                reason: "it is computed, and a compiled graph takes values of leaves alone: use `eval`"
                    .into(),
            }),
        }
    }
}

/// What [`instances`](super::instances) compiles for each type.
impl<S: kernels::Real> Executable<S> {
    pub(super) fn new(
        source: Arc<Graph>,
        shards: Vec<Shard<S>>,
        outputs: Vec<(Type, Sharding)>,
        global: Option<(Executable<S>, Vec<u32>)>,
        passes: Vec<PassReport>,
    ) -> Self {
        let global = global.map(|(executable, of)| (Box::new(executable), of));
        Self { source, shards, outputs, global, sets: Mutex::new(Vec::new()), passes, why_whole: None }
    }

    pub(super) fn whole(self, why: String) -> Self {
        Self { why_whole: Some(why), ..self }
    }

    pub(super) fn time_steps(&self, point: &Point<S>, runs: usize) -> Result<Vec<StepTime>, Error> {
        let value = |id: NodeId| point.get(id).map(View::from);
        let set = self.execute(&value)?;
        let (shard, mut memory) = (&self.shards[0], set.works[0].memory());
        let plan = &shard.plan;
        let time = |(step, of): (&Step<S>, &Provenance)| StepTime {
            of: of.iter().map(|&v| self.source.id(v as usize)).collect(),
            what: step.what(),
            multiplications: step.multiplications(),
            seconds: f64::INFINITY,
        };
        let mut times: Vec<StepTime> = plan.steps.iter().zip(&plan.of).map(time).collect();
        for _ in 0..runs.max(1) {
            // Other values may have overwritten the leaves.
            for leaf in &plan.given {
                self.put(&mut memory, leaf, shard.rows.as_ref(), false, &set.global, &value)?;
            }
            for (step, time) in plan.steps.iter().zip(&mut times) {
                let start = Instant::now();
                memory.step(step);
                time.seconds = time.seconds.min(start.elapsed().as_secs_f64());
            }
        }
        drop(memory);
        self.give_back(set);
        Ok(times)
    }

    pub(super) fn execute(&self, value: Values<S>) -> Result<Set<S>, Error> {
        let mut set = self.set();
        if let Some((before, _)) = &self.global {
            let done = before.execute(value)?;
            for (i, to) in set.global.iter_mut().enumerate() {
                before.read(&done, i, to.view_mut());
            }
            before.give_back(done);
        }
        for (number, (shard, work)) in self.shards.iter().zip(&set.works).enumerate() {
            let mut memory = work.memory();
            for leaf in &shard.plan.given {
                self.put(&mut memory, leaf, shard.rows.as_ref(), number == 0, &set.global, value)?;
            }
        }
        // Offload shards 1.. to idle threads of the pool (at most 63, one bit each in `away`). This thread runs shard
        // 0 and all that found no idle thread.
        let mut away = 0u64;
        for (i, work) in set.works.iter().enumerate().skip(1).take(63) {
            let task: Arc<dyn Task> = work.clone();
            if give(&task) {
                away |= 1 << i;
            }
        }
        for (i, work) in set.works.iter().enumerate() {
            if i >= 64 || away & 1 << i == 0 {
                work.memory().run(&work.plan);
            }
        }
        for (i, work) in set.works.iter().enumerate().take(64) {
            if away & 1 << i != 0 {
                work.done.wait();
                // A panic in the pool is resumed on the calling thread.
                if let Some(panic) = work.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        Ok(set)
    }

    /// Copies a leaf's value into the memory of a shard. Types are checked once, for the first shard.
    fn put(
        &self,
        memory: &mut Memory<S>,
        leaf: &Given,
        rows: Option<&Range<usize>>,
        check: bool,
        global: &[ArrayD<S>],
        value: Values<S>,
    ) -> Result<(), Error> {
        if let Some((_, of)) = &self.global
            && let Some(i) = of.iter().position(|&v| v == leaf.source)
        {
            memory.put_view(leaf.at, &View::Float(global[i].view()), None);
            return Ok(());
        }
        let node = self.source.at(leaf.source as usize);
        let name = || self.source.name_at(leaf.source as usize);
        let Some(view) = value(self.source.id(leaf.source as usize)) else {
            return Err(Error::Unset { leaf: name(), ty: node.ty.to_string() });
        };
        if check {
            view.fits(&node.ty).map_err(|reason| Error::Value { node: name(), reason })?;
        }
        let axis = match &node.op {
            Op::Leaf(Leaf::Input { batch_axis, .. }) => *batch_axis,
            _ => None,
        };
        memory.put_view(leaf.at, &view, axis.zip(rows));
        Ok(())
    }

    /// An output, assembled from the shards.
    pub(super) fn value(&self, set: &Set<S>, i: usize) -> Value<S> {
        let (ty, _) = &self.outputs[i];
        let (own, of) = &set.works[0].plan.outputs[i];
        if let Some(index) = set.works[0].memory().index(own, of) {
            return Value::Index(index);
        }
        let mut to = ArrayD::from_elem(&*ty.shape, S::ZERO);
        self.read(set, i, to.view_mut());
        if ty.kind == Kind::Bool { Value::Bool(to.mapv(|x| x != S::ZERO)) } else { Value::Float(to) }
    }

    pub(super) fn read(&self, set: &Set<S>, i: usize, mut to: ArrayViewMutD<S>) {
        let (_, sharding) = &self.outputs[i];
        for (number, (work, shard)) in set.works.iter().zip(&self.shards).enumerate() {
            let memory = work.memory();
            let (own, of) = &work.plan.outputs[i];
            let is_part = matches!((sharding, &shard.rows), (Sharding::PartialSum, Some(_)));
            let is_whole = !matches!((sharding, &shard.rows), (Sharding::Sharded { .. }, Some(_)));
            if let (true, Some(from), Some(to)) = (is_whole, memory.slice(own, of), to.as_slice_mut()) {
                if number == 0 {
                    to.copy_from_slice(from);
                } else if is_part {
                    to.iter_mut().zip(from).for_each(|(y, &x)| *y += x);
                }
                continue;
            }
            let Some(from) = memory.view(own, of) else { return };
            match (sharding, &shard.rows) {
                (Sharding::Sharded { axis, .. }, Some(rows)) => {
                    to.slice_axis_mut(Axis(*axis), Slice::from(rows.clone())).assign(&from);
                }
                // Always in the order of the shards, so that sums round the same in every run.
                (Sharding::PartialSum, Some(_)) if number > 0 => to.zip_mut_with(&from, |y, &x| *y += x),
                _ if number == 0 => to.assign(&from),
                _ => return,
            }
        }
    }

    /// Memory for one run: reused, or new.
    fn set(&self) -> Set<S> {
        let kept = self.sets.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Set {
            works: self
                .shards
                .iter()
                .map(|shard| {
                    Arc::new(Work {
                        plan: shard.plan.clone(),
                        memory: Mutex::new(Memory::new(
                            &shard.plan,
                            shard.rows.as_ref().map_or(0, |rows| rows.start),
                        )),
                        panic: Mutex::new(None),
                        done: Signal::default(),
                    })
                })
                .collect(),
            global: self
                .global
                .iter()
                .flat_map(|(before, _)| before.outputs.iter())
                .map(|(ty, _)| ArrayD::from_elem(&*ty.shape, S::ZERO))
                .collect(),
        })
    }

    pub(super) fn give_back(&self, set: Set<S>) {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).push(set);
    }
}
