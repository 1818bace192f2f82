//! The side column: stacked boxes, each as near as possible to the height of its users.

use super::spread::spread;

const GAP: f64 = 9.0;

/// The height of a column of boxes.
pub(super) fn height(sizes: &[f64]) -> f64 {
    sizes.iter().map(|size| size + GAP).sum()
}

/// The centres of boxes with preferred heights, in the given order, between two limits which are far enough apart.
pub(super) fn stack(wants: &[f64], sizes: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let gaps: Vec<f64> = sizes.windows(2).map(|s| f64::midpoint(s[0], s[1]) + GAP).collect();
    let mut middles = spread(wants, &gaps, &vec![1.0; wants.len()]);
    let mut least = top;
    for (middle, size) in middles.iter_mut().zip(sizes) {
        *middle = middle.max(least + (size + GAP) / 2.0);
        least = *middle + (size + GAP) / 2.0;
    }
    let mut most = bottom;
    for (middle, size) in middles.iter_mut().zip(sizes).rev() {
        *middle = middle.min(most - (size + GAP) / 2.0);
        most = *middle - (size + GAP) / 2.0;
    }
    middles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_limits_and_distance() {
        let sizes = [20.0, 30.0, 20.0];
        let middles = stack(&[95.0, 95.0, 0.0], &sizes, 0.0, height(&sizes));
        assert_eq!(middles, [14.5, 48.5, 82.5]);
    }
}
