//! Elementwise functions over strips: `y[i] = f(a[i], b[i], …)`.
//!
//! A strip is a slice; the operands' length is the result's. All semantics at the edges, NaN, ±∞, ties, are
//! the interpreter's.
//!
//! # Panics
//! Every function of this module panics if its strips differ in length.

use super::machine::vectorised;
use super::math;

/// Elements worked on together where a loop needs an array: as many as fit the longest vector of any machine.
pub(super) const BLOCK: usize = 16;

/// `y[i] = f(x[i])` for an f so dear that only whole vectors of it are computed: the last block overlaps the one
/// before, or is padded if it is the only one.
macro_rules! by_blocks {
    ($y:expr, $x:ident, $of:expr) => {{
        use $crate::kernels::strips::BLOCK;
        let (y, x): (&mut [_], &[_]) = ($y, $x);
        let n = y.len();
        let whole = n - n % BLOCK;
        for (y, &$x) in y[..whole].iter_mut().zip(&x[..whole]) {
            *y = $of;
        }
        if n > whole && n > BLOCK {
            for (y, &$x) in y[n - BLOCK..].iter_mut().zip(&x[n - BLOCK..]) {
                *y = $of;
            }
        } else if n > whole {
            let mut block = [y[0]; BLOCK];
            block[..n].copy_from_slice(x);
            for y in &mut block {
                let $x = *y;
                *y = $of;
            }
            y.copy_from_slice(&block[..n]);
        }
    }};
}
pub(super) use by_blocks;

/// Functions of strips and of numbers `; p`, from their formulas. What is `dear` goes [`by_blocks!`].
macro_rules! strips {
    ($($(#[$doc:meta])* $name:ident<$S:ident, $M:ident>($($x:ident),+ $(; $($p:ident),+)?) = $of:expr;)*) => {
        vectorised! {$(
            $(#[$doc])*
            pub fn $name<$S, $M>(y: &mut [$S], $($x: &[$S],)+ $($($p: $S),+)?) {
                let n = y.len();
                $(assert_eq!($x.len(), n, "the strips differ in length");)+
                for i in 0..n {
                    $(let $x = $x[i];)+
                    y[i] = $of;
                }
            }
        )*}
    };
    (dear $($(#[$doc:meta])* $name:ident<$S:ident, $M:ident>($x:ident) = $of:expr;)*) => {
        vectorised! {$(
            $(#[$doc])*
            pub fn $name<$S, $M>(y: &mut [$S], $x: &[$S]) {
                assert_eq!($x.len(), y.len(), "the strips differ in length");
                by_blocks!(y, $x, $of);
            }
        )*}
    };
}

strips! {
    /// `y = a + b`
    add<S, M>(a, b) = a + b;
    /// `y = a − b`
    sub<S, M>(a, b) = a - b;
    /// `y = a b`
    mul<S, M>(a, b) = a * b;
    /// `y = a / b`
    div<S, M>(a, b) = a / b;
    /// `y = a − b ⌊a / b⌋`
    modulo<S, M>(a, b) = a.modulo(b);
    /// `y = max(a, b)`; NaN if either is
    max<S, M>(a, b) = if a >= b || a != a { a } else { b };
    /// `y = min(a, b)`; NaN if either is
    min<S, M>(a, b) = if a <= b || a != a { a } else { b };
    /// `y = 1 where a < b, else 0`
    less<S, M>(a, b) = if a < b { S::ONE } else { S::ZERO };
    /// `y = 1 where a ≤ b, else 0`
    less_equal<S, M>(a, b) = if a <= b { S::ONE } else { S::ZERO };
    /// `y = 1 where a = b, else 0`
    equal<S, M>(a, b) = if a == b { S::ONE } else { S::ZERO };
    /// `y = 1 where a > b, else 0`
    greater<S, M>(a, b) = if a > b { S::ONE } else { S::ZERO };
    /// `y = 1 where a ≥ b, else 0`
    greater_equal<S, M>(a, b) = if a >= b { S::ONE } else { S::ZERO };
    /// `y = 1 where a ≠ b, else 0`
    not_equal<S, M>(a, b) = if a != b { S::ONE } else { S::ZERO };
    /// `y = a where c ≠ 0, else b`
    select<S, M>(c, a, b) = if c != S::ZERO { a } else { b };

    /// `y = −a`
    neg<S, M>(a) = -a;
    /// `y = a + p`
    shift<S, M>(a; p) = a + p;
    /// `y = a p`
    scale<S, M>(a; p) = a * p;
    /// `y = a p + q`, rounded once where the machine can
    affine<S, M>(a; p, q) = math::mul_add::<S, M>(a, p, q);
    /// `y = |a|`
    abs<S, M>(a) = a.magnitude();
    /// `y = max(a, 0)`; NaN stays
    relu<S, M>(a) = if a <= S::ZERO { S::ZERO } else { a };
    /// `y = √a`
    sqrt<S, M>(a) = a.sqrt();
    /// `y = 1 / a`
    reciprocal<S, M>(a) = S::ONE / a;
    /// `y = sin a`, by the standard library, element by element
    sin<S, M>(a) = a.sin();
    /// `y = cos a`, by the standard library, element by element
    cos<S, M>(a) = a.cos();

    /// `y = a + b c`, rounded once where the machine can
    mul_add<S, M>(a, b, c) = math::mul_add::<S, M>(b, c, a);
    /// `y = a b + c d`
    dot2<S, M>(a, b, c, d) = math::mul_add::<S, M>(a, b, c * d);
    /// `y = c + f (a − c)`, that is `f a + (1 − f) c`: the mixture of a gated unit
    mix<S, M>(f, a, c) = math::mul_add::<S, M>(f, a - c, c);
    /// `y = d a (1 − a)`: the adjoint through `a = σ(x)`
    sigmoid_adjoint<S, M>(a, d) = d * (a * (S::ONE - a));
    /// `y = d (1 − a²)`: the adjoint through `a = tanh x`
    tanh_adjoint<S, M>(a, d) = d * (S::ONE - a * a);
}

strips! { dear
    /// `y = eᵃ`
    exp<S, M>(a) = math::exp::<S, M>(a);
    /// `y = ln a`
    ln<S, M>(a) = math::ln::<S, M>(a);
    /// `y = tanh a`
    tanh<S, M>(a) = math::tanh::<S, M>(a);
    /// `y = σ(a) = 1 / (1 + e⁻ᵃ)`
    sigmoid<S, M>(a) = math::sigmoid::<S, M>(a);
    /// `y = ln(1 + eᵃ)`
    softplus<S, M>(a) = math::softplus::<S, M>(a);
}

vectorised! {
    /// `y = aⁿ`, by repeated squaring
    pub fn powi<S, M>(y: &mut [S], a: &[S], n: i32) {
        assert_eq!(a.len(), y.len(), "the strips differ in length");
        for (y, a) in y.chunks_mut(BLOCK).zip(a.chunks(BLOCK)) {
            let (mut square, mut power) = ([S::ONE; BLOCK], [S::ONE; BLOCK]);
            square[..a.len()].copy_from_slice(a);
            let mut left = n.unsigned_abs();
            while left > 0 {
                for (power, square) in power.iter_mut().zip(&mut square) {
                    *power = if left % 2 == 1 { *power * *square } else { *power };
                    *square = *square * *square;
                }
                left /= 2;
            }
            if n < 0 {
                power.iter_mut().for_each(|y| *y = S::ONE / *y);
            }
            y.copy_from_slice(&power[..y.len()]);
        }
    }

    /// `y += a`
    pub fn accumulate<S, M>(y: &mut [S], a: &[S]) {
        assert_eq!(a.len(), y.len(), "the strips differ in length");
        y.iter_mut().zip(a).for_each(|(y, &a)| *y += a);
    }

    /// `y += a b`
    pub fn accumulate_product<S, M>(y: &mut [S], a: &[S], b: &[S]) {
        assert_eq!((a.len(), b.len()), (y.len(), y.len()), "the strips differ in length");
        y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = math::mul_add::<S, M>(a, b, *y));
    }

    /// `y = p y`
    pub fn rescale<S, M>(y: &mut [S], p: S) {
        y.iter_mut().for_each(|y| *y = *y * p);
    }

    /// `Σ a`, in parts of one vector each
    pub fn sum<S, M>(a: &[S]) -> S {
        let mut parts = [S::ZERO; BLOCK];
        let blocks = a.chunks_exact(BLOCK);
        let rest = blocks.remainder();
        blocks.for_each(|block| parts.iter_mut().zip(block).for_each(|(y, &x)| *y += x));
        parts.iter_mut().zip(rest).for_each(|(y, &x)| *y += x);
        parts.into_iter().fold(S::ZERO, |a, b| a + b)
    }

    /// `Σ a b`, in parts of one vector each
    pub fn dot<S, M>(a: &[S], b: &[S]) -> S {
        assert_eq!(a.len(), b.len(), "the strips differ in length");
        let mut parts = [S::ZERO; BLOCK];
        let (a, b) = (a.chunks_exact(BLOCK), b.chunks_exact(BLOCK));
        let rest = a.remainder().iter().zip(b.remainder());
        let mut add = |(y, (&a, &b)): (&mut S, (&S, &S))| *y = math::mul_add::<S, M>(a, b, *y);
        parts.iter_mut().zip(rest).for_each(&mut add);
        a.zip(b).for_each(|(a, b)| parts.iter_mut().zip(a.iter().zip(b)).for_each(&mut add));
        parts.into_iter().fold(S::ZERO, |a, b| a + b)
    }
}
