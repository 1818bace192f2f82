//! Ops at edge cases: kinks, ties, huge and missing values, empty axes, axes of size 1. One line per rule.

mod common;

use autograd::{Builder, Dual, Expr, Point, Scalar, Value, eval, grad};
use common::value;
use ndarray::{ArrayD, IxDyn, arr0, arr1, arr2};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// `y` and the gradient of Σ y at `x`, in scalar type `S`; forward mode must give the same total slope.
fn at<S: Scalar>(f: &dyn for<'g> Fn(Expr<'g>) -> Expr<'g>, x: &[f64]) -> [Vec<f64>; 2] {
    let g = Builder::new();
    let leaf = g.parameter("x", [x.len()]);
    let y = f(leaf);
    let dx = grad(y.sum(), &[leaf])[0];
    let graph = g.graph().unwrap();
    let array = arr1(x).into_dyn();
    let point = Point::new().with(leaf, array.mapv(S::of));
    let values = eval(&graph, &point, &[y, dx]).unwrap();
    let numbers = |v: &Value<S>| v.float().iter().map(|x| x.value()).collect::<Vec<_>>();
    [numbers(&values[0]), numbers(&values[1])]
}

fn same(ours: &[f64], theirs: &[f64], tolerance: f64) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| {
            a.to_bits() == b.to_bits()
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= tolerance * b.abs().max(1.0)
        })
}

/// The function's values and the gradient of their sum at x, in double and in single precision.
macro_rules! at_x {
    ($($what:literal: $f:expr, $x:expr => $y:expr, $dx:expr;)*) => {
        #[test]
        fn values_and_gradients() {
            $({
                let f: &dyn for<'g> Fn(Expr<'g>) -> Expr<'g> = &$f;
                let (x, y, dx): (&[f64], &[f64], &[f64]) = (&$x, &$y, &$dx);
                for ([ours, slope], tolerance) in [(at::<f64>(f, x), 1e-15), (at::<f32>(f, x), 1e-6)] {
                    assert!(same(&ours, y, tolerance), "{}: value {ours:?}, not {y:?}", $what);
                    assert!(same(&slope, dx, tolerance), "{}: gradient {slope:?}, not {dx:?}", $what);
                }
            })*
        }
    };
}

const E: f64 = std::f64::consts::E;
const LN_2: f64 = std::f64::consts::LN_2;

at_x! {
    "relu at 0": |x| x.relu(), [-1.0, -0.0, 0.0, 2.0] => [0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0];
    "abs at 0": |x| x.abs(), [-2.0, -0.0, 0.0, 2.0] => [2.0, 0.0, 0.0, 2.0], [-1.0, 0.0, 0.0, 1.0];
    "silu": |x| x.silu(), [0.0, 1.0] => [0.0, E / (1.0 + E)], [0.5, E * (2.0 + E) / (1.0 + E).powi(2)];
    // Φ(1) and φ(1) of the normal distribution (Abramowitz and Stegun, table 26.1).
    "gelu": |x| x.gelu(), [0.0, 1.0] => [0.0, 0.841_344_746_068_542_9], [0.5, 0.841_344_746_068_542_9 + 0.241_970_724_519_143_37];
    "max: a tie shares": |x| x.max(1.0), [0.0, 1.0, 2.0] => [1.0, 1.0, 2.0], [0.0, 0.5, 1.0];
    "min: a tie shares": |x| x.min(1.0), [0.0, 1.0, 2.0] => [0.0, 1.0, 1.0], [1.0, 0.5, 0.0];
    "max with itself: shares add up to 1": |x| x.max(x), [3.0] => [3.0], [1.0];
    "min with itself": |x| x.min(x), [3.0] => [3.0], [1.0];
    "reduce_max: three of four share": |x| x.max_over([0]), [4.0, 1.0, 4.0, 4.0] => [4.0], [1.0 / 3.0, 0.0, 1.0 / 3.0, 1.0 / 3.0];
    "reduce_max of -inf": |x| x.max_over([0]), [-INF, -INF] => [-INF], [0.5, 0.5];
    "sigmoid at ±1e4": |x| x.sigmoid(), [-1e4, 0.0, 1e4] => [0.0, 0.5, 1.0], [0.0, 0.25, 0.0];
    "sigmoid at ±inf": |x| x.sigmoid(), [-INF, INF] => [0.0, 1.0], [0.0, 0.0];
    "tanh at ±1e4": |x| x.tanh(), [-1e4, 0.0, 1e4] => [-1.0, 0.0, 1.0], [0.0, 1.0, 0.0];
    "softplus at ±1e4": |x| x.softplus(), [-1e4, 0.0, 1e4] => [0.0, LN_2, 1e4], [0.0, 0.5, 1.0];
    "softplus of the small": |x| x.softplus(), [-20.0] => [(-20.0_f64).exp().ln_1p()], [1.0 / (1.0 + 20.0_f64.exp())];
    "powi(0) is 1 and flat, at 0 too": |x| x.powi(0), [0.0, -3.0] => [1.0, 1.0], [0.0, 0.0];
    "powi(1) at 0": |x| x.powi(1), [0.0] => [0.0], [1.0];
    "powi(2) at 0": |x| x.powi(2), [0.0] => [0.0], [0.0];
    "logsumexp at 1e4": |x| x.logsumexp(0), [1e4, 1e4] => [1e4 + LN_2], [0.5, 0.5];
    "logsumexp at -1e4": |x| x.logsumexp(0), [-1e4, -1e4] => [-1e4 + LN_2], [0.5, 0.5];
    "logsumexp, one huge": |x| x.logsumexp(0), [0.0, 1e4, -1e4] => [1e4], [0.0, 1.0, 0.0];
    "logsumexp of one": |x| x.logsumexp(0), [7.0] => [7.0], [1.0];
    "softmax at 1e4": |x| x.softmax(0) * x.softmax(0), [1e4, 1e4] => [0.25, 0.25], [0.0, 0.0];
    "softmax, one huge": |x| x.softmax(0), [0.0, 1e4, -1e4] => [0.0, 1.0, 0.0], [0.0, 0.0, 0.0];
    "softmax with -inf, a mask": |x| x.softmax(0).at(0, 1), [-INF, 0.0, 0.0] => [0.5], [0.0, 0.25, -0.25];
    "log_softmax at ±1e4": |x| x.log_softmax(0).at(0, 0), [-1e4, 1e4] => [-2e4], [1.0, -1.0];
    "log_softmax keeps the small part at 1e4": |x| x.log_softmax(0).at(0, 0), [1e4, 1e4] => [-LN_2], [0.5, -0.5];
    "log_softmax of e": |x| x.log_softmax(0).at(0, 1), [0.0, 1.0] => [1.0 - (1.0 + E).ln()], [-1.0 / (1.0 + E), 1.0 / (1.0 + E)];
    "stop_gradient": |x| x + x.stop_gradient(), [1.5] => [3.0], [1.0];
    "relu of NaN": |x| x.relu(), [NAN] => [NAN], [0.0];
    "abs of NaN": |x| x.abs(), [NAN] => [NAN], [0.0];
    "max with NaN": |x| x.max(0.0), [NAN, 1.0] => [NAN, 1.0], [0.0, 1.0];
    "max, NaN on the right": |x| (x * 0.0).max(NAN), [1.0] => [NAN], [0.0];
    "min with NaN": |x| x.min(0.0), [NAN, 1.0] => [NAN, 0.0], [0.0, 0.0];
    "reduce_max with NaN first": |x| x.max_over([0]), [NAN, 1.0] => [NAN], [NAN, NAN];
    "reduce_max with NaN last": |x| x.max_over([0]), [1.0, NAN] => [NAN], [NAN, NAN];
    "softmax with NaN": |x| x.softmax(0), [NAN, 1.0] => [NAN, NAN], [NAN, NAN];
    "sums of nothing": |x| x.slice(0, 1..1).sum() + x, [2.0] => [2.0], [1.0];
    "an empty slice in a concatenation": |x| x.builder().concat(0, &[x.slice(0, 0..0), x]), [2.0, 3.0] => [2.0, 3.0], [1.0, 1.0];
    "an axis of size 1 goes": |x| x.insert_axis(0).mean_over([0]), [2.0, 3.0] => [2.0, 3.0], [1.0, 1.0];
    "an axis of size 1, softmax": |x| x.insert_axis(0).softmax(0), [2.0, 3.0] => [1.0, 1.0], [0.0, 0.0];
    "a sum over no axes": |x| x.sum_over([]), [2.0, 3.0] => [2.0, 3.0], [1.0, 1.0];
    "a maximum over no axes": |x| x.max_over([]), [2.0, 3.0] => [2.0, 3.0], [1.0, 1.0];
    "of a scalar": |x| x.at(0, 0).sum().mean().max_over([]).exp().reshape([1]), [0.0] => [1.0], [1.0];
}

/// Forward and reverse mode agree at kinks, wherever the tables above fix a derivative.
#[test]
fn duals_take_the_same_side() {
    let slope = |f: &dyn for<'g> Fn(Expr<'g>) -> Expr<'g>, x: f64| {
        let g = Builder::new();
        let leaf = g.parameter("x", []);
        let y = f(leaf);
        let point = Point::new().with(leaf, arr0(Dual { value: x, tangent: 1.0 }));
        eval(&g.graph().unwrap(), &point, &[y]).unwrap()[0].scalar().unwrap().tangent
    };
    assert_eq!(slope(&|x| x.relu(), 0.0).to_bits(), 0.0_f64.to_bits());
    assert_eq!(slope(&|x| x.abs(), 0.0).abs().to_bits(), 0.0_f64.to_bits());
    assert_eq!(slope(&|x| x.max(x), 1.0).to_bits(), 1.0_f64.to_bits());
    assert_eq!(slope(&|x| x.powi(0), 0.0).to_bits(), 0.0_f64.to_bits());
}

/// A maximum or mean of an empty axis, and a logarithm of an empty sum, are not numbers.
#[test]
fn empty_axes_that_have_no_result_are_refused() {
    let refused = |f: &dyn for<'g> Fn(Expr<'g>) -> Expr<'g>| {
        let g = Builder::new();
        f(g.parameter("x", [2, 0])).is_poisoned()
    };
    assert!(refused(&|x| x.max_over([1])) && refused(&|x| x.mean_over([1])));
    assert!(refused(&|x| x.softmax(1)) && refused(&|x| x.log_softmax(1)) && refused(&|x| x.logsumexp(1)));
    assert!(!refused(&|x| x.max_over([0])) && !refused(&|x| x.sum_over([1])) && !refused(&|x| x.softmax(0)));
}

/// Every op that accepts an empty array returns one, with a gradient of its shape.
#[test]
fn empty_arrays_go_through() {
    let g = Builder::new();
    let x = g.parameter("x", [2, 0, 3]);
    let (w, i) = (g.parameter("w", [4, 3]), g.index_input("i", [0], 4));
    let ys = [
        x.tanh(),
        x.linear(w),
        x.softmax(2),
        x.transpose(&[1, 0, 2]),
        x.reshape([0]),
        x.max_over([0]),
        w.gather(i),
    ];
    let sums: Vec<_> = ys.iter().map(|y| y.sum()).collect();
    let gradients = grad(g.sum(&sums), &[x, w]);
    let point = Point::new()
        .with(x, ArrayD::<f64>::zeros(IxDyn(&[2, 0, 3])))
        .with(w, ArrayD::ones(IxDyn(&[4, 3])))
        .with(i, Value::Index(ArrayD::<usize>::zeros(IxDyn(&[0]))));
    assert_eq!(value(&g, &point, gradients[0]).shape(), [2, 0, 3]);
    assert_eq!(value(&g, &point, gradients[1]), ArrayD::<f64>::zeros(IxDyn(&[4, 3])));
}

/// Both operands broadcast: the adjoint of each is summed over its broadcast axes.
#[test]
fn broadcasting_in_both_directions() {
    let g = Builder::new();
    let (a, b) = (g.parameter("a", [2, 1]), g.parameter("b", [3]));
    let point = Point::new().with(a, arr2(&[[1.0], [2.0]])).with(b, arr1(&[3.0, 5.0, 7.0]));
    let y = a * b;
    let gradients = grad(y.sum(), &[a, b]);
    assert_eq!(value(&g, &point, y), arr2(&[[3.0, 5.0, 7.0], [6.0, 10.0, 14.0]]).into_dyn());
    assert_eq!(value(&g, &point, gradients[0]), arr2(&[[15.0], [15.0]]).into_dyn());
    assert_eq!(value(&g, &point, gradients[1]), arr1(&[3.0, 3.0, 3.0]).into_dyn());
}

/// Batches of matrices, one of them broadcast, against three loops; and both gradients of Σ Y ⊙ C.
#[test]
fn stacked_products_are_those_of_the_loops() {
    let (p, q, m, k, n) = (2, 3, 2, 4, 3);
    // Small whole numbers: every sum is exact in any order.
    let numbers = |shape: &[usize], step: usize| {
        let count = shape.iter().product::<usize>();
        let data = (0..count).map(|i| ((i * step) % 7) as f64 - 3.0).collect();
        ArrayD::from_shape_vec(IxDyn(shape), data).unwrap()
    };
    let (a, b, c) = (numbers(&[p, 1, m, k], 3), numbers(&[q, k, n], 5), numbers(&[p, q, m, n], 4));
    let mut y = ArrayD::<f64>::zeros(IxDyn(&[p, q, m, n]));
    let (mut da, mut db) = (ArrayD::<f64>::zeros(a.raw_dim()), ArrayD::<f64>::zeros(b.raw_dim()));
    for [u, v, i, l, j] in ndarray::indices((p, q, m, k, n)).into_iter().map(<[usize; 5]>::from) {
        y[[u, v, i, j]] += a[[u, 0, i, l]] * b[[v, l, j]];
        da[[u, 0, i, l]] += c[[u, v, i, j]] * b[[v, l, j]];
        db[[v, l, j]] += a[[u, 0, i, l]] * c[[u, v, i, j]];
    }
    let g = Builder::new();
    let (x, w) = (g.parameter("a", [p, 1, m, k]), g.parameter("b", [q, k, n]));
    let product = x.matmul(w);
    let gradients = grad((product * g.constant(c)).sum(), &[x, w]);
    let point = Point::new().with(x, a).with(w, b);
    assert_eq!(value(&g, &point, product), y);
    assert_eq!(value(&g, &point, gradients[0]), da);
    assert_eq!(value(&g, &point, gradients[1]), db);
}

/// A row that is gathered three times gets three contributions, one that is not gathered none.
#[test]
fn repeated_rows_add_up() {
    let g = Builder::new();
    let (table, i) = (g.parameter("table", [3, 2]), g.index_input("i", [2, 2], 3));
    let weights = g.constant(ndarray::arr3(&[[[1.0, 2.0], [10.0, 20.0]], [[100.0, 200.0], [5.0, 7.0]]]));
    let rows = table.gather(i);
    let d = grad((rows * weights).sum(), &[table])[0];
    let point = Point::new()
        .with(table, arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        .with(i, Value::Index(arr2(&[[2, 2], [2, 0]]).into_dyn()));
    let looked_up = ndarray::arr3(&[[[5.0, 6.0], [5.0, 6.0]], [[5.0, 6.0], [1.0, 2.0]]]);
    assert_eq!(value(&g, &point, rows), looked_up.into_dyn());
    assert_eq!(value(&g, &point, d), arr2(&[[5.0, 7.0], [0.0, 0.0], [111.0, 222.0]]).into_dyn());
}

/// Dropout preserves the mean: over n elements it is within five standard deviations √(p/(1−p)/n) of 1.
#[test]
fn a_dropout_mask_has_the_mean_1() {
    for rate in [0.0, 0.1, 0.5, 0.9] {
        let g = Builder::new();
        let seed = g.index_input("seed", [], 1000);
        let mean = seed.dropout_mask([200, 50], rate, 3).mean();
        let at = Point::new().with(seed, Value::Index(arr0(17).into_dyn()));
        let mean = value(&g, &at, mean).sum();
        assert!((mean - 1.0).abs() <= 1e-12 + 5.0 * (rate / (1.0 - rate) / 1e4).sqrt(), "{rate}: {mean}");
    }
}
