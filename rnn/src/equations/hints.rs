//! Hints for names of other systems that this language lacks.

use super::ast::Function;
use super::diagnostic::{Diagnostic, Span};
use autograd::nearest;

/// Functions of other systems and their spelling here.
const FUNCTIONS: &[(&str, &str)] = &[
    ("swish", "write `a * sigmoid(a)`"),
    ("leaky_relu", "write `max(a, 0.01 * a)`"),
    ("elu", "write `where(a > 0, a, exp(min(a, 0)) - 1)`"),
    ("mish", "write `a * tanh(softplus(a))`"),
    ("logsigmoid", "write `-softplus(-a)`"),
    ("log_sigmoid", "write `-softplus(-a)`"),
    ("logaddexp", "write `max(a, b) + log(1 + exp(-abs(a - b)))`"),
    ("logsumexp", "write `log(sum(exp(a - b))) + b` with a bound b"),
    ("hardtanh", "write `min(max(a, -1), 1)`"),
    ("hard_sigmoid", "write `min(max(0.2 * a + 0.5, 0), 1)`"),
    ("clip", "write `min(max(a, low), high)`"),
    ("clamp", "write `min(max(a, low), high)`"),
    ("maximum", "write `max(a, b)`"),
    ("minimum", "write `min(a, b)`"),
    ("norm", "write `sqrt(sum(a^2))`"),
    ("layer_norm", "write `fn norm(a) = (a - mean(a)) / sqrt(mean((a - mean(a))^2) + 0.00001)`"),
    ("layernorm", "write `fn norm(a) = (a - mean(a)) / sqrt(mean((a - mean(a))^2) + 0.00001)`"),
    ("rms_norm", "write `a / sqrt(mean(a^2) + 0.00001)`"),
    ("rmsnorm", "write `a / sqrt(mean(a^2) + 0.00001)`"),
    ("sign", "write `where(a > 0, 1, -1)`"),
    ("heaviside", "write `where(a > 0, 1, 0)`"),
    ("step", "write `where(a > 0, 1, 0)`"),
    ("dot", "write `sum(a * b)` for two vectors, and `W a` for a matrix"),
    ("matmul", "a matrix stands before its vector: `W a`"),
    ("linear", "a matrix stands before its vector: `W a + b`"),
    ("cat", "write `concat(a, b)`"),
    ("concatenate", "write `concat(a, b)`"),
    ("stack", "write `concat(a, b)`"),
    ("detach", "write `stop(a)`"),
    ("stop_gradient", "write `stop(a)`"),
    ("if", "write `where(condition, a, b)`"),
    ("select", "write `where(condition, a, b)`"),
    ("ln", "write `log(a)`, which is the natural logarithm"),
    ("sigm", "write `sigmoid(a)`"),
    ("pow", "write `a^2` for a whole power, and `exp(p * log(a))` for another"),
    ("square", "write `a^2`"),
    ("floor", "write `a - mod(a, 1)`"),
    ("round", "write `a + 0.5 - mod(a + 0.5, 1)`"),
    ("cumsum", "write the sums as equations, or multiply by a matrix of ones below the diagonal"),
];

/// Infix words of other languages and their spelling here.
const WORDS: &[(&str, &str)] = &[
    ("if", "write `where(condition, a, b)`: a where the condition holds, else b"),
    ("then", "write `where(condition, a, b)`: a where the condition holds, else b"),
    ("else", "write `where(condition, a, b)`: a where the condition holds, else b"),
    ("and", "conditions are nested: `where(a > 0, where(b > 0, …, …), …)`"),
    ("or", "conditions are nested: `where(a > 0, …, where(b > 0, …, …))`"),
    ("not", "a condition has an opposite: `>` and `<=`, `==` and `!=`"),
];

/// The spelling here of an infix word.
pub(super) fn word(name: &str) -> Option<&'static str> {
    WORDS.iter().find(|(word, _)| *word == name).map(|(_, help)| *help)
}

/// The fault for an unknown function.
pub(super) fn no_function(name: &str, span: Span) -> Diagnostic {
    let known = FUNCTIONS.iter().find(|(known, _)| *known == name.to_lowercase());
    let all = || Function::ALL.iter().map(|f| f.name().to_string());
    let help = match (known, nearest(name, all())) {
        (Some((_, help)), _) => (*help).into(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => {
            format!("The functions are {}, and what a line `fn` makes.", all().collect::<Vec<_>>().join(", "))
        }
    };
    let help = format!("{help} A matrix of this name needs `param {name}: [rows, columns]`.");
    let help = help.replace("` A matrix", "`. A matrix");
    Diagnostic::new(format!("there is no function `{name}`"), span, "unknown").help(help)
}
