//! Situations from public reports on other checkers.

use super::Squash;
use autograd::{Builder, Expr, Point};
use autograd_check::{Check, Report, Verdict};
use ndarray::arr1;

fn run(x: &[f64], order: u32, loss: for<'g> fn(Expr<'g>) -> Expr<'g>) -> Report {
    let g = Builder::new();
    let leaf = g.parameter("x", [x.len()]);
    Check::new(loss(leaf).sum()).at(Point::new().with(leaf, arr1(x))).order(order).run().unwrap()
}

/// pytorch#114219, kornia#4184 and pytorch#114234: pooling over ties, a minimum of four, relu of subnormal numbers.
#[test]
fn ties_and_subnormal_numbers() {
    let pool: for<'g> fn(Expr<'g>) -> Expr<'g> = |x| x.reshape([2, 2]).max_over([1]);
    assert_eq!(run(&[0.3, 0.3, 0.7, 0.1], 1, pool).verdict(), Verdict::Kink);
    let least: for<'g> fn(Expr<'g>) -> Expr<'g> = |x| -((-x).max_over([0]));
    assert_eq!(run(&[0.2; 4], 1, least).verdict(), Verdict::Kink);
    let tiny = run(&[1e-310, -1e-310, 0.3], 1, |x| x.relu());
    assert!(tiny.passed(), "{tiny}");
    // A wrong rule of what follows is found there too.
    let wrong = run(&[0.2; 4], 1, |x| x.max_over([0]).custom(Squash { vjp: 1.01, dual: 1.0 }));
    assert_eq!(wrong.verdict(), Verdict::Fail, "{wrong}");
}

/// intel/torch-xpu-ops#3099: a distance of 0 has no derivative, and the rule gives none.
#[test]
fn a_distance_of_zero_is_not_finite() {
    let told = run(&[0.0, 0.0], 1, |x| (x * x).sum().sqrt());
    assert_eq!(told.verdict(), Verdict::Fail, "{told}");
    assert!(told.to_string().contains("sqrt"), "{told}");
}

/// Saturated, and a constant of 1e12 that is added and taken away: what is lost is rounding.
#[test]
fn what_rounding_takes_is_no_fault() {
    let saturated = run(&[30.0, -40.0, 0.2], 2, |x| x.sigmoid());
    assert!(saturated.passed(), "{saturated}");
    let cancelled = run(&[0.3, 0.4], 1, |x| (x.sin() + 1e12) - 1e12);
    assert!(cancelled.passed(), "{cancelled}");
    let far = run(&[1e-12], 1, |x| x.reciprocal());
    assert!(far.passed(), "{far}");
}

/// At a jump every side has a slope, and the rule has theirs.
#[test]
fn a_jump_has_the_slopes_of_its_sides() {
    let jump = run(&[0.5, 0.3], 1, |x| x.modulo(0.25) * 3.0);
    assert_eq!(jump.verdict(), Verdict::Kink, "{jump}");
    let wrong = run(&[0.5, 0.3], 1, |x| x.modulo(0.25).custom(Squash { vjp: -28.0, dual: 1.0 }));
    assert_eq!(wrong.verdict(), Verdict::Fail, "{wrong}");
}
