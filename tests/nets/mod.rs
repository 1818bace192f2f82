//! Random nets as functions of plain arrays: a test changes the inputs and compares the results.
#![allow(dead_code)] // each test is a crate of its own and uses a part of this

pub mod cells;
pub mod kinks;
pub mod laws;
pub mod plain;
pub mod reading;

use autograd::graph::verify;
use autograd::ops::{Domain, Sampler};
use autograd::{Builder, Expr, Graph, Point, Type, Value, eval, grad};
use ndarray::{Array2, ArrayD, Axis, Slice};
use proptest::prelude::*;
use rnn::cell::{Cell, Weights};
use rnn::{Layers, Start, Unrolled};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The initial states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    Zero,
    /// A separate value per sequence.
    Given,
    /// One value for all sequences.
    Learned,
}

/// The size of a net and of its batch, and the seed of its values.
#[derive(Clone, Debug)]
pub struct Setup {
    pub steps: usize,
    pub batch: usize,
    pub input: usize,
    pub hidden: usize,
    pub depth: usize,
    pub bidirectional: bool,
    pub window: Option<usize>,
    pub lengths: Option<Vec<usize>>,
    pub begin: Begin,
    pub seed: u64,
}

/// All kinds of nets, small.
pub fn setups() -> impl Strategy<Value = Setup> {
    let sizes = (1..=6_usize, 1..=4_usize, 1..=4_usize, 1..=5_usize, 1..=2_usize);
    let window = prop::sample::select(vec![None, Some(1), Some(2)]);
    let lengths = prop::option::of(prop::collection::vec(1..=6_usize, 4));
    let begin = prop::sample::select(vec![Begin::Zero, Begin::Given, Begin::Learned]);
    (sizes, any::<bool>(), window, lengths, begin, any::<u64>()).prop_map(
        |((steps, batch, input, hidden, depth), bidirectional, window, lengths, begin, seed)| {
            let lengths = lengths.map(|l| l[..batch].iter().map(|&n| n.min(steps)).collect());
            Setup { steps, batch, input, hidden, depth, bidirectional, window, lengths, begin, seed }
        },
    )
}

impl Setup {
    /// A number from 1 to `n`.
    pub fn one_to(&self, n: u64) -> usize {
        usize::try_from(1 + self.seed % n).expect("n is small")
    }

    /// The same, with other sizes if the cell does not support these.
    fn fitting(&self, cell: &Arc<dyn Cell>) -> Self {
        let fits = |setup: &Self| {
            let net = Layers::of(cell.clone(), setup.input, setup.hidden).depth(setup.depth);
            net.bidirectional(setup.bidirectional).fits().is_ok()
        };
        let wide = Self { hidden: 4, ..self.clone() };
        let square = Self { input: 4, ..wide.clone() };
        let one_way = Self { bidirectional: false, ..square.clone() };
        [self.clone(), wide, square, one_way].into_iter().find(fits).expect("a cell has sizes")
    }
}

/// All inputs of a net.
#[derive(Clone, Debug)]
pub struct Problem {
    pub cell: Arc<dyn Cell>,
    pub hidden: usize,
    pub depth: usize,
    pub bidirectional: bool,
    pub window: Option<usize>,
    /// `[time, batch, input]`
    pub x: ArrayD<f64>,
    pub lengths: Option<Vec<usize>>,
    /// Under the names that [`Layers::weights`] gives.
    pub weights: BTreeMap<String, ArrayD<f64>>,
    /// One per state, `[lanes, batch or 1, size]`; empty for zeros.
    pub start: Vec<ArrayD<f64>>,
    /// The cotangent of the outputs, `[time, batch, feature]`.
    pub v_output: ArrayD<f64>,
    /// The cotangent of the final states, each `[lanes, batch, size]`.
    pub v_last: Vec<ArrayD<f64>>,
    /// The cotangent of the last output, `[batch, feature]`.
    pub v_last_output: ArrayD<f64>,
}

/// All results of a net. The loss is the sum of all outputs and final states times their cotangents.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    pub loss: f64,
    pub output: ArrayD<f64>,
    pub last: Vec<ArrayD<f64>>,
    pub last_output: ArrayD<f64>,
    /// Of x, of the weights and of the initial states, by name.
    pub gradients: BTreeMap<String, ArrayD<f64>>,
}

/// A net in a graph.
pub struct Built<'g> {
    pub run: Unrolled<'g>,
    /// All differentiable leaves: x, the weights, the initial states.
    pub leaves: Vec<(String, Expr<'g>)>,
    pub loss: Expr<'g>,
    pub point: Point<f64>,
}

impl Built<'_> {
    pub fn wrt(&self) -> Vec<Expr<'_>> {
        self.leaves.iter().map(|leaf| leaf.1).collect()
    }
}

/// Random numbers from [−1, 1].
pub fn random(shape: &[usize], sampler: &mut Sampler) -> ArrayD<f64> {
    let operand = sampler.float(shape, Domain::reals(-1.0, 1.0));
    sampler.values(&[operand]).remove(0).into_float()
}

impl Problem {
    /// A net with random values.
    pub fn new(cell: Arc<dyn Cell>, setup: &Setup) -> Self {
        let setup = &setup.fitting(&cell);
        let &Setup { steps, batch, input, hidden, depth, bidirectional, window, begin, seed, .. } = setup;
        let net = Layers::of(cell.clone(), input, hidden).depth(depth).bidirectional(bidirectional);
        let mut s = Sampler::new(seed);
        let weights = net.weights().into_iter().map(|w| (w.name, random(&w.shape, &mut s))).collect();
        let per_state = |batch: usize, s: &mut Sampler| -> Vec<_> {
            net.states().iter().map(|state| random(&[state.lanes(), batch, state.size], s)).collect()
        };
        Self {
            hidden,
            depth,
            bidirectional,
            window,
            x: random(&[steps, batch, input], &mut s),
            lengths: setup.lengths.clone(),
            weights,
            start: match begin {
                Begin::Zero => vec![],
                Begin::Given => per_state(batch, &mut s),
                Begin::Learned => per_state(1, &mut s),
            },
            v_output: random(&[steps, batch, net.output_size()], &mut s),
            v_last: per_state(batch, &mut s),
            v_last_output: random(&[batch, net.output_size()], &mut s),
            cell,
        }
    }

    pub fn steps(&self) -> usize {
        self.x.shape()[0]
    }

    pub fn batch(&self) -> usize {
        self.x.shape()[1]
    }

    /// The length of a sequence.
    pub fn length(&self, b: usize) -> usize {
        self.lengths.as_ref().map_or(self.steps(), |lengths| lengths[b])
    }

    pub fn net(&self) -> Layers {
        Layers::of(self.cell.clone(), self.x.shape()[2], self.hidden)
            .depth(self.depth)
            .bidirectional(self.bidirectional)
            .window(self.window)
    }

    /// x, the initial states, and each weight of the cell in one of the lanes, alternately.
    pub fn each_in_one_lane(&self) -> Vec<String> {
        let net = self.net();
        let (lanes, weights) = (net.lanes(), net.weights());
        let count = weights.len() / lanes;
        let in_turn = |(i, w): (usize, rnn::cell::Weight)| (i % count % lanes == i / count).then_some(w.name);
        let starts = net.states().into_iter().map(|state| format!("{}0", state.name));
        starts.chain(["x".into()]).chain(weights.into_iter().enumerate().filter_map(in_turn)).collect()
    }

    /// The graph of the net and its loss, without gradients.
    pub fn build<'g>(&self, g: &'g Builder) -> Built<'g> {
        let net = self.net();
        let (mut point, mut leaves) = (Point::new(), Vec::new());
        let x = g.batch_input("x", Type::float(self.x.shape()), 1);
        point.set(x, self.x.clone());
        leaves.push(("x".to_string(), x));
        let lengths = self.lengths.as_ref().map(|lengths| {
            let column = Array2::from_shape_vec((self.batch(), 1), lengths.clone()).unwrap();
            let input = g.batch_input("lengths", Type::index([self.batch(), 1], self.steps() + 1), 0);
            point.set(input, Value::Index(column.into_dyn()));
            input
        });
        let weights = net.declare(g, "");
        for (spec, (_, w)) in net.weights().into_iter().zip(weights.iter().flat_map(Weights::iter)) {
            point.set(w, self.weights[&spec.name].clone());
            leaves.push((spec.name, w));
        }
        let mut start = Vec::new();
        for (state, value) in net.states().iter().zip(&self.start) {
            let name = format!("{}0", state.name);
            let initial = g.parameter(&name, value.shape());
            point.set(initial, value.clone());
            leaves.push((name, initial));
            start.push(initial);
        }
        let start = if start.is_empty() { Start::Zero } else { Start::From(start) };
        let run = net.unroll(g, &weights, x, lengths, &start);
        let mut terms = vec![(run.output() * g.constant(self.v_output.clone())).sum()];
        terms.push((run.last_output() * g.constant(self.v_last_output.clone())).sum());
        for (i, v) in self.v_last.iter().enumerate() {
            terms.push((run.last(i) * g.constant(v.clone())).sum());
        }
        Built { loss: g.sum(&terms).named("loss"), run, leaves, point }
    }

    /// The graph with gradients.
    pub fn graph(&self) -> Arc<Graph> {
        let g = Builder::new();
        let built = self.build(&g);
        grad(built.loss, &built.wrt());
        g.graph().unwrap()
    }

    /// Outputs, final states and gradients.
    pub fn solve(&self) -> Solution {
        let g = Builder::new();
        let built = self.build(&g);
        let mut wanted = vec![built.loss, built.run.output(), built.run.last_output()];
        wanted.extend((0..self.v_last.len()).map(|i| built.run.last(i)));
        wanted.extend(grad(built.loss, &built.wrt()));
        let graph = g.graph().unwrap();
        verify(&graph).unwrap();
        let mut values = eval(&graph, &built.point, &wanted).unwrap().into_iter().map(Value::into_float);
        let loss = values.next().unwrap().sum();
        let (output, last_output) = (values.next().unwrap(), values.next().unwrap());
        let last = values.by_ref().take(self.v_last.len()).collect();
        let names = built.leaves.iter().map(|leaf| leaf.0.clone());
        Solution { loss, output, last, last_output, gradients: names.zip(values).collect() }
    }

    /// A selection of sequences, in that order.
    pub fn sequences(&self, which: &[usize]) -> Self {
        let pick = |a: &ArrayD<f64>, axis: usize| {
            if a.shape()[axis] == self.batch() { a.select(Axis(axis), which) } else { a.clone() }
        };
        let all = |arrays: &[ArrayD<f64>]| arrays.iter().map(|a| pick(a, 1)).collect();
        Self {
            x: pick(&self.x, 1),
            lengths: self.lengths.as_ref().map(|l| which.iter().map(|&b| l[b]).collect()),
            start: all(&self.start),
            v_output: pick(&self.v_output, 1),
            v_last: all(&self.v_last),
            v_last_output: pick(&self.v_last_output, 0),
            ..self.clone()
        }
    }

    /// One sequence alone, without padding.
    pub fn alone(&self, b: usize) -> Self {
        let (one, length) = (self.sequences(&[b]), self.length(b));
        Self { lengths: None, x: steps(&one.x, 0..length), v_output: steps(&one.v_output, 0..length), ..one }
    }
}

/// A range of steps of `[time, ..]`.
pub fn steps(a: &ArrayD<f64>, range: std::ops::Range<usize>) -> ArrayD<f64> {
    a.slice_axis(Axis(0), Slice::from(range)).to_owned()
}

/// The largest difference, relative to the largest element if that is above 1. A NaN gives infinity.
pub fn distance(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let scale = b.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    let far = |(a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() / scale };
    a.iter().zip(b).map(far).fold(0.0, f64::max)
}

/// The two must be within 1e-12 of each other.
#[track_caller]
pub fn near(a: &ArrayD<f64>, b: &ArrayD<f64>, what: &str) {
    let d = distance(a, b);
    assert!(d <= 1e-12, "{what}: {d:e} apart\n{a}\n{b}");
}

/// All gradients must be within 1e-12 of each other.
#[track_caller]
pub fn near_all(a: &BTreeMap<String, ArrayD<f64>>, b: &BTreeMap<String, ArrayD<f64>>, what: &str) {
    assert!(a.keys().eq(b.keys()), "{what}");
    a.iter().for_each(|(name, value)| near(value, &b[name], &format!("{what}: ∂{name}")));
}
