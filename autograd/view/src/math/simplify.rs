//! Simplifies formulas: no `1 · x`, no `x + 0`, `y²` for `y ⊙ y`, known factors before the adjoint that they
//! multiply, and a common adjoint factored out: `(hₜ₋₁ − nₜ) ⊙ h̄ₜ`.

use super::{Math, Sign};

/// An elementwise product as a list of factors.
#[derive(Clone, Debug)]
struct Chain {
    negative: bool,
    over: Factors,
    /// The divisor.
    under: Factors,
}

/// A number, scalar symbols, and vectors.
#[derive(Clone, Debug, PartialEq)]
struct Factors {
    number: f64,
    scalars: Vec<Math>,
    vectors: Vec<Math>,
}

impl Factors {
    fn new() -> Self {
        Self { number: 1.0, scalars: Vec::new(), vectors: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &Math> {
        self.scalars.iter().chain(&self.vectors)
    }

    /// The product; `None` for 1.
    fn math(self) -> Option<Math> {
        let number = Some(Math::Number(self.number)).filter(|number| *number != Math::Number(1.0));
        let scalars: Vec<Math> = number.into_iter().chain(ordered(self.scalars)).collect();
        let product = |sign: Sign| move |a: Math, b: Math| Math::Infix(sign, a.into(), b.into());
        let scalar = scalars.into_iter().reduce(product(Sign::Times));
        let mut vectors = ordered(self.vectors).into_iter();
        let first = match (scalar, vectors.next()) {
            (Some(scalar), Some(vector)) => product(Sign::Times)(scalar, vector),
            (one, other) => one.or(other)?,
        };
        Some(vectors.fold(first, product(Sign::Hadamard)))
    }
}

impl Chain {
    fn of(math: Math) -> Self {
        let mut chain = Self { negative: false, over: Factors::new(), under: Factors::new() };
        chain.take(math, false, false);
        chain
    }

    fn take(&mut self, math: Math, scalar: bool, under: bool) {
        let side = if under { &mut self.under } else { &mut self.over };
        match math {
            Math::Number(n) => {
                self.negative ^= n < 0.0;
                side.number *= n.abs();
            }
            Math::Negative(a) => {
                self.negative = !self.negative;
                self.take(*a, scalar, under);
            }
            Math::Infix(Sign::Times, a, b) => {
                self.take(*a, true, under);
                self.take(*b, scalar, under);
            }
            Math::Infix(Sign::Hadamard, a, b) => {
                self.take(*a, scalar, under);
                self.take(*b, scalar, under);
            }
            Math::Fraction(a, b) => {
                self.take(*a, scalar, under);
                self.take(*b, scalar, !under);
            }
            leaf if scalar => side.scalars.push(leaf),
            leaf => side.vectors.push(leaf),
        }
    }

    fn math(mut self) -> Math {
        if self.over.number == 0.0 {
            return Math::Number(0.0);
        }
        // 2 x / 2 y is x / y.
        let whole = self.over.number / self.under.number;
        if whole.fract() == 0.0 {
            (self.over.number, self.under.number) = (whole, 1.0);
        }
        let over = self.over.math().unwrap_or(Math::Number(1.0));
        let whole = match self.under.math() {
            Some(under) => Math::Fraction(over.into(), under.into()),
            None => over,
        };
        if self.negative { Math::Negative(whole.into()) } else { whole }
    }

    /// The scalar factors, and the rest.
    fn split(self, is_number: &dyn Fn(&Math) -> bool) -> (Self, Math) {
        let halves = |factors: Factors| {
            let (numbers, vectors) = factors.vectors.into_iter().partition(is_number);
            let scalars = factors.scalars.into_iter().chain::<Vec<Math>>(numbers).collect();
            (Factors { scalars, vectors: Vec::new(), ..factors }, Factors { vectors, ..Factors::new() })
        };
        let ((over, over_rest), (under, under_rest)) = (halves(self.over), halves(self.under));
        let rest = Self { negative: false, over: over_rest, under: under_rest };
        (Self { negative: self.negative, over, under }, rest.math())
    }
}

/// Equal factors as powers, and adjoints after their factors.
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
    /// A simplified sum: without zeros, and with common factors written once.
    pub fn sum(terms: impl IntoIterator<Item = Self>) -> Self {
        sum(terms.into_iter().collect())
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

/// `s · a` for a scalar s.
pub(super) fn scaled(scalar: Math, a: Math) -> Math {
    Chain::of(Math::Infix(Sign::Times, scalar.into(), a.into())).math()
}

/// `a / b`
pub(super) fn divided(a: Math, b: Math) -> Math {
    if b == Math::Number(1.0) { a } else { Chain::of(Math::Fraction(a.into(), b.into())).math() }
}

/// `s t` for two scalars.
pub(super) fn numbers(s: Math, t: Math) -> Math {
    scaled(Math::Infix(Sign::Times, s.into(), t.into()), Math::Number(1.0))
}

/// `a / s` for a scalar s.
pub(super) fn shared(a: Math, s: Math) -> Math {
    scaled(Math::Fraction(Math::Number(1.0).into(), s.into()), a)
}

/// A function that is linear in its vector: scalar factors move in front.
pub(super) fn linear(function: &str, a: Math, is_number: &dyn Fn(&Math) -> bool) -> Math {
    let (outside, inside) = Chain::of(a).split(is_number);
    // Deviations from a mean add up to zero.
    if let Math::Infix(Sign::Minus, v, mean) = &inside
        && **mean == Math::Call("mean".into(), vec![(**v).clone()])
    {
        return Math::Number(0.0);
    }
    scaled(outside.math(), Math::Call(function.into(), vec![inside]))
}

/// A selection between multiples of one factor becomes that factor times a selection between scalars.
pub(super) fn choice(cases: Vec<(Math, Math)>, otherwise: Math) -> Math {
    let split = |math: &Math| {
        let mut chain = Chain::of(math.clone());
        let number = if chain.negative { -chain.over.number } else { chain.over.number };
        (chain.negative, chain.over.number) = (false, 1.0);
        (number, chain.math())
    };
    let values: Vec<(f64, Math)> = cases.iter().map(|(a, _)| a).chain([&otherwise]).map(split).collect();
    let mut things = values.iter().filter(|(number, _)| *number != 0.0).map(|(_, thing)| thing);
    let first = things.next().filter(|thing| thing.has_adjoint()).cloned();
    let Some(thing) = first.filter(|first| things.all(|thing| thing == first)) else {
        return Math::Cases(cases, otherwise.into());
    };
    let mut numbers = values.into_iter().map(|(number, _)| Math::Number(number));
    let conditions = cases.into_iter().map(|(_, condition)| condition);
    let cases = conditions.zip(numbers.by_ref()).map(|(condition, number)| (number, condition)).collect();
    let otherwise = numbers.next().unwrap_or(Math::Number(0.0));
    hadamard(Math::Cases(cases, otherwise.into()), thing)
}

/// `A b`; a sign or a scalar moves in front.
pub(super) fn product(a: Math, b: Math) -> Math {
    let split = |math: Math| {
        let signed = matches!(math, Math::Negative(_) | Math::Number(_) | Math::Infix(Sign::Times, ..));
        if !signed {
            return (false, 1.0, math);
        }
        let mut chain = Chain::of(math);
        let (negative, number) = (chain.negative, chain.over.number);
        (chain.negative, chain.over.number) = (false, 1.0);
        (negative, number, chain.math())
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

/// The sum of all terms: without zeros, with a common adjoint factored out.
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
        if chain.over.number != 0.0 {
            chains.push(chain);
        }
    }
    let mut signed: Vec<(bool, Math)> =
        gathered(chains).into_iter().map(signed).filter(|(_, a)| *a != Math::Number(0.0)).collect();
    if number != 0.0 {
        let place = at.unwrap_or(0).min(signed.len());
        signed.insert(place, (number < 0.0, Math::Number(number.abs())));
    }
    // A leading sign is easily misread.
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

/// Factors out a common adjoint: `a ⊙ x̄ + b ⊙ x̄` is `(a + b) ⊙ x̄`; then a common divisor: `a / s − b / s` is `(a −
/// b) / s`.
fn gathered(chains: Vec<Chain>) -> Vec<Math> {
    let adjoint = |chain: &Chain| {
        let mut adjoints = chain.over.vectors.iter().filter(|a| a.has_adjoint());
        let one = adjoints.next().cloned().filter(|_| adjoints.next().is_none());
        one.filter(|_| !chain.over.scalars.iter().chain(chain.under.all()).any(Math::has_adjoint))
    };
    let multiples = |of: &Math, members: Vec<Chain>| {
        let without = |mut chain: Chain| {
            chain.over.vectors.retain(|a| a != of);
            chain.math()
        };
        let coefficient = sum(members.into_iter().map(without).collect());
        // A sum of scalars is a scalar.
        let whole = if matches!(coefficient, Math::Number(_)) { scaled } else { hadamard };
        whole(coefficient, of.clone())
    };
    let divisor = |chain: &Chain| Some(chain.under.clone()).filter(|under| *under != Factors::new());
    let quotients = |under: &Factors, members: Vec<Chain>| {
        let over = |chain: Chain| Chain { under: Factors::new(), ..chain }.math();
        let over = sum(members.into_iter().map(over).collect());
        let mut chain = Chain::of(over);
        chain.under = under.clone();
        chain.math()
    };
    let once = grouped(chains, adjoint, multiples);
    let once: Vec<Chain> = once.into_iter().map(Chain::of).collect();
    // A long sum reads better term by term.
    if once.len() > 3 {
        once.into_iter().map(Chain::math).collect()
    } else {
        grouped(once, divisor, quotients)
    }
}

/// Merges terms with the same key into one formula, at the position of the first.
fn grouped<K: PartialEq>(
    chains: Vec<Chain>,
    key: impl Fn(&Chain) -> Option<K>,
    together: impl Fn(&K, Vec<Chain>) -> Math,
) -> Vec<Math> {
    let mut groups: Vec<(Option<K>, Vec<Chain>)> = Vec::new();
    for chain in chains {
        let of = key(&chain);
        match groups.iter_mut().find(|(known, _)| known.is_some() && *known == of) {
            Some((_, members)) => members.push(chain),
            None => groups.push((of, vec![chain])),
        }
    }
    let whole = |(of, mut members): (Option<K>, Vec<Chain>)| match (of, members.len()) {
        (_, 1) => members.remove(0).math(),
        (Some(of), _) => together(&of, members),
        (None, _) => sum(members.into_iter().map(Chain::math).collect()),
    };
    groups.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Form, Line, Symbol};

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
        let cases = vec![(bar("x"), s("p")), (scaled(Math::Number(0.5), negative(bar("x"))), s("q"))];
        reads(choice(cases, Math::Number(0.0)), "{1 if p, −0.5 if q, 0 otherwise} ⊙ x\u{304}");
        reads(negative(divided(hadamard(bar("x"), s("y")), s("b"))), "−y ⊙ x\u{304} / b");
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
        let over = |a: Math| divided(a, s("s"));
        reads(
            sum(vec![over(hadamard(s("a"), bar("x"))), negative(over(bar("x")))]),
            "(a − 1) ⊙ x\u{304} / s",
        );
        reads(sum(vec![over(bar("x")), negative(over(bar("y")))]), "(x\u{304} − y\u{304}) / s");
        let is_number = |math: &Math| *math == s("s");
        let deviation = Math::minus(s("v"), Math::Call("mean".into(), vec![s("v")]));
        reads(linear("sum", scaled(s("s"), deviation), &is_number), "0");
        reads(linear("sum", negative(shared(scaled(s("k"), s("x")), s("s"))), &is_number), "−k · sum(x) / s");
    }
}
