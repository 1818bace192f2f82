//! Guesses what one array of a wrong gradient is instead: the usual mistakes.
//!
//! A mistake that leaves every number there, as a factor, a transpose or another order, says what the right gradient
//! would be, up to one number at most. Each such guess is compared with the slopes along a few random directions: that
//! takes no more calls, however many guesses there are. What is left is seen in the elements, where all of them were
//! measured.

use super::along::Subject;
use super::bisect::index;
use crate::hint::Hint;
use crate::leaves;
use crate::numeric::FIRST;
use crate::report::{Element, Tensor};
use crate::verdict::{Comparison, Verdict};
use autograd::ops::Sampler;
use autograd::{Error, norm};
use ndarray::{ArrayD, Axis, IxDyn, ShapeBuilder, Slice, concatenate};

/// The slope along one direction.
pub(super) struct Probe {
    direction: ArrayD<f64>,
    slope: f64,
    tolerance: f64,
}

/// How many directions a guess must hold along; in few digits they are averaged over.
const PROBES: usize = 4;
const PROBES_IF_COARSE: usize = 8;

/// A guess must leave less of the error than this.
const LEFT: f64 = 0.15;

/// A factor must be known better than this.
const VAGUE: f64 = 0.05;

/// What a guess may leave of the error beside the tolerance.
const NEAR: f64 = 1e-4;

type Slope = fn(f64) -> f64;

/// Derivatives that a chain rule has where a parameter x stands for something else, as a logarithm does.
const CHAINS: [(&str, Slope); 7] = [
    ("exp x", f64::exp),
    ("x", |x| x),
    ("1/x", |x| 1.0 / x),
    ("2x", |x| 2.0 * x),
    ("σ(x)", |x| 1.0 / (1.0 + (-x).exp())),
    ("σ(x) (1 − σ(x))", |x| 1.0 / ((1.0 + (-x).exp()) * (1.0 + x.exp()))),
    ("1 − tanh² x", |x| 1.0 - x.tanh().powi(2)),
];

/// Arrays with more elements are not tried in other orders.
const LARGE: usize = 1 << 18;

/// Along an axis with more places than this, few displacements are tried.
const MANY: usize = 64;

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Keeps what was measured along a direction of the whole array.
    pub fn keep(&mut self, direction: &ArrayD<f64>, comparison: &Comparison) {
        if comparison.sides.is_none() && comparison.numeric.is_finite() {
            let (direction, _) = self.inwards(direction);
            self.probes.push(Probe { direction, slope: comparison.numeric, tolerance: comparison.tolerance });
        }
    }

    /// What a wrong array is instead, and the gradient that it would be with that mended.
    pub fn likely(&mut self, sampler: &mut Sampler) -> Result<Option<(Hint, ArrayD<f64>)>, Error> {
        let claimed = &self.check.claimed[self.i];
        let (shape, length) = (claimed.shape().into(), self.scale.length);
        let wanted = if self.is_coarse() { PROBES_IF_COARSE } else { PROBES };
        while self.probes.len() < wanted && self.may_ask() {
            let direction = self.scale.stretch(leaves::weights(&shape, sampler));
            let comparison = self.measure(&direction, length, FIRST, self.noise)?;
            if comparison.sides.is_some() || !comparison.numeric.is_finite() {
                return Ok(None);
            }
            self.keep(&direction, &comparison);
        }
        if self.probes.len() < wanted {
            return Ok(None);
        }
        let along = |a: &ArrayD<f64>| -> Vec<f64> {
            self.probes.iter().map(|probe| (a * &probe.direction).sum()).collect()
        };
        let fit = Fit {
            claimed: along(claimed),
            slopes: self.probes.iter().map(|probe| probe.slope).collect(),
            tolerances: self.probes.iter().map(|probe| probe.tolerance).collect(),
            free: claimed.len().min(wanted),
        };
        if claimed.iter().all(|g| *g == 0.0) {
            return Ok(Some((Hint::Zero, claimed.clone())));
        }
        if let Some((hint, times)) = fit.multiple(&self.lengths()) {
            return Ok(Some((hint, claimed / times)));
        }
        let twin = (0..self.check.claimed.len()).find(|&j| j != self.i && self.check.claimed[j] == claimed);
        if let Some(j) = twin {
            // Which numbers would be right is not known: all are shown as wrong.
            return Ok(Some((Hint::Other(self.check.names[j].clone()), -claimed)));
        }
        let like = |(j, other): (usize, &ArrayD<f64>)| {
            let same = j != self.i && other.shape() == claimed.shape();
            same.then(|| (Hint::Misplaced(self.check.names[j].clone()), other.clone()))
        };
        let others = self.check.claimed.iter().enumerate().filter_map(like);
        let x = &self.check.at[self.i];
        let chain = CHAINS.iter().map(|(name, slope)| (Hint::Chain(name), claimed * &x.mapv(slope)));
        let mut same = self.rivals.iter().cloned().chain(orders(claimed)).chain(others).chain(chain);
        if let Some(found) = same.find(|(_, meant)| fit.free > 1 && fit.is(&along(meant))) {
            return Ok(Some(found));
        }
        let sum = |of: &ArrayD<f64>| fit.sum(&along(of)).map(|times| (times, claimed + &(times * of)));
        let ones = ArrayD::ones(claimed.raw_dim());
        if let Some((times, meant)) = sum(&ones) {
            return Ok(Some((Hint::Offset(-times), meant)));
        }
        // A multiple of a constant parameter is an offset, and no penalty.
        let varies = x.iter().any(|v| Some(v) != x.first());
        Ok(sum(x).filter(|_| varies).map(|(times, meant)| (Hint::Penalty(times), meant)))
    }

    /// The lengths of the axes of all arrays, and of the arrays.
    pub fn lengths(&self) -> Vec<usize> {
        self.check.at.iter().flat_map(|x| x.shape().iter().copied().chain([x.len()])).collect()
    }
}

/// The claimed and the measured slopes along some directions.
pub(super) struct Fit {
    pub claimed: Vec<f64>,
    pub slopes: Vec<f64>,
    pub tolerances: Vec<f64>,
    /// How many of the directions are independent.
    pub free: usize,
}

impl Fit {
    /// Whether a gradient with these slopes is the one that was measured, where the claimed one is not.
    fn is(&self, meant: &[f64]) -> bool {
        let apart = |a: &[f64]| a.iter().zip(&self.slopes).map(|(a, s)| (a - s).abs()).collect::<Vec<f64>>();
        let (left, off) = (apart(meant), norm(&apart(&self.claimed)));
        norm(&left) <= LEFT * off && left.iter().zip(&self.tolerances).all(|(x, t)| *x <= t.max(NEAR * off))
    }

    /// Whether it is a multiple of the right one, and how many times. `lengths` are those of the axes, and of arrays.
    pub fn multiple(&self, lengths: &[usize]) -> Option<(Hint, f64)> {
        let (times, within) = self.ratio(&self.claimed, &self.slopes)?;
        // What noise leaves of a number is no factor.
        if within > VAGUE * times.abs() || (times - 1.0).abs() <= within {
            return None;
        }
        let near = |to: f64| (times - to).abs() <= within;
        let count = |of: &dyn Fn(f64) -> f64| lengths.iter().copied().find(|&n| n > 2 && near(of(n as f64)));
        let hint = if near(-1.0) {
            Hint::Sign
        } else {
            count(&|n| 1.0 / n)
                .map(Hint::Mean)
                .or_else(|| count(&|n| n).map(Hint::Sum))
                .unwrap_or_else(|| Hint::Factor(shortest(times, within)))
        };
        // Of one number every factor fits.
        let is_plain = || (1..100).map(f64::from).any(|n| [n, -n, 1.0 / n, -1.0 / n].into_iter().any(near));
        let meant: Vec<f64> = self.claimed.iter().map(|g| g / times).collect();
        (self.is(&meant) && (self.free > 1 || is_plain())).then_some((hint, times))
    }

    /// How many times something it lacks.
    fn sum(&self, of: &[f64]) -> Option<f64> {
        let rest: Vec<f64> = self.slopes.iter().zip(&self.claimed).map(|(s, g)| s - g).collect();
        let (times, within) = self.ratio(&rest, of)?;
        if within > VAGUE * times.abs() {
            return None;
        }
        let times = shortest(times, within);
        let meant: Vec<f64> = self.claimed.iter().zip(of).map(|(g, of)| g + times * of).collect();
        (self.free > 2 && self.is(&meant)).then_some(times)
    }

    /// How many times the second the first are, by least squares, and how well that is known.
    fn ratio(&self, a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
        let size = norm(b);
        let times = a.iter().zip(b).map(|(a, b)| (a / size) * (b / size)).sum::<f64>();
        let within = (norm(&self.tolerances) / size * times.abs().max(1.0)).max(1e-14 * times.abs());
        (times.is_finite() && times != 0.0 && within.is_finite()).then_some((times, within))
    }
}

/// Of all numbers this near, the one with the fewest digits; of one beside 1, the digits of what it is apart.
fn shortest(x: f64, within: f64) -> f64 {
    if (x - 1.0).abs() <= within {
        return 1.0;
    }
    if (f64::EPSILON..1e-3).contains(&(x - 1.0).abs()) {
        return 1.0 + shortest(x - 1.0, within);
    }
    let rounded = (0..9).filter_map(|digits: usize| format!("{x:.digits$e}").parse::<f64>().ok());
    rounded.into_iter().find(|r| (r - x).abs() <= within).unwrap_or(x)
}

/// The numbers of an array in other orders that are usual by mistake.
fn orders(g: &ArrayD<f64>) -> Vec<(Hint, ArrayD<f64>)> {
    let mut all = Vec::new();
    if g.len() > LARGE {
        return all;
    }
    let (shape, axes) = (g.shape(), g.ndim());
    for a in 0..axes {
        for b in (a + 1..axes).filter(|&b| shape[a] == shape[b] && shape[a] > 1) {
            let mut turned = g.clone();
            turned.swap_axes(a, b);
            all.push((Hint::Transposed, turned));
        }
    }
    if shape.iter().filter(|n| **n > 1).count() > 1 {
        let flat: Vec<f64> = g.iter().copied().collect();
        all.extend(ArrayD::from_shape_vec(IxDyn(shape).f(), flat).map(|a| (Hint::Layout, a)));
        let by_columns: Vec<f64> = g.t().iter().copied().collect();
        all.extend(ArrayD::from_shape_vec(IxDyn(shape), by_columns).map(|a| (Hint::Layout, a)));
    }
    for (axis, &n) in shape.iter().enumerate() {
        if n < 2 {
            continue;
        }
        let part = |from: usize, to: usize| g.slice_axis(Axis(axis), Slice::from(from..to));
        let mut reversed = g.clone();
        reversed.invert_axis(Axis(axis));
        all.push((Hint::Reversed(axis), reversed));
        for by in (1..n).filter(|by| n <= MANY || *by <= 2 || n - by <= 2) {
            let told = if by * 2 > n { by.cast_signed() - n.cast_signed() } else { by.cast_signed() };
            all.extend(
                concatenate(Axis(axis), &[part(by, n), part(0, by)])
                    .map(|a| (Hint::Displaced(axis, told), a)),
            );
        }
        let blocks = [2, 3, 4, 6].into_iter().filter(|&k| k < n && n % k == 0).chain((n <= 16).then_some(n));
        for k in blocks {
            let size = n / k;
            let block = |b: usize| part(b * size, (b + 1) * size);
            for a in 0..k {
                for b in a + 1..k {
                    let places = (0..k).map(|c| {
                        if c == a {
                            b
                        } else if c == b {
                            a
                        } else {
                            c
                        }
                    });
                    let parts: Vec<_> = places.map(block).collect();
                    all.extend(
                        concatenate(Axis(axis), &parts).map(|x| (Hint::Exchanged(axis, k, [a, b]), x)),
                    );
                }
            }
        }
    }
    all
}

/// What the elements of an array tell, where all were measured, or all that are wrong: a hint, and whether it is of the wrong ones alone.
pub(super) fn among_elements(tensor: &Tensor) -> Option<(Hint, bool)> {
    let shape = tensor.shape.to_vec();
    let all = &tensor.elements;
    let known = |e: &Element| e.sides.is_none() && e.numeric.is_finite() && e.tolerance.is_finite();
    let complete = all.len() == tensor.shape.count();
    if !(complete || tensor.all_wrong_told) || tensor.shape.count() < 2 || !all.iter().all(known) {
        return None;
    }
    let wrong: Vec<&Element> = all.iter().filter(|e| e.verdict == Verdict::Fail).collect();
    let off = wrong.iter().fold(0.0, |m: f64, e| m.max(e.difference()));
    let near = |e: &Element, meant: f64| (meant - e.numeric).abs() <= e.tolerance.max(NEAR * e.difference());
    let clear = |e: &&Element| e.tolerance <= LEFT * e.difference();
    if wrong.is_empty() || !wrong.iter().all(clear) {
        return None;
    }
    let partly = wrong.len() < tensor.shape.count();
    if wrong.iter().all(|e| e.analytic == 0.0) {
        return Some((Hint::Zero, partly));
    }
    let turned = wrong.iter().all(|e| near(e, -e.analytic));
    if !complete {
        let hint = if turned { Some(Hint::Sign) } else { one_factor(&wrong, near) };
        return hint.map(|hint| (hint, true));
    }
    let largest = all.iter().fold(0.0, |m: f64, e| m.max(e.analytic.abs()));
    let is_clipped = |e: &&Element| {
        e.analytic.abs() >= largest && e.numeric.abs() > largest && e.analytic * e.numeric > 0.0
    };
    if wrong.len() > 1 && wrong.iter().all(is_clipped) {
        return Some((Hint::Clipped(largest), false));
    }
    if turned && wrong.len() > 1 && partly && all.iter().all(|e| e.analytic >= 0.0) {
        return Some((Hint::Absolute, false));
    }
    if turned {
        return Some((Hint::Sign, partly));
    }
    if let Some(hint) = one_factor(&wrong, near) {
        return Some((hint, partly));
    }
    let mut e = ArrayD::from_elem(IxDyn(&shape), (0.0, 0.0, 0.0));
    all.iter().for_each(|c| e[&*c.index] = (c.analytic, c.numeric, c.tolerance));
    displaced(&e, off).or_else(|| rank(&e, off)).map(|hint| (hint, false))
}

/// The factor that all wrong elements share, if there are several.
fn one_factor(wrong: &[&Element], near: impl Fn(&Element, f64) -> bool) -> Option<Hint> {
    let worst = wrong.iter().max_by(|a, b| a.difference().total_cmp(&b.difference()))?;
    let times = worst.ratio();
    let within = times.abs() * (worst.tolerance / worst.numeric.abs()).max(1e-9 * (times - 1.0).abs());
    let is_known = within <= VAGUE * times.abs() && within < (times - 1.0).abs();
    let fits = wrong.len() > 1 && is_known && wrong.iter().all(|e| near(e, e.analytic / times));
    fits.then(|| Hint::Factor(shortest(times, within)))
}

/// One place too far along an axis, where what falls off at the end is lost: (claimed, numeric, tolerance).
fn displaced(e: &ArrayD<(f64, f64, f64)>, off: f64) -> Option<Hint> {
    let fits = |axis: usize, by: isize| {
        let differs = |claimed: f64, numeric: f64, tolerance: f64| {
            (claimed - numeric).abs() > tolerance.max(NEAR * off)
        };
        let mut explained = 0;
        let all = e.indexed_iter().all(|(at, &(claimed, own, within))| {
            let mut from = ndarray::Dimension::slice(&at).to_vec();
            let Some(k) = from[axis].checked_add_signed(-by).filter(|&k| k < e.shape()[axis]) else {
                return true;
            };
            from[axis] = k;
            let (_, numeric, tolerance) = e[&*from];
            explained += usize::from(differs(claimed, own, within));
            !differs(claimed, numeric, tolerance)
        });
        // Neighbours that are equal fit anything, and so does what falls off.
        all && explained > 1
    };
    let tries = (0..e.ndim()).filter(|&axis| e.shape()[axis] > 2).flat_map(|axis| [(axis, 1), (axis, -1)]);
    tries.into_iter().find(|&(axis, by)| fits(axis, by)).map(|(axis, by)| Hint::Displaced(axis, by))
}

/// The rank of the error of a matrix, by elimination with complete pivots, if it is at most half of what it could be.
fn rank(e: &ArrayD<(f64, f64, f64)>, off: f64) -> Option<Hint> {
    let &[rows, columns] = e.shape() else { return None };
    let floor = e.iter().fold(1e-6 * off, |m: f64, (_, _, tolerance)| m.max(4.0 * tolerance));
    let mut rest = e.map(|(claimed, numeric, _)| claimed - numeric);
    let touched = |axis: usize| {
        let wrong = |line: ndarray::ArrayViewD<f64>| line.iter().any(|x| x.abs() > floor);
        rest.axis_iter(Axis(axis)).filter(|line| wrong(line.view())).count()
    };
    let full = touched(0).min(touched(1));
    for rank in 0..=full / 2 {
        let at = (0..rest.len()).max_by(|&a, &b| {
            let size = |k: usize| rest[&*index(&[rows, columns], k)].abs();
            size(a).total_cmp(&size(b))
        })?;
        let [r, c] = index(&[rows, columns], at)[..] else { return None };
        let pivot = rest[[r, c]];
        if pivot.abs() <= floor {
            return (rank > 0).then_some(Hint::Terms(rank, rows.min(columns)));
        }
        let (row, column) = (rest.index_axis(Axis(0), r).to_owned(), rest.index_axis(Axis(1), c).to_owned());
        rest.indexed_iter_mut().for_each(|(at, x)| *x -= column[at[0]] * row[at[1]] / pivot);
    }
    None
}

/// Withdraws that an array is the gradient of another one that is wrong itself.
pub(super) fn withdraw(tensors: &mut [Tensor]) {
    let good: Vec<String> =
        tensors.iter().filter(|t| t.verdict().is_good()).map(|t| t.name.clone()).collect();
    for tensor in tensors {
        tensor.hint.take_if(|hint| matches!(hint, Hint::Other(name) if !good.contains(name)));
    }
}

/// Marks the arrays whose errors are one column, up to a factor, or that column times a row: of what one step of one
/// sequence adds to a bias and to a weight.
pub(super) fn share_a_step(tensors: &mut [Tensor]) {
    let columns: Vec<Option<Vec<f64>>> = tensors.iter().map(column).collect();
    let alike = |a: &[f64], b: &[f64]| {
        let (sizes, inner) = (norm(a) * norm(b), a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().abs());
        a.len() == b.len() && sizes - inner <= ALIKE * sizes
    };
    let is_outer = |i: usize| matches!(tensors[i].hint, Some(Hint::Terms(1, _)));
    // Vectors alone may share an error of any kind, as two biases do: one of them must be a matrix.
    let shares = |i: usize| {
        let Some(own) = &columns[i] else { return false };
        let like = |j: usize| j != i && columns[j].as_ref().is_some_and(|other| alike(own, other));
        let mut others = (0..columns.len()).filter(|&j| like(j));
        if is_outer(i) { others.next().is_some() } else { others.any(is_outer) }
    };
    let found: Vec<usize> = (0..tensors.len()).filter(|&i| shares(i)).collect();
    found.into_iter().for_each(|i| tensors[i].hint = Some(Hint::Step));
}

/// One less the cosine of the angle between two columns that are the same.
const ALIKE: f64 = 1e-9;

/// The error of a vector, or the column of a matrix of rank 1, where it is known and not explained.
fn column(tensor: &Tensor) -> Option<Vec<f64>> {
    let all = &tensor.elements;
    let off = all.iter().fold(0.0, |m: f64, e| m.max(e.difference()));
    let known = |e: &Element| e.sides.is_none() && e.tolerance <= NEAR * off;
    let wrong = all.iter().filter(|e| e.verdict == Verdict::Fail).count();
    if all.len() != tensor.shape.count() || wrong < 3 || !all.iter().all(known) {
        return None;
    }
    let error = |e: &Element| e.analytic - e.numeric;
    let mut column = vec![0.0; *tensor.shape.first()?];
    match (&tensor.hint, tensor.shape.len()) {
        (None, 1) => all.iter().for_each(|e| column[e.index[0]] = error(e)),
        (Some(Hint::Terms(1, _)), 2) => {
            let worst = all.iter().max_by(|a, b| a.difference().total_cmp(&b.difference()))?;
            let same = all.iter().filter(|e| e.index[1] == worst.index[1]);
            same.for_each(|e| column[e.index[0]] = error(e));
        }
        _ => return None,
    }
    Some(column)
}
