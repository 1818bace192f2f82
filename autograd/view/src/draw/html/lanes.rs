//! Finds the states of a graph: named nodes that their own layer reads at another step.

use super::super::scene::{Column, directed};
use autograd::graph::{Graph, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node for each step, by the step's position.
type Nodes = BTreeMap<usize, usize>;

/// A layer in one direction.
#[derive(Serialize)]
pub(super) struct Lane {
    pub name: String,
    pub states: Vec<State>,
    /// Whether time runs in reverse.
    pub reverse: bool,
    /// The sizes of the states per sequence, and the number of sequences.
    pub sizes: Vec<usize>,
    pub batch: usize,
    /// For each step with a predecessor, ∂sₜ/∂sₜ₋₁ of each sequence, in row-major order; empty if a cell is too large
    /// or reads states of several steps.
    pub jacobians: BTreeMap<usize, Vec<f32>>,
    /// For each loss the position of its step; a loss at the end counts for the last step.
    #[serde(rename = "lossSteps")]
    pub loss_steps: Vec<usize>,
    /// For each loss that depends on the past through the states of its own step alone: its derivative by them.
    pub direct: BTreeMap<usize, Vec<f64>>,
}

/// A state over time.
#[derive(Serialize)]
pub(super) struct State {
    pub name: String,
    /// Its node at each position among the steps.
    pub nodes: Nodes,
}

/// The layers that have states.
pub(super) fn lanes(graph: &Graph, columns: &[Column]) -> Vec<Lane> {
    let mut lanes: BTreeMap<Arc<str>, Lane> = BTreeMap::new();
    let users = graph.users();
    // A value carried before a layer splits into directions is not a state of it.
    let directed = directed(graph);
    for i in 0..graph.len() {
        let origin = &graph.at(i).origin;
        let (Some(layer), Some(name), Column::Step(s)) = (&origin.layer, &origin.name, columns[i]) else {
            continue;
        };
        if origin.role != Role::Forward || origin.ordinal > 0 || directed.contains(layer) {
            continue;
        }
        let reader = |u: &u32| {
            let user = &graph.at(*u as usize).origin;
            match columns[*u as usize] {
                Column::Step(r) if user.role == Role::Forward && user.layer == origin.layer => Some(r),
                _ => None,
            }
        };
        let elsewhere = users.at(i).iter().filter_map(reader).find(|&r| r != s);
        let lane = lanes.entry(layer.clone()).or_insert_with(|| Lane::new(layer));
        if let Some(state) = lane.states.iter_mut().find(|state| *state.name == **name) {
            // No later step reads the last one.
            state.nodes.insert(s, i);
        } else if let Some(r) = elsewhere {
            lane.reverse = r < s;
            let nodes = Nodes::from([(s, i)]);
            lane.states.push(State { name: name.to_string(), nodes });
        }
    }
    // States that exist before the first step come first: merely carried values start later.
    lanes.values_mut().for_each(|lane| lane.states.sort_by_key(|state| std::cmp::Reverse(state.nodes.len())));
    lanes.into_values().filter(|lane| !lane.states.is_empty()).collect()
}

impl Lane {
    fn new(layer: &str) -> Self {
        Self {
            name: layer.into(),
            states: Vec::new(),
            reverse: false,
            sizes: Vec::new(),
            batch: 1,
            jacobians: BTreeMap::new(),
            loss_steps: Vec::new(),
            direct: BTreeMap::new(),
        }
    }
}
