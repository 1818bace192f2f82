//! Unknown sizes: unified where an equation equates them, bound where one is known.

use super::super::diagnostic::{Diagnostic, Span};
use super::super::size::Size;
use super::{Dim, Solver, Unknown};

impl Solver<'_> {
    pub(super) fn fresh(&mut self) -> Unknown {
        self.parent.push(self.parent.len());
        self.known.push(None);
        self.parent.len() - 1
    }

    pub(super) fn fixed(&mut self, size: Size, by: Span) -> Unknown {
        let n = self.fresh();
        let size = if self.names.joined { size.joined().unwrap_or(size) } else { size };
        self.known[n] = Some((size, by));
        n
    }

    /// A vector of a size; a size of 1 is a scalar, so that it never unifies with the size of the other operand.
    pub(super) fn of_size(&self, n: Unknown) -> Dim {
        if self.size(n).is_some_and(|size| Some(size) == Size::number(1)) {
            Dim::Scalar
        } else {
            Dim::Vector(n)
        }
    }

    fn root(&self, mut n: Unknown) -> Unknown {
        while self.parent[n] != n {
            n = self.parent[n];
        }
        n
    }

    pub(super) fn size(&self, n: Unknown) -> Option<Size> {
        self.known[self.root(n)].as_ref().map(|(size, _)| *size)
    }

    /// Unifies two sizes: that of the use at `a` and that of the use at `b`.
    pub(super) fn same(&mut self, a: Unknown, b: Unknown, at_a: &Span, at_b: &Span) {
        let (ra, rb) = (self.root(a), self.root(b));
        if ra == rb {
            return;
        }
        match (self.known[ra].clone(), self.known[rb].clone()) {
            (Some((x, _)), Some((y, _))) if x != y => {
                let message = format!("sizes differ: {x} and {y}");
                let fault = Diagnostic::new(message, at_a.clone(), format!("of size {x}"))
                    .and(at_b.clone(), format!("of size {y}"));
                let fault = match self.names.starred() {
                    Some((_, help)) => fault.help(help),
                    None => fault,
                };
                self.fault(fault);
            }
            // Two known, equal sizes give no new information.
            (Some(_), Some(_)) => self.parent[rb] = ra,
            (Some(_), None) => (self.parent[rb], self.changed) = (ra, true),
            _ => (self.parent[ra], self.changed) = (rb, true),
        }
    }

    pub(super) fn set(&mut self, name: &str, dim: Dim) {
        if let Some(old) = self.sequences.get_mut(name)
            && *old == Dim::Open
            && dim != Dim::Open
        {
            *old = dim;
            self.changed = true;
        }
    }
}
