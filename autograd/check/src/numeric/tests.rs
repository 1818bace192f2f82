//! Known derivatives are within the estimated error, for every method.

use super::*;

const METHODS: [Method; 3] =
    [Method::Richardson, Method::Central { step: 6e-6 }, Method::FivePoint { step: 7e-4 }];

/// The result of differences for `f` at `x`; `f` also reports on which side of a kink it is.
fn derivative(method: Method, precision: f64, f: impl Fn(f64) -> (f64, Vec<bool>), x: f64) -> Derivative {
    let outputs = |t: f64| {
        let (y, sides) = f(x + t);
        Ok(Look { values: vec![ndarray::arr0(y).into()], sides: vec![sides] })
    };
    let one = [ndarray::arr0(1.0).into()];
    let mut curve = Curve { outputs, cotangents: &one, method, first: FIRST, precision };
    let length = x.abs().max(1.0);
    let noise = curve.noise(&Nearby::new(16, precision), length).unwrap();
    curve.derivative(length, noise).unwrap()
}

fn slope(method: Method, f: impl Fn(f64) -> f64, x: f64) -> Slope {
    match derivative(method, f64::EPSILON, |x| (f(x), Vec::new()), x) {
        Derivative::Smooth(slope) => slope,
        Derivative::Sides { .. } => panic!("there is no kink"),
    }
}

#[track_caller]
fn agrees(f: impl Fn(f64) -> f64, x: f64, exact: f64, at_most: f64) {
    for method in METHODS {
        let slope = slope(method, &f, x);
        let (value, error) = (slope.value, slope.error());
        assert!((value - exact).abs() <= SAFETY * error, "{method:?}: {value} is not {exact} within {error}");
        // At a fixed relative step the accuracy depends on the function.
        let at_most = match method {
            Method::Richardson => at_most,
            _ if x.abs() < 10.0 => 1e-8,
            _ => f64::INFINITY,
        };
        assert!(error <= at_most * exact.abs().max(1.0), "{method:?}: the estimate {error} is too large");
    }
}

#[test]
fn known_derivatives_lie_within_the_estimated_error() {
    for x in [-3.0, -0.4, 0.0, 0.7, 2.0, 1e3_f64] {
        agrees(f64::sin, x, x.cos(), 1e-9);
        agrees(f64::tanh, x, x.cosh().powi(-2), 1e-10);
        agrees(|x| 3.0 * x - 1.0, x, 3.0, 1e-10);
        agrees(|x| x * x * x, x, 3.0 * x * x, 1e-10);
    }
    agrees(f64::exp, 1.0, 1.0_f64.exp(), 1e-10);
}

/// The table of the best step and its error, for sin at 1: central 6·10⁻⁶ and 4·10⁻¹¹, five points 7·10⁻⁴ and 3·10⁻¹³.
#[test]
fn methods_are_as_good_as_theory_says() {
    for (method, best) in METHODS.into_iter().zip([1e-11, 1e-10, 1e-12]) {
        let error = (slope(method, f64::sin, 1.0).value - 1f64.cos()).abs();
        assert!(error < best, "{method:?}: {error}");
    }
}

#[test]
fn a_pole_nearby_leaves_the_small_steps() {
    let poles = |f: fn(f64) -> f64, x: f64, exact: f64| {
        let slope = slope(Method::Richardson, f, x);
        assert!((slope.value - exact).abs() <= SAFETY * slope.error(), "{slope:?}, {exact}");
        assert!(slope.error() < 5e-3 * exact.abs(), "{slope:?}, {exact}");
    };
    poles(|x| x.abs() * x.cos(), 1e-3, 1e-3_f64.cos() - 1e-3 * 1e-3_f64.sin());
    poles(f64::ln, 0.01, 100.0);
    poles(f64::recip, 1e-3, -1e6);
    // Steps are reduced until both ends are on the same side of the pole.
    poles(f64::recip, 1e-7, -1e14);
    poles(f64::ln, 1e-8, 1e8);
}

/// At x = 10⁻⁴ the steps stay smaller; at 0 there are two slopes, and the node is named.
#[test]
fn kinks_are_seen_by_the_sides() {
    let relu = |x: f64| (x.max(0.0).sin(), vec![x > 0.0]);
    for method in METHODS {
        let Derivative::Smooth(slope) = derivative(method, f64::EPSILON, relu, 1e-4) else { panic!() };
        assert!((slope.value - 1e-4_f64.cos()).abs() <= SAFETY * slope.error() && slope.error() < 1e-7);
        match derivative(method, f64::EPSILON, relu, 0.0) {
            Derivative::Sides { left, right, sharp, .. } => {
                assert_eq!((left.value, sharp), (0.0, vec![0]));
                assert!((right.value - 1.0).abs() <= SAFETY * right.error() && right.error() < 1e-8);
            }
            Derivative::Smooth(_) => panic!("{method:?} steps over a kink"),
        }
    }
}

#[test]
fn noise_is_measured_and_not_taken_for_the_slope() {
    // Nine digits: the rest is scrambled bits of x.
    let noisy = |x: f64| {
        x.sin() + 1e-9 * ((x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 2f64.powi(24))
    };
    let slope = slope(Method::Richardson, noisy, 0.7);
    assert!((slope.value - 0.7_f64.cos()).abs() <= SAFETY * slope.error(), "{slope:?}");
    assert!((1e-10..1e-6).contains(&slope.error()), "{slope:?}");
}

#[test]
#[allow(clippy::cast_possible_truncation)]
fn a_function_in_single_precision_has_a_slope_too() {
    let single = |x: f64| (f64::from((x as f32).sin()), Vec::new());
    let found = derivative(Method::Richardson, f64::from(f32::EPSILON), single, 0.7);
    let Derivative::Smooth(slope) = found else { panic!() };
    assert!((slope.value - 0.7_f64.cos()).abs() <= SAFETY * slope.error(), "{slope:?}");
    assert!(SAFETY * slope.error() < 5e-4, "{slope:?}");
}
