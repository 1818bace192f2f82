//! Dropout masks, bit-identical to [`DropoutMask`].

use super::ops::cast;
use super::proto::DataType;
use super::writer::{Value, Writer};
use autograd::ops::DropoutMask;

pub(crate) fn mask(w: &mut Writer, op: &DropoutMask, seed: &str) -> String {
    let scalar = w.sizes(&[]);
    let seed = w.node("Reshape", &[seed, &scalar], &[]);
    let seed = cast(w, &seed, DataType::Uint64);
    let (seed, stream) = (mix(w, &seed), w.unsigned([op.stream], &[]));
    let key = w.node("BitwiseXor", &[&seed, &stream], &[]);
    let key = mix(w, &key);
    let places = w.unsigned(places(op), &op.shape);
    let number = mix(w, &places);
    let bits = w.node("BitwiseXor", &[&key, &number], &[]);
    let bits = mix(w, &bits);
    // A number in [0, 1) from the upper 53 bits.
    let bits = shifted(w, &bits, 11);
    let bits = cast(w, &bits, DataType::Double);
    let (scale, rate) =
        (w.reals([2f64.powi(-53)], &[], DataType::Double), w.reals([op.rate], &[], DataType::Double));
    let unit = w.node("Mul", &[&bits, &scale], &[]);
    let dropped = w.node("Less", &[&unit, &rate], &[]);
    let (zero, keep) = (w.number(0.0), w.number(1.0 / (1.0 - op.rate)));
    w.node("Where", &[&dropped, &zero, &keep], &[])
}

/// The index of each element in the whole mask, from 1.
fn places(op: &DropoutMask) -> impl Iterator<Item = u64> {
    let (axis, start, whole) = op.part.unwrap_or_else(|| (0, 0, op.shape.first().copied().unwrap_or(1)));
    let inner: usize = op.shape.iter().skip(axis + 1).product();
    let (run, stride) = (op.shape.get(axis).map_or(1, |n| n * inner), whole * inner);
    (0..op.shape.count()).map(move |k| (k / run * stride + start * inner + k % run) as u64 + 1)
}

/// The finaliser of SplitMix64.
fn mix(w: &mut Writer, z: &str) -> String {
    let step = w.unsigned([0x9e37_79b9_7f4a_7c15], &[]);
    let mut z = w.node("Add", &[z, &step], &[]);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        let folded = folded(w, &z, shift);
        let factor = w.unsigned([factor], &[]);
        z = w.node("Mul", &[&folded, &factor], &[]);
    }
    folded(w, &z, 31)
}

/// `z ^ (z >> shift)`
fn folded(w: &mut Writer, z: &str, shift: u64) -> String {
    let moved = shifted(w, z, shift);
    w.node("BitwiseXor", &[z, &moved], &[])
}

fn shifted(w: &mut Writer, z: &str, shift: u64) -> String {
    let shift = w.unsigned([shift], &[]);
    w.node("BitShift", &[z, &shift], &[("direction", Value::Text("RIGHT"))])
}
