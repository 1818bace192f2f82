//! The matrix product.

use super::{Adjoint, Class, Domain, Notation, Operator, Sample, Sampler, float, two};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Shape, Type};
use crate::value::Value;
use ndarray::{ArrayD, ArrayView2, ArrayViewD, Ix2};

/// `Y = A B`, `Aᵀ B`, `A Bᵀ` or `Aᵀ Bᵀ`; with more than two axes, a batch of products
///
/// shape   A: [.., m, k], B: [.., k, n] (after transposition), Y: [.., m, n]; leading axes broadcast
/// vjp     Ā = Ȳ Bᵀ, B̄ = Aᵀ Ȳ
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatMul {
    /// Whether A is stored transposed.
    pub a_transposed: bool,
    /// Whether B is stored transposed.
    pub b_transposed: bool,
}

impl MatMul {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let (a, b) = (x[0].float(), x[1].float());
        let product = |a: ArrayView2<S>, b: ArrayView2<S>| {
            let a = if self.a_transposed { a.reversed_axes() } else { a };
            let b = if self.b_transposed { b.reversed_axes() } else { b };
            S::matmul(a, b)
        };
        let (lead_a, lead_b) = (&a.shape()[..a.ndim() - 2], &b.shape()[..b.ndim() - 2]);
        if lead_a.is_empty() && lead_b.is_empty() {
            return product(matrix(a.view()), matrix(b.view())).into();
        }
        let lead = Shape::from(lead_a)
            .broadcast(&lead_b.into())
            .expect("the shape rule has checked the leading axes");
        let (a, b) = (stack(a, &lead), stack(b, &lead));
        let products = a.outer_iter().zip(b.outer_iter()).map(|(a, b)| product(matrix(a), matrix(b)));
        let (m, n) =
            (a.shape()[1 + usize::from(self.a_transposed)], b.shape()[2 - usize::from(self.b_transposed)]);
        let elements: Vec<S> = products.flat_map(|p| p.into_iter().collect::<Vec<_>>()).collect();
        let shape: Vec<_> = lead.iter().copied().chain([m, n]).collect();
        ArrayD::from_shape_vec(shape, elements).expect("one product of [m, n] for each leading index").into()
    }
}

fn matrix<S>(a: ArrayViewD<S>) -> ArrayView2<S> {
    a.into_dimensionality::<Ix2>().expect("the shape rule has checked that there are two axes")
}

/// The matrices of `a` as one batch, broadcast to the leading axes `lead`.
fn stack<S: Scalar>(a: &ArrayD<S>, lead: &Shape) -> ArrayD<S> {
    let matrix = &a.shape()[a.ndim() - 2..];
    let full: Shape = lead.iter().chain(matrix).copied().collect();
    let flat = [lead.count(), matrix[0], matrix[1]];
    let repeated = super::array::spread(a, &full).as_standard_layout().into_owned();
    repeated.into_shape_with_order(&flat[..]).expect("the count of elements is the same")
}

impl Operator for MatMul {
    kernels!();
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [a, b] = two(operands)?;
        for x in [a, b] {
            float(x)?;
            if x.shape.len() < 2 {
                return Err(format!("a matrix has two axes; {} has {}", x.shape, x.shape.len()));
            }
        }
        let split = |x: &Type, transposed: bool| {
            let (lead, matrix) = x.shape.split_at(x.shape.len() - 2);
            let (rows, columns) = if transposed { (matrix[1], matrix[0]) } else { (matrix[0], matrix[1]) };
            (Shape::from(lead), rows, columns)
        };
        let (lead_a, m, k) = split(a, self.a_transposed);
        let (lead_b, k_b, n) = split(b, self.b_transposed);
        if k != k_b {
            return Err(format!("the inner sizes differ: [{m}, {k}] · [{k_b}, {n}]"));
        }
        let lead = lead_a
            .broadcast(&lead_b)
            .ok_or_else(|| format!("the stacks {lead_a} and {lead_b} do not broadcast"))?;
        Ok(Type::float(lead.iter().copied().chain([m, n]).collect::<Shape>()))
    }
    fn vjp<'g>(&self, i: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        let Self { a_transposed: ta, b_transposed: tb } = *self;
        let product = |a: Expr<'g>, a_transposed, b: Expr<'g>, b_transposed| {
            a.builder().apply(Self { a_transposed, b_transposed }, &[a, b])
        };
        let (mut a, b, mut dy) = (x[0], x[1], dy);
        // One matrix B for a whole batch A: the sum over the batch is one product of the concatenated rows.
        if i == 1 && !ta && b.shape().len() == 2 && a.shape().len() > 2 {
            (a, dy) = (a.rows(), dy.rows());
        }
        match (i, ta, tb) {
            (0, false, _) => product(dy, false, b, !tb),
            (0, true, _) => product(b, tb, dy, true),
            (_, _, false) => product(a, !ta, dy, false),
            (_, _, true) => product(dy, true, a, ta),
        }
        .into()
    }
    fn class(&self) -> Class {
        Class::Contraction
    }
    fn is_linear(&self, varying: &[bool]) -> bool {
        varying.iter().filter(|&&varies| varies).count() == 1
    }
    fn notation(&self) -> Notation {
        let sign = match (self.a_transposed, self.b_transposed) {
            (false, false) => "·",
            (true, false) => "ᵀ·",
            (false, true) => "·ᵀ",
            (true, true) => "ᵀ·ᵀ",
        };
        Notation::Infix { sign, binding: 3 }
    }
    fn attributes(&self) -> String {
        match (self.a_transposed, self.b_transposed) {
            (false, false) => "",
            (true, false) => "aᵀ",
            (false, true) => "bᵀ",
            (true, true) => "aᵀ bᵀ",
        }
        .into()
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let op = Self { a_transposed: s.choice(&[false, true]), b_transposed: s.choice(&[false, true]) };
        let (m, k, n) = (s.size(), s.size(), s.size());
        let lead = s.shape(0..3);
        let [lead_a, lead_b] = match s.below(0..3) {
            0 => [Shape::scalar(), Shape::scalar()],
            1 => [lead, Shape::scalar()],
            _ => [s.broadcastable(&lead), lead],
        };
        let full = |lead: &Shape, transposed, rows, columns| -> Shape {
            let matrix = if transposed { [columns, rows] } else { [rows, columns] };
            lead.iter().copied().chain(matrix).collect()
        };
        let (a, b) = (full(&lead_a, op.a_transposed, m, k), full(&lead_b, op.b_transposed, k, n));
        Sample::new(op, [s.float(a, Domain::reals(-1.0, 1.0)), s.float(b, Domain::reals(-1.0, 1.0))])
    }
}
