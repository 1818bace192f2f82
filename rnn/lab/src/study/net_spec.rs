//! A net small enough to draw in full.

use super::placed::Placed;
use autograd::{Graph, NodeId, Point, Scalar, Value};
use autograd_check::{Check, Report};
use autograd_check::{Survey, random_point};
use ndarray::{Array2, ArrayD};
use rand::RngExt;
use rnn::cell::CellRef;
use rnn::init::{self, Init};
use rnn::model::{
    Batch, Head, Inits, Input, Loss, Mode, Model, ModelError, Network, Start, estimate, lengths_fit,
};
use rnn::parameters::Parameters;

/// A small net: real inputs `[time, batch, feature]`, a head and a loss at each step.
#[derive(Clone, Debug, PartialEq)]
pub struct NetSpec {
    /// The name of the cell.
    pub cell: CellRef,
    /// The number of steps.
    pub steps: usize,
    /// The number of layers.
    pub layers: usize,
    /// The number of input features.
    pub input: usize,
    /// The size of the states.
    pub hidden: usize,
    /// The number of classes.
    pub classes: usize,
    /// The number of sequences.
    pub batch: usize,
    /// Whether each layer is bidirectional.
    pub bidirectional: bool,
    /// Truncated BPTT: the number of steps after which states are detached.
    pub window: Option<usize>,
    /// The length of each sequence, if they differ.
    pub lengths: Option<Vec<usize>>,
}

/// The maximum number of layers that are counted exactly.
const LAYERS: usize = 16;

impl Default for NetSpec {
    /// An Elman net over three steps: 3 inputs, 4 hidden units, 2 classes, one sequence.
    fn default() -> Self {
        Self {
            cell: "elman".into(),
            steps: 3,
            layers: 1,
            input: 3,
            hidden: 4,
            classes: 2,
            batch: 1,
            bidirectional: false,
            window: None,
            lengths: None,
        }
    }
}

impl NetSpec {
    /// The model.
    pub fn model(&self) -> Model {
        Model {
            cell: self.cell.clone(),
            input: Input::Reals { size: self.input },
            hidden: self.hidden,
            layers: self.layers,
            bidirectional: self.bidirectional,
            dropout: 0.0,
            start: Start::Zero,
            window: self.window,
            head: Head::EachStep,
            outputs: self.classes,
            loss: Loss::CrossEntropy,
            init: Inits::default(),
        }
    }

    /// The model with initial parameters, and a batch of random inputs and classes: a function of the seed.
    ///
    /// # Errors
    /// If there is no such cell, or a size is out of range.
    pub fn example(&self, seed: u64) -> Result<(Model, Parameters, Batch), ModelError> {
        let model = self.model();
        model.fits(self.steps, self.batch, Mode::default())?;
        let parameters = model.first_parameters(seed)?;
        let x = inputs([self.steps, self.batch, self.input], seed)
            .map_err(|source| ModelError::Init { weight: "x".into(), source })?;
        let y = self.drawn_classes(seed);
        Ok((model, parameters, Batch { x: Value::Float(x), y, lengths: None }))
    }

    /// The net unrolled from zero states; with its derivative if `backward`.
    ///
    /// # Errors
    /// If there is no such cell, or a size, a number or a length is out of range.
    pub fn network(&self, backward: bool) -> Result<Network, ModelError> {
        self.unrolled(Mode { train: backward, ..Mode::default() })
    }

    /// Compares the gradients of the loss with numeric ones, in f64, at random weights, inputs, targets and initial
    /// states. `order` is 1, or 2 to check second derivatives too.
    ///
    /// # Errors
    /// As [`NetSpec::network`]; if `order` is neither; if the net does not fit into free memory; if a value is not
    /// finite.
    pub fn check(&self, order: u32, seed: u64) -> Result<Report, ModelError> {
        self.check_with(seed, |check| check.order(order))
    }

    /// As [`NetSpec::check`], with other options of the checker.
    ///
    /// # Errors
    /// As [`NetSpec::check`].
    pub fn check_with(
        &self,
        seed: u64,
        options: impl for<'g> FnOnce(Check<'g>) -> Check<'g>,
    ) -> Result<Report, ModelError> {
        self.placed()?.check_with(seed, options)
    }

    /// As [`NetSpec::check_with`]; also returns the checked net, for a page.
    ///
    /// # Errors
    /// As [`NetSpec::check`].
    pub fn survey(
        &self,
        seed: u64,
        options: impl for<'g> FnOnce(Check<'g>) -> Check<'g>,
    ) -> Result<Survey, ModelError> {
        self.placed()?.survey(seed, options)
    }

    /// The net at its default point.
    ///
    /// # Errors
    /// If it does not fit into free memory, or a length does not fit.
    pub fn placed(&self) -> Result<Placed, ModelError> {
        // Twice the estimate, to leave memory for the rest of the machine.
        estimate::fits(2.0 * self.bytes_of_a_check()?)?;
        if let Some(lengths) = &self.lengths {
            lengths_fit(lengths, self.batch, self.steps)?;
        }
        let (model, lengths) = (self.model(), self.lengths.clone());
        Ok(Placed { model, steps: self.steps, batch: self.batch, lengths, values: Vec::new(), scale: 1.0 })
    }

    /// An estimate in bytes of a check: twenty copies of the weights, a gradient of each weight for each step, the
    /// values of all nodes, and the nodes.
    fn bytes_of_a_check(&self) -> Result<f64, ModelError> {
        let cell = self.cell.cell()?;
        let (lanes, steps) = (1 + usize::from(self.bidirectional), self.steps as f64);
        let (mut weights, mut rows) = (0.0, 0.0);
        let mut input = self.input;
        for _ in 0..self.layers.min(LAYERS) {
            for weight in cell.weights(input, self.hidden) {
                weights += lanes as f64 * weight.shape.iter().map(|&n| n as f64).product::<f64>();
                rows += lanes as f64 * weight.shape.first().map_or(1.0, |&n| n as f64);
            }
            input = cell.output_size(self.hidden).saturating_mul(lanes);
        }
        // All further layers are alike.
        let more = (self.layers as f64 / LAYERS as f64).max(1.0);
        let nodes = steps * self.layers as f64 * lanes as f64;
        let values = steps * self.batch as f64 * rows * 8.0;
        Ok(8.0 * more * (weights * (20.0 + steps) + values) + 30e3 * nodes)
    }

    /// Values for the leaves of a graph of this net, also after passes: the same as in [`NetSpec::check`], so that
    /// the values of a dump are those of a report.
    ///
    /// # Errors
    /// If the graph is of another net.
    pub fn point(&self, graph: &Graph, seed: u64) -> Result<Point<f64>, ModelError> {
        let mut point = Point::new();
        for id in graph.inputs() {
            match (graph.name(id)?.as_str(), &self.lengths) {
                ("y", _) => point.set(id, self.drawn_classes(seed)),
                ("lengths", Some(lengths)) => point.set(id, column(lengths)),
                _ => {}
            }
        }
        let all: Vec<NodeId> = graph.ids().collect();
        Ok(random_point(graph, point, &all, seed)?)
    }

    /// Uniformly random classes `[time, batch]`, without the class that means "ignore": the checker would not know
    /// it.
    fn drawn_classes<S: Scalar>(&self, seed: u64) -> Value<S> {
        let mut rng = init::rng(seed, "y");
        let shape = (self.steps, self.batch);
        Value::Index(Array2::from_shape_simple_fn(shape, || rng.random_range(0..self.classes)).into_dyn())
    }

    pub(super) fn unrolled(&self, mode: Mode) -> Result<Network, ModelError> {
        if let Some(lengths) = &self.lengths {
            lengths_fit(lengths, self.batch, self.steps)?;
        }
        self.model().network(self.steps, self.batch, Mode { lengths: self.lengths.is_some(), ..mode })
    }
}

/// Lengths as a network's input, `[batch, 1]`.
pub(super) fn column(lengths: &[usize]) -> Value<f64> {
    Value::Index(Array2::from_shape_fn((lengths.len(), 1), |(b, _)| lengths[b]).into_dyn())
}

/// Inputs `[time, batch, feature]`, uniform on [−1, 1): a function of the seed.
pub(super) fn inputs(shape: [usize; 3], seed: u64) -> Result<ArrayD<f32>, init::InitError> {
    Init::uniform(1.0).draw(&shape, 1, &mut init::rng(seed, "x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_cell_passes_in_every_arrangement() {
        for shipped in rnn::cell::SHIPPED {
            // A cell with equal input and state sizes cannot be stacked bidirectionally.
            let wide = rnn::Cell::fits(&*shipped.cell(), 8, 4).is_ok();
            let input = if wide { 3 } else { 4 };
            let net = NetSpec { cell: shipped.name.into(), batch: 2, input, ..NetSpec::default() };
            for net in [
                NetSpec { layers: 2, bidirectional: wide, ..net.clone() },
                NetSpec { lengths: Some(vec![3, 1]), bidirectional: true, ..net.clone() },
                NetSpec { window: Some(2), ..net },
            ] {
                let report = net.check(1, 3).unwrap();
                let wrong = |t: &autograd_check::Tensor| t.verdict() == autograd_check::Verdict::Fail;
                assert!(!report.tensors.iter().any(wrong), "{net:?}\n{report}");
                let states = rnn::Cell::states(&*shipped.cell(), input, 4);
                assert!(
                    report.tensor("x").is_some() && report.tensor(&format!("{}0", states[0].name)).is_some()
                );
            }
        }
    }

    /// A net that does not fit into memory is refused before it is built.
    #[test]
    fn absurd_sizes_are_refused() {
        let net = NetSpec { hidden: 100_000, steps: 1_000_000, ..NetSpec::default() };
        let began = std::time::Instant::now();
        for net in [
            net.clone(),
            NetSpec { steps: 3, batch: 1_000_000, ..net.clone() },
            NetSpec { layers: 1_000_000, ..net },
        ] {
            assert!(matches!(net.check(1, 0), Err(ModelError::Memory { .. })), "{net:?}");
        }
        assert!(began.elapsed().as_secs() < 5);
    }

    /// The estimate of a net, compared with the net itself.
    #[test]
    fn four_small_nets_tell_a_large_one() {
        for cell in ["elman", "lstm", "gru"] {
            for (layers, steps, bidirectional) in [(1, 1, false), (1, 7, false), (3, 5, true), (4, 2, false)]
            {
                let net = NetSpec {
                    cell: cell.into(),
                    layers,
                    steps,
                    bidirectional,
                    batch: 2,
                    ..NetSpec::default()
                };
                let (model, mode) = (net.model(), Mode { train: true, ..Mode::default() });
                let told = model.estimate(steps, 2, mode).unwrap();
                let graph = model.network(steps, 2, mode).unwrap().graph;
                let of = |id| graph[id].ty.shape.iter().product::<usize>();
                let values: usize = graph.ids().map(of).sum();
                let weights = model.first_parameters(1).unwrap().elements();
                let found = [graph.len(), values, weights];
                for (told, found) in [told.nodes, told.values, told.parameters].into_iter().zip(found) {
                    assert!((told / found as f64 - 1.0).abs() < 0.05, "{net:?}: {told} for {found}");
                }
            }
        }
    }

    #[test]
    fn what_no_memory_holds_is_refused_at_once() {
        let began = std::time::Instant::now();
        let net = NetSpec::default();
        for net in [
            NetSpec { hidden: 1_000_000, ..net.clone() },
            NetSpec { layers: 1_000_000_000, hidden: 1, ..net.clone() },
            NetSpec { steps: 1_000_000_000, ..net.clone() },
            NetSpec { input: 1_000_000, hidden: 1_000_000, ..net.clone() },
            NetSpec { batch: 1_000_000, steps: 1_000_000, ..net },
        ] {
            let error = net.network(true).unwrap_err();
            assert!(matches!(error, ModelError::Memory { .. }), "{error}");
        }
        assert!(began.elapsed().as_secs() < 5);
    }

    #[test]
    fn lengths_must_fit() {
        let net = |lengths| NetSpec { batch: 2, lengths: Some(lengths), ..NetSpec::default() };
        let error = |lengths| net(lengths).check(1, 0).unwrap_err();
        assert!(matches!(error(vec![3]), ModelError::Lengths { found: 1, batch: 2 }));
        assert!(matches!(error(vec![3, 0]), ModelError::Length { sequence: 2, found: 0, steps: 3 }));
        assert!(matches!(error(vec![4, 1]), ModelError::Length { sequence: 1, found: 4, steps: 3 }));
    }
}
