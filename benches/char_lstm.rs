//! A character-level language model, batch 32, 50 steps, LSTM of 128 units: building its graph, and one compiled
//! training step (forward, loss and all gradients).

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use rnn::data::Transduction;
use rnn::model::{Batch, Engine, Head, Inits, Input, Loss, Mode, Model, Networks, Start};
use std::hint::black_box;

const STEPS: usize = 50;
const BATCH: usize = 32;
const SYMBOLS: usize = 64;

fn model() -> Model {
    Model {
        cell: "lstm".into(),
        input: Input::Embedding { symbols: SYMBOLS, size: 64 },
        hidden: 128,
        layers: 1,
        bidirectional: false,
        dropout: 0.0,
        start: Start::Zero,
        window: None,
        head: Head::EachStep,
        outputs: SYMBOLS,
        loss: Loss::CrossEntropy,
        init: Inits::default(),
    }
}

fn char_lstm(c: &mut Criterion) {
    let (model, mode) = (model(), Mode { train: true, ..Mode::default() });
    c.bench_function("char-lstm/build", |b| b.iter(|| black_box(model.network(STEPS, BATCH, mode).unwrap())));

    let symbol = |(t, b): (usize, usize)| (t * 31 + b * 17) % SYMBOLS;
    let inputs = Array2::from_shape_fn((STEPS, BATCH), symbol);
    let targets = Array2::from_shape_fn((STEPS, BATCH), |(t, b)| symbol((t + 1, b)));
    let feed = Batch::from(Transduction { inputs, targets });
    let parameters = model.first_parameters(1).unwrap();
    for threads in [1, 2] {
        let mut networks = Networks::new(&model, mode, threads);
        c.bench_function(&format!("char-lstm/step/{threads}"), |b| {
            b.iter(|| black_box(networks.run(&parameters, &feed, &[], 0, true).unwrap().loss));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = char_lstm }
criterion_main!(benches);
