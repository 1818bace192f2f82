//! Places items in a row, each as near as possible to its preferred position.

/// The positions `p` in ascending order, with `p[i + 1] − p[i] ≥ gap[i]`, that minimise
/// `Σ weight[i] (p[i] − want[i])²`.
///
/// Without the gaps this is isotonic regression, solved by pooling adjacent violators in linear time (Ayer et al.
/// 1955); subtracting the running sum of the gaps removes them.
pub(super) fn spread(want: &[f64], gap: &[f64], weight: &[f64]) -> Vec<f64> {
    let offsets: Vec<f64> = std::iter::once(0.0)
        .chain(gap.iter().scan(0.0, |sum, g| {
            *sum += g;
            Some(*sum)
        }))
        .collect();
    // Mean, weight and length of each pool.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for ((want, offset), &weight) in want.iter().zip(&offsets).zip(weight) {
        let mut pool = (want - offset, weight, 1);
        while let Some(&(mean, w, n)) = pools.last()
            && mean >= pool.0
        {
            pool = ((mean * w + pool.0 * pool.1) / (w + pool.1), w + pool.1, n + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|&(mean, _, n)| std::iter::repeat_n(mean, n));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn least_squares_by_hand() {
        // Two items with the same preference move equally; a third far away stays.
        assert_eq!(spread(&[0.0, 0.0, 9.0], &[2.0, 2.0], &[1.0; 3]), [-1.0, 1.0, 9.0]);
        // An item of weight 3 moves a quarter of the way.
        assert_eq!(spread(&[0.0, 0.0], &[4.0], &[3.0, 1.0]), [-1.0, 3.0]);
    }
}
