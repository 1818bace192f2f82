//! Correct gradients of random graphs, also at kinks: any failure is a false alarm.

use crate::common::graphs;
use autograd::ops::Sampler;
use autograd::{Builder, Expr, Point, Value};
use autograd_check::Verdict;
use autograd_check::{Check, Report};

/// Counts of correct gradients, by verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alarms {
    pub checks: usize,
    pub passed: usize,
    /// Passed on a kink.
    pub kinks: usize,
    pub undecided: usize,
    /// At several kinks at once, where the total is no one-sided slope and no VJP is wrong.
    pub conventions: usize,
    pub failed: usize,
}

impl Alarms {
    pub fn add(&mut self, verdict: Verdict) {
        self.checks += 1;
        *match verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Kink => &mut self.kinks,
            Verdict::Inconclusive => &mut self.undecided,
            Verdict::Convention => &mut self.conventions,
            _ => &mut self.failed,
        } += 1;
    }

    pub fn plus(&mut self, other: Self) {
        self.checks += other.checks;
        self.passed += other.passed;
        self.kinks += other.kinks;
        self.undecided += other.undecided;
        self.conventions += other.conventions;
        self.failed += other.failed;
    }
}

/// The report on a random graph. Every second one has leaves on a lattice of halves, where `relu`, `abs`, `max` and
/// `min` are at kinks and operands tie; every fourth is checked to order two.
pub fn check(seed: u64, single: bool) -> Report {
    let (g, s) = (Builder::new(), &mut Sampler::new(seed));
    let (leaves, mut outputs, mut point) = graphs::make(&g, s, true);
    if seed % 2 == 1 {
        point = on_kinks(&leaves, &mut outputs, point, s);
    }
    let order = if seed % 8 >= 6 && !single { 2 } else { 1 };
    let check = Check::all(&outputs).wrt(&leaves).at(point).order(order).seed(seed);
    (if single { check.single() } else { check }).run().unwrap()
}

/// The point with all leaves on a lattice of halves, where operands tie, and outputs with kinks there.
pub fn on_kinks<'g>(
    leaves: &[Expr<'g>],
    outputs: &mut Vec<Expr<'g>>,
    point: Point<f64>,
    s: &mut Sampler,
) -> Point<f64> {
    for _ in 0..2 {
        let (x, y) = (s.choice(leaves), s.choice(leaves));
        outputs.extend(kinked(x, y, s));
    }
    on_lattice(leaves, point)
}

fn on_lattice(leaves: &[Expr], point: Point<f64>) -> Point<f64> {
    let mut moved = point.clone();
    for x in leaves {
        if let Some(Value::Float(value)) = point.get(*x) {
            moved.set(*x, value.mapv(|x| (2.0 * x).round() / 2.0));
        }
    }
    moved
}

fn kinked<'g>(x: Expr<'g>, y: Expr<'g>, s: &mut Sampler) -> Option<Expr<'g>> {
    let fits = x.shape().broadcast(&y.shape()).is_some();
    match s.below(0..6) {
        0 => Some(x.relu()),
        1 => Some((x.abs() + 0.5).ln()),
        2 if fits => Some(x.max(y)),
        3 if fits => Some(x.min(y).tanh()),
        4 => Some(x.max(-x).relu()),
        5 => Some(x.max_over([0])),
        _ => None,
    }
}
