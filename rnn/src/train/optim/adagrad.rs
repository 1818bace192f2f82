//! Adagrad: a learning rate for each element, which falls with the squares of its gradients.

use serde::{Deserialize, Serialize};

use super::{Rule, single};

/// Duchi, Hazan & Singer 2011, figure 1, diagonal form.
///
/// ```text
/// g ← g + λ θ
/// s ← s + g²
/// θ ← θ − α g / (√s + ε)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// ε: keeps the division finite.
    pub eps: f64,
    /// λ: the coefficient of the L2 penalty.
    pub weight_decay: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self { eps: 1e-10, weight_decay: 0.0 }
    }
}

impl Rule<1> for Adagrad {
    const STATE: [&'static str; 1] = ["sum"];

    fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 1]) -> (f32, [f32; 1]) {
        let (alpha, epsilon, lambda) = (single(rate), single(self.eps), single(self.weight_decay));
        move |theta, g, [s]| {
            let g = g + lambda * theta;
            let s = s + g * g;
            (theta - alpha * g / (s.sqrt() + epsilon), [s])
        }
    }
}
