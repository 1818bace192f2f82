//! Tokens as a tree: a Pratt parser that goes on after an error with the next line.

mod expression;

use super::ast::{At, File, Form, Item, KEYWORDS, Name, reserved};
use super::diagnostic::{Diagnostic, Faults, Span};
use super::token::{Token, Tokens, tokens};

/// Parentheses within parentheses beyond this depth are refused.
const DEEPEST: usize = 64;
/// Longer equations are refused: trees are walked by recursion.
const LARGEST: usize = 1000;
/// Longer files are refused.
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
    let mut parser = Parser { tokens, at: 0, depth: 0, factors: 0, end: text.len() };
    let name = parser.heading().map_err(|d| wrong.push(*d)).ok();
    let mut items = Vec::new();
    if name.is_none() {
        parser.skip_line();
    }
    while parser.at < parser.tokens.len() {
        if parser.token() == Some(&Token::End) {
            parser.at += 1;
            continue;
        }
        (parser.depth, parser.factors) = (0, 0);
        match parser.item() {
            Ok(item) => items.push(item),
            Err(fault) => {
                wrong.push(*fault);
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

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    /// How many parentheses are open.
    depth: usize,
    /// How many factors the line has so far.
    factors: usize,
    end: usize,
}

/// Moving over tokens.
impl Parser {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn sign(&self) -> Option<&'static str> {
        if let Some(Token::Sign(sign)) = self.token() { Some(sign) } else { None }
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end..self.end, |(_, span)| span.clone())
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

    /// A name for something of the file's own.
    fn own_name(&mut self, what: &str) -> Parsed<Name> {
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

/// Lines.
impl Parser {
    /// `cell NAME`; the name may have hyphens.
    fn heading(&mut self) -> Parsed<Name> {
        while self.token() == Some(&Token::End) {
            self.at += 1;
        }
        let is_cell = matches!(self.token(), Some(Token::Name(word)) if word == "cell");
        if !is_cell {
            return Err(Box::new(
                Diagnostic::new("a cell begins with its name", self.span(), "expected `cell NAME`")
                    .help("write `cell mgu` above the equations"),
            ));
        }
        self.at += 1;
        let mut name = self.name("the name of the cell")?;
        while self.sign() == Some("-") && self.span().start == name.span.end {
            self.at += 1;
            let (part, span) = (self.token().cloned(), self.span());
            match part {
                Some(Token::Name(part)) if span.start == self.before() => {
                    name.is = format!("{}-{part}", name.is);
                }
                Some(Token::Number(part)) if span.start == self.before() => {
                    name.is = format!("{}-{part}", name.is);
                }
                _ => return Err(self.unexpected("the rest of the cell's name")),
            }
            name.span.end = span.end;
            self.at += 1;
        }
        self.end_of_line()?;
        Ok(name)
    }

    fn item(&mut self) -> Parsed<Item> {
        let word = match self.token() {
            Some(Token::Name(word)) if KEYWORDS.contains(&word.as_str()) => word.clone(),
            _ => return self.equation(),
        };
        let start = self.span();
        self.at += 1;
        let item = match word.as_str() {
            "size" => {
                let name = self.own_name("the name of a size")?;
                self.expect("=", "and the size")?;
                Item::Size(name, self.expression(0)?)
            }
            "param" => {
                let name = self.own_name("the name of a parameter")?;
                self.expect(":", "and the form of the parameter")?;
                Item::Param(name, self.form()?)
            }
            "state" => {
                let name = self.own_name("the name of a state")?;
                self.expect(":", "and the size of the state")?;
                Item::State(name, self.form()?)
            }
            "require" => {
                let left = self.expression(1)?;
                self.expect("=", "between the two sizes")?;
                Item::Require(left, self.expression(1)?)
            }
            "init" => {
                let name = self.own_name("the name of a parameter")?;
                self.expect("=", "and how the parameter begins")?;
                Item::Init(name, self.init()?)
            }
            "const" => {
                let name = self.own_name("the name of a constant")?;
                self.expect("=", "and the number")?;
                Item::Const(name, self.number()?)
            }
            "output" => Item::Output(self.own_name("the name of the output")?),
            "pack" => {
                let name = self.own_name("the name of the packed parameter")?;
                self.expect("=", "and the parameters that are packed")?;
                let mut parts = vec![self.own_name("the name of a parameter")?];
                while matches!(self.token(), Some(Token::Name(_))) {
                    parts.push(self.own_name("the name of a parameter")?);
                }
                Item::Pack(name, parts)
            }
            _ => {
                return Err(Box::new(
                    Diagnostic::new("a file has one cell", start, "a second one begins here")
                        .help("put it into a file of its own"),
                ));
            }
        };
        self.end_of_line()?;
        Ok(item)
    }

    /// `name[t] = expression`
    fn equation(&mut self) -> Parsed<Item> {
        let name = self.own_name("an equation, `name[t] = …`, or a declaration")?;
        if self.sign() == Some("=") {
            return Err(Box::new(
                Diagnostic::new(
                    format!("`{}` has no time", name.is),
                    name.span.clone(),
                    "expected `[t]` behind it",
                )
                .help(format!(
                    "write `{0}[t] = …`; a parameter needs no equation, and a number is `const {0} = …`",
                    name.is
                )),
            ));
        }
        self.expect("[", "and the time, `[t]`")?;
        let start = self.span().start;
        let lag = self.time()?;
        if lag != 0 {
            return Err(Box::new(
                Diagnostic::new(
                    "an equation makes the value of step t",
                    start..self.before() - 1,
                    "expected `t`",
                )
                .help(format!("write `{}[t] = …`, and read the past on the right side", name.is)),
            ));
        }
        self.expect("=", "and what it is equal to")?;
        let value = self.expression(0)?;
        self.end_of_line()?;
        Ok(Item::Equation(name, value))
    }

    /// `scalar`, a size, or `[rows, columns]`.
    fn form(&mut self) -> Parsed<Form> {
        if self.token() == Some(&Token::Name("scalar".into())) {
            self.at += 1;
            return Ok(Form::Scalar);
        }
        if !self.accept("[") {
            return Ok(Form::Vector(self.expression(1)?));
        }
        let first = self.expression(1)?;
        let form =
            if self.accept(",") { Form::Matrix(first, self.expression(1)?) } else { Form::Vector(first) };
        self.expect("]", "at the end of the form")?;
        Ok(form)
    }

    /// `orthogonal`, `uniform:0.1`, `1`.
    fn init(&mut self) -> Parsed<At<String>> {
        let start = self.span().start;
        let mut text = String::new();
        while !matches!(self.token(), None | Some(Token::End)) {
            match self.token() {
                Some(Token::Name(word)) => text += word,
                Some(Token::Number(number)) => text += &number.to_string(),
                Some(Token::Sign(sign @ (":" | "-"))) => text += sign,
                _ => {
                    return Err(
                        self.unexpected("a number, or an initialiser such as `orthogonal` or `uniform:0.1`")
                    );
                }
            }
            self.at += 1;
        }
        Ok(At::new(text, start..self.before()))
    }

    fn number(&mut self) -> Parsed<At<f64>> {
        let start = self.span().start;
        let sign = if self.accept("-") { -1.0 } else { 1.0 };
        match self.token() {
            Some(&Token::Number(number)) => {
                self.at += 1;
                Ok(At::new(sign * number, start..self.before()))
            }
            _ => Err(self.unexpected("a number")),
        }
    }
}
