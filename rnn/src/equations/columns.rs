//! Lowers matrix states to columns: `state S: [hidden, k]` is `S_1` to `S_k`, each a state of size `hidden`.
//!
//! A fast weight memory is written as in its paper, `S[t] = S[t-1] + outer(v[t], k[t])` and `S[t] q[t]`, and later
//! passes see vectors alone: the j-th column of `v ⊗ k` is `v · k_j`, and `S q` is the sum of `S_j · q_j`. This is
//! faster than a batch of small matrix products, one per sample.

use super::ast::{At, Expr, Form, Function, Name, Operation};
use super::diagnostic::{Diagnostic, Span};
use super::loops::{balanced, chain};
use super::names::{Names, walk};
use std::collections::HashMap;

/// The maximum number of terms of the lowered equations.
const TERMS: usize = 200_000;

type Lowered = Result<At<Expr>, Box<Diagnostic>>;

impl Names {
    /// Replaces matrix states by columns, in declarations and in all equations.
    pub(super) fn lower_matrices(&mut self) {
        let mut matrices = HashMap::new();
        for (name, _) in self.equations.clone() {
            let Some((Form::Matrix(rows, columns), span)) = self.declared.get(&name.is).cloned() else {
                continue;
            };
            let Some(size) = self.size(&columns) else { continue };
            let Some(count) = size.count().filter(|count| *count <= 1000) else {
                let message = format!("the matrix state `{}` has {size} columns", name.is);
                let fault = Diagnostic::new(message, columns.span.clone(), "not a number up to 1000");
                let help = "each column is a state of its own: write `size k = 16` and `[hidden, k]`";
                self.fault(fault.help(help));
                continue;
            };
            self.declared.remove(&name.is);
            for j in 1..=count {
                let column = (Form::Vector(rows.clone()), span.clone());
                self.declared.insert(format!("{}_{j}", name.is), column);
            }
            if let Some(start) = self.starts.remove(&name.is) {
                self.starts.extend((1..=count).map(|j| (format!("{}_{j}", name.is), start.clone())));
            }
            matrices.insert(name.is, count);
        }
        let mut any = !matrices.is_empty();
        for (_, value) in &self.equations {
            walk(value, &mut |e| {
                any |= matches!(e.is, Expr::Times(..) | Expr::Call(Function::Outer | Function::Transpose, _));
            });
        }
        if !any {
            return;
        }
        let mut columns = Columns { matrices, ..Columns::default() };
        for (_, value) in &self.equations {
            walk(value, &mut |e| {
                if let Expr::Argument(number, _) = e.is {
                    columns.given = columns.given.max(number);
                }
            });
        }
        for (name, value) in std::mem::take(&mut self.equations) {
            let lowered = columns.equation(&name, &value);
            self.equations.append(&mut columns.own);
            for (name, value) in lowered {
                match value {
                    Ok(value) => self.equations.push((name, value)),
                    Err(fault) => {
                        self.fault(*fault);
                        self.equations.push((name.clone(), At::new(Expr::Step, name.span)));
                    }
                }
            }
        }
    }
}

#[derive(Default)]
struct Columns {
    /// The number of columns of each matrix state.
    matrices: HashMap<String, usize>,
    /// The last argument number in use: each argument is evaluated once.
    given: usize,
    /// The values of the current equation that all columns share, by their address in the tree.
    shared: HashMap<*const At<Expr>, At<Expr>>,
    /// Equations for such shared values: `S'1`, `S'2` for the equation of `S`.
    own: Vec<(Name, At<Expr>)>,
    /// The name of the current equation.
    of: String,
    /// The new number of each argument's column.
    arguments: HashMap<(usize, usize), usize>,
    terms: usize,
}

impl Columns {
    /// An equation, or one equation per column of a matrix.
    fn equation(&mut self, name: &Name, value: &At<Expr>) -> Vec<(Name, Lowered)> {
        self.shared.clear();
        self.of.clone_from(&name.is);
        let Some(&count) = self.matrices.get(&name.is) else {
            let lowered = if self.is_matrix(value) {
                let message = format!("`{}[t]` is a matrix", name.is);
                let fault = Diagnostic::new(message, name.span.clone(), "not declared as one");
                Err(Box::new(fault.help(format!("write `state {}: [hidden, k]` with `size k = 4`", name.is))))
            } else {
                self.vector(value)
            };
            return vec![(name.clone(), lowered)];
        };
        let column =
            |j| (At::new(format!("{}_{j}", name.is), name.span.clone()), self.column(value, j, count));
        (1..=count).map(column).collect()
    }

    /// Whether a value is a matrix.
    fn is_matrix(&self, expr: &At<Expr>) -> bool {
        match &expr.is {
            Expr::Sequence(name, _) => self.matrices.contains_key(name),
            Expr::Call(Function::Outer, _) => true,
            Expr::Call(function, arguments) if function.drops() => self.is_matrix(&arguments[0]),
            Expr::Call(function, arguments) => {
                !function.joins_features() && arguments.iter().any(|a| self.is_matrix(a))
            }
            Expr::Product(_, a)
            | Expr::Negative(a)
            | Expr::Power(a, _)
            | Expr::Body(a)
            | Expr::Argument(_, a) => self.is_matrix(a),
            Expr::Binary(_, a, b) => self.is_matrix(a) || self.is_matrix(b),
            _ => false,
        }
    }

    /// The j-th column of a value; a vector or a scalar is shared by all columns.
    fn column(&mut self, expr: &At<Expr>, j: usize, count: usize) -> Lowered {
        self.terms += 1;
        if self.terms > TERMS {
            let message = format!("the columns of matrix states make more than {TERMS} terms");
            return Err(Box::new(
                Diagnostic::new(message, expr.span.clone(), "here").help("take fewer columns"),
            ));
        }
        if !self.is_matrix(expr) {
            return self.shared(expr);
        }
        if let Expr::Binary(..) = expr.is {
            return chain(expr, |a| self.column(a, j, count));
        }
        let mut of = |a: &At<Expr>| self.column(a, j, count).map(Box::new);
        let is = match &expr.is {
            Expr::Sequence(name, lag) => {
                let found = self.matrices.get(name).copied().unwrap_or(count);
                if found != count {
                    let message = format!("`{name}` has {found} columns, and {count} are wanted");
                    return Err(Box::new(Diagnostic::new(
                        message,
                        expr.span.clone(),
                        "another number of columns",
                    )));
                }
                Expr::Sequence(format!("{name}_{j}"), *lag)
            }
            Expr::Call(Function::Outer, arguments) => {
                let [a, b] = &arguments[..] else { return Ok(expr.clone()) };
                let (a, b) = (self.shared(a)?, self.shared(b)?);
                let element = At::new(Expr::Element(Box::new(b.clone()), j, Some(count)), b.span);
                Expr::Binary(Operation::Multiply, Box::new(a), Box::new(element))
            }
            Expr::Product(matrix, a) => Expr::Product(matrix.clone(), of(a)?),
            Expr::Negative(a) => Expr::Negative(of(a)?),
            Expr::Power(a, n) => Expr::Power(of(a)?, *n),
            Expr::Body(a) => Expr::Body(of(a)?),
            Expr::Argument(number, a) => {
                let next = self.given + 1;
                let new = *self.arguments.entry((*number, j)).or_insert(next);
                self.given = self.given.max(new);
                Expr::Argument(new, Box::new(self.column(a, j, count)?))
            }
            Expr::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|a| self.column(a, j, count)).collect::<Result<_, _>>()?;
                Expr::Call(*function, arguments)
            }
            other => other.clone(),
        };
        Ok(At::new(is, expr.span.clone()))
    }

    /// A vector that several columns read, computed once.
    fn shared(&mut self, expr: &At<Expr>) -> Lowered {
        let place = std::ptr::from_ref(expr);
        if let Some(known) = self.shared.get(&place) {
            return Ok(known.clone());
        }
        let value = self.vector(expr)?;
        let value = match value.is {
            Expr::Number(_) | Expr::Name(_) | Expr::Sequence(..) | Expr::Step | Expr::Argument(..) => value,
            _ => {
                let span = value.span.clone();
                let name = format!("{}'{}", self.of, self.own.len() + 1);
                self.own.push((At::new(name.clone(), span.clone()), value));
                At::new(Expr::Sequence(name, 0), span)
            }
        };
        self.shared.insert(place, value.clone());
        Ok(value)
    }

    /// A value that is a vector or a scalar.
    fn vector(&mut self, expr: &At<Expr>) -> Lowered {
        match &expr.is {
            Expr::Sequence(name, _) if self.matrices.contains_key(name) => {
                let fault = Diagnostic::new(
                    format!("`{name}` is a matrix here"),
                    expr.span.clone(),
                    "a vector is wanted",
                );
                let help = format!(
                    "its product with a vector is `{name}[t] q[t]`; `{name}` is declared as a matrix state"
                );
                return Err(Box::new(fault.help(help)));
            }
            Expr::Call(Function::Outer | Function::Transpose, _) => {
                let fault = Diagnostic::new("a matrix stands here", expr.span.clone(), "a vector is wanted");
                let help = "a matrix is added to a matrix state, or stands before its vector: `transpose(S[t]) v[t]`";
                return Err(Box::new(fault.help(help)));
            }
            Expr::Times(left, right) => return self.product(left, right, &expr.span),
            Expr::Product(matrix, a) if self.is_matrix(a) => {
                let message = format!("the product of `{}` and a matrix is a matrix", matrix.is);
                return Err(Box::new(Diagnostic::new(message, expr.span.clone(), "a vector is wanted")));
            }
            Expr::Binary(..) => return chain(expr, |a| self.vector(a)),
            _ => {}
        }
        let mut of = |a: &At<Expr>| self.vector(a).map(Box::new);
        let is = match &expr.is {
            Expr::Product(matrix, a) => Expr::Product(matrix.clone(), of(a)?),
            Expr::Negative(a) => Expr::Negative(of(a)?),
            Expr::Power(a, n) => Expr::Power(of(a)?, *n),
            Expr::Body(a) => Expr::Body(of(a)?),
            Expr::Argument(number, a) => Expr::Argument(*number, of(a)?),
            Expr::Element(a, place, size) => Expr::Element(of(a)?, *place, *size),
            Expr::Portion(a, part, of_all) => Expr::Portion(of(a)?, *part, *of_all),
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(|a| self.vector(a)).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        };
        Ok(At::new(is, expr.span.clone()))
    }

    /// `S q` is the sum of the columns weighted by the elements of q; `Sᵀ v` is the dot product of each column with
    /// v.
    fn product(&mut self, left: &At<Expr>, right: &At<Expr>, span: &Span) -> Lowered {
        let at = |is| At::new(is, span.clone());
        if let Expr::Call(Function::Transpose, arguments) = &left.is
            && let [matrix] = &arguments[..]
            && let Some(count) = self.count(matrix)
        {
            let vector = self.shared(right)?;
            let mut elements = Vec::with_capacity(count);
            for j in 1..=count {
                let column = self.column(matrix, j, count)?;
                let product =
                    at(Expr::Binary(Operation::Multiply, Box::new(column), Box::new(vector.clone())));
                elements.push(at(Expr::Call(Function::Sum, vec![product])));
            }
            return Ok(at(Expr::Call(Function::Concat, elements)));
        }
        if let Some(count) = self.count(left) {
            let vector = self.shared(right)?;
            let mut terms = Vec::with_capacity(count);
            for j in 1..=count {
                let column = self.column(left, j, count)?;
                let element = at(Expr::Element(Box::new(vector.clone()), j, Some(count)));
                terms.push(at(Expr::Binary(Operation::Multiply, Box::new(column), Box::new(element))));
            }
            return Ok(balanced(terms, span, &|a, b| Expr::Binary(Operation::Add, Box::new(a), Box::new(b))));
        }
        let message = "only a matrix stands before what it is multiplied by";
        let fault = Diagnostic::new(message, left.span.clone(), "neither a parameter nor a matrix state");
        let fault = fault.and(right.span.clone(), "multiplied by this");
        if let Expr::Call(Function::Transpose, arguments) = &left.is
            && let [At { is: Expr::Name(name), .. }] = &arguments[..]
        {
            return Err(Box::new(fault.help(format!(
                "a parameter is transposed once for a run: a line `let {name}_T = transpose({name})`, and here `{name}_T`"
            ))));
        }
        Err(Box::new(fault.help("write `*` for the product element by element; a matrix state is declared: `state S: [hidden, k]`")))
    }

    /// The number of columns of a matrix, from the states it contains.
    fn count(&self, expr: &At<Expr>) -> Option<usize> {
        let mut count = None;
        walk(expr, &mut |e| {
            if let Expr::Sequence(name, _) = &e.is {
                count = count.or(self.matrices.get(name).copied());
            }
        });
        count.filter(|_| self.is_matrix(expr))
    }
}
