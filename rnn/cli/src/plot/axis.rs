//! An axis: maps a range of values to a range of the picture, with ticks.

use super::scale::Scale;

/// Maps a range of values to a range of the picture.
pub(super) struct Axis {
    scale: Scale,
    ticks: Vec<f64>,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that contains the values, from position `from` to position `to` in the picture.
    pub fn over(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = scale.range(values);
        let most = if scale == Scale::Linear { 5 } else { 7 };
        let ticks = scale.ticks(low, high, most);
        // Along x, values may start and end between ticks; along y the picture ends at ticks.
        let upright = to < from;
        let (low, high) = if upright { (ticks[0], ticks[ticks.len() - 1]) } else { (low, high) };
        // The outermost powers of ten may overflow.
        let (low, high) =
            if scale.holds(low) && low < high { (low, high) } else { scale.range([low].into_iter()) };
        Self { scale, ticks, low, high, from, to }
    }

    /// The position of a value in the picture.
    pub fn place(&self, value: f64) -> f64 {
        self.from + self.scale.share(value, self.low, self.high) * (self.to - self.from)
    }

    /// Whether a value is on the axis.
    pub fn holds(&self, value: f64) -> bool {
        self.scale.holds(value)
    }

    /// Positions and labels of the visible ticks.
    pub fn marks(&self) -> Vec<(f64, Label)> {
        let slack = 1e-9;
        let inside =
            |tick: &&f64| (-slack..=1.0 + slack).contains(&self.scale.share(**tick, self.low, self.high));
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let label = |tick: f64| match self.scale {
            Scale::Log if self.high / self.low >= 1e3 => Label::power(tick),
            Scale::Log => Label::short(tick),
            Scale::Decades if self.high - self.low >= 3.0 => Label::decade(tick),
            Scale::Decades => Label::short(10_f64.powf(tick)),
            Scale::Linear => Label::plain(tick, step),
        };
        self.ticks.iter().filter(inside).map(|&tick| (self.place(tick), label(tick))).collect()
    }
}

/// The label of a tick: a number, possibly with a superscript exponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// The number, or its base.
    pub base: String,
    /// The exponent.
    pub exponent: Option<String>,
}

impl Label {
    /// A number with enough digits to distinguish values `step` apart.
    pub fn plain(value: f64, step: f64) -> Self {
        let value = if value.abs() < 1e-9 * step { 0.0 } else { value };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and not negative
        let digits = (-step.log10().floor() + 1e-9).max(0.0) as usize;
        let text = if digits > 6 || value.abs() >= 1e7 {
            format!("{value:.2e}")
        } else {
            format!("{value:.digits$}")
        };
        Self { base: text.replace('-', "−"), exponent: None }
    }

    /// A number in its shortest form.
    pub fn short(value: f64) -> Self {
        let near = |digits: &usize| {
            let text = format!("{value:.digits$}");
            text.parse::<f64>().is_ok_and(|read| (read - value).abs() <= 1e-9 * value.abs())
        };
        match (0..=6).find(near).filter(|_| value.abs() < 1e7) {
            Some(digits) => Self { base: format!("{value:.digits$}").replace('-', "−"), exponent: None },
            None => Self { base: format!("{value:.1e}").replace('-', "−"), exponent: None },
        }
    }

    /// A power of ten: 1, 10, or with an exponent.
    pub fn power(value: f64) -> Self {
        Self::decade(value.log10())
    }

    /// The power of ten with that logarithm.
    pub fn decade(log: f64) -> Self {
        let exponent = match log.round() {
            0.0 => return Self { base: "1".into(), exponent: None },
            1.0 => return Self { base: "10".into(), exponent: None },
            e => format!("{e:.0}").replace('-', "−"),
        };
        Self { base: "10".into(), exponent: Some(exponent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(scale: Scale, low: f64, high: f64) -> String {
        let axis = Axis::over(scale, [low, high].into_iter(), 100.0, 0.0);
        let text = |label: Label| match label.exponent {
            Some(exponent) => format!("{}^{exponent}", label.base),
            None => label.base,
        };
        axis.marks().into_iter().map(|(_, label)| text(label)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        let linear = |low, high| ticks(Scale::Linear, low, high);
        assert_eq!(linear(0.0, 10.0), "0 2 4 6 8 10");
        assert_eq!(linear(0.13, 0.98), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(linear(-3.1, 2.0), "−4 −2 0 2");
        assert_eq!(linear(4120.0, 4980.0), "4000 4200 4400 4600 4800 5000");
        assert_eq!(linear(1.5e-4, 3.5e-4), "0.00015 0.00020 0.00025 0.00030 0.00035");
        assert_eq!(linear(3.0, 3.0), "1 2 3 4 5", "one value has room on both sides");
    }

    #[test]
    fn powers_of_ten_have_exponents_and_few_decades_plain_numbers() {
        assert_eq!(ticks(Scale::Log, 3e-5, 4.0), "10^−5 10^−4 10^−3 10^−2 10^−1 1 10");
        assert_eq!(ticks(Scale::Log, 0.3, 12.0), "0.2 0.5 1 2 5 10 20");
        assert_eq!(
            ticks(Scale::Log, 1e-320, 1.0).split(' ').next_back(),
            Some("1"),
            "beyond the normal numbers"
        );
    }

    #[test]
    fn the_ends_of_the_range_are_the_ends_of_the_picture() {
        let axis = Axis::over(Scale::Linear, [10.0, 20.0].into_iter(), 50.0, 150.0);
        let near = |(value, place): &(f64, f64)| (axis.place(*value) - place).abs() < 1e-9;
        assert!([(10.0, 50.0), (15.0, 100.0), (20.0, 150.0)].iter().all(near));
    }
}
