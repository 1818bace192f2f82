//! The meaning of the language's forms: compared with the same cell written without them.

use autograd::{Builder, Point, eval};
use ndarray::{ArrayD, IxDyn, arr2, s};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus as Rng;
use rnn::cell::{Lane, Weights};
use rnn::equations::EquationCell;
use rnn::init::{First, Init};
use rnn::{Cell, Dropout, Layers, Start};

const SIZES: (usize, usize) = (3, 4);

fn read(text: &str) -> EquationCell {
    EquationCell::read(text, "my.cell").unwrap_or_else(|faults| panic!("{faults}"))
}

fn random(shape: &[usize], rng: &mut Rng) -> ArrayD<f64> {
    ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.random_range(-1.0..1.0))
}

/// Outputs over four steps for two sequences, the second of two steps: all values are a function of the seed.
fn run(text: &str) -> ArrayD<f64> {
    let (g, mut rng) = (Builder::new(), Rng::seed_from_u64(1));
    let net = Layers::new(read(text), SIZES.0, SIZES.1);
    let weights = net.declare(&g, "");
    let x = g.input("x", [4, 2, SIZES.0]);
    let lengths = g.index_input("lengths", [2, 1], 5);
    let start: Vec<_> =
        net.states().iter().map(|s| g.input(&format!("{}0", s.name), [s.lanes(), 2, s.size])).collect();
    let mut point = Point::new().with(x, random(&[4, 2, SIZES.0], &mut rng));
    point.set(lengths, autograd::Value::Index(arr2(&[[4], [2]]).into_dyn()));
    let mut named: Vec<_> = weights[0].iter().collect();
    named.sort_by_key(|(name, _)| (*name).to_string());
    for (_, w) in named {
        point.set(w, random(&w.shape(), &mut rng));
    }
    // All states of one name start alike, whatever other states exist.
    for (i, s) in start.iter().enumerate() {
        let value = 0.1 * (i as f64 + 1.0);
        point.set(*s, ArrayD::from_elem(IxDyn(&s.shape()), value));
    }
    let output = net.unroll(&g, &weights, x, Some(lengths), &Start::From(start)).output();
    let graph = g.graph().unwrap();
    eval(&graph, &point, &[output.id()]).unwrap().remove(0).into_float()
}

#[track_caller]
fn same(one: &str, other: &str) {
    assert_eq!(run(one), run(other));
}

#[test]
fn a_call_is_the_body_with_its_arguments() {
    same(
        "cell a\n const e = 0.01
           fn norm(a, b) = b * (a - mean(a)) / sqrt(mean((a - mean(a))^2) + e)
           fn gate(W, U, b) = sigmoid(norm(W x[t], b) + norm(U h[t-1], b)^2)
           h[t] = gate(W_f, U_f, b_f) - h[t-1]",
        "cell a\n p[t] = W_f x[t]\n q[t] = U_f h[t-1]
           p_n[t] = b_f * (p[t] - mean(p[t])) / sqrt(mean((p[t] - mean(p[t]))^2) + 0.01)
           q_n[t] = b_f * (q[t] - mean(q[t])) / sqrt(mean((q[t] - mean(q[t]))^2) + 0.01)
           h[t] = sigmoid(p_n[t] + q_n[t]^2) - h[t-1]",
    );
}

/// In a function nothing has a time: `x_t` is a name like any other, also where a line outside makes one so called.
#[test]
fn arguments_may_have_names_of_times() {
    same(
        "cell a\n fn mix(x_t, y) = x_t * y\n h[t] = tanh(mix(W x[t], U h[t-1]))",
        "cell a\n h[t] = tanh((W x[t]) * (U h[t-1]))",
    );
    same(
        "cell a\n fn twice(x_t,\n h_t) =\n x_t\n + 2 * h_t\n h_t = tanh(twice(W x_t, U h_{t-1}))",
        "cell a\n h[t] = tanh(W x[t] + 2 * U h[t-1])",
    );
    same(
        "cell a
           fn mix(x_t, h_t)
             z_t = x_t
               * h_t
             return z_t
               + x_t
           z_t = mix(W x_t, U h_{t-1})
           h_t = tanh(z_t)",
        "cell a\n h[t] = tanh((W x[t]) * (U h[t-1]) + W x[t])",
    );
}

/// A product passed as an argument is one node, though the body reads it three times.
#[test]
fn an_argument_is_one_value() {
    let products = |text: &str| {
        let g = Builder::new();
        let net = Layers::new(read(text), 3, 4);
        let weights = net.declare(&g, "");
        net.unroll(&g, &weights, g.input("x", [1, 1, 3]), None, &Start::Zero).output();
        let graph = g.graph().unwrap();
        graph.users().at(graph.find("W_l0").unwrap().index()).len()
    };
    assert_eq!(products("cell a\n h[t] = W x[t]"), 1);
    assert_eq!(products("cell a\n fn cube(a) = a * a * a\n h[t] = cube(W x[t])"), 1);
    assert_eq!(products("cell a\n h[t] = (W x[t]) * (W x[t]) * (W x[t])"), 3);
}

/// The initial value is set by the equation that the message for `h[0]` suggests.
#[test]
fn the_start_is_kept_where_an_equation_keeps_it() {
    let kept = run("cell a\n h_0[t] = where(t == 1, h[t-1], h_0[t-1])\n h[t] = tanh(W x[t]) + h_0[t]");
    // h is the first state, and starts at 0.1.
    let without = run("cell a\n h[t] = tanh(W x[t]) + 0 * h[t-1]");
    let live = [[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0]];
    for ((t, b, i), &h) in kept.view().into_dimensionality::<ndarray::Ix3>().unwrap().indexed_iter() {
        assert!((h - without[[t, b, i]] - 0.1 * live[t][b]).abs() < 1e-15, "{t} {b} {i}");
    }
}

#[test]
fn raised_digits_are_powers() {
    same("cell a\n h[t] = (W x[t])² + (2 + h[t-1])⁻¹", "cell a\n h[t] = (W x[t])^2 + 1 / (2 + h[t-1])");
}

#[test]
fn several_parameters_and_packs_begin_alike() {
    let cell = read(
        "cell a\n h[t] = W x[t] + U h[t-1] + V h[t-1] + b + c\n pack R = U V\n init R W = orthogonal:2\n init b c = 1",
    );
    let parts: Vec<_> =
        cell.weights(3, 4).into_iter().flat_map(|w| w.parts).map(|p| (p.name, p.init)).collect();
    for (name, init) in parts {
        let expected = if ["b", "c"].contains(&&*name) {
            Init::Constant { value: 1.0 }
        } else {
            Init::Orthogonal { gain: 2.0 }
        };
        assert_eq!(init, Some(First::Init(expected)), "{name}");
    }
}

/// Names that the unrolled graph also uses are allowed in a cell, and can be found.
#[test]
fn names_of_the_graph_are_free() {
    let names = ["carried", "cut", "live", "dropped", "joined", "lengths", "stopped", "loss"];
    let equations = names.map(|n| format!(" {n}[t] = tanh(W_{n} x[t] + {n}[t-1])\n")).concat();
    let sum = names.map(|n| format!("{n}[t]")).join(" + ");
    let text = format!("cell a\n{equations} h[t] = {sum}");
    let g = Builder::new();
    let net = Layers::new(read(&text), 3, 4).depth(2).bidirectional(true).window(Some(2));
    let weights = net.declare(&g, "");
    let x = g.input("x", [4, 2, 3]);
    let lengths = g.index_input("lengths", [2, 1], 5);
    net.unroll(&g, &weights, x, Some(lengths), &Start::Zero).output();
    let graph = g.graph().unwrap();
    for name in names {
        let found = g.expr(graph.find(&format!("l1/forward/{name}[2]")).unwrap());
        assert_eq!(found.shape()[..], [2, 4], "{name}");
    }
}

/// A state with the input's size has another size in the second layer.
#[test]
fn states_as_wide_as_the_input_stack() {
    let text = "cell a\n m[t] = 0.5 * m[t-1] + x[t]\n h[t] = tanh(W m[t])";
    let g = Builder::new();
    let net = Layers::new(read(text), 3, 4).depth(2);
    let weights = net.declare(&g, "");
    let run = net.unroll(&g, &weights, g.input("x", [3, 2, 3]), None, &Start::Zero);
    assert_eq!(run.output().shape()[..], [3, 2, 4]);
    assert!(g.graph().is_ok(), "{:?}", g.graph().err());
}

/// Sequences of scalars alone are scalars, and a `1` does not unify with the other operand's size.
#[test]
fn scalars_stay_scalars() {
    let shape = |text: &str, name: &str| {
        let cell = read(text);
        let found = cell.shapes().into_iter().find(|(n, _)| *n == name).map(|(_, shape)| shape.to_string());
        found.unwrap()
    };
    let gate =
        "cell a\n param w: [1, input]\n i[t] = sigmoid(w x[t])\n h[t] = i[t] * tanh(W x[t] + U h[t-1])";
    assert_eq!(
        [shape(gate, "i"), shape(gate, "h"), shape(gate, "U")],
        ["scalar", "[hidden]", "[hidden, hidden]"]
    );
    let memory = "cell a\n u[t] = sum(w * x[t])\n m[t] = 0.5 * m[t-1] + n[t-1] + u[t]\n n[t] = m[t] - n[t-1]
        h[t] = V concat(m[t], n[t])";
    assert_eq!(
        [shape(memory, "m"), shape(memory, "n"), shape(memory, "V")],
        ["scalar", "scalar", "[hidden, 2]"]
    );
    // One vector in the cycle makes all of it vectors.
    let vectors = "cell a\n m[t] = 0.5 * m[t-1] + n[t-1]\n n[t] = m[t] + b\n h[t] = n[t] + W x[t]";
    assert_eq!(shape(vectors, "m"), "[hidden]");
    let column = "cell a\n param V: [hidden, 1]\n u[t] = sum(w * x[t])\n h[t] = tanh(V u[t] + U h[t-1])";
    assert_eq!(shape(column, "h"), "[hidden]");
    same(gate, "cell a\n i[t] = sigmoid(sum(w * x[t]))\n h[t] = i[t] * tanh(W x[t] + U h[t-1])");
}

#[test]
fn a_loop_is_its_lines() {
    same(
        "cell a
           size n = 3
           for j = 1..n
             s[j][t] = tanh(W[j] x[t] + j * b[j] + s[j][t-j] + s[j+1][t-2^j])
           end
           s[4][t] = W[4] x[t]
           y[t] = max(s[j][t] * s[j][t-1] for j = 1..2)
           h[t] = mean(V[j] s[j][t] for j = 2..n) + sum(s[i][t]^i for i = 1..n) + y[t]",
        "cell a
           s_1[t] = tanh(W_1 x[t] + b_1 + s_1[t-1] + s_2[t-2])
           s_2[t] = tanh(W_2 x[t] + 2 * b_2 + s_2[t-2] + s_3[t-4])
           s_3[t] = tanh(W_3 x[t] + 3 * b_3 + s_3[t-3] + s_4[t-8])
           s_4[t] = W_4 x[t]
           y[t] = max(s_1[t] * s_1[t-1], s_2[t] * s_2[t-1])
           h[t] = (V_2 s_2[t] + V_3 s_3[t]) / 2 + (s_1[t] + s_2[t]^2 + s_3[t]^3) + y[t]",
    );
    // The substeps of a solver, nested; loops in loops.
    same(
        "cell a
           v[0][t] = h[t-1]
           for j = 1..3
             v[j][t] = v[j-1][t] + 0.1 * tanh(W x[t] + U v[j-1][t])
           end
           for i = 1..2
             for j = 1..i
               g[i][j][t] = i * v[j][t]
             end
           end
           h[t] = v[3][t] + g[2][1][t]",
        "cell a
           a[t] = h[t-1] + 0.1 * tanh(W x[t] + U h[t-1])
           b[t] = a[t] + 0.1 * tanh(W x[t] + U a[t])
           c[t] = b[t] + 0.1 * tanh(W x[t] + U b[t])
           h[t] = c[t] + 2 * a[t]",
    );
}

/// Parts are rows, and elements are single rows.
#[test]
fn parts_and_elements_are_rows() {
    let split = "cell a\n r[t], z[t] = split(W x[t])\n h[t] = tanh(r[t]) * z[t] + h[t-1]";
    let cell = read(split);
    let shapes: Vec<String> = cell.shapes().iter().map(|(name, shape)| format!("{name} {shape}")).collect();
    assert_eq!(
        shapes,
        ["x [input]", "r_z [2·hidden]", "r [hidden]", "z [hidden]", "h [hidden]", "W [2·hidden, input]"]
    );
    // In reverse: the whole has a size, and the parts follow.
    let halves = read("cell a\n a[t], b[t] = split(h[t-1])\n h[t] = W concat(a[t] * b[t], x[t])");
    let half = halves.shapes().iter().find(|(name, _)| *name == "a").map(|(_, shape)| shape.to_string());
    assert_eq!(half.as_deref(), Some("[hidden/2]"));
    same(
        "cell a\n state w: 3\n w[t] = softmax(V x[t])\n h[t] = sum(w[t][j] * j for j = 1..3) * h[t-1] + W x[t]",
        "cell a\n state w: 3\n w[t] = softmax(V x[t])\n s[t] = sum(w[t] * concat(1, 2, 3))\n h[t] = s[t] * h[t-1] + W x[t]",
    );
    same(
        "cell a\n a[t], b[t] = split(h[t-1])\n h[t] = concat(b[t], a[t]) + W x[t]",
        "cell a\n size m = hidden / 2\n state c: m\n h[t] = concat(h[t-1][3], h[t-1][4], h[t-1][1], h[t-1][2]) + W x[t]
           state h: 4"
            .replace("size m = hidden / 2\n state c: m\n", "")
            .as_str(),
    );
}

#[test]
fn a_matrix_state_is_its_columns() {
    same(
        "cell a
           size k = 2
           state S: [hidden, k]
           fn write(v, k) = outer(v, k)
           k[t] = W_k x[t]
           q[t] = W_q x[t]
           e[t] = S[t-1]ᵀ (W_v x[t])
           S[t] = sigmoid(W_f x[t]) * S[t-1] * outer(1, e[t]) + write(tanh(W_v x[t]) - S[t-1] k[t], k[t]) - W_s S[t-2]
           h[t] = transpose(S[t]) (S[t] q[t]) ⊙ k[t][1] + W_q x[t]
           state h: k",
        "cell a
           state k: 2
           state S_1: hidden
           k[t] = W_k x[t]
           q[t] = W_q x[t]
           v[t] = W_v x[t]
           e[t] = concat(sum(S_1[t-1] * v[t]), sum(S_2[t-1] * v[t]))
           f[t] = sigmoid(W_f x[t])
           k_1[t] = k[t][1]
           k_2[t] = k[t][2]
           u[t] = tanh(v[t]) - (S_1[t-1] * k_1[t] + S_2[t-1] * k_2[t])
           S_1[t] = f[t] * S_1[t-1] * e[t][1] + u[t] * k_1[t] - W_s S_1[t-2]
           S_2[t] = f[t] * S_2[t-1] * e[t][2] + u[t] * k_2[t] - W_s S_2[t-2]
           y[t] = S_1[t] * q[t][1] + S_2[t] * q[t][2]
           h[t] = concat(sum(S_1[t] * y[t]), sum(S_2[t] * y[t])) * k_1[t] + W_q x[t]
           state h: 2",
    );
}

/// Initial values act at the first step alone, in columns too.
#[test]
fn states_start_where_the_file_says() {
    let first = |text: &str| {
        let g = Builder::new();
        let net = Layers::new(read(text), 3, 4);
        let x = g.input("x", [2, 1, 3]);
        let output = net.unroll(&g, &net.declare(&g, ""), x, None, &Start::Zero).output();
        let point = Point::<f64>::new().with(x, ArrayD::zeros(IxDyn(&[2, 1, 3])));
        let graph = g.graph().unwrap();
        let point = graph.parameters().fold(point, |point, w| {
            let shape = graph[w].ty.shape.to_vec();
            point.with(g.expr(w), ArrayD::zeros(IxDyn(&shape)))
        });
        let output = eval(&graph, &point, &[output.id()]).unwrap().remove(0).into_float();
        [output[[0, 0, 0]], output[[1, 0, 0]]]
    };
    let text = "cell a\n size k = 2\n state S: [hidden, k]\n start S = 1 / 4\n start m = -sqrt(9)
        m[t] = m[t-1] + 1\n S[t] = 2 * S[t-1]\n h[t] = S[t-1] (1 + W x[t]) + m[t-1] + 0 * W_x x[t]\n param W: [k, input]";
    assert_eq!(first(text).map(f64::to_bits), [0.5 - 3.0_f64, 1.0 - 2.0].map(f64::to_bits));
}

/// The value of the first with the derivative of the second.
#[test]
fn a_surrogate_gives_the_gradient() {
    let spike = |form: &str| format!("cell a\n v[t] = W x[t] + U h[t-1]\n h[t] = {form}");
    same(
        &spike("backward(where(v[t] > 0, 1, 0), sigmoid(4 * v[t]))"),
        &spike("where(v[t] > 0, 1, 0) + 0 * v[t]"),
    );
    let gradient = |form: &str| {
        let (g, mut rng) = (Builder::new(), Rng::seed_from_u64(3));
        let net = Layers::new(read(&spike(form)), 3, 4);
        let x = g.input("x", [3, 2, 3]);
        let weights = net.declare(&g, "");
        let loss = net.unroll(&g, &weights, x, None, &Start::Zero).output().sum();
        let w = weights[0]["W"];
        let gradient = autograd::grad(loss, &[w])[0];
        let mut point = Point::new().with(x, random(&[3, 2, 3], &mut rng));
        for (_, w) in weights[0].iter() {
            point.set(w, random(&w.shape(), &mut rng));
        }
        eval(&g.graph().unwrap(), &point, &[gradient.id()]).unwrap().remove(0).into_float()
    };
    let by_stop = "stop(where(v[t] > 0, 1, 0)) + (sigmoid(4 * v[t]) - stop(sigmoid(4 * v[t])))";
    assert_eq!(gradient("backward(where(v[t] > 0, 1, 0), sigmoid(4 * v[t]))"), gradient(by_stop));
    assert!(gradient(by_stop).iter().any(|&d| d != 0.0));
}

/// A unary function equals the engine's, for a sequence and for a known number.
#[test]
fn every_function_of_one_number_is_in_the_language() {
    for function in
        ["tan", "atan", "sinh", "cosh", "erf", "log1p", "expm1", "silu", "gelu", "softplus", "abs"]
    {
        let of = |x: f64| {
            let g = Builder::new();
            let x = g.scalar(x);
            let y = match function {
                "tan" => x.tan(),
                "atan" => x.atan(),
                "sinh" => x.sinh(),
                "cosh" => x.cosh(),
                "erf" => x.erf(),
                "log1p" => x.log1p(),
                "expm1" => x.expm1(),
                "silu" => x.silu(),
                "gelu" => x.gelu(),
                "softplus" => x.softplus(),
                _ => x.abs(),
            };
            eval::<f64>(&g.graph().unwrap(), &Point::new(), &[y]).unwrap().remove(0).into_float()[[]]
        };
        let known = run(&format!("cell a\n h[t] = 0 * (W x[t]) + {function}(0.25)"));
        let read = run(&format!("cell a\n h[t] = {function}(0 * (W x[t]) + 0.25)"));
        assert!((known[[0, 0, 0]] - of(0.25)).abs() < 1e-15, "{function}");
        assert!((read[[0, 0, 0]] - of(0.25)).abs() < 1e-15, "{function}");
    }
}

/// Values by formula, against the matrices of papers written out: Gu et al. 2020, eq. 4, with the sign of `x' = A x +
/// B u`, and alternating signs.
#[test]
fn a_fixed_parameter_is_its_formula() {
    let fixed = |text: &str| {
        let cell = read(text);
        assert!(cell.weights(3, 3).iter().all(|w| w.name != "A"), "it is learned");
        let g = Builder::new();
        let w = Weights::new(&g, Vec::new());
        let a = cell.prepare(&w, 3, 3, Lane::default())["A"];
        let graph = g.graph().unwrap();
        eval(&graph, &Point::<f64>::new(), &[a.id()]).unwrap().remove(0).into_float()
    };
    let hippo = fixed(
        "cell a\n size k = 3\n fixed A: [k, k] = where(row > column, -sqrt((2 * row - 1) * (2 * column - 1)), where(row == column, -row, 0))
           state m: k\n m[t] = m[t-1] + A m[t-1] + B x[t]\n h[t] = C m[t]\n param C: [hidden, k]",
    );
    let (r3, r5, r15) = (3_f64.sqrt(), 5_f64.sqrt(), 15_f64.sqrt());
    let expected = arr2(&[[-1.0, 0.0, 0.0], [-r3, -2.0, 0.0], [-r5, -r15, -3.0]]).into_dyn();
    assert!((hippo - expected).iter().all(|e: &f64| e.abs() < 1e-15));
    let signs = fixed(
        "cell a\n const c = 2\n fixed A = c * (-1)^(row + column) / hidden\n h[t] = A h[t-1] + x[t]\n require input = hidden",
    );
    assert!(
        signs
            .indexed_iter()
            .all(|(i, &a)| (a - if (i[0] + i[1]) % 2 == 0 { 2.0 } else { -2.0 } / 3.0).abs() < 1e-15)
    );
}

/// Random values are fixed: the same at every unrolling, different for another lane, name or seed.
#[test]
fn a_fixed_draw_follows_from_lane_name_and_seed() {
    let text =
        "cell a\n const seed = 1\n fixed U V = orthogonal * 0.5\n h[t] = tanh(W x[t] + U h[t-1] + V h[t-2])";
    let drawn = |seed: f64, lane: usize, name: &str| {
        let mut cell = read(text);
        cell.set("seed", seed).unwrap();
        let g = Builder::new();
        let u = cell.prepare(&Weights::new(&g, Vec::new()), 3, 4, Lane { number: lane, noise: None })[name];
        let graph = g.graph().unwrap();
        eval(&graph, &Point::<f64>::new(), &[u.id()]).unwrap().remove(0).into_float()
    };
    let u = drawn(1.0, 0, "U");
    assert_eq!(u, drawn(1.0, 0, "U"));
    for other in [drawn(2.0, 0, "U"), drawn(1.0, 1, "U"), drawn(1.0, 0, "V")] {
        assert_ne!(u, other);
    }
    let u = u.into_dimensionality::<ndarray::Ix2>().unwrap();
    let error = u.dot(&u.t()) - 0.25 * ndarray::Array2::<f64>::eye(4);
    assert!(error.iter().all(|e| e.abs() < 1e-14), "{error}");
}

/// A formula for initial values: its numbers, and the bounds of its random ones.
#[test]
fn a_parameter_begins_by_its_formula() {
    let cell = read(
        "cell a\n size k = 4\n h[t] = tanh(A x[t] + b) * softplus(c) * sum(D x[t])\n param D: [k, input]
           init A = 10 * row + column\n init b = where(row > 2, -row, hidden)\n init c = softplus_inverse(log_uniform(0.001, 0.1))
           init D = k * orthogonal",
    );
    let first = |name: &str, shape: &[usize]| {
        let weights = cell.weights(3, 4);
        let part = &weights.iter().find(|w| w.name == name).unwrap().parts[0];
        part.init.as_ref().unwrap().draw(shape, &mut rnn::init::rng(1, name)).unwrap()
    };
    let a = first("A", &[4, 3]);
    assert_eq!(
        a.as_slice().unwrap(),
        [11.0, 12.0, 13.0, 21.0, 22.0, 23.0, 31.0, 32.0, 33.0, 41.0, 42.0, 43.0]
    );
    assert_eq!(first("b", &[4]).as_slice().unwrap(), [4.0, 4.0, -3.0, -4.0]);
    let c = first("c", &[10_000]).mapv(|c| f64::from(c).exp().ln_1p());
    assert!(c.iter().all(|c| (0.000_999..0.100_001).contains(c)));
    let below = c.iter().filter(|c| **c < 0.01).count();
    assert!((4750..5250).contains(&below), "half lie below the geometric mean: {below}");
    let d = first("D", &[4, 3]).mapv(f64::from).into_dimensionality::<ndarray::Ix2>().unwrap();
    assert!((d.t().dot(&d) - 16.0 * ndarray::Array2::<f64>::eye(3)).iter().all(|e: &f64| e.abs() < 1e-4));
}

/// Neither `fixed` nor `init` accepts a value that is not finite in single precision.
#[test]
fn a_formula_without_a_value_is_refused() {
    for (formula, value) in [
        ("log(column - 1)", "-inf at [1, 1]"),
        ("softplus_inverse(0) * row", "-inf at [1, 1]"),
        ("log(-row)", "NaN at [1, 1]"),
        ("where(row * column == 6, 1e39, 0)", "1e39 at [2, 3]"),
    ] {
        let cell = read(&format!("cell a\n h[t] = tanh(A h[t-1] + W x[t])\n init A = {formula}"));
        let weights = cell.weights(3, 4);
        let part = &weights.iter().find(|w| w.name == "A").unwrap().parts[0];
        let error = part.init.as_ref().unwrap().draw(&[4, 4], &mut rnn::init::rng(1, "A")).unwrap_err();
        assert!(error.to_string().contains(value), "{formula}: {error}");
        let g = Builder::new();
        let text = format!("cell a\n fixed A = {formula}\n h[t] = tanh(A h[t-1] + W x[t])");
        read(&text).prepare(&Weights::new(&g, Vec::new()), 3, 4, Lane::default());
        let error = g.graph().unwrap_err().to_string();
        assert!(error.contains("the fixed parameter `A`") && error.contains(value), "{formula}: {error}");
    }
}

/// A size that is a number is a scalar in an equation.
#[test]
fn sizes_that_are_numbers_are_values() {
    same(
        "cell a\n size n = 6\n h[t] = tanh(W x[t]) / n + n * h[t-1]",
        "cell a\n h[t] = tanh(W x[t]) / 6 + 6 * h[t-1]",
    );
}

/// A value of a function is computed once, and the results of one call share it.
#[test]
fn a_function_has_values_and_results_of_its_own() {
    same(
        "cell a\n fn unit(a)\n   n = sqrt(sum(a^2) + 0.01)\n   return a / n\n h[t] = unit(W x[t]) + unit(U h[t-1])",
        "cell a\n fn unit(a) = a / sqrt(sum(a^2) + 0.01)\n h[t] = unit(W x[t]) + unit(U h[t-1])",
    );
    same(
        "cell a\n fn memory(f, old, new)\n   g = sigmoid(f)\n   kept = g * old\n   return kept + (1 - g) * new, kept
           c[t], k[t] = memory(W_f x[t] + U h[t-1], c[t-1], W x[t])\n h[t] = tanh(c[t]) - k[t]",
        "cell a\n g[t] = sigmoid(W_f x[t] + U h[t-1])\n k[t] = g[t] * c[t-1]\n c[t] = k[t] + (1 - g[t]) * (W x[t])
           h[t] = tanh(c[t]) - k[t]",
    );
    let g = Builder::new();
    let cell = read(
        "cell a\n fn two(a)\n   s = sigmoid(a)\n   return s, 1 - s\n p[t], q[t] = two(W x[t])\n h[t] = p[t] * q[t]",
    );
    let net = Layers::new(cell, 3, 4);
    net.unroll(&g, &net.declare(&g, ""), g.input("x", [1, 1, 3]), None, &Start::Zero).output();
    let graph = g.graph().unwrap();
    let sigmoids = graph.ids().filter(|&id| graph.node(id).unwrap().op.name() == "sigmoid").count();
    assert_eq!(sigmoids, 1);
}

/// A used cell equals that cell.
#[test]
fn a_cell_within_a_cell() {
    let mgu = rnn::cell::SHIPPED.iter().find(|cell| cell.name == "mgu").unwrap().text;
    let mgu = ["W_f", "W_n", "U_f", "U_n", "b_f", "b_n"]
        .iter()
        .fold(mgu.to_string(), |text, name| text.replace(name, &format!("mgu_{name}")));
    same("cell a\n use mgu\n h[t] = mgu(x[t], h[t-1])", &mgu);
    let lstm = read("cell a\n use lstm\n h[t], c[t] = lstm(x[t], h[t-1], c[t-1])");
    let names: Vec<String> = lstm.weights(3, 4).into_iter().map(|w| w.name).collect();
    assert!(names.contains(&"lstm_W_ii".into()) && names.len() == 16, "{names:?}");
    assert_eq!(lstm.states(3, 4).iter().map(|s| s.name.clone()).collect::<Vec<_>>(), ["h", "c"]);
}

/// Functions of parameters, against known identities: the exponential of a skew matrix is a rotation, and the Cayley
/// transform of `[0 -a; a 0]` the rotation by 2 atan a.
#[test]
fn functions_of_parameters() {
    let made = |text: &str, w: ArrayD<f64>| {
        let g = Builder::new();
        let leaf = g.parameter("W", w.shape());
        let (n, weights) = (w.shape()[0], Weights::new(&g, vec![("W".into(), leaf)]));
        let a = read(text).prepare(&weights, n, n, Lane::default())["A"];
        let point = Point::new().with(leaf, w);
        eval(&g.graph().unwrap(), &point, &[a.id()]).unwrap().remove(0).into_float()
    };
    let cell = |value: &str| {
        format!("cell a\n let A = {value}\n h[t] = A h[t-1] + V x[t]\n param W: [hidden, hidden]")
    };
    let near = |a: &ArrayD<f64>, b: ndarray::Array2<f64>| (a - b.into_dyn()).iter().all(|e| e.abs() < 1e-12);
    let w = arr2(&[[0.3, -1.2], [0.5, 0.1]]);
    let rotation = |angle: f64| arr2(&[[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]);
    let turn = |a: f64| arr2(&[[0.0, -a], [a, 0.0]]).into_dyn();
    assert!(near(&made(&cell("W - Wᵀ"), w.clone().into_dyn()), &w - &w.t()));
    assert!(near(
        &made(&cell("W W - 2 * transpose(W) W"), w.clone().into_dyn()),
        w.dot(&w) - 2.0 * w.t().dot(&w)
    ));
    assert!(near(
        &made(&cell("W / sqrt(sum(W^2))"), w.clone().into_dyn()),
        &w / w.iter().map(|a| a * a).sum::<f64>().sqrt()
    ));
    for angle in [0.1, 2.0, 40.0] {
        assert!(near(&made(&cell("expm(W)"), turn(angle)), rotation(angle)), "{angle}");
        let a = angle / 2.0;
        assert!(near(&made(&cell("cayley(W)"), turn(a)), rotation(-2.0 * a.atan())), "{angle}");
    }
    // 64 units, half of them at the largest documented norm.
    let (mut w, mut turned) = (ndarray::Array2::zeros((64, 64)), ndarray::Array2::eye(64));
    for i in (0..32).step_by(2) {
        w.slice_mut(s![i..i + 2, i..i + 2]).assign(&arr2(&[[0.0, -30.0], [30.0, 0.0]]));
        turned.slice_mut(s![i..i + 2, i..i + 2]).assign(&rotation(-2.0 * 30_f64.atan()));
    }
    assert!(near(&made(&cell("cayley(W)"), w.into_dyn()), turned));
    let e = 1_f64.exp();
    assert!(near(
        &made(&cell("expm(W)"), arr2(&[[1.0, 1.0], [0.0, 1.0]]).into_dyn()),
        arr2(&[[e, e], [0.0, e]])
    ));
}

/// In training a cell drops elements: a fraction p, with a new mask at each step or one mask for all steps; otherwise
/// nothing.
#[test]
fn what_a_cell_drops() {
    let masks = |call: &str, noisy: bool| {
        let g = Builder::new();
        let text = format!("cell a\n const p = 0.25\n h[t] = {call}(x[t], p)\n require input = hidden");
        let net = Layers::new(read(&text), 50, 50);
        let seed = g.index_input("seed", [], usize::MAX);
        let dropout = noisy.then_some(Dropout { seed, rate: 0.0, cells: true });
        let inputs: Vec<_> =
            (0..4).map(|_| g.constant(ndarray::Array2::<f64>::ones((20, 50)).into_dyn())).collect();
        let run = net.unroll_steps(&g, &net.declare(&g, ""), &inputs, None, &Start::Zero, dropout);
        let point = Point::<f64>::new().with(seed, autograd::Value::Index(ndarray::arr0(7).into_dyn()));
        let outputs: Vec<_> = run.outputs.iter().map(|h| h.id()).collect();
        let values = eval(&g.graph().unwrap(), &point, &outputs).unwrap();
        values.into_iter().map(autograd::Value::into_float).collect::<Vec<_>>()
    };
    for call in ["dropout", "locked_dropout"] {
        assert!(
            masks(call, false).iter().flatten().all(|&h| (h - 1.0).abs() < 1e-15),
            "{call} in evaluation"
        );
        let steps = masks(call, true);
        for h in &steps {
            assert!(h.iter().all(|&h| h == 0.0 || (h - 4.0 / 3.0).abs() < 1e-15));
            let zeros = h.iter().filter(|&&h| h == 0.0).count();
            // 250 of 1000, and five standard deviations.
            assert!((182..=318).contains(&zeros), "{call}: {zeros}");
        }
        assert_eq!(steps[0] == steps[1], call == "locked_dropout");
    }
}

/// Every file of the cookbook and of the literature is a cell, its output has values, and each of its parameters has
/// a gradient.
#[test]
fn the_files_of_the_cookbook_and_of_the_literature_are_cells() {
    let page = include_str!("../../docs/cells-cookbook.md");
    let mut files: Vec<String> =
        page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap().into()).collect();
    assert_eq!(files.len(), 10);
    for cell in rnn::cell::LITERATURE {
        assert_eq!(read(cell.text).name(), cell.name);
        files.push(cell.text.into());
    }
    assert!(files.len() > 30);
    for file in &files {
        assert!(run(file).iter().all(|h| h.is_finite()), "{file}");
        let g = Builder::new();
        let net = Layers::new(read(file), 3, 4);
        let weights = net.declare(&g, "");
        let x = g.constant(3.0 * random(&[6, 2, 3], &mut Rng::seed_from_u64(2)));
        let loss = net.unroll(&g, &weights, x, None, &Start::Zero).output().powi(2).sum();
        let wrt: Vec<_> = weights[0].iter().map(|(_, w)| w).collect();
        let mut point = Point::new();
        let mut rng = Rng::seed_from_u64(3);
        wrt.iter().for_each(|w| point.set(*w, random(&w.shape(), &mut rng)));
        let gradients: Vec<_> = autograd::grad(loss, &wrt).into_iter().map(autograd::NodeId::from).collect();
        for (gradient, w) in eval(&g.graph().unwrap(), &point, &gradients).unwrap().into_iter().zip(&wrt) {
            assert!(
                gradient.float().iter().any(|&d: &f64| d != 0.0 && d.is_finite()),
                "{} of {file}",
                w.name()
            );
        }
    }
}
