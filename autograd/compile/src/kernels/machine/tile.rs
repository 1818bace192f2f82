//! The innermost loop of a product, in vector registers.
//!
//! R rows of A times a panel of B, which is N vectors wide: the N R sums stay in registers over the loop of k. The
//! compiler does not guarantee that for an array of sums; for vectors it does. So elements are read through pointers
//! here, once the lengths of all slices are checked.

#![allow(unsafe_code)] // vector instructions, and pointers into slices whose lengths are checked

use super::{Level, level};
use crate::kernels::Real;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256d, __m512, __m512d, _MM_HINT_T0, _mm_prefetch, _mm256_add_pd, _mm256_add_ps,
    _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_set1_pd, _mm256_set1_ps,
    _mm256_storeu_pd, _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    _mm512_loadu_pd, _mm512_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_storeu_ps,
};

/// A tile of a product.
#[derive(Debug)]
pub struct Tile<'a, S> {
    /// The length of the sums.
    pub k: usize,
    /// R rows of A.
    pub a: &'a [S],
    /// The row and column strides of A.
    pub a_strides: [usize; 2],
    /// k rows of B, each N vectors long.
    pub panel: &'a [S],
    /// The row stride of B.
    pub panel_stride: usize,
    /// C from the tile's first element on.
    pub c: &'a mut [S],
    /// The row stride of C.
    pub c_stride: usize,
    /// The number of rows to write, at most R.
    pub rows: usize,
    /// The number of columns to write, at most the width of the panel.
    pub columns: usize,
    /// Whether to add the sums to C.
    pub accumulate: bool,
}

impl<S> Tile<'_, S> {
    /// # Panics
    /// If anything that R rows of `lanes` columns read or write is outside its slice.
    fn check(&self, r: usize, lanes: usize) {
        let reach = |[i, j]: [usize; 2], [row, column]: [usize; 2]| {
            i.saturating_mul(row).saturating_add(j.saturating_mul(column)).saturating_add(1)
        };
        let Self { k, rows, columns, .. } = *self;
        assert!(
            (1..=r).contains(&rows) && (1..=lanes).contains(&columns),
            "a tile has {r} × {lanes} elements"
        );
        assert!(k == 0 || self.a.len() >= reach([r - 1, k - 1], self.a_strides), "A is too short");
        let panel = [k.saturating_sub(1), lanes - 1];
        assert!(k == 0 || self.panel.len() >= reach(panel, [self.panel_stride, 1]), "the panel is too short");
        assert!(self.c.len() >= reach([rows - 1, columns - 1], [self.c_stride, 1]), "C is too short");
    }
}

/// The tiles of a scalar type.
pub trait Tiles: Sized {
    /// Computes a tile of R rows and N vectors, which are one or two.
    ///
    /// # Panics
    /// If a slice is too short, or this machine has no tiles.
    fn tile<const R: usize, const N: usize>(tile: Tile<Self>);
}

/// A vector register.
trait Vector<S>: Copy {
    const LANES: usize;
    unsafe fn splat(x: S) -> Self;
    unsafe fn load(from: *const S) -> Self;
    unsafe fn store(self, to: *mut S);
    unsafe fn plus(self, other: Self) -> Self;
    /// `self + a b`
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
}

/// The sums of R rows. If R is too small to keep the multipliers busy, they are split into several chains that are
/// added at the end.
///
/// # Safety
/// The tile is checked, and the machine has the instructions of V.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sums<S: Real, V: Vector<S>, const R: usize, const N: usize, const CHAINS: usize>(
    t: &Tile<S>,
) -> [[V; N]; R] {
    let [row, column] = t.a_strides;
    // SAFETY: `check` has found that k columns of R rows of A, and k rows of the panel, lie in their slices.
    unsafe {
        let mut parts = [[[V::splat(S::ZERO); N]; R]; CHAINS];
        let mut add = |p: usize, chain: usize| {
            let from = t.panel.as_ptr().add(p * t.panel_stride);
            let mut b = [V::splat(S::ZERO); N];
            for v in 0..N {
                b[v] = V::load(from.add(v * V::LANES));
            }
            let a = t.a.as_ptr().add(p * column);
            let part = &mut parts[chain];
            for r in 0..R {
                let a = V::splat(*a.add(r * row));
                for v in 0..N {
                    part[r][v] = part[r][v].plus_product(a, b[v]);
                }
            }
        };
        let whole = t.k / CHAINS * CHAINS;
        for p in (0..whole).step_by(CHAINS) {
            for chain in 0..CHAINS {
                add(p + chain, chain);
            }
        }
        for p in whole..t.k {
            add(p, p - whole);
        }
        let mut sums = parts[0];
        for part in &parts[1..] {
            for r in 0..R {
                for v in 0..N {
                    sums[r][v] = sums[r][v].plus(part[r][v]);
                }
            }
        }
        sums
    }
}

/// # Safety
/// The tile is checked, the machine has the instructions of V, and L is the longest tile.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn tile<S: Real, V: Vector<S>, const R: usize, const N: usize, const CHAINS: usize, const L: usize>(
    t: Tile<S>,
) {
    // SAFETY: `check` has found that the rows and columns that are written lie in C.
    unsafe {
        let start = t.c.as_mut_ptr();
        if t.accumulate {
            // C is on its way while the sums are made.
            for r in 0..t.rows {
                let c = start.add(r * t.c_stride);
                _mm_prefetch::<_MM_HINT_T0>(c.cast());
                _mm_prefetch::<_MM_HINT_T0>(c.add(t.columns - 1).cast());
            }
        }
        let sums = sums::<S, V, R, N, CHAINS>(&t);
        for r in 0..R {
            if r >= t.rows {
                break;
            }
            let c = start.add(r * t.c_stride);
            if t.columns == N * V::LANES {
                for (v, sum) in sums[r].into_iter().enumerate() {
                    let c = c.add(v * V::LANES);
                    if t.accumulate { V::load(c).plus(sum) } else { sum }.store(c);
                }
                continue;
            }
            let mut row = [S::ZERO; L];
            for (v, sum) in sums[r].into_iter().enumerate() {
                sum.store(row.as_mut_ptr().add(v * V::LANES));
            }
            for (j, &sum) in row[..t.columns].iter().enumerate() {
                let c = c.add(j);
                *c = if t.accumulate { *c + sum } else { sum };
            }
        }
    }
}

macro_rules! vector {
    ($vector:ident of $float:ident, $lanes:literal: $splat:ident $load:ident $store:ident $plus:ident $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Vector<$float> for $vector {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $float) -> Self {
                // SAFETY: the caller guarantees that the machine has these instructions.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $float) -> Self {
                // SAFETY: as above; and there are that many numbers.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $float) {
                // SAFETY: as above; and there is room for that many numbers.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                // SAFETY: the machine has these instructions.
                unsafe { $plus(self, other) }
            }
            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                // SAFETY: the machine has these instructions.
                unsafe { $fma(a, b, self) }
            }
        }
    };
}
vector!(__m512 of f32, 16: _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_fmadd_ps);
vector!(__m512d of f64, 8: _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_fmadd_pd);
vector!(__m256 of f32, 8: _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_fmadd_ps);
vector!(__m256d of f64, 4: _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_fmadd_pd);

macro_rules! tiles {
    ($float:ident: $vector512:ident, twice $wide:literal; $vector256:ident, twice $narrow:literal) => {
        impl Tiles for $float {
            #[inline]
            fn tile<const R: usize, const N: usize>(t: Tile<Self>) {
                #[cfg(target_arch = "x86_64")]
                #[target_feature(
                    enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt"
                )]
                fn avx512<const R: usize, const N: usize>(t: Tile<$float>) {
                    // SAFETY: the tile is checked for this width.
                    unsafe {
                        match R {
                            1 => tile::<_, $vector512, 1, N, 4, $wide>(t),
                            2 | 3 => tile::<_, $vector512, R, N, 2, $wide>(t),
                            _ => tile::<_, $vector512, R, N, 1, $wide>(t),
                        }
                    }
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2<const R: usize, const N: usize>(t: Tile<$float>) {
                    // SAFETY: the tile is checked for this width.
                    unsafe {
                        match R {
                            1 => tile::<_, $vector256, 1, N, 4, $narrow>(t),
                            2 | 3 => tile::<_, $vector256, R, N, 2, $narrow>(t),
                            _ => tile::<_, $vector256, R, N, 1, $narrow>(t),
                        }
                    }
                }
                const { assert!(N == 1 || N == 2) }
                match level() {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => {
                        t.check(R, N * $wide / 2);
                        // SAFETY: `level` has found every feature that `avx512` enables.
                        unsafe { avx512::<R, N>(t) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => {
                        t.check(R, N * $narrow / 2);
                        // SAFETY: `level` has found every feature that `avx2` enables.
                        unsafe { avx2::<R, N>(t) }
                    }
                    _ => unreachable!("`panels::exist` says that this machine has no tiles"),
                }
            }
        }
    };
}
tiles!(f32: __m512, twice 32; __m256, twice 16);
tiles!(f64: __m512d, twice 16; __m256d, twice 8);
