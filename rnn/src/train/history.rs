//! The losses of a run, for plotting: bounded in size, however long the run.

use ndarray::{ArrayD, arr1};

/// The losses of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The mean loss of the batch of each update.
    pub training: Curve,
    /// The mean loss over the validation part after each epoch.
    pub validation: Curve,
}

/// A sequence of numbers, stored as means over neighbours to bound its length.
///
/// A checkpoint is written repeatedly, so its size must not grow with the run: n updates, each saved, would write
/// n²/2 numbers.
///
/// ```
/// use rnn::train::Curve;
///
/// let mut curve = Curve::default();
/// (1..=10).for_each(|n| curve.push(f64::from(n)));
/// assert_eq!(curve.points().nth(3), Some((4.0, 4.0))); // the fourth number
/// (11..=1_000_000).for_each(|n| curve.push(f64::from(n)));
/// assert!(curve.points().count() <= Curve::MOST);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Means of `each` consecutive numbers.
    means: Vec<f32>,
    each: u32,
    /// The mean of the `count` numbers after them; `count` is below `each`.
    open: f32,
    count: u32,
}

impl Default for Curve {
    /// An empty curve.
    fn default() -> Self {
        // Full capacity up front, so that an update never allocates.
        Self { means: Vec::with_capacity(Self::MOST), each: 1, open: 0.0, count: 0 }
    }
}

impl Curve {
    /// The maximum number of points: more than a picture has columns.
    pub const MOST: usize = 2048;

    /// Appends a number.
    #[allow(clippy::cast_possible_truncation)] // losses are computed in single precision
    pub fn push(&mut self, number: f64) {
        self.count += 1;
        // In single precision, as in a checkpoint: a resumed run gives the same curve to the last bit.
        self.open += ((number - f64::from(self.open)) / f64::from(self.count)) as f32;
        if self.count < self.each {
            return;
        }
        self.means.push(self.open);
        (self.open, self.count) = (0.0, 0);
        if self.means.len() == Self::MOST {
            for i in 0..Self::MOST / 2 {
                self.means[i] = 0.5 * self.means[2 * i] + 0.5 * self.means[2 * i + 1];
            }
            self.means.truncate(Self::MOST / 2);
            self.each *= 2;
        }
    }

    /// The middle index (from 1) of each mean's range, and the mean.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let each = f64::from(self.each);
        let whole = self.means.iter().enumerate();
        let whole = whole.map(move |(i, &mean)| (i as f64 * each + 0.5 * (each + 1.0), f64::from(mean)));
        let before = self.means.len() as f64 * each;
        let rest = (before + 0.5 * (f64::from(self.count) + 1.0), f64::from(self.open));
        whole.chain((self.count > 0).then_some(rest))
    }

    /// As numbers, for a checkpoint: the counters are whole and exact in single precision (below 2²⁴) for runs of
    /// fewer than 2³⁴ updates.
    #[allow(clippy::cast_precision_loss)]
    fn array(&self) -> ArrayD<f32> {
        let head = [self.each as f32, self.count as f32, self.open];
        arr1(&[&head[..], &self.means].concat()).into_dyn()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what `array` wrote is whole
    fn of(array: ArrayD<f32>) -> Option<Self> {
        let numbers: Vec<f32> = array.into_iter().collect();
        let [each, count, open, means @ ..] = &numbers[..] else { return None };
        let valid = *each >= 1.0 && *count >= 0.0 && count < each && means.len() < Self::MOST;
        valid.then(|| {
            let mut curve = Self { each: *each as u32, open: *open, count: *count as u32, ..Self::default() };
            curve.means.extend(means);
            curve
        })
    }
}

impl History {
    const TRAINING: &str = "history/training";
    const VALIDATION: &str = "history/validation";

    /// The curve as arrays of a checkpoint.
    pub(super) fn arrays(&self) -> [(String, ArrayD<f32>); 2] {
        [(Self::TRAINING, &self.training), (Self::VALIDATION, &self.validation)]
            .map(|(name, curve)| (name.into(), curve.array()))
    }

    /// Takes the curve out of a checkpoint's arrays. An invalid one becomes an empty curve.
    pub(super) fn take(arrays: &mut Vec<(String, ArrayD<f32>)>) -> Self {
        let mut take = |wanted: &str| {
            let at = arrays.iter().position(|(name, _)| name == wanted)?;
            Curve::of(arrays.remove(at).1)
        };
        let (training, validation) = (take(Self::TRAINING), take(Self::VALIDATION));
        Self { training: training.unwrap_or_default(), validation: validation.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(n: u32) -> Curve {
        let mut curve = Curve::default();
        (1..=n).for_each(|i| curve.push(f64::from(i)));
        curve
    }

    /// The mean over neighbours of 1, 2, 3 … is their middle index: every point lies on the diagonal.
    #[test]
    fn a_curve_keeps_its_shape_and_stays_small() {
        for n in [1, 2, 2047, 2048, 2049, 4095, 5000, 100_001] {
            let curve = curve(n);
            let points: Vec<_> = curve.points().collect();
            assert!(points.iter().all(|(x, y)| (x / y - 1.0).abs() < 1e-5), "{n}: {points:?}");
            assert!(points.len() <= Curve::MOST && 2 * points.len() >= Curve::MOST.min(n as usize), "{n}");
            let gaps = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
            assert!(gaps.fold(0.0, f64::max) <= f64::from(curve.each), "{n}");
            let last = points.last().unwrap().0;
            assert!(f64::from(n) - last < 0.5 * f64::from(curve.each), "{n}: {last}");
        }
    }

    #[test]
    fn a_curve_goes_on_from_its_arrays_to_the_bit() {
        for n in [0, 5, 2047, 2048, 9999] {
            let mut kept = Curve::of(curve(n).array()).unwrap();
            assert_eq!(kept, curve(n));
            (n + 1..=n + 3000).for_each(|i| kept.push(f64::from(i)));
            assert_eq!(kept, curve(n + 3000));
        }
        assert_eq!(Curve::of(arr1(&[0.0, 0.0, 0.0]).into_dyn()), None);
        assert_eq!(Curve::of(arr1(&[1.0]).into_dyn()), None);
    }
}
