//! Nets to draw, written with the public API as a user would write them.

use autograd::{Builder, Expr, grad};

/// A batch of two.
const B: usize = 2;

/// The mean over a batch of the cross entropy of logits with a target of one-hot rows.
fn cross_entropy<'g>(logits: Expr<'g>, target: Expr<'g>) -> Expr<'g> {
    let picked = (logits.log_softmax(1) * target).sum();
    (picked * (-1.0 / B as f64)).named("loss")
}

/// `h[t] = tanh(W x[t] + U h[t−1] + b)`, `y[t] = V h[t] + c`, a loss at each step. With `cut`, the state is detached
/// at every second step.
pub fn elman(g: &Builder, steps: usize, cut: bool) {
    let x = g.input("x", [steps, B, 3]);
    let target = g.index_input("class", [steps, B], 5).one_hot(5).named("target");
    let (w, u, b) = (g.parameter("W", [8, 3]), g.parameter("U", [8, 8]), g.parameter("b", [8]));
    let (v, c) = (g.parameter("V", [5, 8]), g.parameter("c", [5]));
    let mut h = g.zeros([B, 8]).named("h[0]");
    let mut losses = Vec::new();
    for t in 1..=steps {
        let _step = g.step(t);
        let x = x.at(0, t - 1).named("x");
        {
            let _layer = g.layer("l0");
            let before = if cut && t % 2 == 0 { h.stop_gradient() } else { h };
            h = (x.linear(w) + before.linear(u) + b).tanh().named("h");
        }
        let y = (h.linear(v) + c).named("y");
        losses.push(cross_entropy(y, target.at(0, t - 1)));
    }
    let loss = g.sum(&losses).named("loss");
    grad(loss, &[w, u, b, v, c]);
}

/// Layers of LSTM with stacked gates (Hochreiter & Schmidhuber 1997; Gers et al. 2000), a loss at each step.
pub fn lstm(g: &Builder, steps: usize, layers: usize) {
    let x = g.input("x", [steps, B, 3]);
    let target = g.index_input("class", [steps, B], 5).one_hot(5).named("target");
    let mut parameters = Vec::new();
    let mut states = Vec::new();
    for l in 0..layers {
        let input = if l == 0 { 3 } else { 8 };
        let w = g.parameter(&format!("W{l}"), [32, input]);
        let u = g.parameter(&format!("U{l}"), [32, 8]);
        let b = g.parameter(&format!("b{l}"), [32]);
        parameters.extend([w, u, b]);
        let _layer = g.layer(&format!("l{l}"));
        states.push((g.zeros([B, 8]).named("h[0]"), g.zeros([B, 8]).named("c[0]")));
    }
    let (v, k) = (g.parameter("V", [5, 8]), g.parameter("k", [5]));
    let mut losses = Vec::new();
    for t in 1..=steps {
        let _step = g.step(t);
        let mut x = x.at(0, t - 1).named("x");
        for l in 0..layers {
            let _layer = g.layer(&format!("l{l}"));
            let (h, c) = states[l];
            let [w, u, b] = [0, 1, 2].map(|i| parameters[3 * l + i]);
            let gates = (x.linear(w) + h.linear(u) + b).named("gates");
            let [i, f, n, o] = gates.split::<4>(1);
            let (i, f) = (i.sigmoid().named("i"), f.sigmoid().named("f"));
            let (n, o) = (n.tanh().named("g"), o.sigmoid().named("o"));
            let c = (f * c + i * n).named("c");
            let h = (o * c.tanh()).named("h");
            states[l] = (h, c);
            x = h;
        }
        let y = (x.linear(v) + k).named("y");
        losses.push(cross_entropy(y, target.at(0, t - 1)));
    }
    parameters.extend([v, k]);
    grad(g.sum(&losses).named("loss"), &parameters);
}

/// A GRU with a separate product per gate (Cho et al. 2014): the state has five users at the next step.
pub fn gru(g: &Builder, steps: usize) {
    let x = g.input("x", [steps, B, 3]);
    let parameter = |name: &str, gate: &str, width| g.parameter(&format!("{name}_{gate}"), [4, width]);
    let [w, u] =
        [("W", 3), ("U", 4)].map(|(name, width)| ["r", "z", "n"].map(|gate| parameter(name, gate, width)));
    let _layer = g.layer("l0");
    let mut h = g.zeros([B, 4]).named("h[0]");
    for t in 1..=steps {
        let _step = g.step(t);
        let x = x.at(0, t - 1).named("x");
        let r = (x.linear(w[0]) + h.linear(u[0])).sigmoid().named("r");
        let z = (x.linear(w[1]) + h.linear(u[1])).sigmoid().named("z");
        let n = (x.linear(w[2]) + (r * h).linear(u[2])).tanh().named("n");
        h = ((1.0 - z) * n + z * h).named("h");
    }
    grad(h.powi(2).sum().named("loss"), &[w, u].concat());
}

/// One bidirectional layer; in padding a sequence keeps its state.
pub fn two_directions(g: &Builder, steps: usize) {
    let x = g.input("x", [steps, B, 3]);
    let live = g.input("live", [steps, B, 1]);
    let mut parameters = Vec::new();
    let mut outputs = [vec![None; steps + 1], vec![None; steps + 1]];
    for (direction, outputs) in ["forward", "reverse"].into_iter().zip(&mut outputs) {
        let w = g.parameter(&format!("W {direction}"), [4, 3]);
        let u = g.parameter(&format!("U {direction}"), [4, 4]);
        parameters.extend([w, u]);
        let _layer = g.layer(&format!("l0/{direction}"));
        let mut h = g.zeros([B, 4]).named("h0");
        for k in 1..=steps {
            let t = if direction == "forward" { k } else { steps + 1 - k };
            let _step = g.step(t);
            let new = (x.at(0, t - 1).linear(w) + h.linear(u)).tanh().named("new");
            h = live.at(0, t - 1).greater(0.5).select(new, h).named("h");
            outputs[t] = Some(h);
        }
    }
    let v = g.parameter("V", [1, 8]);
    parameters.push(v);
    let mut losses = Vec::new();
    for t in 1..=steps {
        let _step = g.step(t);
        let both: Vec<Expr> = outputs.iter().filter_map(|o| o[t]).collect();
        let y = g.concat(1, &both).linear(v).named("y");
        losses.push(y.powi(2).sum().named("loss"));
    }
    grad(g.sum(&losses).named("loss"), &parameters);
}
