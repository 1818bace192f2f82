//! The Jacobians of the steps: how much each can stretch or shrink what passes it.
//!
//! With every state an input, the steps are independent. One reverse-mode run then gives one row of the Jacobians of
//! all steps at once.

use super::apart::{Apart, Ports};
use super::matrix::expr;
use super::spectrum::Spectrum;
use super::{BpttError, spectral_norm};
use autograd::{Builder, Expr, NodeId, Point, Shape, eval, vjp};
use autograd_compile::compile;
use ndarray::{Array2, ArrayD, Axis, s};
use rnn::model::Network;

/// The maximum number of elements of all Jacobians together.
const MOST: f64 = 1e8;

/// The Jacobians of neighbouring steps.
pub(super) struct Jacobians {
    /// For each pair of neighbours in the order of the input, and each sequence: the states of the step executed later
    /// by those of the earlier one, `[new, old]`.
    of: Vec<Vec<Array2<f64>>>,
    reverse: bool,
}

impl Jacobians {
    /// For each pair of neighbouring steps, the largest singular value of ∂s\[k\]/∂s\[k−1\] for each sequence.
    pub fn stretch(&self) -> Vec<Vec<f64>> {
        self.of.iter().map(|each| each.iter().map(|j| spectral_norm(j.view())).collect()).collect()
    }

    /// All values, for each sequence; `gradients` are what the loss sends to the states that are executed last.
    pub fn spectra(&self, gradients: Option<&[Vec<f64>]>) -> Vec<Spectrum> {
        let sequences = self.of.first().map_or(0, Vec::len);
        let pairs = self.of.len();
        let spectrum = |b: usize| {
            // The pair at place i is of the steps i + 1 and i + 2.
            let made =
                |i: usize| if self.reverse { (i + 1, &self.of[i][b]) } else { (i + 2, &self.of[i][b]) };
            let order: Vec<_> = if self.reverse {
                (0..pairs).rev().map(made).collect()
            } else {
                (0..pairs).map(made).collect()
            };
            let first = if self.reverse { pairs + 1 } else { 1 };
            Spectrum::of(first, &order, gradients.map(|each| &*each[b]))
        };
        (0..sequences).map(spectrum).collect()
    }
}

/// The Jacobians of all pairs of neighbouring steps.
pub(super) fn jacobians(network: &Network, point: &Point<f64>, lane: usize) -> Result<Jacobians, BpttError> {
    let states = &network.lanes[lane].states;
    let reverse = network.lanes[lane].reverse;
    let flat: Vec<NodeId> = states.iter().flatten().copied().collect();
    let values = eval(&network.graph, point, &flat)?;

    let g = Builder::new();
    let apart = Apart::of(&g, network, lane, Ports::Closed, |_| false)?;
    let mut at = Point::<f64>::new();
    for (old, new) in &apart.inputs {
        if let Some(value) = point.get(*old) {
            at.set(*new, value.clone());
        }
    }
    for ((_, old), each) in network.parameters.iter().zip(&apart.parameters) {
        if let Some(value) = point.get(*old) {
            at.set(each[0], value.clone());
        }
    }
    apart.ports.iter().flatten().zip(values).for_each(|(port, value)| at.set(*port, value));

    let shapes: Vec<Shape> = apart.ports[0].iter().map(|port| port.shape()).collect();
    let (batch, sizes) = (shapes[0][0], shapes.iter().map(|shape| shape[1]).collect::<Vec<_>>());
    let (n, steps) = (sizes.iter().sum::<usize>(), states.len());
    let numbers = steps as f64 * batch as f64 * (n * n) as f64;
    if numbers > MOST {
        return Err(BpttError::Jacobians { steps, states: n, batch, numbers });
    }

    // One cotangent for the states of every step: the same row of all Jacobians.
    let cotangents: Vec<Expr> =
        shapes.iter().enumerate().map(|(i, shape)| g.input(&format!("row {i}"), shape.clone())).collect();
    let outputs: Vec<(Expr, Expr)> =
        apart.made.iter().flat_map(|made| made.iter().copied().zip(cotangents.iter().copied())).collect();
    let ports: Vec<Expr> = apart.ports.iter().flatten().copied().collect();
    let adjoints: Vec<Option<Expr>> =
        vjp(&outputs, &ports).into_iter().map(expr).collect::<Result<_, _>>()?;
    let asked: Vec<NodeId> = adjoints.iter().flatten().map(|e| e.id()).collect();
    let executable = compile::<f64>(&g.graph()?, &asked)?;

    // For each step but the last and each sequence, the Jacobian of the next step's states: [new, old].
    let mut jacobians = vec![vec![Array2::<f64>::zeros((n, n)); batch]; steps];
    for row in 0..n {
        let mut start = 0;
        for (cotangent, shape) in cotangents.iter().zip(&shapes) {
            let mut unit = ArrayD::zeros(&**shape);
            if (start..start + shape[1]).contains(&row) {
                unit.index_axis_mut(Axis(1), row - start).fill(1.0);
            }
            at.set(*cotangent, unit);
            start += shape[1];
        }
        let mut values = executable.run(&at)?.into_iter();
        for (i, adjoint) in adjoints.iter().enumerate() {
            let Some(value) = adjoint.and_then(|_| values.next()) else { continue };
            let (k, state) = (i / sizes.len(), i % sizes.len());
            let from = sizes[..state].iter().sum::<usize>();
            for (b, part) in value.float().axis_iter(Axis(0)).enumerate() {
                jacobians[k][b]
                    .slice_mut(s![row, from..from + sizes[state]])
                    .assign(&part.iter().copied().collect::<ndarray::Array1<f64>>());
            }
        }
    }
    // The last step hands on to none: backwards in time, that is the first.
    if reverse {
        jacobians.remove(0);
    } else {
        jacobians.pop();
    }
    Ok(Jacobians { of: jacobians, reverse })
}
