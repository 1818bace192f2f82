//! Gradient clipping. Pascanu, Mikolov & Bengio 2013, algorithm 1; Mikolov 2012 for the clip by value.

use crate::parameters::Parameters;

/// Scales all gradients by max / (norm + 10⁻⁶) if that is below 1, and returns the original norm.
///
/// As `PyTorch`'s `clip_grad_norm_`, except that a norm that is infinite or NaN is returned and leaves the gradients
/// unchanged: no factor would make them finite.
///
/// ```
/// use ndarray::arr1;
/// use rnn::{parameters::Parameters, train::clip};
///
/// let mut gradients: Parameters = [("w", arr1(&[3.0]).into_dyn()), ("b", arr1(&[4.0]).into_dyn())].into_iter().collect();
/// assert_eq!(clip::by_norm(&mut gradients, 1.0), 5.0);
/// assert!((gradients.norm() - 1.0).abs() < 1e-6);
/// ```
pub fn by_norm(gradients: &mut Parameters, max: f64) -> f64 {
    let norm = gradients.norm();
    let scale = max / (norm + 1e-6);
    if norm.is_finite() && scale < 1.0 {
        #[allow(clippy::cast_possible_truncation)] // the gradients are f32
        let scale = scale as f32;
        gradients.iter_mut().for_each(|(_, g)| *g *= scale);
    }
    norm
}

/// Clamps every gradient to `[-bound, bound]`, and returns the original norm.
///
/// As `PyTorch`'s `clip_grad_value_`: an infinity becomes the bound and a NaN stays. The returned norm is then not
/// finite.
pub fn by_value(gradients: &mut Parameters, bound: f64) -> f64 {
    let norm = gradients.norm();
    #[allow(clippy::cast_possible_truncation)] // the gradients are f32
    let bound = bound as f32;
    let clip = |g: f32| if g.abs() > bound { bound.copysign(g) } else { g };
    gradients.iter_mut().for_each(|(_, g)| g.mapv_inplace(clip));
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    fn gradients(w: &[f32], b: &[f32]) -> Parameters {
        [("w", arr1(w).into_dyn()), ("b", arr1(b).into_dyn())].into_iter().collect()
    }

    fn assert_close(found: &Parameters, expected: &Parameters) {
        for ((name, found), (_, expected)) in found.iter().zip(expected.iter()) {
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() <= 1e-6 * e.abs(), "{name}: {f} {e}");
            }
        }
    }

    #[test]
    fn a_long_gradient_keeps_its_direction() {
        let mut g = gradients(&[3.0, 0.0], &[-4.0]);
        assert_eq!(by_norm(&mut g, 2.0).to_bits(), 5.0_f64.to_bits());
        assert_close(&g, &gradients(&[1.2, 0.0], &[-1.6]));
    }

    #[test]
    fn a_short_gradient_stays() {
        let mut g = gradients(&[3.0, 0.0], &[-4.0]);
        by_norm(&mut g, 5.1);
        assert_eq!(g, gradients(&[3.0, 0.0], &[-4.0]));
    }

    /// The small constant in the denominator matters for a norm of its size. torch 2.15: from a gradient of 1e-6,
    /// `clip_grad_norm_` with maximum 1e-6 leaves 5e-7.
    #[test]
    fn the_denominator_is_that_of_pytorch() {
        let mut g = gradients(&[1e-6], &[]);
        by_norm(&mut g, 1e-6);
        assert_close(&g, &gradients(&[5e-7], &[]));
    }

    #[test]
    fn huge_gradients_do_not_overflow() {
        let mut g = gradients(&[3e38], &[-3e38]);
        let norm = by_norm(&mut g, 1.0);
        assert!((norm / (f64::from(3e38_f32) * 2.0_f64.sqrt()) - 1.0).abs() < 1e-12, "{norm}");
        let half = 0.5_f32.sqrt();
        assert_close(&g, &gradients(&[half], &[-half]));
    }

    #[test]
    fn a_norm_that_is_not_finite_is_returned_and_changes_nothing() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut g = gradients(&[3.0], &[bad]);
            assert!(!by_norm(&mut g, 1.0).is_finite());
            assert_eq!(g["w"], arr1(&[3.0]).into_dyn());
        }
    }

    #[test]
    fn values_are_clipped_one_by_one() {
        let mut g = gradients(&[3.0, -0.5], &[-4.0, f32::NEG_INFINITY]);
        assert!(by_value(&mut g, 1.0).is_infinite());
        assert_eq!(g, gradients(&[1.0, -0.5], &[-1.0, -1.0]));
    }

    #[test]
    fn a_nan_is_not_clipped_away() {
        let mut g = gradients(&[f32::NAN], &[]);
        assert!(by_value(&mut g, 1.0).is_nan() && g["w"][0].is_nan());
    }
}
