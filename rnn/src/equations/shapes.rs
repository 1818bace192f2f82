//! The shapes of sequences and parameters, inferred from how they are used.
//!
//! Sizes are unknowns, joined where an equation joins them and given a value where one is known (`x[t]` has `input`
//! features). The equations are gone through until nothing changes; then the first sequence that nothing fixes gets
//! the size `hidden`, and so on. What is then still open is an error.

use super::ast::{At, Expr, Form, Function, Name};
use super::diagnostic::{Diagnostic, Span};
use super::names::Names;
use super::shape::Shape;
use super::size::Size;
use std::collections::HashMap;

/// All shapes of a cell.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// Of each sequence, `x` among them.
    pub sequences: HashMap<String, Shape>,
    /// Of each parameter.
    pub parameters: HashMap<String, Shape>,
}

/// A size that may not be known yet.
type Unknown = usize;

/// What an expression's value is, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dim {
    Open,
    Scalar,
    Vector(Unknown),
}

/// A value and whether it is true or false.
#[derive(Clone, Copy, Debug)]
struct Value {
    dim: Dim,
    truth: bool,
}

#[derive(Clone, Copy, Debug)]
enum Parameter {
    Scalar,
    Vector(Unknown),
    Matrix(Unknown, Unknown),
}

impl Parameter {
    fn word(self) -> &'static str {
        match self {
            Self::Scalar => "a scalar",
            Self::Vector(_) => "a vector",
            Self::Matrix(..) => "a matrix",
        }
    }
}

struct Solver<'a> {
    names: &'a Names,
    parent: Vec<Unknown>,
    /// The size of each unknown that is a root, and what fixed it.
    known: Vec<Option<(Size, Span)>>,
    sequences: HashMap<&'a str, Dim>,
    parameters: HashMap<&'a str, (Parameter, Span)>,
    changed: bool,
    /// The size of the parts of each vector that is split.
    parts: HashMap<String, Unknown>,
    /// The calls of functions that lie around the expression.
    calls: Vec<Span>,
    /// Faults are taken from the last time through, when most is known.
    faults: Vec<Diagnostic>,
}

/// Infers all shapes.
pub(super) fn infer(names: &mut Names) -> Result<Shapes, Vec<Diagnostic>> {
    let declared = declarations(names);
    if !names.faults.is_empty() {
        return Err(std::mem::take(&mut names.faults));
    }
    let mut solver = Solver {
        names,
        parent: Vec::new(),
        known: Vec::new(),
        sequences: HashMap::new(),
        parameters: HashMap::new(),
        changed: false,
        parts: HashMap::new(),
        calls: Vec::new(),
        faults: Vec::new(),
    };
    solver.declare(declared);
    solver.settle();
    solver.result()
}

/// The declared forms, with their sizes worked out.
fn declarations(names: &mut Names) -> Vec<(String, Shape, Span)> {
    let declared: Vec<_> =
        names.declared.iter().map(|(n, (f, s))| (n.clone(), f.clone(), s.clone())).collect();
    let mut shapes = Vec::new();
    for (name, form, span) in declared {
        let shape = match &form {
            Form::Scalar => Some(Shape::Scalar),
            Form::Vector(n) => names.size(n).map(Shape::Vector),
            Form::Matrix(rows, columns) => match (names.size(rows), names.size(columns)) {
                (Some(rows), Some(columns)) => Some(Shape::Matrix(rows, columns)),
                _ => None,
            },
        };
        if let Some(shape) = shape {
            shapes.push((name, shape, span));
        }
    }
    shapes
}

impl<'a> Solver<'a> {
    fn declare(&mut self, declared: Vec<(String, Shape, Span)>) {
        let names: &'a Names = self.names;
        let input = self.fixed(Size::INPUT, 0..0);
        self.sequences.insert("x", Dim::Vector(input));
        for (name, _) in &names.equations {
            self.sequences.insert(&name.is, Dim::Open);
        }
        for (name, shape, span) in declared {
            if let Some((name, _)) = names.equations.iter().find(|(n, _)| n.is == name) {
                let dim = match shape {
                    Shape::Vector(size) if Some(size) != Size::number(1) => {
                        Dim::Vector(self.fixed(size, span))
                    }
                    _ => Dim::Scalar,
                };
                self.sequences.insert(&name.is, dim);
            } else if let Some(name) = names.parameters.iter().find(|p| p.is == name) {
                let parameter = match shape {
                    Shape::Scalar => Parameter::Scalar,
                    Shape::Vector(n) => Parameter::Vector(self.fixed(n, span.clone())),
                    Shape::Matrix(r, c) => {
                        Parameter::Matrix(self.fixed(r, span.clone()), self.fixed(c, span.clone()))
                    }
                };
                self.parameters.insert(&name.is, (parameter, span));
            }
        }
    }

    /// Goes through the equations until nothing changes, and again for each sequence that is left open.
    fn settle(&mut self) {
        let names: &'a Names = self.names;
        loop {
            loop {
                self.changed = false;
                self.faults.clear();
                for (name, value) in &names.equations {
                    let faults = self.faults.len();
                    let made = self.value(value);
                    if made.truth {
                        self.truth(value);
                    }
                    // What is wrong within a value makes it wrong as a whole: one message is enough.
                    if self.faults.len() > faults {
                        continue;
                    }
                    let dim = self.join(self.sequences[name.is.as_str()], made.dim, &name.span, &value.span);
                    self.set(&name.is, dim);
                }
                if !self.changed || !self.faults.is_empty() {
                    break;
                }
            }
            let unsplit = names.equations.iter().filter(|(name, _)| !names.wholes.contains_key(&name.is));
            let open = |(name, _): &&&(Name, At<Expr>)| match self.sequences[name.is.as_str()] {
                Dim::Open => true,
                Dim::Scalar => false,
                Dim::Vector(n) => self.size(n).is_none(),
            };
            let open: Vec<_> = unsplit.collect::<Vec<_>>().iter().filter(open).copied().collect();
            // The parts of a vector mostly follow from it.
            let whole = open.iter().find(|(_, value)| !matches!(value.is, Expr::Portion(..)));
            let open = whole.or(open.first()).copied();
            let Some((name, _)) = open.filter(|_| self.faults.is_empty()) else { return };
            if self.scalars() {
                continue;
            }
            let hidden = self.fixed(Size::HIDDEN, name.span.clone());
            match self.sequences[name.is.as_str()] {
                Dim::Vector(n) => self.same(n, hidden, &name.span, &name.span),
                _ => self.set(&name.is, Dim::Vector(hidden)),
            }
        }
    }

    /// Gives open sequences that are made of scalars alone, each other among them, the form of one; says whether there
    /// are any. The output is not one of them unless it is declared so.
    fn scalars(&mut self) -> bool {
        let names: &'a Names = self.names;
        let open = |name: &str| self.sequences[name] == Dim::Open && name != names.output;
        let mut assumed: Vec<&str> =
            names.equations.iter().map(|(name, _)| name.is.as_str()).filter(|name| open(name)).collect();
        loop {
            let stays = |name: &&str| {
                let made = names.equations.iter().find(|(n, _)| n.is == *name);
                made.is_some_and(|(_, value)| self.is_scalar(value, &assumed))
            };
            let left: Vec<&str> = assumed.iter().copied().filter(stays).collect();
            if left.len() == assumed.len() {
                break;
            }
            assumed = left;
        }
        assumed.iter().for_each(|name| self.set(name, Dim::Scalar));
        !assumed.is_empty()
    }

    /// Whether a value is a scalar if some sequences are.
    fn is_scalar(&self, expr: &At<Expr>, assumed: &[&str]) -> bool {
        let is = |a: &At<Expr>| self.is_scalar(a, assumed);
        match &expr.is {
            Expr::Number(_)
            | Expr::Step
            | Expr::Element(..)
            | Expr::Call(Function::Sum | Function::Mean, _) => true,
            Expr::Sequence(name, _) => {
                assumed.contains(&name.as_str()) || self.sequences.get(name.as_str()) == Some(&Dim::Scalar)
            }
            Expr::Name(name) => match self.parameters.get(name.as_str()) {
                Some((Parameter::Scalar, _)) => true,
                Some((Parameter::Vector(n), _)) => self.of_size(*n) == Dim::Scalar,
                Some((Parameter::Matrix(..), _)) => false,
                None => self.names.constants.contains_key(name),
            },
            Expr::Product(matrix, _) => match self.parameters.get(matrix.is.as_str()) {
                Some((Parameter::Matrix(rows, _), _)) => self.of_size(*rows) == Dim::Scalar,
                _ => false,
            },
            Expr::Negative(a) | Expr::Power(a, _) | Expr::Body(a) | Expr::Argument(_, a) => is(a),
            Expr::Binary(_, a, b) => is(a) && is(b),
            Expr::Call(function, _) if function.joins_features() => false,
            Expr::Call(_, arguments) => arguments.iter().all(is),
            _ => false,
        }
    }

    fn result(mut self) -> Result<Shapes, Vec<Diagnostic>> {
        let names: &'a Names = self.names;
        let mut shapes = Shapes::default();
        for (name, dim) in self.sequences.clone() {
            let shape = match dim {
                Dim::Vector(n) => Shape::Vector(self.size(n).unwrap_or(Size::HIDDEN)),
                _ => Shape::Scalar,
            };
            shapes.sequences.insert(name.into(), shape);
        }
        for name in &names.parameters {
            let Some((parameter, span)) = self.parameters.get(name.is.as_str()).cloned() else { continue };
            let open = || {
                Diagnostic::new(
                    format!("nothing fixes the size of `{}`", name.is),
                    span.clone(),
                    "its shape is open",
                )
                .help(format!(
                    "declare it, as in `param {}: {}`",
                    name.is,
                    if matches!(parameter, Parameter::Matrix(..)) { "[hidden, input]" } else { "[hidden]" }
                ))
            };
            let shape = match parameter {
                Parameter::Scalar => Some(Shape::Scalar),
                Parameter::Vector(n) => self.size(n).map(Shape::Vector),
                Parameter::Matrix(r, c) => match (self.size(r), self.size(c)) {
                    (Some(r), Some(c)) => Some(Shape::Matrix(r, c)),
                    _ => None,
                },
            };
            match shape {
                Some(shape) => drop(shapes.parameters.insert(name.is.clone(), shape)),
                None if self.faults.is_empty() => self.faults.push(open()),
                None => {}
            }
        }
        if self.faults.is_empty() { Ok(shapes) } else { Err(self.faults) }
    }
}

/// Unknown sizes.
impl Solver<'_> {
    fn fresh(&mut self) -> Unknown {
        self.parent.push(self.parent.len());
        self.known.push(None);
        self.parent.len() - 1
    }

    fn fixed(&mut self, size: Size, by: Span) -> Unknown {
        let n = self.fresh();
        let size = if self.names.joined { size.joined().unwrap_or(size) } else { size };
        self.known[n] = Some((size, by));
        n
    }

    /// A vector of a size; of one element it is a scalar, so that a `1` never spreads to what it is combined with.
    fn of_size(&self, n: Unknown) -> Dim {
        if self.size(n).is_some_and(|size| Some(size) == Size::number(1)) {
            Dim::Scalar
        } else {
            Dim::Vector(n)
        }
    }

    fn root(&self, mut n: Unknown) -> Unknown {
        while self.parent[n] != n {
            n = self.parent[n];
        }
        n
    }

    fn size(&self, n: Unknown) -> Option<Size> {
        self.known[self.root(n)].as_ref().map(|(size, _)| *size)
    }

    /// Two sizes are one: that of the use at `a` and that of the use at `b`.
    fn same(&mut self, a: Unknown, b: Unknown, at_a: &Span, at_b: &Span) {
        let (ra, rb) = (self.root(a), self.root(b));
        if ra == rb {
            return;
        }
        match (self.known[ra].clone(), self.known[rb].clone()) {
            (Some((x, _)), Some((y, _))) if x != y => {
                let message = format!("sizes differ: {x} and {y}");
                let fault = Diagnostic::new(message, at_a.clone(), format!("of size {x}"))
                    .and(at_b.clone(), format!("of size {y}"));
                let fault = match self.names.starred() {
                    Some((_, help)) => fault.help(help),
                    None => fault,
                };
                self.fault(fault);
            }
            // Nothing new is known of two sizes that are the same already.
            (Some(_), Some(_)) => self.parent[rb] = ra,
            (Some(_), None) => (self.parent[rb], self.changed) = (ra, true),
            _ => (self.parent[ra], self.changed) = (rb, true),
        }
    }

    fn set(&mut self, name: &str, dim: Dim) {
        if let Some(old) = self.sequences.get_mut(name)
            && *old == Dim::Open
            && dim != Dim::Open
        {
            *old = dim;
            self.changed = true;
        }
    }
}

/// Expressions.
impl<'a> Solver<'a> {
    fn value(&mut self, expr: &'a At<Expr>) -> Value {
        let number = |dim| Value { dim, truth: false };
        match &expr.is {
            Expr::Number(_) | Expr::Step => number(Dim::Scalar),
            Expr::Sequence(name, _) => {
                number(self.sequences.get(name.as_str()).copied().unwrap_or(Dim::Open))
            }
            Expr::Name(name) => number(self.vector(name, &expr.span)),
            Expr::Product(matrix, right) => number(self.product(matrix, right)),
            Expr::Negative(a) | Expr::Power(a, _) => number(self.number(a)),
            Expr::Binary(operation, a, b) => {
                let dim = self.elementwise(a, b);
                Value { dim, truth: operation.is_relation() }
            }
            Expr::Call(function, arguments) => number(self.call(*function, arguments)),
            Expr::Body(a) => {
                self.calls.push(expr.span.clone());
                let value = self.value(a);
                self.calls.pop();
                value
            }
            Expr::Argument(_, a) => self.value(a),
            Expr::Element(a, place, size) => number(self.element(a, *place, *size)),
            Expr::Portion(a, _, parts) => number(self.portion(a, *parts)),
            // Calls are expanded, loops written out and columns put for matrices before.
            Expr::Apply(..)
            | Expr::Times(..)
            | Expr::Part(..)
            | Expr::Raised(..)
            | Expr::Over(..)
            | Expr::Lagged(..) => number(Dim::Open),
        }
    }

    /// An element of a vector, whose size must be a number.
    fn element(&mut self, a: &'a At<Expr>, place: usize, size: Option<usize>) -> Dim {
        let dim = self.number(a);
        let size = size.and_then(|size| Size::number(i64::try_from(size).ok()?));
        let wrong = match dim {
            Dim::Vector(n) => {
                if let Some(size) = size {
                    let fixed = self.fixed(size, a.span.clone());
                    self.same(n, fixed, &a.span, &a.span);
                }
                match self.size(n).map(|found| (found, found.count())) {
                    Some((_, Some(count))) if place <= count => None,
                    Some((_, Some(count))) => Some(format!("of {count} elements")),
                    Some((found, None)) => Some(format!("of size {found}")),
                    None => None,
                }
            }
            Dim::Scalar if place > 1 => Some("a scalar".into()),
            _ => None,
        };
        if let Some(label) = wrong {
            let fault =
                Diagnostic::new(format!("there is no element {place} of this"), a.span.clone(), label);
            self.fault(
                fault.help("the size of a vector whose elements are read is a number, as in `state k: 4`"),
            );
        }
        Dim::Scalar
    }

    /// One of the equal parts of a vector: the sizes of the two follow from each other.
    fn portion(&mut self, a: &'a At<Expr>, parts: usize) -> Dim {
        let dim = self.number(a);
        let Expr::Sequence(whole, _) = &a.is else { return Dim::Open };
        let known = self.parts.get(whole).copied();
        let part = known.unwrap_or_else(|| self.fresh());
        self.parts.insert(whole.clone(), part);
        let count = i64::try_from(parts).ok().and_then(Size::number);
        match dim {
            Dim::Vector(n) => match (self.size(n), self.size(part), count) {
                (Some(size), _, Some(count)) => {
                    let Some(size) = size.over(count) else { return Dim::Vector(part) };
                    let fixed = self.fixed(size, a.span.clone());
                    self.same(part, fixed, &a.span, &a.span);
                }
                (None, Some(size), Some(count)) => {
                    if let Some(size) = size.times(count) {
                        let fixed = self.fixed(size, a.span.clone());
                        self.same(n, fixed, &a.span, &a.span);
                    }
                }
                _ => {}
            },
            Dim::Scalar => {
                let fault = Diagnostic::new("a scalar has no parts", a.span.clone(), "one number a sample");
                self.fault(fault);
            }
            Dim::Open => {}
        }
        Dim::Vector(part)
    }

    /// The value of an expression that must be a number.
    fn number(&mut self, expr: &'a At<Expr>) -> Dim {
        let value = self.value(expr);
        if value.truth {
            self.truth(expr);
        }
        value.dim
    }

    /// Something wrong; in the body of a function, the call is shown too.
    fn fault(&mut self, mut fault: Diagnostic) {
        if let Some(call) = self.calls.first()
            && fault.labels.iter().all(|(span, _)| span.start < call.start || span.end > call.end)
        {
            fault = fault.and(call.clone(), "called here");
        }
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn truth(&mut self, expr: &At<Expr>) {
        let fault =
            Diagnostic::new("a comparison is true or false, not a number", expr.span.clone(), "a comparison");
        let fault = fault.help(
            "write `where(…, 1, 0)` to make it a number, and `where(a > 1, where(a < 5, …, …), …)` for two at once",
        );
        self.fault(fault);
    }

    /// A bare name that is added or used element by element: a constant, or a vector unless declared otherwise.
    fn vector(&mut self, name: &'a str, span: &Span) -> Dim {
        if self.names.constants.contains_key(name) {
            return Dim::Scalar;
        }
        if !self.parameters.contains_key(name) {
            let n = self.fresh();
            self.parameters.insert(name, (Parameter::Vector(n), span.clone()));
            self.changed = true;
        }
        match self.parameters[name].clone() {
            (Parameter::Scalar, _) => Dim::Scalar,
            (Parameter::Vector(n), _) => self.of_size(n),
            (parameter @ Parameter::Matrix(..), first) => {
                self.two_forms(name, parameter, &first, "a vector", span);
                Dim::Open
            }
        }
    }

    fn two_forms(&mut self, name: &str, one: Parameter, at: &Span, other: &str, here: &Span) {
        let fault = Diagnostic::new(
            format!("`{name}` is used in two ways"),
            here.clone(),
            format!("here as {other}"),
        )
        .and(at.clone(), format!("as {} here", one.word()))
        .help("give one of them another name");
        self.fault(fault);
    }

    fn product(&mut self, matrix: &'a Name, right: &'a At<Expr>) -> Dim {
        let columns = self.number(right);
        if !self.parameters.contains_key(matrix.is.as_str()) {
            let (r, c) = (self.fresh(), self.fresh());
            self.parameters.insert(&matrix.is, (Parameter::Matrix(r, c), matrix.span.clone()));
            self.changed = true;
        }
        let (r, c) = match self.parameters[matrix.is.as_str()].clone() {
            (Parameter::Matrix(r, c), _) => (r, c),
            (other, first) => {
                self.two_forms(&matrix.is, other, &first, "a matrix", &matrix.span);
                return Dim::Open;
            }
        };
        match columns {
            Dim::Vector(n) => match (self.size(c), self.size(n)) {
                (Some(takes), Some(is)) if takes != is => {
                    let first = self.parameters[matrix.is.as_str()].1.clone();
                    let message = format!("the matrix `{}` takes what is of size {takes}", matrix.is);
                    let fault = Diagnostic::new(message, right.span.clone(), format!("of size {is}"));
                    let label = format!("of {takes} columns since here");
                    self.fault(fault.and(first, label).help("take another matrix, or declare the sizes"));
                }
                _ => self.same(c, n, &matrix.span, &right.span),
            },
            Dim::Scalar if self.of_size(c) == Dim::Scalar => {}
            Dim::Scalar => self.fault(
                Diagnostic::new(
                    format!("the matrix `{}` is multiplied by a scalar", matrix.is),
                    right.span.clone(),
                    "one number a sample",
                )
                .help("`W * a` is for a vector `W`"),
            ),
            Dim::Open => {}
        }
        self.of_size(r)
    }

    fn elementwise(&mut self, a: &'a At<Expr>, b: &'a At<Expr>) -> Dim {
        let (da, db) = (self.number(a), self.number(b));
        match (da, db) {
            (Dim::Vector(m), Dim::Vector(n)) => {
                self.same(m, n, &a.span, &b.span);
                da
            }
            (Dim::Vector(_), _) => da,
            (_, Dim::Vector(_)) => db,
            (Dim::Scalar, Dim::Scalar) => Dim::Scalar,
            _ => Dim::Open,
        }
    }

    /// What is known of a sequence and of what it is equal to must agree.
    fn join(&mut self, sequence: Dim, value: Dim, at: &Span, of: &Span) -> Dim {
        match (sequence, value) {
            (Dim::Vector(m), Dim::Vector(n)) => self.same(m, n, at, of),
            (Dim::Scalar, Dim::Vector(_)) => self.fault(
                Diagnostic::new("a scalar cannot hold a vector", of.clone(), "a vector")
                    .and(at.clone(), "a scalar")
                    .help("take its sum or mean, or declare another size"),
            ),
            _ => {}
        }
        if sequence == Dim::Open { value } else { sequence }
    }

    fn call(&mut self, function: Function, arguments: &'a [At<Expr>]) -> Dim {
        match (function, arguments) {
            (Function::Where, [condition, a, b]) => {
                let c = self.value(condition);
                if !c.truth {
                    let fault =
                        Diagnostic::new("`where` chooses by a comparison", condition.span.clone(), "not one")
                            .help("write `where(a > 0, …, …)`");
                    self.fault(fault);
                }
                let dim = self.elementwise(a, b);
                match (c.dim, dim) {
                    (Dim::Vector(m), Dim::Vector(n)) => {
                        self.same(m, n, &condition.span, &a.span);
                        dim
                    }
                    (Dim::Vector(_), _) => c.dim,
                    _ => dim,
                }
            }
            (Function::Min | Function::Max | Function::Mod | Function::Backward, [a, b]) => {
                self.elementwise(a, b)
            }
            (Function::Sum | Function::Mean, [a]) => {
                self.number(a);
                Dim::Scalar
            }
            (Function::Softmax, [a]) => match self.number(a) {
                Dim::Scalar => {
                    self.fault(Diagnostic::new("the softmax of one number is 1", a.span.clone(), "a scalar"));
                    Dim::Scalar
                }
                dim => dim,
            },
            (Function::Concat, parts) => self.concat(parts),
            (_, [a]) => self.number(a),
            // The parser has counted the arguments.
            _ => Dim::Open,
        }
    }

    fn concat(&mut self, parts: &'a [At<Expr>]) -> Dim {
        let dims: Vec<Dim> = parts.iter().map(|part| self.number(part)).collect();
        let mut total = Size::number(0);
        for dim in dims {
            let size = match dim {
                Dim::Scalar => Size::number(1),
                Dim::Vector(n) => match self.size(n) {
                    Some(size) => Some(size),
                    None => return Dim::Open,
                },
                Dim::Open => return Dim::Open,
            };
            total = total.zip(size).and_then(|(a, b)| a.plus(b));
        }
        match total {
            Some(size) => {
                let size = self.fixed(size, parts[0].span.clone());
                self.of_size(size)
            }
            None => Dim::Open,
        }
    }
}
