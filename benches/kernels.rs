//! The kernels alone: elementwise functions in time per element, matrix products in multiply-adds per second.

use autograd_compile::kernels::{Layout, Product, Workspace, rows, strips};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// Numbers in (−4, 4), the typical range of pre-activations.
fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37) % 1024) as f32 / 128.0 - 4.0).collect()
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("strip");
    for n in [16, 60, 256, 1024] {
        let (x, z, mut y) = (numbers(n), numbers(n), vec![0.0; n]);
        group.throughput(Throughput::Elements(n as u64));
        for (name, f) in [
            ("exp", strips::exp as fn(&mut [f32], &[f32])),
            ("ln", strips::ln),
            ("tanh", strips::tanh),
            ("sigmoid", strips::sigmoid),
            ("softplus", strips::softplus),
            ("relu", strips::relu),
        ] {
            group.bench_function(format!("{name}/{n}"), |b| b.iter(|| f(black_box(&mut y), black_box(&x))));
        }
        for (name, f) in [
            ("add", strips::add as fn(&mut [f32], &[f32], &[f32])),
            ("mul", strips::mul),
            ("less", strips::less),
            ("tanh_adjoint", strips::tanh_adjoint),
        ] {
            let mut run = || f(black_box(&mut y), black_box(&x), black_box(&z));
            group.bench_function(format!("{name}/{n}"), |b| b.iter(&mut run));
        }
    }
    let (x, mut y) = (numbers(1024).into_iter().map(f64::from).collect::<Vec<_>>(), vec![0.0; 1024]);
    group.throughput(Throughput::Elements(1024));
    for (name, f) in [
        ("exp", strips::exp as fn(&mut [f64], &[f64])),
        ("ln", strips::ln),
        ("tanh", strips::tanh),
        ("sigmoid", strips::sigmoid),
    ] {
        group.bench_function(format!("{name}/f64/1024"), |b| b.iter(|| f(black_box(&mut y), black_box(&x))));
    }
}

fn by_rows(c: &mut Criterion) {
    let (m, n) = (800, 64);
    let (x, mut y, mut sums) = (numbers(m * n), vec![0.0; m * n], vec![0.0; n]);
    let mut group = c.benchmark_group("rows");
    group.throughput(Throughput::Elements((m * n) as u64));
    group.bench_function("column_sums", |b| b.iter(|| rows::accumulate_column_sums(&mut sums, &x)));
    group.bench_function("log_softmax", |b| b.iter(|| rows::log_softmax(&mut y, &x, n)));
}

/// m, k, n, and whether A is transposed: the products of one step or one sequence of the benchmark nets.
const SHAPES: [(usize, usize, usize, bool); 16] = [
    (1, 16, 64, false),
    (1, 64, 16, false),
    (1, 8, 16, false),
    (20, 8, 64, false),
    (20, 16, 8, false),
    (16, 20, 64, true),
    (8, 64, 256, false),
    (8, 256, 64, false),
    (16, 128, 512, false),
    (16, 512, 128, false),
    (800, 64, 512, false),
    (800, 128, 64, false),
    (128, 800, 512, true),
    (32, 512, 2048, false),
    (32, 2048, 512, false),
    (512, 3200, 2048, true),
];

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    let mut workspace = Workspace::default();
    for (m, k, n, transposed) in SHAPES {
        let (a, b, mut y) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
        let left = if transposed { Layout::row_major(k, m).transposed() } else { Layout::row_major(m, k) };
        let product = Product::new(left, Layout::row_major(k, n), Layout::row_major(m, n));
        group.throughput(Throughput::Elements((m * k * n) as u64));
        let name = format!("{m},{k},{n}{}", if transposed { " transposed" } else { "" });
        group.bench_function(name, |bench| {
            bench.iter(|| product.run(&mut workspace, black_box(&a), &b, false, black_box(&mut y)));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = elementwise, by_rows, products }
criterion_main!(benches);
