//! Expressions: operations by their binding power, chains of matrices, powers, calls.

use super::super::ast::{At, Expr, Function, Operation, reserved};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::token::Token;
use super::{DEEPEST, LARGEST, Parsed, Parser};

/// Expressions.
impl Parser {
    /// An expression of operations that bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Parsed<At<Expr>> {
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
    pub(super) fn time(&mut self) -> Parsed<usize> {
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
