//! Expressions: binary operators by binding power, matrix products, powers, calls.

use super::super::ast::{At, Expr, Function, Name, Operation, Range, reserved};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::hints;
use super::super::token::Token;
use super::{DEEPEST, LARGEST, LARGEST_OF_ALL, Parsed, Parser};

/// The time at which a sequence is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Time {
    /// A constant number of steps back.
    Back(usize),
    /// A number of steps back that depends on loop variables.
    By(At<Expr>),
}

/// The maximum lag.
const FARTHEST: f64 = 1000.0;

impl Parser<'_> {
    /// An expression whose operators bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<At<Expr>> {
        self.depth += 1;
        // The line's own expression is in no parentheses.
        if self.depth > DEEPEST + 1 {
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
        loop {
            if least <= Operation::Multiply.binding() && self.accept("⊗") {
                let right = self.expression(Operation::Multiply.binding() + 1)?;
                let span = left.span.start..right.span.end;
                left = At::new(Expr::Call(Function::Outer, vec![left, right]), span);
                continue;
            }
            let Some(operation) = self.operation().filter(|o| o.binding() >= least) else { break };
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

    /// A chain of factors: the last is the operand of the matrices before it, right to left.
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
        while matches!(self.token(), Some(Token::Name(_) | Token::Number(_) | Token::Sign("(")))
            && !matches!(self.token(), Some(Token::Name(word)) if word == "for")
        {
            if let Some(fault) = self.foreign_word() {
                return Err(fault);
            }
            chain.push(self.factor()?);
        }
        let mut factors = chain.into_iter().rev();
        let last = factors.next().ok_or_else(|| self.unexpected("an expression"))?;
        factors.try_fold(last, |right, left| {
            let span = left.span.start..right.span.end;
            match left.is {
                Expr::Name(name) if reserved(&name).is_none() => {
                    let name = At::new(name, left.span);
                    Ok(At::new(Expr::Product(name, Box::new(right)), span))
                }
                Expr::Sequence(ref name, _) | Expr::Lagged(ref name, _) if name != "x" => {
                    Ok(At::new(Expr::Times(Box::new(left), Box::new(right)), span))
                }
                Expr::Call(Function::Transpose, ref one) if one.len() == 1 => {
                    Ok(At::new(Expr::Times(Box::new(left), Box::new(right)), span))
                }
                _ => {
                    let between = self.text.get(left.span.end..right.span.start).unwrap_or_default();
                    let help = if between.contains('\n') {
                        "a line ends between the two: is a `)` missing before it, or a `=` behind it?"
                    } else {
                        "write `*` for the product element by element"
                    };
                    let message = "only a matrix stands before what it is multiplied by";
                    let fault = Diagnostic::new(message, left.span, "not the name of a parameter");
                    Err(Box::new(fault.and(right.span, "multiplied by this").help(help)))
                }
            }
        })
    }

    /// `if`, `and` and similar words between expressions.
    fn foreign_word(&self) -> Option<Box<Diagnostic>> {
        let Some(Token::Name(name)) = self.token() else { return None };
        let help = hints::word(name)?;
        let next = self.tokens.get(self.at + 1).map(|(token, _)| token);
        let is_use = matches!(next, Some(Token::Sign("[")));
        let fault = Diagnostic::new(
            format!("`{name}` is no word of the language"),
            self.span(),
            "between two expressions",
        );
        Some(Box::new(fault.help(help))).filter(|_| !is_use)
    }

    /// Refuses a line or a file that has grown too large.
    fn count(&mut self) -> Parsed<()> {
        self.all_factors += 1;
        let limits = [
            (self.factors, LARGEST, "an equation", "factors"),
            (self.terms, LARGEST, "an equation", "terms in its indices"),
            (self.all_factors, LARGEST_OF_ALL, "a cell", "factors"),
        ];
        if let Some((_, most, what, of)) = limits.into_iter().find(|(found, most, ..)| found > most) {
            let message = format!("{what} has at most {most} {of}");
            let fault = Diagnostic::new(message, self.span(), "one too many");
            return Err(Box::new(fault.help("give a part of it a name in an equation of its own")));
        }
        Ok(())
    }

    /// A number, a name, a sequence, a call or parentheses, with an optional power.
    fn factor(&mut self) -> Parsed<At<Expr>> {
        self.factors += 1;
        self.count()?;
        let mut base = self.primary()?;
        while self.accept("ᵀ") {
            let span = base.span.start..self.before();
            base = At::new(Expr::Call(Function::Transpose, vec![base]), span);
        }
        if !self.accept("^") {
            return Ok(base);
        }
        let named = match self.token() {
            Some(Token::Name(name)) => reserved(name).is_none(),
            token => token == Some(&Token::Sign("(")),
        };
        if named {
            let exponent = self.step()?;
            let span = base.span.start..exponent.span.end;
            return Ok(At::new(Expr::Raised(Box::new(base), Box::new(exponent)), span));
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

    pub(super) fn primary(&mut self) -> Parsed<At<Expr>> {
        let span = self.span();
        match self.token().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(At::new(Expr::Number(number), span))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let before = self.at.checked_sub(2).and_then(|i| self.tokens.get(i)).cloned();
                let inner = self.expression(0)?;
                if let (Some(","), Some((Token::Name(name), at))) = (self.sign(), before)
                    && reserved(&name).is_none()
                {
                    return Err(Box::new(hints::no_function(&name, at)));
                }
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
        let own = reserved(&name).is_none();
        let name = At::new(name, span);
        let Name { is: name, span } = if own { self.indices(name)? } else { name };
        if self.accept("[") {
            let time = self.time(&name)?;
            if reserved(&name).is_some_and(|_| name != "x") {
                let is = reserved(&name).unwrap_or_default();
                return Err(Box::new(Diagnostic::new(
                    format!("`{name}` is reserved"),
                    span,
                    format!("it is {is}"),
                )));
            }
            let is = match time {
                Time::Back(lag) => Expr::Sequence(name, lag),
                Time::By(lag) => Expr::Lagged(name, Box::new(lag)),
            };
            let sequence = At::new(is, span.start..self.before());
            if !self.accept("[") {
                return Ok(sequence);
            }
            let place = self.index(0)?;
            if self.sign() == Some(":") {
                let help = "name the parts: `a[t], b[t] = split(…)` are the equal parts of one vector";
                return Err(Box::new(self.unexpected("`]` behind the element").help(help)));
            }
            self.expect("]", "behind the element")?;
            return Ok(At::new(Expr::Part(Box::new(sequence), Box::new(place)), span.start..self.before()));
        }
        if let Some(function) = Function::by_name(&name) {
            let (mut arguments, range) = self.arguments(function.name(), &span)?;
            if let Some(range) = range {
                if !function.joins_turns() || arguments.len() != 1 {
                    let message = format!("`{}` does not join what a loop makes", function.name());
                    let fault = Diagnostic::new(message, range.variable.span, "a loop");
                    return Err(Box::new(
                        fault.help("sum, mean, min, max and concat do: `sum(a[j][t] for j = 1..4)`"),
                    ));
                }
                let over = Expr::Over(function, Box::new(arguments.remove(0)), Box::new(range));
                return Ok(At::new(over, span.start..self.before()));
            }
            return Ok(At::new(Expr::Call(function, arguments), span.start..self.before()));
        }
        if self.functions.contains(&name) {
            let (arguments, range) = self.arguments(&name, &span)?;
            if let Some(range) = range {
                let message = format!("`{name}` does not join what a loop makes");
                let fault = Diagnostic::new(message, range.variable.span, "a loop");
                return Err(Box::new(
                    fault.help("sum, mean, min, max and concat do: `sum(a[j][t] for j = 1..4)`"),
                ));
            }
            let whole = span.start..self.before();
            return Ok(At::new(Expr::Apply(At::new(name, span), arguments), whole));
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

    /// The arguments of the function whose name was read, and the range of a loop in them.
    fn arguments(&mut self, function: &str, span: &Span) -> Parsed<(Vec<At<Expr>>, Option<Range>)> {
        if !self.accept("(") {
            return Err(Box::new(
                Diagnostic::new(
                    format!("`{function}` is a function"),
                    span.clone(),
                    "expected `(` behind it",
                )
                .help(format!("write `{function}(…)`; a parameter needs another name")),
            ));
        }
        let mut arguments = vec![self.expression(0)?];
        while self.accept(",") {
            arguments.push(self.expression(0)?);
        }
        let range = if self.accept_name("for") { Some(self.range()?) } else { None };
        self.expect(")", &format!("to close `{function}(`"))?;
        Ok((arguments, range))
    }

    /// The indices after a name, `[j]`, but not a time: returns the name with them, as written.
    pub(super) fn indices(&mut self, mut name: Name) -> Parsed<Name> {
        while self.sign() == Some("[") && self.begins_index() {
            self.at += 1;
            let index = self.index(0)?;
            self.expect("]", "behind the index")?;
            name.is = format!("{}[{}]", name.is, index.is);
            name.span.end = self.before();
        }
        Ok(name)
    }

    /// Whether the bracket opens an index, not a time or an attempt at one.
    fn begins_index(&self) -> bool {
        let token = |k: usize| self.tokens.get(self.at + k).map(|(token, _)| token);
        match token(1) {
            Some(Token::Name(word)) => {
                reserved(word).is_none() && !matches!(token(2), Some(Token::Sign("[" | ",")))
            }
            Some(Token::Number(_) | Token::Sign("(")) => true,
            _ => false,
        }
    }

    /// A whole number of literals and loop variables, whose operators bind at least as tightly as `least`.
    pub(super) fn index(&mut self, least: u8) -> Parsed<At<Expr>> {
        let mut left = self.step()?;
        loop {
            let (operation, binding) = match self.sign() {
                Some("+") => (Some(Operation::Add), 1),
                Some("-") => (Some(Operation::Subtract), 1),
                Some("*") => (Some(Operation::Multiply), 2),
                Some("^") => (None, 3),
                _ => return Ok(left),
            };
            if binding < least {
                return Ok(left);
            }
            self.at += 1;
            let right = self.index(binding + 1)?;
            let span = left.span.start..right.span.end;
            let (a, b) = (Box::new(left), Box::new(right));
            let value = match operation {
                Some(operation) => Expr::Binary(operation, a, b),
                None => Expr::Raised(a, b),
            };
            left = At::new(value, span);
        }
    }

    /// A number, a name or parentheses in an index.
    fn step(&mut self) -> Parsed<At<Expr>> {
        let span = self.span();
        self.terms += 1;
        self.count()?;
        match self.token().cloned() {
            Some(Token::Number(number)) if number.fract() == 0.0 && (0.0..=FARTHEST).contains(&number) => {
                self.at += 1;
                Ok(At::new(Expr::Number(number), span))
            }
            Some(Token::Name(name)) if reserved(&name).is_none() => {
                self.at += 1;
                Ok(At::new(Expr::Name(name), span))
            }
            Some(Token::Sign("(")) if self.depth < DEEPEST => {
                self.at += 1;
                self.depth += 1;
                let inner = self.index(0)?;
                self.depth -= 1;
                self.expect(")", "to close the parenthesis")?;
                Ok(At::new(inner.is, span.start..self.before()))
            }
            _ => Err(self.unexpected(&format!(
                "a whole number from 0 to {FARTHEST}, or the name of a loop or a size"
            ))),
        }
    }

    /// `t]` or `t-k]`: the time at which `name` is read.
    pub(super) fn time(&mut self, name: &str) -> Parsed<Time> {
        let start = self.span().start;
        if !self.accept_name("t") {
            return Err(self.no_time(name, start));
        }
        if self.accept("]") {
            return Ok(Time::Back(0));
        }
        if !self.accept("-") {
            return Err(self.no_time(name, start));
        }
        if let Some(&Token::Number(lag)) = self.token()
            && (lag.fract() != 0.0 || !(0.0..=FARTHEST).contains(&lag))
        {
            return Err(Box::new(
                Diagnostic::new(
                    "a lag is a whole number of steps",
                    self.span(),
                    format!("expected 1 to {FARTHEST}"),
                )
                .help(format!("a value of this step is read as `{name}[t]`")),
            ));
        }
        if !matches!(self.token(), Some(Token::Number(_) | Token::Name(_) | Token::Sign("("))) {
            return Err(self.no_time(name, start));
        }
        let lag = self.index(2)?;
        if let Some(sign @ ("+" | "-")) = self.sign() {
            let fault = self.unexpected("`]` behind the time");
            return Err(Box::new(fault.help(format!("put the lag into parentheses: `[t-(j{sign}1)]`"))));
        }
        self.expect("]", "behind the time")?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 1 to 1000
        Ok(match lag.is {
            Expr::Number(steps) if steps > 0.0 => Time::Back(steps as usize),
            _ => Time::By(lag),
        })
    }

    /// The brackets hold no time; `[0]` is an attempt at the value before the first step.
    #[allow(clippy::unnecessary_box_returns)] // every error of the parser is boxed
    fn no_time(&self, name: &str, start: usize) -> Box<Diagnostic> {
        let span = start..self.span().end;
        let next = self.tokens.get(self.at + 1).map(|(token, _)| token);
        if let (Some(Token::Name(_)), Some(Token::Sign("[" | "," | "+" | "*"))) = (self.token(), next) {
            let fault =
                Diagnostic::new("brackets hold a time, and join nothing", span, "expected `t` or `t-1`");
            return Box::new(fault.help(format!(
                "write `{name} concat(x[t], h[t-1])`, or one matrix for each: `W x[t] + U h[t-1]`"
            )));
        }
        let fault =
            Diagnostic::new("a time is `t`, or `t-1` and further back", span, "expected `t` or `t-1`");
        Box::new(fault.help(match self.sign() {
            Some("+") => format!("a step knows no later one: write `{name}[t-1]`"),
            _ => "the value before the first step is read as `[t-1]` at step 1".into(),
        }))
    }
}
