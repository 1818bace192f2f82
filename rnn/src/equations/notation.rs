//! The equations of a cell as formulas.

use super::EquationCell;
use super::ast::{At, Expr, Function, Item, Name, Operation};
use super::shape::Shape;
use autograd_view::math::{Form, Line, Math, Sign, Symbol};

impl EquationCell {
    /// The functions, constants and equations of the file, typeset as in a paper.
    ///
    /// ```
    /// use rnn::equations::EquationCell;
    /// use autograd_view::math::Form;
    ///
    /// let cell = EquationCell::read("cell a\n h[t] = tanh(W x[t] + u * h[t-1])", "a.cell")?;
    /// assert_eq!(cell.typeset(Form::Unicode), "hₜ = tanh(W xₜ + u ⊙ hₜ₋₁)\n");
    /// # Ok::<(), rnn::equations::Faults>(())
    /// ```
    pub fn typeset(&self, form: Form) -> String {
        let parts = |names: &[Name]| {
            Math::Stack(names.iter().map(|name| Symbol::of(&name.is).at(0).into()).collect())
        };
        let lines = |item: &Item| match item {
            Item::Equation(name, value) => {
                vec![Line { left: Symbol::of(&name.is).at(0).into(), right: self.math(value) }]
            }
            Item::Split(names, value) | Item::Results(names, value) => {
                vec![Line { left: parts(names), right: self.math(value) }]
            }
            // A used cell has its own file.
            Item::Function(_, arguments, _) if arguments.iter().any(|a| a.is.contains('@')) => Vec::new(),
            Item::Function(name, arguments, body) => {
                let arguments = arguments.iter().map(|a| Symbol::of(&a.is).into()).collect();
                let value = |(name, value): &(Name, At<Expr>)| Line {
                    left: Symbol::of(&name.is).into(),
                    right: self.math(value),
                };
                let result = match &body.results[..] {
                    [one] => self.math(one),
                    all => Math::Stack(all.iter().map(|result| self.math(result)).collect()),
                };
                let left = Math::Call(name.is.clone(), arguments);
                body.values.iter().map(value).chain([Line { left, right: result }]).collect()
            }
            Item::Let(name, value) => {
                vec![Line { left: Symbol::of(&name.is).into(), right: self.math(value) }]
            }
            Item::Const(name, _) => match self.constants.get(&name.is) {
                Some(value) => {
                    vec![Line { left: Symbol::of(&name.is).into(), right: Math::Number(*value) }]
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        form.write(&self.names.items.iter().flat_map(lines).collect::<Vec<_>>())
    }

    fn math(&self, expr: &At<Expr>) -> Math {
        let of = |a: &At<Expr>| Box::new(self.math(a));
        match &expr.is {
            Expr::Number(number) => Math::Number(*number),
            // Loops are unrolled by now, and so are their lags.
            Expr::Name(name) | Expr::Lagged(name, _) => Symbol::of(name).into(),
            // A lag is at most 1000.
            Expr::Sequence(name, lag) => Symbol::of(name).at(-i64::try_from(*lag).unwrap_or(0)).into(),
            Expr::Step => Symbol::of("t").into(),
            Expr::Product(matrix, right) => Math::product(Symbol::of(&matrix.is).into(), self.math(right)),
            Expr::Negative(a) => Math::Negative(of(a)),
            Expr::Power(a, n) => Math::Power(of(a), *n),
            Expr::Binary(Operation::Divide, a, b) => Math::Fraction(of(a), of(b)),
            Expr::Binary(operation, a, b) => {
                let elementwise = !self.is_scalar(a) && !self.is_scalar(b);
                Math::Infix(sign(*operation, elementwise), of(a), of(b))
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Apply(name, arguments) => {
                Math::Call(name.is.clone(), arguments.iter().map(|a| self.math(a)).collect())
            }
            Expr::Times(matrix, right) => Math::product(self.math(matrix), self.math(right)),
            Expr::Element(a, place, _) => {
                let place = Math::Number(*place as f64);
                Math::Part(of(a), place.into(), None)
            }
            Expr::Body(a) | Expr::Argument(_, a) => self.math(a),
            // Loops are unrolled by now.
            Expr::Portion(a, ..) | Expr::Part(a, _) | Expr::Raised(a, _) | Expr::Over(_, a, _) => {
                self.math(a)
            }
        }
    }

    fn call(&self, function: Function, arguments: &[At<Expr>]) -> Math {
        let of = |a: &At<Expr>| Box::new(self.math(a));
        match (function, arguments) {
            (Function::Sqrt, [a]) => Math::Root(of(a)),
            (Function::Transpose, [a]) => Math::Transpose(of(a)),
            (Function::Outer, [a, b]) => Math::product(self.math(a), Math::Transpose(of(b))),
            (Function::Abs, [a]) => Math::Absolute(of(a)),
            (Function::Mod, [a, b]) => Math::Infix(Sign::Modulo, of(a), of(b)),
            (Function::Concat, parts) => Math::Stack(parts.iter().map(|a| self.math(a)).collect()),
            (Function::Where, [condition, a, b]) => {
                let first = (self.math(a), self.math(condition));
                // A nested conditional in the else branch becomes one more case.
                match self.math(b) {
                    Math::Cases(more, otherwise) => {
                        Math::Cases([first].into_iter().chain(more).collect(), otherwise)
                    }
                    otherwise => Math::Cases(vec![first], otherwise.into()),
                }
            }
            (function, arguments) => {
                Math::Call(function.name().into(), arguments.iter().map(|a| self.math(a)).collect())
            }
        }
    }

    /// Whether a value is a scalar per sample, judged by the names in it.
    fn is_scalar(&self, expr: &At<Expr>) -> bool {
        let is = |shape: Option<&Shape>| shape == Some(&Shape::Scalar);
        match &expr.is {
            Expr::Number(_)
            | Expr::Step
            | Expr::Element(..)
            | Expr::Call(Function::Sum | Function::Mean, _) => true,
            Expr::Name(name) => self.constants.contains_key(name) || is(self.shapes.parameters.get(name)),
            Expr::Sequence(name, _) => is(self.shapes.sequences.get(name)),
            Expr::Negative(a) | Expr::Power(a, _) | Expr::Body(a) | Expr::Argument(_, a) => self.is_scalar(a),
            Expr::Binary(_, a, b) => self.is_scalar(a) && self.is_scalar(b),
            Expr::Call(function, _) if function.joins_features() => false,
            Expr::Call(function, arguments) if function.drops() => self.is_scalar(&arguments[0]),
            Expr::Call(_, arguments) => arguments.iter().all(|a| self.is_scalar(a)),
            _ => false,
        }
    }
}

fn sign(operation: Operation, elementwise: bool) -> Sign {
    match operation {
        Operation::Add => Sign::Plus,
        Operation::Subtract => Sign::Minus,
        Operation::Multiply | Operation::Divide if elementwise => Sign::Hadamard,
        Operation::Multiply | Operation::Divide => Sign::Times,
        Operation::Less => Sign::Less,
        Operation::LessEqual => Sign::LessEqual,
        Operation::Greater => Sign::Greater,
        Operation::GreaterEqual => Sign::GreaterEqual,
        Operation::Equal => Sign::Equal,
        Operation::NotEqual => Sign::NotEqual,
    }
}
