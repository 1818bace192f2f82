//! Products by tiles that read B from panels.
//!
//! A panel is as many columns of B as a tile has, its rows one after the other. So a tile reads memory in order, and a part
//! of the panel stays in the first cache while all tiles of its columns read it. A product of many columns of A, as a
//! gradient that is a sum over time, is a sum of parts of which A's block stays in the second cache (Goto & van de Geijn,
//! *Anatomy of High-Performance Matrix Multiplication*, 2008).

use super::buffer::Buffer;
use super::machine::{self, Level, Tile};
use super::product::{Layout, Product};
use super::real::Real;

/// How many columns of A are multiplied at once.
const DEPTH: usize = 512;

/// How many rows of A stay in the second cache, for so many columns.
const HEIGHT: usize = 256;

/// Whether this machine has tiles.
pub(super) fn exist() -> bool {
    machine::level() != Level::Portable
}

/// The columns of a panel: two vectors.
pub(super) fn width<S>() -> usize {
    let bytes = if machine::level() == Level::Avx512 { 64 } else { 32 };
    2 * bytes / size_of::<S>()
}

/// B in panels, the last filled up with zeros.
pub(super) fn pack<S: Real>(b: Layout, from: &[S], to: &mut [S]) {
    let width = width::<S>();
    for (j, panel) in to.chunks_exact_mut((width * b.rows).max(1)).enumerate() {
        pack_panel(b, from, j * width, 0, panel, width);
    }
}

/// Rows from `first` on of the `width` columns from `j` on.
fn pack_panel<S: Real>(b: Layout, from: &[S], j: usize, first: usize, to: &mut [S], width: usize) {
    /// So many rows at once: of a B that lies by columns, a cache line of each.
    const LINE: usize = 16;
    let columns = width.min(b.columns - j);
    let [row, column] = b.strides;
    for (i, rows) in to.chunks_mut(LINE * width).enumerate() {
        let (first, count) = (first + i * LINE, rows.len() / width);
        if column == 1 {
            for (p, to) in rows.chunks_exact_mut(width).enumerate() {
                to[..columns].copy_from_slice(&from[(first + p) * row + j..][..columns]);
            }
        } else {
            for q in 0..columns {
                let from = &from[first * row + (j + q) * column..];
                (0..count).for_each(|p| rows[p * width + q] = from[p * row]);
            }
        }
        if columns < width {
            rows.chunks_exact_mut(width).for_each(|to| to[columns..].fill(S::ZERO));
        }
    }
}

/// `C = A B`, or `C += A B` if it accumulates; `b` holds panels if it is packed.
pub(super) fn multiply<S: Real>(
    p: &Product,
    packed: bool,
    a: &[S],
    b: &[S],
    accumulate: bool,
    c: &mut [S],
    scratch: &mut Buffer<S>,
) {
    let it = Panels { p, packed, a, b, accumulate };
    // As many rows as there are registers for, with two for B and one for A.
    match machine::level() {
        Level::Avx512 => it.run::<8>(c, scratch),
        _ => it.run::<6>(c, scratch),
    }
}

struct Panels<'a, S> {
    p: &'a Product,
    packed: bool,
    a: &'a [S],
    b: &'a [S],
    accumulate: bool,
}

impl<S: Real> Panels<'_, S> {
    fn run<const R: usize>(&self, c: &mut [S], scratch: &mut Buffer<S>) {
        let Product { a, b, c: z, .. } = self.p;
        let (m, k, n, width) = (a.rows, a.columns, b.columns, width::<S>());
        if n == 0 {
            return;
        }
        if k == 0 && !self.accumulate {
            (0..m).for_each(|i| c[i * z.strides[0]..][..n].fill(S::ZERO));
        }
        let parts = k.div_ceil(DEPTH);
        let deepest = if parts == 0 { 0 } else { k.div_ceil(parts) };
        let own_a = if a.strides[1] == 1 { 0 } else { HEIGHT.min(m).next_multiple_of(R) * deepest };
        let own_b = if self.packed { 0 } else { width * deepest };
        scratch.grow(own_a + own_b);
        let (panel, block) = scratch.split_at_mut(own_b);
        for part in 0..parts {
            let (from, to) = (part * k / parts, (part + 1) * k / parts);
            let accumulate = self.accumulate || part > 0;
            for first in (0..m).step_by(HEIGHT) {
                let rows = HEIGHT.min(m - first);
                if own_a > 0 {
                    self.pack_rows::<R>(first, rows, from..to, block);
                }
                for j in (0..n).step_by(width) {
                    let panel = if self.packed {
                        &self.b[j * k + from * width..][..(to - from) * width]
                    } else {
                        let panel = &mut panel[..(to - from) * width];
                        pack_panel(*b, self.b, j, from, panel, width);
                        &*panel
                    };
                    let columns = width.min(n - j);
                    let mut i = 0;
                    while i < rows {
                        let tile = Tile {
                            k: to - from,
                            a: &[],
                            a_strides: [1, R],
                            panel,
                            panel_stride: width,
                            c: &mut c[(first + i) * z.strides[0] + j..],
                            c_stride: z.strides[0],
                            rows: R.min(rows - i),
                            columns,
                            accumulate,
                        };
                        i += if own_a > 0 {
                            let a = &block[i * (to - from)..];
                            S::tile::<R, 2>(Tile { a, ..tile });
                            R
                        } else {
                            let rows_of_a = &self.a[(first + i) * a.strides[0] + from..];
                            by_rows::<S, R, 2>(Tile { a: rows_of_a, a_strides: a.strides, ..tile })
                        };
                    }
                }
            }
        }
    }

    /// Rows of A, some of its columns of them, R rows side by side; what R rows lack is filled up with zeros.
    fn pack_rows<const R: usize>(
        &self,
        first: usize,
        rows: usize,
        columns: std::ops::Range<usize>,
        to: &mut [S],
    ) {
        let [row, column] = self.p.a.strides;
        for i in (0..rows).step_by(R) {
            let count = R.min(rows - i);
            let (to, _) = to[i * columns.len()..][..R * columns.len()].as_chunks_mut::<R>();
            for (to, p) in to.iter_mut().zip(columns.clone()) {
                let from = &self.a[(first + i) * row + p * column..];
                match from.first_chunk::<R>() {
                    Some(from) if row == 1 && count == R => *to = *from,
                    _ => to.iter_mut().enumerate().for_each(|(r, to)| {
                        *to = if r < count { from[r * row] } else { S::ZERO };
                    }),
                }
            }
        }
    }
}

/// A tile of as many of its rows as some tile has; says how many.
pub(super) fn by_rows<S: Real, const R: usize, const N: usize>(tile: Tile<S>) -> usize {
    let rows = match tile.rows {
        rows if rows == R => R,
        4.. => 4,
        rows => rows.min(2),
    };
    let tile = Tile { rows, ..tile };
    match rows {
        1 => S::tile::<1, N>(tile),
        2 => S::tile::<2, N>(tile),
        4 => S::tile::<4, N>(tile),
        _ => S::tile::<R, N>(tile),
    }
    rows
}
