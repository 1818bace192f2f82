//! The unit of steps: the scale of each element.
//!
//! The elements of an array are usually of one kind, and then all move by the same amount: their root mean square, or
//! 1 if that is between a thousandth and 1, since a function of small weights does not have a smaller scale because
//! of that. An element a hundred times smaller or larger than the median is of another kind, such as a rate beside a
//! population, and moves by its own size. The caller can override this.

use ndarray::{ArrayD, Zip};

/// An element this many times smaller or larger than the median is of another kind.
const KIND: f64 = 1e2;

/// An element this small beside the largest is as good as 0, and a subnormal number is: a unit that small leaves the range
/// of numbers.
const NOTHING: f64 = 1e-150;

/// The scales of an array's elements.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// The scale of most elements.
    pub length: f64,
    /// The scale of each element, relative to that.
    pub each: ArrayD<f64>,
}

impl Scale {
    /// The scales of this array.
    pub fn of(x: &ArrayD<f64>) -> Self {
        let largest = x.iter().map(|x| x.abs()).filter(|size| size.is_finite()).fold(0.0, f64::max);
        let is_nothing = |size: f64| size < f64::MIN_POSITIVE.max(NOTHING * largest);
        let mut sizes: Vec<f64> =
            x.iter().map(|x| x.abs()).filter(|size| !is_nothing(*size) && size.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        let Some(&middle) = sizes.get(sizes.len().saturating_sub(1) / 2) else {
            return Self { length: 1.0, each: ArrayD::ones(x.raw_dim()) };
        };
        let is_usual = |size: f64| is_nothing(size) || (middle / KIND..=middle * KIND).contains(&size);
        sizes.retain(|&size| is_usual(size));
        let typical =
            middle * (sizes.iter().map(|s| (s / middle).powi(2)).sum::<f64>() / sizes.len() as f64).sqrt();
        let length = if (1e-3..1.0).contains(&typical) { 1.0 } else { typical };
        let each = x.mapv(|x| if is_usual(x.abs()) { 1.0 } else { x.abs() / length });
        Self { length, each }
    }

    /// From known element sizes.
    pub fn typical(sizes: &ArrayD<f64>) -> Self {
        let largest = sizes.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
        let length = if largest > 0.0 { largest } else { 1.0 };
        Self { length, each: sizes.mapv(|s| if s == 0.0 { 1.0 } else { s.abs() / length }) }
    }

    /// A direction with each element scaled relative to [the length](Self::length).
    pub fn stretch(&self, direction: ArrayD<f64>) -> ArrayD<f64> {
        Zip::from(&direction).and(&self.each).map_collect(|u, s| u * s)
    }

    /// The step unit of a single element with this value.
    pub fn of_element(&self, place: usize, value: f64) -> f64 {
        let own = self.each.iter().nth(place).copied().unwrap_or(1.0);
        if (own - 1.0).abs() < 1e-9 { self.length.max(value.abs()) } else { own * self.length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    #[test]
    fn elements_of_one_kind_move_alike_and_others_by_their_own_size() {
        let of = |x: &[f64]| {
            let scale = Scale::of(&arr1(x).into_dyn());
            scale.each.mapv(|s| s * scale.length).into_raw_vec_and_offset().0
        };
        assert_eq!(of(&[0.3, -0.2, 0.0]), [1.0; 3]);
        assert_eq!(of(&[0.0, 0.0]), [1.0; 2]);
        assert_eq!(of(&[1e-12]), [1e-12]);
        assert_eq!(of(&[1e-310, -1e-310, 0.3]), [1.0; 3]);
        assert_eq!(of(&[1e-310]), [1.0]);
        assert_eq!(of(&[3.0, 4.0, 0.0]), [12.5_f64.sqrt(); 3]);
        assert_eq!(of(&[1e-8, 1e8]), [1e-8, 1e8]);
        assert_eq!(of(&[0.5, 2e5, 0.7, 7e-7]), [1.0, 2e5, 1.0, 7e-7]);
    }
}
