//! Gradients beyond the range of `f64`.
//!
//! A gradient through a thousand steps is a product of a thousand Jacobians, and may be smaller than 5e-324. It is
//! still computed if each step multiplies it by a power of two that is divided out afterwards: a
//! [gauge](super::apart::Apart::gauges). The powers that keep it near 1 are not known beforehand. So a run goes as
//! far as its range allows, the next run takes its powers from there, and powers further back are extrapolated from
//! the last steps.

use autograd::Magnitude;

/// Norms between 2⁻ᴮᴬᴺᴰ and 2ᴮᴬᴺᴰ are accurate, and so are their significant entries.
const BAND: f64 = 900.0;
/// The number of recent steps from which the gauge is extrapolated.
const RECENT: usize = 32;

/// Powers of two by input index; the end has the power 0.
#[derive(Clone, Debug)]
pub(super) struct Gauge(Vec<i64>);

/// The outcome of a run with a gauge.
pub(super) enum Seen {
    /// All norms are valid, or are true zeros.
    All,
    /// The next run, with this gauge, will go further.
    Further(Gauge),
    /// The norm at this index is not finite under any gauge.
    Broken(usize),
}

impl Gauge {
    pub fn new(steps: usize) -> Self {
        Self(vec![0; steps])
    }

    /// The power between two steps, counted from 1, of which none is the end.
    pub fn between(&self, from: usize, to: Option<usize>) -> i64 {
        let at = |step: usize| step.checked_sub(1).and_then(|place| self.0.get(place)).copied().unwrap_or(0);
        (at(from) - to.map_or(0, at)).clamp(-1000, 1000)
    }

    /// The power by which adjoints at an index are scaled; `loss` is the loss's step, if it has one.
    pub fn power(&self, place: usize, loss: Option<usize>) -> i64 {
        self.0[place] - loss.map_or(0, |step| self.0[step - 1])
    }

    /// Evaluates the norms of a run for one loss, whose adjoints reach the indices where `reached` is true. `tried`
    /// marks indices whose norm was 0 under a gauge that should have shown it.
    pub fn see(
        &self,
        norms: &[Magnitude],
        reached: &[bool],
        (own, loss): (usize, Option<usize>),
        tried: &mut [bool],
    ) -> Seen {
        let mut next = self.clone();
        let mut further = false;
        let sides: [Vec<usize>; 2] = [(0..=own).rev().collect(), (own..norms.len()).collect()];
        for side in &sides {
            // The log₂ of the true norms, from the loss's own step on.
            let mut known: Vec<f64> = Vec::new();
            let mut last = None;
            for &place in side {
                if !reached[place] {
                    break;
                }
                let log = norms[place].ln() / std::f64::consts::LN_2;
                if norms[place].is_zero() && (tried[place] || place == own) {
                    break; // zero under every gauge
                }
                if place != own && norms[place].is_nan() {
                    return Seen::Broken(place);
                }
                if place != own && (norms[place].is_zero() || log.abs() > BAND) {
                    if norms[place].is_zero() {
                        tried[place] = last.is_some_and(|before| within(&norms[before]));
                    }
                    further = true;
                    next.guess(side, &known, loss);
                    break;
                }
                known.push(log - self.power(place, loss) as f64);
                last = Some(place);
            }
        }
        if further { Seen::Further(next) } else { Seen::All }
    }

    /// Sets the powers in one direction so that known norms become 1, and extrapolates those beyond.
    fn guess(&mut self, side: &[usize], known: &[f64], loss: Option<usize>) {
        let n = known.len();
        let recent = RECENT.min(n.saturating_sub(1)).max(1);
        let slope = if n > 1 { (known[n - 1] - known[n - 1 - recent]) / recent as f64 } else { -BAND };
        let start = known.last().copied().unwrap_or(0.0);
        let own = loss.map_or(0, |step| self.0[step - 1]);
        for (i, &place) in side.iter().enumerate().skip(1) {
            let log = if i < n { known[i] } else { start + slope * (i + 1 - n) as f64 };
            #[allow(clippy::cast_possible_truncation)] // an exponent
            let power = -log.round() as i64;
            self.0[place] = own + power;
        }
    }
}

fn within(norm: &Magnitude) -> bool {
    (norm.ln() / std::f64::consts::LN_2).abs() < BAND / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Norms ρ^(distance to the loss), as a run in f64 with a gauge would give them.
    fn run(gauge: &Gauge, rate: f64) -> Vec<Magnitude> {
        let n = gauge.0.len();
        let mut x = 1.0_f64;
        let mut norms = vec![Magnitude::ZERO; n];
        for place in (0..n).rev() {
            norms[place] = Magnitude::of(x);
            if place > 0 {
                #[allow(clippy::cast_possible_truncation)] // at most 1000
                let power = gauge.between(place, Some(place + 1)) as i32;
                x *= rate * 2f64.powi(power);
            }
        }
        norms
    }

    #[test]
    fn a_fading_and_an_exploding_gradient_are_followed_to_their_ends() {
        for rate in [0.5, 0.01, 3.0, 0.999] {
            let (n, mut gauge, mut tried) = (10_000, Gauge::new(10_000), vec![false; 10_000]);
            let mut runs = 0;
            let norms = loop {
                let norms = run(&gauge, rate);
                runs += 1;
                match gauge.see(&norms, &vec![true; n], (n - 1, Some(n)), &mut tried) {
                    Seen::All => break norms,
                    Seen::Further(next) => gauge = next,
                    Seen::Broken(place) => panic!("{rate}: {place}"),
                }
            };
            let true_norm = norms[0].scaled(-gauge.power(0, Some(n)));
            let want = 9999.0 * rate.log10();
            assert!((true_norm.log10() / want - 1.0).abs() < 1e-9, "{rate}: {} {want}", true_norm.log10());
            assert!(runs < 5, "{runs}");
        }
    }

    #[test]
    fn a_zero_is_a_zero() {
        let mut gauge = Gauge::new(3);
        let norms = [Magnitude::ZERO, Magnitude::ZERO, Magnitude::of(1.0)];
        let mut tried = vec![false; 3];
        let mut runs = 0;
        while let Seen::Further(next) = gauge.see(&norms, &[true; 3], (2, Some(3)), &mut tried) {
            gauge = next;
            runs += 1;
            assert!(runs < 4);
        }
    }
}
