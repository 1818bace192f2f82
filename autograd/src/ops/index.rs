//! Ops with index operands: rows of a table by index.

use super::{Adjoint, Domain, Notation, Operator, Sample, Sampler, float, one, two};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Kind, Shape, Type};
use crate::value::Value;
use ndarray::{ArrayD, ArrayView2, Axis};

/// Checks that the bound of an index operand does not exceed `rows`.
fn bounded(index: &Type, rows: usize) -> Result<(), String> {
    match index.kind {
        Kind::Index { below } if below <= rows => Ok(()),
        Kind::Index { below } => Err(format!("indices go up to {}, and there are {rows} rows", below - 1)),
        _ => Err(format!("rows are chosen by whole numbers, not by {index}")),
    }
}

/// Merges the last axes of an array: `rows` rows.
fn rows<S: Scalar>(x: &ArrayD<S>, rows: usize) -> ArrayView2<'_, S> {
    let width = x.len().checked_div(rows).unwrap_or(0);
    x.view().into_shape_with_order((rows, width)).expect("values of the interpreter are contiguous")
}

/// `y = x[i]`: rows of a table by index, as in an embedding
///
/// shape   x: [rows, ..r], i: [..n] in 0..rows, y: [..n, ..r]
/// vjp     x̄ = scatter-add of ȳ by i
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gather;

impl Gather {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let (table, index) = (x[0].float().as_standard_layout(), x[1].index());
        let order: Vec<usize> = index.iter().copied().collect();
        let shape: Vec<usize> = index.shape().iter().chain(&table.shape()[1..]).copied().collect();
        let y = table.select(Axis(0), &order);
        y.into_shape_with_order(shape).expect("one row for each index").into()
    }
}

impl Operator for Gather {
    kernels!();
    fn name(&self) -> &'static str {
        "gather"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [table, index] = two(operands)?;
        float(table)?;
        let (&count, row) = table.shape.split_first().ok_or("a table has rows; a scalar has none")?;
        bounded(index, count)?;
        Ok(Type::float(index.shape.iter().chain(row).copied().collect::<Shape>()))
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        match i {
            0 => dy.scatter_add(x[1], x[0].shape()[0]).into(),
            _ => Adjoint::NotDefined,
        }
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let table = s.shape(1..4);
        let index = s.shape(0..3);
        Sample::new(Self, [s.float(&table, Domain::reals(-2.0, 2.0)), s.index(index, table[0])])
    }
}

/// `y[k] = Σ x[j] over all j with i[j] = k`: rows added by index (scatter-add)
///
/// shape   x: [..n, ..r], i: [..n] in 0..rows, y: [rows, ..r]
/// vjp     `x̄ = ȳ[i]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScatterAdd {
    /// The number of rows of the result.
    pub rows: usize,
}

impl ScatterAdd {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let (source, index) = (x[0].float().as_standard_layout().into_owned(), x[1].index());
        let row = &source.shape()[index.ndim()..];
        let shape: Vec<usize> = [self.rows].iter().chain(row).copied().collect();
        let mut y = ArrayD::zeros(shape);
        for (source, &k) in rows(&source, index.len()).outer_iter().zip(index) {
            let mut row = y.index_axis_mut(Axis(0), k);
            row.iter_mut().zip(source).for_each(|(y, &x)| *y = *y + x);
        }
        Value::Float(y)
    }
}

impl Operator for ScatterAdd {
    kernels!();
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [x, index] = two(operands)?;
        float(x)?;
        bounded(index, self.rows)?;
        let n = index.shape.len();
        if x.shape.len() < n || x.shape[..n] != index.shape[..] {
            return Err(format!("{} does not begin with the axes of the indices, {}", x.shape, index.shape));
        }
        Ok(Type::float([self.rows].iter().chain(&x.shape[n..]).copied().collect::<Shape>()))
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        match i {
            0 => dy.gather(x[1]).into(),
            _ => Adjoint::NotDefined,
        }
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("rows={}", self.rows)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let rows = s.size();
        let (index, row) = (s.shape(0..3), s.shape(0..2));
        let source: Shape = index.iter().chain(&*row).copied().collect();
        Sample::new(Self { rows }, [s.float(source, Domain::reals(-2.0, 2.0)), s.index(index, rows)])
    }
}

/// `y[.., k] = 1 where k = i, else 0`
///
/// shape   i: [..n] in 0..classes, y: [..n, classes]
/// vjp     none: the operand is not real
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OneHot {
    /// The size of the last axis of the result.
    pub classes: usize,
}

impl OneHot {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let index = x[0].index();
        let shape: Vec<usize> = index.shape().iter().copied().chain([self.classes]).collect();
        let mut y = vec![S::zero(); index.len() * self.classes];
        index.iter().enumerate().for_each(|(row, &k)| y[row * self.classes + k] = S::one());
        ArrayD::from_shape_vec(shape, y).expect("one row for each index").into()
    }
}

impl Operator for OneHot {
    kernels!();
    fn name(&self) -> &'static str {
        "one_hot"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let index = one(operands)?;
        bounded(index, self.classes)?;
        Ok(Type::float(index.shape.with_axis(index.shape.len(), self.classes)))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::NotDefined
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("classes={}", self.classes)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let classes = s.size();
        let index = s.shape(0..3);
        Sample::new(Self { classes }, [s.index(index, classes)])
    }
}
