//! Gradients through time split by step, against finite differences, textbook formulas and their own sums.

use autograd::ops::Op;
use autograd::{Magnitude, NodeId, Point, Value, eval};
use ndarray::{Array2, ArrayD, Axis};
use rnn::cell::SHIPPED;
use rnn::init::{self, Init};
use rnn::model::{Batch, Head, Inits, Mode, Model, Network};
use rnn::parameters::Parameters;
use rnn_lab::study::{Ask, Bptt, Course, Flow, NetSpec, spectral_norm, truncations};

#[path = "bptt/spectra.rs"]
mod spectra;

const ALL: Ask = Ask { layer: 0, split: true, jacobians: true, spectrum: false };

/// The cell over five steps, two sequences.
fn small(cell: &str) -> NetSpec {
    let fits = rnn::cell::by_name(cell).unwrap().fits(3, 4).is_ok();
    NetSpec { cell: cell.into(), steps: 5, batch: 2, input: if fits { 3 } else { 4 }, ..NetSpec::default() }
}

/// A network's graph and its point, with the operands of stop-gradients held constant.
fn frozen(model: &Model, parameters: &Parameters, feed: &Batch) -> (Network, Point<f64>) {
    let network = model.network(feed.steps(), feed.batch(), Mode::default()).unwrap();
    let mut point = network.point(parameters, feed, &[], 0).unwrap().cast::<f64>();
    let stops: Vec<NodeId> =
        network.graph.ids().filter(|&id| matches!(network.graph[id].op, Op::StopGradient(_))).collect();
    let values = eval(&network.graph, &point, &stops).unwrap();
    stops.iter().zip(values).for_each(|(&id, value)| point.set(id, value));
    (network, point)
}

/// For step k of a lane: the derivatives of `outputs` by each element of the joint state of each sequence, by
/// fourth-order central differences with the state's nodes overridden. `[sequence][element][output]`.
fn differences(
    network: &Network,
    point: &Point<f64>,
    states: &[NodeId],
    outputs: &[NodeId],
) -> Vec<Vec<Vec<ArrayD<f64>>>> {
    let base: Vec<ArrayD<f64>> =
        eval(&network.graph, point, states).unwrap().into_iter().map(Value::into_float).collect();
    let mut point = point.clone();
    states.iter().zip(&base).for_each(|(&id, value)| point.set(id, value.clone()));
    let batch = base[0].len_of(Axis(0));
    let h = 1e-5; // so small that no kink of a relu lies within it
    let mut found = vec![Vec::new(); batch];
    for (state, value) in states.iter().zip(&base) {
        for (b, each) in found.iter_mut().enumerate() {
            for j in 0..value.len_of(Axis(1)) {
                let at = |by: f64| {
                    let mut moved = value.clone();
                    moved[[b, j]] += by;
                    let values = eval(&network.graph, &point.clone().with(*state, moved), outputs).unwrap();
                    values.into_iter().map(Value::into_float).collect::<Vec<_>>()
                };
                let (near, far) = ((at(h), at(-h)), (at(2.0 * h), at(-2.0 * h)));
                let slope =
                    |i: usize| ((&near.0[i] - &near.1[i]) * 8.0 - (&far.0[i] - &far.1[i])) / (12.0 * h);
                each.push((0..outputs.len()).map(slope).collect());
            }
        }
    }
    found
}

/// Compares matrix and stretch with differences, to 1e-6 of the largest norm.
fn agrees(net: &NetSpec, head: Head, layer: usize) {
    let (model, mut parameters, mut feed) = net.example(5).unwrap();
    let model = Model { head, ..model };
    // Some cells' initial values lie so near a kink that a difference would cross it: move away from them.
    for (name, value) in parameters.iter_mut() {
        *value = Init::uniform(0.6).draw(value.shape(), 1, &mut init::rng(5, name)).unwrap();
    }
    if head != Head::EachStep {
        feed.y = Value::Index(ArrayD::zeros(vec![net.batch]));
    }
    let bptt = Bptt::of(&model, &parameters, &feed, Ask { layer, ..ALL }).unwrap();
    let (network, point) = frozen(&model, &parameters, &feed);
    let lane = &network.lanes[layer * if net.bidirectional { 2 } else { 1 }];
    let largest = bptt.matrix.iter().map(|norm| norm.to_f64()).fold(0.0, f64::max);
    for (k, states) in lane.states.iter().enumerate() {
        let next: &[NodeId] = lane.states.get(k + 1).map_or(&[], Vec::as_slice);
        // A node that is also a state of this step is perturbed itself: its derivative is known.
        let outputs: Vec<NodeId> = network.losses.iter().chain(next).copied().collect();
        let by = differences(&network, &point, states, &outputs);
        for (row, &t) in bptt.loss_steps.iter().enumerate() {
            if bptt.matrix[[row, k]].is_nan() {
                assert!(t < k + 1, "{net:?} {t} {k}");
                continue;
            }
            let norm =
                |each: &Vec<Vec<ArrayD<f64>>>| each.iter().map(|d| d[row].sum().powi(2)).sum::<f64>().sqrt();
            let want: f64 = by.iter().map(norm).sum();
            let found = bptt.matrix[[row, k]].to_f64();
            assert!(
                (found - want).abs() < 1e-6 * largest,
                "{net:?} ∂L[{t}]/∂s[{}]: {found} and {want}",
                k + 1
            );
        }
        for (b, each) in by.iter().enumerate().filter(|_| !next.is_empty()) {
            let row_of = |d: &Vec<ArrayD<f64>>| -> Vec<f64> {
                d[network.losses.len()..]
                    .iter()
                    .flat_map(|s| s.index_axis(Axis(0), b).iter().copied().collect::<Vec<_>>())
                    .collect()
            };
            let rows: Vec<Vec<f64>> = each.iter().map(row_of).collect();
            let jacobian = Array2::from_shape_fn((rows[0].len(), rows.len()), |(i, j)| rows[j][i]);
            let (found, want) = (bptt.stretch[k][b], spectral_norm(jacobian.view()));
            assert!(
                (found - want).abs() < 1e-6 * want.max(1.0),
                "{net:?} step {}: {found} and {want}",
                k + 2
            );
        }
    }
}

#[test]
fn the_matrix_of_every_shipped_cell_is_that_of_finite_differences() {
    for shipped in SHIPPED {
        agrees(&small(shipped.name), Head::EachStep, 0);
    }
}

#[test]
fn so_it_is_for_other_heads_layers_and_directions() {
    for cell in ["elman", "lstm", "gru", "lstm-1997"] {
        agrees(&small(cell), Head::Last, 0);
        agrees(&small(cell), Head::Mean, 0);
        for layer in [0, 1] {
            agrees(&NetSpec { layers: 2, ..small(cell) }, Head::EachStep, layer);
            agrees(&NetSpec { layers: 2, bidirectional: true, ..small(cell) }, Head::EachStep, layer);
        }
    }
}

#[test]
fn the_parts_of_every_gradient_add_up_to_it() {
    for shipped in SHIPPED {
        let (model, parameters, feed) = small(shipped.name).example(7).unwrap();
        let bptt = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
        let network = model.network(5, 2, Mode { train: true, ..Mode::default() }).unwrap();
        let point = network.point(&parameters, &feed, &[], 0).unwrap().cast::<f64>();
        let full = eval(&network.graph, &point, &network.gradients).unwrap();
        assert_eq!(bptt.shares.len(), full.len());
        for ((share, full), (name, _)) in bptt.shares.iter().zip(full).zip(&network.parameters) {
            let full = full.into_float();
            let by_lag = share.by_lag.values().fold(ArrayD::zeros(full.raw_dim()), |sum, part| sum + part);
            let largest = full.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            for sum in [share.total(), by_lag] {
                let apart = (&sum - &full).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
                assert!(
                    share.name == *name && apart <= 1e-13 * largest.max(1.0),
                    "{}: {name} {apart}",
                    shipped.name
                );
            }
        }
        let loss = eval(&network.graph, &point, &[network.loss]).unwrap()[0].scalar().unwrap();
        assert!((bptt.losses.iter().sum::<f64>() - loss).abs() < 1e-13);
        let head = bptt.shares.iter().find(|share| share.name == "head.weight").unwrap();
        assert!(head.by_lag.keys().eq([&0]), "the head of a step is used by that step's loss alone");
    }
}

/// ∂L/∂W at step k is δ[k]ᵀ h[k−1] with δ[k] = ∂L/∂h[k] ⊙ (1 − h[k]²): Werbos 1990.
#[test]
fn the_share_of_a_step_is_the_textbook_s() {
    let (model, parameters, feed) = small("elman").example(3).unwrap();
    let bptt = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
    let network = model.network(5, 2, Mode { train: true, ..Mode::default() }).unwrap();
    let point = network.point(&parameters, &feed, &[], 0).unwrap().cast::<f64>();
    let value = |id: NodeId| {
        eval(&network.graph, &point, &[id])
            .unwrap()
            .remove(0)
            .into_float()
            .into_dimensionality::<ndarray::Ix2>()
            .unwrap()
    };
    let share = bptt.shares.iter().find(|share| share.name == "rnn.weight_hh_l0").unwrap();
    for k in 2..=5 {
        let (h, before) = (value(network.states[k - 1]), value(network.states[k - 2]));
        let adjoint = value(network.graph.adjoint(network.states[k - 1], 0).unwrap().unwrap());
        let delta = adjoint * h.mapv(|h| 1.0 - h * h);
        let want = delta.t().dot(&before);
        let apart = (&share.by_step[k] - &want.into_dyn()).iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert!(apart < 1e-14, "step {k}: {apart}");
    }
    assert!(share.by_step[1].iter().all(|x| *x == 0.0), "h[0] is zero");
}

#[test]
fn beyond_a_cut_all_is_exactly_zero() {
    for cell in ["elman", "lstm", "gru", "rin"] {
        let net = NetSpec { window: Some(2), ..small(cell) };
        let (model, parameters, feed) = net.example(1).unwrap();
        let bptt = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
        for ((t, k), &norm) in bptt.matrix.indexed_iter() {
            match (k > t, t / 2 == k / 2) {
                (true, _) => assert!(norm.is_nan()),
                (_, true) => assert!(norm > Magnitude::ZERO, "{cell} {t} {k}"),
                (_, false) => assert!(norm.is_zero(), "{cell} {t} {k}"),
            }
        }
        assert!(bptt.stretch[1].iter().all(|s| *s == 0.0) && bptt.stretch[0].iter().all(|s| *s > 0.0));
    }
}

#[test]
fn no_gradient_exceeds_the_bound_by_singular_values() {
    for shipped in SHIPPED {
        let (model, parameters, feed) = NetSpec { steps: 12, ..small(shipped.name) }.example(2).unwrap();
        let bptt = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
        for (found, bound) in bptt.matrix.iter().zip(bptt.bound.as_ref().unwrap()) {
            assert!(
                found.is_nan() || bound.is_nan() || *found <= *bound * Magnitude::of(1.0 + 1e-9),
                "{}",
                shipped.name
            );
        }
    }
}

/// Without input a tanh is the identity to first order: each step multiplies by W.
#[test]
fn a_silent_orthogonal_elman_keeps_its_scale_at_every_step() {
    for scale in [0.9, 1.0, 1.1] {
        let net = NetSpec { steps: 60, hidden: 8, ..small("elman") };
        let (mut model, _, mut feed) = net.example(2).unwrap();
        model.init = Inits { recurrent: Some(Init::Orthogonal { gain: scale }), ..Inits::default() };
        let mut parameters = model.first_parameters(3).unwrap();
        parameters.iter_mut().filter(|(name, _)| name.starts_with("rnn.bias")).for_each(|(_, b)| b.fill(0.0));
        // A loss at every step, to compare distances.
        feed.x = Value::Float(ArrayD::zeros(vec![60, 2, 3]));
        feed.y = Value::Index(ArrayD::zeros(vec![60, 2]));
        let bptt = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
        assert!((bptt.decay.rate.unwrap() - scale).abs() < 1e-6, "{scale}: {:?}", bptt.decay.rate);
        assert!(bptt.stretch.iter().flatten().all(|s| (s - scale).abs() < 1e-6));
    }
}

/// A tanh net without input multiplies by its matrix: over 2,000 steps of a half, or of a double, the norm is 2^∓1999
/// of the last. Neither fits in `f64`, and neither is zero or infinite. The loss is after the last step, or one at
/// every step; and below a second layer a gradient has as many paths as there are steps.
#[test]
fn a_gradient_beyond_the_range_of_numbers_is_followed_to_its_beginning() {
    for (scale, steps, head) in [(0.5, 2000, Head::Last), (2.0, 2000, Head::Last), (1e-4, 90, Head::EachStep)]
    {
        let net = NetSpec { steps, hidden: 2, batch: 1, ..small("elman") };
        let (model, _, mut feed) = net.example(2).unwrap();
        let init = Inits { recurrent: Some(Init::Orthogonal { gain: scale }), ..Inits::default() };
        let model = Model { head, init, ..model };
        let mut parameters = model.first_parameters(3).unwrap();
        parameters.iter_mut().filter(|(name, _)| name.starts_with("rnn.bias")).for_each(|(_, b)| b.fill(0.0));
        feed.x = Value::Float(ArrayD::zeros(vec![steps, 1, 3]));
        let y = if head == Head::Last { vec![1] } else { vec![steps, 1] };
        feed.y = Value::Index(ArrayD::zeros(y));
        let bptt = Bptt::of(
            &model,
            &parameters,
            &feed,
            Ask { layer: 0, split: false, jacobians: true, spectrum: false },
        )
        .unwrap();
        let row = bptt.matrix.row(bptt.matrix.nrows() - 1);
        let bound = bptt.bound.as_ref().unwrap();
        for k in [0, steps / 3, steps - 2] {
            let found = (row[k] / row[steps - 1]).log10();
            let want = (steps - 1 - k) as f64 * scale.log10();
            assert!((found - want).abs() < 1e-6 * want.abs(), "{scale} {k}: {found} {want}");
            let bound = bound[[bptt.matrix.nrows() - 1, k]].log10();
            assert!((bound - row[k].log10()).abs() < 1e-6 * want.abs(), "{scale} {k}: {bound}");
        }
        assert!((bptt.decay.rate.unwrap() / scale - 1.0).abs() < 1e-5, "{:?}", bptt.decay.rate);
    }
}

/// The lower of two layers is reached by paths through both: over n steps there are n of them, each a product of n
/// factors λ, and n λⁿ falls from n = 1 / ln(1/λ) on. A gauge changes no result.
#[test]
fn the_gradient_of_two_layers_falls_steadily_beyond_the_range_of_numbers() {
    const STEPS: usize = 1500;
    for (cell, layers, falls_from) in [("lstm", 1, 0), ("gru", 2, 10), ("elman", 2, 10)] {
        let net = NetSpec { layers, steps: STEPS, hidden: 2, batch: 2, ..small(cell) };
        let (model, mut parameters, mut feed) = net.example(6).unwrap();
        let model = Model { head: Head::Last, ..model };
        parameters.iter_mut().for_each(|(_, w)| w.mapv_inplace(|x| 0.3 * x));
        feed.y = Value::Index(ArrayD::zeros(vec![2]));
        let ask = Ask { layer: 0, split: false, jacobians: true, spectrum: false };
        let long = Bptt::of(&model, &parameters, &feed, ask).unwrap();
        let norm = |k: usize| long.matrix[[0, k]];
        assert!(norm(0) > Magnitude::ZERO && norm(0).log10() < -310.0, "{cell}: {}", norm(0));
        let rise = (0..STEPS - 1 - falls_from).find(|&k| norm(k) >= norm(k + 1));
        assert_eq!(rise, None, "{cell}");
        if layers == 1 {
            let bound = long.bound.as_ref().unwrap();
            assert!((0..STEPS).all(|k| norm(k) <= bound[[0, k]] * Magnitude::of(1.0 + 1e-9)));
        }
        // The decay at the start equals the contraction of the net: the same over any hundred steps, in the limit.
        let fall = |k: usize| norm(k).log10() - norm(k + 100).log10();
        assert!((fall(50) - fall(650)).abs() < 2.0, "{cell}: {} {}", fall(50), fall(650));
    }
}

#[test]
fn a_window_as_long_as_the_sequence_has_no_bias_and_short_ones_have() {
    let (model, parameters, feed) = small("gru").example(4).unwrap();
    let full = Bptt::of(&model, &parameters, &feed, ALL).unwrap();
    let found = truncations(&model, &parameters, &feed, &full, &[1, 2, 5]).unwrap();
    assert!(found[2].cut.angle < 1e-5 && (found[2].cut.ratio - 1.0).abs() < 1e-12);
    assert!(found[2].sliding.angle < 1e-5 && (found[2].sliding.ratio - 1.0).abs() < 1e-12);
    assert!(found[0].cut.angle > 1.0 && found[0].cut.angle > found[1].cut.angle);
    // For one step, both kinds of truncation leave the same.
    assert!((found[0].cut.angle - found[0].sliding.angle).abs() < 1e-6);
    // Per parameter that is the contribution of lag 0, compared with the sum of all.
    for alone in &found[0].parameters {
        let share = full.shares.iter().find(|share| share.name == alone.name).unwrap();
        let (part, whole) = (&share.by_lag[&0], share.total());
        let norm = |a: &ndarray::ArrayD<f64>| (a * a).sum().sqrt();
        let (cosine, ratio) = ((part * &whole).sum() / norm(part) / norm(&whole), norm(part) / norm(&whole));
        assert!((alone.cut.angle.to_radians().cos() - cosine).abs() < 1e-12, "{}", alone.name);
        assert!((alone.cut.ratio - ratio).abs() < 1e-12 && (alone.sliding.ratio - ratio).abs() < 1e-12);
    }
    assert!(found[0].parameters.iter().any(|alone| alone.cut.angle > found[0].cut.angle));
}

/// An LSTM with a forget bias of 1, which initially loses its memory, preserves the gradient over 200 steps after it
/// has learned to add over 50.
#[test]
fn an_lstm_that_has_learned_keeps_the_gradient_over_two_hundred_steps() {
    let init = Inits { forget_bias: Some(1.0), ..Inits::default() };
    let short = Flow { cell: "lstm".into(), steps: 50, hidden: 16, init, ..Flow::default() };
    let long = Flow { steps: 200, ..short.clone() };
    let left = |parameters: &Parameters| {
        let norms = long.way(parameters).unwrap().norms;
        (norms[0] / norms[198]).to_f64()
    };
    assert!(left(&long.first().unwrap()) < 1e-8);
    let course = Course { updates: 4500, batch: 20, rate: 0.01, clip: Some(1.0) };
    let (parameters, updates, stopped) = short.train(course).unwrap();
    let last: f64 = updates[4400..].iter().map(|update| update.loss).sum::<f64>() / 100.0;
    assert!(stopped.is_none() && last < 0.01, "it has learned to add: {last}");
    assert!(left(&parameters) > 1e-2, "{}", left(&parameters));
}
