//! The program of a device on random graphs, by the interpreter, with collective ops simulated here.

#[path = "../../../../tests/common/graphs.rs"]
mod graphs;

use super::{Collective, Shared};
use crate::program::{ExportError, Output, Program};
use autograd::ops::{Domain, Leaf, Op, Sampler};
use autograd::{Builder, Expr, NodeId, Point, Shape, Type, Value, eval, grad};
use graphs::make;
use ndarray::{Axis, arr1, arr2, concatenate};
use std::collections::HashMap;
use std::sync::Arc;

/// Random numbers from [−1, 1].
fn random(shape: &Shape, sampler: &mut Sampler) -> Value<f64> {
    let operand = sampler.float(shape, Domain::reals(-1.0, 1.0));
    sampler.values(&[operand]).remove(0)
}

/// A device's shard of a value.
fn rows(x: &Value<f64>, axis: usize, device: usize, devices: usize) -> Value<f64> {
    let n = x.shape()[axis] / devices;
    let own = device * n..(device + 1) * n;
    match x {
        Value::Float(x) => Value::Float(x.slice_axis(Axis(axis), own.into()).to_owned()),
        Value::Index(x) => Value::Index(x.slice_axis(Axis(axis), own.into()).to_owned()),
        Value::Bool(x) => Value::Bool(x.slice_axis(Axis(axis), own.into()).to_owned()),
    }
}

/// The values of all nodes on all devices, which run the program in lockstep.
fn on_devices(shared: &Shared, whole: &Program, point: &Point<f64>) -> HashMap<NodeId, Vec<Value<f64>>> {
    let (program, devices) = (&shared.program, shared.devices);
    assert_eq!(whole.arguments.len(), program.arguments.len());
    let given = whole.arguments.iter().zip(&program.arguments);
    let given: HashMap<NodeId, (&Value<f64>, Option<usize>)> =
        given.map(|(a, own)| (own.id, (point.get(a.id).unwrap(), a.batch_axis))).collect();
    let mut values: HashMap<NodeId, Vec<Value<f64>>> = HashMap::new();
    for id in program.nodes() {
        let op = &program.graph.node(id).unwrap().op;
        let operands: Vec<&Vec<Value<f64>>> =
            program.graph.operands(id).unwrap().map(|x| &values[&x]).collect();
        let of = |device: usize| match (op, program.collectives.get(&id)) {
            (Op::Leaf(Leaf::Constant(value)), _) => (**value).clone(),
            (Op::Leaf(_), _) => match given[&id] {
                (value, Some(axis)) => rows(value, axis, device, devices),
                (value, None) => value.clone(),
            },
            (_, Some(Collective::AllReduce { .. })) => {
                let sum = operands[0].iter().map(|x| x.float().clone()).reduce(|a, b| a + b);
                Value::Float(sum.unwrap())
            }
            (_, Some(&Collective::Cut { axis, .. })) => rows(&operands[0][device], axis, device, devices),
            (op, None) => {
                let x: Vec<&Value<f64>> = operands.iter().map(|x| &x[device]).collect();
                op.operator().unwrap().eval_f64(&x)
            }
        };
        let found: Vec<Value<f64>> = (0..devices).map(of).collect();
        for value in &found {
            value.fits(&program.graph.node(id).unwrap().ty).unwrap();
        }
        values.insert(id, found);
    }
    values
}

/// Evaluates expressions on two devices, and compares them with one. Returns the program, or why the batch cannot be
/// sharded.
fn agree(what: &str, all: &[Expr], point: &Point<f64>) -> Result<Shared, ExportError> {
    let results: Vec<Output> =
        all.iter().enumerate().map(|(k, y)| Output::plain(y.id(), k.to_string())).collect();
    let graph = all[0].builder().graph().unwrap();
    let program = Program::new("any", Arc::clone(&graph), results).unwrap();
    let shared = Shared::new(&program, 2)?;
    let found = on_devices(&shared, &program, point);
    let ids: Vec<NodeId> = program.results.iter().map(|r| r.id).collect();
    let wanted = eval(&graph, point, &ids).unwrap();
    for ((result, axis), wanted) in shared.program.results.iter().zip(&shared.results).zip(&wanted) {
        let (wanted, parts) = (wanted.float(), &found[&result.id]);
        let wholes = match axis {
            Some(axis) => {
                let parts: Vec<_> = parts.iter().map(|part| part.float().view()).collect();
                vec![concatenate(Axis(*axis), &parts).unwrap()]
            }
            None => parts.iter().map(|part| part.float().clone()).collect(),
        };
        for whole in wholes {
            let text = graph.text();
            assert_eq!(whole.shape(), wanted.shape(), "{what}: {text}");
            let scale = wanted.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            let apart = (&whole - wanted).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            assert!(apart <= 1e-10 * scale, "{what}: result {} is off by {apart:e}\n{text}", result.name);
        }
    }
    Ok(shared)
}

/// Values and gradients of random graphs are the same on one device and on two; a batch that cannot be sharded gives
/// an error.
#[test]
fn devices_together_compute_what_one_does_on_random_graphs() {
    let (mut shared_out, mut collectives, mut refused) = (0, 0, 0);
    for seed in 0..3000 {
        let g = Builder::new();
        let (leaves, outputs, point) = make(&g, &mut Sampler::new(seed), true);
        let total = g.sum(&outputs.iter().map(|y| y.mean()).collect::<Vec<_>>());
        let all: Vec<Expr> = outputs.iter().copied().chain([total]).chain(grad(total, &leaves)).collect();
        match agree(&seed.to_string(), &all, &point) {
            Ok(shared) => {
                shared_out += 1;
                collectives += usize::from(shared.reduced() > 0);
            }
            Err(ExportError::Unshared { .. }) => refused += 1,
            // No leaf has a batch axis.
            Err(ExportError::Devices(_)) => {}
            Err(error) => panic!("{seed}: {error}"),
        }
    }
    assert!(
        shared_out >= 300 && collectives >= 200 && refused >= 100,
        "{shared_out} {collectives} {refused}"
    );
}

/// A sum over the batch is all-reduced before it is combined with sharded rows, even in a linear op; an op that is
/// linear in it alone comes before the all-reduce.
#[test]
fn a_sum_over_the_batch_meets_its_rows() {
    let g = Builder::new();
    let (x, w) = (g.batch_input("x", Type::float([4, 2]), 0), g.parameter("w", [2]));
    let sum = x.sum_over([0]);
    let (alone, again) = ((sum * w).sum(), x * sum);
    let loss = again.powi(2).sum() + alone;
    let all: Vec<Expr> = [alone, again, x - sum, loss].into_iter().chain(grad(loss, &[w])).collect();
    let point = Point::new()
        .with(x, arr2(&[[0.5, -1.0], [2.0, 0.25], [-0.75, 3.0], [1.5, 1.0]]))
        .with(w, arr1(&[0.7, -0.4]));
    let shared = agree("a sum and its rows", &all, &point).unwrap();
    assert!(shared.reduced() > 0);
}
