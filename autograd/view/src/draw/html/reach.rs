//! The flow of gradients: the Jacobians between adjacent steps, and the gradient of each loss by the states of its
//! own step.
//!
//! A *state* is a named node that its own layer reads at another step. All states of a layer at one step,
//! concatenated, are its joint state s, as ports: the derivative by one of them holds the others constant, even if
//! one was computed from another. `rnn bptt` uses the same definition. ∂L\[t\]/∂s\[k\] is then ∂L\[t\]/∂s\[t\] times
//! the Jacobians ∂s\[j\]/∂s\[j−1\] in between. These are computed with dual numbers: every state of the layer is held
//! constant except for those of step j, so a derivative passes exactly one step. Steps that are far enough apart
//! share a run.

use super::super::scene::Column;
use super::lanes::{Lane, State, lanes};
use autograd::graph::{Graph, NodeId, Role};
use autograd::ops::{Leaf, Op};
use autograd::{Error, Point, jvp};
use ndarray::{ArrayD, Axis};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The maximum number of elements of a layer's Jacobians together, and of a joint state.
const ENTRIES: usize = 200_000;
const WIDEST: usize = 64;

/// The gradient flow from losses to states.
#[derive(Default, Serialize)]
pub(super) struct Reach {
    pub losses: Vec<usize>,
    pub layers: Vec<Lane>,
}

pub(super) fn reach(
    graph: &Arc<Graph>,
    columns: &[Column],
    point: &Point<f64>,
    values: &[ArrayD<f64>],
) -> Result<Reach, Error> {
    let mut reach = Reach { losses: losses(graph), layers: lanes(graph, columns) };
    let learned = learned(graph);
    for lane in &mut reach.layers {
        let at_end = |lane: &Lane| {
            let steps = lane.states[0].nodes.keys();
            if lane.reverse { steps.min().copied() } else { steps.max().copied() }
        };
        let step = |&loss: &usize| match columns[loss] {
            Column::Step(s) => Some(s),
            _ => at_end(lane),
        };
        lane.loss_steps = reach.losses.iter().map(|loss| step(loss).unwrap_or(0)).collect();
        let states: HashMap<usize, usize> = lane
            .states
            .iter()
            .flat_map(|state| state.nodes.iter().map(|(&step, &node)| (node, step)))
            .collect();
        let own = |(loss, step): (&usize, &usize)| is_own(graph, &states, &learned, *loss, *step);
        let markov: Vec<bool> = reach.losses.iter().zip(&lane.loss_steps).map(own).collect();
        jacobians(graph, point, values, lane, &reach.losses, &markov)?;
    }
    Ok(reach)
}

/// The terms of the first output that was differentiated, one per step; or the output itself.
fn losses(graph: &Graph) -> Vec<usize> {
    let Some(&output) = graph.sweeps().first().and_then(|sweep| sweep.outputs.first()) else {
        return Vec::new();
    };
    let terms: Vec<usize> = graph.operands_at(output as usize).collect();
    let each = terms.iter().all(|&i| graph.at(i).origin.step.is_some() && graph.at(i).ty.shape.is_empty());
    if each && !terms.is_empty() { terms } else { vec![output as usize] }
}

/// Computes the Jacobians of a layer's steps, if its states are `[batch, size]`, small, and read at the next step
/// alone.
fn jacobians(
    graph: &Graph,
    point: &Point<f64>,
    values: &[ArrayD<f64>],
    lane: &mut Lane,
    losses: &[usize],
    markov: &[bool],
) -> Result<(), Error> {
    let shapes = |state: &State| state.nodes.values().map(|&i| values[i].shape()).collect::<Vec<_>>();
    let shapes: Vec<Vec<&[usize]>> = lane.states.iter().map(shapes).collect();
    let &[batch, _] = shapes[0][0] else { return Ok(()) };
    let even =
        |shapes: &Vec<&[usize]>| shapes.iter().all(|s| s.len() == 2 && s[0] == batch && *s == shapes[0]);
    if !shapes.iter().all(even) {
        return Ok(());
    }
    let sizes: Vec<usize> = shapes.iter().map(|shapes| shapes[0][1]).collect();
    let width: usize = sizes.iter().sum();
    let whole = |s: &usize| lane.states.iter().all(|state| state.nodes.contains_key(s));
    let steps: BTreeSet<usize> = lane.states[0].nodes.keys().copied().filter(whole).collect();
    (lane.batch, lane.sizes) = (batch, sizes);
    if width > WIDEST || steps.len() * batch * width * width > ENTRIES || !is_markov(graph, lane) {
        return Ok(());
    }
    // With several sequences each has its own gradient, but a loss is one number for all.
    if batch == 1 {
        lane.direct = (0..losses.len()).filter(|&l| markov[l]).map(|l| (l, vec![0.0; width])).collect();
    }
    for parity in 0..2 {
        measure(graph, point, values, lane, &steps, parity, losses)?;
    }
    Ok(())
}

/// The Jacobians of the steps of one parity: the states of the others are held, and varied one unit at a time.
fn measure(
    graph: &Graph,
    point: &Point<f64>,
    values: &[ArrayD<f64>],
    lane: &mut Lane,
    steps: &BTreeSet<usize>,
    parity: usize,
    losses: &[usize],
) -> Result<(), Error> {
    let (batch, width) = (lane.batch, lane.sizes.iter().sum::<usize>());
    let before = |s: usize| if lane.reverse { Some(s + 1) } else { s.checked_sub(1) };
    let has_before = |s: &usize| before(*s).is_some_and(|b| steps.contains(&b));
    let later: Vec<usize> = steps.iter().copied().filter(|s| s % 2 == parity).filter(has_before).collect();
    let held: Vec<usize> = steps.iter().copied().filter(|s| s % 2 != parity).collect();
    let node = |k: usize, s: usize| lane.states[k].nodes[&s];
    let states = 0..lane.states.len();
    let mut base = point.clone();
    for (k, &s) in states.clone().flat_map(|k| held.iter().map(move |s| (k, s))) {
        base.set(graph.id(node(k, s)), values[node(k, s)].clone());
    }
    let own: Vec<usize> =
        lane.direct.keys().copied().filter(|&l| held.contains(&lane.loss_steps[l])).collect();
    let outputs: Vec<NodeId> = later
        .iter()
        .flat_map(|&s| states.clone().map(move |k| (k, s)))
        .map(|(k, s)| graph.id(node(k, s)))
        .chain(own.iter().map(|&l| graph.id(losses[l])))
        .collect();
    let mut direct = vec![vec![0.0; width]; own.len()];
    let mut found = vec![vec![0.0; batch * width * width]; later.len()];
    let units = states.clone().flat_map(|k| (0..lane.sizes[k]).map(move |unit| (k, unit)));
    for (column, (moved, unit)) in units.enumerate() {
        let mut direction = Point::new();
        for &s in &held {
            let mut tangent = ArrayD::zeros(vec![batch, lane.sizes[moved]]);
            tangent.index_axis_mut(Axis(1), unit).fill(1.0);
            direction.set(graph.id(node(moved, s)), tangent);
        }
        let tangents = jvp(graph, &base, &direction, &outputs)?;
        let (tangents, of_losses) = tangents.split_at(later.len() * states.len());
        for (row, tangent) in direct.iter_mut().zip(of_losses) {
            row[column] = tangent.float().sum();
        }
        for (jacobian, tangents) in found.iter_mut().zip(tangents.chunks(states.len())) {
            let mut first = 0;
            for (tangent, size) in tangents.iter().zip(&lane.sizes) {
                for (place, &x) in tangent.float().indexed_iter() {
                    // Single precision is enough for display.
                    #[allow(clippy::cast_possible_truncation)]
                    let x = x as f32;
                    jacobian[(place[0] * width + first + place[1]) * width + column] = x;
                }
                first += size;
            }
        }
    }
    lane.jacobians.extend(later.into_iter().zip(found));
    lane.direct.extend(own.into_iter().zip(direct));
    Ok(())
}

/// Whether states are read at the next step alone.
fn is_markov(graph: &Graph, lane: &Lane) -> bool {
    let users = graph.users();
    let step = |i: usize| graph.at(i).origin.step.unwrap_or(0);
    let own = |i: usize| graph.at(i).origin.layer.as_deref() == Some(lane.name.as_str());
    lane.states.iter().flat_map(|state| state.nodes.values()).all(|&i| {
        let forward = |u: usize| graph.at(u).origin.role == Role::Forward && own(u);
        users
            .at(i)
            .iter()
            .map(|&u| u as usize)
            .filter(|&u| forward(u))
            .all(|u| step(u).abs_diff(step(i)) <= 1)
    })
}

/// Whether a loss depends on the past through the states of that step alone, by walking back from it. `states` has
/// the steps of the states.
fn is_own(graph: &Graph, states: &HashMap<usize, usize>, learned: &[bool], loss: usize, step: usize) -> bool {
    let mut found = false;
    let (mut seen, mut open) = (HashSet::from([loss]), vec![loss]);
    while let Some(i) = open.pop() {
        match states.get(&i) {
            Some(other) if *other != step => return false,
            Some(_) => found = true,
            // A node that depends on no weight, such as the number of targets, leads to no state.
            None => {
                let leads = |x: &usize| learned[*x] || states.contains_key(x);
                open.extend(graph.operands_at(i).filter(leads).filter(|&x| seen.insert(x)));
            }
        }
    }
    found
}

/// Whether nodes depend on a parameter.
fn learned(graph: &Graph) -> Vec<bool> {
    let mut learned = vec![false; graph.len()];
    for i in 0..graph.len() {
        learned[i] = matches!(graph.at(i).op, Op::Leaf(Leaf::Parameter { .. }))
            || graph.operands_at(i).any(|x| learned[x]);
    }
    learned
}

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::values::values;
    use super::*;
    use autograd::{Builder, grad};

    /// h[t] = a h[t-1] + c[t-1], c[t] = b c[t-1], L[t] = h[t], with a = 3 and b = 2.
    fn measured() -> Reach {
        let g = Builder::new();
        let w = g.parameter("w", []);
        let (mut h, mut c) = (g.zeros([1, 1]).named("h[0]"), g.input("c[0]", [1, 1]));
        let mut losses = Vec::new();
        for t in 1..=3 {
            let _step = g.step(t);
            let _layer = g.layer("l0");
            (h, c) = ((h * 3.0 + c).named("h"), (c * 2.0).named("c"));
            losses.push((h * w).sum().named("L"));
        }
        grad(g.sum(&losses), &[w]);
        let graph = g.graph().unwrap();
        let point = Point::new()
            .with(w, ndarray::arr0(1.0))
            .with(graph.find("c[0]").unwrap(), ndarray::arr2(&[[1.0]]));
        let columns = Scene::new(&(&graph).into()).columns;
        let values = values(&graph, &point).unwrap();
        reach(&graph, &columns, &point, &values).unwrap()
    }

    #[test]
    fn jacobians_and_own_gradients_of_a_linear_recurrence() {
        let reach = measured();
        let lane = &reach.layers[0];
        assert_eq!(lane.states.iter().map(|s| &s.name[..]).collect::<Vec<_>>(), ["h", "c"]);
        // Steps have the positions 0, 1, 2.
        assert_eq!(lane.jacobians[&1], [3.0, 1.0, 0.0, 2.0]);
        assert_eq!(lane.jacobians[&2], [3.0, 1.0, 0.0, 2.0]);
        // L reads only h of its own step.
        assert_eq!(lane.loss_steps, [0, 1, 2]);
        assert!((0..3).all(|l| lane.direct[&l] == [1.0, 0.0]), "{:?}", lane.direct);
    }
}
