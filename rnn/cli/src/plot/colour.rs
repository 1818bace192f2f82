//! Colours: a sequence for curves, and a scale for heat maps.

/// Colours of curves that are distinct for all kinds of colour blindness and on white (Okabe & Ito 2008, with a
/// darker yellow).
const CURVES: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b8860b", "#222222", "#7f6fbf"];

/// The colour of a curve by index; colours repeat.
pub(super) fn of_curve(number: usize) -> &'static str {
    CURVES[number % CURVES.len()]
}

/// Viridis at ten equal steps (van der Walt & Smith 2015; released to the public domain).
const VIRIDIS: [[u8; 3]; 10] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x28, 0x78],
    [0x3e, 0x49, 0x89],
    [0x31, 0x68, 0x8e],
    [0x26, 0x82, 0x8e],
    [0x1f, 0x9e, 0x89],
    [0x35, 0xb7, 0x79],
    [0x6e, 0xce, 0x58],
    [0xb5, 0xde, 0x2b],
    [0xfd, 0xe7, 0x25],
];

/// An RGB colour for a fraction from 0 (dark violet) to 1 (yellow), perceptually uniform, also in greyscale.
pub fn viridis(share: f64) -> [u8; 3] {
    let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 8
    let left = (at as usize).min(VIRIDIS.len() - 2);
    let part = at - left as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between two bytes
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (VIRIDIS[left], VIRIDIS[left + 1]);
    [mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2])]
}

/// The XML form: `#440154`.
pub(super) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L* of CIE 1976 of an sRGB colour.
    fn lightness(colour: [u8; 3]) -> f64 {
        let linear = colour.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        116.0 * y.cbrt() - 16.0
    }

    #[test]
    fn equal_steps_are_equally_lighter() {
        let l: Vec<f64> = (0..=20).map(|i| lightness(viridis(f64::from(i) / 20.0))).collect();
        let mean = (l[20] - l[0]) / 20.0;
        assert!(l.windows(2).all(|w| (w[1] - w[0]) / mean > 0.6 && (w[1] - w[0]) / mean < 1.4), "{l:?}");
    }

    #[test]
    fn the_ends_are_the_published_ones() {
        assert_eq!(
            [hex(viridis(0.0)), hex(viridis(1.0)), hex(viridis(7.0))],
            ["#440154", "#fde725", "#fde725"]
        );
    }
}
