//! The outputs of a graph along a line of some expressions.
//!
//! Nodes that do not depend on these expressions are computed once. Each evaluation also records on which side every
//! node with a kink is. A function for hundreds of evaluations is [compiled](Function::compiled). The compiler
//! accepts values for leaves alone, so the interpreter is used where an interior node moves or is held.

use super::leaves;
use super::numeric::Look;
use autograd::graph::{Graph, NodeId};
use autograd::ops::Operator;
use autograd::{Error, Point, Value, eval, eval_with};
use autograd_compile::{Executable, View, compile};
use ndarray::{ArrayD, Zip};
use std::collections::HashMap;
use std::sync::Arc;

/// Nodes of a graph as a function of others, at a point.
pub(super) struct Function<'a> {
    graph: &'a Graph,
    point: &'a Point<f64>,
    outputs: Vec<NodeId>,
    /// The nodes that the outputs depend on, and their values at the point.
    ancestors: Vec<NodeId>,
    values: HashMap<usize, Value<f64>>,
    /// The nodes with kinks.
    sharp: Vec<usize>,
    /// The outputs and the operands of those nodes, compiled.
    executable: Option<Executable<f64>>,
}

impl<'a> Function<'a> {
    /// Values of more than `largest` elements are not kept, but recomputed.
    ///
    /// # Errors
    /// As [`eval`].
    pub fn new(
        graph: &'a Graph,
        point: &'a Point<f64>,
        outputs: &[NodeId],
        largest: usize,
    ) -> Result<Self, Error> {
        let ancestors = leaves::ancestors(graph, outputs)?;
        let mut values = HashMap::new();
        eval_with(graph, point, outputs, |id, value| {
            let size = graph.at(id.index()).ty.shape.count();
            // Values of the point exist already.
            if size <= largest && point.get(id).is_none() {
                values.insert(id.index(), value.clone());
            }
        })?;
        let outputs = outputs.to_vec();
        let mut function =
            Self { graph, point, outputs, ancestors, values, sharp: Vec::new(), executable: None };
        function.sharp =
            function.ancestors.iter().map(|id| id.index()).filter(|&i| function.is_sharp(i)).collect();
        Ok(function)
    }

    /// The same, compiled if only leaves have given values, and if compiled code is on the same sides: where two numbers
    /// are equal but for rounding, it may round otherwise.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn compiled(mut self, graph: &Arc<Graph>) -> Result<Self, Error> {
        let is_leaf = |id: NodeId| graph.at(id.index()).op.operator().is_none();
        if self.point.iter().all(|(id, _)| is_leaf(id)) {
            self.executable = Some(compile(graph, &self.looked_at(&self.sharp))?);
            if self.line(Vec::new()).look(0.0)?.sides != self.sides() {
                self.executable = None;
            }
        }
        Ok(self)
    }

    /// The sides that nodes with kinks are on at the point.
    fn sides(&self) -> Vec<Vec<bool>> {
        let side = |&i: &usize| {
            let operands: Option<Vec<_>> = self.graph.operands_at(i).map(|x| self.value(x)).collect();
            self.operator(i).zip(operands).map_or_else(Vec::new, |(operator, x)| operator.branches(&x))
        };
        self.sharp.iter().map(side).collect()
    }

    /// The outputs, and the operands of nodes with kinks.
    fn looked_at(&self, sharp: &[usize]) -> Vec<NodeId> {
        let operands = sharp.iter().flat_map(|&i| self.graph.operands_at(i)).map(|x| self.graph.id(x));
        self.outputs.iter().copied().chain(operands).collect()
    }

    fn is_sharp(&self, i: usize) -> bool {
        let Some(operator) = self.operator(i) else { return false };
        let operands: Option<Vec<_>> = self.graph.operands_at(i).map(|x| self.value(x)).collect();
        operands.is_some_and(|x| !operator.branches(&x).is_empty())
    }

    /// The value of a node at the point, if it was kept.
    fn value(&self, i: usize) -> Option<&Value<f64>> {
        self.point.get(self.graph.id(i)).or_else(|| self.values.get(&i))
    }

    /// The op of a computed node without a given value.
    fn operator(&self, i: usize) -> Option<&dyn Operator> {
        if self.point.get(self.graph.id(i)).is_some() { None } else { self.graph.at(i).op.operator() }
    }

    /// The number of elements that one evaluation reads.
    pub fn weight(&self) -> usize {
        let size =
            |id: &NodeId| self.graph.operands_at(id.index()).map(|x| self.graph.at(x).ty.shape.count());
        self.ancestors.iter().filter(|id| self.operator(id.index()).is_some()).flat_map(size).sum()
    }

    /// The function along a line through the point: the expressions with their base values and directions.
    pub fn line<'l>(&'l self, movers: Vec<Mover<'l>>) -> Line<'l> {
        let is_leaf = |m: &Mover| self.graph.at(m.node.index()).op.operator().is_none();
        if let (Some(executable), true) = (&self.executable, movers.iter().all(is_leaf)) {
            let sharp = self.sharp.clone();
            return Line { function: self, way: Way::Compiled(executable), sharp, movers };
        }
        let mut moving = vec![false; self.graph.len()];
        movers.iter().for_each(|m| moving[m.node.index()] = true);
        for id in &self.ancestors {
            let i = id.index();
            moving[i] |= self.operator(i).is_some() && self.graph.operands_at(i).any(|x| moving[x]);
        }
        let sharp: Vec<usize> = self.sharp.iter().copied().filter(|&i| moving[i]).collect();
        let looked_at = self.looked_at(&sharp);
        // Constant values are given; those that were not kept are recomputed.
        let mut point = Point::new();
        let mut needed = vec![false; self.graph.len()];
        looked_at.iter().for_each(|id| needed[id.index()] = true);
        for id in self.ancestors.iter().rev().filter(|id| !movers.iter().any(|m| m.node == **id)) {
            let i = id.index();
            match self.value(i) {
                _ if !needed[i] => {}
                Some(value) if !moving[i] => point.set(*id, value.clone()),
                _ => self.graph.operands_at(i).for_each(|x| needed[x] = true),
            }
        }
        Line { function: self, way: Way::Interpreted { point, looked_at }, sharp, movers }
    }
}

/// An expression that moves.
pub(super) struct Mover<'l> {
    pub node: NodeId,
    /// Its value at the point.
    pub base: &'l ArrayD<f64>,
    pub direction: &'l ArrayD<f64>,
    /// The unit of its steps.
    pub length: f64,
}

/// A function along a line.
pub(super) struct Line<'l> {
    function: &'l Function<'l>,
    way: Way<'l>,
    sharp: Vec<usize>,
    movers: Vec<Mover<'l>>,
}

/// The evaluator of the outputs and of the operands of nodes with kinks.
enum Way<'l> {
    Compiled(&'l Executable<f64>),
    /// At a point with all constant values.
    Interpreted {
        point: Point<f64>,
        looked_at: Vec<NodeId>,
    },
}

impl Line<'_> {
    /// # Errors
    /// As [`eval`].
    pub fn look(&mut self, t: f64) -> Result<Look, Error> {
        let moved = self.movers.iter().map(|Mover { node, base, direction, length }| {
            (*node, Zip::from(*base).and(*direction).map_collect(|&x, &u| x + t * length * u))
        });
        let graph = self.function.graph;
        let mut values = match &mut self.way {
            Way::Compiled(executable) => {
                let moved: Vec<(NodeId, ArrayD<f64>)> = moved.collect();
                executable.run_on(&|id| match moved.iter().find(|(mover, _)| *mover == id) {
                    Some((_, value)) => Some(View::Float(value.view())),
                    None => self.function.point.get(id).map(View::from),
                })?
            }
            Way::Interpreted { point, looked_at } => {
                moved.for_each(|(node, value)| point.set(node, value));
                eval(graph, point, looked_at)?
            }
        };
        let operands = values.split_off(self.function.outputs.len());
        let mut rest = operands.iter();
        let side = |&i: &usize| {
            let x: Vec<_> = rest.by_ref().take(graph.operands_at(i).len()).collect();
            self.function.operator(i).map_or_else(Vec::new, |operator| operator.branches(&x))
        };
        let sides = self.sharp.iter().map(side).collect();
        Ok(Look { values, sides })
    }

    /// The names of nodes with kinks, by index.
    pub fn names(&self, sharp: &[usize]) -> Vec<String> {
        sharp.iter().map(|&i| self.function.graph.name_at(self.sharp[i])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::graph::Builder;
    use autograd::ops::Sampler;
    use ndarray::ArrayD;

    /// `x w − (x w)`, with the second product rounded before: 0, but where an addition is fused with the first product, the
    /// rounding error. Where compiled code so decides another side, it is not used.
    #[test]
    fn what_rounds_to_another_side_is_not_compiled() {
        let g = Builder::new();
        let [x, w, c] = ["x", "w", "c"].map(|name| g.parameter(name, [64]));
        let y = (c + x * w).relu();
        let (graph, outputs) = (g.graph().unwrap(), [y.id()]);
        let at = |i: usize, by: f64| (by * (i as f64 + 1.0)).sin();
        let [a, b] = [0.7, 1.3].map(|by| ArrayD::from_shape_fn(vec![64], |i| at(i[0], by)));
        let point = Point::new().with(c, -(&a * &b)).with(x, a).with(w, b);
        let function = Function::new(&graph, &point, &outputs, usize::MAX).unwrap();
        assert!(function.sides().iter().flatten().all(|above| !above));
        let is_used = function.compiled(&graph).unwrap().executable.is_some();
        // Without fused additions both round alike, and it may be used.
        #[cfg(target_arch = "x86_64")]
        let fused =
            is_x86_feature_detected!("fma") && std::env::var("AUTOGRAD_VECTORS").as_deref() != Ok("portable");
        #[cfg(not(target_arch = "x86_64"))]
        let fused = cfg!(target_arch = "aarch64");
        assert_eq!(is_used, !fused);
    }

    /// Values and sides, with a leaf among the operands of a kink; and an interior node, which only the interpreter
    /// can move.
    #[test]
    fn what_is_compiled_is_what_the_interpreter_says() {
        let g = Builder::new();
        let (x, w) = (g.input("x", [3, 2]), g.parameter("w", [4, 2]));
        let h = x.linear(w);
        let y = h.tanh().relu().sum() + x.abs().sum();
        let (graph, outputs) = (g.graph().unwrap(), [y.id(), h.id()]);
        let point = leaves::complete(&graph, Point::new(), &outputs, &mut Sampler::new(0)).unwrap();
        let plain = || Function::new(&graph, &point, &outputs, usize::MAX).unwrap();
        let fast = plain().compiled(&graph).unwrap();
        let plain = plain();
        for node in [x.id(), w.id(), h.id()] {
            let base = eval(&graph, &point, &[node]).unwrap().remove(0).into_float();
            let direction = ArrayD::ones(base.raw_dim());
            let mover = || Mover { node, base: &base, direction: &direction, length: 1.0 };
            let (mut a, mut b) = (fast.line(vec![mover()]), plain.line(vec![mover()]));
            assert_eq!(matches!(a.way, Way::Compiled(_)), node != h.id());
            for t in [-0.7, 0.0, 1e-3, 0.4] {
                let (a, b) = (a.look(t).unwrap(), b.look(t).unwrap());
                for (a, b) in a.values.iter().zip(&b.values) {
                    let apart = (a.float() - b.float()).iter().fold(0.0, |m: f64, d| m.max(d.abs()));
                    assert!(apart < 1e-14, "{node:?} {t}: {apart}");
                }
                // One kink is constant as w or h moves; the compiled function evaluates it nevertheless.
                assert!(b.sides.iter().all(|side| a.sides.contains(side)), "{t}");
            }
        }
    }
}
