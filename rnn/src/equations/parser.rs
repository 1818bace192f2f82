//! Tokens as a tree: a Pratt parser that goes on after an error with the next line.

use super::ast::{At, Expr, File, Form, Function, Item, KEYWORDS, Name, Operation, reserved};
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

/// Expressions.
impl Parser {
    /// An expression of operations that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Parsed<At<Expr>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Box::new(
                Diagnostic::new(
                    format!("parentheses lie more than {DEEPEST} deep"),
                    self.span(),
                    "too deep here",
                )
                .help("give the inner part a name in an equation of its own"),
            ));
        }
        let mut left = self.operand()?;
        while let Some(operation) = self.operation().filter(|o| o.binding() >= least) {
            self.at += 1;
            let right = self.expression(operation.binding() + 1)?;
            let span = left.span.start..right.span.end;
            left = At::new(Expr::Binary(operation, Box::new(left), Box::new(right)), span);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operation(&self) -> Option<Operation> {
        use Operation::{
            Add, Divide, Equal, Greater, GreaterEqual, Less, LessEqual, Multiply, NotEqual, Subtract,
        };
        let sign = self.sign()?;
        let all = [Add, Subtract, Multiply, Divide, Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual];
        all.into_iter().find(|o| o.sign() == sign)
    }

    /// A chain of factors: the last is what the matrices before it are multiplied by, from the right.
    fn operand(&mut self) -> Parsed<At<Expr>> {
        let start = self.span().start;
        if self.accept("-") {
            let mut depth = 0;
            while self.accept("-") {
                depth += 1;
            }
            let inner = self.operand()?;
            let span = start..inner.span.end;
            return Ok(if depth % 2 == 0 { At::new(Expr::Negative(Box::new(inner)), span) } else { inner });
        }
        let mut chain = vec![self.factor()?];
        while matches!(self.token(), Some(Token::Name(_) | Token::Number(_) | Token::Sign("("))) {
            chain.push(self.factor()?);
        }
        let mut factors = chain.into_iter().rev();
        let last = factors.next().ok_or_else(|| self.unexpected("an expression"))?;
        factors.try_fold(last, |right, left| {
            let span = left.span.start..right.span.end;
            match left.is {
                Expr::Name(name) => {
                    let name = At::new(name, left.span);
                    Ok(At::new(Expr::Product(name, Box::new(right)), span))
                }
                _ => Err(Box::new(
                    Diagnostic::new(
                        "only a matrix stands before what it is multiplied by",
                        left.span,
                        "not the name of a parameter",
                    )
                    .and(right.span, "multiplied by this")
                    .help("write `*` for the product element by element"),
                )),
            }
        })
    }

    /// A number, a name, a sequence, a call or parentheses, and its power.
    fn factor(&mut self) -> Parsed<At<Expr>> {
        self.factors += 1;
        if self.factors > LARGEST {
            return Err(Box::new(
                Diagnostic::new(
                    format!("an equation has at most {LARGEST} factors"),
                    self.span(),
                    "one too many",
                )
                .help("give a part of it a name in an equation of its own"),
            ));
        }
        let base = self.primary()?;
        if !self.accept("^") {
            return Ok(base);
        }
        let exponent = self.number()?;
        let whole = exponent.is.fract() == 0.0 && exponent.is.abs() <= 1000.0;
        if !whole {
            return Err(Box::new(
                Diagnostic::new("a power is a whole number", exponent.span, "not one")
                    .help("write sqrt(a), or exp(p * log(a)) for a > 0"),
            ));
        }
        #[allow(clippy::cast_possible_truncation)] // a whole number of at most 1000
        let power = exponent.is as i32;
        let span = base.span.start..exponent.span.end;
        if self.sign() == Some("^") {
            return Err(self.unexpected("one power; put parentheses around the first"));
        }
        Ok(At::new(Expr::Power(Box::new(base), power), span))
    }

    fn primary(&mut self) -> Parsed<At<Expr>> {
        let span = self.span();
        match self.token().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(At::new(Expr::Number(number), span))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")", "to close the parenthesis")?;
                Ok(At::new(inner.is, span.start..self.before()))
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                self.named(name, span)
            }
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn named(&mut self, name: String, span: Span) -> Parsed<At<Expr>> {
        if self.accept("[") {
            let lag = self.time()?;
            if reserved(&name).is_some_and(|_| name != "x") {
                let is = reserved(&name).unwrap_or_default();
                return Err(Box::new(Diagnostic::new(
                    format!("`{name}` is reserved"),
                    span,
                    format!("it is {is}"),
                )));
            }
            return Ok(At::new(Expr::Sequence(name, lag), span.start..self.before()));
        }
        if let Some(function) = Function::by_name(&name) {
            return self.call(function, span);
        }
        match reserved(&name) {
            None => Ok(At::new(Expr::Name(name), span)),
            Some(_) if name == "t" => Ok(At::new(Expr::Step, span)),
            Some(_) if name == "input" || name == "hidden" => Ok(At::new(Expr::Name(name), span)),
            Some(is) => {
                let help = if name == "x" { "write `x[t]`" } else { "give it another name" };
                Err(Box::new(
                    Diagnostic::new(format!("`{name}` is reserved"), span, format!("it is {is}")).help(help),
                ))
            }
        }
    }

    fn call(&mut self, function: Function, span: Span) -> Parsed<At<Expr>> {
        let name = function.name();
        if !self.accept("(") {
            return Err(Box::new(
                Diagnostic::new(format!("`{name}` is a function"), span, "expected `(` behind it")
                    .help(format!("write `{name}(…)`; a parameter needs another name")),
            ));
        }
        let mut arguments = vec![self.expression(0)?];
        while self.accept(",") {
            arguments.push(self.expression(0)?);
        }
        self.expect(")", &format!("to close `{name}(`"))?;
        let ((least, most), found) = (function.arity(), arguments.len());
        let span = span.start..self.before();
        if found < least || found > most {
            let takes = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let label = format!("{found} given");
            return Err(Box::new(Diagnostic::new(format!("`{name}` takes {takes} arguments"), span, label)));
        }
        Ok(At::new(Expr::Call(function, arguments), span))
    }

    /// `t]` or `t-k]`: the lag.
    fn time(&mut self) -> Parsed<usize> {
        let start = self.span().start;
        let wrong = |parser: &Self| {
            let span = start..parser.span().end;
            Box::new(
                Diagnostic::new("a time is `t`, or `t-1` and further back", span, "expected `t` or `t-1`")
                    .help("the value before the first step is read as `[t-1]` at step 1"),
            )
        };
        if self.token() != Some(&Token::Name("t".into())) {
            return Err(wrong(self));
        }
        self.at += 1;
        let mut lag = 0;
        if self.accept("-") {
            match self.token() {
                Some(&Token::Number(number)) if number.fract() == 0.0 && (1.0..=1000.0).contains(&number) => {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 1 to 1000
                    {
                        lag = number as usize;
                    }
                    self.at += 1;
                }
                _ => return Err(wrong(self)),
            }
        }
        if self.accept("]") { Ok(lag) } else { Err(wrong(self)) }
    }
}
