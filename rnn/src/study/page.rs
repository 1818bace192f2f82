//! What the page of a small net shows besides its graph: where its equations come from, and values.

use super::Specimen;
use super::specimen::inputs;
use crate::cell::SHIPPED;
use crate::equations::EquationCell;
use crate::equations::ast::Item;
use crate::init;
use crate::model::{Feed, ModelError, Network};
use autograd::draw::{Page, SourceLine};
use autograd::math::Form;
use autograd::{Point, Value};
use ndarray::Array2;
use rand::RngExt;

impl Specimen {
    /// Weights, inputs and targets for a network of this net: functions of the seed.
    ///
    /// # Errors
    /// If the cell does not exist or a beginning of a parameter does not fit it.
    pub fn point(&self, network: &Network, seed: u64) -> Result<Point<f64>, ModelError> {
        let x = inputs([self.steps, self.batch, self.input], seed)
            .map_err(|source| ModelError::Init { weight: "x".into(), source })?;
        let mut rng = init::rng(seed, "y");
        let y = Array2::from_shape_simple_fn((self.steps, self.batch), || rng.random_range(0..self.classes));
        let feed = Feed { x: x.into(), y: Value::Index(y.into_dyn()), lengths: self.lengths.clone() };
        Ok(network.point(&self.model().first_parameters(seed)?, &feed, &[], 0)?.cast())
    }

    /// What [`autograd::draw::html`] is told: the cell's description, equations and source, and a point.
    ///
    /// # Errors
    /// As [`Specimen::point`].
    pub fn page(&self, network: &Network, seed: u64) -> Result<Page, ModelError> {
        let point = Some(self.point(network, seed)?);
        let shipped = || SHIPPED.iter().find(|cell| cell.name == self.cell.name).map(|cell| cell.text);
        let text = self.cell.text.as_deref().or_else(shipped);
        let cell = text.and_then(|text| EquationCell::read(text, &self.cell.name).ok());
        Ok(match cell {
            Some(cell) => Page {
                point,
                about: cell.description().into(),
                equations: Some(cell.typeset(Form::Mathml)),
                source: source(&cell),
            },
            None => Page { point, ..Page::default() },
        })
    }
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
