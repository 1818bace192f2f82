//! The usual mistakes behind a wrong gradient, in words.
//!
//! For a graph they explain what one node sends back (`locate/hint.rs`); for a function that is no graph, one array of
//! the gradient (`closure/hint.rs`).

use std::fmt;

/// The likely mistake behind a wrong adjoint, or behind one array of a wrong gradient.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Hint {
    /// It is not finite.
    NotFinite,
    /// It has the wrong sign.
    Sign,
    /// It is a multiple of the correct one.
    Factor(f64),
    /// It is zero, and should not be.
    Zero,
    /// One of several terms is missing from the sum.
    Missing,
    /// One of several terms is counted twice.
    Twice,
    /// A mean instead of a sum: too small by the number of elements.
    Mean(usize),
    /// A sum instead of a mean: too large by the number of elements.
    Sum(usize),
    /// It is transposed.
    Transposed,
    /// Its elements are in the order of their columns, and are read by rows, or the reverse.
    Layout,
    /// It is reversed along this axis.
    Reversed(usize),
    /// Along this axis, everything is this many places too far.
    Displaced(usize, isize),
    /// Along this axis there are this many blocks of equal length, and these two are exchanged.
    Exchanged(usize, usize, [usize; 2]),
    /// It is the gradient of another parameter.
    Other(String),
    /// What is given for another parameter would be right here.
    Misplaced(String),
    /// It lacks this function of the parameter x as a factor, as of a chain rule.
    Chain(&'static str),
    /// It lacks this multiple of the parameter itself, as of a penalty; if negative, it has that much too much.
    Penalty(f64),
    /// Every element is off by this number.
    Offset(f64),
    /// It is the absolute value of the correct one.
    Absolute,
    /// Elements beyond this size are clipped to it.
    Clipped(f64),
    /// Its error has this rank, of so much that a matrix of its shape can have.
    Terms(usize, usize),
    /// Its error is one column up to a factor, the same as those of others, or that column times a row.
    Step,
    /// It belongs to another time step, this many later.
    Shifted(i64),
    /// It belongs to another operand of the same op.
    WrongOperand(usize),
    /// A row, along the first axis of the op's result, is missing.
    RowSkipped(usize),
    /// Only one row counts: the sum over a broadcast axis is missing.
    NotSummed,
    /// A single element is wrong.
    OneElement,
    /// Unknown.
    Unknown,
}

impl Hint {
    /// One word for programs, or a few.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFinite => "not finite",
            Self::Sign => "sign",
            Self::Factor(_) => "factor",
            Self::Zero => "zero",
            Self::Missing => "missing accumulation",
            Self::Twice => "counted twice",
            Self::Mean(_) => "mean for sum",
            Self::Sum(_) => "sum for mean",
            Self::Transposed => "transposed",
            Self::Layout => "layout",
            Self::Reversed(_) => "reversed",
            Self::Displaced(..) => "displaced",
            Self::Exchanged(..) => "exchanged blocks",
            Self::Other(_) => "other parameter",
            Self::Misplaced(_) => "misplaced",
            Self::Chain(_) => "chain rule",
            Self::Penalty(_) => "penalty",
            Self::Offset(_) => "offset",
            Self::Absolute => "absolute value",
            Self::Clipped(_) => "clipped",
            Self::Terms(..) => "some terms",
            Self::Step => "one step",
            Self::Shifted(_) => "shifted in time",
            Self::WrongOperand(_) => "wrong operand",
            Self::RowSkipped(_) => "row skipped",
            Self::NotSummed => "broadcast not summed",
            Self::OneElement => "one element",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it needs no axes to be told.
    pub(super) fn is_of_any_array(&self) -> bool {
        matches!(
            self,
            Self::NotFinite
                | Self::Sign
                | Self::Factor(_)
                | Self::Zero
                | Self::Mean(_)
                | Self::Sum(_)
                | Self::Transposed
        )
    }

    /// Whether two hints agree, up to rounding.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64, unit: f64| (a - b).abs() <= 1e-4 * unit.abs().max(1e-9);
        match (self, other) {
            (Self::Factor(a), Self::Factor(b)) => near(*a, *b, a - 1.0),
            (Self::Penalty(a), Self::Penalty(b))
            | (Self::Offset(a), Self::Offset(b))
            | (Self::Clipped(a), Self::Clipped(b)) => near(*a, *b, *a),
            (a, b) => a == b,
        }
    }
}

/// A number without the zeros that say nothing: 0.5, 1.0001, 3.2e-9.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(x) = *self;
        if x != 0.0 && !(1e-3..1e7).contains(&x.abs()) {
            let text = format!("{x:.6e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            return write!(f, "{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
        }
        let text = format!("{x:.7}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A factor: beside 1, what it is apart, as in 1 + 2e-9.
struct Times(f64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(x) = *self;
        if (f64::EPSILON..1e-5).contains(&(x - 1.0).abs()) {
            let sign = if x > 1.0 { '+' } else { '−' };
            return write!(f, "1 {sign} {:.0e}", (x - 1.0).abs());
        }
        Short(x).fmt(f)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("it is not finite"),
            Self::Sign => f.write_str("the sign is wrong"),
            Self::Factor(factor) => write!(f, "{} times what it should be", Times(*factor)),
            Self::Zero => f.write_str("it is zero, and should not be"),
            Self::Missing => f.write_str("missing accumulation: this term is not in the sum"),
            Self::Twice => f.write_str("this term of the sum is counted twice"),
            Self::Mean(n) => write!(f, "1/{n} of what it should be, and {n} is a number of elements: a mean for a sum?"),
            Self::Sum(n) => {
                write!(f, "{n} times what it should be, and {n} is a number of elements: a sum for a mean?")
            }
            Self::Transposed => f.write_str("transposed"),
            Self::Layout => f.write_str("its numbers are right, and in another order: columns first for rows first"),
            Self::Reversed(axis) => write!(f, "reversed along axis {axis}"),
            Self::Displaced(axis, by) => write!(f, "shifted by {by:+} along axis {axis}"),
            Self::Exchanged(axis, blocks, [a, b]) => {
                write!(f, "of {blocks} blocks along axis {axis}, {a} and {b} (from 0) are exchanged")
            }
            Self::Other(name) => write!(f, "it is the gradient of `{name}`"),
            Self::Misplaced(name) => write!(f, "what is given for `{name}` would be right here"),
            Self::Chain(factor) => write!(f, "it lacks the factor {factor} of the parameter x, as of a chain rule"),
            Self::Penalty(factor) if *factor < 0.0 => {
                write!(f, "it has {} times the parameter too much: a penalty that the loss lacks?", Short(-factor))
            }
            Self::Penalty(factor) => {
                write!(f, "it lacks {} times the parameter: a penalty that the loss has?", Short(*factor))
            }
            Self::Offset(by) => write!(f, "every element is off by {}", Short(*by)),
            Self::Absolute => f.write_str("it is the absolute value of what it should be"),
            Self::Clipped(at) => write!(f, "clipped: no element is beyond {}", Short(*at)),
            Self::Terms(1, of) => {
                write!(f, "its error has rank 1 of {of}: one column times one row, as one step of one sequence adds")
            }
            Self::Terms(rank, of) => write!(
                f,
                "its error has rank {rank} of {of}: {rank} columns times rows, as {rank} steps of one sequence add"
            ),
            Self::Step => f.write_str(
                "its error is the same column up to a factor, or that column times a row, as one step of one sequence adds",
            ),
            Self::Shifted(by) => write!(f, "shifted in time: it is that of the step {by:+}"),
            Self::WrongOperand(k) => write!(f, "wrong operand: it is what belongs to operand {k}"),
            Self::RowSkipped(row) => write!(f, "row {row} is left out"),
            Self::NotSummed => f.write_str("broadcast not summed: only one row counts"),
            Self::OneElement => f.write_str("this element alone is off"),
            Self::Unknown => f.write_str("no usual mistake looks like this"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_without_zeros_that_say_nothing() {
        for (x, text) in
            [(0.5, "0.5"), (5.0, "5"), (1.0001, "1.0001"), (-3.2e-9, "-3.2e-9"), (2e8, "2e8"), (0.0, "0")]
        {
            assert_eq!(Short(x).to_string(), text);
            assert_eq!(Times(x).to_string(), text);
        }
        // Beside 1 a factor tells its error, and what is no factor does not.
        for (x, factor, number) in [(1.0 + 2e-9, "1 + 2e-9", "1"), (1.0 - 3e-6, "1 − 3e-6", "0.999997")] {
            assert_eq!((&*Times(x).to_string(), &*Short(x).to_string()), (factor, number));
        }
    }
}
