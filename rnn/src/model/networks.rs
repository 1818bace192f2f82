//! Gradients of a batch: networks of the sizes that come, and the batch's rows over threads.

use super::{Feed, Head, Metrics, Mode, Model, ModelError, Network, Tally};
use crate::parameters::Parameters;
use autograd::{NodeId, Value, eval};
use ndarray::{ArrayD, Axis, Slice, Zip};
use std::sync::Arc;

/// How many networks are kept: those used last. Lengths that are rounded up come in fewer sizes.
const KEPT: usize = 64;

/// A model's networks, made as sizes of batches ask for them; the last that were used are kept.
#[derive(Debug)]
pub struct Networks {
    model: Model,
    mode: Mode,
    threads: usize,
    /// By steps, sequences, and whether they train; the one used last stands last.
    made: Vec<((usize, usize, bool), Arc<Network>)>,
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
    pub fn network(&mut self, steps: usize, batch: usize, train: bool) -> Result<Arc<Network>, ModelError> {
        let size = (steps, batch, train);
        let network = match self.made.iter().position(|(made, _)| *made == size) {
            Some(place) => self.made.remove(place).1,
            None => Arc::new(self.model.network(steps, batch, Mode { train, ..self.mode })?),
        };
        if self.made.len() == KEPT {
            self.made.remove(0);
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
        feed.check_lengths()?;
        let batch = feed.batch();
        let shares = self.threads.min(batch).max(1);
        let bounds: Vec<usize> = (0..=shares).map(|i| i * batch / shares).collect();
        let mut parts = Vec::with_capacity(shares);
        for (i, rows) in bounds.windows(2).enumerate() {
            let (from, to) = (rows[0], rows[1]);
            let network = self.network(feed.steps(), to - from, train)?;
            let start = if self.mode.carry { carried(&network, start, from, to)? } else { Vec::new() };
            let part = if shares == 1 { feed.clone() } else { self.rows(feed, from, to) };
            // Every share of every step draws its own masks; a seed is below the largest number.
            let point = network.point(
                parameters,
                &part,
                &start,
                seed.wrapping_mul(shares).wrapping_add(i) % usize::MAX,
            )?;
            parts.push((network, point, part));
        }
        let class = self.model.loss.is_of_classes();
        let outputs = |(network, point, part): &(Arc<Network>, autograd::Point<f32>, Feed)| {
            let outcome = read(network, point, part, class)?;
            let finite = |a: &ArrayD<f32>| a.iter().all(|x| x.is_finite());
            if outcome.loss.is_finite() && outcome.gradients.iter().all(|(_, g)| finite(g)) {
                return Ok(outcome);
            }
            let culprit = network.culprit(point).unwrap_or_else(|| "a node that is finite on its own".into());
            Err(StepError::NotFinite { culprit })
        };
        let outcomes: Vec<Result<Outcome, StepError>> = match &parts[..] {
            [one] => vec![outputs(one)],
            many => std::thread::scope(|scope| {
                let handles: Vec<_> = many.iter().map(|part| scope.spawn(|| outputs(part))).collect();
                // A panic of a thread is passed on as it is.
                handles
                    .into_iter()
                    .map(|h| h.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
                    .collect()
            }),
        };
        Ok(join(outcomes.into_iter().collect::<Result<_, _>>()?))
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

    /// Some rows of a batch.
    fn rows(&self, feed: &Feed, from: usize, to: usize) -> Feed {
        let axis = usize::from(self.model.head == Head::EachStep);
        Feed {
            x: rows(&feed.x, 1, from, to),
            y: rows(&feed.y, axis, from, to),
            lengths: feed.lengths.as_ref().map(|lengths| lengths[from..to].to_vec()),
        }
    }
}

/// The carried states of some rows; zero if there are none yet.
fn carried(
    network: &Network,
    start: &[ArrayD<f32>],
    from: usize,
    to: usize,
) -> Result<Vec<ArrayD<f32>>, autograd::Error> {
    let part = |(i, &id): (usize, &NodeId)| {
        Ok(match start.get(i) {
            Some(state) => state.slice_axis(Axis(1), Slice::from(from..to)).to_owned(),
            None => ArrayD::zeros(&*network.graph.node(id)?.ty.shape),
        })
    };
    network.start.iter().enumerate().map(part).collect()
}

fn rows(value: &Value<f32>, axis: usize, from: usize, to: usize) -> Value<f32> {
    let (axis, rows) = (Axis(axis), Slice::from(from..to));
    match value {
        Value::Float(a) => Value::Float(a.slice_axis(axis, rows).to_owned()),
        Value::Index(a) => Value::Index(a.slice_axis(axis, rows).to_owned()),
        Value::Bool(a) => Value::Bool(a.slice_axis(axis, rows).to_owned()),
    }
}

fn read(
    network: &Network,
    point: &autograd::Point<f32>,
    feed: &Feed,
    class: bool,
) -> Result<Outcome, autograd::Error> {
    let all: Vec<NodeId> = [network.loss, network.count]
        .into_iter()
        .chain(network.gradients.iter().chain(&network.outputs).chain(&network.last).copied())
        .collect();
    let mut values = eval(&network.graph, point, &all)?.into_iter().map(Value::into_float);
    let mut number = || values.next().and_then(|a| a.first().copied()).map_or(f64::NAN, f64::from);
    let (loss, count) = (number(), number());
    let names = network.parameters.iter().take(network.gradients.len()).map(|(name, _)| name.clone());
    let gradients: Parameters = names.zip(values.by_ref()).collect();
    let outputs: Vec<ArrayD<f32>> = values.by_ref().take(network.outputs.len()).collect();
    let right = if class { score(&outputs, &feed.y) } else { (0, 0) };
    Ok(Outcome { loss, count, right, gradients, outputs, last: values.collect() })
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

/// The outcome of a batch from those of its rows. Sums are taken in the order of the rows.
fn join(parts: Vec<Outcome>) -> Outcome {
    let count: f64 = parts.iter().map(|part| part.count).sum();
    let mut parts = parts.into_iter();
    let Some(mut whole) = parts.next() else {
        return Outcome {
            loss: 0.0,
            count: 0.0,
            right: (0, 0),
            gradients: Parameters::new(),
            outputs: vec![],
            last: vec![],
        };
    };
    if parts.len() == 0 {
        return whole;
    }
    // Of no targets at all the mean is 0, and not 0/0.
    let all = count.max(1.0);
    let first = whole.count / all;
    whole.loss *= first;
    scale(&mut whole.gradients, first);
    for part in parts {
        let share = part.count / all;
        whole.loss += share * part.loss;
        whole.right = (whole.right.0 + part.right.0, whole.right.1 + part.right.1);
        for ((_, sum), (_, g)) in whole.gradients.iter_mut().zip(part.gradients.iter()) {
            #[allow(clippy::cast_possible_truncation)] // gradients are single
            Zip::from(sum).and(g).for_each(|sum, &g| *sum += (share * f64::from(g)) as f32);
        }
        append(&mut whole.outputs, &part.outputs, 0);
        append(&mut whole.last, &part.last, 1);
    }
    Outcome { count, ..whole }
}

fn scale(gradients: &mut Parameters, by: f64) {
    #[allow(clippy::cast_possible_truncation)] // gradients are single
    gradients.iter_mut().for_each(|(_, g)| g.mapv_inplace(|g| (by * f64::from(g)) as f32));
}

fn append(to: &mut [ArrayD<f32>], from: &[ArrayD<f32>], axis: usize) {
    for (to, from) in to.iter_mut().zip(from) {
        to.append(Axis(axis), from.view()).expect("parts of one batch differ in their rows alone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Specimen;

    #[test]
    fn the_networks_used_last_are_kept_and_no_more() {
        let mut networks = Networks::new(&Specimen::default().model(), Mode::default(), 1);
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
