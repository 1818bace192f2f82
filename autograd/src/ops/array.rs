//! Array helpers shared by kernels.

use crate::scalar::Scalar;
use crate::shape::Shape;
use ndarray::{ArrayD, ArrayViewD};
use std::borrow::Cow;

/// `f` of each element. Only one loop, over contiguous elements, is compiled for each `f`: `ndarray` has one for each
/// layout too, which took most of this crate's build time.
pub(crate) fn map<A: Copy, B>(a: &ArrayD<A>, f: impl Fn(A) -> B) -> ArrayD<B> {
    array(a.shape(), in_order(a.view()).iter().map(|&a| f(a)).collect())
}

/// Applies `f` to pairs of elements, with broadcasting.
///
/// # Panics
/// If the shapes do not broadcast; shape rules have checked that they do.
pub(super) fn zip<A: Copy, B: Copy, C>(a: &ArrayD<A>, b: &ArrayD<B>, f: impl Fn(A, B) -> C) -> ArrayD<C> {
    if let (0, Some(&a)) = (a.ndim(), a.first()) {
        return map(b, |b| f(a, b));
    }
    if let (0, Some(&b)) = (b.ndim(), b.first()) {
        return map(a, |a| f(a, b));
    }
    let shape = Shape::from(a.shape()).broadcast(&b.shape().into()).expect("the shape rule has checked it");
    let (a, b) = (in_order(spread(a, &shape)), in_order(spread(b, &shape)));
    array(&shape, a.iter().zip(&*b).map(|(&a, &b)| f(a, b)).collect())
}

/// The elements of an array, its last axis fastest; copied if they do not lie so.
fn in_order<A: Copy>(a: ArrayViewD<A>) -> Cow<[A]> {
    match a.to_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(a.iter().copied().collect()),
    }
}

/// An array of elements whose last axis is fastest.
fn array<A>(shape: &[usize], elements: Vec<A>) -> ArrayD<A> {
    ArrayD::from_shape_vec(shape, elements).expect("there is an element for each place")
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
