//! Products of matrices whose singular values are known.

use super::*;
use ndarray::array;

/// The spectrum of `steps` factors, one after the other in turn.
fn spectrum(of: &[Array2<f64>], steps: usize, gradient: Option<&[f64]>) -> Spectrum {
    let jacobians: Vec<_> = (0..steps).map(|k| (k + 2, &of[k % of.len()])).collect();
    Spectrum::of(1, &jacobians, gradient)
}

#[track_caller]
fn near(found: f64, want: f64) {
    assert!((found - want).abs() <= 1e-12 * want.abs().max(1.0), "{found} and {want}");
}

/// diag(1, 1e−20)·W with a rotation W: in one step, the second direction is damped below rounding. σ1 of n steps is
/// |cos 1|ⁿ⁻¹, and σ2 is 1e−20ⁿ/σ1, which no sum of doubles can show from the second step on.
#[test]
fn what_one_step_damps_below_rounding_is_lost() {
    let (s, c) = 1f64.sin_cos();
    let found = spectrum(&[array![[c, -s], [1e-20 * s, 1e-20 * c]]], 40, None);
    for product in &found.products {
        near(product.singular[0].log10(), (product.lag as f64 - 1.0) * c.log10());
        match product.lag {
            1 => near(product.singular[1].log10(), -20.0),
            _ => assert!(product.singular[1].is_zero(), "{:?}", product.singular),
        }
    }
    assert!(found.exponents[1] < f64::MIN);
    near(found.exponents[0], 39.0 / 40.0 * c.ln());
}

/// Where nothing mixes the directions, none is lost.
#[test]
fn a_diagonal_keeps_all_its_directions() {
    let found = spectrum(&[array![[1.0, 0.0], [0.0, 1e-20]]], 100, None);
    for product in &found.products {
        near(product.singular[1].log10(), -20.0 * product.lag as f64);
    }
    near(found.exponents[1], 1e-20f64.ln());
}

/// I − vvᵀ/‖v‖² is a projection: over any number of steps, one value is 0 and all others are 1.
#[test]
fn a_projection_has_one_zero() {
    let v = [1.0, 1.0, -1.0, 1.0];
    let projection = Array2::from_shape_fn((4, 4), |(i, j)| f64::from(u8::from(i == j)) - v[i] * v[j] / 4.0);
    for product in &spectrum(&[projection], 60, None).products {
        product.singular[..3].iter().for_each(|sigma| near(sigma.to_f64(), 1.0));
        assert!(product.singular[3].is_zero(), "{:?}", product.singular);
    }
}

/// The Jacobian of a net of rectifiers with one dead unit is W without a row. Which unit is dead changes with the step; unit 9 is
/// none.
#[test]
fn a_dead_unit_makes_one_value_zero() {
    let w = |i: usize, j: usize| ((i * 5 + j + 1).pow(2) as f64).sin();
    let dead = |unit: usize| Array2::from_shape_fn((5, 5), |(i, j)| if i == unit { 0.0 } else { w(i, j) });
    for units in [vec![2], vec![0], vec![4, 1, 0, 3], vec![2, 9]] {
        let of: Vec<_> = units.iter().map(|&unit| dead(unit)).collect();
        let found = spectrum(&of, 40, None);
        for product in &found.products {
            let lost = product.lag > 1 || units.last() != Some(&9);
            assert_eq!(product.singular[4].is_zero(), lost, "{units:?} {:?}", product.singular);
            assert!(!product.singular[3].is_zero());
            if product.lag > 4 {
                continue;
            }
            // A short product can be multiplied out.
            let mut whole = Array2::<f64>::eye(5);
            (40 - product.lag..40).for_each(|k| whole = of[k % of.len()].dot(&whole));
            let wanted = singular(&DMatrix::from_fn(5, 5, |i, j| whole[[i, j]]));
            product.singular.iter().zip(wanted).for_each(|(found, want)| near(found.to_f64(), want));
        }
        assert!(found.exponents[4] < f64::MIN);
        assert!(found.exponents[3].is_finite());
    }
}

/// A rotation amplifies no direction more than another.
#[test]
fn the_angle_is_unknown_where_no_direction_leads() {
    let (s, c) = 0.3f64.sin_cos();
    let rotation = spectrum(&[array![[c, -s], [s, c]]], 30, Some(&[1.0, 2.0]));
    assert!(rotation.products.iter().all(|product| product.angle.is_none()));
    // A gradient (1, 1) that is propagated by diag(2, 1) has the slope 2⁻ⁿ.
    let stretch = spectrum(&[array![[2.0, 0.0], [0.0, 1.0]]], 30, Some(&[1.0, 1.0]));
    for product in &stretch.products {
        near(product.angle.unwrap(), 0.5f64.powi(i32::try_from(product.lag).unwrap()).atan().to_degrees());
    }
}

#[test]
fn what_takes_too_long_is_refused() {
    assert!(fits(30, 256, 1).is_ok() && fits(10_000, 16, 4).is_ok());
    let message = fits(60, 512, 1).unwrap_err().to_string();
    assert!(message.contains("60 steps of 512 states of 1 sequences take about 2e12"), "{message}");
}
