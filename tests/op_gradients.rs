//! Every op against two other ways to differentiate: forward mode by dual numbers, and differences. Orders one and
//! two, operands of random shapes and values from the op's own samples.

mod classes;
mod common;

use autograd::graph::verify;
use autograd::ops::{Adjoint, Custom, Domain, Notation, Op, Operator, Sample, Sampler};
use autograd::{Builder, Expr, Kind, Scalar, Type, Value, eval, kernels};
use autograd_check::Check;
use common::{agrees_with_duals, apply, weighted};
use proptest::prelude::*;
use std::sync::Arc;

/// Forward mode must agree with reverse mode up to rounding.
fn against_duals(sample: Sample<Op>, sampler: &mut Sampler) {
    let g = Builder::new();
    let (y, wrt, point) = apply(&g, sample, sampler);
    let graph = g.graph().unwrap();
    verify(&graph).unwrap();
    let computed = eval(&graph, &point, &[y]).unwrap().remove(0);
    computed.fits(&y.ty()).unwrap_or_else(|e| panic!("{y:?}: the kernel and the shape rule differ: {e}"));
    if y.ty().kind == Kind::Float && !wrt.is_empty() {
        let gradients = agrees_with_duals(&[y], &wrt, &point, sampler, 1e-12);
        agrees_with_duals(&[weighted(&gradients, sampler)], &wrt, &point, sampler, 1e-12);
    }
}

/// The check must pass, and its differences must be accurate to 8 digits of the gradient at order one, and to 6 at
/// order two.
fn against_differences(sample: Sample<Op>, sampler: &mut Sampler) {
    let g = Builder::new();
    let what = format!("{sample:?}");
    let (y, wrt, point) = apply(&g, sample, sampler);
    if y.ty().kind != Kind::Float || wrt.is_empty() {
        return;
    }
    let seed = sampler.below(0..1 << 20) as u64;
    let report = Check::new(y).wrt(&wrt).at(point).order(2).elements(4).seed(seed).run().unwrap();
    assert!(report.passed(), "{what}\n{report}");
    assert_eq!(report.tensors.iter().filter(|t| t.order == 1).count(), wrt.len());
    for tensor in &report.tensors {
        let limit = if tensor.order == 1 { 1e-8 } else { 1e-6 };
        for comparison in tensor.elements.iter().map(|e| &e.comparison).chain([&tensor.comparison]) {
            assert!(comparison.difference() <= limit * tensor.norm.max(1.0), "{what}\n{report}");
        }
    }
}

/// `y = x / (1 + |x|)`, x̄ = ȳ / (1 + |x|)²: an op from outside the crate.
#[derive(Debug)]
struct Softsign;

impl Softsign {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        x[0].map(|x| x / (S::one() + if x < S::zero() { -x } else { x }))
    }
}

impl Operator for Softsign {
    kernels!();
    fn name(&self) -> &'static str {
        "softsign"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        Ok(operands[0].clone())
    }
    fn vjp<'g>(&self, _: usize, x: &[Expr<'g>], _: Expr<'g>, dy: Expr<'g>) -> Adjoint<'g> {
        (dy * (1.0 + x[0].abs()).powi(-2)).into()
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        Sample::new(Self, [s.float(shape, Domain::reals(-3.0, 3.0).avoiding(&[0.0]))])
    }
}

/// One sample of every op of the crate, and of one from outside.
fn samples(sampler: &mut Sampler) -> Vec<Sample<Op>> {
    let Sample { op, operands } = Softsign::sample(sampler);
    let custom = Sample::new(Op::Custom(Custom(Arc::new(op))), operands);
    Op::samples(sampler).into_iter().chain([custom]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn agree_with_forward_mode(seed: u64) {
        let mut sampler = Sampler::new(seed);
        samples(&mut sampler).into_iter().for_each(|sample| against_duals(sample, &mut sampler));
    }
}

/// The seeds are fixed, because differences can, very rarely, misjudge their own error.
#[test]
fn agree_with_differences() {
    for seed in 0..50 {
        let mut sampler = Sampler::new(seed);
        samples(&mut sampler).into_iter().for_each(|sample| against_differences(sample, &mut sampler));
    }
}
