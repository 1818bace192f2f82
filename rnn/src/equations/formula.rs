//! Values by formula: `fixed A = where(row > column, 1, 0)` and `init A_log = log(column)`.
//!
//! A formula gives each element of a parameter from its `row` and `column`, both from 1 (of a vector, both are the
//! index), from sizes, constants and numbers, and from random draws: `uniform(-1, 1)`, `orthogonal`.

use super::ast::{At, Expr, Function, Operation};
use super::diagnostic::Diagnostic;
use super::names::{Names, walk};
use crate::init::{Init, InitError};
use autograd::ops::Op;
use ndarray::{ArrayD, Dimension, Zip};
use rand::{Rng, RngExt};

/// A formula, with the values of its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    pub(super) formula: At<Expr>,
    /// Sizes and constants with their values.
    pub(super) names: Vec<(String, f64)>,
}

/// Matrices that are drawn or built as a whole, by their names in formulas.
fn matrix(name: &str) -> Option<Init> {
    match name {
        "orthogonal" => Some(Init::Orthogonal { gain: 1.0 }),
        "xavier" => Some(Init::Xavier { gain: 1.0 }),
        "identity" => Some(Init::Identity { scale: 1.0 }),
        _ => None,
    }
}

/// The subexpression of a formula that only a matrix can have, if there is one.
pub(super) fn of_matrices(formula: &At<Expr>) -> Option<&At<Expr>> {
    let mut found = None;
    walk(formula, &mut |e| {
        if let Expr::Name(name) = &e.is
            && matrix(name).is_some()
        {
            found.get_or_insert(e);
        }
    });
    found
}

/// Whether a formula draws random numbers.
pub(super) fn draws(formula: &At<Expr>) -> bool {
    let mut found = false;
    walk(formula, &mut |e| {
        found |= match &e.is {
            Expr::Call(function, _) => function.draws(),
            Expr::Name(name) => matches!(&name[..], "orthogonal" | "xavier"),
            _ => false,
        };
    });
    found
}

impl Names {
    /// A fault for a subexpression that is not allowed in a formula.
    pub(super) fn misplaced(&self, formula: &At<Expr>) -> Option<Diagnostic> {
        let mut found: Option<Diagnostic> = None;
        walk(formula, &mut |e| {
            let message = match &e.is {
                Expr::Number(_)
                | Expr::Negative(_)
                | Expr::Power(..)
                | Expr::Raised(..)
                | Expr::Binary(..) => return,
                Expr::Name(name) if self.is_of_formulas(name) => return,
                Expr::Name(name) => format!("a formula knows no `{name}`"),
                Expr::Call(function, arguments) => {
                    let (least, most) = function.arity();
                    let counted = (least..=most).contains(&arguments.len());
                    if counted && (function.draws() || function.is_of_numbers()) {
                        return;
                    }
                    if counted {
                        format!("`{}` stands in no formula", function.name())
                    } else {
                        format!("`{}` takes {least} to {most} arguments", function.name())
                    }
                }
                Expr::Sequence(name, _) => format!("a formula reads no sequence, and `{name}` is one"),
                Expr::Step => "a formula knows no time".into(),
                _ => "this stands in no formula".into(),
            };
            let help = "each element is made of `row` and `column`, both from 1, of numbers, sizes, constants and \
                        their functions, and of what is drawn: `uniform(a, b)`, `log_uniform(a, b)`, `normal(s)`, \
                        `orthogonal`, `xavier`, `identity`";
            found.get_or_insert_with(|| {
                Diagnostic::new(message, e.span.clone(), "in a formula for a parameter").help(help)
            });
        });
        found
    }

    /// Whether a bare name has a meaning in formulas.
    pub(super) fn is_of_formulas(&self, name: &str) -> bool {
        matches!(name, "row" | "column" | "pi" | "π" | "input" | "hidden")
            || matrix(name).is_some()
            || self.constants.contains_key(name)
            || self.sizes.contains_key(name)
    }
}

impl Function {
    /// Whether it is a scalar function.
    fn is_of_numbers(self) -> bool {
        matches!(
            self,
            Self::Where | Self::Silu | Self::Gelu | Self::SoftplusInverse | Self::Min | Self::Max | Self::Mod
        ) || self.op().is_some()
    }
}

impl Formula {
    /// The values of a parameter of that shape. Random numbers are drawn in the order of the text.
    ///
    /// # Errors
    /// [`InitError::NotFinite`] if an element is not finite in single precision.
    pub fn draw(&self, shape: &[usize], rng: &mut impl Rng) -> Result<ArrayD<f64>, InitError> {
        let values = self.value(&self.formula, shape, rng);
        #[allow(clippy::cast_possible_truncation)] // whether it can be is the question
        let bad = values.indexed_iter().find(|(_, value)| !(**value as f32).is_finite());
        match bad {
            Some((place, &value)) => {
                let place = place.slice().iter().map(|i| i + 1).collect();
                Err(InitError::NotFinite { value, place })
            }
            None => Ok(values),
        }
    }

    fn value(&self, expr: &At<Expr>, shape: &[usize], rng: &mut impl Rng) -> ArrayD<f64> {
        let all = |number: f64| ArrayD::from_elem(shape, number);
        match &expr.is {
            Expr::Number(number) => all(*number),
            Expr::Name(name) => self.name(name, shape, rng),
            Expr::Negative(a) => -self.value(a, shape, rng),
            Expr::Power(a, n) => self.value(a, shape, rng).mapv_into(|a| a.powi(*n)),
            Expr::Raised(a, n) => both(&self.value(a, shape, rng), &self.value(n, shape, rng), f64::powf),
            Expr::Binary(operation, a, b) => {
                let (a, b) = (self.value(a, shape, rng), self.value(b, shape, rng));
                both(&a, &b, |a, b| operation.of_numbers(a, b))
            }
            Expr::Call(function, arguments) => {
                let arguments: Vec<ArrayD<f64>> =
                    arguments.iter().map(|a| self.value(a, shape, rng)).collect();
                call(*function, &arguments, rng)
            }
            // `Names::misplaced` has refused everything else.
            _ => all(f64::NAN),
        }
    }

    fn name(&self, name: &str, shape: &[usize], rng: &mut impl Rng) -> ArrayD<f64> {
        let place =
            |axis: usize| ArrayD::from_shape_fn(shape, |index| 1.0 + index.as_array_view()[axis] as f64);
        if let Some(init) = matrix(name) {
            // A vector was refused when the file was read.
            return init.exact(shape, 1, rng).unwrap_or_else(|_| ArrayD::from_elem(shape, f64::NAN));
        }
        let known = self.names.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        match name {
            "row" => place(0),
            "column" => place(shape.len() - 1),
            "pi" | "π" => ArrayD::from_elem(shape, std::f64::consts::PI),
            _ => ArrayD::from_elem(shape, known.unwrap_or(f64::NAN)),
        }
    }
}

impl Operation {
    /// Its value for two numbers; true is 1.
    #[allow(clippy::float_cmp)] // the file says `==`
    pub(super) fn of_numbers(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Less => f64::from(a < b),
            Self::LessEqual => f64::from(a <= b),
            Self::Greater => f64::from(a > b),
            Self::GreaterEqual => f64::from(a >= b),
            Self::Equal => f64::from(a == b),
            Self::NotEqual => f64::from(a != b),
        }
    }
}

fn both(a: &ArrayD<f64>, b: &ArrayD<f64>, f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    Zip::from(a).and(b).map_collect(|&a, &b| f(a, b))
}

fn call(function: Function, arguments: &[ArrayD<f64>], rng: &mut impl Rng) -> ArrayD<f64> {
    let a = &arguments[0];
    let mut unit = || ArrayD::from_shape_simple_fn(a.raw_dim(), || rng.random::<f64>());
    match (function, arguments) {
        (Function::Uniform, [bound]) => bound * (2.0 * unit() - 1.0),
        (Function::Uniform, [low, high]) => low + (high - low) * unit(),
        (Function::LogUniform, [low, high]) => {
            (low.mapv(f64::ln) + (high / low).mapv(f64::ln) * unit()).mapv(f64::exp)
        }
        (Function::Normal, [std]) => std.mapv(|std| std * rng.sample::<f64, _>(rand_distr::StandardNormal)),
        (Function::Where, [condition, yes, no]) => {
            Zip::from(condition).and(yes).and(no).map_collect(|&c, &y, &n| if c == 0.0 { n } else { y })
        }
        (Function::SoftplusInverse, [a]) => a.mapv(softplus_inverse),
        (Function::Min, [a, b]) => both(a, b, f64::min),
        (Function::Max, [a, b]) => both(a, b, f64::max),
        (Function::Mod, [a, b]) => both(a, b, |a, b| a - b * (a / b).floor()),
        (Function::Silu, [a]) => a.mapv(|a| a / (1.0 + (-a).exp())),
        (Function::Gelu, [a]) => {
            let half = a.mapv(|a| a * std::f64::consts::FRAC_1_SQRT_2);
            a / 2.0 * (1.0 + call(Function::Erf, &[half], rng))
        }
        _ => {
            let value = function.op().and_then(Op::operator).map(|op| op.eval_f64(&[&a.clone().into()]));
            value.map_or(ArrayD::from_elem(a.raw_dim(), f64::NAN), |y| y.float().clone())
        }
    }
}

/// The inverse of softplus, `ln(eᵃ - 1)`, without overflow for large a.
pub(super) fn softplus_inverse(a: f64) -> f64 {
    a + (-(-a).exp_m1()).ln()
}
