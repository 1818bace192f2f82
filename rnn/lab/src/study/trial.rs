//! A small net at a point: values for all its leaves, and its gradients there.

use super::NetSpec;
use super::net_spec::inputs;
use autograd::{Builder, Expr, Graph, NodeId, Point, Value, eval, grad};
use autograd_check::SAFETY;
use ndarray::{Array2, ArrayD};
use rand::RngExt;
use rnn::init;
use rnn::model::{Mode, ModelError, Network};
use std::sync::Arc;

/// A small net with random values for its parameters, inputs, targets and initial states: a function of the seed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The net.
    pub net: NetSpec,
    /// Parameters by name, with their initial values.
    pub parameters: Vec<(String, ArrayD<f64>)>,
    /// The inputs, `[time, batch, feature]`.
    pub x: ArrayD<f64>,
    /// The targets, `[time, batch]`.
    pub y: ArrayD<usize>,
    /// The initial states, each `[lanes, batch, size]`, in the order of [`Layers::states`](rnn::Layers::states).
    pub start: Vec<ArrayD<f64>>,
}

/// A loss and its gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// The loss.
    pub loss: f64,
    /// The gradients by leaf name.
    pub of: Vec<(String, ArrayD<f64>)>,
}

impl Gradients {
    /// The gradient of a leaf.
    pub fn get(&self, name: &str) -> Option<&ArrayD<f64>> {
        self.of.iter().find_map(|(n, gradient)| (n == name).then_some(gradient))
    }

    /// The largest norm among them.
    pub fn largest(&self) -> f64 {
        self.of.iter().map(|(_, gradient)| norm(gradient)).fold(0.0, f64::max)
    }
}

/// The Frobenius norm.
pub(super) fn norm(a: &ArrayD<f64>) -> f64 {
    a.map(|x| x * x).sum().sqrt()
}

impl Trial {
    /// A net at a random point, with its parameters multiplied by `scale`: 1 gives the initial values of training;
    /// far above 1, every gate saturates.
    ///
    /// # Errors
    /// As [`NetSpec::network`].
    pub fn draw(net: &NetSpec, seed: u64, scale: f64) -> Result<Self, ModelError> {
        let NetSpec { steps, batch, classes, .. } = *net;
        let first = net.model().first_parameters(seed)?;
        let widen = |a: &ArrayD<f32>| a.mapv(|x| scale * f64::from(x));
        let parameters = first.iter().map(|(name, a)| (name.to_owned(), widen(a))).collect();
        let drawn = |shape, seed| -> Result<ArrayD<f64>, ModelError> {
            let drawn = inputs(shape, seed);
            let drawn = drawn.map_err(|source| ModelError::Init { weight: "x".into(), source })?;
            Ok(drawn.mapv(f64::from))
        };
        let x = drawn([steps, batch, net.input], seed)?;
        let mut rng = init::rng(seed, "y");
        let y = Array2::from_shape_simple_fn((steps, batch), || rng.random_range(0..classes)).into_dyn();
        let states = net.model().net()?.states();
        let start = (1..).zip(&states).map(|(k, s)| drawn([s.lanes(), batch, s.size], seed ^ (k << 32)));
        let start = start.collect::<Result<_, _>>()?;
        Ok(Self { net: net.clone(), parameters, x, y, start })
    }

    /// The unrolled net, and its point.
    ///
    /// # Errors
    /// As [`NetSpec::network`].
    pub fn unrolled(&self) -> Result<(Network, Point<f64>), ModelError> {
        let network = self.net.unrolled(Mode { carry: true, ..Mode::default() })?;
        let mut point =
            Point::new().with(network.x, self.x.clone()).with(network.y, Value::Index(self.y.clone()));
        for (name, id) in &network.parameters {
            if let Some((_, value)) = self.parameters.iter().find(|(n, _)| n == name) {
                point.set(*id, value.clone());
            }
        }
        for (&id, value) in network.start.iter().zip(&self.start) {
            point.set(id, value.clone());
        }
        if let (Some(id), Some(lengths)) = (network.lengths, &self.net.lengths) {
            let column = Array2::from_shape_fn((lengths.len(), 1), |(b, _)| lengths[b]);
            point.set(id, Value::Index(column.into_dyn()));
        }
        Ok((network, point))
    }

    /// Backpropagation through time: reverse mode on the unrolled graph.
    ///
    /// # Errors
    /// As [`NetSpec::network`].
    pub fn bptt(&self) -> Result<WholeNet, ModelError> {
        let (network, point) = self.unrolled()?;
        let g = Builder::resume(network.graph.clone());
        let leaves =
            network.parameters.iter().map(|p| p.1).chain([network.x]).chain(network.start.iter().copied());
        let leaves: Vec<Expr> = leaves.map(|id| g.expr(id)).collect();
        let gradients: Vec<NodeId> = grad(g.expr(network.loss), &leaves).into_iter().map(Expr::id).collect();
        let graph = g.graph()?;
        let values = eval(&graph, &point, &gradients)?.into_iter().map(Value::into_float);
        let of: Vec<_> = leaves.iter().map(|x| x.name()).zip(values).collect();
        let loss = eval(&graph, &point, &[network.loss])?[0].scalar().unwrap_or(f64::NAN);
        let found = Gradients { loss, of };
        let least = graph.len() as f64 * f64::EPSILON * found.largest();
        let tolerance = rounding(&graph, &point, &gradients)?.into_iter().map(|r| r + least).collect();
        let leaves = leaves.into_iter().map(Expr::id).collect();
        Ok(WholeNet { graph, point, loss: network.loss, leaves, gradients, found, tolerance })
    }
}

/// The unrolled net with its derivative, evaluated at the trial's point.
#[derive(Clone, Debug)]
pub struct WholeNet {
    /// The graph, forward and backward.
    pub graph: Arc<Graph>,
    /// The point.
    pub point: Point<f64>,
    /// The node of the loss.
    pub loss: NodeId,
    /// Parameters, input and initial states.
    pub leaves: Vec<NodeId>,
    /// The nodes of their gradients, in the same order.
    pub gradients: Vec<NodeId>,
    /// The loss and the gradients, in the same order.
    pub found: Gradients,
    /// The tolerance of each gradient, as a norm: how far the same value, computed in another order, may differ.
    pub tolerance: Vec<f64>,
}

/// The rounding errors of nodes in `f64`, as norms: measured in `f32`, whose unit roundoff is 2²⁹ times as large,
/// scaled down and multiplied by [`SAFETY`].
///
/// # Errors
/// As [`eval`].
pub(super) fn rounding(
    graph: &Graph,
    point: &Point<f64>,
    nodes: &[NodeId],
) -> Result<Vec<f64>, autograd::Error> {
    let narrow = point.cast::<f32>();
    let rounded = eval(graph, &narrow, nodes)?;
    let exact = eval(graph, &narrow.cast::<f64>(), nodes)?;
    let units = f64::EPSILON / f64::from(f32::EPSILON);
    let gap = |(a, b): (&Value<f32>, &Value<f64>)| norm(&(a.float().mapv(f64::from) - b.float()));
    Ok(rounded.iter().zip(&exact).map(|pair| SAFETY * units * gap(pair)).collect())
}
