//! Reverse mode on whole graphs: its answers, accumulation, and number of nodes.

mod common;

use autograd::graph::verify;
use autograd::ops::Sampler;
use autograd::{Builder, Error, Expr, Gradient, Point, Value, eval, grad, vjp};
use common::{agrees_with_duals, count, dense, random, value, weighted};
use ndarray::{ArrayD, arr0, arr1, arr2, array};

fn one(x: f64) -> Value<f64> {
    arr0(x).into()
}

/// The derivatives of a scalar function at a number, to the third order.
fn derivatives(f: impl Fn(Expr) -> Expr, at: f64) -> [f64; 3] {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let mut y = f(x);
    [(); 3].map(|()| {
        y = grad(y, &[x])[0];
        verify(&g.graph().unwrap()).unwrap();
        value(&g, &Point::new().with(x, one(at)), y).sum()
    })
}

#[test]
fn derivatives_of_the_textbook() {
    let close = |ours: [f64; 3], exact: [f64; 3]| {
        ours.iter()
            .zip(exact)
            .for_each(|(a, b)| assert!((a - b).abs() <= 1e-14 * b.abs().max(1.0), "{a}, {b}"));
    };
    let x = 0.7_f64;
    close(derivatives(|x| x * x, x), [2.0 * x, 2.0, 0.0]);
    close(derivatives(|x| x * x * x, x), [3.0 * x * x, 6.0 * x, 6.0]);
    close(derivatives(|x| x.sin(), x), [x.cos(), -x.sin(), -x.cos()]);
    close(derivatives(|x| (x * 2.0).exp(), x), [2.0, 4.0, 8.0].map(|c| c * (2.0 * x).exp()));
    close(derivatives(|x| x.reciprocal(), x), [-x.powi(-2), 2.0 * x.powi(-3), -6.0 * x.powi(-4)]);
    close(derivatives(|x| x.ln(), x), [1.0 / x, -x.powi(-2), 2.0 * x.powi(-3)]);
}

fn answer<'g>(y: Expr<'g>, x: Expr<'g>) -> Gradient<'g> {
    vjp(&[(y, y)], &[x]).remove(0)
}

#[test]
fn three_answers_where_there_is_no_gradient() {
    let g = Builder::new();
    let (x, other) = (g.parameter("x", [2]), g.parameter("other", [2]));
    let tokens = g.index_input("tokens", [3], 2);
    assert!(matches!(answer(x.exp(), other), Gradient::NotConnected));
    assert!(matches!(answer(x.stop_gradient(), x), Gradient::Zero));
    assert!(matches!(answer(x.greater(0.0).select(1.0, 0.0), x), Gradient::Zero));
    let answer = answer(x.gather(tokens), tokens);
    let Gradient::NotDefined(Error::NotDefined { op, operand, place }) = answer else { panic!("{answer:?}") };
    assert_eq!((op.as_str(), operand.as_str(), place.file()), ("gather", "tokens", file!()));
}

#[test]
fn grad_makes_zeros_of_the_first_two_and_an_error_of_the_third() {
    let g = Builder::new();
    let (x, other) = (g.parameter("x", [2]), g.parameter("other", [3]));
    let y = x.stop_gradient().sum();
    let dx = grad(y, &[x, other]);
    let point = Point::new().with(x, arr1(&[1.0, 2.0]));
    assert_eq!(value(&g, &point, dx[0]), arr1(&[0.0; 2]).into_dyn());
    assert_eq!(value(&g, &point, dx[1]), arr1(&[0.0; 3]).into_dyn());
    let tokens = g.index_input("tokens", [], 2);
    assert!(grad(x.gather(tokens), &[tokens])[0].is_poisoned());
    let error = g.graph().unwrap_err().to_string();
    assert!(error.starts_with("no gradient of `gather` is defined towards `tokens`"), "{error}");
}

#[test]
fn several_outputs_add_up_and_so_does_one_given_twice() {
    let g = Builder::new();
    let x = g.parameter("x", [2]);
    let (y, z) = (x * 3.0, x * x);
    let (v, w) = (g.constant(arr1(&[1.0, 10.0])), g.constant(arr1(&[2.0, -1.0])));
    let point = Point::new().with(x, arr1(&[5.0, 7.0]));
    let gradient = |pairs: &[_]| value(&g, &point, dense(vjp(pairs, &[x]), &[x])[0]);
    assert_eq!(gradient(&[(y, v), (z, w)]), arr1(&[3.0 + 20.0, 30.0 - 14.0]).into_dyn());
    assert_eq!(gradient(&[(y, v), (y, w)]), arr1(&[9.0, 27.0]).into_dyn());
    // An output that is an operand of another.
    let u = y * y;
    assert_eq!(
        gradient(&[(u, v), (y, w)]),
        arr1(&[2.0 * 15.0 * 3.0 + 6.0, 2.0 * 21.0 * 30.0 - 3.0]).into_dyn()
    );
    assert!(vjp(&[], &[x]).iter().all(|answer| matches!(answer, Gradient::NotConnected)));
}

#[test]
fn with_respect_to_interior_nodes_the_output_itself_and_a_node_twice() {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let h = x * x;
    let y = h * x;
    let gradients = grad(y, &[h, y, x, h, x]);
    let graph = g.graph().unwrap();
    verify(&graph).unwrap();
    let values = eval(&graph, &Point::new().with(x, one(3.0)), &gradients).unwrap();
    // ∂y/∂h = x with x constant, ∂y/∂y = 1, dy/dx = 3x².
    assert_eq!(values, [3.0, 1.0, 27.0, 3.0, 27.0].map(one));
}

#[test]
fn parallel_edges_each_count() {
    let g = Builder::new();
    let x = g.parameter("x", [2, 2]);
    let y = (x.matmul(x) + g.concat(1, &[x, x]).slice(1, 1..3) + g.sum(&[x, x, x])).sum();
    let dx = grad(y, &[x])[0];
    let at: ArrayD<f64> = arr2(&[[1.0, 2.0], [3.0, 5.0]]).into_dyn();
    // Σ(XX): row sums of X along columns plus column sums along rows; concat and sum: 1 and 3 per element.
    let expected = arr2(&[[3.0 + 4.0, 8.0 + 4.0], [3.0 + 7.0, 8.0 + 7.0]]) + 4.0;
    assert_eq!(value(&g, &Point::new().with(x, at), dx), expected.into_dyn());
}

/// The gradient of Σ cᵢ ⟨parts, fixed weights⟩ by hand: each part adds its weights at its position.
fn by_parts(shape: [usize; 2], parts: &[(usize, usize, usize)]) -> (usize, usize) {
    let mut sampler = Sampler::new(7);
    let g = Builder::new();
    let x = g.parameter("x", shape);
    let mut expected = ndarray::Array2::<f64>::zeros(shape);
    let mut terms = Vec::new();
    for &(axis, start, end) in parts {
        let part = x.slice(axis, start..end);
        let weights = random(&part.shape(), &mut sampler);
        let mut places = expected.slice_axis_mut(ndarray::Axis(axis), (start..end).into());
        places += &weights.float().view().into_dimensionality::<ndarray::Ix2>().unwrap();
        terms.push((part * g.constant(weights)).sum());
    }
    let dx = grad(g.sum(&terms), &[x])[0];
    verify(&g.graph().unwrap()).unwrap();
    let ours = value(&g, &Point::new().with(x, ndarray::Array2::ones(shape)), dx);
    assert!((ours - expected.into_dyn()).iter().all(|e| e.abs() < 1e-15));
    (count(&g, "concat"), count(&g, "pad"))
}

#[test]
fn slices_are_put_together_once() {
    // Adjacent and complete: one concatenation and nothing else.
    assert_eq!(by_parts([6, 3], &[(0, 0, 2), (0, 2, 3), (0, 3, 6)]), (1, 0));
    // In any order of use.
    assert_eq!(by_parts([6, 3], &[(0, 3, 6), (0, 0, 2), (0, 2, 3)]), (1, 0));
    // With gaps inside and at both ends.
    assert_eq!(by_parts([9, 2], &[(0, 1, 3), (0, 5, 6)]), (1, 1));
    // Equal parts, overlaps, an empty slice.
    by_parts([6, 3], &[(0, 1, 4), (0, 1, 4)]);
    by_parts([6, 3], &[(0, 0, 4), (0, 2, 6), (0, 3, 5), (0, 0, 6)]);
    by_parts([6, 3], &[(0, 2, 2), (0, 0, 3), (0, 3, 3), (0, 6, 6)]);
    // Along two axes.
    by_parts([4, 5], &[(0, 0, 2), (1, 1, 4), (0, 1, 3), (1, 0, 5)]);
}

#[test]
fn slices_and_places_of_one_array_mix() {
    let g = Builder::new();
    let x = g.parameter("x", [4, 2]);
    let y = x.at(0, 1)
        + x.at(0, 1) * 2.0
        + x.slice(0, 1..2).sum_over([0]) * 4.0
        + x.at(1, 0).slice(0, 2..4) * 8.0;
    let dx = grad(y.sum(), &[x])[0];
    let expected = arr2(&[[0.0, 0.0], [7.0, 7.0], [8.0, 0.0], [8.0, 0.0]]);
    assert_eq!(value(&g, &Point::new().with(x, ndarray::Array2::zeros([4, 2])), dx), expected.into_dyn());
}

/// A recurrence over `steps` steps that reads x step by step: nodes of the graph with its gradient, and stacks.
fn unrolled(steps: usize) -> (usize, usize) {
    let g = Builder::new();
    let (x, w, u) = (g.input("x", [steps, 2, 3]), g.parameter("w", [4, 3]), g.parameter("u", [4, 4]));
    let mut h = g.zeros([2, 4]);
    for t in 0..steps {
        h = (x.at(0, t).linear(w) + h.linear(u)).tanh();
    }
    let gradients = grad(h.sum(), &[x, w, u]);
    let graph = g.graph().unwrap();
    verify(&graph).unwrap();
    assert_eq!(*gradients[0].shape(), [steps, 2, 3]);
    (graph.len(), count(&g, "stack"))
}

#[test]
fn steps_of_a_sequence_cost_one_stack_and_the_graph_grows_linearly() {
    let [(ten, a), (twenty, b), (forty, c)] = [10, 20, 40].map(unrolled);
    assert_eq!((a, b, c), (1, 1, 1));
    assert_eq!(forty - twenty, 2 * (twenty - ten));
}

/// The same to the second order: 2 (n₂₀ − n₁₀) = n₄₀ − n₂₀ holds exactly for a linear count.
#[test]
fn the_second_derivative_grows_linearly_too() {
    let nodes = |steps: usize| {
        let g = Builder::new();
        let (x, u) = (g.input("x", [steps, 2]), g.parameter("u", [2, 2]));
        let mut h = g.zeros([1, 2]);
        for t in 0..steps {
            h = (x.slice(0, t..t + 1) + h.linear(u)).tanh();
        }
        let du = grad(h.sum(), &[u])[0];
        grad((du * du).sum(), &[u, x]);
        g.graph().unwrap().len()
    };
    let [ten, twenty, forty] = [10, 20, 40].map(nodes);
    assert_eq!(forty - twenty, 2 * (twenty - ten));
}

#[test]
fn backpropagation_through_time_is_the_derivative_of_the_unrolled_graph() {
    let mut sampler = Sampler::new(3);
    let g = Builder::new();
    let (x, w, u) = (g.input("x", [5, 2, 3]), g.parameter("w", [4, 3]), g.parameter("u", [4, 4]));
    let mut point = Point::new();
    [x, w, u].iter().for_each(|&e| point.set(e, random(&e.shape(), &mut sampler)));
    let mut h = g.zeros([2, 4]);
    let mut states = Vec::new();
    for t in 0..5 {
        h = (x.at(0, t).linear(w) + h.linear(u)).tanh();
        states.push(h);
    }
    let outputs = [g.stack(0, &states), h * h];
    let wrt = [x, w, u, states[2]];
    let gradients = agrees_with_duals(&outputs, &wrt[..3], &point, &mut sampler, 1e-12);
    agrees_with_duals(&[weighted(&gradients, &mut sampler)], &wrt[..3], &point, &mut sampler, 1e-12);
}

#[test]
fn hessians_are_symmetric() {
    let mut sampler = Sampler::new(5);
    let g = Builder::new();
    let (w, x) = (g.parameter("w", [3, 4]), g.constant(random(&[2, 4].into(), &mut sampler)));
    let y = x.linear(w).log_softmax(1).at(1, 0).sum() + (w * w).tanh().sum();
    let dw = grad(y, &[w])[0];
    let point = Point::new().with(w, random(&[3, 4].into(), &mut sampler));
    let [u, v] = [0, 1].map(|_| random(&[3, 4].into(), &mut sampler));
    let product = |u: &Value<f64>| {
        let hu = grad((dw * g.constant(u.clone())).sum(), &[w])[0];
        value(&g, &point, hu)
    };
    let [a, b] = [(&u, &v), (&v, &u)].map(|(u, v)| (v.float() * product(u)).sum());
    assert!((a - b).abs() <= 1e-14 * a.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn what_grad_refuses() {
    let message = |build: &dyn Fn(&Builder)| {
        let g = Builder::new();
        build(&g);
        g.graph().unwrap_err().to_string()
    };
    let not_scalar = message(&|g| {
        let x = g.parameter("x", [2]);
        grad(x, &[x]);
    });
    assert!(
        not_scalar.starts_with("the gradient of x [2] needs a scalar: sum it, or give a cotangent to vjp")
    );
    let wrong_shape = message(&|g| {
        let x = g.parameter("x", [2]);
        let _ = vjp(&[(x, g.scalar(1.0))], &[x]);
    });
    assert!(wrong_shape.starts_with("the cotangent of x [2] has its shape, and "), "{wrong_shape}");
    let foreign = message(&|g| {
        let other = Builder::new();
        let x = other.parameter("x", []);
        grad(g.parameter("y", []), &[g.expr(x.id())]);
    });
    assert!(foreign.starts_with("this node belongs to another graph: node 0 of graph"), "{foreign}");
}

#[test]
fn the_value_of_a_gradient_by_hand() {
    // Softmax regression: ∂/∂logits of −log p[class] is p − onehot.
    let g = Builder::new();
    let logits = g.parameter("logits", [2, 3]);
    let classes = g.constant(Value::Index(array![2, 0].into_dyn()));
    let loss = -(logits.log_softmax(1) * classes.one_hot(3)).sum();
    let at: ArrayD<f64> = array![[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]].into_dyn();
    let ours = value(&g, &Point::new().with(logits, at.clone()), grad(loss, &[logits])[0]);
    for (row, class) in [(0, 2), (1, 0)] {
        let z: f64 = (0..3).map(|k| at[[row, k]].exp()).sum();
        for k in 0..3 {
            let p = at[[row, k]].exp() / z - if k == class { 1.0 } else { 0.0 };
            assert!((ours[[row, k]] - p).abs() < 1e-15);
        }
    }
}
