//! A tensor's analytic gradient, and the differences for comparison.

use super::SINGLE;
use super::function::{Function, Mover};
use super::leaves;
use super::locate::{Equations, Proof};
use super::numeric::{Curve, Derivative, FIRST, Look, Method, Nearby, Noise, Parts, SAFETY, Scale, pieces};
use super::report::{Element, Tensor};
use super::verdict::{Comparison, Decider, Verdict, corroborated};
use autograd::graph::{Expr, Graph, NodeId};
use autograd::ops::Sampler;
use autograd::{Error, Point, Value, norm};
use ndarray::ArrayD;

/// One varying expression, and its analytic gradient.
pub(super) struct Side {
    pub name: String,
    pub node: NodeId,
    /// Whether it is an interior node.
    pub interior: bool,
    /// Its value at the point.
    pub base: ArrayD<f64>,
    /// The scale of its steps.
    pub scale: Scale,
    /// Its direction, in units of that scale.
    pub direction: ArrayD<f64>,
    pub gradient: ArrayD<f64>,
    /// The standard deviation of the rounding errors of ⟨gradient, direction⟩, and of an element.
    pub noise: [f64; 2],
}

/// ‖a‖₁
fn size(a: &ArrayD<f64>) -> f64 {
    a.iter().map(|x| x.abs()).sum()
}

impl Side {
    pub fn new(x: Expr, base: ArrayD<f64>, gradient: ArrayD<f64>, sampler: &mut Sampler) -> Self {
        let scale = Scale::of(&base);
        let direction = scale.stretch(leaves::weights(&base.shape().into(), sampler));
        let interior = x.builder().application(x.position()).1.operator().is_some();
        Self { name: x.name(), node: x.id(), interior, base, scale, direction, gradient, noise: [0.0; 2] }
    }

    /// Uses the typical rounding error of a gradient in `f32` as its noise. Its errors have random signs along a
    /// random direction, so norms bound them.
    pub fn of_single(&mut self) {
        let unit = SINGLE * f64::from(f32::EPSILON) / SAFETY;
        let largest = self.gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        self.noise = [unit * norm(&(&self.gradient * &self.direction)), unit * largest];
    }

    /// ‖g ⊙ u‖₁
    pub fn size(&self) -> f64 {
        size(&(&self.gradient * &self.direction))
    }

    pub fn is_finite(&self) -> bool {
        self.gradient.iter().all(|g| g.is_finite())
    }

    /// ⟨g, u⟩
    pub fn along(&self) -> f64 {
        (&self.gradient * &self.direction).sum()
    }
}

/// Nearly all values behind a gradient vary with its leaves: only small ones are worth keeping.
const KEPT: usize = 10_000;

/// Measures the rounding noise of all gradients, moving all expressions at once. Across a kink the measurement is
/// void.
pub(super) fn measure(
    graph: &Graph,
    point: &Point<f64>,
    nearby: &Nearby,
    gradients: &[Expr],
    sides: &mut [Side],
) -> Result<(), Error> {
    let outputs: Vec<NodeId> = gradients.iter().map(|dx| dx.id()).collect();
    let function = Function::new(graph, point, &outputs, KEPT)?;
    let movers = sides.iter().map(|s| Mover {
        node: s.node,
        base: &s.base,
        direction: &s.direction,
        length: s.scale.length,
    });
    let mut line = function.line(movers.collect());
    let base = line.look(0.0)?.sides;
    let mut series: Vec<Vec<ArrayD<f64>>> = vec![Vec::new(); gradients.len()];
    for &t in &nearby.points {
        let Look { values, sides } = line.look(t)?;
        if sides != base {
            return Ok(());
        }
        series.iter_mut().zip(values).for_each(|(series, value)| series.push(value.into_float()));
    }
    drop(line);
    for (side, series) in sides.iter_mut().zip(series) {
        let along = |g: &ArrayD<f64>| ndarray::arr0((g * &side.direction).sum()).into_dyn();
        let along: Vec<_> = series.iter().map(along).collect();
        side.noise = [nearby.deviation(&along), nearby.deviation(&series)];
    }
    Ok(())
}

/// The numeric side: the outputs as one expression varies.
pub(super) struct Numeric<'a> {
    pub function: &'a Function<'a>,
    pub nearby: Nearby,
    pub cotangents: &'a [Value<f64>],
    /// The minimum rounding error of the analytic side.
    pub least: f64,
    pub method: Method,
    /// All that can move, for points near by.
    pub all: &'a [Side],
    pub proof: &'a Proof,
    /// In how many parts one of them is turned at most, where several kinks meet.
    pub parts: usize,
}

/// The largest steps of the repeated attempts.
const AGAIN: [f64; 3] = [0.06, 0.023, 0.17];

impl Numeric<'_> {
    /// The derivative along the tensor's direction.
    pub fn tensor(&self, side: &Side, order: u32, connected: bool) -> Result<Tensor, Error> {
        let (comparison, kinks) = self.along(side, &side.direction, FIRST)?;
        Ok(Tensor {
            name: side.name.clone(),
            shape: side.base.shape().into(),
            order,
            connected,
            norm: norm(&side.gradient),
            comparison,
            decided_by: Decider::Differences,
            forward: None,
            kinks,
            elements: Vec::new(),
            all_wrong_told: false,
            hint: None,
            hint_of_wrong: false,
            slice: None,
        })
    }

    /// Checks other directions, along which an error may show: one below the `f32` rounding error, or, at a kink, one
    /// between the one-sided slopes along the first. At a kink the most sensitive direction is the gradient itself.
    pub fn more(&self, side: &Side, sampler: &mut Sampler, tensor: &mut Tensor) -> Result<(), Error> {
        for first in AGAIN {
            if tensor.comparison.verdict.is_good() {
                let mut direction = side.scale.stretch(leaves::weights(&tensor.shape, sampler));
                if first == AGAIN[0] && tensor.comparison.sides.is_some() {
                    direction.zip_mut_with(&side.gradient, |u, g| *u = u.abs().copysign(*g));
                }
                let (comparison, kinks) = self.along(side, &direction, first)?;
                if comparison.verdict == Verdict::Fail {
                    (tensor.comparison, tensor.kinks) = (comparison, kinks);
                }
            }
        }
        Ok(())
    }

    /// Repeats differences that disagree with a gradient, with other steps. They can, very rarely, misjudge their own
    /// error: a slope counts if two of them find it.
    pub fn ask_again(&self, side: &Side, tensor: &mut Tensor) -> Result<(), Error> {
        if !tensor.comparison.analytic.is_finite() {
            return Ok(());
        }
        let mut attempts = vec![tensor.comparison];
        for first in AGAIN {
            let (comparison, _) = self.along(side, &side.direction, first)?;
            attempts.push(comparison);
        }
        tensor.comparison = corroborated(&attempts);
        Ok(())
    }

    /// Adds `count` elements to a tensor, the worst first.
    pub fn elements(
        &self,
        side: &Side,
        sampler: &mut Sampler,
        wanted: usize,
        tensor: &mut Tensor,
    ) -> Result<(), Error> {
        let count = side.gradient.len();
        if wanted == 0 || count == 0 {
            return Ok(());
        }
        let mut places = if wanted < count { sampler.permutation(count) } else { (0..count).collect() };
        places.truncate(wanted);
        let mut curve = self.curve(side, &side.direction, FIRST);
        let noise = curve.noise(&self.nearby, side.scale.length)?;
        for place in places {
            let mut element = self.element(side, noise, place, FIRST)?;
            if element.verdict == Verdict::Fail && element.analytic.is_finite() {
                let mut attempts = vec![element.comparison];
                for first in AGAIN {
                    attempts.push(self.element(side, noise, place, first)?.comparison);
                }
                element.comparison = corroborated(&attempts);
            }
            tensor.elements.push(element);
        }
        tensor.elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(())
    }

    fn along(
        &self,
        side: &Side,
        direction: &ArrayD<f64>,
        first: f64,
    ) -> Result<(Comparison, Vec<String>), Error> {
        let product = &side.gradient * direction;
        let rounding = SAFETY * side.noise[0] + self.least;
        let mut curve = self.curve(side, direction, first);
        let noise = curve.noise(&self.nearby, side.scale.length)?;
        let compare =
            |derivative: &Derivative| Comparison::new(product.sum(), derivative, rounding, norm(&product));
        let (comparison, derivative) = curve.compared(side.scale.length, noise, &compare)?;
        let comparison = self.among_pieces(side, direction, side.scale.length, noise, comparison)?;
        let kinks = match &derivative {
            Derivative::Smooth(_) => Vec::new(),
            Derivative::Sides { sharp, .. } => self.function.line(vec![mover(side, direction)]).names(sharp),
        };
        Ok((comparison, kinks))
    }

    /// The derivative by the element at a row-major position.
    fn element(&self, side: &Side, noise: Noise, place: usize, first: f64) -> Result<Element, Error> {
        let mut direction = ArrayD::zeros(side.base.raw_dim());
        let (index, one) = direction.indexed_iter_mut().nth(place).expect("the place is below the count");
        *one = 1.0;
        let index = ndarray::Dimension::slice(&index).to_vec();
        let length = side.scale.of_element(place, side.base[&*index]);
        let rounding = SAFETY * side.noise[1] + self.least;
        let (analytic, gradient) = (side.gradient[&*index], norm(&side.gradient));
        let compare = |derivative: &Derivative| Comparison::new(analytic, derivative, rounding, gradient);
        let (comparison, _) = self.curve(side, &direction, first).compared(length, noise, &compare)?;
        let comparison = self.among_pieces(side, &direction, length, noise, comparison)?;
        Ok(Element { index, comparison })
    }

    /// What lies beyond the slopes from both sides may lie between those of other pieces that meet there.
    fn among_pieces(
        &self,
        side: &Side,
        direction: &ArrayD<f64>,
        length: f64,
        noise: Noise,
        comparison: Comparison,
    ) -> Result<Comparison, Error> {
        let Some(sides) = comparison.beyond() else { return Ok(comparison) };
        // A rule that is wrong is wrong whatever the whole looks like.
        if self.proof.of(side.node) == Equations::Broken {
            return Ok(comparison);
        }
        // An interior node that moves by itself would hide what its operands do.
        let moved: Vec<&Side> = self.all.iter().filter(|s| s.node == side.node || !s.interior).collect();
        // The same for all that is asked of one gradient.
        let mut sampler = Sampler::new(0);
        let mut way = |s: &Side| {
            s.scale.length * s.scale.stretch(leaves::weights(&s.base.shape().into(), &mut sampler))
        };
        let ways: Vec<ArrayD<f64>> = moved.iter().map(|s| way(s)).collect();
        let parts = Parts::new(side.base.len(), self.parts, moved.len());
        let mut slope = |factors: &[f64], away: f64| {
            let near: Vec<ArrayD<f64>> = moved
                .iter()
                .zip(&ways)
                .enumerate()
                .map(|(i, (s, way))| {
                    let own = s.node == side.node;
                    let mut v = way.clone();
                    for (place, v) in v.iter_mut().enumerate() {
                        *v *= if own { parts.own(factors, place) } else { parts.other(factors, i) };
                    }
                    &s.base + &(away * v)
                })
                .collect();
            let still: Vec<ArrayD<f64>> = near.iter().map(|x| ArrayD::zeros(x.raw_dim())).collect();
            let movers = moved.iter().zip(&near).zip(&still).map(|((s, base), still)| {
                let direction = if s.node == side.node { direction } else { still };
                Mover { node: s.node, base, direction, length: 1.0 }
            });
            let mut line = self.function.line(movers.collect());
            Curve {
                outputs: move |t: f64| line.look(t),
                cotangents: self.cotangents,
                method: self.method,
                first: FIRST,
                precision: f64::EPSILON,
            }
            .inside(length * pieces::step_at(away, f64::EPSILON), noise)
        };
        let found = pieces::reach(comparison.analytic, sides, f64::EPSILON, parts, &mut slope)?;
        Ok(found.map_or(comparison, |pieces| comparison.between_pieces(pieces)))
    }

    /// The outputs as the expression moves along a direction.
    fn curve<'l>(
        &'l self,
        side: &'l Side,
        direction: &'l ArrayD<f64>,
        first: f64,
    ) -> Curve<'l, impl FnMut(f64) -> Result<Look, Error> + 'l> {
        let mut line = self.function.line(vec![mover(side, direction)]);
        Curve {
            outputs: move |t: f64| line.look(t),
            cotangents: self.cotangents,
            method: self.method,
            first,
            precision: f64::EPSILON,
        }
    }
}

fn mover<'l>(side: &'l Side, direction: &'l ArrayD<f64>) -> Mover<'l> {
    Mover { node: side.node, base: &side.base, direction, length: 1.0 }
}
