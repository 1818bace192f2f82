//! Every way in which a cell file can be wrong, and the whole message that its author sees.

use expect_test::{Expect, expect};
use rnn::equations::EquationCell;

#[track_caller]
fn wrong(text: &str, message: Expect) {
    let faults = EquationCell::read(text, "my.cell").err().expect("something is wrong");
    message.assert_eq(&format!("{}\n", faults.render(false)));
}

#[test]
fn an_unknown_function() {
    wrong("cell a\n  h[t] = sigmiod(W x[t] + b)", expect![[""]]);
}

#[test]
fn a_function_without_arguments_or_with_too_many() {
    wrong("cell a\n  h[t] = tanh W x[t]", expect![[""]]);
    wrong("cell a\n  h[t] = max(W x[t])", expect![[""]]);
}

#[test]
fn a_state_that_is_never_assigned() {
    wrong("cell a\n  h[t] = tanh(W x[t] + U c[t-1])", expect![[""]]);
    wrong("cell a\n  h_new[t] = tanh(W x[t] + U hnew[t-1])\n  h[t] = h_new[t]", expect![[""]]);
}

#[test]
fn a_value_that_is_read_before_it_is_made() {
    wrong("cell a\n  h[t] = f[t] * h[t-1]\n  f[t] = sigmoid(W x[t])", expect![[""]]);
}

#[test]
fn a_circle_within_one_step() {
    wrong("cell a\n  h[t] = tanh(W x[t] + U h[t])", expect![[""]]);
    wrong("cell a\n  f[t] = sigmoid(U h[t])\n  h[t] = f[t] * tanh(W x[t])", expect![[""]]);
}

#[test]
fn sizes_that_cannot_agree() {
    wrong(
        "cell a\n  size m = hidden / 2\n  state c: m\n  c[t] = tanh(W x[t])\n  h[t] = tanh(V x[t]) * c[t] + h[t-1]\n  state h: hidden",
        expect![[""]],
    );
    wrong("cell a\n  h[t] = tanh(W x[t] + U h[t-1] + W h[t-1])\n  state h: hidden", expect![[""]]);
    wrong("cell a\n  h[t] = tanh(W x[t] + W)", expect![[""]]);
}

#[test]
fn two_definitions() {
    wrong("cell a\n  h[t] = W x[t]\n  c[t] = h[t]\n  h[t] = c[t]", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t]\n  init W = xavier\n  init W = orthogonal", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t]\n  pack p = W\n  pack q = W", expect![[""]]);
}

#[test]
fn a_declaration_of_what_nothing_reads() {
    wrong("cell a\n  h[t] = W_x x[t]\n  param W_h: [hidden, input]", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t]\n  const beta = 1", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t]\n  init b = 0", expect![[""]]);
}

#[test]
fn a_reserved_name() {
    wrong("cell a\n  t[t] = W x[t]", expect![[""]]);
    wrong("cell a\n  output[t] = W x[t]", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t] + x", expect![[""]]);
    wrong("cell a\n  const tanh = 1\n  h[t] = W x[t]", expect![[""]]);
}

#[test]
fn several_faults_at_once() {
    wrong(
        "cell a\n  f[t] = sigmoid(W_f x[t] + U_f c[t-1]\n  g[t] == tanh(x[t])\n  h[t] = f[t] * h[t-1]\n  init = 1",
        expect![[""]],
    );
    wrong(
        "cell a\n  f[t] = sgmoid(W_f x[t] + U_f c[t-1])\n  h[t] = g[t] * f[t]\n  init b_f = 1",
        expect![[""]],
    );
}

#[test]
fn a_time_that_is_none() {
    wrong("cell a\n  h[t] = tanh(W x[t] + U h[0])", expect![[""]]);
    wrong("cell a\n  h[t] = tanh(W x[t] + U h[t+1])", expect![[""]]);
    wrong("cell a\n  h[t] = tanh(W x[t] + U h)", expect![[""]]);
    wrong("cell a\n  h = tanh(W x[t])", expect![[""]]);
}

#[test]
fn functions_of_the_file() {
    wrong("cell a\n  fn f(a) = a * f(a)\n  h[t] = f(W x[t])", expect![[""]]);
    wrong("cell a\n  fn f(a) = g(a)\n  fn g(a) = tanh(a)\n  h[t] = f(W x[t])", expect![[""]]);
    wrong("cell a\n  fn f(a, b) = a + a\n  h[t] = f(W x[t])", expect![[""]]);
    wrong("cell a\n  fn f(a) = a[t-1]\n  h[t] = f(W x[t])", expect![[""]]);
    wrong("cell a\n  fn f(V, a) = V a\n  h[t] = f(x[t], x[t])", expect![[""]]);
    wrong("cell a\n  fn f(a) = a + a\n  h[t] = W x[t]", expect![[""]]);
    wrong(
        "cell a\n  fn both(a, b) = a + b\n  h[t] = tanh(both(W x[t], x[t]))\n  state h: hidden",
        expect![[""]],
    );
}

#[test]
fn values_and_packs() {
    wrong("cell a\n  h[t] = W x[t] + b\n  init W = he", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t] + b\n  init b = orthogonal", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t] + U h[t-1]\n  pack p = W U", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t] + U h[t-1] + V h[t-1]\n  pack V = W", expect![[""]]);
}

#[test]
fn outputs() {
    wrong("cell a\n  y[t] = W x[t]", expect![[""]]);
    wrong("cell a\n  h[t] = tanh(x[t] + U h[t-1])", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t]\n  output z", expect![[""]]);
}

#[test]
fn truths_and_numbers() {
    wrong("cell a\n  h[t] = where(W x[t], 1, 0)", expect![[""]]);
    wrong("cell a\n  h[t] = W x[t] + (x[t] > 0)", expect![[""]]);
    wrong("cell a\n  h[t] = W 2", expect![[""]]);
    wrong("cell a\n  h[t] = x[t] W", expect![[""]]);
}
