//! Every op against forward mode: the gradient that its VJP gives is the one that dual numbers give, and so
//! is the gradient of that gradient. Operands have random shapes and values from the op's own samples.

use autograd::graph::verify;
use autograd::ops::{Op, Sample, Sampler};
use autograd::{Builder, Expr, Gradient, Kind, Point, Value, eval, grad, jvp, vjp};
use proptest::prelude::*;

/// ⟨a, b⟩ over several arrays.
fn dot(a: &[Value<f64>], b: &[Value<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a.float() * b.float()).sum()).sum()
}

fn norm(a: &[Value<f64>]) -> f64 {
    dot(a, a).sqrt()
}

struct Case<'g> {
    g: &'g Builder,
    point: Point<f64>,
    /// The operands that hold real numbers.
    wrt: Vec<Expr<'g>>,
    /// A tangent for each of them.
    direction: Vec<Value<f64>>,
}

impl<'g> Case<'g> {
    /// `y` must have the derivative along the direction that dual numbers give.
    fn agrees(&self, y: Expr<'g>, cotangent: Value<f64>, what: &str) -> Vec<Expr<'g>> {
        let v = self.g.constant(cotangent.clone());
        let zeros = |x: &Expr<'g>| self.g.zeros(x.shape());
        let gradients: Vec<Expr> = vjp(&[(y, v)], &self.wrt)
            .into_iter()
            .zip(&self.wrt)
            .map(|(gradient, x)| match gradient {
                Gradient::Of(dx) => dx,
                Gradient::Zero | Gradient::NotConnected => zeros(x),
                Gradient::NotDefined(error) => panic!("{what}: {error}"),
            })
            .collect();
        let graph = self.g.graph().unwrap();
        verify(&graph).unwrap();
        let reverse = dot(&eval(&graph, &self.point, &gradients).unwrap(), &self.direction);
        let mut along = Point::new();
        self.wrt.iter().zip(&self.direction).for_each(|(&x, u)| along.set(x, u.clone()));
        let forward = jvp(&graph, &self.point, &along, &[y]).unwrap();
        let forward = dot(&forward, std::slice::from_ref(&cotangent));
        let scale = norm(&self.direction) * norm(&eval(&graph, &self.point, &gradients).unwrap());
        let error = (reverse - forward).abs();
        assert!(
            error <= 1e-12 * scale.max(1.0),
            "{what}: reverse {reverse}, forward {forward}\n{}",
            graph.text()
        );
        gradients
    }
}

fn check(Sample { op, operands }: Sample<Op>, sampler: &mut Sampler) {
    let g = Builder::new();
    let values = sampler.values(&operands);
    let mut point = Point::new();
    let x: Vec<Expr> = operands
        .iter()
        .zip(values)
        .enumerate()
        .map(|(i, (operand, value))| {
            let name = format!("x{i}");
            let x = match operand.ty.kind {
                Kind::Float => g.parameter(&name, &operand.ty.shape),
                Kind::Index { below } => g.index_input(&name, &operand.ty.shape, below),
                Kind::Bool => return g.constant(value),
            };
            point.set(x, value);
            x
        })
        .collect();
    let what = format!("{op:?} of {operands:?}");
    let y = g.apply(op, &x);
    let graph = g.graph().unwrap();
    verify(&graph).unwrap();
    let computed = eval(&graph, &point, &[y]).unwrap().remove(0);
    computed.fits(&y.ty()).unwrap_or_else(|e| panic!("{what}: the kernel and the shape rule differ: {e}"));
    let wrt: Vec<Expr> = x.into_iter().filter(|x| x.ty().kind == Kind::Float).collect();
    if y.ty().kind != Kind::Float || wrt.is_empty() {
        return;
    }
    let mut random = |x: &Expr| {
        let operand = sampler.float(x.shape(), autograd::ops::Domain::reals(-1.0, 1.0));
        sampler.values(&[operand]).remove(0)
    };
    let direction = wrt.iter().map(&mut random).collect();
    let case = Case { g: &g, point, direction, wrt: wrt.clone() };
    let gradients = case.agrees(y, random(&y), &what);
    let weighted: Vec<Expr> = gradients.iter().map(|&dx| (dx * g.constant(random(&dx))).sum()).collect();
    let scalar = g.sum(&weighted);
    case.agrees(scalar, ndarray::arr0(1.0).into(), &format!("gradient of {what}"));
    let again = grad(scalar, &wrt);
    assert_eq!(again.len(), wrt.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn orders_one_and_two_agree_with_forward_mode(seed: u64) {
        let mut sampler = Sampler::new(seed);
        for sample in Op::samples(&mut sampler) {
            check(sample, &mut sampler);
        }
    }
}
