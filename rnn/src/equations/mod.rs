//! Cells as equations: a file that reads as a paper writes it, and all that is derived from it.
//!
//! ```
//! use rnn::equations::EquationCell;
//! use rnn::{Cell, Layers};
//!
//! let cell = EquationCell::read("
//!     ## Minimal gated unit. Zhou et al. 2016, eq. 4-6
//!     cell mgu
//!       f[t] = sigmoid(W_f x[t] + U_f h[t-1] + b_f)
//!       n[t] = tanh(W_n x[t] + U_n (f[t] * h[t-1]) + b_n)
//!       h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]
//! ", "mgu.cell")?;
//! assert_eq!(cell.weights(3, 4).len(), 6);
//! assert_eq!(*cell.weights(3, 4)[0].shape, [4, 3]); // W_f
//! # Ok::<(), rnn::equations::Faults>(())
//! ```
//!
//! `docs/cells.md` is the language reference. `token.rs` and `parser.rs` turn the text into a tree (`ast.rs`);
//! `loops.rs` unrolls loops, `used.rs` turns other cells into functions, `expand.rs` expands calls, `columns.rs`
//! lowers matrix states to columns, `names.rs` resolves names, and `shapes.rs` infers sizes. `formula.rs` has values
//! by row and column, `once.rs` functions of parameters; `cell.rs` is the [`Cell`](crate::Cell), `step.rs` its step.
//! Faults are shown at their place (`diagnostic.rs`).

pub mod ast;
mod cell;
mod columns;
mod diagnostic;
mod expand;
mod formula;
mod hints;
mod latex;
mod loops;
mod names;
mod notation;
mod notes;
mod once;
mod parser;
mod print;
mod shape;
mod shapes;
mod size;
mod step;
mod times;
mod token;
mod used;

pub use cell::EquationCell;
pub use diagnostic::{Diagnostic, Faults, Span};
pub use formula::Formula;
pub use parser::parse;
pub use shape::Shape;
pub use size::Size;

use formula::of_matrices;
use names::{Beginning, Names};

impl EquationCell {
    /// Reads a cell from the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// All faults of the file, each with its place.
    pub fn read(text: &str, path: &str) -> Result<Self, Faults> {
        let file = parse(text, path)?;
        let faults = |diagnostics| Faults { path: path.into(), source: text.into(), diagnostics };
        let mut names = Names::of(&file, text);
        if !names.faults.is_empty() {
            let mut wrong = std::mem::take(&mut names.faults);
            wrong.sort_by_key(|d| d.labels.first().map_or(0, |(span, _)| span.start));
            return Err(faults(wrong));
        }
        let shapes = shapes::infer(&mut names).map_err(faults)?;
        let constants = names.constants.iter().map(|(name, value)| (name.clone(), value.is)).collect();
        let kept = names.kept();
        let cell = Self { file, text: text.into(), names, shapes, constants, kept };
        let wrong = [cell.check_output(), cell.check_packs(), cell.check_inits()].concat();
        if !wrong.is_empty() {
            return Err(faults(wrong));
        }
        Ok(cell)
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cell's name.
    pub fn name(&self) -> &str {
        &self.file.name.is
    }

    /// The file's description: the cell and its source.
    pub fn description(&self) -> &str {
        &self.file.description
    }

    /// The file as a tree.
    pub fn file(&self) -> &ast::File {
        &self.file
    }

    /// Overrides the value of a constant.
    ///
    /// # Errors
    /// If the file has no such constant.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), String> {
        let known: Vec<String> = self.constants.keys().cloned().collect();
        if let Some(constant) = self.constants.get_mut(name) {
            *constant = value;
            return Ok(());
        }
        let near = autograd::nearest(name, known);
        let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        Err(format!("the cell `{}` has no constant `{name}`{hint}", self.name()))
    }

    /// The names of the sequences, in the order of computation.
    pub fn sequences(&self) -> impl Iterator<Item = &str> {
        self.names.equations.iter().map(|(name, _)| name.is.as_str())
    }

    /// The states: sequences read at earlier steps, each with its lag.
    pub fn memory(&self) -> &[(String, usize)] {
        &self.kept
    }

    /// The shape of each sequence and parameter, in the order of the file.
    pub fn shapes(&self) -> Vec<(&str, Shape)> {
        let sequences = self.names.equations.iter().map(|(name, _)| name.is.as_str());
        let sequences =
            ["x"].into_iter().chain(sequences).filter_map(|n| Some((n, *self.shapes.sequences.get(n)?)));
        let parameters = self.names.parameters.iter().map(|name| name.is.as_str());
        sequences.chain(parameters.filter_map(|n| Some((n, *self.shapes.parameters.get(n)?)))).collect()
    }

    /// The output's size must not depend on the input: the next layer must know it.
    fn check_output(&self) -> Vec<Diagnostic> {
        let output = &self.names.output;
        let equation = self.names.equations.iter().find(|(name, _)| name.is == *output);
        let (Some(shape), Some((name, _))) = (self.shapes.sequences.get(output), equation) else {
            return Vec::new();
        };
        if *shape == Shape::Scalar && !self.names.declared.contains_key(output) {
            let message = format!("the output `{output}` is one number a sample, whatever `hidden` is");
            let help = format!(
                "a matrix of `hidden` rows makes a vector, as in `param W: [hidden, input]`; if one number is meant, \
                 write `state {output}: scalar`"
            );
            return vec![Diagnostic::new(message, name.span.clone(), "a scalar").help(help)];
        }
        if !shape.reads_input() {
            return Vec::new();
        }
        if let Some(twice) = self.names.matrix_of_two() {
            return vec![twice];
        }
        let message = format!("the output `{output}` has a size that depends on the input");
        let fault = Diagnostic::new(message, name.span.clone(), format!("of size {shape}"));
        if let Some((product, help)) = self.names.starred() {
            return vec![fault.and(product, "element by element").help(help)];
        }
        vec![fault.help("write `require input = hidden`, or bring the input to another size, as in `W x[t]`")]
    }

    /// A pack's members can be stacked, and its name differs from every parameter's.
    fn check_packs(&self) -> Vec<Diagnostic> {
        let columns = |name: &str| match self.shapes.parameters.get(name) {
            Some(Shape::Matrix(_, columns)) => Some(*columns),
            _ => None,
        };
        let mut wrong = Vec::new();
        for (pack, parts) in &self.names.packs {
            let first = &parts[0];
            for part in &parts[1..] {
                if columns(&first.is) != columns(&part.is) {
                    let message = format!("`{}` cannot be packed", pack.is);
                    wrong.push(
                        Diagnostic::new(message, part.span.clone(), "of other columns")
                            .and(first.span.clone(), "than this")
                            .help("a pack stacks matrices of the same columns, or vectors"),
                    );
                }
            }
            let packed =
                |name: &str| self.names.packs.iter().flat_map(|(_, parts)| parts).any(|p| p.is == name);
            if let Some(parameter) = self.names.parameters.iter().find(|p| p.is == pack.is)
                && !packed(&parameter.is)
            {
                let message = format!("`{}` is a pack and a parameter", pack.is);
                wrong.push(
                    Diagnostic::new(message, pack.span.clone(), "the pack")
                        .and(parameter.span.clone(), "the parameter")
                        .help("both would be stored under one name: give the pack another"),
                );
            }
        }
        wrong
    }

    /// A vector cannot have a matrix initialiser.
    fn check_inits(&self) -> Vec<Diagnostic> {
        let is_matrix = |name: &str| matches!(self.shapes.parameters.get(name), Some(Shape::Matrix(..)));
        let mut wrong = Vec::new();
        for name in self.names.parameters.iter().filter(|name| !is_matrix(&name.is)) {
            let begins = match self.names.inits.get(&name.is) {
                Some((Beginning::Init(init), span)) if init.is_of_matrices() => {
                    Some((init.to_string(), span.clone()))
                }
                Some((Beginning::Formula(formula), _)) => {
                    of_matrices(formula).map(|e| (e.is.to_string(), e.span.clone()))
                }
                _ => None,
            };
            let fixed = self.names.fixed.get(&name.is).and_then(|(formula, _)| of_matrices(formula));
            let fixed = fixed.map(|e| (e.is.to_string(), e.span.clone()));
            if let Some((what, span)) = begins.or(fixed) {
                let message = format!("`{}` is no matrix and cannot begin as `{what}`", name.is);
                wrong.push(
                    Diagnostic::new(message, span, "begins as a matrix")
                        .and(name.span.clone(), "read as a vector")
                        .help("write a number, or `uniform:…` or `normal:…`"),
                );
            }
        }
        wrong
    }
}
