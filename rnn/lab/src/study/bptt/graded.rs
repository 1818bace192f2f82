//! A matrix whose rows differ in size beyond the range of `f64`: each row has its own exponent.

use super::spectrum::two_to;
use autograd::Magnitude;
use nalgebra::DMatrix;

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
    /// (Hestenes 1958) has full relative precision for each value, however far they are apart (Demmel and Veselić
    /// 1992).
    pub fn singular(&self) -> (Vec<Magnitude>, Vec<f64>) {
        let mut rows = self.0.clone();
        let n = rows.len();
        let mut left = DMatrix::<f64>::identity(n, n);
        for _ in 0..SWEEPS {
            let mut still = true;
            for i in 0..n {
                for j in i + 1..n {
                    still &= !turn(&mut rows, &mut left, i, j);
                }
            }
            if still {
                break;
            }
        }
        let lengths: Vec<Magnitude> = rows.iter().map(Row::length).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| lengths[b].partial_cmp(&lengths[a]).unwrap_or(std::cmp::Ordering::Equal));
        let leading = left.row(order[0]).iter().copied().collect();
        (order.into_iter().map(|i| lengths[i]).collect(), leading)
    }
}

/// Rotates two rows in their plane to make them orthogonal, and the rows of `left` with them; false if they were.
fn turn(rows: &mut [Row], left: &mut DMatrix<f64>, i: usize, j: usize) -> bool {
    let (p, q) = if rows[i].power >= rows[j].power { (i, j) } else { (j, i) };
    let (a, b) = (&rows[p], &rows[q]);
    if a.is_zero() || b.is_zero() {
        return false;
    }
    let (alpha, beta, gamma) = (a.dot(a), b.dot(b), a.dot(b));
    if gamma.abs() <= 1e-15 * (alpha * beta).sqrt() {
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
