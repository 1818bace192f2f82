//! Converts batches of data to a network's inputs.

use crate::data::{Classification, Regression, Transduction};
use crate::model::Batch;
use autograd::Value;
use ndarray::{Array1, Array2, Axis};

/// Rounds to single precision.
#[allow(clippy::cast_possible_truncation)] // training is in f32
fn single(x: f64) -> f32 {
    x as f32
}

impl From<Transduction> for Batch {
    fn from(batch: Transduction) -> Self {
        let Transduction { inputs, targets } = batch;
        Self { x: Value::Index(inputs.into_dyn()), y: Value::Index(targets.into_dyn()), lengths: None }
    }
}

impl From<Regression> for Batch {
    fn from(batch: Regression) -> Self {
        Self { x: batch.inputs.mapv(single).into(), y: batch.targets.mapv(single).into(), lengths: None }
    }
}

impl Batch {
    /// Pads a batch of sequences until `steps` divides its length, so that batches of many lengths share few
    /// networks. Padding changes no result.
    pub fn padded(batch: Classification, steps: usize) -> Self {
        let Classification { mut inputs, lengths, targets } = batch;
        let more = inputs.nrows().max(1).next_multiple_of(steps) - inputs.nrows();
        let padding = Array2::zeros((more, inputs.ncols()));
        inputs.append(Axis(0), padding.view()).expect("the padding is as wide as the batch");
        Self {
            x: Value::Index(inputs.into_dyn()),
            y: Value::Index(Array1::from(targets).into_dyn()),
            lengths: Some(lengths),
        }
    }
}
