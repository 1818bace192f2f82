//! Elementwise losses; the model divides their sum by a count to get the mean.

use autograd::Expr;
use serde::{Deserialize, Serialize};

/// The loss to minimise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// `−Σ t ⊙ ln softmax(z)` with one-hot rows t; a zero row is ignored.
    CrossEntropy,
    /// `Σ (z − t)²`
    MeanSquared,
    /// `Σ ln(1 + eᶻ) − t ⊙ z`: the cross entropy of σ(z) with a target in [0, 1], without overflow.
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

    /// Whether targets are classes, not real numbers.
    pub fn is_of_classes(self) -> bool {
        self == Self::CrossEntropy
    }
}
