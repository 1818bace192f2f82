//! Handwritten backpropagation through time of an LSTM that omits once that c[t] acts on c[t+1]; and the checker's
//! report.
//!
//! ```text
//! cargo run --release -p bptt-lab --example handwritten_bptt
//! ```

use autograd::{Builder, Error, Expr};
use autograd_check::Check;

const STEPS: usize = 4;

/// The results of a step, and the values that its backward pass needs.
struct Memory<'g> {
    gates: Expr<'g>,
    i: Expr<'g>,
    f: Expr<'g>,
    g: Expr<'g>,
    o: Expr<'g>,
    c: Expr<'g>,
    h: Expr<'g>,
}

/// The net forwards and, by hand, backwards, and the check of one against the other.
///
/// # Errors
/// If the net cannot be checked.
pub fn story() -> Result<String, Error> {
    let b = Builder::new();
    let (w, u) = (b.parameter("W", [12, 2]), b.parameter("U", [12, 3]));
    let x = b.input("x", [STEPS, 1, 2]);
    let (h0, c0) = (b.input("h0", [1, 3]), b.input("c0", [1, 3]));

    let (mut h, mut c) = (h0, c0);
    let mut memory = Vec::new();
    for t in 1..=STEPS {
        let _step = b.step(t);
        let gates = (x.at(0, t - 1).linear(w) + h.linear(u)).named("gates");
        let [i, f, g, o] = gates.split(1);
        let (i, f) = (i.sigmoid().named("i"), f.sigmoid().named("f"));
        let (g, o) = (g.tanh().named("g"), o.sigmoid().named("o"));
        c = (f * c + i * g).named("c");
        h = (o * c.tanh()).named("h");
        memory.push(Memory { gates, i, f, g, o, c, h });
    }
    let loss = h.powi(2).sum().named("loss");

    // The backward pass as in textbooks. Each adjoint is stored with its node.
    let mut found = Vec::new();
    let (mut dw, mut du) = (b.zeros(w.shape()), b.zeros(u.shape()));
    let (mut dh, mut dc_next) = (2.0 * h, b.zeros([1, 3]));
    for t in (1..=STEPS).rev() {
        let Memory { gates, i, f, g, o, c, h } = memory[t - 1];
        let before = memory[..t - 1].last();
        let (c_before, h_before) = before.map_or((c0, h0), |m| (m.c, m.h));
        let carried = if t == 2 { b.zeros([1, 3]) } else { dc_next }; // the mistake
        let dc = dh * o * (1.0 - c.tanh().powi(2)) + carried;
        let (di, df, dg, d_o) = (dc * g, dc * c_before, dc * i, dh * c.tanh());
        let da = [di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - g * g), d_o * o * (1.0 - o)];
        let dgates = b.concat(1, &da);
        found.extend([(h, dh), (c, dc), (i, di), (f, df), (g, dg), (o, d_o), (gates, dgates)]);
        dw = dw + dgates.transpose(&[1, 0]).matmul(x.at(0, t - 1));
        du = du + dgates.transpose(&[1, 0]).matmul(h_before);
        (dh, dc_next) = (dgates.matmul(u), dc * f);
    }
    found.extend([(w, dw), (u, du), (h0, dh), (c0, dc_next)]);

    let report = Check::new(loss).against(&found).run()?;
    Ok(format!("{report}\n"))
}

fn main() -> Result<(), Error> {
    print!("{}", story()?);
    Ok(())
}
