//! The compiler.
mod passes;
mod program;
mod rules;
mod writer;

pub use passes::PassReport;

use crate::graph::Graph;
use crate::ops::Op;
use passes::PASSES;
use program::Program;
use std::sync::Arc;
use writer::Tidy;

/// Positions are 32 bits wide, as in the graph.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("a graph has at most u32::MAX nodes")
}

/// Whether each element of the result depends on the same element of the operands alone, with broadcasting.
fn is_pointwise(op: &Op) -> bool {
    matches!(
        op,
        Op::Neg(_) | Op::Exp(_) | Op::Ln(_) | Op::Sqrt(_) | Op::Tanh(_) | Op::Sigmoid(_) | Op::Relu(_)
            | Op::Softplus(_) | Op::Abs(_) | Op::Sin(_) | Op::Cos(_) | Op::Reciprocal(_) | Op::Powi(_)
            | Op::StopGradient(_) | Op::Add(_) | Op::Sub(_) | Op::Mul(_) | Op::Div(_) | Op::Modulo(_)
            | Op::Max(_) | Op::Min(_) | Op::Compare(_) | Op::Select(_)
    )
}

/// test
pub fn optimised(graph: &Arc<Graph>, outputs: &[usize]) -> (Graph, Vec<u32>, Vec<PassReport>) {
    let mut p = Program::new(graph, outputs);
    let mut reports = Vec::new();
    for pass in PASSES {
        let t = std::time::Instant::now();
        let (next, report) = pass.apply(p, Tidy::ALL);
        eprintln!("{} {:?}", pass.name, t.elapsed());
        p = next;
        reports.push(report);
    }
    (p.graph, p.outputs, reports)
}
