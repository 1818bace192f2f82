//! Batch sharding over threads: the values of one thread, up to rounding, and the same bits in every run.

use autograd::ops::Sampler;
use autograd::{Builder, Expr, NodeId, Point, Type, Value, eval, grad};
use autograd_compile::Compiler;
use ndarray::ArrayD;
use rnn::model::{Batch, Head, Inits, Input, Loss, Mode, Model, Network, Start};

const STEPS: usize = 4;
const BATCH: usize = 8;

fn feed(model: &Model, seed: u64) -> Batch {
    let s = &mut Sampler::new(seed);
    let lead = if model.head == Head::EachStep { vec![STEPS, BATCH] } else { vec![BATCH] };
    let real = |s: &mut Sampler| s.below(0..2001) as f32 / 1000.0 - 1.0;
    let x: Value<f32> = match model.input {
        Input::Reals { size } => ArrayD::from_shape_simple_fn(vec![STEPS, BATCH, size], || real(s)).into(),
        Input::Embedding { symbols, .. } | Input::OneHot { symbols } => {
            Value::Index(ArrayD::from_shape_simple_fn(vec![STEPS, BATCH], || s.below(0..symbols)))
        }
    };
    let y = if model.loss.is_of_classes() {
        Value::Index(ArrayD::from_shape_simple_fn(lead, || s.below(0..model.outputs + 1)))
    } else {
        let shape = [&lead[..], &[model.outputs]].concat();
        ArrayD::from_shape_simple_fn(shape, || 0.5 + 0.4 * real(s)).into()
    };
    Batch { x, y, lengths: None }
}

/// All results of a network.
fn outputs(network: &Network) -> Vec<NodeId> {
    let single = [network.loss, network.count];
    single
        .into_iter()
        .chain([&network.gradients, &network.outputs, &network.last].into_iter().flatten().copied())
        .collect()
}

fn agrees(model: &Model, mode: Mode, what: &str) {
    let network = model.network(STEPS, BATCH, mode).unwrap();
    let mut feed = feed(model, 3);
    feed.lengths = mode.lengths.then(|| vec![4, 1, 3, 4, 2, 4, 1, 3]);
    let zeros = |&id: &NodeId| ArrayD::from_elem(&*network.graph[id].ty.shape, 0.25);
    let start: Vec<ArrayD<f32>> = network.start.iter().map(zeros).collect();
    let point = network.point(&model.first_parameters(1).unwrap(), &feed, &start, 5).unwrap();
    let point: Point<f64> = point.cast();
    let outputs = outputs(&network);
    let want = eval(&network.graph, &point, &outputs).unwrap();
    for threads in [1, 2, 3, 8] {
        let executable = Compiler::new().threads(threads).compile::<f64>(&network.graph, &outputs).unwrap();
        assert_eq!(executable.shards(), threads.min(BATCH), "{what}: {:?}", executable.why_whole());
        let got = executable.run(&point).unwrap();
        for ((got, want), id) in got.iter().zip(&want).zip(&outputs) {
            let (a, b) = (got.float(), want.float());
            let scale = b.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            let far = a.iter().zip(b).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs() / scale));
            assert!(
                far <= 1e-12,
                "{what}, {threads} threads: {} differs by {far}",
                network.graph.name(*id).unwrap()
            );
        }
        for _ in 0..5 {
            assert_eq!(executable.run(&point).unwrap(), got, "{what}, {threads} threads");
        }
    }
}

fn model(cell: &str, head: Head, loss: Loss, input: Input) -> Model {
    Model {
        cell: cell.into(),
        input,
        hidden: 4,
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

const REALS: Input = Input::Reals { size: 4 };

#[test]
fn every_shipped_cell_is_cut_by_rows() {
    for cell in rnn::cell::SHIPPED {
        for lengths in [false, true] {
            let mode = Mode { train: true, lengths, ..Mode::default() };
            agrees(&model(cell.name, Head::EachStep, Loss::CrossEntropy, REALS), mode, cell.name);
        }
    }
}

#[test]
fn every_head_and_loss_is_cut_by_rows() {
    for head in [Head::EachStep, Head::Last, Head::Mean] {
        for loss in [Loss::CrossEntropy, Loss::MeanSquared, Loss::BinaryCrossEntropy] {
            for input in [REALS, Input::Embedding { symbols: 6, size: 3 }, Input::OneHot { symbols: 6 }] {
                for lengths in [false, true] {
                    let mode = Mode { train: true, lengths, ..Mode::default() };
                    agrees(&model("gru", head, loss, input), mode, &format!("{head:?} {loss:?} {input:?}"));
                }
            }
        }
    }
}

/// All sizes equal the batch's: the batch axis is derived from the inputs, not from its length.
#[test]
fn every_shipped_cell_is_cut_where_all_sizes_coincide() {
    for cell in rnn::cell::SHIPPED {
        let mode = Mode { train: true, lengths: true, ..Mode::default() };
        let coincident = Model {
            hidden: BATCH,
            outputs: BATCH,
            ..model(cell.name, Head::EachStep, Loss::CrossEntropy, Input::Reals { size: BATCH })
        };
        agrees(&coincident, mode, cell.name);
    }
}

#[test]
fn deep_nets_both_directions_carried_and_learned_states_windows_and_dropout_are_cut_by_rows() {
    let plain = Model {
        layers: 2,
        ..model("lstm", Head::EachStep, Loss::CrossEntropy, Input::Embedding { symbols: 6, size: 3 })
    };
    let ragged = Mode { train: true, lengths: true, ..Mode::default() };
    agrees(&Model { bidirectional: true, ..plain.clone() }, ragged, "both directions");
    agrees(&Model { start: Start::Learned, ..plain.clone() }, ragged, "learned start");
    agrees(&Model { window: Some(2), ..plain.clone() }, ragged, "windows");
    agrees(&plain, Mode { carry: true, lengths: false, ..ragged }, "carried states");
    // One mask for the whole batch, of which each shard has its rows.
    agrees(&Model { dropout: 0.4, bidirectional: true, ..plain.clone() }, ragged, "dropout");
}

/// A graph over `x`, four rows of three, on one and two threads: the values of the interpreter.
fn splits(build: impl for<'g> Fn(&'g Builder, Expr<'g>) -> Vec<Expr<'g>>) -> usize {
    let g = Builder::new();
    let x = g.batch_input("x", Type::float([4, 3]), 0);
    let outputs = build(&g, x);
    let (graph, ids): (_, Vec<NodeId>) = (g.graph().unwrap(), outputs.iter().map(|y| y.id()).collect());
    let mut k = 0.0;
    let mut fill = |shape: &[usize]| {
        ArrayD::from_shape_simple_fn(shape, || {
            k += 0.37_f64;
            k.sin()
        })
    };
    let mut point = Point::new().with(x, fill(&[4, 3]));
    for id in graph.parameters() {
        point.set(id, fill(&graph[id].ty.shape));
    }
    let want = eval(&graph, &point, &ids).unwrap();
    let executable = Compiler::new().threads(2).compile::<f64>(&graph, &ids).unwrap();
    for (got, want) in executable.run(&point).unwrap().iter().zip(&want) {
        let far = (got.float() - want.float()).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert!(far < 1e-12, "{got:?} {want:?}");
    }
    executable.shards()
}

/// A sum over the batch with one linear and one nonlinear user: both need the whole sum.
#[test]
fn what_meets_for_one_user_has_met_for_all() {
    let shares = splits(|_, x| {
        let sum = x.sum();
        vec![sum * 2.0, sum.tanh()]
    });
    assert_eq!(shares, 2);
    let shares = splits(|_, x| {
        let (total, count) = (x.powi(2).sum(), x.sum());
        vec![(total + 0.1 * count) / count.powi(2).max(1.0)]
    });
    assert_eq!(shares, 2);
}

/// Functions of weights alone, as deep as a sequence is long, with two reads of themselves per step.
#[test]
fn what_is_the_same_for_all_rows_may_be_deep() {
    let shares = splits(|g, x| {
        let w = g.parameter("w", [1, 3]);
        let deep = (0..3000).fold(w.broadcast_to([4, 3]), |y, _| 0.5 * (y * y + y));
        vec![x + deep]
    });
    assert_eq!(shares, 2);
}

/// A mean over the batch, broadcast to every row: not the mean of a shard.
#[test]
fn what_has_met_is_not_made_again_of_a_share() {
    let shares = splits(|_, x| {
        let mean = x.mean_over([0]).broadcast_to([4, 3]);
        vec![x - mean, ((x - mean).powi(2)).sum()]
    });
    assert_eq!(shares, 2);
}

/// Zeros, and a parameter, that happen to have as many rows as the batch.
#[test]
fn sizes_may_coincide_with_the_batch() {
    let shares = splits(|g, x| {
        let w = g.parameter("w", [6, 4]);
        let (a, b) = (w.slice(0, 0..2), w.slice(0, 4..6));
        let loss = (x.sum_over([1]) * (a + b).sum_over([0])).sum();
        grad(loss, &[w])
    });
    assert_eq!(shares, 2);
    // A term independent of the batch must be added only once: such a graph is not sharded.
    splits(|g, x| {
        let w = g.parameter("w", [4, 3]);
        let loss = (x * w).sum() + 0.1 * w.powi(2).sum();
        [vec![loss], grad(loss, &[w])].concat()
    });
}
