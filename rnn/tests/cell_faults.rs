//! Every fault of a cell file, and the full message that its author sees.
//!
//! The file is long because it contains every message in full.

#![allow(clippy::needless_raw_string_hashes)] // as expect-test writes them

use expect_test::{Expect, expect};
use rnn::equations::EquationCell;

#[track_caller]
fn wrong(text: &str, message: Expect) {
    let faults = EquationCell::read(text, "my.cell").expect_err("something is wrong");
    message.assert_eq(&format!("{}\n", faults.render(false)));
}

#[test]
fn an_unknown_function() {
    wrong(
        "cell a\n  h[t] = sigmiod(W x[t] + b)",
        expect![[r#"
        error: there is no function `sigmiod`
         --> my.cell:2:10
          |
        2 |   h[t] = sigmiod(W x[t] + b)
          |          ^^^^^^^ unknown
          |
          = help: did you mean `sigmoid`? A matrix of this name needs `param sigmiod: [rows, columns]`.
    "#]],
    );
}

/// Also before a scalar, where a matrix could stand.
#[test]
fn an_unknown_function_of_one_value() {
    wrong(
        "cell a\n  h[t] = tnah(h[t-1]) + W x[t]",
        expect![[r#"
        error: there is no function `tnah`
         --> my.cell:2:10
          |
        2 |   h[t] = tnah(h[t-1]) + W x[t]
          |          ^^^^ unknown
          |
          = help: did you mean `tanh`? A matrix of this name needs `param tnah: [rows, columns]`.
    "#]],
    );
    let declared = "cell a\n  param tnah: [hidden, hidden]\n  h[t] = tnah(h[t-1]) + W x[t]";
    assert!(EquationCell::read(declared, "my.cell").is_ok());
}

#[test]
fn a_function_without_arguments_or_with_too_many() {
    wrong(
        "cell a\n  h[t] = tanh W x[t]",
        expect![[r#"
        error: `tanh` is a function
         --> my.cell:2:10
          |
        2 |   h[t] = tanh W x[t]
          |          ^^^^ expected `(` behind it
          |
          = help: write `tanh(…)`; a parameter needs another name
    "#]],
    );
    wrong(
        "cell a\n  h[t] = max(W x[t])",
        expect![[r#"
        error: `max` takes 2 arguments
         --> my.cell:2:10
          |
        2 |   h[t] = max(W x[t])
          |          ^^^^^^^^^^^ 1 given
    "#]],
    );
}

#[test]
fn a_state_that_is_never_assigned() {
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U c[t-1])",
        expect![[r#"
            error: the state `c` is never assigned
             --> my.cell:2:26
              |
            2 |   h[t] = tanh(W x[t] + U c[t-1])
              |                          ^^^^^^ read here
              |
              = help: write an equation `c[t] = …`
        "#]],
    );
    wrong(
        "cell a\n  h_new[t] = tanh(W x[t] + U hnew[t-1])\n  h[t] = h_new[t]",
        expect![[r#"
            error: the state `hnew` is never assigned
             --> my.cell:2:30
              |
            2 |   h_new[t] = tanh(W x[t] + U hnew[t-1])
              |                              ^^^^^^^^^ read here
              |
              = help: did you mean `h_new`? If not, write an equation `hnew[t] = …`
        "#]],
    );
}

#[test]
fn a_value_that_is_read_before_it_is_made() {
    wrong(
        "cell a\n  h[t] = f[t] * h[t-1]\n  f[t] = sigmoid(W x[t])",
        expect![[r#"
        error: `f[t]` is read before it is made
         --> my.cell:2:10
          |
        2 |   h[t] = f[t] * h[t-1]
          |          ^^^^ `h[t]` needs it
        3 |   f[t] = sigmoid(W x[t])
          |   - made here
          |
          = help: put that equation above this one, or read `f[t-1]`
    "#]],
    );
}

#[test]
fn a_circle_within_one_step() {
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h[t])",
        expect![[r#"
        error: `h[t]` is made of itself
         --> my.cell:2:26
          |
        2 |   h[t] = tanh(W x[t] + U h[t])
          |                          ^^^^ not made yet
          |
          = help: the value of the step before is `h[t-1]`
    "#]],
    );
    wrong(
        "cell a\n  f[t] = sigmoid(U h[t])\n  h[t] = f[t] * tanh(W x[t])",
        expect![[r#"
            error: `f[t]` and `h[t]` need each other within one step
             --> my.cell:2:20
              |
            2 |   f[t] = sigmoid(U h[t])
              |                    ^^^^ `f[t]` needs `h[t]`
            3 |   h[t] = f[t] * tanh(W x[t])
              |   - and this needs `f[t]`
              |
              = help: one of them must read the step before: `h[t-1]`, or `f[t-1]`
        "#]],
    );
}

#[test]
fn sizes_that_cannot_agree() {
    wrong(
        "cell a\n  size m = hidden / 2\n  state c: m\n  c[t] = tanh(W x[t])\n  h[t] = tanh(V x[t]) * c[t] + h[t-1]\n  state h: hidden",
        expect![[r#"
            error: sizes differ: hidden/2 and hidden
             --> my.cell:5:10
              |
            5 |   h[t] = tanh(V x[t]) * c[t] + h[t-1]
              |          ^^^^^^^^^^^^^^^^^^^   ------ of size hidden
              |          |
              |          of size hidden/2
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h[t-1] + W h[t-1])\n  state h: hidden",
        expect![[r#"
            error: the matrix `W` takes what is of size input
             --> my.cell:2:37
              |
            2 |   h[t] = tanh(W x[t] + U h[t-1] + W h[t-1])
              |               -                     ^^^^^^ of size hidden
              |               |
              |               of input columns since here
              |
              = help: take another matrix, or declare the sizes
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + W)",
        expect![[r#"
        error: `W` is used in two ways
         --> my.cell:2:24
          |
        2 |   h[t] = tanh(W x[t] + W)
          |               -        ^ here as a vector
          |               |
          |               as a matrix here
          |
          = help: give one of them another name
    "#]],
    );
}

#[test]
fn two_definitions() {
    wrong(
        "cell a\n  h[t] = W x[t]\n  c[t] = h[t]\n  h[t] = c[t]",
        expect![[r#"
        error: `h` is defined twice
         --> my.cell:4:3
          |
        2 |   h[t] = W x[t]
          |   - first here
        3 |   c[t] = h[t]
        4 |   h[t] = c[t]
          |   ^ here again
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t]\n  init W = xavier\n  init W = orthogonal",
        expect![[r#"
        error: `W` begins in two ways
         --> my.cell:4:8
          |
        3 |   init W = xavier
          |        - first here
        4 |   init W = orthogonal
          |        ^ here again
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t]\n  pack p = W\n  pack q = W",
        expect![[r#"
        error: `W` is packed twice
         --> my.cell:4:12
          |
        3 |   pack p = W
          |            - first here
        4 |   pack q = W
          |            ^ here again
    "#]],
    );
}

#[test]
fn a_declaration_of_what_nothing_reads() {
    wrong(
        "cell a\n  h[t] = W_x x[t]\n  param W_h: [hidden, input]",
        expect![[r#"
        error: nothing reads the parameter `W_h`
         --> my.cell:3:9
          |
        3 |   param W_h: [hidden, input]
          |         ^^^ not in any equation
          |
          = help: did you mean `W_x`?
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t]\n  const beta = 1",
        expect![[r#"
        error: nothing reads the constant `beta`
         --> my.cell:3:9
          |
        3 |   const beta = 1
          |         ^^^^ not in any equation
          |
          = help: take the line out, or use the name in an equation
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t]\n  init b = 0",
        expect![[r#"
            error: nothing reads the parameter `b`
             --> my.cell:3:8
              |
            3 |   init b = 0
              |        ^ not in any equation
              |
              = help: take the line out, or use the name in an equation
        "#]],
    );
}

#[test]
fn a_reserved_name() {
    wrong(
        "cell a\n  t[t] = W x[t]",
        expect![[r#"
        error: `t` is reserved
         --> my.cell:2:3
          |
        2 |   t[t] = W x[t]
          |   ^ it is the number of the step
          |
          = help: give it another name
    "#]],
    );
    wrong(
        "cell a\n  output[t] = W x[t]",
        expect![[r#"
            error: `output` is reserved
             --> my.cell:2:3
              |
            2 |   output[t] = W x[t]
              |   ^^^^^^ it is a word of the language
              |
              = help: give it another name
        "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t] + x",
        expect![[r#"
        error: `x` is reserved
         --> my.cell:2:19
          |
        2 |   h[t] = W x[t] + x
          |                   ^ it is the input, `x[t]`
          |
          = help: write `x[t]`
    "#]],
    );
    wrong(
        "cell a\n  const tanh = 1\n  h[t] = W x[t]",
        expect![[r#"
        error: `tanh` is reserved
         --> my.cell:2:9
          |
        2 |   const tanh = 1
          |         ^^^^ it is a function
          |
          = help: give it another name
    "#]],
    );
}

#[test]
fn several_faults_at_once() {
    wrong(
        "cell a\n  f[t] = sigmoid(W_f x[t] + U_f c[t-1]\n  g[t] == tanh(x[t])\n  h[t] = f[t] * h[t-1]\n  init = 1",
        expect![[r#"
            error: the line ends where `)` to close `sigmoid(` was expected
             --> my.cell:3:21
              |
            3 |     g[t] == tanh(x[t])
              |  _____________________^
            4 | |   h[t] = f[t] * h[t-1]
              | |_^ expected `)` to close `sigmoid(`

            error: `=` stands where the name of a parameter was expected
             --> my.cell:5:8
              |
            5 |   init = 1
              |        ^ expected the name of a parameter
        "#]],
    );
    wrong(
        "cell a\n  f[t] = sgmoid(W_f x[t] + U_f c[t-1])\n  h[t] = g[t] * f[t]\n  init b_f = 1",
        expect![[r#"
            error: there is no function `sgmoid`
             --> my.cell:2:10
              |
            2 |   f[t] = sgmoid(W_f x[t] + U_f c[t-1])
              |          ^^^^^^ unknown
              |
              = help: did you mean `sigmoid`? A matrix of this name needs `param sgmoid: [rows, columns]`.

            error: the state `c` is never assigned
             --> my.cell:2:32
              |
            2 |   f[t] = sgmoid(W_f x[t] + U_f c[t-1])
              |                                ^^^^^^ read here
              |
              = help: write an equation `c[t] = …`

            error: no equation makes `g`
             --> my.cell:3:10
              |
            3 |   h[t] = g[t] * f[t]
              |          ^^^^ read here
              |
              = help: write an equation `g[t] = …`

            error: nothing reads the parameter `b_f`
             --> my.cell:4:8
              |
            4 |   init b_f = 1
              |        ^^^ not in any equation
              |
              = help: did you mean `W_f`?
        "#]],
    );
}

#[test]
fn a_time_that_is_none() {
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h[0])",
        expect![[r#"
            error: the initial state `h[0]` is not read by its number
             --> my.cell:2:26
              |
            2 |   h[t] = tanh(W x[t] + U h[0])
              |                          ^^^^ expected `t` or `t-1`
              |
              = help: it is read as `h[t-1]` at step 1; to keep it, write `h_0[t] = where(t == 1, h[t-1], h_0[t-1])` and read `h_0[t]`
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h[t+1])",
        expect![[r#"
            error: a time is `t`, or `t-1` and further back
             --> my.cell:2:28
              |
            2 |   h[t] = tanh(W x[t] + U h[t+1])
              |                            ^^ expected `t` or `t-1`
              |
              = help: a step knows no later one: write `h[t-1]`
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h)",
        expect![[r#"
        error: `h` has no time here
         --> my.cell:2:26
          |
        2 |   h[t] = tanh(W x[t] + U h)
          |                          ^ a sequence
          |
          = help: write `h[t]`, or `h[t-1]` for the step before
    "#]],
    );
    wrong(
        "cell a\n  h = tanh(W x[t])",
        expect![[r#"
        error: `h` has no time
         --> my.cell:2:3
          |
        2 |   h = tanh(W x[t])
          |   ^ expected `[t]` behind it
          |
          = help: write `h[t] = …`; a parameter needs no equation, and a number is `const h = …`
    "#]],
    );
}

#[test]
fn a_start_that_is_no_equation_and_braces() {
    wrong(
        "cell a\n  h[0] = 0\n  h[t] = tanh(W x[t] + U h[t-1])",
        expect![[r#"
        error: where `h` starts is said by a line `start`
         --> my.cell:2:3
          |
        2 |   h[0] = 0
          |   ^^^^ no equation is of step 0
          |
          = help: write `start h = …`; a state of which nothing is said starts at 0
    "#]],
    );
    wrong(
        "cell a\n  h_0 = 0\n  h[t] = tanh(W x[t] + U h[t-1])",
        expect![[r#"
        error: `h_0` has no time
         --> my.cell:2:3
          |
        2 |   h_0 = 0
          |   ^^^ expected `[t]` behind it
          |
          = help: write `h_0[t] = …`; a parameter needs no equation, and a number is `const h_0 = …`; a state `h` starts at 0, or where `start h = …` says
    "#]],
    );
    // One slip, one fault; the lines below are read.
    wrong(
        "cell a\n  z[t] = sigmoid(W x[t] + U h^{t-1 + b)\n  h[t] = z[t] * h^{t-1}",
        expect![[r#"
        error: this brace is not closed
         --> my.cell:2:31
          |
        2 |   z[t] = sigmoid(W x[t] + U h^{t-1 + b)
          |                               ^ expected `}` on its line
          |
          = help: write `h^{t-1}` or `a^{2}`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + h[t-1]^{2)",
        expect![[r#"
        error: this brace is not closed
         --> my.cell:2:31
          |
        2 |   h[t] = tanh(W x[t] + h[t-1]^{2)
          |                               ^ expected `}` on its line
          |
          = help: write `h^{t-1}` or `a^{2}`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + U h[t-1]^{\\mathrm{x}+1})",
        expect![[r#"
        error: this superscript has no meaning
         --> my.cell:2:32
          |
        2 |   h[t] = tanh(W x[t] + U h[t-1]^{\mathrm{x}+1})
          |                                ^^^^^^^^^^^^^^^ neither a time, nor a power, nor a transpose
          |
          = help: write `h[t-1]`, a whole power `a^2`, or `transpose(A)`
    "#]],
    );
}

#[test]
fn a_time_or_a_product_that_is_not_clear() {
    wrong(
        "cell a\n  h_t = tanh(W x_t + U h_t-1)",
        expect![[r#"
            error: this is not clear
             --> my.cell:2:24
              |
            2 |   h_t = tanh(W x_t + U h_t-1)
              |                        ^^^^^ a time, or a difference?
              |
              = help: write `h[t-1]` for the step before, or `h[t] - 1`
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x^{s+1} + U \\cdot h[t-1])",
        expect![[r#"
            error: `x` is reserved
             --> my.cell:2:17
              |
            2 |   h[t] = tanh(W x^{s+1} + U \cdot h[t-1])
              |                 ^ it is the input, `x[t]`
              |
              = help: write `x[t]`

            error: this superscript has no meaning
             --> my.cell:2:18
              |
            2 |   h[t] = tanh(W x^{s+1} + U \cdot h[t-1])
              |                  ^^^^^^ neither a time, nor a power, nor a transpose
              |
              = help: write `h[t-1]`, a whole power `a^2`, or `transpose(A)`

            error: `\cdot` has no meaning here
             --> my.cell:2:29
              |
            2 |   h[t] = tanh(W x^{s+1} + U \cdot h[t-1])
              |                             ^^^^^ not a sign of the language
              |
              = help: write `W x[t]` for the product with a matrix, `a * b` element by element, and `sum(a * b)` for the scalar product
        "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(W x[t] + Uᵀ h[t-1])",
        expect![[r#"
            error: only a matrix stands before what it is multiplied by
             --> my.cell:2:24
              |
            2 |   h[t] = tanh(W x[t] + Uᵀ h[t-1])
              |                        ^^ ------ multiplied by this
              |                        |
              |                        neither a parameter nor a matrix state
              |
              = help: a parameter is transposed once for a run: a line `let U_T = transpose(U)`, and here `U_T`
        "#]],
    );
}

#[test]
fn functions_of_the_file() {
    wrong(
        "cell a\n  fn f(a) = a * f(a)\n  h[t] = f(W x[t])",
        expect![[r#"
        error: `f` calls itself
         --> my.cell:2:17
          |
        2 |   fn f(a) = a * f(a)
          |      -          ^ called here
          |      |
          |      defined here
          |
          = help: a function is notation for an expression; what repeats is written as a sequence
    "#]],
    );
    wrong(
        "cell a\n  fn f(a) = g(a)\n  fn g(a) = tanh(a)\n  h[t] = f(W x[t])",
        expect![[r#"
        error: `g` is called above its definition
         --> my.cell:2:13
          |
        2 |   fn f(a) = g(a)
          |             ^ called in a function here
        3 |   fn g(a) = tanh(a)
          |      - defined here
          |
          = help: put the called function first
    "#]],
    );
    wrong(
        "cell a\n  fn f(a, b) = a + a\n  h[t] = f(W x[t])",
        expect![[r#"
        error: nothing reads the argument `b` of `f`
         --> my.cell:2:11
          |
        2 |   fn f(a, b) = a + a
          |           ^ not in the function
          |
          = help: take it out, here and where the function is called

        error: `f` takes 2 arguments
         --> my.cell:3:10
          |
        2 |   fn f(a, b) = a + a
          |      - defined here
        3 |   h[t] = f(W x[t])
          |          ^^^^^^^^^ 1 given
    "#]],
    );
    wrong(
        "cell a\n  fn f(a) = a[t-1]\n  h[t] = f(W x[t])",
        expect![[r#"
        error: the argument `a` has no time of its own
         --> my.cell:2:13
          |
        2 |   fn f(a) = a[t-1]
          |             ^^^^^^ an argument
          |
          = help: write `a`; the time stands where the function is called
    "#]],
    );
    wrong(
        "cell a\n  fn f(V, a) = V a\n  h[t] = f(x[t], x[t])",
        expect![[r#"
            error: only a matrix stands before what it is multiplied by
             --> my.cell:3:12
              |
            3 |   h[t] = f(x[t], x[t])
              |            ^^^^  ---- multiplied by this
              |            |
              |            neither a parameter nor a matrix state
              |
              = help: write `*` for the product element by element; a matrix state is declared: `state S: [hidden, k]`
        "#]],
    );
    wrong(
        "cell a\n  fn f(a) = a + a\n  h[t] = W x[t]",
        expect![[r#"
        error: nothing calls the function `f`
         --> my.cell:2:6
          |
        2 |   fn f(a) = a + a
          |      ^ not in any equation
          |
          = help: take the line out, or call it in an equation
    "#]],
    );
    wrong(
        "cell a\n  fn both(a, b) = a + b\n  h[t] = tanh(both(W x[t], x[t]))\n  state h: hidden",
        expect![[r#"
            error: sizes differ: hidden and input
             --> my.cell:3:3
              |
            3 |   h[t] = tanh(both(W x[t], x[t]))
              |   ^      ------------------------ of size input
              |   |
              |   of size hidden
        "#]],
    );
}

#[test]
fn values_and_packs() {
    wrong(
        "cell a\n  h[t] = W x[t] + b\n  init W = he",
        expect![[r#"
            error: there is no initialiser `he`
             --> my.cell:3:12
              |
            3 |   init W = he
              |            ^^ how a parameter begins
              |
              = help: write a number, or one of `uniform:BOUND` (BOUND > 0), `uniform:LOW:HIGH`, `log-uniform:LOW:HIGH` (0 < LOW < HIGH), `chrono:STEPS` (STEPS > 2), `normal:STD` (STD > 0), `xavier[:GAIN]`, `orthogonal[:GAIN]`, `identity[:SCALE]`, `constant:VALUE`, `zeros`
        "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t] + b\n  init b = orthogonal",
        expect![[r#"
        error: `b` is no matrix and cannot begin as `orthogonal:1`
         --> my.cell:3:8
          |
        2 |   h[t] = W x[t] + b
          |                   - read as a vector
        3 |   init b = orthogonal
          |        ^ begins as a matrix
          |
          = help: write a number, or `uniform:…` or `normal:…`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t] + U h[t-1]\n  pack p = W U",
        expect![[r#"
        error: `p` cannot be packed
         --> my.cell:3:14
          |
        3 |   pack p = W U
          |            - ^ of other columns
          |            |
          |            than this
          |
          = help: a pack stacks matrices of the same columns, or vectors
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t] + U h[t-1] + V h[t-1]\n  pack V = W",
        expect![[r#"
        error: `V` is a pack and a parameter
         --> my.cell:3:8
          |
        2 |   h[t] = W x[t] + U h[t-1] + V h[t-1]
          |                              - the parameter
        3 |   pack V = W
          |        ^ the pack
          |
          = help: both would be stored under one name: give the pack another
    "#]],
    );
}

#[test]
fn outputs() {
    wrong(
        "cell a\n  y[t] = W x[t]",
        expect![[r#"
        error: no equation makes the output `h`
         --> my.cell:1:6
          |
        1 | cell a
          |      ^ in this cell
          |
          = help: name another output, as in `output y`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = tanh(x[t] + U h[t-1])",
        expect![[r#"
        error: the output `h` has a size that depends on the input
         --> my.cell:2:3
          |
        2 |   h[t] = tanh(x[t] + U h[t-1])
          |   ^ of size [input]
          |
          = help: write `require input = hidden`, or bring the input to another size, as in `W x[t]`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t]\n  output z",
        expect![[r#"
            error: no equation makes `z`
             --> my.cell:3:10
              |
            3 |   output z
              |          ^ not in any equation
              |
              = help: take the line out, or use the name in an equation
        "#]],
    );
}

#[test]
fn truths_and_numbers() {
    wrong(
        "cell a\n  h[t] = where(W x[t], 1, 0)",
        expect![[r#"
        error: `where` chooses by a comparison
         --> my.cell:2:16
          |
        2 |   h[t] = where(W x[t], 1, 0)
          |                ^^^^^^ not one
          |
          = help: write `where(a > 0, …, …)`
    "#]],
    );
    wrong(
        "cell a\n  h[t] = W x[t] + (x[t] > 0)",
        expect![[r#"
            error: a comparison is true or false, not a number
             --> my.cell:2:19
              |
            2 |   h[t] = W x[t] + (x[t] > 0)
              |                   ^^^^^^^^^^ a comparison
              |
              = help: write `where(…, 1, 0)` to make it a number, and `where(a > 1, where(a < 5, …, …), …)` for two at once
        "#]],
    );
    wrong(
        "cell a\n  h[t] = W 2",
        expect![[r#"
            error: the matrix `W` is multiplied by a scalar
             --> my.cell:2:12
              |
            2 |   h[t] = W 2
              |            ^ one number a sample
              |
              = help: `W * a` is for a vector `W`
        "#]],
    );
    wrong(
        "cell a\n  h[t] = x[t] W",
        expect![[r#"
        error: only a matrix stands before what it is multiplied by
         --> my.cell:2:10
          |
        2 |   h[t] = x[t] W
          |          ^^^^ - multiplied by this
          |          |
          |          not the name of a parameter
          |
          = help: write `*` for the product element by element
    "#]],
    );
}

/// Notation of other languages, and the intended form here.
#[test]
fn forms_of_other_languages() {
    let lines = [
        ("h[t] = tanh(W * x[t] + U * h[t-1])", "for a matrix leave it out: `W x[t]`"),
        ("h[t] = tanh(W @ x[t] + U h[t-1])", "a matrix stands before its vector: `W x[t]`"),
        ("h[t] = tanh(W x[t] + U · h[t-1])", "write `W x[t]` for the product with a matrix"),
        ("h[t] = tanh(W [x[t], h[t-1]])", "write `W concat(x[t], h[t-1])`"),
        ("h[t] = tanh(W x[t] + W h[t-1])", "give each its own matrix"),
        ("h[t] = W x[t] if t > 3 else h[t-1]", "write `where(condition, a, b)`"),
        ("h[t] = where(t > 1 and t < 5, W x[t], h[t-1])", "where(a > 0, where(b > 0"),
        ("h[t] = where(1 < t < 5, W x[t], h[t-1])", "where(a > 1, where(a < 5"),
        ("h[t] = (W x[t] + U h[t-1])**2", "a power is written `a^2`"),
        ("h[t] = swish(W x[t] + U h[t-1])", "write `a * sigmoid(a)`"),
        ("h[t] = logaddexp(W x[t], U h[t-1])", "write `max(a, b) + log("),
        ("param V: [hidden input]\n h[t] = V x[t] + U h[t-1]", "write `[rows, columns]`"),
        ("// a comment\n h[t] = W x[t] + U h[t-1]", "comments begin with `#`"),
        ("buffer A: [hidden, hidden]\n h[t] = W x[t] + A h[t-1]", "a line is an equation"),
        ("clock stops\n h[t] = W x[t] + t", "write `clock restarts`"),
        ("clock restarts\n h[t] = W x[t]", "take the line out"),
        ("h[t] = tanh(W x[t] + U h_{t+1})", "write `h[t]`, `h[t-1]`, or a name as in `W_xh`"),
        ("h[t] = tanh(W x[t] + b_{})", "or a name as in `W_xh`"),
        ("h[t] = tanh(W_{x h} x[t])", "or a name as in `W_xh`"),
        ("h[t] = tanh(W x[t] + U h_{t-+1})", "or a name as in `W_xh`"),
        ("h[t] = tanh(W x[t] + U {h[t-1]})", "a time stands in brackets, `h[t-1]`"),
        ("h[t] := tanh(W x[t] + U h[t-1])", "an equation is written `name[t] = …`"),
        ("h[t] = tanh(W х[t])", "type the Latin `x`"),
        ("h[t] = tanh(W x[t]) - hₜ₋", "write `h[t]`, or `h[t-1]`"),
        ("param w: [1, input]\n h[t] = sigmoid(w x[t])", "write `state h: scalar`"),
        ("state C: [hidden, input]\n C[t] = C[t-1] + 1\n h[t] = W x[t] + C[t]", "write `size k = 16`"),
        ("for j = 1..1000000000\n W[j][t] = x[t]\n end\n h[t] = V x[t]", ""),
        ("for j = 1..3\n u[t] = W[j] x[t]\n end\n h[t] = u[t]", "write `u[j][t]`"),
        ("for j = 1..3\n u[j][t] = W[j] x[t]\n h[t] = u[1][t]", "write `end`"),
        ("u[j][t] = W x[t]\n h[t] = u[1][t]", "`for j = 1..4` gives one"),
        ("h[t] = tanh(W x[t] + sum(exp(h[t-j]) for j = 1..4, 2))", ""),
        ("h[t] = tanh(exp(h[t-j] for j = 1..4) + W x[t])", "sum, mean, min, max and concat do"),
        ("h[t] = W x[t] + h[t-1][0]", "counted from 1"),
        ("h[t] = W x[t] + h[t-1][2]", "is a number, as in `state k: 4`"),
        ("h[t] = W x[t] + h[t-1][1:2]", "name the parts"),
        ("h[t] = W x[t] + h[2]", "behind the time: `h[t][2]`"),
        ("r[t], z[t] = W x[t]\n h[t] = r[t] + z[t]", "`r[t], z[t] = split(a)`"),
        ("h[t] = W x[t] + h[t-j-1]", "[t-(j-1)]"),
        ("h[t] = W x[t] + h[t-1] b", "write `*` for the product element by element"),
        ("C[t] = outer(W x[t], V x[t])\n h[t] = C[t] (V x[t])", "write `state C: [hidden, k]`"),
        (
            "size k = 2\n state C: [hidden, k]\n C[t] = C[t-1] + W x[t]\n h[t] = sum(C[t]) + W x[t]",
            "`C[t] q[t]`",
        ),
        (
            "size k = 2\n state C: [hidden, k]\n C[t] = C[t-1] + W x[t]\n h[t] = C[t] + W x[t]",
            "write `state h: [hidden, k]`",
        ),
        ("const a = b + 1\n h[t] = a * W x[t]", "made of numbers"),
        ("start c = 1\n h[t] = W x[t] + h[t-1]", "read of earlier steps"),
        ("fn f(a) = a^2\n fn g(f) = f + 1\n h[t] = g(W x[t])", "give one of them another name"),
    ];
    for (line, help) in lines {
        let text = format!("cell a\n {line}\n");
        let faults = EquationCell::read(&text, "my.cell").expect_err(line);
        let [first, ..] = &faults.diagnostics[..] else { panic!("{line}") };
        let found = first.help.as_deref().unwrap_or_default();
        assert!(found.contains(help), "{line}\n{faults}");
    }
    let named = EquationCell::read("cell my cell\n h[t] = W x[t]", "my.cell").expect_err("two words");
    assert_eq!(named.diagnostics[0].help.as_deref(), Some("write `cell my-cell`"));
}

/// The program's own notation parses.
#[test]
fn printed_times_are_read() {
    let read = |text| EquationCell::read(text, "my.cell").unwrap().file().to_string();
    let typed = read("cell a\n h[t] = tanh(W x[t] + U h[t-1] - h[t-12])");
    assert_eq!(read("cell a\n hₜ = tanh(W xₜ + U hₜ₋₁ − hₜ₋₁₂)"), typed);
    assert_eq!(read("cell a\n h_{t} = tanh(W x_{ t } + U h_{t-1} - h_{t − 12})"), typed);
    assert_eq!(read("cell a\n h_{t} = tanh(W_{xh} x_{t})"), read("cell a\n h[t] = tanh(W_xh x[t])"));
    // As papers write it: a subscript t is a time where the name is that of a sequence.
    let gated = "cell a\n z[t] = sigmoid(W x[t] + b)\n h[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(V x[t])";
    for other in [
        "cell a\n z_t = sigmoid(W x_t + b)\n h_t = z_t * h_{t-1} + (1 - z_t) * tanh(V x_t)",
        "cell a\n z[t] = sigmoid(W x_t + b)\n h_{t} = z_t * h^{t-1} + (1 - z^{t}) * tanh(V x^{(t)})",
        "cell a\n z_t = \\sigma(W x_t + b)\n h_t = z_t \\odot h_{t-1} + (1 - z_t) \\odot \\tanh\\left(V x_t\\right) \\\\",
        "cell a\n z_t = \\mathrm{sigmoid}(W x_t + b)\n h_t = z_t * h_{t-1} + (1 - z_t) * tanh(V x_t)",
    ] {
        assert_eq!(read(other), read(gated), "{other}");
    }
    assert_eq!(
        read(
            "cell a\n \\tilde{h}_t = \\frac{W x_t}{\\sqrt{1 + x_t^{2}}}\n state h: input\n require input = hidden\n h_t = \\tilde{h}_{t} + \\alpha * h_{t-1}"
        ),
        read(
            "cell a\n h̃[t] = ((W x[t]) / (sqrt(1 + x[t]^2)))\n state h: input\n require input = hidden\n h[t] = h̃[t] + α * h[t-1]"
        )
    );
    // Fonts are around names, transposes and times.
    assert_eq!(
        read(
            "cell a\n let V = U^{\\mathrm{T}}\n h_{t} = V x^{\\text{(t)}} + W_{\\mathrm{hh}} h_{\\mathit{t-1}}"
        ),
        read("cell a\n let V = transpose(U)\n h[t] = V x[t] + W_hh h[t-1]")
    );
    // What no line makes is a parameter; so is what has a time of its own, or a declaration.
    assert_eq!(
        read("cell a\n t_t[t] = sigmoid(W_t x_t + b_t)\n h_t = t_t[t] * h_{t-1} + V x_t"),
        read("cell a\n t_t[t] = sigmoid(W_t x[t] + b_t)\n h[t] = t_t[t] * h[t-1] + V x[t]")
    );
    let text = read("cell a\n param b_t: hidden\n b[t] = W x_t\n h[t] = b[t] + b_t * h[t-1]");
    assert!(text.contains("b[t] + b_t * h[t-1]"), "{text}");
}

/// The letters that LaTeX has as commands: the Greek ones that are no Latin letters, and variants. σ is a function.
#[test]
fn greek_letters_are_read() {
    let read = |text: &str| {
        EquationCell::read(text, "my.cell").unwrap_or_else(|faults| panic!("{faults}")).file().to_string()
    };
    let small = "alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ \
        pi π rho ρ tau τ upsilon υ phi φ chi χ psi ψ omega ω";
    let large = "Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω";
    let variants = "varepsilon ε vartheta ϑ varkappa ϰ varpi ϖ varrho ϱ varsigma ς varphi φ";
    for table in [small, large, variants] {
        let words: Vec<&str> = table.split_whitespace().collect();
        for pair in words.chunks(2) {
            let (command, letter) = (pair[0], pair[1]);
            assert_eq!(
                read(&format!(
                    "cell a\n \\{command}_t = W x_t\n h_t = \\{command}_{{t}} + \\{command}_{{a}} * h_{{t-1}}"
                )),
                read(&format!("cell a\n {letter}[t] = W x[t]\n h[t] = {letter}[t] + {letter}_a * h[t-1]")),
            );
        }
    }
}

/// Faults in formulas, functions with values, used cells, functions of parameters and masks: the message, and the
/// underlined text.
#[test]
fn what_other_lines_do_not_know() {
    let refused = [
        ("fixed A = x[t]\n h[t] = A h[t-1] + W x[t]", "a formula reads no sequence, and `x` is one", "x[t]"),
        ("init W = gain * row\n h[t] = W x[t]", "a formula knows no `gain`", "gain"),
        ("init W = sum(row)\n h[t] = W x[t]", "`sum` stands in no formula", "sum(row)"),
        ("init W = uniform(1, 2, 3)\n h[t] = W x[t]", "`uniform` takes 1 to 2 arguments", "uniform(1, 2, 3)"),
        (
            "fixed b = orthogonal\n h[t] = W x[t] + b",
            "`b` is no matrix and cannot begin as `orthogonal`",
            "orthogonal",
        ),
        ("fixed b = 1\n init b = 2\n h[t] = W x[t] + b", "`b` is not learned", "b"),
        ("fixed W b = 1\n h[t] = W x[t]", "nothing reads the parameter `b`", "b"),
        ("fixed b = 1\n fixed b = 2\n h[t] = W x[t] + b", "`b` is fixed twice", "b"),
        (
            "h[t] = W x[t] + uniform(0, 1)",
            "`uniform` is drawn once, and an equation is of every step",
            "uniform(0, 1)",
        ),
        ("h[t] = W x[t] + dropout(h[t-1], 2)", "`dropout` needs a probability from 0 to below 1", "2"),
        ("h[t] = expm(W) x[t]", "only a matrix stands before what it is multiplied by", "expm(W)"),
        ("h[t] = expm(h[t-1]) + W x[t]", "`expm` is of parameters alone", "expm(h[t-1])"),
        ("let A = W * h[t]\n h[t] = A x[t]", "`h` has a time, and parameters have none", "h[t]"),
        ("let A = B\n let B = W\n h[t] = A x[t] + B x[t]", "`B` is not made yet", "B"),
        ("let A = W\n h[t] = V x[t]", "nothing reads the parameter `A`", "A"),
        ("use lsmt\n h[t] = W x[t]", "there is no cell `lsmt`", "lsmt"),
        ("use mgu\n use mgu\n h[t] = mgu(x[t], h[t-1])", "`mgu` is used already", "mgu"),
        ("use mgu\n h[t] = mgu(x[t])", "`mgu` takes 2 arguments", "mgu(x[t])"),
        (
            "use lstm\n h[t] = lstm(x[t], h[t-1], h[t-2])",
            "`lstm` has 2 results",
            "lstm(x[t], h[t-1], h[t-2])",
        ),
        ("fn f(a)\n b = a\n return a\n h[t] = f(W x[t])", "nothing below reads `b` in `f`", "b"),
        ("fn f(a)\n a = 2 * a\n return a\n h[t] = f(W x[t])", "`f` has `a` twice", "a"),
        ("fn f(a)\n b[t] = a\n return b\n h[t] = f(W x[t])", "`b` has a time in a function", "b"),
        ("h[t] = W x[t]\n return h", "`return` ends no function", "return"),
        ("fn f(a)\n b = 2 * a", "the function returns nothing", "f"),
        (
            "h[t], c[t] = tanh(W x[t])",
            "`tanh` stands where `split` or a function of several results was expected",
            "tanh",
        ),
    ];
    let mut wrong = Vec::new();
    for (lines, message, place) in refused {
        let text = format!("cell a\n {lines}");
        let faults = EquationCell::read(&text, "my.cell").expect_err(lines);
        let found: Vec<_> =
            faults.diagnostics.iter().map(|d| (d.message.as_str(), &text[d.labels[0].0.clone()])).collect();
        if !found.contains(&(message, place)) {
            wrong.push(format!("{lines}\n{found:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
