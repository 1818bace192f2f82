//! The size of the states at which a net has a given number of parameters.

use super::{Model, ModelError};

/// Cells may ask for a multiple of a size: so many sizes are tried for one that fits.
const MULTIPLE: usize = 64;
/// The largest size that is tried.
const LARGEST: usize = 1_000_000;

impl Model {
    /// The number of parameters.
    ///
    /// # Errors
    /// As [`Model::net`].
    pub fn parameter_count(&self) -> Result<usize, ModelError> {
        Ok(self.parameter_shapes()?.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum())
    }

    /// This model with states of the size at which its number of parameters comes nearest to `wanted`: nets of different
    /// cells are compared at equal numbers (Greff et al. 2017).
    ///
    /// # Errors
    /// As [`Model::net`], if no size fits; if there are more than a million hidden units would have.
    pub fn with_parameters(&self, wanted: usize) -> Result<Self, ModelError> {
        let of_size = |hidden: usize| Self { hidden, ..self.clone() };
        // The first size from here on that fits, with its number of parameters, which grows with the size.
        let next = |from: usize| {
            (from..from + MULTIPLE).find_map(|hidden| Some((hidden, of_size(hidden).parameter_count().ok()?)))
        };
        let Some(mut below) = next(1) else {
            // Its fault is that of all.
            return of_size(1).parameter_count().map(|_| of_size(1));
        };
        let mut above = below;
        while above.1 < wanted {
            below = above;
            match next(2 * above.0).filter(|(hidden, _)| *hidden <= LARGEST) {
                Some(larger) => above = larger,
                None => {
                    return Err(ModelError::Range {
                        what: "the number of parameters",
                        found: wanted.to_string(),
                        need: "at most that of a net with 1,000,000 hidden units",
                    });
                }
            }
        }
        loop {
            let middle = next(usize::midpoint(below.0, above.0)).filter(|(hidden, _)| *hidden < above.0);
            match middle.filter(|(hidden, _)| *hidden > below.0).or_else(|| next(below.0 + 1)) {
                Some(size) if size.0 < above.0 => {
                    *(if size.1 < wanted { &mut below } else { &mut above }) = size;
                }
                _ => break,
            }
        }
        let nearest = if wanted.saturating_sub(below.1) < above.1.abs_diff(wanted) { below } else { above };
        Ok(of_size(nearest.0))
    }
}
