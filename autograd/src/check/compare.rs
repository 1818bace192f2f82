//! One order of differentiation: both sides of every tensor, and their comparison.

use super::leaves;
use super::numeric::{self, AROUND, Curve, NEAR, SAFETY, Slope};
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
    /// How many elements of each tensor are looked at one by one.
    pub elements: usize,
}

impl<'g> Level<'_, 'g> {
    /// Adds a tensor for each x to the report, and returns the gradients as far as they are not zero.
    pub fn compare(&self, sampler: &mut Sampler, report: &mut Report) -> Result<Vec<Expr<'g>>, Error> {
        let &Self { g, ys, cotangents, xs, .. } = self;
        let pairs: Vec<_> = ys.iter().copied().zip(cotangents.iter().copied()).collect();
        let (mut gradients, mut dxs) = (Vec::new(), Vec::new());
        for (gradient, x) in vjp(&pairs, xs).into_iter().zip(xs) {
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
        let point = freeze(&graph, self.point, ys)?;
        let cotangents = eval(&graph, &point, cotangents)?;
        let analytic = eval(&graph, &point, &gradients)?;
        let mut sides = Vec::new();
        for ((&x, base), gradient) in xs.iter().zip(eval(&graph, &point, xs)?).zip(analytic) {
            let (base, gradient) = (base.into_float(), gradient.into_float());
            let direction = leaves::weights(&x.shape(), sampler);
            let length = (base.map(|x| x * x).sum() / base.len().max(1) as f64).sqrt().max(1.0);
            sides.push(Side { x, base, length, direction, gradient, noise: [0.0; 2] });
        }
        measure(&graph, &point, &gradients, &mut sides)?;
        let numeric = Numeric { graph: &graph, point: &point, ys, cotangents: &cotangents };
        for side in &sides {
            report.tensors.push(self.tensor(&numeric, side, sampler)?);
        }
        Ok(dxs)
    }

    fn tensor(&self, numeric: &Numeric, side: &Side, sampler: &mut Sampler) -> Result<Tensor, Error> {
        let mut tensor = Tensor {
            name: side.x.name(),
            shape: side.x.shape(),
            order: self.order,
            norm: norm(&side.gradient),
            comparison: numeric.tensor(side)?,
            elements: Vec::new(),
        };
        let failed = tensor.verdict() != Verdict::Pass;
        let wanted = if failed { self.elements.max(super::ELEMENTS_OF_A_FAILURE) } else { self.elements };
        let count = side.gradient.len();
        let mut places = if wanted < count { sampler.permutation(count) } else { (0..count).collect() };
        places.truncate(wanted);
        for place in places {
            tensor.elements.push(numeric.element(side, place)?);
        }
        tensor.elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(tensor)
    }
}

fn norm(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x * x).sum().sqrt()
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
    /// The standard deviation of the rounding errors of ⟨gradient, direction⟩, and of an element.
    noise: [f64; 2],
}

/// Measures the rounding noise of all gradients, moving all expressions at once.
fn measure(graph: &Graph, point: &Point<f64>, gradients: &[Expr], sides: &mut [Side]) -> Result<(), Error> {
    let mut near = point.clone();
    let mut series: Vec<Vec<ArrayD<f64>>> = vec![Vec::new(); sides.len()];
    for i in -AROUND..=AROUND {
        for Side { x, base, length, direction, .. } in &*sides {
            near.set(*x, base + &(direction * (NEAR * length * f64::from(i))));
        }
        let values = eval(graph, &near, gradients)?;
        series.iter_mut().zip(values).for_each(|(series, value)| series.push(value.into_float()));
    }
    for (side, series) in sides.iter_mut().zip(series) {
        let along = series.iter().map(|g| (g * &side.direction).sum()).collect();
        side.noise = [numeric::variance(along).sqrt(), numeric::mean_variance(series).sqrt()];
    }
    Ok(())
}

/// The numeric side: the outputs as one expression moves and nothing else does.
struct Numeric<'a, 'g> {
    graph: &'a Graph,
    point: &'a Point<f64>,
    ys: &'a [Expr<'g>],
    cotangents: &'a [Value<f64>],
}

impl Numeric<'_, '_> {
    /// The derivative along the tensor's direction.
    fn tensor(&self, side: &Side) -> Result<Comparison, Error> {
        let Side { direction, gradient, length, noise, .. } = side;
        let product = gradient * direction;
        let rounding = SAFETY * noise[0] + self.least() * product.map(|p| p.abs()).sum();
        let slope = self.slope(side, direction, *length)?;
        Ok(Comparison::new(product.sum(), &slope, rounding, norm(&product)))
    }

    /// The derivative by the element at a row-major position.
    fn element(&self, side: &Side, place: usize) -> Result<Element, Error> {
        let mut direction = ArrayD::zeros(side.base.raw_dim());
        let (index, one) = direction.indexed_iter_mut().nth(place).expect("the place is below the count");
        *one = 1.0;
        let index = ndarray::Dimension::slice(&index).to_vec();
        let slope = self.slope(side, &direction, side.base[&*index].abs().max(1.0))?;
        let norm = norm(&side.gradient);
        let rounding = SAFETY * side.noise[1] + self.least() * norm;
        let comparison = Comparison::new(side.gradient[&*index], &slope, rounding, norm);
        Ok(Element { index, comparison })
    }

    /// The part of itself that a gradient loses by rounding at least: N ε.
    fn least(&self) -> f64 {
        self.graph.len() as f64 * f64::EPSILON
    }

    fn slope(&self, side: &Side, direction: &ArrayD<f64>, length: f64) -> Result<Slope, Error> {
        let mut point = self.point.clone();
        let outputs = |t: f64| {
            point.set(side.x, Zip::from(&side.base).and(direction).map_collect(|&x, &u| x + t * u));
            eval(self.graph, &point, self.ys)
        };
        Curve { outputs, cotangents: self.cotangents }.slope(length)
    }
}

/// The point with every `stop_gradient` that the outputs depend on held at its value there.
///
/// # Errors
/// As [`eval`]; also if an output is not finite.
fn freeze(graph: &Graph, point: &Point<f64>, ys: &[Expr]) -> Result<Point<f64>, Error> {
    let outputs: Vec<NodeId> = ys.iter().map(|y| y.id()).collect();
    leaves::finite(graph, point, &outputs)?;
    let mut stops = Vec::new();
    for id in leaves::ancestors(graph, &outputs)? {
        if matches!(graph.node(id)?.op, Op::StopGradient(_)) {
            stops.push(id);
        }
    }
    let mut frozen = point.clone();
    for (&id, value) in stops.iter().zip(eval(graph, point, &stops)?) {
        frozen.set(id, value);
    }
    Ok(frozen)
}
