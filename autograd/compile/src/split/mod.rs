//! Data parallelism over the batch, by propagation of shardings (Xu et al. 2021, GSPMD).
//!
//! Each value is replicated, sharded along one axis, or a partial sum over the batch. Inputs declare their batch
//! axis; the shardings of all other values follow from the ops. A partial sum that is used nonlinearly, for example
//! the number of valid positions in a mean, is computed once for the whole batch, before the shards run (`global`).
//! If no sharding can be derived, the graph is compiled for one thread, and `Executable::why_whole` says why.

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

/// The sharding of a value over the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sharding {
    /// The same for every row of the batch.
    Replicated,
    /// Sharded along an axis, which may hold `outer` batches one after the other.
    Sharded { axis: usize, outer: usize },
    /// A partial sum over the batch: the shards' values add up to it (all-reduce).
    PartialSum,
}

/// A sharded graph.
pub(super) struct Split {
    /// The rows of each shard.
    pub rows: Vec<Range<usize>>,
    /// The program of each shard; shards of equal size share one.
    pub programs: Vec<Arc<Program>>,
    /// The sharding of each output.
    pub outputs: Vec<Sharding>,
    /// The nodes computed beforehand, for the whole batch.
    pub global: Vec<usize>,
}

/// Shards the graph for `threads` threads; the error is the reason why it cannot.
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
    // A program depends on the number of its rows, not on which ones.
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

/// The batch size on which all inputs agree.
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
