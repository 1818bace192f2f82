//! Adam: momentum divided by the root of the mean square, both corrected for their start at zero.

use serde::{Deserialize, Serialize};

use super::{Rule, single};

/// Kingma & Ba 2015, algorithm 1.
///
/// ```text
/// g ← g + λ θ
/// m ← β₁ m + (1 − β₁) g        m̂ = m / (1 − β₁ᵗ)
/// v ← β₂ v + (1 − β₂) g²       v̂ = v / (1 − β₂ᵗ)
/// θ ← θ − α m̂ / (√v̂ + ε)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// β₁: the decay rate of the mean gradient.
    pub beta1: f64,
    /// β₂: the decay rate of the mean square.
    pub beta2: f64,
    /// ε: keeps the division finite.
    pub eps: f64,
    /// λ: the coefficient of the L2 penalty.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Rule<2> for Adam {
    const STATE: [&'static str; 2] = ["exp_avg", "exp_avg_sq"];

    fn update(self, step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 2]) -> (f32, [f32; 2]) {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let (beta1_rest, beta2, beta2_rest) =
            (single(1.0 - self.beta1), single(self.beta2), single(1.0 - self.beta2));
        let (epsilon, lambda) = (single(self.eps), single(self.weight_decay));
        // The bias corrections are the same for all elements: one goes into the rate.
        let alpha = single(rate / correction(self.beta1));
        let root_correction = single(correction(self.beta2).sqrt());
        move |theta, g, [m, v]| {
            let g = g + lambda * theta;
            let m = m + beta1_rest * (g - m);
            let v = beta2 * v + beta2_rest * g * g;
            (theta - alpha * m / (v.sqrt() / root_correction + epsilon), [m, v])
        }
    }
}
