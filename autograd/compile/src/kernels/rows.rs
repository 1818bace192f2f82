//! Kernels on the rows of a row-major matrix `[m, n]`: sums, maxima, softmax, rows of a table.
//!
//! # Panics
//! Every function of this module panics if the lengths of its slices do not match the shapes given.

use super::machine::{Machine, vectorised};
use super::math;
use super::real::Real;
use super::strips::{BLOCK, by_blocks};

/// The maximum of two; NaN if either is.
#[inline(always)]
fn larger<S: Real>(a: S, b: S) -> S {
    // Only NaN differs from itself.
    if a >= b || a != a { a } else { b }
}

/// The maximum; NaN if any element is.
#[inline(always)]
fn largest<S: Real>(x: &[S]) -> S {
    let mut parts = [-S::INFINITY; BLOCK];
    let (blocks, rest) = x.as_chunks::<BLOCK>();
    for block in blocks {
        for (y, &x) in parts.iter_mut().zip(block) {
            *y = larger(x, *y);
        }
    }
    for (y, &x) in parts.iter_mut().zip(rest) {
        *y = larger(x, *y);
    }
    let mut width = BLOCK;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            parts[i] = larger(parts[i], parts[i + width]);
        }
    }
    parts[0]
}

/// `Σ x`
#[inline(always)]
fn total<S: Real>(x: &[S]) -> S {
    let mut parts = [S::ZERO; BLOCK];
    let (blocks, rest) = x.as_chunks::<BLOCK>();
    for block in blocks {
        for (y, &x) in parts.iter_mut().zip(block) {
            *y += x;
        }
    }
    for (y, &x) in parts.iter_mut().zip(rest) {
        *y += x;
    }
    halved(parts)
}

/// `Σ eˣ⁻ᵐ`
#[inline(always)]
fn exp_total<S: Real, M: Machine>(x: &[S], m: S) -> S {
    let mut parts = [S::ZERO; BLOCK];
    let (blocks, rest) = x.as_chunks::<BLOCK>();
    for block in blocks {
        for l in 0..BLOCK {
            parts[l] += math::exp::<S, M>(block[l] - m);
        }
    }
    if !rest.is_empty() {
        let mut block = [m; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        for l in 0..BLOCK {
            let power = math::exp::<S, M>(block[l] - m);
            parts[l] += if l < rest.len() { power } else { S::ZERO };
        }
    }
    halved(parts)
}

/// The sum of a block, pairwise.
#[inline(always)]
fn halved<S: Real>(mut parts: [S; BLOCK]) -> S {
    let mut width = BLOCK;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            parts[i] += parts[i + width];
        }
    }
    parts[0]
}

/// The maximum m of each row, and `ln Σ eˣ⁻ᵐ`, separately as in the interpreter. Processes up to a block of rows at
/// once, so that their logarithms vectorise.
#[inline(always)]
fn log_sum_exps<S: Real, M: Machine>(x: &[S], n: usize) -> [[S; BLOCK]; 2] {
    let (mut tops, mut rests) = ([S::ZERO; BLOCK], [S::ONE; BLOCK]);
    for (i, x) in x.chunks_exact(n).enumerate() {
        tops[i] = largest(x);
        rests[i] = exp_total::<S, M>(x, tops[i]);
    }
    for y in &mut rests {
        *y = math::ln::<S, M>(*y);
    }
    [tops, rests]
}

/// Checks that `n` is the length of a row.
fn row_length(matrix: usize, m: usize) -> usize {
    assert!(m > 0 && matrix.is_multiple_of(m), "{matrix} elements are not {m} rows");
    matrix / m
}

vectorised! {
    /// `y += Σ` of the rows of A.
    ///
    /// shape   `y: [n], A: [m, n]`
    pub fn accumulate_column_sums<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        assert!(a.len().is_multiple_of(y.len()));
        for a in a.chunks_exact(y.len()) {
            y.iter_mut().zip(a).for_each(|(y, &x)| *y += x);
        }
    }

    /// `y = Σ` of each row of A.
    ///
    /// shape   `y: [m], A: [m, n]`
    pub fn row_sums<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        let n = row_length(a.len(), y.len());
        for (i, y) in y.iter_mut().enumerate() {
            *y = total(&a[i * n..][..n]);
        }
    }

    /// `y = max` of each row of A; NaN if any of its elements is.
    ///
    /// shape   `y: [m], A: [m, n]`
    pub fn row_maxima<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        let n = row_length(a.len(), y.len());
        for (i, y) in y.iter_mut().enumerate() {
            *y = largest(&a[i * n..][..n]);
        }
    }

    /// `y = ln Σ eˣ` of each row x.
    ///
    /// shape   `y: [m], X: [m, n]`
    pub fn log_sum_exp<S, M>(y: &mut [S], x: &[S]) {
        if y.is_empty() { return }
        let n = row_length(x.len(), y.len());
        for (y, x) in y.chunks_mut(BLOCK).zip(x.chunks(BLOCK * n)) {
            let [tops, rests] = log_sum_exps::<S, M>(x, n);
            for (y, (top, rest)) in y.iter_mut().zip(tops.into_iter().zip(rests)) {
                *y = if top - top == S::ZERO { top + rest } else { top };
            }
        }
    }

    /// `y = x − ln Σ eˣ` of each row x.
    ///
    /// shape   `Y, X: [m, n]`
    pub fn log_softmax<S, M>(y: &mut [S], x: &[S], n: usize) {
        assert!(y.len() == x.len() && n > 0 && y.len().is_multiple_of(n));
        for (y, x) in y.chunks_mut(BLOCK * n).zip(x.chunks(BLOCK * n)) {
            let [tops, rests] = log_sum_exps::<S, M>(x, n);
            for (i, (y, x)) in y.chunks_exact_mut(n).zip(x.chunks_exact(n)).enumerate() {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = x - tops[i] - rests[i];
                }
            }
        }
    }

    /// `y = eˣ / Σ eˣ` of each row x.
    ///
    /// shape   `Y, X: [m, n]`
    pub fn softmax<S, M>(y: &mut [S], x: &[S], n: usize) {
        assert!(y.len() == x.len() && n > 0 && y.len().is_multiple_of(n));
        for (y, x) in y.chunks_mut(BLOCK * n).zip(x.chunks(BLOCK * n)) {
            let [tops, rests] = log_sum_exps::<S, M>(x, n);
            for (i, (y, x)) in y.chunks_exact_mut(n).zip(x.chunks_exact(n)).enumerate() {
                by_blocks!(y, x, math::exp::<S, M>(x - tops[i] - rests[i]));
            }
        }
    }
}

/// `y[i] = A[k[i]]`: rows of a table by index.
///
/// shape   `Y: [m, n], A: [rows, n], k: [m]`
pub fn gather<S: Real>(y: &mut [S], table: &[S], index: &[usize]) {
    if index.is_empty() {
        return;
    }
    let n = row_length(y.len(), index.len());
    for (i, &k) in index.iter().enumerate() {
        y[i * n..][..n].copy_from_slice(&table[k * n..][..n]);
    }
}

vectorised! {
    /// `Y[k[i]] += A[i]`: rows added into a table by index.
    ///
    /// shape   `Y: [rows, n], A: [m, n], k: [m]`
    pub fn accumulate_scattered<S, M>(table: &mut [S], a: &[S], index: &[usize]) {
        if index.is_empty() { return }
        let n = row_length(a.len(), index.len());
        for (i, &k) in index.iter().enumerate() {
            table[k * n..][..n].iter_mut().zip(&a[i * n..][..n]).for_each(|(y, &x)| *y += x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Builder, Expr, Point, eval};
    use ndarray::{Array2, ArrayD};

    const M: usize = 19;

    /// Rows whose exponentials would overflow without care, one with an infinity and one with a NaN.
    fn rows(n: usize) -> ArrayD<f64> {
        let mut x = Array2::from_shape_fn((M, n), |(i, j)| ((i * 31 + j * 17) % 23) as f64 * 90.0 - 900.0);
        (x[[3, 0]], x[[4, n - 1]]) = (f64::NEG_INFINITY, f64::NAN);
        x.into_dyn()
    }

    /// The interpreter's result, for matrices of n columns.
    fn interpreted(x: &ArrayD<f64>, op: impl for<'g> Fn(Expr<'g>) -> Expr<'g>) -> Vec<f64> {
        let g = Builder::new();
        let input = g.input("x", [M, x.shape()[1]]);
        let y = op(input);
        let values = eval::<f64>(&g.graph().unwrap(), &Point::new().with(input, x.clone()), &[y]).unwrap();
        values[0].float().iter().copied().collect()
    }

    fn agree(ours: &[f64], theirs: &[f64]) {
        let near = |(a, b): (&f64, &f64)| {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() < 1e-12 * b.abs().max(1.0)
        };
        assert!(ours.len() == theirs.len() && ours.iter().zip(theirs).all(near), "{ours:?}\n{theirs:?}");
    }

    #[test]
    fn rows_are_the_interpreters() {
        for n in [1, 5, 16, 37, 300] {
            let x = rows(n);
            let data = x.as_slice().unwrap();
            let (mut y, mut short) = (vec![7.0; M * n], vec![7.0; M]);
            row_sums(&mut short, data);
            agree(&short, &interpreted(&x, |x| x.sum_over([1])));
            row_maxima(&mut short, data);
            agree(&short, &interpreted(&x, |x| x.max_over([1])));
            log_sum_exp(&mut short, data);
            agree(&short, &interpreted(&x, |x| x.logsumexp(1)));
            log_softmax(&mut y, data, n);
            agree(&y, &interpreted(&x, |x| x.log_softmax(1)));
            softmax(&mut y, data, n);
            agree(&y, &interpreted(&x, |x| x.softmax(1)));
        }
    }

    #[test]
    fn columns_and_indices() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut y = [0.0; 6];
        let mut sums = [1.0; 3];
        accumulate_column_sums(&mut sums, &a);
        assert_eq!(sums, [6.0, 8.0, 10.0]);
        gather(&mut y, &a, &[1, 1]);
        assert_eq!(y, [4.0, 5.0, 6.0, 4.0, 5.0, 6.0]);
        let mut table = [0.0; 6];
        accumulate_scattered(&mut table, &a, &[1, 1]);
        assert_eq!(table, [0.0, 0.0, 0.0, 5.0, 7.0, 9.0]);
    }
}
