//! A direct interpreter of a file's equations, number by number: no graph, no batch, no mask.

use ndarray::{Array1, Array2, Axis, Ix2, Slice, concatenate};
use rnn::Cell;
use rnn::equations::EquationCell;
use rnn::equations::ast::{At, Expr, Function, Item, Name, Operation};
use std::collections::HashMap;

type Vector = Array1<f64>;

/// The parameters of a lane, by their names in the equations.
pub struct Reading<'a> {
    cell: &'a EquationCell,
    matrices: HashMap<String, Array2<f64>>,
    vectors: HashMap<String, Vector>,
    constants: HashMap<&'a str, f64>,
    /// The functions of the file: their arguments and bodies.
    functions: HashMap<&'a str, (&'a [Name], &'a At<Expr>)>,
    /// The sizes of sequences read at earlier steps.
    sizes: HashMap<String, usize>,
}

/// The value of each sequence at each step so far; zero before the first.
type Past = HashMap<String, Vec<Vector>>;

/// The arguments of a function within its body.
type Scope<'a> = HashMap<&'a str, Given<'a>>;

/// An argument: a value, or the name of a matrix.
enum Given<'a> {
    Value(Vector),
    Matrix(&'a str),
}

impl<'a> Reading<'a> {
    /// `weights` are those of one lane, under the names that the cell declares.
    pub fn new(
        cell: &'a EquationCell,
        input: usize,
        hidden: usize,
        weights: impl Fn(&str) -> ndarray::ArrayD<f64>,
    ) -> Self {
        let (mut matrices, mut vectors) = (HashMap::new(), HashMap::new());
        for weight in cell.weights(input, hidden) {
            let (value, mut row) = (weights(&weight.name), 0);
            for part in &weight.parts {
                let rows = value.slice_axis(Axis(0), Slice::from(row..row + part.rows)).to_owned();
                row += part.rows;
                match rows.ndim() {
                    2 => drop(matrices.insert(part.name.clone(), rows.into_dimensionality::<Ix2>().unwrap())),
                    _ => drop(vectors.insert(part.name.clone(), rows.into_iter().collect())),
                }
            }
        }
        let constant = |item: &'a Item| match item {
            Item::Const(name, value) => Some((&*name.is, written(&value.is))),
            _ => None,
        };
        let constants = cell.file().items.iter().filter_map(constant).collect();
        let function = |item: &'a Item| match item {
            Item::Function(name, arguments, body) => Some((&*name.is, (&arguments[..], &body.results[0]))),
            _ => None,
        };
        let functions = cell.file().items.iter().filter_map(function).collect();
        let sizes = cell.states(input, hidden).into_iter().map(|state| (state.name, state.size)).collect();
        Self { cell, matrices, vectors, constants, functions, sizes }
    }

    /// The outputs of a lane for `inputs` in this order, from zero states.
    pub fn outputs(&self, inputs: &[Vector]) -> Vec<Vector> {
        let items = &self.cell.file().items;
        let named = items.iter().find_map(|item| match item {
            Item::Output(name) => Some(&*name.is),
            _ => None,
        });
        let mut past = Past::new();
        for (i, x) in inputs.iter().enumerate() {
            past.entry("x".into()).or_default().push(x.clone());
            for item in items {
                if let Item::Equation(name, value) = item {
                    let value = self.value(&value.is, i + 1, &past, &Scope::new());
                    past.entry(name.is.clone()).or_default().push(value);
                }
            }
        }
        past.remove(named.unwrap_or("h")).unwrap()
    }

    fn value(&self, expr: &'a Expr, t: usize, past: &Past, scope: &Scope<'a>) -> Vector {
        let of = |a: &'a Expr| self.value(a, t, past, scope);
        match expr {
            Expr::Number(number) => Vector::from_elem(1, *number),
            Expr::Step => Vector::from_elem(1, t as f64),
            Expr::Name(name) => match (scope.get(&**name), self.constants.get(&**name)) {
                (Some(Given::Value(value)), _) => value.clone(),
                (None, Some(&number)) => Vector::from_elem(1, number),
                _ => self.vectors[name].clone(),
            },
            Expr::Sequence(name, lag) => match past.get(name).filter(|_| t > *lag) {
                Some(steps) => steps[t - 1 - lag].clone(),
                None => Vector::zeros(self.sizes[name]),
            },
            Expr::Product(matrix, a) => {
                let (matrix, a) = (&self.matrices[self.matrix(&matrix.is, scope).unwrap()], of(&a.is));
                matrix.dot(&a.broadcast(matrix.ncols()).unwrap())
            }
            Expr::Negative(a) => -of(&a.is),
            Expr::Power(a, n) => of(&a.is).mapv(|a| a.powi(*n)),
            Expr::Binary(operation, a, b) => {
                let (a, b) = (of(&a.is), of(&b.is));
                both(&a, &b, |a, b| binary(*operation, a, b))
            }
            Expr::Call(function, arguments) => {
                let arguments: Vec<Vector> = arguments.iter().map(|a| of(&a.is)).collect();
                call(*function, &arguments)
            }
            Expr::Apply(function, given) => {
                let (names, body) = self.functions[&*function.is];
                let given = given.iter().map(|a| match &a.is {
                    Expr::Name(name) if let Some(matrix) = self.matrix(name, scope) => Given::Matrix(matrix),
                    a => Given::Value(of(a)),
                });
                let within = names.iter().map(|name| &*name.is).zip(given).collect();
                self.value(&body.is, t, past, &within)
            }
            Expr::Body(a) | Expr::Argument(_, a) => of(&a.is),
            other => panic!("no file that is read here has `{other}`"),
        }
    }

    /// The matrix of a name, if it denotes one.
    fn matrix<'n>(&self, name: &'n str, scope: &Scope<'n>) -> Option<&'n str> {
        match scope.get(name) {
            Some(Given::Matrix(matrix)) => Some(matrix),
            Some(Given::Value(_)) => None,
            None => self.matrices.contains_key(name).then_some(name),
        }
    }
}

/// A number as files write it.
fn written(expr: &Expr) -> f64 {
    match expr {
        Expr::Number(number) => *number,
        Expr::Negative(a) => -written(&a.is),
        other => panic!("no file that is read here has the constant `{other}`"),
    }
}

/// Element by element; a scalar broadcasts.
fn both(a: &Vector, b: &Vector, f: impl Fn(f64, f64) -> f64) -> Vector {
    let at = |v: &Vector, i: usize| if v.len() == 1 { v[0] } else { v[i] };
    (0..a.len().max(b.len())).map(|i| f(at(a, i), at(b, i))).collect()
}

/// True is 1.
#[allow(clippy::float_cmp)] // the file says `==`
fn binary(operation: Operation, a: f64, b: f64) -> f64 {
    match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Less => f64::from(a < b),
        Operation::LessEqual => f64::from(a <= b),
        Operation::Greater => f64::from(a > b),
        Operation::GreaterEqual => f64::from(a >= b),
        Operation::Equal => f64::from(a == b),
        Operation::NotEqual => f64::from(a != b),
    }
}

fn call(function: Function, arguments: &[Vector]) -> Vector {
    let a = &arguments[0];
    match function {
        Function::Sigmoid => a.mapv(|a| 1.0 / (1.0 + (-a).exp())),
        Function::Tanh => a.mapv(f64::tanh),
        Function::Relu => a.mapv(|a| a.max(0.0)),
        Function::Softplus => a.mapv(|a| (1.0 + a.exp()).ln()),
        Function::Exp => a.mapv(f64::exp),
        Function::Log => a.mapv(f64::ln),
        Function::Sqrt => a.mapv(f64::sqrt),
        Function::Abs => a.mapv(f64::abs),
        Function::Sin => a.mapv(f64::sin),
        Function::Cos => a.mapv(f64::cos),
        Function::Tan => a.mapv(|a| a.sin() / a.cos()),
        Function::Atan => a.mapv(|a| a.atan2(1.0)),
        Function::Sinh => a.mapv(|a| (a.exp() - (-a).exp()) / 2.0),
        Function::Cosh => a.mapv(|a| f64::midpoint(a.exp(), (-a).exp())),
        Function::Erf => a.mapv(erf),
        Function::Log1p => a.mapv(|a| (1.0 + a).ln()),
        Function::Expm1 => a.mapv(|a| a.exp() - 1.0),
        Function::Silu => a.mapv(|a| a / (1.0 + (-a).exp())),
        Function::Gelu => a.mapv(|a| a / 2.0 * (1.0 + erf(a / 2.0_f64.sqrt()))),
        Function::Min => both(a, &arguments[1], f64::min),
        Function::Max => both(a, &arguments[1], f64::max),
        Function::Mod => both(a, &arguments[1], |a, b| a - b * (a / b).floor()),
        Function::Where => {
            let chosen = both(a, &arguments[1], |c, x| if c == 0.0 { 0.0 } else { x });
            chosen + both(a, &arguments[2], |c, x| if c == 0.0 { x } else { 0.0 })
        }
        Function::Softmax => {
            let e = a.mapv(f64::exp);
            &e / e.sum()
        }
        Function::Concat => {
            concatenate(Axis(0), &arguments.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap()
        }
        Function::Sum => Vector::from_elem(1, a.sum()),
        Function::Mean => Vector::from_elem(1, a.sum() / a.len() as f64),
        Function::Stop | Function::Backward | Function::Dropout | Function::LockedDropout => a.clone(),
        Function::SoftplusInverse => a.mapv(|a| (a.exp() - 1.0).ln()),
        Function::Uniform | Function::LogUniform | Function::Normal => panic!("drawn in formulas alone"),
        Function::Expm | Function::Cayley => panic!("of parameters alone"),
        Function::Outer | Function::Transpose => panic!("no file that is read here has matrix states"),
    }
}

/// The error function by its series, `2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1))`, for small x.
fn erf(x: f64) -> f64 {
    let (mut power, mut sum) = (x, 0.0);
    for n in 0..60 {
        sum += power / f64::from(2 * n + 1);
        power *= -x * x / f64::from(n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}
