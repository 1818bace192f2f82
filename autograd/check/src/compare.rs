//! Checks all tensors at one order of differentiation.
//!
//! Each tensor has three independent checks. Differences of the whole function, tensor by tensor (`side.rs`), do not
//! depend on the graph's nodes. The equations of all nodes together are a proof by the chain rule (`locate/`). Forward
//! mode, for all tensors at once (`witness.rs`), has no step size. `verdict.rs` decides from the three.

use super::function::Function;
use super::leaves;
use super::locate::{Equations, Proof, Scene, prove};
use super::numeric::{Method, Nearby, SAFETY};
use super::report::Report;
use super::side::{Numeric, Side, measure};
use super::verdict::{Comparison, Evidence, Seen, Verdict, decide};
use super::witness::{self, Forward, Witness};
use autograd::graph::{Builder, Expr, Graph, NodeId};
use autograd::ops::{Op, Sampler};
use autograd::{Error, Gradient, Point, Value, eval, norm, vjp};

/// The comparison at one order of differentiation: the gradients of `⟨ȳ, y⟩` with numeric ones.
pub(super) struct Level<'a, 'g> {
    pub order: u32,
    pub g: &'g Builder,
    pub ys: &'a [Expr<'g>],
    /// The cotangents ȳ, which have values at the point.
    pub cotangents: &'a [Expr<'g>],
    pub xs: &'a [Expr<'g>],
    pub point: &'a Point<f64>,
    /// The number of nodes of the user's graph; later ones are derivatives.
    pub forward: usize,
    /// The largest ‖g ⊙ u‖₁ of the order before.
    pub largest: f64,
    /// The number of elements per tensor that are checked one by one.
    pub elements: usize,
    pub method: Method,
    /// Whether gradients are computed in `f32`.
    pub single: bool,
    /// Claimed adjoints of nodes. Without claims, gradients are built here.
    pub claims: Option<&'a [(Expr<'g>, Expr<'g>)]>,
}

/// Functions that read more numbers than this are evaluated less often.
const HEAVY: usize = 2_000_000;

/// The gradients of one order.
pub(super) struct Gradients<'g> {
    /// One per x, with its shape.
    pub all: Vec<Expr<'g>>,
    /// Whether it is nonzero.
    pub some: Vec<bool>,
    /// Whether the outputs depend on x.
    connected: Vec<bool>,
    /// The sweep that made them, unless they are claimed.
    sweep: Option<usize>,
    /// The largest ‖g ⊙ u‖₁.
    pub largest: f64,
    /// The rounding error of a gradient that is zero by cancellation.
    pub floor: f64,
}

impl<'g> Gradients<'g> {
    /// The nonzero gradients, without duplicates: one node can be the gradient of several.
    pub fn distinct(&self) -> Vec<Expr<'g>> {
        let mut distinct: Vec<Expr> = Vec::new();
        for (&dx, _) in self.all.iter().zip(&self.some).filter(|(_, some)| **some) {
            if !distinct.iter().any(|other| other.id() == dx.id()) {
                distinct.push(dx);
            }
        }
        distinct
    }
}

impl<'g> Level<'_, 'g> {
    /// Adds a tensor for each x to the report, and the result of forward mode; names a faulty node if something is
    /// wrong.
    pub fn compare(&self, sampler: &mut Sampler, report: &mut Report) -> Result<Gradients<'g>, Error> {
        let mut gradients = self.gradients()?;
        let graph = self.g.graph()?;
        let outputs: Vec<NodeId> = self.ys.iter().map(|y| y.id()).collect();
        let point = freeze(&graph, self.point, &outputs, self.forward)?;
        let cotangents = eval(&graph, &point, self.cotangents)?;
        let mut sides = self.sides(&graph, &point, &gradients, sampler)?;
        let function = Function::new(&graph, &point, &outputs, usize::MAX)?.compiled(&graph)?;
        let heavy = function.weight() > HEAVY;
        let nearby = Nearby::new(if heavy { 5 } else { 16 }, f64::EPSILON);
        if self.single {
            sides.iter_mut().for_each(Side::of_single);
        } else {
            measure(&graph, &point, &nearby, &gradients.all, &mut sides)?;
        }
        gradients.largest = sides.iter().map(Side::size).fold(self.largest, f64::max);
        let least = graph.len() as f64 * f64::EPSILON * gradients.largest;
        let scene = Scene {
            graph: &graph,
            point: &point,
            ys: &outputs,
            cotangents: &cotangents,
            forward: self.forward,
            single: self.single,
        };
        // With a separate sampler, so that other random numbers do not depend on the number of nodes.
        let proof = self.prove(&scene, gradients.sweep, &mut Sampler::new(u64::from(self.order)))?;
        let numeric = Numeric {
            function: &function,
            nearby,
            cotangents: &cotangents,
            least,
            method: self.method,
            all: &sides,
            proof: &proof,
            parts: if heavy { 4 } else { 64 },
        };
        let mut tensors = Vec::new();
        for (side, &connected) in sides.iter().zip(&gradients.connected) {
            let mut tensor = numeric.tensor(side, self.order, connected)?;
            let open = tensor.comparison.verdict == Verdict::Inconclusive;
            if self.single || tensor.comparison.sides.is_some() {
                numeric.more(side, sampler, &mut tensor)?;
            } else if tensor.comparison.verdict == Verdict::Fail
                || open && proof.of(side.node) == Equations::Unknown
            {
                numeric.ask_again(side, &mut tensor)?;
            }
            tensors.push(tensor);
        }
        let forward = witness::forward(&scene, &sides, &tensors, least)?;
        gradients.floor = floor(&graph, &point, &outputs, &cotangents)?;
        if self.single {
            gradients.floor *= f64::from(f32::EPSILON) / f64::EPSILON;
        }
        for (i, (tensor, side)) in tensors.iter_mut().zip(&sides).enumerate() {
            tensor.forward = forward.slopes[i];
            // The total loss when no node loses more than its own rounding.
            let lost = if self.single { f64::from(f32::EPSILON).sqrt() * tensor.norm } else { 0.0 };
            let floor = gradients.floor.max(lost);
            let evidence = |comparison: &Comparison, forward, equations| Evidence {
                finite: comparison.analytic.is_finite(),
                differences: comparison.seen(),
                forward,
                equations,
                rounding: comparison.difference() <= floor,
            };
            let equations = proof.of(side.node);
            let equations = match tensor.comparison.sides {
                Some(_) => {
                    let (declared, seen) = (!tensor.kinks.is_empty(), tensor.comparison.seen());
                    equations.on_two_sides(declared, seen, forward.agrees[i])
                }
                None => equations,
            };
            let equations = match (equations, tensor.comparison.seen()) {
                (Equations::Unknown | Equations::HoldInSingle, Seen::Open) => {
                    self.in_double(&scene, &gradients, i, side)?.unwrap_or(equations)
                }
                _ => equations,
            };
            let all = Evidence {
                finite: side.is_finite(),
                ..evidence(&tensor.comparison, forward.word(i, &tensor.comparison), equations)
            };
            (tensor.comparison.verdict, tensor.decided_by) = decide(&all);
            let wrong = tensor.comparison.verdict == Verdict::Fail;
            let wanted = if wrong && !heavy { super::ELEMENTS_OF_A_FAILURE } else { 0 };
            numeric.elements(side, sampler, wanted.max(self.elements), tensor)?;
            for element in &mut tensor.elements {
                // A broken equation spoils some elements; the others are judged by differences alone.
                let equations = if equations == Equations::Broken { Equations::Unknown } else { equations };
                element.comparison.verdict = decide(&evidence(&element.comparison, None, equations)).0;
            }
        }
        let caused = proof.guilty.is_some() || tensors.iter().any(|t| t.verdict() == Verdict::Fail);
        report.witnesses.push(proof.line(self.order));
        report.witnesses.extend(proof.kernels(self.order));
        report.witnesses.push(forward.line(self.order, caused));
        report.tensors.append(&mut tensors);
        report.guilty = report.guilty.take().or(proof.guilty);
        Ok(gradients)
    }

    /// For a gradient in single precision that differences leave open: if the same rules give the same gradient in
    /// double precision, up to single rounding, the equations in double precision prove both.
    fn in_double(
        &self,
        scene: &Scene,
        gradients: &Gradients<'g>,
        i: usize,
        side: &Side,
    ) -> Result<Option<Equations>, Error> {
        let exact = eval(scene.graph, scene.point, &[gradients.all[i]])?.remove(0).into_float();
        let off = norm(&((&side.gradient - &exact) * &side.direction));
        // NaN is no agreement.
        let near = off <= SAFETY * side.noise[0] && side.noise[0].is_finite();
        if !near {
            return Ok(None);
        }
        let double = Scene { single: false, ..*scene };
        let proof = self.prove(&double, gradients.sweep, &mut Sampler::new(u64::from(self.order)))?;
        Ok(Some(proof.of(side.node)).filter(|equations| *equations != Equations::Broken))
    }

    fn gradients(&self) -> Result<Gradients<'g>, Error> {
        let &Self { g, xs, .. } = self;
        let mut gradients = Gradients {
            all: Vec::new(),
            some: Vec::new(),
            connected: Vec::new(),
            sweep: None,
            largest: 0.0,
            floor: 0.0,
        };
        if let Some(claims) = self.claims {
            for x in xs {
                let claimed = claims.iter().find(|(of, _)| of.id() == x.id()).map(|(_, dx)| *dx);
                gradients.all.push(claimed.unwrap_or_else(|| g.zeros(x.shape())));
                gradients.some.push(claimed.is_some());
                gradients.connected.push(true);
            }
            return Ok(gradients);
        }
        for (gradient, x) in self.sweep(&mut gradients.sweep)?.into_iter().zip(xs) {
            // Many second derivatives have no path: a linear weight has none to its own gradient.
            gradients.connected.push(self.order > 1 || !matches!(gradient, Gradient::NotConnected));
            gradients.some.push(matches!(gradient, Gradient::Of(_)));
            gradients.all.push(match gradient {
                Gradient::Of(dx) => dx,
                Gradient::Zero | Gradient::NotConnected => g.zeros(x.shape()),
                Gradient::NotDefined(error) => return Err(error),
            });
        }
        Ok(gradients)
    }

    /// Reverse mode, and the number of its sweep.
    fn sweep(&self, number: &mut Option<usize>) -> Result<Vec<Gradient<'g>>, Error> {
        let pairs: Vec<_> = self.ys.iter().copied().zip(self.cotangents.iter().copied()).collect();
        let gradients = vjp(&pairs, self.xs);
        *number = self.g.graph()?.sweeps().len().checked_sub(1);
        Ok(gradients)
    }

    fn sides(
        &self,
        graph: &Graph,
        point: &Point<f64>,
        gradients: &Gradients,
        sampler: &mut Sampler,
    ) -> Result<Vec<Side>, Error> {
        let bases = eval(graph, point, self.xs)?;
        let analytic = if self.single {
            eval::<f32>(graph, &point.cast(), &gradients.all)?.iter().map(Value::cast).collect()
        } else {
            eval(graph, point, &gradients.all)?
        };
        let side = |((x, base), gradient): ((&Expr, autograd::Value<f64>), autograd::Value<f64>)| {
            Side::new(*x, base.into_float(), gradient.into_float(), sampler)
        };
        Ok(self.xs.iter().zip(bases).zip(analytic).map(side).collect())
    }

    /// Checks the local equation of every node.
    fn prove(&self, scene: &Scene, sweep: Option<usize>, sampler: &mut Sampler) -> Result<Proof, Error> {
        let mut sweep = sweep;
        if sweep.is_none() {
            // Adjoints without a claim are built here.
            self.sweep(&mut sweep)?;
        }
        let graph = self.g.graph()?;
        let adjoint = |id: NodeId| {
            let claimed = self.claims.into_iter().flatten().find(|(x, _)| x.id() == id);
            claimed.map(|(_, dx)| dx.id()).or_else(|| graph.adjoint(id, sweep?).ok()?)
        };
        let xs: Vec<NodeId> = self.xs.iter().map(|x| x.id()).collect();
        prove(&Scene { graph: &graph, ..*scene }, &xs, &adjoint, sampler)
    }
}

impl Forward {
    /// The result of forward mode for one gradient; `None` if differences and the gradient contradict it, or the
    /// tensor is at a kink, where dual numbers follow one side.
    fn word(&self, i: usize, comparison: &Comparison) -> Option<bool> {
        let &Comparison { numeric, tolerance, verdict, .. } = comparison;
        let against = |d: f64| verdict == Verdict::Pass && (d - numeric).abs() > tolerance;
        self.agrees[i]
            .filter(|agrees| comparison.sides.is_none() && (*agrees || !self.slopes[i].is_some_and(against)))
    }
}

impl Proof {
    /// The line in the report.
    fn line(&self, order: u32) -> Witness {
        let verdict = if self.is_broken() { Verdict::Fail } else { Verdict::Pass };
        let name = "node by node: each adjoint is what its users send back".into();
        Witness { name, order, difference: None, tolerance: 0.0, verdict }
    }

    /// The report's line for wrong dual kernels.
    fn kernels(&self, order: u32) -> Option<Witness> {
        let name = "each dual kernel is the derivative of its kernel".into();
        let verdict = Verdict::Fail;
        (!self.kernels_agree).then_some(Witness { name, order, difference: None, tolerance: 0.0, verdict })
    }
}

/// N ε Σ|ȳ| max(1, |y|): each node rounds the terms of a sum once.
fn floor(
    graph: &Graph,
    point: &Point<f64>,
    outputs: &[NodeId],
    cotangents: &[Value<f64>],
) -> Result<f64, Error> {
    let values = eval(graph, point, outputs)?;
    let size = |(y, v): (&Value<f64>, &Value<f64>)| {
        y.float().iter().zip(v.float()).map(|(y, v)| v.abs() * y.abs().max(1.0)).sum::<f64>()
    };
    Ok(graph.len() as f64 * f64::EPSILON * values.iter().zip(cotangents).map(size).sum::<f64>())
}

/// The point with every `stop_gradient` of the first `forward` nodes held at its value there. One inside a VJP is not
/// held: it removes part of the second derivative, which differences must show.
///
/// # Errors
/// As [`eval`]; also if an output is not finite.
pub(super) fn freeze(
    graph: &Graph,
    point: &Point<f64>,
    outputs: &[NodeId],
    forward: usize,
) -> Result<Point<f64>, Error> {
    leaves::finite(graph, point, outputs)?;
    let mut stops = leaves::ancestors(graph, outputs)?;
    stops.retain(|id| id.index() < forward && matches!(graph.at(id.index()).op, Op::StopGradient(_)));
    let mut frozen = point.clone();
    for (&id, value) in stops.iter().zip(eval(graph, point, &stops)?) {
        frozen.set(id, value);
    }
    Ok(frozen)
}
