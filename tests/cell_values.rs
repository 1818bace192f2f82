//! The values of cells against the same nets written by hand, and Elman's backpropagation through time against the
//! textbook recursion.

mod nets;

use autograd::{Builder, eval, grad};
use ndarray::{Array2, ArrayD, Axis, Ix2, Ix3, arr1, s};
use nets::reading::Reading;
use nets::{Begin, Problem, Setup, cells, near, plain, setups};
use proptest::prelude::*;
use rnn::cell::by_name;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn outputs_and_states_are_those_written_by_hand(setup in setups()) {
        for name in plain::CELLS {
            let problem = Problem::new(by_name(name).unwrap(), &setup);
            let ours = problem.solve();
            let (output, last, last_output) = plain::solve(name, &problem);
            near(&ours.output, &output, &format!("{name}: output"));
            near(&ours.last_output, &last_output, &format!("{name}: last output"));
            for (i, (ours, last)) in ours.last.iter().zip(&last).enumerate() {
                near(ours, last, &format!("{name}: last state {i}"));
            }
        }
    }

    /// With `δ[t] = ∂L/∂h[t]` and `a[t]` the sum inside the tanh (Werbos 1990, Backpropagation through time):
    /// `δ[t] = v[t] + W_hᵀ ((1 − h[t+1]²) ⊙ δ[t+1])`, and each weight's gradient is a sum over time.
    #[test]
    fn backpropagation_through_time_is_the_textbooks(setup in setups()) {
        let setup = Setup { depth: 1, bidirectional: false, window: None, lengths: None, begin: Begin::Given, ..setup };
        let problem = Problem::new(by_name("elman").unwrap(), &setup);
        let g = Builder::new();
        let built = problem.build(&g);
        grad(built.loss, &built.wrt());
        let graph = g.graph().unwrap();
        let value = |name: &str| -> ArrayD<f64> {
            let id = graph.find(name).unwrap();
            eval(&graph, &built.point, &[id]).unwrap().remove(0).into_float()
        };
        let matrix = |a: &ArrayD<f64>| a.clone().into_dimensionality::<Ix2>().unwrap();
        let steps_of = |a: &ArrayD<f64>| -> Vec<Array2<f64>> {
            a.clone().into_dimensionality::<Ix3>().unwrap().outer_iter().map(|m| m.to_owned()).collect()
        };
        let (w, u) = (matrix(&problem.weights["weight_ih_l0"]), matrix(&problem.weights["weight_hh_l0"]));
        let (x, v) = (steps_of(&problem.x), steps_of(&problem.v_output));
        let bias = &problem.weights["bias_ih_l0"] + &problem.weights["bias_hh_l0"];
        let mut h = vec![matrix(&problem.start[0].index_axis(Axis(0), 0).to_owned())];
        for x in &x {
            let a = x.dot(&w.t()) + h[h.len() - 1].dot(&u.t()) + &bias;
            h.push(matrix(&a).mapv(f64::tanh));
        }
        // Final state and last output are both h at the last step.
        let end = matrix(&problem.v_last[0].index_axis(Axis(0), 0).to_owned()) + matrix(&problem.v_last_output);
        let (mut delta, mut dw, mut du) = (end, Array2::zeros(w.raw_dim()), Array2::zeros(u.raw_dim()));
        let mut db = ndarray::Array1::zeros(setup.hidden);
        for t in (1..=setup.steps).rev() {
            delta += &v[t - 1];
            near(&value(&format!("l0/h[{t}]")), &h[t].clone().into_dyn(), &format!("h[{t}]"));
            near(&value(&format!("∂l0/h[{t}]")), &delta.clone().into_dyn(), &format!("∂h[{t}]"));
            let da = h[t].mapv(|h| 1.0 - h * h) * &delta;
            dw += &da.t().dot(&x[t - 1]);
            du += &da.t().dot(&h[t - 1]);
            db += &da.sum_axis(Axis(0));
            near(&value(&format!("∂x[{t}]")), &da.dot(&w).into_dyn(), &format!("∂x[{t}]"));
            delta = da.dot(&u);
        }
        near(&value("∂weight_ih_l0"), &dw.into_dyn(), "∂W_x");
        near(&value("∂weight_hh_l0"), &du.into_dyn(), "∂W_h");
        near(&value("∂bias_ih_l0"), &db.clone().into_dyn(), "∂b_x");
        near(&value("∂bias_hh_l0"), &db.into_dyn(), "∂b_h");
        near(&value("∂h0"), &delta.into_dyn().insert_axis(Axis(0)), "∂h[0]");
    }
}

/// A net of a cell file has the values that a direct reading of the file gives: outputs of a bidirectional layer,
/// lane by lane.
#[test]
fn outputs_are_those_of_the_equations_as_they_stand() {
    cells::each(4, |subject, setup| {
        let Some(cell) = &subject.file else { return };
        let setup = Setup { depth: 1, begin: Begin::Zero, ..setup };
        let problem = subject.problem(&setup);
        let output = problem.solve().output;
        let width = output.shape()[2] / problem.net().directions();
        for (lane, suffix) in ["_l0", "_l0_reverse"].iter().take(problem.net().directions()).enumerate() {
            let weight = |name: &str| problem.weights[&format!("{name}{suffix}")].clone();
            let reading = Reading::new(cell, problem.x.shape()[2], problem.hidden, weight);
            for b in 0..problem.batch() {
                let mut inputs: Vec<_> =
                    (0..problem.length(b)).map(|t| problem.x.slice(s![t, b, ..]).to_owned()).collect();
                if lane == 1 {
                    inputs.reverse();
                }
                let mut outputs = reading.outputs(&inputs);
                if lane == 1 {
                    outputs.reverse();
                }
                for (t, y) in outputs.into_iter().enumerate() {
                    let ours = output.slice(s![t, b, lane * width..(lane + 1) * width]).to_owned();
                    near(&ours.into_dyn(), &y.into_dyn(), &subject.name);
                }
            }
        }
    });
}

/// One step of a cell of hidden size 1 from given states; all weights are zero except the given ones.
fn one_step(cell: &str, start: &[f64], weights: &[(&str, &[f64])]) -> Vec<f64> {
    let setup = Setup {
        steps: 1,
        batch: 1,
        input: 1,
        hidden: 1,
        depth: 1,
        bidirectional: false,
        window: None,
        lengths: None,
        begin: Begin::Given,
        seed: 0,
    };
    let mut problem = Problem::new(by_name(cell).unwrap(), &setup);
    problem.weights.values_mut().for_each(|w| w.fill(0.0));
    for (name, values) in weights {
        let w = problem.weights.get_mut(&format!("{name}_l0")).unwrap();
        *w = arr1(values).into_shape_with_order(w.shape()).unwrap().into_dyn();
    }
    problem.start.iter_mut().zip(start).for_each(|(a, &x)| a.fill(x));
    problem.solve().last.iter().map(|a| a.sum()).collect()
}

/// A bias of 1000 opens a gate fully; a bias of 0 leaves σ at one half and tanh at 0.
#[test]
fn gates_of_the_lstm_are_stacked_as_i_f_g_o() {
    const OPEN: f64 = 1e3;
    let c = 0.8_f64;
    let with = |bias: [f64; 4]| one_step("lstm", &[0.3, c], &[("bias_ih", &bias)]);
    let close = |ours: Vec<f64>, h: f64, c: f64| {
        assert!((ours[0] - h).abs() < 1e-15 && (ours[1] - c).abs() < 1e-15, "{ours:?} is not {h}, {c}");
    };
    close(with([OPEN, 0.0, 0.0, 0.0]), 0.5 * (0.5 * c).tanh(), 0.5 * c);
    close(with([0.0, OPEN, 0.0, 0.0]), 0.5 * c.tanh(), c);
    close(with([0.0, 0.0, OPEN, 0.0]), 0.5 * (0.5 * c + 0.5).tanh(), 0.5 * c + 0.5);
    close(with([OPEN, 0.0, OPEN, 0.0]), 0.5 * (0.5 * c + 1.0).tanh(), 0.5 * c + 1.0);
    close(with([0.0, 0.0, 0.0, OPEN]), (0.5 * c).tanh(), 0.5 * c);
}

/// z shut, r half open, U = c = 1, h = 1: reset after the product gives tanh(½ (h + 1)), before it tanh(½ h + 1).
#[test]
fn the_two_gated_recurrent_units_reset_at_different_places() {
    let weights: [(&str, &[f64]); 3] =
        [("bias_ih", &[0.0, -1e3, 0.0]), ("weight_hh", &[0.0, 0.0, 1.0]), ("bias_hh", &[0.0, 0.0, 1.0])];
    let with = |cell| one_step(cell, &[1.0], &weights)[0];
    assert!((with("gru") - 1f64.tanh()).abs() < 1e-15);
    assert!((with("gru-reset-before") - 1.5f64.tanh()).abs() < 1e-15);
}

/// The order of the gates: an open r changes the input of the candidate, an open z keeps the state, n is the rest.
#[test]
fn gates_of_the_gated_recurrent_unit_are_stacked_as_r_z_n() {
    for cell in ["gru", "gru-reset-before"] {
        let with = |bias: [f64; 3]| {
            one_step(cell, &[0.4], &[("bias_ih", &bias), ("weight_hh", &[0.0, 0.0, 1.0])])[0]
        };
        assert!((with([1e3, -1e3, 0.0]) - 0.4f64.tanh()).abs() < 1e-15, "{cell}: r");
        assert!((with([0.0, 1e3, 0.0]) - 0.4).abs() < 1e-15, "{cell}: z");
        assert!((with([0.0, -1e3, 1e3]) - 1.0).abs() < 1e-15, "{cell}: n");
    }
}
