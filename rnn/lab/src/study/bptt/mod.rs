//! Backpropagation through time, taken apart: what each loss owes to each state, which step and which distance each
//! parameter's gradient comes from, and how much a step can stretch or shrink what passes it.

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
use rnn::model::{Feed, Mode, Model, ModelError, Network, estimate};
use rnn::parameters::Parameters;
use std::collections::BTreeMap;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The layer, from 0, in its first direction.
    pub layer: usize,
    /// Whether the gradients of parameters are split by step and by lag.
    pub split: bool,
    /// Whether the Jacobians of the steps are computed.
    pub jacobians: bool,
    /// Whether all singular values and eigenvalues of the Jacobians and of their products are computed.
    pub spectrum: bool,
}

/// The gradients of a net's losses, taken apart.
///
/// ```
/// use rnn::model::{Feed, Mode};
/// use rnn_lab::study::{Ask, Bptt, Specimen};
///
/// let elman = Specimen { steps: 20, ..Specimen::default() };
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
    /// The losses: their sum is what is minimised.
    pub losses: Vec<f64>,
    /// `[loss, step]`: ‖∂L\[t\]/∂s\[k\]‖, s being all states of the layer together. Of a batch, the mean over the sequences
    /// of the norm that each has alone. NaN where the loss does not depend on the state; 0 where it does, and no
    /// gradient gets there: behind a cut. Below what `f64` holds a norm has its exponent apart.
    pub matrix: Array2<Magnitude>,
    /// How the matrix falls with the distance t − k.
    pub decay: Decay,
    /// For each step k from the second on, the largest singular value of ∂s\[k\]/∂s\[k−1\] for each sequence; empty if not
    /// asked for. Backwards in time, the steps are k and k+1.
    pub stretch: Vec<Vec<f64>>,
    /// `[loss, step]`: ‖∂L\[t\]/∂s\[t\]‖ times the largest singular values on the way, which no gradient exceeds. NaN
    /// where the loss depends on the past in other ways than through its own step's state. Nothing without Jacobians.
    pub bound: Option<Array2<Magnitude>>,
    /// For each sequence, the values of the Jacobians and of their products; empty if not asked for.
    pub spectra: Vec<Spectrum>,
    /// The gradients of the parameters, split.
    pub shares: Vec<Shares>,
    /// Parameters that are too large to be split at every step.
    pub unsplit: Vec<String>,
}

/// The gradient of one parameter as sums.
#[derive(Clone, Debug)]
pub struct Shares {
    /// The parameter's name.
    pub name: String,
    /// For step 0, which is before the first, and each step k: the part that comes from its use at that step.
    pub by_step: Vec<ArrayD<f64>>,
    /// For each distance t − k: the part that comes from the use at a step so far before the loss.
    pub by_lag: BTreeMap<isize, ArrayD<f64>>,
}

impl Shares {
    /// The whole gradient.
    pub fn total(&self) -> ArrayD<f64> {
        let mut parts = self.by_step.iter();
        let first = parts.next().cloned().unwrap_or_else(|| ArrayD::zeros(vec![]));
        parts.fold(first, |sum, part| sum + part)
    }
}

/// Why a net cannot be taken apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BpttError {
    /// The model cannot be built or evaluated.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The graph cannot be built or evaluated.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// There is no such layer.
    #[error("there is no lane {lane}: the net has {lanes}; count layers from 0")]
    Lane {
        /// The lane asked for.
        lane: usize,
        /// How many there are.
        lanes: usize,
    },
    /// There is no such layer.
    #[error("there is no layer {layer}: the net has {layers}, counted from 0: give a smaller number")]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// How many there are.
        layers: usize,
    },
    /// A cell without memory.
    #[error("the cell `{cell}` has no state, so no gradient flows through time: take another cell")]
    NoState {
        /// The cell.
        cell: String,
    },
    /// Sequences of different lengths.
    #[error("the sequences have different lengths: give one sequence, or several of one length")]
    Lengths,
    /// Jacobians larger than memory.
    #[error(
        "the Jacobians of {steps} steps of {states} states of {batch} sequences are {numbers:.0e} numbers: give fewer \
         steps, fewer sequences or smaller states, or leave them out where they can be"
    )]
    Jacobians {
        /// The number of steps.
        steps: usize,
        /// The size of the states together.
        states: usize,
        /// The number of sequences.
        batch: usize,
        /// The number of elements.
        numbers: f64,
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
    /// Takes the gradients of a model apart, in f64, at some parameters and on a batch of sequences of one length. There
    /// is no dropout.
    ///
    /// It costs one run of forward and backward for each loss, and one for each element of the states if Jacobians are
    /// asked for.
    ///
    /// # Errors
    /// If the model cannot be built on such data, has no such layer or no state, or a gradient is not finite.
    pub fn of(model: &Model, parameters: &Parameters, feed: &Feed, ask: Ask) -> Result<Self, BpttError> {
        if feed.lengths.as_ref().is_some_and(|l| l.iter().any(|&l| l != feed.steps())) {
            return Err(BpttError::Lengths);
        }
        if ask.layer >= model.layers {
            return Err(BpttError::Layer { layer: ask.layer, layers: model.layers });
        }
        let lane = ask.layer * if model.bidirectional { 2 } else { 1 };
        let model = Model { dropout: 0.0, ..model.clone() };
        let (steps, mode) = (feed.steps(), Mode::default());
        // A copy of every weight for each step, and the matrix with its bound, all in double precision.
        let told = model.estimate(steps, feed.batch(), mode)?;
        let matrices = 2.0 * (steps as f64).powi(2);
        estimate::fits(told.bytes + 16.0 * told.parameters * steps as f64 + 8.0 * matrices)?;
        let network = model.network(steps, feed.batch(), mode)?;
        if network.lanes[lane].names.is_empty() {
            return Err(BpttError::NoState { cell: model.cell.to_string() });
        }
        let feed = Feed { lengths: None, ..feed.clone() };
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
