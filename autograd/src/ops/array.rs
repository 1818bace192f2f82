//! Array helpers shared by kernels.

use crate::scalar::Scalar;
use crate::shape::Shape;
use ndarray::{ArrayD, ArrayViewD, Zip};

/// Applies `f` to pairs of elements, with broadcasting.
///
/// # Panics
/// If the shapes do not broadcast; shape rules have checked that they do.
pub(super) fn zip<A: Copy, B: Copy, C>(a: &ArrayD<A>, b: &ArrayD<B>, f: impl Fn(A, B) -> C) -> ArrayD<C> {
    if a.shape() == b.shape() {
        return Zip::from(a).and(b).map_collect(|&a, &b| f(a, b));
    }
    if let (0, Some(&a)) = (a.ndim(), a.first()) {
        return b.map(|&b| f(a, b));
    }
    if let (0, Some(&b)) = (b.ndim(), b.first()) {
        return a.map(|&a| f(a, b));
    }
    let shape = Shape::from(a.shape()).broadcast(&b.shape().into()).expect("the shape rule has checked it");
    Zip::from(spread(a, &shape)).and(spread(b, &shape)).map_collect(|&a, &b| f(a, b))
}

/// A broadcast view of `a`.
///
/// # Panics
/// If `a` does not broadcast to `shape`; shape rules have checked that it does.
pub(super) fn spread<'a, A>(a: &'a ArrayD<A>, shape: &Shape) -> ArrayViewD<'a, A> {
    a.broadcast(&**shape).expect("the shape rule has checked it")
}

/// The maximum of two numbers; NaN if either is.
pub(super) fn larger<S: Scalar>(a: S, b: S) -> S {
    // `a != a` holds for NaN alone; a tie keeps the first, which has the same value.
    if a >= b || a.value().is_nan() { a } else { b }
}
