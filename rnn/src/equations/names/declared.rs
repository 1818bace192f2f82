//! The declarations of a file, and faults in them.

use super::super::ast::{At, Beginning as Written, Expr, File, Item, Name};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::expand::Functions;
use super::super::loops::unrolled;
use super::super::size::Size;
use super::{Beginning, Names};
use crate::init::{self, Init, InitError};
use autograd::nearest;
use std::collections::HashMap;

/// Declarations.
impl Names {
    /// Every definition of a name, which must be unique.
    #[allow(clippy::too_many_lines)] // one arm for each kind of line
    pub(super) fn declarations(&mut self, file: &File) {
        let mut given: HashMap<String, Span> = HashMap::new();
        let mut functions = Functions::default();
        let mut inits = Vec::new();
        let mut calls = HashMap::new();
        let (items, faults) = unrolled(&file.items);
        if !faults.is_empty() {
            return self.faults = faults;
        }
        let items = match super::super::used::written_out(items) {
            Ok(items) => items,
            Err(faults) => return self.faults = faults,
        };
        self.items.clone_from(&items);
        for item in &items {
            let own = match item {
                Item::Equation(name, _)
                | Item::Size(name, _)
                | Item::Const(name, _)
                | Item::Pack(name, _)
                | Item::Let(name, _)
                | Item::Function(name, ..) => Some(name),
                _ => None,
            };
            // A size is used in declarations and indices alone, so keys can be `k[t]` of size `k`.
            let kind = if matches!(item, Item::Size(..)) { "size " } else { "" };
            if let Some(name) = own
                && let Some(first) = given.insert(format!("{kind}{}", name.is), name.span.clone())
            {
                self.fault(
                    Diagnostic::new(
                        format!("`{}` is defined twice", name.is),
                        name.span.clone(),
                        "here again",
                    )
                    .and(first, "first here"),
                );
                continue;
            }
            match item {
                Item::Equation(name, value) => self.equations.push((name.clone(), value.clone())),
                Item::Const(name, value) => {
                    if let Some(number) = self.constant(value) {
                        self.constants.insert(name.is.clone(), At::new(number, value.span.clone()));
                    }
                }
                Item::Start(states, value) => {
                    let Some(number) = self.constant(value) else { continue };
                    for name in states {
                        let entry = (number, name.span.clone());
                        if let Some((_, first)) = self.starts.insert(name.is.clone(), entry) {
                            let message = format!("`{}` starts in two ways", name.is);
                            let fault = Diagnostic::new(message, name.span.clone(), "here again");
                            self.fault(fault.and(first, "first here"));
                        }
                    }
                }
                Item::Split(names, value) => self.split(names, value),
                Item::Results(names, call) => {
                    for name in names {
                        calls.insert(name.is.clone(), (call.clone(), names.len()));
                        self.equations.push((name.clone(), call.clone()));
                    }
                }
                Item::Let(name, value) => self.lets.push((name.clone(), value.clone())),
                Item::Pack(name, parts) => self.packs.push((name.clone(), parts.clone())),
                Item::Size(name, size) => {
                    if let Some(size) = self.size(size) {
                        self.sizes.insert(name.is.clone(), size);
                    }
                }
                Item::Param(name, form) | Item::State(name, form) => {
                    let entry = (form.clone(), name.span.clone());
                    if let Some((_, first)) = self.declared.insert(name.is.clone(), entry) {
                        self.fault(
                            Diagnostic::new(
                                format!("`{}` is declared twice", name.is),
                                name.span.clone(),
                                "here again",
                            )
                            .and(first, "first here"),
                        );
                    }
                }
                Item::Init(names, Written::Formula(formula)) => {
                    let beginning = Beginning::Formula(formula.clone());
                    inits.extend(names.iter().map(|name| (name.clone(), beginning.clone())));
                }
                Item::Fixed(names, form, formula) => {
                    for name in names {
                        self.fix(name, form.as_ref(), formula);
                    }
                }
                Item::Init(names, Written::Named(text)) => match beginning(&text.is) {
                    Ok(init) => {
                        inits.extend(names.iter().map(|name| (name.clone(), Beginning::Init(init))));
                    }
                    Err(_) if self.is_of_formulas(&text.is) => {
                        let formula = At::new(Expr::Name(text.is.clone()), text.span.clone());
                        let beginning = Beginning::Formula(formula);
                        inits.extend(names.iter().map(|name| (name.clone(), beginning.clone())));
                    }
                    Err(_) => self.fault(
                        Diagnostic::new(
                            format!("there is no initialiser `{}`", text.is),
                            text.span.clone(),
                            "how a parameter begins",
                        )
                        .help(format!("write a number, or one of {}", init::FORMS)),
                    ),
                },
                Item::Function(name, arguments, body) => {
                    functions.define(name, arguments, body).into_iter().for_each(|fault| self.fault(fault));
                }
                Item::Require(left, right) => {
                    self.require(left, right);
                }
                Item::Restarts(line) => {
                    if let Some(first) = self.restarts.replace(line.span.clone()) {
                        let fault = Diagnostic::new(
                            "the clock restarts, as was said",
                            line.span.clone(),
                            "here again",
                        );
                        self.fault(fault.and(first, "first here"));
                    }
                }
                // Loops and cells are expanded by now; the output is resolved once all sequences are known.
                Item::For(..) | Item::Use(_) | Item::Output(_) => {}
            }
        }
        self.beginnings(inits);
        self.formulas();
        self.expand(functions, &calls);
        self.lower_matrices();
        self.packs_of_parameters();
        if self.equations.is_empty() {
            let name = &file.name;
            self.fault(
                Diagnostic::new(
                    format!("the cell `{}` has no equation", name.is),
                    name.span.clone(),
                    "nothing is computed",
                )
                .help("write one, such as `h[t] = tanh(W x[t] + U h[t-1] + b)`"),
            );
        }
    }

    /// Defines a sequence for the whole vector, and each name as a part of it.
    fn split(&mut self, names: &[Name], value: &At<Expr>) {
        let all: Vec<&str> = names.iter().map(|name| name.is.as_str()).collect();
        let whole = At::new(all.join("_"), names[0].span.clone());
        self.wholes.insert(whole.is.clone(), names.len());
        for (i, name) in names.iter().enumerate() {
            let of = At::new(Expr::Sequence(whole.is.clone(), 0), value.span.clone());
            let part = At::new(Expr::Portion(Box::new(of), i, names.len()), value.span.clone());
            if i == 0 {
                self.equations.push((whole.clone(), value.clone()));
            }
            self.equations.push((name.clone(), part));
        }
    }

    /// Evaluates a constant expression, as in `1 / 6` or `sqrt(3)`.
    fn constant(&mut self, expr: &At<Expr>) -> Option<f64> {
        let value = number(expr);
        if value.is_none() {
            let fault = Diagnostic::new("this is no number", expr.span.clone(), "cannot be worked out");
            let help = "a number is made of numbers, `pi` and functions of them, as in `1 / 6` or `sqrt(3)`";
            self.fault(fault.help(help));
        }
        value
    }

    fn require(&mut self, left: &At<Expr>, right: &At<Expr>) {
        let (Some(a), Some(b)) = (self.size(left), self.size(right)) else { return };
        let sides = [Size::INPUT, Size::HIDDEN];
        if a != b && sides.contains(&a) && sides.contains(&b) {
            self.joined = true;
            return;
        }
        let span = left.span.start..right.span.end;
        let message = "only `input` and `hidden` can be required to be equal";
        self.fault(Diagnostic::new(message, span, "not these two").help("write `require input = hidden`"));
    }

    /// Expands every call of the file's functions in the equations.
    fn expand(&mut self, mut functions: Functions, calls: &HashMap<String, (At<Expr>, usize)>) {
        let mut all = true;
        for (name, value) in std::mem::take(&mut self.lets) {
            match functions.expand(&value) {
                Ok(value) => self.lets.push((name, value)),
                Err(fault) => {
                    self.fault(*fault);
                    all = false;
                }
            }
        }
        for i in 0..self.lets.len() {
            if let Some(fault) = self.not_of_parameters(&self.lets[i].1, i) {
                self.fault(fault);
            }
        }
        let mut results = std::collections::VecDeque::new();
        for (name, value) in std::mem::take(&mut self.equations) {
            let of_several = calls.get(&name.is).filter(|(call, _)| *call == value);
            let expanded = match of_several {
                // The results of one call are adjacent and share subexpressions.
                Some((call, wanted)) if results.is_empty() => functions.results(call, *wanted).map(|all| {
                    results.extend(all);
                    results.pop_front().unwrap_or(value.clone())
                }),
                Some(_) => Ok(results.pop_front().unwrap_or(value.clone())),
                None => functions.expand(&value),
            };
            match expanded {
                Ok(value) => self.equations.push((name, value)),
                Err(fault) => {
                    self.fault(*fault);
                    all = false;
                    // A placeholder, since other equations may read the name.
                    self.equations.push((name, At::new(Expr::Step, value.span)));
                }
            }
        }
        for name in functions.uncalled().filter(|_| all) {
            let message = format!("nothing calls the function `{}`", name.is);
            self.fault(
                Diagnostic::new(message, name.span.clone(), "not in any equation")
                    .help("take the line out, or call it in an equation"),
            );
        }
    }

    /// A pack holds parameters, each in at most one pack.
    fn packs_of_parameters(&mut self) {
        let mut packed: HashMap<String, Span> = HashMap::new();
        for part in self.packs.clone().into_iter().flat_map(|(_, parts)| parts) {
            if let Some(first) = packed.insert(part.is.clone(), part.span.clone()) {
                let message = format!("`{}` is packed twice", part.is);
                self.fault(Diagnostic::new(message, part.span, "here again").and(first, "first here"));
            }
        }
    }

    /// A size expression in a declaration.
    pub fn size(&mut self, expr: &At<Expr>) -> Option<Size> {
        let size = match &expr.is {
            Expr::Name(name) if name == "input" => Some(Size::INPUT),
            Expr::Name(name) if name == "hidden" => Some(Size::HIDDEN),
            Expr::Name(name) => {
                let size = self.sizes.get(name).copied();
                if size.is_none() {
                    let near =
                        nearest(name, self.sizes.keys().cloned().chain(["input".into(), "hidden".into()]));
                    let help = near.map_or(
                        "sizes are `input`, `hidden`, and what `size m = …` makes above".into(),
                        |n| format!("did you mean `{n}`?"),
                    );
                    self.fault(
                        Diagnostic::new(
                            format!("there is no size `{name}`"),
                            expr.span.clone(),
                            "unknown here",
                        )
                        .help(help),
                    );
                }
                return size;
            }
            #[allow(clippy::cast_possible_truncation)] // it is below 10⁹ and whole
            Expr::Number(n) if n.fract() == 0.0 && *n < 1e9 => Size::number(*n as i64),
            Expr::Negative(a) => return self.size(a)?.negative(),
            Expr::Binary(operation, a, b) => {
                let (a, b) = (self.size(a)?, self.size(b)?);
                match operation.sign() {
                    "+" => a.plus(b),
                    "-" => b.negative().and_then(|b| a.plus(b)),
                    "*" => a.times(b),
                    "/" => a.over(b),
                    _ => None,
                }
            }
            _ => None,
        };
        if size.is_none() {
            let help = if matches!(expr.is, Expr::Product(..)) {
                "is a comma missing? A matrix is `[rows, columns]`"
            } else {
                "a size is made of `input`, `hidden`, sizes and whole numbers, as in `hidden / 2 + 1`"
            };
            self.fault(Diagnostic::new("this is not a size", expr.span.clone(), "cannot be one").help(help));
        }
        size
    }
}

/// The value of an expression without names.
pub(in super::super) fn number(expr: &At<Expr>) -> Option<f64> {
    let value = match &expr.is {
        Expr::Number(number) => *number,
        Expr::Name(name) if name == "pi" || name == "π" => std::f64::consts::PI,
        Expr::Negative(a) => -number(a)?,
        Expr::Power(a, n) => number(a)?.powi(*n),
        Expr::Binary(operation, a, b) => {
            let (a, b) = (number(a)?, number(b)?);
            match operation.sign() {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                _ => return None,
            }
        }
        Expr::Call(function, arguments) => {
            function.of_numbers(&arguments.iter().map(number).collect::<Option<Vec<_>>>()?)?
        }
        _ => return None,
    };
    Some(value).filter(|value| value.is_finite())
}

/// A number is a constant; anything else is the name of an initialiser.
fn beginning(text: &str) -> Result<Init, InitError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Init::Constant { value }),
        _ => text.parse(),
    }
}
