//! Splits a text into tokens.

use super::ast::KEYWORDS;
use super::diagnostic::{Diagnostic, Span};
use super::latex::{self, Brace};
use super::times;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(f64),
    /// An operator or punctuation of one or two characters.
    Sign(&'static str),
    /// The end of a line, before a new declaration or equation.
    End,
}

const SIGNS: &[&str] =
    &["<=", ">=", "==", "!=", "..", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", ":", "=", "<", ">"];

/// Unicode operators and their ASCII equivalents.
const PRINTED: &[(char, &str)] = &[('⊙', "*"), ('⊗', "⊗"), ('−', "-"), ('≤', "<="), ('≥', ">="), ('≠', "!=")];

/// Superscript digits are a power: `a²` is `a^2`.
const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// Subscript digits are part of a lag: `hₜ₋₁` is `h[t-1]`, as is `h_{t-1}`.
const LOWERED: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];

/// Operators of other languages, with the intended one.
const MEANT: &[(char, &str)] = &[
    ('@', "a matrix stands before its vector: `W x[t]`"),
    (
        '·',
        "write `W x[t]` for the product with a matrix, `a * b` element by element, and `sum(a * b)` for the scalar product",
    ),
    ('×', "write `W x[t]` for the product with a matrix, and `a * b` element by element"),
    ('∘', "write `a * b` element by element"),
    ('&', "conditions are nested: `where(a > 0, where(b > 0, …, …), …)`"),
    ('|', "`abs(a)` is the absolute value; conditions are nested: `where(a > 0, …, where(b > 0, …, …))`"),
    ('!', "conditions have an opposite: `where(a > 0, …, …)` with its two values exchanged"),
    ('?', "write `where(a > 0, …, …)`"),
    ('{', "a time stands in brackets, `h[t-1]`; a block needs no braces"),
    ('}', "a time stands in brackets, `h[t-1]`; a block needs no braces"),
    (';', "a line ends with its end"),
    ('%', "write `mod(a, b)`"),
];

/// Non-Latin letters and the Latin ones that they resemble.
const TWINS: [(&str, &str); 2] =
    [("аеорсухіјѕԁһАВСЕНКМОРТХІЅЈ", "aeopcyxijsdhABCEHKMOPTXISJ"), ("οΑΒΕΖΗΙΚΜΝΟΡΤΥΧν", "oABEZHIKMNOPTYXv")];

/// Finds a letter that resembles a Latin one, in a name that is otherwise Latin or a single letter.
fn twin(name: &str) -> Option<(char, char)> {
    let known = |(table, letters): (&(&str, &str), char)| {
        let place = table.0.chars().position(|c| c == letters)?;
        Some((letters, table.1.chars().nth(place)?))
    };
    let cyrillic = |c| known((&TWINS[0], c));
    let greek = |c| known((&TWINS[1], c));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '\'';
    let seems = name.chars().all(|c| plain(c) || cyrillic(c).is_some() || greek(c).is_some());
    // `ν_t` and `Υ_t` are Greek letters with a subscript, which LaTeX has as commands.
    let latin = |name: &str| name.chars().any(|c| c.is_ascii_alphabetic());
    let is_letter =
        |c| matches!(c, 'ν' | 'Υ') && name.split_once('_').is_some_and(|(before, _)| !latin(before));
    let found =
        name.chars().find_map(|c| cyrillic(c).or_else(|| greek(c).filter(|_| latin(name) && !is_letter(c))));
    found.filter(|_| seems)
}

pub(super) struct Tokens {
    /// The first block of comments.
    pub description: String,
    pub list: Vec<(Token, Span)>,
    pub faults: Vec<Diagnostic>,
    /// What the braces that are open end with.
    pub braces: Vec<Brace>,
}

pub(super) fn tokens(text: &str) -> Tokens {
    let mut out =
        Tokens { description: description(text), list: Vec::new(), faults: Vec::new(), braces: Vec::new() };
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, c)) = rest.peek() {
        if c == '\n' {
            rest.next();
            out.list.push((Token::End, start..start + 1));
        } else if c.is_whitespace() || c == '\u{feff}' {
            rest.next();
        } else if c == '#' {
            while rest.next_if(|&(_, c)| c != '\n').is_some() {}
        } else if c.is_alphabetic() || c == '_' {
            let end = run(&mut rest, text, is_in_name);
            let end = out.word(&text[start..end], text, start..end);
            while rest.next_if(|&(at, _)| at < end).is_some() {}
        } else if c == '\\' {
            let end = out.command(text, start);
            while rest.next_if(|&(at, _)| at < end).is_some() {}
        } else if text[start..].starts_with("^{") {
            let end = out.raised(text, start);
            while rest.next_if(|&(at, _)| at < end).is_some() {}
        } else if c == '}' && !out.braces.is_empty() {
            rest.next();
            let end = out.closed(text, start);
            while rest.next_if(|&(at, _)| at < end).is_some() {}
        } else if c.is_ascii_digit()
            || (c == '.' && text[start + 1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            let end = start + number(&text[start..]);
            while rest.next_if(|&(at, _)| at < end).is_some() {}
            let value: f64 = text[start..end].parse().unwrap_or(f64::INFINITY);
            if value.is_finite() {
                out.list.push((Token::Number(value), start..end));
            } else {
                out.faults.push(Diagnostic::new("this number is too large", start..end, "beyond 1.8e308"));
                out.list.push((Token::Number(1.0), start..end));
            }
        } else if c == '⁻' || RAISED.contains(&c) {
            rest.next();
            let end = run(&mut rest, text, |c| RAISED.contains(&c));
            out.power(&text[start..end], start..end);
        } else if let Some(&(_, sign)) = PRINTED.iter().find(|p| p.0 == c) {
            rest.next();
            out.list.push((Token::Sign(sign), start..start + c.len_utf8()));
        } else if text[start..].starts_with("//") {
            while rest.next_if(|&(_, c)| c != '\n').is_some() {}
            let fault =
                Diagnostic::new("`//` begins no comment", start..start + 2, "not a sign of the language");
            out.faults.push(fault.help("comments begin with `#`"));
        } else if text[start..].starts_with(":=") {
            rest.by_ref().take(2).for_each(drop);
            let fault = Diagnostic::new("`:=` is no sign of the language", start..start + 2, "an equation?");
            out.faults.push(fault.help("an equation is written `name[t] = …`"));
            out.list.push((Token::Sign("="), start..start + 2));
        } else if text[start..].starts_with("**") {
            rest.by_ref().take(2).for_each(drop);
            let fault = Diagnostic::new("`**` is no sign of the language", start..start + 2, "a power?");
            out.faults.push(fault.help("a power is written `a^2`"));
            out.list.push((Token::Sign("^"), start..start + 2));
        } else if let Some(sign) = SIGNS.iter().find(|sign| text[start..].starts_with(**sign)) {
            rest.by_ref().take(sign.len()).for_each(drop);
            out.list.push((Token::Sign(sign), start..start + sign.len()));
        } else {
            rest.next();
            let span = start..start + c.len_utf8();
            let message = format!("`{}` has no meaning here", c.escape_debug());
            let fault = Diagnostic::new(message, span, "not a sign of the language");
            let meant = MEANT.iter().find(|(sign, _)| *sign == c).map(|(_, help)| *help);
            out.faults.push(match meant {
                Some(help) => fault.help(help),
                None => fault,
            });
        }
    }
    let read = times::read(std::mem::take(&mut out.list), &mut out.faults);
    out.list = without_soft_ends(read);
    out
}

impl Tokens {
    /// A name at a place of the text, with the time or the subscript that follows it. Gives its end.
    pub fn word(&mut self, word: &str, text: &str, span: Span) -> usize {
        if let Some((name, below, length)) = subscript(word, &text[span.end..]) {
            let end = span.end + length;
            self.subscripted(name, below, span.start..end);
            return end;
        }
        if let Some(name) = word.strip_suffix('ᵀ') {
            if !name.is_empty() {
                self.name(name, span.clone());
            }
            self.list.push((Token::Sign("ᵀ"), span.clone()));
            return span.end;
        }
        let Some(name) = word.strip_suffix('ₜ').filter(|name| !name.is_empty()) else {
            self.name(word, span.clone());
            return span.end;
        };
        let lag = text[span.end..].find(|c| c != '₋' && !LOWERED.contains(&c));
        let end = lag.map_or(text.len(), |lag| span.end + lag);
        self.at_a_time(name, &text[span.end..end], span.start..end);
        end
    }

    /// A name. One with letters that only resemble Latin ones is a fault.
    fn name(&mut self, name: &str, span: Span) {
        if let Some((c, latin)) = twin(name) {
            let message = format!("`{name}` is not what it seems");
            let label = format!("`{c}` (U+{:04X}) looks like the Latin `{latin}`", c as u32);
            self.faults.push(
                Diagnostic::new(message, span.clone(), label).help(format!("type the Latin `{latin}`")),
            );
        }
        self.list.push((Token::Name(name.into()), span));
    }

    /// `hₜ₋₁`, read as `h[t-1]`: the form that the program prints.
    fn at_a_time(&mut self, name: &str, lag: &str, span: Span) {
        let digit = |c| LOWERED.iter().position(|&l| l == c).map(|d| d as f64);
        let steps = lag.chars().filter_map(digit).fold(0.0, |n, d| 10.0 * n + d);
        let is_lag =
            lag.is_empty() || lag.starts_with('₋') && lag.chars().count() > 1 && !lag[3..].contains('₋');
        if !is_lag {
            let fault = Diagnostic::new("this time has no meaning", span.clone(), "neither `ₜ` nor `ₜ₋₁`");
            self.faults.push(fault.help("write `h[t]`, or `h[t-1]`"));
            return self.timed(name, 0.0, span);
        }
        self.timed(name, steps, span);
    }

    /// The tokens of `h[t]` or `h[t-1]`.
    fn timed(&mut self, name: &str, lag: f64, span: Span) {
        self.name(name, span.clone());
        self.time(lag, span);
    }

    /// The tokens of `[t]` or `[t-1]`.
    pub fn time(&mut self, lag: f64, span: Span) {
        let mut add = |token| self.list.push((token, span.clone()));
        add(Token::Sign("["));
        add(Token::Name("t".into()));
        if lag > 0.0 {
            add(Token::Sign("-"));
            add(Token::Number(lag));
        }
        add(Token::Sign("]"));
    }

    /// A subscript as papers are typed: `h_{t-1}` is `h[t-1]`, and `W_{xh}` the name `W_xh`.
    fn subscripted(&mut self, name: &str, below: &str, span: Span) {
        let below = latex::without_font(below);
        let time: String = below.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace('−', "-");
        let in_name = |c: char| is_in_name(c) && !matches!(c, 'ᵀ' | 'ₜ');
        if let Some(lag) = latex::time(&time) {
            self.timed(name, lag, span);
        } else if !below.is_empty() && below.chars().all(in_name) {
            self.name(&format!("{name}_{below}"), span);
        } else {
            let label = "neither a time nor part of a name";
            let fault = Diagnostic::new("this subscript has no meaning", span.clone(), label);
            self.faults.push(fault.help("write `h[t]`, `h[t-1]`, or a name as in `W_xh`"));
            // One slip, one fault: the rest of the line is read as if it were right.
            self.timed(name, 0.0, span);
        }
    }

    /// `²` or `⁻¹`, read as `^2` or `^-1`.
    fn power(&mut self, raised: &str, span: Span) {
        let digit = |c| RAISED.iter().position(|&r| r == c).map(|d| d as f64);
        let value = raised
            .chars()
            .filter_map(digit)
            .fold(None, |n: Option<f64>, d| Some(10.0 * n.unwrap_or(0.0) + d));
        let Some(value) = value.filter(|v| v.is_finite()) else {
            self.faults.push(Diagnostic::new("this power has no meaning", span, "not a whole number"));
            return;
        };
        self.list.push((Token::Sign("^"), span.clone()));
        if raised.starts_with('⁻') {
            self.list.push((Token::Sign("-"), span.clone()));
        }
        self.list.push((Token::Number(value), span));
    }
}

/// The name before `_{…}`, what the braces hold, and their length, of a word and what follows it.
fn subscript<'a>(word: &'a str, after: &'a str) -> Option<(&'a str, &'a str, usize)> {
    let name = word.strip_suffix('_').filter(|name| !name.is_empty())?;
    let below = latex::in_braces(after)?;
    Some((name, below, below.len() + 2))
}

/// Letters, digits, `_`, `'` and combining accents (h̃).
pub(super) fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() && !RAISED.contains(&c)
        || c == '_'
        || c == '\''
        || ('\u{300}'..='\u{36f}').contains(&c)
}

fn run(
    rest: &mut std::iter::Peekable<std::str::CharIndices>,
    text: &str,
    belongs: impl Fn(char) -> bool,
) -> usize {
    while rest.next_if(|&(_, c)| belongs(c)).is_some() {}
    rest.peek().map_or(text.len(), |&(at, _)| at)
}

/// The length of the number at the start of a text: digits, a fraction, an exponent.
fn number(text: &str) -> usize {
    let digits = |from: usize| from + text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if text[end..].starts_with('.') && !text[end..].starts_with("..") {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// Removes line ends that separate nothing: a line end counts only before a declaration, `name =` or `name[…] =`.
fn without_soft_ends(tokens: Vec<(Token, Span)>) -> Vec<(Token, Span)> {
    let begins = |rest: &[(Token, Span)]| match rest {
        [] | [(Token::Name(_), _), (Token::Sign("="), _), ..] => true,
        [(Token::Name(word), _), ..] if KEYWORDS.contains(&word.as_str()) => true,
        [(Token::Name(_), _), (Token::Sign("["), _), ..] => is_left_side(rest),
        _ => false,
    };
    let mut open = 0_i32;
    let mut kept: Vec<(Token, Span)> = Vec::with_capacity(tokens.len());
    for (i, (token, span)) in tokens.iter().enumerate() {
        match token {
            Token::Sign("(") => open += 1,
            Token::Sign(")") => open -= 1,
            _ => {}
        }
        if *token == Token::End {
            // In `sum(a for j = 1..4)` the word `for` starts no line.
            if open > 0 && matches!(tokens.get(i + 1), Some((Token::Name(word), _)) if word == "for") {
                continue;
            }
            let last_is_end = kept.last().is_none_or(|(t, _)| *t == Token::End);
            if last_is_end || !begins(&tokens[i + 1..]) {
                continue;
            }
        }
        kept.push((token.clone(), span.clone()));
    }
    kept
}

/// Whether a declaration or an equation begins here, with or without times: `z_t, r_t = …`.
pub(super) fn begins_line(tokens: &[(Token, Span)]) -> bool {
    let is_word = matches!(tokens, [(Token::Name(word), _), ..] if KEYWORDS.contains(&word.as_str()));
    is_word || is_left_side(tokens)
}

/// Whether a line starts with `name[…] =` or `name[…], name[…] =`.
fn is_left_side(tokens: &[(Token, Span)]) -> bool {
    let mut line =
        tokens.iter().map(|(token, _)| token).take_while(|token| **token != Token::End).take(100).peekable();
    loop {
        if !matches!(line.next(), Some(Token::Name(_))) {
            return false;
        }
        while line.next_if(|token| **token == Token::Sign("[")).is_some() {
            if !line.by_ref().any(|token| *token == Token::Sign("]")) {
                return false;
            }
        }
        match line.next() {
            Some(Token::Sign("=")) => return true,
            Some(Token::Sign(",")) => {}
            _ => return false,
        }
    }
}

/// The first block of comments, without the comment marks.
fn description(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).skip_while(|line| line.is_empty());
    let block = lines.take_while(|line| line.starts_with('#'));
    let block = block.map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join("\n");
    block.trim_matches('\n').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let word = |(t, _): &(Token, Span)| match t {
            Token::Name(n) => n.clone(),
            Token::Number(n) => n.to_string(),
            Token::Sign(s) => (*s).into(),
            Token::End => ";".into(),
        };
        tokens(text).list.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_signs_numbers_and_names() {
        assert_eq!(words("h̃[t-1]⊙ 1.5e-3 <= x² # gone"), "h̃ [ t - 1 ] * 0.0015 <= x ^ 2");
        assert_eq!(words("a⁻¹² h₁"), "a ^ - 12 h₁");
        assert_eq!(words("2e x"), "2 e x");
    }

    #[test]
    fn lines_end_only_where_something_begins() {
        assert_eq!(
            words("cell a\n\n f[t] = W\n x[t]\n  + b\n h[t] = f[t]\n"),
            "cell a ; f [ t ] = W x [ t ] + b ; h [ t ] = f [ t ] ;"
        );
    }
}
