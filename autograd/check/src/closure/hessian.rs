//! Second derivatives of a function: claims of its Hessian, as a matrix or by its products with vectors.
//!
//! `uᵀ H w` is the limit of mixed differences of second order,
//!
//! ```text
//! M(h) = (φ(hu + hw) − φ(hu − hw) − φ(−hu + hw) + φ(−hu − hw)) / 4h² = uᵀHw + c₂h² + c₄h⁴ + …
//! ```
//!
//! (Abramowitz and Stegun, 25.3.26), which are extrapolated to h = 0 as slopes are (`numeric/richardson.rs`). Their rounding error
//! is σ/2h², and about 8 digits are left. Where one of the four points lies outside the bounds, the corner
//! `(φ(hu + hw) − φ(hu) − φ(hw) + φ(0)) / h²` is taken.
//!
//! **Kinks.** Where these do not agree with the claim, the rays along u, w and u + w are asked: `dᵀ H d` must lie between the second
//! derivatives towards both sides, `(φ(2hd) − 2φ(hd) + φ(0)) / h²`. At 0 those of relu² are 0 and 2. The slope may jump there, as that of
//! relu, which has 0 on both sides.

use super::along::Subject;
use super::{FnCheck, bisect, halves};
use crate::leaves;
use crate::numeric::{Curve, Derivative, Look, Nearby, Noise, Slope, Table};
use crate::report::{Element, Report, Tensor};
use crate::verdict::{Comparison, Verdict, corroborated};
use crate::witness::Witness;
use autograd::ops::Sampler;
use autograd::{Error, Place, Shape, norm};
use ndarray::{ArrayD, Zip};

/// Steps: from the first, by halves, to a 16,000th of it.
const STEPS: i32 = 15;

/// The first steps of the attempts.
const FIRST: [f64; 3] = [0.2, 0.13, 0.27];

/// Of fewer rows, the relative change that is no accident.
const SETTLED: f64 = 1e-9;

/// What rounding may cost a claimed product, in units of its precision.
const ROUNDING: f64 = 64.0;

impl FnCheck {
    /// Checks a Hessian of `f`: `claimed` has an array for each pair of arguments, pair by pair as the rows of a matrix, of the
    /// shape of the first and then of the second. It must be symmetric. Wrong entries are told.
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
        self.second(f, product, place)
    }

    /// Checks a product with the Hessian of `f`: `hvp(w)` is `H w`, an array for each argument. It must be symmetric:
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
        self.second(f, hvp, Place::caller())
    }

    fn second(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> f64,
        mut hvp: impl FnMut(&[ArrayD<f64>]) -> Vec<ArrayD<f64>>,
        place: Place,
    ) -> Result<Report, Error> {
        let mut f = |x: &[ArrayD<f64>]| ndarray::arr0(f(x)).into_dyn();
        let (mut report, mut sampler, _) = self.begin(&mut f, place)?;
        report.order = 2;
        let check = self.claiming(self.at.clone());
        let mut product = |w: &[ArrayD<f64>]| {
            let product = hvp(w);
            self.claiming(product.clone()).fits(place).map(|()| product)
        };
        let mut subject = Subject::new(&check, &mut f, ndarray::arr0(1.0).into_dyn());
        subject.calls = report.calls;
        subject.find_precision(&mut report.notes);
        for i in 0..self.at.len() {
            for j in i..self.at.len() {
                let tensor = subject.block([i, j], &mut product, &mut sampler)?;
                report.tensors.push(tensor);
            }
        }
        subject.tell(&mut report);
        let mut draw =
            || self.at.iter().map(|x| leaves::weights(&x.shape().into(), &mut sampler)).collect::<Vec<_>>();
        let (u, w) = (draw(), draw());
        let mut sum = [0.0; 2];
        for (u, w) in [(&u, &w), (&w, &u)] {
            let (along, size) = inner(u, &product(w)?);
            sum = [sum[0] + along * if sum[1] == 0.0 { 1.0 } else { -1.0 }, sum[1] + size];
        }
        let (difference, tolerance) = (sum[0].abs(), subject.rounding.sqrt() * sum[1]);
        let verdict = if difference <= tolerance { Verdict::Pass } else { Verdict::Fail };
        let name = "symmetry: ⟨w, H u⟩ = ⟨u, H w⟩".into();
        report.witnesses.push(Witness { name, order: 2, difference: Some(difference), tolerance, verdict });
        Ok(report)
    }
}

/// ⟨u, v⟩ over all arrays, and the sum of the sizes of its terms.
fn inner(u: &[ArrayD<f64>], v: &[ArrayD<f64>]) -> (f64, f64) {
    u.iter().zip(v).fold((0.0, 0.0), |(sum, size), (u, v)| {
        let product = u * v;
        (sum + product.sum(), size + product.iter().map(|p| p.abs()).sum::<f64>())
    })
}

/// A direction of one array.
#[derive(Clone, Copy)]
struct Way<'w> {
    array: usize,
    along: &'w ArrayD<f64>,
}

type Product<'p> = dyn FnMut(&[ArrayD<f64>]) -> Result<Vec<ArrayD<f64>>, Error> + 'p;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// The second derivatives by two arrays.
    fn block(
        &mut self,
        [i, j]: [usize; 2],
        product: &mut Product,
        sampler: &mut Sampler,
    ) -> Result<Tensor, Error> {
        let at = &self.check.at;
        let mut direction = |i: usize| {
            let scale = self.check.scale(i);
            scale.length * scale.stretch(leaves::weights(&at[i].shape().into(), sampler))
        };
        let (u, w) = (direction(i), direction(j));
        let shape = Shape::from(&[at[i].shape(), at[j].shape()].concat()[..]);
        let names = &self.check.names;
        let mut tensor = Tensor::of_function(shape, 0.0);
        tensor.name = if i == j { names[i].clone() } else { format!("{} and {}", names[i], names[j]) };
        tensor.order = 2;
        let (u, w) = (self.inside(i, &u), self.inside(j, &w));
        self.noise = Some(self.noise_along(&w)?);
        let of_w = self.product(&[(j, &w)], product)?;
        tensor.norm = norm(&of_w[i]);
        tensor.comparison = self.mixed(Way { array: i, along: &u }, Way { array: j, along: &w }, &of_w[i]);
        let verdict = tensor.comparison.verdict;
        if verdict.is_good() || !tensor.comparison.analytic.is_finite() {
            return Ok(tensor);
        }
        let rays = if i == j {
            let both = &u + &w;
            [&both, &u, &w]
                .into_iter()
                .map(|d| self.ray(&[(i, d)], product))
                .collect::<Result<Vec<_>, _>>()?
        } else {
            vec![self.ray(&[(i, &u), (j, &w)], product)?]
        };
        let kink = rays.iter().any(Comparison::is_on_kink) || verdict == Verdict::Inconclusive;
        if kink && rays.iter().all(|ray| ray.verdict != Verdict::Inconclusive) {
            tensor.comparison = rays.into_iter().reduce(Comparison::worse).expect("there is a ray");
            if tensor.comparison.verdict.is_good() {
                tensor.comparison.verdict = Verdict::Kink;
            }
            return Ok(tensor);
        }
        if verdict != Verdict::Fail {
            return Ok(tensor);
        }
        let (rows, mut all) = halves::wrong(u.len(), |range| {
            let part = part(&u, &range);
            Ok(self.mixed(Way { array: i, along: &part }, Way { array: j, along: &w }, &of_w[i]))
        })?;
        for (row, _) in rows {
            let one = part(&u.mapv(|_| 1.0), &(row..row + 1));
            let (columns, told) = halves::wrong(w.len(), |range| {
                let part = if range.len() == 1 { part(&w.mapv(|_| 1.0), &range) } else { part(&w, &range) };
                let of_part = self.product(&[(j, &part)], product)?;
                Ok(self.mixed(Way { array: i, along: &one }, Way { array: j, along: &part }, &of_part[i]))
            })?;
            all &= told;
            for (column, comparison) in columns {
                let at = [bisect::index(at[i].shape(), row), bisect::index(at[j].shape(), column)];
                tensor.elements.push(Element { index: at.concat(), comparison });
            }
        }
        tensor.all_wrong_told = all && !tensor.elements.is_empty();
        Ok(tensor)
    }

    /// H w, of a w that is 0 but for some arrays.
    fn product(&self, w: &[(usize, &ArrayD<f64>)], product: &mut Product) -> Result<Vec<ArrayD<f64>>, Error> {
        let mut whole: Vec<ArrayD<f64>> = self.check.at.iter().map(|x| ArrayD::zeros(x.raw_dim())).collect();
        w.iter().for_each(|(i, w)| whole[*i].assign(w));
        product(&whole)
    }

    /// `dᵀ H d` as claimed, and towards both sides.
    fn ray(&mut self, d: &[(usize, &ArrayD<f64>)], product: &mut Product) -> Result<Comparison, Error> {
        let of_d = self.product(d, product)?;
        let products: Vec<ArrayD<f64>> = d.iter().map(|(i, d)| &of_d[*i] * *d).collect();
        let size = |f: fn(f64) -> f64| products.iter().flatten().map(|p| f(*p)).sum::<f64>();
        let rounding = ROUNDING * self.rounding * size(f64::abs);
        let at = |subject: &mut Self, t: f64| {
            let mut x = subject.check.at.clone();
            d.iter().for_each(|(i, d)| x[*i] = subject.moved(*i, d, t));
            subject.value(&x).sum()
        };
        let zero = at(self, 0.0);
        let [left, right] = [-FIRST[0], FIRST[0]].map(|first| {
            self.extrapolated(first, 2.0, |subject, h| {
                let [near, far] = [h, 2.0 * h].map(|h| at(subject, h));
                ((far - near) - (near - zero), h * h, zero.abs().max(near.abs()).max(far.abs()))
            })
        });
        let sides = Derivative::Sides { left, right, sharp: Vec::new(), jump: false };
        Ok(Comparison::new(size(|p| p), &sides, rounding, norm(products.iter().flatten())))
    }

    /// The direction of array i, turned inwards where it is on a bound.
    fn inside(&mut self, i: usize, direction: &ArrayD<f64>) -> ArrayD<f64> {
        self.turn(i);
        self.inwards(direction).0
    }

    /// The noise of the function as the array that was turned to moves.
    fn noise_along(&mut self, direction: &ArrayD<f64>) -> Result<Noise, Error> {
        let (precision, method, cotangent) =
            (self.precision, self.check.method, [self.cotangent.clone().into()]);
        let mut x = self.check.at.clone();
        let outputs =
            |t: f64| Ok(Look { values: vec![self.along(&mut x, direction, t).into()], sides: Vec::new() });
        Curve { outputs, cotangents: &cotangent, method, first: FIRST[0], precision }
            .noise(&Nearby::new(16, precision), 1.0)
    }

    /// `uᵀ H w` as claimed, and by differences.
    fn mixed(&mut self, u: Way, w: Way, of_w: &ArrayD<f64>) -> Comparison {
        let product = u.along * of_w;
        let size = norm(&product);
        let rounding = ROUNDING * self.rounding * product.iter().map(|p| p.abs()).sum::<f64>();
        let compare = |d: &Derivative| Comparison::new(product.sum(), d, rounding, size);
        let mut attempts = Vec::new();
        for first in FIRST {
            let slope = self.central(u, w, first);
            let comparison = if slope.value.is_nan() {
                compare(&Derivative::Smooth(self.corner(u, w, first)))
            } else {
                compare(&Derivative::Smooth(slope))
            };
            attempts.push(comparison);
            if comparison.verdict.is_good() || !comparison.analytic.is_finite() {
                return comparison;
            }
        }
        corroborated(&attempts)
    }

    /// M(h), extrapolated.
    fn central(&mut self, u: Way, w: Way, first: f64) -> Slope {
        let signs = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
        self.extrapolated(first, 4.0, |subject, h| {
            let at = signs.map(|[a, b]| subject.there(u, a * h, w, b * h));
            let largest = at.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            ((at[0] - at[1]) - (at[2] - at[3]), 4.0 * h * h, largest)
        })
    }

    /// The corner towards one side, extrapolated.
    fn corner(&mut self, u: Way, w: Way, first: f64) -> Slope {
        let zero = self.there(u, 0.0, w, 0.0);
        self.extrapolated(first, 2.0, |subject, h| {
            let at = [[h, h], [h, 0.0], [0.0, h]].map(|[a, b]| subject.there(u, a, w, b));
            let largest = at.iter().fold(zero.abs(), |m: f64, v| m.max(v.abs()));
            ((at[0] - at[1]) - (at[2] - zero), h * h, largest)
        })
    }

    /// Differences of falling steps, extrapolated; their errors fall by a factor with each.
    fn extrapolated(
        &mut self,
        first: f64,
        factor: f64,
        mut difference: impl FnMut(&mut Self, f64) -> (f64, f64, f64),
    ) -> Slope {
        let mut table = Table::new(factor);
        let mut size = 0.0;
        for j in 0..STEPS {
            let h = first / 2f64.powi(j);
            let (difference, over, largest) = difference(self, h);
            // Four values, and a unit in the last place of each, or what was measured.
            let noise = self.noise.map_or(0.0, |noise| noise.deviation);
            let rounding = 2.0 * noise.max(self.precision * largest) / over;
            if difference.is_finite() {
                table.push(difference / over, rounding);
                size = largest;
            }
            let Slope { value, truncation, rounding: known, .. } = table.best;
            let sure = table.rows >= 3 && truncation <= SETTLED * value.abs();
            if sure || table.rows >= 5 && rounding > 10.0 * (truncation + known) {
                break;
            }
        }
        let unseen = self.precision.sqrt() * size;
        Slope { unseen, step: first, ..table.best }
    }

    /// φ(x + a u + b w)
    fn there(&mut self, u: Way, a: f64, w: Way, b: f64) -> f64 {
        let mut x = self.check.at.clone();
        if u.array == w.array {
            let both = Zip::from(u.along).and(w.along).map_collect(|u, w| a * u + b * w);
            x[u.array] = self.moved(u.array, &both, 1.0);
        } else {
            for (way, t) in [(u, a), (w, b)] {
                x[way.array] = self.moved(way.array, way.along, t);
            }
        }
        self.value(&x).sum()
    }
}

/// The elements of a direction in a range, and zeros.
fn part(direction: &ArrayD<f64>, range: &std::ops::Range<usize>) -> ArrayD<f64> {
    let mut part = direction.clone();
    part.iter_mut().enumerate().filter(|(place, _)| !range.contains(place)).for_each(|(_, u)| *u = 0.0);
    part
}
