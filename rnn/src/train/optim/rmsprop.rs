//! `RMSProp`: gradients divided by the running root of their mean square.

use serde::{Deserialize, Serialize};

use super::{Rule, single};

/// Tieleman & Hinton 2012, lecture 6.5; with momentum as in Graves 2013, eq. 38 to 45, not centred.
///
/// ```text
/// g ← g + λ θ
/// v ← ρ v + (1 − ρ) g²
/// b ← μ b + g / (√v + ε)
/// θ ← θ − α b
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// ρ: the decay rate of the mean square. `PyTorch` calls it alpha.
    pub alpha: f64,
    /// ε: keeps the division finite.
    pub eps: f64,
    /// μ: the momentum.
    pub momentum: f64,
    /// λ: the coefficient of the L2 penalty.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { alpha: 0.99, eps: 1e-8, momentum: 0.0, weight_decay: 0.0 }
    }
}

/// Without momentum.
impl Rule<1> for RmsProp {
    const STATE: [&'static str; 1] = ["square_avg"];

    fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 1]) -> (f32, [f32; 1]) {
        let (alpha, epsilon, lambda) = (single(rate), single(self.eps), single(self.weight_decay));
        let (rho, rho_rest) = (single(self.alpha), single(1.0 - self.alpha));
        move |theta, g, [v]| {
            let g = g + lambda * theta;
            let v = rho * v + rho_rest * g * g;
            (theta - alpha * g / (v.sqrt() + epsilon), [v])
        }
    }
}

/// With momentum.
impl Rule<2> for RmsProp {
    const STATE: [&'static str; 2] = ["square_avg", "momentum_buffer"];

    fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 2]) -> (f32, [f32; 2]) {
        let (alpha, epsilon, lambda) = (single(rate), single(self.eps), single(self.weight_decay));
        let (rho, rho_rest, mu) = (single(self.alpha), single(1.0 - self.alpha), single(self.momentum));
        move |theta, g, [v, b]| {
            let g = g + lambda * theta;
            let v = rho * v + rho_rest * g * g;
            let b = mu * b + g / (v.sqrt() + epsilon);
            (theta - alpha * b, [v, b])
        }
    }
}
