//! A text as tokens.

use super::ast::KEYWORDS;
use super::diagnostic::{Diagnostic, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(f64),
    /// A sign: one or two characters.
    Sign(&'static str),
    /// The end of a line after which something new begins.
    End,
}

const SIGNS: &[&str] =
    &["<=", ">=", "==", "!=", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", ":", "=", "<", ">"];

/// Signs that are typed as papers print them.
const PRINTED: &[(char, &str)] = &[('⊙', "*"), ('·', "*"), ('−', "-"), ('≤', "<="), ('≥', ">="), ('≠', "!=")];

/// Raised digits are a power: `a²` is `a^2`.
const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

pub(super) struct Tokens {
    /// The first block of comments.
    pub description: String,
    pub list: Vec<(Token, Span)>,
    pub faults: Vec<Diagnostic>,
}

pub(super) fn tokens(text: &str) -> Tokens {
    let mut out = Tokens { description: description(text), list: Vec::new(), faults: Vec::new() };
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
            out.list.push((Token::Name(text[start..end].into()), start..end));
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
        } else if let Some(sign) = SIGNS.iter().find(|sign| text[start..].starts_with(**sign)) {
            rest.by_ref().take(sign.len()).for_each(drop);
            out.list.push((Token::Sign(sign), start..start + sign.len()));
        } else {
            rest.next();
            let span = start..start + c.len_utf8();
            out.faults.push(Diagnostic::new(
                format!("`{}` has no meaning here", c.escape_debug()),
                span,
                "not a sign of the language",
            ));
        }
    }
    out.list = without_soft_ends(out.list);
    out
}

impl Tokens {
    /// `²` or `⁻¹`, as `^2` or `^-1`.
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

/// Letters, digits, `_`, `'` and accents that are signs of their own (h̃).
fn is_in_name(c: char) -> bool {
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

/// The length of the number that a text begins with: digits, a fraction, an exponent.
fn number(text: &str) -> usize {
    let digits = |from: usize| from + text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if text[end..].starts_with('.') {
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

/// White space never matters, so the end of a line is one only where something new begins after it: a
/// declaration, or `name =`, or `name[…] =`.
fn without_soft_ends(tokens: Vec<(Token, Span)>) -> Vec<(Token, Span)> {
    let begins = |rest: &[(Token, Span)]| match rest {
        [] | [(Token::Name(_), _), (Token::Sign("="), _), ..] => true,
        [(Token::Name(word), _), ..] if KEYWORDS.contains(&word.as_str()) => true,
        [(Token::Name(_), _), (Token::Sign("["), _), rest @ ..] => {
            let line = rest.iter().take_while(|(t, _)| *t != Token::End).take(8);
            let close = line.into_iter().position(|(t, _)| *t == Token::Sign("]"));
            close.is_some_and(|i| matches!(rest.get(i + 1), Some((Token::Sign("="), _))))
        }
        _ => false,
    };
    let mut kept: Vec<(Token, Span)> = Vec::with_capacity(tokens.len());
    for (i, (token, span)) in tokens.iter().enumerate() {
        if *token == Token::End {
            let last_is_end = kept.last().is_none_or(|(t, _)| *t == Token::End);
            if last_is_end || !begins(&tokens[i + 1..]) {
                continue;
            }
        }
        kept.push((token.clone(), span.clone()));
    }
    kept
}

/// The first block of comments, without the marks.
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
