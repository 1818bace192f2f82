//! The equations with their summands marked and the names in each, for a page that shows them beside the graph.

use super::{Derivation, Entry};
use autograd_view::draw::{Formula, Mention};
use autograd_view::math::{Form, Line, Math, Sign, Symbol, Time};
use rnn::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;

/// Placeholder letters for summands, from a private area of Unicode.
const FIRST: u32 = 0xE000;

/// The meaning of names in the graph of a whole net.
struct Names<'a> {
    known: HashMap<Symbol, Mention>,
    /// The definitions of letters.
    letters: HashMap<Symbol, &'a Math>,
}

/// The number of targets that count. The loss of a net on a page is their mean, and that of a derivation a sum.
const TARGETS: &str = "N_y";

impl Derivation {
    /// All equations, as MathML, with the summands marked by `class="term"` and their numbers; for a net whose loss is the
    /// mean over its targets.
    pub fn formulas(&self) -> Vec<Formula> {
        let names = Names::of(self);
        let written = |entry: &Entry| {
            let Line { left, right } = &self.of_mean(&entry.line);
            let terms = RefCell::new(Vec::new());
            let sum = marked(right, &terms);
            // An expression that is not a sum is one term.
            let whole = if matches!(right, Math::Infix(Sign::Plus | Sign::Minus, ..)) {
                sum
            } else {
                place(right.clone(), &terms)
            };
            let mut math = Form::Mathml.write(&[Line { left: left.clone(), right: whole }]);
            let mut k = 0;
            // Nested summands are marked while their terms are written.
            while k < terms.borrow().len() {
                let term = terms.borrow()[k].clone();
                // A sum inside a product with an adjoint is a factor, not a separate path of the gradient.
                let inner = if has_adjoint(&term) { term } else { marked(&term, &terms) };
                let inner = Form::Mathml.formula(&inner);
                let letter = letter(k);
                let mark = format!("<mrow class=\"term\" data-term=\"{k}\">{inner}</mrow>");
                math = math.replace(&format!("<mi>{letter}</mi>"), &mark);
                k += 1;
            }
            let of = names.mentions(left, 0).pop().filter(|_| !entry.name.is_empty());
            let terms = terms.into_inner().iter().map(|term| names.mentions(term, 0)).collect();
            Formula { of, math, terms }
        };
        self.entries().map(written).collect()
    }
}

impl Derivation {
    /// A loss of a step, and the gradient by its logits, are shares of a mean.
    fn of_mean(&self, line: &Line) -> Line {
        let mut share = false;
        line.left.each_name(&mut |symbol, adjoint| {
            let name = if adjoint { &self.head.output } else { &self.head.loss };
            share |= symbol.base == Symbol::of(name).base && symbol.time.is_some();
        });
        let over = |right: Math| Math::Fraction(right.into(), Math::Symbol(Symbol::of(TARGETS)).into());
        Line {
            left: line.left.clone(),
            right: if share { over(line.right.clone()) } else { line.right.clone() },
        }
    }
}

fn has_adjoint(math: &Math) -> bool {
    let mut found = false;
    math.each_name(&mut |_, adjoint| found |= adjoint);
    found
}

fn letter(k: usize) -> char {
    u32::try_from(k).ok().and_then(|k| char::from_u32(FIRST + k)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Replaces a term by a placeholder.
fn place(term: Math, terms: &RefCell<Vec<Math>>) -> Math {
    let mut terms = terms.borrow_mut();
    terms.push(term);
    let base = letter(terms.len() - 1).to_string();
    Math::Symbol(Symbol { base, ..Symbol::of("") })
}

/// The formula with placeholders for all summands of its sums, which are appended to `terms`.
fn marked(math: &Math, terms: &RefCell<Vec<Math>>) -> Math {
    math.exchanged(&|math| match math {
        Math::Infix(sign @ (Sign::Plus | Sign::Minus), a, b) => {
            let left = match &**a {
                Math::Infix(Sign::Plus | Sign::Minus, ..) => marked(a, terms),
                Math::Negative(a) => Math::Negative(place((**a).clone(), terms).into()),
                a => place(a.clone(), terms),
            };
            Some(Math::Infix(*sign, left.into(), place((**b).clone(), terms).into()))
        }
        _ => None,
    })
}

impl<'a> Names<'a> {
    fn of(derivation: &'a Derivation) -> Self {
        let head = &derivation.head;
        let mut known: HashMap<Symbol, Mention> = HashMap::new();
        let mut add = |name: &str, is: &str| {
            known.entry(Symbol::of(name)).or_insert(Mention { name: is.into(), ..Mention::default() });
        };
        let memory = derivation.cell.memory().iter().map(|(name, _)| name.as_str());
        derivation.cell.sequences().chain(memory).chain(["x"]).for_each(|name| add(name, name));
        for weight in derivation.cell.weights(derivation.sizes.input, derivation.sizes.hidden) {
            add(&weight.name, &weight.name);
        }
        // In nets on pages the head has PyTorch's names.
        let theirs = ["head.weight", "head.bias", "logits", "target", "L"];
        let ours = [&head.weight, &head.bias, &head.output, &head.target, &head.loss];
        ours.into_iter().zip(theirs).for_each(|(ours, theirs)| add(ours, theirs));
        for argument in &derivation.arguments {
            let mention =
                Mention { name: argument.of.clone(), part: Some(argument.ordinal), ..Mention::default() };
            known.insert(argument.name.clone(), mention);
        }
        let letters = derivation.entries().filter(|entry| entry.name.is_empty());
        let letters = letters.filter_map(|entry| match &entry.line.left {
            Math::Symbol(symbol) => Some((plain(symbol), &entry.line.right)),
            _ => None,
        });
        Self { known, letters: letters.collect() }
    }

    /// The names in a formula, with times relative to `later`.
    fn mentions(&self, math: &Math, later: i64) -> Vec<Mention> {
        let mut found: Vec<Mention> = Vec::new();
        math.each_name(&mut |symbol, adjoint| {
            let lag = match symbol.time {
                Some(Time::Lag(lag)) => Some(lag + later),
                _ => None,
            };
            let symbol = plain(symbol);
            if let Some(meaning) = self.letters.get(&symbol) {
                found.extend(self.mentions(meaning, lag.unwrap_or(later)));
            } else if let Some(known) = self.known.get(&symbol) {
                found.push(Mention { lag, adjoint, ..known.clone() });
            }
        });
        found.dedup();
        found
    }
}

fn plain(symbol: &Symbol) -> Symbol {
    Symbol { time: None, ..symbol.clone() }
}
