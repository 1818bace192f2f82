//! Reverse mode: appends the derivative of a graph to the graph.
//!
//! One backward walk over the nodes. The adjoint of a node is the sum of its users' contributions; the VJP of its op
//! then gives the contributions to its operands. This file names no op: it adds, sums over the axes along which an
//! operand was broadcast, and assembles the adjoints of slices (`parts.rs`).

mod parts;

use crate::error::Error;
use crate::graph::{Builder, Expr, Role};
use crate::ops::{Adjoint, Op};
use parts::Part;
use std::collections::HashMap;

/// The gradient of an output with respect to one expression.
#[derive(Clone, Debug)]
pub enum Gradient<'g> {
    /// The gradient, in the shape of the expression.
    Of(Expr<'g>),
    /// The output depends on the expression, but only through ops whose derivative is zero everywhere, such as a
    /// comparison or a stop-gradient.
    Zero,
    /// The output does not depend on the expression.
    NotConnected,
    /// The output depends on the expression through an op without a derivative.
    NotDefined(Error),
}

/// The gradients of a scalar with respect to expressions, in their shapes.
///
/// If the scalar does not depend on an expression, or not to first order, the gradient is zeros; [`vjp`]
/// distinguishes these cases. An undefined gradient is an error of the builder.
///
/// ```
/// use autograd::{Builder, Point, eval, grad};
///
/// let g = Builder::new();
/// let x = g.parameter("x", []);
/// let y = x.powi(3);
/// let dy = grad(y, &[x])[0];
/// let d2y = grad(dy, &[x])[0];
/// let point = Point::new().with(x, ndarray::arr0(2.0));
/// let values = eval::<f64>(&*g.graph()?, &point, &[dy, d2y])?;
/// assert_eq!([values[0].scalar(), values[1].scalar()], [Some(12.0), Some(12.0)]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn grad<'g>(scalar: Expr<'g>, wrt: &[Expr<'g>]) -> Vec<Expr<'g>> {
    let g = scalar.builder();
    if !scalar.shape().is_empty() {
        let why = format!("the gradient of {scalar:?} needs a scalar: sum it, or give a cotangent to vjp");
        return vec![g.refuse(why); wrt.len()];
    }
    let gradients = sweep(g, &[scalar], None, wrt);
    let expr = |(gradient, x): (Gradient<'g>, &Expr<'g>)| match gradient {
        Gradient::Of(dx) => dx,
        Gradient::Zero | Gradient::NotConnected => g.zeros(x.shape()),
        Gradient::NotDefined(error) => g.fail(error),
    };
    gradients.into_iter().zip(wrt).map(expr).collect()
}

/// Vector-Jacobian products: for outputs y with cotangents ȳ, the sum of `ȳᵀ ∂y/∂x` for each x. A cotangent has the
/// shape of its output.
#[track_caller]
pub fn vjp<'g>(outputs: &[(Expr<'g>, Expr<'g>)], wrt: &[Expr<'g>]) -> Vec<Gradient<'g>> {
    let Some(&(first, _)) = outputs.first() else {
        return vec![Gradient::NotConnected; wrt.len()];
    };
    let g = first.builder();
    for (y, cotangent) in outputs {
        if y.ty() != cotangent.ty() && !y.is_poisoned() && !cotangent.is_poisoned() {
            let poison = g.refuse(format!("the cotangent of {y:?} has its shape, and {cotangent:?} has not"));
            return vec![Gradient::Of(poison); wrt.len()];
        }
    }
    let (ys, cotangents): (Vec<_>, Vec<_>) = outputs.iter().copied().unzip();
    sweep(g, &ys, Some(&cotangents), wrt)
}

/// The contributions of a node's users to its adjoint so far.
#[derive(Default)]
struct Slot<'g> {
    dense: Vec<Expr<'g>>,
    parts: Vec<Part<'g>>,
    zero: bool,
    not_defined: Option<Error>,
}

impl<'g> Slot<'g> {
    /// Records the contribution of one use of `x`.
    fn add(&mut self, adjoint: Adjoint<'g>, x: Expr<'g>, not_defined: impl FnOnce() -> Error) {
        match adjoint {
            Adjoint::Dense(dx) => self.dense.push(dx.sum_to(x.shape())),
            Adjoint::Part { axis, start, value } => self.parts.push(Part { axis, start, value }),
            Adjoint::Zero => self.zero = true,
            Adjoint::NotDefined => self.not_defined = Some(not_defined()),
        }
    }

    /// The sum of all contributions, in the order of the users.
    fn total(mut self, x: Expr<'g>) -> Gradient<'g> {
        if let Some(error) = self.not_defined {
            return Gradient::NotDefined(error);
        }
        // Users were visited from the last to the first.
        self.dense.reverse();
        self.parts.reverse();
        self.dense.extend(parts::assemble(self.parts, &x.shape()));
        match self.dense[..] {
            [] if self.zero => Gradient::Zero,
            [] => Gradient::NotConnected,
            [dx] => Gradient::Of(dx),
            _ => Gradient::Of(x.builder().sum(&self.dense)),
        }
    }
}

#[track_caller]
fn sweep<'g>(
    g: &'g Builder,
    outputs: &[Expr<'g>],
    cotangents: Option<&[Expr<'g>]>,
    wrt: &[Expr<'g>],
) -> Vec<Gradient<'g>> {
    let mut all = outputs.iter().chain(cotangents.unwrap_or_default()).chain(wrt);
    if let Some(&poison) = all.clone().find(|x| x.is_poisoned()) {
        return vec![Gradient::Of(poison); wrt.len()];
    }
    if !all.all(|x| std::ptr::eq(x.builder(), g)) {
        let poison =
            g.refuse("an output, a cotangent or a variable of this gradient belongs to another builder");
        return vec![Gradient::Of(poison); wrt.len()];
    }
    let number = g.begin_sweep(outputs);
    let end = outputs.iter().map(|y| y.position() + 1).max().unwrap_or(0);
    let depends = g.dependents(wrt, end);
    let mut slots: Vec<Slot> = (0..end).map(|_| Slot::default()).collect();
    let mut gradients = vec![Gradient::NotConnected; wrt.len()];
    let mut wanted: HashMap<usize, Vec<usize>> = HashMap::new();
    wrt.iter().enumerate().for_each(|(k, x)| wanted.entry(x.position()).or_default().push(k));
    for (k, y) in outputs.iter().enumerate() {
        let role = Role::Backward { of: y.raw(), sweep: number };
        let seed = cotangents.map_or_else(|| g.deriving(role, || g.scalar(1.0)), |c| c[k]);
        slots[y.position()].dense.push(seed);
    }
    for i in (0..end).rev().filter(|&i| depends[i]) {
        let slot = std::mem::take(&mut slots[i]);
        let (y, op, operands) = g.application(i);
        let gradient = g.deriving(Role::Backward { of: y.raw(), sweep: number }, || {
            let gradient = slot.total(y);
            if let Gradient::Of(dy) = gradient {
                g.record_adjoint(dy, y.raw(), number);
            }
            for (k, &x) in operands.iter().enumerate().filter(|(_, x)| depends[x.position()]) {
                let adjoint = match (&gradient, op.operator()) {
                    (Gradient::Of(dy), Some(operator)) => operator.vjp(k, &operands, y, *dy),
                    (Gradient::NotDefined(error), _) => {
                        slots[x.position()].not_defined = Some(error.clone());
                        continue;
                    }
                    (Gradient::Zero, _) => Adjoint::Zero,
                    _ => continue,
                };
                slots[x.position()].add(adjoint, x, || not_defined(&op, x, y));
            }
            gradient
        });
        for &k in wanted.get(&i).into_iter().flatten() {
            gradients[k] = gradient.clone();
        }
    }
    gradients
}

fn not_defined(op: &Op, operand: Expr, result: Expr) -> Error {
    Error::NotDefined { op: op.name().into(), operand: operand.name(), place: result.place() }
}
