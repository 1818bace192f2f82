//! Formulas as LaTeX: an `aligned` block, for amsmath, KaTeX or MathJax.

use super::symbol::GREEK;
use super::{Notation, Sign, Symbol, Time};

pub(super) struct Latex;

impl Notation for Latex {
    fn is_two_dimensional(&self) -> bool {
        true
    }

    fn number(&self, number: f64) -> String {
        number.to_string()
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        letter(&symbol.base) + &below(symbol)
    }

    fn parentheses(&self, a: String) -> String {
        format!(r"\left({a}\right)")
    }

    fn negative(&self, a: String) -> String {
        format!("-{a}")
    }

    fn infix(&self, sign: Sign, a: String, b: String) -> String {
        let sign = match sign {
            Sign::Less => " < ",
            Sign::LessEqual => r" \le ",
            Sign::Greater => " > ",
            Sign::GreaterEqual => r" \ge ",
            Sign::Equal => " = ",
            Sign::NotEqual => r" \ne ",
            Sign::Plus => " + ",
            Sign::Minus => " - ",
            Sign::Hadamard => r" \odot ",
            Sign::Times => r" \cdot ",
            Sign::Modulo => r" \bmod ",
            Sign::Product => r" \, ",
        };
        a + sign + &b
    }

    fn fraction(&self, a: String, b: String) -> String {
        format!(r"\frac{{{a}}}{{{b}}}")
    }

    fn power(&self, a: String, n: i32) -> String {
        format!("{{{a}}}^{{{n}}}")
    }

    fn root(&self, a: String) -> String {
        format!(r"\sqrt{{{a}}}")
    }

    fn absolute(&self, a: String) -> String {
        format!(r"\left|{a}\right|")
    }

    fn transpose(&self, a: String) -> String {
        format!(r"{{{a}}}^{{\top}}")
    }

    fn adjoint(&self, a: String) -> String {
        format!(r"\overline{{{a}}}")
    }

    fn adjoint_of(&self, symbol: &Symbol) -> String {
        let base = letter(&symbol.base);
        let bar = if base.starts_with(r"\mathit") { "overline" } else { "bar" };
        format!(r"\{bar}{{{base}}}{}", below(symbol))
    }

    fn call(&self, function: &str, arguments: Vec<String>) -> String {
        let function = match function {
            "sigmoid" => r"\sigma".into(),
            "tanh" | "exp" | "log" | "sin" | "cos" | "tan" | "sinh" | "cosh" | "min" | "max" => {
                format!(r"\{function}")
            }
            "atan" => r"\arctan".into(),
            other => format!(r"\operatorname{{{}}}", other.chars().map(literal).collect::<String>()),
        };
        format!(r"{function}\left({}\right)", arguments.join(", "))
    }

    fn stack(&self, parts: Vec<String>) -> String {
        format!(r"\left[{}\right]", parts.join("; "))
    }

    fn cases(&self, cases: Vec<(String, String)>, otherwise: String) -> String {
        let cases = cases.into_iter().map(|(a, condition)| format!(r"{a} & \text{{if }} {condition} \\ "));
        format!(
            r"\begin{{cases}} {}{otherwise} & \text{{otherwise}} \end{{cases}}",
            cases.collect::<String>()
        )
    }

    fn indicator(&self, condition: String) -> String {
        format!(r"\left[{condition}\right]")
    }

    fn ones(&self) -> String {
        r"\mathbf{1}".into()
    }

    fn part(&self, whole: String, label: String) -> String {
        format!(r"{whole}\left[{label}\right]")
    }

    fn total(&self, a: String) -> String {
        format!(r"\sum_{{t}} {a}")
    }

    fn lines(&self, lines: &[(String, Vec<String>)]) -> String {
        let line = |(left, rows): &(String, Vec<String>)| {
            format!("  {left} &= {}", rows.join(" \\\\\n  &\\quad {}"))
        };
        let lines: Vec<String> = lines.iter().map(line).collect();
        format!("\\begin{{aligned}}\n{}\n\\end{{aligned}}\n", lines.join(" \\\\\n"))
    }
}

/// Combining accents and their commands.
const ACCENTS: &[(char, &str)] = &[
    ('\u{300}', "grave"),
    ('\u{301}', "acute"),
    ('\u{302}', "hat"),
    ('\u{303}', "tilde"),
    ('\u{304}', "bar"),
    ('\u{306}', "breve"),
    ('\u{307}', "dot"),
    ('\u{308}', "ddot"),
    ('\u{30c}', "check"),
];

/// A letter, or an upright word.
fn letter(base: &str) -> String {
    let mut letters: Vec<String> = Vec::new();
    for c in base.chars() {
        let greek = GREEK.iter().find(|(_, letter)| letter.starts_with(c));
        let accent = ACCENTS.iter().find(|(accent, _)| *accent == c);
        match (greek, accent, letters.last_mut()) {
            (Some((name, _)), ..) => letters.push(format!(r"\{name}")),
            (_, Some((_, accent)), Some(last)) => *last = format!(r"\{accent}{{{last}}}"),
            (_, None, Some(last)) if ('\u{300}'..='\u{36f}').contains(&c) => last.push(c),
            (_, _, Some(last)) if c == '\'' => last.push(c),
            _ => letters.push(literal(c)),
        }
    }
    match &letters[..] {
        [one] => one.clone(),
        several => format!(r"\mathit{{{}}}", several.join("")),
    }
}

/// An escaped character.
fn literal(c: char) -> String {
    match c {
        '_' | '#' | '$' | '%' | '&' | '{' | '}' => format!(r"\{c}"),
        '\\' => r"\backslash ".into(),
        '^' => r"\wedge ".into(),
        '~' => r"\sim ".into(),
        '∂' => r"\partial ".into(),
        c => c.into(),
    }
}

/// Superscripts, subscripts and time.
fn below(symbol: &Symbol) -> String {
    let upright = |word: &String| match word.chars().count() {
        1 => letter(word),
        _ if word.bytes().all(|c| c.is_ascii_digit()) => word.clone(),
        _ => format!(r"\mathrm{{{}}}", word.chars().map(literal).collect::<String>()),
    };
    let time = symbol.time.map(|time| match time {
        Time::Lag(0) => "t".into(),
        Time::Lag(lag) => format!("t{lag:+}"),
        Time::Step(step) => step.to_string(),
    });
    let parts: Vec<String> = symbol.subscripts.iter().map(upright).chain(time).collect();
    let above: Vec<String> = symbol.above.iter().map(upright).collect();
    let above = if above.is_empty() { String::new() } else { format!("^{{({})}}", above.join(",")) };
    let below = if parts.is_empty() { String::new() } else { format!("_{{{}}}", parts.join(",")) };
    above + &below
}
