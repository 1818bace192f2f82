//! One order of differentiation: both sides of every tensor, and their comparison.

use super::leaves;
use super::numeric::{self, Curve, Noise, SAFETY};
use super::report::{Comparison, Element, Report, Tensor, Verdict};
use crate::error::Error;
use crate::eval::{Point, eval};
use crate::grad::{Gradient, vjp};
use crate::graph::{Builder, Expr, Graph, NodeId};
use crate::ops::{Op, Sampler};
use crate::value::Value;
use ndarray::{ArrayD, Zip};

/// What is compared at one order of differentiation: the gradients of `⟨ȳ, y⟩` with numeric ones.
pub(super) struct Level<'a, 'g> {
    pub order: u32,
    pub g: &'g Builder,
    pub ys: &'a [Expr<'g>],
    /// The ȳ, which have values at the point.
    pub cotangents: &'a [Expr<'g>],
    pub xs: &'a [Expr<'g>],
    pub point: &'a Point<f64>,
    /// How many nodes the user's graph has; the rest are derivatives of it.
    pub forward: usize,
    /// The largest ‖g ⊙ u‖₁ of the order before.
    pub largest: f64,
    /// How many elements of each tensor are looked at one by one.
    pub elements: usize,
}

impl<'g> Level<'_, 'g> {
    /// Adds a tensor for each x to the report, and returns the gradients as far as they are not zero, and the
    /// largest ‖g ⊙ u‖₁.
    pub fn compare(&self, sampler: &mut Sampler, report: &mut Report) -> Result<(Vec<Expr<'g>>, f64), Error> {
        let &Self { g, ys, cotangents, xs, .. } = self;
        let pairs: Vec<_> = ys.iter().copied().zip(cotangents.iter().copied()).collect();
        let (mut gradients, mut dxs, mut connected) = (Vec::new(), Vec::new(), Vec::new());
        for (gradient, x) in vjp(&pairs, xs).into_iter().zip(xs) {
            // Of second derivatives many have no path: a linear weight has none to its own gradient.
            connected.push(self.order > 1 || !matches!(gradient, Gradient::NotConnected));
            gradients.push(match &gradient {
                Gradient::Of(dx) => *dx,
                Gradient::Zero | Gradient::NotConnected => g.zeros(x.shape()),
                Gradient::NotDefined(error) => return Err(error.clone()),
            });
            // One node can be the gradient of several.
            if let Gradient::Of(dx) = gradient
                && !dxs.iter().any(|other: &Expr| other.id() == dx.id())
            {
                dxs.push(dx);
            }
        }
        let graph = g.graph()?;
        let point = freeze(&graph, self.point, ys, self.forward)?;
        let cotangents = eval(&graph, &point, cotangents)?;
        let analytic = eval(&graph, &point, &gradients)?;
        let mut sides = Vec::new();
        let bases = eval(&graph, &point, xs)?;
        for (((&x, base), gradient), connected) in xs.iter().zip(bases).zip(analytic).zip(connected) {
            let (base, gradient) = (base.into_float(), gradient.into_float());
            let direction = leaves::weights(&x.shape(), sampler);
            let length = (base.map(|x| x * x).sum() / base.len().max(1) as f64).sqrt().max(1.0);
            sides.push(Side { x, base, length, direction, gradient, connected, noise: [0.0; 2] });
        }
        measure(&graph, &point, &gradients, &mut sides)?;
        let largest =
            sides.iter().map(|side| size(&(&side.gradient * &side.direction))).fold(self.largest, f64::max);
        let least = graph.len() as f64 * f64::EPSILON * largest;
        let numeric = Numeric { graph: &graph, point: &point, ys, cotangents: &cotangents, least };
        for side in &sides {
            report.tensors.push(self.tensor(&numeric, side, sampler)?);
        }
        Ok((dxs, largest))
    }

    fn tensor(&self, numeric: &Numeric, side: &Side, sampler: &mut Sampler) -> Result<Tensor, Error> {
        let noise = numeric.curve(side, &side.direction).noise(side.length)?;
        let comparison = numeric.tensor(side, noise)?;
        let mut tensor = Tensor {
            name: side.x.name(),
            shape: side.x.shape(),
            order: self.order,
            connected: side.connected,
            norm: norm(&side.gradient),
            comparison,
            elements: Vec::new(),
        };
        let failed = tensor.verdict() != Verdict::Pass;
        let wanted = if failed { self.elements.max(super::ELEMENTS_OF_A_FAILURE) } else { self.elements };
        let count = side.gradient.len();
        let mut places = if wanted < count { sampler.permutation(count) } else { (0..count).collect() };
        places.truncate(wanted);
        for place in places {
            tensor.elements.push(numeric.element(side, noise, place)?);
        }
        tensor.elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(tensor)
    }
}

fn norm(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x * x).sum().sqrt()
}

/// ‖a‖₁
fn size(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x.abs()).sum()
}

/// One expression that moves, and its analytic gradient.
struct Side<'g> {
    x: Expr<'g>,
    /// Its value at the point.
    base: ArrayD<f64>,
    /// A typical element of it, at least 1.
    length: f64,
    /// Where it moves.
    direction: ArrayD<f64>,
    gradient: ArrayD<f64>,
    connected: bool,
    /// The standard deviation of the rounding errors of ⟨gradient, direction⟩, and of an element.
    noise: [f64; 2],
}

/// Measures the rounding noise of all gradients, moving all expressions at once.
fn measure(graph: &Graph, point: &Point<f64>, gradients: &[Expr], sides: &mut [Side]) -> Result<(), Error> {
    let mut near = point.clone();
    let mut series: Vec<Vec<ArrayD<f64>>> = vec![Vec::new(); sides.len()];
    for t in numeric::nearby() {
        for Side { x, base, length, direction, .. } in &*sides {
            near.set(*x, base + &(direction * (t * length)));
        }
        let values = eval(graph, &near, gradients)?;
        series.iter_mut().zip(values).for_each(|(series, value)| series.push(value.into_float()));
    }
    for (side, series) in sides.iter_mut().zip(series) {
        let along = |g: &ArrayD<f64>| ndarray::arr0((g * &side.direction).sum()).into_dyn();
        let along: Vec<_> = series.iter().map(along).collect();
        side.noise = [numeric::deviation(&along), numeric::deviation(&series)];
    }
    Ok(())
}

/// The numeric side: the outputs as one expression moves and nothing else does.
struct Numeric<'a, 'g> {
    graph: &'a Graph,
    point: &'a Point<f64>,
    ys: &'a [Expr<'g>],
    cotangents: &'a [Value<f64>],
    /// What rounding costs the analytic side at least.
    least: f64,
}

impl Numeric<'_, '_> {
    /// The derivative along the tensor's direction.
    fn tensor(&self, side: &Side, noise: Noise) -> Result<Comparison, Error> {
        let product = &side.gradient * &side.direction;
        let rounding = SAFETY * side.noise[0] + self.least;
        let slope = self.curve(side, &side.direction).slope(side.length, noise)?;
        Ok(Comparison::new(product.sum(), &slope, rounding, norm(&product)))
    }

    /// The derivative by the element at a row-major position.
    fn element(&self, side: &Side, noise: Noise, place: usize) -> Result<Element, Error> {
        let mut direction = ArrayD::zeros(side.base.raw_dim());
        let (index, one) = direction.indexed_iter_mut().nth(place).expect("the place is below the count");
        *one = 1.0;
        let index = ndarray::Dimension::slice(&index).to_vec();
        let slope = self.curve(side, &direction).slope(side.base[&*index].abs().max(1.0), noise)?;
        let norm = norm(&side.gradient);
        let rounding = SAFETY * side.noise[1] + self.least;
        let comparison = Comparison::new(side.gradient[&*index], &slope, rounding, norm);
        Ok(Element { index, comparison })
    }

    /// The outputs as the expression moves along a direction.
    fn curve(
        &self,
        side: &Side,
        direction: &ArrayD<f64>,
    ) -> Curve<'_, impl FnMut(f64) -> Result<Vec<Value<f64>>, Error>> {
        let mut point = self.point.clone();
        let outputs = move |t: f64| {
            point.set(side.x, Zip::from(&side.base).and(direction).map_collect(|&x, &u| x + t * u));
            eval(self.graph, &point, self.ys)
        };
        Curve { outputs, cotangents: self.cotangents }
    }
}

/// The point with every `stop_gradient` of the first `forward` nodes held at its value there. One that a VJP made
/// is not held: it stops what belongs to the second derivative, and differences are to show it.
///
/// # Errors
/// As [`eval`]; also if an output is not finite.
fn freeze(graph: &Graph, point: &Point<f64>, ys: &[Expr], forward: usize) -> Result<Point<f64>, Error> {
    let outputs: Vec<NodeId> = ys.iter().map(|y| y.id()).collect();
    leaves::finite(graph, point, &outputs)?;
    let mut stops = leaves::ancestors(graph, &outputs)?;
    stops.retain(|id| id.index() < forward && matches!(graph.at(id.index()).op, Op::StopGradient(_)));
    let mut frozen = point.clone();
    for (&id, value) in stops.iter().zip(eval(graph, point, &stops)?) {
        frozen.set(id, value);
    }
    Ok(frozen)
}
