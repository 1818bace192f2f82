//! Finds the wrong term of a node's equation.
//!
//! If a node has several users, its adjoint is a sum. The summands in the graph are matched with the expected terms:
//! unmatched ones on both sides belong together. A term without a summand is a missing accumulation, a summand
//! without a term is superfluous. If the adjoint is not a plain sum (assembled slices), the whole difference is
//! compared with each term, and finally the users of the worst element are considered.

use super::Record;
use super::edge::Edge;
use super::hint;
use super::worst::{self, Worst};
use crate::hint::Hint;
use crate::numeric::Scale;
use crate::{SINGLE, leaves};
use autograd::ops::{Op, Sampler};
use autograd::{Value, norm};
use ndarray::{ArrayD, Zip};

/// `x̄ = seed + Σⱼ Jⱼᵀ ūⱼ`, as claimed.
pub(super) struct Equation<'a> {
    pub claimed: ArrayD<f64>,
    pub seed: Option<ArrayD<f64>>,
    pub edges: Vec<Edge<'a>>,
    /// x
    pub value: &'a ArrayD<f64>,
    /// Whether it is claimed in `f32`.
    pub single: bool,
}

/// One term, and its counterpart in the graph.
#[derive(Debug)]
pub(super) struct Suspect {
    /// The blamed uses, the last first; empty for the seed. Several are uses of one VJP.
    pub edges: Vec<usize>,
    /// The claimed array for it…
    pub array: ArrayD<f64>,
    /// …minus these other terms.
    pub without: Vec<usize>,
    /// Whether it includes the seed.
    pub seed: bool,
    /// Whether it is one of several terms.
    pub summed: bool,
}

/// The maximum relative residual of an equation.
const EXACT: f64 = 1e-11;

/// The maximum number of roundings of a VJP, and of a sum of many terms.
const ROUNDINGS: f64 = 16.0;

/// The number of elements checked alone for an operand at a kink.
const ALONE: usize = 64;

/// The maximum relative error of one-sided slopes.
const ONE_SIDED: f64 = 1e-6;

/// The number of directions along which a pattern must hold.
pub(super) const DIRECTIONS: usize = 4;

pub(super) fn directions(like: &ArrayD<f64>, sampler: &mut Sampler) -> Vec<ArrayD<f64>> {
    (0..DIRECTIONS).map(|_| leaves::weights(&like.shape().into(), sampler)).collect()
}

pub(super) fn dot(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    (a * b).sum()
}

fn size(a: &ArrayD<f64>) -> f64 {
    a.iter().map(|x| x.abs()).sum()
}

/// Σ|ū r| for an elementwise op; other ops do not separate elements.
fn read(edge: &Edge, r: &ArrayD<f64>) -> f64 {
    if edge.adjoint.shape() == r.shape() {
        return size(&(&edge.adjoint * r));
    }
    size(&edge.adjoint) * r.iter().fold(0.0, |m: f64, r| m.max(r.abs()))
}

impl Equation<'_> {
    pub fn tolerance(&self) -> f64 {
        if self.single { 2.0 * f64::from(f32::EPSILON) } else { EXACT }
    }

    /// Whether both sides are equal, up to rounding: along a random direction, and along one in which the elements of
    /// the adjoint have equal weight, however small.
    pub fn holds(&self, sampler: &mut Sampler) -> bool {
        let r = Scale::of(self.value).stretch(leaves::weights(&self.claimed.shape().into(), sampler));
        self.holds_along(&r) && self.levelled(&r).is_none_or(|r| self.holds_along(&r))
    }

    /// The direction in which all elements of the adjoint have equal weight, if their sizes differ widely.
    fn levelled(&self, r: &ArrayD<f64>) -> Option<ArrayD<f64>> {
        let sizes = || self.claimed.iter().map(|x| x.abs()).filter(|x| *x > 0.0);
        let (least, most) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
        let apart = least < 1e-3 * most && most.is_finite();
        // Beyond this ratio, products of large and small numbers overflow.
        let least = least.max(1e-120 * most);
        apart.then(|| {
            Zip::from(r).and(&self.claimed).map_collect(|r, x| r.signum() * (least / x.abs().max(least)))
        })
    }

    fn holds_along(&self, r: &ArrayD<f64>) -> bool {
        let mut terms: Vec<ArrayD<f64>> = self.edges.iter().map(|edge| edge.product(r)).collect();
        terms.extend(self.seed.as_ref().map(|seed| seed * r));
        let claimed = &self.claimed * r;
        let difference = (claimed.sum() - terms.iter().map(|term| term.sum()).sum::<f64>()).abs();
        let scale = size(&claimed) + terms.iter().map(size).sum::<f64>();
        // If both sides are not finite, the equation is undecided.
        let overflow = !scale.is_finite() && claimed.iter().all(|x| x.is_finite());
        let tolerance =
            self.tolerance() * scale + self.read(r) + f64::MIN_POSITIVE * self.claimed.len() as f64;
        let doubt = || self.edges.iter().map(|edge| edge.doubt(r)).sum::<f64>();
        overflow || difference <= tolerance || difference <= tolerance + doubt()
    }

    /// A result is rounded, and a VJP that reads it, such as that of a saturated sigmoid, loses as much of the
    /// adjoint.
    fn read(&self, r: &ArrayD<f64>) -> f64 {
        4.0 * f64::EPSILON * self.edges.iter().map(|edge| read(edge, r)).sum::<f64>()
    }

    /// The largest difference of both sides along several directions, in units of the `f32` rounding error.
    pub fn excess(&self, sampler: &mut Sampler) -> f64 {
        let read: f64 = self.edges.iter().map(|edge| norm(&edge.adjoint)).sum();
        let off = |r: &ArrayD<f64>| {
            let mut terms: Vec<ArrayD<f64>> = self.edges.iter().map(|edge| edge.product(r)).collect();
            terms.extend(self.seed.as_ref().map(|seed| seed * r));
            self.off(&(&self.claimed * r), &terms, read)
        };
        let larger = |max: f64, x: f64| if x > max || x.is_nan() { x } else { max };
        directions(&self.claimed, sampler).iter().map(off).fold(0.0, larger)
    }

    /// The difference between a claim and the sum of some terms, in units of the `f32` rounding error: some units of
    /// each of them, and of the norm of the adjoints behind them, since a VJP reads rounded results.
    fn off(&self, claimed: &ArrayD<f64>, terms: &[ArrayD<f64>], read: f64) -> f64 {
        let difference = (claimed.sum() - terms.iter().map(|term| term.sum()).sum::<f64>()).abs();
        let scale = norm(claimed) + terms.iter().map(norm).sum::<f64>();
        let tolerance = f64::from(f32::EPSILON) * (ROUNDINGS * scale + 4.0 * read);
        if difference <= tolerance { 0.0 } else { difference / tolerance }
    }

    /// Whether the claim is, along each of some directions, between the values for the one-sided slopes of ops at
    /// kinks; `None` if no op is at one. The most sensitive direction is the claim itself.
    pub fn holds_on_kinks(&self, sampler: &mut Sampler) -> Option<bool> {
        let mut along = directions(&self.claimed, sampler);
        let positive = along[0].mapv(f64::abs);
        along.push(Zip::from(&positive).and(&self.claimed).map_collect(|r, x| r.copysign(*x)));
        along.push(positive);
        let read: f64 = self.edges.iter().map(|edge| size(&edge.adjoint)).sum();
        let mut kinks = false;
        let mut within = |r: &ArrayD<f64>| {
            let seed = self.seed.as_ref().map_or(0.0, |seed| dot(seed, r));
            let (mut low, mut high, mut scale) = (seed, seed, size(&(&self.claimed * r)));
            let mut slack = 0.0;
            for edge in &self.edges {
                let [a, b] = if edge.same[0] != edge.operand && edge.sides(r).is_some() {
                    // It moved with the first of them.
                    continue;
                } else if let Some((sides, rounding)) = edge.sides(r) {
                    kinks = true;
                    slack += rounding
                        + if self.single { 0.0 } else { ONE_SIDED * size(&sides[0]).max(size(&sides[1])) };
                    sides
                } else {
                    let product = edge.product(r);
                    [product.clone(), product]
                };
                (low, high, scale) = (low + a.sum(), high + b.sum(), scale + size(&a).max(size(&b)));
            }
            let claimed = dot(&self.claimed, r);
            slack += if self.single { SINGLE * f64::from(f32::EPSILON) } else { self.tolerance() } * scale;
            slack += 4.0 * f64::EPSILON * read;
            !slack.is_finite() || (low - slack <= claimed && claimed <= high + slack)
        };
        // Along a single element, its error is not hidden by the slopes of others.
        let mut places = sampler.permutation(self.claimed.len());
        places.truncate(ALONE);
        let units = places.into_iter().map(|place| worst::unit(&self.claimed, place));
        let holds = along.iter().cloned().chain(units).all(|r| within(&r));
        kinks.then_some(holds)
    }

    /// The claimed value of a candidate along r.
    pub fn claimed(&self, suspect: &Suspect, r: &ArrayD<f64>) -> f64 {
        let others: f64 = suspect.without.iter().map(|&j| self.edges[j].product(r).sum()).sum();
        dot(&suspect.array, r) - others
    }

    /// The expected value.
    pub fn expected(&self, suspect: &Suspect, r: &ArrayD<f64>) -> f64 {
        let seed = self.seed.as_ref().filter(|_| suspect.seed).map_or(0.0, |seed| dot(seed, r));
        seed + suspect.edges.iter().map(|&j| self.edges[j].product(r).sum()).sum::<f64>()
    }

    /// The claim minus all users but one, at their expected values.
    fn one(&self, j: usize) -> Suspect {
        Suspect { summed: self.edges.len() > 1, ..self.some(vec![j]) }
    }

    /// The claim minus all users but some, at their expected values.
    pub fn some(&self, edges: Vec<usize>) -> Suspect {
        let without = (0..self.edges.len()).filter(|k| !edges.contains(k)).collect();
        let array = match &self.seed {
            Some(seed) => &self.claimed - seed,
            None => self.claimed.clone(),
        };
        Suspect { edges, array, without, seed: false, summed: false }
    }
}

/// The wrong term of the equation, with a hint about its error.
pub(super) fn blame(
    record: &Record,
    i: usize,
    equation: &Equation,
    sampler: &mut Sampler,
) -> (Suspect, Worst, Hint) {
    let told = |suspect: Suspect, sampler: &mut Sampler| {
        let worst = worst::worst(equation, &suspect, sampler);
        let hint = hint::hint(record, equation, &suspect, &worst, sampler);
        (suspect, worst, hint)
    };
    match equation.edges.len() {
        0 => {
            let array = equation.claimed.clone();
            let seed = Suspect { edges: Vec::new(), array, without: Vec::new(), seed: true, summed: false };
            return told(seed, sampler);
        }
        1 => return told(equation.one(0), sampler),
        _ => {}
    }
    let along = directions(&equation.claimed, sampler);
    let one = by_summands(record, i, equation, &along).or_else(|| by_proportion(equation, &along));
    if let Some(one) = one {
        return told(one, sampler);
    }
    // A wrong VJP is wrong at every use: for a weight, at all steps.
    for group in groups(record, equation) {
        let (suspect, worst, hint) = told(equation.some(group), sampler);
        if !matches!(hint, Hint::Unknown | Hint::OneElement | Hint::NotFinite) {
            return (suspect, worst, hint);
        }
    }
    let one = by_element(equation, sampler).unwrap_or_else(|| equation.one(largest(equation, &along[0])));
    told(one, sampler)
}

/// The uses of one VJP: of the same op, operand and source line, and then of the same op and operand.
fn groups(record: &Record, equation: &Equation) -> Vec<Vec<usize>> {
    let graph = record.scene.graph;
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for by_line in [true, false] {
        let mut by_key: Vec<(_, Vec<usize>)> = Vec::new();
        for (j, edge) in equation.edges.iter().enumerate() {
            let node = graph.at(edge.user);
            let origin = &node.origin;
            let line = by_line.then(|| (origin.layer.clone(), origin.name.clone(), origin.ordinal));
            let key = (node.op.name(), edge.operand, line);
            match by_key.iter_mut().find(|(known, _)| *known == key) {
                Some((_, group)) => group.push(j),
                None => by_key.push((key, vec![j])),
            }
        }
        for (_, mut group) in by_key.into_iter().filter(|(_, group)| group.len() > 1) {
            group.sort_by_key(|&j| std::cmp::Reverse(equation.edges[j].user));
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    groups
}

/// Whether numbers are equal along all directions, up to rounding.
fn same(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (a.abs() + b.abs()).max(f64::MIN_POSITIVE))
}

fn by_summands(record: &Record, i: usize, equation: &Equation, along: &[ArrayD<f64>]) -> Option<Suspect> {
    let graph = record.scene.graph;
    let dx = *record.adjoints.get(&i)?;
    let terms: Vec<Term> = equation.edges.iter().map(|edge| Term::new(edge, along)).collect();
    let project = |a: &ArrayD<f64>| along.iter().map(|r| dot(a, r)).collect::<Vec<_>>();
    let is_term = |j: usize, summand: &ArrayD<f64>| {
        let edge = &equation.edges[j];
        if equation.single {
            return along
                .iter()
                .all(|r| equation.off(&(summand * r), &[edge.product(r)], norm(&edge.adjoint)) <= 1.0);
        }
        terms[j].is(&project(summand), 100.0 * equation.tolerance())
    };
    let is_seed = |summand: &ArrayD<f64>| {
        let of = |seed: &ArrayD<f64>| {
            if equation.single {
                return along.iter().all(|r| equation.off(&(summand * r), &[seed * r], 0.0) <= 1.0);
            }
            same(&project(seed), &project(summand), 1e-9)
        };
        equation.seed.as_ref().is_some_and(of)
    };
    let whole = vec![equation.claimed.clone()];
    let parts = matches!(graph.at(dx).op, Op::Add(_)).then(|| {
        let value = |s: usize| match record.values.get(&s) {
            Some(Value::Float(a)) => Some(a.broadcast(equation.claimed.shape())?.to_owned()),
            _ => None,
        };
        graph.operands_at(dx).map(value).collect::<Option<Vec<_>>>()
    });
    // The adjoint can be a single term, even if that is itself a sum.
    for summands in [Some(whole), parts.flatten()].into_iter().flatten() {
        let mut left: Vec<usize> = (0..terms.len()).collect();
        // Among equal terms, the one through a stop-gradient is the missing one; rounding errors can equal any.
        left.sort_by_key(|&j| (terms[j].cancelled, equation.edges[j].identity));
        let mut over = Vec::new();
        for (s, summand) in summands.iter().enumerate() {
            match left.iter().position(|&j| is_term(j, summand)) {
                Some(at) => {
                    left.remove(at);
                }
                None if is_seed(summand) => {}
                None => over.push(s),
            }
        }
        let sum = |of: &[usize]| {
            of.iter().fold(ArrayD::zeros(equation.claimed.raw_dim()), |sum, &s| sum + &summands[s])
        };
        let suspect = |j: usize, array| Suspect {
            edges: vec![j],
            array,
            without: Vec::new(),
            seed: false,
            summed: true,
        };
        match (&left[..], &over[..]) {
            // A single summand without a match could be anything.
            ([_], [_]) | ([], _) if summands.len() == 1 => {}
            ([j], over) => return Some(suspect(*j, sum(over))),
            // Several terms are missing.
            ([j, ..], []) => return Some(suspect(*j, sum(&[]))),
            ([], [over]) => {
                let j = (0..terms.len()).find(|&j| is_term(j, &summands[*over]))?;
                return Some(suspect(j, 2.0 * &summands[*over]));
            }
            _ => {}
        }
    }
    None
}

/// Whether the unmatched terms equal the unmatched summands. Once matches are removed from both sides, an equation
/// has no large terms that could hide a small wrong one.
pub(super) fn rest_holds(record: &Record, i: usize, equation: &Equation, sampler: &mut Sampler) -> bool {
    let Some(&dx) = record.adjoints.get(&i) else { return true };
    let graph = record.scene.graph;
    if !matches!(graph.at(dx).op, Op::Add(_)) || equation.edges.len() < 2 {
        return true;
    }
    let along = directions(&equation.claimed, sampler);
    let project = |a: &ArrayD<f64>| along.iter().map(|r| dot(a, r)).collect::<Vec<_>>();
    let mut summands = Vec::new();
    for s in graph.operands_at(dx) {
        let Some(Value::Float(a)) = record.values.get(&s) else { return true };
        let Some(a) = a.broadcast(equation.claimed.shape()) else { return true };
        summands.push(project(&a.to_owned()));
    }
    let mut terms: Vec<Term> = equation.edges.iter().map(|edge| Term::new(edge, &along)).collect();
    let seed = |seed| Term { along: project(seed), rounding: 0.0, cancelled: false };
    terms.extend(equation.seed.as_ref().map(seed));
    // What is left of a term that cancels is rounding: it may equal any other summand, or none.
    let (mut left, mut terms): (Vec<Term>, Vec<Term>) = terms.into_iter().partition(|term| term.cancelled);
    // Sorted by one projection, equal ones are adjacent.
    summands.sort_by(|a, b| a[0].total_cmp(&b[0]));
    terms.sort_by(|a, b| a.along[0].total_cmp(&b.along[0]));
    let mut over = Vec::new();
    let (mut summands, mut terms) = (summands.into_iter().peekable(), terms.into_iter().peekable());
    loop {
        match (summands.peek(), terms.peek()) {
            (Some(a), Some(b)) if same(a, &b.along, MATCH) => {
                summands.next();
                terms.next();
            }
            (Some(a), Some(b)) if a[0] < b.along[0] => over.extend(summands.next()),
            (_, Some(_)) => left.extend(terms.next()),
            (Some(_), None) => over.extend(summands.next()),
            (None, None) => break,
        }
    }
    let rounding = left.iter().map(|term| term.rounding).sum::<f64>();
    (0..along.len()).all(|m| {
        let (sent, due) = (over.iter().map(|s| s[m]), left.iter().map(|term| term.along[m]));
        let off = sent.clone().sum::<f64>() - due.clone().sum::<f64>();
        let scale = sent.chain(due).map(f64::abs).sum::<f64>();
        !scale.is_finite() || off.abs() <= MATCH * scale + rounding + f64::MIN_POSITIVE
    })
}

/// What one use contributes to an adjoint, along some directions.
struct Term {
    along: Vec<f64>,
    /// The error bound along all of them.
    rounding: f64,
    /// Whether the products that it is the sum of cancel, so that nothing is left but their rounding errors: `ȳ₀w − ȳ₁w`
    /// for equal adjoints. A product that is zero itself leaves none.
    cancelled: bool,
}

impl Term {
    /// Whether a summand is this term.
    fn is(&self, summand: &[f64], tolerance: f64) -> bool {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= self.rounding;
        same(&self.along, summand, tolerance) || self.cancelled && self.along.iter().zip(summand).all(near)
    }

    fn new(edge: &Edge, along: &[ArrayD<f64>]) -> Self {
        let largest = |of: &dyn Fn(&ArrayD<f64>) -> f64| along.iter().map(of).fold(0.0, f64::max);
        let products: Vec<ArrayD<f64>> = along.iter().map(|r| edge.product(r)).collect();
        let vanishes = |product: &ArrayD<f64>| {
            let size = size(product);
            size > 0.0 && product.sum().abs() <= ROUNDINGS * f64::EPSILON * size
        };
        Self {
            rounding: 4.0 * f64::EPSILON * largest(&|r| read(edge, r)) + largest(&|r| edge.doubt(r)),
            cancelled: products.iter().all(vanishes),
            along: products.iter().map(|product| product.sum()).collect(),
        }
    }
}

/// The maximum relative difference of a summand and a matching term.
const MATCH: f64 = 1e-9;

/// The term to which the whole difference is proportional.
fn by_proportion(equation: &Equation, along: &[ArrayD<f64>]) -> Option<Suspect> {
    let off: Vec<f64> = along
        .iter()
        .map(|r| {
            let seed = equation.seed.as_ref().map_or(0.0, |seed| dot(seed, r));
            let expected: f64 = equation.edges.iter().map(|edge| edge.product(r).sum()).sum();
            dot(&equation.claimed, r) - seed - expected
        })
        .collect();
    let fits = |edge: &Edge| {
        let term: Vec<f64> = along.iter().map(|r| edge.product(r).sum()).collect();
        // The best factor, and its residual.
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let factor = dot(&off, &term) / dot(&term, &term);
        let rest: Vec<f64> = off.iter().zip(&term).map(|(off, t)| off - factor * t).collect();
        let part = if equation.single { 0.05 } else { 1e-5 };
        factor.is_finite() && dot(&rest, &rest) <= part * part * dot(&off, &off)
    };
    let mut fitting = (0..equation.edges.len()).filter(|&j| fits(&equation.edges[j]));
    let first = fitting.next()?;
    fitting.next().is_none().then(|| equation.one(first))
}

/// The only user that reaches the worst element.
fn by_element(equation: &Equation, sampler: &mut Sampler) -> Option<Suspect> {
    let all = equation.one(0);
    let all = Suspect { without: (0..equation.edges.len()).collect(), edges: Vec::new(), ..all };
    let place = worst::farthest(equation, &all, sampler);
    let r = worst::unit(&equation.claimed, place);
    let mut reaching =
        (0..equation.edges.len()).filter(|&j| equation.edges[j].product(&r).iter().any(|p| *p != 0.0));
    let first = reaching.next()?;
    reaching.next().is_none().then(|| equation.one(first))
}

fn largest(equation: &Equation, r: &ArrayD<f64>) -> usize {
    let sizes = equation.edges.iter().map(|edge| size(&edge.product(r)));
    sizes.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(j, _)| j)
}
