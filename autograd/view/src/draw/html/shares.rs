//! The gradient of a parameter as a sum over steps, and each step's contribution.
//!
//! With g = Σ gₜ, the contribution of step t is ⟨gₜ, g⟩ / ‖g‖: the component of its term along the sum. The
//! contributions add up to ‖g‖, whatever cancels.

use super::super::scene::Column;
use autograd::graph::Graph;
use autograd::norm;
use autograd::ops::{Concat, Op, Pad};
use ndarray::{ArrayD, ArrayViewD, Axis, Slice};
use serde::Serialize;

/// The contributions of the steps to the gradient of one parameter.
#[derive(Serialize)]
pub(super) struct Shares {
    /// The parameter.
    pub node: usize,
    pub gradient: usize,
    /// ‖g‖
    pub norm: f64,
    /// ⟨gₜ, g⟩ / ‖g‖ for each step.
    pub along: Vec<f64>,
    /// ‖gₜ‖ for each step.
    pub norms: Vec<f64>,
}

/// The contributions for all parameters that have a gradient in the first sweep.
pub(super) fn shares(graph: &Graph, columns: &[Column], steps: usize, values: &[ArrayD<f64>]) -> Vec<Shares> {
    let of = |id: autograd::NodeId| -> Option<Shares> {
        let gradient = graph.adjoint(id, 0).ok()??.index();
        let g = &values[gradient];
        let norm = norm(g);
        let unit = if norm > 0.0 { g / norm } else { g.clone() };
        let mut terms = Terms { graph, columns, values, along: vec![0.0; steps], norms: vec![0.0; steps] };
        terms.collect(gradient, unit.view());
        let Terms { along, norms, .. } = terms;
        Some(Shares { node: id.index(), gradient, norm, along, norms })
    };
    graph.parameters().filter_map(of).collect()
}

/// The terms of a sum, by step.
struct Terms<'a> {
    graph: &'a Graph,
    columns: &'a [Column],
    values: &'a [ArrayD<f64>],
    along: Vec<f64>,
    norms: Vec<f64>,
}

impl Terms<'_> {
    /// Walks from a node to the terms of its sum; `g` is the part of the gradient's direction to which it
    /// contributes.
    fn collect(&mut self, node: usize, g: ArrayViewD<f64>) {
        let operands: Vec<usize> = self.graph.operands_at(node).collect();
        match &self.graph.at(node).op {
            _ if matches!(self.columns[node], Column::Step(_)) => self.add(node, self.columns[node], g),
            Op::Add(_) => operands.into_iter().for_each(|x| self.collect(x, g.view())),
            &Op::Concat(Concat { axis }) => {
                let mut start = 0;
                for x in operands {
                    let end = start + self.values[x].len_of(Axis(axis));
                    self.collect(x, g.slice_axis(Axis(axis), Slice::from(start..end)));
                    start = end;
                }
            }
            &Op::Pad(Pad { axis, before, .. }) => {
                let end = before + self.values[operands[0]].len_of(Axis(axis));
                self.collect(operands[0], g.slice_axis(Axis(axis), Slice::from(before..end)));
            }
            // For a single step the gradient is the term itself.
            _ => operands.iter().filter(|&&x| self.columns[x] != Column::Side).take(1).for_each(|&x| {
                self.add(node, self.columns[x], g.view());
            }),
        }
    }

    fn add(&mut self, node: usize, column: Column, g: ArrayViewD<f64>) {
        let term = &self.values[node];
        if let Column::Step(s) = column
            && term.shape() == g.shape()
        {
            self.along[s] += term.iter().zip(&g).map(|(a, b)| a * b).sum::<f64>();
            self.norms[s] = self.norms[s].hypot(norm(term));
        }
    }
}
