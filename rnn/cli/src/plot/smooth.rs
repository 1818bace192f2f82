//! A moving mean.

/// The weighted mean of each value and its neighbours on both sides, whose weights halve every `half_life` steps. At
/// the ends it uses the existing neighbours.
pub fn smoothed(values: &[f64], half_life: f64) -> Vec<f64> {
    let keep = 0.5_f64.powf(1.0 / half_life.max(1e-9));
    // For each value, the weighted sum of it and all earlier ones, and the sum of the weights.
    let before = |values: &mut dyn Iterator<Item = &f64>| -> Vec<(f64, f64)> {
        let mut sums = (0.0, 0.0);
        let next = |&value: &f64| {
            sums = (keep * sums.0 + value, keep * sums.1 + 1.0);
            sums
        };
        values.map(next).collect()
    };
    let (left, right) = (before(&mut values.iter()), before(&mut values.iter().rev()));
    let both = left.iter().zip(right.iter().rev()).zip(values);
    both.map(|((l, r), value)| (l.0 + r.0 - value) / (l.1 + r.1 - 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_halves_weights() {
        // Weights 1, ½, ¼; then ½, 1, ½; then ¼, ½, 1.
        let found = smoothed(&[6.0, 4.0, 0.0], 1.0);
        assert!(found.iter().zip([32.0 / 7.0, 3.5, 2.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}
