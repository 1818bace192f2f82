//! Sizes: `a·input + b·hidden + c` with rational a, b and c.

use std::fmt;

/// A fraction in lowest terms, its denominator positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    over: i64,
    under: i64,
}

impl Ratio {
    const ZERO: Self = Self { over: 0, under: 1 };

    /// `None` for a zero denominator, and for numbers beyond those of sizes.
    pub fn new(over: i64, under: i64) -> Option<Self> {
        const LARGEST: i64 = 1 << 30;
        if under == 0 {
            return None;
        }
        let gcd = gcd(over.unsigned_abs(), under.unsigned_abs()).max(1).cast_signed();
        let sign = under.signum();
        let (over, under) = (sign * over / gcd, sign * under / gcd);
        (over.abs() < LARGEST && under < LARGEST).then_some(Self { over, under })
    }

    fn plus(self, b: Self) -> Option<Self> {
        Self::new(self.over * b.under + b.over * self.under, self.under * b.under)
    }

    fn times(self, b: Self) -> Option<Self> {
        Self::new(self.over * b.over, self.under * b.under)
    }

    fn inverse(self) -> Option<Self> {
        Self::new(self.under, self.over)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `input · a + hidden · b + c`. Two sizes are equal if these three are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    input: Ratio,
    hidden: Ratio,
    number: Ratio,
}

impl Size {
    /// The size of the input.
    pub const INPUT: Self = Self { input: ONE, hidden: Ratio::ZERO, number: Ratio::ZERO };
    /// The hidden size.
    pub const HIDDEN: Self = Self { input: Ratio::ZERO, hidden: ONE, number: Ratio::ZERO };

    /// A whole number.
    pub fn number(n: i64) -> Option<Self> {
        Some(Self { input: Ratio::ZERO, hidden: Ratio::ZERO, number: Ratio::new(n, 1)? })
    }

    /// The sum of two sizes.
    pub fn plus(self, b: Self) -> Option<Self> {
        Some(Self {
            input: self.input.plus(b.input)?,
            hidden: self.hidden.plus(b.hidden)?,
            number: self.number.plus(b.number)?,
        })
    }

    /// The product of two sizes, of which one is a number.
    pub fn times(self, b: Self) -> Option<Self> {
        match (self.as_number(), b.as_number()) {
            (Some(k), _) => b.scaled(k),
            (_, Some(k)) => self.scaled(k),
            _ => None,
        }
    }

    /// The quotient of a size and a number.
    pub fn over(self, b: Self) -> Option<Self> {
        self.scaled(b.as_number()?.inverse()?)
    }

    /// The negation.
    pub fn negative(self) -> Option<Self> {
        self.scaled(Ratio::new(-1, 1)?)
    }

    /// The size under `require input = hidden`.
    pub fn joined(self) -> Option<Self> {
        Some(Self { input: Ratio::ZERO, hidden: self.hidden.plus(self.input)?, ..self })
    }

    /// The number of features for an input and a hidden size; `None` if it is not a whole number from 1 to a million.
    pub fn features(self, input: usize, hidden: usize) -> Option<usize> {
        let of = |n: usize| Ratio::new(i64::try_from(n).ok()?, 1);
        let sum = self.input.times(of(input)?)?.plus(self.hidden.times(of(hidden)?)?)?.plus(self.number)?;
        if sum.under == 1 && (1..=1_000_000).contains(&sum.over) {
            usize::try_from(sum.over).ok()
        } else {
            None
        }
    }

    /// Its value, if it does not depend on the input and hidden sizes.
    pub fn count(self) -> Option<usize> {
        let number = self.as_number()?;
        if number.under == 1 { usize::try_from(number.over).ok() } else { None }
    }

    /// Whether it depends on the input's size.
    pub fn reads_input(self) -> bool {
        self.input != Ratio::ZERO
    }

    fn as_number(self) -> Option<Ratio> {
        (self.input == Ratio::ZERO && self.hidden == Ratio::ZERO).then_some(self.number)
    }

    fn scaled(self, k: Ratio) -> Option<Self> {
        let (input, hidden) = (self.input.times(k)?, self.hidden.times(k)?);
        Some(Self { input, hidden, number: self.number.times(k)? })
    }
}

const ONE: Ratio = Ratio { over: 1, under: 1 };

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut first = true;
        for (k, name) in [(self.input, "input"), (self.hidden, "hidden"), (self.number, "")] {
            if k == Ratio::ZERO {
                continue;
            }
            let sign = match (first, k.over < 0) {
                (true, false) => "",
                (true, true) => "-",
                (false, false) => " + ",
                (false, true) => " - ",
            };
            f.write_str(sign)?;
            first = false;
            match (name, k.over.abs(), k.under) {
                ("", n, 1) => write!(f, "{n}")?,
                ("", n, d) => write!(f, "{n}/{d}")?,
                (name, 1, 1) => f.write_str(name)?,
                (name, 1, d) => write!(f, "{name}/{d}")?,
                (name, n, 1) => write!(f, "{n}·{name}")?,
                (name, n, d) => write!(f, "{n}·{name}/{d}")?,
            }
        }
        if first { f.write_str("0") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_compared_by_value() {
        let two = Size::number(2).unwrap();
        let half = Size::HIDDEN.over(two).unwrap();
        assert_eq!(half.plus(half), Some(Size::HIDDEN));
        assert_eq!(two.times(half), Some(Size::HIDDEN));
        assert_eq!((half.features(3, 8), half.features(3, 7)), (Some(4), None));
        assert_eq!(half.plus(Size::INPUT).unwrap().to_string(), "input + hidden/2");
        assert_eq!(Size::HIDDEN.times(Size::HIDDEN), None);
        assert_eq!(Size::HIDDEN.over(Size::number(0).unwrap()), None);
    }
}
