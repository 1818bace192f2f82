//! Tokens as a tree: a Pratt parser that goes on after an error with the next line.

mod expression;
mod line;

use super::ast::{At, Expr, File, Name, reserved};
use super::diagnostic::{Diagnostic, Faults, Span};
use super::token::{Token, Tokens, tokens};
use std::collections::HashSet;

/// Parentheses within parentheses beyond this depth are refused.
const DEEPEST: usize = 64;
/// Longer equations are refused: trees are walked by recursion.
const LARGEST: usize = 1000;
/// So are files of more factors in all.
const LARGEST_OF_ALL: usize = 20_000;
/// Files of more lines are refused: shapes are found by going through all equations again and again.
const MOST: usize = 1000;
/// Files of more bytes are refused.
const LONGEST: usize = 1 << 20;

type Parsed<T> = Result<T, Box<Diagnostic>>;

/// Reads a file's text; `path` is for messages.
///
/// # Errors
/// All that is wrong with its form.
pub fn parse(text: &str, path: &str) -> Result<File, Faults> {
    let faults = |diagnostics| Faults { path: path.into(), source: text.into(), diagnostics };
    if text.len() > LONGEST {
        let size = format!("{} bytes", text.len());
        let source = text.chars().take(80).collect();
        let diagnostics = vec![Diagnostic::new("a cell's file has at most a million bytes", 0..0, size)];
        return Err(Faults { path: path.into(), source, diagnostics });
    }
    let Tokens { description, list: tokens, faults: mut wrong } = tokens(text);
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
        // The name may stand on a later line.
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

/// The base and the indices of a name that is kept as it was written: `W` and `j+1` of `W[j+1]`.
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

/// The names of the functions that a file defines, wherever: a call looks like a product otherwise.
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

/// The name of a cell that begins at a token, `min-gru`, and where it ends.
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
    /// How many parentheses are open.
    depth: usize,
    /// How many loops are open.
    loops: usize,
    /// How many loops were left at a fault: their ends close nothing.
    left: usize,
    /// How many factors the line has so far.
    factors: usize,
    /// How many terms its indices have.
    terms: usize,
    /// How many all lines have so far.
    all_factors: usize,
}

/// Moving over tokens.
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

    /// Where the last token ended.
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

    /// A name for something of the file's own, with the indices that loops give it.
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
