//! Matrix products: `C = α A B + β C`.

use super::real::Real;
use super::tiles;

/// Where the elements of a matrix are in its slice: (i, j) at `i × strides[0] + j × strides[1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// How far apart rows are, and columns.
    pub strides: [usize; 2],
}

impl Layout {
    /// Rows one after the other.
    pub fn row_major(rows: usize, columns: usize) -> Self {
        Self { rows, columns, strides: [columns, 1] }
    }

    /// The same elements as the transposed matrix.
    #[must_use]
    pub fn transposed(self) -> Self {
        let [row, column] = self.strides;
        Self { rows: self.columns, columns: self.rows, strides: [column, row] }
    }

    /// The same matrix as some columns of a wider one, whose rows are `stride` apart.
    #[must_use]
    pub fn rows_apart(self, stride: usize) -> Self {
        Self { strides: [stride, self.strides[1]], ..self }
    }

    /// How long a slice must be to hold the matrix.
    fn extent(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * self.strides[0] + (columns - 1) * self.strides[1] + 1,
        }
    }
}

/// Memory that products use while they run; grows to what the largest needs, then is never allocated again.
/// Each thread has its own.
#[derive(Default)]
pub struct Workspace(gemmkit::Workspace);

/// A matrix product whose shapes are known: what is checked and chosen once, before it runs many times.
///
/// shape   `A: [m, k], B: [k, n], C: [m, n]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    pub(super) a: Layout,
    pub(super) b: Layout,
    pub(super) c: Layout,
    /// Whether the tiles of ours compute it, and not the library.
    tiled: bool,
    /// Whether this is `Cᵀ = Bᵀ Aᵀ`, A and B having changed places.
    swapped: bool,

    /// See [`slab`].
    slab: usize,
}

impl Product {
    /// A product of matrices laid out like this.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn new(a: Layout, b: Layout, c: Layout) -> Self {
        assert_eq!(a.columns, b.rows, "A has as many columns as B has rows");
        assert_eq!((a.rows, b.columns), (c.rows, c.columns), "C has the rows of A and the columns of B");
        // The library and the tiles prefer C by rows: Cᵀ = Bᵀ Aᵀ.
        let swapped = c.strides[0] == 1 && c.strides[1] != 1;
        let [a, b, c] = if swapped { [b, a, c].map(Layout::transposed) } else { [a, b, c] };
        let tiled = tiles::fit(&a, &b, &c) && worth_tiles(&a, &b);
        Self { a, b, c, swapped, tiled, slab: slab(&a, &c) }
    }

    /// m × k × n
    pub fn multiplications(&self) -> usize {
        self.c.rows * self.a.columns * self.c.columns
    }

    /// How long the slices of A, B and C must be.
    pub fn extents(&self) -> [usize; 3] {
        let [a, b] = if self.swapped { [self.b, self.a] } else { [self.a, self.b] };
        [a, b, self.c].map(|layout| layout.extent())
    }

    /// Computes `C = α A B + β C`. Where β is 0, C may hold anything, NaN too.
    ///
    /// # Panics
    /// If a slice is shorter than its layout.
    pub fn run<S: Real>(&self, workspace: &mut Workspace, alpha: S, a: &[S], b: &[S], beta: S, c: &mut [S]) {
        let (a, b) = if self.swapped { (b, a) } else { (a, b) };
        assert!(a.len() >= self.a.extent() && b.len() >= self.b.extent() && c.len() >= self.c.extent());
        if self.tiled {
            return tiles::multiply(self, alpha, a, b, beta, c);
        }
        let (k, mut start, mut beta) = (self.a.columns, 0, beta);
        loop {
            let rows = self.slab.min(k - start);
            let part = Self { a: Layout { columns: rows, ..self.a }, b: Layout { rows, ..self.b }, ..*self };
            let (a, b) = (&a[start * self.a.strides[1]..], &b[start * self.b.strides[0]..]);
            S::library(&part, workspace, alpha, a, b, beta, c);
            (start, beta) = (start + rows, S::ONE);
            if start >= k {
                break;
            }
        }
    }
}

/// How many columns of A and rows of B are multiplied at once: all, unless A lies by columns and C is large. The library
/// then packs A anew for each block of C's columns; a slab of it that stays in the second cache costs a tenth less.
fn slab(a: &Layout, c: &Layout) -> usize {
    let by_columns = a.strides[0] == 1 && a.strides[1] > 1;
    if by_columns && c.rows * c.columns >= 1 << 18 { 256 } else { a.columns }
}

/// Whether a product is so small that the library's preparations cost more than its better use of the caches
/// brings. The two are equal at about half a million multiplications.
fn worth_tiles(a: &Layout, b: &Layout) -> bool {
    b.columns >= 8 && (1..=1 << 17).contains(&(a.rows * a.columns * b.columns))
}

/// The matrix library for one type of number.
pub trait Library: Sized {
    /// The product by the library.
    #[allow(clippy::too_many_arguments)] // those of `Product::run`
    fn library(
        p: &Product,
        w: &mut Workspace,
        alpha: Self,
        a: &[Self],
        b: &[Self],
        beta: Self,
        c: &mut [Self],
    );
}

macro_rules! library {
    ($($float:ident)*) => {$(
        impl Library for $float {
            fn library(p: &Product, w: &mut Workspace, alpha: $float, a: &[$float], b: &[$float], beta: $float, c: &mut [$float]) {
                // A slice is never longer than `isize::MAX`, so no stride inside one is.
                let signed = |layout: Layout| layout.strides.map(usize::cast_signed);
                let view = |data, layout: Layout| {
                    let [row, column] = signed(layout);
                    gemmkit::MatRef::new(data, layout.rows, layout.columns, row, column)
                };
                let [row, column] = signed(p.c);
                let c = gemmkit::MatMut::new(c, p.c.rows, p.c.columns, row, column);
                let serial = gemmkit::Parallelism::Serial;
                gemmkit::gemm_with(&mut w.0, alpha, view(a, p.a), view(b, p.b), beta, c, serial);
            }
        }
    )*};
}
library!(f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, so that every order of summation gives the same.
    fn whole(n: usize, step: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * step) % 7) as f32 - 3.0).collect()
    }

    fn at(layout: Layout, i: usize, j: usize) -> usize {
        i * layout.strides[0] + j * layout.strides[1]
    }

    /// Every element against the sum that defines it, and nothing written between the rows of C.
    fn check(a: Layout, b: Layout, c: Layout, alpha: f32, beta: f32) {
        let (x, y) = (whole(a.extent(), 5), whole(b.extent(), 3));
        let before = if beta == 0.0 { vec![f32::NAN; c.extent()] } else { whole(c.extent(), 4) };
        let mut z = before.clone();
        Product::new(a, b, c).run(&mut Workspace::default(), alpha, &x, &y, beta, &mut z);
        let mut expected = before;
        for (i, j) in (0..c.rows).flat_map(|i| (0..c.columns).map(move |j| (i, j))) {
            let sum: f32 = (0..a.columns).map(|p| x[at(a, i, p)] * y[at(b, p, j)]).sum();
            let old = if beta == 0.0 { 0.0 } else { beta * expected[at(c, i, j)] };
            expected[at(c, i, j)] = alpha * sum + old;
        }
        let same = z.iter().zip(&expected).all(|(z, e)| z == e || z.is_nan() && e.is_nan());
        assert!(same, "{a:?} {b:?} {c:?} {alpha} {beta}");
    }

    #[test]
    fn products_of_all_sizes_and_layouts() {
        let stored = |rows, columns, transposed: bool, gap| {
            if transposed {
                Layout::row_major(columns, rows).rows_apart(rows + gap).transposed()
            } else {
                Layout::row_major(rows, columns).rows_apart(columns + gap)
            }
        };
        let sizes = if cfg!(miri) { vec![1, 9] } else { vec![0, 1, 2, 3, 4, 5, 8, 9, 16, 31, 33, 70] };
        for &m in &sizes {
            for &(k, n) in &sizes.iter().flat_map(|&k| sizes.iter().map(move |&n| (k, n))).collect::<Vec<_>>()
            {
                let form = m + 2 * k + 3 * n;
                let [ta, tb, tc] = [form % 2 == 1, form % 3 == 2, form % 5 == 4];
                let (a, b, c) =
                    (stored(m, k, ta, form % 4), stored(k, n, tb, form % 2), stored(m, n, tc, form % 3));
                check(a, b, c, 1.0, 0.0);
                check(a, b, c, -2.0, 3.0);
            }
        }
    }

    #[test]
    fn large_products_go_to_the_library() {
        let [a, b, c] = [(70, 60), (60, 65), (70, 65)].map(|(m, n)| Layout::row_major(m, n));
        assert!(!Product::new(a, b, c).tiled);
        check(a, b, c, 1.0, 1.0);
    }

    #[test]
    fn tall_products_are_sums_of_slabs() {
        let [a, b, c] = [(600, 520), (600, 512), (520, 512)].map(|(m, n)| Layout::row_major(m, n));
        assert_eq!(Product::new(a.transposed(), b, c).slab, 256);
        check(a.transposed(), b, c, 1.0, 0.0);
        check(a.transposed(), b, c, -1.0, 2.0);
    }

    #[test]
    #[should_panic(expected = "A has as many columns as B has rows")]
    fn shapes_must_fit() {
        Product::new(Layout::row_major(2, 3), Layout::row_major(2, 3), Layout::row_major(2, 3));
    }
}
