//! The verdict of one comparison: smooth, on a kink, unseen, and of several attempts.

use super::*;

fn slope(value: f64, error: f64) -> Slope {
    Slope { value, truncation: 0.0, rounding: error, unseen: 0.0, step: 0.0 }
}

fn verdict_of(analytic: f64, value: f64, error: f64) -> Verdict {
    Comparison::new(analytic, &Derivative::Smooth(slope(value, error)), 0.0, f64::INFINITY).verdict
}

#[test]
fn of_a_smooth_function() {
    let verdict =
        |analytic, error| Comparison::new(analytic, &Derivative::Smooth(slope(1.0, error)), 0.0, 1.0).verdict;
    assert_eq!(verdict(1.0 + 1e-9, 1e-10), Verdict::Pass);
    assert_eq!(verdict(1.0 + 1e-8, 1e-10), Verdict::Fail);
    assert_eq!(verdict(1.0, 1e-3), Verdict::Inconclusive);
    assert_eq!(verdict(1.5, 1e-3), Verdict::Fail);
    assert_eq!(verdict(f64::NAN, 1e-10), Verdict::Fail);
    assert_eq!(verdict(1.0, f64::NAN), Verdict::Inconclusive);
    let flat = Derivative::Smooth(Slope { unseen: 1e-7, ..slope(0.0, 1e-9) });
    assert_eq!(Comparison::new(0.0, &flat, 0.0, 0.0).verdict, Verdict::Pass);
    for [value, error] in [[f64::NAN, f64::INFINITY], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
        assert_eq!(verdict_of(1.0, value, error), Verdict::Inconclusive, "{value} {error}");
    }
    let small = Derivative::Smooth(Slope { unseen: 1e-3, ..slope(1e-8, 1e-9) });
    let small = Comparison::new(-2e-9, &small, 0.0, 2e-8);
    assert_eq!((small.verdict, small.unseen), (Verdict::Pass, true));
    // A difference of such numbers is no failure of a node; one that is larger is.
    let faint = Derivative::Smooth(Slope { unseen: 1e-3, ..slope(1e-7, 1e-10) });
    assert_eq!(
        [2e-7, 2e-6].map(|g| Comparison::new(g, &faint, 0.0, 0.0).seen()),
        [Seen::Faint, Seen::Different]
    );
    let wild = Derivative::Smooth(Slope { truncation: 0.4, ..slope(1.0, 0.0) });
    assert_eq!(Comparison::new(50.0, &wild, 0.0, 1.0).verdict, Verdict::Inconclusive);
}

#[test]
fn of_a_kink() {
    let sides =
        Derivative::Sides { left: slope(-1.0, 1e-9), right: slope(2.0, 1e-9), sharp: vec![0], jump: false };
    let verdict = |analytic| Comparison::new(analytic, &sides, 0.0, 1.0).verdict;
    assert_eq!([-1.0, 0.0, 0.5, 2.0].map(verdict), [Verdict::Kink; 4]);
    assert_eq!([-1.1, 2.1, f64::INFINITY].map(verdict), [Verdict::Fail; 3]);
    let equal =
        Derivative::Sides { left: slope(2.0, 1e-9), right: slope(2.0, 1e-9), sharp: vec![], jump: false };
    assert_eq!(Comparison::new(2.0, &equal, 0.0, 1.0).verdict, Verdict::Pass);
}

/// A proof decides where differences are blind, and is never silently overruled.
#[test]
fn of_all_witnesses() {
    use Equations::{Broken, Hold, HoldInSingle, HoldOnKinks, Unknown};
    use Verdict::{Convention, Fail, Inconclusive, Kink, Pass};
    let verdict = |equations, differences| {
        let evidence = Evidence { finite: true, differences, forward: None, equations, rounding: false };
        decide(&evidence).0
    };
    let seen = [
        Seen::Equal,
        Seen::Nothing,
        Seen::Between,
        Seen::Outside,
        Seen::Different,
        Seen::Faint,
        Seen::Open,
        Seen::Jump,
    ];
    for (equations, verdicts) in [
        (Hold, [Pass, Pass, Kink, Inconclusive, Inconclusive, Pass, Pass, Kink]),
        (HoldOnKinks, [Pass, Kink, Kink, Convention, Convention, Kink, Kink, Kink]),
        // In single precision, on two sides: if forward mode does not disagree, and if it does.
        (
            Unknown.on_two_sides(true, Seen::Open, None),
            [Pass, Kink, Kink, Convention, Convention, Convention, Inconclusive, Kink],
        ),
        (
            Unknown.on_two_sides(true, Seen::Open, Some(true)),
            [Pass, Kink, Kink, Convention, Convention, Convention, Inconclusive, Kink],
        ),
        (
            Unknown.on_two_sides(true, Seen::Open, Some(false)),
            [Pass, Pass, Kink, Fail, Fail, Fail, Inconclusive, Fail],
        ),
        (Unknown, [Pass, Pass, Kink, Fail, Fail, Fail, Inconclusive, Fail]),
        (Broken, [Pass, Fail, Fail, Fail, Fail, Fail, Fail, Fail]),
    ] {
        assert_eq!(seen.map(|s| verdict(equations, s)), verdicts, "{equations:?}");
        let nothing = Evidence {
            finite: false,
            differences: Seen::Equal,
            forward: Some(true),
            equations,
            rounding: true,
        };
        assert_eq!(decide(&nothing).0, Fail);
    }
    for seen in [Seen::Outside, Seen::Open] {
        assert_eq!(Broken.on_two_sides(true, seen, None), Broken);
        assert_eq!(Unknown.on_two_sides(false, seen, None), HoldInSingle);
        assert_eq!(Hold.on_two_sides(false, seen, None), Hold);
    }
    assert_eq!(Hold.on_two_sides(true, Seen::Outside, None), HoldOnKinks);
    assert_eq!(Hold.on_two_sides(true, Seen::Open, None), Hold);
}

#[test]
fn a_failure_stands_if_two_steps_find_the_same_slope() {
    let of = |numeric: f64, tolerance: f64| {
        let derivative = Derivative::Smooth(slope(numeric, tolerance / SAFETY));
        Comparison::new(1.0, &derivative, 0.0, 1.0)
    };
    let verdict = |attempts: &[[f64; 2]]| {
        corroborated(&attempts.iter().map(|[d, e]| of(*d, *e)).collect::<Vec<_>>()).verdict
    };
    assert_eq!(verdict(&[[2.0, 1e-6], [2.0, 1e-5]]), Verdict::Fail);
    // Weaker evidence does not overrule it; stronger evidence does.
    assert_eq!(verdict(&[[1.0001, 1e-6], [1.0001, 1e-5], [1.0, 2e-4]]), Verdict::Fail);
    assert_eq!(verdict(&[[1.0001, 1e-6], [1.0001, 1e-5], [1.0, 1e-8]]), Verdict::Pass);
    // Each gives another result.
    assert_eq!(verdict(&[[2.0, 1e-6], [3.0, 1e-6], [-7.0, 1e-6]]), Verdict::Inconclusive);
}

#[test]
fn are_ordered_from_good_to_bad() {
    assert!(Verdict::Pass < Verdict::Kink && Verdict::Kink < Verdict::Inconclusive);
    assert!(Verdict::Kink.is_good() && !Verdict::Inconclusive.is_good());
}
