//! The same nets written by hand, one sequence at a time, without graph, batch or mask.

use super::Problem;
use ndarray::{Array1, ArrayD, Axis, Ix1, Ix2, concatenate, s};

type Vector = Array1<f64>;

/// The cells written out here.
pub const CELLS: [&str; 5] = ["elman", "elman-relu", "lstm", "gru", "gru-reset-before"];

/// Outputs `[time, batch, feature]`, final states, each `[lanes, batch, hidden]`, and last outputs `[batch,
/// feature]`.
pub fn solve(cell: &str, problem: &Problem) -> (ArrayD<f64>, Vec<ArrayD<f64>>, ArrayD<f64>) {
    let directions = 1 + usize::from(problem.bidirectional);
    let mut output = ArrayD::zeros(problem.v_output.raw_dim());
    let mut last: Vec<_> = problem.v_last.iter().map(|v| ArrayD::zeros(v.raw_dim())).collect();
    let mut last_output = ArrayD::zeros(problem.v_last_output.raw_dim());
    for b in 0..problem.batch() {
        let length = problem.length(b);
        let mut inputs: Vec<Vector> = (0..length).map(|t| problem.x.slice(s![t, b, ..]).to_owned()).collect();
        for layer in 0..problem.depth {
            let mut outputs = vec![Vec::new(); length];
            let mut ends = Vec::new();
            for direction in 0..directions {
                let lane = layer * directions + direction;
                let mut states: Vec<Vector> = match &problem.start[..] {
                    [] => vec![Vector::zeros(problem.hidden); problem.v_last.len()],
                    start => start
                        .iter()
                        .map(|a| a.slice(s![lane, if a.shape()[1] == 1 { 0 } else { b }, ..]).to_owned())
                        .collect(),
                };
                let suffix = format!("_l{layer}{}", if direction == 1 { "_reverse" } else { "" });
                let step = Step { problem, suffix };
                for k in 0..length {
                    let t = if direction == 1 { length - 1 - k } else { k };
                    states = step.of(cell, &inputs[t], &states);
                    outputs[t].push(states[0].clone());
                }
                for (last, state) in last.iter_mut().zip(&states) {
                    last.slice_mut(s![lane, b, ..]).assign(state);
                }
                ends.push(states[0].clone());
            }
            inputs = outputs.iter().map(|parts| join(parts)).collect();
            last_output.slice_mut(s![b, ..]).assign(&join(&ends));
        }
        for (t, y) in inputs.iter().enumerate() {
            output.slice_mut(s![t, b, ..]).assign(y);
        }
    }
    (output, last, last_output)
}

fn join(parts: &[Vector]) -> Vector {
    concatenate(Axis(0), &parts.iter().map(|part| part.view()).collect::<Vec<_>>()).unwrap()
}

fn sigmoid(x: &Vector) -> Vector {
    x.mapv(|x| 1.0 / (1.0 + (-x).exp()))
}

fn tanh(x: &Vector) -> Vector {
    x.mapv(f64::tanh)
}

struct Step<'a> {
    problem: &'a Problem,
    suffix: String,
}

impl Step<'_> {
    /// The rows of gate `k` of a weight, times `x`.
    fn product(&self, weight: &str, k: usize, x: &Vector) -> Vector {
        let n = self.problem.hidden;
        let w = self.problem.weights[&format!("{weight}{}", self.suffix)].view();
        w.into_dimensionality::<Ix2>().unwrap().slice(s![k * n..(k + 1) * n, ..]).dot(x)
    }

    /// The rows of gate `k` of a bias.
    fn bias(&self, bias: &str, k: usize) -> Vector {
        let n = self.problem.hidden;
        let b = self.problem.weights[&format!("{bias}{}", self.suffix)].view();
        b.into_dimensionality::<Ix1>().unwrap().slice(s![k * n..(k + 1) * n]).to_owned()
    }

    /// W x + b
    fn input_part(&self, k: usize, x: &Vector) -> Vector {
        self.product("weight_ih", k, x) + self.bias("bias_ih", k)
    }

    /// U h + c
    fn state_part(&self, k: usize, h: &Vector) -> Vector {
        self.product("weight_hh", k, h) + self.bias("bias_hh", k)
    }

    /// The states after one step; the first is the output.
    fn of(&self, cell: &str, x: &Vector, states: &[Vector]) -> Vec<Vector> {
        let h = &states[0];
        let a = |k| self.input_part(k, x) + self.state_part(k, h);
        match cell {
            // Elman 1990
            "elman" => vec![tanh(&a(0))],
            "elman-relu" => vec![a(0).mapv(|a| if a > 0.0 { a } else { 0.0 })],
            // Gers, Schmidhuber & Cummins 2000, eq. 1-8, without peepholes
            "lstm" => {
                let (i, f, g, o) = (sigmoid(&a(0)), sigmoid(&a(1)), tanh(&a(2)), sigmoid(&a(3)));
                let c = &f * &states[1] + &i * &g;
                vec![&o * &tanh(&c), c]
            }
            // Cho et al. 2014, eq. 5-8, with the reset gate placed as in cuDNN
            "gru" => {
                let (r, z) = (sigmoid(&a(0)), sigmoid(&a(1)));
                let n = tanh(&(self.input_part(2, x) + &r * &self.state_part(2, h)));
                vec![&z * h + (1.0 - &z) * n]
            }
            // Cho et al. 2014, eq. 5-8
            "gru-reset-before" => {
                let (r, z) = (sigmoid(&a(0)), sigmoid(&a(1)));
                let n = tanh(&(self.input_part(2, x) + self.state_part(2, &(&r * h))));
                vec![&z * h + (1.0 - &z) * n]
            }
            other => panic!("`{other}` is not written out by hand"),
        }
    }
}
