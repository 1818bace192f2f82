//! Initial values of the learned arrays, drawn per parameter from published distributions.
//!
//! A recurrent weight stacks its gates: `[4·H, H]` for an LSTM. Each gate is a separate layer, so matrix
//! distributions are drawn per block of rows: an orthogonal `[4·H, H]` is four orthogonal `[H, H]`, and Xavier counts
//! the fans of one gate.

mod text;

pub(crate) use text::FORMS;

use fnv::FnvHasher;
use std::hash::Hasher;
use std::sync::Arc;

use crate::equations::Formula;
use ndarray::{Array2, ArrayD, ArrayViewMut2, Axis};
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// A distribution of initial values. Written as `uniform:0.1`, `uniform:0:1`, `log-uniform:0.001:0.1`, `chrono:100`,
/// `normal:1`, `xavier:1`, `orthogonal:1`, `identity:1`, `constant:0.5` or `zeros`; the gain and the scale default to
/// 1.
///
/// ```
/// use rnn::init::{self, Init};
///
/// let orthogonal: Init = "orthogonal".parse()?;
/// let mut rng = init::rng(7, "rnn.weight_hh_l0");
/// let weight = orthogonal.draw(&[4 * 16, 16], 4, &mut rng)?; // four gates of [16, 16]
/// assert_eq!(weight.shape(), [64, 16]);
/// # Ok::<(), init::InitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Init {
    /// Uniform on `[low, high)`.
    Uniform {
        /// The lower bound, included.
        low: f64,
        /// The upper bound, excluded.
        high: f64,
    },
    /// e to a power that is uniform on `[ln low, ln high)`: every decade is equally likely.
    LogUniform {
        /// The lower bound, above 0.
        low: f64,
        /// The upper bound, excluded.
        high: f64,
    },
    /// ln u with u uniform on `[1, longest - 1)`: biases of forget gates with time scales from 1 to `longest` steps.
    /// Tallec & Ollivier 2018, eq. 16.
    Chrono {
        /// The longest dependency in steps, above 2.
        longest: f64,
    },
    /// Normal with mean 0. PyTorch initialises embeddings with `std` 1.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Uniform with bound `gain` · √(6 / (fan in + fan out)), per block. Glorot & Bengio 2010, eq. 16, has gain 1.
    Xavier {
        /// The factor of the bound.
        gain: f64,
    },
    /// `gain` times a random matrix with orthonormal rows or columns, per block, distributed uniformly (Haar
    /// measure). Saxe et al. 2014.
    Orthogonal {
        /// The singular value of every block.
        gain: f64,
    },
    /// `scale` on the diagonal of every block. Le, Jaitly & Hinton 2015, with `scale` 1 or 0.01.
    Identity {
        /// The value on the diagonal.
        scale: f64,
    },
    /// One value everywhere.
    Constant {
        /// That value.
        value: f64,
    },
    /// Zero everywhere.
    Zeros,
}

/// Why an initialiser cannot be read or drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The string is not an initialiser, or its number is missing or out of range.
    #[error("`{0}` is no initialiser: write one of {FORMS}")]
    Unknown(String),
    /// A matrix distribution was requested for an array that is not a matrix.
    #[error("`{init}` draws matrices, but the shape is {shape:?}: use `uniform:…`, `constant:…` or `zeros`")]
    NotMatrix {
        /// The initialiser.
        init: Init,
        /// The shape asked for.
        shape: Vec<usize>,
    },
    /// A formula gives a value that is not finite.
    #[error(
        "its formula gives {value:e} at {place:?}, counted from 1: write one that is finite for every row and column"
    )]
    NotFinite {
        /// The value.
        value: f64,
        /// Row and column, from 1.
        place: Vec<usize>,
    },
    /// The rows do not divide into the requested number of equal blocks.
    #[error(
        "the {rows} rows of shape {shape:?} do not divide into {blocks} blocks: give a divisor of {rows}"
    )]
    Blocks {
        /// The shape asked for.
        shape: Vec<usize>,
        /// Its first length.
        rows: usize,
        /// The blocks asked for.
        blocks: usize,
    },
}

/// The generator of one parameter: a function of the seed and the parameter's name alone, so that adding or removing
/// a parameter does not change the others.
///
/// The state is Xoshiro256++ seeded with the 64-bit FNV-1a hash of the seed's eight bytes (little-endian)
/// followed by the name in UTF-8.
pub fn rng(seed: u64, name: &str) -> Xoshiro256PlusPlus {
    let mut hash = FnvHasher::default();
    hash.write(&seed.to_le_bytes());
    hash.write(name.as_bytes());
    Xoshiro256PlusPlus::seed_from_u64(hash.finish())
}

impl Init {
    /// Uniform on `[-bound, bound)`.
    pub fn uniform(bound: f64) -> Self {
        Self::Uniform { low: -bound, high: bound }
    }

    /// Whether it applies to matrices alone.
    pub fn is_of_matrices(self) -> bool {
        matches!(self, Self::Xavier { .. } | Self::Orthogonal { .. } | Self::Identity { .. })
    }

    /// An array of that shape. A matrix is `[out, in]`, of `blocks` gates stacked along `out`.
    ///
    /// # Errors
    ///
    /// [`InitError::NotMatrix`] if a matrix distribution (Xavier, orthogonal, identity) meets another rank;
    /// [`InitError::Blocks`] if `blocks` does not divide the rows.
    pub fn draw(self, shape: &[usize], blocks: usize, rng: &mut impl Rng) -> Result<ArrayD<f32>, InitError> {
        Ok(self.exact(shape, blocks, rng)?.mapv(single))
    }

    /// The same before rounding to single precision.
    pub(crate) fn exact(
        self,
        shape: &[usize],
        blocks: usize,
        rng: &mut impl Rng,
    ) -> Result<ArrayD<f64>, InitError> {
        let constant = |value: f64| Ok(ArrayD::from_elem(shape, value));
        let each = |draw: &mut dyn FnMut() -> f64| Ok(ArrayD::from_shape_simple_fn(shape, draw));
        match self {
            Self::Zeros => constant(0.0),
            Self::Constant { value } => constant(value),
            Self::Uniform { low, high } => each(&mut || between(low, high, rng)),
            Self::LogUniform { low, high } => each(&mut || between(low.ln(), high.ln(), rng).exp()),
            Self::Chrono { longest } => each(&mut || between(1.0, longest - 1.0, rng).ln()),
            Self::Normal { std } => each(&mut || std * rng.sample::<f64, _>(StandardNormal)),
            Self::Xavier { gain } => self.draw_blocks(shape, blocks, |mut block| {
                let (fan_out, fan_in) = block.dim();
                let bound = gain * (6.0 / (fan_in + fan_out) as f64).sqrt();
                block.map_inplace(|x| *x = between(-bound, bound, rng));
            }),
            Self::Orthogonal { gain } => self.draw_blocks(shape, blocks, |mut block| {
                let (rows, columns) = block.dim();
                let frame = orthonormal_rows(rows.min(columns), rows.max(columns), rng);
                let frame = if rows <= columns { frame } else { frame.reversed_axes() };
                block.zip_mut_with(&frame, |x, &q| *x = gain * q);
            }),
            Self::Identity { scale } => {
                self.draw_blocks(shape, blocks, |mut block| block.diag_mut().fill(scale))
            }
        }
    }

    /// A matrix of zeros, each of its blocks of rows filled by `fill`.
    fn draw_blocks(
        self,
        shape: &[usize],
        blocks: usize,
        fill: impl FnMut(ArrayViewMut2<f64>),
    ) -> Result<ArrayD<f64>, InitError> {
        let &[rows, columns] = shape else {
            return Err(InitError::NotMatrix { init: self, shape: shape.to_vec() });
        };
        if blocks == 0 || rows % blocks != 0 {
            return Err(InitError::Blocks { shape: shape.to_vec(), rows, blocks });
        }
        let mut matrix = Array2::zeros((rows, columns));
        if !matrix.is_empty() {
            matrix.axis_chunks_iter_mut(Axis(0), rows / blocks).for_each(fill);
        }
        Ok(matrix.into_dyn())
    }
}

/// `count` orthonormal rows of length `length` ≥ `count`: Gram-Schmidt on Gaussian rows, each row twice,
/// which is enough to be orthogonal to rounding (Giraud, Langou & Rozložník 2005). The diagonal of R is
/// positive, hence the rows are Haar distributed (Mezzadri 2007).
fn orthonormal_rows(count: usize, length: usize, rng: &mut impl Rng) -> Array2<f64> {
    let mut q = Array2::from_shape_simple_fn((count, length), || rng.sample::<f64, _>(StandardNormal));
    for i in 0..count {
        let (done, mut rest) = q.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        for _ in 0..2 {
            for earlier in done.rows() {
                let overlap = earlier.dot(&row);
                row.scaled_add(-overlap, &earlier);
            }
        }
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    q
}

/// Uniform on `[low, high)`.
fn between(low: f64, high: f64, rng: &mut impl Rng) -> f64 {
    f64::midpoint(low, high) + (high / 2.0 - low / 2.0) * (2.0 * rng.random::<f64>() - 1.0)
}

/// The nearest f32.
#[allow(clippy::cast_possible_truncation)] // rounding is what is meant
fn single(x: f64) -> f32 {
    x as f32
}

/// The initial value of a part of a weight, if its cell declares one.
#[derive(Clone, Debug, PartialEq)]
pub enum First {
    /// By an initialiser.
    Init(Init),
    /// By a formula of the cell's file.
    Formula(Arc<Formula>),
}

impl First {
    /// An array of that shape.
    ///
    /// # Errors
    /// If a matrix distribution is used for another rank, or a formula's value is not finite.
    pub fn draw(&self, shape: &[usize], rng: &mut impl Rng) -> Result<ArrayD<f32>, InitError> {
        match self {
            Self::Init(init) => init.draw(shape, 1, rng),
            Self::Formula(formula) => Ok(formula.draw(shape, rng)?.mapv(single)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Ix2;

    fn draw(init: &str, shape: &[usize], blocks: usize) -> ArrayD<f32> {
        init.parse::<Init>().unwrap().draw(shape, blocks, &mut rng(1, "w")).unwrap()
    }

    fn matrix(init: &str, shape: [usize; 2], blocks: usize) -> Array2<f64> {
        draw(init, &shape, blocks).into_dimensionality::<Ix2>().unwrap().mapv(f64::from)
    }

    fn assert_is_scaled_identity(m: &Array2<f64>, scale: f64) {
        let error = (m - scale * Array2::<f64>::eye(m.nrows())).mapv(f64::abs);
        assert!(error.iter().all(|&e| e < 1e-6 * scale), "{error}");
    }

    #[test]
    fn every_block_of_a_stacked_orthogonal_is_orthogonal() {
        let w = matrix("orthogonal:1.5", [4 * 20, 20], 4);
        let blocks: Vec<_> = w.axis_chunks_iter(Axis(0), 20).collect();
        for q in &blocks {
            assert_is_scaled_identity(&q.t().dot(q), 1.5 * 1.5);
        }
        assert_ne!(blocks[0], blocks[1], "blocks are drawn apart");
    }

    #[test]
    fn the_short_side_of_an_oblong_is_orthonormal() {
        let tall = matrix("orthogonal", [30, 7], 1);
        assert_is_scaled_identity(&tall.t().dot(&tall), 1.0);
        let wide = matrix("orthogonal", [7, 30], 1);
        assert_is_scaled_identity(&wide.dot(&wide.t()), 1.0);
    }

    /// Under the Haar measure on O(n) the trace has mean 0 and variance 1 (Diaconis & Shahshahani 1994). A wrong
    /// sign, as from an unfixed Householder step, moves the mean.
    #[test]
    fn orthogonal_is_haar_distributed() {
        let mut rng = rng(5, "haar");
        let n = 20_000_u32;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let trace = orthonormal_rows(3, 3, &mut rng).diag().sum();
            (sum, squares) = (sum + trace, squares + trace * trace);
        }
        let (mean, variance) = (sum / f64::from(n), squares / f64::from(n));
        assert!(mean.abs() < 4.0 / f64::from(n).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    /// Uniform on ±b: mean 0, variance b²/3. Bounds of 5 standard errors.
    fn assert_uniform(w: &ArrayD<f32>, bound: f64) {
        let n = w.len() as f64;
        let largest = w.iter().fold(0.0, |m: f64, &x| m.max(f64::from(x).abs()));
        assert!(largest <= bound && largest > 0.999 * bound, "{largest} {bound}");
        let mean = w.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        assert!(mean.abs() < 5.0 * bound / (3.0 * n).sqrt(), "{mean}");
        let variance = w.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        assert!((variance / (bound * bound / 3.0) - 1.0).abs() < 5.0 / n.sqrt(), "{variance}");
    }

    #[test]
    fn uniform_has_its_bounds_and_moments() {
        assert_uniform(&draw("uniform:0.25", &[100, 200], 1), 0.25);
    }

    /// The distribution function at the median: half of all values lie below it, within 5 standard errors.
    #[test]
    fn half_of_all_values_lie_below_the_median() {
        for (init, low, median, high) in [
            ("uniform:-1:4", -1.0, 1.5, 4.0),
            ("log-uniform:0.001:0.1", 0.001, 0.01, 0.1),
            ("chrono:102", 0.0, 51_f64.ln(), 101_f64.ln()),
        ] {
            let w = draw(init, &[100, 100], 1).mapv(f64::from);
            assert!(w.iter().all(|&x| (low..high).contains(&x)), "{init}");
            let below = w.iter().filter(|&&x| x < median).count() as f64;
            assert!((below - 5000.0).abs() < 250.0, "{init}: {below}");
        }
    }

    #[test]
    fn xavier_counts_the_fans_of_one_gate() {
        assert_uniform(&draw("xavier", &[3 * 100, 60], 3), (6.0_f64 / 160.0).sqrt());
        assert_uniform(&draw("xavier", &[300, 60], 1), (6.0_f64 / 360.0).sqrt());
        assert_uniform(&draw("xavier:2", &[300, 60], 1), 2.0 * (6.0_f64 / 360.0).sqrt());
    }

    #[test]
    fn identity_repeats_in_every_block() {
        let eye = 0.01 * Array2::<f64>::eye(3);
        let expected = ndarray::concatenate![Axis(0), eye, eye];
        assert!((matrix("identity:0.01", [6, 3], 2) - expected).iter().all(|e| e.abs() < 1e-9));
    }

    #[test]
    fn constants_take_any_shape() {
        assert_eq!(draw("constant:-2.5", &[3], 1), ArrayD::from_elem(vec![3], -2.5));
        assert_eq!(draw("zeros", &[2, 0, 3], 1), ArrayD::<f32>::zeros(vec![2, 0, 3]));
    }

    #[test]
    fn a_draw_depends_on_seed_and_name_alone() {
        let draw = |seed, name| Init::Xavier { gain: 1.0 }.draw(&[5, 5], 1, &mut rng(seed, name)).unwrap();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn bad_shapes_are_named() {
        let draw = |shape: &[usize], blocks| {
            Init::Xavier { gain: 1.0 }.draw(shape, blocks, &mut rng(0, "")).unwrap_err()
        };
        assert!(matches!(draw(&[3], 1), InitError::NotMatrix { .. }));
        assert!(matches!(draw(&[7, 2], 2), InitError::Blocks { rows: 7, blocks: 2, .. }));
        assert!(matches!(draw(&[7, 2], 0), InitError::Blocks { .. }));
    }
}
