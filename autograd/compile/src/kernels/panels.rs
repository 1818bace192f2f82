//! Products by tiles that read B from packed panels.
//!
//! A panel holds as many columns of B as a tile, row after row. So a tile reads memory in order, and a part of the
//! panel stays in the L1 cache while all tiles of its columns read it. A product with a long k, such as a gradient
//! that is a sum over time, is split along k so that A's block stays in the L2 cache (Goto & van de Geijn, *Anatomy
//! of High-Performance Matrix Multiplication*, 2008).

use super::buffer::Buffer;
use super::machine::{self, Level, Tile, vectorised};
use super::product::{Layout, Product};
use super::real::Real;
use std::ops::Range;

/// How many columns of A are multiplied at once: so many rows of a panel fit the first cache.
const DEPTH: usize = 256;

/// The same if B is packed before. Then A has few rows as a rule, and the panel is not read often enough to make up for
/// another visit of C.
const DEPTH_OF_PACKED: usize = 512;

/// How many rows of A stay in the second cache, for so many columns. The more there are, the less often B is copied.
const HEIGHT: usize = 512;

/// How many rows of A are copied at once: a long vector of them.
const AT_ONCE: usize = 16;

/// Whether this machine has tiles.
pub(super) fn exist() -> bool {
    machine::level() != Level::Portable
}

/// The columns of a panel: two vectors.
pub(super) fn width<S>() -> usize {
    let bytes = if machine::level() == Level::Avx512 { 64 } else { 32 };
    2 * bytes / size_of::<S>()
}

/// Packs B into panels, the last padded with zeros.
pub(super) fn pack<S: Real>(b: Layout, from: &[S], to: &mut [S]) {
    let width = width::<S>();
    for (j, panel) in to.chunks_exact_mut((width * b.rows).max(1)).enumerate() {
        pack_panel(b, from, j * width, 0, panel);
    }
}

vectorised! {
    /// Rows from `first` on of the columns from `j` on that a panel holds, as many rows as there is room for.
    fn pack_panel<S, M>(b: Layout, from: &[S], j: usize, first: usize, to: &mut [S]) {
        /// So many rows at once: of a B that lies by columns, a cache line of each.
        const LINE: usize = 16;
        let width = 2 * M::VECTOR / size_of::<S>();
        let columns = width.min(b.columns - j);
        let [row, column] = b.strides;
        if column == 1 {
            for (p, to) in to.chunks_exact_mut(width).enumerate() {
                let from = &from[(first + p) * row + j..];
                if columns == width {
                    // A known length is no call.
                    to.copy_from_slice(&from[..width]);
                } else {
                    to[..columns].copy_from_slice(&from[..columns]);
                    to[columns..].fill(S::ZERO);
                }
            }
            return;
        }
        for (i, rows) in to.chunks_mut(LINE * width).enumerate() {
            let (first, count) = (first + i * LINE, rows.len() / width);
            for q in 0..columns {
                let from = &from[first * row + (j + q) * column..];
                (0..count).for_each(|p| rows[p * width + q] = from[p * row]);
            }
            if columns < width {
                rows.chunks_exact_mut(width).for_each(|to| to[columns..].fill(S::ZERO));
            }
        }
    }

    /// Packs some rows and columns of a matrix whose columns are contiguous and `stride` apart, column by column. The
    /// elements behind them may be overwritten, because they are packed later.
    fn pack_columns<S, M>(from: &[S], stride: usize, rows: usize, columns: usize, to: &mut [S]) {
        for p in 0..columns {
            let (from, to) = (&from[p * stride..], &mut to[p * rows..]);
            match (from.first_chunk::<AT_ONCE>(), to.first_chunk_mut::<AT_ONCE>()) {
                (Some(from), Some(to)) => *to = *from,
                _ => to[..rows].copy_from_slice(&from[..rows]),
            }
        }
    }
}

/// The rows of the highest tile.
const MOST: usize = 12;

/// Splits the rows of a product into blocks of nearly equal height. The sums of a block, two vectors of B and one of A
/// fit in the registers.
pub(super) fn blocks(m: usize) -> impl Iterator<Item = Range<usize>> {
    let most = if machine::level() == Level::Avx512 { MOST } else { MOST / 2 };
    let count = m.div_ceil(most);
    (0..count).map(move |i| i * m / count..(i + 1) * m / count)
}

/// Computes a tile with the instance for its number of rows.
pub(super) fn by_rows<S: Real, const N: usize>(tile: Tile<S>) {
    match tile.rows {
        1 => S::tile::<1, N>(tile),
        2 => S::tile::<2, N>(tile),
        3 => S::tile::<3, N>(tile),
        4 => S::tile::<4, N>(tile),
        5 => S::tile::<5, N>(tile),
        6 => S::tile::<6, N>(tile),
        7 => S::tile::<7, N>(tile),
        8 => S::tile::<8, N>(tile),
        9 => S::tile::<9, N>(tile),
        10 => S::tile::<10, N>(tile),
        11 => S::tile::<11, N>(tile),
        _ => S::tile::<MOST, N>(tile),
    }
}

/// `C = A B`, or `C += A B` if it accumulates; `b` holds panels if it is packed.
pub(super) fn multiply<S: Real>(
    product: &Product,
    packed: bool,
    a: &[S],
    b: &[S],
    accumulate: bool,
    c: &mut [S],
    scratch: &mut Buffer<S>,
) {
    let Product { a: left, b: right, c: z, .. } = product;
    let (m, k, n, width) = (left.rows, left.columns, right.columns, width::<S>());
    if m * n == 0 {
        return;
    }
    if k == 0 && !accumulate {
        (0..m).for_each(|i| c[i * z.strides[0]..][..n].fill(S::ZERO));
    }
    let parts = k.div_ceil(if packed { DEPTH_OF_PACKED } else { DEPTH });
    let deepest = if parts == 0 { 0 } else { k.div_ceil(parts) };
    let in_place = left.strides[1] == 1;
    // A packed column may be overwritten by what lies beside it.
    let own_a = if in_place { 0 } else { HEIGHT.min(m) * deepest + AT_ONCE };
    let own_b = if packed { 0 } else { width * deepest };
    scratch.grow(own_a + own_b);
    let (panel, block) = scratch.split_at_mut(own_b);
    for part in 0..parts {
        let (from, to) = (part * k / parts, (part + 1) * k / parts);
        let depth = to - from;
        for first in (0..m).step_by(HEIGHT) {
            let height = HEIGHT.min(m - first);
            if !in_place {
                for rows in blocks(height) {
                    let from = &a[first + rows.start + from * left.strides[1]..];
                    pack_columns(from, left.strides[1], rows.len(), depth, &mut block[rows.start * depth..]);
                }
            }
            for j in (0..n).step_by(width) {
                let panel = if packed {
                    &b[j * k + from * width..][..depth * width]
                } else {
                    let panel = &mut panel[..depth * width];
                    pack_panel(*right, b, j, from, panel);
                    &*panel
                };
                let columns = width.min(n - j);
                for rows in blocks(height) {
                    let (a, a_strides) = if in_place {
                        (&a[(first + rows.start) * left.strides[0] + from..], left.strides)
                    } else {
                        (&block[rows.start * depth..], [1, rows.len()])
                    };
                    let tile = Tile {
                        k: depth,
                        a,
                        a_strides,
                        panel,
                        panel_stride: width,
                        c: &mut c[(first + rows.start) * z.strides[0] + j..],
                        c_stride: z.strides[0],
                        rows: rows.len(),
                        columns,
                        accumulate: accumulate || part > 0,
                    };
                    if columns > width / 2 { by_rows::<S, 2>(tile) } else { by_rows::<S, 1>(tile) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_rows_and_of_nearly_one_height() {
        for m in 0..200 {
            let blocks: Vec<_> = blocks(m).collect();
            assert_eq!(blocks.iter().cloned().flatten().collect::<Vec<_>>(), (0..m).collect::<Vec<_>>());
            let heights = || blocks.iter().map(Range::len);
            let (least, most) = (heights().min().unwrap_or(0), heights().max().unwrap_or(0));
            assert!(most <= MOST && most - least <= 1, "{m}: {blocks:?}");
        }
    }
}
