//! Infers the shape of an expression's value, and the sizes within it.

use super::super::ast::{At, Expr, Function, Name};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::size::Size;
use super::{Dim, Parameter, Solver, Value};

impl<'a> Solver<'a> {
    pub(super) fn value(&mut self, expr: &'a At<Expr>) -> Value {
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
            // Calls are expanded, loops unrolled and matrices lowered by now.
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

    /// One of the equal parts of a vector: each size determines the other.
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

    /// The value of an expression that must be a scalar.
    fn number(&mut self, expr: &'a At<Expr>) -> Dim {
        let value = self.value(expr);
        if value.truth {
            self.truth(expr);
        }
        value.dim
    }

    /// Records a fault; in the body of a function it also shows the call.
    pub(super) fn fault(&mut self, mut fault: Diagnostic) {
        if let Some(call) = self.calls.first()
            && fault.labels.iter().all(|(span, _)| span.start < call.start || span.end > call.end)
        {
            fault = fault.and(call.clone(), "called here");
        }
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub(super) fn truth(&mut self, expr: &At<Expr>) {
        let fault =
            Diagnostic::new("a comparison is true or false, not a number", expr.span.clone(), "a comparison");
        let fault = fault.help(
            "write `where(…, 1, 0)` to make it a number, and `where(a > 1, where(a < 5, …, …), …)` for two at once",
        );
        self.fault(fault);
    }

    /// A bare name used element by element: a constant, or a vector unless declared otherwise.
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

    /// Unifies the shape of a sequence with that of its right side.
    pub(super) fn join(&mut self, sequence: Dim, value: Dim, at: &Span, of: &Span) -> Dim {
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
            (Function::Dropout | Function::LockedDropout, [a, _]) | (_, [a]) => self.number(a),
            // The parser has checked the arity.
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
