//! How far a loss reaches back: the Jacobians between neighbouring steps, and ‖∂Lₜ/∂hₖ‖.
//!
//! A *state* is a named node that its own layer reads at another step. All states of a layer at one step, after each
//! other, are its joint state s. The Jacobian ∂sₜ/∂sₜ₋₁ is measured in dual numbers: every state of the layer is held
//! at its value but for those of step t, so a derivative goes exactly one step. Steps that are far enough apart are
//! measured in one run.

use super::super::scene::Column;
use crate::error::Error;
use crate::eval::{Point, eval, jvp};
use crate::grad::{Gradient, vjp};
use crate::graph::{Builder, Graph, NodeId, Role};
use ndarray::ArrayD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most losses whose gradients are computed one by one.
const LOSSES: usize = 64;
/// The most entries that a layer's Jacobians may have together, and the widest joint state.
const ENTRIES: usize = 200_000;
const WIDEST: usize = 64;

/// What is known of the ways from losses to states.
#[derive(Default, Serialize)]
pub(super) struct Reach {
    pub losses: Vec<usize>,
    pub layers: Vec<Lane>,
}

/// A layer in one direction.
#[derive(Serialize)]
pub(super) struct Lane {
    pub name: String,
    pub states: Vec<State>,
    /// Whether time runs from right to left.
    pub reverse: bool,
    /// The sizes of the states for one sequence, and how many sequences there are.
    pub sizes: Vec<usize>,
    pub batch: usize,
    /// For each step that has one before it, ∂sₜ/∂sₜ₋₁ of each sequence, row by row; empty where a cell is too
    /// large or reads states of several steps.
    pub jacobians: BTreeMap<usize, Vec<f32>>,
}

/// A state over time.
#[derive(Serialize)]
pub(super) struct State {
    pub name: String,
    /// Its node at each position among the steps.
    pub nodes: BTreeMap<usize, usize>,
    /// For each loss, ‖∂Lₜ/∂hₖ‖ at the steps k; empty if there are too many.
    pub norms: Vec<BTreeMap<usize, f64>>,
}

pub(super) fn reach(
    graph: &Arc<Graph>,
    columns: &[Column],
    point: &Point<f64>,
    values: &[ArrayD<f64>],
) -> Result<Reach, Error> {
    let mut reach = Reach { losses: losses(graph), layers: lanes(graph, columns) };
    for lane in &mut reach.layers {
        lane.jacobians = jacobians(graph, point, values, lane)?;
    }
    norms(graph, point, &mut reach)?;
    Ok(reach)
}

/// The terms of the first output that was differentiated, one for each step; or the output.
fn losses(graph: &Graph) -> Vec<usize> {
    let Some(&output) = graph.sweeps().first().and_then(|sweep| sweep.outputs.first()) else {
        return Vec::new();
    };
    let terms: Vec<usize> = graph.operands_at(output as usize).collect();
    let each = terms.iter().all(|&i| graph.at(i).origin.step.is_some() && graph.at(i).ty.shape.is_empty());
    if each && !terms.is_empty() { terms } else { vec![output as usize] }
}

/// A state's name, and its node at each step.
type Nodes = (Arc<str>, BTreeMap<usize, usize>);

/// The layers that have states.
fn lanes(graph: &Graph, columns: &[Column]) -> Vec<Lane> {
    let mut found: BTreeMap<Arc<str>, (Vec<Nodes>, bool)> = BTreeMap::new();
    let users = graph.users();
    for i in 0..graph.len() {
        let origin = &graph.at(i).origin;
        let (Some(layer), Some(name), Column::Step(s)) = (&origin.layer, &origin.name, columns[i]) else {
            continue;
        };
        let carried_to = |&&u: &&u32| {
            let user = &graph.at(u as usize).origin;
            let elsewhere = columns[u as usize] != columns[i] && columns[u as usize] != Column::Side;
            user.role == Role::Forward && user.layer == origin.layer && elsewhere
        };
        if origin.role != Role::Forward || origin.ordinal > 0 {
            continue;
        }
        let reader = users.at(i).iter().find(carried_to).map(|&u| columns[u as usize]);
        let (states, reverse) = found.entry(layer.clone()).or_default();
        let known = states.iter_mut().find(|(n, _)| n == name);
        match (known, reader) {
            // The last one is read by no step after it.
            (Some((_, nodes)), _) => {
                nodes.insert(s, i);
            }
            (None, Some(reader)) => {
                *reverse = matches!(reader, Column::Step(r) if r < s);
                states.push((name.clone(), BTreeMap::from([(s, i)])));
            }
            (None, None) => {}
        }
    }
    let lane = |(name, (mut states, reverse)): (Arc<str>, (Vec<Nodes>, bool))| {
        // What begins before the first step comes first: what is only carried along begins later.
        states.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
        let state = |(name, nodes): (Arc<str>, _)| State { name: name.to_string(), nodes, norms: Vec::new() };
        Lane {
            name: name.to_string(),
            states: states.into_iter().map(state).collect(),
            reverse,
            sizes: Vec::new(),
            batch: 1,
            jacobians: BTreeMap::new(),
        }
    };
    found.into_iter().map(lane).filter(|lane| !lane.states.is_empty()).collect()
}

/// The Jacobians of a layer's steps, by the position of the later step.
fn jacobians(
    graph: &Graph,
    point: &Point<f64>,
    values: &[ArrayD<f64>],
    lane: &mut Lane,
) -> Result<BTreeMap<usize, Vec<f32>>, Error> {
    let mut jacobians = BTreeMap::new();
    // A state is [batch, size] at every step; others are left alone.
    let first = |state: &State| state.nodes.values().next().map(|&i| values[i].shape().to_vec());
    let shapes: Vec<Vec<usize>> = lane.states.iter().filter_map(first).collect();
    let same = |(state, shape): (&State, &Vec<usize>)| {
        state.nodes.values().all(|&i| values[i].shape() == &shape[..])
    };
    let batch = shapes.first().map_or(0, |shape| shape[0]);
    let fits = shapes.iter().all(|shape| shape.len() == 2 && shape[0] == batch);
    if !fits || !lane.states.iter().zip(&shapes).all(same) {
        return Ok(jacobians);
    }
    lane.batch = batch;
    lane.sizes = shapes.iter().map(|shape| shape[1]).collect();
    let width: usize = lane.sizes.iter().sum();
    let common: Vec<usize> = lane.states[0].nodes.keys().copied().collect();
    let whole = |s: &usize| lane.states.iter().all(|state| state.nodes.contains_key(s));
    let steps: Vec<usize> = common.into_iter().filter(whole).collect();
    if width > WIDEST || steps.len() * batch * width * width > ENTRIES || !is_markov(graph, lane) {
        return Ok(jacobians);
    }
    let before = |s: usize| if lane.reverse { Some(s + 1) } else { s.checked_sub(1) };
    for parity in 0..2 {
        let later: Vec<usize> = steps
            .iter()
            .copied()
            .filter(|s| s % 2 == parity && before(*s).is_some_and(|b| steps.contains(&b)))
            .collect();
        let held = || steps.iter().filter(|s| *s % 2 != parity);
        let outputs: Vec<NodeId> =
            later.iter().flat_map(|s| lane.states.iter().map(|state| graph.id(state.nodes[s]))).collect();
        if outputs.is_empty() {
            continue;
        }
        let mut base = point.clone();
        for s in held() {
            lane.states
                .iter()
                .for_each(|state| base.set(graph.id(state.nodes[s]), values[state.nodes[s]].clone()));
        }
        for s in &later {
            jacobians.insert(*s, vec![0.0; batch * width * width]);
        }
        let mut column = 0;
        for (which, &size) in lane.sizes.iter().enumerate() {
            for unit in 0..size {
                let mut direction = Point::new();
                for s in held() {
                    let mut tangent = ArrayD::zeros(vec![batch, size]);
                    (0..batch).for_each(|b| tangent[[b, unit]] = 1.0);
                    direction.set(graph.id(lane.states[which].nodes[s]), tangent);
                }
                let tangents = jvp(graph, &base, &direction, &outputs)?;
                for (s, tangents) in later.iter().zip(tangents.chunks(lane.states.len())) {
                    let Some(jacobian) = jacobians.get_mut(s) else { continue };
                    let mut row = 0;
                    for (tangent, &size) in tangents.iter().zip(&lane.sizes) {
                        for ((b, r), &x) in
                            tangent.float().rows().into_iter().enumerate().flat_map(|(b, row)| {
                                row.into_iter().enumerate().map(move |(r, x)| ((b, r), x)).collect::<Vec<_>>()
                            })
                        {
                            // Single precision is enough to look at.
                            #[allow(clippy::cast_possible_truncation)]
                            let x = x as f32;
                            jacobian[(b * width + row + r) * width + column] = x;
                        }
                        row += size;
                    }
                }
                column += 1;
            }
        }
    }
    Ok(jacobians)
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

/// ‖∂Lₜ/∂hₖ‖ for all losses and states: one sweep whose cotangents are inputs, run once for each loss.
fn norms(graph: &Arc<Graph>, point: &Point<f64>, reach: &mut Reach) -> Result<(), Error> {
    if reach.losses.len() > LOSSES || reach.losses.is_empty() {
        return Ok(());
    }
    let g = Builder::resume(graph.clone());
    let place = |(l, lane): (usize, &Lane)| {
        let each = |(k, state): (usize, &State)| {
            state.nodes.iter().map(|(&s, &node)| ((l, k, s), node)).collect::<Vec<_>>()
        };
        lane.states.iter().enumerate().flat_map(each).collect::<Vec<_>>()
    };
    let places: Vec<((usize, usize, usize), usize)> =
        reach.layers.iter().enumerate().flat_map(place).collect();
    let states: Vec<_> = places.iter().map(|&(_, node)| g.expr(graph.id(node))).collect();
    let seeded = |k: usize| {
        let loss = g.expr(graph.id(reach.losses[k]));
        (loss, g.input(&format!("∂L#{k}"), loss.shape()))
    };
    let seeds: Vec<_> = (0..reach.losses.len()).map(seeded).collect();
    let gradients = vjp(&seeds, &states);
    let found = |(gradient, &(place, _)): (Gradient, &((usize, usize, usize), usize))| match gradient {
        Gradient::Of(dx) => Some((place, dx.id())),
        _ => None,
    };
    let found: Vec<((usize, usize, usize), NodeId)> =
        gradients.into_iter().zip(&places).filter_map(found).collect();
    let outputs: Vec<NodeId> = found.iter().map(|&(_, id)| id).collect();
    let whole = g.graph()?;
    for one in 0..seeds.len() {
        let mut point = point.clone();
        for (k, (loss, seed)) in seeds.iter().enumerate() {
            let x = if k == one { 1.0 } else { 0.0 };
            point.set(*seed, ArrayD::from_elem(&loss.shape()[..], x));
        }
        for lane in &mut reach.layers {
            lane.states.iter_mut().for_each(|state| state.norms.push(BTreeMap::new()));
        }
        for (&((l, k, s), _), value) in found.iter().zip(eval(&whole, &point, &outputs)?) {
            let norm = value.float().iter().map(|x| x * x).sum::<f64>().sqrt();
            reach.layers[l].states[k].norms[one].insert(s, norm);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::scene::Scene;
    use super::super::values::values;
    use super::*;
    use crate::grad;

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
    fn jacobians_and_norms_of_a_linear_recurrence() {
        let reach = measured();
        let lane = &reach.layers[0];
        assert_eq!(lane.states.iter().map(|s| &s.name[..]).collect::<Vec<_>>(), ["h", "c"]);
        // Steps have the positions 0, 1, 2.
        assert_eq!(lane.jacobians[&1], [3.0, 1.0, 0.0, 2.0]);
        assert_eq!(lane.jacobians[&2], [3.0, 1.0, 0.0, 2.0]);
        // ∂L[3]/∂h[1] = 3², and ∂L[3]/∂c[1] = 3 + 2.
        let norms = |k: usize| lane.states[k].norms[2][&0];
        assert!((norms(0) - 9.0).abs() < 1e-12 && (norms(1) - 5.0).abs() < 1e-12);
        assert!(lane.states[0].norms[0].get(&2).is_none_or(|&x| x == 0.0));
    }
}
