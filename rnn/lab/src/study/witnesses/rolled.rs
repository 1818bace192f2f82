//! Cross-check: the graph of one step, run T times forwards, and its vector-Jacobian product, run T times backwards.
//!
//! This is BPTT as in textbooks (Werbos 1990, table 1): the adjoints of the states are passed from step to step, and
//! each step adds its contribution to ∂θ. Both use the VJPs of the same ops: the check covers what unrolling does,
//! from the order of the steps to the sum over time.

use super::step::{OneStep, is_cut, not_in_steps, places, start, start_names};
use super::{Gradients, Trial, WholeNet, Witness};
use autograd::{Value, eval};
use ndarray::{ArrayD, Axis};
use rnn::model::ModelError;

const CLAIM: &str = "one step run T times is the unrolled net";

pub(super) fn hear(trial: &Trial, bptt: &WholeNet) -> Result<Witness, ModelError> {
    if let Some(why) = not_in_steps(trial) {
        return Ok(Witness::silent("rolled", CLAIM, why));
    }
    let found = rolled(trial)?;
    let losses = format!("losses {:.1e} apart", (found.loss - bptt.found.loss).abs());
    Ok(Witness::against("rolled", CLAIM, bptt, &found, losses))
}

/// The gradients of a trial by parameters, inputs and initial states, step by step. The net has one direction, and
/// its sequences one length.
///
/// # Errors
/// As [`NetSpec::network`](crate::study::NetSpec::network).
pub fn rolled(trial: &Trial) -> Result<Gradients, ModelError> {
    let steps = trial.net.steps;
    let mut states = start(trial)?;
    let mut run = Vec::with_capacity(steps);
    let mut loss = 0.0;
    for t in 1..=steps {
        let step = OneStep::new(trial, t)?;
        let point = step.point(trial, t, &states);
        let mut values = eval(&step.graph, &point, &[&[step.loss], &step.next[..]].concat())?.into_iter();
        loss += values.next().and_then(|v| v.scalar()).unwrap_or(f64::NAN);
        states = values.map(Value::into_float).collect();
        run.push((t, step, point));
    }

    let mut of: Vec<(String, ArrayD<f64>)> =
        trial.parameters.iter().map(|(name, w)| (name.clone(), ArrayD::zeros(w.raw_dim()))).collect();
    let mut dx = ArrayD::zeros(trial.x.raw_dim());
    // The adjoints of the states after the step; zero after the last.
    let mut adjoints: Vec<ArrayD<f64>> = states.iter().map(|s| ArrayD::zeros(s.raw_dim())).collect();
    for (t, step, mut point) in run.into_iter().rev() {
        step.cotangents.iter().zip(adjoints).for_each(|(&id, adjoint)| point.set(id, adjoint));
        let mut values = eval(&step.graph, &point, &step.adjoints)?.into_iter().map(Value::into_float);
        for (name, _) in &step.parameters {
            if let Some(((_, sum), part)) = of.iter_mut().find(|(n, _)| n == name).zip(values.next()) {
                *sum += &part;
            }
        }
        if let Some(part) = values.next() {
            dx.index_axis_mut(Axis(0), t - 1).assign(&part);
        }
        adjoints = values.collect();
        if is_cut(trial, t) {
            adjoints.iter_mut().for_each(|adjoint| adjoint.fill(0.0));
        }
    }
    of.push(("x".into(), dx));
    let mut starts: Vec<ArrayD<f64>> = trial.start.iter().map(|s| ArrayD::zeros(s.raw_dim())).collect();
    for ((state, lane), adjoint) in places(trial)?.into_iter().zip(adjoints) {
        starts[state].index_axis_mut(Axis(0), lane).assign(&adjoint);
    }
    of.extend(start_names(trial)?.into_iter().zip(starts));
    Ok(Gradients { loss, of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::NetSpec;
    use autograd_check::Verdict;

    fn trial(window: Option<usize>) -> Trial {
        let net = NetSpec { cell: "gru".into(), steps: 5, layers: 2, window, ..NetSpec::default() };
        Trial::draw(&net, 3, 1.0).unwrap()
    }

    /// Truncation drops the adjoint of a state between steps.
    #[test]
    fn a_state_that_unrolling_loses_is_seen() {
        for (window, verdict) in [(Some(4), Verdict::Fail), (None, Verdict::Pass)] {
            let witness = hear(&trial(None), &trial(window).bptt().unwrap()).unwrap();
            assert_eq!(witness.verdict, Some(verdict), "{witness}");
        }
    }
}
