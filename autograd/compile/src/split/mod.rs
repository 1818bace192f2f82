//! The rows of a batch over threads, as a propagation of labels.
//!
//! Every value is the same for all rows of the batch, or has a share of them along an axis, or is a part of a sum over
//! the batch. Inputs say along which axis their samples lie; everything else follows from the ops. What uses such a
//! part otherwise than linearly, as the count of live positions under a mean, is a meeting point: it is computed before,
//! for the whole batch. Where a label does not follow, the graph is left whole.

mod cut;
mod labels;

use super::program::{Program, live};
use autograd::graph::Graph;
use autograd::ops::{Leaf, Op};
use cut::Cut;
use labels::Labels;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What a value is to the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// The same for every row.
    Same,
    /// A share of the rows along an axis, which may hold `outer` batches one after the other.
    Rows { axis: usize, outer: usize },
    /// A part of a sum.
    Part,
}

/// A graph cut into shares of rows.
pub(super) struct Split {
    /// The rows of each share.
    pub rows: Vec<Range<usize>>,
    /// The program of each share; equal ones are one.
    pub programs: Vec<Arc<Program>>,
    /// What each output is.
    pub outputs: Vec<Label>,
    /// The nodes that are computed before, for the whole batch.
    pub met: Vec<usize>,
}

/// The graph for `threads` threads; the reason if it is left whole.
pub(super) fn split(source: &Arc<Graph>, outputs: &[usize], threads: usize) -> Result<Split, String> {
    if threads < 2 {
        return Err("one thread was asked for".into());
    }
    let batch = batch(source, outputs).ok_or("no inputs agree on a batch")?;
    let shares = threads.min(batch);
    if shares < 2 {
        return Err("the batch has one row".into());
    }
    let labels = Labels::new(source, outputs, batch)?;
    let rows: Vec<Range<usize>> = (0..shares).map(|i| i * batch / shares..(i + 1) * batch / shares).collect();
    // What a program is depends on how many rows it is for, and not on which.
    let mut made: HashMap<usize, Arc<Program>> = HashMap::new();
    let programs = rows
        .iter()
        .map(|rows| {
            let program = made
                .entry(rows.len())
                .or_insert_with(|| Arc::new(Cut::program(source, outputs, &labels, batch, rows.len())));
            program.clone()
        })
        .collect();
    let of = outputs.iter().map(|&y| labels.of[y]).collect();
    let met = (0..source.len()).filter(|&v| labels.met[v]).collect();
    Ok(Split { rows, programs, outputs: of, met })
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
