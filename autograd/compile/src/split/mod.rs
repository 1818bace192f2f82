//! Data parallelism over the batch, by propagation of shardings (Xu et al. 2021, GSPMD).
//!
//! Each value is replicated, sharded along one axis, or a partial sum over the batch. The inputs say along which axis their
//! samples lie; the shardings of all other values follow from the ops. A partial sum that is used other than linearly, for
//! example the number of positions under a mean, is computed once for the whole batch, before the shards run (`global`). If a
//! sharding cannot be derived, the graph is compiled for one thread, and `Executable::why_whole` says why.

mod cut;
mod shardings;

use super::program::{Program, live};
use autograd::graph::Graph;
use autograd::ops::{Leaf, Op};
use cut::Cut;
use shardings::Shardings;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What a value is to the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sharding {
    /// The same for every row of the batch.
    Replicated,
    /// A shard of the rows along an axis, which may hold `outer` batches one after the other.
    Sharded { axis: usize, outer: usize },
    /// A part of a sum over the batch: the shards' values add up to it.
    PartialSum,
}

/// A graph cut into shards of rows.
pub(super) struct Split {
    /// The rows of each shard.
    pub rows: Vec<Range<usize>>,
    /// The program of each shard; equal ones are one.
    pub programs: Vec<Arc<Program>>,
    /// What each output is.
    pub outputs: Vec<Sharding>,
    /// The nodes that are computed before, for the whole batch.
    pub global: Vec<usize>,
}

/// The graph for `threads` threads; the reason if it is left whole.
pub(super) fn split(source: &Arc<Graph>, outputs: &[usize], threads: usize) -> Result<Split, String> {
    if threads < 2 {
        return Err("one thread was asked for".into());
    }
    let batch = batch(source, outputs).ok_or("no inputs agree on a batch")?;
    let shards = threads.min(batch);
    if shards < 2 {
        return Err("the batch has one row".into());
    }
    let shardings = Shardings::new(source, outputs, batch)?;
    let rows: Vec<Range<usize>> = (0..shards).map(|i| i * batch / shards..(i + 1) * batch / shards).collect();
    // What a program is depends on how many rows it is for, and not on which.
    let mut made: HashMap<usize, Arc<Program>> = HashMap::new();
    let programs = rows
        .iter()
        .map(|rows| {
            let program = made
                .entry(rows.len())
                .or_insert_with(|| Arc::new(Cut::program(source, outputs, &shardings, batch, rows.len())));
            program.clone()
        })
        .collect();
    let of = outputs.iter().map(|&y| shardings.of[y]).collect();
    let global = (0..source.len()).filter(|&v| shardings.global[v]).collect();
    Ok(Split { rows, programs, outputs: of, global })
}

/// The size of the batch that all inputs agree on.
fn batch(source: &Graph, outputs: &[usize]) -> Option<usize> {
    let live = live(source, outputs);
    let mut batch = None;
    for v in (0..source.len()).filter(|&v| live[v]) {
        if let Op::Leaf(Leaf::Input { batch_axis: Some(axis), .. }) = &source.at(v).op {
            let size = source.at(v).ty.shape[*axis];
            if *batch.get_or_insert(size) != size {
                return None;
            }
        }
    }
    batch
}
