//! The graph relative to one step, which is called t or by its number.

use super::net::{Net, count};
use super::{DerivationError, Entry};
use autograd::NodeId;
use autograd_view::math::{Line, Math, Reader, Symbol};
use std::rc::Rc;

#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub net: &'a Net,
    /// The step.
    pub t: usize,
    /// Whether it is called t.
    pub any: bool,
    pub forward: Rc<Reader<'a>>,
    /// With names for arguments and without stop-gradients, which do not matter for values.
    pub backward: Rc<Reader<'a>>,
}

impl View<'_> {
    /// A name at this step, as in the graph's formulas, which distinguish names that print alike.
    pub fn name(&self, name: &str) -> Math {
        let own = self.net.is_own(name, self.t).unwrap_or(false);
        let known = self.net.at(name, self.t).and_then(|id| self.forward.name(id));
        known.ok().flatten().filter(|_| own).unwrap_or_else(|| self.symbol(Symbol::of(name)).into())
    }

    /// A symbol at this step.
    pub fn symbol(&self, symbol: Symbol) -> Symbol {
        if self.any { symbol.at(0) } else { symbol.at_step(count(self.t)) }
    }

    /// The equation of a sequence.
    pub fn value(&self, name: &str) -> Result<Entry, DerivationError> {
        let line = self.equal(&self.forward, self.name(name), self.net.at(name, self.t)?)?;
        Ok(Entry { name: name.into(), line })
    }

    /// The equation of the adjoint of a sequence, if it has one.
    pub fn adjoint(&self, name: &str) -> Result<Option<Entry>, DerivationError> {
        let Some(id) = self.net.adjoint(self.net.at(name, self.t)?)? else { return Ok(None) };
        let line = self.equal(&self.backward, Math::Adjoint(self.name(name).into()), id)?;
        Ok(Some(Entry { name: name.into(), line }))
    }

    /// Whether a sequence is a second name of a node.
    pub fn is_second_name(&self, name: &str) -> Result<bool, DerivationError> {
        Ok(!self.net.is_own(name, self.t)?)
    }

    /// A sum over all steps: `Σₜ`, or all terms.
    pub fn total(&self, sum: NodeId) -> Result<Math, DerivationError> {
        if !self.any {
            return Ok(self.backward.formula(sum)?);
        }
        let terms = self.net.terms_of(sum, self.t)?;
        let terms = terms.into_iter().map(|id| self.backward.operand(id)).collect::<Result<Vec<_>, _>>()?;
        Ok(match Math::sum(terms) {
            Math::Negative(a) => Math::Negative(Math::Total(a).into()),
            a => Math::Total(a.into()),
        })
    }

    /// The equation of a node under one of its names; the right side is its other name, if it has one.
    pub fn equal(&self, reader: &Reader, left: Math, id: NodeId) -> Result<Line, DerivationError> {
        let right = match reader.name(id)? {
            Some(name) if name != left => name,
            _ => reader.formula(id)?,
        };
        Ok(Line { left, right })
    }
}
