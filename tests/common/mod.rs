//! Helpers shared by several tests.
#![allow(dead_code)] // each test is a crate of its own and uses a part of this

pub mod faults;
pub mod graphs;

use autograd::graph::verify;
use autograd::ops::{Domain, Op, Sample, Sampler};
use autograd::{Builder, Expr, Gradient, Kind, NodeId, Point, Shape, Value, eval, jvp, vjp};
use ndarray::ArrayD;

/// ⟨a, b⟩ over several arrays.
pub fn dot(a: &[Value<f64>], b: &[Value<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a.float() * b.float()).sum()).sum()
}

/// The norm of several arrays together.
pub fn norm(a: &[Value<f64>]) -> f64 {
    dot(a, a).sqrt()
}

/// Random numbers from [−1, 1].
pub fn random(shape: &Shape, sampler: &mut Sampler) -> Value<f64> {
    let operand = sampler.float(shape, Domain::reals(-1.0, 1.0));
    sampler.values(&[operand]).remove(0)
}

/// The value of one node.
pub fn value(g: &Builder, point: &Point<f64>, y: Expr) -> ArrayD<f64> {
    eval(&g.graph().unwrap(), point, &[y]).unwrap().remove(0).into_float()
}

/// The gradients as expressions, with zeros for missing ones.
pub fn dense<'g>(gradients: Vec<Gradient<'g>>, wrt: &[Expr<'g>]) -> Vec<Expr<'g>> {
    let one = |(gradient, x): (Gradient<'g>, &Expr<'g>)| match gradient {
        Gradient::Of(dx) => dx,
        Gradient::Zero | Gradient::NotConnected => x.builder().zeros(x.shape()),
        Gradient::NotDefined(error) => panic!("{error}"),
    };
    gradients.into_iter().zip(wrt).map(one).collect()
}

/// An op applied to leaves with values from its sample: result, real leaves, point.
pub fn apply<'g>(
    g: &'g Builder,
    Sample { op, operands }: Sample<Op>,
    sampler: &mut Sampler,
) -> (Expr<'g>, Vec<Expr<'g>>, Point<f64>) {
    let mut point = Point::new();
    let mut leaves = Vec::new();
    for (i, (operand, value)) in operands.iter().zip(sampler.values(&operands)).enumerate() {
        let name = format!("x{i}");
        let x = match operand.ty.kind {
            Kind::Float => g.parameter(&name, &operand.ty.shape),
            Kind::Index { below } => g.index_input(&name, &operand.ty.shape, below),
            Kind::Bool => g.constant(value.clone()),
        };
        if operand.ty.kind != Kind::Bool {
            point.set(x, value);
        }
        leaves.push(x);
    }
    let y = g.apply(op, &leaves);
    leaves.retain(|x| x.ty().kind == Kind::Float);
    (y, leaves, point)
}

/// Checks the gradients of `⟨ȳ, y⟩` along a random direction against the slope by dual numbers, to `tolerance`
/// relative to the size of gradient and direction. Returns the gradients.
pub fn agrees_with_duals<'g>(
    outputs: &[Expr<'g>],
    wrt: &[Expr<'g>],
    point: &Point<f64>,
    sampler: &mut Sampler,
    tolerance: f64,
) -> Vec<Expr<'g>> {
    let g = outputs[0].builder();
    let cotangents: Vec<_> = outputs.iter().map(|y| random(&y.shape(), sampler)).collect();
    let pairs: Vec<_> = outputs.iter().zip(&cotangents).map(|(&y, v)| (y, g.constant(v.clone()))).collect();
    let gradients = dense(vjp(&pairs, wrt), wrt);
    let graph = g.graph().unwrap();
    verify(&graph).unwrap();
    let direction: Vec<_> = wrt.iter().map(|x| random(&x.shape(), sampler)).collect();
    let mut along = Point::new();
    wrt.iter().zip(&direction).for_each(|(&x, u)| along.set(x, u.clone()));
    let analytic = eval(&graph, point, &gradients).unwrap();
    let (reverse, forward) =
        (dot(&analytic, &direction), dot(&cotangents, &jvp(&graph, point, &along, outputs).unwrap()));
    let scale = (norm(&direction) * norm(&analytic)).max(1.0);
    assert!(
        (reverse - forward).abs() <= tolerance * scale,
        "reverse {reverse}, forward {forward}, scale {scale}\n{}",
        graph.text()
    );
    gradients
}

/// A random linear combination of the gradients, as a scalar to differentiate again.
pub fn weighted<'g>(gradients: &[Expr<'g>], sampler: &mut Sampler) -> Expr<'g> {
    let g = gradients[0].builder();
    let term = |&dx: &Expr<'g>| (dx * g.constant(random(&dx.shape(), sampler))).sum();
    g.sum(&gradients.iter().map(term).collect::<Vec<_>>())
}

/// The number of nodes that apply an op.
pub fn count(g: &Builder, op: &str) -> usize {
    let graph = g.graph().unwrap();
    let is = |id: &NodeId| graph[*id].op.name() == op;
    graph.ids().filter(is).count()
}
