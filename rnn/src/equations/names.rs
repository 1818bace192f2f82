//! What the names of a file mean: sequences, parameters, constants, sizes; and what is wrong with them.

use super::ast::{At, Expr, File, Form, Function, Item, Name};
use super::diagnostic::{Diagnostic, Span};
use super::size::Size;
use crate::init::Init;
use autograd::nearest;
use std::collections::HashMap;

/// The names of a file, each with its meaning.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Equations in order: the name and what it is equal to.
    pub equations: Vec<(Name, At<Expr>)>,
    /// The farthest step back at which each sequence is read; `x` among them.
    pub lags: HashMap<String, usize>,
    /// Parameters in the order in which they are first read.
    pub parameters: Vec<Name>,
    pub constants: HashMap<String, At<f64>>,
    pub sizes: HashMap<String, Size>,
    pub declared: HashMap<String, (Form, Span)>,
    pub inits: HashMap<String, Init>,
    pub packs: Vec<(Name, Vec<Name>)>,
    pub output: String,
    /// Whether `input` and `hidden` must be the same.
    pub joined: bool,
    pub faults: Vec<Diagnostic>,
}

impl Names {
    pub fn of(file: &File) -> Self {
        let mut names = Self::default();
        names.declarations(file);
        names.reads();
        names.unread(file);
        names.output(file);
        names
    }

    fn fault(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    /// Everything that is given a name, once.
    fn declarations(&mut self, file: &File) {
        let mut given: HashMap<String, Span> = HashMap::new();
        for item in &file.items {
            let own = match item {
                Item::Equation(name, _)
                | Item::Size(name, _)
                | Item::Const(name, _)
                | Item::Pack(name, _) => Some(name),
                _ => None,
            };
            if let Some(name) = own
                && let Some(first) = given.insert(name.is.clone(), name.span.clone())
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
                Item::Const(name, value) => drop(self.constants.insert(name.is.clone(), value.clone())),
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
                Item::Init(name, text) => match init(&text.is) {
                    Ok(init) => drop(self.inits.insert(name.is.clone(), init)),
                    Err(why) => self.fault(Diagnostic::new(why, text.span.clone(), "not an initialiser")),
                },
                Item::Require(left, right) => {
                    let (a, b) = (self.size(left), self.size(right));
                    let sides = [Size::INPUT, Size::HIDDEN];
                    match (a, b) {
                        (Some(a), Some(b)) if a != b && sides.contains(&a) && sides.contains(&b) => {
                            self.joined = true;
                        }
                        (Some(_), Some(_)) => self.fault(
                            Diagnostic::new(
                                "only `input` and `hidden` can be required to be equal",
                                left.span.start..right.span.end,
                                "not these two",
                            )
                            .help("write `require input = hidden`"),
                        ),
                        _ => {}
                    }
                }
                Item::Output(_) => {}
            }
        }
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
            let help = "a size is made of `input`, `hidden`, sizes and whole numbers, as in `hidden / 2 + 1`";
            self.fault(Diagnostic::new("this is not a size", expr.span.clone(), "cannot be one").help(help));
        }
        size
    }

    /// Every read of a name, in order.
    fn reads(&mut self) {
        let equations = std::mem::take(&mut self.equations);
        let made: HashMap<&str, usize> =
            equations.iter().enumerate().map(|(i, (name, _))| (name.is.as_str(), i)).collect();
        for (i, (name, value)) in equations.iter().enumerate() {
            walk(value, &mut |expr| match &expr.is {
                Expr::Sequence(read, lag) => {
                    self.sequence(read, *lag, &expr.span, (i, name), &made, &equations);
                }
                Expr::Name(read) => self.bare(read, &expr.span, &made),
                Expr::Product(matrix, right) => {
                    let called = !matches!(right.is, Expr::Sequence(..) | Expr::Product(..));
                    self.matrix(matrix, called, &made);
                }
                _ => {}
            });
        }
        self.equations = equations;
    }

    fn sequence(
        &mut self,
        read: &str,
        lag: usize,
        span: &Span,
        (i, name): (usize, &Name),
        made: &HashMap<&str, usize>,
        equations: &[(Name, At<Expr>)],
    ) {
        if read == "x" {
            let farthest = self.lags.entry(read.into()).or_default();
            *farthest = lag.max(*farthest);
            return;
        }
        let Some(&at) = made.get(read) else {
            let near = nearest(read, made.keys().map(|n| (*n).to_string()).chain(["x".into()]));
            let fault = if lag == 0 {
                Diagnostic::new(format!("no equation makes `{read}`"), span.clone(), "read here")
            } else {
                Diagnostic::new(format!("the state `{read}` is never assigned"), span.clone(), "read here")
            };
            let help = near.map_or_else(
                || format!("write an equation `{read}[t] = …`"),
                |n| format!("did you mean `{n}`?"),
            );
            return self.fault(fault.help(help));
        };
        if lag == 0 && at == i {
            return self.fault(
                Diagnostic::new(format!("`{read}[t]` is made of itself"), span.clone(), "not made yet")
                    .help(format!("the value of the step before is `{read}[t-1]`")),
            );
        }
        if lag == 0 && at > i {
            let later = &equations[at].0;
            return self.fault(
                Diagnostic::new(
                    format!("`{read}[t]` is read before it is made"),
                    span.clone(),
                    format!("`{}[t]` needs it", name.is),
                )
                .and(later.span.clone(), "made here")
                .help(format!("put that equation above this one, or read `{read}[t-1]`")),
            );
        }
        let farthest = self.lags.entry(read.into()).or_default();
        *farthest = lag.max(*farthest);
    }

    fn bare(&mut self, read: &str, span: &Span, made: &HashMap<&str, usize>) {
        if self.constants.contains_key(read) {
            return;
        }
        if read == "input" || read == "hidden" || self.sizes.contains_key(read) {
            return self.fault(
                Diagnostic::new(
                    format!("`{read}` is a size, not a value"),
                    span.clone(),
                    "sizes stand in declarations",
                )
                .help("for a number, write `const`"),
            );
        }
        if made.contains_key(read) {
            return self.fault(
                Diagnostic::new(format!("`{read}` has no time here"), span.clone(), "a sequence")
                    .help(format!("write `{read}[t]`, or `{read}[t-1]` for the step before")),
            );
        }
        self.parameter(&At::new(read.into(), span.clone()));
    }

    /// The matrix of a product. A word before a parenthesis that looks like a function is taken for a mistyped one.
    fn matrix(&mut self, matrix: &Name, called: bool, made: &HashMap<&str, usize>) {
        let word = &matrix.is;
        let functions = || Function::ALL.iter().map(|f| f.name().to_string());
        let near = nearest(word, functions());
        let is_word = word.len() >= 3 && word.chars().all(|c| c.is_ascii_lowercase());
        if called && is_word && !self.declared.contains_key(word) {
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("The functions are {}.", functions().collect::<Vec<_>>().join(", ")),
            };
            let help = format!("{help} A matrix of this name needs `param {word}: [rows, columns]`.");
            return self.fault(
                Diagnostic::new(format!("there is no function `{word}`"), matrix.span.clone(), "unknown")
                    .help(help),
            );
        }
        if let Some(constant) = self.constants.get(word) {
            let fault = Diagnostic::new(
                format!("`{word}` is a number, not a matrix"),
                matrix.span.clone(),
                "stands before what it is multiplied by",
            )
            .and(constant.span.clone(), "its value")
            .help("write `*`");
            return self.fault(fault);
        }
        self.bare(word, &matrix.span, made);
    }

    fn parameter(&mut self, name: &Name) {
        if !self.parameters.iter().any(|p| p.is == name.is) {
            self.parameters.push(name.clone());
        }
    }

    /// Declarations that speak of parameters nobody reads.
    fn unread(&mut self, file: &File) {
        let known = |names: &Self, name: &str| names.parameters.iter().any(|p| p.is == name);
        let sequence = |names: &Self, name: &str| names.equations.iter().any(|(n, _)| n.is == name);
        for item in &file.items {
            let (what, name) = match item {
                Item::Param(name, _) | Item::Init(name, _) => ("parameter", name),
                Item::Const(name, _) => ("constant", name),
                Item::State(name, _) => ("sequence", name),
                Item::Pack(_, parts) => {
                    for part in parts.clone() {
                        if !known(self, &part.is) {
                            self.nothing_reads("parameter", &part);
                        }
                    }
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

    fn nothing_reads(&mut self, what: &str, name: &Name) {
        let near = nearest(&name.is, self.parameters.iter().map(|p| p.is.clone()));
        let help = near.map_or("take the line out, or use the name in an equation".into(), |n| {
            format!("did you mean `{n}`?")
        });
        let message = match what {
            "sequence" => format!("no equation makes `{}`", name.is),
            what => format!("nothing reads the {what} `{}`", name.is),
        };
        self.fault(Diagnostic::new(message, name.span.clone(), "not in any equation").help(help));
    }

    fn output(&mut self, file: &File) {
        let named: Vec<&Name> = file
            .items
            .iter()
            .filter_map(|i| if let Item::Output(name) = i { Some(name) } else { None })
            .collect();
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

/// Visits an expression and all that it is made of, from left to right.
pub(super) fn walk(expr: &At<Expr>, visit: &mut impl FnMut(&At<Expr>)) {
    visit(expr);
    match &expr.is {
        Expr::Product(_, a) | Expr::Negative(a) | Expr::Power(a, _) => walk(a, visit),
        Expr::Binary(_, a, b) => {
            walk(a, visit);
            walk(b, visit);
        }
        Expr::Call(_, arguments) => arguments.iter().for_each(|a| walk(a, visit)),
        Expr::Number(_) | Expr::Name(_) | Expr::Sequence(..) | Expr::Step => {}
    }
}

fn reads(expr: &At<Expr>, name: &str) -> bool {
    let mut found = false;
    walk(expr, &mut |e| found |= matches!(&e.is, Expr::Name(n) if n == name));
    found
}

/// A number is a constant; anything else is an initialiser by its name.
fn init(text: &str) -> Result<Init, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Init::Constant { value }),
        _ => text.parse::<Init>().map_err(|e| e.to_string()),
    }
}
