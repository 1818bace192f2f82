//! Infers the precision of a function from its values.

use super::along::Subject;
use ndarray::ArrayD;

/// The number of evaluations.
const PROBES: i32 = 6;

/// The number of outputs examined.
const OUTPUTS: usize = 32;

/// Fewer numbers than this can be short by accident.
const ENOUGH: usize = 3;

/// Types with the number of significand bits they lack relative to `f64`, and their precision.
const TYPES: [(&str, u32, f64); 3] =
    [("bf16", 45, 7.8125e-3), ("f16", 42, 9.765_625e-4), ("f32", 29, 1.192_092_895_507_812_5e-7)];

/// The name and the precision of the smallest type that holds all of these numbers, if it is smaller than `f64` and they
/// are enough to tell.
pub(super) fn kind(values: &[f64]) -> Option<(&'static str, f64)> {
    if values.len() < ENOUGH {
        return None;
    }
    let zeros = |v: &f64| v.to_bits().trailing_zeros().min(52);
    let least = values.iter().map(zeros).min().unwrap_or(0);
    TYPES.iter().find(|(_, bits, _)| least >= *bits).map(|(name, _, precision)| (*name, *precision))
}

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Without a given precision, a function is taken to be computed in a smaller type if all of its values at
    /// irregular points end in as many zero bits as that type's.
    pub fn find_precision(&mut self, notes: &mut Vec<String>) {
        if self.check.precision.is_some() {
            return;
        }
        let scales: Vec<_> = (0..self.check.at.len()).map(|i| self.check.scale(i)).collect();
        let mut values: Vec<f64> = Vec::new();
        for k in 1..=PROBES {
            let part = |j: usize| {
                let golden = 0.5 * (5f64.sqrt() - 1.0);
                1e-2 * (golden * f64::from(k * k) + 0.37 * j as f64).fract()
            };
            let x: Vec<ArrayD<f64>> = self
                .check
                .at
                .iter()
                .zip(&scales)
                .map(|(x, scale)| {
                    let mut moved = x.clone();
                    let each = moved.iter_mut().zip(&scale.each).enumerate();
                    each.for_each(|(j, (x, s))| *x += part(j) * s * scale.length);
                    moved
                })
                .collect();
            for &value in self.value(&x).iter().take(OUTPUTS) {
                if value.is_finite() && value != 0.0 && !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        if let Some((name, precision)) = kind(&values) {
            self.precision = precision;
            self.rounding = self.rounding.max(precision);
            notes.push(format!(
                "every value of the function is an {name} number: it is taken to be computed so, and its gradient too"
            ));
        }
    }
}
