//! Cross-check: real-time recurrent learning, the same gradient forwards in time.
//!
//! With sₜ = f(sₜ₋₁, xₜ, θ), the influence of the parameters on the state, Jₜ = dsₜ/dθ, is carried forward with it
//! (Williams & Zipser 1989, eq. 12):
//!
//! ```text
//! Jₜ = ∂f/∂s · Jₜ₋₁ + ∂f/∂θ        dL/dθ = Σₜ ∂Lₜ/∂s · Jₜ₋₁ + ∂Lₜ/∂θ
//! ```
//!
//! A column of both is one evaluation of the step in dual numbers: the tangent of the states is the column of Jₜ₋₁,
//! that of θ a unit vector. It needs no backward pass, no VJP and no step size. It costs |θ| evaluations per step
//! where BPTT costs one, so it is used for checks of small nets, not for training.

use super::step::{OneStep, is_cut, not_in_steps, places, start, start_names};
use super::{Gradients, Trial, WholeNet, Witness};
use autograd::{Point, Value, eval, jvp};
use ndarray::{ArrayD, Axis};
use rnn::model::ModelError;

const CLAIM: &str = "backpropagation through time is real-time recurrent learning";

/// The maximum number of elements of θ: larger nets take minutes.
const MOST: usize = 4000;

pub(super) fn hear(trial: &Trial, bptt: &WholeNet) -> Result<Witness, ModelError> {
    if let Some(why) = not_in_steps(trial) {
        return Ok(Witness::silent("rtrl", CLAIM, why));
    }
    let columns =
        trial.parameters.iter().map(|p| p.1.len()).chain(trial.start.iter().map(ArrayD::len)).sum::<usize>();
    if columns > MOST {
        let why = format!("{columns} parameters are too many, {MOST} the most: take a smaller --hidden");
        return Ok(Witness::silent("rtrl", CLAIM, &why));
    }
    let found = rtrl(trial)?;
    let evidence = format!("{columns} columns of influence over {} steps", trial.net.steps);
    Ok(Witness::against("rtrl", CLAIM, bptt, &found, evidence))
}

/// One column of the influence matrix: of one element of a parameter or of an initial state.
struct Column {
    /// Which leaf, parameters first, then initial states.
    leaf: usize,
    /// The row-major index in it.
    place: usize,
    /// The derivatives of the states by that element.
    influence: Vec<ArrayD<f64>>,
}

/// The gradients of a trial by parameters and initial states, by RTRL. The net has one direction, and its sequences
/// one length.
///
/// # Errors
/// As [`NetSpec::network`](crate::study::NetSpec::network).
pub fn rtrl(trial: &Trial) -> Result<Gradients, ModelError> {
    let parameters = trial.parameters.len();
    let mut of: Vec<(String, ArrayD<f64>)> = trial.parameters.clone();
    of.extend(start_names(trial)?.into_iter().zip(trial.start.iter().cloned()));
    of.iter_mut().for_each(|(_, gradient)| gradient.fill(0.0));

    let (mut states, places) = (start(trial)?, places(trial)?);
    let zeros: Vec<ArrayD<f64>> = states.iter().map(|s| ArrayD::zeros(s.raw_dim())).collect();
    let mut columns = Vec::new();
    for (leaf, (_, gradient)) in of.iter().enumerate() {
        for place in 0..gradient.len() {
            let mut influence = zeros.clone();
            if let Some(state) = leaf.checked_sub(parameters) {
                let unit = unit(gradient, place);
                for (influence, &(_, lane)) in
                    influence.iter_mut().zip(&places).filter(|(_, at)| at.0 == state)
                {
                    influence.assign(&unit.index_axis(Axis(0), lane));
                }
            }
            columns.push(Column { leaf, place, influence });
        }
    }

    let mut loss = 0.0;
    for t in 1..=trial.net.steps {
        let step = OneStep::new(trial, t)?;
        let point = step.point(trial, t, &states);
        let outputs = [&[step.loss], &step.next[..]].concat();
        for column in &mut columns {
            if is_cut(trial, t) {
                column.influence.clone_from(&zeros);
            }
            let mut direction = Point::new();
            step.states.iter().zip(&column.influence).for_each(|(&id, s)| direction.set(id, s.clone()));
            let (name, gradient) = &mut of[column.leaf];
            if let Some((_, id)) = step.parameters.iter().find(|(n, _)| n == name) {
                direction.set(*id, unit(gradient, column.place));
            }
            let mut tangents = jvp(&step.graph, &point, &direction, &outputs)?.into_iter();
            let share = tangents.next().and_then(|v| v.scalar()).unwrap_or(f64::NAN);
            if let Some(sum) = gradient.iter_mut().nth(column.place) {
                *sum += share;
            }
            column.influence = tangents.map(Value::into_float).collect();
        }
        let mut values = eval(&step.graph, &point, &outputs)?.into_iter();
        loss += values.next().and_then(|v| v.scalar()).unwrap_or(f64::NAN);
        states = values.map(Value::into_float).collect();
    }
    Ok(Gradients { loss, of })
}

/// A unit vector in the shape of an array.
fn unit(like: &ArrayD<f64>, place: usize) -> ArrayD<f64> {
    let mut unit = ArrayD::zeros(like.raw_dim());
    unit.iter_mut().skip(place).take(1).for_each(|one| *one = 1.0);
    unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::NetSpec;
    use autograd_check::Verdict;

    fn trial(window: Option<usize>) -> Trial {
        let net =
            NetSpec { cell: "lstm".into(), hidden: 2, steps: 5, layers: 2, window, ..NetSpec::default() };
        Trial::draw(&net, 3, 1.0).unwrap()
    }

    #[test]
    fn it_is_backpropagation_whole_and_cut() {
        for window in [None, Some(2)] {
            let trial = trial(window);
            let witness = hear(&trial, &trial.bptt().unwrap()).unwrap();
            assert_eq!(witness.verdict, Some(Verdict::Pass), "{witness}");
        }
    }

    /// Truncated BPTT omits the gradient through time: the check must detect it.
    #[test]
    fn a_gradient_that_misses_a_path_through_time_is_found() {
        let cut = trial(Some(4)).bptt().unwrap();
        let witness = hear(&trial(None), &cut).unwrap();
        assert_eq!(witness.verdict, Some(Verdict::Fail), "{witness}");
    }
}
