//! Traversal and substitution of formulas.

use super::{Math, Symbol};

impl Math {
    /// The subformulas, in writing order; the name under a bar and the label of a part are excluded.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Symbol(_) | Self::Ones(_) | Self::Adjoint(_) => Vec::new(),
            Self::Negative(a)
            | Self::Power(a, _)
            | Self::Root(a)
            | Self::Absolute(a)
            | Self::Transpose(a)
            | Self::Indicator(a)
            | Self::Total(a)
            | Self::Part(a, ..) => vec![a],
            Self::Infix(_, a, b) | Self::Fraction(a, b) => vec![a, b],
            Self::Call(_, parts) | Self::Stack(parts) => parts.iter().collect(),
            Self::Cases(cases, otherwise) => {
                cases.iter().flat_map(|(a, condition)| [a, condition]).chain([&**otherwise]).collect()
            }
        }
    }

    /// Substitutes subformulas for which `other` returns a replacement, outermost first.
    #[must_use]
    pub fn exchanged(&self, other: &dyn Fn(&Self) -> Option<Self>) -> Self {
        if let Some(other) = other(self) {
            return other;
        }
        let of = |a: &Self| a.exchanged(other);
        let boxed = |a: &Self| Box::new(of(a));
        match self {
            Self::Number(_) | Self::Symbol(_) | Self::Ones(_) | Self::Adjoint(_) => self.clone(),
            Self::Negative(a) => Self::Negative(boxed(a)),
            Self::Power(a, n) => Self::Power(boxed(a), *n),
            Self::Root(a) => Self::Root(boxed(a)),
            Self::Absolute(a) => Self::Absolute(boxed(a)),
            Self::Transpose(a) => Self::Transpose(boxed(a)),
            Self::Indicator(a) => Self::Indicator(boxed(a)),
            Self::Total(a) => Self::Total(boxed(a)),
            Self::Part(a, label, rows) => Self::Part(boxed(a), boxed(label), rows.clone()),
            Self::Infix(sign, a, b) => Self::Infix(*sign, boxed(a), boxed(b)),
            Self::Fraction(a, b) => Self::Fraction(boxed(a), boxed(b)),
            Self::Call(function, parts) => Self::Call(function.clone(), parts.iter().map(of).collect()),
            Self::Stack(parts) => Self::Stack(parts.iter().map(of).collect()),
            Self::Cases(cases, otherwise) => {
                Self::Cases(cases.iter().map(|(a, c)| (of(a), of(c))).collect(), boxed(otherwise))
            }
        }
    }

    /// Visits every name in the formula, in writing order; the flag tells whether it is an adjoint.
    pub fn each_name<'a>(&'a self, see: &mut dyn FnMut(&'a Symbol, bool)) {
        match self {
            Self::Symbol(symbol) => see(symbol, false),
            Self::Adjoint(a) => match &**a {
                Self::Symbol(symbol) => see(symbol, true),
                other => other.each_name(see),
            },
            other => other.children().into_iter().for_each(|child| child.each_name(see)),
        }
    }

    /// Whether an adjoint occurs in it.
    pub(super) fn has_adjoint(&self) -> bool {
        let mut found = false;
        self.each_name(&mut |_, adjoint| found |= adjoint);
        found
    }
}
