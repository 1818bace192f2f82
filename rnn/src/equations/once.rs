//! Functions of parameters, `let A = W - Wᵀ`: evaluated once before the first step, and differentiated like all else.

use super::ast::{At, Expr, Function};
use super::diagnostic::Diagnostic;
use super::names::{Names, walk};
use super::step::binary;
use crate::cell::Noise;
use autograd::{Builder, Expr as Node};
use ndarray::Array2;

impl Names {
    /// A fault for a subexpression that is not allowed in a function of parameters.
    pub(super) fn not_of_parameters(&self, value: &At<Expr>, above: usize) -> Option<Diagnostic> {
        let mut found: Option<Diagnostic> = None;
        walk(value, &mut |e| {
            let message = match &e.is {
                Expr::Name(name) | Expr::Product(At { is: name, .. }, _) => {
                    let later = self.lets[above..].iter().any(|(known, _)| known.is == *name);
                    if later {
                        format!("`{name}` is not made yet")
                    } else if matches!(&name[..], "input" | "hidden") {
                        format!("`{name}` is a size, not a value")
                    } else {
                        return;
                    }
                }
                Expr::Number(_)
                | Expr::Negative(_)
                | Expr::Power(..)
                | Expr::Times(..)
                | Expr::Body(_)
                | Expr::Argument(..) => return,
                Expr::Binary(operation, ..) if !operation.is_relation() => return,
                Expr::Call(function, arguments) => {
                    let one = arguments.len() == function.arity().0;
                    match function {
                        Function::Dropout if one && !self.is_rate(&arguments[1]) => {
                            "`dropout` needs a probability from 0 to below 1".into()
                        }
                        Function::LockedDropout => "a parameter is dropped by `dropout`".into(),
                        Function::Where
                        | Function::Softmax
                        | Function::Concat
                        | Function::Outer
                        | Function::Backward => {
                            format!("`{}` is no function of parameters", function.name())
                        }
                        _ if function.draws() => {
                            format!("`{}` stands in `init` and `fixed`", function.name())
                        }
                        _ if one => return,
                        _ => format!("`{}` takes {} arguments", function.name(), function.arity().0),
                    }
                }
                Expr::Sequence(name, _) => format!("`{name}` has a time, and parameters have none"),
                Expr::Step => "parameters know no time".into(),
                _ => "this is no function of parameters".into(),
            };
            let help = "a line `let` is made of parameters, of lines `fixed` and `let` above, and of numbers: \
                        `W - Wᵀ`, `P Q`, `W / sqrt(sum(W^2))`, `expm(A)`, `cayley(A)`, functions of each element";
            found.get_or_insert_with(|| Diagnostic::new(message, e.span.clone(), "in a `let`").help(help));
        });
        found
    }
}

/// Evaluates functions of the parameters of a lane.
pub(super) struct Once<'a, 'g> {
    pub g: &'g Builder,
    pub named: &'a [(String, Node<'g>)],
    pub noise: Option<Noise<'g>>,
    /// The number of masks drawn so far.
    pub drawn: std::cell::Cell<usize>,
    pub constants: &'a std::collections::HashMap<String, f64>,
}

impl<'g> Once<'_, 'g> {
    pub fn value(&self, expr: &At<Expr>) -> Node<'g> {
        match &expr.is {
            Expr::Number(number) => self.g.scalar(*number),
            Expr::Name(name) => match self.constants.get(name) {
                Some(number) => self.g.scalar(*number),
                None => self.name(name),
            },
            Expr::Product(matrix, right) => product(self.name(&matrix.is), self.value(right)),
            Expr::Times(left, right) => product(self.value(left), self.value(right)),
            Expr::Negative(a) => -self.value(a),
            Expr::Power(a, n) => self.value(a).powi(*n),
            Expr::Binary(operation, a, b) => binary(*operation, self.value(a), self.value(b)),
            Expr::Body(a) | Expr::Argument(_, a) => self.value(a),
            Expr::Call(Function::Dropout, arguments) => {
                let rate = match &arguments[1].is {
                    Expr::Number(rate) => *rate,
                    Expr::Name(name) => self.constants.get(name).copied().unwrap_or(0.0),
                    _ => 0.0,
                };
                let (a, number) = (self.value(&arguments[0]), self.drawn.get());
                self.drawn.set(number + 1);
                self.noise.map_or(a, |noise| a * noise.mask(a.shape(), rate, 0, number))
            }
            Expr::Call(function, arguments) => {
                let arguments: Vec<Node> = arguments.iter().map(|a| self.value(a)).collect();
                self.call(*function, &arguments)
            }
            // `Names::not_of_parameters` has refused everything else.
            _ => self.g.poison(),
        }
    }

    fn name(&self, name: &str) -> Node<'g> {
        let found = self.named.iter().find(|(known, _)| known == name);
        found.map_or_else(|| self.g.poison(), |(_, node)| *node)
    }

    fn call(&self, function: Function, arguments: &[Node<'g>]) -> Node<'g> {
        let a = arguments[0];
        match (function, arguments) {
            (Function::Transpose, _) => transposed(a),
            (Function::Expm, _) => expm(a),
            (Function::Cayley, _) => cayley(a),
            (Function::Sum, _) => a.sum(),
            (Function::Mean, _) => a.sum() / a.shape().iter().product::<usize>() as f64,
            (Function::Min, [a, b]) => a.min(*b),
            (Function::Max, [a, b]) => a.max(*b),
            (Function::Mod, [a, b]) => a.modulo(*b),
            (Function::Silu, _) => a.silu(),
            (Function::Gelu, _) => a.gelu(),
            (Function::Stop, _) => a.stop_gradient(),
            (Function::SoftplusInverse, _) => softplus_inverse(a),
            (other, _) => other.op().map_or_else(|| self.g.poison(), |op| a.apply(op.clone())),
        }
    }
}

/// The inverse of softplus, `ln(eᵃ - 1)`, without overflow for large a.
pub(super) fn softplus_inverse(a: Node) -> Node {
    a + (-(-a).expm1()).ln()
}

fn transposed(a: Node) -> Node {
    a.transpose(&[1, 0])
}

/// A matrix times a matrix or a vector.
fn product<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    if b.shape().len() == 1 { b.insert_axis(0).linear(a).at(0, 0) } else { a.matmul(b) }
}

fn identity(a: Node) -> Node {
    let n = a.shape().first().copied().unwrap_or(1);
    a.builder().constant(Array2::<f64>::eye(n).into_dyn())
}

/// The exponential of a square matrix, `Σ Aᵏ / k!`: a truncated series at `A / 2ˢ`, squared s times (Moler & Van Loan
/// 2003, method 3). For norms up to 64, the first omitted term is below 1/16! = 5e-14.
fn expm(a: Node) -> Node {
    const SQUARINGS: i32 = 6;
    const TERMS: u32 = 15;
    let (one, a) = (identity(a), a * 0.5_f64.powi(SQUARINGS));
    let series = (1..=TERMS).rev().fold(one, |rest, k| one + a.matmul(rest) / f64::from(k));
    (0..SQUARINGS).fold(series, |root, _| root.matmul(root))
}

/// `(I + A)⁻¹ (I − A)`, orthogonal for a skew-symmetric A (Helfrich, Willmott & Ye 2018, eq. 4). The inverse is
/// computed from that of `M = (I + A)ᵀ (I + A)` by Newton's method, `X ← X (2 I − M X)`, from `I / ‖M‖_F` (Ben-Israel
/// & Cohen 1966). M's smallest eigenvalue is at least 1, so the residual after k steps is at most `(1 − 1 / ‖M‖_F)`
/// to the power 2ᵏ: rounding error as long as `‖M‖_F ≤ √n (1 + ‖A‖²)` is below 35,000; for spectral norms of A up to
/// 30, that is 1,000 units.
fn cayley(a: Node) -> Node {
    const STEPS: usize = 20;
    let one = identity(a);
    let plus = one + a;
    let m = transposed(plus).matmul(plus);
    let start = one / (m * m).sum().sqrt().stop_gradient();
    let inverse = (0..STEPS).fold(start, |x, _| x.matmul(2.0 * one - m.matmul(x)));
    inverse.matmul(transposed(plus).matmul(one - a))
}
