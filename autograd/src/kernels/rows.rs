//! Kernels on the rows of a row-major matrix `[m, n]`: biases, sums, softmax, rows of a table.
//!
//! # Panics
//! Every function of this module panics if the lengths of its slices are not those of the shapes given.

use super::machine::{Machine, vectorised};
use super::math;
use super::real::Real;

/// The largest element; NaN if any is.
#[inline(always)]
fn largest<S: Real>(x: &[S]) -> S {
    let pick = |a: S, b: S| if a >= b || a != a { a } else { b };
    let mut parts = [-S::INFINITY; 16];
    let blocks = x.chunks_exact(16);
    parts.iter_mut().zip(blocks.remainder()).for_each(|(y, &x)| *y = pick(*y, x));
    blocks.for_each(|block| parts.iter_mut().zip(block).for_each(|(y, &x)| *y = pick(x, *y)));
    parts.into_iter().fold(-S::INFINITY, |a, b| pick(b, a))
}

/// `y = f(x)` element by element, and `Σ y`. The elements after the last full block take the place of a block
/// of which only they count.
#[inline(always)]
fn sum_of<S: Real>(x: &[S], mut f: impl FnMut(S) -> S) -> S {
    let mut parts = [S::ZERO; 16];
    let blocks = x.chunks_exact(16);
    let rest = blocks.remainder();
    for block in blocks {
        for (y, &x) in parts.iter_mut().zip(block) {
            *y += f(x);
        }
    }
    if !rest.is_empty() {
        let mut block = [S::ZERO; 16];
        block[..rest.len()].copy_from_slice(rest);
        block.iter_mut().for_each(|x| *x = f(*x));
        parts.iter_mut().zip(&block[..rest.len()]).for_each(|(y, &x)| *y += x);
    }
    parts.into_iter().fold(S::ZERO, |a, b| a + b)
}

/// The largest element m of a row, and `ln Σ eˣ⁻ᵐ`, as the interpreter keeps them apart.
#[inline(always)]
fn log_sum_exp_row<S: Real, M: Machine>(x: &[S]) -> [S; 2] {
    let top = largest(x);
    [top, math::ln::<S, M>(sum_of(x, |x| math::exp::<S, M>(x - top)))]
}

/// `n`, checked to be the length of a row.
fn row_length(matrix: usize, m: usize) -> usize {
    assert!(m > 0 && matrix.is_multiple_of(m), "{matrix} elements are not {m} rows");
    matrix / m
}

vectorised! {
    /// `Y += r`, the row r added to every row.
    ///
    /// shape   Y: [m, n], r: [n]
    pub fn accumulate_row<S, M>(y: &mut [S], row: &[S]) {
        if row.is_empty() { return }
        assert!(y.len().is_multiple_of(row.len()));
        for y in y.chunks_exact_mut(row.len()) {
            y.iter_mut().zip(row).for_each(|(y, &x)| *y += x);
        }
    }

    /// `Y = A + r`, the row r added to every row.
    ///
    /// shape   Y, A: [m, n], r: [n]
    pub fn add_row<S, M>(y: &mut [S], a: &[S], row: &[S]) {
        if row.is_empty() { return }
        assert!(y.len() == a.len() && y.len().is_multiple_of(row.len()));
        for (y, a) in y.chunks_exact_mut(row.len()).zip(a.chunks_exact(row.len())) {
            y.iter_mut().zip(a).zip(row).for_each(|((y, &a), &x)| *y = a + x);
        }
    }

    /// `y += Σ` of the rows of A.
    ///
    /// shape   y: [n], A: [m, n]
    pub fn accumulate_column_sums<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        assert!(a.len().is_multiple_of(y.len()));
        for a in a.chunks_exact(y.len()) {
            y.iter_mut().zip(a).for_each(|(y, &x)| *y += x);
        }
    }

    /// `y = Σ` of each row of A.
    ///
    /// shape   y: [m], A: [m, n]
    pub fn row_sums<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        let n = row_length(a.len(), y.len());
        for (i, y) in y.iter_mut().enumerate() {
            *y = sum_of(&a[i * n..][..n], |x| x);
        }
    }

    /// `y = max` of each row of A; NaN if any of its elements is.
    ///
    /// shape   y: [m], A: [m, n]
    pub fn row_maxima<S, M>(y: &mut [S], a: &[S]) {
        if y.is_empty() { return }
        let n = row_length(a.len(), y.len());
        for (i, y) in y.iter_mut().enumerate() {
            *y = largest(&a[i * n..][..n]);
        }
    }

    /// `y = ln Σ eˣ` of each row x.
    ///
    /// shape   y: [m], X: [m, n]
    pub fn log_sum_exp<S, M>(y: &mut [S], x: &[S]) {
        if y.is_empty() { return }
        let n = row_length(x.len(), y.len());
        for (i, y) in y.iter_mut().enumerate() {
            let [top, rest] = log_sum_exp_row::<S, M>(&x[i * n..][..n]);
            *y = if top - top == S::ZERO { top + rest } else { top };
        }
    }

    /// `y = x − ln Σ eˣ` of each row x.
    ///
    /// shape   Y, X: [m, n]
    pub fn log_softmax<S, M>(y: &mut [S], x: &[S], n: usize) {
        assert!(y.len() == x.len() && n > 0 && y.len().is_multiple_of(n));
        for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(n)) {
            let [top, rest] = log_sum_exp_row::<S, M>(x);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - top - rest);
        }
    }

    /// `y = eˣ / Σ eˣ` of each row x.
    ///
    /// shape   Y, X: [m, n]
    pub fn softmax<S, M>(y: &mut [S], x: &[S], n: usize) {
        assert!(y.len() == x.len() && n > 0 && y.len().is_multiple_of(n));
        for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(n)) {
            let [top, rest] = log_sum_exp_row::<S, M>(x);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = math::exp::<S, M>(x - top - rest));
        }
    }

    /// The adjoint through [`log_softmax`]: `x̄ = ȳ − eʸ Σ ȳ` of each row.
    ///
    /// shape   X̄, Y, Ȳ: [m, n]
    pub fn log_softmax_adjoint<S, M>(dx: &mut [S], y: &[S], dy: &[S], n: usize) {
        assert!(dx.len() == y.len() && dx.len() == dy.len() && n > 0 && y.len().is_multiple_of(n));
        for ((dx, y), dy) in dx.chunks_exact_mut(n).zip(y.chunks_exact(n)).zip(dy.chunks_exact(n)) {
            let total = sum_of(dy, |dy| dy);
            for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                *dx = dy - math::exp::<S, M>(y) * total;
            }
        }
    }
}

/// `y[i] = A[i, k[i]]`: one element of each row, as cross entropy takes it.
///
/// shape   y: [m], A: [m, n], k: [m]
pub fn pick<S: Real>(y: &mut [S], a: &[S], index: &[usize]) {
    if y.is_empty() {
        return;
    }
    let n = row_length(a.len(), y.len());
    assert_eq!(y.len(), index.len());
    for ((y, row), &k) in y.iter_mut().zip(a.chunks_exact(n)).zip(index) {
        *y = row[k];
    }
}

/// `y[i] = A[k[i]]`: rows of a table by their numbers.
///
/// shape   Y: [m, n], A: [rows, n], k: [m]
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
    /// `Y[k[i]] += A[i]`: rows added into a table by their numbers.
    ///
    /// shape   Y: [rows, n], A: [m, n], k: [m]
    pub fn accumulate_scattered<S, M>(table: &mut [S], a: &[S], index: &[usize]) {
        if index.is_empty() { return }
        let n = row_length(a.len(), index.len());
        for (i, &k) in index.iter().enumerate() {
            table[k * n..][..n].iter_mut().zip(&a[i * n..][..n]).for_each(|(y, &x)| *y += x);
        }
    }
}
