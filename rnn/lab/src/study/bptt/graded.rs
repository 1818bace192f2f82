//! A matrix whose rows differ in size beyond the range of `f64`: each row has its own exponent. And the QR
//! decomposition that extends a product of such a matrix.

use super::spectrum::two_to;
use autograd::Magnitude;
use nalgebra::{DMatrix, DVector};

/// Sweeps over all pairs of rows: Jacobi's method converges in a few.
const SWEEPS: usize = 40;

/// The rows of a matrix.
#[derive(Clone, Debug)]
pub(super) struct Rows(Vec<Row>);

/// Numbers of which the largest is between 1 and 2, times a power of 2; or zeros.
#[derive(Clone, Debug)]
struct Row {
    numbers: Vec<f64>,
    power: i64,
}

impl Row {
    fn new(mut numbers: Vec<f64>, power: i64) -> Self {
        let size = Magnitude::of(numbers.iter().fold(0.0, |m: f64, x| m.max(x.abs())));
        if size.is_zero() {
            return Self { numbers, power: 0 };
        }
        numbers.iter_mut().for_each(|x| *x *= two_to(-size.exponent()));
        Self { numbers, power: power + size.exponent() }
    }

    fn is_zero(&self) -> bool {
        self.numbers.iter().all(|x| *x == 0.0)
    }

    fn dot(&self, other: &Self) -> f64 {
        self.numbers.iter().zip(&other.numbers).map(|(a, b)| a * b).sum()
    }

    fn length(&self) -> Magnitude {
        Magnitude::norm(&self.numbers).scaled(self.power)
    }
}

impl Rows {
    pub fn identity(n: usize) -> Self {
        let unit = |i: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect();
        Self((0..n).map(|i| Row::new(unit(i), 0)).collect())
    }

    /// The rows in another order.
    pub fn reorder(&mut self, order: &[usize]) {
        self.0 = order.iter().map(|&i| self.0[i].clone()).collect();
    }

    /// Multiplies an upper triangle, times a power of 2, by the rows. In a graded matrix the lower rows are the
    /// smaller ones, so the terms added to a row are no larger than necessary.
    pub fn multiply(&mut self, triangle: &DMatrix<f64>, power: i64) {
        let rows = &self.0;
        let row = |i: usize| {
            let parts: Vec<(f64, &Row)> = (i..rows.len())
                .map(|j| (triangle[(i, j)], &rows[j]))
                .filter(|(r, row)| *r != 0.0 && !row.is_zero())
                .collect();
            let top =
                parts.iter().map(|(r, row)| row.power + Magnitude::of(*r).exponent()).max().unwrap_or(0);
            let mut sum = vec![0.0; rows.len()];
            for (r, row) in parts {
                // In two factors, because the power for a subnormal number overflows.
                let (e, scale) = (Magnitude::of(r).exponent(), row.power - top);
                let factor = r * two_to(-e) * two_to(scale + e);
                sum.iter_mut().zip(&row.numbers).for_each(|(sum, x)| *sum += factor * x);
            }
            Row::new(sum, top + power)
        };
        self.0 = (0..rows.len()).map(row).collect();
    }

    /// The singular values, the largest first, and the left singular vector of the first. Jacobi's method on the rows
    /// (Hestenes 1958) is as precise for the small values of these rows as for the large ones, however far they are
    /// apart (Demmel and Veselić 1992).
    pub fn singular(&self) -> (Vec<Magnitude>, Vec<f64>) {
        let mut rows = self.0.clone();
        let n = rows.len();
        let mut left = DMatrix::<f64>::identity(n, n);
        (0..SWEEPS).find(|_| !sweep(&mut rows, &mut left));
        let lengths: Vec<Magnitude> = rows.iter().map(Row::length).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| lengths[b].partial_cmp(&lengths[a]).unwrap_or(std::cmp::Ordering::Equal));
        let leading = left.row(order[0]).iter().copied().collect();
        (order.into_iter().map(|i| lengths[i]).collect(), leading)
    }
}

/// Rotates each pair of rows once; false if all were orthogonal.
fn sweep(rows: &mut [Row], left: &mut DMatrix<f64>) -> bool {
    let n = rows.len();
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    pairs.fold(false, |turned, (i, j)| turn(rows, left, i, j) | turned)
}

/// Rotates two rows in their plane to make them orthogonal, and the rows of `left` with them; false if they were.
fn turn(rows: &mut [Row], left: &mut DMatrix<f64>, i: usize, j: usize) -> bool {
    let (p, q) = if rows[i].power >= rows[j].power { (i, j) } else { (j, i) };
    let (a, b) = (&rows[p], &rows[q]);
    if a.is_zero() || b.is_zero() {
        return false;
    }
    let (alpha, beta, gamma) = (a.dot(a), b.dot(b), a.dot(b));
    // The rounding of a dot product.
    if gamma.abs() <= a.numbers.len() as f64 * f64::EPSILON * (alpha * beta).sqrt() {
        return false;
    }
    // The second row is δ·b in units of the first; its part in the rotation, t = δτ, can underflow.
    let delta = two_to(b.power - a.power);
    let z = (beta * delta * delta - alpha) / (2.0 * gamma);
    let tau = 1f64.copysign(z) / (z.abs() + delta.hypot(z));
    let t = delta * tau;
    let c = 1.0 / 1f64.hypot(t);
    let first = a.numbers.iter().zip(&b.numbers).map(|(a, b)| c * (a - delta * t * b)).collect();
    let second = a.numbers.iter().zip(&b.numbers).map(|(a, b)| c * (tau * a + b)).collect();
    let (first, second) = (Row::new(first, a.power), Row::new(second, b.power));
    (rows[p], rows[q]) = (first, second);
    for k in 0..left.ncols() {
        let (x, y) = (left[(p, k)], left[(q, k)]);
        (left[(p, k)], left[(q, k)]) = (c * (x - t * y), c * (t * x + y));
    }
    true
}

/// A·Q = Q′·R, with the columns of R in another order.
pub(super) struct Factors {
    /// Q′: orthogonal.
    pub q: DMatrix<f64>,
    /// R: an upper triangle; its last rows are 0 if A is singular.
    pub r: DMatrix<f64>,
    /// Which column of A·Q each column of R is of.
    pub order: Vec<usize>,
}

impl Factors {
    /// By Householder's reflections. A column of which no more is left than the rounding of A·Q, n·ε·‖|A|·|q|‖, is
    /// taken to depend on those before it. It goes to the end, so that the rank of the product never grows again.
    pub fn of(a: &DMatrix<f64>, q: &DMatrix<f64>) -> Self {
        let n = a.nrows();
        let mut columns = a * q;
        let sizes = a.abs() * q.abs();
        let mut new = DMatrix::identity(n, n);
        let (mut order, mut dependent) = (Vec::new(), Vec::new());
        for c in 0..n {
            let rank = order.len();
            let left = columns.view((rank, c), (n - rank, 1)).norm();
            if left <= n as f64 * f64::EPSILON * sizes.column(c).norm() {
                columns.view_mut((rank, c), (n - rank, 1)).fill(0.0);
                dependent.push(c);
                continue;
            }
            order.push(c);
            let mut v: DVector<f64> = columns.view((rank, c), (n - rank, 1)).column(0) / left;
            let sign = 1f64.copysign(v[0]);
            v[0] += sign;
            v.normalize_mut();
            let mut below = columns.view_mut((rank, c), (n - rank, n - c));
            let along = below.tr_mul(&v);
            below.ger(-2.0, &v, &along, 1.0);
            columns.view_mut((rank + 1, c), (n - rank - 1, 1)).fill(0.0);
            let mut right = new.view_mut((0, rank), (n, n - rank));
            let along = &right * &v;
            right.ger(-2.0, &along, &v, 1.0);
        }
        order.extend(dependent);
        Self { q: new, r: columns.select_columns(&order), order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between −1 and 1.
    fn numbers(n: usize) -> DMatrix<f64> {
        DMatrix::from_fn(n, n, |i, j| ((i * n + j + 1).pow(2) as f64).sin())
    }

    /// (u, u) and (w, −w) are orthogonal, but the sum of their products rounds on its way up and down.
    #[test]
    fn rows_that_are_orthogonal_up_to_rounding_are_left_alone() {
        let n: usize = 1 << 19;
        let some = |seed: usize, i: usize| 1.5 + 0.5 * (((i % (n / 2) + seed).pow(2)) as f64).sin();
        let row = |of: &dyn Fn(usize) -> f64| Row::new((0..n).map(of).collect(), 0);
        let mut rows = [row(&|i| some(1, i)), row(&|i| if i < n / 2 { some(5, i) } else { -some(5, i) })];
        assert!(!turn(&mut rows, &mut DMatrix::identity(2, 2), 0, 1));
    }

    /// The right singular vectors are cosines: the sums of their products are large on the way to 0, and round most.
    #[test]
    fn jacobi_ends_when_only_rounding_is_left() {
        let n = 128;
        let cosine =
            |k: usize, j: usize| (std::f64::consts::PI * k as f64 * (j as f64 + 0.5) / n as f64).cos();
        let right =
            DMatrix::from_fn(n, n, |k, j| cosine(k, j) / (n as f64 / if k == 0 { 1.0 } else { 2.0 }).sqrt());
        let v = numbers(n).column(0).normalize();
        let left = DMatrix::identity(n, n) - &v * v.transpose() * 2.0;
        let sigma = DMatrix::from_fn(n, n, |i, j| if i == j { 1.0 + i as f64 / n as f64 } else { 0.0 });
        let whole = left * sigma * right;
        let mut rows: Vec<Row> =
            whole.row_iter().map(|row| Row::new(row.iter().copied().collect(), 0)).collect();
        let sweeps = (1..=SWEEPS).find(|_| !sweep(&mut rows, &mut DMatrix::identity(n, n)));
        assert!(sweeps.is_some_and(|sweeps| sweeps <= 12), "{sweeps:?}");
        let mut found: Vec<f64> = rows.iter().map(|row| row.length().to_f64()).collect();
        found.sort_unstable_by(f64::total_cmp);
        for (i, found) in found.iter().enumerate() {
            assert!((found - 1.0 - i as f64 / n as f64).abs() < 1e-12, "{i} {found}");
        }
    }

    /// Also of a matrix whose second column, and first row, depend on others.
    #[test]
    fn the_factors_of_a_product_are_its_own() {
        let n = 6;
        let dense = numbers(n);
        let mut singular = dense.clone();
        singular.set_column(1, &(dense.column(0) * 3.0));
        for (a, rank) in [(dense.clone(), n), (singular, n - 1), (DMatrix::zeros(n, n), 0)] {
            let q = DMatrix::identity(n, n);
            let Factors { q: new, r, order } = Factors::of(&a, &q);
            assert!((new.transpose() * &new - DMatrix::identity(n, n)).amax() < 1e-14);
            assert!((&new * &r - a.select_columns(&order)).amax() < 1e-14);
            assert!((0..n).all(|i| (0..n).all(|j| (j >= i && i < rank) || r[(i, j)] == 0.0)), "{r}");
        }
    }
}
