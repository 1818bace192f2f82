//! Stochastic gradient descent, plain or with momentum.

use serde::{Deserialize, Serialize};

use super::{Rule, single};

/// Robbins & Monro 1951; momentum of Polyak 1964; Nesterov's form as in Sutskever et al. 2013.
///
/// ```text
/// g ← g + λ θ
/// b ← μ b + g
/// θ ← θ − α b            Nesterov: θ ← θ − α (g + μ b)
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// μ: the momentum.
    pub momentum: f64,
    /// λ: the coefficient of the L2 penalty.
    pub weight_decay: f64,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
}

/// Without momentum: no state.
impl Rule<0> for Sgd {
    const STATE: [&'static str; 0] = [];

    fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 0]) -> (f32, [f32; 0]) {
        let (alpha, lambda) = (single(rate), single(self.weight_decay));
        move |theta, g, []| (theta - alpha * (g + lambda * theta), [])
    }
}

/// With momentum.
impl Rule<1> for Sgd {
    const STATE: [&'static str; 1] = ["momentum_buffer"];

    fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 1]) -> (f32, [f32; 1]) {
        let (alpha, mu, lambda) = (single(rate), single(self.momentum), single(self.weight_decay));
        let nesterov = self.nesterov;
        move |theta, g, [b]| {
            let g = g + lambda * theta;
            let b = mu * b + g;
            let direction = if nesterov { g + mu * b } else { b };
            (theta - alpha * direction, [b])
        }
    }
}
