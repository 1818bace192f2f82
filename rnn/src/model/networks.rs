//! Gradients of batches: a cache of compiled networks by batch size.

use super::engine::Engine;
use super::{Batch, Mode, Model, ModelError, Network};
use crate::parameters::Parameters;
use autograd::{NodeId, Value};
use autograd_compile::{Compiler, Executable, View};
use ndarray::{ArrayD, ArrayView, aview0};
use std::fmt;
use std::sync::Arc;

/// The maximum working memory of all cached networks, in bytes; the last one used is always kept.
const KEPT_BYTES: usize = 2 << 30;

/// A model's networks, compiled on demand; the most recently used are cached.
#[derive(Debug)]
pub struct Networks {
    model: Model,
    mode: Mode,
    threads: usize,
    /// Keyed by steps, sequences, and training; the most recently used is last.
    made: Vec<((usize, usize, bool), Arc<Compiled>)>,
}

/// A compiled network.
#[derive(Debug)]
pub struct Compiled {
    /// The graph and its handles.
    pub network: Network,
    /// Computes the loss, its count, the gradients, the outputs and the last states, in this order.
    executable: Executable<f32>,
    /// The lengths of a batch without padding.
    full: Vec<usize>,
    /// The initial states when nothing is carried.
    first: Vec<ArrayD<f32>>,
}

impl Compiled {
    fn new(network: Network, threads: usize) -> Result<Self, autograd::Error> {
        let single = [network.loss, network.count];
        let many = [&network.gradients, &network.outputs, &network.last];
        let outputs: Vec<NodeId> = single.into_iter().chain(many.into_iter().flatten().copied()).collect();
        let executable = Compiler::new().threads(threads).compile(&network.graph, &outputs)?;
        let shape = |id: NodeId| network.graph.node(id).map(|node| node.ty.shape.clone());
        let first = network.first_states()?;
        let full = match network.lengths {
            Some(_) => vec![shape(network.x)?[0]; shape(network.x)?[1]],
            None => Vec::new(),
        };
        Ok(Self { network, executable, full, first })
    }

    /// Borrows the value of a leaf: a parameter, or an input of the batch.
    fn view<'v>(
        &'v self,
        id: NodeId,
        parameters: &'v Parameters,
        feed: &'v Batch,
        start: &'v [ArrayD<f32>],
        seed: &'v usize,
    ) -> Option<View<'v, f32>> {
        let network = &self.network;
        if id == network.x {
            return Some((&feed.x).into());
        }
        if id == network.y {
            return Some((&feed.y).into());
        }
        if Some(id) == network.lengths {
            let lengths = feed.lengths.as_ref().unwrap_or(&self.full);
            let column = ArrayView::from_shape((lengths.len(), 1), lengths).expect("one column");
            return Some(View::Index(column.into_dyn()));
        }
        if Some(id) == network.seed {
            return Some(View::Index(aview0(seed).into_dyn()));
        }
        if let Some(i) = network.start.iter().position(|&state| state == id) {
            return start.get(i).or(self.first.get(i)).map(|state| View::Float(state.view()));
        }
        let (name, _) = network.parameters.iter().find(|(_, parameter)| *parameter == id)?;
        parameters.get(name).map(|array| View::Float(array.view()))
    }
}

/// The results of one batch.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The mean loss.
    pub loss: f64,
    /// The denominator of the mean.
    pub count: f64,
    /// The numbers of correct and of all predictions, for classes.
    pub right: (usize, usize),
    /// The gradient of the mean loss; empty if not requested.
    pub gradients: Parameters,
    /// The outputs of each step, or a single one: `[batch, outputs]`.
    pub outputs: Vec<ArrayD<f32>>,
    /// The final states, `[layers · directions, batch, size]`; empty unless states are carried.
    pub last: Vec<ArrayD<f32>>,
}

impl Outcome {
    /// Counts correct predictions and checks that all results are finite.
    ///
    /// # Errors
    /// If the loss or a gradient is not finite: the node where it arose.
    pub fn check(
        &mut self,
        model: &Model,
        network: &Network,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
    ) -> Result<(), StepError> {
        if !self.loss.is_finite() || !self.gradients.norm().is_finite() {
            let point = network.point(parameters, feed, &network.start_from(start)?, seed)?;
            let culprit =
                network.culprit(&point).unwrap_or_else(|| "a node that is finite on its own".into());
            let cause = cause(feed, parameters);
            return Err(StepError::NotFinite { culprit, cause });
        }
        self.right = if model.loss.is_of_classes() { score(&self.outputs, &feed.y) } else { (0, 0) };
        Ok(())
    }
}

/// Why a batch gave no gradient.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Another engine failed.
    #[error("{0}")]
    Engine(String),
    /// The network cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// A NaN or an infinity arose.
    #[error("a number that is not finite arose at {culprit}: {cause}")]
    NotFinite {
        /// The node where it arose.
        culprit: String,
        /// Why it did.
        cause: Cause,
    },
}

/// Why a number is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The batch contains it.
    Data,
    /// A weight was already not finite.
    Weights,
    /// The values overflow already at the initial weights.
    Start,
    /// The weights have grown too large in training.
    Steps,
    /// The values of this batch overflow at these weights.
    Size,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "the data has it, not the model; correct the data",
            Self::Weights => "a weight is not finite itself; take weights from before it became so",
            Self::Start => "already at the first weights; smaller ones or fewer steps prevent it",
            Self::Steps => {
                "the weights have run away; a lower learning rate or a bound on the gradient prevents it"
            }
            Self::Size => "the numbers grow beyond single precision at these weights and inputs",
        })
    }
}

impl Networks {
    /// The number of networks that an engine caches. Rounding lengths up reduces the number of sizes.
    pub const KEPT: usize = 64;

    /// An empty cache. The rows of a batch are sharded over `threads` threads.
    pub fn new(model: &Model, mode: Mode, threads: usize) -> Self {
        Self { model: model.clone(), mode, threads: threads.max(1), made: Vec::new() }
    }

    /// The network for a batch size.
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
        while !self.made.is_empty() && (self.made.len() >= Self::KEPT || held > KEPT_BYTES) {
            held -= bytes(&self.made.remove(0));
        }
        self.made.push((size, network.clone()));
        Ok(network)
    }
}

/// At a fixed number of threads, results are bit-identical from run to run. Writing into an outcome of the same size
/// allocates nothing and copies only the executable's inputs.
impl Engine for Networks {
    fn run_into(
        &mut self,
        parameters: &Parameters,
        feed: &Batch,
        start: &[ArrayD<f32>],
        seed: usize,
        train: bool,
        outcome: &mut Outcome,
    ) -> Result<(), StepError> {
        let compiled = self.network(feed.steps(), feed.batch(), train)?;
        let network = &compiled.network;
        feed.check_lengths()?;
        let seed = seed % usize::MAX;
        let results = compiled.executable.results(&|id| compiled.view(id, parameters, feed, start, &seed))?;
        outcome.loss = f64::from(results.number(0));
        outcome.count = f64::from(results.number(1));
        let nothing = || ArrayD::zeros(vec![0]);
        let mut next = 2;
        let names = network.parameters.iter().map(|(name, _)| name).take(network.gradients.len());
        if !outcome.gradients.names().eq(names.clone()) {
            outcome.gradients = names.map(|name| (name.clone(), nothing())).collect();
        }
        let mut read = |array: &mut ArrayD<f32>| {
            let shape = results.shape(next);
            if array.shape() != shape {
                *array = ArrayD::zeros(shape);
            }
            results.read(next, array.view_mut());
            next += 1;
        };
        outcome.gradients.iter_mut().for_each(|(_, array)| read(array));
        outcome.outputs.resize_with(network.outputs.len(), nothing);
        outcome.outputs.iter_mut().for_each(&mut read);
        outcome.last.resize_with(network.last.len(), nothing);
        outcome.last.iter_mut().for_each(&mut read);
        outcome.check(&self.model, network, parameters, feed, start, seed)
    }
}

/// The likely cause of a result that is not finite, judged by the batch and the weights.
fn cause(feed: &Batch, parameters: &Parameters) -> Cause {
    let finite = |value: &Value<f32>| match value {
        Value::Float(array) => array.iter().all(|x| x.is_finite()),
        _ => true,
    };
    match (
        finite(&feed.x) && finite(&feed.y),
        parameters.iter().all(|(_, w)| w.iter().all(|x| x.is_finite())),
    ) {
        (false, _) => Cause::Data,
        (_, false) => Cause::Weights,
        _ => Cause::Size,
    }
}

/// The numbers of rows whose largest logit is at the target, and of rows with a target.
fn score(outputs: &[ArrayD<f32>], y: &Value<f32>) -> (usize, usize) {
    let Value::Index(targets) = y else { return (0, 0) };
    let rows = outputs.iter().flat_map(|step| step.rows());
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

    const KEPT: usize = Networks::KEPT;

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
            // A repeated size is not compiled again.
            assert!(Arc::ptr_eq(&first, &networks.network(1, 1, false).unwrap()));
            assert_eq!(networks.made.len(), steps.min(KEPT));
        }
        let sizes: Vec<usize> = networks.made.iter().map(|((steps, ..), _)| *steps).collect();
        assert_eq!(sizes, (11..KEPT + 10).chain([1]).collect::<Vec<_>>());
    }
}
