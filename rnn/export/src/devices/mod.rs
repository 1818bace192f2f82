//! The program of one device of several, each of which has a share of the batch.
//!
//! Every value is the same on all devices, or cut along the batch, or each device has a part of a sum ([`labels`]). A part
//! stays one as long as it is used linearly: the products of all steps are added up on the device, and a gradient is
//! summed over the devices once, however many steps it is of. Where a part is used otherwise, and where it is a result, it
//! is all-reduced. A partitioner that sees one operation at a time reduces the product of every step for itself.
//!
//! The program of a device is a [`Program`] like another, with two ops more ([`Collective`]): so its loops are found
//! like any other's.

mod collective;
mod cut;
mod labels;

pub use collective::Collective;

use crate::program::{ExportError, Program};
use labels::{Labels, Share};

/// A program for several devices.
#[derive(Clone, Debug)]
pub struct Shared {
    /// How many devices.
    pub devices: usize,
    /// What each of them runs, on its share of the batch.
    pub program: Program,
    /// By result: the axis along which it is cut; none if it is the same everywhere.
    pub results: Vec<Option<usize>>,
}

impl Shared {
    /// Shares a program out.
    ///
    /// # Errors
    /// If there are fewer than two devices or no batch, if the batch cannot be shared out evenly, or if some node does not
    /// let the batch be cut.
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

    /// How many numbers the devices add up together in a call.
    pub fn reduced(&self) -> usize {
        let sums =
            self.program.collectives.iter().filter(|(_, op)| matches!(op, Collective::AllReduce { .. }));
        let live = sums.filter(|(id, _)| self.program.live[id.index()]);
        live.map(|(id, _)| self.program.graph.node(*id).map_or(0, |node| node.ty.shape.count())).sum()
    }
}

#[cfg(test)]
mod tests;
