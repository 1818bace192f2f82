//! Dropout masks, bit-identical to [`DropoutMask`]: SplitMix64 of seed, stream and index.

use super::element::Element;
use super::writer::{Val, Writer};
use autograd::Shape;
use autograd::ops::DropoutMask;

/// A mask. `stream` is given if it is known only at run time, as in a loop over the steps.
pub(crate) fn mask(w: &mut Writer, op: &DropoutMask, shape: &Shape, seed: &Val, stream: Option<Val>) -> Val {
    let seed = w.reshape(seed, &[]);
    let seed = w.convert(&seed, Element::U64);
    let seed = mix(w, &seed);
    let stream = stream.unwrap_or_else(|| w.whole(op.stream, Element::U64));
    let key = w.binary("xor", &seed, &stream);
    let key = mix(w, &key);
    let number = places(w, op, shape);
    let number = mix(w, &number);
    let bits = w.binary("xor", &key, &number);
    let bits = mix(w, &bits);
    // A number in [0, 1) from the upper 53 bits.
    let bits = shifted(w, &bits, 11);
    let bits = w.convert(&bits, Element::F64);
    let scale = w.real_number(2f64.powi(-53), Element::F64);
    let unit = w.binary("multiply", &bits, &scale);
    let rate = w.real_number(op.rate, Element::F64);
    let dropped = w.compare("LT", &unit, &rate);
    let (zero, keep) = (w.number(0.0), w.number(1.0 / (1.0 - op.rate)));
    let mask = w.select(&dropped, &zero, &keep);
    w.reshape(&mask, shape)
}

/// The index of each element in the whole mask, from 1, as a vector.
fn places(w: &mut Writer, op: &DropoutMask, shape: &Shape) -> Val {
    let (axis, start, whole) = op.part.unwrap_or_else(|| (0, 0, shape.first().copied().unwrap_or(1)));
    let inner: usize = shape.iter().skip(axis + 1).product();
    let (run, stride) = (shape.get(axis).map_or(1, |n| n * inner), whole * inner);
    let place = w.iota(&[shape.count()], 0, Element::U64);
    let number = if run == stride {
        place
    } else {
        let (run, stride) = (w.whole(run as u64, Element::U64), w.whole(stride as u64, Element::U64));
        let row = w.binary("divide", &place, &run);
        let before = w.binary("multiply", &row, &stride);
        let within = w.binary("remainder", &place, &run);
        w.binary("add", &before, &within)
    };
    let first = w.whole((start * inner) as u64 + 1, Element::U64);
    w.binary("add", &number, &first)
}

/// The finaliser of SplitMix64.
fn mix(w: &mut Writer, z: &Val) -> Val {
    let step = w.whole(0x9e37_79b9_7f4a_7c15_u64, Element::U64);
    let mut z = w.binary("add", z, &step);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9_u64), (27, 0x94d0_49bb_1331_11eb)] {
        let folded = folded(w, &z, shift);
        let factor = w.whole(factor, Element::U64);
        z = w.binary("multiply", &folded, &factor);
    }
    folded(w, &z, 31)
}

/// `z ^ (z >> shift)`
fn folded(w: &mut Writer, z: &Val, shift: u64) -> Val {
    let moved = shifted(w, z, shift);
    w.binary("xor", z, &moved)
}

fn shifted(w: &mut Writer, z: &Val, shift: u64) -> Val {
    let shift = w.whole(shift, Element::U64);
    w.binary("shift_right_logical", z, &shift)
}
