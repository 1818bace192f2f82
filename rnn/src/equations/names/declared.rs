//! What a file declares, and what is wrong with it.

use super::super::ast::{At, Expr, File, Item, Name};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::expand::{Functions, reads, reads_step};
use super::super::loops::unrolled;
use super::super::size::Size;
use super::{Names, near};
use crate::init::{self, Init, InitError};
use autograd::nearest;
use std::collections::HashMap;

/// Declarations.
impl Names {
    /// Everything that is given a name, once.
    #[allow(clippy::too_many_lines)] // one arm for each kind of line
    pub(super) fn declarations(&mut self, file: &File) {
        let mut given: HashMap<String, Span> = HashMap::new();
        let mut functions = Functions::default();
        let mut inits = Vec::new();
        let (items, faults) = unrolled(&file.items);
        if !faults.is_empty() {
            return self.faults = faults;
        }
        self.items.clone_from(&items);
        for item in &items {
            let own = match item {
                Item::Equation(name, _)
                | Item::Size(name, _)
                | Item::Const(name, _)
                | Item::Pack(name, _)
                | Item::Function(name, ..) => Some(name),
                _ => None,
            };
            // A size stands in declarations and indices alone, so that keys can be `k[t]` of size `k`.
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
                Item::Init(names, text) => match beginning(&text.is) {
                    Ok(init) => inits.extend(names.iter().map(|name| (name.clone(), init))),
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
                // Loops are written out, and the output is found when all sequences are known.
                Item::For(..) | Item::Output(_) => {}
            }
        }
        self.beginnings(inits);
        self.expand(functions);
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

    /// The parts of a vector: a sequence of its own, of which each name is a part.
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

    /// A number made of numbers, as in `1 / 6` or `sqrt(3)`.
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

    /// How parameters begin; what is said of a pack holds for all of it.
    fn beginnings(&mut self, inits: Vec<(Name, Init)>) {
        for (name, init) in inits {
            let pack = self.packs.iter().find(|(pack, _)| pack.is == name.is);
            let members =
                pack.map_or(vec![name.is.clone()], |(_, parts)| parts.iter().map(|p| p.is.clone()).collect());
            for member in members {
                if let Some((_, first)) = self.inits.insert(member.clone(), (init, name.span.clone())) {
                    let message = format!("`{member}` begins in two ways");
                    self.fault(
                        Diagnostic::new(message, name.span.clone(), "here again").and(first, "first here"),
                    );
                }
            }
        }
    }

    /// Equations with every call of the file's functions expanded.
    fn expand(&mut self, mut functions: Functions) {
        let mut all = true;
        for (name, value) in std::mem::take(&mut self.equations) {
            match functions.expand(&value) {
                Ok(value) => self.equations.push((name, value)),
                Err(fault) => {
                    self.fault(*fault);
                    all = false;
                    // Other equations may read it.
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

    /// A parameter is in one pack, once.
    fn packs_of_parameters(&mut self) {
        let mut packed: HashMap<String, Span> = HashMap::new();
        for part in self.packs.clone().into_iter().flat_map(|(_, parts)| parts) {
            if let Some(first) = packed.insert(part.is.clone(), part.span.clone()) {
                let message = format!("`{}` is packed twice", part.is);
                self.fault(Diagnostic::new(message, part.span, "here again").and(first, "first here"));
            }
        }
    }

    /// A size as it is written in declarations.
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

/// Declarations that nothing reads, and the output.
impl Names {
    /// Declarations that speak of parameters nobody reads.
    pub(super) fn unread(&mut self) {
        let known = |names: &Self, name: &str| names.parameters.iter().any(|p| p.is == name);
        let sequence = |names: &Self, name: &str| {
            let column = format!("{name}_1");
            names.equations.iter().any(|(n, _)| n.is == name || n.is == column)
        };
        let is_state = |names: &Self, name: &str| {
            names.lags.get(name).is_some_and(|lag| *lag > 0)
                || names.lags.get(&format!("{name}_1")).is_some_and(|lag| *lag > 0)
        };
        for item in &self.items.clone() {
            let (what, name) = match item {
                Item::Restarts(line) if !self.equations.iter().any(|(_, value)| reads_step(value)) => {
                    let fault = Diagnostic::new(
                        "no equation reads the clock",
                        line.span.clone(),
                        "`t` stands in none",
                    );
                    self.fault(fault.help("take the line out"));
                    continue;
                }
                Item::Param(name, _) => ("parameter", name),
                Item::Const(name, _) => ("constant", name),
                Item::State(name, _) => ("sequence", name),
                Item::Start(names, _) => {
                    let unknown: Vec<Name> =
                        names.iter().filter(|n| !is_state(self, &n.is)).cloned().collect();
                    unknown.iter().for_each(|name| self.no_state(name));
                    continue;
                }
                Item::Pack(_, names) | Item::Init(names, _) => {
                    let is_pack = |name: &str| {
                        matches!(item, Item::Init(..)) && self.packs.iter().any(|(pack, _)| pack.is == name)
                    };
                    let unknown: Vec<Name> =
                        names.iter().filter(|n| !known(self, &n.is) && !is_pack(&n.is)).cloned().collect();
                    unknown.iter().for_each(|name| self.nothing_reads("parameter", name));
                    continue;
                }
                _ => continue,
            };
            let fine = match item {
                Item::Const(..) => self.equations.iter().any(|(_, value)| reads(value, &name.is)),
                Item::State(..) => sequence(self, &name.is),
                _ => known(self, &name.is),
            };
            if !fine {
                let name = name.clone();
                self.nothing_reads(what, &name);
            }
        }
    }

    fn no_state(&mut self, name: &Name) {
        let states = self.lags.iter().filter(|(_, lag)| **lag > 0).map(|(name, _)| name.clone());
        let near = near(&name.is, states);
        let help = near
            .map_or("a state is what is read of earlier steps".into(), |n| format!("did you mean `{n}`?"));
        let message = format!("nothing reads `{}` of an earlier step", name.is);
        self.fault(Diagnostic::new(message, name.span.clone(), "no state").help(help));
    }

    fn nothing_reads(&mut self, what: &str, name: &Name) {
        let sequences = self.equations.iter().map(|(name, _)| name.is.clone());
        let parameters = self.parameters.iter().map(|p| p.is.clone());
        let near = if what == "sequence" { near(&name.is, sequences) } else { near(&name.is, parameters) };
        let help = near.map_or("take the line out, or use the name in an equation".into(), |n| {
            format!("did you mean `{n}`?")
        });
        let message = match what {
            "sequence" => format!("no equation makes `{}`", name.is),
            what => format!("nothing reads the {what} `{}`", name.is),
        };
        self.fault(Diagnostic::new(message, name.span.clone(), "not in any equation").help(help));
    }

    pub(super) fn output(&mut self, file: &File) {
        let items = self.items.clone();
        let named: Vec<&Name> =
            items.iter().filter_map(|i| if let Item::Output(name) = i { Some(name) } else { None }).collect();
        let made = |names: &Self, name: &str| names.equations.iter().any(|(n, _)| n.is == name);
        match named[..] {
            [] => {
                self.output = "h".into();
                if !made(self, "h") && !self.equations.is_empty() {
                    let last = &self.equations[self.equations.len() - 1].0;
                    let fault = Diagnostic::new(
                        "no equation makes the output `h`",
                        file.name.span.clone(),
                        "in this cell",
                    )
                    .help(format!("name another output, as in `output {}`", last.is));
                    self.fault(fault);
                }
            }
            [name] => {
                self.output.clone_from(&name.is);
                if !made(self, &name.is) {
                    self.nothing_reads("sequence", &name.clone());
                }
            }
            [first, second, ..] => {
                let fault = Diagnostic::new("a cell has one output", second.span.clone(), "a second one")
                    .and(first.span.clone(), "the first");
                self.fault(fault);
            }
        }
    }
}

/// The number that an expression without names is.
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

/// A number is a constant; anything else is an initialiser by its name.
fn beginning(text: &str) -> Result<Init, InitError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Init::Constant { value }),
        _ => text.parse(),
    }
}
