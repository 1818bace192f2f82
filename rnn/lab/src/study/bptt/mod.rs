//! Backpropagation through time, split up: the gradient of each loss by each state, the contribution of each step and
//! lag to each parameter's gradient, and how far a step can stretch a gradient.

mod apart;
mod decay;
mod gauge;
mod graded;
mod jacobians;
mod matrix;
mod spectral;
mod spectrum;
mod windows;

pub use decay::Decay;
pub use spectral::spectral_norm;
pub use spectrum::{Eigenvalue, ProductSpectrum, Spectrum, StepSpectrum};
pub use windows::{Bias, ParameterBias, Truncation, truncations};

use autograd::{Magnitude, Point};
use jacobians::Jacobians;
use ndarray::{Array2, ArrayD};
use rnn::model::{Batch, Mode, Model, ModelError, Network, estimate};
use rnn::parameters::Parameters;
use std::collections::BTreeMap;

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The layer, from 0, in its forward direction.
    pub layer: usize,
    /// Whether to split the gradients of parameters by step and by lag.
    pub split: bool,
    /// Whether to compute the Jacobians of the steps.
    pub jacobians: bool,
    /// Whether all singular values and eigenvalues of the Jacobians and of their products are computed.
    pub spectrum: bool,
}

/// The gradients of a net's losses, split up.
///
/// ```
/// use rnn::model::{Batch, Mode};
/// use rnn_lab::study::{Ask, Bptt, NetSpec};
///
/// let elman = NetSpec { steps: 20, ..NetSpec::default() };
/// let (model, parameters, feed) = elman.example(1)?;
/// let bptt = Bptt::of(&model, &parameters, &feed, Ask { layer: 0, split: true, jacobians: true, spectrum: false })?;
/// // The loss of step 20 owes little to the first state, and nothing to do with a state after its own step.
/// assert!((bptt.matrix[[19, 0]] / bptt.matrix[[19, 19]]).to_f64() < 1e-3);
/// assert!(bptt.matrix[[0, 19]].is_nan());
/// assert!(bptt.decay.rate.unwrap() < 1.0);
/// # Ok::<(), rnn_lab::study::BpttError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bptt {
    /// The names of the states that are taken together: `h`, `c`.
    pub states: Vec<String>,
    /// The step of each loss, from 1.
    pub loss_steps: Vec<usize>,
    /// The losses, which add up to the training loss.
    pub losses: Vec<f64>,
    /// `[loss, step]`: ‖∂L\[t\]/∂s\[k\]‖, s being all states of the layer together. For a batch, the mean over the
    /// sequences of the norm of each alone. NaN if the loss does not depend on the state; 0 if it does but a
    /// stop-gradient blocks the gradient. Norms below the range of `f64` store their exponent separately.
    pub matrix: Array2<Magnitude>,
    /// The decay of the matrix with the distance t − k.
    pub decay: Decay,
    /// For each step k from the second on, the largest singular value of ∂s\[k\]/∂s\[k−1\] for each sequence; empty
    /// if not requested. In reverse time, the steps are k and k+1.
    pub stretch: Vec<Vec<f64>>,
    /// `[loss, step]`: ‖∂L\[t\]/∂s\[t\]‖ times the largest singular values in between, an upper bound of the
    /// gradient. NaN if the loss depends on the past by other paths than its own step's states. `None` without
    /// Jacobians.
    pub bound: Option<Array2<Magnitude>>,
    /// For each sequence, the values of the Jacobians and of their products; empty if not asked for.
    pub spectra: Vec<Spectrum>,
    /// The gradients of the parameters, split.
    pub shares: Vec<Shares>,
    /// Parameters that are too large to split by step.
    pub unsplit: Vec<String>,
}

/// The gradient of one parameter, split into sums.
#[derive(Clone, Debug)]
pub struct Shares {
    /// The parameter's name.
    pub name: String,
    /// For step 0 (before the first) and each step k: the contribution of the use at that step.
    pub by_step: Vec<ArrayD<f64>>,
    /// For each distance t − k: the contribution of uses that many steps before the loss.
    pub by_lag: BTreeMap<isize, ArrayD<f64>>,
}

impl Shares {
    /// The total gradient.
    pub fn total(&self) -> ArrayD<f64> {
        let mut parts = self.by_step.iter();
        let first = parts.next().cloned().unwrap_or_else(|| ArrayD::zeros(vec![]));
        parts.fold(first, |sum, part| sum + part)
    }
}

/// Why a net's gradients cannot be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BpttError {
    /// The model cannot be built or evaluated.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The graph cannot be built or evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// There is no such lane.
    #[error("there is no lane {lane}: the net has {lanes}; count layers from 0")]
    Lane {
        /// The requested lane.
        lane: usize,
        /// The number of lanes.
        lanes: usize,
    },
    /// There is no such layer.
    #[error("there is no layer {layer}: the net has {layers}, counted from 0: give a smaller number")]
    Layer {
        /// The requested layer.
        layer: usize,
        /// The number of layers.
        layers: usize,
    },
    /// A cell without states.
    #[error("the cell `{cell}` has no state, so no gradient flows through time: take another cell")]
    NoState {
        /// The cell.
        cell: String,
    },
    /// Sequences of different lengths.
    #[error("the sequences have different lengths: give one sequence, or several of one length")]
    Lengths,
    /// The Jacobians do not fit into memory.
    #[error(
        "the Jacobians of {steps} steps of {states} states of {batch} sequences are {numbers:.0e} numbers: give fewer \
         steps, fewer sequences or smaller states, or leave them out where they can be"
    )]
    Jacobians {
        /// The number of steps.
        steps: usize,
        /// The size of all states together.
        states: usize,
        /// The number of sequences.
        batch: usize,
        /// The number of elements.
        numbers: f64,
    },
    /// The spectra take too long.
    #[error(
        "the spectra of {steps} steps of {states} states of {batch} sequences take about {operations:.0e} operations, and \
         at most {most:.0e} are done: give fewer steps, fewer sequences or smaller states"
    )]
    Spectra {
        /// The number of steps.
        steps: usize,
        /// The size of all states together.
        states: usize,
        /// The number of sequences.
        batch: usize,
        /// The estimated number of operations.
        operations: f64,
        /// The maximum.
        most: f64,
    },
    /// The values overflow.
    #[error(
        "the gradient is not finite at step {step}: it has exploded beyond what a number holds; take fewer steps or \
         smaller weights"
    )]
    NotFinite {
        /// The step of the state.
        step: usize,
    },
}

impl Bptt {
    /// Splits the gradients of a model, in f64, at given parameters and on a batch of sequences of equal length,
    /// without dropout.
    ///
    /// It costs one forward and backward run per loss, and one per element of the states for the Jacobians.
    ///
    /// # Errors
    /// If the model cannot be built on such data, has no such layer or no states, or a gradient is not finite.
    pub fn of(model: &Model, parameters: &Parameters, feed: &Batch, ask: Ask) -> Result<Self, BpttError> {
        if feed.lengths.as_ref().is_some_and(|l| l.iter().any(|&l| l != feed.steps())) {
            return Err(BpttError::Lengths);
        }
        if ask.layer >= model.layers {
            return Err(BpttError::Layer { layer: ask.layer, layers: model.layers });
        }
        let lane = ask.layer * if model.bidirectional { 2 } else { 1 };
        let model = Model { dropout: 0.0, ..model.clone() };
        let (steps, mode) = (feed.steps(), Mode::default());
        // A copy of every weight for each step, and the matrix with its bound, in double precision.
        let told = model.estimate(steps, feed.batch(), mode)?;
        let matrices = 2.0 * (steps as f64).powi(2);
        estimate::fits(told.bytes + 16.0 * told.parameters * steps as f64 + 8.0 * matrices)?;
        let network = model.network(steps, feed.batch(), mode)?;
        if network.lanes[lane].names.is_empty() {
            return Err(BpttError::NoState { cell: model.cell.to_string() });
        }
        if ask.spectrum {
            let states =
                network.lanes[lane].states[0].iter().map(|&state| network.graph[state].ty.shape[1]).sum();
            spectrum::fits(steps, states, feed.batch())?;
        }
        let feed = Batch { lengths: None, ..feed.clone() };
        let point = network.point(parameters, &feed, &[], 0)?.cast::<f64>();
        Self::at(&network, &point, lane, ask)
    }

    fn at(network: &Network, point: &Point<f64>, lane: usize, ask: Ask) -> Result<Self, BpttError> {
        let found = matrix::of(network, point, lane, ask.split)?;
        let asked = ask.jacobians || ask.spectrum;
        let jacobians = asked.then(|| jacobians::jacobians(network, point, lane)).transpose()?;
        let stretch = jacobians.as_ref().filter(|_| ask.jacobians).map_or_else(Vec::new, Jacobians::stretch);
        let spectra = jacobians.filter(|_| ask.spectrum);
        let spectra = spectra.map_or_else(Vec::new, |jacobians| jacobians.spectra(found.gradient.as_deref()));
        let bound = ask.jacobians.then(|| found.bound(&stretch));
        let decay = Decay::of(&found.matrix, &found.loss_steps);
        Ok(Self {
            states: network.lanes[lane].names.clone(),
            loss_steps: found.loss_steps,
            losses: found.losses,
            matrix: found.matrix,
            decay,
            stretch,
            bound,
            spectra,
            shares: found.shares,
            unsplit: found.unsplit,
        })
    }
}
