//! Backpropagation through time written out for a cell, in symbols that are read off its graph.
//!
//! The cell is unrolled with a head and a loss at each step, and differentiated. A step in the middle, all of whose
//! neighbours are there, is then read node by node: what has a name keeps it, the rest is written out, and the step is
//! called t. Nothing here knows a cell or a rule of differentiation.
//!
//! ```
//! use autograd::math::Form;
//! use rnn::derivation::Derivation;
//! use rnn::equations::EquationCell;
//!
//! let cell = EquationCell::read("cell a\n h[t] = tanh(W x[t] + U h[t-1] + b)", "a.cell")?;
//! let derivation = Derivation::of(cell)?;
//! let text = derivation.write(Form::Unicode);
//! assert!(text.contains("h̄ₜ = Uᵀ ((1 − hₜ₊₁²) ⊙ h̄ₜ₊₁) + Vᵀ ōₜ\n"), "{text}");
//! assert!(text.contains("Ū = Σₜ ((1 − hₜ²) ⊙ h̄ₜ) hₜ₋₁ᵀ\n"), "{text}");
//! assert!(derivation.check(1)? < 1e-10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arguments;
mod check;
mod net;
mod page;
mod words;

use crate::cell::Cell;
use crate::equations::EquationCell;
use arguments::Argument;
use autograd::math::{Form, Line, Math, Reader, Symbol};
use autograd::{NodeId, nearest};
use net::{Head, Net, Sizes, at_t};
use words::Piece;

/// Why there is no derivation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationError {
    /// No small net can be made of the cell.
    #[error("{0}; a derivation looks at a small net, and found no sizes up to 128 that the cell can have")]
    Sizes(String),
    /// The graph cannot be built or read.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// There is no line about this name.
    #[error("the derivation has no line about `{name}`{}", nearest.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?")))]
    Unknown {
        /// The name.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// A line could not be computed.
    #[error("the line about `{name}` could not be computed: {reason}")]
    Check {
        /// What the line is about.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A derivation: sections of sentences and equations.
#[derive(Debug)]
pub struct Derivation {
    cell: EquationCell,
    head: Head,
    sizes: Sizes,
    arguments: Vec<Argument>,
    sections: Vec<Section>,
}

#[derive(Clone, Debug)]
struct Section {
    title: &'static str,
    passages: Vec<Passage>,
}

/// A sentence and the equations that it speaks of.
#[derive(Clone, Debug)]
struct Passage {
    words: Vec<Piece>,
    lines: Vec<Entry>,
}

/// An equation, and the name in the file that it is about.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    line: Line,
}

impl Derivation {
    /// The derivation for a cell.
    ///
    /// # Errors
    /// [`DerivationError::Sizes`] if no small net can be made of the cell.
    pub fn of(cell: EquationCell) -> Result<Self, DerivationError> {
        let cell = cell.unpacked();
        let sizes = Sizes::of(&cell)
            .ok_or_else(|| DerivationError::Sizes(cell.fits(4, 8).err().unwrap_or_default()))?;
        let head = Head::of(&cell);
        let lag = cell.memory().iter().map(|(_, lag)| *lag).max().unwrap_or(0).max(1);
        // What acts on the loss does so through each state once at most.
        let now = lag + 1;
        let net = Net::new(&cell, &head, sizes, now + lag * (cell.memory().len() + 1))?;
        let mut derivation = Self { cell, head, sizes, arguments: Vec::new(), sections: Vec::new() };
        derivation.sections = derivation.read(&net, now)?;
        if derivation.is_crowded() {
            derivation.arguments = arguments::find(&derivation.head.argument, &net, now)?;
            derivation.sections = derivation.read(&net, now)?;
        }
        Ok(derivation)
    }

    /// The same with the lines about some names alone.
    ///
    /// # Errors
    /// [`DerivationError::Unknown`] if there is no line about a name.
    pub fn only(mut self, names: &[String]) -> Result<Self, DerivationError> {
        let all: Vec<String> = self.entries().map(|entry| entry.name.clone()).collect();
        if let Some(name) = names.iter().find(|name| !all.contains(name)) {
            return Err(DerivationError::Unknown { name: name.clone(), nearest: nearest(name, all) });
        }
        for section in &mut self.sections {
            for passage in &mut section.passages {
                passage.lines.retain(|entry| names.contains(&entry.name));
            }
            section.passages.retain(|passage| !passage.lines.is_empty());
        }
        self.sections.retain(|section| !section.passages.is_empty());
        Ok(self)
    }

    /// The derivation as text, as a LaTeX document or as a page of XHTML with MathML.
    pub fn write(&self, form: Form) -> String {
        page::write(self, form)
    }

    /// All equations, in order.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.entries().map(|entry| &entry.line)
    }

    /// Computes every line at every step of a net with random values, and returns the largest difference from the values of
    /// the graph's own nodes, relative to these where they exceed 1.
    ///
    /// # Errors
    /// If the cell's values are not finite there, or a formula cannot be computed.
    pub fn check(&self, seed: u64) -> Result<f64, DerivationError> {
        check::worst(self, seed)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|s| &s.passages).flat_map(|p| &p.lines)
    }

    /// Whether a line of the backward pass is too long for a page.
    fn is_crowded(&self) -> bool {
        let long =
            |entry: &Entry| Form::Unicode.write(std::slice::from_ref(&entry.line)).trim_end().contains('\n');
        self.sections.iter().skip(1).flat_map(|s| &s.passages).flat_map(|p| &p.lines).any(long)
    }

    fn read(&self, net: &Net, now: usize) -> Result<Vec<Section>, DerivationError> {
        let names = arguments::names(&self.arguments, net)?;
        let step = i64::try_from(now).unwrap_or(1);
        let reader = Reader::new(&net.graph).whole().naming(names).from_step(step);
        Ok(vec![
            Section { title: "Forward", passages: self.forward(net, now, &reader)? },
            Section {
                title: "Backward",
                passages: self.backward(net, now, &reader.clone().with_cuts(false))?,
            },
            Section { title: "Gradients", passages: self.gradients(net, now, &reader.with_cuts(false))? },
        ])
    }

    fn forward(&self, net: &Net, now: usize, reader: &Reader) -> Result<Vec<Passage>, DerivationError> {
        let line = |name: &str| -> Result<Entry, DerivationError> {
            Ok(Entry { name: name.into(), line: equal(reader, at_t(name), net.at(name, now)?)? })
        };
        let cell = self.cell.sequences().map(line).collect::<Result<Vec<_>, _>>()?;
        let mut head = [&self.head.output, &self.head.loss]
            .map(|name| line(name))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let each = reader.operand(net.at(&self.head.loss, now)?)?;
        let all = Line { left: Symbol::of(&self.head.loss).into(), right: Math::Total(each.into()) };
        head.push(Entry { name: self.head.loss.clone(), line: all });
        Ok(vec![
            Passage { words: words::step(&self.cell), lines: cell },
            Passage { words: words::loss(&self.head), lines: head },
        ])
    }

    /// The adjoints of step t, the last first, those that act through the same next to each other in one passage.
    fn backward(&self, net: &Net, now: usize, reader: &Reader) -> Result<Vec<Passage>, DerivationError> {
        let sequences: Vec<&str> = self.cell.sequences().collect();
        let mut passages: Vec<(Vec<Symbol>, Passage)> = Vec::new();
        let mut silent = Vec::new();
        for name in [&*self.head.output].into_iter().chain(sequences.into_iter().rev()) {
            let id = net.at(name, now)?;
            let left = Math::Adjoint(at_t(name).into());
            // Another name for what has one already is no step of the derivation.
            if reader.name(id)?.is_some_and(|known| known != at_t(name)) {
                continue;
            }
            let Some(adjoint) = net.adjoint(id)? else {
                silent.push(name);
                continue;
            };
            let entry = Entry { name: name.into(), line: equal(reader, left, adjoint)? };
            let ways = if name == self.head.output {
                vec![Symbol::of(&self.head.loss).at(0)]
            } else {
                words::ways(&entry.line.right, &self.arguments)
            };
            match passages.last_mut() {
                Some((known, passage)) if *known == ways => passage.lines.push(entry),
                _ => passages.push((ways, Passage { words: Vec::new(), lines: vec![entry] })),
            }
        }
        let spoken = |(ways, mut passage): (Vec<Symbol>, Passage)| {
            let names: Vec<Math> = passage.lines.iter().map(|entry| at_t(&entry.name)).collect();
            passage.words = words::reaches(&names, &ways);
            passage
        };
        let mut passages: Vec<Passage> = passages.into_iter().map(spoken).collect();
        if !self.arguments.is_empty() {
            let line = |argument: &Argument| argument.line(net, now, reader);
            let lines = self.arguments.iter().map(line).collect::<Result<Vec<_>, _>>()?;
            passages.push(Passage { words: words::arguments(&self.arguments), lines });
        }
        let first = words::backward();
        if let Some(passage) = passages.first_mut() {
            passage.words = first.into_iter().chain(passage.words.drain(..)).collect();
        }
        passages.push(Passage { words: words::ends(&self.cell, &silent), lines: Vec::new() });
        Ok(passages)
    }

    fn gradients(&self, net: &Net, now: usize, reader: &Reader) -> Result<Vec<Passage>, DerivationError> {
        let line = |(name, id): &(String, NodeId)| -> Result<Entry, DerivationError> {
            let left = Math::Adjoint(Symbol::of(name).into());
            let right = match net.adjoint(*id)? {
                None => Math::Number(0.0),
                Some(adjoint) => {
                    let terms = net.terms_of(adjoint, now)?;
                    let terms =
                        terms.into_iter().map(|id| reader.operand(id)).collect::<Result<Vec<_>, _>>()?;
                    Math::Total(Math::sum(terms).into())
                }
            };
            Ok(Entry { name: name.clone(), line: Line { left, right } })
        };
        let lines = net.parameters.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        Ok(vec![Passage { words: words::gradients(), lines }])
    }
}

/// What a node is equal to, under a name of it: another name, if it has one.
fn equal(reader: &Reader, left: Math, id: NodeId) -> Result<Line, DerivationError> {
    let right = match reader.name(id)? {
        Some(name) if name != left => name,
        _ => reader.formula(id)?,
    };
    Ok(Line { left, right })
}
