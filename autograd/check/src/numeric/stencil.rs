//! Differences at one step size: three points and five.
//!
//! `D(h) = (φ(h) − φ(−h)) / 2h = φ' + h²φ‴/6 + …`, and `F(h) = (4 D(h) − D(2h)) / 3 = φ' − h⁴φ⁗'/30 + …` (Abramowitz
//! and Stegun, 25.3.21 and 25.3.24). Twice the step has four and sixteen times the error, so `|D(2h) − D(h)| / 3` and
//! `|F(2h) − F(h)| / 15` estimate it. If a kink is between the points the step is reduced.

use super::{Curve, Look, MOST, Noise, Slope};
use autograd::Error;

impl<F: FnMut(f64) -> Result<Look, Error>> Curve<'_, F> {
    /// `D(h)`
    pub(super) fn central(
        &mut self,
        base: &Look,
        h: f64,
        length: f64,
        noise: Noise,
    ) -> Result<Option<Slope>, Error> {
        let slope = |[d, twice]: [f64; 2], rounding: f64| (d, (twice - d).abs() / 3.0, rounding);
        self.stencil(base, h, length, noise, slope)
    }

    /// `F(h)`
    pub(super) fn five_point(
        &mut self,
        base: &Look,
        h: f64,
        length: f64,
        noise: Noise,
    ) -> Result<Option<Slope>, Error> {
        let slope = |[d, twice, more]: [f64; 3], rounding: f64| {
            let (f, wide) = ((4.0 * d - twice) / 3.0, (4.0 * twice - more) / 3.0);
            (f, (wide - f).abs() / 15.0, 1.5 * rounding)
        };
        self.stencil(base, h, length, noise, slope)
    }

    /// A slope from the central differences at h, 2h, 4h…
    fn stencil<const N: usize>(
        &mut self,
        base: &Look,
        h: f64,
        length: f64,
        noise: Noise,
        slope: impl Fn([f64; N], f64) -> (f64, f64, f64),
    ) -> Result<Option<Slope>, Error> {
        'shrink: for j in 0..MOST {
            let h = h / self.ratio().powi(j);
            let (mut differences, mut moved) = ([0.0; N], 0.0);
            for (d, width) in differences.iter_mut().zip([h, 2.0 * h, 4.0 * h]) {
                let Some([before, after]) = self.both(base, width)? else { continue 'shrink };
                *d = self.difference(&before, &after) / (2.0 * width);
                moved = self.moved(&before, base, &after);
            }
            let deviation = self.deviation(noise, moved);
            let (value, truncation, rounding) = slope(differences, deviation / (2f64.sqrt() * h));
            let unseen = self.unseen(noise.size.max(moved), length);
            return Ok(Some(Slope { value, truncation, rounding, unseen, step: h }));
        }
        Ok(None)
    }
}
