//! Derives backpropagation through time for a cell, in symbols read from its graph.
//!
//! The cell is unrolled with a head and a loss at each step, and differentiated. An inner step with all its
//! neighbours is then read node by node: named nodes keep their names, the rest is written out, and the step is
//! called t. No cell and no rule of differentiation is known here.
//!
//! ```
//! use autograd_view::math::Form;
//! use rnn_lab::derivation::Derivation;
//! use rnn::equations::EquationCell;
//!
//! let cell = EquationCell::read("cell a\n h[t] = tanh(W x[t] + U h[t-1] + b)", "a.cell")?;
//! let derivation = Derivation::of(cell)?;
//! let text = derivation.write(Form::Unicode);
//! assert!(text.contains("h̄ₜ = Uᵀ ((1 − hₜ₊₁²) ⊙ h̄ₜ₊₁) + Vᵀ o\u{304}ₜ\n"), "{text}");
//! assert!(text.contains("U\u{304} = Σₜ ((1 − hₜ²) ⊙ h̄ₜ) hₜ₋₁ᵀ\n"), "{text}");
//! assert!(derivation.check(1)? < 1e-10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abbreviations;
mod arguments;
mod check;
mod formulas;
mod net;
mod page;
mod view;
mod words;

use arguments::Argument;
use autograd::{NodeId, nearest};
use autograd_view::math::{Form, Line, Math, Reader, Symbol};
use net::{Head, Net, Sizes, count};
use rnn::cell::Cell;
use rnn::equations::EquationCell;
use std::rc::Rc;
use view::View;
use words::Piece;

/// Why a derivation is impossible.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationError {
    /// No small net fits the cell.
    #[error("{0}: a derivation looks at a small net, and of the sizes that it tries, none fits the cell")]
    Sizes(String),
    /// The graph cannot be built or read.
    #[error(transparent)]
    Graph(#[from] autograd::Error),
    /// No line is about this name.
    #[error(
        "the derivation has no line about `{name}`{}; it has lines about {}",
        nearest.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?")),
        known.join(", ")
    )]
    Unknown {
        /// The name.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names with a line.
        known: Vec<String>,
    },
    /// A line could not be evaluated.
    #[error("the line about `{name}` could not be computed: {reason}")]
    Check {
        /// The name the line is about.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A derivation: sections of sentences and equations.
#[derive(Debug)]
pub struct Derivation {
    cell: Rc<EquationCell>,
    constants: Vec<(String, f64)>,
    head: Head,
    sizes: Sizes,
    /// The number of steps, if every step is written out.
    steps: Option<usize>,
    arguments: Vec<Argument>,
    sections: Vec<Section>,
}

#[derive(Clone, Debug)]
struct Section {
    title: &'static str,
    passages: Vec<Passage>,
}

/// A sentence and its equations.
#[derive(Clone, Debug)]
struct Passage {
    words: Vec<Piece>,
    lines: Vec<Entry>,
}

/// An equation and the name it is about; empty for an abbreviation.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    line: Line,
}

impl Derivation {
    /// The derivation for a cell, at any step t.
    ///
    /// # Errors
    /// [`DerivationError::Sizes`] if no small net fits the cell.
    pub fn of(cell: EquationCell) -> Result<Self, DerivationError> {
        let (cell, constants) = cell.symbolic();
        let sizes = Sizes::of(&cell)
            .ok_or_else(|| DerivationError::Sizes(cell.fits(4, 8).err().unwrap_or_default()))?;
        let head = Head::of(&cell, &constants);
        Self::read(cell.into(), constants, head, sizes)
    }

    /// The same derivation, read from a net of other sizes.
    fn at(&self, sizes: Sizes) -> Result<Self, DerivationError> {
        let read = Self::read(Rc::clone(&self.cell), self.constants.clone(), self.head.clone(), sizes)?;
        match self.steps {
            Some(steps) => read.over(steps),
            None => Ok(read),
        }
    }

    fn read(
        cell: Rc<EquationCell>,
        constants: Vec<(String, f64)>,
        head: Head,
        sizes: Sizes,
    ) -> Result<Self, DerivationError> {
        let mut derivation =
            Self { cell, constants, head, sizes, steps: None, arguments: Vec::new(), sections: Vec::new() };
        let now = derivation.memory() + 1;
        let net = derivation.net(now + derivation.reach())?;
        derivation.sections = derivation.at_any_step(&net, now)?;
        if derivation.is_crowded() {
            derivation.arguments = arguments::find(&derivation.head.argument, &net, now)?;
            derivation.sections = derivation.at_any_step(&net, now)?;
            derivation.abbreviate();
        }
        Ok(derivation)
    }

    /// The derivation for a sequence of `steps` steps, each written out.
    ///
    /// # Errors
    /// If `steps` is zero.
    pub fn over(mut self, steps: usize) -> Result<Self, DerivationError> {
        let net = self.net(steps)?;
        self.steps = Some(steps);
        self.sections = self.at_each_step(&net)?;
        Ok(self)
    }

    /// Keeps only the lines about some names.
    ///
    /// # Errors
    /// [`DerivationError::Unknown`] if no line is about a name.
    pub fn only(mut self, names: &[String]) -> Result<Self, DerivationError> {
        let all: Vec<String> = self.entries().map(|entry| entry.name.clone()).collect();
        if let Some(name) = names.iter().find(|name| !all.contains(name)) {
            let nearest = nearest(name, all.clone());
            let mut known: Vec<String> = Vec::new();
            all.into_iter().filter(|one| !one.is_empty()).for_each(|one| {
                if !known.contains(&one) {
                    known.push(one);
                }
            });
            return Err(DerivationError::Unknown { name: name.clone(), nearest, known });
        }
        let kept: Vec<Line> =
            self.entries().filter(|e| names.contains(&e.name)).map(|e| e.line.clone()).collect();
        let used = |entry: &Entry| entry.name.is_empty() && abbreviations::is_used(&entry.line, &kept);
        for section in &mut self.sections {
            for passage in &mut section.passages {
                passage.lines.retain(|entry| names.contains(&entry.name) || used(entry));
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

    /// Evaluates every line at every step of two nets of different sizes with random values. Returns the largest
    /// difference from the values of the graphs' nodes, relative to these where they exceed 1.
    ///
    /// # Errors
    /// If the cell's values are not finite there, or a formula cannot be evaluated.
    pub fn check(&self, seed: u64) -> Result<f64, DerivationError> {
        check::worst(self, seed)
    }

    fn net(&self, steps: usize) -> Result<Net, DerivationError> {
        Ok(Net::new(&self.cell, &self.constants, &self.head, self.sizes, steps)?)
    }

    /// The largest lag that the cell reads, at least 1.
    fn memory(&self) -> usize {
        self.cell.memory().iter().map(|(_, lag)| *lag).max().unwrap_or(0).max(1)
    }

    /// The number of steps after which a step has reached the loss by every path: it is read up to the largest lag
    /// later, and from there a path to the loss passes through each sequence at most once.
    fn reach(&self) -> usize {
        let farthest = |name: &str| {
            let lags = self.cell.memory().iter().filter(|(n, _)| n == name).map(|(_, lag)| *lag);
            lags.max().unwrap_or(0)
        };
        self.memory() + self.cell.sequences().map(farthest).sum::<usize>()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|s| &s.passages).flat_map(|p| &p.lines)
    }

    /// Whether a line of the backward pass is too long to read at a glance.
    fn is_crowded(&self) -> bool {
        const LONGEST: usize = 72;
        let backward = self.sections.iter().skip(1).flat_map(|s| &s.passages).flat_map(|p| &p.lines);
        backward.into_iter().any(|entry| Form::Unicode.formula(&entry.line.right).chars().count() > LONGEST)
    }

    /// The graph relative to a step that is called t.
    fn view<'a>(&self, net: &'a Net, t: usize) -> Result<View<'a>, DerivationError> {
        let reader = Reader::new(&net.graph).whole().from_step(count(t)).naming(self.renamed(net, t)?);
        let backward = self.reading_backward(net, reader.clone())?;
        Ok(View { net, t, any: true, forward: reader.into(), backward: backward.into() })
    }

    /// The graph relative to each step, which is called by its number.
    fn views<'a>(
        &'a self,
        net: &'a Net,
    ) -> Result<impl Fn(usize) -> Result<View<'a>, DerivationError>, DerivationError> {
        let plain = Reader::new(&net.graph).whole();
        let backward = Rc::new(self.reading_backward(net, plain.clone())?);
        let forward = Rc::new(plain);
        Ok(move |t| {
            let renamed = self.renamed(net, t)?;
            if renamed.is_empty() {
                return Ok(View { net, t, any: false, forward: forward.clone(), backward: backward.clone() });
            }
            let forward = Reader::clone(&forward).naming(renamed);
            let backward = self.reading_backward(net, forward.clone())?;
            Ok(View { net, t, any: false, forward: forward.into(), backward: backward.into() })
        })
    }

    /// A state with two names is read in later steps by its name at the next step.
    fn renamed(&self, net: &Net, t: usize) -> Result<Vec<(NodeId, Math)>, DerivationError> {
        let mut states = Vec::new();
        for (name, lag) in self.cell.memory() {
            let before = t.checked_sub(*lag).filter(|&step| step > 0 && name != "x");
            if let Some(step) = before
                && !net.is_own(name, step)?
            {
                states.push((net.at(name, step)?, Math::from(Symbol::of(name).at_step(count(step)))));
            }
        }
        Ok(states)
    }

    fn reading_backward<'a>(&self, net: &'a Net, reader: Reader<'a>) -> Result<Reader<'a>, DerivationError> {
        Ok(reader.naming(arguments::names(&self.arguments, net)?).with_cuts(false))
    }

    fn at_any_step(&self, net: &Net, now: usize) -> Result<Vec<Section>, DerivationError> {
        let view = self.view(net, now)?;
        let cell = self.cell.sequences().map(|name| view.value(name)).collect::<Result<Vec<_>, _>>()?;
        let head = [&self.head.output, &self.head.loss].map(|name| view.value(name));
        let mut head = head.into_iter().collect::<Result<Vec<_>, _>>()?;
        let loss = Symbol::of(&self.head.loss);
        let all = Line { left: loss.clone().into(), right: Math::Total(loss.at(0).into()) };
        head.push(Entry { name: self.head.loss.clone(), line: all });
        let forward = vec![
            Passage { words: words::step(&self.cell, &self.constants, &cell), lines: cell },
            Passage { words: words::loss(&self.head), lines: head },
        ];

        let (mut backward, silent) = self.backward(&view)?;
        let gradients = self.gradients(&view)?;
        if !self.arguments.is_empty() {
            let before: Vec<Line> =
                backward.iter().flat_map(|p| &p.lines).chain(&gradients).map(|e| e.line.clone()).collect();
            let mut lines = Vec::new();
            for argument in &self.arguments {
                let adjoint = argument.adjoint_line(&view)?;
                let value = argument.value_line(&view)?;
                if abbreviations::is_used(&value.line, before.iter().chain([&adjoint.line])) {
                    lines.push(value);
                }
                lines.push(adjoint);
            }
            backward.push(Passage { words: words::arguments(&self.arguments, &view), lines });
        }
        backward.insert(0, Passage { words: words::backward(), lines: Vec::new() });
        let all = forward.iter().chain(&backward).flat_map(|passage| &passage.lines);
        let ends = words::ends(&self.cell, &silent).into_iter().chain(words::notes(all)).collect();
        backward.push(Passage { words: ends, lines: Vec::new() });
        Ok(vec![
            Section { title: "Forward", passages: forward },
            Section { title: "Backward", passages: backward },
            Section {
                title: "Gradients",
                passages: vec![Passage { words: words::gradients(), lines: gradients }],
            },
        ])
    }

    fn at_each_step(&self, net: &Net) -> Result<Vec<Section>, DerivationError> {
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        let views = self.views(net)?;
        for t in 1..=net.steps {
            let view = views(t)?;
            let names = self.cell.sequences().chain([&*self.head.output, &*self.head.loss]);
            let lines = names.map(|name| view.value(name)).collect::<Result<Vec<_>, _>>()?;
            forward.push(Passage { words: words::number(t), lines });
            let mut lines: Vec<Entry> = self.backward(&view)?.0.into_iter().flat_map(|p| p.lines).collect();
            // At the last steps some arguments have no adjoint.
            for argument in &self.arguments {
                lines.extend(argument.value_line(&view).ok().filter(|_| !argument.direct));
                lines.extend(argument.adjoint_line(&view));
            }
            backward.push(Passage { words: words::number(t), lines });
        }
        backward.reverse();
        let view = views(net.steps)?;
        let all = Line { left: Symbol::of(&self.head.loss).into(), right: view.forward.formula(net.loss)? };
        let all = vec![Entry { name: self.head.loss.clone(), line: all }];
        forward.push(Passage { words: words::sum_of_losses(), lines: all });
        let notes = words::notes(forward.iter().chain(&backward).flat_map(|passage| &passage.lines));
        if !notes.is_empty() {
            backward.push(Passage { words: notes, lines: Vec::new() });
        }
        let gradients = self.gradients(&view)?;
        Ok(vec![
            Section { title: "Forward", passages: forward },
            Section { title: "Backward", passages: backward },
            Section {
                title: "Gradients",
                passages: vec![Passage { words: words::gradients(), lines: gradients }],
            },
        ])
    }

    /// The adjoints of a step in backward order, grouped into passages by the paths to the loss; and the names
    /// without an adjoint.
    fn backward(&self, view: &View) -> Result<(Vec<Passage>, Vec<&str>), DerivationError> {
        let sequences: Vec<&str> = self.cell.sequences().collect();
        let mut passages: Vec<(Vec<Symbol>, Passage)> = Vec::new();
        let mut silent = Vec::new();
        for name in [&*self.head.output].into_iter().chain(sequences.into_iter().rev()) {
            // A second name of a node is not a step of the derivation.
            if view.is_second_name(name)? {
                continue;
            }
            let Some(entry) = view.adjoint(name)? else {
                silent.push(name);
                continue;
            };
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
            let names: Vec<Math> = passage.lines.iter().map(|entry| view.name(&entry.name)).collect();
            passage.words = words::reaches(&names, &ways);
            passage
        };
        Ok((passages.into_iter().map(spoken).collect(), silent))
    }

    fn gradients(&self, view: &View) -> Result<Vec<Entry>, DerivationError> {
        let line = |(name, id): &(String, NodeId)| -> Result<Entry, DerivationError> {
            let known = view.forward.name(*id)?.unwrap_or_else(|| Symbol::of(name).into());
            let left = Math::Adjoint(known.into());
            let right = match view.net.adjoint(*id)? {
                None => Math::Number(0.0),
                Some(adjoint) => view.total(adjoint)?,
            };
            Ok(Entry { name: name.clone(), line: Line { left, right } })
        };
        view.net.parameters.iter().map(line).collect()
    }

    /// Abbreviates parts of long lines of the backward pass.
    fn abbreviate(&mut self) {
        let mut passages: Vec<&mut Passage> =
            self.sections.iter_mut().skip(1).flat_map(|section| &mut section.passages).collect();
        let lines = passages.iter_mut().flat_map(|p| &mut p.lines).map(|entry| &mut entry.line).collect();
        let found = abbreviations::find(lines, &self.head.letters);
        if let Some(section) = self.sections.get_mut(1).filter(|_| !found.is_empty()) {
            let lines = found.into_iter().map(|line| Entry { name: String::new(), line }).collect();
            let end = section.passages.len().saturating_sub(1);
            section.passages.insert(end, Passage { words: words::abbreviations(), lines });
        }
    }
}
