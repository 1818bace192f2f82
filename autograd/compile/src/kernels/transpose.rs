//! The transpose of a matrix, by lines of the cache.

use super::machine::vectorised;

/// The elements of a line: one cache line of `f32`.
const SIDE: usize = 16;

vectorised! {
    /// `y = xᵀ` for x of this shape, whose rows are `apart[0]` elements apart, and those of y `apart[1]`. A line of y
    /// is gathered from as many rows of x, which stay in the L1 cache for the lines after it, and is written at once: rows
    /// that are a power of two apart share few sets of the cache, and elements written one by one would drive each other
    /// out.
    ///
    /// # Panics
    /// If a matrix does not lie in its slice.
    pub fn transpose<S, M>(y: &mut [S], x: &[S], shape: [usize; 2], apart: [usize; 2]) {
        let [rows, columns] = shape;
        for block in (0..columns).step_by(SIDE) {
            for i in (0..rows).step_by(SIDE) {
                for j in block..columns.min(block + SIDE) {
                    let at = |k: usize| x[(i + k) * apart[0] + j];
                    let to = &mut y[j * apart[1] + i..];
                    if rows - i >= SIDE {
                        to[..SIDE].copy_from_slice(&std::array::from_fn::<S, SIDE, _>(at));
                    } else {
                        to[..rows - i].iter_mut().enumerate().for_each(|(k, to)| *to = at(k));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transpose;

    /// Rows no distance apart are one row, many times: a broadcast.
    #[test]
    fn a_broadcast_is_transposed() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let mut y = vec![7.0; 20 * 18];
        transpose(&mut y, &x, [18, 20], [0, 18]);
        assert!(y.iter().enumerate().all(|(at, &y)| y == x[at / 18]));
    }

    #[test]
    fn every_element_goes_to_its_place_and_no_other_is_touched() {
        for (rows, columns) in [(1, 1), (16, 16), (5, 40), (33, 17), (64, 512), (1, 50), (50, 1)] {
            for [wide, tall] in [[0, 0], [3, 7]] {
                let apart = [columns + wide, rows + tall];
                let x: Vec<f32> = (0..(rows - 1) * apart[0] + columns).map(|i| i as f32 + 1.0).collect();
                let mut y = vec![0.0; (columns - 1) * apart[1] + rows];
                transpose(&mut y, &x, [rows, columns], apart);
                for (at, &y) in y.iter().enumerate() {
                    let (j, i) = (at / apart[1], at % apart[1]);
                    let expected = if i < rows { x[i * apart[0] + j] } else { 0.0 };
                    assert_eq!(y, expected, "{rows} × {columns}, at {j}, {i}");
                }
            }
        }
    }
}
