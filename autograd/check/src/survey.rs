//! Checks every adjoint alone: for a page that shows where a gradient is wrong.

use super::compare::freeze;
use super::locate::{self, Scene};
use super::report::Report;
use super::{Check, leaves, run};
use autograd::graph::{Builder, Expr, Graph, NodeId};
use autograd::ops::Sampler;
use autograd::{Error, Place, Point, eval, vjp};
use std::sync::Arc;

/// The residual of one adjoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// A node between the leaves and the outputs.
    pub node: NodeId,
    /// Its adjoint x̄.
    pub adjoint: NodeId,
    /// The distance of x̄ from the sum of its users' contributions, by their own derivatives, along a random
    /// direction, relative to the size of the terms. The adjoints of the users are used as they are: a fault shows
    /// where it arises, and nowhere else.
    pub error: f64,
}

/// A check, and the graph under check.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What the check found.
    pub report: Report,
    /// The graph with the gradients that were checked.
    pub graph: Arc<Graph>,
    /// The point of the check.
    pub point: Point<f64>,
    /// One for each adjoint.
    pub rules: Vec<Rule>,
}

impl Check<'_> {
    /// Runs the check, and computes the residual of every adjoint, for a page that shows where a gradient is wrong.
    ///
    /// ```
    /// use autograd::Builder;
    /// use autograd_check::Check;
    ///
    /// let g = Builder::new();
    /// let (w, x) = (g.parameter("w", [4, 3]), g.input("x", [2, 3]));
    /// let survey = Check::new(x.linear(w).tanh().sum()).survey()?;
    /// assert!(survey.report.passed() && survey.rules.iter().all(|rule| rule.error < 1e-12));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](super::check()).
    #[track_caller]
    pub fn survey(self) -> Result<Survey, Error> {
        let report = run::run(self.clone(), Place::caller())?;
        let graph = self.outputs[0].builder().graph()?;
        let outputs: Vec<NodeId> = self.outputs.iter().map(|y| y.id()).collect();
        let wrt = run::wrt(&self, &graph, &outputs)?;
        let given = self.cotangents.iter().flatten().map(|v| v.id());
        let claimed = self.claims.iter().flatten().map(|(_, dx)| dx.id());
        let read: Vec<NodeId> = outputs.iter().chain(&wrt).copied().chain(given).chain(claimed).collect();
        let mut sampler = Sampler::new(self.seed);
        let point = leaves::complete(&graph, self.point, &read, &mut sampler)?;

        let g = Builder::resume(graph.clone());
        let handle = |id: &NodeId| g.expr(*id);
        let (ys, xs): (Vec<Expr>, Vec<Expr>) =
            (outputs.iter().map(handle).collect(), wrt.iter().map(handle).collect());
        let cotangents: Vec<Expr> = match &self.cotangents {
            Some(given) => given.iter().map(|v| g.expr(v.id())).collect(),
            // For a scalar, without a cotangent, as gradients are usually written.
            None => ys
                .iter()
                .map(|y| match y.shape() {
                    shape if shape.is_empty() => g.scalar(1.0),
                    shape => g.constant(leaves::weights(&shape, &mut sampler)),
                })
                .collect(),
        };
        let pairs: Vec<_> = ys.iter().copied().zip(cotangents.iter().copied()).collect();
        vjp(&pairs, &xs);
        let swept = g.graph()?;
        let sweep = swept.sweeps().len().saturating_sub(1);
        let claims = self.claims.as_deref().unwrap_or_default();
        let adjoint = |id: NodeId| {
            let claim = claims.iter().find(|(x, _)| x.id() == id).map(|(_, dx)| dx.id());
            claim.or_else(|| swept.adjoint(id, sweep).ok()?)
        };
        let frozen = freeze(&swept, &point, &outputs, graph.len())?;
        let cotangents = eval(&swept, &point, &cotangents)?;
        let scene = Scene {
            graph: &swept,
            point: &frozen,
            ys: &outputs,
            cotangents: &cotangents,
            forward: graph.len(),
            single: self.single,
        };
        let mut rules = locate::rules(&scene, &wrt, &adjoint, &mut sampler)?;
        // With claims, adjoints built only to support them are not shown.
        let shown = if claims.is_empty() { swept } else { graph };
        rules.retain(|rule| rule.adjoint.index() < shown.len());
        Ok(Survey { report, graph: shown, point, rules })
    }
}
