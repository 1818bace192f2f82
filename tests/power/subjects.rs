//! The subjects of planted faults: every op between others, random graphs, and recurrent nets over time.

use super::Subject;
use super::alarms::on_kinks;
use crate::common::{graphs, random};
use crate::nets::{Begin, Problem, Setup, cells};
use autograd::ops::{Domain, Op, Sample, Sampler};
use autograd::{Builder, Expr, Kind, NodeId, Point, Value};

/// The sum of `y ⊙ v` for a random v: every element of every output has a distinct weight.
fn weighted<'g>(g: &'g Builder, outputs: &[Expr<'g>], s: &mut Sampler) -> Expr<'g> {
    let term = |y: &Expr<'g>| (*y * g.constant(random(&y.shape(), s))).sum();
    g.sum(&outputs.iter().map(term).collect::<Vec<_>>())
}

fn ids(all: &[Expr]) -> Vec<NodeId> {
    all.iter().map(|x| x.id()).collect()
}

/// One sample of each differentiable op, at two steps. Its operands are products of two leaves, and have one other
/// user each; its result passes through a sine.
pub fn ops(seed: u64) -> Vec<Subject> {
    let s = &mut Sampler::new(seed);
    Op::samples(s).into_iter().filter_map(|sample| op(sample, s, seed)).collect()
}

fn op(Sample { op, operands }: Sample<Op>, s: &mut Sampler, seed: u64) -> Option<Subject> {
    let g = Builder::new();
    let (mut leaves, mut point, mut outputs, mut nodes) = (Vec::new(), Point::new(), Vec::new(), Vec::new());
    for t in 1..=2 {
        let mut xs = Vec::new();
        for (i, (operand, value)) in operands.iter().zip(s.values(&operands)).enumerate() {
            let shape = &operand.ty.shape;
            xs.push(match operand.ty.kind {
                Kind::Bool => g.constant(value),
                Kind::Index { below } => {
                    let x = g.index_input(&format!("i{i}.{t}"), shape, below);
                    point.set(x, value);
                    x
                }
                Kind::Float => {
                    let (a, b) =
                        (g.parameter(&format!("a{i}.{t}"), shape), g.parameter(&format!("b{i}.{t}"), shape));
                    let factor = s.float(shape, Domain::reals(0.5, 2.0));
                    let factor = s.values(&[factor]).remove(0).into_float();
                    point.set(a, value.float() / &factor);
                    point.set(b, factor);
                    leaves.extend([a, b]);
                    let _step = g.step(t);
                    let x = (a * b).named(&format!("x{i}"));
                    outputs.push(x.tanh());
                    x
                }
            });
        }
        let _step = g.step(t);
        let y = g.apply(op.clone(), &xs).named("y");
        if y.ty().kind != Kind::Float || y.shape().count() == 0 {
            return None;
        }
        nodes.push(y);
        outputs.push(y.sin());
    }
    let loss = weighted(&g, &outputs, s).named("loss");
    Some(Subject {
        name: format!("{} {seed}", op.name()),
        graph: g.graph().unwrap(),
        loss: loss.id(),
        leaves: ids(&leaves),
        point,
        nodes: ids(&nodes),
    })
}

/// A random graph; every fourth at its kinks.
pub fn random_graph(seed: u64) -> Subject {
    let (g, s) = (Builder::new(), &mut Sampler::new(seed));
    let (leaves, mut outputs, mut point) = graphs::make(&g, s, true);
    if seed % 4 == 3 {
        point = on_kinks(&leaves, &mut outputs, point, s);
    }
    let loss = weighted(&g, &outputs, s).named("loss");
    Subject {
        name: format!("random graph {seed}"),
        graph: g.graph().unwrap(),
        loss: loss.id(),
        leaves: ids(&leaves),
        point,
        nodes: Vec::new(),
    }
}

/// A net over 4 steps, some with sequences of different lengths, some with two layers, some with a large hidden
/// state.
pub fn net(seed: u64) -> Subject {
    let cell = ["elman", "lstm", "gru"][usize::try_from(seed % 3).unwrap()];
    let kind = seed / 3;
    let ragged = kind.is_multiple_of(2);
    let hidden = if kind % 4 == 3 { 32 } else { 4 };
    let depth = if kind % 4 == 2 { 2 } else { 1 };
    let lengths = ragged.then(|| vec![4, 2, 3]);
    let setup = Setup {
        steps: 4,
        batch: 3,
        input: 3,
        hidden,
        depth,
        bidirectional: false,
        window: None,
        lengths,
        begin: Begin::Given,
        seed,
    };
    let subject = cells::ALL.iter().find(|subject| subject.name == cell).unwrap();
    let problem = Problem::new(subject.cell.clone(), &setup);
    let g = Builder::new();
    let mut built = problem.build(&g);
    if hidden > 4 {
        // Usual initial values have this size; larger ones make a net chaotic.
        let scale = |w: &Value<f64>| w.map(|w| 0.25 * w);
        for (_, x) in &built.leaves[1..] {
            let scaled = built.point.get(*x).map(scale);
            scaled.into_iter().for_each(|w| built.point.set(*x, w));
        }
    }
    let leaves: Vec<NodeId> = built.leaves.iter().map(|(_, x)| x.id()).collect();
    let name = format!(
        "{cell}, seed {seed}, hidden {hidden}, layers {depth}{}",
        if ragged { ", ragged" } else { "" }
    );
    Subject {
        name,
        graph: g.graph().unwrap(),
        loss: built.loss.id(),
        leaves,
        point: built.point,
        nodes: Vec::new(),
    }
}
