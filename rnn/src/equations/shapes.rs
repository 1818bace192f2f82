//! Shape inference: the shapes of sequences and parameters follow from their use.
//!
//! Sizes are unknowns in a union-find structure, unified by equations and bound where a size is known (`x[t]` has
//! `input` features). The equations are scanned until nothing changes; then the first sequence that is still open
//! gets the size `hidden`, and so on. A size that is open at the end is an error.

mod once;
mod unknowns;
mod values;

use super::ast::{At, Expr, Form, Function, Name};
use super::diagnostic::{Diagnostic, Span};
use super::names::Names;
use super::shape::Shape;
use super::size::Size;
use std::collections::HashMap;

/// The shapes of a cell.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// Of each sequence, `x` included.
    pub sequences: HashMap<String, Shape>,
    /// Of each parameter.
    pub parameters: HashMap<String, Shape>,
}

/// A size that may not be known yet.
type Unknown = usize;

/// The shape of an expression, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dim {
    Open,
    Scalar,
    Vector(Unknown),
}

/// The shape of a value, and whether it is a truth value.
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
    /// The size of each root of the union-find, and the place that bound it.
    known: Vec<Option<(Size, Span)>>,
    sequences: HashMap<&'a str, Dim>,
    parameters: HashMap<&'a str, (Parameter, Span)>,
    changed: bool,
    /// The size of the parts of each split vector.
    parts: HashMap<String, Unknown>,
    /// Unknown sizes of values in functions of parameters, keyed by their address in the tree.
    places: HashMap<(usize, usize), Unknown>,
    /// The enclosing function calls of the current expression.
    calls: Vec<Span>,
    /// The faults of the last scan, when most is known.
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
        places: HashMap::new(),
        calls: Vec::new(),
        faults: Vec::new(),
    };
    solver.declare(declared);
    solver.settle();
    solver.result()
}

/// The declared forms, with their sizes evaluated.
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

    /// Scans the equations until nothing changes, and again for each sequence that is still open.
    fn settle(&mut self) {
        let names: &'a Names = self.names;
        loop {
            loop {
                self.changed = false;
                self.faults.clear();
                names.lets.iter().for_each(|(name, value)| self.once(name, value));
                for (name, value) in &names.equations {
                    let faults = self.faults.len();
                    let made = self.value(value);
                    if made.truth {
                        self.truth(value);
                    }
                    // A fault within a value also breaks the whole: report it once.
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
            // The size of a part usually follows from the whole vector.
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

    /// Makes open sequences that depend on scalars alone, possibly on each other, scalars; returns whether there are
    /// any. The output is excluded unless it is declared as one.
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

    /// Whether a value is a scalar, assuming that some sequences are.
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
            Expr::Call(function, arguments) if function.drops() => is(&arguments[0]),
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
