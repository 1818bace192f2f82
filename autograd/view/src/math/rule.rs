//! The VJP of an op as a formula: the contribution to each operand's adjoint.

use super::read::number;
use super::{Line, Math, Reader};
use autograd::graph::{Builder, Expr, Graph, NodeId};
use autograd::ops::{Leaf, Op};
use autograd::{Error, Gradient, Type, vjp};

/// The op of a node with letters for its operands, and the contribution of the result's adjoint to each of them. This
/// is not a table: the op's own VJP is applied to the letters. Empty for a leaf.
///
/// ```
/// use autograd::Builder;
/// use autograd_view::math::{Form, rule};
///
/// let g = Builder::new();
/// let h = g.input("x", [1, 4]).tanh();
/// let rule = rule(&*g.graph()?, h.id())?;
/// assert_eq!(Form::Unicode.write(&rule), "y = tanh(x)\nx̄ = (1 − y²) ⊙ ȳ\n");
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::Foreign`] if the handle belongs to another graph.
pub fn rule(graph: &Graph, id: NodeId) -> Result<Vec<Line>, Error> {
    Reader::new(graph).rule(id)
}

impl Reader<'_> {
    /// As [`rule`].
    ///
    /// # Errors
    /// As [`rule`].
    pub fn rule(&self, id: NodeId) -> Result<Vec<Line>, Error> {
        let (graph, reader) = (self.graph, self);
        let node = graph.node(id)?;
        let operands: Vec<usize> = graph.operands(id)?.map(NodeId::index).collect();
        if operands.is_empty() {
            return Ok(Vec::new());
        }
        let g = Builder::new();
        let letters = letters(&node.op, operands.len());
        let x: Vec<Expr> = operands
            .iter()
            .zip(&letters)
            .map(|(&x, letter)| match number(graph, x) {
                Some(number) => g.scalar(number).broadcast_to(&graph.at(x).ty.shape),
                None => leaf(&g, letter, &graph.at(x).ty, reader.is_rows(x)),
            })
            .collect();
        let y = g.apply(node.op.clone(), &x).named("y");
        let mut lines = vec![(y, None)];
        if y.ty().kind == autograd::Kind::Float {
            let dy = leaf(&g, "∂y", &y.ty(), reader.is_rows(id.index()));
            let wrt: Vec<usize> = (0..x.len()).filter(|&k| number(graph, operands[k]).is_none()).collect();
            let gradients = vjp(&[(y, dy)], &wrt.iter().map(|&k| x[k]).collect::<Vec<_>>());
            for (k, gradient) in wrt.into_iter().zip(gradients) {
                match gradient {
                    Gradient::Of(dx) => lines.push((x[k], Some(dx))),
                    Gradient::Zero => lines.push((x[k], None)),
                    _ => {}
                }
            }
        }
        let graph = g.graph()?;
        let reader = Reader::new(&graph).whole();
        let line = |(place, (x, dx)): (usize, (Expr, Option<Expr>))| {
            let name = |x: Expr| reader.name(x.id()).map(|name| name.unwrap_or(Math::Number(0.0)));
            Ok(match dx {
                _ if place == 0 => reader.equation(x.id())?,
                None => Line { left: Math::Adjoint(name(x)?.into()), right: Math::Number(0.0) },
                Some(dx) => {
                    let is_leaf = matches!(graph.node(dx.id())?.op, Op::Leaf(_));
                    let right = if is_leaf { name(dx)? } else { reader.formula(dx.id())? };
                    Line { left: Math::Adjoint(name(x)?.into()), right }
                }
            })
        };
        lines.into_iter().enumerate().map(line).collect()
    }
}

/// Letters for the operands: x; a and b; A and B for matrices; x₁, x₂, … for many.
fn letters(op: &Op, n: usize) -> Vec<String> {
    match (op, n) {
        (Op::MatMul(_), _) => vec!["A".into(), "B".into()],
        (Op::Select(_), _) => ["c", "a", "b"].map(Into::into).into(),
        (_, 1) => vec!["x".into()],
        (_, 2) => vec!["a".into(), "b".into()],
        _ => (1..=n).map(|k| format!("x{k}")).collect(),
    }
}

/// A letter for an operand of a type, with or without a batch axis.
fn leaf<'g>(g: &'g Builder, letter: &str, ty: &Type, rows: bool) -> Expr<'g> {
    let name = letter.into();
    if rows && !ty.shape.is_empty() {
        return g.batch_input(letter, ty.clone(), 0);
    }
    if ty.kind == autograd::Kind::Float {
        g.leaf(Leaf::Parameter { name }, ty.clone())
    } else {
        g.leaf(Leaf::Input { name, batch_axis: None }, ty.clone())
    }
}
