//! What papers type: commands of LaTeX, and powers and times in braces.

use super::diagnostic::{Diagnostic, Span};
use super::token::{Token, Tokens, is_in_name};
use autograd_view::math::GREEK;

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

/// Variants that fonts have as the same letter.
const VARIANTS: [(&str, &str); 2] = [("varepsilon", "ε"), ("varphi", "φ")];

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
        plain.then(|| (greek(word).unwrap_or(word).to_string(), end + inner.len() + 2))
    };
    if let Some(sign) = of(&SIGNS) {
        return (Command::Sign(sign), end);
    }
    if let Some(letter) = greek(word) {
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

fn greek(word: &str) -> Option<&'static str> {
    GREEK.iter().chain(&VARIANTS).find(|(known, _)| *known == word).map(|(_, letter)| *letter)
}

/// What stands in the braces at the start of a text, up to the one that closes them on the same line.
pub(super) fn in_braces(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    let mut open = 1_usize;
    for (at, c) in inner.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 1 => return Some(&inner[..at]),
            '}' => open -= 1,
            '\n' => return None,
            _ => {}
        }
    }
    None
}

/// A text without the font that is around all of it: `T` for `\mathrm{T}`.
pub(super) fn without_font(text: &str) -> &str {
    let text = text.trim();
    let font = FONTS.iter().find_map(|font| text.strip_prefix('\\')?.strip_prefix(font));
    let inner = font.and_then(|braced| in_braces(braced).filter(|inner| inner.len() + 2 == braced.len()));
    inner.map_or(text, without_font)
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
    let inner = without_font(inner);
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

    /// `^{…}` at a place of the text: a time, a power or a transpose. Gives its end.
    pub fn raised(&mut self, text: &str, start: usize) -> usize {
        let after = &text[start + 1..];
        if let Some(inner) = in_braces(after) {
            let end = start + inner.len() + 3;
            self.raises(inner, start..end);
            return end;
        }
        let length = after[1..].find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '−')));
        let inner = &after[1..length.map_or(after.len(), |length| 1 + length)];
        let span = start..start + 2 + inner.len();
        let fault =
            Diagnostic::new("this brace is not closed", start + 1..start + 2, "expected `}` on its line");
        self.faults.push(fault.help("write `h^{t-1}` or `a^{2}`"));
        // One slip, one fault: the rest of the line is read as if it were right.
        if raised(inner).is_some_and(|is| !matches!(is, Raised::Time(_)) || self.names_before(start)) {
            self.raises(inner, span.clone());
        }
        span.end
    }

    /// Whether a name ends at a place.
    fn names_before(&self, place: usize) -> bool {
        self.list.last().is_some_and(|(token, span)| matches!(token, Token::Name(_)) && span.end == place)
    }

    /// The tokens of what stands raised.
    fn raises(&mut self, inner: &str, span: Span) {
        let named = self.names_before(span.start);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_end_where_they_close_and_with_the_line() {
        assert_eq!(in_braces("{t-1} + b"), Some("t-1"));
        assert_eq!(in_braces("{a{b}c}}"), Some("a{b}c"));
        for none in ["", "}", "}{", "a{b}", "{a{b}", "{a\n}"] {
            assert_eq!(in_braces(none), None, "{none}");
        }
    }
}
