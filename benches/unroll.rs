//! Unrolling a cell read from its file, compared with the same cell written in Rust: the minimal gated unit, and an
//! LSTM gate by gate. Both build the same nodes, and are measured alternately in one run: the target ratio is at most
//! 1.3.

use autograd::{Builder, Expr, Graph};
use criterion::{Criterion, criterion_group, criterion_main};
use rnn::cell::{Cell, Next, State, Step, Weight, Weights, by_name};
use rnn::{Layers, Start};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const BATCH: usize = 32;
const INPUT: usize = 64;
const HIDDEN: usize = 128;

/// The minimal gated unit. Zhou et al. 2016, eq. 4-6
#[derive(Debug)]
struct Mgu;

impl Cell for Mgu {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::gates(["f", "n"], input, hidden)
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        let h = state[0];
        let f = (x.linear(w["W_f"]) + h.linear(w["U_f"]) + w["b_f"]).sigmoid().named("f");
        let n = (x.linear(w["W_n"]) + (f * h).linear(w["U_n"]) + w["b_n"]).tanh().named("n");
        ((1.0 - f) * h + f * n).named("h").into()
    }
}

/// Long short-term memory, gate by gate, as `lstm.cell` has it.
#[derive(Debug)]
struct Lstm;

impl Cell for Lstm {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        Weight::stacked(&["i", "f", "g", "o"], input, hidden)
    }

    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden), State::new("c", hidden)]
    }

    fn prepare<'g>(&self, w: &Weights<'g>, _: usize, n: usize, _: rnn::cell::Lane<'g>) -> Weights<'g> {
        let part = |stack: &str, k: usize, name: String| {
            let rows = w[stack].slice(0, k * n..(k + 1) * n).named(&name);
            (name, rows)
        };
        let stacks = [("weight_ih", "W_i"), ("weight_hh", "W_h"), ("bias_ih", "b_i"), ("bias_hh", "b_h")];
        let gates = ["i", "f", "g", "o"].into_iter().enumerate();
        let parts = stacks.iter().flat_map(|(stack, name)| {
            gates.clone().map(move |(k, gate)| part(stack, k, format!("{name}{gate}")))
        });
        Weights::new(w.builder(), parts.collect())
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        let (h, c) = (state[0], state[1]);
        let i = (x.linear(w["W_ii"]) + w["b_ii"] + h.linear(w["W_hi"]) + w["b_hi"]).sigmoid().named("i");
        let f = (x.linear(w["W_if"]) + w["b_if"] + h.linear(w["W_hf"]) + w["b_hf"]).sigmoid().named("f");
        let g = (x.linear(w["W_ig"]) + w["b_ig"] + h.linear(w["W_hg"]) + w["b_hg"]).tanh().named("g");
        let o = (x.linear(w["W_io"]) + w["b_io"] + h.linear(w["W_ho"]) + w["b_ho"]).sigmoid().named("o");
        let c = (f * c + i * g).named("c");
        [(o * c.tanh()).named("h"), c].into()
    }
}

fn unrolled(cell: &Arc<dyn Cell>, steps: usize) -> Arc<Graph> {
    let g = Builder::new();
    let net = Layers::of(cell.clone(), INPUT, HIDDEN);
    let x = g.input("x", [steps, BATCH, INPUT]);
    black_box(net.unroll(&g, &net.declare(&g, ""), x, None, &Start::Zero));
    g.graph().expect("the net is sound")
}

fn seconds(work: impl Fn() -> Arc<Graph>) -> f64 {
    let begin = Instant::now();
    let graph = black_box(work());
    let seconds = begin.elapsed().as_secs_f64();
    drop(graph);
    seconds
}

/// The median and the minimum of the ratio of two times, measured back to back.
fn ratio(file: impl Fn() -> Arc<Graph>, rust: impl Fn() -> Arc<Graph>, pairs: usize) -> (f64, f64) {
    let mut times: Vec<(f64, f64)> = (0..pairs).map(|_| (seconds(&file), seconds(&rust))).collect();
    let least = |of: fn(&(f64, f64)) -> f64| times.iter().map(of).fold(f64::INFINITY, f64::min);
    let least = least(|t| t.0) / least(|t| t.1);
    times.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let middle = times[pairs / 2];
    (middle.0 / middle.1, least)
}

fn unroll(c: &mut Criterion) {
    let cells: [(&str, Arc<dyn Cell>); 2] = [("mgu", Arc::new(Mgu)), ("lstm", Arc::new(Lstm))];
    for (name, rust) in cells {
        let file: Arc<dyn Cell> = by_name(name).expect("it is shipped");
        for steps in [50, 1000] {
            let (ours, theirs) = (unrolled(&file, steps).ids().count(), unrolled(&rust, steps).ids().count());
            assert_eq!(ours, theirs, "{name}: both make the same nodes");
            let pairs = if steps > 100 { 101 } else { 1001 };
            let (median, least) = ratio(|| unrolled(&file, steps), || unrolled(&rust, steps), pairs);
            println!(
                "{name}, {steps} steps, {ours} nodes: file / Rust {median:.3} (median of pairs), {least:.3} (minima)"
            );
            for (kind, cell) in [("file", &file), ("rust", &rust)] {
                c.bench_function(&format!("unroll/{name}/{steps}/{kind}"), |b| {
                    b.iter(|| unrolled(cell, steps));
                });
            }
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = unroll }
criterion_main!(benches);
