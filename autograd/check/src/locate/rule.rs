//! Infers the intended VJP: short expressions of x, y and ȳ that fit the actual values, and the expected ones.
//!
//! The VJP of an elementwise op with one operand is `x̄ = ȳ e(x, y)`. The actual value divided by ȳ gives e, per
//! element and use; the expected value, from the derivative of the op alone, gives the other. Both are searched among
//! products of a number and two small factors.

use super::blame::Equation;
use ndarray::ArrayD;

type Factor = (&'static str, fn(f64, f64) -> f64);

const FACTORS: &[Factor] = &[
    ("1", |_, _| 1.0),
    ("x", |x, _| x),
    ("y", |_, y| y),
    ("(1 − y)", |_, y| 1.0 - y),
    ("(1 − y²)", |_, y| 1.0 - y * y),
    ("(1 + y)", |_, y| 1.0 + y),
    ("(1 + y²)", |_, y| 1.0 + y * y),
    ("(1 − x)", |x, _| 1.0 - x),
    ("(1 − x²)", |x, _| 1.0 - x * x),
    ("(1 + x²)", |x, _| 1.0 + x * x),
    ("x²", |x, _| x * x),
    ("y²", |_, y| y * y),
    ("1/x", |x, _| 1.0 / x),
    ("1/y", |_, y| 1.0 / y),
    ("1/x²", |x, _| 1.0 / (x * x)),
    ("1/(1 + x²)", |x, _| 1.0 / (1.0 + x * x)),
    ("√x", |x, _| x.sqrt()),
    ("1/√x", |x, _| 1.0 / x.sqrt()),
    ("exp(x)", |x, _| x.exp()),
    ("exp(−x²)", |x, _| (-x * x).exp()),
    ("sin(x)", |x, _| x.sin()),
    ("cos(x)", |x, _| x.cos()),
    ("tanh(x)", |x, _| x.tanh()),
    ("σ(x)", |x, _| 1.0 / (1.0 + (-x).exp())),
    ("(1 − σ(x))", |x, _| 1.0 / (1.0 + x.exp())),
    ("(x > 0)", |x, _| f64::from(u8::from(x > 0.0))),
];

const NUMBERS: [(&str, f64); 8] = [
    ("", 1.0),
    ("−", -1.0),
    ("2 ", 2.0),
    ("½ ", 0.5),
    ("−2 ", -2.0),
    ("−½ ", -0.5),
    ("3 ", 3.0),
    ("4 ", 4.0),
];

/// The maximum number of elements that are compared.
const MOST: usize = 400;
/// The minimum number: fewer fit by accident.
const LEAST: usize = 4;

/// The actual VJP at these uses, and the one that would fit. Each use is a claimed adjoint, its equation, and the
/// blamed user.
pub(super) fn search<'a>(
    uses: impl Iterator<Item = (ArrayD<f64>, Equation<'a>, usize)>,
) -> Option<[String; 2]> {
    let mut samples: Vec<[f64; 4]> = Vec::new();
    for (claimed, equation, j) in uses {
        let edge = &equation.edges[j];
        // A sum of several terms does not separate them per element.
        let ([_], [_]) = (&edge.operands[..], &equation.edges[..]) else { continue };
        let x = edge.operands[0].float();
        let y = edge.op.eval_f64(&edge.operands).into_float();
        if x.shape() != y.shape() || equation.seed.is_some() {
            continue;
        }
        // Along ones, the derivative of an elementwise op is that of each element.
        let right = edge.product(&ArrayD::ones(x.raw_dim()));
        let elements = x.iter().zip(&y).zip(claimed.iter().zip(&right)).zip(&edge.adjoint);
        for (((&x, &y), (&sent, &right)), &dy) in elements {
            if dy != 0.0 && samples.len() < MOST {
                samples.push([x, y, sent / dy, right / dy]);
            }
        }
    }
    if samples.len() < LEAST {
        return None;
    }
    Some([fit(&samples, 2)?, fit(&samples, 3)?])
}

/// The shortest expression that equals column `of` in all samples.
fn fit(samples: &[[f64; 4]], of: usize) -> Option<String> {
    let scale = samples.iter().fold(0.0, |m: f64, s| m.max(s[of].abs()));
    let fits = |number: f64, a: fn(f64, f64) -> f64, b: fn(f64, f64) -> f64| {
        samples.iter().all(|s| (number * a(s[0], s[1]) * b(s[0], s[1]) - s[of]).abs() <= 1e-9 * scale)
    };
    if scale == 0.0 {
        return Some("0".into());
    }
    for (i, (a, f)) in FACTORS.iter().enumerate() {
        for (b, g) in &FACTORS[..=i] {
            for (word, number) in NUMBERS {
                if fits(number, *f, *g) {
                    let factors = [*b, *a].into_iter().filter(|name| *name != "1");
                    let factors = factors.collect::<Vec<_>>().join(" ");
                    let space = if factors.is_empty() { "" } else { " " };
                    return Some(format!("{word}ȳ{space}{factors}"));
                }
            }
        }
    }
    None
}
