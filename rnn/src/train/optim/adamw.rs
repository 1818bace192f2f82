//! `AdamW`: Adam with decoupled weight decay.

use serde::{Deserialize, Serialize};

use super::{Adam, Rule, single};

/// Loshchilov & Hutter 2019, algorithm 2.
///
/// ```text
/// θ ← (1 − α λ) θ, then Adam without decay
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// β₁: the decay rate of the mean gradient.
    pub beta1: f64,
    /// β₂: the decay rate of the mean square.
    pub beta2: f64,
    /// ε: keeps the division finite.
    pub eps: f64,
    /// λ: the weight decay, multiplied by the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 }
    }
}

impl Rule<2> for AdamW {
    const STATE: [&'static str; 2] = Adam::STATE;

    fn update(self, step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 2]) -> (f32, [f32; 2]) {
        let Self { beta1, beta2, eps, weight_decay } = self;
        let adam = Adam { beta1, beta2, eps, weight_decay: 0.0 }.update(step, rate);
        let shrink = single(1.0 - rate * weight_decay);
        move |theta, g, state| adam(shrink * theta, g, state)
    }
}
