//! Optimisers: update rules for parameters given gradients.
//!
//! Each method is one file whose [`Rule`] reads as the published update of one element. [`PerElement`] holds what the
//! methods share: the loop over the parameters and the state kept for them. Names, defaults and the order of
//! operations are `PyTorch`'s.

mod adagrad;
mod adam;
mod adamw;
mod method;
mod per_element;
mod rmsprop;
mod sgd;

use ndarray::ArrayD;

use crate::parameters::Parameters;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use method::{Method, MethodError};
pub use per_element::{PerElement, Rule};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

/// A method with its state, for a fixed set of parameters.
///
/// ```
/// use ndarray::arr1;
/// use rnn::parameters::Parameters;
/// use rnn::train::optim::{Method, Optimiser};
///
/// let one = |x: f32| -> Parameters { [("w", arr1(&[x]).into_dyn())].into_iter().collect() };
/// let mut parameters = one(1.0);
/// let method: Method = "sgd:momentum=0.9".parse()?;
/// let mut optimiser = method.optimiser(&parameters);
/// for _ in 0..2 {
///     optimiser.step(&mut parameters, &one(1.0), 0.1)?; // the gradient is 1
/// }
/// assert!((parameters["w"][0] - (1.0 - 0.1 - 0.1 * 1.9)).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Optimiser {
    /// One update of all parameters, in place and without allocating.
    ///
    /// The caller applies the schedule to the learning rate. Gradients are matched by name.
    ///
    /// # Errors
    ///
    /// [`OptimError`] if the names or shapes differ from the optimiser's. Nothing is changed then.
    fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: &Parameters,
        learning_rate: f64,
    ) -> Result<(), OptimError>;

    /// The count of steps as `step` (shape `[]`), and every array of state as `kind/parameter`, such as
    /// `exp_avg/rnn.weight_ih_l0`, of the parameter's shape. The kinds have `PyTorch`'s names.
    fn state(&self) -> Vec<(String, ArrayD<f32>)>;

    /// Restores the state of an earlier run, as [`state`](Self::state) returned it, in any order.
    ///
    /// # Errors
    ///
    /// [`OptimError`] if an array is missing, of another shape, or unknown. Nothing is changed then.
    fn restore(&mut self, state: &[(String, ArrayD<f32>)]) -> Result<(), OptimError>;
}

/// Arrays that do not fit the optimiser.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimError {
    /// A parameter or its gradient is missing or of another shape.
    #[error(
        "the optimiser wants a {what} `{name}` of shape {wanted:?}, but {}: \
         make the optimiser for the parameters that it updates", shape_or_missing(.found.as_deref())
    )]
    Array {
        /// `parameter` or `gradient`.
        what: &'static str,
        /// The parameter's name.
        name: String,
        /// The shape when the optimiser was made.
        wanted: Vec<usize>,
        /// The shape given, if there is such an array.
        found: Option<Vec<usize>>,
    },
    /// A parameter unknown to the optimiser.
    #[error("the optimiser knows no parameter `{0}`: make the optimiser for the parameters that it updates")]
    Unknown(String),
    /// An array of state is missing or of another shape.
    #[error(
        "the optimiser wants a state `{name}` of shape {wanted:?}, but {}: \
         resume with the model and the optimiser that were saved, or start the optimiser afresh",
        shape_or_missing(.found.as_deref())
    )]
    State {
        /// The name of the array.
        name: String,
        /// The shape of its parameter.
        wanted: Vec<usize>,
        /// The shape given, if there is such an array.
        found: Option<Vec<usize>>,
    },
    /// An array of state that this optimiser does not keep.
    #[error(
        "the optimiser keeps no state `{0}`: \
         resume with the model and the optimiser that were saved, or start the optimiser afresh"
    )]
    UnknownState(String),
}

fn shape_or_missing(shape: Option<&[usize]>) -> String {
    shape.map_or("there is none".into(), |shape| format!("its shape is {shape:?}"))
}

/// Rounds a coefficient to the precision of the parameters, as late as `PyTorch` does.
#[allow(clippy::cast_possible_truncation)] // rounding is what is meant
fn single(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests;
