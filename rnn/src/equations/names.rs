//! Resolves the names of a file (sequences, parameters, constants, sizes) and reports faults in them.

mod begin;
mod declared;
mod unread;

use super::ast::{At, Expr, File, Form, Function, Item, Name, Operation};
use super::diagnostic::{Diagnostic, Span};
use super::hints;
use super::size::Size;
use crate::init::Init;
use autograd::nearest;
use std::collections::HashMap;

/// The maximum number of parameters, and of steps of memory, of a cell.
const MOST: usize = 1000;

/// The initial value of a parameter.
#[derive(Clone, Debug)]
pub(super) enum Beginning {
    Init(Init),
    Formula(At<Expr>),
}

/// The names of a file and their meanings.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Equations in order: the name and the right side.
    pub equations: Vec<(Name, At<Expr>)>,
    /// The largest lag at which each sequence is read, `x` included.
    pub lags: HashMap<String, usize>,
    /// Parameters in the order of their first use.
    pub parameters: Vec<Name>,
    pub constants: HashMap<String, At<f64>>,
    pub sizes: HashMap<String, Size>,
    pub declared: HashMap<String, (Form, Span)>,
    pub inits: HashMap<String, (Beginning, Span)>,
    /// The formulas of the fixed parameters.
    pub fixed: HashMap<String, (At<Expr>, Span)>,
    /// Functions of parameters, in order.
    pub lets: Vec<(Name, At<Expr>)>,
    pub packs: Vec<(Name, Vec<Name>)>,
    pub output: String,
    /// The line that declares `clock restarts`.
    pub restarts: Option<Span>,
    /// Initial values of states that do not start at zero.
    pub starts: HashMap<String, (f64, Span)>,
    /// The number of parts of each split vector.
    pub wholes: HashMap<String, usize>,
    /// The items of the file without loops.
    pub items: Vec<Item>,
    /// Whether `input` and `hidden` must be equal.
    pub joined: bool,
    pub faults: Vec<Diagnostic>,
}

impl Names {
    /// Resolves the names of a file with the text `text`.
    pub fn of(file: &File, text: &str) -> Self {
        let mut names = Self::default();
        names.declarations(file);
        if names.items.is_empty() && !names.faults.is_empty() {
            return names;
        }
        names.reads(text);
        names.unread();
        names.output(file);
        names.sizes_of_the_file();
        names
    }

    /// The states: the output first, then in the order of the file, then the input.
    pub fn kept(&self) -> Vec<(String, usize)> {
        let equations = || self.equations.iter().map(|(name, _)| name.is.as_str());
        let output = equations().filter(|name| *name == self.output);
        let others = equations().filter(|name| *name != self.output);
        let lags = |name: &str| self.lags.get(name).copied().unwrap_or(0);
        let kept = |name| (1..=lags(name)).map(move |lag| (String::from(name), lag));
        output.chain(others).chain(["x"]).flat_map(kept).collect()
    }

    /// Records a fault once: a call that is expanded often repeats it.
    pub(super) fn fault(&mut self, fault: Diagnostic) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Resolves every read of a name, in order.
    fn reads(&mut self, text: &str) {
        let lets = std::mem::take(&mut self.lets);
        for (_, value) in &lets {
            walk(value, &mut |e| {
                if let Expr::Name(read) | Expr::Product(At { is: read, .. }, _) = &e.is
                    && !self.constants.contains_key(read)
                {
                    self.parameter(&At::new(read.clone(), e.span.start..e.span.start + read.len()));
                }
            });
        }
        self.lets = lets;
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
                    let plain =
                        matches!(right.is, Expr::Sequence(..) | Expr::Product(..) | Expr::Argument(..));
                    // `tnah(c[t])` looks like a call, whatever the parentheses hold.
                    let rest = text.get(matrix.span.end..).unwrap_or_default();
                    let called = !plain || rest.trim_start().starts_with('(');
                    self.matrix(matrix, called, &made);
                }
                Expr::Call(function, arguments) => self.arity(*function, arguments, &expr.span),
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
            let message = if lag == 0 {
                format!("no equation makes `{read}`")
            } else {
                format!("the state `{read}` is never assigned")
            };
            let help = match near(read, made.keys().map(|n| (*n).to_string())) {
                Some(near) => format!("did you mean `{near}`? If not, write an equation `{read}[t] = …`"),
                None => format!("write an equation `{read}[t] = …`"),
            };
            return self.fault(Diagnostic::new(message, span.clone(), "read here").help(help));
        };
        if lag == 0 && at == i {
            return self.fault(
                Diagnostic::new(format!("`{read}[t]` is made of itself"), span.clone(), "not made yet")
                    .help(format!("the value of the step before is `{read}[t-1]`")),
            );
        }
        if lag == 0 && at > i {
            let (this, later) = (&name.is, &equations[at].0);
            let fault = if self.faults.len() < 20 && needs(equations, made, at, i) {
                Diagnostic::new(
                    format!("`{this}[t]` and `{read}[t]` need each other within one step"),
                    span.clone(),
                    format!("`{this}[t]` needs `{read}[t]`"),
                )
                .and(later.span.clone(), format!("and this needs `{this}[t]`"))
                .help(format!("one of them must read the step before: `{read}[t-1]`, or `{this}[t-1]`"))
            } else {
                Diagnostic::new(
                    format!("`{read}[t]` is read before it is made"),
                    span.clone(),
                    format!("`{this}[t]` needs it"),
                )
                .and(later.span.clone(), "made here")
                .help(format!("put that equation above this one, or read `{read}[t-1]`"))
            };
            return self.fault(fault);
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

    /// Whether a value is a number in [0, 1).
    pub(super) fn is_rate(&self, value: &At<Expr>) -> bool {
        let number = match &value.is {
            Expr::Number(number) => Some(*number),
            Expr::Name(name) => self.constants.get(name).map(|number| number.is),
            _ => None,
        };
        number.is_some_and(|number| (0.0..1.0).contains(&number))
    }

    fn arity(&mut self, function: Function, arguments: &[At<Expr>], call: &Span) {
        let found = arguments.len();
        if function.drops()
            && let [_, rate] = arguments
            && !self.is_rate(rate)
        {
            let message = format!("`{}` needs a probability from 0 to below 1", function.name());
            let fault = Diagnostic::new(message, rate.span.clone(), "not one");
            return self.fault(fault.help("write a number or a constant, as in `dropout(h[t-1], 0.1)`"));
        }
        if function.is_of_parameters() {
            let name = function.name();
            let fault =
                Diagnostic::new(format!("`{name}` is of parameters alone"), call.clone(), "in an equation");
            return self.fault(fault.help(format!("write `let A = {name}(W)`, and read `A` here")));
        }
        if function.draws() {
            let message = format!("`{}` is drawn once, and an equation is of every step", function.name());
            let fault = Diagnostic::new(message, call.clone(), "in an equation");
            let help =
                format!("write `fixed A = {0}(…)` or `init A = {0}(…)`, and read `A` here", function.name());
            return self.fault(fault.help(help));
        }
        let (least, most) = function.arity();
        if (least..=most).contains(&found) {
            return;
        }
        let takes =
            if least == most { counted(most, "argument") } else { format!("{least} to {most} arguments") };
        let message = format!("`{}` takes {takes}", function.name());
        self.fault(Diagnostic::new(message, call.clone(), format!("{found} given")));
    }

    /// The matrix of a product. A name before a parenthesis that resembles a function is reported as a typing error.
    fn matrix(&mut self, matrix: &Name, called: bool, made: &HashMap<&str, usize>) {
        let word = &matrix.is;
        let is_word = word.len() >= 3 && word.chars().all(|c| c.is_ascii_lowercase());
        if called && is_word && !self.declared.contains_key(word) {
            return self.fault(hints::no_function(word, matrix.span.clone()));
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
}

/// Hints for sizes that do not fit.
impl Names {
    /// Finds `W * x[t]` where the name looks like a matrix; returns its span and a hint.
    pub(super) fn starred(&self) -> Option<(Span, String)> {
        let mut found = None;
        for (_, value) in &self.equations {
            walk(value, &mut |expr| {
                if let Expr::Binary(Operation::Multiply, a, b) = &expr.is
                    && let (Expr::Name(matrix), Expr::Sequence(name, lag)) = (&a.is, &b.is)
                    && matrix.starts_with(char::is_uppercase)
                    && !self.constants.contains_key(matrix)
                    && !self.declared.contains_key(matrix)
                {
                    let time = if *lag == 0 { "t".into() } else { format!("t-{lag}") };
                    let help = format!(
                        "`*` is element by element; for a matrix leave it out: `{matrix} {name}[{time}]`"
                    );
                    found.get_or_insert((expr.span.clone(), help));
                }
            });
        }
        found
    }

    /// Finds a matrix that multiplies the input in one place and something else in another.
    pub(super) fn matrix_of_two(&self) -> Option<Diagnostic> {
        let mut uses: Vec<(&Name, bool, Span)> = Vec::new();
        for (_, value) in &self.equations {
            walk(value, &mut |expr| {
                if let Expr::Product(matrix, right) = &expr.is
                    && let Expr::Sequence(name, _) = &right.is
                    && !self.declared.contains_key(&matrix.is)
                {
                    uses.push((matrix, name == "x", expr.span.clone()));
                }
            });
        }
        uses.iter().filter(|(_, of_input, _)| *of_input).find_map(|(matrix, _, one)| {
            let (_, _, other) = uses.iter().find(|(m, of_input, _)| m.is == matrix.is && !of_input)?;
            let message = format!("the matrix `{}` is multiplied by the input and by a state", matrix.is);
            let fault = Diagnostic::new(message, other.clone(), "here by something else");
            let help =
                "give each its own matrix, as in `W x[t] + U h[t-1]`, or write `require input = hidden`";
            Some(fault.and(one.clone(), "here by the input").help(help))
        })
    }
}

/// Limits on the size of a file: all of it is scanned repeatedly.
impl Names {
    fn sizes_of_the_file(&mut self) {
        let memory = self.lags.values().sum::<usize>();
        let limits = [
            (self.parameters.len(), "parameters", "stack them: one matrix that makes one long vector"),
            (memory, "steps of memory", "read nearer steps"),
        ];
        for (found, what, help) in limits {
            if found > MOST
                && let Some((name, _)) = self.equations.first()
            {
                let message = format!("a cell has at most {MOST} {what}, and this has {found}");
                self.fault(Diagnostic::new(message, name.span.clone(), "in this cell").help(help));
            }
        }
    }
}

/// Visits an expression and all its subexpressions, from left to right.
pub(super) fn walk<'a>(expr: &'a At<Expr>, visit: &mut impl FnMut(&'a At<Expr>)) {
    visit(expr);
    match &expr.is {
        Expr::Product(_, a)
        | Expr::Negative(a)
        | Expr::Power(a, _)
        | Expr::Body(a)
        | Expr::Argument(_, a) => {
            walk(a, visit);
        }
        Expr::Element(a, ..) | Expr::Portion(a, ..) | Expr::Over(_, a, _) => walk(a, visit),
        Expr::Binary(_, a, b) | Expr::Times(a, b) | Expr::Part(a, b) | Expr::Raised(a, b) => {
            walk(a, visit);
            walk(b, visit);
        }
        Expr::Call(_, arguments) | Expr::Apply(_, arguments) => arguments.iter().for_each(|a| walk(a, visit)),
        Expr::Number(_) | Expr::Name(_) | Expr::Sequence(..) | Expr::Lagged(..) | Expr::Step => {}
    }
}

/// Whether one equation depends, within the step, on another.
fn needs(equations: &[(Name, At<Expr>)], made: &HashMap<&str, usize>, one: usize, other: usize) -> bool {
    let (mut seen, mut open) = (vec![false; equations.len()], vec![one]);
    while let Some(i) = open.pop() {
        if !std::mem::replace(&mut seen[i], true) {
            walk(&equations[i].1, &mut |e| {
                if let Expr::Sequence(name, 0) = &e.is {
                    open.extend(made.get(name.as_str()));
                }
            });
        }
    }
    seen[other]
}

/// The most similar name; for a single letter all are equally near.
fn near(name: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    if name.chars().count() > 1 { nearest(name, candidates) } else { None }
}

/// `1 argument`, `2 arguments`.
pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
