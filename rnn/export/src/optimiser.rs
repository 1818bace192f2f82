//! The parameter update as part of the graph: one call of the program is one training step.
//!
//! The equations are documented at each method of [`rnn::train::optim`]; here they are expressions. The optimiser's
//! state consists of arguments, named as in a checkpoint, and their next values are results.

use crate::program::{ExportError, Output, Program};
use autograd::{Builder, Expr, Point, Value};
use ndarray::{ArrayD, arr0};
use rnn::model::Network;
use rnn::train::optim::{Adam, AdamW, Method};

/// The argument for the learning rate.
pub const RATE: &str = "learning_rate";

/// The argument that counts the updates: 0 before the first.
pub const COUNT: &str = "optim/step";

/// A training step, and the initial values of the optimiser's arguments.
///
/// Its arguments are those of [`gradient`](crate::net::gradient), then the optimiser's; its results the loss, then the
/// next value of each parameter and of each of the optimiser's arguments but the learning rate. Where something is
/// dropped, the next seed is the last result: one more, as for the next update of [`rnn::train::Trainer`].
///
/// # Errors
/// None for a training network built by this library.
pub fn step(network: &Network, method: Method, rate: f64) -> Result<(Program, Point<f64>), ExportError> {
    let g = Builder::resume(network.graph.clone());
    let _layer = g.layer("optim");
    let mut point = Point::new();
    let number = |name: &str, value: f64, point: &mut Point<f64>| {
        let input = g.input(name, []);
        point.set(input, Value::Float(arr0(value).into_dyn()));
        input
    };
    let count = number(COUNT, 0.0, &mut point);
    let rate = number(RATE, rate, &mut point);
    let update = Update { method, rate, count: count + 1.0 };
    let mut results = vec![Output::loss(network.loss)];
    let mut states = Vec::new();
    for ((name, parameter), &gradient) in network.parameters.iter().zip(&network.gradients) {
        let (theta, gradient) = (g.expr(*parameter), g.expr(gradient));
        let kept = update.kept().iter().map(|kind| {
            let name = format!("optim/{kind}/{name}");
            let input = g.input(&name, theta.shape());
            point.set(input, Value::Float(ArrayD::zeros(theta.shape().to_vec())));
            (name, input)
        });
        let kept: Vec<(String, Expr)> = kept.collect();
        let state: Vec<Expr> = kept.iter().map(|(_, input)| *input).collect();
        let (theta, state) = update.apply(theta, gradient, &state);
        results.push(Output::next(theta.id(), name));
        states.extend(kept.iter().zip(state).map(|((name, _), next)| Output::next(next.id(), name)));
    }
    results.extend(states);
    results.push(Output::next(update.count.id(), COUNT));
    let mut program = Program::new("step", g.graph()?, results)?;
    let drawn = program.arguments.iter().find(|a| Some(a.id) == network.seed);
    let seed = drawn.map(|a| Output::counted(a.id, &a.name));
    program.results.extend(seed);
    Ok((program, point))
}

/// A method at a step.
struct Update<'g> {
    method: Method,
    /// α
    rate: Expr<'g>,
    /// t, from 1
    count: Expr<'g>,
}

impl<'g> Update<'g> {
    /// The names of the state arrays per parameter.
    fn kept(&self) -> &'static [&'static str] {
        match self.method {
            Method::Sgd(rule) if rule.momentum == 0.0 => &[],
            Method::Sgd(_) => &["momentum_buffer"],
            Method::Adagrad(_) => &["sum"],
            Method::RmsProp(rule) if rule.momentum == 0.0 => &["square_avg"],
            Method::RmsProp(_) => &["square_avg", "momentum_buffer"],
            Method::Adam(_) | Method::AdamW(_) => &["exp_avg", "exp_avg_sq"],
        }
    }

    /// Maps θ, g and the state to θ and the state.
    fn apply(&self, theta: Expr<'g>, g: Expr<'g>, kept: &[Expr<'g>]) -> (Expr<'g>, Vec<Expr<'g>>) {
        let decayed = |decay: f64| if decay == 0.0 { g } else { g + decay * theta };
        match self.method {
            Method::Sgd(rule) => {
                let g = decayed(rule.weight_decay);
                let [b] = kept else { return (theta - self.rate * g, Vec::new()) };
                let b = rule.momentum * *b + g;
                let direction = if rule.nesterov { g + rule.momentum * b } else { b };
                (theta - self.rate * direction, vec![b])
            }
            Method::Adagrad(rule) => {
                let g = decayed(rule.weight_decay);
                let s = kept[0] + g * g;
                (theta - self.rate * g / (s.sqrt() + rule.eps), vec![s])
            }
            Method::RmsProp(rule) => {
                let g = decayed(rule.weight_decay);
                let v = rule.alpha * kept[0] + (1.0 - rule.alpha) * (g * g);
                let direction = g / (v.sqrt() + rule.eps);
                let [_, b] = kept else { return (theta - self.rate * direction, vec![v]) };
                let b = rule.momentum * *b + direction;
                (theta - self.rate * b, vec![v, b])
            }
            Method::Adam(rule) => self.adam(rule, theta, decayed(rule.weight_decay), kept),
            Method::AdamW(AdamW { beta1, beta2, eps, weight_decay }) => {
                let shrunk = theta - self.rate * weight_decay * theta;
                self.adam(Adam { beta1, beta2, eps, weight_decay: 0.0 }, shrunk, g, kept)
            }
        }
    }

    fn adam(&self, rule: Adam, theta: Expr<'g>, g: Expr<'g>, kept: &[Expr<'g>]) -> (Expr<'g>, Vec<Expr<'g>>) {
        // 1 − βᵗ = −(e^(t ln β) − 1), which keeps its precision for β near 1; for β = 0 it is 1.
        let correction = |beta: f64| -(self.count * beta.max(f64::MIN_POSITIVE).ln()).expm1();
        let m = kept[0] + (1.0 - rule.beta1) * (g - kept[0]);
        let v = rule.beta2 * kept[1] + (1.0 - rule.beta2) * (g * g);
        let mean = m / correction(rule.beta1);
        let root = (v / correction(rule.beta2)).sqrt();
        (theta - self.rate * mean / (root + rule.eps), vec![m, v])
    }
}
