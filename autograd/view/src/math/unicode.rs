//! Formulas as text: `fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)`.

use super::{Notation, Sign, Symbol, Time};

pub(super) struct Unicode;

impl Notation for Unicode {
    fn is_two_dimensional(&self) -> bool {
        false
    }

    fn number(&self, number: f64) -> String {
        number.to_string().replace('-', "−")
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        under(symbol.base.clone(), symbol)
    }

    fn parentheses(&self, a: String) -> String {
        format!("({a})")
    }

    fn negative(&self, a: String) -> String {
        format!("−{a}")
    }

    fn infix(&self, sign: Sign, a: String, b: String) -> String {
        let sign = match sign {
            Sign::Less => " < ",
            Sign::LessEqual => " ≤ ",
            Sign::Greater => " > ",
            Sign::GreaterEqual => " ≥ ",
            Sign::Equal => " = ",
            Sign::NotEqual => " ≠ ",
            Sign::Plus => " + ",
            Sign::Minus => " − ",
            Sign::Hadamard => " ⊙ ",
            Sign::Times => " · ",
            Sign::Modulo => " mod ",
            Sign::Product => " ",
        };
        a + sign + &b
    }

    fn fraction(&self, a: String, b: String) -> String {
        format!("{a} / {b}")
    }

    fn power(&self, a: String, n: i32) -> String {
        a + &replaced(&n.to_string(), "-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    }

    fn root(&self, a: String) -> String {
        format!("√({a})")
    }

    fn absolute(&self, a: String) -> String {
        format!("|{a}|")
    }

    fn transpose(&self, a: String) -> String {
        a + "ᵀ"
    }

    fn adjoint(&self, a: String) -> String {
        format!("∂{a}")
    }

    fn adjoint_of(&self, symbol: &Symbol) -> String {
        // A bar over each letter, after the letter's own accents.
        let mut barred = String::new();
        for c in symbol.base.chars() {
            if !is_accent(c) && !barred.is_empty() {
                barred.push('\u{304}');
            }
            barred.push(c);
        }
        under(barred + "\u{304}", symbol)
    }

    fn call(&self, function: &str, arguments: Vec<String>) -> String {
        let function = if function == "sigmoid" { "σ" } else { function };
        format!("{function}({})", arguments.join(", "))
    }

    fn stack(&self, parts: Vec<String>) -> String {
        format!("[{}]", parts.join("; "))
    }

    fn cases(&self, cases: Vec<(String, String)>, otherwise: String) -> String {
        let cases = cases.into_iter().map(|(a, condition)| format!("{a} if {condition}, "));
        format!("{{{}{otherwise} otherwise}}", cases.collect::<String>())
    }

    fn indicator(&self, condition: String) -> String {
        format!("[{condition}]")
    }

    fn ones(&self) -> String {
        "𝟏".into()
    }

    fn part(&self, whole: String, label: String) -> String {
        format!("{whole}[{label}]")
    }

    fn total(&self, a: String) -> String {
        format!("Σₜ {a}")
    }

    fn lines(&self, lines: &[(String, Vec<String>)]) -> String {
        let widest = lines.iter().map(|(left, _)| width(left)).max().unwrap_or(0);
        let line = |(left, rows): &(String, Vec<String>)| {
            let margin = " ".repeat(widest - width(left));
            // Continuation signs are aligned under the equals sign.
            format!("{margin}{left} = {}\n", rows.join(&format!("\n{}", " ".repeat(widest))))
        };
        lines.iter().map(line).collect()
    }
}

/// The width in columns: a combining accent takes none.
pub(super) fn width(text: &str) -> usize {
    text.chars().filter(|&c| !is_accent(c)).count()
}

fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// A base with superscripts, subscripts and time: digits and t have Unicode subscripts, other subscripts follow `_`.
fn under(base: String, symbol: &Symbol) -> String {
    let mut text = base;
    if !symbol.above.is_empty() {
        text += &raised(&symbol.above.join(","));
    }
    for (i, subscript) in symbol.subscripts.iter().enumerate() {
        let is_number = is_number(subscript);
        text += match (is_number, i) {
            (true, 0) => "",
            (false, 0) => "_",
            _ => ",",
        };
        let small = is_number && i == 0;
        text += &if small { lowered(subscript) } else { subscript.clone() };
    }
    match symbol.time {
        None => text,
        Some(Time::Lag(0)) => text + "ₜ",
        Some(Time::Lag(lag)) => text + "ₜ" + &lowered(&format!("{lag:+}")),
        // Adjacent digits would read as one number.
        Some(Time::Step(step)) if symbol.subscripts.last().is_some_and(|s| is_number(s)) => {
            text + "," + &lowered(&step.to_string())
        }
        Some(Time::Step(step)) => text + &lowered(&step.to_string()),
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|c| c.is_ascii_digit())
}

fn lowered(number: &str) -> String {
    replaced(number, "+-0123456789", "₊₋₀₁₂₃₄₅₆₇₈₉")
}

/// In parentheses, as Unicode superscripts where these exist.
fn raised(text: &str) -> String {
    if is_number(text) {
        format!("⁽{}⁾", replaced(text, "0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    } else {
        format!("^({text})")
    }
}

/// Replaces each letter of `from` by the corresponding one of `to`.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let other = |c| from.chars().zip(to.chars()).find(|(f, _)| *f == c).map_or(c, |(_, t)| t);
    text.chars().map(other).collect()
}
