//! The largest singular value of a matrix.

use ndarray::{Array1, ArrayView2};

/// The maximum number of Lanczos vectors: the largest singular value has converged long before.
const MOST: usize = 64;

/// ‖A‖₂, the largest singular value: how far a matrix can stretch a vector. By the Lanczos method on `AᵀA` with full
/// orthogonalisation, which is exact for up to 64 columns and converges to rounding for nearly all others; it never
/// exceeds the true value by more than rounding. NaN if the matrix is not finite.
///
/// ```
/// let stretch = ndarray::arr2(&[[0.0, 3.0], [2.0, 0.0]]);
/// assert!((rnn_lab::study::spectral_norm(stretch.view()) - 3.0).abs() < 1e-12);
/// ```
pub fn spectral_norm(a: ArrayView2<f64>) -> f64 {
    let scale = a.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if !scale.is_finite() || a.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if scale == 0.0 {
        return 0.0;
    }
    let a = &a / scale;
    let n = a.ncols();
    // A start vector that is orthogonal to the wanted singular vector only by chance.
    let mut q = Array1::from_shape_fn(n, |i| 1.0 + ((i + 1) as f64 * 0.618_033_988_749_894_9).fract());
    q /= q.dot(&q).sqrt();
    let (mut basis, mut alphas, mut betas) = (Vec::<Array1<f64>>::new(), Vec::new(), Vec::new());
    loop {
        let mut r = a.t().dot(&a.dot(&q));
        alphas.push(q.dot(&r));
        basis.push(q);
        // Orthogonalising twice is enough (Parlett 1980).
        for _ in 0..2 {
            for v in &basis {
                let along = v.dot(&r);
                r.scaled_add(-along, v);
            }
        }
        let beta = r.dot(&r).sqrt();
        let top = alphas.iter().copied().fold(0.0, f64::max);
        if basis.len() == n.min(MOST) || beta <= 1e-14 * top.max(1e-300) {
            break;
        }
        betas.push(beta);
        q = r / beta;
    }
    scale * largest_eigenvalue(&alphas, &betas).max(0.0).sqrt()
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, by bisection: x is above it if T − x·1 has no positive
/// pivot.
fn largest_eigenvalue(diagonal: &[f64], beside: &[f64]) -> f64 {
    let above = |x: f64| {
        let mut pivot = diagonal[0] - x;
        pivot <= 0.0
            && diagonal[1..].iter().zip(beside).all(|(d, b)| {
                pivot = d - x - b * b / pivot.min(-1e-300);
                pivot <= 0.0
            })
    };
    let radius = |i: usize| {
        let left = if i > 0 { beside[i - 1] } else { 0.0 };
        left + beside.get(i).copied().unwrap_or(0.0)
    };
    let (mut low, mut high) =
        diagonal.iter().enumerate().fold((f64::NEG_INFINITY, 0.0_f64), |(low, high), (i, &d)| {
            (low.max(d), high.max(d + radius(i))) // Gershgorin
        });
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if above(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Ix2};
    use rnn::init::{self, Init};

    fn random(rows: usize, columns: usize) -> Array2<f64> {
        let drawn = Init::Normal { std: 1.0 }.draw(&[rows, columns], 1, &mut init::rng(3, "a")).unwrap();
        drawn.mapv(f64::from).into_dimensionality::<Ix2>().unwrap()
    }

    fn orthogonal(n: usize, seed: u64) -> Array2<f64> {
        // A product of reflections is orthogonal to rounding.
        let mut q = Array2::<f64>::eye(n);
        for i in 0..n {
            let v = Init::Normal { std: 1.0 }.draw(&[n], 1, &mut init::rng(seed, &i.to_string())).unwrap();
            let v: Array1<f64> = v.iter().map(|&x| f64::from(x)).collect();
            let square = v.dot(&v);
            let projected =
                v.view().insert_axis(ndarray::Axis(1)).dot(&q.t().dot(&v).insert_axis(ndarray::Axis(0)));
            q = q - projected * (2.0 / square);
        }
        q
    }

    #[test]
    fn of_rotated_diagonals_it_is_the_largest_entry() {
        for n in [1, 2, 7, 64, 150] {
            let diagonal = Array1::from_shape_fn(n, |i| 2.5 / (1.0 + 0.1 * i as f64));
            let a = orthogonal(n, 1).dot(&Array2::from_diag(&diagonal)).dot(&orthogonal(n, 2));
            let found = spectral_norm(a.view());
            assert!((found - 2.5).abs() < 1e-9, "{n}: {found}");
        }
    }

    #[test]
    fn it_is_the_power_method_s_limit_and_scales() {
        let a = random(30, 20);
        let mut v = Array1::<f64>::ones(20);
        for _ in 0..20_000 {
            v = a.t().dot(&a.dot(&v));
            v /= v.dot(&v).sqrt();
        }
        let want = a.dot(&v).dot(&a.dot(&v)).sqrt();
        assert!((spectral_norm(a.view()) / want - 1.0).abs() < 1e-12);
        for scale in [1e-200, 1e200] {
            assert!((spectral_norm((&a * scale).view()) / (want * scale) - 1.0).abs() < 1e-12);
        }
        assert!(spectral_norm(Array2::zeros((3, 3)).view()) == 0.0);
        assert!(spectral_norm(Array2::from_elem((2, 2), f64::NAN).view()).is_nan());
    }
}
