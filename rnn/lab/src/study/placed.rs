//! A net and the point of its gradient check: random, scaled, trained, or given values.

use autograd::ops::Op;
use autograd::{Builder, Error, Graph, Kind, Point, Value};
use autograd_check::{Check, Report, Survey, random_point};
use ndarray::ArrayD;
use rand::RngExt;
use rnn::init;
use rnn::model::{Mode, Model, ModelError};

/// An unrolled net, and the point at which it is checked.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The net.
    pub model: Model,
    /// The number of steps.
    pub steps: usize,
    /// The number of sequences.
    pub batch: usize,
    /// The length of each sequence, if they differ.
    pub lengths: Option<Vec<usize>>,
    /// Values of leaves by name: parameters, inputs, initial states. All others are random.
    pub values: Vec<(String, ArrayD<f64>)>,
    /// The factor of random parameters.
    pub scale: f64,
}

impl Placed {
    /// Compares the gradients of the loss with numeric ones at the point.
    ///
    /// # Errors
    /// If the net cannot be built or checked, or has no leaf with a given name and shape.
    pub fn check_with(
        &self,
        seed: u64,
        options: impl for<'g> FnOnce(Check<'g>) -> Check<'g>,
    ) -> Result<Report, ModelError> {
        let mut report = self.run(seed, |check| Ok(options(check).run()?))?;
        report.coverage.see("batch", "of several", self.batch > 1);
        Ok(report)
    }

    /// The same, with the net and the point, for a page.
    ///
    /// # Errors
    /// As [`Placed::check_with`].
    pub fn survey(
        &self,
        seed: u64,
        options: impl for<'g> FnOnce(Check<'g>) -> Check<'g>,
    ) -> Result<Survey, ModelError> {
        let mut survey = self.run(seed, |check| Ok(options(check).survey()?))?;
        survey.report.coverage.see("batch", "of several", self.batch > 1);
        Ok(survey)
    }

    fn run<R>(
        &self,
        seed: u64,
        run: impl for<'g> FnOnce(Check<'g>) -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        let mode = Mode { carry: true, lengths: self.lengths.is_some(), ..Mode::default() };
        let network = self.model.network(self.steps, self.batch, mode)?;
        let graph = &network.graph;
        let mut point = Point::new();
        let ty = &graph.node(network.y)?.ty;
        if let Kind::Index { .. } = ty.kind {
            // Without class `classes`, which means "ignore": the checker would not know it.
            let mut rng = init::rng(seed, "y");
            let classes = self.model.outputs;
            let y = ArrayD::from_shape_simple_fn(ty.shape.to_vec(), || rng.random_range(0..classes));
            point.set(network.y, Value::Index(y));
        }
        if let (Some(id), Some(lengths)) = (network.lengths, &self.lengths) {
            point.set(id, super::net_spec::column(lengths));
        }
        self.given(graph, &mut point)?;
        if (self.scale - 1.0).abs() > 0.0 {
            let drawn = random_point(graph, point.clone(), &[network.loss], seed)?;
            for id in graph.parameters().filter(|id| point.get(*id).is_none()).collect::<Vec<_>>() {
                if let Some(value @ Value::Float(_)) = drawn.get(id) {
                    point.set(id, Value::Float(self.scale * value.float()));
                }
            }
        }
        let g = Builder::resume(graph.clone());
        run(Check::new(g.expr(network.loss)).at(point).seed(seed))
    }

    /// Sets the given values.
    fn given(&self, graph: &Graph, point: &mut Point<f64>) -> Result<(), ModelError> {
        let leaves: Vec<_> = graph.ids().filter(|id| is_leaf(graph, *id)).collect();
        let refuse = |name: &str, reason: String| Error::Value { node: name.into(), reason };
        for (name, array) in &self.values {
            let named = leaves.iter().find(|id| graph.name(**id).is_ok_and(|its| its == *name));
            let Some(&id) = named else {
                let all: Vec<String> = leaves.iter().filter_map(|id| graph.name(*id).ok()).collect();
                return Err(refuse(
                    name,
                    format!("the net has none of that name; it has {}", all.join(", ")),
                )
                .into());
            };
            let whole = |x: &f64| x.fract() == 0.0 && *x >= 0.0;
            let value = match graph.node(id)?.ty.kind {
                Kind::Index { .. } if array.iter().all(whole) => {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    // they are whole numbers
                    Value::Index(array.mapv(|x| x as usize))
                }
                Kind::Index { .. } => return Err(refuse(name, "it holds whole numbers".into()).into()),
                _ => Value::Float(array.clone()),
            };
            value.fits(&graph.node(id)?.ty).map_err(|reason| refuse(name, reason))?;
            point.set(id, value);
        }
        Ok(())
    }
}

/// Whether a node is a parameter or an input.
fn is_leaf(graph: &Graph, id: autograd::NodeId) -> bool {
    graph.node(id).is_ok_and(|node| matches!(&node.op, Op::Leaf(leaf) if leaf.name().is_some()))
}
