//! Compiled graphs against the interpreter: random graphs and nets of every cell, with all passes and with each
//! alone.

mod common;
mod nets;

use autograd::graph::verify;
use autograd::ops::{Adjoint, Domain, Notation, Op, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Graph, NodeId, Point, Scalar, Type, Value, eval, grad, kernels};
use autograd_compile::{Compiler, compile};
use common::graphs::make;
use nets::{Problem, cells};
use proptest::prelude::*;
use std::sync::Arc;

/// The largest difference, relative to the largest expected element if that is above 1.
#[allow(clippy::float_cmp)] // equal infinities are equal
fn distance(a: &Value<f64>, b: &Value<f64>) -> f64 {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            assert_eq!(a.shape(), b.shape());
            let scale = b.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            a.iter().zip(b).fold(0.0, |m, (a, b)| {
                // Equal infinities and two NaNs count as equal.
                if a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() || a == b {
                    m
                } else {
                    m.max((a - b).abs() / scale)
                }
            })
        }
        (a, b) => {
            if a == b {
                0.0
            } else {
                f64::INFINITY
            }
        }
    }
}

fn agrees(graph: &Arc<Graph>, point: &Point<f64>, outputs: &[NodeId], compiler: &Compiler, what: &str) {
    let want = eval(graph, point, outputs).unwrap();
    let optimised = compiler.optimise(graph, outputs).unwrap();
    verify(&optimised.graph).unwrap();
    let mut moved = Point::new();
    for (id, value) in point.iter() {
        if let Ok(new) = optimised.graph.find(&graph.name(id).unwrap()) {
            moved.set(new, value.clone());
        }
    }
    let interpreted = eval(&optimised.graph, &moved, &optimised.outputs).unwrap();
    let executable = compiler.compile::<f64>(graph, outputs).unwrap();
    for run in 0..2 {
        let compiled = executable.run(point).unwrap();
        for (i, want) in want.iter().enumerate() {
            for (by, got) in [("the passes", &interpreted[i]), ("the plan", &compiled[i])] {
                let d = distance(got, want);
                assert!(
                    d <= 1e-11,
                    "{what}, run {run}: output {i} {} differs by {d} through {by}\n{}\n{}",
                    graph.name(outputs[i]).unwrap(),
                    graph.text(),
                    optimised.graph.text()
                );
            }
        }
    }
}

/// The random graph of a seed, or of the next seed for which no comparison is decided by rounding.
fn random_graph(mut seed: u64, second: bool) -> (Arc<Graph>, Vec<NodeId>, Point<f64>) {
    loop {
        let g = Builder::new();
        let (leaves, mut outputs, point) = make(&g, &mut Sampler::new(seed), true);
        let total = g.sum(&outputs.iter().map(|y| y.sum()).collect::<Vec<_>>());
        outputs.extend(grad(total, &leaves));
        if second {
            let again = g.sum(&outputs.iter().map(|y| y.powi(2).sum()).collect::<Vec<_>>());
            outputs.extend(grad(again, &leaves));
        }
        let graph = g.graph().unwrap();
        if !is_decided_by_rounding(&graph, &point) {
            return (graph, outputs.iter().map(|&y| y.into()).collect(), point);
        }
        seed = seed.wrapping_add(1);
    }
}

/// Whether a comparison has operands that differ only by rounding, such as `cosh x < √(sinh² x + 1)`. A rewrite that
/// preserves all values up to rounding may change its result.
fn is_decided_by_rounding(graph: &Graph, point: &Point<f64>) -> bool {
    let compared: Vec<NodeId> = graph
        .ids()
        .filter(|&id| matches!(graph[id].op, Op::Compare(_)))
        .flat_map(|id| graph.operands(id).unwrap().collect::<Vec<_>>())
        .collect();
    let values = eval(graph, point, &compared).unwrap();
    compared.chunks(2).zip(values.chunks(2)).any(|(nodes, values)| {
        let [a, b] = values else { panic!("a comparison has two operands") };
        let close = |a: f64, b: f64| (a != 0.0 || b != 0.0) && (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        match (a, b) {
            (Value::Float(a), Value::Float(b)) if nodes[0] != nodes[1] => {
                let shape = if a.ndim() > b.ndim() { a.shape() } else { b.shape() };
                match (a.broadcast(shape), b.broadcast(shape)) {
                    (Some(a), Some(b)) => a.iter().zip(b).any(|(&a, &b)| close(a, b)),
                    _ => true,
                }
            }
            _ => false,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_graphs_agree(seed: u64, second: bool) {
        let (graph, outputs, point) = random_graph(seed, second);
        agrees(&graph, &point, &outputs, &Compiler::new(), "all passes");
    }

    #[test]
    fn random_graphs_agree_by_rows(seed: u64, second: bool) {
        let (graph, outputs, point) = random_graph(seed, second);
        let executable = Compiler::new().threads(2).compile::<f64>(&graph, &outputs).unwrap();
        let got = executable.run(&point).unwrap();
        let want = eval(&graph, &point, &outputs).unwrap();
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let d = distance(got, want);
            prop_assert!(d <= 1e-11, "{} shares, output {i} differs by {d}\n{}", executable.shards(), graph.text());
        }
    }

    #[test]
    fn each_pass_agrees_by_itself(seed: u64) {
        let (graph, outputs, point) = random_graph(seed, false);
        agrees(&graph, &point, &outputs, &Compiler::with(&[]), "no pass");
        for pass in Compiler::passes() {
            agrees(&graph, &point, &outputs, &Compiler::with(&[pass]), pass);
            agrees(&graph, &point, &outputs, &Compiler::new().without(pass), &format!("without {pass}"));
        }
    }
}

/// The graphs of this test include sharded ones.
#[test]
fn many_random_graphs_are_cut_by_rows() {
    let cut = (0..200).filter(|&seed| {
        let (graph, outputs, _) = random_graph(seed, false);
        Compiler::new().threads(2).compile::<f64>(&graph, &outputs).unwrap().shards() == 2
    });
    let cut = cut.count();
    assert!(cut > 10, "{cut} of 200");
}

/// Values for computed nodes, which the interpreter accepts, are an error in a compiled graph.
#[test]
fn values_for_computed_or_foreign_nodes_are_refused() {
    let (g, other) = (Builder::new(), Builder::new());
    let x = g.input("x", [2]);
    let y = (x * 2.0).named("y");
    let foreign = other.input("x", [2]);
    let z = y.exp();
    let executable = compile::<f64>(&g.graph().unwrap(), &[z]).unwrap();
    let point = Point::new().with(x, ndarray::arr1(&[1.0, 2.0]));
    assert!(executable.run(&point).is_ok());
    let said = executable.run(&point.clone().with(y, ndarray::arr1(&[0.0, 0.0]))).unwrap_err().to_string();
    assert!(said.contains("`y`") && said.contains("it is computed"), "{said}");
    let said = executable.run(&point.with(foreign, ndarray::arr1(&[0.0, 0.0]))).unwrap_err().to_string();
    assert!(said.contains("another graph"), "{said}");
}

/// The position of the largest element: an op with an index result.
#[derive(Debug)]
struct ArgMax;

impl ArgMax {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let x: Vec<f64> = x[0].cast::<f64>().float().iter().copied().collect();
        let best = (0..x.len()).max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap_or(0);
        Value::Index(ndarray::arr0(best).into_dyn())
    }
}

impl Operator for ArgMax {
    kernels!();
    fn name(&self) -> &'static str {
        "argmax"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(Type::index([], operands[0].shape.count()))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Zero
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        Sample::new(Self, [s.float([3], Domain::reals(-1.0, 1.0))])
    }
}

#[test]
fn whole_numbers_that_are_made_are_refused_by_name() {
    let g = Builder::new();
    let (x, table) = (g.input("x", [3]), g.parameter("table", [3, 2]));
    let best = x.custom(ArgMax).named("best");
    let row = table.gather(best);
    let point = Point::new()
        .with(x, ndarray::arr1(&[0.0, 2.0, 1.0]))
        .with(table, ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
    let graph = g.graph().unwrap();
    assert_eq!(eval::<f64>(&graph, &point, &[row]).unwrap()[0].float().as_slice(), Some(&[3.0, 4.0][..]));
    let said = compile::<f64>(&graph, &[row]).unwrap_err().to_string();
    assert!(said.contains("`best` (argmax) makes whole numbers"), "{said}");
}

/// The difference between single and double precision in the interpreter: if it is small, the graph is well
/// conditioned at its point, and no comparison depends on rounding.
fn conditioning(graph: &Graph, point: &Point<f64>, outputs: &[NodeId], want: &[Value<f64>]) -> f64 {
    let single = eval::<f32>(graph, &point.cast(), outputs).unwrap();
    single.iter().zip(want).fold(0.0, |m: f64, (a, b)| m.max(distance(&a.cast(), b)))
}

/// Compares compiled with interpreted random graphs of these seeds, on one and two threads, in both precisions: to
/// 1e-12 and 1e-5 of their magnitude where well conditioned, and to 1e-11 anywhere. Returns the number of
/// well-conditioned ones.
fn both_precisions(seeds: std::ops::Range<u64>) -> usize {
    let well = seeds.filter(|&seed| {
        let (graph, outputs, point) = random_graph(seed, seed % 4 == 0);
        let want = eval(&graph, &point, &outputs).unwrap();
        let well = conditioning(&graph, &point, &outputs, &want) < 1e-6;
        let compiler = Compiler::new().threads(1 + (seed % 2) as usize);
        let double = compiler.compile::<f64>(&graph, &outputs).unwrap().run(&point).unwrap();
        let single = compiler.compile::<f32>(&graph, &outputs).unwrap().run(&point.cast()).unwrap();
        for (i, want) in want.iter().enumerate() {
            let d = distance(&double[i], want);
            assert!(
                d <= if well { 1e-12 } else { 1e-11 },
                "seed {seed}: output {i} differs by {d}\n{}",
                graph.text()
            );
            let d = distance(&single[i].cast(), want);
            assert!(!well || d <= 1e-5, "seed {seed}: output {i} differs in f32 by {d}\n{}", graph.text());
        }
        well
    });
    well.count()
}

#[test]
fn a_thousand_random_graphs_agree_in_both_precisions() {
    let well = both_precisions(0..1_000);
    assert!(well > 800, "{well} of 1000 graphs are well conditioned");
}

/// `cargo test --test compiled -- --ignored a_hundred_thousand`
#[test]
#[ignore = "it takes minutes"]
fn a_hundred_thousand_random_graphs_agree_in_both_precisions() {
    let well = both_precisions(1_000..101_000);
    println!("{well} of 100000 graphs are well conditioned");
    assert!(well > 80_000, "{well}");
}

fn net_agrees(problem: &Problem, compiler: &Compiler, what: &str) {
    let g = Builder::new();
    let built = problem.build(&g);
    let mut outputs: Vec<Expr> = vec![built.loss];
    outputs.extend(grad(built.loss, &built.wrt()));
    let ids: Vec<NodeId> = outputs.iter().map(|&y| y.into()).collect();
    agrees(&g.graph().unwrap(), &built.point, &ids, compiler, what);
}

#[test]
fn nets_of_every_cell_agree() {
    cells::each(12, |subject, setup| {
        net_agrees(&subject.problem(&setup), &Compiler::new(), &format!("{} {setup:?}", subject.name));
    });
}

#[test]
fn nets_agree_without_any_one_pass() {
    cells::each(1, |subject, setup| {
        for pass in Compiler::passes() {
            let what = format!("{} without {pass} {setup:?}", subject.name);
            net_agrees(&subject.problem(&setup), &Compiler::new().without(pass), &what);
        }
    });
}

/// The loss of an LSTM with a head of four classes at each of its steps, and the gradients of all its parameters.
fn lstm(steps: usize, batch: usize, hidden: usize) -> (Arc<Graph>, Vec<NodeId>) {
    let g = Builder::new();
    let net = rnn::Layers::of(rnn::cell::by_name("lstm").unwrap(), 5, hidden);
    let weights = net.declare(&g, "");
    let x = g.input("x", [steps, batch, 5]);
    let run = net.unroll(&g, &weights, x, None, &rnn::Start::Zero);
    let head = g.parameter("head", [4, hidden]);
    let losses: Vec<Expr> = run.outputs.iter().map(|h| h.linear(head).log_softmax(1).sum()).collect();
    let loss = g.sum(&losses);
    let wrt: Vec<Expr> = g.graph().unwrap().parameters().map(|id| g.expr(id)).collect();
    let outputs = [loss].into_iter().chain(grad(loss, &wrt)).map(NodeId::from).collect();
    (g.graph().unwrap(), outputs)
}

/// The memory that one LSTM step adds to the plan, in numbers per sequence and unit.
fn kept_by_a_step(compiler: &Compiler) -> f64 {
    let (batch, hidden) = (4, 64);
    let bytes = |steps| {
        let (graph, outputs) = lstm(steps, batch, hidden);
        compiler.compile::<f32>(&graph, &outputs).unwrap().bytes() as f64
    };
    (bytes(80) - bytes(40)) / (40 * batch * hidden * size_of::<f32>()) as f64
}

/// Each step keeps the four gates, which overwrite their pre-activations, and their adjoints or the operands of
/// these: ten numbers per unit, and less than one more for input, head and broadcasts.
#[test]
fn an_lstm_keeps_ten_numbers_of_each_unit_and_step() {
    let kept = kept_by_a_step(&Compiler::new());
    assert!((7.0..11.0).contains(&kept), "{kept}");
}

/// The products of an LSTM of four gates and 20 steps: one recurrent product per step in each direction, and one each
/// for the inputs, the head and the gradients of the weights.
#[test]
fn the_products_of_an_lstm_are_those_of_a_fused_one() {
    let steps = 20;
    let (graph, outputs) = lstm(steps, 3, 6);
    let optimised = Compiler::new().optimise(&graph, &outputs).unwrap();
    let products = optimised.graph.ids().filter(|&id| optimised.graph[id].op.name() == "matmul").count();
    // Forward: inputs, head, and `steps` of the recurrence. Backward: through the head, the recurrence from step 2 on,
    // and the gradients of the head, the input weights and the recurrent weights.
    assert_eq!(products, 2 + steps + 1 + (steps - 1) + 3);
}

/// A product that is written twice costs as much as once, forwards and backwards: its two adjoints are added before
/// they are multiplied by the weight.
#[test]
fn a_product_that_is_written_twice_is_made_once() {
    let cost = |equations: &str| {
        let g = Builder::new();
        let cell = rnn::equations::EquationCell::read(equations, "twice.cell").unwrap();
        let net = rnn::Layers::new(cell, 5, 6);
        let run = net.unroll(&g, &net.declare(&g, ""), g.input("x", [4, 3, 5]), None, &rnn::Start::Zero);
        let loss = (run.output() * run.output()).sum();
        let wrt: Vec<Expr> = g.graph().unwrap().parameters().map(|id| g.expr(id)).collect();
        let outputs: Vec<NodeId> = [loss].into_iter().chain(grad(loss, &wrt)).map(NodeId::from).collect();
        let graph = Compiler::new().optimise(&g.graph().unwrap(), &outputs).unwrap().graph;
        let shape = |id: NodeId| graph.node(id).unwrap().ty.shape.clone();
        let products = graph.ids().filter(|&id| graph.node(id).unwrap().op.name() == "matmul");
        let multiplications = products.map(|id| {
            let rows: usize = shape(id).iter().product();
            let of = graph.operands(id).unwrap().next().unwrap();
            // m n k of [m, k] times [k, n]: (m n) (m k) (k n) is its square.
            let all =
                graph.operands(id).unwrap().map(|x| shape(x).iter().product::<usize>()).product::<usize>();
            assert!(shape(of).len() == 2);
            (all * rows).isqrt()
        });
        multiplications.sum::<usize>()
    };
    let once = cost(
        "cell a\n f[t] = sigmoid(W x[t] + U h[t-1])\n g[t] = sigmoid(W x[t] + U f[t])
           h[t] = (f[t] + g[t] * a) / (1 + g[t])",
    );
    let twice = cost(
        "cell a\n f[t] = sigmoid(W x[t] + U h[t-1])
           h[t] = (f[t] + sigmoid(W x[t] + U f[t]) * a) / (1 + sigmoid(W x[t] + U f[t]))",
    );
    assert_eq!(once, twice);
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let g = Builder::new();
    let x = g.input("x", [2]);
    let y = x.tanh();
    let executable = compile::<f64>(&g.graph().unwrap(), &[y]).unwrap();
    let unset = executable.run(&Point::new()).unwrap_err().to_string();
    assert!(unset.contains("`x`") && unset.contains("has no value"), "{unset}");
    let wrong = executable.run(&Point::new().with(x, ndarray::arr1(&[1.0]))).unwrap_err().to_string();
    assert!(wrong.contains("`x`") && wrong.contains("[1]"), "{wrong}");
}

/// The number of nodes after each pass is linear in the number of steps, for every cell (second differences are
/// zero). Cells that read the step number are periodic.
#[test]
fn optimised_graphs_grow_linearly_with_time() {
    for subject in cells::ALL.iter() {
        let nodes = |steps: usize| {
            let setup = nets::Setup {
                steps,
                batch: 2,
                input: 4,
                hidden: 4,
                depth: 1,
                bidirectional: false,
                window: None,
                lengths: None,
                begin: nets::Begin::Zero,
                seed: 1,
            };
            let g = Builder::new();
            let built = subject.problem(&setup).build(&g);
            let outputs: Vec<NodeId> = grad(built.loss, &built.wrt()).into_iter().map(NodeId::from).collect();
            Compiler::new().optimise(&g.graph().unwrap(), &outputs).unwrap().graph.len()
        };
        let every = 8 * subject.period;
        let [a, b, c] = [1, 2, 3].map(|n| nodes(16 + n * every));
        assert_eq!(c - b, b - a, "{}: {a} {b} {c}", subject.name);
    }
}

/// A graph over inputs `[n, n]`: compiled equals interpreted.
fn computes(
    inputs: usize,
    shape: &[usize],
    build: impl for<'g> Fn(&'g Builder, &[Expr<'g>]) -> Vec<Expr<'g>>,
) {
    let g = Builder::new();
    let mut point = Point::new();
    let mut k = 0.0;
    let x: Vec<Expr> = (0..inputs)
        .map(|i| {
            let x = g.input(&format!("x{i}"), shape);
            let number = || {
                k += 0.37_f64;
                k.sin()
            };
            point.set(x, ndarray::ArrayD::from_shape_simple_fn(shape, number));
            x
        })
        .collect();
    let outputs: Vec<NodeId> = build(&g, &x).into_iter().map(NodeId::from).collect();
    agrees(&g.graph().unwrap(), &point, &outputs, &Compiler::new(), "by hand");
}

/// The factor and the product are adjacent, with interleaved rows.
#[test]
fn a_product_may_stand_beside_its_factor() {
    computes(2, &[3, 3], |g, x| {
        let u = x[0].tanh();
        vec![g.concat(1, &[u, u.matmul(x[1])])]
    });
    // A skip connection beside a bottleneck, and its gradient.
    computes(4, &[3, 3], |_, x| {
        let y = (x[0].linear(x[1]) + x[0].linear(x[2]).linear(x[3])).tanh();
        [vec![y], grad(y.sum(), x)].concat()
    });
}

/// Truth values of blocks are not concatenated.
#[test]
fn choices_by_blocks_stay_apart() {
    computes(1, &[4, 2], |_, x| {
        let block = |i: usize| x[0].slice(0, 2 * i..2 * i + 2);
        (0..2).map(|i| block(i).less(0.0).select(block(i).sin(), block(i))).collect()
    });
}

#[test]
fn sums_may_have_very_many_terms() {
    computes(300, &[2], |g, x| vec![g.sum(x), g.sum(x).tanh() + g.sum(&x[..64])]);
}

/// Products of different widths, concatenated by columns.
#[test]
fn columns_of_unlike_products_are_added_one_by_one() {
    computes(4, &[4, 4], |g, x| {
        let wide = g.concat(1, &[x[2], x[3]]);
        vec![x[0].matmul(x[1]).slice(1, 0..2) + x[1].matmul(wide).slice(1, 0..2)]
    });
}

/// Empty slices at the end.
#[test]
fn an_empty_slice_can_be_an_output() {
    computes(1, &[4, 2, 2], |_, x| {
        let none = x[0].slice(0, 4..4);
        vec![none, none.tanh(), none.sum()]
    });
}

/// Machines differ in their vector instructions: all supported sets are tested.
#[test]
fn narrower_vector_instructions_agree() {
    let tests = ["a_thousand_random_graphs_agree_in_both_precisions", "random_graphs_agree"];
    for vectors in ["avx2", "portable"] {
        let program = std::env::current_exe().unwrap();
        let run = std::process::Command::new(program)
            .arg("--exact")
            .args(tests)
            .env("AUTOGRAD_VECTORS", vectors)
            .output();
        let run = run.unwrap();
        assert!(run.status.success(), "{vectors}:\n{}", String::from_utf8_lossy(&run.stdout));
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(said.contains(&format!("{} passed", tests.len())), "{said}");
    }
}

/// A rewrite may change `cosh x < √(sinh² x + 1)`, but neither `0 < 0` nor a comparison of distant values.
#[test]
fn comparisons_that_rounding_decides_are_told() {
    let g = Builder::new();
    let x = g.input("x", [3]);
    let (zero, equal) = (x * 0.0, (x.sinh().powi(2) + 1.0).sqrt());
    let decided = |y: Expr, z: Expr| {
        let g = Builder::resume(y.builder().graph().unwrap());
        let _ = g.expr(y.id()).less(g.expr(z.id()));
        let point = Point::new().with(x, ndarray::arr1(&[0.3, -0.7, 0.9]));
        is_decided_by_rounding(&g.graph().unwrap(), &point)
    };
    assert!(decided(x.cosh(), equal) && decided(equal, x.cosh()));
    assert!(!decided(x, zero) && !decided(zero, zero * 2.0) && !decided(x, x) && !decided(x.exp(), equal));
}
