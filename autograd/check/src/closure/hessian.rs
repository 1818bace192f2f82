//! Second derivatives of a function: claims of its Hessian, as a matrix or by its products with vectors.
//!
//! A claim is checked block by block, for each pair of arrays (`block.rs`), and for symmetry. A symmetric Hessian
//! with correct blocks on and above the diagonal is correct.

use super::FnCheck;
use super::along::Subject;
use crate::report::Report;
use crate::verdict::Verdict;
use crate::witness::Witness;
use autograd::{Error, Place, Shape};
use ndarray::ArrayD;

impl FnCheck {
    /// Checks a Hessian of `f`: `claimed` has an array for each pair of arguments, in row-major order, with the shape
    /// of the first followed by that of the second. It must be symmetric. Wrong entries are listed; those below the
    /// block diagonal where it is not symmetric.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1, arr2};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0][0].powi(2) * x[0][1].sin();
    /// let at = [arr1(&[0.3, 0.7]).into_dyn()];
    /// let (x, y) = (0.3_f64, 0.7_f64);
    /// let mixed = 2.0 * x * y.cos();
    /// let right = arr2(&[[2.0 * y.sin(), mixed], [mixed, -x * x * y.sin()]]).into_dyn();
    /// assert!(FnCheck::at(&at).hessian(f, &[right.clone()])?.passed());
    /// let mut wrong = right;
    /// wrong[[1, 1]] *= -1.0;
    /// let report = FnCheck::at(&at).hessian(f, &[wrong])?;
    /// assert_eq!(report.tensors[0].elements[0].index, [1, 1]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn hessian(
        &self,
        f: impl FnMut(&[ArrayD<f64>]) -> f64,
        claimed: &[ArrayD<f64>],
    ) -> Result<Report, Error> {
        let place = Place::caller();
        let n = self.at.len();
        let refuse = |reason| Err(Error::Build { reason, place });
        if claimed.len() != n * n {
            return refuse(format!(
                "{} blocks of a Hessian for {n} arrays: give one for each pair",
                claimed.len()
            ));
        }
        for (number, block) in claimed.iter().enumerate() {
            let (i, j) = (number / n, number % n);
            let shape = [self.at[i].shape(), self.at[j].shape()].concat();
            if block.shape() != shape {
                let [a, b] = [Shape::from(&shape[..]), Shape::from(block.shape())];
                let (x, y) = (&self.names[i], &self.names[j]);
                return refuse(format!(
                    "the second derivatives by `{x}` and `{y}` are {a}, and {b} was given"
                ));
            }
        }
        let product = |w: &[ArrayD<f64>]| {
            let row = |(i, x): (usize, &ArrayD<f64>)| {
                let mut sum = ArrayD::zeros(x.raw_dim());
                for (block, w) in claimed[i * n..].iter().zip(w) {
                    let block: Vec<f64> = block.iter().copied().collect();
                    for (s, row) in sum.iter_mut().zip(block.chunks(w.len().max(1))) {
                        *s += row.iter().zip(w).map(|(h, w)| h * w).sum::<f64>();
                    }
                }
                sum
            };
            self.at.iter().enumerate().map(row).collect()
        };
        self.second("a Hessian", f, product, place)
    }

    /// Checks Hessian-vector products of `f`: `hvp(w)` is `H w`, an array for each argument. They must be symmetric:
    /// ⟨u, H w⟩ = ⟨w, H u⟩.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::exp).sum();
    /// let at = [arr1(&[0.3, 0.7]).into_dyn()];
    /// assert!(FnCheck::at(&at).hvp(f, |w| vec![&w[0] * at[0].mapv(f64::exp)])?.passed());
    /// assert!(!FnCheck::at(&at).hvp(f, |w| vec![1.001 * &w[0] * at[0].mapv(f64::exp)])?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn hvp(
        &self,
        f: impl FnMut(&[ArrayD<f64>]) -> f64,
        hvp: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
    ) -> Result<Report, Error> {
        self.second("a Hessian-vector product", f, hvp, Place::caller())
    }

    fn second(
        &self,
        claim: &str,
        mut f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut hvp: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
        place: Place,
    ) -> Result<Report, Error> {
        self.takes_no_tier(claim, place)?;
        self.takes_no_method(claim, place)?;
        let mut f = |x: &[ArrayD<f64>]| ndarray::arr0(f(x)).into_dyn();
        let (mut report, mut sampler, _) = self.begin(0, &mut f, place)?;
        report.order = 2;
        let check = self.claiming(self.at.clone());
        let mut product = |w: &[ArrayD<f64>]| {
            let product = hvp(w);
            self.claiming(product.clone()).fits("Hessian-vector product", place).map(|()| product)
        };
        let mut subject = Subject::new(&check, &mut f, ndarray::arr0(1.0).into_dyn());
        subject.calls = report.calls;
        subject.find_precision(&mut report.notes);
        let n = self.at.len();
        for (i, j) in (0..n).flat_map(|i| (i..n).map(move |j| (i, j))) {
            report.tensors.push(subject.block([i, j], &mut product, &mut sampler)?);
        }
        let [u, w] = [(); 2].map(|()| self.any_direction(&mut sampler));
        let mut sum = [0.0; 2];
        for (u, w) in [(&u, &w), (&w, &u)] {
            let (along, size) = inner(u, &product(w)?);
            sum = [sum[0] + along * if sum[1] == 0.0 { 1.0 } else { -1.0 }, sum[1] + size];
        }
        let (difference, tolerance) = (sum[0].abs(), subject.rounding.sqrt() * sum[1]);
        let verdict = if difference <= tolerance { Verdict::Pass } else { Verdict::Fail };
        let name = "symmetry: ⟨w, H u⟩ = ⟨u, H w⟩".into();
        report.witnesses.push(Witness { name, order: 2, difference: Some(difference), tolerance, verdict });
        if verdict == Verdict::Fail {
            for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
                report.tensors.push(subject.block([i, j], &mut product, &mut sampler)?);
            }
        }
        subject.tell(&mut report);
        Ok(report)
    }
}

/// ⟨u, v⟩ over all arrays, and the sum of the magnitudes of its terms.
fn inner(u: &[ArrayD<f64>], v: &[ArrayD<f64>]) -> (f64, f64) {
    u.iter().zip(v).fold((0.0, 0.0), |(sum, size), (u, v)| {
        let product = u * v;
        (sum + product.sum(), size + product.iter().map(|p| p.abs()).sum::<f64>())
    })
}
