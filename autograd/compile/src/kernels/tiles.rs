//! Products that fit the caches, by tiles with the sums in registers.
//!
//! A tile of C is R rows of L adjacent elements, L filling one or two vectors. Its sums stay in registers over the
//! loop of k: one row of B at a time is multiplied by R elements of A. Nothing is copied or packed, so a product of a
//! few hundred multiplications has little overhead. The limit is that B fits in the L2 cache.

use super::machine::{Machine, Tile, vectorised};
use super::math;
use super::panels::{self, blocks, by_rows};
use super::product::{Layout, Product};
use super::real::Real;

/// Whether tiles can compute this product: the rows of B and C are contiguous, and so are the rows or the columns of
/// A.
pub(super) fn fit(a: &Layout, b: &Layout, c: &Layout) -> bool {
    b.strides[1] == 1 && c.strides[1] == 1 && a.strides.contains(&1)
}

/// `C = A B`, or `C += A B` if it accumulates, for layouts that [`fit`].
pub(super) fn multiply<S: Real>(p: &Product, a: &[S], b: &[S], accumulate: bool, c: &mut [S]) {
    let lanes = panels::width::<S>() / 2;
    if !panels::exist() || !p.c.columns.is_multiple_of(lanes) {
        return of_any_width(p, a, b, accumulate, c);
    }
    of_whole_vectors(p, lanes, a, b, accumulate, c);
}

/// The product if the columns of C fill whole vectors: by tiles two vectors wide, while they fit.
fn of_whole_vectors<S: Real>(p: &Product, lanes: usize, a: &[S], b: &[S], accumulate: bool, c: &mut [S]) {
    let (k, m, n) = (p.a.columns, p.c.rows, p.c.columns);
    for rows in blocks(m) {
        for j in (0..n).step_by(2 * lanes) {
            let columns = (2 * lanes).min(n - j);
            let tile = Tile {
                k,
                a: &a[rows.start * p.a.strides[0]..],
                a_strides: p.a.strides,
                panel: &b[j..],
                panel_stride: p.b.strides[0],
                c: &mut c[rows.start * p.c.strides[0] + j..],
                c_stride: p.c.strides[0],
                rows: rows.len(),
                columns,
                accumulate,
            };
            if columns > lanes { by_rows::<S, 2>(tile) } else { by_rows::<S, 1>(tile) }
        }
    }
}

vectorised! {
    /// The product for any number of columns.
    fn of_any_width<S, M>(p: &Product, a: &[S], b: &[S], accumulate: bool, c: &mut [S]) {
        let sides = Sides {
            k: p.a.columns,
            a,
            a_strides: p.a.strides,
            b,
            b_stride: p.b.strides[0],
            c_stride: p.c.strides[0],
            accumulate,
        };
        let (m, n) = (p.c.rows, p.c.columns);
        match 2 * M::VECTOR / size_of::<S>() {
            32 => sides.rows::<M, 32>(m, n, c),
            16 => sides.rows::<M, 16>(m, n, c),
            _ => sides.rows::<M, 8>(m, n, c),
        }
    }
}

/// The operands of a tile.
#[derive(Clone, Copy)]
struct Sides<'a, S> {
    k: usize,
    a: &'a [S],
    a_strides: [usize; 2],
    b: &'a [S],
    b_stride: usize,
    c_stride: usize,
    accumulate: bool,
}

impl<S: Real> Sides<'_, S> {
    /// All rows of C, four at a time; the last four overlap the previous ones if m is not a multiple. The widest tile
    /// has L columns.
    #[inline(always)]
    fn rows<M: Machine, const L: usize>(&self, m: usize, n: usize, c: &mut [S]) {
        if m < 4 {
            for i in 0..m {
                self.columns::<M, 1, L>(i, 0, n, c);
            }
            return;
        }
        let mut i = 0;
        while i < m {
            let first = i.min(m - 4);
            self.columns::<M, 4, L>(first, i - first, n, c);
            i += 4;
        }
    }

    /// R rows of C from row i on, of which the first `known` are already computed.
    #[inline(always)]
    fn columns<M: Machine, const R: usize, const L: usize>(
        &self,
        i: usize,
        known: usize,
        n: usize,
        c: &mut [S],
    ) {
        let mut j = 0;
        while R == 1 && L == 32 && j + 64 <= n {
            self.tile::<M, R, 64>([i, j], [known, 0], c);
            j += 64;
        }
        while (R > 1 || L < 32) && j + L <= n {
            self.tile::<M, R, L>([i, j], [known, 0], c);
            j += L;
        }
        while L > 16 && j + 16 <= n {
            self.tile::<M, R, 16>([i, j], [known, 0], c);
            j += 16;
        }
        if L > 8 && j + 8 <= n {
            self.tile::<M, R, 8>([i, j], [known, 0], c);
            j += 8;
        }
        if n >= 8 && j < n {
            self.tile::<M, R, 8>([i, n - 8], [known, j + 8 - n], c);
        } else {
            while j < n {
                self.tile::<M, R, 1>([i, j], [known, 0], c);
                j += 1;
            }
        }
    }

    /// R rows of L elements from (i, j) on, without the first `known` rows and columns.
    #[inline(always)]
    fn tile<M: Machine, const R: usize, const L: usize>(
        &self,
        at: [usize; 2],
        known: [usize; 2],
        c: &mut [S],
    ) {
        let ([i, j], [row, column]) = (at, self.a_strides);
        let (a, b) = (&self.a[i * row..], &self.b[j..]);
        let sums: [[S; L]; R] = if column == 1 {
            let mut rows = [a; R];
            for r in 0..R {
                rows[r] = &a[r * row..][..self.k];
            }
            self.sums::<M, _, R, L>(Rows(rows), b)
        } else {
            self.sums::<M, _, R, L>(Columns(a, column), b)
        };
        for r in 0..R {
            let mut y = sums[r];
            let c = &mut c[(i + r) * self.c_stride + j..][..L];
            if self.accumulate {
                for l in 0..L {
                    y[l] += c[l];
                }
            }
            if r >= known[0] {
                c[known[1]..].copy_from_slice(&y[known[1]..]);
            }
        }
    }

    /// `Σ a[r] b[l]` over k. A single row has too few sums to keep the multipliers busy, so it uses four sets.
    #[inline(always)]
    fn sums<M: Machine, A: Left<S, R>, const R: usize, const L: usize>(&self, a: A, b: &[S]) -> [[S; L]; R] {
        let (k, apart) = (self.k, self.b_stride);
        let mut sums = [[S::ZERO; L]; R];
        if R > 1 || L == 64 {
            for p in 0..k {
                add::<S, M, R, L>(&mut sums, a.at(p), *block(&b[p * apart..]));
            }
            return sums;
        }
        let mut parts = [[[S::ZERO; L]; R]; 4];
        let whole = k / 4 * 4;
        for p in (0..whole).step_by(4) {
            for q in 0..4 {
                add::<S, M, R, L>(&mut parts[q], a.at(p + q), *block(&b[(p + q) * apart..]));
            }
        }
        for p in whole..k {
            add::<S, M, R, L>(&mut parts[0], a.at(p), *block(&b[p * apart..]));
        }
        let [w, x, y, z] = &parts;
        for r in 0..R {
            for l in 0..L {
                sums[r][l] = (w[r][l] + x[r][l]) + (y[r][l] + z[r][l]);
            }
        }
        sums
    }
}

/// `sums[r][l] += a[r] b[l]`
#[inline(always)]
fn add<S: Real, M: Machine, const R: usize, const L: usize>(sums: &mut [[S; L]; R], a: [S; R], b: [S; L]) {
    for r in 0..R {
        for l in 0..L {
            sums[r][l] = math::mul_add::<S, M>(a[r], b[l], sums[r][l]);
        }
    }
}

/// R rows of A, column by column.
trait Left<S, const R: usize> {
    fn at(&self, p: usize) -> [S; R];
}

/// Contiguous rows.
struct Rows<'a, S, const R: usize>([&'a [S]; R]);
impl<S: Real, const R: usize> Left<S, R> for Rows<'_, S, R> {
    #[inline(always)]
    fn at(&self, p: usize) -> [S; R] {
        let mut a = [S::ZERO; R];
        for r in 0..R {
            a[r] = self.0[r][p];
        }
        a
    }
}

/// Contiguous columns with this stride.
struct Columns<'a, S>(&'a [S], usize);
impl<S: Real, const R: usize> Left<S, R> for Columns<'_, S> {
    #[inline(always)]
    fn at(&self, p: usize) -> [S; R] {
        *block(&self.0[p * self.1..])
    }
}

/// The first elements of a slice, whose length the layout has checked.
#[inline(always)]
fn block<S, const L: usize>(x: &[S]) -> &[S; L] {
    x.first_chunk().expect("the product has checked the length")
}
