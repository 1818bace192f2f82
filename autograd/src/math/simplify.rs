//! Formulas put as a person would put them: no `1 · x`, no `x + 0`, `y²` for `y ⊙ y`, what is known before the adjoint
//! that it multiplies, and one adjoint for several of its multiples: `(hₜ₋₁ − nₜ) ⊙ h̄ₜ`.

use super::{Math, Sign, Symbol};

/// A product element by element, taken apart.
#[derive(Clone, Debug)]
struct Chain {
    negative: bool,
    number: f64,
    scalars: Vec<Math>,
    factors: Vec<Math>,
    /// What it is divided by.
    under: Vec<Math>,
}

impl Chain {
    fn of(math: Math) -> Self {
        let mut chain =
            Self { negative: false, number: 1.0, scalars: vec![], factors: vec![], under: vec![] };
        chain.take(math, false);
        chain
    }

    fn take(&mut self, math: Math, scalar: bool) {
        match math {
            Math::Number(n) => {
                self.negative ^= n < 0.0;
                self.number *= n.abs();
            }
            Math::Negative(a) => {
                self.negative = !self.negative;
                self.take(*a, scalar);
            }
            Math::Infix(Sign::Times, a, b) => {
                self.take(*a, true);
                self.take(*b, scalar);
            }
            Math::Infix(Sign::Hadamard, a, b) => {
                self.take(*a, scalar);
                self.take(*b, scalar);
            }
            Math::Fraction(a, b) => {
                self.take(*a, scalar);
                self.under.push(*b);
            }
            leaf if scalar => self.scalars.push(leaf),
            leaf => self.factors.push(leaf),
        }
    }

    fn math(self) -> Math {
        if self.number == 0.0 {
            return Math::Number(0.0);
        }
        let number = Some(Math::Number(self.number)).filter(|number| *number != Math::Number(1.0));
        let scalars: Vec<Math> = number.into_iter().chain(ordered(self.scalars)).collect();
        let product = |sign: Sign| move |a: Math, b: Math| Math::Infix(sign, a.into(), b.into());
        let scalar = scalars.into_iter().reduce(product(Sign::Times));
        let mut factors = ordered(self.factors).into_iter();
        let first = match (scalar, factors.next()) {
            (Some(scalar), Some(factor)) => product(Sign::Times)(scalar, factor),
            (one, other) => one.or(other).unwrap_or(Math::Number(1.0)),
        };
        let over = factors.fold(first, product(Sign::Hadamard));
        let whole = match self.under.into_iter().reduce(product(Sign::Hadamard)) {
            Some(under) => Math::Fraction(over.into(), under.into()),
            None => over,
        };
        if self.negative { Math::Negative(whole.into()) } else { whole }
    }
}

/// Equal factors as powers, and adjoints behind what they are multiplied by.
fn ordered(factors: Vec<Math>) -> Vec<Math> {
    let mut powers: Vec<(Math, i32)> = Vec::new();
    for factor in factors {
        let (base, n) = match factor {
            Math::Power(base, n) if n > 0 => (*base, n),
            other => (other, 1),
        };
        match powers.iter_mut().find(|(known, _)| *known == base) {
            Some((_, power)) => *power += n,
            None => powers.push((base, n)),
        }
    }
    let power = |(base, n): (Math, i32)| if n == 1 { base } else { Math::Power(base.into(), n) };
    let (adjoints, known): (Vec<_>, Vec<_>) = powers.into_iter().map(power).partition(Math::has_adjoint);
    known.into_iter().chain(adjoints).collect()
}

impl Math {
    /// The sum of terms as a person writes it: without zeros, and with what several terms multiply written once.
    pub fn sum(terms: impl IntoIterator<Item = Self>) -> Self {
        sum(terms.into_iter().collect())
    }

    /// Calls a function for every name in the formula, and says whether it is an adjoint, in the order of writing.
    pub fn each_name<'a>(&'a self, see: &mut dyn FnMut(&'a Symbol, bool)) {
        match self {
            Self::Symbol(symbol) => see(symbol, false),
            Self::Adjoint(a) => match &**a {
                Self::Symbol(symbol) => see(symbol, true),
                other => other.each_name(see),
            },
            Self::Number(_) | Self::Ones(_) => {}
            Self::Negative(a)
            | Self::Power(a, _)
            | Self::Root(a)
            | Self::Absolute(a)
            | Self::Transpose(a)
            | Self::Indicator(a)
            | Self::Part(a, ..)
            | Self::Total(a) => a.each_name(see),
            Self::Infix(_, a, b) | Self::Fraction(a, b) => {
                a.each_name(see);
                b.each_name(see);
            }
            Self::Call(_, parts) | Self::Stack(parts) => parts.iter().for_each(|part| part.each_name(see)),
            Self::Cases(cases, otherwise) => {
                for (a, condition) in cases {
                    a.each_name(see);
                    condition.each_name(see);
                }
                otherwise.each_name(see);
            }
        }
    }

    /// Whether an adjoint occurs in it.
    pub(super) fn has_adjoint(&self) -> bool {
        let mut found = false;
        self.each_name(&mut |_, adjoint| found |= adjoint);
        found
    }
}

/// `−a`
pub(super) fn negative(a: Math) -> Math {
    match a {
        Math::Number(n) => Math::Number(0.0 - n),
        Math::Infix(Sign::Plus | Sign::Minus, ..) => sum(vec![Math::Negative(a.into())]),
        a => Chain::of(Math::Negative(a.into())).math(),
    }
}

/// `a ⊙ b`
pub(super) fn hadamard(a: Math, b: Math) -> Math {
    Chain::of(Math::hadamard(a, b)).math()
}

/// `s · a`, s being one number.
pub(super) fn scaled(scalar: Math, a: Math) -> Math {
    Chain::of(Math::Infix(Sign::Times, scalar.into(), a.into())).math()
}

/// `a / b`
pub(super) fn divided(a: Math, b: Math) -> Math {
    if b == Math::Number(1.0) { a } else { Chain::of(Math::Fraction(a.into(), b.into())).math() }
}

/// `A b`; a sign or a number stands before it.
pub(super) fn product(a: Math, b: Math) -> Math {
    let split = |math: Math| {
        let sign = matches!(math, Math::Negative(_) | Math::Number(_) | Math::Infix(Sign::Times, ..));
        if !sign {
            return (false, 1.0, math);
        }
        let chain = Chain::of(math);
        let (negative, number) = (chain.negative, chain.number);
        (negative, number, Chain { negative: false, number: 1.0, ..chain }.math())
    };
    let ((minus_a, n, a), (minus_b, m, b)) = (split(a), split(b));
    let whole = scaled(Math::Number(n * m), Math::product(a, b));
    if minus_a ^ minus_b { negative(whole) } else { whole }
}

/// `aᵀ`
pub(super) fn transposed(a: Math) -> Math {
    match a {
        Math::Transpose(a) => *a,
        Math::Negative(a) => negative(transposed(*a)),
        a => Math::Transpose(a.into()),
    }
}

/// The sum of all: without zeros, several multiples of one adjoint taken together.
pub(super) fn sum(terms: Vec<Math>) -> Math {
    let mut flat = Vec::new();
    terms.into_iter().for_each(|term| flatten(term, false, &mut flat));
    let mut number = 0.0;
    let mut at = None;
    let mut chains: Vec<Chain> = Vec::new();
    for (minus, term) in flat {
        if let Math::Number(n) = term {
            number += if minus { -n } else { n };
            at.get_or_insert(chains.len());
            continue;
        }
        let mut chain = Chain::of(term);
        chain.negative ^= minus;
        if chain.number != 0.0 {
            chains.push(chain);
        }
    }
    let mut signed: Vec<(bool, Math)> =
        gathered(chains).into_iter().map(signed).filter(|(_, a)| *a != Math::Number(0.0)).collect();
    if number != 0.0 {
        let place = at.unwrap_or(0).min(signed.len());
        signed.insert(place, (number < 0.0, Math::Number(number.abs())));
    }
    // What begins with a sign is easily misread.
    if let Some(first) = signed.iter().position(|(minus, _)| !minus) {
        let first = signed.remove(first);
        signed.insert(0, first);
    }
    let mut terms = signed.into_iter();
    let Some((minus, first)) = terms.next() else { return Math::Number(0.0) };
    let first = if minus { negative(first) } else { first };
    terms.fold(first, |all, (minus, a)| if minus { Math::minus(all, a) } else { Math::plus(all, a) })
}

fn flatten(math: Math, minus: bool, to: &mut Vec<(bool, Math)>) {
    match math {
        Math::Infix(Sign::Plus, a, b) => {
            flatten(*a, minus, to);
            flatten(*b, minus, to);
        }
        Math::Infix(Sign::Minus, a, b) => {
            flatten(*a, minus, to);
            flatten(*b, !minus, to);
        }
        Math::Negative(a) => flatten(*a, !minus, to),
        other => to.push((minus, other)),
    }
}

fn signed(math: Math) -> (bool, Math) {
    match math {
        Math::Negative(a) => (true, *a),
        math => (false, math),
    }
}

/// Chains that multiply the same adjoint, as one: `a ⊙ x̄ + b ⊙ x̄` is `(a + b) ⊙ x̄`.
fn gathered(chains: Vec<Chain>) -> Vec<Math> {
    let adjoint = |chain: &Chain| {
        let mut adjoints = chain.factors.iter().filter(|a| a.has_adjoint());
        let one = adjoints.next().cloned().filter(|_| adjoints.next().is_none());
        one.filter(|_| !chain.scalars.iter().chain(&chain.under).any(Math::has_adjoint))
    };
    let mut groups: Vec<(Option<Math>, Vec<Chain>)> = Vec::new();
    for chain in chains {
        let of = adjoint(&chain);
        match groups.iter_mut().find(|(known, _)| known.is_some() && *known == of) {
            Some((_, members)) => members.push(chain),
            None => groups.push((of, vec![chain])),
        }
    }
    let whole = |(of, members): (Option<Math>, Vec<Chain>)| match of {
        Some(of) if members.len() > 1 => {
            let without = |chain: Chain| {
                let factors = chain.factors.into_iter().filter(|a| *a != of).collect();
                Chain { factors, ..chain }.math()
            };
            let coefficient = sum(members.into_iter().map(without).collect());
            // A sum of numbers is one number.
            if matches!(coefficient, Math::Number(_)) {
                scaled(coefficient, of)
            } else {
                hadamard(coefficient, of)
            }
        }
        _ => {
            let mut members = members.into_iter().map(Chain::math);
            members.next().unwrap_or(Math::Number(0.0))
        }
    };
    groups.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Form, Line};

    fn s(name: &str) -> Math {
        Symbol::of(name).into()
    }

    fn bar(name: &str) -> Math {
        Math::Adjoint(Symbol::of(name).into())
    }

    #[track_caller]
    fn reads(math: Math, text: &str) {
        let line = Form::Unicode.write(&[Line { left: s("y"), right: math }]);
        assert_eq!(line.trim_end(), format!("y = {text}"));
    }

    #[test]
    fn products() {
        reads(hadamard(Math::Number(1.0), s("x")), "x");
        reads(hadamard(s("x"), Math::Number(0.0)), "0");
        reads(hadamard(bar("x"), hadamard(s("y"), s("y"))), "y² ⊙ x̄");
        reads(hadamard(negative(bar("x")), negative(s("y"))), "y ⊙ x̄");
        reads(negative(divided(hadamard(bar("x"), s("y")), s("b"))), "−(y ⊙ x̄ / b)");
        reads(product(s("W"), negative(s("x"))), "−W x");
        reads(product(negative(bar("x")), transposed(scaled(Math::Number(2.0), s("x")))), "−x̄ (2 · x)ᵀ");
    }

    #[test]
    fn sums() {
        reads(sum(vec![Math::Number(0.0), s("x"), negative(s("x"))]), "x − x");
        reads(sum(vec![negative(s("n")), s("h")]), "h − n");
        reads(sum(vec![negative(hadamard(s("n"), bar("h"))), hadamard(bar("h"), s("k"))]), "(k − n) ⊙ h̄");
        reads(sum(vec![bar("h"), hadamard(bar("h"), s("k"))]), "(1 + k) ⊙ h̄");
        reads(sum(vec![bar("h"), bar("h")]), "2 · h̄");
        reads(Math::minus(s("a"), sum(vec![s("b"), s("c")])), "a − (b + c)");
        reads(negative(Math::minus(s("a"), s("b"))), "b − a");
    }
}
