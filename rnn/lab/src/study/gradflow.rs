//! Vanishing and exploding gradients, compared between cells: measured, bounded, and tracked during training.
//!
//! Pascanu, Mikolov & Bengio 2013, section 2.1: the gradient of a loss at step T by the state at step k is a product
//! of T − k Jacobians. If the largest singular value of each is at most γ < 1, it decays at least as fast as γ to the
//! power T − k. If they exceed 1 it can grow, but need not.

use super::bptt::{Ask, Bptt, BpttError};
use autograd::{Magnitude, Value};
use ndarray::{ArrayD, Axis, Slice};
use rnn::cell::{CellRef, Role};
use rnn::data::synthetic::Adding;
use rnn::init::{self, Init};
use rnn::model::{
    Batch, Engine, Head, Inits, Input, Loss, Mode, Model, ModelError, Networks, Start, StepError, estimate,
};
use rnn::parameters::Parameters;
use rnn::train::clip;
use rnn::train::optim::{Adam, Method};
use serde::Serialize;

/// The net of the experiment: one layer that reads an adding problem ([`Adding`]), with a loss at the last step.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The cell.
    pub cell: CellRef,
    /// The number of steps.
    pub steps: usize,
    /// The size of the states.
    pub hidden: usize,
    /// Initial values of the weights.
    pub init: Inits,
    /// If given, recurrent matrices start as orthogonal ones times this, and biases at zero except as the cell's file
    /// or the forget bias sets them.
    pub scale: Option<f64>,
    /// The factor of the inputs: 0 gives no input.
    pub drive: f64,
    /// The seed of all randomness.
    pub seed: u64,
}

/// Training options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The number of updates, by Adam.
    pub updates: usize,
    /// The number of sequences per batch.
    pub batch: usize,
    /// The learning rate.
    pub rate: f64,
    /// The bound on the gradient's norm.
    pub clip: Option<f64>,
}

/// The gradient of the last loss, backwards in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// For each step k, ‖∂L/∂s\[k\]‖, s being all states of the cell.
    pub norms: Vec<Magnitude>,
    /// For each step, the product of the largest singular values of all later Jacobians, times the norm at the last
    /// step: an upper bound of the norm.
    pub bound: Vec<Magnitude>,
    /// For each step from the second on, the largest singular value of its Jacobian: the mean over the sequences.
    pub stretch: Vec<f64>,
    /// The factor per step of the log-linear fit of the norms.
    pub rate: Option<f64>,
}

/// An update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Update {
    /// The loss of the batch.
    pub loss: f64,
    /// The norm of the gradient before clipping.
    pub norm: f64,
}

/// Why an experiment fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The gradients cannot be split.
    #[error(transparent)]
    Bptt(#[from] BpttError),
    /// The task does not support that length.
    #[error(transparent)]
    Data(#[from] rnn::data::Error),
    /// The gradient of a batch cannot be computed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// An update cannot be made.
    #[error(transparent)]
    Optimiser(#[from] rnn::train::optim::OptimError),
}

impl From<ModelError> for FlowError {
    fn from(error: ModelError) -> Self {
        Self::Bptt(error.into())
    }
}

impl Flow {
    /// The number of sequences over which the gradient is averaged.
    const MEASURED: usize = 4;

    /// The model. A cell that adds its input to a state reads the pair as the first two of `hidden` features.
    ///
    /// # Errors
    /// If there is no such cell.
    pub fn model(&self) -> Result<Model, FlowError> {
        let cell = self.cell.cell().map_err(ModelError::from)?;
        let size = if cell.fits(2, self.hidden).is_ok() { 2 } else { self.hidden };
        Ok(Model {
            cell: self.cell.clone(),
            input: Input::Reals { size },
            hidden: self.hidden,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::Last,
            outputs: 1,
            loss: Loss::MeanSquared,
            init: self.init,
        })
    }

    /// The initial parameters.
    ///
    /// # Errors
    /// If an initialiser does not fit the cell.
    pub fn first(&self) -> Result<Parameters, FlowError> {
        let model = self.model()?;
        let mut parameters = model.first_parameters(self.seed)?;
        let Some(gain) = self.scale else { return Ok(parameters) };
        for weight in model.net()?.weights() {
            let name = format!("rnn.{}", weight.name);
            let Some(value) = parameters.get_mut(&name) else { continue };
            let mut start = 0;
            for part in &weight.parts {
                let mut rows = value.slice_axis_mut(Axis(0), Slice::from(start..start + part.rows));
                start += part.rows;
                match weight.role {
                    Role::Recurrent if rows.ndim() == 2 => {
                        let mut rng = init::rng(self.seed, &format!("{name}/{}", part.name));
                        let drawn = Init::Orthogonal { gain }.draw(rows.shape(), 1, &mut rng);
                        rows.assign(
                            &drawn.map_err(|source| ModelError::Init { weight: name.clone(), source })?,
                        );
                    }
                    Role::Bias => {
                        let chosen = self.init.forget_bias.is_some() && part.forget_bias.is_some();
                        if !chosen && part.init.is_none() {
                            rows.fill(0.0);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(parameters)
    }

    /// A batch of the task.
    fn batch(&self, model: &Model, size: usize, index: u64) -> Result<Batch, FlowError> {
        let feed = Batch::from(Adding::new(self.steps)?.batch(size, self.seed, index));
        #[allow(clippy::cast_possible_truncation)] // the net's numbers
        let pair = feed.x.into_float() * self.drive as f32;
        let mut x = ArrayD::zeros(vec![self.steps, size, model.input.size()]);
        x.slice_axis_mut(Axis(2), Slice::from(..2)).assign(&pair);
        Ok(Batch { x: Value::Float(x), ..feed })
    }

    /// Measures the gradient of the last loss backwards in time, at given parameters, on held-out sequences.
    ///
    /// ```
    /// use rnn_lab::study::Flow;
    ///
    /// // Nothing enters: tanh is the identity, and each step multiplies by 0.9 times an orthogonal matrix.
    /// let elman = Flow { cell: "elman".into(), steps: 40, hidden: 8, scale: Some(0.9), drive: 0.0, ..Flow::default() };
    /// let way = elman.way(&elman.first()?)?;
    /// assert!((way.rate.unwrap() - 0.9).abs() < 1e-6);
    /// # Ok::<(), rnn_lab::study::FlowError>(())
    /// ```
    ///
    /// # Errors
    /// If the cell has no state or the gradient is not finite.
    pub fn way(&self, parameters: &Parameters) -> Result<Way, FlowError> {
        let model = self.model()?;
        let feed = self.batch(&model, Self::MEASURED, u64::MAX)?;
        let ask = Ask { layer: 0, split: false, jacobians: true, spectrum: false };
        let bptt = Bptt::of(&model, parameters, &feed, ask)?;
        let mean = |each: &Vec<f64>| each.iter().sum::<f64>() / each.len() as f64;
        Ok(Way {
            norms: bptt.matrix.row(0).to_vec(),
            bound: bptt.bound.map_or_else(Vec::new, |bound| bound.row(0).to_vec()),
            stretch: bptt.stretch.iter().map(mean).collect(),
            rate: bptt.decay.rate,
        })
    }

    /// Trains the net. Returns the final parameters, each update, and, if a gradient that is not finite ended the
    /// training, its error.
    ///
    /// # Errors
    /// If the model cannot be built.
    pub fn train(&self, course: Course) -> Result<(Parameters, Vec<Update>, Option<String>), FlowError> {
        let model = self.model()?;
        let mut parameters = self.first()?;
        let mut networks = Networks::new(&model, Mode::default(), 1);
        let mut optimiser = Method::Adam(Adam::default()).optimiser(&parameters);
        // Every update is kept.
        estimate::fits(course.updates as f64 * size_of::<Update>() as f64).map_err(StepError::from)?;
        let mut updates = Vec::new();
        for index in 0..course.updates {
            let feed = self.batch(&model, course.batch, index as u64)?;
            let mut outcome = match networks.run(&parameters, &feed, &[], 0, true) {
                Ok(outcome) => outcome,
                Err(error @ StepError::NotFinite { .. }) => {
                    return Ok((parameters, updates, Some(format!("update {}: {error}", index + 1))));
                }
                Err(error) => return Err(error.into()),
            };
            let norm = match course.clip {
                Some(bound) => clip::by_norm(&mut outcome.gradients, bound),
                None => outcome.gradients.norm(),
            };
            updates.push(Update { loss: outcome.loss, norm });
            optimiser.step(&mut parameters, &outcome.gradients, course.rate)?;
        }
        Ok((parameters, updates, None))
    }
}

impl Default for Flow {
    /// An Elman net of 32 units over 200 steps, with the usual initial weights.
    fn default() -> Self {
        let init = Inits::default();
        Self { cell: "elman".into(), steps: 200, hidden: 32, init, scale: None, drive: 1.0, seed: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(cell: &str) -> Flow {
        Flow { cell: cell.into(), hidden: 8, ..Flow::default() }
    }

    fn with_bias(cell: &str, bias: f64) -> Flow {
        Flow { init: Inits { forget_bias: Some(bias), ..Inits::default() }, ..flow(cell) }
    }

    /// What remains of the gradient after 198 steps: per state, not per step of the loss.
    fn left(flow: &Flow) -> f64 {
        let norms = flow.way(&flow.first().unwrap()).unwrap().norms;
        (norms[0] / norms[198]).to_f64()
    }

    #[test]
    fn a_silent_tanh_net_has_the_rate_of_its_matrix() {
        for scale in [0.9, 1.0, 1.1] {
            let silent = Flow { scale: Some(scale), drive: 0.0, ..flow("elman") };
            let way = silent.way(&silent.first().unwrap()).unwrap();
            assert!((way.rate.unwrap() - scale).abs() < 1e-6, "{scale}: {:?}", way.rate);
        }
    }

    #[test]
    fn with_inputs_it_saturates_and_fades_below_the_bound() {
        let driven = Flow { scale: Some(1.1), drive: 3.0, ..flow("elman") };
        let way = driven.way(&driven.first().unwrap()).unwrap();
        assert!(way.rate.unwrap() < 1.0, "a scale above 1 promises no growth: {:?}", way.rate);
        assert!(way.stretch.iter().all(|s| *s <= 1.1 + 1e-6));
        assert!(
            way.norms.iter().zip(&way.bound).all(|(norm, bound)| *norm <= *bound * Magnitude::of(1.0 + 1e-9))
        );
    }

    /// Without recurrent weights c\[t\] = σ(b) ⊙ c\[t−1\] + …, and the gradient falls by σ(b) per step: σ(1)²⁰⁰ ≈
    /// 6e-28.
    #[test]
    fn an_lstm_forgets_as_its_gate_says() {
        for bias in [0.0, 1.0, 200.0_f64.ln()] {
            let silent = Flow { scale: Some(0.0), drive: 0.0, ..with_bias("lstm", bias) };
            let sigma = 1.0 / (1.0 + (-bias).exp());
            let (found, want) = (left(&silent).ln(), 198.0 * sigma.ln());
            assert!((found - want).abs() < 1e-4 * want.abs().max(1.0), "{bias}: {found} and {want}");
        }
    }

    #[test]
    fn an_open_gate_or_none_keeps_the_gradient_over_two_hundred_steps() {
        assert!(left(&with_bias("lstm", 200.0_f64.ln())) > 1e-2);
        assert!((left(&flow("lstm-1997")) - 1.0).abs() < 1e-9);
        assert!(left(&with_bias("lstm", 0.0)) < 1e-40 && left(&with_bias("lstm", 1.0)) < 1e-12);
        assert!(left(&flow("elman")) < 1e-20);
    }
}
