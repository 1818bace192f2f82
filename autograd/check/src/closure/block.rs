//! A block of a Hessian: the second derivatives by two arrays.
//!
//! `uᵀ H w` is the limit of mixed second differences,
//!
//! ```text
//! M(h) = (φ(hu + hw) − φ(hu − hw) − φ(−hu + hw) + φ(−hu − hw)) / 4h² = uᵀHw + c₂h² + c₄h⁴ + …
//! ```
//!
//! (Abramowitz and Stegun, 25.3.26), extrapolated to h = 0 as slopes are (`numeric/richardson.rs`). Their rounding
//! error is σ/2h², which leaves about 8 digits. If one of the four points is outside the bounds, the corner `(φ(hu +
//! hw) − φ(hu) − φ(hw) + φ(0)) / h²` is used.
//!
//! **Kinks.** If these disagree with the claim, the rays along u, w and u + w are checked: `dᵀ H d` must be between
//! the second derivatives towards both sides, `(φ(2hd) − 2φ(hd) + φ(0)) / h²`. At 0 those of relu² are 0 and 2. The
//! slope may jump there, as that of relu, whose second derivatives are 0 on both sides. A fault can hide between
//! them, so at a kink other rays are checked too: each element alone, and all elements without a kink together.

use super::along::{ON_A_KINK, Subject};
use super::bisect;
use super::hint::Fit;
use crate::hint::Hint;
use crate::leaves;
use crate::numeric::{Curve, Derivative, Look, Nearby, Noise, Slope, Table};
use crate::report::{Element, Tensor};
use crate::verdict::{Comparison, Verdict, corroborated};
use autograd::ops::Sampler;
use autograd::{Error, Shape, norm};
use ndarray::{ArrayD, Zip};

/// The number of steps: halved from the first down to a 16,000th of it.
const STEPS: i32 = 15;

/// The first step of each attempt.
const FIRST: [f64; 3] = [0.2, 0.13, 0.27];

/// With fewer rows, the relative change that is not an accident.
const SETTLED: f64 = 1e-9;

/// Along how many pairs of directions a multiple of the right ones must be one.
const PAIRS: usize = 4;

/// The rounding error of a claimed product, in units of its precision.
const ROUNDING: f64 = 64.0;

/// A direction of one array.
#[derive(Clone, Copy)]
struct Way<'w> {
    array: usize,
    along: &'w ArrayD<f64>,
}

/// H w
pub(super) type Product<'p> = dyn FnMut(&[ArrayD<f64>]) -> Result<Vec<ArrayD<f64>>, Error> + 'p;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Checks the second derivatives by two arrays: along random directions, or all pairs of given ones.
    pub fn block(
        &mut self,
        [i, j]: [usize; 2],
        product: &mut Product,
        sampler: &mut Sampler,
    ) -> Result<Tensor, Error> {
        let check = self.check;
        let (at, names) = (&check.at, &check.names);
        let shape = Shape::from(&[at[i].shape(), at[j].shape()].concat()[..]);
        let mut tensor = Tensor::of_function(shape, 0.0);
        tensor.name = if i == j { names[i].clone() } else { format!("{} and {}", names[i], names[j]) };
        tensor.order = 2;
        let are_told = [i, j].iter().any(|i| check.told(*i).next().is_some());
        let (us, ws) = (self.directions(i, sampler), self.directions(j, sampler));
        for (u, w) in us.iter().flat_map(|u| ws.iter().map(move |w| (u, w))) {
            let pair = [Way { array: i, along: u }, Way { array: j, along: w }];
            let of_w = self.product(&pair[1..], product)?;
            tensor.norm = norm(&of_w[i]).max(tensor.norm);
            let (comparison, on_kink) = self.pair(pair, &of_w[i], product)?;
            tensor.comparison = tensor.comparison.worse(comparison);
            if on_kink && !are_told {
                self.beside_kinks(pair, product, sampler, &mut tensor)?;
            } else if comparison.verdict == Verdict::Fail && comparison.analytic.is_finite() && !are_told {
                tensor.hint = self.multiple(pair, comparison, product, sampler)?;
                if tensor.hint.is_some() {
                    let entry = self.largest(pair, &of_w[i], product)?;
                    tensor.elements.push(entry);
                } else {
                    self.wrong_pairs(pair, &of_w[i], product, &mut tensor)?;
                }
            } else if comparison.verdict == Verdict::Fail && !comparison.analytic.is_finite() {
                tensor.hint = Some(Hint::NotFinite);
            }
        }
        Ok(tensor)
    }

    /// Whether the second derivatives are a multiple of the right ones.
    fn multiple(
        &mut self,
        [u, w]: [Way; 2],
        first: Comparison,
        product: &mut Product,
        sampler: &mut Sampler,
    ) -> Result<Option<Hint>, Error> {
        let mut all = vec![first];
        for _ in 1..PAIRS {
            let (a, b) = (self.random(u.array, sampler), self.random(w.array, sampler));
            let (u, w) = (Way { along: &a, ..u }, Way { along: &b, ..w });
            let of_w = self.product(&[w], product)?;
            all.push(self.mixed(u, w, &of_w[u.array]));
        }
        let told = |of: &dyn Fn(&Comparison) -> f64| all.iter().map(of).collect::<Vec<f64>>();
        let fit = Fit {
            claimed: told(&|c| c.analytic),
            slopes: told(&|c| c.numeric),
            tolerances: told(&|c| c.tolerance),
            free: PAIRS.min(u.along.len() * w.along.len()),
        };
        if fit.claimed.iter().all(|h| *h == 0.0) {
            return Ok(Some(Hint::Zero));
        }
        Ok(fit.multiple(&self.lengths()).map(|(hint, _)| hint))
    }

    /// The given directions of an array, or a random one; turned inwards at bounds.
    fn directions(&mut self, i: usize, sampler: &mut Sampler) -> Vec<ArrayD<f64>> {
        self.turn(i);
        let check = self.check;
        let told: Vec<&ArrayD<f64>> = check.told(i).collect();
        if told.is_empty() {
            return vec![self.random(i, sampler)];
        }
        told.into_iter().map(|u| self.inwards(&(self.scale.length * u)).0).collect()
    }

    fn random(&mut self, i: usize, sampler: &mut Sampler) -> ArrayD<f64> {
        self.turn(i);
        let direction = leaves::weights(&self.check.at[i].shape().into(), sampler);
        self.inwards(&(self.scale.length * self.scale.stretch(direction))).0
    }

    /// Compares `uᵀ H w` with differences; also returns whether rays decided, since the point is at a kink.
    fn pair(
        &mut self,
        [u, w]: [Way; 2],
        of_w: &ArrayD<f64>,
        product: &mut Product,
    ) -> Result<(Comparison, bool), Error> {
        self.turn(w.array);
        self.noise = Some(self.noise_along(w.along)?);
        let comparison = self.mixed(u, w, of_w);
        let verdict = comparison.verdict;
        if verdict.is_good() || !comparison.analytic.is_finite() {
            return Ok((comparison, false));
        }
        let rays = if u.array == w.array {
            let both = Way { along: &(u.along + w.along), ..u };
            [both, u, w].into_iter().map(|d| self.ray(&[d], product)).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![self.ray(&[u, w], product)?]
        };
        let on_kink = rays.iter().any(Comparison::is_on_kink);
        let decided = rays.iter().all(|ray| ray.verdict != Verdict::Inconclusive);
        if decided && (on_kink || verdict == Verdict::Inconclusive) {
            let mut worst = rays.into_iter().reduce(Comparison::worse).expect("there are one or three rays");
            worst.verdict = worst.verdict.max(Verdict::Kink);
            return Ok((worst, on_kink));
        }
        Ok((comparison, false))
    }

    /// Checks other rays at a kink, where a fault can be between both sides: random ones, each element alone, and all
    /// elements without a kink together.
    fn beside_kinks(
        &mut self,
        [u, w]: [Way; 2],
        product: &mut Product,
        sampler: &mut Sampler,
        tensor: &mut Tensor,
    ) -> Result<(), Error> {
        let ways = if u.array == w.array { vec![u] } else { vec![u, w] };
        let mut rays = Vec::new();
        for _ in 0..ON_A_KINK {
            let drawn: Vec<ArrayD<f64>> = ways.iter().map(|way| self.random(way.array, sampler)).collect();
            rays.push(self.ray(&along(&ways, &drawn), product)?);
        }
        let mut smooth: Vec<ArrayD<f64>> = ways.iter().map(|way| way.along.clone()).collect();
        for (way, smooth) in ways.iter().zip(&mut smooth) {
            for (place, smooth) in smooth.iter_mut().enumerate().filter(|(_, u)| **u != 0.0) {
                if !self.may_ask() {
                    break;
                }
                let one = part(way.along, &(place..place + 1));
                let ray = self.ray(&[Way { along: &one, ..*way }], product)?;
                let size = *smooth * *smooth;
                if ray.verdict != Verdict::Pass {
                    *smooth = 0.0;
                }
                // A ray along one of two arrays does not see their mixed derivatives.
                if ways.len() > 1 {
                    continue;
                }
                if ray.verdict == Verdict::Fail {
                    let index = bisect::index(way.along.shape(), place);
                    let index = [&index[..], &index].concat();
                    tensor.elements.push(Element { index, comparison: ray.over(size) });
                }
                rays.push(ray);
            }
        }
        if smooth.iter().flatten().any(|u| *u != 0.0) {
            rays.push(self.ray(&along(&ways, &smooth), product)?);
        }
        tensor.comparison = rays.into_iter().fold(tensor.comparison, Comparison::worse);
        Ok(())
    }

    /// The entry that counts most: in the row that does, by symmetry, the largest.
    fn largest(
        &mut self,
        [u, w]: [Way; 2],
        of_w: &ArrayD<f64>,
        product: &mut Product,
    ) -> Result<Element, Error> {
        let place = |x: &ArrayD<f64>| {
            let sizes = x.iter().map(|x| x.abs()).enumerate();
            sizes.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
        };
        let one = |along: &ArrayD<f64>, at: usize| part(&along.mapv(|_| 1.0), &(at..at + 1));
        let row = place(&(u.along * of_w));
        let of_row = one(u.along, row);
        let column = place(&self.product(&[Way { along: &of_row, ..u }], product)?[w.array]);
        let of_column = one(w.along, column);
        let way = Way { along: &of_column, ..w };
        let of_w = self.product(&[way], product)?;
        let comparison = self.mixed(Way { along: &of_row, ..u }, way, &of_w[u.array]);
        let at = [bisect::index(u.along.shape(), row), bisect::index(w.along.shape(), column)];
        Ok(Element { index: at.concat(), comparison })
    }

    /// Finds the wrong entries of a failed block by bisection: its rows, and then the columns of each.
    fn wrong_pairs(
        &mut self,
        [u, w]: [Way; 2],
        of_w: &ArrayD<f64>,
        product: &mut Product,
        tensor: &mut Tensor,
    ) -> Result<(), Error> {
        let (rows, mut all) = self.by_halves(u.along.len(), |subject, range| {
            Ok(subject.mixed(Way { along: &part(u.along, &range), ..u }, w, of_w))
        })?;
        for (row, _) in rows {
            let one = part(&u.along.mapv(|_| 1.0), &(row..row + 1));
            let (columns, told) = self.by_halves(w.along.len(), |subject, range| {
                let part = if range.len() == 1 {
                    part(&w.along.mapv(|_| 1.0), &range)
                } else {
                    part(w.along, &range)
                };
                let w = Way { along: &part, ..w };
                let of_part = subject.product(&[w], product)?;
                Ok(subject.mixed(Way { along: &one, ..u }, w, &of_part[u.array]))
            })?;
            all &= told;
            for (column, comparison) in columns {
                let at = [bisect::index(u.along.shape(), row), bisect::index(w.along.shape(), column)];
                tensor.elements.push(Element { index: at.concat(), comparison });
            }
        }
        tensor.all_wrong_told = all && !tensor.elements.is_empty();
        Ok(())
    }

    /// H w, for a w that is 0 except for some arrays.
    fn product(&self, w: &[Way], product: &mut Product) -> Result<Vec<ArrayD<f64>>, Error> {
        let mut whole: Vec<ArrayD<f64>> = self.check.at.iter().map(|x| ArrayD::zeros(x.raw_dim())).collect();
        w.iter().for_each(|w| whole[w.array].assign(w.along));
        product(&whole)
    }

    /// Compares `dᵀ H d` as claimed with the values towards both sides.
    fn ray(&mut self, d: &[Way], product: &mut Product) -> Result<Comparison, Error> {
        let of_d = self.product(d, product)?;
        let products: Vec<ArrayD<f64>> = d.iter().map(|d| &of_d[d.array] * d.along).collect();
        let size = |f: fn(f64) -> f64| products.iter().flatten().map(|p| f(*p)).sum::<f64>();
        let rounding = ROUNDING * self.rounding * size(f64::abs);
        let at = |subject: &mut Self, t: f64| {
            let mut x = subject.check.at.clone();
            d.iter().for_each(|d| x[d.array] = subject.moved(d.array, d.along, t));
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

    /// The noise of the function along a direction of the selected array.
    fn noise_along(&mut self, direction: &ArrayD<f64>) -> Result<Noise, Error> {
        let (precision, method, cotangent) =
            (self.precision, self.check.method, [self.cotangent.clone().into()]);
        let mut x = self.check.at.clone();
        let outputs =
            |t: f64| Ok(Look { values: vec![self.along(&mut x, direction, t).into()], sides: Vec::new() });
        Curve { outputs, cotangents: &cotangent, method, first: FIRST[0], precision }
            .noise(&Nearby::new(16, precision), 1.0)
    }

    /// Compares `uᵀ H w` as claimed with differences.
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

    /// M(h), extrapolated to 0.
    fn central(&mut self, u: Way, w: Way, first: f64) -> Slope {
        let signs = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
        self.extrapolated(first, 4.0, |subject, h| {
            let at = signs.map(|[a, b]| subject.there(u, a * h, w, b * h));
            let largest = at.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            ((at[0] - at[1]) - (at[2] - at[3]), 4.0 * h * h, largest)
        })
    }

    /// The corner formula towards one side, extrapolated.
    fn corner(&mut self, u: Way, w: Way, first: f64) -> Slope {
        let zero = self.there(u, 0.0, w, 0.0);
        self.extrapolated(first, 2.0, |subject, h| {
            let at = [[h, h], [h, 0.0], [0.0, h]].map(|[a, b]| subject.there(u, a, w, b));
            let largest = at.iter().fold(zero.abs(), |m: f64, v| m.max(v.abs()));
            ((at[0] - at[1]) - (at[2] - zero), h * h, largest)
        })
    }

    /// Differences at decreasing steps, extrapolated; their errors fall by a constant factor.
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
            // Four values, each with a rounding error of one unit in the last place, or as measured.
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

/// A direction restricted to a range of elements, with zeros elsewhere.
fn part(direction: &ArrayD<f64>, range: &std::ops::Range<usize>) -> ArrayD<f64> {
    let mut part = direction.clone();
    part.iter_mut().enumerate().filter(|(place, _)| !range.contains(place)).for_each(|(_, u)| *u = 0.0);
    part
}

/// The same arrays with other directions.
fn along<'w>(ways: &[Way], directions: &'w [ArrayD<f64>]) -> Vec<Way<'w>> {
    ways.iter().zip(directions).map(|(way, along)| Way { array: way.array, along }).collect()
}
