//! Models: the values of heads and losses, all gradients, ignored targets, dropout, initial values, and sharding over
//! threads.
#![allow(clippy::float_cmp)] // what is compared without a margin is meant to be exact

use autograd::ops::{Op, Sampler};
use autograd::{Builder, NodeId, Point, Scalar, Value, eval, jvp};
use autograd_check::Check;
use ndarray::{ArrayD, Axis, IxDyn, arr2, s};
use rnn::Parameters;
use rnn::model::{Batch, Engine, Head, Inits, Input, Loss, Mode, Model, Network, Networks, Start};
use std::collections::HashSet;

const HEADS: [Head; 3] = [Head::EachStep, Head::Last, Head::Mean];
const LOSSES: [Loss; 3] = [Loss::CrossEntropy, Loss::MeanSquared, Loss::BinaryCrossEntropy];
const STEPS: usize = 4;
const BATCH: usize = 3;
const LENGTHS: [usize; BATCH] = [2, 4, 1];

fn model(head: Head, loss: Loss) -> Model {
    Model {
        cell: "elman".into(),
        input: Input::Reals { size: 2 },
        hidden: 3,
        layers: 1,
        bidirectional: false,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head,
        outputs: 3,
        loss,
        init: Inits::default(),
    }
}

/// All pairs of a head and a loss.
fn models() -> impl Iterator<Item = Model> {
    HEADS.into_iter().flat_map(|head| LOSSES.map(|loss| model(head, loss)))
}

fn reals(shape: &[usize], s: &mut Sampler) -> ArrayD<f64> {
    ArrayD::from_shape_simple_fn(shape, || s.below(0..2001) as f64 / 1000.0 - 1.0)
}

#[allow(clippy::cast_possible_truncation)] // feeds are in f32
fn single(a: &ArrayD<f64>) -> ArrayD<f32> {
    a.mapv(|x| x as f32)
}

/// A batch of random numbers. One class target in four is "ignore".
fn feed(model: &Model, seed: u64) -> Batch {
    let mut s = Sampler::new(seed);
    let lead = if model.head == Head::EachStep { vec![STEPS, BATCH] } else { vec![BATCH] };
    let x = match model.input {
        Input::Reals { size } => single(&reals(&[STEPS, BATCH, size], &mut s)).into(),
        Input::Embedding { symbols, .. } | Input::OneHot { symbols } => {
            Value::Index(ArrayD::from_shape_simple_fn(vec![STEPS, BATCH], || s.below(0..symbols)))
        }
    };
    let y = if model.loss.is_of_classes() {
        Value::Index(ArrayD::from_shape_simple_fn(lead, || s.below(0..model.outputs + 1)))
    } else {
        let probability = |y: f64| 0.5 + 0.5 * y;
        single(&reals(&[&lead[..], &[model.outputs]].concat(), &mut s).mapv(probability)).into()
    };
    Batch { x, y, lengths: Some(LENGTHS.into()) }
}

const RAGGED: Mode = Mode {
    train: true,
    noise: false,
    lengths: true,
    carry: false,
    clock: false,
    saliency: false,
    alike: false,
};

/// The network of a model with initial parameters for a batch, in f64.
fn network(model: &Model, feed: &Batch) -> (Network, Point<f64>) {
    let network = model.network(STEPS, BATCH, RAGGED).unwrap();
    let point = network.point(&parameters(model), feed, &[], 5).unwrap().cast();
    (network, point)
}

/// Initial parameters, none of which is zero.
fn parameters(model: &Model) -> Parameters {
    let mut parameters = model.first_parameters(1).unwrap();
    for (_, a) in parameters.iter_mut() {
        a.iter_mut()
            .enumerate()
            .filter(|(_, x)| **x == 0.0)
            .for_each(|(i, x)| *x = 0.3 - 0.1 * (i % 5) as f32);
    }
    parameters
}

fn values<S: Scalar>(network: &Network, point: &Point<S>, of: &[NodeId]) -> Vec<ArrayD<S>> {
    eval(&network.graph, point, of).unwrap().into_iter().map(Value::into_float).collect()
}

fn float(value: &Value<f32>) -> ArrayD<f64> {
    value.cast::<f64>().into_float()
}

/// The outputs with a target: step (0 for a single output), sequence.
fn asked(head: Head) -> Vec<(usize, usize)> {
    let of = |b: usize| (0..LENGTHS[b]).map(move |t| (t, b));
    if head == Head::EachStep {
        (0..BATCH).flat_map(of).collect()
    } else {
        (0..BATCH).map(|b| (0, b)).collect()
    }
}

#[test]
fn heads_read_each_step_the_last_output_or_the_mean() {
    for model in models() {
        let (network, point) = network(&model, &feed(&model, 3));
        let parameters = parameters(&model);
        let (w, b) = (
            float(&parameters["head.weight"].clone().into()),
            float(&parameters["head.bias"].clone().into()),
        );
        let (states, outputs) =
            (values(&network, &point, &network.states), values(&network, &point, &network.outputs));
        for (t, sequence) in asked(model.head) {
            let state = |t: usize| states[t].index_axis(Axis(0), sequence).to_owned();
            let length = LENGTHS[sequence];
            let top = match model.head {
                Head::EachStep => state(t),
                Head::Last => state(length - 1),
                Head::Mean => (0..length).map(state).reduce(|a, b| a + b).unwrap() / length as f64,
            };
            for k in 0..model.outputs {
                let expected = (&w.index_axis(Axis(0), k) * &top).sum() + b[[k]];
                assert!((outputs[t][[sequence, k]] - expected).abs() < 1e-14, "{:?}", model.head);
            }
        }
    }
}

#[test]
fn losses_are_means_of_the_plain_formulas() {
    for model in models() {
        for seed in 0..5 {
            let feed = feed(&model, seed);
            let (network, point) = network(&model, &feed);
            let outputs = values(&network, &point, &network.outputs);
            let mut terms = Vec::new();
            for (t, b) in asked(model.head) {
                let z = outputs[t].index_axis(Axis(0), b).to_owned();
                let place = if model.head == Head::EachStep { vec![t, b] } else { vec![b] };
                if let Value::Index(y) = &feed.y {
                    let class = y[IxDyn(&place)];
                    if class < model.outputs {
                        terms.push(-(z[class].exp() / z.mapv(f64::exp).sum()).ln());
                    }
                    continue;
                }
                for k in 0..model.outputs {
                    let (y, z) = (float(&feed.y)[IxDyn(&[&place[..], &[k]].concat())], z[k]);
                    let p = 1.0 / (1.0 + (-z).exp());
                    terms.push(match model.loss {
                        Loss::MeanSquared => (z - y) * (z - y),
                        _ => -(y * p.ln() + (1.0 - y) * (1.0 - p).ln()),
                    });
                }
            }
            let expected = terms.iter().sum::<f64>() / terms.len().max(1) as f64;
            let found = values(&network, &point, &[network.loss, network.count]);
            let what = format!("{:?} {:?}", model.head, model.loss);
            assert!(
                (found[0].sum() - expected).abs() < 1e-14,
                "{what}: {} is not {expected}",
                found[0].sum()
            );
            assert_eq!(found[1].sum(), terms.len() as f64, "{what}");
        }
    }
}

/// Every parameter of every head, loss, initial state and input, with dropout and without.
#[test]
fn gradients_are_those_of_differences() {
    let inputs =
        [Input::Reals { size: 2 }, Input::OneHot { symbols: 4 }, Input::Embedding { symbols: 4, size: 2 }];
    for (i, mut model) in models().enumerate() {
        model.input = inputs[i % 3];
        model.start = Start::Learned;
        model.cell = if i % 2 == 0 { "lstm".into() } else { "gru".into() };
        (model.bidirectional, model.layers) = (i % 2 == 0, 1 + i % 2);
        model.dropout = if i % 3 == 1 { 0.0 } else { 0.3 };
        let (network, point) = network(&model, &feed(&model, 9));
        let g = Builder::resume(network.graph.clone());
        let wrt: Vec<_> = network.parameters.iter().map(|(_, id)| g.expr(*id)).collect();
        let report = Check::new(g.expr(network.loss)).at(point.clone()).wrt(&wrt).run().unwrap();
        for tensor in &report.tensors {
            let bound = 1e-8 * tensor.norm.max(0.1);
            assert!(tensor.comparison.difference() <= bound, "{model:?}: {tensor}\n{report}");
        }
        // The network's own gradients are the same, by dual numbers.
        for ((name, id), gradient) in
            network.parameters.iter().zip(values(&network, &point, &network.gradients))
        {
            let u = reals(gradient.shape(), &mut Sampler::new(1));
            let forward = jvp(&network.graph, &point, &Point::new().with(*id, u.clone()), &[network.loss]);
            let (forward, reverse) = (forward.unwrap()[0].scalar().unwrap(), (&gradient * &u).sum());
            assert!((forward - reverse).abs() <= 1e-13, "{model:?}: ∂{name}: {reverse} is not {forward}");
            assert!(gradient.iter().any(|&x| x != 0.0), "{model:?}: ∂{name} is zero");
        }
    }
}

/// The gradient towards real inputs, if it is asked for, is that of dual numbers, and no parameter's gradient moves.
#[test]
fn the_gradient_towards_an_input_is_there_when_it_is_asked_for() {
    for model in models() {
        let mode = Mode { train: true, ..Mode::default() };
        let plain = model.network(STEPS, BATCH, mode).unwrap();
        let network = model.network(STEPS, BATCH, Mode { saliency: true, ..mode }).unwrap();
        let towards = |network: &Network| network.graph.find("∂x").ok();
        assert_eq!(towards(&plain), None, "{model:?}");
        let parameters = parameters(&model);
        let batch = Batch { lengths: None, ..feed(&model, 3) };
        let point = network.point(&parameters, &batch, &[], 0).unwrap().cast();
        assert_eq!(
            values(&network, &point, &network.gradients),
            values(
                &plain,
                &plain.point(&parameters, &batch, &[], 0).unwrap().cast::<f64>(),
                &plain.gradients
            )
        );
        let gradient = values(&network, &point, &[towards(&network).unwrap()]).remove(0);
        let u = reals(gradient.shape(), &mut Sampler::new(1));
        let forward = jvp(&network.graph, &point, &Point::new().with(network.x, u.clone()), &[network.loss]);
        let (forward, reverse) = (forward.unwrap()[0].scalar().unwrap(), (&gradient * &u).sum());
        assert!((forward - reverse).abs() <= 1e-13, "{model:?}: ∂x: {reverse} is not {forward}");
    }
}

/// Loss, count and gradients.
fn all(network: &Network, point: &Point<f64>) -> Vec<ArrayD<f64>> {
    values(network, point, &[&[network.loss, network.count], &network.gradients[..]].concat())
}

#[test]
fn what_padding_holds_changes_nothing() {
    for model in models() {
        let clean = feed(&model, 3);
        let mut garbage = clean.clone();
        for (b, &length) in LENGTHS.iter().enumerate() {
            for t in length..STEPS {
                match &mut garbage.x {
                    Value::Float(x) => x.slice_mut(s![t, b, ..]).fill(f32::NAN),
                    _ => unreachable!("these models read reals"),
                }
                match &mut garbage.y {
                    Value::Float(y) if model.head == Head::EachStep => y.slice_mut(s![t, b, ..]).fill(1e6),
                    Value::Index(y) if model.head == Head::EachStep => y[IxDyn(&[t, b])] = (t + b) % 3,
                    _ => {}
                }
            }
        }
        let ((n, p), (m, q)) = (network(&model, &clean), network(&model, &garbage));
        assert_eq!(all(&n, &p), all(&m, &q), "{:?} {:?}", model.head, model.loss);
    }
}

/// An ignored target contributes nothing: its output has no gradient, and a batch of ignored targets has loss 0 and
/// gradient 0.
#[test]
fn ignored_targets_change_nothing() {
    for head in HEADS {
        let model = model(head, Loss::CrossEntropy);
        let mut feed = feed(&model, 3);
        let (network, point) = network(&model, &feed);
        for (t, &output) in network.outputs.iter().enumerate() {
            let adjoint = network.graph.adjoint(output, 0).unwrap().unwrap();
            let gradient = values(&network, &point, &[adjoint]).remove(0);
            let Value::Index(y) = &feed.y else { unreachable!("targets are classes") };
            let y = if head == Head::EachStep { y.index_axis(Axis(0), t) } else { y.view() };
            for (b, row) in gradient.outer_iter().enumerate() {
                let counts = y[[b]] < 3 && (head != Head::EachStep || t < LENGTHS[b]);
                assert_eq!(row.iter().any(|&dz| dz != 0.0), counts, "{head:?}, step {t}, sequence {b}");
            }
        }
        feed.y = Value::Index(ArrayD::from_elem(feed.y.shape().to_vec(), 3));
        let point = network.point(&parameters(&model), &feed, &[], 5).unwrap().cast();
        assert!(all(&network, &point).iter().flatten().all(|&x| x == 0.0), "{head:?}");
    }
}

/// z = ±10⁴: σ(z) is 0 or 1, and the loss is 0 or 10⁴, in single precision too.
#[test]
fn binary_cross_entropy_does_not_overflow() {
    fn at<S: Scalar>() -> (Vec<f64>, Vec<f64>) {
        let g = Builder::new();
        let z = g.parameter("z", [1, 4]);
        let loss = Loss::BinaryCrossEntropy.terms(z, g.constant(arr2(&[[0.0, 1.0, 0.0, 1.0]])));
        let dz = autograd::grad(loss.sum(), &[z])[0];
        let point = Point::new().with(z, arr2(&[[1e4, 1e4, -1e4, -1e4]]).mapv(S::of));
        let values = eval(&g.graph().unwrap(), &point, &[loss, dz]).unwrap();
        let plain = |i: usize| values[i].float().iter().map(|x| x.value()).collect();
        (plain(0), plain(1))
    }
    let expected = (vec![1e4, 0.0, 0.0, 1e4], vec![1.0, 0.0, 0.0, -1.0]);
    assert_eq!(at::<f64>(), expected);
    assert_eq!(at::<f32>(), expected);
}

/// The nodes of a network that generate masks, with their streams.
fn masks(network: &Network) -> Vec<(NodeId, u64)> {
    let stream = |id: NodeId| match &network.graph[id].op {
        Op::DropoutMask(mask) => Some((id, mask.stream)),
        _ => None,
    };
    network.graph.ids().filter_map(stream).collect()
}

#[test]
fn dropout_is_for_training_and_rate_zero_is_none() {
    for head in HEADS {
        let mut model = Model { dropout: 0.5, layers: 2, ..model(head, Loss::MeanSquared) };
        model.input = Input::Embedding { symbols: 4, size: 2 };
        let network = |model: &Model, train| model.network(STEPS, BATCH, Mode { train, ..RAGGED }).unwrap();
        // Embedding, between the layers, and before the head.
        let tops = if head == Head::EachStep { STEPS } else { 1 };
        assert_eq!(masks(&network(&model, true)).len(), STEPS + STEPS + tops);
        assert!(masks(&network(&model, false)).is_empty());
        model.dropout = 0.0;
        assert!(masks(&network(&model, true)).is_empty() && network(&model, true).seed.is_none());
    }
}

#[test]
fn masks_differ_by_place_by_step_and_by_seed() {
    let mut model = Model { dropout: 0.5, layers: 3, hidden: 32, ..model(Head::EachStep, Loss::MeanSquared) };
    model.input = Input::Embedding { symbols: 4, size: 32 };
    let network = model.network(STEPS, BATCH, RAGGED).unwrap();
    let mut seen = HashSet::new();
    let (ids, streams): (Vec<_>, HashSet<_>) = masks(&network).into_iter().unzip();
    assert_eq!(streams.len(), ids.len());
    for seed in 0..4 {
        let point = network.point(&parameters(&model), &feed(&model, 3), &[], seed).unwrap();
        for mask in values(&network, &point, &ids) {
            assert!(mask.iter().all(|&m| m == 0.0 || m == 2.0));
            // 96 coin flips: two masks are equal by chance once in 2⁹⁶.
            assert!(seen.insert(mask.iter().map(|&m| m == 0.0).collect::<Vec<_>>()));
        }
    }
    assert_eq!(seen.len(), 4 * 4 * STEPS);
}

/// One layer of reals: dropout applies before the head alone, so the mean over masks is the output without dropout.
#[test]
fn dropout_keeps_the_mean() {
    const SEEDS: usize = 4000;
    let dropped = Model { dropout: 0.4, ..model(Head::Last, Loss::MeanSquared) };
    let plain = Model { dropout: 0.0, ..dropped.clone() };
    let feed = feed(&plain, 3);
    let outputs = |model: &Model, seed| {
        let network = model.network(STEPS, BATCH, RAGGED).unwrap();
        values(
            &network,
            &network.point(&parameters(model), &feed, &[], seed).unwrap().cast::<f64>(),
            &network.outputs,
        )
        .remove(0)
    };
    let expected = outputs(&plain, 0);
    let network = dropped.network(STEPS, BATCH, RAGGED).unwrap();
    let (mut sum, mut squares) =
        (ArrayD::<f64>::zeros(expected.raw_dim()), ArrayD::<f64>::zeros(expected.raw_dim()));
    for seed in 0..SEEDS {
        let point = network.point(&parameters(&dropped), &feed, &[], seed).unwrap().cast::<f64>();
        let output = values(&network, &point, &network.outputs).remove(0);
        squares += &output.mapv(|x| x * x);
        sum += &output;
    }
    for ((&sum, &squares), &expected) in sum.iter().zip(&squares).zip(&expected) {
        let mean = sum / SEEDS as f64;
        let deviation = ((squares / SEEDS as f64 - mean * mean) / SEEDS as f64).sqrt();
        assert!(
            deviation > 0.0 && (mean - expected).abs() < 5.0 * deviation,
            "{mean} is not {expected} ± {deviation}"
        );
    }
}

#[test]
fn parameters_have_pytorchs_names_and_shapes() {
    let mut model = model(Head::Last, Loss::CrossEntropy);
    (model.cell, model.layers, model.bidirectional, model.start) = ("lstm".into(), 2, true, Start::Learned);
    model.input = Input::Embedding { symbols: 7, size: 2 };
    let expected = "\
        embedding.weight [7, 2]
        rnn.weight_ih_l0 [12, 2], rnn.weight_hh_l0 [12, 3], rnn.bias_ih_l0 [12], rnn.bias_hh_l0 [12]
        rnn.weight_ih_l0_reverse [12, 2], rnn.weight_hh_l0_reverse [12, 3], rnn.bias_ih_l0_reverse [12], rnn.bias_hh_l0_reverse [12]
        rnn.weight_ih_l1 [12, 6], rnn.weight_hh_l1 [12, 3], rnn.bias_ih_l1 [12], rnn.bias_hh_l1 [12]
        rnn.weight_ih_l1_reverse [12, 6], rnn.weight_hh_l1_reverse [12, 3], rnn.bias_ih_l1_reverse [12], rnn.bias_hh_l1_reverse [12]
        rnn.h0 [4, 1, 3], rnn.c0 [4, 1, 3]
        head.weight [3, 6], head.bias [3]";
    let expected: Vec<&str> =
        expected.lines().flat_map(|line| line.split("], ")).map(|p| p.trim().trim_end_matches(']')).collect();
    let text =
        |(name, shape): (String, Vec<usize>)| format!("{name} {shape:?}").trim_end_matches(']').to_string();
    assert_eq!(model.parameter_shapes().unwrap().into_iter().map(text).collect::<Vec<_>>(), expected);
    let network = model.network(2, 2, RAGGED).unwrap();
    let shape = |id: NodeId| network.graph[id].ty.shape.to_vec();
    let declared: HashSet<_> =
        network.parameters.iter().map(|(name, id)| (name.clone(), shape(*id))).collect();
    assert_eq!(declared, model.parameter_shapes().unwrap().into_iter().collect());
}

#[test]
fn first_values_stay_in_pytorchs_bounds_and_fill_them() {
    let mut model = Model { hidden: 25, layers: 2, ..model(Head::Last, Loss::CrossEntropy) };
    model.bidirectional = true;
    for (name, a) in model.first_parameters(3).unwrap().iter() {
        let bound = 1.0 / if name.starts_with("head") { 50_f32 } else { 25_f32 }.sqrt();
        let (least, most) = a.iter().fold((0_f32, 0_f32), |(l, m), &x| (l.min(x), m.max(x)));
        assert!(-bound <= least && most <= bound, "{name}: {least} to {most}");
        assert!(a.len() < 500 || (least < -0.8 * bound && most > 0.8 * bound), "{name}: {least} to {most}");
    }
}

/// Rows h..2h of `bias_ih` belong to the forget gate; `bias_hh` adds nothing there; all else is unchanged.
#[test]
fn the_forget_bias_is_set_in_one_block_of_one_bias() {
    let plain = Model { cell: "lstm".into(), layers: 2, ..model(Head::Last, Loss::CrossEntropy) };
    let mut set = plain.clone();
    set.init.forget_bias = Some(1.5);
    let (plain, set) = (plain.first_parameters(3).unwrap(), set.first_parameters(3).unwrap());
    for (name, mut a) in plain {
        if name.starts_with("rnn.bias") {
            a.slice_mut(s![3..6]).fill(if name.contains("bias_ih") { 1.5 } else { 0.0 });
        }
        assert_eq!(a, set[name.as_str()], "{name}");
    }
}

/// A fixed bias of the forget gate is not counted among its learned biases.
#[test]
fn the_forget_bias_is_that_of_a_learned_bias() {
    let text =
        "cell a\n f[t] = sigmoid(W x[t] + d + e + b)\n h[t] = f[t] * h[t-1] + (1 - f[t]) * tanh(V x[t])
                  let d = 2 * c\n param c: hidden\n fixed e = row";
    let mut model = model(Head::Last, Loss::CrossEntropy);
    model.cell.text = Some(text.into());
    model.init.forget_bias = Some(1.5);
    let first = model.first_parameters(3).unwrap();
    let b = first.iter().find(|(name, _)| name.starts_with("rnn.b_")).unwrap().1;
    assert!(b.iter().all(|&b| b == 1.5), "{b}");
}

#[test]
fn a_cell_without_a_forget_gate_refuses_its_bias() {
    let mut model = Model { cell: "gru".into(), ..model(Head::Last, Loss::CrossEntropy) };
    model.init.forget_bias = Some(1.0);
    assert_eq!(
        model.first_parameters(0).unwrap_err().to_string(),
        "the cell `gru` has no forget gate: leave out the forget bias"
    );
}

#[test]
fn first_values_depend_on_the_seed_and_the_name_alone() {
    let small = Model { cell: "lstm".into(), ..model(Head::Last, Loss::CrossEntropy) };
    let large = Model { layers: 2, start: Start::Learned, head: Head::Mean, ..small.clone() };
    let (a, b) = (small.first_parameters(3).unwrap(), large.first_parameters(3).unwrap());
    assert_eq!(a, small.first_parameters(3).unwrap());
    assert!(a.iter().all(|(name, value)| b[name] == *value) && b.len() > a.len());
    let other = small.first_parameters(4).unwrap();
    assert!(a.iter().all(|(name, value)| other[name] != *value));
}

#[test]
fn rows_over_two_threads_give_the_mean_of_the_whole() {
    for mut model in models() {
        model.cell = "lstm".into();
        for case in 0..3 {
            let mut feed = feed(&model, case);
            if let (1.., Value::Index(y)) = (case, &mut feed.y) {
                // No target in the first shard, or in the second; they are rows 0 and 1..3.
                let rows = if case == 1 { 0..1 } else { 1..3 };
                let axis = Axis(y.ndim() - 1);
                y.slice_axis_mut(axis, rows.into()).fill(3);
            }
            let run = |threads| {
                Networks::new(&model, RAGGED, threads).run(&parameters(&model), &feed, &[], 0, true).unwrap()
            };
            let (one, two) = (run(1), run(2));
            let what = format!("{:?} {:?}, case {case}", model.head, model.loss);
            assert!((one.loss - two.loss).abs() < 1e-6, "{what}: {} is not {}", one.loss, two.loss);
            assert_eq!((one.count, one.right), (two.count, two.right), "{what}");
            // A product of three rows is summed in another order than one of two.
            for (a, b) in one.outputs.iter().zip(&two.outputs).chain(one.last.iter().zip(&two.last)) {
                let far = (a - b).mapv(f32::abs).fold(0.0, |m: f32, &x| m.max(x));
                assert!(far < 1e-6, "{what}: outputs are {far:e} apart");
            }
            for (name, gradient) in one.gradients.iter() {
                let far = (gradient - &two.gradients[name]).mapv(f32::abs).fold(0.0, |m: f32, &x| m.max(x));
                assert!(far < 1e-6, "{what}: ∂{name} is {far:e} apart");
            }
        }
    }
}

/// Equal rows on different threads: without dropout the outputs are equal, with it no two are.
#[test]
fn every_update_and_every_thread_draws_its_own_masks() {
    let model = Model { dropout: 0.5, hidden: 64, ..model(Head::Last, Loss::MeanSquared) };
    let mut feed = feed(&model, 3);
    feed.lengths = Some(vec![STEPS; BATCH]);
    let Value::Float(x) = &mut feed.x else { unreachable!("this model reads reals") };
    x.fill(0.5);
    let mut networks = Networks::new(&model, RAGGED, BATCH);
    let mut seen = HashSet::new();
    for seed in 0..8 {
        let outcome = networks.run(&parameters(&model), &feed, &[], seed, true).unwrap();
        for row in outcome.outputs[0].outer_iter() {
            assert!(seen.insert(row.iter().map(|x| x.to_bits()).collect::<Vec<_>>()), "seed {seed}");
        }
    }
}
