//! Lines: the heading, equations, declarations.

use super::super::ast::{At, Beginning, Body, Expr, Form, Item, KEYWORDS, Name, Range, reserved};
use super::super::diagnostic::Diagnostic;
use super::super::token::Token;
use super::expression::Time;
use super::{Parsed, Parser, title};

/// An unknown word at the start of a line.
#[allow(clippy::unnecessary_box_returns)] // every error of the parser is boxed
fn begins_no_line(word: &Name) -> Box<Diagnostic> {
    let fault = Diagnostic::new(format!("`{}` begins no line", word.is), word.span.clone(), "unknown here");
    let words = KEYWORDS[1..].join(", ");
    Box::new(fault.help(format!("a line is an equation, `name[t] = …`, or begins with one of {words}")))
}

/// The state whose value before the first step a name such as `h[0]` means, by how it ends.
fn begun<'n>(name: &'n str, ends: &[&str]) -> Option<&'n str> {
    ends.iter().find_map(|end| name.strip_suffix(end)).filter(|state| !state.is_empty())
}

impl Parser<'_> {
    /// `cell NAME`; the name may have hyphens.
    pub(super) fn heading(&mut self) -> Parsed<Name> {
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
            let is_next = self.span().start == self.before();
            if !is_next || !matches!(self.token(), Some(Token::Name(_) | Token::Number(_))) {
                return Err(self.unexpected("the rest of the cell's name"));
            }
            name.span.end = self.span().end;
            self.at += 1;
        }
        name.is = self.text[name.span.clone()].into();
        if matches!(self.token(), Some(Token::Name(_) | Token::Number(_))) {
            let more = self.span();
            if self.text[name.span.end..more.start].contains('\n') {
                return Err(begins_no_line(&At::new(self.text[more.clone()].into(), more)));
            }
            let rest: Vec<&str> = self.text[name.span.start..more.end].split_whitespace().collect();
            let fault = Diagnostic::new("the name of a cell is one word", more, "a second word");
            return Err(Box::new(fault.help(format!("write `cell {}`", rest.join("-")))));
        }
        self.end_of_line()?;
        Ok(name)
    }

    pub(super) fn item(&mut self) -> Parsed<Item> {
        let word = match self.token() {
            // `output[t] = …` is an equation with a reserved name, which `equation` reports.
            Some(Token::Name(word)) if KEYWORDS.contains(&word.as_str()) && !self.is_equation() => {
                word.clone()
            }
            _ => return self.equation(),
        };
        let start = self.span();
        self.at += 1;
        let item = match word.as_str() {
            "size" => {
                let name = self.own_name("the name of a size")?;
                self.expect("=", "and the size")?;
                Item::Size(name, self.expression(1)?)
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
                let names = self.names("the name of a parameter")?;
                self.expect("=", "and how the parameters begin")?;
                Item::Init(names, self.beginning()?)
            }
            "fixed" => {
                let names = self.names("the name of a fixed parameter")?;
                let form = if self.accept(":") { Some(self.form()?) } else { None };
                self.expect("=", "and what the parameter is, as in `fixed A = where(row > column, 1, 0)`")?;
                Item::Fixed(names, form, self.expression(1)?)
            }
            "const" => {
                let name = self.own_name("the name of a constant")?;
                self.expect("=", "and the number")?;
                Item::Const(name, self.expression(1)?)
            }
            "output" => Item::Output(self.own_name("the name of the output")?),
            "pack" => {
                let name = self.own_name("the name of the packed parameter")?;
                self.expect("=", "and the parameters that are packed")?;
                Item::Pack(name, self.names("the name of a parameter")?)
            }
            "start" => {
                let names = self.names("the name of a state")?;
                self.expect("=", "and where the states start")?;
                Item::Start(names, self.expression(1)?)
            }
            "for" => return self.repetition(),
            "end" => {
                let fault = Diagnostic::new("`end` closes no loop", start, "no `for` above is open");
                return Err(Box::new(fault));
            }
            "clock" => {
                if !self.accept_name("restarts") {
                    let help = "write `clock restarts`; without the line `t` goes on from window to window of a text";
                    return Err(Box::new(self.unexpected("`restarts`").help(help)));
                }
                Item::Restarts(At::new((), start.start..self.before()))
            }
            "fn" => return self.function(),
            "return" => {
                let fault = Diagnostic::new("`return` ends no function", start, "no `fn` above is open");
                return Err(Box::new(
                    fault
                        .help("a function is `fn name(a) = …`, or lines between `fn name(a)` and `return …`"),
                ));
            }
            "let" => {
                let name = self.own_name("the name of what is made of parameters")?;
                self.expect("=", "and what it is made of, as in `let A = W - transpose(W)`")?;
                Item::Let(name, self.expression(1)?)
            }
            "use" => {
                let start = self.span();
                let Some((name, end)) = title(&self.tokens, self.at) else {
                    return Err(self.unexpected("the name of a cell"));
                };
                self.at = end;
                Item::Use(At::new(name, start.start..self.before()))
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

    fn is_equation(&self) -> bool {
        matches!(self.tokens.get(self.at + 1), Some((Token::Sign("["), _)))
    }

    /// A loop after `for`: `j = 1..4`, lines, `end`.
    fn repetition(&mut self) -> Parsed<Item> {
        self.loops += 1;
        if self.loops > 8 {
            return Err(Box::new(Diagnostic::new(
                "loops lie more than 8 deep",
                self.span(),
                "too deep here",
            )));
        }
        let range = self.range()?;
        self.end_of_line()?;
        let mut items = Vec::new();
        loop {
            while self.token() == Some(&Token::End) {
                self.at += 1;
            }
            if self.accept_name("end") {
                break;
            }
            if self.token().is_none() {
                let fault = Diagnostic::new("the loop is not closed", range.variable.span, "it begins here");
                return Err(Box::new(fault.help("write `end` on a line of its own below what is repeated")));
            }
            (self.depth, self.factors, self.terms) = (0, 0, 0);
            items.push(self.item()?);
        }
        self.loops -= 1;
        self.end_of_line()?;
        Ok(Item::For(range, items))
    }

    /// `j = 1..4`
    pub(super) fn range(&mut self) -> Parsed<Range> {
        let variable = self.plain_name("the name that counts the turns")?;
        self.expect("=", "and what it runs over, as in `j = 1..4`")?;
        let from = self.index(0)?;
        self.expect("..", "and the last turn, as in `1..4`")?;
        let to = self.index(0)?;
        Ok(Range { variable, from, to })
    }

    /// `name[t] = expression`, or `name[t], name[t] = split(expression)`
    fn equation(&mut self) -> Parsed<Item> {
        let name = self.own_name("an equation, `name[t] = …`, or a declaration")?;
        if matches!(self.token(), Some(Token::Name(_) | Token::Sign(":"))) {
            return Err(begins_no_line(&name));
        }
        if self.sign() == Some("=") {
            if let Some(state) = begun(&name.is, &["[0]", "[-1]"]) {
                let fault = Diagnostic::new(
                    format!("where `{state}` starts is said by a line `start`"),
                    name.span,
                    "no equation is of step 0",
                );
                return Err(Box::new(fault.help(format!(
                    "write `start {state} = …`; a state of which nothing is said starts at 0"
                ))));
            }
            let start = begun(&name.is, &["_0", "₀"]);
            let start = start.map_or(String::new(), |state| {
                format!("; a state `{state}` starts at 0, or where `start {state} = …` says")
            });
            return Err(Box::new(
                Diagnostic::new(
                    format!("`{}` has no time", name.is),
                    name.span.clone(),
                    "expected `[t]` behind it",
                )
                .help(format!(
                    "write `{}[t] = …`; a parameter needs no equation, and a number is `const {} = …`{start}",
                    name.is.strip_suffix("_t").unwrap_or(&name.is),
                    name.is
                )),
            ));
        }
        self.expect("[", "and the time, `[t]`")?;
        let start = self.span().start;
        let time = self.time(&name.is)?;
        if time != Time::Back(0) {
            return Err(Box::new(
                Diagnostic::new(
                    "an equation makes the value of step t",
                    start..self.before() - 1,
                    "expected `t`",
                )
                .help(format!("write `{}[t] = …`, and read the past on the right side", name.is)),
            ));
        }
        let mut names = vec![name];
        while self.accept(",") {
            names.push(self.own_name("the name of a part")?);
            self.expect("[", "and the time, `[t]`")?;
            self.expect_time()?;
        }
        self.expect("=", "and what it is equal to")?;
        if names.len() > 1 {
            return self.several(names);
        }
        let value = self.expression(0)?;
        self.end_of_line()?;
        Ok(Item::Equation(names.remove(0), value))
    }

    /// The right side for several names: `split(a)`, or a function with several results.
    fn several(&mut self, names: Vec<Name>) -> Parsed<Item> {
        if self.accept_name("split") {
            self.expect("(", "and the vector that is split")?;
            let value = self.expression(0)?;
            self.expect(")", "to close `split(`")?;
            self.end_of_line()?;
            return Ok(Item::Split(names, value));
        }
        let is_call = matches!(self.token(), Some(Token::Name(name)) if self.functions.contains(name));
        if !is_call {
            let help = "several names share the equal parts of one vector, `r[t], z[t] = split(a)`, or are the results of a \
                        function, `c[t], h[t] = memory(a)`";
            return Err(Box::new(self.unexpected("`split` or a function of several results").help(help)));
        }
        let call = self.primary()?;
        self.end_of_line()?;
        Ok(Item::Results(names, call))
    }

    /// `t]`
    fn expect_time(&mut self) -> Parsed<()> {
        if self.accept_name("t") { self.expect("]", "behind the time") } else { Err(self.unexpected("`t]`")) }
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
        if let [(Token::Name(size), first), (Token::Name(_) | Token::Number(_), second), ..] =
            &self.tokens[self.at..]
            && reserved(size).is_some()
        {
            let fault = Diagnostic::new(
                "two sizes stand side by side",
                first.end..second.start,
                "a comma is missing",
            );
            return Err(Box::new(fault.help("write `[rows, columns]`")));
        }
        let first = self.expression(1)?;
        let form =
            if self.accept(",") { Form::Matrix(first, self.expression(1)?) } else { Form::Vector(first) };
        self.expect("]", "at the end of the form")?;
        Ok(form)
    }

    /// A function after `fn`: `norm(a, b) = expression`.
    fn function(&mut self) -> Parsed<Item> {
        let name = self.plain_name("the name of a function")?;
        self.expect("(", "and the names of the arguments")?;
        let mut arguments = vec![self.plain_name("the name of an argument")?];
        while self.accept(",") {
            arguments.push(self.plain_name("the name of an argument")?);
        }
        if let Some(argument) = arguments.iter().find(|argument| self.functions.contains(&argument.is)) {
            let message =
                format!("the argument `{}` of `{}` has the name of a function", argument.is, name.is);
            let fault = Diagnostic::new(message, argument.span.clone(), "a function of this file");
            return Err(Box::new(fault.help("give one of them another name")));
        }
        self.expect(")", "behind the arguments")?;
        if self.accept("=") {
            let result = self.expression(0)?;
            self.end_of_line()?;
            return Ok(Item::Function(name, arguments, Body { values: Vec::new(), results: vec![result] }));
        }
        if !matches!(self.token(), None | Some(Token::End)) {
            return Err(self.unexpected("`=` and what the function is equal to, or the end of the line"));
        }
        let body = self.body(&name)?;
        Ok(Item::Function(name, arguments, body))
    }

    /// The lines of a function, up to its `return`.
    fn body(&mut self, function: &Name) -> Parsed<Body> {
        let mut values = Vec::new();
        loop {
            while self.token() == Some(&Token::End) {
                self.at += 1;
            }
            if self.accept_name("return") {
                break;
            }
            if self.token().is_none() {
                let fault =
                    Diagnostic::new("the function returns nothing", function.span.clone(), "it begins here");
                return Err(Box::new(fault.help("its last line is `return` and its result")));
            }
            (self.depth, self.factors, self.terms) = (0, 0, 0);
            let name = self.plain_name("a value of the function, `name = …`, or `return`")?;
            if self.sign() == Some("[") {
                let message = format!("`{}` has a time in a function", name.is);
                let fault = Diagnostic::new(message, name.span, "a value of the call");
                return Err(Box::new(fault.help("values of a function have no time: `name = …`")));
            }
            self.expect("=", "and what the value is equal to")?;
            values.push((name, self.expression(0)?));
            self.end_of_line()?;
        }
        let mut results = vec![self.expression(0)?];
        while self.accept(",") {
            results.push(self.expression(0)?);
        }
        self.end_of_line()?;
        Ok(Body { values, results })
    }

    /// One or more names.
    fn names(&mut self, what: &str) -> Parsed<Vec<Name>> {
        let mut names = vec![self.own_name(what)?];
        while matches!(self.token(), Some(Token::Name(_))) {
            names.push(self.own_name(what)?);
        }
        Ok(names)
    }

    /// `orthogonal`, `uniform:-0.1:0.1`, `1`, or a formula such as `log(column)`.
    fn beginning(&mut self) -> Parsed<Beginning> {
        let token = |k: usize| self.tokens.get(self.at + k).map(|(token, _)| token);
        let ends = |token: Option<&Token>| matches!(token, None | Some(Token::End | Token::Sign(":")));
        let named = match (token(0), token(1)) {
            (Some(Token::Name(word)), Some(Token::Sign("-"))) => word == "log",
            (Some(Token::Name(_) | Token::Number(_)), next) => ends(next),
            (Some(Token::Sign("-")), Some(Token::Number(_))) => ends(token(2)),
            _ => false,
        };
        if named {
            return Ok(Beginning::Named(self.init()?));
        }
        if !matches!(token(0), Some(Token::Name(_) | Token::Number(_) | Token::Sign("-" | "("))) {
            return Err(self
                .unexpected("a number, a formula, or an initialiser such as `orthogonal` or `uniform:0.1`"));
        }
        let formula = self.expression(1)?;
        // `(1)` is 1: what prints the same parses the same.
        let text = match &formula.is {
            Expr::Number(_) => Some(formula.is.to_string()),
            Expr::Negative(a) if matches!(a.is, Expr::Number(_)) => Some(formula.is.to_string()),
            Expr::Name(name) if !name.contains('[') => Some(name.clone()),
            _ => None,
        };
        Ok(match text {
            Some(text) => Beginning::Named(At::new(text, formula.span)),
            None => Beginning::Formula(formula),
        })
    }

    /// The name of an initialiser, or a number.
    fn init(&mut self) -> Parsed<At<String>> {
        let start = self.span().start;
        let mut text = String::new();
        if matches!(self.token(), Some(Token::Name(_))) {
            text += self.text_of_token();
            if self.accept("-") {
                if !matches!(self.token(), Some(Token::Name(_))) {
                    return Err(self.unexpected("the rest of the initialiser's name"));
                }
                text = text + "-" + self.text_of_token();
            }
            while self.accept(":") {
                text += ":";
                text += &self.signed()?;
            }
        } else {
            text = self.signed()?;
        }
        Ok(At::new(text, start..self.before()))
    }

    /// A number as written, with its sign.
    fn signed(&mut self) -> Parsed<String> {
        let sign = if self.accept("-") { "-" } else { "" };
        match self.token() {
            Some(Token::Number(_)) => Ok(sign.to_owned() + self.text_of_token()),
            _ => Err(self.unexpected("a number")),
        }
    }

    /// The token's text; advances to the next token.
    fn text_of_token(&mut self) -> &str {
        let span = self.span();
        self.at += 1;
        &self.text[span]
    }

    pub(super) fn number(&mut self) -> Parsed<At<f64>> {
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
