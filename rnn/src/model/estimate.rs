//! The size of a net, estimated from its configuration before it is built.
//!
//! No cell is known here: nets of one and two layers are unrolled over two and three steps, without values, and
//! counted. Sizes are linear in the layers and steps beyond the first, so these four determine all others.

use super::{Mode, Model, ModelError, Network};
use std::fs;

/// The size of a net.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number of weights.
    pub parameters: f64,
    /// Nodes of the graph.
    pub nodes: f64,
    /// The number of elements of all nodes.
    pub values: f64,
    /// An upper bound in bytes: weights with their gradients and optimiser moments, the graph and its compiled form,
    /// and all values.
    pub bytes: f64,
}

/// Bytes of an element in training.
const NUMBER: f64 = 4.0;
/// Weights, gradients, two moments, the best weights, and the copy that is being saved.
const COPIES: f64 = 6.0;
/// Bytes of a node with its name, schedule entry and code, measured on nets of a thousand steps.
const NODE: f64 = 1200.0;
/// Bytes of a parameter besides its elements.
const PARAMETER: f64 = 300.0;

/// Smaller nets skip the check.
const SMALL: f64 = 2e6;

impl Model {
    /// The size of the net, unrolled over `steps` steps for `batch` sequences.
    ///
    /// # Errors
    /// As [`Model::network`].
    pub fn estimate(&self, steps: usize, batch: usize, mode: Mode) -> Result<Estimate, ModelError> {
        let count = |layers: usize, steps: usize| -> Result<[f64; 2], ModelError> {
            let window = self.window.map(|window| window.min(steps));
            let small = Self { layers, window, ..self.clone() }.unrolled(steps, batch, mode)?;
            Ok([small.graph.len() as f64, values(&small)])
        };
        let more = self.layers as f64 - 1.0;
        let whole = |steps: usize| -> Result<[f64; 2], ModelError> {
            let one = count(1, steps)?;
            let two = if self.layers > 1 { count(2, steps)? } else { one };
            Ok([0, 1].map(|i| one[i] + more * (two[i] - one[i])))
        };
        // The first step has no state before it: all others are alike.
        let few = steps.min(2);
        let (first, next) = (whole(few)?, whole(few + 1)?);
        let [nodes, values] = [0, 1].map(|i| first[i] + (steps - few) as f64 * (next[i] - first[i]));
        let parameters = self.weights()?;
        let bytes = parameters * NUMBER * COPIES + values * NUMBER + nodes * NODE;
        Ok(Estimate { parameters, nodes, values, bytes })
    }

    /// Refuses a net that needs more memory than is free.
    ///
    /// # Errors
    /// [`ModelError::Memory`]; as [`Model::network`].
    pub fn fits(&self, steps: usize, batch: usize, mode: Mode) -> Result<(), ModelError> {
        let sizes = self.layers as f64 * steps as f64;
        let rows = sizes * batch as f64 * (self.hidden + self.input.size() + self.outputs) as f64;
        if 100.0 * sizes <= SMALL && 100.0 * rows <= SMALL && self.weights()? <= SMALL {
            return Ok(());
        }
        fits(self.estimate(steps, batch, mode)?.bytes)
    }

    /// Refuses weights that need more memory than is free, before they are listed.
    ///
    /// # Errors
    /// [`ModelError::Memory`].
    pub(super) fn weights_fit(&self) -> Result<(), ModelError> {
        fits(self.weights()? * NUMBER + self.layers as f64 * 4.0 * PARAMETER)
    }

    /// The number of weights.
    fn weights(&self) -> Result<f64, ModelError> {
        let cell = self.cell.cell()?;
        let lanes = 1 + usize::from(self.bidirectional);
        let of = |input: usize| -> f64 {
            let numbers = |shape: &[usize]| shape.iter().map(|&n| n as f64).product::<f64>();
            lanes as f64 * cell.weights(input, self.hidden).iter().map(|w| numbers(&w.shape)).sum::<f64>()
        };
        let output = cell.output_size(self.hidden).saturating_mul(lanes);
        let table = match self.input {
            super::Input::Embedding { symbols, size } => symbols as f64 * size as f64,
            _ => 0.0,
        };
        let more = if self.layers > 1 { (self.layers as f64 - 1.0) * of(output) } else { 0.0 };
        Ok(table + of(self.input.size()) + more + (output as f64 + 1.0) * self.outputs as f64)
    }
}

/// The number of elements of all nodes of a net.
fn values(network: &Network) -> f64 {
    let graph = &network.graph;
    let of = |id| graph.node(id).map_or(0.0, |node| node.ty.shape.iter().map(|&n| n as f64).product());
    graph.ids().map(of).sum()
}

/// Refuses to use more bytes than are free.
///
/// # Errors
/// [`ModelError::Memory`].
pub fn fits(bytes: f64) -> Result<(), ModelError> {
    let free = free();
    if bytes <= free { Ok(()) } else { Err(ModelError::Memory { bytes, free }) }
}

/// The bytes that this process may still use: free memory as Linux reports it, bounded by the limits of the process
/// and its cgroup; 16 GB on other systems.
pub fn free() -> f64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let kilobytes = |path: &str, name: &str| -> Option<f64> {
        let text = read(path)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(1024.0 * line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()?)
    };
    let number = |path: &str| read(path)?.trim().parse::<f64>().ok();
    let machine = kilobytes("/proc/meminfo", "MemAvailable:").unwrap_or(16e9);
    // `ulimit -v`, which batch systems set.
    let limit = read("/proc/self/limits").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    let process = limit.map(|limit| limit - kilobytes("/proc/self/status", "VmSize:").unwrap_or(0.0));
    // The limit of a container.
    let group = number("/sys/fs/cgroup/memory.max")
        .map(|most| most - number("/sys/fs/cgroup/memory.current").unwrap_or(0.0));
    [process, group].into_iter().flatten().fold(machine, f64::min).max(0.0)
}
