//! Op classes against computed values: the class and the linearity of every sample, and the compiler's code for its
//! function.

use crate::common::apply;
use autograd::ops::{Axes, Class, Function, Op, Sample, Sampler, Softmax};
use autograd::{Builder, Kind, Type, Value, eval};
use autograd_compile::compile;
use ndarray::{ArrayD, Axis, IxDyn};
use std::collections::HashSet;

/// An op with operands, and other operands of the same types.
struct Case {
    op: Op,
    x: Vec<Value<f64>>,
    other: Vec<Value<f64>>,
}

impl Case {
    fn new(sample: &Sample<Op>, sampler: &mut Sampler) -> Self {
        let x = sampler.values(&sample.operands);
        Self { op: sample.op.clone(), x, other: sampler.values(&sample.operands) }
    }

    fn at(&self, x: &[Value<f64>]) -> Value<f64> {
        self.op.operator().unwrap().eval_f64(&x.iter().collect::<Vec<_>>())
    }

    /// The operands, with elements replaced where they must not be read.
    fn but(&self, is_read: &dyn Fn(&[usize]) -> bool) -> Vec<Value<f64>> {
        let pairs = self.x.iter().zip(&self.other);
        pairs.map(|(x, other)| pick(x, other, is_read)).collect()
    }

    /// Where the declared class is wrong, if anywhere.
    fn refutes(&self, class: &Class, sampler: &mut Sampler) -> Option<String> {
        let y = self.at(&self.x);
        let shape = y.shape();
        if shape.count() == 0 {
            return None;
        }
        let place: Vec<usize> = shape.iter().map(|&n| sampler.below(0..n)).collect();
        let same = |x: &[Value<f64>], place: &[usize], at: &[usize]| {
            let (have, want) = (number(&self.at(x), place), number(&y, at));
            (have.to_bits() != want.to_bits())
                .then(|| format!("at {at:?} it has {want}, and {have} of the same elements"))
        };
        match class {
            Class::Elementwise(_) => {
                let one = |x: &Value<f64>| element(x, &place);
                same(&self.x.iter().map(one).collect::<Vec<_>>(), &[], &place)
            }
            Class::Reduction(axes) => {
                let axes: Vec<usize> = axes.iter().collect();
                let kept = |at: &[usize]| {
                    let left =
                        at.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &i)| i);
                    left.eq(place.iter().copied())
                };
                let rank = self.x[0].shape().len();
                if rank != place.len() + axes.len() {
                    return Some("the axes do not go".into());
                }
                same(&self.but(&kept), &place, &place)
            }
            Class::Lines(axis) | Class::Movement(Some(axis)) => {
                if self.x.iter().any(|x| x.shape().len() != place.len()) {
                    return Some("the axes do not stay".into());
                }
                let line = |at: &[usize]| (0..at.len()).all(|a| a == *axis || at[a] == place[a]);
                same(&self.but(&line), &place, &place).or_else(|| self.moves(class, &y))
            }
            Class::Movement(None) => self.moves(class, &y),
            Class::Contraction | Class::Opaque => None,
            other => panic!("{other:?} is new: say how it is refuted"),
        }
    }

    /// An element of the result that is neither an element of an operand nor zero, which a movement forbids.
    fn moves(&self, class: &Class, y: &Value<f64>) -> Option<String> {
        let bits = |x: &Value<f64>| x.float().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let known: HashSet<u64> = self.x.iter().flat_map(bits).chain([0.0_f64.to_bits()]).collect();
        let made = bits(y).into_iter().find(|y| !known.contains(y));
        made.filter(|_| matches!(class, Class::Movement(_)))
            .map(|y| format!("{} was not moved", f64::from_bits(y)))
    }

    /// The deviation from linearity in some operands, with the others constant: f(2x − 3x') against 2f(x) − 3f(x').
    fn bends(&self, varying: &[bool]) -> f64 {
        let mix = |a: &Value<f64>, b: &Value<f64>| Value::Float(a.float() * 2.0 - b.float() * 3.0);
        let choose = |with: &dyn Fn(usize) -> Value<f64>| -> Vec<Value<f64>> {
            (0..self.x.len()).map(|i| if varying[i] { with(i) } else { self.x[i].clone() }).collect()
        };
        let mixed = self.at(&choose(&|i| mix(&self.x[i], &self.other[i])));
        let apart = mix(&self.at(&self.x), &self.at(&choose(&|i| self.other[i].clone())));
        let size = apart.float().iter().fold(1.0, |m: f64, y| m.max(y.abs()));
        (mixed.float() - apart.float()).iter().fold(0.0, |m: f64, d| m.max(d.abs())) / size
    }

    /// The sets of real operands in which an op may be linear.
    fn masks(&self) -> Vec<Vec<bool>> {
        let n = self.x.len();
        let real = |mask: &Vec<bool>| (0..n).all(|i| !mask[i] || matches!(self.x[i], Value::Float(_)));
        let masks = (1..1_usize << n).map(|bits| (0..n).map(|i| bits >> i & 1 == 1).collect());
        masks.filter(real).collect()
    }
}

fn pick(x: &Value<f64>, other: &Value<f64>, is_first: &dyn Fn(&[usize]) -> bool) -> Value<f64> {
    let at = |i: &IxDyn| is_first(ndarray::Dimension::slice(i));
    match (x, other) {
        (Value::Float(a), Value::Float(b)) => {
            Value::Float(ArrayD::from_shape_fn(a.raw_dim(), |i| if at(&i) { a[&i] } else { b[&i] }))
        }
        (x, _) => x.clone(),
    }
}

/// The element of an operand that broadcasts to a position of the result.
fn element(x: &Value<f64>, place: &[usize]) -> Value<f64> {
    fn of<T: Copy>(x: &ArrayD<T>, place: &[usize]) -> ArrayD<T> {
        let skip = place.len() - x.ndim();
        let at: Vec<usize> =
            (0..x.ndim()).map(|a| if x.len_of(Axis(a)) == 1 { 0 } else { place[skip + a] }).collect();
        ndarray::arr0(x[&at[..]]).into_dyn()
    }
    match x {
        Value::Float(x) => Value::Float(of(x, place)),
        Value::Index(x) => Value::Index(of(x, place)),
        Value::Bool(x) => Value::Bool(of(x, place)),
    }
}

fn number(y: &Value<f64>, place: &[usize]) -> f64 {
    match y {
        Value::Float(y) => y[place],
        Value::Index(y) => y[place] as f64,
        Value::Bool(y) => f64::from(u8::from(y[place])),
    }
}

#[test]
fn classes_are_true_of_every_sample() {
    for seed in 0..300 {
        let mut sampler = Sampler::new(seed);
        for sample in Op::samples(&mut sampler) {
            let case = Case::new(&sample, &mut sampler);
            let why = case.refutes(&case.op.class(), &mut sampler);
            assert!(why.is_none(), "{sample:?} is said to be {:?}: {why:?}", case.op.class());
        }
    }
}

#[test]
fn linearity_is_true_of_every_sample() {
    for seed in 0..200 {
        let mut sampler = Sampler::new(seed);
        for sample in Op::samples(&mut sampler) {
            let case = Case::new(&sample, &mut sampler);
            let claimed = |mask: &Vec<bool>| case.op.operator().unwrap().is_linear(mask);
            for mask in case.masks().into_iter().filter(claimed) {
                assert!(case.bends(&mask) < 1e-12, "{sample:?} is not linear in {mask:?}");
            }
        }
    }
}

/// A false class is detected.
#[test]
fn false_classes_are_refuted() {
    let mut sampler = Sampler::new(1);
    let operand =
        |s: &mut Sampler, shape: [usize; 2]| s.float(shape, autograd::ops::Domain::reals(-2.0, 2.0));
    let x = operand(&mut sampler, [3, 4]);
    let softmax = Sample::new(Op::from(Softmax { axis: 1 }), [x.clone()]);
    let sum = Sample::new(Op::from(autograd::ops::ReduceSum(Axes::new([1]))), [x.clone()]);
    let tanh = Sample::new(Op::from(autograd::ops::Tanh), [x]);
    for (sample, class) in [
        (&softmax, Class::Elementwise(Function::Exp)),
        (&softmax, Class::Lines(0)),
        (&softmax, Class::Movement(None)),
        (&softmax, Class::Reduction(Axes::new([1]))),
        (&sum, Class::Reduction(Axes::new([0]))),
        (&sum, Class::Lines(1)),
        (&tanh, Class::Movement(None)),
    ] {
        let case = Case::new(sample, &mut sampler);
        // The shapes of operand and result may differ, so evaluation may panic.
        let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            case.refutes(&class, &mut Sampler::new(2))
        }));
        assert!(
            why.is_err() || why.is_ok_and(|why| why.is_some()),
            "{:?} passes for {class:?}",
            case.op.name()
        );
    }
    assert!(Case::new(&tanh, &mut sampler).bends(&[true]) > 1e-3);
}

/// The compiler's code for an op equals its kernel, in both precisions, in a fused region with other ops.
#[test]
fn compiled_functions_are_those_of_the_kernels() {
    for seed in 0..40 {
        let mut sampler = Sampler::new(seed);
        for sample in Op::samples(&mut sampler).into_iter().filter(|s| s.op.class().is_elementwise()) {
            let g = Builder::new();
            let what = format!("{sample:?}");
            let (y, _, point) = apply(&g, sample, &mut sampler);
            let y = if y.ty().kind == Kind::Float { y * 0.75 + 0.5 } else { y.select(0.75, 0.5) };
            assert_eq!(y.ty(), Type::float(y.shape()));
            let graph = g.graph().unwrap();
            let exact = eval(&graph, &point, &[y]).unwrap().remove(0).into_float();
            let executable = compile::<f64>(&graph, &[y]).unwrap();
            let steps = executable.profile(&point, 1).unwrap();
            assert!(steps.iter().all(|step| step.what != "interpreted"), "{what}: {steps:?}");
            let fast = executable.run(&point).unwrap().remove(0).into_float();
            let apart = |a: f64, b: f64| (a - b).abs() / b.abs().max(1.0);
            let worst = fast.iter().zip(&exact).fold(0.0, |m: f64, (&a, &b)| m.max(apart(a, b)));
            assert!(worst < 1e-14, "{what}: {worst:e}");
            let single =
                compile::<f32>(&graph, &[y]).unwrap().run(&point.cast()).unwrap().remove(0).into_float();
            let worst = single.iter().zip(&exact).fold(0.0, |m: f64, (&a, &b)| m.max(apart(f64::from(a), b)));
            assert!(worst < 2e-6, "{what}: {worst:e} in single precision");
        }
    }
}
