//! On a kink: the slope from the left and the slope from the right.
//!
//! One-sided differences `(φ(h) − φ(0)) / h` have the error c₁h + c₂h² + …, and are extrapolated as central ones are. Only
//! those steps count at which every node is on the same sides as at the smallest step.

use super::richardson::Table;
use super::{Curve, Derivative, Look, Noise, Slope};
use autograd::Error;

/// Steps to each side: to 6·10⁻⁹ of the length.
const STEPS: i32 = 13;

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// Both slopes at 0.
    pub fn sides(&mut self, base: &Look, length: f64, noise: Noise) -> Result<Derivative, Error> {
        let (left, before) = self.side(base, -length, noise)?;
        let (right, after) = self.side(base, length, noise)?;
        let changed = |&i: &usize| before[i] != after[i] || before[i] != base.sides[i];
        Ok(Derivative::Sides { left, right, sharp: (0..base.sides.len()).filter(changed).collect() })
    }

    /// The slope towards one side, and the sides that nodes are on there.
    fn side(&mut self, base: &Look, length: f64, noise: Noise) -> Result<(Slope, Vec<Vec<bool>>), Error> {
        let mut looks = Vec::new();
        for j in 0..STEPS {
            let h = self.largest() * length / self.ratio().powi(j);
            looks.push((h, (self.outputs)(h)?));
        }
        let last = looks.pop().map_or_else(Vec::new, |(_, look)| look.sides);
        let apart = looks.iter().rposition(|(_, look)| look.sides != last).map_or(0, |i| i + 1);
        let mut table = Table::new(self.ratio());
        let mut unseen = 0.0_f64;
        for (h, look) in &looks[apart..] {
            let moved = self.moved(base, base, look);
            let deviation = self.deviation(noise, moved);
            unseen = unseen.max(self.unseen(noise.size.max(moved), length.abs()));
            table.push(self.difference(base, look) / h, 2f64.sqrt() * deviation / h.abs());
        }
        Ok((Slope { unseen, ..table.best }, last))
    }
}
