//! Unrolls loops: `for j = 1..4 … end` becomes its lines four times, and `W[j]` becomes `W_1` to `W_4`.
//!
//! Later passes see neither loops nor indices. Until here an indexed name is kept as written, so that a file prints
//! as it was read. Spans of unrolled lines are those of the original lines.

use super::ast::{At, Beginning, Body, Expr, Function, Item, Name, Operation, Range};
use super::diagnostic::{Diagnostic, Span};
use super::names::walk;
use super::parser::brackets;
use std::collections::HashMap;

/// The maximum number of iterations of a loop.
const TURNS: i64 = 1000;
/// The maximum number of lines, and of terms, after unrolling.
const LINES: usize = 4000;
const TERMS: usize = 100_000;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// The items of a file without loops and indices, and the faults found.
pub(super) fn unrolled(items: &[Item]) -> (Vec<Item>, Vec<Diagnostic>) {
    let mut loops = Loops { made: names(items), ..Loops::default() };
    for item in items {
        if let Err(fault) = loops.item(item) {
            loops.faults.push(*fault);
        }
    }
    (loops.out, loops.faults)
}

#[derive(Default)]
struct Loops {
    /// The variables of the enclosing loops, with their values.
    variables: Vec<(String, i64)>,
    /// The sizes that are plain numbers.
    sizes: HashMap<String, i64>,
    /// The sequences of the file, as written.
    made: Vec<String>,
    terms: usize,
    /// The local names of a function: neither sizes nor loop variables.
    own: Vec<String>,
    /// Whether the current value is a formula: its powers may depend on the element.
    in_formula: bool,
    out: Vec<Item>,
    faults: Vec<Diagnostic>,
}

/// The span of an item.
fn place(item: &Item) -> Span {
    match item {
        Item::Equation(name, _)
        | Item::Size(name, _)
        | Item::Param(name, _)
        | Item::State(name, _)
        | Item::Const(name, _)
        | Item::Output(name)
        | Item::Pack(name, _)
        | Item::Let(name, _)
        | Item::Function(name, ..) => name.span.clone(),
        Item::Require(a, _) | Item::Start(_, a) => a.span.clone(),
        Item::Init(names, _) | Item::Fixed(names, ..) => names.first().map_or(0..0, |name| name.span.clone()),
        Item::Restarts(line) => line.span.clone(),
        Item::Use(cell) => cell.span.clone(),
        Item::For(range, _) => range.variable.span.clone(),
        Item::Split(names, value) | Item::Results(names, value) => {
            names.first().map_or(value.span.clone(), |name| name.span.clone())
        }
    }
}

/// The names on the left of all equations.
fn names(items: &[Item]) -> Vec<String> {
    let name = |item: &Item| match item {
        Item::Equation(name, _) => vec![name.is.clone()],
        Item::Split(names, _) | Item::Results(names, _) => names.iter().map(|name| name.is.clone()).collect(),
        Item::For(_, items) => names(items),
        _ => Vec::new(),
    };
    items.iter().flat_map(name).collect()
}

impl Loops {
    fn item(&mut self, item: &Item) -> Result<()> {
        if let (Some((variable, _)), true) =
            (self.variables.last(), self.out.len() > LINES || self.terms > TERMS)
        {
            let message = format!("loops make more than {LINES} lines or {TERMS} terms");
            let (span, label) = (place(item), format!("here, in the loop over `{variable}`"));
            return Err(Box::new(Diagnostic::new(message, span, label).help("let it turn less often")));
        }
        let made = match item {
            Item::For(range, items) => return self.turns(range, items),
            Item::Equation(name, value) => Item::Equation(self.made(name)?, self.value(value)?),
            Item::Split(names, value) => {
                let names = names.iter().map(|name| self.made(name)).collect::<Result<_>>()?;
                Item::Split(names, self.value(value)?)
            }
            Item::Size(name, size) => {
                let (name, size) = (self.name(name)?, self.value(size)?);
                if let Ok(number) = self.number(&size) {
                    self.sizes.insert(name.is.clone(), number);
                }
                Item::Size(name, size)
            }
            Item::Const(name, value) => Item::Const(self.name(name)?, self.value(value)?),
            Item::Let(name, value) => Item::Let(self.name(name)?, self.value(value)?),
            Item::Param(name, form) => Item::Param(self.name(name)?, form.clone()),
            Item::State(name, form) => Item::State(self.name(name)?, form.clone()),
            Item::Init(names, Beginning::Named(init)) => {
                Item::Init(self.names(names)?, Beginning::Named(init.clone()))
            }
            Item::Init(names, Beginning::Formula(formula)) => {
                Item::Init(self.names(names)?, Beginning::Formula(self.formula(formula)?))
            }
            Item::Fixed(names, form, formula) => {
                Item::Fixed(self.names(names)?, form.clone(), self.formula(formula)?)
            }
            Item::Start(names, value) => Item::Start(self.names(names)?, self.value(value)?),
            Item::Output(name) => Item::Output(self.name(name)?),
            Item::Pack(name, parts) => Item::Pack(self.name(name)?, self.names(parts)?),
            Item::Function(name, arguments, body) => {
                self.own = arguments
                    .iter()
                    .chain(body.values.iter().map(|(name, _)| name))
                    .map(|a| a.is.clone())
                    .collect();
                let values = body.values.iter().map(|(name, value)| Ok((name.clone(), self.value(value)?)));
                let values = values.collect::<Result<_>>()?;
                let results = body.results.iter().map(|result| self.value(result)).collect::<Result<_>>()?;
                self.own.clear();
                Item::Function(name.clone(), arguments.clone(), Body { values, results })
            }
            Item::Results(names, call) => {
                let names = names.iter().map(|name| self.made(name)).collect::<Result<_>>()?;
                Item::Results(names, self.value(call)?)
            }
            Item::Require(..) | Item::Restarts(_) | Item::Use(_) => item.clone(),
        };
        self.out.push(made);
        Ok(())
    }

    fn turns(&mut self, range: &Range, items: &[Item]) -> Result<()> {
        if items.is_empty() {
            let span = range.variable.span.clone();
            let fault = Diagnostic::new("the loop repeats nothing", span, "it begins here");
            return Err(Box::new(fault.help("write lines between `for` and `end`, or leave the loop out")));
        }
        for turn in self.range(range)? {
            self.variables.push((range.variable.is.clone(), turn));
            let done = items.iter().try_for_each(|item| self.item(item));
            self.variables.pop();
            done?;
        }
        Ok(())
    }

    /// The range of a loop variable.
    fn range(&self, range: &Range) -> Result<std::ops::RangeInclusive<i64>> {
        let Name { is: variable, span } = &range.variable;
        if self.variables.iter().any(|(known, _)| known == variable) {
            let fault =
                Diagnostic::new(format!("`{variable}` turns already"), span.clone(), "in a loop around");
            return Err(Box::new(fault.help("give it another name")));
        }
        let (from, to) = (self.number(&range.from)?, self.number(&range.to)?);
        if to - from >= TURNS {
            let fault = Diagnostic::new(
                format!("a loop turns at most {TURNS} times"),
                range.to.span.clone(),
                "too far",
            );
            return Err(Box::new(fault));
        }
        if to < from {
            let message = format!("a loop from {from} to {to} never turns");
            return Err(Box::new(Diagnostic::new(message, range.to.span.clone(), "below the first")));
        }
        Ok(from..=to)
    }

    /// A name on the left of an equation; a loop defines it in each iteration, so it needs an index.
    fn made(&self, name: &Name) -> Result<Name> {
        if let (Some((variable, _)), false) = (self.variables.last(), name.is.contains('[')) {
            let message = format!("`{}` is made at every turn of the loop", name.is);
            let fault = Diagnostic::new(message, name.span.clone(), "without an index");
            return Err(Box::new(fault.help(format!("write `{}[{variable}][t]`", name.is))));
        }
        self.name(name)
    }

    fn names(&self, names: &[Name]) -> Result<Vec<Name>> {
        names.iter().map(|name| self.name(name)).collect()
    }

    /// Resolves `W[j+1]` to `W_2`.
    fn name(&self, name: &Name) -> Result<Name> {
        Ok(At::new(self.indexed(&name.is, &name.span)?, name.span.clone()))
    }

    fn indexed(&self, name: &str, span: &Span) -> Result<String> {
        let Some((base, indices)) = brackets(name) else { return Ok(name.into()) };
        let mut out = base.to_string();
        for index in indices {
            let number = self.number(&At::new(index, span.clone()))?;
            if number < 0 {
                let message = format!("the index of `{name}` is {number}");
                return Err(Box::new(Diagnostic::new(message, span.clone(), "below 0")));
            }
            out = format!("{out}_{number}");
        }
        Ok(out)
    }

    /// Evaluates a whole number of literals, sizes and loop variables.
    fn number(&self, expr: &At<Expr>) -> Result<i64> {
        let wrong = |message: String| {
            Box::new(Diagnostic::new(message, expr.span.clone(), "not a whole number here"))
        };
        let of = |a: &At<Expr>| self.number(&At::new(a.is.clone(), expr.span.clone()));
        #[allow(clippy::cast_possible_truncation)] // it is whole and below 10⁹
        let number = match &expr.is {
            Expr::Number(n) if n.fract() == 0.0 && n.abs() < 1e9 => Some(*n as i64),
            Expr::Name(name) => {
                let known = self.known(name);
                if known.is_none() {
                    let fault = wrong(format!("there is no number `{name}`"));
                    return Err(Box::new(
                        fault.help(format!("`for {name} = 1..4` gives one, and a line `size {name} = 4`")),
                    ));
                }
                known
            }
            Expr::Binary(operation, a, b) => {
                let (a, b) = (of(a)?, of(b)?);
                match operation {
                    Operation::Add => a.checked_add(b),
                    Operation::Subtract => a.checked_sub(b),
                    Operation::Multiply => a.checked_mul(b),
                    Operation::Divide if b != 0 && a % b == 0 => Some(a / b),
                    _ => None,
                }
            }
            Expr::Negative(a) => of(a)?.checked_neg(),
            Expr::Power(a, n) => u32::try_from(*n).ok().and_then(|n| of(a).ok()?.checked_pow(n)),
            Expr::Raised(a, n) => u32::try_from(of(n)?).ok().and_then(|n| of(a).ok()?.checked_pow(n)),
            _ => None,
        };
        number
            .filter(|n| n.abs() < 1_000_000_000)
            .ok_or_else(|| wrong(format!("`{}` is no whole number", expr.is)))
    }

    fn known(&self, name: &str) -> Option<i64> {
        let variable = self.variables.iter().rev().find(|(known, _)| known == name);
        variable.map(|(_, value)| *value).or_else(|| self.sizes.get(name).copied())
    }

    /// An expression without loops and indices.
    #[allow(clippy::cast_precision_loss)] // below 10⁹
    fn value(&mut self, expr: &At<Expr>) -> Result<At<Expr>> {
        self.terms += 1;
        if self.variables.is_empty() && self.is_plain(expr) {
            return Ok(expr.clone());
        }
        if let Expr::Binary(..) = expr.is {
            return chain(expr, |a| self.value(a));
        }
        let of = |loops: &mut Self, a: &At<Expr>| loops.value(a).map(Box::new);
        let is = match &expr.is {
            Expr::Number(_) | Expr::Step => expr.is.clone(),
            Expr::Name(name) => match self.known(name).filter(|_| !self.own.contains(name)) {
                Some(value) => Expr::Number(value as f64),
                None => Expr::Name(self.parameter(name, &expr.span)?),
            },
            Expr::Sequence(name, lag) => Expr::Sequence(self.indexed(name, &expr.span)?, *lag),
            Expr::Lagged(name, lag) => {
                let steps = self.number(lag)?;
                let Some(steps) = usize::try_from(steps).ok().filter(|steps| *steps <= 1000) else {
                    let message = format!("`{name}` is read {steps} steps back");
                    let fault = Diagnostic::new(message, lag.span.clone(), "a lag is 0 to 1000");
                    return Err(Box::new(fault));
                };
                Expr::Sequence(self.indexed(name, &expr.span)?, steps)
            }
            Expr::Product(matrix, right) => Expr::Product(self.name(matrix)?, of(self, right)?),
            Expr::Times(left, right) => Expr::Times(of(self, left)?, of(self, right)?),
            Expr::Negative(a) => Expr::Negative(of(self, a)?),
            Expr::Power(a, n) => Expr::Power(of(self, a)?, *n),
            Expr::Raised(a, n) if self.in_formula => Expr::Raised(of(self, a)?, of(self, n)?),
            Expr::Raised(a, n) => {
                let power = self.number(n)?;
                let fits = i32::try_from(power).ok().filter(|n| n.abs() <= 1000);
                let Some(power) = fits else {
                    let fault = Diagnostic::new(format!("a power of {power}"), n.span.clone(), "beyond 1000");
                    return Err(Box::new(fault));
                };
                Expr::Power(of(self, a)?, power)
            }
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(|a| self.value(a)).collect::<Result<_>>()?)
            }
            Expr::Apply(name, arguments) => {
                Expr::Apply(name.clone(), arguments.iter().map(|a| self.value(a)).collect::<Result<_>>()?)
            }
            Expr::Over(function, body, range) => return self.over(*function, body, range, &expr.span),
            Expr::Part(of_what, index) => {
                let place = self.number(index)?;
                let Some(place) = usize::try_from(place).ok().filter(|place| *place > 0) else {
                    let fault = Diagnostic::new(
                        format!("there is no element {place}"),
                        index.span.clone(),
                        "below 1",
                    );
                    return Err(Box::new(fault.help("elements are counted from 1")));
                };
                Expr::Element(of(self, of_what)?, place, None)
            }
            Expr::Binary(..) | Expr::Element(..) | Expr::Portion(..) | Expr::Body(_) | Expr::Argument(..) => {
                expr.is.clone()
            }
        };
        Ok(At::new(is, expr.span.clone()))
    }

    fn formula(&mut self, formula: &At<Expr>) -> Result<At<Expr>> {
        self.in_formula = true;
        let value = self.value(formula);
        self.in_formula = false;
        value
    }

    /// Whether an expression has no loops, indices or sizes.
    fn is_plain(&self, expr: &At<Expr>) -> bool {
        let mut plain = true;
        walk(expr, &mut |e| {
            plain &= match &e.is {
                Expr::Lagged(..) | Expr::Part(..) | Expr::Raised(..) | Expr::Over(..) => false,
                Expr::Name(name) => !name.contains('[') && !self.sizes.contains_key(name),
                Expr::Sequence(name, _) => !name.contains('['),
                Expr::Product(matrix, _) => !matrix.is.contains('['),
                _ => true,
            };
        });
        plain
    }

    /// A bare name; the index of a sequence comes after its time.
    fn parameter(&self, name: &str, span: &Span) -> Result<String> {
        if let Some((base, _)) = brackets(name)
            && self.made.iter().any(|made| made == base)
        {
            let index = &name[base.len()..];
            if index == "[0]" {
                let help = format!(
                    "it is read as `{base}[t-1]` at step 1; to keep it, write \
                     `{base}_0[t] = where(t == 1, {base}[t-1], {base}_0[t-1])` and read `{base}_0[t]`"
                );
                let message = format!("the initial state `{base}[0]` is not read by its number");
                return Err(Box::new(
                    Diagnostic::new(message, span.clone(), "expected `t` or `t-1`").help(help),
                ));
            }
            let fault = Diagnostic::new(format!("`{base}` has no time here"), span.clone(), "a sequence");
            return Err(Box::new(
                fault.help(format!("an element is written behind the time: `{base}[t]{index}`")),
            ));
        }
        self.indexed(name, span)
    }

    /// `sum(a for j = 1..4)` as `(a₁ + a₂) + (a₃ + a₄)`.
    fn over(&mut self, function: Function, body: &At<Expr>, range: &Range, span: &Span) -> Result<At<Expr>> {
        let mut parts = Vec::new();
        for turn in self.range(range)? {
            self.variables.push((range.variable.is.clone(), turn));
            let part = self.value(body);
            self.variables.pop();
            parts.push(part?);
            if self.terms > TERMS {
                let fault =
                    Diagnostic::new(format!("loops make more than {TERMS} terms"), span.clone(), "this loop");
                return Err(Box::new(fault.help("let it turn less often")));
            }
        }
        let count = parts.len() as f64;
        let at = |is| At::new(is, span.clone());
        let two = |operation| move |a, b| Expr::Binary(operation, Box::new(a), Box::new(b));
        Ok(match function {
            Function::Concat => at(Expr::Call(Function::Concat, parts)),
            Function::Sum => balanced(parts, span, &two(Operation::Add)),
            Function::Mean => {
                let sum = balanced(parts, span, &two(Operation::Add));
                at(Expr::Binary(Operation::Divide, Box::new(sum), Box::new(at(Expr::Number(count)))))
            }
            other => balanced(parts, span, &|a, b| Expr::Call(other, vec![a, b])),
        })
    }
}

/// A chain of operations, `a + b + …`, walked from its first operand: recursion does not grow with its length.
pub(super) fn chain(expr: &At<Expr>, mut of: impl FnMut(&At<Expr>) -> Result<At<Expr>>) -> Result<At<Expr>> {
    let (mut first, mut rest) = (expr, Vec::new());
    while let Expr::Binary(operation, a, b) = &first.is {
        rest.push((*operation, &**b, &first.span));
        first = a;
    }
    let mut left = of(first)?;
    for (operation, b, span) in rest.into_iter().rev() {
        left = At::new(Expr::Binary(operation, Box::new(left), Box::new(of(b)?)), span.clone());
    }
    Ok(left)
}

/// Joins all parts pairwise, so that the tree has logarithmic depth.
pub(super) fn balanced(
    mut parts: Vec<At<Expr>>,
    span: &Span,
    join: &dyn Fn(At<Expr>, At<Expr>) -> Expr,
) -> At<Expr> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let right = parts.split_off(parts.len().div_ceil(2));
    At::new(join(balanced(parts, span, join), balanced(right, span, join)), span.clone())
}
