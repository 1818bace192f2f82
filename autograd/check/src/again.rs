//! Evaluates the gradient again, and with its stop-gradients removed.

use super::compare::{Gradients, Level};
use super::verdict::Verdict;
use super::witness::Witness;
use autograd::Error;
use autograd::Value;
use autograd::eval;
use autograd::graph::{Expr, Graph, NodeId};
use autograd::norm;
use autograd::ops::Op;
use autograd::{Gradient, vjp};
use ndarray::ArrayD;

/// The maximum relative difference of two evaluations of one gradient.
const SAME: f64 = 1e-12;

/// Smaller relative changes are not reported.
const TOLD: f64 = 1e-9;

/// The number of tensors that are named.
const NAMED: usize = 3;

impl<'g> Level<'_, 'g> {
    /// Builds the gradients again, in reverse order, to detect a VJP with internal state.
    pub fn again(&self, gradients: &Gradients<'g>) -> Result<Option<Witness>, Error> {
        if self.claims.is_some() {
            return Ok(None);
        }
        let xs: Vec<Expr> = self.xs.iter().rev().copied().collect();
        let second: Vec<Expr> = self.built(self.ys, &xs).into_iter().rev().collect();
        let [first, second] = [&gradients.all, &second].map(|dxs| eval(&*self.g.graph()?, self.point, dxs));
        let (mut worst, mut tolerance) = (0.0_f64, 0.0_f64);
        for (a, b) in first?.iter().zip(&second?) {
            let (Value::Float(a), Value::Float(b)) = (a, b) else { continue };
            let off = a.iter().zip(b).filter(|(a, b)| a.to_bits() != b.to_bits());
            let off = off.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            tolerance = tolerance.max(SAME * norm(a));
            worst = worst.max(off);
        }
        let verdict = if worst <= tolerance || worst.is_nan() { Verdict::Pass } else { Verdict::Fail };
        let name = "asked again, the gradient is the same".into();
        Ok((verdict == Verdict::Fail).then_some(Witness {
            name,
            order: self.order,
            difference: Some(worst),
            tolerance,
            verdict,
        }))
    }

    /// Reports what `stop_gradient` hides, if there is any: the number of held values, and how the gradients would
    /// change without them.
    pub fn held(&self, gradients: &Gradients<'g>) -> Result<Option<String>, Error> {
        let graph = self.g.graph()?;
        let outputs: Vec<NodeId> = self.ys.iter().map(|y| y.id()).collect();
        let stops: Vec<usize> = super::leaves::ancestors(&graph, &outputs)?
            .iter()
            .map(|id| id.index())
            .filter(|&i| i < self.forward && is_stop(&graph, i))
            .collect();
        if stops.is_empty() {
            return Ok(None);
        }
        let opened = self.opened(&graph, &outputs);
        let opened = self.built(&opened, self.xs);
        let graph = self.g.graph()?;
        let [closed, opened] = [&gradients.all, &opened].map(|dxs| eval(&graph, self.point, dxs));
        let mut changes: Vec<(String, f64)> = Vec::new();
        for ((x, a), b) in self.xs.iter().zip(closed?).zip(opened?) {
            let (a, b): (ArrayD<f64>, ArrayD<f64>) = (a.into_float(), b.into_float());
            let change = norm(&(&b - &a)) / norm(&a).max(TOLD * norm(&b));
            if change > TOLD {
                changes.push((x.name(), change));
            }
        }
        changes.sort_by(|a, b| b.1.total_cmp(&a.1));
        let count = stops.len();
        let values = if count == 1 { "1 value is" } else { "values are" };
        let head = if count == 1 {
            format!("{values} held by a stop")
        } else {
            format!("{count} {values} held by stops")
        };
        let told = |(name, change): &(String, f64)| match change {
            c if *c >= 10.0 || !c.is_finite() => format!("∂{name} would be another one"),
            c => format!("∂{name} would change by {:.2} %", 100.0 * c),
        };
        let list: Vec<String> = changes.iter().take(NAMED).map(told).collect();
        let more = changes.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        Ok(Some(if list.is_empty() {
            format!("{head}; opened, no gradient would change")
        } else {
            format!("{head}; opened, {}{more}", list.join(", "))
        }))
    }

    /// The outputs with every stop-gradient replaced by its operand.
    fn opened(&self, graph: &Graph, outputs: &[NodeId]) -> Vec<Expr<'g>> {
        let mut copies: Vec<Option<Expr>> = vec![None; self.forward];
        for i in 0..self.forward {
            let operands: Vec<usize> = graph.operands_at(i).collect();
            let moved = |x: usize| copies[x].unwrap_or_else(|| self.g.expr(graph.id(x)));
            if self.xs.iter().any(|x| x.position() == i) {
                continue;
            }
            if is_stop(graph, i) {
                copies[i] = Some(moved(operands[0]));
            } else if operands.iter().any(|&x| copies[x].is_some()) {
                let operands: Vec<Expr> = operands.iter().map(|&x| moved(x)).collect();
                copies[i] = Some(self.g.apply(graph.at(i).op.clone(), &operands));
            }
        }
        outputs.iter().map(|y| copies[y.index()].unwrap_or_else(|| self.g.expr(*y))).collect()
    }

    /// Gradients, with zeros for missing ones.
    fn built(&self, ys: &[Expr<'g>], xs: &[Expr<'g>]) -> Vec<Expr<'g>> {
        let pairs: Vec<_> = ys.iter().copied().zip(self.cotangents.iter().copied()).collect();
        let of = |(gradient, x): (Gradient<'g>, &Expr<'g>)| match gradient {
            Gradient::Of(dx) => dx,
            _ => self.g.zeros(x.shape()),
        };
        vjp(&pairs, xs).into_iter().zip(xs).map(of).collect()
    }
}

fn is_stop(graph: &Graph, i: usize) -> bool {
    matches!(graph.at(i).op, Op::StopGradient(_))
}
