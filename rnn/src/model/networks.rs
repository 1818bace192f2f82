//! Gradients of a batch: networks of the sizes that come, compiled.

use super::{Feed, Metrics, Mode, Model, ModelError, Network, Tally};
use crate::parameters::Parameters;
use autograd::{NodeId, Value};
use autograd_compile::{Compiler, Executable};
use ndarray::ArrayD;
use std::sync::Arc;

/// How many networks are kept: those used last. Lengths that are rounded up come in fewer sizes.
const KEPT: usize = 64;

/// How many bytes they work in, together, at most; the one used last is kept in any case.
const KEPT_BYTES: usize = 2 << 30;

/// A model's networks, made as sizes of batches ask for them; the last that were used are kept.
#[derive(Debug)]
pub struct Networks {
    model: Model,
    mode: Mode,
    threads: usize,
    /// By steps, sequences, and whether they train; the one used last stands last.
    made: Vec<((usize, usize, bool), Arc<Compiled>)>,
}

/// A network, ready to run.
#[derive(Debug)]
pub struct Compiled {
    /// The graph and its handles.
    pub network: Network,
    /// Computes the loss, its count, the gradients, the outputs and the last states, in this order.
    executable: Executable<f32>,
}

impl Compiled {
    fn new(network: Network, threads: usize) -> Result<Self, autograd::Error> {
        let single = [network.loss, network.count];
        let many = [&network.gradients, &network.outputs, &network.last];
        let outputs: Vec<NodeId> = single.into_iter().chain(many.into_iter().flatten().copied()).collect();
        let executable = Compiler::new().threads(threads).compile(&network.graph, &outputs)?;
        Ok(Self { network, executable })
    }
}

/// What one batch gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The mean loss.
    pub loss: f64,
    /// What the mean was taken over.
    pub count: f64,
    /// How many classes were right, and how many were asked.
    pub right: (usize, usize),
    /// The gradient of the mean loss; empty if it was not asked for.
    pub gradients: Parameters,
    /// The outputs of each step, or the single one: `[batch, outputs]`.
    pub outputs: Vec<ArrayD<f32>>,
    /// The states at the end, `[layers · directions, batch, size]`; none unless states are carried.
    pub last: Vec<ArrayD<f32>>,
}

/// Why a batch gave no gradient.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The network cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// A NaN or an infinity.
    #[error(
        "a number that is not finite arose at {culprit}; a lower learning rate or a bound on the gradient prevents it"
    )]
    NotFinite {
        /// The node where it arose.
        culprit: String,
    },
}

impl Networks {
    /// No networks yet. A batch's rows are shared out over `threads` threads.
    pub fn new(model: &Model, mode: Mode, threads: usize) -> Self {
        Self { model: model.clone(), mode, threads: threads.max(1), made: Vec::new() }
    }

    /// The network for a size of batch.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn network(&mut self, steps: usize, batch: usize, train: bool) -> Result<Arc<Compiled>, StepError> {
        let size = (steps, batch, train);
        let network = if let Some(place) = self.made.iter().position(|(made, _)| *made == size) {
            self.made.remove(place).1
        } else {
            let network = self.model.network(steps, batch, Mode { train, ..self.mode })?;
            Arc::new(Compiled::new(network, self.threads)?)
        };
        let bytes = |(_, made): &(_, Arc<Compiled>)| made.executable.bytes();
        let mut held: usize = network.executable.bytes() + self.made.iter().map(bytes).sum::<usize>();
        while !self.made.is_empty() && (self.made.len() >= KEPT || held > KEPT_BYTES) {
            held -= bytes(&self.made.remove(0));
        }
        self.made.push((size, network.clone()));
        Ok(network)
    }

    /// Loss, outputs and, if `train`, gradients of a batch. `start` are the states carried over from the batch
    /// before; none means zero. At one number of threads the result is the same bit for bit, run after run.
    ///
    /// # Errors
    /// If the network cannot be built or evaluated, a length does not fit, or a loss or gradient is not finite.
    pub fn run(
        &mut self,
        parameters: &Parameters,
        feed: &Feed,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
    ) -> Result<Outcome, StepError> {
        let compiled = self.network(feed.steps(), feed.batch(), train)?;
        let network = &compiled.network;
        let first = |(&id, &first): (&NodeId, &f64)| {
            #[allow(clippy::cast_possible_truncation)] // to the precision of the net
            Ok(ArrayD::from_elem(&*network.graph.node(id)?.ty.shape, first as f32))
        };
        // Nothing has been carried into the first batch.
        let rest = network.start.iter().zip(&network.first).skip(start.len());
        let rest: Vec<ArrayD<f32>> = rest.map(first).collect::<Result<_, autograd::Error>>()?;
        let start: Vec<ArrayD<f32>> = start.iter().cloned().chain(rest).collect();
        let point = network.point(parameters, feed, &start, seed % usize::MAX)?;
        let mut values = compiled.executable.run(&point)?.into_iter().map(Value::into_float);
        let mut number = || values.next().and_then(|a| a.first().copied()).map_or(f64::NAN, f64::from);
        let (loss, count) = (number(), number());
        let names = network.parameters.iter().take(network.gradients.len()).map(|(name, _)| name.clone());
        let gradients: Parameters = names.zip(values.by_ref()).collect();
        let finite = |a: &ArrayD<f32>| a.iter().all(|x| x.is_finite());
        if !loss.is_finite() || !gradients.iter().all(|(_, g)| finite(g)) {
            let culprit =
                network.culprit(&point).unwrap_or_else(|| "a node that is finite on its own".into());
            return Err(StepError::NotFinite { culprit });
        }
        let outputs: Vec<ArrayD<f32>> = values.by_ref().take(network.outputs.len()).collect();
        let right = if self.model.loss.is_of_classes() { score(&outputs, &feed.y) } else { (0, 0) };
        Ok(Outcome { loss, count, right, gradients, outputs, last: values.collect() })
    }

    /// Means over batches that training does not see, states carried from each to the next.
    ///
    /// # Errors
    /// As [`Networks::run`].
    pub fn evaluate(
        &mut self,
        parameters: &Parameters,
        feeds: impl Iterator<Item = Feed>,
        mut observe: impl FnMut(&Feed, &Outcome),
    ) -> Result<Metrics, StepError> {
        let mut tally = Tally::default();
        let mut carry = Vec::new();
        for feed in feeds {
            let outcome = self.run(parameters, &feed, &carry, 0, false)?;
            observe(&feed, &outcome);
            tally.add(&outcome);
            carry = outcome.last;
        }
        Ok(tally.metrics())
    }
}

/// How many rows have their largest logit at the target, and how many have a target.
fn score(outputs: &[ArrayD<f32>], y: &Value<f32>) -> (usize, usize) {
    let Value::Index(targets) = y else { return (0, 0) };
    let rows = outputs.iter().flat_map(|step| step.rows().into_iter().collect::<Vec<_>>());
    rows.zip(targets).filter(|(row, target)| **target < row.len()).fold(
        (0, 0),
        |(right, asked), (row, &target)| {
            let best = row.iter().enumerate().fold(0, |best, (i, &x)| if x > row[best] { i } else { best });
            (right + usize::from(best == target), asked + 1)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Head, Inits, Input, Loss, Start};

    #[test]
    fn the_networks_used_last_are_kept_and_no_more() {
        let model = Model {
            cell: "elman".into(),
            input: Input::Reals { size: 3 },
            hidden: 4,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::EachStep,
            outputs: 2,
            loss: Loss::CrossEntropy,
            init: Inits::default(),
        };
        let mut networks = Networks::new(&model, Mode::default(), 1);
        let first = networks.network(1, 1, false).unwrap();
        for steps in 2..KEPT + 10 {
            networks.network(steps, 1, false).unwrap();
            // What is asked for again and again is not built again.
            assert!(Arc::ptr_eq(&first, &networks.network(1, 1, false).unwrap()));
            assert_eq!(networks.made.len(), steps.min(KEPT));
        }
        let sizes: Vec<usize> = networks.made.iter().map(|((steps, ..), _)| *steps).collect();
        assert_eq!(sizes, (11..KEPT + 10).chain([1]).collect::<Vec<_>>());
    }
}
