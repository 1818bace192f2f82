//! What papers type: commands of LaTeX, powers and times in braces, and `h_t` for `h[t]`.

use super::ast::KEYWORDS;
use super::diagnostic::{Diagnostic, Span};
use super::token::{Token, Tokens, is_in_name};
use std::collections::BTreeSet;

/// What a command stands for.
enum Command {
    Sign(&'static str),
    /// A name, or the beginning of one.
    Name(String),
    /// A function of what follows in braces.
    Braced(&'static str),
    Fraction,
    /// The sign of a transpose, after `^`.
    Transpose,
    /// Space, and the size of brackets.
    Nothing,
    /// The form that is meant.
    Unread(&'static str),
}

/// Signs of other shapes.
const SIGNS: [(&str, &str); 8] = [
    ("odot", "*"),
    ("circ", "*"),
    ("otimes", "⊗"),
    ("le", "<="),
    ("leq", "<="),
    ("ge", ">="),
    ("geq", ">="),
    ("neq", "!="),
];

/// Functions that are called so in both languages.
const FUNCTIONS: [&str; 11] =
    ["tanh", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "min", "max", "softmax"];

const GREEK: [(&str, &str); 24] = [
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Delta", "Δ"),
    ("Lambda", "Λ"),
    ("Omega", "Ω"),
];

/// Fonts, and words in them: `\mathrm{tanh}`.
const FONTS: [&str; 8] =
    ["mathrm", "mathbf", "mathit", "mathsf", "text", "textrm", "operatorname", "boldsymbol"];

/// Accents, as marks that follow a letter.
const ACCENTS: [(&str, char); 5] = [
    ("tilde", '\u{303}'),
    ("hat", '\u{302}'),
    ("bar", '\u{304}'),
    ("dot", '\u{307}'),
    ("widetilde", '\u{303}'),
];

const NOTHING: [&str; 10] =
    ["left", "right", "big", "Big", "bigl", "bigr", "quad", "qquad", "limits", "displaystyle"];

/// The command at the start of a text, which begins with `\`, and its length.
fn command(text: &str) -> (Command, usize) {
    let letters = text[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, end) = (&text[1..=letters], 1 + letters);
    if word.is_empty() {
        // `\,` and `\\`
        let space = text[1..].chars().next().filter(|c| matches!(c, ',' | ';' | ':' | '!' | ' ' | '\\'));
        return match space {
            Some(c) => (Command::Nothing, 1 + c.len_utf8()),
            None => (Command::Unread("formulas are written as text, as in `h[t-1]` and `sigmoid(a)`"), 1),
        };
    }
    let of =
        |table: &[(&str, &'static str)]| table.iter().find(|(known, _)| *known == word).map(|(_, is)| *is);
    let braced = || {
        let (inner, _) = text[end..].strip_prefix('{')?.split_once('}')?;
        let word = inner.trim().trim_start_matches('\\');
        let plain = !word.is_empty() && word.chars().all(char::is_alphanumeric);
        plain.then(|| (greek(word).to_string(), end + inner.len() + 2))
    };
    if let Some(sign) = of(&SIGNS) {
        return (Command::Sign(sign), end);
    }
    if let Some(letter) = of(&GREEK) {
        return (Command::Name(letter.into()), end);
    }
    if FUNCTIONS.contains(&word) {
        return (Command::Name(word.into()), end);
    }
    if FONTS.contains(&word)
        && let Some((name, end)) = braced()
    {
        return (Command::Name(name), end);
    }
    if let Some((_, mark)) = ACCENTS.iter().find(|(known, _)| *known == word)
        && let Some((name, end)) = braced()
    {
        return (Command::Name(format!("{name}{mark}")), end);
    }
    let is = match word {
        "ln" => Command::Name("log".into()),
        "sqrt" if text[end..].starts_with('{') => Command::Braced("sqrt"),
        "frac" if text[end..].starts_with('{') => Command::Fraction,
        "top" | "intercal" => Command::Transpose,
        "cdot" | "times" => Command::Unread(
            "write `W x[t]` for the product with a matrix, `a * b` element by element, and `sum(a * b)` for the scalar product",
        ),
        "mathrm" | "mathbf" | "text" | "operatorname" => Command::Unread("write the name alone, as `tanh`"),
        word if NOTHING.contains(&word) => Command::Nothing,
        _ => Command::Unread(
            "of LaTeX are read: `\\odot` `\\otimes` `\\frac` `\\sqrt`, functions, Greek letters, accents and fonts; write the \
             rest as text",
        ),
    };
    (is, end)
}

fn greek(word: &str) -> &str {
    GREEK.iter().find(|(known, _)| *known == word).map_or(word, |(_, letter)| letter)
}

/// What stands raised: `h^{t-1}`, `h^{(t)}`, `a^{2}`, `U^{T}`.
enum Raised {
    Time(f64),
    Power(f64),
    Name(String),
    Transpose,
}

/// The meaning of what stands in the braces of `^{…}`.
fn raised(inner: &str) -> Option<Raised> {
    let plain: String = inner.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace('−', "-");
    let bare = plain.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(&plain);
    if let Some(time) = time(bare) {
        return Some(Raised::Time(time));
    }
    if matches!(&*plain, "T" | "\\top" | "\\intercal") {
        return Some(Raised::Transpose);
    }
    let is_name =
        plain.chars().all(|c| c.is_alphanumeric() || c == '_') && plain.starts_with(char::is_alphabetic);
    match plain.parse::<f64>() {
        Ok(power) if power.abs() < 1e6 && power.fract() == 0.0 => Some(Raised::Power(power)),
        _ => is_name.then_some(Raised::Name(plain)),
    }
}

/// The lag of `t`, which is 0, or of `t-k`; `None` if it is no time.
pub(super) fn time(below: &str) -> Option<f64> {
    let digits = |lag: &&str| !lag.is_empty() && lag.bytes().all(|c| c.is_ascii_digit());
    if below == "t" { Some(0.0) } else { below.strip_prefix("t-").filter(digits)?.parse().ok() }
}

/// The signs at the end of braces in a command.
pub(super) enum Brace {
    /// Of a function, or of the second part of a fraction.
    Close(&'static [&'static str]),
    /// Of the first part of a fraction.
    Over,
}

impl Tokens {
    /// A command of LaTeX. Gives its end.
    pub fn command(&mut self, text: &str, start: usize) -> usize {
        let (command, length) = command(&text[start..]);
        let end = start + length;
        let mut sign = |sign| self.list.push((Token::Sign(sign), start..end));
        match command {
            Command::Nothing => {}
            Command::Sign(is) => sign(is),
            Command::Name(mut name) => {
                // `\tilde{h}_t`, but not `\sigma x`.
                let more = text[end..].starts_with(['_', '\'']).then(|| text[end..].find(|c| !is_in_name(c)));
                let more = more.map_or(0, |more| more.unwrap_or(text.len() - end));
                name.push_str(&text[end..end + more]);
                return self.word(&name, text, start..end + more);
            }
            Command::Braced(function) => {
                self.list.push((Token::Name(function.into()), start..end));
                self.list.push((Token::Sign("("), start..end));
                self.braces.push(Brace::Close(&[")"]));
                return end + 1;
            }
            Command::Fraction => {
                sign("(");
                sign("(");
                self.braces.push(Brace::Over);
                return end + 1;
            }
            Command::Transpose if matches!(self.list.last(), Some((Token::Sign("^"), _))) => {
                self.list.pop();
                self.list.push((Token::Sign("ᵀ"), start..end));
            }
            Command::Transpose => {
                let label = "after `^` it is a transpose";
                self.faults.push(Diagnostic::new("a transpose of nothing", start..end, label));
            }
            Command::Unread(help) => {
                let word = &text[start..end];
                let message = format!("`{word}` has no meaning here");
                let label = "not a sign of the language";
                self.faults.push(Diagnostic::new(message, start..end, label).help(help));
            }
        }
        end
    }

    /// The end of braces that a command opened. Gives the place to read on from.
    pub fn closed(&mut self, text: &str, start: usize) -> usize {
        let span = start..start + 1;
        match self.braces.pop() {
            Some(Brace::Close(signs)) => {
                self.list.extend(signs.iter().map(|sign| (Token::Sign(sign), span.clone())));
            }
            Some(Brace::Over) => {
                let next = text[span.end..].trim_start();
                self.list.extend([")", "/", "("].map(|sign| (Token::Sign(sign), span.clone())));
                self.braces.push(Brace::Close(&[")", ")"]));
                if next.starts_with('{') {
                    return text.len() - next.len() + 1;
                }
                let fault =
                    Diagnostic::new("a fraction of one part", span.clone(), "expected `{` and the second");
                self.faults.push(fault.help("write `a / b`"));
                self.braces.pop();
                self.list.truncate(self.list.len() - 2);
                self.list.push((Token::Sign(")"), span.clone()));
            }
            None => {}
        }
        span.end
    }

    /// `^{…}`: a time, a power or a transpose.
    pub fn raised(&mut self, inner: &str, span: Span) {
        let is_adjacent =
            |(token, before): &(Token, Span)| matches!(token, Token::Name(_)) && before.end == span.start;
        let named = self.list.last().is_some_and(is_adjacent);
        let mut add = |token| self.list.push((token, span.clone()));
        match raised(inner) {
            Some(Raised::Time(lag)) if named => self.time(lag, span),
            Some(Raised::Power(power)) => {
                add(Token::Sign("^"));
                if power < 0.0 {
                    add(Token::Sign("-"));
                }
                add(Token::Number(power.abs()));
            }
            Some(Raised::Name(name)) => {
                add(Token::Sign("^"));
                add(Token::Name(name));
            }
            Some(Raised::Transpose) => add(Token::Sign("ᵀ")),
            Some(Raised::Time(_)) | None => {
                let label = "neither a time, nor a power, nor a transpose";
                let fault = Diagnostic::new("this superscript has no meaning", span, label);
                self.faults.push(fault.help("write `h[t-1]`, a whole power `a^2`, or `transpose(A)`"));
            }
        }
    }
}

/// Reads `z_t` as `z[t]` where a line begins `z_t = …` or `z[t] = …`, and `x_t` as `x[t]`.
///
/// Elsewhere `W_t` is a name like any other; so is one that has a time of its own, as in `z_t[t]`, or is declared by a line.
pub(super) fn times(list: Vec<(Token, Span)>, faults: &mut Vec<Diagnostic>) -> Vec<(Token, Span)> {
    let (defined, own) = (defined(&list), own(&list));
    let base = |token: &Token| match token {
        Token::Name(name) if !own.contains(name.as_str()) => {
            name.strip_suffix("_t").filter(|base| defined.contains(*base)).map(String::from)
        }
        _ => None,
    };
    let mut read = Vec::with_capacity(list.len());
    let mut line: Option<&Token> = None;
    for (k, (token, span)) in list.iter().enumerate() {
        if k == 0 || list[k - 1].0 == Token::End {
            line = Some(token);
        }
        let Some(base) = base(token) else {
            read.push((token.clone(), span.clone()));
            continue;
        };
        read.push((Token::Name(base.clone()), span.clone()));
        // `state z_t: m` speaks of z at all times.
        let speaks = ["state", "start", "output"];
        if matches!(line, Some(Token::Name(word)) if speaks.contains(&word.as_str())) {
            continue;
        }
        for token in [Token::Sign("["), Token::Name("t".into()), Token::Sign("]")] {
            read.push((token, span.clone()));
        }
        if let [(Token::Sign("-"), minus), (Token::Number(lag), number), ..] = &list[k + 1..]
            && (minus.start, number.start) == (span.end, minus.end)
        {
            let fault =
                Diagnostic::new("this is not clear", span.start..number.end, "a time, or a difference?");
            let help = format!("write `{base}[t-{lag}]` for the step before, or `{base}[t] - {lag}`");
            faults.push(fault.help(help));
        }
    }
    read
}

/// The names that lines define at a time: `z` of `z_t = …`, `z[t] = …` and `z_t, r_t = …`; and the input.
fn defined(list: &[(Token, Span)]) -> BTreeSet<&str> {
    let mut found = BTreeSet::from(["x"]);
    let mut in_function = false;
    for line in list.split(|(token, _)| *token == Token::End) {
        let [(Token::Name(first), _), ..] = line else { continue };
        let equals = line.iter().position(|(token, _)| *token == Token::Sign("="));
        match first.as_str() {
            "fn" => in_function = equals.is_none(),
            "return" => in_function = false,
            word if KEYWORDS.contains(&word) || in_function => {}
            _ => {
                let left = &line[..equals.unwrap_or(0)];
                for part in left.split(|(token, _)| *token == Token::Sign(",")) {
                    match part {
                        [(Token::Name(name), _)] => found.extend(name.strip_suffix("_t")),
                        [(Token::Name(name), _), (Token::Sign("["), _), ..] => {
                            found.insert(name);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// The names that end in `_t` and are names: with a time behind them, or after the word of a declaration.
fn own(list: &[(Token, Span)]) -> BTreeSet<&str> {
    let declares = ["param", "const", "size", "let", "fixed", "pack", "fn"];
    let mut found = BTreeSet::new();
    for pair in list.windows(2) {
        match pair {
            [(Token::Name(name), _), (Token::Sign("["), _)] => found.insert(name.as_str()),
            [(Token::Name(word), _), (Token::Name(name), _)] if declares.contains(&word.as_str()) => {
                found.insert(name.as_str())
            }
            _ => false,
        };
    }
    found
}
