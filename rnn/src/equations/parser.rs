//! Tokens to a tree: a Pratt parser that recovers from an error at the next line.

mod expression;
mod line;

use super::ast::{At, Expr, File, Name, reserved};
use super::diagnostic::{Diagnostic, Faults, Span};
use super::token::{Token, Tokens, tokens};
use std::collections::HashSet;

/// The maximum nesting of parentheses.
const DEEPEST: usize = 64;
/// The maximum number of factors of an equation: trees are walked by recursion.
const LARGEST: usize = 1000;
/// The maximum number of factors of a file.
const LARGEST_OF_ALL: usize = 20_000;
/// The maximum number of lines: shape inference scans all equations repeatedly.
const MOST: usize = 1000;
/// The maximum number of bytes.
const LONGEST: usize = 1 << 20;

type Parsed<T> = Result<T, Box<Diagnostic>>;

/// Reads a file's text; `path` is for messages.
///
/// # Errors
/// All syntax errors.
pub fn parse(text: &str, path: &str) -> Result<File, Faults> {
    let faults = |diagnostics| Faults { path: path.into(), source: text.into(), diagnostics };
    if text.len() > LONGEST {
        let size = format!("{} bytes", text.len());
        let source = text.chars().take(80).collect();
        let diagnostics = vec![Diagnostic::new("a cell's file has at most a million bytes", 0..0, size)];
        return Err(Faults { path: path.into(), source, diagnostics });
    }
    let Tokens { description, list: tokens, faults: mut wrong, .. } = tokens(text);
    let functions = defined(&tokens);
    let mut parser = Parser {
        text,
        tokens,
        functions,
        at: 0,
        depth: 0,
        loops: 0,
        left: 0,
        factors: 0,
        terms: 0,
        all_factors: 0,
    };
    let name = parser.heading().map_err(|d| wrong.push(*d)).ok();
    let mut items = Vec::new();
    if name.is_none() {
        parser.skip_line();
        parser.at += usize::from(parser.token() == Some(&Token::End));
        // The heading may be on a later line.
        let _ = matches!(parser.token(), Some(Token::Name(word)) if word == "cell").then(|| parser.heading());
    }
    while parser.at < parser.tokens.len() {
        if parser.token() == Some(&Token::End) {
            parser.at += 1;
            continue;
        }
        if parser.left > 0 && parser.accept_name("end") {
            parser.left -= 1;
            continue;
        }
        (parser.depth, parser.loops, parser.factors, parser.terms) = (0, 0, 0, 0);
        let start = parser.span();
        match parser.item() {
            Ok(_) if items.len() == MOST => {
                wrong.push(
                    Diagnostic::new(format!("a cell has at most {MOST} lines"), start, "one too many")
                        .help("make a vector of what are many scalars"),
                );
                break;
            }
            Ok(item) => items.push(item),
            Err(fault) => {
                wrong.push(*fault);
                parser.left += parser.loops;
                parser.skip_line();
            }
        }
    }
    match name {
        Some(name) if wrong.is_empty() => Ok(File { description, name, items }),
        _ => {
            wrong.sort_by_key(|d| d.labels.first().map_or(0, |(span, _)| span.start));
            Err(faults(wrong))
        }
    }
}

/// The base and the indices of an indexed name kept as written: `W` and `j+1` of `W[j+1]`.
pub(super) fn brackets(name: &str) -> Option<(&str, Vec<Expr>)> {
    let (base, _) = name.split_once('[')?;
    let rest = &name[base.len()..];
    let mut parser = Parser {
        text: rest,
        tokens: tokens(rest).list,
        functions: HashSet::new(),
        at: 0,
        depth: 0,
        loops: 0,
        left: 0,
        factors: 0,
        terms: 0,
        all_factors: 0,
    };
    let mut indices = Vec::new();
    while parser.accept("[") {
        indices.push(parser.index(0).ok()?.is);
        parser.accept("]");
    }
    Some((base, indices))
}

/// The names of all functions that a file defines: a call of another name is a product.
fn defined(tokens: &[(Token, Span)]) -> HashSet<String> {
    let name = |three: &[(Token, Span)]| match three {
        [(Token::Name(word), _), (Token::Name(name), _), (Token::Sign("("), _)] if word == "fn" => {
            Some(name.clone()).filter(|name| reserved(name).is_none())
        }
        _ => None,
    };
    let used = tokens.iter().enumerate().filter(|(_, (token, _))| *token == Token::Name("use".into()));
    let used = used.filter_map(|(i, _)| Some(title(tokens, i + 1)?.0.replace('-', "_")));
    tokens.windows(3).filter_map(name).chain(used).collect()
}

/// The name of a cell at a token, such as `min-gru`, and the position after it.
fn title(tokens: &[(Token, Span)], at: usize) -> Option<(String, usize)> {
    let word = |i: usize| match tokens.get(i) {
        Some((Token::Name(word), _)) => Some(word.clone()),
        Some((Token::Number(number), _)) => Some(number.to_string()),
        _ => None,
    };
    let (mut name, mut end) = (word(at)?, at + 1);
    while matches!(tokens.get(end), Some((Token::Sign("-"), _))) {
        let Some(more) = word(end + 1) else { break };
        name = format!("{name}-{more}");
        end += 2;
    }
    Some((name, end))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, Span)>,
    /// The functions that the file defines.
    functions: HashSet<String>,
    at: usize,
    /// The number of open parentheses.
    depth: usize,
    /// The number of open loops.
    loops: usize,
    /// The number of loops abandoned at a fault: their `end` closes nothing.
    left: usize,
    /// The number of factors of the current line.
    factors: usize,
    /// The number of terms in its indices.
    terms: usize,
    /// The number of factors of all lines so far.
    all_factors: usize,
}

/// The token cursor.
impl Parser<'_> {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn sign(&self) -> Option<&'static str> {
        if let Some(Token::Sign(sign)) = self.token() { Some(sign) } else { None }
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |(_, span)| span.clone())
    }

    /// The end of the last token.
    fn before(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |i| self.tokens[i].1.end)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.sign() == Some(sign);
        self.at += usize::from(found);
        found
    }

    fn accept_name(&mut self, name: &str) -> bool {
        let found = matches!(self.token(), Some(Token::Name(word)) if word == name);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str, why: &str) -> Parsed<()> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}` {why}"))) }
    }

    #[allow(clippy::unnecessary_box_returns)] // every error of the parser is boxed
    fn unexpected(&self, wanted: &str) -> Box<Diagnostic> {
        let found = match self.token() {
            None | Some(Token::End) => "the line ends".into(),
            Some(Token::Name(name)) => format!("`{name}` stands"),
            Some(Token::Number(number)) => format!("`{number}` stands"),
            Some(Token::Sign(sign)) => format!("`{sign}` stands"),
        };
        Box::new(Diagnostic::new(
            format!("{found} where {wanted} was expected"),
            self.span(),
            format!("expected {wanted}"),
        ))
    }

    fn skip_line(&mut self) {
        while !matches!(self.token(), None | Some(Token::End)) {
            self.at += 1;
        }
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.span();
        match self.token() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(At::new(name, span))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A name that the file defines, with its loop indices.
    fn own_name(&mut self, what: &str) -> Parsed<Name> {
        let name = self.plain_name(what)?;
        self.indices(name)
    }

    /// The same without indices.
    fn plain_name(&mut self, what: &str) -> Parsed<Name> {
        let name = self.name(what)?;
        match reserved(&name.is) {
            Some(is) => Err(Box::new(
                Diagnostic::new(format!("`{}` is reserved", name.is), name.span, format!("it is {is}"))
                    .help("give it another name"),
            )),
            None => Ok(name),
        }
    }

    fn end_of_line(&self) -> Parsed<()> {
        match self.token() {
            None | Some(Token::End) => Ok(()),
            _ => Err(self.unexpected("the end of the line")),
        }
    }
}
