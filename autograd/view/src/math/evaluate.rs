//! Evaluates formulas numerically.

use super::{Math, Sign, Symbol, Time};
use autograd::ops::Op;
use ndarray::{Array2, ArrayView2, Axis, Zip, concatenate};

/// The values of the names in a formula.
pub trait Values {
    /// The value of a name at its step, or of its adjoint: a column per sample.
    fn value(&self, name: &Symbol, adjoint: bool) -> Option<Array2<f64>>;

    /// The number of steps: `Σₜ` runs from 1 to it.
    fn steps(&self) -> i64;
}

/// The value of a formula at step t. Truth values are 1 and 0; a single row or column broadcasts in elementwise
/// operations.
///
/// # Errors
/// A sentence: the name without a value, the unknown function, or the sizes that do not fit.
pub fn evaluate(math: &Math, t: i64, values: &dyn Values) -> Result<Array2<f64>, String> {
    let of = |math: &Math| evaluate(math, t, values);
    let number = |n: f64| Array2::from_elem([1, 1], n);
    Ok(match math {
        Math::Number(n) => number(*n),
        Math::Ones(n) => Array2::ones([*n, 1]),
        Math::Symbol(symbol) if *symbol == Symbol::of("t") => number(t as f64),
        Math::Symbol(symbol) => named(symbol, false, t, values)?,
        Math::Adjoint(a) => match &**a {
            Math::Symbol(symbol) => named(symbol, true, t, values)?,
            other => return Err(format!("the adjoint of {other:?} has no name")),
        },
        Math::Negative(a) => -of(a)?,
        Math::Infix(Sign::Product, a, b) => {
            let (a, b) = (of(a)?, of(b)?);
            if a.ncols() != b.nrows() {
                return Err(format!("the inner sizes differ: {:?} · {:?}", a.dim(), b.dim()));
            }
            a.dot(&b)
        }
        Math::Infix(sign, a, b) => zip(&of(a)?, &of(b)?, |a, b| infix(*sign, a, b))?,
        Math::Fraction(a, b) => zip(&of(a)?, &of(b)?, |a, b| a / b)?,
        Math::Power(a, n) => of(a)?.mapv(|a| a.powi(*n)),
        Math::Root(a) => of(a)?.mapv(f64::sqrt),
        Math::Absolute(a) => of(a)?.mapv(f64::abs),
        Math::Transpose(a) => of(a)?.reversed_axes(),
        Math::Call(function, arguments) => {
            call(function, &arguments.iter().map(of).collect::<Result<Vec<_>, _>>()?)?
        }
        Math::Stack(parts) => {
            let parts: Vec<Array2<f64>> = parts.iter().map(of).collect::<Result<_, _>>()?;
            let views: Vec<ArrayView2<f64>> = parts.iter().map(|part| part.view()).collect();
            concatenate(Axis(0), &views).map_err(|e| e.to_string())?
        }
        Math::Cases(cases, otherwise) => {
            let mut value = of(otherwise)?;
            for (a, condition) in cases.iter().rev() {
                let (a, condition) = (of(a)?, of(condition)?);
                let taken = zip(&condition, &a, |c, a| if c == 0.0 { 0.0 } else { a })?;
                let kept = zip(&condition, &value, |c, b| if c == 0.0 { b } else { 0.0 })?;
                value = zip(&taken, &kept, |a, b| a + b)?;
            }
            value
        }
        Math::Indicator(condition) => of(condition)?,
        Math::Part(whole, _, Some(rows)) => {
            let whole = of(whole)?;
            if rows.end > whole.nrows() {
                return Err(format!("there are {} rows, and no {rows:?}", whole.nrows()));
            }
            whole.slice(ndarray::s![rows.clone(), ..]).to_owned()
        }
        Math::Part(..) => return Err("a part without numbers of rows has no value".into()),
        Math::Total(a) => {
            let mut terms = (1..=values.steps()).map(|t| evaluate(a, t, values));
            let first = terms.next().ok_or("there is no step")??;
            terms.try_fold(first, |sum, term| zip(&sum, &term?, |a, b| a + b))?
        }
    })
}

fn named(symbol: &Symbol, adjoint: bool, t: i64, values: &dyn Values) -> Result<Array2<f64>, String> {
    let symbol = match symbol.time {
        Some(Time::Lag(lag)) => symbol.clone().at_step(t + lag),
        _ => symbol.clone(),
    };
    values.value(&symbol, adjoint).ok_or_else(|| format!("{symbol:?} has no value"))
}

fn infix(sign: Sign, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    #[allow(clippy::float_cmp)] // the formula says =
    match sign {
        Sign::Less => truth(a < b),
        Sign::LessEqual => truth(a <= b),
        Sign::Greater => truth(a > b),
        Sign::GreaterEqual => truth(a >= b),
        Sign::Equal => truth(a == b),
        Sign::NotEqual => truth(a != b),
        Sign::Plus => a + b,
        Sign::Minus => a - b,
        Sign::Hadamard | Sign::Times | Sign::Product => a * b,
        Sign::Modulo => a - b * (a / b).floor(),
    }
}

/// Functions of the elements, and of the columns: `sum`, `mean`, `dim` and the softmax family reduce each column.
fn call(function: &str, x: &[Array2<f64>]) -> Result<Array2<f64>, String> {
    let largest = |x: &Array2<f64>| {
        let top = x.fold_axis(Axis(0), f64::NEG_INFINITY, |&a, &b| a.max(b));
        top.insert_axis(Axis(0))
    };
    let total = |x: &Array2<f64>| {
        let top = largest(x);
        (x - &top).mapv(f64::exp).sum_axis(Axis(0)).insert_axis(Axis(0)).mapv(f64::ln) + top
    };
    match (function, x) {
        ("stop", [x]) => Ok(x.clone()),
        ("dim", [x]) => Ok(Array2::from_elem([1, 1], x.nrows() as f64)),
        ("sum", [x]) => Ok(x.sum_axis(Axis(0)).insert_axis(Axis(0))),
        ("mean", [x]) => Ok(x.sum_axis(Axis(0)).insert_axis(Axis(0)) / x.nrows() as f64),
        ("max", [x]) => Ok(largest(x)),
        ("logsumexp", [x]) => Ok(total(x)),
        ("log_softmax", [x]) => Ok(x - &total(x)),
        ("softmax", [x]) => Ok((x - &total(x)).mapv(f64::exp)),
        ("max", [a, b]) => zip(a, b, f64::max),
        ("min", [a, b]) => zip(a, b, f64::min),
        ("log", [x]) => Ok(x.mapv(f64::ln)),
        (_, [x]) if let Some(y) = pointwise(function, x) => Ok(y),
        _ => Err(format!("{function} of {} operands is not known in numbers", x.len())),
    }
}

/// A unary function that is an op of the engine, by name.
fn pointwise(function: &str, x: &Array2<f64>) -> Option<Array2<f64>> {
    let op = Op::functions().iter().find(|op| op.name() == function)?.operator()?;
    op.eval_f64(&[&x.clone().into_dyn().into()]).into_float().into_dimensionality().ok()
}

fn zip(a: &Array2<f64>, b: &Array2<f64>, f: impl Fn(f64, f64) -> f64) -> Result<Array2<f64>, String> {
    let wide = [a.nrows().max(b.nrows()), a.ncols().max(b.ncols())];
    match (a.broadcast(wide), b.broadcast(wide)) {
        (Some(a), Some(b)) => Ok(Zip::from(a).and(b).map_collect(|&a, &b| f(a, b))),
        _ => Err(format!("{:?} and {:?} do not fit", a.dim(), b.dim())),
    }
}
