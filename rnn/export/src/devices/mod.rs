//! The program of one of several devices, each with a shard of the batch.
//!
//! Every value is replicated, sharded along the batch, or a partial sum ([`labels`]). A partial sum stays one as long
//! as it is used linearly: the products of all steps are added on the device, and a gradient is all-reduced once,
//! whatever the number of steps. A nonlinear use, or a result, needs an all-reduce. A partitioner that sees one
//! operation at a time would all-reduce the product of every step.
//!
//! The program of a device is an ordinary [`Program`] with two more ops ([`Collective`]), so its loops are found in
//! the same way.

mod collective;
mod cut;
mod labels;

pub use collective::Collective;

use crate::program::{ExportError, Program};
use labels::{Labels, Share};

/// A program for several devices.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The number of devices.
    pub devices: usize,
    /// The program of each of them, on its shard of the batch.
    pub program: Program,
    /// For each result, its sharded axis; `None` if it is replicated.
    pub results: Vec<Option<usize>>,
}

impl Shared {
    /// Shards a program.
    ///
    /// # Errors
    /// If there are fewer than two devices or no batch, if the batch size is not a multiple of the number of devices,
    /// or if the batch cannot be sharded at some node.
    pub fn new(program: &Program, devices: usize) -> Result<Self, ExportError> {
        if devices < 2 {
            return Err(ExportError::Devices("a program for several devices needs at least 2".into()));
        }
        if program.arguments.iter().all(|a| a.batch_axis.is_none()) {
            return Err(ExportError::Devices("no input has a batch that devices could share".into()));
        }
        for argument in &program.arguments {
            if let Some(axis) = argument.batch_axis
                && !argument.ty.shape[axis].is_multiple_of(devices)
            {
                return Err(ExportError::Devices(format!(
                    "the batch of `{}` has {} rows, which {devices} devices cannot share evenly: make it a multiple \
                     of {devices}",
                    argument.name, argument.ty.shape[axis]
                )));
            }
        }
        let labels = Labels::new(program)?;
        let axis = |share: Share| match share {
            Share::Rows(axis) => Some(axis),
            Share::Whole | Share::Part => None,
        };
        let results = program.results.iter().map(|r| axis(labels.share[r.id.index()])).collect();
        Ok(Self { devices, program: cut::program(program, &labels, devices)?, results })
    }

    /// The number of elements all-reduced per call.
    pub fn reduced(&self) -> usize {
        let sums =
            self.program.collectives.iter().filter(|(_, op)| matches!(op, Collective::AllReduce { .. }));
        let live = sums.filter(|(id, _)| self.program.live[id.index()]);
        live.map(|(id, _)| self.program.graph.node(*id).map_or(0, |node| node.ty.shape.count())).sum()
    }
}

#[cfg(test)]
mod tests;
