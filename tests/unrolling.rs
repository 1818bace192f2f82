//! Laws of unrolling for every cell: padding has no effect, directions and layers compose, a sequence can be split,
//! and truncated backpropagation equals that of its blocks.

mod nets;

use autograd::ops::Op;
use ndarray::{ArrayD, Axis, Slice, concatenate, s};
use nets::{Begin, Problem, Setup, Solution, cells, laws, near, near_all, steps};
use rnn::Cell;
use rnn::equations::EquationCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of nets per cell and law.
const CASES: u32 = 10;

/// The lanes `range` of `[lanes, ..]`.
fn lanes(arrays: &[ArrayD<f64>], range: std::ops::Range<usize>) -> Vec<ArrayD<f64>> {
    arrays.iter().map(|a| a.slice_axis(Axis(0), Slice::from(range.clone())).to_owned()).collect()
}

/// The features `range` of `[.., feature]`.
fn features(a: &ArrayD<f64>, range: std::ops::Range<usize>) -> ArrayD<f64> {
    a.slice_axis(Axis(a.ndim() - 1), Slice::from(range)).to_owned()
}

fn join(axis: usize, parts: &[&ArrayD<f64>]) -> ArrayD<f64> {
    concatenate(Axis(axis), &parts.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap()
}

/// The weights of one layer and direction, under the names of a single-lane net.
fn weights_of(problem: &Problem, suffix: &str) -> BTreeMap<String, ArrayD<f64>> {
    let named =
        |(name, w): (&String, &ArrayD<f64>)| Some((format!("{}_l0", name.strip_suffix(suffix)?), w.clone()));
    problem.weights.iter().filter_map(named).collect()
}

/// Each sequence reversed within its length; padding stays.
fn reversed(problem: &Problem, a: &ArrayD<f64>) -> ArrayD<f64> {
    let mut turned = a.clone();
    for b in 0..problem.batch() {
        let length = problem.length(b);
        for t in 0..length {
            turned.slice_mut(s![t, b, ..]).assign(&a.slice(s![length - 1 - t, b, ..]));
        }
    }
    turned
}

#[test]
fn what_padding_holds_changes_nothing() {
    cells::each(CASES, |subject, setup| {
        laws::padding_is_not_seen(&subject.problem(&setup), &subject.name);
    });
}

/// Inputs are normalised to length 1, which zeros cannot be.
#[test]
fn padding_need_not_be_in_the_domain_of_a_cell() {
    let text = "cell unit\n u[t] = W x[t]\n h[t] = tanh(u[t] / sqrt(sum(u[t]^2)) + U h[t-1])";
    let cell: Arc<dyn Cell> = Arc::new(EquationCell::read(text, "unit.cell").unwrap());
    for bidirectional in [false, true] {
        let setup = Setup {
            steps: 4,
            batch: 3,
            input: 3,
            hidden: 4,
            depth: 2,
            bidirectional,
            window: None,
            lengths: Some(vec![4, 2, 1]),
            begin: Begin::Given,
            seed: 1,
        };
        let problem = Problem::new(cell.clone(), &setup);
        laws::padding_is_not_seen(&problem, "unit");
        laws::batch_is_its_sequences(&problem, true, "unit");
    }
}

#[test]
fn a_sequence_in_a_batch_is_what_it_is_alone() {
    cells::each(CASES, |subject, setup| {
        laws::batch_is_its_sequences(&subject.problem(&setup), subject.sums, &subject.name);
    });
}

#[test]
fn the_order_of_sequences_in_a_batch_does_not_matter() {
    cells::each(CASES, |subject, setup| {
        let problem = subject.problem(&setup);
        let order: Vec<usize> = (0..problem.batch()).map(|b| (b + 1) % problem.batch()).collect();
        let (whole, turned) = (problem.solve(), problem.sequences(&order).solve());
        assert_eq!(turned.output, whole.output.select(Axis(1), &order));
        assert_eq!(turned.last_output, whole.last_output.select(Axis(0), &order));
        for (turned, whole) in turned.last.iter().zip(&whole.last) {
            assert_eq!(*turned, whole.select(Axis(1), &order));
        }
        for (name, gradient) in &whole.gradients {
            let own = gradient.ndim() == 3 && gradient.shape()[1] == problem.batch();
            let expected = if own { gradient.select(Axis(1), &order) } else { gradient.clone() };
            near(&turned.gradients[name], &expected, name);
        }
    });
}

/// A bidirectional layer is a forward layer beside one on the reversed sequence, reversed.
#[test]
fn both_directions_are_two_nets_side_by_side() {
    cells::each(CASES, |subject, setup| {
        if subject.keeps_inputs {
            return;
        }
        let setup = Setup { depth: 1, bidirectional: true, window: None, ..setup };
        let problem = subject.problem(&setup);
        let what = subject.name.clone();
        let width = problem.v_output.shape()[2] / 2;
        let direction = |lane: usize, suffix: &str| {
            let ours = |a: &ArrayD<f64>| features(a, lane * width..(lane + 1) * width);
            let turn = |a: ArrayD<f64>| if lane == 1 { reversed(&problem, &a) } else { a };
            let one = Problem {
                bidirectional: false,
                x: turn(problem.x.clone()),
                weights: weights_of(&problem, suffix),
                start: lanes(&problem.start, lane..lane + 1),
                v_output: turn(ours(&problem.v_output)),
                v_last: lanes(&problem.v_last, lane..lane + 1),
                v_last_output: ours(&problem.v_last_output),
                ..problem.clone()
            };
            let mut solution = one.solve();
            solution.output = turn(solution.output);
            solution.gradients.insert("x".into(), turn(solution.gradients["x"].clone()));
            solution
        };
        let (both, f, r) = (problem.solve(), direction(0, "_l0"), direction(1, "_l0_reverse"));
        near(&both.output, &join(2, &[&f.output, &r.output]), &what);
        near(&both.last_output, &join(1, &[&f.last_output, &r.last_output]), &what);
        for (i, last) in both.last.iter().enumerate() {
            near(last, &join(0, &[&f.last[i], &r.last[i]]), &what);
        }
        for (name, gradient) in &both.gradients {
            let expected = match name.strip_suffix("_reverse") {
                Some(name) => r.gradients[name].clone(),
                None if name == "x" => &f.gradients[name] + &r.gradients[name],
                None if problem.weights.contains_key(name) => f.gradients[name].clone(),
                None => join(0, &[&f.gradients[name], &r.gradients[name]]),
            };
            near(gradient, &expected, &format!("{what}: ∂{name}"));
        }
    });
}

/// Two layers equal one layer that reads the outputs of the other.
#[test]
fn a_second_layer_reads_the_outputs_of_the_first() {
    cells::each(CASES, |subject, setup| {
        if subject.keeps_inputs {
            return;
        }
        let setup = Setup { depth: 2, ..setup };
        let problem = subject.problem(&setup);
        let n = problem.v_last[0].shape()[0] / 2;
        let zeros = |a: &ArrayD<f64>| ArrayD::zeros(a.raw_dim());
        let layer = |number: usize, x: ArrayD<f64>, v_output: ArrayD<f64>, v_last_output: ArrayD<f64>| {
            let mut weights = weights_of(&problem, &format!("_l{number}"));
            let reverse = weights_of(&problem, &format!("_l{number}_reverse"));
            weights.extend(reverse.into_iter().map(|(name, w)| (format!("{name}_reverse"), w)));
            let start = lanes(&problem.start, number * n..(number + 1) * n);
            let v_last = lanes(&problem.v_last, number * n..(number + 1) * n);
            Problem { depth: 1, x, weights, start, v_output, v_last, v_last_output, ..problem.clone() }
                .solve()
        };
        let whole = problem.solve();
        let (v, v_last) = (&problem.v_output, &problem.v_last_output);
        let below = layer(0, problem.x.clone(), zeros(v), zeros(v_last)).output;
        let top = layer(1, below, v.clone(), v_last.clone());
        let bottom = layer(0, problem.x.clone(), top.gradients["x"].clone(), zeros(v_last));
        near(&whole.output, &top.output, "output");
        near(&whole.last_output, &top.last_output, "last output");
        for i in 0..whole.last.len() {
            near(&whole.last[i], &join(0, &[&bottom.last[i], &top.last[i]]), "last state");
        }
        for (name, gradient) in &whole.gradients {
            let in_layer = |number: usize| name.replace(&format!("_l{number}"), "_l0");
            let expected = match name {
                name if name.contains("_l1") => top.gradients[&in_layer(1)].clone(),
                name if name == "x" || name.contains("_l0") => bottom.gradients[name].clone(),
                name => join(0, &[&bottom.gradients[name], &top.gradients[name]]),
            };
            near(gradient, &expected, &format!("∂{name}"));
        }
    });
}

/// Windows of k steps give the values of the whole, and the gradients of blocks of k steps, each of which starts from
/// the final states of the previous one as constants.
#[test]
fn truncation_gives_the_gradients_of_blocks() {
    cells::each(CASES, |subject, setup| {
        if subject.reads_step {
            return;
        }
        let k = setup.one_to(6);
        let setup = Setup { bidirectional: false, lengths: None, window: Some(k), ..setup };
        let problem = subject.problem(&setup);
        let whole = problem.solve();
        let untruncated = Problem { window: None, ..problem.clone() }.solve();
        assert_eq!(&whole.output, &untruncated.output);
        assert_eq!(&whole.last, &untruncated.last);

        let (mut start, mut dxs, mut sums) = (problem.start.clone(), Vec::new(), None);
        for from in (0..problem.steps()).step_by(k) {
            let range = from..(from + k).min(problem.steps());
            let at_end = if range.end == problem.steps() { 1.0 } else { 0.0 };
            let block = Problem {
                window: None,
                x: steps(&problem.x, range.clone()),
                start,
                v_output: steps(&problem.v_output, range),
                v_last: problem.v_last.iter().map(|v| v * at_end).collect(),
                v_last_output: &problem.v_last_output * at_end,
                ..problem.clone()
            };
            let Solution { last, mut gradients, .. } = block.solve();
            dxs.push(gradients.remove("x").unwrap());
            let sums = sums.get_or_insert_with(|| gradients.clone());
            if from > 0 {
                for (name, sum) in sums.iter_mut().filter(|(name, _)| problem.weights.contains_key(*name)) {
                    *sum += &gradients[name];
                }
            }
            start = last;
        }
        let mut sums = sums.unwrap();
        sums.insert("x".into(), join(0, &dxs.iter().collect::<Vec<_>>()));
        near_all(&whole.gradients, &sums, &subject.name);
    });
}

#[test]
fn a_cut_stops_every_gradient_and_is_seen_in_the_graph() {
    cells::each(CASES, |subject, setup| {
        if subject.keeps_inputs {
            return;
        }
        let k = setup.one_to(3);
        let setup = Setup { bidirectional: false, lengths: None, window: Some(k), ..setup };
        let mut problem = subject.problem(&setup);
        let last_block = (problem.steps() - 1) / k * k;
        // A loss on the steps after the last cut alone.
        problem.v_output.slice_mut(s![..last_block, .., ..]).fill(0.0);
        let gradients = problem.solve().gradients;
        assert!(steps(&gradients["x"], 0..last_block).iter().all(|&dx| dx == 0.0));
        for name in gradients.keys().filter(|name| *name != "x" && !problem.weights.contains_key(*name)) {
            assert!(last_block == 0 || gradients[name].iter().all(|&d| d == 0.0), "∂{name}");
        }
        let graph = problem.graph();
        let stops = graph.ids().filter(|&id| matches!(graph[id].op, Op::StopGradient(_)));
        let mut names: Vec<String> = stops.map(|id| graph.name(id).unwrap()).collect();
        // A cell that stops gradients itself adds nodes with other names.
        names.retain(|name| !subject.stops || name.contains(".cut["));
        let mut expected = Vec::new();
        for layer in 0..problem.depth {
            for t in (k..problem.steps()).step_by(k) {
                let states = problem.net().states();
                expected.extend(states.iter().map(|state| format!("l{layer}/{}.cut[{}]", state.name, t + 1)));
            }
        }
        assert_eq!(names, expected);
    });
}

/// A sequence split in two, the second half starting from the final states of the first, has the same outputs.
#[test]
fn states_carry_a_sequence_on() {
    cells::each(CASES, |subject, setup| {
        if subject.reads_step {
            return;
        }
        let at = setup.one_to(5);
        let at = at.min(setup.steps.max(2) - 1);
        let setup =
            Setup { steps: setup.steps.max(2), bidirectional: false, lengths: None, window: None, ..setup };
        let problem = subject.problem(&setup);
        let part = |range: std::ops::Range<usize>, start: Vec<ArrayD<f64>>| {
            let (x, v_output) = (steps(&problem.x, range.clone()), steps(&problem.v_output, range));
            Problem { x, start, v_output, ..problem.clone() }.solve()
        };
        let whole = problem.solve();
        let first = part(0..at, problem.start.clone());
        let second = part(at..problem.steps(), first.last);
        near(&whole.output, &join(0, &[&first.output, &second.output]), "output");
        whole.last.iter().zip(&second.last).for_each(|(w, s)| near(w, s, "last state"));
        near(&whole.last_output, &second.last_output, "last output");
    });
}
