//! Expands calls of a file's functions: a call becomes the body with its arguments.
//!
//! `fn norm(a) = a / sqrt(mean(a^2))` is notation: the equation holds the body where `norm(U h[t-1])` is called. An
//! argument is one value of the graph however often the body reads it. A function calls only functions above it, so
//! recursion is impossible.

use super::ast::{At, Body, Expr, Function, Name};
use super::diagnostic::{Diagnostic, Span};
use super::loops::chain;
use super::names::{counted, walk};
use std::collections::HashMap;

/// The maximum nesting of calls: trees are walked by recursion.
const DEEPEST: usize = 1010;
/// The maximum number of terms after expansion: nested calls grow exponentially.
const LARGEST: usize = 20_000;

/// `fn name(arguments) = body`
#[derive(Debug)]
struct Defined {
    name: Name,
    arguments: Vec<Name>,
    body: Body,
    is_called: bool,
}

/// The functions of a file, in order.
#[derive(Debug, Default)]
pub(super) struct Functions {
    list: Vec<Defined>,
    /// The number of arguments so far.
    given: usize,
    /// The number of terms that calls have produced.
    terms: usize,
}

/// The values of the names in a body.
type Scope<'a> = HashMap<&'a str, Given>;

/// An argument, its number of terms and its depth.
struct Given {
    is: At<Expr>,
    terms: usize,
    depth: usize,
}

type Expanded = Result<At<Expr>, Box<Diagnostic>>;

impl Functions {
    /// Adds a function; returns its faults.
    pub fn define(&mut self, name: &Name, arguments: &[Name], body: &Body) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        for (i, argument) in arguments.iter().enumerate() {
            if let Some(first) = arguments[..i].iter().find(|a| a.is == argument.is) {
                let message = format!("`{}` has two arguments `{}`", name.is, argument.is);
                let fault = Diagnostic::new(message, argument.span.clone(), "here again");
                faults.push(fault.and(first.span.clone(), "first here"));
            } else if !body.expressions().any(|value| reads(value, &argument.is)) {
                let message = format!("nothing reads the argument `{}` of `{}`", argument.is, name.is);
                faults.push(
                    Diagnostic::new(message, argument.span.clone(), "not in the function")
                        .help("take it out, here and where the function is called"),
                );
            }
        }
        for (i, (value, _)) in body.values.iter().enumerate() {
            let earlier = arguments.iter().chain(body.values[..i].iter().map(|(name, _)| name));
            if let Some(first) = earlier.into_iter().find(|known| known.is == value.is) {
                let message = format!("`{}` has `{}` twice", name.is, value.is);
                let fault = Diagnostic::new(message, value.span.clone(), "here again");
                faults
                    .push(fault.and(first.span.clone(), "first here").help("give one of them another name"));
            } else if !body.expressions().skip(i + 1).any(|later| reads(later, &value.is)) {
                let message = format!("nothing below reads `{}` in `{}`", value.is, name.is);
                faults
                    .push(Diagnostic::new(message, value.span.clone(), "not read").help("take the line out"));
            }
        }
        let (arguments, body) = (arguments.to_vec(), body.clone());
        self.list.push(Defined { name: name.clone(), arguments, body, is_called: false });
        faults
    }

    /// The expression with every call expanded.
    ///
    /// # Errors
    /// A call of a function that is not defined above, or with a wrong number of arguments; a limit is exceeded.
    pub fn expand(&mut self, expr: &At<Expr>) -> Expanded {
        self.within(expr, &Scope::new(), self.list.len(), 0)
    }

    /// The names of functions that no equation calls.
    pub fn uncalled(&self) -> impl Iterator<Item = &Name> {
        self.list.iter().filter(|f| !f.is_called).map(|f| &f.name)
    }

    /// Expands an expression of a body, which may call the first `above` functions.
    fn within(&mut self, expr: &At<Expr>, scope: &Scope, above: usize, depth: usize) -> Expanded {
        let given = if let Expr::Name(name) = &expr.is { scope.get(name.as_str()) } else { None };
        let (terms, deeper) = given.map_or((1, 0), |given| (given.terms, given.depth));
        if !scope.is_empty() {
            self.terms += terms;
        }
        if depth + deeper > DEEPEST || self.terms > LARGEST {
            let message = format!("calls of functions make more than {LARGEST} terms, or nest too deep");
            return Err(Box::new(
                Diagnostic::new(message, expr.span.clone(), "one too many")
                    .help("give what is called often a name in an equation of its own"),
            ));
        }
        if let Some(given) = given {
            return Ok(given.is.clone());
        }
        if let Expr::Binary(..) = expr.is {
            return chain(expr, |a| self.within(a, scope, above, depth + 1));
        }
        let mut of = |a: &At<Expr>| self.within(a, scope, above, depth + 1);
        let is = match &expr.is {
            Expr::Sequence(name, _) if scope.contains_key(name.as_str()) => {
                return Err(Box::new(
                    Diagnostic::new(
                        format!("the argument `{name}` has no time of its own"),
                        expr.span.clone(),
                        "an argument",
                    )
                    .help(format!("write `{name}`; the time stands where the function is called")),
                ));
            }
            Expr::Product(matrix, right) => match scope.get(matrix.is.as_str()).map(|given| &given.is) {
                Some(left) if matches!(left.is, Expr::Sequence(..) | Expr::Call(Function::Transpose, _)) => {
                    Expr::Times(Box::new(left.clone()), Box::new(of(right)?))
                }
                _ => Expr::Product(named(matrix, scope)?, Box::new(of(right)?)),
            },
            Expr::Times(a, b) => Expr::Times(Box::new(of(a)?), Box::new(of(b)?)),
            Expr::Element(a, place, size) => Expr::Element(Box::new(of(a)?), *place, *size),
            Expr::Negative(a) => Expr::Negative(Box::new(of(a)?)),
            Expr::Power(a, n) => Expr::Power(Box::new(of(a)?), *n),
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(of).collect::<Result<_, _>>()?)
            }
            Expr::Apply(name, arguments) => {
                let arguments = arguments.iter().map(of).collect::<Result<_, _>>()?;
                let mut results = self.call(name, arguments, &expr.span, above, depth)?;
                if results.len() > 1 {
                    let message = format!("`{}` has {} results", name.is, results.len());
                    let fault = Diagnostic::new(message, expr.span.clone(), "one value is wanted");
                    let names =
                        (1..=results.len()).map(|i| format!("a_{i}[t]")).collect::<Vec<_>>().join(", ");
                    let help =
                        format!("give them names in an equation of their own: `{names} = {}(…)`", name.is);
                    return Err(Box::new(fault.help(help)));
                }
                results.remove(0)
            }
            other => other.clone(),
        };
        Ok(At::new(is, expr.span.clone()))
    }

    /// The results of a top-level call, one for each name on the left.
    ///
    /// # Errors
    /// As [`Functions::expand`]; the function has a different number of results.
    pub fn results(&mut self, call: &At<Expr>, wanted: usize) -> Result<Vec<At<Expr>>, Box<Diagnostic>> {
        let Expr::Apply(name, arguments) = &call.is else { return Ok(Vec::new()) };
        let arguments = arguments.iter().map(|a| self.expand(a)).collect::<Result<_, _>>()?;
        let results = self.call(name, arguments, &call.span, self.list.len(), 0)?;
        if results.len() != wanted {
            let message = format!("`{}` has {}", name.is, counted(results.len(), "result"));
            let fault =
                Diagnostic::new(message, call.span.clone(), format!("given to {}", counted(wanted, "name")));
            return Err(Box::new(fault.help("write one name for each result: `c[t], h[t] = …`")));
        }
        Ok(results.into_iter().map(|result| At::new(result, call.span.clone())).collect())
    }

    /// The results of a function for its arguments.
    fn call(
        &mut self,
        name: &Name,
        arguments: Vec<At<Expr>>,
        call: &Span,
        above: usize,
        depth: usize,
    ) -> Result<Vec<Expr>, Box<Diagnostic>> {
        let Some(i) = self.list.iter().position(|f| f.name.is == name.is) else {
            let fault =
                Diagnostic::new(format!("there is no function `{}`", name.is), name.span.clone(), "unknown");
            return Err(Box::new(fault));
        };
        let function = &mut self.list[i];
        let at = function.name.span.clone();
        if i >= above {
            let fault = if i == above {
                Diagnostic::new(format!("`{}` calls itself", name.is), name.span.clone(), "called here")
                    .help("a function is notation for an expression; what repeats is written as a sequence")
            } else {
                let message = format!("`{}` is called above its definition", name.is);
                Diagnostic::new(message, name.span.clone(), "called in a function here")
                    .help("put the called function first")
            };
            return Err(Box::new(fault.and(at, "defined here")));
        }
        if arguments.len() != function.arguments.len() {
            let (takes, found) = (function.arguments.len(), arguments.len());
            let message = format!("`{}` takes {}", name.is, counted(takes, "argument"));
            let fault = Diagnostic::new(message, call.clone(), format!("{found} given"));
            return Err(Box::new(fault.and(at, "defined here")));
        }
        function.is_called = true;
        let (names, body) = (function.arguments.clone(), function.body.clone());
        let mut scope = Scope::new();
        for (name, argument) in names.iter().zip(arguments) {
            scope.insert(&name.is, self.given(argument));
        }
        for (name, value) in &body.values {
            let value = self.within(value, &scope, i, depth + 1)?;
            scope.insert(&name.is, self.given(value));
        }
        let results = body.results.iter().map(|result| self.within(result, &scope, i, depth + 1));
        results.map(|result| Ok(Expr::Body(Box::new(result?)))).collect()
    }

    /// Numbers a value that a body reads by name, so that it is computed once.
    fn given(&mut self, value: At<Expr>) -> Given {
        let (terms, depth) = extent(&value);
        let is = match value.is {
            Expr::Number(_) | Expr::Name(_) | Expr::Sequence(..) | Expr::Step | Expr::Argument(..) => value,
            _ => {
                self.given += 1;
                At::new(Expr::Argument(self.given, Box::new(value.clone())), value.span)
            }
        };
        Given { is, terms, depth }
    }
}

/// The matrix of a product in a body: an argument there must be the name of a matrix.
fn named(matrix: &Name, scope: &Scope) -> Result<Name, Box<Diagnostic>> {
    let Some(given) = scope.get(matrix.is.as_str()) else { return Ok(matrix.clone()) };
    if let Expr::Name(name) = &given.is.is {
        return Ok(At::new(name.clone(), given.is.span.clone()));
    }
    Err(Box::new(
        Diagnostic::new(
            format!("the argument `{}` is a matrix, and is not given one", matrix.is),
            given.is.span.clone(),
            "not the name of a parameter",
        )
        .and(matrix.span.clone(), "stands before what it is multiplied by"),
    ))
}

/// The number of terms of an expression, and its depth.
fn extent(expr: &At<Expr>) -> (usize, usize) {
    let of = |parts: &[At<Expr>]| {
        parts.iter().map(extent).fold((1, 1), |(terms, depth), (t, d)| (terms + t, depth.max(d + 1)))
    };
    match &expr.is {
        Expr::Product(_, a)
        | Expr::Negative(a)
        | Expr::Power(a, _)
        | Expr::Body(a)
        | Expr::Argument(_, a)
        | Expr::Element(a, ..)
        | Expr::Portion(a, ..)
        | Expr::Over(_, a, _) => of(std::slice::from_ref(a)),
        Expr::Binary(_, a, b) | Expr::Times(a, b) | Expr::Part(a, b) | Expr::Raised(a, b) => {
            let ((m, c), (n, d)) = (extent(a), extent(b));
            (1 + m + n, 1 + c.max(d))
        }
        Expr::Call(_, arguments) | Expr::Apply(_, arguments) => of(arguments),
        Expr::Number(_) | Expr::Name(_) | Expr::Sequence(..) | Expr::Lagged(..) | Expr::Step => (1, 1),
    }
}

/// Whether an expression reads the step number.
pub(super) fn reads_step(expr: &At<Expr>) -> bool {
    let mut found = false;
    walk(expr, &mut |e| found |= e.is == Expr::Step);
    found
}

/// Whether an expression reads a bare name, as a value or as a matrix.
pub(super) fn reads(expr: &At<Expr>, name: &str) -> bool {
    let mut found = false;
    walk(expr, &mut |e| match &e.is {
        Expr::Name(read) | Expr::Sequence(read, _) => found |= read == name,
        Expr::Product(matrix, _) => found |= matrix.is == name,
        _ => {}
    });
    found
}
