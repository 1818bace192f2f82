//! What all optimisers share: the elementwise update, applied to all parameters.

use ndarray::{ArrayD, arr0};

use super::{OptimError, Optimiser};
use crate::parameters::Parameters;

/// An update of one element θ with gradient g and `N` numbers of state.
///
/// A new method implements this trait; [`PerElement`] makes an [`Optimiser`] of it.
///
/// ```
/// use rnn::train::optim::Rule;
///
/// /// Bernstein et al. 2018, algorithm 1: only the sign of the gradient counts.
/// #[derive(Clone, Copy)]
/// struct SignSgd;
///
/// impl Rule<0> for SignSgd {
///     const STATE: [&'static str; 0] = [];
///
///     fn update(self, _step: u64, rate: f64) -> impl Fn(f32, f32, [f32; 0]) -> (f32, [f32; 0]) {
///         let rate = rate as f32;
///         move |theta, g, []| (theta - rate * g.signum(), [])
///     }
/// }
/// ```
pub trait Rule<const N: usize>: Copy {
    /// The names of the state arrays, which are zero before the first step.
    const STATE: [&'static str; N];

    /// The update (θ, g, state) ↦ (θ, state) at this step, counted from 1, with this learning rate.
    fn update(self, step: u64, rate: f64) -> impl Fn(f32, f32, [f32; N]) -> (f32, [f32; N]);
}

/// A [`Rule`] with its state for a set of parameters.
#[derive(Clone, Debug)]
pub struct PerElement<R, const N: usize> {
    rule: R,
    /// Steps taken.
    step: u64,
    /// For each parameter its name, its shape and `N` arrays of that shape.
    state: Vec<(String, Vec<usize>, [ArrayD<f32>; N])>,
}

impl<const N: usize, R: Rule<N>> PerElement<R, N> {
    /// A new optimiser for parameters of these names and shapes.
    pub fn new(rule: R, parameters: &Parameters) -> Self {
        let before_the_first_step = |(name, array): (&str, &ArrayD<f32>)| {
            let zeros = std::array::from_fn(|_| ArrayD::zeros(array.raw_dim()));
            (name.to_owned(), array.shape().to_vec(), zeros)
        };
        Self { rule, step: 0, state: parameters.iter().map(before_the_first_step).collect() }
    }

    fn check(&self, parameters: &Parameters, gradients: &Parameters) -> Result<(), OptimError> {
        for (name, shape, _) in &self.state {
            for (what, arrays) in [("parameter", parameters), ("gradient", gradients)] {
                let found = arrays.get(name).map(ArrayD::shape);
                if found != Some(shape) {
                    let (name, wanted) = (name.clone(), shape.clone());
                    return Err(OptimError::Array { what, name, wanted, found: found.map(<[_]>::to_vec) });
                }
            }
        }
        match parameters.names().find(|name| self.state.iter().all(|(known, ..)| known != name)) {
            Some(unknown) => Err(OptimError::Unknown(unknown.to_owned())),
            None => Ok(()),
        }
    }
}

impl<const N: usize, R: Rule<N>> Optimiser for PerElement<R, N> {
    fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: &Parameters,
        learning_rate: f64,
    ) -> Result<(), OptimError> {
        self.check(parameters, gradients)?;
        self.step += 1;
        let update = self.rule.update(self.step, learning_rate);
        for (name, _, state) in &mut self.state {
            // Both exist: checked above.
            if let (Some(theta), Some(g)) = (parameters.get_mut(name), gradients.get(name)) {
                let g = g.as_standard_layout(); // borrowed, unless its layout differs
                let g = g.as_slice().expect("an array of standard layout is one slice");
                update_all(&update, row_major(theta), g, state.each_mut().map(row_major));
            }
        }
        Ok(())
    }

    fn state(&self) -> Vec<(String, ArrayD<f32>)> {
        // Exact up to 2²⁴ steps. Beyond, Adam's bias corrections are 1, and no other rule uses the step.
        let step = arr0(self.step as f32).into_dyn();
        let kept = R::STATE.iter().enumerate().flat_map(|(k, kind)| {
            self.state.iter().map(move |(name, _, state)| (format!("{kind}/{name}"), state[k].clone()))
        });
        std::iter::once(("step".to_owned(), step)).chain(kept).collect()
    }

    fn restore(&mut self, state: &[(String, ArrayD<f32>)]) -> Result<(), OptimError> {
        let find = |name: &str| state.iter().find_map(|(n, array)| (n == name).then_some(array));
        let wanted = self.state();
        for (name, array) in &wanted {
            let found = find(name).map(ArrayD::shape);
            if found != Some(array.shape()) {
                let (name, wanted) = (name.clone(), array.shape().to_vec());
                return Err(OptimError::State { name, wanted, found: found.map(<[_]>::to_vec) });
            }
        }
        if let Some((name, _)) = state.iter().find(|(name, _)| wanted.iter().all(|(known, _)| known != name))
        {
            return Err(OptimError::UnknownState(name.clone()));
        }
        // Every array from here on exists and has the right shape: checked above.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count, as `state` wrote it
        let step = find("step").and_then(|step| step.first()).map_or(0, |&step| step as u64);
        self.step = step;
        for (k, kind) in R::STATE.iter().enumerate() {
            for (name, _, state) in &mut self.state {
                if let Some(saved) = find(&format!("{kind}/{name}")) {
                    state[k].assign(saved);
                }
            }
        }
        Ok(())
    }
}

/// Updates the elements of one parameter: a plain loop over slices of equal length, which the compiler vectorises.
fn update_all<const N: usize>(
    update: impl Fn(f32, f32, [f32; N]) -> (f32, [f32; N]),
    theta: &mut [f32],
    g: &[f32],
    state: [&mut [f32]; N],
) {
    let n = theta.len();
    let g = &g[..n];
    let mut state = state.map(|numbers| &mut numbers[..n]);
    for i in 0..n {
        let (new_theta, new_state) = update(theta[i], g[i], state.each_ref().map(|numbers| numbers[i]));
        theta[i] = new_theta;
        for (numbers, new) in state.iter_mut().zip(new_state) {
            numbers[i] = new;
        }
    }
}

/// The elements in row-major order. An array in another layout is converted in place.
fn row_major(array: &mut ArrayD<f32>) -> &mut [f32] {
    if !array.is_standard_layout() {
        *array = array.as_standard_layout().into_owned();
    }
    array.as_slice_mut().expect("an array of standard layout is one slice")
}
