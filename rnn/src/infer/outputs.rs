//! The outputs of a model that reads real features.

use super::{InferError, softmax};
use crate::model::{Batch, Engine, Loss, Mode, Model, Networks};
use crate::parameters::Parameters;
use ndarray::{Array2, Axis};

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// `W h + b`
    Values,
    /// Probabilities of classes, of which one is right: a softmax.
    Classes,
    /// A probability each: σ.
    Probabilities,
}

impl From<Loss> for Outputs {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::MeanSquared => Self::Values,
            Loss::CrossEntropy => Self::Classes,
            Loss::BinaryCrossEntropy => Self::Probabilities,
        }
    }
}

/// The outputs for a sequence `[time, feature]`: `[time, outputs]`, or `[1, outputs]` if the head reads a sequence as a
/// whole. They are probabilities if the loss is a cross entropy ([`Outputs`]).
///
/// # Errors
/// If the sequence is empty, the model does not read its features, or an output is not finite.
pub fn outputs(model: &Model, parameters: &Parameters, x: &Array2<f32>) -> Result<Array2<f64>, InferError> {
    if x.nrows() == 0 {
        return Err(InferError::Nothing);
    }
    let feed = Batch::untargeted(model, x.clone().insert_axis(Axis(1)).into_dyn());
    let outcome = Networks::new(model, Mode::default(), 1).run(parameters, &feed, &[], 0, false)?;
    let mut rows = Array2::zeros((outcome.outputs.len(), model.outputs));
    for (mut row, output) in rows.rows_mut().into_iter().zip(&outcome.outputs) {
        let z = output.iter().map(|&z| f64::from(z));
        let values: Vec<f64> = match model.loss.into() {
            Outputs::Values => z.collect(),
            Outputs::Classes => softmax(z),
            Outputs::Probabilities => z.map(|z| 1.0 / (1.0 + (-z).exp())).collect(),
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err(InferError::NotFinite);
        }
        row.assign(&ndarray::Array1::from(values));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Head, Inits, Input, Start};

    /// Of a net without weights but the head's bias, the outputs are functions of the bias.
    #[test]
    fn outputs_are_values_or_probabilities() {
        let model = |loss, head| Model {
            cell: "elman".into(),
            input: Input::Reals { size: 2 },
            hidden: 3,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head,
            outputs: 2,
            loss,
            init: Inits::default(),
        };
        let x = ndarray::array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        for (loss, wanted) in [
            (Loss::MeanSquared, [0.0, 3_f64.ln()]),
            (Loss::CrossEntropy, [0.25, 0.75]),
            (Loss::BinaryCrossEntropy, [0.5, 0.75]),
        ] {
            for (head, steps) in [(Head::EachStep, 3), (Head::Last, 1), (Head::Mean, 1)] {
                let model = model(loss, head);
                let mut parameters = model.first_parameters(1).unwrap();
                parameters.iter_mut().for_each(|(_, array)| array.fill(0.0));
                parameters.insert("head.bias", ndarray::arr1(&[0.0, 3_f32.ln()]).into_dyn());
                let found = outputs(&model, &parameters, &x).unwrap();
                assert_eq!(found.dim(), (steps, 2));
                assert!(
                    found
                        .rows()
                        .into_iter()
                        .all(|row| (&row - &ndarray::arr1(&wanted)).iter().all(|d| d.abs() < 1e-6))
                );
            }
        }
        let none = outputs(&model(Loss::MeanSquared, Head::Last), &Parameters::new(), &Array2::zeros((0, 2)));
        assert!(matches!(none, Err(InferError::Nothing)));
    }
}
