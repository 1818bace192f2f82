//! Randomness as a pure function: the same seed gives the same mask, in any order of evaluation.

use super::{Adjoint, Notation, Operator, Sample, Sampler, one};
use crate::graph::Expr;
use crate::kernels;
use crate::scalar::Scalar;
use crate::shape::{Kind, Shape, Type};
use crate::value::Value;
use ndarray::ArrayD;
use std::hash::{Hash, Hasher};

/// `y[i] = 1/(1−p) with probability 1−p, else 0`: an inverted dropout mask (Srivastava et al. 2014)
///
/// Element i is a function of (seed, stream, i) alone. Streams distinguish the masks of one graph.
///
/// shape   seed: one whole number, y: the given shape
/// vjp     0: the mask is constant
#[derive(Clone, Debug)]
pub struct DropoutMask {
    /// The shape of the mask.
    pub shape: Shape,
    /// The probability p of a zero, in [0, 1).
    pub rate: f64,
    /// The stream, which distinguishes the masks of a graph.
    pub stream: u64,
    /// For a shard of a larger mask: the sharded axis, the first index, and the size of the whole axis.
    pub part: Option<(usize, usize, usize)>,
}

impl DropoutMask {
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        let seed = x[0].index().first().copied().unwrap_or(0);
        Value::Float(ArrayD::from_shape_simple_fn(&*self.shape, self.elements(seed, 0)))
    }

    /// The elements of the mask for a seed, in row-major order. `after` shifts the first index of a shard.
    pub fn elements<S: Scalar>(&self, seed: usize, after: usize) -> impl FnMut() -> S {
        let key = mix(mix(seed as u64) ^ self.stream);
        let (keep, rate) = (S::of(1.0 / (1.0 - self.rate)), self.rate);
        let (axis, start, whole) = match self.part {
            Some((axis, start, whole)) => (axis, start + after, whole),
            None => (0, 0, self.shape.first().copied().unwrap_or(1)),
        };
        let inner: usize = self.shape.iter().skip(axis + 1).product();
        let (run, stride) = (self.shape.get(axis).map_or(1, |n| n * inner), whole * inner);
        let mut k = 0;
        move || {
            // The element's index in the whole mask, from 1.
            let i = (k / run * stride + start * inner + k % run) as u64 + 1;
            k += 1;
            if unit(mix(key ^ mix(i))) < rate { S::zero() } else { keep }
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every output bit depends on every bit of `z`.
fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in [0, 1) from the upper 53 bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * 2f64.powi(-53)
}

impl PartialEq for DropoutMask {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.rate.to_bits() == other.rate.to_bits()
            && (self.stream, self.part) == (other.stream, other.part)
    }
}

impl Eq for DropoutMask {}

impl Hash for DropoutMask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.shape, self.rate.to_bits(), self.stream, self.part).hash(state);
    }
}

impl Operator for DropoutMask {
    kernels!();
    fn name(&self) -> &'static str {
        "dropout_mask"
    }
    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let seed = one(operands)?;
        if !matches!(seed.kind, Kind::Index { .. }) || seed.shape.count() != 1 {
            return Err(format!("the seed is one whole number, not {seed}"));
        }
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("a dropout rate is at least 0 and below 1, not {}", self.rate));
        }
        Ok(Type::float(&self.shape))
    }
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::Zero
    }
    fn notation(&self) -> Notation {
        Notation::Function
    }
    fn attributes(&self) -> String {
        format!("rate={} stream={}", self.rate, self.stream)
    }
    fn sample(s: &mut Sampler) -> Sample<Self> {
        let op = Self {
            shape: s.shape(0..4),
            rate: s.choice(&[0.0, 0.3, 0.5]),
            stream: s.below(0..9) as u64,
            part: None,
        };
        Sample::new(op, [s.index([], 1 << 20)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr0;

    fn mask(seed: usize, stream: u64) -> ArrayD<f64> {
        let op = DropoutMask { shape: [100, 100].into(), rate: 0.3, stream, part: None };
        op.eval_f64(&[&Value::Index(arr0(seed).into_dyn())]).into_float()
    }

    #[test]
    fn keeps_its_rate_and_its_mean() {
        let mask = mask(1, 0);
        // Standard deviations over 10,000 elements: rate 0.0046, mean 0.0066. The bounds are five of them.
        let zeros = mask.iter().filter(|&&x| x == 0.0).count() as f64 / 1e4;
        assert!((zeros - 0.3).abs() < 0.023, "{zeros}");
        assert!((mask.sum() / 1e4 - 1.0).abs() < 0.033);
    }

    #[test]
    fn differs_by_seed_and_by_stream_only() {
        assert_eq!(mask(1, 0), mask(1, 0));
        assert_ne!(mask(1, 0), mask(2, 0));
        assert_ne!(mask(1, 0), mask(1, 1));
    }
}
