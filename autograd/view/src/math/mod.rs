//! Mathematical formulas: one small tree, written as Unicode text, LaTeX or MathML.
//!
//! ```
//! use autograd_view::math::{Form, Line, Math, Symbol};
//!
//! // h̄[t] = W_hᵀ ((1 - h[t+1]²) ⊙ h̄[t+1])
//! let bar = |lag| Math::Adjoint(Symbol::of("h").at(lag).into());
//! let active = Math::minus(Math::Number(1.0), Math::Power(Symbol::of("h").at(1).into(), 2));
//! let right = Math::product(Math::Transpose(Symbol::of("W_h").into()), Math::hadamard(active, bar(1)));
//! let line = Line { left: bar(0), right };
//! assert_eq!(Form::Unicode.write(&[line]), "h̄ₜ = W_hᵀ ((1 − hₜ₊₁²) ⊙ h̄ₜ₊₁)\n");
//! ```
//!
//! Parentheses are decided here, once; the notations (`unicode.rs`, `latex.rs`, `mathml.rs`) join finished pieces.

mod evaluate;
mod latex;
mod mathml;
mod ops;
mod read;
mod rule;
mod simplify;
mod symbol;
mod tree;
mod unicode;

pub use evaluate::{Values, evaluate};
pub use read::{Reader, equation};
pub use rule::rule;
pub use symbol::{GREEK, Symbol, Time};

use std::ops::Range;

/// A formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// A number.
    Number(f64),
    /// A name, with its subscripts and its time.
    Symbol(Symbol),
    /// `−a`
    Negative(Box<Math>),
    /// `a + b` and other infix signs.
    Infix(Sign, Box<Math>, Box<Math>),
    /// `a / b`
    Fraction(Box<Math>, Box<Math>),
    /// `aⁿ`
    Power(Box<Math>, i32),
    /// `√a`
    Root(Box<Math>),
    /// `|a|`
    Absolute(Box<Math>),
    /// `aᵀ`
    Transpose(Box<Math>),
    /// `ā`, the adjoint of a.
    Adjoint(Box<Math>),
    /// `tanh(a)`; `sigmoid` is written σ.
    Call(String, Vec<Math>),
    /// `[a; b]`, stacked vertically.
    Stack(Vec<Math>),
    /// Values with their conditions, and the default value.
    Cases(Vec<(Math, Math)>, Box<Math>),
    /// `[a > 0]`: 1 where it holds, 0 elsewhere (Iverson bracket).
    Indicator(Box<Math>),
    /// `𝟏`, a column of ones of this length.
    Ones(usize),
    /// `a[b]`: the rows of a that belong to b, with their indices, if known.
    Part(Box<Math>, Box<Math>, Option<Range<usize>>),
    /// `Σₜ a`, over all steps.
    Total(Box<Math>),
}

/// An infix sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their signs say it
pub enum Sign {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Plus,
    Minus,
    /// `a ⊙ b`, element by element.
    Hadamard,
    /// `2 · a`, by a scalar.
    Times,
    /// `t mod 2`
    Modulo,
    /// `W x`, a matrix and its operand.
    Product,
}

impl Sign {
    /// The binding power: relations 0, sums 1, elementwise products 2, matrix products 3.
    fn binding(self) -> u8 {
        match self {
            Self::Plus | Self::Minus => 1,
            Self::Hadamard | Self::Times | Self::Modulo => 2,
            Self::Product => 3,
            _ => 0,
        }
    }
}

/// `left = right`
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The left side.
    pub left: Math,
    /// The right side.
    pub right: Math,
}

/// A notation for formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for a terminal
    Unicode,
    /// An `aligned` block
    Latex,
    /// Presentation MathML, one math element
    Mathml,
}

impl Form {
    /// Equations under each other, aligned at their signs; the text ends with a newline. Sums longer than 100 columns
    /// of text are broken at their signs.
    pub fn write(self, lines: &[Line]) -> String {
        let notation = self.notation();
        let sides = |line: &Line| {
            let margin = unicode::width(&write(&line.left, &unicode::Unicode, 0)) + 3;
            (write(&line.left, notation, 0), rows(&line.right, notation, WIDTH.saturating_sub(margin)))
        };
        notation.lines(&lines.iter().map(sides).collect::<Vec<_>>())
    }

    /// An inline formula: in LaTeX without the dollars, in MathML without the math element.
    pub fn formula(self, math: &Math) -> String {
        write(math, self.notation(), 0)
    }

    fn notation(self) -> &'static dyn Notation {
        match self {
            Self::Unicode => &unicode::Unicode,
            Self::Latex => &latex::Latex,
            Self::Mathml => &mathml::MathMl,
        }
    }
}

/// The columns of a page.
const WIDTH: usize = 100;

/// A formula in one row, or a long sum in several, where continuation rows start with a sign.
fn rows(math: &Math, notation: &dyn Notation, room: usize) -> Vec<String> {
    if unicode::width(&write(math, &unicode::Unicode, 0)) <= room {
        return vec![write(math, notation, 0)];
    }
    // From the last term to the first.
    let (mut terms, mut rest) = (Vec::new(), math);
    while let Math::Infix(sign @ (Sign::Plus | Sign::Minus), a, b) = rest {
        terms.push((Some(*sign), &**b));
        rest = a;
    }
    terms.push((None, rest));
    let mut rows: Vec<(usize, String)> = Vec::new();
    for (sign, term) in terms.into_iter().rev() {
        let join = |before: String, notation: &dyn Notation| match sign {
            Some(sign) => notation.infix(sign, before, operand(term, notation, sign.binding() + 1)),
            None => write(term, notation, 1),
        };
        let width = unicode::width(&join(String::new(), &unicode::Unicode));
        match rows.last_mut() {
            Some((used, row)) if *used + width <= room => {
                *used += width;
                *row = join(std::mem::take(row), notation);
            }
            _ => rows.push((width, join(String::new(), notation))),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

impl Math {
    /// `a + b`
    pub fn plus(a: Self, b: Self) -> Self {
        Self::Infix(Sign::Plus, a.into(), b.into())
    }

    /// `a − b`
    pub fn minus(a: Self, b: Self) -> Self {
        Self::Infix(Sign::Minus, a.into(), b.into())
    }

    /// `a ⊙ b`
    pub fn hadamard(a: Self, b: Self) -> Self {
        Self::Infix(Sign::Hadamard, a.into(), b.into())
    }

    /// `W x`
    pub fn product(matrix: Self, x: Self) -> Self {
        Self::Infix(Sign::Product, matrix.into(), x.into())
    }
}

impl From<Symbol> for Math {
    fn from(symbol: Symbol) -> Self {
        Self::Symbol(symbol)
    }
}

impl From<Symbol> for Box<Math> {
    fn from(symbol: Symbol) -> Self {
        Self::new(symbol.into())
    }
}

/// Joins finished pieces.
trait Notation {
    /// Whether fractions have a bar and cases are stacked.
    fn is_two_dimensional(&self) -> bool;
    fn number(&self, number: f64) -> String;
    fn symbol(&self, symbol: &Symbol) -> String;
    fn parentheses(&self, a: String) -> String;
    fn negative(&self, a: String) -> String;
    fn infix(&self, sign: Sign, a: String, b: String) -> String;
    fn fraction(&self, a: String, b: String) -> String;
    fn power(&self, a: String, n: i32) -> String;
    fn root(&self, a: String) -> String;
    fn absolute(&self, a: String) -> String;
    fn transpose(&self, a: String) -> String;
    fn adjoint(&self, a: String) -> String;
    /// The bar is over the name, not over its time.
    fn adjoint_of(&self, symbol: &Symbol) -> String;
    fn call(&self, function: &str, arguments: Vec<String>) -> String;
    fn stack(&self, parts: Vec<String>) -> String;
    fn cases(&self, cases: Vec<(String, String)>, otherwise: String) -> String;
    fn indicator(&self, condition: String) -> String;
    fn ones(&self) -> String;
    fn part(&self, whole: String, label: String) -> String;
    fn total(&self, a: String) -> String;
    /// Equations under each other: the left side, and the rows of the right side.
    fn lines(&self, lines: &[(String, Vec<String>)]) -> String;
}

/// The binding power of a formula: as [`Sign::binding`], then signs and bars 3, powers 4, and atoms 5.
fn binding(math: &Math, notation: &dyn Notation) -> u8 {
    match math {
        Math::Infix(sign, ..) => sign.binding(),
        // The operand of Σ is a product, and the sum extends to its end.
        Math::Total(_) => 1,
        // A list of cases has no visible end.
        Math::Cases(..) if notation.is_two_dimensional() => 0,
        Math::Fraction(..) if !notation.is_two_dimensional() => 2,
        Math::Fraction(..) | Math::Negative(_) => 3,
        Math::Number(n) if *n < 0.0 => 3,
        Math::Power(..) | Math::Transpose(_) => 4,
        _ => 5,
    }
}

/// A formula, in parentheses if its binding power is below `least`.
fn write(math: &Math, notation: &dyn Notation, least: u8) -> String {
    let inner = |a: &Math| write(a, notation, 0);
    let all = |parts: &[Math]| parts.iter().map(inner).collect();
    let tight = |a: &Math, least: u8| write(a, notation, least);
    let written = match math {
        Math::Number(number) => notation.number(*number),
        Math::Symbol(symbol) => notation.symbol(symbol),
        Math::Negative(a) if matches!(**a, Math::Total(_)) => notation.negative(inner(a)),
        // −a ⊙ b equals −(a ⊙ b).
        Math::Negative(a) => notation.negative(operand(a, notation, 2)),
        Math::Infix(sign, a, b) => {
            let (left, right) = match sign {
                Sign::Product => (4, 3),
                sign => (sign.binding(), sign.binding() + 1),
            };
            // `W x ⊙ y` could be read as W (x ⊙ y).
            let clear = |a: &Math, least: u8| match a {
                Math::Infix(Sign::Product, ..) if *sign == Sign::Hadamard => 4,
                _ => least,
            };
            notation.infix(*sign, tight(a, clear(a, left)), operand(b, notation, clear(b, right)))
        }
        Math::Fraction(a, b) if notation.is_two_dimensional() => notation.fraction(inner(a), inner(b)),
        Math::Fraction(a, b) => notation.fraction(tight(a, 2), operand(b, notation, 3)),
        Math::Power(a, n) => notation.power(tight(a, 5), *n),
        Math::Root(a) => notation.root(inner(a)),
        Math::Absolute(a) => notation.absolute(inner(a)),
        Math::Transpose(a) => notation.transpose(tight(a, 5)),
        Math::Adjoint(a) => match &**a {
            Math::Symbol(symbol) => notation.adjoint_of(symbol),
            a => notation.adjoint(tight(a, 5)),
        },
        Math::Call(function, arguments) => notation.call(function, all(arguments)),
        Math::Stack(parts) => notation.stack(all(parts)),
        Math::Cases(cases, otherwise) => {
            notation.cases(cases.iter().map(|(a, c)| (inner(a), inner(c))).collect(), inner(otherwise))
        }
        Math::Indicator(a) => notation.indicator(inner(a)),
        Math::Ones(_) => notation.ones(),
        Math::Part(whole, label, _) => notation.part(tight(whole, 5), inner(label)),
        Math::Total(a) => notation.total(tight(a, 2)),
    };
    if binding(math, notation) < least { notation.parentheses(written) } else { written }
}

/// An operand after a sign: a leading sign is put in parentheses.
fn operand(math: &Math, notation: &dyn Notation, least: u8) -> String {
    let signed = matches!(math, Math::Negative(_)) || matches!(math, Math::Number(n) if *n < 0.0);
    write(math, notation, if signed { 5 } else { least })
}

#[cfg(test)]
mod tests;
