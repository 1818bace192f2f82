//! Matrix products: `C = A B`, or `C += A B`.

use super::buffer::Buffer;
use super::real::Real;
use super::{panels, tiles};

/// The layout of a matrix in its slice: element (i, j) is at `i × strides[0] + j × strides[1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// The row and the column stride.
    pub strides: [usize; 2],
}

impl Layout {
    /// A row-major matrix.
    pub fn row_major(rows: usize, columns: usize) -> Self {
        Self { rows, columns, strides: [columns, 1] }
    }

    /// The layout of the transposed matrix.
    #[must_use]
    pub fn transposed(self) -> Self {
        let [row, column] = self.strides;
        Self { rows: self.columns, columns: self.rows, strides: [column, row] }
    }

    /// The layout as columns of a wider matrix with the row stride `stride`.
    #[must_use]
    pub fn rows_apart(self, stride: usize) -> Self {
        Self { strides: [stride, self.strides[1]], ..self }
    }

    /// The minimum length of the slice.
    fn extent(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * self.strides[0] + (columns - 1) * self.strides[1] + 1,
        }
    }
}

/// Scratch memory of products; it grows to the largest demand and is then reused. Each thread has its own.
pub struct Workspace<S> {
    library: gemmkit::Workspace,
    pub(super) scratch: Buffer<S>,
}

impl<S: Real> Default for Workspace<S> {
    fn default() -> Self {
        Self { library: gemmkit::Workspace::default(), scratch: Buffer::new(0) }
    }
}

/// The implementation of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Tiles that read A and B in place.
    Tiles,
    /// Tiles that read B, and a column-major A, from panels packed during the run.
    Panels,
    /// Tiles that read B from panels packed before.
    Packed,
    /// The matrix library.
    Library,
}

/// A matrix product with known shapes: checked and planned once, before many runs.
///
/// shape   `A: [m, k], B: [k, n], C: [m, n]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    pub(super) a: Layout,
    pub(super) b: Layout,
    pub(super) c: Layout,
    by: By,
    /// Whether this computes `Cᵀ = Bᵀ Aᵀ`, with A and B swapped.
    swapped: bool,
    /// The minimum lengths of the slices of A, B and C.
    extents: [usize; 3],
}

impl Product {
    /// A product of matrices with these layouts.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn new(a: Layout, b: Layout, c: Layout) -> Self {
        assert_eq!(a.columns, b.rows, "A has as many columns as B has rows");
        assert_eq!((a.rows, b.columns), (c.rows, c.columns), "C has the rows of A and the columns of B");
        // The library and the tiles prefer a row-major C: Cᵀ = Bᵀ Aᵀ.
        let swapped = c.strides[0] == 1 && c.strides[1] != 1;
        let [a, b, c] = if swapped { [b, a, c].map(Layout::transposed) } else { [a, b, c] };
        let by = if tiles::fit(&a, &b, &c) && worth_tiles(&a, &b) {
            By::Tiles
        } else if panels::exist() && c.strides[1] == 1 && a.strides[0] == 1 && a.strides[1] > 1 {
            By::Panels
        } else {
            By::Library
        };
        let sides = if swapped { [b, a, c] } else { [a, b, c] };
        Self { a, b, c, by, swapped, extents: sides.map(|layout| layout.extent()) }
    }

    /// The product with a right side packed by [`Product::pack`], for one that is used repeatedly. `None` if that
    /// brings nothing: on machines without vector tiles, or for a small product.
    #[must_use]
    pub fn packed<S: Real>(self) -> Option<Self> {
        let worth = self.multiplications() >= 1 << 14 && self.a.rows > 1;
        let fits = !self.swapped && panels::exist() && self.c.strides[1] == 1 && self.a.strides[1] == 1;
        let [a, _, c] = self.extents;
        let panels = self.b.columns.next_multiple_of(panels::width::<S>()) * self.b.rows;
        (worth && fits).then_some(Self { by: By::Packed, extents: [a, panels, c], ..self })
    }

    /// Packs B into panels.
    ///
    /// # Panics
    /// If the right side of this product is not packed, or a slice is too short.
    pub fn pack<S: Real>(&self, b: &[S], to: &mut [S]) {
        assert!(self.by == By::Packed, "the right side of this product is not packed");
        panels::pack(self.b, b, &mut to[..self.extents()[1]]);
    }

    /// m × k × n
    pub fn multiplications(&self) -> usize {
        self.c.rows * self.a.columns * self.c.columns
    }

    /// The minimum lengths of the slices of A, B and C.
    pub fn extents(&self) -> [usize; 3] {
        self.extents
    }

    /// Computes `C = A B`, or `C += A B` if it accumulates. Otherwise C may hold anything, even NaN.
    ///
    /// # Panics
    /// If a slice is shorter than [`Product::extents`].
    pub fn run<S: Real>(
        &self,
        workspace: &mut Workspace<S>,
        a: &[S],
        b: &[S],
        accumulate: bool,
        c: &mut [S],
    ) {
        let [a_len, b_len, c_len] = self.extents();
        assert!(a.len() >= a_len && b.len() >= b_len && c.len() >= c_len);
        let (a, b) = if self.swapped { (b, a) } else { (a, b) };
        match self.by {
            By::Tiles => tiles::multiply(self, a, b, accumulate, c),
            By::Panels => panels::multiply(self, false, a, b, accumulate, c, &mut workspace.scratch),
            By::Packed => panels::multiply(self, true, a, b, accumulate, c, &mut workspace.scratch),
            By::Library => S::library(self, workspace, a, b, accumulate, c),
        }
    }
}

/// Whether a product is so small that packing costs more than better cache use brings. The break-even is at about
/// half a million multiplications.
fn worth_tiles(a: &Layout, b: &Layout) -> bool {
    b.columns >= 8 && (1..=1 << 17).contains(&(a.rows * a.columns * b.columns))
}

/// The matrix library for one scalar type.
pub trait Library: Sized {
    /// The product by the library.
    fn library(
        p: &Product,
        w: &mut Workspace<Self>,
        a: &[Self],
        b: &[Self],
        accumulate: bool,
        c: &mut [Self],
    );
}

macro_rules! library {
    ($($float:ident)*) => {$(
        impl Library for $float {
            fn library(
                p: &Product,
                w: &mut Workspace<$float>,
                a: &[$float],
                b: &[$float],
                accumulate: bool,
                c: &mut [$float],
            ) {
                // A slice is at most `isize::MAX` long, so strides within one fit.
                let signed = |layout: Layout| layout.strides.map(usize::cast_signed);
                let view = |data, layout: Layout| {
                    let [row, column] = signed(layout);
                    gemmkit::MatRef::new(data, layout.rows, layout.columns, row, column)
                };
                let [row, column] = signed(p.c);
                let c = gemmkit::MatMut::new(c, p.c.rows, p.c.columns, row, column);
                let serial = gemmkit::Parallelism::Serial;
                let beta = if accumulate { 1.0 } else { 0.0 };
                gemmkit::gemm_with(&mut w.library, 1.0, view(a, p.a), view(b, p.b), beta, c, serial);
            }
        }
    )*};
}
library!(f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, so that every order of summation gives the same.
    fn whole<S: Real>(n: usize, step: usize) -> Vec<S> {
        (0..n).map(|i| S::of(((i * step) % 7) as f64 - 3.0)).collect()
    }

    fn at(layout: Layout, i: usize, j: usize) -> usize {
        i * layout.strides[0] + j * layout.strides[1]
    }

    /// Checks every element against the defining sum, and that gaps between rows of C are untouched; also with a
    /// packed right side.
    fn check<S: Real>(a: Layout, b: Layout, c: Layout) {
        let (x, y) = (whole::<S>(a.extent(), 5), whole::<S>(b.extent(), 3));
        let product = Product::new(a, b, c);
        let packed = product.packed::<S>().map(|product| {
            let mut panels = vec![S::NAN; product.extents()[1]];
            product.pack(&y, &mut panels);
            (product, panels)
        });
        for accumulate in [false, true] {
            let before = if accumulate { whole(c.extent(), 4) } else { vec![S::NAN; c.extent()] };
            let mut expected = before.clone();
            for (i, j) in (0..c.rows).flat_map(|i| (0..c.columns).map(move |j| (i, j))) {
                let sum = (0..a.columns).fold(S::ZERO, |sum, p| sum + x[at(a, i, p)] * y[at(b, p, j)]);
                let old = if accumulate { expected[at(c, i, j)] } else { S::ZERO };
                expected[at(c, i, j)] = sum + old;
            }
            let packed = packed.as_ref().map(|(product, panels)| (*product, &panels[..]));
            for (product, y) in [(product, &y[..])].into_iter().chain(packed) {
                let mut z = before.clone();
                product.run(&mut Workspace::default(), &x, y, accumulate, &mut z);
                let same = z.iter().zip(&expected).all(|(z, e)| z == e || z != z && e != e);
                assert!(same, "{product:?} {accumulate}");
            }
        }
    }

    fn stored(rows: usize, columns: usize, transposed: bool, gap: usize) -> Layout {
        if transposed {
            Layout::row_major(columns, rows).rows_apart(rows + gap).transposed()
        } else {
            Layout::row_major(rows, columns).rows_apart(columns + gap)
        }
    }

    #[test]
    fn products_of_all_sizes_and_layouts() {
        let sizes = if cfg!(miri) { vec![1, 9] } else { vec![0, 1, 2, 3, 4, 5, 8, 9, 16, 31, 33, 70] };
        for &m in &sizes {
            for &(k, n) in &sizes.iter().flat_map(|&k| sizes.iter().map(move |&n| (k, n))).collect::<Vec<_>>()
            {
                let form = m + 2 * k + 3 * n;
                let [ta, tb, tc] = [form % 2 == 1, form % 3 == 2, form % 5 == 4];
                let (a, b, c) =
                    (stored(m, k, ta, form % 4), stored(k, n, tb, form % 2), stored(m, n, tc, form % 3));
                check::<f32>(a, b, c);
                check::<f64>(a, b, c);
            }
        }
    }

    /// More rows than a block, a longer k than a block, and remainders of every kind.
    #[test]
    fn large_products_are_made_of_blocks() {
        for (m, k, n) in [(70, 60, 65), (530, 300, 70), (261, 1100, 33), (13, 2000, 100), (24, 600, 8)] {
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                check::<f32>(stored(m, k, ta, 3), stored(k, n, tb, 1), stored(m, n, false, 2));
                check::<f64>(stored(m, k, ta, 0), stored(k, n, tb, 0), stored(m, n, false, 0));
            }
        }
    }

    #[test]
    fn who_computes_follows_from_shapes_and_layouts() {
        let by =
            |a: Layout, n| Product::new(a, Layout::row_major(a.columns, n), Layout::row_major(a.rows, n)).by;
        assert_eq!(by(Layout::row_major(4, 8), 16), By::Tiles);
        assert_eq!(by(Layout::row_major(800, 128), 512), By::Library);
        let over_time = by(Layout::row_major(800, 128).transposed(), 512);
        assert_eq!(over_time, if panels::exist() { By::Panels } else { By::Library });
    }

    #[test]
    #[should_panic(expected = "A has as many columns as B has rows")]
    fn shapes_must_fit() {
        Product::new(Layout::row_major(2, 3), Layout::row_major(2, 3), Layout::row_major(2, 3));
    }
}
