//! The shapes of functions of parameters.

use super::super::ast::{At, Expr, Function, Name};
use super::super::diagnostic::Diagnostic;
use super::{Parameter, Solver, Unknown};

impl<'a> Solver<'a> {
    /// Infers the shapes of a `let` line in both directions.
    pub(super) fn once(&mut self, name: &'a Name, value: &'a At<Expr>) {
        let known = self.parameters.get(name.is.as_str()).map(|(parameter, _)| *parameter);
        if let (Some(made), None) = (self.of_parameters(value, known), known) {
            self.parameters.insert(&name.is, (made, name.span.clone()));
            self.changed = true;
        }
    }

    /// An unknown size of a value: the same one in every scan.
    fn fresh_at(&mut self, expr: &'a At<Expr>, which: usize) -> Unknown {
        let key = (std::ptr::from_ref(expr) as usize, which);
        if let Some(&known) = self.places.get(&key) {
            return known;
        }
        let new = self.fresh();
        self.places.insert(key, new);
        new
    }

    /// The shape of a value; names of unknown shape take the wanted one.
    fn of_parameters(&mut self, expr: &'a At<Expr>, want: Option<Parameter>) -> Option<Parameter> {
        match &expr.is {
            Expr::Number(_) => Some(Parameter::Scalar),
            Expr::Name(name) if self.names.constants.contains_key(name) => Some(Parameter::Scalar),
            Expr::Name(name) => self.read(name, expr, want),
            Expr::Negative(a) | Expr::Power(a, _) | Expr::Body(a) | Expr::Argument(_, a) => {
                self.of_parameters(a, want)
            }
            Expr::Binary(_, a, b) => self.pair(a, b, want),
            Expr::Product(matrix, right) => {
                let (rows, columns) = (self.fresh_at(expr, 0), self.fresh_at(expr, 1));
                let at = At::new(Expr::Name(matrix.is.clone()), matrix.span.clone());
                let left = self.known_or(&matrix.is, &at, Parameter::Matrix(rows, columns));
                self.multiplied(Some(left), right, want, expr)
            }
            Expr::Times(left, right) => {
                let left = self.of_parameters(left, None);
                self.multiplied(left, right, want, expr)
            }
            Expr::Call(Function::Transpose, arguments) => {
                let turned = match want {
                    Some(Parameter::Matrix(r, c)) => Parameter::Matrix(c, r),
                    _ => Parameter::Matrix(self.fresh_at(expr, 0), self.fresh_at(expr, 1)),
                };
                match self.of_parameters(&arguments[0], Some(turned)) {
                    Some(Parameter::Matrix(r, c)) => Some(Parameter::Matrix(c, r)),
                    other => other,
                }
            }
            Expr::Call(Function::Expm | Function::Cayley, arguments) => {
                let n = self.fresh_at(expr, 0);
                let want = want.or(Some(Parameter::Matrix(n, n)));
                let of = self.of_parameters(&arguments[0], want);
                if let Some(Parameter::Matrix(r, c)) = of {
                    self.same(r, c, &expr.span, &arguments[0].span);
                }
                of
            }
            Expr::Call(Function::Sum | Function::Mean, arguments) => {
                self.of_parameters(&arguments[0], None);
                Some(Parameter::Scalar)
            }
            Expr::Call(Function::Dropout, arguments) => self.of_parameters(&arguments[0], want),
            Expr::Call(_, arguments) => match &arguments[..] {
                [a, b] => self.pair(a, b, want),
                all => self.of_parameters(&all[0], want),
            },
            _ => None,
        }
    }

    /// Two values, element by element; a scalar broadcasts.
    fn pair(&mut self, a: &'a At<Expr>, b: &'a At<Expr>, want: Option<Parameter>) -> Option<Parameter> {
        let one = self.of_parameters(a, want);
        let known = one.filter(|one| !matches!(one, Parameter::Scalar)).or(want);
        let other = self.of_parameters(b, known);
        match (one, other) {
            (None, Some(Parameter::Scalar)) | (Some(Parameter::Scalar), None) => want,
            (None, Some(other)) => self.of_parameters(a, Some(other)),
            (Some(Parameter::Scalar), other) => other,
            (one, Some(Parameter::Scalar) | None) => one,
            (Some(one), Some(other)) => {
                self.unify(one, other, b);
                Some(one)
            }
        }
    }

    /// A matrix times its operand.
    fn multiplied(
        &mut self,
        left: Option<Parameter>,
        right: &'a At<Expr>,
        want: Option<Parameter>,
        whole: &'a At<Expr>,
    ) -> Option<Parameter> {
        let Some(Parameter::Matrix(rows, inner)) = left else { return None };
        let wanted = match want {
            Some(Parameter::Matrix(r, c)) => {
                self.same(rows, r, &whole.span, &whole.span);
                Some(Parameter::Matrix(inner, c))
            }
            Some(Parameter::Vector(n)) => {
                self.same(rows, n, &whole.span, &whole.span);
                Some(Parameter::Vector(inner))
            }
            _ => None,
        };
        match self.of_parameters(right, wanted)? {
            Parameter::Matrix(k, c) => {
                self.same(inner, k, &whole.span, &right.span);
                Some(Parameter::Matrix(rows, c))
            }
            Parameter::Vector(n) => {
                self.same(inner, n, &whole.span, &right.span);
                Some(Parameter::Vector(rows))
            }
            Parameter::Scalar => {
                let fault =
                    Diagnostic::new("a matrix is multiplied by a number", right.span.clone(), "a scalar");
                self.fault(fault.help("write `*`"));
                None
            }
        }
    }

    fn read(&mut self, name: &'a str, at: &At<Expr>, want: Option<Parameter>) -> Option<Parameter> {
        match want {
            Some(want @ (Parameter::Vector(_) | Parameter::Matrix(..))) => {
                Some(self.known_or(name, at, want))
            }
            _ => self.parameters.get(name).map(|(parameter, _)| *parameter),
        }
    }

    /// The known shape of a name, or else `other`.
    fn known_or(&mut self, name: &'a str, at: &At<Expr>, other: Parameter) -> Parameter {
        let Some((known, _)) = self.parameters.get(name).cloned() else {
            self.parameters.insert(name, (other, at.span.clone()));
            self.changed = true;
            return other;
        };
        self.unify(known, other, at);
        known
    }

    fn unify(&mut self, one: Parameter, other: Parameter, at: &At<Expr>) {
        match (one, other) {
            (Parameter::Matrix(r, c), Parameter::Matrix(s, d)) => {
                self.same(r, s, &at.span, &at.span);
                self.same(c, d, &at.span, &at.span);
            }
            (Parameter::Vector(m), Parameter::Vector(n)) => self.same(m, n, &at.span, &at.span),
            (Parameter::Scalar, _) | (_, Parameter::Scalar) => {}
            _ => {
                let message =
                    format!("{} and {} stand in one function of parameters", one.word(), other.word());
                let fault = Diagnostic::new(message, at.span.clone(), one.word());
                self.fault(fault.help(
                    "a vector for each row is a matrix: declare it, as in `param W: [hidden, hidden]`",
                ));
            }
        }
    }
}
