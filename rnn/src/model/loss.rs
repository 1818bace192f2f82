//! Losses, element by element; the mean divides their sum by a count that the model knows.

use autograd::Expr;
use serde::{Deserialize, Serialize};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// `−Σ t ⊙ ln softmax(z)`, t being a unit vector for each row, or zero for a row that is ignored.
    CrossEntropy,
    /// `Σ (z − t)²`
    MeanSquared,
    /// `Σ ln(1 + eᶻ) − t ⊙ z`: the cross entropy of σ(z) with a target in [0, 1], without the overflow.
    BinaryCrossEntropy,
}

impl Loss {
    /// The terms of the sum, `[batch, outputs]`, for logits or values `z` and targets of the same shape.
    #[track_caller]
    pub fn terms<'g>(self, z: Expr<'g>, target: Expr<'g>) -> Expr<'g> {
        match self {
            Self::CrossEntropy => -(target * z.log_softmax(1)),
            Self::MeanSquared => (z - target).powi(2),
            Self::BinaryCrossEntropy => z.softplus() - target * z,
        }
    }

    /// Whether targets are classes and not real numbers.
    pub fn is_of_classes(self) -> bool {
        self == Self::CrossEntropy
    }
}
