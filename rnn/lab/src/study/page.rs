//! The contents of a small net's page besides its graph: the derivation of its equations, and values.

use super::NetSpec;
use crate::derivation::Derivation;
use autograd::Point;
use autograd_view::draw::{Formula, Page, SourceLine};
use autograd_view::math::Form;
use rnn::cell::{Cell, CellRef, named};
use rnn::equations::EquationCell;
use rnn::equations::ast::Item;
use rnn::model::{Batch, ModelError, Network};

impl NetSpec {
    /// Initial weights, inputs and targets for a network of this net: functions of the seed.
    ///
    /// # Errors
    /// If the cell does not exist or an initialiser does not fit it.
    pub fn first_point(&self, network: &Network, seed: u64) -> Result<Point<f64>, ModelError> {
        let (_, parameters, feed) = self.example(seed)?;
        let feed = Batch { lengths: self.lengths.clone(), ..feed };
        Ok(network.point(&parameters, &feed, &[], 0)?.cast())
    }

    /// The input of [`autograd_view::draw::html`]: the cell's description, equations and source, and a point.
    ///
    /// # Errors
    /// As [`NetSpec::first_point`].
    pub fn page(&self, network: &Network, seed: u64) -> Result<Page, ModelError> {
        Ok(Page { point: Some(self.first_point(network, seed)?), ..self.described() })
    }

    /// The cell's description, equations and source.
    pub fn described(&self) -> Page {
        of_cell(&self.cell)
    }
}

/// The page contents for a cell: its description, equations and source.
pub(super) fn of_cell(cell: &CellRef) -> Page {
    let shipped = || named().find(|shipped| shipped.name == cell.name).map(|shipped| shipped.text);
    let text = cell.text.as_deref().or_else(shipped);
    match text.and_then(|text| EquationCell::read(text, &cell.name).ok()) {
        Some(cell) => Page {
            about: cell.description().into(),
            equations: Some(cell.typeset(Form::Mathml)),
            source: source(&cell),
            formulas: formulas(&cell),
            ..Page::default()
        },
        None => Page::default(),
    }
}

/// The derivation of a cell, whose weights are parameters of the net or parts of them. A cell without one gets no
/// formulas.
fn formulas(cell: &EquationCell) -> Vec<Formula> {
    let Ok(own) = EquationCell::read(cell.text(), cell.name()) else { return Vec::new() };
    let weights = cell.weights(8, 8);
    let alone = |name: &str| weights.iter().find(|w| w.parts.len() == 1 && w.parts[0].name == name);
    let mut formulas = Derivation::of(own).map(|derivation| derivation.formulas()).unwrap_or_default();
    for mention in formulas.iter_mut().flat_map(|f| f.terms.iter_mut().flatten().chain(&mut f.of)) {
        mention.alias = alone(&mention.name).map(|weight| weight.name.clone());
    }
    formulas
}

/// The lines of a cell's file, with the names that its equations define.
fn source(cell: &EquationCell) -> Vec<SourceLine> {
    let mut lines: Vec<SourceLine> =
        cell.text().lines().map(|text| SourceLine { text: text.into(), defines: None }).collect();
    for item in &cell.file().items {
        if let Item::Equation(name, _) = item {
            let line = cell.text()[..name.span.start].matches('\n').count();
            if let Some(line) = lines.get_mut(line) {
                line.defines = Some(name.is.clone());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_what_it_defines() {
        let cell =
            EquationCell::read("cell a\n # of two lines\n s[t] = V x[t]\n h[t] = tanh(W s[t])", "a.cell");
        let lines = source(&cell.unwrap());
        let defines: Vec<Option<&str>> = lines.iter().map(|line| line.defines.as_deref()).collect();
        assert_eq!(defines, [None, None, Some("s"), Some("h")]);
    }
}
