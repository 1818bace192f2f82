//! The error function, which StableHLO does not have.
//!
//! The rational functions are those of Cephes (Moshier, *Methods and Programs for Mathematical Functions*, 1989,
//! `ndtr.c`): up to 1, `erf x = x T(x²) / U(x²)`; from 1 to 8, `1 − erf x = e^(−x²) P(x) / Q(x)`; beyond, erf is 1.

use super::writer::{Val, Writer};

pub(crate) const T: [f64; 5] = [
    9.604_973_739_870_516,
    9.002_601_972_038_427e1,
    2.232_005_345_946_843e3,
    7.003_325_141_128_051e3,
    5.559_230_130_103_949e4,
];
pub(crate) const U: [f64; 6] = [
    1.0,
    3.356_171_416_475_031e1,
    5.213_579_497_801_527e2,
    4.594_323_829_709_801e3,
    2.262_900_006_138_909_4e4,
    4.926_739_426_086_359e4,
];
pub(crate) const P: [f64; 9] = [
    2.461_969_814_735_305e-10,
    5.641_895_648_310_688e-1,
    7.463_210_564_422_699,
    4.863_719_709_856_814e1,
    1.965_208_329_560_771e2,
    5.264_451_949_954_774e2,
    9.345_285_271_719_576e2,
    1.027_551_886_895_157e3,
    5.575_353_353_693_994e2,
];
pub(crate) const Q: [f64; 9] = [
    1.0,
    1.322_819_511_547_45e1,
    8.670_721_408_859_897e1,
    3.549_377_788_878_199e2,
    9.757_085_017_432_055e2,
    1.823_909_166_879_097_3e3,
    2.246_337_608_187_11e3,
    1.656_663_091_941_613_5e3,
    5.575_353_408_177_277e2,
];

/// Writes `erf x`.
pub(super) fn erf(w: &mut Writer, x: &Val) -> Val {
    let (one, end) = (w.number(1.0), w.number(8.0));
    let size = w.unary("abs", x);
    let inner = w.binary("minimum", &size, &one);
    let square = w.binary("multiply", &inner, &inner);
    let ratio = ratio(w, &T, &U, &square);
    let near = w.binary("multiply", x, &ratio);

    let outer = w.binary("maximum", &size, &one);
    let outer = w.binary("minimum", &outer, &end);
    let square = w.binary("multiply", &outer, &outer);
    let opposite = w.unary("negate", &square);
    let power = w.unary("exponential", &opposite);
    let ratio = self::ratio(w, &P, &Q, &outer);
    let rest = w.binary("multiply", &power, &ratio);
    let far = w.binary("subtract", &one, &rest);
    let sign = w.unary("sign", x);
    let far = w.binary("multiply", &sign, &far);

    let is_near = w.compare("LT", &size, &one);
    w.select(&is_near, &near, &far)
}

fn ratio(w: &mut Writer, above: &[f64], below: &[f64], x: &Val) -> Val {
    let (above, below) = (polynomial(w, above, x), polynomial(w, below, x));
    w.binary("divide", &above, &below)
}

/// Highest power first.
fn polynomial(w: &mut Writer, coefficients: &[f64], x: &Val) -> Val {
    let mut y = w.number(coefficients[0]);
    for &c in &coefficients[1..] {
        let (product, c) = (w.binary("multiply", &y, x), w.number(c));
        y = w.binary("add", &product, &c);
    }
    y
}
